// pg_ctl: starts, stops, upgrades and asks after the postmaster of a site. Whether one runs is told by its lock on the site, what it is by postmaster.pid.
#include <CLI/CLI.hpp>
#include <boost/process.hpp>
#include <boost/process/extend.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "frontend/libpq/libpq-fe.h"
#include "frontend/programs/control.h"
#include "frontend/programs/program.h"

using namespace postern;
using namespace postern::programs;
namespace bp = boost::process;

namespace {

constexpr int64_t kPollUs = 50'000;
constexpr int kNotRunning = 3, kNoSite = 4;   // exit statuses of `status`

struct Options {
  std::string command, dir, log, mode = "fast", postmaster_path;
  std::vector<std::string> postmaster_options;
  bool wait = true, no_wait = false, silent = false, json = false, core_files = false, at_transaction_end = false, timeout_given = false;
  int timeout_s = 60;
  TopOptions top;
};

using Json = nlohmann::ordered_json;

void say(const Options& o, const std::string& text) {
  if (o.silent || o.json) return;
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Splits as a shell does: blanks separate, quotes and backslashes join.
std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (quote ? c == quote : c == '\'' || c == '"') {
      quote = quote ? 0 : c;
      in_word = true;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote) fail(cat("unterminated quote in options: ", text));
  if (in_word) words.push_back(word);
  return words;
}

// The postmaster gets a session of its own, so that it outlives our terminal.
struct OwnSession : bp::extend::handler {
  template <class Executor>
  void on_exec_setup(Executor&) const { setsid(); }
};

PGPing ping(const PidFile& p) {
  std::string port = cat(p.port);
  std::string host = !p.socket_dir.empty() ? p.socket_dir : p.listen_address == "*" || p.listen_address == "0.0.0.0" || p.listen_address == "::" ? "localhost" : p.listen_address;
  const char* keywords[] = {"host", "port", "dbname", "connect_timeout", nullptr};
  const char* values[] = {host.c_str(), port.c_str(), "postgres", "5", nullptr};
  return PQpingParams(keywords, values, 0);
}

bool accepts(const std::string& site) {
  auto p = read_pid_file(site);
  return p && p->status == "ready" && postmaster_runs(site) && ping(*p) == PQPING_OK;
}

int wait_until_ready(const Options& o, bp::child& child) {
  say(o, "waiting for server to start...");
  int64_t deadline = os::monotonic_us() + o.timeout_s * int64_t{1'000'000}, next_dot = os::monotonic_us() + 1'000'000;
  while (os::monotonic_us() < deadline) {
    std::error_code error;
    if (!child.running(error)) {
      say(o, " stopped waiting\n");
      std::fprintf(stderr, "pg_ctl: could not start server\n%s", o.log.empty() ? "" : "Examine the log output.\n");
      return 1;
    }
    auto p = read_pid_file(o.dir);
    if (p && p->pid == child.id() && accepts(o.dir)) {
      say(o, " done\nserver started\n");
      child.detach();
      return 0;
    }
    os::sleep_us(kPollUs);
    if (os::monotonic_us() > next_dot) {
      say(o, ".");
      next_dot += 1'000'000;
    }
  }
  say(o, " stopped waiting\n");
  std::fprintf(stderr, "pg_ctl: server did not start in time\n");
  child.detach();
  return 1;
}

int start(const Options& o) {
  if (postmaster_runs(o.dir)) fail("another server might be running; it holds the lock of the site");
  std::vector<std::string> arguments = {"-D", o.dir};
  for (const std::string& text : o.postmaster_options)
    for (std::string& word : split_words(text)) arguments.push_back(std::move(word));
  std::string program = o.postmaster_path.empty() ? sibling("postmaster") : o.postmaster_path;
  try {
    bp::child child;
    auto launch = [&](auto&& out) {
      return bp::child(bp::exe = program, bp::args = arguments, bp::std_in < bp::null, out, OwnSession{}, bp::limit_handles);
    };
    if (o.log.empty()) {
      child = bp::child(bp::exe = program, bp::args = arguments, bp::std_in < bp::null, OwnSession{});
    } else {
      umask(0077);
      std::unique_ptr<FILE, int (*)(FILE*)> log(std::fopen(o.log.c_str(), "ae"), std::fclose);
      if (!log) fail(cat("could not open log file \"", o.log, "\": ", std::strerror(errno)));
      child = launch((bp::std_out & bp::std_err) > log.get());
    }
    if (o.wait) return wait_until_ready(o, child);
    child.detach();
    say(o, "server starting\n");
    return 0;
  } catch (const bp::process_error& e) {
    fail(cat("could not start \"", program, "\": ", e.code().message()));
  }
}

// The running postmaster, or an end with PostgreSQL's message.
PidFile running(const Options& o) {
  auto p = read_pid_file(o.dir);
  if (!p) {
    std::fprintf(stderr, "pg_ctl: PID file \"%s/postmaster.pid\" does not exist\nIs server running?\n", o.dir.c_str());
    std::exit(1);
  }
  if (!postmaster_runs(o.dir)) {
    std::fprintf(stderr, "pg_ctl: no server running (the PID file is left over from PID %d)\n", p->pid);
    std::exit(1);
  }
  return *p;
}

void signal_postmaster(int pid, int number) {
  if (kill(pid, number) != 0) fail(cat("could not send signal to the server (PID: ", pid, "): ", std::strerror(errno)));
}

// The postmaster's answer to a request, or an end with its error.
Json ask(const Options& o, const Json& request) {
  running(o);
  auto answer = ask_postmaster(o.dir, request, o.timeout_s);
  if (!answer) fail(cat("the postmaster did not answer within ", o.timeout_s, " s"));
  if (!answer->value("ok", false)) fail(answer->value("error", std::string("the postmaster refused the request")));
  return *answer;
}

int wait_until_gone(const Options& o, bool forever) {
  int64_t deadline = os::monotonic_us() + o.timeout_s * int64_t{1'000'000}, next_dot = os::monotonic_us() + 1'000'000;
  while (postmaster_runs(o.dir)) {
    if (!forever && os::monotonic_us() > deadline) {
      say(o, " failed\n");
      std::fprintf(stderr, "pg_ctl: server does not shut down\n");
      if (o.mode == "smart") std::fprintf(stderr, "HINT: The \"-m fast\" option immediately disconnects sessions rather than\nwaiting for session-initiated disconnection.\n");
      return 1;
    }
    os::sleep_us(kPollUs);
    if (os::monotonic_us() > next_dot) {
      say(o, ".");
      next_dot += 1'000'000;
    }
  }
  say(o, " done\nserver stopped\n");
  return 0;
}

int stop(const Options& o, bool restarting) {
  if (restarting && !postmaster_runs(o.dir)) {
    std::fprintf(stderr, "pg_ctl: no server is running\nstarting server anyway\n");
    return 0;
  }
  if (o.mode == "keep") ask(o, {{"command", "stop"}, {"mode", "keep"}});
  else signal_postmaster(running(o).pid, o.mode == "smart" ? SIGTERM : o.mode == "fast" ? SIGINT : SIGQUIT);
  if (!o.wait) {
    say(o, "server shutting down\n");
    return 0;
  }
  say(o, "waiting for server to shut down...");
  return wait_until_gone(o, false);
}

// No new sessions; the server ends with the last one, or ends them at their next transaction boundary, or when the time is over.
int drain(const Options& o) {
  Json request{{"command", "drain"}, {"at_transaction_end", o.at_transaction_end}};
  if (o.timeout_given) request["timeout_s"] = o.timeout_s;
  ask(o, request);
  if (!o.wait) {
    say(o, "server is draining\n");
    return 0;
  }
  say(o, "waiting for the sessions to end...");
  return wait_until_gone(o, true);
}

int upgrade(const Options& o) {
  ask(o, {{"command", "upgrade"}});
  say(o, "server upgraded\n");
  return 0;
}

int status(const Options& o) {
  struct stat st;
  bool runs = postmaster_runs(o.dir);
  auto p = read_pid_file(o.dir);
  if (o.json) {
    Json j;
    j["running"] = runs;
    j["site"] = o.dir;
    if (runs && p) {
      j["pid"] = p->pid;
      j["status"] = p->status;
      j["port"] = p->port;
      j["socket_directory"] = p->socket_dir;
      j["listen_address"] = p->listen_address;
      j["start_time"] = p->started;
      j["accepts_connections"] = p->status == "ready" && ping(*p) == PQPING_OK;
      if (auto answer = ask_postmaster(o.dir, {{"command", "status"}}, 5))
        for (auto& [key, value] : answer->items())
          if (key != "ok") j[key] = value;
    }
    std::puts(j.dump(2).c_str());
  } else if (stat(o.dir.c_str(), &st) != 0 || stat(cat(o.dir, "/control").c_str(), &st) != 0) {
    std::fprintf(stderr, "pg_ctl: directory \"%s\" %s\n", o.dir.c_str(), stat(o.dir.c_str(), &st) != 0 ? "does not exist" : "is not a database cluster directory");
    return kNoSite;
  } else if (runs) {
    std::printf("pg_ctl: server is running (PID: %d)\n", p ? p->pid : 0);
    if (p) std::printf("port %d, status %s\n", p->port, p->status.c_str());
    if (auto answer = ask_postmaster(o.dir, {{"command", "status"}}, 5)) {
      const Json& processes = answer->at("processes");
      std::printf("%s sessions of at most %s, %s spare processes, postgres executable generation %s\n", processes.at("sessions").dump().c_str(), answer->at("max_connections").dump().c_str(),
                  processes.at("spares").dump().c_str(), answer->at("postgres").at("generation").dump().c_str());
      if (std::string why = answer->at("last_refusal"); !why.empty()) std::printf("refused: %s\n", why.c_str());
    }
  } else {
    std::puts("pg_ctl: no server running");
  }
  return runs ? 0 : kNotRunning;
}

int run(Options& o) {
  if (o.command == "status") return status(o);
  struct stat st;
  if (stat(o.dir.c_str(), &st) != 0) fail(cat("directory \"", o.dir, "\" does not exist"));
  if (stat(cat(o.dir, "/control").c_str(), &st) != 0) fail(cat("directory \"", o.dir, "\" is not a database cluster directory"));
  if (o.command == "start") return start(o);
  if (o.command == "stop") return stop(o, false);
  if (o.command == "restart") {
    o.wait = true;
    if (int r = stop(o, true); r != 0) return r;
    o.wait = !o.no_wait;
    return start(o);
  }
  if (o.command == "reload") {
    signal_postmaster(running(o).pid, SIGHUP);
    say(o, "server signaled\n");
    return 0;
  }
  if (o.command == "upgrade") return upgrade(o);
  if (o.command == "drain") return drain(o);
  if (o.command == "metrics") {
    std::fputs(prometheus(ask(o, {{"command", "status"}})).c_str(), stdout);
    return 0;
  }
  if (o.command == "top") {
    o.top.site = o.dir;
    running(o);
    return top(o.top);
  }
  if (o.command == "promote" || o.command == "logrotate" || o.command == "kill") fail(cat("\"", o.command, "\" is not supported yet"));
  if (o.command == "init" || o.command == "initdb") {
    std::vector<std::string> arguments = {"-D", o.dir};
    for (const std::string& text : o.postmaster_options)
      for (std::string& word : split_words(text)) arguments.push_back(std::move(word));
    return bp::system(bp::exe = sibling("initdb"), bp::args = arguments);
  }
  fail(cat("unrecognized operation mode \"", o.command, "\""));
}

}  // namespace

int main(int argc, char** argv) {
  g_program = "pg_ctl";
  Options o;
  CLI::App app{"pg_ctl starts, stops and asks after the postmaster of a Postern site.", "pg_ctl"};
  app.set_help_flag("-?,--help", "show this help, then exit");
  app.set_version_flag("-V,--version", version_line("pg_ctl"));
  bool wait_flag = false;
  app.add_option("COMMAND", o.command, "start, stop, restart, reload, upgrade, drain, status, metrics, top, init")->required();
  app.add_option("-D,--pgdata", o.dir, "the site (default: $PGDATA)");
  app.add_option("-l,--log", o.log, "append the server's log to this file");
  app.add_option("-m,--mode", o.mode, "smart: wait for the sessions; fast: end them; immediate: end everything now; keep: only the postmaster ends, sessions go on")
      ->transform(CLI::CheckedTransformer(std::map<std::string, std::string>{{"s", "smart"}, {"f", "fast"}, {"i", "immediate"}, {"smart", "smart"}, {"fast", "fast"}, {"immediate", "immediate"}, {"keep", "keep"}}).description(""));
  app.add_option("-o,--options", o.postmaster_options, "options for the postmaster (for initdb with init)")->expected(1)->take_all();
  app.add_option("-p", o.postmaster_path, "path of the postmaster executable");
  auto* timeout = app.add_option("-t,--timeout", o.timeout_s, "seconds to wait (default 60); drain: then end the sessions");
  app.add_flag("--at-transaction-end", o.at_transaction_end, "drain: end each session at its next transaction boundary");
  app.add_option("-n,--rounds", o.top.rounds, "top: so many rounds (default: until q)");
  app.add_option("-i,--interval", o.top.delay_s, "top: seconds between rounds (default 2)");
  app.add_option("-d,--dbname", o.top.database, "top: database to connect to (default postgres)");
  app.add_option("-U,--username", o.top.user, "top: user to connect as");
  app.add_flag("-w,--wait", wait_flag, "wait until the operation is done (default)");
  app.add_flag("-W,--no-wait", o.no_wait, "do not wait");
  app.add_flag("-s,--silent", o.silent, "say errors only");
  app.add_flag("-c,--core-files", o.core_files, "accepted; core files follow the system's limits");
  app.add_flag("--json", o.json, "status as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 1;
  }
  o.wait = !o.no_wait;
  o.timeout_given = timeout->count() > 0;
  if (o.timeout_s < 0 || o.top.delay_s <= 0) fail("the timeout can't be negative, the interval must be positive");
  refuse_root("Please log in (using, e.g., \"su\") as the (unprivileged) user that will own the server process.");
  if (o.dir.empty())
    if (const char* env = std::getenv("PGDATA")) o.dir = env;
  if (o.dir.empty()) fail("no database directory specified and environment variable PGDATA unset");
  o.dir = absolute_path(o.dir);
  return run(o);
}
