// SELECT, VALUES and set operations.
#include <algorithm>

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"
#include "postgres/sql/analyze/cte_info.h"

namespace postern::sql {

using ast::as;
using ast::to;

Query* Analyzer::statement(State* parent, const ast::Stmt& s) {
  DepthGuard guard(*this);
  switch (s.kind) {
    case ast::StmtKind::kSelect: return select(parent, to<ast::SelectStmt>(s), true);
    case ast::StmtKind::kInsert: return insert(parent, to<ast::InsertStmt>(s));
    case ast::StmtKind::kUpdate: return update(parent, to<ast::UpdateStmt>(s));
    case ast::StmtKind::kDelete: return remove(parent, to<ast::DeleteStmt>(s));
    default: throw_unsupported(ast::stmt_name(s), s.position);
  }
}

Query* Analyzer::select(State* parent, const ast::SelectStmt& s, bool resolve_unknowns) {
  DepthGuard guard(*this);
  State st;
  st.parent = parent;
  st.q = node<Query>();
  st.resolve_unknowns = resolve_unknowns;
  st.locking = s.locking;
  if (s.with) with_clause(st, *s.with);
  if (s.op != ast::SetOp::kNone) return set_operation(st, s);
  return s.values.empty() ? select_body(st, s) : values_body(st, s);
}

void Analyzer::finish(State& st) {
  st.q->rtable = st.rt.span();
  st.q->ctes = st.ctes.span();
  st.q->windows = st.windows.span();
}

Query* Analyzer::select_body(State& st, const ast::SelectStmt& s) {
  Query& q = *st.q;
  q.from = from_clause(st, s.from);
  for (const ast::WindowDef* w : s.windows) {
    for (const ast::WindowDef* o : st.window_defs)
      if (o->name == w->name) throw SqlError{sqlstate::kWindowingError, cat("window \"", w->name, "\" is already defined"), "", "", w->position};
    const WindowDef* base = nullptr;
    if (!w->ref_name.empty()) {
      for (uint32_t i = 0; i < st.window_defs.size(); i++) if (st.window_defs[i]->name == w->ref_name) base = &st.windows[i];
      if (!base) throw SqlError{sqlstate::kUndefinedObject, cat("window \"", w->ref_name, "\" does not exist"), "", "", w->position};
    }
    WindowDef def = make_window(st, *w, base);
    def.name = w->name;
    st.window_defs.push(a_, w);
    st.windows.push(a_, def);
  }
  Vec<Target> targets;
  target_list(st, s.targets, Clause::kSelect, targets);
  if (s.where) q.where = coerce_to_boolean(expr(st, s.where, Clause::kWhere), "WHERE");
  if (s.having) q.having = coerce_to_boolean(expr(st, s.having, Clause::kHaving), "HAVING");
  Vec<SortKey> sort;
  order_by(st, s.order_by, targets, sort, Clause::kOrderBy);
  Vec<Expr*> groups;
  group_clause(st, s.group_by, targets, groups);
  q.group_by = groups.span();
  q.has_group = !s.group_by.empty() || q.has_aggs || q.having;
  if (s.distinct) {
    if (s.distinct_on.empty()) {
      for (const Target& t : targets)
        if (t.junk) throw SqlError{sqlstate::kInvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list", "", "", start_of(t.expr)};
      for (Target& t : targets) {
        resolve_unknown(t.expr);
        equality_fn(t.expr->type, t.expr->position);
      }
      if (targets.empty()) throw SqlError{sqlstate::kSyntaxError, "SELECT DISTINCT must have at least one column"};
      q.distinct = true;
    } else {
      Vec<Expr*> on;
      for (const ast::Expr* e : s.distinct_on) {
        Expr* x = sql92_target(st, e, targets, Clause::kDistinctOn);
        bool dup = false;
        for (Expr* o : on) dup |= o == x;
        equality_fn(x->type, x->position);
        if (!dup) on.push(a_, x);
      }
      // The leading ORDER BY expressions are those of DISTINCT ON, in any order.
      size_t matched = 0;
      bool skipped = false;
      for (const SortKey& k : sort) {
        bool in = false;
        for (Expr* o : on) in |= o == k.expr || same_expr(o, k.expr);
        if (in) {
          if (skipped) throw SqlError{sqlstate::kInvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", "", "", start_of(k.expr)};
          matched++;
        } else {
          skipped = true;
        }
      }
      if (skipped && matched < on.size())
        for (Expr* o : on) {
          bool in = false;
          for (const SortKey& k : sort) in |= o == k.expr || same_expr(o, k.expr);
          if (!in) throw SqlError{sqlstate::kInvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", "", "", start_of(o)};
        }
      q.distinct_on = on.span();
    }
  }
  limit_clause(st, s);
  if (st.resolve_unknowns) resolve_target_unknowns(targets);
  q.order_by = sort.span();
  q.targets = targets.span();
  finish(st);
  if (q.has_group) check_grouping(st, targets);
  locking_clause(st, s);
  return &q;
}

void Analyzer::resolve_target_unknowns(Vec<Target>& targets) {
  for (Target& t : targets) resolve_unknown(t.expr);
}

// ---------------------------------------------------------------- select list

namespace {

// FigureColname: a name and how good it is (0 none, 1 of a type, 2 real).
int figure_name(const ast::Expr* e, std::string_view* name) {
  if (!e) return 0;
  switch (e->kind) {
    case ast::ExprKind::kColumnRef: {
      auto& c = to<ast::ColumnRef>(*e);
      if (c.star || c.fields.empty()) return 0;
      *name = c.fields.back();
      return 2;
    }
    case ast::ExprKind::kIndirection: {
      auto& i = to<ast::IndirectionExpr>(*e);
      for (size_t k = i.steps.size(); k-- > 0;)
        if (!i.steps[k]->field.empty()) { *name = i.steps[k]->field; return 2; }
      return figure_name(i.arg, name);
    }
    case ast::ExprKind::kFunc: *name = to<ast::Func>(*e).name.back(); return 2;
    case ast::ExprKind::kOp: if (to<ast::Op>(*e).op == ast::OpKind::kNullIf) { *name = "nullif"; return 2; } return 0;
    case ast::ExprKind::kCast: {
      auto& c = to<ast::Cast>(*e);
      int s = figure_name(c.arg, name);
      if (s <= 1 && c.type) { *name = c.type->names.back(); return 1; }
      return s;
    }
    case ast::ExprKind::kCollate: return figure_name(to<ast::Collate>(*e).arg, name);
    case ast::ExprKind::kGroupingFunc: *name = "grouping"; return 2;
    case ast::ExprKind::kSubLink: {
      auto& s = to<ast::SubLink>(*e);
      if (s.sub == ast::SubLinkKind::kExists) { *name = "exists"; return 2; }
      if (s.sub == ast::SubLinkKind::kArray) { *name = "array"; return 2; }
      if (s.sub == ast::SubLinkKind::kScalar) {
        auto* sel = as<ast::SelectStmt>(s.select);
        while (sel && sel->op != ast::SetOp::kNone) sel = sel->left;
        if (!sel || sel->targets.empty()) { if (sel && !sel->values.empty()) { *name = "column1"; return 2; } return 0; }
        if (!sel->targets[0]->name.empty()) { *name = sel->targets[0]->name; return 2; }
        return figure_name(sel->targets[0]->expr, name);
      }
      return 0;
    }
    case ast::ExprKind::kCase: {
      int s = figure_name(to<ast::Case>(*e).otherwise, name);
      if (s <= 1) { *name = "case"; return 1; }
      return s;
    }
    case ast::ExprKind::kArray: *name = "array"; return 2;
    case ast::ExprKind::kRow: *name = "row"; return 2;
    case ast::ExprKind::kCoalesce: *name = "coalesce"; return 2;
    case ast::ExprKind::kMinMax: *name = to<ast::MinMax>(*e).greatest ? "greatest" : "least"; return 2;
    case ast::ExprKind::kSqlValue: {
      constexpr std::string_view names[] = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_role", "current_user", "user", "session_user", "current_catalog", "current_schema"};
      *name = names[static_cast<int>(to<ast::SqlValue>(*e).op)];
      return 2;
    }
    default: return 0;
  }
}

}  // namespace

std::string_view Analyzer::output_name(const ast::Expr* e) {
  std::string_view name;
  return figure_name(e, &name) && !name.empty() ? name : std::string_view("?column?");
}

void Analyzer::add_target(State& st, Vec<Target>& out, Expr* e, std::string_view name) {
  if (out.size() >= kMaxTargets) throw SqlError{sqlstate::kTooManyColumns, cat("target lists can have at most ", kMaxTargets, " entries")};
  Target t;
  t.expr = e;
  t.name = name;
  if (e->kind == ExprKind::kColumn && e->levels_up == 0 && e->rel >= 0 && e->attno != 0) {
    const RangeEntry* r = st.rt[e->rel];
    if (r->kind == RteKind::kTable) t.origin_table = r->relation->oid, t.origin_attno = e->attno;
    else if (r->view_of) t.origin_table = r->view_of->oid, t.origin_attno = e->attno;
    else if (const Query* sub = r->kind == RteKind::kSubquery ? r->subquery : r->kind == RteKind::kCte ? r->cte->query : nullptr; sub && e->attno > 0) {
      auto targets = sub->command == Command::kSelect ? sub->targets : sub->returning;
      if (static_cast<size_t>(e->attno) <= targets.size()) t.origin_table = targets[e->attno - 1].origin_table, t.origin_attno = targets[e->attno - 1].origin_attno;
    }
  }
  out.push(a_, t);
}

void Analyzer::expand_star(State& st, const ast::ColumnRef& c, Vec<Target>& out) {
  Vec<JoinColumn> cols;
  if (c.fields.empty()) {
    bool any = false;
    for (const NsItem& item : st.ns) {
      if (!item.cols_visible) continue;
      if (item.lateral_only) continue;
      any = true;
      item_columns(item, 0, c.position, cols);
    }
    if (!any) throw SqlError{sqlstate::kSyntaxError, "SELECT * with no tables specified is not valid", "", "", c.position};
  } else {
    std::string_view schema = c.fields.size() > 1 ? c.fields[c.fields.size() - 2] : std::string_view{};
    int levels = 0;
    const NsItem* item = c.fields.size() <= 3 ? find_item(st, schema, c.fields.back(), c.position, &levels) : nullptr;
    if (!item) {
      missing_table(st, schema, c.fields.back(), c.position);
    }
    item_columns(*item, levels, c.position, cols);
  }
  for (const JoinColumn& col : cols) add_target(st, out, col.expr, col.name);
}

void Analyzer::target_list(State& st, ast::List<ast::ResTarget> list, Clause clause, Vec<Target>& out) {
  Clause saved = st.clause;
  st.clause = clause;
  for (const ast::ResTarget* t : list) {
    if (auto* c = as<ast::ColumnRef>(t->expr); c && c->star) {
      expand_star(st, *c, out);
      continue;
    }
    if (auto* i = as<ast::IndirectionExpr>(t->expr); i && !i->steps.empty() && i->steps.back()->star) {
      // (expr).*
      Expr* base = transform(st, i->arg);
      base = indirection(st, base, i->steps.first(i->steps.size() - 1), i->position);
      Fields fields;
      if (!record_fields(base, fields, &st)) {
        if (base->type == oid::kRecord) throw SqlError{sqlstate::kInvalidColumnReference, "record type has not been registered", "", "", i->position};
        throw SqlError{sqlstate::kWrongObjectType, cat("type ", type_name(base->type), " is not composite"), "", "", i->position};
      }
      for (uint32_t k = 0; k < fields.names.size(); k++) {
        if (fields.names[k].empty()) continue;
        Expr* f = base->kind == ExprKind::kRow ? base->args[k] : field_of(st, base, fields.names[k], i->position, true);
        add_target(st, out, f, fields.names[k]);
      }
      continue;
    }
    Expr* e = transform(st, t->expr);
    if (e->type == kInvalidOid) e->type = oid::kUnknown;
    add_target(st, out, e, t->name.empty() ? output_name(t->expr) : t->name);
  }
  st.clause = saved;
}

// ---------------------------------------------------------------- ORDER BY, GROUP BY, DISTINCT ON

Expr* Analyzer::sql92_target(State& st, const ast::Expr* e, Vec<Target>& targets, Clause clause) {
  std::string_view where = clause_name(clause);
  if (auto* c = as<ast::ColumnRef>(e); c && c->fields.size() == 1 && !c->star) {
    std::string_view name = c->fields[0];
    bool try_output = true;
    // GROUP BY prefers an input column.
    if (clause == Clause::kGroupBy) {
      Clause saved = st.clause;
      st.clause = clause;
      State local = st;
      local.parent = nullptr;
      Expr* in = nullptr;
      if (Expr* x = find_column(local, name, c->position, false)) in = x;
      st.clause = saved;
      if (in) try_output = false;
    }
    if (try_output) {
      Target* found = nullptr;
      for (Target& t : targets) {
        if (t.junk || t.name != name) continue;
        if (found && !same_expr(found->expr, t.expr)) throw SqlError{sqlstate::kAmbiguousColumn, cat(where, " \"", name, "\" is ambiguous"), "", "", c->position};
        if (!found) found = &t;
      }
      if (found) {
        resolve_unknown(found->expr);
        if (clause == Clause::kGroupBy) check_no_aggs(st, found->expr, clause);
        return found->expr;
      }
    }
  }
  if (auto* k = as<ast::Const>(e)) {
    if (k->type != ast::ConstKind::kInt) throw SqlError{sqlstate::kSyntaxError, cat("non-integer constant in ", where), "", "", k->position};
    int pos = 0;
    for (Target& t : targets) {
      if (t.junk) continue;
      if (++pos != k->ival) continue;
      resolve_unknown(t.expr);
      if (clause == Clause::kGroupBy) check_no_aggs(st, t.expr, clause);
      return t.expr;
    }
    throw SqlError{sqlstate::kInvalidColumnReference, cat(where, " position ", k->ival, " is not in select list"), "", "", k->position};
  }
  Expr* x = expr(st, e, clause);
  for (Target& t : targets) {
    if (t.expr == x || same_expr(t.expr, x)) { resolve_unknown(t.expr); return t.expr; }
  }
  resolve_unknown(x);
  if (clause == Clause::kGroupBy) return x;
  Target t;
  t.expr = x;
  t.name = output_name(e);
  t.junk = true;
  targets.push(a_, t);
  return x;
}

SortKey Analyzer::sort_key(State&, const ast::SortBy& s, Expr* e) {
  SortKey k;
  k.expr = e;
  if (s.direction == ast::SortDirection::kUsing) {
    std::string_view op = s.using_op.back();
    const facts::OperFact* o = find_operator(s.using_op, e->type, e->type, false, s.position);
    if (op == ">" || op == "~>~") k.desc = true;
    else if (op != "<" && op != "~<~")
      throw SqlError{sqlstate::kWrongObjectType, cat("operator ", op, " is not a valid ordering operator"), "", "Ordering operators must be \"<\" or \">\" members of btree operator families.", s.position};
    k.lt_op = Oid{o->oid};
  } else {
    k.desc = s.direction == ast::SortDirection::kDesc;
    ordering_op(e->type, "<", true, e->position);
  }
  k.nulls_first = s.nulls == ast::NullsOrder::kDefault ? k.desc : s.nulls == ast::NullsOrder::kFirst;
  return k;
}

void Analyzer::order_by(State& st, ast::List<ast::SortBy> list, Vec<Target>& targets, Vec<SortKey>& out, Clause clause) {
  for (const ast::SortBy* s : list) {
    Expr* e = sql92_target(st, s->expr, targets, clause);
    SortKey k = sort_key(st, *s, e);
    bool dup = false;
    for (const SortKey& o : out) dup |= o.expr == e;
    if (!dup) out.push(a_, k);
  }
}

// The position of a grouping expression among the keys.
int Analyzer::group_key(State& st, const ast::Expr* e, Vec<Target>& targets, Vec<Expr*>& out) {
  Expr* x = sql92_target(st, e, targets, Clause::kGroupBy);
  if (x->kind == ExprKind::kColumn && x->attno == 0 && x->type == oid::kRecord) throw_unsupported("GROUP BY a whole row", x->position);
  equality_fn(x->type, x->position);
  for (size_t i = 0; i < out.size(); i++)
    if (out[i] == x || same_expr(out[i], x)) return static_cast<int>(i);
  out.push(a_, x);
  return static_cast<int>(out.size()) - 1;
}

namespace {

using GroupingSets = std::vector<std::vector<int>>;
constexpr size_t kMaxGroupingSets = 4096;

std::vector<int> joined(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> all = a;
  for (int k : b)
    if (std::find(all.begin(), all.end(), k) == all.end()) all.push_back(k);
  return all;
}

GroupingSets product(const GroupingSets& a, const GroupingSets& b, int position) {
  if (a.size() * b.size() > kMaxGroupingSets) throw SqlError{sqlstate::kStatementTooComplex, cat("too many grouping sets present (maximum ", kMaxGroupingSets, ")"), "", "", position};
  GroupingSets all;
  for (const auto& x : a)
    for (const auto& y : b) all.push_back(joined(x, y));
  return all;
}

}  // namespace

// The sets that one item of GROUP BY stands for: a plain expression is one set.
std::vector<std::vector<int>> Analyzer::group_sets(State& st, const ast::Expr* e, Vec<Target>& targets, Vec<Expr*>& out) {
  constexpr size_t kMaxCube = 12;
  auto all_of = [&](ast::List<ast::Expr> list) {   // ((a, b), c) grouped together
    std::vector<int> keys;
    for (const ast::Expr* x : list)
      for (const auto& set : group_sets(st, x, targets, out)) keys = joined(keys, set);
    return keys;
  };
  if (auto* r = as<ast::Row>(e); r && !r->explicit_row) return {all_of(r->args)};
  auto* g = as<ast::GroupingSet>(e);
  if (!g) return {{group_key(st, e, targets, out)}};
  GroupingSets sets;
  switch (g->set) {
    case ast::GroupingSetKind::kEmpty: return {{}};
    case ast::GroupingSetKind::kSimple: return {all_of(g->content)};
    case ast::GroupingSetKind::kSets:
      for (const ast::Expr* x : g->content)
        for (auto& set : group_sets(st, x, targets, out)) sets.push_back(std::move(set));
      return sets;
    case ast::GroupingSetKind::kRollup: {
      sets.push_back({});
      for (const ast::Expr* x : g->content) sets.push_back(joined(sets.back(), group_sets(st, x, targets, out)[0]));
      std::reverse(sets.begin(), sets.end());
      return sets;
    }
    case ast::GroupingSetKind::kCube: {
      std::vector<std::vector<int>> items;
      for (const ast::Expr* x : g->content) items.push_back(group_sets(st, x, targets, out)[0]);
      if (items.size() > kMaxCube) throw SqlError{sqlstate::kTooManyColumns, cat("CUBE is limited to ", kMaxCube, " elements"), "", "", g->position};
      for (size_t mask = size_t{1} << items.size(); mask-- > 0;) {
        std::vector<int> set;
        for (size_t i = 0; i < items.size(); i++)
          if (mask >> (items.size() - 1 - i) & 1) set = joined(set, items[i]);
        sets.push_back(std::move(set));
      }
      return sets;
    }
  }
  return sets;
}

void Analyzer::group_clause(State& st, ast::List<ast::Expr> list, Vec<Target>& targets, Vec<Expr*>& out) {
  GroupingSets sets{{}};
  for (const ast::Expr* e : list) sets = product(sets, group_sets(st, e, targets, out), e->position);
  if (sets.size() == 1 && sets[0].size() == out.size()) return;
  auto spans = alloc<std::span<int>>(sets.size());
  for (size_t i = 0; i < sets.size(); i++) {
    auto keys = alloc<int>(sets[i].size());
    std::copy(sets[i].begin(), sets[i].end(), keys.begin());
    spans[i] = keys;
  }
  st.q->grouping_sets = spans;
}

Expr* Analyzer::grouping_func(State& st, const ast::GroupingFunc& g) {
  constexpr size_t kMaxArguments = 31;
  switch (st.clause) {
    case Clause::kSelect: case Clause::kHaving: case Clause::kOrderBy: case Clause::kDistinctOn: case Clause::kWindowPartition: case Clause::kWindowOrder: break;
    default: throw SqlError{sqlstate::kGroupingError, cat("grouping operations are not allowed in ", clause_name(st.clause)), "", "", g.position};
  }
  if (g.args.size() > kMaxArguments) throw SqlError{sqlstate::kTooManyArguments, "GROUPING must have fewer than 32 arguments", "", "", g.position};
  Expr* e = make(ExprKind::kGrouping, oid::kInt4, g.position);
  Vec<Expr*> list;
  for (const ast::Expr* x : g.args) list.push(a_, expr(st, x));
  e->args = list.span();
  if (st.q) st.q->has_aggs = true;
  return e;
}

void Analyzer::limit_clause(State& st, const ast::SelectStmt& s) {
  auto one = [&](const ast::Expr* e, Clause c) -> Expr* {
    if (!e) return nullptr;
    std::string_view name = clause_name(c);
    Expr* x = coerce_to_int8(expr(st, e, c), name);
    if (contains_column_of_level(x, 0)) throw SqlError{sqlstate::kInvalidColumnReference, cat("argument of ", name, " must not contain variables"), "", "", start_of(x)};
    return x;
  };
  st.q->offset = one(s.offset, Clause::kOffset);
  st.q->limit = one(s.limit, Clause::kLimit);
  st.q->with_ties = s.with_ties;
  if (s.with_ties && st.q->limit && st.q->limit->kind == ExprKind::kConst && st.q->limit->null)
    throw SqlError{sqlstate::kInvalidRowCountInLimitClause, "row count cannot be null in FETCH FIRST ... WITH TIES clause"};
}

// ---------------------------------------------------------------- FOR UPDATE

namespace {

std::string_view lock_name(ast::LockStrength s) {
  switch (s) {
    case ast::LockStrength::kKeyShare: return "FOR KEY SHARE";
    case ast::LockStrength::kShare: return "FOR SHARE";
    case ast::LockStrength::kNoKeyUpdate: return "FOR NO KEY UPDATE";
    default: return "FOR UPDATE";
  }
}

void mark(Arena& a, Query& q, int rel, const ast::LockingClause& l) {
  Vec<RowMark> marks;
  uint8_t strength = static_cast<uint8_t>(l.strength), wait = static_cast<uint8_t>(l.wait);
  bool seen = false;
  for (RowMark m : q.row_marks) {
    if (m.rel == rel) {
      seen = true;
      m.strength = std::max(m.strength, strength);
      m.wait = std::max(m.wait, wait);
    }
    marks.push(a, m);
  }
  if (!seen) marks.push(a, RowMark{rel, strength, wait});
  q.row_marks = marks.span();
}

void lock_all(Arena& a, Query& q, const ast::LockingClause& l);

void lock_entry(Arena& a, Query& q, int rel, const ast::LockingClause& l) {
  RangeEntry* r = q.rtable[rel];
  if (r->kind == RteKind::kTable && r->relation->kind == 'r') mark(a, q, rel, l);
  else if (r->kind == RteKind::kSubquery && r->subquery) lock_all(a, *r->subquery, l);
}

void lock_all(Arena& a, Query& q, const ast::LockingClause& l) {
  for (size_t i = 0; i < q.rtable.size(); i++) lock_entry(a, q, static_cast<int>(i), l);
}

}  // namespace

void Analyzer::locking_clause(State& st, const ast::SelectStmt& s) {
  static_assert(static_cast<int>(ast::LockStrength::kUpdate) == static_cast<int>(heap::RowLock::kUpdate) && static_cast<int>(ast::LockWait::kSkipLocked) == static_cast<int>(lock::Wait::kSkip));
  Query& q = *st.q;
  for (const ast::LockingClause* l : s.locking) {
    std::string_view name = lock_name(l->strength);
    auto refuse = [&](std::string_view what) { return SqlError{sqlstate::kFeatureNotSupported, cat(name, " is not allowed with ", what)}; };
    if (q.set_tree) throw refuse("UNION/INTERSECT/EXCEPT");
    if (q.distinct || !q.distinct_on.empty()) throw refuse("DISTINCT clause");
    if (!q.group_by.empty() || !s.group_by.empty()) throw refuse("GROUP BY clause");
    if (q.having) throw refuse("HAVING clause");
    if (q.has_aggs) throw refuse("aggregate functions");
    if (q.has_windows) throw refuse("window functions");
    if (q.has_set_funcs) throw refuse("set-returning functions in the target list");
    if (l->relations.empty()) {
      lock_all(a_, q, *l);
      continue;
    }
    for (const ast::RangeVar* r : l->relations) {
      if (!r->schema.empty()) throw SqlError{sqlstate::kSyntaxError, cat(name, " must specify unqualified relation names"), "", "", r->position};
      bool found = false;
      for (const NsItem& item : st.ns) {
        if (item.alias != r->name || !item.rel_visible) continue;
        found = true;
        if (!item.rte) throw SqlError{sqlstate::kFeatureNotSupported, cat(name, " cannot be applied to a join"), "", "", r->position};
        switch (item.rte->kind) {
          case RteKind::kTable: case RteKind::kSubquery: lock_entry(a_, q, item.rel, *l); break;
          case RteKind::kFunction: throw SqlError{sqlstate::kFeatureNotSupported, cat(name, " cannot be applied to a function"), "", "", r->position};
          case RteKind::kValues: throw SqlError{sqlstate::kFeatureNotSupported, cat(name, " cannot be applied to VALUES"), "", "", r->position};
          case RteKind::kCte: throw SqlError{sqlstate::kFeatureNotSupported, cat(name, " cannot be applied to a WITH query"), "", "", r->position};
          default: break;
        }
      }
      if (!found) throw SqlError{sqlstate::kUndefinedTable, cat("relation \"", r->name, "\" in ", name, " clause not found in FROM clause"), "", "", r->position};
    }
  }
}

// ---------------------------------------------------------------- VALUES

Query* Analyzer::values_body(State& st, const ast::SelectStmt& s) {
  Query& q = *st.q;
  size_t columns = s.values[0].size();
  auto rows = alloc<std::span<Expr*>>(s.values.size());
  Clause saved = st.clause;
  st.clause = Clause::kValues;
  for (size_t r = 0; r < rows.size(); r++) {
    if (s.values[r].size() != columns)
      throw SqlError{sqlstate::kSyntaxError, "VALUES lists must all be the same length", "", "", s.values[r].empty() ? 0 : s.values[r][0]->position};
    rows[r] = expr_list(st, s.values[r]);
    if (r == 0) columns = rows[r].size();
  }
  st.clause = saved;
  auto* rte = node<RangeEntry>();
  rte->kind = RteKind::kValues;
  rte->alias = "*VALUES*";
  auto names = alloc<std::string_view>(columns);
  auto types = alloc<Oid>(columns);
  auto typmods = alloc<int32_t>(columns);
  auto collations = alloc<Oid>(columns);
  for (size_t c = 0; c < columns; c++) {
    auto col = alloc<Expr*>(rows.size());
    for (size_t r = 0; r < rows.size(); r++) col[r] = rows[r][c];
    Oid type = common_type(col, "VALUES");
    for (size_t r = 0; r < rows.size(); r++) rows[r][c] = col[r] = coerce_to_common(col[r], type, "VALUES");
    names[c] = intern(cat("column", c + 1));
    types[c] = type;
    typmods[c] = common_typmod(col, type);
    collations[c] = default_collation(type);
  }
  rte->values = rows;
  rte->columns = names;
  rte->types = types;
  rte->typmods = typmods;
  rte->collations = collations;
  int rel = add_rte(st, rte);
  st.ns.push(a_, item_of(st, rte, rel));
  q.from = leaf(rel);
  Vec<Target> targets;
  for (size_t c = 0; c < columns; c++) add_target(st, targets, column(*rte, rel, static_cast<int>(c) + 1, 0, rows[0][c]->position), names[c]);
  Vec<SortKey> sort;
  order_by(st, s.order_by, targets, sort, Clause::kOrderBy);
  limit_clause(st, s);
  if (!s.locking.empty()) throw SqlError{sqlstate::kFeatureNotSupported, cat(lock_name(s.locking[0]->strength), " cannot be applied to VALUES")};
  q.order_by = sort.span();
  q.targets = targets.span();
  finish(st);
  return &q;
}

// ---------------------------------------------------------------- set operations

namespace {

std::string_view set_name(SetOp op) {
  switch (op) {
    case SetOp::kUnion: case SetOp::kUnionAll: return "UNION";
    case SetOp::kIntersect: case SetOp::kIntersectAll: return "INTERSECT";
    default: return "EXCEPT";
  }
}

SetOp set_op(const ast::SelectStmt& s) {
  switch (s.op) {
    case ast::SetOp::kUnion: return s.all ? SetOp::kUnionAll : SetOp::kUnion;
    case ast::SetOp::kIntersect: return s.all ? SetOp::kIntersectAll : SetOp::kIntersect;
    default: return s.all ? SetOp::kExceptAll : SetOp::kExcept;
  }
}

size_t visible(std::span<Target> targets) {
  size_t n = 0;
  for (const Target& t : targets) n += !t.junk;
  return n;
}

}  // namespace

// A query that selects everything from q, so that its outputs can be wrapped in casts.
Query* Analyzer::wrap_query(Query* q) {
  auto* w = node<Query>();
  RangeEntry* rte = subquery_entry(q, "*SELECT*", {}, false);
  auto rt = alloc<RangeEntry*>(1);
  rt[0] = rte;
  w->rtable = rt;
  w->from = leaf(0);
  auto targets = alloc<Target>(rte->columns.size());
  for (size_t i = 0; i < targets.size(); i++) {
    targets[i].expr = column(*rte, 0, static_cast<int>(i) + 1, 0, 0);
    targets[i].name = rte->columns[i];
  }
  w->targets = targets;
  // The wrapped query is one level further in.
  shift_query(*q, 1);
  return w;
}

Query* Analyzer::first_leaf(SetTree* t) {
  while (!t->query) t = t->left;
  return t->query;
}

SetTree* Analyzer::set_leaf(State& st, const ast::SelectStmt& s) {
  if (s.into) throw SqlError{sqlstate::kSyntaxError, "INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT"};
  auto* t = node<SetTree>();
  t->query = select(&st, s, false);
  return t;
}

SetTree* Analyzer::set_tree(State& st, const ast::SelectStmt& s, bool top) {
  DepthGuard guard(*this);
  bool is_leaf = s.op == ast::SetOp::kNone || (!top && (!s.order_by.empty() || s.limit || s.offset || !s.locking.empty() || s.with));
  if (is_leaf) return set_leaf(st, s);
  auto* t = node<SetTree>();
  t->op = set_op(s);
  t->left = set_tree(st, *s.left, false);
  t->right = set_tree(st, *s.right, false);
  unify(t, set_name(t->op));
  return t;
}

std::span<Expr*> Analyzer::set_columns(SetTree* t) {
  Query* q = first_leaf(t);
  Vec<Expr*> out;
  for (const Target& x : q->targets) if (!x.junk) out.push(a_, x.expr);
  return out.span();
}

void Analyzer::coerce_outputs(SetTree* t, size_t col, Oid type, int32_t typmod, std::string_view name) {
  if (!t->query) {
    coerce_outputs(t->left, col, type, typmod, name);
    coerce_outputs(t->right, col, type, typmod, name);
    return;
  }
  Query* q = t->query;
  Expr* e = q->targets[col].expr;
  if (e->type == type) return;
  bool simple = e->kind == ExprKind::kConst || e->kind == ExprKind::kParam;
  if (!simple && (q->set_tree || q->distinct || !q->distinct_on.empty() || !q->order_by.empty())) {
    q = t->query = wrap_query(q);
    e = q->targets[col].expr;
  }
  Expr* to = coerce_to_common(e, type, name);
  for (SortKey& k : q->order_by) if (k.expr == e) k.expr = to;
  q->targets[col].expr = to;
}

void Analyzer::unify(SetTree* t, std::string_view name) {
  auto l = set_columns(t->left), r = set_columns(t->right);
  if (l.size() != r.size())
    throw SqlError{sqlstate::kSyntaxError, cat("each ", name, " query must have the same number of columns"), "", "", r.empty() ? 0 : start_of(r[0])};
  for (size_t i = 0; i < l.size(); i++) {
    Expr* both[] = {l[i], r[i]};
    Oid type = common_type(both, name);
    int32_t typmod = common_typmod(both, type);
    coerce_outputs(t->left, i, type, typmod, name);
    coerce_outputs(t->right, i, type, typmod, name);
    if (t->op != SetOp::kUnionAll) equality_fn(type, both[0]->position);
  }
}

Query* Analyzer::set_operation(State& st, const ast::SelectStmt& s) {
  if (!s.locking.empty()) throw SqlError{sqlstate::kFeatureNotSupported, cat(lock_name(s.locking[0]->strength), " is not allowed with UNION/INTERSECT/EXCEPT")};
  return finish_set_operation(st, s, set_tree(st, s, true));
}

Query* Analyzer::finish_set_operation(State& st, const ast::SelectStmt& s, SetTree* tree) {
  Query& q = *st.q;
  q.set_tree = tree;
  // A top-level unknown that met no type is text.
  Query* first = first_leaf(tree);
  size_t n = visible(first->targets);
  Vec<Target> targets;
  Vec<JoinColumn> cols;
  for (size_t i = 0; i < n; i++) {
    const Target& t = first->targets[i];
    Expr* e = make(ExprKind::kColumn, t.expr->type, t.expr->position);
    e->rel = -1;
    e->attno = static_cast<int16_t>(i + 1);
    e->collation = t.expr->collation;
    e->typmod = set_typmod(tree, i);
    Target out;
    out.expr = e;
    out.name = t.name;
    targets.push(a_, out);
    cols.push(a_, JoinColumn{t.name, e});
  }
  NsItem item;
  item.rel_visible = false;
  item.join = cols.span();
  Vec<NsItem> saved = st.ns;
  st.ns = {};
  st.ns.push(a_, item);
  Vec<SortKey> sort;
  State* parent = st.parent;
  order_by(st, s.order_by, targets, sort, Clause::kOrderBy);
  st.parent = parent;
  if (targets.size() > n)
    throw SqlError{sqlstate::kFeatureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", "Only result column names can be used, not expressions or functions.",
                   "Add the expression/function to every SELECT, or move the UNION into a FROM clause.", start_of(targets[n].expr)};
  st.ns = saved;
  limit_clause(st, s);
  q.order_by = sort.span();
  q.targets = targets.span();
  finish(st);
  return &q;
}

int32_t Analyzer::set_typmod(SetTree* t, size_t col) {
  if (t->query) return t->query->targets[col].expr->typmod;
  int32_t l = set_typmod(t->left, col), r = set_typmod(t->right, col);
  return l == r ? l : -1;
}

Query* Analyzer::recursive_union(State& outer, const ast::SelectStmt& s, CteInfo& info) {
  State st;
  st.parent = &outer;
  st.q = node<Query>();
  if (s.with) with_clause(st, *s.with);
  auto* t = node<SetTree>();
  t->op = set_op(s);
  t->left = set_tree(st, *s.left, false);
  for (Target& x : first_leaf(t->left)->targets) resolve_unknown(x.expr);
  cte_columns(info, first_leaf(t->left)->targets, info.names, info.position);
  info.may_refer = true;
  t->right = set_tree(st, *s.right, false);
  info.may_refer = false;
  auto l = set_columns(t->left), r = set_columns(t->right);
  if (l.size() == r.size() && info.self_references) {
    for (size_t i = 0; i < l.size(); i++) {
      Expr* both[] = {l[i], r[i]};
      Oid type = common_type(both, "UNION");
      if (type != l[i]->type)
        throw SqlError{sqlstate::kDatatypeMismatch, cat("recursive query \"", info.name, "\" column ", i + 1, " has type ", type_name(l[i]->type), " in non-recursive term but type ", type_name(type), " overall"), "",
                       "Cast the output of the non-recursive term to the correct type.", start_of(l[i])};
    }
  }
  unify(t, "UNION");
  return finish_set_operation(st, s, t);
}

}  // namespace postern::sql
