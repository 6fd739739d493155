// The mapping of pages to buffers, and the replacement of buffers (clock sweep).
#include <algorithm>

#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/buffer/pool.h"
#include "postgres/storage/file.h"

namespace postern::buffer {
namespace {

// Buffers that this process's big sequential scans go round in. A scan that dirties its pages (vacuum, pruning) makes the ring longer, so that one flush of the WAL
// serves the writing of many.
constexpr uint32_t kRing = 32, kLongRing = 256;
uint32_t g_ring[kLongRing];
uint32_t g_ring_next = 0, g_ring_size = kRing;

uint32_t owner() { return raw(region::my_slot_no()); }

// REQUIRES: partition latch.
uint32_t find_latched(const Tag& tag, uint32_t hash) {
  for (uint32_t b = g_heads[hash & g_head_mask].load(std::memory_order_acquire); b; b = descriptor(b).next.load(std::memory_order_acquire))
    if (tag_at(descriptor(b)) == tag) return b;
  return 0;
}

// REQUIRES: exclusive partition latch, critical section.
void unlink(uint32_t b, uint32_t hash) {
  std::atomic<uint32_t>* link = &g_heads[hash & g_head_mask];
  for (uint32_t at = link->load(std::memory_order_relaxed); at; at = link->load(std::memory_order_relaxed)) {
    if (at == b) {
      link->store(descriptor(b).next.load(std::memory_order_relaxed), std::memory_order_release);
      return;
    }
    link = &descriptor(at).next;
  }
  POSTERN_CHECK(!"buffer is not in its hash chain");
}

// Takes a tagged buffer out of the mapping if its state allows (no I/O; clean unless `dirty_too`; usage ≤ max) and nobody pins it; → final_state.
bool take_out(uint32_t b, const Tag& tag, uint32_t max_usage, bool dirty_too, uint32_t final_state) {
  Descriptor& d = descriptor(b);
  uint32_t hash = hash_of(tag);
  region::LatchGuard guard(partition_latch(hash), region::LatchMode::kExclusive);
  uint32_t s = d.state.load(std::memory_order_acquire);
  uint32_t forbid = kIo | kEvicting | kClaimed | (dirty_too ? 0 : kDirty);
  if (!(s & kTagged) || (s & forbid) || (s & kUsageMask) > max_usage || !(tag_at(d) == tag)) return false;
  if (!d.state.compare_exchange_strong(s, (s & ~kOwnerMask) | kEvicting | owner(), std::memory_order_seq_cst)) return false;
  if (pinned_by_anyone(b)) {
    d.state.fetch_and(~kEvicting);
    return false;
  }
  region::CriticalSection critical(region::CriticalKind::kBufferMapping);
  unlink(b, hash);
  d.state.store(final_state, std::memory_order_release);
  return true;
}

bool claim_from_ring(uint32_t* out) {
  uint32_t b = g_ring[g_ring_next];
  if (!b || b > g_count) return false;
  uint32_t s = descriptor(b).state.load(std::memory_order_relaxed);
  if (!(s & kTagged) || (s & (kIo | kEvicting)) || (s & kUsageMask) > kUsageOne) return false;
  if (s & kDirty) {
    if (g_ring_size < std::min(kLongRing, g_count / 8)) {
      g_ring_next = g_ring_size++;
      return false;
    }
    if (!write_victim(b)) return false;
  }
  if (!evict(b, kUsageOne)) return false;
  *out = b;
  return true;
}

}  // namespace

uint32_t find_unlatched(const Tag& tag, uint32_t hash) {
  uint32_t b = g_heads[hash & g_head_mask].load(std::memory_order_acquire);
  for (int steps = 0; b && steps < 100; ++steps) {
    Descriptor& d = descriptor(b);
    if (tag_at(d) == tag) return b;
    b = d.next.load(std::memory_order_acquire);
  }
  return 0;
}

PageRef find_and_pin(const Tag& tag, uint32_t hash) {
  region::LatchGuard guard(partition_latch(hash), region::LatchMode::kShared);
  uint32_t b = find_latched(tag, hash);
  if (!b) return {};
  return PoolAccess::make(b, add_pin(b));  // eviction needs the partition latch: it can't go away under us
}

PageRef insert_claimed(uint32_t b, const Tag& tag, uint32_t hash, bool* mine) {
  region::LatchGuard guard(partition_latch(hash), region::LatchMode::kExclusive);
  if (uint32_t other = find_latched(tag, hash)) {
    *mine = false;
    unclaim(b);
    return PoolAccess::make(other, add_pin(other));
  }
  *mine = true;
  uint8_t pin = add_pin(b);
  region::CriticalSection critical(region::CriticalKind::kBufferMapping);
  Descriptor& d = descriptor(b);
  d.tag_file.store(tag.file, std::memory_order_relaxed);
  d.tag_page.store(tag.page, std::memory_order_relaxed);
  d.state.store(kTagged | kIo | owner(), std::memory_order_release);
  std::atomic<uint32_t>& head = g_heads[hash & g_head_mask];
  d.next.store(head.load(std::memory_order_relaxed), std::memory_order_release);
  head.store(b, std::memory_order_release);
  return PoolAccess::make(b, pin);
}

bool evict(uint32_t b, uint32_t max_usage) { return take_out(b, tag_at(descriptor(b)), max_usage, false, kClaimed | owner()); }

bool discard(uint32_t b, const Tag& tag) {
  for (int attempt = 0;; ++attempt) {
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_acquire);
    if (!(s & kTagged) || !(tag_at(d) == tag)) return false;
    if (s & kIo) wait_io(b);
    else if (take_out(b, tag, kUsageMask, true, 0)) return true;
    else if (attempt > 3) os::sleep_us(200);  // a checkpointer or evictor looks at it
    if (attempt > 5000) region::reap_dead_slots();
    region::throw_if_poisoned();
  }
}

// A process died while it changed chains: they are made anew from the tags. An insertion counts from the moment its state says kTagged, a removal from the moment it doesn't.
bool rebuild_chains(SlotNo dead) {
  region::each_exclusive_latch(dead, [](region::Latch& l) {
    if (&l < g_control->partitions || &l >= g_control->partitions + kPartitions) return;
    auto partition = static_cast<uint32_t>(&l - g_control->partitions);
    for (uint32_t h = partition; h <= g_head_mask; h += kPartitions) g_heads[h].store(0);
    for (uint32_t b = 1; b <= g_count; ++b) {
      Descriptor& d = descriptor(b);
      if (!(d.state.load() & kTagged)) continue;
      uint32_t hash = hash_of(tag_at(d));
      if (hash % kPartitions != partition) continue;
      std::atomic<uint32_t>& head = g_heads[hash & g_head_mask];
      d.next.store(head.load());
      head.store(b);
    }
  });
  return true;
}

void unclaim(uint32_t b) { descriptor(b).state.store(0, std::memory_order_release); }

uint32_t claim_victim(Access access) {
  uint32_t b = 0;
  if (access == Access::kScan && claim_from_ring(&b)) {
    g_ring_next = (g_ring_next + 1) % g_ring_size;
    return b;
  }
  for (uint64_t tries = 0; tries < 20ull * g_count + 1000; ++tries) {
    b = g_control->hand.fetch_add(1, std::memory_order_relaxed) % g_count + 1;
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_relaxed);
    bool got = false;
    if (s == 0) {
      got = d.state.compare_exchange_strong(s, kClaimed | owner());
    } else if (s & (kIo | kEvicting | kClaimed)) {
      if (tries > 4ull * g_count && tries % g_count == 0) region::reap_dead_slots();
    } else if (s & kUsageMask) {
      d.state.compare_exchange_strong(s, s - kUsageOne, std::memory_order_relaxed);
    } else if (!pinned_by_anyone(b) && (!(s & kDirty) || write_victim(b))) {
      got = evict(b, 0);
    }
    if (!got) continue;
    if (access == Access::kScan) {
      g_ring[g_ring_next] = b;
      g_ring_next = (g_ring_next + 1) % g_ring_size;
    }
    return b;
  }
  throw SqlError(sqlstate::kInsufficientResources, "no unpinned buffers available");
}

}  // namespace postern::buffer
