// Column vectors: what expressions and plan nodes pass around. A point query is a batch of one row.
#pragma once
#include <cstdint>

#include "postgres/types/datum.h"

namespace postern {

constexpr int kBatchRows = 1024;  // most rows of one batch

// A column of values. stride 1: one entry per row; stride 0: one entry that stands for every row (a constant or parameter).
// nulls[i] != 0 means NULL (values[i] is then unspecified but never followed). nulls may be nullptr: nothing is NULL.
struct Vector {
  Datum* values = nullptr;
  uint8_t* nulls = nullptr;
  uint32_t stride = 1;

  Datum value(uint32_t row) const { return values[row * stride]; }
  bool null(uint32_t row) const { return nulls && nulls[row * stride]; }
};

// Which rows of a batch to work on: rows 0..count-1 if index is null, else index[0..count-1], ascending.
struct Rows {
  const uint16_t* index = nullptr;
  uint32_t count = 0;
  uint32_t row(uint32_t i) const { return index ? index[i] : i; }
};

// for_rows(rows, [&](uint32_t row) {...}) with the dense case as its own loop.
template <class F>
inline void for_rows(Rows rows, F&& f) {
  if (!rows.index) {
    for (uint32_t i = 0; i < rows.count; i++) f(i);
  } else {
    for (uint32_t i = 0; i < rows.count; i++) f(rows.index[i]);
  }
}

}  // namespace postern
