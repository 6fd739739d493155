// DECLARE, FETCH, MOVE. A cursor is a portal; forward-only ones run step by step, scrollable ones keep their rows.
#include "common/base/cat.h"
#include "postgres/session/session.h"
#include "postgres/sql/ast/ast.h"

namespace postern::session {

namespace {

// Plans whose cursors PostgreSQL lets go backwards without being asked for SCROLL.
bool goes_backward(const sql::Plan* p) {
  if (!p) return true;
  using K = sql::PlanKind;
  switch (p->kind) {
    case K::kSeqScan: case K::kIndexScan: case K::kIndexOnlyScan: case K::kTidScan: case K::kFunctionScan: case K::kValuesScan: case K::kCteScan: case K::kMaterialize: case K::kSort: return true;
    case K::kResult: case K::kProject: case K::kFilter: case K::kSubqueryScan: case K::kLimit: return goes_backward(p->left);
    default: return false;
  }
}

}  // namespace

void Session::run_declare(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::DeclareCursorStmt>(stmt);
  if (!s.hold && !txn::in_block()) throw SqlError{sqlstate::kNoActiveSqlTransaction, "DECLARE CURSOR can only be used in transaction blocks"};
  std::string name(s.name);
  if (portals_.contains(name) && !name.empty()) throw SqlError{sqlstate::kDuplicateCursor, cat("cursor \"", name, "\" already exists")};
  // The cursor outlives this statement: it parses the text for itself.
  auto p = std::make_shared<Prepared>();
  p->text = portal.prepared->text;
  const ast::DeclareCursorStmt* mine = nullptr;
  for (auto& item : sql::parse(p->text, p->arena))
    if (const auto* c = ast::as<ast::DeclareCursorStmt>(static_cast<const ast::Stmt*>(item.stmt)); c && c->name == s.name) mine = c;
  if (!mine) throw_internal("cursor declaration lost");
  p->stmt = mine->query;
  p->plannable = true;
  p->params.types = portal.prepared->params.types;
  Portal& c = create_portal(name, p, {});
  c.params = portal.params;
  c.cursor = true;
  c.scroll = s.scroll;
  c.no_scroll = s.no_scroll;
  c.hold = s.hold;
  c.binary = s.binary;
  try {
    c.formats.assign(1, s.binary ? 1 : 0);
    start_portal(c);
    c.backward_ok = c.scroll || (!c.no_scroll && c.plan->analyzed.query->row_marks.empty() && goes_backward(c.plan->stmt->root));
    if (c.plan->stmt->command != sql::Command::kSelect) throw SqlError{sqlstate::kInvalidCursorDefinition, "DECLARE CURSOR must not contain data-modifying statements in WITH"};
  } catch (...) {
    portals_.erase(name);
    throw;
  }
  portal.tag = "DECLARE CURSOR";
}

namespace {
constexpr int64_t kAll = ast::kFetchAll;
}

void Session::run_fetch(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::FetchStmt>(stmt);
  auto it = portals_.find(std::string(s.cursor));
  if (it == portals_.end() || it->second.get() == &portal) throw SqlError{sqlstate::kInvalidCursorName, cat("cursor \"", s.cursor, "\" does not exist")};
  Portal& c = *it->second;
  start_portal(c);
  portal.columns = c.columns;
  portal.stored = true;
  if (c.binary) portal.formats.assign(1, 1);
  bool backward = s.direction == ast::FetchDirection::kBackward;
  int64_t count = s.count;
  if (!backward && s.direction == ast::FetchDirection::kForward && count < 0) {
    backward = true;
    count = -count;
  } else if (backward && count < 0) {
    backward = false;
    count = -count;
  }
  bool plain_forward = !backward && s.direction == ast::FetchDirection::kForward;
  bool refetch = s.direction == ast::FetchDirection::kForward && count == 0;
  if (!plain_forward || refetch) {
    // ABSOLUTE and RELATIVE may be forward moves too, but then they need a scrollable cursor only when they go back.
    bool goes_back = backward || refetch || (s.direction == ast::FetchDirection::kRelative && s.count <= 0) ||
                     (s.direction == ast::FetchDirection::kAbsolute && (s.count < 0 || s.count <= c.position));
    if (goes_back && !c.scroll && !c.stored && c.backward_ok) {
      // Its rows are read again, from the start, as the cursor's snapshot has them.
      c.run.reset();
      c.batch = {};
      c.at = 0;
      c.done = false;
      exec::ExecSettings es;
      es.work_mem_bytes = cached_.work_mem_bytes;
      c.run = std::make_unique<exec::Execution>(*c.plan->stmt, c.params, c.snapshot, this, es);
      c.scroll = true;
    }
    if (goes_back && !c.scroll && !c.stored)
      throw SqlError{sqlstate::kObjectNotInPrerequisiteState, "cursor can only scan forward", {}, "Declare it with SCROLL option to enable backward scan."};
  }
  uint64_t moved = 0;
  auto take = [&](const std::vector<NullableDatum>& row) {
    moved++;
    if (s.move) return;
    std::vector<NullableDatum> r = row;
    for (size_t i = 0; i < r.size(); i++) {
      const TypeInfo* t = find_type(portal.columns[i].type);
      if (!r[i].null && (!t || !t->by_value)) r[i].value = make_bytes(portal.arena, as_view(r[i].value));
    }
    portal.store.push_back(std::move(r));
  };
  if (c.scroll || c.stored) {
    if (!c.stored) {
      int64_t at = c.position;
      remember_rows(c);
      c.position = at;
    }
    auto n = static_cast<int64_t>(c.store.size());
    auto row = [&](int64_t pos) { if (pos >= 1 && pos <= n) take(c.store[static_cast<size_t>(pos - 1)]); };
    switch (s.direction) {
      case ast::FetchDirection::kForward:
      case ast::FetchDirection::kBackward: {
        if (count == 0) { row(c.position); break; }
        int64_t step = backward ? -1 : 1;
        for (int64_t i = 0; count == kAll || i < count; i++) {
          int64_t next = c.position + step;
          if (next < 1 || next > n) {
            c.position = next < 1 ? 0 : n + 1;
            break;
          }
          c.position = next;
          row(next);
        }
        break;
      }
      case ast::FetchDirection::kAbsolute:
      case ast::FetchDirection::kRelative: {
        int64_t pos = s.direction == ast::FetchDirection::kRelative ? c.position + s.count : s.count >= 0 ? s.count : n + 1 + s.count;
        c.position = pos < 0 ? 0 : pos > n ? n + 1 : pos;
        row(c.position);
        break;
      }
    }
  } else {
    int64_t skip = 0;
    if (s.direction == ast::FetchDirection::kAbsolute) {
      skip = s.count - c.position - 1;
      count = 1;
    } else if (s.direction == ast::FetchDirection::kRelative) {
      skip = s.count - 1;
      count = 1;
    }
    for (int64_t i = -skip; count == kAll || i < count; i++) {
      bool ended = c.done;
      if (c.at >= c.batch.rows.count && !fetch_batch(c)) {
        if (!ended) c.position++;              // after the last row
        break;
      }
      uint32_t r = c.batch.rows.row(c.at++);
      c.position++;
      if (i < 0) continue;
      std::vector<NullableDatum> row(c.columns.size());
      for (size_t k = 0; k < row.size(); k++) {
        const Vector& v = c.batch.columns[k];
        row[k].null = v.null(r);
        if (!row[k].null) row[k].value = v.value(r);
      }
      take(row);
    }
  }
  portal.tag = cat(s.move ? "MOVE " : "FETCH ", moved);
  if (s.move) {
    portal.columns.clear();
    portal.store.clear();
  }
}

}  // namespace postern::session
