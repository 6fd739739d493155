// The buffer pool under real changes; here because changes go through the WAL, which lies above it.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <memory>
#include <random>

#include "common/os/fault.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/wal/test_pages.h"

using namespace postern;
using namespace postern::wal;
using region::Child;
using region::LatchMode;
using region::TestSite;

namespace {
PageId id(uint32_t page) { return {kTestFile, Fork::kMain, PageNo(page)}; }
void make_pages(int n) {
  create_relation_fork(kTestFile, Fork::kMain, Xid(3));
  for (int i = 0; i < n; ++i) test_add_page();
}
}  // namespace

TEST_CASE("data many times larger than the pool") {
  TestSite site;
  test_new_site(site);
  set_fsync(false);
  test_start(site.options(512 << 10));  // 64 buffers
  make_pages(1000);
  std::vector<uint64_t> expected(1000, 0);
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    uint32_t p = random() % 1000;
    if (i % 3 == 0) test_set(PageNo(p), 9, expected[p] = static_cast<uint64_t>(i));
    else if (test_get(PageNo(p), 9) != expected[p]) FAIL("wrong contents");
  }
  CHECK(buffer::my_stats().reads > 5000);
  checkpoint();
  for (uint32_t p = 0; p < 1000; ++p) CHECK(test_get(PageNo(p), 9) == expected[p]);
  set_fsync(true);
}

TEST_CASE("pinned pages stay, and running out of buffers is an error") {
  TestSite site;
  test_new_site(site);
  test_start(site.options(512 << 10));
  make_pages(200);
  std::vector<buffer::PageRef> pinned;
  for (uint32_t i = 0; i < 40; ++i) pinned.push_back(buffer::pin(id(i)));
  for (uint32_t i = 0; i < 200; ++i) test_get(PageNo(i), 0);
  for (uint32_t i = 0; i < 40; ++i) CHECK(pinned[i].id() == id(i));
  CHECK(pinned[0].only_pin());
  buffer::PageRef again = buffer::pin(id(0));
  CHECK_FALSE(pinned[0].only_pin());
  again.release();
  CHECK(pinned[0].only_pin());
}

TEST_CASE("a damaged page is XX001, its neighbours are fine; a missing one too") {
  TestSite site;
  test_new_site(site);
  test_start(site.options(512 << 10));
  make_pages(200);
  checkpoint();
  for (uint32_t i = 100; i < 200; ++i) test_get(PageNo(i), 0);
  os::Fd fd(os::open_file((site.path + "/base/5/1000").c_str(), O_RDWR));
  REQUIRE(os::write_at(fd.get(), "x", 1, 3 * kPageBytes + 777));
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      test_get(PageNo(3), 0);
      FAIL("no error");
    } catch (const SqlError& e) {
      CHECK(e.sqlstate == sqlstate::kDataCorrupted);
      CHECK(e.message == "invalid page in block 3 of relation base/5/1000");
    }
  }
  CHECK(test_get(PageNo(4), 0) == 0);
  CHECK_THROWS_AS(test_get(PageNo(200), 0), SqlError);
  CHECK(raw(test_add_page()) == 200);  // takes over the invalid buffer
  CHECK(test_get(PageNo(200), 0) == 0);
}

TEST_CASE("I/O errors reach the statement with their SQLSTATE, and the next attempt works") {
  TestSite site;
  test_new_site(site);
  test_start(site.options(512 << 10));
  make_pages(200);
  checkpoint();
  os::arm_fault({.call = os::Call::kRead, .error = EIO});
  try {
    test_get(PageNo(1), 0);
    FAIL("no error");
  } catch (const SqlError& e) { CHECK(e.sqlstate == sqlstate::kIoError); }
  CHECK(test_get(PageNo(1), 0) == 0);
  os::arm_fault({.call = os::Call::kAllocate, .error = ENOSPC});
  try {
    test_add_page();
    FAIL("no error");
  } catch (const SqlError& e) {
    CHECK(e.sqlstate == sqlstate::kDiskFull);
    CHECK(e.message.starts_with("could not extend file \"base/5/1000\""));
  }
  CHECK(raw(test_add_page()) == 200);
  for (uint32_t i = 0; i < 60; ++i) test_set(PageNo(i), 1, i);
  flush(insert_lsn());
  os::arm_fault({.call = os::Call::kWrite, .error = EIO, .sticky = true});
  int failed = 0;
  for (uint32_t i = 60; i < 200; ++i) try { test_get(PageNo(i), 0); } catch (const SqlError&) { ++failed; }
  os::disarm_fault();
  CHECK(failed > 0);
  for (uint32_t i = 0; i < 60; ++i) CHECK(test_get(PageNo(i), 1) == i);
  CHECK_FALSE(region::poisoned());
}

TEST_CASE("a big scan leaves the hot pages in the pool") {
  TestSite site;
  test_new_site(site);
  set_fsync(false);
  test_start(site.options(2 << 20));  // 256 buffers
  make_pages(2000);
  checkpoint();
  for (int round = 0; round < 4; ++round)
    for (uint32_t i = 0; i < 100; ++i) test_get(PageNo(i), 0);
  for (uint32_t i = 200; i < 2000; ++i) test_get(PageNo(i), 0, buffer::Access::kScan);
  uint64_t before = buffer::my_stats().reads;
  for (uint32_t i = 0; i < 100; ++i) test_get(PageNo(i), 0);
  CHECK(buffer::my_stats().reads - before <= 10);
  set_fsync(true);
}

TEST_CASE("several processes extend one file: every page once") {
  TestSite site;
  test_new_site(site);
  std::vector<std::unique_ptr<Child>> children;
  for (int n = 0; n < 3; ++n)
    children.push_back(std::make_unique<Child>([&](Child&) {
      test_start(site.options(512 << 10));
      for (uint32_t i = 0; i < 300; ++i) {
        PageNo p = test_add_page();
        test_set(p, 0, test_get(p, 0) + 1);
      }
      region::detach();
    }));
  test_start(site.options(512 << 10));
  create_relation_fork(kTestFile, Fork::kMain, Xid(3));
  for (auto& c : children) c->go();
  for (auto& c : children) CHECK(c->wait() == 0);
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 900);
  for (uint32_t i = 0; i < 900; ++i) CHECK(test_get(PageNo(i), 0) == 1);
}

TEST_CASE("dropped and truncated pages are gone from the pool") {
  TestSite site;
  test_new_site(site);
  test_start(site.options());
  make_pages(50);
  test_set(PageNo(30), 0, 1);
  truncate_relation(kTestFile, Fork::kMain, PageNo(20));
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 20);
  CHECK(raw(test_add_page()) == 20);
  while (raw(test_add_page()) < 30) {}
  CHECK(test_get(PageNo(30), 0) == 0);
  buffer::drop_relation(kTestFile);
  storage::unlink_all(kTestFile);
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 0);
  CHECK_FALSE(storage::exists(kTestFile, Fork::kMain));
  buffer::flush_all();
}

TEST_CASE("a process killed half way through a page change: the page is rebuilt from the WAL, nobody else notices") {
  TestSite site;
  test_new_site(site);
  auto die = [&](Child&, uint64_t value) {
    test_start(site.options());
    g_die_in_redo = true;
    test_set(PageNo(3), 8, value);
  };
  Child first([&](Child& c) { die(c, 0x1111222233334444); });
  Child second([&](Child& c) { die(c, 0x5555666677778888); });
  test_start(site.options());
  make_pages(20);
  checkpoint();
  test_set(PageNo(3), 7, 70);
  test_set(PageNo(4), 8, 80);
  first.go();
  CHECK(first.wait() == 128 + SIGKILL);
  CHECK(test_get(PageNo(3), 8) == 0x1111222233334444);  // its record was complete
  CHECK(test_get(PageNo(3), 7) == 70);
  CHECK(region::counters().pages_rebuilt.load() == 1);
  test_set(PageNo(3), 9, 90);
  flush(insert_lsn());
  second.go();
  CHECK(second.wait() == 128 + SIGKILL);
  region::reap_dead_slots();
  CHECK(test_get(PageNo(3), 8) == 0x5555666677778888);
  CHECK(test_get(PageNo(3), 9) == 90);
  CHECK_FALSE(region::poisoned());
  flush(insert_lsn());
  region::detach();
  test_start(site.options());
  CHECK(test_get(PageNo(3), 8) == 0x5555666677778888);
  CHECK(test_get(PageNo(3), 9) == 90);
}

TEST_CASE("processes of a small pool are killed one after the other: the others go on, recovery agrees") {
  constexpr uint32_t kPages = 300, kSteady = 2, kDoomed = 25;
  TestSite site;
  test_new_site(site);
  auto work = [&](Child& c, uint32_t me, int rounds) {
    std::mt19937 random(me);
    test_start(site.options(512 << 10));
    c.say();
    for (int i = 0; i < rounds; ++i) {
      PageNo p{static_cast<uint32_t>(random() % kPages)};
      if (i % 2 == 0) test_set(p, me, test_get(p, me) + 1);
      else test_get(p, me);
    }
    region::detach();
  };
  std::vector<std::unique_ptr<Child>> steady, doomed;
  for (uint32_t i = 0; i < kSteady; ++i) steady.push_back(std::make_unique<Child>([&, i](Child& c) { work(c, i, 20000); }));
  for (uint32_t i = 0; i < kDoomed; ++i) doomed.push_back(std::make_unique<Child>([&, i](Child& c) { work(c, kSteady + i, 1 << 30); }));
  set_fsync(false);
  test_start(site.options(512 << 10));
  make_pages(kPages);
  for (auto& c : steady) c->go();
  for (auto& c : steady) CHECK(c->heard());
  for (auto& c : doomed) {
    c->go();
    CHECK(c->heard());
    os::sleep_us(10000);
    c->kill();
    region::reap_dead_slots();
  }
  int bad = 0;
  for (auto& c : steady) bad += c->wait() != 0;
  INFO(region::poison_reason());
  CHECK_FALSE(region::poisoned());
  CHECK(bad == 0);
  std::vector<uint64_t> values;
  for (uint32_t p = 0; p < kPages; ++p)
    for (uint32_t s = 0; s < kSteady + kDoomed; ++s) values.push_back(test_get(PageNo(p), s));
  uint64_t first = 0;
  for (size_t i = 0; i < values.size(); i += kSteady + kDoomed) first += values[i];
  CHECK(first == 10000);
  MESSAGE(region::counters().slots_reaped.load() << " reaped, " << region::counters().critical_repaired.load() << " in critical sections, "
                                                 << region::counters().pages_rebuilt.load() << " pages rebuilt");
  flush(insert_lsn());
  region::detach();
  test_start(site.options(512 << 10));
  size_t at = 0, different = 0;
  for (uint32_t p = 0; p < kPages; ++p)
    for (uint32_t s = 0; s < kSteady + kDoomed; ++s) different += test_get(PageNo(p), s) != values[at++];
  CHECK(different == 0);
  set_fsync(true);
}

TEST_CASE("cost of a hit" * doctest::no_breaks()) {
  TestSite site;
  test_new_site(site);
  test_start(site.options(16 << 20));
  make_pages(1000);
  std::mt19937 random(1);
  for (uint32_t i = 0; i < 1000; ++i) test_get(PageNo(i), 0);
  int64_t start = os::monotonic_us();
  uint64_t sum = 0;
  constexpr int kRounds = 500000;
  for (int i = 0; i < kRounds; ++i) {
    buffer::PageRef r = buffer::read(id(random() % 1000), LatchMode::kShared);
    sum += r.header()->lsn;
  }
  int64_t took = os::monotonic_us() - start;
  MESSAGE("read, latch, unlatch, unpin: " << took * 1000 / kRounds << " ns");
  CHECK(sum > 0);
  CHECK(took * 1000 / kRounds < 2000);
}
