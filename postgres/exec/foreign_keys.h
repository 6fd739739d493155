// Foreign keys at run time. What rows were written is queued while a statement runs, and checked or carried on (CASCADE, SET NULL …) when it ends; deferred constraints wait for
// the commit or SET CONSTRAINTS. Each check is a query over the other table. Who writes a referencing row takes a lock on the key before it looks for it, and who takes the key away
// takes the opposite one as it does so, so that one of them sees what the other did.
//
// Invariants: a statement that a check runs adds its own events to the queue that is being worked off, so cascades don't recurse. Events name versions by their tid: what this
// transaction wrote or deleted is not pruned before its end.
#pragma once
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "postgres/catalog/foreign_keys.h"
#include "postgres/types/datum.h"

namespace postern {
struct SessionServices;
}

namespace postern::exec {

struct KeyEvent {
  Oid constraint, table;           // table: of the row
  bool incoming;                   // the row is (was) the referenced one
  Tid old_version, new_version;    // invalid: none
};

// Notes the rows that one plan node writes into a table.
class KeyWatch {
 public:
  KeyWatch(const RelationDesc& table, std::vector<KeyEvent>& queue);
  void inserted(Tid tid) {
    if (any_) note_insert(tid);
  }
  void updated(Tid old_version, Tid new_version, const Datum* values, const uint8_t* nulls) {
    if (any_) note_update(old_version, new_version, values, nulls);
  }
  void removed(Tid old_version) {
    if (any_) note_remove(old_version);
  }

 private:
  void note_insert(Tid tid);
  void note_update(Tid old_version, Tid new_version, const Datum* values, const uint8_t* nulls);
  void note_remove(Tid old_version);
  const RelationDesc& table_;
  std::vector<KeyEvent>& queue_;
  std::shared_ptr<const catalog::ForeignKeys> keys_;
  bool any_ = false;
};

// At the end of a statement: works the queue off, and what comes to it meanwhile.
void run_key_events(std::vector<KeyEvent>& queue, SessionServices* services);
// Before a commit: what was deferred.
void run_deferred_keys(SessionServices* services);
void forget_deferred_keys();                             // the transaction ended
// SET CONSTRAINTS; an empty list is ALL. IMMEDIATE runs what waits.
void set_constraint_mode(std::span<const Oid> constraints, bool deferred, SessionServices* services);
[[noreturn]] void throw_missing_key(const catalog::ForeignKey& key, std::span<const NullableDatum> values, SessionServices* services);

// How a query of ours is run: by the session, with plans kept by text. Returns how many rows it gave (at most one is asked for) or changed. latest: it sees what has committed
// by now even in REPEATABLE READ. Set by session at start; without it (unit tests have no catalogs) there are no foreign keys.
using KeyQuery = uint64_t (*)(std::string_view sql, std::span<const Oid> types, std::span<const NullableDatum> params, bool latest);
inline KeyQuery g_key_query = nullptr;

}  // namespace postern::exec
