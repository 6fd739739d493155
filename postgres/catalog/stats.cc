// Statistics: pg_statistic rows as the planner wants them, and size estimates.
#include <algorithm>
#include <unordered_map>

#include "postgres/catalog/catalog.h"
#include "postgres/catalog/invalidation.h"
#include "postgres/catalog/schema.h"
#include "postgres/types/array.h"

namespace postern::catalog {
namespace {

struct OwnedStats : ColumnStats {
  Arena arena;
};
using StatsMap = std::unordered_map<uint64_t, std::shared_ptr<const ColumnStats>>;
StatsMap& stats() {
  static StatsMap m;
  return m;
}

constexpr int kSlots = 5, kMcv = 1, kHistogram = 2, kCorrelation = 3;

void take_values(OwnedStats& s, const CatalogRow& r, int column, std::vector<Datum>& out) {
  if (r.nulls[column]) return;
  ArrayView a(make_bytes(s.arena, as_view(r.values[column])));
  for (uint32_t i = 0; i < a.count(); i++) out.push_back(a.value(i));
}

std::shared_ptr<const ColumnStats> load_stats(Oid table, int16_t attno) {
  Arena arena;
  auto row = find_row(pg_statistic::kTable, pg_statistic::k_relid_att_inh_index, {from_oid(table), from_int(attno), from_bool(false)}, arena);
  if (!row) return nullptr;
  auto s = std::make_shared<OwnedStats>();
  s->null_fraction = as_float4(row->values[pg_statistic::stanullfrac]);
  s->width = as_int4(row->values[pg_statistic::stawidth]);
  s->n_distinct = as_float4(row->values[pg_statistic::stadistinct]);
  for (int i = 0; i < kSlots; i++) {
    int kind = as_int2(row->values[pg_statistic::stakind1 + i]);
    int numbers = pg_statistic::stanumbers1 + i;
    if (kind == kMcv) {
      take_values(*s, *row, pg_statistic::stavalues1 + i, s->mcv);
      if (!row->nulls[numbers]) {
        ArrayView f(row->values[numbers]);
        for (uint32_t k = 0; k < f.count(); k++) s->mcv_freq.push_back(as_float4(f.value(k)));
      }
    } else if (kind == kHistogram) {
      take_values(*s, *row, pg_statistic::stavalues1 + i, s->histogram);
    } else if (kind == kCorrelation && !row->nulls[numbers]) {
      ArrayView f(row->values[numbers]);
      if (f.count()) s->correlation = as_float4(f.value(0));
    }
  }
  return s;
}

// Bytes of an average row when nothing is known.
double estimated_row_width(const RelationDesc& rel) {
  double w = 32;
  for (const AttrDesc& a : rel.attrs) {
    if (a.dropped) continue;
    if (a.len > 0) w += a.len;
    else if ((a.type == oid::kVarchar || a.type == oid::kBpchar) && a.typmod > 4) w += std::min(a.typmod - 4, 32 + (a.typmod - 4) / 2);
    else w += 32;
  }
  return w;
}

}  // namespace

void drop_stats_entry(Oid oid) {
  std::erase_if(stats(), [&](auto& e) { return e.first >> 16 == raw(oid); });
}
void drop_stats_cache() { stats().clear(); }

std::shared_ptr<const ColumnStats> column_stats(Oid table, int16_t attno) {
  sync_own_changes();
  if (attno <= 0 || raw(table) < raw(kFirstNormalOid)) return nullptr;
  uint64_t key = uint64_t{raw(table)} << 16 | static_cast<uint16_t>(attno);
  auto it = stats().find(key);
  if (it != stats().end()) return it->second;
  return stats()[key] = load_stats(table, attno);
}

SizeEstimate size_estimate(const RelationDesc& rel) {
  SizeEstimate e{};
  double pages = raw(buffer::page_count(rel.file, Fork::kMain));
  if (rel.relpages == 0 && rel.reltuples < 0 && pages < 10 && raw(rel.oid) >= raw(kFirstNormalOid)) pages = 10;   // a new table grows soon
  e.pages = pages;
  if (pages <= 0) return e;
  double density;
  if (rel.reltuples >= 0 && rel.relpages > 0) density = rel.reltuples / rel.relpages;
  else density = (kPageBytes - 32.0) * rel.fillfactor / 100.0 / estimated_row_width(rel);
  e.rows = std::max(rel.reltuples == 0 && rel.relpages == 0 ? 0.0 : 1.0, density * pages);
  e.all_visible_fraction = std::min(1.0, rel.relallvisible / pages);
  return e;
}

}  // namespace postern::catalog
