// Grouping and aggregation: plain (no keys: one group), sorted (input ordered by the keys), hashed, and DISTINCT by hashing (no aggregates).
//
// Hashed grouping stays within work_mem: once the table has used it up, rows of unknown groups are put aside in partitions by hash; when the groups at hand have been
// returned, each partition is aggregated on its own. Sorted grouping returns finished groups batch by batch, and frees their memory.
// Aggregates with DISTINCT or ORDER BY put {group number, order keys, arguments} into a sorter, and are fed from it when their groups are complete.
#include <algorithm>
#include <deque>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/external_sort.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/group_table.h"
#include "postgres/exec/keys.h"
#include "postgres/types/facts/facts.h"

namespace postern::exec {
using sql::Plan;
using sql::PlanKind;

namespace {

constexpr int kPartitionBits = 4, kPartitions = 1 << kPartitionBits;

struct AggRun {
  const AggEntry* entry;
  Code** args;
  Vector* argv;
  int nargs;
  Predicate filter;
  FnContext cx;
  uint32_t state_at;
  // DISTINCT / ORDER BY
  bool sorted = false, distinct = false;
  std::vector<Code*> order;
  std::vector<const TypeInfo*> sort_types;    // group number, order keys, arguments
  std::vector<SortKey> sort_keys;
  std::unique_ptr<ExternalSort> sorter;
};

class AggNode final : public Node {
 public:
  AggNode(ExecState& es, const Plan& plan) : Node(es, plan), child_(make_node(es, *plan.left)), hashed_(plan.kind != PlanKind::kSortAgg) {
    Compiler cp = compiler();
    std::vector<const TypeInfo*> types;
    if (plan.kind == PlanKind::kDistinctHash && plan.group_keys.empty()) {
      nkeys_ = static_cast<int>(plan.left->types.size());
      for (Oid t : plan.left->types) types.push_back(&type_info(t));
    } else {
      nkeys_ = static_cast<int>(plan.group_keys.size());
      keys_ = cp.compile_all(plan.group_keys);
      for (const sql::Expr* e : plan.group_keys) types.push_back(&type_info(e->type));
    }
    plain_ = nkeys_ == 0 && plan.kind == PlanKind::kSortAgg;
    key_values_ = es.arena.alloc_array<Vector>(nkeys_);
    if (!plan.grouping_sets.empty()) {   // one more key: the number of the set
      set_keys_ = es.arena.alloc_array<Vector>(nkeys_ + 1);
      types.push_back(&type_info(oid::kInt4));
    }
    if (!hashed_ && !plain_) boundary_.init_exprs(es.arena, cp, plan.group_keys);
    size_t state_bytes = init_aggregates(cp);
    table_.init(types, state_bytes, make_context(cp, Oid{0}, Oid{0}));
    out_.init(es.arena, nkeys_ + static_cast<int>(aggs_.size() + plan.groupings.size()));
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
    for (Oid t : plan.left->types) child_types_.push_back(t);
    slots_ = outside_slots(*es.stmt, plan.left);
  }

 protected:
  Batch do_next() override {
    for (;;) {
      if (emit_at_ < emit_end_) {
        Batch b = emit();
        if (b.rows.count) return b;
        continue;
      }
      if (finished_) return {};
      if (plain_) run_plain();
      else if (hashed_) run_hashed();
      else run_sorted();
    }
  }
  void do_rescan() override {
    // A hash table that holds everything can be returned again.
    if (hashed_ && complete_ && es_.stamp_of(slots_) == stamp_ && !uses_slots_itself()) {
      emit_at_ = 0;
      emit_end_ = table_.groups().size();
      finished_ = true;
      return;
    }
    child_->rescan();
    reset_groups();
    partitions_.clear();
    pending_.clear();
    emit_at_ = emit_end_ = 0;
    finished_ = started_ = complete_ = have_rest_ = have_open_ = false;
  }

 private:
  struct Partition {
    std::unique_ptr<ColumnStore> store;
    int depth;
    int set = 0;
  };

  bool uses_slots_itself() {
    if (own_slots_ < 0) own_slots_ = outside_slots(*es_.stmt, &plan_).size() != slots_.size();
    return own_slots_ != 0;
  }

  size_t init_aggregates(const Compiler& cp) {
    size_t at = 0;
    for (const sql::AggCall& call : plan_.aggs) {
      AggRun a;
      a.entry = find_aggregate(call.fn);
      if (!a.entry) {
        const facts::ProcFact* p = facts::find_proc(call.fn);
        throw_unsupported(cat("aggregate ", p ? std::string(p->name()) : cat(raw(call.fn))));
      }
      a.args = cp.compile_all(call.args);
      a.nargs = static_cast<int>(call.args.size());
      a.argv = cp.arena->alloc_array<Vector>(call.args.size());
      a.filter.compile(cp, call.filter);
      a.cx = make_context(cp, call.result_type, call.collation);
      a.cx.arena = &state_arena_;
      Oid* types = cp.arena->alloc_array<Oid>(call.args.size());
      for (size_t i = 0; i < call.args.size(); i++) types[i] = call.args[i]->type;
      a.cx.arg_types = {types, call.args.size()};
      a.state_at = static_cast<uint32_t>(at);
      at += (a.entry->state_size + 7) & ~size_t{7};
      if (call.distinct || !call.order.empty()) init_sorted(cp, call, a);
      aggs_.push_back(std::move(a));
    }
    return at;
  }
  void init_sorted(const Compiler& cp, const sql::AggCall& call, AggRun& a) {
    a.sorted = true;
    a.distinct = call.distinct;
    a.sort_types.push_back(&type_info(oid::kInt8));
    a.sort_keys.push_back(SortKey{0, a.sort_types[0]});
    for (const sql::SortKey& k : call.order) {
      a.sort_keys.push_back(SortKey{static_cast<int>(a.sort_types.size()), &ordered_type(k.expr->type), k.desc, k.nulls_first, k.expr->collation});
      a.sort_types.push_back(&type_info(k.expr->type));
      a.order.push_back(cp.compile(*k.expr));
    }
    for (const sql::Expr* e : call.args) {
      if (a.distinct) a.sort_keys.push_back(SortKey{static_cast<int>(a.sort_types.size()), &ordered_type(e->type), false, false, e->collation});
      a.sort_types.push_back(&type_info(e->type));
    }
  }

  void reset_groups() {
    table_.clear();
    state_arena_.reset();
    for (AggRun& a : aggs_) a.sorter.reset();
  }
  void reserve_rows(uint32_t n) {
    if (n <= row_capacity_) return;
    row_capacity_ = rounded_capacity(n);
    groups_ = es_.arena.alloc_array<Group*>(row_capacity_);
    states_ = es_.arena.alloc_array<void*>(row_capacity_);
    hashes_ = es_.arena.alloc_array<uint64_t>(row_capacity_);
    sel_ = es_.arena.alloc_array<uint16_t>(row_capacity_);
  }

  // Feeds the rows, whose groups are in groups_, to every aggregate.
  void update(const Batch& b, Rows rows) {
    EvalInput in{{b.columns, nullptr}, row_bound(rows)};
    for (AggRun& a : aggs_) {
      Rows counted = a.filter.empty() ? rows : a.filter.apply(in, rows);
      if (!counted.count) continue;
      for (int i = 0; i < a.nargs; i++) a.argv[i] = eval(a.args[i], in, counted);
      if (a.sorted) {
        put_aside(a, in, counted);
        continue;
      }
      for_rows(counted, [&](uint32_t r) { states_[r] = table_.payload(groups_[r]) + a.state_at; });
      a.entry->update(a.cx, states_, a.argv, a.nargs, counted);
    }
  }

  void put_aside(AggRun& a, const EvalInput& in, Rows rows) {
    if (!a.sorter) a.sorter = std::make_unique<ExternalSort>(a.sort_types, a.sort_keys, es_.settings.work_mem_bytes);
    std::vector<Vector> columns(a.sort_types.size());
    auto* ordinals = batch_arena_.alloc_array<Datum>(in.n);
    for_rows(rows, [&](uint32_t r) { ordinals[r] = groups_[r]->ordinal; });
    columns[0] = Vector{ordinals, nullptr, 1};
    for (size_t i = 0; i < a.order.size(); i++) columns[1 + i] = eval(a.order[i], in, rows);
    for (int i = 0; i < a.nargs; i++) columns[1 + a.order.size() + i] = a.argv[i];
    a.sorter->add_batch(columns.data(), rows);
  }

  // The groups are complete: feeds the aggregates that wanted order.
  void finish_sorted_aggregates() {
    for (AggRun& a : aggs_) {
      if (!a.sorter) continue;
      a.sorter->sort();
      size_t ncols = a.sort_types.size();
      OwnColumns rows;
      Arena memory(4096);
      rows.init(memory, static_cast<int>(ncols));
      rows.reserve(memory, kBatchRows);
      const size_t first_arg = 1 + a.order.size();
      std::vector<Datum> last(ncols);
      std::vector<uint8_t> last_null(ncols);
      Arena last_memory(256);
      bool have_last = false;
      reserve_rows(kBatchRows);
      while (uint32_t n = a.sorter->next(rows.v, kBatchRows)) {
        check_interrupts();
        uint32_t kept = 0;
        for (uint32_t r = 0; r < n; r++) {
          if (a.distinct) {
            bool same = have_last && last[0] == rows.v[0].values[r];
            for (size_t i = first_arg; same && i < ncols; i++) {
              bool null = rows.v[i].null(r);
              same = null == (last_null[i] != 0) && (null || key_equal(a.cx, *a.sort_types[i], last[i], rows.v[i].values[r]));
            }
            if (same) continue;
            have_last = true;
            last_memory.reset();
            last[0] = rows.v[0].values[r];
            for (size_t i = first_arg; i < ncols; i++) {
              last_null[i] = rows.v[i].null(r);
              last[i] = last_null[i] ? 0 : a.sort_types[i]->by_value ? rows.v[i].values[r] : make_bytes(last_memory, as_view(rows.v[i].values[r]));
            }
          }
          sel_[kept++] = static_cast<uint16_t>(r);
          states_[r] = table_.payload(table_.groups()[rows.v[0].values[r]]) + a.state_at;
        }
        if (kept) a.entry->update(a.cx, states_, rows.v + first_arg, a.nargs, kept == n ? Rows{nullptr, n} : Rows{sel_, kept});
      }
      a.sorter.reset();
    }
  }

  void run_plain() {
    Group* g = table_.add_without_key();
    for (;;) {
      check_interrupts();
      batch_arena_.reset();
      Batch b = child_->next();
      if (!b.rows.count) break;
      uint32_t n = row_bound(b.rows);
      reserve_rows(n);
      if (n > plain_filled_) {
        std::fill(groups_, groups_ + row_capacity_, g);
        plain_filled_ = row_capacity_;
      }
      update(b, b.rows);
    }
    plain_filled_ = 0;
    finish_sorted_aggregates();
    emit_at_ = 0;
    emit_end_ = 1;
    finished_ = true;
  }

  void evaluate_keys(const Batch& b) {
    if (!keys_) {
      std::copy(b.columns, b.columns + nkeys_, key_values_);
      return;
    }
    EvalInput in{{b.columns, nullptr}, row_bound(b.rows)};
    for (int i = 0; i < nkeys_; i++) key_values_[i] = eval(keys_[i], in, b.rows);
  }

  // Aggregates the input, or the next partition of it, until its end; its groups are then ready to be returned.
  void run_hashed() {
    ColumnStore::Reader reader;
    Partition source{nullptr, 0};
    bool any = false;
    if (started_) {
      reset_groups();
      complete_ = false;
      if (pending_.empty()) {
        finished_ = true;
        return;
      }
      source = std::move(pending_.front());
      pending_.pop_front();
    } else {
      started_ = true;
      complete_ = true;
      stamp_ = es_.stamp_of(slots_);
    }
    for (;;) {
      check_interrupts();
      batch_arena_.reset();
      Batch b = source.store ? source.store->read(reader) : child_->next();
      if (!b.rows.count) break;
      any = true;
      reserve_rows(row_bound(b.rows));
      evaluate_keys(b);
      if (!set_keys_) aggregate_batch(b, key_values_, source.depth, 0);
      else if (source.store) aggregate_batch(b, keys_of_set(source.set), source.depth, source.set);
      else
        for (int s = 0; s < nsets(); s++) aggregate_batch(b, keys_of_set(s), source.depth, s);
    }
    if (!any && set_keys_) add_empty_sets();
    finish_sorted_aggregates();
    for (size_t i = 0; i < partitions_.size(); i++)
      if (partitions_[i]) pending_.push_back(Partition{std::move(partitions_[i]), source.depth + 1, static_cast<int>(i) / kPartitions});
    partitions_.clear();
    if (instr_) {
      instr_->memory_bytes = std::max<uint64_t>(instr_->memory_bytes, table_.bytes() + state_arena_.bytes());
      instr_->batches++;
      if (source.store) instr_->disk_bytes += source.store->disk_bytes();
    }
    emit_at_ = 0;
    emit_end_ = table_.groups().size();
    if (pending_.empty()) finished_ = true;
  }

  int nsets() const { return static_cast<int>(plan_.grouping_sets.size()); }
  // The keys of a grouping set: those that it leaves out are NULL.
  const Vector* keys_of_set(int set) {
    static constexpr Datum kNone = 0;
    static constexpr uint8_t kNull = 1;
    for (int k = 0; k < nkeys_; k++) set_keys_[k] = Vector{const_cast<Datum*>(&kNone), const_cast<uint8_t*>(&kNull), 0};
    for (int k : plan_.grouping_sets[static_cast<size_t>(set)]) set_keys_[k] = key_values_[k];
    set_number_ = from_int(set);
    set_keys_[nkeys_] = Vector{&set_number_, nullptr, 0};
    return set_keys_;
  }
  // Without any input a set without keys still has its group.
  void add_empty_sets() {
    reserve_rows(1);
    for (int s = 0; s < nsets(); s++) {
      if (!plan_.grouping_sets[static_cast<size_t>(s)].empty()) continue;
      const Vector* keys = keys_of_set(s);
      table_.hash(keys, Rows{nullptr, 1}, hashes_);
      table_.lookup(keys, hashes_, Rows{nullptr, 1}, groups_, true);
    }
  }

  void aggregate_batch(const Batch& b, const Vector* keys, int depth, int set) {
    table_.hash(keys, b.rows, hashes_);
    constexpr int kMaxDepth = 6;
    bool full = table_.bytes() + state_arena_.bytes() > es_.settings.work_mem_bytes && depth < kMaxDepth && table_.groups().size() > 256;
    table_.lookup(keys, hashes_, b.rows, groups_, !full);
    if (!full) {
      if (!aggs_.empty()) update(b, b.rows);
      return;
    }
    complete_ = false;
    uint32_t known = 0;
    uint16_t* unknown_rows = batch_arena_.alloc_array<uint16_t>(b.rows.count);
    uint32_t unknown = 0;
    for_rows(b.rows, [&](uint32_t r) {
      if (groups_[r]) sel_[known++] = static_cast<uint16_t>(r);
      else unknown_rows[unknown++] = static_cast<uint16_t>(r);
    });
    if (unknown) put_in_partitions(b, Rows{unknown_rows, unknown}, depth, set);
    if (known && !aggs_.empty()) {
      auto* rows = batch_arena_.alloc_array<uint16_t>(known);
      std::copy(sel_, sel_ + known, rows);
      update(b, Rows{rows, known});
    }
  }

  void put_in_partitions(const Batch& b, Rows rows, int depth, int set) {
    if (partitions_.empty()) partitions_.resize(static_cast<size_t>(kPartitions) * static_cast<size_t>(std::max(1, nsets())));
    const int shift = 64 - kPartitionBits * (depth + 1);
    uint16_t* of_partition = batch_arena_.alloc_array<uint16_t>(rows.count);
    for (int p = 0; p < kPartitions; p++) {
      uint32_t n = 0;
      for_rows(rows, [&](uint32_t r) {
        of_partition[n] = static_cast<uint16_t>(r);
        n += static_cast<int>(hashes_[r] >> shift & (kPartitions - 1)) == p;
      });
      if (!n) continue;
      std::unique_ptr<ColumnStore>& store = partitions_[static_cast<size_t>(set * kPartitions + p)];
      if (!store) store = std::make_unique<ColumnStore>(child_types_, es_.settings.work_mem_bytes / kPartitions);
      store->append(b.columns, Rows{of_partition, n});
    }
  }

  // Reads on until at least one group is finished (or the input ends).
  void run_sorted() {
    if (started_) {
      // The groups that were returned are gone; the rest of the last batch belongs to the group that is still open.
      reset_groups();
      have_open_ = false;
    }
    started_ = true;
    Batch b;
    Rows rows;
    for (;;) {
      if (have_rest_) {
        b = rest_batch_;
        rows = rest_;
        have_rest_ = false;
        boundary_.evaluate(Batch{b.columns, b.ncols, rows});
      } else {
        check_interrupts();
        batch_arena_.reset();
        b = child_->next();
        rows = b.rows;
        if (!rows.count) {
          finished_ = true;
          break;
        }
        boundary_.evaluate(b);
      }
      reserve_rows(row_bound(rows));
      if (assign_sorted_groups(b, rows)) break;
    }
    finish_sorted_aggregates();
    emit_at_ = 0;
    emit_end_ = table_.groups().size();
  }

  // True when groups were finished: those before the last boundary; the rows after it are kept for later.
  bool assign_sorted_groups(const Batch& b, Rows rows) {
    uint32_t last_boundary = 0;
    bool boundary = false;
    uint32_t first = 0;
    if (!have_open_) {
      open_group(rows.row(0));
      first = 1;
      groups_[rows.row(0)] = open_;
    }
    std::vector<uint32_t>& starts = starts_;
    starts.clear();
    for (uint32_t i = first; i < rows.count; i++) {
      uint32_t r = rows.row(i);
      if (!boundary_.current_equals_remembered(r)) {
        boundary_.remember_current(r);
        starts.push_back(i);
      }
    }
    boundary = !starts.empty();
    if (boundary) last_boundary = starts.back();
    uint32_t next_start = 0;
    uint32_t end = boundary ? last_boundary : rows.count;
    for (uint32_t i = first; i < end; i++) {
      uint32_t r = rows.row(i);
      if (next_start < starts.size() && starts[next_start] == i) {
        next_start++;
        open_ = add_group(r);
      }
      groups_[r] = open_;
    }
    Rows head{rows.index, end};
    if (end) update(b, head);
    if (!boundary) return false;
    if (!rest_rows_) rest_rows_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
    uint32_t n = 0;
    for (uint32_t i = end; i < rows.count; i++) {
      uint16_t r = static_cast<uint16_t>(rows.row(i));
      rest_rows_[n++] = r;
    }
    rest_batch_ = b;
    rest_ = Rows{rest_rows_, n};
    have_rest_ = true;
    return true;
  }
  void open_group(uint32_t row) {
    boundary_.remember_current(row);
    open_ = add_group(row);
    have_open_ = true;
  }
  Group* add_group(uint32_t row) { return table_.add(boundary_.vectors(), row); }

  Batch emit() {
    batch_arena_.reset();
    uint32_t n = static_cast<uint32_t>(std::min<size_t>(emit_end_ - emit_at_, kBatchRows));
    out_.reserve(es_.arena, n);
    Group* const* groups = table_.groups().data() + emit_at_;
    for (int k = 0; k < nkeys_; k++) {
      Vector& v = out_.v[k];
      for (uint32_t i = 0; i < n; i++) {
        v.values[i] = table_.key_values(groups[i])[k];
        v.nulls[i] = table_.key_nulls(groups[i])[k];
      }
    }
    for (size_t k = 0; k < aggs_.size(); k++) {
      AggRun& a = aggs_[k];
      Vector& v = out_.v[nkeys_ + k];
      FnContext cx = a.cx;
      cx.arena = &batch_arena_;
      for (uint32_t i = 0; i < n; i++) {
        v.values[i] = 0;
        v.nulls[i] = !a.entry->finalize(cx, table_.payload(groups[i]) + a.state_at, &v.values[i]);
      }
    }
    for (size_t k = 0; k < plan_.groupings.size(); k++) {
      Vector& v = out_.v[static_cast<size_t>(nkeys_) + aggs_.size() + k];
      for (uint32_t i = 0; i < n; i++) {
        v.nulls[i] = 0;
        v.values[i] = set_keys_ ? from_int(plan_.groupings[k][table_.key_values(groups[i])[nkeys_]]) : 0;
      }
    }
    emit_at_ += n;
    EvalInput in{{out_.v, nullptr}, n};
    Rows rows{nullptr, n};
    if (!filter_.empty()) {
      rows = filter_.apply(in, rows);
      count_filtered(n - rows.count);
      if (!rows.count) return {};
    }
    return targets_.empty() ? Batch{out_.v, out_.n, rows} : targets_.apply(in, rows);
  }

  std::unique_ptr<Node> child_;
  bool hashed_, plain_ = false;
  int nkeys_ = 0;
  Code** keys_ = nullptr;
  Vector* key_values_ = nullptr;
  Vector* set_keys_ = nullptr;   // with grouping sets: the keys of one, and its number
  Datum set_number_ = 0;
  RowKeys boundary_;
  std::vector<AggRun> aggs_;
  GroupTable table_;
  Arena state_arena_{1024};
  Predicate filter_;
  Projection targets_;
  OwnColumns out_;
  std::vector<Oid> child_types_;
  std::vector<int> slots_;
  uint64_t stamp_ = 0;
  int own_slots_ = -1;

  uint32_t row_capacity_ = 0, plain_filled_ = 0;
  Group** groups_ = nullptr;
  void** states_ = nullptr;
  uint64_t* hashes_ = nullptr;
  uint16_t* sel_ = nullptr;

  std::vector<std::unique_ptr<ColumnStore>> partitions_;
  std::deque<Partition> pending_;
  size_t emit_at_ = 0, emit_end_ = 0;
  bool finished_ = false, started_ = false, complete_ = false;

  bool have_open_ = false, have_rest_ = false;
  Group* open_ = nullptr;
  std::vector<uint32_t> starts_;
  Batch rest_batch_;
  Rows rest_;
  uint16_t* rest_rows_ = nullptr;
};

}  // namespace

std::unique_ptr<Node> make_agg(ExecState& es, const Plan& p) { return std::make_unique<AggNode>(es, p); }
std::unique_ptr<Node> make_distinct_hash(ExecState& es, const Plan& p) { return std::make_unique<AggNode>(es, p); }

}  // namespace postern::exec
