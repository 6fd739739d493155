// TLS on the client's socket, by OpenSSL. Nothing of it is initialised, and no page of it touched, in a session that doesn't use it.
//
// Certificates, keys and lists are read for each session: what is on disk then is what holds, a reload needs nothing.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace postern {
class Settings;
}

namespace postern::session {

class Tls {
 public:
  struct Options {
    std::string cert_file, key_file, ca_file, crl_file, crl_dir, min_version, max_version, ciphers, ecdh_curve, dh_params_file;
    bool prefer_server_ciphers = true;
  };
  static Options options(const Settings& settings, const std::string& site);   // file names made absolute

  // Reads the files; throws F0000 and what PostgreSQL says. early: bytes that were read from fd already.
  Tls(const Options& options, int fd, std::string early);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  enum class Result { kDone, kAgain, kClosed };   // kAgain: interrupted or out of time, call again
  // One step of the handshake. direct: ALPN "postgresql" is demanded. kClosed: the client went away; throws 08P01 for anything wrong.
  Result handshake(bool direct);
  ssize_t read(char* to, size_t n);               // > 0, 0 end, -1 with errno EAGAIN, EINTR or ECONNRESET
  ssize_t write(const char* from, size_t n);
  bool pending() const;                           // decrypted bytes wait

  std::string version() const, cipher() const;
  int bits() const;
  bool can_verify() const { return can_verify_; } // there is a root certificate
  bool has_client_certificate() const;            // a verified one
  std::string client_common_name() const;         // "" none, or it holds a NUL
  std::string client_dn_rfc2253() const;          // for clientname=DN
  std::string client_dn() const, client_serial() const, client_issuer() const;   // for views
  std::string certificate_hash() const;           // of the server's certificate: channel binding tls-server-end-point

 private:
  struct State;
  std::unique_ptr<State> s_;
  bool can_verify_ = false;
};

}  // namespace postern::session
