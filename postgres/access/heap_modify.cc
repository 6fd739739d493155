// Update, delete and row locks. A writer looks at the version under the exclusive latch; if somebody else is changing it, it gives up the latch, queues by the heavyweight tuple
// lock, waits for that transaction, and looks again.
//
// Row lock rules:
//  1. Exclusive strengths (kNoKeyUpdate, kUpdate) are xmax: as updater, or with kXmaxLockOnly. A locker writes its own xid, so that the lock goes with its savepoint; one that had the row locked already writes
//     the top xid: a rolled back savepoint at most keeps too much locked.
//  2. Shared strengths are heavyweight locks on (relation, tid, sub 1), taken before the version is looked at, and the flag kSharedLock on the version. A writer that meets the flag takes
//     the heavyweight lock in its own mode first; that waits for the sharers.
#include <bitset>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {
namespace {

using region::LatchMode;

lock::Mode heavy_mode(RowLock m) {
  switch (m) {
    case RowLock::kKeyShare: return lock::Mode::kAccessShare;
    case RowLock::kShare: return lock::Mode::kRowShare;
    case RowLock::kNoKeyUpdate: return lock::Mode::kExclusive;
    case RowLock::kUpdate: return lock::Mode::kAccessExclusive;
  }
  return lock::Mode::kAccessExclusive;
}
bool is_shared(RowLock m) { return m <= RowLock::kShare; }

// A heavyweight lock for the duration of one operation (or, kept, of the transaction).
class HeavyLock {
 public:
  HeavyLock(const RelationDesc& rel, Tid tid, uint8_t sub) : tag_(lock::tuple(rel.file.database, rel.oid, tid)) { tag_.sub = sub; }
  HeavyLock(const HeavyLock&) = delete;
  ~HeavyLock() {
    if (held_ && !kept_) lock::release(tag_, mode_);
  }
  bool held() const { return held_; }
  void keep() { kept_ = true; }
  // False: would block.
  bool acquire(lock::Mode mode, lock::Wait wait) {
    if (held_) return true;
    mode_ = mode;
    held_ = lock::acquire(tag_, mode, wait == lock::Wait::kBlock ? wait : lock::Wait::kSkip);
    return held_;
  }

 private:
  lock::Tag tag_;
  lock::Mode mode_{};
  bool held_ = false, kept_ = false;
};

enum class Look : uint8_t { kGo, kWait, kStop };
struct Seen {
  Look look;
  Xid wait{0};
  ModifyResult result{};
};

// May this process take the version with that strength now?
Seen look_at(TupleHeader* t, Tid tid, RowLock want, const txn::Snapshot& snapshot) {
  Xid xmin{t->xmin};
  if (!(t->flags & kXminCommitted)) {
    if (txn::is_mine(xmin)) {
      if (tuple_cmin(t) >= snapshot.command) return {Look::kStop, {}, {ModifyStatus::kSelfModified, tid, false, tuple_cmin(t)}};
    } else if (xmin_status(t) != txn::XidStatus::kCommitted) {
      return {Look::kStop, {}, {ModifyStatus::kDeleted, tid}};
    }
  }
  if (t->xmax == 0 || t->flags & kXmaxAborted) return {Look::kGo};
  Xid xmax{t->xmax};
  bool lock_only = t->flags & kXmaxLockOnly;
  RowLock held = t->flags & kXmaxKeyUpdate ? RowLock::kUpdate : RowLock::kNoKeyUpdate;
  if (txn::is_mine(xmax)) {
    if (lock_only) return {Look::kGo};
    return {Look::kStop, {}, {ModifyStatus::kSelfModified, tid, false, tuple_cmax(t)}};
  }
  switch (xmax_status(t)) {
    case txn::XidStatus::kAborted: return {Look::kGo};
    case txn::XidStatus::kInProgress:
      if (!lock::conflicts(heavy_mode(want), heavy_mode(held))) return {Look::kGo};
      return {Look::kWait, xmax};
    case txn::XidStatus::kCommitted: break;
  }
  if (lock_only) return {Look::kGo};
  if (want == RowLock::kKeyShare && held == RowLock::kNoKeyUpdate && t->ctid() == tid) return {Look::kGo};
  Tid next = t->ctid();
  return {Look::kStop, {}, {next == tid ? ModifyStatus::kDeleted : ModifyStatus::kUpdated, next}};
}

// What the version becomes when `xid` deletes or updates it.
XmaxChange change_for(const TupleHeader* t, uint16_t item, Xid xid, RowLock strength, uint16_t more_flags) {
  XmaxChange c{item, raw(xid), txn::command_id(), 0};
  uint16_t f = t->flags & (kHeapOnly | kHasNulls | kHasExternal);
  if (!(t->flags & kXminCommitted) && txn::is_mine(Xid{t->xmin})) {
    c.cid = txn::combo_cid(tuple_cmin(t), c.cid);
    f |= kCombo;
  }
  if (strength == RowLock::kUpdate) f |= kXmaxKeyUpdate;
  c.flags = static_cast<uint16_t>(f | more_flags);
  return c;
}

// Latched exclusively, positioned on a normal item; t null when the version is gone.
buffer::PageRef open(const RelationDesc& rel, Tid tid, TupleHeader** t) {
  if (raw(tid.page) >= raw(buffer::page_count(rel.file, Fork::kMain))) {
    *t = nullptr;
    return {};
  }
  buffer::PageRef ref = buffer::read(page_id(rel.file, Fork::kMain, tid.page), LatchMode::kExclusive);
  Page page(ref);
  *t = page.normal(tid.item) ? page.tuple(tid.item) : nullptr;
  return ref;
}

struct Writer {
  const RelationDesc& rel;
  Tid tid;
  RowLock strength;
  const txn::Snapshot& snapshot;
  HeavyLock queue{rel, tid, 0}, sharers{rel, tid, 1};

  // With the latch held: true when the change may go on; else the latch is released, and either *out says why or the caller looks again.
  enum class Next : uint8_t { kGo, kAgain, kStop };
  Next next(buffer::PageRef& ref, buffer::PageRef* other, TupleHeader* t, lock::Wait wait, ModifyResult* out) {
    auto release = [&] {
      ref.release();
      if (other) other->release();
    };
    if (!t) {
      release();
      *out = {ModifyStatus::kDeleted, tid};
      return Next::kStop;
    }
    Seen s = look_at(t, tid, strength, snapshot);
    if (s.look == Look::kStop) {
      release();
      *out = s.result;
      return Next::kStop;
    }
    bool blocked = s.look == Look::kWait;
    if (!blocked && (is_shared(strength) || !(t->flags & kSharedLock) || sharers.held())) return Next::kGo;
    release();
    if (blocked) {
      bool ok = wait == lock::Wait::kBlock && queue.acquire(lock::Mode::kExclusive, wait);
      if (ok) {
        txn::wait_for(s.wait);
        return Next::kAgain;
      }
    } else if (sharers.acquire(heavy_mode(strength), wait)) {
      return Next::kAgain;
    }
    *out = {ModifyStatus::kWouldBlock, tid};
    return Next::kStop;
  }
};

struct IndexedColumns {
  std::bitset<1664> any, unique_key;
  int last = 0;
  bool opaque = false;   // expressions or predicates: nobody here knows their columns
  explicit IndexedColumns(const RelationDesc& rel) {
    for (const IndexDesc& index : rel.indexes) {
      if (!index.expressions.empty() || !index.predicate.empty()) opaque = true;
      for (const IndexDesc::Key& k : index.keys) {
        if (k.attno <= 0) continue;
        add(k.attno);
        if (index.unique) unique_key.set(static_cast<size_t>(k.attno));
      }
      for (int16_t a : index.included) add(a);
    }
  }
  void add(int16_t attno) {
    any.set(static_cast<size_t>(attno));
    if (attno > last) last = attno;
  }
};

// Which indexed columns differ, by their stored bytes.
void compare_indexed(const RelationDesc& rel, const TupleHeader* a, const TupleHeader* b, const IndexedColumns& cols, bool* any, bool* key) {
  const TupleFormat& format = format_of(rel);
  AttrCursor ca(format, a->data(), a->bitmap()), cb(format, b->data(), b->bitmap());
  for (int attno = 1; attno <= cols.last; attno++) {
    bool missing = attno > a->natts;
    RawAttr x = missing ? RawAttr{} : ca.next(), y = cb.next();
    if (!cols.any[static_cast<size_t>(attno)]) continue;
    if (!missing && x.null == y.null && x.special == y.special && x.view() == y.view()) continue;
    *any = true;
    if (cols.unique_key[static_cast<size_t>(attno)]) *key = true;
  }
}

class Update {
 public:
  Update(const RelationDesc& rel, Tid tid, Row row, const txn::Snapshot& snapshot)
      : rel_(rel), tid_(tid), writer_{rel, tid, RowLock::kNoKeyUpdate, snapshot}, cols_(rel) {
    copy_old_if_wide(row);
    new_ = form(rel, row, {old_.empty() ? nullptr : old_.data()});
  }

  ModifyResult run() {
    ModifyResult result;
    buffer::PageRef other;   // where the new version goes when its old page is full
    for (bool pruned = false;;) {
      TupleHeader* t;
      if (other && raw(other.page()) < raw(tid_.page) && !other.latched()) other.latch(LatchMode::kExclusive);
      buffer::PageRef ref = open(rel_, tid_, &t);
      if (other && !other.latched()) other.latch(LatchMode::kExclusive);
      if (t) decide(t);
      Writer::Next next = writer_.next(ref, &other, t, lock::Wait::kBlock, &result);
      if (next == Writer::Next::kAgain) continue;
      if (next == Writer::Next::kStop) {
        give_back();
        return result;
      }
      if (Page(ref).room() >= align4(new_.length)) return same_page(ref, t);
      if (other && Page(other).room() >= align4(new_.length)) return other_page(ref, other, t);
      if (!pruned) {
        pruned = true;
        if (Page(ref).prune_xid() && prune(ref, txn::oldest_needed())) {
          other.release();
          continue;
        }
      }
      ref.release();
      other.release();
      other = page_for_insert(rel_.file, Fork::kMain, new_.length, fillfactor_reserve(rel_), tid_.page);
      if (raw(other.page()) > raw(tid_.page)) other.unlatch();
    }
  }

 private:
  void copy_old_if_wide(Row row) {
    const TupleFormat& format = format_of(rel_);
    if (data_size(format, format.natts(), row.values, row.nulls) < 1024) return;
    if (raw(tid_.page) >= raw(buffer::page_count(rel_.file, Fork::kMain))) return;
    buffer::PageRef ref = buffer::read(page_id(rel_.file, Fork::kMain, tid_.page), LatchMode::kShared);
    Page page(ref);
    if (page.normal(tid_.item) && page.tuple(tid_.item)->flags & kHasExternal) copy_old(page.tuple(tid_.item), page.item(tid_.item).length());
  }
  void copy_old(const TupleHeader* t, uint16_t length) { old_.assign(t->bytes(), t->bytes() + length); }
  // The new version won't be: neither are the values that were moved out for it.
  void give_back() {
    if (new_.header()->flags & kHasExternal) delete_externals(rel_, new_.header(), old_.empty() ? nullptr : reinterpret_cast<TupleHeader*>(old_.data()));
  }
  void decide(const TupleHeader* t) {
    bool any = false, key = false;
    compare_indexed(rel_, t, new_.header(), cols_, &any, &key);
    hot_ = !any && !cols_.opaque;
    writer_.strength = key ? RowLock::kUpdate : RowLock::kNoKeyUpdate;
  }
  void keep_old_externals(const Page& page, const TupleHeader* t) {
    if (t->flags & kHasExternal && old_.empty()) copy_old(t, page.item(tid_.item).length());
  }
  ModifyResult finish(Tid made, bool hot) {
    if (!old_.empty()) delete_externals(rel_, reinterpret_cast<TupleHeader*>(old_.data()), new_.header());
    stats::count_update(rel_.file.database, rel_.oid, hot);
    return {ModifyStatus::kOk, made, hot};
  }

  ModifyResult same_page(buffer::PageRef& ref, TupleHeader* t) {
    Page page(ref);
    keep_old_externals(page, t);
    Xid xid{new_.header()->xmin};
    Tid made{tid_.page, page.free_item()};
    new_.header()->set_ctid(made);
    if (hot_) new_.header()->flags |= kHeapOnly;
    XmaxChange change = change_for(t, tid_.item, xid, writer_.strength, hot_ ? kHotUpdated : 0);
    buffer::PageRef vm = visibility_page_to_clear(page, rel_.file, tid_.page);
    wal::Record rec(wal::Op::kHeapHotUpdate, xid);
    rec.page(ref);
    if (vm) rec.page(vm);
    rec.put(UpdateRecord{change, made.item, raw(tid_.page), raw(tid_.page), static_cast<uint8_t>(vm ? kClearsVisibility : 0)});
    rec.put(new_.bytes, new_.length);
    rec.apply();
    vm.release();
    ref.release();
    return finish(made, hot_);
  }

  ModifyResult other_page(buffer::PageRef& ref, buffer::PageRef& other, TupleHeader* t) {
    Page page(ref), to(other);
    keep_old_externals(page, t);
    Xid xid{new_.header()->xmin};
    Tid made{other.page(), to.free_item()};
    new_.header()->set_ctid(made);
    XmaxChange change = change_for(t, tid_.item, xid, writer_.strength, 0);
    buffer::PageRef vm_old = visibility_page_to_clear(page, rel_.file, tid_.page);
    buffer::PageRef vm_new;
    bool clear_new = to.all_visible(), same_map = false;
    if (clear_new) {
      vm_new = visibility_page(rel_.file, made.page, false);
      same_map = vm_old && vm_new && vm_old.page() == vm_new.page();
      if (vm_new && !same_map) vm_new.latch(LatchMode::kExclusive);
    }
    wal::Record rec(wal::Op::kHeapUpdate, xid);
    rec.page(ref);
    to.is_new() ? rec.page_new(other) : rec.page(other);
    uint8_t flags = 0;
    if (vm_old) {
      rec.page(vm_old);
      flags |= kClearsVisibility;
    }
    if (vm_new && !same_map) {
      rec.page(vm_new);
      flags |= kClearsVisibilityNew;
    }
    if (same_map) flags |= kClearsBothOnOneMap;
    rec.put(UpdateRecord{change, made.item, raw(tid_.page), raw(made.page), flags});
    rec.put(new_.bytes, new_.length);
    rec.apply();
    remember_target(rel_.file, Fork::kMain, made.page);
    vm_old.release();
    vm_new.release();
    ref.release();
    other.release();
    return finish(made, false);
  }

  const RelationDesc& rel_;
  Tid tid_;
  Writer writer_;
  IndexedColumns cols_;
  std::vector<uint8_t> old_;   // copy of the old version, if it matters for its external values
  Formed new_{};
  bool hot_ = false;
};

}  // namespace

ModifyResult update(const RelationDesc& rel, Tid tid, Row new_row, const txn::Snapshot& snapshot) { return Update(rel, tid, new_row, snapshot).run(); }

ModifyResult remove(const RelationDesc& rel, Tid tid, const txn::Snapshot& snapshot) {
  Xid xid = txn::current_xid();
  Writer writer{rel, tid, RowLock::kUpdate, snapshot};
  std::vector<uint8_t> old;
  ModifyResult result;
  for (;;) {
    TupleHeader* t;
    buffer::PageRef ref = open(rel, tid, &t);
    Writer::Next next = writer.next(ref, nullptr, t, lock::Wait::kBlock, &result);
    if (next == Writer::Next::kAgain) continue;
    if (next == Writer::Next::kStop) return result;
    Page page(ref);
    if (t->flags & kHasExternal) old.assign(t->bytes(), t->bytes() + page.item(tid.item).length());
    XmaxChange change = change_for(t, tid.item, xid, RowLock::kUpdate, 0);
    buffer::PageRef vm = visibility_page_to_clear(page, rel.file, tid.page);
    wal::Record rec(wal::Op::kHeapDelete, xid);
    rec.page(ref);
    if (vm) rec.page(vm);
    rec.put(DeleteRecord{change, static_cast<uint8_t>(vm ? kClearsVisibility : 0)});
    rec.put(raw(tid.page));
    rec.apply();
    break;
  }
  if (!old.empty()) delete_externals(rel, reinterpret_cast<TupleHeader*>(old.data()));
  stats::count_delete(rel.file.database, rel.oid);
  return {ModifyStatus::kOk, tid};
}

ModifyResult lock_row(const RelationDesc& rel, Tid tid, RowLock mode, lock::Wait wait, const txn::Snapshot& snapshot) {
  Xid own = txn::current_xid(), top = txn::top_xid_if_any();
  Writer writer{rel, tid, mode, snapshot};
  ModifyResult result;
  for (;;) {
    HeavyLock share(rel, tid, 1);
    if (is_shared(mode) && !share.acquire(heavy_mode(mode), wait)) return {ModifyStatus::kWouldBlock, tid};
    TupleHeader* t;
    buffer::PageRef ref = open(rel, tid, &t);
    Writer::Next next = writer.next(ref, nullptr, t, wait, &result);
    if (next == Writer::Next::kAgain) continue;
    if (next == Writer::Next::kStop) return result;
    bool live_xmax = t->xmax && !(t->flags & kXmaxAborted) && xmax_status(t) == txn::XidStatus::kInProgress;
    if (live_xmax && t->flags & kXmaxLockOnly && txn::is_mine(Xid{t->xmax}) && (mode != RowLock::kUpdate || t->flags & kXmaxKeyUpdate))
      return {ModifyStatus::kOk, tid};   // ours already, strong enough
    XmaxChange change{tid.item, t->xmax, t->cid, static_cast<uint16_t>(t->flags & ~kHintMask)};
    if (is_shared(mode)) {
      share.keep();
      if (t->flags & kSharedLock) return {ModifyStatus::kOk, tid};
      change.flags |= kSharedLock;
      if (!live_xmax) {
        bool gone = deleted_by_xmax(t) && xmax_status(t) == txn::XidStatus::kCommitted;   // key share on an updated row
        if (!gone) change.xmax = 0;
        if (!gone) change.flags &= static_cast<uint16_t>(~(kXmaxLockOnly | kXmaxKeyUpdate | kHotUpdated));
      }
    } else {
      // The lock goes with its savepoint, unless it stands for one taken before that as well.
      bool had_it = live_xmax && t->flags & kXmaxLockOnly && txn::is_mine(Xid{t->xmax});
      change.xmax = raw(had_it ? top : own);
      change.flags = static_cast<uint16_t>((change.flags & (kHeapOnly | kCombo | kHasNulls | kHasExternal | kSharedLock)) | kXmaxLockOnly);
      if (mode == RowLock::kUpdate) change.flags |= kXmaxKeyUpdate;
    }
    wal::Record rec(wal::Op::kHeapLock, top);
    rec.page(ref);
    rec.put(LockRecord{change});
    rec.apply();
    return {ModifyStatus::kOk, tid};
  }
}

void update_in_place(const RelationDesc& rel, Tid tid, Row row) {
  Formed f = form(rel, row);
  TupleHeader* t;
  buffer::PageRef ref = open(rel, tid, &t);
  uint32_t length = t ? Page(ref).item(tid.item).length() - t->hoff : 0;
  if (!t || t->hoff != f.header()->hoff || length != f.length - uint32_t{f.header()->hoff} ||
      (t->bitmap() && std::memcmp(t->bitmap(), f.header()->bitmap(), t->hoff - sizeof(TupleHeader)) != 0))
    throw_internal("row can't be changed in place");
  wal::Record rec(wal::Op::kHeapInPlace, Xid{f.header()->xmin});
  rec.page(ref);
  rec.put(InPlaceRecord{tid.item});
  rec.put(f.header()->data(), length);
  rec.apply();
}

}  // namespace postern::heap
