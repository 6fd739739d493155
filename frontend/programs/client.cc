#include "frontend/programs/client.h"

#include <cstdio>
#include <iostream>

#include "common/base/cat.h"
#include "frontend/programs/program.h"

namespace postern::programs {

void Connection::add_options(CLI::App& app, bool with_maintenance_db) {
  app.set_help_flag("-?,--help", "show this help, then exit");   // -h is the host
  app.add_option("-h,--host", host, "host name, or socket directory");
  app.add_option("-p,--port", port, "port");
  app.add_option("-U,--username", user, "user to connect as");
  app.add_flag("-w,--no-password", no_password, "never ask for a password");
  app.add_flag("-W,--password", prompt, "accepted; a password is asked for when the server wants one");
  app.add_flag("-e,--echo", echo, "show the statement");
  if (with_maintenance_db) app.add_option("--maintenance-db", maintenance_db, "database to connect to (default: postgres)");
}

void Connection::open() {
  auto value = [](const std::string& s) { return s.empty() ? nullptr : s.c_str(); };
  std::string db = maintenance_db.empty() ? "postgres" : maintenance_db;
  const char* keywords[] = {"dbname", "host", "port", "user", "fallback_application_name", nullptr};
  const char* values[] = {db.c_str(), value(host), value(port), value(user), g_program, nullptr};
  conn = PQconnectdbParams(keywords, values, 1);
  if (PQstatus(conn) != CONNECTION_OK) {
    std::string text = PQerrorMessage(conn);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    fail(text);
  }
}

void Connection::run(const std::string& sql, const std::string& failure) {
  if (echo) std::printf("%s\n", sql.c_str());
  PGresult* r = PQexec(conn, sql.c_str());
  if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
    std::string text = PQerrorMessage(conn);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    PQfinish(conn);
    fail(cat(failure, ": ", text));
  }
  PQclear(r);
}

std::string Connection::identifier(const std::string& name) const {
  char* quoted = PQescapeIdentifier(conn, name.data(), name.size());
  if (!quoted) fail(PQerrorMessage(conn));
  std::string out = quoted;
  PQfreemem(quoted);
  return out;
}

std::string Connection::literal(const std::string& text) const {
  char* quoted = PQescapeLiteral(conn, text.data(), text.size());
  if (!quoted) fail(PQerrorMessage(conn));
  std::string out = quoted;
  PQfreemem(quoted);
  return out;
}

bool ask(const std::string& question) {
  std::cout << question << " (y/n) " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && !answer.empty() && (answer[0] == 'y' || answer[0] == 'Y');
}

int parse(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("-V,--version", version_line(g_program));
  try {
    app.parse(argc, argv);
    return -1;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 1;
  }
}

}  // namespace postern::programs
