#include "postgres/session/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"

namespace postern::session {
namespace {
constexpr size_t kReadBytes = 8 << 10, kMaxReadBytes = 256 << 10;
constexpr size_t kKeepBytes = 64 << 10;   // buffers larger than this are given back when empty
}  // namespace

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

bool Connection::fill() {
  while (true) {
    if (deadline_us_ || on_interrupt_) {
      int timeout = -1;
      if (deadline_us_) {
        int64_t left = deadline_us_ - os::monotonic_us();
        if (left <= 0) {
          on_deadline_();
          left = 1;
        }
        timeout = static_cast<int>(left / 1000 + 1);
      }
      // Data that is already there needs no poll.
      size_t old = in_.size(), want = old < kReadBytes ? kReadBytes : kMaxReadBytes;
      in_.resize(old + want);
      ssize_t n = recv(fd_, in_.data() + old, want, MSG_DONTWAIT);
      in_.resize(old + (n > 0 ? static_cast<size_t>(n) : 0));
      if (n > 0) return true;
      if (n == 0) return false;
      if (errno == EINTR) {
        if (on_interrupt_) on_interrupt_();
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
      pollfd p{fd_, POLLIN, 0};
      int r = poll(&p, 1, timeout);
      if (r < 0 && errno == EINTR && on_interrupt_) on_interrupt_();
      continue;
    }
    size_t old = in_.size();
    in_.resize(old + kReadBytes);
    ssize_t n = recv(fd_, in_.data() + old, kReadBytes, 0);
    in_.resize(old + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n > 0) return true;
    if (n < 0 && errno == EINTR) continue;
    return false;
  }
}

bool Connection::need(size_t bytes) {
  while (in_.size() - at_ < bytes) {
    if (at_ == in_.size()) {
      in_.clear();
      at_ = 0;
      if (in_.capacity() > kKeepBytes) std::string().swap(in_);
    } else if (at_ > kKeepBytes) {
      in_.erase(0, at_);
      at_ = 0;
    }
    if (!fill()) return false;
  }
  return true;
}

bool Connection::read_startup(std::string* body) {
  if (!need(1)) return false;
  if (!need(4)) throw ConnectionLost{};
  int32_t length = load_be<int32_t>(in_.data() + at_);
  if (length < 8 || static_cast<uint32_t>(length) > wire::kMaxStartupBytes)
    throw SqlError{sqlstate::kProtocolViolation, "invalid length of startup packet"}.fatal();
  if (!need(static_cast<size_t>(length))) throw ConnectionLost{};
  body->assign(in_, at_ + 4, static_cast<size_t>(length) - 4);
  at_ += static_cast<size_t>(length);
  return true;
}

namespace {
// Messages that never carry user data are short; anything longer is garbage and must not be buffered.
bool may_be_long(char type) { return type == 'Q' || type == 'P' || type == 'B' || type == 'F' || type == 'd'; }
bool known(char type) { return type != 0 && std::string_view("QPBEDCHSFdcfXp").find(type) != std::string_view::npos; }
}  // namespace

Connection::Message Connection::read_message() {
  if (!need(1)) return {};
  char type = in_[at_];
  if (!known(type)) throw SqlError{sqlstate::kProtocolViolation, cat("invalid frontend message type ", static_cast<int>(static_cast<unsigned char>(type)))}.fatal();
  if (!need(5)) return {};
  int32_t length = load_be<int32_t>(in_.data() + at_ + 1);
  uint32_t limit = may_be_long(type) ? wire::kMaxMessageBytes : wire::kMaxSmallMessageBytes;
  if (length < 4 || static_cast<uint32_t>(length) > limit) throw SqlError{sqlstate::kProtocolViolation, "invalid message length"}.fatal();
  size_t total = static_cast<size_t>(length) + 1;
  if (!need(total)) return {};
  Message m{type, std::string_view(in_).substr(at_ + 5, total - 5)};
  at_ += total;
  return m;
}

void Connection::flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    ssize_t n = send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;   // a reply that has begun must be finished
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        pollfd p{fd_, POLLOUT, 0};
        poll(&p, 1, 1000);
        continue;
      }
      out_.clear();
      throw ConnectionLost{};
    }
    sent += static_cast<size_t>(n);
  }
  out_.clear();
  if (out_.capacity() > 4 * kFlushBytes) std::string().swap(out_);
}

void Connection::try_flush() noexcept {
  try {
    flush();
  } catch (...) {
  }
}

}  // namespace postern::session
