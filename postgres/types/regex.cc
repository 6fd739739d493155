#include "postgres/types/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <list>
#include <memory>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

constexpr size_t kCacheEntries = 32;
constexpr uint32_t kJitAfterUses = 64;
constexpr uint32_t kMatchLimit = 50'000'000, kDepthLimit = 100'000, kHeapLimitKb = 65'536;

[[noreturn]] void fail(std::string_view why) { throw SqlError{sqlstate::kInvalidRegularExpression, cat("invalid regular expression: ", why)}; }

// Rewrites an ARE for PCRE2.
class Translator {
 public:
  Translator(std::string_view re, RegexFlags& flags) : re_(re), flags_(flags) {}

  std::string run() {
    options();
    if (flags_.literal) return std::string(re_.substr(at_));
    bool operand = false;  // something a quantifier may follow
    while (at_ < re_.size()) {
      char c = re_[at_];
      switch (c) {
        case '\\': operand = escape(false); break;
        case '[': bracket(); operand = true; break;
        case '(': operand = false; open(); break;
        case ')': emit(c); operand = true; break;
        case '|': alternation = true; emit(c); operand = false; break;
        case '^': case '$': emit(c); operand = false; break;
        case '*': case '+': case '?': quantifier(operand); operand = false; break;
        case '{':
          if (at_ + 1 < re_.size() && re_[at_ + 1] >= '0' && re_[at_ + 1] <= '9') {
            quantifier(operand);
            operand = false;
          } else {
            out_ += "\\{";
            at_++;
            operand = true;
          }
          break;
        case '#': case ' ': case '\t': case '\n':
          if (flags_.extended) skip_extended();
          else { emit(c); operand = true; }
          break;
        default: emit(c); operand = true;
      }
    }
    return std::move(out_);
  }

  bool alternation = false, non_greedy = false, back_reference = false, look_around = false;

 private:
  void emit(char c) {
    out_ += c;
    at_++;
  }
  void options() {
    if (re_.starts_with("***=")) {
      flags_.literal = true;
      at_ = 4;
      return;
    }
    if (flags_.literal) return;
    if (re_.starts_with("***:")) at_ = 4;
    else if (re_.starts_with("***")) fail("quantifier operand invalid");
    if (re_.substr(at_).starts_with("(?") && at_ + 2 < re_.size() && isalpha(static_cast<unsigned char>(re_[at_ + 2]))) {
      size_t close = re_.find(')', at_);
      if (close == std::string_view::npos) fail("parentheses () not balanced");
      for (char c : re_.substr(at_ + 2, close - at_ - 2)) {
        switch (c) {
          case 'c': flags_.icase = false; break;
          case 'i': flags_.icase = true; break;
          case 'm': case 'n': flags_.dot_excludes_newline = flags_.anchors_at_lines = true; break;
          case 'p': flags_.dot_excludes_newline = true; flags_.anchors_at_lines = false; break;
          case 'w': flags_.dot_excludes_newline = false; flags_.anchors_at_lines = true; break;
          case 's': flags_.dot_excludes_newline = flags_.anchors_at_lines = false; break;
          case 'q': flags_.literal = true; break;
          case 'x': flags_.extended = true; break;
          case 't': case 'e': flags_.extended &= c == 'e'; break;
          default: fail("invalid embedded option");
        }
      }
      at_ = close + 1;
    }
  }
  void skip_extended() {
    if (re_[at_] == '#')
      while (at_ < re_.size() && re_[at_] != '\n') at_++;
    else at_++;
  }
  void open() {
    if (re_.substr(at_).starts_with("(?")) {
      std::string_view rest = re_.substr(at_ + 2);
      if (rest.starts_with("#")) {
        size_t close = re_.find(')', at_);
        if (close == std::string_view::npos) fail("parentheses () not balanced");
        at_ = close + 1;
        return;
      }
      for (std::string_view kind : {":", "=", "!", "<=", "<!"})
        if (rest.starts_with(kind)) {
          look_around |= kind != ":";
          append(out_, "(?", kind);
          at_ += 2 + kind.size();
          return;
        }
      fail("quantifier operand invalid");
    }
    emit('(');
  }
  void quantifier(bool operand) {
    if (!operand) fail("quantifier operand invalid");
    if (re_[at_] == '{') {
      size_t i = at_ + 1;
      int64_t n[2] = {0, 0};
      int k = 0;
      auto number = [&] { for (; i < re_.size() && isdigit(static_cast<unsigned char>(re_[i])); i++) n[k] = std::min<int64_t>(n[k] * 10 + (re_[i] - '0'), 100000); };
      number();
      bool open_ended = false;
      if (i < re_.size() && re_[i] == ',') {
        i++;
        k = 1;
        open_ended = i < re_.size() && re_[i] == '}';
        number();
      } else {
        n[1] = n[0];
      }
      if (i >= re_.size()) fail("braces {} not balanced");
      if (re_[i] != '}' || n[0] > 255 || n[1] > 255 || (!open_ended && n[0] > n[1])) fail("invalid repetition count(s)");
      out_ += re_.substr(at_, i + 1 - at_);
      at_ = i + 1;
    } else {
      emit(re_[at_]);
    }
    if (at_ < re_.size() && re_[at_] == '?') {
      non_greedy = true;
      emit('?');
    }
  }
  void literal(uint32_t c) {
    char buf[16];
    int n = snprintf(buf, sizeof buf, "\\x{%x}", c);
    out_.append(buf, static_cast<size_t>(n));
  }
  uint32_t hex(size_t most) {
    uint32_t v = 0;
    size_t n = 0;
    for (; n < most && at_ < re_.size() && isxdigit(static_cast<unsigned char>(re_[at_])); n++, at_++) {
      char c = re_[at_];
      v = v * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    if (n == 0 || (most != SIZE_MAX && n != most)) fail("invalid escape \\ sequence");
    if (v > 0x10FFFF) fail("invalid escape \\ sequence");
    return v;
  }
  // At a backslash. Returns whether a quantifier may follow.
  bool escape(bool in_bracket) {
    if (++at_ >= re_.size()) fail("invalid escape \\ sequence");
    char c = re_[at_++];
    switch (c) {
      case 'd': case 'w': case 's': case 'D': case 'W': case 'S': append(out_, '\\', c); return true;
      case 'a': literal(7); return true;
      case 'b': literal(8); return true;
      case 'B': literal('\\'); return true;
      case 'e': literal(27); return true;
      case 'f': literal(12); return true;
      case 'n': literal(10); return true;
      case 'r': literal(13); return true;
      case 't': literal(9); return true;
      case 'v': literal(11); return true;
      case 'c':
        if (at_ >= re_.size()) fail("invalid escape \\ sequence");
        literal(static_cast<uint32_t>(re_[at_++]) & 31);
        return true;
      case 'x': literal(hex(SIZE_MAX)); return true;
      case 'u': literal(hex(4)); return true;
      case 'U': literal(hex(8)); return true;
      default: break;
    }
    if (!in_bracket) {
      switch (c) {
        case 'A': out_ += "\\A"; return false;
        case 'Z': out_ += "\\z"; return false;
        case 'm': out_ += "\\b(?=\\w)"; return false;
        case 'M': out_ += "\\b(?<=\\w)"; return false;
        case 'y': out_ += "\\b"; return false;
        case 'Y': out_ += "\\B"; return false;
        default: break;
      }
    }
    if (c >= '0' && c <= '9') {
      size_t n = 1;
      while (n < 3 && at_ - 1 + n < re_.size() && isdigit(static_cast<unsigned char>(re_[at_ - 1 + n]))) n++;
      std::string_view digits = re_.substr(at_ - 1, n);
      if (c == '0' || in_bracket) {
        uint32_t v = 0;
        for (char d : digits) v = v * 8 + static_cast<uint32_t>(d - '0');
        at_ += n - 1;
        literal(v);
        return true;
      }
      append(out_, "\\g{", digits, "}");
      at_ += n - 1;
      back_reference = true;
      return true;
    }
    if (isalpha(static_cast<unsigned char>(c))) fail("invalid escape \\ sequence");
    if (static_cast<unsigned char>(c) >= 0x80) out_ += c;
    else append(out_, '\\', c);
    return true;
  }
  // At '['.
  void bracket() {
    if (re_.substr(at_).starts_with("[[:<:]]")) { out_ += "\\b(?=\\w)"; at_ += 7; return; }
    if (re_.substr(at_).starts_with("[[:>:]]")) { out_ += "\\b(?<=\\w)"; at_ += 7; return; }
    emit('[');
    bool negated = at_ < re_.size() && re_[at_] == '^';
    if (negated) emit('^');
    if (negated && flags_.dot_excludes_newline) out_ += "\\n";
    if (at_ < re_.size() && re_[at_] == ']') { out_ += "\\]"; at_++; }
    while (true) {
      if (at_ >= re_.size()) fail("brackets [] not balanced");
      char c = re_[at_];
      if (c == ']') break;
      if (c == '\\') { escape(true); continue; }
      if (c == '[' && at_ + 1 < re_.size() && (re_[at_ + 1] == ':' || re_[at_ + 1] == '.' || re_[at_ + 1] == '=')) {
        char kind = re_[at_ + 1];
        size_t close = re_.find(cat(kind, ']'), at_ + 2);
        if (close == std::string_view::npos) fail("brackets [] not balanced");
        std::string_view inner = re_.substr(at_ + 2, close - at_ - 2);
        if (kind == ':') append(out_, "[:", inner, ":]");
        else if (inner.size() == 1) append(out_, '\\', inner);
        else fail("invalid collating element");
        at_ = close + 2;
        continue;
      }
      if (c == '[') { out_ += "\\["; at_++; continue; }
      emit(c);
    }
    emit(']');
  }

  std::string_view re_;
  RegexFlags& flags_;
  size_t at_ = 0;
  std::string out_;
};

std::string_view describe(int code) {
  switch (code) {
    case 101: case 102: case 103: case 107: case 134: return "invalid escape \\ sequence";
    case 104: case 105: return "invalid repetition count(s)";
    case 106: return "brackets [] not balanced";
    case 108: case 150: return "invalid character range";
    case 109: return "quantifier operand invalid";
    case 114: case 122: return "parentheses () not balanced";
    case 115: return "invalid backreference number";
    case 130: return "invalid character class";
    case 119: case 120: case 121: case 135: case 187: return "regular expression is too complex";
    default: return {};
  }
}

struct Key {
  std::string pattern;
  uint32_t flags;
};
uint32_t flag_bits(const RegexFlags& f) {
  return static_cast<uint32_t>(f.icase | f.literal << 1 | f.extended << 2 | f.dot_excludes_newline << 3 | f.anchors_at_lines << 4);
}

// Match contexts and the DFA workspace, one per thread.
struct MatchTools {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  MatchTools() {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kDepthLimit);
    pcre2_set_heap_limit(context, kHeapLimitKb);
  }
  ~MatchTools() { pcre2_match_context_free(context); }
};
MatchTools& tools() {
  thread_local MatchTools t;
  return t;
}

PCRE2_SPTR units(std::string_view s) { return reinterpret_cast<PCRE2_SPTR>(s.data() ? s.data() : ""); }

}  // namespace

RegexFlags parse_regex_flags(std::string_view flags) {
  RegexFlags f;
  for (size_t i = 0; i < flags.size(); i++) {
    switch (flags[i]) {
      case 'g': f.global = true; break;
      case 'c': f.icase = false; break;
      case 'i': f.icase = true; break;
      case 'm': case 'n': f.dot_excludes_newline = f.anchors_at_lines = true; break;
      case 'p': f.dot_excludes_newline = true; f.anchors_at_lines = false; break;
      case 'w': f.dot_excludes_newline = false; f.anchors_at_lines = true; break;
      case 's': f.dot_excludes_newline = f.anchors_at_lines = false; break;
      case 'q': f.literal = true; break;
      case 'x': f.extended = true; break;
      case 't': f.extended = false; break;
      case 'e': f.literal = false; break;
      case 'b': throw_unsupported("basic regular expressions (option \"b\")");
      default:
        throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid regular expression option: \"", flags.substr(i, 1), "\"")};
    }
  }
  return f;
}

Regex& Regex::get(std::string_view pattern, RegexFlags flags) {
  struct Entry {
    Key key;
    std::unique_ptr<Regex> regex;
  };
  thread_local std::list<Entry> cache;  // most recent first
  uint32_t bits = flag_bits(flags);
  for (auto it = cache.begin(); it != cache.end(); ++it) {
    if (it->key.flags != bits || it->key.pattern != pattern) continue;
    if (it != cache.begin()) cache.splice(cache.begin(), cache, it);
    return *cache.front().regex;
  }
  std::unique_ptr<Regex> made(new Regex(pattern, flags));
  cache.push_front({{std::string(pattern), bits}, std::move(made)});
  if (cache.size() > kCacheEntries) cache.pop_back();
  return *cache.front().regex;
}

Regex::Regex(std::string_view pattern, RegexFlags flags) {
  Translator t(pattern, flags);
  std::string re = t.run();
  uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
  if (flags.literal) options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_LITERAL;
  else {
    if (!flags.dot_excludes_newline) options |= PCRE2_DOTALL;
    if (flags.anchors_at_lines) options |= PCRE2_MULTILINE;
  }
  if (flags.icase) options |= PCRE2_CASELESS;
  int code;
  PCRE2_SIZE where;
  auto* compiled = pcre2_compile(units(re), re.size(), options, &code, &where, nullptr);
  if (!compiled) {
    std::string_view known = describe(code);
    PCRE2_UCHAR text[200] = {};
    if (known.empty()) {
      pcre2_get_error_message(code, text, sizeof text);
      known = reinterpret_cast<const char*>(text);
    }
    fail(known);
  }
  code_ = compiled;
  match_data_ = pcre2_match_data_create_from_pattern(compiled, nullptr);
  pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups_);
  may_prefer_longest_ = t.alternation && !t.non_greedy && !t.back_reference && !t.look_around && !flags.literal;
}

Regex::~Regex() {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(match_data_));
  pcre2_code_free(static_cast<pcre2_code*>(code_));
}

bool Regex::search(std::string_view s, size_t from, RegexMatch* match) {
  auto* code = static_cast<pcre2_code*>(code_);
  auto* data = static_cast<pcre2_match_data*>(match_data_);
  if (++uses_ == kJitAfterUses) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  int rc = pcre2_match(code, units(s), s.size(), from, PCRE2_NO_UTF_CHECK, data, tools().context);
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) rc = pcre2_match(code, units(s), s.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, tools().context);
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
    throw SqlError{sqlstate::kProgramLimitExceeded, "regular expression failed: regular expression is too complex"};
  if (rc < 0) throw SqlError{sqlstate::kInvalidRegularExpression, cat("regular expression failed: error ", rc)};
  if (match) {
    PCRE2_SIZE* v = pcre2_get_ovector_pointer(data);
    match->groups.resize(groups_ + 1);
    for (uint32_t i = 0; i <= groups_; i++) match->groups[i] = {v[2 * i], v[2 * i + 1]};
    if (may_prefer_longest_) prefer_longest(s, *match);
  }
  return true;
}

// The match begins where PCRE says; extend it to the longest one from there, and get the groups of that.
void Regex::prefer_longest(std::string_view s, RegexMatch& m) {
  auto* code = static_cast<pcre2_code*>(code_);
  auto* data = static_cast<pcre2_match_data*>(match_data_);
  int workspace[1000];
  int rc = pcre2_dfa_match(code, units(s), s.size(), m.groups[0].first, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, data, tools().context, workspace, 1000);
  if (rc < 0) return;
  size_t end = pcre2_get_ovector_pointer(data)[1];
  if (end <= m.groups[0].second) return;
  rc = pcre2_match(code, units(s), end, m.groups[0].first, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NO_JIT, data, tools().context);
  if (rc < 0) {
    m.groups[0].second = end;
    return;
  }
  PCRE2_SIZE* v = pcre2_get_ovector_pointer(data);
  for (uint32_t i = 0; i <= groups_; i++) m.groups[i] = {v[2 * i], v[2 * i + 1]};
}

}  // namespace postern
