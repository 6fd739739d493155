// Scans that read no table: functions in FROM, VALUES, set-returning functions in the select list.
#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/exec/node.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/record.h"
#include "postgres/types/type_info.h"

namespace postern::exec {
using sql::Expr;
using sql::ExprKind;
using sql::Plan;

namespace {

// One call of a set-returning function (or of a plain one, which gives one row).
class SetCall {
 public:
  // whole: a function with several columns gives them as one record.
  void init(const Compiler& cp, const Expr& e, int ncols, bool whole) {
    e_ = &e;
    ncols_ = ncols;
    entry_ = (e.kind == ExprKind::kFunc || e.kind == ExprKind::kSetFunc) ? find_set_function(e.fn) : nullptr;
    if (!entry_) {
      if (e.retset) {
        const facts::ProcFact* p = facts::find_proc(e.fn);
        throw_unsupported(p ? cat("function ", p->name(), "()") : cat("set-returning function ", raw(e.fn)));
      }
      scalar_ = cp.compile(e);
      return;
    }
    if (whole && e.type == oid::kRecord) init_record(cp, e);
    args_ = cp.compile_all(e.args);
    cx_ = make_context(cp, e.type, e.collation);
    cx_.arena = &call_memory_;
    Oid* types = cp.arena->alloc_array<Oid>(e.args.size());
    for (size_t i = 0; i < e.args.size(); i++) types[i] = e.args[i]->type;
    cx_.arg_types = {types, e.args.size()};
  }
  // Evaluates the arguments for one row and starts the call.
  void start(const EvalInput& in, uint32_t row) {
    uint16_t index = static_cast<uint16_t>(row);
    Rows one{&index, 1};
    call_.reset();
    call_memory_.reset();
    if (scalar_) {
      scalar_value_ = eval(scalar_, in, one);
      scalar_row_ = row;
      scalar_pending_ = true;
      return;
    }
    values_.clear();
    for (size_t i = 0; i < e_->args.size(); i++) {
      Vector v = eval(args_[i], in, one);
      NullableDatum d;
      if (!v.null(row)) {
        d = {v.value(row), false};
        if (!type_info(e_->args[i]->type).by_value) d.value = make_bytes(call_memory_, as_view(d.value));
      }
      values_.push_back(d);
    }
    cx_.fn_state = nullptr;
    cx_.fn_arena = &call_memory_;
    call_.reset(entry_->make(cx_, values_.data(), static_cast<int>(values_.size())));
  }
  // More rows into out; by-reference values go to `arena`.
  uint32_t next(Vector* out, uint32_t max, Arena& arena) {
    if (scalar_) {
      if (!scalar_pending_) return 0;
      scalar_pending_ = false;
      return store_scalar(out);
    }
    if (!call_) return 0;
    FnContext cx = cx_;
    cx.arena = &arena;
    uint32_t n = record_.empty() ? call_->next(cx, out, ncols_, max) : next_records(cx, out[0], max, arena);
    if (!n) call_.reset();
    return n;
  }
  void stop() {
    call_.reset();
    scalar_pending_ = false;
  }

 private:
  void init_record(const Compiler& cp, const Expr& e) {
    const facts::ProcFact* p = facts::find_proc(e.fn);
    std::string_view modes = p ? p->modes() : std::string_view{}, names = p ? p->names() : std::string_view{};
    for (size_t i = 0; i < modes.size(); i++) {
      size_t end = std::min(names.find('\x01'), names.size());
      std::string_view name = names.substr(0, end);
      names.remove_prefix(std::min(end + 1, names.size()));
      if (modes[i] == 'i' || modes[i] == 'v') continue;
      Oid type{p->all_args()[i]};
      if (type == oid::kAnyElement && !e.args.empty()) type = type_info(e.args[0]->type).elem;
      record_.push_back({type, {}, name});
    }
    parts_.init(*cp.arena, static_cast<int>(record_.size()));
    arena_ = cp.arena;
  }
  uint32_t next_records(FnContext& cx, Vector& out, uint32_t max, Arena& arena) {
    parts_.reserve(*arena_, max);
    uint32_t n = call_->next(cx, parts_.v, parts_.n, max);
    for (uint32_t r = 0; r < n; r++) {
      for (size_t i = 0; i < record_.size(); i++) record_[i].value = parts_.v[i].null(r) ? NullableDatum{} : NullableDatum{parts_.v[i].value(r), false};
      out.values[r] = make_record(arena, oid::kRecord, record_);
      out.nulls[r] = 0;
    }
    return n;
  }
  uint32_t store_scalar(Vector* out) {
    bool null = scalar_value_.null(scalar_row_);
    Datum d = scalar_value_.value(scalar_row_);
    const TypeInfo* t = find_type(e_->type);
    bool spread = e_->type == oid::kRecord || (t && t->typtype == 'c') || ncols_ > 1;
    if (!spread) {
      out[0].values[0] = d;
      out[0].nulls[0] = null;
      return 1;
    }
    for (int i = 0; i < ncols_; i++) {
      NullableDatum f;
      if (!null) f = RecordView(d).field(static_cast<uint32_t>(i));
      out[i].values[0] = f.value;
      out[i].nulls[0] = f.null;
    }
    return 1;
  }
  const Expr* e_ = nullptr;
  int ncols_ = 1;
  std::vector<RecordField> record_;   // not empty: rows go out as records
  OwnColumns parts_;
  Arena* arena_ = nullptr;
  const SetFnEntry* entry_ = nullptr;
  Code* scalar_ = nullptr;
  Vector scalar_value_;
  uint32_t scalar_row_ = 0;
  bool scalar_pending_ = false;
  Code** args_ = nullptr;
  FnContext cx_;
  Arena call_memory_{256};
  std::vector<NullableDatum> values_;
  std::unique_ptr<SetFunction> call_;
};

// Several calls side by side, shorter ones filled up with NULLs.
struct CallSet {
  std::vector<std::unique_ptr<SetCall>> calls;
  std::vector<int> columns;
  void add(const Compiler& cp, const Expr& e, int ncols, bool whole = false) {
    calls.push_back(std::make_unique<SetCall>());
    calls.back()->init(cp, e, ncols, whole);
    columns.push_back(ncols);
  }
  uint32_t next(Vector* out, uint32_t max, Arena& arena) {
    if (calls.size() == 1) return calls[0]->next(out, max, arena);
    std::vector<uint32_t> got(calls.size());
    uint32_t longest = 0;
    int at = 0;
    for (size_t i = 0; i < calls.size(); i++) {
      // Each is asked until it has max rows or ends, so that all keep step.
      while (got[i] < max) {
        std::vector<Vector> part(out + at, out + at + columns[i]);
        for (Vector& v : part) {
          v.values += got[i];
          v.nulls += got[i];
        }
        uint32_t n = calls[i]->next(part.data(), max - got[i], arena);
        if (!n) break;
        got[i] += n;
      }
      longest = std::max(longest, got[i]);
      at += columns[i];
    }
    at = 0;
    for (size_t i = 0; i < calls.size(); i++) {
      for (int c = 0; c < columns[i]; c++)
        for (uint32_t r = got[i]; r < longest; r++) out[at + c].values[r] = 0, out[at + c].nulls[r] = 1;
      at += columns[i];
    }
    return longest;
  }
};

class FunctionScanNode final : public Node {
 public:
  FunctionScanNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    Compiler cp = compiler();
    cp.batch_arena = &args_memory_;
    int n = 0;
    for (size_t i = 0; i < plan.functions.size(); i++) {
      int columns = i < plan.function_columns.size() ? plan.function_columns[i] : 1;
      calls_.add(cp, *plan.functions[i], columns);
      n += columns;
    }
    ncols_ = n + plan.ordinality;
    out_.init(es.arena, ncols_);
    Compiler rest = compiler();
    filter_.compile(rest, plan.filter);
    targets_.compile(rest, plan.targets);
  }

 protected:
  Batch do_next() override {
    if (!started_) {
      started_ = true;
      args_memory_.reset();
      for (auto& c : calls_.calls) c->start(EvalInput{}, 0);
      ordinal_ = 0;
      done_ = false;
      batch_ = 32;
    }
    while (!done_) {
      check_interrupts();
      batch_arena_.reset();
      out_.reserve(es_.arena, batch_);
      uint32_t n = calls_.next(out_.v, batch_, batch_arena_);
      batch_ = kBatchRows;
      if (!n) {
        done_ = true;
        break;
      }
      if (plan_.ordinality)
        for (uint32_t i = 0; i < n; i++) {
          out_.v[ncols_ - 1].values[i] = from_int(++ordinal_);
          out_.v[ncols_ - 1].nulls[i] = 0;
        }
      EvalInput in{{out_.v, nullptr}, n};
      Rows rows{nullptr, n};
      if (!filter_.empty()) {
        rows = filter_.apply(in, rows);
        count_filtered(n - rows.count);
        if (!rows.count) continue;
      }
      return targets_.empty() ? Batch{out_.v, ncols_, rows} : targets_.apply(in, rows);
    }
    return {};
  }
  void do_rescan() override { started_ = false; }

 private:
  CallSet calls_;
  int ncols_ = 0;
  OwnColumns out_;
  Arena args_memory_{256};
  Predicate filter_;
  Projection targets_;
  bool started_ = false, done_ = false;
  uint32_t batch_ = 32;
  int64_t ordinal_ = 0;
};

class ValuesScanNode final : public Node {
 public:
  ValuesScanNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    for (const auto& row : plan.values) ncols_ = static_cast<int>(row.size());
    out_.init(es.arena, ncols_);
    Compiler cp = compiler();
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
  }

 protected:
  Batch do_next() override {
    while (at_ < plan_.values.size()) {
      batch_arena_.reset();
      code_memory_.reset();
      uint32_t n = static_cast<uint32_t>(std::min<size_t>(plan_.values.size() - at_, kBatchRows));
      out_.reserve(es_.arena, n);
      // Each expression is used once: compiled into memory that lives as long as the batch.
      Compiler cp{&es_, es_.services, &code_memory_, &batch_arena_};
      for (uint32_t i = 0; i < n; i++) {
        auto row = plan_.values[at_ + i];
        for (int c = 0; c < ncols_; c++) {
          const Expr& e = *row[c];
          NullableDatum d = e.kind == ExprKind::kConst ? NullableDatum{e.value, e.null} : eval_scalar(cp.compile(e));
          out_.v[c].values[i] = d.value;
          out_.v[c].nulls[i] = d.null;
        }
      }
      at_ += n;
      EvalInput in{{out_.v, nullptr}, n};
      Rows rows{nullptr, n};
      if (!filter_.empty()) {
        rows = filter_.apply(in, rows);
        count_filtered(n - rows.count);
        if (!rows.count) continue;
      }
      return targets_.empty() ? Batch{out_.v, ncols_, rows} : targets_.apply(in, rows);
    }
    return {};
  }
  void do_rescan() override { at_ = 0; }

 private:
  int ncols_ = 0;
  OwnColumns out_;
  Arena code_memory_{1024};
  Predicate filter_;
  Projection targets_;
  size_t at_ = 0;
};

// Targets with set-returning functions at their top: one output row per row of the longest.
class ProjectSetNode final : public Node {
 public:
  ProjectSetNode(ExecState& es, const Plan& plan) : Node(es, plan) {
    if (plan.left) child_ = make_node(es, *plan.left);
    Compiler cp = compiler();
    Compiler args = cp;
    args.batch_arena = &args_memory_;
    for (size_t i = 0; i < plan.targets.size(); i++) {
      const Expr& e = *plan.targets[i];
      bool set = e.kind == ExprKind::kSetFunc || (e.kind == ExprKind::kFunc && e.retset);
      if (set) {
        calls_.add(args, e, 1, true);
        set_columns_.push_back(static_cast<int>(i));
        plain_.push_back(nullptr);
      } else {
        plain_.push_back(args.compile(e));
      }
    }
    out_.init(es.arena, static_cast<int>(plan.targets.size()));
    sets_.init(es.arena, static_cast<int>(set_columns_.size()));
  }

 protected:
  Batch do_next() override {
    for (;;) {
      if (!in_call_ && !next_row()) return {};
      check_interrupts();
      batch_arena_.reset();
      sets_.reserve(es_.arena, kBatchRows);
      uint32_t n = calls_.next(sets_.v, kBatchRows, batch_arena_);
      if (!n) {
        in_call_ = false;
        continue;
      }
      for (size_t i = 0; i < plain_.size(); i++)
        if (plain_[i]) out_.v[i] = Vector{&row_values_[i].value, row_values_[i].null ? &kOne : nullptr, 0};
      for (size_t i = 0; i < set_columns_.size(); i++) out_.v[set_columns_[i]] = sets_.v[i];
      return Batch{out_.v, out_.n, Rows{nullptr, n}};
    }
  }
  void do_rescan() override {
    if (child_) child_->rescan();
    in_call_ = started_ = false;
    input_ = Batch{};
    at_ = 0;
    for (auto& c : calls_.calls) c->stop();
  }

 private:
  static inline uint8_t kOne = 1;
  bool next_row() {
    if (at_ >= input_.rows.count) {
      if (child_) {
        input_ = child_->next();
      } else {
        input_ = started_ ? Batch{} : Batch{nullptr, 0, Rows{nullptr, 1}};
      }
      started_ = true;
      at_ = 0;
      if (!input_.rows.count) return false;
    }
    uint32_t row = input_.rows.row(at_++);
    uint16_t index = static_cast<uint16_t>(row);
    EvalInput in{{input_.columns, nullptr}, row + 1};
    args_memory_.reset();
    row_values_.assign(plain_.size(), NullableDatum{});
    for (size_t i = 0; i < plain_.size(); i++) {
      if (!plain_[i]) continue;
      Vector v = eval(plain_[i], in, Rows{&index, 1});
      row_values_[i] = v.null(row) ? NullableDatum{} : NullableDatum{v.value(row), false};
    }
    for (auto& c : calls_.calls) c->start(in, row);
    in_call_ = true;
    return true;
  }
  std::unique_ptr<Node> child_;
  CallSet calls_;
  std::vector<int> set_columns_;
  std::vector<Code*> plain_;
  std::vector<NullableDatum> row_values_;
  OwnColumns out_, sets_;
  Arena args_memory_{256};
  Batch input_;
  uint32_t at_ = 0;
  bool in_call_ = false, started_ = false;
};

}  // namespace

std::unique_ptr<Node> make_function_scan(ExecState& es, const Plan& p) { return std::make_unique<FunctionScanNode>(es, p); }
std::unique_ptr<Node> make_values_scan(ExecState& es, const Plan& p) { return std::make_unique<ValuesScanNode>(es, p); }
std::unique_ptr<Node> make_project_set(ExecState& es, const Plan& p) { return std::make_unique<ProjectSetNode>(es, p); }

}  // namespace postern::exec
