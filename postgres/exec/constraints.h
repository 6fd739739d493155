// NOT NULL and CHECK constraints of new rows, with PostgreSQL's errors.
#pragma once
#include "postgres/access/relation.h"
#include "postgres/exec/expr.h"

namespace postern::exec {

class RowConstraints {
 public:
  void init(const Compiler& cp, const RelationDesc& table, std::span<sql::Expr* const> checks, std::span<const std::string_view> names);
  // Throws 23502 or 23514 for the first row that breaks one.
  void check(const Vector* columns, Rows rows);

 private:
  [[noreturn]] void fail_check(int i, const Vector* columns, uint32_t row);
  [[noreturn]] void fail_not_null(int column, const Vector* columns, uint32_t row);
  std::string describe(const Vector* columns, uint32_t row) const;
  const RelationDesc* table_ = nullptr;
  Code** checks_ = nullptr;
  int nchecks_ = 0;
  std::span<const std::string_view> names_;
  SessionServices* services_ = nullptr;
};

}  // namespace postern::exec
