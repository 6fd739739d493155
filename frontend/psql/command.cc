// Backslash commands: arguments, conditions, and one function per group of commands.
#include "frontend/psql/command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"

namespace postern::psql {
namespace {

bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool name_part(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80; }

const char kHelp[] =
    "General\n"
    "  \\copyright             show usage and distribution terms\n"
    "  \\errverbose            show most recent error message at maximum verbosity\n"
    "  \\g [(OPTIONS)] [FILE]  execute query (and send result to file or |pipe)\n"
    "  \\gdesc                 describe result of query, without executing it\n"
    "  \\gexec                 execute query, then execute each value in its result\n"
    "  \\gset [PREFIX]         execute query and store result in psql variables\n"
    "  \\gx [(OPTIONS)] [FILE] as \\g, but forces expanded output mode\n"
    "  \\q                     quit psql\n"
    "  \\watch [SEC]           execute query every SEC seconds\n\n"
    "Query Buffer\n"
    "  \\e [FILE] [LINE]       edit the query buffer (or file) with external editor\n"
    "  \\p                     show the contents of the query buffer\n"
    "  \\r                     reset (clear) the query buffer\n"
    "  \\s [FILE]              display history or save it to file\n"
    "  \\w FILE                write query buffer to file\n\n"
    "Input/Output\n"
    "  \\copy ...              perform SQL COPY with data stream to the client host\n"
    "  \\echo [-n] [STRING]    write string to standard output (-n for no newline)\n"
    "  \\i FILE                execute commands from file\n"
    "  \\ir FILE               as \\i, but relative to location of current script\n"
    "  \\o [FILE]              send all query results to file or |pipe\n"
    "  \\qecho [-n] [STRING]   write string to \\o output stream (-n for no newline)\n"
    "  \\warn [-n] [STRING]    write string to standard error (-n for no newline)\n\n"
    "Conditional\n"
    "  \\if EXPR  \\elif EXPR  \\else  \\endif\n\n"
    "Informational\n"
    "  (options: S = show system objects, + = additional detail)\n"
    "  \\d[S+]                 list tables, views, and sequences\n"
    "  \\d[S+]  NAME           describe table, view, sequence, or index\n"
    "  \\db[+]  \\df[S+]  \\dg  \\di[S+]  \\dm[S+]  \\dn[S+]  \\dp  \\ds[S+]  \\dt[S+]  \\dT[S+]  \\du[S+]  \\dv[S+]  \\dx[+]\n"
    "  \\l[+]   [PATTERN]      list databases\n"
    "  \\sv[+]  VIEWNAME       show a view's definition\n\n"
    "Formatting\n"
    "  \\a  \\C [STRING]  \\f [STRING]  \\t [on|off]  \\x [on|off|auto]\n"
    "  \\pset [NAME [VALUE]]   set table output option\n\n"
    "Connection\n"
    "  \\c[onnect] {[DBNAME|- USER|- HOST|- PORT|-] | conninfo}\n"
    "  \\conninfo  \\encoding [ENCODING]  \\password [USERNAME]\n\n"
    "Operating System\n"
    "  \\cd [DIR]  \\getenv PSQLVAR ENVVAR  \\setenv NAME [VALUE]  \\timing [on|off]  \\! [COMMAND]\n\n"
    "Variables\n"
    "  \\prompt [TEXT] NAME    prompt user to set internal variable\n"
    "  \\set [NAME [VALUE]]    set internal variable, or list all if no parameters\n"
    "  \\unset NAME            unset (delete) internal variable\n";

std::string expand_home(const std::string& path) {
  const char* home = getenv("HOME");
  if (home && !path.empty() && path[0] == '~' && (path.size() == 1 || path[1] == '/')) return home + path.substr(1);
  return path;
}

bool no_connection(Shell& s) {
  if (s.conn) return false;
  log_error(s, "You are currently not connected to a database.");
  return true;
}

// \if and \elif: all arguments make the expression.
bool truth(Shell& s, Arguments& args, const char* command) {
  std::string text;
  bool first = true;
  while (auto a = args.next()) {
    if (!first) text += ' ';
    text += *a;
    first = false;
  }
  bool value = false;
  if (!parse_bool(text, cat("\\", command, " expression").c_str(), value, &s)) return false;
  return value;
}

std::optional<CommandStatus> condition(Shell& s, const std::string& name, Arguments& args, std::string& query) {
  auto leave_branch = [&] {
    if (!s.active()) query.resize(std::min(query.size(), s.ifs.back().query_length));
  };
  auto skip = [&] {
    while (args.next(ArgKind::kNormal)) {
    }
  };
  if (name == "if") {
    if (s.active()) {
      bool value = truth(s, args, "if");
      s.ifs.push_back({value ? IfState::kTrue : IfState::kFalse, query.size()});
    } else {
      skip();
      s.ifs.push_back({IfState::kIgnored, query.size()});
    }
    return CommandStatus::kSkip;
  }
  if (name == "elif") {
    if (s.ifs.empty()) {
      log_error(s, "\\elif: no matching \\if");
      return CommandStatus::kError;
    }
    IfBranch& top = s.ifs.back();
    if (top.state == IfState::kElseTrue || top.state == IfState::kElseFalse) {
      log_error(s, "\\elif: cannot occur after \\else");
      return CommandStatus::kError;
    }
    leave_branch();
    if (top.state == IfState::kTrue) {
      top.state = IfState::kIgnored;
      skip();
    } else if (top.state == IfState::kFalse) {
      // The expression counts now, so variables are looked up as in active text.
      top.state = IfState::kTrue;
      Arguments active = args;
      if (!truth(s, active, "elif")) top.state = IfState::kFalse;
    } else {
      skip();
    }
    top.query_length = query.size();
    return CommandStatus::kSkip;
  }
  if (name == "else") {
    if (s.ifs.empty()) {
      log_error(s, "\\else: no matching \\if");
      return CommandStatus::kError;
    }
    IfBranch& top = s.ifs.back();
    if (top.state == IfState::kElseTrue || top.state == IfState::kElseFalse) {
      log_error(s, "\\else: cannot occur after \\else");
      return CommandStatus::kError;
    }
    leave_branch();
    top.state = top.state == IfState::kFalse ? IfState::kElseTrue : IfState::kElseFalse;
    top.query_length = query.size();
    return CommandStatus::kSkip;
  }
  if (name == "endif") {
    if (s.ifs.empty()) {
      log_error(s, "\\endif: no matching \\if");
      return CommandStatus::kError;
    }
    leave_branch();
    s.ifs.pop_back();
    return CommandStatus::kSkip;
  }
  return std::nullopt;
}

// (name=value …) behind \g.
bool g_options(Shell& s, Arguments& args, std::string first, NextQuery& next) {
  std::string text = first.substr(1);
  PrintOptions saved = s.print;
  bool good = true;
  while (true) {
    bool last = !text.empty() && text.back() == ')';
    if (last) text.pop_back();
    if (!text.empty()) {
      size_t eq = text.find('=');
      std::optional<std::string> value;
      if (eq != text.npos) value = text.substr(eq + 1);
      if (!set_print_option(s, text.substr(0, eq), value, true)) good = false;
    }
    if (last) break;
    auto more = args.next();
    if (!more) {
      log_error(s, "\\g: missing right parenthesis");
      good = false;
      break;
    }
    text = *more;
  }
  if (good) next.options = s.print;
  s.print = saved;
  return good;
}

CommandStatus command_g(Shell& s, const std::string& name, Arguments& args) {
  s.next = {};
  auto target = args.next(ArgKind::kFileOrPipe);
  if (target && !target->empty() && (*target)[0] == '(') {
    if (!g_options(s, args, *target, s.next)) return CommandStatus::kError;
    target = args.next(ArgKind::kFileOrPipe);
  }
  if (target) s.next.target = (*target)[0] == '|' ? *target : expand_home(*target);
  if (name == "gx") s.next.expanded = true;
  return CommandStatus::kSend;
}

CommandStatus command_connect(Shell& s, Arguments& args) {
  std::vector<std::optional<std::string>> given;
  bool keep_password = true;
  auto first = args.next();
  if (first && first->rfind("-reuse-previous", 0) == 0) first = args.next();
  while (first && given.size() < 4) {
    given.push_back(*first == "-" || first->empty() ? std::nullopt : first);
    first = args.next();
  }
  std::vector<std::pair<std::string, std::string>> params;
  bool conninfo = !given.empty() && given[0] && (given[0]->find('=') != std::string::npos || given[0]->find("://") != std::string::npos);
  if (conninfo) {
    if (s.conn && given[0]->find("://") == std::string::npos) {
      for (auto [key, value] : {std::pair("host", PQhost(s.conn)), std::pair("port", PQport(s.conn)), std::pair("user", PQuser(s.conn))})
        params.emplace_back(key, value);
    }
    params.emplace_back("dbname", *given[0]);
  } else {
    auto pick = [&](size_t i, const char* old) { return i < given.size() && given[i] ? *given[i] : std::string(s.conn ? old : ""); };
    std::string user = pick(1, PQuser(s.conn)), host = pick(2, PQhost(s.conn)), port = pick(3, PQport(s.conn));
    keep_password = s.conn && user == PQuser(s.conn) && host == PQhost(s.conn) && port == PQport(s.conn);
    PQconninfoOption* old = PQconninfo(s.conn);
    for (PQconninfoOption* o = old; o && o->keyword; o++)
      if (o->val && *o->val && (strcmp(o->keyword, "datadir") == 0 || strcmp(o->keyword, "options") == 0)) params.emplace_back(o->keyword, o->val);
    PQconninfoFree(old);
    params.emplace_back("host", host);
    params.emplace_back("port", port);
    params.emplace_back("user", user);
    params.emplace_back("dbname", pick(0, PQdb(s.conn)));
  }
  if (keep_password && s.conn && PQpass(s.conn)[0]) params.insert(params.begin(), {"password", PQpass(s.conn)});
  return connect(s, params, false) ? CommandStatus::kSkip : CommandStatus::kError;
}

void connection_info(Shell& s) {
  if (!s.conn) {
    puts("You are currently not connected to a database.");
    return;
  }
  std::string host = PQhost(s.conn), address = PQhostaddr(s.conn);
  PQconninfoOption* list = PQconninfo(s.conn);
  std::string datadir;
  for (PQconninfoOption* o = list; o && o->keyword; o++)
    if (strcmp(o->keyword, "datadir") == 0 && o->val) datadir = o->val;
  PQconninfoFree(list);
  if (!datadir.empty())
    printf("You are connected to database \"%s\" as user \"%s\" of the data directory \"%s\".\n", PQdb(s.conn), PQuser(s.conn), datadir.c_str());
  else if (!host.empty() && host[0] == '/')
    printf("You are connected to database \"%s\" as user \"%s\" via socket in \"%s\" at port \"%s\".\n", PQdb(s.conn), PQuser(s.conn), host.c_str(), PQport(s.conn));
  else if (!address.empty() && address != host)
    printf("You are connected to database \"%s\" as user \"%s\" on host \"%s\" (address \"%s\") at port \"%s\".\n", PQdb(s.conn), PQuser(s.conn), host.c_str(), address.c_str(), PQport(s.conn));
  else
    printf("You are connected to database \"%s\" as user \"%s\" on host \"%s\" at port \"%s\".\n", PQdb(s.conn), PQuser(s.conn), host.c_str(), PQport(s.conn));
  print_encryption(s.conn);
}

void echo(Arguments& args, FILE* out) {
  bool newline = true, first = true;
  std::string text;
  auto a = args.next();
  if (a && *a == "-n") {
    newline = false;
    a = args.next();
  }
  for (; a; a = args.next()) {
    if (!first) text += ' ';
    text += *a;
    first = false;
  }
  if (newline) text += '\n';
  fwrite(text.data(), 1, text.size(), out);
  fflush(out);
}

CommandStatus command_set(Shell& s, Arguments& args) {
  auto name = args.next();
  if (!name) {
    for (const auto& [key, value] : s.vars) printf("%s = '%s'\n", key.c_str(), value.c_str());
    return CommandStatus::kSkip;
  }
  std::string value;
  while (auto a = args.next()) value += *a;
  return set_variable(s, *name, value) ? CommandStatus::kSkip : CommandStatus::kError;
}

CommandStatus command_prompt(Shell& s, Arguments& args) {
  auto first = args.next(), second = args.next();
  if (!first) {
    log_error(s, "\\prompt: missing required argument");
    return CommandStatus::kError;
  }
  std::string text = second ? *first : "", name = second ? *second : *first;
  fputs(text.c_str(), stdout);
  fflush(stdout);
  char* line = nullptr;
  size_t capacity = 0;
  ssize_t n = getline(&line, &capacity, stdin);
  std::string value = n > 0 ? line : "";
  free(line);
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  return set_variable(s, name, value) ? CommandStatus::kSkip : CommandStatus::kError;
}

CommandStatus command_password(Shell& s, Arguments& args) {
  if (no_connection(s)) return CommandStatus::kError;
  auto given = args.next(ArgKind::kIdentifier);
  std::string user;
  if (given) {
    user = *given;
  } else {
    PGresult* r = PQexec(s.conn, "SELECT CURRENT_USER");
    if (PQntuples(r) == 1) user = PQgetvalue(r, 0, 0);
    PQclear(r);
  }
  std::string one = read_password(cat("Enter new password for user \"", user, "\": "));
  std::string two = read_password("Enter it again: ");
  if (one != two) {
    log_error(s, "Passwords didn't match.");
    return CommandStatus::kError;
  }
  char* secret = PQencryptPasswordConn(s.conn, one.c_str(), user.c_str(), nullptr);
  if (!secret) {
    log_info(s, PQerrorMessage(s.conn));
    return CommandStatus::kError;
  }
  char* name = PQescapeIdentifier(s.conn, user.c_str(), user.size());
  PGresult* r = PQexec(s.conn, cat("ALTER USER ", name, " PASSWORD ", quote_literal(s, secret)).c_str());
  PQfreemem(name);
  PQfreemem(secret);
  bool good = accept_result(s, r, true);
  PQclear(r);
  return good ? CommandStatus::kSkip : CommandStatus::kError;
}

CommandStatus run_shell(Shell& s, const std::string& command) {
  fflush(nullptr);
  const char* shell = getenv("SHELL");
  if (!shell) shell = "/bin/sh";
  int rc = command.empty() ? system(cat("exec ", shell).c_str()) : system(command.c_str());
  if (rc == 127 << 8 || rc == -1) {
    log_error(s, "\\!: failed");
    return CommandStatus::kError;
  }
  return CommandStatus::kSkip;
}

CommandStatus edit(Shell& s, Arguments& args, std::string& query) {
  auto file = args.next(), line = args.next();
  std::string path = file ? expand_home(*file) : "";
  bool temporary = path.empty();
  std::string before = query.empty() ? s.previous_query : query;
  if (temporary) {
    const char* dir = getenv("TMPDIR");
    std::string pattern = cat(dir ? dir : "/tmp", "/psql.edit.XXXXXX.sql");
    int fd = mkstemps(pattern.data(), 4);
    if (fd < 0) {
      log_error(s, cat("could not open temporary file \"", pattern, "\": ", strerror(errno)));
      return CommandStatus::kError;
    }
    path = pattern;
    if (!before.empty() && before.back() != '\n') before += '\n';
    ssize_t n = write(fd, before.data(), before.size());
    close(fd);
    if (n != static_cast<ssize_t>(before.size())) return CommandStatus::kError;
  }
  const char* editor = getenv("PSQL_EDITOR");
  if (!editor) editor = getenv("EDITOR");
  if (!editor) editor = getenv("VISUAL");
  if (!editor) editor = "vi";
  std::string command = cat("exec ", editor, line ? cat(" +", *line) : "", " '", path, "'");
  fflush(nullptr);
  bool good = system(command.c_str()) == 0;
  if (!good) log_error(s, cat("could not start editor \"", editor, "\""));
  std::string text;
  if (FILE* f = good ? fopen(path.c_str(), "r") : nullptr) {
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0) text.append(buffer, n);
    fclose(f);
  }
  if (temporary) unlink(path.c_str());
  if (!good) return CommandStatus::kError;
  // Left as it was, there is nothing to run.
  if (temporary && text == before) text.clear();
  while (!text.empty() && space(text.back())) text.pop_back();
  query = text;
  return CommandStatus::kNewEdit;
}

CommandStatus write_buffer(Shell& s, Arguments& args, const std::string& query) {
  auto name = args.next(ArgKind::kFileOrPipe);
  if (!name) {
    log_error(s, "\\w: missing required argument");
    return CommandStatus::kError;
  }
  FILE* f;
  bool is_pipe;
  if (!open_output(s, *name, f, is_pipe)) return CommandStatus::kError;
  const std::string& text = query.empty() ? s.previous_query : query;
  if (!text.empty()) fprintf(f, "%s\n", text.c_str());
  if (!close_output(f, is_pipe)) {
    log_error(s, cat(*name, ": ", strerror(errno)));
    return CommandStatus::kError;
  }
  return CommandStatus::kSkip;
}

CommandStatus command_encoding(Shell& s, Arguments& args) {
  auto name = args.next();
  if (!name) {
    puts(pg_encoding_to_char(PQclientEncoding(s.conn)));
    return CommandStatus::kSkip;
  }
  if (PQsetClientEncoding(s.conn, name->c_str()) < 0) {
    log_error(s, cat(*name, ": invalid encoding name or conversion procedure not found"));
    return CommandStatus::kError;
  }
  s.vars["ENCODING"] = pg_encoding_to_char(PQclientEncoding(s.conn));
  return CommandStatus::kSkip;
}

CommandStatus timing(Shell& s, Arguments& args) {
  auto v = args.next();
  bool good = !v || parse_bool(*v, "\\timing", s.timing, &s);
  if (!v) s.timing = !s.timing;
  if (!quiet(s)) puts(s.timing ? "Timing is on." : "Timing is off.");
  return good ? CommandStatus::kSkip : CommandStatus::kError;
}

CommandStatus done(bool good) { return good ? CommandStatus::kSkip : CommandStatus::kError; }

// Commands about the query buffer and running it.
CommandStatus query_commands(Shell& s, const std::string& name, Arguments& args, std::string& query) {
  if (name == "g" || name == "gx") return command_g(s, name, args);
  if (name == "gset") {
    s.next = {};
    s.next.gset_prefix = args.next_or_empty();
    return CommandStatus::kSend;
  }
  if (name == "gexec") {
    s.next = {};
    s.next.gexec = true;
    return CommandStatus::kSend;
  }
  if (name == "gdesc") {
    s.next = {};
    s.next.gdesc = true;
    return CommandStatus::kSend;
  }
  if (name == "watch") {
    auto v = args.next();
    double seconds = 2;
    if (v) {
      char* end;
      seconds = strtod(v->c_str(), &end);
      if (*end || seconds < 0) {
        log_error(s, cat("\\watch: incorrect interval value \"", *v, "\""));
        return CommandStatus::kError;
      }
    }
    if (query.empty()) query = s.previous_query;
    if (query.empty()) {
      log_error(s, "\\watch cannot be used with an empty query");
      return CommandStatus::kError;
    }
    bool good = do_watch(s, query, seconds);
    s.previous_query = query;
    query.clear();
    return done(good);
  }
  if (name == "p" || name == "print") {
    const std::string& text = query.empty() ? s.previous_query : query;
    if (!text.empty()) puts(text.c_str());
    else if (!quiet(s)) puts("Query buffer is empty.");
    fflush(stdout);
    return CommandStatus::kSkip;
  }
  if (name == "r" || name == "reset") {
    query.clear();
    s.previous_query.clear();
    if (!quiet(s)) puts("Query buffer reset (cleared).");
    return CommandStatus::kSkip;
  }
  if (name == "w" || name == "write") return write_buffer(s, args, query);
  if (name == "e" || name == "edit") return edit(s, args, query);
  if (name == "s") return done(print_history(s, args.next_or_empty()));
  return CommandStatus::kUnknown;
}

CommandStatus output_commands(Shell& s, const std::string& name, Arguments& args) {
  if (name == "echo") {
    echo(args, stdout);
    return CommandStatus::kSkip;
  }
  if (name == "qecho") {
    echo(args, s.out);
    return CommandStatus::kSkip;
  }
  if (name == "warn") {
    echo(args, stderr);
    return CommandStatus::kSkip;
  }
  if (name == "o" || name == "out") return done(set_query_output(s, args.next_or_empty(ArgKind::kFileOrPipe)));
  if (name == "a") return done(set_print_option(s, "format", s.print.format == Format::kAligned ? "unaligned" : "aligned", quiet(s)));
  if (name == "t") return done(set_print_option(s, "tuples_only", args.next(), quiet(s)));
  if (name == "x") return done(set_print_option(s, "expanded", args.next(), quiet(s)));
  if (name == "f") return done(set_print_option(s, "fieldsep", args.next(), quiet(s)));
  if (name == "C") return done(set_print_option(s, "title", args.next(), quiet(s)));
  if (name == "T") return done(set_print_option(s, "tableattr", args.next(), quiet(s)));
  if (name == "H" || name == "html") {
    log_error(s, "\\H: HTML output is not supported");
    return CommandStatus::kError;
  }
  if (name == "pset") {
    auto option = args.next();
    if (!option) {
      show_print_options(s);
      return CommandStatus::kSkip;
    }
    return done(set_print_option(s, *option, args.next(), quiet(s)));
  }
  return CommandStatus::kUnknown;
}

CommandStatus file_commands(Shell& s, const std::string& name, Arguments& args) {
  if (name == "i" || name == "include" || name == "ir" || name == "include_relative") {
    auto file = args.next();
    if (!file) {
      log_error(s, cat("\\", name, ": missing required argument"));
      return CommandStatus::kError;
    }
    return done(process_file(s, *file, name[1] == 'r' || name == "include_relative") == kExitSuccess);
  }
  if (name == "copy") {
    auto rest = args.next(ArgKind::kRest);
    if (no_connection(s)) return CommandStatus::kError;
    return done(do_copy(s, rest.value_or("")));
  }
  if (name == "cd") {
    auto dir = args.next();
    const char* home = getenv("HOME");
    std::string path = dir ? expand_home(*dir) : home ? home : "/";
    if (chdir(path.c_str()) == 0) return CommandStatus::kSkip;
    log_error(s, cat("\\cd: could not change directory to \"", path, "\": ", strerror(errno)));
    return CommandStatus::kError;
  }
  if (name == "!") return run_shell(s, args.next(ArgKind::kRest).value_or(""));
  return CommandStatus::kUnknown;
}

CommandStatus variable_commands(Shell& s, const std::string& name, Arguments& args) {
  if (name == "set") return command_set(s, args);
  if (name == "unset") {
    auto v = args.next();
    if (!v) {
      log_error(s, "\\unset: missing required argument");
      return CommandStatus::kError;
    }
    return done(unset_variable(s, *v));
  }
  if (name == "getenv") {
    auto var = args.next(), env = args.next();
    if (!var || !env) {
      log_error(s, "\\getenv: missing required argument");
      return CommandStatus::kError;
    }
    const char* value = getenv(env->c_str());
    return done(!value || set_variable(s, *var, value));
  }
  if (name == "setenv") {
    auto env = args.next(), value = args.next();
    if (!env) {
      log_error(s, "\\setenv: missing required argument");
      return CommandStatus::kError;
    }
    if (env->find('=') != std::string::npos) {
      log_error(s, "\\setenv: environment variable name must not contain \"=\"");
      return CommandStatus::kError;
    }
    return done((value ? setenv(env->c_str(), value->c_str(), 1) : unsetenv(env->c_str())) == 0);
  }
  if (name == "prompt") return command_prompt(s, args);
  if (name == "timing") return timing(s, args);
  return CommandStatus::kUnknown;
}

CommandStatus connection_commands(Shell& s, const std::string& name, Arguments& args) {
  if (name == "c" || name == "connect") return command_connect(s, args);
  if (name == "conninfo") {
    connection_info(s);
    return CommandStatus::kSkip;
  }
  if (name == "password") return command_password(s, args);
  if (name == "encoding") return command_encoding(s, args);
  if (name == "errverbose") {
    if (!s.last_error) {
      puts("There is no previous error.");
      return CommandStatus::kSkip;
    }
    char* text = PQresultVerboseErrorMessage(s.last_error, PQERRORS_VERBOSE, PQSHOW_CONTEXT_ALWAYS);
    log_error(s, text);
    PQfreemem(text);
    return CommandStatus::kSkip;
  }
  return CommandStatus::kUnknown;
}

CommandStatus dispatch(Shell& s, const std::string& name, Arguments& args, std::string& query) {
  if (name == "q" || name == "quit") return CommandStatus::kTerminate;
  if (name == "?") {
    fputs(kHelp, stdout);
    args.discard();
    return CommandStatus::kSkip;
  }
  if (name == "h" || name == "help") {
    args.discard();
    puts("There is no help on SQL commands here; see https://www.postgresql.org/docs/15/sql-commands.html");
    return CommandStatus::kSkip;
  }
  if (name == "copyright") {
    puts("Postern\nCopyright (c) The Postern authors, MIT license");
    return CommandStatus::kSkip;
  }
  for (auto group : {output_commands, file_commands, variable_commands, connection_commands})
    if (CommandStatus st = group(s, name, args); st != CommandStatus::kUnknown) return st;
  if (CommandStatus st = query_commands(s, name, args, query); st != CommandStatus::kUnknown) return st;
  if (name == "l" || name == "list" || name == "l+" || name == "list+") {
    auto pattern = args.next(ArgKind::kNameLike, true);
    return done(list_databases(s, pattern, name.back() == '+'));
  }
  if (name == "z") return describe(s, "dp", args.next(ArgKind::kNameLike, true), std::nullopt);
  if (name[0] == 'd') {
    auto pattern = args.next(ArgKind::kNameLike, true);
    std::optional<std::string> second;
    if (name.size() > 1 && (name[1] == 'f' || name[1] == 'r')) second = args.next(ArgKind::kNameLike, true);
    return describe(s, name, pattern, second);
  }
  if (name == "sv" || name == "sv+" || name == "sf" || name == "sf+")
    return done(show_source(s, args.next(ArgKind::kRest, true).value_or(""), name[1] == 'v', name.back() == '+'));
  return CommandStatus::kUnknown;
}

}  // namespace

void Arguments::single_quoted(std::string& out) {
  std::string& l = scanner_.line();
  size_t& i = scanner_.pos();
  i++;
  while (i < l.size()) {
    char c = l[i++];
    if (c == '\'') {
      if (i < l.size() && l[i] == '\'') {
        out += '\'';
        i++;
        continue;
      }
      return;
    }
    if (c != '\\' || i >= l.size()) {
      out += c;
      continue;
    }
    c = l[i++];
    switch (c) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'b': out += '\b'; break;
      case 'r': out += '\r'; break;
      case 'f': out += '\f'; break;
      case 'x': {
        int v = 0, n = 0;
        while (n < 2 && i < l.size() && isxdigit(static_cast<unsigned char>(l[i]))) {
          char h = static_cast<char>(tolower(l[i++]));
          v = v * 16 + (h <= '9' ? h - '0' : h - 'a' + 10);
          n++;
        }
        out += n ? static_cast<char>(v) : 'x';
        break;
      }
      default:
        if (c >= '0' && c <= '7') {
          int v = c - '0', n = 1;
          while (n < 3 && i < l.size() && l[i] >= '0' && l[i] <= '7') {
            v = v * 8 + (l[i++] - '0');
            n++;
          }
          out += static_cast<char>(v);
        } else {
          out += c;
        }
    }
  }
  log_error(s_, "unterminated quoted string");
  failed_ = true;
}

void Arguments::backticks(std::string& out) {
  std::string& l = scanner_.line();
  size_t& i = scanner_.pos();
  size_t end = l.find('`', i + 1);
  if (end == l.npos) {
    log_error(s_, "unterminated quoted string");
    failed_ = true;
    i = l.size();
    return;
  }
  std::string command = l.substr(i + 1, end - i - 1);
  i = end + 1;
  if (!active_) return;
  fflush(nullptr);
  FILE* p = popen(command.c_str(), "r");
  if (!p) {
    log_error(s_, cat(command, ": ", strerror(errno)));
    return;
  }
  std::string text;
  char buffer[512];
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, p)) > 0) text.append(buffer, n);
  int rc = pclose(p);
  if (rc != 0) {
    log_error(s_, cat(command, ": child process exited with exit code ", WEXITSTATUS(rc)));
    return;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  out += text;
}

bool Arguments::variable_reference(std::string& out) {
  std::string& l = scanner_.line();
  size_t& i = scanner_.pos();
  auto at = [&](size_t k) { return k < l.size() ? l[k] : '\0'; };
  char open = at(i + 1);
  bool test = open == '{' && at(i + 2) == '?';
  char close = test ? '}' : open == '\'' || open == '"' ? open : '\0';
  size_t start = i + (test ? 3 : close ? 2 : 1), end = start;
  while (end < l.size() && name_part(l[end])) end++;
  if (end == start || (close && at(end) != close)) return false;
  std::string value;
  VariableQuote quote = close == '\'' ? VariableQuote::kLiteral : close == '"' ? VariableQuote::kIdentifier : VariableQuote::kPlain;
  bool found = active_ && lookup_variable(s_, l.substr(start, end - start), quote, value);
  size_t after = close ? end + 1 : end;
  if (test) out += found ? "TRUE" : "FALSE";
  else out += found ? value : l.substr(i, after - i);
  i = after;
  return true;
}

std::optional<std::string> Arguments::next(ArgKind kind, bool strip_semicolon) {
  std::string& l = scanner_.line();
  size_t& i = scanner_.pos();
  while (i < l.size() && space(l[i])) i++;
  if (i >= l.size() || failed_) return std::nullopt;
  std::string out;
  if (kind == ArgKind::kRest || (kind == ArgKind::kFileOrPipe && l[i] == '|')) {
    out = l.substr(i);
    i = l.size();
    if (kind == ArgKind::kRest)
      while (!out.empty() && (space(out.back()) || (strip_semicolon && out.back() == ';'))) out.pop_back();
    return out;
  }
  if (l[i] == '\\') return std::nullopt;
  bool any_quotes = false;
  while (i < l.size() && !space(l[i]) && l[i] != '\\') {
    char c = l[i];
    if (c == '\'') {
      any_quotes = true;
      single_quoted(out);
    } else if (c == '`') {
      any_quotes = true;
      backticks(out);
    } else if (c == ':' && variable_reference(out)) {
      continue;
    } else if (c == '"') {
      any_quotes = true;
      bool keep = kind != ArgKind::kIdentifier;
      if (keep) out += c;
      i++;
      bool closed = false;
      while (i < l.size()) {
        if (l[i] == '"') {
          if (!keep && i + 1 < l.size() && l[i + 1] == '"') i++;
          else {
            closed = true;
            break;
          }
        }
        out += l[i++];
      }
      if (closed) {
        if (keep) out += '"';
        i++;
      } else {
        log_error(s_, "unterminated quoted string");
        failed_ = true;
      }
    } else {
      out += kind == ArgKind::kIdentifier ? static_cast<char>(tolower(static_cast<unsigned char>(c))) : c;
      i++;
    }
  }
  if (failed_) return std::nullopt;
  if (strip_semicolon && !any_quotes)
    while (!out.empty() && out.back() == ';') out.pop_back();
  if (strip_semicolon && out.empty() && !any_quotes) return std::nullopt;
  return out;
}

void Arguments::finish() {
  std::string& l = scanner_.line();
  size_t& i = scanner_.pos();
  while (i < l.size() && space(l[i])) i++;
  if (i + 1 < l.size() && l[i] == '\\' && l[i + 1] == '\\') i += 2;
}

CommandStatus run_command(Shell& s, Scanner& scanner, std::string& query) {
  std::string& l = scanner.line();
  size_t& i = scanner.pos();
  size_t start = i;
  while (i < l.size() && !space(l[i]) && l[i] != '\\') i++;
  std::string name = l.substr(start, i - start);
  bool active = s.active();
  Arguments args(s, scanner, active);
  CommandStatus status;
  if (auto c = condition(s, name, args, query)) {
    status = *c;
  } else if (!active) {
    if (s.source_interactive && !name.empty()) log_error(s, cat("\\", name, " command ignored; use \\endif or Ctrl-C to exit current \\if block"));
    if (name == "copy" || name == "!") args.discard();
    while (args.next()) {
    }
    args.finish();
    return CommandStatus::kSkip;
  } else if (name.empty() && i < l.size() && l[i] == '\\') {
    i++;  // a lone separator
    return CommandStatus::kSkip;
  } else {
    status = name.empty() ? CommandStatus::kUnknown : dispatch(s, name, args, query);
  }
  if (status == CommandStatus::kUnknown) {
    log_error(s, cat("invalid command \\", name));
    if (s.source_interactive) log_hint(s, "Try \\? for help.");
    status = CommandStatus::kError;
  }
  fflush(stdout);
  if (args.failed()) status = CommandStatus::kError;
  if (status == CommandStatus::kError) {
    args.discard();
    return status;
  }
  while (auto extra = args.next()) log_warning(s, cat("\\", name, ": extra argument \"", *extra, "\" ignored"));
  args.finish();
  return status;
}

// Password prompts as needed. On failure of a later \connect the old connection stays, except in scripts.
bool connect(Shell& s, const std::vector<std::pair<std::string, std::string>>& params, bool initial, bool) {
  std::string password = s.password;
  PGconn* fresh = nullptr;
  while (true) {
    std::vector<const char*> keywords, values;
    for (const auto& [k, v] : params) {
      if (k == "password" && !password.empty()) continue;
      keywords.push_back(k.c_str());
      values.push_back(v.c_str());
    }
    for (auto [k, v] : {std::pair("password", password.c_str()), std::pair("fallback_application_name", "psql"),
                        std::pair("client_encoding", s.notty || getenv("PGCLIENTENCODING") ? "" : "auto")}) {
      keywords.push_back(k);
      values.push_back(v);
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    fresh = PQconnectdbParams(keywords.data(), values.data(), 1);
    if (PQstatus(fresh) != CONNECTION_BAD || !PQconnectionNeedsPassword(fresh) || !password.empty() ||
        s.password_prompt == Shell::Prompt::kNo)
      break;
    std::string user = PQuser(fresh);
    PQfinish(fresh);
    password = read_password(user.empty() ? std::string("Password: ") : cat("Password for user ", user, ": "));
    if (password.empty()) password.assign(1, ' ');
  }
  if (PQstatus(fresh) == CONNECTION_BAD) {
    std::string text = PQerrorMessage(fresh);
    PQfinish(fresh);
    if (initial) {
      log_error(s, text);
    } else if (s.source_interactive) {
      log_info(s, text);
      if (s.conn) log_info(s, "Previous connection kept");
    } else {
      log_error(s, cat("\\connect: ", text));
      PQfinish(s.conn);
      s.conn = nullptr;
      connection_variables(s);
    }
    return false;
  }
  if (s.conn) PQfinish(s.conn);
  s.conn = fresh;
  PQsetNoticeProcessor(
      fresh, [](void* shell, const char* text) { log_info(*static_cast<Shell*>(shell), text); }, &s);
  connection_variables(s);
  if (!initial && !quiet(s)) {
    std::string host = PQhost(fresh);
    printf("You are now connected to database \"%s\" as user \"%s\".\n", PQdb(fresh), PQuser(fresh));
  }
  return true;
}

}  // namespace postern::psql
