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
// 6. What the new image of a re-exec needs is in save_state(): whatever a Child or Client gains must be there.
// 7. Nothing here outlives us for a session: if we are killed, sessions go on, idle spares see their channel close and exit.
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

#include "common/handoff/counters.h"
#include "common/settings/settings.h"
#include "postmaster/control.h"
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
  int raw_fd = -1;              // in flight across a re-exec: not opened in the loop, since that would change its blocking mode under the child
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
  bool adopted = false;         // started by an earlier postmaster: no child of ours, its exit status is unknown
  int generation = 0;           // of the executable it runs
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

// Since the start, kept across re-exec.
struct Counters {
#define X(name, help) uint64_t name = 0;
  POSTERN_POSTMASTER_COUNTERS(X)
#undef X
};

// What main hands to the Postmaster. arguments: as given to this program, for the next image. state_fd: left by the image before, -1 otherwise.
struct Start {
  std::string site;
  Settings settings;
  std::vector<std::pair<std::string, std::string>> command_line;
  std::vector<std::string> arguments;
  std::string own_path;
  os::Fd lock;
  int state_fd = -1;
};

void open_client(uv_loop_t* loop, Client& client, int fd);   // gives it to the loop

class Postmaster {
 public:
  explicit Postmaster(Start start);
  ~Postmaster();
  int run();                    // until shut down; the exit status

 private:
  // postmaster.cc: start, settings, signals
  void start_loop();
  void listen();
  void open_listener(Listener& l);
  std::string reload();         // why not, or empty
  void reload_sessions();
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
  std::vector<std::string> postgres_arguments(const char* title) const;
  Child* spawn(ChildState state);
  Child* add_child(ChildState state, int pid, int pidfd, int channel_fd);
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

  // upgrade.cc: new executables. `why` empty: done
  void look_for_new_program();
  void probe_program(const char* occasion);
  void take_up(Program program);
  void begin_upgrade(ControlConnection* asker);
  void upgrade_refused(const std::string& why);
  void finish_upgrade(const std::string& why);
  void watch_program();

  // restart.cc: from one image, or one postmaster, to the next
  void re_exec_when_quiet();
  bool quiet();
  std::string save_state(std::vector<int>& descriptors);
  void restore_state();
  void learn_sessions();
  void on_session_report();
  void adopt(int pid, int pidfd, bool worker);

  // control.cc
  void open_control(int fd);
  void close_control();
  static void on_control(uv_stream_t* server, int status);
  static void on_control_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf);
  void drop_control(ControlConnection* c);
  void control_request(ControlConnection& c, const std::string& line);
  void control_reply(ControlConnection& c, std::string line);
  std::string status_json() const;
  friend struct ControlConnection;

  // systemd.cc
  void start_notifications();
  void report_status();

  // shutdown.cc
  void begin_shutdown(Shutdown mode);
  void drain(bool at_transaction_end, uint64_t timeout_ms);
  void leave();
  void continue_shutdown();
  void close_listeners();

  uint64_t now_ms() const { return uv_now(&loop_); }
  int serving() const { return child_count_ - static_cast<int>(spares_.size()) - (worker_ ? 1 : 0); }

  std::string site_;
  Settings settings_;
  std::vector<std::pair<std::string, std::string>> command_line_;
  std::vector<std::string> arguments_;
  std::string own_path_;
  os::Fd lock_;                 // on postmaster.lock
  int state_fd_ = -1;
  Program program_;
  std::optional<FileIdentity> refused_;    // the file on disk that a probe has refused: not probed again until asked
  std::string refused_why_;
  std::optional<Program> next_image_;      // checked, about to be exec'd
  bool probing_ = false, upgrading_ = false, exec_due_ = false, restored_ = false, program_usable_ = true;
  int generation_ = 1;          // of program_; spares of an earlier one retire
  int tasks_ = 0;               // helper processes under way; a re-exec waits for them
  int64_t started_at_ = 0;      // wall clock, seconds
  Counters counters_;
  std::unique_ptr<PidFile> pid_file_;
  uv_loop_t loop_;
  std::vector<uv_signal_t> signals_;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t refill_timer_, worker_timer_, kill_timer_;
  uv_timer_t patience_;         // clients that wait for sessions to end are looked at again
  uv_timer_t drain_timer_, exec_timer_, watchdog_timer_, status_timer_;
  uv_fs_event_t program_watch_;
  uv_pipe_t control_;
  int control_fd_ = -1;
  std::list<std::unique_ptr<ControlConnection>> control_connections_;
  ControlConnection* upgrade_asker_ = nullptr;   // in this image
  int asker_fd_ = -1;           // from the image before
  std::string status_sent_;
  int report_fd_ = -1;          // where `postgres --worker sessions` tells of processes
  uv_poll_t report_poll_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::deque<Client*> waiting_;
  std::deque<Child*> spares_;   // oldest first
  std::list<std::unique_ptr<Child>> children_;
  Child* worker_ = nullptr;
  int child_count_ = 0, sessions_ = 0, spare_target_ = 0, max_sessions_ = 0;
  int descriptors_ = 0, descriptor_limit_ = 0;   // open ones, counted: beyond RLIMIT_NOFILE libuv drops clients silently
  uint64_t refill_not_before_ms_ = 0, refill_delay_ms_ = 0, worker_delay_ms_ = 0, evictions_logged_ms_ = 0;
  size_t evicted_ = 0;
  bool accepted_this_turn_ = false, worker_stopping_ = false, leaving_ = false, at_transaction_end_ = false;
  Shutdown shutdown_ = Shutdown::kNone;
};

}  // namespace postern::postmaster
