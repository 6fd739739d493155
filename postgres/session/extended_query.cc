// Parse, Bind, Describe, Execute, Close.
#include "common/base/cat.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/types/utf8.h"

namespace postern::session {

namespace {
constexpr int kMaxParams = 65535;

void check_message(const wire::Reader& r) {
  if (r.failed() || !r.at_end()) throw SqlError{sqlstate::kProtocolViolation, "invalid message format"};
}
}  // namespace

void Session::parse_message(std::string_view body) {
  wire::Reader r(body);
  std::string_view name = r.cstring(), text = r.cstring();
  int n = static_cast<uint16_t>(r.int16());
  std::vector<Oid> types;
  for (int i = 0; i < n && !r.failed(); i++) types.push_back(Oid{static_cast<uint32_t>(r.int32())});
  check_message(r);
  check_utf8(text);
  report_activity(text);
  interrupts::start_statement(cached_.statement_timeout_ms);
  if (!name.empty() && prepared_.contains(std::string(name)))
    throw SqlError{sqlstate::kDuplicatePstatement, cat("prepared statement \"", name, "\" already exists")};
  for (Oid& t : types)
    if (t == oid::kUnknown) t = Oid{0};
  PreparedRef p = prepare(name, text, nullptr, std::move(types), true);
  p->fixed_result = true;
  check_failed_block(p->stmt);
  start_transaction_if_needed();
  if (p->plannable) {
    p->generic = make_plan(*p, {});   // finds the parameter types
    txn::release_snapshot();
  }
  for (size_t i = 0; i < p->params.types.size(); i++)
    if (raw(p->params.types[i]) == 0) throw SqlError{sqlstate::kIndeterminateDatatype, cat("could not determine data type of parameter $", i + 1)};
  if (name.empty()) unnamed_ = p;
  else prepared_[std::string(name)] = p;
  out_.begin('1');
  out_.end();
}

void Session::bind_message(std::string_view body) {
  wire::Reader r(body);
  std::string portal_name(r.cstring()), statement_name(r.cstring());
  PreparedRef p;
  if (statement_name.empty()) {
    p = unnamed_;
    if (!p) throw SqlError{sqlstate::kInvalidSqlStatementName, "unnamed prepared statement does not exist"};
  } else {
    auto it = prepared_.find(statement_name);
    if (it == prepared_.end()) throw SqlError{sqlstate::kInvalidSqlStatementName, cat("prepared statement \"", statement_name, "\" does not exist")};
    p = it->second;
  }
  report_activity(p->text);
  check_failed_block(p->stmt);
  start_transaction_if_needed();
  int n_formats = static_cast<uint16_t>(r.int16());
  std::vector<int16_t> formats;
  for (int i = 0; i < n_formats && !r.failed(); i++) formats.push_back(r.int16());
  int n = static_cast<uint16_t>(r.int16());
  if (r.failed()) check_message(r);
  if (n_formats > 1 && n_formats != n)
    throw SqlError{sqlstate::kProtocolViolation, cat("bind message has ", n_formats, " parameter formats but ", n, " parameters")};
  if (static_cast<size_t>(n) != p->params.types.size())
    throw SqlError{sqlstate::kProtocolViolation, cat("bind message supplies ", n, " parameters, but prepared statement \"", statement_name, "\" requires ", p->params.types.size())};
  Portal& portal = create_portal(portal_name, p, {});
  try {
    FnContext cx = fn_context(portal.arena);
    for (int i = 0; i < n; i++) {
      int32_t length = r.int32();
      if (length == -1) {
        portal.params.push_back({0, true});
        continue;
      }
      if (length < 0) throw SqlError{sqlstate::kProtocolViolation, "invalid message format"};
      std::string_view value = r.bytes(static_cast<size_t>(length));
      if (r.failed()) check_message(r);
      int16_t format = n_formats == 0 ? int16_t{0} : n_formats == 1 ? formats[0] : formats[static_cast<size_t>(i)];
      const TypeInfo* t = find_type(p->params.types[static_cast<size_t>(i)]);
      if (!t) t = &type_info(oid::kRecord);
      Datum d;
      if (format == 0) {
        check_utf8(value);
        if (value.find('\0') != std::string_view::npos) throw SqlError{sqlstate::kCharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00"};
        d = t->in(cx, value, -1);
      } else if (format == 1) {
        if (!t->recv) throw SqlError{sqlstate::kUndefinedFunction, cat("no binary input function available for type ", t->name)};
        d = t->recv(cx, value, -1);
      } else {
        throw SqlError{sqlstate::kInvalidParameterValue, cat("unsupported format code: ", format)};
      }
      portal.params.push_back({d, false});
    }
    int n_results = static_cast<uint16_t>(r.int16());
    for (int i = 0; i < n_results && !r.failed(); i++) portal.formats.push_back(r.int16());
    check_message(r);
    for (int16_t f : portal.formats)
      if (f != 0 && f != 1) throw SqlError{sqlstate::kInvalidParameterValue, cat("unsupported format code: ", f)};
    if (p->plannable) {
      portal.plan = plan_for(*p, portal.params);
      set_columns(portal);
      size_t columns = portal.plan->stmt->column_names.size();
      if (portal.formats.size() > 1 && portal.formats.size() != columns)
        throw SqlError{sqlstate::kProtocolViolation, cat("bind message has ", portal.formats.size(), " result formats but query has ", columns, " columns")};
    }
  } catch (...) {
    auto it = portals_.find(portal_name);
    if (it != portals_.end()) portals_.erase(it);
    throw;
  }
  out_.begin('2');
  out_.end();
}

void Session::describe_message(std::string_view body) {
  wire::Reader r(body);
  char what = r.byte();
  std::string name(r.cstring());
  check_message(r);
  if (what == 'S') {
    PreparedRef p;
    if (name.empty()) p = unnamed_;
    else if (auto it = prepared_.find(name); it != prepared_.end()) p = it->second;
    if (!p) throw SqlError{sqlstate::kInvalidSqlStatementName, name.empty() ? "unnamed prepared statement does not exist" : cat("prepared statement \"", name, "\" does not exist")};
    check_failed_block(p->stmt);
    start_transaction_if_needed();
    out_.begin('t');
    out_.int16(static_cast<int16_t>(p->params.types.size()));
    for (Oid t : p->params.types) out_.int32(static_cast<int32_t>(raw(t)));
    out_.end();
    auto columns = describe_columns(*p);
    if (columns.empty() && !returns_rows(*p)) {
      out_.begin('n');
      out_.end();
    } else {
      send_row_description(columns, {});
    }
    txn::release_snapshot();
    return;
  }
  if (what != 'P') throw SqlError{sqlstate::kProtocolViolation, cat("invalid DESCRIBE message subtype ", static_cast<int>(what))};
  auto it = portals_.find(name);
  if (it == portals_.end()) throw SqlError{sqlstate::kUndefinedCursor, cat("portal \"", name, "\" does not exist")};
  Portal& portal = *it->second;
  check_failed_block(portal.prepared->stmt);
  std::vector<ResultColumn> described;
  if (!portal.plan) described = describe_columns(*portal.prepared);
  const std::vector<ResultColumn>& columns = portal.plan ? portal.columns : described;
  if (columns.empty() && !returns_rows(*portal.prepared)) {
    out_.begin('n');
    out_.end();
    return;
  }
  if (portal.formats.size() == columns.size()) return send_row_description(columns, portal.formats);
  std::vector<int16_t> formats = portal.formats;
  formats.resize(columns.size(), formats.size() == 1 ? formats[0] : int16_t{0});
  send_row_description(columns, formats);
}

void Session::execute_message(std::string_view body) {
  wire::Reader r(body);
  std::string name(r.cstring());
  int32_t max_rows = r.int32();
  check_message(r);
  auto it = portals_.find(name);
  if (it == portals_.end()) throw SqlError{sqlstate::kUndefinedCursor, cat("portal \"", name, "\" does not exist")};
  Portal& portal = *it->second;
  if (!portal.prepared->stmt) {
    out_.begin('I');
    out_.end();
    return;
  }
  check_failed_block(portal.prepared->stmt);
  start_transaction_if_needed();
  report_activity(portal.prepared->text);
  interrupts::start_statement(cached_.statement_timeout_ms);
  portal.rows_sent = 0;
  if (cached_.log_statement != Cached::LogStatement::kNone && !portal.started) log_statement(portal.prepared->stmt, cat("execute ", portal.prepared->name.empty() ? "<unnamed>" : portal.prepared->name, ": "), portal.prepared->text);
  PreparedRef keep = portal.prepared;
  bool done = run_portal(portal, max_rows > 0 ? static_cast<uint64_t>(max_rows) : 0, false);
  if (!done) {
    out_.begin('s');
    out_.end();
  } else {
    out_.begin('C');
    out_.cstring(complete_tag(portal));
    out_.end();
    if (portal.run) {
      portal.run.reset();
      drop_portal(portal);
    }
    if (txn::state() == txn::State::kInProgress) txn::next_command();
  }
  txn::release_snapshot();
  if (cached_.log_min_duration_ms >= 0) log_duration(cat("execute ", keep->name.empty() ? "<unnamed>" : keep->name, ": "), keep->text);
  interrupts::end_statement();
}

void Session::close_message(std::string_view body) {
  wire::Reader r(body);
  char what = r.byte();
  std::string name(r.cstring());
  check_message(r);
  if (what == 'S') {
    if (name.empty()) unnamed_.reset();
    else prepared_.erase(name);
  } else if (what == 'P') {
    if (auto it = portals_.find(name); it != portals_.end()) {
      drop_portal(*it->second);
      portals_.erase(it);
    }
  } else {
    throw SqlError{sqlstate::kProtocolViolation, cat("invalid CLOSE message subtype ", static_cast<int>(what))};
  }
  out_.begin('3');
  out_.end();
}

}  // namespace postern::session
