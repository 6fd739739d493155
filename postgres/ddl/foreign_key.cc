// FOREIGN KEY constraints: their catalog rows, and the check of rows that are there already. What happens at run time is in exec/foreign_keys.h.
#include "postgres/catalog/foreign_keys.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/table_parts.h"
#include "postgres/exec/foreign_keys.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/parse/parse.h"

namespace postern::ddl {

using namespace catalog;

namespace {

std::vector<int16_t> column_numbers(const RelationDesc& rel, ast::Names names) {
  std::vector<int16_t> out;
  for (std::string_view n : names) {
    auto it = std::find_if(rel.attrs.begin(), rel.attrs.end(), [&](const AttrDesc& a) { return !a.dropped && a.name == n; });
    if (it == rel.attrs.end()) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", n, "\" referenced in foreign key constraint does not exist"));
    out.push_back(static_cast<int16_t>(it - rel.attrs.begin() + 1));
  }
  return out;
}

// The unique index over exactly these columns; with none named, the primary key, whose columns they become.
const IndexDesc& referenced_index(const RelationDesc& rel, std::vector<int16_t>& columns) {
  if (columns.empty()) {
    for (const IndexDesc& i : rel.indexes) {
      if (!i.primary) continue;
      for (const IndexDesc::Key& k : i.keys) columns.push_back(k.attno);
      return i;
    }
    throw SqlError(sqlstate::kUndefinedObject, cat("there is no primary key for referenced table \"", rel.name, "\""));
  }
  std::vector<int16_t> wanted = columns;
  std::sort(wanted.begin(), wanted.end());
  if (std::adjacent_find(wanted.begin(), wanted.end()) != wanted.end()) throw SqlError(sqlstate::kInvalidForeignKey, "foreign key referenced-columns list must not contain duplicates");
  for (const IndexDesc& i : rel.indexes) {
    if (!i.unique || !i.predicate.empty() || !i.expressions.empty() || i.keys.size() != wanted.size()) continue;
    std::vector<int16_t> have;
    for (const IndexDesc::Key& k : i.keys) have.push_back(k.attno);
    std::sort(have.begin(), have.end());
    if (have == wanted) return i;
  }
  throw SqlError(sqlstate::kInvalidForeignKey, cat("there is no unique constraint matching given keys for referenced table \"", rel.name, "\""));
}

// Both must be comparable by "=".
void check_types(const RelationDesc& rel, const RelationDesc& other, const ForeignKey& key) {
  for (size_t i = 0; i < key.columns.size(); i++) {
    const AttrDesc &a = rel.attrs[key.columns[i] - 1], &b = other.attrs[key.referenced_columns[i] - 1];
    if (a.type == b.type) continue;
    Arena arena;
    std::string text = cat("SELECT 1 FROM ONLY ", relation_display_name(other, true), " x WHERE x.", quote_ident(b.name), " = $1");
    sql::ParamTypes types{{a.type}, false};
    try {
      sql::analyze(*sql::parse(text, arena)[0].stmt, text, types, arena);
    } catch (const SqlError& e) {
      if (!(e.sqlstate == sqlstate::kUndefinedFunction)) throw;
      throw SqlError(sqlstate::kDatatypeMismatch, cat("foreign key constraint \"", key.name, "\" cannot be implemented"),
                     cat("Key columns \"", a.name, "\" and \"", b.name, "\" are of incompatible types: ", format_type(a.type, a.typmod), " and ", format_type(b.type, b.typmod), "."));
    }
  }
}

std::string joined_names(const RelationDesc& rel, std::span<const int16_t> columns) {
  std::string out;
  for (int16_t c : columns) append(out, out.empty() ? "" : "_", rel.attrs[c - 1].name);
  return out;
}

void check_rows(UtilityContext& cx, const ForeignKey& key) {
  RelationRef rel = relation(key.table), other = relation(key.referenced);
  std::string columns, on, given;
  for (size_t i = 0; i < key.columns.size(); i++) {
    std::string a = cat("fk.", quote_ident(rel->attrs[key.columns[i] - 1].name)), b = cat("pk.", quote_ident(other->attrs[key.referenced_columns[i] - 1].name));
    append(columns, i ? ", " : "", a);
    append(on, i ? " AND " : "", b, " = ", a);
    append(given, i ? key.match == 'f' ? " OR " : " AND " : "", a, " IS NOT NULL");
  }
  std::string text = cat("SELECT ", columns, " FROM ONLY ", relation_display_name(*rel, true), " fk LEFT JOIN ONLY ", relation_display_name(*other, true), " pk ON (", on, ") WHERE pk.",
                         quote_ident(other->attrs[key.referenced_columns[0] - 1].name), " IS NULL AND (", given, ")");
  auto parsed = sql::parse(cx.arena->copy(std::string_view(text)), *cx.arena);
  cx.run_query(*parsed[0].stmt, [&](const exec::Batch& b) {
    uint32_t r = b.rows.row(0);
    std::vector<NullableDatum> values;
    bool null = false;
    for (size_t i = 0; i < key.columns.size(); i++) {
      values.push_back({b.columns[i].value(r), b.columns[i].null(r)});
      null |= values.back().null;
    }
    if (null)
      throw SqlError(sqlstate::kForeignKeyViolation, cat("insert or update on table \"", rel->name, "\" violates foreign key constraint \"", key.name, "\""),
                     "MATCH FULL does not allow mixing of null and nonnull key values.");
    exec::throw_missing_key(key, values, cx.services);
  });
}

}  // namespace

void add_foreign_key(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table) {
  RelationRef rel = relation(table);
  QualifiedName q = split_name(*c.references);
  RelationRef other = open_relation(q.schema, q.name, lock::Mode::kShareRowExclusive);
  if (other->kind != 'r') throw SqlError(sqlstate::kWrongObjectType, cat("referenced relation \"", other->name, "\" is not a table"));
  require_not_catalog(*other);
  if (!has_role(current_user(), other->owner)) {
    if (!has_relation_privilege(current_user(), other->oid, 'x')) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for table ", other->name));
  }
  if ((rel->persistence == 't') != (other->persistence == 't') || (rel->persistence == 'p' && other->persistence == 'u')) {
    const char* what = rel->persistence == 't' ? "temporary tables may reference only temporary tables" : rel->persistence == 'p' ? "permanent tables may reference only permanent tables"
                                                                                                                                 : "unlogged tables may reference only permanent or unlogged tables";
    throw SqlError(sqlstate::kInvalidTableDefinition, cat("constraints on ", what));
  }
  if (c.match == 'p') throw SqlError(sqlstate::kFeatureNotSupported, "MATCH PARTIAL not yet implemented").at(c.position);
  ForeignKey key;
  std::vector<std::string_view> names(c.foreign_columns.begin(), c.foreign_columns.end());
  if (names.empty()) names.push_back(column);
  key.columns = column_numbers(*rel, {names.data(), names.size()});
  key.referenced_columns = column_numbers(*other, c.referenced_columns);
  const IndexDesc& index = referenced_index(*other, key.referenced_columns);
  if (key.columns.size() != key.referenced_columns.size()) throw SqlError(sqlstate::kInvalidForeignKey, "number of referencing and referenced columns for foreign key disagree");
  key.table = table;
  key.referenced = other->oid;
  key.match = c.match;
  key.name = c.name;
  if (key.name.empty()) key.name = choose_constraint_name(rel->name, joined_names(*rel, key.columns), "fkey", table);
  else if (constraint_exists(table, key.name)) throw SqlError(sqlstate::kDuplicateObject, cat("constraint \"", key.name, "\" for relation \"", rel->name, "\" already exists"));
  check_types(*rel, *other, key);
  if (!new_table && !c.skip_validation) check_rows(cx, key);

  Arena arena;
  ConstraintSpec s;
  s.oid = new_oid(pg_constraint::kTable, pg_constraint::k_oid_index);
  s.name = key.name;
  s.namespace_oid = rel->namespace_oid;
  s.type = 'f';
  s.table = table;
  s.index = index.oid;
  s.deferrable = c.deferrable || c.initially_deferred;
  s.deferred = c.initially_deferred;
  s.validated = new_table || !c.skip_validation;
  s.keys = key.columns;
  s.referenced = other->oid;
  s.referenced_keys = key.referenced_columns;
  s.match = c.match;
  s.on_update = c.on_update;
  s.on_delete = c.on_delete;
  insert_row(pg_constraint::kTable, constraint_row(arena, s));
  ObjectAddress self{pg_constraint::kTable, s.oid};
  for (int16_t a : key.columns) record_dependency(self, {pg_class::kTable, table, a}, 'a');
  for (int16_t a : key.referenced_columns) record_dependency(self, {pg_class::kTable, other->oid, a}, 'n');
  record_dependency(self, {pg_class::kTable, index.oid}, 'n');
  mark_foreign_key_side(table);
  txn::next_command();
  mark_foreign_key_side(other->oid);
  txn::next_command();
}

void validate_foreign_key(UtilityContext& cx, Oid table, Oid constraint) {
  auto keys = foreign_keys(table);
  for (const ForeignKey& k : keys->own)
    if (k.constraint == constraint) check_rows(cx, k);
}

void alter_constraint(Oid table, const ast::Constraint& c) {
  RelationRef rel = relation(table);
  Arena arena;
  auto row = find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(table), 0, make_bytes(arena, c.name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("constraint \"", c.name, "\" of relation \"", rel->name, "\" does not exist"));
  if (row->letter(pg_constraint::contype) != 'f') throw SqlError(sqlstate::kWrongObjectType, cat("constraint \"", c.name, "\" of relation \"", rel->name, "\" is not a foreign key constraint"));
  row->set(pg_constraint::condeferrable, from_bool(c.deferrable || c.initially_deferred));
  row->set(pg_constraint::condeferred, from_bool(c.initially_deferred));
  update_row(pg_constraint::kTable, *row);
  invalidate_relation(table);
  invalidate_relation(row->oid(pg_constraint::confrelid));
  txn::next_command();
}

}  // namespace postern::ddl
