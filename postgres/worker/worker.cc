#include "postgres/worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/handoff/handoff.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/catalog/catalog.h"
#include "postgres/ddl/ddl.h"
#include "postgres/region/region.h"
#include "postgres/txn/interrupts.h"
#include "postgres/txn/txn.h"
#include "postgres/wal/wal.h"

extern char** environ;

namespace postern::worker {
namespace {

constexpr int64_t kAloneUs = 2'000'000;        // without sessions for that long, an unsupervised worker ends
constexpr int64_t kReapIntervalUs = 1'000'000;
constexpr int kTickMs = 200;

std::atomic<bool> g_stop{false}, g_reap{false}, g_reload{false}, g_child{false};

void on_signal(int s) {
  if (s == SIGUSR1) g_reap = true;
  else if (s == SIGHUP) g_reload = true;
  else if (s == SIGCHLD) g_child = true;
  else g_stop = true;
}

void install() {
  struct sigaction sa{};
  sa.sa_handler = on_signal;
  sigemptyset(&sa.sa_mask);
  for (int s : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD}) sigaction(s, &sa, nullptr);
  sa.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &sa, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Only one maintenance worker per site. The descriptor stays open for the process's life.
int take_worker_lock(const std::string& site) {
  int fd = open(cat(site, "/maintenance.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

bool sessions_present() {
  for (int i = 0; i < region::slot_high_water(); i++) {
    auto state = region::slot(SlotNo{static_cast<uint16_t>(i)}).state.load();
    if (state != region::SlotState::kFree && state != region::SlotState::kWorker) return true;
  }
  return false;
}

// Our own executable. By its path where it still has one: under valgrind /proc/self/exe is valgrind, but reading the link gives ours.
std::string own_executable() {
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  std::string_view target(path, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return target.empty() || n == sizeof path || target.ends_with(" (deleted)") ? "/proc/self/exe" : std::string(target);
}

pid_t spawn_self(const std::vector<std::string>& args, bool detached) {
  std::vector<char*> argv;
  for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  if (detached) posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (detached) {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  }
  pid_t pid = -1;
  int r = posix_spawn(&pid, own_executable().c_str(), &actions, &attr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  if (r != 0) return -1;
  return pid;
}

class Maintenance {
 public:
  Maintenance(Settings& settings, const std::string& site) : settings_(settings), site_(site) { read_settings(); }

  int run() {
    pid_t supervisor = getenv("POSTERN_SUPERVISED") ? getppid() : 0;   // when it is gone we are on our own
    int64_t now = os::monotonic_us(), last_checkpoint = now, last_reap = now, last_vacuum = now, alone_since = 0;
    while (!g_stop) {
      timespec ts{0, kTickMs * 1'000'000L};
      nanosleep(&ts, nullptr);
      now = os::monotonic_us();
      region::throw_if_poisoned();
      if (g_reload.exchange(false)) {
        settings_.load_site(site_);
        read_settings();
      }
      if (g_reap.exchange(false) || now - last_reap >= kReapIntervalUs) {
        region::reap_dead_slots();
        last_reap = now;
      }
      if (g_child.exchange(false)) collect();
      wal::flush(wal::insert_lsn());   // commits with synchronous_commit=off
      if (now - last_checkpoint >= checkpoint_timeout_us_ || wal::bytes_since_checkpoint() >= max_wal_bytes_ / 2) {
        wal::checkpoint();
        last_checkpoint = os::monotonic_us();
      }
      if (autovacuum_ && vacuum_pid_ <= 0 && now - last_vacuum >= naptime_us_ && sessions_present()) {
        start_autovacuum();
        last_vacuum = now;
      }
      if (supervisor && getppid() == supervisor) continue;
      if (sessions_present()) alone_since = 0;
      else if (!alone_since) alone_since = now;
      else if (now - alone_since >= kAloneUs) break;
    }
    if (vacuum_pid_ > 0) {
      kill(vacuum_pid_, SIGTERM);
      waitpid(vacuum_pid_, nullptr, 0);
    }
    wal::checkpoint();   // the next start has nothing to recover
    return 0;
  }

 private:
  void read_settings() {
    checkpoint_timeout_us_ = settings_.get_int("checkpoint_timeout") * 1'000'000;
    max_wal_bytes_ = static_cast<uint64_t>(settings_.get_int("max_wal_size")) << 20;
    wal::set_min_wal_size(static_cast<uint64_t>(settings_.get_int("min_wal_size")) << 20);
    autovacuum_ = settings_.get_bool("autovacuum");
    naptime_us_ = settings_.get_int("autovacuum_naptime") * 1'000'000;
  }

  void collect() {
    int status;
    while (waitpid(-1, &status, WNOHANG) > 0) {
      vacuum_pid_ = -1;
      if (WIFSIGNALED(status)) region::reap_dead_slots();
    }
  }

  // One database per round, in turn.
  void start_autovacuum() {
    txn::start();
    std::vector<std::string> names;
    for (const auto& d : catalog::all_databases())
      if (d.allow_connections) names.push_back(d.name);
    txn::commit();
    if (names.empty()) return;
    std::sort(names.begin(), names.end());
    next_database_ = (next_database_ + 1) % names.size();
    vacuum_pid_ = spawn_self({"postgres: autovacuum", "-D", site_, "--worker", "autovacuum", "--database", names[next_database_]}, false);
  }

  Settings& settings_;
  std::string site_;
  int64_t checkpoint_timeout_us_ = 0, naptime_us_ = 0;
  uint64_t max_wal_bytes_ = 0;
  bool autovacuum_ = true;
  size_t next_database_ = 0;
  pid_t vacuum_pid_ = -1;
};

int run_autovacuum(std::string_view database) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  txn::set_interrupt_check([] {
    if (g_stop) throw SqlError{sqlstate::kAdminShutdown, "terminating autovacuum process due to administrator command"}.fatal();
    region::throw_if_poisoned();
  });
  txn::start();
  auto db = catalog::find_database(database);
  if (!db) {
    txn::commit();
    return 0;
  }
  region::my_slot().database = raw(db->oid);
  catalog::connect_database(db->oid);
  txn::commit();
  ddl::autovacuum_pass(db->oid);
  return 0;
}

// Tells the postmaster on its channel (descriptor 3) which processes serve the site: pid and pidfd, so that nothing is mistaken for a reused pid.
int report_sessions() {
  constexpr int kChannel = 3;
  for (int i = 0; i < region::slot_high_water(); i++) {
    SlotNo n{static_cast<uint16_t>(i)};
    region::ProcSlot& s = region::slot(n);
    auto state = s.state.load();
    bool maintenance = state == region::SlotState::kWorker && s.worker_kind == region::WorkerKind::kMaintenance;
    if (n == region::my_slot_no() || state == region::SlotState::kFree || (state == region::SlotState::kWorker && !maintenance)) continue;
    int pid = s.pid.load();
    os::Fd pidfd(pid > 0 ? os::open_pidfd(pid) : -1);
    if (!pidfd || !region::slot_alive(n) || s.pid.load() != pid) continue;   // its slot is held: the pid is still its
    if (!handoff::send_process(kChannel, {pid, pidfd.get(), maintenance ? handoff::ProcessKind::kMaintenance : handoff::ProcessKind::kSession})) return 1;
  }
  return 0;
}

}  // namespace

int run(std::string_view name, std::string_view database, Settings& settings, const std::string& site) {
  install();
  region::ProcSlot& slot = region::my_slot();
  slot.worker_kind = name == "maintenance" ? region::WorkerKind::kMaintenance : name == "autovacuum" ? region::WorkerKind::kAutovacuum : region::WorkerKind::kOther;
  slot.state = region::SlotState::kWorker;
  try {
    if (name == "sessions") return report_sessions();
    if (name == "autovacuum") return run_autovacuum(database);
    if (name != "maintenance") throw SqlError{sqlstate::kInvalidParameterValue, cat("unknown worker \"", name, "\""), {}, "Workers are: maintenance, autovacuum, sessions."};
    int lock = take_worker_lock(site);
    if (lock < 0) return 0;   // another one is at work
    return Maintenance(settings, site).run();
  } catch (SqlError& e) {
    if (txn::state() != txn::State::kIdle && !region::poisoned()) txn::abort();
    if (e.sqlstate != sqlstate::kAdminShutdown) std::fprintf(stderr, "LOG:  worker %.*s: %s\n", static_cast<int>(name.size()), name.data(), e.message.c_str());
    return e.sqlstate == sqlstate::kAdminShutdown ? 0 : 1;
  }
}

void ensure_maintenance(const std::string& site) {
  int lock = take_worker_lock(site);
  if (lock < 0) return;
  close(lock);
  spawn_self({"postgres", "-D", site, "--worker", "maintenance"}, true);
}

}  // namespace postern::worker
