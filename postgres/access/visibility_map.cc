// The visibility map fork: one bit per heap page, set only while the page's all-visible flag is.
#include "postgres/access/heap_internal.h"

namespace postern::heap {
namespace {
constexpr uint32_t kBitsPerPage = (kPageBytes - sizeof(PageHeader)) * 8;
}

PageNo visibility_page_no(PageNo heap_page) { return PageNo{raw(heap_page) / kBitsPerPage}; }

bool visibility_bit(const uint8_t* vm, PageNo heap_page) {
  uint32_t i = raw(heap_page) % kBitsPerPage;
  return vm[sizeof(PageHeader) + i / 8] >> (i % 8) & 1;
}

void set_visibility_bit(uint8_t* vm, PageNo heap_page, bool on) {
  uint32_t i = raw(heap_page) % kBitsPerPage;
  uint8_t& byte = vm[sizeof(PageHeader) + i / 8];
  byte = static_cast<uint8_t>(on ? byte | 1 << (i % 8) : byte & ~(1 << (i % 8)));
}

buffer::PageRef visibility_page(RelFile file, PageNo heap_page, bool create) {
  PageNo no = visibility_page_no(heap_page);
  while (raw(buffer::page_count(file, Fork::kVisibility)) <= raw(no)) {
    if (!create) return {};
    buffer::PageRef fresh = buffer::extend(file, Fork::kVisibility);
    wal::Record rec(wal::Op::kVisibilityClear);
    rec.page_new(fresh);
    rec.put(uint32_t{0});
    rec.apply();
  }
  return buffer::pin(page_id(file, Fork::kVisibility, no));
}

buffer::PageRef visibility_page_to_clear(const Page& page, RelFile file, PageNo no) {
  if (!page.all_visible()) return {};
  buffer::PageRef vm = visibility_page(file, no, false);
  if (vm) vm.latch(region::LatchMode::kExclusive);
  return vm;
}

bool all_visible(const RelationDesc& rel, PageNo page) {
  buffer::PageRef vm = visibility_page(rel.file, page, false);
  return vm && visibility_bit(vm.data(), page);
}

}  // namespace postern::heap
