// Statements about the session itself: transactions, SET/SHOW, PREPARE/EXECUTE, EXPLAIN, cursors, DISCARD. The rest goes to ddl.
#include <algorithm>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "postgres/catalog/schema.h"
#include "postgres/ddl/ddl.h"
#include "postgres/exec/foreign_keys.h"
#include "postgres/region/region.h"
#include "postgres/session/session.h"
#include "postgres/session/utility_text.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/wal/wal.h"

namespace postern::session {

namespace {

void add_text_row(Portal& portal, std::initializer_list<std::string_view> values) {
  std::vector<NullableDatum> row;
  for (std::string_view v : values) row.push_back({make_bytes(portal.arena, v), false});
  portal.store.push_back(std::move(row));
}

bool option_bool(const ast::DefElem& d) {
  switch (d.kind) {
    case ast::DefKind::kNone: return true;
    case ast::DefKind::kBool:
    case ast::DefKind::kInt: return d.ival != 0;
    default: {
      bool b;
      std::string_view text = d.kind == ast::DefKind::kTypeName || d.kind == ast::DefKind::kNames ? (d.names.empty() ? std::string_view{} : d.names.back()) : d.text;
      if (!parse_bool_setting(text, &b)) throw SqlError{sqlstate::kSyntaxError, cat(d.name, " requires a Boolean value")};
      return b;
    }
  }
}

std::string_view option_text(const ast::DefElem& d) {
  return d.kind == ast::DefKind::kTypeName || d.kind == ast::DefKind::kNames ? (d.names.empty() ? std::string_view{} : d.names.back()) : d.text;
}

txn::Isolation isolation_of(std::string_view s) {
  if (s == "read committed" || s == "read uncommitted") return txn::Isolation::kReadCommitted;
  if (s == "repeatable read") return txn::Isolation::kRepeatableRead;
  if (s == "serializable") throw_unsupported("transaction isolation level SERIALIZABLE");
  throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid value for parameter \"transaction_isolation\": \"", s, "\"")};
}

}  // namespace

// Text is not converted: UTF8 only, or SQL_ASCII, which asks for no conversion.
std::string client_encoding_name(std::string_view value) {
  std::string e;
  for (char c : value)
    if (std::isalnum(static_cast<unsigned char>(c))) e += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (e != "UTF8" && e != "UNICODE" && e != "SQLASCII") throw_unsupported(cat("client encoding ", value));
  return e == "SQLASCII" ? "SQL_ASCII" : "UTF8";
}

void Session::require_superuser(std::string_view what) {
  if (!catalog::is_superuser(user_)) throw SqlError{sqlstate::kInsufficientPrivilege, cat("must be superuser to ", what)};
}

void Session::run_utility(Portal& portal) {
  const ast::Stmt& stmt = *portal.prepared->stmt;
  switch (stmt.kind) {
    case ast::StmtKind::kTransaction: return run_transaction(stmt, portal);
    case ast::StmtKind::kSet: return run_set(stmt, portal);
    case ast::StmtKind::kShow: return run_show(ast::to<ast::ShowStmt>(stmt).name, portal);
    case ast::StmtKind::kAlterSystem: return run_alter_system(stmt, portal);
    case ast::StmtKind::kExplain: return run_explain(stmt, portal);
    case ast::StmtKind::kPrepare: return run_prepare(stmt, portal);
    case ast::StmtKind::kExecute: return run_execute(stmt, portal);
    case ast::StmtKind::kDeallocate: {
      std::string name(ast::to<ast::DeallocateStmt>(stmt).name);
      if (name.empty()) {
        prepared_.clear();
        portal.tag = "DEALLOCATE ALL";
        return;
      }
      if (!prepared_.erase(name)) throw SqlError{sqlstate::kInvalidSqlStatementName, cat("prepared statement \"", name, "\" does not exist")};
      portal.tag = "DEALLOCATE";
      return;
    }
    case ast::StmtKind::kDeclareCursor: return run_declare(stmt, portal);
    case ast::StmtKind::kFetch: return run_fetch(stmt, portal);
    case ast::StmtKind::kClose: {
      std::string name(ast::to<ast::CloseStmt>(stmt).name);
      if (name.empty()) {
        for (auto it = portals_.begin(); it != portals_.end();) {
          if (!it->second->cursor) { ++it; continue; }
          drop_portal(*it->second);
          it = portals_.erase(it);
        }
        portal.tag = "CLOSE CURSOR ALL";
        return;
      }
      auto it = portals_.find(name);
      if (it == portals_.end() || it->second.get() == &portal) throw SqlError{sqlstate::kInvalidCursorName, cat("cursor \"", name, "\" does not exist")};
      drop_portal(*it->second);
      portals_.erase(it);
      portal.tag = "CLOSE CURSOR";
      return;
    }
    case ast::StmtKind::kDiscard: return run_discard(stmt, portal);
    case ast::StmtKind::kCopy: return run_copy(stmt, portal);
    case ast::StmtKind::kSetConstraints: return run_set_constraints(stmt, portal);
    case ast::StmtKind::kUnlisten: portal.tag = "UNLISTEN"; return;   // nothing can be listened to yet
    case ast::StmtKind::kListen:
    case ast::StmtKind::kNotify: throw_unsupported(ast::stmt_name(stmt));
    case ast::StmtKind::kUnsupported: throw_unsupported(ast::to<ast::UnsupportedStmt>(stmt).name);
    default: break;
  }
  if (!ddl::is_ddl(stmt)) throw_unsupported(ast::stmt_name(stmt));
  if (txn::read_only() && stmt.kind != ast::StmtKind::kVacuum && stmt.kind != ast::StmtKind::kLock && stmt.kind != ast::StmtKind::kCheckpoint)
    throw SqlError{sqlstate::kReadOnlySqlTransaction, cat("cannot execute ", ast::stmt_name(stmt), " in a read-only transaction")};
  ddl::UtilityContext cx;
  cx.services = this;
  cx.arena = &portal.arena;
  cx.query_text = portal.prepared->text;
  cx.in_transaction_block = txn::in_block();
  cx.maintenance_work_mem_bytes = cached_.maintenance_work_mem_bytes;
  Prepared& outer = *portal.prepared;
  cx.run_query = [&](const ast::Stmt& query, const std::function<void(const exec::Batch&)>& sink) { return run_query_into(outer, query, sink, nullptr); };
  cx.describe_execute = [&](const ast::ExecuteStmt& e) {
    std::vector<ddl::UtilityContext::Column> out;
    for (const ResultColumn& c : describe_columns(*find_prepared(e.name))) out.push_back({std::string(c.name), c.type, c.typmod});
    return out;
  };
  portal.tag = ddl::execute(stmt, cx);
}

void Session::run_set_constraints(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::SetConstraintsStmt>(stmt);
  portal.tag = "SET CONSTRAINTS";
  if (!txn::in_block()) {
    SqlError w{sqlstate::kNoActiveSqlTransaction, "SET CONSTRAINTS can only be used in transaction blocks"};
    w.severity = Severity::kWarning;
    notice(w);
  }
  std::vector<Oid> oids;
  namespace c = catalog::pg_constraint;
  Arena arena;
  for (const ast::RangeVar* r : s.constraints) {
    bool found = false;
    for (const catalog::CatalogRow& row : catalog::scan(c::kTable, kInvalidOid, {}, arena)) {
      if (row.text(c::conname) != r->name) continue;
      if (!r->schema.empty() && catalog::namespace_name(row.oid(c::connamespace)) != r->schema) continue;
      if (row.letter(c::contype) != 'f' || !row.flag(c::condeferrable)) throw SqlError{sqlstate::kWrongObjectType, cat("constraint \"", r->name, "\" is not deferrable")};
      oids.push_back(row.oid(c::oid));
      found = true;
    }
    if (!found) throw SqlError{sqlstate::kUndefinedObject, cat("constraint \"", r->name, "\" does not exist")};
  }
  exec::set_constraint_mode(oids, s.deferred, this);
}

// Queries of foreign keys: planned once per text, run under a snapshot that sees what this transaction has done so far.
uint64_t Session::run_key_query(std::string_view text, std::span<const Oid> types, std::span<const NullableDatum> params, bool latest) {
  PreparedRef& p = key_statements_[std::string(text)];
  if (!p) p = prepare({}, text, nullptr, {types.begin(), types.end()}, false);
  Portal portal;
  portal.prepared = p;
  portal.params.assign(params.begin(), params.end());
  portal.plan = choose_plan(*p, portal.params);   // whoever runs the statement need not be allowed to read the other table
  portal.started = true;
  bool changes = portal.plan->stmt->command != sql::Command::kSelect;
  portal.snapshot = latest ? txn::catalog_snapshot() : txn::statement_snapshot();
  portal.snapshot_handle = txn::register_snapshot(portal.snapshot);
  exec::ExecSettings es;
  es.work_mem_bytes = cached_.work_mem_bytes;
  uint64_t n = 0;
  try {
    portal.run = std::make_unique<exec::Execution>(*portal.plan->stmt, portal.params, portal.snapshot, this, es);
    while (fetch_batch(portal)) {
      n += portal.batch.rows.count;
      if (!changes) break;
    }
    if (changes) {
      n = portal.run->affected_rows();
      txn::next_command();
    }
  } catch (...) {
    drop_portal(portal);
    throw;
  }
  drop_portal(portal);
  return n;
}

void Session::run_transaction(const ast::Stmt& stmt, Portal& portal) {
  const auto& t = ast::to<ast::TransactionStmt>(stmt);
  using K = ast::TransactionKind;
  auto warn = [&](SqlState state, std::string message) {
    SqlError w{state, std::move(message)};
    w.severity = Severity::kWarning;
    notice(w);
  };
  auto chain = [&](txn::Isolation iso, bool ro) {
    txn::start();
    txn::begin_block(iso, ro, false);
  };
  auto require_block = [&](const char* what) {
    if (!txn::in_block()) throw SqlError{sqlstate::kNoActiveSqlTransaction, cat(what, " can only be used in transaction blocks")};
  };
  switch (t.what) {
    case K::kBegin:
    case K::kStart: {
      portal.tag = t.what == K::kBegin ? "BEGIN" : "START TRANSACTION";
      txn::Isolation iso = isolation_of(settings_.get("default_transaction_isolation"));
      bool ro = settings_.get_bool("default_transaction_read_only"), deferrable = settings_.get_bool("default_transaction_deferrable");
      for (const ast::DefElem* d : t.options) {
        if (d->name == "transaction_isolation") iso = isolation_of(d->text);
        else if (d->name == "transaction_read_only") ro = d->ival != 0;
        else if (d->name == "transaction_deferrable") deferrable = d->ival != 0;
      }
      if (txn::in_block()) {
        warn(sqlstate::kActiveSqlTransaction, "there is already a transaction in progress");
        return;
      }
      txn::begin_block(iso, ro, deferrable);
      return;
    }
    case K::kCommit: {
      bool failed = txn::state() == txn::State::kFailed;
      portal.tag = failed ? "ROLLBACK" : "COMMIT";
      if (!txn::in_block()) {
        if (t.chain) require_block("COMMIT AND CHAIN");
        warn(sqlstate::kNoActiveSqlTransaction, "there is no transaction in progress");
      }
      txn::Isolation iso = txn::isolation();
      bool ro = txn::read_only();
      try {
        end_transaction(!failed);
      } catch (SqlError&) {
        if (txn::state() != txn::State::kIdle) end_transaction(false);
        throw;
      }
      if (t.chain) chain(iso, ro);
      return;
    }
    case K::kRollback: {
      portal.tag = "ROLLBACK";
      if (!txn::in_block()) {
        if (t.chain) require_block("ROLLBACK AND CHAIN");
        warn(sqlstate::kNoActiveSqlTransaction, "there is no transaction in progress");
      }
      txn::Isolation iso = txn::isolation();
      bool ro = txn::read_only();
      end_transaction(false);
      if (t.chain) chain(iso, ro);
      return;
    }
    case K::kSavepoint:
      require_block("SAVEPOINT");
      txn::define_savepoint(t.savepoint);
      portal.tag = "SAVEPOINT";
      return;
    case K::kRelease: {
      require_block("RELEASE SAVEPOINT");
      txn::release_savepoint(t.savepoint);
      settings_.end_level(txn::savepoint_depth() + 2, true);
      for (auto& [name, p] : portals_) p->savepoint_depth = std::min(p->savepoint_depth, txn::savepoint_depth());
      portal.tag = "RELEASE";
      return;
    }
    case K::kRollbackTo: {
      require_block("ROLLBACK TO SAVEPOINT");
      txn::rollback_to(t.savepoint);
      int depth = txn::savepoint_depth();   // the savepoint itself stays
      settings_.end_level(depth + 1, false);
      for (auto it = portals_.begin(); it != portals_.end();) {
        Portal& p = *it->second;
        if (&p == active_portal_ || p.savepoint_depth < depth) { ++it; continue; }
        drop_portal(p);
        it = portals_.erase(it);
      }
      catalog::accept_invalidations();
      portal.tag = "ROLLBACK";
      return;
    }
    case K::kPrepare:
    case K::kCommitPrepared:
    case K::kRollbackPrepared: throw_unsupported("two-phase commit (PREPARE TRANSACTION)");
  }
}

void Session::run_set(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::SetStmt>(stmt);
  portal.tag = s.what == ast::SetKind::kReset || s.what == ast::SetKind::kResetAll ? "RESET" : "SET";
  int level = txn::savepoint_depth() + 1;
  auto transaction_option = [&](const ast::DefElem& d, bool session) {
    if (session) {
      std::string v = d.name == "transaction_isolation" ? std::string(d.text) : d.ival ? "on" : "off";
      settings_.set(cat("default_", d.name), &v, false, level);
    } else if (d.name == "transaction_isolation") {
      txn::set_isolation(isolation_of(d.text));
    } else if (d.name == "transaction_read_only") {
      txn::set_read_only(d.ival != 0);
    }
  };
  switch (s.what) {
    case ast::SetKind::kMulti: {
      if (s.name == "TRANSACTION SNAPSHOT") throw_unsupported("SET TRANSACTION SNAPSHOT");
      bool session = s.name == "SESSION CHARACTERISTICS";
      if (!session && !txn::in_block()) {
        SqlError w{sqlstate::kNoActiveSqlTransaction, "SET TRANSACTION can only be used in transaction blocks"};
        w.severity = Severity::kWarning;
        notice(w);
      }
      for (const ast::DefElem* d : s.options) transaction_option(*d, session);
      return;
    }
    case ast::SetKind::kResetAll: settings_.reset_all(level); return;
    case ast::SetKind::kCurrent: return;
    default: break;
  }
  std::string name(s.name);
  const SettingDef* d = find_setting(name);
  bool reset = s.what == ast::SetKind::kReset || s.what == ast::SetKind::kDefault;
  std::string value = reset ? std::string() : set_value_text(s);
  if (s.local && !txn::in_block()) {
    SqlError w{sqlstate::kNoActiveSqlTransaction, "SET LOCAL can only be used in transaction blocks"};
    w.severity = Severity::kWarning;
    notice(w);
  }
  set_variable(name, d, reset ? nullptr : &value, s.local);
}

void Session::set_variable(std::string_view name, const SettingDef* d, const std::string* value, bool local) {
  int level = txn::savepoint_depth() + 1;
  if (d) {
    std::string_view n = d->name;
    if (d->context <= SettingContext::kInternal) throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", n, "\" cannot be changed")};
    if (d->context == SettingContext::kPostmaster) throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", n, "\" cannot be changed without restarting the server")};
    if (d->context == SettingContext::kSighup) throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", n, "\" cannot be changed now")};
    if (d->context == SettingContext::kBackend || d->context == SettingContext::kSuperuserBackend)
      throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", n, "\" cannot be set after connection start")};
    if (d->context == SettingContext::kSuperuser && !catalog::is_superuser(user_)) throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied to set parameter \"", n, "\"")};
    if (n == "transaction_isolation") return txn::set_isolation(isolation_of(value ? *value : settings_.get("default_transaction_isolation")));
    if (n == "transaction_read_only") return txn::set_read_only(value && canonical_setting(*d, *value) == "on");
    if (n == "role" || n == "session_authorization") return set_role(n, value, local);
    // Values that need more than the table to be checked.
    if (value) {
      TimeSettings t = cached_.time;
      auto bad = [&] { throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid value for parameter \"", n, "\": \"", *value, "\"")}; };
      if (n == "DateStyle") {
        if (!set_date_style(t, *value)) bad();
        std::string canonical = date_style_text(t);
        return settings_.set(name, &canonical, local, level);
      }
      if (n == "TimeZone" && !set_time_zone(t, *value)) bad();
      if (n == "client_encoding") {
        std::string encoding = client_encoding_name(*value);
        return settings_.set(name, &encoding, local, level);
      }
    }
  }
  settings_.set(name, value, local, level);
}

void Session::set_role(std::string_view setting, const std::string* value, bool local) {
  bool session = setting == "session_authorization";
  std::string name = value ? *value : session ? user_name_ : "none";
  int level = txn::savepoint_depth() + 1;
  if (session || name != "none") {
    auto r = catalog::find_role(name);
    if (!r) throw SqlError{sqlstate::kInvalidParameterValue, cat("role \"", name, "\" does not exist")};
    if (session && r->oid != login_user_ && !catalog::is_superuser(login_user_)) throw SqlError{sqlstate::kInsufficientPrivilege, "permission denied to set session authorization"};
    if (!session && !catalog::is_superuser(session_user_) && !catalog::has_membership_path(session_user_, r->oid))
      throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied to set role \"", name, "\"")};
    roles_[name] = r->oid;
  }
  if (session) {
    std::string none = "none";
    settings_.set("role", &none, local, level);
  }
  settings_.set(setting, &name, local, level);
  adopt_roles();
  std::string super = catalog::is_superuser(user_) ? "on" : "off";
  settings_.set("is_superuser", &super, local, level);
}

void Session::adopt_roles() {
  auto known = [&](const char* setting) {
    auto it = roles_.find(settings_.get(setting));
    return it == roles_.end() ? Oid{0} : it->second;
  };
  if (Oid r = known("session_authorization"); raw(r)) session_user_ = r;
  Oid role = known("role");
  user_ = raw(role) ? role : session_user_;
  catalog::set_user(user_);
}

void Session::run_show(std::string_view name, Portal& portal) {
  portal.tag = "SHOW";
  portal.stored = true;
  if (name == "all") {
    portal.columns = {{"name", oid::kText}, {"setting", oid::kText}, {"description", oid::kText}};
    for (const SettingDef& d : setting_defs()) add_text_row(portal, {d.name, settings_.show(d.name), ""});
    return;
  }
  std::string_view shown = name;
  if (const SettingDef* d = find_setting(name)) shown = d->name;
  portal.columns = {{portal.arena.copy(shown), oid::kText}};
  add_text_row(portal, {setting(name, false)});
}

std::string Session::setting(std::string_view name, bool missing_ok) {
  if (missing_ok && !settings_.known(name)) return {};
  const SettingDef* d = find_setting(name);
  std::string_view n = d ? std::string_view(d->name) : name;
  if (n == "transaction_isolation") {
    txn::Isolation iso = txn::isolation();
    return iso == txn::Isolation::kReadCommitted ? "read committed" : iso == txn::Isolation::kRepeatableRead ? "repeatable read" : "serializable";
  }
  if (n == "transaction_read_only") return txn::read_only() ? "on" : "off";
  return settings_.show(name);
}

void Session::set_setting(std::string_view name, std::string_view value, bool local) {
  std::string v(value);
  set_variable(name, find_setting(name), &v, local);
}

void Session::run_alter_system(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = *ast::to<ast::AlterSystemStmt>(stmt).set;
  require_superuser("execute ALTER SYSTEM command");
  if (txn::in_block()) throw SqlError{sqlstate::kActiveSqlTransaction, "ALTER SYSTEM cannot run inside a transaction block"};
  write_auto_conf(settings_.get("data_directory"), s);
  portal.tag = "ALTER SYSTEM";
}

PreparedRef Session::find_prepared(std::string_view name) {
  auto it = prepared_.find(std::string(name));
  if (it == prepared_.end()) throw SqlError{sqlstate::kInvalidSqlStatementName, cat("prepared statement \"", name, "\" does not exist")};
  return it->second;
}

PreparedRef Session::wrap(const Prepared& outer, const ast::Stmt* stmt) {
  auto p = std::make_shared<Prepared>();
  p->text = outer.text;
  p->stmt = stmt;
  p->plannable = stmt->kind == ast::StmtKind::kSelect || stmt->kind == ast::StmtKind::kInsert || stmt->kind == ast::StmtKind::kUpdate || stmt->kind == ast::StmtKind::kDelete;
  p->params.types = outer.params.types;
  return p;
}

uint64_t Session::run_query_into(const Prepared& outer, const ast::Stmt& query, const std::function<void(const exec::Batch&)>& sink, const std::function<void(std::span<const ResultColumn>)>& head) {
  Portal local;
  Portal* portal = &local;
  if (query.kind == ast::StmtKind::kExecute) {
    const auto& e = ast::to<ast::ExecuteStmt>(query);
    portal->prepared = find_prepared(e.name);
    portal->params = execute_params(*portal->prepared, e.params, portal->arena);
  } else {
    portal->prepared = wrap(outer, &query);
  }
  start_portal(*portal);
  if (head) head(portal->columns);
  uint64_t n = 0;
  while (fetch_batch(*portal)) {
    n += portal->batch.rows.count;
    sink(portal->batch);
  }
  if (portal->columns.empty()) n = portal->run->affected_rows();
  drop_portal(*portal);
  return n;
}

void Session::run_prepare(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::PrepareStmt>(stmt);
  std::string name(s.name);
  if (prepared_.contains(name)) throw SqlError{sqlstate::kDuplicatePstatement, cat("prepared statement \"", name, "\" already exists")};
  std::vector<Oid> types;
  for (const ast::TypeName* t : s.arg_types) {
    int32_t typmod;
    types.push_back(sql::resolve_type(*t, &typmod));
  }
  // The statement keeps its own parse of the whole text, since this portal's arena ends soon.
  auto p = std::make_shared<Prepared>();
  p->text = portal.prepared->text;
  auto list = sql::parse(p->text, p->arena);
  const ast::PrepareStmt* mine = nullptr;
  for (auto& item : list)
    if (const auto* c = ast::as<ast::PrepareStmt>(static_cast<const ast::Stmt*>(item.stmt)); c && c->name == s.name && c->position == s.position) mine = c;
  if (!mine) throw_internal("prepared statement lost");
  p->name = name;
  p->stmt = mine->query;
  p->plannable = wrap(*p, mine->query)->plannable;
  p->from_sql = true;
  p->fixed_result = true;
  p->prepare_time = now_us();
  p->params.types = types;
  p->params.deduce = true;
  if (p->plannable) p->generic = make_plan(*p, {});
  for (size_t i = 0; i < p->params.types.size(); i++)
    if (raw(p->params.types[i]) == 0) throw SqlError{sqlstate::kIndeterminateDatatype, cat("could not determine data type of parameter $", i + 1)};
  prepared_[name] = p;
  portal.tag = "PREPARE";
}

std::vector<NullableDatum> Session::execute_params(Prepared& target, std::span<ast::Expr* const> args, Arena& arena) {
  if (args.size() != target.params.types.size())
    throw SqlError{sqlstate::kSyntaxError, cat("wrong number of parameters for prepared statement \"", target.name, "\""),
                   cat("Expected ", target.params.types.size(), " parameters but got ", args.size(), ".")};
  std::vector<NullableDatum> out;
  for (size_t i = 0; i < args.size(); i++) {
    sql::Expr* e = sql::analyze_expression(*args[i], nullptr, target.params.types[i], -1, arena, sql::ExpressionUse::kExecute);
    exec::CompiledExpr c(*e, this);
    NullableDatum v = c.eval_const(arena);
    if (!v.null) {
      const TypeInfo* t = find_type(target.params.types[i]);
      if (!t || !t->by_value) v.value = make_bytes(arena, as_view(v.value));
    }
    out.push_back(v);
  }
  return out;
}

void Session::run_execute(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::ExecuteStmt>(stmt);
  PreparedRef target = find_prepared(s.name);
  Portal inner;
  inner.prepared = target;
  inner.params = execute_params(*target, s.params, inner.arena);
  if (!target->plannable) {
    inner.started = true;
    run_utility(inner);
    portal.columns = inner.columns;
    portal.tag = inner.tag;
    for (auto& row : inner.store) {
      std::vector<NullableDatum> r = row;
      for (size_t c = 0; c < r.size(); c++)
        if (!r[c].null) r[c].value = make_bytes(portal.arena, as_view(r[c].value));
      portal.store.push_back(std::move(r));
    }
    portal.stored = true;
    return;
  }
  // The portal itself becomes the statement's portal.
  portal.params = execute_params(*target, s.params, portal.arena);
  portal.prepared = target;
  portal.started = false;
  start_portal(portal);
}

Oid Session::explain_type(const ast::Stmt& stmt) {
  for (const ast::DefElem* d : ast::to<ast::ExplainStmt>(stmt).options)
    if (d->name == "format" && option_text(*d) == "json") return oid::kJson;
  return oid::kText;
}

void Session::run_explain(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::ExplainStmt>(stmt);
  exec::ExplainOptions o;
  bool timing_set = false, summary_set = false;
  for (const ast::DefElem* d : s.options) {
    if (d->name == "analyze") o.analyze = option_bool(*d);
    else if (d->name == "verbose") o.verbose = option_bool(*d);
    else if (d->name == "costs") o.costs = option_bool(*d);
    else if (d->name == "buffers") o.buffers = option_bool(*d);
    else if (d->name == "timing") o.timing = option_bool(*d), timing_set = true;
    else if (d->name == "summary") o.summary = option_bool(*d), summary_set = true;
    else if (d->name == "settings") o.settings = option_bool(*d);
    else if (d->name == "wal") o.wal = option_bool(*d);
    else if (d->name == "format") {
      std::string_view f = option_text(*d);
      if (f == "text") o.format = exec::ExplainOptions::kText;
      else if (f == "json") o.format = exec::ExplainOptions::kJson;
      else if (f == "xml" || f == "yaml") throw_unsupported(cat("EXPLAIN (FORMAT ", f, ")"));
      else throw SqlError{sqlstate::kInvalidParameterValue, cat("unrecognized value for EXPLAIN option \"format\": \"", f, "\""), {}, {}, d->position};
    } else throw SqlError{sqlstate::kSyntaxError, cat("unrecognized EXPLAIN option \"", d->name, "\""), {}, {}, d->position};
  }
  if (!summary_set) o.summary = o.analyze;
  if (o.wal && !o.analyze) throw SqlError{sqlstate::kInvalidParameterValue, "EXPLAIN option WAL requires ANALYZE"};
  if (timing_set && o.timing && !o.analyze) throw SqlError{sqlstate::kInvalidParameterValue, "EXPLAIN option TIMING requires ANALYZE"};
  Portal inner;
  const ast::Stmt* query = s.query;
  if (const auto* e = ast::as<ast::ExecuteStmt>(query)) {
    inner.prepared = find_prepared(e->name);
    inner.params = execute_params(*inner.prepared, e->params, inner.arena);
  } else {
    if (const auto* c = ast::as<ast::DeclareCursorStmt>(query)) query = c->query;
    if (const auto* c = ast::as<ast::CreateTableAsStmt>(query)) query = c->query;
    inner.prepared = wrap(*portal.prepared, query);
  }
  if (!inner.prepared->plannable) throw_unsupported(cat("EXPLAIN of ", ast::stmt_name(*query)));
  inner.params.insert(inner.params.end(), inner.params.empty() ? portal.params.begin() : portal.params.end(), portal.params.end());
  int64_t t0 = os::monotonic_us();
  // The first executions of a prepared statement are planned with their values, as PostgreSQL does; EXPLAIN shows such a plan.
  inner.plan = inner.params.empty() || cached_.force_generic_plan ? plan_for(*inner.prepared, inner.params) : permitted(make_plan(*inner.prepared, inner.params));
  double planning = static_cast<double>(os::monotonic_us() - t0) / 1000, execution = 0;
  std::vector<std::string> lines;
  if (o.analyze) {
    inner.started = true;
    inner.snapshot = txn::statement_snapshot();
    inner.snapshot_handle = txn::register_snapshot(inner.snapshot);
    exec::ExecSettings es;
    es.work_mem_bytes = cached_.work_mem_bytes;
    es.instrument = true;
    es.timing = o.timing;
    int64_t t1 = os::monotonic_us();
    inner.run = std::make_unique<exec::Execution>(*inner.plan->stmt, inner.params, inner.snapshot, this, es);
    while (fetch_batch(inner)) {}
    execution = static_cast<double>(os::monotonic_us() - t1) / 1000;
    lines = exec::explain(*inner.plan->stmt, inner.run.get(), o, planning, execution);
  } else {
    lines = exec::explain(*inner.plan->stmt, nullptr, o, planning, 0);
  }
  drop_portal(inner);
  portal.columns = {{"QUERY PLAN", o.format == exec::ExplainOptions::kJson ? oid::kJson : oid::kText}};
  if (o.format == exec::ExplainOptions::kJson) {
    std::string all;
    for (size_t i = 0; i < lines.size(); i++) append(all, i ? "\n" : "", lines[i]);
    add_text_row(portal, {all});
  } else {
    for (const std::string& l : lines) add_text_row(portal, {l});
  }
  portal.stored = true;
  portal.tag = "EXPLAIN";
}

void Session::run_discard(const ast::Stmt& stmt, Portal& portal) {
  switch (ast::to<ast::DiscardStmt>(stmt).what) {
    case ast::DiscardKind::kAll: {
      if (txn::in_block()) throw SqlError{sqlstate::kActiveSqlTransaction, "DISCARD ALL cannot run inside a transaction block"};
      for (auto it = portals_.begin(); it != portals_.end();) {
        if (it->second.get() == active_portal_) { ++it; continue; }
        drop_portal(*it->second);
        it = portals_.erase(it);
      }
      set_role("session_authorization", nullptr, false);
      settings_.reset_all(1);
      prepared_.clear();
      by_text_.clear();
      lock::release_session_locks();
      ddl::discard_temp();
      ddl::discard_sequences();
      portal.tag = "DISCARD ALL";
      return;
    }
    case ast::DiscardKind::kPlans:
      for (auto& [name, p] : prepared_) p->generic.reset();
      by_text_.clear();
      portal.tag = "DISCARD PLANS";
      return;
    case ast::DiscardKind::kSequences: ddl::discard_sequences(); portal.tag = "DISCARD SEQUENCES"; return;
    case ast::DiscardKind::kTemp: ddl::discard_temp(); portal.tag = "DISCARD TEMP"; return;
  }
}

}  // namespace postern::session
