// Composite values (ROW(…), whole-row references, rows of functions that return record).
//
// A Bytes holds: uint32 column count, uint32 row type OID (2249 record for anonymous), then per column RecordColumn, then the values: by-value
// ones as 8 bytes, by-reference ones as a Bytes, all 4-aligned. Reading copies nothing. Column names are optional (row_to_json wants them).
#pragma once
#include <span>
#include <string_view>

#include "postgres/types/type_info.h"

namespace postern {

struct RecordColumn {
  uint32_t type;
  uint32_t value_at;  // offset from data; 0: NULL
  uint32_t name_at;   // offset of a Bytes; 0: none
  uint32_t by_value;
};

struct RecordField {
  Oid type;
  NullableDatum value;
  std::string_view name;
};

Datum make_record(Arena& arena, Oid row_type, std::span<const RecordField> fields);

class RecordView {
 public:
  explicit RecordView(Datum d) : data_(as_bytes(d)->data) {}
  uint32_t count() const { return at(0); }
  Oid row_type() const { return Oid{at(1)}; }
  Oid type(uint32_t i) const { return Oid{column(i).type}; }
  bool null(uint32_t i) const { return column(i).value_at == 0; }
  Datum value(uint32_t i) const {
    const RecordColumn& c = column(i);
    if (!c.by_value) return from_bytes(reinterpret_cast<const Bytes*>(data_ + c.value_at));
    Datum d;
    std::memcpy(&d, data_ + c.value_at, sizeof d);
    return d;
  }
  NullableDatum field(uint32_t i) const { return null(i) ? NullableDatum{} : NullableDatum{value(i), false}; }
  std::string_view name(uint32_t i) const {
    uint32_t n = column(i).name_at;
    return n ? reinterpret_cast<const Bytes*>(data_ + n)->view() : std::string_view{};
  }

 private:
  uint32_t at(int i) const { return reinterpret_cast<const uint32_t*>(data_)[i]; }
  const RecordColumn& column(uint32_t i) const { return reinterpret_cast<const RecordColumn*>(data_ + 8)[i]; }
  const char* data_;
};

// Column by column, NULLs last. Throws 42804 for different column types or counts.
int record_compare(FnContext& cx, Datum a, Datum b);
uint64_t record_hash(FnContext& cx, Datum d);
void record_out(FnContext& cx, Datum d, std::string& out);
void record_send(FnContext& cx, Datum d, std::string& out);

}  // namespace postern
