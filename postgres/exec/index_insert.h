// Keys of a table's indexes, from rows of the table.
#pragma once
#include <memory>
#include <vector>

#include "postgres/access/btree.h"
#include "postgres/exec/exec.h"

namespace postern::exec {

class IndexKeys {
 public:
  IndexKeys(const RelationDesc& table, const IndexDesc& index, SessionServices* services);
  // The keys and included values of a row; false if the index's predicate leaves the row out. They live until the next call.
  bool compute(const Datum* values, const uint8_t* nulls);
  const Datum* keys() const { return keys_.data(); }
  const uint8_t* nulls() const { return nulls_.data(); }
  const IndexDesc& index() const { return *index_; }
  // Columns of the table that compute() reads (1-based, ascending).
  std::vector<int16_t> columns(const RelationDesc& table) const;

 private:
  const IndexDesc* index_;
  std::vector<Datum> keys_;
  std::vector<uint8_t> nulls_;
  std::unique_ptr<Arena> exprs_memory_;          // bound expressions
  std::vector<std::unique_ptr<CompiledExpr>> exprs_;
  std::unique_ptr<CompiledExpr> predicate_;
  std::unique_ptr<Arena> memory_;
};

}  // namespace postern::exec
