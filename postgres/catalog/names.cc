// Databases, roles, namespaces, the search path.
#include <algorithm>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/invalidation.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/region/region.h"
#include "postgres/types/array.h"

namespace postern::catalog {
namespace {

Oid g_database{0};
Oid g_user{0};
std::string g_path_setting = "\"$user\", public";
bool g_path_valid = false;
std::vector<Oid> g_path, g_explicit_path;
Oid g_creation{0};
Oid g_temp{0};
std::unordered_map<std::string, Oid>& namespaces() {
  static std::unordered_map<std::string, Oid> m;
  return m;
}
std::unordered_map<uint32_t, std::string>& namespace_names() {
  static std::unordered_map<uint32_t, std::string> m;
  return m;
}
std::unordered_map<uint32_t, std::optional<RoleInfo>>& roles() {
  static std::unordered_map<uint32_t, std::optional<RoleInfo>> m;
  return m;
}

DatabaseInfo to_database(const CatalogRow& r) {
  DatabaseInfo d;
  d.oid = r.oid(pg_database::oid);
  d.name = r.text(pg_database::datname);
  d.owner = r.oid(pg_database::datdba);
  d.allow_connections = r.flag(pg_database::datallowconn);
  d.is_template = r.flag(pg_database::datistemplate);
  d.connection_limit = as_int4(r.values[pg_database::datconnlimit]);
  d.encoding = as_int4(r.values[pg_database::encoding]);
  return d;
}

RoleInfo to_role(const CatalogRow& r) {
  RoleInfo o;
  o.oid = r.oid(pg_authid::oid);
  o.name = r.text(pg_authid::rolname);
  o.superuser = r.flag(pg_authid::rolsuper);
  o.inherit = r.flag(pg_authid::rolinherit);
  o.create_role = r.flag(pg_authid::rolcreaterole);
  o.create_db = r.flag(pg_authid::rolcreatedb);
  o.can_login = r.flag(pg_authid::rolcanlogin);
  o.replication = r.flag(pg_authid::rolreplication);
  o.bypass_rls = r.flag(pg_authid::rolbypassrls);
  o.connection_limit = as_int4(r.values[pg_authid::rolconnlimit]);
  o.password = r.text(pg_authid::rolpassword);
  if (!r.nulls[pg_authid::rolvaliduntil]) o.valid_until = static_cast<int64_t>(r.values[pg_authid::rolvaliduntil]);
  return o;
}

// Names of a setting that is a list of identifiers.
std::vector<std::string> split_identifiers(std::string_view s) {
  std::vector<std::string> out;
  size_t i = 0;
  auto space = [&] { while (i < s.size() && isspace(static_cast<unsigned char>(s[i]))) i++; };
  space();
  while (i < s.size()) {
    std::string name;
    if (s[i] == '"') {
      for (i++; i < s.size(); i++) {
        if (s[i] == '"') {
          if (i + 1 < s.size() && s[i + 1] == '"') i++;
          else break;
        }
        name += s[i];
      }
      if (i >= s.size()) throw SqlError(sqlstate::kInvalidParameterValue, "invalid value for parameter \"search_path\": \"" + std::string(s) + "\"", "List syntax is invalid.");
      i++;
    } else {
      while (i < s.size() && s[i] != ',' && !isspace(static_cast<unsigned char>(s[i]))) name += static_cast<char>(tolower(static_cast<unsigned char>(s[i++])));
    }
    space();
    if (i < s.size() && s[i] != ',') throw SqlError(sqlstate::kInvalidParameterValue, "invalid value for parameter \"search_path\": \"" + std::string(s) + "\"", "List syntax is invalid.");
    if (i < s.size()) i++;
    space();
    out.push_back(std::move(name));
  }
  return out;
}

// Schemas that the user may not use are not searched.
bool may_use(Oid ns) { return g_user == kInvalidOid || ns == kPgCatalog || has_namespace_privilege(g_user, ns, 'U'); }

void resolve_path() {
  if (g_path_valid) return;
  g_explicit_path.clear();
  g_path.clear();
  g_creation = kInvalidOid;
  bool temp_listed = false;
  auto add = [](std::vector<Oid>& v, Oid o) {
    if (o != kInvalidOid && std::find(v.begin(), v.end(), o) == v.end()) v.push_back(o);
  };
  for (const std::string& name : split_identifiers(g_path_setting)) {
    if (name == "$user") {
      if (g_user != kInvalidOid)
        if (auto role = find_role(g_user))
          if (Oid ns = find_namespace(role->name); ns != kInvalidOid && may_use(ns)) add(g_explicit_path, ns);
    } else if (name == "pg_temp") {
      temp_listed = true;
      if (g_explicit_path.empty() && g_creation == kInvalidOid) g_creation = g_temp;
      add(g_explicit_path, g_temp);
    } else if (Oid ns = find_namespace(name); ns != kInvalidOid && may_use(ns)) {
      add(g_explicit_path, ns);
    }
  }
  if (g_creation == kInvalidOid && !g_explicit_path.empty()) g_creation = g_explicit_path[0];
  if (!temp_listed) add(g_path, g_temp);
  if (std::find(g_explicit_path.begin(), g_explicit_path.end(), kPgCatalog) == g_explicit_path.end()) add(g_path, kPgCatalog);
  for (Oid o : g_explicit_path) add(g_path, o);
  g_path_valid = true;
}

}  // namespace

void drop_name_cache() {
  namespaces().clear();
  namespace_names().clear();
  roles().clear();
  g_path_valid = false;
}

void connect_database(Oid database) {
  g_database = database;
  forget_catalog_descriptors();
  drop_relation_cache();
  drop_stats_cache();
  drop_name_cache();
  g_temp = kInvalidOid;
  if (region::attached()) region::my_slot().database.store(raw(database));
}
Oid my_database() { return g_database; }

std::optional<DatabaseInfo> find_database(std::string_view name) {
  Arena arena;
  auto row = find_row(pg_database::kTable, pg_database::k_datname_index, {make_bytes(arena, name)}, arena);
  if (!row) return std::nullopt;
  return to_database(*row);
}
std::optional<DatabaseInfo> find_database(Oid oid) {
  Arena arena;
  auto row = find_row(pg_database::kTable, pg_database::k_oid_index, {from_oid(oid)}, arena);
  if (!row) return std::nullopt;
  return to_database(*row);
}
std::vector<DatabaseInfo> all_databases() {
  Arena arena;
  std::vector<DatabaseInfo> out;
  for (const CatalogRow& r : scan(pg_database::kTable, kInvalidOid, {}, arena)) out.push_back(to_database(r));
  return out;
}

std::optional<RoleInfo> find_role(std::string_view name) {
  Arena arena;
  auto row = find_row(pg_authid::kTable, pg_authid::k_rolname_index, {make_bytes(arena, name)}, arena);
  if (!row) return std::nullopt;
  return to_role(*row);
}
std::optional<RoleInfo> find_role(Oid oid) {
  sync_own_changes();
  auto it = roles().find(raw(oid));
  if (it != roles().end()) return it->second;
  Arena arena;
  auto row = find_row(pg_authid::kTable, pg_authid::k_oid_index, {from_oid(oid)}, arena);
  std::optional<RoleInfo> info;
  if (row) info = to_role(*row);
  roles()[raw(oid)] = info;
  return info;
}
bool is_superuser(Oid role) {
  if (role == kBootstrapRole) return true;
  auto r = find_role(role);
  return r && r->superuser;
}

namespace {
bool member_of(Oid member, Oid role, bool inheriting) {
  if (member == role) return true;
  std::vector<Oid> seen{member};
  Arena arena;
  for (size_t i = 0; i < seen.size(); i++) {
    auto info = find_role(seen[i]);
    if (!info || (inheriting && !info->inherit)) continue;
    Datum key = from_oid(seen[i]);
    for (const CatalogRow& r : scan(pg_auth_members::kTable, pg_auth_members::k_member_role_index, {&key, 1}, arena)) {
      Oid granted = r.oid(pg_auth_members::roleid);
      if (granted == role) return true;
      if (std::find(seen.begin(), seen.end(), granted) == seen.end()) seen.push_back(granted);
    }
  }
  return false;
}
}  // namespace

bool has_role(Oid member, Oid role) { return member == role || is_superuser(member) || member_of(member, role, true); }
bool has_membership_path(Oid member, Oid role) { return member_of(member, role, false); }

std::vector<std::pair<std::string, std::string>> role_settings(Oid database, Oid role) {
  std::vector<std::pair<std::string, std::string>> out;
  Arena arena;
  for (auto [db, r] : {std::pair{kInvalidOid, kInvalidOid}, {database, kInvalidOid}, {kInvalidOid, role}, {database, role}}) {
    auto row = find_row(pg_db_role_setting::kTable, pg_db_role_setting::k_databaseid_rol_index, {from_oid(db), from_oid(r)}, arena);
    if (!row || row->nulls[pg_db_role_setting::setconfig]) continue;
    for (auto& o : read_options(row->values[pg_db_role_setting::setconfig])) out.push_back(o);
  }
  return out;
}

Oid find_namespace(std::string_view name) {
  if (name == "pg_catalog") return kPgCatalog;
  if (name == "pg_temp") return g_temp;
  sync_own_changes();
  auto it = namespaces().find(std::string(name));
  if (it != namespaces().end()) return it->second;
  Arena arena;
  auto row = find_row(pg_namespace::kTable, pg_namespace::k_nspname_index, {make_bytes(arena, name)}, arena);
  return namespaces()[std::string(name)] = row ? row->oid(pg_namespace::oid) : kInvalidOid;
}

std::string namespace_name(Oid oid) {
  if (oid == kPgCatalog) return "pg_catalog";
  sync_own_changes();
  auto it = namespace_names().find(raw(oid));
  if (it != namespace_names().end()) return it->second;
  Arena arena;
  auto row = find_row(pg_namespace::kTable, pg_namespace::k_oid_index, {from_oid(oid)}, arena);
  return namespace_names()[raw(oid)] = row ? std::string(row->text(pg_namespace::nspname)) : std::string();
}

const std::vector<Oid>& search_path() {
  sync_own_changes();
  resolve_path();
  return g_path;
}
std::vector<Oid> explicit_search_path() {
  sync_own_changes();
  resolve_path();
  return g_explicit_path;
}

Oid creation_namespace() {
  sync_own_changes();
  resolve_path();
  if (g_creation == kInvalidOid) throw SqlError(sqlstate::kUndefinedSchema, "no schema has been selected to create in");
  return g_creation;
}

void set_search_path(std::string_view setting) {
  split_identifiers(setting);
  if (g_path_setting == setting) return;
  g_path_setting = setting;
  g_path_valid = false;
  drop_relation_cache();
}
void set_user(Oid role) {
  if (g_user == role) return;
  g_user = role;
  g_path_valid = false;
  drop_relation_cache();
}
Oid current_user() { return g_user; }

// One per process slot, made on first use and kept; its tables are dropped by their session (see ddl/temp.cc).
Oid temp_namespace(bool create) {
  if (g_temp != kInvalidOid || !create) return g_temp;
  std::string name = cat("pg_temp_", raw(region::my_slot_no()) + 1);
  Oid oid = find_namespace(name);
  if (oid == kInvalidOid) {
    Arena arena;
    CatalogRow r = new_row(pg_namespace::kTable);
    oid = new_oid(pg_namespace::kTable, pg_namespace::k_oid_index);
    r.set(pg_namespace::oid, from_oid(oid));
    r.set(pg_namespace::nspname, make_bytes(arena, name));
    r.set(pg_namespace::nspowner, from_oid(kBootstrapRole));
    insert_row(pg_namespace::kTable, r);
    invalidate_all();
    txn::next_command();
    txn::on_end([](bool committed) { if (!committed) { g_temp = kInvalidOid; g_path_valid = false; } });
  }
  g_temp = oid;
  g_path_valid = false;
  drop_relation_cache();
  return g_temp;
}

bool is_temp_namespace(Oid oid) { return oid != kPgCatalog && oid != kPublic && oid != kInformationSchema && namespace_name(oid).starts_with("pg_temp_"); }

}  // namespace postern::catalog
