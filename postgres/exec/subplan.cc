#include "postgres/exec/subplan.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/expr_internal.h"
#include "postgres/types/array.h"
#include "postgres/types/facts/facts.h"

namespace postern::exec {
using sql::Expr;
using sql::SubKind;
using sql::SubPlan;

SubPlanState& ExecState::subplan(int index) {
  if (subplans.size() <= static_cast<size_t>(index)) subplans.resize(stmt->subplans.size());
  auto& s = subplans[index];
  if (!s) {
    s = std::make_unique<SubPlanState>();
    s->sp = stmt->subplans[index];
  }
  if (!s->node) {
    s->node = make_node(*this, *s->sp->plan);
    s->watched.assign(s->sp->outer_slots.begin(), s->sp->outer_slots.end());
    for (int slot : outside_slots(*stmt, s->sp->plan))
      if (std::find(s->sp->param_slots.begin(), s->sp->param_slots.end(), slot) == s->sp->param_slots.end() &&
          std::find(s->watched.begin(), s->watched.end(), slot) == s->watched.end())
        s->watched.push_back(slot);
  }
  return *s;
}

namespace {

// What one reference to a sub-select has compiled.
struct Site {
  int index = 0;
  Code** params = nullptr;
  Vector* param_values = nullptr;
  int nparams = 0;
  Kernel* kernels = nullptr;      // per column of a comparison
  FnContext* contexts = nullptr;
  bool same_kinds = false;        // tests and columns compare and hash alike
  enum Compare : uint8_t { kNone, kEq, kNe, kLt, kLe, kGt, kGe } compare = kNone;
};

SubPlanState& state_of(Code& c) { return c.state->subplan(static_cast<Site*>(c.extra)->index); }

void set_params(Code& c, Site& s, const SubPlan& sp, uint32_t row) {
  for (int i = 0; i < s.nparams; i++) {
    const Vector& v = s.param_values[i];
    bool null = v.null(row);
    c.state->set_slot(sp.param_slots[i], null ? 0 : v.value(row), null);
  }
}

// Runs once what does not depend on the outer row. True if an earlier result still holds.
bool still_valid(Code& c, SubPlanState& st) {
  uint64_t stamp = c.state->stamp_of(st.watched);
  if (st.cached && st.stamp == stamp) return true;
  st.stamp = stamp;
  st.cached = true;
  if (!st.memory) st.memory = std::make_unique<Arena>(256);
  st.memory->reset();
  st.restart();
  return false;
}

[[noreturn]] void throw_too_many() { throw SqlError{sqlstate::kCardinalityViolation, "more than one row returned by a subquery used as an expression"}; }

// EXISTS, scalar and ARRAY: one value of the sub-select as it is now. By-reference results go to arena.
NullableDatum run_value(Code& c, SubPlanState& st, Arena& arena) {
  const SubPlan& sp = *st.sp;
  switch (c.e->sub_kind) {
    case SubKind::kExists: return {from_bool(st.pull().rows.count != 0), false};
    case SubKind::kScalar: {
      Batch b = st.pull();
      if (!b.rows.count) return {};
      if (b.rows.count > 1) throw_too_many();
      uint32_t r = b.rows.row(0);
      NullableDatum d = b.columns[0].null(r) ? NullableDatum{} : NullableDatum{b.columns[0].value(r), false};
      if (!d.null && !type_info(sp.plan->types[0]).by_value) d.value = make_bytes(arena, as_view(d.value));
      if (st.pull().rows.count) throw_too_many();
      return d;
    }
    default: {
      const TypeInfo& column = type_info(sp.plan->types[0]);
      const TypeInfo* result = find_type(c.e->type);
      bool nested = column.category == 'A' && raw(column.elem) && c.e->type == sp.plan->types[0];
      Arena held(1024);
      std::vector<NullableDatum> items;
      for (;;) {
        Batch b = st.pull();
        if (!b.rows.count) break;
        for_rows(b.rows, [&](uint32_t r) {
          NullableDatum d = b.columns[0].null(r) ? NullableDatum{} : NullableDatum{b.columns[0].value(r), false};
          if (!d.null && !column.by_value) d.value = make_bytes(held, as_view(d.value));
          items.push_back(d);
        });
      }
      Oid elem = nested ? column.elem : result && raw(result->elem) ? result->elem : sp.plan->types[0];
      if (items.empty()) return {empty_array(arena, elem), false};
      if (nested) return {make_array_of_arrays(arena, elem, items), false};
      ArrayBuilder builder(elem);
      for (const NullableDatum& d : items) builder.add(d);
      return {builder.build(arena), false};
    }
  }
}

// Compares the row's tests with the rows of a batch; returns true when the outcome is decided.
bool test_batch(Code& c, Site& s, uint32_t row, const Batch& b, bool any, bool& null_seen) {
  Datum values[kBatchRows];
  uint8_t nulls[kBatchRows];
  int8_t outcome[kBatchRows];   // 1 true, 0 false, -1 NULL
  Rows rows = b.rows;
  for_rows(rows, [&](uint32_t r) { outcome[r] = 1; });
  for (int i = 0; i < c.nargs; i++) {
    Datum x = c.argv[i].null(row) ? 0 : c.argv[i].value(row);
    uint8_t xn = c.argv[i].null(row);
    Vector args[2] = {Vector{&x, xn ? &xn : nullptr, 0}, b.columns[i]};
    Vector out{values, nulls, 1};
    s.kernels[i](s.contexts[i], args, 2, rows, out);
    for_rows(rows, [&](uint32_t r) {
      if (nulls[r]) {
        if (outcome[r] == 1) outcome[r] = -1;
      } else if (!values[r]) {
        outcome[r] = 0;
      }
    });
  }
  bool decided = false;
  for_rows(rows, [&](uint32_t r) {
    if (outcome[r] < 0) null_seen = true;
    else if ((outcome[r] == 1) == any) decided = true;
  });
  return decided;
}

// ALL over several columns is <> ALL, i.e. NOT IN: the analyzer gives it as NOT (… = ANY).
NullableDatum compare_rows(Code& c, Site& s, SubPlanState& st, uint32_t row, bool stored) {
  const bool any = c.e->sub_kind == SubKind::kAny;
  bool null_seen = false;
  if (stored) st.reader.rewind();
  for (;;) {
    Batch b = stored ? st.rows->read(st.reader) : st.pull();
    if (!b.rows.count) break;
    if (test_batch(c, s, row, b, any, null_seen)) return {from_bool(any), false};
  }
  if (null_seen) return {};
  return {from_bool(!any), false};
}

void store_rows(SubPlanState& st, size_t memory) {
  if (!st.rows) st.rows = std::make_unique<ColumnStore>(st.sp->plan->types, memory);
  else st.rows->clear();
  st.reader = {};
  for (;;) {
    Batch b = st.pull();
    if (!b.rows.count) break;
    st.rows->append(b.columns, b.rows);
  }
}

void build_table(Code& c, SubPlanState& st) {
  size_t n = st.sp->plan->types.size();
  std::vector<const TypeInfo*> types;
  for (Oid t : st.sp->plan->types) types.push_back(&type_info(t));
  st.table = std::make_unique<GroupTable>();
  st.table->init(types, 0, c.cx);
  st.table_has_nulls = false;
  st.reader.rewind();
  std::vector<uint64_t> hashes(kBatchRows);
  std::vector<Group*> groups(kBatchRows);
  for (;;) {
    Batch b = st.rows->read(st.reader);
    if (!b.rows.count) break;
    for (size_t i = 0; i < n; i++)
      for_rows(b.rows, [&](uint32_t r) { st.table_has_nulls |= b.columns[i].null(r); });
    st.table->hash(b.columns, b.rows, hashes.data());
    st.table->lookup(b.columns, hashes.data(), b.rows, groups.data(), true);
  }
}

Vector hashed_any(Code& c, Site& s, SubPlanState& st, const EvalInput& in, Rows rows) {
  const bool any = c.e->sub_kind == SubKind::kAny;
  if (!st.rows->rows()) {
    for_rows(rows, [&](uint32_t r) { c.out.values[r] = !any; c.out.nulls[r] = 0; });
    return c.out;
  }
  uint16_t* clean = selections(c, in.n);
  uint32_t n = 0;
  for_rows(rows, [&](uint32_t r) {
    bool null = false;
    for (int i = 0; i < c.nargs; i++) null |= c.argv[i].null(r);
    if (!null) clean[n++] = static_cast<uint16_t>(r);
    else c.out.nulls[r] = 2;
  });
  std::vector<uint64_t> hashes(in.n);
  std::vector<Group*> groups(in.n);
  Rows probe{clean, n};
  st.table->hash(c.argv, probe, hashes.data());
  st.table->lookup(c.argv, hashes.data(), probe, groups.data(), false);
  for_rows(probe, [&](uint32_t r) {
    c.out.values[r] = groups[r] != nullptr;
    c.out.nulls[r] = groups[r] || !st.table_has_nulls ? 0 : c.nargs == 1 ? 1 : 2;
  });
  // NULLs among several columns: look at every row.
  for_rows(rows, [&](uint32_t r) {
    if (c.out.nulls[r] != 2) return;
    if (c.nargs == 1) {
      c.out.values[r] = 0;
      c.out.nulls[r] = 1;
      return;
    }
    NullableDatum d = compare_rows(c, s, st, r, true);
    c.out.values[r] = d.value;
    c.out.nulls[r] = d.null;
  });
  return c.out;
}

NullableDatum compare_one_row(Code& c, Site& s, SubPlanState& st, uint32_t row) {
  Batch b = st.pull();
  if (!b.rows.count) return {};
  if (b.rows.count > 1) throw_too_many();
  uint32_t r = b.rows.row(0);
  if (s.compare == Site::kEq || s.compare == Site::kNe) {
    bool null_seen = false, differs = false;
    for (int i = 0; i < c.nargs; i++) {
      Datum x = c.argv[i].null(row) ? 0 : c.argv[i].value(row), y = b.columns[i].value(r), value;
      uint8_t xn = c.argv[i].null(row), yn = b.columns[i].null(r), null;
      Vector args[2] = {Vector{&x, &xn, 0}, Vector{&y, &yn, 0}};
      Vector out{&value, &null, 1};
      s.kernels[i](s.contexts[i], args, 2, Rows{nullptr, 1}, out);
      if (null) null_seen = true;
      else if ((value != 0) == (s.compare == Site::kNe)) differs = true;
    }
    if (differs) return {from_bool(s.compare == Site::kNe), false};
    if (null_seen) return {};
    return {from_bool(s.compare == Site::kEq), false};
  }
  if (!s.same_kinds) throw_unsupported("comparing a row with a sub-select of other types");
  int order = 0;
  for (int i = 0; i < c.nargs && !order; i++) {
    if (c.argv[i].null(row) || b.columns[i].null(r)) return {};
    order = compare_datums(c.cx, type_info(st.sp->plan->types[i]), c.argv[i].value(row), b.columns[i].value(r));
  }
  bool result = s.compare == Site::kLt ? order < 0 : s.compare == Site::kLe ? order <= 0 : s.compare == Site::kGt ? order > 0 : order >= 0;
  return {from_bool(result), false};
}

Vector constant_result(Code& c, const NullableDatum& d) {
  c.value = d.value;
  c.null_byte = d.null;
  return Vector{&c.value, d.null ? &c.null_byte : nullptr, 0};
}

}  // namespace

void compile_subquery(const Compiler& cp, Code& c) {
  if (!cp.state) throw SqlError{sqlstate::kFeatureNotSupported, "cannot use subquery in this expression"};
  const Expr& e = *c.e;
  auto* s = cp.arena->make<Site>();
  s->index = e.number;
  const SubPlan& sp = *cp.state->stmt->subplans[e.number];
  s->nparams = static_cast<int>(sp.params.size());
  s->params = cp.compile_all(sp.params);
  s->param_values = cp.arena->alloc_array<Vector>(sp.params.size());
  c.args = cp.compile_all(e.args);
  c.nargs = static_cast<int>(e.args.size());
  c.argv = cp.arena->alloc_array<Vector>(e.args.size());
  c.cx = make_context(cp, e.type, e.collation);
  c.extra = s;
  if (!c.nargs) return;
  s->kernels = cp.arena->alloc_array<Kernel>(e.args.size());
  s->contexts = cp.arena->alloc_array<FnContext>(e.args.size());
  s->same_kinds = true;
  for (int i = 0; i < c.nargs; i++) {
    Oid fn = static_cast<size_t>(i) < e.sub_fns.size() ? e.sub_fns[i] : Oid{0};
    const FnEntry* f = find_function(fn);
    if (!f) throw_unsupported(cat("operator function ", raw(fn)));
    s->kernels[i] = f->kernel;
    s->contexts[i] = c.cx;
    Oid* types = cp.arena->alloc_array<Oid>(2);
    types[0] = e.args[i]->type;
    types[1] = sp.plan->types[i];
    s->contexts[i].arg_types = {types, 2};
    s->contexts[i].result_type = oid::kBool;
    const TypeInfo *x = find_type(types[0]), *y = find_type(types[1]);
    bool common = x && y && x->compare_kind == y->compare_kind && (x->compare_kind == CompareKind::kInt64 || x->compare_kind == CompareKind::kBytes || x->oid == y->oid);
    s->same_kinds = s->same_kinds && common;
  }
  std::string_view n = e.name;
  s->compare = n == "=" ? Site::kEq : n == "<>" || n == "!=" ? Site::kNe : n == "<" ? Site::kLt : n == "<=" ? Site::kLe : n == ">" ? Site::kGt : n == ">=" ? Site::kGe : Site::kNone;
}

Vector eval_subquery(Code& c, const EvalInput& in, Rows rows) {
  auto& s = *static_cast<Site*>(c.extra);
  SubPlanState& st = state_of(c);
  const SubPlan& sp = *st.sp;
  const SubKind kind = c.e->sub_kind;
  const bool per_row = s.nparams != 0;
  const bool compares = kind == SubKind::kAny || kind == SubKind::kAll;
  if (!per_row && c.nargs == 0) {
    if (!still_valid(c, st)) st.value = run_value(c, st, *st.memory);
    return constant_result(c, st.value);
  }
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  if (!per_row && compares) {
    if (!still_valid(c, st)) {
      st.table.reset();
      store_rows(st, c.state->settings.work_mem_bytes);
    }
    bool equality = true;
    for (Oid fn : c.e->sub_fns) {
      const facts::ProcFact* p = facts::find_proc(fn);
      equality &= p && p->name().ends_with("eq");
    }
    bool hash = kind == SubKind::kAny && s.same_kinds && equality && (st.rows->rows() > 8 || sp.hashed);
    for (Oid t : sp.plan->types) {
      const TypeInfo& ti = type_info(t);
      hash &= ti.hash != nullptr || ti.compare_kind == CompareKind::kInt64 || ti.compare_kind == CompareKind::kBytes;
    }
    if (hash) {
      if (!st.table) build_table(c, st);
      return hashed_any(c, s, st, in, rows);
    }
    for_rows(rows, [&](uint32_t r) {
      NullableDatum d = compare_rows(c, s, st, r, true);
      c.out.values[r] = d.value;
      c.out.nulls[r] = d.null;
    });
    return c.out;
  }
  for (int i = 0; i < s.nparams; i++) s.param_values[i] = eval(s.params[i], in, rows);
  for_rows(rows, [&](uint32_t r) {
    set_params(c, s, sp, r);
    st.restart();
    NullableDatum d = compares ? compare_rows(c, s, st, r, false) : kind == SubKind::kRowCompare ? compare_one_row(c, s, st, r) : run_value(c, st, *c.cx.arena);
    c.out.values[r] = d.value;
    c.out.nulls[r] = d.null;
  });
  return c.out;
}

}  // namespace postern::exec
