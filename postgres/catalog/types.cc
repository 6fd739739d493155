// User types by name, and format_type().
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"

namespace postern::catalog {
namespace {

// SQL's spelling of a built-in type, "" if its own name is used. with_typmod: a modifier was asked for (then plain bpchar is not "character").
std::string sql_name(Oid type, int32_t typmod, bool typmod_given) {
  auto mods = [&] {
    std::string s;
    if (const TypeInfo* t = postern::find_type(type); t && t->typmod_out && typmod >= 0) t->typmod_out(typmod, s);
    return s;
  };
  switch (raw(type)) {
    case raw(oid::kBool): return "boolean";
    case raw(oid::kInt2): return "smallint";
    case raw(oid::kInt4): return "integer";
    case raw(oid::kInt8): return "bigint";
    case raw(oid::kFloat4): return "real";
    case raw(oid::kFloat8): return "double precision";
    case raw(oid::kNumeric): return "numeric" + mods();
    case raw(oid::kVarchar): return "character varying" + mods();
    case raw(oid::kBpchar): return typmod >= 0 ? "character" + mods() : typmod_given ? "bpchar" : "character";
    case raw(oid::kChar): return "\"char\"";
    case raw(oid::kTime): return "time" + mods() + " without time zone";
    case raw(oid::kTimeTz): return "time" + mods() + " with time zone";
    case raw(oid::kTimestamp): return "timestamp" + mods() + " without time zone";
    case raw(oid::kTimestampTz): return "timestamp" + mods() + " with time zone";
    case raw(oid::kInterval): return "interval" + mods();
    case 1560: return "bit" + mods();
    case 1562: return "bit varying" + mods();
    default: return "";
  }
}

std::string format(Oid type, int32_t typmod, bool typmod_given) {
  if (type == kInvalidOid) return "-";
  if (std::string s = sql_name(type, typmod, typmod_given); !s.empty()) return s;
  if (const TypeInfo* t = postern::find_type(type)) {
    if (t->elem != kInvalidOid && t->category == 'A' && type != oid::kInt2Vector && type != oid::kOidVector) return format(t->elem, typmod, typmod_given) + "[]";
    return quote_ident(t->name);
  }
  Arena arena;
  auto row = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(type)}, arena);
  if (!row) return "???";
  Oid elem = row->oid(pg_type::typelem);
  if (elem != kInvalidOid && row->letter(pg_type::typcategory) == 'A') return format(elem, typmod, typmod_given) + "[]";
  std::string name = quote_ident(row->text(pg_type::typname));
  Oid ns = row->oid(pg_type::typnamespace);
  return find_type("", row->text(pg_type::typname)) == type ? name : cat(quote_ident(namespace_name(ns)), ".", name);
}

Oid type_in_namespace(Oid ns, std::string_view name, Arena& arena) {
  auto row = find_row(pg_type::kTable, pg_type::k_typname_nsp_index, {make_bytes(arena, name), from_oid(ns)}, arena);
  return row ? row->oid(pg_type::oid) : kInvalidOid;
}

}  // namespace

Oid find_type(std::string_view schema, std::string_view name) {
  if (schema.empty() || schema == "pg_catalog")
    if (const TypeInfo* t = postern::find_type_by_name(name)) return t->oid;
  Arena arena;
  if (!schema.empty()) {
    Oid ns = find_namespace(schema);
    return ns == kInvalidOid ? kInvalidOid : type_in_namespace(ns, name, arena);
  }
  for (Oid ns : search_path())
    if (Oid t = type_in_namespace(ns, name, arena); t != kInvalidOid) return t;
  return kInvalidOid;
}

std::string format_type(Oid type, int32_t typmod) { return format(type, typmod, true); }
std::string format_type_no_typmod(Oid type) { return format(type, -1, false); }

Oid row_type_relation(Oid type) {
  if (postern::find_type(type)) return kInvalidOid;
  Arena arena;
  auto row = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(type)}, arena);
  return row ? row->oid(pg_type::typrelid) : kInvalidOid;
}

}  // namespace postern::catalog
