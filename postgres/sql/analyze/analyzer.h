// The analyser's working state. Private to sql/analyze: one Analyzer per statement; one State per query level.
//
// Invariants:
//  1. A kColumn made at level L that refers to level M has levels_up = L - M; expressions copied inward are shifted (copy_expr).
//  2. Nothing made here points into libpg_query, the AST's strings excepted (same arena or one that lives as long as the Query).
//  3. Sub-queries are complete when the level around them goes on.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/memory/arena.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/types/facts/facts.h"

namespace postern::sql {

struct CteInfo;

// Growable array in an arena; old copies are left behind.
template <class T>
class Vec {
 public:
  void push(Arena& a, T v) {
    if (size_ == cap_) {
      uint32_t cap = cap_ ? cap_ * 2 : 4;
      T* d = a.alloc_array<T>(cap);
      for (uint32_t i = 0; i < size_; i++) new (&d[i]) T(data_[i]);
      data_ = d;
      cap_ = cap;
    }
    new (&data_[size_++]) T(v);
  }
  void pop() { size_--; }
  void truncate(uint32_t n) { size_ = n; }
  uint32_t size() const { return size_; }
  bool empty() const { return !size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& back() { return data_[size_ - 1]; }
  std::span<T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  uint32_t size_ = 0, cap_ = 0;
};

constexpr int kMaxAnalyzeDepth = 5'000;      // nested expressions and queries: 54001
constexpr size_t kMaxTargets = 1664;         // columns of a result: 54011

// Where an expression stands: decides what is allowed, and how errors call it.
enum class Clause : uint8_t {
  kOther, kSelect, kFrom, kFromFunction, kJoinOn, kWhere, kFilter, kHaving, kGroupBy, kOrderBy, kDistinctOn, kLimit, kOffset, kReturning, kValues, kInsertTarget, kUpdateSource,
  kWindowPartition, kWindowOrder, kWindowFrame, kCheck, kDefault, kIndexExpr, kIndexPredicate, kExecute, kCallArgument, kCopyWhere,
};
std::string_view clause_name(Clause c);

// How far a cast may go.
enum class Coercion : uint8_t { kImplicit, kAssignment, kExplicit };

struct JoinColumn { std::string_view name; Expr* expr; };

// What names may refer to at one level.
struct NsItem {
  std::string_view alias;
  std::string_view schema;                   // of an unaliased table written with its schema
  RangeEntry* rte = nullptr;                 // null: a join's merged columns
  int rel = -1;
  bool rel_visible = true, cols_visible = true;
  bool lateral_only = false, lateral_ok = true;
  std::span<JoinColumn> join;
  Oid table{0};
};

struct State {
  State* parent = nullptr;
  Query* q = nullptr;
  Vec<RangeEntry*> rt;
  Vec<NsItem> ns;
  Vec<Cte*> ctes;
  Vec<std::string_view> future_ctes;         // for the hint that a name is defined later
  Vec<WindowDef> windows;
  Vec<const ast::WindowDef*> window_defs;    // parallel to the first named ones
  ast::List<ast::LockingClause> locking;
  Clause clause = Clause::kOther;
  bool lateral_active = false;
  bool in_agg = false, in_window = false;
  bool resolve_unknowns = true;
  bool locked_from_outside = false;          // FOR UPDATE of the parent covers this sub-query
};

class Analyzer {
 public:
  Analyzer(std::string_view text, ParamTypes& params, AnalyzedStmt& out, Arena& arena);

  // select.cc
  Query* statement(State* parent, const ast::Stmt& s);
  Query* select(State* parent, const ast::SelectStmt& s, bool resolve_unknowns);

  // Stand-alone expressions.
  Expr* standalone(const ast::Expr& e, const RelationDesc* relation, Oid type, int32_t typmod, Clause clause);
  Oid resolve_type(const ast::TypeName& t, int32_t* typmod);

  Arena& arena() { return a_; }

 private:
  friend struct DepthGuard;
  struct DepthGuard {
    explicit DepthGuard(Analyzer& a) : a_(a) {
      if (++a.depth_ > kMaxAnalyzeDepth) { a.depth_--; throw SqlError{sqlstate::kStatementTooComplex, "stack depth limit exceeded"}; }
    }
    ~DepthGuard() { a_.depth_--; }
    Analyzer& a_;
  };

  // ---- make.cc: building expressions
  Expr* make(ExprKind kind, Oid type, int position = 0);
  std::span<Expr*> args(std::initializer_list<Expr*> list);
  Expr* constant(Oid type, Datum value, int position = 0);
  Expr* null_const(Oid type, int position = 0);
  Expr* int4_const(int32_t v, int position = 0) { return constant(oid::kInt4, from_int(v), position); }
  Expr* bool_const(bool v, int position = 0) { return constant(oid::kBool, from_bool(v), position); }
  Expr* string_const(std::string_view s, int position);
  Expr* column(const RangeEntry& rte, int rel, int attno, int levels_up, int position);
  Expr* copy_expr(const Expr* e, int shift);
  Expr* and_of(Expr* l, Expr* r);
  std::string_view intern(std::string_view s) { return a_.copy(s); }
  template <class T> T* node() { return a_.make<T>(); }
  template <class T> std::span<T> alloc(size_t n) { T* p = a_.alloc_array<T>(n); for (size_t i = 0; i < n; i++) new (&p[i]) T(); return {p, n}; }

  // ---- coerce.cc
  enum class Path : uint8_t { kNone, kRelabel, kFunc, kArray, kViaIo };
  Path find_path(Oid target, Oid source, Coercion c, Oid* fn);
  bool binary_coercible(Oid source, Oid target);
  bool can_coerce(std::span<const Oid> input, std::span<const Oid> target, Coercion c);
  bool can_coerce(Oid input, Oid target, Coercion c) { return can_coerce(std::span(&input, 1), std::span(&target, 1), c); }
  Expr* coerce_type(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position);
  Expr* coerce_typmod(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position);
  Expr* coerce_to_target(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position);   // null when impossible
  Expr* apply_path(Expr* e, Oid target, int32_t typmod, Path path, Oid fn, Coercion c, bool explicit_cast, int position);
  Expr* coerce_to_boolean(Expr* e, std::string_view construct);
  Expr* coerce_to_int8(Expr* e, std::string_view construct);
  Expr* coerce_to_common(Expr* e, Oid target, std::string_view context);
  Oid common_type(std::span<Expr* const> exprs, std::string_view context /* "" = no error */);
  Oid common_type_from_oids(std::span<const Oid> types);
  int32_t common_typmod(std::span<Expr* const> exprs, Oid type);
  void resolve_unknown(Expr*& e);
  Expr* row_to_composite(Expr* e, Oid target, Coercion c, int position);
  Expr* assign_to_column(Expr* e, const RelationDesc& rel, int attno, std::string_view what, int position);
  std::string type_name(Oid t);
  Oid element_type(Oid t);
  Oid array_type(Oid t);
  static char category(Oid t);
  static bool preferred(Oid t);
  static bool is_polymorphic(Oid t);
  static bool is_array(Oid t);
  bool is_composite(Oid t);
  Oid default_collation(Oid t);
  Oid generic_result(std::span<Oid> actual, std::span<Oid> declared, Oid result, bool allow_poly);
  bool generic_consistent(std::span<const Oid> actual, std::span<const Oid> declared);

  // ---- operator.cc
  const facts::OperFact* find_operator(ast::Names name, Oid left, Oid right, bool no_error, int position);
  Expr* op_expr(State& st, ast::Names name, Expr* left, Expr* right, int position);
  Expr* array_op(State& st, ast::Names name, bool any, Expr* left, Expr* right, int position);
  Expr* row_op(State& st, ast::Names name, std::span<Expr* const> left, std::span<Expr* const> right, int position);
  Expr* distinct_op(State& st, Expr* left, Expr* right, int position);
  Oid equality_fn(Oid type, int position, bool required = true);      // function of the type's default "="
  const facts::OperFact* ordering_op(Oid type, std::string_view name, bool required, int position);
  int select_candidate(std::span<const Oid> input, Vec<std::span<const uint32_t>>& cand);   // index, -1 none, -2 ambiguous

  // ---- func.cc
  Expr* func_call(State& st, const ast::Func& f);
  struct FuncChoice {
    const facts::ProcFact* proc = nullptr;
    std::span<Oid> declared;                 // one per final argument
    std::span<Expr*> args;                   // reordered, with defaults
    bool variadic_expanded = false;
    Oid cast_type{0};                        // the call is really a cast to this type
    bool ambiguous = false;
  };
  FuncChoice choose_function(std::string_view name, bool foreign_schema, std::span<Expr*> args, ast::Names arg_names, bool variadic, int position);
  Expr* finish_call(State& st, const ast::Func& f, FuncChoice& choice, int position);
  Expr* aggregate(State& st, const ast::Func& f, Expr* call, const facts::ProcFact& proc);
  Expr* window_call(State& st, const ast::Func& f, Expr* call);
  int window_index(State& st, const ast::WindowDef& w);
  WindowDef make_window(State& st, const ast::WindowDef& w, const WindowDef* base);
  [[noreturn]] void no_function(const ast::Func& f, std::span<Expr* const> args, ast::Names arg_names, bool ambiguous);
  Expr* field_of(State& st, Expr* e, std::string_view name, int position, bool required);
  struct Fields { Vec<std::string_view> names; Vec<Oid> types; Vec<int32_t> typmods; };
  bool record_fields(const Expr* e, Fields& out, State* st = nullptr);     // columns of a composite or record expression, if known; st: where its columns are looked up
  static void out_columns(const facts::ProcFact& p, Analyzer& a, Fields& out);

  // ---- expr.cc
  Expr* expr(State& st, const ast::Expr* e, Clause clause);
  Expr* expr(State& st, const ast::Expr* e);
  Expr* transform(State& st, const ast::Expr* e);
  Expr* const_expr(const ast::Const& c);
  Expr* param(const ast::Param& p);
  Expr* column_ref(State& st, const ast::ColumnRef& c);
  Expr* operator_expr(State& st, const ast::Op& o);
  Expr* in_list(State& st, const ast::Op& o);
  Expr* between(State& st, const ast::Op& o);
  Expr* bool_expr(State& st, const ast::Bool& b);
  Expr* case_expr(State& st, const ast::Case& c);
  Expr* cast_expr(State& st, const ast::Cast& c);
  Expr* array_expr(State& st, const ast::Array& r, Oid array_type, Oid elem_type, int32_t typmod);
  Expr* row_expr(State& st, const ast::Row& r);
  Expr* indirection(State& st, Expr* base, ast::List<ast::Indirection> steps, int position);
  Expr* sub_link(State& st, const ast::SubLink& s);
  Expr* sql_value(const ast::SqlValue& v);
  Expr* null_test(State& st, const ast::NullTest& n);
  Expr* min_max(State& st, const ast::MinMax& m);
  std::span<Expr*> expr_list(State& st, ast::List<ast::Expr> list);   // with t.* in ROW() expanded
  void set_param_type(Expr* p, Oid type, int position);
  int exprs_position(std::span<Expr* const> e);

  // ---- scope.cc
  struct Found { Expr* expr = nullptr; };
  Expr* find_column(State& st, std::string_view name, int position, bool required);
  Expr* item_column(State& st, const NsItem& item, std::string_view name, int levels_up, int position);
  const NsItem* find_item(State& st, std::string_view schema, std::string_view name, int position, int* levels_up);
  Expr* whole_row(const NsItem& item, int levels_up, int position);
  void item_columns(const NsItem& item, int levels_up, int position, Vec<JoinColumn>& out);
  [[noreturn]] void missing_table(State& st, std::string_view schema, std::string_view name, int position);
  [[noreturn]] void missing_column(State& st, std::string_view table, std::string_view name, int position);
  void check_lateral(const NsItem& item, int position);
  static int system_attno(std::string_view name);
  void check_unique_alias(const Vec<NsItem>& ns, uint32_t from, std::string_view alias, Oid table, int position);

  // ---- from.cc
  FromItem* from_clause(State& st, ast::List<ast::FromNode> from);
  FromItem* from_item(State& st, const ast::FromNode& n, Vec<NsItem>& ns);
  FromItem* table_item(State& st, const ast::RangeVar& r, Vec<NsItem>& ns);
  FromItem* subselect_item(State& st, const ast::RangeSubselect& r, Vec<NsItem>& ns);
  FromItem* function_item(State& st, const ast::RangeFunction& r, Vec<NsItem>& ns);
  FromItem* join_item(State& st, const ast::JoinExpr& j, Vec<NsItem>& ns);
  FromItem* leaf(int rel);
  RangeEntry* relation_entry(RelationRef rel, std::string_view alias, ast::Names columns, bool inherit);
  RangeEntry* view_entry(RelationRef rel, std::string_view alias, ast::Names columns);
  RangeEntry* subquery_entry(Query* q, std::string_view alias, ast::Names columns, bool lateral);
  void apply_column_aliases(RangeEntry& rte, ast::Names columns);
  int add_rte(State& st, RangeEntry* rte);
  NsItem item_of(State& st, RangeEntry* rte, int rel);
  Cte* find_cte(State& st, std::string_view name);
  RelationRef open(const ast::RangeVar& r, lock::Mode mode);
  bool is_locked(State& st, std::string_view alias);
  void with_clause(State& st, const ast::WithClause& w);
  void one_cte(State& st, const ast::CteDef& d, bool recursive);
  void cte_columns(CteInfo& info, std::span<Target> targets, ast::Names names, int position);

  // ---- select.cc
  Query* select_body(State& st, const ast::SelectStmt& s);
  Query* values_body(State& st, const ast::SelectStmt& s);
  Query* set_operation(State& st, const ast::SelectStmt& s);
  SetTree* set_tree(State& st, const ast::SelectStmt& s, bool top);
  SetTree* set_leaf(State& st, const ast::SelectStmt& s);
  Query* recursive_union(State& st, const ast::SelectStmt& s, CteInfo& info);
  Query* finish_set_operation(State& st, const ast::SelectStmt& s, SetTree* tree);
  void unify(SetTree* t, std::string_view name);
  std::span<Expr*> set_columns(SetTree* t);
  Query* first_leaf(SetTree* t);
  void coerce_outputs(SetTree* t, size_t col, Oid type, int32_t typmod, std::string_view name);
  Query* wrap_query(Query* q);
  static void shift_query(Query& q, int by);
  static int32_t set_typmod(SetTree* t, size_t col);
  void target_list(State& st, ast::List<ast::ResTarget> list, Clause clause, Vec<Target>& out);
  void expand_star(State& st, const ast::ColumnRef& c, Vec<Target>& out);
  void add_target(State& st, Vec<Target>& out, Expr* e, std::string_view name);
  void order_by(State& st, ast::List<ast::SortBy> list, Vec<Target>& targets, Vec<SortKey>& out, Clause clause);
  SortKey sort_key(State& st, const ast::SortBy& s, Expr* e);
  Expr* sql92_target(State& st, const ast::Expr* e, Vec<Target>& targets, Clause clause);
  void group_clause(State& st, ast::List<ast::Expr> list, Vec<Target>& targets, Vec<Expr*>& out);
  void limit_clause(State& st, const ast::SelectStmt& s);
  void locking_clause(State& st, const ast::SelectStmt& s);
  void add_row_mark(State& st, int rel, const ast::LockingClause& l, bool explicit_name);
  static std::string_view output_name(const ast::Expr* e);
  void finish(State& st);
  void resolve_target_unknowns(Vec<Target>& targets);

  // ---- check_agg.cc
  void check_grouping(State& st, Vec<Target>& targets);
  Expr* array_assignment(State& st, Expr* array, Expr* value, const ast::ResTarget& t);
  Expr* grouping_func(State& st, const ast::GroupingFunc& g);
  int group_key(State& st, const ast::Expr* e, Vec<Target>& targets, Vec<Expr*>& out);
  std::vector<std::vector<int>> group_sets(State& st, const ast::Expr* e, Vec<Target>& targets, Vec<Expr*>& out);
  void check_no_aggs(State& st, const Expr* e, Clause clause);

  // ---- dml.cc
  Query* insert(State* parent, const ast::InsertStmt& s);
  Query* update(State* parent, const ast::UpdateStmt& s);
  Query* remove(State* parent, const ast::DeleteStmt& s);
  const RelationDesc& open_target(State& st, const ast::RangeVar& r, RelationRef& ref);
  Expr* default_of(const RelationDesc& rel, int attno);
  void insert_values(State& st, const ast::InsertStmt& s, const RelationDesc& rel, Vec<int16_t>& attnos);
  Vec<int16_t> insert_columns(const ast::InsertStmt& s, const RelationDesc& rel);
  Expr* insert_value(State& st, const ast::Expr* e, const RelationDesc& rel, int16_t attno, bool* is_default, int position);
  void set_clause(State& st, ast::List<ast::ResTarget> set, const RelationDesc& rel, Vec<Target>& out, Vec<int16_t>& attnos);
  void on_conflict(State& st, const ast::InsertStmt& s, const RelationDesc& rel);
  void infer_arbiters(State& st, const ast::OnConflict& c, const RelationDesc& rel, ConflictClause& out);
  void attach_checks(State& st, const RelationDesc& rel);
  void returning(State& st, ast::List<ast::ResTarget> list);
  void check_identity(const RelationDesc& rel, int attno, bool is_default, bool overriding, int position, bool update);

  Arena& a_;
  std::string_view text_;
  ParamTypes& params_;
  AnalyzedStmt& out_;
  FnContext cx_;
  int depth_ = 0;
  int view_depth_ = 0;
  Vec<Expr*> unknown_params_;
};

// Where an expression begins in the text: an operator's left operand stands before it.
int start_of(const Expr* e);
// Structural equality, positions aside.
bool same_expr(const Expr* a, const Expr* b);
// Does e refer to columns of the query `level` levels out (0: its own)?
bool contains_column_of_level(const Expr* e, int level);

// Calls fn(expr, depth) for each top expression of a query (depth 0) and of the queries in its FROM, WITH and set operation (depth 1 …), not of sub-selects in expressions.
template <class F>
void walk_query_exprs(const Query& q, F&& fn, int depth = 0) {
  auto one = [&](const Expr* e) { if (e) fn(e, depth); };
  for (const Target& t : q.targets) one(t.expr);
  for (const Target& t : q.returning) one(t.expr);
  one(q.where);
  for (const Expr* e : q.group_by) one(e);
  one(q.having);
  for (const Expr* e : q.distinct_on) one(e);
  for (const SortKey& k : q.order_by) one(k.expr);
  one(q.limit);
  one(q.offset);
  for (const WindowDef& w : q.windows) {
    for (const Expr* e : w.partition) one(e);
    for (const SortKey& k : w.order) one(k.expr);
  }
  auto from = [&](auto&& self, const FromItem* f) -> void {
    if (!f || !f->is_join) return;
    one(f->on);
    self(self, f->left);
    self(self, f->right);
  };
  from(from, q.from);
  for (const RangeEntry* r : q.rtable) {
    for (const Expr* e : r->functions) one(e);
    for (auto row : r->values) for (const Expr* e : row) one(e);
    if (r->subquery) walk_query_exprs(*r->subquery, fn, depth + 1);
  }
  for (const Cte* c : q.ctes) if (c->query) walk_query_exprs(*c->query, fn, depth + 1);
  auto tree = [&](auto&& self, const SetTree* t) -> void {
    if (!t) return;
    if (t->query) walk_query_exprs(*t->query, fn, depth + 1);
    self(self, t->left);
    self(self, t->right);
  };
  tree(tree, q.set_tree);
  if (q.insert_source) walk_query_exprs(*q.insert_source, fn, depth + 1);
}

std::string dotted(ast::Names n);

}  // namespace postern::sql
