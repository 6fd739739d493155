// Above the joins: grouping, windows, set-returning functions, DISTINCT, ORDER BY, row locks, LIMIT; set operations and recursion.
#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

namespace {

bool hashable(Oid type) {
  const TypeInfo* t = raw(type) >= 16384 ? &type_info(type) : find_type(type);
  return t && (t->hash || t->compare_kind == CompareKind::kInt64 || t->compare_kind == CompareKind::kBytes);
}

double sort_cost(const PlannerSettings& ps, double rows, int width) {
  double n = std::max(2.0, rows), bytes = n * (width + 16.0);
  return n * std::log2(n) * ps.cpu_operator_cost * 2 + (bytes > ps.work_mem_bytes ? bytes / 8192 * ps.seq_page_cost * 2 : 0);
}

}  // namespace

bool QueryPlanner::order_satisfied(const std::vector<OrderCol>& have, const std::vector<OrderCol>& want) const {
  if (want.size() > have.size()) return false;
  for (size_t i = 0; i < want.size(); i++)
    if (!equal_expr(have[i].e, want[i].e) || have[i].desc != want[i].desc || have[i].nulls_first != want[i].nulls_first) return false;
  return true;
}

std::vector<OrderCol> QueryPlanner::order_of(std::span<SortKey> keys) const {
  std::vector<OrderCol> v;
  for (const SortKey& k : keys) {
    bool dup = k.expr->kind == ExprKind::kConst;
    for (const OrderCol& o : v) dup |= equal_expr(o.e, k.expr);
    if (!dup) v.push_back({k.expr, k.desc, k.nulls_first});
  }
  return v;
}

void QueryPlanner::add_filter(Built& b, const std::vector<Expr*>& quals) {
  Plan* f = new_plan(PlanKind::kFilter, nullptr);
  pass_through(f, b.plan);
  f->left = b.plan;
  f->filter = resolve(make_and(arena_, quals), &b.out, nullptr);
  b.plan = f;
  b.fusable = false;
}

void QueryPlanner::add_project(Built& b, const std::vector<Expr*>& exprs) {
  bool identity = exprs.size() == b.out.cols.size();
  for (size_t i = 0; identity && i < exprs.size(); i++) identity = exprs[i] == b.out.cols[i] || (exprs[i]->kind == ExprKind::kColumn && equal_expr(exprs[i], b.out.cols[i]));
  if (!identity) {
    if (b.fusable) {
      b.plan->targets = resolve_all(exprs, &b.base, &b.base_right);
    } else {
      Plan* p = new_plan(PlanKind::kProject, nullptr);
      pass_through(p, b.plan);
      p->left = b.plan;
      p->targets = resolve_all(exprs, &b.out, nullptr);
      b.plan = p;
    }
    b.plan->total_cost += b.plan->rows * sh_.settings.cpu_operator_cost * static_cast<double>(exprs.size()) * 0.5;
  }
  set_output(b.plan, exprs);
  b.out.cols = exprs;
  b.out.has_exprs = false;
  for (Expr* e : exprs) b.out.has_exprs |= e->kind != ExprKind::kColumn;
  b.fusable = false;
}

void QueryPlanner::add_sort(Built& b, const std::vector<OrderCol>& keys, double bound) {
  // A key that is no output column yet is computed below the sort.
  std::vector<Expr*> exprs = b.out.cols;
  for (const OrderCol& k : keys) {
    bool have = false;
    for (Expr* e : exprs) have |= e == k.e || equal_expr(e, k.e);
    if (!have) exprs.push_back(k.e);
  }
  if (exprs.size() != b.out.cols.size()) add_project(b, exprs);
  Plan* s = new_plan(PlanKind::kSort, nullptr);
  pass_through(s, b.plan);
  s->left = b.plan;
  std::vector<SortKey> sk;
  for (const OrderCol& k : keys) sk.push_back({resolve(k.e, &b.out, nullptr), k.desc, k.nulls_first});
  s->sort_keys = to_span(arena_, sk);
  s->bound = bound;
  s->startup_cost = b.plan->total_cost + sort_cost(sh_.settings, b.plan->rows, b.plan->width);
  s->total_cost = s->startup_cost + b.plan->rows * sh_.settings.cpu_operator_cost;
  b.plan = s;
  b.fusable = false;
}

void QueryPlanner::collect_aggs(std::vector<Expr*>& aggs, std::vector<Expr*>& windows) {
  auto add = [](std::vector<Expr*>& v, Expr* e) {
    for (Expr* o : v)
      if (equal_expr(o, e)) return;
    v.push_back(e);
  };
  // Aggregates of this level may also stand in sub-selects (levels_up = depth).
  auto visit = [&](auto& self, Expr* e, int depth) -> void {
    walk(e, [&](Expr* x) {
      if (x->kind == ExprKind::kAgg && x->levels_up == depth) {
        add(aggs, lower_levels(arena_, x, depth));
        return false;
      }
      if (x->kind == ExprKind::kWindow && depth == 0) add(windows, x);
      if (x->subquery) {
        Query* s = x->subquery;
        for (Target& t : s->targets) self(self, t.expr, depth + 1);
        self(self, s->where, depth + 1);
        self(self, s->having, depth + 1);
      }
      return true;
    });
  };
  for (Target& t : q_->targets) visit(visit, t.expr, 0);
  visit(visit, q_->having, 0);
  for (SortKey& k : q_->order_by) visit(visit, k.expr, 0);
  for (Expr* e : q_->distinct_on) visit(visit, e, 0);
  for (WindowDef& w : q_->windows) {
    for (Expr* e : w.partition) visit(visit, e, 0);
    for (SortKey& k : w.order) visit(visit, k.expr, 0);
  }
}

std::vector<Expr*> QueryPlanner::collect_groupings() {
  std::vector<Expr*> found;
  auto visit = [&](Expr* root) {
    walk(root, [&](Expr* x) {
      if (x->kind != ExprKind::kGrouping) return true;
      bool have = false;
      for (Expr* o : found) have |= equal_expr(o, x);
      if (!have) found.push_back(x);
      return false;
    });
  };
  for (Target& t : q_->targets) visit(t.expr);
  visit(q_->having);
  for (SortKey& k : q_->order_by) visit(k.expr);
  for (Expr* e : q_->distinct_on) visit(e);
  for (WindowDef& w : q_->windows) {
    for (Expr* e : w.partition) visit(e);
    for (SortKey& k : w.order) visit(k.expr);
  }
  return found;
}

void QueryPlanner::plan_grouping(Built& b, const std::vector<Expr*>& aggs, bool ordered) {
  const PlannerSettings& ps = sh_.settings;
  std::vector<Expr*> keys(q_->group_by.begin(), q_->group_by.end());
  if (q_->grouping_sets.empty()) {   // duplicates add nothing
    std::vector<Expr*> unique;
    for (Expr* k : keys) {
      bool dup = false;
      for (Expr* u : unique) dup |= equal_expr(u, k);
      if (!dup) unique.push_back(k);
    }
    keys = unique;
    // Columns that depend on the keys (GROUP BY of a primary key) are keys too.
    auto add_columns = [&](Expr* root) {
      walk(root, [&](Expr* x) {
        if ((x->kind == ExprKind::kAgg && x->levels_up == 0) || x->kind == ExprKind::kGrouping) return false;
        for (Expr* k : keys)
          if (equal_expr(k, x)) return false;
        if (x->kind == ExprKind::kColumn && x->levels_up == 0) keys.push_back(x);
        return true;
      });
    };
    if (!keys.empty()) {
      for (Target& t : q_->targets) add_columns(t.expr);
      add_columns(q_->having);
      for (SortKey& k : q_->order_by) add_columns(k.expr);
      for (Expr* e : q_->distinct_on) add_columns(e);
    }
  }
  double rows = b.plan->rows, groups = 1;
  bool can_hash = true, need_sorted = false;
  for (Expr* k : keys) {
    groups *= distinct_values(k, rows);
    can_hash &= hashable(k->type);
  }
  groups = keys.empty() ? 1 : std::max(1.0, std::min(groups, rows));
  for (Expr* a : aggs) need_sorted |= (a->distinct || !a->order.empty()) && !keys.empty();
  bool hash = !keys.empty() && can_hash && !need_sorted && !ordered && ps.enable_hashagg;
  if (!q_->grouping_sets.empty()) {
    if (!can_hash) throw_unsupported("GROUPING SETS over a type that cannot be hashed");
    hash = true;
    groups = std::max(1.0, std::min(groups * static_cast<double>(q_->grouping_sets.size()), rows * static_cast<double>(q_->grouping_sets.size())));
  }
  if (!keys.empty() && !hash && !ordered) {
    std::vector<OrderCol> order;
    for (Expr* k : keys) order.push_back({k, false, false});
    add_sort(b, order, -1);
  }
  Plan* p = new_plan(hash ? PlanKind::kHashAgg : PlanKind::kSortAgg, nullptr);
  p->left = b.plan;
  p->group_keys = resolve_all(keys, &b.out, nullptr);
  std::vector<AggCall> calls;
  for (Expr* a : aggs) {
    AggCall c{a->fn};
    std::vector<Expr*> args(a->args.begin(), a->args.end());
    c.args = resolve_all(args, &b.out, nullptr);
    c.filter = resolve(a->filter, &b.out, nullptr);
    c.distinct = a->distinct;
    std::vector<SortKey> order;
    for (SortKey& k : a->order) {
      SortKey n = k;
      n.expr = resolve(k.expr, &b.out, nullptr);
      order.push_back(n);
    }
    c.order = to_span(arena_, order);
    c.result_type = a->type;
    c.collation = a->collation;
    calls.push_back(c);
  }
  p->aggs = to_span(arena_, calls);
  p->grouping_sets = q_->grouping_sets;
  std::vector<Expr*> groupings = collect_groupings();
  std::vector<std::span<int32_t>> grouping_values;
  for (Expr* g : groupings) {
    auto values = arena_.alloc_array<int32_t>(q_->grouping_sets.size());
    for (size_t s = 0; s < q_->grouping_sets.size(); s++) {
      values[s] = 0;
      for (Expr* a : g->args) {
        bool in = false;
        for (int k : q_->grouping_sets[s]) in |= equal_expr(keys[static_cast<size_t>(k)], a);
        values[s] = values[s] * 2 + !in;
      }
    }
    grouping_values.push_back({values, q_->grouping_sets.size()});
  }
  p->groupings = to_span(arena_, grouping_values);
  p->rows = groups;
  p->width = static_cast<int>(8 * (keys.size() + aggs.size()));
  p->startup_cost = b.plan->total_cost + rows * ps.cpu_operator_cost * static_cast<double>(keys.size() + aggs.size());
  p->total_cost = p->startup_cost + groups * ps.cpu_tuple_cost;
  Out out;
  out.has_exprs = true;
  out.cols = keys;
  out.cols.insert(out.cols.end(), aggs.begin(), aggs.end());
  out.cols.insert(out.cols.end(), groupings.begin(), groupings.end());
  set_output(p, out.cols);
  if (q_->having) {
    p->filter = resolve(q_->having, &out, nullptr);
    p->rows = std::max(1.0, groups * 0.33);
  }
  b.plan = p;
  b.out = out;
  b.base = out;
  b.base_right = {};
  b.fusable = true;
}

void QueryPlanner::plan_windows(Built& b, const std::vector<Expr*>& windows) {
  for (size_t w = 0; w < q_->windows.size(); w++) {
    std::vector<Expr*> mine;
    for (Expr* e : windows)
      if (e->number == static_cast<int>(w)) mine.push_back(e);
    if (mine.empty()) continue;
    WindowDef& def = q_->windows[w];
    std::vector<OrderCol> order;
    for (Expr* e : def.partition) order.push_back({e, false, false});
    for (const OrderCol& k : order_of(def.order)) order.push_back(k);
    std::vector<Expr*> cols = b.out.cols;
    auto need = [&](Expr* e) {
      bool have = e->kind == ExprKind::kConst;
      for (Expr* c : cols) have |= c == e || equal_expr(c, e);
      if (!have) cols.push_back(e);
    };
    for (const OrderCol& k : order) need(k.e);
    for (Expr* e : mine)
      for (Expr* a : e->args) need(a);
    add_project(b, cols);
    if (!order.empty()) add_sort(b, order, -1);
    Plan* p = new_plan(PlanKind::kWindowAgg, nullptr);
    pass_through(p, b.plan);
    p->left = b.plan;
    auto* d = arena_.make<WindowDef>(def);
    std::vector<Expr*> part(def.partition.begin(), def.partition.end());
    d->partition = resolve_all(part, &b.out, nullptr);
    std::vector<SortKey> keys;
    for (SortKey& k : def.order) {
      SortKey n = k;
      n.expr = resolve(k.expr, &b.out, nullptr);
      keys.push_back(n);
    }
    d->order = to_span(arena_, keys);
    d->start = resolve(def.start, nullptr, nullptr);
    d->end = resolve(def.end, nullptr, nullptr);
    p->windows = {d, 1};
    Out out = b.out;
    std::vector<Expr*> targets;
    for (size_t i = 0; i < b.out.cols.size(); i++) targets.push_back(make_test(arena_, b.out.cols[i], 0, static_cast<int>(i)));
    for (Expr* e : mine) {
      Expr* c = arena_.make<Expr>(*e);
      std::vector<Expr*> args(e->args.begin(), e->args.end());
      c->args = resolve_all(args, &b.out, nullptr);
      c->filter = resolve(e->filter, &b.out, nullptr);
      c->number = 0;
      targets.push_back(c);
      out.cols.push_back(e);
    }
    out.has_exprs = true;
    p->targets = to_span(arena_, targets);
    set_output(p, out.cols);
    p->total_cost += p->rows * sh_.settings.cpu_operator_cost * static_cast<double>(mine.size());
    b.plan = p;
    b.out = out;
    b.fusable = false;
  }
}

// Set-returning functions in the select list: innermost first, each level one ProjectSet that keeps what is needed above.
void QueryPlanner::plan_project_set(Built& b, const std::vector<Expr*>& exprs) {
  while (true) {
    std::vector<Expr*> ready;
    auto find = [&](Expr* root) {
      walk(root, [&](Expr* x) {
        if (x->kind != ExprKind::kSetFunc) return true;
        for (Expr* c : b.out.cols)
          if (c == x) return false;
        bool inner = false;
        for (Expr* a : x->args)
          walk(a, [&](Expr* y) {
            if (y->kind == ExprKind::kSetFunc) {
              bool done = false;
              for (Expr* c : b.out.cols) done |= c == y;
              inner |= !done;
              return false;
            }
            return true;
          });
        if (!inner) {
          if (std::find(ready.begin(), ready.end(), x) == ready.end()) ready.push_back(x);
          return false;
        }
        return true;
      });
    };
    for (Expr* e : exprs) find(e);
    if (ready.empty()) return;
    Plan* p = new_plan(PlanKind::kProjectSet, nullptr);
    pass_through(p, b.plan);
    p->left = b.plan;
    std::vector<Expr*> targets;
    for (size_t i = 0; i < b.out.cols.size(); i++) targets.push_back(make_test(arena_, b.out.cols[i], 0, static_cast<int>(i)));
    double factor = 1;
    Out out = b.out;
    for (Expr* e : ready) {
      Expr* c = arena_.make<Expr>(*e);
      std::vector<Expr*> args(e->args.begin(), e->args.end());
      c->args = resolve_all(args, &b.out, nullptr);
      targets.push_back(c);
      out.cols.push_back(e);
      const facts::ProcFact* f = facts::find_proc(e->fn);
      factor = std::max(factor, f ? std::max(1.0, static_cast<double>(f->rows)) : 1.0);
    }
    p->targets = to_span(arena_, targets);
    set_output(p, out.cols);
    p->rows = b.plan->rows * factor;
    p->total_cost += p->rows * sh_.settings.cpu_tuple_cost;
    out.has_exprs = true;
    b.plan = p;
    b.out = out;
    b.fusable = false;
  }
}

// Distinct, order, locks, limit and the final column list over the projected `exprs` (the first `visible` of them are the result).
Plan* QueryPlanner::finish(Built& b, std::vector<Expr*> exprs, size_t visible, const std::vector<OrderCol>& order, bool ordered) {
  const PlannerSettings& ps = sh_.settings;
  double bound = -1;
  auto constant = [](Expr* e) { return e && e->kind == ExprKind::kConst && !e->null; };
  if (constant(q_->limit) && (!q_->offset || constant(q_->offset)) && !q_->with_ties)
    bound = std::max<double>(0, static_cast<double>(as_int8(q_->limit->value))) + (q_->offset ? std::max<double>(0, static_cast<double>(as_int8(q_->offset->value))) : 0);
  if (q_->distinct || !q_->distinct_on.empty()) {
    bool can_hash = q_->distinct_on.empty() && ps.enable_hashagg && exprs.size() == visible;
    double groups = 1;
    for (size_t i = 0; i < visible; i++) {
      can_hash &= hashable(exprs[i]->type);
      groups *= distinct_values(exprs[i], b.plan->rows);
    }
    groups = std::max(1.0, std::min(groups, b.plan->rows));
    if (can_hash) {
      Plan* d = new_plan(PlanKind::kDistinctHash, nullptr);
      pass_through(d, b.plan);
      d->left = b.plan;
      d->rows = groups;
      d->total_cost += b.plan->rows * ps.cpu_operator_cost * static_cast<double>(visible);
      b.plan = d;
      ordered = false;
    } else {
      std::vector<OrderCol> keys, sort = order;
      if (!q_->distinct_on.empty()) for (Expr* e : q_->distinct_on) keys.push_back({e, false, false});
      else for (size_t i = 0; i < visible; i++) keys.push_back({exprs[i], false, false});
      std::vector<OrderCol> full;
      // ORDER BY begins with the DISTINCT ON expressions (in some order): sort by it, then by what is left.
      for (const OrderCol& o : order) full.push_back(o);
      for (const OrderCol& k : keys) {
        bool have = false;
        for (const OrderCol& o : full) have |= equal_expr(o.e, k.e);
        if (!have) full.insert(q_->distinct_on.empty() ? full.end() : full.begin() + static_cast<long>(std::min(full.size(), size_t{0}) + 0), k);
      }
      if (!ordered || full.size() != order.size()) add_sort(b, full, -1);
      Plan* u = new_plan(PlanKind::kUnique, nullptr);
      pass_through(u, b.plan);
      u->left = b.plan;
      std::vector<SortKey> sk;
      for (const OrderCol& k : keys) sk.push_back({resolve(k.e, &b.out, nullptr)});
      u->sort_keys = to_span(arena_, sk);
      u->rows = groups;
      b.plan = u;
      bool prefix = full.size() >= order.size();
      for (size_t i = 0; prefix && i < order.size(); i++) prefix = equal_expr(full[i].e, order[i].e);
      ordered = prefix;
    }
  }
  if (!order.empty() && !ordered) add_sort(b, order, q_->row_marks.empty() ? bound : -1);
  if (!q_->row_marks.empty()) {
    Plan* l = new_plan(PlanKind::kLockRows, nullptr);
    pass_through(l, b.plan);
    l->left = b.plan;
    std::vector<RowMark> marks;
    std::vector<const RelationDesc*> rels;
    std::vector<int> cols;
    for (const RowMark& m : q_->row_marks) {
      if (rt_[m.rel]->kind != RteKind::kTable) continue;
      for (size_t i = 0; i < b.out.cols.size(); i++) {
        Expr* c = b.out.cols[i];
        if (c->kind != ExprKind::kColumn || c->rel != m.rel || c->attno != -1 || c->levels_up) continue;
        marks.push_back(m);
        rels.push_back(rt_[m.rel]->relation);
        cols.push_back(static_cast<int>(i));
        break;
      }
    }
    l->row_marks = to_span(arena_, marks);
    l->row_mark_rels = to_span(arena_, rels);
    l->row_mark_cols = to_span(arena_, cols);
    b.plan = l;
    b.fusable = false;
    sh_.read_only = false;
  }
  if (q_->limit || q_->offset) {
    Plan* l = new_plan(PlanKind::kLimit, nullptr);
    pass_through(l, b.plan);
    l->left = b.plan;
    l->limit = resolve(q_->limit, nullptr, nullptr);
    l->offset = resolve(q_->offset, nullptr, nullptr);
    l->with_ties = q_->with_ties;
    if (q_->with_ties) {
      std::vector<SortKey> sk;
      for (const OrderCol& k : order) sk.push_back({resolve(k.e, &b.out, nullptr), k.desc, k.nulls_first});
      l->sort_keys = to_span(arena_, sk);
    }
    if (bound >= 0 && b.plan->rows > 0) {
      double rows = std::min(b.plan->rows, std::max(1.0, bound));
      l->total_cost = b.plan->startup_cost + (b.plan->total_cost - b.plan->startup_cost) * rows / b.plan->rows;
      l->rows = rows;
    }
    b.plan = l;
    b.fusable = false;
  }
  if (b.out.cols.size() != visible) add_project(b, std::vector<Expr*>(exprs.begin(), exprs.begin() + static_cast<long>(visible)));
  return b.plan;
}

namespace {
bool is_leaf(const SetTree* t) { return t->op == SetOp::kNone; }
}  // namespace

Plan* QueryPlanner::plan_set_node(SetTree* t, bool top) {
  const PlannerSettings& ps = sh_.settings;
  if (is_leaf(t)) {
    owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, t->query));
    QueryPlanner* sub = owned_.back().get();
    Plan* p = sub->run();
    return p;
  }
  if (t->op == SetOp::kUnion || t->op == SetOp::kUnionAll) {
    std::vector<Plan*> kids;
    auto add = [&](auto& self, SetTree* n) -> void {   // UNION of UNIONs is one append
      if (!is_leaf(n) && (n->op == SetOp::kUnionAll || (t->op == SetOp::kUnion && n->op == SetOp::kUnion)) ) {
        if (n->op == SetOp::kUnionAll || n == t || t->op == SetOp::kUnion) {
          self(self, n->left);
          self(self, n->right);
          return;
        }
      }
      kids.push_back(plan_set_node(n, false));
    };
    add(add, t->left);
    add(add, t->right);
    Plan* a = new_plan(PlanKind::kAppend, nullptr);
    a->children = to_span(arena_, kids);
    a->rows = 0;
    for (Plan* k : kids) {
      a->rows += k->rows;
      a->total_cost += k->total_cost;
      a->width = std::max(a->width, k->width);
    }
    a->types = kids[0]->types;
    a->names = kids[0]->names;
    if (t->op == SetOp::kUnionAll) return a;
    bool can_hash = ps.enable_hashagg;
    for (Oid type : a->types) can_hash &= hashable(type);
    Plan* d = new_plan(can_hash ? PlanKind::kDistinctHash : PlanKind::kUnique, nullptr);
    Plan* child = a;
    std::vector<SortKey> keys;
    if (!can_hash) {
      for (size_t i = 0; i < a->types.size(); i++) {
        Expr like{.kind = ExprKind::kTest};
        like.type = a->types[i];
        keys.push_back({make_test(arena_, &like, 0, static_cast<int>(i))});
      }
      Plan* s = new_plan(PlanKind::kSort, nullptr);
      pass_through(s, a);
      s->left = a;
      s->sort_keys = to_span(arena_, keys);
      child = s;
    }
    pass_through(d, child);
    d->left = child;
    d->sort_keys = to_span(arena_, keys);
    d->total_cost += a->rows * ps.cpu_operator_cost * static_cast<double>(a->types.size());
    return d;
  }
  Plan* s = new_plan(PlanKind::kSetOp, nullptr);
  s->set_op = t->op;
  s->left = plan_set_node(t->left, false);
  s->right = plan_set_node(t->right, false);
  for (Oid type : s->left->types)
    if (!hashable(type)) throw_unsupported("INTERSECT or EXCEPT over a type that cannot be hashed");
  s->types = s->left->types;
  s->names = s->left->names;
  s->rows = s->left->rows;
  s->width = s->left->width;
  s->total_cost = s->left->total_cost + s->right->total_cost + (s->left->rows + s->right->rows) * ps.cpu_operator_cost;
  return s;
}

Plan* QueryPlanner::plan_set_tree(double) {
  Built b;
  b.plan = plan_set_node(q_->set_tree, true);
  std::vector<Expr*> exprs;
  size_t visible = 0;
  for (Target& t : q_->targets) {
    if (!t.junk) visible++;
    exprs.push_back(t.expr);
    if (!t.junk) names_.push_back(t.name);
  }
  size_t n = b.plan->types.size();
  for (size_t i = 0; i < n && i < exprs.size(); i++) b.out.cols.push_back(exprs[i]);
  if (exprs.size() > n) {
    b.out.has_exprs = true;
    add_project(b, exprs);
  }
  std::vector<OrderCol> order = order_of(q_->order_by);
  return finish(b, exprs, visible, order, order.empty());
}

Plan* QueryPlanner::plan_recursive(Cte* cte) {
  Query* q = cte->query;
  SetTree* t = q->set_tree;
  if (!t || is_leaf(t)) throw_internal("recursive query without a set operation");
  owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, q));
  QueryPlanner* sub = owned_.back().get();
  Plan* r = new_plan(PlanKind::kRecursiveUnion, nullptr);
  for (auto& [c, i] : sh_.cte_index)
    if (c == cte) r->cte = i;
  r->set_op = t->op;
  r->left = sub->plan_set_node(t->left, false);
  r->right = sub->plan_set_node(t->right, false);
  sh_.cte_outer_slots[r->cte] = sub->outer_slots;
  r->types = r->left->types;
  r->names = r->left->names;
  r->rows = r->left->rows + 10 * r->right->rows;
  r->total_cost = r->left->total_cost + 10 * r->right->total_cost;
  return r;
}

}  // namespace postern::sql
