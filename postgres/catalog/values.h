// Small helpers for catalog values: names, text arrays, options, vectors of OIDs and column numbers.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/access/relation.h"
#include "postgres/types/datum.h"

namespace postern::catalog {

// A descriptor that owns the by-reference `missing` values of its columns.
struct OwningDesc : RelationDesc {
  Arena arena;
};
// Copies a value of attribute a into d's arena (by-value ones stay as they are). REQUIRES: d is an OwningDesc.
Datum keep_datum(RelationDesc& d, const AttrDesc& a, Datum v);

Datum oid_vector(Arena& arena, std::span<const Oid> oids);              // oidvector, lower bound 0
Datum int2_vector(Arena& arena, std::span<const int16_t> numbers);      // int2vector
Datum oid_array(Arena& arena, std::span<const Oid> oids);
Datum int2_array(Arena& arena, std::span<const int16_t> numbers);
Datum text_array(Arena& arena, std::span<const std::string> texts);
Datum char_array(Arena& arena, std::string_view letters);
std::vector<std::string> read_text_array(Datum array);
std::vector<int16_t> read_int2s(Datum array);
std::vector<Oid> read_oids(Datum array);

// reloptions, setconfig …: text[] of name=value.
using Options = std::vector<std::pair<std::string, std::string>>;
Options read_options(Datum text_array);
Datum write_options(Arena& arena, const Options& options);

}  // namespace postern::catalog
