#include "postgres/session/functions.h"

#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/region/region.h"
#include "postgres/session/hba.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/wal/wal.h"

namespace postern::session {
namespace {

Session& session() {
  if (!Session::current()) throw_internal("no session");
  return *Session::current();
}

// A set function whose rows are made at once; each cell is text in the column's input format, or NULL.
class Table : public SetFunction {
 public:
  struct Cell { std::string text; bool null = true; };
  static Cell text(std::string_view s) { return {std::string(s), false}; }
  template <std::integral T>
  static Cell number(T v) { return {cat(v), false}; }
  static Cell boolean(bool b) { return {b ? "t" : "f", false}; }

  Table(std::initializer_list<Oid> types) : types_(types) {}
  std::vector<std::vector<Cell>> rows;

  uint32_t next(FnContext& cx, Vector* out, int ncols, uint32_t max_rows) override {
    uint32_t n = 0;
    for (; n < max_rows && at_ < rows.size(); n++, at_++)
      for (int c = 0; c < ncols; c++) {
        const Cell& cell = rows[at_][static_cast<size_t>(c)];
        out[c].nulls[n] = cell.null;
        out[c].values[n] = cell.null ? 0 : type_info(types_[static_cast<size_t>(c)]).in(cx, cell.text, -1);
      }
    return n;
  }

 private:
  std::vector<Oid> types_;
  size_t at_ = 0;
};

Table::Cell time_cell(uint64_t us) {
  if (us == 0) return {};
  FnContext cx;
  Arena arena;
  cx.arena = &arena;
  cx.services = Session::current();
  std::string s;
  type_info(oid::kTimestampTz).out(cx, from_int(static_cast<int64_t>(us)), s);
  return Table::text(s);
}

std::string_view version() { return "PostgreSQL 15.18 (Postern " POSTERN_VERSION ") on x86_64-linux, compiled by g++ " __VERSION__ ", 64-bit"; }
int32_t backend_pid() { return region::my_slot().pid.load(); }
std::string_view current_setting(FnContext& cx, std::string_view name) { return as_view(make_bytes(*cx.arena, session().setting(name, false))); }
std::optional<std::string_view> current_setting_missing(FnContext& cx, std::string_view name, bool missing_ok) {
  if (missing_ok && !session().settings().known(name)) return std::nullopt;
  return as_view(make_bytes(*cx.arena, session().setting(name, false)));
}
NullableDatum set_config(FnContext& cx, NullableDatum name, NullableDatum value, NullableDatum local) {
  if (name.null) throw SqlError{sqlstate::kNullValueNotAllowed, "SET requires parameter name"};
  session().set_setting(as_view(name.value), value.null ? std::string_view{} : as_view(value.value), !local.null && local.value);
  return {make_bytes(*cx.arena, session().setting(as_view(name.value), false)), false};
}

// Text of an array of text.
std::string array_text(const std::vector<std::string>& items) {
  std::string out = "{";
  for (const std::string& item : items) {
    out += out.size() > 1 ? ",\"" : "\"";
    for (char c : item) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

std::vector<std::string> split_commas(std::string_view s) {
  std::vector<std::string> out;
  while (true) {
    size_t comma = s.find(',');
    out.emplace_back(s.substr(0, comma));
    if (comma == s.npos) return out;
    s.remove_prefix(comma + 1);
  }
}

SetFunction* show_all_settings(FnContext&, const NullableDatum*, int) {
  auto* t = new Table{oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kTextArray, oid::kText, oid::kText, oid::kText, oid::kInt4, oid::kBool};
  Settings& s = session().settings();
  for (const SettingDef& d : setting_defs()) {
    bool num = d.type == SettingType::kInt || d.type == SettingType::kReal;
    auto range = [&](double v) -> Table::Cell {
      if (!num) return {};
      if (d.type == SettingType::kInt) return Table::number(static_cast<int64_t>(v));
      char buf[32];
      std::snprintf(buf, sizeof buf, "%g", v);
      return Table::text(buf);
    };
    std::string value = s.get(d.name);
    if (std::strncmp(d.name, "transaction_", 12) == 0) value = session().setting(d.name, true);
    t->rows.push_back({Table::text(d.name), Table::text(value), *d.unit ? Table::text(d.unit) : Table::Cell{}, Table::text(""), Table::text(""), {}, Table::text(context_name(d.context)), Table::text(type_name(d.type)),
                       Table::text(source_name(s.source(d.name))), range(d.min), range(d.max), *d.enum_values ? Table::text(array_text(split_commas(d.enum_values))) : Table::Cell{}, Table::text(d.boot), Table::text(s.reset_value(d.name)), {}, {}, Table::boolean(false)});
  }
  for (auto& [name, value] : s.custom())
    t->rows.push_back({Table::text(name), Table::text(value), {}, Table::text("Customized Options"), Table::text(""), {}, Table::text("user"), Table::text("string"), Table::text("session"), {}, {}, {}, {}, Table::text(""), {}, {}, Table::boolean(false)});
  return t;
}

const char* state_name(region::SlotState s) {
  switch (s) {
    case region::SlotState::kActive: return "active";
    case region::SlotState::kIdleInTransaction: return "idle in transaction";
    case region::SlotState::kIdle: return "idle";
    default: return nullptr;
  }
}

// ssl, version, cipher, bits, client_dn, client_serial, issuer_dn
std::vector<Table::Cell> tls_cells(const region::ProcSlot& slot) {
  std::vector<Table::Cell> cells = {Table::boolean(slot.tls[0] != 0)};
  cells.resize(7);
  constexpr size_t kColumn[] = {1, 2, 3, 5, 4, 6};   // the slot's order: version, cipher, bits, serial, subject, issuer
  const char *p = slot.tls, *end = slot.tls + sizeof slot.tls;
  for (size_t i = 0; i < 6 && slot.tls[0] && p < end; i++) {
    size_t n = strnlen(p, static_cast<size_t>(end - p));
    if (n) cells[kColumn[i]] = Table::text({p, n});
    p += n + 1;
  }
  return cells;
}

void require_superuser_for(const char* function) {
  if (!catalog::is_superuser(session().user())) throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied for function ", function)};
}

SetFunction* hba_file_rules(FnContext&, const NullableDatum*, int) {
  require_superuser_for("pg_hba_file_rules");
  auto t = std::make_unique<Table>(std::initializer_list<Oid>{oid::kInt4, oid::kText, oid::kTextArray, oid::kTextArray, oid::kText, oid::kText, oid::kText, oid::kTextArray, oid::kText});
  const Settings& s = session().settings();
  auto names = [](const hba::Field& field) {
    std::vector<std::string> out;
    for (const hba::Token& token : field) out.push_back(token.text);
    return Table::text(array_text(out));
  };
  hba::read_lines(s.get("hba_file"), [&](hba::Line& line) {
    hba::Rule r;
    std::vector<Table::Cell> row(9);
    if (line.number) row[0] = Table::number(line.number);
    if (hba::parse_rule(line, s.get_bool("ssl"), r)) {
      row[1] = Table::text(hba::connection_name(r.connection));
      row[2] = names(r.databases);
      row[3] = names(r.users);
      if (r.connection != hba::Connection::kLocal) switch (r.match) {
          case hba::Match::kAll: row[4] = Table::text("all"); break;
          case hba::Match::kSameHost: row[4] = Table::text("samehost"); break;
          case hba::Match::kSameNet: row[4] = Table::text("samenet"); break;
          case hba::Match::kHostName: row[4] = Table::text(r.host_name); break;
          case hba::Match::kNetwork:
            row[4] = Table::text(hba::network_address(r.network));
            row[5] = Table::text(hba::network_mask(r.network));
        }
      row[6] = Table::text(hba::method_name(r.method));
      std::vector<std::string> options;
      if (!r.map.empty()) options.push_back(cat("map=", r.map));
      if (r.client_cert != hba::ClientCert::kOff) options.push_back(cat("clientcert=", r.client_cert == hba::ClientCert::kVerifyCa ? "verify-ca" : "verify-full"));
      if (!options.empty()) row[7] = Table::text(array_text(options));
    }
    if (!line.error.empty()) row[8] = Table::text(line.error);
    t->rows.push_back(std::move(row));
    return true;
  });
  return t.release();
}

SetFunction* ident_file_mappings(FnContext&, const NullableDatum*, int) {
  require_superuser_for("pg_ident_file_mappings");
  auto t = std::make_unique<Table>(std::initializer_list<Oid>{oid::kInt4, oid::kText, oid::kText, oid::kText, oid::kText});
  hba::read_lines(session().settings().get("ident_file"), [&](hba::Line& line) {
    hba::Mapping m;
    std::vector<Table::Cell> row(5);
    if (line.number) row[0] = Table::number(line.number);
    if (hba::parse_mapping(line, m)) row[1] = Table::text(m.map), row[2] = Table::text(m.system_user), row[3] = Table::text(m.role);
    if (!line.error.empty()) row[4] = Table::text(line.error);
    t->rows.push_back(std::move(row));
    return true;
  });
  return t.release();
}

SetFunction* stat_get_activity(FnContext&, const NullableDatum* args, int) {
  auto* t = new Table{oid::kOid, oid::kInt4, oid::kOid, oid::kText, oid::kText, oid::kText, oid::kText, oid::kText, oid::kTimestampTz, oid::kTimestampTz, oid::kTimestampTz, oid::kTimestampTz, oid::kText, oid::kText, oid::kInt4,
                      oid::kXid, oid::kXid, oid::kText, oid::kBool, oid::kText, oid::kText, oid::kInt4, oid::kText, oid::kNumeric, oid::kText, oid::kBool, oid::kText, oid::kBool, oid::kInt4, oid::kInt8};
  for (int i = 0; i < region::slot_high_water(); i++) {
    region::ProcSlot& s = region::slot(SlotNo{static_cast<uint16_t>(i)});
    auto state = s.state.load();
    if (state == region::SlotState::kFree || state == region::SlotState::kStarting) continue;
    if (!args[0].null && as_int4(args[0].value) != s.pid.load()) continue;
    bool worker = state == region::SlotState::kWorker;
    auto copy = [](const char* p, size_t n) { return std::string(p, strnlen(p, n)); };
    std::string addr = copy(s.client_addr, sizeof s.client_addr);
    Table::Cell host, port;
    if (addr == "[local]") port = Table::number(-1);
    else if (size_t colon = addr.rfind(':'); colon != std::string::npos) {
      std::string h = addr.substr(0, colon);
      if (h.starts_with('[')) h = h.substr(1, h.size() - 2);
      host = Table::text(h);
      port = Table::text(addr.substr(colon + 1));
    }
    uint64_t wait = s.lock_wait.load();
    auto xid = [](uint64_t x) -> Table::Cell { return x > 2 ? Table::text(cat(static_cast<uint32_t>(x))) : Table::Cell{}; };
    auto oid_cell = [](uint64_t o) -> Table::Cell { return o ? Table::number(o) : Table::Cell{}; };
    t->rows.push_back({oid_cell(s.database.load()), Table::number(s.pid.load()), oid_cell(s.role.load()), Table::text(copy(s.application_name, sizeof s.application_name)), state_name(state) ? Table::text(state_name(state)) : Table::Cell{},
                       Table::text(copy(s.query, sizeof s.query)), wait ? Table::text("Lock") : state == region::SlotState::kIdle || state == region::SlotState::kIdleInTransaction ? Table::text("Client") : Table::Cell{},
                       wait ? Table::text("relation") : state == region::SlotState::kIdle || state == region::SlotState::kIdleInTransaction ? Table::text("ClientRead") : Table::Cell{}, time_cell(s.xact_start_us), time_cell(s.query_start_us),
                       time_cell(s.backend_start_us), time_cell(s.state_change_us), host, {}, port, xid(s.xid.load()), xid(s.snapshot_xmin.load()), Table::text(worker ? "maintenance worker" : "client backend")});
    for (Table::Cell& c : tls_cells(s)) t->rows.back().push_back(std::move(c));
    for (int i = 0; i < 5; i++) t->rows.back().push_back(i == 0 || i == 2 ? Table::boolean(false) : Table::Cell{});   // GSSAPI, parallel leader, query id
  }
  return t;
}

bool signal_backend(int32_t pid, uint32_t what) {
  for (int i = 0; i < region::slot_high_water(); i++) {
    SlotNo n{static_cast<uint16_t>(i)};
    region::ProcSlot& s = region::slot(n);
    auto state = s.state.load();
    if (state == region::SlotState::kFree || state == region::SlotState::kStarting || s.pid.load() != pid) continue;
    if (!catalog::is_superuser(session().user()) && s.role.load() != raw(session().user()))
      throw SqlError{sqlstate::kInsufficientPrivilege, cat("must be a member of the role whose ", what == 2 ? "process" : "query", " is being ", what == 2 ? "terminated" : "canceled", " or member of pg_signal_backend")};
    int pidfd = os::open_pidfd(pid);
    if (pidfd < 0) break;
    bool ok = region::slot_alive(n) && s.pid.load() == pid;
    if (ok) {
      s.cancel_pending = what;
      os::signal_pidfd(pidfd, state == region::SlotState::kWorker ? SIGTERM : SIGURG);
    }
    close(pidfd);
    if (ok) return true;
    break;
  }
  SqlError w{sqlstate::kSuccessfulCompletion, cat("PID ", pid, " is not a PostgreSQL backend process")};
  w.sqlstate = SqlState{"01000"};
  w.severity = Severity::kWarning;
  session().notice(w);
  return false;
}
bool cancel_backend(int32_t pid) { return signal_backend(pid, 1); }
bool terminate_backend(int32_t pid, int64_t timeout_ms) {
  if (timeout_ms < 0) throw SqlError{sqlstate::kNumericValueOutOfRange, "\"timeout\" must not be negative"};
  if (!signal_backend(pid, 2)) return false;
  for (int64_t waited = 0; timeout_ms > 0 && waited < timeout_ms; waited += 10) {
    if (kill(pid, 0) != 0) return true;
    os::sleep_us(10000);
    interrupts::check();
  }
  return timeout_ms == 0 || kill(pid, 0) != 0;
}

Datum pg_sleep(double seconds) {
  int64_t end = os::monotonic_us() + static_cast<int64_t>(std::min(seconds, 1e9) * 1e6);
  for (int64_t left; (left = end - os::monotonic_us()) > 0;) {
    interrupts::check();
    std::atomic<uint32_t>& w = region::my_slot().wake;
    os::futex_wait(w, w.load(), static_cast<int>(std::min<int64_t>(left / 1000 + 1, 1000)));
  }
  return 0;
}

SetFunction* lock_status(FnContext&, const NullableDatum*, int) {
  auto* t = new Table{oid::kText, oid::kOid, oid::kOid, oid::kInt4, oid::kInt2, oid::kText, oid::kXid, oid::kOid, oid::kOid, oid::kInt2, oid::kText, oid::kInt4, oid::kText, oid::kBool, oid::kBool, oid::kTimestampTz};
  for (const lock::LockInfo& l : lock::all_locks()) {
    Table::Cell db = Table::number(raw(l.tag.database)), rel, page, tuple, xid, cls, obj, sub;
    const char* type = "relation";
    switch (l.tag.kind) {
      case lock::Kind::kRelation: rel = Table::number(static_cast<uint32_t>(l.tag.id)); break;
      case lock::Kind::kTransaction: type = "transactionid"; db = {}; xid = Table::text(cat(static_cast<uint32_t>(l.tag.id))); break;
      case lock::Kind::kTuple: type = "tuple"; rel = Table::number(static_cast<uint32_t>(l.tag.id)); page = Table::number(static_cast<uint32_t>(l.tag.id2)); tuple = Table::number(l.tag.item); break;
      case lock::Kind::kAdvisory: type = "advisory"; cls = Table::number(static_cast<uint32_t>(l.tag.id >> 32)); obj = Table::number(static_cast<uint32_t>(l.tag.id)); sub = Table::number(l.tag.sub); break;
      case lock::Kind::kDatabase: type = "object"; cls = Table::number(1262); obj = Table::number(static_cast<uint32_t>(l.tag.id)); sub = Table::number(0); db = Table::number(0); break;
      case lock::Kind::kObject: type = "object"; cls = Table::number(static_cast<uint32_t>(l.tag.id2)); obj = Table::number(static_cast<uint32_t>(l.tag.id)); sub = Table::number(0); break;
      case lock::Kind::kExtend: type = "extend"; rel = Table::number(static_cast<uint32_t>(l.tag.id)); break;
    }
    t->rows.push_back({Table::text(type), db, rel, page, tuple, {}, xid, cls, obj, sub, Table::text(cat(raw(l.slot), "/1")), Table::number(l.pid), Table::text(lock::mode_name(l.mode)), Table::boolean(l.granted), Table::boolean(l.fast_path), {}});
  }
  return t;
}

SetFunction* prepared_statement(FnContext&, const NullableDatum*, int) {
  auto* t = new Table{oid::kText, oid::kText, oid::kTimestampTz, Oid{2211}, oid::kBool, oid::kInt8, oid::kInt8};
  for (auto& [name, p] : session().prepared_statements()) {
    std::string types = "{";
    for (Oid o : p->params.types) append(types, types.size() > 1 ? "," : "", "\"", catalog::format_type(o, -1), "\"");
    t->rows.push_back({Table::text(name), Table::text(p->text), time_cell(static_cast<uint64_t>(p->prepare_time)), Table::text(types + "}"), Table::boolean(p->from_sql), Table::number(p->generic_plans), Table::number(p->custom_plans)});
  }
  return t;
}

SetFunction* cursors(FnContext&, const NullableDatum*, int) {
  auto* t = new Table{oid::kText, oid::kText, oid::kBool, oid::kBool, oid::kBool, oid::kTimestampTz};
  for (auto& [name, p] : session().portals())
    if (p->cursor)
      t->rows.push_back({Table::text(name), Table::text(p->prepared->text), Table::boolean(p->hold), Table::boolean(p->binary), Table::boolean(p->backward_ok || p->scroll), time_cell(static_cast<uint64_t>(p->creation_time))});
  return t;
}

std::string_view blocking_pids(FnContext& cx, int32_t pid) {
  std::string s = "{";
  for (int p : lock::blocking_pids(pid)) append(s, s.size() > 1 ? "," : "", p);
  return as_view(type_info(oid::kInt4Array).in(cx, s + "}", -1));
}

bool is_in_recovery() { return false; }
bool reload_conf() {
  if (!catalog::is_superuser(session().user())) throw SqlError{sqlstate::kInsufficientPrivilege, "permission denied for function pg_reload_conf"};
  for (int i = 0; i < region::slot_high_water(); i++) {
    SlotNo n{static_cast<uint16_t>(i)};
    region::ProcSlot& s = region::slot(n);
    if (s.state.load() == region::SlotState::kFree || !region::slot_alive(n)) continue;
    int pidfd = os::open_pidfd(s.pid.load());
    if (pidfd < 0) continue;
    os::signal_pidfd(pidfd, SIGHUP);
    close(pidfd);
  }
  return true;
}
Datum nothing() { return 0; }

// Advisory locks: one key of 64 bits (sub 1) or two of 32 (sub 2), as in pg_locks.objsubid.
lock::Tag advisory(int64_t key) { return {lock::Kind::kAdvisory, 1, 0, session().database(), static_cast<uint64_t>(key), 0}; }
lock::Tag advisory2(int32_t a, int32_t b) { return {lock::Kind::kAdvisory, 2, 0, session().database(), static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b), 0}; }
template <lock::Mode M, bool Session, bool Try>
auto take(const lock::Tag& t) {
  bool ok = lock::acquire(t, M, Try ? lock::Wait::kSkip : lock::Wait::kBlock, Session);
  if constexpr (Try) return ok;
  else { (void)ok; return Datum{0}; }
}
template <lock::Mode M, bool S, bool T>
auto adv1(int64_t k) { return take<M, S, T>(advisory(k)); }
template <lock::Mode M, bool S, bool T>
auto adv2(int32_t a, int32_t b) { return take<M, S, T>(advisory2(a, b)); }
bool unlock(const lock::Tag& t, lock::Mode m) {
  if (lock::release(t, m, true)) return true;
  SqlError w{SqlState{"01000"}, cat("you don't own a lock of type ", lock::mode_name(m))};
  w.severity = Severity::kWarning;
  session().notice(w);
  return false;
}
constexpr lock::Mode kX = lock::Mode::kExclusive, kS = lock::Mode::kShare;
template <lock::Mode M> bool unlock1(int64_t k) { return unlock(advisory(k), M); }
template <lock::Mode M> bool unlock2(int32_t a, int32_t b) { return unlock(advisory2(a, b), M); }
Datum unlock_all() { lock::release_session_locks(); return 0; }


SetFunction* check_relation(FnContext&, const NullableDatum* args, int) {
  auto* t = new Table{oid::kText};
  std::unique_ptr<Table> owner(t);
  if (args[0].null) return owner.release();
  RelationRef rel = catalog::open_relation(as_oid(args[0].value), lock::Mode::kAccessShare);
  if (!rel) throw SqlError{sqlstate::kUndefinedTable, "relation does not exist"};
  if (rel->kind != 'r' && rel->kind != 'm' && rel->kind != 't') throw SqlError{sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not a table")};
  std::vector<std::string> problems;
  heap::check(*rel, problems);
  for (const IndexDesc& i : rel->indexes) btree::check(*rel, i, problems);
  for (const std::string& p : problems) t->rows.push_back({Table::text(p)});
  return owner.release();
}

SetFunction* postern_counters(FnContext&, const NullableDatum*, int) {
  auto* t = new Table{oid::kText};
  wal::Stats w = wal::stats();
  auto add = [&](const char* name, uint64_t v) { t->rows.push_back({Table::text(cat(name, "=", v))}); };
  add("region_generation", region::generation());
  add("slots_reaped", region::counters().slots_reaped.load());
  add("latches_repaired", region::counters().latches_repaired.load());
  add("wal_records", w.records);
  add("wal_bytes", w.bytes);
  add("wal_page_images", w.page_images);
  add("wal_writes", w.writes);
  add("wal_syncs", w.syncs);
  add("checkpoints", w.checkpoints);
  return t;
}

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(89, version), STRICT_FN(2026, backend_pid), STRICT_FN(2077, current_setting), STRICT_FN(3294, current_setting_missing), NULLABLE_FN(2078, set_config), STRICT_FN(2171, cancel_backend),
    STRICT_FN(2096, terminate_backend), STRICT_FN(2626, pg_sleep), STRICT_FN(2561, blocking_pids), STRICT_FN(3810, is_in_recovery), STRICT_FN(2621, reload_conf), STRICT_FN(2230, nothing),
    STRICT_FN(2880, (adv1<kX, true, false>)), STRICT_FN(2881, (adv1<kS, true, false>)), STRICT_FN(2882, (adv1<kX, true, true>)), STRICT_FN(2883, (adv1<kS, true, true>)), STRICT_FN(2884, unlock1<kX>), STRICT_FN(2885, unlock1<kS>),
    STRICT_FN(2886, (adv2<kX, true, false>)), STRICT_FN(2887, (adv2<kS, true, false>)), STRICT_FN(2888, (adv2<kX, true, true>)), STRICT_FN(2889, (adv2<kS, true, true>)), STRICT_FN(2890, unlock2<kX>), STRICT_FN(2891, unlock2<kS>),
    STRICT_FN(2892, unlock_all), STRICT_FN(3089, (adv1<kX, false, false>)), STRICT_FN(3090, (adv1<kS, false, false>)), STRICT_FN(3091, (adv1<kX, false, true>)), STRICT_FN(3092, (adv1<kS, false, true>)),
    STRICT_FN(3093, (adv2<kX, false, false>)), STRICT_FN(3094, (adv2<kS, false, false>)), STRICT_FN(3095, (adv2<kX, false, true>)), STRICT_FN(3096, (adv2<kS, false, true>)),
}));
constexpr auto kSets = sorted_by_oid(std::to_array<SetFnEntry>({
    {2084, show_all_settings}, {2022, stat_get_activity}, {1371, lock_status}, {2510, prepared_statement}, {2511, cursors}, {3401, hba_file_rules}, {6250, ident_file_mappings}, {9001, check_relation}, {9002, postern_counters},
}));

}  // namespace

const FnTables kSessionFns{kFns, {}, kSets};

}  // namespace postern::session
