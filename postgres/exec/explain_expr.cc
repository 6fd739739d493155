#include "postgres/exec/explain_expr.h"

#include <algorithm>

#include "common/base/cat.h"
#include "postgres/catalog/catalog.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;
using sql::Plan;
using sql::PlanKind;

namespace {

bool is_scan(const Plan& p) {
  switch (p.kind) {
    case PlanKind::kSeqScan: case PlanKind::kIndexScan: case PlanKind::kIndexOnlyScan: case PlanKind::kTidScan: case PlanKind::kBitmapHeapScan: case PlanKind::kFunctionScan: case PlanKind::kValuesScan:
    case PlanKind::kCteScan: case PlanKind::kWorkTableScan: return true;
    default: return false;
  }
}
std::string quoted_name(std::string_view s) {
  bool plain = !s.empty() && (s[0] == '_' || (s[0] >= 'a' && s[0] <= 'z'));
  for (char ch : s) plain = plain && (ch == '_' || ch == '$' || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'));
  if (plain) return std::string(s);
  std::string out = "\"";
  for (char ch : s) {
    if (ch == '"') out += '"';
    out += ch;
  }
  return out + "\"";
}
std::string type_name(Oid type, int32_t typmod = -1) { return catalog::format_type(type, typmod); }
bool is_operand(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kConst: case ExprKind::kParam: case ExprKind::kTest: case ExprKind::kColumn: case ExprKind::kSubscript: return true;
    default: return false;
  }
}

}  // namespace

void collect_subplans(const Expr* e, std::vector<int>& out) {
  if (!e) return;
  if (e->kind == ExprKind::kSubquery && std::find(out.begin(), out.end(), e->number) == out.end()) out.push_back(e->number);
  for (const Expr* a : e->args) collect_subplans(a, out);
}

ExprPrinter::Input ExprPrinter::output_input(const Plan& p) {
  if (is_scan(p)) return Input::kScan;
  if (p.kind == PlanKind::kHashAgg || p.kind == PlanKind::kSortAgg || p.kind == PlanKind::kDistinctHash) return Input::kGroups;
  if (p.kind == PlanKind::kWindowAgg) return Input::kWindow;
  return Input::kChildren;
}

std::string ExprPrinter::scan_column(const Plan& plan, int i) {
  std::string_view name;
  if (plan.relation && static_cast<size_t>(i) < plan.columns.size()) {
    int16_t attno = plan.columns[i];
    static constexpr std::string_view kSystem[] = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
    if (attno > 0) name = plan.relation->attrs[attno - 1].name;
    else if (attno < 0 && attno >= -6) name = kSystem[-attno - 1];
  } else if (static_cast<size_t>(i) < plan.names.size()) {
    name = plan.names[i];
  }
  std::string column = name.empty() ? cat("column", i + 1) : quoted_name(name);
  std::string_view alias = !plan.alias.empty() ? plan.alias : plan.relation ? std::string_view(plan.relation->name) : std::string_view{};
  if (plan.kind == PlanKind::kValuesScan && alias.empty()) alias = "*VALUES*";
  return qualify_ && !alias.empty() ? cat(quoted_name(alias), ".", column) : column;
}

std::string ExprPrinter::column(const Plan& plan, int i) {
  if (!plan.targets.empty()) {
    if (static_cast<size_t>(i) >= plan.targets.size()) return cat("column", i + 1);
    return print(*plan.targets[i], plan, output_input(plan));
  }
  Expr e{};
  e.kind = ExprKind::kTest;
  e.attno = static_cast<int16_t>(i);
  if (output_input(plan) == Input::kChildren && plan.right && plan.left && static_cast<size_t>(i) >= plan.left->types.size()) {
    e.rel = 1;
    e.attno = static_cast<int16_t>(i - static_cast<int>(plan.left->types.size()));
  }
  if (plan.kind == PlanKind::kAppend || plan.kind == PlanKind::kSetOp || plan.kind == PlanKind::kRecursiveUnion) {
    const Plan* first = plan.children.empty() ? plan.left : plan.children[0];
    return first ? column(*first, i) : cat("column", i + 1);
  }
  return test(e, plan, output_input(plan));
}

std::string ExprPrinter::test(const Expr& e, const Plan& plan, Input input) {
  switch (input) {
    case Input::kScan: return scan_column(plan, e.attno);
    case Input::kGroups: {
      size_t keys = plan.kind == PlanKind::kDistinctHash && plan.group_keys.empty() ? plan.types.size() : plan.group_keys.size();
      size_t i = static_cast<size_t>(e.attno);
      if (i < keys) return plan.group_keys.empty() ? column(*plan.left, e.attno) : print(*plan.group_keys[i], plan, Input::kChildren);
      return i - keys < plan.aggs.size() ? aggregate(plan.aggs[i - keys], plan) : cat("column", i + 1);
    }
    case Input::kTable:
      if (e.rel == 0 && plan.relation && e.attno < plan.relation->natts()) return quoted_name(plan.relation->attrs[e.attno].name);
      return plan.left ? column(*plan.left, e.attno) : "?";
    case Input::kWindow:
      if (plan.left && static_cast<size_t>(e.attno) < plan.left->types.size()) return column(*plan.left, e.attno);
      return "(window function)";
    case Input::kChildren: break;
  }
  const Plan* child = e.rel ? plan.right : plan.left;
  if (!child && !plan.children.empty()) child = plan.children[0];
  return child ? column(*child, e.attno) : cat("column", e.attno + 1);
}

std::string ExprPrinter::list(std::span<Expr* const> v, const Plan& plan, Input input, std::string_view between) {
  std::string out;
  for (size_t i = 0; i < v.size(); i++) {
    if (i) out += between;
    out += print(*v[i], plan, input);
  }
  return out;
}

std::string ExprPrinter::constant(const Expr& e) {
  if (e.null) return cat("NULL::", type_name(e.type, e.typmod));
  const TypeInfo* t = find_type(e.type);
  if (!t) return "?";
  Arena memory;
  FnContext cx;
  cx.arena = &memory;
  cx.result_type = e.type;
  std::string text;
  if (e.type == oid::kBool) return e.value ? "true" : "false";
  t->out(cx, e.value, text);
  bool number = e.type == oid::kInt4 || e.type == oid::kNumeric;
  if (number && !text.empty() && (text[0] == '-' ? false : text.find_first_not_of("0123456789.") == std::string::npos)) return text;
  std::string out = "'";
  for (char ch : text) {
    if (ch == '\'') out += '\'';
    out += ch;
  }
  return cat(out, "'::", type_name(e.type, e.typmod));
}

std::string ExprPrinter::call(const Expr& e, const Plan& plan, Input input) {
  if (raw(e.oper)) {
    const facts::OperFact* op = facts::find_oper(e.oper);
    std::string_view name = op ? op->name() : e.name;
    if (e.args.size() == 1) return cat("(", name, " ", print(*e.args[0], plan, input), ")");
    if (e.args.size() == 2) return cat("(", print(*e.args[0], plan, input), " ", name, " ", print(*e.args[1], plan, input), ")");
  }
  if (!e.args.empty()) {
    const facts::CastFact* c = facts::find_cast(e.args[0]->type, e.type);
    if (e.explicit_cast || (c && c->func == raw(e.fn))) return cat(is_operand(*e.args[0]) ? cat("(", print(*e.args[0], plan, input), ")") : print(*e.args[0], plan, input), "::", type_name(e.type, e.typmod));
  }
  const facts::ProcFact* p = facts::find_proc(e.fn);
  std::string name = p ? std::string(p->name()) : !e.name.empty() ? std::string(e.name) : cat("function ", raw(e.fn));
  return cat(name, "(", list(e.args, plan, input, ", "), ")");
}

std::string ExprPrinter::subquery(const Expr& e, const Plan& plan, Input input) {
  const sql::SubPlan* sp = static_cast<size_t>(e.number) < stmt_.subplans.size() ? stmt_.subplans[e.number] : nullptr;
  bool init = sp && sp->param_slots.empty() && e.args.empty();
  if (init) return cat("$", e.number);
  return cat(sp && sp->hashed ? "(hashed SubPlan " : "(SubPlan ", e.number + 1, ")");
}

std::string ExprPrinter::print(const Expr& e, const Plan& plan, Input input) {
  auto arg = [&](size_t i) { return print(*e.args[i], plan, input); };
  switch (e.kind) {
    case ExprKind::kConst: return constant(e);
    case ExprKind::kParam:
      if (e.number > 0) return cat("$", e.number);
      for (auto it = slots.rbegin(); it != slots.rend(); ++it)
        if (it->slot == -e.number - 1) return print(*it->e, *it->plan, it->input);
      return cat("$", -e.number - 1);
    case ExprKind::kTest: return test(e, plan, input);
    case ExprKind::kColumn: return plan.relation && e.attno > 0 && e.attno <= plan.relation->natts() ? quoted_name(plan.relation->attrs[e.attno - 1].name) : cat("column", e.attno);
    case ExprKind::kFunc:
    case ExprKind::kSetFunc: return call(e, plan, input);
    case ExprKind::kAnd: return cat("(", list(e.args, plan, input, " AND "), ")");
    case ExprKind::kOr: return cat("(", list(e.args, plan, input, " OR "), ")");
    case ExprKind::kNot: return cat("(NOT ", arg(0), ")");
    case ExprKind::kIsNull: return cat("(", arg(0), " IS NULL)");
    case ExprKind::kIsNotNull: return cat("(", arg(0), " IS NOT NULL)");
    case ExprKind::kIsTrue: return cat("(", arg(0), " IS TRUE)");
    case ExprKind::kIsNotTrue: return cat("(", arg(0), " IS NOT TRUE)");
    case ExprKind::kIsFalse: return cat("(", arg(0), " IS FALSE)");
    case ExprKind::kIsNotFalse: return cat("(", arg(0), " IS NOT FALSE)");
    case ExprKind::kIsUnknown: return cat("(", arg(0), " IS UNKNOWN)");
    case ExprKind::kIsNotUnknown: return cat("(", arg(0), " IS NOT UNKNOWN)");
    case ExprKind::kDistinct: return cat("(", arg(0), " IS DISTINCT FROM ", arg(1), ")");
    case ExprKind::kNotDistinct: return cat("(", arg(0), " IS NOT DISTINCT FROM ", arg(1), ")");
    case ExprKind::kNullIf: return cat("NULLIF(", arg(0), ", ", arg(1), ")");
    case ExprKind::kCase: {
      std::string out = "CASE";
      size_t i = 0;
      for (; i + 1 < e.args.size(); i += 2) append(out, " WHEN ", arg(i), " THEN ", arg(i + 1));
      if (i < e.args.size()) append(out, " ELSE ", arg(i));
      return out + " END";
    }
    case ExprKind::kCoalesce: return cat("COALESCE(", list(e.args, plan, input, ", "), ")");
    case ExprKind::kGreatest: return cat("GREATEST(", list(e.args, plan, input, ", "), ")");
    case ExprKind::kLeast: return cat("LEAST(", list(e.args, plan, input, ", "), ")");
    case ExprKind::kAnyArray:
    case ExprKind::kAllArray: {
      const facts::OperFact* op = facts::find_oper(e.oper);
      return cat("(", arg(0), " ", op ? op->name() : std::string_view("="), e.kind == ExprKind::kAnyArray ? " ANY (" : " ALL (", arg(1), "))");
    }
    case ExprKind::kArray: return cat("ARRAY[", list(e.args, plan, input, ", "), "]");
    case ExprKind::kSubscript: {
      std::string out = arg(0);
      for (size_t i = 1; i < e.args.size(); i++) append(out, "[", arg(i), "]");
      return out;
    }
    case ExprKind::kSlice: {
      std::string out = arg(0);
      for (size_t i = 1; i + 1 < e.args.size(); i += 2) append(out, "[", e.args[i]->null ? "" : arg(i), ":", e.args[i + 1]->null ? "" : arg(i + 1), "]");
      return out;
    }
    case ExprKind::kRow: return cat("ROW(", list(e.args, plan, input, ", "), ")");
    case ExprKind::kField: return cat("(", arg(0), ").f", e.attno);
    case ExprKind::kRelabel:
    case ExprKind::kViaIo:
    case ExprKind::kArrayCoerce: return cat(is_operand(*e.args[0]) ? cat("(", arg(0), ")") : arg(0), "::", type_name(e.type, e.typmod));
    case ExprKind::kSubquery: return subquery(e, plan, input);
    case ExprKind::kValue: {
      static constexpr std::string_view kNames[] = {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROLE", "CURRENT_USER", "USER",
                                                    "SESSION_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA"};
      return std::string(kNames[e.number]);
    }
    case ExprKind::kNextval: return cat("nextval(", e.number, ")");
    default: return "?";
  }
}

std::string ExprPrinter::aggregate(const sql::AggCall& a, const Plan& plan) {
  const facts::ProcFact* p = facts::find_proc(a.fn);
  std::string out = cat(p ? p->name() : std::string_view("aggregate"), "(", a.distinct ? "DISTINCT " : "");
  out += a.args.empty() ? std::string("*") : list(a.args, plan, Input::kChildren, ", ");
  for (size_t i = 0; i < a.order.size(); i++) append(out, i ? ", " : " ORDER BY ", sort_key(a.order[i], plan));
  out += ")";
  if (a.filter) append(out, " FILTER (WHERE ", print(*a.filter, plan, Input::kChildren), ")");
  return out;
}

std::string ExprPrinter::sort_key(const sql::SortKey& k, const Plan& plan) {
  std::string out = print(*k.expr, plan, Input::kChildren);
  if (k.desc) out += " DESC";
  if (k.nulls_first != k.desc) out += k.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  return out;
}

std::string ExprPrinter::index_cond(const sql::IndexCond& c, const Plan& plan) {
  const IndexDesc::Key& key = plan.index->keys[c.column];
  std::string column;
  if (key.attno > 0 && plan.relation) {
    column = quoted_name(plan.relation->attrs[key.attno - 1].name);
  } else {
    std::string_view texts = plan.index->expressions;
    for (int16_t k = 0; k < c.column; k++)
      if (plan.index->keys[k].attno <= 0) texts.remove_prefix(std::min(texts.find('\x01'), texts.size() - 1) + 1);
    column = texts.substr(0, texts.find('\x01'));
  }
  if (c.null_test) return cat("(", column, c.null_test == 1 ? " IS NULL)" : " IS NOT NULL)");
  static constexpr std::string_view kOps[] = {"?", "<", "<=", "=", ">=", ">"};
  std::string value = c.value ? print(*c.value, plan, Input::kScan) : "?";
  std::string_view op = kOps[static_cast<int>(c.strategy)];
  return c.any_array ? cat("(", column, " ", op, " ANY (", value, "))") : cat("(", column, " ", op, " ", value, ")");
}

}  // namespace postern::exec
