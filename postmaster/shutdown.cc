// Smart: no new clients, wait for the sessions. Fast: end the sessions (SIGTERM). Immediate: end everything, in the end with SIGKILL. A stronger request
// overrides a weaker one. Drain: smart, but sessions may be told to end at their next transaction boundary, and after a time fast. Keep: we go, sessions stay.
// Our own children and those of earlier postmasters that we have learnt of are concerned. The maintenance worker ends last, with a checkpoint (not when immediate).
#include <signal.h>

#include <algorithm>

#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"
#include "postmaster/systemd.h"

namespace postern::postmaster {

constexpr uint64_t kKillAfterMs = 5'000;

void Postmaster::close_listeners() {
  for (auto& l : listeners_) {
    remove_socket_file(*l);
    descriptors_--;
    uv_close(&l->handle, [](uv_handle_t* h) { delete static_cast<Listener*>(h->data); });
    l.release();
  }
  listeners_.clear();
}

void Postmaster::begin_shutdown(Shutdown mode) {
  if (mode <= shutdown_) return;
  bool first = shutdown_ == Shutdown::kNone;
  shutdown_ = mode;
  constexpr const char* kNames[] = {"", "smart", "fast", "immediate"};
  log(Level::kLog, std::string("received ") + kNames[static_cast<int>(mode)] + " shutdown request");
  if (first) {
    pid_file_->set_status("stopping");
    notify("STOPPING=1");
    close_listeners();
    uv_timer_stop(&refill_timer_);
    while (!spares_.empty()) retire(*spares_.front());
    dispatch();   // clients that were already accepted
  }
  if (mode >= Shutdown::kFast) {
    for (Client* c : waiting_) close_client(c);
    waiting_.clear();
    signal_children(mode == Shutdown::kFast ? SIGTERM : SIGQUIT, mode == Shutdown::kImmediate);
  }
  if (mode == Shutdown::kImmediate)
    uv_timer_start(&kill_timer_, [](uv_timer_t* t) {
      auto* self = static_cast<Postmaster*>(t->loop->data);
      log(Level::kLog, "sending SIGKILL to the remaining processes");
      self->signal_children(SIGKILL, true);
    }, kKillAfterMs, 0);
  continue_shutdown();
}

void Postmaster::drain(bool at_transaction_end, uint64_t timeout_ms) {
  begin_shutdown(Shutdown::kSmart);
  if (at_transaction_end && shutdown_ == Shutdown::kSmart) {
    at_transaction_end_ = true;
    log(Level::kLog, "sessions end at their next transaction boundary");
    for (auto& c : children_)
      if (c->state == ChildState::kSession && c->pidfd >= 0) os::signal_pidfd(c->pidfd, SIGUSR2);
  }
  if (timeout_ms)
    uv_timer_start(&drain_timer_, [](uv_timer_t* t) { static_cast<Postmaster*>(t->loop->data)->begin_shutdown(Shutdown::kFast); }, timeout_ms, 0);
}

// Clients that are on their way to a process still get there; then nothing needs us.
void Postmaster::leave() {
  leaving_ = true;
  log(Level::kLog, "received request to leave; sessions go on");
  begin_shutdown(Shutdown::kSmart);
}

void Postmaster::continue_shutdown() {
  if (leaving_ && shutdown_ == Shutdown::kSmart) {
    bool on_their_way = std::any_of(children_.begin(), children_.end(), [](auto& c) { return c->client != nullptr; });
    if (waiting_.empty() && !on_their_way) uv_stop(&loop_);
    return;
  }
  if (child_count_ > (worker_ ? 1 : 0) || !waiting_.empty()) return;
  if (worker_) {
    if (worker_stopping_ || worker_->pidfd < 0) return;
    worker_stopping_ = true;
    log(Level::kLog, "shutting down");
    os::signal_pidfd(worker_->pidfd, SIGTERM);
    return;
  }
  uv_stop(&loop_);
}

}  // namespace postern::postmaster
