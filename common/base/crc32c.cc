#include "common/base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace postern {
namespace {

constexpr uint32_t kPoly = 0x82F63B78;  // reflected Castagnoli polynomial
constexpr size_t kLane = 336;           // bytes per stream: three lanes cover 1,008 bytes, an 8 KB page takes eight rounds

constexpr uint32_t shift_byte(uint32_t crc) {
  for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) ? kPoly : 0);
  return crc;
}

// table[b][v]: what byte b (value v) of a crc register becomes after kLane zero bytes.
using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;
constexpr ShiftTable make_shift_table() {
  ShiftTable t{};
  std::array<uint32_t, 32> bit{};
  for (int i = 0; i < 32; ++i) {
    uint32_t c = 1u << i;
    for (size_t k = 0; k < kLane; ++k) c = shift_byte(c);
    bit[static_cast<size_t>(i)] = c;
  }
  for (size_t b = 0; b < 4; ++b)
    for (uint32_t v = 0; v < 256; ++v) {
      uint32_t c = 0;
      for (size_t i = 0; i < 8; ++i)
        if (v >> i & 1) c ^= bit[b * 8 + i];
      t[b][v] = c;
    }
  return t;
}
constexpr ShiftTable kShift = make_shift_table();

inline uint32_t shift_lane(uint32_t c) {
  return kShift[0][c & 255] ^ kShift[1][c >> 8 & 255] ^ kShift[2][c >> 16 & 255] ^ kShift[3][c >> 24];
}
inline uint64_t load64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}

}  // namespace

uint32_t crc32c(const void* data, size_t n, uint32_t seed) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  uint64_t c = ~seed;
  while (n >= 3 * kLane) {
    uint64_t c1 = 0, c2 = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      c = _mm_crc32_u64(c, load64(p + i));
      c1 = _mm_crc32_u64(c1, load64(p + kLane + i));
      c2 = _mm_crc32_u64(c2, load64(p + 2 * kLane + i));
    }
    c = shift_lane(static_cast<uint32_t>(c)) ^ static_cast<uint32_t>(c1);
    c = shift_lane(static_cast<uint32_t>(c)) ^ static_cast<uint32_t>(c2);
    p += 3 * kLane;
    n -= 3 * kLane;
  }
  for (; n >= 8; p += 8, n -= 8) c = _mm_crc32_u64(c, load64(p));
  for (; n > 0; ++p, --n) c = _mm_crc32_u8(static_cast<uint32_t>(c), *p);
  return ~static_cast<uint32_t>(c);
}

}  // namespace postern
