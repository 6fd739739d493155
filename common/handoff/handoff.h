// The hand-off channel: a Unix socket pair between postmaster and one postgres.
//
//   postmaster                         postgres --handoff-fd N
//   one byte kClient + the socket  ->  recvmsg (SCM_RIGHTS)
//                                  <-  one byte kClaimed, before anything is read from the client
//   closes its copy of the socket
//                                      … authenticates, then closes the channel: 'no longer an unauthenticated client'
//
// EOF on the channel before a client came tells a spare to exit: its postmaster is gone or has too many.
//
// `postgres --worker sessions` tells on such a channel (SOCK_SEQPACKET) of the processes that already serve the site: one message each, with its pidfd.
#pragma once

namespace postern::handoff {

constexpr int kVersion = 1;      // of all of this; a postmaster takes up a postgres only if it is the same

constexpr char kClient = 'c';    // with the descriptor of a client that is to be served
constexpr char kReject = 'r';    // with the descriptor of a client that must be told 53300
constexpr char kClaimed = 'C';

// How a process that served a client ended: all that the postmaster ever learns of a session. What it holds against the client's address is in postmaster/limits.h.
enum class ExitStatus : int {
  kOk = 0,                       // a session that was authenticated, a cancel request, a spare that was told to go
  kFatal = 1,                    // ended by an error that the client was told
  kUsage = 2,                    // wrong arguments, nothing was served
  kAuthFailed = 3,               // wrong password or certificate, unknown role, rejected by pg_hba.conf
  kAuthTimeout = 4,              // authentication_timeout passed first
  kGoneEarly = 5,                // the client went away before it was authenticated
  kBadStartup = 6,               // the first bytes were not the protocol
  kCannotServe = 7,              // the site could not be attached: nobody's fault, and the next process would fare no better
};

struct Received {
  int fd = -1;                   // -1: the channel was closed, exit quietly
  bool reject = false;
};

// Waits for a client. Checks message form and MSG_CTRUNC; the descriptor is close-on-exec and set to blocking mode. Throws SqlError 08P01/58000.
Received receive(int channel_fd);
// Says that the client is ours now. False if the postmaster is gone (then the client is ours all the same).
bool claim(int channel_fd);

enum class ProcessKind : char { kSession = 's', kMaintenance = 'm' };
struct Process {
  int pid = 0, pidfd = -1;
  ProcessKind kind = ProcessKind::kSession;
};
bool send_process(int fd, const Process& process);
enum class Receipt { kProcess, kNone, kEnd };   // kNone: nothing more now (a non-blocking fd)
Receipt receive_process(int fd, Process* process);

}  // namespace postern::handoff
