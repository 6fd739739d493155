#include "postgres/types/utf8.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

// Length of the valid character at p (of n bytes), 0 if invalid.
size_t valid_char(const unsigned char* p, size_t n) {
  unsigned char c = p[0];
  if (c == 0) return 0;
  if (c < 0x80) return 1;
  auto cont = [&](size_t i, unsigned lo = 0x80, unsigned hi = 0xBF) { return i < n && p[i] >= lo && p[i] <= hi; };
  if (c >= 0xC2 && c <= 0xDF) return cont(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) return cont(1, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF) && cont(2) ? 3 : 0;
  if (c >= 0xF0 && c <= 0xF4) return cont(1, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF) && cont(2) && cont(3) ? 4 : 0;
  return 0;
}

// Ranges of simple case pairs. kOffset: lower = upper + delta. kAlternating: upper even/odd by `delta` parity, lower = upper + 1.
struct CaseRange {
  uint32_t first, last;  // upper-case letters
  int32_t delta;         // 0: alternating, first, first + 2, … are upper
};
constexpr CaseRange kCases[] = {
    {0x41, 0x5A, 32},        {0xC0, 0xD6, 32},        {0xD8, 0xDE, 32},        {0x100, 0x12E, 0},       {0x132, 0x136, 0},       {0x139, 0x147, 0},
    {0x14A, 0x176, 0},       {0x178, 0x178, -121},    {0x179, 0x17D, 0},       {0x181, 0x181, 210},     {0x182, 0x184, 0},       {0x186, 0x186, 206},
    {0x187, 0x187, 0},       {0x189, 0x18A, 205},     {0x18B, 0x18B, 0},       {0x18E, 0x18E, 79},      {0x18F, 0x18F, 202},     {0x190, 0x190, 203},
    {0x191, 0x191, 0},       {0x193, 0x193, 205},     {0x194, 0x194, 207},     {0x196, 0x196, 211},     {0x197, 0x197, 209},     {0x198, 0x198, 0},
    {0x19C, 0x19C, 211},     {0x19D, 0x19D, 213},     {0x19F, 0x19F, 214},     {0x1A0, 0x1A4, 0},       {0x1A7, 0x1A7, 0},       {0x1A9, 0x1A9, 218},
    {0x1AC, 0x1AC, 0},       {0x1AE, 0x1AE, 218},     {0x1AF, 0x1AF, 0},       {0x1B1, 0x1B2, 217},     {0x1B3, 0x1B5, 0},       {0x1B7, 0x1B7, 219},
    {0x1B8, 0x1B8, 0},       {0x1BC, 0x1BC, 0},       {0x1CD, 0x1DB, 0},       {0x1DE, 0x1EE, 0},       {0x1F4, 0x1F4, 0},       {0x1F8, 0x21E, 0},
    {0x222, 0x232, 0},       {0x246, 0x24E, 0},       {0x370, 0x372, 0},       {0x376, 0x376, 0},       {0x386, 0x386, 38},      {0x388, 0x38A, 37},
    {0x38C, 0x38C, 64},      {0x38E, 0x38F, 63},      {0x391, 0x3A1, 32},      {0x3A3, 0x3AB, 32},      {0x3D8, 0x3EE, 0},       {0x400, 0x40F, 80},
    {0x410, 0x42F, 32},      {0x460, 0x480, 0},       {0x48A, 0x4BE, 0},       {0x4C0, 0x4C0, 15},      {0x4C1, 0x4CD, 0},       {0x4D0, 0x52E, 0},
    {0x531, 0x556, 48},      {0x10A0, 0x10C5, 7264},  {0x1E00, 0x1E94, 0},     {0x1EA0, 0x1EFE, 0},     {0x1F08, 0x1F0F, -8},    {0x1F18, 0x1F1D, -8},
    {0x1F28, 0x1F2F, -8},    {0x1F38, 0x1F3F, -8},    {0x1F48, 0x1F4D, -8},    {0x1F68, 0x1F6F, -8},    {0x2160, 0x216F, 16},    {0x24B6, 0x24CF, 26},
    {0x2C00, 0x2C2E, 48},    {0x2C80, 0x2CE2, 0},     {0xA640, 0xA66C, 0},     {0xA680, 0xA69A, 0},     {0xA722, 0xA72E, 0},     {0xA732, 0xA76E, 0},
    {0xFF21, 0xFF3A, 32},    {0x10400, 0x10427, 40},
};

}  // namespace

bool utf8_valid(std::string_view s, size_t* bad_at) {
  auto* p = reinterpret_cast<const unsigned char*>(s.data());
  size_t i = 0;
  while (i < s.size()) {
    uint64_t w;
    while (i + 8 <= s.size()) {
      std::copy_n(p + i, 8, reinterpret_cast<unsigned char*>(&w));
      if (w & 0x8080808080808080ULL || ((w - 0x0101010101010101ULL) & ~w & 0x8080808080808080ULL)) break;
      i += 8;
    }
    if (i >= s.size()) break;
    size_t n = valid_char(p + i, s.size() - i);
    if (!n) {
      if (bad_at) *bad_at = i;
      return false;
    }
    i += n;
  }
  return true;
}

void check_utf8(std::string_view s) {
  size_t at;
  if (utf8_valid(s, &at)) return;
  auto c = static_cast<unsigned char>(s[at]);
  size_t want = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF8 ? 4 : 1;
  std::string hex;
  for (size_t i = at; i < std::min(at + want, s.size()); i++) {
    constexpr char kDigits[] = "0123456789abcdef";
    auto b = static_cast<unsigned char>(s[i]);
    append(hex, i > at ? " 0x" : "0x", kDigits[b >> 4], kDigits[b & 15]);
  }
  throw SqlError{sqlstate::kCharacterNotInRepertoire, cat("invalid byte sequence for encoding \"UTF8\": ", hex)};
}

size_t utf8_offset(std::string_view s, size_t n) {
  size_t i = 0;
  while (n > 0 && i < s.size()) {
    i += utf8_char_len(static_cast<unsigned char>(s[i]));
    n--;
  }
  return std::min(i, s.size());
}

std::string_view utf8_clip(std::string_view s, size_t max_bytes) {
  if (s.size() <= max_bytes) return s;
  while (max_bytes > 0 && (static_cast<unsigned char>(s[max_bytes]) & 0xC0) == 0x80) max_bytes--;
  return s.substr(0, max_bytes);
}

char32_t utf8_decode(std::string_view s, size_t* at) {
  auto byte = [&](size_t i) -> char32_t { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0x80; };
  char32_t c = byte(*at);
  size_t n = utf8_char_len(static_cast<unsigned char>(c));
  if (n == 2) c = (c & 0x1F) << 6 | (byte(*at + 1) & 0x3F);
  else if (n == 3) c = (c & 0x0F) << 12 | (byte(*at + 1) & 0x3F) << 6 | (byte(*at + 2) & 0x3F);
  else if (n == 4) c = (c & 0x07) << 18 | (byte(*at + 1) & 0x3F) << 12 | (byte(*at + 2) & 0x3F) << 6 | (byte(*at + 3) & 0x3F);
  *at = std::min(*at + n, s.size());
  return c;
}

void utf8_append(std::string& out, char32_t c) {
  auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) put(c);
  else if (c < 0x800) put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  else if (c < 0x10000) put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  else put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

char32_t unicode_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  for (const CaseRange& r : kCases)
    if (c >= r.first && c <= r.last) {
      if (r.delta) return static_cast<char32_t>(static_cast<int32_t>(c) + r.delta);
      return (c - r.first) % 2 == 0 ? c + 1 : c;
    }
  return c;
}

char32_t unicode_upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if (c == 0xB5) return 0x39C;
  if (c == 0x3C2) return 0x3A3;
  if (c == 0x17F) return 'S';
  if (c == 0x131) return 'I';
  for (const CaseRange& r : kCases) {
    if (r.delta) {
      auto u = static_cast<char32_t>(static_cast<int32_t>(c) - r.delta);
      if (u >= r.first && u <= r.last) return u;
    } else if (c > r.first && c <= r.last + 1 && (c - r.first) % 2 == 1) {
      return c - 1;
    }
  }
  return c;
}

bool unicode_alnum(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c == 0xAA || c == 0xB5 || c == 0xBA) return true;
  if (c < 0xC0 || c == 0xD7 || c == 0xF7) return false;
  if (c >= 0x2000 && c <= 0x206F) return false;
  if (c >= 0x20A0 && c <= 0x20CF) return false;
  if (c >= 0x2190 && c <= 0x2BFF) return false;
  if (c >= 0x3000 && c <= 0x3004) return false;
  if (c >= 0xE000 && c <= 0xF8FF) return false;
  return c < 0x1F000;
}

std::string utf8_lower(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) utf8_append(out, unicode_lower(utf8_decode(s, &i)));
  return out;
}
std::string utf8_upper(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) utf8_append(out, unicode_upper(utf8_decode(s, &i)));
  return out;
}
std::string utf8_initcap(std::string_view s) {
  std::string out;
  bool in_word = false;
  for (size_t i = 0; i < s.size();) {
    char32_t c = utf8_decode(s, &i);
    utf8_append(out, in_word ? unicode_lower(c) : unicode_upper(c));
    in_word = unicode_alnum(c);
  }
  return out;
}

}  // namespace postern
