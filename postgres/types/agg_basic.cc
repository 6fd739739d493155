// count, sum, avg, min and max of by-value types, bool_and/bool_or, bit_and/bit_or/bit_xor.
#include <cmath>

#include "common/base/error.h"
#include "postgres/types/aggregate.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/dense.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric_sum.h"
#include "postgres/types/scalar_types.h"

namespace postern {
namespace {
using namespace aggregate;

struct Count {
  int64_t n;
  bool finalize(FnContext&, Datum* out) const {
    *out = from_int(n);
    return true;
  }
  void combine(FnContext&, const Count& o) { n += o.n; }
};
struct CountRows : Count {
  static void update(FnContext&, void* const* states, const Vector*, int, Rows rows) {
    if (void* one = single_state(states, rows)) static_cast<Count*>(one)->n += rows.count;
    else for_rows(rows, [&](uint32_t row) { static_cast<Count*>(states[row])->n++; });
  }
};
struct CountValues : Count {
  static void update(FnContext& cx, void* const* states, const Vector* args, int nargs, Rows rows) {
    if (!args[0].nulls) return CountRows::update(cx, states, args, nargs, rows);
    for_each_input<Count>(states, args, 1, rows, [](Count& s, uint32_t) { s.n++; });
  }
};

// sum(int2), sum(int4): bigint.
struct SumSmall {
  int64_t sum;
  uint64_t seen;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<SumSmall, int64_t>(states, args[0], rows, [](SumSmall& s, int64_t v) {
      s.sum += v;
      s.seen = 1;
    });
  }
  bool finalize(FnContext&, Datum* out) const {
    *out = from_int(sum);
    return seen;
  }
  void combine(FnContext&, const SumSmall& o) {
    sum += o.sum;
    seen |= o.seen;
  }
};

// sum(int8): numeric; avg of integers.
struct IntTotal {
  Int128Sum sum;
  int64_t n;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<IntTotal, int64_t>(states, args[0], rows, [](IntTotal& s, int64_t v) {
      s.sum.add(v);
      s.n++;
    });
  }
  void combine(FnContext&, const IntTotal& o) {
    sum.add(o.sum.value());
    n += o.n;
  }
};
struct SumBig : IntTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (n) *out = make_numeric(*cx.arena, sum.value(), 0);
    return n;
  }
};
struct AvgInt : IntTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (n) *out = numeric_div(*cx.arena, make_numeric(*cx.arena, sum.value(), 0), numeric_from_int8(*cx.arena, n));
    return n;
  }
};

struct NumericTotal {
  NumericSum sum;
  int64_t n, nans, positive_infinities, negative_infinities;
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    Arena& arena = *cx.arena;
    for_each_value<NumericTotal, Datum>(states, args[0], rows, [&arena](NumericTotal& s, Datum d) {
      SmallNumeric v;
      s.n++;
      if (numeric_small(d, &v)) return s.sum.add(arena, v);
      switch (numeric_kind(d)) {
        case NumericKind::kFinite: s.sum.add(arena, d); break;
        case NumericKind::kNan: s.nans++; break;
        case NumericKind::kPosInfinity: s.positive_infinities++; break;
        case NumericKind::kNegInfinity: s.negative_infinities++; break;
      }
    });
  }
  Datum total(Arena& arena) const {
    if (nans || (positive_infinities && negative_infinities)) return make_numeric_special(arena, NumericKind::kNan);
    if (positive_infinities) return make_numeric_special(arena, NumericKind::kPosInfinity);
    if (negative_infinities) return make_numeric_special(arena, NumericKind::kNegInfinity);
    return sum.total(arena);
  }
  void combine(FnContext& cx, const NumericTotal& o) {
    sum.combine(*cx.arena, o.sum);
    n += o.n;
    nans += o.nans;
    positive_infinities += o.positive_infinities;
    negative_infinities += o.negative_infinities;
  }
};
struct SumNumeric : NumericTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (n) *out = total(*cx.arena);
    return n;
  }
};
struct AvgNumeric : NumericTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (n) *out = numeric_div(*cx.arena, total(*cx.arena), numeric_from_int8(*cx.arena, n));
    return n;
  }
};

// Rows are added in their order, as PostgreSQL does, so that sums agree to the last digit.
template <class F>
struct FloatTotal {
  F sum, worst;  // worst: an input that was infinite or NaN, which excuses an infinite sum
  int64_t n;
  template <class In>
  static void update_from(void* const* states, const Vector* args, Rows rows) {
    for_each_value<FloatTotal, In>(states, args[0], rows, [](FloatTotal& s, In v) {
      s.sum += v;
      s.worst += v - v;
      s.n++;
    });
    for_rows(rows, [&](uint32_t row) {
      auto* s = static_cast<FloatTotal*>(states[row]);
      if (std::isinf(s->sum) && s->worst == 0) throw_arith(kArithOverflow, ArithResult::kFloat);
    });
  }
  void combine(FnContext&, const FloatTotal& o) {
    sum += o.sum;
    worst += o.worst;
    n += o.n;
    if (std::isinf(sum) && worst == 0) throw_arith(kArithOverflow, ArithResult::kFloat);
  }
};
template <class F>
struct SumFloat : FloatTotal<F> {
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    FloatTotal<F>::template update_from<F>(states, args, rows);
  }
  bool finalize(FnContext& cx, Datum* out) const {
    *out = to_datum(cx, this->sum);
    return this->n;
  }
};
template <class In>
struct AvgFloat : FloatTotal<double> {
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) { update_from<In>(states, args, rows); }
  bool finalize(FnContext&, Datum* out) const {
    if (n) *out = from_float8(sum / static_cast<double>(n));
    return n;
  }
};

// Of everything that compares as int64.
template <bool Max>
struct ExtremeInt {
  int64_t value;
  uint64_t seen;
  void take(int64_t v) {
    value = !seen || (Max ? v > value : v < value) ? v : value;
    seen = 1;
  }
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<ExtremeInt, int64_t>(states, args[0], rows, [](ExtremeInt& s, int64_t v) { s.take(v); });
  }
  bool finalize(FnContext&, Datum* out) const {
    *out = from_int(value);
    return seen;
  }
  void combine(FnContext&, const ExtremeInt& o) {
    if (o.seen) take(o.value);
  }
};
template <class F, bool Max>
struct ExtremeFloat {
  F value;
  uint64_t seen;
  void take(F v) {
    int c = scalar_types::compare_floats(v, value);
    if (!seen || (Max ? c >= 0 : c <= 0)) value = v;
    seen = 1;
  }
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<ExtremeFloat, F>(states, args[0], rows, [](ExtremeFloat& s, F v) { s.take(v); });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    *out = to_datum(cx, value);
    return seen;
  }
  void combine(FnContext&, const ExtremeFloat& o) {
    if (o.seen) take(o.value);
  }
};

enum class BitOp { kAnd, kOr, kXor };
template <BitOp Op>
struct Bits {
  int64_t value;
  uint64_t seen;
  void take(int64_t v) {
    if (!seen) value = v;
    else if constexpr (Op == BitOp::kAnd) value &= v;
    else if constexpr (Op == BitOp::kOr) value |= v;
    else value ^= v;
    seen = 1;
  }
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<Bits, int64_t>(states, args[0], rows, [](Bits& s, int64_t v) { s.take(v); });
  }
  bool finalize(FnContext&, Datum* out) const {
    *out = from_int(value);
    return seen;
  }
  void combine(FnContext&, const Bits& o) {
    if (o.seen) take(o.value);
  }
};

constexpr auto kAggregates = sorted_by_oid(std::to_array<AggEntry>({
    entry<CountValues>(2147), entry<CountRows>(2803),
    entry<SumBig>(2107), entry<SumSmall>(2108), entry<SumSmall>(2109), entry<SumFloat<float>>(2110), entry<SumFloat<double>>(2111),
    entry<SumNumeric>(2114),
    entry<AvgInt>(2100), entry<AvgInt>(2101), entry<AvgInt>(2102), entry<AvgNumeric>(2103), entry<AvgFloat<float>>(2104), entry<AvgFloat<double>>(2105),
    entry<ExtremeInt<true>>(2115), entry<ExtremeInt<true>>(2116), entry<ExtremeInt<true>>(2117), entry<ExtremeInt<true>>(2118),
    entry<ExtremeInt<true>>(2122), entry<ExtremeInt<true>>(2123), entry<ExtremeInt<true>>(2126), entry<ExtremeInt<true>>(2127),
    entry<ExtremeInt<true>>(2797), entry<ExtremeInt<true>>(5099),
    entry<ExtremeInt<false>>(2131), entry<ExtremeInt<false>>(2132), entry<ExtremeInt<false>>(2133), entry<ExtremeInt<false>>(2134),
    entry<ExtremeInt<false>>(2138), entry<ExtremeInt<false>>(2139), entry<ExtremeInt<false>>(2142), entry<ExtremeInt<false>>(2143),
    entry<ExtremeInt<false>>(2798), entry<ExtremeInt<false>>(5100),
    entry<ExtremeFloat<float, true>>(2119), entry<ExtremeFloat<double, true>>(2120), entry<ExtremeFloat<float, false>>(2135),
    entry<ExtremeFloat<double, false>>(2136),
    entry<Bits<BitOp::kAnd>>(2517), entry<Bits<BitOp::kOr>>(2518), entry<Bits<BitOp::kAnd>>(2519),
    entry<Bits<BitOp::kAnd>>(2236), entry<Bits<BitOp::kAnd>>(2238), entry<Bits<BitOp::kAnd>>(2240),
    entry<Bits<BitOp::kOr>>(2237), entry<Bits<BitOp::kOr>>(2239), entry<Bits<BitOp::kOr>>(2241),
    entry<Bits<BitOp::kXor>>(6164), entry<Bits<BitOp::kXor>>(6165), entry<Bits<BitOp::kXor>>(6166),
}));

}  // namespace

constinit const FnTables kBasicAggregates{{}, kAggregates, {}};

}  // namespace postern
