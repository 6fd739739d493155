// numeric: sqrt, exp, ln, log, power, factorial, variance. Transcendental functions are computed in binary fixed point with enough guard bits that
// rounding to the result scale is right but for ties no one can meet; the scales are PostgreSQL's.
#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "postgres/types/numeric_big.h"

namespace postern {
namespace {

constexpr double kLog10OfE = 0.434294481903251828;
constexpr double kBitsPerDigit = 3.3219280948873623;
constexpr int kMaxExponent = kNumericMaxResultScale * 3;  // exp() beyond this overflows

int clamp_scale(int scale) { return std::clamp(scale, 0, kNumericMaxDisplayScale); }
int bits_for(double digits) { return static_cast<int>(digits * kBitsPerDigit) + 64; }
Big one(int bits) { return Big(1) << static_cast<unsigned>(bits); }

[[noreturn]] void bad_log(bool zero) {
  throw SqlError{sqlstate::kInvalidArgumentForLog, zero ? "cannot take logarithm of zero" : "cannot take logarithm of a negative number"};
}
[[noreturn]] void bad_power(const char* message) { throw SqlError{sqlstate::kInvalidArgumentForPowerFunction, message}; }

// v * 2^bits, truncated.
Big to_fixed(const BigNumeric& v, int bits) { return (v.coefficient << static_cast<unsigned>(bits)) / big_pow10(static_cast<unsigned>(v.dscale)); }

// Coefficient of fixed-point v at a decimal scale. exponent: v is to be multiplied by 2^exponent first.
Big from_fixed(const Big& v, int bits, int exponent, int scale) {
  Big scaled = v * big_pow10(static_cast<unsigned>(scale));
  int shift = bits - exponent;
  if (shift <= 0) return scaled << static_cast<unsigned>(-shift);
  return big_divide(scaled, Big(1) << static_cast<unsigned>(shift), NumericRounding::kHalfAway);
}

// atanh(1/n) by its series.
Big atanh_of_inverse(unsigned n, int bits) {
  Big term = one(bits) / n, sum = term;
  unsigned square = n * n;
  for (unsigned k = 3; term != 0; k += 2) {
    term /= square;
    sum += term / k;
  }
  return sum;
}

// ln 2 = 18 atanh(1/26) - 2 atanh(1/4801) + 8 atanh(1/8749)
Big ln2(int bits) {
  int wide = bits + 32;
  Big v = 18 * atanh_of_inverse(26, wide) - 2 * atanh_of_inverse(4801, wide) + 8 * atanh_of_inverse(8749, wide);
  return v >> 32;
}

// ln of a positive number, fixed point.
Big ln_fixed(const BigNumeric& x, int bits) {
  int halvings = 4 + bits / 128;
  int wide = bits + halvings + 48;
  // x = m * 2^exponent, 0.75 <= m < 1.5
  int exponent = static_cast<int>(msb(x.coefficient)) - static_cast<int>(x.dscale * kBitsPerDigit);
  auto scaled = [&](int e) -> Big {
    int shift = wide - e;
    Big divisor = big_pow10(static_cast<unsigned>(x.dscale));
    if (shift >= 0) return (x.coefficient << static_cast<unsigned>(shift)) / divisor;
    return x.coefficient / (divisor << static_cast<unsigned>(-shift));
  };
  Big m = scaled(exponent);
  Big low = one(wide) * 3 / 4, high = one(wide) * 3 / 2;
  while (m < low) m = scaled(--exponent);
  while (m >= high) m = scaled(++exponent);
  for (int i = 0; i < halvings; i++) m = sqrt(Big(m << static_cast<unsigned>(wide)));
  Big y = ((m - one(wide)) << static_cast<unsigned>(wide)) / (m + one(wide));
  Big square = (y * y) >> static_cast<unsigned>(wide), power = y, sum = y;
  for (unsigned k = 3; power != 0 && power != -1; k += 2) {
    power = (power * square) >> static_cast<unsigned>(wide);
    sum += power / k;
  }
  Big r = sum << static_cast<unsigned>(halvings + 1);
  if (exponent) r += exponent * ln2(wide + 16) >> 16;
  return r >> static_cast<unsigned>(wide - bits);
}

// e^x = result * 2^*exponent, result fixed point in [1, 2). x is fixed point with `bits` too.
Big exp_fixed(const Big& x, int bits, int* exponent) {
  int halvings = 6 + bits / 64;
  int wide = bits + 2 * halvings + 32;
  Big v = x << static_cast<unsigned>(wide - bits);
  Big log2 = ln2(wide + 32);
  Big n = (v << 32) / log2;
  if (v < 0) n -= 1;
  *exponent = static_cast<int>(n);
  Big r = (v - ((n * log2) >> 32)) >> static_cast<unsigned>(halvings);
  Big term = r, sum = one(wide) + r;
  for (unsigned k = 2; term != 0; k++) {
    term = ((term * r) >> static_cast<unsigned>(wide)) / k;
    sum += term;
  }
  for (int i = 0; i < halvings; i++) sum = (sum * sum) >> static_cast<unsigned>(wide);
  return sum >> static_cast<unsigned>(wide - bits);
}

// Decimal exponent of the first digit of ln(v), roughly: what result scales are chosen from.
int ln_weight(const BigNumeric& v) {
  if (v.coefficient <= 0) return 0;
  Big unit = big_pow10(static_cast<unsigned>(v.dscale)), ten = v.coefficient * 10;
  if (ten >= unit * 9 && ten <= unit * 11) {
    Big distance = abs(Big(v.coefficient - unit));
    return distance == 0 ? 0 : big_digits(distance) - 1 - v.dscale;
  }
  // As PostgreSQL: from the first eight digits, aligned to powers of 10000.
  Nbase n = nbase_of(v);
  int exponent = 4 * (n.weight - 1);
  BigNumeric shifted = v;
  Big digits = shifted.dscale + exponent >= 0 ? Big(v.coefficient / big_pow10(static_cast<unsigned>(v.dscale + exponent)))
                                              : Big(v.coefficient * big_pow10(static_cast<unsigned>(-(v.dscale + exponent))));
  double ln = std::log(static_cast<double>(digits)) + exponent * 2.302585092994046;
  return static_cast<int>(std::log10(std::fabs(ln)));
}

Datum exp_of_fixed(Arena& arena, const Big& x, int bits, double approximate, int scale) {
  if (std::fabs(approximate) >= kMaxExponent) {
    if (approximate > 0) numeric_overflow();
    return make_numeric(arena, 0, scale);
  }
  int exponent;
  Big r = exp_fixed(x, bits, &exponent);
  return store_big(arena, from_fixed(r, bits, exponent, scale), scale);
}

bool is_integral(const BigNumeric& v) { return v.dscale == 0 || v.coefficient % big_pow10(static_cast<unsigned>(v.dscale)) == 0; }

// A decimal floating-point number cut to some digits.
struct DecimalFloat {
  Big mantissa;
  int64_t exponent;  // value = mantissa * 10^exponent
  void cut(int digits) {
    int n = big_digits(mantissa);
    if (n <= digits) return;
    mantissa /= big_pow10(static_cast<unsigned>(n - digits));
    exponent += n - digits;
  }
};

// base^n at a scale, for whole n.
Datum power_int(Arena& arena, const BigNumeric& base, int32_t n, int scale) {
  if (n == 0) return store_big(arena, big_pow10(static_cast<unsigned>(scale)), scale);
  if (base.coefficient == 0) {
    if (n < 0) throw SqlError{sqlstate::kDivisionByZero, "division by zero"};
    return make_numeric(arena, 0, scale);
  }
  Big magnitude = abs(base.coefficient);
  int digits = big_digits(magnitude);
  double log10_base = std::log10(big_to_double({magnitude, digits})) + digits - base.dscale;
  double weight = n * log10_base;
  if (weight > kNumericMaxIntegerDigits) numeric_overflow();
  if (weight + 1 < -kNumericMaxDisplayScale) return make_numeric(arena, 0, scale);
  int significant = 1 + scale + static_cast<int>(weight) + static_cast<int>(std::log(std::fabs(static_cast<double>(n)))) + 8;
  significant = std::max(significant, 16) + 8;

  DecimalFloat result{1, 0}, square{magnitude, -base.dscale};
  for (uint32_t bits = n < 0 ? 0u - static_cast<uint32_t>(n) : static_cast<uint32_t>(n); bits; bits >>= 1) {
    if (bits & 1) {
      result.mantissa *= square.mantissa;
      result.exponent += square.exponent;
      result.cut(significant);
    }
    if (bits > 1) {
      square.mantissa *= square.mantissa;
      square.exponent *= 2;
      square.cut(significant);
    }
  }
  Big r;
  int64_t shift = n > 0 ? scale + result.exponent : scale - result.exponent;
  if (n > 0) {
    r = shift >= 0 ? Big(result.mantissa * big_pow10(static_cast<unsigned>(shift)))
                   : big_divide(result.mantissa, big_pow10(static_cast<unsigned>(-shift)), NumericRounding::kHalfAway);
  } else {
    Big dividend = shift > 0 ? big_pow10(static_cast<unsigned>(shift)) : Big(1);
    Big divisor = shift < 0 ? Big(result.mantissa * big_pow10(static_cast<unsigned>(-shift))) : result.mantissa;
    r = big_divide(dividend, divisor, NumericRounding::kHalfAway);
  }
  if (base.coefficient < 0 && n % 2 != 0) r = -r;
  return store_big(arena, r, scale);
}

// exp(e * ln(base)) for a positive base.
Datum power_by_logarithm(Arena& arena, const BigNumeric& base, const BigNumeric& e, bool negate) {
  int e_bits = e.coefficient == 0 ? 0 : std::max(0, static_cast<int>(msb(abs(e.coefficient))) - static_cast<int>(e.dscale * kBitsPerDigit) + 1);
  auto product = [&](int bits) -> Big {
    Big ln = ln_fixed(base, bits + e_bits);
    return (ln * e.coefficient / big_pow10(static_cast<unsigned>(e.dscale))) >> static_cast<unsigned>(e_bits);
  };
  int rough_bits = bits_for(8 + std::max(0, -ln_weight(base)));
  double approximate = big_to_double({product(rough_bits) * big_pow10(20) >> static_cast<unsigned>(rough_bits), 20});
  if (std::fabs(approximate) > kNumericMaxResultScale * 3.01) {
    if (approximate > 0) numeric_overflow();
    return make_numeric(arena, 0, kNumericMaxDisplayScale);
  }
  double weight = approximate * kLog10OfE;
  int scale = clamp_scale(std::max({kNumericMinSignificantDigits - static_cast<int>(weight), base.dscale, e.dscale}));
  int bits = bits_for(scale + std::max(0.0, weight) + 8);
  Datum r = exp_of_fixed(arena, product(bits), bits, approximate, scale);
  return negate ? numeric_negate(arena, r) : r;
}

// When a or b is NaN or infinite.
Datum power_special(Arena& arena, Datum a, Datum b) {
  auto kind_a = numeric_kind(a), kind_b = numeric_kind(b);
  Datum one_value = make_numeric(arena, 1, 0), zero = make_numeric(arena, 0, 0);
  auto infinity = [&](bool negative) { return make_numeric_special(arena, negative ? NumericKind::kNegInfinity : NumericKind::kPosInfinity); };
  if (kind_a == NumericKind::kNan) return kind_b == NumericKind::kFinite && numeric_sign(b) == 0 ? one_value : a;
  if (kind_b == NumericKind::kNan) return numeric_compare(a, one_value) == 0 ? one_value : b;
  int sign_a = numeric_sign(a), sign_b = numeric_sign(b);
  bool b_finite = kind_b == NumericKind::kFinite;
  if (sign_a == 0 && sign_b < 0) bad_power("zero raised to a negative power is undefined");
  if (sign_a < 0 && b_finite && !is_integral(load_big(b))) bad_power("a negative number raised to a non-integer power yields a complex result");
  if (numeric_compare(a, one_value) == 0 || sign_b == 0) return one_value;
  if (sign_a == 0) return zero;
  if (!b_finite) {
    int c = numeric_compare(numeric_abs(arena, a), one_value);
    if (c == 0) return one_value;
    return (c > 0) == (sign_b > 0) ? infinity(false) : zero;
  }
  if (sign_b < 0) return zero;
  if (sign_a > 0) return a;
  return infinity(big_rescale(load_big(b), 0) % 2 != 0);
}

Big integer_sqrt_rounded(const Big& v) {
  Big rest, root = sqrt(v, rest);
  return rest > root ? Big(root + 1) : root;
}

// sqrt(v) at a scale with 2 * scale >= dscale.
Datum sqrt_at(Arena& arena, const BigNumeric& v, int scale) {
  int shift = 2 * scale - v.dscale;
  Big scaled = shift >= 0 ? Big(v.coefficient * big_pow10(static_cast<unsigned>(shift)))
                          : Big(v.coefficient / big_pow10(static_cast<unsigned>(-shift)));
  return store_big(arena, integer_sqrt_rounded(scaled), scale);
}

}  // namespace

Datum numeric_sqrt(Arena& arena, Datum a) {
  if (numeric_sign(a) < 0) bad_power("cannot take square root of a negative number");
  if (numeric_kind(a) != NumericKind::kFinite) return a;
  BigNumeric v = load_big(a);
  int weight = (nbase_of(v).weight + 1) * 4 / 2 - 1;
  return sqrt_at(arena, v, clamp_scale(std::max(kNumericMinSignificantDigits - weight, v.dscale)));
}

Datum numeric_exp(Arena& arena, Datum a) {
  switch (numeric_kind(a)) {
    case NumericKind::kNegInfinity: return make_numeric(arena, 0, 0);
    case NumericKind::kFinite: break;
    default: return a;
  }
  BigNumeric v = load_big(a);
  double approximate = big_to_double(v);
  double weight = approximate * kLog10OfE, limit = kNumericMaxResultScale;
  int scale = clamp_scale(std::max(kNumericMinSignificantDigits - static_cast<int>(std::clamp(weight, -limit, limit)), v.dscale));
  if (std::fabs(approximate) >= kMaxExponent) return exp_of_fixed(arena, 0, 0, approximate, scale);
  int bits = bits_for(scale + std::max(0.0, weight) + 8);
  return exp_of_fixed(arena, to_fixed(v, bits), bits, approximate, scale);
}

Datum numeric_ln(Arena& arena, Datum a) {
  if (numeric_kind(a) == NumericKind::kNan) return a;
  if (numeric_sign(a) <= 0) bad_log(numeric_sign(a) == 0);
  if (numeric_kind(a) != NumericKind::kFinite) return a;
  BigNumeric v = load_big(a);
  int scale = clamp_scale(std::max(kNumericMinSignificantDigits - ln_weight(v), v.dscale));
  int bits = bits_for(scale + 8);
  return store_big(arena, from_fixed(ln_fixed(v, bits), bits, 0, scale), scale);
}

Datum numeric_log(Arena& arena, Datum base, Datum a) {
  auto kind_base = numeric_kind(base), kind_a = numeric_kind(a);
  if (kind_base == NumericKind::kNan || kind_a == NumericKind::kNan) return make_numeric_special(arena, NumericKind::kNan);
  int sign_base = numeric_sign(base), sign_a = numeric_sign(a);
  if (sign_base < 0 || sign_a < 0) bad_log(false);
  if (sign_base == 0 || sign_a == 0) bad_log(true);
  if (kind_base != NumericKind::kFinite) return kind_a == NumericKind::kFinite ? make_numeric(arena, 0, 0) : make_numeric_special(arena, NumericKind::kNan);
  if (kind_a != NumericKind::kFinite) return a;
  BigNumeric b = load_big(base), v = load_big(a);
  int weight_b = ln_weight(b), weight = ln_weight(v) - weight_b;
  int scale = clamp_scale(std::max({kNumericMinSignificantDigits - weight, b.dscale, v.dscale}));
  int bits = bits_for(scale + std::abs(weight) + 2 * std::abs(weight_b) + 16);
  Big ln_b = ln_fixed(b, bits), ln_v = ln_fixed(v, bits);
  if (ln_b == 0) throw SqlError{sqlstate::kDivisionByZero, "division by zero"};
  Big dividend = ln_v * big_pow10(static_cast<unsigned>(scale));
  if (ln_b < 0) {
    ln_b = -ln_b;
    dividend = -dividend;
  }
  return store_big(arena, big_divide(dividend, ln_b, NumericRounding::kHalfAway), scale);
}

Datum numeric_power(Arena& arena, Datum a, Datum b) {
  if (numeric_kind(a) != NumericKind::kFinite || numeric_kind(b) != NumericKind::kFinite) return power_special(arena, a, b);
  BigNumeric base = load_big(a), e = load_big(b);
  bool integral = is_integral(e);
  if (base.coefficient == 0 && e.coefficient < 0) bad_power("zero raised to a negative power is undefined");
  if (base.coefficient < 0 && !integral) bad_power("a negative number raised to a non-integer power yields a complex result");
  if (integral) {
    Big n = big_rescale(e, 0);
    if (n >= INT32_MIN && n <= INT32_MAX)
      return power_int(arena, base, static_cast<int32_t>(n), clamp_scale(std::max(kNumericMinSignificantDigits, base.dscale)));
  }
  if (base.coefficient == 0) return make_numeric(arena, 0, kNumericMinSignificantDigits);
  bool negate = base.coefficient < 0 && big_rescale(e, 0) % 2 != 0;
  if (base.coefficient < 0) base.coefficient = -base.coefficient;
  return power_by_logarithm(arena, base, e, negate);
}

Datum numeric_factorial(Arena& arena, int64_t n) {
  if (n < 0) throw SqlError{sqlstate::kNumericValueOutOfRange, "factorial of a negative number is undefined"};
  if (n > 32177) numeric_overflow();
  Big r = 1;
  for (int64_t i = 2; i <= n; i++) r *= static_cast<unsigned>(i);
  return store_big(arena, r, 0);
}

Datum numeric_variance(Arena& arena, int64_t n, Datum x, Datum x2, bool sample, bool square_root) {
  BigNumeric sum = load_big(x), squares = load_big(x2);
  BigNumeric numerator{0, std::max(2 * sum.dscale, squares.dscale)};
  numerator.coefficient = big_rescale({squares.coefficient * n, squares.dscale}, numerator.dscale) -
                          big_rescale({sum.coefficient * sum.coefficient, 2 * sum.dscale}, numerator.dscale);
  if (numerator.coefficient <= 0) return make_numeric(arena, 0, 0);
  BigNumeric denominator{sample ? Big(n) * (n - 1) : Big(n) * n, 0};
  int scale = division_scale(nbase_of(numerator), numerator.dscale, nbase_of(denominator), 0);
  BigNumeric variance{0, scale};
  int shift = scale - numerator.dscale;
  Big dividend = shift >= 0 ? Big(numerator.coefficient * big_pow10(static_cast<unsigned>(shift))) : numerator.coefficient;
  Big divisor = shift >= 0 ? denominator.coefficient : Big(denominator.coefficient * big_pow10(static_cast<unsigned>(-shift)));
  variance.coefficient = big_divide(dividend, divisor, NumericRounding::kHalfAway);
  return square_root ? sqrt_at(arena, variance, scale) : store_big(arena, variance);
}

}  // namespace postern
