// The function tables of this folder.
#pragma once
#include <span>

#include "postgres/types/fn.h"

namespace postern::catalog {

extern const FnTables kCatalogFns;      // fns.cc: names, visibility, descriptions, sizes
extern const FnTables kPrivilegeFns;    // fns_privileges.cc
extern const FnTables kInfoFns;         // fns_info.cc: types, transactions, statistics counters, object identities
inline constexpr const FnTables* kAllFnTables[] = {&kCatalogFns, &kPrivilegeFns, &kInfoFns};

}  // namespace postern::catalog
