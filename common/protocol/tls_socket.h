// What both sides of TLS need of OpenSSL: a socket under it, the reason of a failure, the hash for channel binding.
#pragma once
#include <openssl/ssl.h>

#include <string>

namespace postern {

// recv and send on fd for an SSL; never SIGPIPE. `early`: bytes that were read before TLS began. Outlives the SSL.
class TlsSocket {
 public:
  explicit TlsSocket(int fd, std::string early = {}) : fd_(fd), early_(std::move(early)) {}
  ~TlsSocket();
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;
  bool attach(SSL* ssl);
  int error() const { return error_; }   // errno of the last transfer that failed

 private:
  static int moved(BIO* b, ssize_t n);
  static int read(BIO* b, char* to, int n);
  static int write(BIO* b, const char* from, int n);
  int fd_;
  std::string early_;
  size_t early_at_ = 0;
  int error_ = 0;
  BIO_METHOD* method_ = nullptr;
};

std::string openssl_error();                     // of the oldest error in this thread's queue
std::string certificate_hash(X509* certificate); // tls-server-end-point (RFC 5929); "" when there is none
int tls_version_number(const std::string& name); // "TLSv1.2" …; 0: another name

}  // namespace postern
