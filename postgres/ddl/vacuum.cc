// VACUUM and ANALYZE: by hand and as autovacuum's rounds. Each table in a transaction of its own (ANALYZE alone may run inside a block).
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/access/stats.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/analyze.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/rewrite.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

using namespace catalog;

namespace {

struct Options {
  bool vacuum = true, analyze = false, verbose = false, automatic = false, full = false;
};

// Sizes in pg_class are changed in place: nobody depends on them, and a rollback must not bring old ones back.
void store_sizes(const RelationDesc& rel, double tuples, PageNo pages, double all_visible) {
  Arena arena;
  CatalogRow r = class_row_of(rel.oid, arena);
  r.set(pg_class::relpages, from_int(raw(pages)));
  r.set(pg_class::reltuples, from_float4(static_cast<float>(tuples)));
  if (all_visible >= 0) r.set(pg_class::relallvisible, from_int(static_cast<int64_t>(all_visible)));
  heap::update_in_place(*catalog_descriptor(pg_class::kTable), r.tid, {r.values.data(), r.nulls.data()});
  invalidate_relation(rel.oid);
}

void vacuum_heap(const RelationDesc& rel, const Options& o, UtilityContext* cx) {
  std::vector<uint64_t> removed(rel.indexes.size());
  heap::VacuumStats s = heap::vacuum(rel, [&](const heap::DeadTids& dead) {
    for (size_t i = 0; i < rel.indexes.size(); i++) removed[i] += btree::vacuum(rel.indexes[i], dead).removed;
  });
  store_sizes(rel, static_cast<double>(s.tuples_left), PageNo{static_cast<uint32_t>(s.pages)}, static_cast<double>(s.pages_all_visible));
  for (const IndexDesc& i : rel.indexes) {
    RelationDesc d;
    d.oid = i.oid;
    if (raw(i.oid) >= raw(kFirstNormalOid)) store_sizes(d, static_cast<double>(s.tuples_left), buffer::page_count(i.file, Fork::kMain), -1);
  }
  if (o.verbose && cx) {
    SqlError info(sqlstate::kSuccessfulCompletion, cat("finished vacuuming \"", namespace_name(rel.namespace_oid), ".", rel.name, "\": tuples: ", s.tuples_removed, " removed, ", s.tuples_left,
                                                       " remain; pages: ", s.pages, " remain, ", s.pages_all_visible, " all-visible"));
    info.severity = Severity::kInfo;
    if (cx->services) cx->services->notice(info);
  }
}

bool may_process(const RelationDesc& rel) {
  if (has_role(current_user(), rel.owner)) return true;
  auto db = find_database(my_database());
  return db && !rel.is_shared() && has_role(current_user(), db->owner);
}

// One table: its lock, the work, within the current transaction. False when it's gone or not ours.
bool process(Oid oid, const Options& o, UtilityContext* cx, std::span<const std::string_view> columns) {
  lock::Tag tag = lock::relation(find_cat_relation(oid) && find_cat_relation(oid)->shared ? kInvalidOid : my_database(), oid);
  if (!lock::acquire(tag, o.full ? lock::Mode::kAccessExclusive : lock::Mode::kShareUpdateExclusive, o.automatic ? lock::Wait::kSkip : lock::Wait::kBlock)) return false;
  accept_invalidations();
  RelationRef rel = relation(oid);
  if (!rel || (rel->kind != 'r' && rel->kind != 'm')) return false;
  if (rel->persistence == 't' && rel->namespace_oid != temp_namespace(false)) return false;
  if (!o.automatic && !may_process(*rel)) {
    if (cx) warning(*cx, cat("permission denied to ", o.vacuum ? "vacuum" : "analyze", " \"", rel->name, "\", skipping it"));
    return false;
  }
  if (o.full && raw(oid) >= raw(kFirstNormalOid)) {
    rewrite_table(*cx, *rel, {});
    txn::next_command();
    rel = relation(oid);
  }
  if (o.vacuum) vacuum_heap(*rel, o, cx);
  if (o.analyze && raw(oid) >= raw(kFirstNormalOid)) {
    AnalyzeResult a = analyze_relation(*rel, columns, cx ? cx->services : nullptr);
    stats::report_analyze(rel->file.database, rel->oid, static_cast<int64_t>(a.rows), 0, o.automatic);
    if (!o.vacuum) {
      store_sizes(*rel, a.rows, a.pages, -1);
      for (const IndexDesc& i : rel->indexes) {
        RelationDesc d;
        d.oid = i.oid;
        store_sizes(d, a.rows, buffer::page_count(i.file, Fork::kMain), -1);
      }
    }
  }
  return true;
}

std::vector<Oid> all_tables() {
  Arena arena;
  std::vector<Oid> out;
  for (const CatalogRow& r : scan(pg_class::kTable, kInvalidOid, {}, arena)) {
    char kind = r.letter(pg_class::relkind);
    if (kind == 'r' || kind == 'm') out.push_back(r.oid(pg_class::oid));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void restart_transaction() {
  txn::commit();
  txn::start();
}

}  // namespace

std::string vacuum(const ast::VacuumStmt& s, UtilityContext& cx) {
  Options o;
  o.vacuum = s.vacuum;
  o.analyze = !s.vacuum;
  for (const ast::DefElem* d : s.options) {
    if (d->name == "analyze") o.analyze = option_bool(*d);
    else if (d->name == "verbose") o.verbose = option_bool(*d);
    else if (d->name == "full") o.full = option_bool(*d);
    else if (d->name != "freeze" && d->name != "skip_locked" && d->name != "index_cleanup" && d->name != "truncate" && d->name != "disable_page_skipping" && d->name != "parallel" &&
             d->name != "process_toast")
      throw SqlError(sqlstate::kSyntaxError, cat("unrecognized ", s.vacuum ? "VACUUM" : "ANALYZE", " option \"", d->name, "\"")).at(d->position);
  }
  if (s.vacuum) require_no_block(cx, "VACUUM");
  struct Item { Oid table; std::vector<std::string_view> columns; };
  std::vector<Item> items;
  for (const ast::VacuumRelation* r : s.relations) {
    QualifiedName q = split_name(*r->relation);
    RelationRef rel = open_relation(q.schema, q.name, lock::Mode::kNone);
    if (!r->columns.empty() && !o.analyze) throw SqlError(sqlstate::kFeatureNotSupported, "ANALYZE option must be specified when a column list is provided");
    if (rel->kind != 'r' && rel->kind != 'm') {
      warning(cx, cat("skipping \"", rel->name, "\" --- cannot ", s.vacuum ? "vacuum" : "analyze", " non-tables or special system tables"));
      continue;
    }
    items.push_back({rel->oid, {r->columns.begin(), r->columns.end()}});
  }
  if (s.relations.empty())
    for (Oid t : all_tables()) items.push_back({t, {}});
  for (const Item& i : items) {
    if (!cx.in_transaction_block) restart_transaction();
    process(i.table, o, &cx, i.columns);
    txn::next_command();
  }
  return s.vacuum ? "VACUUM" : "ANALYZE";
}

void vacuum_relation(Oid rel, bool analyze, bool vacuum, bool verbose) {
  process(rel, {vacuum, analyze, verbose, true, false}, nullptr, {});
}

namespace {
// PostgreSQL's default thresholds.
void decide(const RelationDesc& rel, const stats::RelationStats& c, bool& vacuum, bool& analyze) {
  double rows = std::max(rel.reltuples, 0.0);
  vacuum = static_cast<double>(c.dead.load()) > 50 + 0.2 * rows || static_cast<double>(c.ins_since_vacuum.load()) > 1000 + 0.2 * rows;
  analyze = static_cast<double>(c.mod_since_analyze.load()) > 50 + 0.1 * rows && raw(rel.oid) >= raw(kFirstNormalOid);
}
}  // namespace

int autovacuum_pass(Oid database) {
  (void)database;
  int done = 0;
  if (txn::state() == txn::State::kIdle) txn::start();
  std::vector<Oid> tables = all_tables();
  txn::commit();
  for (Oid t : tables) {
    txn::start();
    try {
      accept_invalidations();
      RelationRef rel = relation(t);
      bool vacuum = false, analyze = false;
      if (rel && rel->autovacuum_enabled && rel->persistence != 't') decide(*rel, stats::of(rel->file.database, t), vacuum, analyze);
      if ((vacuum || analyze) && process(t, {vacuum, analyze, false, true, false}, nullptr, {})) done++;
      txn::commit();
    } catch (...) {
      txn::abort();
      throw;
    }
  }
  return done;
}

}  // namespace postern::ddl
