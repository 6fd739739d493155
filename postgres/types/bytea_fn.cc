// SQL functions over bytea and uuid, encode()/decode(), digests, conversions between encodings.
#include <sys/random.h>

#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/digest.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/string_types.h"
#include "postgres/types/utf8.h"

namespace postern {
namespace {
using sv = std::string_view;

sv result(FnContext& cx, const std::string& s) { return cx.arena->copy(sv(s)); }

bool bytes_eq(sv a, sv b) { return a == b; }
bool bytes_ne(sv a, sv b) { return a != b; }
bool bytes_lt(sv a, sv b) { return compare_bytes(a, b) < 0; }
bool bytes_le(sv a, sv b) { return compare_bytes(a, b) <= 0; }
bool bytes_gt(sv a, sv b) { return compare_bytes(a, b) > 0; }
bool bytes_ge(sv a, sv b) { return compare_bytes(a, b) >= 0; }
int32_t bytes_cmp(sv a, sv b) { return compare_bytes(a, b); }
int32_t bytes_hash(sv a) { return static_cast<int32_t>(hash_bytes(a)); }

int32_t octet_length(sv s) { return static_cast<int32_t>(s.size()); }
int32_t bit_length(sv s) { return static_cast<int32_t>(s.size() * 8); }
sv concat(FnContext& cx, sv a, sv b) { return result(cx, cat(a, b)); }

sv substring(sv s, int64_t start, int64_t length, bool to_end) {
  if (!to_end && length < 0) throw SqlError{sqlstate::kSubstringError, "negative substring length not allowed"};
  int64_t end = to_end ? static_cast<int64_t>(s.size()) + 1 : std::min<int64_t>(start + length, static_cast<int64_t>(s.size()) + 1);
  start = std::max<int64_t>(start, 1);
  return end <= start ? sv{} : s.substr(static_cast<size_t>(start - 1), static_cast<size_t>(end - start));
}
sv substr3(sv s, int32_t start, int32_t length) { return substring(s, start, length, false); }
sv substr2(sv s, int32_t start) { return substring(s, start, 0, true); }
int32_t position(sv s, sv what) {
  size_t at = s.find(what);
  return at == sv::npos ? 0 : static_cast<int32_t>(at + 1);
}
sv overlay4(FnContext& cx, sv s, sv with, int32_t start, int32_t length) {
  if (start <= 0) throw SqlError{sqlstate::kSubstringError, "negative substring length not allowed"};
  return result(cx, cat(substring(s, 1, start - 1, false), with, substring(s, int64_t{start} + length, 0, true)));
}
sv overlay3(FnContext& cx, sv s, sv with, int32_t start) { return overlay4(cx, s, with, start, octet_length(with)); }
sv trim(sv s, sv set, bool l, bool r) {
  while (l && !s.empty() && set.find(s.front()) != sv::npos) s.remove_prefix(1);
  while (r && !s.empty() && set.find(s.back()) != sv::npos) s.remove_suffix(1);
  return s;
}
sv btrim(sv s, sv set) { return trim(s, set, true, true); }
sv ltrim(sv s, sv set) { return trim(s, set, true, false); }
sv rtrim(sv s, sv set) { return trim(s, set, false, true); }

void check_index(int64_t n, int64_t size) {
  if (n < 0 || n >= size) throw SqlError{sqlstate::kArraySubscriptError, cat("index ", n, " out of valid range, 0..", size - 1)};
}
int32_t get_byte(sv s, int32_t n) {
  check_index(n, static_cast<int64_t>(s.size()));
  return static_cast<unsigned char>(s[static_cast<size_t>(n)]);
}
int32_t get_bit(sv s, int64_t n) {
  check_index(n, static_cast<int64_t>(s.size()) * 8);
  return static_cast<unsigned char>(s[static_cast<size_t>(n / 8)]) >> (n % 8) & 1;
}
sv set_byte(FnContext& cx, sv s, int32_t n, int32_t value) {
  check_index(n, static_cast<int64_t>(s.size()));
  std::string out(s);
  out[static_cast<size_t>(n)] = static_cast<char>(value);
  return result(cx, out);
}
sv set_bit(FnContext& cx, sv s, int64_t n, int32_t value) {
  check_index(n, static_cast<int64_t>(s.size()) * 8);
  if (value != 0 && value != 1) throw SqlError{sqlstate::kInvalidParameterValue, "new bit must be 0 or 1"};
  std::string out(s);
  char& b = out[static_cast<size_t>(n / 8)];
  b = static_cast<char>(value ? b | 1 << (n % 8) : b & ~(1 << (n % 8)));
  return result(cx, out);
}

constexpr sv kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
std::string base64_encode(sv s) {
  std::string out;
  size_t line = 0;
  for (size_t i = 0; i < s.size(); i += 3) {
    uint32_t w = 0;
    size_t n = std::min<size_t>(3, s.size() - i);
    for (size_t k = 0; k < 3; k++) w = w << 8 | (k < n ? static_cast<unsigned char>(s[i + k]) : 0u);
    for (size_t k = 0; k < 4; k++) out += k <= n ? kBase64[w >> (18 - 6 * k) & 63] : '=';
    if ((line += 4) == 76 && i + 3 < s.size()) {
      out += '\n';
      line = 0;
    }
  }
  return out;
}
std::string base64_decode(sv s) {
  std::string out;
  uint32_t w = 0;
  int n = 0, pad = 0;
  for (size_t i = 0; i < s.size(); i++) {
    char c = s[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    uint32_t v = 0;
    if (c == '=') {
      if (!pad && n < 2) throw SqlError{sqlstate::kInvalidParameterValue, "unexpected \"=\" while decoding base64 sequence"};
      pad++;
    } else {
      size_t at = kBase64.find(c);
      if (at == sv::npos)
        throw SqlError{sqlstate::kInvalidParameterValue,
                       cat("invalid symbol \"", s.substr(i, utf8_char_len(static_cast<unsigned char>(c))), "\" found while decoding base64 sequence")};
      if (pad) throw SqlError{sqlstate::kInvalidParameterValue, "unexpected \"=\" while decoding base64 sequence"};
      v = static_cast<uint32_t>(at);
    }
    w = w << 6 | v;
    if (++n == 4) {
      out += static_cast<char>(w >> 16);
      if (pad < 2) out += static_cast<char>(w >> 8);
      if (pad < 1) out += static_cast<char>(w);
      w = 0;
      n = 0;
    }
  }
  if (n)
    throw SqlError{sqlstate::kInvalidParameterValue, "invalid base64 end sequence", {},
                   "Input data is missing padding, is truncated, or is otherwise corrupted."};
  return out;
}
std::string escape_encode(sv s) {
  std::string out;
  for (char c : s) {
    auto u = static_cast<unsigned char>(c);
    if (u == 0 || u >= 0x80) append(out, '\\', static_cast<char>('0' + (u >> 6)), static_cast<char>('0' + (u >> 3 & 7)), static_cast<char>('0' + (u & 7)));
    else if (c == '\\') out += "\\\\";
    else out += c;
  }
  return out;
}
[[noreturn]] void unknown_format(sv format) { throw SqlError{sqlstate::kInvalidParameterValue, cat("unrecognized encoding: \"", format, "\"")}; }
sv encode(FnContext& cx, sv data, sv format) {
  std::string f = utf8_lower(format);
  if (f == "hex") return result(cx, bytea_to_hex(data)).substr(2);
  if (f == "base64") return result(cx, base64_encode(data));
  if (f == "escape") return result(cx, escape_encode(data));
  unknown_format(format);
}
sv decode(FnContext& cx, sv text, sv format) {
  std::string f = utf8_lower(format);
  if (f == "hex") return result(cx, bytea_from_text(cat("\\x", text)));
  if (f == "base64") return result(cx, base64_decode(text));
  if (f == "escape") return result(cx, bytea_from_text(text.starts_with("\\x") ? cat("\\", text) : std::string(text)));
  unknown_format(format);
}

sv md5(FnContext& cx, sv s) { return result(cx, bytea_to_hex(md5_digest(s))).substr(2); }
template <int Bits>
sv sha2(FnContext& cx, sv s) { return result(cx, sha2_digest(s, Bits)); }

// Encodings: UTF8, LATIN1 and SQL_ASCII; others are refused.
enum class Encoding { kUtf8, kLatin1, kAscii };
Encoding encoding_of(sv name, sv role) {
  std::string n;
  for (char c : name)
    if (isalnum(static_cast<unsigned char>(c))) n += static_cast<char>(tolower(c));
  if (n == "utf8" || n == "unicode") return Encoding::kUtf8;
  if (n == "latin1" || n == "iso88591") return Encoding::kLatin1;
  if (n == "sqlascii") return Encoding::kAscii;
  for (sv known : {"latin2", "latin9", "win1252", "win1251", "win1250", "koi8r", "euccn", "eucjp", "euckr", "sjis", "big5", "gbk", "gb18030"})
    if (n == known) throw_unsupported(cat("encoding ", name));
  throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid ", role, " encoding name \"", name, "\"")};
}
std::string recode(sv s, Encoding from, Encoding to) {
  if (from == Encoding::kUtf8) check_utf8(s);
  if (from == to || from == Encoding::kAscii || to == Encoding::kAscii) {
    if (to == Encoding::kUtf8) check_utf8(s);
    return std::string(s);
  }
  std::string out;
  if (from == Encoding::kLatin1) {
    for (char c : s) utf8_append(out, static_cast<unsigned char>(c));
    return out;
  }
  for (size_t i = 0; i < s.size();) {
    size_t at = i;
    char32_t c = utf8_decode(s, &i);
    if (c > 0xFF)
      throw SqlError{sqlstate::kUntranslatableCharacter, cat("character with byte sequence 0x", bytea_to_hex(s.substr(at, 1)).substr(2), i - at > 1 ? " 0x" : "",
                                                             i - at > 1 ? bytea_to_hex(s.substr(at + 1, 1)).substr(2) : "", i - at > 2 ? " 0x" : "",
                                                             i - at > 2 ? bytea_to_hex(s.substr(at + 2, 1)).substr(2) : "",
                                                             " in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"")};
    out += static_cast<char>(c);
  }
  return out;
}
sv convert_from(FnContext& cx, sv s, sv from) { return result(cx, recode(s, encoding_of(from, "source"), Encoding::kUtf8)); }
sv convert_to(FnContext& cx, sv s, sv to) { return result(cx, recode(s, Encoding::kUtf8, encoding_of(to, "destination"))); }
sv convert(FnContext& cx, sv s, sv from, sv to) { return result(cx, recode(s, encoding_of(from, "source"), encoding_of(to, "destination"))); }
int32_t length_in_encoding(sv s, sv encoding) {
  Encoding e = encoding_of(encoding, "source");
  if (e != Encoding::kUtf8) return octet_length(s);
  check_utf8(s);
  return static_cast<int32_t>(utf8_length(s));
}
sv database_encoding() { return "UTF8"; }

int64_t bit_count(sv s) {
  int64_t n = 0;
  for (char c : s) n += __builtin_popcount(static_cast<unsigned char>(c));
  return n;
}
sv gen_random_uuid(FnContext& cx) {
  std::string u(16, '\0');
  if (getrandom(u.data(), u.size(), 0) != 16) throw_internal("could not generate random values");
  u[6] = static_cast<char>((u[6] & 0x0F) | 0x40);
  u[8] = static_cast<char>((u[8] & 0x3F) | 0x80);
  return result(cx, u);
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1948, bytes_eq), STRICT_FN(1949, bytes_lt), STRICT_FN(1950, bytes_le), STRICT_FN(1951, bytes_gt), STRICT_FN(1952, bytes_ge),
    STRICT_FN(1953, bytes_ne), STRICT_FN(1954, bytes_cmp), STRICT_FN(2954, bytes_lt), STRICT_FN(2955, bytes_le), STRICT_FN(2956, bytes_eq),
    STRICT_FN(2957, bytes_ge), STRICT_FN(2958, bytes_gt), STRICT_FN(2959, bytes_ne), STRICT_FN(2960, bytes_cmp), STRICT_FN(2963, bytes_hash),
    STRICT_FN(720, octet_length), STRICT_FN(2010, octet_length), STRICT_FN(1810, bit_length), STRICT_FN(2011, concat), STRICT_FN(2012, substr3),
    STRICT_FN(2013, substr2), STRICT_FN(2085, substr3), STRICT_FN(2086, substr2), STRICT_FN(2014, position), STRICT_FN(749, overlay4),
    STRICT_FN(752, overlay3), STRICT_FN(2015, btrim), STRICT_FN(6195, ltrim), STRICT_FN(6196, rtrim), STRICT_FN(721, get_byte), STRICT_FN(722, set_byte),
    STRICT_FN(723, get_bit), STRICT_FN(724, set_bit), STRICT_FN(1946, encode), STRICT_FN(1947, decode), STRICT_FN(2311, md5), STRICT_FN(2321, md5),
    STRICT_FN(3419, sha2<224>), STRICT_FN(3420, sha2<256>), STRICT_FN(3421, sha2<384>), STRICT_FN(3422, sha2<512>), STRICT_FN(1714, convert_from),
    STRICT_FN(1717, convert_to), STRICT_FN(1813, convert), STRICT_FN(1713, length_in_encoding), STRICT_FN(1039, database_encoding),
    STRICT_FN(3432, gen_random_uuid), STRICT_FN(6163, bit_count),
}));

}  // namespace

constinit const FnTables kByteaFunctions{kFunctions, {}, {}};

}  // namespace postern
