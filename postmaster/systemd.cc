#include "postmaster/systemd.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"

namespace postern::postmaster {
namespace {

constexpr int kFirstPassedFd = 3;
constexpr uint64_t kStatusMs = 2'000;

const char* notify_socket() {
  static const char* path = std::getenv("NOTIFY_SOCKET");
  return path && (*path == '/' || *path == '@') && std::strlen(path) < sizeof(sockaddr_un::sun_path) ? path : nullptr;
}

void notify_with(std::string_view message, int passed_fd) {
  const char* path = notify_socket();
  if (!path) return;
  static int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (*path == '@') address.sun_path[0] = 0;
  iovec iov{const_cast<char*>(message.data()), message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr msg{};
  msg.msg_name = &address;
  msg.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  if (passed_fd >= 0) {
    msg.msg_control = control;
    msg.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &passed_fd, sizeof(int));
  }
  if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) log(Level::kLog, cat("could not notify the service manager: ", std::strerror(errno)));
}

std::string describe(const sockaddr_storage& address, socklen_t size, std::string* path) {
  if (address.ss_family == AF_UNIX) {
    const auto& u = reinterpret_cast<const sockaddr_un&>(address);
    *path = u.sun_path[0] ? u.sun_path : "";
    return u.sun_path[0] ? cat("Unix socket \"", u.sun_path, "\"") : cat("abstract Unix socket \"", u.sun_path + 1, "\"");
  }
  char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  return cat(address.ss_family == AF_INET ? "IPv4" : "IPv6", " address \"", host, "\", port ", port);
}

bool is_listening_stream(int fd, sockaddr_storage* address, socklen_t* size) {
  int type = 0, listening = 0;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) return false;
  length = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || !listening) return false;
  return getsockname(fd, reinterpret_cast<sockaddr*>(address), size) == 0;
}

}  // namespace

bool notifying() { return notify_socket(); }

void notify(std::string_view message) { notify_with(message, -1); }

std::string reloading() { return cat("RELOADING=1\nMONOTONIC_USEC=", os::monotonic_us()); }

uint64_t watchdog_ms() {
  const char* us = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (!us || !notify_socket() || (pid && std::atoi(pid) != getpid())) return 0;
  return std::strtoull(us, nullptr, 10) / 2000;
}

PassedSockets passed_sockets() {
  PassedSockets passed;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (!pid || !count || std::atoi(pid) != getpid()) return passed;
  const char* listed = std::getenv("LISTEN_FDNAMES");
  std::string names = listed ? listed : "";
  size_t at = 0;
  for (int fd = kFirstPassedFd; fd < kFirstPassedFd + std::atoi(count); fd++) {
    size_t colon = std::min(names.find(':', at), names.size());
    std::string name = names.substr(at, colon - at);
    at = std::min(colon + 1, names.size());
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (!is_listening_stream(fd, &address, &size)) {
      log(Level::kWarning, cat("descriptor ", fd, " (\"", name, "\"), passed by the service manager, is no listening stream socket: ignored"));
      close(fd);
      continue;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (name == kStoreName) {
      passed.stored.push_back(fd);
      continue;
    }
    auto l = std::make_unique<Listener>();
    std::string path;
    l->fd = fd;
    l->is_tcp = address.ss_family != AF_UNIX;
    l->foreign = true;
    l->name = describe(address, size, &path);
    log(Level::kLog, cat("listening on ", l->name, ", passed by the service manager"));
    passed.activated.push_back(std::move(l));
  }
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(variable);
  return passed;
}

void store_socket(Listener& listener) {
  if (!notify_socket() || listener.foreign) return;
  int fd = -1;
  uv_fileno(&listener.handle, &fd);
  notify_with(cat("FDSTORE=1\nFDNAME=", kStoreName), fd);
  listener.stored = true;
}

void forget_stored_sockets() { notify(cat("FDSTOREREMOVE=1\nFDNAME=", kStoreName)); }

void Postmaster::start_notifications() {
  if (uint64_t ms = watchdog_ms()) uv_timer_start(&watchdog_timer_, [](uv_timer_t*) { notify("WATCHDOG=1"); }, 0, std::max<uint64_t>(ms, 1));
  if (notifying()) uv_timer_start(&status_timer_, [](uv_timer_t* t) { static_cast<Postmaster*>(t->loop->data)->report_status(); }, kStatusMs, kStatusMs);
}

void Postmaster::report_status() {
  std::string text = shutdown_ != Shutdown::kNone ? cat("stopping, ", sessions_, " sessions left") : cat("serving ", sessions_, sessions_ == 1 ? " session, " : " sessions, ", spares_.size(), " spare processes");
  if (text == status_sent_) return;
  status_sent_ = text;
  notify(cat("STATUS=", text));
}

}  // namespace postern::postmaster
