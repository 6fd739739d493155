// ANALYZE of one table: a sample of its rows, and pg_statistic rows from it.
#pragma once
#include <span>
#include <string_view>

#include "postgres/access/relation.h"

namespace postern {
struct SessionServices;
}
namespace postern::ddl {

struct AnalyzeResult { double rows; PageNo pages; };
// columns: only these (empty: all). Sample size and details as PostgreSQL's with default_statistics_target 100.
AnalyzeResult analyze_relation(const RelationDesc& rel, std::span<const std::string_view> columns, SessionServices* services);

}  // namespace postern::ddl
