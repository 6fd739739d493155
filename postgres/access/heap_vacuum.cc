// VACUUM: prunes every page that is not all-visible (the others are not even read), has the dead roots' index entries removed, then frees their line pointers (without
// indexes at once); rewrites the free space map, sets
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

constexpr size_t kMaxDeadBytes = 16 << 20;   // of collected tids before the indexes are cleaned
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
  Vacuum(const RelationDesc& rel, const CleanIndexes& clean) : rel_(rel), clean_(clean), horizon_(txn::oldest_needed()) {}

  VacuumStats run() {
    uint32_t pages = raw(buffer::page_count(rel_.file, Fork::kMain));
    free_ = read_free(rel_.file, Fork::kMain, pages);
    for (uint32_t p = 0; p < pages; p++) {
      if (p % 64 == 0) txn::check_interrupts();
      if (p + 1 < pages && bit_set(PageNo{p})) {   // the last page is looked at in any case: it may be empty
        stats_.pages_all_visible++;
        continue;
      }
      if (dead_.bytes() >= kMaxDeadBytes || !dead_.reaches(PageNo{p})) clean_dead();
      first_pass(PageNo{p});
      scanned_++;
    }
    clean_dead();
    vm_.release();
    stats_.pages = pages;
    estimate_tuples(pages);
    uint32_t kept = truncate(pages);
    free_.resize(kept);
    write_free(rel_.file, Fork::kMain, free_);
    vacuum_toast();
    return stats_;
  }
  int64_t dead_left() const { return dead_left_; }

 private:
  struct Contents {
    uint16_t normal = 0, dead = 0, not_visible = 0;   // items; normal ones that somebody may not see
    bool visible() const { return normal > 0 && not_visible == 0; }
  };
  Contents contents_of(const Page& page) {
    Contents c;
    if (page.is_new()) return c;
    for (uint16_t i = 1; i <= page.items(); i++) {
      ItemState s = page.item(i).state();
      c.dead = static_cast<uint16_t>(c.dead + (s == ItemState::kDead));
      if (s != ItemState::kNormal) continue;
      c.normal++;
      TupleHeader* t = page.tuple(i);
      bool visible = xmin_status(t) == txn::XidStatus::kCommitted && t->xmin < raw(horizon_);
      bool deleted = visible && deleted_by_xmax(t) && xmax_status(t) != txn::XidStatus::kAborted;
      if (visible && !deleted) continue;
      c.not_visible++;
      if (deleted_by_xmax(t)) dead_left_++;
    }
    return c;
  }

  void first_pass(PageNo no) {
    buffer::PageRef ref = clean_up_latch(rel_.file, Fork::kMain, no);
    if (!ref) return;
    Page page(ref);
    uint16_t before = normal_items(page);
    prune(ref, horizon_, rel_.indexes.empty());
    Contents c = contents_of(page);
    stats_.tuples_removed += before - c.normal;
    stats_.tuples_left += c.normal;
    if (c.dead)
      for (uint16_t i = 1; i <= page.items(); i++)
        if (page.item(i).state() == ItemState::kDead) dead_.add({no, i});
    if (!c.dead && c.visible()) set_all_visible(ref);
    free_[raw(no)] = free_category(page.room());
  }

  static uint16_t normal_items(const Page& page) {
    uint16_t n = 0;
    for (uint16_t i = 1; i <= page.items(); i++) n = static_cast<uint16_t>(n + (page.item(i).state() == ItemState::kNormal));
    return n;
  }

  void clean_dead() {
    if (dead_.empty()) return;
    vm_.release();
    clean_(dead_);
    dead_.each_page([&](PageNo no, const uint16_t* items, size_t n) {
      txn::check_interrupts();
      second_pass(no, items, n);
    });
    dead_.clear();
  }

  // Frees line pointers that no index entry leads to any more; with them gone the page may be visible to everybody.
  void second_pass(PageNo no, const uint16_t* items, size_t n) {
    buffer::PageRef ref = clean_up_latch(rel_.file, Fork::kMain, no);
    if (!ref) return;
    Page page(ref);
    int64_t counted = dead_left_;   // by the first pass
    Contents c = contents_of(page);
    dead_left_ = counted;
    bool visible = c.visible() && c.dead == n;
    if (visible) {
      map_page(no, true);
      vm_.latch(LatchMode::kExclusive);
      stats_.pages_all_visible++;
    }
    for (size_t k = 0; k < n; k++) POSTERN_CHECK(page.item(items[k]).state() == ItemState::kDead);
    {
      wal::Record rec(wal::Op::kHeapVacuum);
      rec.page(ref);
      if (visible) rec.page(vm_);
      rec.put(VacuumRecord{static_cast<uint16_t>(n), raw(no)});
      rec.put(items, n * sizeof(uint16_t));
      rec.apply();
    }
    vm_.unlatch();
    free_[raw(no)] = free_category(page.room());
  }

  // The page of the visibility map with this heap page's bit, in vm_; empty if it doesn't exist.
  void map_page(PageNo no, bool create) {
    PageNo map = visibility_page_no(no);
    if (vm_ && vm_no_ == map) return;
    vm_ = visibility_page(rel_.file, no, create);
    vm_no_ = map;
  }
  bool bit_set(PageNo no) {
    map_page(no, false);
    return vm_ && visibility_bit(vm_.data(), no);
  }

  // REQUIRES: it is. Pages that may be truncated (no tuples) get no bit.
  void set_all_visible(buffer::PageRef& ref) {
    PageNo no = ref.page();
    stats_.pages_all_visible++;
    map_page(no, true);
    if (Page(ref).all_visible() && visibility_bit(vm_.data(), no)) return;
    vm_.latch(LatchMode::kExclusive);
    {
      wal::Record rec(wal::Op::kHeapAllVisible);
      rec.page(ref);
      rec.page(vm_);
      rec.put(AllVisibleRecord{raw(no)});
      rec.apply();
    }
    vm_.unlatch();
  }

  // Pages that were skipped hold as many tuples each as the last time.
  void estimate_tuples(uint32_t pages) {
    uint32_t skipped = pages - scanned_;
    if (!skipped) return;
    double density = rel_.reltuples > 0 && rel_.relpages ? rel_.reltuples / rel_.relpages : static_cast<double>(stats_.tuples_left) / std::max(1u, scanned_);
    stats_.tuples_left += static_cast<uint64_t>(density * skipped + 0.5);
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
  const CleanIndexes& clean_;
  Xid horizon_;
  VacuumStats stats_{};
  DeadTids dead_;
  std::vector<uint8_t> free_;
  buffer::PageRef vm_;   // pinned while its bits are in use
  PageNo vm_no_{0};
  uint32_t scanned_ = 0;
  int64_t dead_left_ = 0;
};

}  // namespace

VacuumStats vacuum(const RelationDesc& rel, const CleanIndexes& clean_indexes) {
  if (!txn::in_block()) txn::release_snapshot();   // its statement's own snapshot would hold the horizon back
  // Two vacuums of one table would free line pointers (and index entries) that are in use again.
  HeldLock one(lock::relation(rel.is_shared() ? Oid{0} : rel.file.database, rel.oid), lock::Mode::kShareUpdateExclusive, lock::Wait::kBlock);
  Vacuum v(rel, clean_indexes);
  VacuumStats s = v.run();
  stats::report_vacuum(rel.file.database, rel.oid, static_cast<int64_t>(s.tuples_left), v.dead_left(), region::my_slot().state.load() == region::SlotState::kWorker);
  return s;
}

}  // namespace postern::heap
