// Bottom-up build: sorted entries fill pages from left to right; each finished page gives a downlink to the level above. Pages are made in private memory and logged
// whole (kBtreeBuildPage). Nobody else sees the index yet; the meta page gets the root last.
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/access/external_sort.h"
#include "postgres/txn/interrupts.h"
#include "postgres/wal/wal.h"

namespace postern::btree {

namespace {

constexpr uint32_t kLeafFill = 90, kInnerFill = 70;   // per cent

void log_page(PageRef& ref, const uint8_t* image) {
  const auto& h = *reinterpret_cast<const PageHeader*>(image);
  wal::Record rec(wal::Op::kBtreeBuildPage);
  rec.page_new(ref);
  rec.put(BuildPageRecord{h.lower, h.upper});
  rec.put(image + sizeof(PageHeader), h.lower - sizeof(PageHeader));
  rec.put(image + h.upper, kPageBytes - h.upper);
  rec.apply();
}

void make_meta(uint8_t* image, PageNo root, uint32_t level) {
  Page p(image);
  p.init(0, kMeta, kNoPage, kNoPage);
  p.header().lower = sizeof(PageHeader) + sizeof(Meta);
  p.meta() = Meta{kMetaMagic, kMetaVersion, root, level, 0, 0, {}};
}

}  // namespace

void create_empty_tree(RelFile file) {
  alignas(8) uint8_t image[kPageBytes] = {};
  PageRef meta = buffer::extend(file, Fork::kMain);
  PageRef root = buffer::extend(file, Fork::kMain);
  POSTERN_CHECK(meta.page() == kMetaPage);
  Page(image).init(0, kLeaf | kRoot, kNoPage, kNoPage);
  log_page(root, image);
  make_meta(image, root.page(), 0);
  log_page(meta, image);
}

struct Builder::Impl {
  // A page being filled. Its high key is put in front when the page is finished; the last page of a level has none.
  struct Level {
    alignas(8) uint8_t image[kPageBytes];
    PageNo no{0}, prev{0};
    int items = 0;                       // without the high key
    uint32_t bytes = 0;                  // of entries and their pointers
    EntryBuffer low;                     // separator below the page: its downlink's key
  };

  const RelationDesc& table;
  const IndexDesc& index;
  std::shared_ptr<IndexState> st;
  std::unique_ptr<ExternalSort> sort;
  size_t ncols;
  std::vector<std::unique_ptr<Level>> levels;
  std::vector<Datum> row;
  std::vector<uint8_t> row_nulls;

  Impl(const RelationDesc& t, const IndexDesc& i, size_t work_mem) : table(t), index(i), st(state_of(&t, i)) {
    std::vector<const TypeInfo*> types;
    std::vector<SortKey> keys;
    for (const Column& c : st->columns) types.push_back(c.type);
    types.push_back(&type_info(oid::kInt8));
    for (int k = 0; k < st->nkeys; k++) {
      const Column& c = st->columns[static_cast<size_t>(k)];
      keys.push_back({k, c.type, c.desc, c.nulls_first, c.collation});
    }
    keys.push_back({static_cast<int>(types.size() - 1), types.back(), false, false, kInvalidOid});
    sort = std::make_unique<ExternalSort>(types, keys, work_mem);
    ncols = types.size();
    row.resize(ncols);
    row_nulls.resize(ncols);
  }

  PageNo allocate() {
    PageRef ref = buffer::extend(st->file, Fork::kMain);
    return ref.page();
  }
  void write(PageNo no, const uint8_t* image) {
    PageRef ref = buffer::pin_for_redo({st->file, Fork::kMain, no});
    log_page(ref, image);
  }
  void start_page(Level& l, uint32_t level, PageNo no, PageNo prev) {
    l.no = no;
    l.prev = prev;
    l.items = 0;
    l.bytes = 0;
    Page(l.image).init(static_cast<uint16_t>(level), level == 0 ? kLeaf : 0, prev, kNoPage);
  }
  void append(Level& l, std::string_view e) {
    Page(l.image).append(e);
    l.items++;
    l.bytes += static_cast<uint32_t>(e.size() + sizeof(ItemPtr));
  }
  // The first downlink of an inner page is minus infinity.
  void append_first(uint32_t level, Level& l, std::string_view e) {
    if (level == 0) return append(l, e);
    uint8_t least[kPivotHeader] = {};
    set_entry_child(least, entry_child(reinterpret_cast<const uint8_t*>(e.data())));
    append(l, {reinterpret_cast<const char*>(least), sizeof least});
  }
  void separator(uint32_t level, const uint8_t* last, std::string_view first, EntryBuffer& out) const {
    if (level == 0) return make_separator(*st, last, reinterpret_cast<const uint8_t*>(first.data()), kNoPage, out);
    std::memcpy(out.bytes, first.data(), first.size());
    out.size = static_cast<uint32_t>(first.size());
  }
  void add_entry(uint32_t level, std::string_view e, uint32_t fill);
  void finish_page(uint32_t level, const EntryBuffer& separator);
  void add_downlink(uint32_t level, const EntryBuffer& low, PageNo child);
  void close();
  void check_duplicates(const Datum* values, const uint8_t* nulls, Tid tid);

  // Uniqueness: the previous row, and whether a live version of its key was seen.
  bool have_prev = false, prev_checked = false, live_seen = false;
  Arena prev_arena{512}, prev_arena2{512};
  std::vector<Datum> prev;
  std::vector<uint8_t> prev_nulls;
  Tid prev_tid;
};

// Puts e on the current page of the level, or on a new one if the fill factor is reached.
void Builder::Impl::add_entry(uint32_t level, std::string_view e, uint32_t fill) {
  if (levels.size() <= level) {
    levels.push_back(std::make_unique<Level>());
    Level& l = *levels[level];
    PageNo first = level == 0 ? PageNo{1} : allocate();   // page 1 was the root of the empty tree
    start_page(l, level, first, kNoPage);
    l.low.size = kPivotHeader;
    std::memset(l.low.bytes, 0, kPivotHeader);
  }
  Level& l = *levels[level];
  auto need = static_cast<uint32_t>(e.size() + sizeof(ItemPtr));
  if (l.items > 0 && l.bytes + need > (kSpecialOffset - sizeof(PageHeader)) * fill / 100) {
    Page p(l.image);
    EntryBuffer sep, moved;
    separator(level, p.entry(p.count() - 1), e, sep);
    if (!p.fits(sep.size)) {
      // A wide high key needs the room of the last entry, which goes to the next page.
      std::string_view last = p.view(p.count() - 1);
      std::memcpy(moved.bytes, last.data(), last.size());
      moved.size = static_cast<uint32_t>(last.size());
      separator(level, p.entry(p.count() - 2), moved.view(), sep);
      auto at = static_cast<uint16_t>(p.count() - 1);
      p.remove(&at, 1);
      finish_page(level, sep);
      append_first(level, l, moved.view());
      append(l, e);
      return;
    }
    finish_page(level, sep);
    append_first(level, l, e);
    return;
  }
  if (l.items == 0) append_first(level, l, e);
  else append(l, e);
}

// Writes the level's page with its high key and begins the next one.
void Builder::Impl::finish_page(uint32_t level, const EntryBuffer& separator) {
  Level& l = *levels[level];
  PageNo next = allocate();
  Page p(l.image);
  EntryBuffer high = separator;
  set_entry_child(high.bytes, next);
  POSTERN_CHECK(p.fits(high.size));
  p.insert(0, high.view());
  p.special().next = next;
  write(l.no, l.image);
  EntryBuffer low = l.low;
  PageNo no = l.no;
  l.low = high;
  start_page(l, level, next, no);
  add_downlink(level + 1, low, no);
}

void Builder::Impl::add_downlink(uint32_t level, const EntryBuffer& low, PageNo child) {
  EntryBuffer e = low;
  set_entry_child(e.bytes, child);
  add_entry(level, e.view(), kInnerFill);
}

// Writes the last page of every level; the top one becomes the root.
void Builder::Impl::close() {
  if (levels.empty()) return;
  PageNo root{0};
  uint32_t root_level = 0;
  for (uint32_t level = 0; level < levels.size(); level++) {
    bool top = level + 1 == levels.size();
    Level& l = *levels[level];
    if (top) {
      Page(l.image).special().flags |= kRoot;
      root = l.no;
      root_level = level;
    }
    write(l.no, l.image);
    if (!top) add_downlink(level + 1, l.low, l.no);
  }
  alignas(8) uint8_t image[kPageBytes] = {};
  make_meta(image, root, root_level);
  write(kMetaPage, image);
  st->root = PageNo{0};
  st->rightmost = kNoPage;
}

void Builder::Impl::check_duplicates(const Datum* values, const uint8_t* nulls, Tid tid) {
  bool has_null = any_null(nulls, static_cast<uint32_t>(st->nkeys));
  if (has_null && !st->nulls_not_distinct) {
    have_prev = false;
    return;
  }
  bool same = have_prev;
  for (int i = 0; same && i < st->nkeys; i++) {
    auto c = static_cast<size_t>(i);
    if (nulls[c] || prev_nulls[c]) {
      same = nulls[c] && prev_nulls[c];
      continue;
    }
    FnContext cx;
    cx.arena = &prev_arena2;
    same = compare_datums(cx, *st->columns[c].type, values[c], prev[c]) == 0;
    if (prev_arena2.bytes() > (64 << 10)) prev_arena2.reset();
  }
  if (same) {
    // Versions that are dead, or deleted but still visible to some, may share the key with a live one.
    auto live = [&](Tid t) {
      Xid xid{0};
      Tid live_tid;
      auto state = heap::unique_liveness(table, t, &xid, &live_tid);
      return state != heap::Liveness::kDead && state != heap::Liveness::kRecentlyDead;
    };
    if (!prev_checked) live_seen = live(prev_tid);
    prev_checked = true;
    if (live(tid)) {
      if (live_seen) {
        SqlError e{sqlstate::kUniqueViolation, cat("could not create unique index \"", index.name, "\""),
                   cat("Key ", key_text(table, index, values, nulls), " is duplicated.")};
        e.schema_name = table.namespace_name;
        e.table_name = table.name;
        e.constraint_name = index.name;
        throw e;
      }
      live_seen = true;
    }
    prev_tid = tid;
    return;
  }
  prev_arena.reset();
  prev.assign(values, values + st->nkeys);
  prev_nulls.assign(nulls, nulls + st->nkeys);
  for (int i = 0; i < st->nkeys; i++) {
    auto c = static_cast<size_t>(i);
    if (!st->columns[c].type->by_value && !nulls[c]) prev[c] = make_bytes(prev_arena, as_view(values[c]));
  }
  prev_tid = tid;
  have_prev = true;
  prev_checked = live_seen = false;
}

Builder::Builder(const RelationDesc& table, const IndexDesc& index, size_t work_mem_bytes) : impl_(new Impl(table, index, work_mem_bytes)) {}
Builder::~Builder() { delete impl_; }

void Builder::add(const Datum* keys, const uint8_t* nulls, Tid tid) {
  Impl& b = *impl_;
  for (size_t i = 0; i + 1 < b.ncols; i++) {
    b.row_nulls[i] = nulls && nulls[i];
    b.row[i] = b.row_nulls[i] ? 0 : keys[i];
  }
  b.row[b.ncols - 1] = uint64_t{raw(tid.page)} << 16 | tid.item;
  b.row_nulls[b.ncols - 1] = 0;
  b.sort->add(b.row.data(), b.row_nulls.data());
}

void Builder::finish() {
  Impl& b = *impl_;
  if (raw(buffer::page_count(b.st->file, Fork::kMain)) == 0) create_empty_tree(b.st->file);
  b.sort->sort();
  EntryBuffer e;
  const Datum* values;
  const uint8_t* nulls;
  uint64_t n = 0;
  while (b.sort->next_row(&values, &nulls)) {
    uint64_t t = values[b.ncols - 1];
    Tid tid{PageNo{static_cast<uint32_t>(t >> 16)}, static_cast<uint16_t>(t)};
    if (b.index.unique) b.check_duplicates(values, nulls, tid);
    make_leaf_entry(*b.st, values, nulls, tid, e);
    b.add_entry(0, e.view(), kLeafFill);
    if ((++n & 0xFFFF) == 0) txn::check_interrupts();
  }
  b.close();
  b.sort.reset();
}

}  // namespace postern::btree
