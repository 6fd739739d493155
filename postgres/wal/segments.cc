// Segment files: names, growth with zeros so that fdatasync has no metadata to write, writing from the ring, recycling.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/storage/file.h"
#include "postgres/wal/internal.h"
#include "postgres/wal/reader.h"

namespace postern::wal {

bool g_fsync = true;

namespace {

constexpr uint64_t kGrowBytes = 1 << 20;
os::Fd g_fd;
uint64_t g_fd_segment = 0;
uint64_t g_min_wal_bytes = 80ull << 20;
alignas(4096) const uint8_t kZeros[64 << 10] = {};


bool parse_name(const std::string& name, uint64_t& segment) {
  if (name.size() != 16 || name.find_first_not_of("0123456789ABCDEF") != std::string::npos) return false;
  segment = std::stoull(name, nullptr, 16);
  return true;
}

std::string wal_dir() { return storage::absolute("wal"); }

[[noreturn]] void failed(const char* verb, uint64_t segment, bool fatal) {
  int err = errno;
  std::string what = cat("could not ", verb, " file \"wal/", segment_name(segment), "\"");
  if (fatal) region::poison(what.c_str());
  os::throw_errno(err, what);
}

}  // namespace

std::string segment_name(uint64_t segment) {
  char buf[17];
  std::snprintf(buf, sizeof buf, "%016llX", static_cast<unsigned long long>(segment));
  return buf;
}
std::string segment_path(uint64_t segment) { return cat(wal_dir(), "/", segment_name(segment)); }

int segment_fd(uint64_t segment, bool create) {
  if (g_fd && g_fd_segment == segment) return g_fd.get();
  std::string path = segment_path(segment);
  int fd = os::open_file(path.c_str(), O_RDWR);
  if (fd < 0 && errno == ENOENT && create) {
    fd = os::open_file(path.c_str(), O_RDWR | O_CREAT);
    if (fd >= 0 && g_fsync && !os::sync_dir(wal_dir().c_str())) {
      os::Fd close_it(fd);
      return -1;
    }
  }
  if (fd < 0) return -1;
  g_fd = os::Fd(fd);
  g_fd_segment = segment;
  return fd;
}

void forget_segment_fd() { g_fd.reset(); }

void allocate_to(uint64_t lsn) {
  uint64_t at = g_wal->allocated_lsn.load();
  while (at < lsn) {
    uint64_t segment = at / kSegmentBytes, offset = at % kSegmentBytes;
    int fd = segment_fd(segment, true);
    struct stat st;
    if (fd < 0 || !os::stat_fd(fd, st)) failed("open", segment, false);
    auto size = std::min<uint64_t>(static_cast<uint64_t>(st.st_size), kSegmentBytes);
    if (size <= offset) {
      uint64_t end = std::min(kSegmentBytes, (offset / kGrowBytes + 1) * kGrowBytes);
      for (uint64_t o = size; o < end;) {
        uint64_t n = std::min<uint64_t>(sizeof kZeros, end - o);
        if (!os::write_at(fd, kZeros, n, o)) failed("extend", segment, false);
        o += n;
      }
      size = end;
    }
    at = segment * kSegmentBytes + size;
    g_wal->allocated_lsn.store(at);
  }
}

uint64_t allocated_from(uint64_t lsn) {
  for (;;) {
    uint64_t segment = lsn / kSegmentBytes, offset = lsn % kSegmentBytes;
    struct stat st;
    if (!os::stat_path(segment_path(segment).c_str(), st) || static_cast<uint64_t>(st.st_size) <= offset) return lsn;
    if (static_cast<uint64_t>(st.st_size) < kSegmentBytes) return segment * kSegmentBytes + static_cast<uint64_t>(st.st_size);
    lsn = (segment + 1) * kSegmentBytes;
  }
}

void write_to(uint64_t lsn) {
  uint64_t at = g_wal->written_lsn.load();
  while (at < lsn) {
    uint64_t segment = at / kSegmentBytes, offset = at % kSegmentBytes, in_ring = at % g_ring_bytes;
    uint64_t n = std::min({lsn - at, kSegmentBytes - offset, g_ring_bytes - in_ring});
    int fd = segment_fd(segment, true);
    if (fd < 0 || !os::write_at(fd, g_ring + in_ring, n, offset)) failed("write", segment, true);
    at += n;
    g_wal->writes.fetch_add(1, std::memory_order_relaxed);
    g_wal->written_lsn.store(at, std::memory_order_release);
  }
}

void sync_range(uint64_t from, uint64_t to) {
  if (!g_fsync) return;
  for (uint64_t segment = from / kSegmentBytes; segment <= (to - 1) / kSegmentBytes; ++segment) {
    int fd = segment_fd(segment, false);
    if (fd < 0 || !os::sync_data(fd)) failed("fdatasync", segment, true);
    g_wal->syncs.fetch_add(1, std::memory_order_relaxed);
  }
}

void set_min_wal_size(uint64_t bytes) { g_min_wal_bytes = bytes; }
void set_fsync(bool on) { g_fsync = on; }

// Segments wholly before the redo point become future ones until min_wal_size is laid in; the others go.
void recycle_segments(uint64_t redo) {
  std::vector<std::string> names;
  if (!os::list_dir(wal_dir().c_str(), names)) os::throw_errno(errno, "could not open directory \"wal\"");
  std::vector<uint64_t> old;
  uint64_t current = g_wal->insert_lsn.load() / kSegmentBytes, highest = current, future = 0;
  for (auto& n : names) {
    uint64_t segment;
    if (!parse_name(n, segment)) continue;
    if (segment < redo / kSegmentBytes) old.push_back(segment);
    if (segment > current) ++future;
    highest = std::max(highest, segment);
  }
  std::sort(old.begin(), old.end());
  bool changed = false;
  for (uint64_t segment : old) {
    struct stat st;
    std::string path = segment_path(segment);
    bool full = os::stat_path(path.c_str(), st) && static_cast<uint64_t>(st.st_size) == kSegmentBytes;
    if (full && (future + 1) * kSegmentBytes < g_min_wal_bytes) {
      // Under the write latch: nobody creates the same future segment now.
      region::latch_acquire(g_wal->write, region::LatchMode::kExclusive);
      struct stat taken;
      std::string target = segment_path(highest + 1);
      bool ok = !os::stat_path(target.c_str(), taken) && os::rename_path(path.c_str(), target.c_str());
      release_write_latch();
      if (ok) ++highest, ++future;
      else os::unlink_path(path.c_str());
    } else {
      os::unlink_path(path.c_str());
    }
    changed = true;
  }
  if (changed && g_fsync && !os::sync_dir(wal_dir().c_str())) os::throw_errno(errno, "could not fsync directory \"wal\"");
}

}  // namespace postern::wal
