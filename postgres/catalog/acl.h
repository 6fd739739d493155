// Access control lists. An aclitem is its text, grantee=privileges/grantor, with role names as quote_ident writes them; an empty grantee is PUBLIC.
// Letters: r select, a insert, w update, d delete, D truncate, x references, t trigger, X execute, U usage, C create, T temporary, c connect. '*': with grant option.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "postgres/catalog/catalog.h"

namespace postern::catalog {

struct AclItem {
  std::string grantee, grantor;        // plain role names; grantee "" = PUBLIC
  std::string privileges, grantable;   // letters; grantable is a subset
};
AclItem parse_acl_item(std::string_view text);       // 22P02
std::string format_acl_item(const AclItem& item);
std::vector<AclItem> read_acl(Datum array);
Datum write_acl(Arena& arena, const std::vector<AclItem>& items);

// What holds when the acl is NULL. kind: 'r' table, 's' sequence, 'd' database, 'f' function, 'l' language, 'n' schema, 't' tablespace, 'T' type, 'c' column.
std::vector<AclItem> default_acl(char kind, std::string_view owner);
std::string_view all_privileges(char kind);          // in the order PostgreSQL writes them
char privilege_letter(std::string_view name);        // "SELECT" -> 'r', any case; 0 unknown

// NULL acl: nulls = true.
bool acl_allows(Oid role, Oid owner, char kind, Datum acl, bool null, char privilege);
bool has_relation_privilege(Oid role, Oid relation, char privilege);
bool has_column_privilege(Oid role, Oid relation, int16_t attno, char privilege);
bool has_namespace_privilege(Oid role, Oid ns, char privilege);
bool has_database_privilege(Oid role, Oid database, char privilege);

}  // namespace postern::catalog
