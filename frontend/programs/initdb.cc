// initdb: makes a site. The directory and the two configuration files are made here, the database by `postgres --bootstrap`.
#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "common/protocol/scram.h"
#include "common/settings/settings.h"
#include "frontend/programs/program.h"

extern char** environ;

using namespace postern;
using namespace postern::programs;
namespace fs = std::filesystem;

namespace {

struct Options {
  std::string dir, superuser, auth, auth_local, auth_host, pwfile, encoding = "UTF8", locale;
  std::vector<std::string> categories;
  bool no_locale = false, checksums = false, no_sync = false, no_clean = false, prompt = false, no_instructions = false;
};

// What was made, and goes again if the rest fails.
struct Made {
  std::string dir;
  bool directory = false, keep = false;
  ~Made() {
    if (dir.empty() || keep) return;
    std::error_code ignored;
    if (directory) {
      message("info", cat("removing data directory \"", dir, "\""));
      fs::remove_all(dir, ignored);
    } else {
      message("info", cat("removing contents of data directory \"", dir, "\""));
      for (auto& entry : fs::directory_iterator(dir, ignored)) fs::remove_all(entry.path(), ignored);
    }
  }
};

struct Failure { std::string text, hint; };

// What a new site asks of clients when the command line does not say.
constexpr const char *kDefaultLocalAuth = "trust", *kDefaultHostAuth = "trust";

void check_auth(const std::string& method, bool local) {
  for (const char* known : {"trust", "reject", "scram-sha-256", "md5", "password"})
    if (method == known) return;
  if (local && method == "peer") return;
  for (const char* other : {"ident", "cert", "gss", "sspi", "pam", "ldap", "radius", "bsd", "peer"})
    if (method == other) fail(cat("authentication method \"", method, "\" is not supported for \"", local ? "local" : "host", "\" connections"));
  fail(cat("invalid authentication method \"", method, "\" for \"", local ? "local" : "host", "\" connections"));
}

bool asks_password(const std::string& method) { return method == "scram-sha-256" || method == "md5" || method == "password"; }

// The superuser's password, as the secret that the site keeps; "" when none is wanted.
std::string superuser_secret(const Options& o) {
  std::string password;
  if (o.prompt) {
    const char* typed = getpass("Enter new superuser password: ");
    password = typed ? typed : "";
    typed = getpass("Enter it again: ");
    if (!typed || password != typed) fail("passwords didn't match");
  } else if (!o.pwfile.empty()) {
    std::ifstream f(o.pwfile);
    if (!f) fail(cat("could not open file \"", o.pwfile, "\" for reading: ", std::strerror(errno)));
    std::getline(f, password);
    while (!password.empty() && (password.back() == '\r' || password.back() == '\n')) password.pop_back();
    if (password.empty()) fail(cat("password file \"", o.pwfile, "\" is empty"));
  }
  if (password.empty()) return {};
  std::string secret = scram::make_secret(password);
  scram::wipe(password);
  return secret;
}

std::string checked_locale(const Options& o) {
  std::string locale = o.no_locale ? "C" : o.locale.empty() ? "C.UTF-8" : o.locale;
  if (locale == "POSIX") locale = "C";
  if (locale == "C.utf8" || locale == "C.UTF8") locale = "C.UTF-8";
  if (locale != "C" && locale != "C.UTF-8") fail(cat("locale \"", locale, "\" is not supported yet"), "Use C.UTF-8 or C.");
  for (const std::string& c : o.categories)
    if (c != "C" && c != "POSIX" && c != "C.UTF-8" && c != "C.utf8" && c != "C.UTF8") fail(cat("locale \"", c, "\" is not supported yet"), "Use C.UTF-8 or C.");
  return locale;
}

void check_encoding(std::string encoding) {
  for (char& c : encoding) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (encoding != "utf8" && encoding != "utf-8" && encoding != "unicode") fail(cat("encoding \"", encoding, "\" is not supported"), "Postern's only encoding is UTF8.");
}

void make_directory(const std::string& dir, Made& made) {
  struct stat st;
  std::error_code error;
  if (stat(dir.c_str(), &st) != 0) {
    std::printf("creating directory %s ... ", dir.c_str());
    std::fflush(stdout);
    made.dir = dir;
    made.directory = true;
    fs::create_directories(fs::path(dir).parent_path(), error);
    if (error || mkdir(dir.c_str(), 0700) != 0) {
      made.dir.clear();
      throw Failure{cat("could not create directory \"", dir, "\": ", error ? error.message() : std::strerror(errno)), {}};
    }
  } else {
    if (!S_ISDIR(st.st_mode)) throw Failure{cat("could not create directory \"", dir, "\": a file is there"), {}};
    bool empty = fs::is_empty(dir, error);
    if (error) throw Failure{cat("could not access directory \"", dir, "\": ", error.message()), {}};
    if (!empty)
      throw Failure{cat("directory \"", dir, "\" exists but is not empty"),
                    cat("If you want to create a new database system, either remove or empty the directory \"", dir, "\" or run initdb with an argument other than \"", dir, "\".")};
    std::printf("fixing permissions on existing directory %s ... ", dir.c_str());
    std::fflush(stdout);
    if (chmod(dir.c_str(), 0700) != 0) throw Failure{cat("could not change permissions of directory \"", dir, "\": ", std::strerror(errno)), {}};
    made.dir = dir;
  }
  std::puts("ok");
}

std::string default_configuration() {
  std::string text =
      "# Configuration of this Postern site: name = value. Names and units are PostgreSQL's.\n"
      "# A commented line shows the default. Most changes take effect with `pg_ctl reload`; those marked (restart) with a new start.\n"
      "# A setting that is not known stops the start with an error.\n\n";
  struct Group { const char* title; std::vector<const char*> names; };
  const Group groups[] = {
      {"Connections", {"listen_addresses", "port", "max_connections", "superuser_reserved_connections", "unix_socket_directories", "unix_socket_permissions", "spare_backends", "authentication_timeout"}},
      {"Memory", {"shared_buffers", "work_mem", "maintenance_work_mem"}},
      {"Durability and checkpoints", {"fsync", "synchronous_commit", "full_page_writes", "checkpoint_timeout", "max_wal_size", "min_wal_size"}},
      {"Autovacuum", {"autovacuum", "autovacuum_naptime", "autovacuum_vacuum_threshold", "autovacuum_vacuum_scale_factor", "autovacuum_analyze_threshold", "autovacuum_analyze_scale_factor"}},
      {"Sessions", {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "deadlock_timeout", "search_path", "DateStyle", "TimeZone", "IntervalStyle"}},
  };
  for (const Group& g : groups) {
    append(text, "# ", g.title, "\n");
    for (const char* name : g.names) {
      const SettingDef* def = find_setting(name);
      if (!def) continue;
      std::string value = display_setting(*def, def->boot);
      bool bare = def->type == SettingType::kInt || def->type == SettingType::kReal || def->type == SettingType::kBool || def->type == SettingType::kEnum;
      append(text, "#", name, " = ", bare ? "" : "'", value, bare ? "" : "'", def->context == SettingContext::kPostmaster ? "\t\t# (restart)" : "", "\n");
    }
    text += '\n';
  }
  return text;
}

std::string default_hba(const Options& o) {
  auto line = [](const char* type, const char* address, const std::string& method) {
    std::string s = cat(type, std::string(8 - std::strlen(type), ' '), "all             all             ", address);
    return cat(s, std::string(24 - std::strlen(address), ' '), method, "\n");
  };
  return cat("# Who may connect, from where, as whom, and how they prove it. The first line that fits decides; none: refused.\n"
             "# Read at the start of each session: a change holds for the next connection. SELECT * FROM pg_hba_file_rules shows how it is understood.\n"
             "#\n"
             "# TYPE is local (Unix sockets), host (TCP), hostssl or hostnossl. DATABASE: names, all, sameuser, samerole. USER: names, +role (its members), all.\n"
             "# ADDRESS: an address with mask (192.0.2.0/24), a host name, .suffix, samehost, samenet, all.\n"
             "# METHOD: reject, trust, peer (the operating system's user, maps in pg_ident.conf), scram-sha-256, password, cert.\n"
             "# include FILE, include_if_exists FILE and include_dir DIR put other files in; @FILE in a list puts in its names.\n\n"
             "# TYPE  DATABASE        USER            ADDRESS                 METHOD\n",
             line("local", "", o.auth_local), line("host", "127.0.0.1/32", o.auth_host), line("host", "::1/128", o.auth_host));
}

std::string default_ident() {
  return "# Names of the operating system's users, or of certificates, and the roles they may be: for rules of pg_hba.conf with map=MAPNAME.\n"
         "# A name that begins with / is a regular expression; \\1 in the role stands for what its first parentheses matched.\n\n"
         "# MAPNAME       SYSTEM-USERNAME         ROLE\n";
}

void write_file(const std::string& path, const std::string& text) {
  try {
    os::write_file_durably(path, text);
  } catch (const SqlError& e) {
    throw Failure{e.message, {}};
  }
}

// The secret goes through the environment: command lines are for everyone to see.
void bootstrap(const Options& o, const std::string& locale, const std::string& secret) {
  if (secret.empty()) unsetenv("POSTERN_SUPERUSER_SECRET");
  else setenv("POSTERN_SUPERUSER_SECRET", secret.c_str(), 1);
  std::printf("running bootstrap ... ");
  std::fflush(stdout);
  std::string program = sibling("postgres");
  std::vector<std::string> arguments = {"postgres", "-D", o.dir, "--bootstrap", "--superuser", o.superuser, "--locale", locale};
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_t pid;
  if (int r = posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv.data(), environ); r != 0) throw Failure{cat("could not run \"", program, "\": ", std::strerror(r)), {}};
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFSIGNALED(status)) throw Failure{cat("postgres --bootstrap was terminated by signal ", WTERMSIG(status)), {}};
  if (WEXITSTATUS(status) != 0) throw Failure{cat("postgres --bootstrap failed with exit status ", WEXITSTATUS(status)), {}};
  std::puts("ok");
}

void run(Options& o) {
  bool chosen = !o.auth.empty() || (!o.auth_local.empty() && !o.auth_host.empty());
  if (o.auth_local.empty()) o.auth_local = o.auth.empty() ? kDefaultLocalAuth : o.auth == "ident" ? "peer" : o.auth;
  if (o.auth_host.empty()) o.auth_host = o.auth.empty() ? kDefaultHostAuth : o.auth == "peer" ? "scram-sha-256" : o.auth;
  check_auth(o.auth_local, true);
  check_auth(o.auth_host, false);
  if (o.prompt && !o.pwfile.empty()) fail("password prompt and password file cannot be specified together");
  if (asks_password(o.auth_local) && asks_password(o.auth_host) && !o.prompt && o.pwfile.empty())
    fail(cat("must specify a password for the superuser to enable password authentication"));
  std::string secret = superuser_secret(o);
  check_encoding(o.encoding);
  std::string locale = checked_locale(o);
  if (o.superuser.empty()) o.superuser = user_name();
  if (o.superuser.starts_with("pg_")) fail(cat("superuser name \"", o.superuser, "\" is disallowed; role names cannot begin with \"pg_\""));
  if (o.superuser.size() > 63) fail(cat("superuser name \"", o.superuser, "\" is too long (maximum 63 bytes)"));
  o.dir = absolute_path(o.dir);

  std::printf("The files belonging to this database system will be owned by user \"%s\".\nThis user must also own the server process.\n\n", user_name().c_str());
  std::printf("The database cluster will be initialized with locale \"%s\" and encoding \"UTF8\".\nData page checksums are enabled.\n\n", locale.c_str());
  Made made;
  made.keep = o.no_clean;
  try {
    make_directory(o.dir, made);
    bootstrap(o, locale, secret);
    std::printf("creating configuration files ... ");
    write_file(cat(o.dir, "/postgresql.conf"), default_configuration());
    write_file(cat(o.dir, "/pg_hba.conf"), default_hba(o));
    write_file(cat(o.dir, "/pg_ident.conf"), default_ident());
    std::puts("ok");
    made.keep = true;
  } catch (const Failure& f) {
    if (!made.dir.empty()) std::puts("");
    std::fflush(stdout);
    message("error", f.text);
    if (!f.hint.empty()) message("hint", f.hint);
    if (made.dir.empty() || made.keep) std::exit(1);
    throw;
  }
  std::fflush(stdout);
  if (!chosen && o.auth_local == "trust") {
    message("warning", "enabling \"trust\" authentication for local connections");
    message("hint", "You can change this by editing pg_hba.conf or using the option -A, or --auth-local and --auth-host, the next time you run initdb.");
  }
  if (!o.no_instructions) std::printf("\nSuccess. You can now start the database server using:\n\n    %s/pg_ctl -D %s -l logfile start\n\n", own_directory().c_str(), o.dir.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  g_program = "initdb";
  Options o;
  CLI::App app{"initdb makes a Postern site (a directory that holds databases).", "initdb"};
  app.set_help_flag("-?,--help", "show this help, then exit");
  app.set_version_flag("-V,--version", version_line("initdb"));
  std::string positional, ignored;
  app.add_option("-D,--pgdata", o.dir, "the directory (default: $PGDATA)");
  app.add_option("DATADIR", positional, "the same");
  app.add_option("-U,--username", o.superuser, "name of the superuser (default: the user who runs initdb)");
  app.add_option("-A,--auth", o.auth, "how clients prove who they are: trust, peer, scram-sha-256, password, reject");
  app.add_option("--auth-local", o.auth_local, "the same, for Unix sockets");
  app.add_option("--auth-host", o.auth_host, "the same, for TCP/IP");
  app.add_option("--pwfile", o.pwfile, "file whose first line is the superuser's password");
  app.add_flag("-W,--pwprompt", o.prompt, "ask for the superuser's password");
  app.add_option("-E,--encoding", o.encoding, "encoding: UTF8");
  app.add_option("--locale", o.locale, "locale: C.UTF-8 (default) or C");
  app.add_flag("--no-locale", o.no_locale, "same as --locale=C");
  for (const char* category : {"--lc-collate", "--lc-ctype", "--lc-messages", "--lc-monetary", "--lc-numeric", "--lc-time"})
    app.add_option_function<std::string>(category, [&](const std::string& v) { o.categories.push_back(v); }, "C or C.UTF-8");
  app.add_flag("-k,--data-checksums", o.checksums, "checksums of pages (always on)");
  app.add_flag("-N,--no-sync,--nosync", o.no_sync, "accepted; writing takes no longer with it");
  app.add_flag("-n,--no-clean,--noclean", o.no_clean, "keep what was made when something fails");
  app.add_flag("--no-instructions", o.no_instructions, "do not say how to start the server");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 1;
  }
  refuse_root("Please log in (using, e.g., \"su\") as the (unprivileged) user that will own the server process.");
  if (o.dir.empty()) o.dir = positional;
  if (o.dir.empty())
    if (const char* env = std::getenv("PGDATA")) o.dir = env;
  if (o.dir.empty()) fail("no data directory specified", "You must identify the directory where the data for this database system will reside. Do this with either the invocation option -D or the environment variable PGDATA.");
  umask(0077);
  try {
    run(o);
  } catch (const Failure&) {
    return 1;
  }
  return 0;
}
