// Names, types, casts: from syntax to sql::Query. Reads catalogs only for relations and user-made objects.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/catalog/catalog.h"
#include "postgres/sql/analyze/bound.h"
#include "postgres/sql/parse/parse.h"

namespace postern::sql {

// Types of $1…; unknown ones (0) are deduced and filled in when `deduce` is set (Parse message), else 42P02.
struct ParamTypes {
  std::vector<Oid> types;
  bool deduce = false;
};

// What keeps the descriptors used by a Query alive, and what the query depends on.
struct AnalyzedStmt {
  Query* query = nullptr;
  std::vector<RelationRef> relations;      // in order of locking
};

// Takes table locks as it resolves names (ACCESS SHARE; ROW SHARE for FOR UPDATE; ROW EXCLUSIVE for targets).
// stmt must be SELECT/VALUES/TABLE, INSERT, UPDATE, DELETE (also inside DECLARE CURSOR, EXPLAIN, COPY (query), CREATE TABLE AS: the caller takes it out).
AnalyzedStmt analyze(const ast::Stmt& stmt, std::string_view query_text, ParamTypes& params, Arena& arena);

// A stand-alone expression (DEFAULT, CHECK, index expression, EXECUTE argument): over the columns of `relation` if given (range entry 0),
// coerced to `target_type` in assignment context if not 0.
Expr* analyze_expression(std::string_view sql_text, const RelationDesc* relation, Oid target_type, int32_t target_typmod, Arena& arena);

// PostgreSQL's spelling of a bound expression or query (pg_get_expr, pg_get_constraintdef, pg_get_viewdef, pg_get_indexdef). The stored form of defaults, checks, index
// expressions and views is this text, with every name qualified as needed so that it re-parses whatever the search_path.
std::string deparse_expr(const Expr& e, const RelationDesc* relation, bool pretty);
std::string deparse_query(const Query& q, bool pretty);

// Expr walking: calls fn for each direct child.
void for_each_child(const Expr& e, const std::function<void(Expr*)>& fn);

}  // namespace postern::sql
