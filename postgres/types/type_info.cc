#include "postgres/types/type_info.h"

#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"

namespace postern {
namespace {

// Open-addressed index over both tables, made at the first lookup. 0 = free, else position + 1.
struct TypeIndex {
  static constexpr size_t kSlots = 1024;
  std::vector<const TypeInfo*> types;
  uint16_t slots[kSlots] = {};

  static size_t home(Oid oid) { return (raw(oid) * 2654435761u >> 16) % kSlots; }
  TypeIndex() {
    types.reserve(kTypesA.size() + kTypesB.size());
    for (auto table : {kTypesA, kTypesB})
      for (const TypeInfo& t : table) {
        size_t s = home(t.oid);
        while (slots[s]) s = (s + 1) % kSlots;
        types.push_back(&t);
        slots[s] = static_cast<uint16_t>(types.size());
      }
    if (types.size() > kSlots / 2) throw_internal("too many built-in types for the type index");
  }
  const TypeInfo* find(Oid oid) const {
    for (size_t s = home(oid); slots[s]; s = (s + 1) % kSlots)
      if (types[slots[s] - 1]->oid == oid) return types[slots[s] - 1];
    return nullptr;
  }
};

const TypeIndex& type_index() {
  static const TypeIndex index;
  return index;
}

}  // namespace

const TypeInfo* find_type(Oid oid) { return type_index().find(oid); }

const TypeInfo* find_type_by_name(std::string_view typname) {
  for (const TypeInfo* t : type_index().types)
    if (t->name == typname) return t;
  return nullptr;
}

const TypeInfo& type_info(Oid oid) {
  if (const TypeInfo* t = find_type(oid)) return *t;
  if (raw(oid) >= 16384)   // a table's row type
    if (const TypeInfo* t = find_type(oid::kRecord)) return *t;
  throw_internal(cat("cache lookup failed for type ", raw(oid)));
}

std::span<const TypeInfo* const> all_types() { return type_index().types; }

std::span<const FnTables* const> types_fn_tables() {
  static const std::vector<const FnTables*> tables = [] {
    std::vector<const FnTables*> v(kTypesATables.begin(), kTypesATables.end());
    v.insert(v.end(), kTypesBTables.begin(), kTypesBTables.end());
    return v;
  }();
  return tables;
}

}  // namespace postern
