// Lehman-Yao B-tree (right links, high keys), as in PostgreSQL's nbtree README and Lanin & Shasha. Keys are whole index tuples: key columns in the packed format of
// the heap (never toasted; > 1/3 page is 54000), ordered by (columns, heap tid), so every entry is unique and duplicates split well.
#pragma once
#include <functional>
#include <span>

#include "postgres/access/heap.h"
#include "postgres/access/relation.h"

namespace postern::btree {

enum class UniqueCheck : uint8_t { kNone, kYes /* wait for in-progress, 23505 on conflict */, kProbe /* report only: ON CONFLICT */ };
struct InsertResult { bool inserted; Tid conflict; Xid in_progress{0}; };
// keys: one value per key column then the included ones. kYes throws SqlError 23505 with PostgreSQL's message and detail. kProbe: if a live conflicting
// row exists nothing is inserted and conflict/in_progress tell.
InsertResult insert(const RelationDesc& table, const IndexDesc& index, const Datum* keys, const uint8_t* nulls, Tid tid, UniqueCheck check);
// Just the probe of kProbe, without inserting.
InsertResult probe_unique(const RelationDesc& table, const IndexDesc& index, const Datum* keys, const uint8_t* nulls);

enum class Strategy : uint8_t { kLess = 1, kLessEqual, kEqual, kGreaterEqual, kGreater };
struct ScanKey {
  int16_t column;                      // 0-based key column
  Strategy strategy;
  Datum value;
  bool null_test = false;              // IS NULL (with kEqual) / IS NOT NULL (kGreater … ) instead of value
  bool search_not_null = false;
};
// Range scan. Entries of one leaf page are copied out per step: nothing is pinned between calls. Safe against concurrent splits (restarts from the last key).
class Scan {
 public:
  // table: needed only when the values of INCLUDE columns are wanted. Key values are copied.
  Scan(const IndexDesc& index, std::span<const ScanKey> keys, bool backward, const RelationDesc* table = nullptr);
  ~Scan();
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  // Up to max tids in index order (of one page: fewer than max doesn't mean the end); 0 at the end. If key_out is given, the values of the key (and,
  // with `table`, INCLUDE) columns as vectors too (index-only scans), by-reference ones in `arena`.
  uint32_t next(Tid* tids, uint32_t max, Vector* key_out, Arena* arena);
  void rescan(std::span<const ScanKey> keys);
  // Tells that the heap found the entry of this tid dead to everyone: it may be removed when the page is full.
  void kill(Tid tid);
  // Is the page that the last batch came from as it was? An index-only scan asks after it found heap::all_visible: if not, vacuum may have removed these entries
  // and their rows meanwhile, and the rows must be fetched after all.
  bool unchanged() const;
  struct Impl;
 private:
  Impl* impl_;
};

// Bottom-up build from entries that arrive in any order (sorts, spilling beyond work_mem). Checks uniqueness (23505 with the message of CREATE UNIQUE INDEX).
class Builder {
 public:
  Builder(const RelationDesc& table, const IndexDesc& index, size_t work_mem_bytes);
  ~Builder();
  void add(const Datum* keys, const uint8_t* nulls, Tid tid);
  void finish();
 private:
  struct Impl;
  Impl* impl_;
};

void create_storage(const IndexDesc& index);              // empty tree
// Removes the entries of dead tids; unlinks empty pages.
struct VacuumStats { uint64_t removed, pages, pages_deleted; };
VacuumStats vacuum(const IndexDesc& index, const heap::DeadTids& dead);
void check(const RelationDesc& table, const IndexDesc& index, std::vector<std::string>& problems);   // order, links, and every entry's heap tuple
void attach_hooks();

}  // namespace postern::btree
