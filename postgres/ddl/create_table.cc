// CREATE TABLE and its columns, constraints, LIKE; CREATE TABLE AS and SELECT INTO.
#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/table_parts.h"

namespace postern::ddl {

using namespace catalog;

std::optional<Oid> serial_type(const ast::TypeName& t) {
  if (t.names.size() != 1 || !t.array_bounds.empty()) return std::nullopt;
  std::string_view n = t.names[0];
  if (n == "serial" || n == "serial4") return oid::kInt4;
  if (n == "bigserial" || n == "serial8") return oid::kInt8;
  if (n == "smallserial" || n == "serial2") return oid::kInt2;
  return std::nullopt;
}

ColumnSpec read_column(const ast::ColumnDef& c) {
  ColumnSpec out;
  out.position = c.position;
  int32_t typmod = -1;
  auto serial = serial_type(*c.type);
  Oid type = serial ? *serial : resolve_type(*c.type, &typmod);
  out.attr = make_attr(c.name, type, typmod);
  out.ndims = static_cast<int>(c.type->array_bounds.size());
  out.serial = serial.has_value();
  if (!c.collation.empty()) out.attr.collation = resolve_collation(c.collation, out.attr);
  if (!c.compression.empty() && c.compression != "default" && c.compression != "lz4") throw_unsupported(cat("compression method ", c.compression));
  if (serial) out.attr.not_null = true;
  bool null_seen = false, not_null_seen = false;
  for (const ast::Constraint* k : c.constraints) {
    switch (k->kind) {
      case ast::ConstraintKind::kNull: null_seen = true; break;
      case ast::ConstraintKind::kNotNull: not_null_seen = out.attr.not_null = true; break;
      case ast::ConstraintKind::kDefault:
        if (out.default_expr || serial) throw SqlError(sqlstate::kSyntaxError, cat("multiple default values specified for column \"", c.name, "\" of table")).at(k->position);
        out.default_expr = k->expr;
        break;
      case ast::ConstraintKind::kIdentity:
        if (out.identity) throw SqlError(sqlstate::kSyntaxError, cat("multiple identity specifications for column \"", c.name, "\" of table")).at(k->position);
        out.identity = k;
        out.attr.identity = k->generated_when;
        out.attr.not_null = true;
        break;
      case ast::ConstraintKind::kGenerated: throw_unsupported("generated columns", k->position);
      case ast::ConstraintKind::kExclusion: throw_unsupported("exclusion constraints", k->position);
      case ast::ConstraintKind::kPrimary:
        out.attr.not_null = true;
        out.constraints.push_back(k);
        break;
      default: out.constraints.push_back(k);
    }
  }
  if (null_seen && (not_null_seen || out.attr.not_null))
    throw SqlError(sqlstate::kSyntaxError, cat("conflicting NULL/NOT NULL declarations for column \"", c.name, "\" of table")).at(c.position);
  if (out.identity && (out.default_expr || serial)) throw SqlError(sqlstate::kSyntaxError, cat("both default and identity specified for column \"", c.name, "\" of table")).at(c.position);
  if (out.identity && type != oid::kInt2 && type != oid::kInt4 && type != oid::kInt8)
    throw SqlError(sqlstate::kInvalidParameterValue, "identity column type must be smallint, integer, or bigint");
  return out;
}

Oid resolve_collation(ast::Names names, const AttrDesc& a) {
  if (a.collation == kInvalidOid) throw SqlError(sqlstate::kDatatypeMismatch, cat("collations are not supported by type ", format_type(a.type, -1)));
  QualifiedName q = split_name(names);
  Arena arena;
  Datum key = make_bytes(arena, q.name);
  for (const CatalogRow& r : scan(pg_collation::kTable, pg_collation::k_name_enc_nsp_index, {&key, 1}, arena)) return r.oid(pg_collation::oid);
  throw SqlError(sqlstate::kUndefinedObject, cat("collation \"", display(names), "\" for encoding \"UTF8\" does not exist"));
}

// The sequence behind a serial or identity column. Serial: the default is set too.
void make_column_sequence(UtilityContext& cx, const RelationDesc& table, int attnum, bool identity, ast::List<ast::DefElem> options) {
  const AttrDesc& a = table.attrs[attnum - 1];
  const ast::DefElem* owned = nullptr;
  std::string name = choose_relation_name(table.name, a.name, "seq", table.namespace_oid);
  Oid ns = table.namespace_oid;
  std::vector<ast::DefElem*> rest;
  for (ast::DefElem* d : options) {
    if (d->name == "sequence_name") {
      QualifiedName q = split_name(d->names);
      name = q.name;
      if (!q.schema.empty()) ns = require_namespace(q.schema);
    } else {
      rest.push_back(d);
    }
  }
  SequenceOptions o = sequence_options({rest.data(), rest.size()}, nullptr, a.type, nullptr, nullptr, &owned);
  Oid seq = make_sequence(cx, name, ns, table.owner, o, table.persistence);
  record_dependency({pg_class::kTable, seq}, {pg_class::kTable, table.oid, attnum}, identity ? 'i' : 'a');
  txn::next_command();
  if (identity) {
    invalidate_relation(table.oid);
    return;
  }
  RelationRef s = relation(seq);
  std::string text = cat(relation_display_name(*s, true));
  std::string literal;
  for (char c : text) literal += c == '\'' ? std::string("''") : std::string(1, c);
  store_default(table.oid, attnum, cat("nextval('", literal, "'::regclass)"));
  Arena arena;
  auto d = find_row(pg_attrdef::kTable, pg_attrdef::k_adrelid_adnum_index, {from_oid(table.oid), from_int(attnum)}, arena);
  record_dependency({pg_attrdef::kTable, d->oid(pg_attrdef::oid)}, {pg_class::kTable, seq}, 'n');
}

void set_default_expression(UtilityContext& cx, const RelationDesc& table, int attnum, const ast::Expr& e) {
  const AttrDesc& a = table.attrs[attnum - 1];
  Bound b = bind(cx, e, nullptr, a.type, a.typmod, ExprUse::kDefault);
  if (b.is_null_constant) return;
  store_default(table.oid, attnum, b.text);
  Arena arena;
  auto d = find_row(pg_attrdef::kTable, pg_attrdef::k_adrelid_adnum_index, {from_oid(table.oid), from_int(attnum)}, arena);
  record_expression_dependencies({pg_attrdef::kTable, d->oid(pg_attrdef::oid)}, b, kInvalidOid, 'n');
}

namespace {

struct TablePlan {
  std::vector<ColumnSpec> columns;
  struct TableConstraint { const ast::Constraint* c; std::string_view column; };
  std::vector<TableConstraint> constraints;
  struct LikeParts { RelationRef source; uint32_t options; size_t first_column; };
  std::vector<LikeParts> likes;
};

constexpr uint32_t kLikeComments = 1, kLikeConstraints = 4, kLikeDefaults = 8, kLikeIdentity = 32, kLikeIndexes = 64;

void add_like(TablePlan& plan, const ast::TableElement& e) {
  QualifiedName q = split_name(*e.like);
  RelationRef source = open_relation(q.schema, q.name, lock::Mode::kAccessShare, e.like->position);
  if (source->kind != 'r' && source->kind != 'v' && source->kind != 'm') throw SqlError(sqlstate::kWrongObjectType, cat("relation \"", source->name, "\" is invalid in LIKE clause")).at(e.like->position);
  plan.likes.push_back({source, e.like_options, plan.columns.size()});
  for (const AttrDesc& a : source->attrs) {
    if (a.dropped) continue;
    ColumnSpec c;
    c.attr = make_attr(a.name, a.type, a.typmod);
    c.attr.not_null = a.not_null;
    c.attr.storage = a.storage;
    c.attr.collation = a.collation;
    if (e.like_options & kLikeDefaults) c.default_text = a.default_expr;
    if (e.like_options & kLikeIdentity) c.attr.identity = a.identity;
    plan.columns.push_back(std::move(c));
  }
}

TablePlan read_elements(const ast::CreateTableStmt& s) {
  TablePlan plan;
  for (const ast::TableElement* e : s.elements) {
    if (e->kind == ast::ElementKind::kColumn) {
      plan.columns.push_back(read_column(*e->column));
      for (const ast::Constraint* c : plan.columns.back().constraints) plan.constraints.push_back({c, e->column->name});
    } else if (e->kind == ast::ElementKind::kLike) {
      add_like(plan, *e);
    } else {
      if (e->constraint->kind == ast::ConstraintKind::kExclusion) throw_unsupported("exclusion constraints", e->constraint->position);
      plan.constraints.push_back({e->constraint, {}});
    }
  }
  bool primary = false;
  for (auto& [c, column] : plan.constraints) {
    if (c->kind != ast::ConstraintKind::kPrimary) continue;
    if (primary) throw SqlError(sqlstate::kInvalidTableDefinition, cat("multiple primary keys for table \"", s.relation->name, "\" are not allowed")).at(c->position);
    primary = true;
    for (std::string_view key : c->keys)
      for (ColumnSpec& col : plan.columns)
        if (col.attr.name == key) col.attr.not_null = true;
  }
  return plan;
}

void copy_like_parts(UtilityContext& cx, Oid table, const TablePlan::LikeParts& like) {
  const RelationDesc& source = *like.source;
  RelationRef target = relation(table);
  auto attno_of = [&](int16_t old) {
    for (size_t i = 0; i < target->attrs.size(); i++)
      if (target->attrs[i].name == source.attrs[old - 1].name) return static_cast<int16_t>(i + 1);
    throw_internal("column of LIKE is missing");
  };
  if (like.options & kLikeConstraints)
    for (const CheckDesc& c : source.checks) store_check(cx, table, c.name, c.expression, CheckRows::kNone);
  if (like.options & kLikeIndexes) {
    for (const IndexDesc& x : source.indexes) {
      IndexSpec spec;
      spec.desc = x;
      for (auto& k : spec.desc.keys)
        if (k.attno) k.attno = attno_of(k.attno);
      for (int16_t& a : spec.desc.included) a = attno_of(a);
      Arena arena;
      Datum key = from_oid(source.oid);
      for (const CatalogRow& r : scan(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {&key, 1}, arena))
        if (r.oid(pg_constraint::conindid) == x.oid && r.letter(pg_constraint::contype) != 'f') spec.constraint = r.letter(pg_constraint::contype);
      create_index(cx, relation(table), spec);
    }
  }
}

Oid make_table(UtilityContext& cx, const ast::CreateTableStmt& s, Oid ns) {
  TablePlan plan = read_elements(s);
  RelationSpec spec;
  spec.name = s.relation->name;
  spec.namespace_oid = ns;
  spec.owner = current_user();
  spec.persistence = s.relation->persistence;
  if (is_temp_namespace(ns)) spec.persistence = 't';
  spec.options = relation_options(s.options, 'r');
  for (ColumnSpec& c : plan.columns) {
    spec.attrs.push_back(c.attr);
    spec.ndims.push_back(c.ndims);
  }
  Oid table = create_relation(spec);
  for (size_t i = 0; i < plan.columns.size(); i++) {
    const ColumnSpec& c = plan.columns[i];
    int attnum = static_cast<int>(i + 1);
    if (c.serial) make_column_sequence(cx, *relation(table), attnum, false, {});
    else if (c.attr.identity) make_column_sequence(cx, *relation(table), attnum, true, c.identity ? c.identity->options : ast::List<ast::DefElem>{});
    else if (c.default_expr) set_default_expression(cx, *relation(table), attnum, *c.default_expr);
    else if (!c.default_text.empty()) store_default(table, attnum, c.default_text);
  }
  // Checks, then the primary key, then the rest, as the indexes' OIDs and names show.
  for (auto pass : {ast::ConstraintKind::kCheck, ast::ConstraintKind::kPrimary, ast::ConstraintKind::kUnique})
    for (auto& [c, column] : plan.constraints)
      if (c->kind == pass) add_constraint(cx, table, *c, column, true);
  for (auto& like : plan.likes) copy_like_parts(cx, table, like);
  for (auto& [c, column] : plan.constraints)
    if (c->kind == ast::ConstraintKind::kForeign) add_constraint(cx, table, *c, column, true);
  return table;
}

void refuse_unsupported(const ast::CreateTableStmt& s) {
  if (s.partitioned || s.partition_of) throw_unsupported("partitioning");
  if (s.of_type) throw_unsupported("typed tables");
  if (!s.inherits.empty()) throw_unsupported("inheritance");
  if (!s.tablespace.empty() && s.tablespace != "pg_default") throw_unsupported("tablespaces");
  if (!s.access_method.empty() && s.access_method != "heap") throw SqlError(sqlstate::kUndefinedObject, cat("access method \"", s.access_method, "\" does not exist"));
  if (s.on_commit != 'n' && s.relation->persistence != 't') throw SqlError(sqlstate::kInvalidTableDefinition, "ON COMMIT can only be used on temporary tables");
}

}  // namespace

std::string create_table(const ast::CreateTableStmt& s, UtilityContext& cx) {
  refuse_unsupported(s);
  Oid ns;
  try {
    ns = creation_namespace_of(*s.relation);
  } catch (SqlError& e) {
    if (e.sqlstate == sqlstate::kUndefinedSchema) e.position = s.relation->position;
    throw;
  }
  if (s.if_not_exists && relation_exists(ns, s.relation->name)) {
    notice(cx, cat("relation \"", s.relation->name, "\" already exists, skipping"), {}, sqlstate::kDuplicateTable);
    return "CREATE TABLE";
  }
  set_on_commit(make_table(cx, s, ns), s.on_commit);
  return "CREATE TABLE";
}

}  // namespace postern::ddl
