// The client's socket, encrypted or not: buffered reading of whole messages, buffered writing. Blocking, with a deadline and interrupts while it waits to read.
//
// Waiting without a deadline is one blocking recv. So that a signal that arrives just before it is not missed, signal handlers call wake(), which makes the socket
// non-blocking until the wait has noticed.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/protocol/wire.h"
#include "postgres/session/tls.h"

namespace postern::session {

// The client is gone or broke the framing beyond repair: the session ends without a word.
struct ConnectionLost {};

class Connection {
 public:
  explicit Connection(int fd);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int fd() const { return fd_; }

  // Startup-style packet: length and body, no type. False at EOF before the first byte. Throws 08P01 for a bad length.
  bool read_startup(std::string* body);
  // True when the client begins with a TLS handshake instead of a startup packet. False at EOF too.
  bool begins_with_tls();
  // From here on everything is encrypted. Throws ConnectionLost when the client goes away, 08P01 when it does not agree (nothing can be said to it then).
  void start_tls(std::unique_ptr<Tls> tls, bool direct);
  std::string take_input();                      // what was read already: it belongs to a Tls of this connection
  Tls* tls() const { return tls_.get(); }
  // Answer to an authentication request, valid until the next call. Throws ConnectionLost when the client is gone, 08P01 for another or a long message.
  std::string_view read_answer();
  void wipe_input();                             // what was read and taken held a password
  struct Message { char type = 0; std::string_view body; };
  // Next message; the body is valid until the next call. type 0: the client closed the connection. Calls on_wait() whenever it has to wait and is
  // interrupted. deadline_us: monotonic time, 0 none; then throws what on_deadline does.
  Message read_message();
  bool input_buffered() const { return at_ < end_; }   // another message has (begun to) come: replies may wait

  std::string& out() { return out_; }
  void flush();                                  // throws ConnectionLost
  void flush_if_large() { if (out_.size() >= kFlushBytes) flush(); }
  void try_flush() noexcept;                     // last words

  void set_deadline(int64_t monotonic_us, void (*on_deadline)()) { deadline_us_ = monotonic_us; on_deadline_ = on_deadline; }
  void set_on_interrupt(void (*fn)()) { on_interrupt_ = fn; }

  void trim();                                   // between statements: what large messages needed goes back

  // Ends the wait of the process's connection for input, now or when it begins. For signal handlers.
  static void wake() noexcept;

  static constexpr size_t kFlushBytes = 64 << 10;

 private:
  bool fill();                                   // more input; false at EOF
  bool need(size_t bytes);                       // that many unread bytes are buffered
  void make_room();
  void give_back();
  void limit_wait();
  void interrupted();                            // a wait ended without input
  int fd_;
  std::unique_ptr<Tls> tls_;
  std::unique_ptr<char[]> in_;                   // unread input is [at_, end_)
  size_t capacity_ = 0, at_ = 0, end_ = 0;
  bool limited_ = false;                         // the socket has a receive timeout
  bool filled_ = false;                          // the last read filled the buffer: more is coming
  std::string out_;
  int64_t deadline_us_ = 0;
  void (*on_deadline_)() = nullptr;
  void (*on_interrupt_)() = nullptr;
};

}  // namespace postern::session
