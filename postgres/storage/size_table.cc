// The size table: buckets of eight entries {key, value}. Readers: key, value, key again. Writers (under the bucket's extension latch): value 0, key, value.
#include <bit>

#include "common/base/check.h"
#include "postgres/storage/internal.h"

namespace postern::storage {
namespace {

constexpr uint32_t kWays = 8, kBuckets = 2048, kFileLatches = 128;

struct Entry {
  std::atomic<uint64_t> key;    // database << 32 | number
  std::atomic<uint64_t> value;  // see below
};
struct Table {
  region::Latch latches[kFileLatches];
  std::atomic<uint32_t> hand;
  alignas(64) Entry entries[kBuckets][kWays];
};
// value: bits 0-31 pages, 32-34 fork, 35 valid, 36 unsynced, 37 being synced (by a checkpoint that may have died).
constexpr uint64_t kValid = 1ull << 35, kUnsynced = 1ull << 36, kSyncing = 1ull << 37;
constexpr uint64_t fork_bits(Fork f) { return static_cast<uint64_t>(f) << 32; }
constexpr Fork fork_of(uint64_t v) { return static_cast<Fork>(v >> 32 & 7); }

Table* g_table = nullptr;
region::Area g_area{"file sizes", [](const region::AttachOptions&) { return sizeof(Table); },
                    [](void* p, const region::AttachOptions&) {
                      for (auto& l : static_cast<Table*>(p)->latches) region::latch_init(l, region::LatchRank::kRelExtend);
                    },
                    [](void* p, const region::AttachOptions&) { g_table = static_cast<Table*>(p); }};

uint64_t key_of(RelFile f) { return static_cast<uint64_t>(raw(f.database)) << 32 | raw(f.number); }
RelFile file_of(uint64_t key) { return {Oid(static_cast<uint32_t>(key >> 32)), Oid(static_cast<uint32_t>(key))}; }
uint32_t bucket_of(RelFile f, Fork fork) {
  uint64_t h = (key_of(f) + static_cast<uint64_t>(fork) * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  return static_cast<uint32_t>(h >> 40) % kBuckets;
}

Entry* find(RelFile f, Fork fork, uint64_t& value) {
  uint64_t k = key_of(f);
  for (Entry& e : g_table->entries[bucket_of(f, fork)]) {
    if (e.key.load(std::memory_order_acquire) != k) continue;
    uint64_t v = e.value.load(std::memory_order_acquire);
    if (!(v & kValid) || fork_of(v) != fork || e.key.load(std::memory_order_acquire) != k) continue;
    value = v;
    return &e;
  }
  return nullptr;
}

Entry* victim(RelFile f, Fork fork) {
  auto& bucket = g_table->entries[bucket_of(f, fork)];
  for (Entry& e : bucket)
    if (!(e.value.load() & kValid)) return &e;
  uint32_t start = g_table->hand.fetch_add(1, std::memory_order_relaxed);
  for (uint32_t i = 0; i < kWays; ++i) {
    Entry& e = bucket[(start + i) % kWays];
    uint64_t v = e.value.load();
    if (!(v & (kUnsynced | kSyncing)) && e.value.compare_exchange_strong(v, 0)) return &e;
  }
  return nullptr;
}

}  // namespace

void attach_hooks() { region::register_area(g_area); }

region::Latch& extension_latch(RelFile f, Fork fork) { return g_table->latches[bucket_of(f, fork) % kFileLatches]; }

PageNo table_lookup(RelFile f, Fork fork) {
  uint64_t v;
  return find(f, fork, v) ? PageNo(static_cast<uint32_t>(v)) : kUnknownSize;
}

void table_set(RelFile f, Fork fork, PageNo pages) {
  POSTERN_DCHECK(region::latch_held(extension_latch(f, fork)));
  uint64_t v;
  if (Entry* e = find(f, fork, v)) {
    while (!e->value.compare_exchange_weak(v, (v >> 32 << 32) | raw(pages))) {}
    return;
  }
  Entry* e = victim(f, fork);
  if (!e) return;
  e->value.store(0);
  e->key.store(key_of(f));
  e->value.store(kValid | fork_bits(fork) | raw(pages));
}

void table_remove(RelFile f, Fork fork) {
  uint64_t v;
  if (Entry* e = find(f, fork, v)) e->value.store(0);
}

bool table_mark_unsynced(RelFile f, Fork fork) {
  uint64_t v;
  Entry* e = find(f, fork, v);
  if (!e) {
    page_count(f, fork);  // brings it in
    e = find(f, fork, v);
    if (!e) return false;
  }
  uint64_t k = key_of(f);
  while (!(v & kUnsynced)) {
    if (!(v & kValid) || fork_of(v) != fork || e->key.load() != k) return false;  // pushed out meanwhile
    if (e->value.compare_exchange_weak(v, v | kUnsynced)) return e->key.load() == k;
  }
  return true;
}

void table_each_unsynced(const std::function<void(RelFile, Fork)>& sync_one) {
  for (auto& bucket : g_table->entries)
    for (Entry& e : bucket) {
      uint64_t v = e.value.load();
      if (!(v & kValid) || !(v & (kUnsynced | kSyncing))) continue;
      uint64_t k = e.key.load();
      if (!e.value.compare_exchange_strong(v, (v & ~kUnsynced) | kSyncing)) {
        v = e.value.load();
        if (!(v & kValid)) continue;
        e.value.fetch_and(~kUnsynced);
        e.value.fetch_or(kSyncing);
      }
      sync_one(file_of(k), fork_of(v));
      v = e.value.load();
      while ((v & kValid) && e.key.load() == k && !e.value.compare_exchange_weak(v, v & ~kSyncing)) {}
    }
}

}  // namespace postern::storage
