#include "common/handoff/handoff.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::handoff {

Received receive(int channel_fd) {
  char byte = 0;
  iovec iov{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control;
  msg.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(channel_fd, &msg, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n == 0) return {};
  if (n < 0) {
    if (errno == ECONNRESET) return {};
    throw SqlError{sqlstate::kSystemError, cat("could not receive a client from the postmaster: ", std::strerror(errno))};
  }
  Received r;
  int extra = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      if (r.fd < 0) {
        r.fd = fd;
      } else {
        close(fd);
        extra++;
      }
    }
  }
  if (r.fd < 0 || extra || (msg.msg_flags & MSG_CTRUNC) || (byte != kClient && byte != kReject)) {
    if (r.fd >= 0) close(r.fd);
    throw SqlError{sqlstate::kProtocolViolation, "malformed hand-off message from the postmaster"};
  }
  r.reject = byte == kReject;
  int flags = fcntl(r.fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK)) fcntl(r.fd, F_SETFL, flags & ~O_NONBLOCK);
  return r;
}

bool claim(int channel_fd) {
  ssize_t n;
  do n = send(channel_fd, &kClaimed, 1, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == 1;
}

namespace {
struct ProcessMessage {
  int32_t pid;
  char kind, unused[3];
};
}  // namespace

bool send_process(int fd, const Process& process) {
  ProcessMessage body{process.pid, static_cast<char>(process.kind), {}};
  iovec iov{&body, sizeof body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control;
  msg.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&msg);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(c), &process.pidfd, sizeof(int));
  ssize_t n;
  do n = sendmsg(fd, &msg, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == sizeof body;
}

Receipt receive_process(int fd, Process* process) {
  ProcessMessage body{};
  iovec iov{&body, sizeof body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control;
  msg.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return Receipt::kNone;
  if (n != sizeof body) return Receipt::kEnd;
  cmsghdr* c = CMSG_FIRSTHDR(&msg);
  if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int))) return Receipt::kEnd;
  process->pid = body.pid;
  process->kind = body.kind == static_cast<char>(ProcessKind::kMaintenance) ? ProcessKind::kMaintenance : ProcessKind::kSession;
  std::memcpy(&process->pidfd, CMSG_DATA(c), sizeof(int));
  return Receipt::kProcess;
}

}  // namespace postern::handoff
