// Pruning: removes the versions of one page that nobody can see any more. The root of a chain keeps its line pointer (index entries lead to it): as a redirect to the first
// version that remains, or as dead until vacuum has removed the index entries. Heap-only versions become unused at once.
#include <algorithm>

#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {
namespace {

class Pruner {
 public:
  Pruner(buffer::PageRef& ref, Xid horizon, bool roots_to_unused) : ref_(ref), page_(ref), horizon_(horizon), to_unused_(roots_to_unused) {}

  bool run() {
    uint16_t n = page_.items();
    std::fill_n(live_, n + 1u, Liveness::kLive);
    std::fill_n(done_, n + 1u, false);
    for (uint16_t i = 1; i <= n; i++)
      if (page_.item(i).state() == ItemState::kNormal) live_[i] = judge(i);
    for (uint16_t i = 1; i <= n; i++) {
      ItemState s = page_.item(i).state();
      if (s == ItemState::kRedirect || (s == ItemState::kNormal && !(page_.tuple(i)->flags & kHeapOnly))) chain(i);
    }
    // Heap-only versions that no chain led to: left behind by aborted updates.
    for (uint16_t i = 1; i <= n; i++)
      if (page_.item(i).state() == ItemState::kNormal && !done_[i] && live_[i] == Liveness::kDead) unused_.push_back(i);
    if (redirects_.empty() && dead_.empty() && unused_.empty()) {
      // The hint was wrong; an unlogged correction, like a hint bit.
      if (prune_xid_ != page_.prune_xid()) __atomic_store_n(reinterpret_cast<uint64_t*>(page_.base + kSpecialOffset), prune_xid_, __ATOMIC_RELAXED);
      return false;
    }
    log();
    return true;
  }

 private:
  Liveness judge(uint16_t i) {
    TupleHeader* t = page_.tuple(i);
    if (t->flags & kXminCommitted && t->xmax == 0) return Liveness::kLive;
    Liveness l = liveness(t, horizon_);
    if (l == Liveness::kRecentlyDead || l == Liveness::kDeleteInProgress)
      if (!prune_xid_ || t->xmax < prune_xid_) prune_xid_ = t->xmax;
    return l;
  }

  void chain(uint16_t root) {
    uint16_t members[kMaxItems];
    int n = 0, last_dead = -1;
    bool redirected = page_.item(root).state() == ItemState::kRedirect;
    uint16_t at = redirected ? page_.item(root).offset() : root;
    uint64_t prior_xmax = 0;
    while (page_.normal(at) && n < kMaxItems && !done_[at]) {
      TupleHeader* t = page_.tuple(at);
      if (at != root && !(t->flags & kHeapOnly)) break;
      if (prior_xmax && t->xmin != prior_xmax) break;
      done_[at] = true;
      if (live_[at] == Liveness::kDead) last_dead = n;
      members[n++] = at;
      // Where the updater was in progress when judged, it may have ended since: if it aborted, its version is dead and yet supersedes nothing.
      if (!(t->flags & kHotUpdated) || live_[at] == Liveness::kLive || live_[at] == Liveness::kInsertInProgress || live_[at] == Liveness::kDeleteInProgress) break;
      prior_xmax = t->xmax;
      at = t->ctid_item;
    }
    if (n == 0) {   // a redirect to nothing
      (to_unused_ ? unused_ : dead_).push_back(root);
      return;
    }
    if (last_dead < 0) return;
    // Everything up to the last dead one goes: a version before it that only seems recently dead was superseded by it.
    for (int i = 0; i <= last_dead; i++)
      if (members[i] != root) unused_.push_back(members[i]);
    if (last_dead + 1 < n) redirects_.push_back({root, members[last_dead + 1]});
    else (to_unused_ ? unused_ : dead_).push_back(root);
  }

  void log() {
    wal::Record rec(wal::Op::kHeapPrune);
    rec.page(ref_);
    rec.put(PruneRecord{static_cast<uint16_t>(redirects_.size()), static_cast<uint16_t>(dead_.size()), static_cast<uint16_t>(unused_.size()), prune_xid_});
    for (auto [from, to] : redirects_) {
      rec.put(from);
      rec.put(to);
    }
    rec.put(dead_.data(), dead_.size() * 2);
    rec.put(unused_.data(), unused_.size() * 2);
    rec.apply();
  }

  buffer::PageRef& ref_;
  Page page_;
  Xid horizon_;
  bool to_unused_;
  uint64_t prune_xid_ = 0;
  Liveness live_[kMaxItems + 1];
  bool done_[kMaxItems + 1];
  std::vector<std::pair<uint16_t, uint16_t>> redirects_;
  std::vector<uint16_t> dead_, unused_;
};

}  // namespace

bool prune(buffer::PageRef& ref, Xid horizon, bool roots_to_unused) {
  Page page(ref);
  if (page.is_new() || page.items() == 0 || !ref.only_pin()) return false;
  return Pruner(ref, horizon, roots_to_unused).run();
}

void prune_before_read(buffer::PageRef& ref) {
  Page page(ref);
  if (page.is_new() || page.gap() > kPageBytes / 8 || !worth_pruning(page)) return;
  if (!ref.try_latch(region::LatchMode::kExclusive)) return;
  if (worth_pruning(page)) prune(ref, txn::recent_horizon());
  ref.unlatch();
}

}  // namespace postern::heap
