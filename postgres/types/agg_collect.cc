// Aggregates that keep values: min and max of by-reference types, string_agg, array_agg. Their memory comes from cx.arena.
#include <algorithm>

#include "common/base/error.h"
#include "postgres/types/aggregate.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/number_tables.h"

namespace postern {
namespace {
using namespace aggregate;

// TypeOid 0: the type of the argument (anyarray).
template <uint32_t TypeOid, bool Max>
struct ExtremeBytes {
  Bytes* value;
  uint64_t capacity;

  static const TypeInfo& type(FnContext& cx) { return type_info(TypeOid ? Oid{TypeOid} : cx.arg_types[0]); }
  void keep(Arena& arena, Datum d) {
    std::string_view v = as_view(d);
    if (!value || v.size() > capacity) {
      capacity = std::max<size_t>(v.size() + v.size() / 2, 16);
      value = alloc_bytes(arena, capacity);
    }
    value->size = static_cast<uint32_t>(v.size());
    std::memcpy(value->data, v.data(), v.size());
  }
  // Of equal values the last stays, as with PostgreSQL's text_larger() and its like.
  void take(FnContext& cx, const TypeInfo& t, Datum d) {
    if (value) {
      int c = compare_datums(cx, t, d, from_bytes(value));
      if (Max ? c < 0 : c > 0) return;
    }
    keep(*cx.arena, d);
  }
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    const TypeInfo& t = type(cx);
    for_each_value<ExtremeBytes, Datum>(states, args[0], rows, [&](ExtremeBytes& s, Datum d) { s.take(cx, t, d); });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (value) *out = make_bytes(*cx.arena, value->view());
    return value;
  }
  void combine(FnContext& cx, const ExtremeBytes& o) {
    if (o.value) take(cx, type(cx), from_bytes(o.value));
  }
};

struct StringAgg {
  char* data;
  uint64_t size, capacity, first_delimiter, seen;  // the first delimiter is kept (for combine), but not shown

  void append(Arena& arena, std::string_view v) {
    if (size + v.size() > capacity) {
      if (size + v.size() > (size_t{1} << 30) - 8) throw SqlError{sqlstate::kProgramLimitExceeded, "out of memory",
                                                                  "Cannot enlarge string buffer: the aggregated string would be over 1 GB."};
      capacity = std::max<size_t>(64, (size + v.size()) * 2);
      char* grown = static_cast<char*>(arena.alloc(capacity, 1));
      if (size) std::memcpy(grown, data, size);
      data = grown;
    }
    if (!v.empty()) std::memcpy(data + size, v.data(), v.size());
    size += v.size();
  }
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    Arena& arena = *cx.arena;
    for_each_input<StringAgg>(states, args, 1, rows, [&](StringAgg& s, uint32_t row) {
      bool delimiter = !args[1].null(row);
      if (!s.seen) {
        s.seen = 1;
        s.first_delimiter = delimiter ? as_view(args[1].value(row)).size() : 0;
      }
      if (delimiter) s.append(arena, as_view(args[1].value(row)));
      s.append(arena, as_view(args[0].value(row)));
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (seen) *out = make_bytes(*cx.arena, std::string_view(data, size).substr(first_delimiter));
    return seen;
  }
  void combine(FnContext& cx, const StringAgg& o) {
    if (!o.seen) return;
    if (!seen) first_delimiter = o.first_delimiter;
    seen = 1;
    append(*cx.arena, std::string_view(o.data, o.size));
  }
};

struct ArrayAgg {
  Datum* values;
  uint8_t* nulls;
  uint64_t count, capacity;

  void push(Arena& arena, NullableDatum v) {
    if (count == capacity) {
      uint64_t grown = std::max<uint64_t>(8, capacity * 2);
      Datum* new_values = arena.alloc_array<Datum>(grown);
      uint8_t* new_nulls = arena.alloc_array<uint8_t>(grown);
      if (count) {
        std::memcpy(new_values, values, count * sizeof(Datum));
        std::memcpy(new_nulls, nulls, count);
      }
      values = new_values;
      nulls = new_nulls;
      capacity = grown;
    }
    values[count] = v.value;
    nulls[count++] = v.null;
  }
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    Arena& arena = *cx.arena;
    bool by_value = type_info(cx.arg_types[0]).by_value;
    for_each_input<ArrayAgg>(states, args, 0, rows, [&](ArrayAgg& s, uint32_t row) {
      bool null = args[0].null(row);
      Datum v = null ? 0 : args[0].value(row);
      s.push(arena, {by_value || null ? v : make_bytes(arena, as_view(v)), null});
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (count) *out = make_array_1d(*cx.arena, cx.arg_types[0], values, nulls, static_cast<uint32_t>(count));
    return count;
  }
  void combine(FnContext& cx, const ArrayAgg& o) {
    bool by_value = type_info(cx.arg_types[0]).by_value;
    for (uint64_t i = 0; i < o.count; i++)
      push(*cx.arena, {by_value || o.nulls[i] ? o.values[i] : make_bytes(*cx.arena, as_view(o.values[i])), o.nulls[i] != 0});
  }
};

// array_agg(anyarray): one dimension more.
struct ArrayAggArrays : ArrayAgg {
  static void update(FnContext& cx, void* const* states, const Vector* args, int nargs, Rows rows) {
    for_rows(rows, [&](uint32_t row) {
      if (args[0].null(row)) throw SqlError{sqlstate::kNullValueNotAllowed, "cannot accumulate null arrays"};
      if (ArrayView(args[0].value(row)).ndim() == 0) throw SqlError{sqlstate::kArraySubscriptError, "cannot accumulate empty arrays"};
    });
    ArrayAgg::update(cx, states, args, nargs, rows);
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!count) return false;
    auto* arrays = cx.arena->alloc_array<NullableDatum>(count);
    for (uint64_t i = 0; i < count; i++) arrays[i] = {values[i], false};
    *out = make_array_of_arrays(*cx.arena, ArrayView(values[0]).elem_type(), {arrays, count});
    return true;
  }
};

constexpr auto kAggregates = sorted_by_oid(std::to_array<AggEntry>({
    entry<ExtremeBytes<1266, true>>(2124), entry<ExtremeBytes<1186, true>>(2128), entry<ExtremeBytes<25, true>>(2129),
    entry<ExtremeBytes<1700, true>>(2130), entry<ExtremeBytes<1042, true>>(2244), entry<ExtremeBytes<0, true>>(2050),
    entry<ExtremeBytes<1266, false>>(2140), entry<ExtremeBytes<1186, false>>(2144), entry<ExtremeBytes<25, false>>(2145),
    entry<ExtremeBytes<1700, false>>(2146), entry<ExtremeBytes<1042, false>>(2245), entry<ExtremeBytes<0, false>>(2051),
    entry<StringAgg>(3538), entry<StringAgg>(3545), entry<ArrayAgg>(2335), entry<ArrayAggArrays>(4053),
}));

}  // namespace

constinit const FnTables kCollectAggregates{{}, kAggregates, {}};

}  // namespace postern
