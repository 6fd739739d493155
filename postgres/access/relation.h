// The plain relation descriptor that catalog fills and access works from. No catalog knowledge below this line.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "postgres/buffer/buffer.h"
#include "postgres/types/type_info.h"

namespace postern {

struct AttrDesc {
  std::string name;
  Oid type{0};
  int32_t typmod = -1;
  int16_t len = 0;           // as TypeInfo::len
  bool by_value = true;
  bool not_null = false;
  bool dropped = false;
  bool has_default = false;
  std::string default_expr;  // SQL text of pg_attrdef, "" none (identity columns have none: their sequence is identity_sequence)
  Oid identity_sequence{0};  // identity columns: the sequence
  char storage = 'p';        // 'p','x','m','e'
  char identity = 0;         // 'a','d' or 0
  char generated = 0;        // 's' or 0
  Oid collation{0};
  bool has_missing = false;  // value for tuples written before ALTER TABLE ADD COLUMN ... DEFAULT
  Datum missing = 0;
};

struct IndexDesc {
  Oid oid{0};
  std::string name;
  RelFile file;
  bool unique = false, primary = false, nulls_not_distinct = false, valid = true;
  bool deferrable = false;
  struct Key {
    int16_t attno = 0;              // 1-based table column, 0 = expression
    Oid type{0};
    Oid opclass{0};
    Oid collation{0};
    bool desc = false, nulls_first = false;
  };
  std::vector<Key> keys;            // key columns
  std::vector<int16_t> included;    // INCLUDE columns
  std::string expressions, predicate;  // serialised expressions ("" none); evaluated by exec
  const TypeInfo& key_type(size_t i) const { return type_info(keys[i].type); }
};

struct TupleFormat;
struct RelationDesc;
// The relation's tuple format, made on first use. Copying a descriptor drops it; a descriptor that has been used for access must not get other attributes.
class FormatCache {
 public:
  FormatCache() = default;
  FormatCache(const FormatCache&) {}
  FormatCache& operator=(const FormatCache&) { return *this; }
  ~FormatCache();
  const TupleFormat& get(const RelationDesc& rel) const;

 private:
  mutable std::atomic<const TupleFormat*> format_{nullptr};
};

struct CheckDesc { std::string name; std::string expression; bool validated = true; };

struct RelationDesc {
  Oid oid{0};
  std::string name;
  Oid namespace_oid{0};
  std::string namespace_name;       // for error fields
  RelFile file;
  char kind = 'r';                  // r table, i index, v view, S sequence, t toast, m matview
  char persistence = 'p';
  Oid owner{0};
  Oid row_type{0};
  int fillfactor = 100;
  bool autovacuum_enabled = true;
  std::vector<AttrDesc> attrs;      // attno - 1
  std::vector<IndexDesc> indexes;
  std::vector<CheckDesc> checks;
  double reltuples = -1;            // estimate, -1 never analysed
  uint32_t relpages = 0, relallvisible = 0;
  std::string view_query;           // kind 'v': its SELECT as SQL text
  FormatCache format;
  bool is_shared() const { return raw(file.database) == 0; }
  int natts() const { return static_cast<int>(attrs.size()); }
};
using RelationRef = std::shared_ptr<const RelationDesc>;

}  // namespace postern
