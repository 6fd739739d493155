// Boolean logic and the conditional expressions: they evaluate their arguments only for the rows that still need them.
#include "common/base/error.h"
#include "postgres/exec/expr_internal.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using sql::ExprKind;

namespace {

// AND (decisive = 0) and OR (decisive = 1): a row is done when an argument has the decisive value.
Vector eval_junction(Code& c, const EvalInput& in, Rows rows, Datum decisive) {
  prepare_out(c, in.n);
  uint16_t* sel = selections(c, in.n);
  for_rows(rows, [&](uint32_t r) { c.out.values[r] = !decisive; c.out.nulls[r] = 0; });
  Rows open = rows;
  for (int i = 0; i < c.nargs && open.count; i++) {
    Vector v = eval(c.args[i], in, open);
    uint32_t k = 0;
    for_rows(open, [&](uint32_t r) {
      sel[k] = static_cast<uint16_t>(r);
      if (v.null(r)) {
        c.out.nulls[r] = 1;
        k++;
      } else if ((v.value(r) != 0) == (decisive != 0)) {
        c.out.values[r] = decisive;
        c.out.nulls[r] = 0;
      } else {
        k++;
      }
    });
    if (k != open.count) open = Rows{sel, k};
  }
  return c.out;
}

}  // namespace

Vector eval_and(Code& c, const EvalInput& in, Rows rows) { return eval_junction(c, in, rows, 0); }
Vector eval_or(Code& c, const EvalInput& in, Rows rows) { return eval_junction(c, in, rows, 1); }

Vector eval_not(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  for_rows(rows, [&](uint32_t r) {
    c.out.values[r] = !v.value(r);
    c.out.nulls[r] = v.null(r);
  });
  return c.out;
}

Vector eval_bool_test(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  auto store = [&](auto test) {
    for_rows(rows, [&](uint32_t r) { c.out.values[r] = test(v.null(r), v.value(r) != 0); });
  };
  switch (c.e->kind) {
    case ExprKind::kIsTrue: store([](bool null, bool b) { return !null && b; }); break;
    case ExprKind::kIsNotTrue: store([](bool null, bool b) { return null || !b; }); break;
    case ExprKind::kIsFalse: store([](bool null, bool b) { return !null && !b; }); break;
    case ExprKind::kIsNotFalse: store([](bool null, bool b) { return null || b; }); break;
    case ExprKind::kIsUnknown: store([](bool null, bool) { return null; }); break;
    default: store([](bool null, bool) { return !null; }); break;
  }
  return Vector{c.out.values, nullptr, 1};
}

Vector eval_case(Code& c, const EvalInput& in, Rows rows) {
  prepare_out(c, in.n);
  uint16_t* rest = selections(c, in.n);
  uint16_t* hits = second_selection(c);
  Rows open = rows;
  int i = 0;
  for (; i + 1 < c.nargs && open.count; i += 2) {
    Vector v = eval(c.args[i], in, open);
    uint32_t nhits = 0, nrest = 0;
    for_rows(open, [&](uint32_t r) {
      if (!v.null(r) && v.value(r)) hits[nhits++] = static_cast<uint16_t>(r);
      else rest[nrest++] = static_cast<uint16_t>(r);
    });
    Rows matched = nhits == open.count ? open : Rows{hits, nhits};
    if (nhits) copy_rows(eval(c.args[i + 1], in, matched), matched, c.out);
    if (nhits) open = Rows{rest, nrest};
  }
  if (open.count) copy_rows(eval(c.args[c.nargs - 1], in, open), open, c.out);
  return c.out;
}

Vector eval_coalesce(Code& c, const EvalInput& in, Rows rows) {
  Vector first = eval(c.args[0], in, rows);
  if (!first.nulls || c.nargs == 1) return first;
  prepare_out(c, in.n);
  uint16_t* rest = selections(c, in.n);
  Rows open = rows;
  for (int i = 0; i < c.nargs && open.count; i++) {
    Vector v = i == 0 ? first : eval(c.args[i], in, open);
    uint32_t nrest = 0;
    for_rows(open, [&](uint32_t r) {
      c.out.nulls[r] = v.null(r);
      c.out.values[r] = v.value(r);
      rest[nrest] = static_cast<uint16_t>(r);
      nrest += c.out.nulls[r] != 0;
    });
    if (nrest != open.count) open = Rows{rest, nrest};
  }
  return c.out;
}

Vector eval_min_max(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  const TypeInfo& type = type_info(c.e->type);
  const int sign = c.e->kind == ExprKind::kGreatest ? 1 : -1;
  for_rows(rows, [&](uint32_t r) {
    bool have = false;
    Datum best = 0;
    for (int i = 0; i < c.nargs; i++) {
      if (c.argv[i].null(r)) continue;
      Datum d = c.argv[i].value(r);
      if (!have || sign * compare_datums(c.cx, type, d, best) > 0) best = d;
      have = true;
    }
    c.out.values[r] = best;
    c.out.nulls[r] = !have;
  });
  return c.out;
}

Vector eval_null_if(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  c.kernel(c.cx, c.argv, 2, rows, c.out);
  const Vector& a = c.argv[0];
  for_rows(rows, [&](uint32_t r) {
    bool equal = !c.out.nulls[r] && c.out.values[r];
    c.out.nulls[r] = equal || a.null(r);
    c.out.values[r] = a.value(r);
  });
  return c.out;
}

Vector eval_distinct(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  uint16_t* both = selections(c, in.n);
  const Vector &a = c.argv[0], &b = c.argv[1];
  const bool negate = c.e->kind == ExprKind::kNotDistinct;
  uint32_t n = 0;
  for_rows(rows, [&](uint32_t r) {
    if (!a.null(r) && !b.null(r)) both[n++] = static_cast<uint16_t>(r);
  });
  Rows compared{both, n};
  c.kernel(c.cx, c.argv, 2, compared, c.out);
  for_rows(compared, [&](uint32_t r) { c.out.values[r] = (c.out.values[r] != 0) == negate; });
  for_rows(rows, [&](uint32_t r) {
    if (a.null(r) || b.null(r)) c.out.values[r] = (a.null(r) != b.null(r)) != negate;
  });
  return Vector{c.out.values, nullptr, 1};
}

}  // namespace postern::exec
