// Columns outside of aggregates must be grouped, or depend on a grouped primary key.
#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {
namespace {

struct GroupCheck {
  State& st;
  bool in_subquery = false;

  bool grouped(const Expr* e, int depth) const {
    for (const Expr* g : st.q->group_by) {
      if (e->kind == ExprKind::kColumn) {
        if (g->kind == ExprKind::kColumn && g->levels_up == 0 && g->rel == e->rel && g->attno == e->attno) return true;
      } else if (depth == 0 && same_expr(g, e)) {
        return true;
      }
    }
    return false;
  }

  bool depends_on_key(const Expr* e) const {
    const RangeEntry* r = e->rel >= 0 ? st.rt[e->rel] : nullptr;
    if (!r || r->kind != RteKind::kTable) return false;
    for (const IndexDesc& i : r->relation->indexes) {
      if (!i.primary || i.deferrable) continue;
      bool all = true;
      for (const IndexDesc::Key& k : i.keys) {
        bool found = false;
        for (const Expr* g : st.q->group_by) found |= g->kind == ExprKind::kColumn && g->levels_up == 0 && g->rel == e->rel && g->attno == k.attno;
        all &= found;
      }
      if (all && !i.keys.empty()) return true;
    }
    return false;
  }

  void fail(const Expr* e, int depth) const {
    std::string name;
    if (e->rel >= 0) {
      const RangeEntry* r = st.rt[e->rel];
      static constexpr std::string_view kSystem[] = {"", "ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
      name = cat(r->alias, ".", e->attno > 0 ? r->columns[e->attno - 1] : e->attno < 0 ? kSystem[-e->attno] : std::string_view("*"));
    }
    if (depth == 0) throw SqlError{sqlstate::kGroupingError, cat("column \"", name, "\" must appear in the GROUP BY clause or be used in an aggregate function"), "", "", e->position};
    throw SqlError{sqlstate::kGroupingError, cat("subquery uses ungrouped column \"", name, "\" from outer query"), "", "", e->position};
  }

  void walk(const Expr* e, int depth) {
    if (!e) return;
    if (e->kind == ExprKind::kConst || e->kind == ExprKind::kParam) return;
    if (e->kind == ExprKind::kAgg && e->levels_up >= depth) return;
    if (e->kind == ExprKind::kGrouping) {
      for (const Expr* a : e->args)
        if (depth || !grouped(a, 0)) throw SqlError{sqlstate::kGroupingError, "arguments to GROUPING must be grouping expressions of the associated query level", "", "", start_of(a)};
      return;
    }
    if (e->kind == ExprKind::kColumn) {
      if (e->levels_up != depth || grouped(e, depth) || depends_on_key(e)) return;
      fail(e, depth);
    }
    if (depth == 0 && grouped(e, depth)) return;
    for (const Expr* a : e->args) walk(a, depth);
    walk(e->filter, depth);
    for (const SortKey& k : e->order) walk(k.expr, depth);
    if (e->kind == ExprKind::kSubquery && e->subquery) walk_query_exprs(*e->subquery, [&](const Expr* x, int more) { walk(x, depth + 1 + more); });
  }
};

}  // namespace

void Analyzer::check_grouping(State& st, Vec<Target>& targets) {
  GroupCheck check{st};
  for (const Target& t : targets) check.walk(t.expr, 0);
  check.walk(st.q->having, 0);
  for (const WindowDef& w : st.windows) {
    for (const Expr* e : w.partition) check.walk(e, 0);
    for (const SortKey& k : w.order) check.walk(k.expr, 0);
  }
}

void Analyzer::check_no_aggs(State& st, const Expr* e, Clause clause) {
  if (e->kind == ExprKind::kAgg && e->levels_up == 0)
    throw SqlError{sqlstate::kGroupingError, cat("aggregate functions are not allowed in ", clause_name(clause)), "", "", e->position};
  if (e->kind == ExprKind::kWindow)
    throw SqlError{sqlstate::kWindowingError, cat("window functions are not allowed in ", clause_name(clause)), "", "", e->position};
  for (const Expr* a : e->args) check_no_aggs(st, a, clause);
}

}  // namespace postern::sql
