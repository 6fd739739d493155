// Variables, messages, interrupts.
#include "frontend/psql/shell.h"

#include <fcntl.h>
#include <signal.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"

namespace postern::psql {
namespace {

std::atomic<bool> interrupted{false};
std::atomic<PGcancel*> cancel_of{nullptr};
bool catch_them = true;

void on_interrupt(int) {
  int saved = errno;
  interrupted = true;
  PGcancel* c = cancel_of;
  if (c) {
    char text[256];
    const char* say = PQcancel(c, text, sizeof text) ? "Cancel request sent\n" : "Could not send cancel request\n";
    ssize_t ignored = write(STDERR_FILENO, say, strlen(say));
    (void)ignored;
  }
  errno = saved;
}

struct Choice {
  const char* variable;
  std::vector<const char*> values;
  bool boolean;  // on and off are allowed too
};

const std::vector<Choice>& choices() {
  static const std::vector<Choice> list = {{"ECHO", {"none", "errors", "queries", "all"}, false},
                                           {"ECHO_HIDDEN", {"noexec"}, true},
                                           {"ON_ERROR_ROLLBACK", {"interactive"}, true},
                                           {"COMP_KEYWORD_CASE", {"lower", "upper", "preserve-lower", "preserve-upper"}, false},
                                           {"HISTCONTROL", {"none", "ignorespace", "ignoredups", "ignoreboth"}, false},
                                           {"VERBOSITY", {"default", "verbose", "terse", "sqlstate"}, false},
                                           {"SHOW_CONTEXT", {"never", "errors", "always"}, false}};
  return list;
}

constexpr const char* kBooleans[] = {"AUTOCOMMIT",    "ON_ERROR_STOP", "QUIET",      "SINGLELINE",
                                     "SINGLESTEP",    "SHOW_ALL_RESULTS", "HIDE_TABLEAM", "HIDE_TOAST_COMPRESSION"};
constexpr const char* kIntegers[] = {"FETCH_COUNT", "HISTSIZE", "IGNOREEOF"};

void apply(Shell& s, const std::string& name, const std::string& value) {
  auto is = [&](const char* v) { return strcasecmp(value.c_str(), v) == 0; };
  if (name == "VERBOSITY" && s.conn)
    PQsetErrorVerbosity(s.conn, is("verbose") ? PQERRORS_VERBOSE : is("terse") ? PQERRORS_TERSE : is("sqlstate") ? PQERRORS_SQLSTATE : PQERRORS_DEFAULT);
  if (name == "SHOW_CONTEXT" && s.conn)
    PQsetErrorContextVisibility(s.conn, is("never") ? PQSHOW_CONTEXT_NEVER : is("always") ? PQSHOW_CONTEXT_ALWAYS : PQSHOW_CONTEXT_ERRORS);
}

void message(const Shell& s, const char* level, std::string_view text) {
  fflush(stdout);
  if (s.out && s.out != stdout) fflush(s.out);
  std::string line;
  bool located = !s.input_file.empty();
  if (!s.terse_log || located) {
    line = "psql:";
    if (located) {
      append(line, s.input_file, ":");
      if (s.line_number > 0) append(line, s.line_number, ":");
    }
    line += ' ';
    if (!s.terse_log) line += level;
  }
  line += text;
  if (line.empty() || line.back() != '\n') line += '\n';
  fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void log_error(const Shell& s, std::string_view text) { message(s, "error: ", text); }
void log_warning(const Shell& s, std::string_view text) { message(s, "warning: ", text); }
void log_info(const Shell& s, std::string_view text) { message(s, "", text); }
void log_hint(const Shell& s, std::string_view text) { message(s, "hint: ", text); }

bool valid_variable_name(std::string_view name) {
  if (name.empty()) return false;
  for (char c : name)
    if (!isalnum(static_cast<unsigned char>(c)) && c != '_' && static_cast<unsigned char>(c) < 0x80) return false;
  return true;
}

const std::string* variable(const Shell& s, const std::string& name) {
  auto it = s.vars.find(name);
  return it == s.vars.end() ? nullptr : &it->second;
}

// Any beginning of true, false, yes, no; on and off; 1 and 0.
bool parse_bool(std::string_view text, const char* name, bool& value, Shell* report) {
  auto begins = [&](const char* word, size_t least) {
    return text.size() >= least && text.size() <= strlen(word) && strncasecmp(text.data(), word, text.size()) == 0;
  };
  bool good = true;
  if (begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == "1") value = true;
  else if (begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0") value = false;
  else good = false;
  if (!good && report) log_error(*report, cat("unrecognized value \"", text, "\" for \"", name, "\": Boolean expected"));
  return good;
}

bool variable_on(const Shell& s, const char* name) {
  const std::string* v = variable(s, name);
  bool on = false;
  return v && parse_bool(*v, name, on, nullptr) && on;
}

bool quiet(const Shell& s) { return variable_on(s, "QUIET"); }

bool set_variable(Shell& s, const std::string& name, const std::string& value_in) {
  if (!valid_variable_name(name)) {
    log_error(s, cat("invalid variable name: \"", name, "\""));
    return false;
  }
  std::string value = value_in;
  for (const char* b : kBooleans)
    if (name == b) {
      bool on;
      if (value.empty()) value = "on";
      if (!parse_bool(value, b, on, &s)) return false;
    }
  for (const char* i : kIntegers)
    if (name == i && (value.empty() || value.find_first_not_of("0123456789", value[0] == '-' ? 1 : 0) != value.npos)) {
      if (name == "IGNOREEOF") break;
      log_error(s, cat("invalid value \"", value, "\" for \"", name, "\": integer expected"));
      return false;
    }
  for (const Choice& c : choices()) {
    if (name != c.variable) continue;
    bool found = false, on;
    std::string list = c.boolean ? "on, off" : "";
    if (c.boolean && value.empty()) value = "on";
    for (const char* v : c.values) {
      if (strcasecmp(value.c_str(), v) == 0) found = true;
      append(list, list.empty() ? "" : ", ", v);
    }
    if (!found && !(c.boolean && parse_bool(value, c.variable, on, nullptr))) {
      log_error(s, cat("unrecognized value \"", value, "\" for \"", name, "\"\nAvailable values are: ", list, "."));
      return false;
    }
  }
  s.vars[name] = value;
  apply(s, name, value);
  return true;
}

bool unset_variable(Shell& s, const std::string& name) {
  if (!valid_variable_name(name)) {
    log_error(s, cat("invalid variable name: \"", name, "\""));
    return false;
  }
  static const std::map<std::string, std::string> kDefaults = {
      {"AUTOCOMMIT", "off"}, {"ON_ERROR_STOP", "off"}, {"QUIET", "off"}, {"SINGLELINE", "off"}, {"SINGLESTEP", "off"},
      {"SHOW_ALL_RESULTS", "off"}, {"FETCH_COUNT", "0"}, {"HISTSIZE", "500"}, {"IGNOREEOF", "0"}, {"ECHO", "none"}, {"ECHO_HIDDEN", "off"},
      {"ON_ERROR_ROLLBACK", "off"}, {"COMP_KEYWORD_CASE", "preserve-upper"}, {"HISTCONTROL", "none"}, {"VERBOSITY", "default"},
      {"SHOW_CONTEXT", "errors"}, {"HIDE_TABLEAM", "off"}, {"HIDE_TOAST_COMPRESSION", "off"}};
  auto it = kDefaults.find(name);
  if (it == kDefaults.end()) s.vars.erase(name);
  else {
    s.vars[name] = it->second;
    apply(s, name, it->second);
  }
  return true;
}

void init_variables(Shell& s) {
  for (auto [name, value] : {std::pair("AUTOCOMMIT", "on"), std::pair("COMP_KEYWORD_CASE", "preserve-upper"), std::pair("ECHO", "none"),
                             std::pair("ECHO_HIDDEN", "off"), std::pair("FETCH_COUNT", "0"),
                             std::pair("HIDE_TABLEAM", "off"), std::pair("HIDE_TOAST_COMPRESSION", "off"), std::pair("HISTCONTROL", "none"),
                             std::pair("HISTSIZE", "500"), std::pair("IGNOREEOF", "0"), std::pair("LAST_ERROR_MESSAGE", ""),
                             std::pair("LAST_ERROR_SQLSTATE", "00000"), std::pair("ON_ERROR_ROLLBACK", "off"),
                             std::pair("ON_ERROR_STOP", "off"), std::pair("PROMPT1", "%/%R%x%# "), std::pair("PROMPT2", "%/%R%x%# "),
                             std::pair("PROMPT3", ">> "), std::pair("QUIET", "off"), 
                             std::pair("SHOW_ALL_RESULTS", "on"), std::pair("SHOW_CONTEXT", "errors"), std::pair("SINGLELINE", "off"),
                             std::pair("SINGLESTEP", "off"), std::pair("VERBOSITY", "default"),
                             std::pair("VERSION", "psql (Postern " POSTERN_VERSION ", PostgreSQL 15.0)"), std::pair("VERSION_NAME", "15.0"),
                             std::pair("VERSION_NUM", "150000")})
    s.vars[name] = value;
}

// After connecting: DBNAME, USER, HOST, PORT, ENCODING, the server's version; and what must be told to the connection.
void connection_variables(Shell& s) {
  static constexpr const char* kNames[] = {"DBNAME", "USER", "HOST", "PORT", "ENCODING", "SERVER_VERSION_NAME", "SERVER_VERSION_NUM"};
  if (!s.conn) {
    for (const char* n : kNames) s.vars.erase(n);
    return;
  }
  s.vars["DBNAME"] = PQdb(s.conn);
  s.vars["USER"] = PQuser(s.conn);
  s.vars["HOST"] = PQhost(s.conn);
  s.vars["PORT"] = PQport(s.conn);
  s.vars["ENCODING"] = pg_encoding_to_char(PQclientEncoding(s.conn));
  const char* version = PQparameterStatus(s.conn, "server_version");
  s.vars["SERVER_VERSION_NAME"] = version ? version : "";
  s.vars["SERVER_VERSION_NUM"] = cat(PQserverVersion(s.conn));
  for (const char* n : {"VERBOSITY", "SHOW_CONTEXT"})
    if (const std::string* v = variable(s, n)) apply(s, n, *v);
}

std::string quote_literal(Shell& s, std::string_view text) {
  std::string copy(text);
  if (s.conn) {
    char* q = PQescapeLiteral(s.conn, copy.c_str(), copy.size());
    if (!q) return "''";
    std::string out = q;
    PQfreemem(q);
    return out;
  }
  return cat("'", copy, "'");
}

bool lookup_variable(Shell& s, std::string_view name, VariableQuote quote, std::string& value) {
  const std::string* v = variable(s, std::string(name));
  if (!v) return false;
  value = *v;
  if (quote == VariableQuote::kPlain) return true;
  if (!s.conn) {
    log_error(s, "cannot escape without active connection");
    return false;
  }
  char* q = quote == VariableQuote::kLiteral ? PQescapeLiteral(s.conn, v->c_str(), v->size()) : PQescapeIdentifier(s.conn, v->c_str(), v->size());
  if (!q) {
    log_info(s, PQerrorMessage(s.conn));
    return false;
  }
  value = q;
  PQfreemem(q);
  return true;
}

void print_encryption(PGconn* c) {
  if (!PQsslInUse(c)) return;
  auto of = [&](const char* name) {
    const char* v = PQsslAttribute(c, name);
    return v ? v : "unknown";
  };
  printf("SSL connection (protocol: %s, cipher: %s, compression: %s)\n", of("protocol"), of("cipher"), of("compression"));
}

std::string read_password(const std::string& prompt) {
  FILE* in = fopen("/dev/tty", "r+e");
  FILE* out = in ? in : stderr;
  if (!in) in = stdin;
  termios saved, silent;
  bool tty = tcgetattr(fileno(in), &saved) == 0;
  if (tty) {
    silent = saved;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(fileno(in), TCSAFLUSH, &silent);
  }
  fputs(prompt.c_str(), out);
  fflush(out);
  char buffer[1024] = "";
  std::string text = fgets(buffer, sizeof buffer, in) ? buffer : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (tty) {
    tcsetattr(fileno(in), TCSAFLUSH, &saved);
    fputc('\n', out);
  }
  if (in != stdin) fclose(in);
  return text;
}

void setup_cancel() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void cancel_target(PGconn* conn) {
  PGcancel* old = cancel_of.exchange(conn ? PQgetCancel(conn) : nullptr);
  PQfreeCancel(old);
}

bool take_interrupt() { return interrupted.exchange(false); }
bool& catch_interrupts() { return catch_them; }

}  // namespace postern::psql
