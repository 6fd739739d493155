// SQL functions and operators over arrays. Array aggregates are with the other aggregates.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"

namespace postern {
namespace {
using sv = std::string_view;

bool array_eq(FnContext& cx, Datum a, Datum b) { return array_equal(cx, a, b); }
bool array_ne(FnContext& cx, Datum a, Datum b) { return !array_equal(cx, a, b); }
bool array_lt(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) < 0; }
bool array_le(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) <= 0; }
bool array_gt(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) > 0; }
bool array_ge(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) >= 0; }
int32_t array_cmp(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b); }
Datum array_larger(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) > 0 ? a : b; }
Datum array_smaller(FnContext& cx, Datum a, Datum b) { return array_compare(cx, a, b) < 0 ? a : b; }
int32_t hash_array(FnContext& cx, Datum a) { return static_cast<int32_t>(array_hash(cx, a)); }

std::optional<sv> array_dims(FnContext& cx, Datum d) {
  ArrayView v(d);
  if (v.ndim() == 0) return std::nullopt;
  std::string out;
  for (int i = 0; i < v.ndim(); i++) append(out, '[', v.lower_bounds()[i], ':', v.lower_bounds()[i] + v.dims()[i] - 1, ']');
  return cx.arena->copy(sv(out));
}
std::optional<int32_t> array_ndims(Datum d) {
  int n = ArrayView(d).ndim();
  return n ? std::optional<int32_t>(n) : std::nullopt;
}
std::optional<int32_t> array_lower(Datum d, int32_t dim) {
  ArrayView v(d);
  if (dim < 1 || dim > v.ndim()) return std::nullopt;
  return v.lower_bounds()[dim - 1];
}
std::optional<int32_t> array_upper(Datum d, int32_t dim) {
  ArrayView v(d);
  if (dim < 1 || dim > v.ndim()) return std::nullopt;
  return v.lower_bounds()[dim - 1] + v.dims()[dim - 1] - 1;
}
std::optional<int32_t> array_length(Datum d, int32_t dim) {
  ArrayView v(d);
  if (dim < 1 || dim > v.ndim()) return std::nullopt;
  return v.dims()[dim - 1];
}
int32_t cardinality(Datum d) { return static_cast<int32_t>(ArrayView(d).count()); }

// The element type of a call: of the array if there is one, else of the element argument.
Oid element_type(FnContext& cx, NullableDatum array, size_t array_arg) {
  if (!array.null) return ArrayView(array.value).elem_type();
  if (cx.arg_types.size() > array_arg)
    if (const TypeInfo* t = find_type(cx.arg_types[array_arg]); t && raw(t->elem)) return t->elem;
  if (const TypeInfo* t = find_type(cx.result_type); t && raw(t->elem)) return t->elem;
  throw SqlError{sqlstate::kIndeterminateDatatype, "could not determine input data types"};
}

NullableDatum add_element(FnContext& cx, NullableDatum array, NullableDatum element, bool at_end, size_t array_arg) {
  Oid type = element_type(cx, array, array_arg);
  ArrayBuilder b(type);
  int32_t lb = 1;
  if (!at_end) b.add(element);
  if (!array.null) {
    ArrayView v(array.value);
    if (v.ndim() > 1) throw SqlError{sqlstate::kDataException, "argument must be empty or one-dimensional array"};
    if (v.ndim() == 1) lb = v.lower_bounds()[0];
    for (uint32_t i = 0; i < v.count(); i++) b.add(v.at(i));
  }
  if (at_end) b.add(element);
  return {b.build(*cx.arena, lb), false};
}
NullableDatum array_append(FnContext& cx, NullableDatum array, NullableDatum element) { return add_element(cx, array, element, true, 0); }
NullableDatum array_prepend(FnContext& cx, NullableDatum element, NullableDatum array) { return add_element(cx, array, element, false, 1); }

NullableDatum array_cat(FnContext& cx, NullableDatum a, NullableDatum b) {
  if (a.null) return b;
  if (b.null) return a;
  ArrayView x(a.value), y(b.value);
  if (x.elem_type() != y.elem_type()) {
    throw SqlError{sqlstate::kDatatypeMismatch, "cannot concatenate incompatible arrays",
                   cat("Arrays with element types ", type_info(x.elem_type()).name, " and ", type_info(y.elem_type()).name,
                       " are not compatible for concatenation.")};
  }
  if (x.ndim() == 0) return b;
  if (y.ndim() == 0) return a;
  auto fail = [](std::string_view why) {
    throw SqlError{sqlstate::kArraySubscriptError, "cannot concatenate incompatible arrays", std::string(why)};
  };
  // Equal dimensions but the first add up; an array of one dimension less counts as one item of the other.
  const ArrayView& base = x.ndim() >= y.ndim() ? x : y;
  std::vector<int32_t> dims(base.dims().begin(), base.dims().end()), lbs(base.lower_bounds().begin(), base.lower_bounds().end());
  if (x.ndim() == y.ndim()) {
    if (!std::equal(x.dims().begin() + 1, x.dims().end(), y.dims().begin() + 1) ||
        !std::equal(x.lower_bounds().begin() + 1, x.lower_bounds().end(), y.lower_bounds().begin() + 1))
      fail("Arrays with differing element dimensions are not compatible for concatenation.");
    dims[0] = x.dims()[0] + y.dims()[0];
  } else if (std::abs(x.ndim() - y.ndim()) == 1) {
    const ArrayView& inner = x.ndim() > y.ndim() ? y : x;
    if (!std::equal(inner.dims().begin(), inner.dims().end(), base.dims().begin() + 1) ||
        !std::equal(inner.lower_bounds().begin(), inner.lower_bounds().end(), base.lower_bounds().begin() + 1))
      fail("Arrays with differing dimensions are not compatible for concatenation.");
    dims[0]++;
  } else {
    fail(cat("Arrays of ", x.ndim(), " and ", y.ndim(), " dimensions are not compatible for concatenation."));
  }
  ArrayBuilder out(x.elem_type());
  for (uint32_t i = 0; i < x.count(); i++) out.add(x.at(i));
  for (uint32_t i = 0; i < y.count(); i++) out.add(y.at(i));
  return {out.build(*cx.arena, dims, lbs), false};
}

bool same(FnContext& cx, const TypeInfo& t, NullableDatum a, NullableDatum b) {
  if (a.null || b.null) return a.null && b.null;
  if (t.compare_kind == CompareKind::kNone)
    throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify an equality operator for type ", t.name)};
  return compare_datums(cx, t, a.value, b.value) == 0;
}
void require_flat(const ArrayView& v, sv what) {
  if (v.ndim() > 1) throw SqlError{sqlstate::kFeatureNotSupported, cat(what, " in multidimensional arrays is not supported")};
}
NullableDatum array_position3(FnContext& cx, NullableDatum array, NullableDatum element, NullableDatum start) {
  if (array.null) return {};
  ArrayView v(array.value);
  require_flat(v, "searching for elements");
  if (v.ndim() == 0) return {};
  if (start.null) throw SqlError{sqlstate::kNullValueNotAllowed, "initial position must not be null"};
  const TypeInfo& t = type_info(v.elem_type());
  int32_t lb = v.lower_bounds()[0];
  for (uint32_t i = 0; i < v.count(); i++) {
    int32_t at = lb + static_cast<int32_t>(i);
    if (at >= as_int4(start.value) && same(cx, t, v.at(i), element)) return {from_int(at), false};
  }
  return {};
}
NullableDatum array_position2(FnContext& cx, NullableDatum array, NullableDatum element) {
  return array_position3(cx, array, element, {from_int(INT32_MIN), false});
}
NullableDatum array_positions(FnContext& cx, NullableDatum array, NullableDatum element) {
  if (array.null) return {};
  ArrayView v(array.value);
  require_flat(v, "searching for elements");
  ArrayBuilder b(oid::kInt4);
  const TypeInfo& t = type_info(v.elem_type());
  for (uint32_t i = 0; i < v.count(); i++)
    if (same(cx, t, v.at(i), element)) b.add(from_int(v.lower_bounds()[0] + static_cast<int32_t>(i)));
  return {b.build(*cx.arena), false};
}
NullableDatum array_remove(FnContext& cx, NullableDatum array, NullableDatum element) {
  if (array.null) return {};
  ArrayView v(array.value);
  if (v.ndim() > 1) throw SqlError{sqlstate::kFeatureNotSupported, "removing elements from multidimensional arrays is not supported"};
  if (v.ndim() == 0) return array;
  ArrayBuilder b(v.elem_type());
  const TypeInfo& t = type_info(v.elem_type());
  for (uint32_t i = 0; i < v.count(); i++)
    if (!same(cx, t, v.at(i), element)) b.add(v.at(i));
  return {b.build(*cx.arena, v.lower_bounds()[0]), false};
}
NullableDatum array_replace(FnContext& cx, NullableDatum array, NullableDatum from, NullableDatum to) {
  if (array.null) return {};
  ArrayView v(array.value);
  if (v.ndim() == 0) return array;
  ArrayBuilder b(v.elem_type());
  const TypeInfo& t = type_info(v.elem_type());
  for (uint32_t i = 0; i < v.count(); i++) b.add(same(cx, t, v.at(i), from) ? to : v.at(i));
  return {b.build(*cx.arena, v.dims(), v.lower_bounds()), false};
}

std::vector<int32_t> int_elements(const ArrayView& v, sv null_message) {
  std::vector<int32_t> out;
  for (uint32_t i = 0; i < v.count(); i++) {
    if (v.null(i)) throw SqlError{sqlstate::kNullValueNotAllowed, std::string(null_message)};
    out.push_back(as_int4(v.value(i)));
  }
  return out;
}
NullableDatum fill(FnContext& cx, NullableDatum value, NullableDatum dims, const NullableDatum* bounds) {
  if (dims.null || (bounds && bounds->null))
    throw SqlError{sqlstate::kNullValueNotAllowed, "dimension array or low bound array cannot be null"};
  Oid type = cx.arg_types.empty() ? kInvalidOid : cx.arg_types[0];
  if (const TypeInfo* t = find_type(cx.result_type); t && raw(t->elem)) type = t->elem;
  ArrayView d(dims.value);
  if (d.ndim() > 1) throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts", "Dimension array must be one dimensional."};
  std::vector<int32_t> sizes = int_elements(d, "dimension values cannot be null"), lbs(sizes.size(), 1);
  if (sizes.size() > kMaxDims)
    throw SqlError{sqlstate::kProgramLimitExceeded, cat("number of array dimensions (", sizes.size(), ") exceeds the maximum allowed (", kMaxDims, ")")};
  if (bounds) {
    ArrayView l(bounds->value);
    if (l.ndim() > 1) throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts", "Dimension array must be one dimensional."};
    if (l.count() != sizes.size())
      throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts", "Low bound array has different size than dimensions array."};
    lbs = int_elements(l, "dimension values cannot be null");
  }
  int64_t n = sizes.empty() ? 0 : 1;
  for (int32_t s : sizes) {
    if (s < 0) throw SqlError{sqlstate::kProgramLimitExceeded, "array size exceeds the maximum allowed (134217727)"};
    n *= s;
    if (n > kMaxArrayElements) throw SqlError{sqlstate::kProgramLimitExceeded, "array size exceeds the maximum allowed (134217727)"};
  }
  if (n == 0) return {empty_array(*cx.arena, type), false};
  std::vector<Datum> values(static_cast<size_t>(n), value.value);
  std::vector<uint8_t> nulls(static_cast<size_t>(n), value.null);
  return {make_array(*cx.arena, type, values.data(), nulls.data(), sizes, lbs), false};
}
NullableDatum array_fill2(FnContext& cx, NullableDatum value, NullableDatum dims) { return fill(cx, value, dims, nullptr); }
NullableDatum array_fill3(FnContext& cx, NullableDatum value, NullableDatum dims, NullableDatum bounds) { return fill(cx, value, dims, &bounds); }

Datum trim_array(FnContext& cx, Datum array, int32_t n) {
  ArrayView v(array);
  int32_t length = v.ndim() ? v.dims()[0] : 0;
  if (n < 0 || n > length)
    throw SqlError{sqlstate::kArrayElementError, cat("number of elements to trim must be between 0 and ", length)};
  if (v.ndim() == 0) return array;
  ArraySlice s;
  s.upper = v.lower_bounds()[0] + length - n - 1;
  if (n == length) return empty_array(*cx.arena, v.elem_type());
  return array_get_slice(*cx.arena, array, {&s, 1});
}

// a contains every (all) or some (!all) element of b. NULLs match nothing.
bool contains(FnContext& cx, Datum a, Datum b, bool all) {
  ArrayView x(a), y(b);
  if (x.elem_type() != y.elem_type()) throw SqlError{sqlstate::kDatatypeMismatch, "cannot compare arrays of different element types"};
  const TypeInfo& t = type_info(x.elem_type());
  for (uint32_t j = 0; j < y.count(); j++) {
    bool found = false;
    for (uint32_t i = 0; !y.null(j) && i < x.count() && !found; i++) found = !x.null(i) && same(cx, t, x.at(i), y.at(j));
    if (found != all) return found;
  }
  return all;
}
bool array_contains(FnContext& cx, Datum a, Datum b) { return contains(cx, a, b, true); }
bool array_contained(FnContext& cx, Datum a, Datum b) { return contains(cx, b, a, true); }
bool array_overlap(FnContext& cx, Datum a, Datum b) { return contains(cx, a, b, false); }

int32_t width_bucket(FnContext& cx, Datum value, Datum thresholds) {
  ArrayView v(thresholds);
  if (v.ndim() > 1) throw SqlError{sqlstate::kArraySubscriptError, "thresholds must be one-dimensional array"};
  if (v.has_nulls()) throw SqlError{sqlstate::kNullValueNotAllowed, "thresholds array must not contain NULLs"};
  const TypeInfo& t = type_info(v.elem_type());
  uint32_t lo = 0, hi = v.count();
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (compare_datums(cx, t, value, v.value(mid)) < 0) hi = mid;
    else lo = mid + 1;
  }
  return static_cast<int32_t>(lo);
}

struct Unnest : SetFunction {
  Datum array = 0;
  uint32_t at = 0;
  bool empty = true;
  uint32_t next(FnContext&, Vector* out, int, uint32_t max) override {
    if (empty) return 0;
    ArrayView v(array);
    uint32_t n = 0;
    for (; n < max && at < v.count(); n++, at++) {
      NullableDatum d = v.at(at);
      out[0].values[n] = d.value;
      out[0].nulls[n] = d.null;
    }
    return n;
  }
};
SetFunction* unnest(FnContext&, const NullableDatum* args, int) {
  auto u = std::make_unique<Unnest>();
  u->array = args[0].value;
  u->empty = args[0].null;
  return u.release();
}

// information_schema._pg_expandarray: elements and their numbers from 1.
struct ExpandArray : Unnest {
  uint32_t next(FnContext& cx, Vector* out, int ncols, uint32_t max) override {
    uint32_t first = at, n = Unnest::next(cx, out, 1, max);
    for (uint32_t i = 0; ncols > 1 && i < n; i++) {
      out[1].values[i] = from_int(first + i + 1);
      out[1].nulls[i] = 0;
    }
    return n;
  }
};
SetFunction* expand_array(FnContext&, const NullableDatum* args, int) {
  auto u = std::make_unique<ExpandArray>();
  u->array = args[0].value;
  u->empty = args[0].null;
  return u.release();
}

struct Subscripts : SetFunction {
  int64_t at = 0, last = -1, step = 1;
  uint32_t next(FnContext&, Vector* out, int, uint32_t max) override {
    uint32_t n = 0;
    for (; n < max && (step > 0 ? at <= last : at >= last); n++, at += step) {
      out[0].values[n] = from_int(at);
      out[0].nulls[n] = 0;
    }
    return n;
  }
};
SetFunction* generate_subscripts(FnContext&, const NullableDatum* args, int nargs) {
  auto s = std::make_unique<Subscripts>();
  if (args[0].null || args[1].null || (nargs > 2 && args[2].null)) return s.release();
  auto lower = array_lower(args[0].value, as_int4(args[1].value)), upper = array_upper(args[0].value, as_int4(args[1].value));
  if (!lower) return s.release();
  bool reverse = nargs > 2 && as_bool(args[2].value);
  s->at = reverse ? *upper : *lower;
  s->last = reverse ? *lower : *upper;
  s->step = reverse ? -1 : 1;
  return s.release();
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(744, array_eq), STRICT_FN(390, array_ne), STRICT_FN(391, array_lt), STRICT_FN(392, array_gt), STRICT_FN(393, array_le),
    STRICT_FN(396, array_ge), STRICT_FN(382, array_cmp), STRICT_FN(515, array_larger), STRICT_FN(516, array_smaller), STRICT_FN(626, hash_array),
    STRICT_FN(747, array_dims), STRICT_FN(748, array_ndims), STRICT_FN(2091, array_lower), STRICT_FN(2092, array_upper), STRICT_FN(2176, array_length),
    STRICT_FN(3179, cardinality), NULLABLE_FN(378, array_append), NULLABLE_FN(379, array_prepend), NULLABLE_FN(383, array_cat),
    NULLABLE_FN(3277, array_position2), NULLABLE_FN(3278, array_position3), NULLABLE_FN(3279, array_positions), NULLABLE_FN(3167, array_remove),
    NULLABLE_FN(3168, array_replace), NULLABLE_FN(1193, array_fill2), NULLABLE_FN(1286, array_fill3), STRICT_FN(6172, trim_array),
    STRICT_FN(2747, array_overlap), STRICT_FN(2748, array_contains), STRICT_FN(2749, array_contained), STRICT_FN(3218, width_bucket),
}));
constexpr auto kSetFunctions = sorted_by_oid(std::to_array<SetFnEntry>({
    {2331, unnest}, {1191, generate_subscripts}, {1192, generate_subscripts}, {13208, expand_array}}));

}  // namespace

constinit const FnTables kArrayFunctions{kFunctions, {}, kSetFunctions};

}  // namespace postern
