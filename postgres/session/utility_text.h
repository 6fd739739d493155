// Text forms of SET values, and postgresql.auto.conf.
#pragma once
#include <string>

#include "postgres/sql/ast/ast.h"

namespace postern::session {

// SET name TO a, 'b', 3: the setting's value as text (search_path elements are quoted where needed).
std::string set_value_text(const ast::SetStmt& s);
// ALTER SYSTEM SET/RESET: rewrites <site>/postgresql.auto.conf atomically. Throws 42704/22023 for bad names or values.
void write_auto_conf(const std::string& site, const ast::SetStmt& s);

}  // namespace postern::session
