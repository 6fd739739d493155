#include "postgres/session/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/protocol/tls_socket.h"
#include "common/settings/settings.h"

namespace postern::session {
namespace {

constexpr std::string_view kAlpn = "\012postgresql";
constexpr unsigned char kSessionContext[] = "Postern";

[[noreturn]] void config_error(std::string message) {
  SqlError e{sqlstate::kConfigFileError, std::move(message)};
  e.fatal();
  throw e;
}

// The key is useless if others can read it: root's may be readable by the group, ours by nobody else.
void check_key_file(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) config_error(cat("could not access private key file \"", path, "\": ", std::strerror(errno)));
  if (!S_ISREG(st.st_mode)) config_error(cat("private key file \"", path, "\" is not a regular file"));
  if (st.st_uid != geteuid() && st.st_uid != 0) config_error(cat("private key file \"", path, "\" must be owned by the database user or root"));
  if (st.st_mode & (st.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO)) {
    SqlError e{sqlstate::kConfigFileError, cat("private key file \"", path, "\" has group or world access"),
               "File must have permissions u=rw (0600) or less if owned by the database user, or permissions u=rw,g=r (0640) or less if owned by root."};
    throw e.fatal();
  }
}

// The protocol of a direct connection must be ours; a client that asked before needs no name.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_len, const unsigned char* in, unsigned in_len, void*) {
  unsigned char* chosen;
  if (SSL_select_next_proto(&chosen, out_len, reinterpret_cast<const unsigned char*>(kAlpn.data()), kAlpn.size(), in, in_len) != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int no_passphrase(char*, int, int, void*) { return 0; }   // there is nobody to ask

std::string name_text(const X509_NAME* name, unsigned long flags) {
  BIO* b = BIO_new(BIO_s_mem());
  std::string out;
  if (b && X509_NAME_print_ex(b, name, 0, flags) >= 0) {
    char* p;
    long n = BIO_get_mem_data(b, &p);
    out.assign(p, static_cast<size_t>(n));
  }
  BIO_free(b);
  return out;
}

}  // namespace

struct Tls::State {
  State(int fd, std::string early) : socket(fd, std::move(early)) {}
  ~State() {
    if (ssl) SSL_free(ssl);
    if (ctx) SSL_CTX_free(ctx);
  }
  X509* client() const { return SSL_get0_peer_certificate(ssl); }
  TlsSocket socket;
  SSL_CTX* ctx = nullptr;
  SSL* ssl = nullptr;
};

Tls::Options Tls::options(const Settings& s, const std::string& site) {
  auto file = [&](const char* name) {
    const std::string& v = s.get(name);
    return v.empty() || v[0] == '/' ? v : cat(site, "/", v);
  };
  Options o;
  o.cert_file = file("ssl_cert_file");
  o.key_file = file("ssl_key_file");
  o.ca_file = file("ssl_ca_file");
  o.crl_file = file("ssl_crl_file");
  o.crl_dir = file("ssl_crl_dir");
  o.dh_params_file = file("ssl_dh_params_file");
  o.min_version = s.get("ssl_min_protocol_version");
  o.max_version = s.get("ssl_max_protocol_version");
  o.ciphers = s.get("ssl_ciphers");
  o.ecdh_curve = s.get("ssl_ecdh_curve");
  o.prefer_server_ciphers = s.get_bool("ssl_prefer_server_ciphers");
  return o;
}

Tls::Tls(const Options& o, int fd, std::string early) : s_(std::make_unique<State>(fd, std::move(early))) {
  // No openssl.cnf: a static executable must not load modules.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  ERR_clear_error();
  SSL_CTX* c = s_->ctx = SSL_CTX_new(TLS_server_method());
  if (!c) config_error(cat("could not create SSL context: ", openssl_error()));
  SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(c, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(c, o.cert_file.c_str()) != 1) config_error(cat("could not load server certificate file \"", o.cert_file, "\": ", openssl_error()));
  check_key_file(o.key_file);
  if (SSL_CTX_use_PrivateKey_file(c, o.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    unsigned long e = ERR_peek_last_error();
    if (ERR_GET_REASON(e) == PEM_R_BAD_PASSWORD_READ || ERR_GET_REASON(e) == PEM_R_PROBLEMS_GETTING_PASSWORD)
      config_error(cat("private key file \"", o.key_file, "\" cannot be loaded because it requires a passphrase"));
    config_error(cat("could not load private key file \"", o.key_file, "\": ", openssl_error()));
  }
  if (SSL_CTX_check_private_key(c) != 1) config_error(cat("check of private key failed: ", openssl_error()));
  int low = tls_version_number(o.min_version), high = tls_version_number(o.max_version);
  if (low && high && low > high)
    throw SqlError{sqlstate::kConfigFileError, "could not set SSL protocol version range", "ssl_min_protocol_version cannot be higher than ssl_max_protocol_version"}.fatal();
  if (low && SSL_CTX_set_min_proto_version(c, low) != 1) config_error("could not set minimum SSL protocol version");
  if (high && SSL_CTX_set_max_proto_version(c, high) != 1) config_error("could not set maximum SSL protocol version");
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE |
                             (o.prefer_server_ciphers ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0));
  SSL_CTX_set_num_tickets(c, 0);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(c, kSessionContext, sizeof kSessionContext);
  if (!o.dh_params_file.empty()) {
    BIO* b = BIO_new_file(o.dh_params_file.c_str(), "r");
    EVP_PKEY* dh = b ? PEM_read_bio_Parameters(b, nullptr) : nullptr;
    BIO_free(b);
    if (!dh || SSL_CTX_set0_tmp_dh_pkey(c, dh) != 1) config_error(cat("could not load DH parameters file \"", o.dh_params_file, "\": ", openssl_error()));
  } else {
    SSL_CTX_set_dh_auto(c, 1);
  }
  if (!o.ecdh_curve.empty() && SSL_CTX_set1_groups_list(c, o.ecdh_curve.c_str()) != 1) config_error(cat("ECDH: unrecognized curve name: ", o.ecdh_curve));
  if (SSL_CTX_set_cipher_list(c, o.ciphers.c_str()) != 1) config_error("could not set the cipher list (no valid ciphers available)");
  if (!o.ca_file.empty()) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(o.ca_file.c_str());
    if (SSL_CTX_load_verify_file(c, o.ca_file.c_str()) != 1 || !names) config_error(cat("could not load root certificate file \"", o.ca_file, "\": ", openssl_error()));
    SSL_CTX_set_client_CA_list(c, names);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, nullptr);
    can_verify_ = true;
  }
  if (!o.crl_file.empty() || !o.crl_dir.empty()) {
    X509_STORE* store = SSL_CTX_get_cert_store(c);
    if (X509_STORE_load_locations(store, o.crl_file.empty() ? nullptr : o.crl_file.c_str(), o.crl_dir.empty() ? nullptr : o.crl_dir.c_str()) != 1)
      config_error(cat("could not load SSL certificate revocation list ", o.crl_file.empty() ? "directory " : "file ", "\"", o.crl_file.empty() ? o.crl_dir : o.crl_file, "\": ", openssl_error()));
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  SSL_CTX_set_alpn_select_cb(c, select_alpn, nullptr);
  s_->ssl = SSL_new(c);
  if (!s_->ssl || !s_->socket.attach(s_->ssl)) config_error(cat("could not initialize SSL connection: ", openssl_error()));
}

Tls::~Tls() {
  if (s_->ssl && SSL_is_init_finished(s_->ssl)) SSL_shutdown(s_->ssl);   // says goodbye, waits for nothing
}

Tls::Result Tls::handshake(bool direct) {
  ERR_clear_error();
  errno = 0;
  int r = SSL_accept(s_->ssl);
  if (r == 1) {
    const unsigned char* protocol;
    unsigned n;
    SSL_get0_alpn_selected(s_->ssl, &protocol, &n);
    if (direct && n == 0) throw SqlError{sqlstate::kProtocolViolation, "received direct SSL connection request without ALPN protocol negotiation extension"}.fatal();
    return Result::kDone;
  }
  switch (SSL_get_error(s_->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return Result::kAgain;
    case SSL_ERROR_ZERO_RETURN: return Result::kClosed;
    case SSL_ERROR_SYSCALL: return Result::kClosed;
    default: {
      unsigned long code = ERR_peek_error();
      if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return Result::kClosed;
      SqlError e{sqlstate::kProtocolViolation, cat("could not accept SSL connection: ", openssl_error())};
      throw e.fatal();
    }
  }
}

ssize_t Tls::read(char* to, size_t n) {
  ERR_clear_error();
  int r = SSL_read(s_->ssl, to, static_cast<int>(std::min<size_t>(n, INT_MAX)));
  if (r > 0) return r;
  switch (SSL_get_error(s_->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = s_->socket.error(); return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = ECONNRESET; return -1;
  }
}

ssize_t Tls::write(const char* from, size_t n) {
  ERR_clear_error();
  int r = SSL_write(s_->ssl, from, static_cast<int>(std::min<size_t>(n, INT_MAX)));
  if (r > 0) return r;
  int kind = SSL_get_error(s_->ssl, r);
  errno = kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE ? s_->socket.error() : ECONNRESET;
  return -1;
}

bool Tls::pending() const { return SSL_has_pending(s_->ssl); }
std::string Tls::version() const { return SSL_get_version(s_->ssl); }
std::string Tls::cipher() const { return SSL_get_cipher(s_->ssl); }
int Tls::bits() const { return SSL_get_cipher_bits(s_->ssl, nullptr); }
bool Tls::has_client_certificate() const { return s_->client() && SSL_get_verify_result(s_->ssl) == X509_V_OK; }

std::string Tls::client_common_name() const {
  X509* cert = s_->client();
  if (!cert) return {};
  const X509_NAME* name = X509_get_subject_name(cert);
  int at = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(name), NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  std::string out = n > 0 ? std::string(reinterpret_cast<char*>(text), static_cast<size_t>(n)) : std::string();
  OPENSSL_free(text);
  return out.find('\0') == out.npos ? out : std::string();
}

std::string Tls::client_dn_rfc2253() const {
  X509* cert = s_->client();
  if (!cert) return {};
  std::string out = name_text(X509_get_subject_name(cert), XN_FLAG_RFC2253);
  return out.find('\0') == out.npos ? out : std::string();
}

namespace {
// /C=…/O=…/CN=…, as pg_stat_ssl shows names.
std::string slashed(const X509_NAME* name) {
  std::string out;
  for (int i = 0; i < X509_NAME_entry_count(name); i++) {
    const X509_NAME_ENTRY* e = X509_NAME_get_entry(name, i);
    const char* field = OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)));
    unsigned char* text = nullptr;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e));
    if (n >= 0) append(out, "/", field ? field : "?", "=", std::string_view(reinterpret_cast<char*>(text), static_cast<size_t>(n)));
    OPENSSL_free(text);
  }
  return out;
}
}  // namespace

std::string Tls::client_dn() const { return s_->client() ? slashed(X509_get_subject_name(s_->client())) : std::string(); }
std::string Tls::client_issuer() const { return s_->client() ? slashed(X509_get_issuer_name(s_->client())) : std::string(); }

std::string Tls::client_serial() const {
  if (!s_->client()) return {};
  BIGNUM* n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(s_->client()), nullptr);
  char* text = n ? BN_bn2dec(n) : nullptr;
  std::string out = text ? text : "";
  OPENSSL_free(text);
  BN_free(n);
  return out;
}

std::string Tls::certificate_hash() const { return postern::certificate_hash(SSL_get_certificate(s_->ssl)); }

}  // namespace postern::session
