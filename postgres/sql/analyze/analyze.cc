#include "postgres/sql/analyze/analyze.h"

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {
namespace {

SessionServices* g_services = nullptr;

Clause clause_of(ExpressionUse use) {
  switch (use) {
    case ExpressionUse::kDefault: return Clause::kDefault;
    case ExpressionUse::kCheck: return Clause::kCheck;
    case ExpressionUse::kIndex: return Clause::kIndexExpr;
    case ExpressionUse::kIndexPredicate: return Clause::kIndexPredicate;
    case ExpressionUse::kExecute: return Clause::kExecute;
    case ExpressionUse::kOther: break;
  }
  return Clause::kOther;
}

}  // namespace

void set_session_services(SessionServices* services) { g_services = services; }
SessionServices* session_services() { return g_services; }

AnalyzedStmt analyze(const ast::Stmt& stmt, std::string_view query_text, ParamTypes& params, Arena& arena) {
  AnalyzedStmt out;
  Analyzer a(query_text, params, out, arena);
  out.query = a.statement(nullptr, stmt);
  if (params.deduce)
    for (size_t i = 0; i < params.types.size(); i++)
      if (params.types[i] == kInvalidOid || params.types[i] == oid::kUnknown)
        throw SqlError{sqlstate::kIndeterminateDatatype, cat("could not determine data type of parameter $", i + 1)};
  return out;
}

Expr* Analyzer::standalone(const ast::Expr& e, const RelationDesc* relation, Oid type, int32_t typmod, Clause clause) {
  State st;
  if (relation) {
    RangeEntry* rte = relation_entry(RelationRef(RelationRef{}, relation), {}, {}, true);
    add_rte(st, rte);
    st.ns.push(a_, item_of(st, rte, 0));
  }
  Expr* x = expr(st, &e, clause);
  if (type != kInvalidOid) {
    Expr* r = coerce_to_target(x, type, typmod, Coercion::kAssignment, false, 0);
    if (!r)
      throw SqlError{sqlstate::kDatatypeMismatch, cat("expression is of type ", type_name(x->type), " but type ", type_name(type), " is expected"), "", "You will need to rewrite or cast the expression.", x->position};
    x = r;
  } else {
    resolve_unknown(x);
  }
  return x;
}

Expr* analyze_expression(const ast::Expr& e, const RelationDesc* relation, Oid target_type, int32_t target_typmod, Arena& arena, ExpressionUse use) {
  AnalyzedStmt out;
  ParamTypes params;
  Analyzer a({}, params, out, arena);
  return a.standalone(e, relation, target_type, target_typmod, clause_of(use));
}

Expr* analyze_expression(std::string_view sql_text, const RelationDesc* relation, Oid target_type, int32_t target_typmod, Arena& arena) {
  auto parsed = parse(cat("SELECT ", sql_text), arena);
  auto* sel = parsed.size() == 1 ? ast::as<ast::SelectStmt>(parsed[0].stmt) : nullptr;
  if (!sel || sel->targets.size() != 1 || !sel->from.empty()) throw SqlError{sqlstate::kSyntaxError, cat("\"", sql_text, "\" is not an expression")};
  return analyze_expression(*sel->targets[0]->expr, relation, target_type, target_typmod, arena, ExpressionUse::kOther);
}

Oid resolve_type(const ast::TypeName& type, int32_t* typmod) {
  Arena arena;
  AnalyzedStmt out;
  ParamTypes params;
  Analyzer a({}, params, out, arena);
  return a.resolve_type(type, typmod);
}

}  // namespace postern::sql
