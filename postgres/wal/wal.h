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
#include <cstdint>
#include <functional>
#include <span>
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
  kCheckpoint = 0x60,
  kSequence = 0x70,
};

struct RedoPages {
  uint8_t* page[kMaxPages];   // contents, exclusively latched (or private in recovery); nullptr where the page is not to be touched
  int count;
};
using RedoFn = void (*)(std::string_view data, Xid xid, RedoPages& pages);
// Recovery calls this for records without pages (commit, file create …). In normal running their effect is done by the caller.
using ReplayFn = void (*)(std::string_view data, Xid xid, Lsn lsn);

void register_redo(Op op, RedoFn fn);      // main fills the table before attach
void register_replay(Op op, ReplayFn fn);

class Record {
 public:
  explicit Record(Op op, Xid xid = kInvalidXid);
  void page(buffer::PageRef& ref);          // full page image when needed
  void page_new(buffer::PageRef& ref);      // redo builds it from nothing: never an image
  void put(const void* p, size_t n);
  template <class T> void put(const T& v) { put(&v, sizeof v); }
  void put(std::string_view s) { put(s.data(), s.size()); }
  Lsn apply();                              // see above; returns the end LSN. Throws only before anything changed (53100 …).
  Lsn append();                             // no pages: just the record
 private:
  Op op_;
  Xid xid_;
  int n_pages_ = 0;
  buffer::PageRef* pages_[kMaxPages];
  bool new_[kMaxPages];
  std::vector<uint8_t>& data_;              // process-local, reused
};

Lsn insert_lsn();                           // end of the last record appended
Lsn flushed_lsn();
// Returns when the WAL is durable up to lsn. One fdatasync serves every waiter (group commit).
void flush(Lsn lsn);
Lsn redo_point();                           // of the last checkpoint: pages with LSN <= this need an image

// Site start: reads the control file (<site>/control, checksummed, written atomically), replays from the last checkpoint. Called by
// whoever attach() told to recover. Then the caller does an end-of-recovery checkpoint.
void recover();
// Makes the control file and the first segment of a new site (initdb).
void create(std::string_view site);
// Writes all dirty pages, then the checkpoint record and control file, then recycles old segments. `before` hooks of txn flush their logs.
void checkpoint();
void on_checkpoint(std::function<void()> hook);

}  // namespace postern::wal
