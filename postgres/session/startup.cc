// From the first byte to ReadyForQuery: encryption requests, cancel requests, protocol negotiation, options, user and database.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/region/region.h"
#include "postgres/session/authentication.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"
#include "postgres/types/utf8.h"

namespace postern::session {

namespace {

void on_auth_deadline() { throw SqlError{sqlstate::kQueryCanceled, "canceling authentication due to timeout"}.fatal(); }

// As pg_stat_activity takes it apart: host:port, or [local].
std::string peer_address(int fd) {
  std::string host = client_host(fd);
  sockaddr_in6 a{};
  socklen_t len = sizeof a;
  if (host == "[local]" || getpeername(fd, reinterpret_cast<sockaddr*>(&a), &len) != 0) return host;
  return cat(a.sin6_family == AF_INET6 ? cat("[", host, "]") : host, ":", ntohs(a.sin6_port));   // the port is where IPv4 has it too
}

// Splits the "options" startup parameter at blanks, backslash escapes.
std::vector<std::string> split_options(std::string_view s) {
  std::vector<std::string> out;
  std::string word;
  bool in_word = false;
  for (size_t i = 0; i < s.size(); i++) {
    char c = s[i];
    if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) out.push_back(word);
      word.clear();
      in_word = false;
      continue;
    }
    if (c == '\\' && i + 1 < s.size()) c = s[++i];
    word += c;
    in_word = true;
  }
  if (in_word) out.push_back(word);
  return out;
}

bool equal_keys(uint32_t a, uint32_t b) {
  volatile uint32_t d = a ^ b;
  return d == 0;
}

constexpr size_t kShownNameBytes = 200;   // of a certificate, in pg_stat_ssl
std::string utf8_clipped(const std::string& s) { return std::string(utf8_clip(s, kShownNameBytes)); }

template <class F>
int64_t count_sessions(F&& wanted) {
  int64_t n = 0;
  for (int i = 0; i < region::slot_high_water(); i++) {
    const region::ProcSlot& slot = region::slot(SlotNo{static_cast<uint16_t>(i)});
    auto s = slot.state.load();
    n += (s == region::SlotState::kIdle || s == region::SlotState::kActive || s == region::SlotState::kIdleInTransaction) && wanted(slot);
  }
  return n;
}

void set_text(char* to, size_t size, std::string_view s) {
  size_t n = std::min(s.size(), size - 1);
  std::memcpy(to, s.data(), n);
  to[n] = '\0';
}

}  // namespace

bool Session::cancel_request(std::string_view body) {
  wire::Reader r(body);
  r.int32();
  int32_t pid = r.int32();
  auto key = static_cast<uint32_t>(r.int32());
  if (r.failed() || !r.at_end()) return false;
  if (!region::attached()) return false;
  for (int i = 0; i < region::slot_high_water(); i++) {
    SlotNo n{static_cast<uint16_t>(i)};
    region::ProcSlot& s = region::slot(n);
    if (n == region::my_slot_no() || s.state.load() == region::SlotState::kFree || s.pid.load() != pid || pid <= 0) continue;
    if (!equal_keys(s.cancel_key.load(), key) || s.cancel_key.load() == 0) return false;
    int pidfd = os::open_pidfd(pid);
    if (pidfd < 0) return false;
    if (region::slot_alive(n) && s.pid.load() == pid) {
      s.cancel_pending = 1;
      os::signal_pidfd(pidfd, SIGURG);
    }
    close(pidfd);
    return true;
  }
  return false;
}

void Session::send_parameter_status(std::string_view name, std::string_view value) {
  out_.begin('S');
  out_.cstring(name);
  out_.cstring(value);
  out_.end();
}

// False: the connection was served otherwise (cancel request) or the client went away.
bool Session::startup() {
  int64_t timeout = settings_.get_int("authentication_timeout");
  conn_.set_deadline(os::monotonic_us() + timeout * 1'000'000, on_auth_deadline);
  conn_.set_on_interrupt([] { interrupts::check_idle(); });
  int one = 1;
  setsockopt(conn_.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(conn_.fd(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  getpeername(conn_.fd(), reinterpret_cast<sockaddr*>(&address), &address_size);
  bool may_encrypt = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  if (may_encrypt && conn_.begins_with_tls()) start_tls(true);
  std::string body;
  bool ssl_answered = conn_.tls() != nullptr, gss_answered = false;
  uint32_t version;
  while (true) {
    if (!conn_.read_startup(&body)) return false;
    version = static_cast<uint32_t>(load_be<int32_t>(body.data()));
    if (version == wire::kCancelRequest) {
      cancel_request(body);
      served_cancel_ = true;
      return false;
    }
    bool ssl = version == wire::kSslRequest, gss = version == wire::kGssEncRequest;
    if (!ssl && !gss) break;
    if ((ssl ? ssl_answered : gss_answered) || conn_.input_buffered())
      throw SqlError{sqlstate::kProtocolViolation, ssl ? "received unencrypted data after SSL request" : "received unencrypted data after GSSAPI encryption request"}.fatal();
    (ssl ? ssl_answered : gss_answered) = true;
    if (ssl && may_encrypt && settings_.get_bool("ssl")) {
      start_tls(false);
      continue;
    }
    conn_.out().push_back('N');
    conn_.flush();
  }
  uint32_t major = version >> 16, minor = version & 0xFFFF;
  if (major != 3)
    throw SqlError{sqlstate::kFeatureNotSupported, cat("unsupported frontend protocol ", major, ".", minor, ": server supports 3.0 to 3.0")}.fatal();
  std::map<std::string, std::string> options;
  std::vector<std::string> unknown;
  wire::Reader r(body);
  r.int32();
  while (true) {
    std::string_view name = r.cstring();
    if (r.failed()) throw SqlError{sqlstate::kProtocolViolation, "invalid startup packet layout: expected terminator as last byte"}.fatal();
    if (name.empty()) break;
    std::string_view value = r.cstring();
    if (r.failed()) throw SqlError{sqlstate::kProtocolViolation, "invalid startup packet layout: expected terminator as last byte"}.fatal();
    if (name.starts_with("_pq_.")) unknown.emplace_back(name);
    else options[std::string(name)] = value;
  }
  if (!r.at_end()) throw SqlError{sqlstate::kProtocolViolation, "invalid startup packet layout: expected terminator as last byte"}.fatal();
  if (minor > 0 || !unknown.empty()) {
    out_.begin('v');
    out_.int32(0);
    out_.int32(static_cast<int32_t>(unknown.size()));
    for (const std::string& u : unknown) out_.cstring(u);
    out_.end();
  }
  authenticate(options);
  return true;
}

// A client that fails here gets no answer: it would not understand one.
void Session::start_tls(bool direct) {
  if (direct && !settings_.get_bool("ssl")) {
    log_error(SqlError{sqlstate::kProtocolViolation, "received direct SSL connection request while SSL is off"}.fatal());
    throw ConnectionLost{};
  }
  std::unique_ptr<Tls> tls;
  try {
    tls = std::make_unique<Tls>(Tls::options(settings_, settings_.get("data_directory")), conn_.fd(), conn_.take_input());
  } catch (SqlError& e) {
    log_error(e);
    if (direct) throw ConnectionLost{};
    throw SqlError{sqlstate::kConfigFileError, "could not load the server's SSL configuration", {}, "See the server's log."}.fatal();   // an answer that a client may get before encryption
  }
  if (!direct) {
    conn_.out().push_back('S');
    conn_.flush();
  }
  try {
    conn_.start_tls(std::move(tls), direct);
  } catch (SqlError& e) {
    log_error(e);
    bad_tls_ = true;
    throw ConnectionLost{};
  }
  const Tls& t = *conn_.tls();
  std::string shown;
  for (const std::string& s : {t.version(), t.cipher(), cat(t.bits()), t.client_serial(), utf8_clipped(t.client_dn()), utf8_clipped(t.client_issuer())}) shown.append(s).push_back('\0');
  region::ProcSlot& slot = region::my_slot();
  std::memcpy(slot.tls, shown.data(), std::min(shown.size(), sizeof slot.tls - 1));
}

void Session::authenticate(const std::map<std::string, std::string>& options) {
  auto find = [&](const char* name) {
    auto it = options.find(name);
    return it == options.end() ? std::string() : it->second;
  };
  user_name_ = find("user").substr(0, 63);
  if (user_name_.empty()) throw SqlError{sqlstate::kInvalidAuthorizationSpecification, "no PostgreSQL user name specified in startup packet"}.fatal();
  database_name_ = find("database").substr(0, 63);
  if (database_name_.empty()) database_name_ = user_name_;
  std::string replication = find("replication");
  bool wants_replication = false;
  if (!replication.empty() && (!parse_bool_setting(replication, &wants_replication) || wants_replication)) throw_unsupported("replication");
  region::ProcSlot& slot = region::my_slot();
  set_text(slot.client_addr, sizeof slot.client_addr, peer_address(conn_.fd()));
  txn::start();
  authenticate_client({conn_, settings_, user_name_, database_name_, origin_});
  auto role = catalog::find_role(user_name_);
  if (!role) throw SqlError{sqlstate::kInvalidAuthorizationSpecification, cat("role \"", user_name_, "\" does not exist")}.fatal();
  if (!role->can_login) throw SqlError{sqlstate::kInvalidAuthorizationSpecification, cat("role \"", user_name_, "\" is not permitted to log in")}.fatal();
  auto db = catalog::find_database(database_name_);
  if (!db) throw SqlError{sqlstate::kInvalidCatalogName, cat("database \"", database_name_, "\" does not exist")}.fatal();
  if (!db->allow_connections) throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("database \"", database_name_, "\" is not currently accepting connections")}.fatal();
  user_ = session_user_ = login_user_ = role->oid;
  roles_[user_name_] = role->oid;
  superuser_ = role->superuser;
  database_ = db->oid;
  slot.role = raw(user_);
  slot.backend_start_us = static_cast<uint64_t>(now_us());
  slot.state = region::SlotState::kActive;
  slot.database = raw(database_);
  session_limit();
  if (role->connection_limit >= 0 && !superuser_ && count_sessions([&](const region::ProcSlot& s) { return s.role.load() == raw(user_); }) > role->connection_limit)
    throw SqlError{sqlstate::kTooManyConnections, cat("too many connections for role \"", user_name_, "\"")}.fatal();
  if (!superuser_ && !catalog::has_database_privilege(user_, database_, 'c'))
    throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied for database \"", database_name_, "\""), "User does not have CONNECT privilege."}.fatal();
  if (db->connection_limit >= 0 && !superuser_ && count_sessions([&](const region::ProcSlot& s) { return s.database.load() == raw(database_); }) > db->connection_limit)
    throw SqlError{sqlstate::kTooManyConnections, cat("too many connections for database \"", database_name_, "\"")}.fatal();
  // CREATE/DROP DATABASE and this session must not miss each other.
  lock::acquire(lock::Tag{lock::Kind::kDatabase, 0, 0, Oid{0}, raw(database_), 0}, lock::Mode::kRowExclusive);
  if (!catalog::find_database(database_)) throw SqlError{sqlstate::kInvalidCatalogName, cat("database \"", database_name_, "\" does not exist")}.fatal();
  catalog::connect_database(database_);
  catalog::set_user(user_);
  settings_.on_change = [this](const SettingDef* d, std::string_view name, const std::string& value) { settings_changed(d, name, value); };
  settings_.set_from("is_superuser", superuser_ ? "on" : "off", SettingSource::kClient);
  settings_.set_from("session_authorization", user_name_, SettingSource::kClient);
  for (auto& [name, value] : catalog::role_settings(database_, user_)) {
    try {
      if (name == "role") set_role(name, &value, false);
      else settings_.set_from(name, value, SettingSource::kDatabaseUser);
    } catch (SqlError& e) {
      e.severity = Severity::kWarning;
      notice(e);
    }
  }
  auto apply = [&](std::string_view name, std::string_view value) {
    const SettingDef* d = find_setting(name);
    if (d && d->context < SettingContext::kSuperuserBackend)
      throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", d->name, "\" cannot be changed without restarting the server")}.fatal();
    if (d && !superuser_ && (d->context == SettingContext::kSuperuser || d->context == SettingContext::kSuperuserBackend))
      throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied to set parameter \"", d->name, "\"")}.fatal();
    try {
      std::string text = d && d->name == std::string_view("client_encoding") ? client_encoding_name(value) : std::string(value);
      if (d && d->name == std::string_view("role")) set_role("role", &text, false);
      else settings_.set_from(name, text, SettingSource::kClient);
    } catch (SqlError& e) {
      e.severity = Severity::kFatal;
      throw;
    }
  };
  for (const auto& [name, value] : options) {
    if (name == "user" || name == "database" || name == "replication") continue;
    if (name == "options") {
      auto words = split_options(value);
      for (size_t i = 0; i < words.size(); i++) {
        std::string w = words[i];
        if (w == "-c" && i + 1 < words.size()) w = words[++i];
        else if (w.starts_with("-c")) w = w.substr(2);
        else if (w.starts_with("--")) w = w.substr(2);
        else throw SqlError{sqlstate::kSyntaxError, cat("invalid command-line argument for server process: ", w)}.fatal();
        size_t eq = w.find('=');
        if (eq == std::string::npos) throw SqlError{sqlstate::kSyntaxError, cat("-c ", w, " requires a value")}.fatal();
        std::string n = w.substr(0, eq);
        std::replace(n.begin(), n.end(), '-', '_');
        apply(n, w.substr(eq + 1));
      }
      continue;
    }
    apply(name, value);
  }
  txn::commit();
  settings_.end_level(1, true);
  settings_.on_change = nullptr;
  refresh_cached();
  out_.begin('R');
  out_.int32(0);
  out_.end();
  for (const SettingDef& d : setting_defs())
    if (d.report) send_parameter_status(d.name, settings_.get(d.name));
  settings_.on_change = [this](const SettingDef* d, std::string_view name, const std::string& value) { settings_changed(d, name, value); };
  uint32_t key = 0;
  while (key == 0)
    if (getrandom(&key, sizeof key, 0) != sizeof key) throw SqlError{sqlstate::kSystemError, "could not get random bytes"}.fatal();
  cancel_key_ = key;
  slot.cancel_pending = 0;
  slot.cancel_key = key;
  out_.begin('K');
  out_.int32(slot.pid.load());
  out_.int32(static_cast<int32_t>(key));
  out_.end();
  conn_.set_deadline(0, nullptr);
}

// max_connections counts sessions, not spares or workers.
void Session::session_limit() {
  int64_t limit = settings_.get_int("max_connections"), reserved = settings_.get_int("superuser_reserved_connections");
  int64_t sessions = count_sessions([](const region::ProcSlot&) { return true; });
  if (sessions > limit) throw SqlError{sqlstate::kTooManyConnections, "sorry, too many clients already"}.fatal();
  if (sessions > limit - reserved && !superuser_)
    throw SqlError{sqlstate::kTooManyConnections, "remaining connection slots are reserved for non-replication superuser connections"}.fatal();
}

void Session::settings_changed(const SettingDef* def, std::string_view name, const std::string& value) {
  std::string_view n = def ? def->name : name;
  if (n == "role" || n == "session_authorization") adopt_roles();
  if (n == "search_path") catalog::set_search_path(value);
  if (n == "DateStyle") set_date_style(cached_.time, value);
  if (n == "TimeZone") set_time_zone(cached_.time, value);
  if (n == "IntervalStyle") set_interval_style(cached_.time, value);
  if (n == "application_name") set_text(region::my_slot().application_name, sizeof region::my_slot().application_name, value);
  refresh_cached();
  if (def && def->report) pending_status_.emplace_back(def->name, value);
}

void Session::refresh_cached() {
  Settings& s = settings_;
  set_date_style(cached_.time, s.get("DateStyle"));
  set_time_zone(cached_.time, s.get("TimeZone"));
  set_interval_style(cached_.time, s.get("IntervalStyle"));
  cached_.extra_float_digits = static_cast<int>(s.get_int("extra_float_digits"));
  cached_.bytea_hex = s.get("bytea_output") == "hex";
  cached_.statement_timeout_ms = s.get_int("statement_timeout");
  cached_.lock_timeout_ms = s.get_int("lock_timeout");
  cached_.idle_in_transaction_ms = s.get_int("idle_in_transaction_session_timeout");
  cached_.idle_session_ms = s.get_int("idle_session_timeout");
  const std::string& m = s.get("client_min_messages");
  auto severity = [](const std::string& level) {
    return level.starts_with("debug") ? Severity::kDebug : level == "log" ? Severity::kLog : level == "notice" || level == "info" ? Severity::kNotice : level == "warning" ? Severity::kWarning
         : level == "fatal" ? Severity::kFatal : level == "panic" ? Severity::kPanic : Severity::kError;
  };
  cached_.client_min = severity(m);
  cached_.log_min = severity(s.get("log_min_messages"));
  cached_.default_isolation = s.get("default_transaction_isolation") == "repeatable read" ? txn::Isolation::kRepeatableRead : txn::Isolation::kReadCommitted;
  cached_.default_read_only = s.get_bool("default_transaction_read_only");
  const std::string& ls = s.get("log_statement");
  cached_.log_statement = ls == "all" ? Cached::LogStatement::kAll : ls == "mod" ? Cached::LogStatement::kMod : ls == "ddl" ? Cached::LogStatement::kDdl : Cached::LogStatement::kNone;
  cached_.log_min_duration_ms = s.get_int("log_min_duration_statement");
  const std::string& plan_mode = s.get("plan_cache_mode");
  cached_.force_custom_plan = plan_mode == "force_custom_plan";
  cached_.force_generic_plan = plan_mode == "force_generic_plan";
  cached_.work_mem_bytes = static_cast<size_t>(s.get_int("work_mem")) << 10;
  cached_.maintenance_work_mem_bytes = static_cast<size_t>(s.get_int("maintenance_work_mem")) << 10;
  sql::PlannerSettings& p = cached_.planner;
  p.seq_page_cost = s.get_real("seq_page_cost");
  p.random_page_cost = s.get_real("random_page_cost");
  p.cpu_tuple_cost = s.get_real("cpu_tuple_cost");
  p.cpu_index_tuple_cost = s.get_real("cpu_index_tuple_cost");
  p.cpu_operator_cost = s.get_real("cpu_operator_cost");
  p.effective_cache_pages = s.get_real("effective_cache_size");
  p.work_mem_bytes = static_cast<double>(cached_.work_mem_bytes);
  p.enable_seqscan = s.get_bool("enable_seqscan");
  p.enable_indexscan = s.get_bool("enable_indexscan");
  p.enable_indexonlyscan = s.get_bool("enable_indexonlyscan");
  p.enable_hashjoin = s.get_bool("enable_hashjoin");
  p.enable_mergejoin = s.get_bool("enable_mergejoin");
  p.enable_nestloop = s.get_bool("enable_nestloop");
  p.enable_hashagg = s.get_bool("enable_hashagg");
  p.enable_sort = s.get_bool("enable_sort");
  p.enable_material = s.get_bool("enable_material");
  p.enable_tidscan = s.get_bool("enable_tidscan");
  p.enable_bitmapscan = s.get_bool("enable_bitmapscan");
  lock::set_lock_timeout(static_cast<int>(cached_.lock_timeout_ms));
  lock::set_deadlock_timeout(static_cast<int>(s.get_int("deadlock_timeout")));
  txn::set_synchronous_commit(s.get("synchronous_commit") != "off");
}

void Session::refuse(int client_fd, const SqlError& why) {
  Connection conn(client_fd);
  conn.set_deadline(os::monotonic_us() + 5'000'000, on_auth_deadline);
  try {
    std::string body;
    while (conn.read_startup(&body)) {
      auto version = static_cast<uint32_t>(load_be<int32_t>(body.data()));
      if (version == wire::kSslRequest || version == wire::kGssEncRequest) {
        conn.out().push_back('N');
        conn.flush();
        continue;
      }
      if (version == wire::kCancelRequest) return;
      wire::Writer w(conn.out());
      w.begin('E');
      w.byte('S'); w.cstring("FATAL");
      w.byte('V'); w.cstring("FATAL");
      w.byte('C'); w.cstring(why.sqlstate.view());
      w.byte('M'); w.cstring(why.message);
      if (!why.detail.empty()) { w.byte('D'); w.cstring(why.detail); }
      if (!why.hint.empty()) { w.byte('H'); w.cstring(why.hint); }
      w.byte('\0');
      w.end();
      conn.flush();
      return;
    }
  } catch (...) {
  }
}

}  // namespace postern::session
