// The text of an error or notice: severity, message, the line of the query with a caret, detail, hint, context.
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

constexpr int kDisplayWidth = 60;  // columns of the query shown
constexpr int kRightMargin = 10;   // columns shown behind the caret, if there are

struct Glyph {
  std::string_view bytes;
  int width;
};

// "LINE 3: …text…\n" and a line with the caret under character `position` (from 1).
std::string show_position(const std::string& query, int position, int encoding) {
  std::vector<Glyph> line;
  int line_number = 1, at = 1;
  int caret = -1;
  size_t i = 0;
  while (i < query.size()) {
    int n = std::max(1, PQmblenBounded(query.c_str() + i, encoding));
    std::string_view bytes(query.data() + i, std::min<size_t>(static_cast<size_t>(n), query.size() - i));
    if (at == position) caret = static_cast<int>(line.size());
    if (bytes == "\n" || bytes == "\r") {
      if (caret >= 0) break;
      bool pair = bytes == "\n" && i > 0 && query[i - 1] == '\r';
      if (!pair) line_number++;
      line.clear();
    } else if (bytes == "\t") {
      line.push_back({" ", 1});
    } else {
      line.push_back({bytes, std::max(1, PQdsplen(query.c_str() + i, encoding))});
    }
    i += bytes.size();
    at++;
  }
  if (caret < 0) {
    if (at != position) return {};
    caret = static_cast<int>(line.size());
  }
  int total = 0, before = 0;
  for (size_t g = 0; g < line.size(); g++) {
    if (static_cast<int>(g) < caret) before += line[g].width;
    total += line[g].width;
  }
  size_t begin = 0, end = line.size();
  bool cut_left = false, cut_right = false;
  if (total > kDisplayWidth) {
    int from = 0, to = total;
    if (before + kRightMargin <= kDisplayWidth) {
      to = kDisplayWidth;
    } else if (before + kRightMargin >= total) {
      from = total - kDisplayWidth;
    } else {
      to = 0;
      for (const Glyph& g : line) {
        if (to + g.width > before + kRightMargin) break;
        to += g.width;
      }
      from = to - kDisplayWidth;
    }
    int w = 0;
    while (begin < line.size() && w < from) w += line[begin++].width;
    cut_left = begin > 0;
    if (to < total) {
      end = begin;
      while (end < line.size() && w + line[end].width <= to) w += line[end++].width;
      cut_right = end < line.size();
    }
  }
  std::string prefix = cat("LINE ", line_number, ": ", cut_left ? "..." : "");
  std::string out = prefix;
  int offset = static_cast<int>(prefix.size());
  for (size_t g = begin; g < end; g++) {
    out += line[g].bytes;
    if (static_cast<int>(g) < caret) offset += line[g].width;
  }
  if (cut_right) out += "...";
  out += '\n';
  out.append(static_cast<size_t>(offset), ' ');
  out += "^\n";
  return out;
}

}  // namespace

std::string format_error(const pg_result& r, PGVerbosity verbosity, PGContextVisibility visibility) {
  if (r.fields.empty()) return r.error;
  auto field = [&](char code) -> const std::string* {
    for (const auto& f : r.fields)
      if (f.first == code) return &f.second;
    return nullptr;
  };
  std::string out;
  const std::string* v;
  if ((v = field(PG_DIAG_SEVERITY))) append(out, *v, ":  ");
  const std::string* state = field(PG_DIAG_SQLSTATE);
  if (verbosity == PQERRORS_SQLSTATE && state) {
    append(out, *state, "\n");
    return out;
  }
  if (verbosity == PQERRORS_VERBOSE && state) append(out, *state, ": ");
  if ((v = field(PG_DIAG_MESSAGE_PRIMARY))) out += *v;
  const std::string* internal_query = field(PG_DIAG_INTERNAL_QUERY);
  std::string shown_query;
  int shown_position = 0;
  if ((v = field(PG_DIAG_STATEMENT_POSITION))) {
    if (verbosity != PQERRORS_TERSE && !r.query.empty()) {
      shown_query = r.query;
      shown_position = atoi(v->c_str());
    } else {
      append(out, " at character ", *v);
    }
  } else if ((v = field(PG_DIAG_INTERNAL_POSITION))) {
    if (verbosity != PQERRORS_TERSE && internal_query) {
      shown_query = *internal_query;
      shown_position = atoi(v->c_str());
    } else {
      append(out, " at character ", *v);
    }
  }
  out += '\n';
  if (verbosity == PQERRORS_TERSE) return out;
  if (shown_position > 0) out += show_position(shown_query, shown_position, r.encoding);
  if ((v = field(PG_DIAG_MESSAGE_DETAIL))) append(out, "DETAIL:  ", *v, "\n");
  if ((v = field(PG_DIAG_MESSAGE_HINT))) append(out, "HINT:  ", *v, "\n");
  if (internal_query) append(out, "QUERY:  ", *internal_query, "\n");
  bool show_context = visibility == PQSHOW_CONTEXT_ALWAYS || (visibility == PQSHOW_CONTEXT_ERRORS && r.status == PGRES_FATAL_ERROR);
  if (show_context && (v = field(PG_DIAG_CONTEXT))) append(out, "CONTEXT:  ", *v, "\n");
  if (verbosity == PQERRORS_VERBOSE) {
    static constexpr std::pair<char, const char*> kNames[] = {{PG_DIAG_SCHEMA_NAME, "SCHEMA NAME"},
                                                              {PG_DIAG_TABLE_NAME, "TABLE NAME"},
                                                              {PG_DIAG_COLUMN_NAME, "COLUMN NAME"},
                                                              {PG_DIAG_DATATYPE_NAME, "DATATYPE NAME"},
                                                              {PG_DIAG_CONSTRAINT_NAME, "CONSTRAINT NAME"}};
    for (auto [code, name] : kNames)
      if ((v = field(code))) append(out, name, ":  ", *v, "\n");
    const std::string *file = field(PG_DIAG_SOURCE_FILE), *line = field(PG_DIAG_SOURCE_LINE), *function = field(PG_DIAG_SOURCE_FUNCTION);
    if (file || line || function) {
      out += "LOCATION:  ";
      if (function) append(out, *function, ", ");
      if (file && line) append(out, *file, ":", *line);
      out += '\n';
    }
  }
  return out;
}

}  // namespace postern::pq
