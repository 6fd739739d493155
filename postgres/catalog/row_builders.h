// Rows of pg_class, pg_attribute, pg_type, pg_index, pg_constraint for new relations: used by bootstrapping and ddl. Values go to the given arena.
#pragma once
#include "postgres/catalog/catalog.h"

namespace postern::catalog {

struct ClassSpec {
  Oid oid{0};
  std::string_view name;
  Oid namespace_oid{0}, owner{0}, row_type{0}, am{0};
  Oid file_number{0};                // 0: no storage
  char kind = 'r', persistence = 'p';
  int natts = 0, checks = 0;
  bool has_index = false, shared = false, has_rules = false;
  char replica_identity = 'n';
  double tuples = -1;
  int pages = 0;
  Datum options = 0;                 // text[] or 0
};
CatalogRow class_row(Arena& arena, const ClassSpec& s);

CatalogRow attribute_row(Arena& arena, Oid rel, int attnum, const AttrDesc& a, int ndims = 0);

// The composite type of a relation and the array type over it.
CatalogRow row_type_row(Arena& arena, Oid type, Oid array_type, std::string_view name, Oid namespace_oid, Oid owner, Oid rel);
CatalogRow array_type_row(Arena& arena, Oid array_type, Oid element, std::string_view name, Oid namespace_oid, Oid owner);

CatalogRow index_row(Arena& arena, Oid table, const IndexDesc& index, bool immediate = true);

struct ConstraintSpec {
  Oid oid{0};
  std::string_view name;
  Oid namespace_oid{0};
  char type = 'c';                   // c, p, u, f
  Oid table{0}, index{0};
  bool deferrable = false, deferred = false, validated = true, no_inherit = false;
  std::vector<int16_t> keys;
  std::string_view expression;       // check: SQL text
  Oid referenced{0};                 // foreign key
  std::vector<int16_t> referenced_keys;
  char match = ' ', on_update = ' ', on_delete = ' ';
};
CatalogRow constraint_row(Arena& arena, const ConstraintSpec& s);

// PostgreSQL's pg_attribute facts of a type.
int16_t reported_len(Oid type, int16_t len);
bool reported_by_value(Oid type, bool by_value);
char type_align(Oid type);

}  // namespace postern::catalog
