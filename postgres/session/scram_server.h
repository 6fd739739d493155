// The server's side of one SCRAM-SHA-256(-PLUS) exchange: pure, the caller moves the messages.
//
//   client-first -> first() -> server-first      client-final -> final() -> server-final, or nothing: the proof is wrong
//
// An unknown user gets a secret that looks real and is the same at each attempt (mock_secret), so that nothing tells it from a wrong password.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "common/protocol/scram.h"

namespace postern::session {

class ScramServer {
 public:
  // channel_binding: the client chose SCRAM-SHA-256-PLUS. certificate_hash: of the server's certificate, empty without TLS. doomed: whatever the proof, it fails.
  ScramServer(scram::Secret secret, bool doomed, bool channel_binding, std::string certificate_hash)
      : secret_(std::move(secret)), doomed_(doomed), channel_binding_(channel_binding), certificate_hash_(std::move(certificate_hash)) {}
  std::string first(std::string_view client_first);                  // throws 08P01, 28000, 0A000
  std::optional<std::string> final(std::string_view client_final);   // throws 08P01, 28000
  static scram::Secret mock_secret(uint64_t site_secret, std::string_view user);

 private:
  scram::Secret secret_;
  bool doomed_, channel_binding_;
  std::string certificate_hash_, gs2_header_, client_first_bare_, server_first_, nonce_;
};

}  // namespace postern::session
