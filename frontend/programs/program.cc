#include "frontend/programs/program.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "common/base/cat.h"
#include "common/os/file.h"

namespace postern::programs {

const char* g_program = "";

void message(const char* kind, std::string_view text) { std::fprintf(stderr, "%s: %s: %.*s\n", g_program, kind, static_cast<int>(text.size()), text.data()); }

void fail(std::string_view text, std::string_view hint) {
  message("error", text);
  if (!hint.empty()) message("hint", hint);
  std::exit(1);
}

void refuse_root(const char* hint) {
  if (geteuid() == 0) fail("cannot be run as root", hint);
}

std::string version_line(const char* program) { return cat(program, " (Postern) ", POSTERN_VERSION, ", compatible with PostgreSQL 15"); }

std::string own_directory() {
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n <= 0) fail(cat("could not find own executable: ", std::strerror(errno)));
  std::string path(self, static_cast<size_t>(n));
  return path.substr(0, path.rfind('/'));
}

std::string sibling(const char* name) {
  std::string directory = own_directory(), installed = cat(directory, "/", name);
  if (access(installed.c_str(), X_OK) == 0) return installed;
  for (const char* built : {"/../../postmaster/", "/../../postgres/main/", "/../psql/"})
    if (std::string path = cat(directory, built, name); access(path.c_str(), X_OK) == 0) return path;
  fail(cat("program \"", name, "\" is needed by ", g_program, " but was not found in the same directory as \"", directory, "/", g_program, "\""));
}

std::string absolute_path(const std::string& path) {
  char buf[PATH_MAX];
  if (realpath(path.c_str(), buf)) return buf;
  if (path.starts_with('/')) return path;
  return getcwd(buf, sizeof buf) ? cat(buf, "/", path) : path;
}

std::string user_name() {
  passwd* pw = getpwuid(geteuid());
  if (!pw) fail(cat("could not look up effective user ID ", static_cast<int64_t>(geteuid()), ": user does not exist"));
  return pw->pw_name;
}

std::optional<PidFile> read_pid_file(const std::string& site) {
  std::ifstream in(cat(site, "/postmaster.pid"));
  PidFile f;
  std::string pid, started, port, shm;
  if (!std::getline(in, pid) || !std::getline(in, f.site) || !std::getline(in, started) || !std::getline(in, port)) return {};
  std::getline(in, f.socket_dir) && std::getline(in, f.listen_address) && std::getline(in, shm) && std::getline(in, f.status);
  f.pid = std::atoi(pid.c_str());
  f.port = std::atoi(port.c_str());
  f.started = std::atoll(started.c_str());
  f.status.resize(f.status.find_last_not_of(' ') + 1);
  if (f.pid <= 0) return {};
  return f;
}

bool postmaster_runs(const std::string& site) {
  os::Fd fd(os::open_file(cat(site, "/postmaster.lock").c_str(), O_RDWR));
  return fd && flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace postern::programs
