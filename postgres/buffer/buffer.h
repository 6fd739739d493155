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
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/ids.h"
#include "postgres/region/region.h"

namespace postern {

constexpr uint32_t kPageBytes = 8192;

enum class Fork : uint8_t { kMain = 0, kFreeSpace = 1, kVisibility = 2, kToast = 3, kInit = 4 };

// Physical identity of a relation: file <site>/base/<database>/<number>[_fsm|_vm|_toast]; database 0 = shared catalogs in <site>/global/.
struct RelFile {
  Oid database{0};
  Oid number{0};
  friend bool operator==(const RelFile&, const RelFile&) = default;
};
struct PageId {
  RelFile file;
  Fork fork = Fork::kMain;
  PageNo page{0};
  friend bool operator==(const PageId&, const PageId&) = default;
};

// First bytes of every page.
struct PageHeader {
  uint64_t lsn;         // end of the last WAL record that changed it
  uint32_t checksum;
  uint16_t flags;       // owner-defined, bit 0: all-visible (heap)
  uint16_t lower;       // end of the line pointer array (page offset)
  uint16_t upper;       // start of tuple data
  uint16_t special;     // start of the special area
  uint32_t reserved;    // page kind (heap, btree, fsm, vm, toast, meta) in the low byte
};
static_assert(sizeof(PageHeader) == 24);

namespace buffer {

// A pinned page, movable RAII. Latch and pin are released in the destructor.
class PageRef {
 public:
  PageRef() = default;
  PageRef(PageRef&& o) noexcept;
  PageRef& operator=(PageRef&& o) noexcept;
  ~PageRef() { release(); }
  explicit operator bool() const { return buf_ != 0; }
  uint8_t* data() const;                  // kPageBytes; write only inside redo functions (or hint bits)
  PageHeader* header() const { return reinterpret_cast<PageHeader*>(data()); }
  PageId id() const;
  PageNo page() const { return id().page; }
  void latch(region::LatchMode mode);
  bool try_latch(region::LatchMode mode);
  void unlatch();
  bool latched() const { return latched_; }
  bool latched_exclusive() const { return exclusive_; }
  void mark_dirty(Lsn lsn);               // called by wal::Record::apply
  bool only_pin() const;                  // no other process has it pinned (call with the exclusive latch held): safe to compact
  void release();
  uint32_t buffer_no() const { return buf_; }

 private:
  friend PageRef pin_buffer(uint32_t);
  uint32_t buf_ = 0;  // buffer number + 1
  uint8_t pin_index_ = 0;
  bool latched_ = false, exclusive_ = false;
};

// Reads the page into the pool if needed (XX001 on a bad checksum, 53100/58030 on I/O errors) and pins it; the page must exist.
PageRef pin(const PageId& id);
// As pin, then latched.
PageRef read(const PageId& id, region::LatchMode mode);
// A new zeroed page at the end of the fork (WAL-logged by the caller's first record on it), exclusively latched.
PageRef extend(RelFile file, Fork fork);
// As pin, but a page that is missing or all zero is fine: for redo. Exclusively latched.
PageRef pin_for_redo(const PageId& id);
// Number of pages of a fork (cached in the region while the file is open by anyone; 0 when the file doesn't exist).
PageNo page_count(RelFile file, Fork fork);
// Sequential readers announce themselves: read-ahead, and a small ring of buffers so that a big scan doesn't wash the pool.
struct ScanRing;
void prefetch(const PageId& first, uint32_t pages);

void flush_all();                         // checkpointer: writes every page that is dirty now, then fsyncs the files written
void flush_relation(RelFile file);
void drop_relation(RelFile file);         // forget its pages without writing them, all forks
void drop_database(Oid database);
void truncate_relation(RelFile file, Fork fork, PageNo new_count);

struct Stats { uint64_t hits, reads, writes, dirtied; };
Stats& my_stats();                        // this process's counters, for EXPLAIN (BUFFERS)

}  // namespace buffer
}  // namespace postern
