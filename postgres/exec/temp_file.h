// A temporary file without a name, written at its end and read anywhere: what spills of the executor go to. Unlinked as soon as it is made, so nothing is left
// behind whatever happens. Not for several processes.
#pragma once
#include <string>

#include "common/os/file.h"

namespace postern::exec {

class TempFile {
 public:
  void put(const void* p, size_t n) {
    out_.append(static_cast<const char*>(p), n);
    if (out_.size() >= kWriteBytes) flush();
  }
  uint64_t size() const { return end_ + out_.size(); }
  void flush();
  // Exactly n bytes at offset (flushes what is pending if needed). XX001 if they are not there.
  void read(uint64_t offset, void* to, size_t n);
  // Forgets the contents.
  void clear();

 private:
  static constexpr size_t kWriteBytes = 64 << 10;
  void open();
  os::Fd fd_;
  std::string out_;
  uint64_t end_ = 0;
};

}  // namespace postern::exec
