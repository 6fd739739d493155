// How built-in functions, operators, casts and aggregates are written and found.
//
// A function is written once, as a scalar C++ callable over C++ types (see native.h for the mapping); STRICT_FN and friends derive
// the vector kernel from it. What SQL knows about it (name, argument types, volatility …) is never written by hand: it is the
// row with the same OID in the fact tables of catalog facts (builtin_procs.h), which were generated from PostgreSQL 15's own catalogs.
// Only functions with a kernel exist: pg_proc rows, name resolution and \df show exactly those.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "postgres/types/datum.h"
#include "postgres/types/vector.h"

namespace postern {

struct SessionServices;  // what upper layers lend to functions (current user, nextval, catalog lookups); see session_services.h
struct TimeSettings;     // TimeZone, DateStyle, IntervalStyle; see datetime.h

// Passed to every kernel. Results of by-reference types go to `arena`.
struct FnContext {
  Arena* arena = nullptr;
  SessionServices* services = nullptr;  // never null in a session; null in unit tests of pure functions
  Oid collation{0};                     // input collation (100 = default; "C" byte order is the only order so far)
  Oid result_type{0};                   // for polymorphic functions: resolved types of result and arguments
  std::span<const Oid> arg_types;
  void* fn_state = nullptr;             // per call site, kept between batches: a kernel may cache here (e.g. a compiled regex)
  Arena* fn_arena = nullptr;            // arena of fn_state, lives as long as the plan's execution
};

// Computes out.values[row]/out.nulls[row] for each row of rows. out has stride 1 and room for kBatchRows in both arrays; kernels write
// both. Throws SqlError. A strict kernel gives NULL for a row with a NULL argument without calling the function.
using Kernel = void (*)(FnContext& cx, const Vector* args, int nargs, Rows rows, Vector& out);

struct FnEntry {
  uint32_t oid;   // PostgreSQL's pg_proc OID
  Kernel kernel;
};

// Aggregates. Each group has a state of state_size bytes (8-aligned, zeroed before init). Variable-size parts go to cx.arena, which lives as
// long as the groups. update gets one state pointer per row: states[row].
struct AggEntry {
  uint32_t oid;          // pg_proc OID (prokind 'a')
  uint32_t state_size;
  void (*update)(FnContext& cx, void* const* states, const Vector* args, int nargs, Rows rows);
  // Writes the result of one group; returns false for NULL. Must be repeatable (window frames, cursors).
  bool (*finalize)(FnContext& cx, void* state, Datum* out);
  void (*combine)(FnContext& cx, void* into, const void* from) = nullptr;  // null: no partial aggregation
};

// Set-returning functions. make() creates the iterator for one call (arguments may be NULL); next() fills up to max_rows rows of the
// ncols output vectors (already allocated, stride 1, with nulls) and returns how many, 0 at the end.
struct SetFunction {
  virtual ~SetFunction() = default;
  virtual uint32_t next(FnContext& cx, Vector* out, int ncols, uint32_t max_rows) = 0;
};
struct SetFnEntry {
  uint32_t oid;
  SetFunction* (*make)(FnContext& cx, const NullableDatum* args, int nargs);  // new'ed; owner deletes
};

// The tables of every folder that defines functions (types, catalog, ddl, session …) are joined by main, before anything is
// looked up. Each table is sorted by oid.
struct FnTables {
  std::span<const FnEntry> functions;
  std::span<const AggEntry> aggregates;
  std::span<const SetFnEntry> set_functions;
};
void set_fn_tables(std::span<const FnTables* const> tables);
const FnEntry* find_function(Oid oid);          // nullptr: not implemented
const AggEntry* find_aggregate(Oid oid);
const SetFnEntry* find_set_function(Oid oid);
bool fn_is_implemented(Oid oid);                // any of the three

}  // namespace postern
