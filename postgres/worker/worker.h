// Maintenance: one `postgres --worker maintenance` per site checkpoints, reaps dead sessions, and starts `--worker autovacuum` for one database at a time. A postmaster supervises
// it; without one the first session starts it, and it ends when it has been the only process for a while.
#pragma once
#include <string>
#include <string_view>

#include "common/settings/settings.h"

namespace postern::worker {

// Runs the named worker to its end; returns the exit status. The process is attached to the region.
// name: "maintenance", "autovacuum", "sessions" (tells a new postmaster who is there). database: of autovacuum.
int run(std::string_view name, std::string_view database, Settings& settings, const std::string& site);
// Starts a detached maintenance worker unless one is running (sessions without a postmaster).
void ensure_maintenance(const std::string& site);

}  // namespace postern::worker
