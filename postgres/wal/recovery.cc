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

namespace postern::wal {
namespace {

constexpr uint64_t kWindow = 1 << 20;
constexpr uint64_t kMaxRecordBytes = 16 << 20;

// Reads the byte stream through a window.
class Reader {
 public:
  // n bytes at lsn, or nullptr past the end of the files. Valid until the next call.
  const uint8_t* at(uint64_t lsn, uint64_t n) {
    if (lsn < start_ || lsn + n > start_ + have_) load(lsn, std::max(n, kWindow));
    return lsn + n <= start_ + have_ ? buf_.data() + (lsn - start_) : nullptr;
  }

 private:
  void load(uint64_t lsn, uint64_t n) {
    buf_.resize(n);
    start_ = lsn;
    have_ = 0;
    while (have_ < n) {
      uint64_t segment = (lsn + have_) / kSegmentBytes, offset = (lsn + have_) % kSegmentBytes;
      int fd = segment_fd(segment, false);
      if (fd < 0 && errno == ENOENT) return;
      uint64_t want = std::min(n - have_, kSegmentBytes - offset);
      ssize_t r = fd < 0 ? -1 : os::read_at(fd, buf_.data() + have_, want, offset);
      if (r < 0) os::throw_errno(errno, cat("could not read file \"", segment_path(segment), "\""));
      have_ += static_cast<uint64_t>(r);
      if (static_cast<uint64_t>(r) < want) return;
    }
  }
  std::vector<uint8_t> buf_;
  uint64_t start_ = 0, have_ = 0;
};

struct Position {
  uint64_t lsn;               // start of the next record
  uint64_t prev = 0;          // start of the one before
  uint32_t epoch = 0;
  bool first = true;
};

const uint8_t* next_record(Reader& reader, const Position& at) {
  const uint8_t* p = reader.at(at.lsn, sizeof(RecordHeader));
  if (!p) return nullptr;
  RecordHeader h;
  std::memcpy(&h, p, sizeof h);
  uint64_t refs = h.pages * sizeof(PageRefOnDisk);
  if (h.total_bytes < sizeof h + refs || h.total_bytes > kMaxRecordBytes || h.total_bytes % 8 || h.pages > kMaxPages || h.data_bytes > h.total_bytes - sizeof h - refs)
    return nullptr;
  if (!at.first && (h.prev != at.prev || (h.epoch != at.epoch && h.op != static_cast<uint8_t>(Op::kEpochStart)))) return nullptr;
  p = reader.at(at.lsn, h.total_bytes);
  return p && record_crc(p, at.lsn) == h.crc ? p : nullptr;
}

void restore_image(uint8_t* page, const PageRefOnDisk& ref, const uint8_t*& image, const uint8_t* end) {
  uint32_t after = ref.hole_start + ref.hole_bytes;
  if (after > kPageBytes || static_cast<uint64_t>(end - image) < kPageBytes - ref.hole_bytes) throw SqlError(sqlstate::kDataCorrupted, "invalid page image in WAL record");
  std::memcpy(page, image, ref.hole_start);
  std::memset(page + ref.hole_start, 0, ref.hole_bytes);
  std::memcpy(page + after, image + ref.hole_start, kPageBytes - after);
  image += kPageBytes - ref.hole_bytes;
}

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
void start_epoch(const Position& end) {
  uint32_t epoch = 0;
  if (::getrandom(&epoch, sizeof epoch, 0) != sizeof epoch) os::throw_errno(errno, "could not get random bytes");
  g_wal->last_start.store(end.prev);
  g_wal->epoch = epoch;
  g_wal->allocated_lsn.store(allocated_from(end.lsn));
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
  Reader reader;
  Position at{control.redo};
  uint64_t records = 0, meaningful = 0;
  while (const uint8_t* record = next_record(reader, at)) {
    RecordHeader h;
    std::memcpy(&h, record, sizeof h);
    uint64_t end = at.lsn + h.total_bytes;
    set_positions(end);
    replay(record, at.lsn);
    at = {end, at.lsn, h.epoch, false};
    ++records;
    if (h.op != static_cast<uint8_t>(Op::kEpochStart) && end != control.checkpoint_end) ++meaningful;
  }
  if (control.checkpoint_end > at.lsn)
    throw SqlError(sqlstate::kDataCorrupted, cat("WAL ends at ", at.lsn, ", before the last checkpoint at ", control.checkpoint_end)).fatal();
  run_recovery_end(Lsn(at.lsn));
  start_epoch(at);
  if (!meaningful && control.checkpoint) g_wal->idle_lsn.store(g_wal->insert_lsn.load());
  return {Lsn(control.redo), Lsn(at.lsn), meaningful};
}

}  // namespace postern::wal
