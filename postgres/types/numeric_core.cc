// numeric: encoding, text, comparison, hashing, conversion.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/numeric_big.h"
#include "postgres/types/scalar_io.h"
#include "postgres/types/scalar_types.h"

namespace postern {
namespace {

struct Parts {
  NumericKind kind;
  bool negative;
  int dscale;
  std::string_view magnitude;
};

Parts parts_of(Datum d) {
  std::string_view s = as_view(d);
  uint8_t b = static_cast<uint8_t>(s[0]), k = b & 7;
  int dscale = b >> 3;
  size_t at = 1;
  if (dscale == 31) {
    uint16_t v;
    std::memcpy(&v, s.data() + 1, 2);
    dscale = v;
    at = 3;
  }
  return {k <= 1 ? NumericKind::kFinite : static_cast<NumericKind>(k), k == 1, dscale, s.substr(at)};
}

Bytes* begin_encoding(Arena& arena, bool negative, int dscale, size_t magnitude_bytes, char** magnitude) {
  size_t header = dscale < 31 ? 1 : 3;
  Bytes* b = alloc_bytes(arena, header + magnitude_bytes);
  b->data[0] = static_cast<char>((negative ? 1 : 0) | (dscale < 31 ? dscale : 31) << 3);
  if (header == 3) {
    uint16_t v = static_cast<uint16_t>(dscale);
    std::memcpy(b->data + 1, &v, 2);
  }
  *magnitude = b->data + header;
  return b;
}

// n little-endian bytes, by two overlapping loads instead of a call of memcpy().
uint64_t load_up_to_8(const char* p, uint32_t n) {
  if (n >= 4) return load<uint32_t>(p) | static_cast<uint64_t>(load<uint32_t>(p + n - 4)) << (8 * (n - 4));
  if (n >= 2) return load<uint16_t>(p) | static_cast<uint64_t>(load<uint16_t>(p + n - 2)) << (8 * (n - 2));
  return n ? static_cast<uint8_t>(*p) : 0;
}

size_t bytes_of(uint128 v) {
  uint64_t hi = static_cast<uint64_t>(v >> 64), lo = static_cast<uint64_t>(v);
  int bits = hi ? 128 - std::countl_zero(hi) : 64 - std::countl_zero(lo);
  return static_cast<size_t>(bits + 7) / 8;
}

// Decimal digits of v into buf (40 bytes), returns the first.
char* decimal_digits(uint128 v, char* end) {
  char* p = end;
  constexpr uint64_t kChunk = 10000000000000000000ULL;
  while (v >> 64) {
    uint64_t low = static_cast<uint64_t>(v % kChunk);
    v /= kChunk;
    for (int i = 0; i < 19; i++) {
      *--p = static_cast<char>('0' + low % 10);
      low /= 10;
    }
  }
  uint64_t rest = static_cast<uint64_t>(v);
  do {
    *--p = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest);
  return p;
}

void append_point(std::string& out, bool negative, std::string_view digits, int dscale) {
  if (negative) out += '-';
  size_t scale = static_cast<size_t>(dscale);
  if (scale == 0) {
    out += digits;
  } else if (digits.size() > scale) {
    out += digits.substr(0, digits.size() - scale);
    out += '.';
    out += digits.substr(digits.size() - scale);
  } else {
    out += "0.";
    out.append(scale - digits.size(), '0');
    out += digits;
  }
}

[[noreturn]] void bad_syntax(std::string_view s) {
  throw SqlError{sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type numeric: \"", s, "\"")};
}

bool word_is(std::string_view s, std::string_view lower) {
  if (s.size() != lower.size()) return false;
  for (size_t i = 0; i < s.size(); i++)
    if ((s[i] | 0x20) != lower[i]) return false;
  return true;
}

uint64_t hash_magnitude(uint128 v, int dscale, bool negative) {
  while (dscale > 0 && v >> 64 && v % 10 == 0) {
    v /= 10;
    dscale--;
  }
  if (!(v >> 64)) {
    uint64_t low = static_cast<uint64_t>(v);
    if (low == 0) return scalar_types::mix64(0);
    while (dscale > 0 && low % 10 == 0) {
      low /= 10;
      dscale--;
    }
    v = low;
  }
  uint64_t h = scalar_types::mix64(static_cast<uint64_t>(v) + static_cast<uint64_t>(dscale) * 0x9e3779b97f4a7c15ULL + negative);
  return scalar_types::mix64(h ^ static_cast<uint64_t>(v >> 64));
}

int compare_small(const SmallNumeric& a, const SmallNumeric& b, bool* exact) {
  int128 x = a.coefficient, y = b.coefficient;
  *exact = true;
  if (a.dscale < b.dscale) *exact = scale_up(&x, b.dscale - a.dscale);
  else if (a.dscale > b.dscale) *exact = scale_up(&y, a.dscale - b.dscale);
  return x < y ? -1 : x > y;
}

// Order of the kinds when at least one is not finite.
int kind_rank(NumericKind k) {
  switch (k) {
    case NumericKind::kNegInfinity: return 0;
    case NumericKind::kFinite: return 1;
    case NumericKind::kPosInfinity: return 2;
    case NumericKind::kNan: return 3;
  }
  return 3;
}

}  // namespace

NumericKind numeric_kind(Datum d) {
  uint8_t k = static_cast<uint8_t>(as_bytes(d)->data[0]) & 7;
  return k <= 1 ? NumericKind::kFinite : static_cast<NumericKind>(k);
}
int numeric_dscale(Datum d) { return parts_of(d).dscale; }

bool numeric_small(Datum d, SmallNumeric* out) {
  const Bytes* b = as_bytes(d);
  uint8_t head = static_cast<uint8_t>(b->data[0]);
  if ((head & 6) != 0) return false;
  int dscale = head >> 3;
  uint32_t at = 1;
  if (dscale == 31) {
    uint16_t v;
    std::memcpy(&v, b->data + 1, 2);
    dscale = v;
    at = 3;
  }
  uint32_t n = b->size - at;
  if (n > 16) return false;
  uint128 v;
  if (n <= 8) {
    v = load_up_to_8(b->data + at, n);
  } else {
    v = static_cast<uint128>(load_up_to_8(b->data + at + 8, n - 8)) << 64 | load<uint64_t>(b->data + at);
    if (v >> 127) return false;
  }
  out->coefficient = head & 1 ? -static_cast<int128>(v) : static_cast<int128>(v);
  out->dscale = dscale;
  return true;
}

Datum make_numeric(Arena& arena, int128 coefficient, int dscale) {
  bool negative = coefficient < 0;
  uint128 v = negative ? uint128{0} - static_cast<uint128>(coefficient) : static_cast<uint128>(coefficient);
  size_t n = bytes_of(v);
  char* magnitude;
  Bytes* b = begin_encoding(arena, negative, dscale, n <= 8 ? 8 : 16, &magnitude);  // room to store whole words
  store(magnitude, static_cast<uint64_t>(v));
  if (n > 8) store(magnitude + 8, static_cast<uint64_t>(v >> 64));
  b->size = static_cast<uint32_t>(magnitude + n - b->data);
  return from_bytes(b);
}

Datum make_numeric_special(Arena& arena, NumericKind kind) {
  char c = static_cast<char>(kind);
  return make_bytes(arena, std::string_view(&c, 1));
}

BigNumeric load_big(Datum d) {
  Parts p = parts_of(d);
  BigNumeric n;
  n.dscale = p.dscale;
  auto* first = reinterpret_cast<const unsigned char*>(p.magnitude.data());
  if (!p.magnitude.empty()) boost::multiprecision::import_bits(n.coefficient, first, first + p.magnitude.size(), 8, false);
  if (p.negative) n.coefficient = -n.coefficient;
  return n;
}

Datum store_big(Arena& arena, const Big& coefficient, int dscale) {
  if (dscale > kNumericMaxDscale)
    return store_big(arena, big_divide(coefficient, big_pow10(static_cast<unsigned>(dscale - kNumericMaxDscale)), NumericRounding::kHalfAway),
                     kNumericMaxDscale);
  bool negative = coefficient < 0;
  Big v = negative ? Big(-coefficient) : coefficient;
  size_t n = v == 0 ? 0 : msb(v) / 8 + 1;
  if (n * 2.41 > kNumericMaxIntegerDigits && big_digits(v) - dscale > kNumericMaxIntegerDigits) numeric_overflow();
  char* magnitude;
  Bytes* b = begin_encoding(arena, negative, dscale, n, &magnitude);
  if (n) boost::multiprecision::export_bits(v, reinterpret_cast<unsigned char*>(magnitude), 8, false);
  return from_bytes(b);
}

void numeric_overflow() { throw SqlError{sqlstate::kNumericValueOutOfRange, "value overflows numeric format"}; }

Big big_pow10(unsigned n) { return boost::multiprecision::pow(Big(10), n); }

int big_digits(const Big& v) {
  if (v == 0) return 0;
  Big a = abs(v);
  int estimate = static_cast<int>(static_cast<double>(msb(a)) * 0.30102999566398120) + 1;  // exact or one too few
  return a >= big_pow10(static_cast<unsigned>(estimate)) ? estimate + 1 : estimate;
}

Big big_divide(const Big& v, const Big& divisor, NumericRounding rounding) {
  Big q, r;
  divide_qr(v, divisor, q, r);
  if (r == 0) return q;
  bool negative = v < 0;
  switch (rounding) {
    case NumericRounding::kTruncate: break;
    case NumericRounding::kFloor:
      if (negative) q -= 1;
      break;
    case NumericRounding::kCeil:
      if (!negative) q += 1;
      break;
    case NumericRounding::kHalfAway:
      if (2 * abs(r) >= divisor) q += negative ? -1 : 1;
      break;
  }
  return q;
}

Big big_rescale(const BigNumeric& n, int dscale, NumericRounding rounding) {
  if (dscale >= n.dscale) return n.coefficient * big_pow10(static_cast<unsigned>(dscale - n.dscale));
  int drop = n.dscale - dscale;
  if (drop > big_digits(n.coefficient) + 1) {
    if (n.coefficient == 0 || rounding == NumericRounding::kTruncate || rounding == NumericRounding::kHalfAway) return 0;
    if (rounding == NumericRounding::kFloor) return n.coefficient < 0 ? -1 : 0;
    return n.coefficient > 0 ? 1 : 0;
  }
  return big_divide(n.coefficient, big_pow10(static_cast<unsigned>(drop)), rounding);
}

Nbase nbase_of(const BigNumeric& n) {
  if (n.coefficient == 0) return {0, 0};
  int digits = big_digits(n.coefficient);
  int top = digits - 1 - n.dscale;
  int weight = top >= 0 ? top / 4 : -((3 - top) / 4);
  int take = top - 4 * weight + 1;
  Big a = abs(n.coefficient);
  Big first = digits >= take ? Big(a / big_pow10(static_cast<unsigned>(digits - take))) : Big(a * big_pow10(static_cast<unsigned>(take - digits)));
  return {weight, static_cast<int>(first)};
}

int division_scale(Nbase dividend, int dscale1, Nbase divisor, int dscale2) {
  int weight = dividend.weight - divisor.weight;
  if (dividend.first <= divisor.first) weight--;
  int scale = std::max({kNumericMinSignificantDigits - weight * 4, dscale1, dscale2, 0});
  return std::min(scale, kNumericMaxDisplayScale);
}

Datum parse_numeric(Arena& arena, std::string_view s, int32_t typmod) {
  std::string_view t = trim_spaces(s);
  bool negative = false, sign = false;
  if (!t.empty() && (t[0] == '-' || t[0] == '+')) {
    negative = t[0] == '-';
    sign = true;
    t.remove_prefix(1);
  }
  if (t.empty()) bad_syntax(s);
  if (t[0] != '.' && !(t[0] >= '0' && t[0] <= '9')) {
    Datum special;
    if (!sign && word_is(t, "nan")) special = make_numeric_special(arena, NumericKind::kNan);
    else if (word_is(t, "infinity") || word_is(t, "inf")) special = make_numeric_special(arena, negative ? NumericKind::kNegInfinity : NumericKind::kPosInfinity);
    else bad_syntax(s);
    return numeric_apply_typmod(arena, special, typmod);
  }
  size_t i = 0, first_significant = t.size(), digits_end, n_digits = 0, significant = 0;
  int64_t fraction = 0;
  bool point = false;
  uint128 v = 0;
  for (; i < t.size(); i++) {
    char c = t[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    n_digits++;
    fraction += point;
    if (significant == 0 && c == '0') continue;
    if (significant++ == 0) first_significant = i;
    if (significant <= 38) v = v * 10 + static_cast<uint128>(c - '0');
  }
  digits_end = i;
  if (n_digits == 0) bad_syntax(s);
  int64_t exponent = 0;
  if (i < t.size()) {
    if (t[i] != 'e' && t[i] != 'E') bad_syntax(s);
    std::string_view e = t.substr(i + 1);
    if (!e.empty() && e[0] == '+' && e.size() > 1 && e[1] != '-') e.remove_prefix(1);
    auto r = std::from_chars(e.data(), e.data() + e.size(), exponent);
    if (r.ec == std::errc::result_out_of_range || std::abs(exponent) > INT32_MAX / 2) {
      if (r.ptr == e.data() + e.size()) numeric_overflow();
      bad_syntax(s);
    }
    if (r.ec != std::errc{} || r.ptr != e.data() + e.size()) bad_syntax(s);
  }
  int64_t dscale = fraction - exponent;
  int64_t scale_by = dscale < 0 ? -dscale : 0;  // zeros to append to the coefficient
  if (dscale < 0) dscale = 0;
  if (static_cast<int64_t>(significant) + scale_by - dscale > kNumericMaxIntegerDigits && significant) numeric_overflow();
  if (dscale > kNumericMaxDscale) numeric_overflow();
  if (significant == 0) scale_by = 0;
  Datum d;
  int128 small = static_cast<int128>(v);
  if (significant <= 38 && scale_up(&small, static_cast<int>(std::min<int64_t>(scale_by, kPow10Count)))) {
    d = make_numeric(arena, negative ? -small : small, static_cast<int>(dscale));
  } else {
    std::string digits;
    for (size_t k = first_significant; k < digits_end; k++)
      if (t[k] != '.') digits += t[k];
    Big big = digits.empty() ? Big(0) : Big(digits);
    if (scale_by) big *= big_pow10(static_cast<unsigned>(scale_by));
    d = store_big(arena, negative ? Big(-big) : big, static_cast<int>(dscale));
  }
  return typmod < 0 ? d : numeric_apply_typmod(arena, d, typmod);
}

void append_numeric(std::string& out, Datum d) {
  SmallNumeric n;
  if (numeric_small(d, &n)) {
    char buf[48];
    char* end = buf + sizeof buf;
    uint128 v = n.coefficient < 0 ? uint128{0} - static_cast<uint128>(n.coefficient) : static_cast<uint128>(n.coefficient);
    char* p = decimal_digits(v, end);
    append_point(out, n.coefficient < 0, std::string_view(p, static_cast<size_t>(end - p)), n.dscale);
    return;
  }
  switch (numeric_kind(d)) {
    case NumericKind::kNan: out += "NaN"; return;
    case NumericKind::kPosInfinity: out += "Infinity"; return;
    case NumericKind::kNegInfinity: out += "-Infinity"; return;
    case NumericKind::kFinite: break;
  }
  BigNumeric b = load_big(d);
  append_point(out, b.coefficient < 0, Big(abs(b.coefficient)).str(), b.dscale);
}

int numeric_compare(Datum a, Datum b) {
  SmallNumeric x, y;
  if (numeric_small(a, &x) && numeric_small(b, &y)) {
    bool exact;
    int c = compare_small(x, y, &exact);
    if (exact) return c;
  }
  NumericKind ka = numeric_kind(a), kb = numeric_kind(b);
  if (ka != NumericKind::kFinite || kb != NumericKind::kFinite) return kind_rank(ka) - kind_rank(kb);
  BigNumeric p = load_big(a), q = load_big(b);
  int scale = std::max(p.dscale, q.dscale);
  return big_rescale(p, scale).compare(big_rescale(q, scale));
}

uint64_t numeric_hash(Datum d) {
  SmallNumeric n;
  if (numeric_small(d, &n)) {
    bool negative = n.coefficient < 0;
    return hash_magnitude(negative ? static_cast<uint128>(-n.coefficient) : static_cast<uint128>(n.coefficient), n.dscale, negative);
  }
  if (numeric_kind(d) != NumericKind::kFinite) return scalar_types::mix64(0x5ca1ab1eULL + static_cast<uint64_t>(numeric_kind(d)));
  BigNumeric b = load_big(d);
  bool negative = b.coefficient < 0;
  Big v = abs(b.coefficient);
  while (b.dscale > 0 && v % 10 == 0) {
    v /= 10;
    b.dscale--;
  }
  if (msb(v) < 128) return hash_magnitude(static_cast<uint128>(v), b.dscale, negative);
  uint64_t h = static_cast<uint64_t>(b.dscale) + negative;
  for (size_t i = 0; i < v.backend().size(); i++) h = scalar_types::mix64(h ^ v.backend().limbs()[i]);
  return h;
}

Datum numeric_apply_typmod(Arena& arena, Datum d, int32_t typmod) {
  if (typmod < 4) return d;
  int precision = numeric_typmod_precision(typmod), scale = numeric_typmod_scale(typmod);
  auto fail = [&](std::string detail) { return SqlError{sqlstate::kNumericValueOutOfRange, "numeric field overflow", std::move(detail)}; };
  NumericKind kind = numeric_kind(d);
  if (kind == NumericKind::kNan) return d;
  if (kind != NumericKind::kFinite) throw fail(cat("A field with precision ", precision, ", scale ", scale, " cannot hold an infinite value."));
  Datum r = scale == numeric_dscale(d) && scale >= 0 ? d : numeric_round(arena, d, scale, NumericRounding::kHalfAway);
  int limit = precision - scale;  // decimal digits before the point
  bool too_large;
  SmallNumeric n;
  if (numeric_small(r, &n)) {
    int digits_limit = limit + n.dscale;
    uint128 v = static_cast<uint128>(n.coefficient < 0 ? -n.coefficient : n.coefficient);
    too_large = v != 0 && (digits_limit <= 0 || (digits_limit < kPow10Count && v >= kPow10Table.v[digits_limit]));
  } else {
    too_large = big_digits(load_big(r).coefficient) > limit + numeric_dscale(r);
  }
  if (too_large)
    throw fail(cat("A field with precision ", precision, ", scale ", scale, " must round to an absolute value less than ",
                   limit ? cat("10^", limit) : std::string("1"), "."));
  return r;
}

double big_to_double(const BigNumeric& n) {
  std::string s = n.coefficient.str() + "e-" + std::to_string(n.dscale);
  return std::strtod(s.c_str(), nullptr);
}

double numeric_to_float8_saturating(Datum d) {
  SmallNumeric n;
  if (numeric_small(d, &n)) {
    constexpr double kExact[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    constexpr int128 kLimit = int128{1} << 53;
    if (n.dscale <= 22 && n.coefficient <= kLimit && n.coefficient >= -kLimit)
      return static_cast<double>(static_cast<int64_t>(n.coefficient)) / kExact[n.dscale];
  }
  switch (numeric_kind(d)) {
    case NumericKind::kNan: return std::numeric_limits<double>::quiet_NaN();
    case NumericKind::kPosInfinity: return std::numeric_limits<double>::infinity();
    case NumericKind::kNegInfinity: return -std::numeric_limits<double>::infinity();
    case NumericKind::kFinite: break;
  }
  std::string text;
  append_numeric(text, d);
  return std::strtod(text.c_str(), nullptr);
}

double numeric_to_float8(Datum d) {
  double v = numeric_to_float8_saturating(d);
  if ((std::isinf(v) || (v == 0 && numeric_sign(d) != 0)) && numeric_kind(d) == NumericKind::kFinite) {
    std::string text;
    append_numeric(text, d);
    throw SqlError{sqlstate::kNumericValueOutOfRange, cat("\"", text, "\" is out of range for type double precision")};
  }
  return v;
}

int64_t numeric_to_int(Datum d, int64_t min, int64_t max, std::string_view type) {
  if (numeric_kind(d) != NumericKind::kFinite)
    throw SqlError{sqlstate::kFeatureNotSupported, cat("cannot convert ", numeric_kind(d) == NumericKind::kNan ? "NaN" : "infinity", " to ", type)};
  SmallNumeric n;
  bool ok = numeric_small(d, &n);
  int128 v = n.coefficient;
  if (ok && n.dscale > 0) {
    if (n.dscale >= kPow10Count) {
      v = 0;
    } else {
      int128 p = pow10_128(n.dscale), r = v % p;
      v /= p;
      if ((r < 0 ? -r : r) >= p - (r < 0 ? -r : r)) v += r < 0 ? -1 : 1;
    }
  } else if (!ok) {
    Big b = big_rescale(load_big(d), 0);
    ok = b >= INT64_MIN && b <= INT64_MAX;
    if (ok) v = static_cast<int64_t>(b);
  }
  if (!ok || v < min || v > max) throw SqlError{sqlstate::kNumericValueOutOfRange, cat(type, " out of range")};
  return static_cast<int64_t>(v);
}

Datum float8_to_numeric(Arena& arena, double v, int significant_digits) {
  if (std::isnan(v)) return make_numeric_special(arena, NumericKind::kNan);
  if (std::isinf(v)) return make_numeric_special(arena, v > 0 ? NumericKind::kPosInfinity : NumericKind::kNegInfinity);
  char buf[64];
  int n = std::snprintf(buf, sizeof buf, "%.*g", significant_digits, v);
  return parse_numeric(arena, std::string_view(buf, static_cast<size_t>(n)), -1);
}

}  // namespace postern
