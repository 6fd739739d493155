// DROP: what depends on what (pg_depend), and the removal of each kind of object.
#include <algorithm>
#include <map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/ddl/objects.h"

namespace postern::ddl {

using namespace catalog;

namespace {

constexpr size_t kShownDependents = 100;

struct Found {
  ObjectAddress object;
  bool needs_cascade = false;          // reached only over normal dependencies
  bool target = false;
  ObjectAddress via;                   // what it depends on
};

class Collector {
 public:
  void add_target(ObjectAddress a) {
    add(a, {}, false, true);
  }
  void run() {
    for (size_t i = 0; i < found_.size(); i++) dependents_of(i);
  }
  std::vector<Found>& found() { return found_; }

 private:
  void add(ObjectAddress a, ObjectAddress via, bool normal, bool target) {
    for (Found& f : found_) {
      bool covers = f.object == a || (f.object.class_oid == a.class_oid && f.object.object == a.object && f.object.sub == 0);
      if (!covers) continue;
      if (!normal) f.needs_cascade = false;
      f.target |= target;
      return;
    }
    found_.push_back({a, normal, target, via});
  }
  void dependents_of(size_t at) {
    ObjectAddress o = found_[at].object;
    Arena arena;
    Datum keys[] = {from_oid(o.class_oid), from_oid(o.object), from_int(o.sub)};
    for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_reference_index, {keys, o.sub ? 3u : 2u}, arena)) {
      ObjectAddress d{r.oid(pg_depend::classid), r.oid(pg_depend::objid), as_int4(r.values[pg_depend::objsubid])};
      if (d.class_oid == o.class_oid && d.object == o.object) continue;
      char type = r.letter(pg_depend::deptype);
      ObjectAddress via = o;
      // A view stands for its rule.
      add(d, via, type == 'n', false);
    }
  }
  std::vector<Found> found_;
};

// An object that is part of another can't be dropped alone; its owner is named.
void check_not_internal(const std::vector<ObjectAddress>& targets) {
  Arena arena;
  for (ObjectAddress t : targets) {
    if (t.sub) continue;
    Datum keys[] = {from_oid(t.class_oid), from_oid(t.object), from_int(0)};
    for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_depender_index, keys, arena)) {
      if (r.letter(pg_depend::deptype) != 'i') continue;
      ObjectAddress owner{r.oid(pg_depend::refclassid), r.oid(pg_depend::refobjid), as_int4(r.values[pg_depend::refobjsubid])};
      if (std::find(targets.begin(), targets.end(), owner) != targets.end()) continue;
      std::string what = describe_object(t), why = describe_object(owner);
      throw SqlError(sqlstate::kDependentObjectsStillExist, cat("cannot drop ", what, " because ", why, " requires it"), "", cat("You can drop ", why, " instead."));
    }
  }
}

void delete_rows(Oid table, Oid index, std::span<const Datum> keys) {
  Arena arena;
  for (const CatalogRow& r : scan(table, index, keys, arena)) delete_row(table, r.tid);
}

void drop_description(ObjectAddress a) {
  Datum keys[] = {from_oid(a.object), from_oid(a.class_oid), from_int(a.sub)};
  delete_rows(pg_description::kTable, pg_description::k_o_c_o_index, {keys, a.sub ? 3u : 2u});
}

void drop_relation(Oid oid) {
  RelationRef rel = relation(oid);
  if (!rel) return;
  Arena arena;
  Oid table = rel->kind == 'i' ? relation_oid_of_index(oid) : kInvalidOid;
  Datum key = from_oid(oid);
  Datum type = from_oid(rel->row_type);
  delete_rows(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {&key, 1});
  delete_rows(pg_statistic::kTable, pg_statistic::k_relid_att_inh_index, {&key, 1});
  if (rel->kind == 'i') delete_rows(pg_index::kTable, pg_index::k_indexrelid_index, {&key, 1});
  if (rel->kind == 'S') delete_rows(pg_sequence::kTable, pg_sequence::k_seqrelid_index, {&key, 1});
  delete_rows(pg_class::kTable, pg_class::k_oid_index, {&key, 1});
  (void)type;
  if (rel->kind != 'v') txn::drop_file_at_commit(rel->file);
  invalidate_relation(oid);
  if (table != kInvalidOid) invalidate_relation(table);
}

void drop_constraint(Oid oid) {
  Arena arena;
  auto row = find_row(pg_constraint::kTable, pg_constraint::k_oid_index, {from_oid(oid)}, arena);
  if (!row) return;
  Oid table = row->oid(pg_constraint::conrelid);
  delete_row(pg_constraint::kTable, row->tid);
  if (row->letter(pg_constraint::contype) == 'c') {
    if (auto c = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(table)}, arena)) {
      c->set(pg_class::relchecks, from_int(as_int2(c->values[pg_class::relchecks]) - 1));
      update_row(pg_class::kTable, *c);
    }
  }
  invalidate_relation(table);
  if (row->letter(pg_constraint::contype) == 'f') invalidate_relation(row->oid(pg_constraint::confrelid));
}

// Columns stay in place, marked dropped: their width is remembered, so that old rows can be read.
void drop_column(Oid rel, int attnum) {
  Arena arena;
  auto row = find_row(pg_attribute::kTable, pg_attribute::k_relid_attnum_index, {from_oid(rel), from_int(attnum)}, arena);
  if (!row || row->flag(pg_attribute::attisdropped)) return;
  namespace a = pg_attribute;
  AttrDesc stored;
  set_attr_type(stored, row->oid(a::atttypid));
  row->set(a::attlen, from_int(stored.len));
  row->set(a::attbyval, from_bool(stored.by_value));
  row->set(a::atttypid, 0);
  row->set(a::attname, make_bytes(arena, cat("........pg.dropped.", attnum, "........")));
  row->set(a::attisdropped, from_bool(true));
  row->set(a::attnotnull, from_bool(false));
  row->set(a::attstattarget, from_int(0));
  row->set(a::attgenerated, 0);
  row->set(a::attidentity, 0);
  row->set(a::atthasmissing, from_bool(false));
  row->set_null(a::attmissingval);
  update_row(a::kTable, *row);
  Datum keys[] = {from_oid(rel), from_int(attnum)};
  delete_rows(pg_statistic::kTable, pg_statistic::k_relid_att_inh_index, keys);
  invalidate_relation(rel);
}

void drop_one(ObjectAddress a) {
  Datum key = from_oid(a.object);
  if (a.class_oid == pg_class::kTable) {
    if (a.sub) drop_column(a.object, a.sub);
    else drop_relation(a.object);
  } else if (a.class_oid == pg_constraint::kTable) {
    drop_constraint(a.object);
  } else if (a.class_oid == pg_attrdef::kTable) {
    Arena arena;
    if (auto d = find_row(pg_attrdef::kTable, pg_attrdef::k_oid_index, {key}, arena)) remove_default(d->oid(pg_attrdef::adrelid), as_int2(d->values[pg_attrdef::adnum]));
  } else if (a.class_oid == pg_type::kTable) {
    delete_rows(pg_type::kTable, pg_type::k_oid_index, {&key, 1});
  } else if (a.class_oid == pg_rewrite::kTable) {
    delete_rows(pg_rewrite::kTable, pg_rewrite::k_oid_index, {&key, 1});
  } else if (a.class_oid == pg_namespace::kTable) {
    delete_rows(pg_namespace::kTable, pg_namespace::k_oid_index, {&key, 1});
    invalidate_all();
  } else {
    throw_internal(cat("unrecognized object class: ", raw(a.class_oid)));
  }
  drop_description(a);
  if (!a.sub) delete_dependencies_of(a);
  else {
    Datum keys[] = {from_oid(a.class_oid), from_oid(a.object), from_int(a.sub)};
    delete_rows(pg_depend::kTable, pg_depend::k_depender_index, keys);
  }
  txn::next_command();
}

// Views are reported by name, not their rules; internal parts (row types, toast, indexes of constraints) not at all.
ObjectAddress reported(ObjectAddress a) {
  if (a.class_oid != pg_rewrite::kTable) return a;
  Arena arena;
  auto r = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {from_oid(a.object)}, arena);
  return r ? ObjectAddress{pg_class::kTable, r->oid(pg_rewrite::ev_class)} : a;
}

void lock_relations(const std::vector<Found>& found) {
  Arena arena;
  for (const Found& f : found) {
    if (f.object.class_oid == pg_constraint::kTable) {   // both tables of a foreign key
      auto row = find_row(pg_constraint::kTable, pg_constraint::k_oid_index, {from_oid(f.object.object)}, arena);
      if (row && row->letter(pg_constraint::contype) == 'f')
        for (int column : {pg_constraint::conrelid, pg_constraint::confrelid}) lock::acquire(lock::relation(my_database(), row->oid(column)), lock::Mode::kAccessExclusive);
      continue;
    }
    if (f.object.class_oid != pg_class::kTable || f.object.sub) continue;
    RelationRef rel = relation(f.object.object);
    if (!rel) continue;
    Oid lock_oid = rel->kind == 'i' ? relation_oid_of_index(rel->oid) : rel->oid;
    lock::acquire(lock::relation(my_database(), lock_oid), lock::Mode::kAccessExclusive);
    if (rel->kind == 'i') lock::acquire(lock::relation(my_database(), rel->oid), lock::Mode::kAccessExclusive);
  }
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (size_t i = 0; i < lines.size() && i < kShownDependents; i++) append(out, i ? "\n" : "", lines[i]);
  if (lines.size() > kShownDependents) append(out, "\nand ", lines.size() - kShownDependents, " other objects (see server log for list)");
  return out;
}

}  // namespace

void delete_dependencies_of(ObjectAddress a) {
  Datum keys[] = {from_oid(a.class_oid), from_oid(a.object)};
  delete_rows(pg_depend::kTable, pg_depend::k_depender_index, keys);
}

void drop_objects(UtilityContext& cx, std::vector<ObjectAddress> targets, bool cascade, std::string_view statement_object) {
  check_not_internal(targets);
  Collector c;
  for (ObjectAddress t : targets) c.add_target(t);
  c.run();
  lock_relations(c.found());
  // A view's rule is what depends; the view itself goes with it.
  for (size_t i = 0; i < c.found().size(); i++) {
    ObjectAddress view = reported(c.found()[i].object);
    if (view == c.found()[i].object) continue;
    bool known = std::any_of(c.found().begin(), c.found().end(), [&](const Found& f) { return f.object == view; });
    if (!known) {
      Found f = c.found()[i];
      f.object = view;
      f.target = false;
      c.found()[i].needs_cascade = false;
      c.found().push_back(f);
      c.run();
    }
  }
  std::vector<std::string> lines, names;
  for (const Found& f : c.found()) {
    if (!f.needs_cascade || f.target) continue;
    names.push_back(describe_object(f.object));
    lines.push_back(cat(names.back(), " depends on ", describe_object(f.via)));
  }
  if (!lines.empty() && !cascade) {
    std::string what = targets.size() == 1 ? cat("cannot drop ", statement_object.empty() ? describe_object(targets[0]) : std::string(statement_object), " because other objects depend on it")
                                           : "cannot drop desired object(s) because other objects depend on them";
    throw SqlError(sqlstate::kDependentObjectsStillExist, what, join_lines(lines), "Use DROP ... CASCADE to drop the dependent objects too.");
  }
  if (names.size() == 1) notice(cx, cat("drop cascades to ", names[0]));
  else if (!names.empty()) {
    for (std::string& n : names) n = cat("drop cascades to ", n);
    notice(cx, cat("drop cascades to ", names.size(), " other objects"), join_lines(names));
  }
  // Columns before constraints would hide them: relations' parts go last to first.
  for (size_t i = c.found().size(); i-- > 0;) drop_one(c.found()[i].object);
}

namespace {

std::string_view wanted_kinds(ast::ObjectKind k) {
  switch (k) {
    case ast::ObjectKind::kTable: return "r";
    case ast::ObjectKind::kIndex: return "i";
    case ast::ObjectKind::kSequence: return "S";
    case ast::ObjectKind::kView: return "v";
    case ast::ObjectKind::kMatView: return "m";
    default: return "";
  }
}
std::string lower(std::string_view s) {
  std::string out;
  for (char c : s) out += static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return out;
}

[[noreturn]] void wrong_kind(const RelationDesc& rel, ast::ObjectKind k) {
  std::string kind = lower(ast::object_kind_name(k));
  std::string real(kind_name(rel.kind));
  SqlError e(sqlstate::kWrongObjectType, cat("\"", rel.name, "\" is not ", kind == "index" ? "an " : "a ", kind));
  std::string up;
  for (char ch : real) up += static_cast<char>(toupper(static_cast<unsigned char>(ch)));
  throw e.with_hint(cat("Use DROP ", up, " to remove ", real == "index" ? "an " : "a ", real, "."));
}

void drop_relations(const ast::DropStmt& s, UtilityContext& cx) {
  std::vector<ObjectAddress> targets;
  for (ast::Names n : s.objects) {
    QualifiedName q = split_name(n);
    std::string kind = lower(ast::object_kind_name(s.object));
    if (!q.schema.empty() && find_namespace(q.schema) == kInvalidOid) {
      if (!s.missing_ok) throw SqlError(sqlstate::kUndefinedSchema, cat("schema \"", q.schema, "\" does not exist"));
      notice(cx, cat("schema \"", q.schema, "\" does not exist, skipping"));
      continue;
    }
    RelationRef rel = find_relation(q.schema, q.name);
    if (!rel) {
      if (!s.missing_ok) throw SqlError(s.object == ast::ObjectKind::kIndex ? sqlstate::kUndefinedObject : sqlstate::kUndefinedTable, cat(kind, " \"", q.name, "\" does not exist"));
      notice(cx, cat(kind, " \"", q.name, "\" does not exist, skipping"));
      continue;
    }
    if (wanted_kinds(s.object).find(rel->kind) == std::string_view::npos) wrong_kind(*rel, s.object);
    require_not_catalog(*rel);
    require_owner(*rel);
    Oid lock_oid = rel->kind == 'i' ? relation_oid_of_index(rel->oid) : rel->oid;
    lock::acquire(lock::relation(my_database(), lock_oid), lock::Mode::kAccessExclusive);
    accept_invalidations();
    if (!relation(rel->oid)) {   // somebody else dropped it while we waited
      if (!s.missing_ok) throw SqlError(s.object == ast::ObjectKind::kIndex ? sqlstate::kUndefinedObject : sqlstate::kUndefinedTable, cat(kind, " \"", q.name, "\" does not exist"));
      continue;
    }
    targets.push_back({pg_class::kTable, rel->oid});
  }
  if (!targets.empty()) drop_objects(cx, targets, s.cascade);
}

void drop_schemas(const ast::DropStmt& s, UtilityContext& cx) {
  std::vector<ObjectAddress> targets;
  for (ast::Names n : s.objects) {
    Oid ns = find_namespace(n.back());
    if (ns == kInvalidOid) {
      if (!s.missing_ok) throw SqlError(sqlstate::kUndefinedSchema, cat("schema \"", n.back(), "\" does not exist"));
      notice(cx, cat("schema \"", n.back(), "\" does not exist, skipping"));
      continue;
    }
    if (raw(ns) < raw(kFirstNormalOid) && ns != kPublic)
      throw SqlError(sqlstate::kDependentObjectsStillExist, cat("cannot drop schema ", n.back(), " because it is required by the database system"));
    Arena arena;
    auto row = find_row(pg_namespace::kTable, pg_namespace::k_oid_index, {from_oid(ns)}, arena);
    if (!has_role(current_user(), row->oid(pg_namespace::nspowner))) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of schema ", n.back()));
    targets.push_back({pg_namespace::kTable, ns});
  }
  if (!targets.empty()) drop_objects(cx, targets, s.cascade);
}

}  // namespace

std::string drop(const ast::DropStmt& s, UtilityContext& cx) {
  if (s.concurrently) require_no_block(cx, "DROP INDEX CONCURRENTLY");
  switch (s.object) {
    case ast::ObjectKind::kTable: case ast::ObjectKind::kIndex: case ast::ObjectKind::kSequence: case ast::ObjectKind::kView: case ast::ObjectKind::kMatView:
      drop_relations(s, cx);
      break;
    case ast::ObjectKind::kSchema: drop_schemas(s, cx); break;
    default: throw_unsupported(cat("DROP ", ast::object_kind_name(s.object)));
  }
  return cat("DROP ", ast::object_kind_name(s.object));
}

}  // namespace postern::ddl
