// CREATE INDEX, REINDEX.
#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/table_parts.h"

namespace postern::ddl {

using namespace catalog;

namespace {

void add_key(UtilityContext& cx, const RelationDesc& table, const ast::IndexElem& e, IndexSpec& spec) {
  IndexDesc::Key k;
  std::string_view name;
  if (!e.opclass_options.empty()) throw_unsupported("operator class options");
  if (e.expr) {
    Bound b = bind(cx, *e.expr, &table, kInvalidOid, -1, ExprUse::kIndex);
    if (!b.is_immutable) throw SqlError(sqlstate::kInvalidObjectDefinition, "functions in index expression must be marked IMMUTABLE");
    k.type = b.expr->type;
    k.collation = b.expr->collation;
    if (!spec.desc.expressions.empty()) spec.desc.expressions += '\x01';
    spec.desc.expressions += b.text;
    name = e.expr->kind == ast::ExprKind::kFunc ? ast::to<ast::Func>(*e.expr).name.back() : std::string_view("expr");
  } else {
    k.attno = static_cast<int16_t>(0);
    for (int i = 0; i < table.natts(); i++)
      if (!table.attrs[i].dropped && table.attrs[i].name == e.name) k.attno = static_cast<int16_t>(i + 1);
    if (!k.attno) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", e.name, "\" does not exist"));
    k.type = table.attrs[k.attno - 1].type;
    k.collation = table.attrs[k.attno - 1].collation;
    name = e.name;
  }
  if (!e.collation.empty()) {
    AttrDesc a = make_attr("", k.type, -1);
    k.collation = resolve_collation(e.collation, a);
  }
  k.opclass = e.opclass.empty() ? default_opclass(k.type) : find_opclass(e.opclass, k.type);
  k.desc = e.direction == ast::SortDirection::kDesc;
  k.nulls_first = e.nulls == ast::NullsOrder::kDefault ? k.desc : e.nulls == ast::NullsOrder::kFirst;
  spec.desc.keys.push_back(k);
  std::string own(name);
  for (int n = 1; std::find(spec.column_names.begin(), spec.column_names.end(), own) != spec.column_names.end(); n++) own = cat(name, n);
  spec.column_names.push_back(own);
}

}  // namespace

std::string create_index_stmt(const ast::CreateIndexStmt& s, UtilityContext& cx) {
  if (s.concurrently) require_no_block(cx, "CREATE INDEX CONCURRENTLY");
  if (!s.access_method.empty() && s.access_method != "btree") {
    for (std::string_view known : {"hash", "gin", "gist", "brin", "spgist"})
      if (s.access_method == known) throw_unsupported(cat("access method \"", s.access_method, "\""));
    throw SqlError(sqlstate::kUndefinedObject, cat("access method \"", s.access_method, "\" does not exist"));
  }
  if (!s.tablespace.empty() && s.tablespace != "pg_default") throw_unsupported("tablespaces");
  RelationRef table = open_owned(cx, *s.relation, lock::Mode::kShare, "rmvSi");
  if (table->kind != 'r' && table->kind != 'm')
    throw SqlError(sqlstate::kWrongObjectType, cat("cannot create index on relation \"", table->name, "\""), cat("This operation is not supported for ", table->kind == 'i' ? "indexe" : kind_name(table->kind), "s."));
  if (s.if_not_exists && !s.name.empty() && relation_exists(table->namespace_oid, s.name)) {
    notice(cx, cat("relation \"", s.name, "\" already exists, skipping"), {}, sqlstate::kDuplicateTable);
    return "CREATE INDEX";
  }
  IndexSpec spec;
  spec.name = s.name;
  spec.desc.unique = s.unique;
  spec.desc.nulls_not_distinct = s.nulls_not_distinct;
  spec.options = relation_options(s.options, 'i');
  for (const ast::IndexElem* e : s.keys) add_key(cx, *table, *e, spec);
  for (const ast::IndexElem* e : s.including) {
    if (e->expr) throw SqlError(sqlstate::kFeatureNotSupported, "expressions are not supported in included columns");
    spec.desc.included.push_back(static_cast<int16_t>(find_column(*table, e->name)));
    spec.column_names.emplace_back(e->name);
  }
  if (s.where) {
    Bound b = bind(cx, *s.where, table.get(), oid::kBool, -1, ExprUse::kPredicate);
    if (!b.is_immutable) throw SqlError(sqlstate::kInvalidObjectDefinition, "functions in index predicate must be marked IMMUTABLE");
    spec.desc.predicate = b.text;
  }
  create_index(cx, table, spec);
  return "CREATE INDEX";
}

void rebuild_indexes(UtilityContext& cx, Oid table) {
  RelationRef rel = relation(table);
  for (const IndexDesc& i : rel->indexes) set_new_file(i.oid, true, *rel, &i);
  txn::next_command();
  rel = relation(table);
  for (const IndexDesc& i : rel->indexes) exec::build_index(*rel, i, cx.services, cx.maintenance_work_mem_bytes);
}

namespace {

void reindex_one(UtilityContext& cx, Oid table, Oid index) {
  RelationRef rel = open_relation(table, lock::Mode::kShare);
  for (const IndexDesc& i : rel->indexes) {
    if (i.oid != index) continue;
    lock::acquire(lock::relation(my_database(), index), lock::Mode::kAccessExclusive);
    set_new_file(index, true, *rel, &i);
    txn::next_command();
    rel = relation(table);
    for (const IndexDesc& x : rel->indexes)
      if (x.oid == index) exec::build_index(*rel, x, cx.services, cx.maintenance_work_mem_bytes);
    return;
  }
}

}  // namespace

std::string reindex(const ast::ReindexStmt& s, UtilityContext& cx) {
  for (const ast::DefElem* d : s.options)
    if (d->name == "concurrently" && option_bool(*d)) require_no_block(cx, "REINDEX CONCURRENTLY");
  if (s.what == ast::ReindexKind::kIndex) {
    QualifiedName q = split_name(*s.relation);
    RelationRef index = open_relation(q.schema, q.name, lock::Mode::kNone);
    if (index->kind != 'i') throw SqlError(sqlstate::kWrongObjectType, cat("\"", index->name, "\" is not an index"));
    require_not_catalog(*index);
    require_owner(*index);
    reindex_one(cx, relation_oid_of_index(index->oid), index->oid);
    return "REINDEX";
  }
  if (s.what == ast::ReindexKind::kTable) {
    RelationRef table = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, "rm");
    rebuild_indexes(cx, table->oid);
    return "REINDEX";
  }
  require_no_block(cx, s.what == ast::ReindexKind::kSchema ? "REINDEX SCHEMA" : s.what == ast::ReindexKind::kDatabase ? "REINDEX DATABASE" : "REINDEX SYSTEM");
  if (s.what == ast::ReindexKind::kSystem) throw_unsupported("REINDEX SYSTEM");
  Oid only = s.what == ast::ReindexKind::kSchema ? require_namespace(s.name) : kInvalidOid;
  Arena arena;
  for (const CatalogRow& r : scan(pg_class::kTable, kInvalidOid, {}, arena)) {
    if (r.letter(pg_class::relkind) != 'r' || raw(r.oid(pg_class::oid)) < raw(kFirstNormalOid)) continue;
    if (only != kInvalidOid && r.oid(pg_class::relnamespace) != only) continue;
    if (is_temp_namespace(r.oid(pg_class::relnamespace)) && r.oid(pg_class::relnamespace) != temp_namespace(false)) continue;
    lock::acquire(lock::relation(my_database(), r.oid(pg_class::oid)), lock::Mode::kAccessExclusive);
    accept_invalidations();
    if (RelationRef rel = relation(r.oid(pg_class::oid))) {
      require_owner(*rel);
      rebuild_indexes(cx, rel->oid);
    }
  }
  return "REINDEX";
}

}  // namespace postern::ddl
