// Stand-alone expressions, one row at a time.
#include <algorithm>

#include "postgres/exec/expr.h"
#include "postgres/types/type_info.h"
#include "postgres/exec/exec.h"

namespace postern::exec {

struct CompiledExpr::Impl {
  Arena code_memory{512}, memory{256};
  Code* code = nullptr;
  bool by_value = true;
  std::vector<int> used;
  std::vector<Vector> columns;
};

namespace {
int highest_column(const sql::Expr* e) {
  int high = e->kind == sql::ExprKind::kTest ? e->attno : e->kind == sql::ExprKind::kColumn ? e->attno - 1 : -1;
  for (const sql::Expr* a : e->args) high = std::max(high, highest_column(a));
  return high;
}
}  // namespace

CompiledExpr::CompiledExpr(const sql::Expr& e, SessionServices* services) : impl_(new Impl) {
  impl_->code = Compiler{nullptr, services, &impl_->code_memory, &impl_->memory}.compile(e);
  const TypeInfo* t = find_type(e.type);
  impl_->by_value = t && t->by_value;
  int n = highest_column(&e) + 1;
  std::vector<uint8_t> used(static_cast<size_t>(n));
  mark_used(&e, 0, used);
  impl_->columns.resize(static_cast<size_t>(n));
  for (int i = 0; i < n; i++)
    if (used[i]) impl_->used.push_back(i);
}
CompiledExpr::~CompiledExpr() = default;

NullableDatum CompiledExpr::eval_row(const Datum* values, const uint8_t* nulls, Arena& arena) {
  Impl& s = *impl_;
  s.memory.reset();
  for (int i : s.used) s.columns[i] = Vector{const_cast<Datum*>(values + i), nulls && nulls[i] ? const_cast<uint8_t*>(nulls + i) : nullptr, 0};
  Vector v = eval(s.code, EvalInput{{s.columns.data(), nullptr}, 1}, Rows{nullptr, 1});
  if (v.null(0)) return {};
  Datum d = v.value(0);
  return {s.by_value ? d : make_bytes(arena, as_view(d)), false};
}

NullableDatum CompiledExpr::eval_const(Arena& arena) { return eval_row(nullptr, nullptr, arena); }

}  // namespace postern::exec
