#include "postgres/storage/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/storage/internal.h"

namespace postern {

uint32_t page_checksum(const uint8_t* page) {
  static constexpr uint8_t kZero[4] = {};
  uint32_t c = crc32c(page, 8);
  c = crc32c(kZero, 4, c);
  return crc32c(page + 12, kPageBytes - 12, c);
}

bool page_is_zero(const uint8_t* page) {
  uint64_t any = 0;
  for (uint32_t i = 0; i < kPageBytes; i += 64) {
    for (uint32_t j = 0; j < 64; j += 8) {
      uint64_t v;
      __builtin_memcpy(&v, page + i + j, 8);
      any |= v;
    }
    if (any) return false;
  }
  return true;
}

namespace storage {
namespace {

// The descriptor cache: least recently used goes first. Descriptors of files that others unlinked do no harm (they are empty).
struct CachedFd {
  os::Fd fd;
  uint64_t used;
};
struct FdKey {
  RelFile file;
  Fork fork;
  friend bool operator==(const FdKey&, const FdKey&) = default;
};
struct FdKeyHash {
  size_t operator()(const FdKey& k) const {
    return ((static_cast<uint64_t>(raw(k.file.database)) << 32 | raw(k.file.number)) * 8 + static_cast<uint64_t>(k.fork)) * 0x9E3779B97F4A7C15ull >> 16;
  }
};
std::unordered_map<FdKey, CachedFd, FdKeyHash> g_fds;
uint64_t g_clock = 0;

size_t max_fds() {
  static size_t n = [] {
    rlimit r{};
    return ::getrlimit(RLIMIT_NOFILE, &r) == 0 ? std::clamp<size_t>(r.rlim_cur / 2, 16, 800) : size_t{200};
  }();
  return n;
}

void close_oldest() {
  auto oldest = std::min_element(g_fds.begin(), g_fds.end(), [](auto& a, auto& b) { return a.second.used < b.second.used; });
  if (oldest != g_fds.end()) g_fds.erase(oldest);
}

int need_fd(RelFile file, Fork fork, bool create = false) {
  int fd = cached_fd(file, fork, create);
  if (fd < 0) os::throw_errno(errno, cat("could not open file \"", path_of(file, fork), "\""));
  return fd;
}

constexpr uint64_t byte_offset(PageNo p) { return static_cast<uint64_t>(raw(p)) * kPageBytes; }

void sync_failed(RelFile file, Fork fork, int err) {
  std::string what = cat("could not fsync file \"", path_of(file, fork), "\"");
  region::poison(what.c_str());  // the kernel may have dropped the dirty data: only the WAL knows it now
  os::throw_errno(err, what);
}

// fsync; a file that is gone needs none.
void sync_if_there(RelFile file, Fork fork) {
  int fd = cached_fd(file, fork, false);
  if (fd < 0) {
    if (errno == ENOENT) return;
    sync_failed(file, fork, errno);
  }
  if (!os::sync_file(fd)) sync_failed(file, fork, errno);
}

void copy_file(const std::string& from, const std::string& to) {
  os::Fd in(os::open_file(from.c_str(), O_RDONLY));
  if (!in) os::throw_errno(errno, cat("could not open file \"", from, "\""));
  os::Fd out(os::open_file(to.c_str(), O_WRONLY | O_CREAT | O_EXCL));
  if (!out) os::throw_errno(errno, cat("could not create file \"", to, "\""));
  std::vector<uint8_t> buf(1 << 18);
  for (uint64_t at = 0;;) {
    ssize_t r = os::read_at(in.get(), buf.data(), buf.size(), at);
    if (r < 0) os::throw_errno(errno, cat("could not read file \"", from, "\""));
    if (r == 0) break;
    if (!os::write_at(out.get(), buf.data(), static_cast<size_t>(r), at)) os::throw_errno(errno, cat("could not write file \"", to, "\""));
    at += static_cast<uint64_t>(r);
  }
  if (!os::sync_file(out.get())) os::throw_errno(errno, cat("could not fsync file \"", to, "\""));
}

}  // namespace

int cached_fd(RelFile file, Fork fork, bool create) {
  FdKey key{file, fork};
  auto it = g_fds.find(key);
  if (it != g_fds.end()) {
    it->second.used = ++g_clock;
    return it->second.fd.get();
  }
  while (g_fds.size() >= max_fds()) close_oldest();
  std::string path = absolute(path_of(file, fork));
  for (;;) {
    int fd = os::open_file(path.c_str(), O_RDWR | (create ? O_CREAT : 0));
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && !g_fds.empty()) {
      close_oldest();
      continue;
    }
    if (fd < 0) return -1;
    g_fds.emplace(key, CachedFd{os::Fd(fd), ++g_clock});
    return fd;
  }
}

void forget_fd(RelFile file, Fork fork) { g_fds.erase(FdKey{file, fork}); }
void close_all() { g_fds.clear(); }

const std::string& site() { return region::options().site; }
std::string absolute(std::string_view relative) { return cat(site(), "/", relative); }
std::string database_path(Oid database) { return raw(database) == 0 ? std::string("global") : cat("base/", raw(database)); }
std::string path_of(RelFile file, Fork fork) {
  static constexpr const char* kSuffix[kForkCount] = {"", "_fsm", "_vm", "_toast", "_init"};
  return cat(database_path(file.database), "/", raw(file.number), kSuffix[static_cast<int>(fork)]);
}

void create(RelFile file, Fork fork, bool exists_ok) {
  std::string path = path_of(file, fork);
  forget_fd(file, fork);
  os::Fd fd(os::open_file(absolute(path).c_str(), O_RDWR | O_CREAT | (exists_ok ? 0 : O_EXCL)));
  if (!fd) os::throw_errno(errno, cat("could not create file \"", path, "\""));
  struct stat st;
  if (!os::stat_fd(fd.get(), st)) os::throw_errno(errno, cat("could not stat file \"", path, "\""));
  {
    region::LatchGuard guard(extension_latch(file, fork), region::LatchMode::kExclusive);
    table_set(file, fork, PageNo(static_cast<uint32_t>(static_cast<uint64_t>(st.st_size) / kPageBytes)));
  }
  if (!table_mark_unsynced(file, fork)) {
    sync_if_there(file, fork);
    if (!os::sync_dir(absolute(database_path(file.database)).c_str())) sync_failed(file, fork, errno);
  }
}

bool exists(RelFile file, Fork fork) {
  PageNo n = table_lookup(file, fork);
  if (n != kUnknownSize && raw(n) > 0) return true;
  struct stat st;
  return os::stat_path(absolute(path_of(file, fork)).c_str(), st);
}

void unlink(RelFile file, Fork fork) {
  std::string path = absolute(path_of(file, fork));
  region::LatchGuard guard(extension_latch(file, fork), region::LatchMode::kExclusive);
  table_remove(file, fork);
  int fd = cached_fd(file, fork, false);
  if (fd < 0 && errno == ENOENT) return;
  if (fd >= 0) os::truncate_file(fd, 0);  // others may have it open for long
  forget_fd(file, fork);
  if (!os::unlink_path(path.c_str()) && errno != ENOENT) os::throw_errno(errno, cat("could not remove file \"", path_of(file, fork), "\""));
}

void unlink_all(RelFile file) {
  for (int f = 0; f < kForkCount; ++f) unlink(file, static_cast<Fork>(f));
}

void read(const PageId& first, void* to, uint32_t count) {
  int fd = need_fd(first.file, first.fork);
  size_t want = static_cast<size_t>(count) * kPageBytes;
  ssize_t r = os::read_at(fd, to, want, byte_offset(first.page));
  if (r < 0) os::throw_errno(errno, cat("could not read block ", raw(first.page), " in file \"", path_of(first.file, first.fork), "\""));
  if (static_cast<size_t>(r) < want)
    throw SqlError(sqlstate::kDataCorrupted, cat("could not read block ", raw(first.page), " in file \"", path_of(first.file, first.fork), "\": read only ", r, " of ",
                                                 want, " bytes"));
}

bool try_read(const PageId& page, void* to) {
  int fd = cached_fd(page.file, page.fork, false);
  if (fd < 0 && errno == ENOENT) return false;
  if (fd < 0) need_fd(page.file, page.fork);
  ssize_t r = os::read_at(fd, to, kPageBytes, byte_offset(page.page));
  if (r < 0) os::throw_errno(errno, cat("could not read block ", raw(page.page), " in file \"", path_of(page.file, page.fork), "\""));
  return r == kPageBytes;
}

void write(const PageId& page, const void* from) {
  int fd = need_fd(page.file, page.fork);
  if (!os::write_at(fd, from, kPageBytes, byte_offset(page.page)))
    os::throw_errno(errno, cat("could not write block ", raw(page.page), " in file \"", path_of(page.file, page.fork), "\""));
  // Marked after the write, or a checkpoint that fsyncs between the mark and the write would take the mark away. The buffer is in I/O until we return, and a checkpoint waits for that.
  if (!table_mark_unsynced(page.file, page.fork) && !os::sync_file(fd)) sync_failed(page.file, page.fork, errno);
}

void prefetch(const PageId& first, uint32_t count) {
  int fd = cached_fd(first.file, first.fork, false);
  if (fd >= 0) os::read_ahead(fd, byte_offset(first.page), static_cast<uint64_t>(count) * kPageBytes);
}

void truncate(RelFile file, Fork fork, PageNo count) {
  region::LatchGuard guard(extension_latch(file, fork), region::LatchMode::kExclusive);
  int fd = cached_fd(file, fork, false);
  if (fd < 0 && errno == ENOENT) return;
  if (fd < 0) need_fd(file, fork);
  if (raw(page_count_on_disk(file, fork)) > raw(count) && !os::truncate_file(fd, byte_offset(count)))
    os::throw_errno(errno, cat("could not truncate file \"", path_of(file, fork), "\" to ", raw(count), " blocks"));
  table_set(file, fork, count);
}

PageNo page_count_on_disk(RelFile file, Fork fork) {
  int fd = cached_fd(file, fork, false);
  if (fd < 0 && errno == ENOENT) return PageNo{0};
  if (fd < 0) need_fd(file, fork);
  struct stat st;
  if (!os::stat_fd(fd, st)) os::throw_errno(errno, cat("could not stat file \"", path_of(file, fork), "\""));
  return PageNo(static_cast<uint32_t>(static_cast<uint64_t>(st.st_size) / kPageBytes));
}

PageNo page_count(RelFile file, Fork fork) {
  PageNo n = table_lookup(file, fork);
  if (n != kUnknownSize) [[likely]] return n;
  region::Latch& latch = extension_latch(file, fork);
  bool mine = region::latch_held(latch);
  if (!mine) region::latch_acquire(latch, region::LatchMode::kExclusive);
  try {
    n = table_lookup(file, fork);
    if (n == kUnknownSize) {
      n = page_count_on_disk(file, fork);
      table_set(file, fork, n);
    }
  } catch (...) {
    if (!mine) region::latch_release(latch);
    throw;
  }
  if (!mine) region::latch_release(latch);
  return n;
}

void extend_to(RelFile file, Fork fork, PageNo pages) {
  int fd = need_fd(file, fork, true);
  PageNo now = page_count_on_disk(file, fork);
  if (raw(now) < raw(pages)) {
    // Big files grow by up to 64 pages at a time. What the table doesn't know of after a restart are zero pages at the end, at most 3 %.
    uint64_t from = byte_offset(now), to = byte_offset(pages) + std::min(raw(pages) / 32, 63u) * uint64_t{kPageBytes};
    if (!os::allocate_file(fd, from, to - from)) {
      int err = errno;
      os::truncate_file(fd, from);
      os::throw_errno(err, cat("could not extend file \"", path_of(file, fork), "\""));
    }
  }
  table_set(file, fork, pages);
}

void forget_size(RelFile file, Fork fork) { table_remove(file, fork); }

void sync_all() {
  std::set<uint32_t> databases;
  table_each_unsynced([&](RelFile file, Fork fork) {
    databases.insert(raw(file.database));
    sync_if_there(file, fork);
  });
  for (uint32_t d : databases) {
    std::string path = absolute(database_path(Oid(d)));
    if (!os::sync_dir(path.c_str()) && errno != ENOENT) os::throw_errno(errno, cat("could not fsync directory \"", path, "\""));
  }
}

void sync(RelFile file, Fork fork) { sync_if_there(file, fork); }

void create_database_dir(Oid database, bool exists_ok) {
  std::string path = database_path(database);
  struct stat st;
  if (exists_ok && os::stat_path(absolute(path).c_str(), st)) return;
  if (raw(database) != 0) os::make_dir(absolute("base").c_str());
  if (!os::make_dir(absolute(path).c_str())) os::throw_errno(errno, cat("could not create directory \"", path, "\""));
  if (!os::sync_dir(absolute("base").c_str())) os::throw_errno(errno, "could not fsync directory \"base\"");
}

void copy_database_dir(Oid from, Oid to) {
  std::string source = absolute(database_path(from)), target = absolute(database_path(to));
  std::vector<std::string> names;
  if (!os::list_dir(source.c_str(), names)) os::throw_errno(errno, cat("could not open directory \"", database_path(from), "\""));
  drop_database_dir(to);  // leftover of a copy that a crash interrupted
  create_database_dir(to);
  for (auto& n : names) copy_file(cat(source, "/", n), cat(target, "/", n));
  if (!os::sync_dir(target.c_str())) os::throw_errno(errno, cat("could not fsync directory \"", database_path(to), "\""));
}

int64_t database_bytes(Oid database) {
  std::string path = absolute(database_path(database));
  std::vector<std::string> names;
  if (!os::list_dir(path.c_str(), names)) return 0;
  int64_t total = 0;
  struct stat st;
  for (auto& n : names)
    if (os::stat_path(cat(path, "/", n).c_str(), st)) total += st.st_size;
  return total;
}

void drop_database_dir(Oid database) {
  POSTERN_CHECK(raw(database) != 0);
  close_all();
  std::string path = absolute(database_path(database));
  std::vector<std::string> names;
  if (!os::list_dir(path.c_str(), names)) {
    if (errno == ENOENT) return;
    os::throw_errno(errno, cat("could not open directory \"", database_path(database), "\""));
  }
  for (auto& n : names) {
    os::Fd fd(os::open_file(cat(path, "/", n).c_str(), O_RDWR));
    if (fd) os::truncate_file(fd.get(), 0);
    if (!os::unlink_path(cat(path, "/", n).c_str()) && errno != ENOENT) os::throw_errno(errno, cat("could not remove file \"", database_path(database), "/", n, "\""));
  }
  if (!os::remove_dir(path.c_str())) os::throw_errno(errno, cat("could not remove directory \"", database_path(database), "\""));
  os::sync_dir(absolute("base").c_str());
}

}  // namespace storage
}  // namespace postern
