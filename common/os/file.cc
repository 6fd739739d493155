#include "common/os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/fault.h"

namespace postern::os {
namespace {

FaultPlan g_plan;
bool g_armed = false;
uint64_t g_hits = 0;

enum class Verdict : uint8_t { kGo, kFail, kShort };

Verdict judge(Call call, int fd) {
  if (g_plan.call != call || (g_plan.fd >= 0 && g_plan.fd != fd)) return Verdict::kGo;
  if (g_plan.after > 0) {
    --g_plan.after;
    return Verdict::kGo;
  }
  ++g_hits;
  if (!g_plan.sticky) g_armed = false;
  if (g_plan.error == 0) return Verdict::kShort;
  errno = g_plan.error;
  return Verdict::kFail;
}
inline Verdict fault(Call call, int fd = -1) { return g_armed ? judge(call, fd) : Verdict::kGo; }
inline bool fails(Call call, int fd = -1) { return fault(call, fd) == Verdict::kFail; }

}  // namespace

void arm_fault(const FaultPlan& plan) {
  g_plan = plan;
  g_hits = 0;
  g_armed = true;
}
void disarm_fault() { g_armed = false; }
uint64_t fault_hits() { return g_hits; }

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int open_file(const char* path, int flags, mode_t mode) {
  if (fails(Call::kOpen)) return -1;
  int fd;
  do fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

ssize_t read_at(int fd, void* to, size_t n, uint64_t offset) {
  size_t done = 0;
  while (done < n) {
    size_t want = n - done;
    switch (fault(Call::kRead, fd)) {
      case Verdict::kFail: return -1;
      case Verdict::kShort: want = (want + 1) / 2; break;
      case Verdict::kGo: break;
    }
    ssize_t r = ::pread(fd, static_cast<char*>(to) + done, want, static_cast<off_t>(offset + done));
    if (r < 0 && errno == EINTR) continue;
    if (r < 0) return -1;
    if (r == 0) break;
    done += static_cast<size_t>(r);
  }
  return static_cast<ssize_t>(done);
}

bool write_at(int fd, const void* from, size_t n, uint64_t offset) {
  size_t done = 0;
  while (done < n) {
    size_t want = n - done;
    switch (fault(Call::kWrite, fd)) {
      case Verdict::kFail: return false;
      case Verdict::kShort: want = (want + 1) / 2; break;
      case Verdict::kGo: break;
    }
    ssize_t r = ::pwrite(fd, static_cast<const char*>(from) + done, want, static_cast<off_t>(offset + done));
    if (r < 0 && errno == EINTR) continue;
    if (r == 0) errno = ENOSPC;
    if (r <= 0) return false;
    done += static_cast<size_t>(r);
  }
  return true;
}

namespace {
bool g_syncs_deferred = false;
}
void defer_syncs(bool on) { g_syncs_deferred = on; }
bool sync_file(int fd) { return !fails(Call::kSync, fd) && (g_syncs_deferred || ::fsync(fd) == 0); }
bool sync_data(int fd) { return !fails(Call::kSync, fd) && (g_syncs_deferred || ::fdatasync(fd) == 0); }
bool sync_filesystem(const char* path) {
  Fd fd(open_file(path, O_RDONLY | O_DIRECTORY));
  return fd && !fails(Call::kSync, fd.get()) && ::syncfs(fd.get()) == 0;
}

bool truncate_file(int fd, uint64_t bytes) {
  if (fails(Call::kTruncate, fd)) return false;
  int r;
  do r = ::ftruncate(fd, static_cast<off_t>(bytes));
  while (r < 0 && errno == EINTR);
  return r == 0;
}

bool allocate_file(int fd, uint64_t offset, uint64_t bytes) {
  if (fails(Call::kAllocate, fd)) return false;
  int r;
  do r = ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  while (r == EINTR);
  errno = r;
  return r == 0;
}

bool stat_fd(int fd, struct stat& out) { return !fails(Call::kStat, fd) && ::fstat(fd, &out) == 0; }
bool stat_path(const char* path, struct stat& out) { return !fails(Call::kStat) && ::stat(path, &out) == 0; }
bool unlink_path(const char* path) { return !fails(Call::kUnlink) && ::unlink(path) == 0; }
bool rename_path(const char* from, const char* to) { return !fails(Call::kRename) && ::rename(from, to) == 0; }
bool make_dir(const char* path, mode_t mode) { return !fails(Call::kDir) && ::mkdir(path, mode) == 0; }
bool remove_dir(const char* path) { return !fails(Call::kDir) && ::rmdir(path) == 0; }

bool list_dir(const char* path, std::vector<std::string>& names) {
  if (fails(Call::kDir)) return false;
  DIR* d = ::opendir(path);
  if (!d) return false;
  while (dirent* e = ::readdir(d)) {
    std::string_view n = e->d_name;
    if (n != "." && n != "..") names.emplace_back(n);
  }
  ::closedir(d);
  return true;
}

bool sync_dir(const char* path) {
  Fd fd(open_file(path, O_RDONLY | O_DIRECTORY));
  return fd && sync_file(fd.get());
}

bool read_ahead(int fd, uint64_t offset, uint64_t bytes) {
  return ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED) == 0;
}

bool lock_byte(int fd, uint64_t byte, bool wait) {
  if (fails(Call::kLock, fd)) return false;
  struct flock l = {};
  l.l_type = F_WRLCK;
  l.l_whence = SEEK_SET;
  l.l_start = static_cast<off_t>(byte);
  l.l_len = 1;
  int r;
  do r = ::fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l);
  while (r < 0 && errno == EINTR);
  return r == 0;
}

bool unlock_byte(int fd, uint64_t byte) {
  struct flock l = {};
  l.l_type = F_UNLCK;
  l.l_whence = SEEK_SET;
  l.l_start = static_cast<off_t>(byte);
  l.l_len = 1;
  return ::fcntl(fd, F_OFD_SETLK, &l) == 0;
}

bool range_locked_by_other(int fd, uint64_t first, uint64_t count) {
  struct flock l = {};
  l.l_type = F_WRLCK;
  l.l_whence = SEEK_SET;
  l.l_start = static_cast<off_t>(first);
  l.l_len = static_cast<off_t>(count);
  if (::fcntl(fd, F_OFD_GETLK, &l) < 0) return true;
  return l.l_type != F_UNLCK;
}

void throw_errno(int err, std::string_view what) {
  SqlState state = sqlstate::kInternalError;
  switch (err) {
    case ENOSPC: case EDQUOT: case EFBIG: state = sqlstate::kDiskFull; break;
    case EIO: state = sqlstate::kIoError; break;
    case ENOENT: case ENXIO: state = sqlstate::kUndefinedFile; break;
    case EEXIST: state = sqlstate::kDuplicateFile; break;
    case EACCES: case EPERM: case EROFS: state = sqlstate::kInsufficientPrivilege; break;
    case EMFILE: case ENFILE: state = sqlstate::kInsufficientResources; break;
    case ENOMEM: state = sqlstate::kOutOfMemory; break;
    case EISDIR: case ENOTDIR: case ENOTEMPTY: state = sqlstate::kWrongObjectType; break;
    default: break;
  }
  char buf[128];
  throw SqlError(state, cat(what, ": ", ::strerror_r(err, buf, sizeof buf)));
}

std::string read_file(const std::string& path) {
  Fd fd(open_file(path.c_str(), O_RDONLY));
  if (!fd) throw_errno(errno, cat("could not open file \"", path, "\""));
  std::string out;
  char buf[16384];
  for (;;) {
    ssize_t r = read_at(fd.get(), buf, sizeof buf, out.size());
    if (r < 0) throw_errno(errno, cat("could not read file \"", path, "\""));
    out.append(buf, static_cast<size_t>(r));
    if (static_cast<size_t>(r) < sizeof buf) return out;
  }
}

void write_file_durably(const std::string& path, std::string_view contents) {
  std::string tmp = path + ".tmp";
  {
    Fd fd(open_file(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC));
    if (!fd) throw_errno(errno, cat("could not create file \"", tmp, "\""));
    if (!write_at(fd.get(), contents.data(), contents.size(), 0)) throw_errno(errno, cat("could not write file \"", tmp, "\""));
    if (!sync_file(fd.get())) throw_errno(errno, cat("could not fsync file \"", tmp, "\""));
  }
  if (!rename_path(tmp.c_str(), path.c_str())) throw_errno(errno, cat("could not rename file \"", tmp, "\" to \"", path, "\""));
  size_t slash = path.rfind('/');
  std::string dir = slash == std::string::npos ? "." : path.substr(0, slash);
  if (!sync_dir(dir.c_str())) throw_errno(errno, cat("could not fsync directory \"", dir, "\""));
}

}  // namespace postern::os
