// One client session: startup, the message loop, and the services that SQL functions ask of it.
//
// States of the loop:  startup -> ready -> (simple query | extended messages … Sync) -> ready … -> end.
// After an error in an extended message everything up to Sync is skipped. All errors of a statement are caught in one place, run_guarded().
#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/error.h"
#include "common/settings/settings.h"
#include "postgres/session/authentication.h"
#include "postgres/session/connection.h"
#include "postgres/session/statement.h"
#include "postgres/types/datetime.h"
#include "postgres/types/session_services.h"

namespace postern::ast { struct CopyStmt; struct Stmt; }

namespace postern::session {

struct CopyOptions;

// Values of settings that are looked at on every statement, refreshed when a setting changes.
struct Cached {
  TimeSettings time;
  int extra_float_digits = 1;
  bool bytea_hex = true;
  int64_t statement_timeout_ms = 0, lock_timeout_ms = 0, idle_in_transaction_ms = 0, idle_session_ms = 0;
  Severity client_min = Severity::kNotice, log_min = Severity::kWarning;
  txn::Isolation default_isolation = txn::Isolation::kReadCommitted;   // of implicit transactions; BEGIN reads the settings
  bool default_read_only = false;
  enum class LogStatement : uint8_t { kNone, kDdl, kMod, kAll } log_statement = LogStatement::kNone;
  bool force_custom_plan = false, force_generic_plan = false;   // plan_cache_mode
  int64_t log_min_duration_ms = -1;
  size_t work_mem_bytes = 4 << 20, maintenance_work_mem_bytes = 64 << 20;
  sql::PlannerSettings planner;
};

std::string client_encoding_name(std::string_view value);   // canonical; 0A000

class Session final : public SessionServices {
 public:
  Session(Settings& settings, int client_fd, Origin origin);
  ~Session() override;

  // Serves the client until it ends. auth_done is called once the client is authenticated (or refused). Returns the process's exit status.
  int serve(const std::function<void()>& auth_done);
  // Tells a client that cannot be served (no slot) why, after reading its startup packet.
  static void refuse(int client_fd, const SqlError& why);

  // SessionServices
  int64_t transaction_start_us() override { return xact_start_us_; }
  int64_t statement_start_us() override { return statement_start_us_; }
  const TimeSettings& time_settings() override { return cached_.time; }
  int extra_float_digits() override { return cached_.extra_float_digits; }
  bool bytea_output_hex() override { return cached_.bytea_hex; }
  std::string setting(std::string_view name, bool missing_ok) override;
  void set_setting(std::string_view name, std::string_view value, bool local) override;
  void check_interrupts() override;
  void notice(const SqlError& message) override;
  std::string reg_out(Oid reg_type, Oid value) override;
  Oid reg_in(Oid reg_type, std::string_view text, bool missing_ok) override;
  Oid user() override { return user_; }
  Oid session_user() override { return session_user_; }
  Oid database() override { return database_; }
  uint64_t random64() override;
  void seed_random(uint64_t seed) { random_state_ = seed; }

  Settings& settings() { return settings_; }
  void log_error(const SqlError& e) const;
  const std::map<std::string, PreparedRef>& prepared_statements() const { return prepared_; }
  const std::map<std::string, std::unique_ptr<Portal>>& portals() const { return portals_; }
  static Session* current();

 private:
  // startup.cc
  bool startup();
  void start_tls(bool direct);
  void authenticate(const std::map<std::string, std::string>& options);
  bool cancel_request(std::string_view body);
  void send_parameter_status(std::string_view name, std::string_view value);
  void send_ready();
  void settings_changed(const SettingDef* def, std::string_view name, const std::string& value);
  void refresh_cached();
  void session_limit();

  // session.cc
  void loop();
  template <class F> bool run_guarded(F&& f);
  void handle_error(SqlError& e);
  void send_error(const SqlError& e, char type = 'E');
  void log_statement(const ast::Stmt* stmt, std::string_view how, std::string_view text) const;   // log_statement
  void log_duration(std::string_view how, std::string_view text) const;                          // log_min_duration_statement
  void start_transaction_if_needed();
  void finish_implicit();
  void end_transaction(bool commit);
  void check_failed_block(const ast::Stmt* stmt) const;
  void report_activity(std::string_view query);
  void idle();

  // simple_query.cc, extended_query.cc
  void simple_query(std::string_view text);
  void run_simple_statement(const PreparedRef& p, bool last);
  void parse_message(std::string_view body);
  void bind_message(std::string_view body);
  void describe_message(std::string_view body);
  void execute_message(std::string_view body);
  void close_message(std::string_view body);

  // plans.cc
  PreparedRef prepare(std::string_view name, std::string_view text, const sql::ParsedStatement* parsed, std::vector<Oid> param_types, bool deduce);
  PlanRef plan_for(Prepared& p, std::span<const NullableDatum> params);   // that the current user may run
  PlanRef permitted(PlanRef plan);         // 42501 when it is not
  PlanRef choose_plan(Prepared& p, std::span<const NullableDatum> params);
  PlanRef make_plan(Prepared& p, std::span<const NullableDatum> params);
  static void check_result(Prepared& p, const sql::PlannedStmt& s);   // 0A000 when the columns of a prepared statement changed
  bool still_valid(const PlanHolder& plan);
  void lock_for(const PlanHolder& plan);
  FnContext fn_context(Arena& arena);
  std::vector<ResultColumn> describe_columns(Prepared& p);   // of any statement; empty when it returns no rows
  bool returns_rows(Prepared& p);
  static Oid explain_type(const ast::Stmt& stmt);            // text or json

  // portal.cc
  static void set_columns(Portal& portal);   // of its plan
  Portal& create_portal(std::string name, PreparedRef p, std::vector<NullableDatum> params);
  void start_portal(Portal& portal);
  // Sends up to max_rows rows (0: all) as DataRows; returns true when the portal is at its end.
  bool run_portal(Portal& portal, uint64_t max_rows, bool describe);
  void send_row_description(std::span<const ResultColumn> columns, std::span<const int16_t> formats);
  void send_rows(const exec::Batch& batch, uint32_t from, uint32_t count, std::span<const ResultColumn> columns, std::span<const int16_t> formats);
  void send_stored_row(const std::vector<NullableDatum>& row, std::span<const ResultColumn> columns, std::span<const int16_t> formats);
  bool fetch_batch(Portal& portal);
  void drop_portal(Portal& portal);
  void drop_portals(bool at_transaction_end, bool keep_held);
  void persist_held_cursors();
  std::string complete_tag(const Portal& portal) const;
  void remember_rows(Portal& portal);

  // utility.cc
  void run_utility(Portal& portal);
  void run_transaction(const ast::Stmt& stmt, Portal& portal);
  void run_set(const ast::Stmt& stmt, Portal& portal);
  void run_show(std::string_view name, Portal& portal);
  void run_explain(const ast::Stmt& stmt, Portal& portal);
  void run_prepare(const ast::Stmt& stmt, Portal& portal);
  void run_execute(const ast::Stmt& stmt, Portal& portal);
  void run_declare(const ast::Stmt& stmt, Portal& portal);
  void run_fetch(const ast::Stmt& stmt, Portal& portal);
  void run_discard(const ast::Stmt& stmt, Portal& portal);
  void run_alter_system(const ast::Stmt& stmt, Portal& portal);
  void require_superuser(std::string_view what);
  void set_variable(std::string_view name, const SettingDef* def, const std::string* value, bool local);
  Oid type_by_text(std::string_view text, bool missing_ok);
  void set_role(std::string_view setting, const std::string* value, bool local);
  void adopt_roles();                                      // what the settings role and session_authorization say
  std::vector<NullableDatum> execute_params(Prepared& target, std::span<ast::Expr* const> args, Arena& arena);
  void run_set_constraints(const ast::Stmt& stmt, Portal& portal);
  uint64_t run_key_query(std::string_view text, std::span<const Oid> types, std::span<const NullableDatum> params, bool latest);   // exec::g_key_query
  PreparedRef find_prepared(std::string_view name);   // 26000
  PreparedRef wrap(const Prepared& outer, const ast::Stmt* stmt);
  uint64_t run_query_into(const Prepared& outer, const ast::Stmt& query, const std::function<void(const exec::Batch&)>& sink, const std::function<void(std::span<const ResultColumn>)>& head);

  // copy.cc
  void run_copy(const ast::Stmt& stmt, Portal& portal);
  void copy_from(const ast::CopyStmt& s, const CopyOptions& o, Portal& portal);
  void copy_to(const ast::CopyStmt& s, const CopyOptions& o, Portal& portal);

  Settings& settings_;
  Origin origin_;
  Connection conn_;
  wire::Writer out_;
  Cached cached_;
  std::map<std::string, PreparedRef> prepared_;
  PreparedRef unnamed_;
  std::map<std::string, std::unique_ptr<Portal>> portals_;
  std::unordered_map<std::string, PreparedRef> key_statements_;   // of foreign keys
  std::unordered_map<std::string, PreparedRef> by_text_;   // simple protocol: statements seen before
  Oid user_{0}, session_user_{0}, login_user_{0}, database_{0};   // current_user, session_user, who authenticated
  std::map<std::string, Oid> roles_;                       // that SET ROLE and SET SESSION AUTHORIZATION named: a rollback comes back to one of them
  std::string user_name_, database_name_;
  bool superuser_ = false;
  int64_t xact_start_us_ = 0, statement_start_us_ = 0;
  uint64_t random_state_ = 0;
  bool skip_to_sync_ = false;
  bool in_extended_ = false;
  bool copy_done_ = false;
  Portal* active_portal_ = nullptr;                        // being run: outlives the end of its own transaction
  uint32_t cancel_key_ = 0;
  bool served_cancel_ = false, bad_tls_ = false;            // how startup ended without a session
  std::vector<std::pair<std::string, std::string>> pending_status_;
};

int64_t now_us();   // microseconds since 2000-01-01 UTC

}  // namespace postern::session
