// Texts of definitions, as pg_get_indexdef and its kin give them.
#pragma once
#include <string>

#include "common/base/ids.h"

namespace postern {
struct FnTables;
}
namespace postern::ddl {

std::string index_definition(Oid index, bool pretty);   // "" no such index
extern const FnTables kDefinitionFns;

}  // namespace postern::ddl
