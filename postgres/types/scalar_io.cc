#include "postgres/types/scalar_io.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

[[noreturn]] void bad_syntax(std::string_view type, std::string_view s) {
  throw SqlError{sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type ", type, ": \"", s, "\"")};
}
[[noreturn]] void out_of_range(std::string_view type, std::string_view s) {
  throw SqlError{sqlstate::kNumericValueOutOfRange, cat("value \"", s, "\" is out of range for type ", type)};
}

int64_t parse_signed(std::string_view s, int64_t min, int64_t max, std::string_view type) {
  std::string_view t = trim_spaces(s);
  bool negative = false;
  if (!t.empty() && (t[0] == '-' || t[0] == '+')) {
    negative = t[0] == '-';
    t.remove_prefix(1);
  }
  if (t.empty()) bad_syntax(type, s);
  uint64_t v = 0;
  bool overflow = false;
  for (char c : t) {
    if (!is_digit(c)) bad_syntax(type, s);
    if (__builtin_mul_overflow(v, uint64_t{10}, &v) || __builtin_add_overflow(v, static_cast<uint64_t>(c - '0'), &v)) overflow = true;
  }
  uint64_t limit = negative ? uint64_t{0} - static_cast<uint64_t>(min) : static_cast<uint64_t>(max);
  if (overflow || v > limit) out_of_range(type, s);
  return static_cast<int64_t>(negative ? uint64_t{0} - v : v);
}

bool equal_ignore_case(std::string_view a, std::string_view lower_b) {
  if (a.size() != lower_b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (lower(a[i]) != lower_b[i]) return false;
  return true;
}

// inf, infinity, nan with optional sign. 0: none of them.
template <class F>
bool parse_special(std::string_view t, F* value) {
  bool negative = false;
  if (!t.empty() && (t[0] == '-' || t[0] == '+')) {
    negative = t[0] == '-';
    t.remove_prefix(1);
  }
  if (equal_ignore_case(t, "nan")) {
    *value = std::numeric_limits<F>::quiet_NaN();
    return true;
  }
  if (!equal_ignore_case(t, "infinity") && !equal_ignore_case(t, "inf")) return false;
  *value = negative ? -std::numeric_limits<F>::infinity() : std::numeric_limits<F>::infinity();
  return true;
}

template <class F>
F parse_float(std::string_view s, std::string_view type) {
  std::string_view t = trim_spaces(s);
  std::string_view digits = t;
  if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
  F v = 0;
  if (digits.empty() || (digits.size() < t.size() && digits[0] == '-')) bad_syntax(type, s);
  auto r = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (r.ec == std::errc{} && r.ptr == digits.data() + digits.size() && std::isfinite(v)) return v;
  if (parse_special(t, &v)) return v;
  if (r.ec == std::errc::result_out_of_range && r.ptr == digits.data() + digits.size()) {
    throw SqlError{sqlstate::kNumericValueOutOfRange, cat("\"", t, "\" is out of range for type ", type)};
  }
  std::string z(t);  // hexadecimal forms
  char* end = nullptr;
  v = sizeof(F) == 4 ? static_cast<F>(std::strtof(z.c_str(), &end)) : static_cast<F>(std::strtod(z.c_str(), &end));
  if (z.find_first_of("xX") == std::string::npos || end != z.c_str() + z.size() || !std::isfinite(v)) bad_syntax(type, s);
  return v;
}

// Shortest digits never lie exactly between two floats (they would read back right only when ties go to even), so that rare result of to_chars gets
// more digits. Only values in the tested range can have such digits: elsewhere a midpoint needs more digits than the type has.
template <class F>
char* shortest_digits(char* begin, char* limit, F v) {
  char* end = std::to_chars(begin, limit, v, std::chars_format::scientific).ptr;
  F magnitude = std::abs(v);
  constexpr F kFrom = sizeof(F) == 8 ? F(1e14) : F(1e5), kTo = sizeof(F) == 8 ? F(1e37) : F(1e22);
  if (!(magnitude >= kFrom && magnitude <= kTo)) return end;
  F inf = std::numeric_limits<F>::infinity();
  long double below = (static_cast<long double>(v) + std::nextafter(v, -inf)) / 2, above = (static_cast<long double>(v) + std::nextafter(v, inf)) / 2;
  for (int digits = 1; digits <= std::numeric_limits<F>::max_digits10; digits++) {
    *end = 0;
    long double shown = std::strtold(begin, nullptr);
    if (shown > below && shown < above) break;
    end = std::to_chars(begin, limit, v, std::chars_format::scientific, digits).ptr;
  }
  return end;
}

// Shortest digits; exponent form when the exponent is below -4 or from exponent_from on.
template <class F>
void append_shortest(std::string& out, F v, int exponent_from) {
  char buf[40];
  auto end = shortest_digits(buf, buf + sizeof buf - 1, v);
  const char* p = buf;
  if (*p == '-') {
    out += '-';
    p++;
  }
  const char* e = end;
  while (*--e != 'e') {}
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  if (exponent < -4 || exponent >= exponent_from) {
    out.append(p, static_cast<size_t>(end - p));
    return;
  }
  char digits[24];
  int n = 0;
  for (const char* q = p; q < e; q++)
    if (*q != '.') digits[n++] = *q;
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-exponent - 1), '0');
    out.append(digits, static_cast<size_t>(n));
  } else if (n <= exponent + 1) {
    out.append(digits, static_cast<size_t>(n));
    out.append(static_cast<size_t>(exponent + 1 - n), '0');
  } else {
    out.append(digits, static_cast<size_t>(exponent + 1));
    out += '.';
    out.append(digits + exponent + 1, static_cast<size_t>(n - exponent - 1));
  }
}

template <class F>
void append_float(std::string& out, F v, int extra_float_digits, int base_digits, int exponent_from) {
  if (std::isnan(v)) {
    out += "NaN";
  } else if (std::isinf(v)) {
    out += v < 0 ? "-Infinity" : "Infinity";
  } else if (v == 0) {
    out += std::signbit(v) ? "-0" : "0";
  } else if (extra_float_digits > 0) {
    append_shortest(out, v, exponent_from);
  } else {
    char buf[64];
    int digits = base_digits + extra_float_digits;
    int n = std::snprintf(buf, sizeof buf, "%.*g", digits < 1 ? 1 : digits, static_cast<double>(v));
    out.append(buf, static_cast<size_t>(n));
  }
}

}  // namespace

std::string_view trim_spaces(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

int64_t parse_int2(std::string_view s) { return parse_signed(s, INT16_MIN, INT16_MAX, "smallint"); }
int64_t parse_int4(std::string_view s) { return parse_signed(s, INT32_MIN, INT32_MAX, "integer"); }
int64_t parse_int8(std::string_view s) { return parse_signed(s, INT64_MIN, INT64_MAX, "bigint"); }

// As strtoul: a negative number wraps.
Oid parse_oid(std::string_view s) {
  return Oid{static_cast<uint32_t>(parse_signed(s, INT32_MIN, UINT32_MAX, "oid"))};
}

double parse_float8(std::string_view s) { return parse_float<double>(s, "double precision"); }
float parse_float4(std::string_view s) { return parse_float<float>(s, "real"); }

bool parse_bool(std::string_view s, bool* value) {
  char buf[5];
  if (s.empty() || s.size() > 5) return false;
  for (size_t i = 0; i < s.size(); i++) buf[i] = lower(s[i]);
  std::string_view t(buf, s.size());
  auto is_prefix_of = [&](std::string_view word, size_t at_least) { return t.size() >= at_least && word.substr(0, t.size()) == t; };
  if (is_prefix_of("true", 1) || is_prefix_of("yes", 1) || t == "on" || t == "1") {
    *value = true;
    return true;
  }
  if (is_prefix_of("false", 1) || is_prefix_of("no", 1) || is_prefix_of("off", 2) || t == "0") {
    *value = false;
    return true;
  }
  return false;
}

void append_float8(std::string& out, double v, int extra_float_digits) { append_float(out, v, extra_float_digits, 15, 15); }
void append_float4(std::string& out, float v, int extra_float_digits) { append_float(out, v, extra_float_digits, 6, 6); }

void check_recv_size(std::string_view s, size_t size) {
  if (s.size() < size) throw SqlError{sqlstate::kProtocolViolation, "insufficient data left in message"};
  if (s.size() > size) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "incorrect binary data format"};
}

}  // namespace postern
