// The mapping between Datums and the C++ types that scalar functions are written in, and the kernels derived from them.
//
//   int32_t int4_add(int32_t a, int32_t b);                        STRICT_FN(177, int4_add)
//   std::string_view text_upper(FnContext& cx, std::string_view);  STRICT_FN(871, text_upper)      (a view into cx.arena or an argument)
//   std::optional<int64_t> f(int32_t)                              result may be NULL
//   Datum f(FnContext&, NullableDatum a, NullableDatum b)          NULLABLE_FN: called with NULLs; returns NullableDatum
//
// Supported argument/result types: bool, int8_t ("char"), int16_t, int32_t, int64_t, uint32_t/Oid (oid), float, double, std::string_view
// (any Bytes type; a result that is not yet a Bytes is copied into cx.arena), const Bytes*, Datum (raw), std::optional of these as result.
// Two-argument (strict, by-value, non-throwing) functions vectorise through the dense loop; keep them inline.
#pragma once
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "postgres/types/fn.h"

namespace postern {

template <class T>
inline T from_datum(Datum d) {
  if constexpr (std::is_same_v<T, bool>) return as_bool(d);
  else if constexpr (std::is_same_v<T, int8_t>) return static_cast<int8_t>(d);
  else if constexpr (std::is_same_v<T, int16_t>) return as_int2(d);
  else if constexpr (std::is_same_v<T, int32_t>) return as_int4(d);
  else if constexpr (std::is_same_v<T, int64_t>) return as_int8(d);
  else if constexpr (std::is_same_v<T, uint32_t>) return static_cast<uint32_t>(d);
  else if constexpr (std::is_same_v<T, Oid>) return as_oid(d);
  else if constexpr (std::is_same_v<T, float>) return as_float4(d);
  else if constexpr (std::is_same_v<T, double>) return as_float8(d);
  else if constexpr (std::is_same_v<T, std::string_view>) return as_view(d);
  else if constexpr (std::is_same_v<T, const Bytes*>) return as_bytes(d);
  else { static_assert(std::is_same_v<T, Datum>, "type has no Datum mapping"); return d; }
}

template <class T>
inline Datum to_datum(FnContext& cx, T v) {
  if constexpr (std::is_same_v<T, bool>) return from_bool(v);
  else if constexpr (std::is_same_v<T, int8_t>) return static_cast<uint8_t>(v);
  else if constexpr (std::is_same_v<T, int16_t> || std::is_same_v<T, int32_t> || std::is_same_v<T, int64_t>) return from_int(v);
  else if constexpr (std::is_same_v<T, uint32_t>) return v;
  else if constexpr (std::is_same_v<T, Oid>) return from_oid(v);
  else if constexpr (std::is_same_v<T, float>) return from_float4(v);
  else if constexpr (std::is_same_v<T, double>) return from_float8(v);
  else if constexpr (std::is_same_v<T, std::string_view>) return make_bytes(*cx.arena, v);
  else if constexpr (std::is_same_v<T, const Bytes*> || std::is_same_v<T, Bytes*>) return from_bytes(v);
  else { static_assert(std::is_same_v<T, Datum>, "type has no Datum mapping"); return v; }
}

namespace fn_detail {

template <class T> struct IsOptional : std::false_type {};
template <class T> struct IsOptional<std::optional<T>> : std::true_type {};

template <class F> struct Signature;
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  static constexpr bool kContext = false;
  using Args = std::tuple<std::decay_t<A>...>;
};
template <class R, class... A>
struct Signature<R (*)(FnContext&, A...)> {
  using Result = R;
  static constexpr bool kContext = true;
  using Args = std::tuple<std::decay_t<A>...>;
};

template <auto F, class Args, bool Context, size_t... I>
inline auto call(FnContext& cx, const Vector* args, uint32_t row, std::index_sequence<I...>) {
  if constexpr (Context) return F(cx, from_datum<std::tuple_element_t<I, Args>>(args[I].value(row))...);
  else return F(from_datum<std::tuple_element_t<I, Args>>(args[I].value(row))...);
}

template <auto F>
void strict_kernel(FnContext& cx, const Vector* args, int, Rows rows, Vector& out) {
  using S = Signature<decltype(F)>;
  using Args = typename S::Args;
  constexpr size_t n = std::tuple_size_v<Args>;
  bool any_nulls = false;
  for (size_t i = 0; i < n; i++) any_nulls |= args[i].nulls != nullptr;
  auto one = [&](uint32_t row) {
    auto r = call<F, Args, S::kContext>(cx, args, row, std::make_index_sequence<n>{});
    if constexpr (IsOptional<decltype(r)>::value) {
      out.nulls[row] = !r.has_value();
      out.values[row] = r ? to_datum(cx, *r) : 0;
    } else {
      out.nulls[row] = 0;
      out.values[row] = to_datum(cx, r);
    }
  };
  if (!any_nulls) {
    for_rows(rows, one);
  } else {
    for_rows(rows, [&](uint32_t row) {
      for (size_t i = 0; i < n; i++)
        if (args[i].null(row)) { out.nulls[row] = 1; out.values[row] = 0; return; }
      one(row);
    });
  }
}

template <auto F, size_t... I>
inline NullableDatum call_nullable(FnContext& cx, const Vector* args, uint32_t row, std::index_sequence<I...>) {
  return F(cx, NullableDatum{args[I].null(row) ? 0 : args[I].value(row), args[I].null(row)}...);
}
template <auto F>
void nullable_kernel(FnContext& cx, const Vector* args, int, Rows rows, Vector& out) {
  constexpr size_t n = std::tuple_size_v<typename Signature<decltype(F)>::Args>;
  for_rows(rows, [&](uint32_t row) {
    NullableDatum r = call_nullable<F>(cx, args, row, std::make_index_sequence<n>{});
    out.values[row] = r.value;
    out.nulls[row] = r.null;
  });
}
// Any number of arguments (VARIADIC "any": concat, format, greatest …): F(cx, span<const NullableDatum>) -> NullableDatum.
template <auto F>
void variadic_kernel(FnContext& cx, const Vector* args, int nargs, Rows rows, Vector& out) {
  auto* row_args = cx.arena->alloc_array<NullableDatum>(nargs);
  for_rows(rows, [&](uint32_t row) {
    for (int i = 0; i < nargs; i++) row_args[i] = NullableDatum{args[i].null(row) ? 0 : args[i].value(row), args[i].null(row)};
    NullableDatum r = F(cx, std::span<const NullableDatum>(row_args, nargs));
    out.values[row] = r.value;
    out.nulls[row] = r.null;
  });
}

}  // namespace fn_detail

#define STRICT_FN(oid, f) ::postern::FnEntry { oid, &::postern::fn_detail::strict_kernel<+f> }
#define NULLABLE_FN(oid, f) ::postern::FnEntry { oid, &::postern::fn_detail::nullable_kernel<+f> }
#define VARIADIC_FN(oid, f) ::postern::FnEntry { oid, &::postern::fn_detail::variadic_kernel<+f> }

}  // namespace postern
