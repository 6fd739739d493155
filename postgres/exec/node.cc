#include "postgres/exec/node.h"

#include <algorithm>
#include <ctime>

#include "common/base/error.h"
#include "postgres/buffer/buffer.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/subplan.h"

namespace postern::exec {
using sql::Expr;
using sql::Plan;
using sql::PlanKind;

namespace {
uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000ULL + static_cast<uint64_t>(t.tv_nsec);
}
}  // namespace

void Node::enable_instrument() {
  instr_ = std::make_unique<Instrument>();
  es_.instrumented.emplace_back(&plan_, this);
}

Batch Node::next_instrumented() {
  Instrument& in = *instr_;
  const buffer::Stats before = buffer::my_stats();
  uint64_t start = es_.settings.timing ? now_ns() : 0;
  Batch b = do_next();
  uint64_t took = es_.settings.timing ? now_ns() - start : 0;
  const buffer::Stats& after = buffer::my_stats();
  in.hits += after.hits - before.hits;
  in.reads += after.reads - before.reads;
  in.written += after.writes - before.writes;
  in.dirtied += after.dirtied - before.dirtied;
  in.total_ns += took;
  if (!in.running) {
    in.running = true;
    in.start_ns += took;
    in.loops++;
  }
  in.rows += b.rows.count;
  return b;
}

void Node::finish_loop() {
  if (instr_) instr_->running = false;
}

void Projection::compile(const Compiler& cp, std::span<Expr* const> targets) {
  n_ = static_cast<int>(targets.size());
  if (!n_) return;
  codes_ = cp.compile_all(targets);
  out_ = cp.arena->alloc_array<Vector>(targets.size());
}

void OwnColumns::init(Arena& arena, int ncols) {
  n = ncols;
  v = arena.alloc_array<Vector>(static_cast<size_t>(ncols));
  for (int i = 0; i < ncols; i++) v[i] = Vector{};
}

void OwnColumns::reserve(Arena& arena, uint32_t rows) {
  if (rows <= capacity) return;
  capacity = rounded_capacity(rows);
  for (int i = 0; i < n; i++) {
    v[i].values = arena.alloc_array<Datum>(capacity);
    v[i].nulls = arena.alloc_array<uint8_t>(capacity);
    v[i].stride = 1;
  }
}

namespace {

using Maker = std::unique_ptr<Node> (*)(ExecState&, const Plan&);

Maker maker(PlanKind kind) {
  switch (kind) {
    case PlanKind::kResult: return make_result;
    case PlanKind::kProject:
    case PlanKind::kSubqueryScan: return make_project;
    case PlanKind::kFilter: return make_filter;
    case PlanKind::kSeqScan: return make_seq_scan;
    case PlanKind::kIndexScan:
    case PlanKind::kIndexOnlyScan: return make_index_scan;
    case PlanKind::kBitmapHeapScan: return make_bitmap_heap_scan;
    case PlanKind::kBitmapIndexScan:
    case PlanKind::kBitmapOr: break;   // made by the scan above them
    case PlanKind::kTidScan: return make_tid_scan;
    case PlanKind::kFunctionScan: return make_function_scan;
    case PlanKind::kValuesScan: return make_values_scan;
    case PlanKind::kCteScan: return make_cte_scan;
    case PlanKind::kWorkTableScan: return make_work_table_scan;
    case PlanKind::kNestLoop: return make_nest_loop;
    case PlanKind::kHashJoin: return make_hash_join;
    case PlanKind::kMergeJoin: return make_merge_join;
    case PlanKind::kHashAgg:
    case PlanKind::kSortAgg: return make_agg;
    case PlanKind::kSort: return make_sort;
    case PlanKind::kLimit: return make_limit;
    case PlanKind::kUnique: return make_unique_node;
    case PlanKind::kDistinctHash: return make_distinct_hash;
    case PlanKind::kSetOp: return make_set_op;
    case PlanKind::kAppend: return make_append;
    case PlanKind::kRecursiveUnion: return make_recursive_union;
    case PlanKind::kProjectSet: return make_project_set;
    case PlanKind::kMaterialize: return make_materialize;
    case PlanKind::kWindowAgg: return make_window_agg;
    case PlanKind::kLockRows: return make_lock_rows;
    case PlanKind::kModify: return make_modify;
  }
  throw_internal("unknown plan node");
}

}  // namespace

std::unique_ptr<Node> make_node(ExecState& es, const Plan& plan) {
  const RecheckRow* fixed = es.recheck.empty() ? nullptr : es.recheck_for(&plan);
  std::unique_ptr<Node> node = fixed ? make_recheck_scan(es, plan, fixed->tid) : maker(plan.kind)(es, plan);
  if (es.settings.instrument) node->enable_instrument();
  return node;
}

ExecState::ExecState() = default;
ExecState::~ExecState() = default;
CteState::CteState() = default;
CteState::~CteState() = default;

CteState& ExecState::cte(int index) {
  if (cte_owner != this) return cte_owner->cte(index);
  if (ctes.size() <= static_cast<size_t>(index)) ctes.resize(stmt->ctes.size());
  auto& c = ctes[index];
  if (!c) c = std::make_unique<CteState>();
  return *c;
}

namespace {

struct SlotWalk {
  const sql::PlannedStmt& stmt;
  std::vector<int> used, set;
  std::vector<int> subplans_seen;

  void expr(const Expr* e) {
    if (!e) return;
    if (e->kind == sql::ExprKind::kParam && e->number < 0) used.push_back(-e->number - 1);
    if (e->kind == sql::ExprKind::kSubquery && e->number >= 0 && static_cast<size_t>(e->number) < stmt.subplans.size() &&
        std::find(subplans_seen.begin(), subplans_seen.end(), e->number) == subplans_seen.end()) {
      subplans_seen.push_back(e->number);
      const sql::SubPlan* sp = stmt.subplans[e->number];
      for (const Expr* p : sp->params) expr(p);
      for (int s : sp->param_slots) set.push_back(s);
      for (int s : sp->outer_slots) used.push_back(s);
      plan(sp->plan);
    }
    for (const Expr* a : e->args) expr(a);
  }
  void exprs(std::span<Expr* const> list) {
    for (const Expr* e : list) expr(e);
  }
  void keys(std::span<const sql::SortKey> list) {
    for (const sql::SortKey& k : list) expr(k.expr);
  }
  void plan(const Plan* p) {
    if (!p) return;
    if (p->kind == PlanKind::kWorkTableScan) used.push_back(stmt.n_exec_params);
    if (p->kind == PlanKind::kRecursiveUnion) set.push_back(stmt.n_exec_params);
    plan(p->left);
    plan(p->right);
    for (const Plan* c : p->children) plan(c);
    exprs(p->targets);
    expr(p->filter);
    for (const sql::IndexCond& c : p->index_conds) expr(c.value);
    expr(p->recheck);
    expr(p->tid);
    exprs(p->functions);
    for (auto& row : p->values) exprs(row);
    if (p->cte >= 0 && static_cast<size_t>(p->cte) < stmt.cte_outer_slots.size())
      for (int s : stmt.cte_outer_slots[p->cte]) used.push_back(s);
    exprs(p->left_keys);
    exprs(p->right_keys);
    expr(p->join_filter);
    exprs(p->nest_params);
    for (int s : p->nest_slots) set.push_back(s);
    exprs(p->group_keys);
    for (const sql::AggCall& a : p->aggs) {
      exprs(a.args);
      expr(a.filter);
      keys(a.order);
    }
    keys(p->sort_keys);
    expr(p->limit);
    expr(p->offset);
    for (const sql::WindowDef& w : p->windows) {
      exprs(w.partition);
      keys(w.order);
      expr(w.start);
      expr(w.end);
    }
    exprs(p->returning);
  }
};

}  // namespace

std::vector<int> outside_slots(const sql::PlannedStmt& stmt, const Plan* plan) {
  SlotWalk w{stmt, {}, {}, {}};
  w.plan(plan);
  std::vector<int> out;
  for (int s : w.used)
    if (std::find(w.set.begin(), w.set.end(), s) == w.set.end() && std::find(out.begin(), out.end(), s) == out.end()) out.push_back(s);
  return out;
}

}  // namespace postern::exec
