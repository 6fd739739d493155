// Catalog rows and storage of relations and indexes.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/btree.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/ddl/objects.h"
#include "postgres/txn/oid.h"
#include "postgres/types/facts/facts.h"

namespace postern::ddl {

using namespace catalog;

namespace {

constexpr size_t kMaxColumns = 1600, kMaxIndexColumns = 32;

void check_columns(const RelationSpec& spec) {
  if (spec.attrs.size() > kMaxColumns) throw SqlError(sqlstate::kTooManyColumns, cat("tables can have at most ", kMaxColumns, " columns"));
  for (size_t i = 0; i < spec.attrs.size(); i++) {
    const AttrDesc& a = spec.attrs[i];
    for (size_t k = 0; k < i; k++)
      if (spec.attrs[k].name == a.name) throw SqlError(sqlstate::kDuplicateColumn, cat("column \"", a.name, "\" specified more than once"));
    if (spec.kind == 'r' || spec.kind == 'm')
      for (const char* system : {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
        if (a.name == system) throw SqlError(sqlstate::kDuplicateColumn, cat("column name \"", a.name, "\" conflicts with a system column name"));
    const TypeInfo* t = postern::find_type(a.type);
    if (t && t->typtype == 'p' && !(a.type == oid::kUnknown && false)) throw SqlError(sqlstate::kInvalidTableDefinition, cat("column \"", a.name, "\" has pseudo-type ", format_type(a.type, -1)));
  }
}

std::string array_type_name(Oid ns, std::string_view name) {
  Arena arena;
  for (int pass = 0;; pass++) {
    std::string n = pass == 0 ? make_name("", name, "") : make_name("", name, cat(pass));
    if (!find_row(pg_type::kTable, pg_type::k_typname_nsp_index, {make_bytes(arena, n), from_oid(ns)}, arena)) return n;
  }
}

void make_row_type(const RelationSpec& spec, Oid rel, Oid type, Oid array_type, Arena& arena) {
  CatalogRow rows[] = {row_type_row(arena, type, array_type, spec.name, spec.namespace_oid, spec.owner, rel),
                       array_type_row(arena, array_type, type, array_type_name(spec.namespace_oid, spec.name), spec.namespace_oid, spec.owner)};
  insert_rows(pg_type::kTable, rows);
  record_dependency({pg_type::kTable, type}, {pg_class::kTable, rel}, 'i');
  record_dependency({pg_type::kTable, array_type}, {pg_type::kTable, type}, 'i');
}

}  // namespace

Oid create_relation(const RelationSpec& spec) {
  check_new_name(spec.name);
  check_columns(spec);
  Arena arena;
  if (relation_exists(spec.namespace_oid, spec.name)) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", spec.name, "\" already exists"));
  if (find_row(pg_type::kTable, pg_type::k_typname_nsp_index, {make_bytes(arena, spec.name), from_oid(spec.namespace_oid)}, arena))
    throw SqlError(sqlstate::kDuplicateObject, cat("type \"", spec.name, "\" already exists"), "",
                   "A relation has an associated type of the same name, so you must use a name that doesn't conflict with any existing type.");
  bool has_storage = spec.kind != 'v', has_type = spec.kind != 'S';
  Oid rel = new_oid(pg_class::kTable, pg_class::k_oid_index);
  Oid type = has_type ? new_oid(pg_type::kTable, pg_type::k_oid_index) : kInvalidOid;
  Oid array_type = has_type ? new_oid(pg_type::kTable, pg_type::k_oid_index) : kInvalidOid;
  ClassSpec c;
  c.oid = rel;
  c.name = spec.name;
  c.namespace_oid = spec.namespace_oid;
  c.owner = spec.owner;
  c.row_type = type;
  c.am = spec.kind == 'r' || spec.kind == 'm' ? kHeapAm : kInvalidOid;
  c.file_number = has_storage ? rel : kInvalidOid;
  c.kind = spec.kind;
  c.persistence = spec.persistence;
  c.natts = static_cast<int>(spec.attrs.size());
  c.has_rules = spec.kind == 'v';
  c.replica_identity = spec.kind == 'r' || spec.kind == 'm' ? 'd' : 'n';
  if (!spec.options.empty()) c.options = write_options(arena, spec.options);
  insert_row(pg_class::kTable, class_row(arena, c));
  std::vector<CatalogRow> attrs;
  for (size_t i = 0; i < spec.attrs.size(); i++)
    attrs.push_back(attribute_row(arena, rel, static_cast<int>(i + 1), spec.attrs[i], i < spec.ndims.size() ? spec.ndims[i] : 0));
  if (!attrs.empty()) insert_rows(pg_attribute::kTable, attrs);
  if (has_type) make_row_type(spec, rel, type, array_type, arena);
  record_dependency({pg_class::kTable, rel}, {pg_namespace::kTable, spec.namespace_oid}, 'n');
  for (size_t i = 0; i < spec.attrs.size(); i++)   // user types
    if (raw(spec.attrs[i].type) >= raw(kFirstNormalOid)) record_dependency({pg_class::kTable, rel, static_cast<int32_t>(i + 1)}, {pg_type::kTable, spec.attrs[i].type}, 'n');
  if (has_storage) heap::create_storage({my_database(), rel});
  invalidate_relation(rel);
  txn::next_command();
  lock::acquire(lock::relation(my_database(), rel), lock::Mode::kAccessExclusive);
  return rel;
}

Oid default_opclass(Oid type) {
  Arena arena;
  Oid base = type;
  const TypeInfo* t = postern::find_type(type);
  if (type == oid::kVarchar) base = oid::kText;
  else if (t && t->category == 'A' && type != oid::kOidVector && type != oid::kInt2Vector) base = oid::kAnyArray;
  else if (t && t->category == 'N' && raw(type) != raw(oid::kOid) && facts::find_cast(type, oid::kOid) && facts::find_cast(type, oid::kOid)->method == 'b') base = oid::kOid;   // reg*
  Datum key = from_oid(kBtreeAm);
  for (const CatalogRow& r : scan(pg_opclass::kTable, pg_opclass::k_am_name_nsp_index, {&key, 1}, arena))
    if (r.flag(pg_opclass::opcdefault) && r.oid(pg_opclass::opcintype) == base) return r.oid(pg_opclass::oid);
  throw SqlError(sqlstate::kUndefinedObject, cat("data type ", format_type(type, -1), " has no default operator class for access method \"btree\""),
                 "", "You must specify an operator class for the index or define a default operator class for the data type.");
}

Oid find_opclass(ast::Names names, Oid type) {
  QualifiedName q = split_name(names);
  Arena arena;
  auto row = find_row(pg_opclass::kTable, pg_opclass::k_am_name_nsp_index, {from_oid(kBtreeAm), make_bytes(arena, q.name), from_oid(kPgCatalog)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedObject, cat("operator class \"", display(names), "\" does not exist for access method \"btree\""));
  Oid in = row->oid(pg_opclass::opcintype);
  bool fits = in == type || (in == oid::kText && type == oid::kVarchar) || row->oid(pg_opclass::oid) == default_opclass(type);
  if (!fits) throw SqlError(sqlstate::kDatatypeMismatch, cat("operator class \"", display(names), "\" does not accept data type ", format_type(type, -1)));
  return row->oid(pg_opclass::oid);
}

CatalogRow class_row_of(Oid rel, Arena& arena) {
  auto row = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(rel)}, arena);
  if (!row) throw_internal(cat("cache lookup failed for relation ", raw(rel)));
  return std::move(*row);
}
CatalogRow attribute_row_of(Oid rel, int attnum, Arena& arena) {
  auto row = find_row(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {from_oid(rel), from_int(attnum)}, arena);
  if (!row) throw_internal(cat("cache lookup failed for attribute ", attnum, " of relation ", raw(rel)));
  return std::move(*row);
}

void set_class_flag(Oid rel, int column, Datum value) {
  Arena arena;
  CatalogRow r = class_row_of(rel, arena);
  if (!r.nulls[column] && r.values[column] == value) return;
  // Two CREATE INDEX of one table may run at once: the second waits here for the first's commit and finds the flag set.
  lock::Tag tag{lock::Kind::kObject};
  tag.database = my_database();
  tag.id = raw(pg_class::kTable);
  tag.id2 = raw(rel);
  lock::acquire(tag, lock::Mode::kExclusive);
  r = class_row_of(rel, arena);
  if (!r.nulls[column] && r.values[column] == value) return;
  r.set(column, value);
  update_row(pg_class::kTable, r);
  invalidate_relation(rel);
  txn::next_command();
}

namespace {

void check_index(const RelationDesc& table, const IndexSpec& spec) {
  if (spec.desc.keys.size() + spec.desc.included.size() > kMaxIndexColumns)
    throw SqlError(sqlstate::kTooManyColumns, cat("cannot use more than ", kMaxIndexColumns, " columns in an index"));
  for (const IndexDesc::Key& k : spec.desc.keys) {
    const TypeInfo& t = type_info(k.type);
    if (!t.compare && t.compare_kind == CompareKind::kNone)
      throw SqlError(sqlstate::kUndefinedObject, cat("data type ", format_type(k.type, -1), " has no default operator class for access method \"btree\""));
  }
  (void)table;
}

std::string default_index_name(const RelationDesc& table, const IndexSpec& spec) {
  if (spec.constraint == 'p') return choose_relation_name(table.name, "", "pkey", table.namespace_oid);
  std::string columns;
  for (size_t i = 0; i < spec.column_names.size(); i++) append(columns, i ? "_" : "", spec.column_names[i]);
  return choose_relation_name(table.name, columns.size() > kNameBytes ? columns.substr(0, kNameBytes) : columns, spec.constraint ? "key" : "idx", table.namespace_oid);
}

void fill_column_names(const RelationDesc& table, IndexSpec& spec) {
  if (!spec.column_names.empty()) return;
  auto unique = [&](std::string n) {
    std::string out = n;
    for (int k = 1; std::find(spec.column_names.begin(), spec.column_names.end(), out) != spec.column_names.end(); k++) out = cat(n, k);
    spec.column_names.push_back(out);
  };
  for (const IndexDesc::Key& k : spec.desc.keys) unique(k.attno ? table.attrs[k.attno - 1].name : "expr");
  for (int16_t a : spec.desc.included) unique(table.attrs[a - 1].name);
}

std::vector<CatalogRow> index_attribute_rows(const RelationDesc& table, const IndexSpec& spec, Oid index, Arena& arena) {
  std::vector<CatalogRow> rows;
  size_t nkeys = spec.desc.keys.size();
  for (size_t i = 0; i < nkeys + spec.desc.included.size(); i++) {
    int16_t attno = i < nkeys ? spec.desc.keys[i].attno : spec.desc.included[i - nkeys];
    AttrDesc a;
    if (attno) a = table.attrs[attno - 1];
    else a = make_attr("", spec.desc.keys[i].type, -1);
    AttrDesc own;
    own.name = spec.column_names[i];
    set_attr_type(own, a.type);
    own.typmod = a.typmod;
    own.collation = i < nkeys ? spec.desc.keys[i].collation : a.collation;
    rows.push_back(attribute_row(arena, index, static_cast<int>(i + 1), own));
  }
  return rows;
}

}  // namespace

Oid create_index(UtilityContext& cx, RelationRef table, IndexSpec spec) {
  Arena arena;
  check_index(*table, spec);
  fill_column_names(*table, spec);
  if (spec.name.empty()) spec.name = default_index_name(*table, spec);
  else if (relation_exists(table->namespace_oid, spec.name)) throw SqlError(sqlstate::kDuplicateTable, cat("relation \"", spec.name, "\" already exists"));
  if (spec.constraint && constraint_exists(table->oid, spec.name))
    throw SqlError(sqlstate::kDuplicateObject, cat("constraint \"", spec.name, "\" for relation \"", table->name, "\" already exists"));
  IndexDesc& x = spec.desc;
  x.oid = new_oid(pg_class::kTable, pg_class::k_oid_index);
  x.name = spec.name;
  x.file = {table->file.database, x.oid};
  ClassSpec c;
  c.oid = x.oid;
  c.name = x.name;
  c.namespace_oid = table->namespace_oid;
  c.owner = table->owner;
  c.am = kBtreeAm;
  c.file_number = x.oid;
  c.kind = 'i';
  c.persistence = table->persistence;
  c.natts = static_cast<int>(x.keys.size() + x.included.size());
  c.tuples = 0;
  if (!spec.options.empty()) c.options = write_options(arena, spec.options);
  insert_row(pg_class::kTable, class_row(arena, c));
  insert_rows(pg_attribute::kTable, index_attribute_rows(*table, spec, x.oid, arena));
  insert_row(pg_index::kTable, index_row(arena, table->oid, x, !spec.deferrable));

  std::vector<int16_t> columns;
  for (const IndexDesc::Key& k : x.keys) columns.push_back(k.attno);
  ObjectAddress self{pg_class::kTable, x.oid};
  if (spec.constraint) {
    ConstraintSpec con;
    con.oid = new_oid(pg_constraint::kTable, pg_constraint::k_oid_index);
    con.name = x.name;
    con.namespace_oid = table->namespace_oid;
    con.type = spec.constraint;
    con.table = table->oid;
    con.index = x.oid;
    con.deferrable = spec.deferrable;
    con.deferred = spec.deferred;
    con.keys = columns;
    insert_row(pg_constraint::kTable, constraint_row(arena, con));
    ObjectAddress constraint{pg_constraint::kTable, con.oid};
    record_dependency(self, constraint, 'i');
    self = constraint;
  }
  bool any = false;
  for (int16_t a : columns)
    if (a) record_dependency(self, {pg_class::kTable, table->oid, a}, 'a'), any = true;
  for (int16_t a : x.included) record_dependency(self, {pg_class::kTable, table->oid, a}, 'a'), any = true;
  if (!any || !x.expressions.empty() || !x.predicate.empty()) record_dependency(self, {pg_class::kTable, table->oid}, 'a');

  btree::create_storage(x);
  invalidate_relation(table->oid);
  txn::next_command();
  set_class_flag(table->oid, pg_class::relhasindex, from_bool(true));
  RelationRef now = relation(table->oid);
  for (const IndexDesc& i : now->indexes)
    if (i.oid == x.oid) exec::build_index(*now, i, cx.services, cx.maintenance_work_mem_bytes);
  return x.oid;
}

void set_new_file(Oid rel, bool is_index, const RelationDesc& table, const IndexDesc* index) {
  Arena arena;
  CatalogRow r = class_row_of(rel, arena);
  RelFile old = is_index ? index->file : table.file;
  RelFile fresh{old.database, txn::allocate_oid()};
  r.set(pg_class::relfilenode, from_oid(fresh.number));
  r.set(pg_class::relpages, 0);
  r.set(pg_class::reltuples, from_float4(-1));
  r.set(pg_class::relallvisible, 0);
  update_row(pg_class::kTable, r);
  if (is_index) {
    IndexDesc x = *index;
    x.file = fresh;
    btree::create_storage(x);
  } else {
    heap::create_storage(fresh);
  }
  txn::drop_file_at_commit(old);
  invalidate_relation(table.oid);
  if (is_index) invalidate_relation(rel);
}

void store_default(Oid rel, int attnum, std::string_view sql_text) {
  Arena arena;
  remove_default(rel, attnum);
  CatalogRow d = new_row(pg_attrdef::kTable);
  Oid oid = new_oid(pg_attrdef::kTable, pg_attrdef::k_oid_index);
  d.set(pg_attrdef::oid, from_oid(oid));
  d.set(pg_attrdef::adrelid, from_oid(rel));
  d.set(pg_attrdef::adnum, from_int(attnum));
  d.set(pg_attrdef::adbin, make_bytes(arena, sql_text));
  insert_row(pg_attrdef::kTable, d);
  record_dependency({pg_attrdef::kTable, oid}, {pg_class::kTable, rel, attnum}, 'a');
  CatalogRow a = attribute_row_of(rel, attnum, arena);
  a.set(pg_attribute::atthasdef, from_bool(true));
  update_row(pg_attribute::kTable, a);
  invalidate_relation(rel);
  txn::next_command();
}

void remove_default(Oid rel, int attnum) {
  Arena arena;
  auto d = find_row(pg_attrdef::kTable, pg_attrdef::k_adrelid_adnum_index, {from_oid(rel), from_int(attnum)}, arena);
  if (!d) return;
  delete_dependencies_of({pg_attrdef::kTable, d->oid(pg_attrdef::oid)});
  delete_row(pg_attrdef::kTable, d->tid);
  CatalogRow a = attribute_row_of(rel, attnum, arena);
  a.set(pg_attribute::atthasdef, from_bool(false));
  update_row(pg_attribute::kTable, a);
  invalidate_relation(rel);
  txn::next_command();
}

}  // namespace postern::ddl
