// Process primitives: futexes shared between processes, signals that can't hit a reused pid, clocks.
#pragma once
#include <atomic>
#include <cstdint>

namespace postern::os {

// False on timeout; true when woken, when the word differs, or when a signal came. timeout_ms < 0: forever.
bool futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int timeout_ms);
int futex_wake(std::atomic<uint32_t>& word, int count);

int open_pidfd(int pid);                       // -1 when there is no such process
bool signal_pidfd(int pidfd, int signal_no);

int64_t wall_clock_us();                       // since 1970
int64_t monotonic_us();
void sleep_us(int64_t us);
int own_pid();

}  // namespace postern::os
