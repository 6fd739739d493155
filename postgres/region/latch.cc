// Latches that survive their holders.
//
// Word: bit 31 exclusive (low 16 bits: owner's slot), else low 20 bits: number of shared holders; bit 30: somebody sleeps; bit 29: closed by a reaper that counts the
// holders. Zero is free.
// Record in the holder's slot: region offset << 3 | state. It is written before the word is touched and cleared after:
//     (none) → acquiring → shared|exclusive → releasing → (none)
// A survivor: exclusive ownership is proved by the word itself (it names the slot). Of the shared states, 'shared' is certain; a death in 'acquiring' or 'releasing' (a
// few instructions) leaves open whether the count includes it. Then the reaper closes the latch (bit 29), waits until every live process's record of it is certain, and sets the count to
// the number of certain holders.
//
// Sleepers set bit 30; who makes the latch free clears it and wakes all. Readers don't pass sleepers while other readers hold the latch, so writers don't starve;
// except who holds it shared already.
#include <algorithm>
#include <climits>

#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/region/internal.h"

namespace postern::region {
namespace {

constexpr uint32_t kExclusiveBit = 1u << 31, kWaitersBit = 1u << 30, kClosedBit = 1u << 29, kCountMask = (1u << 20) - 1;
constexpr int kSpins = 60;
constexpr int kFirstWaitMs = 10, kMaxWaitMs = 320;  // doubling

enum RecordState : uint64_t { kAcquiringShared = 1, kAcquiringExclusive = 2, kHeldShared = 3, kHeldExclusive = 4, kReleasing = 5 };

inline bool free_for_exclusive(uint32_t w) { return (w & ~kWaitersBit) == 0; }
inline bool free_for_shared(uint32_t w, bool barge) {
  if (w & (kExclusiveBit | kClosedBit)) return false;
  return barge || !(w & kWaitersBit) || (w & kCountMask) == 0;
}
inline void record(int i, const Latch& l, uint64_t state) {
  g_self.slot->latches[i].offset_and_state.store(offset_of(&l) << 3 | state, std::memory_order_release);
}
inline void erase_record(int i) { g_self.slot->latches[i].offset_and_state.store(0, std::memory_order_release); }

bool try_word(Latch& l, LatchMode mode, bool barge) {
  uint32_t w = l.word.load(std::memory_order_relaxed);
  if (mode == LatchMode::kExclusive) {
    while (free_for_exclusive(w))
      if (l.word.compare_exchange_weak(w, w | kExclusiveBit | raw(g_self.slot_no), std::memory_order_acquire)) return true;
  } else {
    while (free_for_shared(w, barge))
      if (l.word.compare_exchange_weak(w, w + 1, std::memory_order_acquire)) return true;
  }
  return false;
}

int find_free_record() {
  for (int i = 0; i < kMaxLatches; ++i)
    if (!g_self.latches[i].latch) return i;
  POSTERN_CHECK(!"too many latches held");
  return -1;
}

void note_held(int i, Latch& l, LatchMode mode, LatchRank rank) {
  record(i, l, mode == LatchMode::kExclusive ? kHeldExclusive : kHeldShared);
  g_self.latches[i] = {&l, mode, rank};
  ++g_self.latch_count;
}

void check_rank(LatchRank rank) {
  for (int i = 0, seen = 0; seen < g_self.latch_count; ++i) {
    if (!g_self.latches[i].latch) continue;
    ++seen;
    LatchRank held = g_self.latches[i].rank;
    POSTERN_CHECK(held < rank || (held == rank && rank == LatchRank::kBufferContent));
  }
}

// Sleeps until the word may have changed. The record is erased meanwhile: a sleeper holds nothing.
void sleep_on(Latch& l, int i, LatchMode mode, bool barge, int& wait_ms) {
  uint32_t w = l.word.load(std::memory_order_relaxed);
  bool available = mode == LatchMode::kExclusive ? free_for_exclusive(w) : free_for_shared(w, barge);
  if (available) return;
  if (!(w & kWaitersBit)) {
    if (!l.word.compare_exchange_strong(w, w | kWaitersBit, std::memory_order_relaxed)) return;
    w |= kWaitersBit;
  }
  erase_record(i);
  if (!os::futex_wait(l.word, w, wait_ms)) {
    wait_ms = std::min(wait_ms * 2, kMaxWaitMs);
    reap_if_holder_died(l);
  }
  throw_if_poisoned();
  record(i, l, mode == LatchMode::kExclusive ? kAcquiringExclusive : kAcquiringShared);
}

void wait_for_word(Latch& l, int i, LatchMode mode) {
  bool barge = false;
  int wait_ms = kFirstWaitMs;
  for (int k = 0; k < kMaxLatches; ++k)
    if (g_self.latches[k].latch == &l) {
      POSTERN_CHECK(mode == LatchMode::kShared && g_self.latches[k].mode == LatchMode::kShared);  // else: waiting for ourselves
      barge = true;
    }
  for (;;) {
    for (int s = 0; s < kSpins; ++s) {
      if (try_word(l, mode, barge)) return;
      __builtin_ia32_pause();
    }
    sleep_on(l, i, mode, barge, wait_ms);
    if (try_word(l, mode, barge)) return;
  }
}

void wake_all(Latch& l) { os::futex_wake(l.word, INT_MAX); }

void release_word(Latch& l, LatchMode mode) {
  if (mode == LatchMode::kExclusive) {
    if (l.word.exchange(0, std::memory_order_release) & kWaitersBit) wake_all(l);
    return;
  }
  uint32_t w = l.word.fetch_sub(1, std::memory_order_release) - 1;
  if ((w & kCountMask) == 0 && (w & kWaitersBit)) {
    if (l.word.compare_exchange_strong(w, w & ~kWaitersBit, std::memory_order_relaxed)) wake_all(l);
  }
}

// Makes the shared count of `l` right again after somebody died in an uncertain state; dead records in such a state count as nothing, those of the
// living are waited for (they are certain again within a few instructions, unless stopped: then, as with any latch a stopped process holds, we wait).
// False: the numbers contradict each other. Repeating it after a reaper's own death is harmless. Throws 57P02 when poisoned meanwhile.
bool recount_shared(Latch& l) {
  uint64_t target = offset_of(&l);
  for (int attempt = 0;; ++attempt) {
    if (attempt) os::sleep_us(attempt < 100 ? 20 : 500);
    throw_if_poisoned();
    uint32_t before = l.word.fetch_or(kClosedBit) | kClosedBit;
    if (before & kExclusiveBit) {  // nobody is counted; the holder's release may have to find it open
      l.word.fetch_and(~kClosedBit);
      wake_all(l);
      return true;
    }
    bool certain = true;
    uint32_t holders = 0, dead = 0;
    for (int s = 0; s < slot_high_water() && certain; ++s) {
      for (auto& h : slot(SlotNo(s)).latches) {
        uint64_t v = h.offset_and_state.load(std::memory_order_acquire);
        if (v >> 3 != target) continue;
        if ((v & 7) == kHeldShared) ++holders;
        else if (slot_alive(SlotNo(s))) certain = false;
        else ++dead;
      }
    }
    if (!certain || l.word.load() != before) continue;
    uint32_t surplus = (before & kCountMask) - holders;
    if (surplus > dead) return false;
    // Closed: nobody enters, but live holders may leave, so the difference is subtracted.
    uint32_t w = l.word.load(), next;
    do next = (w - surplus) & ~(kClosedBit | kWaitersBit);
    while (!l.word.compare_exchange_weak(w, next));
    counters().latches_repaired.fetch_add(1, std::memory_order_relaxed);
    wake_all(l);
    return true;
  }
}

}  // namespace

void latch_acquire(Latch& l, LatchMode mode, LatchRank rank) {
  check_rank(rank);
  int i = find_free_record();
  record(i, l, mode == LatchMode::kExclusive ? kAcquiringExclusive : kAcquiringShared);
  if (!try_word(l, mode, false)) [[unlikely]] {
    try {
      wait_for_word(l, i, mode);
    } catch (...) {
      erase_record(i);
      throw;
    }
  }
  note_held(i, l, mode, rank);
}

void latch_acquire(Latch& l, LatchMode mode) { latch_acquire(l, mode, static_cast<LatchRank>(l.rank)); }

bool latch_try_acquire(Latch& l, LatchMode mode) {
  int i = find_free_record();
  record(i, l, mode == LatchMode::kExclusive ? kAcquiringExclusive : kAcquiringShared);
  if (!try_word(l, mode, false)) {
    erase_record(i);
    return false;
  }
  note_held(i, l, mode, LatchRank::kNone);
  return true;
}

void latch_release(Latch& l) {
  for (int i = kMaxLatches - 1; i >= 0; --i) {
    if (g_self.latches[i].latch != &l) continue;
    LatchMode mode = g_self.latches[i].mode;
    record(i, l, kReleasing);
    release_word(l, mode);
    erase_record(i);
    g_self.latches[i].latch = nullptr;
    --g_self.latch_count;
    return;
  }
  POSTERN_CHECK(!"latch is not held");
}

void reap_if_holder_died(const Latch& l) {
  uint32_t w = l.word.load();
  if ((w & kExclusiveBit) && slot_alive(SlotNo(static_cast<uint16_t>(w & 0xFFFF)))) return;
  if (w & (kExclusiveBit | kCountMask | kClosedBit)) reap_dead_slots();
}

bool latch_held(const Latch& l) {
  for (auto& h : g_self.latches)
    if (h.latch == &l) return true;
  return false;
}
int latches_held() { return g_self.latch_count; }

void each_exclusive_latch(SlotNo n, const std::function<void(Latch&)>& fn) {
  for (auto& h : slot(n).latches) {
    uint64_t v = h.offset_and_state.load(std::memory_order_acquire);
    if (!v) continue;
    Latch& l = *at_offset<Latch>(v >> 3);
    uint32_t w = l.word.load();
    if ((w & kExclusiveBit) && (w & 0xFFFF) == raw(n)) fn(l);
  }
}

// A reaper may die anywhere in here: the record stays until the word is right, and says 'releasing' when it may already be.
void release_latches_of_dead(SlotNo n) {
  for (auto& h : slot(n).latches) {
    uint64_t v = h.offset_and_state.load(std::memory_order_acquire);
    if (!v) continue;
    Latch& l = *at_offset<Latch>(v >> 3);
    uint32_t w = l.word.load();
    if (w & kExclusiveBit) {
      if ((w & 0xFFFF) == raw(n)) {
        l.word.store(0, std::memory_order_release);
        wake_all(l);
      }
    } else if ((v & 7) == kHeldShared) {
      h.offset_and_state.store((v & ~uint64_t{7}) | kReleasing, std::memory_order_release);
      release_word(l, LatchMode::kShared);
    } else if ((v & 7) == kAcquiringShared || (v & 7) == kReleasing) {
      if (!recount_shared(l)) poison("a process died while it changed a latch, and the count of holders can't be proved");
    }
    h.offset_and_state.store(0, std::memory_order_release);
    wake_all(l);
  }
}

}  // namespace postern::region
