// Runs plans: batches of up to kBatchRows rows as column vectors, pulled from the root by the session (a portal can stop after any
// row and go on later, which is why it is pull and not push), each node pulling from its children. Memory of a batch belongs to the node that made it until its next call.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "postgres/sql/plan/plan.h"
#include "postgres/txn/txn.h"
#include "postgres/types/fn.h"

namespace postern::exec {

struct Batch {
  Vector* columns = nullptr;
  int ncols = 0;
  Rows rows;                       // which rows count
};

struct ExecSettings {
  size_t work_mem_bytes = 4 << 20;
  bool instrument = false;         // EXPLAIN ANALYZE: row counts, loops, timing
  bool timing = true;
};

// A running statement. Create, pull until 0 rows, then finish() (runs data-modifying parts to completion) and destroy. Errors throw; then just destroy.
class Execution {
 public:
  Execution(const sql::PlannedStmt& stmt, std::span<const NullableDatum> params, const txn::Snapshot& snapshot, SessionServices* services, const ExecSettings& settings);
  ~Execution();
  // Next batch of result rows (SELECT or RETURNING); rows.count == 0 at the end. For statements that return nothing the first call does all the work.
  Batch next();
  uint64_t affected_rows() const;  // INSERT/UPDATE/DELETE count
  // EXPLAIN ANALYZE needs the counters afterwards.
  struct Impl;
  Impl* impl() { return impl_.get(); }
 private:
  std::unique_ptr<Impl> impl_;
};

// Names of the window functions (row_number …), for main to join with the other function tables; they run inside WindowAgg.
extern const FnTables kWindowFunctions;

// Stand-alone expression evaluation over a row or batch (defaults, checks, index expressions, EXECUTE arguments, constant expressions of ddl).
class CompiledExpr {
 public:
  // Columns are kColumn of rel 0 (attno) or kTest. The Expr must outlive it.
  CompiledExpr(const sql::Expr& e, SessionServices* services);
  ~CompiledExpr();
  NullableDatum eval_row(const Datum* values, const uint8_t* nulls, Arena& arena);   // values[attno - 1]
  NullableDatum eval_const(Arena& arena);
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Index maintenance shared by INSERT, UPDATE, COPY and ALTER TABLE rewrites: computes keys (incl. expressions, partial predicates) and inserts into every index of the table.
class IndexInserter {
 public:
  IndexInserter(const RelationDesc& table, SessionServices* services);
  ~IndexInserter();
  void insert(const Datum* values, const uint8_t* nulls, Tid tid);
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
// CREATE INDEX's work: scan the table, sort, build. 23505 on duplicates.
void build_index(const RelationDesc& table, const IndexDesc& index, SessionServices* services, size_t maintenance_work_mem_bytes);

// Bulk insertion (COPY FROM, CREATE TABLE AS): defaults are the caller's; checks NOT NULL (23502), CHECK constraints (23514), fills pages with heap::multi_insert, maintains indexes.
class BulkInserter {
 public:
  BulkInserter(const RelationDesc& table, SessionServices* services, bool check_keys = true);   // false: rows that were in the table before
  ~BulkInserter();
  void add(const Datum* values, const uint8_t* nulls);   // copies the row
  void finish();
  uint64_t count() const;
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// EXPLAIN output in the formats text, json (yaml/xml: 0A000). With an Execution: ANALYZE numbers. Lines without trailing newline.
struct ExplainOptions { bool analyze = false, verbose = false, costs = true, buffers = false, timing = true, summary = false, settings = false, wal = false; enum Format { kText, kJson } format = kText; };
std::vector<std::string> explain(const sql::PlannedStmt& stmt, Execution* run, const ExplainOptions& options, double planning_ms, double execution_ms);

}  // namespace postern::exec
