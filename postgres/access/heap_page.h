// The layout of heap and toast pages, and of tuple versions. Private to the heap (inspect may read it).
//
//   PageHeader | line pointers … (lower) | free | (upper) … tuples, 4-byte aligned | prune xid (8 bytes, special area)
//
// A line pointer is 4 bytes: offset (15 bits), state (2), length (15). A redirect's offset is the item it leads to.
// Header flags: kAllVisible: every tuple is visible to everybody (the visibility map's bit is set only if this is); kHasUnused: some line pointer may be unused. kPrunable: the prune xid is set.
// Prune xid: the least xmax of a deleted or updated tuple that is still there, 0 none; a hint.
#pragma once
#include <cstdint>
#include <cstring>

#include "common/base/endian.h"
#include "common/base/ids.h"
#include "postgres/access/tuple.h"
#include "postgres/buffer/buffer.h"

namespace postern::heap {

constexpr uint16_t kAllVisible = 1, kHasUnused = 2, kPrunable = 4;   // PageHeader::flags
constexpr uint32_t kKindHeap = 1;                     // PageHeader::reserved, low byte (toast pages too)
constexpr uint32_t kKindVisibility = 3, kKindFreeSpace = 4;
constexpr uint16_t kSpecialOffset = kPageBytes - 8;

enum class ItemState : uint8_t { kUnused, kNormal, kRedirect, kDead };
struct ItemId {
  uint32_t word = 0;
  uint16_t offset() const { return word & 0x7FFF; }
  ItemState state() const { return static_cast<ItemState>(word >> 15 & 3); }
  uint16_t length() const { return static_cast<uint16_t>(word >> 17); }
  static ItemId make(ItemState s, uint16_t offset, uint16_t length) {
    return {static_cast<uint32_t>(offset) | static_cast<uint32_t>(s) << 15 | static_cast<uint32_t>(length) << 17};
  }
};

enum TupleFlags : uint16_t {
  kXminCommitted = 1, kXminAborted = 2, kXmaxCommitted = 4, kXmaxAborted = 8,   // hints
  kXmaxLockOnly = 0x10,      // xmax only locks
  kXmaxKeyUpdate = 0x20,     // xmax's strength is kUpdate (deleted, key changed, FOR UPDATE), else kNoKeyUpdate
  kSharedLock = 0x40,        // somebody may hold a heavyweight share lock on this version
  kHotUpdated = 0x80,        // the next version is heap-only on this page
  kHeapOnly = 0x100,         // no index entry points here
  kCombo = 0x200,            // cid is a combo id
  kHasNulls = 0x400,
  kHasExternal = 0x800,      // some value lies in the toast fork
  kHintMask = 0xF,
};

struct __attribute__((packed)) TupleHeader {
  uint64_t xmin, xmax;
  uint32_t cid;              // cmin until deleted, then cmax, or a combo id
  uint32_t ctid_page;        // this version, or the next one
  uint16_t ctid_item;
  uint16_t flags;
  uint16_t natts;
  uint8_t hoff;              // from the header's start to the data
  Tid ctid() const { return {PageNo{ctid_page}, ctid_item}; }
  void set_ctid(Tid t) { ctid_page = raw(t.page); ctid_item = t.item; }
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(this); }
  const uint8_t* data() const { return bytes() + hoff; }
  const uint8_t* bitmap() const { return flags & kHasNulls ? bytes() + sizeof(TupleHeader) : nullptr; }
};
static_assert(sizeof(TupleHeader) == 31);

constexpr uint16_t kMaxTupleBytes = kPageBytes - sizeof(PageHeader) - sizeof(ItemId) - 8;
constexpr uint16_t kMaxItems = kMaxTupleBytes / (sizeof(TupleHeader) + sizeof(ItemId)) + 1;
constexpr uint32_t align4(uint32_t n) { return (n + 3) & ~3u; }

// A page in memory. Items are numbered from 1.
struct Page {
  uint8_t* base;
  explicit Page(uint8_t* p) : base(p) {}
  explicit Page(const buffer::PageRef& r) : base(r.data()) {}
  PageHeader& header() const { return *reinterpret_cast<PageHeader*>(base); }
  bool is_new() const { return header().upper == 0; }
  uint16_t items() const { return is_new() ? 0 : static_cast<uint16_t>((header().lower - sizeof(PageHeader)) / sizeof(ItemId)); }
  ItemId& item(uint16_t n) const { return reinterpret_cast<ItemId*>(base + sizeof(PageHeader))[n - 1]; }
  TupleHeader* tuple(uint16_t n) const { return reinterpret_cast<TupleHeader*>(base + item(n).offset()); }
  bool normal(uint16_t n) const { return n >= 1 && n <= items() && item(n).state() == ItemState::kNormal; }
  uint64_t prune_xid() const { return load<uint64_t>(base + kSpecialOffset); }
  void set_prune_xid(uint64_t x) const {
    store(base + kSpecialOffset, x);
    header().flags = static_cast<uint16_t>(x ? header().flags | kPrunable : header().flags & ~kPrunable);
  }
  void note_prunable(uint64_t xmax) const {
    uint64_t p = prune_xid();
    if (!p || xmax < p) set_prune_xid(xmax);
  }
  bool all_visible() const { return header().flags & kAllVisible; }
  void init() const {
    std::memset(base, 0, kPageBytes);
    header().lower = sizeof(PageHeader);
    header().upper = header().special = kSpecialOffset;
    header().reserved = kKindHeap;
  }
  uint32_t gap() const { return is_new() ? kSpecialOffset - sizeof(PageHeader) : static_cast<uint32_t>(header().upper - header().lower); }
  // An unused item, or the next new one.
  uint16_t free_item() const {
    uint16_t n = items();
    if (!is_new() && header().flags & kHasUnused)
      for (uint16_t i = 1; i <= n; i++)
        if (item(i).state() == ItemState::kUnused) return i;
    return static_cast<uint16_t>(n + 1);
  }
  // Bytes a tuple may have to fit now, counting its line pointer.
  uint32_t room() const {
    uint32_t g = gap();
    if (items() >= kMaxItems && free_item() > items()) return 0;
    return g < sizeof(ItemId) ? 0 : (g - sizeof(ItemId)) & ~3u;
  }
  void place(uint16_t n, const void* tuple, uint16_t length) const {
    PageHeader& h = header();
    if (n > items()) h.lower = static_cast<uint16_t>(sizeof(PageHeader) + n * sizeof(ItemId));
    h.upper = static_cast<uint16_t>(h.upper - align4(length));
    std::memcpy(base + h.upper, tuple, length);
    item(n) = ItemId::make(ItemState::kNormal, h.upper, length);
  }
};

}  // namespace postern::heap
