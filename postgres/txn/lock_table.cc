#include "postgres/txn/lock_shared.h"

#include "common/base/check.h"

namespace postern::lock {
namespace {

region::Area g_area{
    "locks", [](const region::AttachOptions&) { return sizeof(LockTable); },
    [](void* base, const region::AttachOptions&) { region::latch_init(static_cast<LockTable*>(base)->latch, region::LatchRank::kLockTable); },
    [](void* base, const region::AttachOptions&) { g_table = static_cast<LockTable*>(base); }};

LockEntry& lock_at(uint32_t i) { return table().locks[i - 1]; }
Holder& holder_at(uint32_t i) { return table().holders[i - 1]; }
SlotLocks& slot_at(uint32_t i) { return table().slots[i - 1]; }
uint32_t index_of(SlotNo s) { return raw(s) + 1u; }

uint32_t find_lock(const Tag& tag) {
  uint32_t i = table().buckets[hash_tag(tag) % kBuckets];
  while (i && !(lock_at(i).tag == tag)) i = lock_at(i).next;
  return i;
}

uint32_t make_lock(const Tag& tag) {
  LockTable& t = table();
  uint32_t i = t.free_lock;
  if (i) t.free_lock = lock_at(i).next;
  else if (t.used_locks < kLockEntries) i = ++t.used_locks;
  else return 0;
  uint32_t& bucket = t.buckets[hash_tag(tag) % kBuckets];
  lock_at(i) = LockEntry{tag, bucket, 0, 0, 0, {}};
  bucket = i;
  return i;
}

void free_lock_if_unused(uint32_t i) {
  LockEntry& l = lock_at(i);
  if (l.holders || l.wait_head) return;
  uint32_t* link = &table().buckets[hash_tag(l.tag) % kBuckets];
  while (*link != i) link = &lock_at(*link).next;
  *link = l.next;
  l.next = table().free_lock;
  table().free_lock = i;
}

uint32_t find_holder(uint32_t lock, SlotNo slot) {
  uint32_t i = lock_at(lock).holders;
  while (i && holder_at(i).slot != raw(slot)) i = holder_at(i).next_in_lock;
  return i;
}

uint32_t make_holder(uint32_t lock, SlotNo slot) {
  LockTable& t = table();
  uint32_t i = t.free_holder;
  if (i) t.free_holder = holder_at(i).next_in_lock;
  else if (t.used_holders < kHolders) i = ++t.used_holders;
  else return 0;
  SlotLocks& s = t.slots[raw(slot)];
  holder_at(i) = Holder{lock, lock_at(lock).holders, 0, s.holders, raw(slot), 0};
  if (s.holders) holder_at(s.holders).prev_in_slot = i;
  lock_at(lock).holders = i;
  s.holders = i;
  return i;
}

void free_holder_if_unused(uint32_t i) {
  Holder& h = holder_at(i);
  SlotLocks& s = table().slots[h.slot];
  if (h.mask || (s.wait_lock && s.wait_holder == i)) return;
  uint32_t* link = &lock_at(h.lock).holders;
  while (*link != i) link = &holder_at(*link).next_in_lock;
  *link = h.next_in_lock;
  if (h.prev_in_slot) holder_at(h.prev_in_slot).next_in_slot = h.next_in_slot;
  else s.holders = h.next_in_slot;
  if (h.next_in_slot) holder_at(h.next_in_slot).prev_in_slot = h.prev_in_slot;
  h.next_in_lock = table().free_holder;
  table().free_holder = i;
}

bool conflicts_with_granted(const LockEntry& l, Mode mode, uint16_t own) {
  uint16_t mask = conflict_mask(mode);
  for (int m = 1; m < kModes; m++)
    if (mask >> m & 1 && l.granted[m] > (own >> m & 1)) return true;
  return false;
}

void grant(LockEntry& l, Holder& h, Mode mode) {
  h.mask |= bit(mode);
  l.granted[static_cast<int>(mode)]++;
}

// Grants, in order, whoever in the queue no longer conflicts with holders or with waiters ahead of it.
void wake_queue(uint32_t lock) {
  LockEntry& l = lock_at(lock);
  uint16_t ahead = 0;
  uint32_t prev = 0;
  for (uint32_t i = l.wait_head; i;) {
    SlotLocks& s = slot_at(i);
    uint32_t next = s.next_waiter;
    auto mode = static_cast<Mode>(s.wait_mode);
    Holder& h = holder_at(s.wait_holder);
    bool blocked = conflicts_with_granted(l, mode, h.mask) || (ahead & conflict_mask(mode) && !h.mask);
    if (blocked) {
      ahead |= bit(mode);
      prev = i;
    } else {
      grant(l, h, mode);
      (prev ? slot_at(prev).next_waiter : l.wait_head) = next;
      if (l.wait_tail == i) l.wait_tail = prev;
      s.wait_lock = 0;
      s.waiting.store(0);
      region::ProcSlot& p = region::slot(SlotNo{static_cast<uint16_t>(i - 1)});
      p.wake.fetch_add(1);
      region::futex_wake(p.wake, 1);
    }
    i = next;
  }
}

void enqueue_waiter(uint32_t lock, uint32_t holder, SlotNo slot, Mode mode) {
  LockEntry& l = lock_at(lock);
  SlotLocks& s = table().slots[raw(slot)];
  s.wait_lock = lock;
  s.wait_holder = holder;
  s.wait_mode = static_cast<uint32_t>(mode);
  s.waiting.store(1);
  // A holder goes ahead of those who wait for what it holds: behind them it would deadlock.
  uint32_t prev = 0, at = l.wait_head;
  uint16_t own = holder_at(holder).mask;
  while (at && !(own & conflict_mask(static_cast<Mode>(slot_at(at).wait_mode)))) {
    prev = at;
    at = slot_at(at).next_waiter;
  }
  s.next_waiter = at;
  (prev ? slot_at(prev).next_waiter : l.wait_head) = index_of(slot);
  if (!at) l.wait_tail = index_of(slot);
}

bool conflicts_with_queue(const LockEntry& l, Mode mode) {
  for (uint32_t i = l.wait_head; i; i = slot_at(i).next_waiter)
    if (conflict_mask(mode) & bit(static_cast<Mode>(slot_at(i).wait_mode))) return true;
  return false;
}

void release_holder_mode(uint32_t holder, Mode mode) {
  Holder& h = holder_at(holder);
  LockEntry& l = lock_at(h.lock);
  h.mask &= static_cast<uint16_t>(~bit(mode));
  l.granted[static_cast<int>(mode)]--;
  if (is_strong(l.tag, mode)) strong_counter(l.tag).fetch_sub(1);
}

}  // namespace

void register_table_area() { region::register_area(g_area); }

uint16_t conflict_mask(Mode m) {
  constexpr auto b = [](Mode x) { return bit(x); };
  using enum Mode;
  constexpr uint16_t all = 0x1FE;
  constexpr uint16_t masks[kModes] = {
      0,
      b(kAccessExclusive),
      static_cast<uint16_t>(b(kExclusive) | b(kAccessExclusive)),
      static_cast<uint16_t>(b(kShare) | b(kShareRowExclusive) | b(kExclusive) | b(kAccessExclusive)),
      static_cast<uint16_t>(b(kShareUpdateExclusive) | b(kShare) | b(kShareRowExclusive) | b(kExclusive) | b(kAccessExclusive)),
      static_cast<uint16_t>(b(kRowExclusive) | b(kShareUpdateExclusive) | b(kShareRowExclusive) | b(kExclusive) | b(kAccessExclusive)),
      static_cast<uint16_t>(all & ~(b(kAccessShare) | b(kRowShare))),
      static_cast<uint16_t>(all & ~b(kAccessShare)),
      all,
  };
  return masks[static_cast<int>(m)];
}

uint32_t hash_tag(const Tag& t) {
  uint64_t h = t.id * 0x9E3779B97F4A7C15u ^ (t.id2 + 0x7F4A7C15u) * 0xC2B2AE3D27D4EB4Fu;
  h ^= (uint64_t{raw(t.database)} << 32 | uint64_t{t.item} << 16 | uint64_t{t.sub} << 8 | static_cast<uint64_t>(t.kind)) * 0x165667B19E3779F9u;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9u;
  return static_cast<uint32_t>(h >> 32);
}

Grant table_acquire(SlotNo slot, const Tag& tag, Mode mode, bool enqueue) {
  bool strong = is_strong(tag, mode);
  if (strong) {
    strong_counter(tag).fetch_add(1);
    if (!transfer_fast(tag)) {
      strong_counter(tag).fetch_sub(1);
      return Grant::kFull;
    }
  }
  uint32_t li = find_lock(tag);
  if (!li) li = make_lock(tag);
  uint32_t hi = li ? find_holder(li, slot) : 0;
  if (li && !hi) hi = make_holder(li, slot);
  if (!hi) {
    if (li) free_lock_if_unused(li);
    if (strong) strong_counter(tag).fetch_sub(1);
    return Grant::kFull;
  }
  LockEntry& l = lock_at(li);
  Holder& h = holder_at(hi);
  if (h.mask & bit(mode)) {   // held by another level of the same process
    if (strong) strong_counter(tag).fetch_sub(1);
    return Grant::kGranted;
  }
  if (!conflicts_with_granted(l, mode, h.mask) && (h.mask || !conflicts_with_queue(l, mode))) {
    grant(l, h, mode);
    return Grant::kGranted;
  }
  if (enqueue) {
    enqueue_waiter(li, hi, slot, mode);
  } else {
    free_holder_if_unused(hi);
    free_lock_if_unused(li);
    if (strong) strong_counter(tag).fetch_sub(1);
  }
  return Grant::kMustWait;
}

bool table_release(SlotNo slot, const Tag& tag, Mode mode) {
  uint32_t li = find_lock(tag);
  uint32_t hi = li ? find_holder(li, slot) : 0;
  if (!hi || !(holder_at(hi).mask & bit(mode))) return false;
  release_holder_mode(hi, mode);
  free_holder_if_unused(hi);
  wake_queue(li);
  free_lock_if_unused(li);
  return true;
}

void table_cancel_wait(SlotNo slot) {
  SlotLocks& s = table().slots[raw(slot)];
  if (!s.wait_lock) return;
  uint32_t li = s.wait_lock, hi = s.wait_holder, me = index_of(slot);
  LockEntry& l = lock_at(li);
  uint32_t prev = 0;
  for (uint32_t i = l.wait_head; i && i != me; i = slot_at(i).next_waiter) prev = i;
  (prev ? slot_at(prev).next_waiter : l.wait_head) = s.next_waiter;
  if (l.wait_tail == me) l.wait_tail = prev;
  s.wait_lock = 0;
  s.waiting.store(0);
  if (is_strong(l.tag, static_cast<Mode>(s.wait_mode))) strong_counter(l.tag).fetch_sub(1);
  free_holder_if_unused(hi);
  wake_queue(li);
  free_lock_if_unused(li);
}

void table_release_all(SlotNo slot) {
  table_cancel_wait(slot);
  SlotLocks& s = table().slots[raw(slot)];
  for (auto& f : s.fast) f.store(0);
  while (s.holders) {
    uint32_t hi = s.holders, li = holder_at(hi).lock;
    for (int m = 1; m < kModes; m++)
      if (holder_at(hi).mask >> m & 1) release_holder_mode(hi, static_cast<Mode>(m));
    free_holder_if_unused(hi);
    wake_queue(li);
    free_lock_if_unused(li);
  }
}

bool transfer_fast(const Tag& tag) {
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    uint64_t want = tag.id;
    if (raw(tag.database) == 0) want |= kFastSharedRelation;
    else if (region::slot(no).database.load() != raw(tag.database)) continue;
    for (auto& f : table().slots[i].fast) {
      uint64_t e = f.load();
      if (!e || (e & (kFastSharedRelation | 0xFFFFFFFFu)) != want) continue;
      uint32_t li = find_lock(tag);
      if (!li) li = make_lock(tag);
      uint32_t hi = li ? find_holder(li, no) : 0;
      if (li && !hi) hi = make_holder(li, no);
      if (!hi) {
        if (li) free_lock_if_unused(li);
        return false;
      }
      while (e && !f.compare_exchange_weak(e, 0)) {}
      for (int m = 1; m <= static_cast<int>(Mode::kRowExclusive); m++)
        if (e >> (32 + m) & 1 && !(holder_at(hi).mask >> m & 1)) grant(lock_at(li), holder_at(hi), static_cast<Mode>(m));
      free_holder_if_unused(hi);
      free_lock_if_unused(li);
    }
  }
  return true;
}

}  // namespace postern::lock
