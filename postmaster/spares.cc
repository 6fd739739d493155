// Clients and the spares that get them.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/cat.h"
#include "common/handoff/handoff.h"
#include "common/os/process.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"

namespace postern::postmaster {
namespace {

constexpr size_t kMaxWaiting = 512;           // accepted but not handed over; the rest stays in the kernel's backlog
constexpr int kMaxAttempts = 4;            // children that may fail a client before it is given up
constexpr int kServedBeyondLimit = 32;     // these still get a full postgres: it serves cancel requests, and says 53300 itself
constexpr uint64_t kPatienceMs = 1000, kPatienceTickMs = 20;   // over the limit a client waits that long for a session that is just ending
constexpr int kRejecters = 16;             // processes that only tell a client 53300
constexpr int kDescriptorReserve = 16;
// A client that does not authenticate may be closed after this long when processes are scarce; sooner when many wait behind it.
constexpr uint64_t kStartupGraceMs = 1'000, kHurriedGraceMs = 100, kEvictionLogMs = 1'000;
constexpr size_t kManyWaiting = 64;
constexpr uint64_t kFirstDelayMs = 100, kLongestDelayMs = 10'000;

}  // namespace

bool Postmaster::room_for_client() const {
  return waiting_.size() < kMaxWaiting && descriptors_ + kDescriptorReserve <= descriptor_limit_;
}

void Postmaster::on_connection(uv_stream_t* server, int status) {
  auto& l = *static_cast<Listener*>(server->data);
  auto* self = static_cast<Postmaster*>(server->loop->data);
  if (status < 0) {
    log(Level::kLog, cat("could not accept new connection on ", l.name, ": ", uv_strerror(status)));
    return;
  }
  self->accepted_this_turn_ = true;
  if (self->room_for_client()) self->accept_from(l);
  else l.parked = true;
}

void Postmaster::accept_from(Listener& l) {
  auto* client = new Client;
  if (l.is_tcp) uv_tcp_init(&loop_, &client->tcp);
  else uv_pipe_init(&loop_, &client->pipe, 0);
  client->handle.data = client;
  descriptors_++;
  if (int r = uv_accept(&l.stream, &client->stream); r < 0) {
    log(Level::kLog, cat("could not accept new connection on ", l.name, ": ", uv_strerror(r)));
    close_client(client);
    return;
  }
  client->arrived_ms = uv_now(&loop_);
  counters_.accepted++;
  waiting_.push_back(client);
  dispatch();
}

// Takes up the one client that each full listener parked; libuv then polls it again.
void Postmaster::resume_accepting() {
  for (auto& l : listeners_) {
    if (!l->parked || !room_for_client()) continue;
    l->parked = false;
    accept_from(*l);
  }
}

void Postmaster::close_client(Client* client) {
  descriptors_--;
  if (client->raw_fd >= 0) {
    close(client->raw_fd);
    delete client;
    return;
  }
  uv_close(&client->handle, [](uv_handle_t* h) { delete static_cast<Client*>(h->data); });
}

void Postmaster::dispatch() {
  while (!waiting_.empty()) {
    if (serving() >= max_sessions_) evict_idle_startups(serving() >= max_sessions_ + kServedBeyondLimit ? waiting_.size() : 1);
    if (serving() >= max_sessions_ + kServedBeyondLimit && uv_now(&loop_) - waiting_.front()->arrived_ms < kPatienceMs) {
      if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&patience_)))
        uv_timer_start(&patience_, [](uv_timer_t* timer) { static_cast<Postmaster*>(timer->loop->data)->dispatch(); }, kPatienceTickMs, 0);
      break;
    }
    // Rejecters are for sites full of sessions; unauthenticated clients make room by themselves.
    int limit = max_sessions_ + kServedBeyondLimit + (sessions_ >= max_sessions_ ? kRejecters : 0);
    if (serving() >= limit || (spares_.empty() && !spawn_spare())) break;
    Child* child = spares_.front();
    spares_.pop_front();
    Client* client = waiting_.front();
    waiting_.pop_front();
    hand_over(*child, client);
  }
  refill_when_idle();
}

// When processes are scarce, those go whose clients have kept them longest without authenticating: idle connections shut nobody out.
void Postmaster::evict_idle_startups(size_t count) {
  std::vector<Child*> idle;
  uint64_t grace = waiting_.size() > kManyWaiting ? kHurriedGraceMs : kStartupGraceMs;
  for (auto& c : children_)
    if (c->state == ChildState::kClaimed && !c->evicted && now_ms() - c->handed_ms >= grace) idle.push_back(c.get());
  count = std::min(count, idle.size());
  if (count == 0) return;
  std::partial_sort(idle.begin(), idle.begin() + static_cast<ptrdiff_t>(count), idle.end(), [](Child* a, Child* b) { return a->handed_ms < b->handed_ms; });
  for (size_t i = 0; i < count; i++) {
    idle[i]->evicted = true;
    os::signal_pidfd(idle[i]->pidfd, SIGTERM);
  }
  evicted_ += count;
  counters_.evicted += count;
  if (now_ms() - evictions_logged_ms_ < kEvictionLogMs) return;
  log(Level::kLog, cat("too many connections: closed ", evicted_, " that had not authenticated in time"));
  evictions_logged_ms_ = now_ms();
  evicted_ = 0;
}

void Postmaster::hand_over(Child& child, Client* client) {
  child.state = ChildState::kHanded;
  child.handed_ms = now_ms();
  child.client = client;
  static char serve = handoff::kClient, reject = handoff::kReject;
  bool full = serving() > max_sessions_ + kServedBeyondLimit;
  counters_.rejected += full;
  uv_buf_t byte = uv_buf_init(full ? &reject : &serve, 1);
  child.write.data = &child;
  child.writing = true;
  int r = uv_write2(&child.write, reinterpret_cast<uv_stream_t*>(&child.channel), &byte, 1, &client->stream, on_handed);
  if (r == 0) return;
  child.writing = false;
  channel_ended(child);
}

void Postmaster::on_handed(uv_write_t* request, int status) {
  auto& child = *static_cast<Child*>(request->data);
  child.writing = false;
  if (child.channel_open) {
    if (status < 0) child.owner->channel_ended(child);
  } else if (child.client) {
    child.owner->take_back(child);   // the channel ended while the write was pending
  }
}

void Postmaster::on_channel(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  auto& child = *static_cast<Child*>(stream->data);
  if (n == 0) return;
  if (n < 0) return child.owner->channel_ended(child);
  if (child.state != ChildState::kHanded || n != 1 || buf->base[0] != handoff::kClaimed) {
    log(Level::kLog, cat("process ", child.pid, " broke the hand-off protocol"));
    os::signal_pidfd(child.pidfd, SIGTERM);
    return;
  }
  child.state = ChildState::kClaimed;
  child.owner->refill_delay_ms_ = 0;
  child.owner->close_client(child.client);
  child.client = nullptr;
  if (child.owner->leaving_) child.owner->continue_shutdown();
}

// EOF or an error on the channel.
void Postmaster::channel_ended(Child& child) {
  if (!child.channel_open) return;
  close_channel(child);
  switch (child.state) {
    case ChildState::kSpare:
      spares_.erase(std::find(spares_.begin(), spares_.end(), &child));
      child.state = ChildState::kLeaving;
      spare_failed();
      break;
    case ChildState::kHanded:
      child.state = ChildState::kLeaving;
      os::signal_pidfd(child.pidfd, SIGTERM);
      if (!child.writing) take_back(child);
      break;
    case ChildState::kClaimed:
      child.state = child.evicted || child.exited ? ChildState::kLeaving : ChildState::kSession;
      if (child.state != ChildState::kSession) break;
      sessions_++;
      counters_.sessions_started++;
      if (child.reload_due) os::signal_pidfd(child.pidfd, SIGHUP);
      if (at_transaction_end_) os::signal_pidfd(child.pidfd, SIGUSR2);
      break;
    default: break;
  }
  finish_if_gone(child);
}

void Postmaster::take_back(Child& child) {
  Client* client = child.client;
  child.client = nullptr;
  if (client->raw_fd >= 0) open_client(&loop_, *client, client->raw_fd);
  counters_.taken_back++;
  if (++client->attempts >= kMaxAttempts || shutdown_ >= Shutdown::kFast) {
    if (shutdown_ < Shutdown::kFast) log(Level::kLog, cat("could not serve a client: ", client->attempts, " processes in a row ended before they took it"));
    counters_.given_up++;
    close_client(client);
    return;
  }
  waiting_.push_front(client);
  // Not from here: a dying pool must not recurse, and the clients behind it come in the same turn.
  uv_idle_start(&idle_, [](uv_idle_t*) {});
}

// A spare that nobody has asked to leave is gone: the next ones come slower, so that a site that can't be served doesn't cost a processor.
void Postmaster::spare_failed() {
  if (shutdown_ != Shutdown::kNone) return;
  refill_delay_ms_ = std::clamp(refill_delay_ms_ * 2, kFirstDelayMs, kLongestDelayMs);
  refill_not_before_ms_ = now_ms() + refill_delay_ms_;
  refill_when_idle();
}

void Postmaster::retire(Child& child) {
  spares_.erase(std::find(spares_.begin(), spares_.end(), &child));
  child.state = ChildState::kLeaving;
  close_channel(child);
}

// Keeps the loop turning without sleeping until on_check has found it idle often enough; or asks again later.
void Postmaster::refill_when_idle() {
  if (shutdown_ != Shutdown::kNone) return;
  bool wanted = static_cast<int>(spares_.size()) < spare_target_ && serving() < max_sessions_ + kServedBeyondLimit;
  if (!wanted && waiting_.empty()) return;
  if (now_ms() >= refill_not_before_ms_ && waiting_.empty()) {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
    return;
  }
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&refill_timer_))) return;
  uint64_t delay = now_ms() >= refill_not_before_ms_ ? kFirstDelayMs : refill_not_before_ms_ - now_ms();
  uv_timer_start(&refill_timer_, [](uv_timer_t* t) {
    auto* self = static_cast<Postmaster*>(t->loop->data);
    self->dispatch();
  }, std::min(delay, kFirstDelayMs), 0);
}

void Postmaster::on_check(uv_check_t* handle) {
  auto* self = static_cast<Postmaster*>(handle->loop->data);
  if (std::exchange(self->accepted_this_turn_, false)) return;
  if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&self->idle_))) return;
  if (!self->waiting_.empty()) {
    uv_idle_stop(&self->idle_);
    self->dispatch();
    return;
  }
  bool wanted = static_cast<int>(self->spares_.size()) < self->spare_target_ && self->now_ms() >= self->refill_not_before_ms_ &&
                self->serving() < self->max_sessions_ + kServedBeyondLimit && self->shutdown_ == Shutdown::kNone;
  if (!wanted || !self->spawn_spare()) {
    uv_idle_stop(&self->idle_);
    self->refill_when_idle();
  }
}

}  // namespace postern::postmaster
