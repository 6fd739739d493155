// pg_depend, and names of objects in messages.
#include "common/base/cat.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"

namespace postern::catalog {

void record_dependency(ObjectAddress depender, ObjectAddress referenced, char type) {
  if (raw(referenced.object) < raw(kFirstNormalOid) && referenced.object != kPublic && type != 'i') return;   // can't go away
  CatalogRow r = new_row(pg_depend::kTable);
  r.set(pg_depend::classid, from_oid(depender.class_oid));
  r.set(pg_depend::objid, from_oid(depender.object));
  r.set(pg_depend::objsubid, from_int(depender.sub));
  r.set(pg_depend::refclassid, from_oid(referenced.class_oid));
  r.set(pg_depend::refobjid, from_oid(referenced.object));
  r.set(pg_depend::refobjsubid, from_int(referenced.sub));
  r.set(pg_depend::deptype, static_cast<uint8_t>(type));
  insert_row(pg_depend::kTable, r);
}

namespace {

std::string relation_kind(char kind) {
  switch (kind) {
    case 'i': return "index";
    case 'S': return "sequence";
    case 'v': return "view";
    case 'm': return "materialized view";
    case 'c': return "composite type";
    case 't': return "toast table";
    default: return "table";
  }
}

std::string named_row(Oid table, Oid index, Oid oid, int column, std::string_view what) {
  Arena arena;
  auto row = find_row(table, index, {from_oid(oid)}, arena);
  return row ? cat(what, " ", quote_ident(row->text(column))) : cat(what, " with OID ", raw(oid));
}

}  // namespace

std::string describe_object(ObjectAddress a) {
  Arena arena;
  if (a.class_oid == pg_class::kTable) {
    RelationRef rel = relation(a.object);
    if (!rel) return cat("relation with OID ", raw(a.object));
    std::string s = cat(relation_kind(rel->kind), " ", relation_display_name(*rel));
    if (a.sub > 0 && a.sub <= rel->natts()) return cat("column ", quote_ident(rel->attrs[a.sub - 1].name), " of ", s);
    return s;
  }
  if (a.class_oid == pg_constraint::kTable) {
    auto row = find_row(pg_constraint::kTable, pg_constraint::k_oid_index, {from_oid(a.object)}, arena);
    if (!row) return cat("constraint with OID ", raw(a.object));
    RelationRef rel = relation(row->oid(pg_constraint::conrelid));
    return cat("constraint ", quote_ident(row->text(pg_constraint::conname)), rel ? cat(" on ", relation_kind(rel->kind), " ", relation_display_name(*rel)) : "");
  }
  if (a.class_oid == pg_attrdef::kTable) {
    auto row = find_row(pg_attrdef::kTable, pg_attrdef::k_oid_index, {from_oid(a.object)}, arena);
    if (!row) return cat("default value with OID ", raw(a.object));
    return cat("default value for ", describe_object({pg_class::kTable, row->oid(pg_attrdef::adrelid), as_int2(row->values[pg_attrdef::adnum])}));
  }
  if (a.class_oid == pg_rewrite::kTable) {
    auto row = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {from_oid(a.object)}, arena);
    if (!row) return cat("rule with OID ", raw(a.object));
    return cat("rule ", row->text(pg_rewrite::rulename), " on ", describe_object({pg_class::kTable, row->oid(pg_rewrite::ev_class)}));
  }
  if (a.class_oid == pg_type::kTable) return cat("type ", format_type_no_typmod(a.object));
  if (a.class_oid == pg_namespace::kTable) return named_row(pg_namespace::kTable, pg_namespace::k_oid_index, a.object, pg_namespace::nspname, "schema");
  if (a.class_oid == pg_authid::kTable) return named_row(pg_authid::kTable, pg_authid::k_oid_index, a.object, pg_authid::rolname, "role");
  if (a.class_oid == pg_database::kTable) return named_row(pg_database::kTable, pg_database::k_oid_index, a.object, pg_database::datname, "database");
  if (a.class_oid == pg_collation::kTable) return named_row(pg_collation::kTable, pg_collation::k_oid_index, a.object, pg_collation::collname, "collation");
  if (a.class_oid == pg_language::kTable) return named_row(pg_language::kTable, pg_language::k_oid_index, a.object, pg_language::lanname, "language");
  if (a.class_oid == pg_proc::kTable) return named_row(pg_proc::kTable, pg_proc::k_oid_index, a.object, pg_proc::proname, "function");
  return cat("object ", raw(a.object), " of class ", raw(a.class_oid));
}

}  // namespace postern::catalog
