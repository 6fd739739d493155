#include "postgres/sql/parse/parse.h"

#include <chrono>
#include <string>

#include "common/base/error.h"
#include <doctest/doctest.h>
#include "postgres/sql/ast/ast.h"

using namespace postern;
using namespace postern::sql;

TEST_CASE("statements are split, with their text and offset") {
  Arena arena;
  auto s = parse(" select 1 ;\n insert into t values (-5, 0); ", arena);
  REQUIRE(s.size() == 2);
  CHECK(s[0].text == "select 1");
  CHECK(s[1].text == "insert into t values (-5, 0)");
  CHECK(s[1].stmt->kind == ast::StmtKind::kInsert);
  auto* ins = ast::as<ast::InsertStmt>(s[1].stmt);
  auto* sel = ast::as<ast::SelectStmt>(ins->source);
  REQUIRE(sel->values.size() == 1);
  CHECK(ast::as<ast::Const>(sel->values[0][0])->ival == -5);
  CHECK(ast::as<ast::Const>(sel->values[0][1])->ival == 0);
  CHECK(parse("", arena).empty());
  CHECK(parse(" ; -- x", arena).empty());
}

TEST_CASE("negative option values are read from the text") {
  Arena arena;
  auto s = parse("create sequence s increment by - /* c */ 3 minvalue -10 cache 0", arena);
  auto* seq = ast::as<ast::CreateSequenceStmt>(s[0].stmt);
  CHECK(seq->options[0]->ival == -3);
  CHECK(seq->options[1]->ival == -10);
  CHECK(seq->options[2]->ival == 0);
}

TEST_CASE("errors and nodes have positions in characters") {
  Arena arena;
  try {
    parse("select 'é', from", arena);
    FAIL("no error");
  } catch (const SqlError& e) {
    CHECK(e.sqlstate == sqlstate::kSyntaxError);
    CHECK(e.message == "syntax error at or near \"from\"");
    CHECK(e.position == 13);
  }
  auto s = parse("select 'é', x", arena);
  CHECK(ast::as<ast::SelectStmt>(s[0].stmt)->targets[1]->expr->position == 13);
}

TEST_CASE("what is missing is named") {
  Arena arena;
  auto s = parse("create function f() returns int language sql as 'select 1'", arena);
  CHECK(ast::stmt_name(*s[0].stmt) == "CREATE FUNCTION");
}

TEST_CASE("UPDATE SET (a, b) shares its source") {
  Arena arena;
  auto s = parse("update t set (a, b) = (select 1, 2)", arena);
  auto* u = ast::as<ast::UpdateStmt>(s[0].stmt);
  REQUIRE(u->set.size() == 2);
  CHECK(ast::as<ast::MultiAssign>(u->set[0]->expr)->source == ast::as<ast::MultiAssign>(u->set[1]->expr)->source);
}

TEST_CASE("deep nesting ends in an error, not in a crash") {
  Arena arena;
  std::string q = "select " + std::string(20000, '(') + "1" + std::string(20000, ')');
  CHECK_THROWS_AS(parse(q, arena), SqlError);
  q = "select 1";
  for (int i = 0; i < 20000; i++) q += "+1";
  CHECK_THROWS_AS(parse(q, arena), SqlError);
}

TEST_CASE("a point query parses in microseconds" * doctest::skip()) {
  Arena arena;
  auto t0 = std::chrono::steady_clock::now();
  for (int i = 0; i < 20000; i++) { arena.reset(); parse("SELECT abalance FROM pgbench_accounts WHERE aid = 123", arena); }
  auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - t0).count() / 20000;
  MESSAGE("ns per parse: " << ns);
}
