// Pieces of table definitions that CREATE TABLE and ALTER TABLE share.
#pragma once
#include "postgres/ddl/objects.h"

namespace postern::ddl {

struct ColumnSpec {
  AttrDesc attr;
  int ndims = 0;
  int position = 0;
  bool serial = false;
  const ast::Expr* default_expr = nullptr;
  std::string default_text;                         // LIKE: already SQL text
  const ast::Constraint* identity = nullptr;
  std::vector<const ast::Constraint*> constraints;  // primary, unique, check
};
ColumnSpec read_column(const ast::ColumnDef& c);
Oid resolve_collation(ast::Names names, const AttrDesc& a);
void make_column_sequence(UtilityContext& cx, const RelationDesc& table, int attnum, bool identity, ast::List<ast::DefElem> options);
void set_default_expression(UtilityContext& cx, const RelationDesc& table, int attnum, const ast::Expr& e);

// CHECK, PRIMARY KEY, UNIQUE (also USING INDEX) on a table locked in ACCESS EXCLUSIVE. column: of a column constraint. Existing rows are checked unless new_table.
void add_constraint(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table);
enum class CheckRows : uint8_t { kNone, kAll, kNotValid };                  // what to do about rows that are there: none are, check them, leave them for VALIDATE
void store_check(UtilityContext& cx, Oid table, std::string_view name, std::string_view sql_text, CheckRows rows);
void validate_constraint(UtilityContext& cx, Oid table, std::string_view name);
void set_not_null(UtilityContext& cx, Oid table, int attnum, bool verify);
void add_foreign_key(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table);
void validate_foreign_key(UtilityContext& cx, Oid table, Oid constraint);   // 23503
void alter_constraint(Oid table, const ast::Constraint& c);                 // its deferrability
int find_column(const RelationDesc& table, std::string_view name);          // attnum; 42703

}  // namespace postern::ddl
