// The hand-off channel: a Unix socket pair between postmaster and one postgres.
//
//   postmaster                         postgres --handoff-fd N
//   one byte kClient + the socket  ->  recvmsg (SCM_RIGHTS)
//                                  <-  one byte kClaimed, before anything is read from the client
//   closes its copy of the socket
//                                      … authenticates, then closes the channel: 'no longer an unauthenticated client'
//
// EOF on the channel before a client came tells a spare to exit: its postmaster is gone or has too many.
#pragma once

namespace postern::handoff {

constexpr char kClient = 'c';    // with the descriptor of a client that is to be served
constexpr char kReject = 'r';    // with the descriptor of a client that must be told 53300
constexpr char kClaimed = 'C';

struct Received {
  int fd = -1;                   // -1: the channel was closed, exit quietly
  bool reject = false;
};

// Waits for a client. Checks message form and MSG_CTRUNC; the descriptor is close-on-exec and set to blocking mode. Throws SqlError 08P01/58000.
Received receive(int channel_fd);
// Says that the client is ours now. False if the postmaster is gone (then the client is ours all the same).
bool claim(int channel_fd);

}  // namespace postern::handoff
