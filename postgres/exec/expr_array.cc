// Array, record and text-conversion expressions.
#include <algorithm>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/expr_internal.h"
#include "postgres/types/array.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/record.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;

namespace {

// x = ANY(array) over a constant array with many elements: the elements as a hash set, made at the first batch.
struct AnySet {
  bool usable = false;        // the operator is equality of a kind that hashes by its bits or bytes
  bool bytes = false;
  bool built = false;
  const Bytes* array = nullptr;
  bool has_null = false;
  uint32_t mask = 0;
  Datum* table = nullptr;
  uint8_t* filled = nullptr;
  uint64_t (*hash)(FnContext&, Datum) = nullptr;
};
constexpr uint32_t kHashedAnyElements = 9;
struct AnyState {
  Vector step;                // result of one element
  uint32_t step_capacity = 0;
  AnySet set;
};

inline uint64_t bits_hash(Datum d) { return (d ^ (d >> 32)) * 0x9E3779B97F4A7C15ULL >> 20; }

bool same(const AnySet& s, Datum a, Datum b) { return s.bytes ? as_view(a) == as_view(b) : a == b; }

void build_set(Code& c, AnySet& s, const Bytes* array) {
  ArrayView a(array);
  uint32_t size = 16;
  while (size < a.count() * 2) size *= 2;
  if (s.mask + 1 < size || !s.table) {
    s.table = c.arena->alloc_array<Datum>(size);
    s.filled = c.arena->alloc_array<uint8_t>(size);
  }
  s.mask = size - 1;
  std::memset(s.filled, 0, size);
  s.has_null = false;
  for (uint32_t i = 0; i < a.count(); i++) {
    if (a.null(i)) { s.has_null = true; continue; }
    Datum d = a.value(i);
    uint32_t at = static_cast<uint32_t>(s.bytes ? s.hash(c.cx, d) : bits_hash(d)) & s.mask;
    while (s.filled[at] && !same(s, s.table[at], d)) at = (at + 1) & s.mask;
    s.table[at] = d;
    s.filled[at] = 1;
  }
  s.array = array;
  s.built = true;
}

Vector probe_set(Code& c, AnySet& s, const Vector& x, const EvalInput& in, Rows rows) {
  prepare_out(c, in.n);
  for_rows(rows, [&](uint32_t r) {
    c.out.nulls[r] = x.null(r);
    if (x.null(r)) return;
    Datum d = x.value(r);
    uint32_t at = static_cast<uint32_t>(s.bytes ? s.hash(c.cx, d) : bits_hash(d)) & s.mask;
    while (s.filled[at] && !same(s, s.table[at], d)) at = (at + 1) & s.mask;
    c.out.values[r] = s.filled[at];
    c.out.nulls[r] = !s.filled[at] && s.has_null;
  });
  return c.out;
}

// The same array for all rows: one pass per element over the rows that are still open.
Vector constant_any(Code& c, const Vector& x, const ArrayView& array, const EvalInput& in, Rows rows) {
  const Datum decisive = c.e->kind == ExprKind::kAnyArray;
  Vector& out = c.out;
  prepare_out(c, in.n);
  auto* state = static_cast<AnyState*>(c.extra);
  reserve(*c.arena, state->step, state->step_capacity, in.n);
  Vector& step = state->step;
  uint16_t* sel = selections(c, in.n);
  for_rows(rows, [&](uint32_t r) { out.values[r] = !decisive; out.nulls[r] = 0; });
  Rows open = rows;
  for (uint32_t i = 0; i < array.count() && open.count; i++) {
    Datum value = array.null(i) ? 0 : array.value(i);
    uint8_t null = array.null(i);
    Vector args[2] = {x, Vector{&value, null ? &null : nullptr, 0}};
    c.kernel(c.cx, args, 2, open, step);
    uint32_t k = 0;
    for_rows(open, [&](uint32_t r) {
      sel[k] = static_cast<uint16_t>(r);
      if (step.nulls[r]) {
        out.nulls[r] = 1;
        k++;
      } else if ((step.values[r] != 0) == (decisive != 0)) {
        out.values[r] = decisive;
        out.nulls[r] = 0;
      } else {
        k++;
      }
    });
    if (k != open.count) open = Rows{sel, k};
  }
  return out;
}

// One row's array.
void row_any(Code& c, const Vector& x, const ArrayView& array, uint32_t row) {
  const Datum decisive = c.e->kind == ExprKind::kAnyArray;
  Datum values[64], results[64];
  uint8_t nulls[64], result_nulls[64];
  Datum xv = x.value(row);
  uint8_t xn = x.null(row);
  bool any_null = false;
  for (uint32_t from = 0; from < array.count(); from += 64) {
    uint32_t n = std::min<uint32_t>(64, array.count() - from);
    for (uint32_t i = 0; i < n; i++) {
      nulls[i] = array.null(from + i);
      values[i] = nulls[i] ? 0 : array.value(from + i);
    }
    Vector args[2] = {Vector{&xv, xn ? &xn : nullptr, 0}, Vector{values, nulls, 1}};
    Vector step{results, result_nulls, 1};
    c.kernel(c.cx, args, 2, Rows{nullptr, n}, step);
    for (uint32_t i = 0; i < n; i++) {
      if (result_nulls[i]) { any_null = true; continue; }
      if ((results[i] != 0) == (decisive != 0)) {
        c.out.values[row] = decisive;
        c.out.nulls[row] = 0;
        return;
      }
    }
  }
  c.out.values[row] = !decisive;
  c.out.nulls[row] = any_null;
}

Vector all_null(Code& c, const EvalInput& in, Rows rows) {
  prepare_out(c, in.n);
  for_rows(rows, [&](uint32_t r) { c.out.values[r] = 0; c.out.nulls[r] = 1; });
  return c.out;
}

}  // namespace

void compile_any_array(const Compiler& cp, Code& c) {
  auto* s = cp.arena->make<AnyState>();
  c.extra = s;
  const facts::ProcFact* p = facts::find_proc(c.e->fn);
  // Element type for the operator's context.
  const TypeInfo* array_type = find_type(c.e->args[1]->type);
  Oid* types = cp.arena->alloc_array<Oid>(2);
  types[0] = c.e->args[0]->type;
  types[1] = array_type ? array_type->elem : Oid{0};
  c.cx.arg_types = {types, 2};
  if (c.e->kind != ExprKind::kAnyArray || !p || !array_type || !p->name().ends_with("eq")) return;
  const TypeInfo* x = find_type(types[0]);
  const TypeInfo* y = find_type(types[1]);
  if (!x || !y || x->compare_kind != y->compare_kind) return;
  bool ints = x->compare_kind == CompareKind::kInt64;
  bool bytes = x->compare_kind == CompareKind::kBytes && x->hash && p->name().find("bpchar") == std::string_view::npos;
  s->set.usable = ints || bytes;
  s->set.bytes = bytes;
  s->set.hash = x->hash;
}

Vector eval_any_array(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  auto* state = static_cast<AnyState*>(c.extra);
  const Vector &x = c.argv[0], &arrays = c.argv[1];
  if (arrays.stride == 0) {
    if (arrays.null(0)) return all_null(c, in, rows);
    const Bytes* b = as_bytes(arrays.values[0]);
    ArrayView array(b);
    AnySet& set = state->set;
    if (set.usable && array.count() >= kHashedAnyElements && (set.built || rows.count >= 4)) {
      bool fixed = c.args[1]->e->kind == ExprKind::kConst || (c.args[1]->e->kind == ExprKind::kParam && c.args[1]->e->number > 0);
      if (!set.built || !fixed || set.array != b) build_set(c, set, b);
      return probe_set(c, set, x, in, rows);
    }
    return constant_any(c, x, array, in, rows);
  }
  prepare_out(c, in.n);
  for_rows(rows, [&](uint32_t r) {
    if (arrays.null(r)) {
      c.out.values[r] = 0;
      c.out.nulls[r] = 1;
    } else {
      row_any(c, x, ArrayView(arrays.value(r)), r);
    }
  });
  return c.out;
}

Vector eval_array(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  const Expr& e = *c.e;
  const TypeInfo* arg_type = e.args.empty() ? nullptr : find_type(e.args[0]->type);
  bool nested = arg_type && arg_type->category == 'A' && e.args[0]->type != e.elem_type && raw(arg_type->elem) != 0;
  std::vector<NullableDatum> items(c.nargs);
  for_rows(rows, [&](uint32_t r) {
    for (int i = 0; i < c.nargs; i++) items[i] = c.argv[i].null(r) ? NullableDatum{} : NullableDatum{c.argv[i].value(r), false};
    if (nested) {
      c.out.values[r] = make_array_of_arrays(*c.cx.arena, e.elem_type, items);
    } else {
      ArrayBuilder b(e.elem_type);
      for (const NullableDatum& d : items) b.add(d);
      c.out.values[r] = b.size() ? b.build(*c.cx.arena) : empty_array(*c.cx.arena, e.elem_type);
    }
    c.out.nulls[r] = 0;
  });
  return Vector{c.out.values, nullptr, 1};
}

// A name is subscripted by byte, from 0; bytes behind its end are zero.
static NullableDatum name_byte(Datum name, int32_t i) {
  constexpr int32_t kNameBytes = 64;
  if (i < 0 || i >= kNameBytes) return {};
  std::string_view s = as_view(name);
  return {static_cast<size_t>(i) < s.size() ? static_cast<uint8_t>(s[static_cast<size_t>(i)]) : Datum{0}, false};
}

Vector eval_subscript(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  const bool of_name = c.e->args[0]->type == oid::kName;
  int32_t subscripts[kMaxDims];
  for_rows(rows, [&](uint32_t r) {
    bool null = c.nargs - 1 > kMaxDims;
    for (int i = 0; i < c.nargs; i++) null |= c.argv[i].null(r);
    NullableDatum d;
    if (!null) {
      for (int i = 1; i < c.nargs; i++) subscripts[i - 1] = as_int4(c.argv[i].value(r));
      d = of_name ? name_byte(c.argv[0].value(r), c.nargs == 2 ? subscripts[0] : -1) : array_get(c.argv[0].value(r), {subscripts, static_cast<size_t>(c.nargs - 1)});
    }
    c.out.values[r] = d.value;
    c.out.nulls[r] = d.null;
  });
  return c.out;
}

Vector eval_slice(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  int dims = (c.nargs - 1) / 2;
  ArraySlice slices[kMaxDims];
  for_rows(rows, [&](uint32_t r) {
    bool null = c.argv[0].null(r) || dims > kMaxDims;
    for (int d = 0; d < dims && !null; d++) {
      for (int side = 0; side < 2; side++) {
        int i = 1 + 2 * d + side;
        std::optional<int32_t>& bound = side ? slices[d].upper : slices[d].lower;
        bound.reset();
        if (!c.argv[i].null(r)) bound = as_int4(c.argv[i].value(r));
        else if (c.args[i]->e->kind != ExprKind::kConst) null = true;
      }
    }
    c.out.nulls[r] = null;
    c.out.values[r] = null ? 0 : array_get_slice(*c.cx.arena, c.argv[0].value(r), {slices, static_cast<size_t>(dims)});
  });
  return c.out;
}

Vector eval_array_assign(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  const int nsubs = c.nargs - 2;
  const Vector &array = c.argv[0], &value = c.argv[c.nargs - 1];
  auto subscript = [&](int i, uint32_t r) -> std::optional<int32_t> {
    const Vector& v = c.argv[1 + i];
    if (!v.null(r)) return as_int4(v.value(r));
    if (c.e->number && c.args[1 + i]->e->kind == ExprKind::kConst) return std::nullopt;   // an omitted bound
    throw SqlError{sqlstate::kNullValueNotAllowed, "array subscript in assignment must not be null"};
  };
  if (nsubs > kMaxDims * (c.e->number ? 2 : 1)) throw SqlError{sqlstate::kProgramLimitExceeded, cat("number of array dimensions (", nsubs, ") exceeds the maximum allowed (", kMaxDims, ")")};
  for_rows(rows, [&](uint32_t r) {
    NullableDatum old = array.null(r) ? NullableDatum{} : NullableDatum{array.value(r), false};
    c.out.nulls[r] = 0;
    if (!c.e->number) {
      int32_t subs[kMaxDims];
      for (int i = 0; i < nsubs; i++) subs[i] = *subscript(i, r);
      NullableDatum element = value.null(r) ? NullableDatum{} : NullableDatum{value.value(r), false};
      c.out.values[r] = array_set(*c.cx.arena, c.e->elem_type, old, {subs, static_cast<size_t>(nsubs)}, element);
      return;
    }
    ArraySlice slices[kMaxDims];
    for (int d = 0; d < nsubs / 2; d++) slices[d] = {subscript(2 * d, r), subscript(2 * d + 1, r)};
    if (value.null(r)) {
      c.out.values[r] = old.value;
      c.out.nulls[r] = old.null;
      return;
    }
    c.out.values[r] = array_set_slice(*c.cx.arena, c.e->elem_type, old, {slices, static_cast<size_t>(nsubs / 2)}, value.value(r));
  });
  return c.out;
}

// Casts without a function: the same Datum, or output and input.
static bool needs_text(Oid from, Oid to) {
  if (from == to) return false;
  const facts::CastFact* cast = facts::find_cast(from, to);
  return !cast || cast->method != 'b';
}

Vector eval_array_coerce(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  if (!c.extra && raw(c.e->fn)) {
    const FnEntry* f = find_function(c.e->fn);
    if (!f) throw_unsupported(cat("array conversion by function ", raw(c.e->fn)));
    c.kernel = f->kernel;
    c.extra = &c;
  }
  const TypeInfo* array_type = find_type(c.e->type);
  Oid elem = array_type ? array_type->elem : c.e->elem_type;
  int nargs = 1;
  if (c.kernel)
    if (const facts::ProcFact* p = facts::find_proc(c.e->fn)) nargs = p->nargs;
  Datum typmod = from_int(c.e->typmod), is_explicit = from_bool(c.e->explicit_cast);
  const TypeInfo* source_type = find_type(c.e->args[0]->type);
  const bool via_text = !c.kernel && source_type && raw(source_type->elem) && needs_text(source_type->elem, elem);
  std::string text;
  FnContext cx = c.cx;
  cx.result_type = elem;
  for_rows(rows, [&](uint32_t r) {
    c.out.nulls[r] = v.null(r);
    c.out.values[r] = 0;
    if (v.null(r)) return;
    ArrayView a(v.value(r));
    std::vector<Datum> values(a.count()), results(a.count());
    std::vector<uint8_t> nulls(a.count()), result_nulls(a.count());
    for (uint32_t i = 0; i < a.count(); i++) {
      nulls[i] = a.null(i);
      values[i] = nulls[i] ? 0 : a.value(i);
    }
    if (c.kernel) {
      for (uint32_t from = 0; from < a.count(); from += kBatchRows) {
        uint32_t n = std::min<uint32_t>(kBatchRows, a.count() - from);
        Vector args[3] = {{values.data() + from, nulls.data() + from, 1}, {&typmod, nullptr, 0}, {&is_explicit, nullptr, 0}};
        Vector out{results.data() + from, result_nulls.data() + from, 1};
        c.kernel(cx, args, nargs, Rows{nullptr, n}, out);
      }
    } else if (via_text) {
      const TypeInfo &from = type_info(source_type->elem), &to = type_info(elem);
      for (uint32_t i = 0; i < a.count(); i++) {
        if ((result_nulls[i] = nulls[i])) continue;
        text.clear();
        from.out(cx, values[i], text);
        results[i] = to.in(cx, text, c.e->typmod);
      }
    } else {
      results.swap(values);
      result_nulls.swap(nulls);
    }
    c.out.values[r] = a.count() ? make_array(*c.cx.arena, elem, results.data(), result_nulls.data(), a.dims(), a.lower_bounds()) : empty_array(*c.cx.arena, elem);
  });
  return c.out;
}

Vector eval_row(Code& c, const EvalInput& in, Rows rows) {
  eval_args(c, in, rows);
  prepare_out(c, in.n);
  std::vector<RecordField> fields(c.nargs);
  for_rows(rows, [&](uint32_t r) {
    for (int i = 0; i < c.nargs; i++) {
      fields[i].type = c.e->args[i]->type;
      fields[i].name = static_cast<size_t>(i) < c.e->names.size() ? c.e->names[static_cast<size_t>(i)] : c.e->args[i]->name;
      fields[i].value = c.argv[i].null(r) ? NullableDatum{} : NullableDatum{c.argv[i].value(r), false};
    }
    c.out.values[r] = make_record(*c.cx.arena, c.e->type, fields);
  });
  return Vector{c.out.values, nullptr, 1};
}

Vector eval_field(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  for_rows(rows, [&](uint32_t r) {
    NullableDatum d;
    if (!v.null(r)) {
      RecordView record(v.value(r));
      uint32_t i = static_cast<uint32_t>(c.e->attno - 1);
      if (c.e->attno < 1 || i >= record.count()) throw SqlError{sqlstate::kDatatypeMismatch, "attribute number exceeds number of columns"};
      d = record.field(i);
    }
    c.out.values[r] = d.value;
    c.out.nulls[r] = d.null;
  });
  return c.out;
}

Vector eval_via_io(Code& c, const EvalInput& in, Rows rows) {
  Vector v = eval(c.args[0], in, rows);
  prepare_out(c, in.n);
  const TypeInfo& from = type_info(c.e->args[0]->type);
  const TypeInfo& to = type_info(c.e->type);
  FnContext from_cx = c.cx;
  from_cx.result_type = from.oid;
  std::string text;
  for_rows(rows, [&](uint32_t r) {
    c.out.nulls[r] = v.null(r);
    c.out.values[r] = 0;
    if (v.null(r)) return;
    text.clear();
    from.out(from_cx, v.value(r), text);
    c.out.values[r] = to.in(c.cx, text, c.e->typmod);
  });
  return c.out;
}

}  // namespace postern::exec
