// Splits input into statements, line by line, as psql does: quotes, dollar quotes, comments, parentheses and the bodies of SQL functions may span
// lines. Variables (:name, :'name', :"name", :{?name}) are replaced on the way, outside quotes only.
//
// Invariants: pos() never exceeds the line's size; between two lines the state (open quote, comment, depth) is all that is kept.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::psql {

enum class ScanResult {
  kSemicolon,   // a statement is complete in the buffer
  kBackslash,   // pos() is at the command's name, behind the backslash
  kIncomplete,  // end of the line within a statement
  kEnd          // end of the line, no text collected
};

// What the continuation prompt shows.
enum class PromptState { kReady, kContinue, kComment, kSingleQuote, kDoubleQuote, kDollarQuote, kParen };

// How a variable's value is written: as it is, as a literal, as an identifier.
enum class VariableQuote { kPlain, kLiteral, kIdentifier };

// True and the text if the variable is set.
using VariableLookup = std::function<bool(std::string_view name, VariableQuote quote, std::string& value)>;

class Scanner {
 public:
  explicit Scanner(VariableLookup lookup) : lookup_(std::move(lookup)) {}

  void set_standard_strings(bool on) { standard_strings_ = on; }
  void set_line(std::string_view line);
  ScanResult scan(std::string& buffer, PromptState& prompt);
  // Back to the beginning of a statement; the rest of the line stays.
  void reset_statement();
  void reset_all();
  bool in_quote() const { return state_ != State::kNormal; }

  // For backslash commands, which take their arguments from the line.
  std::string& line() { return line_; }
  size_t& pos() { return pos_; }

 private:
  enum class State { kNormal, kSingle, kEscape, kDouble, kDollar, kComment };

  bool identifier(std::string& buffer);
  bool variable(std::string& buffer);
  void quoted(std::string& buffer);
  void note_word(std::string_view word);
  PromptState prompt_state(const std::string& buffer) const;

  VariableLookup lookup_;
  std::string line_;
  size_t pos_ = 0;
  State state_ = State::kNormal;
  std::string tag_;          // of the open dollar quote, with both dollars
  int comment_depth_ = 0;
  int paren_depth_ = 0;
  int begin_depth_ = 0;      // BEGIN … END inside CREATE FUNCTION or PROCEDURE
  std::vector<std::string> first_words_;
  bool standard_strings_ = true;
  int substitutions_ = 0;    // in this line; a variable that names itself ends here
};

}  // namespace postern::psql
