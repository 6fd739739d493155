// Client encodings: names, and length and display width of characters.
#include <langinfo.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

namespace {

constexpr const char* kNames[] = {
    "SQL_ASCII", "EUC_JP",     "EUC_CN",     "EUC_KR",     "EUC_TW",     "EUC_JIS_2004", "UTF8",    "MULE_INTERNAL", "LATIN1",
    "LATIN2",    "LATIN3",     "LATIN4",     "LATIN5",     "LATIN6",     "LATIN7",       "LATIN8",  "LATIN9",        "LATIN10",
    "WIN1256",   "WIN1258",    "WIN866",     "WIN874",     "KOI8R",      "WIN1251",      "WIN1252", "ISO_8859_5",    "ISO_8859_6",
    "ISO_8859_7", "ISO_8859_8", "WIN1250",   "WIN1253",    "WIN1254",    "WIN1255",      "WIN1257", "KOI8U",         "SJIS",
    "BIG5",      "GBK",        "UHC",        "GB18030",    "JOHAB",      "SHIFT_JIS_2004"};
constexpr int kUtf8 = 6;

struct Alias {
  const char* name;
  int encoding;
};
constexpr Alias kAliases[] = {{"unicode", 6}, {"iso88591", 8}, {"iso88592", 9}, {"iso885915", 16}, {"windows1252", 24},
                              {"windows1250", 29}, {"windows1251", 23}, {"koi8", 22}, {"ansix341968", 0}, {"usascii", 0}};

std::string plain(const char* s) {
  std::string out;
  for (; *s; s++) {
    char c = *s;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

struct Range {
  uint32_t first, last;
};
constexpr Range kZeroWidth[] = {
    {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x5BF, 0x5BF},   {0x5C1, 0x5C2},   {0x5C4, 0x5C5},   {0x610, 0x61A},
    {0x64B, 0x65F},   {0x670, 0x670},   {0x6D6, 0x6DC},   {0x6DF, 0x6E4},   {0x6E7, 0x6E8},   {0x6EA, 0x6ED},   {0x711, 0x711},
    {0x730, 0x74A},   {0x900, 0x902},   {0x93C, 0x93C},   {0x941, 0x948},   {0x94D, 0x94D},   {0xE31, 0xE31},   {0xE34, 0xE3A},
    {0xE47, 0xE4E},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064}, {0x20D0, 0x20F0},
    {0x302A, 0x302D}, {0x3099, 0x309A}, {0xFB1E, 0xFB1E}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
                           {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26CE, 0x26CE},   {0x2705, 0x2705},   {0x270A, 0x270B},
                           {0x2728, 0x2728},   {0x274C, 0x274C},   {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2E80, 0x303E},
                           {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
                           {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F004, 0x1F004},
                           {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C},
                           {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3E0, 0x1F3F0}, {0x1F400, 0x1F43E}, {0x1F440, 0x1F4FC},
                           {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5},
                           {0x1F6D0, 0x1F6D2}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F90C, 0x1F9FF},
                           {0x1FA70, 0x1FAFF}, {0x20000, 0x2FFFD}, {0x30000, 0x3FFFD}};

template <size_t N>
bool in_table(uint32_t c, const Range (&table)[N]) {
  size_t lo = 0, hi = N;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (c > table[mid].last) lo = mid + 1;
    else if (c < table[mid].first) hi = mid;
    else return true;
  }
  return false;
}

int utf8_length(unsigned char c) {
  if (c < 0x80) return 1;
  if ((c & 0xE0) == 0xC0) return 2;
  if ((c & 0xF0) == 0xE0) return 3;
  return (c & 0xF8) == 0xF0 ? 4 : 1;
}

uint32_t utf8_code(const unsigned char* s) {
  switch (utf8_length(s[0])) {
    case 2: return (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    case 3: return (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    case 4: return (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
    default: return s[0];
  }
}

bool east_asian(int encoding) { return (encoding >= 1 && encoding <= 5) || (encoding >= 35 && encoding <= 41); }

}  // namespace

extern "C" {

int PQmblen(const char* s, int encoding) {
  auto c = static_cast<unsigned char>(*s);
  if (encoding == kUtf8) return utf8_length(c);
  if (!east_asian(encoding) || c < 0x80) return 1;
  if (encoding == 39 && s[1] >= '0' && s[1] <= '9') return 4;
  if ((encoding == 1 || encoding == 5) && c == 0x8F) return 3;
  if (encoding == 4 && c == 0x8E) return 4;
  if ((encoding == 35 || encoding == 41) && c >= 0xA1 && c <= 0xDF) return 1;
  return 2;
}

int PQmblenBounded(const char* s, int encoding) {
  auto n = static_cast<size_t>(PQmblen(s, encoding));
  return static_cast<int>(strnlen(s, n));
}

int PQdsplen(const char* s, int encoding) {
  auto c = static_cast<unsigned char>(*s);
  if (c < 0x80) return c == 0 ? 0 : c < 0x20 || c == 0x7F ? -1 : 1;
  if (encoding != kUtf8) return PQmblen(s, encoding) > 1 ? 2 : 1;
  if (PQmblenBounded(s, encoding) < utf8_length(c)) return 1;
  uint32_t code = utf8_code(reinterpret_cast<const unsigned char*>(s));
  if (code >= 0x80 && code < 0xA0) return -1;
  return in_table(code, kZeroWidth) ? 0 : in_table(code, kWide) ? 2 : 1;
}

int PQenv2encoding(void) {
  if (const char* e = getenv("PGCLIENTENCODING"); e && *e) {
    int id = pg_char_to_encoding(e);
    return id < 0 ? 0 : id;
  }
  int id = pg_char_to_encoding(nl_langinfo(CODESET));
  return id < 0 ? 0 : id;
}

int pg_char_to_encoding(const char* name) {
  if (!name) return -1;
  std::string wanted = plain(name);
  if (wanted.empty()) return -1;
  for (size_t i = 0; i < std::size(kNames); i++)
    if (plain(kNames[i]) == wanted) return static_cast<int>(i);
  for (const Alias& a : kAliases)
    if (wanted == a.name) return a.encoding;
  return -1;
}

const char* pg_encoding_to_char(int encoding) {
  return encoding >= 0 && encoding < static_cast<int>(std::size(kNames)) ? kNames[encoding] : "";
}

int pg_valid_server_encoding_id(int encoding) { return encoding >= 0 && encoding <= 34; }
PQ_API int pg_valid_server_encoding(const char* name) {
  int e = pg_char_to_encoding(name);
  return pg_valid_server_encoding_id(e) ? e : -1;
}
PQ_API int pg_utf_mblen(const unsigned char* s) { return utf8_length(*s); }
}
