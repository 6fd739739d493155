// Buffer I/O: one process at a time per buffer (kIo), survivable by the others.
#include <climits>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/buffer/pool.h"
#include "postgres/storage/file.h"

namespace postern::buffer {
namespace {

alignas(4096) uint8_t g_copy[kPageBytes];  // the page being written: contents may change once the latch is given back

void verify(const uint8_t* page, const PageId& id) {
  auto* h = reinterpret_cast<const PageHeader*>(page);
  if (h->checksum == page_checksum(page)) [[likely]] return;
  if (page_is_zero(page)) return;
  throw SqlError(sqlstate::kDataCorrupted, cat("invalid page in block ", raw(id.page), " of relation ", storage::path_of(id.file, id.fork)),
                 "The page's checksum does not match its contents.");
}

// REQUIRES: kIo is ours, shared content latch held. Ends both.
void write_latched(uint32_t b, const PageId& id) {
  Descriptor& d = descriptor(b);
  d.state.fetch_and(~kDirty);
  std::memcpy(g_copy, page_of(b), kPageBytes);
  region::latch_release(d.content);
  try {
    auto* h = reinterpret_cast<PageHeader*>(g_copy);
    if (g_flush_wal) g_flush_wal(Lsn(h->lsn));
    h->checksum = page_checksum(g_copy);
    storage::write(id, g_copy);
  } catch (const SqlError& e) {
    // The file is gone: it was dropped by a process that died before it had forgotten its pages. Nothing else removes files.
    bool dropped = e.sqlstate == sqlstate::kUndefinedFile;
    end_io(b, dropped ? 0 : kDirty, 0);
    if (dropped) return;
    throw;
  } catch (...) {
    end_io(b, kDirty, 0);
    throw;
  }
  end_io(b, 0, 0);
  ++g_stats.writes;
}

}  // namespace

bool begin_io(uint32_t b, uint32_t need, uint32_t forbid) {
  Descriptor& d = descriptor(b);
  uint32_t s = d.state.load(std::memory_order_acquire);
  do {
    if ((s & need) != need || (s & (forbid | kIo | kEvicting))) return false;
  } while (!d.state.compare_exchange_weak(s, (s & ~kOwnerMask) | kIo | raw(region::my_slot_no()), std::memory_order_acq_rel));
  return true;
}

void end_io(uint32_t b, uint32_t set, uint32_t clear) {
  Descriptor& d = descriptor(b);
  uint32_t s = d.state.load(std::memory_order_relaxed);
  while (!d.state.compare_exchange_weak(s, ((s & ~(kIo | kWaiters | kOwnerMask | clear)) | set), std::memory_order_acq_rel)) {}
  if (s & kWaiters) os::futex_wake(d.state, INT_MAX);
}

void wait_io(uint32_t b) {
  Descriptor& d = descriptor(b);
  for (;;) {
    uint32_t s = d.state.load(std::memory_order_acquire);
    if (!(s & kIo)) return;
    if (!(s & kWaiters)) {
      if (!d.state.compare_exchange_weak(s, s | kWaiters)) continue;
      s |= kWaiters;
    }
    if (!os::futex_wait(d.state, s, 50) && !region::slot_alive(SlotNo(static_cast<uint16_t>(s & kOwnerMask)))) region::reap_dead_slots();
    region::throw_if_poisoned();
  }
}

void make_valid(uint32_t b, const PageId& id, ReadMode mode) {
  for (;;) {
    uint32_t s = descriptor(b).state.load(std::memory_order_acquire);
    if (s & kValid) return;
    bool ours = (s & kIo) && (s & kOwnerMask) == raw(region::my_slot_no());  // just inserted by us
    if (!ours && (s & kIo)) {
      wait_io(b);
      continue;
    }
    if (!ours && !begin_io(b, kTagged, kValid)) continue;
    try {
      uint8_t* page = page_of(b);
      if (mode == ReadMode::kStrict) {
        storage::read(id, page, 1);
        verify(page, id);
      } else {
        bool there = storage::try_read(id, page);
        if (!there) std::memset(page, 0, kPageBytes);
        else if (mode == ReadMode::kRedo) verify(page, id);
      }
    } catch (...) {
      end_io(b, 0, 0);
      throw;
    }
    ++g_stats.reads;
    end_io(b, kValid, 0);
    return;
  }
}

bool write_victim(uint32_t b) {
  if (!begin_io(b, kTagged | kValid | kDirty, 0)) return false;
  Descriptor& d = descriptor(b);
  if (!region::latch_try_acquire(d.content, region::LatchMode::kShared)) {
    end_io(b, 0, 0);
    return false;
  }
  write_latched(b, id_of(tag_at(d)));
  return true;
}

void write_pinned(uint32_t b, const Tag& tag) {
  Descriptor& d = descriptor(b);
  for (;;) {
    uint32_t s = d.state.load(std::memory_order_acquire);
    if (!(s & kTagged) || (s & kEvicting) || !(tag_at(d) == tag)) return;
    if (s & kIo) {
      wait_io(b);
      continue;
    }
    if (!(s & kDirty)) return;
    region::latch_acquire(d.content, region::LatchMode::kShared, region::LatchRank::kBufferContent);
    if (begin_io(b, kTagged | kValid | kDirty, 0)) {
      write_latched(b, id_of(tag));
      return;
    }
    region::latch_release(d.content);
  }
}

}  // namespace postern::buffer
