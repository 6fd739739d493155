// Xid allocation, the csn ring and the commit log.
//
// Invariants:
//  1. slot.xid is set before next_xid passes it: whoever reads next_xid and then the slots misses no running transaction.
//  2. A transaction's ring entries and commit log bits are final before its slot.xid is cleared; the published csn covers them before that, too.
//  3. ring_low moves before entries below it are cleared; a reader validates against ring_low after its load.
//  4. A commit log page is written to disk only when the WAL is durable up to every commit it shows.
#include <fcntl.h>

#include <algorithm>
#include <string>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/txn/oid.h"
#include "postgres/txn/txn_shared.h"
#include "postgres/wal/wal.h"

namespace postern::txn {
namespace {

using region::LatchMode;

constexpr uint64_t kXidBatch = 8192;
constexpr uint32_t kOidBatch = 8192;
constexpr uint64_t kClogPagesPerFile = 128;

using region::LatchGuard;

region::Area g_area{
    "txn", [](const region::AttachOptions&) { return sizeof(TxnShared); },
    [](void* base, const region::AttachOptions&) {
      auto& s = *static_cast<TxnShared*>(base);
      region::latch_init(s.xid_gen, region::LatchRank::kXidGen);
      region::latch_init(s.commit, region::LatchRank::kCommit);
      region::latch_init(s.clog, region::LatchRank::kMisc);
    },
    [](void* base, const region::AttachOptions&) {
      g_shared = static_cast<TxnShared*>(base);
      forget_process_state();
    }};

std::string xact_dir() { return site_path("xact"); }

void clog_io(uint64_t page, void* buf, bool write, bool sync = false) {
  char name[20];
  std::snprintf(name, sizeof name, "%08llX", static_cast<unsigned long long>(page / kClogPagesPerFile));
  std::string path = cat(xact_dir(), "/", name);
  os::Fd fd(os::open_file(path.c_str(), write ? O_RDWR | O_CREAT : O_RDONLY));
  if (!fd) {
    if (!write && errno == ENOENT) {
      std::memset(buf, 0, kPageBytes);
      return;
    }
    os::throw_errno(errno, cat("could not open file \"", path, "\""));
  }
  uint64_t offset = page % kClogPagesPerFile * kPageBytes;
  if (write) {
    if (!os::write_at(fd.get(), buf, kPageBytes, offset)) os::throw_errno(errno, cat("could not write file \"", path, "\""));
    if (sync && !os::sync_data(fd.get())) os::throw_errno(errno, cat("could not fsync file \"", path, "\""));
    return;
  }
  ssize_t n = os::read_at(fd.get(), buf, kPageBytes, offset);
  if (n < 0) os::throw_errno(errno, cat("could not read file \"", path, "\""));
  if (n < static_cast<ssize_t>(kPageBytes)) std::memset(static_cast<char*>(buf) + n, 0, kPageBytes - static_cast<size_t>(n));
}

void write_clog_page(ClogPage& p, bool sync) {
  uint64_t tag = p.tag.load();
  p.dirty.store(0);
  alignas(8) uint64_t copy[1024];
  for (int i = 0; i < 1024; i++) copy[i] = p.words[i].load(std::memory_order_relaxed);
  try {
    clog_io(tag - 1, copy, true, sync);
  } catch (...) {
    p.dirty.store(1);
    throw;
  }
}

// Makes the page resident, holding the clog latch exclusively while it changes.
ClogPage& load_clog_page(uint64_t page) {
  ClogPage& p = shared().clog_pages[page % kClogPages];
  wal::flush(wal::insert_lsn());
  LatchGuard g(shared().clog, LatchMode::kExclusive);
  if (p.tag.load() == page + 1) return p;
  if (p.tag.load() && p.dirty.load()) write_clog_page(p, false);
  alignas(8) uint64_t buf[1024];
  clog_io(page, buf, false);
  region::CriticalSection critical;
  p.tag.store(0);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (int i = 0; i < 1024; i++) p.words[i].store(buf[i], std::memory_order_relaxed);
  p.tag.store(page + 1);
  return p;
}

Lsn log_counter(wal::Op op, uint64_t limit) {
  wal::Record rec(op);
  rec.put(limit);
  return rec.append();
}

}  // namespace

void register_shared_area() { region::register_area(g_area); }
std::string site_path(std::string_view name) { return cat(region::options().site, "/", name); }

void init_from_disk() {
  TxnShared& s = shared();
  if (s.initialised.load()) return;
  os::make_dir(xact_dir().c_str());
  os::make_dir(site_path("csn").c_str());
  remove_old_spills(~uint64_t{0});
  uint64_t xid = raw(kFirstNormalXid);
  uint32_t oid = raw(kFirstNormalOid);
  s.next_xid = s.xid_limit = s.recovery_xid = s.ring_low = xid;
  s.xmin_hint = s.horizon = xid;
  s.next_oid = s.oid_limit = oid;
  s.csn = 1;
  s.initialised = 1;
}

Xid allocate_xid(bool top_level) {
  TxnShared& s = shared();
  LatchGuard g(s.xid_gen, LatchMode::kExclusive);
  uint64_t xid = s.next_xid.load(std::memory_order_relaxed);
  if (xid >= s.xid_limit.load(std::memory_order_relaxed)) {
    log_counter(wal::Op::kXidAlloc, xid + kXidBatch);
    s.xid_limit.store(xid + kXidBatch);
  }
  if (xid % kRingBlock == 0 && xid >= kRingEntries) spill_block(xid - kRingEntries);
  region::CriticalSection critical;   // the latch of a dead holder is released before its slot is cleaned up: then the xid must be given out, or not
  s.ring[xid % kRingEntries].store(kRingInProgress | raw(region::my_slot_no()), std::memory_order_relaxed);
  if (top_level) region::my_slot().xid.store(xid);
  s.next_xid.store(xid + 1);
  return Xid{xid};
}

bool ring_lookup(Xid xid, uint64_t* entry) {
  TxnShared& s = shared();
  if (raw(xid) < s.ring_low.load(std::memory_order_acquire)) return false;
  *entry = s.ring[raw(xid) % kRingEntries].load(std::memory_order_acquire);
  std::atomic_thread_fence(std::memory_order_acquire);
  return raw(xid) >= s.ring_low.load(std::memory_order_relaxed);
}

XidStatus get_clog(Xid xid) {
  uint64_t page = raw(xid) / kXidsPerClogPage, at = raw(xid) % kXidsPerClogPage;
  ClogPage* p = &shared().clog_pages[page % kClogPages];
  for (;;) {
    if (p->tag.load(std::memory_order_acquire) == page + 1) {
      uint64_t word = p->words[at / kXidsPerWord].load(std::memory_order_acquire);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (p->tag.load(std::memory_order_relaxed) == page + 1) return static_cast<XidStatus>(word >> (at % kXidsPerWord * 2) & 3);
    }
    load_clog_page(page);
  }
}

namespace {

ClogPage& clog_page_of(Xid xid) { return shared().clog_pages[raw(xid) / kXidsPerClogPage % kClogPages]; }
bool clog_resident(Xid xid) { return clog_page_of(xid).tag.load() == raw(xid) / kXidsPerClogPage + 1; }

// REQUIRES: clog latch, page resident.
void set_clog_latched(Xid xid, XidStatus st) {
  uint64_t at = raw(xid) % kXidsPerClogPage;
  ClogPage& p = clog_page_of(xid);
  p.words[at / kXidsPerWord].fetch_or(static_cast<uint64_t>(st) << (at % kXidsPerWord * 2));
  p.dirty.store(1);
}

void set_ring(Xid xid, uint64_t entry) {
  if (raw(xid) >= shared().ring_low.load()) shared().ring[raw(xid) % kRingEntries].store(entry, std::memory_order_release);
  else write_spilled(xid, entry);
}

}  // namespace

void set_clog(Xid xid, XidStatus st) {
  for (;;) {
    {
      LatchGuard g(shared().clog, LatchMode::kShared);
      if (clog_resident(xid)) return set_clog_latched(xid, st);
    }
    load_clog_page(raw(xid) / kXidsPerClogPage);
  }
}

void publish_commit(SlotNo owner, Xid top, const Xid* subs, size_t n) {
  TxnShared& s = shared();
  for (bool done = false; !done;) {
    if (!clog_resident(top)) load_clog_page(raw(top) / kXidsPerClogPage);
    for (size_t i = 0; i < n; i++)
      if (!clog_resident(subs[i])) load_clog_page(raw(subs[i]) / kXidsPerClogPage);
    LatchGuard commit(s.commit, LatchMode::kExclusive);
    LatchGuard clog(s.clog, LatchMode::kShared);
    if (!clog_resident(top) || !std::all_of(subs, subs + n, clog_resident)) continue;
    region::CriticalSection critical;
    uint64_t csn = s.csn.load(std::memory_order_relaxed) + 1;
    for (size_t i = 0; i < n; i++) {
      set_ring(subs[i], csn);
      set_clog_latched(subs[i], XidStatus::kCommitted);
    }
    set_ring(top, csn);
    set_clog_latched(top, XidStatus::kCommitted);
    s.csn.store(csn);
    region::slot(owner).xid.store(0);
    done = true;
  }
  wake_waiters(owner);
}

void mark_aborted(Xid xid) {
  {
    LatchGuard g(shared().commit, LatchMode::kShared);
    set_ring(xid, kRingAborted);
  }
  set_clog(xid, XidStatus::kAborted);
}

void wake_waiters(SlotNo owner) {
  TxnSlot& t = txn_slot(owner);
  if (!t.waiters.load() || !t.waiters.exchange(0)) return;
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    Xid awaited{txn_slot(no).wait_xid.load()};
    if (!raw(awaited)) continue;
    if (status(awaited) == XidStatus::kInProgress) {   // of another transaction, or after ROLLBACK TO of this one
      if (owner_of(awaited) == owner) t.waiters.store(1);
      continue;
    }
    region::slot(no).wake.fetch_add(1);
    region::futex_wake(region::slot(no).wake, 1);
  }
}

SlotNo owner_of(Xid xid) {
  uint64_t entry;
  if (!ring_lookup(xid, &entry)) entry = spilled_entry(xid);
  return entry & kRingInProgress ? SlotNo{static_cast<uint16_t>(entry & 0xFFFF)} : kInvalidSlotNo;
}

XidStatus status(Xid xid) {
  if (raw(xid) < raw(kFirstNormalXid)) return xid == kBootstrapXid || raw(xid) == 2 ? XidStatus::kCommitted : XidStatus::kAborted;
  uint64_t entry;
  if (ring_lookup(xid, &entry)) {
    if (entry & kRingInProgress) return XidStatus::kInProgress;
    return entry == 0 || entry & kRingAborted ? XidStatus::kAborted : XidStatus::kCommitted;
  }
  XidStatus st = get_clog(xid);
  if (st == XidStatus::kInProgress && raw(xid) < shared().recovery_xid.load()) return XidStatus::kAborted;
  return st;
}

bool visible(Xid xid, const Snapshot& s) {
  if (raw(xid) >= raw(s.xmax)) return false;
  uint64_t entry;
  if (raw(xid) < raw(s.xmin)) return status(xid) == XidStatus::kCommitted;
  if (!ring_lookup(xid, &entry)) {
    entry = spilled_entry(xid);
    if (!entry) return status(xid) == XidStatus::kCommitted;   // older than every snapshot when it left the ring
  }
  return entry && !(entry & (kRingInProgress | kRingAborted)) && entry <= raw(s.csn);
}

namespace {

// Unfinished subtransactions of a dead slot's transaction.
std::vector<Xid> subs_of_dead(SlotNo n, uint64_t top) {
  TxnShared& s = shared();
  std::vector<Xid> subs;
  uint64_t mine = kRingInProgress | raw(n), end = s.next_xid.load();
  for (uint64_t x = std::max(top + 1, s.ring_low.load()); x < end; x++)
    if (s.ring[x % kRingEntries].load() == mine) subs.push_back(Xid{x});
  return subs;
}

// The commit log bits of a commit whose process died before it could publish it; a reaper will publish it.
void log_dead_commit(SlotNo n) {
  uint64_t xid = region::slot(n).xid.load(), lsn = txn_slot(n).commit_lsn.load();
  if (!xid || !lsn) return;
  wal::flush(Lsn{lsn});
  for (Xid x : subs_of_dead(n, xid)) set_clog(x, XidStatus::kCommitted);
  set_clog(Xid{xid}, XidStatus::kCommitted);
}

}  // namespace

void complete_dead_slot(SlotNo n) {
  TxnSlot& t = txn_slot(n);
  uint64_t xid = region::slot(n).xid.load();
  t.wait_xid.store(0);
  if (xid) {
    std::vector<Xid> subs = subs_of_dead(n, xid);
    uint64_t lsn = t.commit_lsn.load();
    if (lsn) {   // set together with the record: without it there is none
      wal::flush(Lsn{lsn});
      publish_commit(n, Xid{xid}, subs.data(), subs.size());
    } else {
      for (Xid x : subs) mark_aborted(x);
      mark_aborted(Xid{xid});
      region::slot(n).xid.store(0);
    }
  }
  t.commit_lsn.store(0);
  if (t.committing.load() & 1) t.committing.fetch_add(1);
  region::slot(n).snapshot_xmin.store(0);
  t.waiters.store(1);
  wake_waiters(n);
}

// Called while a checkpoint runs, after its redo point is fixed: whatever committed before that point must reach the files.
void flush_status() {
  TxnShared& s = shared();
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    uint64_t seq = txn_slot(no).committing.load();
    if (!(seq & 1) || no == region::my_slot_no()) continue;
    for (int spins = 0; txn_slot(no).committing.load() == seq; spins++) {
      std::atomic<uint32_t> never{0};
      region::futex_wait(never, 0, 1);
      if (spins % 100 != 99 || region::slot_alive(no)) continue;
      log_dead_commit(no);   // the caller holds a latch, so it can't reap; and nobody else might
      break;
    }
  }
  wal::flush(wal::insert_lsn());
  for (ClogPage& p : s.clog_pages) {
    LatchGuard g(s.clog, LatchMode::kExclusive);
    if (p.tag.load() && p.dirty.load()) write_clog_page(p, true);
  }
  remove_old_spills(raw(oldest_needed()));
}

Oid allocate_oid() {
  TxnShared& s = shared();
  LatchGuard g(s.xid_gen, LatchMode::kExclusive);
  uint32_t oid = s.next_oid.load();
  if (oid < raw(kFirstNormalOid)) oid = raw(kFirstNormalOid);
  if (oid >= s.oid_limit.load() || s.oid_limit.load() - oid > kOidBatch) {
    uint64_t limit = std::min<uint64_t>(uint64_t{oid} + kOidBatch, 0xFFFFFFFFu);
    wal::flush(log_counter(wal::Op::kOidAlloc, limit));   // or a crash could leave files whose numbers are given again
    s.oid_limit.store(static_cast<uint32_t>(limit));
  }
  s.next_oid.store(oid + 1);
  return Oid{oid};
}

void raise_next_oid(Oid at_least) {
  TxnShared& s = shared();
  LatchGuard g(s.xid_gen, LatchMode::kExclusive);
  if (s.next_oid.load() >= raw(at_least)) return;
  log_counter(wal::Op::kOidAlloc, raw(at_least));
  s.oid_limit.store(raw(at_least));
  s.next_oid.store(raw(at_least));
}

}  // namespace postern::txn
