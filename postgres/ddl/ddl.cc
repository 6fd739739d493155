#include "postgres/ddl/ddl.h"

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/objects.h"
#include "postgres/wal/wal.h"

namespace postern::ddl {

using ast::StmtKind;

bool is_ddl(const ast::Stmt& s) {
  switch (s.kind) {
    case StmtKind::kSelect: return ast::to<ast::SelectStmt>(s).into != nullptr;
    case StmtKind::kUnsupported: return true;
    default: return s.kind >= StmtKind::kCreateTable && s.kind <= StmtKind::kCheckpoint;
  }
}

namespace {

// SELECT … INTO t is CREATE TABLE t AS SELECT ….
std::string select_into(const ast::SelectStmt& s, UtilityContext& cx) {
  auto* copy = static_cast<ast::SelectStmt*>(cx.arena->alloc(sizeof(ast::SelectStmt), alignof(ast::SelectStmt)));
  std::memcpy(static_cast<void*>(copy), &s, sizeof s);
  copy->into = nullptr;
  ast::CreateTableAsStmt c{};
  c.kind = StmtKind::kCreateTableAs;
  c.query = copy;
  c.into = s.into;
  c.select_into = true;
  return create_table_as(c, cx);
}

std::string checkpoint() {
  if (!catalog::has_role(catalog::current_user(), Oid{4544}))
    throw SqlError(sqlstate::kInsufficientPrivilege, "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT");
  wal::checkpoint();
  return "CHECKPOINT";
}

}  // namespace

std::string execute(const ast::Stmt& s, UtilityContext& cx) {
  if (txn::read_only() && s.kind != StmtKind::kCheckpoint && s.kind != StmtKind::kLock && s.kind != StmtKind::kVacuum)
    throw SqlError(sqlstate::kReadOnlySqlTransaction, cat("cannot execute ", ast::stmt_name(s), " in a read-only transaction"));
  switch (s.kind) {
    case StmtKind::kSelect: return select_into(ast::to<ast::SelectStmt>(s), cx);
    case StmtKind::kCreateTable: return create_table(ast::to<ast::CreateTableStmt>(s), cx);
    case StmtKind::kCreateTableAs: return create_table_as(ast::to<ast::CreateTableAsStmt>(s), cx);
    case StmtKind::kCreateIndex: return create_index_stmt(ast::to<ast::CreateIndexStmt>(s), cx);
    case StmtKind::kCreateSequence: return create_sequence(ast::to<ast::CreateSequenceStmt>(s), cx);
    case StmtKind::kAlterSequence: return alter_sequence(ast::to<ast::AlterSequenceStmt>(s), cx);
    case StmtKind::kCreateView: return create_view(ast::to<ast::CreateViewStmt>(s), cx);
    case StmtKind::kCreateSchema: return create_schema(ast::to<ast::CreateSchemaStmt>(s), cx);
    case StmtKind::kCreateDatabase: return create_database(ast::to<ast::CreateDatabaseStmt>(s), cx);
    case StmtKind::kDropDatabase: return drop_database(ast::to<ast::DropDatabaseStmt>(s), cx);
    case StmtKind::kAlterDatabase: return alter_database(ast::to<ast::AlterDatabaseStmt>(s), cx);
    case StmtKind::kAlterDatabaseSet: return alter_database_set(ast::to<ast::AlterDatabaseSetStmt>(s), cx);
    case StmtKind::kCreateRole: return create_role(ast::to<ast::CreateRoleStmt>(s), cx);
    case StmtKind::kAlterRole: return alter_role(ast::to<ast::AlterRoleStmt>(s), cx);
    case StmtKind::kAlterRoleSet: return alter_role_set(ast::to<ast::AlterRoleSetStmt>(s), cx);
    case StmtKind::kDropRole: return drop_role(ast::to<ast::DropRoleStmt>(s), cx);
    case StmtKind::kGrantRole: return grant_role(ast::to<ast::GrantRoleStmt>(s), cx);
    case StmtKind::kGrant: return grant(ast::to<ast::GrantStmt>(s), cx);
    case StmtKind::kAlterTable: return alter_table(ast::to<ast::AlterTableStmt>(s), cx);
    case StmtKind::kDrop: return drop(ast::to<ast::DropStmt>(s), cx);
    case StmtKind::kTruncate: return truncate(ast::to<ast::TruncateStmt>(s), cx);
    case StmtKind::kRename: return rename(ast::to<ast::RenameStmt>(s), cx);
    case StmtKind::kAlterSchema: return alter_schema(ast::to<ast::AlterSchemaStmt>(s), cx);
    case StmtKind::kAlterOwner: return alter_owner(ast::to<ast::AlterOwnerStmt>(s), cx);
    case StmtKind::kComment: return comment(ast::to<ast::CommentStmt>(s), cx);
    case StmtKind::kCluster: return cluster(ast::to<ast::ClusterStmt>(s), cx);
    case StmtKind::kReindex: return reindex(ast::to<ast::ReindexStmt>(s), cx);
    case StmtKind::kVacuum: return vacuum(ast::to<ast::VacuumStmt>(s), cx);
    case StmtKind::kLock: return lock_table(ast::to<ast::LockStmt>(s), cx);
    case StmtKind::kCheckpoint: return checkpoint();
    case StmtKind::kUnsupported: throw_unsupported(ast::to<ast::UnsupportedStmt>(s).name, s.position);
    default: throw_unsupported(ast::stmt_name(s), s.position);
  }
}

}  // namespace postern::ddl
