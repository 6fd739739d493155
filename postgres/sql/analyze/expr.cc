// Expressions.
#include <charconv>

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {

using ast::as;
using ast::to;

Expr* Analyzer::expr(State& st, const ast::Expr* e, Clause clause) {
  Clause saved = st.clause;
  st.clause = clause;
  Expr* r = transform(st, e);
  st.clause = saved;
  return r;
}

Expr* Analyzer::expr(State& st, const ast::Expr* e) { return transform(st, e); }

Expr* Analyzer::const_expr(const ast::Const& c) {
  switch (c.type) {
    case ast::ConstKind::kNull: return null_const(oid::kUnknown, c.position);
    case ast::ConstKind::kInt: return int4_const(c.ival, c.position);
    case ast::ConstKind::kBool: return bool_const(c.ival, c.position);
    case ast::ConstKind::kString: return string_const(c.text, c.position);
    case ast::ConstKind::kFloat: {
      int64_t v;
      auto r = std::from_chars(c.text.data(), c.text.data() + c.text.size(), v);
      if (r.ec == std::errc{} && r.ptr == c.text.data() + c.text.size())
        return v == static_cast<int32_t>(v) ? int4_const(static_cast<int32_t>(v), c.position) : constant(oid::kInt8, from_int(v), c.position);
      const TypeInfo& t = type_info(oid::kNumeric);
      if (!t.in) throw_unsupported("type numeric", c.position);
      try {
        return constant(oid::kNumeric, t.in(cx_, c.text, -1), c.position);
      } catch (SqlError& err) { err.at(c.position); throw; }
    }
    case ast::ConstKind::kBit: {
      const TypeInfo* t = find_type_by_name("bit");
      if (!t || !t->in) throw_unsupported("bit string constants", c.position);
      return constant(t->oid, t->in(cx_, c.text, -1), c.position);
    }
  }
  return nullptr;
}

Expr* Analyzer::param(const ast::Param& p) {
  size_t i = static_cast<size_t>(p.number);
  if (p.number <= 0 || i > 65535 || (!params_.deduce && (i > params_.types.size() || params_.types[i - 1] == kInvalidOid)))
    throw SqlError{sqlstate::kUndefinedParameter, cat("there is no parameter $", p.number), "", "", p.position};
  if (i > params_.types.size()) params_.types.resize(i);
  Oid t = params_.types[i - 1];
  Expr* e = make(ExprKind::kParam, t == kInvalidOid ? oid::kUnknown : t, p.position);
  e->number = p.number;
  return e;
}

Expr* Analyzer::column_ref(State& st, const ast::ColumnRef& c) {
  if (c.star) throw SqlError{sqlstate::kSyntaxError, "row expansion via \"*\" is not supported here", "", "", c.position};
  auto f = c.fields;
  if (f.size() == 1) {
    if (Expr* e = find_column(st, f[0], c.position, false)) return e;
    int levels = 0;
    if (const NsItem* item = find_item(st, "", f[0], c.position, &levels)) return whole_row(*item, levels, c.position);
    missing_column(st, "", f[0], c.position);
  }
  std::string_view schema, table, col;
  if (f.size() == 2) table = f[0], col = f[1];
  else if (f.size() == 3) schema = f[0], table = f[1], col = f[2];
  else if (f.size() == 4) {
    auto db = catalog::find_database(f[0]);
    if (!db || db->oid != catalog::my_database()) throw SqlError{sqlstate::kFeatureNotSupported, cat("cross-database references are not implemented: ", dotted(f)), "", "", c.position};
    schema = f[1], table = f[2], col = f[3];
  } else {
    throw SqlError{sqlstate::kSyntaxError, cat("improper qualified name (too many dotted names): ", dotted(f)), "", "", c.position};
  }
  int levels = 0;
  const NsItem* item = find_item(st, schema, table, c.position, &levels);
  if (!item) {
    // a.b may also be field b of composite column a.
    missing_table(st, schema, table, c.position);
  }
  State* owner = &st;
  for (int i = 0; i < levels; i++) owner = owner->parent;
  if (Expr* e = item_column(*owner, *item, col, levels, c.position)) return e;
  missing_column(*owner, table, col, c.position);
}

Expr* Analyzer::bool_expr(State& st, const ast::Bool& b) {
  if (b.op == ast::BoolOp::kNot) {
    Expr* e = make(ExprKind::kNot, oid::kBool, b.position);
    e->args = args({coerce_to_boolean(transform(st, b.args[0]), "NOT")});
    return e;
  }
  bool is_and = b.op == ast::BoolOp::kAnd;
  Expr* e = make(is_and ? ExprKind::kAnd : ExprKind::kOr, oid::kBool, b.position);
  auto list = alloc<Expr*>(b.args.size());
  for (size_t i = 0; i < b.args.size(); i++) list[i] = coerce_to_boolean(transform(st, b.args[i]), is_and ? "AND" : "OR");
  e->args = list;
  return e;
}

Expr* Analyzer::in_list(State& st, const ast::Op& o) {
  bool negated = o.name.back() == "<>";
  Expr* left = transform(st, o.left);
  Vec<Expr*> constants, others;
  for (const ast::Expr* e : o.list) {
    Expr* x = transform(st, e);
    (contains_column_of_level(x, 0) ? others : constants).push(a_, x);
  }
  Vec<Expr*> terms;
  auto add = [&](Expr* e) { terms.push(a_, coerce_to_boolean(e, "IN")); };
  auto compare_each = [&](const Vec<Expr*>& list) {
    for (Expr* e : list) {
      if (left->kind == ExprKind::kRow && e->kind == ExprKind::kRow && left->type == oid::kRecord) add(row_op(st, o.name, left->args, e->args, o.position));
      else add(op_expr(st, o.name, left, e, o.position));
    }
  };
  bool arrayed = false;
  if (constants.size() > 1) {
    Vec<Expr*> considered;
    considered.push(a_, left);
    for (Expr* e : constants) considered.push(a_, e);
    Oid scalar = common_type(considered.span(), "");
    Oid arr = scalar != kInvalidOid && scalar != oid::kRecord ? array_type(scalar) : kInvalidOid;
    bool ok = arr != kInvalidOid && left->kind != ExprKind::kRow;
    for (Expr* e : constants) ok = ok && can_coerce(e->type, scalar, Coercion::kImplicit);
    if (ok) {
      Expr* array = make(ExprKind::kArray, arr, o.position);
      array->elem_type = scalar;
      auto list = alloc<Expr*>(constants.size());
      for (size_t i = 0; i < list.size(); i++) list[i] = coerce_to_common(constants[i], scalar, "IN");
      array->args = list;
      add(array_op(st, o.name, !negated, left, array, o.position));
      arrayed = true;
    }
  }
  if (!arrayed) compare_each(constants);
  compare_each(others);
  if (terms.size() == 1) return terms[0];
  Expr* result = make(negated ? ExprKind::kAnd : ExprKind::kOr, oid::kBool, o.position);
  result->args = terms.span();
  return result;
}

Expr* Analyzer::between(State& st, const ast::Op& o) {
  auto name = [&](std::string_view s) { auto n = alloc<std::string_view>(1); n[0] = s; return ast::Names(n); };
  auto comparison = [&](std::string_view op, const ast::Expr* bound) {
    Expr* l = transform(st, o.left);
    Expr* r = transform(st, bound);
    if (l->kind == ExprKind::kRow && r->kind == ExprKind::kRow) return row_op(st, name(op), l->args, r->args, o.position);
    return op_expr(st, name(op), l, r, o.position);
  };
  auto pair = [&](ExprKind kind, Expr* a, Expr* b) {
    Expr* e = make(kind, oid::kBool, o.position);
    e->args = args({a, b});
    return e;
  };
  const ast::Expr *lo = o.list[0], *hi = o.list[1];
  switch (o.op) {
    case ast::OpKind::kBetween: return pair(ExprKind::kAnd, comparison(">=", lo), comparison("<=", hi));
    case ast::OpKind::kNotBetween: return pair(ExprKind::kOr, comparison("<", lo), comparison(">", hi));
    case ast::OpKind::kBetweenSym:
      return pair(ExprKind::kOr, pair(ExprKind::kAnd, comparison(">=", lo), comparison("<=", hi)), pair(ExprKind::kAnd, comparison(">=", hi), comparison("<=", lo)));
    default:
      return pair(ExprKind::kAnd, pair(ExprKind::kOr, comparison("<", lo), comparison(">", hi)), pair(ExprKind::kOr, comparison("<", hi), comparison(">", lo)));
  }
}

Expr* Analyzer::operator_expr(State& st, const ast::Op& o) {
  switch (o.op) {
    case ast::OpKind::kIn: return in_list(st, o);
    case ast::OpKind::kBetween: case ast::OpKind::kNotBetween: case ast::OpKind::kBetweenSym: case ast::OpKind::kNotBetweenSym: return between(st, o);
    case ast::OpKind::kOpAny: case ast::OpKind::kOpAll: {
      Expr* l = transform(st, o.left);
      return array_op(st, o.name, o.op == ast::OpKind::kOpAny, l, transform(st, o.right), o.position);
    }
    case ast::OpKind::kDistinct: case ast::OpKind::kNotDistinct: {
      Expr* l = transform(st, o.left);
      Expr* r = transform(st, o.right);
      bool is_not = o.op == ast::OpKind::kNotDistinct;
      // IS DISTINCT FROM NULL is a null test.
      for (auto [x, y] : {std::pair(l, r), std::pair(r, l)}) {
        if (y->kind == ExprKind::kConst && y->null && y->type == oid::kUnknown) {
          Expr* e = make(is_not ? ExprKind::kIsNull : ExprKind::kIsNotNull, oid::kBool, o.position);
          resolve_unknown(x);
          e->args = args({x});
          return e;
        }
      }
      Expr* d = distinct_op(st, l, r, o.position);
      if (!is_not) return d;
      if (d->kind == ExprKind::kDistinct) { d->kind = ExprKind::kNotDistinct; return d; }
      Expr* e = make(ExprKind::kNot, oid::kBool, o.position);
      e->args = args({d});
      return e;
    }
    case ast::OpKind::kNullIf: {
      Expr* e = op_expr(st, o.name, transform(st, o.left), transform(st, o.right), o.position);
      if (e->type != oid::kBool) throw SqlError{sqlstate::kDatatypeMismatch, "NULLIF requires = operator to yield boolean", "", "", o.position};
      e->kind = ExprKind::kNullIf;
      e->type = e->args[0]->type;
      e->typmod = e->args[0]->typmod;
      e->collation = e->args[0]->collation;
      return e;
    }
    default: break;
  }
  // (a, b) op (SELECT …) and (a, b) op (c, d).
  auto* lr = as<ast::Row>(o.left);
  if (lr && o.right) {
    if (auto* sub = as<ast::SubLink>(o.right); sub && sub->sub == ast::SubLinkKind::kScalar) {
      ast::SubLink s = *sub;
      s.test = o.left;
      s.op_name = o.name;
      Expr* e = sub_link(st, s);
      e->sub_kind = SubKind::kRowCompare;
      return e;
    }
  }
  Expr* l = o.left ? transform(st, o.left) : nullptr;
  Expr* r = transform(st, o.right);
  if (l && l->kind == ExprKind::kRow && r->kind == ExprKind::kRow && l->type == oid::kRecord && r->type == oid::kRecord && lr && as<ast::Row>(o.right))
    return row_op(st, o.name, l->args, r->args, o.position);
  return op_expr(st, o.name, l, r, o.position);
}

Expr* Analyzer::case_expr(State& st, const ast::Case& c) {
  static constexpr std::string_view kEq[] = {"="};
  Expr* operand = nullptr;
  if (c.operand) {
    operand = transform(st, c.operand);
    resolve_unknown(operand);
  }
  Expr* e = make(ExprKind::kCase, oid::kUnknown, c.position);
  Vec<Expr*> conds, results;
  bool srf = st.q && st.q->has_set_funcs;
  for (const ast::CaseWhen* w : c.whens) {
    Expr* cond = transform(st, w->cond);
    if (operand) cond = op_expr(st, kEq, operand, cond, w->position);
    conds.push(a_, coerce_to_boolean(cond, "CASE/WHEN"));
    results.push(a_, transform(st, w->result));
  }
  Expr* otherwise = c.otherwise ? transform(st, c.otherwise) : null_const(oid::kUnknown);
  if (!srf && st.q && st.q->has_set_funcs)
    throw SqlError{sqlstate::kFeatureNotSupported, "set-returning functions are not allowed in CASE", "", "You might be able to move the set-returning function into a LATERAL FROM item.", c.position};
  // PostgreSQL looks at ELSE first.
  Vec<Expr*> all;
  all.push(a_, otherwise);
  for (Expr* r : results) all.push(a_, r);
  Oid type = common_type(all.span(), "CASE");
  Vec<Expr*> out;
  for (uint32_t i = 0; i < conds.size(); i++) {
    out.push(a_, conds[i]);
    out.push(a_, coerce_to_common(results[i], type, "CASE/WHEN"));
  }
  out.push(a_, coerce_to_common(otherwise, type, "CASE/ELSE"));
  for (uint32_t i = 0; i < results.size(); i++) all[i + 1] = out[2 * i + 1];
  all[0] = out.back();
  e->type = type;
  e->collation = default_collation(type);
  e->typmod = common_typmod(all.span(), type);
  e->args = out.span();
  e->number = operand ? 1 : 0;         // conditions came from a simple CASE: for deparsing
  return e;
}

Expr* Analyzer::cast_expr(State& st, const ast::Cast& c) {
  int32_t typmod;
  Oid target = resolve_type(*c.type, &typmod);
  const ast::Expr* arg = c.arg;
  Expr* e;
  if (auto* arr = as<ast::Array>(arg); arr && element_type(target) != kInvalidOid && is_array(target)) e = array_expr(st, *arr, target, element_type(target), typmod);
  else e = transform(st, arg);
  if (e->type == kInvalidOid) e->type = oid::kUnknown;
  int position = c.position ? c.position : c.type->position;
  Expr* r = coerce_to_target(e, target, typmod, Coercion::kExplicit, true, position);
  if (!r) throw SqlError{sqlstate::kCannotCoerce, cat("cannot cast type ", type_name(e->type), " to ", type_name(target)), "", "", position};
  return r;
}

Expr* Analyzer::array_expr(State& st, const ast::Array& r, Oid array, Oid elem, int32_t typmod) {
  Vec<Expr*> elems;
  bool nested = false;
  for (const ast::Expr* x : r.elements) {
    Expr* e;
    if (auto* sub = as<ast::Array>(x)) {
      e = array_expr(st, *sub, array, elem, typmod);
      nested = true;
    } else {
      e = transform(st, x);
      if (is_array(e->type)) nested = true;
    }
    elems.push(a_, e);
  }
  bool explicit_type = array != kInvalidOid;
  Oid target;
  if (explicit_type) {
    target = nested ? array : elem;
  } else {
    if (elems.empty())
      throw SqlError{sqlstate::kIndeterminateDatatype, "cannot determine type of empty array", "", "Explicitly cast to the desired type, for example ARRAY[]::integer[].", r.position};
    target = common_type(elems.span(), "ARRAY");
    if (nested || is_array(target)) {
      array = target;
      elem = element_type(target);
      nested = true;
      if (elem == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find element type for data type ", type_name(target)), "", "", r.position};
    } else {
      elem = target;
      array = array_type(elem);
      if (array == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find array type for data type ", type_name(elem)), "", "", r.position};
    }
  }
  auto list = alloc<Expr*>(elems.size());
  for (uint32_t i = 0; i < elems.size(); i++) {
    Expr* e = elems[i];
    if (explicit_type) {
      Expr* x = coerce_to_target(e, target, typmod, Coercion::kExplicit, true, e->position);
      if (!x) throw SqlError{sqlstate::kCannotCoerce, cat("cannot cast type ", type_name(e->type), " to ", type_name(target)), "", "", start_of(e)};
      list[i] = x;
    } else {
      list[i] = coerce_to_common(e, target, "ARRAY");
    }
  }
  Expr* e = make(ExprKind::kArray, array, r.position);
  e->elem_type = elem;
  e->args = list;
  if (explicit_type) e->typmod = typmod;
  e->attno = nested ? 1 : 0;            // elements are arrays
  return e;
}

std::span<Expr*> Analyzer::expr_list(State& st, ast::List<ast::Expr> list) {
  Vec<Expr*> out;
  for (const ast::Expr* x : list) {
    if (auto* c = as<ast::ColumnRef>(x); c && c->star) {
      Vec<Target> targets;
      expand_star(st, *c, targets);
      for (Target& t : targets) out.push(a_, t.expr);
      continue;
    }
    out.push(a_, transform(st, x));
  }
  return out.span();
}

Expr* Analyzer::row_expr(State& st, const ast::Row& r) {
  Expr* e = make(ExprKind::kRow, oid::kRecord, r.position);
  e->args = expr_list(st, r.args);
  if (e->args.size() > kMaxTargets) throw SqlError{sqlstate::kTooManyColumns, cat("ROW expressions can have at most ", kMaxTargets, " entries"), "", "", r.position};
  e->number = r.explicit_row;
  return e;
}

Expr* Analyzer::indirection(State& st, Expr* base, ast::List<ast::Indirection> steps, int position) {
  Vec<const ast::Indirection*> subs;
  auto apply = [&] {
    if (subs.empty()) return;
    Oid container = base->type;
    if (container == oid::kUnknown && base->kind == ExprKind::kParam) throw SqlError{sqlstate::kIndeterminateDatatype, "could not determine data type of parameter", "", "", position};
    Oid elem = container == oid::kName ? oid::kChar : element_type(container);
    if (elem == kInvalidOid) throw SqlError{sqlstate::kDatatypeMismatch, cat("cannot subscript type ", type_name(container), " because it does not support subscripting"), "", "", position};
    bool slice = false;
    for (auto* s : subs) slice |= s->slice;
    if (slice && container == oid::kName) throw_unsupported("slices of type name", position);
    auto index = [&](const ast::Expr* x) {
      Expr* e = transform(st, x);
      Expr* r = coerce_to_target(e, oid::kInt4, -1, Coercion::kAssignment, false, e->position);
      if (!r) throw SqlError{sqlstate::kDatatypeMismatch, "array subscript must have type integer", "", "", start_of(e)};
      return r;
    };
    Vec<Expr*> list;
    list.push(a_, base);
    for (auto* s : subs) {
      if (slice) {
        // a[i] beside a slice means 1:i.
        list.push(a_, s->slice ? (s->lower ? index(s->lower) : null_const(oid::kInt4)) : int4_const(1));
        list.push(a_, s->upper ? index(s->upper) : null_const(oid::kInt4));
      } else {
        list.push(a_, index(s->upper));
      }
    }
    Oid type = container;
    if (!slice) type = elem;
    else if (container == oid::kInt2Vector) type = oid::kInt2Array;
    else if (container == oid::kOidVector) type = oid::kOidArray;
    Expr* e = make(slice ? ExprKind::kSlice : ExprKind::kSubscript, type, position);
    e->elem_type = elem;
    e->typmod = base->typmod;
    e->args = list.span();
    base = e;
    subs.truncate(0);
  };
  for (const ast::Indirection* s : steps) {
    if (s->star) throw SqlError{sqlstate::kSyntaxError, "row expansion via \"*\" is not supported here", "", "", position};
    if (s->field.empty()) { subs.push(a_, s); continue; }
    apply();
    base = field_of(st, base, s->field, position, true);
  }
  apply();
  return base;
}

Expr* Analyzer::sub_link(State& st, const ast::SubLink& s) {
  Expr* e = make(ExprKind::kSubquery, oid::kBool, s.position);
  if (st.q) st.q->has_subqueries = true;
  switch (st.clause) {
    case Clause::kCheck: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in check constraint", "", "", s.position};
    case Clause::kDefault: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in DEFAULT expression", "", "", s.position};
    case Clause::kIndexExpr: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in index expression", "", "", s.position};
    case Clause::kIndexPredicate: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in index predicate", "", "", s.position};
    case Clause::kExecute: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in EXECUTE parameter", "", "", s.position};
    default: break;
  }
  auto* sel = as<ast::SelectStmt>(s.select);
  if (!sel) throw_internal("sub-select is no SELECT");
  if (sel->into) throw SqlError{sqlstate::kSyntaxError, "subquery cannot have SELECT INTO", "", "", s.position};
  Query* q = select(&st, *sel, true);
  e->subquery = q;
  size_t columns = 0;
  for (const Target& t : q->targets) columns += !t.junk;
  switch (s.sub) {
    case ast::SubLinkKind::kExists: e->sub_kind = SubKind::kExists; return e;
    case ast::SubLinkKind::kScalar: case ast::SubLinkKind::kArray:
      if (s.sub == ast::SubLinkKind::kScalar && s.test) break;
      if (columns != 1) throw SqlError{sqlstate::kSyntaxError, "subquery must return only one column", "", "", s.position};
      e->sub_kind = s.sub == ast::SubLinkKind::kScalar ? SubKind::kScalar : SubKind::kArray;
      e->type = q->targets[0].expr->type;
      e->typmod = q->targets[0].expr->typmod;
      if (s.sub == ast::SubLinkKind::kArray) {
        e->elem_type = e->type;
        Oid arr = is_array(e->type) ? e->type : array_type(e->type);
        if (arr == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find array type for data type ", type_name(e->type)), "", "", s.position};
        if (is_array(e->type)) e->elem_type = element_type(e->type);
        e->type = arr;
      }
      e->collation = q->targets[0].expr->collation;
      return e;
    default: break;
  }
  // ANY, ALL, IN, row comparison.
  static constexpr std::string_view kEq[] = {"="};
  ast::Names op = s.op_name.empty() ? ast::Names(kEq) : s.op_name;
  Expr* left = transform(st, s.test);
  std::span<Expr*> tests = left->kind == ExprKind::kRow && left->type == oid::kRecord ? left->args : args({left});
  if (tests.size() != columns)
    throw SqlError{sqlstate::kSyntaxError, tests.size() < columns ? "subquery has too many columns" : "subquery has too few columns", "", "", s.position};
  e->sub_kind = s.sub == ast::SubLinkKind::kAll ? SubKind::kAll : s.sub == ast::SubLinkKind::kAny ? SubKind::kAny : SubKind::kRowCompare;
  if (tests.size() > 1 && e->sub_kind != SubKind::kRowCompare && op.back() != "=") {
    if (!(op.back() == "<>" && e->sub_kind == SubKind::kAll)) throw_unsupported(cat("row comparison with ", op.back(), " ANY/ALL of a sub-select"), s.position);
    // a <> ALL (…) is NOT (a = ANY (…)).
    Expr* inner = make(ExprKind::kNot, oid::kBool, s.position);
    ast::SubLink any = s;
    any.sub = ast::SubLinkKind::kAny;
    any.op_name = {};
    inner->args = args({sub_link(st, any)});
    return inner;
  }
  auto outer = alloc<Expr*>(columns);
  auto fns = alloc<Oid>(columns);
  std::span<Target> targets = q->targets;
  bool wrapped = false;
  for (size_t i = 0; i < columns; i++) {
    Expr* placeholder = a_.make<Expr>(*targets[i].expr);
    placeholder->kind = ExprKind::kCaseTest;
    placeholder->args = {};
    Expr* cmp = op_expr(st, op, tests[i], placeholder, s.position);
    if (cmp->type != oid::kBool) throw SqlError{sqlstate::kDatatypeMismatch, cat("operator ", op.back(), " must return type boolean, not type ", type_name(cmp->type)), "", "", s.position};
    outer[i] = cmp->args[0];
    fns[i] = cmp->fn;
    if (i == 0) e->oper = cmp->oper, e->fn = cmp->fn, e->name = cmp->name;
    if (cmp->args[1] == placeholder) continue;
    // The sub-select's column needs a cast.
    if (!wrapped && (q->set_tree || q->distinct || !q->distinct_on.empty() || !q->order_by.empty() || q->has_aggs || q->command != Command::kSelect || !q->group_by.empty())) {
      q = wrap_query(q);
      e->subquery = q;
      targets = q->targets;
      wrapped = true;
    }
    auto replace = [&](auto&& self, Expr* x) -> void {
      for (Expr*& a : x->args) if (a == placeholder) a = targets[i].expr; else self(self, a);
    };
    replace(replace, cmp->args[1]);
    targets[i].expr = cmp->args[1];
  }
  e->args = outer;
  e->sub_fns = fns;
  return e;
}

Expr* Analyzer::sql_value(const ast::SqlValue& v) {
  Oid type{0};
  switch (v.op) {
    case ast::SqlValueOp::kCurrentDate: type = oid::kDate; break;
    case ast::SqlValueOp::kCurrentTime: type = oid::kTimeTz; break;
    case ast::SqlValueOp::kCurrentTimestamp: type = oid::kTimestampTz; break;
    case ast::SqlValueOp::kLocalTime: type = oid::kTime; break;
    case ast::SqlValueOp::kLocalTimestamp: type = oid::kTimestamp; break;
    default: type = oid::kName; break;
  }
  Expr* e = make(ExprKind::kValue, type, v.position);
  e->number = static_cast<int>(v.op);
  e->typmod = v.typmod > 6 ? 6 : v.typmod;
  static_assert(static_cast<int>(ast::SqlValueOp::kCurrentSchema) == static_cast<int>(SqlValue::kCurrentSchema));
  return e;
}

Expr* Analyzer::null_test(State& st, const ast::NullTest& n) {
  Expr* arg = transform(st, n.arg);
  ExprKind kind = n.is_not ? ExprKind::kIsNotNull : ExprKind::kIsNull;
  if (arg->kind == ExprKind::kRow) {
    if (arg->args.empty()) return bool_const(true, n.position);
    Vec<Expr*> parts;
    for (Expr* a : arg->args) {
      Expr* t = make(kind, oid::kBool, n.position);
      t->args = args({a});
      parts.push(a_, t);
    }
    if (parts.size() == 1) return parts[0];
    Expr* all = make(ExprKind::kAnd, oid::kBool, n.position);
    all->args = parts.span();
    return all;
  }
  Expr* e = make(kind, oid::kBool, n.position);
  resolve_unknown(arg);
  e->args = args({arg});
  return e;
}

Expr* Analyzer::min_max(State& st, const ast::MinMax& m) {
  std::string_view name = m.greatest ? "GREATEST" : "LEAST";
  auto list = alloc<Expr*>(m.args.size());
  for (size_t i = 0; i < list.size(); i++) list[i] = transform(st, m.args[i]);
  Oid type = common_type(list, name);
  for (Expr*& x : list) x = coerce_to_common(x, type, name);
  ordering_op(type, "<", true, m.position);
  Expr* e = make(m.greatest ? ExprKind::kGreatest : ExprKind::kLeast, type, m.position);
  e->typmod = common_typmod(list, type);
  e->args = list;
  return e;
}

Expr* Analyzer::transform(State& st, const ast::Expr* x) {
  if (!x) return nullptr;
  DepthGuard guard(*this);
  switch (x->kind) {
    case ast::ExprKind::kConst: return const_expr(to<ast::Const>(*x));
    case ast::ExprKind::kColumnRef:
      switch (st.clause) {
        case Clause::kDefault: throw SqlError{sqlstate::kFeatureNotSupported, "cannot use column reference in DEFAULT expression", "", "", x->position};
        case Clause::kExecute: if (st.ns.empty()) throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", dotted(to<ast::ColumnRef>(*x).fields), "\" does not exist"), "", "", x->position}; break;
        default: break;
      }
      return column_ref(st, to<ast::ColumnRef>(*x));
    case ast::ExprKind::kParam: return param(to<ast::Param>(*x));
    case ast::ExprKind::kOp: return operator_expr(st, to<ast::Op>(*x));
    case ast::ExprKind::kBool: return bool_expr(st, to<ast::Bool>(*x));
    case ast::ExprKind::kNullTest: return null_test(st, to<ast::NullTest>(*x));
    case ast::ExprKind::kBooleanTest: {
      auto& b = to<ast::BooleanTest>(*x);
      constexpr ExprKind kinds[] = {ExprKind::kIsTrue, ExprKind::kIsNotTrue, ExprKind::kIsFalse, ExprKind::kIsNotFalse, ExprKind::kIsUnknown, ExprKind::kIsNotUnknown};
      constexpr std::string_view names[] = {"IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"};
      Expr* e = make(kinds[static_cast<int>(b.test)], oid::kBool, x->position);
      e->args = args({coerce_to_boolean(transform(st, b.arg), names[static_cast<int>(b.test)])});
      return e;
    }
    case ast::ExprKind::kFunc: return func_call(st, to<ast::Func>(*x));
    case ast::ExprKind::kCast: return cast_expr(st, to<ast::Cast>(*x));
    case ast::ExprKind::kCase: return case_expr(st, to<ast::Case>(*x));
    case ast::ExprKind::kCoalesce: {
      auto& c = to<ast::Coalesce>(*x);
      bool srf = st.q && st.q->has_set_funcs;
      auto list = alloc<Expr*>(c.args.size());
      for (size_t i = 0; i < list.size(); i++) list[i] = transform(st, c.args[i]);
      Oid type = common_type(list, "COALESCE");
      for (Expr*& a : list) a = coerce_to_common(a, type, "COALESCE");
      if (!srf && st.q && st.q->has_set_funcs)
        throw SqlError{sqlstate::kFeatureNotSupported, "set-returning functions are not allowed in COALESCE", "", "You might be able to move the set-returning function into a LATERAL FROM item.", x->position};
      Expr* e = make(ExprKind::kCoalesce, type, x->position);
      e->typmod = common_typmod(list, type);
      e->args = list;
      return e;
    }
    case ast::ExprKind::kMinMax: return min_max(st, to<ast::MinMax>(*x));
    case ast::ExprKind::kArray: return array_expr(st, to<ast::Array>(*x), kInvalidOid, kInvalidOid, -1);
    case ast::ExprKind::kRow: return row_expr(st, to<ast::Row>(*x));
    case ast::ExprKind::kIndirection: {
      auto& i = to<ast::IndirectionExpr>(*x);
      return indirection(st, transform(st, i.arg), i.steps, x->position);
    }
    case ast::ExprKind::kSubLink: return sub_link(st, to<ast::SubLink>(*x));
    case ast::ExprKind::kSqlValue: return sql_value(to<ast::SqlValue>(*x));
    case ast::ExprKind::kCollate: {
      auto& c = to<ast::Collate>(*x);
      Expr* arg = transform(st, c.arg);
      resolve_unknown(arg);
      if (default_collation(arg->type) == kInvalidOid)
        throw SqlError{sqlstate::kDatatypeMismatch, cat("collations are not supported by type ", type_name(arg->type)), "", "", x->position};
      Expr* e = make(ExprKind::kRelabel, arg->type, x->position);
      std::string_view name = c.collation.back();
      if (name == "C" || name == "POSIX") e->collation = oid::kCCollation;
      else if (name == "default") e->collation = oid::kDefaultCollation;
      else if (name == "ucs_basic" || name == "C.UTF-8" || name == "C.utf8") e->collation = oid::kCCollation;
      else throw SqlError{sqlstate::kUndefinedObject, cat("collation \"", dotted(c.collation), "\" for encoding \"UTF8\" does not exist"), "", "", x->position};
      e->typmod = arg->typmod;
      e->args = args({arg});
      e->name = name;
      return e;
    }
    case ast::ExprKind::kDefault: throw SqlError{sqlstate::kSyntaxError, "DEFAULT is not allowed in this context", "", "", x->position};
    case ast::ExprKind::kGroupingFunc: return grouping_func(st, to<ast::GroupingFunc>(*x));
    case ast::ExprKind::kCurrentOf: throw_unsupported("WHERE CURRENT OF", x->position);
    case ast::ExprKind::kGroupingSet: throw_unsupported("GROUPING SETS", x->position);
    case ast::ExprKind::kNamedArg: throw SqlError{sqlstate::kSyntaxError, "named argument is not allowed here", "", "", x->position};
    case ast::ExprKind::kMultiAssign: throw_internal("multiple assignment out of place");
    case ast::ExprKind::kUnsupported: throw_unsupported(to<ast::UnsupportedExpr>(*x).name, x->position);
  }
  return nullptr;
}

Oid Analyzer::resolve_type(const ast::TypeName& t, int32_t* typmod) {
  *typmod = -1;
  if (t.pct_type) throw_unsupported("%TYPE", t.position);
  if (t.setof) throw SqlError{sqlstate::kSyntaxError, "type reference must not be SETOF", "", "", t.position};
  std::string_view name = t.names.back();
  std::string_view schema = t.names.size() > 1 ? t.names[t.names.size() - 2] : std::string_view{};
  Oid type{0};
  const TypeInfo* info = nullptr;
  if (schema.empty() || schema == "pg_catalog") info = find_type_by_name(name);
  if (info) type = info->oid;
  else type = catalog::find_type(schema, name);
  if (type == kInvalidOid) {
    std::string spelled = dotted(t.names);
    for (size_t i = 0; i < t.array_bounds.size(); i++) spelled += "[]";
    if (!schema.empty() && schema != "pg_catalog" && catalog::find_namespace(schema) == kInvalidOid)
      throw SqlError{sqlstate::kInvalidSchemaName, cat("schema \"", schema, "\" does not exist"), "", "", t.position};
    throw SqlError{sqlstate::kUndefinedObject, cat("type \"", spelled, "\" does not exist"), "", "", t.position};
  }
  if (!info) info = find_type(type);
  if (!t.typmods.empty()) {
    if (!info || !info->typmod_in) throw SqlError{sqlstate::kSyntaxError, cat("type modifier is not allowed for type \"", dotted(t.names), "\""), "", "", t.position};
    Vec<int32_t> mods;
    for (const ast::Expr* m : t.typmods) {
      auto* c = as<ast::Const>(m);
      if (!c || c->type != ast::ConstKind::kInt) {
        if (c && c->type == ast::ConstKind::kFloat) throw SqlError{sqlstate::kInvalidParameterValue, "invalid type modifier", "", "", t.position};
        throw SqlError{sqlstate::kSyntaxError, "type modifiers must be simple constants or identifiers", "", "", t.position};
      }
      mods.push(a_, c->ival);
    }
    try {
      *typmod = info->typmod_in(mods.span());
    } catch (SqlError& err) { err.at(t.position); throw; }
  }
  if (!t.array_bounds.empty()) {
    Oid arr = info ? info->array : kInvalidOid;
    if (arr == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("type \"", dotted(t.names), "[]\" does not exist"), "", "", t.position};
    type = arr;
  }
  return type;
}

}  // namespace postern::sql
