// SCRAM-SHA-256 (RFC 5802, RFC 7677): the secret that a server keeps, and the computations of both sides. Secrets in buffers of ours are wiped after use.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::scram {

constexpr size_t kKeyBytes = 32;
constexpr int kDefaultIterations = 4096;
constexpr size_t kSaltBytes = 16;

struct Key {
  unsigned char bytes[kKeyBytes] = {};
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes), kKeyBytes}; }
  ~Key() { wipe(bytes, kKeyBytes); }
  static void wipe(void* p, size_t n);
};

Key hmac(std::string_view key, std::string_view data);
Key sha256(std::string_view data);
// PBKDF2 of the prepared password (saslprep). Costs milliseconds by design.
Key salted_password(std::string_view password, std::string_view salt, int iterations);
Key client_key(const Key& salted);
Key server_key(const Key& salted);
bool equal(std::string_view a, std::string_view b);   // in time that depends on the lengths only
void wipe(std::string& s);

std::string base64(std::string_view s);
std::optional<std::string> unbase64(std::string_view s);   // strict
std::string random_bytes(size_t n);                        // throws 58000

// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, what pg_authid.rolpassword holds.
struct Secret {
  int iterations = kDefaultIterations;
  std::string salt;
  Key stored_key, server_key;
};
std::optional<Secret> parse_secret(std::string_view text);
std::string make_secret(std::string_view password);
bool password_fits(const Secret& secret, std::string_view password);

// "k=value" at the front of s, up to the comma, which is taken too.
bool take_attribute(std::string_view& s, char name, std::string_view& value);

}  // namespace postern::scram
