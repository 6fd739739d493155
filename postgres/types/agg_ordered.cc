// Ordered-set aggregates: percentile_disc, percentile_cont, mode. Their arguments are the direct ones, then the value of WITHIN GROUP (ORDER BY),
// and rows must arrive in that order (per group).
#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/error.h"
#include "postgres/types/aggregate.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/scalar_io.h"

namespace postern {
namespace {
using namespace aggregate;

// The fraction of the first row counts.
struct Collected {
  Datum* values;
  uint64_t count, capacity;
  double fraction;
  uint32_t has_fraction, fraction_null;

  void push(Arena& arena, Datum v) {
    if (count == capacity) {
      uint64_t grown = std::max<uint64_t>(16, capacity * 2);
      Datum* bigger = arena.alloc_array<Datum>(grown);
      if (count) std::memcpy(bigger, values, count * sizeof(Datum));
      values = bigger;
      capacity = grown;
    }
    values[count++] = v;
  }
  static void collect(FnContext& cx, void* const* states, const Vector* args, Rows rows, bool by_value) {
    for_rows(rows, [&](uint32_t row) {
      auto* s = static_cast<Collected*>(states[row]);
      if (!s->has_fraction) {
        s->has_fraction = 1;
        s->fraction_null = args[0].null(row);
        if (!s->fraction_null) s->fraction = as_float8(args[0].value(row));
      }
      if (!args[1].null(row)) s->push(*cx.arena, by_value ? args[1].value(row) : make_bytes(*cx.arena, as_view(args[1].value(row))));
    });
  }
  bool ready() const {
    if (count == 0 || fraction_null) return false;
    if (fraction >= 0 && fraction <= 1) return true;
    std::string text;
    append_float8(text, fraction, 1);
    throw SqlError{sqlstate::kNumericValueOutOfRange, "percentile value " + text + " is not between 0 and 1"};
  }
};

// Linear interpolation between neighbours of the ordered values.
Datum interpolate(FnContext& cx, Oid type, Datum a, Datum b, double part) {
  if (type == oid::kFloat8) {
    double x = as_float8(a), y = as_float8(b);
    return from_float8(x == y ? x : x + (y - x) * part);
  }
  auto call = [&](uint32_t fn, Datum l, Datum r) {
    uint8_t null = 0;
    Datum result = 0;
    Vector args[2] = {{&l, nullptr, 0}, {&r, nullptr, 0}}, out{&result, &null, 1};
    find_function(Oid{fn})->kernel(cx, args, 2, Rows{nullptr, 1}, out);
    return result;
  };
  constexpr uint32_t kIntervalPlus = 1169, kIntervalMinus = 1170, kIntervalTimes = 1618;
  return call(kIntervalPlus, a, call(kIntervalTimes, call(kIntervalMinus, b, a), from_float8(part)));
}
Datum percentile_cont(FnContext& cx, Oid type, const Datum* values, uint64_t count, double fraction) {
  double position = fraction * static_cast<double>(count - 1), low = std::floor(position);
  return interpolate(cx, type, values[static_cast<uint64_t>(low)], values[static_cast<uint64_t>(std::ceil(position))], position - low);
}
Datum percentile_disc(const Datum* values, uint64_t count, double fraction) {
  double position = std::ceil(fraction * static_cast<double>(count));
  return values[position < 1 ? 0 : static_cast<uint64_t>(position) - 1];
}

struct PercentileDisc : Collected {
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    collect(cx, states, args, rows, type_info(cx.arg_types[1]).by_value);
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!ready()) return false;
    Datum v = percentile_disc(values, count, fraction);
    *out = type_info(cx.arg_types[1]).by_value ? v : make_bytes(*cx.arena, as_view(v));
    return true;
  }
};
struct PercentileCont : Collected {
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) { collect(cx, states, args, rows, true); }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!ready()) return false;
    *out = percentile_cont(cx, oid::kFloat8, values, count, fraction);
    return true;
  }
};

struct PercentileContInterval : Collected {
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) { collect(cx, states, args, rows, false); }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!ready()) return false;
    *out = make_bytes(*cx.arena, as_view(percentile_cont(cx, oid::kInterval, values, count, fraction)));
    return true;
  }
};

// An array of fractions gives an array of results.
template <bool kContinuous>
struct PercentileArray : Collected {
  Datum fractions;
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    const bool by_value = type_info(cx.arg_types[1]).by_value;
    for_rows(rows, [&](uint32_t row) {
      auto* s = static_cast<PercentileArray*>(states[row]);
      if (!s->has_fraction) {
        s->has_fraction = 1;
        s->fraction_null = args[0].null(row);
        if (!s->fraction_null) s->fractions = make_bytes(*cx.arena, as_view(args[0].value(row)));
      }
      if (!args[1].null(row)) s->push(*cx.arena, by_value ? args[1].value(row) : make_bytes(*cx.arena, as_view(args[1].value(row))));
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (count == 0 || fraction_null) return false;
    const Oid type = cx.arg_types[1];
    ArrayView wanted(fractions);
    std::vector<Datum> results(wanted.count());
    std::vector<uint8_t> nulls(wanted.count());
    for (uint32_t i = 0; i < wanted.count(); i++) {
      nulls[i] = wanted.null(i);
      if (nulls[i]) continue;
      Collected one = *this;
      one.fraction = as_float8(wanted.value(i));
      one.ready();
      results[i] = kContinuous ? percentile_cont(cx, type, values, count, one.fraction) : percentile_disc(values, count, one.fraction);
    }
    *out = wanted.count() ? make_array(*cx.arena, type, results.data(), nulls.data(), wanted.dims(), wanted.lower_bounds()) : empty_array(*cx.arena, type);
    return true;
  }
};

struct Mode {
  Datum best, current;
  uint64_t best_count, current_count;
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    const TypeInfo& t = type_info(cx.arg_types[0]);
    for_each_value<Mode, Datum>(states, args[0], rows, [&](Mode& s, Datum v) {
      if (!s.current_count || compare_datums(cx, t, s.current, v) != 0) {
        s.current = t.by_value ? v : make_bytes(*cx.arena, as_view(v));
        s.current_count = 0;
      }
      if (++s.current_count > s.best_count) {
        s.best = s.current;
        s.best_count = s.current_count;
      }
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!best_count) return false;
    *out = type_info(cx.arg_types[0]).by_value ? best : make_bytes(*cx.arena, as_view(best));
    return true;
  }
};

template <class S>
constexpr AggEntry whole_only(uint32_t oid) {
  AggEntry e{oid, sizeof(S), &S::update, [](FnContext& cx, void* state, Datum* out) { return static_cast<S*>(state)->finalize(cx, out); }};
  return e;
}

constexpr AggEntry kAggregates[] = {whole_only<PercentileDisc>(3972), whole_only<PercentileCont>(3974), whole_only<PercentileContInterval>(3976),
                                    whole_only<PercentileArray<false>>(3978), whole_only<PercentileArray<true>>(3980), whole_only<PercentileArray<true>>(3982),
                                    whole_only<Mode>(3984)};

}  // namespace

constinit const FnTables kOrderedAggregates{{}, kAggregates, {}};

}  // namespace postern
