#include "postmaster/postmaster.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/systemd.h"

namespace postern::postmaster {
namespace {

// Soft limit up to the hard one; the number we may use.
int raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
}

int count_descriptors() {
  int n = 0;
  if (DIR* dir = opendir("/proc/self/fd")) {
    while (readdir(dir)) n++;
    closedir(dir);
  }
  return n;
}

}  // namespace

Postmaster::Postmaster(Start start)
    : site_(std::move(start.site)), settings_(std::move(start.settings)), command_line_(std::move(start.command_line)), arguments_(std::move(start.arguments)),
      own_path_(std::move(start.own_path)), lock_(std::move(start.lock)), state_fd_(start.state_fd), started_at_(os::wall_clock_us() / 1'000'000) {
  if (state_fd_ < 0) program_ = Program(Program::find_postgres(own_path_), "postgres");
  max_sessions_ = static_cast<int>(settings_.get_int("max_connections"));
  spare_target_ = static_cast<int>(settings_.get_int("spare_backends"));
  uv_loop_init(&loop_);
  loop_.data = this;
}

Postmaster::~Postmaster() {
  close_control();
  for (auto& l : listeners_) remove_socket_file(*l);
}

int Postmaster::run() {
  descriptor_limit_ = raise_descriptor_limit();
  start_loop();
  if (state_fd_ >= 0) restore_state();
  listen();
  open_control(control_fd_);
  descriptors_ = count_descriptors();
  watch_program();
  if (!worker_) start_worker();
  pid_file_->set_status("ready");
  if (restored_) {
    reload_sessions();
    if (FileIdentity::of(program_.path()) == program_.identity()) finish_upgrade({});
    else probe_program("the postmaster was upgraded");
  } else {
    learn_sessions();
    log(Level::kLog, "database system is ready to accept connections");
    notify(cat("READY=1\nMAINPID=", static_cast<int>(getpid())));
  }
  start_notifications();
  dispatch();
  uv_run(&loop_, UV_RUN_DEFAULT);
  pid_file_->remove();
  log(Level::kLog, leaving_ ? "postmaster is gone; sessions go on" : "database system is shut down");
  return 0;
}

// Sockets come from the image before; or from a socket unit; or they are made, taking up those that the service manager has stored for us.
void Postmaster::listen() {
  std::vector<int> stored;
  ListenOptions options{static_cast<int>(settings_.get_int("port")), settings_.get("listen_addresses"), settings_.get("unix_socket_directories"),
                        static_cast<int>(settings_.get_int("unix_socket_permissions")), &stored};
  auto first = [](const std::string& list) {
    auto items = split_list(list);
    return items.empty() ? std::string() : items[0];
  };
  pid_file_ = std::make_unique<PidFile>(site_, started_at_, options.port, first(options.socket_dirs), first(options.addresses));
  if (!restored_) {
    PassedSockets passed = passed_sockets();
    listeners_ = std::move(passed.activated);
    stored = std::move(passed.stored);
    if (listeners_.empty()) listeners_ = make_listeners(options);
    if (!stored.empty()) forget_stored_sockets();   // all of them; those in use are stored again
    for (int fd : stored) close(fd);
  }
  pid_file_->set_status("starting");
  for (auto& l : listeners_) open_listener(*l);
}

void Postmaster::open_listener(Listener& l) {
  int r = l.is_tcp ? uv_tcp_init(&loop_, &l.tcp) : uv_pipe_init(&loop_, &l.pipe, 0);
  if (r == 0) r = l.is_tcp ? uv_tcp_open(&l.tcp, l.fd) : uv_pipe_open(&l.pipe, l.fd);
  l.handle.data = &l;
  if (r == 0) r = uv_listen(&l.stream, SOMAXCONN, on_connection);
  if (r != 0) throw SqlError{sqlstate::kSystemError, cat("could not listen on ", l.name, ": ", uv_strerror(r))};
  store_socket(l);
}

void Postmaster::start_loop() {
  signal(SIGPIPE, SIG_IGN);   // libuv's sendmsg to a child that has just died
  uv_check_init(&loop_, &check_);
  uv_check_start(&check_, on_check);
  uv_idle_init(&loop_, &idle_);
  for (uv_timer_t* t : {&refill_timer_, &worker_timer_, &kill_timer_, &patience_, &drain_timer_, &exec_timer_, &watchdog_timer_, &status_timer_}) uv_timer_init(&loop_, t);
  std::vector<int> numbers = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
  if (getpid() == 1) numbers.push_back(SIGCHLD);
  signals_.resize(numbers.size());
  for (size_t i = 0; i < numbers.size(); i++) {
    uv_signal_init(&loop_, &signals_[i]);
    uv_signal_start(&signals_[i], on_signal, numbers[i]);
  }
  sigset_t none;   // the image before has blocked them for us
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void Postmaster::on_signal(uv_signal_t* handle, int number) {
  auto* self = static_cast<Postmaster*>(handle->loop->data);
  switch (number) {
    case SIGTERM: return self->begin_shutdown(Shutdown::kSmart);
    case SIGINT: return self->begin_shutdown(Shutdown::kFast);
    case SIGQUIT: return self->begin_shutdown(Shutdown::kImmediate);
    case SIGHUP: self->reload(); return;
    case SIGUSR2: return self->begin_upgrade(nullptr);
    case SIGCHLD: return self->reap_orphans();
    default: return;
  }
}

std::string Postmaster::reload() {
  if (shutdown_ != Shutdown::kNone) return "the postmaster is shutting down";
  log(Level::kLog, "received a reload request, reloading configuration files");
  notify(reloading());
  Settings fresh;
  std::string why;
  try {
    fresh.load_site(site_);
    for (auto& [name, value] : command_line_) fresh.set_from(name, value, SettingSource::kCommandLine);
  } catch (const SqlError& e) {
    log(Level::kLog, e.message, e.detail, e.hint);
    log(Level::kLog, cat("configuration file \"", site_, "/postgresql.conf\" contains errors; no changes were applied"));
    why = e.message;
  }
  if (why.empty()) {
    counters_.reloads++;
    for (const char* name : {"port", "listen_addresses", "unix_socket_directories", "unix_socket_permissions", "max_connections"})
      if (fresh.get(name) != settings_.get(name)) log(Level::kLog, cat("parameter \"", name, "\" cannot be changed without restarting the server"));
    spare_target_ = static_cast<int>(fresh.get_int("spare_backends"));
    while (!spares_.empty()) retire(*spares_.front());
    reload_sessions();
  }
  if (FileIdentity::of(program_.path()) != program_.identity()) probe_program("a reload was requested");
  notify("READY=1");
  refill_when_idle();
  return why;
}

// Sessions and workers read the files themselves. A process that may not have its handlers yet is told when it is authenticated.
void Postmaster::reload_sessions() {
  for (auto& c : children_) {
    if (c->state == ChildState::kHanded || c->state == ChildState::kClaimed) c->reload_due = true;
    if (c->pidfd >= 0 && (c->state == ChildState::kSession || c->state == ChildState::kWorker)) os::signal_pidfd(c->pidfd, SIGHUP);
  }
}

}  // namespace postern::postmaster
