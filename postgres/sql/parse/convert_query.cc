// SELECT, INSERT, UPDATE, DELETE and FROM.
#include "common/base/error.h"
#include "postgres/sql/parse/convert.h"

namespace postern::sql::parse_detail {

using namespace ast;

Alias* Converter::alias(const Json* b) {
  if (!b) return nullptr;
  return arena_.make<Alias>(text(b, key("aliasname")), names(get(b, key("colnames"))));
}

RangeVar* Converter::range_var(const Json* b) {
  if (!b) return nullptr;
  auto* r = make<RangeVar>(b);
  r->position = position(b);
  r->catalog = text(b, key("catalogname"));
  r->schema = text(b, key("schemaname"));
  r->name = text(b, key("relname"));
  r->inherit = flag(b, key("inh"));
  auto p = text(b, key("relpersistence"));
  r->persistence = p.empty() ? 'p' : p[0];
  r->alias = alias(get(b, key("alias")));
  return r;
}

List<RangeVar> Converter::range_vars(const Json* j) {
  return list<RangeVar>(j, [&](const Json* c) { return range_var(body(c)); });
}

List<FromNode> Converter::from_list(const Json* j) {
  return list<FromNode>(j, [&](const Json* c) { return from_item(c); });
}

FromNode* Converter::from_item(const Json* wrapped) {
  DepthGuard guard(*this);
  const Json* b = body(wrapped);
  switch (node(wrapped)) {
    case key("RangeVar"): return range_var(b);
    case key("RangeSubselect"): {
      auto* s = make<RangeSubselect>(nullptr);
      s->lateral = flag(b, key("lateral"));
      s->select = stmt(get(b, key("subquery")));
      s->alias = alias(get(b, key("alias")));
      return s;
    }
    case key("RangeFunction"): {
      auto* f = make<RangeFunction>(nullptr);
      f->lateral = flag(b, key("lateral"));
      f->ordinality = flag(b, key("ordinality"));
      f->rows_from = flag(b, key("is_rowsfrom"));
      auto columns = [&](const Json* defs) { return list<ColumnDef>(defs, [&](const Json* d) { return column_def(body(d)); }); };
      f->functions = list<RangeFunctionItem>(get(b, key("functions")), [&](const Json* c) {
        const Json* parts = items(c);
        auto* item = arena_.make<RangeFunctionItem>();
        item->call = expr(parts);
        if (parts && parts->next && node(parts->next) == key("List")) item->columns = columns(get(body(parts->next), key("items")));
        return item;
      });
      f->columns = columns(get(b, key("coldeflist")));
      f->alias = alias(get(b, key("alias")));
      if (!f->functions.empty() && f->functions[0]->call) f->position = f->functions[0]->call->position;
      return f;
    }
    case key("JoinExpr"): {
      auto* j = make<JoinExpr>(nullptr);
      switch (tag(b, key("jointype"))) {
        case key("JOIN_LEFT"): j->join = JoinKind::kLeft; break;
        case key("JOIN_RIGHT"): j->join = JoinKind::kRight; break;
        case key("JOIN_FULL"): j->join = JoinKind::kFull; break;
        default: j->join = JoinKind::kInner; break;
      }
      j->natural = flag(b, key("isNatural"));
      j->left = from_item(get(b, key("larg")));
      j->right = from_item(get(b, key("rarg")));
      j->using_columns = names(get(b, key("usingClause")));
      j->using_alias = alias(get(b, key("join_using_alias")));
      j->on = expr(get(b, key("quals")));
      j->alias = alias(get(b, key("alias")));
      return j;
    }
    default: {
      auto* u = make<UnsupportedFrom>(nullptr);
      u->name = node(wrapped) == key("RangeTableSample") ? "TABLESAMPLE" : node(wrapped) == key("RangeTableFunc") ? "XMLTABLE" : b->name;
      return u;
    }
  }
}

WithClause* Converter::with(const Json* b) {
  if (!b) return nullptr;
  auto* w = arena_.make<WithClause>();
  w->recursive = flag(b, key("recursive"));
  w->position = position(b);
  w->ctes = list<CteDef>(get(b, key("ctes")), [&](const Json* c) {
    const Json* cb = body(c);
    auto* d = arena_.make<CteDef>();
    d->name = text(cb, key("ctename"));
    d->columns = names(get(cb, key("aliascolnames")));
    auto m = tag(cb, key("ctematerialized"));
    d->materialize = m == key("CTEMaterializeAlways") ? Materialize::kAlways : m == key("CTEMaterializeNever") ? Materialize::kNever : Materialize::kDefault;
    d->query = stmt(get(cb, key("ctequery")));
    d->search_or_cycle = get(cb, key("search_clause")) || get(cb, key("cycle_clause"));
    d->position = position(cb);
    return d;
  });
  return w;
}

IntoClause* Converter::into(const Json* b) {
  if (!b) return nullptr;
  auto* i = arena_.make<IntoClause>();
  i->relation = range_var(get(b, key("rel")));
  i->columns = names(get(b, key("colNames")));
  i->access_method = text(b, key("accessMethod"));
  i->tablespace = text(b, key("tableSpaceName"));
  i->options = def_elems(get(b, key("options")));
  switch (tag(b, key("onCommit"))) {
    case key("ONCOMMIT_PRESERVE_ROWS"): i->on_commit = 'p'; break;
    case key("ONCOMMIT_DELETE_ROWS"): i->on_commit = 'd'; break;
    case key("ONCOMMIT_DROP"): i->on_commit = 'x'; break;
    default: break;
  }
  i->skip_data = flag(b, key("skipData"));
  return i;
}

namespace {
LockingClause* set_locking(LockingClause* l, uint32_t strength, uint32_t wait) {
  l->strength = strength == key("LCS_FORKEYSHARE") ? LockStrength::kKeyShare : strength == key("LCS_FORSHARE") ? LockStrength::kShare
              : strength == key("LCS_FORNOKEYUPDATE") ? LockStrength::kNoKeyUpdate : LockStrength::kUpdate;
  l->wait = wait == key("LockWaitSkip") ? LockWait::kSkipLocked : wait == key("LockWaitError") ? LockWait::kNoWait : LockWait::kBlock;
  return l;
}
}  // namespace

SelectStmt* Converter::select(const Json* b) {
  DepthGuard guard(*this);
  auto* s = make<SelectStmt>(nullptr);
  for (const Json* m = b->first; m; m = m->next) {
    switch (m->name_key) {
      case key("distinctClause"):
        s->distinct = true;
        // Plain DISTINCT is a list of one nothing.
        if (m->first && m->first->first) s->distinct_on = exprs(m);
        break;
      case key("intoClause"): s->into = into(m); break;
      case key("targetList"): s->targets = targets(m); break;
      case key("fromClause"): s->from = from_list(m); break;
      case key("whereClause"): s->where = expr(m); break;
      case key("groupClause"): s->group_by = exprs(m); break;
      case key("groupDistinct"): s->group_distinct = m->number != 0; break;
      case key("havingClause"): s->having = expr(m); break;
      case key("windowClause"): s->windows = list<WindowDef>(m, [&](const Json* c) { return window(body(c)); }); break;
      case key("valuesLists"): {
        auto* rows = arena_.alloc_array<List<Expr>>(m->size);
        size_t n = 0;
        for (const Json* c = m->first; c; c = c->next) new (&rows[n++]) List<Expr>(exprs(get(body(c), key("items"))));
        s->values = {rows, n};
        break;
      }
      case key("sortClause"): s->order_by = sort_list(m); break;
      case key("limitOffset"): s->offset = expr(m); break;
      case key("limitCount"): s->limit = expr(m); break;
      case key("limitOption"): s->with_ties = key(m->text) == key("LIMIT_OPTION_WITH_TIES"); break;
      case key("lockingClause"):
        s->locking = list<LockingClause>(m, [&](const Json* c) {
          const Json* lb = body(c);
          auto* l = set_locking(arena_.make<LockingClause>(), tag(lb, key("strength")), tag(lb, key("waitPolicy")));
          l->relations = range_vars(get(lb, key("lockedRels")));
          return l;
        });
        break;
      case key("withClause"): s->with = with(m); break;
      case key("op"):
        s->op = key(m->text) == key("SETOP_UNION") ? SetOp::kUnion : key(m->text) == key("SETOP_INTERSECT") ? SetOp::kIntersect
              : key(m->text) == key("SETOP_EXCEPT") ? SetOp::kExcept : SetOp::kNone;
        break;
      case key("all"): s->all = m->number != 0; break;
      case key("larg"): s->left = select(m); break;
      case key("rarg"): s->right = select(m); break;
      default: break;
    }
  }
  return s;
}

IndexElem* Converter::index_elem(const Json* b) {
  auto* e = arena_.make<IndexElem>();
  e->name = text(b, key("name"));
  e->expr = expr(get(b, key("expr")));
  e->column_name = text(b, key("indexcolname"));
  e->collation = names(get(b, key("collation")));
  e->opclass = names(get(b, key("opclass")));
  e->opclass_options = def_elems(get(b, key("opclassopts")));
  auto dir = tag(b, key("ordering"));
  e->direction = dir == key("SORTBY_DESC") ? SortDirection::kDesc : dir == key("SORTBY_ASC") ? SortDirection::kAsc : SortDirection::kDefault;
  auto nulls = tag(b, key("nulls_ordering"));
  e->nulls = nulls == key("SORTBY_NULLS_FIRST") ? NullsOrder::kFirst : nulls == key("SORTBY_NULLS_LAST") ? NullsOrder::kLast : NullsOrder::kDefault;
  return e;
}

OnConflict* Converter::on_conflict(const Json* b) {
  if (!b) return nullptr;
  auto* c = arena_.make<OnConflict>();
  c->do_update = tag(b, key("action")) == key("ONCONFLICT_UPDATE");
  c->position = position(b);
  if (auto* infer = get(b, key("infer"))) {
    c->has_infer = true;
    c->infer = list<IndexElem>(get(infer, key("indexElems")), [&](const Json* e) { return index_elem(body(e)); });
    c->infer_where = expr(get(infer, key("whereClause")));
    c->constraint = text(infer, key("conname"));
    c->infer_position = position(infer);
  }
  c->set = targets(get(b, key("targetList")));
  c->where = expr(get(b, key("whereClause")));
  return c;
}

Stmt* Converter::insert(const Json* b) {
  auto* s = make<InsertStmt>(nullptr);
  s->relation = range_var(get(b, key("relation")));
  s->columns = targets(get(b, key("cols")));
  s->source = stmt(get(b, key("selectStmt")));
  s->on_conflict = on_conflict(get(b, key("onConflictClause")));
  s->returning = targets(get(b, key("returningList")));
  s->with = with(get(b, key("withClause")));
  auto o = tag(b, key("override"));
  s->overriding = o == key("OVERRIDING_USER_VALUE") ? Overriding::kUser : o == key("OVERRIDING_SYSTEM_VALUE") ? Overriding::kSystem : Overriding::kNone;
  return s;
}

Stmt* Converter::update(const Json* b) {
  auto* s = make<UpdateStmt>(nullptr);
  s->relation = range_var(get(b, key("relation")));
  s->set = targets(get(b, key("targetList")));
  s->from = from_list(get(b, key("fromClause")));
  s->where = expr(get(b, key("whereClause")));
  s->returning = targets(get(b, key("returningList")));
  s->with = with(get(b, key("withClause")));
  return s;
}

Stmt* Converter::remove(const Json* b) {
  auto* s = make<DeleteStmt>(nullptr);
  s->relation = range_var(get(b, key("relation")));
  s->from = from_list(get(b, key("usingClause")));
  s->where = expr(get(b, key("whereClause")));
  s->returning = targets(get(b, key("returningList")));
  s->with = with(get(b, key("withClause")));
  return s;
}

}  // namespace postern::sql::parse_detail
