// An open-addressing hash table of groups: a 64-bit hash, the key values, and a payload (aggregate states, counters) in one piece of memory.
// Used for grouping, DISTINCT, set operations and hashed sub-selects. NULL keys are equal to each other here.
#pragma once
#include <vector>

#include "postgres/exec/expr.h"
#include "postgres/types/type_info.h"

namespace postern::exec {

inline uint64_t mix_hash(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  return x ^ (x >> 32);
}
uint64_t hash_bytes(std::string_view s);
// The hash of a key's rows, combined over the columns: equal keys of comparable types hash alike. out is indexed by row. Throws 42883 for types without hashing.
void hash_rows(FnContext& cx, const TypeInfo* const* types, const Vector* keys, int nkeys, Rows rows, uint64_t* out);

inline bool key_equal(FnContext& cx, const TypeInfo& t, Datum a, Datum b) {
  switch (t.compare_kind) {
    case CompareKind::kInt64: return a == b;
    case CompareKind::kBytes: return as_view(a) == as_view(b);
    default: return t.compare(cx, a, b) == 0;
  }
}

struct Group {
  uint64_t hash;
  uint32_t ordinal;
};

class GroupTable {
 public:
  // payload_bytes: zeroed, 8-aligned.
  void init(std::vector<const TypeInfo*> types, size_t payload_bytes, const FnContext& cx);
  int nkeys() const { return static_cast<int>(types_.size()); }
  const TypeInfo& type(int i) const { return *types_[i]; }
  void hash(const Vector* keys, Rows rows, uint64_t* out) { hash_rows(cx_, types_.data(), keys, nkeys(), rows, out); }
  // out[row] = its group; made if missing and create is set, else nullptr.
  void lookup(const Vector* keys, const uint64_t* hashes, Rows rows, Group** out, bool create);
  Group* add_without_key();
  // A group that is not looked up (sorted grouping).
  Group* add(const Vector* keys, uint32_t row) { return make(keys, row, 0); }
  Datum* key_values(Group* g) const { return reinterpret_cast<Datum*>(g + 1); }
  uint8_t* key_nulls(Group* g) const { return reinterpret_cast<uint8_t*>(key_values(g) + types_.size()); }
  uint8_t* payload(Group* g) const { return reinterpret_cast<uint8_t*>(g) + payload_at_; }
  const std::vector<Group*>& groups() const { return groups_; }
  size_t bytes() const { return memory_.bytes() + slots_.size() * sizeof(Slot) + groups_.capacity() * sizeof(Group*); }
  void clear();

 private:
  struct Slot { uint64_t hash; Group* group; };
  bool equal(Group* g, const Vector* keys, uint32_t row);
  Group* make(const Vector* keys, uint32_t row, uint64_t hash);
  void grow();
  std::vector<const TypeInfo*> types_;
  FnContext cx_;
  size_t payload_at_ = 0, group_bytes_ = 0;
  std::vector<Slot> slots_;
  std::vector<Group*> groups_;
  Arena memory_{1024};
};

}  // namespace postern::exec
