// TypeInfo entries of the scalar number types (functions with the signatures of TypeInfo).
#pragma once
#include <string>
#include <string_view>

#include "postgres/types/fn.h"

namespace postern::scalar_types {

#define POSTERN_DECLARE_IO(type)                                        \
  Datum type##_in(FnContext& cx, std::string_view s, int32_t typmod);   \
  void type##_out(FnContext& cx, Datum d, std::string& out);            \
  Datum type##_recv(FnContext& cx, std::string_view s, int32_t typmod); \
  void type##_send(FnContext& cx, Datum d, std::string& out);

POSTERN_DECLARE_IO(bool)
POSTERN_DECLARE_IO(int2)
POSTERN_DECLARE_IO(int4)
POSTERN_DECLARE_IO(int8)
POSTERN_DECLARE_IO(oid)
POSTERN_DECLARE_IO(xid)
POSTERN_DECLARE_IO(xid8)
POSTERN_DECLARE_IO(cid)
POSTERN_DECLARE_IO(tid)
POSTERN_DECLARE_IO(char)
POSTERN_DECLARE_IO(float4)
POSTERN_DECLARE_IO(float8)
#undef POSTERN_DECLARE_IO

int int64_compare(FnContext& cx, Datum a, Datum b);
int float4_compare(FnContext& cx, Datum a, Datum b);
int float8_compare(FnContext& cx, Datum a, Datum b);
uint64_t int64_hash(FnContext& cx, Datum d);
uint64_t float4_hash(FnContext& cx, Datum d);
uint64_t float8_hash(FnContext& cx, Datum d);

// NaN equals NaN and is above everything; -0 equals 0.
template <class F>
inline int compare_floats(F a, F b) {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a == b) return 0;
  bool a_nan = a != a, b_nan = b != b;
  return a_nan == b_nan ? 0 : a_nan ? 1 : -1;
}
inline uint64_t mix64(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

}  // namespace postern::scalar_types
