// INSERT, UPDATE, DELETE. The snapshot's command id hides what the statement itself writes, so a scan below never meets its own new versions.
//
// A row that another transaction changed after the snapshot: READ COMMITTED waits for it, runs the plan again for the newest version (recheck.h) and goes on with
// what that gives, or skips the row; REPEATABLE READ ends in 40001.
#include <algorithm>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap.h"
#include "postgres/exec/constraints.h"
#include "postgres/exec/index_insert.h"
#include "postgres/exec/recheck.h"
#include "postgres/types/scalar_io.h"

namespace postern::exec {
using heap::ModifyStatus;
using sql::Command;
using sql::Plan;

namespace {

class ModifyNode final : public Node {
 public:
  ModifyNode(ExecState& es, const Plan& plan) : Node(es, plan), rel_(*plan.relation), child_(make_node(es, *plan.left)), keys_(rel_, es.key_events) {
    Compiler cp = compiler();
    natts_ = rel_.natts();
    first_value_ = plan.command == Command::kUpdate ? 1 : 0;
    if (plan.command != Command::kDelete) {
      constraints_.init(cp, rel_, plan.checks, plan.check_names);
      indexes_.reserve(rel_.indexes.size());
      for (const IndexDesc& i : rel_.indexes) indexes_.emplace_back(rel_, i, es.services);
    }
    returning_.compile(cp, plan.returning);
    if (!plan.returning.empty() && plan.command == Command::kDelete) init_old_row();
    if (plan.modify && plan.modify->on_conflict && plan.command == Command::kInsert) init_conflict(cp);
    values_ = es.arena.alloc_array<Datum>(natts_);
    nulls_ = es.arena.alloc_array<uint8_t>(natts_);
  }

 protected:
  Batch do_next() override {
    while (!done_) {
      check_interrupts();
      batch_arena_.reset();
      Batch in = child_->next();
      if (!in.rows.count) {
        done_ = true;
        break;
      }
      overridden_ = nullptr;
      nresults_ = 0;
      if (in.rows.count > result_capacity_) {
        result_capacity_ = rounded_capacity(in.rows.count);
        results_ = es_.arena.alloc_array<uint16_t>(result_capacity_);
      }
      switch (plan_.command) {
        case Command::kInsert: conflict_ ? insert_on_conflict(in) : insert(in); break;
        case Command::kUpdate: update(in); break;
        case Command::kDelete: remove(in); break;
        default: throw_unsupported("MERGE");
      }
      if (&plan_ == es_.stmt->root) es_.affected += nresults_;
      if (returning_.empty() || !nresults_) continue;
      const Vector* columns = overridden_ ? overridden_ : in.columns;
      const Vector* row = plan_.command == Command::kDelete ? old_.v : columns + first_value_;
      Rows rows = nresults_ == in.rows.count ? in.rows : Rows{results_, nresults_};
      return returning_.apply(EvalInput{{row, columns}, row_bound(rows)}, rows);
    }
    return {};
  }
  void do_rescan() override { throw_internal("a data-modifying plan cannot be run twice"); }

 private:
  struct Conflict {
    bool update = false;
    std::vector<int> arbiters;       // positions in indexes_
    Predicate where;
    Code** set = nullptr;            // per column; null: unchanged
    OwnColumns existing;
    std::vector<int16_t> attnos;
  };

  void succeeded(uint32_t row) { results_[nresults_++] = static_cast<uint16_t>(row); }
  void load_row(const Vector* columns, uint32_t row) {
    for (int i = 0; i < natts_; i++) {
      nulls_[i] = columns[i].null(row);
      values_[i] = columns[i].value(row);
    }
  }
  void insert_index_entries(const Datum* values, const uint8_t* nulls, Tid tid) {
    for (IndexKeys& k : indexes_)
      if (k.compute(values, nulls))
        btree::insert(rel_, k.index(), k.keys(), k.nulls(), tid, k.index().unique ? btree::UniqueCheck::kYes : btree::UniqueCheck::kNone);
  }
  // A copy of the input's columns whose rows may be replaced, for RETURNING.
  Vector* override_columns(const Batch& in) {
    if (overridden_) return overridden_;
    uint32_t n = row_bound(in.rows);
    overridden_ = batch_arena_.alloc_array<Vector>(in.ncols);
    for (int i = 0; i < in.ncols; i++) {
      overridden_[i] = Vector{batch_arena_.alloc_array<Datum>(n), batch_arena_.alloc_array<uint8_t>(n), 1};
      copy_rows(in.columns[i], in.rows, overridden_[i]);
    }
    return overridden_;
  }

  void insert(const Batch& in) {
    constraints_.check(in.columns, in.rows);
    uint32_t n = in.rows.count;
    if (n == 1) {
      uint32_t r = in.rows.row(0);
      load_row(in.columns, r);
      Tid tid = heap::insert(rel_, heap::Row{values_, nulls_});
      insert_index_entries(values_, nulls_, tid);
      keys_.inserted(tid);
      succeeded(r);
      return;
    }
    auto* rows = batch_arena_.alloc_array<heap::Row>(n);
    auto* tids = batch_arena_.alloc_array<Tid>(n);
    auto* values = batch_arena_.alloc_array<Datum>(static_cast<size_t>(n) * natts_);
    auto* nulls = batch_arena_.alloc_array<uint8_t>(static_cast<size_t>(n) * natts_);
    for (int c = 0; c < natts_; c++) {
      const Vector& v = in.columns[c];
      for (uint32_t i = 0; i < n; i++) {
        uint32_t r = in.rows.row(i);
        nulls[i * natts_ + c] = v.null(r);
        values[i * natts_ + c] = v.value(r);
      }
    }
    for (uint32_t i = 0; i < n; i++) rows[i] = heap::Row{values + i * natts_, nulls + i * natts_};
    heap::multi_insert(rel_, {rows, n}, tids);
    if (!indexes_.empty())
      for (uint32_t i = 0; i < n; i++) insert_index_entries(rows[i].values, rows[i].nulls, tids[i]);
    for (uint32_t i = 0; i < n; i++) {
      keys_.inserted(tids[i]);
      succeeded(in.rows.row(i));
    }
  }

  // After a concurrent change: the plan's row for the version at tid now, or nullopt. Its columns are in override_columns(in) at `row`.
  bool recheck_row(const Batch& in, uint32_t row, Tid tid) {
    if (txn::isolation() != txn::Isolation::kReadCommitted) throw_concurrent_update(false);
    if (!recheck_) {
      target_scan_ = scan_of_tid(plan_.left, 0);
      if (!target_scan_) throw_unsupported("checking a concurrently updated row again in this plan");
      recheck_.emplace(es_, *plan_.left);
    }
    RecheckRow fixed{target_scan_, tid};
    Batch b = recheck_->run({&fixed, 1});
    if (!b.rows.count) return false;
    Vector* to = override_columns(in);
    uint32_t from = b.rows.row(0);
    for (int i = 0; i < in.ncols; i++) {
      bool null = b.columns[i].null(from);
      Datum d = b.columns[i].value(from);
      to[i].nulls[row] = null;
      to[i].values[row] = null ? 0 : type_info(plan_.left->types[i]).by_value ? d : make_bytes(batch_arena_, as_view(d));
    }
    return true;
  }

  void update(const Batch& in) {
    constraints_.check(in.columns + 1, in.rows);
    for (uint32_t i = 0; i < in.rows.count; i++) {
      uint32_t r = in.rows.row(i);
      if (in.columns[0].null(r)) continue;
      Tid tid = as_tid(in.columns[0].value(r));
      load_row(in.columns + 1, r);
      if (update_row(in, r, tid)) succeeded(r);
    }
  }
  bool update_row(const Batch& in, uint32_t r, Tid tid) {
    for (;;) {
      heap::ModifyResult res = heap::update(rel_, tid, heap::Row{values_, nulls_}, es_.snapshot);
      switch (res.status) {
        case ModifyStatus::kOk:
          if (!res.hot) insert_index_entries(values_, nulls_, res.tid);
          keys_.updated(tid, res.tid, values_, nulls_);
          return true;
        case ModifyStatus::kUpdated: {
          if (!recheck_row(in, r, res.tid)) return false;
          uint16_t row = static_cast<uint16_t>(r);
          constraints_.check(overridden_ + 1, Rows{&row, 1});
          load_row(overridden_ + 1, r);
          tid = res.tid;
          break;
        }
        case ModifyStatus::kDeleted:
          if (txn::isolation() != txn::Isolation::kReadCommitted) throw_concurrent_update(true);
          return false;
        default: return false;   // changed by this very statement already
      }
    }
  }

  void init_old_row() {
    std::vector<uint8_t> used(static_cast<size_t>(natts_));
    for (const sql::Expr* e : plan_.returning) mark_used(e, 0, used, es_.stmt);
    for (int i = 0; i < natts_; i++)
      if (used[i]) old_attnos_.push_back(static_cast<int16_t>(i + 1));
    old_.init(es_.arena, natts_);
  }
  void fetch_old(Tid tid, uint32_t row, uint32_t bound) {
    if (old_attnos_.empty()) return;
    old_.reserve(es_.arena, bound);
    std::vector<Vector> out;
    for (int16_t a : old_attnos_) out.push_back(Vector{old_.v[a - 1].values + row, old_.v[a - 1].nulls + row, 1});
    heap::fetch_version(rel_, tid, nullptr, heap::Wanted{old_attnos_, out.data(), nullptr}, batch_arena_);
  }
  void remove(const Batch& in) {
    uint32_t bound = row_bound(in.rows);
    for (uint32_t i = 0; i < in.rows.count; i++) {
      uint32_t r = in.rows.row(i);
      if (in.columns[0].null(r)) continue;
      Tid tid = as_tid(in.columns[0].value(r));
      for (;;) {
        heap::ModifyResult res = heap::remove(rel_, tid, es_.snapshot);
        if (res.status == ModifyStatus::kOk) {
          fetch_old(tid, r, bound);
          keys_.removed(tid);
          succeeded(r);
        } else if (res.status == ModifyStatus::kUpdated) {
          if (recheck_row(in, r, res.tid)) {
            tid = res.tid;
            continue;
          }
        } else if (res.status == ModifyStatus::kDeleted && txn::isolation() != txn::Isolation::kReadCommitted) {
          throw_concurrent_update(true);
        }
        break;
      }
    }
  }

  void init_conflict(const Compiler& cp) {
    const sql::ConflictClause& c = *plan_.modify->on_conflict;
    conflict_ = std::make_unique<Conflict>();
    conflict_->update = c.do_update;
    for (size_t i = 0; i < indexes_.size(); i++) {
      const IndexDesc& index = indexes_[i].index();
      bool wanted = c.arbiters.empty() ? index.unique : std::any_of(c.arbiters.begin(), c.arbiters.end(), [&](const IndexDesc* a) { return a->oid == index.oid; });
      if (wanted) conflict_->arbiters.push_back(static_cast<int>(i));
    }
    if (!c.do_update) return;
    conflict_->where.compile(cp, plan_.conflict_where);
    conflict_->set = cp.arena->alloc_array<Code*>(natts_);
    for (int i = 0; i < natts_; i++) {
      conflict_->set[i] = plan_.conflict_set && plan_.conflict_set[i] ? cp.compile(*plan_.conflict_set[i]) : nullptr;
      if (!rel_.attrs[i].dropped) conflict_->attnos.push_back(static_cast<int16_t>(i + 1));
    }
    conflict_->existing.init(es_.arena, natts_);
    conflict_->existing.reserve(es_.arena, 1);
    for (int i = 0; i < natts_; i++) conflict_->existing.v[i].nulls[0] = 1;
  }

  void insert_on_conflict(const Batch& in) {
    constraints_.check(in.columns, in.rows);
    for (uint32_t i = 0; i < in.rows.count; i++) {
      uint32_t r = in.rows.row(i);
      load_row(in.columns, r);
      if (insert_or_resolve(in, r)) succeeded(r);
    }
  }

  // True if a row was inserted or updated.
  bool insert_or_resolve(const Batch& in, uint32_t r) {
    for (;;) {
      check_interrupts();
      btree::InsertResult found{true, {}, Xid{0}};
      for (int a : conflict_->arbiters) {
        IndexKeys& k = indexes_[a];
        if (!k.compute(values_, nulls_)) continue;
        found = btree::probe_unique(rel_, k.index(), k.keys(), k.nulls());
        if (found.conflict.valid() || raw(found.in_progress)) break;
      }
      if (raw(found.in_progress)) {
        txn::wait_for(found.in_progress);
        continue;
      }
      if (found.inserted || !found.conflict.valid()) {
        if (insert_speculatively()) return true;
        continue;
      }
      if (!conflict_->update) {
        check_conflict_visible(found.conflict);
        return false;
      }
      int done = update_conflicting(in, r, found.conflict);
      if (done >= 0) return done > 0;
    }
  }

  // In REPEATABLE READ the row that made us do nothing must be one that we can see.
  void check_conflict_visible(Tid tid) {
    if (txn::isolation() == txn::Isolation::kReadCommitted) return;
    uint16_t source;
    if (!heap::fetch(rel_, {&tid, 1}, es_.snapshot, heap::Wanted{{}, nullptr, nullptr}, batch_arena_, &source)) {
      txn::Snapshot own = es_.snapshot;
      own.command = UINT32_MAX;
      if (!heap::fetch(rel_, {&tid, 1}, own, heap::Wanted{{}, nullptr, nullptr}, batch_arena_, &source)) throw_concurrent_update(false);
    }
  }

  // Inserts the row; takes it back and returns false if another one got into an arbiter index first.
  bool insert_speculatively() {
    Tid tid = heap::insert(rel_, heap::Row{values_, nulls_});
    for (int a : conflict_->arbiters) {
      IndexKeys& k = indexes_[a];
      if (!k.compute(values_, nulls_)) continue;
      btree::InsertResult res = btree::insert(rel_, k.index(), k.keys(), k.nulls(), tid, btree::UniqueCheck::kProbe);
      if (res.inserted) continue;
      txn::Snapshot own = es_.snapshot;
      own.command = UINT32_MAX;
      heap::remove(rel_, tid, own);
      if (raw(res.in_progress)) txn::wait_for(res.in_progress);
      return false;
    }
    for (size_t i = 0; i < indexes_.size(); i++) {
      if (std::find(conflict_->arbiters.begin(), conflict_->arbiters.end(), static_cast<int>(i)) != conflict_->arbiters.end()) continue;
      IndexKeys& k = indexes_[i];
      if (k.compute(values_, nulls_))
        btree::insert(rel_, k.index(), k.keys(), k.nulls(), tid, k.index().unique ? btree::UniqueCheck::kYes : btree::UniqueCheck::kNone);
    }
    keys_.inserted(tid);
    return true;
  }

  // DO UPDATE of the row at tid: 1 updated, 0 left alone (WHERE), -1 it is gone, try again.
  int update_conflicting(const Batch& in, uint32_t r, Tid tid) {
    heap::ModifyResult lock = heap::lock_row(rel_, tid, heap::RowLock::kUpdate, lock::Wait::kBlock, es_.snapshot);
    if (lock.status == ModifyStatus::kSelfModified)
      throw SqlError{sqlstate::kCardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time",
                     "", "Ensure that no rows proposed for insertion within the same command have duplicate constrained values."};
    if (lock.status != ModifyStatus::kOk) {
      if (txn::isolation() != txn::Isolation::kReadCommitted) throw_concurrent_update(lock.status == ModifyStatus::kDeleted);
      return -1;
    }
    OwnColumns& existing = conflict_->existing;
    std::vector<Vector> out;
    for (int16_t a : conflict_->attnos) out.push_back(existing.v[a - 1]);
    if (!heap::fetch_version(rel_, tid, nullptr, heap::Wanted{conflict_->attnos, out.data(), nullptr}, batch_arena_)) return -1;
    if (made_by_this_command(tid))
      throw SqlError{sqlstate::kCardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time", "",
                     "Ensure that no rows proposed for insertion within the same command have duplicate constrained values."};
    if (txn::isolation() != txn::Isolation::kReadCommitted && !heap::fetch_version(rel_, tid, &es_.snapshot, heap::Wanted{{}, nullptr, nullptr}, batch_arena_))
      throw_concurrent_update(false);
    // rel 0 = existing row, rel 1 = EXCLUDED, both as single rows.
    auto* excluded = batch_arena_.alloc_array<Vector>(natts_);
    auto* current = batch_arena_.alloc_array<Vector>(natts_);
    for (int i = 0; i < natts_; i++) {
      excluded[i] = Vector{&values_[i], nulls_[i] ? &nulls_[i] : nullptr, 0};
      current[i] = Vector{existing.v[i].values, existing.v[i].nulls, 0};
    }
    EvalInput ei{{current, excluded}, 1};
    if (!conflict_->where.empty() && !conflict_->where.apply(ei, Rows{nullptr, 1}).count) return 0;
    auto* values = batch_arena_.alloc_array<Datum>(natts_);
    auto* nulls = batch_arena_.alloc_array<uint8_t>(natts_);
    auto* columns = batch_arena_.alloc_array<Vector>(natts_);
    for (int i = 0; i < natts_; i++) {
      Vector v = conflict_->set[i] ? eval(conflict_->set[i], ei, Rows{nullptr, 1}) : current[i];
      nulls[i] = v.null(0);
      values[i] = v.value(0);
      columns[i] = Vector{values + i, nulls[i] ? nulls + i : nullptr, 0};
    }
    constraints_.check(columns, Rows{nullptr, 1});
    heap::ModifyResult res = heap::update(rel_, tid, heap::Row{values, nulls}, es_.snapshot);
    if (res.status != ModifyStatus::kOk) return -1;
    if (!res.hot) insert_index_entries(values, nulls, res.tid);
    keys_.updated(tid, res.tid, values, nulls);
    if (!returning_.empty()) {
      Vector* to = override_columns(in);
      for (int i = 0; i < natts_; i++) {
        to[i].values[r] = values[i];
        to[i].nulls[r] = nulls[i];
      }
    }
    return 1;
  }
  bool made_by_this_command(Tid tid) {
    constexpr int16_t kXminCmin[] = {-3, -2};
    Datum values[2];
    uint8_t nulls[2] = {0, 0};
    Vector out[2] = {{&values[0], &nulls[0], 1}, {&values[1], &nulls[1], 1}};
    if (!heap::fetch_version(rel_, tid, nullptr, heap::Wanted{kXminCmin, out, nullptr}, batch_arena_)) return false;
    // xmin shows 32 bits; a version of ours that our snapshot can't see was made by this command.
    uint64_t mine = raw(txn::top_xid_if_any());
    return mine && static_cast<uint32_t>(values[1]) == static_cast<uint32_t>(raw(txn::current_xid())) && static_cast<uint32_t>(values[0]) >= es_.snapshot.command;
  }

  const RelationDesc& rel_;
  std::unique_ptr<Node> child_;
  KeyWatch keys_;
  int natts_ = 0, first_value_ = 0;
  RowConstraints constraints_;
  std::vector<IndexKeys> indexes_;
  Projection returning_;
  std::vector<int16_t> old_attnos_;
  OwnColumns old_;
  std::unique_ptr<Conflict> conflict_;
  Datum* values_;
  uint8_t* nulls_;
  uint16_t* results_ = nullptr;
  uint32_t result_capacity_ = 0, nresults_ = 0;
  Vector* overridden_ = nullptr;
  std::optional<Recheck> recheck_;
  const Plan* target_scan_ = nullptr;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Node> make_modify(ExecState& es, const Plan& p) { return std::make_unique<ModifyNode>(es, p); }

}  // namespace postern::exec
