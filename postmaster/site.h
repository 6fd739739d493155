// What the postmaster does in the site directory: checks it, holds postmaster.lock for life (flock: the kernel drops it at any death), and keeps
// postmaster.pid for pg_ctl in PostgreSQL's layout. It opens nothing else there.
#pragma once
#include <cstdint>
#include <string>

#include "common/os/file.h"

namespace postern::postmaster {

// Absolute path. Throws SqlError when it is missing, not a site, or not exclusively ours.
std::string check_site(const std::string& dir);

// An exclusive lock on the file, held as long as the descriptor; the file then has these contents. Invalid Fd: somebody else has it; its pid (0 unknown) goes to *other_pid.
os::Fd take_lock_file(const std::string& path, const std::string& contents, int* other_pid);

class PidFile {
 public:
  PidFile(std::string site, int64_t started_at, int port, std::string socket_dir, std::string listen_address);
  ~PidFile();
  void set_status(const char* status);   // "starting", "ready", "stopping"
  void remove();

 private:
  std::string path_, head_;
  bool present_ = false;
};

}  // namespace postern::postmaster
