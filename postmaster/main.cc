// postmaster: options, the site's lock, then Postmaster::run. Serves one site in the foreground and logs to stderr.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"
#include "postmaster/upgrade.h"

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
    "  --check            check the configuration and the postgres executable, then exit\n"
    "  -V, --version      show the version, then exit\n"
    "  -?, --help         show this help, then exit\n\n"
    "Signals: TERM smart, INT fast, QUIT immediate shutdown; HUP reloads the configuration; USR2 re-executes the postmaster, keeping everything.\n";

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

struct Options {
  std::string dir;
  Assignments settings;
  bool check = false;
  int state_format = kStateFormat;   // of the postmaster that asks for the check
};

void parse(int argc, char** argv, Options& o) {
  Assignments& settings = o.settings;
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
    if (arg == "--check" || arg.starts_with("--check=")) {
      o.check = true;
      if (arg.size() > 8) o.state_format = std::atoi(arg.c_str() + 8);
      continue;
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
      case 'D': o.dir = value; break;
      case 'p': settings.emplace_back("port", value); break;
      case 'h': settings.emplace_back("listen_addresses", value); break;
      case 'k': settings.emplace_back("unix_socket_directories", value); break;
      case 'N': settings.emplace_back("max_connections", value); break;
      default: settings.push_back(assignment(value, "-c"));
    }
  }
}

// As it was called if that leads to this file (so that a new version can be put behind a symbolic link), else where the file is.
std::string own_path(const char* name) {
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  std::string path = n > 0 ? std::string(self, static_cast<size_t>(n)) : std::string();
  if (path.ends_with(" (deleted)")) path.resize(path.size() - std::strlen(" (deleted)"));
  std::string called = name;
  if (!called.starts_with('/')) {
    if (!std::strchr(name, '/') || !getcwd(self, sizeof self)) return path;
    called = cat(self, "/", name);
  }
  auto there = FileIdentity::of(called);
  return there && there == FileIdentity::of("/proc/self/exe") ? called : path;
}

int serve(const Options& o, std::vector<std::string> arguments) {
  if (geteuid() == 0)
    throw SqlError{sqlstate::kInsufficientPrivilege, "Postern does not run as root", {}, "Start it as the unprivileged user who owns the site."};
  std::string executable = own_path(arguments[0].c_str()), site = check_site(o.dir);
  if (chdir(site.c_str()) != 0) throw SqlError{sqlstate::kSystemError, cat("could not change directory to \"", site, "\": ", std::strerror(errno))};
  Settings settings;
  settings.load_site(site);
  for (auto& [name, value] : o.settings) settings.set_from(name, value, SettingSource::kCommandLine);
  if (o.check) return check_installation(site, o.settings, executable, o.state_format);
  os::Fd lock;
  int state_fd = -1;
  if (const char* state = std::getenv(kStateVariable)) {
    state_fd = std::atoi(state);
    unsetenv(kStateVariable);
  } else {
    int other;
    lock = take_lock_file(cat(site, "/postmaster.lock"), cat(static_cast<int>(getpid()), '\n'), &other);
    if (!lock)
      throw SqlError{sqlstate::kObjectInUse, cat("another postmaster", other ? cat(" (PID ", other, ")") : std::string(), " already serves the site \"", site, "\"")};
    log(Level::kLog, "starting Postern " POSTERN_VERSION);
  }
  // The next image starts in the site's directory; the last -D counts.
  if (arguments.size() < 3 || arguments.back() != site || arguments[arguments.size() - 2] != "-D") arguments.insert(arguments.end(), {"-D", site});
  if (arguments[0].find('/') != std::string::npos) arguments[0] = executable;
  return Postmaster({site, std::move(settings), o.settings, std::move(arguments), executable, std::move(lock), state_fd}).run();
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_NAME, "postmaster");   // exec'd through a descriptor we would be called by its number
  Options options;
  if (const char* env = std::getenv("PGDATA")) options.dir = env;
  parse(argc, argv, options);
  if (options.dir.empty()) usage_error("no site given: use -D DIR or set PGDATA");
  // Standard descriptors exist, and nothing that whoever started us left open reaches a child.
  int null;
  while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= STDERR_FILENO) {}
  if (null > STDERR_FILENO) close(null);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  umask(0077);
  try {
    return serve(options, std::vector<std::string>(argv, argv + argc));
  } catch (const SqlError& e) {
    if (options.check) {
      std::fprintf(stderr, "%s%s%s\n", e.message.c_str(), e.hint.empty() ? "" : "\n", e.hint.c_str());
      return 1;
    }
    log(Level::kFatal, e.message, e.detail, e.hint);
  } catch (const std::bad_alloc&) {
    log(Level::kFatal, "out of memory");
  }
  return 1;
}
