// After the death of a process inside Record::apply or append: makes the WAL's counters and the pages it had latched right again.
//
// Every page that was changed since the redo point has a full image (or was made new) in the WAL since then, and every change is a record. So a half-changed page is
// rebuilt from the WAL alone, with the same redo functions, up to the last complete record. A record that isn't complete was never below insert_lsn, and its pages are untouched.
#include <cstring>

#include "postgres/storage/file.h"
#include "postgres/wal/internal.h"
#include "postgres/wal/reader.h"

namespace postern::wal {
namespace {

struct Damaged {
  PageRefOnDisk ref;
  uint32_t buffer;
  bool known = false;      // contents hold the page as of the records read so far
  uint64_t lsn = 0;
  alignas(8) uint8_t contents[kPageBytes];
};

bool same_page(const PageRefOnDisk& a, const PageRefOnDisk& b) {
  return a.database == b.database && a.number == b.number && a.page == b.page && a.fork == b.fork;
}

void run_record(const uint8_t* record, const RecordHeader& h, uint64_t end, std::vector<Damaged>& pages) {
  PageRefOnDisk refs[kMaxPages];
  std::memcpy(refs, record + sizeof h, h.pages * sizeof(PageRefOnDisk));
  const uint8_t* image = record + sizeof h + h.pages * sizeof(PageRefOnDisk);
  RedoPages redo{};
  redo.count = h.pages;
  Damaged* touched[kMaxPages] = {};
  for (int i = 0; i < h.pages; ++i) {
    for (Damaged& d : pages)
      if (same_page(d.ref, refs[i])) touched[i] = &d;
    Damaged* d = touched[i];
    uint8_t ignored[kPageBytes];
    if (refs[i].flags & kHasImage) restore_image(d ? d->contents : ignored, refs[i], image, record + h.total_bytes);
    else if (d && (refs[i].flags & kIsNew)) std::memset(d->contents, 0, kPageBytes);
    if (!d) continue;
    if (refs[i].flags) d->known = true;
    if (d->known) redo.page[i] = d->contents;
  }
  bool any = false;
  for (int i = 0; i < h.pages; ++i) any |= redo.page[i] != nullptr;
  if (!any) return;
  redo_of(h.op)({reinterpret_cast<const char*>(image), h.data_bytes}, Xid(h.xid), redo);
  for (int i = 0; i < h.pages; ++i)
    if (redo.page[i]) {
      reinterpret_cast<PageHeader*>(redo.page[i])->lsn = end;
      touched[i]->lsn = end;
    }
}

bool rebuild_pages(std::vector<Damaged>& pages) {
  uint64_t end = g_wal->insert_lsn.load();
  LogReader reader(storage::absolute("wal"), g_wal->file.redo, true);
  while (reader.end() < end) {
    const uint8_t* record = reader.next();
    if (!record) return false;  // segments recycled, or the ring overwritten, under our feet
    if (reader.header().pages) run_record(record, reader.header(), reader.end(), pages);
  }
  for (Damaged& d : pages) {
    if (!d.known) continue;     // not changed since the redo point
    std::memcpy(buffer::g_pages + static_cast<size_t>(d.buffer - 1) * kPageBytes, d.contents, kPageBytes);
    region::counters().pages_rebuilt.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

// insert_lsn is stored before last_start: between the two, last_start names the record before the last.
void repair_last_start() {
  uint64_t at = g_wal->last_start.load();
  uint32_t total;
  uint8_t bytes[4];
  for (uint64_t i = 0; i < 4; ++i) bytes[i] = g_ring[(at + i) % g_ring_bytes];
  std::memcpy(&total, bytes, 4);
  if (at + total < g_wal->insert_lsn.load()) g_wal->last_start.store(at + total);
}

}  // namespace

bool repair_after_death(SlotNo dead) {
  try {
    std::vector<Damaged> pages;
    bool inserting = false;
    region::each_exclusive_latch(dead, [&](region::Latch& l) {
      if (&l == &g_wal->insert) inserting = true;
      uint32_t b = buffer::buffer_of_latch(l);
      if (!b) return;
      PageId id = buffer::page_in_buffer(b);
      Damaged& d = pages.emplace_back();
      d.ref = {raw(id.file.database), raw(id.file.number), raw(id.page), static_cast<uint8_t>(id.fork), 0, 0, 0, 0};
      d.buffer = b;
    });
    if (inserting) repair_last_start();
    for (int attempt = 0; attempt < 3; ++attempt)
      if (pages.empty() || rebuild_pages(pages)) return true;
      else
        for (Damaged& d : pages) d.known = false;
    return false;
  } catch (...) {
    return false;
  }
}

}  // namespace postern::wal
