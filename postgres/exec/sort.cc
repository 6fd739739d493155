// Sort: over access/external_sort.h. The row that is sorted is the child's columns, followed by sort keys that are not plain columns.
#include <algorithm>
#include <optional>

#include "postgres/access/external_sort.h"
#include "postgres/exec/keys.h"

namespace postern::exec {
using sql::Plan;

namespace {

class SortNode final : public Node {
 public:
  SortNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)) {
    Compiler cp = compiler();
    for (Oid t : plan.left->types) types_.push_back(&type_info(t));
    for (const sql::SortKey& k : plan.sort_keys) {
      int column;
      if (k.expr->kind == sql::ExprKind::kTest && k.expr->rel == 0) {
        column = k.expr->attno;
      } else {
        column = static_cast<int>(types_.size());
        types_.push_back(&type_info(k.expr->type));
        extra_.push_back(cp.compile(*k.expr));
      }
      keys_.push_back(SortKey{column, &ordered_type(k.expr->type), k.desc, k.nulls_first, k.expr->collation});
    }
    out_.init(es.arena, static_cast<int>(types_.size()));
    slots_ = outside_slots(*es.stmt, plan.left);
  }

 protected:
  Batch do_next() override {
    if (!sorter_) fill();
    out_.reserve(es_.arena, static_cast<uint32_t>(std::min<uint64_t>(sorter_->rows(), kBatchRows)));
    uint32_t n = out_.capacity ? sorter_->next(out_.v, std::min<uint32_t>(out_.capacity, kBatchRows)) : 0;
    if (!n) return {};
    return Batch{out_.v, ncols(), Rows{nullptr, n}};
  }
  void do_rescan() override {
    if (sorter_ && es_.stamp_of(slots_) == stamp_) {
      sorter_->rewind();
      return;
    }
    sorter_.reset();
    child_->rescan();
  }

 private:
  void fill() {
    uint64_t limit = plan_.bound >= 0 ? static_cast<uint64_t>(plan_.bound) : 0;
    stamp_ = es_.stamp_of(slots_);
    sorter_ = std::make_unique<ExternalSort>(types_, keys_, es_.settings.work_mem_bytes, limit);
    std::vector<Vector> columns(types_.size());
    for (;;) {
      check_interrupts();
      batch_arena_.reset();
      Batch b = child_->next();
      if (!b.rows.count) break;
      size_t n = plan_.left->types.size();
      std::copy(b.columns, b.columns + n, columns.begin());
      EvalInput in{{b.columns, nullptr}, row_bound(b.rows)};
      for (size_t i = 0; i < extra_.size(); i++) columns[n + i] = eval(extra_[i], in, b.rows);
      sorter_->add_batch(columns.data(), b.rows);
    }
    sorter_->sort();
    if (instr_) {
      ExternalSort::Stats s = sorter_->stats();
      instr_->method = s.method;
      (s.on_disk ? instr_->disk_bytes : instr_->memory_bytes) = s.kb * 1024;
    }
  }

  std::unique_ptr<Node> child_;
  std::vector<const TypeInfo*> types_;
  std::vector<SortKey> keys_;
  std::vector<Code*> extra_;
  std::unique_ptr<ExternalSort> sorter_;
  OwnColumns out_;
  std::vector<int> slots_;
  uint64_t stamp_ = 0;
};

}  // namespace

std::unique_ptr<Node> make_sort(ExecState& es, const Plan& p) { return std::make_unique<SortNode>(es, p); }

}  // namespace postern::exec
