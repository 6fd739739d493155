#include "postgres/session/hba.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace postern::session::hba;

namespace {

struct Files {
  std::string dir;
  Files() {
    char name[] = "/tmp/postern-hba-XXXXXX";
    dir = mkdtemp(name);
  }
  ~Files() { std::filesystem::remove_all(dir); }
  std::string put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(dir + "/" + name).parent_path());
    std::ofstream(dir + "/" + name, std::ios::binary) << text;
    return dir + "/" + name;
  }
};

std::vector<Line> lines(const Files& f, const std::string& text) {
  std::vector<Line> out;
  read_lines(f.put("pg_hba.conf", text), [&](Line& l) {
    out.push_back(l);
    return true;
  });
  return out;
}

std::string shown(const Line& l) {
  if (!l.error.empty()) return "error: " + l.error;
  std::string s;
  for (const Field& f : l.fields) {
    s += '[';
    for (const Token& t : f) s += (t.quoted ? "'" : "") + t.text + (&t == &f.back() ? "" : "|");
    s += ']';
  }
  return s;
}

std::string tokens(const std::string& text) {
  Files f;
  std::string s;
  for (const Line& l : lines(f, text)) s += shown(l) + "\n";
  return s;
}

sockaddr_storage address(const char* text) {
  sockaddr_storage a{};
  if (!*text) {
    a.ss_family = AF_UNIX;
  } else if (std::string(text).find(':') == std::string::npos) {
    a.ss_family = AF_INET;
    inet_pton(AF_INET, text, &reinterpret_cast<sockaddr_in&>(a).sin_addr);
  } else {
    a.ss_family = AF_INET6;
    inet_pton(AF_INET6, text, &reinterpret_cast<sockaddr_in6&>(a).sin6_addr);
  }
  return a;
}

// Number of the line that fits, 0 none, -1 a broken line came first.
int fit(const std::string& text, const char* from, const char* user, const char* database, bool tls = false) {
  Files f;
  sockaddr_storage a = address(from);
  Client c;
  c.address = &a;
  c.tls = tls;
  c.user = user;
  c.database = database;
  c.member_of = [&](const std::string& role) { return role == user || (role == "staff" && std::string(user) == "ann"); };
  c.host_name = [] { return "db1.Example.com"; };
  c.host_has_address = [](const std::string&) { return true; };
  int result = 0;
  read_lines(f.put("pg_hba.conf", text), [&](Line& l) {
    Rule r;
    result = !parse_rule(l, true, r) ? -1 : matches(r, c) ? l.number : 0;
    return result == 0;
  });
  return result;
}

std::string error_of(const std::string& text) {
  Files f;
  auto all = lines(f, text);
  Rule r;
  REQUIRE(all.size() == 1);
  return parse_rule(all[0], true, r) ? "" : all[0].error;
}

}  // namespace

TEST_CASE("tokens: quotes, commas, comments, continuations") {
  CHECK(tokens("local all all trust\n") == "[local][all][all][trust]\n");
  CHECK(tokens("# nothing\n\n   \n") == "");
  CHECK(tokens("local\t\"all\" a,b , c # rest\r\n") == "[local]['all][a|b][c]\n");
  CHECK(tokens("a, b c\n") == "[a|b][c]\n");
  CHECK(tokens("\"a b\",\"c\"\"d\" e\"f g\"\n") == "['a b|'c\"d][ef g]\n");
  CHECK(tokens("\"\" x\n") == "['][x]\n");
  CHECK(tokens("lo\\\ncal all\\\n all\n") == "[local][all][all]\n");
  CHECK(tokens("# comment \\\ncontinued\nlocal\n") == "[local]\n");
  CHECK(tokens("a \"b#c\" d#e\n") == "[a]['b#c][d]\n");
}

TEST_CASE("line numbers count physical lines") {
  Files f;
  auto all = lines(f, "a\n\nb \\\nc\nd\n");
  REQUIRE(all.size() == 3);
  CHECK(all[0].number == 1);
  CHECK(all[1].number == 3);
  CHECK(all[2].number == 5);
}

TEST_CASE("files of tokens and included files") {
  Files f;
  f.put("users", "ann, bob\ncarl # x\n");
  f.put("more.conf", "host all all all reject\n");
  f.put("d/2.conf", "two\n");
  f.put("d/1.conf", "one\n");
  f.put("d/skipped", "no\n");
  auto all = lines(f, "local all @users,dora trust\ninclude more.conf\ninclude_if_exists nowhere\ninclude_dir d\nlocal all @nowhere trust\ninclude nowhere\n");
  REQUIRE(all.size() == 6);
  CHECK(shown(all[0]) == "[local][all][ann|bob|carl|dora][trust]");
  CHECK(shown(all[1]) == "[host][all][all][all][reject]");
  CHECK(shown(all[2]) == "[one]");
  CHECK(shown(all[3]) == "[two]");
  CHECK(all[4].error.starts_with("could not open secondary authentication file \"@nowhere\""));
  CHECK(all[5].error.starts_with("could not open file"));
  f.put("loop", "include loop\n");
  int errors = 0;
  read_lines(f.dir + "/loop", [&](Line& l) { return errors += !l.error.empty(), true; });
  CHECK(errors == 1);
}

TEST_CASE("connection types and addresses") {
  CHECK(fit("local all all trust", "", "ann", "db") == 1);
  CHECK(fit("local all all trust", "1.2.3.4", "ann", "db") == 0);
  CHECK(fit("host all all 1.2.3.0/24 trust", "1.2.3.4", "ann", "db") == 1);
  CHECK(fit("host all all 1.2.3.0/24 trust", "1.2.4.4", "ann", "db") == 0);
  CHECK(fit("host all all 1.2.3.0 255.255.0.255 trust", "1.2.9.0", "ann", "db") == 1);
  CHECK(fit("host all all 1.2.3.4/32 trust", "::ffff:1.2.3.4", "ann", "db") == 1);
  CHECK(fit("host all all ::1/128 trust\nhost all all fe80::/10 trust", "febf::9", "ann", "db") == 2);
  CHECK(fit("host all all 0.0.0.0/0 trust", "::1", "ann", "db") == 0);
  CHECK(fit("host all all samehost trust", "127.0.0.1", "ann", "db") == 1);
  CHECK(fit("host all all samenet trust", "127.1.2.3", "ann", "db") == 1);
  CHECK(fit("hostssl all all all trust\nhostnossl all all all trust", "1.2.3.4", "ann", "db", true) == 1);
  CHECK(fit("hostssl all all all trust\nhostnossl all all all trust", "1.2.3.4", "ann", "db", false) == 2);
  CHECK(fit("hostnogssenc all all all trust", "1.2.3.4", "ann", "db") == 1);
  CHECK(fit("hostgssenc all all all trust", "1.2.3.4", "ann", "db") == 0);
  CHECK(fit("host all all .example.com trust", "1.2.3.4", "ann", "db") == 1);
  CHECK(fit("host all all DB1.example.com trust", "1.2.3.4", "ann", "db") == 1);
  CHECK(fit("host all all example.com trust", "1.2.3.4", "ann", "db") == 0);
}

TEST_CASE("databases and users") {
  CHECK(fit("local a,db all trust", "", "ann", "db") == 1);
  CHECK(fit("local \"all\" all trust", "", "ann", "db") == 0);
  CHECK(fit("local \"all\" all trust", "", "ann", "all") == 1);
  CHECK(fit("local sameuser all trust", "", "ann", "ann") == 1);
  CHECK(fit("local sameuser all trust", "", "ann", "db") == 0);
  CHECK(fit("local samerole all trust", "", "ann", "staff") == 1);
  CHECK(fit("local samegroup all trust", "", "bob", "staff") == 0);
  CHECK(fit("local replication all trust", "", "bob", "replication") == 0);
  CHECK(fit("local \"replication\" all trust", "", "bob", "replication") == 1);
  CHECK(fit("local all +staff trust", "", "ann", "db") == 1);
  CHECK(fit("local all +staff trust", "", "bob", "db") == 0);
  CHECK(fit("local all \"+staff\" trust", "", "ann", "db") == 0);
  CHECK(fit("local all \"+staff\" trust", "", "+staff", "db") == 1);
}

TEST_CASE("the first line that fits, or that nobody can read, decides") {
  CHECK(fit("local all bob reject\nlocal all all trust\n", "", "ann", "db") == 2);
  CHECK(fit("local all ann trust\nlocal all all nonsense\n", "", "ann", "db") == 1);
  CHECK(fit("local all all nonsense\nlocal all ann trust\n", "", "ann", "db") == -1);
}

TEST_CASE("errors") {
  CHECK(error_of("locl all all trust") == "invalid connection type \"locl\"");
  CHECK(error_of("local,host all all trust") == "multiple values specified for connection type");
  CHECK(error_of("local") == "end-of-line before database specification");
  CHECK(error_of("local all") == "end-of-line before role specification");
  CHECK(error_of("host all all") == "end-of-line before IP address specification");
  CHECK(error_of("host all all 1.2.3.4") == "end-of-line before netmask specification");
  CHECK(error_of("host all all 1.2.3.4 ::1 trust") == "IP address and mask do not match");
  CHECK(error_of("host all all 1.2.3.4/33 trust") == "invalid CIDR mask in address \"1.2.3.4/33\"");
  CHECK(error_of("host all all host.example/24 trust") == "specifying both host name and CIDR mask is invalid: \"host.example/24\"");
  CHECK(error_of("local all all") == "end-of-line before authentication method");
  CHECK(error_of("local all all nonsense") == "invalid authentication method \"nonsense\"");
  CHECK(error_of("host all all all ldap") == "invalid authentication method \"ldap\": not supported by this build");
  CHECK(error_of("host all all all peer") == "peer authentication is only supported on local sockets");
  CHECK(error_of("host all all all cert") == "cert authentication is only supported on hostssl connections");
  CHECK(error_of("local all all peer map") == "authentication option not in name=value format: map");
  CHECK(error_of("local all all trust map=x") == "authentication option \"map\" is only valid for authentication methods ident, peer, gssapi, sspi, and cert");
  CHECK(error_of("host all all all trust clientcert=verify-ca") == "clientcert can only be configured for \"hostssl\" rows");
  CHECK(error_of("hostssl all all all trust clientcert=1") == "invalid value for clientcert: \"1\"");
  CHECK(error_of("hostssl all all all cert clientcert=verify-ca") == "clientcert only accepts \"verify-full\" when using \"cert\" authentication");
  CHECK(error_of("hostssl all all all cert x=y") == "unrecognized authentication option name: \"x\"");
}

TEST_CASE("user name maps") {
  Files f;
  auto all = lines(f, "m os role\nm /^(.*)@example$ \\1\nm /^x a\\1b\nm /( bad\nm os\n");
  REQUIRE(all.size() == 5);
  Mapping m;
  REQUIRE(parse_mapping(all[0], m));
  CHECK(mapping_fits(m, "m", "os", "role"));
  CHECK(!mapping_fits(m, "n", "os", "role"));
  CHECK(!mapping_fits(m, "m", "os", "other"));
  REQUIRE(parse_mapping(all[1], m));
  CHECK(mapping_fits(m, "m", "ann@example", "ann"));
  CHECK(!mapping_fits(m, "m", "ann@example", "bob"));
  CHECK(!mapping_fits(m, "m", "ann@elsewhere", "ann"));
  REQUIRE(parse_mapping(all[2], m));
  CHECK_THROWS(mapping_fits(m, "m", "x", "ab"));
  CHECK(!parse_mapping(all[3], m));
  CHECK(all[3].error.starts_with("invalid regular expression \"(\""));
  CHECK(!parse_mapping(all[4], m));
  CHECK(all[4].error == "missing entry at end of line");
}
