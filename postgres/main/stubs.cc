#include "common/base/error.h"
#include "postgres/ddl/ddl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/sql/ast/ast.h"
namespace postern::catalog { __attribute__((weak)) extern const FnTables kCatalogFns{}; }
namespace postern::ddl {
#define S(f, T) __attribute__((weak)) std::string f(ast::T const&, UtilityContext&) { throw_unsupported(#f); }
S(comment,CommentStmt) S(alter_owner,AlterOwnerStmt) S(alter_schema,AlterSchemaStmt) S(rename,RenameStmt) S(alter_table,AlterTableStmt) S(grant,GrantStmt) S(grant_role,GrantRoleStmt) S(drop_role,DropRoleStmt) S(alter_role_set,AlterRoleSetStmt) S(alter_role,AlterRoleStmt) S(create_role,CreateRoleStmt) S(alter_database_set,AlterDatabaseSetStmt) S(alter_database,AlterDatabaseStmt) S(drop_database,DropDatabaseStmt) S(create_database,CreateDatabaseStmt) S(create_schema,CreateSchemaStmt) S(create_view,CreateViewStmt) S(create_table_as,CreateTableAsStmt)
}
