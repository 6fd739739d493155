#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <set>

#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/access/stats.h"
#include "postgres/catalog/built_in_rows.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/fn_tables.h"
#include "postgres/catalog/schema.h"
#include "postgres/ddl/ddl.h"
#include "postgres/region/test_site.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/txn/txn.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/wal/wal.h"

using namespace postern;

namespace {

void register_functions() {
  static std::vector<const FnTables*> tables;
  for (const FnTables* t : types_fn_tables()) tables.push_back(t);
  for (const FnTables* t : catalog::kAllFnTables) tables.push_back(t);
  tables.push_back(&ddl::kDdlFns);
  tables.push_back(&ddl::kDefinitionFns);
  set_fn_tables(tables);
}

struct Hooks {
  Hooks() {
    register_functions();
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

// Their functions are session's, which this test does not link.
const std::set<std::string_view> kOverSessionFunctions{"pg_locks", "pg_cursors", "pg_prepared_statements", "pg_settings", "pg_stat_activity", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_stat_ssl", "pg_stat_gssapi"};

void check_view(const catalog::SystemView& v) {
  CAPTURE(v.name);
  RelationRef rel = catalog::find_relation(v.information_schema ? "information_schema" : "pg_catalog", v.name);
  REQUIRE(rel);
  Arena arena;
  auto parsed = sql::parse(rel->view_query, arena);
  REQUIRE(parsed.size() == 1);
  sql::ParamTypes params;
  sql::AnalyzedStmt a;
  try {
    a = sql::analyze(*parsed[0].stmt, rel->view_query, params, arena);
  } catch (const SqlError& e) {
    FAIL_CHECK(v.name << ": " << e.message);
    return;
  }
  size_t i = 0;
  for (const sql::Target& t : a.query->targets) {
    if (t.junk) continue;
    REQUIRE(i < rel->attrs.size());
    const AttrDesc& attr = rel->attrs[i++];
    CAPTURE(attr.name);
    CHECK(std::string(t.name) == attr.name);
    CHECK(catalog::format_type_no_typmod(t.expr->type) == catalog::format_type_no_typmod(attr.type));
  }
  CHECK(i == rel->attrs.size());
}

Hooks& hooks() {
  static Hooks h;
  return h;
}

}  // namespace

TEST_CASE("a new site has its catalogs, in three databases") {
  hooks();
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

// pg_attribute says what columns a view has; its text must give just those.
TEST_CASE("system views give the columns they are declared with") {
  hooks();
  region::TestSite site;
  ddl::BootstrapOptions o;
  o.site = site.path;
  o.superuser = "postgres";
  ddl::bootstrap_site(o, true);
  open(site, catalog::kPostgresDb);
  catalog::set_user(catalog::kBootstrapRole);
  txn::start();
  for (const catalog::SystemView& v : catalog::system_views())
    if (!kOverSessionFunctions.count(v.name)) check_view(v);
  txn::commit();
}
