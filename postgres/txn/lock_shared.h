// The lock table in the region. Private to postgres/txn. Functions here are called with the table's latch held exclusively, inside a critical section.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "postgres/region/region.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/txn_shared.h"

namespace postern::lock {

constexpr uint32_t kLockEntries = 16384, kHolders = 32768, kBuckets = 8192, kStrongCounters = 1024;
constexpr int kFastEntries = 16;
constexpr int kModes = 9;

// Indexes below are + 1, 0 = none.
struct LockEntry {
  Tag tag;
  uint32_t next;                    // in the bucket, or the free list
  uint32_t holders;
  uint32_t wait_head, wait_tail;    // slots
  uint16_t granted[kModes];
};
struct Holder {
  uint32_t lock;
  uint32_t next_in_lock;
  uint32_t prev_in_slot, next_in_slot;
  uint16_t slot;
  uint16_t mask;                    // modes held, bit = 1 << mode; 0 while it only waits
};
// A fast entry: relation oid | mode mask << 32 | kFastSharedRelation; the database is the slot's.
constexpr uint64_t kFastSharedRelation = uint64_t{1} << 48;
struct alignas(64) SlotLocks {
  std::atomic<uint64_t> fast[kFastEntries];
  uint32_t holders;
  uint32_t wait_lock, wait_holder, wait_mode;
  uint32_t next_waiter;             // slot behind this one in the queue
  std::atomic<uint32_t> waiting;    // cleared by whoever grants
};
struct LockTable {
  region::Latch latch;
  uint32_t free_lock, used_locks, free_holder, used_holders;
  std::atomic<uint32_t> strong[kStrongCounters];
  uint32_t buckets[kBuckets];
  SlotLocks slots[txn::kMaxSlots];
  LockEntry locks[kLockEntries];
  Holder holders[kHolders];
};

inline LockTable* g_table = nullptr;
inline LockTable& table() { return *g_table; }
void register_table_area();

constexpr uint16_t bit(Mode m) { return static_cast<uint16_t>(1u << static_cast<int>(m)); }
uint16_t conflict_mask(Mode m);
inline bool is_weak(Mode m) { return m <= Mode::kRowExclusive; }
inline bool is_strong(const Tag& t, Mode m) { return t.kind == Kind::kRelation && m > Mode::kShareUpdateExclusive; }
uint32_t hash_tag(const Tag& t);
inline std::atomic<uint32_t>& strong_counter(const Tag& t) { return table().strong[hash_tag(t) % kStrongCounters]; }

enum class Grant : uint8_t { kGranted, kMustWait, kFull };
// enqueue: joins the queue when it must wait (slot.waiting = 1); else nothing remains.
Grant table_acquire(SlotNo slot, const Tag& tag, Mode mode, bool enqueue);
bool table_release(SlotNo slot, const Tag& tag, Mode mode);
void table_cancel_wait(SlotNo slot);
void table_release_all(SlotNo slot);
// Moves every slot's fast entry for the relation into the table; false when the table is full.
bool transfer_fast(const Tag& tag);

// lock_wait.cc
struct WaitFor {
  const Tag* tag;
  Mode mode;
};
// Sleeps until done() or an exception; the caller has published what it waits for, and takes it back when this throws.
void wait_until(bool (*done)(void*), void* arg);
std::string describe(const Tag& t);

}  // namespace postern::lock
