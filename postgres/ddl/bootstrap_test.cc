#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>

#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/access/stats.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/ddl/ddl.h"
#include "postgres/region/test_site.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/txn/txn.h"
#include "postgres/wal/wal.h"

using namespace postern;

namespace {

struct Hooks {
  Hooks() {
    set_fn_tables(types_fn_tables());
    wal::attach_hooks();
    txn::attach_hooks();
    stats::attach_hooks();
    heap::attach_hooks();
    btree::attach_hooks();
    catalog::attach_hooks();
  }
};

void open(const region::TestSite& site, Oid database) {
  if (region::attach(site.options(16 << 20)).must_recover) {
    wal::recover();
    txn::after_recovery();
    region::mark_ready();
  }
  catalog::connect_database(database);
}

}  // namespace

TEST_CASE("a new site has its catalogs, in three databases") {
  static Hooks hooks;
  region::TestSite site;
  ddl::BootstrapOptions o;
  o.site = site.path;
  o.superuser = "postgres";
  auto start = std::chrono::steady_clock::now();
  ddl::bootstrap_site(o, true);
  std::printf("bootstrap: %ld ms\n", static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count()));
  if (const char* keep = getenv("KEEP_SITE")) std::system(("cp -r " + site.path + " " + keep).c_str());
  open(site, catalog::kPostgresDb);
  txn::start();
  auto db = catalog::find_database("postgres");
  REQUIRE(db);
  CHECK(db->oid == catalog::kPostgresDb);
  CHECK(catalog::all_databases().size() == 3);
  auto role = catalog::find_role("postgres");
  REQUIRE(role);
  CHECK(role->superuser);
  CHECK_FALSE(catalog::find_role("nobody"));
  RelationRef rel = catalog::find_relation("", "pg_class");
  REQUIRE(rel);
  CHECK(rel->oid == Oid{1259});
  CHECK(rel->indexes.size() == 3);
  CHECK_FALSE(catalog::find_relation("", "nonesuch"));
  CHECK(catalog::find_type("", "int4") == oid::kInt4);
  CHECK(catalog::format_type(oid::kInt4Array, -1) == "integer[]");
  auto t0 = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000000; i++) catalog::find_relation("", "pg_class");
  std::printf("lookup: %ld ns\n", static_cast<long>(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - t0).count() / 1000000));
  for (const catalog::CatRelation& r : catalog::cat_relations()) {
    if (r.kind != 'r') continue;
    std::vector<std::string> problems;
    RelationRef d = catalog::relation(Oid{r.oid});
    heap::check(*d, problems);
    for (const IndexDesc& i : d->indexes) btree::check(*d, i, problems);
    for (const std::string& p : problems) MESSAGE(p);
    CHECK(problems.empty());
  }
  txn::commit();
}
