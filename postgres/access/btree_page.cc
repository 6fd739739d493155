#include "postgres/access/btree_page.h"

#include <cstring>

#include "common/base/check.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

void Page::init(uint16_t level, uint16_t flags, PageNo prev, PageNo next) {
  std::memset(p_ + sizeof(uint64_t), 0, kPageBytes - sizeof(uint64_t));   // not the LSN
  PageHeader& h = header();
  h.lower = sizeof(PageHeader);
  h.upper = h.special = kSpecialOffset;
  h.reserved = kPageKindBtree;
  special() = Special{prev, next, 0, level, flags, 0};
}

void Page::insert(int pos, std::string_view e) {
  PageHeader& h = header();
  POSTERN_CHECK(fits(static_cast<uint32_t>(e.size())) && pos >= 0 && pos <= count());
  h.upper = static_cast<uint16_t>(h.upper - e.size());
  std::memcpy(p_ + h.upper, e.data(), e.size());
  ItemPtr* it = items();
  std::memmove(it + pos + 1, it + pos, static_cast<size_t>(count() - pos) * sizeof(ItemPtr));
  it[pos] = {h.upper, static_cast<uint16_t>(e.size())};
  h.lower = static_cast<uint16_t>(h.lower + sizeof(ItemPtr));
}

void Page::remove(const uint16_t* pos, int n) {
  uint8_t copy[kPageBytes];
  PageHeader& h = header();
  std::memcpy(copy + h.upper, p_ + h.upper, kSpecialOffset - h.upper);
  ItemPtr* it = items();
  int total = count(), out = 0, k = 0;
  uint32_t upper = kSpecialOffset;
  for (int i = 0; i < total; i++) {
    if (k < n && pos[k] == i) { k++; continue; }
    ItemPtr x = it[i];
    upper -= x.size();
    std::memcpy(p_ + upper, copy + x.offset, x.size());
    it[out++] = {static_cast<uint16_t>(upper), x.size_and_dead};
  }
  h.upper = static_cast<uint16_t>(upper);
  h.lower = static_cast<uint16_t>(sizeof(PageHeader) + static_cast<size_t>(out) * sizeof(ItemPtr));
  std::memset(p_ + h.lower, 0, static_cast<size_t>(h.upper - h.lower));
}

namespace {

template <class T>
T take(std::string_view& d) {
  T v = load<T>(d.data());
  d.remove_prefix(sizeof(T));
  return v;
}
std::string_view take(std::string_view& d, size_t n) {
  std::string_view s = d.substr(0, n);
  d.remove_prefix(n);
  return s;
}
void clear_flags(uint8_t* p, uint16_t flags) {
  if (p) Page(p).special().flags = static_cast<uint16_t>(Page(p).special().flags & ~flags);
}

void redo_insert(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<InsertRecord>(d);
  if (pages.page[0]) Page(pages.page[0]).insert(r.pos, d);
  if (pages.count > 1) clear_flags(pages.page[1], kIncompleteSplit);
}

// The left half keeps its first items; rebuilt in a copy because entries move.
void redo_split_left(Page page, const SplitRecord& r, std::string_view added, std::string_view high) {
  alignas(8) uint8_t copy[kPageBytes];
  std::memcpy(copy, page.bytes(), kPageBytes);
  Page old(copy);
  Special s = old.special();
  page.init(r.level, static_cast<uint16_t>(s.flags | kIncompleteSplit), s.prev, r.right);
  page.append(high);
  int first = old.first();
  for (int i = 0; i < r.keep; i++) {
    if (i == r.new_pos) page.append(added);
    page.append(old.view(first + i));
  }
  if (r.new_pos == r.keep) page.append(added);
}

void redo_split(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<SplitRecord>(d);
  std::string_view added = r.new_pos != 0xFFFF ? take(d, r.new_size) : std::string_view{};
  std::string_view high = take(d, r.high_size);
  if (pages.page[0]) redo_split_left(Page(pages.page[0]), r, added, high);
  if (pages.page[1]) {
    Page right(pages.page[1]);
    right.init(r.level, r.right_flags, r.left, r.next);
    for (int i = 0; i < r.right_count; i++) {
      auto n = take<uint16_t>(d);
      right.append(take(d, n));
    }
  }
  int k = 2;
  if (r.has_next) {
    if (pages.page[k]) Page(pages.page[k]).special().prev = r.right;
    k++;
  }
  if (r.has_child) clear_flags(pages.page[k], kIncompleteSplit);
}

void redo_new_root(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<NewRootRecord>(d);
  if (pages.page[0]) {
    Page root(pages.page[0]);
    root.init(r.level, kRoot, kNoPage, kNoPage);
    uint8_t first[kPivotHeader] = {};
    set_entry_child(first, r.left);
    root.append({reinterpret_cast<const char*>(first), sizeof first});
    root.append(d);
  }
  if (pages.page[1]) {
    Meta& m = Page(pages.page[1]).meta();
    m.root = r.root;
    m.level = r.level;
  }
  clear_flags(pages.page[2], kIncompleteSplit | kRoot);
}

void redo_delete(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<DeleteRecord>(d);
  if (!pages.page[0]) return;
  uint16_t pos[kMaxItems];
  std::memcpy(pos, d.data(), r.count * sizeof(uint16_t));
  Page(pages.page[0]).remove(pos, r.count);
}

void redo_unlink(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<UnlinkRecord>(d);
  if (pages.page[0]) {
    Special& s = Page(pages.page[0]).special();
    s.flags |= kDeleted;
    s.deleted_xid = r.xid;
  }
  if (pages.page[1]) Page(pages.page[1]).special().prev = r.left;
  if (pages.page[2]) {
    Page parent(pages.page[2]);
    set_entry_child(parent.entry(r.parent_pos), r.right);
    auto gone = static_cast<uint16_t>(r.parent_pos + 1);
    parent.remove(&gone, 1);
  }
  if (pages.page[3] && r.remember) {
    Meta& m = Page(pages.page[3]).meta();
    if (m.free_count < kMaxFree) m.free_pages[m.free_count++] = r.target;
  }
  if (pages.count > 4 && pages.page[4]) Page(pages.page[4]).special().next = r.right;
}

void redo_build_page(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<BuildPageRecord>(d);
  uint8_t* p = pages.page[0];
  if (!p) return;
  PageHeader h{};
  h.lower = r.lower;
  h.upper = r.upper;
  h.special = kSpecialOffset;
  h.reserved = kPageKindBtree;
  std::memcpy(p + sizeof(uint64_t), reinterpret_cast<const char*>(&h) + sizeof(uint64_t), sizeof h - sizeof(uint64_t));
  std::memcpy(p + sizeof h, d.data(), r.lower - sizeof h);
  std::memset(p + r.lower, 0, static_cast<size_t>(r.upper - r.lower));
  std::memcpy(p + r.upper, d.data() + (r.lower - sizeof h), kPageBytes - r.upper);
}

void redo_meta(std::string_view d, Xid, wal::RedoPages& pages) {
  auto r = take<MetaRecord>(d);
  if (!pages.page[0]) return;
  Meta& m = Page(pages.page[0]).meta();
  switch (r.change) {
    case MetaChange::kSetRoot:
      m.root = r.page;
      m.level = r.level;
      return;
    case MetaChange::kTakeFree:
      for (uint32_t i = 0; i < m.free_count; i++) {
        if (m.free_pages[i] != r.page) continue;
        std::memmove(m.free_pages + i, m.free_pages + i + 1, (m.free_count - i - 1) * sizeof(PageNo));
        m.free_count--;
        return;
      }
      return;
    case MetaChange::kAddFree:
      if (m.free_count < kMaxFree) m.free_pages[m.free_count++] = r.page;
      return;
  }
}

}  // namespace

void register_redo_functions() {
  wal::register_redo(wal::Op::kBtreeInsert, redo_insert);
  wal::register_redo(wal::Op::kBtreeSplit, redo_split);
  wal::register_redo(wal::Op::kBtreeNewRoot, redo_new_root);
  wal::register_redo(wal::Op::kBtreeDelete, redo_delete);
  wal::register_redo(wal::Op::kBtreeUnlink, redo_unlink);
  wal::register_redo(wal::Op::kBtreeBuildPage, redo_build_page);
  wal::register_redo(wal::Op::kBtreeMeta, redo_meta);
}

}  // namespace postern::btree
