// Nested loop join: the right side runs again for each left row, usually as an index scan that gets its keys through exec parameters.
//
// Small results of the right side are collected until a batch is full or the left batch ends, so that what is above works on batches whatever the fan-out. The order of
// the left side is kept.
#include <algorithm>

#include "postgres/exec/node.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using sql::JoinType;
using sql::Plan;

namespace {

constexpr uint32_t kDirectRows = 128;   // right batches of at least this many rows go up without copying

class NestLoopNode final : public Node {
 public:
  NestLoopNode(ExecState& es, const Plan& plan) : Node(es, plan), left_(make_node(es, *plan.left)), right_(make_node(es, *plan.right)) {
    Compiler cp = compiler();
    join_filter_.compile(cp, plan.join_filter);
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
    Compiler params = cp;
    params.batch_arena = &param_arena_;
    param_codes_ = params.compile_all(plan.nest_params);
    nparams_ = static_cast<int>(plan.nest_params.size());
    param_values_ = es.arena.alloc_array<Vector>(nparams_);
    nleft_ = static_cast<int>(plan.left->types.size());
    nright_ = static_cast<int>(plan.right->types.size());
    one_sided_ = plan.join == JoinType::kSemi || plan.join == JoinType::kAnti;
    row_columns_ = es.arena.alloc_array<Vector>(nleft_);
    columns_ = es.arena.alloc_array<Vector>(nleft_ + nright_);
    used_ = es.arena.alloc_array<uint8_t>(nleft_ + nright_);
    std::fill(used_, used_ + nleft_ + nright_, plan.targets.empty());
    std::span<uint8_t> lu{used_, static_cast<size_t>(nleft_)}, ru{used_ + nleft_, static_cast<size_t>(nright_)};
    for (const sql::Expr* e : plan.targets) {
      mark_used(e, 0, lu, es.stmt);
      mark_used(e, 1, ru, es.stmt);
    }
    mark_used(plan.filter, 0, lu, es.stmt);
    mark_used(plan.filter, 1, ru, es.stmt);
    for (int i = 0; i < nright_; i++) by_value_.push_back(type_info(plan.right->types[i]).by_value);
    collected_.init(es.arena, nleft_ + nright_);
  }

 protected:
  Batch do_next() override {
    batch_arena_.reset();
    if (!ncollected_) collect_arena_.reset();
    for (;;) {
      if (pending_.count) {
        if (Batch b = take_pending(); b.rows.count) return b;
        continue;
      }
      if (in_row_) {
        if (Batch b = next_right(); b.rows.count) return b;
        continue;
      }
      if (at_ < in_.rows.count) {
        start_row(in_.rows.row(at_++));
        continue;
      }
      if (ncollected_) {
        if (Batch b = flush(); b.rows.count) return b;
        collect_arena_.reset();
        continue;
      }
      if (one_sided_ && nselected_) {
        uint32_t n = nselected_;
        nselected_ = 0;
        if (Batch b = finish({in_.columns, nullptr}, Rows{selected_, n}, in_.columns, in_.ncols); b.rows.count) return b;
        continue;
      }
      if (done_) return {};
      if (!next_left()) return {};
    }
  }
  void do_rescan() override {
    left_->rescan();
    in_ = Batch{};
    at_ = ncollected_ = nselected_ = 0;
    pending_ = Rows{};
    in_row_ = done_ = false;
  }

 private:
  bool next_left() {
    check_interrupts();
    in_ = left_->next();
    at_ = 0;
    if (!in_.rows.count) {
      done_ = true;
      return false;
    }
    param_arena_.reset();
    EvalInput ei{{in_.columns, nullptr}, row_bound(in_.rows)};
    for (int i = 0; i < nparams_; i++) param_values_[i] = eval(param_codes_[i], ei, in_.rows);
    if (one_sided_ && !selected_) selected_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
    return true;
  }

  void start_row(uint32_t row) {
    row_ = row;
    for (int i = 0; i < nparams_; i++) {
      const Vector& v = param_values_[i];
      bool null = v.null(row);
      es_.set_slot(plan_.nest_slots[i], null ? 0 : v.value(row), null);
    }
    if (right_started_) right_->rescan();
    right_started_ = true;
    matched_ = false;
    in_row_ = true;
    for (int i = 0; i < nleft_; i++) {
      const Vector& v = in_.columns[i];
      row_columns_[i] = Vector{v.values + row * v.stride, v.null(row) ? v.nulls + row * v.stride : nullptr, 0};
    }
  }

  // The next rows of the right side for the current left row.
  Batch next_right() {
    right_batch_ = right_->next();
    if (!right_batch_.rows.count) {
      in_row_ = false;
      if (!matched_ && plan_.join == JoinType::kLeft) return collect_unmatched();
      if (!matched_ && plan_.join == JoinType::kAnti) selected_[nselected_++] = static_cast<uint16_t>(row_);
      return {};
    }
    Rows rows = right_batch_.rows;
    if (!join_filter_.empty()) {
      rows = join_filter_.apply(EvalInput{{row_columns_, right_batch_.columns}, row_bound(rows)}, rows);
      if (instr_) instr_->filtered_join += right_batch_.rows.count - rows.count;
    }
    if (!rows.count) return {};
    matched_ = true;
    if (one_sided_) {
      in_row_ = false;
      if (plan_.join == JoinType::kSemi) selected_[nselected_++] = static_cast<uint16_t>(row_);
      return {};
    }
    if (rows.count >= kDirectRows && !ncollected_) {
      std::copy(row_columns_, row_columns_ + nleft_, columns_);
      std::copy(right_batch_.columns, right_batch_.columns + nright_, columns_ + nleft_);
      return finish({row_columns_, right_batch_.columns}, rows, columns_, nleft_ + nright_);
    }
    pending_ = rows;
    pending_at_ = 0;
    return {};
  }

  void make_room() {
    if (ncollected_ + pending_.count > collected_.capacity && collected_.capacity < kBatchRows) grow_collected(std::min<uint32_t>(ncollected_ + pending_.count, kBatchRows));
  }
  void grow_collected(uint32_t n) {
    std::vector<Vector> old(collected_.v, collected_.v + collected_.n);
    collected_.reserve(es_.arena, n);
    for (int i = 0; i < collected_.n && ncollected_; i++) {
      std::memcpy(collected_.v[i].values, old[i].values, ncollected_ * sizeof(Datum));
      std::memcpy(collected_.v[i].nulls, old[i].nulls, ncollected_);
    }
  }
  void collect_left(uint32_t n) {
    for (int i = 0; i < nleft_; i++) {
      if (!used_[i]) continue;
      Datum d = row_columns_[i].values[0];
      uint8_t null = row_columns_[i].nulls != nullptr;
      for (uint32_t k = 0; k < n; k++) {
        collected_.v[i].values[ncollected_ + k] = d;
        collected_.v[i].nulls[ncollected_ + k] = null;
      }
    }
  }
  // Moves pending rows to the collected ones; a batch when those are full.
  Batch take_pending() {
    make_room();
    uint32_t n = std::min(pending_.count - pending_at_, collected_.capacity - ncollected_);
    collect_left(n);
    for (int i = 0; i < nright_; i++) {
      if (!used_[nleft_ + i]) continue;
      const Vector& from = right_batch_.columns[i];
      Vector& to = collected_.v[nleft_ + i];
      for (uint32_t k = 0; k < n; k++) {
        uint32_t r = pending_.row(pending_at_ + k);
        bool null = from.null(r);
        to.nulls[ncollected_ + k] = null;
        to.values[ncollected_ + k] = null ? 0 : by_value_[i] ? from.value(r) : make_bytes(collect_arena_, as_view(from.value(r)));
      }
    }
    ncollected_ += n;
    pending_at_ += n;
    if (pending_at_ == pending_.count) pending_ = Rows{};
    return ncollected_ == kBatchRows ? flush() : Batch{};
  }
  Batch collect_unmatched() {
    if (ncollected_ + 1 > collected_.capacity) grow_collected(ncollected_ + 1);
    collect_left(1);
    for (int i = 0; i < nright_; i++) {
      collected_.v[nleft_ + i].nulls[ncollected_] = 1;
      collected_.v[nleft_ + i].values[ncollected_] = 0;
    }
    ncollected_++;
    return ncollected_ == kBatchRows ? flush() : Batch{};
  }
  Batch flush() {
    uint32_t n = ncollected_;
    ncollected_ = 0;
    return finish({collected_.v, collected_.v + nleft_}, Rows{nullptr, n}, collected_.v, nleft_ + nright_);
  }
  struct Sides { const Vector *left, *right; };
  Batch finish(Sides sides, Rows rows, Vector* columns, int ncols) {
    EvalInput in{{sides.left, sides.right}, row_bound(rows)};
    if (!filter_.empty()) {
      uint32_t before = rows.count;
      rows = filter_.apply(in, rows);
      count_filtered(before - rows.count);
      if (!rows.count) return {};
    }
    return targets_.empty() ? Batch{columns, ncols, rows} : targets_.apply(in, rows);
  }

  std::unique_ptr<Node> left_, right_;
  Predicate join_filter_, filter_;
  Projection targets_;
  Arena param_arena_{256}, collect_arena_{1024};
  Code** param_codes_;
  Vector* param_values_;
  int nparams_, nleft_, nright_;
  bool one_sided_;
  Vector *row_columns_, *columns_;
  uint8_t* used_;
  std::vector<uint8_t> by_value_;
  OwnColumns collected_;
  uint32_t ncollected_ = 0;
  Batch in_, right_batch_;
  uint32_t at_ = 0, row_ = 0;
  Rows pending_;
  uint32_t pending_at_ = 0;
  uint16_t* selected_ = nullptr;
  uint32_t nselected_ = 0;
  bool in_row_ = false, matched_ = false, right_started_ = false, done_ = false;
};

}  // namespace

std::unique_ptr<Node> make_nest_loop(ExecState& es, const Plan& p) { return std::make_unique<NestLoopNode>(es, p); }

}  // namespace postern::exec
