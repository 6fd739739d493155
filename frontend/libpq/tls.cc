#include "frontend/libpq/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/protocol/tls_socket.h"

namespace postern::pq {
namespace {

constexpr unsigned char kAlpn[] = "\012postgresql";

std::string option(const PGconn* c, std::string_view name) {
  const std::string* v = find_option(c->options, name);
  return v ? *v : std::string();
}

// In ~/.postgresql; "" when there is no home.
std::string user_file(const char* name) {
  const char* home = getenv("HOME");
  passwd entry, *found = nullptr;
  char buffer[4096];
  if ((!home || !*home) && getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found) home = found->pw_dir;
  return home && *home ? cat(home, "/.postgresql/", name) : std::string();
}

bool exists(const std::string& path) {
  struct stat st;
  return !path.empty() && stat(path.c_str(), &st) == 0;
}

bool numeric(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

struct Tls::State {
  explicit State(int fd) : socket(fd) {}
  ~State() {
    if (ssl) SSL_free(ssl);
    if (ctx) SSL_CTX_free(ctx);
  }
  TlsSocket socket;
  SSL_CTX* ctx = nullptr;
  SSL* ssl = nullptr;
};

Tls::Tls() = default;

Tls::~Tls() {
  if (s_ && s_->ssl && SSL_is_init_finished(s_->ssl)) SSL_shutdown(s_->ssl);
}

std::unique_ptr<Tls> Tls::make(PGconn* c, bool direct, std::string& error) {
  std::unique_ptr<Tls> t(new Tls);
  t->s_ = std::make_unique<State>(c->fd);
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  ERR_clear_error();
  SSL_CTX* ctx = t->s_->ctx = SSL_CTX_new(TLS_client_method());
  if (!ctx) {
    error = cat("could not create SSL context: ", openssl_error(), "\n");
    return nullptr;
  }
  SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  for (auto [name, set] : {std::pair{"ssl_min_protocol_version", true}, {"ssl_max_protocol_version", false}}) {
    std::string v = option(c, name);
    if (int number = tls_version_number(v)) set ? SSL_CTX_set_min_proto_version(ctx, number) : SSL_CTX_set_max_proto_version(ctx, number);
  }
  if (!t->load_files(c, error)) return nullptr;
  SSL* ssl = t->s_->ssl = SSL_new(ctx);
  if (!ssl || !t->s_->socket.attach(ssl)) {
    error = cat("could not establish SSL connection: ", openssl_error(), "\n");
    return nullptr;
  }
  if (option(c, "sslsni") != "0" && !c->host.empty() && c->host[0] != '/' && !numeric(c->host)) SSL_set_tlsext_host_name(ssl, c->host.c_str());
  if (direct) SSL_set_alpn_protos(ssl, kAlpn, sizeof kAlpn - 1);
  if (!t->load_own_certificate(c, error)) return nullptr;
  return t;
}

// Roots and revocation lists. A root file that is there makes even sslmode=require verify.
bool Tls::load_files(PGconn* c, std::string& error) {
  std::string mode = option(c, "sslmode"), roots = option(c, "sslrootcert");
  verify_host_ = mode == "verify-full";
  bool must = mode == "verify-ca" || verify_host_;
  if (roots == "system") {
    if (SSL_CTX_set_default_verify_paths(s_->ctx) != 1) {
      error = cat("could not load system root certificate paths: ", openssl_error(), "\n");
      return false;
    }
    verify_ = true;
  } else {
    if (roots.empty()) roots = user_file("root.crt");
    if (exists(roots)) {
      if (SSL_CTX_load_verify_file(s_->ctx, roots.c_str()) != 1) {
        error = cat("could not read root certificate file \"", roots, "\": ", openssl_error(), "\n");
        return false;
      }
      verify_ = true;
    } else if (must) {
      error = roots.empty() ? std::string("could not get home directory to locate root certificate file\n") : cat("root certificate file \"", roots, "\" does not exist\n");
      error += "Either provide the file or change sslmode to disable server certificate verification.\n";
      return false;
    }
  }
  std::string crl = option(c, "sslcrl"), dir = option(c, "sslcrldir");
  if (crl.empty() && dir.empty() && exists(user_file("root.crl"))) crl = user_file("root.crl");
  if (verify_ && (!crl.empty() || !dir.empty())) {
    X509_STORE* store = SSL_CTX_get_cert_store(s_->ctx);
    if (X509_STORE_load_locations(store, crl.empty() ? nullptr : crl.c_str(), dir.empty() ? nullptr : dir.c_str()) == 1)
      X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    ERR_clear_error();   // a list that cannot be read is not used, as in PostgreSQL
  }
  SSL_CTX_set_verify(s_->ctx, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return true;
}

bool Tls::load_own_certificate(PGconn* c, std::string& error) {
  std::string cert = option(c, "sslcert"), key = option(c, "sslkey"), passphrase = option(c, "sslpassword");
  if (cert.empty()) cert = user_file("postgresql.crt");
  if (!exists(cert)) return true;
  SSL_CTX_set_default_passwd_cb_userdata(s_->ctx, passphrase.data());
  SSL_CTX_set_default_passwd_cb(s_->ctx, [](char* to, int size, int, void* text) -> int {
    size_t n = std::min(strlen(static_cast<char*>(text)), static_cast<size_t>(size));
    std::memcpy(to, text, n);
    return static_cast<int>(n);
  });
  if (SSL_use_certificate_chain_file(s_->ssl, cert.c_str()) != 1) {
    error = cat("could not read certificate file \"", cert, "\": ", openssl_error(), "\n");
    return false;
  }
  if (key.empty()) key = user_file("postgresql.key");
  struct stat st;
  if (stat(key.c_str(), &st) != 0) {
    error = cat("certificate present, but not private key file \"", key, "\"\n");
    return false;
  }
  if (!S_ISREG(st.st_mode)) {
    error = cat("private key file \"", key, "\" is not a regular file\n");
    return false;
  }
  if (st.st_mode & (st.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO)) {
    error = cat("private key file \"", key, "\" has group or world access; file must have permissions u=rw (0600) or less if owned by the current user, or permissions u=rw,g=r (0640) or less if owned by root\n");
    return false;
  }
  // The passphrase callback is the context's.
  SSL_set_default_passwd_cb_userdata(s_->ssl, passphrase.data());
  SSL_set_default_passwd_cb(s_->ssl, SSL_CTX_get_default_passwd_cb(s_->ctx));
  bool ok = SSL_use_PrivateKey_file(s_->ssl, key.c_str(), SSL_FILETYPE_PEM) == 1 || SSL_use_PrivateKey_file(s_->ssl, key.c_str(), SSL_FILETYPE_ASN1) == 1;
  if (!ok) error = cat("could not load private key file \"", key, "\": ", openssl_error(), "\n");
  ERR_clear_error();
  if (ok && SSL_check_private_key(s_->ssl) != 1) {
    error = cat("certificate does not match private key file \"", key, "\": ", openssl_error(), "\n");
    ok = false;
  }
  SSL_set_default_passwd_cb_userdata(s_->ssl, nullptr);
  SSL_CTX_set_default_passwd_cb_userdata(s_->ctx, nullptr);
  return ok;
}

bool Tls::check_host(PGconn* c, std::string& error) {
  if (!verify_host_) return true;
  X509* cert = SSL_get0_peer_certificate(s_->ssl);
  const std::string& host = c->host;
  if (host.empty()) {
    error = "host name must be specified for a verified SSL connection\n";
    return false;
  }
  char common_name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, common_name, sizeof common_name);
  bool fits = numeric(host) ? X509_check_ip_asc(cert, host.c_str(), 0) == 1 || (!X509_get0_extensions(cert) && host == common_name)
                            : X509_check_host(cert, host.c_str(), host.size(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
  if (!fits && numeric(host) && X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) < 0) fits = host == common_name;
  if (!fits) error = cat("server certificate for \"", common_name, "\" does not match host name \"", host, "\"\n");
  return fits;
}

Tls::Step Tls::handshake(PGconn* c, std::string& error) {
  ERR_clear_error();
  errno = 0;
  int r = SSL_connect(s_->ssl);
  if (r == 1) return check_host(c, error) ? Step::kDone : Step::kFailed;
  switch (SSL_get_error(s_->ssl, r)) {
    case SSL_ERROR_WANT_READ: return Step::kRead;
    case SSL_ERROR_WANT_WRITE: return Step::kWrite;
    case SSL_ERROR_SYSCALL:
      error = r == -1 && s_->socket.error() ? cat("SSL SYSCALL error: ", strerror(s_->socket.error()), "\n") : std::string("SSL SYSCALL error: EOF detected\n");
      return Step::kFailed;
    default:
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) error = "SSL SYSCALL error: EOF detected\n";
      else error = cat("SSL error: ", openssl_error(), "\n");
      return Step::kFailed;
  }
}

ssize_t Tls::outcome(int r) {
  if (r > 0) return r;
  switch (SSL_get_error(s_->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: errno = ECONNRESET; return -1;
    default:
      if (ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) failure_ = cat("SSL error: ", openssl_error(), "\n");
      errno = failure_.empty() ? ECONNRESET : EPROTO;
      return -1;
  }
}

ssize_t Tls::read(char* to, size_t n) {
  ERR_clear_error();
  return outcome(SSL_read(s_->ssl, to, static_cast<int>(std::min<size_t>(n, INT_MAX))));
}

ssize_t Tls::write(const char* from, size_t n) {
  ERR_clear_error();
  return outcome(SSL_write(s_->ssl, from, static_cast<int>(std::min<size_t>(n, INT_MAX))));
}

bool Tls::pending() const { return SSL_has_pending(s_->ssl); }
std::string Tls::certificate_hash() const { return postern::certificate_hash(SSL_get0_peer_certificate(s_->ssl)); }
void* Tls::ssl() const { return s_->ssl; }

const char* Tls::attribute(const char* name) {
  std::string_view n = name;
  if (n == "library") return "OpenSSL";
  if (n == "protocol") return SSL_get_version(s_->ssl);
  if (n == "cipher") return SSL_get_cipher(s_->ssl);
  if (n == "compression") return "off";
  if (n == "key_bits") return (bits_ = cat(SSL_get_cipher_bits(s_->ssl, nullptr))).c_str();
  if (n == "alpn") {
    const unsigned char* protocol;
    unsigned size;
    SSL_get0_alpn_selected(s_->ssl, &protocol, &size);
    return size ? "postgresql" : "";
  }
  return nullptr;
}

}  // namespace postern::pq
