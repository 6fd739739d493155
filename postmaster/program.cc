#include "postmaster/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"

extern char** environ;

namespace postern::postmaster {
namespace {

constexpr int64_t kNs = 1'000'000'000;
constexpr size_t kMaxTaskOutput = 4096;
constexpr int kLowestOwnFd = 10;   // the executable's descriptor must not be where a child's channel goes

// What is meant for us, or would change what a session does, stays here.
bool inherited(std::string_view variable) {
  for (std::string_view name : {"LISTEN_", "NOTIFY_SOCKET=", "WATCHDOG_", "MAINPID=", "POSTERN_", "UV_", "PGDATA=", "PGHOST=", "PGPORT=", "PGUSER=", "PGDATABASE=", "PGPASSWORD=", "PGOPTIONS="})
    if (variable.starts_with(name)) return false;
  return true;
}

}  // namespace

std::optional<FileIdentity> FileIdentity::of(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return {};
  return FileIdentity{st.st_dev, st.st_ino, st.st_size, std::max(int64_t{st.st_mtim.tv_sec} * kNs + st.st_mtim.tv_nsec, int64_t{st.st_ctim.tv_sec} * kNs + st.st_ctim.tv_nsec)};
}

std::string Program::find_postgres(const std::string& own_path) {
  std::string directory = own_path.substr(0, own_path.rfind('/'));
  std::string installed = cat(directory, "/postgres"), built = cat(directory, "/../postgres/main/postgres");
  struct stat st;
  return stat(installed.c_str(), &st) != 0 && stat(built.c_str(), &st) == 0 ? built : installed;
}

Program::Program(const std::string& path, const char* name) : path_(path) {
  os::Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd || access(path.c_str(), X_OK) != 0)
    throw SqlError{sqlstate::kUndefinedFile, cat("could not find a usable ", name, " executable at \"", path, "\": ", std::strerror(errno)), {}, "postgres belongs in the same directory as postmaster."};
  pin(fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestOwnFd));
}

Program::Program(const std::string& path, int fd) : path_(path) { pin(fd); }

void Program::pin(int fd) {
  fd_ = os::Fd(fd);
  exec_path_ = cat("/proc/self/fd/", fd);
  auto identity = FileIdentity::of(exec_path_);
  if (!fd_ || !identity) throw SqlError{sqlstate::kSystemError, cat("could not open \"", path_, "\": ", std::strerror(errno))};
  identity_ = *identity;
  for (char** e = environ; *e; e++)
    if (inherited(*e)) environment_.emplace_back(*e);
}

int Program::spawn(const std::vector<std::string>& arguments, const SpawnOptions& options) const {
  std::vector<char*> argv, envp;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  for (const std::string& e : environment_) envp.push_back(const_cast<char*>(e.c_str()));
  char supervised[] = "POSTERN_SUPERVISED=1";
  if (options.supervised_worker) envp.push_back(supervised);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (options.output_fd >= 0) posix_spawn_file_actions_adddup2(&actions, options.output_fd, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  if (options.channel_fd >= 0) posix_spawn_file_actions_adddup2(&actions, options.channel_fd, kChildChannelFd);
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

namespace {

std::vector<int> g_task_pids;

struct Task {
  int pid, pidfd, output;
  uv_poll_t exit;
  uv_timer_t deadline;
  bool timed_out = false;
  int open_handles = 2;
  std::function<void(const std::string&, const std::string&)> done;
};

void end_task(uv_poll_t* handle, int, int) {
  auto* task = static_cast<Task*>(handle->data);
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(task->pidfd), &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) return;
  std::string output(kMaxTaskOutput, '\0');   // nobody writes any more: what is there is all
  output.resize(static_cast<size_t>(std::max<ssize_t>(read(task->output, output.data(), output.size()), 0)));
  while (!output.empty() && output.back() == '\n') output.pop_back();
  std::string why;
  if (task->timed_out) why = "it did not answer in time";
  else if (info.si_code != CLD_EXITED) why = cat("it was terminated by signal ", info.si_status, ": ", strsignal(info.si_status));
  else if (info.si_status != 0) why = output.empty() ? cat("it exited with exit code ", info.si_status) : output;
  close(task->output);
  std::erase(g_task_pids, task->pid);
  uv_poll_stop(&task->exit);
  auto closed = [](uv_handle_t* h) {
    auto* t = static_cast<Task*>(h->data);
    if (--t->open_handles) return;
    close(t->pidfd);
    delete t;
  };
  auto done = std::move(task->done);
  uv_close(reinterpret_cast<uv_handle_t*>(&task->exit), closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&task->deadline), closed);
  done(why, output);
}

}  // namespace

bool is_task(int pid) { return std::find(g_task_pids.begin(), g_task_pids.end(), pid) != g_task_pids.end(); }

bool run_task(uv_loop_t* loop, const Program& program, const std::vector<std::string>& arguments, uint64_t timeout_ms,
              std::function<void(const std::string& why, const std::string& output)> done) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  int pid = program.spawn(arguments, {.output_fd = ends[1]});
  close(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  int pidfd = pid > 0 ? os::open_pidfd(pid) : -1;
  if (pidfd < 0) {
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    close(ends[0]);
    return false;
  }
  auto* task = new Task{.pid = pid, .pidfd = pidfd, .output = ends[0], .done = std::move(done)};
  g_task_pids.push_back(pid);
  uv_poll_init(loop, &task->exit, pidfd);
  uv_timer_init(loop, &task->deadline);
  task->exit.data = task->deadline.data = task;
  uv_poll_start(&task->exit, UV_READABLE, end_task);
  uv_timer_start(&task->deadline, [](uv_timer_t* t) {
    auto* self = static_cast<Task*>(t->data);
    self->timed_out = true;
    os::signal_pidfd(self->pidfd, SIGKILL);
  }, timeout_ms, 0);
  return true;
}

}  // namespace postern::postmaster
