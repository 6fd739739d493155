// Walking down and right, splitting, and linking new pages into their parents.
#include <algorithm>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

namespace {

[[noreturn]] void corrupt(const IndexState& st, PageNo page, std::string_view what) {
  throw SqlError{sqlstate::kIndexCorrupted, cat("index \"", st.name, "\": ", what, " at page ", raw(page))};
}

PageId page_id(const IndexState& st, PageNo page) { return {st.file, Fork::kMain, page}; }

}  // namespace

int g_fail_nth_link = 0;

Page page_of(const PageRef& ref) { return Page(ref.data()); }

PageRef read_page(const IndexState& st, PageNo no, LatchMode mode) {
  PageRef ref = buffer::read(page_id(st, no), mode);
  if (!page_of(ref).valid()) corrupt(st, no, "unexpected page contents");
  return ref;
}

void load_root(IndexState& st) {
  PageRef ref = read_page(st, kMetaPage, LatchMode::kShared);
  const Meta& m = page_of(ref).meta();
  if (m.magic != kMetaMagic) throw SqlError{sqlstate::kIndexCorrupted, cat("index \"", st.name, "\" is not a btree")};
  if (m.version != kMetaVersion) throw SqlError{sqlstate::kIndexCorrupted, cat("index \"", st.name, "\" has an unknown version ", m.version)};
  st.root = m.root;
  st.level = m.level;
}

namespace {

// The cached root, or a page that once was: leftmost page of its level, so that a descent from it finds everything by moving right.
PageRef read_root(IndexState& st, uint32_t target, LatchMode target_mode) {
  for (bool reloaded = false;; reloaded = true) {
    if (st.root == PageNo{0} || st.level < target || reloaded || raw(st.root) >= raw(buffer::page_count(st.file, Fork::kMain))) load_root(st);
    if (st.level < target) corrupt(st, st.root, "missing level");
    PageRef ref = buffer::read(page_id(st, st.root), st.level == target ? target_mode : LatchMode::kShared);
    Page p = page_of(ref);
    if (p.valid() && !p.has(kDeleted) && !p.has(kMeta) && p.special().level == st.level && p.special().prev == kNoPage) {
      if (p.has(kRoot) || reloaded) return ref;
      continue;   // the tree has grown: take the new root
    }
    if (reloaded) corrupt(st, st.root, "unusable root");
  }
}

}  // namespace

PageRef move_right(IndexState& st, PageRef ref, const SearchKey& key, LatchMode mode, Path* path, bool writer) {
  for (;;) {
    Page p = page_of(ref);
    if (p.rightmost()) {
      if (p.has(kDeleted)) corrupt(st, ref.page(), "deleted rightmost page");
      return ref;
    }
    if (!p.has(kDeleted) && compare(st, key, p.high_key(), true) < 0) return ref;
    if (writer && p.has(kIncompleteSplit)) {
      PageNo no = ref.page();
      finish_split(st, std::move(ref), *path);
      ref = read_page(st, no, mode);
      continue;
    }
    PageRef next = read_page(st, p.next(), mode);
    if (page_of(next).special().level != p.special().level) corrupt(st, next.page(), "sibling of another level");
    ref = std::move(next);
  }
}

PageRef descend(IndexState& st, const SearchKey& key, uint32_t target, LatchMode mode, Path* path, bool writer) {
  PageRef ref = read_root(st, target, mode);
  uint32_t level = page_of(ref).special().level;
  for (;;) {
    bool at_target = level == target;
    ref = move_right(st, std::move(ref), key, at_target ? mode : LatchMode::kShared, path, writer && at_target);
    if (at_target) return ref;
    Page p = page_of(ref);
    if (path && level < kMaxLevels) path->page[level] = ref.page();
    if (p.count() <= p.first()) corrupt(st, ref.page(), "empty inner page");
    PageNo child = entry_child(p.entry(child_position(st, key, p)));
    ref.release();
    level--;
    ref = read_page(st, child, level == target ? mode : LatchMode::kShared);
    if (page_of(ref).special().level != level) corrupt(st, child, "child of another level");
  }
}

PageRef descend_edge(IndexState& st, uint32_t target, bool right, LatchMode mode) {
  PageRef ref = read_root(st, target, mode);
  uint32_t level = page_of(ref).special().level;
  for (;;) {
    LatchMode here = level == target ? mode : LatchMode::kShared;
    for (;;) {
      Page p = page_of(ref);
      if (p.rightmost() || (!right && !p.has(kDeleted))) break;
      ref = read_page(st, p.next(), here);
    }
    if (level == target) return ref;
    Page p = page_of(ref);
    if (p.count() <= p.first()) corrupt(st, ref.page(), "empty inner page");
    PageNo child = entry_child(p.entry(right ? p.count() - 1 : p.first()));
    ref.release();
    level--;
    ref = read_page(st, child, level == target ? mode : LatchMode::kShared);
    if (page_of(ref).special().level != level) corrupt(st, child, "child of another level");
  }
}

PageRef find_parent(IndexState& st, uint32_t level, const SearchKey& sep, PageNo child, Path& path, int* pos) {
  PageNo hint = level < kMaxLevels ? path.page[level] : PageNo{0};
  for (int attempt = 0; attempt < 2; attempt++) {
    PageRef ref;
    if (attempt == 0) {
      if (hint == PageNo{0}) continue;
      ref = read_page(st, hint, LatchMode::kExclusive);
      Page p = page_of(ref);
      if (p.has(kDeleted) || p.special().level != level) continue;
      ref = move_right(st, std::move(ref), sep, LatchMode::kExclusive, &path, true);
    } else {
      ref = descend(st, sep, level, LatchMode::kExclusive, &path, true);
    }
    Page p = page_of(ref);
    int at = p.count() > p.first() ? child_position(st, sep, p) : p.first();
    if (at < p.count() && entry_child(p.entry(at)) == child) {
      *pos = at;
      return ref;
    }
    for (int i = p.first(); i < p.count(); i++) {
      if (entry_child(p.entry(i)) == child) {
        *pos = i;
        return ref;
      }
    }
  }
  *pos = -1;
  return {};
}

PageRef allocate_page(IndexState& st) {
  {
    PageRef meta = read_page(st, kMetaPage, LatchMode::kShared);
    if (page_of(meta).meta().free_count == 0) {
      meta.release();
      return buffer::extend(st.file, Fork::kMain);
    }
  }
  Xid horizon = txn::oldest_needed();
  PageRef meta = read_page(st, kMetaPage, LatchMode::kExclusive);
  const Meta& m = page_of(meta).meta();
  if (m.free_count > 0) {
    PageNo no = m.free_pages[0];
    PageRef page = buffer::pin(page_id(st, no));
    // Not waited for: someone who came by a stale link may hold it while it waits for a page that we hold.
    if (page.try_latch(LatchMode::kExclusive)) {
      Page p = page_of(page);
      if (p.valid() && p.has(kDeleted) && p.special().deleted_xid < raw(horizon)) {
        wal::Record rec(wal::Op::kBtreeMeta);
        rec.page(meta);
        rec.put(MetaRecord{MetaChange::kTakeFree, no, 0});
        rec.apply();
        return page;
      }
    }
  }
  meta.release();
  return buffer::extend(st.file, Fork::kMain);
}

void delete_items(PageRef& ref, const uint16_t* positions, int n) {
  wal::Record rec(wal::Op::kBtreeDelete);
  rec.page(ref);
  rec.put(DeleteRecord{static_cast<uint16_t>(n)});
  rec.put(positions, static_cast<size_t>(n) * sizeof(uint16_t));
  rec.apply();
}

namespace {

// The page's data items with the new one in its place.
struct SplitPlan {
  const Page page;
  int pos;                 // of the new one, among data items
  std::string_view added;
  int n;                   // with the new one
  std::string_view item(int i) const {
    if (i == pos) return added;
    return page.view(page.first() + (i < pos ? i : i - 1));
  }
};

// How many items stay left: as even as possible; on the rightmost page 90 % stay, because what comes next will be larger still.
int choose_split(const SplitPlan& plan, std::string_view old_high) {
  const bool rightmost = plan.page.rightmost(), leaf = plan.page.leaf();
  const int room = kSpecialOffset - static_cast<int>(sizeof(PageHeader));
  int total = 0;
  for (int i = 0; i < plan.n; i++) total += static_cast<int>(plan.item(i).size() + sizeof(ItemPtr));
  int right_high = rightmost ? 0 : static_cast<int>(old_high.size() + sizeof(ItemPtr));
  int best = -1, best_score = 0, left = 0;
  for (int i = 1; i < plan.n; i++) {
    left += static_cast<int>(plan.item(i - 1).size() + sizeof(ItemPtr));
    int high = static_cast<int>(plan.item(i).size() + sizeof(ItemPtr)) + (leaf ? 4 : 0);
    int right = total - left + right_high;
    if (left + high > room || right > room) continue;
    int score = rightmost ? std::abs(left + high - room * 9 / 10) : std::abs(left + high - right);
    if (best < 0 || score < best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

void put_sized(wal::Record& rec, std::string_view s) {
  rec.put(static_cast<uint16_t>(s.size()));
  rec.put(s);
}

struct NewRight {
  PageRef left, right;
};

// Splits ref while adding the entry; child: whose downlink the entry is.
NewRight split(IndexState& st, PageRef ref, int pos, std::string_view entry, PageRef* child) {
  Page p = page_of(ref);
  SplitPlan plan{p, pos - p.first(), entry, p.count() - p.first() + 1};
  std::string_view old_high = p.rightmost() ? std::string_view{} : p.view(0);
  int keep = choose_split(plan, old_high);
  if (keep < 0) corrupt(st, ref.page(), "page cannot be split");

  NewRight out;
  out.right = allocate_page(st);
  PageRef next;
  if (!p.rightmost()) next = read_page(st, p.next(), LatchMode::kExclusive);

  EntryBuffer high;
  auto bytes = [](std::string_view s) { return reinterpret_cast<const uint8_t*>(s.data()); };
  if (p.leaf()) {
    make_separator(st, bytes(plan.item(keep - 1)), bytes(plan.item(keep)), out.right.page(), high);
  } else {
    std::memcpy(high.bytes, plan.item(keep).data(), plan.item(keep).size());
    high.size = static_cast<uint32_t>(plan.item(keep).size());
    set_entry_child(high.bytes, out.right.page());
  }
  bool stays = plan.pos < keep;
  SplitRecord r{};
  r.left = ref.page();
  r.right = out.right.page();
  r.next = p.next();
  r.level = p.special().level;
  r.right_flags = p.special().flags & kLeaf;
  r.keep = static_cast<uint16_t>(stays ? keep - 1 : keep);
  r.new_pos = stays ? static_cast<uint16_t>(plan.pos) : 0xFFFF;
  r.new_size = static_cast<uint16_t>(entry.size());
  r.high_size = static_cast<uint16_t>(high.size);
  r.right_count = static_cast<uint16_t>(plan.n - keep + (p.rightmost() ? 0 : 1));
  r.has_next = bool(next);
  r.has_child = child != nullptr;

  wal::Record rec(wal::Op::kBtreeSplit);
  rec.page(ref);
  rec.page_new(out.right);
  if (next) rec.page(next);
  if (child) rec.page(*child);
  rec.put(r);
  if (stays) rec.put(entry);
  rec.put(high.view());
  if (!p.rightmost()) put_sized(rec, old_high);
  for (int i = keep; i < plan.n; i++) {
    std::string_view item = plan.item(i);
    if (i == keep && !p.leaf()) {   // the first downlink of a page is minus infinity
      uint8_t first[kPivotHeader] = {};
      set_entry_child(first, entry_child(bytes(item)));
      put_sized(rec, {reinterpret_cast<const char*>(first), sizeof first});
    } else {
      put_sized(rec, item);
    }
  }
  rec.apply();
  out.left = std::move(ref);
  return out;
}

// Gives the tree a new root above left and its right sibling.
void grow_root(IndexState& st, PageRef left, std::string_view downlink) {
  PageRef meta = read_page(st, kMetaPage, LatchMode::kExclusive);
  PageRef root = buffer::extend(st.file, Fork::kMain);
  auto level = static_cast<uint16_t>(page_of(left).special().level + 1);
  wal::Record rec(wal::Op::kBtreeNewRoot);
  rec.page_new(root);
  rec.page(meta);
  rec.page(left);
  rec.put(NewRootRecord{root.page(), left.page(), level});
  rec.put(downlink);
  rec.apply();
  st.root = root.page();
  st.level = level;
}

// The second step of a split. Both halves are latched: nobody can split right before its downlink exists.
void link_right(IndexState& st, PageRef left, PageRef right, Path& path) {
  if (g_fail_nth_link && --g_fail_nth_link == 0) throw_internal("test: split left incomplete");
  Page p = page_of(left);
  EntryBuffer downlink;
  downlink.size = p.size(0);
  std::memcpy(downlink.bytes, p.high_key(), downlink.size);
  set_entry_child(downlink.bytes, right.page());
  if (p.has(kRoot)) return grow_root(st, std::move(left), downlink.view());
  Arena arena(256);
  OwnedKey sep;
  key_of_entry(st, downlink.bytes, true, arena, sep);
  uint32_t level = p.special().level + 1u;
  // Left's downlink is the one below the separator, so it is found by looking for what precedes it.
  int pos;
  PageNo left_no = left.page();
  PageRef parent = find_parent(st, level, sep.key, left_no, path, &pos);
  if (!parent) corrupt(st, left_no, "no downlink to page");
  place_entry(st, std::move(parent), pos + 1, downlink.view(), path, &left, &right);
}

}  // namespace

void finish_split(IndexState& st, PageRef left, Path& path) {
  PageRef right = read_page(st, page_of(left).next(), LatchMode::kExclusive);
  link_right(st, std::move(left), std::move(right), path);
}

void place_entry(IndexState& st, PageRef ref, int pos, std::string_view entry, Path& path, PageRef* left, PageRef* right) {
  Page p = page_of(ref);
  if (p.fits(static_cast<uint32_t>(entry.size()))) {
    wal::Record rec(wal::Op::kBtreeInsert);
    rec.page(ref);
    if (left) rec.page(*left);
    rec.put(InsertRecord{static_cast<uint16_t>(pos)});
    rec.put(entry);
    rec.apply();
    return;
  }
  if (p.has(kIncompleteSplit)) {
    PageNo no = ref.page();
    uint32_t level = p.special().level;
    finish_split(st, std::move(ref), path);
    if (!left) corrupt(st, no, "incomplete split found late");   // leaf inserts finish splits before they choose a position
    Arena arena(256);
    OwnedKey sep;
    key_of_entry(st, reinterpret_cast<const uint8_t*>(entry.data()), true, arena, sep);
    int at;
    path.page[level] = no;
    PageRef parent = find_parent(st, level, sep.key, left->page(), path, &at);
    if (!parent) corrupt(st, left->page(), "no downlink to page");
    return place_entry(st, std::move(parent), at + 1, entry, path, left, right);
  }
  NewRight halves = split(st, std::move(ref), pos, entry, left);
  if (left) left->release();
  if (right) right->release();
  link_right(st, std::move(halves.left), std::move(halves.right), path);
}

}  // namespace postern::btree
