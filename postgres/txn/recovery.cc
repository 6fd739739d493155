// What recovery does with this layer's records, and what a new region needs to know before anything runs.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/storage/file.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/txn_shared.h"
#include "postgres/wal/files.h"
#include "postgres/wal/wal.h"

namespace postern::txn {
namespace {

struct Created {
  Xid xid;
  RelFile file;
};
std::vector<Created> g_created;   // by transactions not known to have committed

void raise_xid(uint64_t next) {
  init_from_disk();
  TxnShared& s = shared();
  if (next > s.xid_limit.load()) s.xid_limit = next;
}

void forget_created(Xid xid) {
  std::erase_if(g_created, [&](const Created& c) { return c.xid == xid; });
}

void replay_commit(std::string_view data, Xid xid, Lsn) {
  raise_xid(raw(xid) + 1);
  const char* p = data.data() + 8;
  uint32_t n_subs = load<uint32_t>(p), n_drops = load<uint32_t>(p + 4);
  if (data.size() != 16 + size_t{n_subs} * 8 + size_t{n_drops} * 8) throw SqlError{sqlstate::kDataCorrupted, "invalid commit record"};
  p += 8;
  set_clog(xid, XidStatus::kCommitted);
  forget_created(xid);
  for (uint32_t i = 0; i < n_subs; i++, p += 8) {
    Xid sub{load<uint64_t>(p)};
    raise_xid(raw(sub) + 1);
    set_clog(sub, XidStatus::kCommitted);
    forget_created(sub);
  }
  for (uint32_t i = 0; i < n_drops; i++, p += 8) remove_files(load<RelFile>(p));
}

void replay_abort(std::string_view data, Xid xid, Lsn) {
  raise_xid(raw(xid) + 1);
  uint32_t n = load<uint32_t>(data.data());
  if (data.size() != 4 + size_t{n} * 8) throw SqlError{sqlstate::kDataCorrupted, "invalid abort record"};
  for (uint32_t i = 0; i < n; i++) {
    RelFile f = load<RelFile>(data.data() + 4 + i * 8);
    remove_files(f);
    std::erase_if(g_created, [&](const Created& c) { return c.file == f; });
  }
  set_clog(xid, XidStatus::kAborted);
}

void replay_xid_alloc(std::string_view data, Xid, Lsn) { raise_xid(load<uint64_t>(data.data())); }

void replay_oid_alloc(std::string_view data, Xid, Lsn) {
  init_from_disk();
  auto limit = static_cast<uint32_t>(load<uint64_t>(data.data()));
  shared().oid_limit = limit;   // the newest record counts: the counter wraps
}

void replay_file_create(std::string_view data, Xid xid, Lsn) {
  auto r = load<wal::FileRecord>(data.data());
  RelFile file{Oid{r.database}, Oid{r.number}};
  if (raw(xid) && std::none_of(g_created.begin(), g_created.end(), [&](const Created& c) { return c.file == file; })) g_created.push_back({xid, file});
}

void load_counters(const wal::SavedState& state) {
  if (state.next_xid) raise_xid(state.next_xid);
  else init_from_disk();
  if (state.next_oid) shared().oid_limit = static_cast<uint32_t>(state.next_oid);
}

}  // namespace

void remove_files(RelFile file) {
  buffer::drop_relation(file);
  storage::unlink_all(file);
}

void attach_hooks() {
  register_shared_area();
  region::on_slot_death(complete_dead_slot);
  lock::attach_hooks();
  wal::register_replay(wal::Op::kCommit, replay_commit);
  wal::register_replay(wal::Op::kAbort, replay_abort);
  wal::register_replay(wal::Op::kXidAlloc, replay_xid_alloc);
  wal::register_replay(wal::Op::kOidAlloc, replay_oid_alloc);
  wal::register_replay(wal::Op::kFileCreate, replay_file_create);
  wal::on_checkpoint(flush_status);
  wal::on_save_state([](wal::SavedState& state) {
    region::LatchGuard guard(shared().xid_gen, region::LatchMode::kExclusive);   // limits that are logged are set, too
    state.next_xid = shared().xid_limit.load();
    state.next_oid = shared().oid_limit.load();
    state.next_csn = shared().csn.load();
    state.oldest_xid = shared().horizon.load();
  });
  wal::on_load_state(load_counters);
}

void after_recovery() {
  init_from_disk();
  for (const Created& c : g_created) remove_files(c.file);
  g_created = {};
  TxnShared& s = shared();
  uint64_t next = s.xid_limit.load();
  s.next_xid = s.recovery_xid = s.ring_low = next;
  s.xmin_hint = s.horizon = next;
  s.next_oid = s.oid_limit.load();
}

}  // namespace postern::txn
