// Sorting rows of Datums: in memory while they fit, else sorted runs in temporary files (<site>/base/pgsql_tmp/, unlinked as soon as they
// are made) merged k ways. Used by index builds and by the executor (ORDER BY, DISTINCT, merge joins, ordered aggregates).
//
// Each row in memory is {64-bit abbreviation of the first key, pointer}: rows are ordered by radix passes over the abbreviations, and
// only rows that tie there are compared in full. Rows whose first key is NULL are kept apart.
//
// Life: add()* → sort() → next()* (→ rewind() → next()*)*. With a limit only the first `limit` rows of the order are kept.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "postgres/types/type_info.h"
#include "postgres/types/vector.h"

namespace postern {

struct SortKey {
  int column;                  // index into the row
  const TypeInfo* type;
  bool desc = false, nulls_first = false;
  Oid collation{0};
};

class ExternalSort {
 public:
  // types: one per column of a row. limit 0: none.
  ExternalSort(std::span<const TypeInfo* const> types, std::span<const SortKey> keys, size_t memory_bytes, uint64_t limit = 0);
  ~ExternalSort();
  ExternalSort(const ExternalSort&) = delete;
  ExternalSort& operator=(const ExternalSort&) = delete;

  void add(const Datum* values, const uint8_t* nulls /* may be nullptr */);   // copies by-reference values. 53100 when the disk is full.
  void add_batch(const Vector* columns, Rows rows);
  void sort();
  // Up to max (<= kBatchRows) rows into out (one Vector per column, with values and nulls arrays). By-reference values live in the sorter until the next call.
  uint32_t next(Vector* out, uint32_t max);
  // One row; false at the end. The arrays belong to the sorter until the next call.
  bool next_row(const Datum** values, const uint8_t** nulls);
  void rewind();
  uint64_t rows() const;       // added so far (with a limit: at most that many are returned)

  struct Stats {
    const char* method;        // "quicksort", "top-N heapsort", "external merge", as EXPLAIN ANALYZE names them
    bool on_disk;
    uint64_t kb;               // of memory or disk
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern
