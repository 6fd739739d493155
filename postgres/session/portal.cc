// Portals: executing a plan in steps and encoding its rows for the client.
#include <algorithm>
#include <charconv>

#include "common/base/cat.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"

namespace postern::session {

Portal& Session::create_portal(std::string name, PreparedRef p, std::vector<NullableDatum> params) {
  auto it = portals_.find(name);
  if (it != portals_.end()) {
    if (!name.empty()) throw SqlError{sqlstate::kDuplicateCursor, cat("cursor \"", name, "\" already exists")};
    drop_portal(*it->second);
    portals_.erase(it);
  }
  auto portal = std::make_unique<Portal>();
  portal->name = name;
  portal->prepared = std::move(p);
  portal->params = std::move(params);
  portal->savepoint_depth = txn::savepoint_depth();
  portal->creation_time = statement_start_us_;
  Portal& ref = *portal;
  portals_[std::move(name)] = std::move(portal);
  return ref;
}

void Session::set_columns(Portal& portal) {
  const sql::PlannedStmt& s = *portal.plan->stmt;
  portal.columns.reserve(s.column_names.size());
  for (size_t i = 0; i < s.column_names.size(); i++) portal.columns.push_back({s.column_names[i], s.column_types[i], s.column_typmods[i], s.origin_tables[i], s.origin_attnos[i]});
}

namespace {
// Temporary tables may be written by a transaction that is read only.
void check_read_only(const Portal& portal) {
  const sql::Query& q = *portal.plan->analyzed.query;
  auto refuse = [](const sql::Query& x, std::string_view what) {
    const RelationDesc* rel = x.rtable[static_cast<size_t>(x.result_rel)]->relation;
    if (rel && rel->persistence == 't') return;
    throw SqlError{sqlstate::kReadOnlySqlTransaction, cat("cannot execute ", what, " in a read-only transaction")};
  };
  auto verb = [](sql::Command c) { return c == sql::Command::kInsert ? "INSERT" : c == sql::Command::kUpdate ? "UPDATE" : "DELETE"; };
  if (q.command != sql::Command::kSelect && q.result_rel >= 0) refuse(q, verb(q.command));
  for (const sql::Cte* c : q.ctes)
    if (c->query && c->query->command != sql::Command::kSelect && c->query->result_rel >= 0) refuse(*c->query, "SELECT");
}
}  // namespace

void Session::start_portal(Portal& portal) {
  if (portal.started) return;
  portal.started = true;
  Prepared& p = *portal.prepared;
  if (!p.plannable) return;
  if (!portal.plan) portal.plan = plan_for(p, portal.params);
  const sql::PlannedStmt& s = *portal.plan->stmt;
  if (txn::read_only()) check_read_only(portal);
  if (portal.columns.empty()) set_columns(portal);
  if (portal.formats.size() != portal.columns.size()) portal.formats.resize(portal.columns.size(), portal.formats.size() == 1 ? portal.formats[0] : int16_t{0});
  portal.snapshot = txn::statement_snapshot();
  portal.snapshot_handle = txn::register_snapshot(portal.snapshot);
  exec::ExecSettings es;
  es.work_mem_bytes = cached_.work_mem_bytes;
  portal.run = std::make_unique<exec::Execution>(s, portal.params, portal.snapshot, this, es);
}

bool Session::fetch_batch(Portal& portal) {
  if (portal.done) return false;
  interrupts::check();
  portal.batch = portal.run->next();
  portal.at = 0;
  if (portal.batch.rows.count == 0) {
    portal.done = true;
    return false;
  }
  return true;
}

void Session::send_row_description(std::span<const ResultColumn> columns, std::span<const int16_t> formats) {
  out_.begin('T');
  out_.int16(static_cast<int16_t>(columns.size()));
  for (size_t i = 0; i < columns.size(); i++) {
    const ResultColumn& c = columns[i];
    out_.cstring(c.name);
    out_.int32(static_cast<int32_t>(raw(c.table)));
    out_.int16(c.attno);
    Oid type = c.type == oid::kUnknown ? oid::kText : c.type;
    out_.int32(static_cast<int32_t>(raw(type)));
    const TypeInfo* t = find_type(type);
    int16_t len = t ? t->len : -1;
    if (type == oid::kName) len = 64;
    if (type == oid::kUnknown || type == oid::kCstring) len = -2;
    out_.int16(len);
    out_.int32(c.typmod);
    out_.int16(i < formats.size() ? formats[i] : 0);
  }
  out_.end();
}

namespace {

// One column of a DataRow: 4 bytes length, then the value.
void put_value(std::string& out, FnContext& cx, const TypeInfo& t, bool binary, Datum d) {
  size_t at = out.size();
  out.append(4, '\0');
  if (!binary) {
    switch (raw(t.oid)) {
      case 23: case 20: case 21: {
        char buf[24];
        out.append(buf, static_cast<size_t>(std::to_chars(buf, buf + sizeof buf, as_int8(d)).ptr - buf));
        break;
      }
      case 25: case 1043: out.append(as_view(d)); break;
      default: t.out(cx, d, out); break;
    }
  } else {
    if (!t.send) throw SqlError{sqlstate::kUndefinedFunction, cat("no binary output function available for type ", t.name)};
    t.send(cx, d, out);
  }
  store_be<int32_t>(out.data() + at, static_cast<int32_t>(out.size() - at - 4));
}

const TypeInfo& output_type(Oid type) {
  const TypeInfo* t = find_type(type);
  return t ? *t : type_info(oid::kRecord);   // table row types
}

}  // namespace

void Session::send_rows(const exec::Batch& batch, uint32_t from, uint32_t count, std::span<const ResultColumn> columns, std::span<const int16_t> formats) {
  Arena arena;
  FnContext cx = fn_context(arena);
  struct Column { const TypeInfo* type; bool binary; };
  Column fixed[32];
  std::vector<Column> many;
  Column* cols = fixed;
  if (columns.size() > 32) {
    many.resize(columns.size());
    cols = many.data();
  }
  for (size_t c = 0; c < columns.size(); c++) cols[c] = {&output_type(columns[c].type), c < formats.size() && formats[c] != 0};
  std::string& out = conn_.out();
  for (uint32_t i = 0; i < count; i++) {
    uint32_t row = batch.rows.row(from + i);
    out_.begin('D');
    out_.int16(static_cast<int16_t>(columns.size()));
    for (size_t c = 0; c < columns.size(); c++) {
      const Vector& v = batch.columns[c];
      if (v.null(row)) out_.int32(-1);
      else put_value(out, cx, *cols[c].type, cols[c].binary, v.value(row));
    }
    out_.end();
    if (out.size() >= Connection::kFlushBytes) {
      conn_.flush();
      arena.reset();
    }
  }
}

void Session::send_stored_row(const std::vector<NullableDatum>& row, std::span<const ResultColumn> columns, std::span<const int16_t> formats) {
  Arena arena;
  FnContext cx = fn_context(arena);
  out_.begin('D');
  out_.int16(static_cast<int16_t>(columns.size()));
  for (size_t c = 0; c < columns.size(); c++) {
    if (row[c].null) out_.int32(-1);
    else put_value(conn_.out(), cx, output_type(columns[c].type), c < formats.size() && formats[c] != 0, row[c].value);
  }
  out_.end();
  conn_.flush_if_large();
}

bool Session::run_portal(Portal& portal, uint64_t max_rows, bool describe) {
  struct Active {
    Portal*& slot;
    Portal* before;
    ~Active() { slot = before; }
  } active{active_portal_, active_portal_};
  active_portal_ = &portal;
  if (!portal.prepared->stmt) {
    portal.done = true;
    return true;
  }
  bool first = !portal.started;
  start_portal(portal);
  if (!portal.prepared->plannable && first) {
    PreparedRef own = portal.prepared;   // EXECUTE puts another in its place
    run_utility(portal);
    if (portal.formats.size() != portal.columns.size()) portal.formats.resize(portal.columns.size(), portal.formats.size() == 1 ? portal.formats[0] : int16_t{0});
  }
  const Prepared& p = *portal.prepared;
  bool returns_rows = !portal.columns.empty() || (p.plannable && (p.stmt->kind == ast::StmtKind::kSelect || portal.plan->stmt->column_names.size()));
  if (describe && returns_rows) send_row_description(portal.columns, portal.formats);
  uint64_t sent = 0;
  if (portal.stored || !p.plannable) {
    while (portal.store_at < portal.store.size() && (max_rows == 0 || sent < max_rows)) {
      send_stored_row(portal.store[portal.store_at++], portal.columns, portal.formats);
      sent++;
    }
    portal.rows_sent += sent;
    portal.done = portal.store_at >= portal.store.size();
    return portal.done;
  }
  // What RETURNING gives is kept, so that the changes are complete even if the client asks for no more of it.
  if (max_rows && portal.plan->stmt->command != sql::Command::kSelect && returns_rows) {
    remember_rows(portal);
    return run_portal(portal, max_rows, false);
  }
  if (!returns_rows) {
    while (fetch_batch(portal)) {}
    portal.rows_sent = portal.run->affected_rows();
    return true;
  }
  while (max_rows == 0 || sent < max_rows) {
    if (portal.at >= portal.batch.rows.count && !fetch_batch(portal)) break;
    uint32_t n = portal.batch.rows.count - portal.at;
    if (max_rows) n = static_cast<uint32_t>(std::min<uint64_t>(n, max_rows - sent));
    send_rows(portal.batch, portal.at, n, portal.columns, portal.formats);
    portal.at += n;
    portal.position += n;
    sent += n;
  }
  portal.rows_sent += sent;
  // Suspended exactly at the end of a batch: the client learns it with the next Execute, as from PostgreSQL.
  return portal.done;
}

std::string Session::complete_tag(const Portal& portal) const {
  if (!portal.tag.empty()) return portal.tag;
  const ast::Stmt* s = portal.prepared->stmt;
  uint64_t n = portal.run ? portal.run->affected_rows() : 0;
  switch (s->kind) {
    case ast::StmtKind::kInsert: return cat("INSERT 0 ", n);
    case ast::StmtKind::kUpdate: return cat("UPDATE ", n);
    case ast::StmtKind::kDelete: return cat("DELETE ", n);
    default: return cat("SELECT ", portal.rows_sent);
  }
}

void Session::drop_portal(Portal& portal) {
  portal.run.reset();
  if (portal.snapshot_handle) txn::unregister_snapshot(portal.snapshot_handle);
  portal.snapshot_handle = 0;
}

void Session::drop_portals(bool at_transaction_end, bool keep_held) {
  for (auto it = portals_.begin(); it != portals_.end();) {
    Portal& p = *it->second;
    if (&p == active_portal_ || (keep_held && p.hold && p.stored)) {
      ++it;
      continue;
    }
    drop_portal(p);
    it = portals_.erase(it);
  }
  (void)at_transaction_end;
}

// Keeps all remaining rows (and, for scrollable cursors, those already returned) in memory.
void Session::remember_rows(Portal& portal) {
  if (portal.stored) return;
  start_portal(portal);
  size_t skip = portal.store.size();
  (void)skip;
  while (true) {
    if (portal.at >= portal.batch.rows.count && !fetch_batch(portal)) break;
    for (; portal.at < portal.batch.rows.count; portal.at++) {
      uint32_t row = portal.batch.rows.row(portal.at);
      std::vector<NullableDatum> r(portal.columns.size());
      for (size_t c = 0; c < r.size(); c++) {
        const Vector& v = portal.batch.columns[c];
        r[c].null = v.null(row);
        if (r[c].null) continue;
        const TypeInfo* t = find_type(portal.columns[c].type);
        bool by_value = t && t->by_value;
        r[c].value = by_value ? v.value(row) : make_bytes(portal.arena, as_view(v.value(row)));
      }
      portal.store.push_back(std::move(r));
    }
  }
  portal.stored = true;
  portal.store_at = 0;
  portal.done = false;
  if (portal.plan && portal.plan->stmt->command != sql::Command::kSelect) portal.tag = complete_tag(portal);
  drop_portal(portal);
}

void Session::persist_held_cursors() {
  for (auto& [name, p] : portals_)
    if (p->hold && !p->stored) {
      int64_t position = p->position;
      remember_rows(*p);
      // Rows fetched before are gone from a forward-only cursor; what is stored begins after them.
      p->position = p->scroll ? position : 0;
      p->store_at = 0;
    }
}

}  // namespace postern::session
