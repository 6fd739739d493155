// CREATE SCHEMA; RENAME, SET SCHEMA, OWNER TO of all kinds of objects; COMMENT; temporary objects' end.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/objects.h"
#include "postgres/types/session_services.h"
#include "postgres/ddl/table_parts.h"
#include "postgres/region/region.h"

namespace postern::ddl {

using namespace catalog;
using ast::ObjectKind;

std::string create_schema(const ast::CreateSchemaStmt& s, UtilityContext& cx) {
  Oid owner = s.owner ? role_of(*s.owner) : current_user();
  std::string name(s.name);
  if (name.empty()) name = find_role(owner)->name;
  if (!has_database_privilege(current_user(), my_database(), 'C'))
    throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for database ", find_database(my_database())->name));
  if (!has_role(current_user(), owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be member of role \"", find_role(owner)->name, "\""));
  if (name.starts_with("pg_")) throw SqlError(sqlstate::kReservedName, cat("unacceptable schema name \"", name, "\""), "The prefix \"pg_\" is reserved for system schemas.");
  if (find_namespace(name) != kInvalidOid) {
    if (!s.if_not_exists) throw SqlError(sqlstate::kDuplicateSchema, cat("schema \"", name, "\" already exists"));
    notice(cx, cat("schema \"", name, "\" already exists, skipping"), {}, sqlstate::kDuplicateSchema);
    return "CREATE SCHEMA";
  }
  Arena arena;
  CatalogRow r = new_row(pg_namespace::kTable);
  r.set(pg_namespace::oid, from_oid(new_oid(pg_namespace::kTable, pg_namespace::k_oid_index)));
  r.set(pg_namespace::nspname, make_bytes(arena, name));
  r.set(pg_namespace::nspowner, from_oid(owner));
  insert_row(pg_namespace::kTable, r);
  invalidate_all();
  txn::next_command();
  if (s.elements.empty()) return "CREATE SCHEMA";
  // Its own objects are made, and looked for, in the new schema first.
  struct Path {
    std::string before;
    ~Path() { set_search_path(before); }
  } path{cx.services->setting("search_path", false)};
  set_search_path(path.before.empty() ? quote_ident(name) : cat(quote_ident(name), ", ", path.before));
  for (const ast::Stmt* e : s.elements) {
    execute(*e, cx);
    txn::next_command();
  }
  return "CREATE SCHEMA";
}

namespace {

void rename_row(Oid table, CatalogRow& row, int column, std::string_view name) {
  Arena arena;
  row.set(column, make_bytes(arena, name));
  update_row(table, row);
}

void rename_type_of(Oid type, Oid ns, std::string_view name) {
  if (type == kInvalidOid) return;
  Arena arena;
  auto t = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(type)}, arena);
  if (!t) return;
  if (find_row(pg_type::kTable, pg_type::k_typname_nsp_index, {make_bytes(arena, name), from_oid(ns)}, arena)) throw SqlError(sqlstate::kDuplicateObject, cat("type \"", name, "\" already exists"));
  Oid array = t->oid(pg_type::typarray);
  rename_row(pg_type::kTable, *t, pg_type::typname, name);
  txn::next_command();
  if (auto a = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(array)}, arena)) {
    std::string wanted = make_name("", name, "");
    for (int pass = 1; find_row(pg_type::kTable, pg_type::k_typname_nsp_index, {make_bytes(arena, wanted), from_oid(ns)}, arena); pass++) wanted = make_name("", name, cat(pass));
    rename_row(pg_type::kTable, *a, pg_type::typname, wanted);
  }
}

// The constraint of an index has its name.
void rename_constraint_of_index(Oid index, std::string_view name) {
  Arena arena;
  Oid table = relation_oid_of_index(index);
  Datum key = from_oid(table);
  for (CatalogRow& r : scan(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {&key, 1}, arena))
    if (r.oid(pg_constraint::conindid) == index && r.letter(pg_constraint::contype) != 'f') rename_row(pg_constraint::kTable, r, pg_constraint::conname, name);
  invalidate_relation(table);
}

void refresh_defaults_of_sequence(UtilityContext& cx, Oid seq) {
  Arena arena;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(seq)};
  for (const CatalogRow& d : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    if (d.oid(pg_depend::classid) != pg_attrdef::kTable) continue;
    if (auto row = find_row(pg_attrdef::kTable, pg_attrdef::k_oid_index, {d.values[pg_depend::objid]}, arena)) refresh_sequence_defaults(cx, row->oid(pg_attrdef::adrelid));
  }
}

std::string rename_relation(const ast::RenameStmt& s, UtilityContext& cx) {
  std::string_view kinds = s.object == ObjectKind::kIndex ? "ir" : s.object == ObjectKind::kView ? "v" : s.object == ObjectKind::kSequence ? "S" : s.object == ObjectKind::kMatView ? "m" : "rvSim";
  RelationRef rel = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, kinds, s.missing_ok);
  if (!rel) return cat("ALTER ", ast::object_kind_name(s.object));
  check_new_name(s.new_name);
  ViewTexts views(rel->oid);
  if (relation_exists(rel->namespace_oid, s.new_name)) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", s.new_name, "\" already exists"));
  Arena arena;
  CatalogRow c = class_row_of(rel->oid, arena);
  rename_row(pg_class::kTable, c, pg_class::relname, s.new_name);
  rename_type_of(rel->row_type, rel->namespace_oid, s.new_name);
  if (rel->kind == 'i') rename_constraint_of_index(rel->oid, s.new_name);
  invalidate_relation(rel->oid);
  txn::next_command();
  views.write();
  if (rel->kind == 'S') refresh_defaults_of_sequence(cx, rel->oid);
  return cat("ALTER ", ast::object_kind_name(s.object));
}

std::string rename_column(const ast::RenameStmt& s, UtilityContext& cx) {
  RelationRef rel = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, "rvm", s.missing_ok);
  std::string tag = cat("ALTER ", ast::object_kind_name(s.relation_kind));
  if (!rel) return tag;
  int attnum = 0;
  for (int i = 0; i < rel->natts(); i++)
    if (!rel->attrs[i].dropped && rel->attrs[i].name == s.sub_name) attnum = i + 1;
  if (!attnum) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", s.sub_name, "\" does not exist"));
  for (const AttrDesc& a : rel->attrs)
    if (!a.dropped && a.name == s.new_name) throw SqlError(sqlstate::kDuplicateColumn, cat("column \"", s.new_name, "\" of relation \"", rel->name, "\" already exists"));
  for (const char* system : {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
    if (s.new_name == system) throw SqlError(sqlstate::kDuplicateColumn, cat("column name \"", s.new_name, "\" conflicts with a system column name"));
  ViewTexts views(rel->oid);
  rename_in_expressions(cx, *rel, attnum, s.new_name);
  Arena arena;
  CatalogRow a = attribute_row_of(rel->oid, attnum, arena);
  rename_row(pg_attribute::kTable, a, pg_attribute::attname, s.new_name);
  for (const IndexDesc& i : rel->indexes)
    for (size_t k = 0; k < i.keys.size() + i.included.size(); k++) {
      int16_t attno = k < i.keys.size() ? i.keys[k].attno : i.included[k - i.keys.size()];
      if (attno != attnum) continue;
      CatalogRow ia = attribute_row_of(i.oid, static_cast<int>(k + 1), arena);
      if (ia.text(pg_attribute::attname) == s.sub_name) rename_row(pg_attribute::kTable, ia, pg_attribute::attname, s.new_name);
    }
  invalidate_relation(rel->oid);
  txn::next_command();
  views.write(attnum, s.new_name);
  return tag;
}

std::string rename_constraint(const ast::RenameStmt& s, UtilityContext& cx) {
  RelationRef rel = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, "r", s.missing_ok);
  if (!rel) return "ALTER TABLE";
  Arena arena;
  auto row = find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(rel->oid), 0, make_bytes(arena, s.sub_name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("constraint \"", s.sub_name, "\" for table \"", rel->name, "\" does not exist"));
  if (constraint_exists(rel->oid, s.new_name)) throw SqlError(sqlstate::kDuplicateObject, cat("constraint \"", s.new_name, "\" for relation \"", rel->name, "\" already exists"));
  Oid index = row->letter(pg_constraint::contype) == 'f' ? kInvalidOid : row->oid(pg_constraint::conindid);
  if (index != kInvalidOid) {
    if (relation_exists(rel->namespace_oid, s.new_name)) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", s.new_name, "\" already exists"));
    CatalogRow c = class_row_of(index, arena);
    rename_row(pg_class::kTable, c, pg_class::relname, s.new_name);
    invalidate_relation(index);
  }
  rename_row(pg_constraint::kTable, *row, pg_constraint::conname, s.new_name);
  invalidate_relation(rel->oid);
  txn::next_command();
  return "ALTER TABLE";
}

CatalogRow owned_namespace(std::string_view name, Arena& arena) {
  auto row = find_row(pg_namespace::kTable, pg_namespace::k_nspname_index, {make_bytes(arena, name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedSchema, cat("schema \"", name, "\" does not exist"));
  if (!has_role(current_user(), row->oid(pg_namespace::nspowner))) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of schema ", name));
  return std::move(*row);
}

std::string rename_schema(const ast::RenameStmt& s) {
  Arena arena;
  CatalogRow row = owned_namespace(s.sub_name, arena);
  if (find_namespace(s.new_name) != kInvalidOid) throw SqlError(sqlstate::kDuplicateSchema, cat("schema \"", s.new_name, "\" already exists"));
  if (s.new_name.starts_with("pg_")) throw SqlError(sqlstate::kReservedName, cat("unacceptable schema name \"", s.new_name, "\""), "The prefix \"pg_\" is reserved for system schemas.");
  rename_row(pg_namespace::kTable, row, pg_namespace::nspname, s.new_name);
  invalidate_all();
  txn::next_command();
  return "ALTER SCHEMA";
}

std::string rename_database(const ast::RenameStmt& s) {
  Arena arena;
  auto row = find_row(pg_database::kTable, pg_database::k_datname_index, {make_bytes(arena, s.sub_name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", s.sub_name, "\" does not exist"));
  if (!has_role(current_user(), row->oid(pg_database::datdba))) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of database ", s.sub_name));
  if (row->oid(pg_database::oid) == my_database()) throw SqlError(sqlstate::kFeatureNotSupported, "current database cannot be renamed");
  if (find_database(s.new_name)) throw SqlError(sqlstate::kDuplicateDatabase, cat("database \"", s.new_name, "\" already exists"));
  rename_row(pg_database::kTable, *row, pg_database::datname, s.new_name);
  txn::next_command();
  return "ALTER DATABASE";
}

std::string rename_role(const ast::RenameStmt& s) {
  Arena arena;
  auto row = find_row(pg_authid::kTable, pg_authid::k_rolname_index, {make_bytes(arena, s.sub_name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", s.sub_name, "\" does not exist"));
  if (row->flag(pg_authid::rolsuper)) require_superuser("must be superuser to rename superusers");
  else if (!is_superuser(current_user()) && !find_role(current_user())->create_role) throw SqlError(sqlstate::kInsufficientPrivilege, "permission denied to rename role");
  if (row->oid(pg_authid::oid) == current_user()) throw SqlError(sqlstate::kFeatureNotSupported, "current user cannot be renamed");
  if (find_role(s.new_name)) throw SqlError(sqlstate::kDuplicateObject, cat("role \"", s.new_name, "\" already exists"));
  rename_row(pg_authid::kTable, *row, pg_authid::rolname, s.new_name);
  invalidate_all();
  txn::next_command();
  return "ALTER ROLE";
}

}  // namespace

std::string rename(const ast::RenameStmt& s, UtilityContext& cx) {
  switch (s.object) {
    case ObjectKind::kTable: case ObjectKind::kIndex: case ObjectKind::kView: case ObjectKind::kSequence: case ObjectKind::kMatView: return rename_relation(s, cx);
    case ObjectKind::kColumn: return rename_column(s, cx);
    case ObjectKind::kConstraint: return rename_constraint(s, cx);
    case ObjectKind::kSchema: return rename_schema(s);
    case ObjectKind::kDatabase: return rename_database(s);
    case ObjectKind::kRole: return rename_role(s);
    default: throw_unsupported(cat("ALTER ", ast::object_kind_name(s.object), " RENAME"));
  }
}

// ---------------------------------------------------------------- SET SCHEMA, OWNER TO

namespace {

void move_relation(Oid oid, Oid ns) {
  RelationRef rel = relation(oid);
  Arena arena;
  if (relation_exists(ns, rel->name)) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", rel->name, "\" already exists in schema \"", namespace_name(ns), "\""));
  CatalogRow c = class_row_of(oid, arena);
  c.set(pg_class::relnamespace, from_oid(ns));
  update_row(pg_class::kTable, c);
  if (auto t = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(rel->row_type)}, arena)) {
    Oid array = t->oid(pg_type::typarray);
    t->set(pg_type::typnamespace, from_oid(ns));
    update_row(pg_type::kTable, *t);
    if (auto a = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(array)}, arena)) {
      a->set(pg_type::typnamespace, from_oid(ns));
      update_row(pg_type::kTable, *a);
    }
  }
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(oid), 0};
  for (const CatalogRow& d : scan(pg_depend::kTable, pg_depend::k_depender_index, keys, arena))
    if (d.oid(pg_depend::refclassid) == pg_namespace::kTable) delete_row(pg_depend::kTable, d.tid);
  if (rel->kind != 'i') record_dependency({pg_class::kTable, oid}, {pg_namespace::kTable, ns}, 'n');
  Datum key = from_oid(oid);
  for (CatalogRow& con : scan(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {&key, 1}, arena)) {
    con.set(pg_constraint::connamespace, from_oid(ns));
    update_row(pg_constraint::kTable, con);
  }
  invalidate_relation(oid);
  txn::next_command();
}

}  // namespace

std::string alter_schema(const ast::AlterSchemaStmt& s, UtilityContext& cx) {
  if (!s.relation) throw_unsupported(cat("ALTER ", ast::object_kind_name(s.object), " SET SCHEMA"));
  std::string_view kinds = s.object == ObjectKind::kView ? "v" : s.object == ObjectKind::kSequence ? "S" : "rvSm";
  std::string tag = cat("ALTER ", ast::object_kind_name(s.object));
  RelationRef rel = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, kinds, s.missing_ok);
  if (!rel) return tag;
  Oid ns = require_namespace(s.new_schema);
  if (ns == rel->namespace_oid) return tag;
  ViewTexts views(rel->oid);
  if (is_temp_namespace(ns) || is_temp_namespace(rel->namespace_oid)) throw SqlError(sqlstate::kFeatureNotSupported, "cannot move objects into or out of temporary schemas");
  require_namespace_create(ns);
  if (rel->kind == 'S') {
    Arena arena;
    Datum keys[] = {from_oid(pg_class::kTable), from_oid(rel->oid), 0};
    for (const CatalogRow& d : scan(pg_depend::kTable, pg_depend::k_depender_index, keys, arena))
      if (d.oid(pg_depend::refclassid) == pg_class::kTable && as_int4(d.values[pg_depend::refobjsubid]) > 0)
        throw SqlError(sqlstate::kFeatureNotSupported, "cannot move an owned sequence into another schema",
                       cat("Sequence \"", rel->name, "\" is linked to table \"", relation(d.oid(pg_depend::refobjid))->name, "\"."));
  }
  std::vector<Oid> sequences = owned_sequences(rel->oid);
  std::vector<Oid> parts{rel->oid};
  for (const IndexDesc& i : rel->indexes) parts.push_back(i.oid);
  parts.insert(parts.end(), sequences.begin(), sequences.end());
  for (Oid o : parts) move_relation(o, ns);
  refresh_sequence_defaults(cx, rel->oid);
  views.write();
  return tag;
}

void set_relation_owner(UtilityContext& cx, RelationRef rel, Oid owner) {
  if (rel->owner == owner) return;
  if (!has_role(current_user(), owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be member of role \"", find_role(owner)->name, "\""));
  std::vector<Oid> parts{rel->oid};
  for (const IndexDesc& i : rel->indexes) parts.push_back(i.oid);
  for (Oid s : owned_sequences(rel->oid)) parts.push_back(s);
  std::string old_name = find_role(rel->owner) ? find_role(rel->owner)->name : "", new_name = find_role(owner)->name;
  for (Oid o : parts) {
    Arena arena;
    CatalogRow c = class_row_of(o, arena);
    c.set(pg_class::relowner, from_oid(owner));
    if (!c.nulls[pg_class::relacl]) {
      auto acl = read_acl(c.values[pg_class::relacl]);
      for (AclItem& i : acl) {
        if (i.grantee == old_name) i.grantee = new_name;
        if (i.grantor == old_name) i.grantor = new_name;
      }
      c.set(pg_class::relacl, write_acl(arena, acl));
    }
    update_row(pg_class::kTable, c);
    if (RelationRef r = relation(o); r && r->row_type != kInvalidOid)
      if (auto t = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(r->row_type)}, arena)) {
        t->set(pg_type::typowner, from_oid(owner));
        update_row(pg_type::kTable, *t);
      }
    invalidate_relation(o);
  }
  txn::next_command();
  (void)cx;
}

std::string alter_owner(const ast::AlterOwnerStmt& s, UtilityContext& cx) {
  Oid owner = role_of(*s.owner);
  Arena arena;
  (void)cx;
  if (s.object == ObjectKind::kSchema) {
    CatalogRow row = owned_namespace(s.name.back(), arena);
    if (!has_role(current_user(), owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be member of role \"", find_role(owner)->name, "\""));
    row.set(pg_namespace::nspowner, from_oid(owner));
    update_row(pg_namespace::kTable, row);
    invalidate_all();
    txn::next_command();
    return "ALTER SCHEMA";
  }
  if (s.object == ObjectKind::kDatabase) {
    auto row = find_row(pg_database::kTable, pg_database::k_datname_index, {make_bytes(arena, s.name.back())}, arena);
    if (!row) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", s.name.back(), "\" does not exist"));
    if (!has_role(current_user(), row->oid(pg_database::datdba))) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of database ", s.name.back()));
    row->set(pg_database::datdba, from_oid(owner));
    update_row(pg_database::kTable, *row);
    txn::next_command();
    return "ALTER DATABASE";
  }
  throw_unsupported(cat("ALTER ", ast::object_kind_name(s.object), " OWNER TO"));
}

// ---------------------------------------------------------------- COMMENT

void set_comment(ObjectAddress object, std::string_view text, bool null) {
  Arena arena;
  bool shared = object.class_oid == pg_database::kTable || object.class_oid == pg_authid::kTable || object.class_oid == pg_tablespace::kTable;
  if (shared) {
    namespace d = pg_shdescription;
    auto old = find_row(d::kTable, d::k_o_c_index, {from_oid(object.object), from_oid(object.class_oid)}, arena);
    CatalogRow r = new_row(d::kTable);
    r.set(d::objoid, from_oid(object.object));
    r.set(d::classoid, from_oid(object.class_oid));
    r.set(d::description, make_bytes(arena, text));
    if (old) delete_row(d::kTable, old->tid);
    if (!null && !text.empty()) insert_row(d::kTable, r);
  } else {
    namespace d = pg_description;
    auto old = find_row(d::kTable, d::k_o_c_o_index, {from_oid(object.object), from_oid(object.class_oid), from_int(object.sub)}, arena);
    CatalogRow r = new_row(d::kTable);
    r.set(d::objoid, from_oid(object.object));
    r.set(d::classoid, from_oid(object.class_oid));
    r.set(d::objsubid, from_int(object.sub));
    r.set(d::description, make_bytes(arena, text));
    if (old) delete_row(d::kTable, old->tid);
    if (!null && !text.empty()) insert_row(d::kTable, r);
  }
  txn::next_command();
}

std::string comment(const ast::CommentStmt& s, UtilityContext& cx) {
  (void)cx;
  ObjectAddress a;
  Arena arena;
  auto owned = [&](ast::Names names, std::string_view kinds) {
    QualifiedName q = split_name(names);
    RelationRef rel = open_relation(q.schema, q.name, lock::Mode::kShareUpdateExclusive);
    if (kinds.find(rel->kind) == std::string_view::npos) {
      std::string kind(ast::object_kind_name(s.object));
      for (char& c : kind) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
      throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not ", kind == "index" ? "an " : "a ", kind));
    }
    require_owner(*rel);
    return rel;
  };
  switch (s.object) {
    case ObjectKind::kTable: a = {pg_class::kTable, owned(s.name, "r")->oid}; break;
    case ObjectKind::kIndex: a = {pg_class::kTable, owned(s.name, "i")->oid}; break;
    case ObjectKind::kView: a = {pg_class::kTable, owned(s.name, "v")->oid}; break;
    case ObjectKind::kMatView: a = {pg_class::kTable, owned(s.name, "m")->oid}; break;
    case ObjectKind::kSequence: a = {pg_class::kTable, owned(s.name, "S")->oid}; break;
    case ObjectKind::kColumn: {
      RelationRef rel = owned(s.name.subspan(0, s.name.size() - 1), "rvm");
      a = {pg_class::kTable, rel->oid, find_column(*rel, s.name.back())};
      break;
    }
    case ObjectKind::kConstraint: {
      RelationRef rel = owned(s.name.subspan(0, s.name.size() - 1), "r");
      auto row = find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(rel->oid), 0, make_bytes(arena, s.name.back())}, arena);
      if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("constraint \"", s.name.back(), "\" for table \"", rel->name, "\" does not exist"));
      a = {pg_constraint::kTable, row->oid(pg_constraint::oid)};
      break;
    }
    case ObjectKind::kSchema: a = {pg_namespace::kTable, owned_namespace(s.name.back(), arena).oid(pg_namespace::oid)}; break;
    case ObjectKind::kDatabase: {
      auto db = find_database(s.name.back());
      if (!db) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", s.name.back(), "\" does not exist"));
      if (!has_role(current_user(), db->owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of database ", db->name));
      a = {pg_database::kTable, db->oid};
      break;
    }
    case ObjectKind::kRole: {
      auto role = find_role(s.name.back());
      if (!role) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", s.name.back(), "\" does not exist"));
      if (!is_superuser(current_user()) && !find_role(current_user())->create_role) throw SqlError(sqlstate::kInsufficientPrivilege, "must have CREATEROLE privilege");
      a = {pg_authid::kTable, role->oid};
      break;
    }
    default: throw_unsupported(cat("COMMENT ON ", ast::object_kind_name(s.object)));
  }
  set_comment(a, s.comment, s.null_comment);
  return "COMMENT";
}

// Everything in this session's pg_temp (DISCARD TEMP, end of the session; and what a session that died left, when its slot's next owner makes its own).
void discard_temp() {
  Oid ns = temp_namespace(false);
  if (ns == kInvalidOid) return;
  drop_temp_objects(ns);
}

void drop_temp_objects(Oid ns) {
  Arena arena;
  UtilityContext cx;
  std::vector<ObjectAddress> objects;
  Datum keys[] = {from_oid(pg_namespace::kTable), from_oid(ns)};
  for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    ObjectAddress a{r.oid(pg_depend::classid), r.oid(pg_depend::objid)};
    RelationRef rel = relation(a.object);
    // Sequences of serial columns go with their tables.
    if (a.class_oid == pg_class::kTable && rel && (rel->kind != 'S' || true)) objects.push_back(a);
  }
  for (ObjectAddress a : objects)
    if (relation(a.object)) {
      try {
        drop_objects(cx, {a}, true);
      } catch (const SqlError& e) {
        if (!(e.sqlstate == sqlstate::kDependentObjectsStillExist)) throw;   // an identity sequence: its table takes it along
      }
    }
}

}  // namespace postern::ddl
