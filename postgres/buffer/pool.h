// Inside the buffer pool: descriptor states, the mapping, and buffer I/O. For this folder's files and `inspect`.
//
// State word of a descriptor (zero: free):
//     bits 0-15 owner slot (meaningful with kIo, kEvicting, kClaimed), 16-18 usage count, then flags.
//
//   free ──claim──▶ kClaimed ──insert──▶ kTagged|kIo ──read──▶ kTagged|kValid ⇄ kDirty
//    ▲                 ▲                     │ failed, or owner died      │ write: kIo, kDirty cleared under the shared content latch
//    │                 └──evict (kEvicting)──┴────────────────────────────┘
//    └── owner died
//
// 1. The tag changes only in kClaimed, which only its owner leaves.
// 2. kEvicting is set before the pins of all slots are read; a reader stores its pin before it reads the state: one of the two sees the other.
// 3. While kIo is set nobody evicts. kIo with kValid is a write, without it a read. Who dies in a write leaves a page that becomes dirty again, who dies in a read one that the
//    next reader reads.
// 4. Chains change under the exclusive partition latch in a critical section (repaired by rebuild_chains); they are read without any latch, so a walk may miss (then the slow path looks again
//    under the latch) but never returns a wrong buffer, because the tag is checked after the pin.
#pragma once
#include "postgres/buffer/buffer.h"

namespace postern::buffer {

constexpr uint32_t kOwnerMask = 0xFFFF;
constexpr uint32_t kUsageOne = 1u << 16, kUsageMask = 7u << 16, kUsageMax = 5u << 16;
constexpr uint32_t kTagged = 1u << 20, kValid = 1u << 21, kDirty = 1u << 22, kIo = 1u << 23, kEvicting = 1u << 24, kClaimed = 1u << 25, kWaiters = 1u << 26;
constexpr uint32_t kPartitions = 128;

struct PoolControl {
  region::Latch partitions[kPartitions];
  alignas(64) std::atomic<uint32_t> hand;
};
extern PoolControl* g_control;
extern std::atomic<uint32_t>* g_heads;
extern uint32_t g_count, g_head_mask;
extern void (*g_flush_wal)(Lsn);
extern Stats g_stats;

struct Tag {
  uint64_t file, page;
  friend bool operator==(const Tag&, const Tag&) = default;
};
inline Tag tag_of(const PageId& id) {
  return {static_cast<uint64_t>(raw(id.file.database)) << 32 | raw(id.file.number), static_cast<uint64_t>(id.fork) << 32 | raw(id.page)};
}
inline PageId id_of(const Tag& t) {
  return {{Oid(static_cast<uint32_t>(t.file >> 32)), Oid(static_cast<uint32_t>(t.file))}, static_cast<Fork>(t.page >> 32), PageNo(static_cast<uint32_t>(t.page))};
}
inline uint32_t hash_of(const Tag& t) {
  uint64_t h = (t.file ^ (t.page * 0x9E3779B97F4A7C15ull)) * 0xD6E8FEB86659FD93ull;
  h ^= h >> 32;
  return static_cast<uint32_t>((h * 0xD6E8FEB86659FD93ull) >> 32);
}
inline Descriptor& descriptor(uint32_t b) { return g_descriptors[b - 1]; }
inline uint8_t* page_of(uint32_t b) { return g_pages + static_cast<size_t>(b - 1) * kPageBytes; }
inline Tag tag_at(const Descriptor& d) { return {d.tag_file.load(std::memory_order_relaxed), d.tag_page.load(std::memory_order_relaxed)}; }
inline region::Latch& partition_latch(uint32_t hash) { return g_control->partitions[hash % kPartitions]; }

// Builds and looks into PageRefs.
struct PoolAccess {
  static PageRef make(uint32_t b, uint8_t pin_index) {
    PageRef r;
    r.buf_ = b;
    r.pin_index_ = pin_index;
    return r;
  }
  static void set_latched_exclusive(PageRef& r) { r.latched_ = r.exclusive_ = true; }
};

// Pins (pins.cc).
uint8_t add_pin(uint32_t b);                       // published before it returns
void remove_pin(uint8_t index);
bool pinned_by_anyone(uint32_t b);
bool pinned_by_other_than(uint32_t b, uint8_t my_index);

// Mapping (mapping.cc). Buffers are numbered from 1; 0 = none.
uint32_t find_unlatched(const Tag& tag, uint32_t hash);
PageRef find_and_pin(const Tag& tag, uint32_t hash);   // takes the partition latch shared; empty when absent
// Puts the claimed buffer under `tag`, in state kTagged|kIo, and pins it; or, when somebody was faster, frees it and pins theirs (*mine false).
PageRef insert_claimed(uint32_t b, const Tag& tag, uint32_t hash, bool* mine);
bool evict(uint32_t b, uint32_t max_usage);        // clean, unpinned buffer → kClaimed; false when it is in use
bool discard(uint32_t b, const Tag& tag);          // drops its page without writing; → free. false: it holds another page now
uint32_t claim_victim(Access access);              // → kClaimed; writes a dirty page if it must. 53000 when everything is pinned
void unclaim(uint32_t b);
bool rebuild_chains(SlotNo dead);

// I/O (io.cc).
bool begin_io(uint32_t b, uint32_t need, uint32_t forbid);  // sets kIo if (state & need) == need and none of forbid; never waits
void end_io(uint32_t b, uint32_t set, uint32_t clear);
void wait_io(uint32_t b);                          // until kIo is gone; reaps the dead
enum class ReadMode : uint8_t { kStrict, kRedo, kRedoOverwrite };
void make_valid(uint32_t b, const PageId& id, ReadMode mode);   // pinned by the caller
bool write_victim(uint32_t b);                     // evictor: false when the latch isn't free at once
void write_pinned(uint32_t b, const Tag& tag);     // flusher: waits for latch and I/O; no-op when clean or no longer `tag`

}  // namespace postern::buffer
