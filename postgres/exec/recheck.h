// EvalPlanQual: runs a plan again for the newer version of a row that another transaction changed while we waited for it. The scan that the row came from is replaced by
// that one version; everything else runs as before, under the statement's snapshot.
#pragma once
#include "postgres/exec/node.h"

namespace postern::exec {

// The scan that column `column` (a ctid) of plan's output comes from; nullptr if it can't be told.
const sql::Plan* scan_of_tid(const sql::Plan* plan, int column);

class Recheck {
 public:
  Recheck(ExecState& parent, const sql::Plan& plan) : parent_(parent), plan_(plan) {}
  ~Recheck();
  // The first row that the plan gives now: rows.count 0 or 1, valid until the next call.
  Batch run(std::span<const RecheckRow> rows);

 private:
  ExecState& parent_;
  const sql::Plan& plan_;
  std::unique_ptr<ExecState> es_;
  std::unique_ptr<Node> node_;
  std::vector<RecheckRow> rows_;
};

[[noreturn]] void throw_concurrent_update(bool deleted);

}  // namespace postern::exec
