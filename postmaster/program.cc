#include "postmaster/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "common/base/cat.h"
#include "common/base/error.h"

extern char** environ;

namespace postern::postmaster {
namespace {

constexpr int kLowestOwnFd = 10;   // the executable's descriptor must not be where a child's channel goes

// What is meant for us, or would change what a session does, stays here.
bool inherited(std::string_view variable) {
  for (std::string_view name : {"LISTEN_", "NOTIFY_SOCKET=", "WATCHDOG_", "MAINPID=", "POSTERN_", "UV_", "PGDATA=", "PGHOST=", "PGPORT=", "PGUSER=", "PGDATABASE=", "PGPASSWORD=", "PGOPTIONS="})
    if (variable.starts_with(name)) return false;
  return true;
}

}  // namespace

std::string Program::find() {
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n <= 0) throw SqlError{sqlstate::kSystemError, cat("could not find own executable: ", std::strerror(errno))};
  std::string path(self, static_cast<size_t>(n)), directory = path.substr(0, path.rfind('/'));
  std::string installed = cat(directory, "/postgres"), built = cat(directory, "/../postgres/main/postgres");
  struct stat st;
  return stat(installed.c_str(), &st) != 0 && stat(built.c_str(), &st) == 0 ? built : installed;
}

Program::Program(const std::string& path) : path_(path) {
  os::Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd || access(path.c_str(), X_OK) != 0)
    throw SqlError{sqlstate::kUndefinedFile, cat("could not find a usable postgres executable at \"", path, "\": ", std::strerror(errno)), {}, "It belongs in the same directory as postmaster."};
  fd_ = os::Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestOwnFd));
  if (!fd_) throw SqlError{sqlstate::kSystemError, cat("could not open \"", path, "\": ", std::strerror(errno))};
  exec_path_ = cat("/proc/self/fd/", fd_.get());
  for (char** e = environ; *e; e++)
    if (inherited(*e)) environment_.emplace_back(*e);
}

int Program::spawn(const std::vector<std::string>& arguments, int channel_fd, bool supervised_worker) const {
  std::vector<char*> argv, envp;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  for (const std::string& e : environment_) envp.push_back(const_cast<char*>(e.c_str()));
  char supervised[] = "POSTERN_SUPERVISED=1";
  if (supervised_worker) envp.push_back(supervised);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  if (channel_fd >= 0) posix_spawn_file_actions_adddup2(&actions, channel_fd, kChildChannelFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A session of its own: neither Ctrl-C nor a hang-up of our terminal reaches the clients' sessions.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  int error = posix_spawn(&pid, exec_path_.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error ? -error : pid;
}


}  // namespace postern::postmaster
