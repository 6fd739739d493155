// The buffer pool: 8 KB pages of relation forks, cached in the region.
//
// Invariants:
//  1. A pin is an entry in the owner's slot (ProcSlot::pins), a hazard pointer: pin = store, fence, validate that the buffer still
//     holds the page; an evictor marks the buffer, then scans all slots and gives up if anyone has it. So a dead process's pins
//     vanish with its slot and no shared counter can leak.
//  2. Page contents are changed only under the exclusive content latch, through wal::Record::apply (rule R5). The one exception: hint bits,
//     set by single aligned stores under the shared latch; they never mark the page dirty, so they are only written with a page whose
//     first change after the checkpoint is already covered by a full page image.
//  3. A dirty page is written only after the WAL is flushed up to its LSN.
//  4. Checksums (crc32c over the page with the checksum field zero) are set when written and verified when read: mismatch is XX001.
//  5. Nobody keeps a pin or latch while it returns to the executor or waits for a client.
// Lock order: content latch of pages left to right (heap: by page number; btree: its own rules), then mapping latches.
#pragma once
#include <atomic>
#include <cstdint>

#include "common/base/ids.h"
#include "postgres/region/region.h"
#include "postgres/storage/page.h"

namespace postern {
namespace buffer {

void attach_hooks();                       // registers the areas and death hook; before region::attach
void set_wal_flush(void (*flush)(Lsn));    // called by wal, which lies above

// What every buffer is: see pool.cc. Inline here because the hit path is.
struct alignas(64) Descriptor {
  std::atomic<uint64_t> tag_file;          // database << 32 | number
  std::atomic<uint64_t> tag_page;          // fork << 32 | page
  std::atomic<uint32_t> state;             // flags, usage count, owner slot of an I/O; a futex
  std::atomic<uint32_t> next;              // buffer + 1 of the next in the hash chain
  region::Latch content;
};
inline Descriptor* g_descriptors = nullptr;
inline uint8_t* g_pages = nullptr;
uint32_t buffer_count();
uint32_t buffer_of_latch(const region::Latch& l);  // the buffer (from 1) whose content latch it is; 0 if none
PageId page_in_buffer(uint32_t b);                 // REQUIRES: pinned, or latched by a process that died

// kScan: a sequential reader of a big relation, which reuses a small ring of buffers so that it doesn't wash the pool.
enum class Access : uint8_t { kNormal, kScan };

// A pinned page, movable RAII. Latch and pin are released in the destructor.
class PageRef {
 public:
  PageRef() = default;
  PageRef(PageRef&& o) noexcept : buf_(o.buf_), pin_index_(o.pin_index_), latched_(o.latched_), exclusive_(o.exclusive_) {
    o.buf_ = 0;
    o.latched_ = o.exclusive_ = false;
  }
  PageRef& operator=(PageRef&& o) noexcept;
  ~PageRef() { if (buf_) release(); }
  explicit operator bool() const { return buf_ != 0; }
  uint8_t* data() const { return g_pages + static_cast<size_t>(buf_ - 1) * kPageBytes; }  // kPageBytes; write only inside redo functions (or hint bits)
  PageHeader* header() const { return reinterpret_cast<PageHeader*>(data()); }
  PageId id() const;
  PageNo page() const { return id().page; }
  void latch(region::LatchMode mode);
  bool try_latch(region::LatchMode mode);
  void unlatch();
  bool latched() const { return latched_; }
  bool latched_exclusive() const { return exclusive_; }
  void mark_dirty();                      // called by wal::Record::apply, exclusively latched, before it appends the record
  bool only_pin() const;                  // no other process has it pinned (call with the exclusive latch held): safe to compact
  void release();
  uint32_t buffer_no() const { return buf_; }

 private:
  friend struct PoolAccess;
  uint32_t buf_ = 0;  // buffer number + 1
  uint8_t pin_index_ = 0;
  bool latched_ = false, exclusive_ = false;
};

// Reads the page into the pool if needed (XX001 on a bad checksum, 53100/58030 on I/O errors) and pins it; the page must exist.
PageRef pin(const PageId& id, Access access = Access::kNormal);
// As pin, then latched.
PageRef read(const PageId& id, region::LatchMode mode, Access access = Access::kNormal);
// A new zeroed page at the end of the fork (WAL-logged by the caller's first record on it), exclusively latched.
PageRef extend(RelFile file, Fork fork);
// As pin, but a page that is missing or all zero is fine, and with `overwrite` (the caller fills it whole) a torn one too: for redo. Exclusively latched.
PageRef pin_for_redo(const PageId& id, bool overwrite = false);
// Number of pages of a fork (cached in the region while the file is open by anyone; 0 when the file doesn't exist).
PageNo page_count(RelFile file, Fork fork);
// Asks the kernel to read ahead the pages of the range that are not in the pool.
void prefetch(const PageId& first, uint32_t pages);

// Checkpointer: writes every page that is dirty now, then fsyncs the files written. `pace` (may be null) is called with (done, total) after each page.
void flush_all(void (*pace)(size_t, size_t) = nullptr);
void flush_relation(RelFile file);
void flush_database(Oid database);
void drop_relation(RelFile file);         // forget its pages without writing them, all forks. REQUIRES: nobody else uses it
void drop_database(Oid database);
void truncate_relation(RelFile file, Fork fork, PageNo new_count);

struct Stats { uint64_t hits, reads, writes, dirtied, extended; };
Stats& my_stats();                        // this process's counters, for EXPLAIN (BUFFERS)

}  // namespace buffer
}  // namespace postern
