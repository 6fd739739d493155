// The strings, time, arrays, json, reg* and pseudo types half of the type table (pg_type facts of PostgreSQL 15), and its function tables.
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/datetime.h"
#include "postgres/types/json.h"
#include "postgres/types/misc_types.h"
#include "postgres/types/record.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/string_types.h"

namespace postern {
namespace {
using namespace string_types;
using namespace misc_types;
using namespace datetime_types;
using namespace json_types;

template <uint32_t Elem>
Datum array_in_of(FnContext& cx, std::string_view s, int32_t typmod) { return array_in(cx, s, Oid{Elem}, typmod); }
template <uint32_t Elem>
Datum array_recv_of(FnContext& cx, std::string_view s, int32_t typmod) { return array_recv(cx, s, Oid{Elem}, typmod); }
template <uint32_t Type>
Datum reg_in_of(FnContext& cx, std::string_view s, int32_t) { return misc_types::reg_in(cx, s, Oid{Type}); }
template <uint32_t Type>
void reg_out_of(FnContext& cx, Datum d, std::string& out) { misc_types::reg_out(cx, d, Oid{Type}, out); }

constexpr std::string_view pseudo_name(uint32_t type) {
  switch (type) {
    case 2276: return "any";
    case 2277: return "anyarray";
    case 2279: return "trigger";
    case 2280: return "language_handler";
    case 2281: return "internal";
    case 2283: return "anyelement";
    case 2776: return "anynonarray";
    case 3115: return "fdw_handler";
    case 325: return "index_am_handler";
    case 3310: return "tsm_handler";
    case 269: return "table_am_handler";
    case 3500: return "anyenum";
    case 3831: return "anyrange";
    case 3838: return "event_trigger";
    case 4537: return "anymultirange";
    case 5077: return "anycompatible";
    case 5078: return "anycompatiblearray";
    case 5079: return "anycompatiblenonarray";
    case 5080: return "anycompatiblerange";
    case 4538: return "anycompatiblemultirange";
    case 2249: return "record";
    case 1033: return "aclitem";
    case 194: return "pg_node_tree";
    default: return "?";
  }
}
template <uint32_t Type>
Datum pseudo_in(FnContext&, std::string_view, int32_t) { reject_input(pseudo_name(Type)); }
template <uint32_t Type>
void pseudo_out(FnContext&, Datum, std::string&) { reject_output(pseudo_name(Type)); }
Datum record_in(FnContext&, std::string_view, int32_t) {
  throw SqlError{sqlstate::kFeatureNotSupported, "input of anonymous composite types is not implemented"};
}

#define STRING_TYPE(oid_, name_, len_, pref_, cat_, typtype_, array_, storage_, io_) \
  {Oid{oid_}, name_, len_, false, cat_, pref_, typtype_, Oid{0}, Oid{array_}, storage_, CompareKind::kBytes, io_##_in, io_##_out, io_##_recv, io_##_send, \
   bytes_compare, bytes_hash, nullptr, nullptr}
#define ARRAY_TYPE(oid_, elem_, name_, typmod_out_, typmod_in_) \
  {Oid{oid_}, name_, -1, false, 'A', false, 'b', Oid{elem_}, Oid{0}, 'x', CompareKind::kOther, array_in_of<elem_>, array_out, array_recv_of<elem_>, \
   array_send, array_compare, array_hash, typmod_out_, typmod_in_}
#define REG_TYPE(oid_, name_, array_) \
  {Oid{oid_}, name_, 4, true, 'N', false, 'b', Oid{0}, Oid{array_}, 'p', CompareKind::kInt64, reg_in_of<oid_>, reg_out_of<oid_>, misc_types::oid_recv, \
   misc_types::oid_send, misc_types::oid_compare, misc_types::oid_hash, nullptr, nullptr}
#define TIME_TYPE(oid_, name_, len_, by_value_, cat_, pref_, array_, compare_, io_, typmod_out_, typmod_in_) \
  {Oid{oid_}, name_, len_, by_value_, cat_, pref_, 'b', Oid{0}, Oid{array_}, 'p', compare_, io_##_in, io_##_out, io_##_recv, io_##_send, io_##_compare, \
   io_##_hash, typmod_out_, typmod_in_}
#define PSEUDO_TYPE(oid_, len_, by_value_) \
  {Oid{oid_}, pseudo_name(oid_), len_, by_value_, 'P', false, 'p', Oid{0}, Oid{0}, len_ < 0 ? 'x' : 'p', CompareKind::kNone, pseudo_in<oid_>, \
   pseudo_out<oid_>, pseudo_in<oid_>, pseudo_out<oid_>, nullptr, nullptr, nullptr, nullptr}

constexpr TypeInfo kTypes[] = {
    STRING_TYPE(25, "text", -1, true, 'S', 'b', 1009, 'x', text),
    {oid::kVarchar, "varchar", -1, false, 'S', false, 'b', Oid{0}, oid::kVarcharArray, 'x', CompareKind::kBytes, varchar_in, varchar_out, varchar_recv,
     varchar_send, bytes_compare, bytes_hash, char_typmod_out, varchar_typmod_in},
    {oid::kBpchar, "bpchar", -1, false, 'S', false, 'b', Oid{0}, oid::kBpcharArray, 'x', CompareKind::kBpchar, bpchar_in, bpchar_out, bpchar_recv,
     bpchar_send, bpchar_compare, bpchar_hash, char_typmod_out, bpchar_typmod_in},
    STRING_TYPE(19, "name", -1, false, 'S', 'b', 1003, 'p', name),
    STRING_TYPE(2275, "cstring", -2, false, 'P', 'p', 1263, 'p', text),
    STRING_TYPE(705, "unknown", -2, false, 'X', 'p', 0, 'p', text),
    STRING_TYPE(17, "bytea", -1, false, 'U', 'b', 1001, 'x', bytea),
    STRING_TYPE(2950, "uuid", 16, false, 'U', 'b', 2951, 'p', uuid),
    {oid::kJson, "json", -1, false, 'U', false, 'b', Oid{0}, Oid{199}, 'x', CompareKind::kNone, json_in, json_out, json_recv, json_send, nullptr, nullptr,
     nullptr, nullptr},
    STRING_TYPE(1033, "aclitem", -1, false, 'U', 'b', 1034, 'p', text),
    STRING_TYPE(194, "pg_node_tree", -1, false, 'Z', 'b', 0, 'x', text),
    STRING_TYPE(1790, "refcursor", -1, false, 'U', 'b', 2201, 'x', text),

    TIME_TYPE(1082, "date", 4, true, 'D', false, 1182, CompareKind::kInt64, date, nullptr, nullptr),
    TIME_TYPE(1083, "time", 8, true, 'D', false, 1183, CompareKind::kInt64, time, precision_out, time_typmod_in),
    TIME_TYPE(1114, "timestamp", 8, true, 'D', false, 1115, CompareKind::kInt64, timestamp, precision_out, timestamp_typmod_in),
    TIME_TYPE(1184, "timestamptz", 8, true, 'D', true, 1185, CompareKind::kInt64, timestamptz, precision_out, timestamp_typmod_in),
    TIME_TYPE(1266, "timetz", 12, false, 'D', false, 1270, CompareKind::kOther, timetz, precision_out, time_typmod_in),
    TIME_TYPE(1186, "interval", 16, false, 'T', true, 1187, CompareKind::kOther, interval, interval_typmod_out, interval_typmod_in),

    REG_TYPE(24, "regproc", 1008), REG_TYPE(2202, "regprocedure", 2207), REG_TYPE(2203, "regoper", 2208), REG_TYPE(2204, "regoperator", 2209),
    REG_TYPE(2205, "regclass", 2210), REG_TYPE(2206, "regtype", 2211), REG_TYPE(4096, "regrole", 4097), REG_TYPE(4089, "regnamespace", 4090),
    REG_TYPE(4191, "regcollation", 4192), REG_TYPE(3734, "regconfig", 3735), REG_TYPE(3769, "regdictionary", 3770),

    {oid::kOidVector, "oidvector", -1, false, 'A', false, 'b', oid::kOid, Oid{1013}, 'p', CompareKind::kOther, oidvector_in, vector_out, oidvector_recv,
     array_send, oidvector_compare, array_hash, nullptr, nullptr},
    {oid::kInt2Vector, "int2vector", -1, false, 'A', false, 'b', oid::kInt2, Oid{1006}, 'p', CompareKind::kOther, int2vector_in, vector_out,
     int2vector_recv, array_send, array_compare, array_hash, nullptr, nullptr},

    ARRAY_TYPE(1000, 16, "_bool", nullptr, nullptr), ARRAY_TYPE(1001, 17, "_bytea", nullptr, nullptr), ARRAY_TYPE(1002, 18, "_char", nullptr, nullptr),
    ARRAY_TYPE(1003, 19, "_name", nullptr, nullptr), ARRAY_TYPE(1005, 21, "_int2", nullptr, nullptr), ARRAY_TYPE(1006, 22, "_int2vector", nullptr, nullptr),
    ARRAY_TYPE(1007, 23, "_int4", nullptr, nullptr), ARRAY_TYPE(1008, 24, "_regproc", nullptr, nullptr), ARRAY_TYPE(1009, 25, "_text", nullptr, nullptr),
    ARRAY_TYPE(1010, 27, "_tid", nullptr, nullptr), ARRAY_TYPE(1011, 28, "_xid", nullptr, nullptr), ARRAY_TYPE(1012, 29, "_cid", nullptr, nullptr),
    ARRAY_TYPE(1013, 30, "_oidvector", nullptr, nullptr), ARRAY_TYPE(1014, 1042, "_bpchar", char_typmod_out, bpchar_typmod_in),
    ARRAY_TYPE(1015, 1043, "_varchar", char_typmod_out, varchar_typmod_in), ARRAY_TYPE(1016, 20, "_int8", nullptr, nullptr),
    ARRAY_TYPE(1021, 700, "_float4", nullptr, nullptr), ARRAY_TYPE(1022, 701, "_float8", nullptr, nullptr), ARRAY_TYPE(1028, 26, "_oid", nullptr, nullptr),
    ARRAY_TYPE(1034, 1033, "_aclitem", nullptr, nullptr), ARRAY_TYPE(1231, 1700, "_numeric", nullptr, nullptr),
    ARRAY_TYPE(1263, 2275, "_cstring", nullptr, nullptr), ARRAY_TYPE(2201, 1790, "_refcursor", nullptr, nullptr),
    ARRAY_TYPE(2207, 2202, "_regprocedure", nullptr, nullptr), ARRAY_TYPE(2208, 2203, "_regoper", nullptr, nullptr),
    ARRAY_TYPE(2209, 2204, "_regoperator", nullptr, nullptr), ARRAY_TYPE(2210, 2205, "_regclass", nullptr, nullptr),
    ARRAY_TYPE(2211, 2206, "_regtype", nullptr, nullptr), ARRAY_TYPE(4097, 4096, "_regrole", nullptr, nullptr),
    ARRAY_TYPE(4090, 4089, "_regnamespace", nullptr, nullptr), ARRAY_TYPE(4192, 4191, "_regcollation", nullptr, nullptr),
    ARRAY_TYPE(3735, 3734, "_regconfig", nullptr, nullptr), ARRAY_TYPE(3770, 3769, "_regdictionary", nullptr, nullptr),
    ARRAY_TYPE(1115, 1114, "_timestamp", precision_out, timestamp_typmod_in), ARRAY_TYPE(1182, 1082, "_date", nullptr, nullptr),
    ARRAY_TYPE(1183, 1083, "_time", precision_out, time_typmod_in), ARRAY_TYPE(1185, 1184, "_timestamptz", precision_out, timestamp_typmod_in),
    ARRAY_TYPE(1187, 1186, "_interval", interval_typmod_out, interval_typmod_in), ARRAY_TYPE(1270, 1266, "_timetz", precision_out, time_typmod_in),
    ARRAY_TYPE(199, 114, "_json", nullptr, nullptr), ARRAY_TYPE(2951, 2950, "_uuid", nullptr, nullptr), ARRAY_TYPE(271, 5069, "_xid8", nullptr, nullptr),

    {oid::kVoid, "void", 4, true, 'P', false, 'p', Oid{0}, Oid{0}, 'p', CompareKind::kNone, void_in, void_out, void_recv, void_out, nullptr, nullptr,
     nullptr, nullptr},
    {oid::kRecord, "record", -1, false, 'P', false, 'p', Oid{0}, Oid{2287}, 'x', CompareKind::kOther, record_in, record_out, pseudo_in<2249>, record_send,
     record_compare, record_hash, nullptr, nullptr},
    {Oid{2287}, "_record", -1, false, 'P', false, 'p', oid::kRecord, Oid{0}, 'x', CompareKind::kOther, array_in_of<2249>, array_out, array_recv_of<2249>,
     array_send, array_compare, array_hash, nullptr, nullptr},
    {oid::kAnyArray, "anyarray", -1, false, 'P', false, 'p', Oid{0}, Oid{0}, 'x', CompareKind::kOther, pseudo_in<2277>, array_out, pseudo_in<2277>,
     array_send, array_compare, array_hash, nullptr, nullptr},
    PSEUDO_TYPE(2276, 4, true), PSEUDO_TYPE(2279, 4, true), PSEUDO_TYPE(2280, 4, true), PSEUDO_TYPE(2281, 8, true), PSEUDO_TYPE(2283, 4, true),
    PSEUDO_TYPE(2776, 4, true), PSEUDO_TYPE(3115, 4, true), PSEUDO_TYPE(325, 4, true), PSEUDO_TYPE(3310, 4, true), PSEUDO_TYPE(269, 4, true),
    PSEUDO_TYPE(3500, 4, true), PSEUDO_TYPE(3831, -1, false), PSEUDO_TYPE(3838, 4, true), PSEUDO_TYPE(4537, -1, false), PSEUDO_TYPE(5077, 4, true),
    PSEUDO_TYPE(5078, -1, false), PSEUDO_TYPE(5079, 4, true), PSEUDO_TYPE(5080, -1, false), PSEUDO_TYPE(4538, -1, false),
};

constexpr const FnTables* kTables[] = {&kStringFunctions, &kByteaFunctions, &kRegexFunctions, &kArrayFunctions,
                                       &kDatetimeFunctions, &kIntervalFunctions, &kFormattingFunctions, &kJsonFunctions, &kMiscFunctions,
                                       &kIoFunctionsB};

}  // namespace

constinit const std::span<const TypeInfo> kTypesB{kTypes};
constinit const std::span<const FnTables* const> kTypesBTables{kTables};

}  // namespace postern
