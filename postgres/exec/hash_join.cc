// Hash join: the right side is built into a table, the left side looks it up, a batch at a time.
//
// The table: rows packed one after the other {next row of the same hash, hash, matched, columns}, and an open-addressing directory from a 64-bit hash to the first row that has it.
// A chain holds rows of one hash value only, so nearly every candidate is a match.
// Beyond work_mem both sides go to partitions by hash bits (Grace), which are joined one after the other; a partition that is still too large is split again by
// further bits. NULL keys match nothing, but rows with them are kept where an outer join returns them.
#include <algorithm>
#include <deque>

#include "common/base/error.h"
#include "postgres/exec/column_store.h"
#include "postgres/exec/group_table.h"
#include "postgres/exec/node.h"
#include "postgres/types/facts/facts.h"

namespace postern::exec {
using sql::JoinType;
using sql::Plan;

namespace {

constexpr int kPartitionBits = 5, kPartitions = 1 << kPartitionBits, kMaxDepth = 4;

struct BuildRow {
  BuildRow* next;
  uint64_t hash;
  bool matched;
};

// Equality of one pair of keys: by bits, by bytes, or by the operator's function.
struct KeyPair {
  enum Kind : uint8_t { kBits, kBytes, kFunction } kind = kFunction;
  const TypeInfo *left, *right;
  Kernel kernel = nullptr;
  bool swapped = false;     // the function takes (right, left)
  FnContext cx;
  int build_column = 0;     // where the right key is in a build row
};

class HashJoinNode final : public Node {
 public:
  HashJoinNode(ExecState& es, const Plan& plan) : Node(es, plan), left_(make_node(es, *plan.left)), right_(make_node(es, *plan.right)) {
    Compiler cp = compiler();
    join_filter_.compile(cp, plan.join_filter);
    filter_.compile(cp, plan.filter);
    targets_.compile(cp, plan.targets);
    nleft_ = static_cast<int>(plan.left->types.size());
    nright_ = static_cast<int>(plan.right->types.size());
    nkeys_ = static_cast<int>(plan.left_keys.size());
    Compiler keys = cp;
    keys.batch_arena = &key_arena_;
    left_keys_ = keys.compile_all(plan.left_keys);
    right_keys_ = keys.compile_all(plan.right_keys);
    key_values_ = es.arena.alloc_array<Vector>(nkeys_);
    init_columns();
    init_keys(keys);
    left_outer_ = plan.join == JoinType::kLeft || plan.join == JoinType::kFull;
    right_outer_ = plan.join == JoinType::kRight || plan.join == JoinType::kFull;
    one_sided_ = plan.join == JoinType::kSemi || plan.join == JoinType::kAnti;
    slots_ = outside_slots(*es.stmt, plan.right);
  }

 protected:
  Batch do_next() override {
    batch_arena_.reset();
    for (;;) {
      if (!ready_ && !prepare()) return {};
      if (probing_) {
        if (Batch b = one_sided_ ? probe_one_sided() : probe(); b.rows.count) return b;
        continue;
      }
      if (in_.rows.count && left_outer_ && !unmatched_done_) {
        unmatched_done_ = true;
        if (Batch b = unmatched_left(); b.rows.count) return b;
        continue;
      }
      if (!probe_done_ && next_left()) continue;
      if (right_outer_ && unmatched_at_ < rows_.size()) {
        if (Batch b = unmatched_right(); b.rows.count) return b;
        continue;
      }
      ready_ = false;
      if (pending_.empty()) {
        done_ = true;
        return {};
      }
    }
  }
  void do_rescan() override {
    left_->rescan();
    bool keep = built_ && !spilled_ && es_.stamp_of(slots_) == stamp_;
    if (keep) {
      if (right_outer_)
        for (BuildRow* r : rows_) r->matched = false;
    } else {
      if (built_) right_->rescan();
      built_ = spilled_ = false;
      clear_table();
    }
    pending_.clear();
    probe_store_.reset();
    ready_ = done_ = probing_ = false;
    in_ = Batch{};
  }

 private:
  struct Partition {
    std::unique_ptr<ColumnStore> build, probe;
    int depth;
  };

  void init_columns() {
    used_left_.assign(static_cast<size_t>(nleft_), plan_.targets.empty());
    used_right_.assign(static_cast<size_t>(nright_), plan_.targets.empty() && plan_.join != JoinType::kSemi && plan_.join != JoinType::kAnti);
    auto use = [&](const sql::Expr* e) {
      mark_used(e, 0, used_left_, es_.stmt);
      mark_used(e, 1, used_right_, es_.stmt);
    };
    for (const sql::Expr* e : plan_.targets) use(e);
    use(plan_.filter);
    use(plan_.join_filter);
    // A build row has the right columns that are used, then keys that are no such columns.
    for (int i = 0; i < nright_; i++) {
      place_.push_back(used_right_[i] ? static_cast<int>(build_types_.size()) : -1);
      if (used_right_[i]) build_types_.push_back(plan_.right->types[i]);
    }
    left_out_.init(es_.arena, nleft_);
    right_out_.init(es_.arena, nright_);
    columns_ = es_.arena.alloc_array<Vector>(nleft_ + nright_);
  }
  void init_keys(const Compiler& cp) {
    for (int i = 0; i < nkeys_; i++) {
      KeyPair k;
      k.left = &type_info(plan_.left_keys[i]->type);
      k.right = &type_info(plan_.right_keys[i]->type);
      if (k.left->compare_kind == k.right->compare_kind && k.left->compare_kind == CompareKind::kInt64) k.kind = KeyPair::kBits;
      else if (k.left->compare_kind == k.right->compare_kind && k.left->compare_kind == CompareKind::kBytes) k.kind = KeyPair::kBytes;
      else {
        const FnEntry* f = static_cast<size_t>(i) < plan_.key_eq_fns.size() ? find_function(plan_.key_eq_fns[i]) : nullptr;
        if (!f) throw_unsupported("hash join with this operator");
        k.kernel = f->kernel;
        k.cx = make_context(cp, oid::kBool, plan_.left_keys[i]->collation);
        Oid* types = cp.arena->alloc_array<Oid>(2);
        types[0] = k.left->oid;
        types[1] = k.right->oid;
        const facts::ProcFact* fact = facts::find_proc(plan_.key_eq_fns[i]);
        k.swapped = fact && fact->nargs == 2 && k.left->oid != k.right->oid && Oid{fact->args()[0]} == k.right->oid;
        if (k.swapped) std::swap(types[0], types[1]);
        k.cx.arg_types = {types, 2};
      }
      const sql::Expr* e = plan_.right_keys[i];
      if (e->kind == sql::ExprKind::kTest && e->rel <= 1 && place_[e->attno] >= 0) {
        k.build_column = place_[e->attno];
      } else {
        k.build_column = static_cast<int>(build_types_.size());
        build_types_.push_back(e->type);
        extra_keys_.push_back(i);
      }
      left_types_.push_back(k.left);
      right_types_.push_back(k.right);
      keys_.push_back(k);
    }
    for (Oid t : build_types_) build_by_value_.push_back(type_info(t).by_value);
    nbuild_ = static_cast<int>(build_types_.size());
    row_bytes_ = (sizeof(BuildRow) + static_cast<size_t>(nbuild_) * 9 + 7) & ~size_t{7};
    left_store_types_.assign(plan_.left->types.begin(), plan_.left->types.end());
    cx_ = make_context(cp, Oid{0}, Oid{0});
  }

  Datum* values_of(BuildRow* r) const { return reinterpret_cast<Datum*>(r + 1); }
  uint8_t* nulls_of(BuildRow* r) const { return reinterpret_cast<uint8_t*>(values_of(r) + nbuild_); }
  size_t table_bytes() const { return row_memory_.bytes() + rows_.size() * (sizeof(void*) + 32); }

  void clear_table() {
    rows_.clear();
    row_memory_.reset();
    directory_.clear();
  }

  void reserve_rows(uint32_t n) {
    if (n <= row_capacity_) return;
    row_capacity_ = rounded_capacity(n);
    hashes_ = es_.arena.alloc_array<uint64_t>(row_capacity_);
    cursor_ = es_.arena.alloc_array<BuildRow*>(row_capacity_);
    matched_ = es_.arena.alloc_array<uint8_t>(row_capacity_);
    sel_ = es_.arena.alloc_array<uint16_t>(row_capacity_);
  }

  // --- building ---

  // Makes a table ready to be probed: the first time from the right side, then from each partition. False at the end.
  bool prepare() {
    if (done_) return false;
    if (!built_) {
      built_ = true;
      stamp_ = es_.stamp_of(slots_);
      build_from_child();
    } else if (spilled_ && !pending_.empty()) {
      build_from_partition();
    } else if (spilled_) {
      done_ = true;
      return false;
    }
    ready_ = true;
    probe_done_ = probing_ = false;
    unmatched_at_ = 0;
    in_ = Batch{};
    if (!spilled_ && rows_.empty() && !left_outer_ && plan_.join != JoinType::kAnti) {
      done_ = true;
      return false;
    }
    return true;
  }

  void build_from_child() {
    std::vector<Partition> parts;
    for (;;) {
      check_interrupts();
      key_arena_.reset();
      Batch b = right_->next();
      if (!b.rows.count) break;
      EvalInput in{{b.columns, b.columns}, row_bound(b.rows)};
      for (int i = 0; i < nkeys_; i++) key_values_[i] = eval(right_keys_[i], in, b.rows);
      reserve_rows(in.n);
      hash_rows(cx_, right_types_.data(), key_values_, nkeys_, b.rows, hashes_);
      Vector* build = build_columns(b);
      Rows rows = b.rows;
      if (!right_outer_) rows = without_null_keys(key_values_, rows);
      if (!rows.count) continue;
      if (!parts.empty()) {
        split(build, rows, parts, false, 0);
        continue;
      }
      for_rows(rows, [&](uint32_t r) { add_row(build, r, hashes_[r]); });
      if (table_bytes() > es_.settings.work_mem_bytes) {
        parts = new_partitions(1);
        spill_table(parts, 0);
      }
    }
    note_memory();
    if (parts.empty()) {
      make_directory();
      return;
    }
    spilled_ = true;
    for (;;) {
      check_interrupts();
      key_arena_.reset();
      Batch b = left_->next();
      if (!b.rows.count) break;
      hash_left(b);
      split(b.columns, b.rows, parts, true, 0);
    }
    queue(parts);
    if (!pending_.empty()) build_from_partition();
  }

  void build_from_partition() {
    while (!pending_.empty()) {
      Partition p = std::move(pending_.front());
      pending_.pop_front();
      clear_table();
      if (p.depth < kMaxDepth && p.build && p.build->rows() * row_bytes_ > 2 * es_.settings.work_mem_bytes) {
        split_again(p);
        continue;
      }
      if (p.build) {
        ColumnStore::Reader reader;
        for (;;) {
          check_interrupts();
          Batch b = p.build->read(reader);
          if (!b.rows.count) break;
          hash_build(b);
          for_rows(b.rows, [&](uint32_t r) { add_row(b.columns, r, hashes_[r]); });
        }
      }
      note_memory();
      make_directory();
      probe_store_ = std::move(p.probe);
      probe_reader_ = {};
      return;
    }
    clear_table();
    make_directory();
    probe_store_.reset();
  }

  std::vector<Partition> new_partitions(int depth) {
    std::vector<Partition> parts(kPartitions);
    for (Partition& p : parts) p.depth = depth;
    return parts;
  }
  void queue(std::vector<Partition>& parts) {
    for (Partition& p : parts) {
      bool needed = (p.build && p.probe) || (p.probe && (left_outer_ || plan_.join == JoinType::kAnti)) || (p.build && right_outer_);
      if (!needed) continue;
      if (instr_) {
        instr_->batches++;
        instr_->disk_bytes += (p.build ? p.build->disk_bytes() : 0) + (p.probe ? p.probe->disk_bytes() : 0);
      }
      pending_.push_back(std::move(p));
    }
  }
  void split(const Vector* columns, Rows rows, std::vector<Partition>& parts, bool probe, int depth) {
    const int shift = 64 - kPartitionBits * (depth + 1);
    uint16_t sel[kBatchRows];
    for (int p = 0; p < kPartitions; p++) {
      uint32_t n = 0;
      for_rows(rows, [&](uint32_t r) {
        if (static_cast<int>(hashes_[r] >> shift & (kPartitions - 1)) == p) sel[n++] = static_cast<uint16_t>(r);
      });
      if (!n) continue;
      auto& store = probe ? parts[p].probe : parts[p].build;
      if (!store) store = std::make_unique<ColumnStore>(probe ? left_store_types_ : build_types_, es_.settings.work_mem_bytes / (4 * kPartitions));
      store->append(columns, Rows{sel, n});
    }
  }
  void split_again(Partition& p) {
    std::vector<Partition> parts = new_partitions(p.depth + 1);
    ColumnStore::Reader reader;
    for (;;) {
      Batch b = p.build->read(reader);
      if (!b.rows.count) break;
      hash_build(b);
      split(b.columns, b.rows, parts, false, p.depth);
    }
    reader = {};
    while (p.probe) {
      key_arena_.reset();
      Batch b = p.probe->read(reader);
      if (!b.rows.count) break;
      hash_left(b);
      split(b.columns, b.rows, parts, true, p.depth);
    }
    queue(parts);
  }
  void spill_table(std::vector<Partition>& parts, int depth) {
    const int shift = 64 - kPartitionBits * (depth + 1);
    for (BuildRow* r : rows_) {
      auto& store = parts[r->hash >> shift & (kPartitions - 1)].build;
      if (!store) store = std::make_unique<ColumnStore>(build_types_, es_.settings.work_mem_bytes / (4 * kPartitions));
      store->append_row(values_of(r), nulls_of(r));
    }
    clear_table();
  }

  // The columns of build rows, from a batch of the right side whose keys are in key_values_.
  Vector* build_columns(const Batch& b) {
    if (!build_view_) build_view_ = es_.arena.alloc_array<Vector>(nbuild_);
    for (int i = 0; i < nright_; i++)
      if (place_[i] >= 0) build_view_[place_[i]] = b.columns[i];
    for (int i : extra_keys_) build_view_[keys_[i].build_column] = key_values_[i];
    return build_view_;
  }
  void hash_build(const Batch& b) {
    reserve_rows(row_bound(b.rows));
    for (int i = 0; i < nkeys_; i++) key_values_[i] = b.columns[keys_[i].build_column];
    hash_rows(cx_, right_types_.data(), key_values_, nkeys_, b.rows, hashes_);
  }
  void hash_left(const Batch& b) {
    EvalInput in{{b.columns, nullptr}, row_bound(b.rows)};
    reserve_rows(in.n);
    for (int i = 0; i < nkeys_; i++) key_values_[i] = eval(left_keys_[i], in, b.rows);
    hash_rows(cx_, left_types_.data(), key_values_, nkeys_, b.rows, hashes_);
  }
  Rows without_null_keys(const Vector* keys, Rows rows) {
    for (int i = 0; i < nkeys_; i++) {
      if (!keys[i].nulls) continue;
      uint32_t n = 0;
      for_rows(rows, [&](uint32_t r) {
        sel_[n] = static_cast<uint16_t>(r);
        n += !keys[i].null(r);
      });
      rows = Rows{sel_, n};
    }
    return rows;
  }
  void add_row(const Vector* columns, uint32_t r, uint64_t hash) {
    auto* row = static_cast<BuildRow*>(row_memory_.alloc(row_bytes_));
    row->next = nullptr;
    row->hash = hash;
    row->matched = false;
    Datum* values = values_of(row);
    uint8_t* nulls = nulls_of(row);
    for (int i = 0; i < nbuild_; i++) {
      nulls[i] = columns[i].null(r);
      values[i] = nulls[i] ? 0 : build_by_value_[i] ? columns[i].value(r) : make_bytes(row_memory_, as_view(columns[i].value(r)));
    }
    rows_.push_back(row);
  }
  void make_directory() {
    size_t size = 16;
    while (size < rows_.size() * 2) size *= 2;
    directory_.assign(size, Entry{0, nullptr});
    mask_ = size - 1;
    for (size_t i = rows_.size(); i-- > 0;) {
      BuildRow* r = rows_[i];
      if (right_outer_ && has_null_key(r)) continue;
      size_t at = r->hash & mask_;
      while (directory_[at].first && directory_[at].hash != r->hash) at = (at + 1) & mask_;
      r->next = directory_[at].first;
      directory_[at] = Entry{r->hash, r};
    }
    if (instr_) instr_->buckets = std::max<uint64_t>(instr_->buckets, size);
  }
  bool has_null_key(BuildRow* r) const {
    for (const KeyPair& k : keys_)
      if (nulls_of(r)[k.build_column]) return true;
    return false;
  }
  void note_memory() {
    if (instr_) instr_->memory_bytes = std::max<uint64_t>(instr_->memory_bytes, table_bytes());
  }

  // --- probing ---

  bool next_left() {
    check_interrupts();
    key_arena_.reset();
    in_ = spilled_ ? (probe_store_ ? probe_store_->read(probe_reader_) : Batch{}) : left_->next();
    if (!in_.rows.count) {
      probe_done_ = true;
      in_ = Batch{};
      return false;
    }
    hash_left(in_);
    at_ = 0;
    for_rows(in_.rows, [&](uint32_t r) {
      cursor_[r] = nullptr;
      matched_[r] = 0;
      for (int i = 0; i < nkeys_; i++)
        if (key_values_[i].null(r)) return;
      size_t at = hashes_[r] & mask_;
      while (directory_[at].first) {
        if (directory_[at].hash == hashes_[r]) {
          cursor_[r] = directory_[at].first;
          return;
        }
        at = (at + 1) & mask_;
      }
    });
    probing_ = true;
    unmatched_done_ = false;
    if (!pair_left_) {
      pair_left_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
      pair_right_ = es_.arena.alloc_array<BuildRow*>(kBatchRows);
    }
    return true;
  }

  // Drops pairs whose keys differ.
  uint32_t check_keys(uint32_t n) {
    for (KeyPair& k : keys_) {
      const Vector& left = key_values_[&k - keys_.data()];
      uint32_t kept = 0;
      auto keep_if = [&](auto equal) {
        for (uint32_t i = 0; i < n; i++) {
          BuildRow* right = pair_right_[i];
          uint16_t l = pair_left_[i];
          pair_left_[kept] = l;
          pair_right_[kept] = right;
          kept += equal(i, left.value(l), values_of(right)[k.build_column]);
        }
      };
      switch (k.kind) {
        case KeyPair::kBits: keep_if([](uint32_t, Datum a, Datum b) { return a == b; }); break;
        case KeyPair::kBytes: keep_if([](uint32_t, Datum a, Datum b) { return as_view(a) == as_view(b); }); break;
        case KeyPair::kFunction: {
          auto* buffer = batch_arena_.alloc_array<Datum>(3 * n);
          auto* nulls = batch_arena_.alloc_array<uint8_t>(n);
          for (uint32_t i = 0; i < n; i++) {
            buffer[i] = left.value(pair_left_[i]);
            buffer[n + i] = values_of(pair_right_[i])[k.build_column];
          }
          Vector args[2] = {{buffer, nullptr, 1}, {buffer + n, nullptr, 1}};
          if (k.swapped) std::swap(args[0], args[1]);
          Vector out{buffer + 2 * n, nulls, 1};
          k.kernel(k.cx, args, 2, Rows{nullptr, n}, out);
          keep_if([&](uint32_t i, Datum, Datum) { return !nulls[i] && out.values[i]; });
          break;
        }
      }
      n = kept;
    }
    return n;
  }

  // Right columns of n pairs, at rows at[i] (or i).
  void gather_right(uint32_t n, const uint16_t* at, uint32_t bound) {
    right_out_.reserve(es_.arena, bound);
    for (int c = 0; c < nright_; c++) {
      if (place_[c] < 0) continue;
      Vector& v = right_out_.v[c];
      const int column = place_[c];
      for (uint32_t i = 0; i < n; i++) {
        uint32_t to = at ? at[i] : i;
        v.values[to] = values_of(pair_right_[i])[column];
        v.nulls[to] = nulls_of(pair_right_[i])[column];
      }
    }
  }
  void gather_left(uint32_t n) {
    left_out_.reserve(es_.arena, n);
    for (int c = 0; c < nleft_; c++) {
      if (!used_left_[c]) continue;
      const Vector& from = in_.columns[c];
      Vector& v = left_out_.v[c];
      for (uint32_t i = 0; i < n; i++) {
        v.values[i] = from.value(pair_left_[i]);
        v.nulls[i] = from.null(pair_left_[i]);
      }
    }
  }

  // The next pairs of the current left batch.
  Batch probe() {
    uint32_t n = 0;
    bool distinct = true;
    while (at_ < in_.rows.count && n < kBatchRows) {
      uint32_t r = in_.rows.row(at_);
      uint32_t before = n;
      BuildRow* row = cursor_[r];
      while (row && n < kBatchRows) {
        pair_left_[n] = static_cast<uint16_t>(r);
        pair_right_[n++] = row;
        row = row->next;
      }
      distinct &= n - before <= 1;
      cursor_[r] = row;
      if (row) break;
      at_++;
    }
    if (at_ >= in_.rows.count) probing_ = false;
    n = check_keys(n);
    if (!n) return {};
    const Vector* left;
    Rows rows;
    if (distinct) {
      // Each left row at most once: the left columns are used where they are.
      uint32_t bound = pair_left_[n - 1] + 1u;
      gather_right(n, pair_left_, bound);
      left = in_.columns;
      if (n == bound) {
        rows = Rows{nullptr, n};
      } else {
        auto* sel = batch_arena_.alloc_array<uint16_t>(n);
        std::copy(pair_left_, pair_left_ + n, sel);
        rows = Rows{sel, n};
      }
    } else {
      gather_left(n);
      gather_right(n, nullptr, n);
      left = left_out_.v;
      rows = Rows{nullptr, n};
    }
    if (!join_filter_.empty()) {
      Rows passed = join_filter_.apply(EvalInput{{left, right_out_.v}, row_bound(rows)}, rows);
      if (instr_) instr_->filtered_join += rows.count - passed.count;
      rows = passed;
    }
    if (left_outer_ || right_outer_) {
      if (distinct) {
        // Pairs and rows are both ascending.
        uint32_t i = 0;
        for_rows(rows, [&](uint32_t r) {
          while (pair_left_[i] != r) i++;
          matched_[r] = 1;
          pair_right_[i]->matched = true;
        });
      } else {
        for_rows(rows, [&](uint32_t r) {
          matched_[pair_left_[r]] = 1;
          pair_right_[r]->matched = true;
        });
      }
    }
    return finish(left, right_out_.v, rows);
  }

  // Semi and anti joins: left rows with or without a match.
  Batch probe_one_sided() {
    probing_ = false;
    uint32_t open = 0;
    auto* rows = batch_arena_.alloc_array<uint16_t>(in_.rows.count);
    for_rows(in_.rows, [&](uint32_t r) {
      if (cursor_[r]) rows[open++] = static_cast<uint16_t>(r);
    });
    // Each round tries one candidate for every row that has no match yet.
    while (open) {
      uint32_t n = open;
      for (uint32_t i = 0; i < n; i++) {
        pair_left_[i] = rows[i];
        pair_right_[i] = cursor_[rows[i]];
        cursor_[rows[i]] = pair_right_[i]->next;
      }
      n = check_keys(n);
      if (n && !join_filter_.empty()) {
        gather_right(n, pair_left_, pair_left_[n - 1] + 1u);
        Rows passed = join_filter_.apply(EvalInput{{in_.columns, right_out_.v}, pair_left_[n - 1] + 1u}, Rows{pair_left_, n});
        for_rows(passed, [&](uint32_t r) { matched_[r] = 1; });
      } else {
        for (uint32_t i = 0; i < n; i++) matched_[pair_left_[i]] = 1;
      }
      uint32_t kept = 0;
      for (uint32_t i = 0; i < open; i++)
        if (!matched_[rows[i]] && cursor_[rows[i]]) rows[kept++] = rows[i];
      open = kept;
    }
    uint32_t n = 0;
    const uint8_t want = plan_.join == JoinType::kSemi;
    for_rows(in_.rows, [&](uint32_t r) {
      if (matched_[r] == want) sel_[n++] = static_cast<uint16_t>(r);
    });
    if (!n) return {};
    return finish(in_.columns, nullptr, n == in_.rows.count ? in_.rows : Rows{sel_, n});
  }

  static inline Datum kNoValue = 0;
  static inline uint8_t kNull = 1;
  Vector* null_columns(int n) {
    auto* v = batch_arena_.alloc_array<Vector>(n);
    for (int i = 0; i < n; i++) v[i] = Vector{&kNoValue, &kNull, 0};
    return v;
  }
  Batch unmatched_left() {
    uint32_t n = 0;
    for_rows(in_.rows, [&](uint32_t r) {
      if (!matched_[r]) sel_[n++] = static_cast<uint16_t>(r);
    });
    if (!n) return {};
    return finish(in_.columns, null_columns(nright_), n == in_.rows.count ? in_.rows : Rows{sel_, n});
  }
  Batch unmatched_right() {
    if (!pair_right_) {
      pair_left_ = es_.arena.alloc_array<uint16_t>(kBatchRows);
      pair_right_ = es_.arena.alloc_array<BuildRow*>(kBatchRows);
    }
    uint32_t n = 0;
    while (unmatched_at_ < rows_.size() && n < kBatchRows) {
      BuildRow* r = rows_[unmatched_at_++];
      if (!r->matched) pair_right_[n++] = r;
    }
    if (!n) return {};
    gather_right(n, nullptr, n);
    return finish(null_columns(nleft_), right_out_.v, Rows{nullptr, n});
  }

  Batch finish(const Vector* left, const Vector* right, Rows rows) {
    if (!rows.count) return {};
    EvalInput in{{left, right}, row_bound(rows)};
    if (!filter_.empty()) {
      uint32_t before = rows.count;
      rows = filter_.apply(in, rows);
      count_filtered(before - rows.count);
      if (!rows.count) return {};
    }
    if (!targets_.empty()) return targets_.apply(in, rows);
    std::copy(left, left + nleft_, columns_);
    if (right) std::copy(right, right + nright_, columns_ + nleft_);
    return Batch{columns_, right ? nleft_ + nright_ : nleft_, rows};
  }

  struct Entry { uint64_t hash; BuildRow* first; };

  std::unique_ptr<Node> left_, right_;
  Predicate join_filter_, filter_;
  Projection targets_;
  Arena key_arena_{256};
  int nleft_, nright_, nkeys_, nbuild_ = 0;
  Code **left_keys_, **right_keys_;
  Vector* key_values_;
  std::vector<KeyPair> keys_;
  std::vector<const TypeInfo*> left_types_, right_types_;
  std::vector<uint8_t> used_left_, used_right_, build_by_value_;
  std::vector<int> place_, extra_keys_;
  std::vector<Oid> build_types_, left_store_types_;
  size_t row_bytes_ = 0;
  FnContext cx_;
  OwnColumns left_out_, right_out_;
  Vector *columns_, *build_view_ = nullptr;
  bool left_outer_, right_outer_, one_sided_;
  std::vector<int> slots_;
  uint64_t stamp_ = 0;

  std::vector<BuildRow*> rows_;
  Arena row_memory_{1024};
  std::vector<Entry> directory_;
  size_t mask_ = 0;
  bool built_ = false, spilled_ = false, ready_ = false, done_ = false;

  std::deque<Partition> pending_;
  std::unique_ptr<ColumnStore> probe_store_;
  ColumnStore::Reader probe_reader_;

  Batch in_;
  uint32_t at_ = 0, row_capacity_ = 0;
  size_t unmatched_at_ = 0;
  bool probing_ = false, probe_done_ = false, unmatched_done_ = false;
  uint64_t* hashes_ = nullptr;
  BuildRow** cursor_ = nullptr;
  uint8_t* matched_ = nullptr;
  uint16_t *sel_ = nullptr, *pair_left_ = nullptr;
  BuildRow** pair_right_ = nullptr;
};

}  // namespace

std::unique_ptr<Node> make_hash_join(ExecState& es, const Plan& p) { return std::make_unique<HashJoinNode>(es, p); }

}  // namespace postern::exec
