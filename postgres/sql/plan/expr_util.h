// Working with bound expressions: walking, copying with changes, comparing, constant folding. Used by the planner only; every
// function returns new nodes and never edits its input.
#pragma once
#include <functional>
#include <vector>

#include "common/memory/arena.h"
#include "postgres/sql/analyze/bound.h"
#include "postgres/types/fn.h"

namespace postern::sql {

using RelSet = uint64_t;  // bit per range table entry of one query level
constexpr int kMaxRels = 64;

template <class T>
std::span<T> to_span(Arena& arena, const std::vector<T>& v) {
  T* p = arena.alloc_array<T>(v.size());
  for (size_t i = 0; i < v.size(); i++) p[i] = v[i];
  return {p, v.size()};
}

// Structural equality (positions and names ignored). Volatile functions never compare equal.
bool equal_expr(const Expr* a, const Expr* b);
bool is_volatile_fn(Oid fn);
bool is_strict_fn(Oid fn);

// Calls fn on e and everything below it at the same query level; not inside sub-selects. fn returns false to stop descending there.
void walk(Expr* e, const std::function<bool(Expr*)>& fn);

// Rewrites trees: pre() may return a replacement for a node (then its children are not visited) or nullptr to go on into a copy of it. Sub-selects
// are entered with depth + 1.
class Mutator {
 public:
  explicit Mutator(Arena& arena) : arena_(arena) {}
  virtual ~Mutator() = default;
  Expr* expr(Expr* e, int depth = 0);
  Query* query(Query* q, int depth);
  FromItem* from(FromItem* f, int depth);
  std::span<Expr*> exprs(std::span<Expr*> v, int depth);
  std::span<Target> targets(std::span<Target> v, int depth);
  std::span<SortKey> sort_keys(std::span<SortKey> v, int depth);
  RangeEntry* range_entry(RangeEntry* r, int depth);

 protected:
  virtual Expr* pre(Expr* e, int depth) = 0;
  virtual int map_rel(int rel, int depth) { return rel; }   // for FromItem leaves and row marks
  Arena& arena_;

 private:
  Cte* map_cte(Cte* c) const;
  Query* sublink(Query* q, int depth);
  std::vector<std::pair<Cte*, Cte*>> ctes_;   // copies of the WITH queries entered so far
  struct Sublink {
    Query *from, *to;
    int depth;
  };
  std::vector<Sublink> sublinks_;   // a sub-select that stands in several places (select list and GROUP BY) stays one
};

// Facts about one expression at its own query level.
struct ExprFacts {
  RelSet rels = 0;             // columns of this level
  bool outer = false;          // columns of outer levels (levels_up > 0), also from inside sub-selects
  bool is_volatile = false, has_subquery = false, has_agg = false, has_window = false, has_setfunc = false, has_param = false;
};
ExprFacts facts_of(Expr* e);
// Columns of the query `depth` levels up from e (0 = e's own level) that e and its sub-selects refer to.
void collect_columns(Expr* e, const std::function<void(Expr* column)>& fn);
void collect_columns_of_query(Query* q, int depth, const std::function<void(Expr* column)>& fn);

Expr* make_const(Arena& arena, Oid type, Datum value, bool null);
Expr* make_bool(Arena& arena, bool v);
Expr* make_and(Arena& arena, const std::vector<Expr*>& parts);   // nullptr for none
void split_and(Expr* e, std::vector<Expr*>& out);
Expr* make_test(Arena& arena, const Expr* like, int rel, int column);

// References to `depth` levels up and beyond come down by as many: e moves from a sub-select to the level it belongs to.
Expr* lower_levels(Arena& arena, Expr* e, int depth);

// Folds immutable functions of constants, simplifies AND/OR/NOT/CASE/COALESCE, substitutes known parameters. Never throws: an
// expression whose evaluation fails is left for run time.
Expr* fold(Expr* e, std::span<const NullableDatum> params, FnContext& cx, Arena& arena);

// True if e is NULL or false whenever all columns of `rel` are NULL (so a WHERE on it turns outer joins into inner ones).
bool rejects_null_rel(Expr* e, int rel);

}  // namespace postern::sql
