// What a statement needs the right to do: collected from the analysed Query, checked before each execution (a plan may be reused by another user).
#pragma once
#include <span>
#include <vector>

#include "postgres/sql/analyze/bound.h"

namespace postern::sql {

struct Permission {
  const RelationDesc* relation;         // kept alive by the statement
  Oid as{0};                            // a view's relations are used with the rights of its owner; 0: of the current user
  bool select = false, insert = false, update = false, del = false;
  std::vector<int16_t> selected, inserted, updated;   // columns that suffice; 0 in selected: all; empty: any one column
};
// One per use of a relation, in the order they are written.
std::vector<Permission> permissions(const Query& query);
// Throws 42501 "permission denied for table t".
void check_permissions(std::span<const Permission> needed, Oid user);

}  // namespace postern::sql
