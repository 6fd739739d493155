// createdb: CREATE DATABASE from the shell.
#include <cstdlib>

#include "common/base/cat.h"
#include "frontend/programs/client.h"
#include "frontend/programs/program.h"

using namespace postern;
using namespace postern::programs;

int main(int argc, char** argv) {
  g_program = "createdb";
  Connection c;
  std::string name, comment, owner, from, encoding, locale, lc_collate, lc_ctype, tablespace;
  CLI::App app{"createdb makes a database.", g_program};
  c.add_options(app, true);
  app.add_option("DBNAME", name, "its name (default: the user's)");
  app.add_option("DESCRIPTION", comment, "a comment on it");
  app.add_option("-O,--owner", owner, "owner");
  app.add_option("-T,--template", from, "database to copy");
  app.add_option("-E,--encoding", encoding, "encoding: UTF8");
  app.add_option("-l,--locale", locale, "locale");
  app.add_option("--lc-collate", lc_collate, "LC_COLLATE");
  app.add_option("--lc-ctype", lc_ctype, "LC_CTYPE");
  app.add_option("-D,--tablespace", tablespace, "tablespace");
  if (int r = parse(app, argc, argv); r >= 0) return r;
  if (name.empty()) {
    const char* env = std::getenv("PGDATABASE");
    if (!env) env = std::getenv("PGUSER");
    name = env ? env : c.user.empty() ? user_name() : c.user;
  }
  c.open();
  std::string sql = cat("CREATE DATABASE ", c.identifier(name));
  if (!owner.empty()) append(sql, " OWNER ", c.identifier(owner));
  if (!tablespace.empty()) append(sql, " TABLESPACE ", c.identifier(tablespace));
  if (!encoding.empty()) append(sql, " ENCODING ", c.literal(encoding));
  if (!from.empty()) append(sql, " TEMPLATE ", c.identifier(from));
  if (!locale.empty()) append(sql, " LOCALE ", c.literal(locale));
  if (!lc_collate.empty()) append(sql, " LC_COLLATE ", c.literal(lc_collate));
  if (!lc_ctype.empty()) append(sql, " LC_CTYPE ", c.literal(lc_ctype));
  c.run(sql + ";", "database creation failed");
  if (!comment.empty()) c.run(cat("COMMENT ON DATABASE ", c.identifier(name), " IS ", c.literal(comment), ";"), "comment creation failed (database was created)");
  PQfinish(c.conn);
  return 0;
}
