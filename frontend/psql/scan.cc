// See scan.h.
#include "frontend/psql/scan.h"

#include <algorithm>
#include <cctype>

namespace postern::psql {
namespace {

constexpr int kMaxSubstitutionsPerLine = 1000;

bool ident_start(char c) { return isalpha(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool ident_part(char c) { return ident_start(c) || isdigit(static_cast<unsigned char>(c)) || c == '$'; }
bool variable_part(char c) { return ident_start(c) || isdigit(static_cast<unsigned char>(c)); }
bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string lower(std::string_view s) {
  std::string r(s);
  for (char& c : r) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return r;
}

}  // namespace

void Scanner::set_line(std::string_view line) {
  line_ = line;
  pos_ = 0;
  substitutions_ = 0;
}

void Scanner::reset_statement() {
  paren_depth_ = begin_depth_ = 0;
  first_words_.clear();
}

void Scanner::reset_all() {
  reset_statement();
  state_ = State::kNormal;
  comment_depth_ = 0;
  tag_.clear();
}

PromptState Scanner::prompt_state(const std::string& buffer) const {
  switch (state_) {
    case State::kSingle:
    case State::kEscape: return PromptState::kSingleQuote;
    case State::kDouble: return PromptState::kDoubleQuote;
    case State::kDollar: return PromptState::kDollarQuote;
    case State::kComment: return PromptState::kComment;
    case State::kNormal: break;
  }
  if (paren_depth_ > 0) return PromptState::kParen;
  return buffer.empty() && begin_depth_ == 0 ? PromptState::kReady : PromptState::kContinue;
}

// Follows an open quote or comment to its end or the end of the line.
void Scanner::quoted(std::string& buffer) {
  size_t start = pos_;
  while (pos_ < line_.size() && state_ != State::kNormal) {
    char c = line_[pos_];
    char next = pos_ + 1 < line_.size() ? line_[pos_ + 1] : '\0';
    switch (state_) {
      case State::kSingle:
      case State::kEscape:
        if (c == '\\' && state_ == State::kEscape) pos_++;
        else if (c == '\'' && next == '\'') pos_++;
        else if (c == '\'') state_ = State::kNormal;
        break;
      case State::kDouble:
        if (c == '"' && next == '"') pos_++;
        else if (c == '"') state_ = State::kNormal;
        break;
      case State::kDollar:
        if (c == '$' && line_.compare(pos_, tag_.size(), tag_) == 0) {
          pos_ += tag_.size() - 1;
          state_ = State::kNormal;
        }
        break;
      case State::kComment:
        if (c == '*' && next == '/') {
          pos_++;
          if (--comment_depth_ == 0) state_ = State::kNormal;
        } else if (c == '/' && next == '*') {
          pos_++;
          comment_depth_++;
        }
        break;
      case State::kNormal: break;
    }
    pos_++;
  }
  pos_ = std::min(pos_, line_.size());
  buffer.append(line_, start, pos_ - start);
}

// CREATE [OR REPLACE] FUNCTION|PROCEDURE … BEGIN ATOMIC … END: semicolons inside do not end the statement.
void Scanner::note_word(std::string_view text) {
  std::string word = lower(text);
  if (first_words_.size() < 4) first_words_.push_back(word);
  auto is = [&](size_t i, const char* w) { return i < first_words_.size() && first_words_[i] == w; };
  size_t kind = is(1, "or") && is(2, "replace") ? 3 : 1;
  if (!is(0, "create") || !(is(kind, "function") || is(kind, "procedure")) || paren_depth_ > 0) return;
  if (word == "begin") begin_depth_++;
  else if (word == "case" && begin_depth_ > 0) begin_depth_++;
  else if (word == "end" && begin_depth_ > 0) begin_depth_--;
}

// A word, or the beginning of E'…'.
bool Scanner::identifier(std::string& buffer) {
  char c = line_[pos_];
  if (!ident_start(c)) return false;
  if ((c == 'e' || c == 'E') && pos_ + 1 < line_.size() && line_[pos_ + 1] == '\'') {
    buffer.append(line_, pos_, 2);
    pos_ += 2;
    state_ = State::kEscape;
    return true;
  }
  size_t end = pos_;
  while (end < line_.size() && ident_part(line_[end])) end++;
  std::string_view word = std::string_view(line_).substr(pos_, end - pos_);
  note_word(word);
  buffer.append(word);
  pos_ = end;
  return true;
}

// At ':'. The value is put in the line in place of the reference and scanned like what the user typed.
bool Scanner::variable(std::string& buffer) {
  auto at = [&](size_t i) { return i < line_.size() ? line_[i] : '\0'; };
  if (at(pos_ + 1) == ':' || at(pos_ + 1) == '=') {
    buffer.append(line_, pos_, 2);
    pos_ += 2;
    return true;
  }
  char open = at(pos_ + 1);
  bool test = open == '{' && at(pos_ + 2) == '?';
  char close = test ? '}' : open == '\'' || open == '"' ? open : '\0';
  size_t start = pos_ + (test ? 3 : close ? 2 : 1);
  size_t end = start;
  while (end < line_.size() && variable_part(line_[end])) end++;
  if (end == start || (close && at(end) != close) || substitutions_ >= kMaxSubstitutionsPerLine) return false;
  size_t after = close ? end + 1 : end;
  std::string value;
  VariableQuote quote = close == '\'' ? VariableQuote::kLiteral : close == '"' ? VariableQuote::kIdentifier : VariableQuote::kPlain;
  bool found = lookup_(line_.substr(start, end - start), quote, value);
  if (test) {
    buffer += found ? "TRUE" : "FALSE";
    pos_ = after;
    return true;
  }
  if (!found) {
    buffer.append(line_, pos_, after - pos_);
    pos_ = after;
    return true;
  }
  if (quote != VariableQuote::kPlain) {
    buffer += value;
    pos_ = after;
    return true;
  }
  substitutions_++;
  line_.replace(pos_, after - pos_, value);
  return true;
}

ScanResult Scanner::scan(std::string& buffer, PromptState& prompt) {
  while (pos_ < line_.size()) {
    if (state_ != State::kNormal) {
      quoted(buffer);
      continue;
    }
    char c = line_[pos_];
    char next = pos_ + 1 < line_.size() ? line_[pos_ + 1] : '\0';
    if (space(c) || (c == '-' && next == '-')) {
      size_t end = c == '-' ? line_.find('\n', pos_) : pos_ + 1;
      end = std::min(end, line_.size());
      if (!buffer.empty()) buffer.append(line_, pos_, end - pos_);
      pos_ = end;
      continue;
    }
    if (identifier(buffer)) continue;
    if (c == ':' && variable(buffer)) continue;
    if (c == '\\') {
      if (next == ';' || next == ':') {
        buffer += next;
        pos_ += 2;
        if (next == ';') reset_statement();
        continue;
      }
      pos_++;
      prompt = prompt_state(buffer);
      return ScanResult::kBackslash;
    }
    if (c == ';' && paren_depth_ == 0 && begin_depth_ == 0) {
      buffer += ';';
      pos_++;
      reset_statement();
      prompt = PromptState::kReady;
      return ScanResult::kSemicolon;
    }
    if (c == '/' && next == '*') {
      state_ = State::kComment;
      comment_depth_ = 1;
      buffer += "/*";
      pos_ += 2;
      continue;
    }
    if (c == '$' && (next == '$' || ident_start(next))) {
      size_t end = pos_ + 1;
      while (end < line_.size() && ident_part(line_[end]) && line_[end] != '$') end++;
      if (end < line_.size() && line_[end] == '$') {
        tag_ = line_.substr(pos_, end + 1 - pos_);
        state_ = State::kDollar;
        buffer += tag_;
        pos_ = end + 1;
        continue;
      }
    }
    if (isdigit(static_cast<unsigned char>(c))) {
      while (pos_ < line_.size() && ident_part(line_[pos_])) buffer += line_[pos_++];
      continue;
    }
    if (c == '\'') state_ = standard_strings_ ? State::kSingle : State::kEscape;
    else if (c == '"') state_ = State::kDouble;
    else if (c == '(') paren_depth_++;
    else if (c == ')' && paren_depth_ > 0) paren_depth_--;
    buffer += c;
    pos_++;
  }
  prompt = prompt_state(buffer);
  return buffer.empty() && prompt == PromptState::kReady ? ScanResult::kEnd : ScanResult::kIncomplete;
}

}  // namespace postern::psql
