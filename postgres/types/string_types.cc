#include "postgres/types/string_types.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/session_services.h"
#include "postgres/types/type_info.h"
#include "postgres/types/utf8.h"

namespace postern {

uint64_t hash_bytes(std::string_view s) {
  uint64_t h = 0x9E3779B97F4A7C15ULL ^ s.size();
  auto mix = [&](uint64_t w) {
    h = (h ^ w) * 0xff51afd7ed558ccdULL;
    h ^= h >> 32;
  };
  size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    uint64_t w;
    std::memcpy(&w, s.data() + i, 8);
    mix(w);
  }
  if (i < s.size()) {
    uint64_t w = 0;
    std::memcpy(&w, s.data() + i, s.size() - i);
    mix(w);
  }
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ h >> 33;
}

std::string_view strip_trailing_spaces(std::string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

bool is_reserved_keyword(std::string_view word) {
  static constexpr std::string_view kWords =
      " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character check "
      "coalesce collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time "
      "current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign "
      "freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join "
      "lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset "
      "on only or order out outer overlaps overlay placing position precision primary real references returning right row select session_user setof "
      "similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union unique user using values "
      "varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot "
      "xmlserialize xmltable ";
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  return kWords.find(cat(' ', word, ' ')) != std::string_view::npos;
}

std::string quote_identifier(std::string_view s) {
  bool safe = !s.empty() && ((s[0] >= 'a' && s[0] <= 'z') || s[0] == '_');
  for (char c : s) safe = safe && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  if (safe && !is_reserved_keyword(s)) return std::string(s);
  std::string out = "\"";
  for (char c : s) {
    if (c == '"') out += '"';
    out += c;
  }
  return out += '"';
}

std::string quote_literal(std::string_view s) {
  std::string out = s.find('\\') != std::string_view::npos ? "E'" : "'";
  for (char c : s) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out += '\'';
}

std::string bytea_to_hex(std::string_view s) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\\x";
  out.reserve(2 + 2 * s.size());
  for (char c : s) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

namespace {
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string bytea_from_text(std::string_view s) {
  std::string out;
  if (s.starts_with("\\x")) {
    s.remove_prefix(2);
    out.reserve(s.size() / 2);
    for (size_t i = 0; i < s.size();) {
      char c = s[i];
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r') { i++; continue; }
      int hi = hex_digit(c);
      if (hi < 0) throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid hexadecimal digit: \"", s.substr(i, utf8_char_len(static_cast<unsigned char>(c))), "\"")};
      if (i + 1 >= s.size()) throw SqlError{sqlstate::kInvalidParameterValue, "invalid hexadecimal data: odd number of digits"};
      int lo = hex_digit(s[i + 1]);
      if (lo < 0)
        throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid hexadecimal digit: \"", s.substr(i + 1, utf8_char_len(static_cast<unsigned char>(s[i + 1]))), "\"")};
      out += static_cast<char>(hi << 4 | lo);
      i += 2;
    }
    return out;
  }
  for (size_t i = 0; i < s.size();) {
    if (s[i] != '\\') { out += s[i++]; continue; }
    auto octal = [&](size_t k, char max) { return i + k < s.size() && s[i + k] >= '0' && s[i + k] <= max; };
    if (octal(1, '3') && octal(2, '7') && octal(3, '7')) {
      out += static_cast<char>((s[i + 1] - '0') << 6 | (s[i + 2] - '0') << 3 | (s[i + 3] - '0'));
      i += 4;
    } else if (i + 1 < s.size() && s[i + 1] == '\\') {
      out += '\\';
      i += 2;
    } else {
      throw SqlError{sqlstate::kInvalidTextRepresentation, "invalid input syntax for type bytea"};
    }
  }
  return out;
}

namespace string_types {
namespace {

constexpr int32_t kVarhdr = 4;  // typmods of character types include it, as in PostgreSQL's pg_attribute

[[noreturn]] void throw_too_long(std::string_view type, int32_t max) {
  throw SqlError{sqlstate::kStringDataRightTruncation, cat("value too long for type ", type, "(", max, ")")};
}

// s cut to max characters if only spaces are lost.
std::string_view fit(std::string_view s, int32_t max, std::string_view type) {
  if (s.size() <= static_cast<size_t>(max)) return s;
  size_t at = utf8_offset(s, static_cast<size_t>(max));
  if (at == s.size()) return s;
  if (s.find_first_not_of(' ', at) != std::string_view::npos) throw_too_long(type, max);
  return s.substr(0, at);
}

}  // namespace

Datum text_in(FnContext& cx, std::string_view s, int32_t) { return make_bytes(*cx.arena, s); }
void text_out(FnContext&, Datum d, std::string& out) { out.append(as_view(d)); }
Datum text_recv(FnContext& cx, std::string_view s, int32_t) {
  check_utf8(s);
  return make_bytes(*cx.arena, s);
}
void text_send(FnContext&, Datum d, std::string& out) { out.append(as_view(d)); }

Datum varchar_in(FnContext& cx, std::string_view s, int32_t typmod) {
  return make_bytes(*cx.arena, typmod >= kVarhdr ? fit(s, typmod - kVarhdr, "character varying") : s);
}
void varchar_out(FnContext& cx, Datum d, std::string& out) { text_out(cx, d, out); }
Datum varchar_recv(FnContext& cx, std::string_view s, int32_t typmod) {
  check_utf8(s);
  return varchar_in(cx, s, typmod);
}
void varchar_send(FnContext& cx, Datum d, std::string& out) { text_send(cx, d, out); }

Datum bpchar_in(FnContext& cx, std::string_view s, int32_t typmod) {
  if (typmod < kVarhdr) return make_bytes(*cx.arena, s);
  int32_t max = typmod - kVarhdr;
  s = fit(s, max, "character");
  size_t have = utf8_length(s), pad = static_cast<size_t>(max) - std::min(have, static_cast<size_t>(max));
  Bytes* b = alloc_bytes(*cx.arena, s.size() + pad);
  std::memcpy(b->data, s.data(), s.size());
  std::memset(b->data + s.size(), ' ', pad);
  return from_bytes(b);
}
void bpchar_out(FnContext& cx, Datum d, std::string& out) { text_out(cx, d, out); }
Datum bpchar_recv(FnContext& cx, std::string_view s, int32_t typmod) {
  check_utf8(s);
  return bpchar_in(cx, s, typmod);
}
void bpchar_send(FnContext& cx, Datum d, std::string& out) { text_send(cx, d, out); }

Datum name_in(FnContext& cx, std::string_view s, int32_t) { return make_bytes(*cx.arena, utf8_clip(s, kNameMax)); }
void name_out(FnContext& cx, Datum d, std::string& out) { text_out(cx, d, out); }
Datum name_recv(FnContext& cx, std::string_view s, int32_t) {
  check_utf8(s);
  if (s.size() > kNameMax) throw SqlError{sqlstate::kNameTooLong, "identifier too long", "Identifier must be less than 64 characters."};
  return make_bytes(*cx.arena, s);
}
void name_send(FnContext& cx, Datum d, std::string& out) { text_send(cx, d, out); }

Datum bytea_in(FnContext& cx, std::string_view s, int32_t) { return make_bytes(*cx.arena, bytea_from_text(s)); }
void bytea_out(FnContext& cx, Datum d, std::string& out) {
  std::string_view v = as_view(d);
  if (!cx.services || cx.services->bytea_output_hex()) {
    out += bytea_to_hex(v);
    return;
  }
  for (char c : v) {
    auto u = static_cast<unsigned char>(c);
    if (c == '\\') out += "\\\\";
    else if (u < 0x20 || u > 0x7E) append(out, '\\', static_cast<char>('0' + (u >> 6)), static_cast<char>('0' + (u >> 3 & 7)), static_cast<char>('0' + (u & 7)));
    else out += c;
  }
}
Datum bytea_recv(FnContext& cx, std::string_view s, int32_t) { return make_bytes(*cx.arena, s); }
void bytea_send(FnContext&, Datum d, std::string& out) { out.append(as_view(d)); }

Datum uuid_in(FnContext& cx, std::string_view s, int32_t) {
  auto fail = [&] { throw SqlError{sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type uuid: \"", s, "\"")}; };
  std::string_view t = s;
  bool braces = !t.empty() && t[0] == '{';
  if (braces) t.remove_prefix(1);
  Bytes* b = alloc_bytes(*cx.arena, 16);
  for (size_t i = 0; i < 16; i++) {
    if (t.size() < 2) fail();
    int hi = hex_digit(t[0]), lo = hex_digit(t[1]);
    if (hi < 0 || lo < 0) fail();
    b->data[i] = static_cast<char>(hi << 4 | lo);
    t.remove_prefix(2);
    if (!t.empty() && t[0] == '-' && i % 2 == 1 && i < 15) t.remove_prefix(1);
  }
  if (braces) {
    if (t != "}") fail();
  } else if (!t.empty()) {
    fail();
  }
  return from_bytes(b);
}
void uuid_out(FnContext&, Datum d, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string_view v = as_view(d);
  for (size_t i = 0; i < v.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[static_cast<unsigned char>(v[i]) >> 4];
    out += kDigits[v[i] & 15];
  }
}
Datum uuid_recv(FnContext& cx, std::string_view s, int32_t) {
  if (s.size() < 16) throw SqlError{sqlstate::kProtocolViolation, "insufficient data left in message"};
  if (s.size() > 16) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "incorrect binary data format"};
  return make_bytes(*cx.arena, s);
}
void uuid_send(FnContext&, Datum d, std::string& out) { out.append(as_view(d)); }

int bytes_compare(FnContext&, Datum a, Datum b) { return compare_bytes(as_view(a), as_view(b)); }
uint64_t bytes_hash(FnContext&, Datum d) { return hash_bytes(as_view(d)); }
int bpchar_compare(FnContext&, Datum a, Datum b) {
  return compare_bytes(strip_trailing_spaces(as_view(a)), strip_trailing_spaces(as_view(b)));
}
uint64_t bpchar_hash(FnContext&, Datum d) { return hash_bytes(strip_trailing_spaces(as_view(d))); }

void char_typmod_out(int32_t typmod, std::string& out) {
  if (typmod >= kVarhdr) append(out, '(', typmod - kVarhdr, ')');
}
namespace {
int32_t length_typmod(std::span<const int32_t> mods, std::string_view type) {
  if (mods.size() != 1) throw SqlError{sqlstate::kInvalidParameterValue, "invalid type modifier"};
  if (mods[0] < 1) throw SqlError{sqlstate::kInvalidParameterValue, cat("length for type ", type, " must be at least 1")};
  if (mods[0] > 10485760) throw SqlError{sqlstate::kInvalidParameterValue, cat("length for type ", type, " cannot exceed 10485760")};
  return mods[0] + kVarhdr;
}
}  // namespace
int32_t varchar_typmod_in(std::span<const int32_t> mods) { return length_typmod(mods, "varchar"); }
int32_t bpchar_typmod_in(std::span<const int32_t> mods) { return length_typmod(mods, "char"); }

}  // namespace string_types
}  // namespace postern
