// Names of syntax nodes for messages.
#include "postgres/sql/ast/ast.h"

namespace postern::ast {

std::string_view stmt_name(const Stmt& s) {
  switch (s.kind) {
    case StmtKind::kSelect: return "SELECT";
    case StmtKind::kInsert: return "INSERT";
    case StmtKind::kUpdate: return "UPDATE";
    case StmtKind::kDelete: return "DELETE";
    case StmtKind::kCreateTable: return "CREATE TABLE";
    case StmtKind::kCreateTableAs: return "CREATE TABLE AS";
    case StmtKind::kCreateIndex: return "CREATE INDEX";
    case StmtKind::kCreateSequence: return "CREATE SEQUENCE";
    case StmtKind::kAlterSequence: return "ALTER SEQUENCE";
    case StmtKind::kCreateView: return "CREATE VIEW";
    case StmtKind::kCreateSchema: return "CREATE SCHEMA";
    case StmtKind::kCreateDatabase: return "CREATE DATABASE";
    case StmtKind::kDropDatabase: return "DROP DATABASE";
    case StmtKind::kAlterDatabase: case StmtKind::kAlterDatabaseSet: return "ALTER DATABASE";
    case StmtKind::kCreateRole: return "CREATE ROLE";
    case StmtKind::kAlterRole: case StmtKind::kAlterRoleSet: return "ALTER ROLE";
    case StmtKind::kDropRole: return "DROP ROLE";
    case StmtKind::kGrantRole: return to<GrantRoleStmt>(s).grant ? "GRANT ROLE" : "REVOKE ROLE";
    case StmtKind::kGrant: return to<GrantStmt>(s).grant ? "GRANT" : "REVOKE";
    case StmtKind::kAlterTable: return "ALTER TABLE";
    case StmtKind::kDrop: return "DROP";
    case StmtKind::kTruncate: return "TRUNCATE TABLE";
    case StmtKind::kRename: case StmtKind::kAlterSchema: case StmtKind::kAlterOwner: return "ALTER";
    case StmtKind::kComment: return "COMMENT";
    case StmtKind::kRefreshView: return "REFRESH MATERIALIZED VIEW";
    case StmtKind::kReindex: return "REINDEX";
    case StmtKind::kCluster: return "CLUSTER";
    case StmtKind::kVacuum: return to<VacuumStmt>(s).vacuum ? "VACUUM" : "ANALYZE";
    case StmtKind::kLock: return "LOCK TABLE";
    case StmtKind::kCheckpoint: return "CHECKPOINT";
    case StmtKind::kCopy: return "COPY";
    case StmtKind::kTransaction: return "TRANSACTION";
    case StmtKind::kSet: return "SET";
    case StmtKind::kShow: return "SHOW";
    case StmtKind::kAlterSystem: return "ALTER SYSTEM";
    case StmtKind::kPrepare: return "PREPARE";
    case StmtKind::kExecute: return "EXECUTE";
    case StmtKind::kDeallocate: return "DEALLOCATE";
    case StmtKind::kExplain: return "EXPLAIN";
    case StmtKind::kDeclareCursor: return "DECLARE CURSOR";
    case StmtKind::kFetch: return to<FetchStmt>(s).move ? "MOVE" : "FETCH";
    case StmtKind::kClose: return "CLOSE CURSOR";
    case StmtKind::kDiscard: return "DISCARD";
    case StmtKind::kListen: return "LISTEN";
    case StmtKind::kUnlisten: return "UNLISTEN";
    case StmtKind::kNotify: return "NOTIFY";
    case StmtKind::kSetConstraints: return "SET CONSTRAINTS";
    case StmtKind::kUnsupported: return to<UnsupportedStmt>(s).name;
  }
  return "?";
}

std::string_view object_kind_name(ObjectKind k) {
  constexpr std::string_view names[] = {"TABLE", "COLUMN", "INDEX", "SEQUENCE", "VIEW", "MATERIALIZED VIEW", "SCHEMA", "DATABASE", "ROLE", "CONSTRAINT", "TYPE", "DOMAIN", "FUNCTION",
      "PROCEDURE", "ROUTINE", "AGGREGATE", "OPERATOR", "TRIGGER", "RULE", "EXTENSION", "TABLESPACE", "LANGUAGE", "COLLATION", "CAST", "FOREIGN TABLE", "ATTRIBUTE", "OBJECT"};
  return names[static_cast<int>(k)];
}

}  // namespace postern::ast
