// variance and standard deviation of integers, numerics and floats; regression and correlation.
#include <cmath>

#include "postgres/types/aggregate.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/dense.h"
#include "postgres/types/number_tables.h"
#include "postgres/types/numeric_sum.h"

namespace postern {
namespace {
using namespace aggregate;

enum class Spread { kVarPop, kVarSamp, kStddevPop, kStddevSamp };
constexpr bool is_sample(Spread s) { return s == Spread::kVarSamp || s == Spread::kStddevSamp; }
constexpr bool is_root(Spread s) { return s == Spread::kStddevPop || s == Spread::kStddevSamp; }
constexpr bool enough(Spread s, int64_t n) { return n > (is_sample(s) ? 1 : 0); }

template <Spread What>
struct IntSpread {
  Int128Sum sum;
  SquareSum squares;
  int64_t n;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<IntSpread, int64_t>(states, args[0], rows, [](IntSpread& s, int64_t v) {
      s.sum.add(v);
      s.squares.add_square(v);
      s.n++;
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!enough(What, n)) return false;
    Arena& arena = *cx.arena;
    *out = numeric_variance(arena, n, make_numeric(arena, sum.value(), 0), numeric_from_words(arena, squares.words, 3), is_sample(What), is_root(What));
    return true;
  }
  void combine(FnContext&, const IntSpread& o) {
    sum.add(o.sum.value());
    squares.add(o.squares.words[0], o.squares.words[1], o.squares.words[2]);
    n += o.n;
  }
};

template <Spread What>
struct NumericSpread {
  NumericSum sum, squares;
  int64_t n, not_finite;
  static void update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
    Arena& arena = *cx.arena;
    for_each_value<NumericSpread, Datum>(states, args[0], rows, [&arena](NumericSpread& s, Datum d) {
      SmallNumeric v;
      s.n++;
      int128 square;
      if (numeric_small(d, &v) && 2 * v.dscale <= kNumericMaxDscale && !__builtin_mul_overflow(v.coefficient, v.coefficient, &square)) {
        s.sum.add(arena, v);
        s.squares.add(arena, SmallNumeric{square, 2 * v.dscale});
      } else if (numeric_kind(d) != NumericKind::kFinite) {
        s.not_finite++;
      } else {
        Arena scratch;
        s.sum.add(arena, d);
        s.squares.add(arena, numeric_mul(scratch, d, d));
      }
    });
  }
  bool finalize(FnContext& cx, Datum* out) const {
    if (!enough(What, n)) return false;
    Arena& arena = *cx.arena;
    *out = not_finite ? make_numeric_special(arena, NumericKind::kNan)
                      : numeric_variance(arena, n, sum.total(arena), squares.total(arena), is_sample(What), is_root(What));
    return true;
  }
  void combine(FnContext& cx, const NumericSpread& o) {
    sum.combine(*cx.arena, o.sum);
    squares.combine(*cx.arena, o.squares);
    n += o.n;
    not_finite += o.not_finite;
  }
};

// Youngs and Cramer: the sum of squared deviations is updated with each value. sxx after adding v to n - 1 values with sum sx - v.
inline void add_deviation(double n, double v, double old_sx, double sx, double* sxx) {
  if (n > 1) {
    double t = v * n - sx;
    *sxx += t * t / (n * (n - 1));
    if (std::isinf(sx) || std::isinf(*sxx)) {
      if (!std::isinf(old_sx) && !std::isinf(v)) throw_arith(kArithOverflow, ArithResult::kFloat);
      *sxx = std::numeric_limits<double>::quiet_NaN();
    }
  } else if (!std::isfinite(v)) {
    *sxx = std::numeric_limits<double>::quiet_NaN();
  }
}

template <class In, Spread What>
struct FloatSpread {
  double n, sx, sxx;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_value<FloatSpread, In>(states, args[0], rows, [](FloatSpread& s, In in) {
      double v = in, old = s.sx;
      s.n += 1;
      s.sx += v;
      add_deviation(s.n, v, old, s.sx, &s.sxx);
    });
  }
  bool finalize(FnContext&, Datum* out) const {
    if (!enough(What, static_cast<int64_t>(n))) return false;
    double v = sxx / (is_sample(What) ? n - 1 : n);
    *out = from_float8(is_root(What) ? std::sqrt(v) : v);
    return true;
  }
  void combine(FnContext&, const FloatSpread& o) {
    if (o.n == 0) return;
    if (n == 0) {
      *this = o;
      return;
    }
    double t = sx / n - o.sx / o.n, total = n + o.n;
    sxx += o.sxx + n * o.n * t * t / total;
    sx += o.sx;
    n = total;
  }
};

enum class Regr { kSxx, kSyy, kSxy, kAvgX, kAvgY, kR2, kSlope, kIntercept, kCovarPop, kCovarSamp, kCorr };

// Arguments are (y, x).
template <Regr What>
struct Regression {
  double n, sx, sxx, sy, syy, sxy;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_input<Regression>(states, args, 2, rows, [args](Regression& s, uint32_t row) {
      s.add(as_float8(args[0].value(row)), as_float8(args[1].value(row)));
    });
  }
  void add(double y, double x) {
    double old_sx = sx, old_sy = sy;
    n += 1;
    sx += x;
    sy += y;
    if (n > 1) {
      double tx = x * n - sx, ty = y * n - sy, scale = 1 / (n * (n - 1));
      sxx += tx * tx * scale;
      syy += ty * ty * scale;
      sxy += tx * ty * scale;
      if (std::isinf(sx) || std::isinf(sxx) || std::isinf(sy) || std::isinf(syy) || std::isinf(sxy)) {
        bool x_fine = !std::isinf(old_sx) && !std::isinf(x), y_fine = !std::isinf(old_sy) && !std::isinf(y);
        if (((std::isinf(sx) || std::isinf(sxx)) && x_fine) || ((std::isinf(sy) || std::isinf(syy)) && y_fine) ||
            (std::isinf(sxy) && x_fine && y_fine))
          throw_arith(kArithOverflow, ArithResult::kFloat);
        double nan = std::numeric_limits<double>::quiet_NaN();
        if (std::isinf(sxx)) sxx = nan;
        if (std::isinf(syy)) syy = nan;
        if (std::isinf(sxy)) sxy = nan;
      }
    } else {
      double nan = std::numeric_limits<double>::quiet_NaN();
      if (!std::isfinite(x)) sxx = sxy = nan;
      if (!std::isfinite(y)) syy = sxy = nan;
    }
  }
  bool finalize(FnContext&, Datum* out) const {
    double v = 0;
    if (n < (What == Regr::kCovarSamp ? 2 : 1)) return false;
    switch (What) {
      case Regr::kSxx: v = sxx; break;
      case Regr::kSyy: v = syy; break;
      case Regr::kSxy: v = sxy; break;
      case Regr::kAvgX: v = sx / n; break;
      case Regr::kAvgY: v = sy / n; break;
      case Regr::kCovarPop: v = sxy / n; break;
      case Regr::kCovarSamp: v = sxy / (n - 1); break;
      case Regr::kCorr:
        if (sxx == 0 || syy == 0) return false;
        v = sxy / std::sqrt(sxx * syy);
        break;
      case Regr::kR2:
        if (sxx == 0) return false;
        v = syy == 0 ? 1.0 : sxy * sxy / (sxx * syy);
        break;
      case Regr::kSlope:
        if (sxx == 0) return false;
        v = sxy / sxx;
        break;
      case Regr::kIntercept:
        if (sxx == 0) return false;
        v = (sy - sx * sxy / sxx) / n;
        break;
    }
    *out = from_float8(v);
    return true;
  }
  void combine(FnContext&, const Regression& o) {
    if (o.n == 0) return;
    if (n == 0) {
      *this = o;
      return;
    }
    double total = n + o.n, tx = sx / n - o.sx / o.n, ty = sy / n - o.sy / o.n, weight = n * o.n / total;
    sxx += o.sxx + weight * tx * tx;
    syy += o.syy + weight * ty * ty;
    sxy += o.sxy + weight * tx * ty;
    sx += o.sx;
    sy += o.sy;
    n = total;
  }
};

struct RegrCount {
  int64_t n;
  static void update(FnContext&, void* const* states, const Vector* args, int, Rows rows) {
    for_each_input<RegrCount>(states, args, 2, rows, [](RegrCount& s, uint32_t) { s.n++; });
  }
  bool finalize(FnContext&, Datum* out) const {
    *out = from_int(n);
    return true;
  }
  void combine(FnContext&, const RegrCount& o) { n += o.n; }
};

constexpr auto VP = Spread::kVarPop, VS = Spread::kVarSamp, SP = Spread::kStddevPop, SS = Spread::kStddevSamp;
constexpr auto kAggregates = sorted_by_oid(std::to_array<AggEntry>({
    entry<IntSpread<VS>>(2148), entry<IntSpread<VS>>(2149), entry<IntSpread<VS>>(2150), entry<FloatSpread<float, VS>>(2151),
    entry<FloatSpread<double, VS>>(2152), entry<NumericSpread<VS>>(2153),
    entry<IntSpread<SS>>(2154), entry<IntSpread<SS>>(2155), entry<IntSpread<SS>>(2156), entry<FloatSpread<float, SS>>(2157),
    entry<FloatSpread<double, SS>>(2158), entry<NumericSpread<SS>>(2159),
    entry<IntSpread<VS>>(2641), entry<IntSpread<VS>>(2642), entry<IntSpread<VS>>(2643), entry<FloatSpread<float, VS>>(2644),
    entry<FloatSpread<double, VS>>(2645), entry<NumericSpread<VS>>(2646),
    entry<IntSpread<SS>>(2712), entry<IntSpread<SS>>(2713), entry<IntSpread<SS>>(2714), entry<FloatSpread<float, SS>>(2715),
    entry<FloatSpread<double, SS>>(2716), entry<NumericSpread<SS>>(2717),
    entry<IntSpread<VP>>(2718), entry<IntSpread<VP>>(2719), entry<IntSpread<VP>>(2720), entry<FloatSpread<float, VP>>(2721),
    entry<FloatSpread<double, VP>>(2722), entry<NumericSpread<VP>>(2723),
    entry<IntSpread<SP>>(2724), entry<IntSpread<SP>>(2725), entry<IntSpread<SP>>(2726), entry<FloatSpread<float, SP>>(2727),
    entry<FloatSpread<double, SP>>(2728), entry<NumericSpread<SP>>(2729),
    entry<RegrCount>(2818), entry<Regression<Regr::kSxx>>(2819), entry<Regression<Regr::kSyy>>(2820), entry<Regression<Regr::kSxy>>(2821),
    entry<Regression<Regr::kAvgX>>(2822), entry<Regression<Regr::kAvgY>>(2823), entry<Regression<Regr::kR2>>(2824), entry<Regression<Regr::kSlope>>(2825),
    entry<Regression<Regr::kIntercept>>(2826), entry<Regression<Regr::kCovarPop>>(2827), entry<Regression<Regr::kCovarSamp>>(2828),
    entry<Regression<Regr::kCorr>>(2829),
}));

}  // namespace

constinit const FnTables kStatisticsAggregates{{}, kAggregates, {}};

}  // namespace postern
