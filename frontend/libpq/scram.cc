// SCRAM-SHA-256 (RFC 5802, RFC 7677) from the client's side, with channel binding over TLS, and the older MD5 method.
#include <openssl/evp.h>

#include <charconv>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/protocol/scram.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {
constexpr int kMaxIterations = 10'000'000;
}  // namespace

bool scram_first(ScramState& s, std::string& reply, std::string& error) {
  try {
    s.nonce = scram::base64(scram::random_bytes(18));
  } catch (const SqlError& e) {
    error = cat(e.message, "\n");
    return false;
  }
  s.client_first_bare = cat("n=,r=", s.nonce);
  reply = cat(s.gs2_header, s.client_first_bare);
  s.step = 1;
  return true;
}

bool scram_continue(ScramState& s, std::string_view server_first, const std::string& password, std::string& reply,
                    std::string& error) {
  std::string_view rest = server_first, nonce, salt_text, count;
  int iterations = 0;
  if (s.step != 1 || !scram::take_attribute(rest, 'r', nonce) || !scram::take_attribute(rest, 's', salt_text) || !scram::take_attribute(rest, 'i', count) ||
      std::from_chars(count.data(), count.data() + count.size(), iterations).ec != std::errc() || iterations < 1 || iterations > kMaxIterations) {
    error = "malformed SCRAM message\n";
    return false;
  }
  auto salt = scram::unbase64(salt_text);
  if (!salt) {
    error = "malformed SCRAM message (invalid salt)\n";
    return false;
  }
  if (nonce.size() <= s.nonce.size() || nonce.substr(0, s.nonce.size()) != s.nonce) {
    error = "invalid SCRAM response (nonce mismatch)\n";
    return false;
  }
  try {
    scram::Key salted = scram::salted_password(password, *salt, iterations), key = scram::client_key(salted);
    std::string without_proof = cat("c=", scram::base64(cat(s.gs2_header, s.binding)), ",r=", nonce);
    std::string message = cat(s.client_first_bare, ",", server_first, ",", without_proof);
    scram::Key proof = scram::hmac(scram::sha256(key.view()).view(), message);
    for (size_t i = 0; i < scram::kKeyBytes; i++) proof.bytes[i] ^= key.bytes[i];
    s.server_signature = scram::hmac(scram::server_key(salted).view(), message).view();
    reply = cat(without_proof, ",p=", scram::base64(proof.view()));
  } catch (const SqlError& e) {
    error = cat(e.message, "\n");
    return false;
  }
  s.step = 2;
  return true;
}

bool scram_final(ScramState& s, std::string_view server_final, std::string& error) {
  std::string_view value;
  if (scram::take_attribute(server_final, 'e', value)) {
    error = cat("error received from server in SCRAM exchange: ", value, "\n");
    return false;
  }
  auto signature = s.step == 2 && scram::take_attribute(server_final, 'v', value) ? scram::unbase64(value) : std::nullopt;
  if (!signature) {
    error = "malformed SCRAM message\n";
    return false;
  }
  if (!scram::equal(*signature, s.server_signature)) {
    error = "incorrect server signature\n";
    return false;
  }
  s.step = 3;
  return true;
}

std::string scram_secret(const std::string& password) { return scram::make_secret(password); }

namespace {
bool hex_md5(const std::string& s, std::string& out) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_Digest(s.data(), s.size(), digest, &n, EVP_md5(), nullptr) != 1) return false;
  out.clear();
  for (unsigned i = 0; i < n; i++) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return true;
}
}  // namespace

bool md5_stored(const std::string& password, const std::string& user, std::string& out) {
  std::string digest;
  if (!hex_md5(cat(password, user), digest)) return false;
  out = cat("md5", digest);
  return true;
}

bool md5_password(const std::string& password, const std::string& user, std::string_view salt, std::string& reply) {
  std::string inner, outer;
  if (!hex_md5(cat(password, user), inner) || !hex_md5(cat(inner, salt), outer)) return false;
  reply = cat("md5", outer);
  return true;
}

}  // namespace postern::pq
