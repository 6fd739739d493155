// Loops shared by the aggregates. A state is a plain struct, valid when zeroed; it is copied into registers while a whole batch goes to one group.
#pragma once
#include "postgres/types/native.h"

namespace postern::aggregate {

// The state of all rows if it is one and the same (no GROUP BY, or a batch of one group), else null.
inline void* single_state(void* const* states, Rows rows) {
  if (rows.count == 0) return nullptr;
  void* first = states[rows.row(0)];
  bool same = true;
  if (!rows.index) {
    for (uint32_t i = 1; i < rows.count; i++) same &= states[i] == first;
  } else {
    for (uint32_t i = 1; i < rows.count; i++) same &= states[rows.index[i]] == first;
  }
  return same ? first : nullptr;
}

// f(S&, row) for each row in which the first nargs arguments are not NULL.
template <class S, class F>
inline void for_each_input(void* const* states, const Vector* args, int nargs, Rows rows, F f) {
  bool nulls = false;
  for (int i = 0; i < nargs; i++) nulls |= args[i].nulls != nullptr;
  auto skip = [&](uint32_t row) {
    for (int i = 0; i < nargs; i++)
      if (args[i].null(row)) return true;
    return false;
  };
  if (void* one = single_state(states, rows)) {
    S local = *static_cast<S*>(one);
    if (!nulls) for_rows(rows, [&](uint32_t row) { f(local, row); });
    else for_rows(rows, [&](uint32_t row) { if (!skip(row)) f(local, row); });
    *static_cast<S*>(one) = local;
  } else if (!nulls) {
    for_rows(rows, [&](uint32_t row) { f(*static_cast<S*>(states[row]), row); });
  } else {
    for_rows(rows, [&](uint32_t row) { if (!skip(row)) f(*static_cast<S*>(states[row]), row); });
  }
}

// One-argument aggregates: f(S&, T).
template <class S, class T, class F>
inline void for_each_value(void* const* states, const Vector& arg, Rows rows, F f) {
  if (arg.stride == 1) {
    const Datum* values = arg.values;
    for_each_input<S>(states, &arg, 1, rows, [=](S& s, uint32_t row) { f(s, from_datum<T>(values[row])); });
  } else {
    const Datum v = *arg.values;
    for_each_input<S>(states, &arg, 1, rows, [=](S& s, uint32_t) { f(s, from_datum<T>(v)); });
  }
}

// AggEntry of a struct with: update(cx, states, args, nargs, rows), bool finalize(cx, Datum*), void combine(cx, const S&).
template <class S>
constexpr AggEntry entry(uint32_t oid) {
  return {oid, sizeof(S), &S::update, [](FnContext& cx, void* state, Datum* out) { return static_cast<S*>(state)->finalize(cx, out); },
          [](FnContext& cx, void* into, const void* from) { static_cast<S*>(into)->combine(cx, *static_cast<const S*>(from)); }};
}

}  // namespace postern::aggregate
