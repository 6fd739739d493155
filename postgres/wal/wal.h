// Write-ahead log: <site>/wal/ segments of 16 MB, records with CRC32C, group commit, and the one way to change a page (rule R5).
//
// A change: with the pages latched exclusively,
//     wal::Record rec(wal::Op::kHeapInsert);
//     rec.page(ref);                       // up to kMaxPages, in the order its redo function expects
//     rec.put(struct); rec.put(bytes);
//     Lsn lsn = rec.apply();
// apply() enters a critical section, appends the record (with a full image of every page whose LSN is not newer than the last checkpoint's redo
// point, unless page_new() says that redo rebuilds it), runs the redo function registered for the op on the pages, sets their LSNs, marks them
// dirty and leaves. Recovery runs the same function. Everything that can fail is done before apply().
//
// A redo function gets the record's data and its pages (already positioned on the right contents) and must not read anything else.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "postgres/buffer/buffer.h"

namespace postern::wal {

constexpr int kMaxPages = 6;  // pages in one record (a b-tree split needs 4)

// Owners: heap 0x1x, toast uses heap's, btree 0x2x, visibility/free space 0x3x, txn 0x4x, storage (files, databases) 0x5x, checkpoint 0x6x, sequence 0x7x.
enum class Op : uint8_t {
  kHeapInsert = 0x10, kHeapMultiInsert, kHeapUpdate, kHeapHotUpdate, kHeapDelete, kHeapLock, kHeapPrune, kHeapVacuum, kHeapAllVisible, kHeapInPlace,
  kBtreeInsert = 0x20, kBtreeSplit, kBtreeNewRoot, kBtreeDelete, kBtreeUnlink, kBtreeBuildPage, kBtreeMeta,
  kVisibilitySet = 0x30, kVisibilityClear, kFreeSpaceSet, kFullPage,
  kCommit = 0x40, kAbort, kXidAlloc,
  kFileCreate = 0x50, kFileTruncate, kDatabaseCopy, kDatabaseDrop, kOidAlloc,
  kCheckpoint = 0x60, kEpochStart,
  kSequence = 0x70,
};

struct RedoPages {
  uint8_t* page[kMaxPages];   // contents, exclusively latched (or private in recovery); nullptr where the page is not to be touched
  int count;
};
using RedoFn = void (*)(std::string_view data, Xid xid, RedoPages& pages);
// Recovery calls this for records without pages (commit, file create …). In normal running their effect is done by the caller.
using ReplayFn = void (*)(std::string_view data, Xid xid, Lsn lsn);

void attach_hooks();                       // storage's, buffer's and our own areas and hooks; before region::attach
void register_redo(Op op, RedoFn fn);      // main fills the table before attach
void register_replay(Op op, ReplayFn fn);  // several for one op run in the order of registration

class Record {
 public:
  explicit Record(Op op, Xid xid = kInvalidXid);
  void page(buffer::PageRef& ref);          // full page image when needed
  void page_new(buffer::PageRef& ref);      // redo builds it from a zeroed page (zeroed here and in recovery alike): never an image
  void page_image(buffer::PageRef& ref);    // always a full image (of before the change)
  void put(const void* p, size_t n);
  template <class T> void put(const T& v) { put(&v, sizeof v); }
  void put(std::string_view s) { put(s.data(), s.size()); }
  Lsn apply();                              // see above; returns the end LSN. Throws only before anything changed (53100 …).
  // No pages: just the record. published (in shared memory) gets the end LSN in the same critical section: when the process dies, it is set iff the record exists.
  Lsn append(std::atomic<uint64_t>* published = nullptr);
 private:
  enum class Image : uint8_t { kWhenNeeded, kNew, kAlways };
  void add_page(buffer::PageRef& ref, Image image);
  void build(Lsn redo_point);               // the complete record but prev and crc, in the process's buffer
  Lsn insert(bool stay_critical, std::atomic<uint64_t>* published);
  Op op_;
  Xid xid_;
  int n_pages_ = 0;
  buffer::PageRef* pages_[kMaxPages];
  Image image_[kMaxPages];
  std::vector<uint8_t>& data_;              // process-local, reused: one Record at a time
};

Lsn insert_lsn();                           // end of the last record appended
Lsn flushed_lsn();
// Returns when the WAL is durable up to lsn. One fdatasync serves every waiter (group commit).
void flush(Lsn lsn);
Lsn redo_point();                           // of the last checkpoint: pages with LSN <= this need an image

// What upper layers need back at a site's start; kept in the checkpoint record and the control file. Zero in a new site.
struct SavedState {
  uint64_t next_xid, next_oid, next_csn, oldest_xid;
  uint64_t spare[12];
};
void on_save_state(std::function<void(SavedState&)> fn);        // at the end of each checkpoint; later values than the redo point's are fine
void on_load_state(std::function<void(const SavedState&)> fn);  // before the first record is replayed, and at each replayed checkpoint record
void on_recovery_end(std::function<void(Lsn)> fn);              // all records replayed

// Site start: reads the control file (<site>/control, checksummed, written atomically), replays from the last checkpoint. Called by
// whoever attach() told to recover. If records > 0 the caller does an end-of-recovery checkpoint.
struct Recovery { Lsn redo, end; uint64_t records; };
Recovery recover();
// Makes the control file and the directories of a new site (initdb); the site directory exists.
void create(std::string_view site);
uint64_t system_identifier();
// Writes all dirty pages, then the checkpoint record and control file, then recycles old segments. Nothing to do since the last one: returns at once.
void checkpoint();
void on_checkpoint(std::function<void()> hook);   // after the redo point is set, before pages are written
uint64_t bytes_since_checkpoint();                // WAL since the redo point: the worker's trigger (max_wal_size)
void set_min_wal_size(uint64_t bytes);            // segments kept for reuse (default 80 MB)
void set_fsync(bool on);                          // off: for initdb and tests only

struct Stats { uint64_t records, bytes, page_images, writes, syncs, checkpoints; };
Stats stats();                                    // of the site since its region was made

}  // namespace postern::wal
