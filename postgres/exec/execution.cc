// An execution from its construction to its last batch.
#include "common/base/error.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/execution_impl.h"
#include "postgres/exec/subplan.h"

namespace postern::exec {

Execution::Execution(const sql::PlannedStmt& stmt, std::span<const NullableDatum> params, const txn::Snapshot& snapshot, SessionServices* services,
                     const ExecSettings& settings)
    : impl_(new Impl) {
  ExecState& es = impl_->es;
  es.stmt = &stmt;
  es.params = params;
  es.snapshot = snapshot;
  es.services = services;
  es.settings = settings;
  // One slot more than the plan knows: the generation of the work table.
  es.slots = es.arena.alloc_array<ParamSlot>(static_cast<size_t>(stmt.n_exec_params) + 1);
  for (int i = 0; i <= stmt.n_exec_params; i++) es.slots[i] = ParamSlot{};
  impl_->root = make_node(es, *stmt.root);
}

Execution::~Execution() = default;

Batch Execution::next() {
  if (impl_->done) return {};
  Batch b = impl_->root->next();
  if (b.rows.count) return b;
  impl_->done = true;
  finish_modifying_ctes(impl_->es);
  run_key_events(impl_->es.key_events, impl_->es.services);
  return {};
}

uint64_t Execution::affected_rows() const { return impl_->es.affected; }

// Data-modifying WITH queries run to their end, whether or not anybody reads them.
void finish_modifying_ctes(ExecState& es) {
  for (size_t i = 0; i < es.stmt->cte_modifies.size(); i++)
    if (es.stmt->cte_modifies[i])
      while (pull_cte(es, static_cast<int>(i))) {}
}

bool pull_cte(ExecState& es, int index) {
  CteState& c = es.cte(index);
  ExecState& owner = *es.cte_owner;
  if (c.done) return false;
  if (!c.node) {
    c.node = make_node(owner, *owner.stmt->ctes[index]);
    c.store = std::make_unique<ColumnStore>(owner.stmt->ctes[index]->types, owner.settings.work_mem_bytes);
  }
  Batch b = c.node->next();
  if (!b.rows.count) {
    c.done = true;
    return false;
  }
  if (b.ncols >= c.store->ncols()) c.store->append(b.columns, b.rows);
  return true;
}

}  // namespace postern::exec
