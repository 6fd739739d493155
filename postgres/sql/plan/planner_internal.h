// Inside of the planner. One QueryPlanner per query level; Shared is what all levels of a statement have in common.
//
// Steps of a level: prep (whole rows, folding, sub-select and subquery pull-up, outer join reduction) -> scan_join (items, base paths, dynamic programming over
// join orders) -> upper (grouping, windows, set-returning functions, distinct, order, limit, row locks, modification). Paths are costed descriptions; build turns the chosen one into
// Plan nodes and rewrites expressions to the outputs of the nodes below (Out).
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "postgres/catalog/catalog.h"
#include "postgres/sql/plan/expr_util.h"
#include "postgres/sql/plan/planner.h"

namespace postern::sql {

struct Qual {
  Expr* e;
  RelSet rels = 0;
  bool is_volatile = false, has_subquery = false;
  // l = r with columns of disjoint relations on both sides
  Expr *l = nullptr, *r = nullptr;
  RelSet lrels = 0, rrels = 0;
  bool hashable = false;
  int eclass = -1;           // equivalence class: one clause per class and join step is enough
  bool derived = false;      // made from others: costs nothing in row estimates beyond its class
};

struct OrderCol {
  Expr* e;
  bool desc, nulls_first;
};

struct IndexClause {
  int16_t column;            // key column of the index
  btree::Strategy strategy;
  Expr* value = nullptr;     // may refer to other relations (parameterised path)
  int8_t null_test = 0;
  bool any_array = false;
  Qual* source = nullptr;
  bool lossy = false;        // the source qual stays as a filter
};

struct Path {
  PlanKind kind;
  double rows = 1, startup = 0, total = 0;
  int width = 8;
  RelSet rels = 0, outer = 0;          // outer: relations it needs values from
  std::vector<OrderCol> order;
  // scans
  int rel = -1;
  const IndexDesc* index = nullptr;
  std::vector<IndexClause> clauses;
  std::vector<Qual*> filter;           // scan: what is left to check; join: after null extension
  bool backward = false;
  double fetched = 0, index_cost = 0;  // index scan: entries read, and what that costs
  Expr* tid = nullptr;
  std::vector<const Path*> parts;      // bitmap scan: index scans that give its rows
  std::vector<Qual*> recheck;          // bitmap scan: what they guarantee
  // joins
  const Path *left = nullptr, *right = nullptr;
  JoinType join = JoinType::kInner;
  std::vector<Qual*> keys, join_filter;
  std::vector<OrderCol> sort_left, sort_right;   // merge join: sorts to add below
};

struct JoinProblem;

// A thing to be joined: a base relation or a join planned on its own (FULL joins, complex nullable sides).
struct JoinItem {
  int rel = -1;                        // base relation, or -1
  RelSet rels = 0;
  JoinType type = JoinType::kInner;    // kInner, or kLeft/kSemi/kAnti: how it is attached to what precedes it
  RelSet min_lhs = 0;
  std::vector<Qual*> on;               // conditions of a special join
  std::vector<Qual*> restrict;         // conditions on this item alone
  RelSet lateral = 0;                  // relations its rows depend on
  std::vector<Path*> paths;
  double rows = 1;
};

struct JoinProblem {
  std::vector<JoinItem*> items;
  std::vector<Qual*> quals;
  std::vector<Path*> paths;            // result
  double rows = 1;
};

// What a plan node puts out: the bound expression that each column stands for.
struct Out {
  std::vector<Expr*> cols;
  bool has_exprs = false;              // some are not plain columns
};
struct Built {
  Plan* plan = nullptr;
  Out out;
  // The node's target list may be replaced by expressions over these inputs, instead of adding a Project.
  bool fusable = false;
  Out base, base_right;
};

struct Shared {
  Arena& arena;
  const PlannerSettings& settings;
  FnContext& cx;
  std::span<const NullableDatum> params;
  std::vector<SubPlan*> subplans;
  std::vector<Plan*> ctes;
  std::vector<std::vector<int>> cte_outer_slots;
  std::vector<bool> cte_modifies;
  std::vector<std::pair<const Cte*, int>> cte_index;
  std::vector<Oid> relations;
  int n_exec_params = 0;
  bool read_only = true;
};

class QueryPlanner {
 public:
  QueryPlanner(Shared& shared, QueryPlanner* parent, Query* query) : sh_(shared), arena_(shared.arena), parent_(parent), q_(query) {}

  // Plans the whole query; the result's columns are exactly the non-junk targets. tuple_fraction: share of rows expected to be fetched.
  Plan* run(double tuple_fraction = 1.0);
  const std::vector<std::string_view>& output_names() const { return names_; }
  Query* query() { return q_; }

  // Parameters that a sub-select, lateral item or parameterised scan of this level reads from this level's rows.
  struct ParamRef { Expr* expr; int slot; };
  int param_slot(Expr* column_or_agg);                    // in the list that is being collected
  std::vector<ParamRef>* collecting = nullptr;
  std::vector<int> outer_slots;                           // slots of ancestors that this level (or below) reads

 private:
  friend class Builder;
  // prep.cc
  void prep();
  void expand_whole_rows();
  void fold_all();
  void pull_up_sublinks();
  bool pull_up_subqueries();
  void reduce_outer_joins();
  Expr* pull_sublinks_in(Expr* quals, FromItem*& from, RelSet available);
  bool is_simple(const Query* sub) const;
  int add_rtable(RangeEntry* r);

  // scan_paths.cc
  void make_item_paths(JoinItem& item);
  void add_path(std::vector<Path*>& paths, Path* p);
  void bitmap_paths(JoinItem& item);
  void index_paths(JoinItem& item, const std::vector<Qual*>& quals, RelSet outer, std::vector<Path*>& out);
  bool match_index(const IndexDesc& index, int rel, const std::vector<Qual*>& quals, RelSet outer, std::vector<IndexClause>& clauses);
  Path* index_path(JoinItem& item, const IndexDesc& index, std::vector<IndexClause> clauses, const std::vector<Qual*>& quals, RelSet outer, bool backward);
  bool index_covers(const IndexDesc& index, int rel);
  // An index's key expressions (nullptr for plain columns) and predicate, over columns of range entry rel.
  struct IndexExprs { std::vector<Expr*> keys, predicate; };
  const IndexExprs& index_exprs(const IndexDesc& index, int rel);
  bool implied(Expr* predicate, const std::vector<Qual*>& quals);
  Expr* index_key_column(const IndexDesc& index, int rel, size_t k);
  struct BaseInfo { double pages = 1, tuples = 1, visible = 0; int width = 8; bool ready = false; };
  BaseInfo& base_info(int rel);

  // join_paths.cc
  JoinProblem* plan_from(FromItem* f, std::vector<Qual*> quals);
  void collect(FromItem* f, JoinProblem& p, std::vector<Qual*>& quals);
  JoinItem* make_item(FromItem* f, std::vector<Qual*>& own);
  void equivalence(std::vector<Qual*>& quals);
  void search(JoinProblem& p);
  struct SetInfo { std::vector<Path*> paths; double rows = 0; bool valid = false; };
  void join_pair(JoinProblem& p, RelSet all, SetInfo& out, const SetInfo& l, RelSet lr, const SetInfo& r, RelSet rr, JoinItem* special, JoinItem* single);
  Qual* make_qual(Expr* e);
  std::vector<Qual*> make_quals(Expr* e);

  // selectivity.cc
  double selectivity(Expr* e);
  double qual_selectivity(const Qual& q) { return selectivity(q.e); }
  double conjunction_selectivity(std::span<Expr* const> exprs);   // pairs of inequalities on one column count as a range
  double conjunction_selectivity(const std::vector<Qual*>& quals);
  double equal_selectivity(Expr* column, Expr* value);
  double below_selectivity(const catalog::ColumnStats& s, Oid column_type, Datum value);
  double prefix_selectivity(const catalog::ColumnStats& s, const Expr* column, std::string_view pattern);
  double eq_join_selectivity(Expr* l, Expr* r);
  double distinct_values(Expr* e, double rows);
  std::shared_ptr<const catalog::ColumnStats> stats_of(Expr* e, double* tuples = nullptr);

  // build.cc
  Built build(const Path& p);
  Built build_scan(const Path& p);
  std::span<IndexCond> index_conds(const Path& p);
  Plan* build_bitmap(const Path& p, const RangeEntry& r);
  Built build_join(const Path& p);
  Expr* resolve(Expr* e, const Out* left, const Out* right);
  std::span<Expr*> resolve_all(const std::vector<Expr*>& v, const Out* left, const Out* right);
  Expr* resolve_subquery(Expr* e, const Out* left, const Out* right);
  Plan* new_plan(PlanKind kind, const Path* costs);
  void set_output(Plan* p, const std::vector<Expr*>& exprs);
  void pass_through(Plan* p, const Plan* child);
  std::vector<Expr*> columns_needed(RelSet rels);
  void note_uses(Expr* e, RelSet with);                   // with = 0: used above all joins
  struct Use { int rel; int16_t attno; RelSet with; Expr* column; };
  std::vector<Use> uses_;
  Plan* cte_plan(Cte* cte, int* index);

  // upper.cc
  Plan* plan_set_tree(double tuple_fraction);
  Plan* plan_set_node(SetTree* t, bool top);
  Plan* plan_recursive(Cte* cte);
  void plan_grouping(Built& b, const std::vector<Expr*>& aggs, bool ordered);
  std::vector<Expr*> collect_groupings();
  void plan_windows(Built& b, const std::vector<Expr*>& windows);
  void plan_project_set(Built& b, const std::vector<Expr*>& exprs);
  void add_project(Built& b, const std::vector<Expr*>& exprs);
  void add_sort(Built& b, const std::vector<OrderCol>& keys, double bound);
  void add_filter(Built& b, const std::vector<Expr*>& quals);
  bool order_satisfied(const std::vector<OrderCol>& have, const std::vector<OrderCol>& want) const;
  Plan* plan_modify();
  void replace_min_max();
  Built plan_scan_join(double tuple_fraction, const std::vector<OrderCol>& want_order, bool* ordered);
  Plan* finish(Built& b, std::vector<Expr*> exprs, size_t visible, const std::vector<OrderCol>& order, bool ordered);
  std::vector<OrderCol> order_of(std::span<SortKey> keys) const;
  void collect_aggs(std::vector<Expr*>& aggs, std::vector<Expr*>& windows);

  Shared& sh_;
  Arena& arena_;
  QueryPlanner* parent_;
  Query* q_;
  std::vector<RangeEntry*> rt_;
  std::vector<BaseInfo> base_;
  std::vector<std::pair<std::pair<const IndexDesc*, int>, std::unique_ptr<IndexExprs>>> index_exprs_;
  std::vector<QueryPlanner*> sub_planners_;               // per rtable entry with a subquery, once planned
  std::vector<Plan*> sub_plans_;
  std::vector<std::vector<ParamRef>> lateral_params_;     // per rtable entry
  std::vector<std::string_view> names_;
  std::vector<std::unique_ptr<QueryPlanner>> owned_;
  std::vector<std::unique_ptr<Path>> path_store_;
  std::vector<std::unique_ptr<Qual>> qual_store_;
  std::vector<std::unique_ptr<JoinItem>> item_store_;
  std::vector<std::unique_ptr<JoinProblem>> problem_store_;
  Path* new_path(PlanKind kind) { path_store_.push_back(std::make_unique<Path>(Path{.kind = kind})); return path_store_.back().get(); }
};

Expr* strip_relabel(Expr* e);

}  // namespace postern::sql
