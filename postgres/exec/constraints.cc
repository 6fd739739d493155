#include "postgres/exec/constraints.h"

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern::exec {

void RowConstraints::init(const Compiler& cp, const RelationDesc& table, std::span<sql::Expr* const> checks, std::span<const std::string_view> names) {
  table_ = &table;
  services_ = cp.services;
  checks_ = cp.compile_all(checks);
  nchecks_ = static_cast<int>(checks.size());
  names_ = names;
}

void RowConstraints::check(const Vector* columns, Rows rows) {
  const auto& attrs = table_->attrs;
  for (size_t i = 0; i < attrs.size(); i++) {
    if (!attrs[i].not_null || attrs[i].dropped || !columns[i].nulls) continue;
    for_rows(rows, [&](uint32_t r) {
      if (columns[i].null(r)) fail_not_null(static_cast<int>(i), columns, r);
    });
  }
  EvalInput in{{columns, nullptr}, row_bound(rows)};
  for (int i = 0; i < nchecks_; i++) {
    Vector v = eval(checks_[i], in, rows);
    for_rows(rows, [&](uint32_t r) {
      if (!v.null(r) && !v.value(r)) fail_check(i, columns, r);
    });
  }
}

std::string RowConstraints::describe(const Vector* columns, uint32_t row) const {
  constexpr size_t kShown = 64;
  std::string out = "Failing row contains (";
  Arena memory;
  FnContext cx;
  cx.arena = &memory;
  cx.services = services_;
  bool first = true;
  for (size_t i = 0; i < table_->attrs.size(); i++) {
    const AttrDesc& a = table_->attrs[i];
    if (a.dropped) continue;
    if (!first) out += ", ";
    first = false;
    if (columns[i].null(row)) {
      out += "null";
      continue;
    }
    std::string text;
    cx.result_type = a.type;
    type_info(a.type).out(cx, columns[i].value(row), text);
    if (text.size() > kShown) {
      size_t n = kShown;
      while (n > 0 && (static_cast<uint8_t>(text[n]) & 0xC0) == 0x80) n--;
      text.resize(n);
      text += "...";
    }
    out += text;
  }
  return out + ").";
}

void RowConstraints::fail_not_null(int column, const Vector* columns, uint32_t row) {
  SqlError e{sqlstate::kNotNullViolation, cat("null value in column \"", table_->attrs[column].name, "\" of relation \"", table_->name, "\" violates not-null constraint"),
             describe(columns, row)};
  e.schema_name = table_->namespace_name;
  e.table_name = table_->name;
  e.column_name = table_->attrs[column].name;
  throw e;
}

void RowConstraints::fail_check(int i, const Vector* columns, uint32_t row) {
  std::string name(static_cast<size_t>(i) < names_.size() ? names_[i] : std::string_view{});
  SqlError e{sqlstate::kCheckViolation, cat("new row for relation \"", table_->name, "\" violates check constraint \"", name, "\""), describe(columns, row)};
  e.schema_name = table_->namespace_name;
  e.table_name = table_->name;
  e.constraint_name = name;
  throw e;
}

}  // namespace postern::exec
