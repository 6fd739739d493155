#include "postgres/sql/plan/expr_util.h"

#include "common/base/error.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

bool is_volatile_fn(Oid fn) {
  const facts::ProcFact* p = facts::find_proc(fn);
  return !p || p->volatility == 'v';
}

bool is_strict_fn(Oid fn) {
  const facts::ProcFact* p = facts::find_proc(fn);
  return p && p->strict;
}

namespace {

bool equal_list(std::span<Expr*> a, std::span<Expr*> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!equal_expr(a[i], b[i])) return false;
  return true;
}

bool equal_keys(std::span<SortKey> a, std::span<SortKey> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!equal_expr(a[i].expr, b[i].expr) || a[i].desc != b[i].desc || a[i].nulls_first != b[i].nulls_first) return false;
  return true;
}

bool equal_value(const Expr* a, const Expr* b) {
  if (a->null || b->null) return a->null == b->null;
  const TypeInfo* t = find_type(a->type);
  if (t && t->by_value) return a->value == b->value;
  return as_view(a->value) == as_view(b->value);
}

}  // namespace

bool equal_expr(const Expr* a, const Expr* b) {
  if (a == b) return true;
  if (!a || !b) return false;
  if (a->kind != b->kind || a->type != b->type || a->typmod != b->typmod || a->collation != b->collation) return false;
  if (a->fn != b->fn || a->rel != b->rel || a->attno != b->attno || a->levels_up != b->levels_up || a->number != b->number) return false;
  if (a->distinct != b->distinct || a->star != b->star || a->variadic != b->variadic) return false;
  switch (a->kind) {
    case ExprKind::kConst: return equal_value(a, b);
    case ExprKind::kSubquery:
      if (a->subquery != b->subquery || a->sub_kind != b->sub_kind) return false;
      break;
    case ExprKind::kSetFunc: return false;
    case ExprKind::kNextval: return false;
    case ExprKind::kFunc:
      if (is_volatile_fn(a->fn)) return false;
      break;
    default: break;
  }
  if ((a->filter || b->filter) && !equal_expr(a->filter, b->filter)) return false;
  return equal_list(a->args, b->args) && equal_keys(a->order, b->order);
}

void walk(Expr* e, const std::function<bool(Expr*)>& fn) {
  if (!e || !fn(e)) return;
  for (Expr* a : e->args) walk(a, fn);
  if (e->filter) walk(e->filter, fn);
  for (SortKey& k : e->order) walk(k.expr, fn);
}

namespace {
class Lower : public Mutator {
 public:
  Lower(Arena& arena, int by) : Mutator(arena), by_(by) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if ((e->kind != ExprKind::kColumn && e->kind != ExprKind::kAgg) || e->levels_up < by_ + depth) return nullptr;
    Expr* c = arena_.make<Expr>(*e);
    c->levels_up = static_cast<int16_t>(c->levels_up - by_);
    if (e->kind == ExprKind::kAgg) {
      c->args = exprs(e->args, depth);
      c->filter = expr(e->filter, depth);
      c->order = sort_keys(e->order, depth);
    }
    return c;
  }

 private:
  int by_;
};
}  // namespace

Expr* lower_levels(Arena& arena, Expr* e, int depth) { return depth ? Lower(arena, depth).expr(e, 0) : e; }

Expr* Mutator::expr(Expr* e, int depth) {
  if (!e) return nullptr;
  if (Expr* r = pre(e, depth)) return r;
  bool leaf = e->args.empty() && !e->filter && e->order.empty() && !e->subquery;
  if (leaf) return e;
  Expr* c = arena_.make<Expr>(*e);
  c->args = exprs(e->args, depth);
  if (e->filter) c->filter = expr(e->filter, depth);
  if (!e->order.empty()) c->order = sort_keys(e->order, depth);
  if (e->subquery) c->subquery = sublink(e->subquery, depth);
  return c;
}

Query* Mutator::sublink(Query* q, int depth) {
  for (const Sublink& s : sublinks_)
    if (s.from == q && s.depth == depth) return s.to;
  Query* c = query(q, depth + 1);
  sublinks_.push_back({q, c, depth});
  return c;
}

std::span<Expr*> Mutator::exprs(std::span<Expr*> v, int depth) {
  Expr** p = arena_.alloc_array<Expr*>(v.size());
  for (size_t i = 0; i < v.size(); i++) p[i] = expr(v[i], depth);
  return {p, v.size()};
}

std::span<Target> Mutator::targets(std::span<Target> v, int depth) {
  Target* p = arena_.alloc_array<Target>(v.size());
  for (size_t i = 0; i < v.size(); i++) {
    p[i] = v[i];
    p[i].expr = expr(v[i].expr, depth);
  }
  return {p, v.size()};
}

std::span<SortKey> Mutator::sort_keys(std::span<SortKey> v, int depth) {
  SortKey* p = arena_.alloc_array<SortKey>(v.size());
  for (size_t i = 0; i < v.size(); i++) {
    p[i] = v[i];
    p[i].expr = expr(v[i].expr, depth);
  }
  return {p, v.size()};
}

FromItem* Mutator::from(FromItem* f, int depth) {
  if (!f) return nullptr;
  FromItem* c = arena_.make<FromItem>(*f);
  if (!f->is_join) {
    c->rel = map_rel(f->rel, depth);
    return c;
  }
  c->left = from(f->left, depth);
  c->right = from(f->right, depth);
  c->on = expr(f->on, depth);
  return c;
}

RangeEntry* Mutator::range_entry(RangeEntry* r, int depth) {
  RangeEntry* c = arena_.make<RangeEntry>(*r);
  if (r->cte) c->cte = map_cte(r->cte);
  if (r->subquery) c->subquery = query(r->subquery, depth + 1);
  c->functions = exprs(r->functions, depth);
  if (!r->values.empty()) {
    auto* rows = arena_.alloc_array<std::span<Expr*>>(r->values.size());
    for (size_t i = 0; i < r->values.size(); i++) rows[i] = exprs(r->values[i], depth);
    c->values = {rows, r->values.size()};
  }
  return c;
}

Cte* Mutator::map_cte(Cte* c) const {
  for (auto it = ctes_.rbegin(); it != ctes_.rend(); ++it)
    if (it->first == c) return it->second;
  return c;
}

namespace {
SetTree* copy_set_tree(Mutator& m, SetTree* t, int depth, Arena& arena) {
  if (!t) return nullptr;
  SetTree* c = arena.make<SetTree>(*t);
  if (t->query) c->query = m.query(t->query, depth + 1);
  c->left = copy_set_tree(m, t->left, depth, arena);
  c->right = copy_set_tree(m, t->right, depth, arena);
  return c;
}
}  // namespace

Query* Mutator::query(Query* q, int depth) {
  Query* c = arena_.make<Query>(*q);
  if (!q->ctes.empty()) {
    auto** ctes = arena_.alloc_array<Cte*>(q->ctes.size());
    for (size_t i = 0; i < q->ctes.size(); i++) {
      ctes[i] = arena_.make<Cte>(*q->ctes[i]);
      ctes_.emplace_back(q->ctes[i], ctes[i]);
      if (q->ctes[i]->query) ctes[i]->query = query(q->ctes[i]->query, depth + 1);
    }
    c->ctes = {ctes, q->ctes.size()};
  }
  auto** rt = arena_.alloc_array<RangeEntry*>(q->rtable.size());
  for (size_t i = 0; i < q->rtable.size(); i++) rt[i] = range_entry(q->rtable[i], depth);
  c->rtable = {rt, q->rtable.size()};
  c->from = from(q->from, depth);
  c->where = expr(q->where, depth);
  c->targets = targets(q->targets, depth);
  c->group_by = exprs(q->group_by, depth);
  c->having = expr(q->having, depth);
  c->distinct_on = exprs(q->distinct_on, depth);
  c->order_by = sort_keys(q->order_by, depth);
  c->limit = expr(q->limit, depth);
  c->offset = expr(q->offset, depth);
  c->set_tree = copy_set_tree(*this, q->set_tree, depth, arena_);
  if (q->insert_source) c->insert_source = query(q->insert_source, depth + 1);
  c->defaults = exprs(q->defaults, depth);
  c->returning = targets(q->returning, depth);
  c->checks = exprs(q->checks, depth);
  if (!q->windows.empty()) {
    auto* w = arena_.alloc_array<WindowDef>(q->windows.size());
    for (size_t i = 0; i < q->windows.size(); i++) {
      w[i] = q->windows[i];
      w[i].partition = exprs(q->windows[i].partition, depth);
      w[i].order = sort_keys(q->windows[i].order, depth);
      w[i].start = expr(q->windows[i].start, depth);
      w[i].end = expr(q->windows[i].end, depth);
    }
    c->windows = {w, q->windows.size()};
  }
  return c;
}

void collect_columns(Expr* e, const std::function<void(Expr*)>& fn) {
  walk(e, [&](Expr* x) {
    if (x->kind == ExprKind::kColumn && x->levels_up == 0) fn(x);
    if (x->subquery) collect_columns_of_query(x->subquery, 1, fn);
    return true;
  });
}

namespace {
void collect_at(Expr* e, int depth, const std::function<void(Expr*)>& fn) {
  walk(e, [&](Expr* x) {
    if (x->kind == ExprKind::kColumn && x->levels_up == depth) fn(x);
    if (x->subquery) collect_columns_of_query(x->subquery, depth + 1, fn);
    return true;
  });
}
void collect_set_tree(SetTree* t, int depth, const std::function<void(Expr*)>& fn) {
  if (!t) return;
  if (t->query) collect_columns_of_query(t->query, depth + 1, fn);
  collect_set_tree(t->left, depth, fn);
  collect_set_tree(t->right, depth, fn);
}
void collect_from(FromItem* f, int depth, const std::function<void(Expr*)>& fn) {
  if (!f || !f->is_join) return;
  collect_at(f->on, depth, fn);
  collect_from(f->left, depth, fn);
  collect_from(f->right, depth, fn);
}
}  // namespace

void collect_columns_of_query(Query* q, int depth, const std::function<void(Expr*)>& fn) {
  auto list = [&](std::span<Expr*> v) { for (Expr* e : v) collect_at(e, depth, fn); };
  for (RangeEntry* r : q->rtable) {
    if (r->subquery) collect_columns_of_query(r->subquery, depth + 1, fn);
    list(r->functions);
    for (auto& row : r->values) list(row);
  }
  for (Cte* c : q->ctes) if (c->query) collect_columns_of_query(c->query, depth + 1, fn);
  collect_from(q->from, depth, fn);
  collect_at(q->where, depth, fn);
  for (Target& t : q->targets) collect_at(t.expr, depth, fn);
  list(q->group_by);
  collect_at(q->having, depth, fn);
  list(q->distinct_on);
  for (SortKey& k : q->order_by) collect_at(k.expr, depth, fn);
  collect_at(q->limit, depth, fn);
  collect_at(q->offset, depth, fn);
  collect_set_tree(q->set_tree, depth, fn);
  for (WindowDef& w : q->windows) {
    list(w.partition);
    for (SortKey& k : w.order) collect_at(k.expr, depth, fn);
    collect_at(w.start, depth, fn);
    collect_at(w.end, depth, fn);
  }
}

ExprFacts facts_of(Expr* e) {
  ExprFacts f;
  walk(e, [&](Expr* x) {
    switch (x->kind) {
      case ExprKind::kColumn:
        if (x->levels_up == 0) f.rels |= x->rel >= 0 ? RelSet{1} << x->rel : 0;
        else f.outer = true;
        break;
      case ExprKind::kParam: f.has_param = true; break;
      case ExprKind::kAgg: f.has_agg = true; break;
      case ExprKind::kWindow: f.has_window = true; break;
      case ExprKind::kNextval: f.is_volatile = true; break;
      case ExprKind::kSetFunc: f.has_setfunc = true; break;
      case ExprKind::kFunc:
        if (is_volatile_fn(x->fn)) f.is_volatile = true;
        break;
      case ExprKind::kSubquery:
        f.has_subquery = true;
        collect_columns_of_query(x->subquery, 1, [&](Expr* c) { if (c->rel >= 0) f.rels |= RelSet{1} << c->rel; });
        for (int d = 2; d < 6; d++) collect_columns_of_query(x->subquery, d, [&](Expr*) { f.outer = true; });
        break;
      default: break;
    }
    return true;
  });
  return f;
}

Expr* make_const(Arena& arena, Oid type, Datum value, bool null) {
  Expr* e = arena.make<Expr>(Expr{.kind = ExprKind::kConst});
  e->type = type;
  e->value = value;
  e->null = null;
  return e;
}

Expr* make_bool(Arena& arena, bool v) { return make_const(arena, oid::kBool, from_bool(v), false); }

Expr* make_and(Arena& arena, const std::vector<Expr*>& parts) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  Expr* e = arena.make<Expr>(Expr{.kind = ExprKind::kAnd});
  e->type = oid::kBool;
  e->args = to_span(arena, parts);
  return e;
}

void split_and(Expr* e, std::vector<Expr*>& out) {
  if (!e) return;
  if (e->kind == ExprKind::kAnd) {
    for (Expr* a : e->args) split_and(a, out);
  } else {
    out.push_back(e);
  }
}

Expr* make_test(Arena& arena, const Expr* like, int rel, int column) {
  Expr* e = arena.make<Expr>(Expr{.kind = ExprKind::kTest});
  e->type = like->type;
  e->typmod = like->typmod;
  e->collation = like->collation;
  e->rel = rel;
  e->attno = static_cast<int16_t>(column);
  e->name = like->name;
  return e;
}

namespace {

class Folder : public Mutator {
 public:
  Folder(std::span<const NullableDatum> params, FnContext& cx, Arena& arena) : Mutator(arena), params_(params), cx_(cx) {}

 protected:
  Expr* pre(Expr* e, int depth) override {
    if (e->kind == ExprKind::kConst || e->kind == ExprKind::kColumn) return e;
    if (e->kind == ExprKind::kParam && e->number > 0 && static_cast<size_t>(e->number) <= params_.size()) {
      const NullableDatum& p = params_[e->number - 1];
      Expr* c = make_const(arena_, e->type, p.value, p.null);
      c->typmod = e->typmod;
      c->collation = e->collation;
      return c;
    }
    if (e->args.empty() && !e->subquery && e->kind != ExprKind::kFunc) return nullptr;
    if (e->subquery) {   // folded when it is planned itself; the same sub-select elsewhere stays the same
      Expr* c = arena_.make<Expr>(*e);
      c->args = exprs(e->args, depth);
      return c;
    }
    Expr* c = e;
    if (!e->args.empty()) {
      c = arena_.make<Expr>(*e);
      c->args = exprs(e->args, depth);
      if (e->filter) c->filter = expr(e->filter, depth);
      if (!e->order.empty()) c->order = sort_keys(e->order, depth);
    }
    return simplify(c);
  }

 private:
  static bool is_true(const Expr* e) { return e->kind == ExprKind::kConst && !e->null && e->value; }
  static bool is_false(const Expr* e) { return e->kind == ExprKind::kConst && !e->null && !e->value; }
  static bool is_const(const Expr* e) { return e->kind == ExprKind::kConst; }

  Expr* simplify(Expr* e) {
    switch (e->kind) {
      case ExprKind::kAnd:
      case ExprKind::kOr: return logic(e);
      case ExprKind::kNot:
        if (is_const(e->args[0])) return e->args[0]->null ? e->args[0] : make_bool(arena_, !e->args[0]->value);
        return e;
      case ExprKind::kIsNull:
      case ExprKind::kIsNotNull:
        if (is_const(e->args[0])) return make_bool(arena_, e->args[0]->null == (e->kind == ExprKind::kIsNull));
        return e;
      case ExprKind::kRelabel:
        if (is_const(e->args[0])) {
          Expr* c = arena_.make<Expr>(*e->args[0]);
          c->type = e->type;
          c->typmod = e->typmod;
          c->collation = e->collation;
          return c;
        }
        return e;
      case ExprKind::kCoalesce: {
        size_t skip = 0;
        while (skip + 1 < e->args.size() && is_const(e->args[skip]) && e->args[skip]->null) skip++;
        if (is_const(e->args[skip]) && !e->args[skip]->null) return e->args[skip];
        if (skip + 1 == e->args.size()) return e->args[skip];
        if (skip) e->args = e->args.subspan(skip);
        return e;
      }
      case ExprKind::kCase: return simplify_case(e);
      case ExprKind::kFunc: return fold_call(e);
      case ExprKind::kViaIo: return fold_via_io(e);
      default: return e;
    }
  }

  Expr* logic(Expr* e) {
    bool conj = e->kind == ExprKind::kAnd;
    std::vector<Expr*> keep;
    for (Expr* a : e->args) {
      if (conj ? is_true(a) : is_false(a)) continue;
      if (conj ? is_false(a) : is_true(a)) return a;
      if (a->kind == e->kind) keep.insert(keep.end(), a->args.begin(), a->args.end());
      else keep.push_back(a);
    }
    if (keep.empty()) return make_bool(arena_, conj);
    if (keep.size() == 1) return keep[0];
    e->args = to_span(arena_, keep);
    return e;
  }

  Expr* simplify_case(Expr* e) {
    std::vector<Expr*> keep;
    for (size_t i = 0; i + 1 < e->args.size(); i += 2) {
      Expr* cond = e->args[i];
      if (is_const(cond) && (cond->null || !cond->value)) continue;
      if (is_true(cond)) {
        if (keep.empty()) return e->args[i + 1];
        keep.push_back(e->args[i + 1]);
        e->args = to_span(arena_, keep);
        return e;
      }
      keep.push_back(cond);
      keep.push_back(e->args[i + 1]);
    }
    if (keep.empty()) return e->args.back();
    keep.push_back(e->args.back());
    e->args = to_span(arena_, keep);
    return e;
  }

  Expr* fold_call(Expr* e) {
    if (e->retset) return e;
    const facts::ProcFact* p = facts::find_proc(e->fn);
    if (!p || p->volatility != 'i') return e;
    bool any_null = false;
    for (Expr* a : e->args) {
      if (!is_const(a)) {
        return e;
      }
      any_null |= a->null;
    }
    if (p->strict && any_null) return result(e, 0, true);
    const FnEntry* f = find_function(e->fn);
    if (!f || e->args.size() > 16) return e;
    Vector args[16];
    uint8_t nulls[16];
    Oid types[16];
    for (size_t i = 0; i < e->args.size(); i++) {
      nulls[i] = e->args[i]->null;
      types[i] = e->args[i]->type;
      args[i] = Vector{&e->args[i]->value, e->args[i]->null ? &nulls[i] : nullptr, 0};
    }
    Datum value = 0;
    uint8_t null = 0;
    Vector out{&value, &null, 1};
    FnContext cx = cx_;
    cx.arena = &arena_;
    cx.collation = e->collation;
    cx.result_type = e->type;
    cx.arg_types = {types, e->args.size()};
    cx.fn_state = nullptr;
    cx.fn_arena = &arena_;
    try {
      f->kernel(cx, args, static_cast<int>(e->args.size()), Rows{nullptr, 1}, out);
    } catch (const SqlError&) {
      return e;
    }
    return result(e, value, null);
  }

  Expr* fold_via_io(Expr* e) {
    Expr* a = e->args[0];
    if (!is_const(a)) return e;
    if (a->null) return result(e, 0, true);
    const TypeInfo *from = find_type(a->type), *to = find_type(e->type);
    auto pure = [](const TypeInfo* t) { return t && (t->category == 'N' || t->category == 'S' || t->category == 'B') && t->elem == Oid{0}; };
    if (!pure(from) || !pure(to) || raw(from->oid) >= 2202 || raw(to->oid) >= 2202 || from->oid == oid::kRegProc || to->oid == oid::kRegProc) return e;
    std::string text;
    FnContext cx = cx_;
    cx.arena = &arena_;
    try {
      from->out(cx, a->value, text);
      return result(e, to->in(cx, text, -1), false);
    } catch (const SqlError&) {
      return e;
    }
  }

  Expr* result(Expr* e, Datum value, bool null) {
    Expr* c = make_const(arena_, e->type, value, null);
    c->typmod = e->typmod;
    c->collation = e->collation;
    c->position = e->position;
    return c;
  }

  std::span<const NullableDatum> params_;
  FnContext& cx_;
};

}  // namespace

Expr* fold(Expr* e, std::span<const NullableDatum> params, FnContext& cx, Arena& arena) {
  if (!e) return nullptr;
  return Folder(params, cx, arena).expr(e);
}

namespace {
// NULL whenever all columns of rel are NULL.
bool null_if_null_rel(Expr* e, int rel) {
  switch (e->kind) {
    case ExprKind::kColumn: return e->levels_up == 0 && e->rel == rel;
    case ExprKind::kFunc:
      if (!is_strict_fn(e->fn)) return false;
      [[fallthrough]];
    case ExprKind::kRelabel:
    case ExprKind::kViaIo:
    case ExprKind::kNot:
      for (Expr* a : e->args)
        if (null_if_null_rel(a, rel)) return true;
      return false;
    case ExprKind::kAnyArray: return is_strict_fn(e->fn) && null_if_null_rel(e->args[0], rel);
    default: return false;
  }
}
}  // namespace

bool rejects_null_rel(Expr* e, int rel) {
  switch (e->kind) {
    case ExprKind::kAnd:
      for (Expr* a : e->args)
        if (rejects_null_rel(a, rel)) return true;
      return false;
    case ExprKind::kOr:
      for (Expr* a : e->args)
        if (!rejects_null_rel(a, rel)) return false;
      return true;
    case ExprKind::kIsNotNull:
    case ExprKind::kIsTrue:
    case ExprKind::kIsFalse: return null_if_null_rel(e->args[0], rel);
    default: return null_if_null_rel(e, rel);
  }
}

}  // namespace postern::sql
