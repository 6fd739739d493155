// Processes: started, watched, reaped, restarted.
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"

namespace postern::postmaster {
namespace {

constexpr int kRunningHandles = 1;                     // the poll on the pidfd
constexpr uint64_t kFirstWorkerDelayMs = 100, kLongestWorkerDelayMs = 30'000;
constexpr uint64_t kHealthyMs = 10'000;                // a worker that lived that long restarts at once
constexpr uint64_t kOtherWorkerDelayMs = 3'000;        // a worker of an earlier postmaster is still at work
constexpr uint64_t kSpawnRetryMs = 100;

bool set_cloexec_pair(int fds[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0; }

std::string duration(uint64_t ms) { return cat(ms / 1000, ".", ms % 1000 / 100, ms % 100 / 10, ms % 10, " s"); }

}  // namespace

std::vector<std::string> Postmaster::postgres_arguments(const char* title) const {
  std::vector<std::string> arguments = {title, "-D", site_};
  for (auto& [name, value] : command_line_) {
    arguments.push_back("-c");
    arguments.push_back(cat(name, "=", value));
  }
  return arguments;
}

// nullptr: the system refuses now; said in the log, and refilling waits a little.
Child* Postmaster::spawn(ChildState state) {
  bool worker = state == ChildState::kWorker;
  int channel[2] = {-1, -1};
  std::vector<std::string> arguments = postgres_arguments(worker ? "postgres: maintenance" : "postgres");
  if (worker) {
    arguments.insert(arguments.end(), {"--worker", "maintenance"});
  } else {
    arguments.insert(arguments.end(), {"--handoff-fd", cat(kChildChannelFd)});
  }
  int pid = -ENFILE, pidfd = -1;
  if (worker || set_cloexec_pair(channel)) pid = program_.spawn(arguments, {.channel_fd = channel[1], .supervised_worker = worker});
  if (channel[1] >= 0) close(channel[1]);
  if (pid > 0) pidfd = os::open_pidfd(pid);
  if (pidfd < 0) {
    int error = pid < 0 ? -pid : errno;
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    if (channel[0] >= 0) close(channel[0]);
    if (now_ms() >= refill_not_before_ms_) log(Level::kLog, cat("could not start a postgres process: ", std::strerror(error)));
    refill_not_before_ms_ = now_ms() + kSpawnRetryMs;
    return nullptr;
  }
  counters_.processes_started++;
  if (worker) counters_.worker_starts++;
  return add_child(state, pid, pidfd, channel[0]);
}

// A process to watch. channel_fd < 0: it has none, or has closed it.
Child* Postmaster::add_child(ChildState state, int pid, int pidfd, int channel_fd) {
  children_.push_back(std::make_unique<Child>());
  Child* child = children_.back().get();
  child->self = std::prev(children_.end());
  child->owner = this;
  child->state = state;
  child->pid = pid;
  child->pidfd = pidfd;
  child->started_ms = now_ms();
  child->generation = generation_;
  child_count_++;
  if (state == ChildState::kSession) sessions_++;
  uv_poll_init(&loop_, &child->exit_poll, pidfd);
  child->exit_poll.data = child;
  uv_poll_start(&child->exit_poll, UV_READABLE, on_exit_poll);
  child->open_handles = kRunningHandles;
  descriptors_++;
  if (channel_fd >= 0) {
    uv_pipe_init(&loop_, &child->channel, 1);
    child->channel.data = child;
    uv_pipe_open(&child->channel, channel_fd);
    uv_read_start(reinterpret_cast<uv_stream_t*>(&child->channel),
                  [](uv_handle_t*, size_t, uv_buf_t* buf) {
                    static char bytes[16];
                    *buf = uv_buf_init(bytes, sizeof bytes);
                  },
                  on_channel);
    child->channel_open = true;
    child->open_handles++;
    descriptors_++;
  }
  return child;
}

Child* Postmaster::spawn_spare() {
  look_for_new_program();
  if (!program_usable_) return nullptr;
  Child* child = spawn(ChildState::kSpare);
  if (child) spares_.push_back(child);
  return child;
}

void Postmaster::close_channel(Child& child) {
  if (!child.channel_open) return;
  child.channel_open = false;
  descriptors_--;
  uv_close(reinterpret_cast<uv_handle_t*>(&child.channel), on_handle_closed);
}

void Postmaster::on_handle_closed(uv_handle_t* handle) {
  auto& child = *static_cast<Child*>(handle->data);
  child.open_handles--;
  child.owner->finish_if_gone(child);
}

void Postmaster::on_exit_poll(uv_poll_t* handle, int, int) {
  auto& child = *static_cast<Child*>(handle->data);
  child.owner->reap(child);
}

void Postmaster::reap(Child& child) {
  siginfo_t info{};
  int r;
  do r = waitid(P_PIDFD, static_cast<id_t>(child.pidfd), &info, WEXITED | WNOHANG);
  while (r != 0 && errno == EINTR);
  if ((r == 0 && info.si_pid == 0) || child.exited) return;
  child.exited = true;
  if (r == 0) (info.si_code == CLD_EXITED ? child.exit_code : child.exit_signal) = info.si_status;
  uv_close(reinterpret_cast<uv_handle_t*>(&child.exit_poll), on_handle_closed);
  close(child.pidfd);
  child.pidfd = -1;
  descriptors_--;
  report_end(child);
  if (child.exit_signal || child.exit_code > 1) counters_.processes_crashed++;
  if (child.state == ChildState::kWorker) worker_ended(child);
  // Its locks go at once, not at the worker's next round.
  if (child.exit_signal && worker_ && worker_->pidfd >= 0) os::signal_pidfd(worker_->pidfd, SIGUSR1);
  finish_if_gone(child);
}

// As process 1 of a container we inherit strangers (workers and sessions of an earlier postmaster, say).
void Postmaster::reap_orphans() {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    auto it = std::find_if(children_.begin(), children_.end(), [&](auto& c) { return c->pid == info.si_pid && !c->exited; });
    if (it != children_.end()) reap(**it);
    else if (is_task(info.si_pid)) break;
    else waitpid(info.si_pid, nullptr, 0);
    info.si_pid = 0;
  }
}

void Postmaster::finish_if_gone(Child& child) {
  if (!child.exited || child.channel_open || child.open_handles > 0 || child.client) return;
  child_count_--;
  if (child.state == ChildState::kSession) sessions_--;
  children_.erase(child.self);
  if (shutdown_ != Shutdown::kNone) continue_shutdown();
  resume_accepting();
  dispatch();
}

// PostgreSQL's rule: 0 is a normal end, 1 an error that the client was told, anything else deserves a line.
void Postmaster::report_end(const Child& child) const {
  if (child.adopted || (child.exit_code <= 1 && !child.exit_signal && child.state != ChildState::kSpare)) return;
  if (child.state == ChildState::kSpare && !child.exit_signal && child.exit_code == 0) return;
  if (child.exit_signal && (shutdown_ >= Shutdown::kFast || child.evicted)) return;
  const char* what = child.state == ChildState::kWorker ? "maintenance worker" : child.state == ChildState::kSpare ? "spare process" : "server process";
  std::string how = child.exit_signal ? cat("was terminated by signal ", child.exit_signal, ": ", strsignal(child.exit_signal)) : cat("exited with exit code ", child.exit_code);
  log(Level::kLog, cat(what, " (PID ", child.pid, ") ", how, " after ", duration(now_ms() - child.started_ms)));
}

void Postmaster::start_worker() {
  if (worker_ || shutdown_ >= Shutdown::kFast) return;
  worker_ = spawn(ChildState::kWorker);
  if (!worker_) uv_timer_start(&worker_timer_, [](uv_timer_t* t) { static_cast<Postmaster*>(t->loop->data)->start_worker(); }, kSpawnRetryMs, 0);
}

void Postmaster::worker_ended(const Child& child) {
  worker_ = nullptr;
  if (worker_stopping_ || leaving_ || shutdown_ == Shutdown::kImmediate) return;
  if (child.generation != generation_) return start_worker();   // it was asked to make room for one of the new executable
  bool healthy = now_ms() - child.started_ms >= kHealthyMs;
  worker_delay_ms_ = healthy ? 0 : std::clamp(worker_delay_ms_ * 2, kFirstWorkerDelayMs, kLongestWorkerDelayMs);
  uint64_t delay = child.exit_code == 0 && !child.exit_signal && !healthy ? kOtherWorkerDelayMs : worker_delay_ms_;
  uv_timer_start(&worker_timer_, [](uv_timer_t* t) { static_cast<Postmaster*>(t->loop->data)->start_worker(); }, delay, 0);
}

void Postmaster::signal_children(int number, bool workers) {
  for (auto& c : children_)
    if (c->pidfd >= 0 && (workers || c->state != ChildState::kWorker)) os::signal_pidfd(c->pidfd, number);
}

}  // namespace postern::postmaster
