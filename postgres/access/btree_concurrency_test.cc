// Several processes on one tree; death in the middle of splits.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "postgres/access/btree_internal.h"
#include "postgres/access/test_heap.h"

using namespace postern;
using namespace postern::btree;
using region::Child;
using region::TestSite;

namespace {

RelationDesc table_with_index() {
  RelationDesc rel = test_table(21000);
  IndexDesc index;
  index.name = "t_pkey";
  index.unique = true;
  index.file = {Oid{5}, Oid{21001}};
  index.keys = {{1, oid::kInt4}};
  rel.indexes.push_back(index);
  return rel;
}
void create(const RelationDesc& rel) {
  txn::start();
  heap::create_storage(rel.file);
  create_storage(rel.indexes[0]);
  txn::commit();
}
void put(const RelationDesc& rel, int id) {
  Tid tid = test_insert(rel, id, 1);
  Datum v = from_int(id);
  insert(rel, rel.indexes[0], &v, nullptr, tid, UniqueCheck::kYes);
}
std::vector<std::string> problems_of(const RelationDesc& rel) {
  txn::start();
  std::vector<std::string> problems = test_check(rel);
  check(rel, rel.indexes[0], problems);
  txn::commit();
  return problems;
}
std::vector<int> committed_ids(const RelationDesc& rel) {
  txn::start();
  std::vector<int> ids;
  for (const TestRow& r : test_rows(rel)) ids.push_back(r.id);
  txn::commit();
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

TEST_CASE("btree: concurrent inserters of the same keys: each key exactly once") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = table_with_index();
  constexpr int kKeys = 1500;
  std::vector<std::unique_ptr<Child>> children;
  for (uint32_t c = 0; c < 4; c++) {
    children.push_back(std::make_unique<Child>([&, c](Child&) {
      test_attach(site);
      std::mt19937 rng(c);
      std::vector<int> ids(kKeys);
      for (int i = 0; i < kKeys; i++) ids[static_cast<size_t>(i)] = i;
      std::shuffle(ids.begin(), ids.end(), rng);
      for (int id : ids) {
        txn::start();
        try {
          put(rel, id);
          c != 0 && rng() % 3 == 0 ? txn::abort() : txn::commit();   // child 0 never gives up: all keys get in
        } catch (const SqlError& e) {
          txn::abort();
          if (e.sqlstate != sqlstate::kUniqueViolation) throw;
        }
      }
      region::detach();
    }));
  }
  test_attach(site);
  create(rel);
  for (auto& c : children) c->go();
  for (auto& c : children) CHECK(c->wait() == 0);
  std::vector<int> ids = committed_ids(rel);
  CHECK(ids.size() == kKeys);
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  for (auto& p : problems_of(rel)) FAIL_CHECK(p);

  // Vacuum removes what the aborted ones left.
  txn::start();
  heap::vacuum(rel, [&](const heap::DeadTids& dead) { vacuum(rel.indexes[0], dead); });
  txn::commit();
  for (auto& p : problems_of(rel)) FAIL_CHECK(p);
  uint32_t entries = 0;
  Scan s(rel.indexes[0], {}, true);
  Tid tids[256];
  while (uint32_t n = s.next(tids, 256, nullptr, nullptr)) entries += n;
  CHECK(entries == kKeys);
}

TEST_CASE("btree: scans in both directions see every old key while others split and vacuum") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = table_with_index();
  constexpr int kOld = 2000;
  Child writer([&](Child&) {
    test_attach(site);
    std::mt19937 rng(3);
    std::vector<int> mine;
    for (int round = 0; round < 12; round++) {
      txn::start();
      for (int i = 0; i < 300; i++) {
        int id = static_cast<int>(rng() % (kOld * 100)) * 2 + 1;   // odd: new
        if (Datum v = from_int(id); !probe_unique(rel, rel.indexes[0], &v, nullptr).conflict.valid()) put(rel, id);
      }
      round % 2 ? txn::commit() : txn::abort();
      txn::start();
      heap::vacuum(rel, [&](const heap::DeadTids& dead) { vacuum(rel.indexes[0], dead); });
      txn::commit();
    }
    region::detach();
  });
  test_attach(site);
  create(rel);
  txn::start();
  std::vector<Tid> old;
  for (int i = 0; i < kOld; i++) {
    put(rel, i * 200);   // even
  }
  txn::commit();
  txn::start();
  {
    Scan s(rel.indexes[0], {}, false);
    Tid t[64];
    while (uint32_t n = s.next(t, 64, nullptr, nullptr)) old.insert(old.end(), t, t + n);
  }
  txn::commit();
  REQUIRE(old.size() == kOld);
  writer.go();
  std::sort(old.begin(), old.end());
  for (int i = 0; i < 60; i++) {
    txn::start();
    txn::statement_snapshot();
    std::vector<Tid> seen;
    Scan s(rel.indexes[0], {}, i % 2);
    Tid t[64];
    while (uint32_t n = s.next(t, 64, nullptr, nullptr)) seen.insert(seen.end(), t, t + n);
    std::sort(seen.begin(), seen.end());
    CHECK(std::includes(seen.begin(), seen.end(), old.begin(), old.end()));
    txn::commit();
  }
  CHECK(writer.wait() == 0);
  for (auto& p : problems_of(rel)) FAIL_CHECK(p);
}

TEST_CASE("btree: killed while splitting: recovers with every acknowledged key") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = table_with_index();
  test_attach(site);
  create(rel);
  region::detach();
  std::vector<int> acknowledged;
  for (uint32_t round = 0; round < 6; round++) {
    Child worker([&, round](Child& c) {
      test_attach(site, 1 << 20);
      std::mt19937 rng(round);
      c.say();
      // In one transaction after another: the parent learns by what recovery shows.
      for (int i = 0;; i++) {
        txn::start();
        for (int k = 0; k < 50; k++) {
          int id = static_cast<int>(rng() % 10000000);
          if (Datum v = from_int(id); !probe_unique(rel, rel.indexes[0], &v, nullptr).conflict.valid()) put(rel, id);
        }
        txn::commit();
      }
    });
    worker.go();
    REQUIRE(worker.heard());
    ::usleep(30000 + round * 25000);
    worker.kill();
    test_attach(site, 1 << 20);
    std::vector<int> ids = committed_ids(rel);
    CHECK(ids.size() >= acknowledged.size());
    CHECK(std::includes(ids.begin(), ids.end(), acknowledged.begin(), acknowledged.end()));
    acknowledged = ids;
    CAPTURE(round);
    for (auto& p : problems_of(rel)) FAIL_CHECK(p);
    // And it can be written to.
    txn::start();
    for (int i = 0; i < 300; i++) put(rel, 10000000 + static_cast<int>(round) * 1000 + i);
    txn::commit();
    for (auto& p : problems_of(rel)) FAIL_CHECK(p);
    acknowledged = committed_ids(rel);
    region::detach();
  }
}
