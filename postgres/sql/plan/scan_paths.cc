// Ways to read one base relation: sequential, by index (also ordered only, index-only, parameterised by other relations), by tid; and
// the other kinds of range entries (subqueries, functions, VALUES, CTEs). Costs follow PostgreSQL's model.
#include <algorithm>
#include <cmath>

#include "postgres/sql/analyze/analyze.h"
#include "postgres/sql/plan/planner_internal.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/type_info.h"

namespace postern::sql {

namespace {

int type_width(Oid type, int32_t typmod) {
  const TypeInfo* t = find_type(type);
  if (t && t->len > 0) return t->len;
  if (typmod > 4 && typmod < 1000) return typmod / 2 + 4;
  return 32;
}

// Pages fetched by n random tuple lookups in a relation of `pages` pages (Mackert and Lohman, as in PostgreSQL's manual of costs).
double pages_fetched(double n, double pages) {
  pages = std::max(1.0, pages);
  return std::min(pages, 2 * pages * n / (2 * pages + n));
}

bool int_family(Oid t) { return t == oid::kInt2 || t == oid::kInt4 || t == oid::kInt8; }
bool text_family(Oid t) { return t == oid::kText || t == oid::kVarchar || t == oid::kName || t == oid::kUnknown; }

// May a value of type `value` be compared with an index key of type `key` by the key's own ordering?
bool key_compatible(Oid key, Oid value) { return key == value || (int_family(key) && int_family(value)) || (text_family(key) && text_family(value)); }

bool strategy_of(std::string_view name, btree::Strategy* s) {
  if (name == "=") *s = btree::Strategy::kEqual;
  else if (name == "<") *s = btree::Strategy::kLess;
  else if (name == "<=") *s = btree::Strategy::kLessEqual;
  else if (name == ">") *s = btree::Strategy::kGreater;
  else if (name == ">=") *s = btree::Strategy::kGreaterEqual;
  else return false;
  return true;
}
btree::Strategy commute(btree::Strategy s) {
  switch (s) {
    case btree::Strategy::kLess: return btree::Strategy::kGreater;
    case btree::Strategy::kLessEqual: return btree::Strategy::kGreaterEqual;
    case btree::Strategy::kGreater: return btree::Strategy::kLess;
    case btree::Strategy::kGreaterEqual: return btree::Strategy::kLessEqual;
    default: return s;
  }
}

bool same_order(const std::vector<OrderCol>& a, const std::vector<OrderCol>& b) {   // b is a prefix of a
  if (b.size() > a.size()) return false;
  for (size_t i = 0; i < b.size(); i++)
    if (!equal_expr(a[i].e, b[i].e) || a[i].desc != b[i].desc || a[i].nulls_first != b[i].nulls_first) return false;
  return true;
}

}  // namespace

void QueryPlanner::add_path(std::vector<Path*>& paths, Path* p) {
  for (Path* o : paths)
    if (o->outer == p->outer && o->total <= p->total * 1.0000001 && o->startup <= p->startup * 1.01 + 1e-9 && same_order(o->order, p->order)) return;
  std::erase_if(paths, [&](Path* o) {
    return o->outer == p->outer && p->total <= o->total && p->startup <= o->startup * 1.01 + 1e-9 && same_order(p->order, o->order);
  });
  paths.push_back(p);
}

QueryPlanner::BaseInfo& QueryPlanner::base_info(int rel) {
  BaseInfo& b = base_[rel];
  if (b.ready) return b;
  b.ready = true;
  RangeEntry* r = rt_[rel];
  b.width = 0;
  for (size_t i = 0; i < r->types.size(); i++) b.width += type_width(r->types[i], i < r->typmods.size() ? r->typmods[i] : -1);
  if (r->kind == RteKind::kTable) {
    auto s = catalog::size_estimate(*r->relation);
    b.pages = std::max(0.0, s.pages);
    b.tuples = std::max(0.0, s.rows);
    b.visible = s.all_visible_fraction;
  } else if (r->kind == RteKind::kValues) {
    b.tuples = static_cast<double>(r->values.size());
  } else if (r->kind == RteKind::kFunction) {
    b.tuples = 1;
    for (Expr* f : r->functions) {
      const facts::ProcFact* p = f->kind == ExprKind::kSetFunc || f->kind == ExprKind::kFunc ? facts::find_proc(f->fn) : nullptr;
      double n = p && p->retset ? std::max(1.0f, p->rows) : 1;
      std::string_view name = p ? p->name() : std::string_view{};
      if (name == "generate_series" && f->args.size() >= 2 && f->args[0]->kind == ExprKind::kConst && f->args[1]->kind == ExprKind::kConst &&
          !f->args[0]->null && !f->args[1]->null && int_family(f->args[0]->type)) {
        double step = f->args.size() > 2 && f->args[2]->kind == ExprKind::kConst && !f->args[2]->null ? static_cast<double>(as_int8(f->args[2]->value)) : 1;
        if (step != 0) n = std::max(1.0, std::floor((static_cast<double>(as_int8(f->args[1]->value)) - static_cast<double>(as_int8(f->args[0]->value))) / step) + 1);
      }
      b.tuples = std::max(b.tuples, n);
    }
  }
  return b;
}

bool QueryPlanner::index_covers(const IndexDesc& index, int rel) {
  for (const Use& u : uses_) {
    if (u.rel != rel) continue;
    if (u.attno <= 0) return false;
    bool found = false;
    for (const auto& k : index.keys) found |= k.attno == u.attno;
    if (!found) return false;
  }
  return true;
}

namespace {
// Moves an expression over range entry 0 to another one.
class ToRel : public Mutator {
 public:
  ToRel(Arena& arena, int rel) : Mutator(arena), rel_(rel) {}

 protected:
  Expr* pre(Expr* e, int) override {
    if (e->kind != ExprKind::kColumn) return nullptr;
    Expr* c = arena_.make<Expr>(*e);
    c->rel = rel_;
    return c;
  }

 private:
  int rel_;
};

// column <op> constant, turned so that the column is on the left.
bool simple_comparison(Expr* e, Expr** column, btree::Strategy* s, Expr** value) {
  if (e->kind != ExprKind::kFunc || e->args.size() != 2 || !raw(e->oper)) return false;
  const facts::OperFact* op = facts::find_oper(e->oper);
  if (!op || !strategy_of(op->name(), s)) return false;
  int side = e->args[1]->kind == ExprKind::kConst ? 0 : 1;
  *column = e->args[side];
  *value = e->args[1 - side];
  if (side) *s = commute(*s);
  return (*value)->kind == ExprKind::kConst && !(*value)->null;
}
}  // namespace

const QueryPlanner::IndexExprs& QueryPlanner::index_exprs(const IndexDesc& index, int rel) {
  for (auto& [key, x] : index_exprs_)
    if (key == std::pair(&index, rel)) return *x;
  auto x = std::make_unique<IndexExprs>();
  const RelationDesc* table = rt_[rel]->relation;
  auto bound = [&](std::string_view text, Oid type) { return fold(ToRel(arena_, rel).expr(analyze_expression(text, table, type, -1, arena_)), {}, sh_.cx, arena_); };
  std::string_view texts = index.expressions;
  for (const IndexDesc::Key& k : index.keys) {
    x->keys.push_back(nullptr);
    if (k.attno) continue;
    size_t end = texts.find('\x01');
    x->keys.back() = bound(texts.substr(0, end), Oid{0});
    texts = end == std::string_view::npos ? std::string_view{} : texts.substr(end + 1);
  }
  if (!index.predicate.empty()) split_and(bound(index.predicate, oid::kBool), x->predicate);
  index_exprs_.emplace_back(std::pair(&index, rel), std::move(x));
  return *index_exprs_.back().second;
}

// Do the conditions make sure that the predicate is true? Only simple proofs: the same condition, a comparison of the same column with a constant
// further inside, IS NOT NULL of a column that a strict condition tests, one arm of an OR.
bool QueryPlanner::implied(Expr* predicate, const std::vector<Qual*>& quals) {
  if (predicate->kind == ExprKind::kAnd) return std::all_of(predicate->args.begin(), predicate->args.end(), [&](Expr* p) { return implied(p, quals); });
  if (predicate->kind == ExprKind::kConst) return !predicate->null && predicate->value;
  for (const Qual* q : quals)
    if (equal_expr(q->e, predicate)) return true;
  if (predicate->kind == ExprKind::kOr) return std::any_of(predicate->args.begin(), predicate->args.end(), [&](Expr* p) { return implied(p, quals); });
  if (predicate->kind == ExprKind::kIsNotNull) {
    for (const Qual* q : quals) {
      Expr* e = q->e;
      bool strict = (e->kind == ExprKind::kFunc && is_strict_fn(e->fn)) || e->kind == ExprKind::kAnyArray;
      if (strict && !e->args.empty() && (equal_expr(strip_relabel(e->args[0]), predicate->args[0]) || (e->args.size() == 2 && equal_expr(strip_relabel(e->args[1]), predicate->args[0])))) return true;
    }
    return false;
  }
  Expr *column, *limit, *c2, *value;
  btree::Strategy want, have;
  using enum btree::Strategy;
  if (!simple_comparison(predicate, &column, &want, &limit)) return false;
  FnContext cx = sh_.cx;
  cx.arena = &arena_;
  for (const Qual* q : quals) {
    if (!simple_comparison(q->e, &c2, &have, &value) || !equal_expr(strip_relabel(column), strip_relabel(c2)) || value->type != limit->type) continue;
    int c = compare_datums(cx, type_info(value->type), value->value, limit->value);
    bool lower = want == kGreater || want == kGreaterEqual;
    int inside = lower ? c : -c;   // > 0: strictly inside
    if (have == kEqual) {
      if (want == kEqual ? c == 0 : inside > 0 || (inside == 0 && (want == kGreaterEqual || want == kLessEqual))) return true;
      continue;
    }
    if (want == kEqual || lower != (have == kGreater || have == kGreaterEqual)) continue;
    bool open = have == kGreater || have == kLess, open_wanted = want == kGreater || want == kLess;
    if (inside > 0 || (inside == 0 && (open || !open_wanted))) return true;
  }
  return false;
}

// What key k of the index is: a column of range entry rel, or its expression.
Expr* QueryPlanner::index_key_column(const IndexDesc& index, int rel, size_t k) {
  int16_t attno = index.keys[k].attno;
  if (attno <= 0) return index_exprs(index, rel).keys[k];
  Expr* col = arena_.make<Expr>(Expr{.kind = ExprKind::kColumn});
  RangeEntry* r = rt_[rel];
  col->rel = rel;
  col->attno = attno;
  col->type = r->types[attno - 1];
  col->typmod = r->typmods.empty() ? -1 : r->typmods[attno - 1];
  col->collation = r->collations.empty() ? Oid{0} : r->collations[attno - 1];
  col->name = r->columns[attno - 1];
  return col;
}

bool QueryPlanner::match_index(const IndexDesc& index, int rel, const std::vector<Qual*>& quals, RelSet outer, std::vector<IndexClause>& clauses) {
  RelSet me = RelSet{1} << rel;
  auto is_key = [&](Expr* e, size_t k) {
    Expr* c = strip_relabel(e);
    if (index.keys[k].attno <= 0) return c->kind != ExprKind::kConst && equal_expr(c, strip_relabel(index_exprs(index, rel).keys[k]));
    return c->kind == ExprKind::kColumn && c->levels_up == 0 && c->rel == rel && c->attno == index.keys[k].attno;
  };
  auto usable = [&](Expr* v) {
    ExprFacts f = facts_of(v);
    return !(f.rels & me) && !(f.rels & ~outer) && !f.is_volatile && !f.has_agg && !(f.has_subquery && f.rels);
  };
  for (size_t k = 0; k < index.keys.size(); k++) {
    Oid key_type = index.keys[k].type;
    bool have_eq = false;
    size_t before = clauses.size();
    for (int pass = 0; pass < 2 && !have_eq; pass++) {   // equalities first
      for (Qual* q : quals) {
        Expr* e = q->e;
        IndexClause c{static_cast<int16_t>(k), btree::Strategy::kEqual};
        c.source = q;
        if (e->kind == ExprKind::kFunc && e->args.size() == 2 && raw(e->oper)) {
          const facts::OperFact* op = facts::find_oper(e->oper);
          if (!op) continue;
          if (pass == 1 && op->name() == "~~" && is_key(e->args[0], k) && text_family(key_type) && e->args[1]->kind == ExprKind::kConst && !e->args[1]->null) {
            // LIKE 'abc%': a range over the fixed prefix; the pattern stays as a filter.
            std::string prefix;
            for (char ch : as_view(e->args[1]->value)) {
              if (ch == '%' || ch == '_' || ch == '\\') break;
              prefix += ch;
            }
            if (prefix.empty()) continue;
            c.lossy = true;
            c.strategy = btree::Strategy::kGreaterEqual;
            c.value = make_const(arena_, oid::kText, make_bytes(arena_, prefix), false);
            clauses.push_back(c);
            while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
            if (!prefix.empty()) {
              prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
              c.strategy = btree::Strategy::kLess;
              c.value = make_const(arena_, oid::kText, make_bytes(arena_, prefix), false);
              clauses.push_back(c);
            }
            continue;
          }
          btree::Strategy s;
          if (!strategy_of(op->name(), &s)) continue;
          Expr* value = nullptr;
          if (is_key(e->args[0], k) && usable(e->args[1])) value = e->args[1];
          else if (is_key(e->args[1], k) && usable(e->args[0])) {
            value = e->args[0];
            s = commute(s);
          } else continue;
          if (!key_compatible(key_type, value->type)) continue;
          if ((s == btree::Strategy::kEqual) != (pass == 0)) continue;
          c.strategy = s;
          c.value = value;
          clauses.push_back(c);
          if (pass == 0) { have_eq = true; break; }
        } else if (pass == 0 && e->kind == ExprKind::kAnyArray && is_key(e->args[0], k) && usable(e->args[1])) {
          const facts::ProcFact* p = facts::find_proc(e->fn);
          const facts::OperFact* op = nullptr;
          for (const facts::OperFact& o : facts::opers_named("="))
            if (p && o.code == p->oid) op = &o;
          if (!op || !key_compatible(key_type, Oid{op->right}) || clauses.size() > before) continue;
          const TypeInfo* at = find_type(e->args[1]->type);
          if (!at || !key_compatible(key_type, at->elem)) continue;
          c.any_array = true;
          c.value = e->args[1];
          clauses.push_back(c);
          have_eq = true;
          break;
        } else if (pass == 0 && e->kind == ExprKind::kIsNull && is_key(e->args[0], k)) {
          c.null_test = 1;
          clauses.push_back(c);
          have_eq = true;
          break;
        } else if (pass == 1 && e->kind == ExprKind::kIsNotNull && is_key(e->args[0], k)) {
          c.strategy = btree::Strategy::kGreater;
          c.null_test = 2;
          clauses.push_back(c);
        } else if (pass == 0 && key_type == oid::kBool && (is_key(e, k) || (e->kind == ExprKind::kNot && is_key(e->args[0], k)))) {
          c.value = make_bool(arena_, e->kind != ExprKind::kNot);
          clauses.push_back(c);
          have_eq = true;
          break;
        }
      }
    }
    if (clauses.size() == before) break;   // columns after a gap do not narrow the scan
    if (!have_eq) break;
  }
  return !clauses.empty();
}

Path* QueryPlanner::index_path(JoinItem& item, const IndexDesc& index, std::vector<IndexClause> clauses, const std::vector<Qual*>& quals, RelSet outer, bool backward) {
  const PlannerSettings& ps = sh_.settings;
  BaseInfo& b = base_info(item.rel);
  Path* p = new_path(PlanKind::kIndexScan);
  p->rel = item.rel;
  p->rels = item.rels;
  p->outer = outer;
  p->index = &index;
  p->backward = backward;
  bool all_eq = true;
  size_t eq_columns = 0;
  std::vector<Qual*> used, rest;
  for (const IndexClause& c : clauses) {
    if (c.source && std::find(used.begin(), used.end(), c.source) == used.end()) used.push_back(c.source);
    if (c.strategy == btree::Strategy::kEqual && !c.any_array && !c.null_test) eq_columns = std::max<size_t>(eq_columns, c.column + 1);
    else all_eq = false;
  }
  const std::vector<Expr*>& predicate = index_exprs(index, item.rel).predicate;
  auto guaranteed = [&](Qual* q) { return std::any_of(predicate.begin(), predicate.end(), [&](Expr* e) { return equal_expr(e, q->e); }); };
  bool plain_read = q_->command == Command::kSelect && q_->row_marks.empty();   // else a newer version of the row may have to be tested
  for (Qual* q : quals) {
    bool exact = false;
    for (const IndexClause& c : clauses) exact |= c.source == q && !c.lossy;
    bool in_predicate = guaranteed(q);
    if (!exact && !(in_predicate && plain_read)) p->filter.push_back(q);
    if (std::find(used.begin(), used.end(), q) != used.end()) continue;
    (in_predicate ? used : rest).push_back(q);
  }
  double index_sel = conjunction_selectivity(used), sel = conjunction_selectivity(rest);
  if (!predicate.empty()) {   // the index holds only the rows of its predicate
    double share = conjunction_selectivity(std::span<Expr* const>(predicate));
    if (used.empty() || index_sel > share) index_sel = share;
  }
  double fetched = b.tuples * index_sel;
  if (index.unique && all_eq && eq_columns == index.keys.size()) fetched = std::min(fetched, 1.0);
  if (!clauses.empty() && fetched < 1) fetched = 1;
  p->rows = std::max(1.0, fetched * sel);
  if (index.unique && all_eq && eq_columns == index.keys.size()) p->rows = 1;
  bool only = ps.enable_indexonlyscan && index.expressions.empty() && index_covers(index, item.rel);
  if (only) p->kind = PlanKind::kIndexOnlyScan;
  double index_pages = std::max(1.0, static_cast<double>(raw(buffer::page_count(index.file, Fork::kMain))));
  double in_index = index.predicate.empty() ? b.tuples : std::max(1.0, b.tuples * conjunction_selectivity(std::span<Expr* const>(predicate)));
  double leaf = std::max(1.0, std::ceil(index_pages * std::min(1.0, fetched / std::max(1.0, in_index))));
  double height = std::max(1.0, std::log2(std::max(2.0, b.tuples)));
  double correlation = 0;
  if (!index.keys.empty() && index.keys[0].attno > 0)
    if (auto s = catalog::column_stats(rt_[item.rel]->relation->oid, index.keys[0].attno)) correlation = s->correlation;
  double max_pages = pages_fetched(fetched, b.pages), min_pages = std::min(max_pages, std::ceil(fetched / std::max(1.0, b.tuples) * b.pages));
  double max_io = max_pages * ps.random_page_cost, min_io = std::max(1.0, min_pages) > 1 ? ps.random_page_cost + (min_pages - 1) * ps.seq_page_cost : ps.random_page_cost;
  if (outer) max_io *= 0.25, min_io *= 0.25;   // repeated lookups find most pages cached
  double c2 = correlation * correlation;
  double heap_io = max_io + c2 * (std::min(min_io, max_io) - max_io);
  if (only) heap_io *= 1 - b.visible;
  p->startup = height * ps.cpu_operator_cost + 50 * ps.cpu_operator_cost;
  double filter_cost = static_cast<double>(p->filter.size()) * ps.cpu_operator_cost;
  for (Qual* q : p->filter) if (q->has_subquery) filter_cost += 10;
  p->fetched = fetched;
  p->index_cost = leaf * ps.random_page_cost * (outer ? 0.25 : 1) + fetched * (ps.cpu_index_tuple_cost + ps.cpu_operator_cost * static_cast<double>(clauses.size()));
  p->total = p->startup + p->index_cost + heap_io + fetched * (ps.cpu_tuple_cost + filter_cost);
  p->width = b.width;
  for (size_t k = 0; k < index.keys.size(); k++) {
    const auto& key = index.keys[k];
    bool fixed = false, any = false;
    for (const IndexClause& c : clauses) {
      if (c.column != static_cast<int16_t>(k)) continue;
      if (c.any_array) any = true;
      else if (c.strategy == btree::Strategy::kEqual) fixed = true;
    }
    if (any) break;    // several scans: no order beyond here
    if (fixed) continue;
    Expr* col = index_key_column(index, item.rel, k);
    p->order.push_back({col, key.desc != backward, key.nulls_first != backward});
  }
  for (const IndexClause& c : clauses)
    if (c.any_array) p->order.clear();
  p->clauses = std::move(clauses);
  return p;
}

void QueryPlanner::index_paths(JoinItem& item, const std::vector<Qual*>& quals, RelSet outer, std::vector<Path*>& out) {
  if (item.rel < 0 || rt_[item.rel]->kind != RteKind::kTable || !sh_.settings.enable_indexscan) return;
  for (const IndexDesc& index : rt_[item.rel]->relation->indexes) {
    if (!index.valid || index.keys.empty()) continue;
    if (!index.predicate.empty()) {
      const std::vector<Expr*>& predicate = index_exprs(index, item.rel).predicate;
      if (!std::all_of(predicate.begin(), predicate.end(), [&](Expr* p) { return implied(p, item.restrict); })) continue;
    }
    std::vector<IndexClause> clauses;
    bool matched = match_index(index, item.rel, quals, outer, clauses);
    if (outer) {
      // Only interesting if it uses a value from outside.
      bool uses = false;
      for (const IndexClause& c : clauses) uses |= c.value && facts_of(c.value).rels != 0;
      if (!uses) continue;
      out.push_back(index_path(item, index, std::move(clauses), quals, outer, false));
      continue;
    }
    bool only = sh_.settings.enable_indexonlyscan && index.expressions.empty() && index_covers(index, item.rel);
    if (!matched && !only && index.predicate.empty() && q_->order_by.empty() && q_->group_by.empty() && !q_->distinct) continue;
    add_path(out, index_path(item, index, clauses, quals, 0, false));
    if (!q_->order_by.empty()) add_path(out, index_path(item, index, std::move(clauses), quals, 0, true));
  }
}

// Index scans whose rows are sorted by their place before the table is read: one index with all its conditions, or for an OR one index for each arm.
void QueryPlanner::bitmap_paths(JoinItem& item) {
  const PlannerSettings& ps = sh_.settings;
  if (!ps.enable_bitmapscan) return;
  BaseInfo& b = base_info(item.rel);
  // The cheapest way to get the tids for these conditions.
  auto best_index = [&](const std::vector<Qual*>& quals) {
    Path* best = nullptr;
    for (const IndexDesc& index : rt_[item.rel]->relation->indexes) {
      if (!index.valid || index.keys.empty()) continue;
      const std::vector<Expr*>& predicate = index_exprs(index, item.rel).predicate;
      if (!std::all_of(predicate.begin(), predicate.end(), [&](Expr* p) { return implied(p, quals); })) continue;
      std::vector<IndexClause> clauses;
      if (!match_index(index, item.rel, quals, 0, clauses)) continue;
      Path* p = index_path(item, index, std::move(clauses), quals, 0, false);
      p->kind = PlanKind::kBitmapIndexScan;
      p->total = p->startup + p->index_cost;
      p->rows = std::max(1.0, p->fetched);
      p->order.clear();
      if (!best || p->total + p->rows * ps.cpu_tuple_cost < best->total + best->rows * ps.cpu_tuple_cost) best = p;
    }
    return best;
  };
  auto add = [&](const std::vector<const Path*>& parts, std::vector<Qual*> filter, std::vector<Qual*> recheck) {
    Path* p = new_path(PlanKind::kBitmapHeapScan);
    p->rel = item.rel;
    p->rels = item.rels;
    double tids = 0;
    for (const Path* part : parts) {
      p->startup += part->total + part->rows * ps.cpu_operator_cost * 0.1;
      tids += part->rows;
    }
    tids = std::min(tids, std::max(1.0, b.tuples));
    double pages = pages_fetched(tids, b.pages), per_page = ps.random_page_cost;
    if (pages >= 2) per_page -= (ps.random_page_cost - ps.seq_page_cost) * std::sqrt(pages / std::max(pages, b.pages));
    double filter_cost = static_cast<double>(filter.size() + recheck.size()) * ps.cpu_operator_cost;
    for (Qual* q : filter) filter_cost += q->has_subquery ? 10 : 0;
    p->rows = item.rows;
    p->total = p->startup + pages * per_page + tids * (ps.cpu_tuple_cost + filter_cost);
    p->width = b.width;
    p->parts = parts;
    p->filter = std::move(filter);
    p->recheck = std::move(recheck);
    add_path(item.paths, p);
  };
  if (Path* one = item.rows > 2 ? best_index(item.restrict) : nullptr) {   // for single rows there is nothing to sort
    std::vector<Qual*> recheck;
    for (const IndexClause& c : one->clauses)
      if (std::find(recheck.begin(), recheck.end(), c.source) == recheck.end()) recheck.push_back(c.source);
    add({one}, one->filter, recheck);
  }
  for (Qual* q : item.restrict) {
    if (q->e->kind != ExprKind::kOr || q->has_subquery || q->is_volatile) continue;
    std::vector<const Path*> parts;
    bool exact = true;
    for (Expr* arm : q->e->args) {
      Path* p = best_index(make_quals(arm));
      if (!p) break;
      exact &= p->filter.empty();
      parts.push_back(p);
    }
    if (parts.size() != q->e->args.size()) continue;
    std::vector<Qual*> filter;
    for (Qual* o : item.restrict)
      if (o != q || !exact) filter.push_back(o);
    add(parts, filter, {q});
  }
}

void QueryPlanner::make_item_paths(JoinItem& item) {
  if (item.rel < 0) return;   // planned already
  const PlannerSettings& ps = sh_.settings;
  RangeEntry* r = rt_[item.rel];
  BaseInfo& b = base_info(item.rel);
  PlanKind kind = PlanKind::kSeqScan;
  item.lateral = 0;
  auto lateral_of = [&](Expr* e) { item.lateral |= facts_of(e).rels; };
  double startup = 0, total = 0;
  switch (r->kind) {
    case RteKind::kTable:
      total = b.pages * ps.seq_page_cost + b.tuples * ps.cpu_tuple_cost;
      if (!ps.enable_seqscan) total += 1e10;
      break;
    case RteKind::kSubquery: {
      kind = PlanKind::kSubqueryScan;
      collect_columns_of_query(r->subquery, 1, [&](Expr* c) { item.lateral |= RelSet{1} << c->rel; });
      owned_.push_back(std::make_unique<QueryPlanner>(sh_, this, r->subquery));
      QueryPlanner* sub = owned_.back().get();
      auto* saved = collecting;
      collecting = &lateral_params_[item.rel];
      Plan* plan = sub->run();
      collecting = saved;
      sub_planners_[item.rel] = sub;
      sub_plans_[item.rel] = plan;
      b.tuples = plan->rows;
      startup = plan->startup_cost;
      total = plan->total_cost + plan->rows * ps.cpu_tuple_cost * 0.1;
      break;
    }
    case RteKind::kFunction:
      kind = PlanKind::kFunctionScan;
      for (Expr* f : r->functions) lateral_of(f);
      total = b.tuples * ps.cpu_tuple_cost;
      break;
    case RteKind::kValues:
      kind = PlanKind::kValuesScan;
      for (auto& row : r->values)
        for (Expr* e : row) lateral_of(e);
      total = b.tuples * ps.cpu_tuple_cost;
      break;
    case RteKind::kCte: {
      kind = PlanKind::kCteScan;
      int index = -1;
      Plan* plan = cte_plan(r->cte, &index);
      if (!plan) {                    // inside its own recursive term
        kind = PlanKind::kWorkTableScan;
        b.tuples = 100;
      } else {
        b.tuples = plan->rows;
      }
      total = b.tuples * ps.cpu_tuple_cost;
      break;
    }
    case RteKind::kResult: kind = PlanKind::kResult; b.tuples = 1; break;
  }
  double sel = conjunction_selectivity(item.restrict), filter_cost = 0;
  for (Qual* q : item.restrict) {
    filter_cost += ps.cpu_operator_cost + (q->has_subquery ? 10 : 0);
  }
  item.rows = std::max(1.0, b.tuples * sel);
  Path* p = new_path(kind);
  p->rel = item.rel;
  p->rels = item.rels;
  p->outer = item.lateral;
  p->rows = item.rows;
  p->startup = startup;
  p->total = total + b.tuples * filter_cost;
  p->filter = item.restrict;
  p->width = b.width;
  add_path(item.paths, p);
  if (r->kind != RteKind::kTable) return;
  index_paths(item, item.restrict, 0, item.paths);
  for (Path* o : item.paths)
    if (o->kind != PlanKind::kSeqScan && o->rows < item.rows && !o->clauses.empty()) item.rows = std::min(item.rows, o->rows);
  for (Path* o : item.paths) o->rows = item.rows;
  bitmap_paths(item);
  // ctid = value
  if (ps.enable_tidscan)
    for (Qual* q : item.restrict) {
      Expr* e = q->e;
      if (e->kind != ExprKind::kFunc || e->args.size() != 2 || e->name != "=") continue;
      for (int side = 0; side < 2; side++) {
        Expr *c = e->args[side], *v = e->args[1 - side];
        if (c->kind != ExprKind::kColumn || c->attno != -1 || c->levels_up || c->rel != item.rel) continue;
        ExprFacts f = facts_of(v);
        if (f.rels || f.is_volatile) continue;
        Path* t = new_path(PlanKind::kTidScan);
        t->rel = item.rel;
        t->rels = item.rels;
        t->rows = 1;
        t->total = ps.random_page_cost + ps.cpu_tuple_cost;
        t->tid = v;
        for (Qual* o : item.restrict)
          if (o != q) t->filter.push_back(o);
        t->width = b.width;
        add_path(item.paths, t);
        return;
      }
    }
}

}  // namespace postern::sql
