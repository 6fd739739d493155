// SQL functions of bool, int2/4/8, oid, xid, xid8, cid, tid and "char". Comparisons are shared: all of them are 64-bit integers in a Datum.
#include <charconv>
#include <cmath>

#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/dense.h"
#include "postgres/types/jenkins_hash.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/scalar_io.h"
#include "postgres/types/scalar_types.h"

namespace postern {
namespace {

inline bool eq(int64_t a, int64_t b) { return a == b; }
inline bool ne(int64_t a, int64_t b) { return a != b; }
inline bool lt(int64_t a, int64_t b) { return a < b; }
inline bool le(int64_t a, int64_t b) { return a <= b; }
inline bool gt(int64_t a, int64_t b) { return a > b; }
inline bool ge(int64_t a, int64_t b) { return a >= b; }
inline int32_t cmp(int64_t a, int64_t b) { return int32_t{a > b} - int32_t{a < b}; }
inline int32_t difference(int64_t a, int64_t b) { return static_cast<int32_t>(a - b); }
inline uint64_t larger(int64_t a, int64_t b) { return static_cast<uint64_t>(a > b ? a : b); }
inline uint64_t smaller(int64_t a, int64_t b) { return static_cast<uint64_t>(a < b ? a : b); }
inline int64_t same(int64_t a) { return a; }

template <class R>
inline unsigned fits(int64_t v, R* r) {
  *r = static_cast<R>(v);
  return v != *r ? kArithOverflow : 0;
}
template <class R>
inline unsigned add(int64_t a, int64_t b, R* r) {
  if constexpr (sizeof(R) == 8) return __builtin_add_overflow(a, b, r) ? kArithOverflow : 0;
  else return fits(a + b, r);
}
template <class R>
inline unsigned sub(int64_t a, int64_t b, R* r) {
  if constexpr (sizeof(R) == 8) return __builtin_sub_overflow(a, b, r) ? kArithOverflow : 0;
  else return fits(a - b, r);
}
template <class R>
inline unsigned mul(int64_t a, int64_t b, R* r) {
  if constexpr (sizeof(R) == 8) return __builtin_mul_overflow(a, b, r) ? kArithOverflow : 0;
  else return fits(static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)), r);
}
template <class A, class B, class R>
inline unsigned div(A a, B b, R* r) {
  if (b == 0) return kArithDivisionByZero;
  if (b == -1) return sub<R>(0, a, r);
  *r = static_cast<R>(a / b);
  return 0;
}
template <class R>
inline unsigned mod(R a, R b, R* r) {
  if (b == 0) return kArithDivisionByZero;
  *r = b == -1 ? R{0} : static_cast<R>(a % b);
  return 0;
}
template <class R>
inline unsigned negate(R a, R* r) { return sub<R>(0, a, r); }
template <class R>
inline unsigned absolute(R a, R* r) {
  if (a < 0) return sub<R>(0, a, r);
  *r = a;
  return 0;
}
template <class R>
inline unsigned increment(R a, R* r) { return add<R>(a, 1, r); }
template <class R>
inline unsigned decrement(R a, R* r) { return sub<R>(a, 1, r); }

template <class R>
unsigned gcd(R a, R b, R* r) {
  uint64_t x = a < 0 ? uint64_t{0} - static_cast<uint64_t>(int64_t{a}) : static_cast<uint64_t>(a);
  uint64_t y = b < 0 ? uint64_t{0} - static_cast<uint64_t>(int64_t{b}) : static_cast<uint64_t>(b);
  while (y) {
    uint64_t t = x % y;
    x = y;
    y = t;
  }
  *r = static_cast<R>(x);
  return *r < 0 || static_cast<uint64_t>(*r) != x ? kArithOverflow : 0;
}
template <class R>
unsigned lcm(R a, R b, R* r) {
  *r = 0;
  if (a == 0 || b == 0) return 0;
  R g, product;
  if (gcd<R>(a, b, &g)) return kArithOverflow;
  if (mul<R>(a / g, b, &product)) return kArithOverflow;
  return absolute<R>(product, r);
}

inline int64_t bit_and(int64_t a, int64_t b) { return a & b; }
inline int64_t bit_or(int64_t a, int64_t b) { return a | b; }
inline int64_t bit_xor(int64_t a, int64_t b) { return a ^ b; }
inline int64_t bit_not(int64_t a) { return ~a; }
inline int16_t shl2(int16_t a, int32_t b) { return static_cast<int16_t>(static_cast<uint32_t>(int32_t{a}) << (b & 31)); }
inline int16_t shr2(int16_t a, int32_t b) { return static_cast<int16_t>(a >> (b & 31)); }
inline int32_t shl4(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) << (b & 31)); }
inline int32_t shr4(int32_t a, int32_t b) { return a >> (b & 31); }
inline int64_t shl8(int64_t a, int32_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) << (b & 63)); }
inline int64_t shr8(int64_t a, int32_t b) { return a >> (b & 63); }

inline unsigned int8_to_oid(int64_t a, uint32_t* r) {
  *r = static_cast<uint32_t>(a);
  return a < 0 || a > int64_t{UINT32_MAX} ? kArithOverflow : 0;
}
inline int64_t oid_to_int8(uint32_t a) { return a; }
inline int32_t char_to_int4(int8_t a) { return a; }
inline unsigned int4_to_char(int32_t a, int8_t* r) { return fits<int8_t>(a, r); }
inline bool int4_to_bool(int32_t a) { return a != 0; }
inline int32_t bool_to_int4(bool a) { return a; }
inline uint32_t xid8_to_xid(uint64_t a) { return static_cast<uint32_t>(a); }
inline double int_to_float8(int64_t a) { return static_cast<double>(a); }
inline float int_to_float4(int64_t a) { return static_cast<float>(a); }
inline bool bool_and(bool a, bool b) { return a & b; }
inline bool bool_or(bool a, bool b) { return a | b; }

std::string_view bool_text(bool v) { return v ? "true" : "false"; }
std::string_view char_text(FnContext& cx, int8_t c) {
  std::string text;
  scalar_types::char_out(cx, static_cast<uint8_t>(c), text);
  return cx.arena->copy(text);
}
int8_t text_char(FnContext& cx, std::string_view s) { return static_cast<int8_t>(scalar_types::char_in(cx, s, -1)); }

std::string_view hex(FnContext& cx, uint64_t v) {
  char buf[16];
  return cx.arena->copy(std::string_view(buf, static_cast<size_t>(std::to_chars(buf, buf + sizeof buf, v, 16).ptr - buf)));
}
std::string_view to_hex4(FnContext& cx, int32_t v) { return hex(cx, static_cast<uint32_t>(v)); }
std::string_view to_hex8(FnContext& cx, int64_t v) { return hex(cx, static_cast<uint64_t>(v)); }

int32_t hash4(int32_t v) { return static_cast<int32_t>(jenkins_hash32(static_cast<uint32_t>(v))); }
int32_t hash2(int16_t v) { return hash4(v); }
int32_t hash8(int64_t v) {
  uint32_t lo = static_cast<uint32_t>(v), hi = static_cast<uint32_t>(static_cast<uint64_t>(v) >> 32);
  return hash4(static_cast<int32_t>(lo ^ (v >= 0 ? hi : ~hi)));
}
int32_t hash_char(int8_t v) { return hash4(v); }

NullableDatum num_nulls(FnContext&, std::span<const NullableDatum> args) {
  int n = 0;
  for (auto& a : args) n += a.null;
  return {from_int(n), false};
}
NullableDatum num_nonnulls(FnContext&, std::span<const NullableDatum> args) {
  int n = 0;
  for (auto& a : args) n += !a.null;
  return {from_int(n), false};
}

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    TOTAL_FN(60, eq), TOTAL_FN(61, eq), TOTAL_FN(63, eq), TOTAL_FN(65, eq), TOTAL_FN(68, eq), TOTAL_FN(69, eq), TOTAL_FN(158, eq),
    TOTAL_FN(159, eq), TOTAL_FN(184, eq), TOTAL_FN(467, eq), TOTAL_FN(474, eq), TOTAL_FN(852, eq), TOTAL_FN(1292, eq), TOTAL_FN(1319, eq),
    TOTAL_FN(1850, eq), TOTAL_FN(1856, eq), TOTAL_FN(5084, eq),
    TOTAL_FN(70, ne), TOTAL_FN(84, ne), TOTAL_FN(144, ne), TOTAL_FN(145, ne), TOTAL_FN(164, ne), TOTAL_FN(165, ne), TOTAL_FN(185, ne),
    TOTAL_FN(468, ne), TOTAL_FN(475, ne), TOTAL_FN(853, ne), TOTAL_FN(1265, ne), TOTAL_FN(1851, ne), TOTAL_FN(1857, ne), TOTAL_FN(3308, ne),
    TOTAL_FN(3309, ne), TOTAL_FN(5085, ne),
    TOTAL_FN(56, lt), TOTAL_FN(64, lt), TOTAL_FN(66, lt), TOTAL_FN(160, lt), TOTAL_FN(161, lt), TOTAL_FN(469, lt), TOTAL_FN(476, lt),
    TOTAL_FN(716, lt), TOTAL_FN(854, lt), TOTAL_FN(1246, lt), TOTAL_FN(1852, lt), TOTAL_FN(1858, lt), TOTAL_FN(2791, lt), TOTAL_FN(5034, lt),
    TOTAL_FN(72, le), TOTAL_FN(148, le), TOTAL_FN(149, le), TOTAL_FN(166, le), TOTAL_FN(167, le), TOTAL_FN(471, le), TOTAL_FN(478, le),
    TOTAL_FN(717, le), TOTAL_FN(856, le), TOTAL_FN(1691, le), TOTAL_FN(1854, le), TOTAL_FN(1860, le), TOTAL_FN(2793, le), TOTAL_FN(5036, le),
    TOTAL_FN(57, gt), TOTAL_FN(73, gt), TOTAL_FN(146, gt), TOTAL_FN(147, gt), TOTAL_FN(162, gt), TOTAL_FN(163, gt), TOTAL_FN(470, gt),
    TOTAL_FN(477, gt), TOTAL_FN(855, gt), TOTAL_FN(1638, gt), TOTAL_FN(1853, gt), TOTAL_FN(1859, gt), TOTAL_FN(2790, gt), TOTAL_FN(5035, gt),
    TOTAL_FN(74, ge), TOTAL_FN(150, ge), TOTAL_FN(151, ge), TOTAL_FN(168, ge), TOTAL_FN(169, ge), TOTAL_FN(472, ge), TOTAL_FN(479, ge),
    TOTAL_FN(857, ge), TOTAL_FN(1639, ge), TOTAL_FN(1692, ge), TOTAL_FN(1855, ge), TOTAL_FN(1861, ge), TOTAL_FN(2792, ge), TOTAL_FN(5037, ge),
    TOTAL_FN(350, difference), TOTAL_FN(351, cmp), TOTAL_FN(356, cmp), TOTAL_FN(358, difference), TOTAL_FN(842, cmp), TOTAL_FN(1693, cmp), TOTAL_FN(2188, cmp),
    TOTAL_FN(2189, cmp), TOTAL_FN(2190, cmp), TOTAL_FN(2191, cmp), TOTAL_FN(2192, cmp), TOTAL_FN(2193, cmp), TOTAL_FN(2794, cmp), TOTAL_FN(5096, cmp),
    TOTAL_FN(768, larger), TOTAL_FN(770, larger), TOTAL_FN(1236, larger), TOTAL_FN(1965, larger), TOTAL_FN(2795, larger), TOTAL_FN(5097, larger),
    TOTAL_FN(769, smaller), TOTAL_FN(771, smaller), TOTAL_FN(1237, smaller), TOTAL_FN(1966, smaller), TOTAL_FN(2796, smaller), TOTAL_FN(5098, smaller),

    CHECKED_FN(176, add<int16_t>), CHECKED_FN(177, add<int32_t>), CHECKED_FN(178, add<int32_t>), CHECKED_FN(179, add<int32_t>),
    CHECKED_FN(463, add<int64_t>), CHECKED_FN(837, add<int64_t>), CHECKED_FN(841, add<int64_t>), CHECKED_FN(1274, add<int64_t>),
    CHECKED_FN(1278, add<int64_t>),
    CHECKED_FN(180, sub<int16_t>), CHECKED_FN(181, sub<int32_t>), CHECKED_FN(182, sub<int32_t>), CHECKED_FN(183, sub<int32_t>),
    CHECKED_FN(464, sub<int64_t>), CHECKED_FN(838, sub<int64_t>), CHECKED_FN(942, sub<int64_t>), CHECKED_FN(1275, sub<int64_t>),
    CHECKED_FN(1279, sub<int64_t>),
    CHECKED_FN(152, mul<int16_t>), CHECKED_FN(141, mul<int32_t>), CHECKED_FN(170, mul<int32_t>), CHECKED_FN(171, mul<int32_t>),
    CHECKED_FN(465, mul<int64_t>), CHECKED_FN(839, mul<int64_t>), CHECKED_FN(943, mul<int64_t>), CHECKED_FN(1276, mul<int64_t>),
    CHECKED_FN(1280, mul<int64_t>),
    CHECKED_FN(153, (div<int16_t, int16_t, int16_t>)), CHECKED_FN(154, (div<int32_t, int32_t, int32_t>)),
    CHECKED_FN(172, (div<int16_t, int32_t, int32_t>)), CHECKED_FN(173, (div<int32_t, int16_t, int32_t>)),
    CHECKED_FN(466, (div<int64_t, int64_t, int64_t>)), CHECKED_FN(840, (div<int64_t, int16_t, int64_t>)),
    CHECKED_FN(948, (div<int16_t, int64_t, int64_t>)), CHECKED_FN(1277, (div<int64_t, int32_t, int64_t>)),
    CHECKED_FN(1281, (div<int32_t, int64_t, int64_t>)),
    CHECKED_FN(155, mod<int16_t>), CHECKED_FN(940, mod<int16_t>), CHECKED_FN(156, mod<int32_t>), CHECKED_FN(941, mod<int32_t>),
    CHECKED_FN(945, mod<int64_t>), CHECKED_FN(947, mod<int64_t>),
    CHECKED_FN(213, negate<int16_t>), CHECKED_FN(212, negate<int32_t>), CHECKED_FN(462, negate<int64_t>),
    CHECKED_FN(1253, absolute<int16_t>), CHECKED_FN(1398, absolute<int16_t>), CHECKED_FN(1251, absolute<int32_t>),
    CHECKED_FN(1397, absolute<int32_t>), CHECKED_FN(1230, absolute<int64_t>), CHECKED_FN(1396, absolute<int64_t>),
    CHECKED_FN(766, increment<int32_t>), CHECKED_FN(1219, increment<int64_t>), CHECKED_FN(3546, decrement<int64_t>),
    TOTAL_FN(1910, same), TOTAL_FN(1911, same), TOTAL_FN(1912, same),
    CHECKED_FN(5044, gcd<int32_t>), CHECKED_FN(5045, gcd<int64_t>), CHECKED_FN(5046, lcm<int32_t>), CHECKED_FN(5047, lcm<int64_t>),

    TOTAL_FN(1892, bit_and), TOTAL_FN(1898, bit_and), TOTAL_FN(1904, bit_and), TOTAL_FN(1893, bit_or), TOTAL_FN(1899, bit_or), TOTAL_FN(1905, bit_or),
    TOTAL_FN(1894, bit_xor), TOTAL_FN(1900, bit_xor), TOTAL_FN(1906, bit_xor), TOTAL_FN(1895, bit_not), TOTAL_FN(1901, bit_not), TOTAL_FN(1907, bit_not),
    TOTAL_FN(1896, shl2), TOTAL_FN(1897, shr2), TOTAL_FN(1902, shl4), TOTAL_FN(1903, shr4), TOTAL_FN(1908, shl8), TOTAL_FN(1909, shr8),

    TOTAL_FN(313, same), CHECKED_FN(314, fits<int16_t>), CHECKED_FN(480, fits<int32_t>), TOTAL_FN(481, same), CHECKED_FN(714, fits<int16_t>),
    TOTAL_FN(754, same), CHECKED_FN(1287, int8_to_oid), TOTAL_FN(1288, oid_to_int8), TOTAL_FN(77, char_to_int4), CHECKED_FN(78, int4_to_char),
    TOTAL_FN(2557, int4_to_bool), TOTAL_FN(2558, bool_to_int4), TOTAL_FN(5071, xid8_to_xid),
    TOTAL_FN(235, int_to_float8), TOTAL_FN(316, int_to_float8), TOTAL_FN(482, int_to_float8),
    TOTAL_FN(236, int_to_float4), TOTAL_FN(318, int_to_float4), TOTAL_FN(652, int_to_float4),
    TOTAL_FN(2515, bool_and), TOTAL_FN(2516, bool_or),

    STRICT_FN(2971, bool_text), STRICT_FN(946, char_text), STRICT_FN(860, char_text), STRICT_FN(944, text_char), STRICT_FN(2089, to_hex4),
    STRICT_FN(2090, to_hex8),
    STRICT_FN(449, hash2), STRICT_FN(450, hash4), STRICT_FN(949, hash8), STRICT_FN(453, hash4), STRICT_FN(454, hash_char),
    VARIADIC_FN(438, num_nulls), VARIADIC_FN(440, num_nonnulls),
}));

}  // namespace

constinit const FnTables kIntFns{kFns, {}, {}};

}  // namespace postern
