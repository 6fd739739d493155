// CREATE TABLE AS, SELECT INTO, CREATE VIEW: relations from queries.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/objects.h"
#include "postgres/sql/parse/parse.h"

namespace postern::ddl {

using namespace catalog;

namespace {

struct OutputColumn { std::string name; Oid type; int32_t typmod; Oid collation; };

sql::AnalyzedStmt analyze_query(const ast::Stmt& query, UtilityContext& cx) {
  sql::ParamTypes none;
  return sql::analyze(query, cx.query_text, none, *cx.arena);
}

std::vector<OutputColumn> output_columns(const sql::Query& q, ast::Names names, const char* too_many) {
  std::vector<OutputColumn> out;
  auto targets = q.command == sql::Command::kSelect ? q.targets : q.returning;
  for (const sql::Target& t : targets) {
    if (t.junk) continue;
    Oid type = t.expr->type == oid::kUnknown ? oid::kText : t.expr->type;
    out.push_back({std::string(t.name), type, t.expr->typmod, t.expr->collation});
  }
  if (names.size() > out.size()) throw SqlError(sqlstate::kSyntaxError, too_many);
  for (size_t i = 0; i < names.size(); i++) out[i].name = names[i];
  return out;
}

std::vector<AttrDesc> to_attrs(const std::vector<OutputColumn>& columns) {
  std::vector<AttrDesc> out;
  for (const OutputColumn& c : columns) {
    out.push_back(make_attr(c.name, c.type, c.typmod));
    if (c.collation != kInvalidOid) out.back().collation = c.collation;
  }
  return out;
}

}  // namespace

std::string create_table_as(const ast::CreateTableAsStmt& s, UtilityContext& cx) {
  if (s.object == ast::ObjectKind::kMatView) throw_unsupported("CREATE MATERIALIZED VIEW");
  const ast::IntoClause& into = *s.into;
  if (!into.tablespace.empty() && into.tablespace != "pg_default") throw_unsupported("tablespaces");
  Oid ns = creation_namespace_of(*into.relation);
  if (relation_exists(ns, into.relation->name)) {
    if (!s.if_not_exists) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", into.relation->name, "\" already exists"));
    notice(cx, cat("relation \"", into.relation->name, "\" already exists, skipping"), {}, sqlstate::kDuplicateTable);
    return "CREATE TABLE AS";
  }
  RelationSpec spec;
  spec.name = into.relation->name;
  spec.namespace_oid = ns;
  spec.owner = current_user();
  spec.persistence = is_temp_namespace(ns) ? 't' : into.relation->persistence;
  spec.options = relation_options(into.options, 'r');
  constexpr const char* kTooMany = "too many column names were specified";
  if (s.query->kind == ast::StmtKind::kExecute) {
    std::vector<OutputColumn> columns;
    for (const auto& c : cx.describe_execute(ast::to<ast::ExecuteStmt>(*s.query))) columns.push_back({c.name, c.type, c.typmod, kInvalidOid});
    if (into.columns.size() > columns.size()) throw SqlError(sqlstate::kSyntaxError, kTooMany);
    for (size_t i = 0; i < into.columns.size(); i++) columns[i].name = into.columns[i];
    spec.attrs = to_attrs(columns);
  } else {
    spec.attrs = to_attrs(output_columns(*analyze_query(*s.query, cx).query, into.columns, kTooMany));
  }
  Oid table = create_relation(spec);
  set_on_commit(table, into.on_commit);
  if (into.skip_data) return s.select_into ? "SELECT INTO" : "CREATE TABLE AS";
  RelationRef rel = relation(table);
  exec::BulkInserter out(*rel, cx.services);
  std::vector<Datum> row(rel->natts());
  std::vector<uint8_t> nulls(rel->natts());
  cx.run_query(*s.query, [&](const exec::Batch& b) {
    for_rows(b.rows, [&](uint32_t r) {
      for (int i = 0; i < rel->natts(); i++) {
        nulls[i] = b.columns[i].null(r);
        row[i] = nulls[i] ? 0 : b.columns[i].value(r);
      }
      out.add(row.data(), nulls.data());
    });
  });
  out.finish();
  return cat("SELECT ", out.count());
}

// ---------------------------------------------------------------- views

namespace {

class References {
 public:
  void query(const sql::Query& q) {
    levels_.push_back(&q);
    for (const sql::RangeEntry* r : q.rtable) entry(*r);
    if (q.where) expr(*q.where);
    from(q.from);
    for (const sql::Target& t : q.targets) if (t.expr) expr(*t.expr);
    for (const sql::Expr* e : q.group_by) expr(*e);
    if (q.having) expr(*q.having);
    for (const sql::Expr* e : q.distinct_on) expr(*e);
    for (const sql::SortKey& k : q.order_by) expr(*k.expr);
    if (q.limit) expr(*q.limit);
    if (q.offset) expr(*q.offset);
    tree(q.set_tree);
    for (const sql::Cte* c : q.ctes)
      if (c->query) query(*c->query);
    for (const sql::WindowDef& w : q.windows) {
      for (const sql::Expr* e : w.partition) expr(*e);
      for (const sql::SortKey& k : w.order) expr(*k.expr);
    }
    levels_.pop_back();
  }
  std::vector<ObjectAddress> out;
  std::function<void(sql::RangeEntry&)> on_entry;    // the tree must be ours to change then

 private:
  void add(Oid rel, int32_t sub) {
    ObjectAddress a{pg_class::kTable, rel, sub};
    if (std::find(out.begin(), out.end(), a) == out.end()) out.push_back(a);
  }
  void entry(const sql::RangeEntry& r) {
    if (on_entry) on_entry(const_cast<sql::RangeEntry&>(r));
    const RelationDesc* rel = r.view_of ? r.view_of : r.relation;
    if (rel) {
      add(rel->oid, 0);
      if (rel->persistence == 't') temporary = true;
    }
    if (r.view_of) return;               // what it uses is its own affair
    if (r.subquery) query(*r.subquery);
    for (const sql::Expr* f : r.functions) expr(*f);
    for (auto row : r.values)
      for (const sql::Expr* e : row) expr(*e);
  }
  void from(const sql::FromItem* f) {
    if (!f || !f->is_join) return;
    from(f->left);
    from(f->right);
    if (f->on) expr(*f->on);
  }
  void tree(const sql::SetTree* t) {
    if (!t) return;
    if (t->query) query(*t->query);
    tree(t->left);
    tree(t->right);
  }
  void expr(const sql::Expr& e) {
    if (e.kind == sql::ExprKind::kColumn && e.attno > 0 && static_cast<size_t>(e.levels_up) < levels_.size()) {
      const sql::Query& q = *levels_[levels_.size() - 1 - static_cast<size_t>(e.levels_up)];
      if (e.rel >= 0 && static_cast<size_t>(e.rel) < q.rtable.size()) {
        const sql::RangeEntry& r = *q.rtable[static_cast<size_t>(e.rel)];
        if (const RelationDesc* rel = r.view_of ? r.view_of : r.relation) add(rel->oid, e.attno);
      }
    }
    if (e.kind == sql::ExprKind::kConst && e.type == oid::kRegClass && !e.null) add(as_oid(e.value), 0);
    if (e.kind == sql::ExprKind::kSubquery && e.subquery) query(*e.subquery);
    if (e.filter) expr(*e.filter);
    for (const sql::SortKey& k : e.order) expr(*k.expr);
    sql::for_each_child(e, [&](sql::Expr* c) { if (c) expr(*c); });
  }
  std::vector<const sql::Query*> levels_;

 public:
  bool temporary = false;
};

void check_replaceable(const RelationDesc& old, const std::vector<AttrDesc>& attrs) {
  if (attrs.size() < old.attrs.size()) throw SqlError(sqlstate::kInvalidTableDefinition, "cannot drop columns from view");
  for (size_t i = 0; i < old.attrs.size(); i++) {
    if (old.attrs[i].name != attrs[i].name)
      throw SqlError(sqlstate::kInvalidTableDefinition, cat("cannot change name of view column \"", old.attrs[i].name, "\" to \"", attrs[i].name, "\""), "",
                     "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.");
    if (old.attrs[i].type != attrs[i].type || old.attrs[i].typmod != attrs[i].typmod)
      throw SqlError(sqlstate::kInvalidTableDefinition, cat("cannot change data type of view column \"", old.attrs[i].name, "\" from ", format_type(old.attrs[i].type, old.attrs[i].typmod), " to ",
                                                             format_type(attrs[i].type, attrs[i].typmod)));
  }
}

void replace_view_columns(Oid view, const RelationDesc& old, const std::vector<AttrDesc>& attrs) {
  Arena arena;
  for (size_t i = old.attrs.size(); i < attrs.size(); i++) {
    RelationSpec spec;
    insert_row(pg_attribute::kTable, attribute_row(arena, view, static_cast<int>(i + 1), attrs[i]));
  }
  CatalogRow c = class_row_of(view, arena);
  c.set(pg_class::relnatts, from_int(static_cast<int64_t>(attrs.size())));
  update_row(pg_class::kTable, c);
}

void store_rule(Oid view, std::string_view text, const std::vector<ObjectAddress>& refs) {
  Arena arena;
  Datum key = from_oid(view);
  for (const CatalogRow& r : scan(pg_rewrite::kTable, pg_rewrite::k_rel_rulename_index, {&key, 1}, arena)) {
    delete_dependencies_of({pg_rewrite::kTable, r.oid(pg_rewrite::oid)});
    delete_row(pg_rewrite::kTable, r.tid);
  }
  namespace w = pg_rewrite;
  CatalogRow r = new_row(w::kTable);
  Oid oid = new_oid(w::kTable, w::k_oid_index);
  r.set(w::oid, from_oid(oid));
  r.set(w::rulename, make_bytes(arena, "_RETURN"));
  r.set(w::ev_class, from_oid(view));
  r.set(w::ev_type, static_cast<uint8_t>('1'));
  r.set(w::ev_enabled, static_cast<uint8_t>('O'));
  r.set(w::is_instead, from_bool(true));
  r.set(w::ev_qual, make_bytes(arena, "<>"));
  r.set(w::ev_action, make_bytes(arena, text));
  insert_row(w::kTable, r);
  record_dependency({w::kTable, oid}, {pg_class::kTable, view}, 'i');
  for (const ObjectAddress& a : refs) record_dependency({w::kTable, oid}, a, 'n');
  invalidate_relation(view);
  txn::next_command();
}

}  // namespace

ViewTexts::ViewTexts(Oid relation_oid) : relation_(relation(relation_oid)) {
  Arena arena;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(relation_oid)};
  for (const CatalogRow& d : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    if (d.oid(pg_depend::classid) != pg_rewrite::kTable || d.letter(pg_depend::deptype) != 'n') continue;
    auto rule = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {d.values[pg_depend::objid]}, arena);
    Oid view = rule ? rule->oid(pg_rewrite::ev_class) : kInvalidOid;
    if (view == kInvalidOid || std::any_of(views_.begin(), views_.end(), [&](const auto& v) { return v->rule == rule->oid(pg_rewrite::oid); })) continue;
    auto v = std::make_unique<View>();
    v->rule = rule->oid(pg_rewrite::oid);
    v->view = view;
    v->text = rule->text(pg_rewrite::ev_action);
    sql::ParamTypes none;
    v->analyzed = sql::analyze(*sql::parse(v->text, v->arena)[0].stmt, v->text, none, v->arena);
    views_.push_back(std::move(v));
  }
}

void ViewTexts::write(int attnum, std::string_view column) {
  RelationRef now = relation(relation_->oid);
  for (auto& v : views_) {
    References walk;
    walk.on_entry = [&](sql::RangeEntry& r) {
      const RelationDesc*& named = r.view_of ? r.view_of : r.relation;
      if (!named || named->oid != now->oid) return;
      if (r.alias == relation_->name) r.alias = v->arena.copy(std::string_view(now->name));
      named = now.get();
      if (attnum && static_cast<size_t>(attnum) <= r.columns.size() && r.columns[attnum - 1] == relation_->attrs[attnum - 1].name) r.columns[attnum - 1] = v->arena.copy(column);
    };
    walk.query(*v->analyzed.query);
    std::string text = sql::deparse_query(*v->analyzed.query, false);
    Arena arena;
    try {
      sql::ParamTypes none;
      sql::analyze(*sql::parse(text, arena)[0].stmt, text, none, arena);
    } catch (const SqlError&) {
      throw_unsupported("changing a name that this view uses");
    }
    auto rule = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {from_oid(v->rule)}, arena);
    rule->set(pg_rewrite::ev_action, make_bytes(arena, text));
    update_row(pg_rewrite::kTable, *rule);
    invalidate_relation(v->view);
    txn::next_command();
  }
}

std::vector<ObjectAddress> query_references(const sql::Query& q) {
  References r;
  r.query(q);
  return std::move(r.out);
}

std::string create_view(const ast::CreateViewStmt& s, UtilityContext& cx) {
  if (s.check_option) throw_unsupported("WITH CHECK OPTION");
  if (s.query->kind != ast::StmtKind::kSelect) throw SqlError(sqlstate::kSyntaxError, "views must be defined by SELECT statements");
  if (ast::to<ast::SelectStmt>(*s.query).into) throw SqlError(sqlstate::kFeatureNotSupported, "views must not contain SELECT INTO");
  for (const ast::DefElem* d : s.options) throw_unsupported(cat("view option \"", d->name, "\""));
  sql::AnalyzedStmt analyzed = analyze_query(*s.query, cx);
  References refs;
  refs.query(*analyzed.query);
  Oid ns;
  if (refs.temporary && s.view->persistence != 't' && s.view->schema.empty()) {
    notice(cx, cat("view \"", s.view->name, "\" will be a temporary view"));
    ns = temp_namespace(true);
  } else {
    ns = creation_namespace_of(*s.view);
  }
  std::vector<AttrDesc> attrs = to_attrs(output_columns(*analyzed.query, s.aliases, "CREATE VIEW specifies more column names than columns"));
  // The stored text names its columns itself.
  std::span<sql::Target> targets = analyzed.query->targets;
  size_t at = 0;
  for (sql::Target& t : targets)
    if (!t.junk) t.name = cx.arena->copy(std::string_view(attrs[at++].name));
  std::string text = sql::deparse_query(*analyzed.query, false);
  Arena arena;
  auto existing = find_row(pg_class::kTable, pg_class::k_relname_nsp_index, {make_bytes(arena, s.view->name), from_oid(ns)}, arena);
  Oid view;
  if (existing && s.replace) {
    view = existing->oid(pg_class::oid);
    if (existing->letter(pg_class::relkind) != 'v') throw SqlError(sqlstate::kWrongObjectType, cat("\"", s.view->name, "\" is not a view"));
    RelationRef old = open_relation(view, lock::Mode::kAccessExclusive);
    require_owner(*old);
    check_replaceable(*old, attrs);
    replace_view_columns(view, *old, attrs);
  } else {
    RelationSpec spec;
    spec.name = s.view->name;
    spec.namespace_oid = ns;
    spec.owner = current_user();
    spec.kind = 'v';
    spec.persistence = is_temp_namespace(ns) ? 't' : 'p';
    spec.attrs = attrs;
    view = create_relation(spec);
  }
  store_rule(view, text, refs.out);
  return "CREATE VIEW";
}

}  // namespace postern::ddl
