// Waiting for locks and transactions, and deadlock detection.
//
// Who waits looks for a cycle through itself once deadlock_timeout has passed, under the table's latch, and is the victim if there is one. A waiter that gives up takes its wait back
// before it releases the latch or throws, so that two members of one cycle don't both give up when they look at about the same time.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/txn/interrupts.h"
#include "postgres/txn/lock_shared.h"

namespace postern::lock {
namespace {

int g_deadlock_timeout_ms = 1000;
int g_lock_timeout_ms = 0;

struct Edge {
  SlotNo to;
  Tag tag;
  Mode mode;
};

void add_edges(SlotNo from, std::vector<Edge>& out) {
  if (uint64_t x = txn::txn_slot(from).wait_xid.load()) {
    SlotNo owner = txn::owner_of(Xid{x});
    if (owner != kInvalidSlotNo && owner != from) out.push_back({owner, transaction(Xid{x}), Mode::kShare});
  }
  const SlotLocks& s = table().slots[raw(from)];
  if (!s.wait_lock) return;
  const LockEntry& l = table().locks[s.wait_lock - 1];
  auto mode = static_cast<Mode>(s.wait_mode);
  for (uint32_t h = l.holders; h; h = table().holders[h - 1].next_in_lock) {
    const Holder& holder = table().holders[h - 1];
    if (holder.slot != raw(from) && holder.mask & conflict_mask(mode)) out.push_back({SlotNo{holder.slot}, l.tag, mode});
  }
  for (uint32_t w = l.wait_head; w && w != raw(from) + 1u; w = table().slots[w - 1].next_waiter)
    if (conflict_mask(mode) & bit(static_cast<Mode>(table().slots[w - 1].wait_mode))) out.push_back({SlotNo{static_cast<uint16_t>(w - 1)}, l.tag, mode});
}

struct Step {
  SlotNo from;
  Edge edge;
};

bool find_cycle(SlotNo at, SlotNo start, std::vector<bool>& seen, std::vector<Step>& path) {
  std::vector<Edge> edges;
  add_edges(at, edges);
  for (const Edge& e : edges) {
    path.push_back({at, e});
    if (e.to == start) return true;
    if (!seen[raw(e.to)]) {
      seen[raw(e.to)] = true;
      if (find_cycle(e.to, start, seen, path)) return true;
    }
    path.pop_back();
  }
  return false;
}

void check_deadlock() {
  SlotNo me = region::my_slot_no();
  std::vector<Step> path;
  std::vector<bool> seen(txn::kMaxSlots);
  {
    region::LatchGuard guard(table().latch, region::LatchMode::kExclusive);
    seen[raw(me)] = true;
    if (!find_cycle(me, me, seen, path)) return;
    region::CriticalSection critical;
    table_cancel_wait(me);
    txn::my_txn_slot().wait_xid.store(0);
  }
  SqlError error{sqlstate::kTRDeadlockDetected, "deadlock detected"};
  for (const Step& s : path)
    append(error.detail, error.detail.empty() ? "" : "\n", "Process ", region::slot(s.from).pid.load(), " waits for ", mode_name(s.edge.mode), " on ",
           describe(s.edge.tag), "; blocked by process ", region::slot(s.edge.to).pid.load(), ".");
  error.hint = "See server log for query details.";
  throw error;
}

}  // namespace

void set_deadlock_timeout(int ms) { g_deadlock_timeout_ms = std::max(ms, 1); }
void set_lock_timeout(int ms) { g_lock_timeout_ms = ms; }
int lock_timeout() { return g_lock_timeout_ms; }

std::string describe(const Tag& t) {
  switch (t.kind) {
    case Kind::kRelation: return cat("relation ", t.id, " of database ", raw(t.database));
    case Kind::kTransaction: return cat("transaction ", t.id);
    case Kind::kTuple: return cat("tuple (", t.id2, ",", t.item, ") of relation ", t.id, " of database ", raw(t.database));
    case Kind::kDatabase: return cat("database ", t.id);
    case Kind::kObject: return cat("object ", t.id2, " of class ", t.id, " of database ", raw(t.database));
    case Kind::kAdvisory: return cat("advisory lock [", raw(t.database), ",", t.id, ",", t.id2, ",", int{t.sub}, "]");
    case Kind::kExtend: return cat("extension of relation ", t.id, " of database ", raw(t.database));
  }
  return {};
}

void wait_until(bool (*done)(void*), void* arg) {
  int64_t begin = os::monotonic_us();
  int64_t next_check = begin + int64_t{g_deadlock_timeout_ms} * 1000;
  int64_t give_up = g_lock_timeout_ms > 0 ? begin + int64_t{g_lock_timeout_ms} * 1000 : INT64_MAX;
  std::atomic<uint32_t>& wake = region::my_slot().wake;
  for (;;) {
    uint32_t word = wake.load();
    if (done(arg)) return;
    region::throw_if_poisoned();
    txn::check_interrupts();
    int64_t now = os::monotonic_us();
    if (now >= give_up) throw SqlError{sqlstate::kLockNotAvailable, "canceling statement due to lock timeout"};
    if (now >= next_check) {
      region::reap_dead_slots();
      if (done(arg)) return;
      check_deadlock();
      next_check = now + std::max(g_deadlock_timeout_ms, 1000) * int64_t{1000};
    }
    int64_t until = std::min({give_up, next_check, now + 200000});
    if (!region::futex_wait(wake, word, static_cast<int>((until - now + 999) / 1000))) region::reap_dead_slots();
  }
}

std::vector<int> blocking_pids(int pid) {
  std::vector<int> out;
  region::LatchGuard guard(table().latch, region::LatchMode::kExclusive);
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    if (region::slot(no).pid.load() != pid || region::slot(no).state.load() == region::SlotState::kFree) continue;
    std::vector<Edge> edges;
    add_edges(no, edges);
    for (const Edge& e : edges) {
      int p = region::slot(e.to).pid.load();
      if (std::find(out.begin(), out.end(), p) == out.end()) out.push_back(p);
    }
  }
  return out;
}

}  // namespace postern::lock

namespace postern::txn {

void wait_for(Xid xid) {
  if (status(xid) != XidStatus::kInProgress) return;
  TxnSlot& me = my_txn_slot();
  me.wait_xid.store(raw(xid));
  struct Clear {
    TxnSlot& slot;
    ~Clear() { slot.wait_xid.store(0); }
  } clear{me};
  lock::wait_until(
      [](void* arg) {
        Xid x = *static_cast<Xid*>(arg);
        SlotNo owner = owner_of(x);
        if (owner != kInvalidSlotNo) txn_slot(owner).waiters.store(1);   // before the look: the owner ends, then looks at waiters
        return status(x) != XidStatus::kInProgress;
      },
      &xid);
}

}  // namespace postern::txn
