// pg_db_role_setting: ALTER DATABASE … SET, ALTER ROLE … SET.
#pragma once
#include "postgres/ddl/objects.h"

namespace postern::ddl {

void apply_setting(Oid database, Oid role, const ast::SetStmt& set, UtilityContext& cx);
void drop_settings_of(Oid database, Oid role);    // of either, the other one 0

}  // namespace postern::ddl
