// For unit tests of txn and access: a site with everything below attached, and a small table.
#pragma once
#include <string>
#include <vector>

#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/region/test_site.h"
#include "postgres/wal/files.h"
#include "postgres/wal/wal.h"

namespace postern {

inline void test_attach(const region::TestSite& site, uint64_t buffers = 8 << 20) {
  static bool hooked = false;
  if (!hooked) {
    wal::attach_hooks();
    txn::attach_hooks();
    heap::attach_hooks();
    btree::attach_hooks();
    hooked = true;
  }
  if (region::attach(site.options(buffers)).must_recover) {
    wal::Recovery r = wal::recover();
    txn::after_recovery();
    if (r.records) wal::checkpoint();
    region::mark_ready();
  }
  region::my_slot().database.store(5);
}
inline void test_new_site(const region::TestSite& site) {
  wal::create(site.path);
  ::mkdir((site.path + "/base/5").c_str(), 0700);
}

inline AttrDesc test_attr(std::string name, Oid type, int16_t len, bool by_value, char storage = 'p') {
  AttrDesc a;
  a.name = std::move(name);
  a.type = type;
  a.len = len;
  a.by_value = by_value;
  a.storage = storage;
  return a;
}
// (id int4, balance int4, note text)
inline RelationDesc test_table(uint32_t number = 20000) {
  RelationDesc rel;
  rel.oid = Oid{number};
  rel.name = std::string("t");
  rel.file = {Oid{5}, Oid{number}};
  rel.attrs.push_back(test_attr("id", oid::kInt4, 4, true));
  rel.attrs.push_back(test_attr("balance", oid::kInt4, 4, true));
  rel.attrs.push_back(test_attr("note", oid::kText, -1, false, 'x'));
  return rel;
}
inline void add_test_index(RelationDesc& rel, int16_t attno) {
  IndexDesc index;
  index.oid = Oid{30000};
  index.unique = true;
  index.keys.push_back({attno, oid::kInt4, Oid{0}, Oid{0}, false, false});
  rel.indexes.push_back(std::move(index));
}

struct TestRow {
  int32_t id = 0, balance = 0;
  std::string note;
  Tid tid;
};
inline Tid test_insert(const RelationDesc& rel, int32_t id, int32_t balance, std::string_view note = "") {
  Arena arena;
  Datum v[3] = {from_int(id), from_int(balance), make_bytes(arena, note)};
  uint8_t nulls[3] = {};
  return heap::insert(rel, {v, nulls});
}
inline heap::ModifyResult test_update(const RelationDesc& rel, Tid tid, int32_t id, int32_t balance, std::string_view note = "",
                                      const txn::Snapshot* snapshot = nullptr) {
  Arena arena;
  Datum v[3] = {from_int(id), from_int(balance), make_bytes(arena, note)};
  uint8_t nulls[3] = {};
  return heap::update(rel, tid, {v, nulls}, snapshot ? *snapshot : txn::statement_snapshot());
}

struct TestWanted {
  Datum values[3][kBatchRows];
  uint8_t nulls[3][kBatchRows];
  Tid tids[kBatchRows];
  Vector out[3];
  int16_t attnos[3] = {1, 2, 3};
  heap::Wanted wanted() {
    for (int i = 0; i < 3; i++) out[i] = {values[i], nulls[i], 1};
    return {attnos, out, tids};
  }
  TestRow row(uint32_t i) { return {as_int4(values[0][i]), as_int4(values[1][i]), std::string(as_view(values[2][i])), tids[i]}; }
};
inline std::vector<TestRow> test_rows(const RelationDesc& rel, const txn::Snapshot& s) {
  auto w = std::make_unique<TestWanted>();
  std::vector<TestRow> rows;
  heap::Scan scan(rel, s);
  Arena arena;
  while (uint32_t n = scan.next(w->wanted(), arena))
    for (uint32_t i = 0; i < n; i++) rows.push_back(w->row(i));
  return rows;
}
inline std::vector<TestRow> test_rows(const RelationDesc& rel) { return test_rows(rel, txn::statement_snapshot()); }
inline std::vector<std::string> test_check(const RelationDesc& rel) {
  std::vector<std::string> problems;
  heap::check(rel, problems);
  return problems;
}
inline void test_create(const RelationDesc& rel) {
  txn::start();
  heap::create_storage(rel.file);
  txn::commit();
}

}  // namespace postern
