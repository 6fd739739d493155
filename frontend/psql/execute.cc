// Running a statement and showing what comes back.
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "frontend/psql/shell.h"

namespace postern::psql {
namespace {

using Clock = std::chrono::steady_clock;

double elapsed_ms(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// "Time: 1.234 ms", for long ones also in minutes, hours and days.
void print_timing(double ms) {
  printf("Time: %.3f ms", ms);
  if (ms >= 1000.0) {
    double seconds = ms / 1000.0;
    double minutes = std::floor(seconds / 60.0);
    seconds -= 60.0 * minutes;
    double hours = std::floor(minutes / 60.0);
    minutes -= 60.0 * hours;
    double days = std::floor(hours / 24.0);
    hours -= 24.0 * days;
    if (days > 0) printf(" (%.0f d %02d:%02d:%06.3f)", days, static_cast<int>(hours), static_cast<int>(minutes), seconds);
    else if (hours > 0) printf(" (%02d:%02d:%06.3f)", static_cast<int>(hours), static_cast<int>(minutes), seconds);
    else printf(" (%02d:%06.3f)", static_cast<int>(minutes), seconds);
  }
  printf("\n");
}

void set_error_variables(Shell& s, PGresult* r, bool good) {
  if (good) {
    s.vars["ERROR"] = "false";
    s.vars["SQLSTATE"] = "00000";
    const char* rows = PQcmdTuples(r);
    s.vars["ROW_COUNT"] = *rows ? rows : "0";
    return;
  }
  const char* code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
  if (!code) code = "";
  s.vars["ERROR"] = "true";
  s.vars["SQLSTATE"] = s.vars["LAST_ERROR_SQLSTATE"] = code;
  s.vars["ROW_COUNT"].assign(1, '0');
  s.vars["LAST_ERROR_MESSAGE"] = text ? text : "";
}

void save_error(Shell& s, PGresult* r) {
  PQclear(s.last_error);
  s.last_error = r;
}

bool is_error(PGresult* r) {
  ExecStatusType st = PQresultStatus(r);
  return !r || st == PGRES_FATAL_ERROR || st == PGRES_BAD_RESPONSE || st == PGRES_NONFATAL_ERROR || st == PGRES_PIPELINE_ABORTED;
}

void print_notifications(Shell& s) {
  if (!s.conn) return;
  PQconsumeInput(s.conn);
  while (PGnotify* n = PQnotifies(s.conn)) {
    if (n->extra[0])
      fprintf(s.out, "Asynchronous notification \"%s\" with payload \"%s\" received from server process with PID %d.\n", n->relname,
              n->extra, n->be_pid);
    else
      fprintf(s.out, "Asynchronous notification \"%s\" received from server process with PID %d.\n", n->relname, n->be_pid);
    fflush(s.out);
    PQfreemem(n);
  }
}

// The output of this statement: \g's target, opened when first needed, or the usual one.
class Target {
 public:
  explicit Target(Shell& s) : s_(s) {}
  FILE* get() {
    if (!s_.next.target) return s_.out;
    if (!file_ && !failed_ && !open_output(s_, *s_.next.target, file_, pipe_)) failed_ = true;
    return failed_ ? nullptr : file_;
  }
  ~Target() {
    if (file_) close_output(file_, pipe_);
  }

 private:
  Shell& s_;
  FILE* file_ = nullptr;
  bool pipe_ = false, failed_ = false;
};

void print_status(Shell& s, PGresult* r, FILE* out) {
  if (!quiet(s) && out) {
    fprintf(out, "%s\n", PQcmdStatus(r));
    fflush(out);
  }
  if (s.log) fprintf(s.log, "%s\n", PQcmdStatus(r));
  s.vars["LASTOID"] = cat(PQoidValue(r));
}

bool store_row(Shell& s, PGresult* r) {
  if (PQntuples(r) != 1) {
    log_error(s, PQntuples(r) == 0 ? "no rows returned for \\gset" : "more than one row returned for \\gset");
    return false;
  }
  bool good = true;
  for (int i = 0; i < PQnfields(r); i++) {
    std::string name = cat(*s.next.gset_prefix, PQfname(r, i));
    static const char* const kSpecial[] = {"AUTOCOMMIT", "ECHO", "QUIET", "VERBOSITY", "ON_ERROR_STOP", "ON_ERROR_ROLLBACK", "FETCH_COUNT",
                                           "PROMPT1", "PROMPT2", "PROMPT3", "SINGLELINE", "SINGLESTEP", "HISTFILE", "HISTSIZE", "HISTCONTROL",
                                           "IGNOREEOF", "SHOW_CONTEXT", "ECHO_HIDDEN", "COMP_KEYWORD_CASE", "SHOW_ALL_RESULTS"};
    bool special = false;
    for (const char* k : kSpecial) special |= name == k;
    if (special) {
      log_warning(s, cat("attempt to \\gset into specially treated variable \"", name, "\" ignored"));
      continue;
    }
    if (PQgetisnull(r, 0, i)) unset_variable(s, name);
    else if (!set_variable(s, name, PQgetvalue(r, 0, i))) good = false;
    if (!good) break;
  }
  return good;
}

bool execute_cells(Shell& s, PGresult* r) {
  s.next.gexec = false;
  bool good = true;
  for (int row = 0; row < PQntuples(r); row++)
    for (int col = 0; col < PQnfields(r); col++) {
      if (PQgetisnull(r, row, col)) continue;
      if (take_interrupt()) return false;
      std::string query = PQgetvalue(r, row, col);
      const std::string* echo = variable(s, "ECHO");
      if (echo && *echo == "all") {
        puts(query.c_str());
        fflush(stdout);
      }
      if (!send_query(s, query)) {
        good = false;
        if (variable_on(s, "ON_ERROR_STOP")) return false;
      }
    }
  return good;
}

bool show_tuples(Shell& s, PGresult* r, bool last, Target& target) {
  if (last && s.next.gset_prefix) return store_row(s, r);
  if (last && s.next.gexec) return execute_cells(s, r);
  FILE* out = target.get();
  if (!out) return false;
  PrintOptions options = s.next.options ? *s.next.options : s.print;
  if (s.next.expanded) options.expanded = Expanded::kOn;
  print_result(s, r, options, out);
  std::string tag = PQcmdStatus(r);
  if (tag.rfind("INSERT", 0) == 0 || tag.rfind("UPDATE", 0) == 0 || tag.rfind("DELETE", 0) == 0 || tag.rfind("MERGE", 0) == 0)
    print_status(s, r, out);
  return true;
}

bool show_result(Shell& s, PGresult* r, bool last, Target& target) {
  switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK: return show_tuples(s, r, last, target);
    case PGRES_COMMAND_OK: {
      FILE* out = target.get();
      if (out) print_status(s, r, out);
      return true;
    }
    case PGRES_EMPTY_QUERY: return true;
    default: return !is_error(r);
  }
}

void show_error(Shell& s, PGresult* r) {
  const char* text = PQresultErrorMessage(r);
  if (text && *text) log_info(s, text);
}

// All results of what was sent; each is shown before the next one is looked at for errors, the last one may feed \gset and \gexec.
bool process_results(Shell& s, double& ms, Clock::time_point start) {
  bool good = true;
  Target target(s);
  PGresult* held = nullptr;
  auto flush_held = [&](bool last) {
    if (!held) return;
    if (!show_result(s, held, last, target)) good = false;
    PQclear(held);
    held = nullptr;
  };
  bool all = variable_on(s, "SHOW_ALL_RESULTS");
  PGresult* r = PQgetResult(s.conn);
  while (r) {
    ExecStatusType st = PQresultStatus(r);
    if (is_error(r)) {
      flush_held(false);
      show_error(s, r);
      set_error_variables(s, r, false);
      save_error(s, r);
      good = false;
      r = PQgetResult(s.conn);
      continue;
    }
    if (st == PGRES_COPY_BOTH) {
      log_error(s, cat("unexpected PQresultStatus: ", static_cast<int>(st)));
      PQclear(r);
      good = false;
      break;
    }
    PGresult* after = nullptr;
    if (st == PGRES_COPY_OUT || st == PGRES_COPY_IN) {
      flush_held(false);
      PQclear(r);
      FILE* to = st == PGRES_COPY_OUT ? target.get() : nullptr;
      bool copied = st == PGRES_COPY_OUT ? copy_out(s, to, &after) : copy_in(s, s.source, true, &after);
      if (!after) {
        good = false;
        break;
      }
      (void)copied;
      // The tag of a COPY OUT that goes to standard output would be taken for data.
      if (st == PGRES_COPY_OUT && to == stdout && PQresultStatus(after) == PGRES_COMMAND_OK) {
        set_error_variables(s, after, true);
        PQclear(after);
        after = PQgetResult(s.conn);
      }
      r = after;
      continue;
    }
    PGresult* next = PQgetResult(s.conn);
    bool last = next == nullptr;
    if (last) ms = elapsed_ms(start);
    set_error_variables(s, r, true);
    if (last || all) {
      held = r;
      flush_held(last);
    } else {
      PQclear(r);
    }
    r = next;
  }
  return good;
}

bool describe_query(Shell& s, const std::string& query) {
  PGresult* r = PQprepare(s.conn, "", query.c_str(), 0, nullptr);
  if (PQresultStatus(r) != PGRES_COMMAND_OK) {
    show_error(s, r);
    set_error_variables(s, r, false);
    save_error(s, r);
    return false;
  }
  PQclear(r);
  r = PQdescribePrepared(s.conn, "");
  if (PQresultStatus(r) != PGRES_COMMAND_OK) {
    show_error(s, r);
    save_error(s, r);
    return false;
  }
  if (PQnfields(r) == 0) {
    fprintf(s.out, "The command has no result, or the result has no columns.\n");
    PQclear(r);
    return true;
  }
  std::string sql = "SELECT name AS \"Column\", pg_catalog.format_type(tp, tpm) AS \"Type\"\nFROM (VALUES ";
  for (int i = 0; i < PQnfields(r); i++)
    append(sql, i ? "," : "", "(", quote_literal(s, PQfname(r, i)), ", '", PQftype(r, i), "'::pg_catalog.oid, ", PQfmod(r, i), ")");
  sql += ") s(name, tp, tpm)";
  PQclear(r);
  r = PQexec(s.conn, sql.c_str());
  bool good = accept_result(s, r, true);
  if (good) print_result(s, r, s.print, s.out);
  PQclear(r);
  return good;
}

// First words of commands that manage transactions or cannot run inside one, before which AUTOCOMMIT off must not begin one.
bool no_begin_needed(const std::string& query) {
  size_t i = 0;
  auto skip = [&] {
    while (i < query.size()) {
      if (isspace(static_cast<unsigned char>(query[i]))) i++;
      else if (query.compare(i, 2, "--") == 0) i = std::min(query.find('\n', i), query.size());
      else if (query.compare(i, 2, "/*") == 0) i = query.find("*/", i) == query.npos ? query.size() : query.find("*/", i) + 2;
      else break;
    }
  };
  auto word = [&] {
    skip();
    std::string w;
    while (i < query.size() && isalpha(static_cast<unsigned char>(query[i]))) w += static_cast<char>(tolower(query[i++]));
    return w;
  };
  std::string first = word();
  for (const char* w : {"abort", "begin", "commit", "end", "rollback", "start", "vacuum"})
    if (first == w) return true;
  if (first == "prepare") return word() == "transaction";
  if (first == "create" || first == "drop" || first == "alter") {
    std::string second = word();
    if (first == "alter") return second == "system";
    return second == "database" || second == "tablespace" || ((second == "index" || second == "unique") && query.find("oncurrently") != query.npos);
  }
  if (first == "cluster") {
    skip();
    return i >= query.size() || query[i] == ';';
  }
  return first == "reindex" && (query.find("atabase") != query.npos || query.find("ystem") != query.npos);
}

const char* kSavepoint = "pg_psql_temporary_savepoint";

bool simple(Shell& s, const std::string& sql) {
  PGresult* r = PQexec(s.conn, sql.c_str());
  bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
  if (!good) log_info(s, PQresultErrorMessage(r));
  PQclear(r);
  return good;
}

bool confirm_step(const std::string& query) {
  printf("***(Single step mode: verify command)*******************************************\n%s\n"
         "***(press return to proceed or enter x and return to cancel)********************\n", query.c_str());
  fflush(stdout);
  char line[8];
  if (!fgets(line, sizeof line, stdin)) return true;
  return line[0] != 'x';
}

}  // namespace

bool check_connection(Shell& s) {
  if (s.conn && PQstatus(s.conn) != CONNECTION_BAD) return true;
  if (!s.source_interactive) {
    log_error(s, "connection to server was lost");
    exit(kExitBadConnection);
  }
  fprintf(stderr, "The connection to the server was lost. Attempting reset: ");
  PQreset(s.conn);
  if (PQstatus(s.conn) == CONNECTION_OK) {
    fprintf(stderr, "Succeeded.\n");
    connection_variables(s);
    return true;
  }
  fprintf(stderr, "Failed.\n");
  PQfinish(s.conn);
  s.conn = nullptr;
  connection_variables(s);
  return false;
}

bool accept_result(Shell& s, PGresult* r, bool show) {
  if (!is_error(r)) return true;
  if (show) log_info(s, r ? PQresultErrorMessage(r) : PQerrorMessage(s.conn));
  check_connection(s);
  return false;
}

PGresult* run_internal(Shell& s, const std::string& query, bool brief) {
  if (!s.conn) {
    log_error(s, "You are currently not connected to a database.");
    return nullptr;
  }
  const std::string* hidden = variable(s, "ECHO_HIDDEN");
  if (hidden && *hidden != "off") {
    printf("********* QUERY **********\n%s\n**************************\n\n", query.c_str());
    fflush(stdout);
    if (s.log) fprintf(s.log, "********* QUERY **********\n%s\n**************************\n\n", query.c_str());
    if (*hidden == "noexec") return nullptr;
  }
  cancel_target(s.conn);
  PGresult* r = PQexec(s.conn, query.c_str());
  cancel_target(nullptr);
  if (accept_result(s, r, !brief)) return r;
  const char* message = brief && r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  if (message) log_error(s, cat(PQresultErrorField(r, PG_DIAG_SEVERITY), ":  ", message));
  PQclear(r);
  return nullptr;
}

void write_table(Shell& s, const Table& t, const PrintOptions& options, FILE* out) {
  int width = 0, height = 0;
  if (out == stdout && isatty(STDOUT_FILENO)) {
    winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
      width = size.ws_col;
      height = size.ws_row;
    }
  }
  std::string text;
  print_table(t, options, width, text);
  if (height > 0 && options.pager > 0 && isatty(STDIN_FILENO)) {
    int lines = 0;
    for (char c : text) lines += c == '\n';
    if ((options.pager == 2 || lines >= height) && lines >= options.pager_min_lines) {
      const char* pager = getenv("PSQL_PAGER");
      if (!pager) pager = getenv("PAGER");
      if (!pager) pager = "more";
      if (*pager) {
        fflush(stdout);
        if (FILE* p = popen(pager, "w")) {
          fwrite(text.data(), 1, text.size(), p);
          pclose(p);
          return;
        }
      }
    }
  }
  fwrite(text.data(), 1, text.size(), out);
  fflush(out);
  if (s.log && out != s.log) fwrite(text.data(), 1, text.size(), s.log);
}

void print_result(Shell& s, PGresult* r, const PrintOptions& options, FILE* out) {
  Table t;
  t.title = options.title;
  t.encoding = PQclientEncoding(s.conn);
  int n = PQnfields(r);
  t.rows = static_cast<size_t>(PQntuples(r));
  for (int i = 0; i < n; i++) {
    t.headers.emplace_back(PQfname(r, i));
    t.right.push_back(is_numeric_type(PQftype(r, i)));
  }
  t.cells.reserve(t.rows * static_cast<size_t>(n));
  for (size_t row = 0; row < t.rows; row++)
    for (int i = 0; i < n; i++) {
      int at = static_cast<int>(row);
      if (PQgetisnull(r, at, i)) t.cells.emplace_back(options.null_text);
      else t.cells.emplace_back(PQgetvalue(r, at, i), static_cast<size_t>(PQgetlength(r, at, i)));
    }
  write_table(s, t, options, out);
}

bool open_output(Shell& s, const std::string& name, FILE*& file, bool& is_pipe) {
  is_pipe = false;
  if (name.empty()) {
    file = stdout;
    return true;
  }
  fflush(stdout);
  if (name[0] == '|') {
    is_pipe = true;
    file = popen(name.c_str() + 1, "w");
  } else {
    std::string path = name;
    if (path[0] == '~' && (path.size() == 1 || path[1] == '/'))
      if (const char* home = getenv("HOME")) path = home + path.substr(1);
    file = fopen(path.c_str(), "w");
  }
  if (file) return true;
  log_error(s, cat(is_pipe ? name.substr(1) : name, ": ", strerror(errno)));
  return false;
}

bool close_output(FILE* file, bool is_pipe) {
  if (is_pipe) return pclose(file) == 0;
  return file == stdout ? fflush(file) == 0 : fclose(file) == 0;
}

bool set_query_output(Shell& s, const std::string& name) {
  FILE* file;
  bool is_pipe;
  if (!open_output(s, name, file, is_pipe)) return false;
  if (s.out != stdout) close_output(s.out, s.out_is_pipe);
  s.out = file;
  s.out_is_pipe = is_pipe;
  return true;
}

bool send_query(Shell& s, const std::string& query) {
  bool good = false;
  if (!s.conn) {
    log_error(s, "You are currently not connected to a database.");
    s.next = {};
    return false;
  }
  if (variable_on(s, "SINGLESTEP") && !confirm_step(query)) {
    s.next = {};
    return false;
  }
  const std::string* echo = variable(s, "ECHO");
  if (echo && *echo == "queries") {
    puts(query.c_str());
    fflush(stdout);
  }
  if (s.log) {
    fprintf(s.log, "********* QUERY **********\n%s\n**************************\n\n", query.c_str());
    fflush(s.log);
  }
  cancel_target(s.conn);
  take_interrupt();
  PGTransactionStatusType before = PQtransactionStatus(s.conn);
  bool ready = true;
  if (before == PQTRANS_IDLE && !variable_on(s, "AUTOCOMMIT") && !no_begin_needed(query)) ready = simple(s, "BEGIN");
  const std::string* rollback = variable(s, "ON_ERROR_ROLLBACK");
  bool want_savepoint = rollback && (variable_on(s, "ON_ERROR_ROLLBACK") || (*rollback == "interactive" && s.source_interactive));
  bool savepoint = ready && want_savepoint && PQtransactionStatus(s.conn) == PQTRANS_INTRANS && simple(s, cat("SAVEPOINT ", kSavepoint));
  double ms = 0;
  auto start = Clock::now();
  if (ready && s.next.gdesc) {
    good = describe_query(s, query);
    ms = elapsed_ms(start);
  } else if (ready) {
    if (!PQsendQuery(s.conn, query.c_str())) {
      log_info(s, PQerrorMessage(s.conn));
    } else {
      good = process_results(s, ms, start);
      if (ms == 0) ms = elapsed_ms(start);
    }
    if (!good && echo && *echo == "errors") log_info(s, cat("STATEMENT:  ", query));
  }
  cancel_target(nullptr);
  if (PQstatus(s.conn) == CONNECTION_BAD) {
    check_connection(s);
    good = false;
  } else if (savepoint) {
    PGTransactionStatusType now = PQtransactionStatus(s.conn);
    if (now == PQTRANS_INERROR) simple(s, cat("ROLLBACK TO ", kSavepoint));
    else if (now == PQTRANS_INTRANS) {
      PGresult* r = PQexec(s.conn, cat("RELEASE ", kSavepoint).c_str());  // fails if the statement was itself about savepoints or the transaction
      PQclear(r);
    }
  }
  if (s.timing) print_timing(ms);
  if (s.conn) {
    int encoding = PQclientEncoding(s.conn);
    const char* name = pg_encoding_to_char(encoding);
    if (s.vars["ENCODING"] != name) s.vars["ENCODING"] = name;
    print_notifications(s);
  }
  s.next = {};
  return good;
}

bool do_watch(Shell& s, const std::string& query, double seconds) {
  if (!s.conn) {
    log_error(s, "You are currently not connected to a database.");
    return false;
  }
  std::string user_title = s.print.title;
  take_interrupt();
  while (true) {
    time_t now = time(nullptr);
    char clock[64];
    tm local;
    localtime_r(&now, &local);
    strftime(clock, sizeof clock, "%c", &local);
    char interval[32];
    snprintf(interval, sizeof interval, "%g", seconds);
    PrintOptions options = s.print;
    options.title = user_title.empty() ? cat(clock, " (every ", interval, "s)\n") : cat(user_title, "\t", clock, " (every ", interval, "s)\n");
    options.pager = 0;
    cancel_target(s.conn);
    PGresult* r = PQexec(s.conn, query.c_str());
    cancel_target(nullptr);
    if (!accept_result(s, r, true)) {
      PQclear(r);
      return false;
    }
    if (PQresultStatus(r) == PGRES_TUPLES_OK) print_result(s, r, options, s.out);
    else fprintf(s.out, "%s\n%s\n\n", options.title.c_str(), PQcmdStatus(r));
    fflush(s.out);
    PQclear(r);
    double left = seconds;
    while (left > 0) {
      if (take_interrupt()) return true;
      double step = std::min(left, 0.1);
      timespec t{static_cast<time_t>(step), static_cast<long>((step - std::floor(step)) * 1e9)};
      nanosleep(&t, nullptr);
      left -= step;
    }
    if (take_interrupt()) return true;
  }
}

}  // namespace postern::psql
