#include "common/protocol/tls_socket.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"

namespace postern {

TlsSocket::~TlsSocket() {
  if (method_) BIO_meth_free(method_);
}

int TlsSocket::moved(BIO* b, ssize_t n) {
  BIO_clear_retry_flags(b);
  if (n >= 0) return static_cast<int>(n);
  static_cast<TlsSocket*>(BIO_get_data(b))->error_ = errno;
  if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_read(b);
  return -1;
}

int TlsSocket::read(BIO* b, char* to, int n) {
  TlsSocket& s = *static_cast<TlsSocket*>(BIO_get_data(b));
  if (s.early_at_ == s.early_.size()) return moved(b, recv(s.fd_, to, static_cast<size_t>(n), 0));
  size_t take = std::min(static_cast<size_t>(n), s.early_.size() - s.early_at_);
  std::memcpy(to, s.early_.data() + s.early_at_, take);
  s.early_at_ += take;
  return moved(b, static_cast<ssize_t>(take));
}

int TlsSocket::write(BIO* b, const char* from, int n) {
  TlsSocket& s = *static_cast<TlsSocket*>(BIO_get_data(b));
  ssize_t done = send(s.fd_, from, static_cast<size_t>(n), MSG_NOSIGNAL);
  int r = moved(b, done);
  if (BIO_should_read(b)) {
    BIO_clear_retry_flags(b);
    BIO_set_retry_write(b);
  }
  return r;
}

bool TlsSocket::attach(SSL* ssl) {
  method_ = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  BIO* bio = method_ ? BIO_new(method_) : nullptr;
  if (!bio) return false;
  BIO_meth_set_read(method_, read);
  BIO_meth_set_write(method_, write);
  BIO_meth_set_ctrl(method_, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return true;
}

std::string openssl_error() {
  unsigned long code = ERR_get_error();
  if (!code) return "no SSL error reported";
  const char* reason = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
  return reason ? reason : cat("SSL error code ", code);
}

std::string certificate_hash(X509* certificate) {
  int digest = NID_undef;
  if (!certificate || !OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest, nullptr)) return {};
  const EVP_MD* md = digest == NID_md5 || digest == NID_sha1 || digest == NID_undef ? EVP_sha256() : EVP_get_digestbynid(digest);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (!md || X509_digest(certificate, md, out, &n) != 1) return {};
  return std::string(reinterpret_cast<char*>(out), n);
}

int tls_version_number(const std::string& name) {
  return name == "TLSv1" ? TLS1_VERSION : name == "TLSv1.1" ? TLS1_1_VERSION : name == "TLSv1.2" ? TLS1_2_VERSION : name == "TLSv1.3" ? TLS1_3_VERSION : 0;
}

}  // namespace postern
