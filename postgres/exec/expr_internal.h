// The evaluators behind expr_compile.cc's dispatch, by file.
#pragma once
#include "postgres/exec/expr.h"

namespace postern::exec {

// Makes out writable for rows < n.
inline void prepare_out(Code& c, uint32_t n) {
  if (n > c.capacity || !c.out.values) reserve(*c.arena, c.out, c.capacity, n);
}
// Two selection buffers with room for n rows.
uint16_t* selections(Code& c, uint32_t n);
inline uint16_t* second_selection(Code& c) { return c.sel + c.sel_capacity; }
void eval_args(Code& c, const EvalInput& in, Rows rows);
bool fn_is_volatile(Oid fn);
// Calls c.kernel over c.argv.
Vector call_kernel(Code& c, const EvalInput& in, Rows rows);

// expr_lazy.cc
Vector eval_and(Code&, const EvalInput&, Rows);
Vector eval_or(Code&, const EvalInput&, Rows);
Vector eval_not(Code&, const EvalInput&, Rows);
Vector eval_bool_test(Code&, const EvalInput&, Rows);
Vector eval_case(Code&, const EvalInput&, Rows);
Vector eval_coalesce(Code&, const EvalInput&, Rows);
Vector eval_min_max(Code&, const EvalInput&, Rows);
Vector eval_null_if(Code&, const EvalInput&, Rows);
Vector eval_distinct(Code&, const EvalInput&, Rows);

// expr_array.cc
void compile_any_array(const Compiler&, Code& c);
Vector eval_any_array(Code&, const EvalInput&, Rows);
Vector eval_array(Code&, const EvalInput&, Rows);
Vector eval_subscript(Code&, const EvalInput&, Rows);
Vector eval_slice(Code&, const EvalInput&, Rows);
Vector eval_array_assign(Code&, const EvalInput&, Rows);
Vector eval_array_coerce(Code&, const EvalInput&, Rows);
Vector eval_row(Code&, const EvalInput&, Rows);
Vector eval_field(Code&, const EvalInput&, Rows);
Vector eval_via_io(Code&, const EvalInput&, Rows);

// subplan.cc
void compile_subquery(const Compiler&, Code& c);
Vector eval_subquery(Code&, const EvalInput&, Rows);

}  // namespace postern::exec
