// VACUUM: prunes every page that is not all-visible, has the dead roots' index entries removed, then frees their line pointers; rewrites the free space map, sets
// visibility bits, removes dead chunks of the toast fork, and gives empty pages at the end back.
#include <algorithm>

#include "common/base/check.h"
#include "common/os/process.h"
#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"
#include "postgres/txn/interrupts.h"
#include "postgres/txn/oid.h"
#include "postgres/wal/files.h"

namespace postern::heap {
namespace {

using region::LatchMode;

constexpr size_t kMaxDead = 8 << 20;   // tids collected before the indexes are cleaned (64 MB)
constexpr uint32_t kMinTruncate = 16;  // fewer empty pages at the end are not worth the lock

// Pinned and exclusively latched with nobody else's pin; empty after some patience: then the page is left for the next time.
buffer::PageRef clean_up_latch(RelFile file, Fork fork, PageNo no) {
  for (int tries = 0; tries < 50; tries++) {
    buffer::PageRef ref = buffer::read(page_id(file, fork, no), LatchMode::kExclusive, buffer::Access::kScan);
    if (ref.only_pin()) return ref;
    ref.release();
    os::sleep_us(tries < 10 ? 10 : 200);
  }
  return {};
}

struct HeldLock {
  lock::Tag tag;
  lock::Mode mode;
  bool held;
  HeldLock(const lock::Tag& t, lock::Mode m, lock::Wait wait) : tag(t), mode(m), held(lock::acquire(t, m, wait)) {}
  HeldLock(const HeldLock&) = delete;
  ~HeldLock() {
    if (held) lock::release(tag, mode);
  }
};

class Vacuum {
 public:
  Vacuum(const RelationDesc& rel, const std::function<void(std::span<const Tid>)>& clean) : rel_(rel), clean_(clean), horizon_(txn::oldest_needed()) {}

  VacuumStats run() {
    PageNo pages = buffer::page_count(rel_.file, Fork::kMain);
    free_.assign(raw(pages), 0);
    for (uint32_t p = 0; p < raw(pages); p++) {
      txn::check_interrupts();
      first_pass(PageNo{p});
      if (dead_.size() >= kMaxDead) clean_dead();
    }
    clean_dead();
    stats_.pages = raw(pages);
    uint32_t kept = truncate(raw(pages));
    free_.resize(kept);
    write_free(rel_.file, Fork::kMain, free_);
    vacuum_toast();
    return stats_;
  }
  int64_t dead_left() const { return dead_left_; }

 private:
  void first_pass(PageNo no) {
    {
      buffer::PageRef ref = buffer::read(page_id(rel_.file, Fork::kMain, no), LatchMode::kShared, buffer::Access::kScan);
      Page page(ref);
      if (page.all_visible() && vm_bit(no)) {
        stats_.pages_all_visible++;
        for (uint16_t i = 1; i <= page.items(); i++) stats_.tuples_left += page.item(i).state() == ItemState::kNormal;
        free_[raw(no)] = free_category(page.room());
        return;
      }
    }
    buffer::PageRef ref = clean_up_latch(rel_.file, Fork::kMain, no);
    if (!ref) return;
    Page page(ref);
    uint16_t before = normal_items(page);
    prune(ref, horizon_);
    stats_.tuples_removed += before - normal_items(page);
    bool any_dead = false;
    for (uint16_t i = 1; i <= page.items(); i++)
      if (page.item(i).state() == ItemState::kDead) {
        dead_.push_back({no, i});
        any_dead = true;
      }
    stats_.tuples_left += normal_items(page);
    if (!any_dead) set_all_visible(ref);
    free_[raw(no)] = free_category(page.room());
  }

  static uint16_t normal_items(const Page& page) {
    uint16_t n = 0;
    for (uint16_t i = 1; i <= page.items(); i++) n = static_cast<uint16_t>(n + (page.item(i).state() == ItemState::kNormal));
    return n;
  }

  void clean_dead() {
    if (dead_.empty()) return;
    clean_(dead_);
    for (size_t i = 0; i < dead_.size();) {
      size_t end = i;
      while (end < dead_.size() && dead_[end].page == dead_[i].page) end++;
      txn::check_interrupts();
      PageNo no = dead_[i].page;
      buffer::PageRef ref = buffer::read(page_id(rel_.file, Fork::kMain, no), LatchMode::kExclusive);
      Page page(ref);
      if (ref.only_pin() || (ref.release(), ref = clean_up_latch(rel_.file, Fork::kMain, no), bool(ref))) {
        page = Page(ref);
        wal::Record rec(wal::Op::kHeapVacuum);
        rec.page(ref);
        rec.put(VacuumRecord{static_cast<uint16_t>(end - i)});
        for (size_t k = i; k < end; k++) {
          POSTERN_CHECK(page.item(dead_[k].item).state() == ItemState::kDead);
          rec.put(dead_[k].item);
        }
        rec.apply();
        set_all_visible(ref);
        free_[raw(no)] = free_category(page.room());
      }
      i = end;
    }
    dead_.clear();
  }

  bool vm_bit(PageNo no) {
    buffer::PageRef vm = visibility_page(rel_.file, no, false);
    return vm && visibility_bit(vm.data(), no);
  }

  void set_all_visible(buffer::PageRef& ref) {
    Page page(ref);
    if (page.is_new() || page.items() == 0) return;   // pages that may be truncated keep no bit
    int64_t dead = 0;
    bool all = true, any = false;
    for (uint16_t i = 1; i <= page.items(); i++) {
      ItemState s = page.item(i).state();
      if (s == ItemState::kDead) all = false;
      if (s != ItemState::kNormal) continue;
      any = true;
      TupleHeader* t = page.tuple(i);
      bool visible = xmin_status(t) == txn::XidStatus::kCommitted && t->xmin < raw(horizon_);
      if (visible && deleted_by_xmax(t)) visible = xmax_status(t) == txn::XidStatus::kAborted;
      if (!visible) {
        all = false;
        if (deleted_by_xmax(t)) dead++;
      }
    }
    dead_left_ += dead;
    if (!all || !any) return;
    PageNo no = ref.page();
    buffer::PageRef vm = visibility_page(rel_.file, no, true);
    vm.latch(LatchMode::kExclusive);
    stats_.pages_all_visible++;
    if (page.all_visible() && visibility_bit(vm.data(), no)) return;
    wal::Record rec(wal::Op::kHeapAllVisible);
    rec.page(ref);
    rec.page(vm);
    rec.put(AllVisibleRecord{raw(no)});
    rec.apply();
  }

  // Returns how many pages remain.
  uint32_t truncate(uint32_t pages) {
    if (raw(rel_.oid) < raw(txn::kFirstNormalOid)) return pages;   // catalogs are read without locks
    uint32_t keep = nonempty_end(pages);
    if (pages - keep < std::max(kMinTruncate, 1u) && !(keep == 0 && pages > 0)) return pages;
    HeldLock exclusive(lock::relation(rel_.is_shared() ? Oid{0} : rel_.file.database, rel_.oid), lock::Mode::kAccessExclusive, lock::Wait::kSkip);
    if (!exclusive.held) return pages;
    uint32_t now = raw(buffer::page_count(rel_.file, Fork::kMain));
    if (now != pages) return pages;
    keep = nonempty_end(pages);
    if (keep < pages) wal::truncate_relation(rel_.file, Fork::kMain, PageNo{keep});
    return keep;
  }
  uint32_t nonempty_end(uint32_t pages) {
    while (pages > 0) {
      buffer::PageRef ref = buffer::read(page_id(rel_.file, Fork::kMain, PageNo{pages - 1}), LatchMode::kShared);
      if (Page(ref).items() != 0) break;
      pages--;
    }
    return pages;
  }

  void vacuum_toast() {
    uint32_t pages = raw(buffer::page_count(rel_.file, Fork::kToast));
    if (!pages) return;
    std::vector<uint8_t> free(pages, 0);
    for (uint32_t p = 0; p < pages; p++) {
      txn::check_interrupts();
      buffer::PageRef ref = clean_up_latch(rel_.file, Fork::kToast, PageNo{p});
      if (!ref) continue;
      prune(ref, horizon_, true);
      free[p] = free_category(Page(ref).room());
    }
    write_free(rel_.file, Fork::kToast, free);
  }

  const RelationDesc& rel_;
  const std::function<void(std::span<const Tid>)>& clean_;
  Xid horizon_;
  VacuumStats stats_{};
  std::vector<Tid> dead_;
  std::vector<uint8_t> free_;
  int64_t dead_left_ = 0;
};

}  // namespace

VacuumStats vacuum(const RelationDesc& rel, const std::function<void(std::span<const Tid>)>& clean_indexes) {
  if (!txn::in_block()) txn::release_snapshot();   // its statement's own snapshot would hold the horizon back
  // Two vacuums of one table would free line pointers (and index entries) that are in use again.
  HeldLock one(lock::relation(rel.is_shared() ? Oid{0} : rel.file.database, rel.oid), lock::Mode::kShareUpdateExclusive, lock::Wait::kBlock);
  Vacuum v(rel, clean_indexes);
  VacuumStats s = v.run();
  stats::report_vacuum(rel.file.database, rel.oid, static_cast<int64_t>(s.tuples_left), v.dead_left(), region::my_slot().state.load() == region::SlotState::kWorker);
  return s;
}

}  // namespace postern::heap
