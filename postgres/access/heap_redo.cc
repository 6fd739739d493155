// Redo functions of the heap: the only code that changes heap, toast, visibility and free space map pages.
#include "common/base/check.h"
#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {
namespace {

template <class T>
T take(std::string_view& data) {
  POSTERN_CHECK(data.size() >= sizeof(T));
  T v = load<T>(data.data());
  data.remove_prefix(sizeof(T));
  return v;
}

void init_map_page(uint8_t* p, uint32_t kind) {
  std::memset(p, 0, kPageBytes);
  auto* h = reinterpret_cast<PageHeader*>(p);
  h->lower = h->upper = h->special = kPageBytes;   // no hole: images hold everything
  h->reserved = kind;
}

void clear_all_visible(const Page& page, uint8_t* vm, PageNo no) {
  page.header().flags &= static_cast<uint16_t>(~kAllVisible);
  if (vm) set_visibility_bit(vm, no, false);
}

void add_tuple(const Page& page, uint16_t item, std::string_view tuple) {
  POSTERN_CHECK(page.gap() >= align4(static_cast<uint32_t>(tuple.size())) + (item > page.items() ? sizeof(ItemId) : 0));
  page.place(item, tuple.data(), static_cast<uint16_t>(tuple.size()));
}

void change_xmax(TupleHeader* t, const XmaxChange& c) {
  t->xmax = c.xmax;
  t->cid = c.cid;
  t->flags = static_cast<uint16_t>((t->flags & (kXminCommitted | kXminAborted)) | (c.flags & ~kHintMask));
}

// The page number of a heap page is in its tuples' ctids; a record that clears a bit must know it, so it comes from the placed tuple.
void redo_insert(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<InsertRecord>(data);
  auto* t = reinterpret_cast<const TupleHeader*>(data.data());
  PageNo no{t->ctid_page};
  if (pages.page[0]) {
    Page page(pages.page[0]);
    if (page.is_new()) page.init();
    add_tuple(page, r.item, data);
    clear_all_visible(page, nullptr, no);
  }
  if (r.flags & kClearsVisibility && pages.page[1]) set_visibility_bit(pages.page[1], no, false);
}

void redo_multi_insert(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<MultiInsertRecord>(data);
  PageNo no{};
  for (int i = 0; i < r.count; i++) {
    auto item = take<uint16_t>(data);
    auto length = take<uint16_t>(data);
    std::string_view tuple = data.substr(0, length);
    data.remove_prefix(length);
    no = PageNo{reinterpret_cast<const TupleHeader*>(tuple.data())->ctid_page};
    if (!pages.page[0]) continue;
    Page page(pages.page[0]);
    if (page.is_new()) page.init();
    add_tuple(page, item, tuple);
    clear_all_visible(page, nullptr, no);
  }
  if (r.flags & kClearsVisibility && pages.page[1]) set_visibility_bit(pages.page[1], no, false);
}

void redo_delete(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<DeleteRecord>(data);
  auto no = PageNo{take<uint32_t>(data)};
  if (pages.page[0]) {
    Page page(pages.page[0]);
    TupleHeader* t = page.tuple(r.change.item);
    change_xmax(t, r.change);
    t->set_ctid({no, r.change.item});   // an aborted update may have left another
    page.note_prunable(r.change.xmax);
    page.header().flags &= static_cast<uint16_t>(~kAllVisible);
  }
  if (r.flags & kClearsVisibility && pages.page[1]) set_visibility_bit(pages.page[1], no, false);
}

void redo_update(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<UpdateRecord>(data);
  bool same = r.old_page == r.new_page;
  int at = same ? 1 : 2;
  if (pages.page[0]) {
    Page page(pages.page[0]);
    TupleHeader* t = page.tuple(r.change.item);
    change_xmax(t, r.change);
    t->set_ctid({PageNo{r.new_page}, r.new_item});
    page.note_prunable(r.change.xmax);
    page.header().flags &= static_cast<uint16_t>(~kAllVisible);
    if (same) add_tuple(page, r.new_item, data);
  }
  if (!same && pages.page[1]) {
    Page page(pages.page[1]);
    if (page.is_new()) page.init();
    add_tuple(page, r.new_item, data);
    page.header().flags &= static_cast<uint16_t>(~kAllVisible);
  }
  if (r.flags & kClearsVisibility) {
    if (pages.page[at]) {
      set_visibility_bit(pages.page[at], PageNo{r.old_page}, false);
      if (r.flags & kClearsBothOnOneMap) set_visibility_bit(pages.page[at], PageNo{r.new_page}, false);
    }
    at++;
  }
  if (r.flags & kClearsVisibilityNew && pages.page[at]) set_visibility_bit(pages.page[at], PageNo{r.new_page}, false);
}

void redo_lock(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<LockRecord>(data);
  if (!pages.page[0]) return;
  change_xmax(Page(pages.page[0]).tuple(r.change.item), r.change);
}

// Moves all tuples to the end of the page and drops unused line pointers behind the last used one.
void compact(const Page& page) {
  alignas(8) uint8_t copy[kPageBytes];
  uint16_t n = page.items();
  while (n && page.item(n).state() == ItemState::kUnused) n--;
  PageHeader& h = page.header();
  h.lower = static_cast<uint16_t>(sizeof(PageHeader) + n * sizeof(ItemId));
  uint16_t upper = kSpecialOffset;
  bool unused = false;
  for (uint16_t i = 1; i <= n; i++) {
    ItemId& id = page.item(i);
    unused |= id.state() == ItemState::kUnused;
    if (id.state() != ItemState::kNormal) continue;
    upper = static_cast<uint16_t>(upper - align4(id.length()));
    std::memcpy(copy + upper, page.base + id.offset(), id.length());
    std::memset(copy + upper + id.length(), 0, align4(id.length()) - id.length());
    id = ItemId::make(ItemState::kNormal, upper, id.length());
  }
  std::memcpy(page.base + upper, copy + upper, static_cast<size_t>(kSpecialOffset - upper));
  h.upper = upper;
  h.flags = static_cast<uint16_t>(unused ? h.flags | kHasUnused : h.flags & ~kHasUnused);
}

void redo_prune(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<PruneRecord>(data);
  if (!pages.page[0]) return;
  Page page(pages.page[0]);
  for (int i = 0; i < r.redirects; i++) {
    auto from = take<uint16_t>(data), to = take<uint16_t>(data);
    page.item(from) = ItemId::make(ItemState::kRedirect, to, 0);
  }
  for (int i = 0; i < r.dead; i++) page.item(take<uint16_t>(data)) = ItemId::make(ItemState::kDead, 0, 0);
  for (int i = 0; i < r.unused; i++) page.item(take<uint16_t>(data)) = ItemId{};
  page.set_prune_xid(r.prune_xid);
  compact(page);
}

void set_visible(uint8_t* vm, PageNo no) {
  if (!vm) return;
  if (reinterpret_cast<PageHeader*>(vm)->upper == 0) init_map_page(vm, kKindVisibility);
  set_visibility_bit(vm, no, true);
}

void redo_vacuum(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<VacuumRecord>(data);
  if (pages.page[0]) {
    Page page(pages.page[0]);
    for (int i = 0; i < r.count; i++) page.item(take<uint16_t>(data)) = ItemId{};
    compact(page);
    if (pages.count > 1) page.header().flags |= kAllVisible;
  }
  if (pages.count > 1) set_visible(pages.page[1], PageNo{r.page});
}

void redo_all_visible(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<AllVisibleRecord>(data);
  if (pages.page[0]) Page(pages.page[0]).header().flags |= kAllVisible;
  set_visible(pages.page[1], PageNo{r.page});
}

void redo_visibility_clear(std::string_view data, Xid, wal::RedoPages& pages) {   // bits from `first` on
  auto first = take<uint32_t>(data);
  if (!pages.page[0]) return;
  if (reinterpret_cast<PageHeader*>(pages.page[0])->upper == 0) init_map_page(pages.page[0], kKindVisibility);
  constexpr uint32_t bits = (kPageBytes - sizeof(PageHeader)) * 8;
  for (uint32_t i = first; i < bits; i++) set_visibility_bit(pages.page[0], PageNo{i}, false);
}

void redo_in_place(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<InPlaceRecord>(data);
  if (!pages.page[0]) return;
  TupleHeader* t = Page(pages.page[0]).tuple(r.item);
  std::memcpy(reinterpret_cast<uint8_t*>(t) + t->hoff, data.data(), data.size());
}

void redo_free_space(std::string_view data, Xid, wal::RedoPages& pages) {
  auto r = take<FreeSpaceRecord>(data);
  if (!pages.page[0]) return;
  init_map_page(pages.page[0], kKindFreeSpace);
  std::memcpy(pages.page[0] + sizeof(PageHeader), data.data(), r.count);
}

}  // namespace

void register_redo() {
  using wal::Op;
  wal::register_redo(Op::kHeapInsert, redo_insert);
  wal::register_redo(Op::kHeapMultiInsert, redo_multi_insert);
  wal::register_redo(Op::kHeapUpdate, redo_update);
  wal::register_redo(Op::kHeapHotUpdate, redo_update);
  wal::register_redo(Op::kHeapDelete, redo_delete);
  wal::register_redo(Op::kHeapLock, redo_lock);
  wal::register_redo(Op::kHeapPrune, redo_prune);
  wal::register_redo(Op::kHeapVacuum, redo_vacuum);
  wal::register_redo(Op::kHeapAllVisible, redo_all_visible);
  wal::register_redo(Op::kHeapInPlace, redo_in_place);
  wal::register_redo(Op::kVisibilityClear, redo_visibility_clear);
  wal::register_redo(Op::kFreeSpaceSet, redo_free_space);
}

}  // namespace postern::heap
