// Writing all rows of a table into new files: ALTER COLUMN TYPE, ADD COLUMN with a computed default, CLUSTER, VACUUM FULL.
#pragma once
#include <memory>
#include <vector>

#include "postgres/ddl/objects.h"

namespace postern::ddl {

// REQUIRES: the table locked in ACCESS EXCLUSIVE. The constructor gives it and its indexes new empty files; the old ones go at commit, and readers of the old descriptor
// can use them until then. finish() builds the indexes.
class TableRewrite {
 public:
  TableRewrite(UtilityContext& cx, const RelationDesc& old);
  const RelationDesc& table() const { return *now_; }
  void add(const Datum* values, const uint8_t* nulls) { out_->add(values, nulls); }
  void finish();

 private:
  UtilityContext& cx_;
  RelationRef now_;
  RelationDesc bare_;              // without indexes: they are built at the end
  std::unique_ptr<exec::BulkInserter> out_;
};

struct ColumnRewrite { int attnum; sql::Expr* expr; };   // over the old row

// Copies every row, with some columns computed anew. `old` is the descriptor the rows were written with.
void rewrite_table(UtilityContext& cx, const RelationDesc& old, std::span<const ColumnRewrite> columns);

}  // namespace postern::ddl
