#include "postgres/catalog/acl.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/schema.h"
#include "postgres/types/array.h"

namespace postern::catalog {
namespace {

std::string read_name(std::string_view& s) {
  std::string out;
  if (!s.empty() && s[0] == '"') {
    size_t i = 1;
    for (; i < s.size(); i++) {
      if (s[i] == '"') {
        if (i + 1 < s.size() && s[i + 1] == '"') i++;
        else break;
      }
      out += s[i];
    }
    s = s.substr(std::min(s.size(), i + 1));
  } else {
    size_t n = s.find_first_of("=/");
    out = s.substr(0, n);
    s = n == std::string_view::npos ? std::string_view() : s.substr(n);
  }
  return out;
}

struct PrivilegeName { const char* name; char letter; };
constexpr PrivilegeName kNames[] = {{"SELECT", 'r'}, {"INSERT", 'a'}, {"UPDATE", 'w'}, {"DELETE", 'd'}, {"TRUNCATE", 'D'}, {"REFERENCES", 'x'}, {"TRIGGER", 't'}, {"EXECUTE", 'X'},
                                    {"USAGE", 'U'}, {"CREATE", 'C'}, {"TEMPORARY", 'T'}, {"TEMP", 'T'}, {"CONNECT", 'c'}, {"SET", 's'}, {"ALTER SYSTEM", 'A'}};

}  // namespace

AclItem parse_acl_item(std::string_view s) {
  AclItem item;
  item.grantee = read_name(s);
  if (s.empty() || s[0] != '=') throw SqlError(sqlstate::kInvalidTextRepresentation, "missing \"=\" sign");
  s = s.substr(1);
  while (!s.empty() && s[0] != '/') {
    item.privileges += s[0];
    if (s.size() > 1 && s[1] == '*') {
      item.grantable += s[0];
      s = s.substr(1);
    }
    s = s.substr(1);
  }
  if (!s.empty()) {
    s = s.substr(1);
    item.grantor = read_name(s);
  }
  return item;
}

std::string format_acl_item(const AclItem& item) {
  std::string s = item.grantee.empty() ? "" : quote_ident(item.grantee);
  s += '=';
  for (char c : std::string_view("arwdDxtXUCTcsA")) {
    if (item.privileges.find(c) == std::string::npos) continue;
    s += c;
    if (item.grantable.find(c) != std::string::npos) s += '*';
  }
  append(s, "/", quote_ident(item.grantor));
  return s;
}

std::vector<AclItem> read_acl(Datum array) {
  ArrayView a(array);
  std::vector<AclItem> out;
  for (uint32_t i = 0; i < a.count(); i++)
    if (!a.null(i)) out.push_back(parse_acl_item(as_view(a.value(i))));
  return out;
}

Datum write_acl(Arena& arena, const std::vector<AclItem>& items) {
  std::vector<Datum> v;
  for (const AclItem& i : items) v.push_back(make_bytes(arena, format_acl_item(i)));
  return make_array_1d(arena, oid::kAclItem, v.data(), nullptr, static_cast<uint32_t>(v.size()));
}

std::string_view all_privileges(char kind) {
  switch (kind) {
    case 'r': return "arwdDxt";
    case 'c': return "arwx";
    case 's': return "rwU";
    case 'd': return "CTc";
    case 'f': return "X";
    case 'l': case 'T': return "U";
    case 'n': return "UC";
    case 't': return "C";
    default: return "";
  }
}

std::vector<AclItem> default_acl(char kind, std::string_view owner) {
  std::vector<AclItem> out;
  std::string_view world = kind == 'd' ? "Tc" : kind == 'f' ? "X" : kind == 'l' || kind == 'T' ? "U" : "";
  if (!world.empty()) out.push_back({"", std::string(owner), std::string(world), ""});
  if (kind != 'c') out.push_back({std::string(owner), std::string(owner), std::string(all_privileges(kind)), ""});
  return out;
}

char privilege_letter(std::string_view name) {
  std::string up;
  for (char c : name) up += static_cast<char>(toupper(static_cast<unsigned char>(c)));
  for (const PrivilegeName& p : kNames)
    if (up == p.name) return p.letter;
  return 0;
}

bool acl_allows(Oid role, Oid owner, char kind, Datum acl, bool null, char privilege) {
  if (is_superuser(role)) return true;
  if (null && has_role(role, owner) && kind != 'c') return all_privileges(kind).find(privilege) != std::string_view::npos;
  auto owner_info = find_role(owner);
  std::vector<AclItem> items = null ? default_acl(kind, owner_info ? owner_info->name : "") : read_acl(acl);
  for (const AclItem& i : items) {
    if (i.privileges.find(privilege) == std::string::npos) continue;
    if (i.grantee.empty()) return true;
    if (auto g = find_role(i.grantee); g && has_role(role, g->oid)) return true;
  }
  return false;
}

bool has_relation_privilege(Oid role, Oid rel, char privilege) {
  if (is_superuser(role)) return true;
  Arena arena;
  auto row = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(rel)}, arena);
  if (!row) return false;
  char kind = row->letter(pg_class::relkind) == 'S' ? 's' : 'r';
  if (raw(rel) < raw(kFirstNormalOid) && row->nulls[pg_class::relacl] && privilege == 'r') {   // catalogs may be read, save those with secrets
    constexpr std::string_view kSecret[] = {"pg_authid", "pg_shadow", "pg_statistic", "pg_statistic_ext_data", "pg_subscription", "pg_user_mapping", "pg_hba_file_rules", "pg_ident_file_mappings",
                                            "pg_file_settings", "pg_config", "pg_largeobject", "pg_backend_memory_contexts", "pg_shmem_allocations", "pg_replication_origin_status"};
    return std::find(std::begin(kSecret), std::end(kSecret), row->text(pg_class::relname)) == std::end(kSecret);
  }
  return acl_allows(role, row->oid(pg_class::relowner), kind, row->values[pg_class::relacl], row->nulls[pg_class::relacl], privilege);
}

bool has_column_privilege(Oid role, Oid rel, int16_t attno, char privilege) {
  if (has_relation_privilege(role, rel, privilege)) return true;
  Arena arena;
  auto row = find_row(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {from_oid(rel), from_int(attno)}, arena);
  RelationRef desc = relation(rel);
  return row && desc && acl_allows(role, desc->owner, 'c', row->values[pg_attribute::attacl], row->nulls[pg_attribute::attacl], privilege);
}

bool has_namespace_privilege(Oid role, Oid ns, char privilege) {
  if (is_superuser(role)) return true;
  Arena arena;
  auto row = find_row(pg_namespace::kTable, pg_namespace::k_oid_index, {from_oid(ns)}, arena);
  if (!row) return false;
  if (row->text(pg_namespace::nspname).starts_with("pg_temp_")) return ns == temp_namespace(false);
  Oid owner = row->oid(pg_namespace::nspowner);
  if (owner == Oid{6171})   // pg_database_owner: whoever owns this database
    if (auto db = find_database(my_database()); db && has_role(role, db->owner)) return true;
  return acl_allows(role, owner, 'n', row->values[pg_namespace::nspacl], row->nulls[pg_namespace::nspacl], privilege);
}

bool has_database_privilege(Oid role, Oid database, char privilege) {
  if (is_superuser(role)) return true;
  Arena arena;
  auto row = find_row(pg_database::kTable, pg_database::k_oid_index, {from_oid(database)}, arena);
  return row && acl_allows(role, row->oid(pg_database::datdba), 'd', row->values[pg_database::datacl], row->nulls[pg_database::datacl], privilege);
}

}  // namespace postern::catalog
