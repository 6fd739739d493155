// Analysis and deparsing over three tables of a made-up catalog. The texts expected are PostgreSQL 15's.
#include "postgres/sql/analyze/analyze.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "common/base/cat.h"
#include "common/base/error.h"
#include <doctest/doctest.h>
#include "postgres/sql/ast/ast.h"
#include "postgres/types/builtin_tables.h"

using namespace postern;
using namespace postern::sql;

namespace {

RelationRef table(uint32_t oid, std::string name, std::vector<AttrDesc> attrs, bool primary_key) {
  auto r = std::make_shared<RelationDesc>();
  r->oid = Oid{oid};
  r->name = std::move(name);
  r->namespace_oid = Oid{2200};
  r->row_type = Oid{oid + 1};
  for (AttrDesc& a : attrs) {
    const TypeInfo& t = type_info(a.type);
    a.len = t.len;
    a.by_value = t.by_value;
    a.collation = t.category == 'S' ? oid::kDefaultCollation : kInvalidOid;
  }
  r->attrs = std::move(attrs);
  if (primary_key) {
    IndexDesc i;
    i.oid = Oid{oid + 2};
    i.name = r->name + "_pkey";
    i.unique = i.primary = true;
    i.keys.push_back({1, r->attrs[0].type});
    r->indexes.push_back(i);
  }
  return r;
}

const std::vector<RelationRef>& tables() {
  static const std::vector<RelationRef> all = [] {
    auto col = [](std::string n, Oid t, int32_t typmod = -1, std::string def = {}) { AttrDesc a; a.name = std::move(n); a.type = t; a.typmod = typmod; a.default_expr = std::move(def); a.has_default = !a.default_expr.empty(); return a; };
    std::vector<RelationRef> v;
    v.push_back(table(16400, "t", {col("a", oid::kInt4), col("b", oid::kText, -1, "'x'::text"), col("c", oid::kNumeric, 655366), col("d", oid::kBytea), col("v", oid::kVarchar, 14), col("arr", oid::kInt4Array)}, true));
    v.push_back(table(16410, "u", {col("a", oid::kInt4), col("x", oid::kInt8), col("y", oid::kText), col("f", oid::kFloat8), col("ok", oid::kBool)}, false));
    v.push_back(table(16420, "pgbench_accounts", {col("aid", oid::kInt4), col("bid", oid::kInt4), col("abalance", oid::kInt4), col("filler", oid::kBpchar, 88)}, true));
    return v;
  }();
  return all;
}

}  // namespace

namespace postern::catalog {
std::optional<DatabaseInfo> find_database(std::string_view) { return {}; }
Oid my_database() { return Oid{5}; }
Oid find_namespace(std::string_view n) { return n == "public" ? Oid{2200} : n == "pg_catalog" ? Oid{11} : kInvalidOid; }
std::string namespace_name(Oid o) { return raw(o) == 2200 ? "public" : "pg_catalog"; }
RelationRef find_relation(std::string_view schema, std::string_view name) {
  for (auto& r : tables()) if (r->name == name && (schema.empty() || schema == "public")) return r;
  return {};
}
RelationRef relation(Oid oid) {
  for (auto& r : tables()) if (r->oid == oid) return r;
  return {};
}
RelationRef open_relation(std::string_view schema, std::string_view name, lock::Mode, int position) {
  if (auto r = find_relation(schema, name)) return r;
  throw SqlError{sqlstate::kUndefinedTable, cat("relation \"", schema.empty() ? "" : cat(schema, "."), name, "\" does not exist"), "", "", position};
}
Oid find_type(std::string_view, std::string_view name) {
  for (auto& r : tables()) if (r->name == name) return r->row_type;
  return {};
}
std::string format_type(Oid type, int32_t typmod) {
  static constexpr std::pair<std::string_view, std::string_view> names[] = {{"int4", "integer"}, {"int8", "bigint"}, {"int2", "smallint"}, {"varchar", "character varying"}, {"bpchar", "character"}, {"bool", "boolean"},
      {"float8", "double precision"}, {"float4", "real"}, {"timestamp", "timestamp without time zone"}, {"timestamptz", "timestamp with time zone"}, {"time", "time without time zone"}};
  const TypeInfo* t = postern::find_type(type);
  if (!t) { for (auto& r : tables()) if (r->row_type == type) return r->name; return "???"; }
  if (t->category == 'A' && t->elem != kInvalidOid) return format_type(t->elem, typmod) + "[]";
  std::string out(t->name);
  for (auto [from, to] : names) if (from == t->name) out = to;
  if (typmod >= 0 && t->typmod_out) t->typmod_out(typmod, out);
  return out;
}
Oid row_type_relation(Oid type) {
  for (auto& r : tables()) if (r->row_type == type) return r->oid;
  return {};
}
}  // namespace postern::catalog

namespace {

std::string run(std::string_view sql, bool pretty = true) {
  Arena arena;
  set_fn_tables(types_fn_tables());
  try {
    std::string out;
    for (const ParsedStatement& p : parse(sql, arena)) {
      ParamTypes params;
      params.deduce = true;
      AnalyzedStmt a = analyze(*p.stmt, p.text, params, arena);
      if (!out.empty()) out += "\n";
      out += a.query->command == Command::kSelect ? deparse_query(*a.query, pretty) : "ok";
    }
    return out;
  } catch (const SqlError& e) {
    return cat(e.sqlstate.view(), " ", e.message, e.detail.empty() ? "" : cat(" DETAIL ", e.detail), e.hint.empty() ? "" : cat(" HINT ", e.hint), " AT ", e.position);
  }
}

}  // namespace

TEST_CASE("select") {
  CHECK(run("select * from t where a = 1") == " SELECT t.a,\n    t.b,\n    t.c,\n    t.d,\n    t.v,\n    t.arr\n   FROM t\n  WHERE t.a = 1;");
  CHECK(run("select a+1 as x from t where a in (1,2) and b like 'x%'") == " SELECT t.a + 1 AS x\n   FROM t\n  WHERE (t.a = ANY (ARRAY[1, 2])) AND t.b ~~ 'x%'::text;");
  CHECK(run("select z from t") == "42703 column \"z\" does not exist AT 8");
  CHECK(run("select a from t group by b") == "42803 column \"t.a\" must appear in the GROUP BY clause or be used in an aggregate function AT 8");
  CHECK(run("select b from t group by a").substr(0, 7) == " SELECT");
  CHECK(run("select a from t, u") == "42702 column reference \"a\" is ambiguous AT 8");
  CHECK(run("select 1 + 'x'::text") == "42883 operator does not exist: integer + text HINT No operator matches the given name and argument types. You might need to add explicit type casts. AT 10");
}

TEST_CASE("insert, update, delete") {
  CHECK(run("insert into t (a, b) values (1, 'x'), (2, default)") == "ok");
  CHECK(run("insert into t (a, zz) values (1, 2)") == "42703 column \"zz\" of relation \"t\" does not exist AT 19");
  CHECK(run("insert into t (a) values (1, 2)") == "42601 INSERT has more expressions than target columns AT 30");
  CHECK(run("insert into t select 1, 'a' on conflict (a) do update set b = excluded.b where t.a > 0 returning *") == "ok");
  CHECK(run("insert into t values (1) on conflict (b) do nothing") == "42P10 there is no unique or exclusion constraint matching the ON CONFLICT specification AT 0");
  CHECK(run("update t set d = 1").substr(0, 5) == "42804");
  CHECK(run("update t set a = 'x'::text") == "42804 column \"a\" is of type integer but expression is of type text HINT You will need to rewrite or cast the expression. AT 18");
  CHECK(run("update t set (a, b) = (select a, y from u where u.a = t.a) from u where u.a = t.a returning t.*, u.x") == "ok");
  CHECK(run("delete from t using u where t.a = u.a returning u.y") == "ok");
}

TEST_CASE("a point query is analysed in microseconds" * doctest::skip()) {
  set_fn_tables(types_fn_tables());
  Arena ast_arena, arena;
  auto s = parse("SELECT abalance FROM pgbench_accounts WHERE aid = 123", ast_arena);
  auto t0 = std::chrono::steady_clock::now();
  for (int i = 0; i < 100000; i++) {
    arena.reset();
    ParamTypes params;
    analyze(*s[0].stmt, s[0].text, params, arena);
  }
  MESSAGE("ns per analysis: " << std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - t0).count() / 100000);
}

// Not a test: analyses statements from a file, one per line ("\n" escaped), for comparing with PostgreSQL by hand.
TEST_CASE("deparse lines of a file" * doctest::skip()) {
  const char* path = std::getenv("POSTERN_SQL_FILE");
  if (!path) return;
  FILE* f = std::fopen(path, "r");
  char line[65536];
  while (std::fgets(line, sizeof line, f)) {
    std::string s(line);
    while (!s.empty() && s.back() == '\n') s.pop_back();
    std::cout << "-- " << s << "\n" << run(s) << "\n";
  }
  std::fclose(f);
}
