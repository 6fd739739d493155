// MVCC heap. A tuple version: header {xmin 8, xmax 8, cid 4, ctid 6, flags 2, natts 2, hoff 1 …} + null bitmap + packed attributes (no alignment: fixed types
// in their natural size, variable ones with a 1- or 4-byte length; wide ones compressed with lz4 and/or moved to the toast fork in chunks).
// Updates: the new version goes to the same page when it fits and no indexed column changed (HOT): indexes keep pointing to the root of the chain. Old versions are removed by
// pruning (page-local, opportunistic, needs PageRef::only_pin) and by vacuum.
// Row locks: exclusive modes live in xmax (lock-only flag); shared modes are heavyweight tuple locks plus a flag on the tuple, so there is no multixact.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "postgres/access/dead_tids.h"
#include "postgres/access/relation.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/txn.h"
#include "postgres/types/vector.h"

namespace postern::heap {

// One row in memory: natts values.
struct Row {
  const Datum* values;
  const uint8_t* nulls;
};

// Inserts; returns the new position. Toasts wide values. Throws 54000 when a row can't fit.
Tid insert(const RelationDesc& rel, Row row);
// COPY, INSERT SELECT: fills pages, one WAL record per page. tids_out has rows.size() entries.
void multi_insert(const RelationDesc& rel, std::span<const Row> rows, Tid* tids_out);

enum class RowLock : uint8_t { kKeyShare, kShare, kNoKeyUpdate, kUpdate };
enum class ModifyStatus : uint8_t { kOk, kSelfModified, kUpdated /* by a transaction that committed */, kDeleted, kWouldBlock /* NOWAIT/SKIP LOCKED */ };
struct ModifyResult {
  ModifyStatus status;
  Tid tid;                 // kOk: new version (update); kUpdated: the newer version to re-check
  bool hot = false;        // update: no new index entries needed
  CommandId cmax = 0;      // kSelfModified
};
// Concurrent writers are waited for (txn::wait_for); then kUpdated/kDeleted if they committed. In REPEATABLE READ the caller turns these into 40001.
ModifyResult update(const RelationDesc& rel, Tid tid, Row new_row, const txn::Snapshot& snapshot);
ModifyResult remove(const RelationDesc& rel, Tid tid, const txn::Snapshot& snapshot);
ModifyResult lock_row(const RelationDesc& rel, Tid tid, RowLock mode, lock::Wait wait, const txn::Snapshot& snapshot);

// Overwrites a row's values without a new version: only for counters in catalogs (relpages …) that no transaction depends on. Same width and NULLs as before, else XX000.
void update_in_place(const RelationDesc& rel, Tid tid, Row row);

// Which columns a reader wants: attnos (1-based, ascending) and for each the output vector. System columns by negative attno as in
// PostgreSQL (-1 ctid, -2 xmin, -3 cmin, -4 xmax, -5 cmax, -6 tableoid).
struct Wanted {
  std::span<const int16_t> attnos;
  Vector* out;             // one per attno; values/nulls arrays with room for kBatchRows; by-reference values are copied to `arena`
  Tid* tids = nullptr;     // optional, kBatchRows
};

// Sequential scan. Whole pages are read under the latch, visible rows deformed and copied out: nothing is pinned between calls.
class Scan {
 public:
  Scan(const RelationDesc& rel, const txn::Snapshot& snapshot, PageNo first = PageNo{0}, PageNo end = kInvalidPageNo);
  // Up to kBatchRows rows into wanted; 0 at the end. Values live until arena is reset.
  uint32_t next(const Wanted& wanted, Arena& arena);
  void rewind();
 private:
  const RelationDesc& rel_;
  txn::Snapshot snapshot_;
  PageNo first_, end_, page_;
  uint16_t item_ = 1;
  bool big_;
};

// Visible version of the HOT chain that starts at each root tid (from an index). Writes rows densely; source[i] = index into tids of output row i. Returns rows.
uint32_t fetch(const RelationDesc& rel, std::span<const Tid> roots, const txn::Snapshot& snapshot, const Wanted& wanted, Arena& arena, uint16_t* source,
               uint8_t* all_dead = nullptr);   // all_dead[i]: no version of root i is visible to anybody: btree::Scan::kill it
// This very version (EvalPlanQual, RETURNING of a locked row): false if not visible to `snapshot` (nullptr: any version).
bool fetch_version(const RelationDesc& rel, Tid tid, const txn::Snapshot* snapshot, const Wanted& wanted, Arena& arena);

// Index building and unique checks.
enum class Liveness : uint8_t { kDead, kLive, kInsertInProgress, kDeleteInProgress, kRecentlyDead };
// State of the chain rooted at tid for a unique check by the current transaction; *wait_for_xid is set for the in-progress states.
Liveness unique_liveness(const RelationDesc& rel, Tid root, Xid* wait_for_xid, Tid* live_tid);
// For CREATE INDEX (under a lock that keeps writers out): of each HOT chain the newest version that isn't dead to everyone, with the root's tid. Recently dead ones are
// included (older snapshots need their entries), so a builder that finds equal keys in a unique index asks unique_liveness() before it complains.
class BuildScan {
 public:
  explicit BuildScan(const RelationDesc& rel);
  uint32_t next(const Wanted& wanted, Arena& arena);   // wanted.tids = root tids
 private:
  const RelationDesc& rel_;
  PageNo page_{0}, end_;
  uint16_t item_ = 1;
};

// tuples_left is an estimate when pages were skipped because they are all visible.
struct VacuumStats { uint64_t pages, tuples_removed, tuples_left, pages_all_visible; };
// Collect dead roots, remove their index entries through the callback (which returns when all indexes are clean), then free the line pointers, update free
// space and visibility maps, truncate empty pages at the end when nobody waits.
using CleanIndexes = std::function<void(const DeadTids& dead)>;
VacuumStats vacuum(const RelationDesc& rel, const CleanIndexes& clean_indexes);
bool all_visible(const RelationDesc& rel, PageNo page);   // visibility map: index-only scans

void create_storage(RelFile file);                        // empty forks; deleted if the transaction aborts
void attach_hooks();                                      // registers redo functions

// check_relation(): page headers, line pointers, chains, xids, attribute lengths, toast. Appends one line per problem.
void check(const RelationDesc& rel, std::vector<std::string>& problems);

}  // namespace postern::heap
