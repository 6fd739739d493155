#include "postgres/exec/recheck.h"

#include "common/base/error.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/subplan.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;
using sql::Plan;
using sql::PlanKind;

const Plan* scan_of_tid(const Plan* plan, int column) {
  while (plan) {
    bool scan = plan->kind == PlanKind::kSeqScan || plan->kind == PlanKind::kIndexScan || plan->kind == PlanKind::kIndexOnlyScan || plan->kind == PlanKind::kTidScan || plan->kind == PlanKind::kBitmapHeapScan;
    int rel = 0;
    if (!plan->targets.empty()) {
      if (column < 0 || static_cast<size_t>(column) >= plan->targets.size()) return nullptr;
      const Expr* e = plan->targets[column];
      while (e->kind == ExprKind::kRelabel) e = e->args[0];
      if (e->kind != ExprKind::kTest) return nullptr;
      rel = e->rel;
      column = e->attno;
    } else if (plan->right && !scan) {
      int left = plan->left ? static_cast<int>(plan->left->types.size()) : 0;
      if (column >= left) {
        rel = 1;
        column -= left;
      }
    }
    if (scan) return static_cast<size_t>(column) < plan->columns.size() && plan->columns[column] == -1 ? plan : nullptr;
    switch (plan->kind) {
      case PlanKind::kResult: case PlanKind::kProject: case PlanKind::kFilter: case PlanKind::kSubqueryScan: case PlanKind::kNestLoop: case PlanKind::kHashJoin:
      case PlanKind::kMergeJoin: case PlanKind::kSort: case PlanKind::kLimit: case PlanKind::kMaterialize: case PlanKind::kLockRows: case PlanKind::kProjectSet:
        plan = rel ? plan->right : plan->left;
        break;
      default: return nullptr;
    }
  }
  return nullptr;
}

Recheck::~Recheck() = default;

Batch Recheck::run(std::span<const RecheckRow> rows) {
  node_.reset();
  rows_.assign(rows.begin(), rows.end());
  es_ = std::make_unique<ExecState>();
  es_->stmt = parent_.stmt;
  es_->params = parent_.params;
  es_->snapshot = parent_.snapshot;
  es_->services = parent_.services;
  es_->settings = parent_.settings;
  es_->settings.instrument = false;
  es_->cte_owner = parent_.cte_owner;
  es_->clock = parent_.clock;
  es_->work_table = parent_.work_table;
  int n = parent_.stmt->n_exec_params + 1;
  es_->slots = es_->arena.alloc_array<ParamSlot>(n);
  for (int i = 0; i < n; i++) es_->slots[i] = parent_.slots[i];
  es_->recheck = rows_;
  node_ = make_node(*es_, plan_);
  Batch b = node_->next();
  if (b.rows.count > 1) {
    auto* first = es_->arena.alloc_array<uint16_t>(1);
    first[0] = static_cast<uint16_t>(b.rows.row(0));
    b.rows = Rows{first, 1};
  }
  return b;
}

void throw_concurrent_update(bool deleted) {
  throw SqlError{sqlstate::kTRSerializationFailure, deleted ? "could not serialize access due to concurrent delete" : "could not serialize access due to concurrent update"};
}

}  // namespace postern::exec
