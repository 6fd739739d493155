// Catalogs: ordinary tables with PostgreSQL 15's names, columns and OIDs, read through MVCC; and the caches over them.
// Built-in types, functions, operators, casts resolve from constexpr tables (types/type_info.h, types/facts/facts.h) and never come here.
// Caches are per process, keyed by OID or name, and validated against the region's invalidation ring: DDL adds the objects it changed when it commits (and its own
// session sees its changes at once, after next_command()); accept_invalidations() drops what others changed; called when a lock is taken and at statement start.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/access/heap.h"
#include "postgres/access/relation.h"

namespace postern {
struct FnTables;
}

namespace postern::catalog {

// Registers the invalidation ring's area and the hook that tells others when a process died after its commit. Call before region::attach.
void attach_hooks();

// The connected database. Set once after startup.
void connect_database(Oid database);
Oid my_database();

struct DatabaseInfo {
  Oid oid{0};
  std::string name;
  Oid owner{0};
  bool allow_connections = true, is_template = false;
  int connection_limit = -1;
  int encoding = 6;
};
std::optional<DatabaseInfo> find_database(std::string_view name);
std::optional<DatabaseInfo> find_database(Oid oid);
std::vector<DatabaseInfo> all_databases();
struct RoleInfo {
  Oid oid{0};
  std::string name;
  bool superuser = false, inherit = true, create_role = false, create_db = false, can_login = false, replication = false, bypass_rls = false;
  int connection_limit = -1;
  std::string password;            // a SCRAM secret; empty: none
  int64_t valid_until = INT64_MAX; // of the password; microseconds since 2000
};
std::optional<RoleInfo> find_role(std::string_view name);
std::optional<RoleInfo> find_role(Oid oid);
bool is_superuser(Oid role);
// True if member is role or, through memberships with INHERIT, has its privileges.
bool has_role(Oid member, Oid role);
bool has_membership_path(Oid member, Oid role);   // member is role or a member of it, directly or not; superusers get no exception
// Settings of ALTER DATABASE/ROLE SET that apply to this session, weakest first: (name, value).
std::vector<std::pair<std::string, std::string>> role_settings(Oid database, Oid role);

// Namespaces and search path ("pg_catalog" is searched first unless listed).
Oid find_namespace(std::string_view name);              // 0: none
std::string namespace_name(Oid oid);
const std::vector<Oid>& search_path();                  // effective, resolved; recomputed when search_path or the user changes
std::vector<Oid> explicit_search_path();                // without what is implied
Oid creation_namespace();                               // where unqualified new objects go; 3F000 if none
Oid temp_namespace(bool create);                        // pg_temp of this session, 0 if none
bool is_temp_namespace(Oid oid);                        // of any session
void set_search_path(std::string_view setting);         // text as in SET search_path
void set_user(Oid role);                                // the current user changed (for "$user")
Oid current_user();

// Relations (tables, indexes, views, sequences). Descriptors are immutable and shared; lookups lock nothing.
RelationRef find_relation(std::string_view schema /* "" = search path */, std::string_view name);   // null: none
RelationRef relation(Oid oid);                          // null: none
// Looks up and takes the table lock, re-resolving if it changed meanwhile. 42P01 when missing, 42809 for a wrong kind is the caller's.
RelationRef open_relation(std::string_view schema, std::string_view name, lock::Mode mode, int position = 0);
RelationRef open_relation(Oid oid, lock::Mode mode);
Oid relation_oid_of_index(Oid index_oid);               // 0: not an index
bool relation_is_visible(const RelationDesc& rel);      // unqualified name finds it
// "t", or "s.t" where the name alone would not find it; quoted as needed.
std::string relation_display_name(const RelationDesc& rel, bool always_qualify = false);
std::string quote_ident(std::string_view name);

// Types: built-in ones from the constexpr table, others (table row types, domains, enums …) from pg_type.
Oid find_type(std::string_view schema, std::string_view name);   // SQL names already mapped (int4, varchar …); 0 none
std::string format_type(Oid type, int32_t typmod);               // as format_type(): "character varying(10)", "integer[]"
std::string format_type_no_typmod(Oid type);                     // as format_type(type, NULL)
Oid row_type_relation(Oid type);                                 // table of a composite type, 0 if not one

// Reading and writing catalog rows generically: a catalog table is opened by its fixed OID, rows are arrays of Datum. Positions of columns: catalog/data/columns.h.
struct CatalogRow {
  Tid tid;
  std::vector<Datum> values;
  std::vector<uint8_t> nulls;
  std::string_view text(int column) const { return nulls[column] ? std::string_view() : as_view(values[column]); }
  Oid oid(int column) const { return as_oid(values[column]); }
  bool flag(int column) const { return as_bool(values[column]); }
  char letter(int column) const { return static_cast<char>(values[column]); }
  void set(int column, Datum v) { values[column] = v; nulls[column] = 0; }
  void set_null(int column) { values[column] = 0; nulls[column] = 1; }
};
// A row of all NULLs.
CatalogRow new_row(Oid table);
// Rows whose index columns equal the given values, through index (or a scan when index is 0). Fresh catalog snapshot. Variable values live in arena.
std::vector<CatalogRow> scan(Oid table, Oid index, std::span<const Datum> keys, Arena& arena);
std::vector<CatalogRow> scan(Oid table, Oid index, std::span<const Datum> keys, Arena& arena, const txn::Snapshot& snapshot);
// The first such row.
std::optional<CatalogRow> find_row(Oid table, Oid index, std::initializer_list<Datum> keys, Arena& arena);
Tid insert_row(Oid table, std::span<const Datum> values, std::span<const uint8_t> nulls);
inline Tid insert_row(Oid table, const CatalogRow& r) { return insert_row(table, r.values, r.nulls); }
void insert_rows(Oid table, std::span<const CatalogRow> rows);
void update_row(Oid table, Tid tid, std::span<const Datum> values, std::span<const uint8_t> nulls);   // 40001-style "tuple concurrently updated" XX000
inline void update_row(Oid table, const CatalogRow& r) { update_row(table, r.tid, r.values, r.nulls); }
void delete_row(Oid table, Tid tid);
// An OID that no row of the catalog has (index: its unique index on oid).
Oid new_oid(Oid table, Oid index);

void invalidate_relation(Oid oid);                      // queue for commit; effective for ourselves after next_command()
void invalidate_all();
void accept_invalidations();
uint64_t version();                                     // changes whenever any cached plan may be stale

// Statistics for the planner.
struct ColumnStats {
  double null_fraction = 0, n_distinct = -1, correlation = 0;
  int width = 8;
  std::vector<Datum> mcv;
  std::vector<float> mcv_freq;
  std::vector<Datum> histogram;
};
std::shared_ptr<const ColumnStats> column_stats(Oid table, int16_t attno);   // null: never analysed
// Current size in pages and an estimate of rows (from reltuples scaled by size).
struct SizeEstimate { double pages, rows, all_visible_fraction; };
SizeEstimate size_estimate(const RelationDesc& rel);

// Dependencies (pg_depend), used by DROP … CASCADE/RESTRICT.
struct ObjectAddress {
  Oid class_oid{0}, object{0};
  int32_t sub = 0;
  friend bool operator==(const ObjectAddress&, const ObjectAddress&) = default;
};
void record_dependency(ObjectAddress depender, ObjectAddress referenced, char type /* n a i */);
// "table t", "column a of table t", "index i" …, as in messages and pg_describe_object.
std::string describe_object(ObjectAddress a);

// Functions over catalogs (postgres/catalog/fns*.cc), for main to join with the others.
extern const FnTables kCatalogFns;

}  // namespace postern::catalog
