// Shared between the WAL's source files: its state in the region.
#pragma once
#include <atomic>

#include "postgres/region/region.h"
#include "postgres/wal/format.h"

namespace postern::wal {

struct Control {
  region::Latch insert;                  // appending: the ring, insert_lsn, last_start, redo_point
  region::Latch write;                   // writing: segment files, written_lsn, flushed_lsn, allocated_lsn
  region::Latch checkpoint;
  uint32_t epoch;
  alignas(64) std::atomic<uint64_t> insert_lsn;     // end of the last complete record
  std::atomic<uint64_t> last_start;                 // its start
  std::atomic<uint64_t> redo_point;
  alignas(64) std::atomic<uint64_t> written_lsn;    // in the files, perhaps not durable
  std::atomic<uint64_t> flushed_lsn;
  std::atomic<uint64_t> allocated_lsn;              // file space exists up to here: a write can't meet ENOSPC
  std::atomic<uint32_t> flush_sequence;             // futex: changes when the write latch is given back
  std::atomic<uint32_t> flush_waiting;
  std::atomic<uint64_t> idle_lsn;                   // insert_lsn when nothing worth a checkpoint has happened
  ControlFile file;                                 // as last written; under the checkpoint latch
  std::atomic<uint64_t> records, bytes, page_images, writes, syncs, checkpoints;
};
extern Control* g_wal;
extern uint8_t* g_ring;
extern uint64_t g_ring_bytes;
extern bool g_fsync;

// segments.cc
int segment_fd(uint64_t segment, bool create);      // cached; -1 with errno
std::string segment_path(uint64_t segment);
void allocate_to(uint64_t lsn);                     // REQUIRES: write latch. 53100
void write_to(uint64_t lsn);                        // REQUIRES: write latch. Ring → files up to lsn
void sync_range(uint64_t from, uint64_t to);        // fdatasync of the segments; failure poisons
void recycle_segments(uint64_t redo);
uint64_t allocated_from(uint64_t lsn);              // how far file space reaches without a gap
void forget_segment_fd();

void release_write_latch();                         // and wakes whoever waits in flush()

bool repair_after_death(SlotNo dead);               // repair.cc

RedoFn redo_of(uint8_t op);
const std::vector<ReplayFn>& replays_of(uint8_t op);
void save_state(SavedState& s);
void load_state(const SavedState& s);
void run_recovery_end(Lsn end);

}  // namespace postern::wal
