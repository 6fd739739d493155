// Snapshots and the horizon. What this process may still read is one number, slot.snapshot_xmin: the least xmin of the snapshots in use.
//
// The horizon is computed in two passes, first the running xids, then the slots' snapshot_xmin: a snapshot that the second pass misses is taken after the first
// pass, so it sees every transaction that the first pass found finished.
#include <algorithm>

#include "postgres/txn/txn_shared.h"

namespace postern::txn {
namespace {

constexpr uint64_t kComputing = 1;

struct Registered {
  uint64_t handle;
  Xid xmin;
};
struct Snapshots {
  Snapshot statement;             // of READ COMMITTED's statement or the transaction (REPEATABLE READ)
  bool have_statement = false;
  uint64_t catalog_xmin = 0;      // least xmin of catalog snapshots since the last release, 0 none
  std::vector<Registered> registered;
  uint64_t next_handle = 1;
};
Snapshots g;
uint64_t g_horizon_at = 0;   // next_xid when g_horizon was computed
Xid g_horizon{0};

uint64_t needed_xmin() {
  uint64_t x = ~uint64_t{0};
  if (g.have_statement) x = std::min(x, raw(g.statement.xmin));
  if (g.catalog_xmin) x = std::min(x, g.catalog_xmin);
  for (const Registered& r : g.registered) x = std::min(x, raw(r.xmin));
  return x == ~uint64_t{0} ? 0 : x;
}

void publish_xmin() { region::my_slot().snapshot_xmin.store(needed_xmin(), std::memory_order_release); }

// The caller stores the snapshot and calls publish_xmin().
Snapshot take() {
  std::atomic<uint64_t>& published = region::my_slot().snapshot_xmin;
  if (published.load(std::memory_order_relaxed) == 0) published.store(kComputing);   // else what is published is older than anything we compute
  TxnShared& s = shared();
  Snapshot snap;
  snap.xmin = oldest_running();
  snap.csn = Csn{s.csn.load()};
  snap.xmax = Xid{s.next_xid.load()};
  snap.command = command_id();
  return snap;
}

}  // namespace

Xid oldest_running() {
  TxnShared& s = shared();
  uint64_t next = s.next_xid.load();
  uint64_t hint = s.xmin_hint.load();
  if (hint == next) return Xid{next};
  uint64_t xmin = next;
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    uint64_t x = region::slot(SlotNo{static_cast<uint16_t>(i)}).xid.load();
    if (x && x < xmin) xmin = x;
  }
  while (hint < xmin && !s.xmin_hint.compare_exchange_weak(hint, xmin)) {}
  return Xid{xmin};
}

const Snapshot& statement_snapshot() {
  if (g.have_statement && isolation() != Isolation::kReadCommitted) {
    g.statement.command = command_id();
    return g.statement;
  }
  g.statement = take();
  g.have_statement = true;
  note_first_snapshot();
  publish_xmin();
  return g.statement;
}

Snapshot catalog_snapshot() {
  Snapshot s = take();
  if (!g.catalog_xmin || raw(s.xmin) < g.catalog_xmin) g.catalog_xmin = raw(s.xmin);
  publish_xmin();
  return s;
}

void release_snapshot() {
  if (isolation() == Isolation::kReadCommitted || !in_block()) g.have_statement = false;
  g.catalog_xmin = 0;
  publish_xmin();
}

uint64_t register_snapshot(const Snapshot& s) {
  g.registered.push_back({g.next_handle, s.xmin});
  publish_xmin();
  return g.next_handle++;
}

void unregister_snapshot(uint64_t handle) {
  std::erase_if(g.registered, [&](const Registered& r) { return r.handle == handle; });
  publish_xmin();
}

void forget_snapshots() {
  g.have_statement = false;
  g.catalog_xmin = 0;
  publish_xmin();
}

Xid oldest_needed() {
  TxnShared& s = shared();
  uint64_t floor = s.horizon.load();
  uint64_t h = raw(oldest_running());
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    std::atomic<uint64_t>& x = region::slot(SlotNo{static_cast<uint16_t>(i)}).snapshot_xmin;
    uint64_t xmin = x.load();
    for (int spins = 0; xmin == kComputing && spins < 200; spins++) {
      __builtin_ia32_pause();
      xmin = x.load();
    }
    if (xmin == kComputing) return Xid{floor};
    if (xmin && xmin < h) h = xmin;
  }
  uint64_t seen = floor;
  while (seen < h && !s.horizon.compare_exchange_weak(seen, h)) {}
  return Xid{std::max(seen, h)};
}

Xid recent_horizon() {
  uint64_t next = shared().next_xid.load(std::memory_order_relaxed);
  if (next - g_horizon_at > 8 || g_horizon_at == 0) {
    g_horizon = oldest_needed();
    g_horizon_at = next;
  }
  return g_horizon;
}

void forget_process_state() {
  g = Snapshots{};
  g_horizon_at = 0;
}

}  // namespace postern::txn
