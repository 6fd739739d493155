// What a service manager of systemd's kind and we tell each other: sd_notify messages on $NOTIFY_SOCKET, sockets passed as LISTEN_FDS. Without one every call does nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postmaster/listener.h"

namespace postern::postmaster {

constexpr const char* kStoreName = "postern-listener";   // FDNAME of the sockets we keep in the manager's descriptor store

bool notifying();
void notify(std::string_view message);                     // lines NAME=VALUE; never blocks
std::string reloading();                                   // RELOADING=1 with its time
uint64_t watchdog_ms();                                    // how often to say that we are alive; 0: not asked for

struct PassedSockets {
  std::vector<std::unique_ptr<Listener>> activated;        // of a socket unit: they replace the configured addresses
  std::vector<int> stored;                                 // ours, from the time before a restart
};
PassedSockets passed_sockets();                            // once, early: the descriptors are ours then
void store_socket(Listener& listener);                     // keeps a copy for the next postmaster
void forget_stored_sockets();

}  // namespace postern::postmaster
