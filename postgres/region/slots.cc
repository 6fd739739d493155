// Process slots: critical sections, death, poison.
#include <signal.h>

#include <cstring>

#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/region/internal.h"

namespace postern::region {
namespace {

struct DeathHook {
  std::function<void(SlotNo)> fn;
  bool early;
};
std::vector<DeathHook>& hooks() {
  static std::vector<DeathHook> h;
  return h;
}
bool g_reaping = false;

struct Repair {
  CriticalKind kind;
  bool (*fn)(SlotNo);
};
std::vector<Repair>& repairs() {
  static std::vector<Repair> r;
  return r;
}

bool repair_critical(SlotNo n) {
  ProcSlot& s = slot(n);
  uint32_t kinds = s.critical_kinds.load();
  for (auto& r : repairs()) {
    if (!(kinds & static_cast<uint32_t>(r.kind))) continue;
    if (!r.fn(n)) return false;
    kinds &= ~static_cast<uint32_t>(r.kind);
  }
  if (kinds) return false;
  s.in_critical.store(0);
  counters().critical_repaired.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

void on_critical_death(CriticalKind kind, bool (*repair)(SlotNo)) {
  for (auto& r : repairs())
    if (r.kind == kind) return;
  repairs().push_back({kind, repair});
}

SlotNo my_slot_no() { return g_self.slot_no; }
ProcSlot& my_slot() { return *g_self.slot; }
ProcSlot& slot(SlotNo n) { return g_self.slots[raw(n)]; }
int slot_count() { return g_self.header->slot_capacity; }
int slot_high_water() { return g_self.header->slot_high_water.load(std::memory_order_acquire); }

bool slot_alive(SlotNo n) {
  if (n == g_self.slot_no) return true;
  return os::range_locked_by_other(g_self.lock_fd.get(), kFirstSlotByte + raw(n), 1);
}

void enter_critical(CriticalKind kind) {
  uint32_t bit = static_cast<uint32_t>(kind), kinds = g_self.slot->critical_kinds.load(std::memory_order_relaxed);
  g_self.slot->critical_kinds.store(g_self.critical == 0 ? bit : kinds | bit, std::memory_order_release);
  g_self.slot->in_critical.store(++g_self.critical, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // stores are seen in order on x86
}

void leave_critical() {
  POSTERN_CHECK(g_self.critical > 0);
  g_self.slot->in_critical.store(--g_self.critical, std::memory_order_release);
}

void on_slot_death(std::function<void(SlotNo)> hook, bool early) { hooks().push_back({std::move(hook), early}); }

// Phase one for every dead slot, phase two if `full`. REQUIRES: mapped; lock byte 1 is taken here, non-blocking.
int reap_holding_reap_byte(bool full) {
  if (g_reaping) return 0;
  int high = slot_high_water();
  int fd = g_self.lock_fd.get();
  int reaped = 0;
  bool locked = false;
  g_reaping = true;
  try {
    for (int i = 0; i < high && !poisoned(); ++i) {
      SlotNo n{static_cast<uint16_t>(i)};
      ProcSlot& s = slot(n);
      if (s.state.load(std::memory_order_acquire) == SlotState::kFree || slot_alive(n)) continue;
      if (!locked && !(locked = os::lock_byte(fd, kReapByte, false))) break;  // somebody else is at it
      if (s.state.load(std::memory_order_acquire) == SlotState::kFree || slot_alive(n)) continue;
      if (s.in_critical.load() > 0 && !repair_critical(n)) {
        poison("a process died inside a critical section");
        break;
      }
      release_latches_of_dead(n);
      for (auto& h : hooks())
        if (h.early) h.fn(n);
      if (poisoned() || !full) continue;
      for (auto& h : hooks())
        if (!h.early) h.fn(n);
      for (auto& p : s.pins) p.store(0);
      s.pins_used.store(0);
      s.pid.store(0);
      s.state.store(SlotState::kFree, std::memory_order_release);
      g_self.header->counters.slots_reaped.fetch_add(1, std::memory_order_relaxed);
      ++reaped;
    }
  } catch (...) {
    g_reaping = false;
    if (locked) os::unlock_byte(fd, kReapByte);
    throw;
  }
  g_reaping = false;
  if (locked) os::unlock_byte(fd, kReapByte);
  return reaped;
}

int reap_dead_slots() {
  bool only_lowest = true;  // a checkpointer may run the hooks: they take latches of higher ranks only
  for (auto& h : g_self.latches)
    if (h.latch && h.rank != LatchRank::kCheckpoint) only_lowest = false;
  return reap_holding_reap_byte(only_lowest && g_self.critical == 0);
}

void poison(const char* why) {
  RegionHeader& h = *g_self.header;
  if (h.poisoned.exchange(1) != 0) return;
  std::strncpy(h.poison_reason, why, sizeof h.poison_reason - 1);
  int high = slot_high_water();
  for (int i = 0; i < high; ++i) {
    ProcSlot& s = slot(SlotNo(i));
    int pid = s.pid.load();
    if (i == raw(g_self.slot_no) || pid <= 0 || s.state.load() == SlotState::kFree) continue;
    os::Fd pidfd(os::open_pidfd(pid));
    if (pidfd && slot_alive(SlotNo(i))) os::signal_pidfd(pidfd.get(), SIGTERM);
  }
}

bool poisoned() { return g_self.header->poisoned.load(std::memory_order_relaxed) != 0; }
const char* poison_reason() { return g_self.header->poison_reason; }
Counters& counters() { return g_self.header->counters; }

void throw_if_poisoned() {
  if (!poisoned()) [[likely]] return;
  throw SqlError(sqlstate::kCrashShutdown, "terminating connection because of crash of another server process",
                 "Another process of this data directory died while it changed shared memory, which has to be recovered.",
                 "In a moment you should be able to reconnect to the database and repeat your command.").fatal();
}

bool futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int timeout_ms) { return os::futex_wait(word, expected, timeout_ms); }
void futex_wake(std::atomic<uint32_t>& word, int count) { os::futex_wake(word, count); }

}  // namespace postern::region
