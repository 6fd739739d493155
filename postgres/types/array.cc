#include "postgres/types/array.h"

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

constexpr size_t align4(size_t n) { return (n + 3) & ~size_t{3}; }

// Only these by-value types narrower than 8 bytes are sign-extended (datum.h invariant 1).
bool sign_extended(Oid type) { return type == oid::kInt2 || type == oid::kInt4 || type == oid::kDate; }

int64_t count_of(std::span<const int32_t> dims) {
  int64_t n = dims.empty() ? 0 : 1;
  for (int32_t d : dims) {
    n *= d;
    if (n > kMaxArrayElements)
      throw SqlError{sqlstate::kProgramLimitExceeded, cat("array size exceeds the maximum allowed (", kMaxArrayElements, ")")};
  }
  return n;
}

}  // namespace

ArrayView::ArrayView(const Bytes* b) : data_(b->data) {
  std::memcpy(&header_, data_, sizeof header_);
  dims_ = reinterpret_cast<const int32_t*>(data_ + sizeof header_);
  count_ = header_.ndim ? 1 : 0;
  for (int i = 0; i < header_.ndim; i++) count_ *= static_cast<uint32_t>(dims_[i]);
  const char* p = data_ + sizeof header_ + 8 * header_.ndim;
  if (header_.flags & ArrayHeader::kHasNulls) {
    nulls_ = p;
    p += align4((count_ + 7) / 8);
  }
  elems_ = p;
}

std::optional<uint32_t> ArrayView::position(std::span<const int32_t> subs) const {
  if (static_cast<int>(subs.size()) != ndim() || subs.empty()) return std::nullopt;
  uint32_t pos = 0;
  for (size_t i = 0; i < subs.size(); i++) {
    int64_t at = int64_t{subs[i]} - lower_bounds()[i];
    if (at < 0 || at >= dims()[i]) return std::nullopt;
    pos = pos * static_cast<uint32_t>(dims()[i]) + static_cast<uint32_t>(at);
  }
  return pos;
}

Datum make_array(Arena& arena, Oid elem_type, const Datum* values, const uint8_t* nulls, std::span<const int32_t> dims,
                 std::span<const int32_t> lower_bounds) {
  const TypeInfo& t = type_info(elem_type);
  auto n = static_cast<uint32_t>(count_of(dims));
  if (n == 0) dims = lower_bounds = {};
  bool has_nulls = nulls && std::any_of(nulls, nulls + n, [](uint8_t x) { return x != 0; });
  size_t head = sizeof(ArrayHeader) + 8 * dims.size() + (has_nulls ? align4((n + 7) / 8) : 0);
  size_t size = head;
  if (t.by_value) {
    size += align4(size_t{n} * static_cast<size_t>(t.len));
  } else {
    size += 4 * size_t{n};
    for (uint32_t i = 0; i < n; i++)
      if (!nulls || !nulls[i]) size += align4(sizeof(Bytes) + as_bytes(values[i])->size);
  }
  Bytes* b = alloc_bytes(arena, size);
  std::memset(b->data, 0, head);
  ArrayHeader h{};
  h.ndim = static_cast<uint8_t>(dims.size());
  h.flags = static_cast<uint8_t>((has_nulls ? ArrayHeader::kHasNulls : 0) | (sign_extended(elem_type) ? ArrayHeader::kSigned : 0));
  h.width = t.by_value ? static_cast<uint8_t>(t.len) : 0;
  h.elem_type = raw(elem_type);
  std::memcpy(b->data, &h, sizeof h);
  char* p = b->data + sizeof h;
  if (n) {
    std::memcpy(p, dims.data(), 4 * dims.size());
    std::memcpy(p + 4 * dims.size(), lower_bounds.data(), 4 * dims.size());
  }
  p += 8 * dims.size();
  if (has_nulls)
    for (uint32_t i = 0; i < n; i++)
      if (nulls[i]) p[i >> 3] = static_cast<char>(p[i >> 3] | 1 << (i & 7));
  p = b->data + head;
  if (t.by_value) {
    for (uint32_t i = 0; i < n; i++) {
      Datum v = nulls && nulls[i] ? 0 : values[i];
      std::memcpy(p + size_t{i} * h.width, &v, h.width);
    }
    std::memset(p + size_t{n} * h.width, 0, size - head - size_t{n} * h.width);
  } else {
    auto* offsets = reinterpret_cast<uint32_t*>(p);
    size_t at = head + 4 * size_t{n};
    for (uint32_t i = 0; i < n; i++) {
      if (nulls && nulls[i]) { offsets[i] = 0; continue; }
      const Bytes* e = as_bytes(values[i]);
      size_t len = sizeof(Bytes) + e->size;
      offsets[i] = static_cast<uint32_t>(at);
      std::memcpy(b->data + at, e, len);
      std::memset(b->data + at + len, 0, align4(len) - len);
      at += align4(len);
    }
  }
  return from_bytes(b);
}

Datum make_array_1d(Arena& arena, Oid elem_type, const Datum* values, const uint8_t* nulls, uint32_t count, int32_t lower_bound) {
  if (count > kMaxArrayElements)
    throw SqlError{sqlstate::kProgramLimitExceeded, cat("array size exceeds the maximum allowed (", kMaxArrayElements, ")")};
  auto dim = static_cast<int32_t>(count);
  return make_array(arena, elem_type, values, nulls, {&dim, 1}, {&lower_bound, 1});
}

Datum empty_array(Arena& arena, Oid elem_type) { return make_array(arena, elem_type, nullptr, nullptr, {}, {}); }

Datum ArrayBuilder::build(Arena& arena, int32_t lower_bound) const {
  return make_array_1d(arena, elem_type_, values_.data(), any_null_ ? nulls_.data() : nullptr, static_cast<uint32_t>(values_.size()), lower_bound);
}
Datum ArrayBuilder::build(Arena& arena, std::span<const int32_t> dims, std::span<const int32_t> lower_bounds) const {
  return make_array(arena, elem_type_, values_.data(), any_null_ ? nulls_.data() : nullptr, dims, lower_bounds);
}

Datum make_array_of_arrays(Arena& arena, Oid elem_type, std::span<const NullableDatum> arrays) {
  ArrayBuilder b(elem_type);
  int32_t dims[kMaxDims + 1] = {}, lbs[kMaxDims + 1] = {};
  int ndim = -1;
  int32_t empties = 0;
  for (const NullableDatum& nd : arrays) {
    if (nd.null) { empties++; continue; }
    ArrayView v(nd.value);
    if (v.ndim() == 0) { empties++; continue; }
    if (ndim < 0) {
      ndim = v.ndim() + 1;
      if (ndim > kMaxDims)
        throw SqlError{sqlstate::kProgramLimitExceeded,
                       cat("number of array dimensions (", ndim, ") exceeds the maximum allowed (", kMaxDims, ")")};
      std::copy(v.dims().begin(), v.dims().end(), dims + 1);
      std::copy(v.lower_bounds().begin(), v.lower_bounds().end(), lbs + 1);
    } else if (v.ndim() + 1 != ndim || !std::equal(v.dims().begin(), v.dims().end(), dims + 1) ||
               !std::equal(v.lower_bounds().begin(), v.lower_bounds().end(), lbs + 1)) {
      throw SqlError{sqlstate::kArraySubscriptError, "multidimensional arrays must have array expressions with matching dimensions"};
    }
    for (uint32_t i = 0; i < v.count(); i++) b.add(v.at(i));
  }
  if (ndim < 0) return empty_array(arena, elem_type);
  if (empties)
    throw SqlError{sqlstate::kArraySubscriptError, "multidimensional arrays must have array expressions with matching dimensions"};
  dims[0] = static_cast<int32_t>(arrays.size());
  lbs[0] = 1;
  return b.build(arena, std::span(dims, static_cast<size_t>(ndim)), std::span(lbs, static_cast<size_t>(ndim)));
}

NullableDatum array_get(Datum array, std::span<const int32_t> subs) {
  ArrayView v(array);
  auto pos = v.position(subs);
  return pos ? v.at(*pos) : NullableDatum{};
}

Datum array_get_slice(Arena& arena, Datum array, std::span<const ArraySlice> slices) {
  ArrayView v(array);
  size_t nd = static_cast<size_t>(v.ndim());
  if (nd == 0 || slices.size() > nd) return empty_array(arena, v.elem_type());
  int32_t from[kMaxDims], dims[kMaxDims], lbs[kMaxDims];
  for (size_t i = 0; i < nd; i++) {
    int64_t lb = v.lower_bounds()[i], ub = lb + v.dims()[i] - 1;
    int64_t lo = lb, hi = ub;
    if (i < slices.size()) {
      lo = std::max<int64_t>(slices[i].lower.value_or(static_cast<int32_t>(lb)), lb);
      hi = std::min<int64_t>(slices[i].upper.value_or(static_cast<int32_t>(ub)), ub);
    }
    if (lo > hi) return empty_array(arena, v.elem_type());
    from[i] = static_cast<int32_t>(lo - lb);
    dims[i] = static_cast<int32_t>(hi - lo + 1);
    lbs[i] = 1;
  }
  ArrayBuilder b(v.elem_type());
  int32_t at[kMaxDims] = {};
  for (;;) {
    uint32_t pos = 0;
    for (size_t i = 0; i < nd; i++) pos = pos * static_cast<uint32_t>(v.dims()[i]) + static_cast<uint32_t>(from[i] + at[i]);
    b.add(v.at(pos));
    size_t i = nd;
    while (i > 0 && ++at[i - 1] == dims[i - 1]) at[--i] = 0;
    if (i == 0) break;
  }
  return b.build(arena, std::span<const int32_t>(dims, nd), std::span<const int32_t>(lbs, nd));
}

namespace {

// All elements of an array as two plain vectors, to be changed.
struct Unpacked {
  std::vector<Datum> values;
  std::vector<uint8_t> nulls;
  explicit Unpacked(const ArrayView& v) : values(v.count()), nulls(v.count()) {
    for (uint32_t i = 0; i < v.count(); i++) {
      nulls[i] = v.null(i);
      if (!nulls[i]) values[i] = v.value(i);
    }
  }
  // One-dimensional growth so that [lo, hi] fit; returns the new lower bound.
  int32_t grow(int32_t lb, int32_t lo, int32_t hi) {
    if (lo < lb) {
      auto more = static_cast<size_t>(int64_t{lb} - lo);
      if (more > kMaxArrayElements) throw SqlError{sqlstate::kProgramLimitExceeded, cat("array size exceeds the maximum allowed (", kMaxArrayElements, ")")};
      values.insert(values.begin(), more, 0);
      nulls.insert(nulls.begin(), more, 1);
      lb = lo;
    }
    int64_t need = int64_t{hi} - lb + 1;
    if (need > kMaxArrayElements) throw SqlError{sqlstate::kProgramLimitExceeded, cat("array size exceeds the maximum allowed (", kMaxArrayElements, ")")};
    if (need > static_cast<int64_t>(values.size())) {
      values.resize(static_cast<size_t>(need), 0);
      nulls.resize(static_cast<size_t>(need), 1);
    }
    return lb;
  }
};

[[noreturn]] void throw_wrong_subscripts() { throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts"}; }
[[noreturn]] void throw_out_of_range() { throw SqlError{sqlstate::kArraySubscriptError, "array subscript out of range"}; }

}  // namespace

Datum array_set(Arena& arena, Oid elem_type, NullableDatum array, std::span<const int32_t> subs, NullableDatum value) {
  uint8_t is_null = value.null;
  if (array.null || ArrayView(array.value).ndim() == 0) {
    int32_t ones[kMaxDims] = {1, 1, 1, 1, 1, 1};
    return make_array(arena, elem_type, &value.value, &is_null, std::span<const int32_t>(ones, subs.size()), subs);
  }
  ArrayView v(array.value);
  if (static_cast<int>(subs.size()) != v.ndim()) throw_wrong_subscripts();
  Unpacked u(v);
  if (subs.size() == 1) {
    int32_t lb = u.grow(v.lower_bounds()[0], subs[0], subs[0]);
    u.values[static_cast<size_t>(subs[0] - lb)] = value.value;
    u.nulls[static_cast<size_t>(subs[0] - lb)] = is_null;
    return make_array_1d(arena, elem_type, u.values.data(), u.nulls.data(), static_cast<uint32_t>(u.values.size()), lb);
  }
  auto pos = v.position(subs);
  if (!pos) throw_out_of_range();
  u.values[*pos] = value.value;
  u.nulls[*pos] = is_null;
  return make_array(arena, elem_type, u.values.data(), u.nulls.data(), v.dims(), v.lower_bounds());
}

Datum array_set_slice(Arena& arena, Oid elem_type, NullableDatum array, std::span<const ArraySlice> slices, Datum source) {
  ArrayView src(source);
  if (array.null || ArrayView(array.value).ndim() == 0) {
    int32_t dims[kMaxDims], lbs[kMaxDims];
    int64_t n = 1;
    for (size_t i = 0; i < slices.size(); i++) {
      if (!slices[i].lower || !slices[i].upper)
        throw SqlError{sqlstate::kArraySubscriptError, "array slice subscript must provide both boundaries",
                       "When assigning to a slice of an empty array value, slice boundaries must be fully specified."};
      lbs[i] = *slices[i].lower;
      dims[i] = *slices[i].upper - lbs[i] + 1;
      if (dims[i] <= 0) return array.null ? empty_array(arena, elem_type) : array.value;
      n *= dims[i];
    }
    if (n > src.count()) throw SqlError{sqlstate::kArraySubscriptError, "source array too small"};
    Unpacked u(src);
    return make_array(arena, elem_type, u.values.data(), u.nulls.data(), std::span<const int32_t>(dims, slices.size()),
                      std::span<const int32_t>(lbs, slices.size()));
  }
  ArrayView v(array.value);
  auto nd = static_cast<size_t>(v.ndim());
  if (slices.size() > nd) throw_wrong_subscripts();
  Unpacked u(v);
  if (nd == 1) {
    int32_t lb = v.lower_bounds()[0];
    int32_t lo = slices[0].lower.value_or(lb), hi = slices[0].upper.value_or(lb + v.dims()[0] - 1);
    if (lo > hi) throw SqlError{sqlstate::kArraySubscriptError, "upper bound cannot be less than lower bound"};
    if (int64_t{hi} - lo + 1 > src.count()) throw SqlError{sqlstate::kArraySubscriptError, "source array too small"};
    lb = u.grow(lb, lo, hi);
    for (int32_t i = lo; i <= hi; i++) {
      NullableDatum e = src.at(static_cast<uint32_t>(i - lo));
      u.values[static_cast<size_t>(i - lb)] = e.value;
      u.nulls[static_cast<size_t>(i - lb)] = e.null;
    }
    return make_array_1d(arena, elem_type, u.values.data(), u.nulls.data(), static_cast<uint32_t>(u.values.size()), lb);
  }
  int32_t from[kMaxDims], dims[kMaxDims], at[kMaxDims] = {};
  int64_t n = 1;
  for (size_t i = 0; i < nd; i++) {
    int32_t lb = v.lower_bounds()[i], ub = lb + v.dims()[i] - 1;
    int32_t lo = i < slices.size() ? slices[i].lower.value_or(lb) : lb, hi = i < slices.size() ? slices[i].upper.value_or(ub) : ub;
    if (lo > hi) throw SqlError{sqlstate::kArraySubscriptError, "upper bound cannot be less than lower bound"};
    if (lo < lb || hi > ub) throw_out_of_range();
    from[i] = lo - lb;
    dims[i] = hi - lo + 1;
    n *= dims[i];
  }
  if (n > src.count()) throw SqlError{sqlstate::kArraySubscriptError, "source array too small"};
  for (uint32_t s = 0;; s++) {
    uint32_t pos = 0;
    for (size_t i = 0; i < nd; i++) pos = pos * static_cast<uint32_t>(v.dims()[i]) + static_cast<uint32_t>(from[i] + at[i]);
    NullableDatum e = src.at(s);
    u.values[pos] = e.value;
    u.nulls[pos] = e.null;
    size_t i = nd;
    while (i > 0 && ++at[i - 1] == dims[i - 1]) at[--i] = 0;
    if (i == 0) break;
  }
  return make_array(arena, elem_type, u.values.data(), u.nulls.data(), v.dims(), v.lower_bounds());
}

namespace {
int compare_elements(FnContext& cx, const TypeInfo& t, Datum a, Datum b) {
  if (t.compare_kind == CompareKind::kNone)
    throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify a comparison function for type ", t.name)};
  return compare_datums(cx, t, a, b);
}
}  // namespace

int array_compare(FnContext& cx, Datum a, Datum b) {
  ArrayView x(a), y(b);
  if (x.elem_type() != y.elem_type()) throw SqlError{sqlstate::kDatatypeMismatch, "cannot compare arrays of different element types"};
  const TypeInfo& t = type_info(x.elem_type());
  uint32_t n = std::min(x.count(), y.count());
  for (uint32_t i = 0; i < n; i++) {
    bool xn = x.null(i), yn = y.null(i);
    if (xn || yn) {
      if (xn && yn) continue;
      return xn ? 1 : -1;
    }
    int c = compare_elements(cx, t, x.value(i), y.value(i));
    if (c) return c;
  }
  if (x.count() != y.count()) return x.count() < y.count() ? -1 : 1;
  if (x.ndim() != y.ndim()) return x.ndim() < y.ndim() ? -1 : 1;
  for (int i = 0; i < x.ndim(); i++)
    if (x.dims()[i] != y.dims()[i]) return x.dims()[i] < y.dims()[i] ? -1 : 1;
  for (int i = 0; i < x.ndim(); i++)
    if (x.lower_bounds()[i] != y.lower_bounds()[i]) return x.lower_bounds()[i] < y.lower_bounds()[i] ? -1 : 1;
  return 0;
}

bool array_equal(FnContext& cx, Datum a, Datum b) {
  ArrayView x(a), y(b);
  if (x.elem_type() != y.elem_type()) throw SqlError{sqlstate::kDatatypeMismatch, "cannot compare arrays of different element types"};
  if (x.ndim() != y.ndim() || !std::equal(x.dims().begin(), x.dims().end(), y.dims().begin()) ||
      !std::equal(x.lower_bounds().begin(), x.lower_bounds().end(), y.lower_bounds().begin()))
    return false;
  const TypeInfo& t = type_info(x.elem_type());
  for (uint32_t i = 0; i < x.count(); i++) {
    if (x.null(i) != y.null(i)) return false;
    if (!x.null(i) && compare_elements(cx, t, x.value(i), y.value(i)) != 0) return false;
  }
  return true;
}

uint64_t array_hash(FnContext& cx, Datum a) {
  ArrayView x(a);
  const TypeInfo& t = type_info(x.elem_type());
  if (!t.hash && x.count()) throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify a hash function for type ", t.name)};
  uint64_t h = 1;
  for (uint32_t i = 0; i < x.count(); i++) h = h * 31 + (x.null(i) ? 0 : t.hash(cx, x.value(i)));
  return h;
}

}  // namespace postern
