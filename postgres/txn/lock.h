// Heavyweight locks in the region: tables (PostgreSQL's eight modes), tuples (queueing), databases, advisory.
// Held by a process slot to the transaction's end (session advisory locks: to the session's). Waiting: FIFO, bounded sleeps on the own slot's futex,
// deadlock check after deadlock_timeout, dead holders are reaped. Everything about a lock is in the lock table (one latch) or in the holder's slot, so a reaper
// can release what a dead slot held.
//
// Weak relation locks (AccessShare, RowShare, RowExclusive) conflict with none of their kind, so they are first noted in the holder's own slot (fast path) without the
// latch: store the entry, fence, look whether anybody holds or wants a strong lock on that relation (strong counters, hashed by relation). A strong locker raises the counter,
// fences, and moves matching entries of all slots into the table, each by one compare-and-swap.
//
// Waiting for a transaction (txn::wait_for) does not use the table: the waiter publishes the xid in its slot and the owner wakes it; deadlock detection
// follows both kinds of edges.
// Latch: kLockTable, held for short operations inside a critical section; never while sleeping.
#pragma once
#include <cstdint>
#include <vector>

#include "common/base/ids.h"

namespace postern::lock {

enum class Mode : uint8_t { kNone, kAccessShare, kRowShare, kRowExclusive, kShareUpdateExclusive, kShare, kShareRowExclusive, kExclusive, kAccessExclusive };
enum class Kind : uint8_t { kRelation, kTransaction, kTuple, kDatabase, kObject, kAdvisory, kExtend };
struct Tag {
  Kind kind;
  uint8_t sub = 0;
  uint16_t item = 0;
  Oid database{0};
  uint64_t id = 0;       // relation oid, xid, page …
  uint64_t id2 = 0;
  friend bool operator==(const Tag&, const Tag&) = default;
};
Tag relation(Oid database, Oid rel);
Tag transaction(Xid xid);
Tag tuple(Oid database, Oid rel, Tid tid);

enum class Wait : uint8_t { kBlock, kNoWait /* 55P03 */, kSkip /* returns false */ };
// true when held. Re-entrant. Throws 40P01, 55P03, 57014, 53200 (table full).
bool acquire(const Tag& tag, Mode mode, Wait wait = Wait::kBlock, bool session_level = false);
// Gives back one acquisition; false when it isn't held (the caller warns, as pg_advisory_unlock does).
bool release(const Tag& tag, Mode mode, bool session_level = false);
void release_transaction_locks();
void release_session_locks();                           // DISCARD ALL, pg_advisory_unlock_all, end of the session
void release_subtransaction_locks(int nesting_level);   // ROLLBACK TO: locks taken at this level or deeper
void keep_subtransaction_locks(int nesting_level);      // RELEASE: those now belong to level - 1
bool held_by_me(const Tag& tag, Mode at_least);
bool conflicts(Mode a, Mode b);
const char* mode_name(Mode m);                          // "AccessShareLock" …

void set_deadlock_timeout(int ms);                      // default 1000
void set_lock_timeout(int ms);                          // 0: none
int lock_timeout();

// For pg_locks and pg_blocking_pids(): what every slot holds and waits for, transactions included.
struct LockInfo {
  Tag tag;
  Mode mode;
  bool granted, fast_path;
  SlotNo slot;
  int pid;
};
std::vector<LockInfo> all_locks();
std::vector<int> blocking_pids(int pid);

void attach_hooks();                                    // called by txn::attach_hooks

}  // namespace postern::lock
