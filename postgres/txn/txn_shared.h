// What the transaction layer keeps in the region. Private to postgres/txn.
#pragma once
#include <atomic>
#include <cstdint>

#include "postgres/region/region.h"
#include "postgres/txn/txn.h"

namespace postern::txn {

constexpr int kMaxSlots = 4096;
constexpr uint64_t kRingEntries = uint64_t{1} << 18;
constexpr uint64_t kRingBlock = 4096;             // entries cleared (and perhaps spilled) at once
constexpr int kClogPages = 64;                    // cached pages of the commit log
constexpr uint64_t kXidsPerClogPage = 8192 * 4;
constexpr uint64_t kXidsPerWord = 32;

// A ring entry: 0 = none, kRingInProgress | slot, kRingAborted, else the commit sequence number.
constexpr uint64_t kRingInProgress = uint64_t{1} << 63;
constexpr uint64_t kRingAborted = uint64_t{1} << 62;

// Beside ProcSlot. A reaper reads it after the owner's death.
struct alignas(64) TxnSlot {
  std::atomic<uint64_t> committing;   // odd from before the commit record is appended until the commit is published
  std::atomic<uint64_t> commit_lsn;   // of the record, 0 while unknown
  std::atomic<uint64_t> wait_xid;     // waits for this transaction to end
  std::atomic<uint32_t> waiters;      // somebody waits (or waited) for our transaction: wake them when it ends
};

struct ClogPage {
  std::atomic<uint64_t> tag;          // page number + 1, 0 = empty
  std::atomic<uint32_t> dirty;
  std::atomic<uint64_t> words[1024];
};

struct TxnShared {
  region::Latch xid_gen;              // next_xid, next_oid
  region::Latch commit;               // publishing commits, moving the ring's low end
  region::Latch clog;                 // shared: setting bits; exclusive: loading and evicting pages
  std::atomic<uint32_t> initialised;
  alignas(64) std::atomic<uint64_t> next_xid;
  std::atomic<uint64_t> xid_limit;    // logged: next_xid may rise up to here without a record
  std::atomic<uint32_t> next_oid, oid_limit;
  std::atomic<uint64_t> recovery_xid; // below: 'in progress' in the commit log means aborted
  std::atomic<uint64_t> ring_low;     // ring entries are valid for xids >= this
  alignas(64) std::atomic<uint64_t> csn;        // published
  std::atomic<uint64_t> xmin_hint;              // no xid below is running
  std::atomic<uint64_t> horizon;                // last computed
  std::atomic<uint64_t> async_lsn;              // newest commit record that was not waited for
  std::atomic<uint64_t> async_mark_lsn, async_mark_xid;   // once the WAL is durable up to this mark, commits of xids below are
  std::atomic<uint64_t> durable_xid;
  TxnSlot slots[kMaxSlots];
  ClogPage clog_pages[kClogPages];
  std::atomic<uint64_t> ring[kRingEntries];
};

inline TxnShared* g_shared = nullptr;               // mapped by the region
inline TxnShared& shared() { return *g_shared; }
void register_shared_area();
inline TxnSlot& txn_slot(SlotNo n) { return shared().slots[raw(n)]; }
inline TxnSlot& my_txn_slot() { return txn_slot(region::my_slot_no()); }

// status.cc
Xid allocate_xid(bool top_level);                            // publishes it in the slot when top_level
bool ring_lookup(Xid xid, uint64_t* entry);                  // false: too old for the ring
void publish_commit(SlotNo owner, Xid top, const Xid* subs, size_t n);
void mark_aborted(Xid xid);
void complete_dead_slot(SlotNo n);
SlotNo owner_of(Xid xid);                                    // kInvalidSlotNo: unknown or ended
void wake_waiters(SlotNo owner);
void set_clog(Xid xid, XidStatus s);
XidStatus get_clog(Xid xid);
void init_from_disk();                                       // once per region, by the process that recovers it
std::string site_path(std::string_view name);
void flush_status();
// spill.cc
uint64_t spilled_entry(Xid xid);                             // 0: no spill file has it
void spill_block(uint64_t first_xid);
void write_spilled(Xid xid, uint64_t entry);
void remove_old_spills(uint64_t needed_from);
// snapshot.cc
Xid oldest_running();
void forget_snapshots();
void forget_process_state();                                 // at attach: nothing known of another region holds
// txn.cc
void note_first_snapshot();                                  // isolation can't change any more
int nesting_level();
// recovery.cc
void register_recovery();
void note_created_in_recovery(Xid xid, RelFile file);
void remove_files(RelFile file);

}  // namespace postern::txn
