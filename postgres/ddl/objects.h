// What the statements of ddl share: making and changing the catalog rows of relations, names, ownership, options, dependencies.
// Lock order: a relation's table lock before anything is read about it; catalogs are changed without locks of their own (unique indexes decide races).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/ddl/ddl.h"
#include "postgres/sql/ast/ast.h"

namespace postern::ddl {

using catalog::CatalogRow;
using catalog::ObjectAddress;

constexpr int kNameBytes = 63;

// ---- messages
void notice(UtilityContext& cx, std::string message, std::string detail = {}, SqlState state = sqlstate::kSuccessfulCompletion);
void warning(UtilityContext& cx, std::string message, SqlState state = sqlstate::kWarning);
std::string display(const ast::RangeVar& r);                // "s.t" or "t" for messages
std::string display(ast::Names names);

// ---- names
// Schema and last part of a qualified name; 0A000 for a foreign database.
struct QualifiedName { std::string schema, name; };
QualifiedName split_name(ast::Names names);
QualifiedName split_name(const ast::RangeVar& r);
// Namespace where a new relation goes; checks CREATE there. 3F000.
Oid creation_namespace_of(const ast::RangeVar& r);
Oid require_namespace(std::string_view name);               // 3F000
// PostgreSQL's way to make names: name1_name2_label, shortened to fit, with a number if taken.
std::string make_name(std::string_view name1, std::string_view name2, std::string_view label);
std::string choose_relation_name(std::string_view name1, std::string_view name2, std::string_view label, Oid ns);
bool relation_exists(Oid ns, std::string_view name);
bool constraint_exists(Oid table, std::string_view name);
std::string choose_constraint_name(std::string_view name1, std::string_view name2, std::string_view label, Oid table, std::span<const std::string> also_taken = {});
Oid role_of(const ast::RoleSpec& r);                        // 42704
void check_new_name(std::string_view name);

// ---- privileges
void require_owner(const RelationDesc& rel);                // 42501 "must be owner of table t"
void require_not_catalog(const RelationDesc& rel);          // 42501 "permission denied: … is a system catalog"
void require_namespace_create(Oid ns);
void require_superuser(std::string_view what);
void require_no_block(const UtilityContext& cx, std::string_view statement);   // 25001
std::string_view kind_name(char relkind);                   // "table", "view", …

// Opens a relation with its lock; checks that it is one of `kinds` (42809), not a catalog and ours. missing_ok: null with a notice.
RelationRef open_owned(UtilityContext& cx, const ast::RangeVar& r, lock::Mode mode, std::string_view kinds, bool missing_ok = false);

// ---- types and options
Oid resolve_type(const ast::TypeName& t, int32_t* typmod);  // 42704, 22023
AttrDesc make_attr(std::string_view name, Oid type, int32_t typmod);
// Storage parameters as reloptions, checked. kind 'r' or 'i'.
catalog::Options relation_options(ast::List<ast::DefElem> defs, char kind);
std::string option_text(const ast::DefElem& d);
bool option_bool(const ast::DefElem& d);
int64_t option_int(const ast::DefElem& d);

// ---- relations
struct RelationSpec {
  std::string name;
  Oid namespace_oid{0}, owner{0};
  char kind = 'r', persistence = 'p';
  std::vector<AttrDesc> attrs;
  std::vector<int> ndims;
  catalog::Options options;
};
// Catalog rows, row type and storage (kinds r, S, m); visible to the next commands. 42P07 when the name is taken.
Oid create_relation(const RelationSpec& spec);

struct IndexSpec {
  std::string name;                    // "" choose
  IndexDesc desc;                      // keys, included, unique, primary, expressions (joined with \x01), predicate; oid and file are filled
  std::vector<std::string> column_names;   // of the index's own columns; filled when empty
  std::vector<Oid> key_types;          // of expression keys (by position)
  catalog::Options options;
  char constraint = 0;                 // 'p' or 'u': it makes a constraint of its name
  bool deferrable = false, deferred = false;
};
// Adds an index and builds it. REQUIRES: table locked in SHARE or stronger.
Oid create_index(UtilityContext& cx, RelationRef table, IndexSpec spec);
// The default operator class of a type for B-trees; 42704 when it has none.
Oid default_opclass(Oid type);
Oid find_opclass(ast::Names name, Oid type);

// ---- changing rows of a relation
CatalogRow class_row_of(Oid rel, Arena& arena);
CatalogRow attribute_row_of(Oid rel, int attnum, Arena& arena);
void set_class_flag(Oid rel, int column, Datum value);
void set_new_file(Oid rel, bool is_index, const RelationDesc& table, const IndexDesc* index);   // TRUNCATE, rewrites: empty storage, old file dropped at commit
void store_default(Oid rel, int attnum, std::string_view sql_text);
void remove_default(Oid rel, int attnum);

// ---- dependencies and dropping
void delete_dependencies_of(ObjectAddress depender);
// Drops the objects and what depends on them. RESTRICT: 2BP01 when something else does.
void drop_objects(UtilityContext& cx, std::vector<ObjectAddress> targets, bool cascade, std::string_view statement_object = {});
void drop_shared_description(Oid object, Oid class_oid);
void set_comment(ObjectAddress object, std::string_view text, bool null);

// ---- statements (one file each)
std::string create_table(const ast::CreateTableStmt& s, UtilityContext& cx);
std::string create_table_as(const ast::CreateTableAsStmt& s, UtilityContext& cx);
std::string create_index_stmt(const ast::CreateIndexStmt& s, UtilityContext& cx);
std::string create_sequence(const ast::CreateSequenceStmt& s, UtilityContext& cx);
std::string alter_sequence(const ast::AlterSequenceStmt& s, UtilityContext& cx);
std::string create_view(const ast::CreateViewStmt& s, UtilityContext& cx);
std::string create_schema(const ast::CreateSchemaStmt& s, UtilityContext& cx);
std::string create_database(const ast::CreateDatabaseStmt& s, UtilityContext& cx);
std::string drop_database(const ast::DropDatabaseStmt& s, UtilityContext& cx);
std::string alter_database(const ast::AlterDatabaseStmt& s, UtilityContext& cx);
std::string alter_database_set(const ast::AlterDatabaseSetStmt& s, UtilityContext& cx);
std::string create_role(const ast::CreateRoleStmt& s, UtilityContext& cx);
std::string alter_role(const ast::AlterRoleStmt& s, UtilityContext& cx);
std::string alter_role_set(const ast::AlterRoleSetStmt& s, UtilityContext& cx);
std::string drop_role(const ast::DropRoleStmt& s, UtilityContext& cx);
std::string grant_role(const ast::GrantRoleStmt& s, UtilityContext& cx);
std::string grant(const ast::GrantStmt& s, UtilityContext& cx);
std::string alter_table(const ast::AlterTableStmt& s, UtilityContext& cx);
std::string drop(const ast::DropStmt& s, UtilityContext& cx);
std::string truncate(const ast::TruncateStmt& s, UtilityContext& cx);
std::string rename(const ast::RenameStmt& s, UtilityContext& cx);
std::string alter_schema(const ast::AlterSchemaStmt& s, UtilityContext& cx);
std::string alter_owner(const ast::AlterOwnerStmt& s, UtilityContext& cx);
std::string comment(const ast::CommentStmt& s, UtilityContext& cx);
std::string cluster(const ast::ClusterStmt& s, UtilityContext& cx);
std::string reindex(const ast::ReindexStmt& s, UtilityContext& cx);
std::string vacuum(const ast::VacuumStmt& s, UtilityContext& cx);
std::string lock_table(const ast::LockStmt& s, UtilityContext& cx);

// Shared between statements.
struct SequenceOptions {
  Oid type{oid::kInt8};
  int64_t start = 1, increment = 1, min = 1, max = INT64_MAX, cache = 1;
  bool cycle = false;
};
Oid make_sequence(UtilityContext& cx, const std::string& name, Oid ns, Oid owner, const SequenceOptions& o, char persistence);
SequenceOptions sequence_options(ast::List<ast::DefElem> defs, const SequenceOptions* old, Oid default_type, bool* restart, int64_t* restart_value, const ast::DefElem** owned_by);
void change_sequence(const RelationDesc& sequence, ast::List<ast::DefElem> options);   // ALTER SEQUENCE's work
void reset_sequence(Oid sequence, int64_t last_value, bool is_called);   // transactional: new file
std::vector<Oid> owned_sequences(Oid table);
void set_relation_owner(UtilityContext& cx, RelationRef rel, Oid owner);
void define_constraint(UtilityContext& cx, Oid table, const ast::Constraint& c, bool new_table);
void set_clustered(Oid table, Oid index);                // 0: none
void rebuild_indexes(UtilityContext& cx, Oid table);
// A column gets a new name: the stored texts of checks, index expressions and predicates of its table, and of views over it, are written anew.
void rename_in_expressions(UtilityContext& cx, const RelationDesc& table, int attnum, std::string_view new_name);
// Defaults that name an owned sequence are written anew after it moved.
void refresh_sequence_defaults(UtilityContext& cx, Oid table);
void drop_temp_objects(Oid ns);
void truncate_table(Oid table);                            // its rows and indexes; REQUIRES ACCESS EXCLUSIVE
void set_on_commit(Oid table, char action);                // of CREATE TEMP TABLE: 'd' delete rows, 'x' drop, others nothing

}  // namespace postern::ddl
