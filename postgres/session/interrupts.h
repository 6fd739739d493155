// Asynchronous requests to this session: cancel (CancelRequest, pg_cancel_backend), termination, statement timeout, configuration reload. Signal handlers only set flags;
// check() turns them into SqlErrors at safe points (between batches, in lock waits, while waiting for the client).
#pragma once
#include <cstdint>

namespace postern::session::interrupts {

void install_handlers();
void check();                                  // throws 57014, 57P01 (FATAL), 57P02 (FATAL)
void check_idle();                             // while waiting for the client: termination, leaving between transactions (SIGUSR2), poison; a cancel that came too late is dropped
void leave_if_asked();                         // 57P01 when SIGUSR2 came and no transaction is open
bool take_reload();                            // SIGHUP came since the last call
void start_statement(int64_t timeout_ms);      // arms statement_timeout (0: none), forgets a stale cancel
void next_statement(int64_t timeout_ms);    // of the same message: the timer runs on, starts or stops as the setting now says
void end_statement();

}  // namespace postern::session::interrupts
