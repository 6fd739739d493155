// The free space map fork: a byte per page, main fork and toast fork interleaved (even map pages: main, odd: toast). It is written by vacuum, as a whole and logged;
// in between, inserters lower entries that turn out too high by plain stores that may get lost. Its content is a hint: whoever uses it looks at the page.
#include <algorithm>

#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {
namespace {

constexpr uint32_t kEntries = kPageBytes - sizeof(PageHeader);

PageNo map_page(Fork fork, uint32_t n) { return PageNo{n * 2 + (fork == Fork::kToast ? 1 : 0)}; }

}  // namespace

PageNo find_free(RelFile file, Fork fork, uint32_t bytes, PageNo avoid) {
  uint32_t maps = raw(buffer::page_count(file, Fork::kFreeSpace));
  uint32_t pages = raw(buffer::page_count(file, fork));
  auto want = static_cast<uint8_t>(std::min<uint32_t>((bytes + kFreeUnit - 1) / kFreeUnit, free_category(kMaxTupleBytes & ~3u)));   // an empty page fits anything
  for (uint32_t n = 0; raw(map_page(fork, n)) < maps && n * kEntries < pages; n++) {
    buffer::PageRef ref = buffer::read(page_id(file, Fork::kFreeSpace, map_page(fork, n)), region::LatchMode::kShared);
    const uint8_t* entries = ref.data() + sizeof(PageHeader);
    uint32_t count = std::min(kEntries, pages - n * kEntries);
    uint32_t start = count ? raw(region::my_slot_no()) * 7919u % count : 0;   // different processes fill different pages
    for (uint32_t i = 0; i < count; i++) {
      uint32_t at = start + i < count ? start + i : start + i - count;
      if (entries[at] >= want && n * kEntries + at != raw(avoid)) return PageNo{n * kEntries + at};
    }
  }
  return kInvalidPageNo;
}

void lower_free(RelFile file, Fork fork, PageNo page, uint32_t bytes) {
  PageNo map = map_page(fork, raw(page) / kEntries);
  if (raw(map) >= raw(buffer::page_count(file, Fork::kFreeSpace))) return;
  buffer::PageRef ref = buffer::read(page_id(file, Fork::kFreeSpace, map), region::LatchMode::kShared);
  __atomic_store_n(ref.data() + sizeof(PageHeader) + raw(page) % kEntries, free_category(bytes), __ATOMIC_RELAXED);
}

std::vector<uint8_t> read_free(RelFile file, Fork fork, uint32_t pages) {
  std::vector<uint8_t> out(pages, 0);
  uint32_t maps = raw(buffer::page_count(file, Fork::kFreeSpace));
  for (uint32_t n = 0; n * kEntries < pages && raw(map_page(fork, n)) < maps; n++) {
    buffer::PageRef ref = buffer::read(page_id(file, Fork::kFreeSpace, map_page(fork, n)), region::LatchMode::kShared);
    std::memcpy(&out[n * kEntries], ref.data() + sizeof(PageHeader), std::min(kEntries, pages - n * kEntries));
  }
  return out;
}

void write_free(RelFile file, Fork fork, std::span<const uint8_t> categories) {
  for (uint32_t n = 0; n * kEntries < categories.size(); n++) {
    auto part = categories.subspan(n * kEntries, std::min<size_t>(kEntries, categories.size() - n * kEntries));
    PageNo map = map_page(fork, n);
    bool any = std::any_of(part.begin(), part.end(), [](uint8_t c) { return c != 0; });
    if (!any && raw(buffer::page_count(file, Fork::kFreeSpace)) <= raw(map)) continue;
    buffer::PageRef ref;
    while (raw(buffer::page_count(file, Fork::kFreeSpace)) <= raw(map)) {
      ref = buffer::extend(file, Fork::kFreeSpace);
      if (ref.page() == map) break;
      wal::Record rec(wal::Op::kFreeSpaceSet);
      rec.page_new(ref);
      rec.put(FreeSpaceRecord{0});
      rec.apply();
      ref.release();
    }
    if (!ref || ref.page() != map) ref = buffer::read(page_id(file, Fork::kFreeSpace, map), region::LatchMode::kExclusive);
    wal::Record rec(wal::Op::kFreeSpaceSet);
    rec.page_new(ref);
    rec.put(FreeSpaceRecord{static_cast<uint16_t>(part.size())});
    rec.put(part.data(), part.size());
    rec.apply();
  }
}

}  // namespace postern::heap
