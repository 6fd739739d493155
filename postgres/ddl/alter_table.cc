// ALTER TABLE: each command in order under ACCESS EXCLUSIVE. Columns are added without touching rows (a constant default is kept as the missing value), unless the default
// must be computed per row or a type changes: then the table is rewritten into new files.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/foreign_keys.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/rewrite.h"
#include "postgres/ddl/table_parts.h"
#include "postgres/types/array.h"
#include "postgres/types/facts/facts.h"

namespace postern::ddl {

using namespace catalog;

namespace {

using AlterTableKind = ast::AlterTableKind;

bool is_constant(const sql::Expr& e) {
  if (e.kind == sql::ExprKind::kConst) return true;
  if (e.kind == sql::ExprKind::kFunc) {
    const facts::ProcFact* p = facts::find_proc(e.fn);
    if (!p || p->volatility == 'v' || p->retset) return false;
  } else if (e.kind == sql::ExprKind::kSubquery || e.kind == sql::ExprKind::kNextval || e.kind == sql::ExprKind::kColumn || e.kind == sql::ExprKind::kParam) {
    return false;
  }
  bool all = true;
  sql::for_each_child(e, [&](sql::Expr* c) { if (c) all = all && is_constant(*c); });
  return all;
}

void bump_natts(Oid table, int natts) {
  Arena arena;
  CatalogRow c = class_row_of(table, arena);
  c.set(pg_class::relnatts, from_int(natts));
  update_row(pg_class::kTable, c);
}

void add_column(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef old = relation(table);
  for (const AttrDesc& a : old->attrs) {
    if (a.dropped || a.name != cmd.column->name) continue;
    if (!cmd.missing_ok) throw SqlError(sqlstate::kDuplicateColumn, cat("column \"", a.name, "\" of relation \"", old->name, "\" already exists"));
    notice(cx, cat("column \"", a.name, "\" of relation \"", old->name, "\" already exists, skipping"), {}, sqlstate::kDuplicateColumn);
    return;
  }
  if (old->natts() >= 1600) throw SqlError(sqlstate::kTooManyColumns, "tables can have at most 1600 columns");
  for (const char* system : {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
    if (cmd.column->name == system) throw SqlError(sqlstate::kDuplicateColumn, cat("column name \"", cmd.column->name, "\" conflicts with a system column name"));
  ColumnSpec c = read_column(*cmd.column);
  const TypeInfo* t = postern::find_type(c.attr.type);
  if (t && t->typtype == 'p') throw SqlError(sqlstate::kInvalidTableDefinition, cat("column \"", c.attr.name, "\" has pseudo-type ", format_type(c.attr.type, -1)));
  int attnum = old->natts() + 1;
  bool want_not_null = c.attr.not_null;
  c.attr.not_null = false;
  Arena arena;
  insert_row(pg_attribute::kTable, attribute_row(arena, table, attnum, c.attr, c.ndims));
  bump_natts(table, attnum);
  if (raw(c.attr.type) >= raw(kFirstNormalOid)) record_dependency({pg_class::kTable, table, attnum}, {pg_type::kTable, c.attr.type}, 'n');
  invalidate_relation(table);
  txn::next_command();
  bool rewrite = false;
  sql::Expr* value = nullptr;
  if (c.serial || c.attr.identity) {
    make_column_sequence(cx, *relation(table), attnum, c.attr.identity != 0, c.identity ? c.identity->options : ast::List<ast::DefElem>{});
    rewrite = true;
    Oid seq = kInvalidOid;
    for (Oid s : owned_sequences(table))
      if (!c.attr.identity || relation(table)->attrs[attnum - 1].identity_sequence == s) seq = s;
    std::string literal;
    for (char ch : relation_display_name(*relation(seq), true)) literal += ch == '\'' ? std::string("''") : std::string(1, ch);
    value = bind_text(cx, cx.arena->copy(std::string_view(cat("nextval('", literal, "'::regclass)"))), nullptr, c.attr.type, -1).expr;
  } else if (c.default_expr) {
    Bound b = bind(cx, *c.default_expr, nullptr, c.attr.type, c.attr.typmod, ExprUse::kDefault);
    set_default_expression(cx, *relation(table), attnum, *c.default_expr);
    value = b.expr;
    rewrite = !is_constant(*value);
  }
  if (rewrite) {
    ColumnRewrite r{attnum, value};
    rewrite_table(cx, *old, {&r, 1});
  } else if (value) {
    exec::CompiledExpr e(*value, cx.services);
    NullableDatum v = e.eval_const(*cx.arena);
    if (!v.null) {
      CatalogRow a = attribute_row_of(table, attnum, arena);
      a.set(pg_attribute::atthasmissing, from_bool(true));
      const TypeInfo& info = type_info(c.attr.type);
      // One element of the column's type; of an array type the value itself is wrapped the same way.
      a.set(pg_attribute::attmissingval, make_array_1d(arena, info.oid, &v.value, nullptr, 1));
      update_row(pg_attribute::kTable, a);
      invalidate_relation(table);
      txn::next_command();
    }
  }
  if (want_not_null) set_not_null(cx, table, attnum, !c.serial && !c.attr.identity);
  for (const ast::Constraint* k : c.constraints) add_constraint(cx, table, *k, c.attr.name, false);
}

void drop_column_cmd(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  for (int i = 0; i < rel->natts(); i++) {
    if (rel->attrs[i].dropped || rel->attrs[i].name != cmd.name) continue;
    // The column's own pieces, then whatever else hangs on it.
    drop_objects(cx, {{pg_class::kTable, table, i + 1}}, cmd.cascade, cat("column ", rel->attrs[i].name, " of table ", relation_display_name(*rel)));
    return;
  }
  for (const char* system : {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
    if (cmd.name == system) throw SqlError(sqlstate::kFeatureNotSupported, cat("cannot drop system column \"", cmd.name, "\""));
  if (!cmd.missing_ok) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" does not exist"));
  notice(cx, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" does not exist, skipping"));
}

void column_default(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  int attnum = find_column(*rel, cmd.name);
  if (rel->attrs[attnum - 1].identity)
    throw SqlError(sqlstate::kSyntaxError, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" is an identity column"), "",
                   cmd.expr ? "" : "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.");
  remove_default(table, attnum);
  if (cmd.expr) set_default_expression(cx, *relation(table), attnum, *cmd.expr);
}

void drop_not_null(Oid table, std::string_view name) {
  RelationRef rel = relation(table);
  int attnum = find_column(*rel, name);
  const AttrDesc& a = rel->attrs[attnum - 1];
  if (a.identity) throw SqlError(sqlstate::kSyntaxError, cat("column \"", name, "\" of relation \"", rel->name, "\" is an identity column"));
  for (const IndexDesc& i : rel->indexes) {
    if (!i.primary) continue;
    for (const auto& k : i.keys)
      if (k.attno == attnum) throw SqlError(sqlstate::kInvalidTableDefinition, cat("column \"", name, "\" is in a primary key"));
  }
  if (!a.not_null) return;
  Arena arena;
  CatalogRow r = attribute_row_of(table, attnum, arena);
  r.set(pg_attribute::attnotnull, from_bool(false));
  update_row(pg_attribute::kTable, r);
  invalidate_relation(table);
  txn::next_command();
}

// Objects other than indexes, constraints, defaults and owned sequences that hang on a column forbid a new type.
void check_type_change(const RelationDesc& rel, int attnum) {
  Arena arena;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(rel.oid), from_int(attnum)};
  for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    if (r.oid(pg_depend::classid) != pg_rewrite::kTable) continue;
    ObjectAddress rule{pg_rewrite::kTable, r.oid(pg_depend::objid)};
    throw SqlError(sqlstate::kFeatureNotSupported, "cannot alter type of a column used by a view or rule",
                   cat(describe_object(rule), " depends on column \"", rel.attrs[attnum - 1].name, "\""));
  }
}

void alter_type(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef old = relation(table);
  int attnum = find_column(*old, cmd.name);
  check_type_change(*old, attnum);
  auto keys = foreign_keys(table);
  auto uses = [&](const std::vector<int16_t>& columns) { return std::find(columns.begin(), columns.end(), attnum) != columns.end(); };
  for (const ForeignKey& k : keys->own)
    if (uses(k.columns)) throw_unsupported("changing the type of a column of a foreign key");
  for (const ForeignKey& k : keys->incoming)
    if (uses(k.referenced_columns)) throw_unsupported("changing the type of a column that a foreign key references");
  int32_t typmod;
  Oid type = resolve_type(*cmd.column->type, &typmod);
  AttrDesc fresh = make_attr(cmd.name, type, typmod);
  if (!cmd.column->collation.empty()) fresh.collation = resolve_collation(cmd.column->collation, fresh);
  std::string target = format_type(type, typmod);
  sql::Expr* value;
  if (cmd.expr) {
    value = bind(cx, *cmd.expr, old.get(), type, typmod, ExprUse::kUsing).expr;
  } else {
    try {
      value = bind_text(cx, cx.arena->copy(std::string_view(quote_ident(cmd.name))), old.get(), type, typmod).expr;
    } catch (const SqlError& e) {
      if (!(e.sqlstate == sqlstate::kDatatypeMismatch)) throw;
      throw SqlError(sqlstate::kDatatypeMismatch, cat("column \"", cmd.name, "\" cannot be cast automatically to type ", format_type(type, -1)), "",
                     cat("You might need to specify \"USING ", quote_ident(cmd.name), "::", target, "\"."));
    }
  }
  std::string default_text = old->attrs[attnum - 1].default_expr;
  bool had_default = old->attrs[attnum - 1].has_default && !default_text.empty();
  if (had_default) {
    try {
      bind_text(cx, cx.arena->copy(std::string_view(default_text)), nullptr, type, typmod);
    } catch (const SqlError& e) {
      throw SqlError(sqlstate::kDatatypeMismatch, cat("default for column \"", cmd.name, "\" cannot be cast automatically to type ", format_type(type, -1)));
    }
  }
  Arena arena;
  CatalogRow a = attribute_row_of(table, attnum, arena);
  CatalogRow n = attribute_row(arena, table, attnum, fresh, static_cast<int>(cmd.column->type->array_bounds.size()));
  for (int column : {pg_attribute::atttypid, pg_attribute::attlen, pg_attribute::attndims, pg_attribute::atttypmod, pg_attribute::attbyval, pg_attribute::attalign,
                     pg_attribute::attstorage, pg_attribute::attcollation})
    a.set(column, n.values[column]);
  update_row(pg_attribute::kTable, a);
  // Index columns over it take the new type and its operator class.
  for (const IndexDesc& i : old->indexes) {
    if (!i.expressions.empty() || !i.predicate.empty()) throw_unsupported("changing the type of a table's column with expression or partial indexes");
    for (size_t k = 0; k < i.keys.size(); k++) {
      if (i.keys[k].attno != attnum) continue;
      CatalogRow ia = attribute_row_of(i.oid, static_cast<int>(k + 1), arena);
      for (int column : {pg_attribute::atttypid, pg_attribute::attlen, pg_attribute::atttypmod, pg_attribute::attbyval, pg_attribute::attalign, pg_attribute::attstorage, pg_attribute::attcollation})
        ia.set(column, n.values[column]);
      update_row(pg_attribute::kTable, ia);
      auto row = find_row(pg_index::kTable, pg_index::k_indexrelid_index, {from_oid(i.oid)}, arena);
      std::vector<Oid> classes = read_oids(row->values[pg_index::indclass]), collations = read_oids(row->values[pg_index::indcollation]);
      classes[k] = default_opclass(type);
      collations[k] = fresh.collation;
      row->set(pg_index::indclass, oid_vector(arena, classes));
      row->set(pg_index::indcollation, oid_vector(arena, collations));
      update_row(pg_index::kTable, *row);
    }
  }
  if (auto s = find_row(pg_statistic::kTable, pg_statistic::k_relid_att_inh_index, {from_oid(table), from_int(attnum), from_bool(false)}, arena)) delete_row(pg_statistic::kTable, s->tid);
  invalidate_relation(table);
  txn::next_command();
  ColumnRewrite r{attnum, value};
  rewrite_table(cx, *old, {&r, 1});
}

void drop_constraint_cmd(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  Arena arena;
  auto row = find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(table), 0, make_bytes(arena, cmd.name)}, arena);
  if (!row) {
    if (!cmd.missing_ok) throw SqlError(sqlstate::kUndefinedObject, cat("constraint \"", cmd.name, "\" of relation \"", rel->name, "\" does not exist"));
    notice(cx, cat("constraint \"", cmd.name, "\" of relation \"", rel->name, "\" does not exist, skipping"));
    return;
  }
  drop_objects(cx, {{pg_constraint::kTable, row->oid(pg_constraint::oid)}}, cmd.cascade);
}

void set_options(Oid oid, const ast::AlterTableCmd& cmd, char kind) {
  Arena arena;
  CatalogRow c = class_row_of(oid, arena);
  Options now = c.nulls[pg_class::reloptions] ? Options{} : read_options(c.values[pg_class::reloptions]);
  if (cmd.kind == AlterTableKind::kSetOptions) {
    for (auto& [name, value] : relation_options(cmd.options, kind)) {
      auto it = std::find_if(now.begin(), now.end(), [&, n = name](auto& o) { return o.first == n; });
      if (it != now.end()) it->second = value;
      else now.emplace_back(name, value);
    }
  } else {
    for (const ast::DefElem* d : cmd.options) std::erase_if(now, [&](auto& o) { return o.first == d->name; });
  }
  if (now.empty()) c.set_null(pg_class::reloptions);
  else c.set(pg_class::reloptions, write_options(arena, now));
  update_row(pg_class::kTable, c);
  invalidate_relation(oid);
  if (Oid t = kind == 'i' ? relation_oid_of_index(oid) : kInvalidOid; t != kInvalidOid) invalidate_relation(t);
  txn::next_command();
}

void add_identity(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  int attnum = find_column(*rel, cmd.name);
  const AttrDesc& a = rel->attrs[attnum - 1];
  if (a.identity) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" is already an identity column"));
  if (!a.not_null) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" must be declared NOT NULL before identity can be added"));
  if (a.has_default) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" already has a default value"));
  Arena arena;
  CatalogRow r = attribute_row_of(table, attnum, arena);
  r.set(pg_attribute::attidentity, static_cast<uint8_t>(cmd.constraint->generated_when));
  update_row(pg_attribute::kTable, r);
  invalidate_relation(table);
  txn::next_command();
  make_column_sequence(cx, *relation(table), attnum, true, cmd.constraint->options);
}

void drop_identity(UtilityContext& cx, Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  int attnum = find_column(*rel, cmd.name);
  const AttrDesc& a = rel->attrs[attnum - 1];
  if (!a.identity) {
    if (!cmd.missing_ok) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" is not an identity column"));
    notice(cx, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" is not an identity column, skipping"));
    return;
  }
  Oid seq = a.identity_sequence;
  Arena arena;
  CatalogRow r = attribute_row_of(table, attnum, arena);
  r.set(pg_attribute::attidentity, 0);
  update_row(pg_attribute::kTable, r);
  delete_dependencies_of({pg_class::kTable, seq});
  invalidate_relation(table);
  txn::next_command();
  drop_objects(cx, {{pg_class::kTable, seq}}, false);
}

void set_identity(Oid table, const ast::AlterTableCmd& cmd) {
  RelationRef rel = relation(table);
  int attnum = find_column(*rel, cmd.name);
  const AttrDesc& a = rel->attrs[attnum - 1];
  if (!a.identity) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("column \"", cmd.name, "\" of relation \"", rel->name, "\" is not an identity column"));
  Oid seq = a.identity_sequence;
  std::vector<ast::DefElem*> rest;
  for (ast::DefElem* d : cmd.options) {
    if (d->name != "generated") {
      rest.push_back(d);
      continue;
    }
    Arena arena;
    CatalogRow r = attribute_row_of(table, attnum, arena);
    r.set(pg_attribute::attidentity, static_cast<uint8_t>(d->ival));
    update_row(pg_attribute::kTable, r);
    invalidate_relation(table);
    txn::next_command();
  }
  if (!rest.empty()) change_sequence(*relation(seq), {rest.data(), rest.size()});
}

void cluster_on(Oid table, std::string_view index) {
  RelationRef rel = relation(table);
  for (const IndexDesc& i : rel->indexes)
    if (i.name == index) return set_clustered(table, i.oid);
  throw SqlError(sqlstate::kUndefinedObject, cat("index \"", index, "\" for table \"", rel->name, "\" does not exist"));
}

void set_attribute(Oid table, std::string_view name, int column, Datum value) {
  RelationRef rel = relation(table);
  Arena arena;
  CatalogRow r = attribute_row_of(table, find_column(*rel, name), arena);
  r.set(column, value);
  update_row(pg_attribute::kTable, r);
  invalidate_relation(table);
  txn::next_command();
}

void set_storage(Oid table, const ast::AlterTableCmd& cmd) {
  std::string s;
  for (char c : cmd.text) s += static_cast<char>(tolower(static_cast<unsigned char>(c)));
  char letter = s == "plain" ? 'p' : s == "external" ? 'e' : s == "extended" ? 'x' : s == "main" ? 'm' : 0;
  if (!letter) throw SqlError(sqlstate::kInvalidParameterValue, cat("invalid storage type \"", cmd.text, "\""));
  set_attribute(table, cmd.name, pg_attribute::attstorage, static_cast<uint8_t>(letter));
}

void run_command(UtilityContext& cx, Oid oid, char kind, const ast::AlterTableCmd& cmd) {
  using K = AlterTableKind;
  switch (cmd.kind) {
    case K::kAddColumn: return add_column(cx, oid, cmd);
    case K::kDropColumn: return drop_column_cmd(cx, oid, cmd);
    case K::kColumnDefault: return column_default(cx, oid, cmd);
    case K::kDropNotNull: return drop_not_null(oid, cmd.name);
    case K::kSetNotNull: return set_not_null(cx, oid, find_column(*relation(oid), cmd.name), true);
    case K::kAlterColumnType: return alter_type(cx, oid, cmd);
    case K::kSetStatistics: return set_attribute(oid, cmd.name, pg_attribute::attstattarget, from_int(cmd.value));
    case K::kSetStorage: return set_storage(oid, cmd);
    case K::kAddIdentity: return add_identity(cx, oid, cmd);
    case K::kDropIdentity: return drop_identity(cx, oid, cmd);
    case K::kAddConstraint: return add_constraint(cx, oid, *cmd.constraint, {}, false);
    case K::kDropConstraint: return drop_constraint_cmd(cx, oid, cmd);
    case K::kSetOptions: case K::kResetOptions: return set_options(oid, cmd, kind);
    case K::kChangeOwner: return set_relation_owner(cx, relation(oid), role_of(*cmd.new_owner));
    case K::kSetLogged: case K::kSetUnlogged: return set_class_flag(oid, pg_class::relpersistence, static_cast<uint8_t>(cmd.kind == K::kSetLogged ? 'p' : 'u'));
    case K::kSetCompression: return;
    case K::kDropCluster: return set_clustered(oid, kInvalidOid);
    case K::kClusterOn: return cluster_on(oid, cmd.name);
    case K::kSetIdentity: return set_identity(oid, cmd);
    case K::kDropExpression: throw_unsupported("generated columns");
    case K::kValidateConstraint: return validate_constraint(cx, oid, cmd.name);
    case K::kAlterConstraint: return alter_constraint(oid, *cmd.constraint);
    case K::kSetTablespace: throw_unsupported("tablespaces");
    case K::kReplicaIdentity: throw_unsupported("REPLICA IDENTITY");
    case K::kEnableTrigger: case K::kDisableTrigger: throw_unsupported("triggers");
    case K::kEnableRowSecurity: case K::kDisableRowSecurity: case K::kForceRowSecurity: case K::kNoForceRowSecurity: throw_unsupported("row security");
    case K::kAddInherit: case K::kDropInherit: throw_unsupported("inheritance");
    case K::kAttachPartition: case K::kDetachPartition: throw_unsupported("partitioning");
    case K::kSetColumnOptions: case K::kResetColumnOptions: throw_unsupported("column options");
    default: throw_unsupported(cat("ALTER TABLE ", cmd.raw_name));
  }
}

std::string_view accepted_kinds(ast::ObjectKind k) {
  switch (k) {
    case ast::ObjectKind::kIndex: return "i";
    case ast::ObjectKind::kView: return "v";
    case ast::ObjectKind::kSequence: return "S";
    case ast::ObjectKind::kMatView: return "m";
    default: return "rvSim";
  }
}

}  // namespace

std::string alter_table(const ast::AlterTableStmt& s, UtilityContext& cx) {
  if (s.object == ast::ObjectKind::kType || s.object == ast::ObjectKind::kForeignTable) throw_unsupported(cat("ALTER ", ast::object_kind_name(s.object)));
  std::string tag = cat("ALTER ", ast::object_kind_name(s.object));
  RelationRef rel = open_owned(cx, *s.relation, lock::Mode::kAccessExclusive, accepted_kinds(s.object), s.missing_ok);
  if (!rel) return tag;
  for (const ast::AlterTableCmd* c : s.commands) {
    bool table_only = c->kind != AlterTableKind::kChangeOwner && c->kind != AlterTableKind::kSetOptions && c->kind != AlterTableKind::kResetOptions &&
                      !(rel->kind == 'v' && c->kind == AlterTableKind::kColumnDefault);
    if (table_only && rel->kind != 'r')
      throw SqlError(sqlstate::kWrongObjectType, cat("ALTER action cannot be performed on relation \"", rel->name, "\""), cat("This operation is not supported for ", kind_name(rel->kind), "s."));
    run_command(cx, rel->oid, rel->kind, *c);
  }
  return tag;
}

}  // namespace postern::ddl
