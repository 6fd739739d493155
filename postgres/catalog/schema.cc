#include "postgres/catalog/schema.h"

#include <algorithm>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/catalog.h"

namespace postern::catalog {
namespace {
#include "postgres/catalog/data/schema.inc"

std::unordered_map<uint32_t, RelationRef>& descriptors() {
  static std::unordered_map<uint32_t, RelationRef> map;
  return map;
}

RelationRef build_descriptor(const CatRelation& c) {
  auto d = std::make_shared<RelationDesc>();
  d->oid = Oid{c.oid};
  d->name = schema_string(c.name_at);
  d->namespace_oid = schema_oid(c);
  d->file = {c.shared ? Oid{0} : my_database(), Oid{c.oid}};
  d->kind = c.kind;
  d->owner = kBootstrapRole;
  d->row_type = Oid{c.row_type};
  for (const CatColumn& col : columns_of(c)) {
    AttrDesc a;
    a.name = schema_string(col.name_at);
    set_attr_type(a, Oid{col.type});
    a.typmod = col.typmod;
    a.not_null = col.not_null;
    a.collation = Oid{col.collation};
    d->attrs.push_back(std::move(a));
  }
  for (const CatIndex& i : indexes_of(c)) {
    IndexDesc x;
    x.oid = Oid{i.oid};
    x.name = schema_string(i.name_at);
    x.file = {d->file.database, x.oid};
    x.unique = i.unique;
    x.primary = i.primary;
    for (int k = 0; k < i.nkeys; k++) {
      const AttrDesc& a = d->attrs[i.keys[k] - 1];
      x.keys.push_back({i.keys[k], a.type, Oid{i.classes[k]}, a.collation, false, false});
    }
    d->indexes.push_back(std::move(x));
  }
  return d;
}

}  // namespace

std::string_view schema_string(uint32_t at) { return std::string_view(kStrings + at); }
std::span<const CatRelation> cat_relations() { return kRelations; }

const CatRelation* find_cat_relation(Oid oid) {
  auto it = std::lower_bound(std::begin(kRelations), std::end(kRelations), raw(oid), [](const CatRelation& r, uint32_t o) { return r.oid < o; });
  return it != std::end(kRelations) && it->oid == raw(oid) ? &*it : nullptr;
}
std::span<const CatColumn> columns_of(const CatRelation& r) { return {kColumns + r.first_column, r.columns}; }
std::span<const CatIndex> indexes_of(const CatRelation& r) { return {kIndexes + r.first_index, r.indexes}; }

const CatRelation* cat_relation_of_index(Oid index) {
  for (const CatRelation& r : kRelations)
    for (const CatIndex& i : indexes_of(r))
      if (i.oid == raw(index)) return &r;
  return nullptr;
}

RelationRef catalog_descriptor(Oid table) {
  RelationRef& d = descriptors()[raw(table)];
  if (!d) {
    const CatRelation* c = find_cat_relation(table);
    if (!c || c->kind != 'r') throw_internal(cat("relation ", raw(table), " is not a catalog"));
    d = build_descriptor(*c);
  }
  return d;
}

void forget_catalog_descriptors() { descriptors().clear(); }

void set_attr_type(AttrDesc& a, Oid type) {
  a.type = type;
  if (const TypeInfo* t = postern::find_type(type)) {
    a.len = t->len;
    a.by_value = t->by_value;
    a.storage = t->storage;
  } else {
    a.len = -1;
    a.by_value = false;
    a.storage = 'x';
  }
}

}  // namespace postern::catalog
