// INSERT, UPDATE, DELETE.
//
// The target is always range entry 0. Invariant: targets[i] is already of the type and modifier of column set_attnos[i].
#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"
#include "postgres/sql/parse/parse.h"

namespace postern::sql {

using ast::as;
using ast::to;

const RelationDesc& Analyzer::open_target(State& st, const ast::RangeVar& r, RelationRef& ref) {
  if (r.schema.empty() && find_cte(st, r.name)) throw SqlError{sqlstate::kUndefinedTable, cat("relation \"", r.name, "\" cannot be the target of a modifying statement"), "", "", r.position};
  ref = open(r, lock::Mode::kRowExclusive);
  const RelationDesc& rel = *ref;
  std::string_view verb = st.q->command == Command::kInsert ? "INSERT into" : st.q->command == Command::kUpdate ? "UPDATE of" : "DELETE from";
  switch (rel.kind) {
    case 'r': break;
    case 'v': throw_unsupported(cat(verb, " a view"), r.position);
    case 'S': throw SqlError{sqlstate::kWrongObjectType, cat("cannot change sequence \"", rel.name, "\"")};
    case 't': throw SqlError{sqlstate::kWrongObjectType, cat("cannot change TOAST relation \"", rel.name, "\"")};
    case 'm': throw SqlError{sqlstate::kWrongObjectType, cat("cannot change materialized view \"", rel.name, "\"")};
    case 'i': throw SqlError{sqlstate::kWrongObjectType, cat("cannot open relation \"", rel.name, "\""), "This operation is not supported for indexes.", "", r.position};
    default: throw SqlError{sqlstate::kWrongObjectType, cat("cannot open relation \"", rel.name, "\""), "", "", r.position};
  }
  for (const AttrDesc& a : rel.attrs) if (a.generated) throw_unsupported("generated columns");
  RangeEntry* rte = relation_entry(ref, r.alias ? r.alias->name : std::string_view{}, {}, r.inherit);
  st.q->result_rel = add_rte(st, rte);
  return rel;
}

Expr* Analyzer::default_of(const RelationDesc& rel, int attno) {
  const AttrDesc& a = rel.attrs[attno - 1];
  if (a.identity) {
    Expr* e = make(ExprKind::kNextval, oid::kInt8);
    e->number = static_cast<int>(raw(a.identity_sequence));
    return coerce_to_target(e, a.type, a.typmod, Coercion::kAssignment, false, 0);
  }
  if (a.default_expr.empty()) return nullptr;
  auto parsed = parse(a_.copy(std::string_view(cat("SELECT ", a.default_expr))), a_);
  State st;
  auto& sel = to<ast::SelectStmt>(*parsed[0].stmt);
  try {
    Expr* e = expr(st, sel.targets[0]->expr, Clause::kDefault);
    return assign_to_column(e, rel, attno, a.name, 0);
  } catch (SqlError& err) {
    err.position = 0;
    throw;
  }
}

Expr* Analyzer::assign_to_column(Expr* e, const RelationDesc& rel, int attno, std::string_view what, int position) {
  const AttrDesc& a = rel.attrs[attno - 1];
  Oid from = e->type;
  Expr* r = coerce_to_target(e, a.type, a.typmod, Coercion::kAssignment, false, 0);
  if (!r)
    throw SqlError{sqlstate::kDatatypeMismatch, cat("column \"", what, "\" is of type ", type_name(a.type), " but expression is of type ", type_name(from)), "",
                   "You will need to rewrite or cast the expression.", start_of(e) ? start_of(e) : position};
  return r;
}

namespace {

int find_attno(const RelationDesc& rel, std::string_view name) {
  for (size_t i = 0; i < rel.attrs.size(); i++)
    if (!rel.attrs[i].dropped && rel.attrs[i].name == name) return static_cast<int>(i) + 1;
  return 0;
}

}  // namespace

Vec<int16_t> Analyzer::insert_columns(const ast::InsertStmt& s, const RelationDesc& rel) {
  Vec<int16_t> out;
  if (s.columns.empty()) {
    for (int i = 1; i <= rel.natts(); i++)
      if (!rel.attrs[i - 1].dropped) out.push(a_, static_cast<int16_t>(i));
    return out;
  }
  for (const ast::ResTarget* t : s.columns) {
    int attno = find_attno(rel, t->name);
    if (!attno) {
      if (system_attno(t->name)) throw SqlError{sqlstate::kFeatureNotSupported, cat("cannot assign to system column \"", t->name, "\""), "", "", t->position};
      throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", t->name, "\" of relation \"", rel.name, "\" does not exist"), "", "", t->position};
    }
    if (!t->indirection.empty()) throw_unsupported("assignment to array elements or fields", t->position);
    for (int16_t o : out)
      if (o == attno) throw SqlError{sqlstate::kDuplicateColumn, cat("column \"", t->name, "\" specified more than once"), "", "", t->position};
    out.push(a_, static_cast<int16_t>(attno));
  }
  return out;
}

// A column GENERATED ALWAYS AS IDENTITY takes only DEFAULT.
void Analyzer::check_identity(const RelationDesc& rel, int attno, bool is_default, bool overriding, int position, bool update) {
  const AttrDesc& a = rel.attrs[attno - 1];
  if (a.identity != 'a' || is_default || overriding) return;
  SqlError err{sqlstate::kGeneratedAlways, update ? cat("column \"", a.name, "\" can only be updated to DEFAULT") : cat("cannot insert a non-DEFAULT value into column \"", a.name, "\""),
               cat("Column \"", a.name, "\" is an identity column defined as GENERATED ALWAYS."), update ? "" : "Use OVERRIDING SYSTEM VALUE to override."};
  (void)position;
  throw err;
}

Expr* Analyzer::insert_value(State& st, const ast::Expr* e, const RelationDesc& rel, int16_t attno, bool* is_default, int position) {
  *is_default = e->kind == ast::ExprKind::kDefault;
  if (*is_default) {
    if (Expr* d = default_of(rel, attno)) return d;
    return null_const(rel.attrs[attno - 1].type, e->position);
  }
  return assign_to_column(transform(st, e), rel, attno, rel.attrs[attno - 1].name, position);
}

void Analyzer::insert_values(State& st, const ast::InsertStmt& s, const RelationDesc& rel, Vec<int16_t>& attnos) {
  auto& sel = to<ast::SelectStmt>(*s.source);
  Query& q = *st.q;
  size_t n_rows = sel.values.size();
  bool user = s.overriding == ast::Overriding::kUser, system = s.overriding == ast::Overriding::kSystem;
  auto check_count = [&](size_t n, const ast::Expr* extra) {
    if (n > attnos.size()) throw SqlError{sqlstate::kSyntaxError, "INSERT has more expressions than target columns", "", "", extra ? extra->position : 0};
    if (!s.columns.empty() && n < attnos.size()) throw SqlError{sqlstate::kSyntaxError, "INSERT has more target columns than expressions", "", "", s.columns[n]->position};
  };
  auto overridden = [&](int16_t attno) { return user && rel.attrs[attno - 1].identity; };
  size_t width = sel.values[0].size();
  check_count(width, width > attnos.size() ? sel.values[0][attnos.size()] : nullptr);
  State* scope = &st;
  if (n_rows == 1) {
    st.clause = Clause::kValues;
    Vec<Target> targets;
    Vec<int16_t> used;
    for (size_t c = 0; c < width; c++) {
      bool is_default;
      const ast::Expr* e = sel.values[0][c];
      if (e->kind == ast::ExprKind::kDefault || overridden(attnos[c])) continue;      // taken from Query::defaults
      Target t;
      t.expr = insert_value(*scope, e, rel, attnos[c], &is_default, e->position);
      t.name = rel.attrs[attnos[c] - 1].name;
      check_identity(rel, attnos[c], false, system, 0, false);
      targets.push(a_, t);
      used.push(a_, attnos[c]);
    }
    st.clause = Clause::kOther;
    q.targets = targets.span();
    attnos = used;
    return;
  }
  // Several rows: a VALUES list of its own, already of the columns' types.
  State sub;
  sub.parent = &st;
  sub.q = node<Query>();
  sub.clause = Clause::kValues;
  auto rows = alloc<std::span<Expr*>>(n_rows);
  for (size_t r = 0; r < n_rows; r++) {
    if (sel.values[r].size() != width)
      throw SqlError{sqlstate::kSyntaxError, "VALUES lists must all be the same length", "", "", sel.values[r].empty() ? 0 : sel.values[r][0]->position};
    rows[r] = alloc<Expr*>(width);
  }
  for (size_t r = 0; r < n_rows; r++)
    for (size_t c = 0; c < width; c++) {
      bool is_default;
      static constexpr ast::Default kDefaultNode{{ast::ExprKind::kDefault, 0}};
      const ast::Expr* e = overridden(attnos[c]) ? static_cast<const ast::Expr*>(&kDefaultNode) : sel.values[r][c];
      rows[r][c] = insert_value(sub, e, rel, attnos[c], &is_default, e->position);
      check_identity(rel, attnos[c], is_default, system, 0, false);
    }
  auto* rte = node<RangeEntry>();
  rte->kind = RteKind::kValues;
  rte->alias = "*VALUES*";
  auto names = alloc<std::string_view>(width);
  auto types = alloc<Oid>(width);
  auto typmods = alloc<int32_t>(width);
  auto collations = alloc<Oid>(width);
  for (size_t c = 0; c < width; c++) {
    const AttrDesc& a = rel.attrs[attnos[c] - 1];
    names[c] = intern(cat("column", c + 1));
    types[c] = a.type;
    typmods[c] = a.typmod;
    collations[c] = a.collation;
  }
  rte->values = rows;
  rte->columns = names;
  rte->types = types;
  rte->typmods = typmods;
  rte->collations = collations;
  int rel_index = add_rte(sub, rte);
  sub.q->from = leaf(rel_index);
  Vec<Target> inner, outer;
  for (size_t c = 0; c < width; c++) {
    Target t;
    t.expr = column(*rte, rel_index, static_cast<int>(c) + 1, 0, 0);
    t.name = names[c];
    inner.push(a_, t);
  }
  sub.q->targets = inner.span();
  finish(sub);
  q.insert_source = sub.q;
  RangeEntry* source = subquery_entry(sub.q, "*VALUES*", {}, false);
  q.source_rel = add_rte(st, source);
  for (size_t c = 0; c < width; c++) {
    Target t;
    t.expr = column(*source, q.source_rel, static_cast<int>(c) + 1, 0, 0);
    t.name = rel.attrs[attnos[c] - 1].name;
    outer.push(a_, t);
  }
  q.targets = outer.span();
  attnos.truncate(static_cast<uint32_t>(width));
}

Query* Analyzer::insert(State* parent, const ast::InsertStmt& s) {
  State st;
  st.parent = parent;
  st.q = node<Query>();
  Query& q = *st.q;
  q.command = Command::kInsert;
  if (s.with) with_clause(st, *s.with);
  RelationRef ref;
  const RelationDesc& rel = open_target(st, *s.relation, ref);
  q.overriding_user = s.overriding == ast::Overriding::kUser;
  q.overriding_system = s.overriding == ast::Overriding::kSystem;
  Vec<int16_t> attnos = insert_columns(s, rel);
  auto* sel = as<ast::SelectStmt>(s.source);
  if (!sel) {
    attnos.truncate(0);
  } else if (!sel->values.empty() && sel->order_by.empty() && !sel->limit && !sel->offset && !sel->with && sel->op == ast::SetOp::kNone) {
    insert_values(st, s, rel, attnos);
  } else {
    if (sel->into) throw SqlError{sqlstate::kSyntaxError, "INSERT ... SELECT cannot specify INTO"};
    Query* src = select(&st, *sel, false);
    q.insert_source = src;
    size_t n = 0;
    for (const Target& t : src->targets) n += !t.junk;
    if (n > attnos.size()) throw SqlError{sqlstate::kSyntaxError, "INSERT has more expressions than target columns", "", "", start_of(src->targets[attnos.size()].expr)};
    if (!s.columns.empty() && n < attnos.size()) throw SqlError{sqlstate::kSyntaxError, "INSERT has more target columns than expressions", "", "", s.columns[n]->position};
    attnos.truncate(static_cast<uint32_t>(n));
    // Unknown literals of the SELECT take the column's type at once.
    for (size_t i = 0; i < n; i++) {
      Target& t = src->targets[i];
      if (t.expr->type == oid::kUnknown && !src->set_tree) {
        bool key = src->distinct;
        for (const SortKey& k : src->order_by) key |= k.expr == t.expr;
        const AttrDesc& a = rel.attrs[attnos[i] - 1];
        if (key) resolve_unknown(t.expr);
        else t.expr = coerce_type(t.expr, a.type, a.typmod, Coercion::kAssignment, false, 0);
      }
    }
    RangeEntry* source = subquery_entry(src, "*SELECT*", {}, false);
    q.source_rel = add_rte(st, source);
    Vec<Target> targets;
    Vec<int16_t> used;
    for (size_t i = 0; i < n; i++) {
      if (q.overriding_user && rel.attrs[attnos[i] - 1].identity) continue;
      check_identity(rel, attnos[i], false, q.overriding_system, 0, false);
      Target t;
      Expr* col = column(*source, q.source_rel, static_cast<int>(i) + 1, 0, src->targets[i].expr->position);
      t.expr = assign_to_column(col, rel, attnos[i], rel.attrs[attnos[i] - 1].name, src->targets[i].expr->position);
      t.name = rel.attrs[attnos[i] - 1].name;
      targets.push(a_, t);
      used.push(a_, attnos[i]);
    }
    q.targets = targets.span();
    attnos = used;
  }
  q.set_attnos = attnos.span();
  auto defaults = alloc<Expr*>(rel.attrs.size());
  bool any_default = false;
  for (int i = 1; i <= rel.natts(); i++) {
    const AttrDesc& a = rel.attrs[i - 1];
    if (a.dropped || (a.default_expr.empty() && !a.identity)) continue;
    bool given = false;
    for (int16_t g : attnos) given |= g == i;
    if (!given) defaults[i - 1] = default_of(rel, i), any_default = true;
  }
  (void)any_default;
  q.defaults = defaults;
  attach_checks(st, rel);
  if (s.on_conflict) on_conflict(st, s, rel);
  if (!s.returning.empty()) {
    st.ns = {};
    st.ns.push(a_, item_of(st, st.rt[q.result_rel], q.result_rel));
    returning(st, s.returning);
  }
  finish(st);
  return &q;
}

void Analyzer::returning(State& st, ast::List<ast::ResTarget> list) {
  Vec<Target> out;
  target_list(st, list, Clause::kReturning, out);
  resolve_target_unknowns(out);
  if (st.q->has_set_funcs)
    for (const Target& t : out) if (t.expr->retset) throw SqlError{sqlstate::kFeatureNotSupported, "set-returning functions are not allowed in RETURNING", "", "", start_of(t.expr)};
  st.q->returning = out.span();
}

void Analyzer::attach_checks(State& st, const RelationDesc& rel) {
  if (rel.checks.empty()) return;
  Vec<Expr*> checks;
  Vec<std::string_view> names;
  for (const CheckDesc& c : rel.checks) {
    auto parsed = parse(a_.copy(std::string_view(cat("SELECT ", c.expression))), a_);
    State local;
    local.ns.push(a_, item_of(st, st.rt[st.q->result_rel], st.q->result_rel));
    local.rt = st.rt;
    try {
      checks.push(a_, coerce_to_boolean(expr(local, to<ast::SelectStmt>(*parsed[0].stmt).targets[0]->expr, Clause::kCheck), "CHECK"));
    } catch (SqlError& err) {
      err.position = 0;
      throw;
    }
    names.push(a_, c.name);
  }
  st.q->checks = checks.span();
  st.q->check_names = names.span();
}

void Analyzer::infer_arbiters(State& st, const ast::OnConflict& c, const RelationDesc& rel, ConflictClause& out) {
  Vec<const IndexDesc*> found;
  if (!c.constraint.empty()) {
    for (const IndexDesc& i : rel.indexes)
      if (i.unique && i.name == c.constraint) found.push(a_, &i);
    if (found.empty()) throw SqlError{sqlstate::kUndefinedObject, cat("constraint \"", c.constraint, "\" for table \"", rel.name, "\" does not exist")};
    out.arbiters = found.span();
    return;
  }
  State local;
  local.rt = st.rt;
  local.ns.push(a_, item_of(st, st.rt[0], 0));
  Vec<int16_t> columns;
  Vec<Expr*> exprs;
  for (const ast::IndexElem* e : c.infer) {
    if (e->direction != ast::SortDirection::kDefault) throw SqlError{sqlstate::kInvalidColumnReference, "ASC/DESC is not allowed in ON CONFLICT clause", "", "", c.infer_position};
    if (e->nulls != ast::NullsOrder::kDefault) throw SqlError{sqlstate::kInvalidColumnReference, "NULLS FIRST/LAST is not allowed in ON CONFLICT clause", "", "", c.infer_position};
    if (e->expr) {
      exprs.push(a_, expr(local, e->expr, Clause::kIndexExpr));
      continue;
    }
    int attno = find_attno(rel, e->name);
    if (!attno) throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", e->name, "\" does not exist"), "", "", c.infer_position};
    bool dup = false;
    for (int16_t o : columns) dup |= o == attno;
    if (!dup) columns.push(a_, static_cast<int16_t>(attno));
  }
  Expr* where = c.infer_where ? coerce_to_boolean(expr(local, c.infer_where, Clause::kIndexPredicate), "WHERE") : nullptr;
  auto parse_list = [&](std::string_view texts, Clause clause) {   // separated by \x01
    Vec<Expr*> list;
    while (!texts.empty()) {
      size_t end = std::min(texts.find('\x01'), texts.size());
      auto parsed = parse(a_.copy(std::string_view(cat("SELECT ", texts.substr(0, end)))), a_);
      list.push(a_, expr(local, to<ast::SelectStmt>(*parsed[0].stmt).targets[0]->expr, clause));
      texts.remove_prefix(std::min(end + 1, texts.size()));
    }
    return list;
  };
  for (const IndexDesc& i : rel.indexes) {
    if (!i.unique || !i.valid || i.deferrable) continue;
    size_t plain = 0, expressions = 0;
    bool fits = true;
    for (const IndexDesc::Key& k : i.keys) {
      if (!k.attno) { expressions++; continue; }
      plain++;
      bool in = false;
      for (int16_t col : columns) in |= col == k.attno;
      fits &= in;
    }
    if (!fits || plain != columns.size() || (expressions == 0) != exprs.empty()) continue;
    if (expressions) {
      Vec<Expr*> index_exprs = parse_list(i.expressions, Clause::kIndexExpr);
      for (const Expr* e : exprs) {
        bool in = false;
        for (const Expr* x : index_exprs) in |= same_expr(e, x);
        fits &= in;
      }
      for (const Expr* x : index_exprs) {
        bool in = false;
        for (const Expr* e : exprs) in |= same_expr(e, x);
        fits &= in;
      }
    }
    if (fits && !i.predicate.empty()) {
      if (!where) continue;
      Vec<Expr*> predicate = parse_list(i.predicate, Clause::kIndexPredicate);
      fits = predicate.size() == 1 && same_expr(predicate[0], where);
    }
    if (fits) found.push(a_, &i);
  }
  if (found.empty()) throw SqlError{sqlstate::kInvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification"};
  out.arbiters = found.span();
}

void Analyzer::on_conflict(State& st, const ast::InsertStmt& s, const RelationDesc& rel) {
  const ast::OnConflict& c = *s.on_conflict;
  auto* out = node<ConflictClause>();
  out->do_update = c.do_update;
  if (c.do_update && !c.has_infer)
    throw SqlError{sqlstate::kSyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name", "", "For example, ON CONFLICT (column_name).", c.position};
  if (c.has_infer) infer_arbiters(st, c, rel, *out);
  if (c.do_update) {
    RangeEntry* excluded = a_.make<RangeEntry>(*st.rt[0]);
    excluded->alias = "excluded";
    auto names = alloc<std::string_view>(rel.attrs.size());
    for (size_t i = 0; i < names.size(); i++) if (!rel.attrs[i].dropped) names[i] = rel.attrs[i].name;
    excluded->columns = names;
    out->excluded_rel = add_rte(st, excluded);
    st.ns = {};
    st.ns.push(a_, item_of(st, excluded, out->excluded_rel));
    st.ns.push(a_, item_of(st, st.rt[0], 0));
    Vec<Target> set;
    Vec<int16_t> attnos;
    set_clause(st, c.set, rel, set, attnos);
    out->set = set.span();
    out->set_attnos = attnos.span();
    if (c.where) out->where = coerce_to_boolean(expr(st, c.where, Clause::kWhere), "WHERE");
  }
  st.q->on_conflict = out;
}

// array[subscripts] = value, as the new value of the whole array.
Expr* Analyzer::array_assignment(State& st, Expr* array, Expr* value, const ast::ResTarget& t) {
  Expr* place = indirection(st, array, t.indirection, t.position);
  if (array->type == oid::kName || place->args.empty() || place->args[0] != array) throw_unsupported("this assignment to an element", t.position);
  const bool slice = place->kind == ExprKind::kSlice;
  Expr* element = coerce_to_target(value, place->type, place->typmod, Coercion::kAssignment, false, value->position);
  if (!element)
    throw SqlError{sqlstate::kDatatypeMismatch, cat("subscripted assignment to \"", t.name, "\" requires type ", type_name(place->type), " but expression is of type ", type_name(value->type)), "",
                   "You will need to rewrite or cast the expression.", t.position};
  Expr* e = make(ExprKind::kArrayAssign, array->type, t.position);
  e->typmod = array->typmod;
  e->elem_type = place->elem_type;
  e->number = slice;
  Vec<Expr*> list;
  for (Expr* a : place->args) list.push(a_, a);
  list.push(a_, element);
  e->args = list.span();
  return e;
}

void Analyzer::set_clause(State& st, ast::List<ast::ResTarget> set, const RelationDesc& rel, Vec<Target>& out, Vec<int16_t>& attnos) {
  Clause saved = st.clause;
  st.clause = Clause::kUpdateSource;
  for (const ast::ResTarget* t : set) {
    int attno = find_attno(rel, t->name);
    if (!attno) {
      if (system_attno(t->name)) throw SqlError{sqlstate::kFeatureNotSupported, cat("cannot assign to system column \"", t->name, "\""), "", "", t->position};
      throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", t->name, "\" of relation \"", rel.name, "\" does not exist"), "", "", t->position};
    }
    const AttrDesc& a = rel.attrs[attno - 1];
    Target* assigned = nullptr;   // another element of the same array
    for (size_t i = 0; i < attnos.size(); i++) {
      if (attnos[i] != attno) continue;
      if (t->indirection.empty() || out[i].expr->kind != ExprKind::kArrayAssign)
        throw SqlError{sqlstate::kSyntaxError, cat("multiple assignments to same column \"", t->name, "\"")};
      assigned = &out[i];
    }
    for (const ast::Indirection* s : t->indirection)
      if (!s->field.empty() || s->star) throw_unsupported("assignment to fields of composite columns", t->position);
    const ast::Expr* source = t->expr;
    Expr* e = nullptr;
    if (auto* m = as<ast::MultiAssign>(source)) {
      if (auto* row = as<ast::Row>(m->source)) {
        if (static_cast<int>(row->args.size()) != m->columns)
          throw SqlError{sqlstate::kSyntaxError, "number of columns does not match number of values", "", "", row->position};
        source = row->args[m->column - 1];
      } else if (auto* sub = as<ast::SubLink>(m->source); sub && sub->sub == ast::SubLinkKind::kScalar && !sub->test) {
        // Each column is a scalar sub-select of its own that gives one of the outputs.
        st.q->has_subqueries = true;
        Query* q = select(&st, to<ast::SelectStmt>(*sub->select), true);
        size_t n = 0;
        for (const Target& x : q->targets) n += !x.junk;
        if (static_cast<int>(n) != m->columns) throw SqlError{sqlstate::kSyntaxError, "number of columns does not match number of values", "", "", sub->position};
        q = wrap_query(q);
        q->targets = q->targets.subspan(m->column - 1, 1);
        e = make(ExprKind::kSubquery, q->targets[0].expr->type, sub->position);
        e->sub_kind = SubKind::kScalar;
        e->subquery = q;
        e->typmod = q->targets[0].expr->typmod;
      } else {
        throw SqlError{sqlstate::kFeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression", "", "", m->position};
      }
    }
    bool is_default = source->kind == ast::ExprKind::kDefault;
    check_identity(rel, attno, is_default, false, t->position, true);
    if (!e && is_default) {
      e = default_of(rel, attno);
      if (!e) e = null_const(a.type, source->position);
    } else {
      if (!e) e = transform(st, source);
      if (t->indirection.empty()) {
        e = assign_to_column(e, rel, attno, t->name, t->position);
      } else {
        const int target = std::max(0, st.q->result_rel);
        e = array_assignment(st, assigned ? assigned->expr : column(*st.rt[target], target, attno, 0, t->position), e, *t);
        if (assigned) {
          assigned->expr = e;
          continue;
        }
      }
    }
    Target x;
    x.expr = e;
    x.name = a.name;
    out.push(a_, x);
    attnos.push(a_, static_cast<int16_t>(attno));
  }
  st.clause = saved;
}

Query* Analyzer::update(State* parent, const ast::UpdateStmt& s) {
  State st;
  st.parent = parent;
  st.q = node<Query>();
  Query& q = *st.q;
  q.command = Command::kUpdate;
  if (s.with) with_clause(st, *s.with);
  RelationRef ref;
  const RelationDesc& rel = open_target(st, *s.relation, ref);
  NsItem target = item_of(st, st.rt[0], 0);
  // FROM items see the target's name only as taken.
  target.lateral_only = true;
  target.lateral_ok = false;
  st.ns.push(a_, target);
  FromItem* from = from_clause(st, s.from);
  st.ns[0].lateral_only = false;
  st.ns[0].lateral_ok = true;
  q.from = leaf(0);
  if (from) {
    auto* cross = node<FromItem>();
    cross->is_join = true;
    cross->join = JoinType::kCross;
    cross->left = q.from;
    cross->right = from;
    q.from = cross;
  }
  if (s.where) q.where = coerce_to_boolean(expr(st, s.where, Clause::kWhere), "WHERE");
  if (!s.returning.empty()) returning(st, s.returning);
  Vec<Target> set;
  Vec<int16_t> attnos;
  set_clause(st, s.set, rel, set, attnos);
  q.targets = set.span();
  q.set_attnos = attnos.span();
  attach_checks(st, rel);
  finish(st);
  return &q;
}

Query* Analyzer::remove(State* parent, const ast::DeleteStmt& s) {
  State st;
  st.parent = parent;
  st.q = node<Query>();
  Query& q = *st.q;
  q.command = Command::kDelete;
  if (s.with) with_clause(st, *s.with);
  RelationRef ref;
  open_target(st, *s.relation, ref);
  NsItem target = item_of(st, st.rt[0], 0);
  target.lateral_only = true;
  target.lateral_ok = false;
  st.ns.push(a_, target);
  FromItem* from = from_clause(st, s.from);
  st.ns[0].lateral_only = false;
  st.ns[0].lateral_ok = true;
  q.from = leaf(0);
  if (from) {
    auto* cross = node<FromItem>();
    cross->is_join = true;
    cross->join = JoinType::kCross;
    cross->left = q.from;
    cross->right = from;
    q.from = cross;
  }
  if (s.where) q.where = coerce_to_boolean(expr(st, s.where, Clause::kWhere), "WHERE");
  if (!s.returning.empty()) returning(st, s.returning);
  finish(st);
  return &q;
}

}  // namespace postern::sql
