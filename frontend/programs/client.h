// createdb, dropdb, createuser, dropuser: the connection options they share, one connection, one statement.
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

#include "frontend/libpq/libpq-fe.h"

namespace postern::programs {

struct Connection {
  std::string host, port, user, maintenance_db;
  bool echo = false, no_password = false, prompt = false;
  PGconn* conn = nullptr;

  void add_options(CLI::App& app, bool with_maintenance_db);
  void open();                                     // ends the program when it can't
  void run(const std::string& sql, const std::string& failure);   // one statement, outside of a transaction
  std::string identifier(const std::string& name) const;
  std::string literal(const std::string& text) const;
};

bool ask(const std::string& question);             // y/n on the terminal
// --help, --version, errors: the exit status to end with, or -1 to go on.
int parse(CLI::App& app, int argc, char** argv);

}  // namespace postern::programs
