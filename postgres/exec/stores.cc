// Nodes that keep rows to read them again: Materialize, scans of CTEs and work tables, recursive unions.
#include <algorithm>

#include "postgres/exec/column_store.h"
#include "postgres/exec/execution_impl.h"
#include "postgres/exec/group_table.h"

namespace postern::exec {
using sql::Plan;

namespace {

class MaterializeNode final : public Node {
 public:
  MaterializeNode(ExecState& es, const Plan& plan)
      : Node(es, plan), child_(make_node(es, *plan.left)), store_(plan.left->types, es.settings.work_mem_bytes), slots_(outside_slots(*es.stmt, plan.left)) {}

 protected:
  Batch do_next() override {
    Batch b = store_.read(reader_);
    if (b.rows.count || complete_) return b;
    if (!started_) stamp_ = es_.stamp_of(slots_);
    started_ = true;
    Batch in = child_->next();
    if (!in.rows.count) {
      complete_ = true;
      return {};
    }
    store_.append(in.columns, in.rows);
    return store_.read(reader_);
  }
  void do_rescan() override {
    if (started_ && es_.stamp_of(slots_) != stamp_) {
      store_.clear();
      reader_ = {};
      child_->rescan();
      complete_ = started_ = false;
    } else {
      reader_.rewind();
    }
  }

 private:
  std::unique_ptr<Node> child_;
  ColumnStore store_;
  ColumnStore::Reader reader_;
  std::vector<int> slots_;
  uint64_t stamp_ = 0;
  bool complete_ = false, started_ = false;
};

// Filter and targets over stored rows.
class StoredScanNode : public Node {
 public:
  StoredScanNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    Compiler cp = compiler();
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
  }

 protected:
  virtual Batch read() = 0;
  Batch do_next() override {
    for (;;) {
      batch_arena_.reset();
      Batch b = read();
      if (!b.rows.count) return {};
      EvalInput in{{b.columns, nullptr}, row_bound(b.rows)};
      Rows rows = b.rows;
      if (!filter_.empty()) {
        rows = filter_.apply(in, rows);
        count_filtered(b.rows.count - rows.count);
        if (!rows.count) continue;
      }
      return targets_.empty() ? Batch{b.columns, b.ncols, rows} : targets_.apply(in, rows);
    }
  }
  Predicate filter_;
  Projection targets_;
};

class CteScanNode final : public StoredScanNode {
 public:
  CteScanNode(ExecState& es, const Plan& plan) : StoredScanNode(es, plan) {
    const sql::PlannedStmt& stmt = *es.stmt;
    if (static_cast<size_t>(plan.cte) < stmt.cte_outer_slots.size()) slots_ = stmt.cte_outer_slots[plan.cte];
  }

 protected:
  Batch read() override {
    CteState& c = es_.cte(plan_.cte);
    if (!slots_.empty()) renew(c);
    for (;;) {
      if (c.store) {
        Batch b = c.store->read(reader_);
        if (b.rows.count) return b;
      }
      check_interrupts();
      if (!pull_cte(es_, plan_.cte)) return {};
    }
  }
  void do_rescan() override {
    reader_.rewind();
    started_ = false;
  }

 private:
  // Outer values changed since the rows were made: they are made anew.
  void renew(CteState& c) {
    uint64_t stamp = es_.stamp_of(slots_);
    if (c.node && stamp != c.stamp) {
      c.store->clear();
      c.node->rescan();
      c.done = false;
    }
    c.stamp = stamp;
    if (stamp_ != stamp) reader_ = {};
    stamp_ = stamp;
  }
  ColumnStore::Reader reader_;
  std::span<const int> slots_;
  uint64_t stamp_ = 0;
  bool started_ = false;
};

class WorkTableScanNode final : public StoredScanNode {
 public:
  using StoredScanNode::StoredScanNode;

 protected:
  Batch read() override { return es_.work_table ? es_.work_table->read(reader_) : Batch{}; }
  void do_rescan() override { reader_ = {}; }

 private:
  ColumnStore::Reader reader_;
};

// WITH RECURSIVE: left once, then right over the rows that the step before gave, until there are none. UNION (not ALL) drops rows seen before.
class RecursiveUnionNode final : public Node {
 public:
  RecursiveUnionNode(ExecState& es, const Plan& plan)
      : Node(es, plan), left_(make_node(es, *plan.left)), right_(make_node(es, *plan.right)), distinct_(plan.set_op == sql::SetOp::kUnion) {
    for (int i = 0; i < 2; i++) work_[i] = std::make_unique<ColumnStore>(plan.types, es.settings.work_mem_bytes);
    if (distinct_) {
      std::vector<const TypeInfo*> types;
      for (Oid t : plan.types) types.push_back(&type_info(t));
      seen_.init(types, 0, make_context(compiler(), Oid{0}, Oid{0}));
    }
  }

 protected:
  Batch do_next() override {
    for (;;) {
      check_interrupts();
      if (done_) return {};
      Batch b;
      if (!in_right_) {
        b = left_->next();
      } else {
        // The scan of the work table may be anywhere below: it finds the table in the state.
        ColumnStore* outer = es_.work_table;
        es_.work_table = work_[0].get();
        b = right_->next();
        es_.work_table = outer;
      }
      if (b.rows.count) {
        if (distinct_) b.rows = unseen(b);
        if (!b.rows.count) continue;
        work_[1]->append(b.columns, b.rows);
        return b;
      }
      if (work_[1]->rows() == 0) {
        done_ = true;
        return {};
      }
      std::swap(work_[0], work_[1]);
      work_[1]->clear();
      es_.set_slot(es_.stmt->n_exec_params, 0, true);
      if (in_right_ || right_started_) {
        ColumnStore* outer = es_.work_table;
        es_.work_table = work_[0].get();
        right_->rescan();
        es_.work_table = outer;
      }
      in_right_ = right_started_ = true;
    }
  }
  void do_rescan() override {
    left_->rescan();
    done_ = in_right_ = false;
    work_[0]->clear();
    work_[1]->clear();
    seen_.clear();
  }

 private:
  Rows unseen(const Batch& b) {
    uint32_t bound = row_bound(b.rows);
    batch_arena_.reset();
    auto* hashes = batch_arena_.alloc_array<uint64_t>(bound);
    auto* sel = batch_arena_.alloc_array<uint16_t>(b.rows.count);
    auto* groups = batch_arena_.alloc_array<Group*>(bound);
    seen_.hash(b.columns, b.rows, hashes);
    uint32_t n = 0;
    size_t before = seen_.groups().size();
    seen_.lookup(b.columns, hashes, b.rows, groups, true);
    // New groups are numbered in the order of their first rows.
    for_rows(b.rows, [&](uint32_t r) {
      if (groups[r]->ordinal == before) {
        sel[n++] = static_cast<uint16_t>(r);
        before++;
      }
    });
    return Rows{sel, n};
  }
  std::unique_ptr<Node> left_, right_;
  std::unique_ptr<ColumnStore> work_[2];
  GroupTable seen_;
  bool distinct_, in_right_ = false, right_started_ = false, done_ = false;
};

}  // namespace

std::unique_ptr<Node> make_materialize(ExecState& es, const Plan& p) { return std::make_unique<MaterializeNode>(es, p); }
std::unique_ptr<Node> make_cte_scan(ExecState& es, const Plan& p) { return std::make_unique<CteScanNode>(es, p); }
std::unique_ptr<Node> make_work_table_scan(ExecState& es, const Plan& p) { return std::make_unique<WorkTableScanNode>(es, p); }
std::unique_ptr<Node> make_recursive_union(ExecState& es, const Plan& p) { return std::make_unique<RecursiveUnionNode>(es, p); }

}  // namespace postern::exec
