#include <doctest/doctest.h>

#include <memory>

#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/region/test_site.h"

using namespace postern;
using namespace postern::region;

namespace {
struct Shared {
  Latch latch;
  Latch other;
  std::atomic<uint64_t> a, b;
};
Area g_area{"test", [](const AttachOptions&) { return sizeof(Shared); },
            [](void* p, const AttachOptions&) {
              latch_init(static_cast<Shared*>(p)->latch, LatchRank::kMisc);
              latch_init(static_cast<Shared*>(p)->other, LatchRank::kLockTable);
            }};
Shared& shared() { return *static_cast<Shared*>(area(g_area)); }
struct Setup { Setup() { register_area(g_area); } } g_setup;

AttachResult attach_ready(const TestSite& site) {
  AttachResult r = attach(site.options());
  if (r.must_recover) mark_ready();
  return r;
}
}  // namespace

TEST_CASE("the first to attach creates, the second joins, the last removes the segment") {
  TestSite site;
  Child second([&](Child& c) {
    AttachResult r = attach(site.options());
    if (r.must_recover) ::_exit(1);
    shared().a.store(42);
    c.say();
    c.wait_go();
    detach();
  });
  CHECK(attach_ready(site).must_recover);
  CHECK_FALSE(anyone_else_attached());
  CHECK(raw(my_slot_no()) == 0);
  second.go();
  CHECK(second.heard());
  CHECK(shared().a.load() == 42);
  CHECK(anyone_else_attached());
  CHECK(slot_alive(SlotNo(1)));
  second.go();
  CHECK(second.wait() == 0);
  CHECK_FALSE(slot_alive(SlotNo(1)));
  uint64_t generation_before = generation();
  detach();
  CHECK(attach_ready(site).must_recover);
  CHECK(generation() == generation_before + 1);
}

TEST_CASE("a site that others can read, or that is missing, is refused") {
  TestSite site;
  ::chmod(site.path.c_str(), 0755);
  CHECK_THROWS_AS(attach(site.options()), SqlError);
  ::chmod(site.path.c_str(), 0700);
  AttachOptions o = site.options();
  o.site += "/none";
  CHECK_THROWS_AS(attach(o), SqlError);
  o = site.options();
  o.shm_dir = "/nonexistent";
  CHECK_THROWS_AS(attach(o), SqlError);
  CHECK_FALSE(attached());
  attach_ready(site);
}

TEST_CASE("too many processes: 53300, and workers use the reserve") {
  TestSite site;
  AttachOptions o = site.options();
  o.max_slots = kReservedSlots + 1;
  Child second([&](Child&) {
    try {
      attach(o);
    } catch (const SqlError& e) {
      if (!(e.sqlstate == sqlstate::kTooManyConnections)) ::_exit(1);
      o.is_worker = true;
      attach(o);
      detach();
      ::_exit(7);
    }
  });
  attach(o);
  mark_ready();
  second.go();
  CHECK(second.wait() == 7);
}

TEST_CASE("slots of the dead are taken over when all others are in use") {
  TestSite site;
  AttachOptions o = site.options();
  o.max_slots = kReservedSlots + 2;
  auto attach_and_stay = [&](Child& c) {
    attach(o);
    if (raw(my_slot_no()) != 1) ::_exit(1);
    c.say();
    c.wait_go();
  };
  Child first(attach_and_stay), second(attach_and_stay);
  attach(o);
  mark_ready();
  first.go();
  REQUIRE(first.heard());
  first.kill();
  second.go();
  CHECK(second.heard());
}

TEST_CASE("a killed holder of latches is found, its latches come free, its slot too") {
  TestSite site;
  for (LatchMode mode : {LatchMode::kExclusive, LatchMode::kShared}) {
    Child holder([&](Child& c) {
      attach(site.options());
      latch_acquire(shared().other, LatchMode::kShared);
      latch_acquire(shared().latch, mode);
      c.say();
      c.wait_go();
    });
    attach_ready(site);
    static int deaths;
    deaths = 0;
    on_slot_death([](SlotNo) { ++deaths; });
    holder.go();
    REQUIRE(holder.heard());
    CHECK_FALSE(latch_try_acquire(shared().latch, LatchMode::kExclusive));
    holder.kill();
    latch_acquire(shared().latch, LatchMode::kExclusive);  // waits, times out, repairs
    CHECK(latch_held(shared().latch));
    latch_release(shared().latch);
    reap_dead_slots();
    CHECK(deaths >= 1);
    CHECK(shared().other.word.load() == 0);
    CHECK(shared().latch.word.load() == 0);
    CHECK(slot(SlotNo(1)).state.load() == SlotState::kFree);
    CHECK_FALSE(poisoned());
    detach();
  }
}

TEST_CASE("death in a critical section poisons; the next generation starts over") {
  TestSite site;
  Child holder([&](Child& c) {
    attach(site.options());
    enter_critical();
    c.say();
    c.wait_go();
  });
  Child survivor([&](Child& c) {
    ::signal(SIGTERM, SIG_DFL);
    attach(site.options());
    c.say();
    c.wait_go();
  });
  Child next([&](Child&) {
    AttachResult r = attach(site.options());
    ::_exit(r.must_recover ? 5 : 6);
  });
  attach_ready(site);
  holder.go();
  REQUIRE(holder.heard());
  survivor.go();
  REQUIRE(survivor.heard());
  holder.kill();
  ::signal(SIGTERM, SIG_IGN);
  reap_dead_slots();
  CHECK(poisoned());
  CHECK_THROWS_AS(throw_if_poisoned(), SqlError);
  CHECK(survivor.wait() == 128 + SIGTERM);
  detach();
  ::signal(SIGTERM, SIG_DFL);
  next.go();
  CHECK(next.wait() == 5);
}

TEST_CASE("stragglers of a poisoned region are killed by the next to attach") {
  TestSite site;
  Child stubborn([&](Child& c) {
    ::signal(SIGTERM, SIG_IGN);
    attach(site.options());
    mark_ready();
    c.say();
    c.wait_go();
  });
  stubborn.go();
  REQUIRE(stubborn.heard());
  {
    Child poisoner([&](Child&) {
      attach(site.options());
      poison("test");
    });
    poisoner.go();
    CHECK(poisoner.wait() == 0);
  }
  CHECK(attach_ready(site).must_recover);
  CHECK(stubborn.wait() == 128 + SIGKILL);
}

TEST_CASE("latch stress: exclusive sections never overlap, readers see whole writes, kills don't wedge it") {
  TestSite site;
  auto work = [&](Child& c, int rounds) {
    attach(site.options());
    c.say();
    for (int i = 0; i < rounds; ++i) {
      if (i % 4 == 0) {
        LatchGuard g(shared().latch, LatchMode::kExclusive);
        uint64_t v = shared().a.load(std::memory_order_relaxed);
        shared().a.store(v + 1, std::memory_order_relaxed);
        shared().b.store(v + 1, std::memory_order_relaxed);
      } else {
        LatchGuard g(shared().latch, LatchMode::kShared);
        // A writer that was killed between its two stores leaves them one apart.
        if (shared().a.load(std::memory_order_relaxed) - shared().b.load(std::memory_order_relaxed) > 1) ::_exit(4);
      }
    }
    detach();
  };
  std::vector<std::unique_ptr<Child>> steady, doomed;
  for (int i = 0; i < 3; ++i) steady.push_back(std::make_unique<Child>([&](Child& c) { work(c, 200000); }));
  for (int i = 0; i < 6; ++i) doomed.push_back(std::make_unique<Child>([&](Child& c) { work(c, 1 << 30); }));
  attach_ready(site);
  for (auto& c : steady) c->go();
  for (auto& c : steady) CHECK(c->heard());
  for (auto& c : doomed) {
    c->go();
    CHECK(c->heard());
    os::sleep_us(3000);
    c->kill();
  }
  for (auto& c : steady) CHECK(c->wait() == 0);
  reap_dead_slots();
  CHECK_FALSE(poisoned());
  CHECK(shared().latch.word.load() == 0);
  CHECK(shared().a.load() >= 150000);
}
