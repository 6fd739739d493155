// Running plan nodes. next() gives batches until one with no rows; the batch belongs to the node until its next next() or rescan(). After the end a node keeps giving empty
// batches until rescan(). Column vectors may have stride 0 (one value for all rows).
#pragma once
#include <chrono>
#include <memory>

#include "postgres/exec/state.h"
#include "postgres/types/session_services.h"

namespace postern::exec {

struct Instrument {
  uint64_t rows = 0, loops = 0, filtered = 0, filtered_join = 0, tuples = 0;
  uint64_t start_ns = 0, total_ns = 0;       // to the first batch, to the end
  uint64_t hits = 0, reads = 0, written = 0, dirtied = 0;
  bool running = false;
  // Node-specific, for EXPLAIN.
  uint64_t memory_bytes = 0, disk_bytes = 0, batches = 0, buckets = 0, heap_fetches = 0;
  const char* method = nullptr;
};

class Node {
 public:
  Node(ExecState& es, const sql::Plan& plan) : es_(es), plan_(plan) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Batch next() { return instr_ ? next_instrumented() : do_next(); }
  void rescan() {
    if (instr_) finish_loop();
    do_rescan();
  }
  void enable_instrument();
  Instrument* instrument() { return instr_.get(); }
  void finish_loop();
  const sql::Plan& plan() const { return plan_; }
  int ncols() const { return static_cast<int>(plan_.types.size()); }

 protected:
  virtual Batch do_next() = 0;
  virtual void do_rescan() = 0;
  Compiler compiler() { return Compiler{&es_, es_.services, &es_.arena, &batch_arena_}; }
  void check_interrupts() { if (es_.services) es_.services->check_interrupts(); }
  void count_filtered(uint64_t n) { if (instr_) instr_->filtered += n; }

  ExecState& es_;
  const sql::Plan& plan_;
  Arena batch_arena_{1024};
  std::unique_ptr<Instrument> instr_;

 private:
  Batch next_instrumented();
};

std::unique_ptr<Node> make_node(ExecState& es, const sql::Plan& plan);

// Targets of a node: what turns an input batch into its output. Without targets the input's columns pass through.
class Projection {
 public:
  void compile(const Compiler& cp, std::span<sql::Expr* const> targets);
  bool empty() const { return n_ == 0; }
  // Columns for the rows of `rows`.
  Batch apply(const EvalInput& in, Rows rows) {
    for (int i = 0; i < n_; i++) out_[i] = eval(codes_[i], in, rows);
    return Batch{out_, n_, rows};
  }
 private:
  Code** codes_ = nullptr;
  Vector* out_ = nullptr;
  int n_ = 0;
};

// Output columns with memory of their own.
struct OwnColumns {
  Vector* v = nullptr;
  int n = 0;
  uint32_t capacity = 0;
  void init(Arena& arena, int ncols);
  void reserve(Arena& arena, uint32_t rows);
};

std::unique_ptr<Node> make_result(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_project(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_filter(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_limit(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_append(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_unique_node(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_project_set(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_seq_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_index_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_bitmap_heap_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_tid_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_recheck_scan(ExecState&, const sql::Plan&, Tid tid);
std::unique_ptr<Node> make_function_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_values_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_cte_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_work_table_scan(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_recursive_union(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_materialize(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_nest_loop(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_hash_join(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_merge_join(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_agg(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_sort(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_distinct_hash(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_set_op(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_window_agg(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_lock_rows(ExecState&, const sql::Plan&);
std::unique_ptr<Node> make_modify(ExecState&, const sql::Plan&);

}  // namespace postern::exec
