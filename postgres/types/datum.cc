#include "postgres/types/datum.h"

#include "common/base/error.h"

namespace postern {

Bytes* alloc_bytes(Arena& arena, size_t size) {
  if (size > (size_t{1} << 30) - 8) throw SqlError{sqlstate::kProgramLimitExceeded, "invalid memory alloc request size"};
  auto* b = static_cast<Bytes*>(arena.alloc(sizeof(Bytes) + size, 4));
  b->size = static_cast<uint32_t>(size);
  return b;
}

Datum make_bytes(Arena& arena, std::string_view s) {
  Bytes* b = alloc_bytes(arena, s.size());
  if (!s.empty()) std::memcpy(b->data, s.data(), s.size());
  return from_bytes(b);
}

}  // namespace postern
