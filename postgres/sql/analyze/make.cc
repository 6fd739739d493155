// Building, copying, comparing and walking bound expressions.
#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {

Analyzer::Analyzer(std::string_view text, ParamTypes& params, AnalyzedStmt& out, Arena& arena) : a_(arena), text_(text), params_(params), out_(out) {
  cx_.arena = &arena;
  cx_.services = session_services();
  cx_.collation = oid::kDefaultCollation;
}

Expr* Analyzer::make(ExprKind kind, Oid type, int position) {
  Expr* e = a_.make<Expr>();
  e->kind = kind;
  e->type = type;
  e->collation = default_collation(type);
  e->position = position;
  return e;
}

std::span<Expr*> Analyzer::args(std::initializer_list<Expr*> list) {
  Expr** p = a_.alloc_array<Expr*>(list.size());
  std::copy(list.begin(), list.end(), p);
  return {p, list.size()};
}

Expr* Analyzer::constant(Oid type, Datum value, int position) {
  Expr* e = make(ExprKind::kConst, type, position);
  e->value = value;
  return e;
}

Expr* Analyzer::null_const(Oid type, int position) {
  Expr* e = make(ExprKind::kConst, type, position);
  e->null = true;
  return e;
}

Expr* Analyzer::string_const(std::string_view s, int position) { return constant(oid::kUnknown, make_bytes(a_, s), position); }

Expr* Analyzer::column(const RangeEntry& rte, int rel, int attno, int levels_up, int position) {
  Expr* e = make(ExprKind::kColumn, rte.types[attno - 1], position);
  e->typmod = rte.typmods[attno - 1];
  e->collation = rte.collations[attno - 1];
  e->rel = rel;
  e->attno = static_cast<int16_t>(attno);
  e->levels_up = static_cast<int16_t>(levels_up);
  return e;
}

// A copy for use `shift` levels further in. Sub-queries inside are shared: only called for expressions without any.
Expr* Analyzer::copy_expr(const Expr* e, int shift) {
  if (!e) return nullptr;
  Expr* c = a_.make<Expr>(*e);
  if (c->kind == ExprKind::kColumn || c->kind == ExprKind::kAgg) c->levels_up = static_cast<int16_t>(c->levels_up + shift);
  auto list = a_.copy(std::span<Expr* const>(e->args.data(), e->args.size()));
  Expr** p = a_.alloc_array<Expr*>(e->args.size());
  for (size_t i = 0; i < e->args.size(); i++) p[i] = copy_expr(list[i], shift);
  c->args = {p, e->args.size()};
  c->filter = copy_expr(e->filter, shift);
  return c;
}

Expr* Analyzer::and_of(Expr* l, Expr* r) {
  if (!l) return r;
  if (!r) return l;
  Expr* e = make(ExprKind::kAnd, oid::kBool, l->position);
  Vec<Expr*> all;
  for (Expr* side : {l, r}) {
    if (side->kind == ExprKind::kAnd) for (Expr* x : side->args) all.push(a_, x);
    else all.push(a_, side);
  }
  e->args = all.span();
  return e;
}

namespace {

// Adds `by` to references that leave the query at depth `depth` (1: q's own expressions).
void shift_refs(Expr* e, int depth, int by);

void shift_query_refs(const Query& q, int depth, int by) {
  walk_query_exprs(q, [&](const Expr* x, int more) { shift_refs(const_cast<Expr*>(x), depth + more, by); });
}

void shift_refs(Expr* e, int depth, int by) {
  if (!e) return;
  // Shared nodes must move once: a column that already left its depth is recognised by its sign bit in `number`.
  if ((e->kind == ExprKind::kColumn || e->kind == ExprKind::kAgg) && e->levels_up >= depth) {
    if (e->number == -9) return;
    e->number = -9;
    e->levels_up = static_cast<int16_t>(e->levels_up + by);
  }
  for (Expr* a : e->args) shift_refs(a, depth, by);
  shift_refs(e->filter, depth, by);
  for (SortKey& k : e->order) shift_refs(k.expr, depth, by);
  if (e->kind == ExprKind::kSubquery && e->subquery) shift_query_refs(*e->subquery, depth + 1, by);
}

void clear_marks(Expr* e) {
  if (!e) return;
  if (e->number == -9) e->number = 0;
  for (Expr* a : e->args) clear_marks(a);
  clear_marks(e->filter);
  for (SortKey& k : e->order) clear_marks(k.expr);
  if (e->kind == ExprKind::kSubquery && e->subquery) walk_query_exprs(*e->subquery, [&](const Expr* x, int) { clear_marks(const_cast<Expr*>(x)); });
}

}  // namespace

void Analyzer::shift_query(Query& q, int by) {
  shift_query_refs(q, 1, by);
  walk_query_exprs(q, [&](const Expr* x, int) { clear_marks(const_cast<Expr*>(x)); });
}

void for_each_child(const Expr& e, const std::function<void(Expr*)>& fn) {
  for (Expr* a : e.args)
    if (a) fn(a);
  if (e.filter) fn(e.filter);
  for (const SortKey& k : e.order) fn(k.expr);
}

namespace {

bool same_list(std::span<Expr* const> a, std::span<Expr* const> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!same_expr(a[i], b[i])) return false;
  return true;
}

bool same_value(const Expr& a, const Expr& b) {
  if (a.null || b.null) return a.null == b.null;
  const TypeInfo* t = a.type == oid::kUnknown ? nullptr : find_type(a.type);
  if (t && t->by_value) return a.value == b.value;
  return as_view(a.value) == as_view(b.value);
}

}  // namespace

bool same_expr(const Expr* a, const Expr* b) {
  if (a == b) return true;
  if (!a || !b || a->kind != b->kind || a->type != b->type || a->typmod != b->typmod || a->collation != b->collation) return false;
  switch (a->kind) {
    case ExprKind::kConst: return same_value(*a, *b);
    case ExprKind::kParam: return a->number == b->number;
    case ExprKind::kColumn: return a->rel == b->rel && a->attno == b->attno && a->levels_up == b->levels_up;
    case ExprKind::kSubquery: return false;
    default: break;
  }
  if (a->fn != b->fn || a->attno != b->attno || a->rel != b->rel || a->number != b->number || a->elem_type != b->elem_type || a->levels_up != b->levels_up || a->distinct != b->distinct ||
      a->star != b->star || a->variadic != b->variadic || a->order.size() != b->order.size())
    return false;
  for (size_t i = 0; i < a->order.size(); i++)
    if (!same_expr(a->order[i].expr, b->order[i].expr) || a->order[i].desc != b->order[i].desc || a->order[i].nulls_first != b->order[i].nulls_first) return false;
  if ((a->filter == nullptr) != (b->filter == nullptr) || (a->filter && !same_expr(a->filter, b->filter))) return false;
  return same_list(a->args, b->args);
}

bool contains_column_of_level(const Expr* e, int level) {
  if (!e) return false;
  if (e->kind == ExprKind::kColumn) return e->levels_up == level;
  for (const Expr* a : e->args) if (contains_column_of_level(a, level)) return true;
  if (contains_column_of_level(e->filter, level)) return true;
  for (const SortKey& k : e->order) if (contains_column_of_level(k.expr, level)) return true;
  if (e->kind == ExprKind::kSubquery && e->subquery) {
    bool found = false;
    walk_query_exprs(*e->subquery, [&](const Expr* x, int depth) { found = found || contains_column_of_level(x, level + 1 + depth); });
    return found;
  }
  return false;
}

int start_of(const Expr* e) {
  switch (e->kind) {
    case ExprKind::kConst: case ExprKind::kParam: case ExprKind::kColumn: case ExprKind::kAgg: case ExprKind::kWindow: case ExprKind::kCase: case ExprKind::kCoalesce:
    case ExprKind::kGreatest: case ExprKind::kLeast: case ExprKind::kRow: case ExprKind::kArray: case ExprKind::kValue:
      return e->position;
    default: break;
  }
  int best = e->position;
  for (const Expr* a : e->args) {
    int p = start_of(a);
    if (p && (!best || p < best)) best = p;
  }
  return best;
}

std::string dotted(ast::Names n) {
  std::string out;
  for (size_t i = 0; i < n.size(); i++) append(out, i ? "." : "", n[i]);
  return out;
}

std::string_view clause_name(Clause c) {
  switch (c) {
    case Clause::kSelect: return "SELECT";
    case Clause::kFrom: return "FROM";
    case Clause::kFromFunction: return "functions in FROM";
    case Clause::kJoinOn: return "JOIN conditions";
    case Clause::kWhere: return "WHERE";
    case Clause::kFilter: return "FILTER";
    case Clause::kHaving: return "HAVING";
    case Clause::kGroupBy: return "GROUP BY";
    case Clause::kOrderBy: return "ORDER BY";
    case Clause::kDistinctOn: return "DISTINCT ON";
    case Clause::kLimit: return "LIMIT";
    case Clause::kOffset: return "OFFSET";
    case Clause::kReturning: return "RETURNING";
    case Clause::kValues: return "VALUES";
    case Clause::kInsertTarget: return "INSERT";
    case Clause::kUpdateSource: return "UPDATE";
    case Clause::kWindowPartition: return "window definitions";
    case Clause::kWindowOrder: return "window definitions";
    case Clause::kWindowFrame: return "window definitions";
    case Clause::kCheck: return "check constraints";
    case Clause::kDefault: return "DEFAULT expressions";
    case Clause::kIndexExpr: return "index expressions";
    case Clause::kIndexPredicate: return "index predicates";
    case Clause::kExecute: return "EXECUTE parameters";
    case Clause::kCallArgument: return "CALL arguments";
    case Clause::kCopyWhere: return "COPY FROM WHERE conditions";
    case Clause::kOther: return "this context";
  }
  return "";
}

}  // namespace postern::sql
