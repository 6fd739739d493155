// sum(interval) and avg(interval).
#include "common/base/error.h"
#include "postgres/types/aggregate.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/datetime.h"
#include "postgres/types/number_tables.h"

namespace postern {
namespace {
using namespace aggregate;

constexpr Oid kIntervalDiv{1326};

struct IntervalTotal {
  int64_t time, n;
  int32_t day, month;
  void add(const Interval& i, int64_t count) {
    if (__builtin_add_overflow(time, i.time, &time) || __builtin_add_overflow(day, i.day, &day) || __builtin_add_overflow(month, i.month, &month))
      throw SqlError{sqlstate::kDatetimeValueOutOfRange, "interval out of range"};
    n += count;
  }
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<IntervalTotal, Datum>(states, args[0], rows, [](IntervalTotal& s, Datum d) { s.add(as_interval(d), 1); });
  }
  void combine(FnContext&, const IntervalTotal& o) { add({o.time, o.day, o.month}, o.n); }
};
struct SumInterval : IntervalTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (n) *out = from_interval(*cx.arena, {time, day, month});
    return n;
  }
};
struct AvgInterval : IntervalTotal {
  bool finalize(FnContext& cx, Datum* out) const {
    if (!n) return false;
    Datum total = from_interval(*cx.arena, {time, day, month}), count = from_float8(static_cast<double>(n));
    uint8_t null = 0;
    Vector args[] = {{&total}, {&count}}, result{out, &null, 1};
    find_function(kIntervalDiv)->kernel(cx, args, 2, {nullptr, 1}, result);
    return true;
  }
};

constexpr AggEntry kAggregates[] = {entry<AvgInterval>(2106), entry<SumInterval>(2113)};

}  // namespace

constinit const FnTables kIntervalAggregates{{}, kAggregates, {}};

}  // namespace postern
