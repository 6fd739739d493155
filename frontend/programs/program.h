// What the small programs share: messages in PostgreSQL's form, finding the other executables, reading postmaster.pid.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::programs {

extern const char* g_program;                                       // for messages
void message(const char* kind, std::string_view text);             // "initdb: error: …" on stderr
[[noreturn]] void fail(std::string_view text, std::string_view hint = {});   // exit status 1
void refuse_root(const char* hint);
std::string version_line(const char* program);

// Directory of this executable; the path of a sibling (also in a build directory).
std::string own_directory();
std::string sibling(const char* name);
std::string absolute_path(const std::string& path);                // does not have to exist
std::string user_name();                                            // of the effective user

// postmaster.pid, PostgreSQL's layout.
struct PidFile {
  int pid = 0, port = 0;
  std::string site, socket_dir, listen_address, status;
  long long started = 0;
};
std::optional<PidFile> read_pid_file(const std::string& site);
// True when a postmaster holds the site's lock. That, not the pid file, says whether one runs.
bool postmaster_runs(const std::string& site);

}  // namespace postern::programs
