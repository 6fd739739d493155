// The postmaster: accepts clients, hands each to an exec'd postgres, and forgets it. One loop, one thread.
//
// A client's way: accepted -> waiting_ -> in flight to a child (we keep our copy of the socket) -> claimed by it (our copy is closed).
// A child's states, and what moves it on:
//
//   kSpare --hand_over()--> kHanded --byte kClaimed--> kClaimed --channel closed: authenticated--> kSession --exit--> gone
//      |                       '--channel closed: the client goes back to the front of waiting_--> kLeaving --exit--> gone
//      '--channel closed, or retire()--> kLeaving
//   kWorker --exit--> gone, restarted after a delay
//
// Invariants
// 1. No client descriptor is ever polled, read or written here; it exists only in Child::client or waiting_.
// 2. At most one client is in flight per child, and a channel that ends unclaimed loses no client.
// 3. What became of a client is decided by its channel's end, never by its process's exit: a claim may still be unread when the exit is noticed.
// 4. Children are signalled and reaped through pidfds only.
// 5. Spares are made only when no client was accepted in this turn of the loop and none waits.
// 6. Nothing here outlives us for a session: if we are killed, sessions go on, idle spares see their channel close and exit.
#pragma once
#include <uv.h>

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/settings/settings.h"
#include "postmaster/listener.h"
#include "postmaster/site.h"
#include "postmaster/program.h"

namespace postern::postmaster {

struct Client {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  int attempts = 0;             // hand-overs that ended unclaimed
  uint64_t arrived_ms = 0;      // loop time of its accept
};

enum class ChildState : uint8_t { kSpare, kHanded, kClaimed, kSession, kLeaving, kWorker };

class Postmaster;
struct Child {
  Postmaster* owner;
  ChildState state;
  int pid = -1, pidfd = -1;
  bool channel_open = false, exited = false, writing = false, reload_due = false, evicted = false;
  int open_handles = 0;         // libuv's; the Child is freed when it is 0 and the process is gone
  int exit_code = 0, exit_signal = 0;
  uint64_t started_ms = 0, handed_ms = 0;
  Client* client = nullptr;     // in flight
  uv_pipe_t channel;
  uv_poll_t exit_poll;
  uv_write_t write;
  std::list<std::unique_ptr<Child>>::iterator self;
};

enum class Shutdown : uint8_t { kNone, kSmart, kFast, kImmediate };

class Postmaster {
 public:
  Postmaster(std::string site, Settings settings, std::vector<std::pair<std::string, std::string>> command_line);
  ~Postmaster();
  int run();                    // until shut down; the exit status

 private:
  // postmaster.cc: start, settings, signals
  void start_loop();
  void listen();
  void reload();
  static void on_signal(uv_signal_t* handle, int number);

  // spares.cc: accepting, handing over, refilling
  static void on_connection(uv_stream_t* server, int status);
  void accept_from(Listener& l);
  bool room_for_client() const;
  void resume_accepting();
  void dispatch();
  void evict_idle_startups(size_t count);
  void hand_over(Child& child, Client* client);
  void take_back(Child& child);
  void close_client(Client* client);
  void refill_when_idle();
  static void on_check(uv_check_t* handle);
  static void on_channel(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf);
  static void on_handed(uv_write_t* request, int status);
  void channel_ended(Child& child);
  void retire(Child& child);
  void spare_failed();

  // children.cc: spawning, reaping, the maintenance worker
  Child* spawn(ChildState state);
  Child* spawn_spare();
  void start_worker();
  static void on_exit_poll(uv_poll_t* handle, int status, int events);
  void reap(Child& child);
  void reap_orphans();
  void finish_if_gone(Child& child);
  void report_end(const Child& child) const;
  void worker_ended(const Child& child);
  void signal_children(int number, bool workers);
  static void on_handle_closed(uv_handle_t* handle);
  void close_channel(Child& child);

  // shutdown.cc
  void begin_shutdown(Shutdown mode);
  void continue_shutdown();
  void close_listeners();

  uint64_t now_ms() const { return uv_now(&loop_); }
  int serving() const { return child_count_ - static_cast<int>(spares_.size()) - (worker_ ? 1 : 0); }

  std::string site_;
  Settings settings_;
  std::vector<std::pair<std::string, std::string>> command_line_;
  Program program_;
  std::unique_ptr<PidFile> pid_file_;
  uv_loop_t loop_;
  std::vector<uv_signal_t> signals_;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t refill_timer_, worker_timer_, kill_timer_;
  uv_timer_t patience_;         // clients that wait for sessions to end are looked at again
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::deque<Client*> waiting_;
  std::deque<Child*> spares_;   // oldest first
  std::list<std::unique_ptr<Child>> children_;
  Child* worker_ = nullptr;
  int child_count_ = 0, sessions_ = 0, spare_target_ = 0, max_sessions_ = 0;
  int descriptors_ = 0, descriptor_limit_ = 0;   // open ones, counted: beyond RLIMIT_NOFILE libuv drops clients silently
  uint64_t refill_not_before_ms_ = 0, refill_delay_ms_ = 0, worker_delay_ms_ = 0, evictions_logged_ms_ = 0;
  size_t evicted_ = 0;
  bool accepted_this_turn_ = false, worker_stopping_ = false;
  Shutdown shutdown_ = Shutdown::kNone;
};

}  // namespace postern::postmaster
