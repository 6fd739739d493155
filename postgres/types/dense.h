// Kernels of by-value functions without a branch per row, which the compiler can vectorise.
//
//   TOTAL_FN(oid, f)    R f(A) or R f(A, B): never throws, defined for any bits; also run on the values behind NULLs.
//   CHECKED_FN(oid, f)  unsigned f(A, R*) or unsigned f(A, B, R*): returns kArith… flags, 0 when fine; never traps on any bits. The flags of
//                       all rows that are not NULL are joined, and the batch throws once at its end.
// Rows with an index (filtered batches) go one by one.
#pragma once
#include "postgres/types/native.h"

namespace postern {

constexpr unsigned kArithOverflow = 1, kArithUnderflow = 2, kArithDivisionByZero = 4;

enum class ArithResult : uint8_t { kInt2, kInt4, kInt8, kOid, kFloat, kChar };
// Throws what PostgreSQL says for the flags: 22012, "integer out of range", "value out of range: overflow" …
[[noreturn]] void throw_arith(unsigned flags, ArithResult result);

namespace dense_detail {

template <class R>
constexpr ArithResult arith_result() {
  if constexpr (std::is_same_v<R, int16_t>) return ArithResult::kInt2;
  else if constexpr (std::is_same_v<R, int32_t>) return ArithResult::kInt4;
  else if constexpr (std::is_same_v<R, int64_t>) return ArithResult::kInt8;
  else if constexpr (std::is_same_v<R, uint32_t>) return ArithResult::kOid;
  else if constexpr (std::is_same_v<R, int8_t>) return ArithResult::kChar;
  else return ArithResult::kFloat;
}

template <class T>
inline Datum store_value(T v) {
  if constexpr (std::is_same_v<T, bool>) return from_bool(v);
  else if constexpr (std::is_same_v<T, int8_t>) return static_cast<uint8_t>(v);
  else if constexpr (std::is_same_v<T, float>) return from_float4(v);
  else if constexpr (std::is_same_v<T, double>) return from_float8(v);
  else if constexpr (std::is_unsigned_v<T>) return v;
  else return from_int(v);
}

// out.nulls for rows 0..n-1 from the arguments; true if any row may be NULL.
bool join_nulls(const Vector* args, int nargs, uint32_t n, uint8_t* out);

// Calls op(a, b) for each row of a dense pair of vectors and stores what it gives.
template <class Op>
inline void loop2(const Vector& a, const Vector& b, uint32_t n, Datum* __restrict out, Op op) {
  const Datum* __restrict x = a.values;
  const Datum* __restrict y = b.values;
  if (a.stride && b.stride) {
    for (uint32_t i = 0; i < n; i++) out[i] = op(x[i], y[i], i);
  } else if (a.stride) {
    const Datum c = *y;
    for (uint32_t i = 0; i < n; i++) out[i] = op(x[i], c, i);
  } else {
    const Datum c = *x;
    for (uint32_t i = 0; i < n; i++) out[i] = op(c, y[i * b.stride], i);
  }
}

template <class F> struct TotalSignature;
template <class R, class A>
struct TotalSignature<R (*)(A)> { using First = A; };
template <class R, class A, class B>
struct TotalSignature<R (*)(A, B)> { using First = A; using Second = B; };

template <class F> struct CheckedSignature;
template <class R, class A>
struct CheckedSignature<unsigned (*)(A, R*)> { using First = A; using Result = R; static constexpr int kArgs = 1; };
template <class R, class A, class B>
struct CheckedSignature<unsigned (*)(A, B, R*)> { using First = A; using Second = B; using Result = R; static constexpr int kArgs = 2; };

template <auto F>
void total1(FnContext&, const Vector* args, int, Rows rows, Vector& out) {
  using A = typename TotalSignature<decltype(F)>::First;
  if (!rows.index) {
    join_nulls(args, 1, rows.count, out.nulls);
    const Datum* __restrict x = args[0].values;
    Datum* __restrict o = out.values;
    const uint32_t stride = args[0].stride;
    for (uint32_t i = 0; i < rows.count; i++) o[i] = store_value(F(from_datum<A>(x[i * stride])));
    return;
  }
  for_rows(rows, [&](uint32_t row) {
    out.nulls[row] = args[0].null(row);
    out.values[row] = store_value(F(from_datum<A>(args[0].value(row))));
  });
}

template <auto F>
void total2(FnContext&, const Vector* args, int, Rows rows, Vector& out) {
  using A = typename TotalSignature<decltype(F)>::First;
  using B = typename TotalSignature<decltype(F)>::Second;
  if (!rows.index) {
    join_nulls(args, 2, rows.count, out.nulls);
    loop2(args[0], args[1], rows.count, out.values,
          [](Datum a, Datum b, uint32_t) { return store_value(F(from_datum<A>(a), from_datum<B>(b))); });
    return;
  }
  for_rows(rows, [&](uint32_t row) {
    out.nulls[row] = args[0].null(row) || args[1].null(row);
    out.values[row] = store_value(F(from_datum<A>(args[0].value(row)), from_datum<B>(args[1].value(row))));
  });
}

template <auto F>
void checked(FnContext&, const Vector* args, int, Rows rows, Vector& out) {
  using S = CheckedSignature<decltype(F)>;
  using R = typename S::Result;
  unsigned flags = 0;
  auto call = [](Datum a, Datum b, R* r) {
    if constexpr (S::kArgs == 1) return F(from_datum<typename S::First>(a), r);
    else return F(from_datum<typename S::First>(a), from_datum<typename S::Second>(b), r);
  };
  const Vector& second = args[S::kArgs - 1];
  if (!rows.index) {
    if (!join_nulls(args, S::kArgs, rows.count, out.nulls)) {
      loop2(args[0], second, rows.count, out.values, [&](Datum a, Datum b, uint32_t) {
        R r{};
        flags |= call(a, b, &r);
        return store_value(r);
      });
    } else {
      const uint8_t* nulls = out.nulls;
      loop2(args[0], second, rows.count, out.values, [&](Datum a, Datum b, uint32_t i) {
        R r{};
        flags |= call(a, b, &r) & (unsigned{nulls[i]} - 1u);
        return store_value(r);
      });
    }
  } else {
    for_rows(rows, [&](uint32_t row) {
      bool null = args[0].null(row) || second.null(row);
      R r{};
      if (!null) flags |= call(args[0].value(row), second.value(row), &r);
      out.nulls[row] = null;
      out.values[row] = store_value(r);
    });
  }
  if (flags) [[unlikely]] throw_arith(flags, arith_result<R>());
}

template <auto F>
constexpr Kernel total_kernel() {
  if constexpr (requires { typename TotalSignature<decltype(F)>::Second; }) return &total2<F>;
  else return &total1<F>;
}

}  // namespace dense_detail

#define TOTAL_FN(oid, f) ::postern::FnEntry { oid, ::postern::dense_detail::total_kernel<+f>() }
#define CHECKED_FN(oid, f) ::postern::FnEntry { oid, &::postern::dense_detail::checked<+f> }

}  // namespace postern
