// A new site: directories, WAL, the catalogs of template1 written through the ordinary heap and B-tree in one transaction, then copied to template0 and postgres.
// The caller has registered all hooks (main) and is attached to nothing. Nothing is kept of a failed attempt but files: the caller removes the directory.
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/access/btree.h"
#include "postgres/catalog/built_in_rows.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/catalog/schema.h"
#include "postgres/ddl/ddl.h"
#include "postgres/region/region.h"
#include "postgres/storage/file.h"
#include "postgres/txn/oid.h"
#include "postgres/wal/wal.h"

namespace postern::ddl {
namespace {

using namespace catalog;

constexpr size_t kSortMemory = 8 << 20;
constexpr size_t kRowsPerInsert = 512;

void load_table(Oid table, std::vector<CatalogRow>& rows) {
  RelationRef rel = catalog_descriptor(table);
  std::vector<Tid> tids(rows.size());
  std::vector<heap::Row> batch;
  for (size_t at = 0; at < rows.size(); at += batch.size()) {
    batch.clear();
    for (size_t i = at; i < rows.size() && batch.size() < kRowsPerInsert; i++) batch.push_back({rows[i].values.data(), rows[i].nulls.data()});
    heap::multi_insert(*rel, batch, tids.data() + at);
  }
  for (const IndexDesc& index : rel->indexes) {
    btree::Builder b(*rel, index, kSortMemory);
    Datum keys[4];
    uint8_t nulls[4];
    for (size_t i = 0; i < rows.size(); i++) {
      for (size_t k = 0; k < index.keys.size(); k++) {
        keys[k] = rows[i].values[index.keys[k].attno - 1];
        nulls[k] = rows[i].nulls[index.keys[k].attno - 1];
      }
      b.add(keys, nulls, tids[i]);
    }
    b.finish();
  }
}

void create_files() {
  for (const CatRelation& r : cat_relations()) {
    if (r.kind != 'r') continue;
    RelationRef rel = catalog_descriptor(Oid{r.oid});
    heap::create_storage(rel->file);
    for (const IndexDesc& i : rel->indexes) btree::create_storage(i);
  }
}

void write_catalogs(const BootstrapOptions& options) {
  connect_database(kTemplate1);
  Arena arena(1 << 20);
  txn::start();
  create_files();
  BuiltInOptions o;
  o.superuser = options.superuser;
  o.password_hash = options.password_hash;
  o.locale = options.locale;
  for (auto& [table, rows] : built_in_rows(o, arena)) load_table(table, rows);
  txn::commit();
}

}  // namespace

void bootstrap_site(const BootstrapOptions& options, bool allow_root_for_tests) {
  if (options.encoding != "UTF8" && options.encoding != "UTF-8" && options.encoding != "utf8" && options.encoding != "unicode") throw_unsupported(cat("encoding ", options.encoding));
  for (std::string dir : {"", "/base", "/global"})
    if (!os::make_dir((options.site + dir).c_str()) && errno != EEXIST) os::throw_errno(errno, cat("could not create directory \"", options.site, dir, "\""));
  struct Deferred {
    Deferred() { os::defer_syncs(true); }
    ~Deferred() { os::defer_syncs(false); }
  } deferred;
  wal::create(options.site);
  region::AttachOptions a;
  a.site = options.site;
  a.shared_buffers_bytes = 16 << 20;
  a.max_slots = region::kReservedSlots + 4;
  a.allow_root_for_tests = allow_root_for_tests;
  if (region::attach(a).must_recover) {
    wal::recover();
    txn::after_recovery();
    region::mark_ready();
  }
  storage::create_database_dir(kTemplate1, true);
  write_catalogs(options);
  txn::raise_next_oid(kFirstNormalOid);
  wal::checkpoint();
  storage::copy_database_dir(kTemplate1, kTemplate0);
  storage::copy_database_dir(kTemplate1, kPostgresDb);
  wal::checkpoint();
  region::detach();
  if (!os::sync_filesystem(options.site.c_str())) os::throw_errno(errno, cat("could not synchronize file system for \"", options.site, "\""));
}

}  // namespace postern::ddl
