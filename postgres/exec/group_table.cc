#include "postgres/exec/group_table.h"

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::exec {

uint64_t hash_bytes(std::string_view s) {
  uint64_t h = s.size() * 0x9E3779B97F4A7C15ULL;
  const char* p = s.data();
  size_t n = s.size();
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    h = (h ^ v) * 0xff51afd7ed558ccdULL;
    h ^= h >> 29;
  }
  uint64_t v = 0;
  if (n) std::memcpy(&v, p, n);
  return mix_hash(h ^ v);
}

void hash_rows(FnContext& cx, const TypeInfo* const* types, const Vector* keys, int nkeys, Rows rows, uint64_t* out) {
  constexpr uint64_t kNullHash = 0x5bd1e9955bd1e995ULL;
  for (int k = 0; k < nkeys; k++) {
    const TypeInfo& t = *types[k];
    const Vector& v = keys[k];
    auto each = [&](auto hash_of) {
      if (k == 0) {
        for_rows(rows, [&](uint32_t r) { out[r] = v.null(r) ? kNullHash : hash_of(v.value(r)); });
      } else {
        for_rows(rows, [&](uint32_t r) { out[r] = mix_hash(out[r] * 31 + (v.null(r) ? kNullHash : hash_of(v.value(r)))); });
      }
    };
    switch (t.compare_kind) {
      case CompareKind::kInt64: each([](Datum d) { return mix_hash(d); }); break;
      case CompareKind::kBytes: each([](Datum d) { return hash_bytes(as_view(d)); }); break;
      default:
        if (!t.hash) throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify a hash function for type ", t.name)};
        each([&](Datum d) { return mix_hash(t.hash(cx, d)); });
    }
  }
  if (!nkeys) for_rows(rows, [&](uint32_t r) { out[r] = 1; });
}

void GroupTable::init(std::vector<const TypeInfo*> types, size_t payload_bytes, const FnContext& cx) {
  types_ = std::move(types);
  cx_ = cx;
  payload_at_ = (sizeof(Group) + types_.size() * (sizeof(Datum) + 1) + 7) & ~size_t{7};
  group_bytes_ = payload_at_ + payload_bytes;
}

void GroupTable::clear() {
  slots_.clear();
  slots_.shrink_to_fit();
  groups_.clear();
  memory_.reset();
}

bool GroupTable::equal(Group* g, const Vector* keys, uint32_t row) {
  const Datum* values = key_values(g);
  const uint8_t* nulls = key_nulls(g);
  for (size_t i = 0; i < types_.size(); i++) {
    bool null = keys[i].null(row);
    if (null != (nulls[i] != 0)) return false;
    if (!null && !key_equal(cx_, *types_[i], values[i], keys[i].value(row))) return false;
  }
  return true;
}

Group* GroupTable::make(const Vector* keys, uint32_t row, uint64_t hash) {
  auto* g = static_cast<Group*>(memory_.alloc(group_bytes_));
  std::memset(static_cast<void*>(g), 0, group_bytes_);
  g->hash = hash;
  g->ordinal = static_cast<uint32_t>(groups_.size());
  Datum* values = key_values(g);
  uint8_t* nulls = key_nulls(g);
  for (size_t i = 0; i < types_.size(); i++) {
    nulls[i] = keys[i].null(row);
    if (nulls[i]) continue;
    Datum d = keys[i].value(row);
    values[i] = types_[i]->by_value ? d : make_bytes(memory_, as_view(d));
  }
  groups_.push_back(g);
  return g;
}

Group* GroupTable::add_without_key() { return make(nullptr, 0, 0); }

void GroupTable::grow() {
  size_t size = slots_.empty() ? 64 : slots_.size() * 4;
  slots_.assign(size, Slot{0, nullptr});
  size_t mask = size - 1;
  for (Group* g : groups_) {
    size_t at = g->hash & mask;
    while (slots_[at].group) at = (at + 1) & mask;
    slots_[at] = Slot{g->hash, g};
  }
}

void GroupTable::lookup(const Vector* keys, const uint64_t* hashes, Rows rows, Group** out, bool create) {
  if (slots_.empty()) grow();
  for_rows(rows, [&](uint32_t r) {
    if (groups_.size() * 2 >= slots_.size()) grow();
    const size_t mask = slots_.size() - 1;
    const uint64_t h = hashes[r];
    size_t at = h & mask;
    for (;;) {
      Slot& s = slots_[at];
      if (!s.group) {
        out[r] = nullptr;
        if (create) {
          s.hash = h;
          s.group = make(keys, r, h);
          out[r] = s.group;
        }
        return;
      }
      if (s.hash == h && equal(s.group, keys, r)) {
        out[r] = s.group;
        return;
      }
      at = (at + 1) & mask;
    }
  });
}

}  // namespace postern::exec
