// Estimates: share of rows that pass a condition, number of distinct values. Formulas are the usual System R ones with MCVs and
// histograms (PostgreSQL's defaults where nothing is known).
#include <algorithm>
#include <cmath>

#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/array.h"
#include "postgres/types/numeric.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

namespace {
constexpr double kDefaultEq = 0.005, kDefaultRange = 1.0 / 3, kDefaultLike = 0.005, kDefaultBool = 0.5;
constexpr double kDefaultDistinct = 200;

double clamp(double s) { return std::min(1.0, std::max(1e-10, s)); }

// A string as a number, by its first bytes behind what the two bounds have in common.
double string_position(std::string_view v, std::string_view low, std::string_view high) {
  size_t common = 0;
  while (common < low.size() && common < high.size() && low[common] == high[common]) common++;
  double x = 0, scale = 1;
  for (size_t i = common; i < common + 6; i++) {
    scale /= 256;
    x += scale * (i < v.size() ? static_cast<unsigned char>(v[i]) : 0);
  }
  return x;
}

// Position of v in the histogram, 0..1.
double histogram_fraction(FnContext& cx, const TypeInfo& t, const std::vector<Datum>& h, Datum v) {
  size_t lo = 0, hi = h.size();
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (compare_datums(cx, t, h[mid], v) < 0) lo = mid + 1;
    else hi = mid;
  }
  if (lo == 0) return 0;
  if (lo >= h.size()) return 1;
  double within = 0.5;
  auto between = [&](double a, double b, double x) { if (b > a) within = (x - a) / (b - a); };
  if (t.compare_kind == CompareKind::kInt64) {
    double a = static_cast<double>(as_int8(h[lo - 1])), b = static_cast<double>(as_int8(h[lo])), x = static_cast<double>(as_int8(v));
    if (b > a) within = (x - a) / (b - a);
  } else if (t.compare_kind == CompareKind::kFloat8) {
    between(as_float8(h[lo - 1]), as_float8(h[lo]), as_float8(v));
  } else if (t.oid == oid::kNumeric) {
    between(numeric_to_float8_saturating(h[lo - 1]), numeric_to_float8_saturating(h[lo]), numeric_to_float8_saturating(v));
  } else if (t.compare_kind == CompareKind::kBytes || t.compare_kind == CompareKind::kBpchar) {
    between(string_position(as_view(h[lo - 1]), as_view(h[lo - 1]), as_view(h[lo])), string_position(as_view(h[lo]), as_view(h[lo - 1]), as_view(h[lo])),
            string_position(as_view(v), as_view(h[lo - 1]), as_view(h[lo])));
  }
  return (static_cast<double>(lo) - 1 + std::min(1.0, std::max(0.0, within))) / (static_cast<double>(h.size()) - 1);
}
// A constant in the units of a column of another type that compares alike (dates with timestamps).
Datum in_units_of(Oid column, Oid type, Datum v) {
  constexpr int64_t kDay = 86'400'000'000;
  auto stamp = [](Oid t) { return t == oid::kTimestamp || t == oid::kTimestampTz; };
  if (column == oid::kDate && stamp(type)) return from_int(as_int8(v) / kDay);
  if (stamp(column) && type == oid::kDate) return from_int(int64_t{as_int4(v)} * kDay);
  return v;
}
}  // namespace

Expr* strip_relabel(Expr* e) {
  while (e->kind == ExprKind::kRelabel) e = e->args[0];
  return e;
}

std::shared_ptr<const catalog::ColumnStats> QueryPlanner::stats_of(Expr* e, double* tuples) {
  e = strip_relabel(e);
  if (e->kind != ExprKind::kColumn || e->levels_up != 0 || e->attno <= 0 || e->rel < 0) return nullptr;
  RangeEntry* r = rt_[e->rel];
  if (r->kind != RteKind::kTable || !r->relation) return nullptr;
  if (tuples) *tuples = base_info(e->rel).tuples;
  return catalog::column_stats(r->relation->oid, e->attno);
}

double QueryPlanner::distinct_values(Expr* e, double rows) {
  double tuples = rows;
  Expr* c = strip_relabel(e);
  auto s = stats_of(c, &tuples);
  if (s) {
    double nd = s->n_distinct >= 0 ? s->n_distinct : -s->n_distinct * tuples;
    if (nd > 0) return std::max(1.0, std::min(nd, rows));
  }
  if (c->kind == ExprKind::kConst) return 1;
  if (c->type == oid::kBool) return std::min(2.0, rows);
  if (c->kind == ExprKind::kColumn && c->levels_up == 0 && c->rel >= 0 && rt_[c->rel]->kind == RteKind::kTable) {
    const RelationDesc* rel = rt_[c->rel]->relation;
    for (const IndexDesc& i : rel->indexes)
      if (i.unique && i.keys.size() == 1 && i.keys[0].attno == c->attno && i.predicate.empty()) return std::max(1.0, std::min(tuples, rows));
    return std::max(1.0, std::min({kDefaultDistinct, tuples, rows}));
  }
  if (c->kind == ExprKind::kFunc) {   // a function of one column has at most its distinct values
    double nd = 1;
    bool any = false;
    for (Expr* a : c->args)
      if (strip_relabel(a)->kind != ExprKind::kConst) {
        nd *= distinct_values(a, rows);
        any = true;
      }
    if (any) return std::min(nd, rows);
  }
  return std::max(1.0, std::min(kDefaultDistinct, rows));
}

double QueryPlanner::eq_join_selectivity(Expr* l, Expr* r) {
  double lt = 1000, rt = 1000;
  auto ls = stats_of(l, &lt);
  auto rs = stats_of(r, &rt);
  auto size = [&](Expr* e, double t) {
    Expr* c = strip_relabel(e);
    if (c->kind == ExprKind::kColumn && c->rel >= 0 && rt_[c->rel]->kind == RteKind::kTable) return base_info(c->rel).tuples;
    if (c->kind == ExprKind::kColumn && c->rel >= 0) return std::max(1.0, base_info(c->rel).tuples);
    return t;
  };
  double nl = distinct_values(l, std::max(1.0, size(l, lt))), nr = distinct_values(r, std::max(1.0, size(r, rt)));
  double nulls = (ls ? 1 - ls->null_fraction : 1) * (rs ? 1 - rs->null_fraction : 1);
  return clamp(nulls / std::max(nl, nr));
}

// column = value. value may be anything; of a constant more is known.
double QueryPlanner::equal_selectivity(Expr* l, Expr* r) {
  double tuples = 1000;
  auto s = stats_of(l, &tuples);
  Expr* c = strip_relabel(l);
  if (r->kind == ExprKind::kConst && r->null) return clamp(0);
  double nd = distinct_values(l, std::max(1.0, tuples));
  bool known = c->kind == ExprKind::kColumn || c->kind == ExprKind::kFunc;
  if (!s) return known ? clamp(1 / nd) : kDefaultEq;
  const TypeInfo* t = find_type(c->type);
  const TypeInfo* rt = find_type(r->type);
  if (r->kind != ExprKind::kConst || !t || !rt || t->compare_kind != rt->compare_kind || (t->compare_kind == CompareKind::kNone || (t->compare_kind == CompareKind::kOther && t->oid != rt->oid)))
    return clamp((1 - s->null_fraction) / nd);
  FnContext cx = sh_.cx;
  cx.arena = &arena_;
  Datum value = in_units_of(c->type, r->type, r->value);
  double sum = 0;
  for (size_t i = 0; i < s->mcv.size() && i < s->mcv_freq.size(); i++) {
    if (compare_datums(cx, *t, s->mcv[i], value) == 0) return clamp(s->mcv_freq[i]);
    sum += s->mcv_freq[i];
  }
  double others = std::max(1.0, nd - static_cast<double>(s->mcv.size()));
  return clamp((1 - sum - s->null_fraction) / others);
}

// Share of the rows whose column lies below the value.
double QueryPlanner::below_selectivity(const catalog::ColumnStats& s, Oid column_type, Datum value) {
  FnContext cx = sh_.cx;
  cx.arena = &arena_;
  const TypeInfo& t = type_info(column_type);
  double below = 0, mcv_total = 0;
  for (size_t i = 0; i < s.mcv.size() && i < s.mcv_freq.size(); i++) {
    mcv_total += s.mcv_freq[i];
    if (compare_datums(cx, t, s.mcv[i], value) < 0) below += s.mcv_freq[i];
  }
  if (s.histogram.size() >= 2) below += (1 - mcv_total - s.null_fraction) * histogram_fraction(cx, t, s.histogram, value);
  return std::max(0.0, below);
}

// LIKE 'abc%…': the range of the prefix, less for what follows it.
double QueryPlanner::prefix_selectivity(const catalog::ColumnStats& s, const Expr* column, std::string_view pattern) {
  size_t fixed = std::min(pattern.find_first_of("%_\\"), pattern.size());
  std::string prefix(pattern.substr(0, fixed));
  std::string end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  double low = below_selectivity(s, column->type, make_bytes(arena_, prefix)), high = 1 - s.null_fraction;
  if (!end.empty()) {
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    high = below_selectivity(s, column->type, make_bytes(arena_, end));
  }
  double rest = 1;
  for (size_t i = fixed; i < pattern.size(); i++)
    if (pattern[i] != '%') rest *= pattern[i] == '_' ? 0.9 : 0.2;
  return clamp(std::max(high - low, 1e-4) * rest);
}

double QueryPlanner::conjunction_selectivity(const std::vector<Qual*>& quals) {
  std::vector<Expr*> v;
  for (Qual* q : quals) v.push_back(q->e);
  return conjunction_selectivity(std::span<Expr* const>(v));
}

double QueryPlanner::conjunction_selectivity(std::span<Expr* const> exprs) {
  struct Range { Expr* column; double low = 1, high = 1; bool has_low = false, has_high = false; };
  std::vector<Range> ranges;
  double s = 1;
  for (Expr* e : exprs) {
    double x = selectivity(e);
    const facts::OperFact* op = e->kind == ExprKind::kFunc && e->args.size() == 2 && raw(e->oper) ? facts::find_oper(e->oper) : nullptr;
    std::string_view name = op ? op->name() : std::string_view{};
    bool less = name == "<" || name == "<=", greater = name == ">" || name == ">=";
    Expr* column = nullptr;
    if (less || greater) {
      bool flipped = strip_relabel(e->args[0])->kind != ExprKind::kColumn;
      column = strip_relabel(e->args[flipped]);
      if (flipped) std::swap(less, greater);
      if (column->kind != ExprKind::kColumn || column->levels_up || strip_relabel(e->args[!flipped])->kind == ExprKind::kColumn) column = nullptr;
    }
    if (!column) {
      s *= x;
      continue;
    }
    auto r = std::find_if(ranges.begin(), ranges.end(), [&](const Range& o) { return equal_expr(o.column, column); });
    if (r == ranges.end()) r = ranges.insert(ranges.end(), Range{column});
    (less ? r->high : r->low) = std::min(less ? r->high : r->low, x);
    (less ? r->has_high : r->has_low) = true;
  }
  for (const Range& r : ranges) {
    if (r.has_low && r.has_high) {
      auto st = stats_of(r.column);
      bool guessed = !st || (r.low == kDefaultRange && r.high == kDefaultRange);   // nothing known of either end
      s *= guessed ? kDefaultEq : std::max(r.low + r.high - 1 + (st ? st->null_fraction : 0), 1e-5);
    } else {
      s *= r.low * r.high;
    }
  }
  return clamp(s);
}

double QueryPlanner::selectivity(Expr* e) {
  switch (e->kind) {
    case ExprKind::kConst: return !e->null && e->value ? 1 : 0;
    case ExprKind::kAnd: return conjunction_selectivity(std::span<Expr* const>(e->args.data(), e->args.size()));
    case ExprKind::kOr: {
      double s = 0;
      for (Expr* a : e->args) {
        double x = selectivity(a);
        s = s + x - s * x;
      }
      return clamp(s);
    }
    case ExprKind::kNot: return clamp(1 - selectivity(e->args[0]));
    case ExprKind::kIsNull:
    case ExprKind::kIsNotNull: {
      auto s = stats_of(e->args[0]);
      double f = s ? s->null_fraction : 0.005;
      return clamp(e->kind == ExprKind::kIsNull ? f : 1 - f);
    }
    case ExprKind::kColumn: {
      auto s = stats_of(e);
      if (s)
        for (size_t i = 0; i < s->mcv.size() && i < s->mcv_freq.size(); i++)
          if (s->mcv[i]) return clamp(s->mcv_freq[i]);
      return kDefaultBool;
    }
    case ExprKind::kAnyArray: {
      Expr* a = e->args[1];
      double tuples = 1000, sum = 0;
      stats_of(e->args[0], &tuples);
      const facts::ProcFact* fn = facts::find_proc(e->fn);
      if (fn && fn->name().find("eq") == std::string_view::npos) return kDefaultRange;   // <> ANY, < ANY
      if (a->kind == ExprKind::kArray) {
        for (Expr* x : a->args) sum += equal_selectivity(e->args[0], x);
        return clamp(sum);
      }
      const TypeInfo* at = find_type(a->type);
      if (a->kind == ExprKind::kConst && a->null) return clamp(0);
      if (a->kind == ExprKind::kConst && at && raw(at->elem)) {
        ArrayView view(a->value);
        for (uint32_t i = 0; i < view.count(); i++)
          if (!view.null(i)) sum += equal_selectivity(e->args[0], make_const(arena_, at->elem, view.value(i), false));
        return clamp(sum);
      }
      return clamp(10 / distinct_values(e->args[0], tuples));
    }
    case ExprKind::kFunc: break;
    case ExprKind::kSubquery: return 0.5;
    default: return kDefaultBool;
  }
  if (e->args.size() != 2) return e->type == oid::kBool ? kDefaultRange : kDefaultBool;
  const facts::OperFact* op = raw(e->oper) ? facts::find_oper(e->oper) : nullptr;
  std::string_view name = op ? op->name() : e->name;
  Expr *l = e->args[0], *r = e->args[1];
  bool lcol = strip_relabel(l)->kind == ExprKind::kColumn && strip_relabel(l)->levels_up == 0;
  bool rcol = strip_relabel(r)->kind == ExprKind::kColumn && strip_relabel(r)->levels_up == 0;
  bool flipped = false;
  if (!lcol && rcol) {
    std::swap(l, r);
    std::swap(lcol, rcol);
    flipped = true;
  }
  double tuples = 1000;
  auto s = stats_of(l, &tuples);
  bool constant = r->kind == ExprKind::kConst && !r->null && find_type(r->type) && find_type(strip_relabel(l)->type) &&
                  find_type(r->type)->compare_kind == find_type(strip_relabel(l)->type)->compare_kind;
  if (r->kind == ExprKind::kConst && r->null) return 0;
  if (name == "=") {
    if (lcol && rcol && strip_relabel(l)->rel != strip_relabel(r)->rel) return eq_join_selectivity(l, r);
    return equal_selectivity(l, r);
  }
  if (name == "<>") return clamp(1 - equal_selectivity(l, r) - (s ? s->null_fraction : 0));
  bool less = name == "<" || name == "<=", greater = name == ">" || name == ">=";
  if (less || greater) {
    if (flipped) std::swap(less, greater);
    if (!s || !constant || (find_type(r->type)->compare_kind == CompareKind::kOther && r->type != strip_relabel(l)->type)) return kDefaultRange;
    if (s->histogram.size() < 2 && s->mcv.empty()) return kDefaultRange;
    Oid type = strip_relabel(l)->type;
    double below = below_selectivity(*s, type, in_units_of(type, r->type, r->value));
    return clamp(less ? below : 1 - s->null_fraction - below);
  }
  if (name == "~~" || name == "~~*" || name == "~" || name == "~*") {
    if (r->kind == ExprKind::kConst) {
      auto v = as_view(r->value);
      if (v.find_first_of("%_") == std::string_view::npos && name == "~~") return equal_selectivity(l, r);
      if (name == "~~" && s && s->histogram.size() >= 2 && !v.empty() && v[0] != '%' && v[0] != '_') return prefix_selectivity(*s, strip_relabel(l), v);
      if (!v.empty() && v[0] == '%') return 0.05;
      return 0.02;
    }
    return kDefaultLike;
  }
  if (name == "!~~" || name == "!~~*" || name == "!~" || name == "!~*") return 0.95;
  return e->type == oid::kBool ? kDefaultRange : kDefaultBool;
}

}  // namespace postern::sql
