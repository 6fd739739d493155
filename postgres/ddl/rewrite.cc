#include "postgres/ddl/rewrite.h"

#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/ddl/scan_table.h"
#include "postgres/sql/parse/parse.h"

namespace postern::ddl {

using namespace catalog;

TableRewrite::TableRewrite(UtilityContext& cx, const RelationDesc& old) : cx_(cx) {
  RelationRef before = relation(old.oid);
  for (const IndexDesc& i : before->indexes) set_new_file(i.oid, true, *before, &i);
  set_new_file(old.oid, false, old, nullptr);
  txn::next_command();
  for (int i = 0; i < old.natts(); i++) {   // values are all there now
    Arena arena;
    CatalogRow a = attribute_row_of(old.oid, i + 1, arena);
    if (!a.flag(pg_attribute::atthasmissing)) continue;
    a.set(pg_attribute::atthasmissing, from_bool(false));
    a.set_null(pg_attribute::attmissingval);
    update_row(pg_attribute::kTable, a);
  }
  invalidate_relation(old.oid);
  txn::next_command();
  now_ = relation(old.oid);
  bare_ = *now_;
  bare_.indexes.clear();
  out_ = std::make_unique<exec::BulkInserter>(bare_, cx.services, false);
}

void TableRewrite::finish() {
  out_->finish();
  out_.reset();
  for (const IndexDesc& i : now_->indexes) exec::build_index(*now_, i, cx_.services, cx_.maintenance_work_mem_bytes);
}

void rewrite_table(UtilityContext& cx, const RelationDesc& old, std::span<const ColumnRewrite> columns) {
  TableRewrite out(cx, old);
  const RelationDesc& now = out.table();
  std::vector<std::unique_ptr<exec::CompiledExpr>> exprs;
  for (const ColumnRewrite& c : columns) exprs.push_back(std::make_unique<exec::CompiledExpr>(*c.expr, cx.services));
  Arena arena;
  std::vector<Datum> row(now.natts());
  std::vector<uint8_t> nulls(now.natts());
  scan_table(old, cx, [&](const Datum* values, const uint8_t* old_nulls, Tid) {
    for (int i = 0; i < now.natts(); i++) {
      bool had = i < old.natts() && !now.attrs[i].dropped;
      row[i] = had ? values[i] : 0;
      nulls[i] = had ? old_nulls[i] : 1;
    }
    for (size_t k = 0; k < columns.size(); k++) {
      NullableDatum v = exprs[k]->eval_row(values, old_nulls, arena);
      row[columns[k].attnum - 1] = v.value;
      nulls[columns[k].attnum - 1] = v.null;
    }
    out.add(row.data(), nulls.data());
    arena.reset();
  });
  out.finish();
}

// ---------------------------------------------------------------- CLUSTER

namespace {

// The table's rows in the order of an index, as a query.
std::string ordered_rows(const RelationDesc& table, const IndexDesc& index) {
  std::string columns, keys;
  for (const AttrDesc& a : table.attrs)
    if (!a.dropped) append(columns, columns.empty() ? "" : ", ", quote_ident(a.name));
  std::string_view expressions = index.expressions;
  for (const IndexDesc::Key& k : index.keys) {
    std::string key;
    if (k.attno) {
      key = quote_ident(table.attrs[k.attno - 1].name);
    } else {
      size_t end = std::min(expressions.find('\x01'), expressions.size());
      key = cat("(", expressions.substr(0, end), ")");
      expressions.remove_prefix(std::min(end + 1, expressions.size()));
    }
    append(keys, keys.empty() ? "" : ", ", key, k.desc ? " DESC" : "", k.nulls_first ? " NULLS FIRST" : " NULLS LAST");
  }
  return cat("SELECT ", columns, " FROM ONLY ", relation_display_name(table, true), " ORDER BY ", keys);
}

void cluster_one(UtilityContext& cx, const RelationDesc& table, const IndexDesc& index) {
  if (!index.predicate.empty()) throw SqlError(sqlstate::kFeatureNotSupported, cat("cannot cluster on partial index \"", index.name, "\""));
  RelationRef old = relation(table.oid);
  auto parsed = sql::parse(cx.arena->copy(std::string_view(ordered_rows(*old, index))), *cx.arena);
  std::vector<Datum> row(old->natts());
  std::vector<uint8_t> nulls(old->natts(), 1);
  std::optional<TableRewrite> out;   // made when the query, which reads the old files, has begun
  cx.run_query(*parsed[0].stmt, [&](const exec::Batch& b) {
    if (!out) out.emplace(cx, *old);
    for_rows(b.rows, [&](uint32_t r) {
      for (int i = 0, c = 0; i < old->natts(); i++) {
        if (old->attrs[i].dropped) continue;
        nulls[i] = b.columns[c].null(r);
        row[i] = nulls[i] ? 0 : b.columns[c].value(r);
        c++;
      }
      out->add(row.data(), nulls.data());
    });
  });
  if (!out) out.emplace(cx, *old);
  out->finish();
}

Oid clustered_index(const RelationDesc& table) {
  Arena arena;
  Datum key = from_oid(table.oid);
  for (const CatalogRow& r : scan(pg_index::kTable, pg_index::k_indrelid_index, {&key, 1}, arena))
    if (r.flag(pg_index::indisclustered)) return r.oid(pg_index::indexrelid);
  return kInvalidOid;
}

}  // namespace

void set_clustered(Oid table, Oid index) {
  Arena arena;
  Datum key = from_oid(table);
  for (CatalogRow& r : scan(pg_index::kTable, pg_index::k_indrelid_index, {&key, 1}, arena)) {
    bool want = r.oid(pg_index::indexrelid) == index;
    if (r.flag(pg_index::indisclustered) == want) continue;
    r.set(pg_index::indisclustered, from_bool(want));
    update_row(pg_index::kTable, r);
  }
  invalidate_relation(table);
  txn::next_command();
}

std::string cluster(const ast::ClusterStmt& s, UtilityContext& cx) {
  auto index_of = [](const RelationDesc& t, Oid oid) {
    return std::find_if(t.indexes.begin(), t.indexes.end(), [&](const IndexDesc& i) { return i.oid == oid; });
  };
  if (s.relation) {
    RelationRef table = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, "rm");
    Oid index = s.index.empty() ? clustered_index(*table) : kInvalidOid;
    if (s.index.empty() && index == kInvalidOid) throw SqlError(sqlstate::kUndefinedObject, cat("there is no previously clustered index for table \"", table->name, "\""));
    for (const IndexDesc& i : table->indexes)
      if (!s.index.empty() && i.name == s.index) index = i.oid;
    if (index == kInvalidOid) throw SqlError(sqlstate::kUndefinedObject, cat("index \"", s.index, "\" for table \"", table->name, "\" does not exist"));
    set_clustered(table->oid, index);
    table = relation(table->oid);
    cluster_one(cx, *table, *index_of(*table, index));
    return "CLUSTER";
  }
  require_no_block(cx, "CLUSTER");
  Arena arena;
  std::vector<Oid> tables;
  for (const CatalogRow& r : scan(pg_index::kTable, kInvalidOid, {}, arena))
    if (r.flag(pg_index::indisclustered)) tables.push_back(r.oid(pg_index::indrelid));
  for (Oid t : tables) {
    lock::acquire(lock::relation(my_database(), t), lock::Mode::kAccessExclusive);
    accept_invalidations();
    RelationRef table = relation(t);
    if (!table || !has_role(current_user(), table->owner)) continue;
    if (auto i = index_of(*table, clustered_index(*table)); i != table->indexes.end()) cluster_one(cx, *table, *i);
  }
  return "CLUSTER";
}

}  // namespace postern::ddl
