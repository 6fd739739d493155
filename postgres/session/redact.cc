#include "postgres/session/redact.h"

#include <strings.h>

#include <algorithm>

namespace postern::session {
namespace {

bool word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80); }

// Past blanks and comments.
size_t skip_space(std::string_view s, size_t i) {
  while (i < s.size()) {
    if (s.substr(i, 2) == "--") i = std::min(s.find('\n', i), s.size());
    else if (s.substr(i, 2) == "/*") {
      int depth = 1;
      for (i += 2; i < s.size() && depth; i++) {
        if (s.substr(i, 2) == "/*") depth++, i++;
        else if (s.substr(i, 2) == "*/") depth--, i++;
      }
    } else if (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')) i++;
    else break;
  }
  return i;
}

// End of the string that begins at i ('…', E'…', U&'…', $tag$…$tag$); i if there is none. One that does not end reaches to the end of the text.
size_t string_end(std::string_view s, size_t i) {
  size_t at = i;
  bool backslashes = false;
  if (at < s.size() && (s[at] == 'E' || s[at] == 'e')) backslashes = true, at++;
  else if (at < s.size() && (s[at] == 'N' || s[at] == 'n')) at++;
  else if (at + 1 < s.size() && (s[at] == 'U' || s[at] == 'u') && s[at + 1] == '&') at += 2;
  if (at < s.size() && s[at] == '\'') {
    for (at++; at < s.size(); at++) {
      if (backslashes && s[at] == '\\') at++;
      else if (s[at] == '\'' && at + 1 < s.size() && s[at + 1] == '\'') at++;
      else if (s[at] == '\'') return at + 1;
    }
    return s.size();
  }
  if (i < s.size() && s[i] == '$') {
    size_t end = i + 1;
    while (end < s.size() && word_char(s[end])) end++;
    if (end < s.size() && s[end] == '$') {
      std::string_view tag = s.substr(i, end + 1 - i);
      size_t close = s.find(tag, end + 1);
      return close == s.npos ? s.size() : close + tag.size();
    }
  }
  return i;
}

}  // namespace

std::string without_passwords(std::string_view s) {
  constexpr std::string_view kWord = "password";
  std::string out;
  size_t done = 0;
  for (size_t i = 0; i < s.size();) {
    size_t after = skip_space(s, i);
    if (after == i) after = string_end(s, i);
    if (after == i && s[i] == '"') after = std::min(s.find('"', i + 1), s.size() - 1) + 1;
    if (after != i) {
      i = after;
      continue;
    }
    if (!word_char(s[i])) {
      i++;
      continue;
    }
    size_t end = i;
    while (end < s.size() && word_char(s[end])) end++;
    bool password = end - i == kWord.size() && strncasecmp(s.data() + i, kWord.data(), kWord.size()) == 0;
    i = end;
    if (!password) continue;
    size_t secret = skip_space(s, i), secret_end = string_end(s, secret);
    if (secret_end == secret) continue;
    out.append(s.substr(done, secret - done)).append("'********'");
    i = done = secret_end;
  }
  return out.append(s.substr(done));
}

}  // namespace postern::session
