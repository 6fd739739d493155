// Reading: deforming tuples into vectors, sequential scans, chains from an index entry, single versions.
#include <algorithm>

#include "common/base/check.h"
#include "postgres/access/heap_internal.h"

namespace postern::heap {
namespace {

using region::LatchMode;

constexpr uint32_t kPrefetchPages = 32;

Datum system_column(const RelationDesc& rel, const TupleHeader* t, int16_t attno, Tid tid, Arena& arena) {
  switch (attno) {
    case -1: {
      uint8_t b[6];
      store(b, raw(tid.page));
      store(b + 4, tid.item);
      const TypeInfo* type = find_type(oid::kTid);
      if (type && type->by_value) return uint64_t{raw(tid.page)} << 16 | tid.item;
      return make_bytes(arena, {reinterpret_cast<const char*>(b), 6});
    }
    case -2: return static_cast<uint32_t>(t->xmin);
    case -3: return tuple_cmin(t);
    case -4: return t->flags & kXmaxAborted ? 0 : static_cast<uint32_t>(t->xmax);
    case -5: return tuple_cmax(t);
    case -6: return from_oid(rel.oid);
    default: return 0;
  }
}

inline Datum variable_datum(const RawAttr& a, Arena& arena) {
  auto* b = static_cast<Bytes*>(arena.alloc(sizeof(Bytes) + a.size, 4));
  b->size = a.size;
  std::memcpy(b->data, a.p, a.size);
  return from_bytes(b);
}

// What a set of wanted columns needs, computed once per call.
struct Plan {
  const RelationDesc& rel;
  const TupleFormat& format;
  const Wanted& w;
  int first_user = 0;        // index of the first positive attno
  int last = 0;              // highest attno
  bool direct = true;        // all wanted are fixed columns at known offsets
  Plan(const RelationDesc& r, const Wanted& wanted) : rel(r), format(format_of(r)), w(wanted) {
    int n = static_cast<int>(w.attnos.size());
    while (first_user < n && w.attnos[static_cast<size_t>(first_user)] < 0) first_user++;
    for (int i = first_user; i < n; i++) {
      auto attno = static_cast<uint32_t>(w.attnos[static_cast<size_t>(i)]);
      last = static_cast<int>(attno);
      if (attno > format.known_offsets || format.attrs[attno - 1].kind >= StoreKind::kFixed) direct = false;
    }
  }

  bool takes_direct(const TupleHeader* t) const { return direct && !(t->flags & kHasNulls) && t->natts >= last; }

  void system(const TupleHeader* t, Tid tid, uint32_t row, Arena& arena) const {
    for (int i = 0; i < first_user; i++) {
      set(i, row, system_column(rel, t, w.attnos[static_cast<size_t>(i)], tid, arena), false);
    }
  }
  void user(const TupleHeader* t, uint32_t row, Arena& arena) const {
    const uint8_t* bitmap = t->bitmap();
    AttrCursor c(format, t->data(), bitmap);
    int n = static_cast<int>(w.attnos.size());
    for (int i = first_user; i < n; i++) {
      auto at = static_cast<uint32_t>(w.attnos[static_cast<size_t>(i)] - 1);
      if (at >= t->natts) {
        const AttrDesc& a = rel.attrs[at];
        set(i, row, a.missing, !a.has_missing);
        continue;
      }
      if (!bitmap && at < format.known_offsets && c.index() < format.known_offsets && at > c.index()) {
        c = AttrCursor(format, t->data(), nullptr);
        c.jump(at);
      }
      while (c.index() < at) c.next();
      RawAttr a = c.next();
      if (a.null) {
        set(i, row, 0, true);
        continue;
      }
      const AttrFormat& f = format.attrs[at];
      Datum d = f.kind < StoreKind::kFixed ? load_fixed(f.kind, a.p)
                : a.special                ? raw_to_datum(f, a, arena, rel.file)
                                           : variable_datum(a, arena);
      set(i, row, d, false);
    }
  }
  // Fixed columns of rows whose tuples all take the direct way, column by column.
  void columns(TupleHeader* const* tuples, uint32_t n, uint32_t row) const {
    for (size_t i = static_cast<size_t>(first_user); i < w.attnos.size(); i++) {
      const AttrFormat& f = format.attrs[static_cast<size_t>(w.attnos[i] - 1)];
      Datum* out = w.out[i].values + row;
      auto each = [&](auto get) {
        for (uint32_t k = 0; k < n; k++) out[k] = get(tuples[k]->data() + f.offset);
      };
      switch (f.kind) {
        case StoreKind::kU8: each([](const uint8_t* p) { return Datum{*p}; }); break;
        case StoreKind::kI16: each([](const uint8_t* p) { return from_int(load<int16_t>(p)); }); break;
        case StoreKind::kI32: each([](const uint8_t* p) { return from_int(load<int32_t>(p)); }); break;
        case StoreKind::kU32: each([](const uint8_t* p) { return Datum{load<uint32_t>(p)}; }); break;
        default: each([](const uint8_t* p) { return load<uint64_t>(p); }); break;
      }
      if (w.out[i].nulls) std::memset(w.out[i].nulls + row, 0, n);
    }
  }

 private:
  void set(int i, uint32_t row, Datum d, bool null) const {
    Vector& v = w.out[i];
    v.values[row] = d;
    if (v.nulls) v.nulls[row] = null;
  }
};

}  // namespace

void deform(const RelationDesc& rel, const TupleHeader* t, const Wanted& w, uint32_t row, Arena& arena) { Plan(rel, w).user(t, row, arena); }

Scan::Scan(const RelationDesc& rel, const txn::Snapshot& snapshot, PageNo first, PageNo end)
    : rel_(rel), snapshot_(snapshot), first_(first), end_(end), page_(first) {
  PageNo pages = buffer::page_count(rel.file, Fork::kMain);
  if (end_ == kInvalidPageNo || raw(end_) > raw(pages)) end_ = pages;
  big_ = raw(end_) - std::min(raw(first_), raw(end_)) > 256;
  if (raw(first) == 0) stats::of(rel.file.database, rel.oid).seq_scans.fetch_add(1, std::memory_order_relaxed);
}

void Scan::rewind() {
  page_ = first_;
  item_ = 1;
}

uint32_t Scan::next(const Wanted& wanted, Arena& arena) {
  Plan plan(rel_, wanted);
  Visibility visibility(snapshot_);
  uint32_t rows = 0;
  TupleHeader* tuples[kMaxItems];
  uint16_t items[kMaxItems];
  while (rows < kBatchRows && raw(page_) < raw(end_)) {
    if (item_ == 1 && big_ && (raw(page_) - raw(first_)) % kPrefetchPages == 0)
      buffer::prefetch(page_id(rel_.file, Fork::kMain, PageNo{raw(page_) + kPrefetchPages}), std::min(kPrefetchPages, raw(end_) - std::min(raw(end_), raw(page_) + kPrefetchPages)));
    buffer::PageRef ref = buffer::pin(page_id(rel_.file, Fork::kMain, page_), big_ ? buffer::Access::kScan : buffer::Access::kNormal);
    if (item_ == 1) prune_before_read(ref);
    ref.latch(LatchMode::kShared);
    Page page(ref);
    visibility.refresh();
    bool all_visible = page.all_visible(), direct = true;
    uint32_t n = 0, room = kBatchRows - rows;
    uint16_t last = page.items(), i = item_;
    for (; i <= last && n < room; i++) {
      ItemId id = page.item(i);
      if (id.state() != ItemState::kNormal) continue;
      auto* t = reinterpret_cast<TupleHeader*>(page.base + id.offset());
      if (!all_visible && !visibility.sees(t)) continue;
      direct &= plan.takes_direct(t);
      tuples[n] = t;
      items[n++] = i;
    }
    if (direct) {
      plan.columns(tuples, n, rows);
    } else {
      for (uint32_t k = 0; k < n; k++) plan.user(tuples[k], rows + k, arena);
    }
    if (plan.first_user)
      for (uint32_t k = 0; k < n; k++) plan.system(tuples[k], {page_, items[k]}, rows + k, arena);
    if (wanted.tids)
      for (uint32_t k = 0; k < n; k++) wanted.tids[rows + k] = {page_, items[k]};
    rows += n;
    if (i <= last) {
      item_ = i;
    } else {
      item_ = 1;
      page_ = PageNo{raw(page_) + 1};
    }
  }
  return rows;
}

namespace {

// Walks the HOT chain of a root on a latched page: fn(tuple, item) returns true to stop. Returns whether it was stopped.
template <class F>
bool walk_chain(const Page& page, uint16_t root, F&& fn) {
  if (root < 1 || root > page.items()) return false;
  uint16_t at = root;
  if (page.item(at).state() == ItemState::kRedirect) at = page.item(at).offset();
  uint64_t prior_xmax = 0;
  for (int steps = 0; steps < kMaxItems && page.normal(at); steps++) {
    TupleHeader* t = page.tuple(at);
    if (steps == 0 && at == root && t->flags & kHeapOnly) return false;   // the item was reused: not a root
    if (prior_xmax && t->xmin != prior_xmax) return false;
    if (fn(t, at)) return true;
    if (!(t->flags & kHotUpdated)) return false;
    prior_xmax = t->xmax;
    at = t->ctid_item;
  }
  return false;
}

}  // namespace

uint32_t fetch(const RelationDesc& rel, std::span<const Tid> roots, const txn::Snapshot& snapshot, const Wanted& wanted, Arena& arena, uint16_t* source,
               uint8_t* all_dead) {
  Plan plan(rel, wanted);
  Visibility visibility(snapshot);
  uint32_t rows = 0;
  buffer::PageRef ref;
  PageNo at = kInvalidPageNo;
  PageNo pages = buffer::page_count(rel.file, Fork::kMain);
  for (size_t r = 0; r < roots.size(); r++) {
    Tid root = roots[r];
    if (all_dead) all_dead[r] = 0;
    if (raw(root.page) >= raw(pages)) continue;
    if (root.page != at) {
      ref.release();
      ref = buffer::pin(page_id(rel.file, Fork::kMain, root.page));
      prune_before_read(ref);
      ref.latch(LatchMode::kShared);
      at = root.page;
    }
    Page page(ref);
    bool dead = true;
    bool found = walk_chain(page, root.item, [&](TupleHeader* t, uint16_t item) {
      if (page.all_visible() || visibility.sees(t)) {
        plan.user(t, rows, arena);
        if (plan.first_user) plan.system(t, {root.page, item}, rows, arena);
        if (wanted.tids) wanted.tids[rows] = {root.page, item};
        if (source) source[rows] = static_cast<uint16_t>(r);
        rows++;
        return true;
      }
      if (all_dead && dead) dead = liveness(t, txn::recent_horizon()) == Liveness::kDead;
      return false;
    });
    if (all_dead && !found) all_dead[r] = dead;
  }
  return rows;
}

bool fetch_version(const RelationDesc& rel, Tid tid, const txn::Snapshot* snapshot, const Wanted& wanted, Arena& arena) {
  if (raw(tid.page) >= raw(buffer::page_count(rel.file, Fork::kMain))) return false;
  buffer::PageRef ref = buffer::read(page_id(rel.file, Fork::kMain, tid.page), LatchMode::kShared);
  Page page(ref);
  if (!page.normal(tid.item)) return false;
  TupleHeader* t = page.tuple(tid.item);
  if (snapshot && !Visibility(*snapshot).sees(t)) return false;
  Plan plan(rel, wanted);
  plan.user(t, 0, arena);
  plan.system(t, tid, 0, arena);
  if (wanted.tids) wanted.tids[0] = tid;
  return true;
}

Liveness unique_liveness(const RelationDesc& rel, Tid root, Xid* wait_for_xid, Tid* live_tid) {
  if (raw(root.page) >= raw(buffer::page_count(rel.file, Fork::kMain))) return Liveness::kDead;
  buffer::PageRef ref = buffer::read(page_id(rel.file, Fork::kMain, root.page), LatchMode::kShared);
  Page page(ref);
  Liveness result = Liveness::kDead;
  Xid horizon = txn::recent_horizon();
  walk_chain(page, root.item, [&](TupleHeader* t, uint16_t item) {
    bool own_insert = !(t->flags & kXminCommitted) && txn::is_mine(Xid{t->xmin});
    bool own_delete = deleted_by_xmax(t) && txn::is_mine(Xid{t->xmax});
    Xid xid{0};
    Liveness l;
    if (own_delete) l = Liveness::kRecentlyDead;
    else if (own_insert) l = deleted_by_xmax(t) && xmax_status(t) != txn::XidStatus::kAborted ? Liveness::kDeleteInProgress : Liveness::kLive;
    else l = liveness(t, horizon, &xid);
    switch (l) {
      case Liveness::kDead: return false;
      case Liveness::kRecentlyDead: result = l; return false;
      case Liveness::kLive: break;
      case Liveness::kInsertInProgress:
      case Liveness::kDeleteInProgress:
        if (wait_for_xid) *wait_for_xid = xid;
        break;
    }
    if (live_tid) *live_tid = {root.page, item};
    result = l;
    return true;
  });
  return result;
}

BuildScan::BuildScan(const RelationDesc& rel) : rel_(rel), end_(buffer::page_count(rel.file, Fork::kMain)) {}

uint32_t BuildScan::next(const Wanted& wanted, Arena& arena) {
  Plan plan(rel_, wanted);
  Xid horizon = txn::recent_horizon();
  uint32_t rows = 0;
  while (rows < kBatchRows && raw(page_) < raw(end_)) {
    buffer::PageRef ref = buffer::read(page_id(rel_.file, Fork::kMain, page_), LatchMode::kShared, buffer::Access::kScan);
    Page page(ref);
    uint16_t last = page.items(), i = item_;
    for (; i <= last && rows < kBatchRows; i++) {
      ItemState s = page.item(i).state();
      if (s != ItemState::kRedirect && !(s == ItemState::kNormal && !(page.tuple(i)->flags & kHeapOnly))) continue;
      TupleHeader* newest = nullptr;
      uint16_t newest_item = 0;
      walk_chain(page, i, [&](TupleHeader* t, uint16_t item) {
        if (liveness(t, horizon) == Liveness::kDead) return false;
        newest = t;
        newest_item = item;
        return false;
      });
      if (!newest) continue;
      plan.user(newest, rows, arena);
      plan.system(newest, {page_, newest_item}, rows, arena);
      if (wanted.tids) wanted.tids[rows] = {page_, i};
      rows++;
    }
    if (i <= last) {
      item_ = i;
    } else {
      item_ = 1;
      page_ = PageNo{raw(page_) + 1};
    }
  }
  return rows;
}

}  // namespace postern::heap
