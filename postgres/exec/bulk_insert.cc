// Bulk insertion: rows are collected and written a page at a time.
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap.h"
#include "postgres/exec/constraints.h"
#include "postgres/exec/exec.h"
#include "postgres/exec/foreign_keys.h"
#include "postgres/exec/index_insert.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/types/session_services.h"

namespace postern::exec {

namespace {
constexpr uint32_t kRowsHeld = kBatchRows;
constexpr size_t kBytesHeld = 512 << 10;
}  // namespace

struct BulkInserter::Impl {
  const RelationDesc& table;
  SessionServices* services;
  int natts;
  Arena code{1024}, memory{16384}, check_memory{1024};
  std::vector<sql::Expr*> checks;
  std::vector<std::string_view> check_names;
  RowConstraints constraints;
  std::vector<IndexKeys> indexes;
  std::vector<uint8_t> by_value;
  std::vector<Vector> columns;       // of the rows held, for the constraints
  std::vector<heap::Row> rows;
  std::vector<Tid> tids;
  std::vector<KeyEvent> key_events;
  std::optional<KeyWatch> keys;
  size_t bytes = 0;
  uint64_t count = 0;

  Impl(const RelationDesc& t, SessionServices* s, bool check_keys) : table(t), services(s), natts(t.natts()) {
    if (check_keys) keys.emplace(t, key_events);
    for (const CheckDesc& c : t.checks) {
      checks.push_back(sql::analyze_expression(c.expression, &t, oid::kBool, -1, code));
      check_names.push_back(c.name);
    }
    constraints.init(Compiler{nullptr, s, &code, &check_memory}, t, checks, check_names);
    for (const IndexDesc& i : t.indexes) indexes.emplace_back(t, i, s);
    for (const AttrDesc& a : t.attrs) by_value.push_back(a.by_value);
    columns.resize(t.attrs.size());
    tids.resize(kRowsHeld);
  }

  void flush() {
    if (rows.empty()) return;
    if (services) services->check_interrupts();
    check_rows();
    heap::multi_insert(table, rows, tids.data());
    for (size_t i = 0; i < rows.size() && !indexes.empty(); i++)
      for (IndexKeys& k : indexes)
        if (k.compute(rows[i].values, rows[i].nulls))
          btree::insert(table, k.index(), k.keys(), k.nulls(), tids[i], k.index().unique ? btree::UniqueCheck::kYes : btree::UniqueCheck::kNone);
    if (keys)
      for (size_t i = 0; i < rows.size(); i++) keys->inserted(tids[i]);
    count += rows.size();
    rows.clear();
    memory.reset();
    bytes = 0;
  }
  void check_rows() {
    check_memory.reset();
    uint32_t n = static_cast<uint32_t>(rows.size());
    if (checks.empty()) {
      // Only NOT NULL: one pass by row.
      for (uint32_t r = 0; r < n; r++)
        for (int i = 0; i < natts; i++)
          if (rows[r].nulls[i] && table.attrs[i].not_null && !table.attrs[i].dropped) check_one(r);
      return;
    }
    for (int i = 0; i < natts; i++) {
      columns[i] = Vector{check_memory.alloc_array<Datum>(n), check_memory.alloc_array<uint8_t>(n), 1};
      for (uint32_t r = 0; r < n; r++) {
        columns[i].values[r] = rows[r].values[i];
        columns[i].nulls[r] = rows[r].nulls[i];
      }
    }
    constraints.check(columns.data(), Rows{nullptr, n});
  }
  void check_one(uint32_t r) {
    for (int i = 0; i < natts; i++) columns[i] = Vector{const_cast<Datum*>(rows[r].values + i), const_cast<uint8_t*>(rows[r].nulls + i), 0};
    constraints.check(columns.data(), Rows{nullptr, 1});
  }
};

BulkInserter::BulkInserter(const RelationDesc& table, SessionServices* services, bool check_keys) : impl_(new Impl(table, services, check_keys)) {}
BulkInserter::~BulkInserter() = default;

void BulkInserter::add(const Datum* values, const uint8_t* nulls) {
  Impl& s = *impl_;
  auto* v = s.memory.alloc_array<Datum>(s.natts);
  auto* n = s.memory.alloc_array<uint8_t>(s.natts);
  for (int i = 0; i < s.natts; i++) {
    n[i] = nulls && nulls[i];
    v[i] = n[i] ? 0 : s.by_value[i] ? values[i] : make_bytes(s.memory, as_view(values[i]));
    if (!n[i] && !s.by_value[i]) s.bytes += as_bytes(v[i])->size;
  }
  s.rows.push_back(heap::Row{v, n});
  s.bytes += s.natts * 9;
  if (s.rows.size() >= kRowsHeld || s.bytes >= kBytesHeld) s.flush();
}
void BulkInserter::finish() {
  impl_->flush();
  run_key_events(impl_->key_events, impl_->services);
}
uint64_t BulkInserter::count() const { return impl_->count + impl_->rows.size(); }

}  // namespace postern::exec
