// pg_ctl top: a live view. The postmaster's own figures come from its control socket, sessions, waits and repairs from SQL, if it lets us in.
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/os/process.h"
#include "frontend/libpq/libpq-fe.h"
#include "frontend/programs/control.h"
#include "frontend/programs/program.h"

namespace postern::programs {
namespace {

using Json = nlohmann::ordered_json;
using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;

constexpr const char* kSessions =
    "SELECT pid, coalesce(datname, ''), coalesce(usename, ''), coalesce(application_name, ''), coalesce(state, backend_type), coalesce(wait_event_type || ':' || wait_event, ''), "
    "coalesce(extract(epoch FROM now() - xact_start)::int::text, ''), "
    "CASE WHEN state = 'active' THEN coalesce(extract(epoch FROM now() - query_start)::int::text, '') ELSE '' END, "
    "coalesce(query, '') FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    "ORDER BY (state = 'active') DESC NULLS LAST, (state = 'idle in transaction') DESC NULLS LAST, xact_start, pid";
constexpr const char* kTotals = "SELECT coalesce(sum(xact_commit), 0), coalesce(sum(xact_rollback), 0), coalesce(sum(blks_read), 0), coalesce(sum(blks_hit), 0), coalesce(sum(deadlocks), 0) FROM pg_stat_database";
constexpr const char* kRepairs = "SELECT string_agg(c, '  ') FROM postern_counters() c WHERE c LIKE '%repaired%' OR c LIKE '%reaped%' OR c LIKE '%generation%'";

// The terminal, one key at a time, put back at the end.
class Screen {
 public:
  Screen() : live_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
    if (!live_ || tcgetattr(STDIN_FILENO, &saved_) != 0) return;
    termios raw = saved_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    std::fputs("\033[?1049h\033[?25l", stdout);
  }
  ~Screen() {
    if (!live_) return;
    std::fputs("\033[?25h\033[?1049l", stdout);
    std::fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  void show(const std::string& text) const {
    if (live_) std::fputs("\033[H\033[J", stdout);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
  int rows() const {
    winsize w{};
    return live_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row ? w.ws_row : 1000;
  }
  int columns() const {
    winsize w{};
    return live_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 160;
  }
  // True: q was pressed.
  bool pause(double seconds) const {
    if (!live_) {
      os::sleep_us(static_cast<int64_t>(seconds * 1e6));
      return false;
    }
    pollfd p{STDIN_FILENO, POLLIN, 0};
    char key = 0;
    return poll(&p, 1, static_cast<int>(seconds * 1000)) > 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q');
  }

 private:
  bool live_;
  termios saved_{};
};

// Counters of which the difference between two rounds is shown.
struct Totals {
  double at_s = 0, accepted = 0, sessions = 0, commits = 0, rollbacks = 0, reads = 0, hits = 0;
};

std::string rate(double now, double before, double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f/s", seconds > 0 ? std::max(now - before, 0.0) / seconds : 0);
  return text;
}

class Top {
 public:
  explicit Top(const TopOptions& options) : o_(options), connection_(nullptr, PQfinish) {}

  std::string round(int columns, int rows) {
    auto status = ask_postmaster(o_.site, {{"command", "status"}}, 5);
    std::string out;
    Totals now;
    now.at_s = static_cast<double>(os::monotonic_us()) / 1e6;
    if (status) {
      const Json& p = status->at("processes");
      const Json& c = status->at("counters");
      now.accepted = c.at("accepted");
      now.sessions = c.at("sessions_started");
      append(out, "postmaster ", status->at("pid").dump(), "  ", status->at("status").get<std::string>(), "  upgrades ", c.at("upgrades").dump(), "  postgres generation ", status->at("postgres").at("generation").dump(), "\n");
      append(out, "sessions ", p.at("sessions").dump(), "/", status->at("max_connections").dump(), " (", p.at("sessions_adopted").dump(), " adopted)  starting ", p.at("starting").dump(), "  waiting ", status->at("waiting_clients").dump(),
             "  spares ", p.at("spares").dump(), "  crashed ", c.at("processes_crashed").dump(), "\n");
      append(out, "connections ", rate(now.accepted, last_.accepted, since(now)), "  authenticated ", rate(now.sessions, last_.sessions, since(now)));
      if (std::string why = status->at("last_refusal"); !why.empty()) append(out, "\nrefused: ", why);
    } else {
      append(out, "no answer from the postmaster");
    }
    if (connect()) sql(out, now, columns, rows);
    else append(out, "\n", PQerrorMessage(connection_.get()));
    last_ = now;
    return out;
  }

 private:
  double since(const Totals& now) const { return last_.at_s > 0 ? now.at_s - last_.at_s : 0; }

  bool connect() {
    if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) return true;
    auto pid_file = read_pid_file(o_.site);
    std::string host = !o_.host.empty() ? o_.host : pid_file ? !pid_file->socket_dir.empty() ? pid_file->socket_dir : "localhost" : "", port = cat(o_.port ? o_.port : pid_file ? pid_file->port : 5432);
    const char* keywords[] = {"host", "port", "dbname", "user", "application_name", "connect_timeout", nullptr};
    const char* values[] = {host.c_str(), port.c_str(), o_.database.c_str(), o_.user.empty() ? nullptr : o_.user.c_str(), "pg_ctl top", "5", nullptr};
    connection_.reset(PQconnectdbParams(keywords, values, 0));
    return PQstatus(connection_.get()) == CONNECTION_OK;
  }

  Result query(const char* text) { return Result(PQexec(connection_.get(), text), PQclear); }

  void sql(std::string& out, Totals& now, int columns, int rows) {
    auto number = [](PGresult* r, int column) { return std::strtod(PQgetvalue(r, 0, column), nullptr); };
    Result totals = query(kTotals);
    if (PQresultStatus(totals.get()) == PGRES_TUPLES_OK) {
      now.commits = number(totals.get(), 0);
      now.rollbacks = number(totals.get(), 1);
      now.reads = number(totals.get(), 2);
      now.hits = number(totals.get(), 3);
      append(out, "  commits ", rate(now.commits, last_.commits, since(now)), "  rollbacks ", rate(now.rollbacks, last_.rollbacks, since(now)), "  blocks read ", rate(now.reads, last_.reads, since(now)),
             "  hit ", rate(now.hits, last_.hits, since(now)), "  deadlocks ", PQgetvalue(totals.get(), 0, 4));
    }
    Result repairs = query(kRepairs);
    if (PQresultStatus(repairs.get()) == PGRES_TUPLES_OK && PQntuples(repairs.get())) append(out, "\n", PQgetvalue(repairs.get(), 0, 0));
    Result list = query(kSessions);
    if (PQresultStatus(list.get()) != PGRES_TUPLES_OK) {
      append(out, "\n", PQresultErrorMessage(list.get()));
      return;
    }
    char line[512];
    std::snprintf(line, sizeof line, "\n\n%8s %-12s %-12s %-14s %-20s %-22s %6s %6s  %s\n", "PID", "DATABASE", "USER", "APPLICATION", "STATE", "WAIT", "XACT s", "STMT s", "QUERY");
    out += line;
    for (int i = 0; i < std::min(PQntuples(list.get()), std::max(rows - 8, 1)); i++) {
      auto cell = [&](int column) { return PQgetvalue(list.get(), i, column); };
      std::snprintf(line, sizeof line, "%8s %-12.12s %-12.12s %-14.14s %-20.20s %-22.22s %6s %6s  %.200s", cell(0), cell(1), cell(2), cell(3), cell(4), cell(5), cell(6), cell(7), cell(8));
      std::string text = line;
      for (char& c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';   // a query must not drive our terminal
      append(out, text.substr(0, static_cast<size_t>(columns)), "\n");
    }
  }

  TopOptions o_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  Totals last_;
};

}  // namespace

int top(const TopOptions& options) {
  Screen screen;
  Top view(options);
  for (int round = 0; options.rounds == 0 || round < options.rounds; round++) {
    if (round && screen.pause(options.delay_s)) break;
    screen.show(view.round(screen.columns(), screen.rows()) + "\n");
  }
  return 0;
}

}  // namespace postern::programs
