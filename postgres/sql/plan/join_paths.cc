// Join order and methods: dynamic programming over sets of items (bushy, no cross products unless forced; greedy beyond kMaxDpItems),
// with LEFT/SEMI/ANTI joins as items that may only be attached once what they depend on is there. FULL joins and
// complex nullable sides are planned on their own. After Selinger et al. 1979 and Moerkotte & Neumann 2006.
#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "common/base/error.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

namespace {
constexpr int kMaxDpItems = 11;

RelSet rels_of(const FromItem* f) {
  if (!f) return 0;
  if (!f->is_join) return f->rel < 0 ? 0 : RelSet{1} << f->rel;
  return rels_of(f->left) | rels_of(f->right);
}

bool hash_compatible(Oid a, Oid b) {
  if (a == b) return true;
  auto ints = [](Oid t) { return t == oid::kInt2 || t == oid::kInt4 || t == oid::kInt8; };
  auto texts = [](Oid t) { return t == oid::kText || t == oid::kVarchar || t == oid::kName; };
  return (ints(a) && ints(b)) || (texts(a) && texts(b));
}
}  // namespace

Qual* QueryPlanner::make_qual(Expr* e) {
  qual_store_.push_back(std::make_unique<Qual>());
  Qual* q = qual_store_.back().get();
  q->e = e;
  ExprFacts f = facts_of(e);
  q->rels = f.rels;
  q->is_volatile = f.is_volatile;
  q->has_subquery = f.has_subquery;
  if (e->kind == ExprKind::kFunc && e->args.size() == 2 && raw(e->oper) && !f.is_volatile) {
    const facts::OperFact* op = facts::find_oper(e->oper);
    if (op && op->name() == "=") {
      ExprFacts l = facts_of(e->args[0]), r = facts_of(e->args[1]);
      if (l.rels && r.rels && !(l.rels & r.rels) && !l.has_subquery && !r.has_subquery) {
        q->l = e->args[0];
        q->r = e->args[1];
        q->lrels = l.rels;
        q->rrels = r.rels;
        const TypeInfo *lt = find_type(q->l->type), *rt = find_type(q->r->type);
        q->hashable = lt && rt && hash_compatible(q->l->type, q->r->type) && (lt->hash || lt->compare_kind == CompareKind::kInt64 || lt->compare_kind == CompareKind::kBytes);
      }
    }
  }
  return q;
}

std::vector<Qual*> QueryPlanner::make_quals(Expr* e) {
  std::vector<Expr*> parts;
  split_and(e, parts);
  std::vector<Qual*> out;
  for (Expr* p : parts) {
    // (a AND x) OR (a AND y): pull out the common part, so that it can be joined on or pushed down.
    if (p->kind == ExprKind::kOr) {
      std::vector<Expr*> first;
      split_and(p->args[0], first);
      for (Expr* c : first) {
        bool everywhere = true;
        for (size_t i = 1; i < p->args.size() && everywhere; i++) {
          std::vector<Expr*> arm;
          split_and(p->args[i], arm);
          bool here = false;
          for (Expr* a : arm) here |= equal_expr(a, c);
          everywhere = here;
        }
        if (everywhere && !facts_of(c).is_volatile) out.push_back(make_qual(c));
      }
      // And for each relation that every arm restricts: the OR of those restrictions.
      ExprFacts f = facts_of(p);
      if (std::popcount(f.rels) > 1 && !f.is_volatile && !f.has_subquery) {
        for (int r = 0; r < kMaxRels; r++) {
          if (!(f.rels >> r & 1)) continue;
          std::vector<Expr*> ors;
          for (Expr* arm : p->args) {
            std::vector<Expr*> parts2, mine;
            split_and(arm, parts2);
            for (Expr* c : parts2)
              if (facts_of(c).rels == RelSet{1} << r) mine.push_back(c);
            if (mine.empty()) break;
            ors.push_back(make_and(arena_, mine));
          }
          if (ors.size() != p->args.size()) continue;
          Expr* o = arena_.make<Expr>(Expr{.kind = ExprKind::kOr});
          o->type = oid::kBool;
          o->args = to_span(arena_, ors);
          Qual* q = make_qual(o);
          q->derived = true;
          out.push_back(q);
        }
      }
    }
    out.push_back(make_qual(p));
  }
  return out;
}

// Derives conditions by transitivity: a = b and a = 5 give b = 5; a = b and b = c give a = c. Only plain columns of one type.
void QueryPlanner::equivalence(std::vector<Qual*>& quals) {
  struct Member { Expr* e; RelSet rels; };
  struct Class { std::vector<Member> members; std::vector<Qual*> consts; Oid fn, oper; };
  std::vector<Class> classes;
  auto plain = [](Expr* e) { return e->kind == ExprKind::kColumn && e->levels_up == 0; };
  for (Qual* q : quals) {
    if (!q->l || !plain(q->l) || !plain(q->r) || q->l->type != q->r->type || q->l->collation != q->r->collation) continue;
    int a = -1, b = -1;
    for (size_t i = 0; i < classes.size(); i++)
      for (auto& m : classes[i].members) {
        if (equal_expr(m.e, q->l)) a = static_cast<int>(i);
        if (equal_expr(m.e, q->r)) b = static_cast<int>(i);
      }
    if (a < 0 && b < 0) {
      classes.push_back({{{q->l, q->lrels}, {q->r, q->rrels}}, {}, q->e->fn, q->e->oper});
    } else if (a >= 0 && b >= 0) {
      if (a != b) {
        classes[a].members.insert(classes[a].members.end(), classes[b].members.begin(), classes[b].members.end());
        classes.erase(classes.begin() + b);
      }
    } else if (a >= 0) classes[a].members.push_back({q->r, q->rrels});
    else classes[b].members.push_back({q->l, q->lrels});
  }
  for (size_t c = 0; c < classes.size(); c++) {
    auto find = [&](Expr* e) { for (auto& m : classes[c].members) if (equal_expr(m.e, e)) return true; return false; };
    std::vector<Qual*> extra;
    for (Qual* q : quals) {
      if (q->l && plain(q->l) && plain(q->r) && find(q->l) && find(q->r)) q->eclass = static_cast<int>(c);
      Expr* e = q->e;
      if (e->kind != ExprKind::kFunc || e->args.size() != 2 || e->fn != classes[c].fn) continue;
      for (int side = 0; side < 2; side++) {
        Expr *col = e->args[side], *v = e->args[1 - side];
        ExprFacts f = facts_of(v);
        if (!plain(col) || !find(col) || f.rels || f.is_volatile || f.has_subquery) continue;
        for (auto& m : classes[c].members) {
          if (equal_expr(m.e, col)) continue;
          Expr* n = arena_.make<Expr>(*e);
          n->args = to_span(arena_, std::vector<Expr*>{m.e, v});
          Qual* d = make_qual(n);
          d->derived = true;
          bool dup = false;
          for (Qual* o : quals) dup |= equal_expr(o->e, n);
          for (Qual* o : extra) dup |= equal_expr(o->e, n);
          if (!dup) extra.push_back(d);
        }
      }
    }
    auto& m = classes[c].members;
    for (size_t i = 0; i < m.size(); i++)
      for (size_t j = i + 1; j < m.size(); j++) {
        bool have = false;
        for (Qual* q : quals)
          have |= q->eclass == static_cast<int>(c) && q->l && ((equal_expr(q->l, m[i].e) && equal_expr(q->r, m[j].e)) || (equal_expr(q->l, m[j].e) && equal_expr(q->r, m[i].e)));
        if (have) continue;
        Expr* n = arena_.make<Expr>(Expr{.kind = ExprKind::kFunc});
        n->type = oid::kBool;
        n->fn = classes[c].fn;
        n->oper = classes[c].oper;
        n->name = "=";
        n->args = to_span(arena_, std::vector<Expr*>{m[i].e, m[j].e});
        Qual* d = make_qual(n);
        d->derived = true;
        if (m[i].rels != m[j].rels) d->eclass = static_cast<int>(c);   // two columns of one relation: a condition of its own
        extra.push_back(d);
      }
    quals.insert(quals.end(), extra.begin(), extra.end());
  }
}

JoinItem* QueryPlanner::make_item(FromItem* f, std::vector<Qual*>& own) {
  item_store_.push_back(std::make_unique<JoinItem>());
  JoinItem* item = item_store_.back().get();
  item->rels = rels_of(f);
  if (!f->is_join) {
    item->rel = f->rel;
    item->restrict = own;
    return item;
  }
  JoinProblem* p = plan_from(f, own);
  item->paths = p->paths;
  item->rows = p->rows;
  return item;
}

// Flattens inner joins below f into items and conditions of p. quals: conditions that came from above and may be used in this place.
void QueryPlanner::collect(FromItem* f, JoinProblem& p, std::vector<Qual*>& quals) {
  if (!f->is_join) {
    if (f->rel < 0) return;
    std::vector<Qual*> none;
    p.items.push_back(make_item(f, none));
    return;
  }
  switch (f->join) {
    case JoinType::kInner:
    case JoinType::kCross: {
      collect(f->left, p, quals);
      collect(f->right, p, quals);
      for (Qual* q : make_quals(f->on)) quals.push_back(q);
      return;
    }
    case JoinType::kRight:
    case JoinType::kLeft:
    case JoinType::kSemi:
    case JoinType::kAnti: {
      FromItem *l = f->left, *r = f->right;
      JoinType type = f->join;
      if (type == JoinType::kRight) {
        std::swap(l, r);
        type = JoinType::kLeft;
      }
      collect(l, p, quals);
      RelSet lr = rels_of(l), rr = rels_of(r);
      std::vector<Qual*> inner, on;
      for (Qual* q : make_quals(f->on)) (q->rels && !(q->rels & ~rr) && !q->is_volatile ? inner : on).push_back(q);
      // A constant equated with a left column holds for the right side too.
      std::vector<Qual*> all = on;
      size_t n = all.size();
      for (Qual* q : quals)
        if (q->rels && !(q->rels & ~lr)) all.push_back(q);
      size_t with_left = all.size();
      equivalence(all);
      for (size_t i = with_left; i < all.size(); i++)
        if (all[i]->rels && !(all[i]->rels & ~rr)) inner.push_back(all[i]);
      (void)n;
      for (Qual* q : all) q->eclass = -1;
      JoinItem* item = make_item(r, inner);
      item->type = type;
      item->on = on;
      for (Qual* q : on) item->min_lhs |= q->rels & lr;
      if (!item->min_lhs) item->min_lhs = lr;
      p.items.push_back(item);
      return;
    }
    case JoinType::kFull: {
      std::vector<Qual*> none, none2;
      JoinItem *l = make_item(f->left, none), *r = make_item(f->right, none2);
      for (JoinItem* i : {l, r})
        if (i->rel >= 0) {
          make_item_paths(*i);
        }
      item_store_.push_back(std::make_unique<JoinItem>());
      JoinItem* item = item_store_.back().get();
      item->rels = l->rels | r->rels;
      auto cheapest = [](const std::vector<Path*>& v) { return *std::min_element(v.begin(), v.end(), [](Path* a, Path* b) { return a->total < b->total; }); };
      Path *lp = cheapest(l->paths), *rp = cheapest(r->paths);
      Path* j = new_path(PlanKind::kHashJoin);
      j->join = JoinType::kFull;
      j->left = lp;
      j->right = rp;
      j->rels = item->rels;
      double sel = 1;
      for (Qual* q : make_quals(f->on)) {
        note_uses(q->e, item->rels);
        if (q->hashable && ((!(q->lrels & ~l->rels) && !(q->rrels & ~r->rels)) || (!(q->rrels & ~l->rels) && !(q->lrels & ~r->rels)))) j->keys.push_back(q);
        else j->join_filter.push_back(q);
        note_uses(q->e, q->rels | item->rels);
        sel *= qual_selectivity(*q);
      }
      if (j->keys.empty() && !j->join_filter.empty() && !(j->join_filter.size() == 1 && j->join_filter[0]->e->kind == ExprKind::kConst))
        throw SqlError{sqlstate::kFeatureNotSupported, "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions"};
      j->rows = item->rows = std::max({lp->rows, rp->rows, lp->rows * rp->rows * sel});
      j->startup = rp->total;
      j->total = lp->total + rp->total + (lp->rows + rp->rows) * sh_.settings.cpu_operator_cost * 2 + j->rows * sh_.settings.cpu_tuple_cost;
      j->width = lp->width + rp->width;
      item->paths.push_back(j);
      p.items.push_back(item);
      return;
    }
  }
}

JoinProblem* QueryPlanner::plan_from(FromItem* f, std::vector<Qual*> quals) {
  problem_store_.push_back(std::make_unique<JoinProblem>());
  JoinProblem* p = problem_store_.back().get();
  std::vector<Qual*> collected;
  collect(f, *p, quals);
  equivalence(quals);
  for (Qual* q : quals) {
    // A condition on an outer join's nullable side, or on a join planned on its own, is checked above it.
    RelSet with = q->rels;
    for (JoinItem* i : p->items)
      if (q->rels && !(q->rels & ~i->rels) && !(i->type == JoinType::kInner && i->rel >= 0)) with = i->rels | i->min_lhs;
    note_uses(q->e, with);
  }
  for (JoinItem* i : p->items) {
    for (Qual* q : i->on) note_uses(q->e, q->rels | i->rels);
    for (Qual* q : i->restrict) note_uses(q->e, q->rels);
  }
  for (Qual* q : quals) {
    JoinItem* home = nullptr;
    for (JoinItem* i : p->items)
      if (q->rels && !(q->rels & ~i->rels) && i->type == JoinType::kInner && i->rel >= 0) home = i;
    if (home) {
      home->restrict.push_back(q);
      continue;
    }
    p->quals.push_back(q);
    // Tested above an outer join or above a whole sub-problem: its columns have to come up to there.
    for (JoinItem* i : p->items)
      if ((q->rels & i->rels) && (i->type != JoinType::kInner || i->rel < 0)) note_uses(q->e, 0);
  }
  for (JoinItem* i : p->items) {
    if (i->rel >= 0) {
      for (Qual* q : i->restrict) note_uses(q->e, q->rels);
    }
  }
  for (JoinItem* i : p->items) {
    if (i->rel < 0) continue;
    RangeEntry* r = rt_[i->rel];
    if (r->lateral || r->kind == RteKind::kFunction || r->kind == RteKind::kValues) {
      RelSet me = i->rels, deps = 0;
      std::vector<Expr*> cols;
      auto add = [&](Expr* c) { deps |= RelSet{1} << c->rel; cols.push_back(c); };
      if (r->subquery) collect_columns_of_query(r->subquery, 1, add);
      for (Expr* e : r->functions) collect_columns(e, add);
      for (auto& row : r->values)
        for (Expr* e : row) collect_columns(e, add);
      for (Expr* c : cols) {
        Expr* own = c;
        if (c->levels_up) {   // as seen from inside the subquery
          own = arena_.make<Expr>(*c);
          own->levels_up = 0;
        }
        note_uses(own, me | deps);
      }
    }
  }
  search(*p);
  return p;
}

void QueryPlanner::join_pair(JoinProblem& p, RelSet all, SetInfo& out, const SetInfo& l, RelSet lr, const SetInfo& r, RelSet rr, JoinItem* special, JoinItem* single) {
  const PlannerSettings& ps = sh_.settings;
  JoinType type = special ? special->type : JoinType::kInner;
  std::vector<Qual*> join_quals, post;
  std::vector<int> classes;
  double sel = 1;
  if (special) join_quals = special->on;
  for (Qual* q : p.quals) {
    if ((q->rels & ~all) || (q->rels && (!(q->rels & ~lr) || !(q->rels & ~rr))) || !q->rels) continue;
    // A condition on one nullable item alone was not pushed into it: it belongs to the join that adds the item.
    if (q->eclass >= 0) {
      if (std::find(classes.begin(), classes.end(), q->eclass) != classes.end()) continue;
      classes.push_back(q->eclass);
    }
    (special ? post : join_quals).push_back(q);
  }
  for (Qual* q : p.quals)
    if (special && q->rels && !(q->rels & ~rr) && special->type == JoinType::kLeft) post.push_back(q);
  std::vector<Qual*> keys, rest;
  for (Qual* q : join_quals) {
    bool across = q->l && ((!(q->lrels & ~lr) && !(q->rrels & ~rr)) || (!(q->rrels & ~lr) && !(q->lrels & ~rr)));
    (across && q->hashable && !q->is_volatile ? keys : rest).push_back(q);
    sel *= qual_selectivity(*q);
  }
  if (out.rows == 0) {
    double lrows = l.rows, rrows = r.rows, n;
    switch (type) {
      case JoinType::kLeft: n = std::max(lrows, lrows * rrows * sel); break;
      case JoinType::kSemi: n = lrows * std::min(1.0, std::max(0.0, rrows * sel)); break;
      case JoinType::kAnti: n = lrows * std::max(0.05, 1 - std::min(1.0, rrows * sel)); break;
      default: n = lrows * rrows * sel; break;
    }
    for (Qual* q : post) n *= qual_selectivity(*q);
    out.rows = std::max(1.0, n);
  }
  double pair_filter = static_cast<double>(rest.size()) * ps.cpu_operator_cost;
  double out_cost = out.rows * ps.cpu_tuple_cost + (post.empty() ? 0 : out.rows * ps.cpu_operator_cost * static_cast<double>(post.size()));
  auto finish = [&](Path* j) {
    j->rels = all;
    j->join = type;
    j->rows = out.rows;
    j->filter = post;
    add_path(out.paths, j);
  };
  for (Path* lp : l.paths) {
    if (lp->outer) continue;
    // Nested loop with the right side driven by the left: lateral items and parameterised index scans.
    if (single) {
      std::vector<Path*> inner;
      if (single->lateral) {
        if (single->lateral & ~lr) continue;
        for (Path* ip : single->paths) inner.push_back(ip);
      } else if (single->rel >= 0) {
        std::vector<Qual*> usable = single->restrict;
        for (Qual* q : join_quals)
          if (!q->has_subquery && !q->is_volatile) usable.push_back(q);
        index_paths(*single, usable, lr, inner);
      }
      for (Path* ip : inner) {
        Path* j = new_path(PlanKind::kNestLoop);
        j->left = lp;
        j->right = ip;
        for (Qual* q : join_quals) {
          bool in_index = std::find(ip->filter.begin(), ip->filter.end(), q) != ip->filter.end();
          for (const IndexClause& c : ip->clauses) in_index |= c.source == q && !c.lossy;
          if (!in_index) j->join_filter.push_back(q);
        }
        j->startup = lp->startup + ip->startup;
        j->total = lp->total + lp->rows * ip->total + out_cost + lp->rows * ip->rows * ps.cpu_operator_cost * static_cast<double>(j->join_filter.size());
        if (type == JoinType::kSemi || type == JoinType::kAnti) j->total = lp->total + lp->rows * (ip->startup + (ip->total - ip->startup) * (ip->rows > 1 ? 0.5 : 1)) + out_cost;
        if (!ps.enable_nestloop && !single->lateral) j->total += 1e10;
        j->order = lp->order;
        j->width = lp->width + ip->width;
        finish(j);
      }
      if (single->lateral) continue;
    }
    for (Path* rp : r.paths) {
      if (rp->outer) continue;
      if (!keys.empty()) {
        Path* j = new_path(PlanKind::kHashJoin);
        j->left = lp;
        j->right = rp;
        j->keys = keys;
        j->join_filter = rest;
        double build_bytes = rp->rows * (rp->width + 24.0);
        double spill = build_bytes > ps.work_mem_bytes ? (build_bytes + lp->rows * (lp->width + 24.0)) / 8192 * ps.seq_page_cost * 2 : 0;
        j->startup = rp->total + rp->rows * ps.cpu_operator_cost * static_cast<double>(keys.size()) + lp->startup;
        j->total = rp->total + lp->total + (rp->rows * 1.5 + lp->rows) * ps.cpu_operator_cost * static_cast<double>(keys.size()) + rp->rows * ps.cpu_tuple_cost + spill + out_cost +
                   out.rows * pair_filter;
        if (!ps.enable_hashjoin) j->total += 1e10;
        j->width = lp->width + rp->width;
        finish(j);
        if (type == JoinType::kInner || type == JoinType::kLeft) {
          Path* m = new_path(PlanKind::kMergeJoin);
          m->left = lp;
          m->right = rp;
          m->keys = keys;
          m->join_filter = rest;
          double cost = 0;
          std::vector<OrderCol> lo, ro;
          for (Qual* q : keys) {
            bool fwd = !(q->lrels & ~lr);
            lo.push_back({fwd ? q->l : q->r, false, false});
            ro.push_back({fwd ? q->r : q->l, false, false});
          }
          bool same_types = true;
          for (size_t i = 0; i < lo.size(); i++) same_types &= lo[i].e->type == ro[i].e->type;
          auto sort_cost = [&](const Path* s) {
            double n = std::max(2.0, s->rows), bytes = n * (s->width + 16.0);
            return n * std::log2(n) * ps.cpu_operator_cost * 2 + (bytes > ps.work_mem_bytes ? bytes / 8192 * ps.seq_page_cost * 2 : 0);
          };
          if (!order_satisfied(lp->order, lo)) { m->sort_left = lo; cost += sort_cost(lp); }
          if (!order_satisfied(rp->order, ro)) { m->sort_right = ro; cost += sort_cost(rp); }
          m->startup = (m->sort_left.empty() ? lp->startup : lp->total) + (m->sort_right.empty() ? rp->startup : rp->total) + cost;
          m->total = lp->total + rp->total + cost + (lp->rows + rp->rows) * ps.cpu_operator_cost * static_cast<double>(keys.size()) * 2 + out_cost + out.rows * pair_filter;
          if (!ps.enable_mergejoin) m->total += 1e10;
          m->order = lo;
          m->width = lp->width + rp->width;
          if (same_types) finish(m);
        }
      }
      Path* n = new_path(PlanKind::kNestLoop);
      n->left = lp;
      n->right = rp;
      n->join_filter = join_quals;
      // The inner side is materialised: scanned once, then read from memory.
      double rescan = rp->rows * ps.cpu_operator_cost * 0.5;
      n->startup = lp->startup + rp->startup;
      n->total = lp->total + rp->total + lp->rows * rescan + lp->rows * rp->rows * (ps.cpu_tuple_cost * 0.2 + static_cast<double>(join_quals.size()) * ps.cpu_operator_cost) + out_cost;
      if (!ps.enable_nestloop) n->total += 1e10;
      n->order = lp->order;
      n->width = lp->width + rp->width;
      finish(n);
    }
  }
}

void QueryPlanner::search(JoinProblem& p) {
  int n = static_cast<int>(p.items.size());
  if (n == 0) {
    Path* r = new_path(PlanKind::kResult);
    r->rows = 1;
    r->total = 0.01;
    r->filter = p.quals;
    p.paths.push_back(r);
    return;
  }
  for (JoinItem* i : p.items) make_item_paths(*i);
  auto mask_rels = [&](uint32_t m) {
    RelSet r = 0;
    for (int i = 0; i < n; i++)
      if (m >> i & 1) r |= p.items[i]->rels;
    return r;
  };
  std::vector<Qual*> constant;
  std::vector<Qual*> per_row;
  for (Qual* q : p.quals)
    if (!q->rels) (q->is_volatile ? per_row : constant).push_back(q);
  std::unordered_map<uint32_t, SetInfo> table;
  for (int i = 0; i < n; i++) {
    SetInfo& s = table[1u << i];
    s.paths = p.items[i]->paths;
    s.rows = p.items[i]->rows;
    s.valid = p.items[i]->type == JoinType::kInner && !p.items[i]->lateral;
    // Conditions on a sub-problem (FULL join) alone.
    for (Qual* q : p.quals)
      if (p.items[i]->rel < 0 && p.items[i]->type == JoinType::kInner && q->rels && !(q->rels & ~p.items[i]->rels))
        for (Path*& path : s.paths) {
          Path* c = new_path(path->kind);
          *c = *path;
          c->filter.push_back(q);
          c->rows = std::max(1.0, c->rows * qual_selectivity(*q));
          path = c;
          s.rows = c->rows;
        }
  }
  auto connected = [&](RelSet a, RelSet b) {
    for (Qual* q : p.quals)
      if ((q->rels & a) && (q->rels & b) && !(q->rels & ~(a | b))) return true;
    return false;
  };
  auto try_join = [&](uint32_t a, uint32_t b, bool allow_cross) {
    SetInfo* sa = table.contains(a) ? &table[a] : nullptr;
    SetInfo* sb = table.contains(b) ? &table[b] : nullptr;
    if (!sa || !sb || !sa->valid) return;
    JoinItem* single = std::popcount(b) == 1 ? p.items[std::countr_zero(b)] : nullptr;
    JoinItem* special = single && single->type != JoinType::kInner ? single : nullptr;
    RelSet ra = mask_rels(a), rb = mask_rels(b);
    if (special ? (special->min_lhs & ~ra) != 0 : (!sb->valid && !(single && single->lateral && !(single->lateral & ~ra)))) return;
    if (special && special->lateral && (special->lateral & ~ra)) return;
    bool lateral = single && single->lateral;
    if (!special && !lateral && !allow_cross && !connected(ra, rb)) return;
    uint32_t s = a | b;
    SetInfo copy_a = *sa, copy_b = *sb;
    SetInfo& out = table[s];
    join_pair(p, ra | rb, out, copy_a, ra, copy_b, rb, special, single);
    out.valid |= !out.paths.empty();
  };
  uint32_t full = (n >= 32 ? 0xFFFFFFFFu : (1u << n) - 1);
  auto prune = [&](SetInfo& s) {   // keep the search small: cheapest, and the cheapest of each useful order
    if (s.paths.size() <= 6) return;
    std::sort(s.paths.begin(), s.paths.end(), [](Path* a, Path* b) { return a->total < b->total; });
    s.paths.resize(6);
  };
  if (n <= kMaxDpItems) {
    for (uint32_t s = 1; s <= full; s++) {
      if (std::popcount(s) < 2) continue;
      for (int cross = 0; cross < 2; cross++) {
        if (cross && table.contains(s) && table[s].valid) break;
        // Cross products only where nothing else gives the whole, or the pieces have no connection at all.
        if (cross && s != full) {
          bool any = false;
          RelSet rs = mask_rels(s);
          for (Qual* q : p.quals) any |= q->rels && (q->rels & rs) && std::popcount(q->rels) > 1;
          if (any && n > 4) break;
        }
        for (uint32_t a = (s - 1) & s; a; a = (a - 1) & s) try_join(a, s & ~a, cross == 1);
      }
      if (table.contains(s)) prune(table[s]);
    }
  }
  if (!table.contains(full) || !table[full].valid || table[full].paths.empty()) {
    // Greedy: repeatedly join the pair with the smallest result.
    std::vector<uint32_t> parts;
    for (int i = 0; i < n; i++) parts.push_back(1u << i);
    while (parts.size() > 1) {
      double best = -1;
      size_t bi = 0, bj = 0;
      for (int cross = 0; cross < 2 && best < 0; cross++)
        for (size_t i = 0; i < parts.size(); i++)
          for (size_t j = 0; j < parts.size(); j++) {
            if (i == j) continue;
            uint32_t s = parts[i] | parts[j];
            bool had = table.contains(s) && table[s].valid;
            if (!had) try_join(parts[i], parts[j], cross == 1);
            if (!table.contains(s) || !table[s].valid) continue;
            if (best < 0 || table[s].rows < best) { best = table[s].rows; bi = i; bj = j; }
          }
      if (best < 0) throw_internal("no join order found");
      uint32_t s = parts[bi] | parts[bj];
      prune(table[s]);
      parts.erase(parts.begin() + static_cast<long>(std::max(bi, bj)));
      parts.erase(parts.begin() + static_cast<long>(std::min(bi, bj)));
      parts.push_back(s);
    }
  }
  SetInfo& result = table[full];
  p.paths = result.paths;
  p.rows = result.rows;
  if (!per_row.empty())   // random() < 0.5
    for (Path*& path : p.paths) {
      Path* c = new_path(path->kind);
      *c = *path;
      c->filter.insert(c->filter.end(), per_row.begin(), per_row.end());
      path = c;
    }
  if (!constant.empty())
    for (Path*& path : p.paths) {
      Path* g = new_path(PlanKind::kResult);
      g->left = path;
      g->rels = path->rels;
      g->rows = path->rows;
      g->startup = path->startup;
      g->total = path->total;
      g->order = path->order;
      g->width = path->width;
      g->filter = constant;
      path = g;
    }
}

}  // namespace postern::sql
