// The numbers half of the type table (pg_type facts of PostgreSQL 15; tid is by value and 8 bytes inside, see scalar_io.h), and its function tables.
// xid and cid have equality (compare_kind) and a hash but no order (compare is null).
#include "postgres/types/builtin_tables.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric_types.h"
#include "postgres/types/scalar_types.h"

namespace postern {
namespace {
using namespace scalar_types;
using namespace numeric_types;

constexpr TypeInfo kTypes[] = {
    {oid::kBool, "bool", 1, true, 'B', true, 'b', Oid{0}, oid::kBoolArray, 'p', CompareKind::kInt64, bool_in, bool_out, bool_recv, bool_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kChar, "char", 1, true, 'Z', false, 'b', Oid{0}, oid::kCharArray, 'p', CompareKind::kInt64, char_in, char_out, char_recv, char_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kInt8, "int8", 8, true, 'N', false, 'b', Oid{0}, oid::kInt8Array, 'p', CompareKind::kInt64, int8_in, int8_out, int8_recv, int8_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kInt2, "int2", 2, true, 'N', false, 'b', Oid{0}, oid::kInt2Array, 'p', CompareKind::kInt64, int2_in, int2_out, int2_recv, int2_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kInt4, "int4", 4, true, 'N', false, 'b', Oid{0}, oid::kInt4Array, 'p', CompareKind::kInt64, int4_in, int4_out, int4_recv, int4_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kOid, "oid", 4, true, 'N', true, 'b', Oid{0}, oid::kOidArray, 'p', CompareKind::kInt64, oid_in, oid_out, oid_recv, oid_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kTid, "tid", 8, true, 'U', false, 'b', Oid{0}, Oid{1010}, 'p', CompareKind::kInt64, tid_in, tid_out, tid_recv, tid_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kXid, "xid", 4, true, 'U', false, 'b', Oid{0}, Oid{1011}, 'p', CompareKind::kInt64, xid_in, xid_out, xid_recv, xid_send,
     nullptr, int64_hash, nullptr, nullptr},
    {oid::kCid, "cid", 4, true, 'U', false, 'b', Oid{0}, Oid{1012}, 'p', CompareKind::kInt64, cid_in, cid_out, cid_recv, cid_send,
     nullptr, int64_hash, nullptr, nullptr},
    {oid::kXid8, "xid8", 8, true, 'U', false, 'b', Oid{0}, Oid{271}, 'p', CompareKind::kInt64, xid8_in, xid8_out, xid8_recv, xid8_send,
     int64_compare, int64_hash, nullptr, nullptr},
    {oid::kFloat4, "float4", 4, true, 'N', false, 'b', Oid{0}, oid::kFloat4Array, 'p', CompareKind::kFloat4, float4_in, float4_out, float4_recv,
     float4_send, float4_compare, float4_hash, nullptr, nullptr},
    {oid::kFloat8, "float8", 8, true, 'N', true, 'b', Oid{0}, oid::kFloat8Array, 'p', CompareKind::kFloat8, float8_in, float8_out, float8_recv,
     float8_send, float8_compare, float8_hash, nullptr, nullptr},
    {oid::kNumeric, "numeric", -1, false, 'N', false, 'b', Oid{0}, oid::kNumericArray, 'm', CompareKind::kOther, numeric_in, numeric_out, numeric_recv,
     numeric_send, numeric_compare_values, numeric_hash_value, numeric_typmod_out, numeric_typmod_in},
};

constexpr const FnTables* kTables[] = {&kIntFns, &kFloatFns, &kFloatMathFns, &kNumericFns, &kBasicAggregates, &kStatisticsAggregates, &kCollectAggregates, &kSeriesFns, &kIoFns,
                                        &kNumberFormatFns, &kIntervalAggregates, &kOrderedAggregates};

}  // namespace

constinit const std::span<const TypeInfo> kTypesA{kTypes};
constinit const std::span<const FnTables* const> kTypesATables{kTables};

}  // namespace postern
