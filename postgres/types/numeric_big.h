// numeric with coefficients of any size, for numeric*.cc only (cpp_int is slow to compile).
#pragma once
#include <boost/multiprecision/cpp_int.hpp>

#include "postgres/types/numeric.h"

namespace postern {

using Big = boost::multiprecision::cpp_int;

struct BigNumeric {
  Big coefficient;
  int dscale = 0;
};

BigNumeric load_big(Datum d);                          // REQUIRES: finite
Datum store_big(Arena& arena, const Big& coefficient, int dscale);  // 22003 "value overflows numeric format"; dscale over the limit is rounded
inline Datum store_big(Arena& arena, const BigNumeric& n) { return store_big(arena, n.coefficient, n.dscale); }

Big big_pow10(unsigned n);
int big_digits(const Big& v);                          // decimal digits of |v|; 0 for 0
// v / divisor (positive), rounded.
Big big_divide(const Big& v, const Big& divisor, NumericRounding rounding);
// The coefficient at another scale.
Big big_rescale(const BigNumeric& n, int dscale, NumericRounding rounding = NumericRounding::kHalfAway);
double big_to_double(const BigNumeric& n);             // approximate, saturating
// Exponent in base 10000 of the first digit, and that digit (0, 0 for zero): what PostgreSQL's choice of result scales is based on.
struct Nbase { int weight; int first; };
Nbase nbase_of(const BigNumeric& n);
int division_scale(Nbase dividend, int dscale1, Nbase divisor, int dscale2);
[[noreturn]] void numeric_overflow();

}  // namespace postern
