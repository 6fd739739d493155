// Window functions. The input is sorted by PARTITION BY, then ORDER BY; one partition at a time is held as columns in memory: the child's columns, the functions' arguments and the order keys. Each
// function then gives a column of results.
//
// Aggregates over frames that start at the partition's first row are computed once, running; other frames are computed anew per row.
#include <algorithm>
#include <limits>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/keys.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;
using sql::Plan;

namespace {

// Bits of WindowDef::frame_options.
constexpr uint32_t kRange = 0x2, kRows = 0x4, kGroups = 0x8, kStartUnbounded = 0x20, kEndUnbounded = 0x100, kStartCurrent = 0x200, kEndCurrent = 0x400,
                   kStartPreceding = 0x800, kEndPreceding = 0x1000, kStartFollowing = 0x2000, kEndFollowing = 0x4000, kExcludeRow = 0x8000, kExcludeGroup = 0x10000, kExcludeTies = 0x20000, kExclude = 0x38000;

enum WindowFn : uint32_t {
  kRowNumber = 3100, kRank = 3101, kDenseRank = 3102, kPercentRank = 3103, kCumeDist = 3104, kNtile = 3105, kLag1 = 3106, kLag2 = 3107, kLag3 = 3108,
  kLead1 = 3109, kLead2 = 3110, kLead3 = 3111, kFirstValue = 3112, kLastValue = 3113, kNthValue = 3114
};

struct Column {
  std::vector<Datum> values;
  std::vector<uint8_t> nulls;
  bool by_value = true;
  void clear() { values.clear(); nulls.clear(); }
  Vector at(size_t row) { return Vector{values.data() + row, nulls.data() + row, 1}; }
};

struct WindowCall {
  const Expr* e;
  int first_arg = 0;          // in columns_
  int filter = -1;            // column of the FILTER condition
  const AggEntry* aggregate = nullptr;
  FnContext cx;
  Column result;
};

class WindowAggNode final : public Node {
 public:
  WindowAggNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)), def_(plan.windows[0]) {
    Compiler cp = compiler();
    for (Oid t : plan.left->types) columns_.push_back(Column{{}, {}, type_info(t).by_value});
    nchild_ = static_cast<int>(columns_.size());
    partition_.init_exprs(es.arena, cp, def_.partition);
    order_.init(es.arena, cp, def_.order);
    order_at_ = static_cast<int>(columns_.size());
    for (const sql::SortKey& k : def_.order) add_input(cp, *k.expr);
    for (const Expr* e : plan.targets) {
      if (e->kind == ExprKind::kWindow) {
        add_call(cp, *e);
        outputs_.push_back({nullptr, static_cast<int>(calls_.size()) - 1});
      } else {
        outputs_.push_back({cp.compile(*e), -1});
      }
    }
    if (def_.start) start_ = cp.compile(*def_.start);
    if (def_.end) end_ = cp.compile(*def_.end);
    if ((def_.frame_options & kRange) && (start_ || end_)) init_range();
    out_ = es.arena.alloc_array<Vector>(plan.targets.size());
    view_ = es.arena.alloc_array<Vector>(columns_.size());
  }

 protected:
  Batch do_next() override {
    for (;;) {
      batch_arena_.reset();
      if (emit_at_ < rows_) return emit();
      if (done_) return {};
      read_partition();
      if (!rows_) {
        done_ = true;
        return {};
      }
      compute();
    }
  }
  void do_rescan() override {
    child_->rescan();
    clear();
    in_ = Batch{};
    in_at_ = 0;
    done_ = input_end_ = false;
  }

 private:
  void add_input(const Compiler& cp, const Expr& e) {
    inputs_.push_back(cp.compile(e));
    columns_.push_back(Column{{}, {}, type_info(e.type).by_value});
  }
  void add_call(const Compiler& cp, const Expr& e) {
    WindowCall c;
    c.e = &e;
    c.first_arg = static_cast<int>(columns_.size());
    for (const Expr* a : e.args) add_input(cp, *a);
    if (e.filter) {
      c.filter = static_cast<int>(columns_.size());
      add_input(cp, *e.filter);
    }
    c.cx = make_context(cp, e.type, e.collation);
    c.cx.arena = &result_memory_;
    Oid* types = cp.arena->alloc_array<Oid>(e.args.size());
    for (size_t i = 0; i < e.args.size(); i++) types[i] = e.args[i]->type;
    c.cx.arg_types = {types, e.args.size()};
    if (raw(e.fn) < kRowNumber || raw(e.fn) > kNthValue) {
      c.aggregate = find_aggregate(e.fn);
      if (!c.aggregate) throw_unsupported(cat("window function ", e.name));
    }
    calls_.push_back(std::move(c));
  }

  void clear() {
    for (Column& c : columns_) c.clear();
    for (WindowCall& c : calls_) c.result.clear();
    memory_.reset();
    result_memory_.reset();
    rows_ = emit_at_ = 0;
    peer_start_.clear();
    peer_group_.clear();
    group_start_.clear();
  }

  // The rows of the next partition.
  void read_partition() {
    clear();
    bool first = true;
    for (;;) {
      if (in_at_ >= in_.rows.count) {
        if (input_end_) return;
        check_interrupts();
        input_memory_.reset();
        in_ = child_->next();
        in_at_ = 0;
        if (!in_.rows.count) {
          input_end_ = true;
          return;
        }
      }
      batch_arena_.reset();
      partition_.evaluate(in_);
      uint32_t from = in_at_;
      if (first) partition_.remember_current(in_.rows.row(in_at_));
      first = false;
      while (in_at_ < in_.rows.count && partition_.current_equals_remembered(in_.rows.row(in_at_))) in_at_++;
      append(from, in_at_);
      if (in_at_ < in_.rows.count) return;
    }
  }
  void append(uint32_t from, uint32_t to) {
    if (from == to) return;
    auto* sel = batch_arena_.alloc_array<uint16_t>(to - from);
    for (uint32_t i = from; i < to; i++) sel[i - from] = static_cast<uint16_t>(in_.rows.row(i));
    Rows rows{sel, to - from};
    EvalInput in{{in_.columns, nullptr}, row_bound(rows)};
    for (size_t i = 0; i < columns_.size(); i++) {
      Vector v = i < static_cast<size_t>(nchild_) ? in_.columns[i] : eval(inputs_[i - nchild_], in, rows);
      Column& c = columns_[i];
      for_rows(rows, [&](uint32_t r) {
        bool null = v.null(r);
        c.nulls.push_back(null);
        c.values.push_back(null ? 0 : c.by_value ? v.value(r) : make_bytes(memory_, as_view(v.value(r))));
      });
    }
    rows_ += rows.count;
  }

  bool same_peers(size_t a, size_t b) {
    for (int i = 0; i < order_.size(); i++) {
      Column& c = columns_[order_at_ + i];
      if (compare_keys(order_.cx(), order_.types()[i], c.values[a], c.nulls[a], c.values[b], c.nulls[b])) return false;
    }
    return true;
  }
  void find_peers() {
    for (size_t i = 0; i < rows_; i++) {
      if (i == 0 || !same_peers(i - 1, i)) group_start_.push_back(i);
      peer_group_.push_back(static_cast<uint32_t>(group_start_.size() - 1));
      peer_start_.push_back(group_start_.back());
    }
    group_start_.push_back(rows_);
  }
  size_t peer_end(size_t row) const { return group_start_[peer_group_[row] + 1]; }

  int64_t offset_value(Code* c, const char* which) {
    NullableDatum d = eval_scalar(c);
    if (d.null) throw SqlError{sqlstate::kNullValueNotAllowed, cat("frame ", which, " offset must not be null")};
    if (as_int8(d.value) < 0) throw SqlError{sqlstate::kInvalidPrecedingOrFollowingSize, cat("frame ", which, " offset must not be negative")};
    return as_int8(d.value);
  }

  // RANGE with an offset: the key and the bounds are compared in bound_key_'s type.
  void init_range() {
    const Oid key = order_.types()[0].type->oid;
    bound_key_ = order_.types()[0];
    bound_key_.type = &type_info(key == oid::kDate ? oid::kTimestamp : key == oid::kFloat4 ? oid::kFloat8 : key == oid::kInt2 || key == oid::kInt4 ? oid::kInt8 : key);
    bound_cx_ = order_.cx();
    bound_cx_.arena = &memory_;
    auto function = [&](uint32_t add, uint32_t subtract) {
      add_ = find_function(Oid{add});
      subtract_ = find_function(Oid{subtract});
    };
    switch (raw(bound_key_.type->oid)) {
      case raw(oid::kInt8): return;   // saturates instead
      case raw(oid::kFloat8): return function(218, 219);
      case raw(oid::kNumeric): return function(1724, 1725);
      case raw(oid::kTimestamp): return function(2032, 2033);
      case raw(oid::kTimestampTz): return function(1189, 1190);
      case raw(oid::kInterval): return function(1169, 1170);
      default: throw_unsupported(cat("RANGE with offset PRECEDING/FOLLOWING for column type ", bound_key_.type->name));
    }
  }
  Datum range_key(size_t row) {
    const Datum key = columns_[order_at_].values[row];
    switch (raw(order_.types()[0].type->oid)) {
      case raw(oid::kDate): {
        const int32_t days = as_int4(key);
        if (days == std::numeric_limits<int32_t>::min()) return from_int(std::numeric_limits<int64_t>::min());
        if (days == std::numeric_limits<int32_t>::max()) return from_int(std::numeric_limits<int64_t>::max());
        return from_int(int64_t{days} * 86'400'000'000);
      }
      case raw(oid::kFloat4): return from_float8(as_float4(key));
      default: return key;
    }
  }
  // The frame's edge of every row: its key plus or minus the offset. NULL keys have none.
  void range_bounds(Code* code, const char* which, bool preceding, std::vector<Datum>& bounds) {
    NullableDatum offset = eval_scalar(code);
    if (offset.null) throw SqlError{sqlstate::kNullValueNotAllowed, cat("frame ", which, " offset must not be null")};
    const Oid type = bound_key_.type->oid;
    bool negative = false;
    if (type == oid::kInt8) negative = as_int8(offset.value) < 0;
    else if (type == oid::kFloat8) negative = !(as_float8(offset.value) >= 0);
    else {
      const TypeInfo& t = type_info(type == oid::kNumeric ? oid::kNumeric : oid::kInterval);
      Datum zero = t.in(bound_cx_, "0", -1);
      negative = compare_datums(bound_cx_, t, offset.value, zero) < 0;
    }
    if (negative) throw SqlError{sqlstate::kInvalidPrecedingOrFollowingSize, "invalid preceding or following size in window function"};
    const bool minus = preceding != order_.types()[0].desc;
    bounds.assign(rows_, 0);
    for (size_t r = 0; r < rows_; r++) {
      if (columns_[order_at_].nulls[r]) continue;
      if (r && !columns_[order_at_].nulls[r - 1] && peer_group_[r] == peer_group_[r - 1]) {
        bounds[r] = bounds[r - 1];
        continue;
      }
      Datum key = range_key(r);
      if (type == oid::kInt8) {
        int64_t sum;
        const bool overflow = minus ? __builtin_sub_overflow(as_int8(key), as_int8(offset.value), &sum) : __builtin_add_overflow(as_int8(key), as_int8(offset.value), &sum);
        bounds[r] = from_int(overflow ? (minus ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max()) : sum);
        continue;
      }
      Vector args[2] = {Vector{&key, nullptr, 0}, Vector{&offset.value, nullptr, 0}};
      Datum value = 0;
      uint8_t null = 0;
      Vector out{&value, &null, 1};
      (minus ? subtract_ : add_)->kernel(bound_cx_, args, 2, Rows{nullptr, 1}, out);
      bounds[r] = bound_key_.type->by_value ? value : make_bytes(memory_, as_view(value));
    }
  }
  // First row not before the bound (start) or first row after it (end).
  size_t range_edge(size_t row, Datum bound, bool start) {
    Column& key = columns_[order_at_];
    if (key.nulls[row]) return start ? peer_start_[row] : peer_end(row);
    size_t low = 0, high = rows_;
    while (low < high && key.nulls[low]) low = peer_end(low);
    if (high > low && key.nulls[high - 1]) high = peer_start_[high - 1];
    while (low < high) {
      const size_t mid = low + (high - low) / 2;
      const int c = compare_keys(bound_cx_, bound_key_, range_key(mid), false, bound, false);
      if (start ? c < 0 : c <= 0) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  struct Frame { size_t from, to; };
  // The frame without what EXCLUDE takes out.
  int pieces(size_t row, Frame f, Frame out[3]) const {
    const uint32_t o = def_.frame_options;
    if (!(o & kExclude)) {
      out[0] = f;
      return 1;
    }
    const size_t from = o & kExcludeRow ? row : peer_start_[row], to = o & kExcludeRow ? row + 1 : peer_end(row);
    int n = 0;
    auto add = [&](size_t a, size_t b) {
      a = std::max(a, f.from);
      b = std::min(b, f.to);
      if (a < b) out[n++] = {a, b};
    };
    add(f.from, from);
    if (o & kExcludeTies) add(row, row + 1);
    add(to, f.to);
    return n;
  }
  Frame frame(size_t row) {
    const uint32_t o = def_.frame_options;
    const int64_t n = static_cast<int64_t>(rows_);
    int64_t from = 0, to = n;
    if (o & kGroups) {
      int64_t groups = static_cast<int64_t>(group_start_.size()) - 1, g = peer_group_[row];
      auto start_of = [&](int64_t i) { return i <= 0 ? 0 : i >= groups ? n : static_cast<int64_t>(group_start_[i]); };
      if (o & kStartCurrent) from = start_of(g);
      else if (o & kStartPreceding) from = start_of(g - start_offset_);
      else if (o & kStartFollowing) from = start_of(g + start_offset_);
      if (o & kEndCurrent) to = start_of(g + 1);
      else if (o & kEndPreceding) to = g - end_offset_ < 0 ? 0 : start_of(g - end_offset_ + 1);
      else if (o & kEndFollowing) to = start_of(g + end_offset_ + 1);
    } else {
      const bool by_row = o & kRows;
      int64_t r = static_cast<int64_t>(row);
      if (o & kRange && (start_ || end_)) {
        if (start_) from = static_cast<int64_t>(range_edge(row, start_bounds_[row], true));
        else if (o & kStartCurrent) from = static_cast<int64_t>(peer_start_[row]);
        if (end_) to = static_cast<int64_t>(range_edge(row, end_bounds_[row], false));
        else if (o & kEndCurrent) to = static_cast<int64_t>(peer_end(row));
        return {static_cast<size_t>(from), static_cast<size_t>(std::max(from, to))};
      }
      if (o & kStartCurrent) from = by_row ? r : static_cast<int64_t>(peer_start_[row]);
      else if (o & kStartPreceding) from = r - start_offset_;
      else if (o & kStartFollowing) from = r + start_offset_;
      if (o & kEndCurrent) to = by_row ? r + 1 : static_cast<int64_t>(peer_end(row));
      else if (o & kEndPreceding) to = r - end_offset_ + 1;
      else if (o & kEndFollowing) to = r + end_offset_ + 1;
    }
    from = std::clamp<int64_t>(from, 0, n);
    to = std::clamp<int64_t>(to, 0, n);
    return {static_cast<size_t>(from), static_cast<size_t>(std::max(from, to))};
  }

  void compute() {
    find_peers();
    const uint32_t o = def_.frame_options;
    if (start_) start_offset_ = (o & kRange) ? 0 : offset_value(start_, "starting");
    if (end_) end_offset_ = (o & kRange) ? 0 : offset_value(end_, "ending");
    if (o & kRange && start_) range_bounds(start_, "starting", o & kStartPreceding, start_bounds_);
    if (o & kRange && end_) range_bounds(end_, "ending", o & kEndPreceding, end_bounds_);
    for (WindowCall& c : calls_) {
      check_interrupts();
      c.result.values.assign(rows_, 0);
      c.result.nulls.assign(rows_, 0);
      if (c.aggregate) aggregate(c);
      else rank_or_value(c);
    }
  }

  // Adds rows [from, to) to an aggregate's state.
  void add_rows(WindowCall& c, void* state, size_t from, size_t to) {
    void* states[kBatchRows];
    uint16_t sel[kBatchRows];
    std::vector<Vector> args(c.e->args.size());
    while (from < to) {
      uint32_t n = static_cast<uint32_t>(std::min<size_t>(to - from, kBatchRows));
      for (size_t i = 0; i < args.size(); i++) args[i] = columns_[c.first_arg + i].at(from);
      std::fill(states, states + n, state);
      Rows rows{nullptr, n};
      if (c.filter >= 0) rows = Rows{sel, select_true(columns_[c.filter].at(from), rows, sel)};
      if (rows.count) c.aggregate->update(c.cx, states, args.data(), static_cast<int>(args.size()), rows);
      from += n;
    }
  }
  void aggregate(WindowCall& c) {
    std::vector<uint64_t> state_memory((c.aggregate->state_size + 7) / 8 + 1);
    void* state = state_memory.data();
    auto finish = [&](size_t row) {
      Datum d = 0;
      bool ok = c.aggregate->finalize(c.cx, state, &d);
      c.result.values[row] = d;
      c.result.nulls[row] = !ok;
    };
    const bool exclude = def_.frame_options & kExclude, running = def_.frame_options & kStartUnbounded && !exclude;
    Frame last{0, 0};
    for (size_t r = 0; r < rows_; r++) {
      Frame f = frame(r);
      if (r > 0 && !exclude && f.from == last.from && f.to == last.to) {
        c.result.values[r] = c.result.values[r - 1];
        c.result.nulls[r] = c.result.nulls[r - 1];
        continue;
      }
      if (running && f.to >= last.to) {
        add_rows(c, state, last.to, f.to);
      } else {
        std::fill(state_memory.begin(), state_memory.end(), 0);
        Frame parts[3];
        const int n = pieces(r, f, parts);
        for (int i = 0; i < n; i++) add_rows(c, state, parts[i].from, parts[i].to);
        if ((r & 1023) == 0) check_interrupts();
      }
      finish(r);
      last = f;
    }
  }

  void set(WindowCall& c, size_t row, Column& from, size_t at) {
    c.result.values[row] = from.values[at];
    c.result.nulls[row] = from.nulls[at];
  }
  void rank_or_value(WindowCall& c) {
    Column& result = c.result;
    const double n = static_cast<double>(rows_);
    switch (raw(c.e->fn)) {
      case kRowNumber:
        for (size_t r = 0; r < rows_; r++) result.values[r] = from_int(static_cast<int64_t>(r) + 1);
        break;
      case kRank:
        for (size_t r = 0; r < rows_; r++) result.values[r] = from_int(static_cast<int64_t>(peer_start_[r]) + 1);
        break;
      case kDenseRank:
        for (size_t r = 0; r < rows_; r++) result.values[r] = from_int(static_cast<int64_t>(peer_group_[r]) + 1);
        break;
      case kPercentRank:
        for (size_t r = 0; r < rows_; r++) result.values[r] = from_float8(rows_ > 1 ? static_cast<double>(peer_start_[r]) / (n - 1) : 0.0);
        break;
      case kCumeDist:
        for (size_t r = 0; r < rows_; r++) result.values[r] = from_float8(static_cast<double>(peer_end(r)) / n);
        break;
      case kNtile: ntile(c); break;
      case kLag1: case kLag2: case kLag3: lag_lead(c, -1); break;
      case kLead1: case kLead2: case kLead3: lag_lead(c, 1); break;
      default: frame_value(c); break;
    }
  }
  void ntile(WindowCall& c) {
    Column& arg = columns_[c.first_arg];
    if (arg.nulls[0]) {
      std::fill(c.result.nulls.begin(), c.result.nulls.end(), 1);
      return;
    }
    int64_t buckets = as_int4(arg.values[0]);
    if (buckets <= 0) throw SqlError{sqlstate::kInvalidArgumentForNtile, "argument of ntile must be greater than zero"};
    int64_t n = static_cast<int64_t>(rows_), small = n / buckets, larger = n % buckets;
    for (int64_t r = 0; r < n; r++) {
      int64_t in_larger = larger * (small + 1);
      int64_t bucket = r < in_larger ? r / (small + 1) : larger + (small ? (r - in_larger) / small : 0);
      c.result.values[r] = from_int(bucket + 1);
    }
  }
  void lag_lead(WindowCall& c, int direction) {
    size_t nargs = c.e->args.size();
    for (size_t r = 0; r < rows_; r++) {
      int64_t offset = 1;
      if (nargs > 1) {
        Column& o = columns_[c.first_arg + 1];
        if (o.nulls[r]) {
          c.result.nulls[r] = 1;
          continue;
        }
        offset = as_int4(o.values[r]);
      }
      int64_t at = static_cast<int64_t>(r) + direction * offset;
      if (at >= 0 && at < static_cast<int64_t>(rows_)) set(c, r, columns_[c.first_arg], static_cast<size_t>(at));
      else if (nargs > 2) set(c, r, columns_[c.first_arg + 2], r);
      else c.result.nulls[r] = 1;
    }
  }
  void frame_value(WindowCall& c) {
    for (size_t r = 0; r < rows_; r++) {
      Frame parts[3];
      const int n = pieces(r, frame(r), parts);
      int64_t at = -1;
      switch (raw(c.e->fn)) {
        case kFirstValue: at = n && parts[0].from < parts[0].to ? static_cast<int64_t>(parts[0].from) : -1; break;
        case kLastValue: at = n && parts[n - 1].from < parts[n - 1].to ? static_cast<int64_t>(parts[n - 1].to) - 1 : -1; break;
        default: {
          Column& nth = columns_[c.first_arg + 1];
          if (nth.nulls[r]) break;
          int64_t k = as_int4(nth.values[r]);
          if (k <= 0) throw SqlError{sqlstate::kInvalidArgumentForNthValue, "argument of nth_value must be greater than zero"};
          for (int i = 0; i < n && at < 0; i++) {
            const int64_t size = static_cast<int64_t>(parts[i].to - parts[i].from);
            if (k <= size) at = static_cast<int64_t>(parts[i].from) + k - 1;
            k -= size;
          }
        }
      }
      if (at < 0) c.result.nulls[r] = 1;
      else set(c, r, columns_[c.first_arg], static_cast<size_t>(at));
    }
  }

  Batch emit() {
    uint32_t n = static_cast<uint32_t>(std::min<size_t>(rows_ - emit_at_, kBatchRows));
    for (int i = 0; i < nchild_; i++) view_[i] = columns_[i].at(emit_at_);
    EvalInput in{{view_, nullptr}, n};
    for (size_t i = 0; i < outputs_.size(); i++)
      out_[i] = outputs_[i].code ? eval(outputs_[i].code, in, Rows{nullptr, n}) : calls_[outputs_[i].call].result.at(emit_at_);
    emit_at_ += n;
    return Batch{out_, static_cast<int>(outputs_.size()), Rows{nullptr, n}};
  }

  struct Output { Code* code; int call; };
  std::unique_ptr<Node> child_;
  const sql::WindowDef& def_;
  RowKeys partition_, order_;
  std::vector<Code*> inputs_;           // of the columns after the child's
  std::vector<Column> columns_;
  std::vector<WindowCall> calls_;
  std::vector<Output> outputs_;
  int nchild_ = 0, order_at_ = 0;
  Code *start_ = nullptr, *end_ = nullptr;
  int64_t start_offset_ = 0, end_offset_ = 0;
  KeyType bound_key_{};
  FnContext bound_cx_;
  const FnEntry *add_ = nullptr, *subtract_ = nullptr;
  std::vector<Datum> start_bounds_, end_bounds_;
  Arena memory_{4096}, result_memory_{1024}, input_memory_{256};
  size_t rows_ = 0, emit_at_ = 0;
  std::vector<size_t> peer_start_, group_start_;
  std::vector<uint32_t> peer_group_;
  Batch in_;
  uint32_t in_at_ = 0;
  bool done_ = false, input_end_ = false;
  Vector *out_, *view_;
};

// Outside of a window, these are errors; the entries make the functions known.
template <uint32_t Fn>
void needs_over(FnContext&, const Vector*, int, Rows rows, Vector&) {
  if (!rows.count) return;
  static constexpr std::string_view kNames[] = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lag", "lag", "lead", "lead", "lead",
                                                "first_value", "last_value", "nth_value"};
  throw SqlError{sqlstate::kWrongObjectType, cat("window function ", kNames[Fn - kRowNumber], " requires an OVER clause")};
}
constexpr FnEntry kFunctions[] = {{3100, needs_over<3100>}, {3101, needs_over<3101>}, {3102, needs_over<3102>}, {3103, needs_over<3103>}, {3104, needs_over<3104>},
                                  {3105, needs_over<3105>}, {3106, needs_over<3106>}, {3107, needs_over<3107>}, {3108, needs_over<3108>}, {3109, needs_over<3109>},
                                  {3110, needs_over<3110>}, {3111, needs_over<3111>}, {3112, needs_over<3112>}, {3113, needs_over<3113>}, {3114, needs_over<3114>}};

}  // namespace

constinit const FnTables kWindowFunctions{kFunctions, {}, {}};

std::unique_ptr<Node> make_window_agg(ExecState& es, const Plan& p) { return std::make_unique<WindowAggNode>(es, p); }

}  // namespace postern::exec
