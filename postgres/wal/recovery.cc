// Recovery: replays the WAL from the last checkpoint's redo point to the first byte that is not a valid record.
//
// The end is where a header can't be a record, the crc is wrong, prev doesn't name the record before, or the epoch changes without a kEpochStart. What lies behind is
// overwritten. Before anything is replayed the segments are fsynced: what was read may so far be only in the kernel's cache.
#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/storage/file.h"
#include "postgres/wal/internal.h"
#include "postgres/wal/reader.h"

namespace postern::wal {
namespace {

void redo_pages(const uint8_t* record, const RecordHeader& h, Lsn end_lsn) {
  RedoFn redo = redo_of(h.op);
  if (!redo) throw SqlError(sqlstate::kDataCorrupted, cat("WAL record with unknown operation ", h.op)).fatal();
  PageRefOnDisk refs[kMaxPages];
  std::memcpy(refs, record + sizeof h, h.pages * sizeof(PageRefOnDisk));
  const uint8_t* image = record + sizeof h + h.pages * sizeof(PageRefOnDisk);
  const uint8_t* record_end = record + h.total_bytes;
  buffer::PageRef pinned[kMaxPages];
  RedoPages pages{};
  pages.count = h.pages;
  for (int i = 0; i < h.pages; ++i) {
    const PageRefOnDisk& ref = refs[i];
    if (ref.fork >= kForkCount) throw SqlError(sqlstate::kDataCorrupted, "invalid fork in WAL record");
    PageId id{{Oid(ref.database), Oid(ref.number)}, static_cast<Fork>(ref.fork), PageNo(ref.page)};
    bool overwrite = ref.flags & (kHasImage | kIsNew);
    pinned[i] = buffer::pin_for_redo(id, overwrite);
    uint8_t* page = pinned[i].data();
    pinned[i].mark_dirty();
    if (ref.flags & kHasImage) restore_image(page, ref, image, record_end);
    else if (ref.flags & kIsNew) std::memset(page, 0, kPageBytes);
    else if (pinned[i].header()->lsn >= raw(end_lsn)) continue;
    pages.page[i] = page;
  }
  std::string_view data(reinterpret_cast<const char*>(image), h.data_bytes);
  redo(data, Xid(h.xid), pages);
  for (int i = 0; i < h.pages; ++i)
    if (pages.page[i]) pinned[i].header()->lsn = raw(end_lsn);
}

void replay(const uint8_t* record, uint64_t lsn) {
  RecordHeader h;
  std::memcpy(&h, record, sizeof h);
  Lsn end{lsn + h.total_bytes};
  std::string_view data(reinterpret_cast<const char*>(record + sizeof h), h.data_bytes);
  if (h.op == static_cast<uint8_t>(Op::kCheckpoint)) {
    CheckpointData c;
    if (data.size() == sizeof c) {
      std::memcpy(&c, data.data(), sizeof c);
      load_state(c.state);
    }
  } else if (h.pages) {
    redo_pages(record, h, end);
  }
  if (!h.pages)
    for (ReplayFn fn : replays_of(h.op)) fn(data, Xid(h.xid), end);
}

void set_positions(uint64_t lsn) {
  g_wal->insert_lsn.store(lsn);
  g_wal->written_lsn.store(lsn);
  g_wal->flushed_lsn.store(lsn);
}

void sync_existing(uint64_t from) {
  uint64_t to = allocated_from(from);
  if (to > from) sync_range(from, to);
}

// The first record of this life; see format.h. Not flushed: it matters only to what follows it.
void start_epoch(uint64_t end, uint64_t last_start) {
  uint32_t epoch = 0;
  if (::getrandom(&epoch, sizeof epoch, 0) != sizeof epoch) os::throw_errno(errno, "could not get random bytes");
  g_wal->last_start.store(last_start);
  g_wal->epoch = epoch;
  g_wal->allocated_lsn.store(allocated_from(end));
  Record(Op::kEpochStart).append();
}

}  // namespace

Recovery recover() {
  ControlFile control = read_control(storage::site());
  g_wal->file = control;
  g_wal->redo_point.store(control.redo);
  set_positions(control.redo);
  load_state(control.state);
  sync_existing(control.redo);
  LogReader reader(storage::absolute("wal"), control.redo, false);
  uint64_t meaningful = 0;
  while (const uint8_t* record = reader.next()) {
    set_positions(reader.end());
    replay(record, reader.start());
    if (reader.header().op != static_cast<uint8_t>(Op::kEpochStart) && reader.end() != control.checkpoint_end) ++meaningful;
  }
  uint64_t end = reader.end();
  if (control.checkpoint_end > end)
    throw SqlError(sqlstate::kDataCorrupted, cat("WAL ends at ", end, ", before the last checkpoint at ", control.checkpoint_end)).fatal();
  run_recovery_end(Lsn(end));
  start_epoch(end, reader.start());
  if (!meaningful && control.checkpoint) g_wal->idle_lsn.store(g_wal->insert_lsn.load());
  return {Lsn(control.redo), Lsn(end), meaningful};
}

}  // namespace postern::wal
