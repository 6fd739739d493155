#include "postmaster/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/site.h"

namespace postern::postmaster {
namespace {

constexpr int kBindAttempts = 20;
constexpr int64_t kBindRetryUs = 25'000;
constexpr int kBacklog = 4096;   // the kernel caps it at somaxconn

// A socket that an earlier postmaster bound to this address, or -1.
int take_stored(std::vector<int>* stored, const sockaddr* address, socklen_t size) {
  if (!stored) return -1;
  for (size_t i = 0; i < stored->size(); i++) {
    sockaddr_storage bound{};
    socklen_t bound_size = sizeof bound;
    int fd = (*stored)[i];
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0 || bound.ss_family != address->sa_family) continue;
    bool same = bound.ss_family == AF_UNIX ? std::strcmp(reinterpret_cast<sockaddr_un&>(bound).sun_path, reinterpret_cast<const sockaddr_un*>(address)->sun_path) == 0
                                           : bound_size == size && std::memcmp(&bound, address, size) == 0;
    if (!same) continue;
    stored->erase(stored->begin() + static_cast<ptrdiff_t>(i));
    return fd;
  }
  return -1;
}

std::unique_ptr<Listener> listen_tcp(const addrinfo& ai, const ListenOptions& options) {
  int port = options.port;
  char host[NI_MAXHOST] = "?";
  getnameinfo(ai.ai_addr, ai.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  std::string name = cat(ai.ai_family == AF_INET ? "IPv4" : "IPv6", " address \"", host, "\"");
  os::Fd fd(take_stored(options.stored, ai.ai_addr, ai.ai_addrlen));
  bool was_stored = static_cast<bool>(fd);
  if (!was_stored) fd = os::Fd(socket(ai.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto fail = [&](const char* what, bool hint) {
    std::string message = cat("could not ", what, " ", name, ": ", std::strerror(errno));
    log(Level::kLog, message, {}, hint ? cat("Is another postmaster already running on port ", port, "? If not, wait a few seconds and retry.") : std::string());
    return nullptr;
  };
  if (!fd) return fail("create socket for", false);
  int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (ai.ai_family == AF_INET6 && !was_stored) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  // A postmaster that was killed while it spawned a child lives on in the child's descriptors until that execs.
  int attempts = 0;
  while (!was_stored && bind(fd.get(), ai.ai_addr, ai.ai_addrlen) != 0) {
    if (errno == EADDRINUSE && ++attempts < kBindAttempts) os::sleep_us(kBindRetryUs);
    else return fail("bind", errno == EADDRINUSE);
  }
  if (listen(fd.get(), kBacklog) != 0) return fail("listen on", errno == EADDRINUSE);
  auto l = std::make_unique<Listener>();
  l->is_tcp = true;
  l->fd = fd.release();
  l->name = cat(name, ", port ", port);
  log(Level::kLog, cat("listening on ", l->name));
  return l;
}

// True if some process accepts on this socket file, or we can't tell.
bool somebody_listens(const sockaddr_un& address) {
  os::Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;
}

[[noreturn]] void socket_in_use(const std::string& path, int pid) {
  throw SqlError{sqlstate::kSystemError, cat("could not bind Unix address \"", path, "\": it is in use", pid ? cat(" by the process with PID ", pid) : std::string()), {},
                 "Is another postmaster already running on this port? Choose another port, or another directory with -k."};
}

std::unique_ptr<Listener> listen_unix(const std::string& dir, const ListenOptions& options) {
  auto l = std::make_unique<Listener>();
  std::string path = cat(dir, "/.s.PGSQL.", options.port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw SqlError{sqlstate::kInvalidParameterValue, cat("Unix-domain socket path \"", path, "\" is too long (maximum ", sizeof address.sun_path - 1, " bytes)")};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int other;
  char cwd[4096];
  std::string contents = cat(static_cast<int>(getpid()), '\n', getcwd(cwd, sizeof cwd) ? cwd : "", '\n', static_cast<int64_t>(std::time(nullptr)), '\n', options.port, '\n', dir, '\n');
  l->lock = take_lock_file(cat(path, ".lock"), contents, &other);
  if (!l->lock) socket_in_use(path, other);
  os::Fd fd(take_stored(options.stored, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  bool was_stored = static_cast<bool>(fd);
  struct stat st;
  if (!was_stored && lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) throw SqlError{sqlstate::kSystemError, cat("could not bind Unix address \"", path, "\": a file that is no socket is there")};
    for (int attempts = 0; somebody_listens(address); os::sleep_us(kBindRetryUs))
      if (++attempts == kBindAttempts) socket_in_use(path, 0);
    unlink(path.c_str());
  }
  if (!was_stored) fd = os::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || (!was_stored && bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) || chmod(path.c_str(), static_cast<mode_t>(options.socket_mode)) != 0 ||
      listen(fd.get(), kBacklog) != 0)
    throw SqlError{sqlstate::kSystemError, cat("could not create Unix socket \"", path, "\": ", std::strerror(errno))};
  l->fd = fd.release();
  l->path = path;
  l->name = cat("Unix socket \"", path, "\"");
  log(Level::kLog, cat("listening on ", l->name));
  return l;
}

// Returns whether at least one socket was made for it.
bool listen_on_address(const std::string& address, const ListenOptions& options, std::vector<std::unique_ptr<Listener>>& out) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  int r = getaddrinfo(address == "*" ? nullptr : address.c_str(), cat(options.port).c_str(), &hints, &list);
  if (r != 0) {
    log(Level::kLog, cat("could not translate host name \"", address, "\" to address: ", gai_strerror(r)));
    return false;
  }
  bool any = false;
  for (addrinfo* ai = list; ai; ai = ai->ai_next) {
    if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6) continue;
    if (auto l = listen_tcp(*ai, options)) {
      out.push_back(std::move(l));
      any = true;
    }
  }
  freeaddrinfo(list);
  return any;
}

}  // namespace

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= list.size();) {
    size_t comma = std::min(list.find(',', at), list.size());
    size_t first = list.find_first_not_of(" \t", at);
    if (first < comma) out.push_back(list.substr(first, list.find_last_not_of(" \t", comma - 1) - first + 1));
    at = comma + 1;
  }
  return out;
}

std::vector<std::unique_ptr<Listener>> make_listeners(const ListenOptions& options) {
  std::vector<std::unique_ptr<Listener>> out;
  std::vector<std::string> addresses = split_list(options.addresses), dirs = split_list(options.socket_dirs);
  if (dirs.empty() && addresses.empty())
    throw SqlError{sqlstate::kInvalidParameterValue, "there is nothing to listen on: listen_addresses and unix_socket_directories are both empty"};
  try {
    for (const std::string& address : addresses)
      if (!listen_on_address(address, options, out)) log(Level::kWarning, cat("could not create listen socket for \"", address, "\""));
    if (out.empty() && !addresses.empty()) throw SqlError{sqlstate::kSystemError, "could not create any TCP/IP sockets"};
    for (const std::string& dir : dirs) out.push_back(listen_unix(dir, options));
  } catch (SqlError&) {
    for (auto& l : out) {
      close(l->fd);
      remove_socket_file(*l);
    }
    throw;
  }
  return out;
}

void remove_socket_file(Listener& l) {
  if (l.path.empty()) return;
  if (!l.stored) unlink(l.path.c_str());
  unlink(cat(l.path, ".lock").c_str());   // while we still hold the lock
  l.lock.reset();
  l.path.clear();
}

}  // namespace postern::postmaster
