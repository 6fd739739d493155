// UTF-8: validation, characters, simple case mapping. The server encoding is always UTF8.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace postern {

// Throws 22021 'invalid byte sequence for encoding "UTF8": 0x..' (a zero byte is invalid too).
void check_utf8(std::string_view s);
bool utf8_valid(std::string_view s, size_t* bad_at);

// Length in bytes of the character that starts with lead byte c of valid UTF-8.
inline size_t utf8_char_len(unsigned char c) { return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4; }
// Number of characters.
inline size_t utf8_length(std::string_view s) {
  size_t n = 0;
  for (char c : s) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}
// Byte offset of the n-th character (0-based), or s.size().
size_t utf8_offset(std::string_view s, size_t n);
// Largest prefix of at most max_bytes that does not cut a character.
std::string_view utf8_clip(std::string_view s, size_t max_bytes);
char32_t utf8_decode(std::string_view s, size_t* at);   // advances *at; s is valid
void utf8_append(std::string& out, char32_t c);

char32_t unicode_lower(char32_t c);
char32_t unicode_upper(char32_t c);
bool unicode_alnum(char32_t c);

std::string utf8_lower(std::string_view s);
std::string utf8_upper(std::string_view s);
std::string utf8_initcap(std::string_view s);

}  // namespace postern
