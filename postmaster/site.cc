#include "postmaster/site.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postmaster/log.h"

namespace postern::postmaster {

constexpr int kLockAttempts = 100;
constexpr int kLockRetryUs = 50'000;

std::string check_site(const std::string& dir) {
  char real[PATH_MAX];
  struct stat st;
  if (!realpath(dir.c_str(), real) || stat(real, &st) != 0)
    throw SqlError{sqlstate::kUndefinedFile, cat("could not access directory \"", dir, "\": ", std::strerror(errno)), {}, "Run initdb -D DIR to make a new site."};
  std::string path = real;
  if (!S_ISDIR(st.st_mode)) throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("specified data directory \"", path, "\" is not a directory")};
  if (st.st_uid != geteuid())
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("data directory \"", path, "\" has wrong ownership"), {}, "The server must be started by the user that owns the data directory."};
  if (st.st_mode & 0077)
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("data directory \"", path, "\" has invalid permissions"), "Permissions should be u=rwx (0700)."};
  if (stat(cat(path, "/control").c_str(), &st) != 0)
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("\"", path, "\" is not a Postern site: it has no control file"), {}, "Run initdb -D DIR to make a new site."};
  return path;
}

os::Fd take_lock_file(const std::string& path, const std::string& contents, int* other_pid) {
  *other_pid = 0;
  int attempts = 0;
  for (;;) {
    os::Fd fd(os::open_file(path.c_str(), O_RDWR | O_CREAT, 0600));
    if (!fd) throw SqlError{sqlstate::kSystemError, cat("could not open lock file \"", path, "\": ", std::strerror(errno))};
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      char text[32] = {};
      if (os::read_at(fd.get(), text, sizeof text - 1, 0) > 0) *other_pid = std::atoi(text);
      // A holder that was killed while it spawned a child lives on in the child's descriptors, for the moment until that execs.
      bool dead = *other_pid > 0 && kill(*other_pid, 0) != 0 && errno == ESRCH;
      if (!dead || ++attempts > kLockAttempts) return {};
      os::sleep_us(kLockRetryUs);
      continue;
    }
    struct stat ours, there;   // the former holder may have unlinked it between our open and our flock
    if (!os::stat_fd(fd.get(), ours) || !os::stat_path(path.c_str(), there) || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) continue;
    if (!os::truncate_file(fd.get(), 0) || !os::write_at(fd.get(), contents.data(), contents.size(), 0))
      throw SqlError{sqlstate::kSystemError, cat("could not write lock file \"", path, "\": ", std::strerror(errno))};
    return fd;
  }
}

PidFile::PidFile(std::string site, int64_t started_at, int port, std::string socket_dir, std::string listen_address)
    : path_(cat(site, "/postmaster.pid")),
      head_(cat(static_cast<int>(getpid()), '\n', site, '\n', started_at, '\n', port, '\n', socket_dir, '\n', listen_address, "\n        0         0\n")) {}

PidFile::~PidFile() { remove(); }

void PidFile::set_status(const char* status) {
  char line[16];
  std::snprintf(line, sizeof line, "%-8s\n", status);
  std::string text = head_ + line, temporary = path_ + ".tmp";
  os::Fd fd(os::open_file(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (!fd || !os::write_at(fd.get(), text.data(), text.size(), 0) || !os::rename_path(temporary.c_str(), path_.c_str()))
    throw SqlError{sqlstate::kSystemError, cat("could not write file \"", path_, "\": ", std::strerror(errno))};
  present_ = true;
}

void PidFile::remove() {
  if (present_) os::unlink_path(path_.c_str());
  present_ = false;
}

}  // namespace postern::postmaster
