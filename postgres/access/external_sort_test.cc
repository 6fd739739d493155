#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#include "common/base/cat.h"
#include "common/os/fault.h"
#include "postgres/access/external_sort.h"
#include "postgres/access/test_heap.h"

using namespace postern;
using region::TestSite;

namespace {

struct Row {
  Datum v[3];
  uint8_t n[3];
};

int sign(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

}  // namespace

TEST_CASE("external sort: any order, in memory, spilled, merged in passes, limited, rewound") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  std::mt19937 rng(1);
  Arena arena;
  const TypeInfo* types[3] = {&type_info(oid::kText), &type_info(oid::kInt4), &type_info(oid::kFloat8)};
  for (int variant = 0; variant < 24; variant++) {
    CAPTURE(variant);
    int first = variant % 3;
    bool desc = variant & 1, nulls_first = rng() % 2;
    bool spill = variant % 4 == 3;
    uint64_t limit = variant % 5 == 4 ? 1 + rng() % 700 : 0;
    SortKey keys[3] = {{first, types[first], desc, nulls_first}, {(first + 1) % 3, types[(first + 1) % 3], !desc, !nulls_first}, {(first + 2) % 3, types[(first + 2) % 3]}};
    ExternalSort sort(types, keys, spill ? 64 << 10 : 16 << 20, limit);
    std::vector<Row> rows(5000);
    for (Row& r : rows) {
      for (uint8_t& n : r.n) n = rng() % 15 == 0;
      r.v[0] = make_bytes(arena, cat(std::string(rng() % 10, 'a'), rng() % 20));
      r.v[1] = from_int(static_cast<int>(rng() % 41) - 20);
      r.v[2] = from_float8(static_cast<double>(static_cast<int>(rng() % 9) - 4) / 3);
      sort.add(r.v, r.n);
    }
    sort.sort();
    auto compare = [&](const Datum* a, const uint8_t* an, const Datum* b, const uint8_t* bn) {
      for (const SortKey& k : keys) {
        auto c = static_cast<size_t>(k.column);
        if (an[c] || bn[c]) {
          if (an[c] && bn[c]) continue;
          return (an[c] != 0) == k.nulls_first ? -1 : 1;
        }
        int r = c == 0 ? compare_bytes(as_view(a[0]), as_view(b[0])) : c == 1 ? sign(as_int8(a[1]), as_int8(b[1])) : as_float8(a[2]) < as_float8(b[2]) ? -1 : as_float8(a[2]) > as_float8(b[2]);
        if (r) return k.desc ? -r : r;
      }
      return 0;
    };
    std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return compare(a.v, a.n, b.v, b.n) < 0; });
    size_t want = limit ? std::min<size_t>(limit, rows.size()) : rows.size();
    for (int pass = 0; pass < 2; pass++) {
      size_t at = 0;
      Datum values[3][kBatchRows];
      uint8_t nulls[3][kBatchRows];
      Vector out[3] = {{values[0], nulls[0], 1}, {values[1], nulls[1], 1}, {values[2], nulls[2], 1}};
      while (uint32_t n = sort.next(out, 1 + rng() % kBatchRows)) {
        for (uint32_t i = 0; i < n; i++, at++) {
          REQUIRE(at < want);
          Datum v[3] = {values[0][i], values[1][i], values[2][i]};
          uint8_t nl[3] = {nulls[0][i], nulls[1][i], nulls[2][i]};
          REQUIRE(compare(v, nl, rows[at].v, rows[at].n) == 0);
        }
      }
      REQUIRE(at == want);
      sort.rewind();
    }
    if (!limit) CHECK(sort.stats().on_disk == spill);
  }
  std::string path = site.path + "/base/pgsql_tmp";
  CHECK(std::filesystem::is_empty(path));
}

TEST_CASE("external sort: a full disk is 53100") {
  TestSite site;
  test_new_site(site);
  test_attach(site);
  const TypeInfo* types[1] = {&type_info(oid::kInt8)};
  SortKey keys[1] = {{0, types[0]}};
  ExternalSort sort(types, keys, 64 << 10);
  os::arm_fault({os::Call::kWrite, 1, ENOSPC, true});
  bool threw = false;
  try {
    for (int64_t i = 0; i < 100000; i++) {
      Datum v = from_int(-i);
      sort.add(&v, nullptr);
    }
  } catch (const SqlError& e) {
    threw = e.sqlstate == sqlstate::kDiskFull;
  }
  os::disarm_fault();
  CHECK(threw);
}
