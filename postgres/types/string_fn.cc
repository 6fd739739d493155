// SQL functions over text, varchar, bpchar, name: comparison, case, cutting, padding, quoting, format(). Pattern matching is in
// regex_fn.cc; bytea, digests and uuid in bytea_fn.cc.
#include <algorithm>
#include <charconv>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/string_types.h"
#include "postgres/types/utf8.h"

namespace postern {

void append_value_text(FnContext& cx, Oid type, Datum d, std::string& out) { type_info(type).out(cx, d, out); }

std::string_view text_substring(std::string_view s, int64_t start, int64_t length, bool to_end) {
  int64_t end = to_end ? INT64_MAX : start + length;
  if (!to_end && length < 0) throw SqlError{sqlstate::kSubstringError, "negative substring length not allowed"};
  if (start < 1) start = 1;
  if (end <= start) return {};
  size_t from = utf8_offset(s, static_cast<size_t>(start - 1));
  std::string_view rest = s.substr(from);
  return to_end ? rest : rest.substr(0, utf8_offset(rest, static_cast<size_t>(end - start)));
}

namespace {
using sv = std::string_view;

sv result(FnContext& cx, const std::string& s) { return cx.arena->copy(sv(s)); }

bool text_eq(sv a, sv b) { return a == b; }
bool text_ne(sv a, sv b) { return a != b; }
bool text_lt(sv a, sv b) { return compare_bytes(a, b) < 0; }
bool text_le(sv a, sv b) { return compare_bytes(a, b) <= 0; }
bool text_gt(sv a, sv b) { return compare_bytes(a, b) > 0; }
bool text_ge(sv a, sv b) { return compare_bytes(a, b) >= 0; }
int32_t text_cmp(sv a, sv b) { return compare_bytes(a, b); }
Datum larger(Datum a, Datum b) { return compare_bytes(as_view(a), as_view(b)) >= 0 ? a : b; }
Datum smaller(Datum a, Datum b) { return compare_bytes(as_view(a), as_view(b)) <= 0 ? a : b; }
int cmp_bp(sv a, sv b) { return compare_bytes(strip_trailing_spaces(a), strip_trailing_spaces(b)); }
bool bpchar_eq(sv a, sv b) { return cmp_bp(a, b) == 0; }
bool bpchar_ne(sv a, sv b) { return cmp_bp(a, b) != 0; }
bool bpchar_lt(sv a, sv b) { return cmp_bp(a, b) < 0; }
bool bpchar_le(sv a, sv b) { return cmp_bp(a, b) <= 0; }
bool bpchar_gt(sv a, sv b) { return cmp_bp(a, b) > 0; }
bool bpchar_ge(sv a, sv b) { return cmp_bp(a, b) >= 0; }
int32_t bpchar_cmp(sv a, sv b) { return cmp_bp(a, b); }
Datum bpchar_larger(Datum a, Datum b) { return cmp_bp(as_view(a), as_view(b)) >= 0 ? a : b; }
Datum bpchar_smaller(Datum a, Datum b) { return cmp_bp(as_view(a), as_view(b)) <= 0 ? a : b; }
int32_t hash_text(sv s) { return static_cast<int32_t>(hash_bytes(s)); }
int64_t hash_text_ext(sv s, int64_t seed) { return static_cast<int64_t>(hash_bytes(s) ^ static_cast<uint64_t>(seed) * 0x9E3779B97F4A7C15ULL); }
int32_t hash_bpchar(sv s) { return hash_text(strip_trailing_spaces(s)); }
int64_t hash_bpchar_ext(sv s, int64_t seed) { return hash_text_ext(strip_trailing_spaces(s), seed); }

// Casts.
Datum identity(Datum d) { return d; }
sv bpchar_text(sv s) { return strip_trailing_spaces(s); }
sv text_name(sv s) { return utf8_clip(s, kNameMax); }
sv bpchar_name(sv s) { return strip_trailing_spaces(utf8_clip(s, kNameMax)); }
sv to_length(FnContext& cx, sv s, int32_t typmod, bool is_explicit, bool pad) {
  if (typmod < 4) return s;
  auto max = static_cast<size_t>(typmod - 4);
  size_t n = utf8_length(s);
  if (n > max) {
    size_t at = utf8_offset(s, max);
    if (!is_explicit && s.find_first_not_of(' ', at) != sv::npos)
      throw SqlError{sqlstate::kStringDataRightTruncation, cat("value too long for type character", pad ? "" : " varying", "(", max, ")")};
    return s.substr(0, at);
  }
  if (!pad || n == max) return s;
  std::string out(s);
  out.append(max - n, ' ');
  return result(cx, out);
}
sv varchar_length(FnContext& cx, sv s, int32_t typmod, bool is_explicit) { return to_length(cx, s, typmod, is_explicit, false); }
sv bpchar_length(FnContext& cx, sv s, int32_t typmod, bool is_explicit) { return to_length(cx, s, typmod, is_explicit, true); }
int8_t text_char(sv s) {
  if (s.size() == 4 && s[0] == '\\' && s[1] >= '0' && s[1] <= '3') return static_cast<int8_t>((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
  return s.empty() ? 0 : static_cast<int8_t>(s[0]);
}
sv char_text(FnContext& cx, int8_t c) {
  std::string out;
  type_info(oid::kChar).out(cx, static_cast<uint8_t>(c), out);
  return result(cx, out);
}
sv bool_text(bool b) { return b ? "true" : "false"; }
sv nameconcatoid(FnContext& cx, sv name, Oid o) {
  std::string suffix = cat('_', raw(o));
  return result(cx, cat(utf8_clip(name, kNameMax - suffix.size()), suffix));
}

// Lengths.
int32_t text_length(sv s) { return static_cast<int32_t>(utf8_length(s)); }
int32_t bpchar_len(sv s) { return static_cast<int32_t>(utf8_length(strip_trailing_spaces(s))); }
int32_t octet_length(sv s) { return static_cast<int32_t>(s.size()); }
int32_t bit_length(sv s) { return static_cast<int32_t>(s.size() * 8); }

sv concat2(FnContext& cx, sv a, sv b) {
  char* p = static_cast<char*>(cx.arena->alloc(a.size() + b.size(), 1));
  if (!a.empty()) std::memcpy(p, a.data(), a.size());
  if (!b.empty()) std::memcpy(p + a.size(), b.data(), b.size());
  return {p, a.size() + b.size()};
}
// As the cast to text, which spells booleans out.
void append_cast_text(FnContext& cx, Oid type, Datum d, std::string& out) {
  if (type == oid::kBool) out += as_bool(d) ? "true" : "false";
  else append_value_text(cx, type, d, out);
}
NullableDatum text_any_cat(FnContext& cx, NullableDatum a, NullableDatum b) {
  if (a.null || b.null) return {};
  std::string s(as_view(a.value));
  append_cast_text(cx, cx.arg_types[1], b.value, s);
  return {make_bytes(*cx.arena, s), false};
}
NullableDatum any_text_cat(FnContext& cx, NullableDatum a, NullableDatum b) {
  if (a.null || b.null) return {};
  std::string s;
  append_cast_text(cx, cx.arg_types[0], a.value, s);
  s += as_view(b.value);
  return {make_bytes(*cx.arena, s), false};
}

bool ascii_only(sv s) { return std::none_of(s.begin(), s.end(), [](char c) { return c & 0x80; }); }
sv lower(FnContext& cx, sv s) {
  if (!ascii_only(s)) return result(cx, utf8_lower(s));
  char* p = static_cast<char*>(cx.arena->alloc(s.size(), 1));
  for (size_t i = 0; i < s.size(); i++) p[i] = s[i] >= 'A' && s[i] <= 'Z' ? static_cast<char>(s[i] + 32) : s[i];
  return {p, s.size()};
}
sv upper(FnContext& cx, sv s) {
  if (!ascii_only(s)) return result(cx, utf8_upper(s));
  char* p = static_cast<char*>(cx.arena->alloc(s.size(), 1));
  for (size_t i = 0; i < s.size(); i++) p[i] = s[i] >= 'a' && s[i] <= 'z' ? static_cast<char>(s[i] - 32) : s[i];
  return {p, s.size()};
}
sv initcap(FnContext& cx, sv s) { return result(cx, utf8_initcap(s)); }

sv substr(sv s, int32_t start, int32_t length) { return text_substring(s, start, length, false); }
sv substr_to_end(sv s, int32_t start) { return text_substring(s, start, 0, true); }
int32_t strpos(sv s, sv what) {
  size_t at = s.find(what);
  return at == sv::npos ? 0 : static_cast<int32_t>(utf8_length(s.substr(0, at)) + 1);
}
sv left(sv s, int32_t n) {
  int64_t count = n >= 0 ? n : static_cast<int64_t>(utf8_length(s)) + n;
  return count <= 0 ? sv{} : s.substr(0, utf8_offset(s, static_cast<size_t>(count)));
}
sv right(sv s, int32_t n) {
  int64_t len = static_cast<int64_t>(utf8_length(s)), skip = n >= 0 ? len - n : -int64_t{n};
  return skip <= 0 ? s : s.substr(utf8_offset(s, static_cast<size_t>(skip)));
}
std::string padding(sv fill, size_t chars) {
  std::string out;
  size_t per = utf8_length(fill);
  for (; chars >= per; chars -= per) out += fill;
  out += fill.substr(0, utf8_offset(fill, chars));
  return out;
}
void check_text_size(int64_t chars) {
  if (chars > (1 << 30) / 4) throw SqlError{sqlstate::kProgramLimitExceeded, "requested length too large"};
}
sv pad(FnContext& cx, sv s, int32_t len, sv fill, bool at_left) {
  check_text_size(len);
  size_t want = len < 0 ? 0 : static_cast<size_t>(len), have = utf8_length(s);
  if (have >= want || fill.empty()) return s.substr(0, utf8_offset(s, want));
  std::string p = padding(fill, want - have);
  return result(cx, at_left ? cat(p, s) : cat(s, p));
}
sv lpad(FnContext& cx, sv s, int32_t len, sv fill) { return pad(cx, s, len, fill, true); }
sv rpad(FnContext& cx, sv s, int32_t len, sv fill) { return pad(cx, s, len, fill, false); }
sv lpad_space(FnContext& cx, sv s, int32_t len) { return pad(cx, s, len, " ", true); }
sv rpad_space(FnContext& cx, sv s, int32_t len) { return pad(cx, s, len, " ", false); }

bool in_set(sv set, sv ch) {
  for (size_t i = 0; i < set.size();) {
    size_t n = utf8_char_len(static_cast<unsigned char>(set[i]));
    if (set.substr(i, n) == ch) return true;
    i += n;
  }
  return false;
}
sv trim(sv s, sv set, bool l, bool r) {
  while (l && !s.empty()) {
    size_t n = utf8_char_len(static_cast<unsigned char>(s[0]));
    if (!in_set(set, s.substr(0, n))) break;
    s.remove_prefix(std::min(n, s.size()));
  }
  while (r && !s.empty()) {
    size_t at = s.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80) at--;
    if (!in_set(set, s.substr(at))) break;
    s = s.substr(0, at);
  }
  return s;
}
sv ltrim(sv s, sv set) { return trim(s, set, true, false); }
sv rtrim(sv s, sv set) { return trim(s, set, false, true); }
sv btrim(sv s, sv set) { return trim(s, set, true, true); }
sv ltrim1(sv s) { return trim(s, " ", true, false); }
sv rtrim1(sv s) { return trim(s, " ", false, true); }
sv btrim1(sv s) { return trim(s, " ", true, true); }

sv replace(FnContext& cx, sv s, sv from, sv to) {
  if (from.empty() || s.empty()) return s;
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = s.find(from, at)) != sv::npos; at = hit + from.size()) {
    out += s.substr(at, hit - at);
    out += to;
  }
  if (at == 0) return s;
  out += s.substr(at);
  return result(cx, out);
}
sv translate(FnContext& cx, sv s, sv from, sv to) {
  std::string out;
  for (size_t i = 0; i < s.size();) {
    size_t n = utf8_char_len(static_cast<unsigned char>(s[i]));
    sv ch = s.substr(i, n);
    i += n;
    size_t k = 0, f = 0;
    bool found = false;
    for (; f < from.size(); k++) {
      size_t m = utf8_char_len(static_cast<unsigned char>(from[f]));
      if (from.substr(f, m) == ch) { found = true; break; }
      f += m;
    }
    if (!found) { out += ch; continue; }
    size_t t = utf8_offset(to, k);
    if (t < to.size()) out += to.substr(t, utf8_char_len(static_cast<unsigned char>(to[t])));
  }
  return result(cx, out);
}
sv repeat(FnContext& cx, sv s, int32_t n) {
  if (n <= 0 || s.empty()) return {};
  if (static_cast<int64_t>(s.size()) * n > (1 << 30) - 5) throw SqlError{sqlstate::kProgramLimitExceeded, "requested length too large"};
  size_t total = s.size() * static_cast<size_t>(n);
  char* p = static_cast<char*>(cx.arena->alloc(total, 1));
  for (size_t i = 0; i < total; i += s.size()) std::memcpy(p + i, s.data(), s.size());
  return {p, total};
}
sv reverse(FnContext& cx, sv s) {
  char* p = static_cast<char*>(cx.arena->alloc(s.size(), 1));
  size_t end = s.size();
  for (size_t i = 0; i < s.size();) {
    size_t n = std::min(utf8_char_len(static_cast<unsigned char>(s[i])), s.size() - i);
    end -= n;
    std::memcpy(p + end, s.data() + i, n);
    i += n;
  }
  return {p, s.size()};
}
sv split_part(sv s, sv sep, int32_t field) {
  if (field == 0) throw SqlError{sqlstate::kInvalidParameterValue, "field position must not be zero"};
  if (s.empty()) return {};
  if (sep.empty()) return field == 1 || field == -1 ? s : sv{};
  if (field < 0) {
    for (;;) {
      size_t at = s.rfind(sep);
      if (++field == 0) return at == sv::npos ? s : s.substr(at + sep.size());
      if (at == sv::npos) return {};
      s = s.substr(0, at);
    }
  }
  for (;;) {
    size_t at = s.find(sep);
    if (--field == 0) return s.substr(0, at);
    if (at == sv::npos) return {};
    s.remove_prefix(at + sep.size());
  }
}
bool starts_with(sv s, sv prefix) { return s.starts_with(prefix); }
int32_t ascii(sv s) {
  size_t at = 0;
  return s.empty() ? 0 : static_cast<int32_t>(utf8_decode(s, &at));
}
sv chr(FnContext& cx, int32_t c) {
  if (c == 0) throw SqlError{sqlstate::kProgramLimitExceeded, "null character not permitted"};
  if (c < 0) throw SqlError{sqlstate::kInvalidParameterValue, "character number must be positive"};
  if (c > 0x10FFFF) throw SqlError{sqlstate::kProgramLimitExceeded, cat("requested character too large for encoding: ", c)};
  if (c >= 0xD800 && c <= 0xDFFF) throw SqlError{sqlstate::kProgramLimitExceeded, cat("requested character not valid for encoding: ", c)};
  std::string out;
  utf8_append(out, static_cast<char32_t>(c));
  return result(cx, out);
}
sv overlay(FnContext& cx, sv s, sv with, int32_t start, int32_t length) {
  if (start <= 0) throw SqlError{sqlstate::kSubstringError, "negative substring length not allowed"};
  int64_t after = int64_t{start} + length;
  if (after > INT32_MAX) throw SqlError{sqlstate::kNumericValueOutOfRange, "integer out of range"};
  return result(cx, cat(text_substring(s, 1, start - 1, false), with, text_substring(s, after, 0, true)));
}
sv overlay_no_len(FnContext& cx, sv s, sv with, int32_t start) { return overlay(cx, s, with, start, text_length(with)); }

sv quote_ident(FnContext& cx, sv s) { return result(cx, quote_identifier(s)); }
sv quote_lit(FnContext& cx, sv s) { return result(cx, quote_literal(s)); }
NullableDatum quote_nullable(FnContext& cx, NullableDatum a) {
  return {make_bytes(*cx.arena, a.null ? std::string("NULL") : quote_literal(as_view(a.value))), false};
}
NullableDatum quote_literal_any(FnContext& cx, NullableDatum a) {
  if (a.null) return {};
  std::string s;
  append_value_text(cx, cx.arg_types[0], a.value, s);
  return {make_bytes(*cx.arena, quote_literal(s)), false};
}
NullableDatum quote_nullable_any(FnContext& cx, NullableDatum a) {
  return a.null ? NullableDatum{make_bytes(*cx.arena, "NULL"), false} : quote_literal_any(cx, a);
}

// VARIADIC "any": cx.arg_types has the type of each argument.
NullableDatum concat(FnContext& cx, std::span<const NullableDatum> args) {
  std::string out;
  for (size_t i = 0; i < args.size(); i++)
    if (!args[i].null) append_value_text(cx, cx.arg_types[i], args[i].value, out);
  return {make_bytes(*cx.arena, out), false};
}
NullableDatum concat_ws(FnContext& cx, std::span<const NullableDatum> args) {
  if (args.empty() || args[0].null) return {};
  std::string out;
  bool first = true;
  for (size_t i = 1; i < args.size(); i++) {
    if (args[i].null) continue;
    if (!first) out += as_view(args[0].value);
    first = false;
    append_value_text(cx, cx.arg_types[i], args[i].value, out);
  }
  return {make_bytes(*cx.arena, out), false};
}

// format(): one conversion specification %[position$][flags][width]type.
struct FormatSpec {
  int position = -1, width_position = -1, width = 0;
  bool left = false, width_from_arg = false;
  char type = 0;
};
int format_number(sv f, size_t* i) {
  int64_t n = 0;
  while (*i < f.size() && f[*i] >= '0' && f[*i] <= '9') {
    n = n * 10 + (f[*i] - '0');
    if (n > INT32_MAX) throw SqlError{sqlstate::kNumericValueOutOfRange, "number is out of range"};
    ++*i;
  }
  if (*i >= f.size()) throw SqlError{sqlstate::kInvalidParameterValue, "unterminated format() type specifier", {}, "For a single \"%\" use \"%%\"."};
  return static_cast<int>(n);
}
void check_position(int n) {
  if (n == 0) throw SqlError{sqlstate::kInvalidParameterValue, "format specifies argument 0, but arguments are numbered from 1"};
}
FormatSpec parse_format_spec(sv f, size_t* i) {
  FormatSpec s;
  auto at_end = [&] {
    if (*i >= f.size()) throw SqlError{sqlstate::kInvalidParameterValue, "unterminated format() type specifier", {}, "For a single \"%\" use \"%%\"."};
  };
  at_end();
  bool have_width = false;
  if (f[*i] >= '0' && f[*i] <= '9') {
    int n = format_number(f, i);
    if (f[*i] == '$') {
      check_position(n);
      s.position = n;
      ++*i;
      at_end();
    } else {
      s.width = n;
      have_width = true;
    }
  }
  if (!have_width) {
    while (f[*i] == '-') {
      s.left = true;
      ++*i;
      at_end();
    }
    if (f[*i] == '*') {
      s.width_from_arg = true;
      ++*i;
      at_end();
      if (f[*i] >= '0' && f[*i] <= '9') {
        int n = format_number(f, i);
        if (f[*i] != '$') throw SqlError{sqlstate::kInvalidParameterValue, "width argument position must be ended by \"$\""};
        check_position(n);
        s.width_position = n;
        ++*i;
        at_end();
      }
    } else if (f[*i] >= '0' && f[*i] <= '9') {
      s.width = format_number(f, i);
    }
  }
  s.type = f[*i];
  return s;
}
void append_padded(std::string& out, sv s, int width, bool left) {
  if (width < 0) {
    left = true;
    width = -width;
  }
  auto have = static_cast<int>(utf8_length(s));
  size_t pad_by = have < width ? static_cast<size_t>(width - have) : 0;
  if (!left) out.append(pad_by, ' ');
  out += s;
  if (left) out.append(pad_by, ' ');
}
NullableDatum format(FnContext& cx, std::span<const NullableDatum> args) {
  if (args.empty() || args[0].null) return {};
  sv f = as_view(args[0].value);
  std::string out;
  size_t next = 1;
  auto arg_at = [&](int position) -> size_t {
    size_t n = position > 0 ? static_cast<size_t>(position) : next;
    if (n >= args.size()) throw SqlError{sqlstate::kInvalidParameterValue, "too few arguments for format()"};
    next = n + 1;
    return n;
  };
  for (size_t i = 0; i < f.size(); i++) {
    if (f[i] != '%') { out += f[i]; continue; }
    i++;
    if (i < f.size() && f[i] == '%') { out += '%'; continue; }
    FormatSpec s = parse_format_spec(f, &i);
    if (s.type != 's' && s.type != 'I' && s.type != 'L')
      throw SqlError{sqlstate::kInvalidParameterValue,
                     cat("unrecognized format() type specifier \"", f.substr(i, utf8_char_len(static_cast<unsigned char>(f[i]))), "\""), {},
                     "For a single \"%\" use \"%%\"."};
    if (s.width_from_arg) {
      size_t w = arg_at(s.width_position);
      if (!args[w].null) {
        std::string text;
        append_value_text(cx, cx.arg_types[w], args[w].value, text);
        s.width = as_int4(type_info(oid::kInt4).in(cx, text, -1));
      }
    }
    size_t n = arg_at(s.position);
    std::string text;
    if (!args[n].null) append_value_text(cx, cx.arg_types[n], args[n].value, text);
    if (s.type == 'I') {
      if (args[n].null) throw SqlError{sqlstate::kNullValueNotAllowed, "null values cannot be formatted as an SQL identifier"};
      text = quote_identifier(text);
    } else if (s.type == 'L') {
      text = args[n].null ? "NULL" : quote_literal(text);
    }
    append_padded(out, text, s.width, s.left);
  }
  return {make_bytes(*cx.arena, out), false};
}

// string_to_array and string_to_table: the pieces, in order. null_string may be absent.
void split_text(NullableDatum s, NullableDatum sep, NullableDatum null_string, ArrayBuilder& b, Arena& arena) {
  sv text = as_view(s.value);
  if (text.empty()) return;
  auto add = [&](sv piece) {
    if (!null_string.null && piece == as_view(null_string.value)) b.add_null();
    else b.add(make_bytes(arena, piece));
  };
  if (sep.null) {
    for (size_t i = 0; i < text.size();) {
      size_t n = utf8_char_len(static_cast<unsigned char>(text[i]));
      add(text.substr(i, n));
      i += n;
    }
    return;
  }
  sv d = as_view(sep.value);
  if (d.empty()) return add(text);
  for (;;) {
    size_t at = text.find(d);
    add(text.substr(0, at));
    if (at == sv::npos) return;
    text.remove_prefix(at + d.size());
  }
}
NullableDatum string_to_array3(FnContext& cx, NullableDatum s, NullableDatum sep, NullableDatum null_string) {
  if (s.null) return {};
  ArrayBuilder b(oid::kText);
  split_text(s, sep, null_string, b, *cx.arena);
  return {b.build(*cx.arena), false};
}
NullableDatum string_to_array2(FnContext& cx, NullableDatum s, NullableDatum sep) { return string_to_array3(cx, s, sep, {}); }

NullableDatum array_to_string3(FnContext& cx, NullableDatum array, NullableDatum sep, NullableDatum null_string) {
  if (array.null || sep.null) return {};
  ArrayView v(array.value);
  std::string out;
  bool first = true;
  for (uint32_t i = 0; i < v.count(); i++) {
    if (v.null(i) && null_string.null) continue;
    if (!first) out += as_view(sep.value);
    first = false;
    if (v.null(i)) out += as_view(null_string.value);
    else append_value_text(cx, v.elem_type(), v.value(i), out);
  }
  return {make_bytes(*cx.arena, out), false};
}
NullableDatum array_to_string2(FnContext& cx, NullableDatum array, NullableDatum sep) { return array_to_string3(cx, array, sep, {}); }

struct SplitRows : SetFunction {
  Datum array = 0;
  uint32_t at = 0;
  bool empty = true;
  uint32_t next(FnContext&, Vector* out, int, uint32_t max) override {
    if (empty) return 0;
    ArrayView v(array);
    uint32_t n = 0;
    for (; n < max && at < v.count(); n++, at++) {
      NullableDatum d = v.at(at);
      out[0].values[n] = d.value;
      out[0].nulls[n] = d.null;
    }
    return n;
  }
};
SetFunction* string_to_table(FnContext& cx, const NullableDatum* args, int nargs) {
  auto* r = new SplitRows;
  if (args[0].null) return r;
  NullableDatum array = string_to_array3(cx, args[0], args[1], nargs > 2 ? args[2] : NullableDatum{});
  r->array = array.value;
  r->empty = false;
  return r;
}

Datum parse_ident(FnContext& cx, sv s, bool strict) {
  ArrayBuilder b(oid::kText);
  sv t = s;
  auto skip = [&] { while (!t.empty() && isspace(static_cast<unsigned char>(t[0]))) t.remove_prefix(1); };
  auto fail = [&](std::string detail) {
    throw SqlError{sqlstate::kInvalidParameterValue, cat("string is not a valid identifier: \"", s, "\""), std::move(detail)};
  };
  skip();
  for (bool after_dot = false;; after_dot = true) {
    if (!t.empty() && t[0] == '"') {
      std::string id;
      size_t i = 1;
      for (;; i++) {
        if (i >= t.size()) fail("String has unclosed double quotes.");
        if (t[i] == '"') {
          if (i + 1 < t.size() && t[i + 1] == '"') i++;
          else break;
        }
        id += t[i];
      }
      if (id.empty()) fail("Quoted identifier must not be empty.");
      b.add(make_bytes(*cx.arena, id));
      t.remove_prefix(i + 1);
    } else {
      auto start = [](unsigned char c) { return isalpha(c) || c == '_' || c >= 0x80; };
      if (t.empty() || !start(static_cast<unsigned char>(t[0]))) {
        if (after_dot) fail("No valid identifier after \".\".");
        if (!t.empty() && t[0] == '.') fail("No valid identifier before \".\".");
        fail({});
      }
      size_t n = 1;
      while (n < t.size() && (start(static_cast<unsigned char>(t[n])) || isdigit(static_cast<unsigned char>(t[n])) || t[n] == '$')) n++;
      std::string id(t.substr(0, n));
      for (char& c : id)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      b.add(make_bytes(*cx.arena, id));
      t.remove_prefix(n);
    }
    skip();
    if (t.empty()) break;
    if (t[0] != '.') {
      if (strict) fail({});
      break;
    }
    t.remove_prefix(1);
    skip();
  }
  return b.build(*cx.arena);
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(67, text_eq), STRICT_FN(157, text_ne), STRICT_FN(740, text_lt), STRICT_FN(741, text_le), STRICT_FN(742, text_gt), STRICT_FN(743, text_ge),
    STRICT_FN(360, text_cmp), STRICT_FN(458, larger), STRICT_FN(459, smaller), STRICT_FN(400, hash_text), STRICT_FN(448, hash_text_ext),
    STRICT_FN(62, text_eq), STRICT_FN(659, text_ne), STRICT_FN(655, text_lt), STRICT_FN(656, text_le), STRICT_FN(657, text_gt), STRICT_FN(658, text_ge),
    STRICT_FN(359, text_cmp), STRICT_FN(455, hash_text), STRICT_FN(447, hash_text_ext),
    STRICT_FN(240, text_eq), STRICT_FN(241, text_lt), STRICT_FN(242, text_le), STRICT_FN(243, text_ge), STRICT_FN(244, text_gt), STRICT_FN(245, text_ne),
    STRICT_FN(246, text_cmp), STRICT_FN(247, text_eq), STRICT_FN(248, text_lt), STRICT_FN(249, text_le), STRICT_FN(250, text_ge), STRICT_FN(251, text_gt),
    STRICT_FN(252, text_ne), STRICT_FN(253, text_cmp),
    STRICT_FN(2160, text_lt), STRICT_FN(2161, text_le), STRICT_FN(2163, text_ge), STRICT_FN(2164, text_gt), STRICT_FN(2166, text_cmp),
    STRICT_FN(1048, bpchar_eq), STRICT_FN(1049, bpchar_lt), STRICT_FN(1050, bpchar_le), STRICT_FN(1051, bpchar_gt), STRICT_FN(1052, bpchar_ge),
    STRICT_FN(1053, bpchar_ne), STRICT_FN(1078, bpchar_cmp), STRICT_FN(1063, bpchar_larger), STRICT_FN(1064, bpchar_smaller),
    STRICT_FN(1080, hash_bpchar), STRICT_FN(972, hash_bpchar_ext), STRICT_FN(2174, bpchar_lt), STRICT_FN(2175, bpchar_le),
    STRICT_FN(2177, bpchar_ge), STRICT_FN(2178, bpchar_gt), STRICT_FN(2180, bpchar_cmp),
    STRICT_FN(401, bpchar_text), STRICT_FN(406, identity), STRICT_FN(407, text_name), STRICT_FN(408, identity), STRICT_FN(409, bpchar_name),
    STRICT_FN(1400, text_name), STRICT_FN(1401, identity), STRICT_FN(668, bpchar_length), STRICT_FN(669, varchar_length),
    STRICT_FN(944, text_char), STRICT_FN(946, char_text), STRICT_FN(860, char_text), STRICT_FN(2971, bool_text), STRICT_FN(266, nameconcatoid),
    STRICT_FN(1257, text_length), STRICT_FN(1317, text_length), STRICT_FN(1369, text_length), STRICT_FN(1381, text_length),
    STRICT_FN(1318, bpchar_len), STRICT_FN(1367, bpchar_len), STRICT_FN(1372, bpchar_len), STRICT_FN(1374, octet_length), STRICT_FN(1375, octet_length),
    STRICT_FN(1811, bit_length), STRICT_FN(1258, concat2), NULLABLE_FN(2003, text_any_cat), NULLABLE_FN(2004, any_text_cat),
    STRICT_FN(870, lower), STRICT_FN(871, upper), STRICT_FN(872, initcap), STRICT_FN(877, substr), STRICT_FN(883, substr_to_end),
    STRICT_FN(936, substr), STRICT_FN(937, substr_to_end), STRICT_FN(849, strpos), STRICT_FN(868, strpos), STRICT_FN(3060, left), STRICT_FN(3061, right),
    STRICT_FN(873, lpad), STRICT_FN(874, rpad), STRICT_FN(879, lpad_space), STRICT_FN(880, rpad_space), STRICT_FN(875, ltrim), STRICT_FN(876, rtrim),
    STRICT_FN(884, btrim), STRICT_FN(881, ltrim1), STRICT_FN(882, rtrim1), STRICT_FN(885, btrim1), STRICT_FN(2087, replace), STRICT_FN(878, translate),
    STRICT_FN(1622, repeat), STRICT_FN(3062, reverse), STRICT_FN(2088, split_part), STRICT_FN(3696, starts_with), STRICT_FN(1620, ascii),
    STRICT_FN(1621, chr), STRICT_FN(1404, overlay), STRICT_FN(1405, overlay_no_len), STRICT_FN(1282, quote_ident), STRICT_FN(1283, quote_lit),
    NULLABLE_FN(1285, quote_literal_any), NULLABLE_FN(1289, quote_nullable), NULLABLE_FN(1290, quote_nullable_any),
    VARIADIC_FN(3058, concat), VARIADIC_FN(3059, concat_ws), VARIADIC_FN(3539, format), VARIADIC_FN(3540, format),
    NULLABLE_FN(376, string_to_array3), NULLABLE_FN(394, string_to_array2), NULLABLE_FN(384, array_to_string3), NULLABLE_FN(395, array_to_string2),
    STRICT_FN(1268, parse_ident),
}));
constexpr auto kSetFunctions = sorted_by_oid(std::to_array<SetFnEntry>({{6160, string_to_table}, {6161, string_to_table}}));

}  // namespace

constinit const FnTables kStringFunctions{kFunctions, {}, kSetFunctions};

}  // namespace postern
