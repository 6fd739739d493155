// From text to plan, and reuse of plans. A plan is reused while the catalogs have not changed (catalog::version) and after its table locks are taken again.
#include "common/base/cat.h"
#include "common/os/process.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/session/session.h"

namespace postern::session {

namespace {
// Above this cost planning with the parameters' values is worth its time on every execution.
constexpr double kCustomPlanCost = 400;

bool plannable(const ast::Stmt* s) {
  if (!s) return false;
  switch (s->kind) {
    case ast::StmtKind::kSelect: return !ast::to<ast::SelectStmt>(*s).into;
    case ast::StmtKind::kInsert:
    case ast::StmtKind::kUpdate:
    case ast::StmtKind::kDelete: return true;
    default: return false;
  }
}
}  // namespace

FnContext Session::fn_context(Arena& arena) {
  FnContext cx;
  cx.arena = &arena;
  cx.fn_arena = &arena;
  cx.services = this;
  return cx;
}

PreparedRef Session::prepare(std::string_view name, std::string_view text, const sql::ParsedStatement* parsed, std::vector<Oid> param_types, bool deduce) {
  auto p = std::make_shared<Prepared>();
  p->name = name;
  p->text = text;
  p->prepare_time = now_us();
  if (parsed) {
    p->stmt = parsed->stmt;
  } else {
    auto list = sql::parse(p->text, p->arena);
    if (list.size() > 1) throw SqlError{sqlstate::kSyntaxError, "cannot insert multiple commands into a prepared statement"};
    p->stmt = list.empty() ? nullptr : list[0].stmt;
  }
  p->plannable = plannable(p->stmt);
  p->params.types = std::move(param_types);
  p->params.deduce = deduce;
  return p;
}

bool Session::still_valid(const PlanHolder& plan) { return plan.catalog_version == catalog::version(); }

void Session::lock_for(const PlanHolder& plan) {
  for (auto& [oid, mode] : plan.locks) lock::acquire(lock::relation(database_, oid), mode);
}

void Session::check_result(Prepared& p, const sql::PlannedStmt& s) {
  std::vector<std::pair<Oid, int32_t>> now;
  for (size_t i = 0; i < s.column_names.size(); i++) now.emplace_back(s.column_types[i], s.column_typmods[i]);
  if (p.result_known && now != p.result) throw SqlError{sqlstate::kFeatureNotSupported, "cached plan must not change result type"};
  p.result = std::move(now);
  p.result_known = true;
}

PlanRef Session::make_plan(Prepared& p, std::span<const NullableDatum> params) {
  auto holder = std::make_shared<PlanHolder>();
  uint64_t version = catalog::version();
  holder->analyzed = sql::analyze(*p.stmt, p.text, p.params, holder->arena);
  if (p.params.deduce) p.params.deduce = false;
  FnContext cx = fn_context(holder->arena);
  holder->stmt = sql::plan(*holder->analyzed.query, params, p.params.types, cached_.planner, cx, holder->arena);
  holder->catalog_version = version;
  holder->permissions = sql::permissions(*holder->analyzed.query);
  if (p.fixed_result) check_result(p, *holder->stmt);
  const sql::Query* q = holder->analyzed.query;
  Oid target = q->result_rel >= 0 && q->rtable[q->result_rel]->relation ? q->rtable[q->result_rel]->relation->oid : Oid{0};
  for (const RelationRef& r : holder->analyzed.relations) {
    lock::Mode mode = r->oid == target ? lock::Mode::kRowExclusive : !q->row_marks.empty() ? lock::Mode::kRowShare : lock::Mode::kAccessShare;
    holder->locks.emplace_back(r->oid, mode);
  }
  return holder;
}

PlanRef Session::plan_for(Prepared& p, std::span<const NullableDatum> params) { return permitted(choose_plan(p, params)); }

PlanRef Session::permitted(PlanRef plan) {
  if (plan->allowed != user_) {
    sql::check_permissions(plan->permissions, user_);
    plan->allowed = user_;
  }
  return plan;
}

PlanRef Session::choose_plan(Prepared& p, std::span<const NullableDatum> params) {
  if (params.empty() || !cached_.force_custom_plan) {
    for (int attempt = 0; attempt < 3; attempt++) {
      if (!p.generic) {
        p.generic = make_plan(p, {});
        break;
      }
      lock_for(*p.generic);
      catalog::accept_invalidations();
      if (still_valid(*p.generic)) break;
      p.generic.reset();
    }
    if (!p.generic) p.generic = make_plan(p, {});
    bool cheap = p.generic->stmt->root->total_cost < kCustomPlanCost;
    if (params.empty() || cheap || cached_.force_generic_plan || p.stmt->kind == ast::StmtKind::kInsert) {
      p.generic_plans++;
      return p.generic;
    }
  }
  p.custom_plans++;
  return make_plan(p, params);
}

bool Session::returns_rows(Prepared& p) {
  if (!p.stmt) return false;
  switch (p.stmt->kind) {
    case ast::StmtKind::kSelect:
    case ast::StmtKind::kExplain:
    case ast::StmtKind::kShow: return true;
    case ast::StmtKind::kFetch: return !ast::to<ast::FetchStmt>(*p.stmt).move;
    case ast::StmtKind::kExecute: {
      auto it = prepared_.find(std::string(ast::to<ast::ExecuteStmt>(*p.stmt).name));
      return it != prepared_.end() && returns_rows(*it->second);
    }
    default: return p.plannable && p.generic && !p.generic->stmt->column_names.empty();
  }
}

std::vector<ResultColumn> Session::describe_columns(Prepared& p) {
  std::vector<ResultColumn> out;
  if (!p.stmt) return out;
  switch (p.stmt->kind) {
    case ast::StmtKind::kExplain: return {{"QUERY PLAN", explain_type(*p.stmt)}};
    case ast::StmtKind::kShow: {
      const auto& s = ast::to<ast::ShowStmt>(*p.stmt);
      if (s.name == "all") return {{"name", oid::kText}, {"setting", oid::kText}, {"description", oid::kText}};
      const SettingDef* d = find_setting(s.name);
      return {{d ? std::string_view(d->name) : s.name, oid::kText}};
    }
    case ast::StmtKind::kFetch: {
      const auto& f = ast::to<ast::FetchStmt>(*p.stmt);
      auto it = portals_.find(std::string(f.cursor));
      if (f.move || it == portals_.end()) return out;
      return it->second->started || !it->second->columns.empty() ? it->second->columns : describe_columns(*it->second->prepared);
    }
    case ast::StmtKind::kExecute: {
      auto it = prepared_.find(std::string(ast::to<ast::ExecuteStmt>(*p.stmt).name));
      if (it != prepared_.end()) return describe_columns(*it->second);
      return out;
    }
    default: break;
  }
  if (!p.plannable) return out;
  if (!p.generic || !still_valid(*p.generic)) p.generic = make_plan(p, {});
  const sql::PlannedStmt& s = *p.generic->stmt;
  for (size_t i = 0; i < s.column_names.size(); i++) out.push_back({s.column_names[i], s.column_types[i], s.column_typmods[i], s.origin_tables[i], s.origin_attnos[i]});
  return out;
}

}  // namespace postern::session
