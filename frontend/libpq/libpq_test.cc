#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "frontend/libpq/libpq-fe.h"

namespace {

std::string value_of(const char* conninfo, const char* keyword) {
  char* error = nullptr;
  PQconninfoOption* o = PQconninfoParse(conninfo, &error);
  if (!o) {
    std::string text = std::string("error: ") + error;
    PQfreemem(error);
    return text;
  }
  std::string v = "(none)";
  for (PQconninfoOption* i = o; i->keyword; i++)
    if (strcmp(i->keyword, keyword) == 0 && i->val) v = i->val;
  PQconninfoFree(o);
  return v;
}

}  // namespace

TEST_CASE("conninfo: pairs, quotes, errors") {
  CHECK(value_of("host=a port = 12 dbname='x y\\'z'", "dbname") == "x y'z");
  CHECK(value_of("host=a port = 12", "port") == "12");
  CHECK(value_of("dbname=a\\ b", "dbname") == "a b");
  CHECK(value_of("password=''", "password") == "");
  CHECK(value_of("", "host") == "(none)");
  CHECK(value_of("datadir=/x/y", "datadir") == "/x/y");
  CHECK(value_of("host", "host") == "error: missing \"=\" after \"host\" in connection info string\n");
  CHECK(value_of("nosuch=1", "host") == "error: invalid connection option \"nosuch\"\n");
  CHECK(value_of("host='a", "host") == "error: unterminated quoted string in connection info string\n");
}

TEST_CASE("conninfo: URI") {
  const char* full = "postgresql://me:p%40ss@[::1]:99/my%20db?sslmode=disable&application_name=x";
  CHECK(value_of(full, "user") == "me");
  CHECK(value_of(full, "password") == "p@ss");
  CHECK(value_of(full, "host") == "::1");
  CHECK(value_of(full, "port") == "99");
  CHECK(value_of(full, "dbname") == "my db");
  CHECK(value_of(full, "application_name") == "x");
  CHECK(value_of("postgres://%2Ftmp/d", "host") == "/tmp");
  CHECK(value_of("postgresql:///d?host=/tmp", "host") == "/tmp");
  CHECK(value_of("postgresql://h1:1,h2:2/d", "host") == "h1,h2");
  CHECK(value_of("postgresql://h1:1,h2:2/d", "port") == "1,2");
  CHECK(value_of("postgresql://", "host") == "(none)");
  CHECK(value_of("postgresql://h/d?ssl=true", "sslmode") == "require");
  CHECK(value_of("postgresql://a%2", "host").rfind("error: invalid percent-encoded token", 0) == 0);
  CHECK(value_of("postgresql://[::1", "host").rfind("error: end of string reached", 0) == 0);
  CHECK(value_of("postgresql://h/d?x", "host").rfind("error: missing key/value separator", 0) == 0);
  CHECK(value_of("postgresql://h/d?x=1", "host").rfind("error: invalid URI query parameter", 0) == 0);
}

TEST_CASE("bytea") {
  size_t n = 0;
  unsigned char* b = PQunescapeBytea(reinterpret_cast<const unsigned char*>("\\x00ff41"), &n);
  CHECK(std::string(reinterpret_cast<char*>(b), n) == std::string("\0\xff" "A", 3));
  PQfreemem(b);
  b = PQunescapeBytea(reinterpret_cast<const unsigned char*>("a\\\\b\\101"), &n);
  CHECK(std::string(reinterpret_cast<char*>(b), n) == "a\\bA");
  PQfreemem(b);
  b = PQescapeBytea(reinterpret_cast<const unsigned char*>("\0A"), 2, &n);
  CHECK(std::string(reinterpret_cast<char*>(b)) == "\\x0041");
  PQfreemem(b);
}

TEST_CASE("widths") {
  CHECK(PQdsplen("a", 6) == 1);
  CHECK(PQdsplen("日", 6) == 2);
  CHECK(PQdsplen("\xCC\x81", 6) == 0);
  CHECK(PQmblen("é", 6) == 2);
  CHECK(PQmblenBounded("\xE6", 6) == 1);
  CHECK(pg_char_to_encoding("utf-8") == 6);
}

TEST_CASE("a server that answers garbage is told apart from one that answers") {
  for (std::string answer : {std::string("HTTP/1.1 400\r\n\r\n"), std::string("R\xff\xff\xff\xff", 5), std::string("R\0\0\0\4", 5),
                             std::string("R\0\0\0\x08\0\0\0\0Z\0\0\0\4", 14), std::string("E\0\0\0\5S", 6), std::string()}) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_storage storage{};
    std::string dir = "/tmp/libpq_test." + std::to_string(getpid());
    std::string path = dir + "/.s.PGSQL.5432";
    std::string make = "mkdir -p " + dir;
    REQUIRE(system(make.c_str()) == 0);
    storage.ss_family = AF_UNIX;
    memcpy(reinterpret_cast<char*>(&storage) + 2, path.c_str(), path.size() + 1);
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(2 + path.size() + 1)) == 0);
    REQUIRE(listen(listener, 1) == 0);
    std::thread server([&] {
      int fd = accept(listener, nullptr, nullptr);
      char buffer[4096];
      ssize_t n = read(fd, buffer, sizeof buffer);
      if (n > 0) n = write(fd, answer.data(), answer.size());
      close(fd);
    });
    PGconn* c = PQconnectdb(("user=u dbname=d host=" + dir).c_str());
    CHECK(PQstatus(c) == CONNECTION_BAD);
    CHECK(std::string(PQerrorMessage(c)).find("connection to server on socket") == 0);
    PQfinish(c);
    server.join();
    close(listener);
    unlink(path.c_str());
    rmdir(dir.c_str());
  }
}
