// SQL functions that show definitions: expressions, constraints, indexes, views. Stored texts are bound again and written as PostgreSQL would for the current search_path.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/ddl/bind.h"
#include "postgres/ddl/definitions.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

using namespace catalog;

namespace {

using sv = std::string_view;
using OptDatum = std::optional<Datum>;

std::vector<std::string> split_expressions(sv s) {
  std::vector<std::string> out;
  while (!s.empty()) {
    size_t n = s.find('\x01');
    out.emplace_back(s.substr(0, n));
    s = n == sv::npos ? sv() : s.substr(n + 1);
  }
  return out;
}

std::string show(sv stored, const RelationDesc* rel, bool pretty) {
  Arena arena;
  sql::Expr* e = sql::analyze_expression(stored, rel, kInvalidOid, -1, arena);
  return sql::deparse_expr(*e, rel, pretty);
}

Datum text(FnContext& cx, sv s) { return make_bytes(*cx.arena, s); }

NullableDatum get_expr(FnContext& cx, Datum node, Oid rel, bool pretty) {
  RelationRef r = rel == kInvalidOid ? nullptr : relation(rel);
  if (rel != kInvalidOid && !r) return {};
  sv stored = as_view(node);
  if (stored.empty() || stored == "<>") return {};
  std::string out;
  for (const std::string& s : split_expressions(stored)) append(out, out.empty() ? "" : ", ", show(s, r.get(), pretty));
  return {text(cx, out), false};
}
NullableDatum fn_get_expr(FnContext& cx, NullableDatum node, NullableDatum rel) { return node.null || rel.null ? NullableDatum{} : get_expr(cx, node.value, as_oid(rel.value), false); }
NullableDatum fn_get_expr3(FnContext& cx, NullableDatum node, NullableDatum rel, NullableDatum pretty) {
  return node.null || rel.null || pretty.null ? NullableDatum{} : get_expr(cx, node.value, as_oid(rel.value), as_bool(pretty.value));
}

// Wrapped in parentheses unless it already is one call or a parenthesised whole.
bool is_wrapped(sv s) {
  if (s.empty() || s[0] != '(') return false;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < s.size(); i++) {
    if (s[i] == '\'') quoted = !quoted;
    if (quoted) continue;
    if (s[i] == '(') depth++;
    if (s[i] == ')' && --depth == 0) return i + 1 == s.size();
  }
  return false;
}
bool is_call(const sql::Expr& e) { return e.kind == sql::ExprKind::kFunc && e.oper == kInvalidOid && !e.explicit_cast; }

std::string column_list(const RelationDesc& rel, std::span<const int16_t> columns) {
  std::string out;
  for (int16_t a : columns) append(out, out.empty() ? "" : ", ", quote_ident(rel.attrs[a - 1].name));
  return out;
}

const IndexDesc* index_of(const RelationDesc& table, Oid index) {
  for (const IndexDesc& i : table.indexes)
    if (i.oid == index) return &i;
  return nullptr;
}

std::string index_options(Oid index) {
  Arena arena;
  CatalogRow c = class_row_of(index, arena);
  if (c.nulls[pg_class::reloptions]) return "";
  std::string out;
  for (auto& [name, value] : read_options(c.values[pg_class::reloptions])) append(out, out.empty() ? "" : ", ", name, "='", value, "'");
  return cat(" WITH (", out, ")");
}

std::string key_text(const RelationDesc& table, const IndexDesc& x, size_t i, std::vector<std::string>& exprs, size_t& next_expr, bool with_options) {
  const IndexDesc::Key& k = x.keys[i];
  std::string s;
  if (k.attno) {
    s = quote_ident(table.attrs[k.attno - 1].name);
  } else {
    Arena arena;
    sql::Expr* e = sql::analyze_expression(exprs[next_expr], &table, kInvalidOid, -1, arena);
    s = sql::deparse_expr(*e, &table, false);
    next_expr++;
    if (!is_call(*e) && !is_wrapped(s)) s = cat("(", s, ")");
    else if (!is_call(*e) && with_options) s = cat(s);
  }
  if (!with_options) return s;
  Oid attr_collation = k.attno ? table.attrs[k.attno - 1].collation : kInvalidOid;
  Arena arena;
  if (k.attno && k.collation != attr_collation && k.collation != kInvalidOid)
    if (auto c = find_row(pg_collation::kTable, pg_collation::k_oid_index, {from_oid(k.collation)}, arena)) append(s, " COLLATE ", quote_ident(c->text(pg_collation::collname)));
  if (k.opclass != default_opclass(k.type))
    if (auto c = find_row(pg_opclass::kTable, pg_opclass::k_oid_index, {from_oid(k.opclass)}, arena)) append(s, " ", quote_ident(c->text(pg_opclass::opcname)));
  if (k.desc) s += k.nulls_first ? " DESC" : " DESC NULLS LAST";
  else if (k.nulls_first) s += " NULLS FIRST";
  return s;
}

}  // namespace

std::string index_definition(Oid index, bool pretty) {
  Oid table_oid = relation_oid_of_index(index);
  RelationRef table = table_oid == kInvalidOid ? nullptr : relation(table_oid);
  const IndexDesc* x = table ? index_of(*table, index) : nullptr;
  if (!x) return "";
  std::string name = pretty && relation_is_visible(*table) ? quote_ident(table->name) : relation_display_name(*table, true);
  std::string out = cat("CREATE ", x->unique ? "UNIQUE " : "", "INDEX ", quote_ident(x->name), " ON ", name, " USING btree (");
  std::vector<std::string> exprs = split_expressions(x->expressions);
  size_t next = 0;
  for (size_t i = 0; i < x->keys.size(); i++) append(out, i ? ", " : "", key_text(*table, *x, i, exprs, next, true));
  out += ")";
  if (!x->included.empty()) append(out, " INCLUDE (", column_list(*table, x->included), ")");
  if (x->nulls_not_distinct) out += " NULLS NOT DISTINCT";
  out += index_options(index);
  if (!x->predicate.empty()) {
    std::string p = show(x->predicate, table.get(), pretty);
    append(out, " WHERE ", pretty || is_wrapped(p) ? p : cat("(", p, ")"));
  }
  return out;
}

namespace {

OptDatum fn_indexdef(FnContext& cx, Oid oid) {
  std::string s = index_definition(oid, false);
  if (s.empty()) return std::nullopt;
  return text(cx, s);
}
OptDatum fn_indexdef3(FnContext& cx, Oid oid, int32_t column, bool pretty) {
  if (column == 0) {
    std::string s = index_definition(oid, pretty);
    if (s.empty()) return std::nullopt;
    return text(cx, s);
  }
  Oid table_oid = relation_oid_of_index(oid);
  RelationRef table = table_oid == kInvalidOid ? nullptr : relation(table_oid);
  const IndexDesc* x = table ? index_of(*table, oid) : nullptr;
  if (!x) return std::nullopt;
  std::vector<std::string> exprs = split_expressions(x->expressions);
  size_t next = 0, want = static_cast<size_t>(column - 1);
  if (column < 0 || want >= x->keys.size() + x->included.size()) return text(cx, "");
  if (want >= x->keys.size()) return text(cx, quote_ident(table->attrs[x->included[want - x->keys.size()] - 1].name));
  for (size_t i = 0; i < want; i++)
    if (!x->keys[i].attno) next++;
  return text(cx, key_text(*table, *x, want, exprs, next, false));
}

OptDatum constraintdef(FnContext& cx, Oid oid, bool pretty) {
  Arena arena;
  namespace c = pg_constraint;
  auto row = find_row(c::kTable, c::k_oid_index, {from_oid(oid)}, arena);
  if (!row) return std::nullopt;
  RelationRef table = relation(row->oid(c::conrelid));
  if (!table) return std::nullopt;
  std::string out;
  char type = row->letter(c::contype);
  if (type == 'c') {
    std::string e = show(row->text(c::conbin), table.get(), pretty);
    out = is_wrapped(e) && !pretty ? cat("CHECK (", e, ")") : cat("CHECK (", e, ")");
    if (row->flag(c::connoinherit)) out += " NO INHERIT";
  } else if (type == 'p' || type == 'u') {
    out = cat(type == 'p' ? "PRIMARY KEY (" : "UNIQUE (", column_list(*table, read_int2s(row->values[c::conkey])), ")");
    if (const IndexDesc* x = index_of(*table, row->oid(c::conindid))) {
      if (x->nulls_not_distinct) out.insert(6, " NULLS NOT DISTINCT");
      if (!x->included.empty()) append(out, " INCLUDE (", column_list(*table, x->included), ")");
      if (raw(x->oid) >= raw(kFirstNormalOid)) out += index_options(x->oid);
    }
  } else {
    return std::nullopt;
  }
  if (row->flag(c::condeferrable)) out += row->flag(c::condeferred) ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
  if (!row->flag(c::convalidated)) out += " NOT VALID";
  return text(cx, out);
}
OptDatum fn_constraintdef(FnContext& cx, Oid oid) { return constraintdef(cx, oid, false); }
OptDatum fn_constraintdef2(FnContext& cx, Oid oid, bool pretty) { return constraintdef(cx, oid, pretty); }

OptDatum viewdef(FnContext& cx, Oid oid, bool pretty) {
  RelationRef rel = relation(oid);
  if (!rel || rel->kind != 'v' || rel->view_query.empty()) return std::nullopt;
  Arena arena;
  auto parsed = sql::parse(arena.copy(sv(rel->view_query)), arena);
  sql::ParamTypes none;
  sql::AnalyzedStmt a = sql::analyze(*parsed[0].stmt, rel->view_query, none, arena);
  std::string s = sql::deparse_query(*a.query, pretty);
  if (s.empty() || s.back() != ';') s += ";";
  return text(cx, s);
}
Oid relation_named(FnContext& cx, sv name) { return cx.services->reg_in(oid::kRegClass, name, false); }
OptDatum fn_viewdef(FnContext& cx, Oid oid) { return viewdef(cx, oid, false); }
OptDatum fn_viewdef2(FnContext& cx, Oid oid, bool pretty) { return viewdef(cx, oid, pretty); }
OptDatum fn_viewdef_wrap(FnContext& cx, Oid oid, int32_t) { return viewdef(cx, oid, true); }
OptDatum fn_viewdef_name(FnContext& cx, sv name) { return viewdef(cx, relation_named(cx, name), false); }
OptDatum fn_viewdef_name2(FnContext& cx, sv name, bool pretty) { return viewdef(cx, relation_named(cx, name), pretty); }

OptDatum ruledef(FnContext& cx, Oid oid, bool pretty) {
  Arena arena;
  auto r = find_row(pg_rewrite::kTable, pg_rewrite::k_oid_index, {from_oid(oid)}, arena);
  if (!r) return std::nullopt;
  RelationRef rel = relation(r->oid(pg_rewrite::ev_class));
  if (!rel) return std::nullopt;
  OptDatum body = viewdef(cx, rel->oid, pretty);
  if (!body) return std::nullopt;
  return text(cx, cat("CREATE RULE ", quote_ident(r->text(pg_rewrite::rulename)), " AS\n    ON SELECT TO ", relation_display_name(*rel, !pretty), " DO INSTEAD ", as_view(*body)));
}
OptDatum fn_ruledef(FnContext& cx, Oid oid) { return ruledef(cx, oid, false); }
OptDatum fn_ruledef2(FnContext& cx, Oid oid, bool pretty) { return ruledef(cx, oid, pretty); }

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    NULLABLE_FN(1716, fn_get_expr), NULLABLE_FN(2509, fn_get_expr3), STRICT_FN(1643, fn_indexdef), STRICT_FN(2507, fn_indexdef3), STRICT_FN(1387, fn_constraintdef),
    STRICT_FN(2508, fn_constraintdef2), STRICT_FN(1641, fn_viewdef), STRICT_FN(2506, fn_viewdef2), STRICT_FN(3159, fn_viewdef_wrap), STRICT_FN(1640, fn_viewdef_name),
    STRICT_FN(2505, fn_viewdef_name2), STRICT_FN(1573, fn_ruledef), STRICT_FN(2504, fn_ruledef2),
}));

}  // namespace

constinit const FnTables kDefinitionFns{kFns, {}, {}};

}  // namespace postern::ddl
