// SELECT … FOR UPDATE and its weaker forms. A row is locked when it is asked for, not before. A row that changed meanwhile is looked at again in its newest version (READ COMMITTED) or ends the statement (40001).
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap.h"
#include "postgres/exec/recheck.h"
#include "postgres/types/scalar_io.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using heap::ModifyStatus;
using sql::Plan;

namespace {

class LockRowsNode final : public Node {
 public:
  LockRowsNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)) {
    for (size_t i = 0; i < plan.row_marks.size(); i++) scans_.push_back(scan_of_tid(plan.left, plan.row_mark_cols[i]));
  }

 protected:
  Batch do_next() override {
    for (;;) {
      check_interrupts();
      if (at_ >= input_.rows.count) {
        batch_arena_.reset();
        replaced_ = nullptr;
        at_ = 0;
        input_ = child_->next();
        if (!input_.rows.count) return {};
      }
      row_ = static_cast<uint16_t>(input_.rows.row(at_++));
      if (lock_row(input_, row_)) return Batch{replaced_ ? replaced_ : input_.columns, input_.ncols, Rows{&row_, 1}};
    }
  }
  void do_rescan() override {
    child_->rescan();
    input_ = Batch{};
    at_ = 0;
  }

 private:
  // Locks the row's versions; false: it is not returned.
  bool lock_row(const Batch& in, uint32_t r) {
    std::vector<RecheckRow>& fixed = fixed_;
    fixed.clear();
    bool changed = false;
    for (size_t i = 0; i < plan_.row_marks.size(); i++) {
      const Vector& tids = in.columns[plan_.row_mark_cols[i]];
      if (tids.null(r)) {
        fixed.push_back({scans_[i], Tid{}});
        continue;
      }
      Tid tid = as_tid(tids.value(r));
      if (!lock_version(i, tid, changed)) return false;
      fixed.push_back({scans_[i], tid});
    }
    return !changed || look_again(in, r);
  }
  bool lock_version(size_t i, Tid& tid, bool& changed) {
    const sql::RowMark& mark = plan_.row_marks[i];
    const RelationDesc& rel = *plan_.row_mark_rels[i];
    auto wait = static_cast<lock::Wait>(mark.wait);
    for (;;) {
      heap::ModifyResult res = heap::lock_row(rel, tid, static_cast<heap::RowLock>(mark.strength), wait, es_.snapshot);
      switch (res.status) {
        case ModifyStatus::kOk: return true;
        case ModifyStatus::kSelfModified: return false;
        case ModifyStatus::kWouldBlock:
          if (wait == lock::Wait::kNoWait) throw SqlError{sqlstate::kLockNotAvailable, cat("could not obtain lock on row in relation \"", rel.name, "\"")};
          return false;
        case ModifyStatus::kUpdated:
          if (txn::isolation() != txn::Isolation::kReadCommitted) throw_concurrent_update(false);
          tid = res.tid;
          changed = true;
          break;
        case ModifyStatus::kDeleted:
          if (txn::isolation() != txn::Isolation::kReadCommitted) throw_concurrent_update(false);
          return false;
      }
    }
  }
  bool look_again(const Batch& in, uint32_t r) {
    for (const RecheckRow& f : fixed_)
      if (!f.scan) throw_unsupported("locking a concurrently updated row in this plan");
    if (!recheck_) recheck_.emplace(es_, *plan_.left);
    Batch b = recheck_->run(fixed_);
    if (!b.rows.count) return false;
    if (!replaced_) {
      uint32_t bound = row_bound(in.rows);
      replaced_ = batch_arena_.alloc_array<Vector>(in.ncols);
      for (int i = 0; i < in.ncols; i++) {
        replaced_[i] = Vector{batch_arena_.alloc_array<Datum>(bound), batch_arena_.alloc_array<uint8_t>(bound), 1};
        copy_rows(in.columns[i], in.rows, replaced_[i]);
      }
    }
    uint32_t from = b.rows.row(0);
    for (int i = 0; i < in.ncols; i++) {
      bool null = b.columns[i].null(from);
      Datum d = b.columns[i].value(from);
      replaced_[i].nulls[r] = null;
      replaced_[i].values[r] = null ? 0 : type_info(plan_.left->types[i]).by_value ? d : make_bytes(batch_arena_, as_view(d));
    }
    return true;
  }

  std::unique_ptr<Node> child_;
  std::vector<const Plan*> scans_;
  std::vector<RecheckRow> fixed_;
  std::optional<Recheck> recheck_;
  Batch input_;                  // rows are locked one by one: a LIMIT above may want no more
  uint32_t at_ = 0;
  uint16_t row_ = 0;
  Vector* replaced_ = nullptr;
};

}  // namespace

std::unique_ptr<Node> make_lock_rows(ExecState& es, const Plan& p) { return std::make_unique<LockRowsNode>(es, p); }

}  // namespace postern::exec
