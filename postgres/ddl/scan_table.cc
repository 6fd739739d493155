#include "postgres/ddl/scan_table.h"

#include "postgres/txn/txn.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

void scan_table(const RelationDesc& rel, UtilityContext& cx, const std::function<void(const Datum*, const uint8_t*, Tid)>& fn) {
  int natts = rel.natts();
  std::vector<Datum> values(size_t(natts) * kBatchRows), row(natts);
  std::vector<uint8_t> nulls(size_t(natts) * kBatchRows), row_nulls(natts);
  std::vector<Vector> out;
  std::vector<int16_t> attnos, positions;
  for (int i = 0; i < natts; i++) {
    row_nulls[i] = 1;
    if (rel.attrs[i].dropped) continue;
    out.push_back({values.data() + size_t(i) * kBatchRows, nulls.data() + size_t(i) * kBatchRows, 1});
    attnos.push_back(static_cast<int16_t>(i + 1));
  }
  std::vector<Tid> tids(kBatchRows);
  Arena arena;
  heap::Scan scan(rel, txn::catalog_snapshot());
  heap::Wanted wanted{attnos, out.data(), tids.data()};
  while (uint32_t n = scan.next(wanted, arena)) {
    for (uint32_t r = 0; r < n; r++) {
      for (size_t k = 0; k < attnos.size(); k++) {
        row[attnos[k] - 1] = out[k].value(r);
        row_nulls[attnos[k] - 1] = out[k].null(r);
      }
      fn(row.data(), row_nulls.data(), tids[r]);
    }
    arena.reset();
    if (cx.services) cx.services->check_interrupts();
  }
}

}  // namespace postern::ddl
