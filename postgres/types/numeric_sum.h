// Running exact sums for aggregates: of integers (128 and 192 bits) and of numerics (128-bit coefficient at the largest scale seen, larger ones beside).
// Valid when zeroed; plain memory, 8-byte aligned.
#pragma once
#include "postgres/types/numeric.h"

namespace postern {

struct Int128Sum {
  uint64_t low = 0;
  int64_t high = 0;
  int128 value() const { return static_cast<int128>(static_cast<uint128>(static_cast<uint64_t>(high)) << 64 | low); }
  void set(int128 v) {
    low = static_cast<uint64_t>(v);
    high = static_cast<int64_t>(v >> 64);
  }
  void add(int128 v) { set(value() + v); }
};

// Sum of squares of int64: no overflow before 2^64 of them.
struct SquareSum {
  uint64_t words[3] = {};
  void add_square(int64_t v) {
    int128 s = static_cast<int128>(v) * v;
    add(static_cast<uint64_t>(s), static_cast<uint64_t>(s >> 64), 0);
  }
  void add(uint64_t a, uint64_t b, uint64_t c) {
    uint128 t = static_cast<uint128>(words[0]) + a;
    words[0] = static_cast<uint64_t>(t);
    t = static_cast<uint128>(words[1]) + b + static_cast<uint64_t>(t >> 64);
    words[1] = static_cast<uint64_t>(t);
    words[2] += c + static_cast<uint64_t>(t >> 64);
  }
};

struct NumericSum {
  Int128Sum sum;
  Bytes* large = nullptr;  // what did not fit, as a numeric; null: zero
  uint32_t large_capacity = 0;
  int32_t dscale = 0;

  // REQUIRES: finite values. arena lives as long as the sum.
  void add(Arena& arena, const SmallNumeric& v) {
    int128 r;
    if (v.dscale == dscale && !__builtin_add_overflow(sum.value(), v.coefficient, &r)) sum.set(r);
    else add_slowly(arena, v);
  }
  void add(Arena& arena, Datum d) {
    SmallNumeric v;
    if (numeric_small(d, &v)) add(arena, v);
    else add_large(arena, d);
  }
  Datum total(Arena& arena) const;
  void combine(Arena& arena, const NumericSum& other);

 private:
  void add_slowly(Arena& arena, SmallNumeric v);
  void add_large(Arena& arena, Datum d);
};

// Nonnegative numeric of little-endian 64-bit words.
Datum numeric_from_words(Arena& arena, const uint64_t* words, int n);

}  // namespace postern
