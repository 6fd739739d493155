// Transactions: 64-bit xids, commit status, snapshots, savepoints, command counter.
//
// Status of an xid: 2 bits in the commit log (<site>/xact, pages kept in the region: in progress, committed, aborted), and for recent xids a commit sequence number
// in the csn ring of the region (8 bytes per xid; blocks about to be overwritten are spilled to a file while a snapshot still needs them).
// Commit: WAL commit record (with all sub-xids, dropped files), flush, then under the commit latch: csn = next, ring[xid] and ring[sub-xids] = csn, clog bits,
// publish the csn, slot.xid = 0. A subtransaction has an xid of its own and becomes visible with its top transaction; a rolled back one is marked aborted.
//
// Snapshot (no lock, no list): publish slot.snapshot_xmin = 1; xmin = min(next_xid, slots' xids) computed first; csn = published csn; xmax = next_xid read
// last; slot.snapshot_xmin = min(old, xmin). An xid is visible iff it is ours (command id rules), or < xmin and committed, or < xmax and ring[xid] <= csn.
// An xid below the recovery point with status 'in progress' is aborted (its process died).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "postgres/buffer/buffer.h"

namespace postern::txn {

enum class Isolation : uint8_t { kReadCommitted, kRepeatableRead, kSerializable };
enum class XidStatus : uint8_t { kInProgress, kCommitted, kAborted };

struct Snapshot {
  Xid xmin{0}, xmax{0};
  Csn csn{0};
  CommandId command = 0;   // own changes of commands < this are visible
};

enum class State : uint8_t { kIdle, kInProgress, kFailed };   // 'I', 'T', 'E'

// The current transaction of this process.
State state();
bool in_block();                                   // BEGIN was given
void start();                                      // implicit start of a statement's transaction
void begin_block(Isolation iso, bool read_only, bool deferrable);
void commit();                                     // durable per synchronous_commit; releases locks; runs on_commit hooks
void abort();
void mark_failed();                                // an error inside a block: until ROLLBACK (25P02)
void define_savepoint(std::string_view name);
void rollback_to(std::string_view name);           // 3B001 when unknown
void release_savepoint(std::string_view name);
Isolation isolation();
bool read_only();
void set_synchronous_commit(bool on);              // default on: commit() returns when the WAL is durable
void set_isolation(Isolation iso);                 // 25001 after the first snapshot
void set_read_only(bool v);

Xid current_xid();                                 // of the current (sub)transaction, allocated on first use (throws 25006 in read-only)
Xid top_xid_if_any();
bool is_mine(Xid xid);                             // current top or live subtransaction of this process
CommandId command_id();
void next_command();                               // CommandCounterIncrement

// Snapshot for the next statement: fresh in READ COMMITTED, the first one in REPEATABLE READ. Valid until the statement's end (release_snapshot) or the transaction's.
const Snapshot& statement_snapshot();
Snapshot catalog_snapshot();                       // always fresh: catalog reads
// Long-lived references (cursors, portals) keep the horizon back.
void release_snapshot();                           // at the statement's end
uint64_t register_snapshot(const Snapshot& s);
void unregister_snapshot(uint64_t handle);
Xid recent_horizon();                              // a recent value of oldest_needed(), cheap: for pruning
bool hintable(Xid xid);                            // its commit is durable: hint bits may say so
Xid oldest_needed();                               // global horizon: versions deleted by xids < this are dead to everyone
XidStatus status(Xid xid);                         // kInProgress only if truly running in a live process
bool visible(Xid xid, const Snapshot& s);          // committed before s (not for own xids)
void wait_for(Xid xid);                            // until it ends; deadlock detection (40P01), lock_timeout (55P03), cancel (57014)

// Work tied to the transaction's end.
void on_end(std::function<void(bool committed)> fn);          // of the top transaction
// Hooks, drops and created files belong to the savepoint level they were registered in: ROLLBACK TO runs its hooks with false, forgets its drops, removes its files.
void drop_file_at_commit(RelFile file);                       // deleted when committed (WAL-logged with the commit)
void created_file(RelFile file);                              // call it before wal::create_relation_fork(file, fork, current_xid()); deleted when aborted (or on crash)
int savepoint_depth();                                        // 0 outside savepoints

// Running transactions, for pg_locks and monitoring: slots' xids and whom they wait for are in ProcSlot and txn_shared.h.
Xid next_xid();

// Combo command ids: a tuple created and deleted by the same transaction keeps one 4-byte cid field.
CommandId combo_cid(CommandId cmin, CommandId cmax);
CommandId combo_cmin(CommandId combo);
CommandId combo_cmax(CommandId combo);

void attach_hooks();    // registers redo/replay, death and checkpoint hooks; call before region::attach
void after_recovery();  // after wal::recover(): removes files of unfinished transactions, fixes what 'in progress' means for older xids

}  // namespace postern::txn
