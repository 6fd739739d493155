// Appending and flushing.
//
// 1. A record is copied into the ring whole, under the insert latch, before insert_lsn passes it: everything below insert_lsn can be written.
// 2. Pages are marked dirty before their record is appended, with the exclusive content latch held until it is applied. So a checkpoint that set its redo point
//    behind the record finds the page dirty, and waits for the latch.
// 3. The redo point is moved under the insert latch, and a record is only inserted if its images were chosen by the redo point that then holds.
// 4. File space is allocated (zeros) before a record is appended: ENOSPC comes before the change, not at the commit.
#include "postgres/wal/wal.h"

#include <sys/random.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/storage/file.h"
#include "postgres/wal/files.h"
#include "postgres/wal/internal.h"

namespace postern::wal {

Control* g_wal = nullptr;
uint8_t* g_ring = nullptr;
uint64_t g_ring_bytes = 0;

namespace {

using region::AttachOptions;
using region::LatchMode;

uint64_t ring_bytes_for(const AttachOptions& o) { return std::clamp<uint64_t>(o.shared_buffers_bytes / 32 >> 20 << 20, 2ull << 20, 16ull << 20); }

region::Area g_control_area{"wal control", [](const AttachOptions&) { return sizeof(Control); },
                            [](void* p, const AttachOptions&) {
                              auto* c = static_cast<Control*>(p);
                              region::latch_init(c->insert, region::LatchRank::kWalInsert);
                              region::latch_init(c->write, region::LatchRank::kWalWrite);
                              region::latch_init(c->checkpoint, region::LatchRank::kCheckpoint);
                            },
                            [](void* p, const AttachOptions&) { g_wal = static_cast<Control*>(p); }};
region::Area g_ring_area{"wal buffers", [](const AttachOptions& o) { return static_cast<size_t>(ring_bytes_for(o)); }, nullptr,
                         [](void* p, const AttachOptions& o) {
                           g_ring = static_cast<uint8_t*>(p);
                           g_ring_bytes = ring_bytes_for(o);
                           forget_segment_fd();
                         }};

RedoFn g_redo[256];
std::vector<ReplayFn> g_replay[256];
std::vector<uint8_t> g_data, g_record;  // of the record being made

void copy_into_ring(uint64_t lsn, const uint8_t* from, uint64_t n) {
  uint64_t at = lsn % g_ring_bytes, first = std::min(n, g_ring_bytes - at);
  std::memcpy(g_ring + at, from, first);
  std::memcpy(g_ring, from + first, n - first);
}

// Makes the ring and the files able to take a record that ends at `end`.
void make_room(uint64_t end) {
  region::latch_acquire(g_wal->write, LatchMode::kExclusive);
  try {
    allocate_to(end);
    if (end > g_wal->written_lsn.load() + g_ring_bytes) write_to(g_wal->insert_lsn.load(std::memory_order_acquire));
  } catch (...) {
    release_write_latch();
    throw;
  }
  release_write_latch();
}

template <class T>
void append_to(std::vector<uint8_t>& v, const T& value) {
  auto* p = reinterpret_cast<const uint8_t*>(&value);
  v.insert(v.end(), p, p + sizeof value);
}

}  // namespace

void attach_hooks() {
  storage::attach_hooks();
  buffer::attach_hooks();
  region::register_area(g_control_area);
  region::register_area(g_ring_area);
  buffer::set_wal_flush(flush);
  register_file_replay();
  region::on_critical_death(region::CriticalKind::kWalInsert, repair_after_death);
  register_redo(Op::kFullPage, [](std::string_view, Xid, RedoPages&) {});
}

void register_redo(Op op, RedoFn fn) { g_redo[static_cast<int>(op)] = fn; }
void register_replay(Op op, ReplayFn fn) {
  auto& v = g_replay[static_cast<int>(op)];
  if (std::find(v.begin(), v.end(), fn) == v.end()) v.push_back(fn);
}
RedoFn redo_of(uint8_t op) { return g_redo[op]; }
const std::vector<ReplayFn>& replays_of(uint8_t op) { return g_replay[op]; }

Record::Record(Op op, Xid xid) : op_(op), xid_(xid), data_(g_data) {
  if (g_data.capacity() > 1 << 20) g_data = {};
  g_data.clear();
}

void Record::add_page(buffer::PageRef& ref, Image image) {
  POSTERN_CHECK(n_pages_ < kMaxPages && ref.latched_exclusive());
  pages_[n_pages_] = &ref;
  image_[n_pages_++] = image;
}
void Record::page(buffer::PageRef& ref) { add_page(ref, Image::kWhenNeeded); }
void Record::page_new(buffer::PageRef& ref) { add_page(ref, Image::kNew); }
void Record::page_image(buffer::PageRef& ref) { add_page(ref, Image::kAlways); }

void Record::put(const void* p, size_t n) {
  auto* bytes = static_cast<const uint8_t*>(p);
  data_.insert(data_.end(), bytes, bytes + n);
}

void Record::build(Lsn redo) {
  std::vector<uint8_t>& r = g_record;
  r.assign(sizeof(RecordHeader), 0);
  PageRefOnDisk refs[kMaxPages] = {};
  for (int i = 0; i < n_pages_; ++i) {
    PageId id = pages_[i]->id();
    const PageHeader& h = *pages_[i]->header();
    PageRefOnDisk& ref = refs[i];
    ref = {raw(id.file.database), raw(id.file.number), raw(id.page), static_cast<uint8_t>(id.fork), 0, 0, 0, 0};
    if (image_[i] == Image::kNew) ref.flags = kIsNew;
    else if (image_[i] == Image::kAlways || h.lsn <= raw(redo)) ref.flags = kHasImage;
    if (ref.flags == kHasImage && h.lower >= sizeof(PageHeader) && h.lower < h.upper && h.upper <= kPageBytes) {
      ref.hole_start = h.lower;
      ref.hole_bytes = static_cast<uint16_t>(h.upper - h.lower);
    }
    append_to(r, ref);
  }
  for (int i = 0; i < n_pages_; ++i) {
    if (refs[i].flags != kHasImage) continue;
    const uint8_t* page = pages_[i]->data();
    uint32_t after = refs[i].hole_start + refs[i].hole_bytes;
    r.insert(r.end(), page, page + refs[i].hole_start);
    r.insert(r.end(), page + after, page + kPageBytes);
    g_wal->page_images.fetch_add(1, std::memory_order_relaxed);
  }
  r.insert(r.end(), data_.begin(), data_.end());
  r.resize((r.size() + 7) / 8 * 8, 0);
  auto* h = reinterpret_cast<RecordHeader*>(r.data());
  h->total_bytes = static_cast<uint32_t>(r.size());
  h->xid = raw(xid_);
  h->data_bytes = static_cast<uint32_t>(data_.size());
  h->op = static_cast<uint8_t>(op_);
  h->pages = static_cast<uint8_t>(n_pages_);
}

Lsn Record::insert(bool stay_critical, std::atomic<uint64_t>* published) {
  POSTERN_DCHECK(!region::latch_held(g_wal->insert));
  uint64_t redo = g_wal->redo_point.load(std::memory_order_acquire);
  build(Lsn(redo));
  if (g_record.size() > g_ring_bytes / 2) throw SqlError(sqlstate::kProgramLimitExceeded, cat("WAL record of ", g_record.size(), " bytes is too long"));
  auto* h = reinterpret_cast<RecordHeader*>(g_record.data());
  uint32_t body = record_body_crc(g_record.data());
  for (;;) {
    region::latch_acquire(g_wal->insert, LatchMode::kExclusive);
    uint64_t now = g_wal->redo_point.load(std::memory_order_relaxed);
    uint64_t start = g_wal->insert_lsn.load(std::memory_order_relaxed), end = start + h->total_bytes;
    bool room = end <= g_wal->allocated_lsn.load(std::memory_order_relaxed) && end <= g_wal->written_lsn.load(std::memory_order_acquire) + g_ring_bytes;
    if (now == redo && room) {
      region::enter_critical(published ? region::CriticalKind::kOpaque : region::CriticalKind::kWalInsert);
      h->prev = g_wal->last_start.load(std::memory_order_relaxed);
      h->epoch = g_wal->epoch;
      h->crc = record_crc_from_body(g_record.data(), start, body);
      copy_into_ring(start, g_record.data(), h->total_bytes);
      g_wal->insert_lsn.store(end, std::memory_order_release);
      g_wal->last_start.store(start, std::memory_order_release);  // in this order: see repair.cc
      if (published) published->store(end, std::memory_order_release);
      g_wal->records.store(g_wal->records.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      g_wal->bytes.store(g_wal->bytes.load(std::memory_order_relaxed) + h->total_bytes, std::memory_order_relaxed);
      region::latch_release(g_wal->insert);
      if (!stay_critical) region::leave_critical();
      return Lsn(end);
    }
    region::latch_release(g_wal->insert);
    if (!room) make_room(end);
    if (now != redo) {
      redo = now;
      build(Lsn(redo));
      h = reinterpret_cast<RecordHeader*>(g_record.data());
      body = record_body_crc(g_record.data());
    }
  }
}

Lsn Record::append(std::atomic<uint64_t>* published) {
  POSTERN_CHECK(n_pages_ == 0);
  return insert(false, published);
}

// noexcept from here on: a redo function that throws leaves a half-changed page, which only our death gets repaired.
static void run_redo(RedoFn redo, const std::vector<uint8_t>& data, Xid xid, RedoPages& pages) noexcept {
  redo({reinterpret_cast<const char*>(data.data()), data.size()}, xid, pages);
}

Lsn Record::apply() {
  RedoFn redo = g_redo[static_cast<int>(op_)];
  POSTERN_CHECK(n_pages_ > 0 && redo);
  for (int i = 0; i < n_pages_; ++i) pages_[i]->mark_dirty();
  Lsn end = insert(true, nullptr);
  RedoPages pages{};
  pages.count = n_pages_;
  for (int i = 0; i < n_pages_; ++i) {
    pages.page[i] = pages_[i]->data();
    if (image_[i] == Image::kNew) std::memset(pages.page[i], 0, kPageBytes);
  }
  run_redo(redo, data_, xid_, pages);
  for (int i = 0; i < n_pages_; ++i) pages_[i]->header()->lsn = raw(end);
  region::leave_critical();
  return end;
}

Lsn insert_lsn() { return Lsn(g_wal->insert_lsn.load(std::memory_order_acquire)); }
Lsn flushed_lsn() { return Lsn(g_wal->flushed_lsn.load(std::memory_order_acquire)); }
Lsn redo_point() { return Lsn(g_wal->redo_point.load(std::memory_order_acquire)); }
uint64_t bytes_since_checkpoint() { return raw(insert_lsn()) - raw(redo_point()); }

void release_write_latch() {
  region::latch_release(g_wal->write);
  g_wal->flush_sequence.fetch_add(1);
  if (g_wal->flush_waiting.load(std::memory_order_relaxed) && g_wal->flush_waiting.exchange(0)) os::futex_wake(g_wal->flush_sequence, INT_MAX);
}

// One leader at a time writes and syncs all that is complete; the others sleep until the write latch is given back.
void flush(Lsn lsn) {
  while (raw(flushed_lsn()) < raw(lsn)) {
    region::throw_if_poisoned();
    if (raw(lsn) > raw(insert_lsn()))
      throw SqlError(sqlstate::kDataCorrupted, cat("WAL flush request ", raw(lsn), " is past the end of the WAL at ", raw(insert_lsn())));
    uint32_t sequence = g_wal->flush_sequence.load();
    if (region::latch_try_acquire(g_wal->write, LatchMode::kExclusive)) {
      try {
        uint64_t from = g_wal->flushed_lsn.load(), to = g_wal->insert_lsn.load(std::memory_order_acquire);
        if (from < raw(lsn)) {
          write_to(to);
          sync_range(from, to);
          g_wal->flushed_lsn.store(to, std::memory_order_release);
        }
      } catch (...) {
        release_write_latch();
        throw;
      }
      release_write_latch();
      continue;
    }
    g_wal->flush_waiting.store(1);
    if (raw(flushed_lsn()) >= raw(lsn)) break;
    if (!os::futex_wait(g_wal->flush_sequence, sequence, 50)) region::reap_if_holder_died(g_wal->write);
  }
}

Stats stats() {
  return {g_wal->records.load(), g_wal->bytes.load(), g_wal->page_images.load(), g_wal->writes.load(), g_wal->syncs.load(), g_wal->checkpoints.load()};
}
uint64_t system_identifier() { return g_wal->file.system_identifier; }

void create(std::string_view site) {
  for (const char* dir : {"wal", "base", "global"})
    if (!os::make_dir(cat(site, "/", dir).c_str()) && errno != EEXIST) os::throw_errno(errno, cat("could not create directory \"", site, "/", dir, "\""));
  ControlFile c = {};
  if (::getrandom(&c.system_identifier, sizeof c.system_identifier, 0) != sizeof c.system_identifier) os::throw_errno(errno, "could not generate a system identifier");
  c.system_identifier &= INT64_MAX;
  c.redo = kFirstLsn;
  write_control(site, c);
}

}  // namespace postern::wal
