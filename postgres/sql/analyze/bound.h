// What analysis makes of a statement: names resolved, types decided, casts explicit. Input of the planner; its expressions go on
// unchanged in shape into plans and are compiled by exec. Everything lives in the statement's arena (trivially destructible); nothing edits a
// Query after analysis except the planner's own copies.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "postgres/access/relation.h"
#include "postgres/types/datum.h"

namespace postern::sql {

struct Query;
struct SortKey;

enum class ExprKind : uint8_t {
  kConst,        // value / null
  kParam,        // number = 1-based external parameter ($n)
  kColumn,       // rel = index into Query::rtable (levels_up queries further out), attno (1-based; <0 system column; 0 whole row)
  kFunc,         // fn (pg_proc oid), args. Operators and cast functions too; oper = pg_operator oid for EXPLAIN and index matching
  kAgg,          // fn, args, filter, order, distinct, star (count(*)); levels_up
  kWindow,       // fn, args, window (index into Query::windows)
  kGrouping,     // GROUPING(args): int4, a bit per argument that the row's grouping set leaves out
  kAnd, kOr, kNot,
  kIsNull, kIsNotNull,
  kIsTrue, kIsNotTrue, kIsFalse, kIsNotFalse, kIsUnknown, kIsNotUnknown,
  kDistinct, kNotDistinct,  // args[0] IS [NOT] DISTINCT FROM args[1]; fn = equality function
  kNullIf,       // fn = equality function, args[2]
  kCase,         // args: [operand?]; whens: pairs in args: cond1, result1, cond2, result2 …, else last (always present, NULL constant if absent). The operand is already merged into conditions
  kCoalesce, kGreatest, kLeast,
  kAnyArray,     // args[0] op ANY(args[1]); fn = operator's function (scalar x element)
  kAllArray,     // op ALL
  kArray,        // ARRAY[...] of args (nested arrays: elem_type is the innermost)
  kSubscript,    // args[0][args[1]] (one element; more args = more dimensions)
  kSlice,        // args[0][args[1]:args[2]] (NULL constant = omitted bound)
  kArrayAssign,  // args[0] with the element (number 0) or slice (number 1) at the subscripts args[1…] replaced by the last argument
  kRow,          // ROW(...)
  kField,        // (args[0]).field number attno of a composite/record
  kRelabel,      // binary-compatible cast: same Datum, other type
  kViaIo,        // output of source type, input of the target type
  kArrayCoerce,  // element-wise cast of args[0] by fn (0: relabel when the element types are binary-compatible, else output and input), with typmod
  kSubquery,     // sub-select: sub_kind, subquery, args (outer test expressions)
  kSetFunc,      // set-returning function call in a select list; fn, args
  kValue,        // current_date & co: number = SqlValue
  kNextval,      // identity default: oid of the sequence in number; int8
  kTest,         // planner/exec internal: input slot `rel` (0 outer/left, 1 inner/right) column attno (0-based), made by the planner's setrefs step
  kCaseTest,     // placeholder inside analysis
};

enum class SubKind : uint8_t {
  kExists, kScalar, kArray /* ARRAY(SELECT) */,
  kAny,   // tests[i] op_i subquery column i, combined with AND; ANY/IN
  kAll,
  kRowCompare,  // (a,b) < (select x,y)
};

enum class SqlValue : uint8_t { kCurrentDate, kCurrentTime, kCurrentTimestamp, kLocalTime, kLocalTimestamp, kCurrentRole, kCurrentUser, kUser, kSessionUser, kCurrentCatalog, kCurrentSchema };

struct Expr {
  ExprKind kind;
  Oid type{0};
  int32_t typmod = -1;
  Oid collation{0};
  int position = 0;                 // 1-based character position in the statement's text, 0 unknown
  std::span<Expr*> args;
  // kConst
  Datum value = 0;
  bool null = false;
  // kColumn / kTest / kField
  int rel = 0;
  int16_t attno = 0;
  int16_t levels_up = 0;
  // kFunc …
  Oid fn{0};
  Oid oper{0};
  Oid elem_type{0};
  bool retset = false, variadic = false /* last argument was given as VARIADIC array */;
  bool explicit_cast = false;       // shown as a cast
  bool distinct = false, star = false;
  Expr* filter = nullptr;
  std::span<SortKey> order;
  int number = 0;                   // kParam number, kWindow index, kValue. For deparsing: kFunc 1 explicit cast, 2 implicit cast, 3 variadic arguments gathered, 4 SQL syntax; kCase 1 simple
  // kSubquery
  SubKind sub_kind = SubKind::kExists;
  Query* subquery = nullptr;
  std::span<Oid> sub_fns;           // kAny/kAll/kRowCompare: function per column (args[i] fn column i); kRowCompare also less/eq pairs as needed
  std::span<std::string_view> names;    // kRow of a whole sub-select: its column names
  std::string_view name;            // function or operator name as written, for messages and EXPLAIN
};

struct SortKey {
  Expr* expr;
  bool desc = false, nulls_first = false;
  Oid lt_op{0};                     // ordering operator chosen (USING), for pg_get_viewdef
};

enum class RteKind : uint8_t { kTable, kSubquery, kFunction, kValues, kCte, kResult };
struct Cte;
struct RangeEntry {
  RteKind kind;
  std::string_view alias;                     // name in this query
  std::span<std::string_view> columns;        // visible column names (dropped columns: "")
  std::span<Oid> types;
  std::span<int32_t> typmods;
  std::span<Oid> collations;
  const RelationDesc* relation = nullptr;     // kTable (kept alive by the statement); views arrive as kSubquery with view_of set
  const RelationDesc* view_of = nullptr;
  Query* subquery = nullptr;
  std::span<Expr*> functions;                 // kFunction: one or more (ROWS FROM)
  std::span<int> function_columns;            // how many columns each function gives
  bool ordinality = false;
  std::span<std::span<Expr*>> values;         // kValues
  Cte* cte = nullptr;
  bool lateral = false;
  bool inherit = true;
};

enum class JoinType : uint8_t { kInner, kLeft, kRight, kFull, kCross, kSemi, kAnti };
// FROM as a tree. JOIN USING columns are resolved by analysis: merged columns are expressions (COALESCE for FULL).
struct FromItem {
  bool is_join = false;
  bool comma = false;                         // a kCross written as a comma
  std::span<std::string_view> using_columns;  // of JOIN USING and NATURAL JOIN, for deparsing
  int rel = 0;                                // leaf: index into rtable
  JoinType join = JoinType::kInner;
  FromItem *left = nullptr, *right = nullptr;
  Expr* on = nullptr;
};

struct Target {
  Expr* expr;
  std::string_view name;
  bool junk = false;                          // only for ORDER BY / GROUP BY, not returned
  Oid origin_table{0};                        // for RowDescription
  int16_t origin_attno = 0;
};

enum class SetOp : uint8_t { kNone, kUnion, kUnionAll, kIntersect, kIntersectAll, kExcept, kExceptAll };
struct SetTree {                              // leaf: query; else op over left, right
  SetOp op = SetOp::kNone;
  Query* query = nullptr;
  SetTree *left = nullptr, *right = nullptr;
};

struct Cte {
  std::string_view name;
  Query* query = nullptr;                     // recursive: a set operation whose right side refers to the CTE itself
  bool recursive = false;
  int8_t materialized = -1;                   // -1 default, 0 NOT MATERIALIZED, 1 MATERIALIZED
  int references = 0;
};

struct WindowDef {
  std::string_view name;                      // of a WINDOW clause, else ""
  std::span<Expr*> partition;
  std::span<SortKey> order;
  uint32_t frame_options = 0;                 // as PostgreSQL's FRAMEOPTION bits
  Expr *start = nullptr, *end = nullptr;
};

struct RowMark { int rel; uint8_t strength /* heap::RowLock */; uint8_t wait /* lock::Wait */; };

enum class Command : uint8_t { kSelect, kInsert, kUpdate, kDelete, kMerge };

struct ConflictClause {
  bool do_update = false;
  std::span<const IndexDesc*> arbiters;       // empty with DO NOTHING: any unique index
  std::span<Target> set;                      // assignments; EXCLUDED is range entry excluded_rel
  std::span<int16_t> set_attnos;
  Expr* where = nullptr;
  int excluded_rel = -1;
};

struct Query {
  Command command = Command::kSelect;
  std::span<RangeEntry*> rtable;
  FromItem* from = nullptr;                   // nullptr: no FROM. Comma items are joined by kCross
  Expr* where = nullptr;
  std::span<Target> targets;                  // SELECT list; RETURNING is separate
  std::span<Expr*> group_by;
  std::span<std::span<int>> grouping_sets;    // indexes into group_by; empty: plain GROUP BY
  bool has_group = false;                     // GROUP BY () or aggregates without GROUP BY still give one row
  Expr* having = nullptr;
  bool has_aggs = false, has_windows = false, has_set_funcs = false, has_subqueries = false;
  bool distinct = false;
  std::span<Expr*> distinct_on;
  std::span<SortKey> order_by;
  Expr *limit = nullptr, *offset = nullptr;   // int8
  bool with_ties = false;
  SetTree* set_tree = nullptr;                // UNION & co: targets then only name the output columns (kColumn of no rel: position attno of the set result)
  std::span<Cte*> ctes;
  std::span<RowMark> row_marks;
  std::span<WindowDef> windows;
  // Data modification: result_rel is the target in rtable.
  int result_rel = -1;
  std::span<int16_t> set_attnos;              // INSERT: column of each target; UPDATE: assigned column of each target
  Query* insert_source = nullptr;             // INSERT: the rows (a SELECT or VALUES query); targets then are expressions over its columns (kColumn rel = source entry). nullptr: one row, the targets themselves
  int source_rel = -1;                        // range entry that stands for insert_source
  bool overriding_user = false, overriding_system = false;
  std::span<Expr*> defaults;                  // INSERT: per table column the expression when not given (nullptr: NULL)
  ConflictClause* on_conflict = nullptr;
  std::span<Target> returning;
  std::span<Expr*> checks;                    // CHECK constraints of the target, over columns of result_rel
  std::span<std::string_view> check_names;
};

}  // namespace postern::sql
