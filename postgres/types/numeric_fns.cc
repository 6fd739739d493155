// numeric as a type (entries of TypeInfo) and its SQL functions.
#include <algorithm>
#include <cmath>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric.h"
#include "postgres/types/numeric_types.h"
#include "postgres/types/scalar_io.h"

namespace postern {
namespace numeric_types {

Datum numeric_in(FnContext& cx, std::string_view s, int32_t typmod) { return parse_numeric(*cx.arena, s, typmod); }
void numeric_out(FnContext&, Datum d, std::string& out) { append_numeric(out, d); }

// Wire format: int16 digits in base 10000, int16 weight of the first, uint16 sign (0x4000 negative, 0xC000 NaN, 0xD000 Infinity, 0xF000 -Infinity),
// uint16 dscale, the digits.
void numeric_send(FnContext&, Datum d, std::string& out) {
  auto put = [&](int v) {
    out += static_cast<char>(v >> 8);
    out += static_cast<char>(v);
  };
  switch (numeric_kind(d)) {
    case NumericKind::kNan: put(0); put(0); put(0xC000); put(0); return;
    case NumericKind::kPosInfinity: put(0); put(0); put(0xD000); put(0x20); return;
    case NumericKind::kNegInfinity: put(0); put(0); put(0xF000); put(0x20); return;
    case NumericKind::kFinite: break;
  }
  std::string text;
  append_numeric(text, d);
  bool negative = text[0] == '-';
  if (negative) text.erase(0, 1);
  size_t point = text.find('.');
  std::string whole = text.substr(0, point), fraction = point == text.npos ? std::string() : text.substr(point + 1);
  if (whole == "0") whole.clear();
  whole.insert(0, (4 - whole.size() % 4) % 4, '0');
  fraction.append((4 - fraction.size() % 4) % 4, '0');
  std::string all = whole + fraction;
  int weight = static_cast<int>(whole.size() / 4) - 1;
  size_t first = 0, last = all.size();
  while (first < last && all.compare(first, 4, "0000") == 0) {
    first += 4;
    weight--;
  }
  while (last > first && all.compare(last - 4, 4, "0000") == 0) last -= 4;
  if (first == last) weight = 0;
  put(static_cast<int>((last - first) / 4));
  put(weight);
  put(negative ? 0x4000 : 0);
  put(numeric_dscale(d));
  for (size_t i = first; i < last; i += 4) put((all[i] - '0') * 1000 + (all[i + 1] - '0') * 100 + (all[i + 2] - '0') * 10 + (all[i + 3] - '0'));
}

Datum numeric_recv(FnContext& cx, std::string_view s, int32_t typmod) {
  auto bad = [](const char* what) { return SqlError{sqlstate::kInvalidBinaryRepresentation, what}; };
  if (s.size() < 8) check_recv_size(s, 8);
  int n = load_be<uint16_t>(s.data()), weight = load_be<int16_t>(s.data() + 2);
  int sign = load_be<uint16_t>(s.data() + 4), dscale = load_be<uint16_t>(s.data() + 6);
  if (sign == 0xC000) return make_numeric_special(*cx.arena, NumericKind::kNan);
  if (sign == 0xD000 || sign == 0xF000)
    return numeric_apply_typmod(*cx.arena, make_numeric_special(*cx.arena, sign == 0xD000 ? NumericKind::kPosInfinity : NumericKind::kNegInfinity), typmod);
  if (sign != 0 && sign != 0x4000) throw bad("invalid sign in external \"numeric\" value");
  if (dscale > kNumericMaxDscale) throw bad("invalid scale in external \"numeric\" value");
  check_recv_size(s, 8 + static_cast<size_t>(n) * 2);
  std::string text = sign ? "-0" : "0";
  auto digit = [&](int i) {
    int v = load_be<uint16_t>(s.data() + 8 + i * 2);
    if (v > 9999) throw bad("invalid digit in external \"numeric\" value");
    char buf[4] = {static_cast<char>('0' + v / 1000), static_cast<char>('0' + v / 100 % 10), static_cast<char>('0' + v / 10 % 10), static_cast<char>('0' + v % 10)};
    text.append(buf, 4);
  };
  for (int i = 0; i <= weight; i++) {
    if (i < n) digit(i);
    else text.append(4, '0');
  }
  size_t point = text.size();
  text += '.';
  if (weight < -1) text.append(static_cast<size_t>(-1 - weight) * 4, '0');
  for (int i = std::max(weight + 1, 0); i < n; i++) digit(i);
  text.resize(std::max(text.size(), point + 1 + static_cast<size_t>(dscale)), '0');
  text.resize(point + 1 + static_cast<size_t>(dscale));  // digits beyond dscale are cut
  return parse_numeric(*cx.arena, text, typmod);
}

int numeric_compare_values(FnContext&, Datum a, Datum b) { return numeric_compare(a, b); }
uint64_t numeric_hash_value(FnContext&, Datum d) { return numeric_hash(d); }

void numeric_typmod_out(int32_t typmod, std::string& out) {
  if (typmod >= 4) append(out, "(", numeric_typmod_precision(typmod), ",", numeric_typmod_scale(typmod), ")");
}
int32_t numeric_typmod_in(std::span<const int32_t> mods) {
  auto bad = [](std::string m) { return SqlError{sqlstate::kInvalidParameterValue, std::move(m)}; };
  if (mods.empty() || mods.size() > 2) throw bad("invalid NUMERIC type modifier");
  if (mods[0] < 1 || mods[0] > 1000) throw bad(cat("NUMERIC precision ", mods[0], " must be between 1 and 1000"));
  int scale = mods.size() == 2 ? mods[1] : 0;
  if (scale < -1000 || scale > 1000) throw bad(cat("NUMERIC scale ", scale, " must be between -1000 and 1000"));
  return numeric_typmod(mods[0], scale);
}

}  // namespace numeric_types

namespace {

bool eq(Datum a, Datum b) { return numeric_compare(a, b) == 0; }
bool ne(Datum a, Datum b) { return numeric_compare(a, b) != 0; }
bool lt(Datum a, Datum b) { return numeric_compare(a, b) < 0; }
bool le(Datum a, Datum b) { return numeric_compare(a, b) <= 0; }
bool gt(Datum a, Datum b) { return numeric_compare(a, b) > 0; }
bool ge(Datum a, Datum b) { return numeric_compare(a, b) >= 0; }
int32_t cmp(Datum a, Datum b) {
  int c = numeric_compare(a, b);
  return c < 0 ? -1 : c > 0;
}
Datum larger(Datum a, Datum b) { return numeric_compare(a, b) > 0 ? a : b; }
Datum smaller(Datum a, Datum b) { return numeric_compare(a, b) < 0 ? a : b; }

template <Datum (*F)(Arena&, Datum)>
Datum unary(FnContext& cx, Datum a) { return F(*cx.arena, a); }
template <Datum (*F)(Arena&, Datum, Datum)>
Datum binary(FnContext& cx, Datum a, Datum b) { return F(*cx.arena, a, b); }

Datum apply_typmod(FnContext& cx, Datum a, int32_t typmod) { return numeric_apply_typmod(*cx.arena, a, typmod); }
Datum same(Datum a) { return a; }
Datum sign(FnContext& cx, Datum a) { return numeric_kind(a) == NumericKind::kNan ? a : make_numeric(*cx.arena, numeric_sign(a), 0); }
int clamp_result_scale(int32_t s) { return std::clamp(s, -kNumericMaxResultScale, kNumericMaxResultScale); }
Datum round_to(FnContext& cx, Datum a, int32_t s) { return numeric_round(*cx.arena, a, clamp_result_scale(s), NumericRounding::kHalfAway); }
Datum truncate_to(FnContext& cx, Datum a, int32_t s) { return numeric_round(*cx.arena, a, clamp_result_scale(s), NumericRounding::kTruncate); }
Datum round_whole(FnContext& cx, Datum a) { return numeric_round(*cx.arena, a, 0, NumericRounding::kHalfAway); }
Datum truncate_whole(FnContext& cx, Datum a) { return numeric_round(*cx.arena, a, 0, NumericRounding::kTruncate); }
Datum ceiling(FnContext& cx, Datum a) { return numeric_round(*cx.arena, a, 0, NumericRounding::kCeil); }
Datum floor_of(FnContext& cx, Datum a) { return numeric_round(*cx.arena, a, 0, NumericRounding::kFloor); }
Datum increment(FnContext& cx, Datum a) { return numeric_add(*cx.arena, a, make_numeric(*cx.arena, 1, 0)); }
Datum log10_of(FnContext& cx, Datum a) { return numeric_log(*cx.arena, make_numeric(*cx.arena, 10, 0), a); }
Datum factorial(FnContext& cx, int64_t n) { return numeric_factorial(*cx.arena, n); }

std::optional<int32_t> scale(Datum a) {
  if (numeric_kind(a) != NumericKind::kFinite) return std::nullopt;
  return numeric_dscale(a);
}
std::optional<int32_t> min_scale(Datum a) {
  if (numeric_kind(a) != NumericKind::kFinite) return std::nullopt;
  return numeric_min_scale(a);
}
Datum trim_scale(FnContext& cx, Datum a) {
  if (numeric_kind(a) != NumericKind::kFinite) return a;
  return numeric_round(*cx.arena, a, numeric_min_scale(a), NumericRounding::kTruncate);
}

Datum from_integer(FnContext& cx, int64_t v) { return make_numeric(*cx.arena, v, 0); }
Datum from_double(FnContext& cx, double v) { return float8_to_numeric(*cx.arena, v, 15); }
Datum from_float(FnContext& cx, float v) { return float8_to_numeric(*cx.arena, v, 6); }
int16_t to_int2(Datum a) { return static_cast<int16_t>(numeric_to_int(a, INT16_MIN, INT16_MAX, "smallint")); }
int32_t to_int4(Datum a) { return static_cast<int32_t>(numeric_to_int(a, INT32_MIN, INT32_MAX, "integer")); }
int64_t to_int8(Datum a) { return numeric_to_int(a, INT64_MIN, INT64_MAX, "bigint"); }
double to_double(Datum a) { return numeric_to_float8(a); }
float to_float(Datum a) {
  if (numeric_kind(a) != NumericKind::kFinite) return static_cast<float>(numeric_to_float8(a));
  std::string text;
  append_numeric(text, a);
  return parse_float4(text);
}

int32_t width_bucket(FnContext& cx, Datum v, Datum bound1, Datum bound2, int32_t count) {
  auto bad = [](const char* m) { return SqlError{sqlstate::kInvalidArgumentForWidthBucketFunction, m}; };
  auto is_nan = [](Datum d) { return numeric_kind(d) == NumericKind::kNan; };
  if (count <= 0) throw bad("count must be greater than zero");
  if (is_nan(v) || is_nan(bound1) || is_nan(bound2)) throw bad("operand, lower bound, and upper bound cannot be NaN");
  if (numeric_kind(bound1) != NumericKind::kFinite || numeric_kind(bound2) != NumericKind::kFinite) throw bad("lower and upper bounds must be finite");
  int order = numeric_compare(bound1, bound2);
  if (order == 0) throw bad("lower bound cannot equal upper bound");
  bool up = order < 0;
  int against1 = numeric_compare(v, bound1), against2 = numeric_compare(v, bound2);
  if (up ? against1 < 0 : against1 > 0) return 0;
  if (up ? against2 >= 0 : against2 <= 0) {
    if (count == INT32_MAX) throw SqlError{sqlstate::kNumericValueOutOfRange, "integer out of range"};
    return count + 1;
  }
  Arena& arena = *cx.arena;
  Datum offset = numeric_sub(arena, v, bound1), span = numeric_sub(arena, bound2, bound1);
  Datum bucket = numeric_div(arena, numeric_mul(arena, offset, numeric_from_int8(arena, count)), span);
  return static_cast<int32_t>(numeric_to_int(numeric_round(arena, bucket, 0, NumericRounding::kFloor), 0, count, "integer")) + 1;
}

int32_t hash(Datum a) { return static_cast<int32_t>(numeric_hash(a)); }

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1718, eq), STRICT_FN(1719, ne), STRICT_FN(1720, gt), STRICT_FN(1721, ge), STRICT_FN(1722, lt), STRICT_FN(1723, le), STRICT_FN(1769, cmp),
    STRICT_FN(1767, larger), STRICT_FN(1766, smaller), STRICT_FN(432, hash),
    STRICT_FN(1724, binary<numeric_add>), STRICT_FN(1725, binary<numeric_sub>), STRICT_FN(1726, binary<numeric_mul>), STRICT_FN(1727, binary<numeric_div>),
    STRICT_FN(1728, binary<numeric_mod>), STRICT_FN(1729, binary<numeric_mod>), STRICT_FN(1973, binary<numeric_div_truncate>),
    STRICT_FN(1980, binary<numeric_div_truncate>), STRICT_FN(1771, unary<numeric_negate>), STRICT_FN(1915, same), STRICT_FN(1764, increment),
    STRICT_FN(1704, unary<numeric_abs>), STRICT_FN(1705, unary<numeric_abs>), STRICT_FN(1706, sign), STRICT_FN(1703, apply_typmod),
    STRICT_FN(1707, round_to), STRICT_FN(1708, round_whole), STRICT_FN(1709, truncate_to), STRICT_FN(1710, truncate_whole), STRICT_FN(1711, ceiling),
    STRICT_FN(2167, ceiling), STRICT_FN(1712, floor_of),
    STRICT_FN(1730, unary<numeric_sqrt>), STRICT_FN(1731, unary<numeric_sqrt>), STRICT_FN(1732, unary<numeric_exp>), STRICT_FN(1733, unary<numeric_exp>),
    STRICT_FN(1734, unary<numeric_ln>), STRICT_FN(1735, unary<numeric_ln>), STRICT_FN(1736, binary<numeric_log>), STRICT_FN(1737, binary<numeric_log>),
    STRICT_FN(1481, log10_of), STRICT_FN(1741, log10_of), STRICT_FN(1738, binary<numeric_power>), STRICT_FN(1739, binary<numeric_power>),
    STRICT_FN(2169, binary<numeric_power>), STRICT_FN(1376, factorial), STRICT_FN(5048, binary<numeric_gcd>), STRICT_FN(5049, binary<numeric_lcm>),
    STRICT_FN(3281, scale), STRICT_FN(5042, min_scale), STRICT_FN(5043, trim_scale), STRICT_FN(2170, width_bucket),
    STRICT_FN(1740, from_integer), STRICT_FN(1781, from_integer), STRICT_FN(1782, from_integer), STRICT_FN(1742, from_float), STRICT_FN(1743, from_double),
    STRICT_FN(1744, to_int4), STRICT_FN(1779, to_int8), STRICT_FN(1783, to_int2), STRICT_FN(1745, to_float), STRICT_FN(1746, to_double),
}));

}  // namespace

constinit const FnTables kNumericFns{kFns, {}, {}};

}  // namespace postern
