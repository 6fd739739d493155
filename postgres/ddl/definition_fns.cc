// SQL functions that show definitions: pg_get_expr, pg_get_constraintdef, pg_get_indexdef, pg_get_viewdef, pg_get_ruledef, pg_get_functiondef. Stored expressions and views are SQL
// text that names every relation with its schema; here they are analysed again and written for the reader's search_path.
#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/ddl/ddl.h"
#include "postgres/ddl/objects.h"
#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"
#include "postgres/types/string_types.h"

namespace postern::ddl {
namespace {

using namespace catalog;
using sv = std::string_view;
using OptDatum = std::optional<Datum>;

Datum text(FnContext& cx, sv s) { return make_bytes(*cx.arena, s); }

std::vector<sv> split(sv s) {
  std::vector<sv> out;
  if (s.empty()) return out;
  for (;;) {
    size_t n = s.find('\x01');
    out.push_back(s.substr(0, n));
    if (n == sv::npos) return out;
    s = s.substr(n + 1);
  }
}

std::string shown(sv stored, const RelationDesc* relation, bool pretty) {
  Arena arena;
  return sql::deparse_expr(*sql::analyze_expression(stored, relation, kInvalidOid, -1, arena), relation, pretty, false);
}

// ---------------------------------------------------------------- expressions

OptDatum get_expr(FnContext& cx, sv stored, Oid relation_oid, bool pretty) {
  RelationRef rel;
  if (relation_oid != kInvalidOid && !(rel = relation(relation_oid))) return std::nullopt;
  if (stored == "<>") return text(cx, "<>");
  std::string out;
  for (sv e : split(stored)) append(out, out.empty() ? "" : ", ", shown(e, rel.get(), pretty));
  return text(cx, out);
}
OptDatum fn_get_expr(FnContext& cx, sv stored, Oid relation) { return get_expr(cx, stored, relation, false); }

// ---------------------------------------------------------------- indexes

// reloptions as in WITH (…).
std::string options_text(const Options& options) {
  std::string out;
  for (auto& [name, value] : options)
    append(out, out.empty() ? "" : ", ", quote_ident(name), "=", quote_ident(value) == value ? value : quote_literal(value));
  return out;
}

// Expressions that look like function calls need no parentheses as index keys.
bool is_call(sv expression, const RelationDesc& table) {
  Arena arena;
  const sql::Expr* e = sql::analyze_expression(expression, &table, kInvalidOid, -1, arena);
  if (e->kind != sql::ExprKind::kFunc) return e->kind == sql::ExprKind::kCoalesce || e->kind == sql::ExprKind::kGreatest || e->kind == sql::ExprKind::kLeast || e->kind == sql::ExprKind::kNullIf || e->kind == sql::ExprKind::kValue;
  return !raw(e->oper) && e->number != 1 && e->number != 2;   // neither operator nor cast
}

std::string opclass_name(Oid opclass) {
  Arena arena;
  auto row = find_row(pg_opclass::kTable, pg_opclass::k_oid_index, {from_oid(opclass)}, arena);
  return row ? quote_ident(row->text(pg_opclass::opcname)) : std::string();
}

bool is_default_opclass(Oid opclass, Oid type) {
  try {
    return default_opclass(type) == opclass;
  } catch (const SqlError&) {
    return false;
  }
}

std::string key_text(const RelationDesc& table, const IndexDesc& index, size_t i, const std::vector<sv>& expressions, size_t& next_expression, bool bare, bool pretty) {
  bool included = i >= index.keys.size();
  int16_t attno = included ? index.included[i - index.keys.size()] : index.keys[i].attno;
  std::string out;
  Oid collation{0};
  if (attno > 0) {
    out = quote_ident(table.attrs[attno - 1].name);
    collation = table.attrs[attno - 1].collation;
  } else {
    if (next_expression >= expressions.size()) throw_internal("too few entries in indexprs list");
    sv e = expressions[next_expression++];
    out = shown(e, &table, pretty);
    if (!is_call(e, table)) out = cat("(", out, ")");
    if (index.keys[i].collation != kInvalidOid) collation = index.keys[i].collation;
  }
  if (bare || included) return out;
  const IndexDesc::Key& k = index.keys[i];
  if (k.collation != kInvalidOid && k.collation != collation) {
    Arena arena;
    auto row = find_row(pg_collation::kTable, pg_collation::k_oid_index, {from_oid(k.collation)}, arena);
    if (row) append(out, " COLLATE ", row->oid(pg_collation::collnamespace) == kPgCatalog ? "" : cat(quote_ident(namespace_name(row->oid(pg_collation::collnamespace))), "."), quote_ident(row->text(pg_collation::collname)));
  }
  if (k.opclass != kInvalidOid && !is_default_opclass(k.opclass, k.type)) append(out, " ", opclass_name(k.opclass));
  if (k.desc) out += k.nulls_first ? " DESC" : " DESC NULLS LAST";
  else if (k.nulls_first) out += " NULLS FIRST";
  return out;
}

Options class_options(Oid rel) {
  Arena arena;
  auto row = find_row(pg_class::kTable, pg_class::k_oid_index, {from_oid(rel)}, arena);
  return row && !row->nulls[pg_class::reloptions] ? read_options(row->values[pg_class::reloptions]) : Options{};
}

OptDatum index_definition(FnContext& cx, Oid oid, int32_t column, bool pretty) {
  Oid table_oid = relation_oid_of_index(oid);
  RelationRef table = table_oid == kInvalidOid ? nullptr : relation(table_oid);
  if (!table) return std::nullopt;
  const IndexDesc* index = nullptr;
  for (const IndexDesc& i : table->indexes)
    if (i.oid == oid) index = &i;
  if (!index) return std::nullopt;
  auto expressions = split(index->expressions);
  size_t n = index->keys.size() + index->included.size(), next_expression = 0;
  std::string keys, included;
  for (size_t i = 0; i < n; i++) {
    std::string k = key_text(*table, *index, i, expressions, next_expression, column != 0, pretty);
    if (column == static_cast<int32_t>(i + 1)) return text(cx, k);
    std::string& list = i < index->keys.size() ? keys : included;
    append(list, list.empty() ? "" : ", ", k);
  }
  if (column) return text(cx, "");
  std::string out = cat("CREATE ", index->unique ? "UNIQUE " : "", "INDEX ", quote_ident(index->name), " ON ", relation_display_name(*table, !pretty), " USING btree (", keys, ")");
  if (!included.empty()) append(out, " INCLUDE (", included, ")");
  if (index->nulls_not_distinct) out += " NULLS NOT DISTINCT";
  if (Options o = class_options(oid); !o.empty()) append(out, " WITH (", options_text(o), ")");
  if (!index->predicate.empty()) append(out, " WHERE ", shown(index->predicate, table.get(), pretty));
  return text(cx, out);
}
OptDatum fn_get_indexdef(FnContext& cx, Oid oid) { return index_definition(cx, oid, 0, false); }
OptDatum fn_get_indexdef_column(FnContext& cx, Oid oid, int32_t column, bool pretty) { return index_definition(cx, oid, column, pretty); }

// ---------------------------------------------------------------- constraints

std::string column_list(const RelationDesc& rel, Datum numbers) {
  std::string out;
  for (int16_t a : read_int2s(numbers)) append(out, out.empty() ? "" : ", ", quote_ident(rel.attrs[a - 1].name));
  return out;
}

std::string key_definition(const RelationDesc& rel, const CatalogRow& row) {
  std::string out = row.letter(pg_constraint::contype) == 'p' ? "PRIMARY KEY " : "UNIQUE ", included;
  Oid index_oid = row.oid(pg_constraint::conindid);
  for (const IndexDesc& i : rel.indexes) {
    if (i.oid != index_oid) continue;
    if (i.nulls_not_distinct) out += "NULLS NOT DISTINCT ";
    for (int16_t a : i.included) append(included, included.empty() ? "" : ", ", quote_ident(rel.attrs[a - 1].name));
  }
  append(out, "(", column_list(rel, row.values[pg_constraint::conkey]), ")");
  if (!included.empty()) append(out, " INCLUDE (", included, ")");
  return out;
}

sv action_text(char action) {
  switch (action) {
    case 'r': return "RESTRICT";
    case 'c': return "CASCADE";
    case 'n': return "SET NULL";
    case 'd': return "SET DEFAULT";
    default: return "";
  }
}

std::string foreign_key_definition(const RelationDesc& rel, const CatalogRow& row) {
  namespace c = pg_constraint;
  RelationRef other = relation(row.oid(c::confrelid));
  if (!other) throw_internal("foreign key names a relation that does not exist");
  std::string out = cat("FOREIGN KEY (", column_list(rel, row.values[c::conkey]), ") REFERENCES ", relation_display_name(*other), "(", column_list(*other, row.values[c::confkey]), ")");
  if (row.letter(c::confmatchtype) == 'f') out += " MATCH FULL";
  else if (row.letter(c::confmatchtype) == 'p') out += " MATCH PARTIAL";
  if (sv a = action_text(row.letter(c::confupdtype)); !a.empty()) append(out, " ON UPDATE ", a);
  if (sv a = action_text(row.letter(c::confdeltype)); !a.empty()) append(out, " ON DELETE ", a);
  return out;
}

OptDatum constraint_definition(FnContext& cx, Oid oid, bool pretty) {
  namespace c = pg_constraint;
  Arena arena;
  auto row = find_row(c::kTable, c::k_oid_index, {from_oid(oid)}, arena);
  if (!row) return std::nullopt;
  RelationRef rel = relation(row->oid(c::conrelid));
  std::string out;
  switch (row->letter(c::contype)) {
    case 'c':
      out = cat("CHECK (", shown(row->text(c::conbin), rel.get(), pretty), ")");
      if (rel && row->flag(c::connoinherit)) out += " NO INHERIT";
      break;
    case 'p': case 'u':
      if (!rel) return std::nullopt;
      out = key_definition(*rel, *row);
      break;
    case 'f':
      if (!rel) return std::nullopt;
      out = foreign_key_definition(*rel, *row);
      break;
    default: throw_unsupported(cat("pg_get_constraintdef() of constraint type '", row->letter(c::contype), "'"));
  }
  if (row->flag(c::condeferrable)) out += " DEFERRABLE";
  if (row->flag(c::condeferred)) out += " INITIALLY DEFERRED";
  if (!row->flag(c::convalidated)) out += " NOT VALID";
  return text(cx, out);
}
OptDatum fn_get_constraintdef(FnContext& cx, Oid oid) { return constraint_definition(cx, oid, false); }

// ---------------------------------------------------------------- views

// The view's query analysed; null: not a view.
sql::AnalyzedStmt analyzed_view(const RelationDesc& rel, Arena& arena) {
  auto parsed = sql::parse(rel.view_query, arena);
  if (parsed.empty()) throw_internal(cat("definition of view \"", rel.name, "\" is not readable"));
  sql::ParamTypes params;
  sql::AnalyzedStmt a = sql::analyze(*parsed[0].stmt, rel.view_query, params, arena);
  size_t at = 0;
  for (sql::Target& t : a.query->targets)
    if (!t.junk && at < rel.attrs.size()) t.name = rel.attrs[at++].name;
  return a;
}
bool is_view(const RelationRef& r) { return r && (r->kind == 'v' || r->kind == 'm'); }

OptDatum view_definition(FnContext& cx, Oid oid, bool pretty) {
  RelationRef rel = relation(oid);
  if (!is_view(rel)) return std::nullopt;
  Arena arena;
  return text(cx, sql::deparse_query(*analyzed_view(*rel, arena).query, pretty, false));
}
OptDatum fn_get_viewdef(FnContext& cx, Oid oid) { return view_definition(cx, oid, false); }
OptDatum fn_get_viewdef_wrap(FnContext& cx, Oid oid, int32_t wrap) {
  if (wrap > 0) throw_unsupported("pg_get_viewdef() with a wrap column");
  return view_definition(cx, oid, true);
}
OptDatum fn_get_viewdef_name(FnContext& cx, sv name) { return view_definition(cx, cx.services->reg_in(oid::kRegClass, name, false), false); }
OptDatum fn_get_viewdef_name_pretty(FnContext& cx, sv name, bool pretty) { return view_definition(cx, cx.services->reg_in(oid::kRegClass, name, false), pretty); }

OptDatum rule_definition(FnContext& cx, Oid oid, bool pretty) {
  Arena arena;
  auto row = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {from_oid(oid)}, arena);
  RelationRef rel = row ? relation(row->oid(pg_rewrite::ev_class)) : nullptr;
  if (!is_view(rel)) return std::nullopt;
  return text(cx, cat("CREATE RULE ", quote_ident(row->text(pg_rewrite::rulename)), " AS\n    ON SELECT TO ", relation_display_name(*rel, !pretty), " DO INSTEAD ",
                      sql::deparse_query(*analyzed_view(*rel, arena).query, pretty, false)));
}
OptDatum fn_get_ruledef(FnContext& cx, Oid oid) { return rule_definition(cx, oid, false); }

// ---------------------------------------------------------------- functions

std::string argument_definitions(const facts::ProcFact& p) {
  auto all = p.all_args().empty() ? p.args() : p.all_args();
  auto names = split(p.names()), defaults = split(p.defaults());
  std::string out;
  size_t input = 0, first_default = p.nargs - defaults.size();
  for (size_t i = 0; i < all.size(); i++) {
    char mode = i < p.modes().size() ? p.modes()[i] : 'i';
    if (mode == 't') continue;
    append(out, out.empty() ? "" : ", ", mode == 'b' ? "INOUT " : mode == 'o' ? "OUT " : mode == 'v' ? "VARIADIC " : "");
    if (i < names.size() && !names[i].empty()) append(out, quote_ident(names[i]), " ");
    out += format_type_no_typmod(Oid{all[i]});
    if (mode == 'o') continue;
    if (input >= first_default) append(out, " DEFAULT ", defaults[input - first_default]);
    input++;
  }
  return out;
}

// Cost and rows that CREATE FUNCTION would not take by itself.
std::string planner_facts(const facts::ProcFact& p) {
  std::string out;
  char buf[32];
  if (p.cost != 1) {
    std::snprintf(buf, sizeof buf, " COST %g", static_cast<double>(p.cost));
    out += buf;
  }
  if (p.retset && p.rows > 0 && p.rows != 1000) {
    std::snprintf(buf, sizeof buf, " ROWS %g", static_cast<double>(p.rows));
    out += buf;
  }
  return out;
}

OptDatum fn_get_functiondef(FnContext& cx, Oid oid) {
  const facts::ProcFact* p = facts::find_proc(oid);
  if (!p || !fn_is_implemented(oid)) return std::nullopt;
  if (p->kind == 'a') throw SqlError(sqlstate::kWrongObjectType, cat("\"", p->name(), "\" is an aggregate function"));
  if (p->lang != 12) throw_unsupported(cat("pg_get_functiondef() of function \"", p->name(), "\", which is built in"));
  std::string traits;
  if (p->kind == 'w') traits += " WINDOW";
  if (p->volatility == 'i') traits += " IMMUTABLE";
  else if (p->volatility == 's') traits += " STABLE";
  if (p->parallel == 's') traits += " PARALLEL SAFE";
  else if (p->parallel == 'r') traits += " PARALLEL RESTRICTED";
  if (p->strict) traits += " STRICT";
  if (p->leakproof) traits += " LEAKPROOF";
  traits += planner_facts(*p);
  std::string table;
  for (size_t i = 0; i < p->modes().size(); i++)
    if (p->modes()[i] == 't') append(table, table.empty() ? "" : ", ", quote_ident(split(p->names())[i]), " ", format_type_no_typmod(Oid{p->all_args()[i]}));
  std::string result = !table.empty() ? cat("TABLE(", table, ")") : cat(p->retset ? "SETOF " : "", format_type_no_typmod(Oid{p->ret}));
  return text(cx, cat("CREATE OR REPLACE FUNCTION pg_catalog.", quote_ident(p->name()), "(", argument_definitions(*p), ")\n RETURNS ", result, "\n LANGUAGE internal\n", traits, traits.empty() ? "" : "\n", "AS $function$", p->src(),
                      "$function$\n"));
}

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1716, fn_get_expr), STRICT_FN(2509, get_expr), STRICT_FN(1643, fn_get_indexdef), STRICT_FN(2507, fn_get_indexdef_column), STRICT_FN(1387, fn_get_constraintdef),
    STRICT_FN(2508, constraint_definition), STRICT_FN(1640, fn_get_viewdef_name), STRICT_FN(1641, fn_get_viewdef), STRICT_FN(2505, fn_get_viewdef_name_pretty), STRICT_FN(2506, view_definition),
    STRICT_FN(3159, fn_get_viewdef_wrap), STRICT_FN(1573, fn_get_ruledef), STRICT_FN(2504, rule_definition), STRICT_FN(2098, fn_get_functiondef),
}));

}  // namespace

constinit const FnTables kDefinitionFns{kFns, {}, {}};

}  // namespace postern::ddl
