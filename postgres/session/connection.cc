#include "postgres/session/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"

namespace postern::session {
namespace {
constexpr size_t kReadBytes = 8 << 10, kMaxReadBytes = 64 << 10;
constexpr size_t kKeepBytes = 2 * kMaxReadBytes;   // buffers larger than this are given back when empty

std::atomic<int> g_wake_fd{-1};

void set_blocking(int fd, bool blocking) noexcept {
  int flags = fcntl(fd, F_GETFL);
  int want = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (flags >= 0 && flags != want) fcntl(fd, F_SETFL, want);
}
}  // namespace

Connection::Connection(int fd) : fd_(fd) {
  set_blocking(fd, true);
  g_wake_fd = fd;
}

Connection::~Connection() {
  tls_.reset();
  if (g_wake_fd == fd_) g_wake_fd = -1;
  if (fd_ >= 0) close(fd_);
}

void Connection::wake() noexcept {
  int saved = errno, fd = g_wake_fd;
  if (fd >= 0) set_blocking(fd, false);
  errno = saved;
}

void Connection::give_back() {
  in_.reset();
  capacity_ = at_ = end_ = 0;
}

void Connection::trim() {
  if (at_ == end_ && capacity_ > kReadBytes) give_back();
}

void Connection::make_room() {
  size_t unread = end_ - at_;
  size_t want = filled_ ? kMaxReadBytes : kReadBytes;
  if (unread == 0 && capacity_ > kKeepBytes) give_back();
  if (capacity_ < unread + want) {
    size_t capacity = std::max(unread + want, std::min(capacity_ * 2, capacity_ + (size_t{64} << 20)));
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    if (unread) std::memcpy(grown.get(), in_.get() + at_, unread);
    in_ = std::move(grown);
    capacity_ = capacity;
  } else if (at_ && (unread == 0 || capacity_ - end_ < want)) {
    if (unread) std::memmove(in_.get(), in_.get() + at_, unread);
  } else {
    return;
  }
  at_ = 0;
  end_ = unread;
}

// The kernel's own receive timeout carries the deadline.
void Connection::limit_wait() {
  if (!deadline_us_ && !limited_) return;
  int64_t left = 0;
  if (deadline_us_) {
    left = deadline_us_ - os::monotonic_us();
    if (left <= 0) {
      on_deadline_();
      left = 1;
    }
  }
  timeval t{left / 1'000'000, left % 1'000'000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  limited_ = left > 0;
}

bool Connection::fill() {
  make_room();
  while (true) {
    limit_wait();
    size_t room = capacity_ - end_;
    ssize_t n = tls_ ? tls_->read(in_.get() + end_, room) : recv(fd_, in_.get() + end_, room, 0);
    if (n > 0) {
      end_ += static_cast<size_t>(n);
      filled_ = static_cast<size_t>(n) == room;
      return true;
    }
    if (n == 0) return false;
    if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    interrupted();
  }
}

void Connection::interrupted() {
  set_blocking(fd_, true);   // before looking: a signal that comes now ends the next recv
  if (on_interrupt_) on_interrupt_();
}

bool Connection::need(size_t bytes) {
  while (end_ - at_ < bytes)
    if (!fill()) return false;
  return true;
}

bool Connection::read_startup(std::string* body) {
  if (!need(1)) return false;
  if (!need(4)) throw ConnectionLost{};
  int32_t length = load_be<int32_t>(in_.get() + at_);
  if (length < 8 || static_cast<uint32_t>(length) > wire::kMaxStartupBytes)
    throw SqlError{sqlstate::kProtocolViolation, "invalid length of startup packet"}.fatal();
  if (!need(static_cast<size_t>(length))) throw ConnectionLost{};
  body->assign(in_.get() + at_ + 4, static_cast<size_t>(length) - 4);
  at_ += static_cast<size_t>(length);
  return true;
}

bool Connection::begins_with_tls() {
  constexpr char kHandshake = 0x16;
  return need(1) && in_[at_] == kHandshake;
}

std::string Connection::take_input() {
  std::string early(in_.get() + at_, end_ - at_);
  at_ = end_ = 0;
  return early;
}

void Connection::start_tls(std::unique_ptr<Tls> tls, bool direct) {
  while (true) {
    limit_wait();
    switch (tls->handshake(direct)) {
      case Tls::Result::kDone:
        tls_ = std::move(tls);
        return;
      case Tls::Result::kClosed: throw ConnectionLost{};
      case Tls::Result::kAgain: interrupted();
    }
  }
}

std::string_view Connection::read_answer() {
  constexpr uint32_t kMaxAnswerBytes = 65535;
  if (!need(1)) throw ConnectionLost{};
  if (in_[at_] != 'p') throw SqlError{sqlstate::kProtocolViolation, cat("expected password response, got message type ", static_cast<int>(static_cast<unsigned char>(in_[at_])))}.fatal();
  if (!need(5)) throw ConnectionLost{};
  auto length = static_cast<uint32_t>(load_be<int32_t>(in_.get() + at_ + 1));
  if (length < 4 || length > kMaxAnswerBytes) throw SqlError{sqlstate::kProtocolViolation, "invalid message length"}.fatal();
  if (!need(length + 1)) throw ConnectionLost{};
  std::string_view body(in_.get() + at_ + 5, length - 4);
  at_ += length + 1;
  return body;
}

void Connection::wipe_input() {
  if (at_) explicit_bzero(in_.get(), at_);
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
  int32_t length = load_be<int32_t>(in_.get() + at_ + 1);
  uint32_t limit = may_be_long(type) ? wire::kMaxMessageBytes : wire::kMaxSmallMessageBytes;
  if (length < 4 || static_cast<uint32_t>(length) > limit) throw SqlError{sqlstate::kProtocolViolation, "invalid message length"}.fatal();
  size_t total = static_cast<size_t>(length) + 1;
  if (!need(total)) return {};
  Message m{type, std::string_view(in_.get() + at_ + 5, total - 5)};
  at_ += total;
  return m;
}

void Connection::flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    ssize_t n = tls_ ? tls_->write(out_.data() + sent, out_.size() - sent) : send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
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
