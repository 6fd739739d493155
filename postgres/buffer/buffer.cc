// The pool's public face: areas, pins, extension, flushing, dropping.
#include "postgres/buffer/buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/buffer/pool.h"
#include "postgres/storage/file.h"

namespace postern::buffer {

PoolControl* g_control = nullptr;
std::atomic<uint32_t>* g_heads = nullptr;
uint32_t g_count = 0, g_head_mask = 0;
void (*g_flush_wal)(Lsn) = nullptr;
Stats g_stats{};

namespace {

using region::AttachOptions;
using region::LatchMode;

constexpr uint32_t kMinBuffers = 64;
uint32_t count_for(const AttachOptions& o) { return std::max<uint32_t>(kMinBuffers, static_cast<uint32_t>(std::min<uint64_t>(o.shared_buffers_bytes / kPageBytes, 1u << 30))); }
uint32_t heads_for(const AttachOptions& o) { return std::bit_ceil(count_for(o) * 2); }

region::Area g_control_area{"buffer control", [](const AttachOptions&) { return sizeof(PoolControl); },
                            [](void* p, const AttachOptions&) {
                              for (auto& l : static_cast<PoolControl*>(p)->partitions) region::latch_init(l, region::LatchRank::kBufferMapping);
                            },
                            [](void* p, const AttachOptions&) { g_control = static_cast<PoolControl*>(p); }};
region::Area g_heads_area{"buffer hash", [](const AttachOptions& o) { return sizeof(uint32_t) * heads_for(o); }, nullptr,
                          [](void* p, const AttachOptions& o) {
                            g_heads = static_cast<std::atomic<uint32_t>*>(p);
                            g_head_mask = heads_for(o) - 1;
                          }};
region::Area g_descriptor_area{"buffer descriptors", [](const AttachOptions& o) { return sizeof(Descriptor) * count_for(o); }, nullptr,
                               [](void* p, const AttachOptions& o) {
                                 g_descriptors = static_cast<Descriptor*>(p);
                                 g_count = count_for(o);
                               }};
region::Area g_pages_area{"buffer pages", [](const AttachOptions& o) { return static_cast<size_t>(kPageBytes) * count_for(o); }, nullptr,
                          [](void* p, const AttachOptions&) { g_pages = static_cast<uint8_t*>(p); }};

// Gives back what a dead process left half done (pool.h, invariant 3). Touches all descriptors; deaths are rare.
void repair_after(SlotNo dead) {
  for (uint32_t b = 1; b <= g_count; ++b) {
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_acquire);
    if (!(s & (kIo | kEvicting | kClaimed)) || (s & kOwnerMask) != raw(dead)) continue;
    if (s & kClaimed) d.state.store(0, std::memory_order_release);
    else if (s & kIo) end_io(b, (s & kValid) ? kDirty : 0, 0);
    else d.state.fetch_and(~kEvicting);
  }
}

PageRef pin_slow(const PageId& id, const Tag& tag, uint32_t hash, Access access, ReadMode mode) {
  for (;;) {
    PageRef ref = find_and_pin(tag, hash);
    if (!ref) {
      uint32_t b = claim_victim(access);
      bool mine;
      try {
        ref = insert_claimed(b, tag, hash, &mine);
      } catch (...) {
        unclaim(b);
        throw;
      }
      if (mine) {
        make_valid(b, id, mode);
        if (access == Access::kNormal) descriptor(b).state.fetch_add(kUsageOne, std::memory_order_relaxed);
        return ref;
      }
    }
    make_valid(ref.buffer_no(), id, mode);
    ++g_stats.hits;
    return ref;
  }
}

// The hit path: no latch, one full barrier.
inline PageRef pin_mode(const PageId& id, Access access, ReadMode mode) {
  Tag tag = tag_of(id);
  uint32_t hash = hash_of(tag);
  if (uint32_t b = find_unlatched(tag, hash)) {
    PageRef ref = PoolAccess::make(b, add_pin(b));
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_seq_cst);
    if ((s & (kTagged | kValid | kEvicting)) == (kTagged | kValid) && tag_at(d) == tag) [[likely]] {
      if (access == Access::kNormal && (s & kUsageMask) < kUsageMax) d.state.compare_exchange_strong(s, s + kUsageOne, std::memory_order_relaxed);
      ++g_stats.hits;
      return ref;
    }
  }
  if (access == Access::kScan && raw(storage::page_count(id.file, id.fork)) < g_count / 4) access = Access::kNormal;
  return pin_slow(id, tag, hash, access, mode);
}

struct Dirty {
  Tag tag;
  uint32_t buffer;
};
template <class Wanted>
std::vector<Dirty> collect_dirty(Wanted wanted) {
  std::vector<Dirty> out;
  for (uint32_t b = 1; b <= g_count; ++b) {
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_acquire);
    bool writing = (s & kIo) && (s & kValid);
    if (!(s & kTagged) || !((s & kDirty) || writing)) continue;
    Tag t = tag_at(d);
    if (wanted(id_of(t))) out.push_back({t, b});
  }
  std::sort(out.begin(), out.end(), [](const Dirty& x, const Dirty& y) { return x.tag.file != y.tag.file ? x.tag.file < y.tag.file : x.tag.page < y.tag.page; });
  return out;
}

void write_list(const std::vector<Dirty>& list, void (*pace)(size_t, size_t)) {
  size_t done = 0;
  for (auto& e : list) {
    {
      PageRef pinned = PoolAccess::make(e.buffer, add_pin(e.buffer));
      write_pinned(e.buffer, e.tag);
    }
    if (pace) pace(++done, list.size());
  }
}

// Discards every buffered page that `wanted` picks.
template <class Wanted>
void discard_all(Wanted wanted) {
  for (uint32_t b = 1; b <= g_count; ++b) {
    Descriptor& d = descriptor(b);
    uint32_t s = d.state.load(std::memory_order_acquire);
    if (!(s & kTagged)) continue;
    Tag t = tag_at(d);
    if (wanted(id_of(t))) discard(b, t);
  }
}

}  // namespace

void attach_hooks() {
  static bool done = false;
  region::register_area(g_control_area);
  region::register_area(g_heads_area);
  region::register_area(g_descriptor_area);
  region::register_area(g_pages_area);
  if (!std::exchange(done, true)) region::on_slot_death(repair_after, true);
  region::on_critical_death(region::CriticalKind::kBufferMapping, rebuild_chains);
}
uint32_t buffer_of_latch(const region::Latch& l) {
  auto* p = reinterpret_cast<const uint8_t*>(&l);
  auto* first = reinterpret_cast<const uint8_t*>(g_descriptors);
  if (p < first || p >= first + sizeof(Descriptor) * g_count) return 0;
  return static_cast<uint32_t>(static_cast<size_t>(p - first) / sizeof(Descriptor)) + 1;
}
PageId page_in_buffer(uint32_t b) { return id_of(tag_at(descriptor(b))); }
void set_wal_flush(void (*flush)(Lsn)) { g_flush_wal = flush; }
uint32_t buffer_count() { return g_count; }
Stats& my_stats() { return g_stats; }

PageRef& PageRef::operator=(PageRef&& o) noexcept {
  if (this != &o) {
    if (buf_) release();
    buf_ = std::exchange(o.buf_, 0);
    pin_index_ = o.pin_index_;
    latched_ = std::exchange(o.latched_, false);
    exclusive_ = std::exchange(o.exclusive_, false);
  }
  return *this;
}

PageId PageRef::id() const { return id_of(tag_at(descriptor(buf_))); }

void PageRef::latch(LatchMode mode) {
  POSTERN_DCHECK(!latched_);
  region::latch_acquire(descriptor(buf_).content, mode, region::LatchRank::kBufferContent);
  latched_ = true;
  exclusive_ = mode == LatchMode::kExclusive;
}

bool PageRef::try_latch(LatchMode mode) {
  POSTERN_DCHECK(!latched_);
  if (!region::latch_try_acquire(descriptor(buf_).content, mode)) return false;
  latched_ = true;
  exclusive_ = mode == LatchMode::kExclusive;
  return true;
}

void PageRef::unlatch() {
  if (!latched_) return;
  region::latch_release(descriptor(buf_).content);
  latched_ = exclusive_ = false;
}

void PageRef::mark_dirty() {
  POSTERN_DCHECK(exclusive_);
  Descriptor& d = descriptor(buf_);
  if (d.state.load(std::memory_order_relaxed) & kDirty) return;
  d.state.fetch_or(kDirty, std::memory_order_acq_rel);
  ++g_stats.dirtied;
}

bool PageRef::only_pin() const { return !pinned_by_other_than(buf_, pin_index_); }

void PageRef::release() {
  if (!buf_) return;
  unlatch();
  remove_pin(pin_index_);
  buf_ = 0;
}

PageRef pin(const PageId& id, Access access) { return pin_mode(id, access, ReadMode::kStrict); }

PageRef read(const PageId& id, LatchMode mode, Access access) {
  PageRef ref = pin_mode(id, access, ReadMode::kStrict);
  ref.latch(mode);
  return ref;
}

PageRef pin_for_redo(const PageId& id, bool overwrite) {
  PageRef ref = pin_mode(id, Access::kNormal, overwrite ? ReadMode::kRedoOverwrite : ReadMode::kRedo);
  if (raw(storage::page_count(id.file, id.fork)) == 0) storage::create_database_dir(id.file.database, true);  // dropped later in the WAL
  if (raw(storage::page_count(id.file, id.fork)) <= raw(id.page)) {
    region::LatchGuard guard(storage::extension_latch(id.file, id.fork), LatchMode::kExclusive);
    storage::extend_to(id.file, id.fork, PageNo(raw(id.page) + 1));
  }
  ref.latch(LatchMode::kExclusive);
  return ref;
}

PageRef extend(RelFile file, Fork fork) {
  uint32_t b = claim_victim(Access::kNormal);
  bool inserted = false;
  try {
    region::LatchGuard guard(storage::extension_latch(file, fork), LatchMode::kExclusive);
    PageNo page = storage::page_count(file, fork);
    if (page == kInvalidPageNo || raw(page) == 0xFFFFFFFEu) throw SqlError(sqlstate::kProgramLimitExceeded, "cannot extend relation beyond 4294967294 blocks");
    storage::extend_to(file, fork, PageNo(raw(page) + 1));
    PageId id{file, fork, page};
    Tag tag = tag_of(id);
    bool mine;
    PageRef ref = insert_claimed(b, tag, hash_of(tag), &mine);
    inserted = true;
    while (!mine) {  // somebody tried to read past the end and left an invalid buffer
      wait_io(ref.buffer_no());
      if ((descriptor(ref.buffer_no()).state.load() & kValid) || begin_io(ref.buffer_no(), kTagged, kValid)) break;
    }
    std::memset(ref.data(), 0, kPageBytes);
    while (!ref.try_latch(LatchMode::kExclusive)) os::sleep_us(10);  // only an invalid page's early pinner could have it
    descriptor(ref.buffer_no()).state.fetch_add(kUsageOne, std::memory_order_relaxed);
    end_io(ref.buffer_no(), kValid, 0);
    ++g_stats.extended;
    return ref;
  } catch (...) {
    if (!inserted) unclaim(b);
    throw;
  }
}

PageNo page_count(RelFile file, Fork fork) { return storage::page_count(file, fork); }

void prefetch(const PageId& first, uint32_t pages) {
  uint32_t run = 0;
  PageId at = first;
  for (uint32_t i = 0; i <= pages; ++i) {
    PageId id = first;
    id.page = PageNo(raw(first.page) + i);
    Tag t = tag_of(id);
    bool absent = i < pages && !find_unlatched(t, hash_of(t));
    if (absent && run++ == 0) at = id;
    if (!absent && run) {
      storage::prefetch(at, run);
      run = 0;
    }
  }
}

void flush_all(void (*pace)(size_t, size_t)) {
  write_list(collect_dirty([](const PageId&) { return true; }), pace);
  storage::sync_all();
}
void flush_relation(RelFile file) {
  write_list(collect_dirty([&](const PageId& id) { return id.file == file; }), nullptr);
  for (int f = 0; f < kForkCount; ++f) storage::sync(file, static_cast<Fork>(f));
}
void flush_database(Oid database) {
  write_list(collect_dirty([&](const PageId& id) { return id.file.database == database; }), nullptr);
}

void drop_relation(RelFile file) {
  uint64_t pages = 0;
  for (int f = 0; f < kForkCount; ++f) pages += raw(storage::page_count(file, static_cast<Fork>(f)));
  if (pages > g_count / 16) {
    discard_all([&](const PageId& id) { return id.file == file; });
    return;
  }
  for (int f = 0; f < kForkCount; ++f) {
    uint32_t n = raw(storage::page_count(file, static_cast<Fork>(f)));
    for (uint32_t p = 0; p < n; ++p) {
      Tag tag = tag_of({file, static_cast<Fork>(f), PageNo(p)});
      PageRef ref = find_and_pin(tag, hash_of(tag));
      if (!ref) continue;
      uint32_t b = ref.buffer_no();
      ref.release();
      discard(b, tag);
    }
  }
}

void drop_database(Oid database) {
  discard_all([&](const PageId& id) { return id.file.database == database; });
}

void truncate_relation(RelFile file, Fork fork, PageNo new_count) {
  discard_all([&](const PageId& id) { return id.file == file && id.fork == fork && raw(id.page) >= raw(new_count); });
  storage::truncate(file, fork, new_count);
}

}  // namespace postern::buffer
