// From the chosen path to plan nodes. Every expression is rewritten to refer to the outputs of the nodes below it; references to
// other levels or to the left side of a nested loop become exec parameters.
#include <algorithm>

#include "common/base/error.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

Plan* QueryPlanner::new_plan(PlanKind kind, const Path* costs) {
  Plan* p = arena_.make<Plan>(Plan{.kind = kind});
  if (costs) {
    p->rows = costs->rows;
    p->startup_cost = costs->startup;
    p->total_cost = costs->total;
    p->width = costs->width;
  }
  return p;
}

void QueryPlanner::set_output(Plan* p, const std::vector<Expr*>& exprs) {
  std::vector<Oid> types;
  std::vector<std::string_view> names;
  for (Expr* e : exprs) {
    types.push_back(e->type);
    names.push_back(e->name);
  }
  p->types = to_span(arena_, types);
  p->names = to_span(arena_, names);
}

void QueryPlanner::pass_through(Plan* p, const Plan* child) {
  p->types = child->types;
  p->names = child->names;
  p->rows = child->rows;
  p->startup_cost = child->startup_cost;
  p->total_cost = child->total_cost;
  p->width = child->width;
}

void QueryPlanner::note_uses(Expr* e, RelSet with) {
  if (!e) return;
  collect_columns(e, [&](Expr* c) {
    if (c->rel < 0) return;
    for (const Use& u : uses_)
      if (u.rel == c->rel && u.attno == c->attno && u.with == with) return;
    uses_.push_back({c->rel, c->attno, with, c});
  });
}

std::vector<Expr*> QueryPlanner::columns_needed(RelSet rels) {
  std::vector<Expr*> out;
  for (const Use& u : uses_) {
    if (!(rels >> u.rel & 1)) continue;
    if (u.with && !(u.with & ~rels)) continue;
    bool have = false;
    for (Expr* e : out) have |= e->rel == u.rel && e->attno == u.attno;
    if (have) continue;
    Expr* c = u.column;
    if (c->levels_up) {   // seen from inside a sub-select
      c = arena_.make<Expr>(*c);
      c->levels_up = 0;
    }
    out.push_back(c);
  }
  return out;
}

int QueryPlanner::param_slot(Expr* e) {
  if (!collecting) throw_internal("reference to a column that no node below provides");
  for (const ParamRef& p : *collecting)
    if (equal_expr(p.expr, e)) return p.slot;
  collecting->push_back({e, sh_.n_exec_params});
  return sh_.n_exec_params++;
}

namespace {
Expr* make_param(Arena& arena, const Expr* like, int slot) {
  Expr* p = arena.make<Expr>(Expr{.kind = ExprKind::kParam});
  p->type = like->type;
  p->typmod = like->typmod;
  p->collation = like->collation;
  p->number = -slot - 1;
  p->name = like->name;
  return p;
}

int find_out(const Out* out, const Expr* e) {
  if (!out) return -1;
  bool column = e->kind == ExprKind::kColumn;
  if (!column && !out->has_exprs) return -1;
  for (size_t i = 0; i < out->cols.size(); i++) {
    const Expr* c = out->cols[i];
    if (c == e) return static_cast<int>(i);
    if (column) {
      if (c->kind == ExprKind::kColumn && c->rel == e->rel && c->attno == e->attno && c->levels_up == e->levels_up) return static_cast<int>(i);
    } else if (c->kind == e->kind && e->kind != ExprKind::kConst && equal_expr(c, e)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}
}  // namespace

Expr* QueryPlanner::resolve(Expr* e, const Out* left, const Out* right) {
  if (!e) return nullptr;
  if (e->kind == ExprKind::kConst || e->kind == ExprKind::kParam) return e;
  if (int i = find_out(left, e); i >= 0) return make_test(arena_, e, 0, i);
  if (int i = find_out(right, e); i >= 0) return make_test(arena_, e, 1, i);
  if ((e->kind == ExprKind::kColumn || e->kind == ExprKind::kAgg) && e->levels_up > 0) {
    QueryPlanner* owner = this;
    for (int i = 0; i < e->levels_up; i++) {
      if (!owner->parent_) throw_internal("reference beyond the outermost query");
      owner = owner->parent_;
    }
    Expr* own = lower_levels(arena_, e, e->levels_up);
    int slot = owner->param_slot(own);
    for (QueryPlanner* p = this; p != owner; p = p->parent_)
      if (std::find(p->outer_slots.begin(), p->outer_slots.end(), slot) == p->outer_slots.end()) p->outer_slots.push_back(slot);
    return make_param(arena_, e, slot);
  }
  if (e->kind == ExprKind::kColumn || e->kind == ExprKind::kAgg || e->kind == ExprKind::kWindow) {
    if (e->kind == ExprKind::kColumn || collecting) return make_param(arena_, e, param_slot(e));
    throw_internal("aggregate outside of its node");
  }
  if (e->kind == ExprKind::kSubquery) return resolve_subquery(e, left, right);
  if (e->kind == ExprKind::kFunc && is_volatile_fn(e->fn)) {
    const facts::ProcFact* p = facts::find_proc(e->fn);
    if (p && (p->name() == "nextval" || p->name() == "setval")) sh_.read_only = false;
  }
  if (e->kind == ExprKind::kNextval) sh_.read_only = false;
  if (e->args.empty() && !e->filter && e->order.empty()) return e;
  Expr* c = arena_.make<Expr>(*e);
  Expr** args = arena_.alloc_array<Expr*>(e->args.size());
  for (size_t i = 0; i < e->args.size(); i++) args[i] = resolve(e->args[i], left, right);
  c->args = {args, e->args.size()};
  c->filter = resolve(e->filter, left, right);
  if (!e->order.empty()) {
    auto* keys = arena_.alloc_array<SortKey>(e->order.size());
    for (size_t i = 0; i < e->order.size(); i++) {
      keys[i] = e->order[i];
      keys[i].expr = resolve(e->order[i].expr, left, right);
    }
    c->order = {keys, e->order.size()};
  }
  return c;
}

std::span<Expr*> QueryPlanner::resolve_all(const std::vector<Expr*>& v, const Out* left, const Out* right) {
  Expr** p = arena_.alloc_array<Expr*>(v.size());
  for (size_t i = 0; i < v.size(); i++) p[i] = resolve(v[i], left, right);
  return {p, v.size()};
}

Expr* QueryPlanner::resolve_subquery(Expr* e, const Out* left, const Out* right) {
  owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, e->subquery));
  QueryPlanner* sub = owned_.back().get();
  std::vector<ParamRef> params;
  auto* saved = collecting;
  collecting = &params;
  Plan* plan = sub->run(e->sub_kind == SubKind::kExists ? 1e-9 : 1.0);
  collecting = saved;
  SubPlan* s = arena_.make<SubPlan>();
  s->plan = plan;
  s->kind = e->sub_kind;
  std::vector<Expr*> exprs;
  std::vector<int> slots, others;
  for (ParamRef& p : params) {
    exprs.push_back(resolve(p.expr, left, right));
    slots.push_back(p.slot);
  }
  for (int slot : sub->outer_slots)
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) others.push_back(slot);
  s->params = to_span(arena_, exprs);
  s->param_slots = to_span(arena_, slots);
  s->outer_slots = to_span(arena_, others);
  if (e->sub_kind == SubKind::kAny && slots.empty()) {
    s->hashed = true;
    for (size_t i = 0; i < e->sub_fns.size(); i++) {
      const facts::ProcFact* f = facts::find_proc(e->sub_fns[i]);
      bool eq = false;
      for (const facts::OperFact& o : facts::opers_named("=")) eq |= f && o.code == f->oid && o.can_hash;
      s->hashed &= eq && i < e->args.size() && i < plan->types.size() && e->args[i]->type == plan->types[i];
    }
  }
  Expr* c = arena_.make<Expr>(*e);
  c->subquery = nullptr;
  c->number = static_cast<int>(sh_.subplans.size());
  sh_.subplans.push_back(s);
  std::vector<Expr*> args(e->args.begin(), e->args.end());
  c->args = resolve_all(args, left, right);
  return c;
}

namespace {
// Cheap conditions first, sub-selects last.
std::vector<Expr*> ordered(const std::vector<Qual*>& quals) {
  std::vector<Expr*> v;
  for (Qual* q : quals) if (!q->has_subquery && !q->derived) v.push_back(q->e);
  for (Qual* q : quals) if (!q->has_subquery && q->derived) v.push_back(q->e);
  for (Qual* q : quals) if (q->has_subquery) v.push_back(q->e);
  return v;
}
}  // namespace

std::span<IndexCond> QueryPlanner::index_conds(const Path& p) {
  std::vector<IndexCond> conds;
  for (const IndexClause& c : p.clauses) {
    IndexCond k{c.column, c.strategy};
    k.value = resolve(c.value, nullptr, nullptr);
    k.null_test = c.null_test;
    k.any_array = c.any_array;
    conds.push_back(k);
  }
  return to_span(arena_, conds);
}

// The nodes that give a bitmap heap scan its tids.
Plan* QueryPlanner::build_bitmap(const Path& p, const RangeEntry& r) {
  std::vector<Plan*> parts;
  for (const Path* part : p.parts) {
    Plan* scan = new_plan(PlanKind::kBitmapIndexScan, part);
    scan->width = 0;
    scan->relation = r.relation;
    scan->index = part->index;
    scan->index_conds = index_conds(*part);
    parts.push_back(scan);
  }
  if (parts.size() == 1) return parts[0];
  Plan* any = new_plan(PlanKind::kBitmapOr, nullptr);
  any->startup_cost = any->total_cost = p.startup;
  any->rows = p.rows;
  any->children = to_span(arena_, parts);
  return any;
}

Built QueryPlanner::build_scan(const Path& p) {
  RangeEntry* r = rt_[p.rel];
  Built b;
  std::vector<Expr*> needed = columns_needed(p.rels);
  std::vector<Expr*> filters = ordered(p.filter);
  auto all_columns = [&](size_t n) {
    for (size_t i = 0; i < n; i++) {
      Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
      c->rel = p.rel;
      c->attno = static_cast<int16_t>(i + 1);
      c->type = i < r->types.size() ? r->types[i] : oid::kInt8;
      c->typmod = i < r->typmods.size() ? r->typmods[i] : -1;
      c->collation = i < r->collations.size() ? r->collations[i] : Oid{0};
      if (i < r->columns.size()) c->name = r->columns[i];
      b.out.cols.push_back(c);
    }
  };
  switch (p.kind) {
    case PlanKind::kSeqScan:
    case PlanKind::kIndexScan:
    case PlanKind::kIndexOnlyScan:
    case PlanKind::kTidScan:
    case PlanKind::kBitmapHeapScan: {
      Plan* plan = b.plan = new_plan(p.kind, &p);
      plan->relation = r->relation;
      plan->alias = r->alias;
      if (std::find(sh_.relations.begin(), sh_.relations.end(), r->relation->oid) == sh_.relations.end()) sh_.relations.push_back(r->relation->oid);
      Out base;
      base.cols = needed;
      auto add = [&](Expr* e) {
        collect_columns(e, [&](Expr* c) {
          if (c->rel != p.rel || find_out(&base, c) >= 0) return;
          Expr* own = c;
          if (c->levels_up) {
            own = arena_.make<Expr>(*c);
            own->levels_up = 0;
            if (find_out(&base, own) >= 0) return;
          }
          base.cols.push_back(own);
        });
      };
      for (Expr* e : filters) add(e);
      // Rows that are to be changed or locked may have to be tested again in a newer version, where no index guarantees the condition.
      std::vector<Expr*> again;
      if (std::any_of(needed.begin(), needed.end(), [](const Expr* c) { return c->attno == -1; }))
        for (const IndexClause& c : p.clauses)
          if (c.source && std::find(again.begin(), again.end(), c.source->e) == again.end()) {
            again.push_back(c.source->e);
            add(c.source->e);
          }
      for (Qual* q : p.recheck) {
        again.push_back(q->e);
        add(q->e);
      }
      std::sort(base.cols.begin(), base.cols.end(), [](Expr* a, Expr* c) { return a->attno < c->attno; });
      std::vector<int16_t> columns;
      for (Expr* c : base.cols) columns.push_back(c->attno);
      plan->columns = to_span(arena_, columns);
      plan->filter = resolve(make_and(arena_, filters), &base, nullptr);
      plan->recheck = resolve(make_and(arena_, again), &base, nullptr);
      plan->index = p.index;
      plan->backward = p.backward;
      plan->tid = resolve(p.tid, nullptr, nullptr);
      plan->index_conds = index_conds(p);
      if (!p.parts.empty()) plan->left = build_bitmap(p, *r);
      std::sort(needed.begin(), needed.end(), [](Expr* a, Expr* c) { return a->attno < c->attno; });
      if (needed.size() != base.cols.size()) plan->targets = resolve_all(needed, &base, nullptr);
      set_output(plan, needed);
      b.out.cols = needed;
      b.base = base;
      b.fusable = true;
      return b;
    }
    case PlanKind::kSubqueryScan:
      b.plan = sub_plans_[p.rel];
      all_columns(r->types.size());
      break;
    case PlanKind::kFunctionScan: {
      Plan* plan = b.plan = new_plan(p.kind, &p);
      std::vector<Expr*> fns(r->functions.begin(), r->functions.end());
      plan->functions = resolve_all(fns, nullptr, nullptr);
      plan->function_columns = r->function_columns;
      plan->ordinality = r->ordinality;
      plan->alias = r->alias;
      all_columns(r->types.size());
      break;
    }
    case PlanKind::kValuesScan: {
      Plan* plan = b.plan = new_plan(p.kind, &p);
      auto* rows = arena_.alloc_array<std::span<Expr*>>(r->values.size());
      for (size_t i = 0; i < r->values.size(); i++) {
        std::vector<Expr*> row;
        for (Expr* e : r->values[i]) row.push_back(fold(e, sh_.params, sh_.cx, arena_));
        rows[i] = resolve_all(row, nullptr, nullptr);
      }
      plan->values = {rows, r->values.size()};
      plan->alias = r->alias;
      all_columns(r->types.size());
      break;
    }
    case PlanKind::kCteScan:
    case PlanKind::kWorkTableScan: {
      Plan* plan = b.plan = new_plan(p.kind, &p);
      int index = -1;
      cte_plan(r->cte, &index);
      plan->cte = index;
      plan->alias = r->alias;
      all_columns(r->types.size());
      break;
    }
    default: b.plan = new_plan(PlanKind::kResult, &p); break;
  }
  if (p.kind != PlanKind::kSubqueryScan) set_output(b.plan, b.out.cols);
  if (!filters.empty()) {
    add_filter(b, filters);
    b.plan->rows = p.rows;
  }
  return b;
}

Built QueryPlanner::build_join(const Path& p) {
  Built b;
  Built l = build(*p.left);
  Built r;
  std::vector<ParamRef> params;
  bool driven = p.kind == PlanKind::kNestLoop && p.right->outer;
  if (driven) {
    if (p.right->kind == PlanKind::kSubqueryScan) params = lateral_params_[p.right->rel];
    auto* saved = collecting;
    collecting = &params;
    r = build(*p.right);
    collecting = saved;
  } else {
    r = build(*p.right);
  }
  Plan* plan = b.plan = new_plan(p.kind, &p);
  plan->join = p.join;
  auto sort_side = [&](Built& side, const std::vector<OrderCol>& keys) {
    if (!keys.empty()) add_sort(side, keys, -1);
  };
  sort_side(l, p.sort_left);
  sort_side(r, p.sort_right);
  if (driven) {
    std::vector<Expr*> exprs;
    std::vector<int> slots;
    for (ParamRef& ref : params) {
      exprs.push_back(resolve(ref.expr, &l.out, nullptr));
      slots.push_back(ref.slot);
    }
    plan->nest_params = to_span(arena_, exprs);
    plan->nest_slots = to_span(arena_, slots);
  } else if (p.kind == PlanKind::kNestLoop && r.plan->kind != PlanKind::kMaterialize) {
    Plan* m = new_plan(PlanKind::kMaterialize, nullptr);
    pass_through(m, r.plan);
    m->left = r.plan;
    r.plan = m;
  }
  plan->left = l.plan;
  plan->right = r.plan;
  RelSet lrels = p.left->rels;
  std::vector<Expr*> lk, rk;
  std::vector<Oid> fns;
  std::vector<SortKey> merge;
  for (Qual* q : p.keys) {
    bool forward = !(q->lrels & ~lrels);
    lk.push_back(forward ? q->l : q->r);
    rk.push_back(forward ? q->r : q->l);
    fns.push_back(q->e->fn);
  }
  plan->left_keys = resolve_all(lk, &l.out, nullptr);
  plan->right_keys = resolve_all(rk, nullptr, &r.out);
  plan->key_eq_fns = to_span(arena_, fns);
  if (p.kind == PlanKind::kMergeJoin) {
    for (Expr* e : plan->left_keys) merge.push_back({e});
    plan->merge_keys = to_span(arena_, merge);
  }
  plan->join_filter = resolve(make_and(arena_, ordered(p.join_filter)), &l.out, &r.out);
  plan->filter = resolve(make_and(arena_, ordered(p.filter)), &l.out, &r.out);
  bool left_only = p.join == JoinType::kSemi || p.join == JoinType::kAnti;
  std::vector<Expr*> needed = columns_needed(p.rels);
  if (left_only) std::erase_if(needed, [&](Expr* e) { return !(lrels >> e->rel & 1); });
  plan->targets = resolve_all(needed, &l.out, &r.out);
  set_output(plan, needed);
  b.out.cols = needed;
  b.base = l.out;
  b.base_right = r.out;
  b.fusable = true;
  return b;
}

Built QueryPlanner::build(const Path& p) {
  switch (p.kind) {
    case PlanKind::kNestLoop:
    case PlanKind::kHashJoin:
    case PlanKind::kMergeJoin: return build_join(p);
    case PlanKind::kResult: {
      Built b;
      if (p.left) {
        b = build(*p.left);
        Plan* gate = new_plan(PlanKind::kResult, &p);
        pass_through(gate, b.plan);
        gate->left = b.plan;
        gate->filter = resolve(make_and(arena_, ordered(p.filter)), nullptr, nullptr);
        b.plan = gate;
        b.fusable = false;
      } else {
        b.plan = new_plan(PlanKind::kResult, &p);
        b.plan->filter = resolve(make_and(arena_, ordered(p.filter)), nullptr, nullptr);
        b.fusable = true;
      }
      return b;
    }
    default: return build_scan(p);
  }
}

Plan* QueryPlanner::cte_plan(Cte* cte, int* index) {
  for (auto& [c, i] : sh_.cte_index)
    if (c == cte) {
      *index = i;
      return sh_.ctes[i];
    }
  QueryPlanner* owner = this;
  auto owns = [&](QueryPlanner* p) { return std::find(p->q_->ctes.begin(), p->q_->ctes.end(), cte) != p->q_->ctes.end(); };
  while (owner && !owns(owner)) owner = owner->parent_;
  if (!owner) throw_internal("WITH query without an owner");
  int i = *index = static_cast<int>(sh_.ctes.size());
  sh_.ctes.push_back(nullptr);
  sh_.cte_outer_slots.emplace_back();
  sh_.cte_modifies.push_back(cte->query->command != Command::kSelect);
  sh_.cte_index.emplace_back(cte, i);
  Plan* plan;
  if (cte->recursive) {
    plan = owner->plan_recursive(cte);
  } else {
    owner->owned_.push_back(std::make_unique<QueryPlanner>(sh_, owner, cte->query));
    QueryPlanner* sub = owner->owned_.back().get();
    plan = sub->run();
    sh_.cte_outer_slots[i] = sub->outer_slots;
  }
  sh_.ctes[i] = plan;
  return plan;
}

}  // namespace postern::sql
