// to_number, and to_char of numbers: brings each type to decimal text, rounded as its template wants. float4 and float8 show no more digits than they have.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/number_format.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric.h"
#include "postgres/types/type_info.h"

namespace postern {
namespace {

// "-12.50" into sign, "12", "50"
DecimalText split(std::string_view text) {
  DecimalText n;
  if (!text.empty() && text[0] == '-') {
    n.negative = true;
    text.remove_prefix(1);
  }
  size_t point = text.find('.');
  n.whole = text.substr(0, point);
  if (n.whole == "0") n.whole.clear();
  if (point != text.npos) n.fraction = text.substr(point + 1);
  return n;
}

// d.ddde+XX with rounding half away from zero.
std::string scientific(Arena& arena, Datum d, int digits_after) {
  d = numeric_abs(arena, d);
  std::string text;
  append_numeric(text, d);
  size_t point = text.find('.');
  std::string digits = text.substr(0, point) + (point == text.npos ? "" : text.substr(point + 1));
  size_t whole = point == text.npos ? text.size() : point, first = digits.find_first_not_of('0');
  int exponent = first == digits.npos ? 0 : static_cast<int>(whole) - 1 - static_cast<int>(first);
  std::string rounded, m;
  append_numeric(rounded, numeric_round(arena, d, std::min(digits_after - exponent, kNumericMaxDscale), NumericRounding::kHalfAway));
  for (char c : rounded)
    if (c != '.' && (c != '0' || !m.empty())) m += c;
  size_t wanted = static_cast<size_t>(digits_after) + 1, expected = static_cast<size_t>(std::max(exponent, digits_after)) + 1;
  if (m.size() > expected) exponent++;  // rounded up to the next power of ten
  m.resize(wanted, '0');
  char buf[16];
  std::snprintf(buf, sizeof buf, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  return cat(std::string_view(m).substr(0, 1), digits_after ? "." : "", digits_after ? std::string_view(m).substr(1) : std::string_view(), buf);
}

std::string_view format_numeric(FnContext& cx, Datum d, std::string_view format) {
  NumberTemplate t = analyse_number_template(format);
  Arena scratch;
  DecimalText n;
  NumericKind kind = numeric_kind(d);
  if (kind != NumericKind::kFinite) {
    n.special = kind == NumericKind::kNan ? "NaN" : "Infinity";
    n.negative = kind == NumericKind::kNegInfinity;
    return cx.arena->copy(format_number(format, n));
  }
  if (t.exponent) {
    n.negative = numeric_sign(d) < 0;
    n.scientific = scientific(scratch, d, t.digits_after);
    return cx.arena->copy(format_number(format, n));
  }
  if (t.shift) {
    std::string power = "1e" + std::to_string(t.shift);
    d = numeric_mul(scratch, d, parse_numeric(scratch, power, -1));
  }
  std::string text;
  append_numeric(text, numeric_round(scratch, d, t.roman ? 0 : t.digits_after, NumericRounding::kHalfAway));
  return cx.arena->copy(format_number(format, split(text)));
}

std::string_view format_double(FnContext& cx, double v, std::string_view format, int type_digits) {
  NumberTemplate t = analyse_number_template(format);
  DecimalText n;
  n.negative = std::signbit(v) && !std::isnan(v);
  if (!std::isfinite(v)) {
    n.special = std::isnan(v) ? "NaN" : "Infinity";
    return cx.arena->copy(format_number(format, n));
  }
  char buf[512];
  if (t.exponent) {
    std::snprintf(buf, sizeof buf, "%.*e", std::min(t.digits_after, 100), std::fabs(v));
    n.scientific = buf;
    return cx.arena->copy(format_number(format, n));
  }
  if (t.shift) v *= std::pow(10.0, t.shift);
  if (t.roman) v = std::rint(v);
  int whole_digits = std::snprintf(buf, sizeof buf, "%.0f", std::fabs(v));
  int digits_after = t.digits_after;
  if (whole_digits >= type_digits) digits_after = 0;
  else if (whole_digits + digits_after > type_digits) digits_after = type_digits - whole_digits;
  std::snprintf(buf, sizeof buf, "%.*f", std::clamp(digits_after, 0, 100), v);
  return cx.arena->copy(format_number(format, split(buf)));
}

std::string_view format_int(FnContext& cx, int64_t v, std::string_view format) {
  Arena scratch(256);
  return format_numeric(cx, make_numeric(scratch, v, 0), format);
}
std::string_view format_int4(FnContext& cx, int32_t v, std::string_view format) { return format_int(cx, v, format); }
std::string_view format_float8(FnContext& cx, double v, std::string_view format) { return format_double(cx, v, format, 15); }
std::string_view format_float4(FnContext& cx, float v, std::string_view format) { return format_double(cx, v, format, 6); }

Datum to_number(FnContext& cx, std::string_view input, std::string_view format) {
  std::string text = parse_number(format, input);
  NumberTemplate t = analyse_number_template(format);
  if (t.shift) text += cat("e-", t.shift);
  return type_info(oid::kNumeric).in(cx, text, -1);
}

constexpr FnEntry kFns[] = {
    STRICT_FN(1772, format_numeric), STRICT_FN(1773, format_int4), STRICT_FN(1774, format_int), STRICT_FN(1775, format_float4),
    STRICT_FN(1776, format_float8), STRICT_FN(1777, to_number),
};

}  // namespace

constinit const FnTables kNumberFormatFns{kFns, {}, {}};

}  // namespace postern
