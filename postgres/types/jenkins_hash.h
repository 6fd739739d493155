// Bob Jenkins' lookup3 final mix, seeded as PostgreSQL seeds it, so that hashint4() and friends give users the values they know. Not used by our
// own hash tables (TypeInfo::hash).
#pragma once
#include <bit>
#include <cstdint>

namespace postern {

inline uint32_t jenkins_final(uint32_t a, uint32_t b, uint32_t c) {
  c ^= b; c -= std::rotl(b, 14);
  a ^= c; a -= std::rotl(c, 11);
  b ^= a; b -= std::rotl(a, 25);
  c ^= b; c -= std::rotl(b, 16);
  a ^= c; a -= std::rotl(c, 4);
  b ^= a; b -= std::rotl(a, 14);
  c ^= b; c -= std::rotl(b, 24);
  return c;
}
inline uint32_t jenkins_hash32(uint32_t k) {
  uint32_t s = 0x9e3779b9u + 4 + 3923095u;
  return jenkins_final(s + k, s, s);
}
inline uint32_t jenkins_hash64(uint64_t k) {
  uint32_t s = 0x9e3779b9u + 8 + 3923095u;
  return jenkins_final(s + static_cast<uint32_t>(k), s + static_cast<uint32_t>(k >> 32), s);
}

}  // namespace postern
