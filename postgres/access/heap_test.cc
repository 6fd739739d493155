#include "postgres/access/heap.h"

#include <doctest/doctest.h>

#include <memory>

#include "postgres/access/heap_internal.h"
#include "postgres/access/test_heap.h"

using namespace postern;
using region::Child;
using region::TestSite;

namespace {

std::string rows_text(const std::vector<TestRow>& rows) {
  std::string s;
  for (const TestRow& r : rows) s += std::to_string(r.id) + "=" + std::to_string(r.balance) + " ";
  return s;
}

}  // namespace

TEST_CASE("a transaction sees its own changes of earlier commands; others see them at its commit") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  test_create(rel);
  txn::start();
  Tid a = test_insert(rel, 1, 10);
  CHECK(test_rows(rel).empty());   // same command
  txn::next_command();
  CHECK(rows_text(test_rows(rel)) == "1=10 ");
  auto r = test_update(rel, a, 1, 11);
  CHECK(r.status == heap::ModifyStatus::kOk);
  CHECK(rows_text(test_rows(rel)) == "1=10 ");
  CHECK(test_update(rel, a, 1, 12).status == heap::ModifyStatus::kSelfModified);
  txn::next_command();
  CHECK(rows_text(test_rows(rel)) == "1=11 ");
  CHECK(heap::remove(rel, r.tid, txn::statement_snapshot()).status == heap::ModifyStatus::kOk);
  CHECK(rows_text(test_rows(rel)) == "1=11 ");
  txn::next_command();
  CHECK(test_rows(rel).empty());
  test_insert(rel, 2, 20);
  txn::commit();
  txn::start();
  CHECK(rows_text(test_rows(rel)) == "2=20 ");
  test_insert(rel, 3, 30);
  txn::abort();
  txn::start();
  CHECK(rows_text(test_rows(rel)) == "2=20 ");
  txn::commit();
  CHECK(test_check(rel).empty());
}

TEST_CASE("savepoints: rolled back changes vanish, released ones stay") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  test_create(rel);
  txn::start();
  txn::begin_block(txn::Isolation::kReadCommitted, false, false);
  Tid a = test_insert(rel, 1, 10);
  txn::next_command();
  txn::define_savepoint("s1");
  CHECK(test_update(rel, a, 1, 11).status == heap::ModifyStatus::kOk);
  txn::next_command();
  txn::define_savepoint("s2");
  test_insert(rel, 2, 20);
  txn::next_command();
  CHECK(rows_text(test_rows(rel)) == "1=11 2=20 ");
  txn::rollback_to("s2");
  CHECK(rows_text(test_rows(rel)) == "1=11 ");
  test_insert(rel, 3, 30);
  txn::next_command();
  txn::release_savepoint("s2");
  CHECK(rows_text(test_rows(rel)) == "1=11 3=30 ");
  txn::rollback_to("s1");
  CHECK(rows_text(test_rows(rel)) == "1=10 ");
  CHECK(test_update(rel, a, 1, 12).status == heap::ModifyStatus::kOk);
  CHECK_THROWS_AS(txn::rollback_to("s2"), SqlError);
  txn::commit();
  txn::start();
  CHECK(rows_text(test_rows(rel)) == "1=12 ");
  txn::commit();
  CHECK(test_check(rel).empty());
}

TEST_CASE("HOT: updates of other columns stay on the page, chains lead to the visible version, pruning keeps the root") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  add_test_index(rel, 1);
  test_create(rel);
  txn::start();
  Tid root = test_insert(rel, 1, 0, "x");
  txn::commit();
  Tid at = root;
  uint32_t pages_before = raw(buffer::page_count(rel.file, Fork::kMain));
  for (int i = 1; i <= 2000; i++) {
    txn::start();
    auto r = test_update(rel, at, 1, i, "x");
    REQUIRE(r.status == heap::ModifyStatus::kOk);
    REQUIRE(r.hot);
    at = r.tid;
    txn::commit();
  }
  CHECK(raw(buffer::page_count(rel.file, Fork::kMain)) == pages_before);
  txn::start();
  auto w = std::make_unique<TestWanted>();
  Arena arena;
  uint16_t source[1];
  REQUIRE(heap::fetch(rel, std::span(&root, 1), txn::statement_snapshot(), w->wanted(), arena, source) == 1);
  CHECK(w->row(0).balance == 2000);
  auto r = test_update(rel, at, 2, 0, "x");   // the indexed column
  CHECK(!r.hot);
  txn::commit();
  txn::start();
  CHECK(rows_text(test_rows(rel)) == "2=0 ");
  CHECK(heap::fetch(rel, std::span(&root, 1), txn::statement_snapshot(), w->wanted(), arena, source) == 0);
  txn::commit();
  int cleaned = 0;
  heap::vacuum(rel, [&](const heap::DeadTids& dead) {
    cleaned += static_cast<int>(dead.count());
    CHECK(dead.contains(root));
  });
  CHECK(cleaned == 1);
  CHECK(test_check(rel).empty());
}

TEST_CASE("wide values: compressed, out of line, kept by updates that leave them alone, removed by vacuum") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  test_create(rel);
  std::string noise(300000, 0);
  uint32_t x = 1;
  for (char& c : noise) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  std::string text;
  for (int i = 0; i < 20000; i++) text += "line " + std::to_string(i % 100) + "\n";
  txn::start();
  Tid a = test_insert(rel, 1, 0, noise);
  test_insert(rel, 2, 0, text);
  test_insert(rel, 3, 0, std::string(5000, 'a'));
  txn::commit();
  txn::start();
  auto rows = test_rows(rel);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].note == noise);
  CHECK(rows[1].note == text);
  CHECK(rows[2].note == std::string(5000, 'a'));
  uint32_t chunks = raw(buffer::page_count(rel.file, Fork::kToast));
  CHECK(chunks >= 37);
  auto r = test_update(rel, a, 1, 5, noise);
  REQUIRE(r.status == heap::ModifyStatus::kOk);
  txn::commit();
  CHECK(raw(buffer::page_count(rel.file, Fork::kToast)) == chunks);   // the value was not written again
  txn::start();
  CHECK(test_rows(rel)[2].note == noise);
  CHECK(test_update(rel, r.tid, 1, 6, "short").status == heap::ModifyStatus::kOk);
  txn::commit();
  CHECK(test_check(rel).empty());
  heap::vacuum(rel, [](const heap::DeadTids&) {});
  txn::start();
  test_insert(rel, 4, 0, noise);   // into the freed pages
  txn::commit();
  CHECK(raw(buffer::page_count(rel.file, Fork::kToast)) == chunks);
  txn::start();
  CHECK(test_rows(rel).size() == 4);
  txn::commit();
  CHECK(test_check(rel).empty());
}

TEST_CASE("multi_insert fills pages, vacuum marks them all-visible and gives empty ones back") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table();
  test_create(rel);
  Arena arena;
  constexpr int n = 5000;
  std::vector<Datum> values(n * 3);
  uint8_t nulls[3] = {0, 0, 1};
  std::vector<heap::Row> rows;
  for (int i = 0; i < n; i++) {
    values[i * 3] = from_int(i);
    values[i * 3 + 1] = from_int(-i);
    rows.push_back({&values[i * 3], nulls});
  }
  std::vector<Tid> tids(n);
  txn::start();
  heap::multi_insert(rel, rows, tids.data());
  txn::commit();
  uint32_t pages = raw(buffer::page_count(rel.file, Fork::kMain));
  CHECK(pages < 35);
  auto stats = heap::vacuum(rel, [](const heap::DeadTids&) {});
  CHECK(stats.tuples_left == n);
  CHECK(stats.pages_all_visible == pages);
  CHECK(heap::all_visible(rel, PageNo{3}));
  txn::start();
  auto w = std::make_unique<TestWanted>();
  heap::Scan scan(rel, txn::statement_snapshot());
  int64_t sum = 0, count = 0;
  while (uint32_t k = scan.next(w->wanted(), arena))
    for (uint32_t i = 0; i < k; i++) {
      sum += as_int4(w->values[1][i]);
      CHECK(w->nulls[2][i]);
      count++;
    }
  CHECK(count == n);
  CHECK(sum == -int64_t{n} * (n - 1) / 2);
  for (Tid t : tids)
    if (raw(t.page) >= 2) heap::remove(rel, t, txn::statement_snapshot());
  CHECK(!heap::all_visible(rel, PageNo{3}));
  txn::commit();
  stats = heap::vacuum(rel, [](const heap::DeadTids&) {});
  CHECK(raw(buffer::page_count(rel.file, Fork::kMain)) == 2);
  CHECK(stats.tuples_removed > 4000);
  CHECK(test_check(rel).empty());
}
