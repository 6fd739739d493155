#pragma once
#include "postgres/exec/node.h"

namespace postern::exec {

struct Execution::Impl {
  ExecState es;                    // first in, last out: nodes use it
  std::unique_ptr<Node> root;
  bool done = false;
};

void finish_modifying_ctes(ExecState& es);
// Gets the next batch of a CTE into its store; false at its end.
bool pull_cte(ExecState& es, int index);

}  // namespace postern::exec
