// Query to plan. Pure: reads statistics and relation sizes, takes no locks, changes nothing.
#pragma once
#include <span>

#include "postgres/sql/analyze/bound.h"
#include "postgres/sql/plan/plan.h"

namespace postern::sql {

struct PlannerSettings {
  double seq_page_cost = 1, random_page_cost = 4, cpu_tuple_cost = 0.01, cpu_index_tuple_cost = 0.005, cpu_operator_cost = 0.0025;
  double effective_cache_pages = 524288;
  double work_mem_bytes = 4 << 20;
  bool enable_seqscan = true, enable_indexscan = true, enable_indexonlyscan = true, enable_hashjoin = true, enable_mergejoin = true, enable_nestloop = true,
       enable_hashagg = true, enable_sort = true, enable_material = true, enable_tidscan = true, enable_bitmapscan = true;
  double cursor_tuple_fraction = 1.0;   // < 1: prefer a fast start
};

// params: values of $n when known (custom plan), else empty (generic plan). FnContext is for constant folding.
PlannedStmt* plan(const Query& query, std::span<const NullableDatum> params, std::span<const Oid> param_types, const PlannerSettings& settings, FnContext& cx, Arena& arena);

}  // namespace postern::sql
