// PostgreSQL's advanced regular expressions on PCRE2: translation, a cache per thread, matching with limits.
//
// Semantics kept: newline-insensitive by default, embedded options (?i), ***= and ***: prefixes, \m \M \y \A \Z, [[:<:]], and the longest match among
// alternatives of a greedy expression (PCRE alone takes the first). Not kept: an expression that mixes greedy and non-greedy quantifiers takes each
// one's own preference (as Perl), not the first one's for the whole.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

struct RegexFlags {
  bool icase = false, global = false, literal = false, extended = false;
  bool dot_excludes_newline = false;  // n, p
  bool anchors_at_lines = false;      // n, w
};

// Characters of PostgreSQL's flags argument; throws 22023 for others.
RegexFlags parse_regex_flags(std::string_view flags);

struct RegexMatch {
  static constexpr size_t kUnset = SIZE_MAX;
  std::vector<std::pair<size_t, size_t>> groups;  // [0] is the whole match; begin, end in bytes; kUnset if it took no part
};

class Regex {
 public:
  // From this thread's cache or compiled now; throws 2201B. Valid until the next call of get() on this thread.
  static Regex& get(std::string_view pattern, RegexFlags flags);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  bool matches(std::string_view s) { return search(s, 0, nullptr); }
  // First match at or after byte `from`.
  bool search(std::string_view s, size_t from, RegexMatch* match);
  uint32_t group_count() const { return groups_; }

 private:
  Regex(std::string_view pattern, RegexFlags flags);
  void prefer_longest(std::string_view s, RegexMatch& m);
  void* code_ = nullptr;
  void* match_data_ = nullptr;
  uint32_t groups_ = 0, uses_ = 0;
  bool may_prefer_longest_ = false;
};

}  // namespace postern
