// FROM: tables, views, sub-selects, functions, joins; WITH.
#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"
#include "postgres/sql/analyze/cte_info.h"
#include "postgres/sql/parse/parse.h"

namespace postern::sql {
namespace {

constexpr int kMaxViewDepth = 100;      // views over views: 54001

static constexpr std::string_view kEquals[] = {"="};

}  // namespace

FromItem* Analyzer::leaf(int rel) {
  auto* f = node<FromItem>();
  f->rel = rel;
  return f;
}

int Analyzer::add_rte(State& st, RangeEntry* rte) {
  st.rt.push(a_, rte);
  return static_cast<int>(st.rt.size() - 1);
}

NsItem Analyzer::item_of(State&, RangeEntry* rte, int rel) {
  NsItem item;
  item.alias = rte->alias;
  item.rte = rte;
  item.rel = rel;
  return item;
}

void Analyzer::apply_column_aliases(RangeEntry& rte, ast::Names columns) {
  if (columns.empty()) return;
  size_t available = 0;
  for (std::string_view c : rte.columns) available += !c.empty();
  if (columns.size() > available)
    throw SqlError{sqlstate::kInvalidColumnReference, cat("table \"", rte.alias, "\" has ", available, " columns available but ", columns.size(), " columns specified")};
  auto names = alloc<std::string_view>(rte.columns.size());
  size_t k = 0;
  for (size_t i = 0; i < names.size(); i++) names[i] = rte.columns[i].empty() || k >= columns.size() ? rte.columns[i] : columns[k++];
  rte.columns = names;
}

RangeEntry* Analyzer::relation_entry(RelationRef ref, std::string_view alias, ast::Names columns, bool inherit) {
  const RelationDesc& rel = *ref;
  out_.relations.push_back(std::move(ref));
  auto* rte = node<RangeEntry>();
  rte->kind = RteKind::kTable;
  rte->alias = alias.empty() ? std::string_view(rel.name) : alias;
  rte->relation = &rel;
  rte->inherit = inherit;
  size_t n = rel.attrs.size();
  auto names = alloc<std::string_view>(n);
  auto types = alloc<Oid>(n);
  auto typmods = alloc<int32_t>(n);
  auto collations = alloc<Oid>(n);
  for (size_t i = 0; i < n; i++) {
    const AttrDesc& a = rel.attrs[i];
    if (!a.dropped) names[i] = a.name;
    types[i] = a.type;
    typmods[i] = a.typmod;
    collations[i] = a.collation;
  }
  rte->columns = names;
  rte->types = types;
  rte->typmods = typmods;
  rte->collations = collations;
  apply_column_aliases(*rte, columns);
  return rte;
}

RangeEntry* Analyzer::subquery_entry(Query* q, std::string_view alias, ast::Names columns, bool lateral) {
  auto* rte = node<RangeEntry>();
  rte->kind = RteKind::kSubquery;
  rte->alias = alias;
  rte->subquery = q;
  rte->lateral = lateral;
  std::span<Target> targets = q->command == Command::kSelect ? q->targets : q->returning;
  size_t n = 0;
  for (const Target& t : targets) n += !t.junk;
  auto names = alloc<std::string_view>(n);
  auto types = alloc<Oid>(n);
  auto typmods = alloc<int32_t>(n);
  auto collations = alloc<Oid>(n);
  size_t i = 0;
  for (const Target& t : targets) {
    if (t.junk) continue;
    names[i] = t.name;
    types[i] = t.expr->type;
    typmods[i] = t.expr->typmod;
    collations[i] = t.expr->collation;
    i++;
  }
  rte->columns = names;
  rte->types = types;
  rte->typmods = typmods;
  rte->collations = collations;
  apply_column_aliases(*rte, columns);
  return rte;
}

RangeEntry* Analyzer::view_entry(RelationRef ref, std::string_view alias, ast::Names columns) {
  const RelationDesc& rel = *ref;
  if (++view_depth_ > kMaxViewDepth) throw SqlError{sqlstate::kStatementTooComplex, cat("views nested too deeply in view \"", rel.name, "\"")};
  out_.relations.push_back(ref);
  auto parsed = parse(rel.view_query, a_);
  if (parsed.empty() || parsed[0].stmt->kind != ast::StmtKind::kSelect) throw_internal(cat("definition of view \"", rel.name, "\" is not readable"));
  Query* q;
  try {
    q = select(nullptr, ast::to<ast::SelectStmt>(*parsed[0].stmt), true);
  } catch (SqlError& err) {
    err.position = 0;
    throw;
  }
  view_depth_--;
  RangeEntry* rte = subquery_entry(q, alias.empty() ? std::string_view(rel.name) : alias, {}, false);
  rte->view_of = &rel;
  // The view's own column names stand, whatever its text now says.
  if (rel.attrs.size() == rte->columns.size())
    for (size_t i = 0; i < rel.attrs.size(); i++) rte->columns[i] = rel.attrs[i].name;
  apply_column_aliases(*rte, columns);
  return rte;
}

Cte* Analyzer::find_cte(State& st, std::string_view name) {
  for (State* s = &st; s; s = s->parent)
    for (uint32_t i = s->ctes.size(); i-- > 0;)
      if (s->ctes[i]->name == name) return s->ctes[i];
  return nullptr;
}

bool Analyzer::is_locked(State& st, std::string_view alias) {
  if (st.locked_from_outside) return true;
  for (const ast::LockingClause* l : st.locking) {
    if (l->relations.empty()) return true;
    for (const ast::RangeVar* r : l->relations) if (r->name == alias) return true;
  }
  return false;
}

RelationRef Analyzer::open(const ast::RangeVar& r, lock::Mode mode) {
  if (!r.catalog.empty()) {
    auto db = catalog::find_database(r.catalog);
    if (!db || db->oid != catalog::my_database())
      throw SqlError{sqlstate::kFeatureNotSupported, cat("cross-database references are not implemented: \"", r.catalog, ".", r.schema, ".", r.name, "\""), "", "", r.position};
  }
  return catalog::open_relation(r.schema, r.name, mode, r.position);
}

FromItem* Analyzer::table_item(State& st, const ast::RangeVar& r, Vec<NsItem>& ns) {
  std::string_view alias = r.alias ? r.alias->name : r.name;
  ast::Names columns = r.alias ? r.alias->columns : ast::Names{};
  RangeEntry* rte = nullptr;
  Cte* cte = r.schema.empty() && r.catalog.empty() ? find_cte(st, r.name) : nullptr;
  if (cte) {
    auto* info = static_cast<CteInfo*>(cte);
    if (info->building && !info->may_refer)
      throw SqlError{sqlstate::kInvalidRecursion, info->is_union ? cat("recursive reference to query \"", r.name, "\" must not appear within its non-recursive term")
                                                                 : cat("recursive query \"", r.name, "\" does not have the form non-recursive-term UNION [ALL] recursive-term"), "", "", r.position};
    if (info->building && info->self_references) throw SqlError{sqlstate::kInvalidRecursion, cat("recursive reference to query \"", r.name, "\" must not appear more than once"), "", "", r.position};
    if (info->building) info->self_references++;
    if (!info->building && cte->query && cte->query->command != Command::kSelect && cte->query->returning.empty())
      throw SqlError{sqlstate::kFeatureNotSupported, cat("WITH query \"", r.name, "\" does not have a RETURNING clause"), "", "", r.position};
    cte->references++;
    rte = node<RangeEntry>();
    rte->kind = RteKind::kCte;
    rte->cte = cte;
    rte->alias = alias;
    rte->columns = info->columns;
    rte->types = info->types;
    rte->typmods = info->typmods;
    rte->collations = info->collations;
    apply_column_aliases(*rte, columns);
  } else {
    RelationRef rel;
    try {
      rel = open(r, is_locked(st, alias) ? lock::Mode::kRowShare : lock::Mode::kAccessShare);
    } catch (SqlError& err) {
      if (err.sqlstate == sqlstate::kUndefinedTable && r.schema.empty()) {
        for (State* s = &st; s; s = s->parent)
          for (std::string_view f : s->future_ctes)
            if (f == r.name) {
              err.detail = cat("There is a WITH item named \"", r.name, "\", but it cannot be referenced from this part of the query.");
              err.hint = "Use WITH RECURSIVE, or re-order the WITH items to remove forward references.";
            }
      }
      throw;
    }
    switch (rel->kind) {
      case 'r': case 'm': case 'S': case 't': rte = relation_entry(std::move(rel), alias, columns, r.inherit); break;
      case 'v': rte = view_entry(std::move(rel), alias, columns); break;
      case 'i': throw SqlError{sqlstate::kWrongObjectType, cat("cannot open relation \"", r.name, "\""), "This operation is not supported for indexes.", "", r.position};
      default: throw SqlError{sqlstate::kWrongObjectType, cat("cannot open relation \"", r.name, "\""), "", "", r.position};
    }
  }
  int rel = add_rte(st, rte);
  ns.push(a_, item_of(st, rte, rel));
  return leaf(rel);
}

FromItem* Analyzer::subselect_item(State& st, const ast::RangeSubselect& r, Vec<NsItem>& ns) {
  if (!r.alias) throw SqlError{sqlstate::kSyntaxError, "subquery in FROM must have an alias", "", "For example, FROM (SELECT ...) [AS] foo.", r.position};
  auto* sel = ast::as<ast::SelectStmt>(r.select);
  if (!sel) throw_internal("FROM item is no SELECT");
  if (sel->into) throw SqlError{sqlstate::kSyntaxError, "subquery in FROM cannot have SELECT INTO", "", "", r.position};
  bool saved = st.lateral_active;
  st.lateral_active = r.lateral;
  Query* q = select(&st, *sel, true);
  st.lateral_active = saved;
  RangeEntry* rte = subquery_entry(q, r.alias->name, r.alias->columns, r.lateral);
  int rel = add_rte(st, rte);
  ns.push(a_, item_of(st, rte, rel));
  return leaf(rel);
}

namespace {

std::string_view function_name(const ast::Expr* call) {
  if (auto* f = ast::as<ast::Func>(call)) return f->name.back();
  if (auto* c = ast::as<ast::Cast>(call)) return c->type->names.back();
  if (call->kind == ast::ExprKind::kCoalesce) return "coalesce";
  return "";
}

}  // namespace

FromItem* Analyzer::function_item(State& st, const ast::RangeFunction& r, Vec<NsItem>& ns) {
  bool saved_lateral = st.lateral_active;
  Clause saved_clause = st.clause;
  bool saved_set_funcs = st.q->has_set_funcs;   // of the select list only
  st.lateral_active = true;
  st.clause = Clause::kFromFunction;
  struct One { Expr* call; std::string_view name; ast::List<ast::ColumnDef> columns; };
  Vec<One> calls;
  for (const ast::RangeFunctionItem* item : r.functions) {
    auto* f = ast::as<ast::Func>(item->call);
    auto columns = item->columns.empty() && r.functions.size() == 1 ? r.columns : item->columns;
    if (f && f->name.back() == "unnest" && f->args.size() > 1 && f->name.size() == 1 && columns.empty()) {
      // unnest(a, b) is ROWS FROM (unnest(a), unnest(b)).
      for (size_t i = 0; i < f->args.size(); i++) {
        ast::Func one = *f;
        one.args = f->args.subspan(i, 1);
        calls.push(a_, One{transform(st, a_.make<ast::Func>(one)), "unnest", {}});
      }
      continue;
    }
    std::string_view name = function_name(item->call);
    Expr* call = transform(st, item->call);
    if (name.empty() && call->kind == ExprKind::kValue) {
      constexpr std::string_view names[] = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_role", "current_user", "user", "session_user", "current_catalog", "current_schema"};
      name = names[call->number];
    }
    calls.push(a_, One{call, name, columns});
  }
  st.lateral_active = saved_lateral;
  st.clause = saved_clause;
  st.q->has_set_funcs = saved_set_funcs;

  auto* rte = node<RangeEntry>();
  rte->kind = RteKind::kFunction;
  rte->lateral = true;
  rte->ordinality = r.ordinality;
  rte->alias = r.alias ? r.alias->name : calls[0].name;
  auto functions = alloc<Expr*>(calls.size());
  auto counts = alloc<int>(calls.size());
  Fields all;
  for (uint32_t i = 0; i < calls.size(); i++) {
    Expr* e = calls[i].call;
    resolve_unknown(e);
    functions[i] = e;
    const facts::ProcFact* p = e->kind == ExprKind::kFunc || e->kind == ExprKind::kSetFunc ? facts::find_proc(e->fn) : nullptr;
    uint32_t before = all.names.size();
    Fields fields;
    bool needs_list = e->type == oid::kRecord && (!p || p->modes().empty());
    if (!calls[i].columns.empty()) {
      if (e->type != oid::kRecord)
        throw SqlError{sqlstate::kSyntaxError, "a column definition list is only allowed for functions returning \"record\"", "", "", e->position};
      if (!needs_list) throw SqlError{sqlstate::kSyntaxError, "a column definition list is redundant for a function with OUT parameters", "", "", e->position};
      for (const ast::ColumnDef* d : calls[i].columns) {
        int32_t typmod;
        all.names.push(a_, d->name);
        all.types.push(a_, resolve_type(*d->type, &typmod));
        all.typmods.push(a_, typmod);
      }
    } else if (needs_list && e->kind != ExprKind::kRow) {
      throw SqlError{sqlstate::kSyntaxError, "a column definition list is required for functions returning \"record\"", "", "", e->position};
    } else if (is_composite(e->type) && record_fields(e, fields)) {
      for (uint32_t k = 0; k < fields.names.size(); k++) {
        all.names.push(a_, fields.names[k]);
        all.types.push(a_, fields.types[k]);
        all.typmods.push(a_, fields.typmods[k]);
      }
    } else {
      std::string_view name = r.alias && calls.size() == 1 ? r.alias->name : calls[i].name;
      if (!(r.alias && calls.size() == 1) && p && !p->modes().empty()) {
        Fields out;
        out_columns(*p, *this, out);
        if (out.names.size() == 1) name = out.names[0];
      }
      all.names.push(a_, name);
      all.types.push(a_, e->type);
      all.typmods.push(a_, e->typmod);
    }
    counts[i] = static_cast<int>(all.names.size() - before);
  }
  if (r.ordinality) {
    all.names.push(a_, "ordinality");
    all.types.push(a_, oid::kInt8);
    all.typmods.push(a_, -1);
  }
  rte->functions = functions;
  rte->function_columns = counts;
  rte->columns = all.names.span();
  rte->types = all.types.span();
  rte->typmods = all.typmods.span();
  auto collations = alloc<Oid>(all.types.size());
  for (size_t i = 0; i < collations.size(); i++) collations[i] = default_collation(rte->types[i]);
  rte->collations = collations;
  if (r.alias) apply_column_aliases(*rte, r.alias->columns);
  int rel = add_rte(st, rte);
  ns.push(a_, item_of(st, rte, rel));
  return leaf(rel);
}

FromItem* Analyzer::join_item(State& st, const ast::JoinExpr& j, Vec<NsItem>& ns) {
  DepthGuard guard(*this);
  Vec<NsItem> left_ns, right_ns;
  FromItem* left = from_item(st, *j.left, left_ns);
  uint32_t outer = st.ns.size();
  bool lateral_ok = j.join == ast::JoinKind::kInner || j.join == ast::JoinKind::kLeft;
  for (NsItem item : left_ns) {
    item.lateral_only = true;
    item.lateral_ok = lateral_ok;
    st.ns.push(a_, item);
  }
  FromItem* right = from_item(st, *j.right, right_ns);
  st.ns.truncate(outer);
  for (const NsItem& r : right_ns)
    if (r.rel_visible) check_unique_alias(left_ns, 0, r.alias, r.table, 0);

  auto* f = node<FromItem>();
  f->is_join = true;
  f->left = left;
  f->right = right;
  switch (j.join) {
    case ast::JoinKind::kInner: f->join = JoinType::kInner; break;
    case ast::JoinKind::kLeft: f->join = JoinType::kLeft; break;
    case ast::JoinKind::kRight: f->join = JoinType::kRight; break;
    case ast::JoinKind::kFull: f->join = JoinType::kFull; break;
  }
  Vec<JoinColumn> lcols, rcols;
  bool merge = j.natural || !j.using_columns.empty();
  if (merge || j.alias) {
    for (const NsItem& i : left_ns) if (i.cols_visible) item_columns(i, 0, 0, lcols);
    for (const NsItem& i : right_ns) if (i.cols_visible) item_columns(i, 0, 0, rcols);
  }
  Vec<JoinColumn> merged;
  if (merge) {
    Vec<std::string_view> names;
    if (j.natural) {
      for (const JoinColumn& l : lcols)
        for (const JoinColumn& r : rcols)
          if (l.name == r.name) { names.push(a_, l.name); break; }
    } else {
      for (std::string_view n : j.using_columns) {
        for (std::string_view seen : names) if (seen == n) throw SqlError{sqlstate::kDuplicateColumn, cat("column name \"", n, "\" appears more than once in USING clause")};
        names.push(a_, n);
      }
    }
    for (std::string_view n : names) {
      auto find = [&](Vec<JoinColumn>& cols, std::string_view side) {
        JoinColumn* found = nullptr;
        for (JoinColumn& c : cols) {
          if (c.name != n) continue;
          if (found) throw SqlError{sqlstate::kAmbiguousColumn, cat("common column name \"", n, "\" appears more than once in ", side, " table")};
          found = &c;
        }
        if (!found) throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", n, "\" specified in USING clause does not exist in ", side, " table")};
        return found;
      };
      Expr* l = find(lcols, "left")->expr;
      Expr* r = find(rcols, "right")->expr;
      f->on = and_of(f->on, op_expr(st, kEquals, copy_expr(l, 0), copy_expr(r, 0), 0));
      Expr* both[] = {l, r};
      Oid type = common_type(both, "JOIN/USING");
      int32_t typmod = common_typmod(both, type);
      Expr* lc = coerce_type(l, type, typmod, Coercion::kImplicit, false, 0);
      Expr* rc = coerce_type(r, type, typmod, Coercion::kImplicit, false, 0);
      Expr* m;
      switch (j.join) {
        case ast::JoinKind::kInner: m = lc->kind == ExprKind::kColumn || rc->kind != ExprKind::kColumn ? lc : rc; break;
        case ast::JoinKind::kLeft: m = lc; break;
        case ast::JoinKind::kRight: m = rc; break;
        default:
          m = make(ExprKind::kCoalesce, type);
          m->typmod = typmod;
          m->args = args({lc, rc});
      }
      merged.push(a_, JoinColumn{n, m});
    }
    f->using_columns = names.span();
    if (!f->on && j.join == ast::JoinKind::kInner) f->join = JoinType::kCross;
    if (!f->on && j.join != ast::JoinKind::kInner) f->on = bool_const(true);
  } else if (j.on) {
    Vec<NsItem> saved = st.ns;
    st.ns = {};
    for (NsItem i : left_ns) st.ns.push(a_, i);
    for (NsItem i : right_ns) st.ns.push(a_, i);
    bool lateral = st.lateral_active;
    st.lateral_active = false;
    f->on = coerce_to_boolean(expr(st, j.on, Clause::kJoinOn), "JOIN/ON");
    st.lateral_active = lateral;
    st.ns = saved;
  } else if (j.join == ast::JoinKind::kInner) {
    f->join = JoinType::kCross;
  }
  if (!merge && !j.alias) {
    for (const NsItem& i : left_ns) ns.push(a_, i);
    for (const NsItem& i : right_ns) ns.push(a_, i);
    return f;
  }
  // Names of the sides stay usable with a qualifier, unless the join has an alias.
  if (!j.alias) {
    for (auto* side : {&left_ns, &right_ns})
      for (NsItem i : *side) { i.cols_visible = false; ns.push(a_, i); }
  }
  Vec<JoinColumn> cols;
  auto is_merged = [&](std::string_view n) { for (const JoinColumn& m : merged) if (m.name == n) return true; return false; };
  for (const JoinColumn& m : merged) cols.push(a_, m);
  for (const JoinColumn& c : lcols) if (!is_merged(c.name)) cols.push(a_, c);
  for (const JoinColumn& c : rcols) if (!is_merged(c.name)) cols.push(a_, c);
  if (j.using_alias) {
    NsItem u;
    u.alias = j.using_alias->name;
    auto list = alloc<JoinColumn>(merged.size());
    std::copy(merged.begin(), merged.end(), list.begin());
    u.join = list;
    u.cols_visible = false;
    check_unique_alias(ns, 0, u.alias, kInvalidOid, 0);
    ns.push(a_, u);
  }
  NsItem item;
  item.rel_visible = j.alias != nullptr;
  if (j.alias) {
    item.alias = j.alias->name;
    if (j.alias->columns.size() > cols.size())
      throw SqlError{sqlstate::kSyntaxError, cat("column alias list for \"", item.alias, "\" has too many entries")};
    for (size_t i = 0; i < j.alias->columns.size(); i++) cols[i].name = j.alias->columns[i];
  }
  item.join = cols.span();
  ns.push(a_, item);
  return f;
}

FromItem* Analyzer::from_item(State& st, const ast::FromNode& n, Vec<NsItem>& ns) {
  switch (n.kind) {
    case ast::FromKind::kTable: return table_item(st, ast::to<ast::RangeVar>(n), ns);
    case ast::FromKind::kSubselect: return subselect_item(st, ast::to<ast::RangeSubselect>(n), ns);
    case ast::FromKind::kFunction: return function_item(st, ast::to<ast::RangeFunction>(n), ns);
    case ast::FromKind::kJoin: return join_item(st, ast::to<ast::JoinExpr>(n), ns);
    case ast::FromKind::kUnsupported: throw_unsupported(ast::to<ast::UnsupportedFrom>(n).name, n.position);
  }
  return nullptr;
}

FromItem* Analyzer::from_clause(State& st, ast::List<ast::FromNode> from) {
  FromItem* all = nullptr;
  uint32_t first = st.ns.size();
  for (const ast::FromNode* n : from) {
    Vec<NsItem> ns;
    FromItem* f = from_item(st, *n, ns);
    for (NsItem& i : ns) {
      if (i.rel_visible) check_unique_alias(st.ns, 0, i.alias, i.table, 0);
      i.lateral_only = true;
      i.lateral_ok = true;
    }
    for (const NsItem& i : ns) st.ns.push(a_, i);
    if (!all) {
      all = f;
    } else {
      auto* cross = node<FromItem>();
      cross->is_join = true;
      cross->comma = true;
      cross->join = JoinType::kCross;
      cross->left = all;
      cross->right = f;
      all = cross;
    }
  }
  for (uint32_t i = first; i < st.ns.size(); i++) st.ns[i].lateral_only = false;
  return all;
}

// ---------------------------------------------------------------- WITH

namespace {

void fill_columns(Arena& a, CteInfo& info, std::span<Target> targets, ast::Names names, int position) {
  size_t n = 0;
  for (const Target& t : targets) n += !t.junk;
  if (names.size() > n) throw SqlError{sqlstate::kInvalidColumnReference, cat("WITH query \"", info.name, "\" has ", n, " columns available but ", names.size(), " columns specified"), "", "", position};
  auto* cols = a.alloc_array<std::string_view>(n);
  auto* types = a.alloc_array<Oid>(n);
  auto* typmods = a.alloc_array<int32_t>(n);
  auto* collations = a.alloc_array<Oid>(n);
  size_t i = 0;
  for (const Target& t : targets) {
    if (t.junk) continue;
    cols[i] = i < names.size() ? names[i] : t.name;
    types[i] = t.expr->type;
    typmods[i] = t.expr->typmod;
    collations[i] = t.expr->collation;
    i++;
  }
  info.columns = {cols, n};
  info.types = {types, n};
  info.typmods = {typmods, n};
  info.collations = {collations, n};
}

}  // namespace

void Analyzer::cte_columns(CteInfo& info, std::span<Target> targets, ast::Names names, int position) { fill_columns(a_, info, targets, names, position); }

void Analyzer::one_cte(State& st, const ast::CteDef& d, bool recursive) {
  if (d.search_or_cycle) throw_unsupported("SEARCH and CYCLE clauses", d.position);
  auto* info = node<CteInfo>();
  info->name = d.name;
  info->materialized = static_cast<int8_t>(d.materialize);
  auto* sel = ast::as<ast::SelectStmt>(d.query);
  if (recursive && sel) {
    info->building = true;
    info->is_union = sel->op == ast::SetOp::kUnion;
    info->names = d.columns;
    info->position = d.position;
    st.ctes.push(a_, info);
    bool plain_union = info->is_union && sel->order_by.empty() && !sel->limit && !sel->offset && sel->locking.empty();
    info->query = plain_union ? recursive_union(st, *sel, *info) : select(&st, *sel, true);
    info->building = false;
    info->recursive = info->self_references > 0;
    cte_columns(*info, info->query->targets, d.columns, d.position);
    return;
  }
  if (sel && sel->into) throw SqlError{sqlstate::kSyntaxError, "subquery in WITH cannot have SELECT INTO", "", "", d.position};
  if (!sel && st.parent) throw SqlError{sqlstate::kFeatureNotSupported, "WITH clause containing a data-modifying statement must be at the top level", "", "", d.position};
  info->query = statement(&st, *d.query);
  cte_columns(*info, info->query->command == Command::kSelect ? info->query->targets : info->query->returning, d.columns, d.position);
  st.ctes.push(a_, info);
}

void Analyzer::with_clause(State& st, const ast::WithClause& w) {
  for (size_t i = 0; i < w.ctes.size(); i++)
    for (size_t k = i + 1; k < w.ctes.size(); k++)
      if (w.ctes[i]->name == w.ctes[k]->name)
        throw SqlError{sqlstate::kDuplicateAlias, cat("WITH query name \"", w.ctes[k]->name, "\" specified more than once"), "", "", w.ctes[k]->position};
  for (size_t i = 0; i < w.ctes.size(); i++) {
    st.future_ctes.truncate(0);
    for (size_t k = i; k < w.ctes.size(); k++) st.future_ctes.push(a_, w.ctes[k]->name);
    one_cte(st, *w.ctes[i], w.recursive);
  }
  st.future_ctes.truncate(0);
}

}  // namespace postern::sql
