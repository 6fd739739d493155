#include "postgres/ddl/objects.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

using namespace catalog;

void notice(UtilityContext& cx, std::string message, std::string detail, SqlState state) {
  SqlError e(state, std::move(message), std::move(detail));
  e.severity = Severity::kNotice;
  if (cx.services) cx.services->notice(e);
}
void warning(UtilityContext& cx, std::string message, SqlState state) {
  SqlError e(state, std::move(message));
  e.severity = Severity::kWarning;
  if (cx.services) cx.services->notice(e);
}

std::string display(const ast::RangeVar& r) { return r.schema.empty() ? std::string(r.name) : cat(r.schema, ".", r.name); }
std::string display(ast::Names names) {
  std::string s;
  for (std::string_view n : names) append(s, s.empty() ? "" : ".", n);
  return s;
}

QualifiedName split_name(ast::Names names) {
  if (names.size() == 1) return {"", std::string(names[0])};
  if (names.size() == 2) return {std::string(names[0]), std::string(names[1])};
  if (names.size() == 3) {
    auto db = find_database(my_database());
    if (db && db->name == names[0]) return {std::string(names[1]), std::string(names[2])};
    throw SqlError(sqlstate::kFeatureNotSupported, cat("cross-database references are not implemented: ", display(names)));
  }
  throw SqlError(sqlstate::kSyntaxError, cat("improper relation name (too many dotted names): ", display(names)));
}
QualifiedName split_name(const ast::RangeVar& r) {
  if (!r.catalog.empty()) {
    auto db = find_database(my_database());
    if (!db || db->name != r.catalog)
      throw SqlError(sqlstate::kFeatureNotSupported, cat("cross-database references are not implemented: \"", r.catalog, ".", r.schema, ".", r.name, "\"")).at(r.position);
  }
  return {std::string(r.schema), std::string(r.name)};
}

Oid require_namespace(std::string_view name) {
  Oid ns = name == "pg_temp" ? temp_namespace(true) : find_namespace(name);
  if (ns == kInvalidOid) throw SqlError(sqlstate::kUndefinedSchema, cat("schema \"", name, "\" does not exist"));
  return ns;
}

Oid creation_namespace_of(const ast::RangeVar& r) {
  QualifiedName q = split_name(r);
  if (r.persistence == 't') {
    if (!q.schema.empty() && q.schema != "pg_temp")
      throw SqlError(sqlstate::kInvalidTableDefinition, "cannot create temporary relation in non-temporary schema").at(r.position);
    return temp_namespace(true);
  }
  Oid ns = q.schema.empty() ? creation_namespace() : require_namespace(q.schema);
  if (ns == kPgCatalog || ns == kInformationSchema)
    throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied to create \"", namespace_name(ns), ".", q.name, "\""), "System catalog modifications are currently disallowed.");
  try {
    require_namespace_create(ns);
  } catch (SqlError& e) {
    e.at(r.position);
    throw;
  }
  return ns;
}

void check_new_name(std::string_view name) {
  if (name.empty()) throw SqlError(sqlstate::kSyntaxError, "zero-length delimited identifier");
}

std::string make_name(std::string_view name1, std::string_view name2, std::string_view label) {
  size_t overhead = (name2.empty() ? 0 : 1) + (label.empty() ? 0 : label.size() + 1);
  size_t room = kNameBytes - std::min<size_t>(overhead, kNameBytes);
  size_t n1 = name1.size(), n2 = name2.size();
  while (n1 + n2 > room) (n1 > n2 ? n1 : n2)--;
  auto clip = [](std::string_view s, size_t n) {   // not inside a UTF-8 character
    while (n > 0 && n < s.size() && (static_cast<unsigned char>(s[n]) & 0xC0) == 0x80) n--;
    return s.substr(0, n);
  };
  std::string out(clip(name1, n1));
  if (!name2.empty()) append(out, "_", clip(name2, n2));
  if (!label.empty()) append(out, "_", label);
  return out;
}

bool relation_exists(Oid ns, std::string_view name) {
  Arena arena;
  return find_row(pg_class::kTable, pg_class::k_relname_nsp_index, {make_bytes(arena, name), from_oid(ns)}, arena).has_value();
}
bool constraint_exists(Oid table, std::string_view name) {
  Arena arena;
  return find_row(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {from_oid(table), from_oid(kInvalidOid), make_bytes(arena, name)}, arena).has_value();
}

std::string choose_relation_name(std::string_view name1, std::string_view name2, std::string_view label, Oid ns) {
  for (int pass = 0;; pass++) {
    std::string name = make_name(name1, name2, pass ? cat(label, pass) : std::string(label));
    if (!relation_exists(ns, name)) return name;
  }
}

std::string choose_constraint_name(std::string_view name1, std::string_view name2, std::string_view label, Oid table, std::span<const std::string> also_taken) {
  for (int pass = 0;; pass++) {
    std::string name = make_name(name1, name2, pass ? cat(label, pass) : std::string(label));
    if (std::find(also_taken.begin(), also_taken.end(), name) == also_taken.end() && !constraint_exists(table, name)) return name;
  }
}

Oid role_of(const ast::RoleSpec& r) {
  if (r.kind == ast::RoleKind::kName) {
    auto role = find_role(r.name);
    if (!role) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", r.name, "\" does not exist"));
    return role->oid;
  }
  if (r.kind == ast::RoleKind::kPublic) throw SqlError(sqlstate::kUndefinedObject, "role \"public\" does not exist");
  return current_user();
}

std::string_view kind_name(char relkind) {
  switch (relkind) {
    case 'i': return "index";
    case 'S': return "sequence";
    case 'v': return "view";
    case 'm': return "materialized view";
    default: return "table";
  }
}

void require_owner(const RelationDesc& rel) {
  if (!has_role(current_user(), rel.owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of ", kind_name(rel.kind), " ", rel.name));
}
void require_not_catalog(const RelationDesc& rel) {
  if (raw(rel.oid) < raw(kFirstNormalOid)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied: \"", rel.name, "\" is a system catalog"));
}
void require_namespace_create(Oid ns) {
  if (!has_namespace_privilege(current_user(), ns, 'C')) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for schema ", namespace_name(ns)));
}
void require_superuser(std::string_view what) {
  if (!is_superuser(current_user())) throw SqlError(sqlstate::kInsufficientPrivilege, std::string(what));
}
void require_no_block(const UtilityContext& cx, std::string_view statement) {
  if (cx.in_transaction_block) throw SqlError(sqlstate::kActiveSqlTransaction, cat(statement, " cannot run inside a transaction block"));
}

RelationRef open_owned(UtilityContext& cx, const ast::RangeVar& r, lock::Mode mode, std::string_view kinds, bool missing_ok) {
  QualifiedName q = split_name(r);
  if (missing_ok && !find_relation(q.schema, q.name)) {
    notice(cx, cat("relation \"", display(r), "\" does not exist, skipping"));
    return nullptr;
  }
  RelationRef rel = open_relation(q.schema, q.name, mode);
  if (kinds.find(rel->kind) == std::string_view::npos) {
    std::string_view want = kinds == "S" ? "a sequence" : kinds == "v" ? "a view" : kinds == "i" ? "an index" : kinds == "m" ? "a materialized view" : "a table";
    throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not ", want));
  }
  require_not_catalog(*rel);
  require_owner(*rel);
  return rel;
}

Oid resolve_type(const ast::TypeName& t, int32_t* typmod) {
  *typmod = -1;
  if (t.pct_type) throw_unsupported("%TYPE", t.position);
  if (t.setof) throw SqlError(sqlstate::kInvalidTableDefinition, "column cannot be declared SETOF").at(t.position);
  QualifiedName q = split_name(t.names);
  Oid type = catalog::find_type(q.schema, q.name);
  if (type == kInvalidOid) throw SqlError(sqlstate::kUndefinedObject, cat("type \"", display(t.names), "\" does not exist")).at(t.position);
  const TypeInfo* info = postern::find_type(type);
  if (!t.typmods.empty()) {
    if (!info || !info->typmod_in) throw SqlError(sqlstate::kSyntaxError, cat("type modifier is not allowed for type \"", display(t.names), "\"")).at(t.position);
    std::vector<int32_t> mods;
    for (const ast::Expr* e : t.typmods) {
      auto* c = ast::as<ast::Const>(e);
      if (!c || c->type != ast::ConstKind::kInt) throw SqlError(sqlstate::kSyntaxError, "type modifiers must be simple constants or identifiers").at(t.position);
      mods.push_back(c->ival);
    }
    *typmod = info->typmod_in(mods);
  }
  if (!t.array_bounds.empty()) {
    Oid array = info ? info->array : kInvalidOid;
    if (!info) {
      Arena arena;
      if (auto row = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(type)}, arena)) array = row->oid(pg_type::typarray);
    }
    if (array == kInvalidOid) throw SqlError(sqlstate::kUndefinedObject, cat("could not find array type for data type ", format_type(type, -1))).at(t.position);
    type = array;
  }
  return type;
}

AttrDesc make_attr(std::string_view name, Oid type, int32_t typmod) {
  AttrDesc a;
  a.name = name;
  set_attr_type(a, type);
  a.typmod = typmod;
  const TypeInfo* t = postern::find_type(type);
  Oid base = t && t->elem != kInvalidOid ? t->elem : type;
  if (base == oid::kName) a.collation = oid::kCCollation;
  else if (base == oid::kText || base == oid::kVarchar || base == oid::kBpchar) a.collation = oid::kDefaultCollation;
  return a;
}

std::string option_text(const ast::DefElem& d) {
  switch (d.kind) {
    case ast::DefKind::kNone: return "true";
    case ast::DefKind::kNames: case ast::DefKind::kTypeName: return display(d.names);
    default: return std::string(d.text);
  }
}
bool option_bool(const ast::DefElem& d) {
  if (d.kind == ast::DefKind::kNone) return true;
  std::string s = option_text(d);
  for (char& c : s) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  if (s == "true" || s == "on" || s == "1" || s == "yes") return true;
  if (s == "false" || s == "off" || s == "0" || s == "no") return false;
  throw SqlError(sqlstate::kSyntaxError, cat(d.name, " requires a Boolean value"));
}
int64_t option_int(const ast::DefElem& d) {
  if (d.kind == ast::DefKind::kInt) return d.ival;
  std::string s = option_text(d);
  errno = 0;
  char* end = nullptr;
  int64_t v = std::strtoll(s.c_str(), &end, 10);
  if (s.empty() || *end || errno) throw SqlError(sqlstate::kSyntaxError, cat(d.name, " requires a numeric value"));
  return v;
}

Options relation_options(ast::List<ast::DefElem> defs, char kind) {
  static constexpr std::string_view kTable[] = {"autovacuum_enabled", "toast_tuple_target", "parallel_workers", "user_catalog_table", "vacuum_index_cleanup", "vacuum_truncate",
                                                "log_autovacuum_min_duration", "autovacuum_vacuum_threshold", "autovacuum_vacuum_insert_threshold", "autovacuum_analyze_threshold",
                                                "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor", "autovacuum_analyze_scale_factor", "autovacuum_vacuum_cost_delay",
                                                "autovacuum_vacuum_cost_limit", "autovacuum_freeze_min_age", "autovacuum_freeze_max_age", "autovacuum_freeze_table_age"};
  Options out;
  for (const ast::DefElem* d : defs) {
    if (d->name_space == "toast") continue;   // wide values have no table of their own to tune
    std::string value = option_text(*d);
    if (d->name == "oids" && kind == 'r') {
      if (option_bool(*d)) throw SqlError(sqlstate::kFeatureNotSupported, "tables declared WITH OIDS are not supported");
      continue;
    }
    if (d->name == "fillfactor") {
      char* end = nullptr;
      long v = std::strtol(value.c_str(), &end, 10);
      if (value.empty() || *end) throw SqlError(sqlstate::kInvalidParameterValue, cat("invalid value for integer option \"fillfactor\": ", value));
      if (v < 10 || v > 100) throw SqlError(sqlstate::kInvalidParameterValue, cat("value ", value, " out of bounds for option \"fillfactor\""), "Valid values are between \"10\" and \"100\".");
    } else if (kind == 'r' && d->name == "autovacuum_enabled") {
      bool v;
      try {
        v = option_bool(*d);
      } catch (const SqlError&) {
        throw SqlError(sqlstate::kInvalidParameterValue, cat("invalid value for boolean option \"autovacuum_enabled\": ", value));
      }
      (void)v;
    } else if (!(kind == 'i' && d->name == "deduplicate_items") && !(kind == 'r' && std::find(std::begin(kTable), std::end(kTable), d->name) != std::end(kTable))) {
      throw SqlError(sqlstate::kInvalidParameterValue, cat("unrecognized parameter \"", d->name, "\""));
    }
    for (auto& o : out)
      if (o.first == d->name) throw SqlError(sqlstate::kInvalidParameterValue, cat("parameter \"", d->name, "\" specified more than once"));
    out.emplace_back(d->name, value);
  }
  return out;
}

}  // namespace postern::ddl
