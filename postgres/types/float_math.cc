// Elementary functions of float8 with PostgreSQL's domain errors.
#include <cmath>

#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/dense.h"
#include "postgres/types/number_tables.h"

namespace postern {
namespace {

[[noreturn]] void bad_input() { throw SqlError{sqlstate::kNumericValueOutOfRange, "input is out of range"}; }
[[noreturn]] void overflow() { throw_arith(kArithOverflow, ArithResult::kFloat); }
[[noreturn]] void underflow() { throw_arith(kArithUnderflow, ArithResult::kFloat); }
[[noreturn]] void bad_power(const char* message) { throw SqlError{sqlstate::kInvalidArgumentForPowerFunction, message}; }

double round_even(double v) { return std::rint(v); }
double truncate(double v) { return std::trunc(v); }
double ceiling(double v) { return std::ceil(v); }
double floor_of(double v) { return std::floor(v); }
double sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }
double cube_root(double v) { return std::cbrt(v); }
double pi() { return 3.14159265358979323846; }

double square_root(double v) {
  if (v < 0) bad_power("cannot take square root of a negative number");
  return std::sqrt(v);
}
double power(double a, double b) {
  if (a == 0 && b < 0) bad_power("zero raised to a negative power is undefined");
  if (a < 0 && std::isfinite(b) && std::floor(b) != b) bad_power("a negative number raised to a non-integer power yields a complex result");
  double r = std::pow(a, b);
  if (std::isfinite(a) && std::isfinite(b)) {
    if (std::isinf(r)) overflow();
    if (r == 0 && a != 0) underflow();
  }
  return r;
}
double exponential(double v) {
  double r = std::exp(v);
  if (std::isfinite(v)) {
    if (std::isinf(r)) overflow();
    if (r == 0) underflow();
  }
  return r;
}
void check_logarithm(double v) {
  if (v == 0) throw SqlError{sqlstate::kInvalidArgumentForLog, "cannot take logarithm of zero"};
  if (v < 0) throw SqlError{sqlstate::kInvalidArgumentForLog, "cannot take logarithm of a negative number"};
}
double natural_log(double v) {
  check_logarithm(v);
  return std::log(v);
}
double log_10(double v) {
  check_logarithm(v);
  return std::log10(v);
}

double finite(double v) {
  if (std::isinf(v)) bad_input();
  return v;
}
double unit(double v) {
  if (v < -1 || v > 1) bad_input();
  return v;
}
double sine(double v) { return std::sin(finite(v)); }
double cosine(double v) { return std::cos(finite(v)); }
double tangent(double v) { return std::tan(finite(v)); }
double cotangent(double v) { return 1.0 / std::tan(finite(v)); }
double arc_sine(double v) { return std::asin(unit(v)); }
double arc_cosine(double v) { return std::acos(unit(v)); }
double arc_tangent(double v) { return std::atan(v); }
double arc_tangent2(double y, double x) { return std::atan2(y, x); }
double sinh_of(double v) { return std::sinh(v); }
double cosh_of(double v) { return std::cosh(v); }
double tanh_of(double v) { return std::tanh(v); }
double asinh_of(double v) { return std::asinh(v); }
double acosh_of(double v) {
  if (v < 1) bad_input();
  return std::acosh(v);
}
double atanh_of(double v) { return std::atanh(unit(v)); }

constexpr double kRadiansPerDegree = 0.0174532925199432957692;
double degrees(double v) {
  double r = v / kRadiansPerDegree;
  if (std::isinf(r) && !std::isinf(v)) overflow();
  return r;
}
double radians(double v) {
  double r = v * kRadiansPerDegree;
  if (r == 0 && v != 0) underflow();
  return r;
}

// Degree-based functions are scaled so that the landmarks (30, 45, 60 degrees …) are exact. volatile keeps the compiler from folding the
// divisors with another precision than the dividends.
volatile double v_one_half = 0.5, v_one = 1.0, v_thirty = 30.0, v_sixty = 60.0, v_forty_five = 45.0;
double sin_to_30(double x) {
  static const double sin30 = std::sin(v_thirty * kRadiansPerDegree);
  volatile double s = std::sin(x * kRadiansPerDegree);
  return s / sin30 / 2.0;
}
double cos_to_60(double x) {
  static const double one_minus_cos60 = 1.0 - std::cos(v_sixty * kRadiansPerDegree);
  volatile double c = 1.0 - std::cos(x * kRadiansPerDegree);
  return 1.0 - c / one_minus_cos60 / 2.0;
}
double sin_quadrant(double x) { return x <= 30 ? sin_to_30(x) : cos_to_60(90 - x); }
double cos_quadrant(double x) { return x <= 60 ? cos_to_60(x) : sin_to_30(90 - x); }
double asin_quadrant(double x) {
  static const double asin_half = std::asin(v_one_half), acos_half = std::acos(v_one_half);
  if (x <= 0.5) {
    volatile double a = std::asin(x);
    return a / asin_half * 30.0;
  }
  volatile double a = std::acos(x);
  return 90.0 - a / acos_half * 60.0;
}
double acos_quadrant(double x) {
  static const double asin_half = std::asin(v_one_half), acos_half = std::acos(v_one_half);
  if (x <= 0.5) {
    volatile double a = std::asin(x);
    return 90.0 - a / asin_half * 30.0;
  }
  volatile double a = std::acos(x);
  return a / acos_half * 60.0;
}
double sine_degrees(double v) {
  if (std::isnan(v)) return v;
  double x = std::fmod(finite(v), 360.0), sign = 1;
  if (x < 0) { x = -x; sign = -sign; }
  if (x > 180) { x = 360 - x; sign = -sign; }
  if (x > 90) x = 180 - x;
  return sign * sin_quadrant(x);
}
double cosine_degrees(double v) {
  if (std::isnan(v)) return v;
  double x = std::abs(std::fmod(finite(v), 360.0)), sign = 1;
  if (x > 180) x = 360 - x;
  if (x > 90) { x = 180 - x; sign = -sign; }
  return sign * cos_quadrant(x);
}
// Reduces to the first quadrant; the sign of tan and cot is the same there.
double reduce_tangent(double v, double* sign) {
  double x = std::fmod(finite(v), 360.0);
  *sign = 1;
  if (x < 0) { x = -x; *sign = -*sign; }
  if (x > 180) { x = 360 - x; *sign = -*sign; }
  if (x > 90) { x = 180 - x; *sign = -*sign; }
  return x;
}
double tangent_degrees(double v) {
  if (std::isnan(v)) return v;
  static const double tan45 = sin_quadrant(v_forty_five) / cos_quadrant(v_forty_five);
  double sign, x = reduce_tangent(v, &sign);
  volatile double t = sin_quadrant(x) / cos_quadrant(x);
  double r = sign * (t / tan45);
  return r == 0 ? 0.0 : r;
}
double cotangent_degrees(double v) {
  if (std::isnan(v)) return v;
  static const double cot45 = cos_quadrant(v_forty_five) / sin_quadrant(v_forty_five);
  double sign, x = reduce_tangent(v, &sign);
  volatile double t = cos_quadrant(x) / sin_quadrant(x);
  double r = sign * (t / cot45);
  return r == 0 ? 0.0 : r;
}
double arc_sine_degrees(double v) { return std::isnan(v) ? v : unit(v) >= 0 ? asin_quadrant(v) : -asin_quadrant(-v); }
double arc_cosine_degrees(double v) { return std::isnan(v) ? v : unit(v) >= 0 ? acos_quadrant(v) : 90.0 + asin_quadrant(-v); }
double degrees_of_arc(double angle) {
  static const double atan1 = std::atan(v_one);
  return angle / atan1 * 45.0;
}
double arc_tangent_degrees(double v) {
  volatile double a = std::atan(v);
  return degrees_of_arc(a);
}
double arc_tangent2_degrees(double y, double x) {
  volatile double a = std::atan2(y, x);
  return degrees_of_arc(a);
}

int32_t width_bucket(double v, double bound1, double bound2, int32_t count) {
  auto bad = [](const char* m) { return SqlError{sqlstate::kInvalidArgumentForWidthBucketFunction, m}; };
  if (count <= 0) throw bad("count must be greater than zero");
  if (std::isnan(v) || std::isnan(bound1) || std::isnan(bound2)) throw bad("operand, lower bound, and upper bound cannot be NaN");
  if (std::isinf(bound1) || std::isinf(bound2)) throw bad("lower and upper bounds must be finite");
  if (bound1 == bound2) throw bad("lower bound cannot equal upper bound");
  bool up = bound1 < bound2;
  if (up ? v < bound1 : v > bound1) return 0;
  if (up ? v >= bound2 : v <= bound2) {
    if (count == INT32_MAX) throw_arith(kArithOverflow, ArithResult::kInt4);
    return count + 1;
  }
  double span = bound2 - bound1;
  double position = std::isinf(span) ? (v / 2 - bound1 / 2) / (bound2 / 2 - bound1 / 2) : (v - bound1) / span;
  return static_cast<int32_t>(count * position) + 1;
}

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(228, round_even), STRICT_FN(1342, round_even), STRICT_FN(229, truncate), STRICT_FN(1343, truncate), STRICT_FN(2308, ceiling),
    STRICT_FN(2320, ceiling), STRICT_FN(2309, floor_of), STRICT_FN(2310, sign), STRICT_FN(230, square_root), STRICT_FN(1344, square_root),
    STRICT_FN(231, cube_root), STRICT_FN(1345, cube_root), STRICT_FN(232, power), STRICT_FN(1346, power), STRICT_FN(1368, power),
    STRICT_FN(233, exponential), STRICT_FN(1347, exponential), STRICT_FN(234, natural_log), STRICT_FN(1341, natural_log), STRICT_FN(1194, log_10),
    STRICT_FN(1339, log_10), STRICT_FN(1340, log_10), STRICT_FN(1600, arc_sine), STRICT_FN(1601, arc_cosine), STRICT_FN(1602, arc_tangent),
    STRICT_FN(1603, arc_tangent2), STRICT_FN(1604, sine), STRICT_FN(1605, cosine), STRICT_FN(1606, tangent), STRICT_FN(1607, cotangent),
    STRICT_FN(1608, degrees), STRICT_FN(1609, radians), STRICT_FN(1610, pi), STRICT_FN(2462, sinh_of), STRICT_FN(2463, cosh_of),
    STRICT_FN(2464, tanh_of), STRICT_FN(2465, asinh_of), STRICT_FN(2466, acosh_of), STRICT_FN(2467, atanh_of), STRICT_FN(2731, arc_sine_degrees),
    STRICT_FN(2732, arc_cosine_degrees), STRICT_FN(2733, arc_tangent_degrees), STRICT_FN(2734, arc_tangent2_degrees), STRICT_FN(2735, sine_degrees),
    STRICT_FN(2736, cosine_degrees), STRICT_FN(2737, tangent_degrees), STRICT_FN(2738, cotangent_degrees), STRICT_FN(320, width_bucket),
}));

}  // namespace

constinit const FnTables kFloatMathFns{kFns, {}, {}};

}  // namespace postern
