// Prepared statements, plans and portals: what the simple and the extended protocol share.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "postgres/exec/exec.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/analyze/permissions.h"
#include "postgres/sql/plan/planner.h"

namespace postern::session {

// A plan with everything that it points into. Shared by a prepared statement and the portals that run it.
struct PlanHolder {
  Arena arena{2048};
  sql::AnalyzedStmt analyzed;
  sql::PlannedStmt* stmt = nullptr;
  uint64_t catalog_version = 0;
  std::vector<sql::Permission> permissions;
  Oid allowed{0};                                  // who was found to have them, at this catalog version
  std::vector<std::pair<Oid, lock::Mode>> locks;   // to take again when the plan is reused in another transaction
};
using PlanRef = std::shared_ptr<PlanHolder>;

// One statement of SQL text, parsed. Named ones are prepared statements.
struct Prepared {
  std::string name, text;
  Arena arena{1024};
  const ast::Stmt* stmt = nullptr;                 // null: empty query
  sql::ParamTypes params;
  PlanRef generic;                                 // plan without parameter values
  bool plannable = false;                          // SELECT, INSERT, UPDATE, DELETE
  bool from_sql = false;                           // PREPARE, not Parse
  bool fixed_result = false;                       // its columns must stay as they were when it was prepared
  std::vector<std::pair<Oid, int32_t>> result;     // then: their types and modifiers
  bool result_known = false;
  int64_t prepare_time = 0;
  uint64_t generic_plans = 0, custom_plans = 0;
};
using PreparedRef = std::shared_ptr<Prepared>;

struct ResultColumn {
  std::string_view name;
  Oid type{0};
  int32_t typmod = -1;
  Oid table{0};
  int16_t attno = 0;
};

// A statement being run, perhaps bit by bit.
struct Portal {
  std::string name;
  PreparedRef prepared;
  PlanRef plan;                                    // plannable statements
  Arena arena{1024};
  std::vector<NullableDatum> params;
  std::vector<int16_t> formats;                    // of result columns, already expanded
  std::unique_ptr<exec::Execution> run;
  txn::Snapshot snapshot;
  uint64_t snapshot_handle = 0;
  exec::Batch batch;                               // current batch, position inside
  uint32_t at = 0;
  bool started = false, done = false, failed = false;
  uint64_t rows_sent = 0;
  std::string tag;                                 // of a finished statement
  // Utility statements that return rows (SHOW, EXPLAIN, FETCH) and held or scrollable cursors: rows as text/Datum arrays.
  std::vector<ResultColumn> columns;
  std::vector<std::vector<NullableDatum>> store;
  size_t store_at = 0;
  bool stored = false;                             // rows come from store
  // Cursors
  bool cursor = false, backward_ok = false, scroll = false, hold = false, binary = false, no_scroll = false;
  int64_t position = 0;                            // rows returned so far: 0 before the first; count+1 after the last
  int savepoint_depth = 0;
  int64_t creation_time = 0;
};

}  // namespace postern::session
