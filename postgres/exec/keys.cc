#include "postgres/exec/keys.h"

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::exec {

const TypeInfo& ordered_type(Oid type) {
  const TypeInfo& t = type_info(type);
  if (!t.compare && t.compare_kind != CompareKind::kInt64 && t.compare_kind != CompareKind::kBytes)
    throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify an ordering operator for type ", t.name)};
  return t;
}

void RowKeys::alloc(Arena& arena, const Compiler& cp, int n) {
  n_ = n;
  codes_ = arena.alloc_array<Code*>(n);
  v_ = arena.alloc_array<Vector>(n);
  types_ = arena.alloc_array<KeyType>(n);
  last_ = arena.alloc_array<Datum>(n);
  last_null_ = arena.alloc_array<uint8_t>(n);
  cx_ = make_context(cp, Oid{0}, Oid{0});
}

void RowKeys::init(Arena& arena, const Compiler& cp, std::span<const sql::SortKey> keys) {
  alloc(arena, cp, static_cast<int>(keys.size()));
  for (int i = 0; i < n_; i++) {
    codes_[i] = cp.compile(*keys[i].expr);
    types_[i] = KeyType{&ordered_type(keys[i].expr->type), keys[i].desc, keys[i].nulls_first};
  }
}

void RowKeys::init_exprs(Arena& arena, const Compiler& cp, std::span<sql::Expr* const> exprs) {
  alloc(arena, cp, static_cast<int>(exprs.size()));
  for (int i = 0; i < n_; i++) {
    codes_[i] = cp.compile(*exprs[i]);
    types_[i] = KeyType{&ordered_type(exprs[i]->type)};
  }
}

void RowKeys::evaluate(const Batch& b) {
  EvalInput in{{b.columns, b.columns}, row_bound(b.rows)};
  for (int i = 0; i < n_; i++) v_[i] = eval(codes_[i], in, b.rows);
}

int RowKeys::compare_current_to_remembered(uint32_t row) const {
  for (int i = 0; i < n_; i++) {
    int c = compare_keys(cx_, types_[i], v_[i].value(row), v_[i].null(row), last_[i], last_null_[i]);
    if (c) return c;
  }
  return 0;
}

void RowKeys::remember_current(uint32_t row) {
  memory_.reset();
  for (int i = 0; i < n_; i++) {
    last_null_[i] = v_[i].null(row);
    Datum d = v_[i].value(row);
    last_[i] = !last_null_[i] && !types_[i].type->by_value ? make_bytes(memory_, as_view(d)) : d;
  }
}

void RowKeys::remember(const Vector* columns, uint32_t row) {
  uint16_t index = static_cast<uint16_t>(row);
  evaluate(Batch{const_cast<Vector*>(columns), 0, Rows{&index, 1}});
  remember_current(row);
}

bool RowKeys::equals_remembered(const Vector* columns, uint32_t row) {
  uint16_t index = static_cast<uint16_t>(row);
  evaluate(Batch{const_cast<Vector*>(columns), 0, Rows{&index, 1}});
  return current_equals_remembered(row);
}

}  // namespace postern::exec
