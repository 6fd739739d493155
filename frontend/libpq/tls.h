// TLS from the client's side: what the sslmode and its relatives ask for, by OpenSSL.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>

#include "frontend/libpq/internal.h"

namespace postern::pq {

class Tls {
 public:
  // direct: with ALPN, no SSLRequest came before. Null, and why, when a file or a setting is bad.
  static std::unique_ptr<Tls> make(PGconn* c, bool direct, std::string& error);
  ~Tls();
  enum class Step { kDone, kRead, kWrite, kFailed };
  Step handshake(PGconn* c, std::string& error);
  ssize_t read(char* to, size_t n);            // as recv; errno EAGAIN, ECONNRESET or another with failure() saying more
  ssize_t write(const char* from, size_t n);
  bool pending() const;
  const std::string& failure() const { return failure_; }
  std::string certificate_hash() const;
  const char* attribute(const char* name);
  void* ssl() const;

 private:
  struct State;
  Tls();
  ssize_t outcome(int r);
  bool load_files(PGconn* c, std::string& error);
  bool load_own_certificate(PGconn* c, std::string& error);
  bool check_host(PGconn* c, std::string& error);
  std::unique_ptr<State> s_;
  std::string failure_, bits_;
  bool verify_ = false, verify_host_ = false;
};

}  // namespace postern::pq
