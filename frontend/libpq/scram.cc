// SCRAM-SHA-256 (RFC 5802, RFC 7677) from the client's side, without channel binding, and the older MD5 method.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <charconv>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

constexpr size_t kKey = 32;
constexpr int kMaxIterations = 10'000'000;

std::string hmac(std::string_view key, std::string_view data) {
  unsigned char out[kKey];
  unsigned n = sizeof out;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()), data.size(), out, &n);
  return std::string(reinterpret_cast<char*>(out), kKey);
}

std::string sha256(std::string_view data) {
  unsigned char out[kKey];
  unsigned n = sizeof out;
  EVP_Digest(data.data(), data.size(), out, &n, EVP_sha256(), nullptr);
  return std::string(reinterpret_cast<char*>(out), kKey);
}

std::string salted_password(const std::string& password, std::string_view salt, int iterations) {
  unsigned char out[kKey];
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                    static_cast<int>(salt.size()), iterations, EVP_sha256(), sizeof out, out);
  return std::string(reinterpret_cast<char*>(out), kKey);
}

std::string base64(std::string_view s) {
  std::string out((s.size() + 2) / 3 * 4 + 1, '\0');
  int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(s.data()),
                          static_cast<int>(s.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

bool unbase64(std::string_view s, std::string& out) {
  if (s.size() % 4 != 0) return false;
  out.resize(s.size() / 4 * 3 + 1);
  int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(s.data()),
                          static_cast<int>(s.size()));
  if (n < 0) return false;
  size_t pad = s.size() >= 2 ? (s[s.size() - 1] == '=') + (s[s.size() - 2] == '=') : 0;
  out.resize(static_cast<size_t>(n) - pad);
  return true;
}

std::string random_bytes(size_t n) {
  std::string s(n, '\0');
  size_t done = 0;
  while (done < n) {
    ssize_t r = getrandom(s.data() + done, n - done, 0);
    if (r > 0) done += static_cast<size_t>(r);
  }
  return s;
}

// "k=value" at the front of s, up to the comma, which is taken too.
bool attribute(std::string_view& s, char key, std::string_view& value) {
  if (s.size() < 2 || s[0] != key || s[1] != '=') return false;
  size_t comma = std::min(s.find(','), s.size());
  value = s.substr(2, comma - 2);
  s.remove_prefix(std::min(comma + 1, s.size()));
  return true;
}

}  // namespace

bool scram_first(ScramState& s, std::string& reply, std::string&) {
  s.nonce = base64(random_bytes(18));
  s.client_first_bare = cat("n=,r=", s.nonce);
  reply = cat("n,,", s.client_first_bare);
  s.step = 1;
  return true;
}

bool scram_continue(ScramState& s, std::string_view server_first, const std::string& password, std::string& reply,
                    std::string& error) {
  std::string_view rest = server_first, nonce, salt_text, count;
  std::string salt;
  int iterations = 0;
  if (s.step != 1 || !attribute(rest, 'r', nonce) || !attribute(rest, 's', salt_text) || !attribute(rest, 'i', count) ||
      !unbase64(salt_text, salt) || std::from_chars(count.data(), count.data() + count.size(), iterations).ec != std::errc() ||
      iterations < 1 || iterations > kMaxIterations) {
    error = "malformed SCRAM message\n";
    return false;
  }
  if (nonce.size() <= s.nonce.size() || nonce.substr(0, s.nonce.size()) != s.nonce) {
    error = "invalid SCRAM response (nonce mismatch)\n";
    return false;
  }
  std::string salted = salted_password(password, salt, iterations);
  std::string client_key = hmac(salted, "Client Key");
  std::string without_proof = cat("c=biws,r=", nonce);
  std::string message = cat(s.client_first_bare, ",", server_first, ",", without_proof);
  std::string proof = hmac(sha256(client_key), message);
  for (size_t i = 0; i < kKey; i++) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
  s.server_signature = hmac(hmac(salted, "Server Key"), message);
  reply = cat(without_proof, ",p=", base64(proof));
  s.step = 2;
  return true;
}

bool scram_final(ScramState& s, std::string_view server_final, std::string& error) {
  std::string_view value;
  std::string signature;
  if (attribute(server_final, 'e', value)) {
    error = cat("error received from server in SCRAM exchange: ", value, "\n");
    return false;
  }
  if (s.step != 2 || !attribute(server_final, 'v', value) || !unbase64(value, signature)) {
    error = "malformed SCRAM message\n";
    return false;
  }
  if (signature != s.server_signature) {
    error = "incorrect server signature\n";
    return false;
  }
  s.step = 3;
  return true;
}

std::string scram_secret(const std::string& password) {
  constexpr int kIterations = 4096;
  std::string salt = random_bytes(16);
  std::string salted = salted_password(password, salt, kIterations);
  return cat("SCRAM-SHA-256$", kIterations, ":", base64(salt), "$", base64(sha256(hmac(salted, "Client Key"))), ":",
             base64(hmac(salted, "Server Key")));
}

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
