// The one value representation inside a backend.
//
// A Datum is 8 bytes. A type is either by value (bool, ints, oid, floats, date/time: TypeInfo::by_value) or it is a
// pointer to a Bytes (everything else: text, bytea, name, numeric, interval, uuid, arrays, json, records). There is no third kind.
//
// Invariants:
//  1. Signed integers, date, time, timestamp are stored sign-extended to 64 bits, oid/xid/cid/bool/"char" zero-extended ("char" is
//     one byte); so integers of different widths compare and hash alike. float4 is its 32 bits zero-extended, float8 its 64 bits.
//  2. A Bytes is never compressed, external or short: the access layer expands tuples when it deforms them.
//  3. Whoever makes a Bytes says in which arena; nobody frees one.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/ids.h"
#include "common/memory/arena.h"

namespace postern {

using Datum = uint64_t;

// Length-prefixed bytes, 4-byte aligned.
struct Bytes {
  uint32_t size;
  char data[];
  std::string_view view() const { return {data, size}; }
};

inline const Bytes* as_bytes(Datum d) { return reinterpret_cast<const Bytes*>(d); }
inline std::string_view as_view(Datum d) { return as_bytes(d)->view(); }
inline bool as_bool(Datum d) { return d != 0; }
inline int16_t as_int2(Datum d) { return static_cast<int16_t>(d); }
inline int32_t as_int4(Datum d) { return static_cast<int32_t>(d); }
inline int64_t as_int8(Datum d) { return static_cast<int64_t>(d); }
inline Oid as_oid(Datum d) { return static_cast<Oid>(static_cast<uint32_t>(d)); }
inline float as_float4(Datum d) { return std::bit_cast<float>(static_cast<uint32_t>(d)); }
inline double as_float8(Datum d) { return std::bit_cast<double>(d); }

inline Datum from_bytes(const Bytes* b) { return reinterpret_cast<Datum>(b); }
inline Datum from_bool(bool v) { return v ? 1 : 0; }
inline Datum from_int(int64_t v) { return static_cast<Datum>(v); }  // int2, int4, int8, date, time, timestamp(tz)
inline Datum from_oid(Oid v) { return raw(v); }
inline Datum from_float4(float v) { return std::bit_cast<uint32_t>(v); }
inline Datum from_float8(double v) { return std::bit_cast<uint64_t>(v); }

// Uninitialised Bytes of `size` bytes in `arena`; fill data, the size may be lowered afterwards. Throws 54000 over 1 GB.
Bytes* alloc_bytes(Arena& arena, size_t size);
// Copies s into a new Bytes.
Datum make_bytes(Arena& arena, std::string_view s);

struct NullableDatum {
  Datum value = 0;
  bool null = true;
};

}  // namespace postern
