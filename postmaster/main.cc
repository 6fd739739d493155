// postmaster: options, the site's lock, then Postmaster::run. Serves one site in the foreground and logs to stderr.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"

using namespace postern;
using namespace postern::postmaster;

namespace {

constexpr const char* kUsage =
    "postmaster serves a Postern site: it accepts clients and hands each to a postgres process.\n\n"
    "Usage:\n"
    "  postmaster [OPTION]...\n\n"
    "Options:\n"
    "  -D DIR             the site (default: $PGDATA)\n"
    "  -p PORT            port number\n"
    "  -h ADDRESSES       host names or IP addresses to listen on, comma separated; * for all, empty for none\n"
    "  -k DIRECTORIES     Unix socket directories\n"
    "  -N NUMBER          maximum number of sessions\n"
    "  -c NAME=VALUE      set a configuration parameter\n"
    "  --NAME=VALUE       the same\n"
    "  -V, --version      show the version, then exit\n"
    "  -?, --help         show this help, then exit\n\n"
    "Signals: TERM smart, INT fast, QUIT immediate shutdown; HUP reloads the configuration.\n";

using Assignments = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void usage_error(const std::string& message) {
  std::fprintf(stderr, "postmaster: %s\nTry \"postmaster --help\" for more information.\n", message.c_str());
  std::exit(1);
}

std::pair<std::string, std::string> assignment(const std::string& text, const std::string& option) {
  size_t eq = text.find('=');
  if (eq == std::string::npos || eq == 0) usage_error(cat(option, " ", text, " requires a value"));
  std::string name = text.substr(0, eq);
  for (char& c : name)
    if (c == '-') c = '_';
  return {name, text.substr(eq + 1)};
}

void parse(int argc, char** argv, std::string& dir, Assignments& settings) {
  for (int i = 1; i < argc; i++) {
    std::string arg = argv[i];
    if (arg == "--help" || arg == "-?") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (arg == "--version" || arg == "-V") {
      std::puts("postmaster (Postern) " POSTERN_VERSION ", compatible with PostgreSQL 15");
      std::exit(0);
    }
    if (arg.starts_with("--")) {
      settings.push_back(assignment(arg.substr(2), "--"));
      continue;
    }
    if (arg.size() < 2 || arg[0] != '-' || !std::strchr("DphkNc", arg[1])) usage_error(cat("invalid argument: \"", arg, "\""));
    char letter = arg[1];
    if (arg.size() == 2 && i + 1 == argc) usage_error(cat("option requires an argument -- '", letter, "'"));
    std::string value = arg.size() > 2 ? arg.substr(2) : std::string(argv[++i]);
    switch (letter) {
      case 'D': dir = value; break;
      case 'p': settings.emplace_back("port", value); break;
      case 'h': settings.emplace_back("listen_addresses", value); break;
      case 'k': settings.emplace_back("unix_socket_directories", value); break;
      case 'N': settings.emplace_back("max_connections", value); break;
      default: settings.push_back(assignment(value, "-c"));
    }
  }
}

int serve(std::string dir, const Assignments& command_line) {
  if (geteuid() == 0)
    throw SqlError{sqlstate::kInsufficientPrivilege, "Postern does not run as root", {}, "Start it as the unprivileged user who owns the site."};
  std::string site = check_site(dir);
  if (chdir(site.c_str()) != 0) throw SqlError{sqlstate::kSystemError, cat("could not change directory to \"", site, "\": ", std::strerror(errno))};
  Settings settings;
  settings.load_site(site);
  for (auto& [name, value] : command_line) settings.set_from(name, value, SettingSource::kCommandLine);
  int other;
  os::Fd lock = take_lock_file(cat(site, "/postmaster.lock"), cat(static_cast<int>(getpid()), '\n'), &other);
  if (!lock)
    throw SqlError{sqlstate::kObjectInUse, cat("another postmaster", other ? cat(" (PID ", other, ")") : std::string(), " already serves the site \"", site, "\"")};
  log(Level::kLog, "starting Postern " POSTERN_VERSION);
  return Postmaster(site, std::move(settings), command_line).run();
}

}  // namespace

int main(int argc, char** argv) {
  std::string dir;
  Assignments command_line;
  if (const char* env = std::getenv("PGDATA")) dir = env;
  parse(argc, argv, dir, command_line);
  if (dir.empty()) usage_error("no site given: use -D DIR or set PGDATA");
  // Standard descriptors exist, and nothing that whoever started us left open reaches a child.
  int null;
  while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= STDERR_FILENO) {}
  if (null > STDERR_FILENO) close(null);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  umask(0077);
  try {
    return serve(dir, command_line);
  } catch (const SqlError& e) {
    log(Level::kFatal, e.message, e.detail, e.hint);
  } catch (const std::bad_alloc&) {
    log(Level::kFatal, "out of memory");
  }
  return 1;
}
