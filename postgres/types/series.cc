// generate_series for int4, int8 and numeric.
#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric.h"

namespace postern {
namespace {

SqlError bad_argument(std::string message) { return {sqlstate::kInvalidParameterValue, std::move(message)}; }

struct EmptySeries : SetFunction {
  uint32_t next(FnContext&, Vector*, int, uint32_t) override { return 0; }
};

// Both widths: the loop ends when the next value would leave int64; for int4 the stop value is inside int4 anyway.
struct IntSeries : SetFunction {
  int64_t current, stop, step;
  bool done;
  IntSeries(int64_t start, int64_t stop_, int64_t step_) : current(start), stop(stop_), step(step_), done(step_ > 0 ? start > stop_ : start < stop_) {}

  uint32_t next(FnContext&, Vector* out, int, uint32_t max_rows) override {
    if (done) return 0;
    Datum* values = out[0].values;
    uint64_t distance = step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(current) : static_cast<uint64_t>(current) - static_cast<uint64_t>(stop);
    uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : uint64_t{0} - static_cast<uint64_t>(step);
    uint64_t left = distance / stride;  // values after the current one
    uint32_t n = left < max_rows ? static_cast<uint32_t>(left) + 1 : max_rows;
    uint64_t v = static_cast<uint64_t>(current);
    for (uint32_t i = 0; i < n; i++) {
      values[i] = v;
      v += static_cast<uint64_t>(step);
    }
    if (out[0].nulls) std::memset(out[0].nulls, 0, n);
    done = n > left;
    current = static_cast<int64_t>(v);
    return n;
  }
};

SetFunction* make_int_series(FnContext&, const NullableDatum* args, int nargs) {
  for (int i = 0; i < nargs; i++)
    if (args[i].null) return new EmptySeries;
  int64_t step = nargs > 2 ? as_int8(args[2].value) : 1;
  if (step == 0) throw bad_argument("step size cannot equal zero");
  return new IntSeries(as_int8(args[0].value), as_int8(args[1].value), step);
}

struct NumericSeries : SetFunction {
  Arena own{256};
  Datum current, stop, step;
  int direction;
  NumericSeries(Datum start, Datum stop_, Datum step_)
      : current(copy(start)), stop(copy(stop_)), step(copy(step_)), direction(numeric_sign(step_)) {}
  Datum copy(Datum d) { return make_bytes(own, as_view(d)); }

  uint32_t next(FnContext& cx, Vector* out, int, uint32_t max_rows) override {
    Datum v = current;
    uint32_t n = 0;
    for (; n < max_rows && numeric_compare(v, stop) * direction <= 0; n++) {
      out[0].values[n] = n ? v : make_bytes(*cx.arena, as_view(v));
      if (out[0].nulls) out[0].nulls[n] = 0;
      v = numeric_add(*cx.arena, v, step);
    }
    Arena kept(256);
    Datum saved_stop = make_bytes(kept, as_view(stop)), saved_step = make_bytes(kept, as_view(step)), saved = make_bytes(kept, as_view(v));
    own.reset();
    stop = copy(saved_stop);
    step = copy(saved_step);
    current = copy(saved);
    return n;
  }
};

SetFunction* make_numeric_series(FnContext& cx, const NullableDatum* args, int nargs) {
  static constexpr const char* kNames[] = {"start value", "stop value", "step size"};
  for (int i = 0; i < nargs; i++)
    if (args[i].null) return new EmptySeries;
  for (int i = 0; i < nargs; i++) {
    NumericKind kind = numeric_kind(args[i].value);
    if (kind != NumericKind::kFinite) throw bad_argument(cat(kNames[i], " cannot be ", kind == NumericKind::kNan ? "NaN" : "infinity"));
  }
  Datum step = nargs > 2 ? args[2].value : make_numeric(*cx.arena, 1, 0);
  if (numeric_sign(step) == 0) throw bad_argument("step size cannot equal zero");
  return new NumericSeries(args[0].value, args[1].value, step);
}

constexpr SetFnEntry kSetFns[] = {
    {1066, make_int_series}, {1067, make_int_series}, {1068, make_int_series}, {1069, make_int_series},
    {3259, make_numeric_series}, {3260, make_numeric_series},
};

}  // namespace

constinit const FnTables kSeriesFns{{}, {}, kSetFns};

}  // namespace postern
