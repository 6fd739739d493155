// Csn ring blocks that a snapshot still needed when they left the ring: <site>/csn/<first xid>, 8 bytes per xid, as in the ring.
#include <fcntl.h>

#include <cstdlib>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/txn/txn_shared.h"

namespace postern::txn {
namespace {

std::string csn_dir() { return site_path("csn"); }
std::string spill_path(uint64_t first) { return cat(csn_dir(), "/", first); }

// Does a running transaction or a snapshot need what is known of xids below `end`?
bool needed(uint64_t end) {
  for (int i = 0, n = region::slot_high_water(); i < n; i++) {
    region::ProcSlot& p = region::slot(SlotNo{static_cast<uint16_t>(i)});
    uint64_t xid = p.xid.load(), xmin = p.snapshot_xmin.load();
    if ((xid && xid < end) || (xmin > 1 && xmin < end)) return true;
    if (xmin == 1 && shared().xmin_hint.load() < end) return true;
  }
  return false;
}

}  // namespace

// Under the xid_gen latch. Afterwards ring entries first .. first + kRingBlock - 1 are free.
void spill_block(uint64_t first) {
  TxnShared& s = shared();
  uint64_t end = first + kRingBlock;
  region::LatchGuard guard(s.commit, region::LatchMode::kExclusive);
  if (s.ring_low.load() < end) {
    if (needed(end)) {
      std::vector<uint64_t> copy(kRingBlock);
      for (uint64_t i = 0; i < kRingBlock; i++) copy[i] = s.ring[(first + i) % kRingEntries].load();
      std::string path = spill_path(first);
      os::Fd fd(os::open_file(path.c_str(), O_RDWR | O_CREAT));
      if (!fd || !os::write_at(fd.get(), copy.data(), kRingBlock * 8, 0)) os::throw_errno(errno, cat("could not write file \"", path, "\""));
    }
    s.ring_low.store(end);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (uint64_t i = 0; i < kRingBlock; i++) s.ring[(first + i) % kRingEntries].store(0, std::memory_order_relaxed);
}

uint64_t spilled_entry(Xid xid) {
  uint64_t first = raw(xid) / kRingBlock * kRingBlock;
  std::string path = spill_path(first);
  os::Fd fd(os::open_file(path.c_str(), O_RDONLY));
  if (!fd) {
    if (errno == ENOENT) return 0;
    os::throw_errno(errno, cat("could not open file \"", path, "\""));
  }
  uint64_t entry = 0;
  if (os::read_at(fd.get(), &entry, 8, (raw(xid) - first) * 8) != 8) os::throw_errno(errno, cat("could not read file \"", path, "\""));
  return entry;
}

void write_spilled(Xid xid, uint64_t entry) {
  uint64_t first = raw(xid) / kRingBlock * kRingBlock;
  std::string path = spill_path(first);
  os::Fd fd(os::open_file(path.c_str(), O_RDWR | O_CREAT));
  if (!fd || !os::write_at(fd.get(), &entry, 8, (raw(xid) - first) * 8)) os::throw_errno(errno, cat("could not write file \"", path, "\""));
}

void remove_old_spills(uint64_t needed_from) {
  std::vector<std::string> names;
  if (!os::list_dir(csn_dir().c_str(), names)) return;
  for (const std::string& name : names)
    if (needed_from == ~uint64_t{0} || std::strtoull(name.c_str(), nullptr, 10) + kRingBlock <= needed_from)
      os::unlink_path(cat(csn_dir(), "/", name).c_str());
}

}  // namespace postern::txn
