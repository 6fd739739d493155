// For unit tests of buffer and wal: a site with WAL and pool, and pages that hold counters changed through a redo function of their own.
#pragma once
#include <cstring>

#include "common/base/error.h"
#include "postgres/buffer/buffer.h"
#include "postgres/region/test_site.h"
#include "postgres/storage/file.h"
#include "postgres/wal/files.h"
#include "postgres/wal/wal.h"

namespace postern::wal {

constexpr RelFile kTestFile{Oid(5), Oid(1000)};
constexpr Op kTestOp = Op::kHeapInsert;        // slot (u32) and value (u64): page[40 + 8 * slot] = value
constexpr Op kTestInitOp = Op::kHeapMultiInsert;  // an empty test page

struct TestChange {
  uint32_t slot;
  uint32_t zero;
  uint64_t value;
};

inline bool g_die_in_redo = false;  // in a child: the redo function kills its process half way

inline void redo_test_change(std::string_view data, Xid, RedoPages& pages) {
  TestChange c;
  std::memcpy(&c, data.data(), sizeof c);
  if (g_die_in_redo) {
    std::memcpy(pages.page[0] + 40 + 8 * c.slot, "torn", 4);
    ::kill(::getpid(), SIGKILL);
  }
  for (int i = 0; i < pages.count; ++i)
    if (pages.page[i]) std::memcpy(pages.page[i] + 40 + 8 * c.slot, &c.value, 8);
}
inline void redo_test_init(std::string_view, Xid, RedoPages& pages) {
  if (!pages.page[0]) return;
  auto* h = reinterpret_cast<PageHeader*>(pages.page[0]);
  h->lower = 6000;  // the hole is left out of images
  h->upper = 8000;
  h->special = kPageBytes;
  h->reserved = 0x77;
}

inline void test_hooks() {
  attach_hooks();
  register_redo(kTestOp, redo_test_change);
  register_redo(kTestInitOp, redo_test_init);
}

// Attaches and recovers as a postgres would.
inline Recovery test_start(const region::AttachOptions& o) {
  test_hooks();
  storage::close_all();
  Recovery r{};
  if (region::attach(o).must_recover) {
    r = recover();
    if (r.records) checkpoint();
    region::mark_ready();
  }
  return r;
}
inline void test_new_site(const region::TestSite& site) {
  create(site.path);
  ::mkdir((site.path + "/base/5").c_str(), 0700);
}

inline PageNo test_add_page() {
  buffer::PageRef ref = buffer::extend(kTestFile, Fork::kMain);
  Record r(kTestInitOp);
  r.page_new(ref);
  r.apply();
  return ref.page();
}
inline Lsn test_set(PageNo page, uint32_t slot, uint64_t value) {
  buffer::PageRef ref = buffer::read({kTestFile, Fork::kMain, page}, region::LatchMode::kExclusive);
  Record r(kTestOp, Xid(7));
  r.page(ref);
  r.put(TestChange{slot, 0, value});
  return r.apply();
}
inline uint64_t test_get(PageNo page, uint32_t slot, buffer::Access access = buffer::Access::kNormal) {
  buffer::PageRef ref = buffer::read({kTestFile, Fork::kMain, page}, region::LatchMode::kShared, access);
  uint64_t v;
  std::memcpy(&v, ref.data() + 40 + 8 * slot, 8);
  return v;
}

}  // namespace postern::wal
