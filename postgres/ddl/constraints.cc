// PRIMARY KEY, UNIQUE, CHECK, NOT NULL on tables.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/scan_table.h"
#include "postgres/ddl/table_parts.h"

namespace postern::ddl {

using namespace catalog;

int find_column(const RelationDesc& table, std::string_view name) {
  for (int i = 0; i < table.natts(); i++)
    if (!table.attrs[i].dropped && table.attrs[i].name == name) return i + 1;
  throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", name, "\" of relation \"", table.name, "\" does not exist"));
}

void set_not_null(UtilityContext& cx, Oid table, int attnum, bool verify) {
  RelationRef rel = relation(table);
  if (rel->attrs[attnum - 1].not_null) return;
  if (verify) {
    scan_table(*rel, cx, [&](const Datum*, const uint8_t* nulls, Tid) {
      if (nulls[attnum - 1]) {
        SqlError e(sqlstate::kNotNullViolation, cat("column \"", rel->attrs[attnum - 1].name, "\" of relation \"", rel->name, "\" contains null values"));
        e.schema_name = namespace_name(rel->namespace_oid);
        e.table_name = rel->name;
        e.column_name = rel->attrs[attnum - 1].name;
        throw e;
      }
    });
  }
  Arena arena;
  CatalogRow a = attribute_row_of(table, attnum, arena);
  a.set(pg_attribute::attnotnull, from_bool(true));
  update_row(pg_attribute::kTable, a);
  invalidate_relation(table);
  txn::next_command();
}

namespace {

void add_check(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table) {
  RelationRef rel = relation(table);
  Bound b = bind(cx, *c.expr, rel.get(), oid::kBool, -1, ExprUse::kCheck);
  std::string name(c.name);
  if (name.empty()) {
    std::string_view of = column;
    if (of.empty() && b.columns.size() == 1) of = rel->attrs[b.columns[0] - 1].name;
    name = choose_constraint_name(rel->name, of, "check", table);
  } else if (constraint_exists(table, name)) {
    throw SqlError(sqlstate::kDuplicateObject, new_table ? cat("check constraint \"", name, "\" already exists") : cat("constraint \"", name, "\" for relation \"", rel->name, "\" already exists"));
  }
  store_check(cx, table, name, b.text, new_table ? CheckRows::kNone : c.skip_validation ? CheckRows::kNotValid : CheckRows::kAll);
}

IndexSpec key_index(const RelationDesc& rel, const ast::Constraint& c, std::string_view column) {
  IndexSpec spec;
  spec.name = c.name;
  spec.constraint = c.kind == ast::ConstraintKind::kPrimary ? 'p' : 'u';
  spec.desc.unique = true;
  spec.desc.primary = spec.constraint == 'p';
  spec.desc.nulls_not_distinct = c.nulls_not_distinct;
  spec.options = relation_options(c.options, 'i');
  spec.deferrable = c.deferrable;
  spec.deferred = c.initially_deferred;
  if (c.deferrable) throw_unsupported("deferrable constraints", c.position);
  std::vector<std::string_view> names(c.keys.begin(), c.keys.end());
  if (names.empty()) names.push_back(column);
  for (std::string_view n : names) {
    auto it = std::find_if(rel.attrs.begin(), rel.attrs.end(), [&](const AttrDesc& a) { return !a.dropped && a.name == n; });
    if (it == rel.attrs.end()) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", n, "\" named in key does not exist")).at(c.position);
    int16_t attno = static_cast<int16_t>(it - rel.attrs.begin() + 1);
    for (const auto& k : spec.desc.keys)
      if (k.attno == attno)
        throw SqlError(sqlstate::kDuplicateColumn, cat("column \"", n, "\" appears twice in ", spec.constraint == 'p' ? "primary key" : "unique", " constraint")).at(c.position);
    spec.desc.keys.push_back({attno, it->type, default_opclass(it->type), it->collation, false, false});
  }
  for (std::string_view n : c.including) spec.desc.included.push_back(static_cast<int16_t>(find_column(rel, n)));
  return spec;
}

void add_key_using_index(UtilityContext& cx, Oid table, const ast::Constraint& c) {
  RelationRef rel = relation(table);
  auto it = std::find_if(rel->indexes.begin(), rel->indexes.end(), [&](const IndexDesc& i) { return i.name == c.index_name; });
  if (it == rel->indexes.end()) throw SqlError(sqlstate::kUndefinedObject, cat("index \"", c.index_name, "\" does not exist")).at(c.position);
  IndexDesc x = *it;
  bool primary = c.kind == ast::ConstraintKind::kPrimary;
  if (!x.unique) throw SqlError(sqlstate::kWrongObjectType, cat("\"", x.name, "\" is not a unique index"), "Cannot create a primary key or unique constraint using such an index.").at(c.position);
  if (!x.predicate.empty()) throw SqlError(sqlstate::kWrongObjectType, cat("\"", x.name, "\" is a partial index"), "Cannot create a primary key or unique constraint using such an index.").at(c.position);
  if (!x.expressions.empty()) throw SqlError(sqlstate::kWrongObjectType, cat("index \"", x.name, "\" contains expressions"), "Cannot create a primary key or unique constraint using such an index.").at(c.position);
  Arena arena;
  std::vector<int16_t> columns;
  for (const auto& k : x.keys) {
    columns.push_back(k.attno);
    if (primary) set_not_null(cx, table, k.attno, true);
  }
  std::string name(c.name.empty() ? std::string_view(x.name) : c.name);
  if (name != x.name) {
    notice(cx, cat("ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"", x.name, "\" to \"", name, "\""));
    CatalogRow cls = class_row_of(x.oid, arena);
    cls.set(pg_class::relname, make_bytes(arena, name));
    update_row(pg_class::kTable, cls);
  }
  if (primary) {
    auto i = find_row(pg_index::kTable, pg_index::k_indexrelid_index, {from_oid(x.oid)}, arena);
    i->set(pg_index::indisprimary, from_bool(true));
    update_row(pg_index::kTable, *i);
  }
  ConstraintSpec con;
  con.oid = new_oid(pg_constraint::kTable, pg_constraint::k_oid_index);
  con.name = name;
  con.namespace_oid = rel->namespace_oid;
  con.type = primary ? 'p' : 'u';
  con.table = table;
  con.index = x.oid;
  con.keys = columns;
  insert_row(pg_constraint::kTable, constraint_row(arena, con));
  delete_dependencies_of({pg_class::kTable, x.oid});
  record_dependency({pg_class::kTable, x.oid}, {pg_constraint::kTable, con.oid}, 'i');
  for (int16_t a : columns) record_dependency({pg_constraint::kTable, con.oid}, {pg_class::kTable, table, a}, 'a');
  invalidate_relation(table);
  invalidate_relation(x.oid);
  txn::next_command();
}

void add_key(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table) {
  RelationRef rel = relation(table);
  bool primary = c.kind == ast::ConstraintKind::kPrimary;
  if (primary)
    for (const IndexDesc& i : rel->indexes)
      if (i.primary) throw SqlError(sqlstate::kInvalidTableDefinition, cat("multiple primary keys for table \"", rel->name, "\" are not allowed"));
  if (!c.index_name.empty()) return add_key_using_index(cx, table, c);
  IndexSpec spec = key_index(*rel, c, column);
  if (primary)
    for (const auto& k : spec.desc.keys) set_not_null(cx, table, k.attno, !new_table);
  create_index(cx, relation(table), spec);
}

}  // namespace

namespace {
void check_rows(UtilityContext& cx, const RelationDesc& rel, std::string_view name, const sql::Expr& condition) {
  exec::CompiledExpr check(condition, cx.services);
  Arena arena;
  scan_table(rel, cx, [&](const Datum* values, const uint8_t* nulls, Tid) {
    NullableDatum ok = check.eval_row(values, nulls, arena);
    if (!ok.null && !as_bool(ok.value)) {
      SqlError e(sqlstate::kCheckViolation, cat("check constraint \"", name, "\" of relation \"", rel.name, "\" is violated by some row"));
      e.schema_name = namespace_name(rel.namespace_oid);
      e.table_name = rel.name;
      e.constraint_name = name;
      throw e;
    }
    arena.reset();
  });
}
}  // namespace

void validate_constraint(UtilityContext& cx, Oid table, std::string_view name) {
  RelationRef rel = relation(table);
  Arena arena;
  auto row = find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(table), 0, make_bytes(arena, name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("constraint \"", name, "\" of relation \"", rel->name, "\" does not exist"));
  bool foreign = row->letter(pg_constraint::contype) == 'f';
  if (!foreign && row->letter(pg_constraint::contype) != 'c') throw SqlError(sqlstate::kWrongObjectType, cat("constraint \"", name, "\" of relation \"", rel->name, "\" is not a foreign key or check constraint"));
  if (row->flag(pg_constraint::convalidated)) return;
  if (foreign) validate_foreign_key(cx, table, row->oid(pg_constraint::oid));
  else check_rows(cx, *rel, name, *bind_text(cx, row->text(pg_constraint::conbin), rel.get(), oid::kBool, -1).expr);
  row->set(pg_constraint::convalidated, from_bool(true));
  update_row(pg_constraint::kTable, *row);
  invalidate_relation(table);
  txn::next_command();
}

void store_check(UtilityContext& cx, Oid table, std::string_view name, std::string_view sql_text, CheckRows rows) {
  RelationRef rel = relation(table);
  Bound b = bind_text(cx, sql_text, rel.get(), oid::kBool, -1);
  if (rows == CheckRows::kAll) check_rows(cx, *rel, name, *b.expr);
  Arena arena;
  ConstraintSpec con;
  con.oid = new_oid(pg_constraint::kTable, pg_constraint::k_oid_index);
  con.name = name;
  con.namespace_oid = rel->namespace_oid;
  con.type = 'c';
  con.table = table;
  con.keys = b.columns;
  con.expression = sql_text;
  con.validated = rows != CheckRows::kNotValid;
  insert_row(pg_constraint::kTable, constraint_row(arena, con));
  record_dependency({pg_constraint::kTable, con.oid}, {pg_class::kTable, table}, 'a');
  record_expression_dependencies({pg_constraint::kTable, con.oid}, b, table, b.columns.size() == 1 ? 'a' : 'n');
  CatalogRow cls = class_row_of(table, arena);
  cls.set(pg_class::relchecks, from_int(as_int2(cls.values[pg_class::relchecks]) + 1));
  update_row(pg_class::kTable, cls);
  invalidate_relation(table);
  txn::next_command();
}

void add_constraint(UtilityContext& cx, Oid table, const ast::Constraint& c, std::string_view column, bool new_table) {
  switch (c.kind) {
    case ast::ConstraintKind::kCheck: return add_check(cx, table, c, column, new_table);
    case ast::ConstraintKind::kPrimary: case ast::ConstraintKind::kUnique: return add_key(cx, table, c, column, new_table);
    case ast::ConstraintKind::kForeign: return add_foreign_key(cx, table, c, column, new_table);
    case ast::ConstraintKind::kExclusion: throw_unsupported("exclusion constraints", c.position);
    default: return;
  }
}

}  // namespace postern::ddl
