// Preparation of a query level before paths are made: whole-row references, constant folding, sub-selects in WHERE turned into semi and anti joins,
// simple subqueries merged into their parent, outer joins whose NULL rows cannot survive WHERE turned into inner ones.
#include "common/base/error.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"

namespace postern::sql {

int QueryPlanner::add_rtable(RangeEntry* r) {
  if (rt_.size() >= kMaxRels) throw SqlError{sqlstate::kProgramLimitExceeded, "too many range table entries in one query"};
  rt_.push_back(r);
  q_->rtable = to_span(arena_, rt_);
  return static_cast<int>(rt_.size()) - 1;
}

namespace {

// Replaces whole-row references (attno 0) by rows of all columns.
class WholeRows : public Mutator {
 public:
  WholeRows(Arena& arena, Query* q) : Mutator(arena), q_(q) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (e->kind != ExprKind::kColumn || e->attno != 0 || e->levels_up != depth) return nullptr;
    RangeEntry* r = q_->rtable[e->rel];
    std::vector<Expr*> cols;
    for (size_t i = 0; i < r->types.size(); i++) {
      if (r->relation && i < r->relation->attrs.size() && r->relation->attrs[i].dropped) {
        cols.push_back(make_const(arena_, oid::kInt4, 0, true));
        continue;
      }
      Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
      c->type = r->types[i];
      if (i < r->typmods.size()) c->typmod = r->typmods[i];
      if (i < r->collations.size()) c->collation = r->collations[i];
      c->rel = e->rel;
      c->attno = static_cast<int16_t>(i + 1);
      c->levels_up = e->levels_up;
      if (i < r->columns.size()) c->name = r->columns[i];
      cols.push_back(c);
    }
    Expr* row = arena_.make<Expr>(Expr{.kind = ExprKind::kRow});
    row->type = e->type;
    row->args = to_span(arena_, cols);
    row->names = r->columns;
    if (r->kind != RteKind::kTable || !nullable(q_->from, e->rel, false)) return row;
    // NULL, not a row of NULLs, where an outer join found nothing.
    Expr* tid = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
    tid->type = oid::kTid;
    tid->rel = e->rel;
    tid->attno = -1;
    tid->levels_up = e->levels_up;
    tid->name = "ctid";
    Expr* found = arena_.make<Expr>(Expr{.kind = ExprKind::kIsNotNull});
    found->type = oid::kBool;
    found->args = to_span(arena_, std::vector<Expr*>{tid});
    Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kCase});
    c->type = e->type;
    c->args = to_span(arena_, std::vector<Expr*>{found, row, make_const(arena_, e->type, 0, true)});
    return c;
  }

 private:
  static bool nullable(const FromItem* f, int rel, bool outer) {
    if (!f) return false;
    if (!f->is_join) return f->rel == rel && outer;
    const bool left = f->join == JoinType::kRight || f->join == JoinType::kFull, right = f->join == JoinType::kLeft || f->join == JoinType::kFull;
    return nullable(f->left, rel, outer || left) || nullable(f->right, rel, outer || right);
  }
  Query* q_;
};

// Moves the expressions of a merged subquery to the parent's range table: own columns get new rel numbers; references to levels above the parent lose one level.
class Lift : public Mutator {
 public:
  Lift(Arena& arena, int offset) : Mutator(arena), offset_(offset) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if ((e->kind != ExprKind::kColumn && e->kind != ExprKind::kAgg) || e->levels_up < depth) return nullptr;
    if (e->kind == ExprKind::kAgg && e->levels_up == depth) return nullptr;
    Expr* c = arena_.make<Expr>(*e);
    if (e->levels_up == depth) c->rel += offset_;
    else c->levels_up--;
    if (e->kind == ExprKind::kAgg) c->args = exprs(e->args, depth);
    return c;
  }
  int map_rel(int rel, int depth) override { return depth == 0 ? rel + offset_ : rel; }

 private:
  int offset_;
};

// Adds `by` levels to the outer references of an expression that moves into a nested query.
class Sink : public Mutator {
 public:
  Sink(Arena& arena, int by) : Mutator(arena), by_(by) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (by_ == 0 || e->kind != ExprKind::kColumn || e->levels_up < depth) return nullptr;
    Expr* c = arena_.make<Expr>(*e);
    c->levels_up = static_cast<int16_t>(c->levels_up + by_);
    return c;
  }

 private:
  int by_;
};

// Replaces columns of entry `rel` by the merged subquery's output expressions.
class Substitute : public Mutator {
 public:
  Substitute(Arena& arena, int rel, const std::vector<Expr*>& outputs) : Mutator(arena), rel_(rel), outputs_(outputs) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (e->kind != ExprKind::kColumn || e->levels_up != depth || e->rel != rel_) return nullptr;
    Expr* r = outputs_[e->attno - 1];
    if (depth) r = Sink(arena_, depth).expr(r, 0);
    if (r->type != e->type || r->typmod != e->typmod) {
      Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kRelabel});
      c->type = e->type;
      c->typmod = e->typmod;
      c->collation = e->collation;
      c->args = to_span(arena_, std::vector<Expr*>{r});
      return c;
    }
    return r;
  }

 private:
  int rel_;
  const std::vector<Expr*>& outputs_;
};

RelSet rels_of(const FromItem* f) {
  if (!f) return 0;
  if (!f->is_join) return f->rel < 0 ? 0 : RelSet{1} << f->rel;
  return rels_of(f->left) | rels_of(f->right);
}

Expr* and_exprs(Arena& arena, Expr* a, Expr* b) {
  std::vector<Expr*> parts;
  split_and(a, parts);
  split_and(b, parts);
  return make_and(arena, parts);
}

FromItem* make_join(Arena& arena, JoinType type, FromItem* l, FromItem* r, Expr* on) {
  FromItem* j = arena.make<FromItem>();
  j->is_join = true;
  j->join = type;
  j->left = l;
  j->right = r;
  j->on = on;
  return j;
}

}  // namespace

void QueryPlanner::expand_whole_rows() {
  bool any = false;
  collect_columns_of_query(q_, 0, [&](Expr* c) { any |= c->attno == 0; });
  for (Target& t : q_->returning) walk(t.expr, [&](Expr* x) { any |= x->kind == ExprKind::kColumn && x->attno == 0; return true; });
  if (any) q_ = WholeRows(arena_, q_).query(q_, 0);
}

void QueryPlanner::fold_all() {
  auto f = [&](Expr* e) { return fold(e, sh_.params, sh_.cx, arena_); };
  q_->where = f(q_->where);
  q_->having = f(q_->having);
  for (Target& t : q_->targets) t.expr = f(t.expr);
  for (SortKey& k : q_->order_by) k.expr = f(k.expr);
  for (Expr*& e : q_->group_by) e = f(e);
  for (Expr*& e : q_->distinct_on) e = f(e);
  q_->limit = f(q_->limit);
  q_->offset = f(q_->offset);
  auto from = [&](auto& self, FromItem* i) -> void {
    if (!i || !i->is_join) return;
    i->on = f(i->on);
    self(self, i->left);
    self(self, i->right);
  };
  from(from, q_->from);
  for (RangeEntry* r : rt_)
    for (Expr*& e : r->functions) e = f(e);
}

// A subquery that may be merged into its parent: only FROM, WHERE and plain target expressions.
bool QueryPlanner::is_simple(const Query* s) const {
  if (s->command != Command::kSelect || s->set_tree || s->has_group || s->has_aggs || s->has_windows || s->has_set_funcs || s->distinct || !s->distinct_on.empty() ||
      s->limit || s->offset || !s->ctes.empty() || !s->row_marks.empty() || !s->group_by.empty() || s->having || !s->from)
    return false;
  if (s->rtable.size() + rt_.size() > kMaxRels) return false;
  for (const Target& t : s->targets) {
    ExprFacts f = facts_of(t.expr);
    if (f.is_volatile || f.has_subquery) return false;
  }
  return true;
}

// Turns the sub-selects among the AND-ed conditions of `quals` into joins added to *from; returns the conditions that stay.
Expr* QueryPlanner::pull_sublinks_in(Expr* quals, FromItem*& from, RelSet available) {
  std::vector<Expr*> parts, keep;
  split_and(quals, parts);
  for (Expr* e : parts) {
    bool negated = e->kind == ExprKind::kNot;
    Expr* s = negated ? e->args[0] : e;
    if (s->kind != ExprKind::kSubquery) {
      keep.push_back(e);
      continue;
    }
    Query* sub = s->subquery;
    bool other_levels = false;
    if (s->sub_kind == SubKind::kExists) {
      // The limit of EXISTS (... LIMIT 1) and its targets do not matter.
      Query plain = *sub;
      plain.limit = nullptr;
      plain.targets = {};
      plain.distinct = false;
      plain.order_by = {};
      bool limited = sub->limit && (sub->limit->kind != ExprKind::kConst || sub->limit->null || as_int8(sub->limit->value) <= 0);
      if (limited || !is_simple(&plain)) { keep.push_back(e); continue; }
      RelSet outer_rels = 0;
      bool from_refs = false;
      collect_columns_of_query(sub, 1, [&](Expr* c) { outer_rels |= RelSet{1} << c->rel; });
      for (RangeEntry* r : sub->rtable) {
        if (r->subquery) collect_columns_of_query(r->subquery, 2, [&](Expr*) { from_refs = true; });
        for (Expr* fe : r->functions) walk(fe, [&](Expr* x) { from_refs |= x->kind == ExprKind::kColumn && x->levels_up > 0; return true; });
        if (!r->values.empty()) from_refs = true;
      }
      for (int d = 2; d < 5; d++) collect_columns_of_query(sub, d, [&](Expr*) { other_levels = true; });
      if (from_refs || other_levels || outer_rels == 0 || (outer_rels & ~available)) { keep.push_back(e); continue; }
      int offset = static_cast<int>(rt_.size());
      Lift lift(arena_, offset);
      for (RangeEntry* r : sub->rtable) add_rtable(lift.range_entry(r, 0));
      FromItem* right = lift.from(sub->from, 0);
      Expr* on = lift.expr(sub->where, 0);
      from = make_join(arena_, negated ? JoinType::kAnti : JoinType::kSemi, from, right, on);
    } else if (s->sub_kind == SubKind::kAny && !negated && s->args.size() == s->sub_fns.size()) {
      bool correlated = false;
      for (int d = 1; d < 5; d++) collect_columns_of_query(sub, d, [&](Expr*) { correlated = true; });
      ExprFacts tests;
      for (Expr* a : s->args) {
        ExprFacts f = facts_of(a);
        tests.rels |= f.rels;
        tests.is_volatile |= f.is_volatile;
        tests.has_subquery |= f.has_subquery;
      }
      if (correlated || tests.rels == 0 || (tests.rels & ~available) || tests.is_volatile || tests.has_subquery) { keep.push_back(e); continue; }
      RangeEntry* r = arena_.make<RangeEntry>();
      r->kind = RteKind::kSubquery;
      r->alias = "ANY_subquery";
      r->subquery = sub;
      std::vector<std::string_view> names;
      std::vector<Oid> types, colls;
      std::vector<int32_t> typmods;
      for (Target& t : sub->targets) {
        if (t.junk) continue;
        names.push_back(t.name);
        types.push_back(t.expr->type);
        typmods.push_back(t.expr->typmod);
        colls.push_back(t.expr->collation);
      }
      r->columns = to_span(arena_, names);
      r->types = to_span(arena_, types);
      r->typmods = to_span(arena_, typmods);
      r->collations = to_span(arena_, colls);
      int rel = add_rtable(r);
      std::vector<Expr*> conds;
      for (size_t i = 0; i < s->args.size(); i++) {
        Expr* c = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
        c->type = types[i];
        c->typmod = typmods[i];
        c->collation = colls[i];
        c->rel = rel;
        c->attno = static_cast<int16_t>(i + 1);
        c->name = names[i];
        Expr* f = arena_.make<Expr>(Expr{.kind = ExprKind::kFunc});
        f->type = oid::kBool;
        f->fn = s->sub_fns[i];
        f->name = s->name.empty() ? "=" : s->name;
        f->oper = s->oper;
        const TypeInfo* lt = find_type(s->args[i]->type);
        (void)lt;
        for (const facts::OperFact& o : facts::opers_named(f->name))
          if (o.code == raw(f->fn)) f->oper = Oid{o.oid};
        f->args = to_span(arena_, std::vector<Expr*>{s->args[i], c});
        conds.push_back(f);
      }
      FromItem* leaf = arena_.make<FromItem>();
      leaf->rel = rel;
      from = make_join(arena_, JoinType::kSemi, from, leaf, make_and(arena_, conds));
    } else {
      keep.push_back(e);
    }
  }
  return make_and(arena_, keep);
}

void QueryPlanner::pull_up_sublinks() {
  if (!q_->where || !q_->from) return;
  bool any = false;
  walk(q_->where, [&](Expr* x) { any |= x->kind == ExprKind::kSubquery; return !any; });
  if (any) q_->where = pull_sublinks_in(q_->where, q_->from, rels_of(q_->from));
}

bool QueryPlanner::pull_up_subqueries() {
  // One subquery per call; the caller repeats.
  struct Found { FromItem* leaf = nullptr; bool nullable = false; } found;
  auto find = [&](auto& self, FromItem* f, bool nullable) -> void {
    if (!f || found.leaf) return;
    if (f->is_join) {
      bool ln = nullable || f->join == JoinType::kRight || f->join == JoinType::kFull;
      bool rn = nullable || f->join == JoinType::kLeft || f->join == JoinType::kFull || f->join == JoinType::kSemi || f->join == JoinType::kAnti;
      self(self, f->left, ln);
      self(self, f->right, rn);
      return;
    }
    if (f->rel < 0) return;
    RangeEntry* r = rt_[f->rel];
    if (r->kind == RteKind::kCte && r->cte && r->cte->query && !r->cte->recursive && r->cte->materialized != 1 &&
        (r->cte->references == 1 || r->cte->materialized == 0) && r->cte->query->command == Command::kSelect && r->cte->query->row_marks.empty()) {
      bool outer = false, vol = false;
      for (int d = 1; d < 5; d++) collect_columns_of_query(r->cte->query, d, [&](Expr*) { outer = true; });
      for (Target& t : r->cte->query->targets) vol |= facts_of(t.expr).is_volatile;
      bool own = false;
      for (Cte* c : q_->ctes) own |= c == r->cte;
      if (own && !outer && !vol) {   // inline it: it becomes an ordinary subquery
        RangeEntry* s = arena_.make<RangeEntry>(*r);
        s->kind = RteKind::kSubquery;
        s->subquery = r->cte->query;
        s->cte = nullptr;
        rt_[f->rel] = s;
        q_->rtable = to_span(arena_, rt_);
        r = s;
      }
    }
    if (r->kind != RteKind::kSubquery || !r->subquery || f->rel == q_->source_rel) return;
    if (!is_simple(r->subquery)) return;
    if (nullable) {
      for (Target& t : r->subquery->targets)
        if (!t.junk && (t.expr->kind != ExprKind::kColumn || t.expr->levels_up != 0)) return;
    }
    if (r->lateral) {
      bool refs = false;
      collect_columns_of_query(r->subquery, 1, [&](Expr*) { refs = true; });
      if (refs && nullable) return;
    }
    found.leaf = f;
    found.nullable = nullable;
  };
  find(find, q_->from, false);
  if (!found.leaf) return false;
  int rel = found.leaf->rel;
  Query* sub = rt_[rel]->subquery;
  int offset = static_cast<int>(rt_.size());
  Lift lift(arena_, offset);
  for (RangeEntry* r : sub->rtable) {
    RangeEntry* c = lift.range_entry(r, 0);
    if (rt_[rel]->lateral) c->lateral = true;
    add_rtable(c);
  }
  std::vector<Expr*> outputs;
  for (Target& t : sub->targets)
    if (!t.junk) outputs.push_back(lift.expr(t.expr, 0));
  FromItem* lifted = lift.from(sub->from, 0);
  Expr* where = lift.expr(sub->where, 0);
  // The leaf becomes the subquery's FROM, its WHERE a condition of that place.
  if (where) {
    if (!found.nullable) q_->where = and_exprs(arena_, q_->where, where);
    else {
      if (!lifted->is_join) {
        FromItem* dummy = arena_.make<FromItem>();
        dummy->rel = -1;
        lifted = make_join(arena_, JoinType::kCross, lifted, dummy, where);
      } else if (lifted->join == JoinType::kInner || lifted->join == JoinType::kCross) {
        lifted->join = JoinType::kInner;
        lifted->on = and_exprs(arena_, lifted->on, where);
      } else {
        FromItem* dummy = arena_.make<FromItem>();
        dummy->rel = -1;
        lifted = make_join(arena_, JoinType::kCross, lifted, dummy, where);
      }
    }
  }
  *found.leaf = *lifted;
  rt_[rel] = arena_.make<RangeEntry>(*rt_[rel]);
  rt_[rel]->kind = RteKind::kResult;
  rt_[rel]->subquery = nullptr;
  q_->rtable = to_span(arena_, rt_);
  q_ = Substitute(arena_, rel, outputs).query(q_, 0);
  rt_.assign(q_->rtable.begin(), q_->rtable.end());
  return true;
}

void QueryPlanner::reduce_outer_joins() {
  if (!q_->from || !q_->from->is_join) return;
  // conds: conditions that must be true for a row to survive, known at this place.
  auto reduce = [&](auto& self, FromItem* f, std::vector<Expr*> conds) -> void {
    if (!f || !f->is_join) return;
    auto rejects = [&](FromItem* side) {
      RelSet rels = rels_of(side);
      for (int r = 0; r < static_cast<int>(rt_.size()); r++)
        if (rels >> r & 1)
          for (Expr* c : conds)
            if (rejects_null_rel(c, r)) return true;
      return false;
    };
    if (f->join == JoinType::kFull) {
      bool l = rejects(f->left), r = rejects(f->right);
      if (l && r) f->join = JoinType::kInner;
      else if (l) f->join = JoinType::kLeft;
      else if (r) f->join = JoinType::kRight;
    }
    if (f->join == JoinType::kLeft && rejects(f->right)) f->join = JoinType::kInner;
    if (f->join == JoinType::kRight && rejects(f->left)) f->join = JoinType::kInner;
    std::vector<Expr*> on;
    split_and(f->on, on);
    std::vector<Expr*> both = conds;
    both.insert(both.end(), on.begin(), on.end());
    switch (f->join) {
      case JoinType::kInner:
      case JoinType::kCross: self(self, f->left, both); self(self, f->right, both); break;
      case JoinType::kSemi: self(self, f->left, both); self(self, f->right, on); break;
      case JoinType::kLeft:
      case JoinType::kAnti: self(self, f->left, conds); self(self, f->right, on); break;
      case JoinType::kRight: self(self, f->left, on); self(self, f->right, conds); break;
      case JoinType::kFull: self(self, f->left, {}); self(self, f->right, {}); break;
    }
  };
  std::vector<Expr*> where;
  split_and(q_->where, where);
  reduce(reduce, q_->from, where);
}

namespace {
// A plain copy, so that the steps may edit in place.
class Copy : public Mutator {
 public:
  using Mutator::Mutator;

 protected:
  Expr* pre(Expr*, int) override { return nullptr; }
};
}  // namespace

void QueryPlanner::prep() {
  q_ = Copy(arena_).query(q_, 0);
  rt_.assign(q_->rtable.begin(), q_->rtable.end());
  if (rt_.size() > kMaxRels) throw SqlError{sqlstate::kProgramLimitExceeded, "too many range table entries in one query"};
  expand_whole_rows();
  rt_.assign(q_->rtable.begin(), q_->rtable.end());
  pull_up_sublinks();
  while (pull_up_subqueries()) {
    pull_up_sublinks();
  }
  expand_whole_rows();   // those that merged sub-selects brought up
  rt_.assign(q_->rtable.begin(), q_->rtable.end());
  fold_all();
  reduce_outer_joins();
  base_.resize(rt_.size());
  sub_planners_.resize(rt_.size());
  sub_plans_.resize(rt_.size());
  lateral_params_.resize(rt_.size());
}

}  // namespace postern::sql
