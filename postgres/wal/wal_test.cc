#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <random>

#include "common/base/crc32c.h"
#include "common/os/fault.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/wal/format.h"
#include "postgres/wal/test_pages.h"

using namespace postern;
using namespace postern::wal;
using region::Child;
using region::TestSite;

namespace {

// Overwrites bytes of the WAL at lsn.
void scribble(const TestSite& site, uint64_t lsn, std::string_view bytes) {
  char name[17];
  std::snprintf(name, sizeof name, "%016llX", static_cast<unsigned long long>(lsn / kSegmentBytes));
  os::Fd fd(os::open_file((site.path + "/wal/" + name).c_str(), O_RDWR));
  REQUIRE(os::write_at(fd.get(), bytes.data(), bytes.size(), lsn % kSegmentBytes));
}

// Memory that children and parent share.
template <class T>
T* shared_memory() {
  void* p = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<T*>(p);
}

int run(std::function<void()> body) {
  Child c([&](Child&) { body(); });
  c.go();
  return c.wait();
}

}  // namespace

TEST_CASE("crc32c: known value, and pieces chain") {
  CHECK(crc32c("123456789", 9) == 0xE3069283);
  std::string s(9000, 'x');
  for (size_t i = 0; i < s.size(); ++i) s[i] = static_cast<char>(i * 31 + i / 7);
  for (size_t cut : {size_t{0}, size_t{1}, size_t{1007}, size_t{1008}, size_t{4444}}) CHECK(crc32c(s.data() + cut, s.size() - cut, crc32c(s.data(), cut)) == crc32c(s.data(), s.size()));
}

TEST_CASE("what was flushed survives the death of everybody") {
  TestSite site;
  test_new_site(site);
  Child writer([&](Child& c) {
    test_start(site.options());
    create_relation_fork(kTestFile, Fork::kMain, Xid(3));
    for (int i = 0; i < 20; ++i) test_add_page();
    Lsn last{};
    for (uint32_t i = 0; i < 400; ++i) last = test_set(PageNo(i % 20), i % 50, i + 1);
    flush(last);
    c.say();
    c.wait_go();
  });
  writer.go();
  REQUIRE(writer.heard());
  writer.kill();
  Recovery r = test_start(site.options());
  CHECK(r.records >= 421);
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 20);
  for (uint32_t i = 360; i < 400; ++i) CHECK(test_get(PageNo(i % 20), i % 50) == i + 1);
  region::detach();
  CHECK(test_start(site.options()).records == 0);  // the checkpoint after recovery covers it all
  CHECK(test_get(PageNo(19), 399 % 50) == 400);
}

TEST_CASE("a torn or garbage tail ends recovery cleanly, and what lay behind it never comes back") {
  TestSite site;
  test_new_site(site);
  auto* lsns = shared_memory<std::array<Lsn, 4>>();
  REQUIRE(run([&] {
            test_start(site.options());
            create_relation_fork(kTestFile, Fork::kMain, Xid(3));
            test_add_page();
            test_set(PageNo(0), 0, 1);
            (*lsns)[0] = insert_lsn();
            (*lsns)[1] = test_set(PageNo(0), 1, 2);   // will be torn
            (*lsns)[2] = test_set(PageNo(0), 2, 3);   // intact behind it
            flush((*lsns)[2]);
            ::_exit(0);
          }) == 0);
  scribble(site, raw((*lsns)[0]) + 45, "garbage");
  REQUIRE(run([&] {
            Recovery r = test_start(site.options());
            if (r.end != (*lsns)[0]) ::_exit(1);
            if (test_get(PageNo(0), 0) != 1 || test_get(PageNo(0), 1) != 0 || test_get(PageNo(0), 2) != 0) ::_exit(2);
            // Records of the sizes of before, so that the stale ones lie exactly behind ours.
            while (raw(insert_lsn()) < raw((*lsns)[1])) test_set(PageNo(0), 5, 9);
            flush(insert_lsn());
            ::_exit(0);
          }) == 0);
  test_start(site.options());
  CHECK(test_get(PageNo(0), 2) == 0);
  CHECK(test_get(PageNo(0), 0) == 1);
}

TEST_CASE("a page torn after a checkpoint is restored from its image") {
  TestSite site;
  test_new_site(site);
  REQUIRE(run([&] {
            test_start(site.options());
            create_relation_fork(kTestFile, Fork::kMain, Xid(3));
            test_add_page();
            test_set(PageNo(0), 1, 11);
            checkpoint();
            test_set(PageNo(0), 2, 12);
            flush(test_set(PageNo(0), 3, 13));
            buffer::flush_all();
            ::_exit(0);
          }) == 0);
  std::string path = site.path + "/base/5/1000";
  os::Fd fd(os::open_file(path.c_str(), O_RDWR));
  std::string half(4096, 'Z');
  REQUIRE(os::write_at(fd.get(), half.data(), half.size(), 0));
  test_start(site.options());
  CHECK(test_get(PageNo(0), 1) == 11);
  CHECK(test_get(PageNo(0), 2) == 12);
  CHECK(test_get(PageNo(0), 3) == 13);
}

TEST_CASE("truncation and database files are replayed") {
  TestSite site;
  test_new_site(site);
  REQUIRE(run([&] {
            test_start(site.options());
            create_relation_fork(kTestFile, Fork::kMain, Xid(3));
            for (int i = 0; i < 10; ++i) test_add_page();
            test_set(PageNo(9), 1, 5);
            truncate_relation(kTestFile, Fork::kMain, PageNo(4));
            test_add_page();
            create_database(Oid(6));
            copy_database(Oid(5), Oid(8));
            drop_database(Oid(6));
            flush(test_set(PageNo(4), 1, 77));
            ::_exit(0);
          }) == 0);
  test_start(site.options());
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 5);
  CHECK(test_get(PageNo(4), 1) == 77);
  CHECK(raw(buffer::page_count({Oid(8), Oid(1000)}, Fork::kMain)) == 5);
  struct stat st;
  CHECK_FALSE(os::stat_path((site.path + "/base/6").c_str(), st));
}

TEST_CASE("group commit: one fdatasync serves several waiters") {
  TestSite site;
  test_new_site(site);
  test_start(site.options());
  region::detach();
  std::vector<std::unique_ptr<Child>> children;
  for (uint32_t n = 0; n < 6; ++n)
    children.push_back(std::make_unique<Child>([&, n](Child& c) {
      test_start(site.options());
      c.say();
      c.wait_go();
      for (uint32_t i = 0; i < 200; ++i) {
        Lsn lsn = test_set(PageNo(n), 0, i);
        flush(lsn);
        if (raw(flushed_lsn()) < raw(lsn)) ::_exit(1);
      }
      region::detach();
    }));
  test_start(site.options());
  create_relation_fork(kTestFile, Fork::kMain, Xid(3));
  for (int i = 0; i < 6; ++i) test_add_page();
  for (auto& c : children) {
    c->go();
    CHECK(c->heard());
  }
  uint64_t before = stats().syncs;
  for (auto& c : children) c->go();
  for (auto& c : children) CHECK(c->wait() == 0);
  uint64_t syncs = stats().syncs - before;
  MESSAGE("1200 commits, " << syncs << " syncs");
  CHECK(syncs < 1000);
}

TEST_CASE("segments are crossed and recycled") {
  TestSite site;
  test_new_site(site);
  REQUIRE(run([&] {
            set_fsync(false);
            set_min_wal_size(64 << 20);
            test_start(site.options());
            create_relation_fork(kTestFile, Fork::kMain, Xid(3));
            test_add_page();
            for (uint32_t i = 0; i < 16000; ++i) {
              buffer::PageRef ref = buffer::read({kTestFile, Fork::kMain, PageNo(0)}, region::LatchMode::kExclusive);
              Record r(kTestOp);
              r.page_image(ref);
              r.put(TestChange{3, 0, i});
              r.apply();
              ref.release();
              if (i % 5000 == 4999) checkpoint();
            }
            flush(insert_lsn());
            ::_exit(0);
          }) == 0);
  std::vector<std::string> names;
  os::list_dir((site.path + "/wal").c_str(), names);
  MESSAGE(names.size() << " segments");
  CHECK(names.size() >= 2);
  CHECK(names.size() <= 6);
  test_start(site.options());
  CHECK(test_get(PageNo(0), 3) == 15999);
}

TEST_CASE("a full disk is reported before anything changes; a failed fdatasync poisons") {
  TestSite site;
  test_new_site(site);
  Child c([&](Child&) {
    test_start(site.options());
    create_relation_fork(kTestFile, Fork::kMain, Xid(3));
    test_add_page();
    test_set(PageNo(0), 0, 1);
    os::arm_fault({.call = os::Call::kWrite, .error = ENOSPC, .sticky = true});
    bool full = false;
    uint64_t last = 0;
    for (uint32_t i = 0; i < 40000 && !full; ++i) {
      try {
        test_set(PageNo(0), 0, i + 2);
        last = i + 2;
      } catch (const SqlError& e) {
        full = e.sqlstate == sqlstate::kDiskFull;
        if (!full) ::_exit(1);
      }
    }
    os::disarm_fault();
    if (!full || os::fault_hits() == 0 || test_get(PageNo(0), 0) != last || region::poisoned()) ::_exit(2);
    test_set(PageNo(0), 0, 5);
    os::arm_fault({.call = os::Call::kSync, .error = EIO});
    try {
      flush(insert_lsn());
      ::_exit(3);
    } catch (const SqlError& e) {
      if (!(e.sqlstate == sqlstate::kIoError) || !region::poisoned()) ::_exit(4);
    }
  });
  c.go();
  CHECK(c.wait() == 0);
}

TEST_CASE("short transfers are completed") {
  TestSite site;
  test_new_site(site);
  test_start(site.options());
  create_relation_fork(kTestFile, Fork::kMain, Xid(3));
  for (int i = 0; i < 100; ++i) test_add_page();
  for (uint32_t i = 0; i < 100; ++i) {
    os::arm_fault({.call = i % 2 ? os::Call::kRead : os::Call::kWrite, .error = 0, .sticky = true});
    test_set(PageNo(i), 1, i);
  }
  os::disarm_fault();
  checkpoint();
  for (uint32_t i = 0; i < 100; ++i) CHECK(test_get(PageNo(i), 1) == i);
}

// Writers add to counters in pages and tell the parent what is durable; a checkpointer runs; everybody is killed at a random moment.
TEST_CASE("SIGKILL to everybody at random moments loses nothing acknowledged") {
  constexpr int kWriters = 3, kRounds = 8;
  constexpr uint32_t kPages = 150;
  struct Acked {
    std::atomic<uint64_t> value[kWriters][kPages];
    std::atomic<int> failed;
  };
  Acked& acked = *shared_memory<Acked>();
  TestSite site;
  test_new_site(site);
  REQUIRE(run([&] {
            test_start(site.options());
            create_relation_fork(kTestFile, Fork::kMain, Xid(3));
            for (uint32_t i = 0; i < kPages; ++i) test_add_page();
            checkpoint();
            region::detach();
          }) == 0);
  std::mt19937 random(20261124);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::unique_ptr<Child>> children;
    for (uint32_t w = 0; w < kWriters; ++w)
      children.push_back(std::make_unique<Child>([&, w](Child& c) {
        std::mt19937 r(static_cast<uint32_t>(round) * 100 + w);
        test_start(site.options(1 << 19));
        for (uint32_t p = 0; p < kPages; ++p)
          if (test_get(PageNo(p), w) < acked.value[w][p]) acked.failed.store(1);
        c.say();
        for (;;) {
          PageNo page{static_cast<uint32_t>(r() % kPages)};
          uint64_t next = test_get(page, w) + 1;
          flush(test_set(page, w, next));
          acked.value[w][raw(page)].store(next);
        }
      }));
    children.push_back(std::make_unique<Child>([&](Child& c) {
      test_start(site.options(1 << 19));
      c.say();
      for (;;) checkpoint();
    }));
    for (auto& c : children) {
      c->go();
      CHECK(c->heard());
    }
    os::sleep_us(20000 + static_cast<int64_t>(random() % 100000));
    for (auto& c : children) ::kill(c->pid(), SIGKILL);
    for (auto& c : children) c->wait();
    CHECK(acked.failed.load() == 0);
  }
  test_start(site.options());
  uint64_t total = 0, behind = 0;
  for (uint32_t w = 0; w < kWriters; ++w)
    for (uint32_t p = 0; p < kPages; ++p) {
      uint64_t v = test_get(PageNo(p), w), a = acked.value[w][p].load();
      total += a;
      if (v < a) ++behind;
    }
  CHECK(behind == 0);
  MESSAGE(total << " acknowledged changes");
  CHECK(total > 100);
}
