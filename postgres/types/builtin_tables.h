// How the files of this folder plug their types and functions into the common lookups.
//
// A file that defines functions has one FnTables constant; kTypesATables (numbers, bool, aggregates) and kTypesBTables (strings, time, arrays, json,
// reg*, pseudo types) list them, kTypesA/kTypesB list the TypeInfos. All are constant-initialised, so they may be used from any initialiser.
#pragma once
#include <algorithm>
#include <array>
#include <span>

#include "postgres/types/fn.h"
#include "postgres/types/type_info.h"

namespace postern {

extern const std::span<const TypeInfo> kTypesA, kTypesB;
extern const std::span<const FnTables* const> kTypesATables, kTypesBTables;

// Every function table of this folder, for main to join with those of other folders in set_fn_tables().
std::span<const FnTables* const> types_fn_tables();

// constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({STRICT_FN(…), …})); a duplicate OID does not compile.
template <class Entry, size_t N>
consteval std::array<Entry, N> sorted_by_oid(std::array<Entry, N> entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.oid < b.oid; });
  for (size_t i = 1; i < N; i++)
    if (entries[i - 1].oid == entries[i].oid) throw "duplicate OID";
  return entries;
}

}  // namespace postern
