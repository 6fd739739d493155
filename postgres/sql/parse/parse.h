// SQL text to statements. The only folder that includes libpg_query; knows nothing of catalogs.
#pragma once
#include <span>
#include <string_view>

#include "common/memory/arena.h"

namespace postern::ast { struct Stmt; }

namespace postern::sql {

struct ParsedStatement {
  ast::Stmt* stmt;              // in the arena given to parse()
  std::string_view text;        // the part of the query string that is this statement
  int offset = 0;               // where text begins in the query string (bytes)
};

// Throws 42601 with position (in characters). An empty query string gives no statements.
std::span<ParsedStatement> parse(std::string_view query, Arena& arena);

}  // namespace postern::sql
