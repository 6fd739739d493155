#include "postgres/types/json.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/datetime.h"
#include "postgres/types/record.h"
#include "postgres/types/type_info.h"
#include "postgres/types/utf8.h"

namespace postern {
namespace {
using sv = std::string_view;

bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool word_char(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80); }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Validator {
 public:
  explicit Validator(sv s) : s_(s) {}
  void run() {
    next();
    value(0);
    if (token_ != 0) fail_expected("Expected end of input");
  }

 private:
  // token_: 0 end, one of { } [ ] , : for punctuation, 's' string, 'n' number, 'w' true/false/null.
  [[noreturn]] void fail(std::string detail, size_t shown_to) const {
    size_t from = std::min(start_, s_.size());
    size_t line = 1 + static_cast<size_t>(std::count(s_.begin(), s_.begin() + static_cast<std::ptrdiff_t>(from), '\n'));
    size_t line_start = from ? s_.rfind('\n', from - 1) : sv::npos;
    line_start = line_start == sv::npos ? 0 : line_start + 1;
    size_t context = line_start;
    if (shown_to - context >= 50) {
      context = shown_to - 50;
      while (context < shown_to && (static_cast<unsigned char>(s_[context]) & 0xC0) == 0x80) context++;
      if (context - line_start <= 3) context = line_start;
    }
    bool more = shown_to < s_.size() && s_[shown_to] != '\n' && s_[shown_to] != '\r';
    SqlError e{sqlstate::kInvalidTextRepresentation, "invalid input syntax for type json", std::move(detail)};
    e.where = cat("JSON data, line ", line, ": ", context > line_start ? "..." : "", s_.substr(context, shown_to - context), more ? "..." : "");
    throw e;
  }
  [[noreturn]] void fail_expected(sv what) const {
    if (token_ == 0) fail("The input string ended unexpectedly.", s_.size());
    fail(cat(what, ", but found \"", s_.substr(start_, end_ - start_), "\"."), end_);
  }
  [[noreturn]] void fail_token() const { fail(cat("Token \"", s_.substr(start_, end_ - start_), "\" is invalid."), end_); }

  void next() {
    size_t i = end_;
    while (i < s_.size() && space(s_[i])) i++;
    start_ = i;
    if (i >= s_.size()) {
      token_ = 0;
      end_ = i;
      return;
    }
    char c = s_[i];
    switch (c) {
      case '{': case '}': case '[': case ']': case ',': case ':':
        token_ = c;
        end_ = i + 1;
        return;
      case '"':
        string();
        return;
      default: break;
    }
    if (c == '-' || digit(c)) return number();
    end_ = i;
    while (end_ < s_.size() && word_char(s_[end_])) end_++;
    if (end_ == i) {
      end_ = i + 1;
      fail_token();
    }
    sv w = s_.substr(i, end_ - i);
    if (w != "true" && w != "false" && w != "null") fail_token();
    token_ = 'w';
  }
  void string() {
    size_t i = start_ + 1;
    for (;; i++) {
      if (i >= s_.size()) {
        end_ = s_.size();
        fail_token();
      }
      auto c = static_cast<unsigned char>(s_[i]);
      if (c == '"') break;
      if (c < 0x20) {
        char buf[60];
        snprintf(buf, sizeof buf, "Character with value 0x%02x must be escaped.", c);
        fail(buf, i);
      }
      if (c != '\\') continue;
      if (++i >= s_.size()) {
        end_ = s_.size();
        fail_token();
      }
      if (s_[i] == 'u') {
        for (int k = 0; k < 4; k++) {
          if (++i >= s_.size()) {
            end_ = s_.size();
            fail_token();
          }
          if (!hex(s_[i])) fail("\"\\u\" must be followed by four hexadecimal digits.", i + utf8_char_len(static_cast<unsigned char>(s_[i])));
        }
      } else if (sv("\"\\/bfnrt").find(s_[i]) == sv::npos) {
        size_t n = utf8_char_len(static_cast<unsigned char>(s_[i]));
        fail(cat("Escape sequence \"\\", s_.substr(i, n), "\" is invalid."), i + n);
      }
    }
    token_ = 's';
    end_ = i + 1;
  }
  void number() {
    size_t i = start_;
    bool ok = true;
    if (s_[i] == '-') i++;
    if (i < s_.size() && s_[i] == '0') i++;
    else {
      ok = i < s_.size() && digit(s_[i]);
      while (i < s_.size() && digit(s_[i])) i++;
    }
    if (ok && i < s_.size() && s_[i] == '.') {
      i++;
      ok = i < s_.size() && digit(s_[i]);
      while (i < s_.size() && digit(s_[i])) i++;
    }
    if (ok && i < s_.size() && (s_[i] == 'e' || s_[i] == 'E')) {
      i++;
      if (i < s_.size() && (s_[i] == '+' || s_[i] == '-')) i++;
      ok = i < s_.size() && digit(s_[i]);
      while (i < s_.size() && digit(s_[i])) i++;
    }
    while (i < s_.size() && word_char(s_[i])) {
      ok = false;
      i++;
    }
    end_ = i;
    if (!ok) fail_token();
    token_ = 'n';
  }

  void value(int depth) {
    if (depth > kJsonMaxDepth)
      throw SqlError{sqlstate::kStatementTooComplex, "stack depth limit exceeded", {}, "The JSON value is nested too deep."};
    switch (token_) {
      case 's': case 'n': case 'w': return next();
      case '[':
        next();
        if (token_ == ']') return next();
        for (;;) {
          value(depth + 1);
          if (token_ == ']') return next();
          if (token_ != ',') fail_expected("Expected \",\" or \"]\"");
          next();
        }
      case '{':
        next();
        if (token_ == '}') return next();
        if (token_ != 's') fail_expected("Expected string or \"}\"");
        for (;;) {
          if (token_ != 's') fail_expected("Expected string");
          next();
          if (token_ != ':') fail_expected("Expected \":\"");
          next();
          value(depth + 1);
          if (token_ == '}') return next();
          if (token_ != ',') fail_expected("Expected \",\" or \"}\"");
          next();
        }
      default: fail_expected("Expected JSON value");
    }
  }

  sv s_;
  size_t start_ = 0, end_ = 0;
  char token_ = 0;
};

// End of the string that starts at s[i] (a quote).
size_t string_end(sv s, size_t i) {
  for (i++; s[i] != '"'; i++)
    if (s[i] == '\\') i++;
  return i + 1;
}
size_t skip_space(sv s, size_t i) {
  while (i < s.size() && space(s[i])) i++;
  return i;
}
// End of the value at s[i].
size_t value_end(sv s, size_t i) {
  if (s[i] == '"') return string_end(s, i);
  if (s[i] == '{' || s[i] == '[') {
    int depth = 0;
    for (;;) {
      char c = s[i];
      if (c == '"') { i = string_end(s, i); continue; }
      if (c == '{' || c == '[') depth++;
      if (c == '}' || c == ']') depth--;
      i++;
      if (depth == 0) return i;
    }
  }
  while (i < s.size() && !space(s[i]) && s[i] != ',' && s[i] != ']' && s[i] != '}') i++;
  return i;
}
JsonKind kind_of(char c) {
  switch (c) {
    case '{': return JsonKind::kObject;
    case '[': return JsonKind::kArray;
    case '"': return JsonKind::kString;
    case 't': case 'f': return JsonKind::kBool;
    case 'n': return JsonKind::kNull;
    default: return JsonKind::kNumber;
  }
}
}  // namespace

void json_validate(sv s) { Validator(s).run(); }

JsonValue json_value(sv s) {
  size_t i = skip_space(s, 0);
  return {kind_of(s[i]), s.substr(i, value_end(s, i) - i)};
}
std::vector<JsonMember> json_members(sv s) {
  std::vector<JsonMember> out;
  size_t i = skip_space(s, 1);
  while (s[i] != '}') {
    size_t e = string_end(s, i);
    sv raw = s.substr(i, e - i);
    i = skip_space(s, skip_space(s, e) + 1);
    e = value_end(s, i);
    out.push_back({json_unescape(raw), raw, {kind_of(s[i]), s.substr(i, e - i)}});
    i = skip_space(s, e);
    if (s[i] == ',') i = skip_space(s, i + 1);
  }
  return out;
}
std::vector<JsonValue> json_elements(sv s) {
  std::vector<JsonValue> out;
  size_t i = skip_space(s, 1);
  while (s[i] != ']') {
    size_t e = value_end(s, i);
    out.push_back({kind_of(s[i]), s.substr(i, e - i)});
    i = skip_space(s, e);
    if (s[i] == ',') i = skip_space(s, i + 1);
  }
  return out;
}

std::string json_unescape(sv q) {
  std::string out;
  auto hex4 = [&](size_t i) {
    char32_t v = 0;
    for (size_t k = 0; k < 4; k++) {
      char c = q[i + k];
      v = v * 16 + static_cast<char32_t>(digit(c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
  };
  auto fail = [](std::string detail) { throw SqlError{sqlstate::kInvalidTextRepresentation, "invalid input syntax for type json", std::move(detail)}; };
  for (size_t i = 1; i + 1 < q.size(); i++) {
    if (q[i] != '\\') { out += q[i]; continue; }
    switch (q[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        char32_t c = hex4(i + 1);
        i += 4;
        if (c == 0) throw SqlError{sqlstate::kUntranslatableCharacter, "unsupported Unicode escape sequence", "\\u0000 cannot be converted to text."};
        if (c >= 0xDC00 && c <= 0xDFFF) fail("Unicode low surrogate must follow a high surrogate.");
        if (c >= 0xD800 && c <= 0xDBFF) {
          if (i + 6 >= q.size() || q[i + 1] != '\\' || q[i + 2] != 'u') fail("Unicode low surrogate must follow a high surrogate.");
          char32_t low = hex4(i + 3);
          if (low < 0xDC00 || low > 0xDFFF) fail("Unicode low surrogate must follow a high surrogate.");
          c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
          i += 6;
        }
        utf8_append(out, c);
        break;
      }
      default: out += q[i];
    }
  }
  return out;
}

void append_json_string(std::string& out, sv s) {
  out += '"';
  for (char c : s) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char buf[8];
          snprintf(buf, sizeof buf, "\\u%04x", c);
          out += buf;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

namespace {
void append_json_array(FnContext& cx, std::string& out, const ArrayView& v, int level, uint32_t& i, bool pretty) {
  out += '[';
  for (int32_t k = 0; k < v.dims()[level]; k++) {
    if (k) out += pretty && level == 0 ? ",\n " : ",";
    if (level + 1 < v.ndim()) append_json_array(cx, out, v, level + 1, i, pretty);
    else {
      append_json_value(cx, out, v.elem_type(), v.at(i), false);
      i++;
    }
  }
  out += ']';
}
// ISO 8601 with T, whatever DateStyle says.
void append_json_time(FnContext& cx, std::string& out, Oid type, Datum d) {
  TimeSettings iso = settings_of(cx);
  iso.style = DateStyle::kIso;
  std::string s;
  if (type == oid::kDate) append_date(s, as_int4(d), iso);
  else if (type == oid::kTimestamp) append_timestamp(s, as_int8(d), iso);
  else {
    append_timestamptz(s, as_int8(d), iso);
    // The offset always has minutes here.
    size_t sign = s.find_last_of("+-");
    size_t era = s.find(" BC");
    size_t end = era == std::string::npos ? s.size() : era;
    if (sign != std::string::npos && sign > 10 && end - sign == 3) s.insert(end, ":00");
  }
  size_t blank = s.find(' ');
  if (type != oid::kDate && blank != std::string::npos && s[0] != '-') s[blank] = 'T';
  append_json_string(out, s);
}
}  // namespace

void append_json_value(FnContext& cx, std::string& out, Oid type, NullableDatum v, bool pretty) {
  if (v.null) {
    out += "null";
    return;
  }
  const TypeInfo& t = type_info(type);
  switch (raw(type)) {
    case 16: out += as_bool(v.value) ? "true" : "false"; return;
    case 20: case 21: case 23: case 700: case 701: case 1700: {
      std::string s;
      t.out(cx, v.value, s);
      if (s.find_first_of("IN") != std::string::npos) append_json_string(out, s);
      else out += s;
      return;
    }
    case 114: out += as_view(v.value); return;
    case 1082: case 1114: case 1184: append_json_time(cx, out, type, v.value); return;
    default: break;
  }
  if (t.oid == oid::kRecord) {
    RecordView r(v.value);
    out += '{';
    for (uint32_t i = 0; i < r.count(); i++) {
      if (i) out += pretty ? ",\n " : ",";
      if (r.name(i).empty()) append(out, "\"f", i + 1, '"');
      else append_json_string(out, r.name(i));
      out += ':';
      append_json_value(cx, out, r.type(i), r.field(i), false);
    }
    out += '}';
    return;
  }
  if (t.category == 'A' && raw(t.elem)) {
    ArrayView a(v.value);
    uint32_t i = 0;
    if (a.ndim() == 0) out += "[]";
    else append_json_array(cx, out, a, 0, i, pretty);
    return;
  }
  std::string s;
  t.out(cx, v.value, s);
  append_json_string(out, s);
}

namespace json_types {
Datum json_in(FnContext& cx, sv s, int32_t) {
  json_validate(s);
  return make_bytes(*cx.arena, s);
}
void json_out(FnContext&, Datum d, std::string& out) { out += as_view(d); }
Datum json_recv(FnContext& cx, sv s, int32_t) {
  check_utf8(s);
  return json_in(cx, s, -1);
}
void json_send(FnContext&, Datum d, std::string& out) { out += as_view(d); }
}  // namespace json_types

}  // namespace postern
