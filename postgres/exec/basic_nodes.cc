// The nodes that only shape a stream of rows: Result, Project, Filter, Limit, Append, Unique.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/keys.h"
#include "postgres/exec/node.h"

namespace postern::exec {
using sql::Plan;

namespace {

// One row, or a one-time filter over a child.
class ResultNode final : public Node {
 public:
  ResultNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    Compiler cp = compiler();
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
    if (plan.left) child_ = make_node(es, *plan.left);
  }

 protected:
  Batch do_next() override {
    if (done_) return {};
    batch_arena_.reset();
    EvalInput none;
    if (!checked_) {
      checked_ = true;
      if (!filter_.empty() && !filter_.apply(none, Rows{nullptr, 1}).count) {
        done_ = true;
        return {};
      }
    }
    if (!child_) {
      done_ = true;
      Batch b = targets_.apply(none, Rows{nullptr, 1});
      return b;
    }
    Batch in = child_->next();
    if (!in.rows.count) {
      done_ = true;
      return {};
    }
    if (targets_.empty()) return in;
    return targets_.apply(EvalInput{{in.columns, nullptr}, row_bound(in.rows)}, in.rows);
  }
  void do_rescan() override {
    done_ = checked_ = false;
    if (child_) child_->rescan();
  }

 private:
  Predicate filter_;
  Projection targets_;
  std::unique_ptr<Node> child_;
  bool done_ = false, checked_ = false;
};

// Filter and targets over a child: Project, Filter, SubqueryScan.
class ProjectNode final : public Node {
 public:
  ProjectNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)) {
    Compiler cp = compiler();
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
  }

 protected:
  Batch do_next() override {
    for (;;) {
      batch_arena_.reset();
      Batch in = child_->next();
      if (!in.rows.count) return {};
      EvalInput ei{{in.columns, nullptr}, row_bound(in.rows)};
      Rows rows = filter_.empty() ? in.rows : filter_.apply(ei, in.rows);
      count_filtered(in.rows.count - rows.count);
      if (!rows.count) continue;
      if (targets_.empty()) return Batch{in.columns, in.ncols, rows};
      return targets_.apply(ei, rows);
    }
  }
  void do_rescan() override { child_->rescan(); }

 private:
  std::unique_ptr<Node> child_;
  Predicate filter_;
  Projection targets_;
};

class LimitNode final : public Node {
 public:
  LimitNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)) {
    Compiler cp = compiler();
    if (plan.limit) limit_code_ = cp.compile(*plan.limit);
    if (plan.offset) offset_code_ = cp.compile(*plan.offset);
    if (plan.with_ties) ties_.init(es.arena, cp, plan.sort_keys.empty() && plan.left ? plan.left->sort_keys : plan.sort_keys);
  }

 protected:
  Batch do_next() override {
    if (!started_) start();
    for (;;) {
      if (done_) return {};
      if (left_ == 0 && !plan_.with_ties) {
        done_ = true;
        return {};
      }
      Batch b = child_->next();
      if (!b.rows.count) {
        done_ = true;
        return {};
      }
      uint32_t from = 0, to = b.rows.count;
      if (skip_) {
        from = static_cast<uint32_t>(std::min<uint64_t>(skip_, to));
        skip_ -= from;
        if (from == to) continue;
      }
      uint64_t n = to - from;
      if (limited_) {
        if (plan_.with_ties) n = take_with_ties(b, from);
        else if (n >= left_) n = left_, done_ = true;
        if (!plan_.with_ties) left_ -= n;
        if (!n) {
          done_ = true;
          return {};
        }
      }
      if (n == b.rows.count) return b;
      if (!b.rows.index && from == 0) return Batch{b.columns, b.ncols, Rows{nullptr, static_cast<uint32_t>(n)}};
      if (b.rows.index) return Batch{b.columns, b.ncols, Rows{b.rows.index + from, static_cast<uint32_t>(n)}};
      if (!sel_) sel_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
      for (uint32_t i = 0; i < n; i++) sel_[i] = static_cast<uint16_t>(from + i);
      return Batch{b.columns, b.ncols, Rows{sel_, static_cast<uint32_t>(n)}};
    }
  }
  void do_rescan() override {
    started_ = done_ = false;
    child_->rescan();
  }

 private:
  void start() {
    started_ = true;
    skip_ = 0;
    limited_ = false;
    have_last_ = false;
    if (offset_code_) {
      NullableDatum d = eval_scalar(offset_code_);
      if (!d.null) {
        if (as_int8(d.value) < 0) throw SqlError{sqlstate::kInvalidRowCountInResultOffsetClause, "OFFSET must not be negative"};
        skip_ = static_cast<uint64_t>(as_int8(d.value));
      }
    }
    if (limit_code_) {
      NullableDatum d = eval_scalar(limit_code_);
      if (!d.null) {
        if (as_int8(d.value) < 0) throw SqlError{sqlstate::kInvalidRowCountInLimitClause, "LIMIT must not be negative"};
        limited_ = true;
        left_ = static_cast<uint64_t>(as_int8(d.value));
        if (!left_) done_ = true;
      }
    }
    if (!limited_) left_ = UINT64_MAX;
  }
  // Rows of b from position `from` that are still within the limit, or equal to the last one that was.
  uint64_t take_with_ties(const Batch& b, uint32_t from) {
    uint64_t n = 0;
    for (uint32_t i = from; i < b.rows.count; i++) {
      uint32_t r = b.rows.row(i);
      if (left_) {
        left_--;
        n++;
        if (!left_) {
          ties_.remember(b.columns, r);
          have_last_ = true;
        }
      } else if (have_last_ && ties_.equals_remembered(b.columns, r)) {
        n++;
      } else {
        done_ = true;
        break;
      }
    }
    return n;
  }

  std::unique_ptr<Node> child_;
  Code *limit_code_ = nullptr, *offset_code_ = nullptr;
  bool started_ = false, done_ = false, limited_ = false, have_last_ = false;
  uint64_t skip_ = 0, left_ = 0;
  uint16_t* sel_ = nullptr;
  RowKeys ties_;
};

class AppendNode final : public Node {
 public:
  AppendNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    for (const Plan* c : plan.children) children_.push_back(make_node(es, *c));
  }

 protected:
  Batch do_next() override {
    while (at_ < children_.size()) {
      Batch b = children_[at_]->next();
      if (b.rows.count) return b;
      at_++;
    }
    return {};
  }
  void do_rescan() override {
    at_ = 0;
    for (auto& c : children_) c->rescan();
  }

 private:
  std::vector<std::unique_ptr<Node>> children_;
  size_t at_ = 0;
};

// Drops rows equal to their predecessor (sorted input).
class UniqueNode final : public Node {
 public:
  UniqueNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)) {
    keys_.init(es.arena, compiler(), plan.sort_keys);
    sel_ = es.arena.alloc_array<uint16_t>(kBatchRows);
  }

 protected:
  Batch do_next() override {
    for (;;) {
      batch_arena_.reset();
      Batch b = child_->next();
      if (!b.rows.count) return {};
      uint32_t n = 0;
      keys_.evaluate(b);
      for (uint32_t i = 0; i < b.rows.count; i++) {
        uint32_t r = b.rows.row(i);
        if (have_ && keys_.current_equals_remembered(r)) continue;
        keys_.remember_current(r);
        have_ = true;
        sel_[n++] = static_cast<uint16_t>(r);
      }
      if (n) return Batch{b.columns, b.ncols, n == b.rows.count ? b.rows : Rows{sel_, n}};
    }
  }
  void do_rescan() override {
    have_ = false;
    child_->rescan();
  }

 private:
  std::unique_ptr<Node> child_;
  RowKeys keys_;
  bool have_ = false;
  uint16_t* sel_;
};

}  // namespace

std::unique_ptr<Node> make_result(ExecState& es, const Plan& p) { return std::make_unique<ResultNode>(es, p); }
std::unique_ptr<Node> make_project(ExecState& es, const Plan& p) { return std::make_unique<ProjectNode>(es, p); }
std::unique_ptr<Node> make_filter(ExecState& es, const Plan& p) { return std::make_unique<ProjectNode>(es, p); }
std::unique_ptr<Node> make_limit(ExecState& es, const Plan& p) { return std::make_unique<LimitNode>(es, p); }
std::unique_ptr<Node> make_append(ExecState& es, const Plan& p) { return std::make_unique<AppendNode>(es, p); }
std::unique_ptr<Node> make_unique_node(ExecState& es, const Plan& p) { return std::make_unique<UniqueNode>(es, p); }

}  // namespace postern::exec
