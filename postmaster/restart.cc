// From one postmaster to the next.
//
// Re-exec: the same process, children and descriptors under a new image. save_state() writes what describes them into a memfd that the next image inherits
// and restore_state() reads; both walk the same fields. Nothing is closed before the exec, so that an exec that fails changes nothing.
// A start after another postmaster's end: `postgres --worker sessions` reads the region and hands us the pidfds of the sessions that are there; from then on
// they count and are shut down as our own, but their exit statuses are unknown. The earlier maintenance worker is asked to make room for ours.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/handoff/handoff.h"
#include "common/os/process.h"
#include "postmaster/control.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"
#include "postmaster/systemd.h"
#include "postmaster/upgrade.h"

extern char** environ;

namespace postern::postmaster {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kExecRetryMs = 1;
constexpr const char* kStates[] = {"spare", "handed", "claimed", "session", "leaving", "worker"};   // by ChildState

ChildState state_named(const std::string& name) {
  for (size_t i = 0; i < std::size(kStates); i++)
    if (name == kStates[i]) return static_cast<ChildState>(i);
  throw SqlError{sqlstate::kInternalError, cat("unknown state of a process: \"", name, "\"")};
}

int fd_of(const uv_handle_t* handle) {
  int fd = -1;
  uv_fileno(handle, &fd);
  return fd;
}

bool is_unix(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

void open_client(uv_loop_t* loop, Client& client, int fd) {
  if (is_unix(fd)) {
    uv_pipe_init(loop, &client.pipe, 0);
    uv_pipe_open(&client.pipe, fd);
  } else {
    uv_tcp_init(loop, &client.tcp);
    uv_tcp_open(&client.tcp, fd);
  }
  client.handle.data = &client;
  client.raw_fd = -1;
}

// True when every client is somewhere that can be written down. Takes up what libuv holds back for full listeners.
bool Postmaster::quiet() {
  for (auto& l : listeners_) {
    if (!l->parked) continue;
    l->parked = false;
    accept_from(*l);
  }
  return tasks_ == 0 && report_fd_ < 0 && std::none_of(children_.begin(), children_.end(), [](auto& c) { return c->writing || (c->exited && c->client); });
}

void Postmaster::re_exec_when_quiet() {
  if (!exec_due_) return;
  if (shutdown_ != Shutdown::kNone) return upgrade_refused("the postmaster is shutting down");
  if (!quiet()) {
    uv_timer_start(&exec_timer_, [](uv_timer_t* t) { static_cast<Postmaster*>(t->loop->data)->re_exec_when_quiet(); }, kExecRetryMs, 0);
    return;
  }
  std::vector<int> descriptors;
  std::string state;
  try {
    state = save_state(descriptors);
  } catch (const Json::exception& e) {   // a path that is no UTF-8, say
    return upgrade_refused(cat("could not describe the state: ", e.what()));
  }
  os::Fd memory(static_cast<int>(memfd_create("postmaster-state", MFD_CLOEXEC)));
  if (!memory || !os::write_at(memory.get(), state.data(), state.size(), 0)) return upgrade_refused(cat("could not write the state: ", std::strerror(errno)));
  descriptors.push_back(memory.get());
  std::vector<char*> argv;
  for (const std::string& a : arguments_) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  log(Level::kLog, cat("executing \"", own_path_, "\""));
  notify(reloading());
  // A signal must not end the image that has no handlers yet: the next one unblocks them.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  for (int fd : descriptors) fcntl(fd, F_SETFD, 0);
  setenv(kStateVariable, cat(memory.get()).c_str(), 1);
  execve(next_image_->exec_path().c_str(), argv.data(), environ);
  int error = errno;
  unsetenv(kStateVariable);
  for (int fd : descriptors) fcntl(fd, F_SETFD, FD_CLOEXEC);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  upgrade_refused(cat("could not execute it: ", std::strerror(error)));
}

std::string Postmaster::save_state(std::vector<int>& descriptors) {
  auto keep = [&](int fd) {
    if (fd >= 0) descriptors.push_back(fd);
    return fd;
  };
  auto client = [&](const Client* c) {
    return Json{{"fd", keep(c->raw_fd >= 0 ? c->raw_fd : fd_of(&c->handle))}, {"attempts", c->attempts}, {"arrived", c->arrived_ms}};
  };
  Json state{{"lock", keep(lock_.get())}, {"handoff", handoff::kVersion}, {"started_at", started_at_}, {"control", keep(control_fd_)},
             {"program", keep(program_.fd())}, {"generation", generation_}};
  if (upgrade_asker_) state["asker"] = keep(fd_of(reinterpret_cast<uv_handle_t*>(&upgrade_asker_->pipe)));
  for (auto& l : listeners_)
    state["listeners"].push_back({{"fd", keep(fd_of(&l->handle))}, {"tcp", l->is_tcp}, {"path", l->path}, {"name", l->name}, {"lock", keep(l->lock.get())}, {"foreign", l->foreign}});
  for (auto& c : children_) {
    if (c->exited) continue;
    Json child{{"pid", c->pid}, {"pidfd", keep(c->pidfd)}, {"state", kStates[static_cast<int>(c->state)]}, {"started", c->started_ms}, {"handed", c->handed_ms},
               {"channel", c->channel_open ? keep(fd_of(reinterpret_cast<uv_handle_t*>(&c->channel))) : -1}, {"reload_due", c->reload_due},
               {"evicted", c->evicted}, {"adopted", c->adopted}, {"generation", c->generation}};
    if (c->client) child["client"] = client(c->client);
    state["children"].push_back(std::move(child));
  }
  for (Client* c : waiting_) state["waiting"].push_back(client(c));
#define X(name, help) state["counters"][#name] = counters_.name;
  POSTERN_POSTMASTER_COUNTERS(X)
#undef X
  return state.dump();
}

// REQUIRES: the loop is initialised, nothing else is. Throws when the state can't be read: the check before the exec makes that a bug.
void Postmaster::restore_state() {
  os::Fd memory(state_fd_);
  struct stat st;
  if (!os::stat_fd(memory.get(), st)) throw SqlError{sqlstate::kInternalError, "the state of the previous image is missing"};
  std::string text(static_cast<size_t>(st.st_size), '\0');
  os::read_at(memory.get(), text.data(), text.size(), 0);
  try {
    Json state = Json::parse(text);
    lock_ = os::Fd(state.at("lock").get<int>());
    started_at_ = state.at("started_at");
    control_fd_ = state.at("control");
    program_ = Program(Program::find_postgres(own_path_), state.at("program").get<int>());
    generation_ = state.at("generation");
    for (Json& j : state["listeners"]) {
      auto l = std::make_unique<Listener>();
      l->fd = j.at("fd");
      l->is_tcp = j.at("tcp");
      l->path = j.at("path");
      l->name = j.at("name");
      l->lock = os::Fd(j.at("lock").get<int>());
      l->foreign = j.at("foreign");
      listeners_.push_back(std::move(l));
    }
    auto client = [&](Json& j) {
      auto* c = new Client;
      c->raw_fd = j.at("fd");
      c->attempts = j.at("attempts");
      c->arrived_ms = j.at("arrived");
      descriptors_++;
      return c;
    };
    for (Json& j : state["children"]) {
      Child* c = add_child(state_named(j.at("state")), j.at("pid"), j.at("pidfd"), j.at("channel"));
      c->started_ms = j.at("started");
      c->handed_ms = j.at("handed");
      c->reload_due = j.at("reload_due");
      c->evicted = j.at("evicted");
      c->adopted = j.at("adopted");
      c->generation = j.at("generation");
      if (j.contains("client")) c->client = client(j["client"]);
      if (c->state == ChildState::kWorker) worker_ = c;
      if (c->state == ChildState::kSpare) spares_.push_back(c);
    }
    for (Json& j : state["waiting"]) waiting_.push_back(client(j));
    for (Client* c : waiting_) open_client(&loop_, *c, c->raw_fd);
#define X(name, help) counters_.name = state["counters"].value(#name, uint64_t{0});
    POSTERN_POSTMASTER_COUNTERS(X)
#undef X
    counters_.upgrades++;
    asker_fd_ = state.value("asker", -1);
    program_usable_ = state.at("handoff") == handoff::kVersion;   // else the next one is about to be taken up
    while (!program_usable_ && !spares_.empty()) retire(*spares_.front());
  } catch (const Json::exception& e) {
    throw SqlError{sqlstate::kInternalError, cat("the state of the previous image can't be read: ", e.what())};
  }
  restored_ = upgrading_ = true;
}

void Postmaster::learn_sessions() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  std::vector<std::string> arguments = postgres_arguments("postgres: sessions");
  arguments.insert(arguments.end(), {"--worker", "sessions"});
  int pid = program_.spawn(arguments, {.channel_fd = ends[1]});
  close(ends[1]);
  int pidfd = pid > 0 ? os::open_pidfd(pid) : -1;
  if (pidfd < 0) {
    close(ends[0]);
    return log(Level::kWarning, "could not look for sessions of an earlier postmaster");
  }
  add_child(ChildState::kLeaving, pid, pidfd, -1);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  report_fd_ = ends[0];
  descriptors_++;
  uv_poll_init(&loop_, &report_poll_, report_fd_);
  uv_poll_start(&report_poll_, UV_READABLE | UV_DISCONNECT, [](uv_poll_t* p, int, int) { static_cast<Postmaster*>(p->loop->data)->on_session_report(); });
}

void Postmaster::on_session_report() {
  handoff::Process process;
  handoff::Receipt receipt;
  while ((receipt = handoff::receive_process(report_fd_, &process)) == handoff::Receipt::kProcess)
    adopt(process.pid, process.pidfd, process.kind == handoff::ProcessKind::kMaintenance);
  if (receipt == handoff::Receipt::kNone) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&report_poll_), [](uv_handle_t* h) {
    auto* self = static_cast<Postmaster*>(h->loop->data);
    close(self->report_fd_);
    self->report_fd_ = -1;
    self->descriptors_--;
  });
  int adopted = static_cast<int>(std::count_if(children_.begin(), children_.end(), [](auto& c) { return c->adopted && c->state == ChildState::kSession; }));
  if (adopted) log(Level::kLog, cat(adopted, adopted == 1 ? " session of an earlier postmaster goes on" : " sessions of an earlier postmaster go on"));
}

void Postmaster::adopt(int pid, int pidfd, bool worker) {
  bool ours = std::any_of(children_.begin(), children_.end(), [&](auto& c) { return c->pid == pid && !c->exited; });
  if (ours || descriptors_ >= descriptor_limit_ - 1) {
    close(pidfd);
    if (!ours) log(Level::kWarning, cat("too few descriptors to watch process ", pid));
    return;
  }
  if (worker) {
    os::signal_pidfd(pidfd, SIGTERM);
    close(pidfd);
    return;
  }
  Child* child = add_child(ChildState::kSession, pid, pidfd, -1);
  child->adopted = true;
  child->generation = 0;
  if (shutdown_ >= Shutdown::kFast) os::signal_pidfd(pidfd, shutdown_ == Shutdown::kFast ? SIGTERM : SIGQUIT);
}

}  // namespace postern::postmaster
