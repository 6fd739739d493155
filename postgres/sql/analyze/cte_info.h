// A WITH query while its statement is analysed. Private to sql/analyze.
#pragma once
#include "postgres/sql/analyze/bound.h"
#include "postgres/sql/ast/ast.h"

namespace postern::sql {

struct CteInfo : Cte {
  std::span<std::string_view> columns;
  std::span<Oid> types;
  std::span<int32_t> typmods;
  std::span<Oid> collations;
  bool building = false;      // its own query is being analysed (WITH RECURSIVE)
  bool may_refer = false;     // in the recursive term
  bool is_union = false;
  int self_references = 0;
  ast::Names names;
  int position = 0;
};

}  // namespace postern::sql
