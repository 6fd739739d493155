// Foreign keys of a table, both ways, from pg_constraint. pg_class.relhastriggers is set on both tables of a foreign key, as in PostgreSQL, and spares all others the search.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "postgres/access/relation.h"

namespace postern::catalog {

struct ForeignKey {
  Oid constraint{0};
  std::string name;
  Oid table{0}, referenced{0};
  std::vector<int16_t> columns, referenced_columns;
  char match = 's', on_update = 'a', on_delete = 'a';
  bool deferrable = false, deferred = false, validated = true;
};
struct ForeignKeys {
  std::vector<ForeignKey> own, incoming;   // of this table; of others (or itself) that reference it
};
// Cached until the catalogs change.
std::shared_ptr<const ForeignKeys> foreign_keys(Oid table);
void mark_foreign_key_side(Oid table);       // sets relhastriggers

}  // namespace postern::catalog
