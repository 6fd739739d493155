// dropuser: DROP ROLE from the shell.
#include "common/base/cat.h"
#include "frontend/programs/client.h"
#include "frontend/programs/program.h"

using namespace postern;
using namespace postern::programs;

int main(int argc, char** argv) {
  g_program = "dropuser";
  Connection c;
  std::string name;
  bool interactive = false, if_exists = false;
  CLI::App app{"dropuser removes a role.", g_program};
  c.add_options(app, false);
  app.add_option("ROLENAME", name, "its name");
  app.add_flag("-i,--interactive", interactive, "ask first");
  app.add_flag("--if-exists", if_exists, "no error when there is none");
  if (int r = parse(app, argc, argv); r >= 0) return r;
  if (name.empty()) fail("missing required argument role name", "Try \"dropuser --help\" for more information.");
  if (interactive && !ask(cat("Role \"", name, "\" will be permanently removed.\nAre you sure?"))) return 0;
  c.open();
  c.run(cat("DROP ROLE ", if_exists ? "IF EXISTS " : "", c.identifier(name), ";"), cat("removal of role \"", name, "\" failed"));
  PQfinish(c.conn);
  return 0;
}
