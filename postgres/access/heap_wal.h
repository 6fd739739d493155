// What heap WAL records hold; redo functions are in heap_redo.cc. All little-endian, unaligned. Pages are given as in the comments; [vm] = the visibility
// map page of the preceding heap page, there only if flag kClearsVisibility… is set.
#pragma once
#include <cstdint>

namespace postern::heap {

enum RecordFlags : uint8_t { kClearsVisibility = 1, kClearsVisibilityNew = 2, kClearsBothOnOneMap = 4 };

struct __attribute__((packed)) InsertRecord {   // page, [vm]; then the tuple
  uint16_t item;
  uint8_t flags;
};
struct __attribute__((packed)) MultiInsertRecord {   // page, [vm]; then count × {item u16, length u16, tuple}
  uint16_t count;
  uint8_t flags;
};
struct __attribute__((packed)) XmaxChange {
  uint16_t item;
  uint64_t xmax;
  uint32_t cid;
  uint16_t flags;          // the tuple's new flags, hints aside
};
struct __attribute__((packed)) DeleteRecord {   // page, [vm]
  XmaxChange change;
  uint8_t flags;
};
struct __attribute__((packed)) UpdateRecord {   // same page: page, [vm]. Else: old page, new page, [vm old], [vm new]. Then the new tuple
  XmaxChange change;
  uint16_t new_item;
  uint32_t old_page, new_page;
  uint8_t flags;
};
struct __attribute__((packed)) LockRecord {     // page
  XmaxChange change;
};
struct __attribute__((packed)) PruneRecord {    // page; then redirects × {from u16, to u16}, dead × u16, unused × u16
  uint16_t redirects, dead, unused;
  uint64_t prune_xid;
};
struct __attribute__((packed)) VacuumRecord {   // page, [vm if the page becomes all-visible]; then count × item u16 that become unused
  uint16_t count;
  uint32_t page;
};
struct __attribute__((packed)) AllVisibleRecord {   // page, vm
  uint32_t page;
};
struct __attribute__((packed)) InPlaceRecord {  // page; then the tuple's data (behind hoff), of the same length
  uint16_t item;
};
struct __attribute__((packed)) FreeSpaceRecord {    // fsm page (rebuilt); then count × category u8
  uint16_t count;
};

}  // namespace postern::heap
