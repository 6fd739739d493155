// Compiled expressions: a tree of small nodes, evaluated a batch at a time under a selection of rows.
//
// Invariants:
//  1. A node computes only the selected rows, so errors come only from rows that count. AND, OR, CASE and COALESCE narrow the selection for what follows.
//  2. A result keeps the input's row numbering. It lives in memory of the node that made it (or is the input's own vector) until the node is evaluated again;
//     by-reference values live in the batch arena of the Compiler that made the node.
//  3. Result vectors are as large as the largest batch seen so far: a point query never pays for kBatchRows.
#pragma once
#include <span>

#include "postgres/sql/analyze/bound.h"
#include "postgres/types/fn.h"

namespace postern::sql { struct PlannedStmt; }

namespace postern::exec {

struct ExecState;
struct Code;

// The rows an expression reads: kTest/kColumn rel 0 and rel 1. Row numbers are < n.
struct EvalInput {
  const Vector* cols[2] = {nullptr, nullptr};
  uint32_t n = 1;
};
inline uint32_t row_bound(Rows rows) { return rows.count ? rows.row(rows.count - 1) + 1 : 0; }

using EvalFn = Vector (*)(Code& c, const EvalInput& in, Rows rows);

struct Code {
  EvalFn ev;
  Code** args = nullptr;
  Vector* argv = nullptr;       // values of args
  int nargs = 0;
  uint32_t capacity = 0;        // rows that out has room for
  Vector out;
  const sql::Expr* e = nullptr;
  Kernel kernel = nullptr;
  FnContext cx;
  ExecState* state = nullptr;
  Arena* arena = nullptr;       // of the code itself
  uint16_t* sel = nullptr;      // two selections of sel_capacity entries, for lazy nodes
  uint32_t sel_capacity = 0;
  int8_t is_volatile = -1;      // -1: not looked up yet
  Datum value = 0;              // constants
  uint8_t null_byte = 0;
  void* extra = nullptr;        // node-specific
};

inline Vector eval(Code* c, const EvalInput& in, Rows rows) { return c->ev(*c, in, rows); }
// One value of an expression that reads no columns.
NullableDatum eval_scalar(Code* c);

struct Compiler {
  ExecState* state = nullptr;              // parameters and sub-selects; null: stand-alone expressions
  SessionServices* services = nullptr;
  Arena* arena = nullptr;                  // code and vectors: life of the execution
  Arena* batch_arena = nullptr;            // by-reference results

  Code* compile(const sql::Expr& e) const;
  Code** compile_all(std::span<sql::Expr* const> list) const;
};
FnContext make_context(const Compiler& cp, Oid result_type, Oid collation);

// A condition, taken apart at its ANDs.
class Predicate {
 public:
  void compile(const Compiler& cp, const sql::Expr* e);        // null: always true
  bool empty() const { return n_ == 0; }
  Rows apply(const EvalInput& in, Rows rows);                   // rows for which it is true
 private:
  Code** conds_ = nullptr;
  int n_ = 0;
  uint16_t* sel_ = nullptr;
  uint32_t capacity_ = 0;
  Arena* arena_ = nullptr;
};

// Rows of `rows` where v is true; out may be rows.index itself.
uint32_t select_true(const Vector& v, Rows rows, uint16_t* out);
// Room for n rows (rounded up so that growing is rare) in v, from arena.
void reserve(Arena& arena, Vector& v, uint32_t& capacity, uint32_t n);
uint32_t rounded_capacity(uint32_t n);
void copy_rows(const Vector& from, Rows rows, Vector& to);
// Marks the vector as free of NULLs if it is (dense rows only), which makes consumers faster.
inline void trim_nulls(Vector& v, Rows rows) {
  if (rows.index || !v.nulls || !v.stride || rows.count < 32) return;
  if (!std::memchr(v.nulls, 1, rows.count)) v.nulls = nullptr;
}

// The largest attno of input `rel` that e reads, per column: used[attno] = 1. used must be large enough.
// stmt: sub-selects in e use the columns that are their parameters.
void mark_used(const sql::Expr* e, int rel, std::span<uint8_t> used, const sql::PlannedStmt* stmt = nullptr);

}  // namespace postern::exec
