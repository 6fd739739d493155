#include <doctest/doctest.h>

#include "postgres/wal/test_pages.h"

using namespace postern;
using namespace postern::wal;
using region::Child;
using region::TestSite;

TEST_CASE("what was flushed survives the death of everybody") {
  TestSite site;
  test_new_site(site);
  Child writer([&](Child& c) {
    test_start(site.options());
    create_relation_fork(kTestFile, Fork::kMain, Xid(3));
    for (int i = 0; i < 20; ++i) test_add_page();
    Lsn last{};
    for (uint32_t i = 0; i < 400; ++i) last = test_set(PageNo(i % 20), i % 50, i + 1);
    flush(last);
    c.say();
    c.wait_go();
  });
  writer.go();
  REQUIRE(writer.heard());
  writer.kill();
  Recovery r = test_start(site.options());
  CHECK(r.records >= 421);
  CHECK(raw(buffer::page_count(kTestFile, Fork::kMain)) == 20);
  for (uint32_t i = 360; i < 400; ++i) CHECK(test_get(PageNo(i % 20), i % 50) == i + 1);
  region::detach();
  CHECK(test_start(site.options()).records == 0);  // the checkpoint after recovery covers it all
  CHECK(test_get(PageNo(19), 399 % 50) == 400);
}
