// Merge join of two inputs sorted by the join keys. Rows of the right side with equal keys are kept as a group, which is joined with every left row of that key; so
// duplicates on both sides are fine and the right side is read only once.
#include <algorithm>

#include "common/base/error.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/keys.h"

namespace postern::exec {
using sql::JoinType;
using sql::Plan;

namespace {

class MergeJoinNode final : public Node {
 public:
  MergeJoinNode(ExecState& es, const Plan& plan)
      : Node(es, plan), left_(make_node(es, *plan.left)), right_(make_node(es, *plan.right)), group_(plan.right->types, es.settings.work_mem_bytes) {
    Compiler cp = compiler();
    join_filter_.compile(cp, plan.join_filter);
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
    Compiler keys = cp;
    keys.batch_arena = &left_arena_;
    left_keys_.init_exprs(es.arena, keys, plan.left_keys);
    keys.batch_arena = &right_arena_;
    right_keys_.init_exprs(es.arena, keys, plan.right_keys);
    for (int i = 0; i < left_keys_.size(); i++) {
      const KeyType &l = left_keys_.types()[i], &r = right_keys_.types()[i];
      if (l.type != r.type && (l.type->compare_kind != r.type->compare_kind || l.type->compare_kind == CompareKind::kOther)) throw_unsupported("merge join of different types");
      if (static_cast<size_t>(i) < plan.merge_keys.size()) {
        left_keys_.set_direction(i, plan.merge_keys[i].desc, plan.merge_keys[i].nulls_first);
        right_keys_.set_direction(i, plan.merge_keys[i].desc, plan.merge_keys[i].nulls_first);
      }
    }
    nleft_ = static_cast<int>(plan.left->types.size());
    nright_ = static_cast<int>(plan.right->types.size());
    row_columns_ = es.arena.alloc_array<Vector>(nleft_);
    nulls_left_ = null_columns(nleft_);
    nulls_right_ = null_columns(nright_);
    out_.init(es.arena, nleft_ + nright_);
    for (Oid t : plan.left->types) by_value_.push_back(type_info(t).by_value);
    for (Oid t : plan.right->types) by_value_.push_back(type_info(t).by_value);
    left_outer_ = plan.join == JoinType::kLeft || plan.join == JoinType::kFull;
    right_outer_ = plan.join == JoinType::kRight || plan.join == JoinType::kFull;
  }

 protected:
  Batch do_next() override {
    batch_arena_.reset();
    collected_arena_.reset();
    ncollected_ = 0;
    while (!done_ && ncollected_ < kBatchRows) {
      step();
      if (ncollected_ == kBatchRows || (done_ && ncollected_)) {
        if (Batch b = finish(out_.v, out_.v + nleft_, Rows{nullptr, ncollected_}); b.rows.count) return b;
        ncollected_ = 0;
        collected_arena_.reset();
      }
    }
    return {};
  }
  void do_rescan() override {
    left_->rescan();
    right_->rescan();
    group_.clear();
    left_batch_ = right_batch_ = Batch{};
    left_at_ = right_at_ = 0;
    state_ = kNextLeft;
    done_ = right_end_ = have_group_ = left_pending_ = false;
  }

 private:
  enum State : uint8_t { kNextLeft, kJoinGroup, kUnmatchedGroup, kRest };

  static inline Datum kNoValue = 0;
  static inline uint8_t kNull = 1;
  Vector* null_columns(int n) {
    auto* v = es_.arena.alloc_array<Vector>(n);
    for (int i = 0; i < n; i++) v[i] = Vector{&kNoValue, &kNull, 0};
    return v;
  }

  void step() {
    switch (state_) {
      case kNextLeft: next_left(); break;
      case kJoinGroup: join_group(); break;
      case kUnmatchedGroup: unmatched_group(); break;
      case kRest:
        if (!right_outer_ || (!have_group_ && !load_group())) done_ = true;
        else start_unmatched(kRest);
        break;
    }
  }

  // Moves to the next left row and finds its group.
  void next_left() {
    if (!left_pending_) {
      if (left_at_ >= left_batch_.rows.count) {
        check_interrupts();
        left_arena_.reset();
        left_batch_ = left_->next();
        left_at_ = 0;
        if (!left_batch_.rows.count) {
          state_ = kRest;
          return;
        }
        left_keys_.evaluate(left_batch_);
      }
      row_ = left_batch_.rows.row(left_at_++);
      for (int i = 0; i < nleft_; i++) {
        const Vector& v = left_batch_.columns[i];
        row_columns_[i] = Vector{v.values + row_ * v.stride, v.null(row_) ? v.nulls + row_ * v.stride : nullptr, 0};
      }
      left_pending_ = true;
      matched_ = false;
    }
    for (;;) {
      if (!have_group_ && !load_group()) break;
      int c = compare_left_to_group();
      if (c < 0) break;
      if (c == 0 && !has_null()) {
        reader_.rewind();
        state_ = kJoinGroup;
        return;
      }
      if (c == 0) break;   // NULL keys on both sides: no match
      if (right_outer_) {
        start_unmatched(kNextLeft);
        return;
      }
      have_group_ = false;
    }
    left_done();
  }
  void left_done() {
    if (!matched_ && (left_outer_ || plan_.join == JoinType::kAnti)) collect(row_columns_, nulls_right_, 0);
    left_pending_ = false;
    state_ = kNextLeft;
  }
  bool has_null() const {
    for (int i = 0; i < left_keys_.size(); i++)
      if (left_keys_.vectors()[i].null(row_)) return true;
    return false;
  }
  int compare_left_to_group() const {
    for (int i = 0; i < left_keys_.size(); i++) {
      const Vector& v = left_keys_.vectors()[i];
      int c = compare_keys(left_keys_.cx(), left_keys_.types()[i], v.value(row_), v.null(row_), right_keys_.remembered(i), right_keys_.remembered_null(i));
      if (c) return c;
    }
    return 0;
  }

  // Reads all right rows of the next key; false at the end.
  bool load_group() {
    group_.clear();
    reader_ = {};
    group_matched_.clear();
    bool first = true;
    while (!right_end_) {
      if (right_at_ >= right_batch_.rows.count) {
        check_interrupts();
        right_arena_.reset();
        right_batch_ = right_->next();
        right_at_ = 0;
        if (!right_batch_.rows.count) {
          right_end_ = true;
          break;
        }
        right_keys_.evaluate(right_batch_);
      }
      if (first) {
        right_keys_.remember_current(right_batch_.rows.row(right_at_));
        first = false;
      }
      uint32_t n = 0;
      uint16_t sel[kBatchRows];
      while (right_at_ < right_batch_.rows.count) {
        uint32_t r = right_batch_.rows.row(right_at_);
        if (!right_keys_.current_equals_remembered(r)) break;
        sel[n++] = static_cast<uint16_t>(r);
        right_at_++;
      }
      if (n) group_.append(right_batch_.columns, Rows{sel, n});
      if (right_at_ < right_batch_.rows.count) break;
    }
    have_group_ = group_.rows() != 0;
    if (have_group_ && right_outer_) group_matched_.assign(group_.rows(), 0);
    group_at_ = 0;
    return have_group_;
  }

  // One batch of the group with the current left row.
  void join_group() {
    if (reader_.chunk == 0 && reader_.row == 0) group_at_ = 0;
    Batch b = group_.read(reader_, kBatchRows - ncollected_);
    if (!b.rows.count) {
      left_done();
      return;
    }
    Rows rows = b.rows;
    if (!join_filter_.empty()) {
      rows = join_filter_.apply(EvalInput{{row_columns_, b.columns}, row_bound(rows)}, rows);
      if (instr_) instr_->filtered_join += b.rows.count - rows.count;
    }
    if (rows.count) matched_ = true;
    if (right_outer_) for_rows(rows, [&](uint32_t r) { group_matched_[group_at_ + r] = 1; });
    group_at_ += b.rows.count;
    if (plan_.join == JoinType::kSemi || plan_.join == JoinType::kAnti) {
      if (!rows.count) return;
      if (plan_.join == JoinType::kSemi) collect(row_columns_, nulls_right_, 0);
      left_pending_ = false;
      state_ = kNextLeft;
      return;
    }
    for_rows(rows, [&](uint32_t r) { collect(row_columns_, b.columns, r); });
  }

  void start_unmatched(State next) {
    after_group_ = next;
    state_ = kUnmatchedGroup;
    reader_.rewind();
    group_at_ = 0;
  }
  void unmatched_group() {
    Batch b = group_.read(reader_, kBatchRows - ncollected_);
    if (!b.rows.count) {
      have_group_ = false;
      state_ = after_group_;
      return;
    }
    for (uint32_t r = 0; r < b.rows.count; r++)
      if (!group_matched_[group_at_ + r]) collect(nulls_left_, b.columns, r);
    group_at_ += b.rows.count;
  }

  void collect(const Vector* left, const Vector* right, uint32_t right_row) {
    if (ncollected_ >= out_.capacity) {
      std::vector<Vector> old(out_.v, out_.v + out_.n);
      out_.reserve(es_.arena, ncollected_ + 1);
      for (int i = 0; i < out_.n && ncollected_; i++) {
        std::memcpy(out_.v[i].values, old[i].values, ncollected_ * sizeof(Datum));
        std::memcpy(out_.v[i].nulls, old[i].nulls, ncollected_);
      }
    }
    for (int i = 0; i < nleft_ + nright_; i++) {
      const Vector& v = i < nleft_ ? left[i] : right[i - nleft_];
      uint32_t r = i < nleft_ ? 0 : right_row;
      bool null = v.null(r);
      out_.v[i].nulls[ncollected_] = null;
      out_.v[i].values[ncollected_] = null ? 0 : by_value_[i] ? v.value(r) : make_bytes(collected_arena_, as_view(v.value(r)));
    }
    ncollected_++;
  }

  Batch finish(const Vector* left, const Vector* right, Rows rows) {
    EvalInput in{{left, right}, row_bound(rows)};
    if (!filter_.empty()) {
      uint32_t before = rows.count;
      rows = filter_.apply(in, rows);
      count_filtered(before - rows.count);
      if (!rows.count) return {};
    }
    return targets_.empty() ? Batch{out_.v, out_.n, rows} : targets_.apply(in, rows);
  }

  std::unique_ptr<Node> left_, right_;
  ColumnStore group_;
  ColumnStore::Reader reader_;
  Predicate join_filter_, filter_;
  Projection targets_;
  Arena left_arena_{256}, right_arena_{256}, collected_arena_{1024};
  RowKeys left_keys_, right_keys_;
  int nleft_, nright_;
  Vector *row_columns_, *nulls_left_, *nulls_right_;
  OwnColumns out_;
  std::vector<uint8_t> by_value_;
  bool left_outer_, right_outer_;
  Batch left_batch_, right_batch_;
  uint32_t left_at_ = 0, right_at_ = 0, row_ = 0, ncollected_ = 0;
  uint64_t group_at_ = 0;
  std::vector<uint8_t> group_matched_;
  State state_ = kNextLeft, after_group_ = kNextLeft;
  bool done_ = false, right_end_ = false, have_group_ = false, left_pending_ = false, matched_ = false;
};

}  // namespace

std::unique_ptr<Node> make_merge_join(ExecState& es, const Plan& p) { return std::make_unique<MergeJoinNode>(es, p); }

}  // namespace postern::exec
