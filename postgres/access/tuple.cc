#include "postgres/access/tuple.h"

#include <lz4.h>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/relation.h"
#include "postgres/types/type_info.h"

namespace postern {

AttrFormat attr_format(Oid type, int16_t len, bool by_value) {
  AttrFormat f;
  if (len < 0) return f;
  f.len = static_cast<uint16_t>(len);
  if (!by_value) {
    f.kind = StoreKind::kFixed;
    return f;
  }
  switch (len) {
    case 1: f.kind = StoreKind::kU8; break;
    case 2: f.kind = StoreKind::kI16; break;
    case 4: f.kind = type == oid::kInt4 || type == oid::kDate ? StoreKind::kI32 : StoreKind::kU32; break;
    case 8: f.kind = StoreKind::k64; break;
    default: throw_internal(cat("type ", raw(type), " has an unsupported length ", len));
  }
  return f;
}

AttrFormat attr_format(const TypeInfo& type) { return attr_format(type.oid, type.len, type.by_value); }

TupleFormat::TupleFormat(const RelationDesc& rel) {
  attrs.reserve(rel.attrs.size());
  for (const AttrDesc& a : rel.attrs) add(attr_format(a.type, a.len, a.by_value));
}

void TupleFormat::add(AttrFormat f) {
  if (known_offsets == attrs.size()) {
    if (attrs.empty()) {
      f.offset = 0;
      known_offsets = 1;
    } else if (attrs.back().kind != StoreKind::kVariable) {
      f.offset = static_cast<uint16_t>(attrs.back().offset + attrs.back().len);
      known_offsets++;
    }
  }
  attrs.push_back(f);
}

FormatCache::~FormatCache() { delete format_.load(); }

const TupleFormat& FormatCache::get(const RelationDesc& rel) const {
  const TupleFormat* f = format_.load(std::memory_order_acquire);
  if (f && f->natts() == rel.attrs.size()) return *f;
  auto* made = new TupleFormat(rel);
  if (!f && format_.compare_exchange_strong(f, made)) return *made;
  if (f->natts() != rel.attrs.size()) {   // the descriptor was still being built
    format_.store(made);
    delete f;
    return *made;
  }
  delete made;
  return *f;
}

void store_external(uint8_t* p, const ExternalValue& v) {
  store(p, v.raw_size);
  store(p + 4, v.stored_size);
  p[8] = v.compressed;
  store(p + 9, raw(v.first.page));
  store(p + 13, v.first.item);
}

ExternalValue load_external(const uint8_t* p) {
  return {load<uint32_t>(p), load<uint32_t>(p + 4), p[8] != 0, Tid{PageNo{load<uint32_t>(p + 9)}, load<uint16_t>(p + 13)}};
}

namespace {

Datum expand_special(const RawAttr& a, Arena& arena, RelFile file) {
  auto corrupt = [] { return SqlError{sqlstate::kDataCorrupted, "invalid compressed or external value"}; };
  if (a.size >= 5 && a.p[0] == kSpecialCompressed) {
    uint32_t raw_size = load<uint32_t>(a.p + 1);
    Bytes* b = alloc_bytes(arena, raw_size);
    int n = LZ4_decompress_safe(reinterpret_cast<const char*>(a.p + 5), b->data, static_cast<int>(a.size - 5), static_cast<int>(raw_size));
    if (n != static_cast<int>(raw_size)) throw corrupt();
    return from_bytes(b);
  }
  if (a.size == 1 + kExternalBytes && a.p[0] == kSpecialExternal) {
    ExternalValue v = load_external(a.p + 1);
    Bytes* b = alloc_bytes(arena, v.raw_size);
    read_external(file, v, b->data);
    return from_bytes(b);
  }
  throw corrupt();
}

size_t attr_size(const AttrFormat& f, Datum v) {
  if (f.kind != StoreKind::kVariable) return f.len;
  return variable_size(as_bytes(v)->size);
}

uint8_t* pack_attr(const AttrFormat& f, Datum v, uint8_t* out) {
  switch (f.kind) {
    case StoreKind::kU8: *out = static_cast<uint8_t>(v); return out + 1;
    case StoreKind::kI16: store(out, static_cast<uint16_t>(v)); return out + 2;
    case StoreKind::kI32:
    case StoreKind::kU32: store(out, static_cast<uint32_t>(v)); return out + 4;
    case StoreKind::k64: store(out, v); return out + 8;
    case StoreKind::kFixed: {
      const Bytes* b = as_bytes(v);
      if (b->size != f.len) throw_internal(cat("value of ", b->size, " bytes for a type of ", f.len, " bytes"));
      std::memcpy(out, b->data, f.len);
      return out + f.len;
    }
    case StoreKind::kVariable: {
      const Bytes* b = as_bytes(v);
      if (b->size <= kMaxShortPayload) {
        *out++ = static_cast<uint8_t>(b->size << 1 | 1);
      } else {
        store(out, b->size << 2);
        out += 4;
      }
      std::memcpy(out, b->data, b->size);
      return out + b->size;
    }
  }
  return out;
}

}  // namespace

Datum raw_to_datum(const AttrFormat& f, const RawAttr& a, Arena& arena, RelFile file) {
  if (f.kind < StoreKind::kFixed) return load_fixed(f.kind, a.p);
  if (a.special) return expand_special(a, arena, file);
  Bytes* b = alloc_bytes(arena, a.size);
  std::memcpy(b->data, a.p, a.size);
  return from_bytes(b);
}

size_t data_size(const TupleFormat& format, uint32_t natts, const Datum* values, const uint8_t* nulls) {
  size_t n = 0;
  for (uint32_t i = 0; i < natts; i++)
    if (!nulls || !nulls[i]) n += attr_size(format.attrs[i], values[i]);
  return n;
}

uint8_t* pack_data(const TupleFormat& format, uint32_t natts, const Datum* values, const uint8_t* nulls, uint8_t* out) {
  for (uint32_t i = 0; i < natts; i++)
    if (!nulls || !nulls[i]) out = pack_attr(format.attrs[i], values[i], out);
  return out;
}

bool any_null(const uint8_t* nulls, uint32_t natts) {
  if (!nulls) return false;
  for (uint32_t i = 0; i < natts; i++)
    if (nulls[i]) return true;
  return false;
}

void fill_bitmap(const uint8_t* nulls, uint32_t natts, uint8_t* bitmap) {
  std::memset(bitmap, 0, (natts + 7) / 8);
  for (uint32_t i = 0; i < natts; i++)
    if (nulls[i]) bitmap[i >> 3] = static_cast<uint8_t>(bitmap[i >> 3] | 1 << (i & 7));
}

size_t packed_size(const TupleFormat& format, const Datum* values, const uint8_t* nulls) {
  uint32_t n = format.natts();
  return 1 + (any_null(nulls, n) ? (n + 7) / 8 : 0) + data_size(format, n, values, nulls);
}

size_t pack(const TupleFormat& format, const Datum* values, const uint8_t* nulls, uint8_t* out) {
  uint32_t n = format.natts();
  uint8_t* p = out;
  bool has_nulls = any_null(nulls, n);
  *p++ = has_nulls;
  if (has_nulls) {
    fill_bitmap(nulls, n, p);
    p += (n + 7) / 8;
  }
  return static_cast<size_t>(pack_data(format, n, values, nulls, p) - out);
}

size_t unpack(const TupleFormat& format, const uint8_t* in, Datum* values, uint8_t* nulls, Arena& arena) {
  AttrCursor c = packed_cursor(format, in);
  for (uint32_t i = 0; i < format.natts(); i++) {
    RawAttr a = c.next();
    nulls[i] = a.null;
    values[i] = a.null ? 0 : raw_to_datum(format.attrs[i], a, arena);
  }
  return static_cast<size_t>(c.position() - in);
}

}  // namespace postern
