// What one execution shares between its plan nodes.
//
// Exec parameters (slots) carry values from an outer row to an inner plan. Each assignment stamps the slot; whoever keeps a result that depends on
// slots (materialised rows, hash tables, cached sub-selects) compares stamps to know whether it is still good.
#pragma once
#include <memory>
#include <vector>

#include "postgres/exec/exec.h"
#include "postgres/exec/expr.h"
#include "postgres/exec/foreign_keys.h"

namespace postern::exec {

class Node;
class ColumnStore;
struct SubPlanState;

struct ParamSlot {
  Datum value = 0;
  uint8_t null = 1;
  uint64_t stamp = 0;
};

// A common table expression: rows are pulled from its plan as readers need them.
struct CteState {
  std::unique_ptr<Node> node;
  std::unique_ptr<ColumnStore> store;
  bool done = false;
  uint64_t stamp = 0;
  CteState();
  ~CteState();
};

// One-row replacements of scans, while a plan is run again for one changed row (EvalPlanQual).
struct RecheckRow {
  const sql::Plan* scan;
  Tid tid;
};

struct ExecState {
  const sql::PlannedStmt* stmt = nullptr;
  std::span<const NullableDatum> params;
  txn::Snapshot snapshot;
  SessionServices* services = nullptr;
  ExecSettings settings;
  Arena arena{2048};
  ParamSlot* slots = nullptr;
  uint64_t clock = 0;
  std::vector<std::unique_ptr<SubPlanState>> subplans;
  std::vector<std::unique_ptr<CteState>> ctes;
  ExecState* cte_owner = this;                               // a recheck shares those of its parent
  std::span<const RecheckRow> recheck;
  ColumnStore* work_table = nullptr;                         // of the innermost recursive union
  uint64_t affected = 0;
  std::vector<KeyEvent> key_events;                          // of rows written, for foreign keys
  std::vector<std::pair<const sql::Plan*, Node*>> instrumented;   // every node, for EXPLAIN ANALYZE

  ExecState();
  ~ExecState();
  void set_slot(int slot, Datum value, bool null) {
    slots[slot] = ParamSlot{value, null, ++clock};
  }
  // The newest stamp of these slots (0: never set).
  uint64_t stamp_of(std::span<const int> used) const {
    uint64_t s = 0;
    for (int i : used) s = slots[i].stamp > s ? slots[i].stamp : s;
    return s;
  }
  CteState& cte(int index);
  SubPlanState& subplan(int index);
  const RecheckRow* recheck_for(const sql::Plan* scan) const {
    for (const RecheckRow& r : recheck)
      if (r.scan == scan) return &r;
    return nullptr;
  }
};

// Slots that a plan reads from outside: those used anywhere in it, including its sub-selects, less those that it sets itself.
std::vector<int> outside_slots(const sql::PlannedStmt& stmt, const sql::Plan* plan);

}  // namespace postern::exec
