// Shared between the region's own source files: the segment header and this process's private state.
#pragma once
#include <vector>

#include "common/os/file.h"
#include "postgres/region/region.h"

namespace postern::region {

constexpr uint64_t kMagic = 0x315245474e545350;  // "PSTNGER1"
constexpr uint32_t kLayoutVersion = 3;           // raise when anything in shared memory changes shape
constexpr int kMaxAreas = 32;

struct AreaEntry {
  char name[32];
  uint64_t offset, bytes;
};

struct RegionHeader {
  uint64_t magic;
  uint32_t layout_version;
  int32_t slot_capacity;
  uint64_t generation, total_bytes, shared_buffers_bytes, slots_offset;
  std::atomic<uint32_t> ready;        // recovery is over: others may attach
  std::atomic<uint32_t> poisoned;
  std::atomic<int32_t> slot_high_water;
  uint32_t area_count;
  char poison_reason[128];
  Counters counters;
  AreaEntry areas[kMaxAreas];
};

constexpr uint64_t kAttachByte = 0, kReapByte = 1, kFirstSlotByte = 100;
constexpr uint64_t kSlotBytes = 65536;

// What this process knows. `latches` mirrors the records in its slot.
struct Self {
  RegionHeader* header = nullptr;
  ProcSlot* slots = nullptr;
  ProcSlot* slot = nullptr;
  SlotNo slot_no = kInvalidSlotNo;
  os::Fd lock_fd;
  AttachOptions options;
  std::string shm_path;
  bool creating = false;
  uint32_t critical = 0;
  int latch_count = 0;
  struct Held {
    Latch* latch;
    LatchMode mode;
    LatchRank rank;
  } latches[kMaxLatches];             // index = index of the record in the slot; latch == nullptr: free
};
extern Self g_self;

// Phase one of reaping: gives back what the dead slot's latch records say. Poisons where it can't be proved.
void release_latches_of_dead(SlotNo n);
int reap_holding_reap_byte(bool full);
extern std::vector<Area*> g_areas;

}  // namespace postern::region
