// From sql::Expr to Code, and the evaluators of the simple kinds.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/expr_internal.h"
#include "postgres/exec/state.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/record.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;

uint32_t rounded_capacity(uint32_t n) { return n <= 4 ? 4 : n <= 32 ? 32 : n <= 256 ? 256 : kBatchRows; }

void reserve(Arena& arena, Vector& v, uint32_t& capacity, uint32_t n) {
  if (n <= capacity && v.values) return;
  capacity = rounded_capacity(n);
  v.values = arena.alloc_array<Datum>(capacity);
  v.nulls = arena.alloc_array<uint8_t>(capacity);
  v.stride = 1;
}

void copy_rows(const Vector& from, Rows rows, Vector& to) {
  if (!from.nulls) {
    for_rows(rows, [&](uint32_t r) { to.values[r] = from.value(r); to.nulls[r] = 0; });
  } else {
    for_rows(rows, [&](uint32_t r) { to.values[r] = from.value(r); to.nulls[r] = from.nulls[r * from.stride]; });
  }
}

uint16_t* selections(Code& c, uint32_t n) {
  if (n > c.sel_capacity) {
    c.sel_capacity = rounded_capacity(n);
    c.sel = c.arena->alloc_array<uint16_t>(2 * c.sel_capacity);
  }
  return c.sel;
}

void eval_args(Code& c, const EvalInput& in, Rows rows) {
  for (int i = 0; i < c.nargs; i++) c.argv[i] = c.args[i]->ev(*c.args[i], in, rows);
}

bool fn_is_volatile(Oid fn) {
  const facts::ProcFact* p = facts::find_proc(fn);
  return !p || p->volatility == 'v';
}

namespace {

Vector eval_value(Code& c, const EvalInput&, Rows) { return c.out; }

Vector eval_left(Code& c, const EvalInput& in, Rows) { return in.cols[0][c.value]; }
Vector eval_right(Code& c, const EvalInput& in, Rows) { return in.cols[1][c.value]; }

Vector eval_slot(Code& c, const EvalInput&, Rows) {
  ParamSlot& s = c.state->slots[c.value];
  return Vector{&s.value, s.null ? &s.null : nullptr, 0};
}

Vector eval_func(Code& c, const EvalInput& in, Rows rows) {
  bool constant = true;
  for (int i = 0; i < c.nargs; i++) {
    c.argv[i] = c.args[i]->ev(*c.args[i], in, rows);
    constant &= c.argv[i].stride == 0;
  }
  if (constant && rows.count > 1) {
    if (c.is_volatile < 0) c.is_volatile = fn_is_volatile(c.e->fn);
    if (!c.is_volatile) {
      prepare_out(c, 1);
      c.kernel(c.cx, c.argv, c.nargs, Rows{nullptr, 1}, c.out);
      return Vector{c.out.values, c.out.nulls[0] ? c.out.nulls : nullptr, 0};
    }
  }
  return call_kernel(c, in, rows);
}

Vector eval_is_null(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  const bool want = c.e->kind == ExprKind::kIsNull;
  const TypeInfo& t = type_info(c.e->args[0]->type);
  if (t.oid == oid::kRecord) {   // all fields are (not) NULL
    for_rows(rows, [&](uint32_t r) {
      bool holds = !v.null(r) || want;
      if (!v.null(r)) {
        RecordView record(v.value(r));
        for (uint32_t i = 0; holds && i < record.count(); i++) holds = record.null(i) == want;
      }
      c.out.values[r] = holds;
    });
    return Vector{c.out.values, nullptr, 1};
  }
  for_rows(rows, [&](uint32_t r) { c.out.values[r] = v.null(r) == want; });
  return Vector{c.out.values, nullptr, 1};
}

Vector eval_first_arg(Code& c, const EvalInput& in, Rows rows) { return eval(c.args[0], in, rows); }

void set_kernel(const Compiler& cp, Code& c, Oid fn) {
  const FnEntry* f = find_function(fn);
  if (!f) {
    const facts::ProcFact* p = facts::find_proc(fn);
    throw_unsupported(p ? cat("function ", p->name(), "()") : cat("function with OID ", raw(fn)));
  }
  c.kernel = f->kernel;
  c.cx = make_context(cp, c.e->type, c.e->collation);
  Oid* types = cp.arena->alloc_array<Oid>(c.e->args.size());
  for (size_t i = 0; i < c.e->args.size(); i++) types[i] = c.e->args[i]->type;
  c.cx.arg_types = {types, c.e->args.size()};
}

void set_constant(Code& c, Datum value, bool null) {
  c.value = value;
  c.null_byte = null;
  c.out = Vector{&c.value, null ? &c.null_byte : nullptr, 0};
  c.ev = eval_value;
}

// A function over other codes, made by us.
Code* synthetic_call(const Compiler& cp, uint32_t fn, Oid type, Code* arg) {
  auto* e = cp.arena->make<Expr>();
  e->kind = ExprKind::kFunc;
  e->fn = Oid{fn};
  e->type = type;
  auto* c = cp.arena->make<Code>();
  c->e = e;
  c->state = cp.state;
  c->arena = cp.arena;
  c->ev = eval_func;
  set_kernel(cp, *c, e->fn);
  if (arg) {
    c->args = cp.arena->alloc_array<Code*>(1);
    c->args[0] = arg;
    c->argv = cp.arena->alloc_array<Vector>(1);
    c->nargs = 1;
    Oid* types = cp.arena->alloc_array<Oid>(1);
    types[0] = arg->e->type;
    c->cx.arg_types = {types, 1};
  }
  return c;
}

Code* compile_sql_value(const Compiler& cp, const Expr& e) {
  constexpr uint32_t kNow = 1299, kToDate = 1178, kToTimeTz = 1388, kToTime = 2019, kToTimestamp = 2027;
  auto now = [&] { return synthetic_call(cp, kNow, oid::kTimestampTz, nullptr); };
  auto with_typmod = [&](Code* c, uint32_t scale_fn) {
    if (e.typmod < 0) return c;
    Code* s = synthetic_call(cp, scale_fn, e.type, c);
    auto* typmod = cp.arena->make<Code>();
    typmod->e = s->e;
    set_constant(*typmod, from_int(e.typmod), false);
    s->args = cp.arena->alloc_array<Code*>(2);
    s->args[0] = c;
    s->args[1] = typmod;
    s->argv = cp.arena->alloc_array<Vector>(2);
    s->nargs = 2;
    return s;
  };
  switch (static_cast<sql::SqlValue>(e.number)) {
    case sql::SqlValue::kCurrentDate: return synthetic_call(cp, kToDate, oid::kDate, now());
    case sql::SqlValue::kCurrentTime: return with_typmod(synthetic_call(cp, kToTimeTz, oid::kTimeTz, now()), 1969);
    case sql::SqlValue::kCurrentTimestamp: return with_typmod(now(), 1967);
    case sql::SqlValue::kLocalTime: return with_typmod(synthetic_call(cp, kToTime, oid::kTime, now()), 1968);
    case sql::SqlValue::kLocalTimestamp: return with_typmod(synthetic_call(cp, kToTimestamp, oid::kTimestamp, now()), 1961);
    case sql::SqlValue::kCurrentRole:
    case sql::SqlValue::kCurrentUser:
    case sql::SqlValue::kUser: return synthetic_call(cp, 745, oid::kName, nullptr);
    case sql::SqlValue::kSessionUser: return synthetic_call(cp, 746, oid::kName, nullptr);
    case sql::SqlValue::kCurrentCatalog: return synthetic_call(cp, 861, oid::kName, nullptr);
    case sql::SqlValue::kCurrentSchema: return synthetic_call(cp, 1402, oid::kName, nullptr);
  }
  throw_internal("unknown SQL value function");
}

void compile_param(const Compiler& cp, Code& c, const Expr& e) {
  if (e.number < 0) {
    if (!cp.state) throw_internal("exec parameter outside of an execution");
    c.value = static_cast<Datum>(-e.number - 1);
    c.ev = eval_slot;
    return;
  }
  if (!cp.state || e.number < 1 || static_cast<size_t>(e.number) > cp.state->params.size())
    throw SqlError{sqlstate::kUndefinedParameter, cat("there is no parameter $", e.number)}.at(e.position);
  const NullableDatum& p = cp.state->params[e.number - 1];
  set_constant(c, p.value, p.null);
}

EvalFn evaluator(ExprKind kind) {
  switch (kind) {
    case ExprKind::kAnd: return eval_and;
    case ExprKind::kOr: return eval_or;
    case ExprKind::kNot: return eval_not;
    case ExprKind::kIsNull:
    case ExprKind::kIsNotNull: return eval_is_null;
    case ExprKind::kIsTrue: case ExprKind::kIsNotTrue: case ExprKind::kIsFalse: case ExprKind::kIsNotFalse: case ExprKind::kIsUnknown:
    case ExprKind::kIsNotUnknown: return eval_bool_test;
    case ExprKind::kDistinct:
    case ExprKind::kNotDistinct: return eval_distinct;
    case ExprKind::kNullIf: return eval_null_if;
    case ExprKind::kCase: return eval_case;
    case ExprKind::kCoalesce: return eval_coalesce;
    case ExprKind::kGreatest:
    case ExprKind::kLeast: return eval_min_max;
    case ExprKind::kAnyArray:
    case ExprKind::kAllArray: return eval_any_array;
    case ExprKind::kArray: return eval_array;
    case ExprKind::kSubscript: return eval_subscript;
    case ExprKind::kSlice: return eval_slice;
    case ExprKind::kArrayAssign: return eval_array_assign;
    case ExprKind::kRow: return eval_row;
    case ExprKind::kField: return eval_field;
    case ExprKind::kRelabel: return eval_first_arg;
    case ExprKind::kViaIo: return eval_via_io;
    case ExprKind::kArrayCoerce: return eval_array_coerce;
    default: return nullptr;
  }
}

}  // namespace

Vector call_kernel(Code& c, const EvalInput& in, Rows rows) {
  prepare_out(c, in.n);
  c.kernel(c.cx, c.argv, c.nargs, rows, c.out);
  Vector v = c.out;
  trim_nulls(v, rows);
  return v;
}

FnContext make_context(const Compiler& cp, Oid result_type, Oid collation) {
  FnContext cx;
  cx.arena = cp.batch_arena;
  cx.services = cp.services;
  cx.collation = collation;
  cx.result_type = result_type;
  cx.fn_arena = cp.arena;
  return cx;
}

Code** Compiler::compile_all(std::span<Expr* const> list) const {
  Code** out = arena->alloc_array<Code*>(list.size());
  for (size_t i = 0; i < list.size(); i++) out[i] = compile(*list[i]);
  return out;
}

Code* Compiler::compile(const Expr& e) const {
  auto* c = arena->make<Code>();
  c->e = &e;
  c->state = state;
  c->arena = arena;
  switch (e.kind) {
    case ExprKind::kConst: set_constant(*c, e.value, e.null); return c;
    case ExprKind::kParam: compile_param(*this, *c, e); return c;
    case ExprKind::kTest:
      c->value = static_cast<Datum>(e.attno);
      c->ev = e.rel ? eval_right : eval_left;
      return c;
    case ExprKind::kColumn:
      if (e.attno <= 0 || e.rel != 0 || e.levels_up != 0) throw_internal("unplanned column reference");
      c->value = static_cast<Datum>(e.attno - 1);
      c->ev = eval_left;
      return c;
    case ExprKind::kValue: return compile_sql_value(*this, e);
    default: break;
  }
  if (e.kind == ExprKind::kSubquery) {
    compile_subquery(*this, *c);
    c->ev = eval_subquery;
    return c;
  }
  if (e.kind == ExprKind::kNextval) {
    constexpr uint32_t kNextvalFn = 1574;
    auto* arg = arena->make<Code>();
    arg->e = &e;
    set_constant(*arg, from_oid(Oid{static_cast<uint32_t>(e.number)}), false);
    Code* call = synthetic_call(*this, kNextvalFn, oid::kInt8, arg);
    call->is_volatile = 1;
    return call;
  }
  c->args = compile_all(e.args);
  c->nargs = static_cast<int>(e.args.size());
  c->argv = arena->alloc_array<Vector>(e.args.size());
  if (e.kind == ExprKind::kFunc) {
    set_kernel(*this, *c, e.fn);
    c->ev = eval_func;
    return c;
  }
  c->ev = evaluator(e.kind);
  if (!c->ev) {
    if (e.kind == ExprKind::kSetFunc) throw SqlError{sqlstate::kFeatureNotSupported, "set-valued function called in context that cannot accept a set"}.at(e.position);
    throw_internal(cat("expression kind ", static_cast<int>(e.kind), " cannot be executed"));
  }
  bool calls = e.kind == ExprKind::kDistinct || e.kind == ExprKind::kNotDistinct || e.kind == ExprKind::kNullIf || e.kind == ExprKind::kAnyArray ||
               e.kind == ExprKind::kAllArray;
  if (calls) set_kernel(*this, *c, e.fn);
  else c->cx = make_context(*this, e.type, e.collation);
  if (e.kind == ExprKind::kAnyArray || e.kind == ExprKind::kAllArray) compile_any_array(*this, *c);
  return c;
}

NullableDatum eval_scalar(Code* c) {
  Vector v = eval(c, EvalInput{}, Rows{nullptr, 1});
  return v.null(0) ? NullableDatum{} : NullableDatum{v.value(0), false};
}

uint32_t select_true(const Vector& v, Rows rows, uint16_t* out) {
  uint32_t k = 0;
  if (v.stride == 0) {
    if (v.null(0) || !v.values[0]) return 0;
    for_rows(rows, [&](uint32_t r) { out[k++] = static_cast<uint16_t>(r); });
  } else if (!v.nulls) {
    for_rows(rows, [&](uint32_t r) { out[k] = static_cast<uint16_t>(r); k += v.values[r] != 0; });
  } else {
    for_rows(rows, [&](uint32_t r) { out[k] = static_cast<uint16_t>(r); k += (v.values[r] != 0) & (v.nulls[r] == 0); });
  }
  return k;
}

namespace {
void flatten(const Expr* e, std::vector<const Expr*>& out) {
  if (e->kind == ExprKind::kAnd) {
    for (const Expr* a : e->args) flatten(a, out);
  } else {
    out.push_back(e);
  }
}
}  // namespace

void Predicate::compile(const Compiler& cp, const Expr* e) {
  arena_ = cp.arena;
  if (!e) return;
  if (e->kind != ExprKind::kAnd) {
    conds_ = cp.arena->alloc_array<Code*>(1);
    conds_[0] = cp.compile(*e);
    n_ = 1;
    return;
  }
  std::vector<const Expr*> parts;
  flatten(e, parts);
  conds_ = cp.arena->alloc_array<Code*>(parts.size());
  n_ = static_cast<int>(parts.size());
  for (int i = 0; i < n_; i++) conds_[i] = cp.compile(*parts[i]);
}

Rows Predicate::apply(const EvalInput& in, Rows rows) {
  for (int i = 0; i < n_ && rows.count; i++) {
    Vector v = eval(conds_[i], in, rows);
    if (v.stride == 0) {
      if (v.null(0) || !v.values[0]) return Rows{nullptr, 0};
      continue;
    }
    if (in.n > capacity_) {
      capacity_ = rounded_capacity(in.n);
      auto* bigger = arena_->alloc_array<uint16_t>(capacity_);
      sel_ = bigger;
    }
    uint32_t k = select_true(v, rows, sel_);
    if (k != rows.count) rows = Rows{sel_, k};
  }
  return rows;
}

void mark_used(const Expr* e, int rel, std::span<uint8_t> used, const sql::PlannedStmt* stmt) {
  if (!e) return;
  if ((e->kind == ExprKind::kTest || e->kind == ExprKind::kColumn) && e->rel == rel) {
    int col = e->kind == ExprKind::kTest ? e->attno : e->attno - 1;
    if (col >= 0 && static_cast<size_t>(col) < used.size()) used[col] = 1;
  }
  for (const Expr* a : e->args) mark_used(a, rel, used, stmt);
  if (e->kind == ExprKind::kSubquery && stmt)
    for (const Expr* p : stmt->subplans[e->number]->params) mark_used(p, rel, used, stmt);
}

}  // namespace postern::exec
