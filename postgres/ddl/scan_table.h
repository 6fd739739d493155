// Reads every visible row of a table, for ALTER TABLE's checks, rewrites and ANALYZE.
#pragma once
#include <functional>

#include "postgres/ddl/ddl.h"

namespace postern::ddl {

// values[attno - 1], nulls[attno - 1]; by-reference values live until fn returns. Uses a snapshot that sees this transaction's changes so far.
void scan_table(const RelationDesc& rel, UtilityContext& cx, const std::function<void(const Datum* values, const uint8_t* nulls, Tid tid)>& fn);

}  // namespace postern::ddl
