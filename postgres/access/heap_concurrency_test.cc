#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "postgres/access/heap_internal.h"
#include "postgres/access/test_heap.h"

using namespace postern;
using region::Child;
using region::TestSite;

namespace {

uint32_t g_seed = 1;
uint32_t random_below(uint32_t n) { return (g_seed = g_seed * 1664525 + 1013904223) / 65536 % n; }

// Adds delta to the row with this id, following newer versions as READ COMMITTED does. False: gone.
bool add(const RelationDesc& rel, int id, int delta) {
  static auto w = std::make_unique<TestWanted>();
  Arena arena;
  txn::Snapshot s = txn::statement_snapshot();
  auto rows = test_rows(rel, s);
  auto found = std::find_if(rows.begin(), rows.end(), [&](const TestRow& r) { return r.id == id; });
  if (found == rows.end()) return false;
  TestRow row = *found;
  for (;;) {
    auto r = test_update(rel, row.tid, row.id, row.balance + delta, row.note, &s);
    if (r.status == heap::ModifyStatus::kOk) {
      txn::next_command();
      return true;
    }
    if (r.status != heap::ModifyStatus::kUpdated) return false;
    if (!heap::fetch_version(rel, r.tid, nullptr, w->wanted(), arena)) return false;
    row = w->row(0);
  }
}

// The sum of balances moves between rows but stays 0.
void transfer(const RelationDesc& rel, int rows, bool may_abort) {
  txn::start();
  try {
    int a = static_cast<int>(random_below(static_cast<uint32_t>(rows))), b = static_cast<int>(random_below(static_cast<uint32_t>(rows)));
    int n = static_cast<int>(random_below(100));
    bool ok = add(rel, a, n);
    txn::release_snapshot();
    ok = add(rel, b, -n) && ok;
    REQUIRE(ok);
    may_abort && random_below(5) == 0 ? txn::abort() : txn::commit();
  } catch (const SqlError& e) {
    txn::abort();
    if (e.sqlstate != sqlstate::kTRDeadlockDetected) throw;
  }
}

int64_t sum(const std::vector<TestRow>& rows) {
  int64_t n = 0;
  for (const TestRow& r : rows) n += r.balance;
  return n;
}

}  // namespace

TEST_CASE("concurrent transfers by several processes keep the sum, in every snapshot, with readers and vacuum beside") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = test_table();
  add_test_index(rel, 1);
  std::vector<std::unique_ptr<Child>> writers;
  for (int k = 0; k < 3; k++)
    writers.push_back(std::make_unique<Child>([&, k](Child&) {
      g_seed = static_cast<uint32_t>(k) + 77;
      test_attach(site);
      lock::set_deadlock_timeout(20);
      for (int i = 0; i < 300; i++) transfer(rel, 20, true);
      region::detach();
    }));
  test_attach(site);
  test_create(rel);
  txn::start();
  for (int i = 0; i < 20; i++) test_insert(rel, i, 0, std::string(100, 'n'));
  txn::commit();
  for (auto& w : writers) w->go();
  for (int i = 0; i < 100; i++) {
    txn::start();
    auto rows = test_rows(rel);
    CHECK(rows.size() == 20);
    CHECK(sum(rows) == 0);
    txn::commit();
    if (i % 10 == 0) heap::vacuum(rel, [](const heap::DeadTids&) {});
    ::usleep(1000);
  }
  for (auto& w : writers) CHECK(w->wait() == 0);
  txn::start();
  CHECK(sum(test_rows(rel)) == 0);
  CHECK(test_rows(rel).size() == 20);
  txn::commit();
  auto problems = test_check(rel);
  for (const auto& p : problems) MESSAGE(p);
  CHECK(problems.empty());
}

TEST_CASE("a repeatable read snapshot sees one state while others change it") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = test_table();
  Child reader([&](Child& c) {
    test_attach(site);
    txn::begin_block(txn::Isolation::kRepeatableRead, false, false);
    auto before = test_rows(rel);
    c.say();
    c.wait_go();
    auto after = test_rows(rel);
    bool same = before.size() == after.size();
    for (size_t i = 0; same && i < before.size(); i++) same = before[i].balance == after[i].balance;
    // What changed since can't be updated: the caller would report 40001.
    auto r = test_update(rel, after[0].tid, 0, 0);
    txn::abort();
    if (same && r.status == heap::ModifyStatus::kUpdated) c.say();
  });
  test_attach(site);
  test_create(rel);
  txn::start();
  for (int i = 0; i < 10; i++) test_insert(rel, i, i);
  txn::commit();
  reader.go();
  REQUIRE(reader.heard());
  for (int round = 0; round < 50; round++) {
    txn::start();
    for (const TestRow& r : test_rows(rel)) test_update(rel, r.tid, r.id, r.balance + 1);
    txn::commit();
  }
  heap::vacuum(rel, [](const heap::DeadTids&) {});
  reader.go();
  CHECK(reader.heard());
}

TEST_CASE("row locks: NOWAIT and SKIP, share locks are compatible and hold writers off") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = test_table();
  Child other([&](Child& c) {
    test_attach(site);
    txn::start();
    auto rows = test_rows(rel);
    heap::lock_row(rel, rows[0].tid, heap::RowLock::kUpdate, lock::Wait::kBlock, txn::statement_snapshot());
    heap::lock_row(rel, rows[1].tid, heap::RowLock::kShare, lock::Wait::kBlock, txn::statement_snapshot());
    c.say();
    c.wait_go();
    txn::commit();
    c.say();
    c.wait_go();
  });
  test_attach(site);
  test_create(rel);
  txn::start();
  for (int i = 0; i < 3; i++) test_insert(rel, i, i);
  txn::commit();
  other.go();
  REQUIRE(other.heard());
  txn::start();
  auto rows = test_rows(rel);
  const txn::Snapshot& s = txn::statement_snapshot();
  using heap::ModifyStatus;
  using heap::RowLock;
  CHECK(heap::lock_row(rel, rows[0].tid, RowLock::kUpdate, lock::Wait::kSkip, s).status == ModifyStatus::kWouldBlock);
  CHECK(heap::lock_row(rel, rows[0].tid, RowLock::kKeyShare, lock::Wait::kNoWait, s).status == ModifyStatus::kWouldBlock);
  CHECK(heap::lock_row(rel, rows[1].tid, RowLock::kUpdate, lock::Wait::kSkip, s).status == ModifyStatus::kWouldBlock);
  CHECK(heap::lock_row(rel, rows[1].tid, RowLock::kShare, lock::Wait::kSkip, s).status == ModifyStatus::kOk);
  CHECK(heap::lock_row(rel, rows[2].tid, RowLock::kNoKeyUpdate, lock::Wait::kSkip, s).status == ModifyStatus::kOk);
  CHECK(heap::lock_row(rel, rows[2].tid, RowLock::kUpdate, lock::Wait::kSkip, s).status == ModifyStatus::kOk);
  lock::set_lock_timeout(30);
  CHECK_THROWS_AS(test_update(rel, rows[0].tid, 0, 100), SqlError);
  CHECK_THROWS_AS(test_update(rel, rows[1].tid, 1, 100), SqlError);
  lock::set_lock_timeout(0);
  other.go();
  CHECK(test_update(rel, rows[0].tid, 0, 100).status == ModifyStatus::kOk);
  CHECK(test_update(rel, rows[1].tid, 1, 100).status == ModifyStatus::kOk);
  CHECK(test_update(rel, rows[2].tid, 2, 100).status == ModifyStatus::kOk);
  txn::commit();
}

TEST_CASE("everybody is killed: what was committed is there, what was not is gone, created files of the unfinished too") {
  TestSite site;
  test_new_site(site);
  RelationDesc rel = test_table(), unfinished = test_table(20001), dropped = test_table(20002);
  Child worker([&](Child& c) {
    test_attach(site);
    test_create(rel);
    test_create(dropped);
    txn::start();
    for (int i = 0; i < 20; i++) test_insert(rel, i, 0, std::string(50, 'n'));
    test_insert(dropped, 1, 1);
    txn::commit();
    wal::checkpoint();
    txn::start();
    test_insert(rel, 100, 7, std::string(30000, 'z'));
    txn::drop_file_at_commit(dropped.file);
    txn::commit();
    for (int i = 0; i < 200; i++) transfer(rel, 20, true);
    txn::start();
    heap::create_storage(unfinished.file);
    test_insert(unfinished, 1, 1);
    test_insert(rel, 101, 1);
    wal::flush(wal::insert_lsn());
    c.say();
    c.wait_go();
  });
  worker.go();
  REQUIRE(worker.heard());
  worker.kill();
  test_attach(site);
  txn::start();
  auto rows = test_rows(rel);
  CHECK(rows.size() == 21);
  CHECK(sum(rows) == 7);
  for (const TestRow& r : rows)
    if (r.id == 100) CHECK(r.note == std::string(30000, 'z'));
  txn::commit();
  CHECK(test_check(rel).empty());
  CHECK(raw(buffer::page_count(unfinished.file, Fork::kMain)) == 0);
  CHECK(raw(buffer::page_count(dropped.file, Fork::kMain)) == 0);
  CHECK(::access((site.path + "/base/5/20001").c_str(), F_OK) != 0);
  CHECK(::access((site.path + "/base/5/20002").c_str(), F_OK) != 0);
}
