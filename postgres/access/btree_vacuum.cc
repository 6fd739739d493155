// Vacuum: removes entries, unlinks pages that became empty, remembers them for reuse.
//
// The pages are visited in the order of the file. A split moves entries to a page with a higher number, which comes later, or to a reused one, which may have been passed:
// a page that others changed since vacuum began (its LSN tells) is therefore followed to its right sibling if that lies behind. One vacuum per table at a time
// (ShareUpdateExclusive lock), so nobody else unlinks.
#include <algorithm>

#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/txn/interrupts.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

namespace {

// Which pages others have changed since vacuum began: those with a later LSN that isn't of a record of our own. What we are about to change, others may have changed before.
class Changes {
 public:
  Changes() : begin_(wal::insert_lsn()) {}
  bool by_others(PageNo no, Page p) const {
    Lsn lsn{p.header().lsn};
    return (lsn > begin_ && !std::binary_search(own_.begin(), own_.end(), lsn)) || std::find(changed_.begin(), changed_.end(), no) != changed_.end();
  }
  void before(const PageRef& ref) {
    if (by_others(ref.page(), page_of(ref)) && std::find(changed_.begin(), changed_.end(), ref.page()) == changed_.end()) changed_.push_back(ref.page());
  }
  void after(const PageRef& ref) { own_.push_back(Lsn{page_of(ref).header().lsn}); }

 private:
  Lsn begin_;
  std::vector<Lsn> own_;          // ascending
  std::vector<PageNo> changed_;   // few
};

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
bool unlink_leaf(IndexState& st, PageNo target_no, Changes& changes) {
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
  changes.before(right);
  if (left) changes.before(left);
  wal::Record rec(wal::Op::kBtreeUnlink);
  rec.page(target);
  rec.page(right);
  rec.page(parent);
  rec.page(meta);
  if (left) rec.page(left);
  rec.put(r);
  rec.apply();
  changes.after(right);
  return true;
}

// Deleted pages that the meta page had no room for (or that a crash lost between taking and using them) are offered again.
void remember_deleted(IndexState& st, const std::vector<PageNo>& deleted) {
  for (PageNo no : deleted) {
    PageRef ref = buffer::read({st.file, Fork::kMain, no}, LatchMode::kShared);
    if (!page_of(ref).has(kDeleted)) continue;
    PageRef meta = read_page(st, kMetaPage, LatchMode::kExclusive);
    const Meta& m = page_of(meta).meta();
    if (m.free_count >= kMaxFree) return;
    if (std::find(m.free_pages, m.free_pages + m.free_count, no) != m.free_pages + m.free_count) continue;
    wal::Record rec(wal::Op::kBtreeMeta);
    rec.page(meta);
    rec.put(MetaRecord{MetaChange::kAddFree, no, 0});
    rec.apply();
  }
}

class Vacuum {
 public:
  Vacuum(IndexState& st, const heap::DeadTids& dead) : st_(st), dead_(dead) {}

  VacuumStats run() {
    for (uint32_t at = 1; at < raw(buffer::page_count(st_.file, Fork::kMain)); at++) {
      if (at % 32 == 0) txn::check_interrupts();
      // Whatever was split since the beginning may have moved entries to a page that was passed already.
      for (PageNo no{at}; no != kNoPage; no = visit(no))
        if (no > PageNo{at}) break;
    }
    remember_deleted(st_, deleted_);
    stats_.pages = raw(buffer::page_count(st_.file, Fork::kMain));
    return stats_;
  }

 private:
  // Cleans one page; returns its right sibling if that may hold entries which were on this page when vacuum began.
  PageNo visit(PageNo no) {
    PageRef ref = buffer::read({st_.file, Fork::kMain, no}, LatchMode::kExclusive, buffer::Access::kScan);
    Page p = page_of(ref);
    if (!p.valid() || p.has(kMeta)) return kNoPage;
    if (p.has(kDeleted)) {
      stats_.pages_deleted++;
      if (deleted_.size() < kMaxFree) deleted_.push_back(no);
      return kNoPage;
    }
    if (!p.leaf()) return kNoPage;
    PageNo next = changes_.by_others(no, p) ? p.next() : kNoPage;
    uint16_t positions[kMaxItems];
    int n = 0;
    for (int i = p.first(); i < p.count(); i++)
      if (dead_.contains(entry_tid(p.entry(i)))) positions[n++] = static_cast<uint16_t>(i);
    if (n) {
      delete_items(ref, positions, n);
      changes_.after(ref);
    }
    stats_.removed += static_cast<uint64_t>(n);
    bool empty = p.count() == p.first() && !p.rightmost();
    ref.release();
    if (empty) unlink_leaf(st_, no, changes_);
    return next;
  }

  IndexState& st_;
  const heap::DeadTids& dead_;
  Changes changes_;
  VacuumStats stats_{};
  std::vector<PageNo> deleted_;
};

}  // namespace

VacuumStats vacuum(const IndexDesc& index, const heap::DeadTids& dead) {
  auto state = state_of(nullptr, index);
  return Vacuum(*state, dead).run();
}

}  // namespace postern::btree
