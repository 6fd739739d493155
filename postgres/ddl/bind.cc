#include "postgres/ddl/bind.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/facts/facts.h"

namespace postern::ddl {

using namespace catalog;

namespace {

void walk(const sql::Expr& e, Bound& b) {
  if (e.kind == sql::ExprKind::kColumn && e.levels_up == 0 && e.rel == 0 && e.attno > 0) b.columns.push_back(e.attno);
  if (e.kind == sql::ExprKind::kConst && e.type == oid::kRegClass && !e.null) b.relations.push_back(as_oid(e.value));
  if (e.kind == sql::ExprKind::kFunc) {
    const facts::ProcFact* p = facts::find_proc(e.fn);
    b.is_immutable &= p && p->volatility == 'i';
  } else if (e.kind == sql::ExprKind::kNextval || e.kind == sql::ExprKind::kValue) {
    b.is_immutable = false;
  }
  sql::for_each_child(e, [&](sql::Expr* c) {
    if (c) walk(*c, b);
  });
}

Bound finish(sql::Expr* e, const RelationDesc* table, std::string text) {
  Bound b;
  b.expr = e;
  walk(*e, b);
  std::sort(b.columns.begin(), b.columns.end());
  b.columns.erase(std::unique(b.columns.begin(), b.columns.end()), b.columns.end());
  b.text = text.empty() ? sql::deparse_expr(*e, table, false) : std::move(text);
  const sql::Expr* inner = e;
  while (inner->kind == sql::ExprKind::kRelabel && !inner->args.empty()) inner = inner->args[0];
  b.is_null_constant = inner->kind == sql::ExprKind::kConst && inner->null;
  return b;
}

}  // namespace

Bound bind(UtilityContext& cx, const ast::Expr& e, const RelationDesc* table, Oid type, int32_t typmod, ExprUse use) {
  sql::ExpressionUse u = use == ExprUse::kDefault ? sql::ExpressionUse::kDefault : use == ExprUse::kCheck ? sql::ExpressionUse::kCheck : use == ExprUse::kIndex ? sql::ExpressionUse::kIndex
                   : use == ExprUse::kPredicate ? sql::ExpressionUse::kIndexPredicate : sql::ExpressionUse::kOther;
  return finish(sql::analyze_expression(e, table, type, typmod, *cx.arena, u), table, {});
}

Bound bind_text(UtilityContext& cx, std::string_view sql_text, const RelationDesc* table, Oid type, int32_t typmod) {
  return finish(sql::analyze_expression(sql_text, table, type, typmod, *cx.arena), table, std::string(sql_text));
}

void record_expression_dependencies(ObjectAddress depender, const Bound& b, Oid table, char column_type) {
  if (table != kInvalidOid)
    for (int16_t c : b.columns) record_dependency(depender, {pg_class::kTable, table, c}, column_type);
  for (Oid r : b.relations) record_dependency(depender, {pg_class::kTable, r}, 'n');
}

// Expressions are stored with column names, so a new name goes through them: bound with the old descriptor, written with the new one.
void rename_in_expressions(UtilityContext& cx, const RelationDesc& table, int attnum, std::string_view new_name) {
  auto renamed = std::make_shared<RelationDesc>(table);
  renamed->attrs[attnum - 1].name = new_name;
  Arena arena;
  auto rewrite = [&](std::string_view text, Oid type) {
    sql::Expr* e = sql::analyze_expression(text, &table, type, -1, arena);
    return sql::deparse_expr(*e, renamed.get(), false);
  };
  Datum key = from_oid(table.oid);
  for (CatalogRow& c : scan(pg_constraint::kTable, pg_constraint::k_conrelid_contypid_conname_index, {&key, 1}, arena)) {
    if (c.nulls[pg_constraint::conbin]) continue;
    c.set(pg_constraint::conbin, make_bytes(arena, rewrite(c.text(pg_constraint::conbin), oid::kBool)));
    update_row(pg_constraint::kTable, c);
  }
  for (CatalogRow& i : scan(pg_index::kTable, pg_index::k_indrelid_index, {&key, 1}, arena)) {
    bool changed = false;
    if (!i.nulls[pg_index::indexprs]) {
      std::string out;
      std::string_view rest = i.text(pg_index::indexprs);
      while (!rest.empty()) {
        size_t end = rest.find('\x01');
        append(out, out.empty() ? "" : "\x01", rewrite(rest.substr(0, end), kInvalidOid));
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      }
      i.set(pg_index::indexprs, make_bytes(arena, out));
      changed = true;
    }
    if (!i.nulls[pg_index::indpred]) {
      i.set(pg_index::indpred, make_bytes(arena, rewrite(i.text(pg_index::indpred), oid::kBool)));
      changed = true;
    }
    if (changed) update_row(pg_index::kTable, i);
  }
  (void)cx;
}

void refresh_sequence_defaults(UtilityContext& cx, Oid table) {
  RelationRef rel = relation(table);
  for (int i = 0; i < rel->natts(); i++) {
    const AttrDesc& a = rel->attrs[i];
    if (a.dropped || a.default_expr.empty()) continue;
    Arena arena;
    // The text still has the old qualified name: sequences are found by the dependency instead.
    auto d = find_row(pg_attrdef::kTable, pg_attrdef::k_adrelid_adnum_index, {from_oid(table), from_int(i + 1)}, arena);
    if (!d || !a.default_expr.starts_with("nextval('")) continue;
    Datum keys[] = {from_oid(pg_attrdef::kTable), d->values[pg_attrdef::oid]};
    for (const CatalogRow& dep : scan(pg_depend::kTable, pg_depend::k_depender_index, keys, arena)) {
      RelationRef seq = dep.letter(pg_depend::deptype) == 'n' && dep.oid(pg_depend::refclassid) == pg_class::kTable ? relation(dep.oid(pg_depend::refobjid)) : nullptr;
      if (!seq || seq->kind != 'S') continue;
      std::string literal;
      for (char c : relation_display_name(*seq, true)) literal += c == '\'' ? std::string("''") : std::string(1, c);
      d->set(pg_attrdef::adbin, make_bytes(arena, cat("nextval('", literal, "'::regclass)")));
      update_row(pg_attrdef::kTable, *d);
      invalidate_relation(table);
      txn::next_command();
    }
  }
  (void)cx;
}

}  // namespace postern::ddl
