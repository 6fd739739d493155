// Arguments of a backslash command, taken from the scanner's line one after the other.
#pragma once
#include <optional>
#include <string>

#include "frontend/psql/shell.h"

namespace postern::psql {

enum class ArgKind {
  kNormal,
  kIdentifier,   // folded to lower case outside double quotes, which are removed
  kNameLike,     // like kNormal, but double quotes are kept as they are (patterns)
  kFileOrPipe,   // "|command" takes the rest of the line
  kRest          // the rest of the line as it is
};

class Arguments {
 public:
  Arguments(Shell& s, Scanner& scanner, bool active) : s_(s), scanner_(scanner), active_(active) {}
  std::optional<std::string> next(ArgKind kind = ArgKind::kNormal, bool strip_semicolon = false);
  std::string next_or_empty(ArgKind kind = ArgKind::kNormal) { return next(kind).value_or(""); }
  // Behind the last argument: takes a separating "\\".
  void finish();
  void discard() { scanner_.pos() = scanner_.line().size(); }
  bool failed() const { return failed_; }

 private:
  void single_quoted(std::string& out);
  void backticks(std::string& out);
  bool variable_reference(std::string& out);
  Shell& s_;
  Scanner& scanner_;
  bool active_;
  bool failed_ = false;
};

// pset.cc
bool set_print_option(Shell& s, const std::string& name, const std::optional<std::string>& value, bool silent);
void show_print_options(const Shell& s);

}  // namespace postern::psql
