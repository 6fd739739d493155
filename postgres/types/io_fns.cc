// The input, output and send functions of the number types as SQL functions (int4in, int4out, int4send …), pg_size_pretty and pg_size_bytes.
#include <algorithm>
#include <iterator>
#include <string>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric.h"
#include "postgres/types/numeric_types.h"
#include "postgres/types/scalar_types.h"

namespace postern {
namespace {
using namespace scalar_types;
using namespace numeric_types;

template <Datum (*In)(FnContext&, std::string_view, int32_t)>
Datum input(FnContext& cx, std::string_view s) { return In(cx, s, -1); }
template <Datum (*In)(FnContext&, std::string_view, int32_t)>
Datum input_with_typmod(FnContext& cx, std::string_view s, Oid, int32_t typmod) { return In(cx, s, typmod); }
template <void (*Out)(FnContext&, Datum, std::string&)>
std::string_view output(FnContext& cx, Datum d) {
  std::string text;
  Out(cx, d, text);
  return cx.arena->copy(text);
}
std::string_view numeric_typmod_output(FnContext& cx, int32_t typmod) {
  std::string text;
  numeric_typmod_out(typmod, text);
  return cx.arena->copy(text);
}

// The largest unit in which the size has at least two digits, rounded half away from zero.
std::string_view size_pretty(FnContext& cx, int128 size, int dscale) {
  static constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  auto magnitude = [](int128 v) { return v < 0 ? -v : v; };
  std::string text;
  int unit = 0;
  if (magnitude(size) >= int128{10 * 1024} * pow10_128(dscale)) {
    size = size / pow10_128(dscale) / 512;  // half units
    dscale = 0;
    for (unit = 1; unit < 5 && magnitude(size) >= 20 * 1024 - 1; unit++) size /= 1024;
    size = (size + (size < 0 ? -1 : 1)) / 2;
  }
  Arena scratch;
  append_numeric(text, make_numeric(scratch, size, dscale));
  append(text, " ", kUnits[unit]);
  return cx.arena->copy(text);
}
std::string_view size_pretty_int8(FnContext& cx, int64_t size) { return size_pretty(cx, size, 0); }
std::string_view size_pretty_numeric(FnContext& cx, Datum size) {
  SmallNumeric n;
  if (!numeric_small(size, &n) || n.dscale >= kPow10Count - 5) {
    if (numeric_kind(size) == NumericKind::kFinite) throw_unsupported("pg_size_pretty of so large a number");
    return output<numeric_out>(cx, size);
  }
  return size_pretty(cx, n.coefficient, n.dscale);
}

// "1.5 GB": a number, then a unit that may be missing.
int64_t size_bytes(FnContext& cx, std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f", kUnits[] = {"bytes", "kb", "mb", "gb", "tb", "pb"};
  auto invalid = [&](std::string detail, std::string hint) {
    return SqlError{sqlstate::kInvalidParameterValue, cat("invalid size: \"", text, "\""), std::move(detail), std::move(hint)};
  };
  std::string_view s = text;
  s.remove_prefix(std::min(s.find_first_not_of(kSpace), s.size()));
  size_t end = 0;
  auto digits = [&] {
    size_t from = end;
    while (end < s.size() && s[end] >= '0' && s[end] <= '9') end++;
    return end > from;
  };
  if (end < s.size() && (s[end] == '-' || s[end] == '+')) end++;
  bool any = digits();
  if (end < s.size() && s[end] == '.') {
    end++;
    any |= digits();
  }
  if (!any) throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid size: \"", text, "\"")};
  if (end < s.size() && (s[end] == 'e' || s[end] == 'E')) {
    size_t before = end++;
    if (end < s.size() && (s[end] == '-' || s[end] == '+')) end++;
    if (!digits()) end = before;
  }
  std::string number(s.substr(0, end));
  std::string_view unit = s.substr(end);
  unit.remove_prefix(std::min(unit.find_first_not_of(kSpace), unit.size()));
  unit = unit.substr(0, unit.find_last_not_of(kSpace) + 1);
  size_t power = 0;
  if (!unit.empty()) {
    std::string lower(unit);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    power = static_cast<size_t>(std::find(std::begin(kUnits), std::end(kUnits), lower) - std::begin(kUnits));
    if (power == std::size(kUnits)) throw invalid(cat("Invalid size unit: \"", unit, "\"."), "Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".");
  }
  int64_t factor = int64_t{1} << 10 * power;
  Datum size = numeric_mul(*cx.arena, numeric_in(cx, number, -1), make_numeric(*cx.arena, factor, 0));
  return numeric_to_int(size, INT64_MIN, INT64_MAX, "bigint");
}

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1242, input<bool_in>), STRICT_FN(1243, output<bool_out>), STRICT_FN(2437, output<bool_send>),
    STRICT_FN(1245, input<char_in>), STRICT_FN(33, output<char_out>), STRICT_FN(2435, output<char_send>),
    STRICT_FN(38, input<int2_in>), STRICT_FN(39, output<int2_out>), STRICT_FN(2405, output<int2_send>),
    STRICT_FN(42, input<int4_in>), STRICT_FN(43, output<int4_out>), STRICT_FN(2407, output<int4_send>),
    STRICT_FN(460, input<int8_in>), STRICT_FN(461, output<int8_out>), STRICT_FN(2409, output<int8_send>),
    STRICT_FN(1798, input<oid_in>), STRICT_FN(1799, output<oid_out>), STRICT_FN(2419, output<oid_send>),
    STRICT_FN(48, input<tid_in>), STRICT_FN(49, output<tid_out>), STRICT_FN(2439, output<tid_send>),
    STRICT_FN(50, input<xid_in>), STRICT_FN(51, output<xid_out>), STRICT_FN(2441, output<xid_send>),
    STRICT_FN(52, input<cid_in>), STRICT_FN(53, output<cid_out>), STRICT_FN(2443, output<cid_send>),
    STRICT_FN(5070, input<xid8_in>), STRICT_FN(5081, output<xid8_out>), STRICT_FN(5083, output<xid8_send>),
    STRICT_FN(200, input<float4_in>), STRICT_FN(201, output<float4_out>), STRICT_FN(2425, output<float4_send>),
    STRICT_FN(214, input<float8_in>), STRICT_FN(215, output<float8_out>), STRICT_FN(2427, output<float8_send>),
    STRICT_FN(1701, input_with_typmod<numeric_in>), STRICT_FN(1702, output<numeric_out>), STRICT_FN(2461, output<numeric_send>),
    STRICT_FN(2918, numeric_typmod_output),
    STRICT_FN(2288, size_pretty_int8), STRICT_FN(3166, size_pretty_numeric), STRICT_FN(3334, size_bytes),
}));

}  // namespace

constinit const FnTables kIoFns{kFns, {}, {}};

}  // namespace postern
