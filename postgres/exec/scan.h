// What the kinds of table scans share: the columns they read, their filter and targets, the keys of index scans.
#pragma once
#include <algorithm>
#include <vector>

#include "postgres/access/btree.h"
#include "postgres/access/heap.h"
#include "postgres/exec/node.h"

namespace postern::exec {

// The columns that a scan reads. access/ wants them ascending, the plan has its own order.
class ScanColumns {
 public:
  void init(Arena& arena, std::span<const int16_t> attnos) {
    n_ = static_cast<int>(attnos.size());
    attnos_ = arena.alloc_array<int16_t>(n_);
    uint16_t* order = arena.alloc_array<uint16_t>(n_);
    for (int i = 0; i < n_; i++) order[i] = static_cast<uint16_t>(i);
    std::sort(order, order + n_, [&](uint16_t a, uint16_t b) { return attnos[a] < attnos[b]; });
    place_ = arena.alloc_array<uint16_t>(n_);
    for (int i = 0; i < n_; i++) {
      attnos_[i] = attnos[order[i]];
      place_[order[i]] = static_cast<uint16_t>(i);
    }
    own_.init(arena, n_);
    columns_ = arena.alloc_array<Vector>(n_);
  }
  heap::Wanted wanted(Arena& arena, uint32_t rows) {
    if (rows > own_.capacity) {
      own_.reserve(arena, rows);
      for (int i = 0; i < n_; i++) columns_[i] = own_.v[place_[i]];
    }
    return heap::Wanted{{attnos_, static_cast<size_t>(n_)}, own_.v, nullptr};
  }
  // Columns in the plan's order, with NULL arrays dropped where nothing is NULL.
  Vector* columns(uint32_t rows) {
    for (int i = 0; i < n_; i++) {
      columns_[i] = own_.v[place_[i]];
      trim_nulls(columns_[i], Rows{nullptr, rows});
    }
    return columns_;
  }
  int size() const { return n_; }

 private:
  int n_ = 0;
  int16_t* attnos_ = nullptr;
  uint16_t* place_ = nullptr;    // plan column -> own_ column
  OwnColumns own_;
  Vector* columns_ = nullptr;
};

class ScanNode : public Node {
 public:
  ScanNode(ExecState& es, const sql::Plan& plan) : Node(es, plan) {
    columns_.init(es.arena, plan.columns);
    Compiler cp = compiler();
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
  }

 protected:
  // Filter and targets over n rows that were read; no rows: none passed.
  Batch emit(uint32_t n) { return emit(columns_.columns(n), columns_.size(), n); }
  Batch emit(Vector* columns, int ncols, uint32_t n) {
    EvalInput in{{columns, nullptr}, n};
    Rows rows{nullptr, n};
    if (!filter_.empty()) {
      rows = filter_.apply(in, rows);
      count_filtered(n - rows.count);
    }
    if (!rows.count) return {};
    if (targets_.empty()) return Batch{columns, ncols, rows};
    return targets_.apply(in, rows);
  }
  ScanColumns columns_;
  Predicate filter_;
  Projection targets_;
};

// The values of a plan's index conditions; = ANY(array) conditions go through their elements in index order, all combinations of them.
class IndexKeys {
 public:
  void init(Compiler cp, const sql::Plan& plan);
  bool compute();              // from the parameters as they are now; false: nothing can match
  bool next_array_element();   // the next combination of array elements, the last array turning fastest
  std::span<const btree::ScanKey> keys() const { return {keys_, plan_->index_conds.size()}; }
  bool has_arrays() const { return !arrays_.empty(); }
  size_t equal_prefix() const { return equal_prefix_; }   // leading key columns that are fixed

 private:
  struct ArrayKey {
    size_t cond;
    std::vector<Datum> values;   // sorted in index order, distinct
    size_t at;
  };
  void expand(ArrayKey& a);
  const sql::Plan* plan_ = nullptr;
  Compiler cp_{};
  Arena arena_{256};
  Code** values_ = nullptr;
  btree::ScanKey* keys_ = nullptr;
  std::vector<ArrayKey> arrays_;
  size_t equal_prefix_ = 0;
};

}  // namespace postern::exec
