// The strings, time, arrays, json, reg* and pseudo types half of the type table.
#include "postgres/types/builtin_tables.h"

namespace postern {
constinit const std::span<const TypeInfo> kTypesB{};
constinit const std::span<const FnTables* const> kTypesBTables{};
}  // namespace postern
