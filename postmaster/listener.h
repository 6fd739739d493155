// Listening sockets: TCP on every address that listen_addresses names, Unix sockets with a lock file beside each. Made before the loop runs, closed at
// shutdown. A socket file whose owner is gone is replaced; one that somebody serves is never touched.
#pragma once
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "common/os/file.h"

namespace postern::postmaster {

struct Listener {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  bool is_tcp = false;
  bool parked = false;          // a client was accepted by libuv that we have no room for yet; polling has stopped
  int fd = -1;                  // the socket, until open() gives it to libuv
  bool foreign = false;         // the service manager made it and keeps it
  bool stored = false;          // the service manager keeps a copy for the next postmaster
  std::string path;             // Unix socket file, unlinked at shutdown unless somebody keeps the socket
  os::Fd lock;                  // <path>.lock
  std::string name;             // for messages
};

struct ListenOptions {
  int port;
  std::string addresses, socket_dirs;
  int socket_mode;
  std::vector<int>* stored = nullptr;   // sockets of an earlier postmaster; those that fit are used and leave the list
};

// Binds and listens. Logs what it listens on; throws SqlError when a used port or a bad directory leaves nothing to listen on.
std::vector<std::unique_ptr<Listener>> make_listeners(const ListenOptions& options);
void remove_socket_file(Listener& l);
std::vector<std::string> split_list(const std::string& list);   // comma separated, blanks trimmed

}  // namespace postern::postmaster
