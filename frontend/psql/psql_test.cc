#include <doctest/doctest.h>

#include <map>

#include "frontend/psql/print.h"
#include "frontend/psql/scan.h"

using namespace postern::psql;

namespace {

// Cuts a script the way the main loop does.
std::vector<std::string> statements(const std::vector<std::string>& lines, std::map<std::string, std::string> vars = {}) {
  Scanner scanner([&](std::string_view name, VariableQuote q, std::string& v) {
    auto it = vars.find(std::string(name));
    if (it == vars.end()) return false;
    v = q == VariableQuote::kLiteral ? "'" + it->second + "'" : q == VariableQuote::kIdentifier ? "\"" + it->second + "\"" : it->second;
    return true;
  });
  std::vector<std::string> out;
  std::string query;
  PromptState prompt;
  for (const std::string& line : lines) {
    if (!query.empty()) query += '\n';
    scanner.set_line(line);
    while (true) {
      ScanResult r = scanner.scan(query, prompt);
      if (r == ScanResult::kBackslash) {
        out.push_back("\\" + scanner.line().substr(scanner.pos()));
        break;
      }
      if (r != ScanResult::kSemicolon) break;
      out.push_back(query);
      query.clear();
    }
  }
  if (!query.empty()) out.push_back("rest: " + query);
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("statements end at semicolons outside quotes, comments and parentheses") {
  CHECK(statements({"select 1; select 2;"}) == Strings{"select 1;", "select 2;"});
  CHECK(statements({"select ';', \";\", $$;$$, $a$ $$ ; $a$;"}) == Strings{"select ';', \";\", $$;$$, $a$ $$ ; $a$;"});
  CHECK(statements({"select 1 /* ; /* ; */ ; */;"}) == Strings{"select 1 /* ; /* ; */ ; */;"});
  CHECK(statements({"-- ; nothing", "select 1 -- ;", ";"}) == Strings{"select 1 -- ;\n;"});
  CHECK(statements({"create rule r as on insert to t do (select 1; select 2);"}).size() == 1);
  CHECK(statements({"select 'a", "b;c'", ";"}) == Strings{"select 'a\nb;c'\n;"});
  CHECK(statements({"select E'\\';' ;"}).size() == 1);
  CHECK(statements({"select 'it''s;' ;"}).size() == 1);
  CHECK(statements({"select a$b$c;"}) == Strings{"select a$b$c;"});
  CHECK(statements({"select 1\\; select 2;"}) == Strings{"select 1; select 2;"});
  CHECK(statements({"create function f() returns int begin atomic select 1; select case when true then 2 end; end;"}).size() == 1);
  CHECK(statements({"begin; end;"}) == Strings{"begin;", "end;"});
  CHECK(statements({"select 1 \\g x"}) == Strings{"\\g x", "rest: select 1 "});
}

TEST_CASE("variables") {
  std::map<std::string, std::string> v = {{"a", "5"}, {"s", "x y"}, {"loop", ":loop"}};
  CHECK(statements({"select :a;"}, v) == Strings{"select 5;"});
  CHECK(statements({"select :'s', :\"s\";"}, v) == Strings{"select 'x y', \"x y\";"});
  CHECK(statements({"select ':a', 1::int, :b;"}, v) == Strings{"select ':a', 1::int, :b;"});
  CHECK(statements({"select :{?a}, :{?b};"}, v) == Strings{"select TRUE, FALSE;"});
  CHECK(statements({"select :loop;"}, v).size() == 1);
}

TEST_CASE("aligned output") {
  Table t;
  t.headers = {"id", "name"};
  t.right = {true, false};
  t.cells = {"1", "a\nb", "22", "zz"};
  t.rows = 2;
  PrintOptions o;
  std::string out;
  print_table(t, o, 0, out);
  CHECK(out == " id | name \n----+------\n  1 | a   +\n    | b\n 22 | zz\n(2 rows)\n\n");
  o.border = 2;
  out.clear();
  print_table(t, o, 0, out);
  CHECK(out == "+----+------+\n| id | name |\n+----+------+\n|  1 | a   +|\n|    | b    |\n| 22 | zz   |\n+----+------+\n(2 rows)\n\n");
  o.border = 1;
  o.expanded = Expanded::kOn;
  out.clear();
  print_table(t, o, 0, out);
  CHECK(out == "-[ RECORD 1 ]\nid   | 1\nname | a +\n     | b\n-[ RECORD 2 ]\nid   | 22\nname | zz\n\n");
  o.format = Format::kCsv;
  o.expanded = Expanded::kOff;
  out.clear();
  print_table(t, o, 0, out);
  CHECK(out == "id,name\n1,\"a\nb\"\n22,zz\n");
}

TEST_CASE("wide and control characters") {
  auto lines = display_lines("日\t\x01", 6);
  CHECK(lines[0].width == 8 + 4);
  CHECK(display_lines("\xff", 6)[0].text == "\\xFF");
}
