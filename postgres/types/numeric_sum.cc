#include "postgres/types/numeric_sum.h"

namespace postern {

Datum numeric_from_words(Arena& arena, const uint64_t* words, int n) {
  size_t size = static_cast<size_t>(n) * 8;
  auto* bytes = reinterpret_cast<const char*>(words);
  while (size > 0 && bytes[size - 1] == 0) size--;
  Bytes* b = alloc_bytes(arena, 1 + size);
  b->data[0] = 0;
  std::memcpy(b->data + 1, bytes, size);
  return from_bytes(b);
}

void NumericSum::add_slowly(Arena& arena, SmallNumeric v) {
  if (v.dscale > dscale) {
    int128 scaled = sum.value();
    if (!scale_up(&scaled, v.dscale - dscale)) {
      Arena scratch;
      add_large(arena, make_numeric(scratch, sum.value(), dscale));
      scaled = 0;
    }
    sum.set(scaled);
    dscale = v.dscale;
  }
  int128 scaled = v.coefficient, r;
  if (scale_up(&scaled, dscale - v.dscale) && !__builtin_add_overflow(sum.value(), scaled, &r)) {
    sum.set(r);
    return;
  }
  Arena scratch;
  add_large(arena, make_numeric(scratch, v.coefficient, v.dscale));
}

void NumericSum::add_large(Arena& arena, Datum d) {
  Arena scratch;
  Datum next = large ? numeric_add(scratch, from_bytes(large), d) : d;
  std::string_view bytes = as_view(next);
  if (bytes.size() > large_capacity) {
    large_capacity = static_cast<uint32_t>(bytes.size() * 2);
    large = alloc_bytes(arena, large_capacity);
  }
  large->size = static_cast<uint32_t>(bytes.size());
  std::memcpy(large->data, bytes.data(), bytes.size());
}

Datum NumericSum::total(Arena& arena) const {
  Datum small = make_numeric(arena, sum.value(), dscale);
  return large ? numeric_add(arena, from_bytes(large), small) : small;
}

void NumericSum::combine(Arena& arena, const NumericSum& other) {
  add(arena, SmallNumeric{other.sum.value(), other.dscale});
  if (other.large) add_large(arena, from_bytes(other.large));
}

}  // namespace postern
