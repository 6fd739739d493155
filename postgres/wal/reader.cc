#include "postgres/wal/reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/wal/internal.h"

namespace postern::wal {
namespace {
constexpr uint64_t kWindow = 1 << 20;
constexpr uint64_t kMaxRecordBytes = 16 << 20;
}  // namespace

// Appends file contents to the window up to byte position `upto`; false where the files end.
bool LogReader::load_file_part(uint64_t upto) {
  while (buf_start_ + have_ < upto) {
    uint64_t at = buf_start_ + have_, segment = at / kSegmentBytes, offset = at % kSegmentBytes;
    if (!fd_ || fd_segment_ != segment) {
      fd_ = os::Fd(os::open_file(cat(dir_, "/", segment_name(segment)).c_str(), O_RDONLY));
      fd_segment_ = segment;
      if (!fd_ && errno == ENOENT) return false;
    }
    uint64_t want = std::min(upto - at, kSegmentBytes - offset);
    ssize_t r = fd_ ? os::read_at(fd_.get(), buf_.data() + have_, want, offset) : -1;
    if (r < 0) os::throw_errno(errno, cat("could not read file \"wal/", segment_name(segment), "\""));
    have_ += static_cast<uint64_t>(r);
    if (static_cast<uint64_t>(r) < want) return false;
  }
  return true;
}

void LogReader::load(uint64_t lsn, uint64_t n) {
  buf_.resize(n);
  buf_start_ = lsn;
  have_ = 0;
  if (!live_) {
    load_file_part(lsn + n);
    return;
  }
  uint64_t end = std::min(lsn + n, g_wal->insert_lsn.load(std::memory_order_acquire));
  uint64_t written = g_wal->written_lsn.load(std::memory_order_acquire);
  if (!load_file_part(std::min(end, std::max(lsn, written)))) return;
  while (buf_start_ + have_ < end) {  // may be overwritten while we copy: the crc tells
    uint64_t in_ring = (buf_start_ + have_) % g_ring_bytes, k = std::min(end - buf_start_ - have_, g_ring_bytes - in_ring);
    std::memcpy(buf_.data() + have_, g_ring + in_ring, k);
    have_ += k;
  }
}

const uint8_t* LogReader::at(uint64_t lsn, uint64_t n) {
  if (lsn < buf_start_ || lsn + n > buf_start_ + have_) load(lsn, std::max(n, kWindow));
  return lsn + n <= buf_start_ + have_ ? buf_.data() + (lsn - buf_start_) : nullptr;
}

const uint8_t* LogReader::next() {
  const uint8_t* p = at(lsn_, sizeof(RecordHeader));
  if (!p) return nullptr;
  RecordHeader h;
  std::memcpy(&h, p, sizeof h);
  uint64_t refs = h.pages * sizeof(PageRefOnDisk);
  if (h.total_bytes < sizeof h + refs || h.total_bytes > kMaxRecordBytes || h.total_bytes % 8 || h.pages > kMaxPages || h.data_bytes > h.total_bytes - sizeof h - refs)
    return nullptr;
  if (!first_ && (h.prev != start_ || (h.epoch != epoch_ && h.op != static_cast<uint8_t>(Op::kEpochStart)))) return nullptr;
  p = at(lsn_, h.total_bytes);
  if (!p || record_crc(p, lsn_) != h.crc) return nullptr;
  header_ = h;
  start_ = lsn_;
  lsn_ += h.total_bytes;
  epoch_ = h.epoch;
  first_ = false;
  return p;
}

void restore_image(uint8_t* page, const PageRefOnDisk& ref, const uint8_t*& image, const uint8_t* end) {
  uint32_t after = ref.hole_start + ref.hole_bytes;
  if (after > kPageBytes || static_cast<uint64_t>(end - image) < kPageBytes - ref.hole_bytes) throw SqlError(sqlstate::kDataCorrupted, "invalid page image in WAL record");
  std::memcpy(page, image, ref.hole_start);
  std::memset(page + ref.hole_start, 0, ref.hole_bytes);
  std::memcpy(page + after, image + ref.hole_start, kPageBytes - after);
  image += kPageBytes - ref.hole_bytes;
}

}  // namespace postern::wal
