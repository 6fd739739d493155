// Utility statements that change or inspect objects: CREATE/ALTER/DROP …, TRUNCATE, VACUUM, ANALYZE, LOCK, COMMENT, GRANT. Everything transactional except CREATE/DROP DATABASE
// and VACUUM, which refuse a transaction block (25001). Statements about the session itself (SET, BEGIN, PREPARE, cursors, COPY, EXPLAIN) are session's.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "postgres/exec/exec.h"
#include "postgres/sql/analyze/analyze.h"

namespace postern {
struct FnTables;
}
namespace postern::ast {
struct ExecuteStmt;
}
namespace postern::ddl {

struct UtilityContext {
  SessionServices* services = nullptr;
  Arena* arena = nullptr;                  // statement arena
  std::string_view query_text;
  bool in_transaction_block = false;
  // Runs a query's rows into a sink: CREATE TABLE AS, REFRESH … given by session.
  std::function<uint64_t(const ast::Stmt& query, const std::function<void(const exec::Batch&)>& sink)> run_query;
  struct Column { std::string name; Oid type; int32_t typmod; };
  std::function<std::vector<Column>(const ast::ExecuteStmt&)> describe_execute;   // the columns that EXECUTE gives
  size_t maintenance_work_mem_bytes = 64 << 20;
};

// True if stmt is one of ours.
bool is_ddl(const ast::Stmt& stmt);
// Executes it and returns the command tag ("CREATE TABLE", "SELECT 5" for CREATE TABLE AS …).
std::string execute(const ast::Stmt& stmt, UtilityContext& cx);

// Makes a new site (initdb): directories, WAL, catalogs of template1, then copies to template0 and postgres. The process must be attached to nothing. Durable when it returns.
struct BootstrapOptions { std::string site; std::string superuser; std::string password_hash; std::string encoding = "UTF8", locale = "C.UTF-8"; std::string auth_method; };
void bootstrap_site(const BootstrapOptions& options, bool allow_root_for_tests = false);

// Sequences (also used by functions nextval …).
int64_t nextval(Oid sequence);
int64_t currval(Oid sequence);             // 55000 when not yet called in this session
int64_t setval(Oid sequence, int64_t value, bool is_called);
int64_t lastval();
void discard_sequences();                  // DISCARD SEQUENCES
void run_on_commit();                      // ON COMMIT DELETE ROWS and DROP of temporary tables: call as the last thing before a commit
void discard_temp();                       // DISCARD TEMP and the end of a session: drops its temporary objects (needs a transaction)
extern const FnTables kDdlFns;             // nextval & co, for main to join with the others
extern const FnTables kDefinitionFns;      // pg_get_viewdef & co

// Workers' bodies.
void vacuum_relation(Oid rel, bool analyze, bool vacuum, bool verbose);
int autovacuum_pass(Oid database);         // one round over the connected database; returns relations processed

}  // namespace postern::ddl
