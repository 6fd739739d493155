// Expressions of plans as text, for EXPLAIN: columns are shown by the names they have where they come from.
#pragma once
#include <string>
#include <vector>

#include "postgres/sql/plan/plan.h"

namespace postern::exec {

class ExprPrinter {
 public:
  // qualify: columns as alias.column (more than one relation in the statement).
  ExprPrinter(const sql::PlannedStmt& stmt, bool qualify) : stmt_(stmt), qualify_(qualify) {}

  // What kTest columns of an expression mean.
  enum class Input : uint8_t {
    kChildren,      // outputs of the plan's children
    kScan,          // the plan's own base columns
    kGroups,        // group keys, then aggregates
    kTable,         // rel 0: columns of the table being modified
    kWindow,        // child's outputs, then window functions
  };
  static Input output_input(const sql::Plan& p);    // of the plan's targets and filter

  std::string print(const sql::Expr& e, const sql::Plan& plan, Input input);
  std::string column(const sql::Plan& plan, int i);                 // output column i of plan
  std::string aggregate(const sql::AggCall& a, const sql::Plan& plan);
  std::string sort_key(const sql::SortKey& k, const sql::Plan& plan);
  std::string index_cond(const sql::IndexCond& c, const sql::Plan& plan);

  // Exec parameters whose origin is known: expressions over the left child of a nested loop, or over the node with a sub-select.
  struct Slot { int slot; const sql::Expr* e; const sql::Plan* plan; Input input; };
  std::vector<Slot> slots;

 private:
  std::string test(const sql::Expr& e, const sql::Plan& plan, Input input);
  std::string scan_column(const sql::Plan& plan, int i);
  std::string call(const sql::Expr& e, const sql::Plan& plan, Input input);
  std::string constant(const sql::Expr& e);
  std::string list(std::span<sql::Expr* const> v, const sql::Plan& plan, Input input, std::string_view between);
  std::string subquery(const sql::Expr& e, const sql::Plan& plan, Input input);
  const sql::PlannedStmt& stmt_;
  bool qualify_;
};

// Sub-selects that an expression refers to.
void collect_subplans(const sql::Expr* e, std::vector<int>& out);

}  // namespace postern::exec
