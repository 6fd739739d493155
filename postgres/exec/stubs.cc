#include "common/base/error.h"
#include "postgres/exec/node.h"
namespace postern::exec {
using sql::Plan;
std::unique_ptr<Node> make_hash_join(ExecState&, const Plan&) { throw_unsupported("hash join"); }
std::unique_ptr<Node> make_merge_join(ExecState&, const Plan&) { throw_unsupported("merge join"); }
std::unique_ptr<Node> make_set_op(ExecState&, const Plan&) { throw_unsupported("INTERSECT and EXCEPT"); }
std::unique_ptr<Node> make_window_agg(ExecState&, const Plan&) { throw_unsupported("window functions"); }
std::unique_ptr<Node> make_lock_rows(ExecState&, const Plan&) { throw_unsupported("FOR UPDATE"); }
}  // namespace postern::exec
