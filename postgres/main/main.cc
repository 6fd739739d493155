// The backend executable. One process serves one client, or runs one worker, or makes a new site; see usage below.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/handoff/handoff.h"
#include "common/settings/settings.h"
#include "postgres/inspect/inspect.h"
#include "postgres/main/engine.h"
#include "postgres/region/region.h"
#include "postgres/session/session.h"
#include "postgres/worker/worker.h"

using namespace postern;

namespace {

constexpr const char* kUsage =
    "postgres serves one session of a Postern site.\n\n"
    "Usage:\n"
    "  postgres -D DIR --socket PATH     listen on a Unix socket, serve one client (debugging)\n"
    "  postgres -D DIR --fd N            the client is descriptor N (inetd, systemd Accept=yes, a socketpair)\n"
    "  postgres -D DIR --handoff-fd N    wait for a client from the postmaster on channel N\n"
    "  postgres -D DIR --worker NAME     run a worker: maintenance, autovacuum, sessions\n"
    "  postgres -D DIR --probe N         can this executable serve the site, for a postmaster with hand-off protocol N?\n"
    "  postgres -D DIR --bootstrap       make a new site (used by initdb)\n"
    "  postgres inspect …                decode files of a site, read-only\n"
    "Options:\n"
    "  -c NAME=VALUE                     set a configuration parameter\n"
    "  --version, --help\n";

struct Arguments {
  std::string site, socket, worker, database, superuser, locale = "C.UTF-8";
  int fd = -1, handoff_fd = -1, probe = -1;
  bool bootstrap = false;
  std::vector<std::pair<std::string, std::string>> settings;
};

[[noreturn]] void die(const SqlError& e) {
  std::fprintf(stderr, "postgres: %s: %s\n", severity_name(Severity::kFatal), e.message.c_str());
  if (!e.detail.empty()) std::fprintf(stderr, "DETAIL:  %s\n", e.detail.c_str());
  if (!e.hint.empty()) std::fprintf(stderr, "HINT:  %s\n", e.hint.c_str());
  std::exit(1);
}

[[noreturn]] void usage_error(std::string message) {
  std::fprintf(stderr, "postgres: %s\nTry \"postgres --help\" for more information.\n", message.c_str());
  std::exit(2);
}

int number(const char* s) {
  char* end;
  errno = 0;
  long v = std::strtol(s, &end, 10);
  if (*end || end == s || errno || v < 0 || v > 1 << 20) usage_error(cat("invalid descriptor number \"", s, "\""));
  return static_cast<int>(v);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; i++) {
    std::string arg = argv[i];
    auto value = [&]() -> const char* {
      if (i + 1 >= argc) usage_error(cat("option ", arg, " requires a value"));
      return argv[++i];
    };
    if (arg == "-D") a.site = value();
    else if (arg == "--fd") a.fd = number(value());
    else if (arg == "--handoff-fd") a.handoff_fd = number(value());
    else if (arg == "--socket") a.socket = value();
    else if (arg == "--worker") a.worker = value();
    else if (arg == "--probe") a.probe = number(value());
    else if (arg == "--database") a.database = value();
    else if (arg == "--bootstrap") a.bootstrap = true;
    else if (arg == "--superuser") a.superuser = value();
    else if (arg == "--locale") a.locale = value();
    else if (arg == "-c" || arg.starts_with("-c")) {
      std::string s = arg == "-c" ? value() : arg.substr(2);
      size_t eq = s.find('=');
      if (eq == std::string::npos) usage_error(cat("-c ", s, " requires a value"));
      a.settings.emplace_back(s.substr(0, eq), s.substr(eq + 1));
    } else if (arg == "--version" || arg == "-V") {
      std::puts("postgres (Postern) " POSTERN_VERSION ", compatible with PostgreSQL 15");
      std::exit(0);
    } else if (arg == "--help" || arg == "-?") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    } else {
      usage_error(cat("invalid argument: \"", arg, "\""));
    }
  }
  if (a.site.empty())
    if (const char* env = std::getenv("PGDATA")) a.site = env;
  if (a.site.empty()) usage_error("no site given: use -D DIR or set PGDATA");
  int modes = (a.fd >= 0) + (a.handoff_fd >= 0) + !a.socket.empty() + !a.worker.empty() + a.bootstrap + (a.probe >= 0);
  if (modes != 1) usage_error("exactly one of --socket, --fd, --handoff-fd, --worker, --probe, --bootstrap is needed");
  return a;
}

// Listens on path and accepts one client; the socket file is gone when it is served.
int accept_one(const std::string& path) {
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  if (path.size() >= sizeof addr.sun_path) throw SqlError{sqlstate::kInvalidParameterValue, cat("socket path \"", path, "\" is too long (maximum ", sizeof addr.sun_path - 1, " bytes)")};
  std::memcpy(addr.sun_path, path.c_str(), path.size() + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto fail = [&](const char* what) { throw SqlError{sqlstate::kSystemError, cat("could not ", what, " \"", path, "\": ", std::strerror(errno))}; };
  if (fd < 0) fail("create socket");
  struct stat st;
  if (lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) unlink(path.c_str());
  mode_t old = umask(0077);
  int r = bind(fd, reinterpret_cast<sockaddr*>(&addr), sizeof addr);
  umask(old);
  if (r != 0) fail("bind socket");
  if (listen(fd, 1) != 0) fail("listen on");
  int client;
  do client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
  while (client < 0 && errno == EINTR);
  if (client < 0) fail("accept on");
  close(fd);
  unlink(path.c_str());
  return client;
}

int serve(Arguments& a, Settings& settings) {
  // A process that cannot attach still owes its client a word.
  std::optional<SqlError> trouble;
  auto attach = [&] {
    try {
      engine::attach(settings, a.site, false);
    } catch (SqlError& e) {
      trouble = e;
    }
  };
  int client = -1;
  bool reject = false;
  if (a.handoff_fd >= 0) {
    fcntl(a.handoff_fd, F_SETFD, FD_CLOEXEC);
    attach();
    handoff::Received r = handoff::receive(a.handoff_fd);
    if (r.fd < 0) {
      if (region::attached()) engine::detach();
      return 0;
    }
    client = r.fd;
    reject = r.reject;
    handoff::claim(a.handoff_fd);
    if (trouble && !reject) {   // that was when the spare started
      trouble.reset();
      attach();
    }
  } else {
    if (!a.socket.empty()) {
      client = accept_one(a.socket);
    } else {
      client = a.fd;
      fcntl(client, F_SETFD, FD_CLOEXEC);
    }
    attach();
    if (!trouble) worker::ensure_maintenance(a.site);
  }
  if (reject) {
    session::Session::refuse(client, SqlError{sqlstate::kTooManyConnections, "sorry, too many clients already"});
    if (region::attached()) engine::detach();
    return 0;
  }
  if (trouble) {
    session::Session::refuse(client, *trouble);
    std::fprintf(stderr, "FATAL:  %s\n", trouble->message.c_str());
    return static_cast<int>(handoff::ExitStatus::kCannotServe);
  }
  int status;
  {
    session::Session s(settings, client, a.handoff_fd >= 0 ? session::Origin::kPostmaster : session::Origin::kByHand);
    status = s.serve([&] {
      if (a.handoff_fd >= 0) {
        close(a.handoff_fd);
        a.handoff_fd = -1;
      }
    });
  }
  engine::detach();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_NAME, "postgres");   // exec'd through a descriptor we would be called by its number
  if (argc > 1 && std::strcmp(argv[1], "inspect") == 0) return inspect::inspect_main(argc - 1, argv + 1);
  Arguments a = parse(argc, argv);
  try {
    if (geteuid() == 0)
      throw SqlError{sqlstate::kInsufficientPrivilege, "Postern does not run as root", {}, "Start it as the unprivileged user who owns the site."};
    engine::register_all();
    if (a.bootstrap) {
      const char* secret = std::getenv("POSTERN_SUPERUSER_SECRET");   // of initdb
      engine::bootstrap(a.site, a.superuser, secret ? secret : "", a.locale);
      return 0;
    }
    a.site = engine::real_site(a.site);
    Settings settings;
    settings.load_site(a.site);
    for (auto& [name, value] : a.settings) settings.set_from(name, value, SettingSource::kCommandLine);
    settings.set_from("data_directory", a.site, SettingSource::kCommandLine);
    settings.set_from("config_file", cat(a.site, "/postgresql.conf"), SettingSource::kCommandLine);
    for (auto [name, file] : {std::pair{"hba_file", "/pg_hba.conf"}, {"ident_file", "/pg_ident.conf"}})
      if (const std::string& given = settings.get(name); !given.starts_with('/')) settings.set_from(name, given.empty() ? cat(a.site, file) : cat(a.site, "/", given), SettingSource::kCommandLine);
    if (a.probe >= 0) return engine::probe(settings, a.site, a.probe);
    if (a.worker == "sessions" && !region::in_use(a.site)) return 0;
    if (!a.worker.empty()) {
      engine::attach(settings, a.site, true);
      int status = worker::run(a.worker, a.database, settings, a.site);
      engine::detach();
      return status;
    }
    return serve(a, settings);
  } catch (SqlError& e) {
    die(e);
  } catch (std::bad_alloc&) {
    die(SqlError{sqlstate::kOutOfMemory, "out of memory"});
  }
}
