// pg_isready: does a server accept connections there? Exit status 0 yes, 1 it rejects them (starting or stopping), 2 no answer, 3 not tried (bad options).
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

#include "frontend/libpq/libpq-fe.h"
#include "frontend/programs/program.h"

using namespace postern::programs;

namespace {

// What the connection would use, for the message.
std::string effective(const char* keyword, const std::string& given) {
  if (!given.empty()) return given;
  std::string value;
  PQconninfoOption* all = PQconndefaults();
  for (PQconninfoOption* o = all; o && o->keyword; o++)
    if (std::string_view(o->keyword) == keyword && o->val) value = o->val;
  PQconninfoFree(all);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  g_program = "pg_isready";
  std::string dbname, host, port, user, timeout = "3";
  bool quiet = false;
  CLI::App app{"pg_isready says whether a server accepts connections.", "pg_isready"};
  app.set_help_flag("-?,--help", "show this help, then exit");
  app.set_version_flag("-V,--version", version_line("pg_isready"));
  app.add_option("-d,--dbname", dbname, "database name, or a connection string");
  app.add_option("-h,--host", host, "host name, or socket directory");
  app.add_option("-p,--port", port, "port");
  app.add_option("-U,--username", user, "user name");
  app.add_option("-t,--timeout", timeout, "seconds to wait (default 3, 0: forever)");
  app.add_flag("-q,--quiet", quiet, "exit status only");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 3;
  }
  const char* keywords[] = {"dbname", "host", "port", "user", "connect_timeout", nullptr};
  const char* values[] = {dbname.empty() ? nullptr : dbname.c_str(), host.empty() ? nullptr : host.c_str(), port.empty() ? nullptr : port.c_str(),
                          user.empty() ? nullptr : user.c_str(), timeout.c_str(), nullptr};
  PGPing r = PQpingParams(keywords, values, 1);
  if (!quiet) {
    std::string where = effective("host", host), what = "no attempt";
    if (r == PQPING_OK) what = "accepting connections";
    else if (r == PQPING_REJECT) what = "rejecting connections";
    else if (r == PQPING_NO_RESPONSE) what = "no response";
    std::printf("%s:%s - %s\n", where.empty() ? "/tmp" : where.c_str(), effective("port", port).c_str(), what.c_str());
  }
  return static_cast<int>(r);
}
