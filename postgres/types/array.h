// Arrays as values: layout, reading, building. SQL functions over them are in array_type.cc (I/O) and array_fn.cc.
//
// A Bytes holds, all 4-byte aligned relative to Bytes::data:
//   ArrayHeader | int32 dims[ndim] | int32 lower_bounds[ndim] | null bitmap (if kHasNulls, 1 = NULL, padded to 4) | elements
// Elements of by-value types are packed in their on-disk width (1, 2, 4 or 8 bytes; NULLs take a zero slot), so element i is found by
// arithmetic. Elements of by-reference types are preceded by a table of uint32 offsets (from the start of data; 0 for NULL), each to a
// Bytes inside the array, so reading an element copies nothing.
//
// Invariants:
//  1. ndim is 0 for the empty array (no dims, no elements); otherwise 1..kMaxDims, each dim >= 1.
//  2. Elements are in row-major order. count = product of dims <= kMaxArrayElements.
//  3. oidvector and int2vector use the same layout, with one dimension, lower bound 0 and no NULLs.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "postgres/types/datum.h"
#include "postgres/types/type_info.h"

namespace postern {

constexpr int kMaxDims = 6;
constexpr int64_t kMaxArrayElements = (int64_t{1} << 27);

struct ArrayHeader {
  uint8_t ndim;
  uint8_t flags;
  uint8_t width;     // of by-value elements: 1, 2, 4, 8; 0: by reference
  uint8_t unused;
  uint32_t elem_type;
  static constexpr uint8_t kHasNulls = 1, kSigned = 2;
};
static_assert(sizeof(ArrayHeader) == 8);

// Read access; keeps no memory of its own, valid as long as the Bytes.
class ArrayView {
 public:
  explicit ArrayView(Datum d) : ArrayView(as_bytes(d)) {}
  explicit ArrayView(const Bytes* b);

  Oid elem_type() const { return Oid{header_.elem_type}; }
  int ndim() const { return header_.ndim; }
  std::span<const int32_t> dims() const { return {dims_, header_.ndim}; }
  std::span<const int32_t> lower_bounds() const { return {dims_ + header_.ndim, header_.ndim}; }
  uint32_t count() const { return count_; }
  bool has_nulls() const { return header_.flags & ArrayHeader::kHasNulls; }
  // i: 0-based position in storage order.
  bool null(uint32_t i) const { return nulls_ && (static_cast<uint8_t>(nulls_[i >> 3]) >> (i & 7) & 1); }
  Datum value(uint32_t i) const {
    switch (header_.width) {
      case 0: return from_bytes(reinterpret_cast<const Bytes*>(data_ + reinterpret_cast<const uint32_t*>(elems_)[i]));
      case 1: return static_cast<uint8_t>(elems_[i]);
      case 2: return is_signed() ? from_int(load_as<int16_t>(i)) : load_as<uint16_t>(i);
      case 4: return is_signed() ? from_int(load_as<int32_t>(i)) : load_as<uint32_t>(i);
      default: return load_as<uint64_t>(i);
    }
  }
  NullableDatum at(uint32_t i) const { return null(i) ? NullableDatum{} : NullableDatum{value(i), false}; }
  // Storage position of subscripts; nullopt when their number or one of them is out of range.
  std::optional<uint32_t> position(std::span<const int32_t> subscripts) const;

 private:
  bool is_signed() const { return header_.flags & ArrayHeader::kSigned; }
  template <class T>
  T load_as(uint32_t i) const { T v; std::memcpy(&v, elems_ + i * sizeof(T), sizeof v); return v; }
  const char* data_;
  ArrayHeader header_;
  const int32_t* dims_;
  const char* nulls_ = nullptr;
  const char* elems_;
  uint32_t count_;
};

// Collects elements, then builds the value. add() keeps by-reference datums by pointer: they must live until build().
class ArrayBuilder {
 public:
  explicit ArrayBuilder(Oid elem_type) : elem_type_(elem_type) {}
  void add(Datum v) { values_.push_back(v); nulls_.push_back(0); }
  void add_null() { values_.push_back(0); nulls_.push_back(1); any_null_ = true; }
  void add(NullableDatum v) { v.null ? add_null() : add(v.value); }
  size_t size() const { return values_.size(); }
  // One-dimensional, lower bound 1 (or given).
  Datum build(Arena& arena, int32_t lower_bound = 1) const;
  Datum build(Arena& arena, std::span<const int32_t> dims, std::span<const int32_t> lower_bounds) const;

 private:
  Oid elem_type_;
  bool any_null_ = false;
  std::vector<Datum> values_;
  std::vector<uint8_t> nulls_;
};

// The general form: nulls may be nullptr. Throws 54000 for too many elements.
Datum make_array(Arena& arena, Oid elem_type, const Datum* values, const uint8_t* nulls, std::span<const int32_t> dims,
                 std::span<const int32_t> lower_bounds);
Datum make_array_1d(Arena& arena, Oid elem_type, const Datum* values, const uint8_t* nulls, uint32_t count, int32_t lower_bound = 1);
Datum empty_array(Arena& arena, Oid elem_type);

// ARRAY[a, b, …] whose elements are arrays: one dimension more. Throws 2202E unless all have equal dimensions.
Datum make_array_of_arrays(Arena& arena, Oid elem_type, std::span<const NullableDatum> arrays);

// Subscripting, as expressions need it. Reading out of range gives NULL (slices: an empty array).
NullableDatum array_get(Datum array, std::span<const int32_t> subscripts);
struct ArraySlice { std::optional<int32_t> lower, upper; };
Datum array_get_slice(Arena& arena, Datum array, std::span<const ArraySlice> slices);
// Assignment: array may be NULL (a new array is made). A one-dimensional array grows, gaps are NULL. Throws 2202E.
Datum array_set(Arena& arena, Oid elem_type, NullableDatum array, std::span<const int32_t> subscripts, NullableDatum value);
Datum array_set_slice(Arena& arena, Oid elem_type, NullableDatum array, std::span<const ArraySlice> slices, Datum source);

// Element-wise comparison as PostgreSQL's btree order of arrays. Throws 42883 if the element type has no order.
int array_compare(FnContext& cx, Datum a, Datum b);
bool array_equal(FnContext& cx, Datum a, Datum b);
uint64_t array_hash(FnContext& cx, Datum a);

// Text and binary forms, for any element type. The type-specific entries of TypeInfo call these.
Datum array_in(FnContext& cx, std::string_view s, Oid elem_type, int32_t typmod);
void array_out(FnContext& cx, Datum d, std::string& out);
Datum array_recv(FnContext& cx, std::string_view s, Oid elem_type, int32_t typmod);
void array_send(FnContext& cx, Datum d, std::string& out);

}  // namespace postern
