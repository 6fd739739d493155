// Estimates: share of rows that pass a condition, number of distinct values. Formulas are the usual System R ones with MCVs and
// histograms (PostgreSQL's defaults where nothing is known).
#include <algorithm>
#include <cmath>

#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

namespace {
constexpr double kDefaultEq = 0.005, kDefaultRange = 1.0 / 3, kDefaultLike = 0.005, kDefaultBool = 0.5;
constexpr double kDefaultDistinct = 200;

double clamp(double s) { return std::min(1.0, std::max(1e-10, s)); }

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
  if (t.compare_kind == CompareKind::kInt64) {
    double a = static_cast<double>(as_int8(h[lo - 1])), b = static_cast<double>(as_int8(h[lo])), x = static_cast<double>(as_int8(v));
    if (b > a) within = (x - a) / (b - a);
  } else if (t.compare_kind == CompareKind::kFloat8) {
    double a = as_float8(h[lo - 1]), b = as_float8(h[lo]), x = as_float8(v);
    if (b > a) within = (x - a) / (b - a);
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

double QueryPlanner::selectivity(Expr* e) {
  switch (e->kind) {
    case ExprKind::kConst: return !e->null && e->value ? 1 : 0;
    case ExprKind::kAnd: {
      // Pairs of inequalities on one column are a range: their overlap, not their product.
      double s = 1;
      std::vector<std::pair<Expr*, double>> lows, highs;
      for (Expr* a : e->args) s *= selectivity(a);
      return clamp(s);
    }
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
      double n = 10;
      Expr* a = e->args[1];
      if (a->kind == ExprKind::kArray) n = static_cast<double>(a->args.size());
      else if (a->kind == ExprKind::kConst && !a->null) n = std::max<double>(1, static_cast<double>(as_view(a->value).size()) / 8.0 - 2);
      double tuples = 1000;
      auto s = stats_of(e->args[0], &tuples);
      double nd = distinct_values(e->args[0], tuples);
      (void)s;
      return clamp(std::min(1.0, n / nd));
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
  FnContext cx = sh_.cx;
  cx.arena = &arena_;
  const Datum value = constant ? in_units_of(strip_relabel(l)->type, r->type, r->value) : 0;
  if (name == "=") {
    if (lcol && rcol && strip_relabel(l)->rel != strip_relabel(r)->rel) return eq_join_selectivity(l, r);
    double nd = distinct_values(l, std::max(1.0, tuples));
    if (!s) return lcol ? clamp(1 / nd) : kDefaultEq;
    const TypeInfo& t = type_info(strip_relabel(l)->type);
    if (constant && (t.compare || t.compare_kind == CompareKind::kInt64 || t.compare_kind == CompareKind::kBytes)) {
      double sum = 0;
      for (size_t i = 0; i < s->mcv.size() && i < s->mcv_freq.size(); i++) {
        if (compare_datums(cx, t, s->mcv[i], value) == 0) return clamp(s->mcv_freq[i]);
        sum += s->mcv_freq[i];
      }
      double others = std::max(1.0, nd - static_cast<double>(s->mcv.size()));
      return clamp((1 - sum - s->null_fraction) / others);
    }
    return clamp((1 - s->null_fraction) / nd);
  }
  if (name == "<>") {
    double nd = distinct_values(l, std::max(1.0, tuples));
    return clamp(1 - 1 / nd - (s ? s->null_fraction : 0));
  }
  bool less = name == "<" || name == "<=", greater = name == ">" || name == ">=";
  if (less || greater) {
    if (flipped) std::swap(less, greater);
    if (!s || !constant) return kDefaultRange;
    const TypeInfo& t = type_info(strip_relabel(l)->type);
    double below = 0, mcv_total = 0;
    for (size_t i = 0; i < s->mcv.size() && i < s->mcv_freq.size(); i++) {
      mcv_total += s->mcv_freq[i];
      if (compare_datums(cx, t, s->mcv[i], value) < 0) below += s->mcv_freq[i];
    }
    double rest = 1 - mcv_total - s->null_fraction;
    if (s->histogram.size() >= 2) below += rest * histogram_fraction(cx, t, s->histogram, value);
    else if (s->mcv.empty()) return kDefaultRange;
    double all = 1 - s->null_fraction;
    return clamp(less ? below : all - below);
  }
  if (name == "~~" || name == "~~*" || name == "~" || name == "~*") {
    if (r->kind == ExprKind::kConst) {
      auto v = as_view(r->value);
      if (v.find_first_of("%_") == std::string_view::npos && name == "~~") return kDefaultEq;
      if (!v.empty() && v[0] == '%') return 0.05;
      return 0.02;
    }
    return kDefaultLike;
  }
  if (name == "!~~" || name == "!~~*" || name == "!~" || name == "!~*") return 0.95;
  return e->type == oid::kBool ? kDefaultRange : kDefaultBool;
}

}  // namespace postern::sql
