// The rows of a new database's catalogs, for bootstrapping.
#pragma once
#include <functional>

#include "postgres/catalog/catalog.h"

namespace postern::catalog {

struct SystemView {
  std::string_view name;
  bool information_schema;
  std::string_view sql;      // "": no rows
};
std::span<const SystemView> system_views();   // views.cc

// All rows of one catalog (in the order of its OIDs where it has one), written with the given arena. Empty for catalogs that begin empty.
struct BuiltInOptions {
  std::string superuser;
  std::string password_hash;
  int encoding = 6;
  std::string locale;
};
using BuiltInRows = std::vector<std::pair<Oid, std::vector<CatalogRow>>>;
BuiltInRows built_in_rows(const BuiltInOptions& options, Arena& arena);

}  // namespace postern::catalog
