// The tree against a sorted vector, over types, directions, NULLs and deletions; its errors; its builder.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "common/base/cat.h"
#include "postgres/access/btree_internal.h"
#include "postgres/access/test_heap.h"

using namespace postern;
using namespace postern::btree;
using region::TestSite;

namespace {

struct Entry {
  Datum value[2];
  uint8_t null[2];
  Tid tid;
};

// An index over (first, int8) with entries that need no heap, and what it should hold.
struct Model {
  RelationDesc table;
  IndexDesc index;
  std::vector<Entry> entries;
  Arena arena;
  std::mt19937 rng;
  uint32_t next_page = 1;
  bool text;

  Model(uint32_t number, bool text_, bool desc, bool nulls_first, uint32_t seed) : rng(seed), text(text_) {
    table.name = "t";
    table.file = {Oid{5}, Oid{19999}};
    table.attrs = {test_attr("a", text ? oid::kText : oid::kInt4, text ? -1 : 4, !text), test_attr("b", oid::kInt8, 8, true)};
    index.name = "t_a_b_idx";
    index.file = {Oid{5}, Oid{number}};
    index.keys = {{1, table.attrs[0].type, {}, {}, desc, nulls_first}, {2, oid::kInt8, {}, {}, false, false}};
    index.predicate = "entries without rows";   // check() doesn't look for rows
    create_storage(index);
  }
  uint32_t below(uint32_t n) { return rng() % n; }
  Datum random_first() {
    if (!text) return from_int(static_cast<int>(below(500)) - 250);
    return make_bytes(arena, cat("k", below(300), std::string(below(below(20) ? 40 : 2000), 'x')));
  }
  void add_random(int n) {
    for (int i = 0; i < n; i++) {
      Entry e{{random_first(), from_int(below(5))}, {below(10) == 0, below(10) == 0}, {PageNo{next_page++}, 1}};
      if (below(2)) e.tid.page = PageNo{0xFFFFF - raw(e.tid.page)};
      REQUIRE(insert(table, index, e.value, e.null, e.tid, UniqueCheck::kNone).inserted);
      entries.push_back(e);
    }
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return less(a, b); });
  }
  int compare_first(Datum a, Datum b) const {
    if (text) return compare_bytes(as_view(a), as_view(b));
    return as_int8(a) < as_int8(b) ? -1 : as_int8(a) > as_int8(b);
  }
  bool less(const Entry& a, const Entry& b) const {
    for (size_t c = 0; c < 2; c++) {
      const auto& k = index.keys[c];
      if (a.null[c] || b.null[c]) {
        if (a.null[c] && b.null[c]) continue;
        return (a.null[c] != 0) == k.nulls_first;
      }
      int r = c == 0 ? compare_first(a.value[0], b.value[0]) : as_int8(a.value[1]) < as_int8(b.value[1]) ? -1 : as_int8(a.value[1]) > as_int8(b.value[1]);
      if (r) return k.desc ? r > 0 : r < 0;
    }
    return a.tid < b.tid;
  }
  bool matches(const Entry& e, const ScanKey& k) const {
    auto c = static_cast<size_t>(k.column);
    if (k.null_test && !k.search_not_null) return e.null[c];
    if (e.null[c]) return false;
    if (k.search_not_null) return true;
    int r = c == 0 ? compare_first(e.value[0], k.value) : as_int8(e.value[1]) < as_int8(k.value) ? -1 : as_int8(e.value[1]) > as_int8(k.value);
    switch (k.strategy) {
      case Strategy::kLess: return r < 0;
      case Strategy::kLessEqual: return r <= 0;
      case Strategy::kEqual: return r == 0;
      case Strategy::kGreaterEqual: return r >= 0;
      case Strategy::kGreater: return r > 0;
    }
    return false;
  }
  std::vector<Tid> scan(std::span<const ScanKey> keys, bool backward) {
    std::vector<Tid> got;
    Scan s(index, keys, backward);
    Tid buf[100];
    while (uint32_t n = s.next(buf, 1 + below(100), nullptr, nullptr)) got.insert(got.end(), buf, buf + n);
    return got;
  }
  void verify(int rounds) {
    std::vector<std::string> problems;
    check(table, index, problems);
    for (auto& p : problems) FAIL_CHECK(p);
    for (int q = 0; q < rounds; q++) {
      std::vector<ScanKey> keys(below(4));
      for (ScanKey& k : keys) {
        k.column = static_cast<int16_t>(below(2));
        k.strategy = static_cast<Strategy>(1 + below(5));
        uint32_t kind = below(8);
        if (kind == 0) k = {k.column, Strategy::kEqual, 0, true};
        else if (kind == 1) k = {k.column, Strategy::kGreater, 0, true, true};
        else k.value = k.column ? from_int(below(5)) : text ? make_bytes(arena, cat("k", below(300), below(2) ? "x" : "")) : random_first();
      }
      std::vector<Tid> want;
      for (const Entry& e : entries)
        if (std::all_of(keys.begin(), keys.end(), [&](const ScanKey& k) { return matches(e, k); })) want.push_back(e.tid);
      bool backward = below(2);
      if (backward) std::reverse(want.begin(), want.end());
      REQUIRE(scan(keys, backward) == want);
    }
  }
  // Vacuums a stretch of the order and some others away.
  void remove_some() {
    std::vector<Tid> dead;
    size_t from = below(static_cast<uint32_t>(entries.size())), to = from + entries.size() / 2;
    std::vector<Entry> left;
    for (size_t i = 0; i < entries.size(); i++) {
      if ((i >= from && i < to) || below(10) == 0) dead.push_back(entries[i].tid);
      else left.push_back(entries[i]);
    }
    std::sort(dead.begin(), dead.end());
    entries = left;
    heap::DeadTids tids;
    for (Tid t : dead) tids.add(t);
    CHECK(vacuum(index, tids).removed == dead.size());
  }
};

struct Fixture {
  TestSite site;
  Fixture() {
    test_new_site(site);
    test_attach(site, 32 << 20);
    txn::start();
  }
  ~Fixture() {
    if (txn::state() != txn::State::kIdle) txn::abort();
  }
};

}  // namespace

TEST_CASE("btree: random inserts, scans, vacuums and kills agree with a sorted vector") {
  Fixture f;
  for (uint32_t variant = 0; variant < 8; variant++) {
    CAPTURE(variant);
    Model m(40000 + variant, variant & 4, variant & 1, variant & 2, variant + 1);
    m.add_random(3000);
    m.verify(60);
    for (int round = 0; round < 2; round++) {
      m.remove_some();
      m.verify(20);
      m.add_random(1000);
      m.verify(20);
    }
    std::vector<Tid> killed;
    {
      Scan s(m.index, {}, false);
      Tid buf[64];
      while (uint32_t n = s.next(buf, 64, nullptr, nullptr))
        for (uint32_t i = 0; i < n; i++)
          if (m.below(2)) {
            s.kill(buf[i]);
            killed.push_back(buf[i]);
          }
    }
    std::sort(killed.begin(), killed.end());
    std::erase_if(m.entries, [&](const Entry& e) { return std::binary_search(killed.begin(), killed.end(), e.tid); });
    m.verify(20);
    m.add_random(1500);
    m.verify(20);

    IndexDesc built = m.index;
    built.file.number = Oid{41000 + variant};
    create_storage(built);
    Builder b(m.table, built, variant & 1 ? 64 << 10 : 64 << 20);
    auto shuffled = m.entries;
    std::shuffle(shuffled.begin(), shuffled.end(), m.rng);
    for (const Entry& e : shuffled) b.add(e.value, e.null, e.tid);
    b.finish();
    m.index = built;
    m.verify(40);
    m.add_random(500);
    m.verify(20);
  }
}

TEST_CASE("btree: wide keys split and build with wide high keys") {
  Fixture f;
  Model m(42000, true, false, false, 5);
  auto wide = [&](int i) { return make_bytes(m.arena, cat(std::string(1200 + m.below(1480), static_cast<char>('a' + i % 3)), i)); };
  for (int i = 0; i < 300; i++) {
    Entry e{{wide(i), from_int(i)}, {0, 0}, {PageNo{m.next_page++}, 1}};
    insert(m.table, m.index, e.value, e.null, e.tid, UniqueCheck::kNone);
    m.entries.push_back(e);
  }
  std::sort(m.entries.begin(), m.entries.end(), [&](const Entry& a, const Entry& b) { return m.less(a, b); });
  m.verify(10);
  IndexDesc built = m.index;
  built.file.number = Oid{42001};
  create_storage(built);
  Builder b(m.table, built, 1 << 20);
  for (const Entry& e : m.entries) b.add(e.value, e.null, e.tid);
  b.finish();
  m.index = built;
  m.verify(10);
  Datum v[2] = {make_bytes(m.arena, std::string(3000, 'x')), 0};
  try {
    insert(m.table, m.index, v, nullptr, {PageNo{1}, 2}, UniqueCheck::kNone);
    FAIL("too wide");
  } catch (const SqlError& e) {
    CHECK(e.sqlstate == sqlstate::kProgramLimitExceeded);
  }
}

TEST_CASE("btree: a split left incomplete is seen through and finished by the next writer") {
  Fixture f;
  for (int nth = 1; nth < 40; nth += 3) {
    Model m(43000 + static_cast<uint32_t>(nth), nth % 2, false, false, static_cast<uint32_t>(nth));
    m.add_random(200);
    g_fail_nth_link = nth;
    while (g_fail_nth_link) {
      Entry e{{m.random_first(), from_int(1)}, {0, 0}, {PageNo{m.next_page++}, 1}};
      try {
        insert(m.table, m.index, e.value, e.null, e.tid, UniqueCheck::kNone);
      } catch (const SqlError& x) {
        CHECK(x.sqlstate == sqlstate::kInternalError);   // the entry itself is in
      }
      m.entries.push_back(e);
    }
    m.add_random(0);
    m.verify(5);
    m.add_random(1000);
    m.verify(5);
  }
}

TEST_CASE("btree: index-only values, and whether the page is as it was read") {
  Fixture f;
  Model m(44000, true, false, false, 9);
  m.add_random(500);
  Scan s(m.index, {}, false, &m.table);
  Datum values[2][32];
  uint8_t nulls[2][32];
  Vector out[2] = {{values[0], nulls[0], 1}, {values[1], nulls[1], 1}};
  Tid tids[32];
  Arena arena;
  size_t at = 0;
  while (uint32_t n = s.next(tids, 32, out, &arena)) {
    CHECK(s.unchanged());
    for (uint32_t i = 0; i < n; i++, at++) {
      const Entry& e = m.entries[at];
      REQUIRE(tids[i] == e.tid);
      REQUIRE(nulls[0][i] == e.null[0]);
      if (!e.null[0]) REQUIRE(as_view(values[0][i]) == as_view(e.value[0]));
      if (!e.null[1]) REQUIRE(values[1][i] == e.value[1]);
    }
  }
  CHECK(at == m.entries.size());
  s.rescan({});
  REQUIRE(s.next(tids, 1, nullptr, nullptr) == 1);
  heap::DeadTids dead;
  dead.add(tids[0]);
  vacuum(m.index, dead);
  CHECK(!s.unchanged());
}

TEST_CASE("dead tids: contains exactly what was added; pages come back in order") {
  heap::DeadTids d;
  CHECK(!d.contains({PageNo{0}, 1}));
  std::vector<Tid> in{{PageNo{7}, 1}, {PageNo{7}, 63}, {PageNo{7}, 64}, {PageNo{9}, 200}, {PageNo{300}, 1}};
  for (Tid t : in) d.add(t);
  CHECK(d.count() == in.size());
  for (Tid t : in) CHECK(d.contains(t));
  for (Tid t : std::vector<Tid>{{PageNo{6}, 1}, {PageNo{7}, 2}, {PageNo{7}, 65}, {PageNo{7}, 300}, {PageNo{8}, 1}, {PageNo{9}, 64}, {PageNo{300}, 2}, {PageNo{301}, 1}}) CHECK(!d.contains(t));
  std::vector<Tid> out;
  d.each_page([&](PageNo p, const uint16_t* items, size_t n) {
    for (size_t i = 0; i < n; i++) out.push_back({p, items[i]});
  });
  CHECK(out == in);
  d.clear();
  CHECK(d.empty());
  d.add({PageNo{2}, 5});
  CHECK(d.contains({PageNo{2}, 5}));
}

TEST_CASE("btree: unique violations name the key; dead rows do not count; NULLs are distinct") {
  Fixture f;
  RelationDesc rel = test_table(45000);
  rel.namespace_name = "public";
  heap::create_storage(rel.file);
  IndexDesc index;
  index.name = "t_pkey";
  index.unique = true;
  index.file = {Oid{5}, Oid{45001}};
  index.keys = {{1, oid::kInt4}, {3, oid::kText}};
  create_storage(index);
  Arena arena;
  auto put = [&](int id, bool null, UniqueCheck check = UniqueCheck::kYes) {
    Datum v[2] = {from_int(id), null ? 0 : make_bytes(arena, "x")};
    uint8_t n[2] = {0, null};
    Datum row[3] = {v[0], 0, v[1]};
    uint8_t row_nulls[3] = {0, 1, null};
    Tid tid = heap::insert(rel, {row, row_nulls});
    return std::pair(insert(rel, index, v, n, tid, check), tid);
  };
  Tid first = put(7, false).second;
  try {
    put(7, false);
    FAIL("no error");
  } catch (const SqlError& e) {
    CHECK(e.sqlstate == sqlstate::kUniqueViolation);
    CHECK(e.message == "duplicate key value violates unique constraint \"t_pkey\"");
    CHECK(e.detail == "Key (id, note)=(7, x) already exists.");
    CHECK(e.schema_name == "public");
    CHECK(e.table_name == "t");
    CHECK(e.constraint_name == "t_pkey");
  }
  auto probe = put(7, false, UniqueCheck::kProbe).first;
  CHECK(!probe.inserted);
  CHECK(probe.conflict == first);
  CHECK(put(7, true).first.inserted);
  CHECK(put(7, true).first.inserted);
  txn::next_command();
  REQUIRE(heap::remove(rel, first, txn::statement_snapshot()).status == heap::ModifyStatus::kOk);
  txn::next_command();
  CHECK(put(7, false).first.inserted);

  IndexDesc again = index;
  again.file.number = Oid{45002};
  create_storage(again);
  Builder b(rel, again, 1 << 20);
  Datum v[2] = {from_int(1), make_bytes(arena, "y")};
  uint8_t none[2] = {};
  for (int i = 0; i < 2; i++) {
    Datum row[3] = {v[0], 0, v[1]};
    uint8_t row_nulls[3] = {0, 1, 0};
    b.add(v, none, heap::insert(rel, {row, row_nulls}));
  }
  try {
    b.finish();
    FAIL("no error");
  } catch (const SqlError& e) {
    CHECK(e.message == "could not create unique index \"t_pkey\"");
    CHECK(e.detail == "Key (id, note)=(1, y) is duplicated.");
  }
}
