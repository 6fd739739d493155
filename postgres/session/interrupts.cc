#include "postgres/session/interrupts.h"

#include <signal.h>
#include <sys/time.h>

#include <atomic>

#include "common/base/error.h"
#include "postgres/region/region.h"
#include "postgres/session/connection.h"
#include "postgres/txn/txn.h"

namespace postern::session::interrupts {
namespace {

std::atomic<bool> g_pending{false}, g_terminate{false}, g_cancel{false}, g_timeout{false}, g_reload{false}, g_leave{false};
bool g_timer_armed = false;

void on_signal(int signal) {
  switch (signal) {
    case SIGTERM: g_terminate = true; break;
    case SIGINT: g_cancel = true; break;
    case SIGALRM: g_timeout = true; break;
    case SIGHUP: g_reload = true; break;
    case SIGUSR2: g_leave = true; break;
    default: break;   // SIGURG: look at the slot. Debuggers pass it on without stopping, and who has no handler yet ignores it
  }
  if (signal != SIGHUP && signal != SIGUSR2) g_pending = true;
  Connection::wake();
}

void disarm() {
  if (!g_timer_armed) return;
  itimerval off{};
  setitimer(ITIMER_REAL, &off, nullptr);
  g_timer_armed = false;
}

void check_end() {
  if (region::attached()) {
    uint32_t asked = region::my_slot().cancel_pending.load(std::memory_order_relaxed);
    if (asked == 2) g_terminate = true;
    if (asked == 1 && region::my_slot().cancel_pending.compare_exchange_strong(asked, 0)) g_cancel = true;
    region::throw_if_poisoned();
  }
  if (g_terminate) throw SqlError{sqlstate::kAdminShutdown, "terminating connection due to administrator command"}.fatal();
}

}  // namespace

void install_handlers() {
  struct sigaction sa{};
  sa.sa_handler = on_signal;
  sigemptyset(&sa.sa_mask);
  for (int s : {SIGTERM, SIGINT, SIGALRM, SIGHUP, SIGURG, SIGUSR2}) sigaction(s, &sa, nullptr);   // no SA_RESTART: waits must notice
  sa.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &sa, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void check() {
  if (!g_pending.load(std::memory_order_relaxed)) {
    if (region::attached() && region::my_slot().cancel_pending.load(std::memory_order_relaxed)) g_pending = true;
    else return;
  }
  g_pending = false;
  check_end();
  if (g_timeout.exchange(false)) {
    disarm();
    throw SqlError{sqlstate::kQueryCanceled, "canceling statement due to statement timeout"};
  }
  if (g_cancel.exchange(false)) throw SqlError{sqlstate::kQueryCanceled, "canceling statement due to user request"};
}

void leave_if_asked() {
  if (g_leave.load(std::memory_order_relaxed) && txn::state() == txn::State::kIdle) throw SqlError{sqlstate::kAdminShutdown, "terminating connection due to administrator command"}.fatal();
}

void check_idle() {
  check_end();
  leave_if_asked();
  g_pending = false;
  g_cancel = g_timeout = false;
}

bool take_reload() { return g_reload.exchange(false); }

void start_statement(int64_t timeout_ms) {
  g_cancel = g_timeout = false;
  next_statement(timeout_ms);
}

void next_statement(int64_t timeout_ms) {
  if (timeout_ms <= 0) return disarm();
  if (g_timer_armed) return;
  itimerval t{};
  t.it_value.tv_sec = timeout_ms / 1000;
  t.it_value.tv_usec = timeout_ms % 1000 * 1000;
  setitimer(ITIMER_REAL, &t, nullptr);
  g_timer_armed = true;
}

void end_statement() {
  disarm();
  g_timeout = false;
}

}  // namespace postern::session::interrupts
