// CRC-32C with the SSE4.2 instruction; long inputs run in three interleaved streams that are combined by multiplication by x^n (tables of 256
// entries built at compile time). crc32c(b, crc32c(a)) == crc32c(ab).
#pragma once
#include <cstddef>
#include <cstdint>

namespace postern {
uint32_t crc32c(const void* data, size_t n, uint32_t seed = 0);
}
