// Entry of the planner, one query level from preparation to the final node, and data modification.
#include "postgres/sql/plan/planner.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

Built QueryPlanner::plan_scan_join(double tuple_fraction, const std::vector<OrderCol>& want_order, bool* ordered) {
  std::vector<Qual*> quals = make_quals(q_->where);
  JoinProblem* p;
  if (q_->from) {
    p = plan_from(q_->from, quals);
  } else {
    problem_store_.push_back(std::make_unique<JoinProblem>());
    p = problem_store_.back().get();
    p->quals = quals;
    search(*p);
  }
  const Path* best = nullptr;
  double best_cost = 0;
  for (Path* path : p->paths) {
    if (path->outer) continue;
    bool sorted = order_satisfied(path->order, want_order);
    double cost;
    if (want_order.empty() || sorted) {
      double f = tuple_fraction > 0 && tuple_fraction < 1 ? tuple_fraction : tuple_fraction > 1 ? std::min(1.0, tuple_fraction / std::max(1.0, path->rows)) : 1;
      cost = path->startup + (path->total - path->startup) * f;
    } else {
      double n = std::max(2.0, path->rows);
      cost = path->total + n * std::log2(n) * sh_.settings.cpu_operator_cost * 2;
    }
    if (!best || cost < best_cost) {
      best = path;
      best_cost = cost;
    }
  }
  if (!best) throw_internal("no plan found for this query");
  *ordered = order_satisfied(best->order, want_order);
  return build(*best);
}

namespace {

// Expressions of a query that become part of a sub-select of it: references to outer levels are one level further out.
class Deeper : public Mutator {
 public:
  using Mutator::Mutator;

 protected:
  Expr* pre(Expr* e, int depth) override {
    if ((e->kind != ExprKind::kColumn && e->kind != ExprKind::kAgg) || e->levels_up <= depth) return nullptr;
    Expr* c = arena_.make<Expr>(*e);
    c->levels_up++;
    return c;
  }
};

class ReplaceAggs : public Mutator {
 public:
  ReplaceAggs(Arena& arena, const std::vector<std::pair<Expr*, Expr*>>& by) : Mutator(arena), by_(by) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (depth == 0 && e->kind == ExprKind::kAgg)
      for (auto& [agg, sub] : by_)
        if (equal_expr(agg, e)) return sub;
    return nullptr;
  }

 private:
  const std::vector<std::pair<Expr*, Expr*>>& by_;
};

}  // namespace

// SELECT min(x), max(y) FROM one table: each aggregate is the first row of an index in its order, when there is one and reading that much
// of it costs less than reading the table.
void QueryPlanner::replace_min_max() {
  if (!q_->has_aggs || !q_->group_by.empty() || !q_->grouping_sets.empty() || q_->has_windows || q_->has_set_funcs || !q_->ctes.empty() || !q_->row_marks.empty()) return;
  if (!q_->from || q_->from->is_join || q_->from->rel < 0 || rt_[q_->from->rel]->kind != RteKind::kTable || !sh_.settings.enable_indexscan) return;
  int rel = q_->from->rel;
  const RelationDesc* table = rt_[rel]->relation;
  if (table->indexes.empty() || (q_->where && facts_of(q_->where).has_subquery)) return;
  for (const Target& t : q_->targets)
    if (facts_of(t.expr).has_subquery) return;
  for (const SortKey& k : q_->order_by)
    if (facts_of(k.expr).has_subquery) return;
  if (q_->having && facts_of(q_->having).has_subquery) return;
  std::vector<Expr*> aggs, windows;
  collect_aggs(aggs, windows);
  std::vector<std::pair<Expr*, Expr*>> replaced;
  double cost = 0;
  for (Expr* a : aggs) {
    const facts::ProcFact* f = facts::find_proc(a->fn);
    bool max = f && f->name() == "max";
    if (!f || (!max && f->name() != "min") || a->args.size() != 1 || a->filter || !a->order.empty()) return;
    Expr* x = a->args[0];
    ExprFacts facts = facts_of(x);
    if (!facts.rels || facts.is_volatile || facts.has_subquery || facts.outer) return;
    bool indexed = false;
    for (const IndexDesc& index : table->indexes)
      for (size_t k = 0; k < index.keys.size() && !indexed; k++) indexed = equal_expr(strip_relabel(index_key_column(index, rel, k)), strip_relabel(x));
    if (!indexed) return;
    Query* s = arena_.make<Query>();
    s->rtable = q_->rtable;
    s->from = q_->from;
    Expr* not_null = arena_.make<Expr>(Expr{.kind = ExprKind::kIsNotNull});
    not_null->type = oid::kBool;
    not_null->args = to_span(arena_, std::vector<Expr*>{strip_relabel(x)});
    std::vector<Expr*> where;
    split_and(Deeper(arena_).expr(q_->where), where);
    where.push_back(not_null);
    s->where = make_and(arena_, where);
    s->targets = to_span(arena_, std::vector<Target>{{x, f->name()}});
    // As the index has its NULLs; there are none.
    bool nulls_first = max;
    for (const IndexDesc& index : table->indexes)
      for (size_t k = 0; k < index.keys.size(); k++)
        if (equal_expr(strip_relabel(index_key_column(index, rel, k)), strip_relabel(x))) nulls_first = index.keys[k].nulls_first != (index.keys[k].desc != max);
    s->order_by = to_span(arena_, std::vector<SortKey>{{strip_relabel(x), max, nulls_first}});
    s->limit = make_const(arena_, oid::kInt8, from_int(1), false);
    owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, s));
    std::vector<ParamRef> params;
    auto* saved = collecting;
    collecting = &params;
    const Plan* trial = owned_.back()->run();
    collecting = saved;
    const Plan* scan = trial->left;
    while (scan && (scan->kind == PlanKind::kProject || scan->kind == PlanKind::kResult)) scan = scan->left;
    if (trial->kind != PlanKind::kLimit || !scan || (scan->kind != PlanKind::kIndexScan && scan->kind != PlanKind::kIndexOnlyScan)) return;
    cost += trial->total_cost;
    Expr* sub = arena_.make<Expr>(Expr{.kind = ExprKind::kSubquery});
    sub->type = a->type;
    sub->typmod = a->typmod;
    sub->collation = a->collation;
    sub->sub_kind = SubKind::kScalar;
    sub->subquery = s;
    sub->name = a->name;
    replaced.emplace_back(a, sub);
  }
  base_.resize(rt_.size());
  const BaseInfo& b = base_info(rel);
  if (replaced.empty() || cost >= b.pages * sh_.settings.seq_page_cost + b.tuples * (sh_.settings.cpu_tuple_cost + sh_.settings.cpu_operator_cost)) return;
  ReplaceAggs by(arena_, replaced);
  q_->targets = by.targets(q_->targets, 0);
  q_->having = by.expr(q_->having, 0);
  q_->order_by = by.sort_keys(q_->order_by, 0);
  q_->where = q_->having;   // one row, or none
  q_->having = nullptr;
  q_->from = nullptr;
  q_->has_aggs = q_->has_group = false;
  q_->has_subqueries = true;
}

Plan* QueryPlanner::run(double tuple_fraction) {
  if (q_->command != Command::kSelect) return plan_modify();
  if (q_->set_tree) {
    rt_.assign(q_->rtable.begin(), q_->rtable.end());
    q_->limit = fold(q_->limit, sh_.params, sh_.cx, arena_);
    q_->offset = fold(q_->offset, sh_.params, sh_.cx, arena_);
    return plan_set_tree(tuple_fraction);
  }
  prep();
  replace_min_max();
  std::vector<Expr*> exprs;
  size_t visible = 0;
  for (Target& t : q_->targets)
    if (!t.junk) {
      exprs.push_back(t.expr);
      names_.push_back(t.name);
      visible++;
    }
  for (Target& t : q_->targets)
    if (t.junk) exprs.push_back(t.expr);
  for (const RowMark& m : q_->row_marks) {   // row locks need the rows' positions
    if (m.rel < 0 || rt_[m.rel]->kind != RteKind::kTable) continue;
    Expr* tid = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
    tid->type = oid::kTid;
    tid->rel = m.rel;
    tid->attno = -1;
    tid->name = "ctid";
    exprs.push_back(tid);
  }
  std::vector<Expr*> aggs, windows;
  if (q_->has_aggs || q_->has_group || !q_->group_by.empty() || q_->has_windows || q_->having) collect_aggs(aggs, windows);
  bool grouped = !aggs.empty() || q_->has_group || !q_->group_by.empty() || q_->having;
  std::vector<OrderCol> order = order_of(q_->order_by);
  for (Expr* e : exprs) note_uses(e, 0);
  for (const OrderCol& o : order) note_uses(o.e, 0);
  for (Expr* e : q_->group_by) note_uses(e, 0);
  for (Expr* e : q_->distinct_on) note_uses(e, 0);
  note_uses(q_->having, 0);
  for (Expr* a : aggs) note_uses(a, 0);
  for (WindowDef& w : q_->windows) {
    for (Expr* e : w.partition) note_uses(e, 0);
    for (SortKey& k : w.order) note_uses(k.expr, 0);
  }
  auto constant = [](Expr* e) { return e && e->kind == ExprKind::kConst && !e->null; };
  double fraction = tuple_fraction;
  if (constant(q_->limit)) {
    double n = static_cast<double>(as_int8(q_->limit->value)) + (constant(q_->offset) ? static_cast<double>(as_int8(q_->offset->value)) : 0);
    fraction = std::max(1.0 + 1e-9, n);   // > 1: a number of rows
  }
  std::vector<OrderCol> want;
  bool plain = !grouped && windows.empty() && !q_->has_set_funcs && !q_->distinct && q_->distinct_on.empty();
  if (plain) want = order;
  else if (grouped && q_->grouping_sets.empty() && !q_->group_by.empty() && windows.empty())
    for (Expr* e : q_->group_by) want.push_back({e, false, false});
  if (!plain) fraction = 1.0;
  bool ordered = false;
  Built b;
  if (grouped && !want.empty()) {
    // Sorted input is only a bonus for grouping: take the cheapest path, and see whether it happens to be sorted.
    b = plan_scan_join(1.0, {}, &ordered);
    ordered = false;
  } else {
    b = plan_scan_join(fraction, want, &ordered);
    if (!plain) ordered = false;
  }
  if (grouped) {
    plan_grouping(b, aggs, false);
    ordered = false;
  }
  if (!windows.empty()) {
    plan_windows(b, windows);
    ordered = false;
  }
  if (q_->has_set_funcs) {
    std::vector<Expr*> all = exprs;
    for (const OrderCol& o : order) all.push_back(o.e);
    plan_project_set(b, all);
  }
  if (order.empty()) ordered = true;
  // Sort keys that are no target yet travel as extra columns.
  if (!ordered)
    for (const OrderCol& o : order) {
      bool have = false;
      for (Expr* e : exprs) have |= e == o.e || equal_expr(e, o.e);
      if (!have) exprs.push_back(o.e);
    }
  for (Expr* e : q_->distinct_on) {
    bool have = false;
    for (Expr* x : exprs) have |= x == e || equal_expr(x, e);
    if (!have) exprs.push_back(e);
  }
  add_project(b, exprs);
  Plan* result = finish(b, exprs, visible, order, ordered);
  for (Cte* c : q_->ctes)
    if (c->query && c->query->command != Command::kSelect) {
      int index;
      cte_plan(c, &index);   // runs whether it is referenced or not
    }
  return result;
}

namespace {

bool contains_rel(const FromItem* f, int rel) {
  if (!f) return false;
  if (!f->is_join) return f->rel == rel;
  return contains_rel(f->left, rel) || contains_rel(f->right, rel);
}

// RETURNING, ON CONFLICT and CHECK expressions: columns of one or two range entries become input slots.
class ModifyRefs : public Mutator {
 public:
  ModifyRefs(Arena& arena, int rel0, int rel1) : Mutator(arena), rel0_(rel0), rel1_(rel1) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (e->kind != ExprKind::kColumn || e->levels_up != depth) return nullptr;
    if (e->rel != rel0_ && e->rel != rel1_) return e;
    if (e->attno > 0) return e;   // resolved with the rows' columns
    if (depth) throw_unsupported("a sub-select that refers to a system column of the modified row");
    return make_test(arena_, e, e->rel == rel0_ ? 0 : 1, e->attno > 0 ? e->attno - 1 : e->attno);
  }

 private:
  int rel0_, rel1_;
};

}  // namespace

Plan* QueryPlanner::plan_modify() {
  sh_.read_only = false;
  if (q_->command == Command::kMerge) throw_unsupported("MERGE");
  int target = q_->result_rel;
  const RelationDesc* rel = q_->rtable[target]->relation;
  if (std::find(sh_.relations.begin(), sh_.relations.end(), rel->oid) == sh_.relations.end()) sh_.relations.push_back(rel->oid);
  Built b;
  std::vector<Expr*> exprs;
  auto null_of = [&](int i) {
    Expr* c = make_const(arena_, rel->attrs[i].dropped ? oid::kInt4 : rel->attrs[i].type, 0, true);
    return c;
  };
  Query* original = q_;
  std::span<Cte*> ctes = q_->ctes;   // as copied by prep, if it runs: a copy is another CTE to cte_plan
  std::vector<std::pair<size_t, Expr*>> returned;   // the child's columns that RETURNING names; what they stand for may have been merged
  if (q_->command == Command::kInsert) {
    std::vector<Expr*> row(rel->attrs.size(), nullptr);
    for (size_t i = 0; i < q_->targets.size() && i < q_->set_attnos.size(); i++) row[q_->set_attnos[i] - 1] = q_->targets[i].expr;
    for (size_t i = 0; i < row.size(); i++) {
      if (!row[i] && i < q_->defaults.size() && !rel->attrs[i].dropped) row[i] = q_->defaults[i];
      if (!row[i]) row[i] = null_of(static_cast<int>(i));
    }
    rt_.assign(q_->rtable.begin(), q_->rtable.end());
    base_.resize(rt_.size());
    for (Expr*& e : row) e = fold(e, sh_.params, sh_.cx, arena_);
    if (q_->insert_source) {
      owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, q_->insert_source));
      QueryPlanner* sub = owned_.back().get();
      b.plan = sub->run();
      RangeEntry* src = rt_[q_->source_rel];
      for (size_t i = 0; i < b.plan->types.size(); i++) {
        Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
        c->rel = q_->source_rel;
        c->attno = static_cast<int16_t>(i + 1);
        c->type = b.plan->types[i];
        if (i < src->typmods.size()) c->typmod = src->typmods[i];
        b.out.cols.push_back(c);
      }
    } else {
      Path* one = new_path(PlanKind::kResult);
      one->rows = 1;
      one->total = 0.01;
      b.plan = new_plan(PlanKind::kResult, one);
      b.fusable = true;
    }
    exprs = row;
  } else {
    // The rows to change come from a query over FROM with the target in it; the target's ctid is the first column.
    Query* s = arena_.make<Query>(*q_);
    s->command = Command::kSelect;
    s->order_by = {};
    if (!contains_rel(s->from, target)) {
      FromItem* leaf = arena_.make<FromItem>();
      leaf->rel = target;
      if (s->from) {
        FromItem* j = arena_.make<FromItem>();
        j->is_join = true;
        j->join = JoinType::kCross;
        j->left = leaf;
        j->right = s->from;
        s->from = j;
      } else {
        s->from = leaf;
      }
    }
    auto column = [&](int16_t attno) {
      Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
      c->rel = target;
      c->attno = attno;
      if (attno == -1) {
        c->type = oid::kTid;
        c->name = "ctid";
      } else {
        const AttrDesc& a = rel->attrs[attno - 1];
        c->type = a.type;
        c->typmod = a.typmod;
        c->collation = a.collation;
        c->name = arena_.copy(std::string_view(a.name));
      }
      return c;
    };
    std::vector<Target> targets{{column(-1), "ctid"}};
    if (q_->command == Command::kUpdate) {
      std::vector<Expr*> row(rel->attrs.size(), nullptr);
      for (size_t i = 0; i < q_->targets.size() && i < q_->set_attnos.size(); i++) row[q_->set_attnos[i] - 1] = q_->targets[i].expr;
      for (size_t i = 0; i < row.size(); i++) {
        if (!row[i]) row[i] = rel->attrs[i].dropped ? null_of(static_cast<int>(i)) : column(static_cast<int16_t>(i + 1));
        targets.push_back({row[i], rel->attrs[i].name.empty() ? "" : arena_.copy(std::string_view(rel->attrs[i].name))});
      }
    }
    for (Target& t : q_->returning)
      collect_columns(t.expr, [&](Expr* c) {
        if (c->rel == target) return;
        for (size_t i = 0; i < targets.size(); i++)
          if (equal_expr(targets[i].expr, c)) {   // a new value is this very column
            returned.emplace_back(i, c);
            return;
          }
        returned.emplace_back(targets.size(), c);
        targets.push_back({c, c->name});
      });
    s->targets = to_span(arena_, targets);
    s->returning = {};
    s->checks = {};
    s->has_aggs = s->has_group = s->has_windows = s->has_set_funcs = false;
    q_ = s;
    prep();
    ctes = q_->ctes;
    for (Target& t : q_->targets) {
      exprs.push_back(t.expr);
      note_uses(t.expr, 0);
    }
    bool ordered;
    b = plan_scan_join(1.0, {}, &ordered);
  }
  add_project(b, exprs);
  Plan* m = new_plan(PlanKind::kModify, nullptr);
  pass_through(m, b.plan);
  m->left = b.plan;
  m->command = original->command;
  m->relation = rel;
  m->alias = original->rtable[target]->alias;
  m->modify = original;
  if (original->command == Command::kUpdate) {
    m->changes_indexed_column = false;
    for (int16_t a : original->set_attnos)
      for (const IndexDesc& i : rel->indexes) {
        if (!i.expressions.empty() || !i.predicate.empty()) m->changes_indexed_column = true;
        for (const auto& k : i.keys) m->changes_indexed_column |= k.attno == a;
      }
  }
  // RETURNING: target columns are the row itself (rel 0), others come with the child's row (rel 1).
  std::vector<Expr*> returning;
  std::vector<Oid> types;
  std::vector<std::string_view> names;
  Out child = b.out, row_out;
  for (auto& [i, c] : returned) child.cols[i] = c;
  for (size_t i = 0; i < rel->attrs.size(); i++) {
    Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
    c->rel = target;
    c->attno = static_cast<int16_t>(i + 1);
    c->type = rel->attrs[i].type;
    row_out.cols.push_back(c);
  }
  std::vector<Target> ret(original->returning.begin(), original->returning.end());
  Query holder;
  if (!ret.empty()) {   // whole-row references
    Query* q = arena_.make<Query>();
    q->rtable = original->rtable;
    q->returning = original->returning;
    q_ = q;
    expand_whole_rows();
    ret.assign(q_->returning.begin(), q_->returning.end());
  }
  if (original->command != Command::kInsert)
    for (Expr*& e : child.cols)   // new values of the target's columns must not be taken for the columns themselves
      if (e->kind == ExprKind::kColumn && e->rel == target) e = make_const(arena_, e->type, 0, true);
  for (Target& t : ret) {
    Expr* e = fold(t.expr, sh_.params, sh_.cx, arena_);
    // System columns of the row: tests with the negative number.
    e = ModifyRefs(arena_, target, -2).expr(e);
    returning.push_back(resolve(e, &row_out, &child));
    types.push_back(t.expr->type);
    names.push_back(t.name);
    names_.push_back(t.name);
  }
  m->returning = to_span(arena_, returning);
  m->returning_types = to_span(arena_, types);
  m->types = m->returning_types;
  m->names = to_span(arena_, names);
  std::vector<Expr*> checks;
  for (Expr* c : original->checks) checks.push_back(resolve(ModifyRefs(arena_, target, -2).expr(fold(c, {}, sh_.cx, arena_)), &row_out, nullptr));
  m->checks = to_span(arena_, checks);
  m->check_names = original->check_names;
  if (original->on_conflict && original->on_conflict->do_update) {
    ConflictClause& oc = *original->on_conflict;
    Expr** set = arena_.alloc_array<Expr*>(rel->attrs.size());
    std::fill(set, set + rel->attrs.size(), nullptr);
    ModifyRefs refs(arena_, target, oc.excluded_rel);
    Out excluded = row_out;
    for (Expr*& e : excluded.cols) {
      e = arena_.make<Expr>(*e);
      e->rel = oc.excluded_rel;
    }
    auto bind = [&](Expr* e) { return resolve(refs.expr(fold(e, sh_.params, sh_.cx, arena_)), &row_out, &excluded); };
    for (size_t i = 0; i < oc.set.size(); i++) set[oc.set_attnos[i] - 1] = bind(oc.set[i].expr);
    m->conflict_set = set;
    if (oc.where) m->conflict_where = bind(oc.where);
  }
  q_ = original;
  for (Cte* c : ctes)
    if (c->query && c->query->command != Command::kSelect) {
      int index;
      cte_plan(c, &index);
    }
  return m;
}

PlannedStmt* plan(const Query& query, std::span<const NullableDatum> params, std::span<const Oid> param_types, const PlannerSettings& settings, FnContext& cx, Arena& arena) {
  Shared sh{.arena = arena, .settings = settings, .cx = cx, .params = params};
  Query* q = arena.make<Query>(query);
  QueryPlanner top(sh, nullptr, q);
  PlannedStmt* s = arena.make<PlannedStmt>();
  s->command = query.command;
  s->root = top.run(settings.cursor_tuple_fraction < 1 ? settings.cursor_tuple_fraction : 1.0);
  s->subplans = to_span(arena, sh.subplans);
  s->ctes = to_span(arena, sh.ctes);
  bool* modifies = arena.alloc_array<bool>(sh.cte_modifies.size());
  auto* slots = arena.alloc_array<std::span<int>>(sh.ctes.size());
  for (size_t i = 0; i < sh.ctes.size(); i++) {
    modifies[i] = sh.cte_modifies[i];
    slots[i] = to_span(arena, sh.cte_outer_slots[i]);
  }
  s->cte_modifies = {modifies, sh.cte_modifies.size()};
  s->cte_outer_slots = {slots, sh.ctes.size()};
  s->n_exec_params = sh.n_exec_params;
  std::vector<Oid> types, tables;
  std::vector<int32_t> typmods;
  std::vector<int16_t> attnos;
  std::vector<std::string_view> names;
  std::span<const Target> out = query.command == Command::kSelect ? query.targets : query.returning;
  for (const Target& t : out) {
    if (t.junk) continue;
    names.push_back(t.name);
    types.push_back(t.expr->type);
    typmods.push_back(t.expr->typmod);
    tables.push_back(t.origin_table);
    attnos.push_back(t.origin_attno);
  }
  s->column_names = to_span(arena, names);
  s->column_types = to_span(arena, types);
  s->column_typmods = to_span(arena, typmods);
  s->origin_tables = to_span(arena, tables);
  s->origin_attnos = to_span(arena, attnos);
  s->param_types = to_span(arena, std::vector<Oid>(param_types.begin(), param_types.end()));
  s->relations = to_span(arena, sh.relations);
  s->read_only = sh.read_only;
  return s;
}

}  // namespace postern::sql
