#include "postgres/session/session.h"

#include <cstdio>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "common/handoff/handoff.h"
#include "common/os/process.h"
#include "postgres/catalog/catalog.h"
#include "postgres/ddl/ddl.h"
#include "postgres/exec/foreign_keys.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/redact.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/txn/interrupts.h"

namespace postern::session {

namespace {
Session* g_session = nullptr;
constexpr int64_t kPostgresEpochUs = 946684800LL * 1'000'000;
}  // namespace

int64_t now_us() { return os::wall_clock_us() - kPostgresEpochUs; }

Session* Session::current() { return g_session; }

Session::Session(Settings& settings, int client_fd, Origin origin) : settings_(settings), origin_(origin), conn_(client_fd), out_(conn_.out()) {
  g_session = this;
  txn::set_interrupt_check([] { interrupts::check(); });
  sql::set_session_services(this);
  g_session_services = this;
  exec::g_key_query = [](std::string_view sql, std::span<const Oid> types, std::span<const NullableDatum> params, bool latest) {
    return g_session->run_key_query(sql, types, params, latest);
  };
}

Session::~Session() {
  portals_.clear();
  sql::set_session_services(nullptr);
  g_session_services = nullptr;
  txn::set_interrupt_check(nullptr);
  g_session = nullptr;
}

namespace {
// What the postmaster is told of a client that was not let in.
handoff::ExitStatus refusal(const SqlError& e) {
  using handoff::ExitStatus;
  if (e.sqlstate == sqlstate::kInvalidPassword || e.sqlstate == sqlstate::kInvalidAuthorizationSpecification) return ExitStatus::kAuthFailed;
  if (e.sqlstate == sqlstate::kQueryCanceled) return ExitStatus::kAuthTimeout;
  return e.sqlstate == sqlstate::kProtocolViolation ? ExitStatus::kBadStartup : ExitStatus::kFatal;
}
}  // namespace

int Session::serve(const std::function<void()>& auth_done) {
  using handoff::ExitStatus;
  interrupts::install_handlers();
  ExitStatus status = ExitStatus::kOk;
  bool authenticated = false;
  try {
    bool go_on;
    try {
      go_on = startup();
    } catch (...) {
      auth_done();
      throw;
    }
    auth_done();
    if (!go_on) return static_cast<int>(served_cancel_ ? ExitStatus::kOk : ExitStatus::kGoneEarly);
    authenticated = true;
    loop();
    region::my_slot().state = region::SlotState::kExiting;   // no longer counted by max_connections
  } catch (SqlError& e) {
    if (e.severity < Severity::kFatal) e.severity = Severity::kFatal;
    conn_.set_on_interrupt(nullptr);
    send_error(e);
    conn_.try_flush();
    status = e.sqlstate == sqlstate::kAdminShutdown ? ExitStatus::kOk : authenticated ? ExitStatus::kFatal : refusal(e);
  } catch (ConnectionLost&) {
    if (!authenticated) status = bad_tls_ ? ExitStatus::kBadStartup : ExitStatus::kGoneEarly;
  }
  try {
    if (txn::state() != txn::State::kIdle) {
      drop_portals(true, false);
      txn::abort();
    }
    drop_portals(true, false);
    lock::release_session_locks();
    if (raw(database_) && !region::poisoned() && raw(catalog::temp_namespace(false))) {
      txn::start();
      ddl::discard_temp();
      txn::commit();
    }
  } catch (SqlError&) {
  }
  return static_cast<int>(status);
}

namespace {
// As PostgreSQL's default log_line_prefix: time and pid.
std::string log_prefix() {
  char stamp[40];
  int64_t us = os::wall_clock_us();
  auto seconds = static_cast<time_t>(us / 1'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  size_t n = std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(stamp + n, sizeof stamp - n, ".%03d UTC", static_cast<int>(us / 1000 % 1000));
  return cat(stamp, " [", os::own_pid(), "] ");
}
}  // namespace

// One write to the log, so that lines of sessions do not mix.
void Session::log_error(const SqlError& e) const {
  if (e.severity < cached_.log_min && e.severity != Severity::kLog) return;
  std::string prefix = log_prefix(), text = cat(prefix, severity_name(e.severity), ":  ", e.message, "\n");
  const std::string& detail = e.log_detail.empty() ? e.detail : e.log_detail;
  if (!detail.empty()) append(text, prefix, "DETAIL:  ", detail, "\n");
  if (!e.hint.empty()) append(text, prefix, "HINT:  ", e.hint, "\n");
  if (!e.where.empty()) append(text, prefix, "CONTEXT:  ", e.where, "\n");
  std::fputs(text.c_str(), stderr);
}

void Session::log_statement(const ast::Stmt* stmt, std::string_view how, std::string_view text) const {
  using L = Cached::LogStatement;
  if (cached_.log_statement == L::kNone || !stmt) return;
  bool ddl = ddl::is_ddl(*stmt);
  const auto* copy = ast::as<ast::CopyStmt>(stmt);
  bool mod = stmt->kind == ast::StmtKind::kInsert || stmt->kind == ast::StmtKind::kUpdate || stmt->kind == ast::StmtKind::kDelete || (copy && copy->from);
  if (cached_.log_statement == L::kAll || ddl || (mod && cached_.log_statement == L::kMod)) std::fputs(cat(log_prefix(), "LOG:  ", how, without_passwords(text), "\n").c_str(), stderr);
}

void Session::log_duration(std::string_view how, std::string_view text) const {
  if (cached_.log_min_duration_ms < 0) return;
  int64_t us = now_us() - statement_start_us_;
  if (us < cached_.log_min_duration_ms * 1000) return;
  char ms[32];
  std::snprintf(ms, sizeof ms, "%.3f", static_cast<double>(us) / 1000);
  std::fputs(cat(log_prefix(), "LOG:  duration: ", ms, " ms  ", how, without_passwords(text), "\n").c_str(), stderr);
}

void Session::send_error(const SqlError& e, char type) {
  out_.begin(type);
  auto field = [&](char code, std::string_view s) {
    if (s.empty()) return;
    out_.byte(code);
    out_.cstring(s);
  };
  field('S', severity_name(e.severity));
  field('V', severity_name(e.severity));
  field('C', e.sqlstate.view());
  field('M', e.message.empty() ? std::string_view("missing error text") : std::string_view(e.message));
  field('D', e.detail);
  field('H', e.hint);
  if (e.position > 0) field('P', cat(e.position));
  field('W', e.where);
  field('s', e.schema_name);
  field('t', e.table_name);
  field('c', e.column_name);
  field('d', e.datatype_name);
  field('n', e.constraint_name);
  out_.byte('\0');
  out_.end();
  if (type == 'E') {
    log_error(e);
  }
}

void Session::notice(const SqlError& message) {
  if (message.severity < cached_.client_min && message.severity != Severity::kInfo) return;
  send_error(message, 'N');
}

void Session::check_interrupts() { interrupts::check(); }

void Session::report_activity(std::string_view query) {
  region::ProcSlot& s = region::my_slot();
  size_t n = std::min(query.size(), sizeof s.query - 1);
  std::memcpy(s.query, query.data(), n);
  s.query[n] = '\0';
  auto t = static_cast<uint64_t>(statement_start_us_);
  s.query_start_us.store(t, std::memory_order_relaxed);
  s.state_change_us.store(t, std::memory_order_relaxed);
  s.state.store(region::SlotState::kActive, std::memory_order_relaxed);
}

void Session::start_transaction_if_needed() {
  if (txn::state() != txn::State::kIdle) return;
  txn::start();
  if (cached_.default_isolation != txn::Isolation::kReadCommitted) txn::set_isolation(cached_.default_isolation);
  if (cached_.default_read_only) txn::set_read_only(true);
  xact_start_us_ = statement_start_us_;
  region::my_slot().xact_start_us.store(static_cast<uint64_t>(xact_start_us_), std::memory_order_relaxed);
  catalog::accept_invalidations();
}

void Session::end_transaction(bool commit) {
  if (commit) {
    persist_held_cursors();
    drop_portals(true, true);
    exec::run_deferred_keys(this);
    ddl::run_on_commit();
    txn::commit();
    exec::forget_deferred_keys();
    settings_.end_level(1, true);
  } else {
    drop_portals(true, true);
    txn::abort();
    exec::forget_deferred_keys();
    settings_.end_level(1, false);
  }
  region::my_slot().xact_start_us.store(0, std::memory_order_relaxed);
}

// End of an implicit transaction: after a simple query, at Sync.
void Session::finish_implicit() {
  if (txn::state() == txn::State::kInProgress && !txn::in_block()) end_transaction(true);
}

void Session::check_failed_block(const ast::Stmt* stmt) const {
  if (txn::state() != txn::State::kFailed) return;
  if (const auto* t = ast::as<ast::TransactionStmt>(stmt)) {
    switch (t->what) {
      case ast::TransactionKind::kCommit:
      case ast::TransactionKind::kRollback:
      case ast::TransactionKind::kRollbackTo: return;
      default: break;
    }
  }
  throw SqlError{sqlstate::kInFailedSqlTransaction, "current transaction is aborted, commands ignored until end of transaction block"};
}

void Session::handle_error(SqlError& e) {
  interrupts::end_statement();
  if (e.severity >= Severity::kFatal) throw e;
  send_error(e);
  if (txn::state() != txn::State::kIdle) {
    if (txn::in_block()) {
      for (auto it = portals_.begin(); it != portals_.end();) {   // what was open cannot go on
        if (it->second->hold && it->second->stored) {
          ++it;
          continue;
        }
        if (it->second->cursor && txn::savepoint_depth() > it->second->savepoint_depth) {
          ++it;   // declared before the savepoint: usable again after ROLLBACK TO
          continue;
        }
        drop_portal(*it->second);
        it = portals_.erase(it);
      }
      txn::mark_failed();
    } else {
      end_transaction(false);
    }
  }
}

template <class F>
bool Session::run_guarded(F&& f) {
  try {
    f();
    return true;
  } catch (SqlError& e) {
    handle_error(e);
  } catch (std::bad_alloc&) {
    SqlError e{sqlstate::kOutOfMemory, "out of memory"};
    handle_error(e);
  }
  return false;
}

void Session::send_ready() {
  for (auto& [name, value] : pending_status_) send_parameter_status(name, value);
  pending_status_.clear();
  out_.begin('Z');
  out_.byte(txn::state() == txn::State::kFailed ? 'E' : txn::in_block() ? 'T' : 'I');
  out_.end();
}

void Session::idle() {
  region::ProcSlot& s = region::my_slot();
  bool in_block = txn::state() != txn::State::kIdle;
  interrupts::leave_if_asked();
  s.state.store(in_block ? region::SlotState::kIdleInTransaction : region::SlotState::kIdle, std::memory_order_relaxed);
  conn_.trim();
  int64_t ms = in_block ? cached_.idle_in_transaction_ms : cached_.idle_session_ms;
  if (ms > 0) {
    conn_.set_deadline(os::monotonic_us() + ms * 1000, in_block ? +[] {
      throw SqlError{sqlstate::kIdleInTransactionSessionTimeout, "terminating connection due to idle-in-transaction timeout"}.fatal();
    } : +[] { throw SqlError{sqlstate::kIdleSessionTimeout, "terminating connection due to idle-session timeout"}.fatal(); });
  } else {
    conn_.set_deadline(0, nullptr);
  }
}

void Session::loop() {
  send_ready();
  conn_.flush();
  idle();
  while (true) {
    if (!conn_.input_buffered() && !conn_.out().empty() && !in_extended_) conn_.flush();
    Connection::Message m = conn_.read_message();
    if (m.type == 0 || m.type == 'X') return;
    conn_.set_deadline(0, nullptr);
    if (interrupts::take_reload()) run_guarded([&] { settings_.load_site(settings_.get("data_directory")); refresh_cached(); });
    statement_start_us_ = now_us();
    if (skip_to_sync_ && m.type != 'S') continue;
    bool ok = true;
    switch (m.type) {
      case 'Q': {
        std::string text;
        ok = run_guarded([&] {
          wire::Reader r(m.body);
          std::string_view s = r.cstring();
          if (r.failed() || !r.at_end()) throw SqlError{sqlstate::kProtocolViolation, "invalid string in message"};
          text = s;   // the buffer moves when COPY reads on
          simple_query(text);
        });
        in_extended_ = false;
        send_ready();
        conn_.flush();
        idle();
        continue;
      }
      case 'S':
        skip_to_sync_ = false;
        in_extended_ = false;
        run_guarded([&] { finish_implicit(); });
        interrupts::end_statement();
        send_ready();
        conn_.flush();
        idle();
        continue;
      case 'P': in_extended_ = true; ok = run_guarded([&] { parse_message(m.body); }); break;
      case 'B': in_extended_ = true; ok = run_guarded([&] { bind_message(m.body); }); break;
      case 'D': in_extended_ = true; ok = run_guarded([&] { describe_message(m.body); }); break;
      case 'E': in_extended_ = true; ok = run_guarded([&] { execute_message(m.body); }); break;
      case 'C': in_extended_ = true; ok = run_guarded([&] { close_message(m.body); }); break;
      case 'H': conn_.flush(); break;
      case 'F':
        run_guarded([&] { throw_unsupported("the function call message"); });
        send_ready();
        conn_.flush();
        break;
      case 'd': case 'c': case 'f': break;   // left over from a COPY that failed
      default:
        throw SqlError{sqlstate::kProtocolViolation, cat("invalid frontend message type ", static_cast<int>(static_cast<unsigned char>(m.type)))}.fatal();
    }
    if (!ok) skip_to_sync_ = true;
    conn_.flush_if_large();
  }
}

}  // namespace postern::session
