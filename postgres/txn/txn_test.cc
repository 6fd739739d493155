#include "postgres/txn/txn.h"

#include <doctest/doctest.h>

#include "common/base/error.h"
#include "postgres/region/test_site.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/oid.h"
#include "postgres/txn/txn_shared.h"
#include "postgres/wal/wal.h"

using namespace postern;
using region::Child;
using region::TestSite;

namespace {

void attach(const TestSite& site) {
  static bool hooked = false;
  if (!hooked) {
    wal::attach_hooks();
    txn::attach_hooks();
    hooked = true;
  }
  if (region::attach(site.options()).must_recover) {
    wal::Recovery r = wal::recover();
    txn::after_recovery();
    if (r.records) wal::checkpoint();
    region::mark_ready();
  }
  region::my_slot().database.store(5);
}

const lock::Tag kTableA = lock::relation(Oid{5}, Oid{100}), kTableB = lock::relation(Oid{5}, Oid{101});

}  // namespace

TEST_CASE("xid status, visibility and durability of commits") {
  TestSite site;
  wal::create(site.path);
  attach(site);
  txn::start();
  Xid a = txn::current_xid();
  CHECK(txn::status(a) == txn::XidStatus::kInProgress);
  txn::define_savepoint("s");
  Xid b = txn::current_xid();
  CHECK(raw(b) > raw(a));
  CHECK(txn::is_mine(a));
  CHECK(txn::is_mine(b));
  txn::rollback_to("s");
  CHECK(!txn::is_mine(b));
  CHECK(txn::status(b) == txn::XidStatus::kAborted);
  Xid c = txn::current_xid();
  txn::commit();
  CHECK(txn::status(a) == txn::XidStatus::kCommitted);
  CHECK(txn::status(c) == txn::XidStatus::kCommitted);
  txn::start();
  Xid d = txn::current_xid();
  txn::abort();
  CHECK(txn::status(d) == txn::XidStatus::kAborted);
  Oid o = txn::allocate_oid();
  CHECK(raw(o) >= 16384);
  CHECK(raw(txn::allocate_oid()) == raw(o) + 1);
  region::detach();
  attach(site);   // recovers
  CHECK(txn::status(a) == txn::XidStatus::kCommitted);
  CHECK(txn::status(b) == txn::XidStatus::kAborted);
  CHECK(txn::status(c) == txn::XidStatus::kCommitted);
  CHECK(txn::status(d) == txn::XidStatus::kAborted);
  CHECK(raw(txn::next_xid()) > raw(d));
  CHECK(raw(txn::allocate_oid()) > raw(o));
  wal::checkpoint();
  region::detach();
  attach(site);
  CHECK(txn::status(a) == txn::XidStatus::kCommitted);
  CHECK(txn::status(d) == txn::XidStatus::kAborted);
}

TEST_CASE("a snapshot survives the csn ring: older entries come from spill files") {
  TestSite site;
  wal::create(site.path);
  Child reader([&](Child& c) {
    attach(site);
    txn::start();
    txn::Snapshot s = txn::statement_snapshot();
    c.say();
    c.wait_go();
    uint64_t first = raw(s.xmin);
    int bad = 0;
    for (uint64_t x = first; x < first + 6000; x++) bad += txn::visible(Xid{x}, s);   // all committed after the snapshot
    if (!bad) c.say();
    c.wait_go();
  });
  attach(site);
  txn::set_synchronous_commit(false);
  reader.go();
  REQUIRE(reader.heard());
  for (uint64_t i = 0; i < txn::kRingEntries + 10000; i++) {
    txn::start();
    txn::current_xid();
    txn::commit();
  }
  reader.go();
  CHECK(reader.heard());
  txn::start();
  txn::Snapshot s = txn::statement_snapshot();
  CHECK(txn::visible(Xid{5}, s));
  CHECK(txn::visible(Xid{txn::kRingEntries}, s));
  txn::commit();
  txn::set_synchronous_commit(true);
}

TEST_CASE("locks: conflicts, fast path transfer, re-entrance, savepoints, NOWAIT") {
  TestSite site;
  wal::create(site.path);
  Child other([&](Child& c) {
    attach(site);
    txn::start();
    lock::acquire(kTableA, lock::Mode::kRowExclusive);   // by the fast path
    c.say();
    c.wait_go();
    txn::commit();
    c.say();
    c.wait_go();
  });
  attach(site);
  other.go();
  REQUIRE(other.heard());
  txn::start();
  CHECK(lock::acquire(kTableA, lock::Mode::kAccessShare));
  CHECK(lock::acquire(kTableA, lock::Mode::kAccessShare));
  CHECK(!lock::acquire(kTableA, lock::Mode::kAccessExclusive, lock::Wait::kSkip));
  CHECK_THROWS_AS(lock::acquire(kTableA, lock::Mode::kShare, lock::Wait::kNoWait), SqlError);
  lock::set_lock_timeout(30);
  try {
    lock::acquire(kTableA, lock::Mode::kShare);
    CHECK(false);
  } catch (const SqlError& e) {
    CHECK(e.sqlstate == sqlstate::kLockNotAvailable);
  }
  lock::set_lock_timeout(0);
  int theirs = 0;
  for (const lock::LockInfo& l : lock::all_locks()) theirs += l.tag == kTableA && l.mode == lock::Mode::kRowExclusive && l.granted;
  CHECK(theirs == 1);
  other.go();
  CHECK(lock::acquire(kTableA, lock::Mode::kShare));
  REQUIRE(other.heard());
  txn::define_savepoint("s");
  CHECK(lock::acquire(kTableB, lock::Mode::kAccessExclusive));
  CHECK(lock::held_by_me(kTableB, lock::Mode::kAccessExclusive));
  txn::rollback_to("s");
  CHECK(!lock::held_by_me(kTableB, lock::Mode::kAccessShare));
  CHECK(lock::held_by_me(kTableA, lock::Mode::kShare));
  txn::commit();
  CHECK(lock::all_locks().empty());
}

TEST_CASE("deadlock: one is the victim, the other goes on") {
  TestSite site;
  wal::create(site.path);
  auto body = [&](lock::Tag first, lock::Tag second) {
    return [&site, first, second](Child& c) {
      attach(site);
      lock::set_deadlock_timeout(50);
      txn::start();
      lock::acquire(first, lock::Mode::kAccessExclusive);
      c.say();
      c.wait_go();
      int code = 0;
      try {
        lock::acquire(second, lock::Mode::kRowShare);
        txn::commit();
      } catch (const SqlError& e) {
        code = e.sqlstate == sqlstate::kTRDeadlockDetected && e.detail.find("AccessExclusiveLock") == std::string::npos && e.detail.find("RowShareLock on relation") != std::string::npos ? 40 : 1;
        txn::abort();
      }
      region::detach();
      ::_exit(code);
    };
  };
  Child a(body(kTableA, kTableB)), b(body(kTableB, kTableA));
  attach(site);
  a.go();
  REQUIRE(a.heard());
  b.go();
  REQUIRE(b.heard());
  a.go();
  b.go();
  int x = a.wait(), y = b.wait();
  CHECK(x + y == 40);
  CHECK(lock::all_locks().empty());
}

TEST_CASE("a killed process: its transaction is aborted, its locks are gone, waiters go on") {
  TestSite site;
  wal::create(site.path);
  Child victim([&](Child& c) {
    attach(site);
    txn::start();
    lock::acquire(kTableA, lock::Mode::kAccessExclusive);
    txn::current_xid();
    txn::define_savepoint("s");
    txn::current_xid();
    c.say();
    c.wait_go();
  });
  attach(site);
  victim.go();
  REQUIRE(victim.heard());
  Xid last{raw(txn::next_xid()) - 1};
  CHECK(txn::status(last) == txn::XidStatus::kInProgress);
  victim.kill();
  txn::start();
  txn::wait_for(last);
  CHECK(txn::status(last) == txn::XidStatus::kAborted);
  CHECK(txn::status(Xid{raw(last) - 1}) == txn::XidStatus::kAborted);
  CHECK(lock::acquire(kTableA, lock::Mode::kAccessExclusive));
  txn::commit();
}
