// Pattern matching in SQL: LIKE, ILIKE, SIMILAR TO, and the regular expression operators and functions.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/regex.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/string_types.h"
#include "postgres/types/utf8.h"

namespace postern {
namespace {
using sv = std::string_view;

sv result(FnContext& cx, const std::string& s) { return cx.arena->copy(sv(s)); }
size_t char_len(sv s, size_t i) { return std::min(utf8_char_len(static_cast<unsigned char>(s[i])), s.size() - i); }

// LIKE by bytes; `_` takes a character. Backtracks only to the last %.
bool like_match(sv s, sv p, bool utf8) {
  size_t i = 0, j = 0, star = sv::npos, mark = 0;
  while (i < s.size()) {
    if (j < p.size() && p[j] == '%') {
      star = ++j;
      mark = i;
      continue;
    }
    bool ok = false;
    if (j < p.size()) {
      if (p[j] == '\\') {
        if (j + 1 >= p.size()) throw SqlError{sqlstate::kInvalidEscapeSequence, "LIKE pattern must not end with escape character"};
        if (p[j + 1] == s[i]) { ok = true; j += 2; i++; }
      } else if (p[j] == '_') {
        ok = true;
        j++;
        i += utf8 ? char_len(s, i) : 1;
      } else if (p[j] == s[i]) {
        ok = true;
        j++;
        i++;
      }
    }
    if (ok) continue;
    if (star == sv::npos) return false;
    j = star;
    mark += utf8 ? char_len(s, mark) : 1;
    i = mark;
  }
  while (j < p.size() && p[j] == '%') j++;
  return j == p.size();
}
bool like(sv s, sv p) { return like_match(s, p, true); }
bool not_like(sv s, sv p) { return !like_match(s, p, true); }
bool bytea_like(sv s, sv p) { return like_match(s, p, false); }
bool bytea_not_like(sv s, sv p) { return !like_match(s, p, false); }
bool ilike(sv s, sv p) { return like_match(utf8_lower(s), utf8_lower(p), true); }
bool not_ilike(sv s, sv p) { return !ilike(s, p); }

// Rewrites a LIKE pattern with another escape character (or none) to one with backslash.
std::string like_escape_text(sv p, sv esc) {
  if (esc == "\\") return std::string(p);
  if (!esc.empty() && utf8_length(esc) != 1)
    throw SqlError{sqlstate::kInvalidEscapeSequence, "invalid escape string", {}, "Escape string must be empty or one character."};
  std::string out;
  bool after = false;
  for (size_t i = 0; i < p.size();) {
    size_t n = char_len(p, i);
    sv c = p.substr(i, n);
    i += n;
    if (!esc.empty() && c == esc && !after) {
      out += '\\';
      after = true;
    } else {
      if (c == "\\" && !after) out += '\\';
      out += c;
      after = false;
    }
  }
  return out;
}
sv like_escape(FnContext& cx, sv p, sv esc) { return result(cx, like_escape_text(p, esc)); }

// SQL99 regular expression to ARE. With two escape-double-quote separators, the middle part is captured.
std::string similar_escape_text(sv p, sv esc) {
  if (!esc.empty() && utf8_length(esc) != 1)
    throw SqlError{sqlstate::kInvalidEscapeSequence, "invalid escape string", {}, "Escape string must be empty or one character."};
  std::string out = "^(?:";
  bool after = false, in_class = false;
  int quotes = 0;
  for (size_t i = 0; i < p.size();) {
    size_t n = char_len(p, i);
    sv c = p.substr(i, n);
    i += n;
    if (after) {
      if (c == "\"" && !in_class) {
        if (quotes == 0) out += "){1,1}?(";
        else if (quotes == 1) out += "){1,1}(?:";
        else
          throw SqlError{sqlstate::kInvalidUseOfEscapeCharacter,
                         "SQL regular expression may not contain more than two escape-double-quote separators"};
        quotes++;
      } else {
        out += '\\';
        out += c;
      }
      after = false;
    } else if (!esc.empty() && c == esc) {
      after = true;
    } else if (in_class) {
      if (c == "\\") out += '\\';
      out += c;
      if (c == "]") in_class = false;
    } else if (c == "[") {
      out += c;
      in_class = true;
    } else if (c == "%") {
      out += ".*";
    } else if (c == "_") {
      out += '.';
    } else if (c == "(") {
      out += "(?:";
    } else if (c == "\\" || c == "." || c == "^" || c == "$") {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out += ")$";
}
sv similar_to_escape2(FnContext& cx, sv p, sv esc) { return result(cx, similar_escape_text(p, esc)); }
sv similar_to_escape1(FnContext& cx, sv p) { return result(cx, similar_escape_text(p, "\\")); }
NullableDatum similar_escape(FnContext& cx, NullableDatum p, NullableDatum esc) {
  if (p.null) return {};
  return {make_bytes(*cx.arena, similar_escape_text(as_view(p.value), esc.null ? sv("\\") : as_view(esc.value))), false};
}

bool re_match(sv s, sv p) { return Regex::get(p, {}).matches(s); }
bool re_not_match(sv s, sv p) { return !re_match(s, p); }
bool re_imatch(sv s, sv p) {
  RegexFlags f;
  f.icase = true;
  return Regex::get(p, f).matches(s);
}
bool re_not_imatch(sv s, sv p) { return !re_imatch(s, p); }

sv group(sv s, const RegexMatch& m, size_t i) { return s.substr(m.groups[i].first, m.groups[i].second - m.groups[i].first); }
bool took_part(const RegexMatch& m, size_t i) { return m.groups[i].first != RegexMatch::kUnset; }

// substring(text from pattern): the first group if there is one.
std::optional<sv> re_substr(sv s, sv p) {
  Regex& re = Regex::get(p, {});
  RegexMatch m;
  if (!re.search(s, 0, &m)) return std::nullopt;
  size_t g = re.group_count() ? 1 : 0;
  if (!took_part(m, g)) return std::nullopt;
  return group(s, m, g);
}
std::optional<sv> similar_substr(sv s, sv p, sv esc) { return re_substr(s, similar_escape_text(p, esc)); }

// All matches at or after byte `from`, in order; an empty match right after another match does not count.
template <class F>
void for_each_match(sv s, Regex& re, size_t from, F&& f) {
  RegexMatch m;
  size_t at = from, last_end = SIZE_MAX;
  while (at <= s.size() && re.search(s, at, &m)) {
    auto [b, e] = m.groups[0];
    if (b == e && b == last_end) {
      if (b >= s.size()) return;
      at = b + char_len(s, b);
      continue;
    }
    if (!f(m)) return;
    last_end = e;
    at = b == e ? (e < s.size() ? e + char_len(s, e) : s.size() + 1) : e;
    if (b == e) last_end = SIZE_MAX;
  }
}

void append_replacement(std::string& out, sv s, const RegexMatch& m, sv to) {
  for (size_t i = 0; i < to.size(); i++) {
    if (to[i] != '\\' || i + 1 >= to.size()) { out += to[i]; continue; }
    char c = to[++i];
    if (c >= '1' && c <= '9') {
      auto g = static_cast<size_t>(c - '0');
      if (g < m.groups.size() && took_part(m, g)) out += group(s, m, g);
    } else if (c == '&') {
      out += group(s, m, 0);
    } else if (c == '\\') {
      out += '\\';
    } else {
      out += '\\';
      out += c;
    }
  }
}
// n: replace the n-th match only; 0: all.
std::string re_replace(sv s, sv p, sv to, RegexFlags flags, int32_t start, int32_t n) {
  Regex& re = Regex::get(p, flags);
  std::string out;
  size_t copied = 0;
  int32_t seen = 0;
  for_each_match(s, re, utf8_offset(s, static_cast<size_t>(start - 1)), [&](const RegexMatch& m) {
    seen++;
    if (n && seen != n) return true;
    out += s.substr(copied, m.groups[0].first - copied);
    append_replacement(out, s, m, to);
    copied = m.groups[0].second;
    return n == 0;
  });
  out += s.substr(copied);
  return out;
}
void check_positive(sv name, int32_t v, int32_t least = 1) {
  if (v < least) throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid value for parameter \"", name, "\": ", v)};
}
sv regexp_replace3(FnContext& cx, sv s, sv p, sv to) { return result(cx, re_replace(s, p, to, {}, 1, 1)); }
sv regexp_replace4(FnContext& cx, sv s, sv p, sv to, sv flags) {
  if (!flags.empty() && flags[0] >= '0' && flags[0] <= '9')
    throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid regular expression option: \"", flags.substr(0, 1), "\""), {},
                   "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."};
  RegexFlags f = parse_regex_flags(flags);
  return result(cx, re_replace(s, p, to, f, 1, f.global ? 0 : 1));
}
sv regexp_replace6(FnContext& cx, sv s, sv p, sv to, int32_t start, int32_t n, sv flags) {
  check_positive("start", start);
  check_positive("n", n, 0);
  return result(cx, re_replace(s, p, to, parse_regex_flags(flags), start, n));
}
sv regexp_replace5(FnContext& cx, sv s, sv p, sv to, int32_t start, int32_t n) { return regexp_replace6(cx, s, p, to, start, n, ""); }
sv regexp_replace_start(FnContext& cx, sv s, sv p, sv to, int32_t start) { return regexp_replace6(cx, s, p, to, start, 1, ""); }

Datum match_array(FnContext& cx, sv s, const RegexMatch& m) {
  ArrayBuilder b(oid::kText);
  size_t first = m.groups.size() > 1 ? 1 : 0;
  for (size_t i = first; i < m.groups.size(); i++) {
    if (took_part(m, i)) b.add(make_bytes(*cx.arena, group(s, m, i)));
    else b.add_null();
  }
  return b.build(*cx.arena);
}
RegexFlags flags_without_global(sv flags, sv function, sv hint = {}) {
  RegexFlags f = parse_regex_flags(flags);
  if (f.global)
    throw SqlError{sqlstate::kInvalidParameterValue, cat(function, "() does not support the \"global\" option"), {}, std::string(hint)};
  return f;
}
std::optional<Datum> regexp_match3(FnContext& cx, sv s, sv p, sv flags) {
  RegexMatch m;
  if (!Regex::get(p, flags_without_global(flags, "regexp_match", "Use the regexp_matches function instead.")).search(s, 0, &m)) return std::nullopt;
  return match_array(cx, s, m);
}
std::optional<Datum> regexp_match2(FnContext& cx, sv s, sv p) { return regexp_match3(cx, s, p, ""); }

bool regexp_like3(sv s, sv p, sv flags) { return Regex::get(p, flags_without_global(flags, "regexp_like")).matches(s); }
bool regexp_like2(sv s, sv p) { return re_match(s, p); }

int32_t regexp_count4(sv s, sv p, int32_t start, sv flags) {
  check_positive("start", start);
  RegexFlags f = flags_without_global(flags, "regexp_count");
  int32_t n = 0;
  for_each_match(s, Regex::get(p, f), utf8_offset(s, static_cast<size_t>(start - 1)), [&](const RegexMatch&) { n++; return true; });
  return n;
}
int32_t regexp_count3(sv s, sv p, int32_t start) { return regexp_count4(s, p, start, ""); }
int32_t regexp_count2(sv s, sv p) { return regexp_count4(s, p, 1, ""); }

std::optional<RegexMatch> nth_match(sv s, sv p, int32_t start, int32_t n, RegexFlags f) {
  std::optional<RegexMatch> found;
  for_each_match(s, Regex::get(p, f), utf8_offset(s, static_cast<size_t>(start - 1)), [&](const RegexMatch& m) {
    if (--n > 0) return true;
    found = m;
    return false;
  });
  return found;
}
int32_t regexp_instr7(sv s, sv p, int32_t start, int32_t n, int32_t endoption, sv flags, int32_t subexpr) {
  check_positive("start", start);
  check_positive("n", n);
  if (endoption != 0 && endoption != 1)
    throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid value for parameter \"endoption\": ", endoption)};
  check_positive("subexpr", subexpr, 0);
  auto m = nth_match(s, p, start, n, flags_without_global(flags, "regexp_instr"));
  if (!m || static_cast<size_t>(subexpr) >= m->groups.size() || !took_part(*m, static_cast<size_t>(subexpr))) return 0;
  auto [b, e] = m->groups[static_cast<size_t>(subexpr)];
  return static_cast<int32_t>(utf8_length(s.substr(0, endoption ? e : b)) + 1);
}
int32_t regexp_instr6(sv s, sv p, int32_t start, int32_t n, int32_t e, sv f) { return regexp_instr7(s, p, start, n, e, f, 0); }
int32_t regexp_instr5(sv s, sv p, int32_t start, int32_t n, int32_t e) { return regexp_instr7(s, p, start, n, e, "", 0); }
int32_t regexp_instr4(sv s, sv p, int32_t start, int32_t n) { return regexp_instr7(s, p, start, n, 0, "", 0); }
int32_t regexp_instr3(sv s, sv p, int32_t start) { return regexp_instr7(s, p, start, 1, 0, "", 0); }
int32_t regexp_instr2(sv s, sv p) { return regexp_instr7(s, p, 1, 1, 0, "", 0); }
std::optional<sv> regexp_substr6(sv s, sv p, int32_t start, int32_t n, sv flags, int32_t subexpr) {
  check_positive("start", start);
  check_positive("n", n);
  check_positive("subexpr", subexpr, 0);
  auto m = nth_match(s, p, start, n, flags_without_global(flags, "regexp_substr"));
  if (!m || static_cast<size_t>(subexpr) >= m->groups.size() || !took_part(*m, static_cast<size_t>(subexpr))) return std::nullopt;
  return group(s, *m, static_cast<size_t>(subexpr));
}
std::optional<sv> regexp_substr5(sv s, sv p, int32_t start, int32_t n, sv f) { return regexp_substr6(s, p, start, n, f, 0); }
std::optional<sv> regexp_substr4(sv s, sv p, int32_t start, int32_t n) { return regexp_substr6(s, p, start, n, "", 0); }
std::optional<sv> regexp_substr3(sv s, sv p, int32_t start) { return regexp_substr6(s, p, start, 1, "", 0); }
std::optional<sv> regexp_substr2(sv s, sv p) { return regexp_substr6(s, p, 1, 1, "", 0); }

// The pieces between matches. Empty matches split between characters, not at the ends.
Datum split(FnContext& cx, sv s, sv p, sv flags, sv function) {
  Regex& re = Regex::get(p, flags_without_global(flags, function));
  ArrayBuilder b(oid::kText);
  size_t from = 0;
  RegexMatch m;
  size_t at = 0;
  while (at <= s.size() && re.search(s, at, &m)) {
    auto [mb, me] = m.groups[0];
    if (mb == me) {
      if (mb >= s.size()) break;
      if (mb == from) {
        at = mb + char_len(s, mb);
        if (at >= s.size()) break;
        if (!re.search(s, at, &m)) break;
        std::tie(mb, me) = m.groups[0];
        if (mb == me && mb >= s.size()) break;
      }
    }
    b.add(make_bytes(*cx.arena, s.substr(from, mb - from)));
    from = me;
    at = me;
  }
  b.add(make_bytes(*cx.arena, s.substr(from)));
  return b.build(*cx.arena);
}
Datum split_to_array3(FnContext& cx, sv s, sv p, sv flags) { return split(cx, s, p, flags, "regexp_split_to_array"); }
Datum split_to_array2(FnContext& cx, sv s, sv p) { return split_to_array3(cx, s, p, ""); }

// Rows that were computed at once.
struct DatumRows : SetFunction {
  std::vector<Datum> rows;
  size_t at = 0;
  uint32_t next(FnContext&, Vector* out, int, uint32_t max) override {
    uint32_t n = 0;
    for (; n < max && at < rows.size(); n++, at++) {
      out[0].values[n] = rows[at];
      out[0].nulls[n] = 0;
    }
    return n;
  }
};
SetFunction* regexp_matches(FnContext& cx, const NullableDatum* args, int nargs) {
  auto r = std::make_unique<DatumRows>();
  if (std::any_of(args, args + nargs, [](const NullableDatum& a) { return a.null; })) return r.release();
  sv s = as_view(args[0].value);
  RegexFlags f = parse_regex_flags(nargs > 2 ? as_view(args[2].value) : sv{});
  for_each_match(s, Regex::get(as_view(args[1].value), f), 0, [&](const RegexMatch& m) {
    r->rows.push_back(match_array(cx, s, m));
    return f.global;
  });
  return r.release();
}
SetFunction* split_to_table(FnContext& cx, const NullableDatum* args, int nargs) {
  auto r = std::make_unique<DatumRows>();
  if (std::any_of(args, args + nargs, [](const NullableDatum& a) { return a.null; })) return r.release();
  ArrayView v(split(cx, as_view(args[0].value), as_view(args[1].value), nargs > 2 ? as_view(args[2].value) : sv{}, "regexp_split_to_table"));
  for (uint32_t i = 0; i < v.count(); i++) r->rows.push_back(v.value(i));
  return r.release();
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(850, like), STRICT_FN(851, not_like), STRICT_FN(858, like), STRICT_FN(859, not_like), STRICT_FN(1569, like), STRICT_FN(1570, not_like),
    STRICT_FN(1571, like), STRICT_FN(1572, not_like), STRICT_FN(1631, like), STRICT_FN(1632, not_like), STRICT_FN(1633, ilike),
    STRICT_FN(1634, not_ilike), STRICT_FN(1635, ilike), STRICT_FN(1636, not_ilike), STRICT_FN(1660, ilike), STRICT_FN(1661, not_ilike),
    STRICT_FN(2005, bytea_like), STRICT_FN(2006, bytea_not_like), STRICT_FN(2007, bytea_like), STRICT_FN(2008, bytea_not_like),
    STRICT_FN(1637, like_escape), NULLABLE_FN(1623, similar_escape), STRICT_FN(1986, similar_to_escape2), STRICT_FN(1987, similar_to_escape1),
    STRICT_FN(79, re_match), STRICT_FN(1252, re_not_match), STRICT_FN(1240, re_imatch), STRICT_FN(1241, re_not_imatch), STRICT_FN(1254, re_match),
    STRICT_FN(1256, re_not_match), STRICT_FN(1238, re_imatch), STRICT_FN(1239, re_not_imatch), STRICT_FN(1656, re_imatch),
    STRICT_FN(1657, re_not_imatch), STRICT_FN(1658, re_match), STRICT_FN(1659, re_not_match),
    STRICT_FN(2073, re_substr), STRICT_FN(2074, similar_substr), STRICT_FN(2284, regexp_replace3), STRICT_FN(2285, regexp_replace4),
    STRICT_FN(6251, regexp_replace6), STRICT_FN(6252, regexp_replace5), STRICT_FN(6253, regexp_replace_start),
    STRICT_FN(3396, regexp_match2), STRICT_FN(3397, regexp_match3), STRICT_FN(6263, regexp_like2), STRICT_FN(6264, regexp_like3),
    STRICT_FN(6254, regexp_count2), STRICT_FN(6255, regexp_count3), STRICT_FN(6256, regexp_count4), STRICT_FN(6257, regexp_instr2),
    STRICT_FN(6258, regexp_instr3), STRICT_FN(6259, regexp_instr4), STRICT_FN(6260, regexp_instr5), STRICT_FN(6261, regexp_instr6),
    STRICT_FN(6262, regexp_instr7), STRICT_FN(6265, regexp_substr2), STRICT_FN(6266, regexp_substr3), STRICT_FN(6267, regexp_substr4),
    STRICT_FN(6268, regexp_substr5), STRICT_FN(6269, regexp_substr6), STRICT_FN(2767, split_to_array2), STRICT_FN(2768, split_to_array3),
}));
constexpr auto kSetFunctions = sorted_by_oid(std::to_array<SetFnEntry>({
    {2763, regexp_matches}, {2764, regexp_matches}, {2765, split_to_table}, {2766, split_to_table}}));

}  // namespace

constinit const FnTables kRegexFunctions{kFunctions, {}, kSetFunctions};

}  // namespace postern
