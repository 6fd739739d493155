// Starting `postgres`: posix_spawn (its cost does not grow with our memory, and it blocks for microseconds) of an O_PATH descriptor of the executable, so that
// replacing the file never mixes versions. A child inherits stderr, an empty stdin, its channel as descriptor 3, and nothing else.
#pragma once
#include <string>
#include <vector>

#include "common/os/file.h"

namespace postern::postmaster {

constexpr int kChildChannelFd = 3;

class Program {
 public:
  explicit Program(const std::string& path);        // throws SqlError
  static std::string find();                        // beside this executable, or where a build directory has it
  const std::string& path() const { return path_; }

  // The child's pid, or -errno. channel_fd < 0: none.
  int spawn(const std::vector<std::string>& arguments, int channel_fd, bool supervised_worker) const;

 private:
  std::string path_, exec_path_;
  os::Fd fd_;
  std::vector<std::string> environment_;
};


}  // namespace postern::postmaster
