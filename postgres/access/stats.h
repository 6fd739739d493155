// Row counters per relation in the region: what pg_stat_user_tables shows and autovacuum decides by. Estimates: they begin at zero when the region is made.
#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/ids.h"

namespace postern::stats {

struct alignas(128) RelationStats {
  std::atomic<uint64_t> key;                  // database << 32 | relation, 0 = free
  std::atomic<int64_t> inserted, updated, hot_updated, deleted;
  std::atomic<int64_t> live, dead;            // estimates
  std::atomic<int64_t> mod_since_analyze, ins_since_vacuum;
  std::atomic<int64_t> seq_scans, seq_rows, index_scans, index_rows;
  std::atomic<int64_t> last_vacuum_us, last_autovacuum_us, last_analyze_us, last_autoanalyze_us;   // since 1970, 0 never
  std::atomic<int64_t> vacuum_count, autovacuum_count, analyze_count, autoanalyze_count;
};

// The relation's counters; a shared overflow entry (key ~0) when the table is full. Cached per process: cheap.
RelationStats& of(Oid database, Oid relation);
// Counts changes of this transaction: live/dead are corrected when it aborts.
void count_insert(Oid database, Oid relation, int64_t n);
void count_update(Oid database, Oid relation, bool hot);
void count_delete(Oid database, Oid relation);
void report_vacuum(Oid database, Oid relation, int64_t live, int64_t dead_left, bool automatic);
void report_analyze(Oid database, Oid relation, int64_t live, int64_t dead, bool automatic);
void drop(Oid database, Oid relation);
std::vector<RelationStats*> all();
void attach_hooks();

}  // namespace postern::stats
