// What the engine knows of a type without asking a catalog: size, I/O, comparison, hashing. One constexpr table for the built-in types;
// lookups by OID never read a catalog. User-defined types (none yet) will be described by catalog through the same structure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/types/datum.h"
#include "postgres/types/fn.h"

namespace postern {

// How values compare; kInt64 covers bool, "char"(as unsigned), int2/4/8, oid, date, time, timestamp(tz) thanks to datum.h invariant 1.
enum class CompareKind : uint8_t { kNone, kInt64, kFloat4, kFloat8, kBytes /* memcmp, then length: text, varchar, name, bytea, uuid */, kBpchar, kOther };

struct TypeInfo {
  Oid oid;
  std::string_view name;        // pg_type.typname
  int16_t len;                  // bytes on disk; -1: variable (pg_type.typlen, except that name is stored as variable)
  bool by_value;
  char category;                // pg_type.typcategory
  bool preferred;
  char typtype;                 // 'b' base, 'p' pseudo, 'c' composite ...
  Oid elem;                     // element type of an array type, else 0
  Oid array;                    // array type over this one, else 0
  char storage;                 // 'p' plain, 'x' extended, 'm' main, 'e' external
  CompareKind compare_kind;

  // Text input: throws 22P02 etc. typmod -1: none (otherwise applied as an implicit cast would: rounding, length check).
  Datum (*in)(FnContext& cx, std::string_view s, int32_t typmod);
  // Text output appended to out.
  void (*out)(FnContext& cx, Datum d, std::string& out);
  // Binary formats of the wire protocol. recv checks lengths (08P01/22P03).
  Datum (*recv)(FnContext& cx, std::string_view s, int32_t typmod);
  void (*send)(FnContext& cx, Datum d, std::string& out);
  // <0, 0, >0; total order, NaN last as PostgreSQL's btree. nullptr: not orderable.
  int (*compare)(FnContext& cx, Datum a, Datum b);
  // Equal values hash alike (also int2/int4/int8 among each other). nullptr: not hashable.
  uint64_t (*hash)(FnContext& cx, Datum d);
  // "(10,2)" for format_type; nullptr: none. And the reverse: modifiers from a declaration to a typmod (throws 22023).
  void (*typmod_out)(int32_t typmod, std::string& out);
  int32_t (*typmod_in)(std::span<const int32_t> mods);
};

// nullptr: no such type.
const TypeInfo* find_type(Oid oid);
const TypeInfo* find_type_by_name(std::string_view typname);
// Throws XX000 for an unknown OID.
const TypeInfo& type_info(Oid oid);
std::span<const TypeInfo* const> all_types();

// Comparison with the common kinds inlined.
inline int compare_bytes(std::string_view a, std::string_view b) {
  size_t n = a.size() < b.size() ? a.size() : b.size();
  int c = n ? std::memcmp(a.data(), b.data(), n) : 0;
  if (c) return c;
  return a.size() < b.size() ? -1 : a.size() > b.size();
}
inline int compare_datums(FnContext& cx, const TypeInfo& t, Datum a, Datum b) {
  switch (t.compare_kind) {
    case CompareKind::kInt64: {
      auto x = as_int8(a), y = as_int8(b);
      return x < y ? -1 : x > y;
    }
    case CompareKind::kBytes: return compare_bytes(as_view(a), as_view(b));
    default: return t.compare(cx, a, b);
  }
}

namespace oid {
constexpr Oid kBool{16}, kBytea{17}, kChar{18}, kName{19}, kInt8{20}, kInt2{21}, kInt2Vector{22}, kInt4{23}, kRegProc{24}, kText{25}, kOid{26},
    kTid{27}, kXid{28}, kCid{29}, kOidVector{30}, kJson{114}, kPgNodeTree{194}, kFloat4{700}, kFloat8{701}, kUnknown{705}, kBpchar{1042}, kVarchar{1043},
    kDate{1082}, kTime{1083}, kTimestamp{1114}, kTimestampTz{1184}, kInterval{1186}, kTimeTz{1266}, kNumeric{1700}, kRegProcedure{2202},
    kRegOper{2203}, kRegOperator{2204}, kRegClass{2205}, kRegType{2206}, kRegRole{4096}, kRegNamespace{4089}, kUuid{2950}, kRecord{2249},
    kCstring{2275}, kAny{2276}, kAnyArray{2277}, kVoid{2278}, kInternal{2281}, kAnyElement{2283}, kAnyNonArray{2776}, kAnyCompatible{5077},
    kAnyCompatibleArray{5078}, kAnyCompatibleNonArray{5079}, kBoolArray{1000}, kByteaArray{1001}, kCharArray{1002}, kNameArray{1003}, kInt2Array{1005},
    kInt4Array{1007}, kTextArray{1009}, kInt8Array{1016}, kOidArray{1028}, kFloat4Array{1021}, kFloat8Array{1022}, kVarcharArray{1015}, kBpcharArray{1014},
    kNumericArray{1231}, kAclItem{1033}, kAclItemArray{1034}, kXid8{5069}, kJsonb{3802};
constexpr Oid kDefaultCollation{100}, kCCollation{950};
}  // namespace oid

}  // namespace postern
