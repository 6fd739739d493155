// createuser: CREATE ROLE … LOGIN from the shell.
#include <unistd.h>

#include <cstdlib>

#include "common/base/cat.h"
#include "frontend/programs/client.h"
#include "frontend/programs/program.h"

using namespace postern;
using namespace postern::programs;

int main(int argc, char** argv) {
  g_program = "createuser";
  Connection c;
  std::string name;
  int limit = -1;
  bool superuser = false, createdb = false, createrole = false, login = true, inherit = true, replication = false, password = false;
  std::vector<std::string> member_of;
  CLI::App app{"createuser makes a role that may log in.", g_program};
  c.add_options(app, false);
  app.add_option("ROLENAME", name, "its name (default: the operating system's user)");
  app.add_flag("-s,--superuser,!-S,!--no-superuser", superuser, "superuser");
  app.add_flag("-d,--createdb,!-D,!--no-createdb", createdb, "may make databases");
  app.add_flag("-r,--createrole,!-R,!--no-createrole", createrole, "may make roles");
  app.add_flag("-l,--login,!-L,!--no-login", login, "may log in (default)");
  app.add_flag("-i,--inherit,!-I,!--no-inherit", inherit, "inherits the rights of roles it is a member of (default)");
  app.add_flag("--replication,!--no-replication", replication, "may start replication");
  app.add_option("-c,--connection-limit", limit, "number of its sessions at a time");
  app.add_option("-g,--role", member_of, "becomes a member of this role");
  app.add_flag("-P,--pwprompt", password, "ask for its password");
  if (int r = parse(app, argc, argv); r >= 0) return r;
  if (name.empty()) {
    const char* env = std::getenv("PGUSER");
    name = env ? env : c.user.empty() ? user_name() : c.user;
  }
  std::string secret;
  if (password) {
    std::string again;
    char* p = getpass("Enter password for new role: ");
    if (p) secret = p;
    p = getpass("Enter it again: ");
    if (p) again = p;
    if (secret != again) {
      std::fprintf(stderr, "Passwords didn't match.\n");
      return 1;
    }
  }
  c.open();
  std::string sql = cat("CREATE ROLE ", c.identifier(name));
  if (password) {
    char* hash = PQencryptPasswordConn(c.conn, secret.c_str(), name.c_str(), nullptr);
    if (!hash) fail(cat("password encryption failed: ", PQerrorMessage(c.conn)));
    append(sql, " PASSWORD ", c.literal(hash));
    PQfreemem(hash);
  }
  append(sql, superuser ? " SUPERUSER" : " NOSUPERUSER", createdb ? " CREATEDB" : " NOCREATEDB", createrole ? " CREATEROLE" : " NOCREATEROLE", inherit ? " INHERIT" : " NOINHERIT",
         login ? " LOGIN" : " NOLOGIN");
  if (replication) sql += " REPLICATION";
  if (limit >= 0) append(sql, " CONNECTION LIMIT ", limit);
  for (size_t i = 0; i < member_of.size(); i++) append(sql, i ? ", " : " IN ROLE ", c.identifier(member_of[i]));
  c.run(sql + ";", "creation of new role failed");
  PQfinish(c.conn);
  return 0;
}
