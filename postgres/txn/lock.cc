// The process's side of locking: which locks it holds how often and since which savepoint, the fast path, and the views.
#include "postgres/txn/lock.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/txn/lock_shared.h"

namespace postern::lock {
namespace {

using region::LatchGuard;
using region::LatchMode;

struct Local {
  Tag tag;
  uint32_t counts[kModes] = {};     // acquisitions by the transaction
  uint32_t session[kModes] = {};    // and by the session
  bool any() const {
    for (int m = 1; m < kModes; m++)
      if (counts[m] || session[m]) return true;
    return false;
  }
};
struct Acquired {   // a transaction lock that was not held before
  Tag tag;
  Mode mode;
  int level;
};

// Few locks are the rule: a plain list, with a hash of positions once it is long.
class LocalLocks {
 public:
  Local* find(const Tag& tag) {
    if (index_.empty()) {
      for (Local& l : list_)
        if (l.tag == tag) return &l;
      return nullptr;
    }
    for (uint32_t at = hash_tag(tag) & mask();; at = (at + 1) & mask()) {
      if (!index_[at]) return nullptr;
      if (list_[index_[at] - 1].tag == tag) return &list_[index_[at] - 1];
    }
  }
  Local& get(const Tag& tag) {
    if (Local* l = find(tag)) return *l;
    list_.push_back({tag});
    if (list_.size() > 12) {
      if (list_.size() * 2 > index_.size()) reindex();
      else place(static_cast<uint32_t>(list_.size()));
    }
    return list_.back();
  }
  // Keeps only what still counts.
  void compact() {
    std::erase_if(list_, [](const Local& l) { return !l.any(); });
    index_.clear();
    if (list_.size() > 12) reindex();
  }
  std::vector<Local>& all() { return list_; }

 private:
  uint32_t mask() const { return static_cast<uint32_t>(index_.size()) - 1; }
  void place(uint32_t position) {
    uint32_t at = hash_tag(list_[position - 1].tag) & mask();
    while (index_[at]) at = (at + 1) & mask();
    index_[at] = position;
  }
  void reindex() {
    size_t n = 64;
    while (n < list_.size() * 4) n *= 2;
    index_.assign(n, 0);
    for (uint32_t i = 1; i <= list_.size(); i++) place(i);
  }
  std::vector<Local> list_;
  std::vector<uint32_t> index_;
};

LocalLocks g_local;
std::vector<Acquired> g_log;

uint64_t fast_key(const Tag& t) { return t.id | (raw(t.database) == 0 ? kFastSharedRelation : 0); }
bool fast_eligible(const Tag& t, Mode m) {
  return t.kind == Kind::kRelation && is_weak(m) && (raw(t.database) == 0 || raw(t.database) == region::my_slot().database.load(std::memory_order_relaxed));
}
SlotLocks& mine() { return table().slots[raw(region::my_slot_no())]; }

bool fast_release(const Tag& tag, Mode mode) {
  uint64_t key = fast_key(tag), b = uint64_t{bit(mode)} << 32;
  for (auto& f : mine().fast) {
    uint64_t e = f.load();
    while ((e & (kFastSharedRelation | 0xFFFFFFFFu)) == key && e & b) {
      uint64_t rest = e & ~b;
      if (!(rest & 0xFFFF00000000u)) rest = 0;
      if (f.compare_exchange_weak(e, rest)) return true;
    }
  }
  return false;
}

bool fast_acquire(const Tag& tag, Mode mode) {
  uint64_t key = fast_key(tag), b = uint64_t{bit(mode)} << 32;
  std::atomic<uint64_t>* at = nullptr;
  for (auto& f : mine().fast) {
    uint64_t e = f.load(std::memory_order_relaxed);
    if ((e & (kFastSharedRelation | 0xFFFFFFFFu)) == key) {
      at = &f;
      break;
    }
    if (!e && !at) at = &f;
  }
  if (!at) return false;
  uint64_t e = at->load();
  if (e && (e & (kFastSharedRelation | 0xFFFFFFFFu)) != key) return false;
  if (!at->compare_exchange_strong(e, e | key | b)) return false;   // a strong locker just took it
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (strong_counter(tag).load() == 0) return true;
  return !fast_release(tag, mode);   // not there any more: it was moved to the table, so we hold it
}

bool acquire_shared(const Tag& tag, Mode mode, Wait wait, bool session_level) {
  if (!session_level && fast_eligible(tag, mode) && fast_acquire(tag, mode)) return true;
  SlotNo me = region::my_slot_no();
  Grant g;
  {
    LatchGuard guard(table().latch, LatchMode::kExclusive);
    region::CriticalSection critical;
    g = table_acquire(me, tag, mode, wait == Wait::kBlock);
  }
  if (g == Grant::kGranted) return true;
  if (g == Grant::kFull)
    throw SqlError{sqlstate::kOutOfMemory, "out of shared memory", {}, "You might need to increase max_locks_per_transaction."};
  if (wait == Wait::kSkip) return false;
  if (wait == Wait::kNoWait) throw SqlError{sqlstate::kLockNotAvailable, cat("could not obtain lock on ", describe(tag))};
  try {
    wait_until([](void*) { return mine().waiting.load() == 0; }, nullptr);
  } catch (...) {
    LatchGuard guard(table().latch, LatchMode::kExclusive);
    region::CriticalSection critical;
    if (mine().waiting.load()) table_cancel_wait(me);
    else table_release(me, tag, mode);   // granted while we gave up
    throw;
  }
  return true;
}

void release_shared(const Tag& tag, Mode mode) {
  if (fast_eligible(tag, mode) && fast_release(tag, mode)) return;
  LatchGuard guard(table().latch, LatchMode::kExclusive);
  region::CriticalSection critical;
  table_release(region::my_slot_no(), tag, mode);
}

// The transaction gives up the lock altogether; a session-level hold stays.
void drop(Local& l, int m) {
  if (!l.counts[m]) return;
  l.counts[m] = 0;
  if (!l.session[m]) release_shared(l.tag, static_cast<Mode>(m));
}

}  // namespace

Tag relation(Oid database, Oid rel) { return {Kind::kRelation, 0, 0, database, raw(rel), 0}; }
Tag transaction(Xid xid) { return {Kind::kTransaction, 0, 0, Oid{0}, raw(xid), 0}; }
Tag tuple(Oid database, Oid rel, Tid tid) { return {Kind::kTuple, 0, tid.item, database, raw(rel), raw(tid.page)}; }

bool conflicts(Mode a, Mode b) { return conflict_mask(a) & bit(b); }

const char* mode_name(Mode m) {
  constexpr const char* names[] = {"INVALID",   "AccessShareLock",       "RowShareLock",  "RowExclusiveLock",   "ShareUpdateExclusiveLock",
                                   "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"};
  return names[static_cast<int>(m)];
}

bool acquire(const Tag& tag, Mode mode, Wait wait, bool session_level) {
  int m = static_cast<int>(mode);
  if (Local* l = g_local.find(tag); l && (l->counts[m] || l->session[m])) {
    if (session_level) {
      l->session[m]++;
    } else if (l->counts[m]++ == 0) {
      g_log.push_back({tag, mode, txn::savepoint_depth()});
    }
    return true;
  }
  Local& made = g_local.get(tag);   // may allocate: before the lock is taken
  if (!session_level) g_log.reserve(g_log.size() + 1);
  (void)made;
  if (!acquire_shared(tag, mode, wait, session_level)) return false;
  Local& l = *g_local.find(tag);
  if (session_level) {
    l.session[m]++;
  } else {
    l.counts[m]++;
    g_log.push_back({tag, mode, txn::savepoint_depth()});
  }
  return true;
}

bool release(const Tag& tag, Mode mode, bool session_level) {
  int m = static_cast<int>(mode);
  Local* l = g_local.find(tag);
  uint32_t* count = !l ? nullptr : session_level ? &l->session[m] : &l->counts[m];
  if (!count || !*count) return false;
  if (--*count == 0) {
    if (!l->counts[m] && !l->session[m]) release_shared(tag, mode);
    if (!session_level) {
      for (size_t i = g_log.size(); i-- > 0;)
        if (g_log[i].mode == mode && g_log[i].tag == tag) {
          g_log.erase(g_log.begin() + static_cast<ptrdiff_t>(i));
          break;
        }
    }
  }
  return true;
}

void release_transaction_locks() {
  if (g_local.all().empty()) return;
  for (Local& l : g_local.all())
    for (int m = 1; m < kModes; m++) drop(l, m);
  g_log.clear();
  g_local.compact();
}

void release_session_locks() {
  for (Local& l : g_local.all())
    for (int m = 1; m < kModes; m++) {
      if (!l.session[m]) continue;
      l.session[m] = 0;
      if (!l.counts[m]) release_shared(l.tag, static_cast<Mode>(m));
    }
}

void release_subtransaction_locks(int level) {
  while (!g_log.empty() && g_log.back().level >= level) {
    Acquired a = g_log.back();
    g_log.pop_back();
    if (Local* l = g_local.find(a.tag)) drop(*l, static_cast<int>(a.mode));
  }
}

void keep_subtransaction_locks(int level) {
  for (Acquired& a : g_log) a.level = std::min(a.level, level - 1);
}

bool held_by_me(const Tag& tag, Mode at_least) {
  Local* l = g_local.find(tag);
  if (!l) return false;
  for (int m = static_cast<int>(at_least); m < kModes; m++)
    if (l->counts[m] || l->session[m]) return true;
  return false;
}

std::vector<LockInfo> all_locks() {
  std::vector<LockInfo> out;
  LatchGuard guard(table().latch, LatchMode::kExclusive);
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    region::ProcSlot& p = region::slot(no);
    if (p.state.load() == region::SlotState::kFree) continue;
    int pid = p.pid.load();
    SlotLocks& s = table().slots[i];
    for (auto& f : s.fast) {
      uint64_t e = f.load();
      Oid db{e & kFastSharedRelation ? 0 : static_cast<uint32_t>(p.database.load())};
      for (int m = 1; m < kModes; m++)
        if (e >> (32 + m) & 1) out.push_back({relation(db, Oid{static_cast<uint32_t>(e)}), static_cast<Mode>(m), true, true, no, pid});
    }
    for (uint32_t h = s.holders; h; h = table().holders[h - 1].next_in_slot) {
      const Holder& holder = table().holders[h - 1];
      for (int m = 1; m < kModes; m++)
        if (holder.mask >> m & 1) out.push_back({table().locks[holder.lock - 1].tag, static_cast<Mode>(m), true, false, no, pid});
    }
    if (s.wait_lock) out.push_back({table().locks[s.wait_lock - 1].tag, static_cast<Mode>(s.wait_mode), false, false, no, pid});
    if (uint64_t x = p.xid.load()) out.push_back({transaction(Xid{x}), Mode::kExclusive, true, false, no, pid});
    if (uint64_t x = txn::txn_slot(no).wait_xid.load()) out.push_back({transaction(Xid{x}), Mode::kShare, false, false, no, pid});
  }
  return out;
}

void attach_hooks() {
  register_table_area();
  region::on_slot_death([](SlotNo no) {
    LatchGuard guard(table().latch, LatchMode::kExclusive);
    region::CriticalSection critical;
    table_release_all(no);
  });
}

}  // namespace postern::lock
