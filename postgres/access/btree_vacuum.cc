// Vacuum: removes entries, unlinks pages that became empty, remembers them for reuse.
//
// The leaves are visited along their right links: a split moves entries only to the right of where they were, so none is missed. One vacuum per table at a time
// (ShareUpdateExclusive lock), so nobody else unlinks.
#include <algorithm>

#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/txn/interrupts.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

namespace {

// The live left sibling of an empty leaf, exclusively latched; nothing if it can't be had simply (then a later vacuum tries again).
PageRef latch_left(const IndexState& st, PageNo target, PageNo prev) {
  PageRef ref = read_page(st, prev, LatchMode::kExclusive);
  for (int hops = 0; hops < 8; hops++) {
    Page p = page_of(ref);
    if (p.has(kDeleted)) return {};
    if (p.next() == target) return p.has(kIncompleteSplit) ? PageRef{} : std::move(ref);
    if (p.rightmost()) return {};
    ref = read_page(st, p.next(), LatchMode::kExclusive);
  }
  return {};
}

// Takes an empty leaf out of the tree: its key range goes to its right sibling. Left alone: the rightmost page, the last child of its parent, and
// whatever takes part in an unfinished split.
bool unlink_leaf(IndexState& st, PageNo target_no) {
  PageNo prev;
  {
    PageRef ref = read_page(st, target_no, LatchMode::kShared);
    prev = page_of(ref).special().prev;
  }
  PageRef left;
  if (prev != kNoPage && !(left = latch_left(st, target_no, prev))) return false;
  PageRef target = read_page(st, target_no, LatchMode::kExclusive);
  Page t = page_of(target);
  if (t.has(kDeleted) || t.has(kIncompleteSplit) || t.has(kRoot) || t.rightmost() || t.count() > t.first()) return false;
  if ((left ? left.page() : kNoPage) != t.special().prev) return false;
  PageRef right = read_page(st, t.next(), LatchMode::kExclusive);

  // The downlink's key is at or below the left sibling's high key and above everything before.
  Arena arena(256);
  OwnedKey low;
  if (left) key_of_entry(st, page_of(left).high_key(), true, arena, low);
  Path path;
  PageRef parent = left ? descend(st, low.key, 1, LatchMode::kExclusive, nullptr, false) : descend_edge(st, 1, false, LatchMode::kExclusive);
  Page p = page_of(parent);
  int pos = -1;
  for (int i = p.first(); i < p.count() && pos < 0; i++)
    if (entry_child(p.entry(i)) == target_no) pos = i;
  if (pos < 0 || pos + 1 >= p.count() || entry_child(p.entry(pos + 1)) != right.page()) return false;

  PageRef meta = read_page(st, kMetaPage, LatchMode::kExclusive);
  UnlinkRecord r{};
  r.target = target_no;
  r.left = t.special().prev;
  r.right = right.page();
  r.xid = raw(txn::next_xid());
  r.parent_pos = static_cast<uint16_t>(pos);
  r.remember = page_of(meta).meta().free_count < kMaxFree;
  wal::Record rec(wal::Op::kBtreeUnlink);
  rec.page(target);
  rec.page(right);
  rec.page(parent);
  rec.page(meta);
  if (left) rec.page(left);
  rec.put(r);
  rec.apply();
  return true;
}

// Deleted pages that the meta page had no room for (or that a crash lost between taking and using them) are offered again.
void remember_deleted(IndexState& st, uint64_t* pages_deleted) {
  PageNo end = buffer::page_count(st.file, Fork::kMain);
  std::vector<PageNo> known;
  {
    PageRef meta = read_page(st, kMetaPage, LatchMode::kShared);
    const Meta& m = page_of(meta).meta();
    known.assign(m.free_pages, m.free_pages + m.free_count);
  }
  std::sort(known.begin(), known.end());
  for (uint32_t i = 1; i < raw(end) && known.size() < kMaxFree; i++) {
    if (i % 64 == 0) txn::check_interrupts();
    PageNo no{i};
    PageRef ref = buffer::read({st.file, Fork::kMain, no}, LatchMode::kShared);
    Page p = page_of(ref);
    bool free = p.valid() && p.has(kDeleted);
    ref.release();
    if (!free) continue;
    ++*pages_deleted;
    if (std::binary_search(known.begin(), known.end(), no)) continue;
    PageRef meta = read_page(st, kMetaPage, LatchMode::kExclusive);
    const Meta& m = page_of(meta).meta();
    if (m.free_count >= kMaxFree) return;
    wal::Record rec(wal::Op::kBtreeMeta);
    rec.page(meta);
    rec.put(MetaRecord{MetaChange::kAddFree, no, 0});
    rec.apply();
    known.insert(std::lower_bound(known.begin(), known.end(), no), no);
  }
}

}  // namespace

VacuumStats vacuum(const IndexDesc& index, std::span<const Tid> dead) {
  auto state = state_of(nullptr, index);
  IndexState& st = *state;
  VacuumStats stats{};
  stats.pages = raw(buffer::page_count(st.file, Fork::kMain));
  PageNo no;
  {
    PageRef ref = descend_edge(st, 0, false, LatchMode::kShared);
    no = ref.page();
  }
  bool any_deleted = false;
  while (no != kNoPage) {
    txn::check_interrupts();
    PageRef ref = read_page(st, no, LatchMode::kExclusive);
    Page p = page_of(ref);
    PageNo next = p.next();
    bool empty = false;
    if (!p.has(kDeleted)) {
      uint16_t positions[kMaxItems];
      int n = 0;
      for (int i = p.first(); i < p.count(); i++)
        if (std::binary_search(dead.begin(), dead.end(), entry_tid(p.entry(i)))) positions[n++] = static_cast<uint16_t>(i);
      if (n) delete_items(ref, positions, n);
      stats.removed += static_cast<uint64_t>(n);
      empty = p.count() == p.first() && !p.rightmost();
    }
    ref.release();
    if (empty) any_deleted |= unlink_leaf(st, no);
    no = next;
  }
  (void)any_deleted;
  remember_deleted(st, &stats.pages_deleted);
  return stats;
}

}  // namespace postern::btree
