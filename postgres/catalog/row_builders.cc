#include "postgres/catalog/row_builders.h"

#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"

namespace postern::catalog {
namespace {
Datum letter(char c) { return static_cast<uint8_t>(c); }
}  // namespace

CatalogRow class_row(Arena& arena, const ClassSpec& s) {
  namespace c = pg_class;
  CatalogRow r = new_row(c::kTable);
  r.set(c::oid, from_oid(s.oid));
  r.set(c::relname, make_bytes(arena, s.name));
  r.set(c::relnamespace, from_oid(s.namespace_oid));
  r.set(c::reltype, from_oid(s.row_type));
  r.set(c::reloftype, 0);
  r.set(c::relowner, from_oid(s.owner));
  r.set(c::relam, from_oid(s.am));
  r.set(c::relfilenode, from_oid(s.file_number));
  r.set(c::reltablespace, from_oid(s.shared ? kGlobalTablespace : kInvalidOid));
  r.set(c::relpages, from_int(s.pages));
  r.set(c::reltuples, from_float4(static_cast<float>(s.kind == 'v' ? -1 : s.tuples)));
  r.set(c::relallvisible, 0);
  r.set(c::reltoastrelid, 0);
  r.set(c::relhasindex, from_bool(s.has_index));
  r.set(c::relisshared, from_bool(s.shared));
  r.set(c::relpersistence, letter(s.persistence));
  r.set(c::relkind, letter(s.kind));
  r.set(c::relnatts, from_int(s.natts));
  r.set(c::relchecks, from_int(s.checks));
  r.set(c::relhasrules, from_bool(s.has_rules));
  for (int column : {c::relhastriggers, c::relhassubclass, c::relrowsecurity, c::relforcerowsecurity, c::relispartition}) r.set(column, from_bool(false));
  r.set(c::relispopulated, from_bool(true));
  r.set(c::relreplident, letter(s.replica_identity));
  r.set(c::relrewrite, 0);
  bool heap = s.kind == 'r' || s.kind == 'm';
  r.set(c::relfrozenxid, heap ? raw(kFirstNormalXid) : 0);
  r.set(c::relminmxid, heap ? 1 : 0);
  if (s.options) r.set(c::reloptions, s.options);
  return r;
}

int16_t reported_len(Oid type, int16_t len) { return type == oid::kName ? 64 : type == oid::kTid ? 6 : len; }
bool reported_by_value(Oid type, bool by_value) { return type != oid::kTid && by_value; }

char type_align(Oid type) {
  const TypeInfo* t = postern::find_type(type);
  if (!t) return 'd';
  if (t->elem != kInvalidOid && t->category == 'A' && type != oid::kInt2Vector && type != oid::kOidVector) return type_align(t->elem) == 'd' ? 'd' : 'i';
  if (type == oid::kTid) return 's';
  if (type == oid::kName || type == oid::kUuid || type == oid::kUnknown || type == oid::kCstring) return 'c';
  if (type == oid::kInterval || type == oid::kRecord || type == oid::kTimeTz) return 'd';
  switch (t->len) {
    case 1: return 'c';
    case 2: return 's';
    case 8: return 'd';
    default: return 'i';
  }
}

CatalogRow attribute_row(Arena& arena, Oid rel, int attnum, const AttrDesc& d, int ndims) {
  namespace a = pg_attribute;
  CatalogRow r = new_row(a::kTable);
  r.set(a::attrelid, from_oid(rel));
  r.set(a::attname, make_bytes(arena, d.name));
  r.set(a::atttypid, from_oid(d.type));
  r.set(a::attstattarget, from_int(-1));
  r.set(a::attlen, from_int(reported_len(d.type, d.len)));
  r.set(a::attnum, from_int(attnum));
  r.set(a::attndims, from_int(ndims));
  r.set(a::attcacheoff, from_int(-1));
  r.set(a::atttypmod, from_int(d.typmod));
  r.set(a::attbyval, from_bool(reported_by_value(d.type, d.by_value)));
  r.set(a::attalign, letter(type_align(d.type)));
  r.set(a::attstorage, letter(d.storage));
  r.set(a::attcompression, letter(0));
  r.set(a::attnotnull, from_bool(d.not_null));
  r.set(a::atthasdef, from_bool(d.has_default));
  r.set(a::atthasmissing, from_bool(false));
  r.set(a::attidentity, letter(d.identity));
  r.set(a::attgenerated, letter(d.generated));
  r.set(a::attisdropped, from_bool(false));
  r.set(a::attislocal, from_bool(true));
  r.set(a::attinhcount, 0);
  r.set(a::attcollation, from_oid(d.collation));
  return r;
}

namespace {
CatalogRow type_row_common(Arena& arena, Oid type, std::string_view name, Oid namespace_oid, Oid owner) {
  namespace t = pg_type;
  CatalogRow r = new_row(t::kTable);
  for (int i = 0; i < t::typdefaultbin; i++) r.set(i, 0);
  r.set(t::oid, from_oid(type));
  r.set(t::typname, make_bytes(arena, name));
  r.set(t::typnamespace, from_oid(namespace_oid));
  r.set(t::typowner, from_oid(owner));
  r.set(t::typlen, from_int(-1));
  r.set(t::typisdefined, from_bool(true));
  r.set(t::typdelim, letter(','));
  r.set(t::typalign, letter('d'));
  r.set(t::typstorage, letter('x'));
  r.set(t::typtypmod, from_int(-1));
  return r;
}
}  // namespace

CatalogRow row_type_row(Arena& arena, Oid type, Oid array_type, std::string_view name, Oid namespace_oid, Oid owner, Oid rel) {
  namespace t = pg_type;
  CatalogRow r = type_row_common(arena, type, name, namespace_oid, owner);
  r.set(t::typtype, letter('c'));
  r.set(t::typcategory, letter('C'));
  r.set(t::typrelid, from_oid(rel));
  r.set(t::typarray, from_oid(array_type));
  r.set(t::typinput, 2290);
  r.set(t::typoutput, 2291);
  r.set(t::typreceive, 2402);
  r.set(t::typsend, 2403);
  return r;
}

CatalogRow array_type_row(Arena& arena, Oid array_type, Oid element, std::string_view name, Oid namespace_oid, Oid owner) {
  namespace t = pg_type;
  CatalogRow r = type_row_common(arena, array_type, name, namespace_oid, owner);
  r.set(t::typtype, letter('b'));
  r.set(t::typcategory, letter('A'));
  r.set(t::typsubscript, 6179);
  r.set(t::typelem, from_oid(element));
  r.set(t::typinput, 750);
  r.set(t::typoutput, 751);
  r.set(t::typreceive, 2400);
  r.set(t::typsend, 2401);
  r.set(t::typanalyze, 3816);
  return r;
}

CatalogRow index_row(Arena& arena, Oid table, const IndexDesc& x, bool immediate) {
  namespace i = pg_index;
  CatalogRow r = new_row(i::kTable);
  std::vector<int16_t> keys, options;
  std::vector<Oid> collations, classes;
  for (const IndexDesc::Key& k : x.keys) {
    keys.push_back(k.attno);
    options.push_back(static_cast<int16_t>((k.desc ? 1 : 0) | (k.nulls_first ? 2 : 0)));
    collations.push_back(k.collation);
    classes.push_back(k.opclass);
  }
  for (int16_t attno : x.included) keys.push_back(attno);
  r.set(i::indexrelid, from_oid(x.oid));
  r.set(i::indrelid, from_oid(table));
  r.set(i::indnatts, from_int(static_cast<int64_t>(keys.size())));
  r.set(i::indnkeyatts, from_int(static_cast<int64_t>(x.keys.size())));
  r.set(i::indisunique, from_bool(x.unique));
  r.set(i::indnullsnotdistinct, from_bool(x.nulls_not_distinct));
  r.set(i::indisprimary, from_bool(x.primary));
  r.set(i::indisexclusion, from_bool(false));
  r.set(i::indimmediate, from_bool(immediate));
  r.set(i::indisclustered, from_bool(false));
  r.set(i::indisvalid, from_bool(x.valid));
  r.set(i::indcheckxmin, from_bool(false));
  r.set(i::indisready, from_bool(true));
  r.set(i::indislive, from_bool(true));
  r.set(i::indisreplident, from_bool(false));
  r.set(i::indkey, int2_vector(arena, keys));
  r.set(i::indcollation, oid_vector(arena, collations));
  r.set(i::indclass, oid_vector(arena, classes));
  r.set(i::indoption, int2_vector(arena, options));
  if (!x.expressions.empty()) r.set(i::indexprs, make_bytes(arena, x.expressions));
  if (!x.predicate.empty()) r.set(i::indpred, make_bytes(arena, x.predicate));
  return r;
}

CatalogRow constraint_row(Arena& arena, const ConstraintSpec& s) {
  namespace c = pg_constraint;
  CatalogRow r = new_row(c::kTable);
  r.set(c::oid, from_oid(s.oid));
  r.set(c::conname, make_bytes(arena, s.name));
  r.set(c::connamespace, from_oid(s.namespace_oid));
  r.set(c::contype, letter(s.type));
  r.set(c::condeferrable, from_bool(s.deferrable));
  r.set(c::condeferred, from_bool(s.deferred));
  r.set(c::convalidated, from_bool(s.validated));
  r.set(c::conrelid, from_oid(s.table));
  r.set(c::contypid, 0);
  r.set(c::conindid, from_oid(s.index));
  r.set(c::conparentid, 0);
  r.set(c::confrelid, from_oid(s.referenced));
  r.set(c::confupdtype, letter(s.on_update));
  r.set(c::confdeltype, letter(s.on_delete));
  r.set(c::confmatchtype, letter(s.match));
  if (!s.referenced_keys.empty()) r.set(c::confkey, int2_array(arena, s.referenced_keys));
  r.set(c::conislocal, from_bool(true));
  r.set(c::coninhcount, 0);
  r.set(c::connoinherit, from_bool(s.type != 'c' || s.no_inherit));
  if (!s.keys.empty()) r.set(c::conkey, int2_array(arena, s.keys));
  if (!s.expression.empty()) r.set(c::conbin, make_bytes(arena, s.expression));
  return r;
}

}  // namespace postern::catalog
