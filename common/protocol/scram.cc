#include "common/protocol/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/protocol/saslprep.h"

namespace postern::scram {
namespace {
const unsigned char* bytes(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }
[[noreturn]] void crypto_failed(const char* what) { throw SqlError{sqlstate::kInternalError, cat("could not compute ", what)}; }
}  // namespace

void Key::wipe(void* p, size_t n) { OPENSSL_cleanse(p, n); }
void wipe(std::string& s) {
  OPENSSL_cleanse(s.data(), s.size());
  s.clear();
}

Key hmac(std::string_view key, std::string_view data) {
  Key out;
  unsigned n = kKeyBytes;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(data), data.size(), out.bytes, &n)) crypto_failed("HMAC");
  return out;
}

Key sha256(std::string_view data) {
  Key out;
  unsigned n = kKeyBytes;
  if (EVP_Digest(data.data(), data.size(), out.bytes, &n, EVP_sha256(), nullptr) != 1) crypto_failed("SHA-256");
  return out;
}

Key salted_password(std::string_view password, std::string_view salt, int iterations) {
  std::string prepared = saslprep(password);
  Key out;
  int ok = PKCS5_PBKDF2_HMAC(prepared.data(), static_cast<int>(prepared.size()), bytes(salt), static_cast<int>(salt.size()), iterations, EVP_sha256(), kKeyBytes, out.bytes);
  wipe(prepared);
  if (ok != 1) crypto_failed("PBKDF2");
  return out;
}

Key client_key(const Key& salted) { return hmac(salted.view(), "Client Key"); }
Key server_key(const Key& salted) { return hmac(salted.view(), "Server Key"); }
bool equal(std::string_view a, std::string_view b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string base64(std::string_view s) {
  std::string out((s.size() + 2) / 3 * 4 + 1, '\0');
  int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes(s), static_cast<int>(s.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

std::optional<std::string> unbase64(std::string_view s) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (s.empty() || s.size() % 4 != 0) return std::nullopt;
  size_t pad = s.ends_with("==") ? 2 : s.ends_with('=') ? 1 : 0;
  if (s.substr(0, s.size() - pad).find_first_not_of(kAlphabet) != s.npos) return std::nullopt;
  std::string out(s.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes(s), static_cast<int>(s.size())) < 0) return std::nullopt;
  out.resize(out.size() - pad);
  return out;
}

std::string random_bytes(size_t n) {
  std::string s(n, '\0');
  for (size_t done = 0; done < n;) {
    ssize_t r = getrandom(s.data() + done, n - done, 0);
    if (r > 0) done += static_cast<size_t>(r);
    else if (errno != EINTR) throw SqlError{sqlstate::kSystemError, "could not get random bytes"};
  }
  return s;
}

std::optional<Secret> parse_secret(std::string_view text) {
  constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  size_t colon = text.find(':'), dollar = text.find('$'), second = text.rfind(':');
  if (colon == text.npos || dollar == text.npos || colon > dollar || second < dollar) return std::nullopt;
  Secret s;
  auto [end, error] = std::from_chars(text.data(), text.data() + colon, s.iterations);
  auto salt = unbase64(text.substr(colon + 1, dollar - colon - 1)), stored = unbase64(text.substr(dollar + 1, second - dollar - 1)), server = unbase64(text.substr(second + 1));
  if (error != std::errc() || end != text.data() + colon || s.iterations < 1 || !salt || !stored || !server || stored->size() != kKeyBytes || server->size() != kKeyBytes) return std::nullopt;
  s.salt = *salt;
  std::memcpy(s.stored_key.bytes, stored->data(), kKeyBytes);
  std::memcpy(s.server_key.bytes, server->data(), kKeyBytes);
  return s;
}

std::string make_secret(std::string_view password) {
  std::string salt = random_bytes(kSaltBytes);
  Key salted = salted_password(password, salt, kDefaultIterations);
  return cat("SCRAM-SHA-256$", kDefaultIterations, ":", base64(salt), "$", base64(sha256(client_key(salted).view()).view()), ":", base64(server_key(salted).view()));
}

bool password_fits(const Secret& secret, std::string_view password) {
  return equal(server_key(salted_password(password, secret.salt, secret.iterations)).view(), secret.server_key.view());
}

bool take_attribute(std::string_view& s, char name, std::string_view& value) {
  if (s.size() < 2 || s[0] != name || s[1] != '=') return false;
  size_t comma = std::min(s.find(','), s.size());
  value = s.substr(2, comma - 2);
  s.remove_prefix(std::min(comma + 1, s.size()));
  return true;
}

}  // namespace postern::scram
