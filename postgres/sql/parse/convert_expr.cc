// Expressions, types, sort and window clauses.
#include <charconv>

#include "common/base/error.h"
#include "postgres/sql/parse/convert.h"

namespace postern::sql::parse_detail {

using namespace ast;

Expr* Converter::expr(const Json* wrapped) {
  if (!wrapped || !wrapped->first) return nullptr;
  DepthGuard guard(*this);
  return convert_expr(node(wrapped), body(wrapped));
}

List<Expr> Converter::exprs(const Json* j) {
  return list<Expr>(j, [&](const Json* c) { return expr(c); });
}

Expr* Converter::constant(const Json* b) {
  auto* c = make<Const>(b);
  if (auto* i = get(b, key("ival"))) {
    c->type = ConstKind::kInt;
    auto* v = get(i, key("ival"));
    c->ival = static_cast<int32_t>(v ? v->number : negative_int_at(location(b)));
  } else if (auto* f = get(b, key("fval"))) {
    c->type = ConstKind::kFloat;
    c->text = text(f, key("fval"));
  } else if (auto* s = get(b, key("sval"))) {
    c->type = ConstKind::kString;
    c->text = text(s, key("sval"));
  } else if (auto* bs = get(b, key("bsval"))) {
    c->type = ConstKind::kBit;
    c->text = text(bs, key("bsval"));
  } else if (auto* bo = get(b, key("boolval"))) {
    c->type = ConstKind::kBool;
    c->ival = flag(bo, key("boolval"));
  }
  return c;
}

Expr* Converter::op(const Json* b) {
  auto* o = make<Op>(b);
  o->name = names(get(b, key("name")));
  o->left = expr(get(b, key("lexpr")));
  const Json* right = get(b, key("rexpr"));
  switch (tag(b, key("kind"))) {
    case key("AEXPR_OP"): o->op = OpKind::kOp; break;
    case key("AEXPR_OP_ANY"): o->op = OpKind::kOpAny; break;
    case key("AEXPR_OP_ALL"): o->op = OpKind::kOpAll; break;
    case key("AEXPR_DISTINCT"): o->op = OpKind::kDistinct; break;
    case key("AEXPR_NOT_DISTINCT"): o->op = OpKind::kNotDistinct; break;
    case key("AEXPR_NULLIF"): o->op = OpKind::kNullIf; break;
    case key("AEXPR_IN"): o->op = OpKind::kIn; break;
    case key("AEXPR_LIKE"): o->op = OpKind::kLike; break;
    case key("AEXPR_ILIKE"): o->op = OpKind::kIlike; break;
    case key("AEXPR_SIMILAR"): o->op = OpKind::kSimilar; break;
    case key("AEXPR_BETWEEN"): o->op = OpKind::kBetween; break;
    case key("AEXPR_NOT_BETWEEN"): o->op = OpKind::kNotBetween; break;
    case key("AEXPR_BETWEEN_SYM"): o->op = OpKind::kBetweenSym; break;
    case key("AEXPR_NOT_BETWEEN_SYM"): o->op = OpKind::kNotBetweenSym; break;
    default: throw_internal("unknown kind of operator expression");
  }
  if (node(right) == key("List")) o->list = exprs(get(body(right), key("items")));
  else o->right = expr(right);
  return o;
}

Expr* Converter::func(const Json* b) {
  auto* f = make<Func>(b);
  f->name = names(get(b, key("funcname")));
  f->args = exprs(get(b, key("args")));
  f->order = sort_list(get(b, key("agg_order")));
  f->filter = expr(get(b, key("agg_filter")));
  if (auto* w = get(b, key("over"))) f->over = window(w);
  f->within_group = flag(b, key("agg_within_group"));
  f->star = flag(b, key("agg_star"));
  f->distinct = flag(b, key("agg_distinct"));
  f->variadic = flag(b, key("func_variadic"));
  f->sql_syntax = tag(b, key("funcformat")) == key("COERCE_SQL_SYNTAX");
  return f;
}

Expr* Converter::sub_link(const Json* b) {
  auto* s = make<SubLink>(b);
  switch (tag(b, key("subLinkType"))) {
    case key("EXISTS_SUBLINK"): s->sub = SubLinkKind::kExists; break;
    case key("ALL_SUBLINK"): s->sub = SubLinkKind::kAll; break;
    case key("ANY_SUBLINK"): s->sub = SubLinkKind::kAny; break;
    case key("ARRAY_SUBLINK"): s->sub = SubLinkKind::kArray; break;
    default: s->sub = SubLinkKind::kScalar; break;
  }
  s->test = expr(get(b, key("testexpr")));
  s->op_name = names(get(b, key("operName")));
  s->select = stmt(get(b, key("subselect")));
  return s;
}

Expr* Converter::case_expr(const Json* b) {
  auto* c = make<Case>(b);
  c->operand = expr(get(b, key("arg")));
  c->whens = list<CaseWhen>(get(b, key("args")), [&](const Json* w) {
    const Json* wb = body(w);
    return arena_.make<CaseWhen>(expr(get(wb, key("expr"))), expr(get(wb, key("result"))), position(wb));
  });
  c->otherwise = expr(get(b, key("defresult")));
  return c;
}

List<Indirection> Converter::indirection(const Json* j) {
  return list<Indirection>(j, [&](const Json* c) {
    auto* s = arena_.make<Indirection>();
    if (node(c) == key("A_Star")) {
      s->star = true;
    } else if (node(c) == key("A_Indices")) {
      s->slice = flag(body(c), key("is_slice"));
      s->lower = expr(get(body(c), key("lidx")));
      s->upper = expr(get(body(c), key("uidx")));
    } else {
      s->field = string_node(c);
    }
    return s;
  });
}

namespace {

SqlValue* set_sql_value(SqlValue* v, uint32_t op) {
  switch (op) {
    case key("SVFOP_CURRENT_DATE"): v->op = SqlValueOp::kCurrentDate; break;
    case key("SVFOP_CURRENT_TIME"): case key("SVFOP_CURRENT_TIME_N"): v->op = SqlValueOp::kCurrentTime; break;
    case key("SVFOP_CURRENT_TIMESTAMP"): case key("SVFOP_CURRENT_TIMESTAMP_N"): v->op = SqlValueOp::kCurrentTimestamp; break;
    case key("SVFOP_LOCALTIME"): case key("SVFOP_LOCALTIME_N"): v->op = SqlValueOp::kLocalTime; break;
    case key("SVFOP_LOCALTIMESTAMP"): case key("SVFOP_LOCALTIMESTAMP_N"): v->op = SqlValueOp::kLocalTimestamp; break;
    case key("SVFOP_CURRENT_ROLE"): v->op = SqlValueOp::kCurrentRole; break;
    case key("SVFOP_CURRENT_USER"): v->op = SqlValueOp::kCurrentUser; break;
    case key("SVFOP_USER"): v->op = SqlValueOp::kUser; break;
    case key("SVFOP_SESSION_USER"): v->op = SqlValueOp::kSessionUser; break;
    case key("SVFOP_CURRENT_CATALOG"): v->op = SqlValueOp::kCurrentCatalog; break;
    default: v->op = SqlValueOp::kCurrentSchema; break;
  }
  return v;
}

BoolTest bool_test(uint32_t t) {
  switch (t) {
    case key("IS_NOT_TRUE"): return BoolTest::kNotTrue;
    case key("IS_FALSE"): return BoolTest::kFalse;
    case key("IS_NOT_FALSE"): return BoolTest::kNotFalse;
    case key("IS_UNKNOWN"): return BoolTest::kUnknown;
    case key("IS_NOT_UNKNOWN"): return BoolTest::kNotUnknown;
    default: return BoolTest::kTrue;
  }
}

GroupingSetKind grouping_kind(uint32_t t) {
  switch (t) {
    case key("GROUPING_SET_SIMPLE"): return GroupingSetKind::kSimple;
    case key("GROUPING_SET_ROLLUP"): return GroupingSetKind::kRollup;
    case key("GROUPING_SET_CUBE"): return GroupingSetKind::kCube;
    case key("GROUPING_SET_SETS"): return GroupingSetKind::kSets;
    default: return GroupingSetKind::kEmpty;
  }
}

}  // namespace

Expr* Converter::convert_expr(uint32_t type, const Json* b) {
  switch (type) {
    case key("A_Const"): return constant(b);
    case key("ColumnRef"): {
      auto* c = make<ColumnRef>(b);
      Names all = names(get(b, key("fields")));
      const Json* fields = get(b, key("fields"));
      c->star = fields && fields->last && node(fields->last) == key("A_Star");
      c->fields = c->star ? all.first(all.size() - 1) : all;
      return c;
    }
    case key("ParamRef"): { auto* p = make<Param>(b); p->number = static_cast<int>(number(b, key("number"))); return p; }
    case key("A_Expr"): return op(b);
    case key("BoolExpr"): {
      auto* e = make<Bool>(b);
      auto t = tag(b, key("boolop"));
      e->op = t == key("AND_EXPR") ? BoolOp::kAnd : t == key("OR_EXPR") ? BoolOp::kOr : BoolOp::kNot;
      e->args = exprs(get(b, key("args")));
      return e;
    }
    case key("NullTest"): {
      auto* e = make<NullTest>(b);
      e->arg = expr(get(b, key("arg")));
      e->is_not = tag(b, key("nulltesttype")) == key("IS_NOT_NULL");
      return e;
    }
    case key("BooleanTest"): {
      auto* e = make<BooleanTest>(b);
      e->arg = expr(get(b, key("arg")));
      e->test = bool_test(tag(b, key("booltesttype")));
      return e;
    }
    case key("FuncCall"): return func(b);
    case key("TypeCast"): {
      auto* e = make<Cast>(b);
      e->arg = expr(get(b, key("arg")));
      e->type = type_name(get(b, key("typeName")));
      return e;
    }
    case key("CaseExpr"): return case_expr(b);
    case key("CoalesceExpr"): { auto* e = make<Coalesce>(b); e->args = exprs(get(b, key("args"))); return e; }
    case key("MinMaxExpr"): {
      auto* e = make<MinMax>(b);
      e->greatest = tag(b, key("op")) == key("IS_GREATEST");
      e->args = exprs(get(b, key("args")));
      return e;
    }
    case key("A_ArrayExpr"): { auto* e = make<Array>(b); e->elements = exprs(get(b, key("elements"))); return e; }
    case key("RowExpr"): {
      auto* e = make<Row>(b);
      e->args = exprs(get(b, key("args")));
      e->explicit_row = tag(b, key("row_format")) == key("COERCE_EXPLICIT_CALL");
      return e;
    }
    case key("A_Indirection"): {
      auto* e = make<IndirectionExpr>(nullptr);
      e->arg = expr(get(b, key("arg")));
      e->position = e->arg ? e->arg->position : 0;
      e->steps = indirection(get(b, key("indirection")));
      return e;
    }
    case key("SubLink"): return sub_link(b);
    case key("SQLValueFunction"): {
      auto* v = set_sql_value(make<SqlValue>(b), tag(b, key("op")));
      v->typmod = static_cast<int32_t>(number(b, key("typmod")));
      return v;
    }
    case key("CollateClause"): {
      auto* e = make<Collate>(b);
      e->arg = expr(get(b, key("arg")));
      e->collation = names(get(b, key("collname")));
      return e;
    }
    case key("SetToDefault"): return make<Default>(b);
    case key("NamedArgExpr"): {
      auto* e = make<NamedArg>(b);
      e->name = text(b, key("name"));
      e->arg = expr(get(b, key("arg")));
      return e;
    }
    case key("GroupingSet"): {
      auto* e = make<GroupingSet>(b);
      e->set = grouping_kind(tag(b, key("kind")));
      e->content = exprs(get(b, key("content")));
      return e;
    }
    case key("GroupingFunc"): { auto* e = make<GroupingFunc>(b); e->args = exprs(get(b, key("args"))); return e; }
    case key("MultiAssignRef"): {
      auto* e = make<MultiAssign>(nullptr);
      e->column = static_cast<int>(number(b, key("colno")));
      e->source = e->column == 1 ? expr(get(b, key("source"))) : multi_source_;   // printed once per column
      multi_source_ = e->source;
      e->position = e->source ? e->source->position : 0;
      e->columns = static_cast<int>(number(b, key("ncolumns")));
      return e;
    }
    case key("CurrentOfExpr"): { auto* e = make<CurrentOf>(nullptr); e->cursor = text(b, key("cursor_name")); return e; }
    default: {
      auto* e = make<UnsupportedExpr>(b);
      e->name = b->name == "XmlExpr" || b->name == "XmlSerialize" ? std::string_view("XML") : b->name;
      return e;
    }
  }
}

TypeName* Converter::type_name(const Json* b) {
  if (!b) return nullptr;
  auto* t = arena_.make<TypeName>();
  t->names = names(get(b, key("names")));
  t->typmods = exprs(get(b, key("typmods")));
  if (auto* bounds = get(b, key("arrayBounds"))) {
    auto* out = arena_.alloc_array<int32_t>(bounds->size);
    size_t n = 0;
    for (const Json* c = bounds->first; c; c = c->next) {
      auto* v = get(body(c), key("ival"));
      out[n++] = v ? static_cast<int32_t>(v->number) : -1;
    }
    t->array_bounds = {out, n};
  }
  t->setof = flag(b, key("setof"));
  t->pct_type = flag(b, key("pct_type"));
  t->position = position(b);
  return t;
}

SortBy* Converter::sort_by(const Json* b) {
  auto* s = arena_.make<SortBy>();
  s->expr = expr(get(b, key("node")));
  switch (tag(b, key("sortby_dir"))) {
    case key("SORTBY_ASC"): s->direction = SortDirection::kAsc; break;
    case key("SORTBY_DESC"): s->direction = SortDirection::kDesc; break;
    case key("SORTBY_USING"): s->direction = SortDirection::kUsing; break;
    default: break;
  }
  auto nulls = tag(b, key("sortby_nulls"));
  s->nulls = nulls == key("SORTBY_NULLS_FIRST") ? NullsOrder::kFirst : nulls == key("SORTBY_NULLS_LAST") ? NullsOrder::kLast : NullsOrder::kDefault;
  s->using_op = names(get(b, key("useOp")));
  s->position = position(b);
  return s;
}

List<SortBy> Converter::sort_list(const Json* j) {
  return list<SortBy>(j, [&](const Json* c) { return sort_by(body(c)); });
}

WindowDef* Converter::window(const Json* b) {
  auto* w = arena_.make<WindowDef>();
  w->name = text(b, key("name"));
  w->ref_name = text(b, key("refname"));
  w->partition = exprs(get(b, key("partitionClause")));
  w->order = sort_list(get(b, key("orderClause")));
  w->frame_options = static_cast<uint32_t>(number(b, key("frameOptions")));
  w->start = expr(get(b, key("startOffset")));
  w->end = expr(get(b, key("endOffset")));
  w->position = position(b);
  return w;
}

ResTarget* Converter::res_target(const Json* b) {
  auto* t = arena_.make<ResTarget>();
  t->name = text(b, key("name"));
  t->indirection = indirection(get(b, key("indirection")));
  t->expr = expr(get(b, key("val")));
  t->position = position(b);
  return t;
}

List<ResTarget> Converter::targets(const Json* j) {
  return list<ResTarget>(j, [&](const Json* c) { return res_target(body(c)); });
}

}  // namespace postern::sql::parse_detail
