#include "postgres/ddl/bind.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::ddl {

using namespace catalog;

namespace {

void walk(const sql::Expr& e, Bound& b) {
  if (e.kind == sql::ExprKind::kColumn && e.levels_up == 0 && e.rel == 0 && e.attno > 0) b.columns.push_back(e.attno);
  if (e.kind == sql::ExprKind::kConst && e.type == oid::kRegClass && !e.null) b.relations.push_back(as_oid(e.value));
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

}  // namespace postern::ddl
