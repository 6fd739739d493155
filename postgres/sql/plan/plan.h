// Plans: immutable trees that exec turns into running state. A plan may be cached and executed many times (prepared statements), with other
// parameters, also by portals at the same time: nothing in it changes after planning. Lives in the plan's own arena.
//
// Expressions in plans are sql::Expr whose column references were replaced by kTest: rel 0 = the (left) child's output, 1 = the right child's output, attno = 0-based
// output column; scans see their own base columns as rel 0 with attno = position in Scan::columns. References to an outer query's columns have become exec parameters
// (kParam with number < 0: slot -number-1 of the execution's parameter array, set by kSubPlan or kNestLoop before they (re)start the inner side).
#pragma once
#include "postgres/access/btree.h"
#include "postgres/sql/analyze/bound.h"

namespace postern::sql {

enum class PlanKind : uint8_t {
  kResult,          // no input: one row of expressions, or none if the one-time filter fails; with a child: one-time filter over it
  kProject,         // targets over the child
  kFilter,
  kSeqScan, kIndexScan, kIndexOnlyScan, kTidScan,
  kBitmapHeapScan /* left: */, kBitmapIndexScan, kBitmapOr /* of the children */,
  kFunctionScan, kValuesScan, kSubqueryScan, kCteScan, kWorkTableScan,
  kNestLoop, kHashJoin, kMergeJoin,
  kHashAgg, kSortAgg /* input sorted by the keys, or no keys */,
  kSort, kLimit, kUnique, kDistinctHash, kSetOp /* hashed INTERSECT/EXCEPT */, kAppend, kRecursiveUnion,
  kProjectSet,      // set-returning functions in the select list
  kMaterialize, kWindowAgg, kLockRows,
  kModify,          // INSERT/UPDATE/DELETE
};

struct AggCall {
  Oid fn;
  std::span<Expr*> args;
  Expr* filter = nullptr;
  bool distinct = false;
  std::span<SortKey> order;
  Oid result_type{0};
  Oid collation{0};
};

struct IndexCond {                 // key column `column` <strategy> value; value has no reference to the scanned relation
  int16_t column;
  btree::Strategy strategy;
  Expr* value = nullptr;
  int8_t null_test = 0;            // 1 IS NULL, 2 IS NOT NULL
  bool any_array = false;          // column = ANY(value): one scan per element, sorted and deduplicated
};

struct Plan;

// A sub-select in an expression: Expr kind kSubquery refers to it by number = index into PlannedStmt::subplans.
struct SubPlan {
  Plan* plan = nullptr;
  SubKind kind;
  std::span<Expr*> params;         // outer expressions evaluated per row into …
  std::span<int> param_slots;      // … these exec parameter slots (empty: uncorrelated, run once)
  bool hashed = false;             // uncorrelated IN: build a hash table once
  // Exec parameter slots set by enclosing levels that it (or anything in it) reads, besides param_slots. A cached result of an uncorrelated
  // subplan is valid only while none of these slots has been set again.
  std::span<int> outer_slots;
};

struct Plan {
  PlanKind kind;
  Plan *left = nullptr, *right = nullptr;
  std::span<Plan*> children;       // kAppend
  // Output: one expression per column (over the children's outputs). Empty for nodes that pass their child's columns through (Sort, Limit, Filter, Unique …).
  std::span<Expr*> targets;
  std::span<Oid> types;            // output column types, always set
  std::span<std::string_view> names;
  Expr* filter = nullptr;          // rows must pass (joins: after the join)
  double rows = 1, startup_cost = 0, total_cost = 0;
  int width = 0;
  // Scans: columns (1-based attnos, negative = system) read from the relation; filter/targets see them as rel 0, attno = position.
  const RelationDesc* relation = nullptr;
  std::span<int16_t> columns;
  std::string_view alias;
  const IndexDesc* index = nullptr;
  std::span<IndexCond> index_conds;
  bool backward = false;
  Expr* recheck = nullptr;         // original index condition (EvalPlanQual, EXPLAIN)
  Expr* tid = nullptr;             // kTidScan
  // Functions, values, CTEs
  std::span<Expr*> functions;
  std::span<int> function_columns;
  bool ordinality = false;
  std::span<std::span<Expr*>> values;
  int cte = -1;                    // index into PlannedStmt::ctes
  // Joins
  JoinType join = JoinType::kInner;
  std::span<Expr*> left_keys, right_keys;   // hash, merge: equal pairs
  std::span<Oid> key_eq_fns;
  std::span<SortKey> merge_keys;            // direction of merge
  Expr* join_filter = nullptr;              // other ON conditions
  std::span<Expr*> nest_params;             // kNestLoop: left expressions …
  std::span<int> nest_slots;                // … passed to the right side
  // Aggregation, sorting, distinct
  std::span<Expr*> group_keys;
  std::span<std::span<int>> grouping_sets;  // kHashAgg: positions in group_keys; each row counts once in each
  std::span<std::span<int32_t>> groupings;  // per GROUPING(): its value in each grouping set; empty: 0
  std::span<AggCall> aggs;         // output of the agg node: group keys, then aggregates, then groupings (then targets/filter over those as rel 0)
  std::span<SortKey> sort_keys;    // kSort, kUnique (keys compared), kWindowAgg order
  Expr *limit = nullptr, *offset = nullptr;
  bool with_ties = false;
  double bound = -1;               // kSort under kLimit with constant limit: top-N
  SetOp set_op = SetOp::kNone;
  std::span<WindowDef> windows;
  std::span<RowMark> row_marks;    // kLockRows: the row of row_mark_rels[i] has its tid in child column row_mark_cols[i] (NULL: null-extended)
  std::span<const RelationDesc*> row_mark_rels;
  std::span<int> row_mark_cols;
  // kModify: the child gives, for INSERT: all table columns in order; UPDATE: [ctid, new values of all table columns…]; DELETE: [ctid]
  // followed by further columns that RETURNING needs.
  Command command = Command::kSelect;
  const Query* modify = nullptr;   // checks, on_conflict, returning as bound; RETURNING targets over (rel 0 = new/old row by attno - 1, rel 1 = the child's output row, attno = its absolute column index)
  std::span<Expr*> returning;
  std::span<Oid> returning_types;
  Expr** conflict_set = nullptr;   // per table column: expression over rel 0 = existing row, rel 1 = EXCLUDED; nullptr = unchanged
  Expr* conflict_where = nullptr;
  std::span<Expr*> checks;         // over rel 0 = new row
  std::span<std::string_view> check_names;
  bool changes_indexed_column = true;       // UPDATE: hint
};

struct PlannedStmt {
  Command command = Command::kSelect;
  Plan* root = nullptr;
  std::span<SubPlan*> subplans;
  std::span<Plan*> ctes;           // materialised on first use
  std::span<bool> cte_modifies;
  std::span<std::span<int>> cte_outer_slots;   // as SubPlan::outer_slots, per CTE
  int n_exec_params = 0;           // size of the exec parameter array
  std::span<std::string_view> column_names;    // of the result (also of RETURNING)
  std::span<Oid> column_types;
  std::span<int32_t> column_typmods;
  std::span<Oid> origin_tables;
  std::span<int16_t> origin_attnos;
  std::span<Oid> param_types;      // $1…
  std::span<Oid> relations;        // every table it depends on (lock, invalidate)
  bool read_only = true;           // no data modification, no nextval/volatile writes known
};

}  // namespace postern::sql
