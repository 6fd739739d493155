#include "postgres/exec/temp_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/storage/file.h"

namespace postern::exec {

void TempFile::open() {
  static uint64_t counter = 0;
  std::string dir = storage::absolute("base/pgsql_tmp");
  if (!os::make_dir(dir.c_str()) && errno != EEXIST) os::throw_errno(errno, cat("could not create directory \"", dir, "\""));
  std::string path = cat(dir, "/exec", getpid(), ".", counter++);
  fd_ = os::Fd(os::open_file(path.c_str(), O_RDWR | O_CREAT | O_EXCL));
  if (!fd_) os::throw_errno(errno, cat("could not create temporary file \"", path, "\""));
  os::unlink_path(path.c_str());
}

void TempFile::flush() {
  if (out_.empty()) return;
  if (!fd_) open();
  if (!os::write_at(fd_.get(), out_.data(), out_.size(), end_)) os::throw_errno(errno, "could not write to temporary file");
  end_ += out_.size();
  out_.clear();
}

void TempFile::read(uint64_t offset, void* to, size_t n) {
  if (offset + n > end_) flush();
  ssize_t got = n ? os::read_at(fd_.get(), to, n, offset) : 0;
  if (got < 0) os::throw_errno(errno, "could not read from temporary file");
  if (static_cast<size_t>(got) != n) throw SqlError{sqlstate::kDataCorrupted, "temporary file is shorter than expected"};
}

void TempFile::clear() {
  fd_.reset();
  out_.clear();
  end_ = 0;
}

}  // namespace postern::exec
