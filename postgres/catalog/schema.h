// What the system catalogs and system views look like (data/schema.inc, generated): columns, types, OIDs, indexes. Constant, no pointers inside.
// Descriptors of catalogs are built from here without reading any table, so that catalogs can be read before anything is cached.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/ids.h"
#include "postgres/access/relation.h"
#include "postgres/catalog/data/columns.h"

namespace postern::catalog {

constexpr Oid kPgCatalog{11}, kPgToast{99}, kPublic{2200};
constexpr Oid kBootstrapRole{10};
constexpr Oid kTemplate1{1}, kTemplate0{4}, kPostgresDb{5};
constexpr Oid kDefaultTablespace{1663}, kGlobalTablespace{1664};
constexpr Oid kBtreeAm{403}, kHeapAm{2};
constexpr Oid kFirstNormalOid{16384};   // smaller ones are made by bootstrapping and can't be dropped

struct CatRelation {
  uint16_t oid;
  uint32_t name_at;
  uint16_t row_type;
  uint16_t first_column, columns, first_index, indexes;
  char kind;                            // 'r' or 'v'
  uint8_t schema;                       // 1 pg_catalog, 2 information_schema
  bool shared;
};
struct CatColumn {
  uint32_t name_at;
  uint16_t type;
  int32_t typmod;
  bool not_null;
  uint16_t collation;
};
struct CatIndex {
  uint16_t oid;
  uint32_t name_at;
  uint16_t constraint;                  // pg_constraint row, 0 none
  int16_t keys[4];
  uint16_t classes[4];
  uint8_t nkeys;
  bool unique, primary;
};

std::string_view schema_string(uint32_t at);
std::span<const CatRelation> cat_relations();                    // ascending oid
const CatRelation* find_cat_relation(Oid oid);
std::span<const CatColumn> columns_of(const CatRelation& r);
std::span<const CatIndex> indexes_of(const CatRelation& r);
inline Oid schema_oid(const CatRelation& r) { return r.schema == 1 ? kPgCatalog : kInformationSchema; }
// The table of a system index; nullptr: not one.
const CatRelation* cat_relation_of_index(Oid index);

// Descriptor of a catalog, made at first use for the connected database. Throws XX000 for other OIDs.
RelationRef catalog_descriptor(Oid table);
void forget_catalog_descriptors();      // the database changed

// Fills the parts of an attribute that follow from its type.
void set_attr_type(AttrDesc& a, Oid type);

}  // namespace postern::catalog
