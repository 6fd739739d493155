#include "postgres/main/engine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/handoff/handoff.h"
#include "common/os/process.h"
#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/access/stats.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/fn_tables.h"
#include "postgres/ddl/ddl.h"
#include "postgres/region/region.h"
#include "postgres/session/functions.h"
#include "postgres/txn/txn.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/wal/format.h"
#include "postgres/wal/wal.h"

namespace postern::engine {

namespace {
constexpr int kWorkerSlots = 8, kSpareSlots = 64;
constexpr int64_t kSlotPatienceUs = 500'000;
}

void register_all() {
  static std::vector<const FnTables*> tables;
  for (const FnTables* t : types_fn_tables()) tables.push_back(t);
  for (const FnTables* t : catalog::kAllFnTables) tables.push_back(t);
  tables.push_back(&ddl::kDdlFns);
  tables.push_back(&ddl::kDefinitionFns);
  tables.push_back(&exec::kWindowFunctions);
  tables.push_back(&session::kSessionFns);
  set_fn_tables(tables);
  wal::attach_hooks();
  txn::attach_hooks();
  stats::attach_hooks();
  heap::attach_hooks();
  btree::attach_hooks();
  catalog::attach_hooks();
}

std::string real_site(const std::string& site) {
  char buf[PATH_MAX];
  if (!realpath(site.c_str(), buf)) throw SqlError{sqlstate::kUndefinedFile, cat("could not open site \"", site, "\": ", std::strerror(errno)), {}, "Make a new site with initdb -D DIR."};
  std::string path = buf;
  struct stat st;
  if (stat(cat(path, "/control").c_str(), &st) != 0)
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("\"", path, "\" is not a Postern site: it has no control file"), {}, "Make a new site with initdb -D DIR."};
  return path;
}

namespace {
region::AttachOptions attach_options(Settings& settings, const std::string& site, bool worker) {
  region::AttachOptions o;
  o.site = site;
  o.shared_buffers_bytes = static_cast<uint64_t>(settings.get_int("shared_buffers")) * 8192;
  o.max_slots = static_cast<int>(settings.get_int("max_connections")) + kWorkerSlots + kSpareSlots;
  o.is_worker = worker;
  return o;
}
}  // namespace

int probe(Settings& settings, const std::string& site, int handoff_version) {
  if (handoff_version != handoff::kVersion)
    throw SqlError{sqlstate::kObjectNotInPrerequisiteState, cat("it speaks version ", handoff::kVersion, " of the hand-off protocol, the postmaster version ", handoff_version)};
  wal::ControlFile control = wal::read_control(site);
  region::check_compatible(attach_options(settings, site, false));
  std::printf("{\"version\": \"%s\", \"handoff\": %d, \"control\": %u}\n", POSTERN_VERSION, handoff::kVersion, control.version);
  return 0;
}

void attach(Settings& settings, const std::string& site, bool worker) {
  region::AttachOptions o = attach_options(settings, site, worker);
  wal::set_fsync(settings.get_bool("fsync"));
  region::AttachResult r;
  for (int64_t deadline = os::monotonic_us() + kSlotPatienceUs;;) {   // sessions that are just ending free their slots
    try {
      r = region::attach(o);
      break;
    } catch (SqlError& e) {
      if (!(e.sqlstate == sqlstate::kTooManyConnections) || os::monotonic_us() > deadline) throw;
      os::sleep_us(5000);
    }
  }
  if (!r.must_recover) return;
  wal::Recovery rec = wal::recover();
  txn::after_recovery();
  if (rec.records > 0) {
    std::fprintf(stderr, "LOG:  recovered site: redo from %llX to %llX, %llu records\n", static_cast<unsigned long long>(raw(rec.redo)), static_cast<unsigned long long>(raw(rec.end)),
                 static_cast<unsigned long long>(rec.records));
    wal::checkpoint();
  }
  region::mark_ready();
}

void detach() {
  if (!region::attached() || region::poisoned()) return;
  region::detach();
}

void bootstrap(const std::string& site, const std::string& superuser, const std::string& password_hash, const std::string& locale) {
  ddl::BootstrapOptions o;
  o.site = site;
  o.superuser = superuser;
  o.password_hash = password_hash;
  o.locale = locale;
  ddl::bootstrap_site(o);
}

}  // namespace postern::engine
