// New executables. `postgres`: when the file changes, it is probed (postgres --probe: does it fit this site, its region, this postmaster?) and taken up if it
// passes; spares of the old one retire. The postmaster itself: on SIGUSR2 or request, the executable on disk is pinned, checks itself and its postgres
// (postmaster --check), and only then replaces this image (restart.cc). What fails is refused with the reason, and everything goes on as it is.
#include "postmaster/upgrade.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/handoff/handoff.h"
#include "common/os/process.h"
#include "postmaster/control.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"
#include "postmaster/systemd.h"

namespace postern::postmaster {
namespace {

constexpr uint64_t kProbeTimeoutMs = 10'000, kCheckTimeoutMs = 15'000;

std::vector<std::string> with_settings(std::vector<std::string> arguments, const std::vector<std::pair<std::string, std::string>>& settings) {
  for (auto& [name, value] : settings) arguments.insert(arguments.end(), {"-c", cat(name, "=", value)});
  return arguments;
}

// The probe itself tells what does not fit; what it cannot know is which hand-off protocol we speak.
std::vector<std::string> probe_arguments(const std::string& site, const std::vector<std::pair<std::string, std::string>>& settings) {
  return with_settings({"postgres", "-D", site, "--probe", cat(handoff::kVersion)}, settings);
}

}  // namespace

int check_installation(const std::string& site, const std::vector<std::pair<std::string, std::string>>& command_line, const std::string& own_path, int state_format) {
  if (state_format != kStateFormat)
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, "this version cannot take over from the running postmaster", {}, "Restart the postmaster instead; sessions go on with \"pg_ctl restart -m keep\"."};
  Program postgres(Program::find_postgres(own_path), "postgres");
  uv_loop_t loop;
  uv_loop_init(&loop);
  std::string refused;
  if (!run_task(&loop, postgres, probe_arguments(site, command_line), kProbeTimeoutMs, [&](const std::string& why, const std::string&) { refused = why; }))
    throw SqlError{sqlstate::kSystemError, cat("could not start \"", postgres.path(), "\"")};
  uv_run(&loop, UV_RUN_DEFAULT);
  if (!refused.empty()) throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("the executable \"", postgres.path(), "\" can't be used: ", refused)};
  return 0;
}

// Cheap enough for every spare: one stat.
void Postmaster::look_for_new_program() {
  if (probing_ || shutdown_ != Shutdown::kNone) return;
  auto there = FileIdentity::of(program_.path());
  if (there && there != program_.identity() && there != refused_) probe_program("it has changed");
}

// What is on disk is taken up if it passes its probe.
void Postmaster::probe_program(const char* occasion) {
  if (probing_) return;
  std::shared_ptr<Program> fresh;
  auto refuse = [this](const std::string& why) {
    counters_.programs_refused++;
    refused_why_ = cat("\"", program_.path(), "\": ", why);
    log(Level::kLog, cat("the new executable \"", program_.path(), "\" is refused, the previous one stays in use"), why);
    if (restored_ && upgrading_) finish_upgrade(refused_why_);
  };
  try {
    fresh = std::make_shared<Program>(program_.path(), "postgres");
  } catch (const SqlError& e) {
    refused_ = FileIdentity::of(program_.path());
    return refuse(e.message);
  }
  log(Level::kLog, cat("probing the executable \"", program_.path(), "\": ", occasion));
  probing_ = run_task(&loop_, *fresh, probe_arguments(site_, command_line_), kProbeTimeoutMs, [this, fresh, refuse](const std::string& why, const std::string&) {
    probing_ = false;
    tasks_--;
    if (why.empty()) {
      take_up(std::move(*fresh));
      if (restored_ && upgrading_) finish_upgrade({});
    } else {
      refused_ = fresh->identity();
      refuse(why);
    }
    look_for_new_program();   // it may have changed again
  });
  if (probing_) tasks_++;
  else refuse("it could not be started");
}

void Postmaster::take_up(Program program) {
  program_ = std::move(program);
  generation_++;
  program_usable_ = true;
  counters_.programs_taken_up++;
  refused_.reset();
  refused_why_.clear();
  refill_delay_ms_ = refill_not_before_ms_ = 0;
  log(Level::kLog, cat("new sessions use the new executable \"", program_.path(), "\""));
  std::vector<Child*> stale;
  for (Child* c : spares_)
    if (c->generation != generation_) stale.push_back(c);
  for (Child* c : stale) retire(*c);
  if (worker_ && worker_->pidfd >= 0) os::signal_pidfd(worker_->pidfd, SIGTERM);   // the next one runs the new executable
  dispatch();
}

// Tells us of replaced files at once; symbolic links that lead elsewhere are noticed with the next spare.
void Postmaster::watch_program() {
  std::string directory = program_.path().substr(0, program_.path().rfind('/'));
  uv_fs_event_init(&loop_, &program_watch_);
  uv_fs_event_start(&program_watch_, [](uv_fs_event_t* w, const char*, int, int) { static_cast<Postmaster*>(w->loop->data)->look_for_new_program(); }, directory.c_str(), 0);
}

// asker: who wants to know how it ends; nullptr: a signal.
void Postmaster::begin_upgrade(ControlConnection* asker) {
  if (upgrading_ || shutdown_ != Shutdown::kNone) {
    const char* why = upgrading_ ? "an upgrade is under way" : "the postmaster is shutting down";
    log(Level::kLog, cat("upgrade refused: ", why));
    if (asker) control_reply(*asker, error_reply(why));
    return;
  }
  upgrade_asker_ = asker;
  upgrading_ = true;
  log(Level::kLog, cat("upgrade requested: checking \"", own_path_, "\""));
  try {
    next_image_.emplace(own_path_, "postmaster");
  } catch (const SqlError& e) {
    return upgrade_refused(e.message);
  }
  bool started = run_task(&loop_, *next_image_, with_settings({own_path_, cat("--check=", kStateFormat), "-D", site_}, command_line_), kCheckTimeoutMs,
                          [this](const std::string& why, const std::string&) {
    tasks_--;
    if (!why.empty()) return upgrade_refused(why);
    exec_due_ = true;
    re_exec_when_quiet();
  });
  if (started) tasks_++;
  else upgrade_refused("it could not be started");
}

void Postmaster::upgrade_refused(const std::string& why) {
  counters_.programs_refused++;
  log(Level::kLog, "upgrade refused; this postmaster goes on as it is", why);
  refused_why_ = cat("\"", own_path_, "\": ", why);
  finish_upgrade(why);
}

// Empty: this is the new image, and it is at work.
void Postmaster::finish_upgrade(const std::string& why) {
  upgrading_ = exec_due_ = false;
  next_image_.reset();
  std::string reply = why.empty() ? kDoneReply : error_reply(why);
  if (upgrade_asker_) control_reply(*std::exchange(upgrade_asker_, nullptr), reply);
  if (asker_fd_ >= 0) {
    reply += '\n';
    static_cast<void>(send(asker_fd_, reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    close(std::exchange(asker_fd_, -1));
    descriptors_--;
  }
  if (why.empty()) {
    log(Level::kLog, "upgrade complete");
    refused_why_.clear();
  }
  notify("READY=1");
}

}  // namespace postern::postmaster
