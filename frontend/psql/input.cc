// Reading input: lines from a person (libedit), a file or standard input, cut into statements and commands.
#include <editline/readline.h>
#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/psql/shell.h"

namespace postern::psql {
namespace {

constexpr int kMaxIncludeDepth = 200;
int include_depth = 0;
bool readline_ready = false;
bool history_changed = false;

std::string history_path(const Shell& s) {
  if (const std::string* v = variable(s, "HISTFILE")) return *v;
  if (const char* env = getenv("PSQL_HISTORY"); env && *env) return env;
  const char* home = getenv("HOME");
  return home ? cat(home, "/.psql_history") : std::string();
}

// A statement of several lines is one entry; line breaks are kept as \x01 in the file.
void remember(Shell& s, std::string entry) {
  if (!readline_ready) return;
  while (!entry.empty() && entry.back() == '\n') entry.pop_back();
  if (entry.empty()) return;
  static std::string last;
  const std::string* control = variable(s, "HISTCONTROL");
  bool ignore_space = control && (*control == "ignorespace" || *control == "ignoreboth");
  bool ignore_dups = control && (*control == "ignoredups" || *control == "ignoreboth");
  if ((ignore_space && entry[0] == ' ') || (ignore_dups && entry == last)) return;
  last = entry;
  add_history(entry.c_str());
  history_changed = true;
}

std::optional<std::string> plain_line(FILE* source) {
  char* line = nullptr;
  size_t capacity = 0;
  ssize_t n = getline(&line, &capacity, source);
  if (n < 0) {
    free(line);
    return std::nullopt;
  }
  if (n > 0 && line[n - 1] == '\n') n--;
  std::string out(line, static_cast<size_t>(n));
  free(line);
  return out;
}

sigjmp_buf interrupt_jump;
volatile sig_atomic_t jump_armed = 0;

void jump_on_interrupt(int) {
  if (jump_armed) siglongjmp(interrupt_jump, 1);
}

std::optional<std::string> interactive_line(const std::string& prompt, bool use_readline, FILE* source) {
  fflush(stdout);
  if (use_readline && readline_ready) {
    char* line = readline(prompt.c_str());
    if (!line) return std::nullopt;
    std::string out = line;
    free(line);
    return out;
  }
  fputs(prompt.c_str(), stdout);
  fflush(stdout);
  return plain_line(source);
}

const char* help_text() {
  return "You are using psql, the command-line interface to PostgreSQL.\n"
         "Type:  \\copyright for distribution terms\n"
         "       \\h for help with SQL commands\n"
         "       \\? for help with psql commands\n"
         "       \\g or terminate with semicolon to execute query\n"
         "       \\q to quit\n";
}

bool word_alone(std::string_view line, std::string_view word) {
  while (!line.empty() && isspace(static_cast<unsigned char>(line.front()))) line.remove_prefix(1);
  while (!line.empty() && (isspace(static_cast<unsigned char>(line.back())) || line.back() == ';')) line.remove_suffix(1);
  return line.size() == word.size() && strncasecmp(line.data(), word.data(), word.size()) == 0;
}

// One source of input, from its first line to its end.
class Loop {
 public:
  Loop(Shell& s, FILE* source)
      : s_(s), source_(source),
        scanner_([&s](std::string_view name, VariableQuote q, std::string& v) { return lookup_variable(s, name, q, v); }) {}

  int run() {
    std::vector<IfBranch> outer = std::move(s_.ifs);
    s_.ifs.clear();
    int result = body();
    if (!s_.ifs.empty() && result == kExitSuccess && !terminated_) {
      log_error(s_, "reached EOF without finding closing \\endif(s)");
      if (variable_on(s_, "ON_ERROR_STOP") && !s_.source_interactive) result = kExitScript;
    }
    s_.ifs = std::move(outer);
    return result;
  }

 private:
  int body() {
    int result = kExitSuccess;
    int eof_count = 0;
    while (result == kExitSuccess && !terminated_) {
      std::optional<std::string> line = next_line();
      if (!line) {
        if (s_.source_interactive) {
          const std::string* ignore = variable(s_, "IGNOREEOF");
          int limit = ignore ? atoi(ignore->c_str()) : 0;
          if (++eof_count < limit) {
            if (!quiet(s_)) puts("Use \"\\q\" to leave psql.");
            continue;
          }
          puts(quiet(s_) ? "" : "\\q");
        }
        break;
      }
      eof_count = 0;
      s_.line_number++;
      if (line->empty() && !scanner_.in_quote()) continue;
      if (s_.source_interactive && !scanner_.in_quote() && query_.empty()) {
        if (word_alone(*line, "help")) {
          fputs(help_text(), stdout);
          continue;
        }
        if (word_alone(*line, "quit") || word_alone(*line, "exit")) break;
      }
      const std::string* echo = variable(s_, "ECHO");
      if (!s_.source_interactive && echo && *echo == "all") {
        puts(line->c_str());
        fflush(stdout);
      }
      result = take_line(*line);
    }
    if (!query_.empty() && !s_.source_interactive && result == kExitSuccess && !terminated_ && s_.active()) {
      bool good = send_query(s_, query_);
      if (!good && variable_on(s_, "ON_ERROR_STOP")) result = kExitScript;
      else if (!s_.conn) result = kExitBadConnection;
    }
    return result;
  }

  // Readline's own way to be interrupted is not to return; a jump out of it starts a fresh line.
  std::optional<std::string> next_line() {
    if (!s_.source_interactive) return plain_line(source_);
    struct sigaction old, action {};
    action.sa_handler = jump_on_interrupt;
    sigaction(SIGINT, &action, &old);
    if (sigsetjmp(interrupt_jump, 1) != 0) {
      query_.clear();
      scanner_.reset_all();
      history_.clear();
      s_.ifs.clear();
      prompt_ = PromptState::kReady;
      fputc('\n', stdout);
    }
    jump_armed = 1;
    std::optional<std::string> line = interactive_line(prompt_text(s_, prompt_), s_.use_readline, source_);
    jump_armed = 0;
    sigaction(SIGINT, &old, nullptr);
    return line;
  }

  int take_line(const std::string& text) {
    size_t newline_at = std::string::npos;
    if (!query_.empty()) {
      query_ += '\n';
      newline_at = query_.size();
    }
    append(history_, text, "\n");
    if (s_.conn) {
      const char* standard = PQparameterStatus(s_.conn, "standard_conforming_strings");
      scanner_.set_standard_strings(!standard || strcmp(standard, "off") != 0);
    }
    scanner_.set_line(text);
    bool good = true;
    while (good || !variable_on(s_, "ON_ERROR_STOP")) {
      ScanResult r = scanner_.scan(query_, prompt_);
      good = true;
      if (r == ScanResult::kSemicolon || (r == ScanResult::kIncomplete && prompt_ == PromptState::kContinue && variable_on(s_, "SINGLELINE"))) {
        good = statement();
        newline_at = std::string::npos;
        if (r == ScanResult::kIncomplete) break;
      } else if (r == ScanResult::kBackslash) {
        if (newline_at != std::string::npos && query_.size() == newline_at) {
          query_.pop_back();
          newline_at = std::string::npos;
        }
        good = command();
        if (terminated_) break;
      } else {
        if (newline_at != std::string::npos && query_.size() == newline_at) query_.pop_back();
        break;
      }
      if (!good && !s_.source_interactive && variable_on(s_, "ON_ERROR_STOP")) break;
    }
    if (query_.empty()) flush_history();
    if (s_.source_interactive || terminated_) return kExitSuccess;
    if (!good && variable_on(s_, "ON_ERROR_STOP")) return kExitScript;
    if (!s_.conn) return kExitBadConnection;
    return kExitSuccess;
  }

  void flush_history() {
    if (s_.source_interactive) remember(s_, history_);
    history_.clear();
  }

  bool statement() {
    bool good = true;
    if (s_.active()) {
      if (s_.source_interactive) flush_history();
      good = send_query(s_, query_);
      s_.previous_query = query_;
    } else if (s_.source_interactive) {
      log_error(s_, "query ignored; use \\endif or Ctrl-C to exit current \\if block");
    }
    query_.clear();
    scanner_.reset_statement();
    prompt_ = PromptState::kReady;
    return good;
  }

  bool command() {
    std::string before = query_;
    CommandStatus status = run_command(s_, scanner_, query_);
    if (status == CommandStatus::kTerminate) terminated_ = true;
    if (status == CommandStatus::kSend) {
      std::string query = query_.empty() ? s_.previous_query : query_;
      bool good = query.empty() || send_query(s_, query);
      if (query.empty()) s_.next = {};
      s_.previous_query = query;
      query_.clear();
      scanner_.reset_statement();
      prompt_ = PromptState::kReady;
      return good;
    }
    if (query_.empty() && !before.empty()) scanner_.reset_statement();
    if (status == CommandStatus::kNewEdit) {
      std::string edited = query_;
      query_.clear();
      scanner_.reset_all();
      scanner_.line().insert(scanner_.pos(), edited);
    }
    return status != CommandStatus::kError;
  }

  Shell& s_;
  FILE* source_;
  Scanner scanner_;
  std::string query_, history_;
  PromptState prompt_ = PromptState::kReady;
  bool terminated_ = false;
};

std::string shell_output(const std::string& command) {
  std::string out;
  if (FILE* p = popen(command.c_str(), "r")) {
    char buffer[512];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, p)) > 0) out.append(buffer, n);
    pclose(p);
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace

std::string prompt_text(Shell& s, PromptState state, bool copy) {
  const std::string* format = variable(s, copy ? "PROMPT3" : state == PromptState::kReady ? "PROMPT1" : "PROMPT2");
  std::string out;
  if (!format) return out;
  const std::string& f = *format;
  std::string host = s.conn ? PQhost(s.conn) : "";
  for (size_t i = 0; i < f.size(); i++) {
    if (f[i] != '%' || i + 1 == f.size()) {
      out += f[i];
      continue;
    }
    switch (char c = f[++i]) {
      case '/': if (s.conn) out += PQdb(s.conn); break;
      case '~':
        if (s.conn) out += strcmp(PQdb(s.conn), PQuser(s.conn)) == 0 ? "~" : PQdb(s.conn);
        break;
      case 'n': if (s.conn) out += PQuser(s.conn); break;
      case 'M':
      case 'm': {
        if (!s.conn) break;
        if (host.empty() || host[0] == '/') out += c == 'm' || host.empty() ? "[local]" : cat("[local:", host, "]");
        else out += c == 'm' ? host.substr(0, host.find('.')) : host;
        break;
      }
      case '>': if (s.conn) out += PQport(s.conn); break;
      case 'p': if (s.conn) out += cat(PQbackendPID(s.conn)); break;
      case 'R':
        switch (state) {
          case PromptState::kReady: out += !s.active() ? '@' : !s.conn ? '!' : variable_on(s, "SINGLELINE") ? '^' : '='; break;
          case PromptState::kContinue: out += '-'; break;
          case PromptState::kSingleQuote: out += '\''; break;
          case PromptState::kDoubleQuote: out += '"'; break;
          case PromptState::kDollarQuote: out += '$'; break;
          case PromptState::kComment: out += '*'; break;
          case PromptState::kParen: out += '('; break;
        }
        break;
      case 'x':
        switch (s.conn ? PQtransactionStatus(s.conn) : PQTRANS_UNKNOWN) {
          case PQTRANS_IDLE: break;
          case PQTRANS_ACTIVE:
          case PQTRANS_INTRANS: out += '*'; break;
          case PQTRANS_INERROR: out += '!'; break;
          default: out += '?'; break;
        }
        break;
      case 'l': out += cat(s.line_number + 1); break;
      case '#': {
        const char* super = s.conn ? PQparameterStatus(s.conn, "is_superuser") : nullptr;
        out += super && strcmp(super, "on") == 0 ? '#' : '>';
        break;
      }
      case '%': out += '%'; break;
      case '[':
      case ']': break;
      case ':': {
        size_t end = f.find(':', i + 1);
        if (end == f.npos) break;
        if (const std::string* v = variable(s, f.substr(i + 1, end - i - 1))) out += *v;
        i = end;
        break;
      }
      case '`': {
        size_t end = f.find('`', i + 1);
        if (end == f.npos) break;
        out += shell_output(f.substr(i + 1, end - i - 1));
        i = end;
        break;
      }
      default:
        if (c >= '0' && c <= '7') {
          int v = 0, n = 0;
          while (n < 3 && i < f.size() && f[i] >= '0' && f[i] <= '7') {
            v = v * 8 + (f[i++] - '0');
            n++;
          }
          i--;
          out += static_cast<char>(v);
        } else {
          out += '%';
          out += c;
        }
    }
  }
  return out;
}

void init_input(Shell& s) {
  if (!s.use_readline || s.notty) return;
  rl_readline_name = "psql";
  using_history();
  readline_ready = true;
  rl_initialize();
  std::string path = history_path(s);
  if (!path.empty()) read_history(path.c_str());
}

void finish_input(Shell& s) {
  if (!readline_ready || !history_changed) return;
  const std::string* size = variable(s, "HISTSIZE");
  int limit = size ? atoi(size->c_str()) : 500;
  std::string path = history_path(s);
  if (path.empty() || limit == 0) return;
  if (limit > 0) stifle_history(limit);
  if (write_history(path.c_str()) != 0 && errno != 0 && errno != ENOENT && errno != EINVAL && access(path.c_str(), W_OK) != 0)
    log_error(s, cat("could not save history to file \"", path, "\": ", strerror(errno)));
  chmod(path.c_str(), 0600);
}

bool print_history(Shell& s, const std::string& file) {
  if (!readline_ready) {
    log_error(s, "history is not supported by this installation");
    return false;
  }
  FILE* out = stdout;
  bool is_pipe = false;
  if (!file.empty() && !open_output(s, file, out, is_pipe)) return false;
  for (int i = history_base; i < history_base + history_length; i++)
    if (HIST_ENTRY* e = history_get(i)) fprintf(out, "%s\n", e->line);
  if (!file.empty()) close_output(out, is_pipe);
  return true;
}

int main_loop(Shell& s, FILE* source, const std::string& name) {
  FILE* old_source = s.source;
  bool old_interactive = s.source_interactive;
  uint64_t old_line = s.line_number;
  std::string old_name = s.input_file;
  s.source = source;
  s.source_interactive = source == stdin && !s.notty && name.empty();
  s.line_number = 0;
  s.input_file = name;
  s.terse_log = name.empty();
  int result = Loop(s, source).run();
  s.source = old_source;
  s.source_interactive = old_interactive;
  s.line_number = old_line;
  s.input_file = old_name;
  s.terse_log = old_name.empty();
  return result;
}

int process_file(Shell& s, const std::string& name, bool relative) {
  if (name == "-") return main_loop(s, stdin, "<stdin>");
  std::string path = name;
  if (path.size() > 1 && path[0] == '~' && path[1] == '/')
    if (const char* home = getenv("HOME")) path = home + path.substr(1);
  if (relative && path[0] != '/' && !s.input_file.empty() && s.input_file.find('/') != std::string::npos)
    path = s.input_file.substr(0, s.input_file.rfind('/') + 1) + path;
  FILE* f = fopen(path.c_str(), "r");
  struct stat st;
  if (!f || (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode) && (errno = EISDIR))) {
    log_error(s, cat(path, ": ", strerror(errno)));
    if (f) fclose(f);
    return kExitFailure;
  }
  if (++include_depth > kMaxIncludeDepth) {
    include_depth--;
    fclose(f);
    log_error(s, cat(path, ": included too deeply"));
    return kExitFailure;
  }
  int result = main_loop(s, f, path);
  include_depth--;
  fclose(f);
  return result;
}

}  // namespace postern::psql
