// Frontend/backend protocol 3.0 framing, both directions. Lengths are checked before they are used; nothing here does I/O.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/endian.h"

namespace postern::wire {

constexpr uint32_t kProtocol3 = 196608;
constexpr uint32_t kSslRequest = 80877103;
constexpr uint32_t kGssEncRequest = 80877104;
constexpr uint32_t kCancelRequest = 80877102;
constexpr uint32_t kMaxStartupBytes = 10000;
constexpr uint32_t kMaxMessageBytes = 1u << 30;       // as PostgreSQL: one value is at most 1 GB
constexpr uint32_t kMaxSmallMessageBytes = 30000;     // messages that carry no user data

// Appends messages to a byte string. begin() leaves room for the length, end() fills it in.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void begin(char type) {
    out_.push_back(type);
    start_ = out_.size();
    out_.append(4, '\0');
  }
  void begin_untyped() {
    start_ = out_.size();
    out_.append(4, '\0');
  }
  void end() { store_be<int32_t>(out_.data() + start_, static_cast<int32_t>(out_.size() - start_)); }
  void cancel_message() { out_.resize(start_ - 1); }
  void byte(char c) { out_.push_back(c); }
  void int16(int16_t v) { put(v); }
  void int32(int32_t v) { put(v); }
  void bytes(std::string_view s) { out_.append(s); }
  void cstring(std::string_view s) {
    out_.append(s.substr(0, s.find('\0')));
    out_.push_back('\0');
  }
  std::string& out() { return out_; }

 private:
  template <class T>
  void put(T v) {
    char b[sizeof v];
    store_be(b, v);
    out_.append(b, sizeof b);
  }
  std::string& out_;
  size_t start_ = 0;
};

// Reads the body of one message. A read beyond the end, or a string without its terminator, sets failed() and gives zeros: the caller checks
// failed() once, after the last field, before it uses anything, and at_end().
class Reader {
 public:
  explicit Reader(std::string_view body) : p_(body.data()), end_(body.data() + body.size()) {}
  bool failed() const { return failed_; }
  bool at_end() const { return p_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - p_); }
  char byte() { return take(1) ? p_[-1] : '\0'; }
  int16_t int16() { return take(2) ? load_be<int16_t>(p_ - 2) : 0; }
  int32_t int32() { return take(4) ? load_be<int32_t>(p_ - 4) : 0; }
  std::string_view bytes(size_t n) { return take(n) ? std::string_view(p_ - n, n) : std::string_view{}; }
  std::string_view cstring() {
    const void* nul = left() ? std::memchr(p_, 0, left()) : nullptr;
    if (!nul) {
      failed_ = true;
      return {};
    }
    std::string_view s(p_, static_cast<size_t>(static_cast<const char*>(nul) - p_));
    p_ += s.size() + 1;
    return s;
  }

 private:
  bool take(size_t n) {
    if (failed_ || left() < n) {
      failed_ = true;
      return false;
    }
    p_ += n;
    return true;
  }
  const char* p_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace postern::wire
