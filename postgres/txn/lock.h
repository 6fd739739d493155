// Heavyweight locks in the region: tables (PostgreSQL's eight modes), transactions, tuples (queueing), databases, advisory.
// Held by a process slot to the transaction's end (session advisory locks: to the session's). Waiting: FIFO, bounded sleeps on the own slot's futex,
// deadlock check after deadlock_timeout (walks slots' lock_wait), dead holders are reaped. Everything about a lock is in the lock table (partition latches), so a reaper
// can release what a dead slot held.
#pragma once
#include <cstdint>

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
void release(const Tag& tag, Mode mode, bool session_level = false);
void release_transaction_locks();
void release_subtransaction_locks(int nesting_level);   // ROLLBACK TO: locks taken since
bool held_by_me(const Tag& tag, Mode at_least);
const char* mode_name(Mode m);                          // "AccessShareLock" …

}  // namespace postern::lock
