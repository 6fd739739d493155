// From values to a tuple: packing, and making wide rows fit: compress the widest attributes, then move the widest out of line.
#include <lz4.h>

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap_internal.h"

namespace postern::heap {
namespace {

constexpr uint32_t kToastTarget = 2040;      // rows above are compressed and moved out until they are no wider
constexpr uint32_t kMinCompress = 64;        // narrower values are left alone

// How one attribute will be stored.
struct Part {
  const uint8_t* p = nullptr;   // payload behind the length (kVariable that was changed); null: from the Datum
  uint32_t size = 0;
  bool external = false, tried = false;
};

alignas(8) uint8_t g_buffer[kPageBytes];

class Shrinker {
 public:
  Shrinker(const RelationDesc& rel, const TupleFormat& format, Row row, uint32_t overhead, OldVersion old)
      : rel_(rel), format_(format), row_(row), overhead_(overhead), old_(old), parts_(format.natts()) {
    for (uint32_t i = 0; i < format.natts(); i++)
      if (variable(i)) parts_[i].size = as_bytes(row.values[i])->size;
  }

  void run() {
    while (width() > kToastTarget && step("x", false)) {}
    while (width() > kToastTarget && step("xe", true)) {}
    while (width() > kToastTarget && step("m", false)) {}
    while (width() > kMaxTupleBytes && step("m", true)) {}
  }
  size_t width() const {
    size_t n = overhead_;
    for (uint32_t i = 0; i < format_.natts(); i++) {
      if (null(i)) continue;
      if (format_.attrs[i].kind != StoreKind::kVariable) n += format_.attrs[i].len;
      else n += parts_[i].p ? 4 + parts_[i].size : variable_size(parts_[i].size);
    }
    return n;
  }
  bool any_external() const {
    return std::any_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.external; });
  }
  uint8_t* pack(uint8_t* out) const {
    for (uint32_t i = 0; i < format_.natts(); i++) {
      if (null(i)) continue;
      if (!parts_[i].p) {
        TupleFormat one;
        one.add(format_.attrs[i]);
        out = pack_data(one, 1, &row_.values[i], nullptr, out);
      } else {
        store(out, parts_[i].size << 2 | 2u);
        std::memcpy(out + 4, parts_[i].p, parts_[i].size);
        out += 4 + parts_[i].size;
      }
    }
    return out;
  }

 private:
  bool null(uint32_t i) const { return row_.nulls && row_.nulls[i]; }
  bool variable(uint32_t i) const { return !null(i) && format_.attrs[i].kind == StoreKind::kVariable; }

  // Compresses or moves out the widest candidate; false when there is none.
  bool step(std::string_view storages, bool move_out) {
    int widest = -1;
    for (uint32_t i = 0; i < format_.natts(); i++) {
      const Part& p = parts_[i];
      if (!variable(i) || p.external || p.size < kMinCompress || (!move_out && p.tried)) continue;
      if (storages.find(rel_.attrs[i].storage) == std::string_view::npos) continue;
      if (widest < 0 || p.size > parts_[static_cast<size_t>(widest)].size) widest = static_cast<int>(i);
    }
    if (widest < 0) return false;
    auto i = static_cast<uint32_t>(widest);
    move_out ? externalise(i) : compress(i);
    return true;
  }

  void compress(uint32_t i) {
    Part& part = parts_[i];
    part.tried = true;
    std::string_view raw = as_view(row_.values[i]);
    int bound = LZ4_compressBound(static_cast<int>(raw.size()));
    auto* out = static_cast<uint8_t*>(arena_.alloc(static_cast<size_t>(bound) + 5, 1));
    int n = LZ4_compress_default(raw.data(), reinterpret_cast<char*>(out + 5), static_cast<int>(raw.size()), bound);
    if (n <= 0 || static_cast<size_t>(n) + 5 >= raw.size() - raw.size() / 8) return;
    out[0] = kSpecialCompressed;
    store(out + 1, static_cast<uint32_t>(raw.size()));
    part.p = out;
    part.size = static_cast<uint32_t>(n) + 5;
  }

  void externalise(uint32_t i) {
    Part& part = parts_[i];
    std::string_view raw = as_view(row_.values[i]);
    ExternalValue v;
    if (!kept(i, raw, &v)) {
      v.raw_size = static_cast<uint32_t>(raw.size());
      v.compressed = part.p != nullptr;
      std::string_view stored = part.p ? std::string_view(reinterpret_cast<const char*>(part.p) + 5, part.size - 5) : raw;
      v.stored_size = static_cast<uint32_t>(stored.size());
      v.first = write_chunks(rel_.file, stored);
    }
    auto* out = static_cast<uint8_t*>(arena_.alloc(1 + kExternalBytes, 1));
    out[0] = kSpecialExternal;
    store_external(out + 1, v);
    part.p = out;
    part.size = 1 + kExternalBytes;
    part.external = true;
  }

  // The old version's pointer, if it has the same value.
  bool kept(uint32_t i, std::string_view raw, ExternalValue* v) const {
    if (!old_.tuple) return false;
    auto* t = reinterpret_cast<const TupleHeader*>(old_.tuple);
    if (!(t->flags & kHasExternal) || i >= t->natts) return false;
    AttrCursor c(format_, t->data(), t->bitmap());
    RawAttr a;
    while (c.index() <= i) a = c.next();
    if (a.null || !a.special || a.p[0] != kSpecialExternal) return false;
    *v = load_external(a.p + 1);
    return v->raw_size == raw.size() && external_equals(rel_.file, *v, raw);
  }

  const RelationDesc& rel_;
  const TupleFormat& format_;
  Row row_;
  uint32_t overhead_;
  OldVersion old_;
  std::vector<Part> parts_;
  Arena arena_{16 << 10};
};

}  // namespace

const TupleFormat& format_of(const RelationDesc& rel) { return rel.format.get(rel); }

Formed form(const RelationDesc& rel, Row row, OldVersion old) {
  const TupleFormat& format = format_of(rel);
  uint32_t natts = format.natts();
  bool nulls = any_null(row.nulls, natts);
  uint32_t overhead = sizeof(TupleHeader) + (nulls ? (natts + 7) / 8 : 0);
  if (overhead > 255) throw SqlError{sqlstate::kTooManyColumns, cat("tables can have at most ", (255 - sizeof(TupleHeader)) * 8, " columns")};
  size_t size = overhead + data_size(format, natts, row.values, row.nulls);
  auto* t = reinterpret_cast<TupleHeader*>(g_buffer);
  uint16_t flags = nulls ? kHasNulls : 0;
  Xid xid = txn::current_xid();
  if (size > kToastTarget) {
    Shrinker s(rel, format, row, overhead, old);
    s.run();
    size = s.width();
    if (size > kMaxTupleBytes)
      throw SqlError{sqlstate::kProgramLimitExceeded, cat("row is too big: size ", size, ", maximum size ", kMaxTupleBytes)};
    if (s.any_external()) flags |= kHasExternal;
    s.pack(g_buffer + overhead);
  } else {
    pack_data(format, natts, row.values, row.nulls, g_buffer + overhead);
  }
  if (nulls) fill_bitmap(row.nulls, natts, g_buffer + sizeof(TupleHeader));
  t->xmin = raw(xid);
  t->xmax = 0;
  t->cid = txn::command_id();
  t->set_ctid({});
  t->flags = flags;
  t->natts = static_cast<uint16_t>(natts);
  t->hoff = static_cast<uint8_t>(overhead);
  return {g_buffer, static_cast<uint16_t>(size)};
}

}  // namespace postern::heap
