// Moving bytes: receive what is there, send what the socket takes, wait.
#include <fcntl.h>
#include <signal.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"
#include "frontend/libpq/tls.h"

namespace postern::pq {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr const char* kClosed =
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request.\n";

// An embedded postgres ends when its socket closes; one that does not within five seconds is told to, then killed.
void reap(int pid) {
  for (int i = 0; i < 500; i++) {
    pid_t r = waitpid(pid, nullptr, WNOHANG);
    if (r == pid || (r < 0 && errno == ECHILD)) return;
    timespec pause{0, i < 50 ? 500'000 : 10'000'000};
    nanosleep(&pause, nullptr);
  }
  kill(pid, SIGTERM);
  timespec pause{1, 0};
  nanosleep(&pause, nullptr);
  if (waitpid(pid, nullptr, WNOHANG) == pid) return;
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

void append_error(PGconn* c, std::string_view text) {
  c->error += text;
  if (!text.empty() && text.back() != '\n') c->error += '\n';
}

void set_socket_options(int fd, bool tcp) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  int on = 1;
  if (tcp) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
}

void drop_connection(PGconn* c) {
  c->tls.reset();
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  if (c->child > 0) reap(c->child);
  c->child = 0;
  c->out.clear();
  c->out_start = 0;
  c->in.clear();
  c->in_start = 0;
}

int read_input(PGconn* c) {
  if (c->fd < 0) {
    append_error(c, "connection not open\n");
    return -1;
  }
  if (c->in_start > 0 && (c->in_start == c->in.size() || c->in_start > kReadBytes)) {
    c->in.erase(0, c->in_start);
    c->in_start = 0;
  }
  int got = 0;
  while (true) {
    size_t have = c->in.size();
    size_t want = std::max(kReadBytes, std::min<size_t>(have, 16u << 20));
    c->in.resize(have + want);
    ssize_t n = c->tls ? c->tls->read(c->in.data() + have, want) : recv(c->fd, c->in.data() + have, want, 0);
    int saved = errno;
    c->in.resize(have + static_cast<size_t>(n > 0 ? n : 0));
    if (n > 0) {
      got = 1;
      if (c->tls ? c->tls->pending() : static_cast<size_t>(n) == want && c->in.size() < (4u << 20)) continue;   // nobody would see what TLS holds back
      return 1;
    }
    if (n < 0 && saved == EINTR) continue;
    if (n < 0 && (saved == EAGAIN || saved == EWOULDBLOCK)) return got;
    if (got) return 1;  // the end of the stream is met again at the next call
    if (c->tls && !c->tls->failure().empty()) append_error(c, c->tls->failure());
    else if (n == 0 || saved == ECONNRESET || saved == EPIPE) append_error(c, c->tls ? cat("SSL connection has been closed unexpectedly\n") : kClosed);
    else append_error(c, cat("could not receive data from server: ", strerror(saved), "\n"));
    std::string rest = c->in.substr(c->in_start);
    drop_connection(c);
    c->in = std::move(rest);
    c->status = CONNECTION_BAD;
    return -1;
  }
}

int flush_output(PGconn* c) {
  if (c->write_failed || c->fd < 0) {
    c->out.clear();
    c->out_start = 0;
    if (c->write_failed) return 0;
    append_error(c, "connection not open\n");
    return -1;
  }
  while (c->out_start < c->out.size()) {
    const char* from = c->out.data() + c->out_start;
    size_t left = c->out.size() - c->out_start;
    ssize_t n = c->tls ? c->tls->write(from, left) : send(c->fd, from, left, MSG_NOSIGNAL);
    if (n >= 0) {
      c->out_start += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (c->out_start > (1u << 20)) {
        c->out.erase(0, c->out_start);
        c->out_start = 0;
      }
      return 1;
    }
    // What the server said before it went away is still to be read; reading then reports the end.
    c->write_failed = true;
    break;
  }
  c->out.clear();
  c->out_start = 0;
  return 0;
}

// Sends all; takes what the server sends meanwhile, so that neither side waits for the other for ever.
bool flush_blocking(PGconn* c) {
  while (true) {
    int r = flush_output(c);
    if (r < 0) return false;
    if (r == 0) return true;
    pollfd p{c->fd, POLLIN | POLLOUT, 0};
    if (poll(&p, 1, -1) < 0 && errno != EINTR) return false;
    if (p.revents & POLLIN && read_input(c) < 0) return false;
  }
}

bool wait_readable(PGconn* c) {
  if (c->fd < 0) {
    append_error(c, "connection not open\n");
    return false;
  }
  if (c->tls && c->tls->pending()) return true;
  pollfd p{c->fd, POLLIN, 0};
  while (poll(&p, 1, -1) < 0) {
    if (errno == EINTR) continue;
    append_error(c, cat("poll() failed: ", strerror(errno), "\n"));
    return false;
  }
  return true;
}

}  // namespace postern::pq
