// Running sub-selects of expressions.
#pragma once
#include "postgres/exec/column_store.h"
#include "postgres/exec/group_table.h"
#include "postgres/exec/node.h"

namespace postern::exec {

// One per SubPlan of the statement, shared by the expressions that refer to it.
struct SubPlanState {
  const sql::SubPlan* sp = nullptr;
  std::unique_ptr<Node> node;
  bool fresh = true;                    // node has not been pulled since it was made or rescanned
  std::vector<int> watched;             // slots that the result depends on besides its own parameters
  // Result of an uncorrelated one, valid while the watched slots keep their stamps.
  bool cached = false;
  uint64_t stamp = 0;
  NullableDatum value;
  std::unique_ptr<Arena> memory;
  std::unique_ptr<ColumnStore> rows;    // ANY/ALL
  ColumnStore::Reader reader;
  std::unique_ptr<GroupTable> table;    // hashed ANY
  bool table_has_nulls = false;

  void restart() {
    if (!fresh) node->rescan();
    fresh = true;
  }
  Batch pull() {
    fresh = false;
    return node->next();
  }
};

}  // namespace postern::exec
