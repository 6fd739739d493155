// Quoting of strings, identifiers and bytea for SQL text.
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

namespace {

// Doubles quotes (and backslashes, where they would be special). False at a character that is cut or invalid in the encoding: what follows it could
// otherwise be taken for its rest.
bool escape_into(std::string& out, const char* from, size_t length, char quote, bool backslashes, int encoding) {
  size_t n = strnlen(from, length);
  for (size_t i = 0; i < n;) {
    auto ch = static_cast<unsigned char>(from[i]);
    if (ch < 0x80) {
      if (ch == static_cast<unsigned char>(quote) || (ch == '\\' && backslashes)) out += static_cast<char>(ch);
      out += static_cast<char>(ch);
      i++;
      continue;
    }
    auto size = static_cast<size_t>(PQmblen(from + i, encoding));
    bool good = size <= n - i;
    for (size_t k = 1; good && k < size; k++)
      if (encoding == 6 ? (from[i + k] & 0xC0) != 0x80 : from[i + k] == '\0') good = false;
    if (!good) return false;
    out.append(from + i, size);
    i += size;
  }
  return true;
}

// What is wrong with a text that escape_into refused: the last character is cut, or one is invalid.
const char* multibyte_problem(const char* from, size_t length, int encoding) {
  size_t n = strnlen(from, length);
  for (size_t i = 0; i < n; i += static_cast<size_t>(PQmblen(from + i, encoding)))
    if (static_cast<size_t>(PQmblen(from + i, encoding)) > n - i) return "incomplete multibyte character\n";
  return "invalid multibyte character\n";
}

char* quoted(PGconn* c, const char* str, size_t length, char quote) {
  if (!c) return nullptr;
  c->error.clear();
  std::string body;
  bool backslash = quote == '\'' && memchr(str, '\\', strnlen(str, length)) != nullptr;
  if (!escape_into(body, str, length, quote, backslash, c->encoding)) {
    postern::pq::append_error(c, multibyte_problem(str, length, c->encoding));
    return nullptr;
  }
  std::string out = postern::cat(backslash ? " E" : "", quote, body, quote);
  return strdup(out.c_str());
}

unsigned char* bytea(const unsigned char* from, size_t length, size_t* to_length, bool standard_strings) {
  std::string out = standard_strings ? "\\x" : "\\\\x";
  for (size_t i = 0; i < length; i++) {
    out += "0123456789abcdef"[from[i] >> 4];
    out += "0123456789abcdef"[from[i] & 15];
  }
  if (to_length) *to_length = out.size() + 1;
  return reinterpret_cast<unsigned char*>(strdup(out.c_str()));
}

int hex(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

extern "C" {

size_t PQescapeStringConn(PGconn* c, char* to, const char* from, size_t length, int* error) {
  if (error) *error = 0;
  *to = '\0';
  if (!c) {
    if (error) *error = 1;
    return 0;
  }
  c->error.clear();
  std::string out;
  if (!escape_into(out, from, length, '\'', !c->standard_strings, c->encoding)) {
    postern::pq::append_error(c, multibyte_problem(from, length, c->encoding));
    if (error) *error = 1;
    out += "\xC0 ";  // cannot be valid: the server refuses the statement even if the program does not look at the error
    out.resize(std::min(out.size(), 2 * length));
  }
  std::memcpy(to, out.c_str(), out.size() + 1);
  return out.size();
}

size_t PQescapeString(char* to, const char* from, size_t length) {
  std::string out;
  for (size_t i = 0; i < length && from[i]; i++) {
    if (from[i] == '\'') out += '\'';
    out += from[i];
  }
  std::memcpy(to, out.c_str(), out.size() + 1);
  return out.size();
}

char* PQescapeLiteral(PGconn* c, const char* str, size_t length) { return quoted(c, str, length, '\''); }
char* PQescapeIdentifier(PGconn* c, const char* str, size_t length) { return quoted(c, str, length, '"'); }

unsigned char* PQescapeByteaConn(PGconn* c, const unsigned char* from, size_t length, size_t* to_length) {
  return c ? bytea(from, length, to_length, c->standard_strings) : nullptr;
}

unsigned char* PQescapeBytea(const unsigned char* from, size_t length, size_t* to_length) { return bytea(from, length, to_length, true); }

// Both output formats of bytea: \x and hexadecimal digits, or text with \ooo and doubled backslashes.
unsigned char* PQunescapeBytea(const unsigned char* text, size_t* length) {
  if (!text) return nullptr;
  size_t n = strlen(reinterpret_cast<const char*>(text));
  auto* out = static_cast<unsigned char*>(malloc(n + 1));
  if (!out) return nullptr;
  size_t o = 0;
  if (text[0] == '\\' && text[1] == 'x') {
    for (size_t i = 2; i + 1 < n;) {
      int hi = hex(text[i]), lo = hex(text[i + 1]);
      if (hi < 0) {
        i++;
        continue;
      }
      i += 2;
      if (lo >= 0) out[o++] = static_cast<unsigned char>(hi << 4 | lo);
    }
  } else {
    auto octal = [&](size_t i, int most) { return i < n && text[i] >= '0' && text[i] <= '0' + most; };
    for (size_t i = 0; i < n;) {
      if (text[i] != '\\') {
        out[o++] = text[i++];
      } else if (octal(i + 1, 3) && octal(i + 2, 7) && octal(i + 3, 7)) {
        out[o++] = static_cast<unsigned char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
        i += 4;
      } else {
        i++;
        if (i < n) out[o++] = text[i++];
      }
    }
  }
  out[o] = '\0';
  *length = o;
  return out;
}

char* PQencryptPasswordConn(PGconn* c, const char* password, const char* user, const char* algorithm) {
  if (!c) return nullptr;
  c->error.clear();
  std::string kind = algorithm ? algorithm : "";
  if (!algorithm) {
    PGresult* r = PQexec(c, "show password_encryption");
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1) {
      PQclear(r);
      return nullptr;
    }
    kind = PQgetvalue(r, 0, 0);
    PQclear(r);
  }
  if (kind == "scram-sha-256") return strdup(postern::pq::scram_secret(password).c_str());
  std::string out;
  if (kind == "md5" && postern::pq::md5_stored(password, user, out)) return strdup(out.c_str());
  postern::pq::append_error(c, postern::cat("unrecognized password encryption algorithm \"", kind, "\"\n"));
  return nullptr;
}
}
