#include "postgres/types/fn.h"

#include <algorithm>

namespace postern {
namespace {
std::span<const FnTables* const> g_tables;

template <class Entry>
const Entry* find_in(std::span<const Entry> entries, Oid oid) {
  auto it = std::lower_bound(entries.begin(), entries.end(), raw(oid), [](const Entry& e, uint32_t o) { return e.oid < o; });
  return it != entries.end() && it->oid == raw(oid) ? &*it : nullptr;
}
template <class Entry>
const Entry* find_any(std::span<const Entry> FnTables::*member, Oid oid) {
  for (const FnTables* t : g_tables)
    if (const Entry* e = find_in(t->*member, oid)) return e;
  return nullptr;
}
}  // namespace

void set_fn_tables(std::span<const FnTables* const> tables) { g_tables = tables; }
const FnEntry* find_function(Oid oid) { return find_any(&FnTables::functions, oid); }
const AggEntry* find_aggregate(Oid oid) { return find_any(&FnTables::aggregates, oid); }
const SetFnEntry* find_set_function(Oid oid) { return find_any(&FnTables::set_functions, oid); }
bool fn_is_implemented(Oid oid) { return find_function(oid) || find_aggregate(oid) || find_set_function(oid); }

}  // namespace postern
