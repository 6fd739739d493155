// The syntax tree of PostgreSQL 15's SQL, independent of libpg_query. Only sql/parse makes it; analysis, ddl and session read it.
//
// Invariants:
//  1. Every node lives in the arena given to sql::parse, is trivially destructible, and is immutable after parsing.
//  2. `position` is the 1-based character position in the whole query string, 0 when unknown.
//  3. Node classes have one tag; as<T>(node) checks it. Strings are views into the arena (never into libpg_query's memory).
//  4. Names are as after the lexer: folded to lower case unless quoted, at most 63 bytes.
//  5. Statements that Postern does not have are kUnsupported with PostgreSQL's name for the statement, so they can be refused by name.
#pragma once
#include <climits>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern::ast {

template <class T>
using List = std::span<T* const>;
using Names = std::span<const std::string_view>;

// ---------------------------------------------------------------- expressions

enum class ExprKind : uint8_t {
  kConst, kColumnRef, kParam, kOp, kBool, kNullTest, kBooleanTest, kFunc, kCast, kCase, kCoalesce, kMinMax, kArray, kRow, kIndirection, kSubLink,
  kSqlValue, kCollate, kDefault, kNamedArg, kGroupingSet, kGroupingFunc, kMultiAssign, kCurrentOf, kUnsupported,
};

struct Expr {
  ExprKind kind;
  int position = 0;
};

struct SelectStmt;
struct TypeName;
struct SortBy;
struct WindowDef;

enum class ConstKind : uint8_t { kNull, kInt, kFloat /* text of a number too large for int4, or with fraction */, kString, kBit /* text "b01" or "x1F" */, kBool };
struct Const : Expr {
  static constexpr ExprKind kKind = ExprKind::kConst;
  ConstKind type = ConstKind::kNull;
  int32_t ival = 0;              // kInt, kBool
  std::string_view text;         // kFloat, kString, kBit
};

// a, a.b, a.b.c, *, a.* : the star is the last name, marked by `star` (and not among fields).
struct ColumnRef : Expr {
  static constexpr ExprKind kKind = ExprKind::kColumnRef;
  Names fields;
  bool star = false;
};

struct Param : Expr { static constexpr ExprKind kKind = ExprKind::kParam; int number = 0; };

enum class OpKind : uint8_t { kOp, kOpAny, kOpAll, kDistinct, kNotDistinct, kNullIf, kIn, kLike, kIlike, kSimilar, kBetween, kNotBetween, kBetweenSym, kNotBetweenSym };
// name: operator, optionally qualified (OPERATOR(schema.+)). kIn: name "=" or "<>", right is the list. kBetween…: list has two. kOpAny/kOpAll: right is the array.
// kLike/kIlike/kSimilar: name "~~", "!~~", "~~*", "!~~*", "~", "!~"; right of kSimilar is a call of similar_to_escape.
struct Op : Expr {
  static constexpr ExprKind kKind = ExprKind::kOp;
  OpKind op = OpKind::kOp;
  Names name;
  Expr *left = nullptr, *right = nullptr;   // left null: prefix operator
  List<Expr> list;
};

enum class BoolOp : uint8_t { kAnd, kOr, kNot };
struct Bool : Expr { static constexpr ExprKind kKind = ExprKind::kBool; BoolOp op = BoolOp::kAnd; List<Expr> args; };

struct NullTest : Expr { static constexpr ExprKind kKind = ExprKind::kNullTest; Expr* arg = nullptr; bool is_not = false; };
enum class BoolTest : uint8_t { kTrue, kNotTrue, kFalse, kNotFalse, kUnknown, kNotUnknown };
struct BooleanTest : Expr { static constexpr ExprKind kKind = ExprKind::kBooleanTest; Expr* arg = nullptr; BoolTest test = BoolTest::kTrue; };

struct Func : Expr {
  static constexpr ExprKind kKind = ExprKind::kFunc;
  Names name;
  List<Expr> args;
  List<SortBy> order;            // aggregate ORDER BY, or WITHIN GROUP
  Expr* filter = nullptr;
  WindowDef* over = nullptr;
  bool star = false, distinct = false, variadic = false, within_group = false;
  bool sql_syntax = false;       // EXTRACT(… FROM …), SUBSTRING(… FROM …) and the like
};

struct Cast : Expr { static constexpr ExprKind kKind = ExprKind::kCast; Expr* arg = nullptr; TypeName* type = nullptr; };

struct CaseWhen { Expr* cond; Expr* result; int position; };
struct Case : Expr {
  static constexpr ExprKind kKind = ExprKind::kCase;
  Expr* operand = nullptr;
  List<CaseWhen> whens;
  Expr* otherwise = nullptr;
};
struct Coalesce : Expr { static constexpr ExprKind kKind = ExprKind::kCoalesce; List<Expr> args; };
struct MinMax : Expr { static constexpr ExprKind kKind = ExprKind::kMinMax; bool greatest = false; List<Expr> args; };
struct Array : Expr { static constexpr ExprKind kKind = ExprKind::kArray; List<Expr> elements; };
struct Row : Expr { static constexpr ExprKind kKind = ExprKind::kRow; List<Expr> args; bool explicit_row = false; };

// One step after an expression: .field, .*, [i], [l:u].
struct Indirection { std::string_view field; bool star = false, slice = false; Expr *lower = nullptr, *upper = nullptr; };
struct IndirectionExpr : Expr { static constexpr ExprKind kKind = ExprKind::kIndirection; Expr* arg = nullptr; List<Indirection> steps; };

enum class SubLinkKind : uint8_t { kExists, kAll, kAny /* also IN: op_name empty */, kScalar, kArray };
struct SubLink : Expr {
  static constexpr ExprKind kKind = ExprKind::kSubLink;
  SubLinkKind sub = SubLinkKind::kScalar;
  Expr* test = nullptr;
  Names op_name;
  struct Stmt* select = nullptr;
};

enum class SqlValueOp : uint8_t { kCurrentDate, kCurrentTime, kCurrentTimestamp, kLocalTime, kLocalTimestamp, kCurrentRole, kCurrentUser, kUser, kSessionUser, kCurrentCatalog, kCurrentSchema };
struct SqlValue : Expr { static constexpr ExprKind kKind = ExprKind::kSqlValue; SqlValueOp op = SqlValueOp::kCurrentDate; int32_t typmod = -1; };

struct Collate : Expr { static constexpr ExprKind kKind = ExprKind::kCollate; Expr* arg = nullptr; Names collation; };
struct Default : Expr { static constexpr ExprKind kKind = ExprKind::kDefault; };
struct NamedArg : Expr { static constexpr ExprKind kKind = ExprKind::kNamedArg; std::string_view name; Expr* arg = nullptr; };
enum class GroupingSetKind : uint8_t { kEmpty, kSimple, kRollup, kCube, kSets };
struct GroupingSet : Expr { static constexpr ExprKind kKind = ExprKind::kGroupingSet; GroupingSetKind set = GroupingSetKind::kEmpty; List<Expr> content; };
struct GroupingFunc : Expr { static constexpr ExprKind kKind = ExprKind::kGroupingFunc; List<Expr> args; };
// UPDATE SET (a, b) = source: column `column` (1-based) of `columns`; the targets of one assignment share `source`.
struct MultiAssign : Expr { static constexpr ExprKind kKind = ExprKind::kMultiAssign; Expr* source = nullptr; int column = 0, columns = 0; };
struct CurrentOf : Expr { static constexpr ExprKind kKind = ExprKind::kCurrentOf; std::string_view cursor; };
struct UnsupportedExpr : Expr { static constexpr ExprKind kKind = ExprKind::kUnsupported; std::string_view name; };

// A type as written. names: optionally qualified; SQL names are already PostgreSQL's ("pg_catalog","int4").
struct TypeName {
  Names names;
  List<Expr> typmods;
  std::span<const int32_t> array_bounds;    // one per [], -1 without size
  bool setof = false, pct_type = false;
  int position = 0;
};

enum class SortDirection : uint8_t { kDefault, kAsc, kDesc, kUsing };
enum class NullsOrder : uint8_t { kDefault, kFirst, kLast };
struct SortBy { Expr* expr = nullptr; SortDirection direction = SortDirection::kDefault; NullsOrder nulls = NullsOrder::kDefault; Names using_op; int position = 0; };

struct WindowDef {
  std::string_view name, ref_name;
  List<Expr> partition;
  List<SortBy> order;
  uint32_t frame_options = 0;    // FRAMEOPTION bits of PostgreSQL
  Expr *start = nullptr, *end = nullptr;
  int position = 0;
};

// ---------------------------------------------------------------- FROM

struct Alias { std::string_view name; Names columns; };

enum class FromKind : uint8_t { kTable, kSubselect, kFunction, kJoin, kUnsupported };
struct FromNode { FromKind kind; int position = 0; };

struct RangeVar : FromNode {
  static constexpr FromKind kKind = FromKind::kTable;
  std::string_view catalog, schema, name;
  Alias* alias = nullptr;
  bool inherit = true;           // false: ONLY
  char persistence = 'p';        // p, t, u (CREATE)
};
struct RangeSubselect : FromNode { static constexpr FromKind kKind = FromKind::kSubselect; struct Stmt* select = nullptr; Alias* alias = nullptr; bool lateral = false; };
struct ColumnDef;
struct RangeFunctionItem { Expr* call = nullptr; List<ColumnDef> columns; };
struct RangeFunction : FromNode {
  static constexpr FromKind kKind = FromKind::kFunction;
  List<RangeFunctionItem> functions;
  List<ColumnDef> columns;       // AS (a int, b text), single function only
  Alias* alias = nullptr;
  bool lateral = false, ordinality = false, rows_from = false;
};
enum class JoinKind : uint8_t { kInner, kLeft, kRight, kFull };
struct JoinExpr : FromNode {
  static constexpr FromKind kKind = FromKind::kJoin;
  JoinKind join = JoinKind::kInner;
  bool natural = false;
  FromNode *left = nullptr, *right = nullptr;
  Names using_columns;
  Alias* using_alias = nullptr;
  Expr* on = nullptr;            // none of natural, using, on: CROSS JOIN
  Alias* alias = nullptr;
};
struct UnsupportedFrom : FromNode { static constexpr FromKind kKind = FromKind::kUnsupported; std::string_view name; };

// ---------------------------------------------------------------- statements

enum class StmtKind : uint8_t {
  kSelect, kInsert, kUpdate, kDelete,
  kCreateTable, kCreateTableAs, kCreateIndex, kCreateSequence, kAlterSequence, kCreateView, kCreateSchema, kCreateDatabase, kDropDatabase, kAlterDatabase,
  kAlterDatabaseSet, kCreateRole, kAlterRole, kAlterRoleSet, kDropRole, kGrantRole, kGrant, kAlterTable, kDrop, kTruncate, kRename, kAlterSchema, kAlterOwner,
  kComment, kRefreshView, kReindex, kCluster, kVacuum, kLock, kCheckpoint,
  kCopy, kTransaction, kSet, kShow, kAlterSystem, kPrepare, kExecute, kDeallocate, kExplain, kDeclareCursor, kFetch, kClose, kDiscard,
  kListen, kUnlisten, kNotify, kSetConstraints, kUnsupported,
};

struct Stmt {
  StmtKind kind;
  int position = 0;
};

// "SELECT"-like command name of a statement for messages: not always the command tag.
std::string_view stmt_name(const Stmt& s);

enum class ObjectKind : uint8_t {
  kTable, kColumn, kIndex, kSequence, kView, kMatView, kSchema, kDatabase, kRole, kConstraint, kType, kDomain, kFunction, kProcedure, kRoutine, kAggregate, kOperator, kTrigger, kRule,
  kExtension, kTablespace, kLanguage, kCollation, kCast, kForeignTable, kAttribute, kOther,
};
std::string_view object_kind_name(ObjectKind k);   // "TABLE"

enum class RoleKind : uint8_t { kName, kCurrentRole, kCurrentUser, kSessionUser, kPublic };
struct RoleSpec { RoleKind kind = RoleKind::kName; std::string_view name; int position = 0; };

// One option: WITH (name = value), COPY/EXPLAIN/VACUUM options, sequence options, role attributes.
enum class DefKind : uint8_t { kNone, kString, kInt, kFloat, kBool, kTypeName, kNames /* list of names */, kStar, kRoles, kOptions /* nested list */ };
enum class DefAction : uint8_t { kUnspecified, kSet, kAdd, kDrop };
struct DefElem {
  std::string_view name_space, name;
  DefKind kind = DefKind::kNone;
  std::string_view text;         // kString, kFloat, and the text of kInt/kBool too
  int64_t ival = 0;              // kInt, kBool
  TypeName* type = nullptr;
  Names names;                   // kNames; kTypeName: its names
  List<RoleSpec> roles;
  List<DefElem> options;
  DefAction action = DefAction::kUnspecified;
  int position = 0;
};

struct ResTarget {
  std::string_view name;         // AS name; or the column in INSERT (…) and SET
  List<Indirection> indirection; // SET a.b / a[1], INSERT (a[1])
  Expr* expr = nullptr;
  int position = 0;
};

enum class Materialize : int8_t { kDefault = -1, kNever = 0, kAlways = 1 };
struct CteDef { std::string_view name; Names columns; Materialize materialize = Materialize::kDefault; Stmt* query = nullptr; bool search_or_cycle = false; int position = 0; };
struct WithClause { List<CteDef> ctes; bool recursive = false; int position = 0; };

struct IntoClause {              // SELECT INTO, CREATE TABLE AS
  RangeVar* relation = nullptr;
  Names columns;
  std::string_view access_method, tablespace;
  List<DefElem> options;
  char on_commit = 'n';          // n none, p preserve, d delete rows, x drop
  bool skip_data = false;
};

enum class LockStrength : uint8_t { kKeyShare, kShare, kNoKeyUpdate, kUpdate };
enum class LockWait : uint8_t { kBlock, kNoWait, kSkipLocked };
struct LockingClause { List<RangeVar> relations; LockStrength strength = LockStrength::kUpdate; LockWait wait = LockWait::kBlock; };

enum class SetOp : uint8_t { kNone, kUnion, kIntersect, kExcept };

struct SelectStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kSelect;
  bool distinct = false;
  List<Expr> distinct_on;
  IntoClause* into = nullptr;
  List<ResTarget> targets;
  List<FromNode> from;
  Expr* where = nullptr;
  List<Expr> group_by;
  bool group_distinct = false;
  Expr* having = nullptr;
  List<WindowDef> windows;
  std::span<const List<Expr>> values;       // VALUES: rows (targets is then empty)
  List<SortBy> order_by;
  Expr *offset = nullptr, *limit = nullptr;
  bool with_ties = false;
  List<LockingClause> locking;
  WithClause* with = nullptr;
  SetOp op = SetOp::kNone;
  bool all = false;
  SelectStmt *left = nullptr, *right = nullptr;
};

struct IndexElem {
  std::string_view name;         // column, or
  Expr* expr = nullptr;
  std::string_view column_name;  // of the index column (CREATE TABLE LIKE), usually empty
  Names collation, opclass;
  List<DefElem> opclass_options;
  SortDirection direction = SortDirection::kDefault;
  NullsOrder nulls = NullsOrder::kDefault;
};

struct OnConflict {
  bool do_update = false;
  List<IndexElem> infer;                    // (columns), with infer_where
  Expr* infer_where = nullptr;
  std::string_view constraint;              // ON CONSTRAINT
  bool has_infer = false;
  List<ResTarget> set;
  Expr* where = nullptr;
  int position = 0, infer_position = 0;
};

enum class Overriding : uint8_t { kNone, kUser, kSystem };
struct InsertStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kInsert;
  RangeVar* relation = nullptr;
  List<ResTarget> columns;
  Stmt* source = nullptr;                   // null: DEFAULT VALUES
  OnConflict* on_conflict = nullptr;
  List<ResTarget> returning;
  WithClause* with = nullptr;
  Overriding overriding = Overriding::kNone;
};
struct UpdateStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kUpdate;
  RangeVar* relation = nullptr;
  List<ResTarget> set;
  List<FromNode> from;
  Expr* where = nullptr;
  List<ResTarget> returning;
  WithClause* with = nullptr;
};
struct DeleteStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kDelete;
  RangeVar* relation = nullptr;
  List<FromNode> from;
  Expr* where = nullptr;
  List<ResTarget> returning;
  WithClause* with = nullptr;
};

// ---------------------------------------------------------------- tables and indexes

enum class ConstraintKind : uint8_t {
  kNull, kNotNull, kDefault, kIdentity, kGenerated, kCheck, kPrimary, kUnique, kExclusion, kForeign, kDeferrable, kNotDeferrable, kDeferred, kImmediate
};
struct Constraint {
  ConstraintKind kind;
  std::string_view name;                    // "" unnamed
  Expr* expr = nullptr;                     // kDefault, kCheck, kGenerated
  char generated_when = 0;                  // kIdentity: 'a' always, 'd' by default; kGenerated 'a'
  List<DefElem> options;                    // kIdentity: sequence options; kPrimary/kUnique: WITH (…)
  Names keys, including;                    // kPrimary, kUnique
  bool nulls_not_distinct = false;
  std::string_view index_name, tablespace;  // USING INDEX
  bool deferrable = false, initially_deferred = false, skip_validation = false, initially_valid = true, no_inherit = false;
  RangeVar* references = nullptr;           // kForeign
  Names foreign_columns, referenced_columns;
  char match = 's', on_update = 'a', on_delete = 'a';
  int position = 0;
};
struct ColumnDef {
  std::string_view name;
  TypeName* type = nullptr;
  List<Constraint> constraints;             // in order as written
  Names collation;
  std::string_view compression, storage;
  List<DefElem> fdw_options;
  int position = 0;
};

enum class ElementKind : uint8_t { kColumn, kConstraint, kLike };
struct TableElement {                       // of CREATE TABLE
  ElementKind kind;
  ColumnDef* column = nullptr;
  Constraint* constraint = nullptr;
  RangeVar* like = nullptr;
  uint32_t like_options = 0;                // CREATE_TABLE_LIKE_ bits: 1 comments 2 compression 4 constraints 8 defaults 16 generated 32 identity 64 indexes 128 statistics 256 storage
};
struct CreateTableStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCreateTable;
  RangeVar* relation = nullptr;
  List<TableElement> elements;
  List<RangeVar> inherits;
  List<DefElem> options;                    // WITH (…)
  char on_commit = 'n';                     // n, p preserve, d delete rows, x drop
  std::string_view tablespace, access_method;
  bool if_not_exists = false;
  bool partitioned = false, partition_of = false, of_type = false;   // refused
};
struct CreateTableAsStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCreateTableAs;
  Stmt* query = nullptr;                    // SELECT or EXECUTE
  IntoClause* into = nullptr;
  ObjectKind object = ObjectKind::kTable;   // kTable or kMatView
  bool if_not_exists = false, select_into = false;
};
struct CreateIndexStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCreateIndex;
  std::string_view name;                    // "" choose one
  RangeVar* relation = nullptr;
  std::string_view access_method;           // "btree"
  List<IndexElem> keys, including;
  List<DefElem> options;
  std::string_view tablespace;
  Expr* where = nullptr;
  bool unique = false, concurrently = false, if_not_exists = false, nulls_not_distinct = false;
};
struct CreateSequenceStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kCreateSequence; RangeVar* sequence = nullptr; List<DefElem> options; bool if_not_exists = false; };
struct AlterSequenceStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterSequence; RangeVar* sequence = nullptr; List<DefElem> options; bool missing_ok = false; };
struct CreateViewStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCreateView;
  RangeVar* view = nullptr;
  Names aliases;
  Stmt* query = nullptr;
  bool replace = false;
  List<DefElem> options;
  char check_option = 0;                    // 'l' local, 'c' cascaded
};
struct RefreshViewStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kRefreshView; RangeVar* relation = nullptr; bool concurrently = false, skip_data = false; };

enum class AlterTableKind : uint8_t {
  kAddColumn, kDropColumn, kColumnDefault /* expr null: DROP DEFAULT */, kDropNotNull, kSetNotNull, kAlterColumnType, kSetStatistics, kSetStorage, kSetCompression, kSetColumnOptions, kResetColumnOptions,
  kAddIdentity, kSetIdentity, kDropIdentity, kDropExpression,
  kAddConstraint, kDropConstraint, kValidateConstraint, kAlterConstraint,
  kSetOptions, kResetOptions, kChangeOwner, kSetTablespace, kClusterOn, kDropCluster, kSetLogged, kSetUnlogged, kReplicaIdentity,
  kEnableTrigger, kDisableTrigger, kEnableRowSecurity, kDisableRowSecurity, kForceRowSecurity, kNoForceRowSecurity, kAddInherit, kDropInherit, kAttachPartition, kDetachPartition, kOther,
};
struct AlterTableCmd {
  AlterTableKind kind;
  std::string_view name;                    // column, constraint, trigger, index …
  int16_t number = 0;                       // column number (ALTER INDEX … ALTER COLUMN 1)
  RoleSpec* new_owner = nullptr;
  ColumnDef* column = nullptr;              // kAddColumn; kAlterColumnType: its type and collation
  Expr* expr = nullptr;                     // kColumnDefault; kAlterColumnType: USING
  Constraint* constraint = nullptr;         // kAddConstraint, kAlterConstraint, kAddIdentity
  List<DefElem> options;                    // kSetOptions, kResetOptions, kSetColumnOptions, kSetIdentity
  std::string_view text;                    // kSetStorage, kSetCompression
  int32_t value = 0;                        // kSetStatistics
  bool cascade = false, missing_ok = false;
  std::string_view raw_name;                // kOther: PostgreSQL's AT_ name
};
struct AlterTableStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kAlterTable;
  RangeVar* relation = nullptr;
  List<AlterTableCmd> commands;
  ObjectKind object = ObjectKind::kTable;   // kTable, kIndex, kView, kSequence, kMatView, kForeignTable, kType
  bool missing_ok = false;
};

// DROP TABLE/VIEW/INDEX/SEQUENCE/SCHEMA/TYPE/…: each object is a qualified name.
struct DropStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kDrop;
  ObjectKind object = ObjectKind::kTable;
  std::span<const Names> objects;
  bool missing_ok = false, cascade = false, concurrently = false;
};
struct TruncateStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kTruncate; List<RangeVar> relations; bool restart_identity = false, cascade = false; };
struct RenameStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kRename;
  ObjectKind object = ObjectKind::kTable;   // kColumn, kConstraint: of `relation`
  ObjectKind relation_kind = ObjectKind::kTable;
  RangeVar* relation = nullptr;
  Names name;                               // objects that are no relations
  std::string_view sub_name, new_name;      // sub_name: column, constraint; also the schema, database or role to rename
  bool missing_ok = false;
};
struct AlterSchemaStmt : Stmt {             // … SET SCHEMA
  static constexpr StmtKind kKind = StmtKind::kAlterSchema;
  ObjectKind object = ObjectKind::kTable;
  RangeVar* relation = nullptr;
  Names name;
  std::string_view new_schema;
  bool missing_ok = false;
};
struct AlterOwnerStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterOwner; ObjectKind object = ObjectKind::kSchema; Names name; RoleSpec* owner = nullptr; };

struct CreateSchemaStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCreateSchema;
  std::string_view name;                    // "" with AUTHORIZATION: the role's name
  RoleSpec* owner = nullptr;
  List<Stmt> elements;
  bool if_not_exists = false;
};
struct CreateDatabaseStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kCreateDatabase; std::string_view name; List<DefElem> options; };
struct DropDatabaseStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kDropDatabase; std::string_view name; bool missing_ok = false; List<DefElem> options; };
struct AlterDatabaseStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterDatabase; std::string_view name; List<DefElem> options; };
struct CreateRoleStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kCreateRole; char type = 'r' /* r role, u user, g group */; std::string_view name; List<DefElem> options; };
struct AlterRoleStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterRole; RoleSpec* role = nullptr; List<DefElem> options; int action = 1 /* +1 add, -1 drop members */; };
struct DropRoleStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kDropRole; List<RoleSpec> roles; bool missing_ok = false; };
struct GrantRoleStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kGrantRole;
  Names granted;
  List<RoleSpec> grantees;
  bool grant = true, admin = false, cascade = false;
  RoleSpec* grantor = nullptr;
};
struct AccessPriv { std::string_view name /* "" = ALL */; Names columns; };
struct GrantStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kGrant;
  bool grant = true, all_in_schema = false, default_privileges = false, with_grant_option = false, cascade = false;
  ObjectKind object = ObjectKind::kTable;
  List<RangeVar> relations;                 // tables, sequences
  std::span<const Names> objects;           // others, and schemas of ALL … IN SCHEMA
  List<AccessPriv> privileges;              // empty: ALL
  List<RoleSpec> grantees;
};
struct CommentStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kComment;
  ObjectKind object = ObjectKind::kTable;
  Names name;                               // kColumn: table names then the column; kConstraint: table names then the constraint
  List<TypeName> arg_types;                 // functions
  std::string_view comment;
  bool null_comment = false;                // IS NULL
};
enum class ReindexKind : uint8_t { kIndex, kTable, kSchema, kSystem, kDatabase };
struct ReindexStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kReindex; ReindexKind what = ReindexKind::kIndex; RangeVar* relation = nullptr; std::string_view name; List<DefElem> options; };
struct ClusterStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kCluster; RangeVar* relation = nullptr; std::string_view index; List<DefElem> options; };
struct VacuumRelation { RangeVar* relation = nullptr; Names columns; };
struct VacuumStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kVacuum; bool vacuum = true /* false: ANALYZE */; List<DefElem> options; List<VacuumRelation> relations; };
struct LockStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kLock; List<RangeVar> relations; uint8_t mode = 8 /* lock::Mode */; bool nowait = false; };
struct CheckpointStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kCheckpoint; };

// ---------------------------------------------------------------- session

struct CopyStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kCopy;
  RangeVar* relation = nullptr;
  Stmt* query = nullptr;
  Names columns;
  bool from = false, program = false;
  std::string_view filename;                // "" STDIN/STDOUT
  bool has_filename = false;
  List<DefElem> options;
  Expr* where = nullptr;
};
enum class TransactionKind : uint8_t { kBegin, kStart, kCommit, kRollback, kSavepoint, kRelease, kRollbackTo, kPrepare, kCommitPrepared, kRollbackPrepared };
struct TransactionStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kTransaction;
  TransactionKind what = TransactionKind::kBegin;
  List<DefElem> options;                    // transaction_isolation (string), transaction_read_only (int), transaction_deferrable (int)
  std::string_view savepoint, gid;
  bool chain = false;
};
enum class SetKind : uint8_t { kValue, kDefault, kCurrent, kMulti /* SET TRANSACTION, SET SESSION CHARACTERISTICS */, kReset, kResetAll };
struct SetStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kSet;
  SetKind what = SetKind::kValue;
  std::string_view name;                    // kMulti: "TRANSACTION", "SESSION CHARACTERISTICS", "TRANSACTION SNAPSHOT"
  List<Expr> args;                          // constants; a Cast of a constant for SET TIME ZONE INTERVAL
  List<DefElem> options;                    // kMulti
  bool local = false;
};
struct AlterRoleSetStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterRoleSet; RoleSpec* role = nullptr; std::string_view database; SetStmt* set = nullptr; };
struct AlterDatabaseSetStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterDatabaseSet; std::string_view name; SetStmt* set = nullptr; };
struct AlterSystemStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kAlterSystem; SetStmt* set = nullptr; };
struct ShowStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kShow; std::string_view name; /* "all" for SHOW ALL */ };
struct PrepareStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kPrepare; std::string_view name; List<TypeName> arg_types; Stmt* query = nullptr; };
struct ExecuteStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kExecute; std::string_view name; List<Expr> params; };
struct DeallocateStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kDeallocate; std::string_view name; /* "" ALL */ };
struct ExplainStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kExplain; Stmt* query = nullptr; List<DefElem> options; };
struct DeclareCursorStmt : Stmt {
  static constexpr StmtKind kKind = StmtKind::kDeclareCursor;
  std::string_view name;
  bool binary = false, scroll = false, no_scroll = false, insensitive = false, asensitive = false, hold = false;
  Stmt* query = nullptr;
};
enum class FetchDirection : uint8_t { kForward, kBackward, kAbsolute, kRelative };
constexpr int64_t kFetchAll = INT64_MAX;
struct FetchStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kFetch; FetchDirection direction = FetchDirection::kForward; int64_t count = 1; std::string_view cursor; bool move = false; };
struct CloseStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kClose; std::string_view name; /* "" ALL */ };
enum class DiscardKind : uint8_t { kAll, kPlans, kSequences, kTemp };
struct DiscardStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kDiscard; DiscardKind what = DiscardKind::kAll; };
struct ListenStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kListen; std::string_view channel; };
struct UnlistenStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kUnlisten; std::string_view channel; /* "" all */ };
struct NotifyStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kNotify; std::string_view channel, payload; };
struct SetConstraintsStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kSetConstraints; List<RangeVar> constraints; bool deferred = false; };
struct UnsupportedStmt : Stmt { static constexpr StmtKind kKind = StmtKind::kUnsupported; std::string_view name; /* "CREATE FUNCTION" */ };

// ---------------------------------------------------------------- access

// as<SelectStmt>(stmt): null when it is another kind.
template <class T, class Base>
const T* as(const Base* n) { return n && n->kind == T::kKind ? static_cast<const T*>(n) : nullptr; }
// to<SelectStmt>(stmt): the kind is known.
template <class T, class Base>
const T& to(const Base& n) { return static_cast<const T&>(n); }

}  // namespace postern::ast
