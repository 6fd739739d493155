// Checkpoints, and what other layers want saved with them.
#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/buffer/buffer.h"
#include "postgres/storage/file.h"
#include "postgres/wal/internal.h"

namespace postern::wal {
namespace {

std::vector<std::function<void()>> g_hooks;
std::vector<std::function<void(SavedState&)>> g_savers;
std::vector<std::function<void(const SavedState&)>> g_loaders;
std::vector<std::function<void(Lsn)>> g_end_hooks;

// All records that end at or before the returned LSN have their pages marked dirty (wal.cc, invariant 2).
uint64_t move_redo_point() {
  region::LatchGuard guard(g_wal->insert, region::LatchMode::kExclusive);
  uint64_t redo = g_wal->insert_lsn.load();
  g_wal->redo_point.store(redo, std::memory_order_release);
  return redo;
}

}  // namespace

void on_checkpoint(std::function<void()> hook) { g_hooks.push_back(std::move(hook)); }
void on_save_state(std::function<void(SavedState&)> fn) { g_savers.push_back(std::move(fn)); }
void on_load_state(std::function<void(const SavedState&)> fn) { g_loaders.push_back(std::move(fn)); }
void on_recovery_end(std::function<void(Lsn)> fn) { g_end_hooks.push_back(std::move(fn)); }
void save_state(SavedState& s) {
  for (auto& f : g_savers) f(s);
}
void load_state(const SavedState& s) {
  for (auto& f : g_loaders) f(s);
}
void run_recovery_end(Lsn end) {
  for (auto& f : g_end_hooks) f(end);
}

void checkpoint() {
  region::LatchGuard one_at_a_time(g_wal->checkpoint, region::LatchMode::kExclusive);
  if (g_wal->insert_lsn.load() == g_wal->idle_lsn.load()) return;
  uint64_t redo = move_redo_point();
  for (auto& hook : g_hooks) hook();
  buffer::flush_all([](size_t, size_t) {   // who checkpoints is also who flushes what asynchronous commits left
    static int64_t last = 0;
    if (int64_t now = os::monotonic_us(); now - last > 200'000) {
      last = now;
      flush(insert_lsn());
    }
  });
  CheckpointData data = {};
  data.redo = redo;
  save_state(data.state);
  Record record(Op::kCheckpoint);
  record.put(data);
  uint64_t end = raw(record.append());
  flush(Lsn(end));
  ControlFile file = g_wal->file;
  file.redo = redo;
  file.checkpoint = end - (sizeof(RecordHeader) + sizeof data);
  file.checkpoint_end = end;
  file.state = data.state;
  write_control(storage::site(), file);
  g_wal->file = file;
  if (redo == file.checkpoint) g_wal->idle_lsn.store(end);
  g_wal->checkpoints.fetch_add(1, std::memory_order_relaxed);
  recycle_segments(redo);
}

}  // namespace postern::wal
