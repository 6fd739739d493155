// check(): the whole tree against its invariants (btree_page.h), and against the heap. For tests, amcheck-like functions and crash tests: the table
// should be quiet (ShareLock).
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/access/external_sort.h"
#include "postgres/types/type_info.h"

namespace postern::btree {

namespace {

uint64_t tid_number(Tid t) { return uint64_t{raw(t.page)} << 16 | t.item; }

struct Checker {
  IndexState& st;
  std::vector<std::string>& problems;
  std::vector<uint8_t> seen;               // per page: reached by sibling links
  ExternalSort& entries;                   // of the leaves: {tid, entry}, to be read in the heap's order

  void report(PageNo page, std::string_view what) {
    if (problems.size() < 100) problems.push_back(cat("index \"", st.name, "\" page ", raw(page), ": ", what));
  }
  std::vector<uint8_t> copy_page(PageNo no) {
    PageRef ref = read_page(st, no, LatchMode::kShared);
    return {ref.data(), ref.data() + kPageBytes};
  }
  bool structure_ok(const Page& p, PageNo no);
  void order(const Page& p, PageNo no, uint32_t level);
  void level(PageNo first, uint32_t level, const std::vector<std::pair<PageNo, std::vector<uint8_t>>>* expected, std::vector<std::pair<PageNo, std::vector<uint8_t>>>* below);
  void run();
};

bool Checker::structure_ok(const Page& p, PageNo no) {
  const PageHeader& h = p.header();
  if (!p.valid() || h.lower < sizeof(PageHeader) || h.upper < h.lower || h.upper > kSpecialOffset) {
    report(no, "broken page header");
    return false;
  }
  uint32_t bytes = 0;
  for (int i = 0; i < p.count(); i++) {
    ItemPtr it = p.items()[i];
    if (it.offset < h.upper || it.offset + it.size() > kSpecialOffset || it.size() < (p.is_pivot(i) ? kPivotHeader : kLeafHeader)) {
      report(no, cat("item ", i, " lies outside the entries"));
      return false;
    }
    bytes += it.size();
  }
  if (bytes != kSpecialOffset - h.upper) report(no, "space is lost or shared between entries");
  if (!p.rightmost() && p.count() == 0) {
    report(no, "no high key");
    return false;
  }
  return true;
}

void Checker::order(const Page& p, PageNo no, uint32_t level) {
  Arena arena(4096);
  for (int i = p.first(); i < p.count(); i++) {
    bool pivot = level > 0;
    if (pivot && i == p.first()) {
      if (entry_natts(p.entry(i)) != 0) report(no, "the first downlink is not minus infinity");
      continue;
    }
    arena.reset();
    OwnedKey k;
    key_of_entry(st, p.entry(i), pivot, arena, k);
    if (!pivot && static_cast<int>(entry_natts(p.entry(i))) != st.natts) report(no, cat("item ", i, " has ", entry_natts(p.entry(i)), " attributes"));
    if (i + 1 < p.count() && compare(st, k.key, p.entry(i + 1), pivot) >= 0) report(no, cat("items ", i, " and ", i + 1, " are out of order"));
    if (!p.rightmost() && compare(st, k.key, p.high_key(), true) >= 0) report(no, cat("item ", i, " is not below the high key"));
  }
}

// One level from its leftmost page. expected: children with their downlinks' keys as the level above has them.
void Checker::level(PageNo first, uint32_t lvl, const std::vector<std::pair<PageNo, std::vector<uint8_t>>>* expected,
                    std::vector<std::pair<PageNo, std::vector<uint8_t>>>* below) {
  PageNo prev = kNoPage;
  std::vector<uint8_t> prev_high;
  size_t child = 0;
  bool prev_incomplete = false;
  for (PageNo no = first; no != kNoPage;) {
    if (raw(no) >= seen.size() || seen[raw(no)]) {
      report(no, "sibling link leads outside or around");
      return;
    }
    seen[raw(no)] = 1;
    std::vector<uint8_t> bytes = copy_page(no);
    Page p(bytes.data());
    if (!structure_ok(p, no)) return;
    if (p.special().level != lvl || p.leaf() != (lvl == 0)) report(no, "wrong level");
    if (p.special().prev != prev) report(no, cat("left link is ", raw(p.special().prev), ", not ", raw(prev)));
    if (p.has(kDeleted)) report(no, "a deleted page is linked");
    order(p, no, lvl);
    Arena arena(1024);
    if (!prev_high.empty() && p.count() > p.first() && !(lvl > 0)) {
      OwnedKey k;
      key_of_entry(st, p.entry(p.first()), false, arena, k);
      if (compare(st, k.key, prev_high.data(), true) < 0) report(no, "first entry is below the left sibling's high key");
    }
    if (expected) {
      if (child < expected->size() && (*expected)[child].first == no) {
        const auto& down = (*expected)[child].second;
        if (child > 0 && entry_natts(down.data()) > 0 && !prev_high.empty()) {
          OwnedKey k;
          key_of_entry(st, down.data(), true, arena, k);
          bool same = entry_natts(prev_high.data()) == entry_natts(down.data()) && entry_tid(prev_high.data()) == entry_tid(down.data()) &&
                      same_columns(st, k.key, prev_high.data(), true);
          if (!same) report(no, "downlink differs from the left sibling's high key");
        }
        if (prev_incomplete) report(no, "left sibling's split is marked incomplete although the downlink exists");
        child++;
      } else if (!prev_incomplete) {
        report(no, "no downlink");
      }
    }
    if (lvl > 0) {
      for (int i = p.first(); i < p.count(); i++) below->emplace_back(entry_child(p.entry(i)), std::vector<uint8_t>(p.entry(i), p.entry(i) + p.size(i)));
    } else {
      for (int i = p.first(); i < p.count(); i++) {
        arena.reset();
        Datum row[2] = {from_int(static_cast<int64_t>(tid_number(entry_tid(p.entry(i))))), make_bytes(arena, p.view(i))};
        entries.add(row, nullptr);
      }
    }
    prev_high.clear();
    if (!p.rightmost()) prev_high.assign(p.high_key(), p.high_key() + p.size(0));
    prev_incomplete = p.has(kIncompleteSplit);
    prev = no;
    no = p.next();
  }
  if (expected && child != expected->size()) report(first, "downlinks to pages that are not on the level below");
}

void Checker::run() {
  load_root(st);
  seen.assign(raw(buffer::page_count(st.file, Fork::kMain)), 0);
  std::vector<std::pair<PageNo, std::vector<uint8_t>>> expected, below;
  PageNo first = st.root;
  for (uint32_t lvl = st.level;; lvl--) {
    below.clear();
    level(first, lvl, lvl == st.level ? nullptr : &expected, &below);
    if (lvl == 0) return;
    if (below.empty()) {
      report(first, "inner level without downlinks");
      return;
    }
    first = below[0].first;
    expected = below;
  }
}

// Entries against rows, both in the order of tids.
void check_heap(const RelationDesc& table, const IndexDesc& index, IndexState& st, ExternalSort& entries, std::vector<std::string>& problems) {
  std::vector<int16_t> attnos;
  for (const auto& k : index.keys) {
    if (k.attno <= 0) return;   // expressions are evaluated above this layer
    attnos.push_back(k.attno);
  }
  if (!index.predicate.empty()) return;
  auto report = [&](Tid t, std::string_view what) {
    if (problems.size() < 100) problems.push_back(cat("index \"", index.name, "\": ", what, " (", raw(t.page), ",", t.item, ")"));
  };
  entries.sort();
  const Datum* entry = nullptr;
  const uint8_t* entry_nulls = nullptr;
  PageNo heap_pages = buffer::page_count(table.file, Fork::kMain);
  uint64_t last = 0;
  bool more = false, first = true;
  auto advance = [&] {
    more = entries.next_row(&entry, &entry_nulls);
    if (!more) return;
    auto n = static_cast<uint64_t>(as_int8(entry[0]));
    Tid t{PageNo{static_cast<uint32_t>(n >> 16)}, static_cast<uint16_t>(n)};
    if (raw(t.page) >= raw(heap_pages)) report(t, "entry for a row outside the table");
    if (!first && n == last && !table.attrs.empty()) report(t, "two entries for one row");
    first = false;
    last = n;
  };
  advance();
  // Heap readers want ascending attnos.
  std::vector<int16_t> sorted = attnos;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::vector<Datum>> values(sorted.size(), std::vector<Datum>(kBatchRows));
  std::vector<std::vector<uint8_t>> nulls(sorted.size(), std::vector<uint8_t>(kBatchRows));
  std::vector<Vector> out(sorted.size());
  for (size_t i = 0; i < sorted.size(); i++) out[i] = {values[i].data(), nulls[i].data(), 1};
  std::vector<Tid> tids(kBatchRows);
  Arena arena(8192);
  heap::Wanted wanted{sorted, out.data(), tids.data()};
  heap::BuildScan scan(table);
  while (uint32_t n = scan.next(wanted, arena)) {
    for (uint32_t r = 0; r < n; r++) {
      uint64_t n_row = tid_number(tids[r]);
      while (more && static_cast<uint64_t>(as_int8(entry[0])) < n_row) advance();
      if (!more || static_cast<uint64_t>(as_int8(entry[0])) != n_row) {
        report(tids[r], "no entry for row");
        continue;
      }
      Datum v[32];
      uint8_t nl[32];
      for (size_t k = 0; k < attnos.size(); k++) {
        auto c = static_cast<size_t>(std::find(sorted.begin(), sorted.end(), attnos[k]) - sorted.begin());
        v[k] = out[c].values[r];
        nl[k] = out[c].nulls[r];
      }
      SearchKey key{v, nl, st.nkeys, -1, false, {}};
      if (!same_columns(st, key, reinterpret_cast<const uint8_t*>(as_view(entry[1]).data()), false)) report(tids[r], "entry differs from row");
    }
    arena.reset();
  }
  while (more) advance();
}

constexpr size_t kSortBytes = 4 << 20;

}  // namespace

void check(const RelationDesc& table, const IndexDesc& index, std::vector<std::string>& problems) {
  auto st = state_of(&table, index);
  const TypeInfo* types[] = {&type_info(oid::kInt8), &type_info(oid::kBytea)};
  SortKey by_tid{0, types[0]};
  ExternalSort entries(types, {&by_tid, 1}, kSortBytes);
  Checker c{*st, problems, {}, entries};
  try {
    c.run();
    check_heap(table, index, *st, entries, problems);
  } catch (const SqlError& e) {
    problems.push_back(cat("index \"", index.name, "\": ", e.message));
  }
}

}  // namespace postern::btree
