// Shared by the btree_*.cc files: what a process knows of an index, comparing search keys with entries, and walking down the tree.
//
// Latch order: leaf before parent before grandparent before meta page; on one level left before right. A descent holds one page at a time (Lehman & Yao),
// so it waits for nobody while it holds something below. Heap pages are latched after index pages (unique checks).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "postgres/access/btree.h"
#include "postgres/access/btree_page.h"
#include "postgres/access/tuple.h"

namespace postern::btree {

using buffer::PageRef;
using region::LatchMode;

struct Column {
  StoreKind store;
  uint16_t len;
  CompareKind compare;
  bool desc, nulls_first;
  Oid collation;
  const TypeInfo* type;
};

// Cached per process and index file; the root and rightmost leaf are hints that are validated when used.
struct IndexState {
  RelFile file;
  int nkeys = 0, natts = 0;      // key columns; with included ones
  bool nulls_not_distinct = false;
  bool simple_first = false;     // the first column is an integer: compared inline
  std::vector<Column> columns;   // natts
  TupleFormat format;            // natts
  PageNo root{0};                // 0: unknown
  uint32_t level = 0;
  PageNo rightmost{0};           // leaf that took the last entry at the right end
  std::string name;
};
// The state of an index, made or remade (when the definition for this file differs) as needed.
std::shared_ptr<IndexState> state_of(const RelationDesc* table, const IndexDesc& index);

// What a descent looks for: the place of (values[0..n), tid); without tid, before (rest < 0) or after (rest > 0) all entries that begin with values.
struct SearchKey {
  const Datum* values = nullptr;
  const uint8_t* nulls = nullptr;   // nullptr: none
  int n = 0;
  int rest = -1;
  bool with_tid = false;
  Tid tid;
};

// Sign of (value - attribute) in the column's SQL order (not yet turned for DESC), neither NULL.
int compare_value(const Column& c, Datum value, const RawAttr& a);
int compare_raw(const Column& c, const RawAttr& a, const RawAttr& b);
// Sign of key - entry in index order.
int compare_generic(const IndexState& st, const SearchKey& key, const uint8_t* entry, bool pivot);
inline int compare(const IndexState& st, const SearchKey& key, const uint8_t* entry, bool pivot) {
  if (st.simple_first && key.n > 0 && !(key.nulls && key.nulls[0])) {
    uint8_t info = entry[6];
    if (!(info & kHasNulls) && (info & kNattsMask)) {
      const Column& c = st.columns[0];
      auto a = static_cast<int64_t>(key.values[0]);
      auto b = static_cast<int64_t>(load_fixed(c.store, entry + (pivot ? kPivotHeader : kLeafHeader)));
      if (a != b) return (a < b) != c.desc ? -1 : 1;
    }
  }
  return compare_generic(st, key, entry, pivot);
}
// Are the key's n columns equal to the entry's (tid ignored)?
bool same_columns(const IndexState& st, const SearchKey& key, const uint8_t* entry, bool pivot);
// First data item that is not below the key; count() if none.
int lower_bound(const IndexState& st, const SearchKey& key, const Page& page);
// Item of an inner page whose child holds the key's place.
int child_position(const IndexState& st, const SearchKey& key, const Page& page);
// An entry's columns as Datums (by-reference ones in arena) with its tid: to search for it.
struct OwnedKey {
  Datum values[32];
  uint8_t nulls[32];
  SearchKey key;
};
void key_of_entry(const IndexState& st, const uint8_t* entry, bool pivot, Arena& arena, OwnedKey& out);
// Cursor over the attributes of an entry.
AttrCursor entry_cursor(const IndexState& st, const uint8_t* entry, bool pivot);

// Entry bytes.
struct EntryBuffer {
  uint8_t bytes[kMaxEntryBytes + 64];
  uint32_t size = 0;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes), size}; }
};
// Throws 54000 when too wide.
void make_leaf_entry(const IndexState& st, const Datum* values, const uint8_t* nulls, Tid tid, EntryBuffer& out);
// The shortest pivot with last < pivot <= first; both are leaf entries (pivot=false) or pivots.
void make_separator(const IndexState& st, const uint8_t* last, const uint8_t* first, PageNo child, EntryBuffer& out);

// Pages latched on the way, by level: hints where the parent is.
struct Path {
  PageNo page[kMaxLevels] = {};
};
PageRef read_page(const IndexState& st, PageNo page, LatchMode mode);   // checks the page kind: XX002
Page page_of(const PageRef& ref);
// Down to the page of `level` where the key belongs; that page is latched in `mode`. A writer at level 0 finishes incomplete splits it passes there.
PageRef descend(IndexState& st, const SearchKey& key, uint32_t level, LatchMode mode, Path* path, bool writer);
void load_root(IndexState& st);
// Leftmost or rightmost page of a level.
PageRef descend_edge(IndexState& st, uint32_t level, bool right, LatchMode mode);

// Moves right from ref while the key belongs further right, or the page is deleted.
PageRef move_right(IndexState& st, PageRef ref, const SearchKey& key, LatchMode mode, Path* path, bool writer);
// Inserts entry at pos of the exclusively latched page, splitting as needed. left/right: the children whose split this downlink completes (released when done).
void place_entry(IndexState& st, PageRef ref, int pos, std::string_view entry, Path& path, PageRef* left, PageRef* right);
// Inserts the downlink of left's right sibling. REQUIRES: left exclusively latched, kIncompleteSplit.
void finish_split(IndexState& st, PageRef left, Path& path);
// Tests: the nth split from now throws between its two steps (0: none).
extern int g_fail_nth_link;
// The page of level `level` that holds the downlink to child (whose separator is sep), exclusively latched; *pos = its item. Finishes splits it passes.
PageRef find_parent(IndexState& st, uint32_t level, const SearchKey& sep, PageNo child, Path& path, int* pos);
// A new or recycled page, exclusively latched.
PageRef allocate_page(IndexState& st);
void delete_items(PageRef& ref, const uint16_t* positions, int n);

// Meta page and empty root leaf of a new file.
void create_empty_tree(RelFile file);

// "(a, b)=(1, x)" of a key, for error details.
std::string key_text(const RelationDesc& table, const IndexDesc& index, const Datum* values, const uint8_t* nulls);

}  // namespace postern::btree
