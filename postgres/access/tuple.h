// The packed format of attribute values: shared by heap tuples, index tuples and the executor's sort and hash spills.
//
// Attributes follow each other without alignment, NULLs take no room (a bitmap before the data, bit set = NULL).
//   fixed      by-value types in their natural size, little endian; by-reference types with a fixed length: their bytes
//   variable   1-byte header (payload size << 1 | 1) for payloads of at most 126 bytes, else a 4-byte header (size << 2 | special << 1)
//   special    the payload's first byte says: 1 = compressed {raw size u32, lz4 block}; 2 = ExternalValue (toast pointer)
// Only the heap makes special values; whoever unpacks them into Datums gets the expanded Bytes.
//
// Whole packed tuples (index entries, spills): one byte (0: no NULLs, 1: a bitmap of (natts+7)/8 bytes follows), then the data.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/endian.h"
#include "common/base/ids.h"
#include "common/memory/arena.h"
#include "postgres/buffer/buffer.h"
#include "postgres/types/datum.h"

namespace postern {

struct RelationDesc;
struct TypeInfo;
struct AttrDesc;

enum class StoreKind : uint8_t { kU8, kI16, kI32, kU32, k64, kFixed /* by reference */, kVariable };
struct AttrFormat {
  StoreKind kind = StoreKind::kVariable;
  uint16_t len = 0;      // bytes, 0 for kVariable
  uint16_t offset = 0;   // from the start of the data; valid for the first known_offsets attributes of a tuple without NULLs
};
AttrFormat attr_format(Oid type, int16_t len, bool by_value);
AttrFormat attr_format(const TypeInfo& type);

struct TupleFormat {
  std::vector<AttrFormat> attrs;
  uint16_t known_offsets = 0;   // leading fixed-width attributes and the one after them
  TupleFormat() = default;
  explicit TupleFormat(const RelationDesc& rel);
  void add(AttrFormat f);
  uint32_t natts() const { return static_cast<uint32_t>(attrs.size()); }
};

constexpr uint32_t kMaxShortPayload = 126;
constexpr uint8_t kSpecialCompressed = 1, kSpecialExternal = 2;
// Where a value went: chunks in the relation's toast fork, chained from `first`.
struct ExternalValue {
  uint32_t raw_size = 0;
  uint32_t stored_size = 0;
  bool compressed = false;
  Tid first;
};
constexpr uint32_t kExternalBytes = 15;   // on disk, without the kind byte
void store_external(uint8_t* p, const ExternalValue& v);
ExternalValue load_external(const uint8_t* p);
// Reads the chunks and decompresses: writes raw_size bytes to out. XX001 when the chain is broken. (heap/toast.cc)
void read_external(RelFile file, const ExternalValue& v, char* out);

// One attribute as it lies in a tuple. For kVariable p/size are the payload without its header.
struct RawAttr {
  const uint8_t* p = nullptr;
  uint32_t size = 0;
  bool null = true;
  bool special = false;
  std::string_view view() const { return {reinterpret_cast<const char*>(p), size}; }
};

inline bool bitmap_null(const uint8_t* bitmap, uint32_t i) { return bitmap && (bitmap[i >> 3] >> (i & 7) & 1); }
inline Datum load_fixed(StoreKind kind, const uint8_t* p) {
  switch (kind) {
    case StoreKind::kU8: return *p;
    case StoreKind::kI16: return from_int(load<int16_t>(p));
    case StoreKind::kI32: return from_int(load<int32_t>(p));
    case StoreKind::kU32: return load<uint32_t>(p);
    default: return load<uint64_t>(p);
  }
}
// Payload of a variable attribute at p; *next is set behind it.
inline RawAttr raw_variable(const uint8_t* p, const uint8_t** next) {
  RawAttr a;
  a.null = false;
  if (*p & 1) {
    a.size = *p >> 1;
    a.p = p + 1;
  } else {
    uint32_t h = load<uint32_t>(p);
    a.size = h >> 2;
    a.special = h & 2;
    a.p = p + 4;
  }
  *next = a.p + a.size;
  return a;
}
// A Datum from an attribute that is not NULL. By-reference values are copied into `arena` (expanded when special; `file` finds the toast fork).
Datum raw_to_datum(const AttrFormat& f, const RawAttr& a, Arena& arena, RelFile file = {});

// Walks the attributes of a tuple in order.
class AttrCursor {
 public:
  AttrCursor(const TupleFormat& format, const uint8_t* data, const uint8_t* bitmap) : attrs_(format.attrs.data()), p_(data), bitmap_(bitmap) {}
  // Skips straight to attribute i (0-based) by its known offset: only for i < known_offsets and no bitmap.
  void jump(uint32_t i) { p_ += attrs_[i].offset; i_ = i; }
  uint32_t index() const { return i_; }
  RawAttr next() {
    uint32_t i = i_++;
    if (bitmap_null(bitmap_, i)) return {};
    const AttrFormat& f = attrs_[i];
    if (f.kind == StoreKind::kVariable) return raw_variable(p_, &p_);
    RawAttr a{p_, f.len, false, false};
    p_ += f.len;
    return a;
  }
  const uint8_t* position() const { return p_; }

 private:
  const AttrFormat* attrs_;
  const uint8_t* p_;
  const uint8_t* bitmap_;
  uint32_t i_ = 0;
};

// Data part only. nulls may be nullptr (no NULLs).
size_t data_size(const TupleFormat& format, uint32_t natts, const Datum* values, const uint8_t* nulls);
uint8_t* pack_data(const TupleFormat& format, uint32_t natts, const Datum* values, const uint8_t* nulls, uint8_t* out);   // returns the end
bool any_null(const uint8_t* nulls, uint32_t natts);
void fill_bitmap(const uint8_t* nulls, uint32_t natts, uint8_t* bitmap);
// Bytes that one variable value of this payload takes.
inline size_t variable_size(size_t payload) { return payload <= kMaxShortPayload ? 1 + payload : 4 + payload; }

// Whole packed tuples. pack() writes exactly packed_size() bytes and returns that; unpack() returns the number of bytes read.
size_t packed_size(const TupleFormat& format, const Datum* values, const uint8_t* nulls);
size_t pack(const TupleFormat& format, const Datum* values, const uint8_t* nulls, uint8_t* out);
size_t unpack(const TupleFormat& format, const uint8_t* in, Datum* values, uint8_t* nulls, Arena& arena);
// Without copying: a cursor over a whole packed tuple.
inline AttrCursor packed_cursor(const TupleFormat& format, const uint8_t* in) {
  if (*in == 0) return AttrCursor(format, in + 1, nullptr);
  return AttrCursor(format, in + 1 + (format.natts() + 7) / 8, in + 1);
}

}  // namespace postern
