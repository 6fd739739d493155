#include "postgres/catalog/foreign_keys.h"

#include <algorithm>
#include <unordered_map>

#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"

namespace postern::catalog {

namespace {

ForeignKey read(const CatalogRow& r) {
  namespace c = pg_constraint;
  ForeignKey f;
  f.constraint = r.oid(c::oid);
  f.name = r.text(c::conname);
  f.table = r.oid(c::conrelid);
  f.referenced = r.oid(c::confrelid);
  f.columns = read_int2s(r.values[c::conkey]);
  f.referenced_columns = read_int2s(r.values[c::confkey]);
  f.match = r.letter(c::confmatchtype);
  f.on_update = r.letter(c::confupdtype);
  f.on_delete = r.letter(c::confdeltype);
  f.deferrable = r.flag(c::condeferrable);
  f.deferred = r.flag(c::condeferred);
  f.validated = r.flag(c::convalidated);
  return f;
}

std::shared_ptr<const ForeignKeys> load(Oid table) {
  static const auto none = std::make_shared<const ForeignKeys>();
  Arena arena;
  auto cls = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(table)}, arena);
  if (!cls || !cls->flag(pg_class::relhastriggers)) return none;
  auto out = std::make_shared<ForeignKeys>();
  for (const CatalogRow& r : scan(pg_constraint::kTable, kInvalidOid, {}, arena)) {
    if (r.letter(pg_constraint::contype) != 'f') continue;
    if (r.oid(pg_constraint::conrelid) == table) out->own.push_back(read(r));
    if (r.oid(pg_constraint::confrelid) == table) out->incoming.push_back(read(r));
  }
  auto by_name = [](const ForeignKey& a, const ForeignKey& b) { return raw(a.constraint) < raw(b.constraint); };
  std::sort(out->own.begin(), out->own.end(), by_name);
  std::sort(out->incoming.begin(), out->incoming.end(), by_name);
  return out;
}

}  // namespace

std::shared_ptr<const ForeignKeys> foreign_keys(Oid table) {
  static std::unordered_map<uint32_t, std::shared_ptr<const ForeignKeys>> cache;
  static uint64_t cached_version = 0;
  relation(table);                           // takes notice of this session's own changes
  if (cached_version != version()) {
    cache.clear();
    cached_version = version();
  }
  auto& entry = cache[raw(table)];
  if (!entry) entry = load(table);
  return entry;
}

void mark_foreign_key_side(Oid table) {
  Arena arena;
  auto cls = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(table)}, arena);
  if (cls && !cls->flag(pg_class::relhastriggers)) {
    cls->set(pg_class::relhastriggers, from_bool(true));
    update_row(pg_class::kTable, *cls);
  }
  invalidate_relation(table);
}

}  // namespace postern::catalog
