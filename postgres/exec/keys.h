// Keys of rows: evaluating, comparing, and remembering one row's key (Unique, WITH TIES, sorted grouping, merge joins, window peers).
#pragma once
#include "postgres/exec/node.h"
#include "postgres/types/type_info.h"

namespace postern::exec {

struct KeyType {
  const TypeInfo* type;
  bool desc = false, nulls_first = false;
};
// Throws 42883 when the type has no order (or no equality).
const TypeInfo& ordered_type(Oid type);

inline int compare_keys(FnContext& cx, const KeyType& k, Datum a, bool a_null, Datum b, bool b_null) {
  if (a_null || b_null) {
    if (a_null && b_null) return 0;
    return a_null == k.nulls_first ? -1 : 1;
  }
  int c = compare_datums(cx, *k.type, a, b);
  return k.desc ? -c : c;
}

class RowKeys {
 public:
  void init(Arena& arena, const Compiler& cp, std::span<const sql::SortKey> keys);
  void init_exprs(Arena& arena, const Compiler& cp, std::span<sql::Expr* const> exprs);
  int size() const { return n_; }
  void set_direction(int i, bool desc, bool nulls_first) {
    types_[i].desc = desc;
    types_[i].nulls_first = nulls_first;
  }
  // Evaluates all keys for a batch; then the *_current functions work on its rows.
  void evaluate(const Batch& b);
  bool current_equals_remembered(uint32_t row) const { return compare_current_to_remembered(row) == 0; }
  int compare_current_to_remembered(uint32_t row) const;
  void remember_current(uint32_t row);
  const Vector* vectors() const { return v_; }
  const KeyType* types() const { return types_; }
  // For a single row of some columns.
  void remember(const Vector* columns, uint32_t row);
  bool equals_remembered(const Vector* columns, uint32_t row);
  Datum remembered(int i) const { return last_[i]; }
  bool remembered_null(int i) const { return last_null_[i]; }
  FnContext& cx() const { return cx_; }

 private:
  void alloc(Arena& arena, const Compiler& cp, int n);
  int n_ = 0;
  Code** codes_ = nullptr;
  Vector* v_ = nullptr;
  KeyType* types_ = nullptr;
  Datum* last_ = nullptr;
  uint8_t* last_null_ = nullptr;
  Arena memory_{256};
  mutable FnContext cx_;
};

}  // namespace postern::exec
