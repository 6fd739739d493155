// Starting `postgres`: posix_spawn (its cost does not grow with our memory, and it blocks for microseconds) of an O_PATH descriptor of the executable, so that
// replacing the file never mixes versions. A child inherits stderr, an empty stdin, its channel as descriptor 3, and nothing else.
#pragma once
#include <sys/stat.h>
#include <uv.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/os/file.h"

namespace postern::postmaster {

constexpr int kChildChannelFd = 3;

// Which file it is, and whether it was written to.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  off_t size;
  int64_t changed_ns;
  bool operator==(const FileIdentity&) const = default;
  static std::optional<FileIdentity> of(const std::string& path);
};

class Program {
 public:
  Program() = default;
  Program(const std::string& path, const char* name);   // throws SqlError
  Program(const std::string& path, int fd);             // pinned by the image before
  static std::string find_postgres(const std::string& own_path);   // beside this executable, or where a build directory has it
  const std::string& path() const { return path_; }
  const std::string& exec_path() const { return exec_path_; }
  const FileIdentity& identity() const { return identity_; }
  int fd() const { return fd_.get(); }

  struct SpawnOptions {
    int channel_fd = -1;        // becomes kChildChannelFd
    int output_fd = -1;         // standard output and error; -1: our log
    bool supervised_worker = false;
  };
  // The child's pid, or -errno.
  int spawn(const std::vector<std::string>& arguments, const SpawnOptions& options) const;

 private:
  void pin(int fd);
  std::string path_, exec_path_;
  os::Fd fd_;
  FileIdentity identity_{};
  std::vector<std::string> environment_;
};

// A helper process, killed at its deadline. done gets an empty `why` if it exited with 0, else what it printed, or how it ended. False: it could not be started.
bool run_task(uv_loop_t* loop, const Program& program, const std::vector<std::string>& arguments, uint64_t timeout_ms,
              std::function<void(const std::string& why, const std::string& output)> done);
bool is_task(int pid);

}  // namespace postern::postmaster
