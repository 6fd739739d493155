// psql: the command line, connecting, and the actions that were asked for.
#include <getopt.h>
#include <locale.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/psql/shell.h"

namespace {

using namespace postern;
using namespace postern::psql;

struct Action {
  enum { kQuery, kCommand, kFile } kind;
  std::string text;
};

struct CommandLine {
  std::string db, host, port, user, log;
  std::vector<Action> actions;
  bool no_rc = false, list = false, single_transaction = false;
};

const char kUsage[] =
    "psql is the PostgreSQL interactive terminal.\n\n"
    "Usage:\n  psql [OPTION]... [DBNAME [USERNAME]]\n\n"
    "General options:\n"
    "  -c, --command=COMMAND    run only single command (SQL or internal) and exit\n"
    "  -d, --dbname=DBNAME      database name to connect to; also a connection string or URI\n"
    "  -f, --file=FILENAME      execute commands from file, then exit\n"
    "  -l, --list               list available databases, then exit\n"
    "  -v, --set=, --variable=NAME=VALUE\n"
    "                           set psql variable NAME to VALUE\n"
    "  -V, --version            output version information, then exit\n"
    "  -X, --no-psqlrc          do not read startup file (~/.psqlrc)\n"
    "  -1 (\"one\"), --single-transaction\n"
    "                           execute as a single transaction (if non-interactive)\n"
    "  -?, --help               show this help, then exit\n\n"
    "Input and output options:\n"
    "  -a, --echo-all           echo all input from script\n"
    "  -b, --echo-errors        echo failed commands\n"
    "  -e, --echo-queries       echo commands sent to server\n"
    "  -E, --echo-hidden        display queries that internal commands generate\n"
    "  -L, --log-file=FILENAME  send session log to file\n"
    "  -n, --no-readline        disable enhanced command line editing\n"
    "  -o, --output=FILENAME    send query results to file (or |pipe)\n"
    "  -q, --quiet              run quietly (no messages, only query output)\n"
    "  -s, --single-step        single-step mode (confirm each query)\n"
    "  -S, --single-line        single-line mode (end of line terminates SQL command)\n\n"
    "Output format options:\n"
    "  -A, --no-align           unaligned table output mode\n"
    "      --csv                CSV (Comma-Separated Values) table output mode\n"
    "  -F, --field-separator=STRING\n"
    "                           field separator for unaligned output (default: \"|\")\n"
    "  -P, --pset=VAR[=ARG]     set printing option VAR to ARG (see \\pset command)\n"
    "  -R, --record-separator=STRING\n"
    "                           record separator for unaligned output (default: newline)\n"
    "  -t, --tuples-only        print rows only\n"
    "  -x, --expanded           turn on expanded table output\n"
    "  -z, --field-separator-zero\n"
    "                           set field separator for unaligned output to zero byte\n"
    "  -0, --record-separator-zero\n"
    "                           set record separator for unaligned output to zero byte\n\n"
    "Connection options:\n"
    "  -h, --host=HOSTNAME      database server host or socket directory\n"
    "  -p, --port=PORT          database server port\n"
    "  -U, --username=USERNAME  database user name\n"
    "  -w, --no-password        never prompt for password\n"
    "  -W, --password           force password prompt (should happen automatically)\n";

constexpr option kOptions[] = {{"echo-all", no_argument, nullptr, 'a'},
                               {"no-align", no_argument, nullptr, 'A'},
                               {"command", required_argument, nullptr, 'c'},
                               {"dbname", required_argument, nullptr, 'd'},
                               {"echo-queries", no_argument, nullptr, 'e'},
                               {"echo-errors", no_argument, nullptr, 'b'},
                               {"echo-hidden", no_argument, nullptr, 'E'},
                               {"file", required_argument, nullptr, 'f'},
                               {"field-separator", required_argument, nullptr, 'F'},
                               {"field-separator-zero", no_argument, nullptr, 'z'},
                               {"host", required_argument, nullptr, 'h'},
                               {"html", no_argument, nullptr, 'H'},
                               {"list", no_argument, nullptr, 'l'},
                               {"log-file", required_argument, nullptr, 'L'},
                               {"no-readline", no_argument, nullptr, 'n'},
                               {"single-transaction", no_argument, nullptr, '1'},
                               {"output", required_argument, nullptr, 'o'},
                               {"port", required_argument, nullptr, 'p'},
                               {"pset", required_argument, nullptr, 'P'},
                               {"quiet", no_argument, nullptr, 'q'},
                               {"record-separator", required_argument, nullptr, 'R'},
                               {"record-separator-zero", no_argument, nullptr, '0'},
                               {"single-step", no_argument, nullptr, 's'},
                               {"single-line", no_argument, nullptr, 'S'},
                               {"tuples-only", no_argument, nullptr, 't'},
                               {"username", required_argument, nullptr, 'U'},
                               {"set", required_argument, nullptr, 'v'},
                               {"variable", required_argument, nullptr, 'v'},
                               {"version", no_argument, nullptr, 'V'},
                               {"no-password", no_argument, nullptr, 'w'},
                               {"password", no_argument, nullptr, 'W'},
                               {"expanded", no_argument, nullptr, 'x'},
                               {"no-psqlrc", no_argument, nullptr, 'X'},
                               {"help", optional_argument, nullptr, 1},
                               {"csv", no_argument, nullptr, 2},
                               {nullptr, 0, nullptr, 0}};

[[noreturn]] void fatal(const Shell& s, std::string_view text) {
  log_error(s, text);
  exit(kExitFailure);
}

// Runs one backslash command, as of -c.
bool run_backslash(Shell& s, const std::string& command) {
  Scanner scanner([&s](std::string_view name, VariableQuote q, std::string& v) { return lookup_variable(s, name, q, v); });
  scanner.set_line(command);
  scanner.pos() = 1;
  std::string query;
  bool good = run_command(s, scanner, query) != CommandStatus::kError;
  s.next = {};
  return good;
}

void parse_command_line(Shell& s, int argc, char** argv, CommandLine& cl) {
  std::vector<std::string> psets;
  auto set = [&](const char* name, const char* value) { set_variable(s, name, value); };
  int c;
  while ((c = getopt_long(argc, argv, "aAbc:d:eEf:F:h:HlL:no:p:P:qR:sStU:v:VwWxXz?01", kOptions, nullptr)) != -1) {
    switch (c) {
      case 'a': set("ECHO", "all"); break;
      case 'A': s.print.format = Format::kUnaligned; break;
      case 'b': set("ECHO", "errors"); break;
      case 'c': cl.actions.push_back({optarg[0] == '\\' ? Action::kCommand : Action::kQuery, optarg}); break;
      case 'd': cl.db = optarg; break;
      case 'e': set("ECHO", "queries"); break;
      case 'E': set("ECHO_HIDDEN", "on"); break;
      case 'f': cl.actions.push_back({Action::kFile, optarg}); break;
      case 'F': s.print.field_separator = optarg; s.print.field_separator_zero = false; break;
      case 'h': cl.host = optarg; break;
      case 'H': fatal(s, "HTML output is not supported");
      case 'l': cl.list = true; break;
      case 'L': cl.log = optarg; break;
      case 'n': s.use_readline = false; break;
      case 'o': if (!set_query_output(s, optarg)) exit(kExitFailure); break;
      case 'p': cl.port = optarg; break;
      case 'P': {
        std::string text = optarg, name = text.substr(0, text.find('='));
        size_t eq = text.find('=');
        std::string command = cat("\\pset ", name);
        if (eq != text.npos) {
          command += " '";
          for (char ch : text.substr(eq + 1)) {
            if (ch == '\'' || ch == '\\') command += ch;
            command += ch;
          }
          command += '\'';
        }
        bool was_quiet = quiet(s);
        s.vars["QUIET"] = "on";
        if (!run_backslash(s, command)) fatal(s, cat("could not set printing parameter \"", name, "\""));
        s.vars["QUIET"] = was_quiet ? "on" : "off";
        break;
      }
      case 'q': set("QUIET", "on"); break;
      case 'R': s.print.record_separator = optarg; s.print.record_separator_zero = false; break;
      case 's': set("SINGLESTEP", "on"); break;
      case 'S': set("SINGLELINE", "on"); break;
      case 't': s.print.tuples_only = true; break;
      case 'U': cl.user = optarg; break;
      case 'v': {
        std::string text = optarg;
        size_t eq = text.find('=');
        if (eq == text.npos ? !unset_variable(s, text) : !set_variable(s, text.substr(0, eq), text.substr(eq + 1))) exit(kExitFailure);
        break;
      }
      case 'V': puts("psql (PostgreSQL) 15.0 (Postern " POSTERN_VERSION ")"); exit(kExitSuccess);
      case 'w': s.password_prompt = Shell::Prompt::kNo; break;
      case 'W': s.password_prompt = Shell::Prompt::kYes; break;
      case 'x': s.print.expanded = Expanded::kOn; break;
      case 'X': cl.no_rc = true; break;
      case 'z': s.print.field_separator_zero = true; break;
      case '0': s.print.record_separator_zero = true; break;
      case '1': cl.single_transaction = true; break;
      case 1: fputs(kUsage, stdout); exit(kExitSuccess);
      case 2: s.print.format = Format::kCsv; break;
      default:
        if (optopt == 0 || strcmp(argv[optind - 1], "-?") == 0) {
          if (strcmp(argv[optind - 1], "-?") == 0) {
            fputs(kUsage, stdout);
            exit(kExitSuccess);
          }
        }
        log_hint(s, "Try \"psql --help\" for more information.");
        exit(kExitFailure);
    }
  }
  for (; optind < argc; optind++) {
    if (cl.db.empty()) cl.db = argv[optind];
    else if (cl.user.empty()) cl.user = argv[optind];
    else log_warning(s, cat("extra command-line argument \"", argv[optind], "\" ignored"));
  }
}

void startup_file(Shell& s) {
  std::string path;
  if (const char* env = getenv("PSQLRC")) path = env;
  else if (const char* home = getenv("HOME")) path = cat(home, "/.psqlrc");
  if (!path.empty() && access(path.c_str(), R_OK) == 0) process_file(s, path, false);
}

bool transaction(Shell& s, const char* sql) {
  PGresult* r = PQexec(s.conn, sql);
  bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
  if (!good) log_info(s, PQresultErrorMessage(r));
  PQclear(r);
  return good;
}

int run_actions(Shell& s, const CommandLine& cl) {
  int result = kExitSuccess;
  if (cl.single_transaction && !transaction(s, "BEGIN")) {
    if (variable_on(s, "ON_ERROR_STOP")) return kExitScript;
  }
  for (const Action& a : cl.actions) {
    const std::string* echo = variable(s, "ECHO");
    switch (a.kind) {
      case Action::kQuery:
        if (echo && *echo == "all") puts(a.text.c_str());
        s.terse_log = true;
        result = send_query(s, a.text) ? kExitSuccess : kExitFailure;
        break;
      case Action::kCommand:
        if (echo && *echo == "all") puts(a.text.c_str());
        s.terse_log = true;
        result = run_backslash(s, a.text) ? kExitSuccess : kExitFailure;
        break;
      case Action::kFile:
        if (a.text.empty()) {  // standard input without a name
          s.terse_log = true;
          result = main_loop(s, stdin, "");
        } else {
          result = process_file(s, a.text, false);
        }
        break;
    }
    if (result != kExitSuccess && variable_on(s, "ON_ERROR_STOP")) break;
  }
  if (cl.single_transaction && s.conn) {
    bool commit = result == kExitSuccess || !variable_on(s, "ON_ERROR_STOP");
    if (!transaction(s, commit ? "COMMIT" : "ROLLBACK") && variable_on(s, "ON_ERROR_STOP")) result = kExitScript;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  setlocale(LC_ALL, "");
  Shell s;
  s.notty = !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
  init_variables(s);
  CommandLine cl;
  parse_command_line(s, argc, argv, cl);
  if (cl.actions.empty() && s.notty) cl.actions.push_back({Action::kFile, ""});
  if (cl.single_transaction && cl.actions.empty()) fatal(s, "-1 can only be used in non-interactive mode");
  setup_cancel();
  if (s.password_prompt == Shell::Prompt::kYes)
    s.password = read_password(cl.user.empty() ? std::string("Password: ") : cat("Password for user ", cl.user, ": "));
  std::vector<std::pair<std::string, std::string>> params;
  params.emplace_back("host", cl.host);
  params.emplace_back("port", cl.port);
  params.emplace_back("user", cl.user);
  params.emplace_back("password", s.password);
  params.emplace_back("dbname", cl.list && cl.db.empty() ? "postgres" : cl.db);
  if (!connect(s, params, true)) return kExitBadConnection;
  if (!cl.log.empty()) {
    s.log = fopen(cl.log.c_str(), "a");
    if (!s.log) fatal(s, cat("could not open log file \"", cl.log, "\": ", strerror(errno)));
  }
  int result = kExitSuccess;
  if (cl.list) {
    result = list_databases(s, std::nullopt, false) ? kExitSuccess : kExitFailure;
  } else {
    if (!cl.no_rc) startup_file(s);
    if (!cl.actions.empty()) {
      result = run_actions(s, cl);
    } else {
      s.terse_log = true;
      if (!quiet(s) && !s.notty) {
        const char* version = s.conn ? PQparameterStatus(s.conn, "server_version") : nullptr;
        printf("psql (Postern " POSTERN_VERSION ", server %s)\n", version ? version : "unknown");
        print_encryption(s.conn);
        puts("Type \"help\" for help.\n");
      }
      init_input(s);
      result = main_loop(s, stdin, "");
      finish_input(s);
    }
  }
  if (s.out != stdout) close_output(s.out, s.out_is_pipe);
  if (s.log) fclose(s.log);
  PQclear(s.last_error);
  cancel_target(nullptr);
  PQfinish(s.conn);
  fflush(stdout);
  return result;
}
