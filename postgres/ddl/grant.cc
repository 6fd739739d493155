// GRANT and REVOKE on relations, columns, schemas and databases: the acl columns of the catalogs.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/table_parts.h"

namespace postern::ddl {

using namespace catalog;
using ast::ObjectKind;

namespace {

struct Change {
  bool grant;
  bool grant_option;                       // GRANT … WITH GRANT OPTION; REVOKE GRANT OPTION FOR
  std::string privileges;
  std::vector<std::string> grantees;       // "" PUBLIC
};

std::string letters_of(const ast::GrantStmt& s, char kind) {
  std::string out;
  for (const ast::AccessPriv* p : s.privileges) {
    if (p->name.empty()) return std::string(all_privileges(kind));
    char c = privilege_letter(p->name);
    if (!c) throw SqlError(sqlstate::kSyntaxError, cat("unrecognized privilege type \"", p->name, "\""));
    if (all_privileges(kind).find(c) == std::string_view::npos && !(kind == 's' && c == 'w')) {
      std::string up;
      for (char ch : p->name) up += static_cast<char>(toupper(static_cast<unsigned char>(ch)));
      const char* what = kind == 's' ? "sequence" : kind == 'n' ? "schema" : kind == 'd' ? "database" : kind == 'c' ? "column" : "relation";
      throw SqlError(sqlstate::kInvalidGrantOperation, cat("invalid privilege type ", up, " for ", what));
    }
    if (out.find(c) == std::string::npos) out += c;
  }
  return out.empty() ? std::string(all_privileges(kind)) : out;
}

void apply(std::vector<AclItem>& acl, const Change& c, const std::string& grantor) {
  for (const std::string& grantee : c.grantees) {
    auto it = std::find_if(acl.begin(), acl.end(), [&](const AclItem& i) { return i.grantee == grantee && i.grantor == grantor; });
    if (c.grant) {
      if (it == acl.end()) it = acl.insert(acl.end(), {grantee, grantor, "", ""});
      for (char p : c.privileges) {
        if (it->privileges.find(p) == std::string::npos) it->privileges += p;
        if (c.grant_option && it->grantable.find(p) == std::string::npos) it->grantable += p;
      }
    } else if (it != acl.end()) {
      for (char p : c.privileges) {
        std::erase(it->grantable, p);
        if (!c.grant_option) std::erase(it->privileges, p);
      }
    }
  }
  std::erase_if(acl, [](const AclItem& i) { return i.privileges.empty(); });
}

// The row's acl column changed; the caller checked that we may.
void change_row(Oid table, CatalogRow& row, int column, char kind, Oid owner, const Change& c) {
  Arena arena;
  auto role = find_role(owner);
  std::string owner_name = role ? role->name : "";
  std::vector<AclItem> acl = row.nulls[column] ? default_acl(kind, owner_name) : read_acl(row.values[column]);
  apply(acl, c, owner_name);
  std::vector<AclItem> plain = default_acl(kind, owner_name);
  if (acl.empty() && kind == 'c') row.set_null(column);
  else row.set(column, write_acl(arena, acl));
  update_row(table, row);
  (void)plain;
}

bool may_grant(Oid owner, char kind, Datum acl, bool null, const Change& c) {
  if (has_role(current_user(), owner)) return true;
  if (null) return false;
  (void)kind;
  for (const AclItem& i : read_acl(acl))
    if (auto g = find_role(i.grantee); g && has_role(current_user(), g->oid))
      if (std::all_of(c.privileges.begin(), c.privileges.end(), [&](char p) { return i.grantable.find(p) != std::string::npos; })) return true;
  return false;
}

void on_relation(const ast::GrantStmt& s, Change c, const RelationDesc& rel) {
  char kind = rel.kind == 'S' ? 's' : 'r';
  bool columns = std::any_of(s.privileges.begin(), s.privileges.end(), [](const ast::AccessPriv* p) { return !p->columns.empty(); });
  Arena arena;
  std::string whole;   // privileges without a list of columns
  if (columns) {
    for (const ast::AccessPriv* p : s.privileges) {
      if (p->columns.empty()) {
        whole += p->name.empty() ? std::string(all_privileges(kind)) : std::string(1, privilege_letter(p->name));
        continue;
      }
      char letter = p->name.empty() ? 0 : privilege_letter(p->name);
      Change one = c;
      one.privileges = letter ? std::string(1, letter) : std::string(all_privileges('c'));
      if (!has_role(current_user(), rel.owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for table ", rel.name));
      for (std::string_view name : p->columns) {
        CatalogRow a = attribute_row_of(rel.oid, find_column(rel, name), arena);
        change_row(pg_attribute::kTable, a, pg_attribute::attacl, 'c', rel.owner, one);
        txn::next_command();
      }
    }
    invalidate_relation(rel.oid);
    if (whole.empty()) return;
  }
  c.privileges = columns ? whole : letters_of(s, kind);
  CatalogRow row = class_row_of(rel.oid, arena);
  if (!may_grant(rel.owner, kind, row.values[pg_class::relacl], row.nulls[pg_class::relacl], c))
    throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for ", kind_name(rel.kind), " ", rel.name));
  change_row(pg_class::kTable, row, pg_class::relacl, kind, rel.owner, c);
  invalidate_relation(rel.oid);
  txn::next_command();
}

void on_named(const ast::GrantStmt& s, Change c, std::string_view name) {
  Arena arena;
  bool schema = s.object == ObjectKind::kSchema;
  char kind = schema ? 'n' : 'd';
  c.privileges = letters_of(s, kind);
  Oid table = schema ? pg_namespace::kTable : pg_database::kTable;
  int owner_column = schema ? int{pg_namespace::nspowner} : int{pg_database::datdba}, acl_column = schema ? int{pg_namespace::nspacl} : int{pg_database::datacl};
  auto row = find_row(table, schema ? pg_namespace::k_nspname_index : pg_database::k_datname_index, {make_bytes(arena, name)}, arena);
  if (!row) {
    if (schema) throw SqlError(sqlstate::kUndefinedSchema, cat("schema \"", name, "\" does not exist"));
    throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", name, "\" does not exist"));
  }
  Oid owner = row->oid(owner_column);
  if (!may_grant(owner, kind, row->values[acl_column], row->nulls[acl_column], c))
    throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for ", schema ? "schema " : "database ", name));
  change_row(table, *row, acl_column, kind, owner, c);
  invalidate_all();
  txn::next_command();
}

}  // namespace

std::string grant(const ast::GrantStmt& s, UtilityContext& cx) {
  (void)cx;
  std::string tag = s.grant ? "GRANT" : "REVOKE";
  if (s.default_privileges) throw_unsupported("ALTER DEFAULT PRIVILEGES");
  Change c{s.grant, s.with_grant_option, "", {}};
  for (const ast::RoleSpec* g : s.grantees) {
    if (g->kind == ast::RoleKind::kPublic) c.grantees.emplace_back();
    else c.grantees.push_back(find_role(role_of(*g))->name);
  }
  if (s.all_in_schema) {
    for (ast::Names n : s.objects) {
      Oid ns = require_namespace(n.back());
      Arena arena;
      for (const CatalogRow& r : scan(pg_class::kTable, kInvalidOid, {}, arena)) {
        char kind = r.letter(pg_class::relkind);
        bool fits = s.object == ObjectKind::kSequence ? kind == 'S' : kind == 'r' || kind == 'v' || kind == 'm';
        if (r.oid(pg_class::relnamespace) == ns && fits)
          if (RelationRef rel = relation(r.oid(pg_class::oid))) on_relation(s, c, *rel);
      }
    }
    return tag;
  }
  switch (s.object) {
    case ObjectKind::kTable: case ObjectKind::kSequence: case ObjectKind::kView:
      for (const ast::RangeVar* r : s.relations) {
        QualifiedName q = split_name(*r);
        RelationRef rel = open_relation(q.schema, q.name, lock::Mode::kNone);
        if (s.object == ObjectKind::kSequence && rel->kind != 'S') throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not a sequence"));
        if (rel->kind == 'i') throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is an index"));
        on_relation(s, c, *rel);
      }
      return tag;
    case ObjectKind::kSchema: case ObjectKind::kDatabase:
      for (ast::Names n : s.objects) on_named(s, c, n.back());
      return tag;
    default: throw_unsupported(cat(tag, " ON ", ast::object_kind_name(s.object)));
  }
}

}  // namespace postern::ddl
