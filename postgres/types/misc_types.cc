#include "postgres/types/misc_types.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/record.h"
#include "postgres/types/session_services.h"
#include "postgres/types/string_fn.h"

namespace postern {

Datum make_oidvector(Arena& arena, std::span<const Oid> oids) {
  std::vector<Datum> v;
  for (Oid o : oids) v.push_back(from_oid(o));
  return make_array_1d(arena, oid::kOid, v.data(), nullptr, static_cast<uint32_t>(v.size()), 0);
}
Datum make_int2vector(Arena& arena, std::span<const int16_t> numbers) {
  std::vector<Datum> v;
  for (int16_t n : numbers) v.push_back(from_int(n));
  return make_array_1d(arena, oid::kInt2, v.data(), nullptr, static_cast<uint32_t>(v.size()), 0);
}

namespace misc_types {
namespace {
bool all_digits(std::string_view s) { return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; }); }

Datum vector_in(FnContext& cx, std::string_view s, Oid elem) {
  const TypeInfo& t = type_info(elem);
  std::vector<Datum> v;
  for (;;) {
    while (!s.empty() && isspace(static_cast<unsigned char>(s[0]))) s.remove_prefix(1);
    if (s.empty()) break;
    size_t n = 0;
    while (n < s.size() && !isspace(static_cast<unsigned char>(s[n]))) n++;
    v.push_back(t.in(cx, s.substr(0, n), -1));
    s.remove_prefix(n);
  }
  return make_array_1d(*cx.arena, elem, v.data(), nullptr, static_cast<uint32_t>(v.size()), 0);
}
Datum vector_recv(FnContext& cx, std::string_view s, Oid elem) {
  Datum d = array_recv(cx, s, elem, -1);
  ArrayView v(d);
  if (v.ndim() > 1 || v.has_nulls()) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "invalid oidvector data"};
  return d;
}
}  // namespace

Datum reg_in(FnContext& cx, std::string_view s, Oid reg_type) {
  if (s == "-") return 0;
  if (all_digits(s)) return type_info(oid::kOid).in(cx, s, -1);
  if (!cx.services) throw_unsupported("name lookup without a session");
  return from_oid(cx.services->reg_in(reg_type, s, false));
}
void reg_out(FnContext& cx, Datum d, Oid reg_type, std::string& out) {
  if (d == 0) {
    out += reg_type == oid::kRegOper || reg_type == oid::kRegOperator ? "0" : "-";
    return;
  }
  std::string name;
  if (cx.services) name = cx.services->reg_out(reg_type, as_oid(d));
  if (name.empty()) append(out, raw(as_oid(d)));
  else out += name;
}
Datum oid_recv(FnContext& cx, std::string_view s, int32_t typmod) { return type_info(oid::kOid).recv(cx, s, typmod); }
void oid_send(FnContext& cx, Datum d, std::string& out) { type_info(oid::kOid).send(cx, d, out); }
int oid_compare(FnContext&, Datum a, Datum b) { return a < b ? -1 : a > b; }
uint64_t oid_hash(FnContext& cx, Datum d) { return type_info(oid::kOid).hash(cx, d); }

Datum oidvector_in(FnContext& cx, std::string_view s, int32_t) { return vector_in(cx, s, oid::kOid); }
Datum int2vector_in(FnContext& cx, std::string_view s, int32_t) { return vector_in(cx, s, oid::kInt2); }
void vector_out(FnContext& cx, Datum d, std::string& out) {
  ArrayView v(d);
  for (uint32_t i = 0; i < v.count(); i++) {
    if (i) out += ' ';
    append(out, as_int8(v.value(i)));
  }
}
Datum oidvector_recv(FnContext& cx, std::string_view s, int32_t) { return vector_recv(cx, s, oid::kOid); }
Datum int2vector_recv(FnContext& cx, std::string_view s, int32_t) { return vector_recv(cx, s, oid::kInt2); }
int oidvector_compare(FnContext&, Datum a, Datum b) {
  ArrayView x(a), y(b);
  if (x.count() != y.count()) return x.count() < y.count() ? -1 : 1;
  for (uint32_t i = 0; i < x.count(); i++)
    if (x.value(i) != y.value(i)) return x.value(i) < y.value(i) ? -1 : 1;
  return 0;
}

Datum void_in(FnContext&, std::string_view, int32_t) { return 0; }
void void_out(FnContext&, Datum, std::string&) {}
Datum void_recv(FnContext&, std::string_view, int32_t) { return 0; }

void reject_input(std::string_view type) {
  throw SqlError{sqlstate::kFeatureNotSupported, cat("cannot accept a value of type ", type)};
}
void reject_output(std::string_view type) {
  throw SqlError{sqlstate::kFeatureNotSupported, cat("cannot display a value of type ", type)};
}

}  // namespace misc_types

namespace {
using sv = std::string_view;

template <uint32_t Type>
std::optional<Oid> to_reg(FnContext& cx, sv s) {
  if (s == "-") return Oid{0};
  if (!s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  if (!cx.services) throw_unsupported("name lookup without a session");
  Oid o = cx.services->reg_in(Oid{Type}, s, true);
  if (raw(o) == 0) return std::nullopt;
  return o;
}
Oid text_regclass(FnContext& cx, sv s) { return as_oid(misc_types::reg_in(cx, s, oid::kRegClass)); }

int oidvector_cmp(FnContext& cx, Datum a, Datum b) { return misc_types::oidvector_compare(cx, a, b); }
bool oidvector_eq(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) == 0; }
bool oidvector_ne(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) != 0; }
bool oidvector_lt(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) < 0; }
bool oidvector_le(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) <= 0; }
bool oidvector_gt(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) > 0; }
bool oidvector_ge(FnContext& cx, Datum a, Datum b) { return oidvector_cmp(cx, a, b) >= 0; }
sv oidvector_types(FnContext& cx, Datum d) {
  ArrayView v(d);
  std::string out;
  for (uint32_t i = 0; i < v.count(); i++) {
    if (i) out += ", ";
    misc_types::reg_out(cx, v.value(i), oid::kRegType, out);
  }
  return cx.arena->copy(sv(out));
}
bool aclitem_eq(sv a, sv b) { return a == b; }

bool record_eq(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) == 0; }
bool record_ne(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) != 0; }
bool record_lt(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) < 0; }
bool record_gt(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) > 0; }
bool record_le(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) <= 0; }
bool record_ge(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b) >= 0; }
int32_t record_cmp(FnContext& cx, Datum a, Datum b) { return record_compare(cx, a, b); }
int32_t record_hash_fn(FnContext& cx, Datum a) { return static_cast<int32_t>(record_hash(cx, a)); }

int32_t oidvector_hash(FnContext& cx, Datum d) { return static_cast<int32_t>(array_hash(cx, d)); }

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(3476, to_reg<2204>), STRICT_FN(3479, to_reg<2202>), STRICT_FN(3492, to_reg<2203>), STRICT_FN(3493, to_reg<2206>),
    STRICT_FN(3494, to_reg<24>), STRICT_FN(3495, to_reg<2205>), STRICT_FN(4086, to_reg<4089>), STRICT_FN(4093, to_reg<4096>),
    STRICT_FN(4195, to_reg<4191>), STRICT_FN(1079, text_regclass),
    STRICT_FN(404, oidvector_cmp), STRICT_FN(619, oidvector_ne), STRICT_FN(677, oidvector_lt), STRICT_FN(678, oidvector_le),
    STRICT_FN(679, oidvector_eq), STRICT_FN(680, oidvector_ge), STRICT_FN(681, oidvector_gt), STRICT_FN(1349, oidvector_types),
    STRICT_FN(1062, aclitem_eq), STRICT_FN(457, oidvector_hash),
    STRICT_FN(2981, record_eq), STRICT_FN(2982, record_ne), STRICT_FN(2983, record_lt), STRICT_FN(2984, record_gt), STRICT_FN(2985, record_le),
    STRICT_FN(2986, record_ge), STRICT_FN(2987, record_cmp), STRICT_FN(6192, record_hash_fn),
}));
}  // namespace

constinit const FnTables kMiscFunctions{kFunctions, {}, {}};

}  // namespace postern
