#include "postgres/session/scram_server.h"

#include <algorithm>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::session {
namespace {

constexpr std::string_view kBindingType = "tls-server-end-point";
constexpr size_t kNonceBytes = 18;

[[noreturn]] void malformed(std::string detail) { throw SqlError{sqlstate::kProtocolViolation, "malformed SCRAM message", std::move(detail)}.fatal(); }
bool printable(std::string_view s) { return std::all_of(s.begin(), s.end(), [](char c) { return c > 0x20 && c < 0x7F && c != ','; }); }

}  // namespace

scram::Secret ScramServer::mock_secret(uint64_t site_secret, std::string_view user) {
  scram::Secret s;
  s.salt = scram::hmac({reinterpret_cast<const char*>(&site_secret), sizeof site_secret}, user).view().substr(0, scram::kSaltBytes);
  return s;
}

std::string ScramServer::first(std::string_view m) {
  if (m.empty()) malformed("The message is empty.");
  std::string_view rest = m, value;
  switch (m[0]) {
    case 'n':
    case 'y':
      if (channel_binding_) malformed("The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.");
      if (m[0] == 'y' && !certificate_hash_.empty())
        throw SqlError{sqlstate::kInvalidAuthorizationSpecification, "SCRAM channel binding negotiation error",
                       "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding."}.fatal();
      rest.remove_prefix(1);
      break;
    case 'p':
      if (!channel_binding_) malformed("The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.");
      if (rest.size() < 2 || rest[1] != '=') malformed("Expected attribute \"p\".");
      value = rest.substr(2, std::min(rest.find(','), rest.size()) - 2);
      if (value != kBindingType) throw SqlError{sqlstate::kProtocolViolation, cat("unsupported SCRAM channel-binding type \"", printable(value) ? value : "", "\"")}.fatal();
      rest.remove_prefix(2 + value.size());
      break;
    default: malformed("Unexpected channel-binding flag.");
  }
  if (!rest.starts_with(',')) malformed("Comma expected after the channel-binding flag.");
  rest.remove_prefix(1);
  if (rest.starts_with("a=")) throw SqlError{sqlstate::kFeatureNotSupported, "client uses authorization identity, but it is not supported"}.fatal();
  if (!rest.starts_with(',')) malformed("Unexpected attribute in client-first-message.");
  rest.remove_prefix(1);
  gs2_header_ = m.substr(0, m.size() - rest.size());
  client_first_bare_ = rest;
  if (rest.starts_with("m=")) throw SqlError{sqlstate::kFeatureNotSupported, "client requires an unsupported SCRAM extension"}.fatal();
  std::string_view user, nonce;
  if (!scram::take_attribute(rest, 'n', user)) malformed("Attribute expected, but found something else: user name.");
  if (!scram::take_attribute(rest, 'r', nonce)) malformed("Attribute expected, but found something else: nonce.");
  if (nonce.empty() || !printable(nonce)) throw SqlError{sqlstate::kProtocolViolation, "non-printable characters in SCRAM nonce"}.fatal();
  nonce_ = cat(nonce, scram::base64(scram::random_bytes(kNonceBytes)));
  server_first_ = cat("r=", nonce_, ",s=", scram::base64(secret_.salt), ",i=", secret_.iterations);
  return server_first_;
}

std::optional<std::string> ScramServer::final(std::string_view m) {
  std::string_view rest = m, binding, nonce, proof;
  if (!scram::take_attribute(rest, 'c', binding)) malformed("Channel binding expected.");
  std::string expected = gs2_header_;
  if (channel_binding_) expected += certificate_hash_;
  if (!scram::equal(binding, scram::base64(expected))) {
    if (channel_binding_) throw SqlError{sqlstate::kInvalidAuthorizationSpecification, "SCRAM channel binding check failed"}.fatal();
    throw SqlError{sqlstate::kProtocolViolation, "unexpected SCRAM channel-binding attribute in client-final-message"}.fatal();
  }
  if (!scram::take_attribute(rest, 'r', nonce)) malformed("Nonce expected.");
  size_t at = m.rfind(",p=");
  if (at == m.npos) malformed("Proof expected.");
  auto decoded = scram::unbase64(m.substr(at + 3));
  if (!decoded || decoded->size() != scram::kKeyBytes) malformed("Malformed proof in client-final-message.");
  if (!scram::equal(nonce, nonce_)) throw SqlError{sqlstate::kProtocolViolation, "invalid SCRAM response", "Nonce does not match."}.fatal();

  std::string message = cat(client_first_bare_, ",", server_first_, ",", m.substr(0, at));
  scram::Key signature = scram::hmac(secret_.stored_key.view(), message), key;
  for (size_t i = 0; i < scram::kKeyBytes; i++) key.bytes[i] = signature.bytes[i] ^ static_cast<unsigned char>((*decoded)[i]);
  bool right = scram::equal(scram::sha256(key.view()).view(), secret_.stored_key.view());
  std::string answer = cat("v=", scram::base64(scram::hmac(secret_.server_key.view(), message).view()));
  if (!right || doomed_) return std::nullopt;
  return answer;
}

}  // namespace postern::session
