// Loads and stores of unaligned integers: little-endian on disk and in shared memory, big-endian on the wire.
#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace postern {

static_assert(std::endian::native == std::endian::little, "Postern runs on little-endian machines");

template <class T>
T load(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store(void* p, T v) {
  std::memcpy(p, &v, sizeof v);
}
template <std::integral T>
constexpr T byteswap(T v) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(v)));
  else if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(v)));
  else if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(v)));
  else return v;
}
template <std::integral T>
T load_be(const void* p) { return byteswap(load<T>(p)); }
template <std::integral T>
void store_be(void* p, T v) { store(p, byteswap(v)); }

}  // namespace postern
