// Plans made by hand, run against a temporary site. What they give is compared with sets of rows written as text.
#include <doctest/doctest.h>

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/test_heap.h"
#include "postgres/exec/exec.h"
#include "postgres/types/builtin_tables.h"

using namespace postern;
using namespace postern::sql;

namespace {

struct Builder {
  Arena arena{8192};
  PlannedStmt stmt;
  exec::ExecSettings settings;
  std::vector<SubPlan*> subplans;

  Builder() {
    static std::vector<const FnTables*> tables;
    if (tables.empty()) {
      for (const FnTables* t : types_fn_tables()) tables.push_back(t);
      tables.push_back(&exec::kWindowFunctions);
      set_fn_tables(tables);
    }
  }
  template <class T>
  std::span<T> list(std::initializer_list<T> v) {
    T* p = static_cast<T*>(arena.alloc(v.size() * sizeof(T) + 1));
    std::copy(v.begin(), v.end(), p);
    return {p, v.size()};
  }
  Expr* expr(ExprKind kind, Oid type, std::initializer_list<Expr*> args = {}) {
    auto* e = arena.make<Expr>(Expr{.kind = kind});
    e->type = type;
    e->args = list(args);
    return e;
  }
  Expr* num(int64_t v, Oid type = oid::kInt4) {
    Expr* e = expr(ExprKind::kConst, type);
    e->value = from_int(v);
    return e;
  }
  Expr* text(std::string_view s) {
    Expr* e = expr(ExprKind::kConst, oid::kText);
    e->value = make_bytes(arena, s);
    return e;
  }
  Expr* null(Oid type = oid::kInt4) {
    Expr* e = expr(ExprKind::kConst, type);
    e->null = true;
    return e;
  }
  Expr* col(int attno, Oid type = oid::kInt4, int rel = 0) {
    Expr* e = expr(ExprKind::kTest, type);
    e->attno = static_cast<int16_t>(attno);
    e->rel = rel;
    return e;
  }
  Expr* slot(int n, Oid type = oid::kInt4) {
    Expr* e = expr(ExprKind::kParam, type);
    e->number = -n - 1;
    return e;
  }
  Expr* fn(uint32_t f, Oid type, std::initializer_list<Expr*> args) {
    Expr* e = expr(ExprKind::kFunc, type, args);
    e->fn = Oid{f};
    return e;
  }
  Expr* eq(Expr* a, Expr* b) { return fn(65, oid::kBool, {a, b}); }
  Expr* lt(Expr* a, Expr* b) { return fn(66, oid::kBool, {a, b}); }
  Expr* gt(Expr* a, Expr* b) { return fn(147, oid::kBool, {a, b}); }
  Expr* add(Expr* a, Expr* b) { return fn(177, oid::kInt4, {a, b}); }
  Expr* mod(Expr* a, Expr* b) { return fn(156, oid::kInt4, {a, b}); }
  Expr* div(Expr* a, Expr* b) { return fn(154, oid::kInt4, {a, b}); }

  Plan* plan(PlanKind kind, std::span<Oid> types, Plan* left = nullptr, Plan* right = nullptr) {
    auto* p = arena.make<Plan>(Plan{.kind = kind});
    p->types = types;
    p->left = left;
    p->right = right;
    return p;
  }
  // generate_series(1, n) as int4 column 0
  Plan* series(int n) {
    Plan* p = plan(PlanKind::kFunctionScan, list({oid::kInt4}));
    Expr* e = fn(1067, oid::kInt4, {num(1), num(n)});
    e->kind = ExprKind::kSetFunc;
    e->retset = true;
    p->functions = list({e});
    p->function_columns = list({1});
    return p;
  }
  // Rows of int4; -1 stands for NULL.
  Plan* values(std::initializer_list<std::initializer_list<int>> rows) {
    std::vector<std::span<Expr*>> all;
    size_t n = 0;
    for (auto& r : rows) {
      std::vector<Expr*> row;
      for (int v : r) row.push_back(v == -1 ? null() : num(v));
      auto* p = arena.alloc_array<Expr*>(row.size());
      std::copy(row.begin(), row.end(), p);
      all.push_back({p, row.size()});
      n = row.size();
    }
    auto* t = arena.alloc_array<Oid>(n);
    std::fill(t, t + n, oid::kInt4);
    Plan* p = plan(PlanKind::kValuesScan, {t, n});
    auto* v = static_cast<std::span<Expr*>*>(arena.alloc(all.size() * sizeof(std::span<Expr*>)));
    std::copy(all.begin(), all.end(), v);
    p->values = {v, all.size()};
    return p;
  }
  Plan* project(Plan* child, std::initializer_list<Expr*> targets) {
    Plan* p = plan(PlanKind::kProject, {}, child);
    set_targets(p, targets);
    return p;
  }
  void set_targets(Plan* p, std::initializer_list<Expr*> targets) {
    p->targets = list(targets);
    auto* t = arena.alloc_array<Oid>(targets.size());
    size_t i = 0;
    for (Expr* e : targets) t[i++] = e->type;
    p->types = {t, targets.size()};
  }
  Plan* filter(Plan* child, Expr* e) {
    Plan* p = plan(PlanKind::kFilter, child->types, child);
    p->filter = e;
    return p;
  }
  Plan* sort(Plan* child, std::initializer_list<sql::SortKey> keys) {
    Plan* p = plan(PlanKind::kSort, child->types, child);
    p->sort_keys = list(keys);
    return p;
  }
  AggCall agg(uint32_t f, Oid type, std::initializer_list<Expr*> args) {
    AggCall a{Oid{f}};
    a.args = list(args);
    a.result_type = type;
    return a;
  }
  Plan* aggregate(PlanKind kind, Plan* child, std::initializer_list<Expr*> keys, std::initializer_list<AggCall> aggs) {
    Plan* p = plan(kind, {}, child);
    p->group_keys = list(keys);
    p->aggs = list(aggs);
    std::vector<Oid> types;
    for (Expr* e : keys) types.push_back(e->type);
    for (const AggCall& a : aggs) types.push_back(a.result_type);
    p->types = arena.copy(std::span<const Oid>(types));
    return p;
  }
  Plan* join(PlanKind kind, JoinType type, Plan* l, Plan* r, Expr* lk, Expr* rk, std::initializer_list<Expr*> targets) {
    Plan* p = plan(kind, {}, l, r);
    p->join = type;
    if (lk) {
      p->left_keys = list({lk});
      p->right_keys = list({rk});
      p->key_eq_fns = list({Oid{65}});
      if (kind == PlanKind::kMergeJoin) p->merge_keys = list({sql::SortKey{lk}});
    }
    set_targets(p, targets);
    return p;
  }

  std::string format(const exec::Batch& b, uint32_t r, std::span<const Oid> types) {
    std::string row;
    FnContext cx;
    cx.arena = &arena;
    for (size_t i = 0; i < types.size(); i++) {
      if (i) row += ",";
      if (b.columns[i].null(r)) row += "-";
      else type_info(types[i]).out(cx, b.columns[i].value(r), row);
    }
    return row;
  }
  std::vector<std::string> run(Plan* root, std::span<const NullableDatum> params = {}) {
    stmt.root = root;
    auto* s = arena.alloc_array<SubPlan*>(subplans.size());
    std::copy(subplans.begin(), subplans.end(), s);
    stmt.subplans = {s, subplans.size()};
    exec::Execution e(stmt, params, snapshot, nullptr, settings);
    std::vector<std::string> out;
    std::span<const Oid> types = root->kind == PlanKind::kModify ? std::span<const Oid>(root->returning_types) : std::span<const Oid>(root->types);
    for (;;) {
      exec::Batch b = e.next();
      if (!b.rows.count) break;
      for_rows(b.rows, [&](uint32_t r) { out.push_back(format(b, r, types)); });
    }
    affected = e.affected_rows();
    return out;
  }
  std::string rows(Plan* root) {
    std::string out;
    for (auto& r : run(root)) append(out, out.empty() ? "" : " ", r);
    return out;
  }
  std::string sorted(Plan* root) {
    auto v = run(root);
    std::sort(v.begin(), v.end());
    std::string out;
    for (auto& r : v) append(out, out.empty() ? "" : " ", r);
    return out;
  }
  txn::Snapshot snapshot;
  uint64_t affected = 0;
};

std::string error_of(auto&& f) {
  try {
    f();
  } catch (const SqlError& e) {
    return cat(e.sqlstate.view(), " ", e.message);
  }
  return "no error";
}

}  // namespace

TEST_CASE("expressions: laziness, NULLs, constants") {
  Builder b;
  Plan* s = b.series(5);
  CHECK(b.rows(b.project(s, {b.add(b.col(0), b.num(10))})) == "11 12 13 14 15");
  // Division by zero only where it is reached.
  Expr* guarded = b.expr(ExprKind::kCase, oid::kInt4, {b.eq(b.col(0), b.num(3)), b.num(0), b.div(b.num(60), b.add(b.col(0), b.num(-3)))});
  CHECK(b.rows(b.project(s, {guarded})) == "-30 -60 0 60 30");
  CHECK(error_of([&] { b.rows(b.project(s, {b.div(b.num(60), b.add(b.col(0), b.num(-3)))})); }) == "22012 division by zero");
  Expr* safe = b.expr(ExprKind::kAnd, oid::kBool, {b.gt(b.col(0), b.num(3)), b.gt(b.div(b.num(60), b.add(b.col(0), b.num(-3))), b.num(40))});
  CHECK(b.rows(b.project(s, {safe})) == "f f f t f");
  CHECK(b.rows(b.filter(s, safe)) == "4");
  Plan* v = b.values({{1, -1}, {2, 5}, {-1, -1}});
  CHECK(b.rows(b.project(v, {b.expr(ExprKind::kCoalesce, oid::kInt4, {b.col(1), b.col(0), b.num(9)})})) == "1 5 9");
  Expr* distinct = b.expr(ExprKind::kDistinct, oid::kBool, {b.col(0), b.col(1)});
  distinct->fn = Oid{65};
  CHECK(b.rows(b.project(v, {distinct})) == "t t f");
  Expr* null_or = b.expr(ExprKind::kOr, oid::kBool, {b.gt(b.col(1), b.num(0)), b.eq(b.col(0), b.num(1))});
  CHECK(b.rows(b.project(v, {null_or})) == "t t -");
  CHECK(b.rows(b.project(v, {b.expr(ExprKind::kGreatest, oid::kInt4, {b.col(0), b.col(1)})})) == "1 5 -");
  Expr* any = b.expr(ExprKind::kAnyArray, oid::kBool, {b.col(0), b.expr(ExprKind::kArray, oid::kInt4Array, {b.num(2), b.num(4), b.null()})});
  any->args[1]->elem_type = oid::kInt4;
  any->fn = Oid{65};
  CHECK(b.rows(b.project(b.series(4), {any})) == "- t - t");
  CHECK(b.rows(b.project(b.series(2500), {b.col(0)})).ends_with("2499 2500"));
}

TEST_CASE("sort, limit, unique, append, set operations") {
  Builder b;
  Plan* v = b.values({{3, 1}, {1, 2}, {-1, 3}, {2, 4}, {1, 5}});
  CHECK(b.rows(b.sort(v, {sql::SortKey{b.col(0)}, sql::SortKey{b.col(1), true}})) == "1,5 1,2 2,4 3,1 -,3");
  CHECK(b.rows(b.sort(v, {sql::SortKey{b.col(0), true, true}, sql::SortKey{b.col(1)}})) == "-,3 3,1 2,4 1,2 1,5");
  Plan* l = b.plan(PlanKind::kLimit, v->types, b.sort(v, {sql::SortKey{b.col(1), true}}));
  l->left->bound = 3;
  l->limit = b.num(2, oid::kInt8);
  l->offset = b.num(1, oid::kInt8);
  CHECK(b.rows(l) == "2,4 -,3");
  Plan* ties = b.plan(PlanKind::kLimit, v->types, b.sort(v, {sql::SortKey{b.col(0)}}));
  ties->limit = b.num(1, oid::kInt8);
  ties->with_ties = true;
  ties->sort_keys = b.list({sql::SortKey{b.col(0)}});
  CHECK(b.run(ties).size() == 2);
  Plan* u = b.plan(PlanKind::kUnique, b.list({oid::kInt4}), b.sort(b.project(v, {b.col(0)}), {sql::SortKey{b.col(0)}}));
  u->sort_keys = b.list({sql::SortKey{b.col(0)}});
  CHECK(b.rows(u) == "1 2 3 -");
  Plan* a = b.plan(PlanKind::kAppend, b.list({oid::kInt4}));
  a->children = b.list({b.series(2), b.series(3)});
  CHECK(b.rows(a) == "1 2 1 2 3");
  CHECK(b.rows(b.plan(PlanKind::kDistinctHash, a->types, a)) == "1 2 3");
  auto setop = [&](SetOp op) {
    Plan* p = b.plan(PlanKind::kSetOp, b.list({oid::kInt4}), a, b.values({{2}, {3}, {3}, {7}}));
    p->set_op = op;
    return b.sorted(p);
  };
  CHECK(setop(SetOp::kIntersect) == "2 3");
  CHECK(setop(SetOp::kIntersectAll) == "2 3");
  CHECK(setop(SetOp::kExcept) == "1");
  CHECK(setop(SetOp::kExceptAll) == "1 1 2");
}

TEST_CASE("grouping: plain, hashed, sorted, spilled, distinct, filter") {
  Builder b;
  AggCall count = b.agg(2803, oid::kInt8, {}), sum = b.agg(2108, oid::kInt8, {b.col(0)});
  CHECK(b.rows(b.aggregate(PlanKind::kSortAgg, b.series(3000), {}, {count, sum})) == "3000,4501500");
  CHECK(b.rows(b.aggregate(PlanKind::kSortAgg, b.filter(b.series(3), b.gt(b.col(0), b.num(9))), {}, {count, sum})) == "0,-");
  Expr* key = b.mod(b.col(0), b.num(3));
  CHECK(b.sorted(b.aggregate(PlanKind::kHashAgg, b.series(3000), {key}, {count, sum})) == "0,1000,1501500 1,1000,1499500 2,1000,1500500");
  Plan* ordered = b.sort(b.project(b.series(3000), {b.mod(b.col(0), b.num(700)), b.col(0)}), {sql::SortKey{b.col(0)}});
  Plan* grouped = b.aggregate(PlanKind::kSortAgg, ordered, {b.col(0)}, {count, b.agg(2108, oid::kInt8, {b.col(1)})});
  auto by_sort = b.run(grouped);
  auto by_hash = b.run(b.aggregate(PlanKind::kHashAgg, b.project(b.series(3000), {b.mod(b.col(0), b.num(700)), b.col(0)}), {b.col(0)}, {count, b.agg(2108, oid::kInt8, {b.col(1)})}));
  CHECK(by_sort.size() == 700);
  CHECK(by_sort[0] == "0,4,7000");
  std::sort(by_hash.begin(), by_hash.end());
  std::sort(by_sort.begin(), by_sort.end());
  CHECK(by_hash == by_sort);
  AggCall distinct = b.agg(2147, oid::kInt8, {b.mod(b.col(0), b.num(5))});
  distinct.distinct = true;
  AggCall filtered = count;
  filtered.filter = b.gt(b.col(0), b.num(9));
  CHECK(b.rows(b.aggregate(PlanKind::kSortAgg, b.series(10), {}, {distinct, filtered})) == "5,1");
  CHECK(b.sorted(b.aggregate(PlanKind::kHashAgg, b.series(10), {b.mod(b.col(0), b.num(2))}, {distinct, filtered})) == "0,5,1 1,5,0");
}

TEST_CASE("joins of every kind agree") {
  Builder b;
  auto left = [&] { return b.values({{1, 10}, {2, 20}, {2, 21}, {4, 40}, {-1, 50}}); };
  auto right = [&] { return b.values({{2, 200}, {2, 201}, {3, 300}, {4, 400}, {-1, 500}}); };
  auto make = [&](PlanKind kind, JoinType type, bool condition) {
    Plan *l = left(), *r = right();
    if (kind == PlanKind::kMergeJoin) {
      l = b.sort(l, {sql::SortKey{b.col(0)}});
      r = b.sort(r, {sql::SortKey{b.col(0)}});
    }
    bool one = type == JoinType::kSemi || type == JoinType::kAnti;
    bool loop = kind == PlanKind::kNestLoop;
    Plan* p = one ? b.join(kind, type, l, r, loop ? nullptr : b.col(0), b.col(0, oid::kInt4, 1), {b.col(1)})
                  : b.join(kind, type, l, r, loop ? nullptr : b.col(0), b.col(0, oid::kInt4, 1), {b.col(1), b.col(1, oid::kInt4, 1)});
    Expr* extra = b.lt(b.col(1, oid::kInt4, 1), b.num(400));
    Expr* same = b.eq(b.col(0), b.col(0, oid::kInt4, 1));
    if (loop) p->join_filter = condition ? b.expr(ExprKind::kAnd, oid::kBool, {same, extra}) : same;
    else if (condition) p->join_filter = extra;
    return b.sorted(p);
  };
  struct Case { JoinType type; const char *plain, *filtered; };
  for (const Case& c : {Case{JoinType::kInner, "20,200 20,201 21,200 21,201 40,400", "20,200 20,201 21,200 21,201"},
                        Case{JoinType::kLeft, "10,- 20,200 20,201 21,200 21,201 40,400 50,-", "10,- 20,200 20,201 21,200 21,201 40,- 50,-"},
                        Case{JoinType::kRight, "-,300 -,500 20,200 20,201 21,200 21,201 40,400", "-,300 -,400 -,500 20,200 20,201 21,200 21,201"},
                        Case{JoinType::kFull, "-,300 -,500 10,- 20,200 20,201 21,200 21,201 40,400 50,-", "-,300 -,400 -,500 10,- 20,200 20,201 21,200 21,201 40,- 50,-"},
                        Case{JoinType::kSemi, "20 21 40", "20 21"}, Case{JoinType::kAnti, "10 50", "10 40 50"}}) {
    CHECK(make(PlanKind::kHashJoin, c.type, false) == c.plain);
    CHECK(make(PlanKind::kHashJoin, c.type, true) == c.filtered);
    CHECK(make(PlanKind::kMergeJoin, c.type, false) == c.plain);
    CHECK(make(PlanKind::kMergeJoin, c.type, true) == c.filtered);
    if (c.type == JoinType::kRight || c.type == JoinType::kFull) continue;
    CHECK(make(PlanKind::kNestLoop, c.type, false) == c.plain);
    CHECK(make(PlanKind::kNestLoop, c.type, true) == c.filtered);
  }
}

TEST_CASE("nested loop with parameters, sub-selects, CTEs, recursion") {
  Builder b;
  b.stmt.n_exec_params = 2;
  // for each x: rows y of series(4) with y < x
  Plan* inner = b.filter(b.series(4), b.lt(b.col(0), b.slot(0)));
  Plan* loop = b.join(PlanKind::kNestLoop, JoinType::kLeft, b.series(3), inner, nullptr, nullptr, {b.col(0), b.col(0, oid::kInt4, 1)});
  loop->nest_params = b.list({b.col(0)});
  loop->nest_slots = b.list({0});
  CHECK(b.rows(loop) == "1,- 2,1 3,1 3,2");

  auto* count = b.arena.make<SubPlan>();
  count->kind = SubKind::kScalar;
  count->plan = b.aggregate(PlanKind::kSortAgg, b.filter(b.series(4), b.lt(b.col(0), b.slot(1))), {}, {b.agg(2803, oid::kInt8, {})});
  count->params = b.list({b.col(0)});
  count->param_slots = b.list({1});
  b.subplans.push_back(count);
  Expr* sub = b.expr(ExprKind::kSubquery, oid::kInt8);
  sub->sub_kind = SubKind::kScalar;
  sub->number = 0;
  CHECK(b.rows(b.project(b.series(3), {sub})) == "0 1 2");

  auto* in = b.arena.make<SubPlan>();
  in->kind = SubKind::kAny;
  in->plan = b.values({{2}, {3}, {-1}});
  b.subplans.push_back(in);
  Expr* any = b.expr(ExprKind::kSubquery, oid::kBool, {b.col(0)});
  any->sub_kind = SubKind::kAny;
  any->number = 1;
  any->sub_fns = b.list({Oid{65}});
  CHECK(b.rows(b.project(b.series(3), {any})) == "- t t");
  in->hashed = true;
  CHECK(b.rows(b.project(b.series(3), {any})) == "- t t");

  auto* many = b.arena.make<SubPlan>();
  many->kind = SubKind::kScalar;
  many->plan = b.series(2);
  b.subplans.push_back(many);
  Expr* bad = b.expr(ExprKind::kSubquery, oid::kInt4);
  bad->sub_kind = SubKind::kScalar;
  bad->number = 2;
  CHECK(error_of([&] { b.rows(b.project(b.series(1), {bad})); }) == "21000 more than one row returned by a subquery used as an expression");

  Plan* work = b.plan(PlanKind::kWorkTableScan, b.list({oid::kInt4}));
  work->filter = b.lt(b.col(0), b.num(5));
  Plan* recursive = b.plan(PlanKind::kRecursiveUnion, b.list({oid::kInt4}), b.values({{1}}), b.project(work, {b.add(b.col(0), b.num(1))}));
  recursive->set_op = SetOp::kUnionAll;
  CHECK(b.rows(recursive) == "1 2 3 4 5");
  b.stmt.ctes = b.list({recursive});
  Plan* scan1 = b.plan(PlanKind::kCteScan, b.list({oid::kInt4}));
  Plan* scan2 = b.plan(PlanKind::kCteScan, b.list({oid::kInt4}));
  scan1->cte = scan2->cte = 0;
  Plan* self = b.join(PlanKind::kHashJoin, JoinType::kInner, scan1, scan2, b.col(0), b.col(0, oid::kInt4, 1), {b.col(0), b.col(0, oid::kInt4, 1)});
  CHECK(b.sorted(self) == "1,1 2,2 3,3 4,4 5,5");
}

TEST_CASE("window functions") {
  Builder b;
  Plan* in = b.values({{1, 10}, {1, 10}, {1, 30}, {2, 5}, {2, 6}});
  WindowDef* def = b.arena.make<WindowDef>();
  def->partition = b.list({b.col(0)});
  def->order = b.list({sql::SortKey{b.col(1)}});
  def->frame_options = 0x2 | 0x20 | 0x400;
  Plan* w = b.plan(PlanKind::kWindowAgg, {}, in);
  w->windows = {def, 1};
  auto call = [&](uint32_t f, Oid type, std::initializer_list<Expr*> args) {
    Expr* e = b.fn(f, type, args);
    e->kind = ExprKind::kWindow;
    return e;
  };
  b.set_targets(w, {b.col(1), call(3100, oid::kInt8, {}), call(3101, oid::kInt8, {}), call(3102, oid::kInt8, {}), call(3106, oid::kInt4, {b.col(1)}), call(2108, oid::kInt8, {b.col(1)})});
  CHECK(b.rows(w) == "10,1,1,1,-,20 10,2,1,1,10,20 30,3,3,2,10,50 5,1,1,1,-,5 6,2,2,2,5,11");
}

TEST_CASE("tables: scans, indexes, modification, spills") {
  region::TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  rel.attrs[0].not_null = true;
  IndexDesc index;
  index.oid = Oid{30000};
  index.name = "t_pkey";
  index.file = {Oid{5}, Oid{20001}};
  index.unique = true;
  index.keys.push_back({1, oid::kInt4, Oid{0}, Oid{0}, false, false});
  rel.indexes.push_back(index);
  txn::start();
  heap::create_storage(rel.file);
  btree::create_storage(rel.indexes[0]);
  txn::commit();

  Builder b;
  auto fresh = [&] { b.snapshot = txn::statement_snapshot(); };
  auto scan = [&](std::initializer_list<int16_t> columns, std::initializer_list<Oid> types) {
    Plan* p = b.plan(PlanKind::kSeqScan, b.list(types));
    p->relation = &rel;
    p->columns = b.list(columns);
    return p;
  };
  auto modify = [&](Command c, Plan* child) {
    Plan* p = b.plan(PlanKind::kModify, {}, child);
    p->relation = &rel;
    p->command = c;
    return p;
  };
  auto step = [&](auto&& f) {
    txn::start();
    fresh();
    try {
      f();
      txn::commit();
    } catch (...) {
      txn::abort();
      throw;
    }
  };
  auto lookup = [&](int id) {
    Plan* p = b.plan(PlanKind::kIndexScan, b.list({oid::kInt4, oid::kInt4}));
    p->relation = &rel;
    p->index = &rel.indexes[0];
    p->columns = b.list<int16_t>({1, 2});
    auto* cond = b.arena.make<IndexCond>(IndexCond{0, btree::Strategy::kEqual, b.num(id)});
    p->index_conds = {cond, 1};
    return p;
  };
  step([&] {
    Plan* rows = b.project(b.series(3000), {b.col(0), b.num(0), b.text("some note")});
    b.run(modify(Command::kInsert, rows));
    CHECK(b.affected == 3000);
  });
  step([&] {
    AggCall count = b.agg(2803, oid::kInt8, {});
    CHECK(b.rows(b.aggregate(PlanKind::kSortAgg, scan({}, {}), {}, {count})) == "3000");
    CHECK(b.rows(lookup(77)) == "77,0");
    CHECK(b.rows(lookup(3001)) == "");
    // UPDATE t SET balance = balance + id WHERE id = 77 RETURNING id, balance
    Plan* p = lookup(77);
    p->columns = b.list<int16_t>({-1, 1, 2, 3});
    b.set_targets(p, {b.col(0, oid::kTid), b.col(1), b.add(b.col(2), b.col(1)), b.col(3, oid::kText)});
    Plan* u = modify(Command::kUpdate, p);
    u->returning = b.list({b.col(0), b.col(1)});
    u->returning_types = b.list({oid::kInt4, oid::kInt4});
    CHECK(b.rows(u) == "77,77");
    CHECK(b.affected == 1);
    txn::next_command();
    fresh();
    CHECK(b.rows(lookup(77)) == "77,77");
  });
  step([&] {
    // Every row, once: an UPDATE doesn't meet its own new versions.
    Plan* p = scan({-1, 1, 2, 3}, {oid::kTid, oid::kInt4, oid::kInt4, oid::kText});
    b.set_targets(p, {b.col(0, oid::kTid), b.add(b.col(1), b.num(10000)), b.col(2), b.col(3, oid::kText)});
    b.run(modify(Command::kUpdate, p));
    CHECK(b.affected == 3000);
    txn::next_command();
    fresh();
    CHECK(b.rows(lookup(10077)) == "10077,77");
    CHECK(b.rows(lookup(77)) == "");
  });
  CHECK(error_of([&] { step([&] { b.run(modify(Command::kInsert, b.project(b.series(1), {b.null(), b.num(1), b.text("x")}))); }); }) ==
        "23502 null value in column \"id\" of relation \"t\" violates not-null constraint");
  CHECK(error_of([&] { step([&] { b.run(modify(Command::kInsert, b.project(b.series(1), {b.num(10001), b.num(1), b.text("x")}))); }); }).starts_with("23505"));
  auto upsert = [&] {
    // INSERT … ON CONFLICT DO NOTHING, then DO UPDATE SET balance = t.balance + excluded.balance
    Query q{};
    ConflictClause c{};
    q.on_conflict = &c;
    const IndexDesc* arbiter = &rel.indexes[0];
    c.arbiters = {&arbiter, 1};
    Plan* rows = b.project(b.values({{10077, 5}, {1, 6}}), {b.col(0), b.col(1), b.text("n")});
    Plan* p = modify(Command::kInsert, rows);
    p->modify = &q;
    b.run(p);
    CHECK(b.affected == 1);
    txn::next_command();
    fresh();
    c.do_update = true;
    Expr* set[3] = {nullptr, b.add(b.col(1), b.col(1, oid::kInt4, 1)), nullptr};
    p->conflict_set = set;
    p->returning = b.list({b.col(0), b.col(1)});
    p->returning_types = b.list({oid::kInt4, oid::kInt4});
    CHECK(b.rows(p) == "10077,82 1,12");
    txn::next_command();
    fresh();
    rows->left = b.values({{1, 1}, {1, 1}});
    CHECK(error_of([&] { b.rows(p); }) == "21000 ON CONFLICT DO UPDATE command cannot affect row a second time");
    throw SqlError{sqlstate::kRaiseException, "roll back"};
  };
  CHECK(error_of([&] { step(upsert); }) == "P0001 roll back");
  txn::start();
  fresh();
  {
    // Index nested loop, and joins and grouping that spill, agree.
    Plan* inner = lookup(0);
    inner->index_conds[0].value = b.slot(0);
    b.stmt.n_exec_params = 1;
    Plan* outer = b.project(b.series(20000), {b.col(0)});
    Plan* loop = b.join(PlanKind::kNestLoop, JoinType::kInner, outer, inner, nullptr, nullptr, {b.col(0), b.col(1, oid::kInt4, 1)});
    loop->nest_params = b.list({b.col(0)});
    loop->nest_slots = b.list({0});
    auto by_loop = b.run(loop);
    CHECK(by_loop.size() == 3000);
    auto hash = [&](JoinType t) {
      return b.join(PlanKind::kHashJoin, t, outer, scan({1, 2, 3}, {oid::kInt4, oid::kInt4, oid::kText}), b.col(0), b.col(0, oid::kInt4, 1),
                    {b.col(0), b.col(1, oid::kInt4, 1), b.col(2, oid::kText, 1)});
    };
    for (JoinType t : {JoinType::kInner, JoinType::kFull}) {
      b.settings.work_mem_bytes = 64 << 20;
      auto in_memory = b.run(hash(t));
      b.settings.work_mem_bytes = 20 << 10;
      auto spilled = b.run(hash(t));
      std::sort(in_memory.begin(), in_memory.end());
      std::sort(spilled.begin(), spilled.end());
      CHECK(in_memory == spilled);
      CHECK(in_memory.size() == (t == JoinType::kInner ? 3000 : 20000));
    }
    Plan* groups = b.aggregate(PlanKind::kHashAgg, b.series(50000), {b.mod(b.col(0), b.num(20000))}, {b.agg(2803, oid::kInt8, {}), b.agg(2108, oid::kInt8, {b.col(0)})});
    b.settings.work_mem_bytes = 64 << 20;
    auto in_memory = b.run(groups);
    b.settings.work_mem_bytes = 100 << 10;
    auto spilled = b.run(groups);
    std::sort(in_memory.begin(), in_memory.end());
    std::sort(spilled.begin(), spilled.end());
    CHECK(in_memory.size() == 20000);
    CHECK(in_memory == spilled);
    Plan* big = b.plan(PlanKind::kMaterialize, b.list({oid::kInt4, oid::kText}), b.project(b.series(5000), {b.col(0), b.text("text that is long enough to spill")}));
    CHECK(b.run(big).size() == 5000);
    CHECK(b.run(big)[4999] == "5000,text that is long enough to spill");
  }
  txn::commit();
  step([&] {
    Plan* p = scan({-1, 1}, {oid::kTid, oid::kInt4});
    p->filter = b.gt(b.col(1), b.num(10010));
    b.set_targets(p, {b.col(0, oid::kTid)});
    b.run(modify(Command::kDelete, p));
    CHECK(b.affected == 2990);
  });
}
