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

namespace postern::catalog {

// The connected database. Set once after startup.
void connect_database(Oid database);
Oid my_database();

struct DatabaseInfo { Oid oid{0}; std::string name; Oid owner{0}; bool allow_connections = true, is_template = false; int connection_limit = -1; int encoding = 6; };
std::optional<DatabaseInfo> find_database(std::string_view name);
std::vector<DatabaseInfo> all_databases();
struct RoleInfo { Oid oid{0}; std::string name; bool superuser = false, inherit = true, create_role = false, create_db = false, can_login = false, replication = false, bypass_rls = false; int connection_limit = -1; std::string password; };
std::optional<RoleInfo> find_role(std::string_view name);
std::optional<RoleInfo> find_role(Oid oid);

// Namespaces and search path ("pg_catalog" is searched first unless listed).
Oid find_namespace(std::string_view name);              // 0: none
std::string namespace_name(Oid oid);
const std::vector<Oid>& search_path();                  // effective, resolved; recomputed when search_path or the user changes
Oid creation_namespace();                               // where unqualified new objects go; 3F000 if none
Oid temp_namespace(bool create);                        // pg_temp of this session, 0 if none
void set_search_path(std::string_view setting);         // text as in SET search_path

// Relations (tables, indexes, views, sequences). Descriptors are immutable and shared; lookups lock nothing.
RelationRef find_relation(std::string_view schema /* "" = search path */, std::string_view name);   // null: none
RelationRef relation(Oid oid);                          // null: none
// Looks up and takes the table lock, re-resolving if it changed meanwhile. 42P01 when missing, 42809 for a wrong kind is the caller's.
RelationRef open_relation(std::string_view schema, std::string_view name, lock::Mode mode, int position = 0);
RelationRef open_relation(Oid oid, lock::Mode mode);
Oid relation_oid_of_index(Oid index_oid);

// Types: built-in ones from the constexpr table, others (table row types, domains, enums …) from pg_type.
Oid find_type(std::string_view schema, std::string_view name);   // SQL names already mapped (int4, varchar …); 0 none
std::string format_type(Oid type, int32_t typmod);               // as format_type(): "character varying(10)", "integer[]"
Oid row_type_relation(Oid type);                                 // table of a composite type, 0 if not one

// Reading and writing catalog rows generically: a catalog table is opened by its fixed OID, rows are arrays of Datum.
struct CatalogRow { Tid tid; std::vector<Datum> values; std::vector<uint8_t> nulls; };
// Rows whose index columns equal the given values, through index (or a scan when index is 0). Fresh catalog snapshot.
std::vector<CatalogRow> scan(Oid table, Oid index, std::span<const Datum> keys, Arena& arena);
Tid insert_row(Oid table, std::span<const Datum> values, std::span<const uint8_t> nulls);
void update_row(Oid table, Tid tid, std::span<const Datum> values, std::span<const uint8_t> nulls);   // 40001-style "tuple concurrently updated" XX000
void delete_row(Oid table, Tid tid);
void invalidate_relation(Oid oid);                      // queue for commit; effective for ourselves after next_command()
void invalidate_all();
void accept_invalidations();
uint64_t version();                                     // changes whenever any cached plan may be stale

// Statistics for the planner.
struct ColumnStats { double null_fraction = 0, n_distinct = -1, correlation = 0; int width = 8; std::vector<Datum> mcv; std::vector<float> mcv_freq; std::vector<Datum> histogram; };
std::shared_ptr<const ColumnStats> column_stats(Oid table, int16_t attno);   // null: never analysed
// Current size in pages and an estimate of rows (from reltuples scaled by size).
struct SizeEstimate { double pages, rows, all_visible_fraction; };
SizeEstimate size_estimate(const RelationDesc& rel);

// Dependencies (pg_depend), used by DROP … CASCADE/RESTRICT.
struct ObjectAddress { Oid class_oid{0}, object{0}; int32_t sub = 0; };
void record_dependency(ObjectAddress depender, ObjectAddress referenced, char type /* n a i */);

}  // namespace postern::catalog
