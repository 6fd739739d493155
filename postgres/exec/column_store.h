// Rows kept as columns, in chunks of up to kBatchRows: Materialize, CTEs, work tables, hash join inputs. Reading gives the chunks themselves, nothing is copied, so a
// rescan of a materialised inner side costs almost nothing. Beyond the memory limit, full chunks go to a temporary file and come back one at a time.
#pragma once
#include <memory>
#include <vector>

#include "postgres/exec/node.h"
#include "postgres/exec/temp_file.h"

namespace postern::exec {

class ColumnStore {
 public:
  ColumnStore(std::span<const Oid> types, size_t memory_limit);
  ~ColumnStore();
  void append(const Vector* columns, Rows rows);
  void append_row(const Datum* values, const uint8_t* nulls);
  uint64_t rows() const { return rows_; }
  size_t memory_bytes() const;
  uint64_t disk_bytes() const { return file_.size(); }
  void clear();
  int ncols() const { return ncols_; }

  // A position; several readers may follow one store, also while it grows. The batch it gave stays valid until its next read (and clear()).
  struct Reader {
    size_t chunk = 0;
    uint32_t row = 0;
    std::vector<Vector> columns;
    std::unique_ptr<Arena> arena;       // of a chunk that was read back
    size_t loaded = SIZE_MAX;
    std::vector<Vector> loaded_columns;
    void rewind() { chunk = 0; row = 0; }
  };
  Batch read(Reader& r, uint32_t max = kBatchRows);   // no rows: nothing more for now

 private:
  struct Chunk;
  Chunk& writable(uint32_t more);
  void grow(Chunk& c);
  void spill();
  void load(Reader& r, const Chunk& c);
  int ncols_;
  std::vector<uint8_t> by_value_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  size_t memory_limit_, memory_ = 0, first_in_memory_ = 0;
  uint64_t rows_ = 0;
  TempFile file_;
};

}  // namespace postern::exec
