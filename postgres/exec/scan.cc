// Scans of tables: sequential, by index, by tid. All read whole batches through access/, which pins nothing between calls.
#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/scan.h"
#include "postgres/types/array.h"
#include "postgres/types/scalar_io.h"

namespace postern::exec {
using sql::Plan;
using sql::PlanKind;

void IndexKeys::init(Compiler cp, const Plan& plan) {
  cp_ = cp;
  cp_.batch_arena = &arena_;
  plan_ = &plan;
  size_t n = plan.index_conds.size();
  values_ = cp.arena->alloc_array<Code*>(n);
  keys_ = cp.arena->alloc_array<btree::ScanKey>(n);
  for (size_t i = 0; i < n; i++) {
    const sql::IndexCond& c = plan.index_conds[i];
    values_[i] = c.value ? cp_.compile(*c.value) : nullptr;
    if (c.any_array) arrays_.emplace_back(ArrayKey{i, {}, 0});
    if (c.strategy == btree::Strategy::kEqual && !c.null_test && !c.any_array && static_cast<size_t>(c.column) == equal_prefix_) equal_prefix_++;
  }
}

bool IndexKeys::compute() {
  arena_.reset();
  for (size_t i = 0; i < plan_->index_conds.size(); i++) {
    const sql::IndexCond& c = plan_->index_conds[i];
    keys_[i] = btree::ScanKey{c.column, c.strategy, 0};
    if (c.null_test) {
      keys_[i].null_test = true;
      keys_[i].search_not_null = c.null_test == 2;
      if (c.null_test == 1) keys_[i].strategy = btree::Strategy::kEqual;
      continue;
    }
    NullableDatum d = eval_scalar(values_[i]);
    if (d.null) return false;
    keys_[i].value = d.value;
  }
  for (ArrayKey& a : arrays_) {
    expand(a);
    if (a.values.empty()) return false;
    keys_[a.cond].value = a.values[0];
  }
  return true;
}

void IndexKeys::expand(ArrayKey& a) {
  const IndexDesc::Key& key = plan_->index->keys[plan_->index_conds[a.cond].column];
  const TypeInfo& type = type_info(key.type);
  FnContext cx = make_context(cp_, key.type, key.collation);
  ArrayView view(keys_[a.cond].value);
  a.values.clear();
  a.at = 0;
  for (uint32_t i = 0; i < view.count(); i++)
    if (!view.null(i)) a.values.push_back(view.value(i));
  bool reverse = key.desc != plan_->backward;
  std::sort(a.values.begin(), a.values.end(), [&](Datum x, Datum y) {
    int c = compare_datums(cx, type, x, y);
    return reverse ? c > 0 : c < 0;
  });
  a.values.erase(std::unique(a.values.begin(), a.values.end(), [&](Datum x, Datum y) { return compare_datums(cx, type, x, y) == 0; }), a.values.end());
}

bool IndexKeys::next_array_element() {
  for (size_t i = arrays_.size(); i-- > 0;) {
    ArrayKey& a = arrays_[i];
    if (++a.at < a.values.size()) {
      keys_[a.cond].value = a.values[a.at];
      return true;
    }
    a.at = 0;
    keys_[a.cond].value = a.values[0];
  }
  return false;
}

namespace {

class SeqScanNode final : public ScanNode {
 public:
  SeqScanNode(ExecState& es, const Plan& plan) : ScanNode(es, plan), scan_(*plan.relation, es.snapshot) {}

 protected:
  Batch do_next() override {
    if (done_) return {};
    heap::Wanted wanted = columns_.wanted(es_.arena, kBatchRows);
    for (;;) {
      batch_arena_.reset();
      check_interrupts();
      uint32_t n = scan_.next(wanted, batch_arena_);
      if (!n) {
        done_ = true;
        return {};
      }
      Batch b = emit(n);
      if (b.rows.count) return b;
    }
  }
  void do_rescan() override {
    done_ = false;
    scan_.rewind();
  }

 private:
  heap::Scan scan_;
  bool done_ = false;
};

class IndexScanNode final : public ScanNode {
 public:
  IndexScanNode(ExecState& es, const Plan& plan) : ScanNode(es, plan), only_(plan.kind == PlanKind::kIndexOnlyScan) {
    keys_.init(compiler(), plan);
    one_row_ = plan.index->unique && keys_.equal_prefix() == plan.index->keys.size();
    batch_ = one_row_ ? 4 : plan.rows < 16 ? 32 : 256;
    if (only_) init_index_columns();
  }

 protected:
  Batch do_next() override {
    for (;;) {
      if (done_) return {};
      batch_arena_.reset();
      if (!started_ && !start()) {
        done_ = true;
        return {};
      }
      if (!tids_ || tid_capacity_ < batch_) {
        tid_capacity_ = rounded_capacity(batch_);
        tids_ = es_.arena.alloc_array<Tid>(tid_capacity_);
        sources_ = es_.arena.alloc_array<uint16_t>(tid_capacity_);
        dead_ = es_.arena.alloc_array<uint8_t>(tid_capacity_);
      }
      Batch b;
      uint32_t found = only_ ? read_index_only(b) : read_heap(b);
      if (!found) {
        if (keys_.next_array_element()) {
          open();
          continue;
        }
        done_ = true;
        return {};
      }
      if (batch_ < kBatchRows && !one_row_) batch_ = std::min<uint32_t>(batch_ * 4, kBatchRows);
      if (b.rows.count) return b;
      check_interrupts();
    }
  }
  void do_rescan() override {
    done_ = started_ = false;
  }

 private:
  void init_index_columns() {
    const IndexDesc& index = *plan_.index;
    index_columns_.init(es_.arena, static_cast<int>(index.keys.size() + index.included.size()));
    only_out_ = es_.arena.alloc_array<Vector>(plan_.columns.size());
    only_place_ = es_.arena.alloc_array<int16_t>(plan_.columns.size());
    for (size_t i = 0; i < plan_.columns.size(); i++) {
      int place = -1;
      for (size_t k = 0; k < index.keys.size(); k++)
        if (index.keys[k].attno == plan_.columns[i]) place = static_cast<int>(k);
      for (size_t k = 0; k < index.included.size(); k++)
        if (index.included[k] == plan_.columns[i]) place = static_cast<int>(index.keys.size() + k);
      if (place < 0) throw_internal("index-only scan of a column that is not in the index");
      only_place_[i] = static_cast<int16_t>(place);
    }
  }

  // Computes the keys and positions the scan; false: nothing can match.
  bool start() {
    started_ = true;
    check_interrupts();
    if (!keys_.compute()) return false;
    open();
    return true;
  }
  void open() {
    if (!scan_) scan_.emplace(*plan_.index, keys_.keys(), plan_.backward, plan_.relation);
    else scan_->rescan(keys_.keys());
  }

  // Returns how many index entries were read.
  uint32_t read_heap(Batch& b) {
    uint32_t n = scan_->next(tids_, batch_, nullptr, nullptr);
    if (!n) return 0;
    heap::Wanted wanted = columns_.wanted(es_.arena, n);
    uint32_t rows = heap::fetch(*plan_.relation, {tids_, n}, es_.snapshot, wanted, batch_arena_, sources_, dead_);
    if (rows < n)
      for (uint32_t i = 0; i < n; i++)
        if (dead_[i]) scan_->kill(tids_[i]);
    if (one_row_ && rows) done_ = !keys_.has_arrays();
    if (rows) b = emit(rows);
    return n;
  }
  // Entries (of tids_[0..n)) whose rows are visible, into sel_. Rows on pages that are not known to be all visible are looked up.
  uint32_t visible_entries(uint32_t n, bool trust_map, uint32_t& looked_up) {
    uint32_t k = 0;
    PageNo last = kInvalidPageNo;
    bool page_visible = false;
    for (uint32_t i = 0; i < n; i++) {
      if (trust_map && tids_[i].page != last) {
        last = tids_[i].page;
        page_visible = heap::all_visible(*plan_.relation, last);
      }
      bool visible = trust_map && page_visible;
      if (!visible) {
        uint16_t source;
        visible = heap::fetch(*plan_.relation, {tids_ + i, 1}, es_.snapshot, heap::Wanted{{}, nullptr, nullptr}, batch_arena_, &source) != 0;
        looked_up++;
      }
      if (visible) sel_[k++] = static_cast<uint16_t>(i);
    }
    return k;
  }
  uint32_t read_index_only(Batch& b) {
    index_columns_.reserve(es_.arena, batch_);
    uint32_t n = scan_->next(tids_, batch_, index_columns_.v, &batch_arena_);
    if (!n) return 0;
    if (!sel_) sel_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
    uint32_t looked_up = 0;
    uint32_t k = visible_entries(n, true, looked_up);
    // The map is only to be believed while the entries are where they were: otherwise vacuum may have been here.
    if (looked_up < n && !scan_->unchanged()) k = visible_entries(n, false, looked_up);
    if (instr_) instr_->heap_fetches += looked_up;
    if (!k) return n;
    int ncols = static_cast<int>(plan_.columns.size());
    for (int i = 0; i < ncols; i++) only_out_[i] = index_columns_.v[only_place_[i]];
    EvalInput in{{only_out_, nullptr}, n};
    Rows rows = k == n ? Rows{nullptr, n} : Rows{sel_, k};
    if (!filter_.empty()) {
      Rows passed = filter_.apply(in, rows);
      count_filtered(rows.count - passed.count);
      rows = passed;
    }
    if (rows.count) b = targets_.empty() ? Batch{only_out_, ncols, rows} : targets_.apply(in, rows);
    return n;
  }

  bool only_, one_row_ = false, started_ = false, done_ = false;
  IndexKeys keys_;
  std::optional<btree::Scan> scan_;
  uint32_t batch_, tid_capacity_ = 0;
  Tid* tids_ = nullptr;
  uint16_t *sources_ = nullptr, *sel_ = nullptr;
  uint8_t* dead_ = nullptr;
  OwnColumns index_columns_;
  Vector* only_out_ = nullptr;
  int16_t* only_place_ = nullptr;
};

// ctid = value, or ctid = ANY(array).
class TidScanNode final : public ScanNode {
 public:
  TidScanNode(ExecState& es, const Plan& plan) : ScanNode(es, plan), tid_(compiler().compile(*plan.tid)) {
    const TypeInfo& t = type_info(plan.tid->type);
    is_array_ = raw(t.elem) != 0 && t.category == 'A';
  }

 protected:
  Batch do_next() override {
    if (!started_) {
      started_ = true;
      at_ = 0;
      collect();
    }
    batch_arena_.reset();
    while (at_ < tids_.size()) {
      uint32_t n = 0;
      while (at_ < tids_.size() && n == 0) {
        heap::Wanted wanted = columns_.wanted(es_.arena, 1);
        if (heap::fetch_version(*plan_.relation, tids_[at_++], &es_.snapshot, wanted, batch_arena_)) n = 1;
      }
      if (!n) break;
      Batch b = emit(n);
      if (b.rows.count) return b;
    }
    return {};
  }
  void do_rescan() override { started_ = false; }

 private:
  void collect() {
    tids_.clear();
    NullableDatum d = eval_scalar(tid_);
    if (d.null) return;
    if (!is_array_) {
      tids_.push_back(as_tid(d.value));
    } else {
      ArrayView a(d.value);
      for (uint32_t i = 0; i < a.count(); i++)
        if (!a.null(i)) tids_.push_back(as_tid(a.value(i)));
      std::sort(tids_.begin(), tids_.end());
      tids_.erase(std::unique(tids_.begin(), tids_.end()), tids_.end());
    }
    std::erase_if(tids_, [](Tid t) { return !t.valid(); });
  }
  Code* tid_;
  bool is_array_ = false, started_ = false;
  std::vector<Tid> tids_;
  size_t at_ = 0;
};

// Stands for a scan while a plan is run again for one row: that version of the row, if it still meets the scan's conditions.
class RecheckScanNode final : public ScanNode {
 public:
  RecheckScanNode(ExecState& es, const Plan& plan, Tid tid) : ScanNode(es, plan), tid_(tid) { recheck_.compile(compiler(), plan.recheck); }

 protected:
  Batch do_next() override {
    if (done_) return {};
    done_ = true;
    batch_arena_.reset();
    if (!tid_.valid()) return {};
    heap::Wanted wanted = columns_.wanted(es_.arena, 1);
    if (!heap::fetch_version(*plan_.relation, tid_, nullptr, wanted, batch_arena_)) return {};
    if (!recheck_.empty() && !recheck_.apply(EvalInput{{columns_.columns(1), nullptr}, 1}, Rows{nullptr, 1}).count) return {};
    return emit(1);
  }
  void do_rescan() override { done_ = false; }

 private:
  Tid tid_;
  Predicate recheck_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Node> make_seq_scan(ExecState& es, const Plan& p) { return std::make_unique<SeqScanNode>(es, p); }
std::unique_ptr<Node> make_index_scan(ExecState& es, const Plan& p) { return std::make_unique<IndexScanNode>(es, p); }
std::unique_ptr<Node> make_tid_scan(ExecState& es, const Plan& p) { return std::make_unique<TidScanNode>(es, p); }
std::unique_ptr<Node> make_recheck_scan(ExecState& es, const Plan& p, Tid tid) { return std::make_unique<RecheckScanNode>(es, p, tid); }

}  // namespace postern::exec
