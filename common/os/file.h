// File primitives: thin wrappers over every system call that storage, WAL and region need. They retry EINTR, finish short
// transfers, and return errno-style results; nothing here throws but throw_errno(). Every call passes fault.h first, so that tests can make the Nth one fail.
#pragma once
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::os {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) { reset(); fd_ = std::exchange(o.fd_, -1); }
    return *this;
  }
  ~Fd() { reset(); }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// Each returns -1 (or false) with errno set on failure.
int open_file(const char* path, int flags, mode_t mode = 0600);   // O_CLOEXEC is added
ssize_t read_at(int fd, void* to, size_t n, uint64_t offset);      // short only at the end of the file
bool write_at(int fd, const void* from, size_t n, uint64_t offset);  // all of it
bool sync_file(int fd);                                            // fsync
bool sync_data(int fd);                                            // fdatasync
// Making a new site: while on, sync_file and sync_data do nothing, and sync_filesystem makes everything durable at the end.
void defer_syncs(bool on);
bool sync_filesystem(const char* path);                            // syncfs
bool truncate_file(int fd, uint64_t bytes);
bool allocate_file(int fd, uint64_t offset, uint64_t bytes);       // posix_fallocate; writes zeros where the file system can't
bool stat_fd(int fd, struct stat& out);
bool stat_path(const char* path, struct stat& out);
bool unlink_path(const char* path);
bool rename_path(const char* from, const char* to);
bool make_dir(const char* path, mode_t mode = 0700);
bool remove_dir(const char* path);
bool list_dir(const char* path, std::vector<std::string>& names);  // without . and ..
bool sync_dir(const char* path);                                   // makes entries durable
bool read_ahead(int fd, uint64_t offset, uint64_t bytes);

// Locks of open file descriptions (dropped by the kernel when the last descriptor goes, whatever kills its process).
enum class LockKind : uint8_t { kExclusive, kUnlock };
bool lock_byte(int fd, uint64_t byte, bool wait);
bool unlock_byte(int fd, uint64_t byte);
// True if some other open file description holds a lock within [first, first + count). errors count as held.
bool range_locked_by_other(int fd, uint64_t first, uint64_t count);

// "<what>: <strerror>" with the SQLSTATE that PostgreSQL gives this errno (53100, 58030, 58P01, 42501 …).
[[noreturn]] void throw_errno(int err, std::string_view what);

// Whole small files. write_file_durably goes through <path>.tmp, fsync, rename, fsync of the directory.
std::string read_file(const std::string& path);
void write_file_durably(const std::string& path, std::string_view contents);

}  // namespace postern::os
