// The state of psql: one connection, its variables, where output goes, where input comes from.
#pragma once
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/libpq/libpq-fe.h"
#include "frontend/psql/print.h"
#include "frontend/psql/scan.h"

namespace postern::psql {

enum ExitCode { kExitSuccess = 0, kExitFailure = 1, kExitBadConnection = 2, kExitScript = 3 };

enum class IfState { kTrue, kFalse, kIgnored, kElseTrue, kElseFalse };
struct IfBranch {
  IfState state;
  size_t query_length;  // of the buffer when the branch began
};

// What \g and its relatives ask for the one statement that follows.
struct NextQuery {
  std::optional<std::string> target;  // file or |command
  std::optional<PrintOptions> options;
  std::optional<std::string> gset_prefix;
  bool gexec = false, gdesc = false, expanded = false;
};

struct Shell {
  PGconn* conn = nullptr;
  std::map<std::string, std::string> vars;
  PrintOptions print;
  NextQuery next;

  FILE* out = stdout;
  bool out_is_pipe = false;
  FILE* log = nullptr;         // -L
  FILE* source = stdin;        // of the statement that runs
  bool source_interactive = false;
  std::string input_file;      // for messages; empty: none
  uint64_t line_number = 0;
  uint64_t statement_line = 0;

  bool notty = false;
  bool terse_log = false;      // messages without "psql: error: "
  bool timing = false;
  bool use_readline = true;
  enum class Prompt { kDefault, kNo, kYes } password_prompt = Prompt::kDefault;
  std::string password;

  std::vector<IfBranch> ifs;
  PGresult* last_error = nullptr;
  std::string previous_query;

  bool active() const { return ifs.empty() || ifs.back().state == IfState::kTrue || ifs.back().state == IfState::kElseTrue; }
};

enum class CommandStatus { kUnknown, kSend, kSkip, kTerminate, kNewEdit, kError };

// shell.cc: variables and messages
bool set_variable(Shell& s, const std::string& name, const std::string& value);
bool unset_variable(Shell& s, const std::string& name);
const std::string* variable(const Shell& s, const std::string& name);
bool variable_on(const Shell& s, const char* name);
bool valid_variable_name(std::string_view name);
bool parse_bool(std::string_view text, const char* name, bool& value, Shell* report);
bool lookup_variable(Shell& s, std::string_view name, VariableQuote quote, std::string& value);
void init_variables(Shell& s);
void connection_variables(Shell& s);
bool quiet(const Shell& s);
void log_error(const Shell& s, std::string_view text);
void log_warning(const Shell& s, std::string_view text);
void log_info(const Shell& s, std::string_view text);
void log_hint(const Shell& s, std::string_view text);
void print_encryption(PGconn* c);                 // a line about TLS, when it is in use
std::string read_password(const std::string& prompt);
void setup_cancel();
void cancel_target(PGconn* conn);       // nullptr: an interrupt means the input
bool take_interrupt();                  // true once after an interrupt
bool& catch_interrupts();               // false while readline waits: it handles them

// execute.cc
bool send_query(Shell& s, const std::string& query);
PGresult* run_internal(Shell& s, const std::string& query, bool brief = false);   // for \d: shows the query with -E; nullptr after an error (brief: told in one line)
bool accept_result(Shell& s, PGresult* r, bool show_error);
void print_result(Shell& s, PGresult* r, const PrintOptions& options, FILE* out);
void write_table(Shell& s, const Table& t, const PrintOptions& options, FILE* out);
bool open_output(Shell& s, const std::string& name, FILE*& file, bool& is_pipe);
bool close_output(FILE* file, bool is_pipe);
bool set_query_output(Shell& s, const std::string& name);
bool check_connection(Shell& s);
bool copy_out(Shell& s, FILE* to, PGresult** result);
bool copy_in(Shell& s, FILE* from, bool until_dot, PGresult** result);
bool do_copy(Shell& s, const std::string& arguments);            // \copy
bool do_watch(Shell& s, const std::string& query, double seconds);

// input.cc
int main_loop(Shell& s, FILE* source, const std::string& name);
int process_file(Shell& s, const std::string& name, bool relative);
std::string prompt_text(Shell& s, PromptState state, bool copy = false);
void init_input(Shell& s);
void finish_input(Shell& s);
bool print_history(Shell& s, const std::string& file);

// command.cc: the scanner stands at the command's name
CommandStatus run_command(Shell& s, Scanner& scanner, std::string& query);
bool connect(Shell& s, const std::vector<std::pair<std::string, std::string>>& params, bool initial, bool keep_password = false);

// describe.cc
CommandStatus describe(Shell& s, const std::string& command, const std::optional<std::string>& pattern,
                       const std::optional<std::string>& pattern2);
bool list_databases(Shell& s, const std::optional<std::string>& pattern, bool verbose);
bool show_source(Shell& s, const std::string& what, bool view, bool numbered);

std::string quote_literal(Shell& s, std::string_view text);

}  // namespace postern::psql
