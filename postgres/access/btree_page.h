// Pages and entries of a B-tree.
//
//   page 0        meta page (struct Meta)
//   other pages   PageHeader | item pointers → … ← entries | Special
//
// An entry is unaligned: {heap page u32, heap item u16, info u8} and, on inner pages and in high keys ("pivots"), {child u32}; then a bitmap of
// (natts+7)/8 bytes if info says so, then the key attributes in the packed format of access/tuple.h. info = number of attributes | kHasNulls.
//
// Invariants:
//  1. Item 0 of a page that has a right sibling is its high key: every entry of the page < high key <= every entry of the pages to its right.
//  2. A pivot may hold fewer key columns than the index has, or no tid (item 0): what is missing is minus infinity. The first entry of an inner page is
//     minus infinity altogether.
//  3. Entries of a page are strictly ascending by (key columns, tid); the free space is in one piece: nothing is lost between entries.
//  4. A page with kIncompleteSplit has a right sibling without a downlink. Whoever wants to change such a page (or move right from it to change another) first inserts the downlink.
//  5. A deleted page keeps its right link until it is recycled, and is recycled only when every snapshot taken before its deletion is gone.
//  6. The item pointer's dead bit is a hint (buffer.h invariant 2): it is never needed for correctness and never logged.
#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>

#include "common/base/endian.h"
#include "common/base/ids.h"
#include "postgres/buffer/buffer.h"

namespace postern::btree {

constexpr uint32_t kPageKindBtree = 2;
constexpr uint32_t kMetaMagic = 0x50427472;   // "rtBP"
constexpr uint32_t kMetaVersion = 1;
constexpr PageNo kMetaPage{0};
constexpr PageNo kNoPage{0};                  // as a sibling link: none

enum PageFlags : uint16_t { kLeaf = 1, kRoot = 2, kIncompleteSplit = 4, kDeleted = 8, kMeta = 16 };

struct Special {
  PageNo prev, next;
  uint64_t deleted_xid;   // next xid when the page was deleted
  uint16_t level;         // 0 = leaf
  uint16_t flags;
  uint32_t unused;
};
static_assert(sizeof(Special) == 24);
constexpr uint32_t kSpecialOffset = kPageBytes - sizeof(Special);

struct ItemPtr {
  uint16_t offset;
  uint16_t size_and_dead;
  static constexpr uint16_t kDead = 0x8000;
  uint16_t size() const { return size_and_dead & 0x7FFF; }
  bool dead() const { return size_and_dead & kDead; }
};
static_assert(sizeof(ItemPtr) == 4);

constexpr uint32_t kMaxFree = 500;            // deleted pages that the meta page remembers
struct Meta {
  uint32_t magic, version;
  PageNo root;
  uint32_t level;
  uint32_t free_count, unused;
  PageNo free_pages[kMaxFree];                // oldest first
};

constexpr uint32_t kLeafHeader = 7, kPivotHeader = 11;
constexpr uint8_t kHasNulls = 0x80, kNattsMask = 0x3F;
constexpr uint32_t kMaxLevels = 16;
constexpr uint32_t kMaxItems = (kSpecialOffset - sizeof(PageHeader)) / (sizeof(ItemPtr) + kLeafHeader);
// Three entries (and a high key) must fit a page.
constexpr uint32_t kMaxEntryBytes = 2704;

inline uint8_t entry_info(const uint8_t* e) { return e[6]; }
inline uint32_t entry_natts(const uint8_t* e) { return e[6] & kNattsMask; }
inline Tid entry_tid(const uint8_t* e) { return Tid{PageNo{load<uint32_t>(e)}, load<uint16_t>(e + 4)}; }
inline PageNo entry_child(const uint8_t* e) { return PageNo{load<uint32_t>(e + 7)}; }
inline void set_entry_child(uint8_t* e, PageNo p) { store(e + 7, raw(p)); }
inline void set_entry_tid(uint8_t* e, Tid t) { store(e, raw(t.page)); store(e + 4, t.item); }

// A page's bytes, interpreted. Changes only inside redo functions.
class Page {
 public:
  explicit Page(uint8_t* p) : p_(p) {}
  uint8_t* bytes() const { return p_; }
  PageHeader& header() const { return *reinterpret_cast<PageHeader*>(p_); }
  Special& special() const { return *reinterpret_cast<Special*>(p_ + kSpecialOffset); }
  Meta& meta() const { return *reinterpret_cast<Meta*>(p_ + sizeof(PageHeader)); }
  bool valid() const { return (header().reserved & 0xFF) == kPageKindBtree && header().special == kSpecialOffset; }
  bool has(PageFlags f) const { return special().flags & f; }
  bool leaf() const { return has(kLeaf); }
  PageNo next() const { return special().next; }
  bool rightmost() const { return special().next == kNoPage; }
  ItemPtr* items() const { return reinterpret_cast<ItemPtr*>(p_ + sizeof(PageHeader)); }
  int count() const { return (header().lower - static_cast<int>(sizeof(PageHeader))) / 4; }
  int first() const { return rightmost() ? 0 : 1; }    // index of the first item that is not the high key
  uint8_t* entry(int i) const { return p_ + items()[i].offset; }
  uint32_t size(int i) const { return items()[i].size(); }
  std::string_view view(int i) const { return {reinterpret_cast<const char*>(entry(i)), size(i)}; }
  uint8_t* high_key() const { return entry(0); }
  uint32_t free_space() const { return static_cast<uint32_t>(header().upper - header().lower); }
  bool is_pivot(int i) const { return !leaf() || i < first(); }
  // The hint of invariant 6: shared latch suffices.
  void set_dead(int i) const {
    std::atomic_ref<uint16_t> w(items()[i].size_and_dead);
    w.store(static_cast<uint16_t>(w.load(std::memory_order_relaxed) | ItemPtr::kDead), std::memory_order_relaxed);
  }

  void init(uint16_t level, uint16_t flags, PageNo prev, PageNo next);
  bool fits(uint32_t size) const { return free_space() >= size + sizeof(ItemPtr); }
  void append(std::string_view entry) { insert(count(), entry); }
  void insert(int pos, std::string_view entry);         // REQUIRES: fits()
  void remove(const uint16_t* sorted_positions, int n);   // compacts
 private:
  uint8_t* p_;
};

// WAL records. All are followed by entry bytes.
#pragma pack(push, 1)
struct InsertRecord {          // pages: target [, child whose incomplete split this completes]
  uint16_t pos;
};
struct SplitRecord {           // pages: left, right (new) [, old right sibling] [, child whose incomplete split this completes]
  PageNo left, right, next;
  uint16_t level, right_flags;
  uint16_t keep;               // data items of the old page that stay
  uint16_t new_pos;            // position of the new entry among the data items that stay, 0xFFFF: it went right
  uint16_t new_size, high_size;
  uint16_t right_count;        // entries of the right page, with its high key
  uint8_t has_next, has_child;
};                             // new entry (if it stays), left's new high key, right's entries as {size u16, bytes}
struct NewRootRecord {         // pages: root (new), meta, left child
  PageNo root, left;
  uint16_t level;
};                             // downlink of the right child
struct DeleteRecord {          // page: leaf
  uint16_t count;
};                             // positions u16
struct UnlinkRecord {          // pages: target, right sibling, parent, meta [, left sibling]
  PageNo target, left, right;
  uint64_t xid;
  uint16_t parent_pos;         // of target's downlink; the next one is right's
  uint8_t remember;            // add to the meta page's free list
};
struct BuildPageRecord {       // page: new
  uint16_t lower, upper;
};                             // bytes [sizeof(PageHeader), lower), [upper, end)
enum class MetaChange : uint8_t { kSetRoot, kTakeFree, kAddFree };
struct MetaRecord {            // page: meta
  MetaChange change;
  PageNo page;
  uint32_t level;
};
#pragma pack(pop)

void register_redo_functions();

}  // namespace postern::btree
