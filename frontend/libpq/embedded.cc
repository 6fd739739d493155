// datadir=DIR: no server. We exec `postgres -D DIR --fd 3` on one end of a socketpair and talk over the other. Its end is ours to reap.
// What it logs goes to DIR/embedded.log, not to the standard error of a program that only wanted a database.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

extern char** environ;

namespace postern::pq {
namespace {

std::string folder(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == path.npos ? std::string(".") : path.substr(0, slash);
}

// $POSTERN_POSTGRES, beside this program, in the bin directory of this library's prefix, or in PATH.
std::string find_postgres() {
  if (const char* env = getenv("POSTERN_POSTGRES"); env && *env) return env;
  std::vector<std::string> tries;
  char buffer[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", buffer, sizeof buffer);
  if (n > 0 && n < PATH_MAX) {
    std::string dir = folder(std::string(buffer, static_cast<size_t>(n)));
    tries.push_back(cat(dir, "/postgres"));
    tries.push_back(cat(dir, "/../../postgres/main/postgres"));  // in the build directory
  }
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&start_embedded), &info) && info.dli_fname && realpath(info.dli_fname, buffer)) {
    std::string dir = folder(buffer);
    for (const char* up : {"/../bin/postgres", "/../../bin/postgres", "/../../postgres/main/postgres"}) tries.push_back(cat(dir, up));
  }
  for (const std::string& t : tries)
    if (access(t.c_str(), X_OK) == 0) return t;
  return "postgres";
}

}  // namespace

int start_embedded(const std::string& directory, int& pid, std::string& error) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    error = cat("could not create a socketpair: ", strerror(errno), "\n");
    return -1;
  }
  std::string program = find_postgres();
  const char* argv[] = {program.c_str(), "-D", directory.c_str(), "--fd", "3", nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
  // Where there is no site there is no log either: then what it says on standard error is the explanation.
  bool site = access(cat(directory, "/lock").c_str(), F_OK) == 0;
  int log = !site ? -1 : open(cat(directory, "/embedded.log").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log >= 0) posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  // Its own group, so that an interrupt at the terminal reaches the client alone; signals start as a new program expects them.
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &defaults);
  posix_spawnattr_setpgroup(&attr, 0);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  int rc = posix_spawnp(&child, program.c_str(), &actions, &attr, const_cast<char**>(argv), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  close(pair[1]);
  if (log >= 0) close(log);
  if (rc != 0) {
    close(pair[0]);
    error = cat("could not execute \"", program, "\": ", strerror(rc), "\n");
    return -1;
  }
  pid = child;
  return pair[0];
}

}  // namespace postern::pq
