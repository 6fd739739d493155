// COPY between the server and files, programs and the script itself; \copy.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/psql/shell.h"

namespace postern::psql {
namespace {

constexpr size_t kBlock = 8192;

struct CopySpec {
  std::string before, after;  // around TO or FROM
  bool from = false;
  std::string file;           // empty: stdin, stdout
  bool program = false;
  bool psql_stream = false;   // pstdin, pstdout
};

// Words, quoted strings and parenthesised lists of \copy's arguments.
std::string token(const std::string& s, size_t& i) {
  while (i < s.size() && isspace(static_cast<unsigned char>(s[i]))) i++;
  if (i == s.size()) return {};
  size_t start = i;
  if (s[i] == '\'' || s[i] == '"') {
    char q = s[i++];
    while (i < s.size()) {
      if (s[i] == q && i + 1 < s.size() && s[i + 1] == q) i++;
      else if (s[i] == q) break;
      i++;
    }
    if (i < s.size()) i++;
    if (i < s.size() && s[i] == '.') {
      i++;
      token(s, i);
    }
    return s.substr(start, i - start);
  }
  if (s[i] == '(') {
    int depth = 0;
    while (i < s.size()) {
      char c = s[i++];
      if (c == '\'' || c == '"') {
        while (i < s.size() && s[i] != c) i++;
        if (i < s.size()) i++;
      } else if (c == '(') {
        depth++;
      } else if (c == ')' && --depth == 0) {
        break;
      }
    }
    return s.substr(start, i - start);
  }
  while (i < s.size() && !isspace(static_cast<unsigned char>(s[i])) && s[i] != '(' && s[i] != '"') i++;
  if (i < s.size() && s[i] == '"' && s[i - 1] == '.') token(s, i);
  return s.substr(start, i - start);
}

bool same_word(const std::string& a, const char* b) { return strcasecmp(a.c_str(), b) == 0; }

std::string unquote(const std::string& s) {
  if (s.size() < 2 || s[0] != '\'') return s;
  std::string out;
  for (size_t i = 1; i + 1 < s.size(); i++) {
    if (s[i] == '\'' && s[i + 1] == '\'') i++;
    out += s[i];
  }
  return out;
}

bool parse_copy(Shell& s, const std::string& text, CopySpec& spec) {
  size_t i = 0;
  auto bad = [&](const std::string& near) {
    if (near.empty()) log_error(s, "\\copy: parse error at end of line");
    else log_error(s, cat("\\copy: parse error at \"", near, "\""));
    return false;
  };
  std::string t = token(text, i);
  if (t.empty()) {
    log_error(s, "\\copy: arguments required");
    return false;
  }
  if (same_word(t, "binary")) {
    append(spec.before, t, " ");
    t = token(text, i);
  }
  append(spec.before, t);
  t = token(text, i);
  while (t == "." || (!t.empty() && (t[0] == '.' || spec.before.back() == '.'))) {
    spec.before += t;
    t = token(text, i);
  }
  if (!t.empty() && t[0] == '(') {
    append(spec.before, " ", t);
    t = token(text, i);
  }
  if (!same_word(t, "from") && !same_word(t, "to")) return bad(t);
  spec.from = same_word(t, "from");
  t = token(text, i);
  if (t.empty()) return bad("");
  if (same_word(t, "program")) {
    t = token(text, i);
    if (t.size() < 2 || t[0] != '\'') return bad(t);
    spec.program = true;
    spec.file = unquote(t);
  } else if (same_word(t, "stdin") || same_word(t, "stdout")) {
    // the script or the usual output
  } else if (same_word(t, "pstdin") || same_word(t, "pstdout")) {
    spec.psql_stream = true;
  } else {
    spec.file = unquote(t);
    if (spec.file.size() > 1 && spec.file[0] == '~' && spec.file[1] == '/')
      if (const char* home = getenv("HOME")) spec.file = home + spec.file.substr(1);
  }
  while (i < text.size() && isspace(static_cast<unsigned char>(text[i]))) i++;
  spec.after = text.substr(i);
  return true;
}

}  // namespace

bool copy_out(Shell& s, FILE* to, PGresult** result) {
  bool good = true;
  while (true) {
    char* row = nullptr;
    int n = PQgetCopyData(s.conn, &row, 0);
    if (n < 0) break;
    if (to && good && fwrite(row, 1, static_cast<size_t>(n), to) != static_cast<size_t>(n)) {
      log_error(s, cat("could not write COPY data: ", strerror(errno)));
      good = false;
    }
    PQfreemem(row);
  }
  if (to && good && fflush(to) != 0) {
    log_error(s, cat("could not write COPY data: ", strerror(errno)));
    good = false;
  }
  *result = PQgetResult(s.conn);
  return good && PQresultStatus(*result) == PGRES_COMMAND_OK;
}

// until_dot: text that ends with a line "\.", as in scripts; otherwise the whole stream in blocks.
bool copy_in(Shell& s, FILE* from, bool until_dot, PGresult** result) {
  bool failed = false;
  bool prompt = from == stdin && isatty(STDIN_FILENO) && s.source_interactive;
  if (prompt && !quiet(s))
    puts("Enter data to be copied followed by a newline.\nEnd with a backslash and a period on a line by itself, or an EOF signal.");
  take_interrupt();
  if (!until_dot) {
    std::string block(kBlock * 8, '\0');
    size_t n;
    while (!failed && (n = fread(block.data(), 1, block.size(), from)) > 0)
      if (PQputCopyData(s.conn, block.data(), static_cast<int>(n)) <= 0) failed = true;
  } else {
    char* line = nullptr;
    size_t capacity = 0;
    ssize_t n;
    while (!failed) {
      if (prompt) {
        fputs(prompt_text(s, PromptState::kReady, true).c_str(), stdout);
        fflush(stdout);
      }
      n = getline(&line, &capacity, from);
      if (n < 0) break;
      if (from == s.source) s.line_number++;
      if (strcmp(line, "\\.\n") == 0 || strcmp(line, "\\.\r\n") == 0 || strcmp(line, "\\.") == 0) break;
      if (PQputCopyData(s.conn, line, static_cast<int>(n)) <= 0) failed = true;
    }
    free(line);
  }
  if (take_interrupt()) {
    PQputCopyEnd(s.conn, "canceled by user");
    failed = true;
  } else if (ferror(from)) {
    PQputCopyEnd(s.conn, "aborted because of read failure");
    failed = true;
  } else if (PQputCopyEnd(s.conn, nullptr) <= 0) {
    failed = true;
  }
  if (prompt) clearerr(from);
  *result = PQgetResult(s.conn);
  return !failed && PQresultStatus(*result) == PGRES_COMMAND_OK;
}

bool do_copy(Shell& s, const std::string& arguments) {
  CopySpec spec;
  if (!parse_copy(s, arguments, spec)) return false;
  std::string sql = cat("COPY ", spec.before, spec.from ? " FROM STDIN " : " TO STDOUT ", spec.after);
  FILE* file = nullptr;
  if (spec.program) {
    fflush(nullptr);
    file = popen(spec.file.c_str(), spec.from ? "r" : "w");
  } else if (!spec.file.empty()) {
    file = fopen(spec.file.c_str(), spec.from ? "r" : "w");
  } else {
    file = spec.from ? (spec.psql_stream ? stdin : s.source) : (spec.psql_stream ? stdout : s.out);
  }
  if (!file) {
    log_error(s, cat(spec.program ? "could not execute command \"" : "", spec.file, spec.program ? "\"" : "", ": ", strerror(errno)));
    return false;
  }
  FILE *saved_source = s.source;
  NextQuery saved_next = s.next;
  bool stream = spec.file.empty();
  cancel_target(s.conn);
  bool good = PQsendQuery(s.conn, sql.c_str()) != 0;
  if (!good) log_info(s, PQerrorMessage(s.conn));
  PGresult* r = good ? PQgetResult(s.conn) : nullptr;
  while (r) {
    ExecStatusType st = PQresultStatus(r);
    PGresult* next = nullptr;
    if (st == PGRES_COPY_OUT) {
      if (!copy_out(s, file, &next)) good = false;
    } else if (st == PGRES_COPY_IN) {
      if (!copy_in(s, file, stream, &next)) good = false;
    } else {
      if (st == PGRES_COMMAND_OK) {
        s.vars["ERROR"] = "false";
        s.vars["SQLSTATE"] = "00000";
        s.vars["ROW_COUNT"] = PQcmdTuples(r);
        bool to_stdout = !spec.from && stream && file == stdout;
        if (!quiet(s) && !to_stdout) {
          printf("%s\n", PQcmdStatus(r));
          fflush(stdout);
        }
      } else {
        log_info(s, PQresultErrorMessage(r));
        good = false;
      }
      next = PQgetResult(s.conn);
    }
    PQclear(r);
    r = next;
  }
  cancel_target(nullptr);
  s.source = saved_source;
  s.next = saved_next;
  if (!stream) {
    if (spec.program) {
      int rc = pclose(file);
      if (rc != 0) {
        if (WIFEXITED(rc)) log_error(s, cat(spec.file, ": child process exited with exit code ", WEXITSTATUS(rc)));
        else log_error(s, cat(spec.file, ": child process was terminated"));
        good = false;
      }
    } else if (fclose(file) != 0) {
      log_error(s, cat(spec.file, ": ", strerror(errno)));
      good = false;
    }
  }
  if (PQstatus(s.conn) == CONNECTION_BAD) check_connection(s);
  return good;
}

}  // namespace postern::psql
