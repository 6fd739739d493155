// Where a page lives, and how every page begins.
#pragma once
#include <cstdint>

#include "common/base/ids.h"

namespace postern {

constexpr uint32_t kPageBytes = 8192;

enum class Fork : uint8_t { kMain = 0, kFreeSpace = 1, kVisibility = 2, kToast = 3, kInit = 4 };
constexpr int kForkCount = 5;

// Physical identity of a relation: file <site>/base/<database>/<number>[_fsm|_vm|_toast|_init]; database 0 = shared catalogs in <site>/global/.
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

// crc32c of the page with the checksum field taken as zero. An all-zero page is valid: allocated, never written.
uint32_t page_checksum(const uint8_t* page);
bool page_is_zero(const uint8_t* page);

}  // namespace postern
