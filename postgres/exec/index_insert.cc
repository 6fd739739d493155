#include "postgres/exec/index_insert.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/types/session_services.h"

namespace postern::exec {

IndexKeys::IndexKeys(const RelationDesc& table, const IndexDesc& index, SessionServices* services) : index_(&index) {
  keys_.resize(index.keys.size() + index.included.size());
  nulls_.resize(keys_.size());
  if (index.expressions.empty() && index.predicate.empty()) return;
  exprs_memory_ = std::make_unique<Arena>(1024);
  memory_ = std::make_unique<Arena>(256);
  std::string_view rest = index.expressions;
  while (!rest.empty()) {
    size_t end = rest.find('\x01');
    std::string_view text = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    exprs_.push_back(std::make_unique<CompiledExpr>(*sql::analyze_expression(text, &table, Oid{0}, -1, *exprs_memory_), services));
  }
  if (!index.predicate.empty())
    predicate_ = std::make_unique<CompiledExpr>(*sql::analyze_expression(index.predicate, &table, oid::kBool, -1, *exprs_memory_), services);
}

bool IndexKeys::compute(const Datum* values, const uint8_t* nulls) {
  if (memory_) memory_->reset();
  if (predicate_) {
    NullableDatum d = predicate_->eval_row(values, nulls, *memory_);
    if (d.null || !d.value) return false;
  }
  size_t at = 0, expr = 0;
  for (const IndexDesc::Key& k : index_->keys) {
    if (k.attno > 0) {
      keys_[at] = values[k.attno - 1];
      nulls_[at] = nulls[k.attno - 1];
    } else {
      if (expr >= exprs_.size()) throw_internal(cat("index \"", index_->name, "\" lacks an expression"));
      NullableDatum d = exprs_[expr++]->eval_row(values, nulls, *memory_);
      keys_[at] = d.value;
      nulls_[at] = d.null;
    }
    at++;
  }
  for (int16_t attno : index_->included) {
    keys_[at] = values[attno - 1];
    nulls_[at] = nulls[attno - 1];
    at++;
  }
  return true;
}

std::vector<int16_t> IndexKeys::columns(const RelationDesc& table) const {
  std::vector<int16_t> out;
  if (!exprs_.empty() || predicate_) {
    for (int i = 0; i < table.natts(); i++)
      if (!table.attrs[i].dropped) out.push_back(static_cast<int16_t>(i + 1));
    return out;
  }
  for (const IndexDesc::Key& k : index_->keys) out.push_back(k.attno);
  out.insert(out.end(), index_->included.begin(), index_->included.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

struct IndexInserter::Impl {
  const RelationDesc& table;
  std::vector<IndexKeys> indexes;
};

IndexInserter::IndexInserter(const RelationDesc& table, SessionServices* services) : impl_(new Impl{table, {}}) {
  impl_->indexes.reserve(table.indexes.size());
  for (const IndexDesc& i : table.indexes) impl_->indexes.emplace_back(table, i, services);
}
IndexInserter::~IndexInserter() = default;

void IndexInserter::insert(const Datum* values, const uint8_t* nulls, Tid tid) {
  for (IndexKeys& k : impl_->indexes) {
    if (!k.compute(values, nulls)) continue;
    btree::insert(impl_->table, k.index(), k.keys(), k.nulls(), tid, k.index().unique ? btree::UniqueCheck::kYes : btree::UniqueCheck::kNone);
  }
}

void build_index(const RelationDesc& table, const IndexDesc& index, SessionServices* services, size_t maintenance_work_mem_bytes) {
  IndexKeys keys(table, index, services);
  std::vector<int16_t> columns = keys.columns(table);
  Arena memory(4096), vectors(4096);
  std::vector<Vector> out(columns.size());
  for (Vector& v : out) {
    v.values = vectors.alloc_array<Datum>(kBatchRows);
    v.nulls = vectors.alloc_array<uint8_t>(kBatchRows);
  }
  std::vector<Tid> tids(kBatchRows);
  std::vector<Datum> values(table.attrs.size());
  std::vector<uint8_t> nulls(table.attrs.size(), 1);
  heap::Wanted wanted{columns, out.data(), tids.data()};
  heap::BuildScan scan(table);
  btree::Builder builder(table, index, maintenance_work_mem_bytes);
  for (;;) {
    memory.reset();
    if (services) services->check_interrupts();
    uint32_t n = scan.next(wanted, memory);
    if (!n) break;
    for (uint32_t r = 0; r < n; r++) {
      for (size_t i = 0; i < columns.size(); i++) {
        values[columns[i] - 1] = out[i].values[r];
        nulls[columns[i] - 1] = out[i].nulls[r];
      }
      if (keys.compute(values.data(), nulls.data())) builder.add(keys.keys(), keys.nulls(), tids[r]);
    }
  }
  builder.finish();
}

}  // namespace postern::exec
