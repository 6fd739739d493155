// The current transaction of this process: levels (0 = top, then one per savepoint), xids given lazily, what happens at the end.
#include "postgres/txn/txn.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/txn_shared.h"
#include "postgres/wal/wal.h"

namespace postern::txn {
namespace {

struct Level {
  std::string name;
  Xid xid{0};
};
struct Sub {
  Xid xid;
  int level;
};
struct Hook {
  std::function<void(bool)> fn;
  int level;
};
struct File {
  RelFile file;
  int level;
};
struct Combo {
  CommandId cmin, cmax;
};

struct Current {
  State state = State::kIdle;
  bool block = false;
  bool failed_outside_savepoint = false;
  Isolation iso = Isolation::kReadCommitted;
  bool read_only = false, snapshot_taken = false, synchronous = true;
  CommandId command = 0;
  std::vector<Level> levels;
  std::vector<Sub> subs;            // live or released subtransactions with an xid, ascending
  std::vector<Hook> hooks;
  std::vector<File> created, dropped;
  std::vector<Combo> combos;
};
Current t;

int depth() { return static_cast<int>(t.levels.size()) - 1; }

Xid assign_xid(int level) {
  Level& l = t.levels[static_cast<size_t>(level)];
  if (raw(l.xid)) return l.xid;
  if (level > 0) assign_xid(level - 1);
  l.xid = allocate_xid(level == 0);
  if (level > 0) t.subs.push_back({l.xid, level});
  return l.xid;
}

void run_hooks(int from_level, bool committed) {
  std::vector<Hook> run;
  for (size_t i = 0; i < t.hooks.size();) {
    if (t.hooks[i].level >= from_level) {
      run.push_back(std::move(t.hooks[i]));
      t.hooks.erase(t.hooks.begin() + static_cast<ptrdiff_t>(i));
    } else {
      i++;
    }
  }
  for (Hook& h : run) {
    try {
      h.fn(committed);
    } catch (...) {
      if (committed) continue;   // the outcome is fixed; hooks must not fail
    }
  }
}

// Undoes what levels >= from created.
void remove_created(int from) {
  for (const File& f : t.created) {
    if (f.level < from) continue;
    try {
      remove_files(f.file);
    } catch (...) {   // an orphan file is all that is left
    }
  }
  std::erase_if(t.created, [&](const File& f) { return f.level >= from; });
  std::erase_if(t.dropped, [&](const File& f) { return f.level >= from; });
}

void reset() {
  t.state = State::kIdle;
  t.block = false;
  t.iso = Isolation::kReadCommitted;
  t.read_only = t.snapshot_taken = false;
  t.command = 0;
  t.levels.clear();
  t.subs.clear();
  t.created.clear();
  t.dropped.clear();
  t.combos.clear();
  region::my_slot().xact_start_us.store(0);
}

void log_and_publish(Xid top) {
  std::vector<Xid> subs;
  for (const Sub& s : t.subs) subs.push_back(s.xid);
  wal::Record rec(wal::Op::kCommit, top);
  rec.put(os::wall_clock_us());
  rec.put(static_cast<uint32_t>(subs.size()));
  rec.put(static_cast<uint32_t>(t.dropped.size()));
  for (Xid x : subs) rec.put(raw(x));
  for (const File& f : t.dropped) rec.put(f.file);
  TxnSlot& slot = my_txn_slot();
  slot.commit_lsn.store(0);
  slot.committing.fetch_add(1);
  Lsn lsn{};
  try {
    lsn = rec.append(&slot.commit_lsn);   // a record without its lsn in the slot would be a commit that a reaper takes for an abort
  } catch (...) {
    slot.committing.fetch_add(1);
    throw;
  }
  try {
    if (t.synchronous || !t.dropped.empty()) {
      wal::flush(lsn);
    } else {
      std::atomic<uint64_t>& a = shared().async_lsn;
      uint64_t seen = a.load();
      while (seen < raw(lsn) && !a.compare_exchange_weak(seen, raw(lsn))) {}
    }
    publish_commit(region::my_slot_no(), top, subs.data(), subs.size());
  } catch (...) {
    region::poison("a commit record could not be made durable");   // nobody can tell whether it is: recovery decides
    throw;
  }
  slot.commit_lsn.store(0);
  slot.committing.fetch_add(1);
}

size_t find_savepoint(std::string_view name) {
  for (size_t i = t.levels.size(); i-- > 1;)
    if (t.levels[i].name == name) return i;
  throw SqlError{sqlstate::kSEInvalidSpecification, cat("savepoint \"", name, "\" does not exist")};
}

void abort_xid_quietly(Xid xid) {
  try {
    mark_aborted(xid);
  } catch (...) {
    region::poison("could not record an aborted transaction");
  }
}

}  // namespace

State state() { return t.state; }
bool in_block() { return t.block; }
Isolation isolation() { return t.iso; }
bool read_only() { return t.read_only; }
void set_synchronous_commit(bool on) { t.synchronous = on; }
int savepoint_depth() { return t.levels.empty() ? 0 : depth(); }
int nesting_level() { return savepoint_depth(); }
void note_first_snapshot() { t.snapshot_taken = true; }

void start() {
  if (t.state != State::kIdle) return;
  t.state = State::kInProgress;
  t.levels.emplace_back();
  region::my_slot().xact_start_us.store(static_cast<uint64_t>(os::wall_clock_us()));
}

void begin_block(Isolation iso, bool read_only, bool) {
  start();
  t.block = true;
  t.iso = iso;
  t.read_only = read_only;
}

void commit() {
  if (t.state == State::kIdle) return;
  if (t.state == State::kFailed) return abort();
  if (!t.dropped.empty()) current_xid();
  if (Xid top = t.levels[0].xid; raw(top)) log_and_publish(top);
  for (const File& f : t.dropped) {
    try {
      remove_files(f.file);
    } catch (...) {   // an orphan file is all that is left
    }
  }
  forget_snapshots();
  run_hooks(0, true);
  lock::release_transaction_locks();
  reset();
}

void abort() {
  if (t.state == State::kIdle) return;
  forget_snapshots();
  if (Xid top = t.levels[0].xid; raw(top)) {
    try {
      wal::Record rec(wal::Op::kAbort, top);
      rec.put(static_cast<uint32_t>(t.created.size()));
      for (const File& f : t.created) rec.put(f.file);
      rec.append();
    } catch (...) {   // without the record recovery calls it aborted anyway
    }
    for (const Sub& s : t.subs) abort_xid_quietly(s.xid);
    abort_xid_quietly(top);
    region::my_slot().xid.store(0);
    wake_waiters(region::my_slot_no());
  }
  remove_created(0);
  run_hooks(0, false);
  lock::release_transaction_locks();
  reset();
}

// Without a savepoint to go back to the transaction is over at once: its locks and row versions stand in nobody's way while the block waits for its ROLLBACK.
namespace {
// What was done at this savepoint level and deeper is undone; its locks are free.
void undo_levels(int level) {
  for (const Sub& s : t.subs)
    if (s.level >= level) abort_xid_quietly(s.xid);
  std::erase_if(t.subs, [&](const Sub& s) { return s.level >= level; });
  wake_waiters(region::my_slot_no());
  remove_created(level);
  run_hooks(level, false);
  lock::release_subtransaction_locks(level);
  for (size_t i = static_cast<size_t>(level); i < t.levels.size(); i++) t.levels[i].xid = Xid{0};
}
}  // namespace

void mark_failed() {
  if (t.state != State::kInProgress) return;
  if (depth() == 0) {
    Isolation iso = t.iso;
    bool block = t.block, read_only = t.read_only;
    abort();
    t.levels.push_back({});
    t.block = block;
    t.iso = iso;
    t.read_only = read_only;
  } else {
    undo_levels(depth());   // the innermost savepoint's work is lost in any case
  }
  t.state = State::kFailed;
}

void define_savepoint(std::string_view name) { t.levels.push_back({std::string(name), Xid{0}}); }

void rollback_to(std::string_view name) {
  size_t at = find_savepoint(name);
  undo_levels(static_cast<int>(at));
  t.levels.resize(at + 1);
  t.state = State::kInProgress;
}

void release_savepoint(std::string_view name) {
  size_t at = find_savepoint(name);
  int level = static_cast<int>(at);
  for (Sub& s : t.subs) s.level = std::min(s.level, level - 1);
  for (Hook& h : t.hooks) h.level = std::min(h.level, level - 1);
  for (File& f : t.created) f.level = std::min(f.level, level - 1);
  for (File& f : t.dropped) f.level = std::min(f.level, level - 1);
  lock::keep_subtransaction_locks(level);
  t.levels.resize(at);
}

void set_isolation(Isolation iso) {
  if (iso == t.iso) return;
  if (t.snapshot_taken) throw SqlError{sqlstate::kActiveSqlTransaction, "SET TRANSACTION ISOLATION LEVEL must be called before any query"};
  t.iso = iso;
}

void set_read_only(bool v) {
  if (!v && t.read_only && t.snapshot_taken)
    throw SqlError{sqlstate::kActiveSqlTransaction, "transaction read-write mode must be set before any query"};
  t.read_only = v;
}

Xid current_xid() {
  POSTERN_CHECK(!t.levels.empty());
  Level& l = t.levels.back();
  if (raw(l.xid)) return l.xid;
  if (t.read_only) throw SqlError{sqlstate::kReadOnlySqlTransaction, "cannot assign transaction IDs in a read-only transaction"};
  return assign_xid(depth());
}

Xid top_xid_if_any() { return t.levels.empty() ? Xid{0} : t.levels[0].xid; }
Xid next_xid() { return Xid{shared().next_xid.load()}; }

bool is_mine(Xid xid) {
  if (t.levels.empty() || !raw(t.levels[0].xid) || raw(xid) < raw(t.levels[0].xid)) return false;
  if (xid == t.levels[0].xid) return true;
  auto it = std::lower_bound(t.subs.begin(), t.subs.end(), xid, [](const Sub& s, Xid x) { return raw(s.xid) < raw(x); });
  return it != t.subs.end() && it->xid == xid;
}

CommandId command_id() { return t.command; }
void next_command() {
  if (t.command >= 0xFFFFFFFEu) throw SqlError{sqlstate::kProgramLimitExceeded, "cannot have more than 2^32-2 commands in a transaction"};
  t.command++;
}

bool hintable(Xid xid) {
  TxnShared& s = shared();
  uint64_t async = s.async_lsn.load(std::memory_order_relaxed);
  if (async == 0) return true;
  uint64_t flushed = raw(wal::flushed_lsn());
  if (async <= flushed || raw(xid) < s.durable_xid.load(std::memory_order_relaxed)) return true;
  uint64_t mark = s.async_mark_lsn.load();
  if (mark <= flushed) {   // move on: what committed before the mark was set is durable now
    uint64_t durable = s.async_mark_xid.load();
    uint64_t next = raw(oldest_running()), lsn = raw(wal::insert_lsn());
    if (s.async_mark_lsn.compare_exchange_strong(mark, lsn)) {
      uint64_t seen = s.durable_xid.load();
      while (seen < durable && !s.durable_xid.compare_exchange_weak(seen, durable)) {}
      s.async_mark_xid.store(next);
    }
  }
  return raw(xid) < s.durable_xid.load();
}

void on_end(std::function<void(bool)> fn) { t.hooks.push_back({std::move(fn), savepoint_depth()}); }
void drop_file_at_commit(RelFile file) { t.dropped.push_back({file, savepoint_depth()}); }
void created_file(RelFile file) {
  current_xid();
  t.created.push_back({file, savepoint_depth()});
}

CommandId combo_cid(CommandId cmin, CommandId cmax) {
  for (size_t i = t.combos.size(); i-- > 0 && i + 64 > t.combos.size();)
    if (t.combos[i].cmin == cmin && t.combos[i].cmax == cmax) return static_cast<CommandId>(i);
  t.combos.push_back({cmin, cmax});
  return static_cast<CommandId>(t.combos.size() - 1);
}
CommandId combo_cmin(CommandId combo) { return combo < t.combos.size() ? t.combos[combo].cmin : 0; }
CommandId combo_cmax(CommandId combo) { return combo < t.combos.size() ? t.combos[combo].cmax : 0; }

}  // namespace postern::txn
