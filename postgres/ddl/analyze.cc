// Sampling: up to kSampleRows rows by reservoir from all pages of a small table, or from kSamplePages random pages of a big one.
// Distinct values: the Duj1 estimator of Haas and Stokes (IBM research report RJ 10025), n*d / (n - f1 + f1*n/N).
#include "postgres/ddl/analyze.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/ddl/objects.h"
#include "postgres/types/array.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

using namespace catalog;

namespace {

constexpr uint32_t kTarget = 100;
constexpr size_t kSampleRows = 300 * kTarget;
constexpr uint32_t kSamplePages = 3000;
constexpr size_t kWideBytes = 1024;          // wider values are counted, not kept

struct Sample {
  std::vector<std::vector<Datum>> values;    // per column, per row
  std::vector<std::vector<uint8_t>> nulls;
  std::vector<uint64_t> order;               // physical position of each row
  double total_rows = 0;
  Arena arena{64 << 10};
};

class Sampler {
 public:
  Sampler(const RelationDesc& rel, std::vector<int16_t> attnos, Sample& out, SessionServices* services) : rel_(rel), attnos_(std::move(attnos)), out_(out), services_(services) {
    out_.values.resize(attnos_.size());
    out_.nulls.resize(attnos_.size());
  }

  void run(PageNo pages) {
    uint32_t n = raw(pages);
    if (n <= kSamplePages) {
      scan(PageNo{0}, pages);
      out_.total_rows = static_cast<double>(seen_);
      return;
    }
    // Knuth's selection sampling gives the pages in order.
    uint32_t chosen = 0;
    for (uint32_t p = 0; p < n && chosen < kSamplePages; p++) {
      if (std::uniform_int_distribution<uint32_t>(0, n - p - 1)(random_) >= kSamplePages - chosen) continue;
      chosen++;
      scan(PageNo{p}, PageNo{p + 1});
      if (services_ && chosen % 64 == 0) services_->check_interrupts();
    }
    out_.total_rows = std::floor(static_cast<double>(seen_) / chosen * n + 0.5);
  }

 private:
  void scan(PageNo first, PageNo end) {
    size_t n = attnos_.size();
    if (values_.empty()) {
      values_.resize(n * kBatchRows);
      nulls_.resize(n * kBatchRows);
      for (size_t i = 0; i < n; i++) vectors_.push_back({values_.data() + i * kBatchRows, nulls_.data() + i * kBatchRows, 1});
    }
    std::vector<Tid> tids(kBatchRows);
    heap::Scan s(rel_, txn::catalog_snapshot(), first, end);
    heap::Wanted wanted{attnos_, vectors_.data(), tids.data()};
    while (uint32_t rows = s.next(wanted, batch_arena_)) {
      for (uint32_t r = 0; r < rows; r++) take(r, tids[r]);
      batch_arena_.reset();
      if (services_) services_->check_interrupts();
    }
  }
  void take(uint32_t r, Tid tid) {
    size_t at = seen_++;
    if (at >= kSampleRows) {
      at = std::uniform_int_distribution<size_t>(0, seen_ - 1)(random_);
      if (at >= kSampleRows) return;
    } else {
      out_.order.push_back(0);
      for (auto& v : out_.values) v.push_back(0);
      for (auto& v : out_.nulls) v.push_back(0);
    }
    out_.order[at] = uint64_t{raw(tid.page)} << 16 | tid.item;
    for (size_t i = 0; i < attnos_.size(); i++) {
      bool null = vectors_[i].null(r);
      out_.nulls[i][at] = null;
      Datum d = null ? 0 : vectors_[i].value(r);
      const AttrDesc& a = rel_.attrs[attnos_[i] - 1];
      if (!null && !a.by_value) {
        std::string_view v = as_view(d);
        // Only the width of wide values matters: keep a stand-in of that size without its bytes.
        if (v.size() > kWideBytes) wide_bytes(i) += static_cast<double>(v.size()), out_.nulls[i][at] = 2;
        else d = make_bytes(out_.arena, v);
      }
      out_.values[i][at] = d;
    }
  }
  double& wide_bytes(size_t i) {
    if (wide_.size() <= i) wide_.resize(i + 1);
    return wide_[i];
  }

  const RelationDesc& rel_;
  std::vector<int16_t> attnos_;
  Sample& out_;
  SessionServices* services_;
  std::mt19937_64 random_{std::random_device{}()};
  std::vector<Datum> values_;
  std::vector<uint8_t> nulls_;
  std::vector<Vector> vectors_;
  std::vector<double> wide_;
  Arena batch_arena_;
  size_t seen_ = 0;
};

Oid operator_of(std::string_view name, Oid type) {
  if (type == oid::kVarchar) type = oid::kText;
  for (const facts::OperFact& o : facts::opers_named(name))
    if (o.left == raw(type) && o.right == raw(type)) return Oid{o.oid};
  return kInvalidOid;
}

struct Group { size_t first, count; };      // a run of equal values in sorted order

struct ColumnResult {
  double null_fraction = 0, distinct = 0, correlation = 0;
  int width = 0;
  bool has_correlation = false;
  std::vector<Datum> mcv, histogram;
  std::vector<float> mcv_freq;
};

double estimate_distinct(double n, double nulls, double d, double f1, double total) {
  if (f1 == 0) return d;                       // every value seen twice: these are all
  if (f1 == n && d == n) return -(1.0 - nulls);   // all different
  double live = total * (1.0 - nulls);
  double est = n * d / (n - f1 + f1 * n / live);
  est = std::clamp(est, d, std::max(live, d));
  est = std::floor(est + 0.5);
  return est > 0.1 * total ? -est / total : est;
}

ColumnResult compute(const AttrDesc& a, const std::vector<Datum>& values, const std::vector<uint8_t>& nulls, const std::vector<uint64_t>& order, double total) {
  ColumnResult out;
  size_t rows = values.size(), null_count = 0, wide = 0;
  double width = 0;
  std::vector<uint32_t> idx;
  for (uint32_t i = 0; i < rows; i++) {
    if (nulls[i] == 1) null_count++;
    else if (nulls[i] == 2) wide++, width += kWideBytes;
    else {
      idx.push_back(i);
      width += a.by_value ? a.len : static_cast<double>(as_view(values[i]).size() + 1);
    }
  }
  size_t nonnull = idx.size() + wide;
  out.null_fraction = rows ? static_cast<double>(null_count) / static_cast<double>(rows) : 0;
  out.width = nonnull ? static_cast<int>(width / static_cast<double>(nonnull) + 0.5) : 0;
  const TypeInfo* t = postern::find_type(a.type);
  bool orderable = t && (t->compare || t->compare_kind == CompareKind::kInt64 || t->compare_kind == CompareKind::kBytes) && operator_of("<", a.type) != kInvalidOid;
  if (idx.empty() || !orderable) {
    if (!idx.empty()) out.distinct = 0;
    else if (nonnull) out.distinct = -(1.0 - out.null_fraction);
    return out;
  }
  Arena scratch;
  FnContext fc;
  fc.arena = &scratch;
  fc.collation = a.collation;
  auto physical = idx;
  std::sort(physical.begin(), physical.end(), [&](uint32_t x, uint32_t y) { return order[x] < order[y]; });
  std::vector<uint32_t> rank(rows);
  for (uint32_t i = 0; i < physical.size(); i++) rank[physical[i]] = i;
  std::sort(idx.begin(), idx.end(), [&](uint32_t x, uint32_t y) {
    int c = compare_datums(fc, *t, values[x], values[y]);
    return c ? c < 0 : rank[x] < rank[y];
  });
  size_t n = idx.size();
  std::vector<Group> groups;
  double sum_xy = 0;
  for (size_t i = 0; i < n; i++) {
    sum_xy += static_cast<double>(i) * rank[idx[i]];
    if (i && compare_datums(fc, *t, values[idx[i - 1]], values[idx[i]]) == 0) groups.back().count++;
    else groups.push_back({i, 1});
  }
  double f1 = static_cast<double>(std::count_if(groups.begin(), groups.end(), [](const Group& g) { return g.count == 1; }));
  out.distinct = estimate_distinct(static_cast<double>(n), out.null_fraction, static_cast<double>(groups.size()), f1 + static_cast<double>(wide), total);
  // Most common values: all of them when they are few and complete, else those clearly above the average.
  std::vector<Group> common;
  for (const Group& g : groups)
    if (g.count > 1) common.push_back(g);
  std::stable_sort(common.begin(), common.end(), [](const Group& x, const Group& y) { return x.count > y.count; });
  bool complete = common.size() == groups.size() && groups.size() <= kTarget && wide == 0 && out.distinct > 0;
  if (!complete && !common.empty()) {
    double distinct = out.distinct < 0 ? -out.distinct * total : out.distinct;
    double average = static_cast<double>(n) / std::max(1.0, distinct);
    double minimum = std::max(2.0, average * 1.25);
    if (double cap = static_cast<double>(n) / kTarget; minimum > cap) minimum = std::max(2.0, cap);
    size_t keep = 0;
    while (keep < common.size() && keep < kTarget && static_cast<double>(common[keep].count) >= minimum) keep++;
    common.resize(keep);
  }
  double all = static_cast<double>(n + null_count + wide);
  std::vector<uint8_t> in_mcv(n);
  for (const Group& g : common) {
    out.mcv.push_back(values[idx[g.first]]);
    out.mcv_freq.push_back(static_cast<float>(static_cast<double>(g.count) / all));
    std::fill(in_mcv.begin() + static_cast<long>(g.first), in_mcv.begin() + static_cast<long>(g.first + g.count), 1);
  }
  std::vector<uint32_t> rest;
  for (size_t i = 0; i < n; i++)
    if (!in_mcv[i]) rest.push_back(idx[i]);
  if (groups.size() - common.size() >= 2 && rest.size() >= 2) {
    size_t bounds = std::min<size_t>(groups.size() - common.size(), kTarget + 1);
    for (size_t i = 0; i < bounds; i++) out.histogram.push_back(values[rest[i * (rest.size() - 1) / (bounds - 1)]]);
  }
  if (n > 1) {
    double m = static_cast<double>(n), sum_x = m * (m - 1) / 2, sum_x2 = (m - 1) * m * (2 * m - 1) / 6;
    out.correlation = (m * sum_xy - sum_x * sum_x) / (m * sum_x2 - sum_x * sum_x);
    out.has_correlation = true;
  }
  return out;
}

void store_column(const RelationDesc& rel, int16_t attno, const ColumnResult& c) {
  namespace s = pg_statistic;
  const AttrDesc& a = rel.attrs[attno - 1];
  Arena arena;
  CatalogRow r = new_row(s::kTable);
  r.set(s::starelid, from_oid(rel.oid));
  r.set(s::staattnum, from_int(attno));
  r.set(s::stainherit, from_bool(false));
  r.set(s::stanullfrac, from_float4(static_cast<float>(c.null_fraction)));
  r.set(s::stawidth, from_int(c.width));
  r.set(s::stadistinct, from_float4(static_cast<float>(c.distinct)));
  for (int i = 0; i < 5; i++) {
    r.set(s::stakind1 + i, 0);
    r.set(s::staop1 + i, 0);
    r.set(s::stacoll1 + i, 0);
  }
  int slot = 0;
  auto add = [&](int kind, std::string_view op, const std::vector<float>& numbers, const std::vector<Datum>& values) {
    r.set(s::stakind1 + slot, from_int(kind));
    r.set(s::staop1 + slot, from_oid(operator_of(op, a.type)));
    r.set(s::stacoll1 + slot, from_oid(a.collation));
    if (!numbers.empty()) {
      std::vector<Datum> d;
      for (float f : numbers) d.push_back(from_float4(f));
      r.set(s::stanumbers1 + slot, make_array_1d(arena, oid::kFloat4, d.data(), nullptr, static_cast<uint32_t>(d.size())));
    }
    if (!values.empty()) r.set(s::stavalues1 + slot, make_array_1d(arena, a.type, values.data(), nullptr, static_cast<uint32_t>(values.size())));
    slot++;
  };
  if (!c.mcv.empty()) add(1, "=", c.mcv_freq, c.mcv);
  if (!c.histogram.empty()) add(2, "<", {}, c.histogram);
  if (c.has_correlation) add(3, "<", {static_cast<float>(c.correlation)}, {});
  auto old = find_row(s::kTable, s::k_relid_att_inh_index, {from_oid(rel.oid), from_int(attno), from_bool(false)}, arena);
  if (old) {
    r.tid = old->tid;
    update_row(s::kTable, r);
  } else {
    insert_row(s::kTable, r);
  }
}

}  // namespace

AnalyzeResult analyze_relation(const RelationDesc& rel, std::span<const std::string_view> columns, SessionServices* services) {
  std::vector<int16_t> attnos;
  for (std::string_view name : columns) {
    auto it = std::find_if(rel.attrs.begin(), rel.attrs.end(), [&](const AttrDesc& a) { return !a.dropped && a.name == name; });
    if (it == rel.attrs.end()) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", name, "\" of relation \"", rel.name, "\" does not exist"));
    attnos.push_back(static_cast<int16_t>(it - rel.attrs.begin() + 1));
  }
  std::sort(attnos.begin(), attnos.end());
  if (columns.empty())
    for (int i = 0; i < rel.natts(); i++)
      if (!rel.attrs[i].dropped) attnos.push_back(static_cast<int16_t>(i + 1));
  PageNo pages = buffer::page_count(rel.file, Fork::kMain);
  Sample sample;
  Sampler(rel, attnos, sample, services).run(pages);
  if (!sample.order.empty())
    for (size_t i = 0; i < attnos.size(); i++)
      store_column(rel, attnos[i], compute(rel.attrs[attnos[i] - 1], sample.values[i], sample.nulls[i], sample.order, sample.total_rows));
  invalidate_relation(rel.oid);
  return {sample.total_rows, pages};
}

}  // namespace postern::ddl
