// Insertion: finding a page, placing one tuple or many.
#include <algorithm>

#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {
namespace {

using region::LatchMode;

// The page this process last inserted into, per fork. A hint.
struct Target {
  RelFile file;
  Fork fork = Fork::kMain;
  PageNo page = kInvalidPageNo;
};
constexpr uint32_t kTargets = 64;
Target g_targets[kTargets];

Target& target_of(RelFile file, Fork fork) { return g_targets[(raw(file.number) * 5 + static_cast<uint32_t>(fork)) % kTargets]; }

bool fits(const Page& p, uint32_t bytes, uint32_t keep_free) {
  uint32_t room = p.room();
  return room >= bytes && (room >= bytes + keep_free || p.items() == 0);
}

// Latched exclusively if the tuple fits there, perhaps after pruning.
buffer::PageRef try_page(RelFile file, Fork fork, PageNo no, uint32_t bytes, uint32_t keep_free) {
  buffer::PageRef ref = buffer::read(page_id(file, fork, no), LatchMode::kExclusive);
  Page page(ref);
  if (fits(page, bytes, keep_free)) return ref;
  if (fork == Fork::kMain && worth_pruning(page) && prune(ref, txn::recent_horizon()) && fits(page, bytes, keep_free)) return ref;
  return {};
}

}  // namespace

uint32_t fillfactor_reserve(const RelationDesc& rel) { return kPageBytes * static_cast<uint32_t>(100 - std::clamp(rel.fillfactor, 10, 100)) / 100; }

void remember_target(RelFile file, Fork fork, PageNo page) { target_of(file, fork) = {file, fork, page}; }

buffer::PageRef page_for_insert(RelFile file, Fork fork, uint32_t bytes, uint32_t keep_free, PageNo avoid) {
  bytes = align4(bytes);
  Target& t = target_of(file, fork);
  PageNo pages = buffer::page_count(file, fork);
  PageNo tried = avoid;
  auto attempt = [&](PageNo no) {
    tried = no;
    buffer::PageRef ref = try_page(file, fork, no, bytes, keep_free);
    if (ref) t = {file, fork, no};
    return ref;
  };
  if (t.file == file && t.fork == fork && raw(t.page) < raw(pages) && t.page != avoid)
    if (buffer::PageRef ref = attempt(t.page)) return ref;
  for (int i = 0; i < 8; i++) {
    PageNo no = find_free(file, fork, bytes + keep_free, tried);
    if (no == kInvalidPageNo) break;
    if (no == avoid) continue;
    if (buffer::PageRef ref = attempt(no)) return ref;
    lower_free(file, fork, no, 0);
  }
  if (raw(pages)) {   // the last page, unless we were there or somebody is filling it
    PageNo last{raw(pages) - 1};
    if (last != tried && last != avoid) {
      buffer::PageRef ref = buffer::pin(page_id(file, fork, last));
      if (ref.try_latch(LatchMode::kExclusive) && fits(Page(ref), bytes, keep_free)) {
        t = {file, fork, last};
        return ref;
      }
    }
  }
  buffer::PageRef ref = buffer::extend(file, fork);
  t = {file, fork, ref.page()};
  return ref;
}

namespace {

void add_page(wal::Record& rec, buffer::PageRef& ref) { Page(ref).is_new() ? rec.page_new(ref) : rec.page(ref); }

Tid place(RelFile file, Fork fork, Formed tuple, uint32_t keep_free) {
  buffer::PageRef ref = page_for_insert(file, fork, tuple.length, keep_free);
  Page page(ref);
  Tid tid{ref.page(), page.free_item()};
  tuple.header()->set_ctid(tid);
  buffer::PageRef vm;
  if (fork == Fork::kMain) vm = visibility_page_to_clear(page, file, tid.page);
  wal::Record rec(wal::Op::kHeapInsert, Xid{tuple.header()->xmin});
  add_page(rec, ref);
  if (vm) rec.page(vm);
  rec.put(InsertRecord{tid.item, static_cast<uint8_t>(vm ? kClearsVisibility : 0)});
  rec.put(tuple.bytes, tuple.length);
  rec.apply();
  return tid;
}

}  // namespace

Tid place_chunk(RelFile file, Formed tuple) { return place(file, Fork::kToast, tuple, 0); }

Tid insert(const RelationDesc& rel, Row row) {
  Tid tid = place(rel.file, Fork::kMain, form(rel, row), fillfactor_reserve(rel));
  stats::count_insert(rel.file.database, rel.oid, 1);
  return tid;
}

void multi_insert(const RelationDesc& rel, std::span<const Row> rows, Tid* tids_out) {
  constexpr size_t kStageBytes = 64 << 10;
  static std::vector<uint8_t> stage;
  static std::vector<uint32_t> starts;   // one more than tuples
  uint32_t keep_free = fillfactor_reserve(rel);
  Xid xid = txn::current_xid();
  for (size_t done = 0; done < rows.size();) {
    stage.clear();
    starts.assign(1, 0);
    size_t staged = done;
    while (staged < rows.size() && stage.size() < kStageBytes) {
      Formed f = form(rel, rows[staged++]);
      stage.insert(stage.end(), f.bytes, f.bytes + f.length);
      starts.push_back(static_cast<uint32_t>(stage.size()));
    }
    size_t n = staged - done;
    for (size_t i = 0; i < n;) {
      auto length = [&](size_t k) { return starts[k + 1] - starts[k]; };
      buffer::PageRef ref = page_for_insert(rel.file, Fork::kMain, length(i), keep_free);
      Page page(ref);
      uint32_t gap = page.gap();
      uint16_t item = static_cast<uint16_t>(page.items() + 1);
      size_t end = i;
      uint32_t limit = page.items() == 0 && align4(length(i)) + sizeof(ItemId) + keep_free > gap ? 0 : keep_free;
      while (end < n && gap >= align4(length(end)) + sizeof(ItemId) + limit && item + (end - i) <= kMaxItems) {
        gap -= align4(length(end)) + static_cast<uint32_t>(sizeof(ItemId));
        end++;
      }
      if (end == i) {   // only a reused line pointer makes room
        end = i + 1;
        item = page.free_item();
      }
      buffer::PageRef vm = visibility_page_to_clear(page, rel.file, ref.page());
      wal::Record rec(wal::Op::kHeapMultiInsert, xid);
      add_page(rec, ref);
      if (vm) rec.page(vm);
      rec.put(MultiInsertRecord{static_cast<uint16_t>(end - i), static_cast<uint8_t>(vm ? kClearsVisibility : 0)});
      for (size_t k = i; k < end; k++) {
        Tid tid{ref.page(), static_cast<uint16_t>(item + (k - i))};
        reinterpret_cast<TupleHeader*>(&stage[starts[k]])->set_ctid(tid);
        rec.put(tid.item);
        rec.put(static_cast<uint16_t>(length(k)));
        rec.put(&stage[starts[k]], length(k));
        tids_out[done + k] = tid;
      }
      rec.apply();
      i = end;
    }
    done = staged;
  }
  stats::count_insert(rel.file.database, rel.oid, static_cast<int64_t>(rows.size()));
}

}  // namespace postern::heap
