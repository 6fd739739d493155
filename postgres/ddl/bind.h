// Expressions of DDL: analysed over a table's columns, and stored as SQL text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "postgres/ddl/objects.h"
#include "postgres/sql/analyze/analyze.h"

namespace postern::ddl {

enum class ExprUse : uint8_t { kDefault, kCheck, kIndex, kPredicate, kUsing };

struct Bound {
  sql::Expr* expr = nullptr;
  std::string text;                      // SQL, re-parses whatever the search_path
  std::vector<int16_t> columns;          // of the table, ascending
  std::vector<Oid> relations;            // sequences named by nextval('…'::regclass) constants
  bool is_null_constant = false;
  bool is_immutable = true;              // calls immutable functions only
};
// table: where column names resolve (may be null for defaults). Type 0: as it comes. Everything lives in cx.arena.
Bound bind(UtilityContext& cx, const ast::Expr& e, const RelationDesc* table, Oid type, int32_t typmod, ExprUse use);
Bound bind_text(UtilityContext& cx, std::string_view sql_text, const RelationDesc* table, Oid type, int32_t typmod);

// Records what a stored expression needs: columns of `table`, sequences.
void record_expression_dependencies(ObjectAddress depender, const Bound& b, Oid table, char column_type);

// Relations and columns that a query uses (through views too only the views themselves), for the dependencies of a view.
std::vector<ObjectAddress> query_references(const sql::Query& q);

// Views name what they use in their stored text. Made before a relation or a column of it gets another name or schema, it reads the views over it; write() afterwards stores
// them with the new names (attnum 0: no column changed).
class ViewTexts {
 public:
  explicit ViewTexts(Oid relation);
  void write(int attnum = 0, std::string_view column = {});

 private:
  struct View {
    Oid rule, view;
    std::string text;
    Arena arena;
    sql::AnalyzedStmt analyzed;
  };
  RelationRef relation_;
  std::vector<std::unique_ptr<View>> views_;
};

}  // namespace postern::ddl
