// Generic reading and writing of catalog rows, with index maintenance. Single-threaded, as all of a session.
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/txn/oid.h"

namespace postern::catalog {
namespace {

constexpr uint32_t kFetchRows = 64;

// Vectors for `natts` columns of `rows` rows, and the list of all attnos.
struct Columns {
  std::vector<Datum> values;
  std::vector<uint8_t> nulls;
  std::vector<Vector> vectors;
  std::vector<int16_t> attnos;
  Columns(int natts, uint32_t rows) : values(size_t(natts) * rows), nulls(size_t(natts) * rows), vectors(natts), attnos(natts) {
    for (int i = 0; i < natts; i++) {
      vectors[i] = {values.data() + size_t(i) * rows, nulls.data() + size_t(i) * rows, 1};
      attnos[i] = static_cast<int16_t>(i + 1);
    }
  }
};

void take_rows(const Columns& c, const Tid* tids, uint32_t n, std::vector<CatalogRow>& out) {
  size_t natts = c.vectors.size();
  for (uint32_t r = 0; r < n; r++) {
    CatalogRow row;
    row.tid = tids[r];
    row.values.resize(natts);
    row.nulls.resize(natts);
    for (size_t i = 0; i < natts; i++) {
      row.nulls[i] = c.vectors[i].null(r);
      row.values[i] = row.nulls[i] ? 0 : c.vectors[i].value(r);
    }
    out.push_back(std::move(row));
  }
}

bool row_matches(const RelationDesc& rel, const IndexDesc& index, std::span<const Datum> keys, const CatalogRow& row) {
  FnContext cx;
  for (size_t i = 0; i < keys.size(); i++) {
    int a = index.keys[i].attno - 1;
    if (row.nulls[a] || compare_datums(cx, type_info(rel.attrs[a].type), row.values[a], keys[i]) != 0) return false;
  }
  return true;
}

const IndexDesc& find_index(const RelationDesc& rel, Oid index) {
  for (const IndexDesc& i : rel.indexes)
    if (i.oid == index) return i;
  throw_internal(cat("catalog \"", rel.name, "\" has no index ", raw(index)));
}

void insert_index_entries(const RelationDesc& rel, std::span<const Datum> values, std::span<const uint8_t> nulls, Tid tid) {
  Datum keys[4];
  uint8_t key_nulls[4];
  for (const IndexDesc& index : rel.indexes) {
    for (size_t i = 0; i < index.keys.size(); i++) {
      keys[i] = values[index.keys[i].attno - 1];
      key_nulls[i] = nulls[index.keys[i].attno - 1];
    }
    btree::insert(rel, index, keys, key_nulls, tid, index.unique ? btree::UniqueCheck::kYes : btree::UniqueCheck::kNone);
  }
}

void check_modified(const heap::ModifyResult& r) {
  if (r.status == heap::ModifyStatus::kOk) return;
  if (r.status == heap::ModifyStatus::kSelfModified) throw_internal("tuple already updated by self");
  throw_internal(r.status == heap::ModifyStatus::kDeleted ? "tuple concurrently deleted" : "tuple concurrently updated");
}

}  // namespace

CatalogRow new_row(Oid table) {
  const CatRelation* c = find_cat_relation(table);
  CatalogRow r;
  r.values.assign(c->columns, 0);
  r.nulls.assign(c->columns, 1);
  return r;
}

std::vector<CatalogRow> scan(Oid table, Oid index_oid, std::span<const Datum> keys, Arena& arena) {
  return scan(table, index_oid, keys, arena, txn::catalog_snapshot());
}

std::vector<CatalogRow> scan(Oid table, Oid index_oid, std::span<const Datum> keys, Arena& arena, const txn::Snapshot& snapshot) {
  RelationRef rel = catalog_descriptor(table);
  std::vector<CatalogRow> out;
  if (index_oid == kInvalidOid) {
    Columns c(rel->natts(), kBatchRows);
    std::vector<Tid> tids(kBatchRows);
    heap::Scan s(*rel, snapshot);
    heap::Wanted wanted{c.attnos, c.vectors.data(), tids.data()};
    while (uint32_t n = s.next(wanted, arena)) take_rows(c, tids.data(), n, out);
    return out;
  }
  const IndexDesc& index = find_index(*rel, index_oid);
  btree::ScanKey scan_keys[4];
  for (size_t i = 0; i < keys.size(); i++) scan_keys[i] = {static_cast<int16_t>(i), btree::Strategy::kEqual, keys[i]};
  btree::Scan s(index, {scan_keys, keys.size()}, false);
  Columns c(rel->natts(), kFetchRows);
  Tid roots[kFetchRows], tids[kFetchRows];
  uint16_t source[kFetchRows];
  heap::Wanted wanted{c.attnos, c.vectors.data(), tids};
  while (uint32_t n = s.next(roots, kFetchRows, nullptr, &arena))
    take_rows(c, tids, heap::fetch(*rel, {roots, n}, snapshot, wanted, arena, source), out);
  // An update within a chain may have changed key columns: the entry then leads to a row that no longer has the key.
  std::erase_if(out, [&](const CatalogRow& r) { return !row_matches(*rel, index, keys, r); });
  return out;
}

std::optional<CatalogRow> find_row(Oid table, Oid index, std::initializer_list<Datum> keys, Arena& arena) {
  auto rows = scan(table, index, {keys.begin(), keys.size()}, arena);
  if (rows.empty()) return std::nullopt;
  return std::move(rows[0]);
}

Tid insert_row(Oid table, std::span<const Datum> values, std::span<const uint8_t> nulls) {
  RelationRef rel = catalog_descriptor(table);
  Tid tid = heap::insert(*rel, {values.data(), nulls.data()});
  insert_index_entries(*rel, values, nulls, tid);
  return tid;
}

void insert_rows(Oid table, std::span<const CatalogRow> rows) {
  RelationRef rel = catalog_descriptor(table);
  std::vector<heap::Row> heap_rows;
  for (const CatalogRow& r : rows) heap_rows.push_back({r.values.data(), r.nulls.data()});
  std::vector<Tid> tids(rows.size());
  heap::multi_insert(*rel, heap_rows, tids.data());
  for (size_t i = 0; i < rows.size(); i++) insert_index_entries(*rel, rows[i].values, rows[i].nulls, tids[i]);
}

void update_row(Oid table, Tid tid, std::span<const Datum> values, std::span<const uint8_t> nulls) {
  RelationRef rel = catalog_descriptor(table);
  heap::ModifyResult r = heap::update(*rel, tid, {values.data(), nulls.data()}, txn::catalog_snapshot());
  check_modified(r);
  if (!r.hot) insert_index_entries(*rel, values, nulls, r.tid);
}

void delete_row(Oid table, Tid tid) {
  RelationRef rel = catalog_descriptor(table);
  check_modified(heap::remove(*rel, tid, txn::catalog_snapshot()));
}

Oid new_oid(Oid table, Oid index) {
  Arena arena;
  for (;;) {
    Oid oid = txn::allocate_oid();
    if (!find_row(table, index, {from_oid(oid)}, arena)) return oid;
  }
}

}  // namespace postern::catalog
