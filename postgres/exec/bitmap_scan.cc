// Bitmap scans: row positions from one index or several are sorted before the table is read, so that each of its pages is read once and in order.
//
// "Bitmap" is what PostgreSQL calls it; here it is a sorted list of tids. Of one index a list of bounded size at a time; the union of several (OR) has to be complete,
// since a row may come from more than one.
#include <optional>

#include "postgres/exec/scan.h"

namespace postern::exec {
using sql::Plan;
using sql::PlanKind;

namespace {

// A node whose rows are tids, appended to *out: batches without columns.
class TidSource : public Node {
 public:
  using Node::Node;
  std::vector<Tid>* out = nullptr;
};

class BitmapIndexNode final : public TidSource {
 public:
  BitmapIndexNode(ExecState& es, const Plan& plan) : TidSource(es, plan) { keys_.init(compiler(), plan); }

 protected:
  Batch do_next() override {
    if (!started_) {
      started_ = true;
      done_ = !keys_.compute();
      if (!done_) open();
    }
    while (!done_) {
      Tid tids[256];
      if (uint32_t n = scan_->next(tids, 256, nullptr, nullptr)) {
        out->insert(out->end(), tids, tids + n);
        return Batch{nullptr, 0, Rows{nullptr, n}};
      }
      check_interrupts();
      done_ = !keys_.next_array_element();
      if (!done_) open();
    }
    return {};
  }
  void do_rescan() override { started_ = done_ = false; }

 private:
  void open() {
    if (!scan_) scan_.emplace(*plan_.index, keys_.keys(), false, plan_.relation);
    else scan_->rescan(keys_.keys());
  }
  IndexKeys keys_;
  std::optional<btree::Scan> scan_;
  bool started_ = false, done_ = false;
};

std::unique_ptr<TidSource> make_source(ExecState& es, const Plan& plan);

class BitmapOrNode final : public TidSource {
 public:
  BitmapOrNode(ExecState& es, const Plan& plan) : TidSource(es, plan) {
    for (const Plan* c : plan.children) parts_.push_back(make_source(es, *c));
  }

 protected:
  Batch do_next() override {
    for (; at_ < parts_.size(); at_++) {
      parts_[at_]->out = out;
      if (Batch b = parts_[at_]->next(); b.rows.count) return b;
    }
    return {};
  }
  void do_rescan() override {
    at_ = 0;
    for (auto& p : parts_) p->rescan();
  }

 private:
  std::vector<std::unique_ptr<TidSource>> parts_;
  size_t at_ = 0;
};

std::unique_ptr<TidSource> make_source(ExecState& es, const Plan& plan) {
  std::unique_ptr<TidSource> n;
  if (plan.kind == PlanKind::kBitmapOr) n = std::make_unique<BitmapOrNode>(es, plan);
  else n = std::make_unique<BitmapIndexNode>(es, plan);
  if (es.settings.instrument) n->enable_instrument();
  return n;
}

class BitmapHeapNode final : public ScanNode {
 public:
  BitmapHeapNode(ExecState& es, const Plan& plan)
      : ScanNode(es, plan), source_(make_source(es, *plan.left)), whole_(plan.left->kind == PlanKind::kBitmapOr), limit_(std::max<size_t>(es.settings.work_mem_bytes / sizeof(Tid), 4096)) {
    source_->out = &tids_;
    sources_ = es.arena.alloc_array<uint16_t>(kBatchRows);
  }

 protected:
  Batch do_next() override {
    for (;;) {
      batch_arena_.reset();
      check_interrupts();
      if (at_ == tids_.size() && !fill()) return {};
      auto n = static_cast<uint32_t>(std::min<size_t>(kBatchRows, tids_.size() - at_));
      heap::Wanted wanted = columns_.wanted(es_.arena, n);
      uint32_t rows = heap::fetch(*plan_.relation, {tids_.data() + at_, n}, es_.snapshot, wanted, batch_arena_, sources_);
      at_ += n;
      if (!rows) continue;
      Batch b = emit(rows);
      if (b.rows.count) return b;
    }
  }
  void do_rescan() override {
    source_->rescan();
    tids_.clear();
    at_ = 0;
    exhausted_ = false;
  }

 private:
  // The next tids, sorted; false at the end.
  bool fill() {
    tids_.clear();
    at_ = 0;
    size_t limit = limit_;
    while (!exhausted_ && (whole_ || tids_.size() < limit)) {
      exhausted_ = source_->next().rows.count == 0;
      if (whole_ && tids_.size() >= limit) {
        sort();
        limit = std::max(limit, tids_.size() * 2);
      }
    }
    sort();
    return !tids_.empty();
  }
  void sort() {
    std::sort(tids_.begin(), tids_.end());
    if (whole_) tids_.erase(std::unique(tids_.begin(), tids_.end()), tids_.end());
  }

  std::unique_ptr<TidSource> source_;
  const bool whole_;
  const size_t limit_;
  std::vector<Tid> tids_;
  size_t at_ = 0;
  bool exhausted_ = false;
  uint16_t* sources_;
};

}  // namespace

std::unique_ptr<Node> make_bitmap_heap_scan(ExecState& es, const Plan& p) { return std::make_unique<BitmapHeapNode>(es, p); }

}  // namespace postern::exec
