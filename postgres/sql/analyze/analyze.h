// Names, types, casts: from syntax to sql::Query. Reads catalogs only for relations and user-made objects.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/catalog/catalog.h"
#include "postgres/sql/analyze/bound.h"
#include "postgres/sql/parse/parse.h"

namespace postern { struct SessionServices; }
namespace postern::ast { struct Expr; struct TypeName; }

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

// The session whose settings and names literals are read with (regclass, timestamptz …). Set once at startup; null: none of those.
void set_session_services(SessionServices* services);
SessionServices* session_services();

// Takes table locks as it resolves names (ACCESS SHARE; ROW SHARE for FOR UPDATE; ROW EXCLUSIVE for targets).
// stmt must be SELECT/VALUES/TABLE, INSERT, UPDATE, DELETE (also inside DECLARE CURSOR, EXPLAIN, COPY (query), CREATE TABLE AS: the caller takes it out).
AnalyzedStmt analyze(const ast::Stmt& stmt, std::string_view query_text, ParamTypes& params, Arena& arena);

// A stand-alone expression (DEFAULT, CHECK, index expression, EXECUTE argument): over the columns of `relation` if given (range entry 0),
// coerced to `target_type` in assignment context if not 0.
// Column positions are also allowed to be bare (CHECK, index expressions): names resolve to the relation's columns only.
enum class ExpressionUse : uint8_t { kOther, kDefault, kCheck, kIndex, kIndexPredicate, kExecute };
Expr* analyze_expression(const ast::Expr& e, const RelationDesc* relation, Oid target_type, int32_t target_typmod, Arena& arena, ExpressionUse use = ExpressionUse::kOther);
Expr* analyze_expression(std::string_view sql_text, const RelationDesc* relation, Oid target_type, int32_t target_typmod, Arena& arena);

// A type as written, with its modifier (-1 none). serial types are ddl's to expand before. 42704.
Oid resolve_type(const ast::TypeName& type, int32_t* typmod);

// PostgreSQL's spelling of a bound expression or query (pg_get_expr, pg_get_constraintdef, pg_get_viewdef, pg_get_indexdef). The stored form of defaults, checks, index
// expressions and views is the text with pretty = false, in which every relation is qualified, so that it re-parses whatever the search_path; pretty = true leaves out
// schemas that are in the search_path, and needless parentheses. deparse_expr: columns are those of `relation` (range entry 0), unqualified.
// qualify: as said, by default; pg_get_viewdef and the like qualify no more than the search_path needs in both forms.
std::string deparse_expr(const Expr& e, const RelationDesc* relation, bool pretty, bool qualify);
std::string deparse_query(const Query& q, bool pretty, bool qualify);       // ends with ';' as pg_get_viewdef
inline std::string deparse_expr(const Expr& e, const RelationDesc* relation, bool pretty) { return deparse_expr(e, relation, pretty, !pretty); }
inline std::string deparse_query(const Query& q, bool pretty) { return deparse_query(q, pretty, !pretty); }

// Expr walking: calls fn for each direct child.
void for_each_child(const Expr& e, const std::function<void(Expr*)>& fn);

}  // namespace postern::sql
