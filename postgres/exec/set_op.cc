// INTERSECT and EXCEPT, with or without ALL: counts how often each row comes from either side.
#include <algorithm>

#include "postgres/exec/group_table.h"
#include "postgres/exec/node.h"

namespace postern::exec {
using sql::Plan;
using sql::SetOp;

namespace {

struct Counts { uint64_t left, right; };

class SetOpNode final : public Node {
 public:
  SetOpNode(ExecState& es, const Plan& plan) : Node(es, plan), left_(make_node(es, *plan.left)), right_(make_node(es, *plan.right)) {
    std::vector<const TypeInfo*> types;
    for (Oid t : plan.left->types) types.push_back(&type_info(t));
    table_.init(types, sizeof(Counts), make_context(compiler(), Oid{0}, Oid{0}));
    out_.init(es.arena, static_cast<int>(types.size()));
  }

 protected:
  Batch do_next() override {
    if (!filled_) {
      filled_ = true;
      count(*left_, true);
      if (!table_.groups().empty()) count(*right_, false);
    }
    out_.reserve(es_.arena, static_cast<uint32_t>(std::min<size_t>(table_.groups().size(), kBatchRows)));
    uint32_t n = 0;
    while (n < kBatchRows) {
      if (!repeat_) {
        if (at_ == table_.groups().size()) break;
        group_ = table_.groups()[at_++];
        repeat_ = copies(*reinterpret_cast<Counts*>(table_.payload(group_)));
        continue;
      }
      if (n >= out_.capacity) break;
      for (int i = 0; i < out_.n; i++) {
        out_.v[i].values[n] = table_.key_values(group_)[i];
        out_.v[i].nulls[n] = table_.key_nulls(group_)[i];
      }
      n++;
      repeat_--;
    }
    return n ? Batch{out_.v, out_.n, Rows{nullptr, n}} : Batch{};
  }
  void do_rescan() override {
    left_->rescan();
    right_->rescan();
    table_.clear();
    filled_ = false;
    at_ = repeat_ = 0;
  }

 private:
  uint64_t copies(const Counts& c) const {
    switch (plan_.set_op) {
      case SetOp::kIntersect: return c.left && c.right;
      case SetOp::kIntersectAll: return std::min(c.left, c.right);
      case SetOp::kExcept: return c.left && !c.right;
      default: return c.left > c.right ? c.left - c.right : 0;
    }
  }
  void count(Node& side, bool left) {
    for (;;) {
      check_interrupts();
      batch_arena_.reset();
      Batch b = side.next();
      if (!b.rows.count) return;
      uint32_t bound = row_bound(b.rows);
      auto* hashes = batch_arena_.alloc_array<uint64_t>(bound);
      auto* groups = batch_arena_.alloc_array<Group*>(bound);
      table_.hash(b.columns, b.rows, hashes);
      table_.lookup(b.columns, hashes, b.rows, groups, left);
      for_rows(b.rows, [&](uint32_t r) {
        if (!groups[r]) return;
        auto* c = reinterpret_cast<Counts*>(table_.payload(groups[r]));
        (left ? c->left : c->right)++;
      });
    }
  }
  std::unique_ptr<Node> left_, right_;
  GroupTable table_;
  OwnColumns out_;
  Group* group_ = nullptr;
  size_t at_ = 0;
  uint64_t repeat_ = 0;
  bool filled_ = false;
};

}  // namespace

std::unique_ptr<Node> make_set_op(ExecState& es, const Plan& p) { return std::make_unique<SetOpNode>(es, p); }

}  // namespace postern::exec
