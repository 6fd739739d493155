// Relation descriptors: loaded by index scans of pg_class and its companions with one snapshot, kept by OID and by name (also that there is none).
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/invalidation.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/types/array.h"

namespace postern::catalog {
namespace {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
struct RelationCache {
  std::unordered_map<uint32_t, RelationRef> by_oid;                                       // null: none
  std::unordered_map<std::string, RelationRef, StringHash, std::equal_to<>> by_name;      // "schema\0name"
};
RelationCache& cache() {
  static RelationCache c;
  return c;
}
constexpr size_t kMaxEntries = 20000;   // then everything is forgotten

void load_index_options(const CatalogRow& row, IndexDesc& x, std::span<const AttrDesc> attrs) {
  ArrayView keys(row.values[pg_index::indkey]), classes(row.values[pg_index::indclass]), options(row.values[pg_index::indoption]), collations(row.values[pg_index::indcollation]);
  int n_keys = as_int2(row.values[pg_index::indnkeyatts]);
  for (int i = 0; i < n_keys; i++) {
    IndexDesc::Key k;
    k.attno = as_int2(keys.value(i));
    k.opclass = as_oid(classes.value(i));
    k.collation = as_oid(collations.value(i));
    int option = as_int2(options.value(i));
    k.desc = option & 1;
    k.nulls_first = option & 2;
    k.type = k.attno > 0 ? attrs[k.attno - 1].type : kInvalidOid;
    x.keys.push_back(k);
  }
  for (uint32_t i = n_keys; i < keys.count(); i++) x.included.push_back(as_int2(keys.value(i)));
}

void load_attrs(RelationDesc& d, Arena& arena, const txn::Snapshot& snapshot) {
  Datum key = from_oid(d.oid);
  auto rows = scan(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {&key, 1}, arena, snapshot);
  std::sort(rows.begin(), rows.end(), [](const CatalogRow& a, const CatalogRow& b) { return as_int2(a.values[pg_attribute::attnum]) < as_int2(b.values[pg_attribute::attnum]); });
  bool any_default = false;
  for (const CatalogRow& r : rows) {
    if (as_int2(r.values[pg_attribute::attnum]) <= 0) continue;
    AttrDesc a;
    a.name = r.text(pg_attribute::attname);
    a.dropped = r.flag(pg_attribute::attisdropped);
    if (a.dropped) {   // attlen and attbyval then are TypeInfo's (see drop_column in ddl)
      a.len = as_int2(r.values[pg_attribute::attlen]);
      a.by_value = r.flag(pg_attribute::attbyval);
    } else {
      set_attr_type(a, r.oid(pg_attribute::atttypid));
    }
    a.typmod = as_int4(r.values[pg_attribute::atttypmod]);
    a.not_null = r.flag(pg_attribute::attnotnull);
    a.has_default = r.flag(pg_attribute::atthasdef);
    any_default |= a.has_default;
    a.storage = r.letter(pg_attribute::attstorage);
    a.identity = r.letter(pg_attribute::attidentity);
    a.generated = r.letter(pg_attribute::attgenerated);
    a.collation = r.oid(pg_attribute::attcollation);
    if (r.flag(pg_attribute::atthasmissing) && !r.nulls[pg_attribute::attmissingval]) {
      ArrayView v(r.values[pg_attribute::attmissingval]);
      a.has_missing = true;
      if (v.count() && !v.null(0)) a.missing = keep_datum(d, a, v.value(0));
      else a.has_missing = false;
    }
    d.attrs.push_back(std::move(a));
  }
  for (AttrDesc& a : d.attrs) {
    if (!a.identity) continue;
    Datum keys[] = {from_oid(pg_class::kTable), key, from_int(&a - d.attrs.data() + 1)};
    for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena, snapshot))
      if (r.oid(pg_depend::classid) == pg_class::kTable && r.letter(pg_depend::deptype) == 'i') a.identity_sequence = r.oid(pg_depend::objid);
  }
  if (!any_default) return;
  for (const CatalogRow& r : scan(pg_attrdef::kTable, pg_attrdef::k_adrelid_adnum_index, {&key, 1}, arena, snapshot))
    d.attrs[as_int2(r.values[pg_attrdef::adnum]) - 1].default_expr = r.text(pg_attrdef::adbin);
}

void load_indexes(RelationDesc& d, Arena& arena, const txn::Snapshot& snapshot) {
  Datum key = from_oid(d.oid);
  for (const CatalogRow& r : scan(pg_index::kTable, pg_index::k_indrelid_index, {&key, 1}, arena, snapshot)) {
    if (!r.flag(pg_index::indislive)) continue;
    IndexDesc x;
    x.oid = r.oid(pg_index::indexrelid);
    Datum index_key = from_oid(x.oid);
    auto cls = scan(pg_class::kTable, pg_class::k_oid_index, {&index_key, 1}, arena, snapshot);
    if (cls.empty()) continue;
    x.name = cls[0].text(pg_class::relname);
    x.file = {d.file.database, cls[0].oid(pg_class::relfilenode)};
    x.unique = r.flag(pg_index::indisunique);
    x.primary = r.flag(pg_index::indisprimary);
    x.nulls_not_distinct = r.flag(pg_index::indnullsnotdistinct);
    x.valid = r.flag(pg_index::indisvalid);
    x.deferrable = !r.flag(pg_index::indimmediate);
    x.expressions = r.text(pg_index::indexprs);
    x.predicate = r.text(pg_index::indpred);
    load_index_options(r, x, d.attrs);
    if (!x.expressions.empty()) {   // types of expression columns: as recorded for the index's own attributes
      auto attrs = scan(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {&index_key, 1}, arena, snapshot);
      for (const CatalogRow& a : attrs) {
        size_t i = as_int2(a.values[pg_attribute::attnum]) - 1;
        if (i < x.keys.size() && x.keys[i].attno == 0) x.keys[i].type = a.oid(pg_attribute::atttypid);
      }
    }
    d.indexes.push_back(std::move(x));
  }
  std::sort(d.indexes.begin(), d.indexes.end(), [](const IndexDesc& a, const IndexDesc& b) { return a.oid < b.oid; });
}

void load_checks(RelationDesc& d, Arena& arena, const txn::Snapshot& snapshot) {
  Datum keys[] = {from_oid(d.oid), 0};
  for (const CatalogRow& r : scan(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, keys, arena, snapshot))
    if (r.letter(pg_constraint::contype) == 'c')
      d.checks.push_back({std::string(r.text(pg_constraint::conname)), std::string(r.text(pg_constraint::conbin)), r.flag(pg_constraint::convalidated)});
  std::sort(d.checks.begin(), d.checks.end(), [](const CheckDesc& a, const CheckDesc& b) { return a.name < b.name; });
}

RelationRef load_relation(Oid oid) {
  Arena arena;
  txn::Snapshot snapshot = txn::catalog_snapshot();
  Datum key = from_oid(oid);
  auto rows = scan(pg_class::kTable, pg_class::k_oid_index, {&key, 1}, arena, snapshot);
  if (rows.empty()) return nullptr;
  const CatalogRow& r = rows[0];
  auto d = std::make_shared<OwningDesc>();
  d->oid = oid;
  d->name = r.text(pg_class::relname);
  d->namespace_oid = r.oid(pg_class::relnamespace);
  d->namespace_name = namespace_name(d->namespace_oid);
  d->file = {r.flag(pg_class::relisshared) ? Oid{0} : my_database(), r.oid(pg_class::relfilenode)};
  d->kind = r.letter(pg_class::relkind);
  d->persistence = r.letter(pg_class::relpersistence);
  d->owner = r.oid(pg_class::relowner);
  d->row_type = r.oid(pg_class::reltype);
  d->relpages = static_cast<uint32_t>(as_int4(r.values[pg_class::relpages]));
  d->reltuples = as_float4(r.values[pg_class::reltuples]);
  d->relallvisible = static_cast<uint32_t>(as_int4(r.values[pg_class::relallvisible]));
  if (!r.nulls[pg_class::reloptions]) {
    for (auto& [name, value] : read_options(r.values[pg_class::reloptions])) {
      if (name == "fillfactor") d->fillfactor = std::atoi(value.c_str());
      else if (name == "autovacuum_enabled") d->autovacuum_enabled = !(value == "false" || value == "off" || value == "0");
    }
  }
  load_attrs(*d, arena, snapshot);
  if (r.flag(pg_class::relhasindex)) load_indexes(*d, arena, snapshot);
  if (as_int2(r.values[pg_class::relchecks]) > 0) load_checks(*d, arena, snapshot);
  if (d->kind == 'v' || d->kind == 'm')
    for (const CatalogRow& rule : scan(pg_rewrite::kTable, pg_rewrite::k_rel_rulename_index, {&key, 1}, arena, snapshot)) d->view_query = rule.text(pg_rewrite::ev_action);
  return d;
}

// OID of the relation of this name in this schema.
Oid relation_oid_in(Oid schema, std::string_view name, Arena& arena) {
  auto row = find_row(pg_class::kTable, pg_class::k_relname_nsp_index, {make_bytes(arena, name), from_oid(schema)}, arena);
  return row ? row->oid(pg_class::oid) : kInvalidOid;
}

RelationRef find_uncached(std::string_view schema, std::string_view name) {
  Arena arena;
  if (!schema.empty()) {
    Oid ns = find_namespace(schema);
    Oid oid = ns == kInvalidOid ? kInvalidOid : relation_oid_in(ns, name, arena);
    return oid == kInvalidOid ? nullptr : relation(oid);
  }
  for (Oid ns : search_path())
    if (Oid oid = relation_oid_in(ns, name, arena); oid != kInvalidOid) return relation(oid);
  return nullptr;
}

}  // namespace

void drop_relation_entry(Oid oid) {
  cache().by_oid.erase(raw(oid));
  cache().by_name.clear();
}
void drop_relation_cache() {
  cache().by_oid.clear();
  cache().by_name.clear();
}

RelationRef relation(Oid oid) {
  sync_own_changes();
  auto& c = cache();
  auto it = c.by_oid.find(raw(oid));
  if (it != c.by_oid.end()) [[likely]] return it->second;
  if (c.by_oid.size() > kMaxEntries) drop_relation_cache();
  const CatRelation* fixed = find_cat_relation(oid);
  RelationRef d = fixed && fixed->kind == 'r' ? catalog_descriptor(oid) : load_relation(oid);
  c.by_oid[raw(oid)] = d;
  return d;
}

RelationRef find_relation(std::string_view schema, std::string_view name) {
  sync_own_changes();
  auto& c = cache();
  char buf[160];
  if (schema.size() + name.size() + 1 > sizeof buf) return find_uncached(schema, name);
  std::memcpy(buf, schema.data(), schema.size());
  buf[schema.size()] = 0;
  std::memcpy(buf + schema.size() + 1, name.data(), name.size());
  std::string_view key(buf, schema.size() + 1 + name.size());
  auto it = c.by_name.find(key);
  if (it != c.by_name.end()) [[likely]] return it->second;
  if (c.by_name.size() > kMaxEntries) drop_relation_cache();
  RelationRef d = find_uncached(schema, name);
  c.by_name.emplace(key, d);
  return d;
}

namespace {
[[noreturn]] void throw_missing(std::string_view schema, std::string_view name, int position) {
  SqlError e(sqlstate::kUndefinedTable, schema.empty() ? cat("relation \"", name, "\" does not exist") : cat("relation \"", schema, ".", name, "\" does not exist"));
  throw e.at(position);
}
lock::Tag lock_tag(const RelationDesc& d) { return lock::relation(d.is_shared() ? kInvalidOid : my_database(), d.oid); }
}  // namespace

RelationRef open_relation(std::string_view schema, std::string_view name, lock::Mode mode, int position) {
  accept_invalidations();
  if (!schema.empty() && schema != "pg_catalog")
    if (Oid ns = find_namespace(schema); ns != kInvalidOid && !has_namespace_privilege(current_user(), ns, 'U'))
      throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for schema ", schema)).at(position);
  RelationRef rel = find_relation(schema, name);
  for (;;) {
    if (!rel) throw_missing(schema, name, position);
    if (mode == lock::Mode::kNone) return rel;
    uint64_t before = version();
    lock::acquire(lock_tag(*rel), mode);
    accept_invalidations();
    if (version() == before) [[likely]] return rel;
    RelationRef again = find_relation(schema, name);
    if (again && again->oid == rel->oid) return again;
    lock::release(lock_tag(*rel), mode);
    rel = again;
  }
}

RelationRef open_relation(Oid oid, lock::Mode mode) {
  accept_invalidations();
  RelationRef rel = relation(oid);
  if (!rel) throw SqlError(sqlstate::kUndefinedTable, cat("could not open relation with OID ", raw(oid)));
  if (mode == lock::Mode::kNone) return rel;
  lock::acquire(lock_tag(*rel), mode);
  accept_invalidations();
  rel = relation(oid);
  if (!rel) throw SqlError(sqlstate::kUndefinedTable, cat("could not open relation with OID ", raw(oid)));
  return rel;
}

Oid relation_oid_of_index(Oid index_oid) {
  if (const CatRelation* c = cat_relation_of_index(index_oid)) return Oid{c->oid};
  Arena arena;
  auto row = find_row(pg_index::kTable, pg_index::k_indexrelid_index, {from_oid(index_oid)}, arena);
  return row ? row->oid(pg_index::indrelid) : kInvalidOid;
}

bool relation_is_visible(const RelationDesc& rel) {
  RelationRef found = find_relation("", rel.name);
  return found && found->oid == rel.oid;
}

std::string relation_display_name(const RelationDesc& rel, bool always_qualify) {
  if (!always_qualify && relation_is_visible(rel)) return quote_ident(rel.name);
  return cat(quote_ident(namespace_name(rel.namespace_oid)), ".", quote_ident(rel.name));
}

}  // namespace postern::catalog
