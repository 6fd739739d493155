// dropdb: DROP DATABASE from the shell.
#include "common/base/cat.h"
#include "frontend/programs/client.h"
#include "frontend/programs/program.h"

using namespace postern;
using namespace postern::programs;

int main(int argc, char** argv) {
  g_program = "dropdb";
  Connection c;
  std::string name;
  bool interactive = false, force = false, if_exists = false;
  CLI::App app{"dropdb removes a database.", g_program};
  c.add_options(app, true);
  app.add_option("DBNAME", name, "its name");
  app.add_flag("-i,--interactive", interactive, "ask first");
  app.add_flag("-f,--force", force, "end the sessions in it first");
  app.add_flag("--if-exists", if_exists, "no error when there is none");
  if (int r = parse(app, argc, argv); r >= 0) return r;
  if (name.empty()) fail("missing required argument database name", "Try \"dropdb --help\" for more information.");
  if (interactive && !ask(cat("Database \"", name, "\" will be permanently removed.\nAre you sure?"))) return 0;
  c.open();
  c.run(cat("DROP DATABASE ", if_exists ? "IF EXISTS " : "", c.identifier(name), force ? " WITH (FORCE)" : "", ";"), "database removal failed");
  PQfinish(c.conn);
  return 0;
}
