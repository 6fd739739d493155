// numeric: the four operations, remainders, rounding. Each has an __int128 path and one for large coefficients.
#include <algorithm>
#include <bit>

#include "common/base/error.h"
#include "postgres/types/numeric_big.h"

namespace postern {
namespace {

[[noreturn]] void divide_by_zero() { throw SqlError{sqlstate::kDivisionByZero, "division by zero"}; }

uint128 magnitude(int128 v) { return v < 0 ? uint128{0} - static_cast<uint128>(v) : static_cast<uint128>(v); }

int digits_of(uint128 v) {
  if (v == 0) return 0;
  uint64_t hi = static_cast<uint64_t>(v >> 64);
  int bits = hi ? 128 - std::countl_zero(hi) : 64 - std::countl_zero(static_cast<uint64_t>(v));
  int n = bits * 1233 >> 12;
  return n < kPow10Count && v >= kPow10Table.v[n] ? n + 1 : n;
}

Nbase nbase_of(const SmallNumeric& n) {
  uint128 v = magnitude(n.coefficient);
  if (v == 0) return {0, 0};
  int digits = digits_of(v), top = digits - 1 - n.dscale;
  int weight = top >= 0 ? top / 4 : -((3 - top) / 4);
  int take = top - 4 * weight + 1;
  uint128 first = digits >= take ? v / kPow10Table.v[digits - take] : v * kPow10Table.v[take - digits];
  return {weight, static_cast<int>(first)};
}

// Brings both to the larger scale; false when that overflows.
bool align(SmallNumeric* a, SmallNumeric* b) {
  if (a->dscale < b->dscale) {
    if (!scale_up(&a->coefficient, b->dscale - a->dscale)) return false;
    a->dscale = b->dscale;
  } else if (b->dscale < a->dscale) {
    if (!scale_up(&b->coefficient, a->dscale - b->dscale)) return false;
    b->dscale = a->dscale;
  }
  return true;
}

bool both_small(Datum a, Datum b, SmallNumeric* x, SmallNumeric* y) { return numeric_small(a, x) && numeric_small(b, y); }

bool finite(Datum d) { return numeric_kind(d) == NumericKind::kFinite; }
bool is_nan(Datum d) { return numeric_kind(d) == NumericKind::kNan; }

struct Aligned {
  Big a, b;
  int dscale;
};
Aligned load_aligned(Datum a, Datum b) {
  BigNumeric x = load_big(a), y = load_big(b);
  int dscale = std::max(x.dscale, y.dscale);
  return {big_rescale(x, dscale), big_rescale(y, dscale), dscale};
}

Datum infinity(Arena& arena, int sign) {
  return make_numeric_special(arena, sign < 0 ? NumericKind::kNegInfinity : NumericKind::kPosInfinity);
}
Datum nan(Arena& arena) { return make_numeric_special(arena, NumericKind::kNan); }

// a + b, at least one of them not finite.
Datum add_special(Arena& arena, Datum a, Datum b, int b_sign) {
  if (is_nan(a) || is_nan(b)) return nan(arena);
  int sa = finite(a) ? 0 : numeric_sign(a), sb = finite(b) ? 0 : numeric_sign(b) * b_sign;
  if (sa && sb && sa != sb) return nan(arena);
  return infinity(arena, sa ? sa : sb);
}

Datum add(Arena& arena, Datum a, Datum b, int b_sign) {
  SmallNumeric x, y;
  if (both_small(a, b, &x, &y) && align(&x, &y)) {
    int128 r;
    bool overflow = b_sign > 0 ? __builtin_add_overflow(x.coefficient, y.coefficient, &r) : __builtin_sub_overflow(x.coefficient, y.coefficient, &r);
    if (!overflow) return make_numeric(arena, r, x.dscale);
  }
  if (!finite(a) || !finite(b)) return add_special(arena, a, b, b_sign);
  Aligned v = load_aligned(a, b);
  return store_big(arena, b_sign > 0 ? Big(v.a + v.b) : Big(v.a - v.b), v.dscale);
}

// Quotient of dividend / divisor at a scale, half away from zero. REQUIRES: divisor != 0.
Datum divide_big(Arena& arena, const BigNumeric& x, const BigNumeric& y, int scale, NumericRounding rounding) {
  int shift = scale + y.dscale - x.dscale;
  Big dividend = x.coefficient, divisor = y.coefficient;
  if (shift > 0) dividend *= big_pow10(static_cast<unsigned>(shift));
  if (shift < 0) divisor *= big_pow10(static_cast<unsigned>(-shift));
  if (divisor < 0) {
    dividend = -dividend;
    divisor = -divisor;
  }
  return store_big(arena, big_divide(dividend, divisor, rounding), scale);
}

Datum round_small(Arena& arena, const SmallNumeric& n, int scale, NumericRounding rounding) {
  int drop = n.dscale - scale;
  int128 v = n.coefficient, r, q;
  if (drop >= kPow10Count) {
    q = 0;
    r = v;
  } else {
    int128 p = pow10_128(drop);
    q = v / p;
    r = v % p;
  }
  switch (rounding) {
    case NumericRounding::kTruncate: break;
    case NumericRounding::kFloor:
      if (r < 0) q -= 1;
      break;
    case NumericRounding::kCeil:
      if (r > 0) q += 1;
      break;
    case NumericRounding::kHalfAway:
      if (drop < kPow10Count && magnitude(r) >= kPow10Table.v[drop] - magnitude(r)) q += v < 0 ? -1 : 1;
      break;
  }
  return make_numeric(arena, q, scale);
}

}  // namespace

int numeric_sign(Datum a) {
  uint8_t k = static_cast<uint8_t>(as_bytes(a)->data[0]) & 7;
  if (k == 1 || k == static_cast<uint8_t>(NumericKind::kNegInfinity)) return -1;
  if (k == static_cast<uint8_t>(NumericKind::kNan)) return 0;
  if (k == static_cast<uint8_t>(NumericKind::kPosInfinity)) return 1;
  bool long_scale = static_cast<uint8_t>(as_bytes(a)->data[0]) >> 3 == 31;
  return as_bytes(a)->size > (long_scale ? 3u : 1u);
}

Datum numeric_add(Arena& arena, Datum a, Datum b) { return add(arena, a, b, 1); }
Datum numeric_sub(Arena& arena, Datum a, Datum b) { return add(arena, a, b, -1); }

Datum numeric_mul(Arena& arena, Datum a, Datum b) {
  SmallNumeric x, y;
  int128 r;
  if (both_small(a, b, &x, &y) && x.dscale + y.dscale <= kNumericMaxDscale && !__builtin_mul_overflow(x.coefficient, y.coefficient, &r))
    return make_numeric(arena, r, x.dscale + y.dscale);
  if (!finite(a) || !finite(b)) {
    int sign = numeric_sign(a) * numeric_sign(b);
    return is_nan(a) || is_nan(b) || sign == 0 ? nan(arena) : infinity(arena, sign);
  }
  BigNumeric p = load_big(a), q = load_big(b);
  return store_big(arena, p.coefficient * q.coefficient, p.dscale + q.dscale);
}

Datum numeric_div(Arena& arena, Datum a, Datum b) {
  SmallNumeric x, y;
  if (both_small(a, b, &x, &y)) {
    if (y.coefficient == 0) divide_by_zero();
    int scale = division_scale(nbase_of(x), x.dscale, nbase_of(y), y.dscale);
    int128 dividend = x.coefficient;
    int shift = scale + y.dscale - x.dscale;
    if (shift >= 0 && scale_up(&dividend, shift)) {
      int128 q, r;
      if (dividend == static_cast<int64_t>(dividend) && y.coefficient == static_cast<int64_t>(y.coefficient) && y.coefficient != -1) {
        q = static_cast<int64_t>(dividend) / static_cast<int64_t>(y.coefficient);
        r = static_cast<int64_t>(dividend) % static_cast<int64_t>(y.coefficient);
      } else {
        q = dividend / y.coefficient;
        r = dividend % y.coefficient;
      }
      if (magnitude(r) >= magnitude(y.coefficient) - magnitude(r)) q += (dividend < 0) != (y.coefficient < 0) ? -1 : 1;
      return make_numeric(arena, q, scale);
    }
  }
  if (is_nan(a) || is_nan(b)) return nan(arena);
  if (!finite(a)) {
    if (!finite(b)) return nan(arena);
    if (numeric_sign(b) == 0) divide_by_zero();
    return infinity(arena, numeric_sign(a) * numeric_sign(b));
  }
  if (!finite(b)) return make_numeric(arena, 0, 0);
  BigNumeric p = load_big(a), q = load_big(b);
  if (q.coefficient == 0) divide_by_zero();
  int scale = division_scale(postern::nbase_of(p), p.dscale, postern::nbase_of(q), q.dscale);
  return divide_big(arena, p, q, scale, NumericRounding::kHalfAway);
}

Datum numeric_div_truncate(Arena& arena, Datum a, Datum b) {
  SmallNumeric x, y;
  if (both_small(a, b, &x, &y)) {
    if (y.coefficient == 0) divide_by_zero();
    if (align(&x, &y)) return make_numeric(arena, x.coefficient / y.coefficient, 0);
  }
  if (is_nan(a) || is_nan(b)) return nan(arena);
  if (!finite(a)) {
    if (!finite(b)) return nan(arena);
    if (numeric_sign(b) == 0) divide_by_zero();
    return infinity(arena, numeric_sign(a) * numeric_sign(b));
  }
  if (!finite(b)) return make_numeric(arena, 0, 0);
  BigNumeric p = load_big(a), q = load_big(b);
  if (q.coefficient == 0) divide_by_zero();
  return divide_big(arena, p, q, 0, NumericRounding::kTruncate);
}

Datum numeric_mod(Arena& arena, Datum a, Datum b) {
  SmallNumeric x, y;
  if (both_small(a, b, &x, &y)) {
    if (y.coefficient == 0) divide_by_zero();
    if (align(&x, &y)) return make_numeric(arena, x.coefficient % y.coefficient, x.dscale);
  }
  if (is_nan(a) || is_nan(b)) return nan(arena);
  if (!finite(a)) {
    if (numeric_sign(b) == 0) divide_by_zero();
    return nan(arena);
  }
  if (!finite(b)) return a;
  Aligned v = load_aligned(a, b);
  if (v.b == 0) divide_by_zero();
  return store_big(arena, v.a % v.b, v.dscale);
}

Datum numeric_negate(Arena& arena, Datum a) {
  SmallNumeric n;
  if (numeric_small(a, &n)) return make_numeric(arena, -n.coefficient, n.dscale);
  if (is_nan(a)) return a;
  if (!finite(a)) return infinity(arena, -numeric_sign(a));
  BigNumeric b = load_big(a);
  return store_big(arena, -b.coefficient, b.dscale);
}

Datum numeric_abs(Arena& arena, Datum a) { return numeric_sign(a) < 0 ? numeric_negate(arena, a) : a; }

Datum numeric_round(Arena& arena, Datum a, int scale, NumericRounding rounding) {
  if (!finite(a)) return a;
  SmallNumeric n;
  if (numeric_small(a, &n) && scale >= 0) {
    if (scale <= n.dscale) return round_small(arena, n, scale, rounding);
    if (scale_up(&n.coefficient, scale - n.dscale)) return make_numeric(arena, n.coefficient, scale);
  }
  Big r = big_rescale(load_big(a), scale, rounding);
  if (scale < 0) r *= big_pow10(static_cast<unsigned>(-scale));
  return store_big(arena, r, std::max(scale, 0));
}

Datum numeric_with_min_dscale(Arena& arena, Datum a, int dscale) {
  return finite(a) && numeric_dscale(a) < dscale ? numeric_round(arena, a, dscale, NumericRounding::kTruncate) : a;
}

int numeric_min_scale(Datum a) {
  SmallNumeric n;
  if (numeric_small(a, &n)) {
    if (n.coefficient == 0) return 0;
    while (n.dscale > 0 && n.coefficient % 10 == 0) {
      n.coefficient /= 10;
      n.dscale--;
    }
    return n.dscale;
  }
  BigNumeric b = load_big(a);
  while (b.dscale > 0 && b.coefficient % 10 == 0) {
    b.coefficient /= 10;
    b.dscale--;
  }
  return b.dscale;
}

Datum numeric_gcd(Arena& arena, Datum a, Datum b) {
  if (!finite(a) || !finite(b)) return nan(arena);
  SmallNumeric x, y;
  if (both_small(a, b, &x, &y) && align(&x, &y)) {
    uint128 p = magnitude(x.coefficient), q = magnitude(y.coefficient);
    while (q) {
      uint128 t = p % q;
      p = q;
      q = t;
    }
    return make_numeric(arena, static_cast<int128>(p), x.dscale);
  }
  Aligned v = load_aligned(a, b);
  return store_big(arena, gcd(v.a, v.b), v.dscale);
}

Datum numeric_lcm(Arena& arena, Datum a, Datum b) {
  if (!finite(a) || !finite(b)) return nan(arena);
  Aligned v = load_aligned(a, b);
  if (v.a == 0 || v.b == 0) return store_big(arena, Big(0), v.dscale);
  return store_big(arena, abs(Big(v.a / gcd(v.a, v.b) * v.b)), v.dscale);
}

}  // namespace postern
