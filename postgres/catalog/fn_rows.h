// A set-returning function whose rows are made all at once.
#pragma once
#include <vector>

#include "postgres/types/fn.h"

namespace postern::catalog {

class RowList : public SetFunction {
 public:
  Datum text(std::string_view s) { return make_bytes(arena_, s); }
  Arena& arena() { return arena_; }
  void add(std::initializer_list<Datum> values) {
    std::vector<NullableDatum> row;
    for (Datum d : values) row.push_back({d, false});
    rows_.push_back(std::move(row));
  }
  void add_nullable(std::vector<NullableDatum> row) { rows_.push_back(std::move(row)); }
  uint32_t next(FnContext&, Vector* out, int ncols, uint32_t max_rows) override {
    uint32_t n = 0;
    for (; n < max_rows && at_ < rows_.size(); n++, at_++)
      for (int c = 0; c < ncols; c++) {
        out[c].values[n] = rows_[at_][static_cast<size_t>(c)].value;
        out[c].nulls[n] = rows_[at_][static_cast<size_t>(c)].null;
      }
    return n;
  }

 private:
  Arena arena_;
  std::vector<std::vector<NullableDatum>> rows_;
  size_t at_ = 0;
};

}  // namespace postern::catalog
