// The region: one shared memory segment per site (POSIX shm), plus the site's lock file.
//
// Layout: RegionHeader, process slots, lock table, csn ring, WAL control + buffers, buffer descriptors, buffer hash, buffer pages. All offsets;
// no pointers (rule R6). Sub-structures are declared by the layer that owns them; region only reserves named, aligned areas.
//
// Lock file <site>/lock, OFD locks: byte 0 = "attaching" (exclusive while creating, recovering or claiming a slot); byte 1 = "reaping"; byte
// 100+i = slot i, held exclusively by its process for life. The kernel drops them at death, whatever the death.
//
// Attaching: lock byte 0; if no slot byte is held by anyone (F_OFD_GETLK over the range) the old segment, if any, is unlinked, a
// new one is made and the caller is told to recover the site (AttachResult::must_recover) before it calls mark_ready(); byte 0 stays held until then. Then a
// free slot is claimed (none: throws 53300). Region generation in the shm name so that a stale mapping is never attached again.
//
// Death of a process (slot byte free but slot state != kFree): reap_dead_slots() under byte 1. If the slot says in_critical > 0
// and what it did can't be repaired, the region is poisoned: every process that meets it (check_poisoned(), latch waits, statement start) ends with 57P02, idle ones are woken by
// SIGTERM sent to the pids of live slots; the next to attach recovers. Otherwise: release its latches (recorded in the slot), its heavy
// locks, mark its transaction aborted (through hooks that the upper layers register), wake waiters, free the slot.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "common/base/ids.h"

namespace postern::region {

constexpr int kMaxPins = 48;      // buffers one process may have pinned at once
constexpr int kMaxLatches = 16;   // latches one process may hold at once

// A latch that survives its holder: a futex word plus the record in the holder's slot. word: bit 31 = exclusive (low 16 bits =
// SlotNo of the owner), else low 30 bits = number of shared holders; bit 30 = waiters. Waits are bounded; on timeout the waiter
// looks for dead holders and reaps them. Rank order: see LatchRank; taking a latch of a lower or equal rank asserts (buffer content latches
// among themselves follow the rules of heap/btree).
// A latch in zeroed memory is free, but needs its rank: latch_init() by the creator, or a rank given at the call (buffer descriptors are never touched before use).
enum class LatchRank : uint8_t { kNone, kCheckpoint, kLockTable, kBufferContent, kRelExtend, kBufferMapping, kXidGen, kCommit, kWalInsert, kWalWrite, kMisc };
struct Latch {
  std::atomic<uint32_t> word;
  uint32_t rank;
};
enum class LatchMode : uint8_t { kShared, kExclusive };
inline void latch_init(Latch& l, LatchRank rank) { l.rank = static_cast<uint32_t>(rank); }
void latch_acquire(Latch& l, LatchMode mode);        // 57P02 when the region is poisoned
void latch_acquire(Latch& l, LatchMode mode, LatchRank rank);
bool latch_try_acquire(Latch& l, LatchMode mode);    // rank order is not checked: a try can't deadlock
void latch_release(Latch& l);
bool latch_held(const Latch& l);                     // by this process
int latches_held();
void reap_if_holder_died(const Latch& l);            // for who waits for something that a latch's holder does
struct LatchGuard {
  LatchGuard(Latch& l, LatchMode mode) : latch(l) { latch_acquire(l, mode); }
  ~LatchGuard() { latch_release(latch); }
  LatchGuard(const LatchGuard&) = delete;
  LatchGuard& operator=(const LatchGuard&) = delete;
  Latch& latch;
};

enum class WorkerKind : uint32_t { kNone, kMaintenance, kAutovacuum, kOther };
enum class SlotState : uint32_t { kFree, kStarting, kIdle, kActive, kIdleInTransaction, kWorker, kExiting };

// What every process shows of itself. Written by its owner with single atomic stores; a survivor reads it after the owner's death.
struct alignas(128) ProcSlot {
  std::atomic<SlotState> state;
  std::atomic<int32_t> pid;
  std::atomic<WorkerKind> worker_kind;
  std::atomic<uint32_t> in_critical;       // >0: shared structures are being changed; death here is repaired by the kinds' hooks, or poisons the region
  std::atomic<uint32_t> critical_kinds;    // bits of the CriticalKinds entered since in_critical was 0
  std::atomic<uint32_t> wake;              // futex for this process: lock waits, group commit
  std::atomic<uint64_t> xid;               // running top-level transaction id, 0 none
  std::atomic<uint64_t> snapshot_xmin;     // oldest xid its snapshots may need; 0 none; 1 = being computed
  std::atomic<uint64_t> database;          // Oid connected to
  std::atomic<uint64_t> role;              // Oid
  std::atomic<uint32_t> cancel_key;        // BackendKeyData; CancelRequest compares it in constant time
  std::atomic<uint32_t> cancel_pending;    // 1: cancel the running statement (set by another process, which then sends SIGURG), 2: terminate
  std::atomic<uint64_t> backend_start_us, xact_start_us, query_start_us, state_change_us;
  std::atomic<uint64_t> wait_event;        // what it waits for, for pg_stat_activity
  std::atomic<uint32_t> pins_used;         // pins[i] with i >= this are all 0: evictors stop here
  std::atomic<uint32_t> pins[kMaxPins];    // buffer number + 1, 0 = none: hazard pointers; an evictor must find no match
  struct HeldLatch { std::atomic<uint64_t> offset_and_state; } latches[kMaxLatches];  // region offset | state bits: see latch.cc
  std::atomic<uint64_t> lock_wait;         // lock table entry it waits for, 0 none (deadlock detection walks these)
  char application_name[64];
  char client_addr[64];
  char tls[512];                           // version, cipher, bits, serial, subject, issuer, each ended by NUL; empty: not encrypted
  char query[1024];                        // beginning of the running statement (pg_stat_activity)
};

struct AttachOptions {
  std::string site;              // data directory
  uint64_t shared_buffers_bytes; // only used by the creator
  int max_slots;                 // only used by the creator: max_connections + workers + spares + reserve
  bool is_worker = false;        // workers may take the last kReservedSlots slots
  bool allow_root_for_tests = false;
  std::string shm_dir = "/dev/shm";
};
struct AttachResult { bool must_recover; };
constexpr int kReservedSlots = 8;

// One region per process. Call once. Verifies ownership (not root, site owned by the effective uid and not group/world accessible).
AttachResult attach(const AttachOptions& options);
void mark_ready();               // after recovery: others may attach
void detach();                   // normal exit: frees the slot (transaction must have ended); the last one out removes the segment
bool in_use(const std::string& site);          // some process is attached; without attaching
// Throws 55000 when processes are attached whose shared memory this program does not understand. Does not attach.
void check_compatible(const AttachOptions& options);
bool attached();
const AttachOptions& options();  // as given to attach, with the creator's sizes
uint64_t generation();
bool anyone_else_attached();     // other live slots

SlotNo my_slot_no();
ProcSlot& my_slot();
ProcSlot& slot(SlotNo n);
int slot_count();                // capacity
int slot_high_water();           // slots >= this were never used: scans stop here
bool slot_alive(SlotNo n);       // OFD lock test; true for ourselves

// Named areas. Each layer registers its static descriptors from its attach_hooks(), which main calls in a fixed order before attach(). The creator computes the sizes
// and writes the directory into the header; the others look their areas up by name. Areas begin zeroed and page-aligned; `init` (may be null) runs in the creator only
// and should touch little; `mapped` (may be null) runs in every process once the area is mapped, to cache its base.
struct Area {
  const char* name;
  size_t (*size)(const AttachOptions&);
  void (*init)(void* base, const AttachOptions&) = nullptr;
  void (*mapped)(void* base, const AttachOptions&) = nullptr;
  size_t bytes = 0;
  size_t offset = 0;
};
void register_area(Area& a);
inline uint8_t* g_base = nullptr;
inline void* area(const Area& a) { return g_base + a.offset; }
inline uint64_t offset_of(const void* p) { return static_cast<uint64_t>(static_cast<const uint8_t*>(p) - g_base); }
template <class T> T* at_offset(uint64_t off) { return reinterpret_cast<T*>(g_base + off); }

// Critical sections nest. Nothing inside may throw, allocate or wait. Death inside poisons the region, unless every kind entered has a repair hook and it succeeds.
enum class CriticalKind : uint32_t { kOpaque = 1, kBufferMapping = 2, kWalInsert = 4 };
void enter_critical(CriticalKind kind = CriticalKind::kOpaque);
void leave_critical();
struct CriticalSection {
  explicit CriticalSection(CriticalKind kind = CriticalKind::kOpaque) { enter_critical(kind); }
  ~CriticalSection() { leave_critical(); }
  CriticalSection(const CriticalSection&) = delete;
  CriticalSection& operator=(const CriticalSection&) = delete;
};
// Runs while the dead slot's latches are still held, takes none; may run again if the reaper dies. False: can't be proved, poison.
void on_critical_death(CriticalKind kind, bool (*repair)(SlotNo));
void each_exclusive_latch(SlotNo n, const std::function<void(Latch&)>& fn);  // that the slot holds

// Finds dead slots and cleans up after them; returns how many. Cheap when nobody died. Called by waiters on timeout, by the maintenance
// worker on SIGUSR1 from the postmaster (a child ended abnormally) and every second, and by attach.
// Two phases: a dead slot's latches and buffer I/O are released by anybody (even inside a latch wait); the hooks, which take latches, run and the slot is freed only when
// the caller holds no latch.
int reap_dead_slots();
// Hooks run for a dead slot, in order, by the reaper (txn: abort its xid, release its heavy locks …). They may run twice for one death (a reaper may die too).
// Early ones run in the first phase and must not take latches.
void on_slot_death(std::function<void(SlotNo)> hook, bool early = false);
void poison(const char* why);
bool poisoned();
const char* poison_reason();
struct Counters {                // in the region header, for views
  std::atomic<uint64_t> slots_reaped, latches_repaired, critical_repaired, pages_rebuilt;
};
Counters& counters();
void throw_if_poisoned();        // 57P02

// Futex helpers (process shared). wait returns false on timeout. A wait is also ended by a signal to this process (returns true, spurious).
bool futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int timeout_ms);
void futex_wake(std::atomic<uint32_t>& word, int count);

}  // namespace postern::region
