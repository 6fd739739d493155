// numeric: exact decimals. value = coefficient * 10^-dscale, plus NaN and the infinities.
//
// Format of the Bytes: byte 0 = kind (bits 0-2: 0 positive or zero, 1 negative, 2 NaN, 3 Infinity, 4 -Infinity) | min(dscale, 31) << 3; if that
// field is 31, dscale follows as uint16; then the magnitude of the coefficient, little-endian, without leading zero bytes (zero: none).
// Invariants:
//  1. One (value, dscale) has one encoding: equal bytes are equal numbers (the reverse is not true: 1.0 = 1.00).
//  2. Zero is never negative. dscale is 0..16383; at most 131072 digits stand before the point.
// Coefficients below 2^127 are computed in __int128; larger ones in cpp_int, inside numeric*.cc only.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/types/fn.h"

namespace postern {

using int128 = __int128;
using uint128 = unsigned __int128;

enum class NumericKind : uint8_t { kFinite = 0, kNan = 2, kPosInfinity = 3, kNegInfinity = 4 };

constexpr int kNumericMaxDscale = 16383;         // of a value
constexpr int kNumericMaxDisplayScale = 1000;    // that functions choose
constexpr int kNumericMaxResultScale = 2000;     // round(), trunc()
constexpr int kNumericMinSignificantDigits = 16;
constexpr int kNumericMaxIntegerDigits = 131072;

// A finite numeric whose coefficient fits.
struct SmallNumeric {
  int128 coefficient = 0;
  int dscale = 0;
};

constexpr int kPow10Count = 39;
struct Pow10Table {
  uint128 v[kPow10Count];
  constexpr Pow10Table() : v{} {
    v[0] = 1;
    for (int i = 1; i < kPow10Count; i++) v[i] = v[i - 1] * 10;
  }
};
inline constexpr Pow10Table kPow10Table;
inline int128 pow10_128(int n) { return static_cast<int128>(kPow10Table.v[n]); }  // 0 <= n <= 38

NumericKind numeric_kind(Datum d);
int numeric_dscale(Datum d);
// False: not finite, or too large.
bool numeric_small(Datum d, SmallNumeric* out);
Datum make_numeric(Arena& arena, int128 coefficient, int dscale);   // REQUIRES: |coefficient| < 2^127
Datum make_numeric_special(Arena& arena, NumericKind kind);
inline Datum numeric_from_int8(Arena& arena, int64_t v) { return make_numeric(arena, v, 0); }

// Multiplies by 10^n (0 <= n); false on overflow of 2^127 (*v is then undefined).
inline bool scale_up(int128* v, int n) {
  if (*v == 0) return true;
  return n < kPow10Count && !__builtin_mul_overflow(*v, pow10_128(n), v);
}

// 22P02 `invalid input syntax for type numeric: "x"`, 22003.
Datum parse_numeric(Arena& arena, std::string_view s, int32_t typmod);
void append_numeric(std::string& out, Datum d);
int numeric_compare(Datum a, Datum b);  // NaN = NaN, above everything
uint64_t numeric_hash(Datum d);

// numeric(p, s): rounds to the scale, 22003 "numeric field overflow". typmod -1 gives the value itself.
Datum numeric_apply_typmod(Arena& arena, Datum d, int32_t typmod);
constexpr int32_t numeric_typmod(int precision, int scale) { return (precision << 16 | (scale & 0x7FF)) + 4; }
constexpr int numeric_typmod_precision(int32_t typmod) { return (typmod - 4) >> 16 & 0xFFFF; }
constexpr int numeric_typmod_scale(int32_t typmod) { return (((typmod - 4) & 0x7FF) ^ 1024) - 1024; }

double numeric_to_float8(Datum d);                     // 22003 when too large
double numeric_to_float8_saturating(Datum d);          // ±infinity when too large
int64_t numeric_to_int(Datum d, int64_t min, int64_t max, std::string_view type);  // rounds half away from zero; 22003 "<type> out of range"
Datum float8_to_numeric(Arena& arena, double v, int significant_digits);           // 15 for float8, 6 for float4

// Arithmetic with PostgreSQL's result scales.
Datum numeric_add(Arena& arena, Datum a, Datum b);
Datum numeric_sub(Arena& arena, Datum a, Datum b);
Datum numeric_mul(Arena& arena, Datum a, Datum b);
Datum numeric_div(Arena& arena, Datum a, Datum b);             // 22012
Datum numeric_div_truncate(Arena& arena, Datum a, Datum b);    // 22012
Datum numeric_mod(Arena& arena, Datum a, Datum b);             // 22012
Datum numeric_negate(Arena& arena, Datum a);
Datum numeric_abs(Arena& arena, Datum a);
int numeric_sign(Datum a);                                     // -1, 0, 1; NaN: 0
enum class NumericRounding : uint8_t { kHalfAway, kTruncate, kFloor, kCeil };
Datum numeric_round(Arena& arena, Datum a, int scale, NumericRounding rounding);  // scale may be negative
Datum numeric_with_min_dscale(Arena& arena, Datum a, int dscale);                 // pads with zeros
int numeric_min_scale(Datum a);                                // REQUIRES: finite
Datum numeric_sqrt(Arena& arena, Datum a);
Datum numeric_exp(Arena& arena, Datum a);
Datum numeric_ln(Arena& arena, Datum a);
Datum numeric_log(Arena& arena, Datum base, Datum a);
Datum numeric_power(Arena& arena, Datum a, Datum b);
Datum numeric_factorial(Arena& arena, int64_t n);
Datum numeric_gcd(Arena& arena, Datum a, Datum b);
Datum numeric_lcm(Arena& arena, Datum a, Datum b);

// Variance (or its square root) of n values with sum x and sum of squares x2, rounded as PostgreSQL does. REQUIRES: n > 1, or n = 1 and !sample.
Datum numeric_variance(Arena& arena, int64_t n, Datum x, Datum x2, bool sample, bool square_root);

}  // namespace postern
