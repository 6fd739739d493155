// Inserting entries, and what a unique index must know first.
//
// Two inserters of the same key meet on the first leaf page that may hold it: both latch it exclusively, and whoever comes first keeps a latch (moving right
// hand over hand) until its entry is in place, so the second sees it.
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/wal/files.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

namespace {

struct Conflict {
  Tid tid;
  Xid wait_for{0};
  bool found = false;
};

bool has_null_key(const IndexState& st, const uint8_t* nulls) { return any_null(nulls, static_cast<uint32_t>(st.nkeys)); }

// Looks at all entries with the key's columns, from item pos of the latched page on. The page stays latched; pages to the right are latched in turn.
Conflict find_conflict(const IndexState& st, const RelationDesc& table, const SearchKey& key, const PageRef& ref, int pos) {
  PageRef next;
  const PageRef* cur = &ref;
  SearchKey after = key;
  after.rest = 1;
  after.with_tid = false;
  for (;;) {
    Page p = page_of(*cur);
    for (; pos < p.count() && !p.has(kDeleted); pos++) {
      if (!same_columns(st, key, p.entry(pos), false)) return {};
      if (p.items()[pos].dead()) continue;
      Tid tid = entry_tid(p.entry(pos));
      Xid xid{0};
      Tid live{};
      switch (heap::unique_liveness(table, tid, &xid, &live)) {
        case heap::Liveness::kDead: p.set_dead(pos); break;
        case heap::Liveness::kRecentlyDead: break;
        case heap::Liveness::kLive: return {live.valid() ? live : tid, kInvalidXid, true};
        case heap::Liveness::kInsertInProgress:
        case heap::Liveness::kDeleteInProgress: return {live.valid() ? live : tid, xid, true};
      }
    }
    if (p.rightmost() || (!p.has(kDeleted) && compare(st, after, p.high_key(), true) < 0)) return {};
    PageRef right = read_page(st, p.next(), LatchMode::kShared);
    next = std::move(right);
    cur = &next;
    pos = page_of(next).first();
  }
}

[[noreturn]] void throw_duplicate(const RelationDesc& table, const IndexDesc& index, const Datum* keys, const uint8_t* nulls) {
  SqlError e{sqlstate::kUniqueViolation, cat("duplicate key value violates unique constraint \"", index.name, "\""),
             cat("Key ", key_text(table, index, keys, nulls), " already exists.")};
  e.schema_name = table.namespace_name;
  e.table_name = table.name;
  e.constraint_name = index.name;
  throw e;
}

// Makes room by removing entries that scans and unique checks found dead. True if any were.
bool remove_dead(PageRef& ref) {
  Page p = page_of(ref);
  uint16_t dead[kMaxItems];
  int n = 0;
  for (int i = p.first(); i < p.count(); i++)
    if (p.items()[i].dead()) dead[n++] = static_cast<uint16_t>(i);
  if (n) delete_items(ref, dead, n);
  return n > 0;
}

// The rightmost leaf, latched, if the key belongs strictly inside it and the entry fits; else nothing.
PageRef try_rightmost(IndexState& st, const SearchKey& key, uint32_t size) {
  if (st.rightmost == kNoPage || raw(st.rightmost) >= raw(buffer::page_count(st.file, Fork::kMain))) return {};
  PageRef ref = buffer::pin({st.file, Fork::kMain, st.rightmost});
  if (!ref.try_latch(LatchMode::kExclusive)) return {};
  Page p = page_of(ref);
  if (p.valid() && p.leaf() && p.rightmost() && !p.has(kDeleted) && p.count() > 0 && p.fits(size)) {
    SearchKey lowest = key;   // strictly above the first entry's columns: then all equal entries are on this page
    lowest.rest = -1;
    lowest.with_tid = false;
    if (compare(st, lowest, p.entry(0), false) > 0) return ref;
  }
  st.rightmost = kNoPage;
  return {};
}

// Puts the entry where (key, tid) belongs; ref is latched and no page left of it can be the place.
void place_leaf_entry(IndexState& st, PageRef ref, const SearchKey& full, std::string_view entry, Path& path, bool* retry) {
  *retry = false;
  ref = move_right(st, std::move(ref), full, LatchMode::kExclusive, &path, true);
  Page p = page_of(ref);
  if (!p.fits(static_cast<uint32_t>(entry.size()))) {
    if (p.has(kIncompleteSplit)) {
      finish_split(st, std::move(ref), path);
      *retry = true;
      return;
    }
    remove_dead(ref);
  }
  int pos = lower_bound(st, full, p);
  if (p.rightmost() && pos == p.count()) st.rightmost = ref.page();
  place_entry(st, std::move(ref), pos, entry, path, nullptr, nullptr);
}

}  // namespace

InsertResult insert(const RelationDesc& table, const IndexDesc& index, const Datum* keys, const uint8_t* nulls, Tid tid, UniqueCheck check) {
  auto state = state_of(&table, index);
  IndexState& st = *state;
  EntryBuffer entry;
  make_leaf_entry(st, keys, nulls, tid, entry);
  SearchKey full{keys, nulls, st.nkeys, -1, true, tid};
  SearchKey columns{keys, nulls, st.nkeys, -1, false, {}};
  bool unique = check != UniqueCheck::kNone && (st.nulls_not_distinct || !has_null_key(st, nulls));
  for (;;) {
    Path path;
    const SearchKey& key = unique ? columns : full;
    PageRef ref = try_rightmost(st, key, entry.size);
    if (!ref) ref = descend(st, key, 0, LatchMode::kExclusive, &path, true);
    if (unique) {
      Conflict c = find_conflict(st, table, columns, ref, lower_bound(st, columns, page_of(ref)));
      if (c.found) {
        ref.release();
        if (check == UniqueCheck::kProbe) return {false, c.tid, c.wait_for};
        if (c.wait_for == kInvalidXid) throw_duplicate(table, index, keys, nulls);
        txn::wait_for(c.wait_for);
        continue;
      }
    }
    bool retry;
    place_leaf_entry(st, std::move(ref), full, entry.view(), path, &retry);
    if (!retry) return {true, {}, kInvalidXid};
  }
}

InsertResult probe_unique(const RelationDesc& table, const IndexDesc& index, const Datum* keys, const uint8_t* nulls) {
  auto state = state_of(&table, index);
  IndexState& st = *state;
  if (!st.nulls_not_distinct && has_null_key(st, nulls)) return {false, {}, kInvalidXid};
  SearchKey columns{keys, nulls, st.nkeys, -1, false, {}};
  PageRef ref = descend(st, columns, 0, LatchMode::kShared, nullptr, false);
  Conflict c = find_conflict(st, table, columns, ref, lower_bound(st, columns, page_of(ref)));
  return {false, c.tid, c.wait_for};
}

void create_storage(const IndexDesc& index) {
  txn::created_file(index.file);
  wal::create_relation_fork(index.file, Fork::kMain, txn::current_xid());
  create_empty_tree(index.file);
}

void attach_hooks() { register_redo_functions(); }

}  // namespace postern::btree
