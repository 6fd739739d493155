// What the postmaster counts, and pg_ctl metrics explains. X(name, description).
#pragma once

#define POSTERN_POSTMASTER_COUNTERS(X) \
  X(accepted, "Client connections accepted.") \
  X(sessions_started, "Clients that were authenticated.") \
  X(taken_back, "Hand-overs that ended unclaimed; the client went to another process.") \
  X(given_up, "Clients given up after several unclaimed hand-overs.") \
  X(rejected, "Clients given to a process that only says there are too many.") \
  X(evicted, "Clients closed because they did not authenticate while processes were scarce.") \
  X(processes_started, "postgres processes started.") \
  X(processes_crashed, "postgres processes that ended by a signal or an unexpected exit status.") \
  X(worker_starts, "Starts of the maintenance worker.") \
  X(reloads, "Configuration reloads.") \
  X(upgrades, "Re-executions of the postmaster.") \
  X(programs_taken_up, "New postgres executables taken up.") \
  X(programs_refused, "New postgres or postmaster executables refused.")
