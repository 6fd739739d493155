#include "postgres/sql/parse/parse.h"

#include <pg_query.h>

#include <string>

#include "common/base/error.h"
#include "postgres/sql/parse/convert.h"

// Takes the place of libpg_query's printer of protobuf trees, which nothing calls: with it come descriptors whose relocations are 190 KB of private memory in every session.
extern "C" PgQueryProtobuf pg_query_nodes_to_protobuf(const void*);
extern "C" PgQueryProtobuf pg_query_nodes_to_protobuf(const void*) { return {}; }

namespace postern::sql {
namespace {

// libpg_query drops SQLSTATEs; nearly every error of grammar and lexer is a syntax error, the others are told by their text.
SqlState sqlstate_of(std::string_view message) {
  auto has = [&](std::string_view s) { return message.find(s) != std::string_view::npos; };
  if (has("stack depth limit")) return sqlstate::kStatementTooComplex;
  if (has("not yet implemented") || has("not supported") || has("not implemented")) return sqlstate::kFeatureNotSupported;
  if (has("invalid byte sequence")) return sqlstate::kCharacterNotInRepertoire;
  if (has("invalid escape string")) return sqlstate::kInvalidEscapeSequence;
  if (has("unsafe use of")) return sqlstate::kNonstandardUseOfEscapeCharacter;
  if (has("out of memory")) return sqlstate::kOutOfMemory;
  return sqlstate::kSyntaxError;
}

struct ParseResult {
  PgQueryParseResult r;
  explicit ParseResult(const char* text) : r(pg_query_parse(text)) {}
  ~ParseResult() { pg_query_free_parse_result(r); }
  ParseResult(const ParseResult&) = delete;
  ParseResult& operator=(const ParseResult&) = delete;
};

std::string_view trim(std::string_view s, int& offset) {
  auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; };
  while (!s.empty() && space(s.front())) { s.remove_prefix(1); offset++; }
  while (!s.empty() && space(s.back())) s.remove_suffix(1);
  return s;
}

}  // namespace

std::span<ParsedStatement> parse(std::string_view query, Arena& arena) {
  char* text = static_cast<char*>(arena.alloc(query.size() + 1, 1));
  std::memcpy(text, query.data(), query.size());
  text[query.size()] = 0;
  std::string_view copy(text, query.size());

  ParseResult parsed(text);
  if (parsed.r.error) {
    SqlError error{sqlstate_of(parsed.r.error->message), parsed.r.error->message};
    if (error.message == "subquery in FROM must have an alias") error.hint = "For example, FROM (SELECT ...) [AS] foo.";
    if (error.message == "VALUES in FROM must have an alias") error.hint = "For example, FROM (VALUES ...) [AS] foo.";
    error.position = parsed.r.error->cursorpos;
    throw error;
  }
  using parse_detail::key;
  Arena nodes{4096};
  const parse_detail::Json* root = parse_detail::read_json(parsed.r.parse_tree, nodes, arena);
  const parse_detail::Json* stmts = root ? root->get(key("stmts")) : nullptr;
  if (!root) throw_internal("parse tree is not readable");
  if (!stmts || !stmts->size) return {};

  parse_detail::Converter convert(copy, arena);
  auto* out = arena.alloc_array<ParsedStatement>(stmts->size);
  size_t n = 0;
  for (const auto* s = stmts->first; s; s = s->next) {
    const auto* at = s->get(key("stmt_location"));
    const auto* len = s->get(key("stmt_len"));
    int offset = at ? static_cast<int>(at->number) : 0;
    auto piece = copy.substr(offset, len && len->number ? static_cast<size_t>(len->number) : std::string_view::npos);
    piece = trim(piece, offset);
    out[n++] = ParsedStatement{convert.stmt(s->get(key("stmt"))), piece, offset};
  }
  return {out, n};
}

}  // namespace postern::sql
