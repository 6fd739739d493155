#include "postgres/sql/analyze/permissions.h"

#include <algorithm>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/sql/analyze/analyze.h"

namespace postern::sql {
namespace {

class Collector {
 public:
  std::vector<Permission> found;

  // `outside`: the queries around, nearest last.
  void query(const Query& q, Oid as, std::vector<const Query*>& outside) {
    for (size_t i = 0; i < q.rtable.size(); i++) {
      const RangeEntry& r = *q.rtable[i];
      const RelationDesc* rel = r.kind == RteKind::kTable ? r.relation : r.view_of;
      if (q.on_conflict && q.on_conflict->excluded_rel == static_cast<int>(i)) {   // reading EXCLUDED is reading the table
        at_[&r] = at_[q.rtable[static_cast<size_t>(q.result_rel)]];
        continue;
      }
      if (!rel) continue;
      at_[&r] = found.size();
      Permission p;
      p.relation = rel;
      p.as = as;
      if (static_cast<int>(i) == q.result_rel) target(q, p);
      else p.select = true;
      for (const RowMark& m : q.row_marks) p.update = p.update || m.rel == static_cast<int>(i);
      found.push_back(std::move(p));
    }
    outside.push_back(&q);
    expressions(q, as, outside);
    for (const RangeEntry* r : q.rtable)
      if (r->subquery) query(*r->subquery, r->view_of ? r->view_of->owner : as, outside);
    for (const Cte* c : q.ctes)
      if (c->query && (c->references || c->query->command != Command::kSelect)) query(*c->query, as, outside);   // nobody runs the others
    set_tree(q.set_tree, as, outside);
    if (q.insert_source) query(*q.insert_source, as, outside);
    outside.pop_back();
  }

 private:
  static void target(const Query& q, Permission& p) {
    p.insert = q.command == Command::kInsert;
    p.update = q.command == Command::kUpdate;
    p.del = q.command == Command::kDelete;
    auto& written = p.insert ? p.inserted : p.updated;
    written.assign(q.set_attnos.begin(), q.set_attnos.end());
    const ConflictClause* c = q.on_conflict;
    if (!c) return;
    for (const IndexDesc* i : c->arbiters)
      for (const IndexDesc::Key& k : i->keys)
        if (k.attno > 0) select(p, k.attno);
    if (!c->do_update) return;
    p.update = true;
    p.updated.assign(c->set_attnos.begin(), c->set_attnos.end());
  }

  static void select(Permission& p, int16_t attno) {
    p.select = true;
    if (std::find(p.selected.begin(), p.selected.end(), attno) == p.selected.end()) p.selected.push_back(attno);
  }

  void set_tree(const SetTree* t, Oid as, std::vector<const Query*>& outside) {
    if (!t) return;
    if (t->query) query(*t->query, as, outside);
    set_tree(t->left, as, outside);
    set_tree(t->right, as, outside);
  }

  void expressions(const Query& q, Oid as, std::vector<const Query*>& outside) {
    auto one = [&](const Expr* e) { expression(e, as, outside); };
    auto sorted = [&](std::span<const SortKey> keys) { for (const SortKey& k : keys) one(k.expr); };
    auto targets = [&](std::span<const Target> list) { for (const Target& t : list) one(t.expr); };
    if (!q.set_tree) targets(q.targets);   // of a set operation they only name its columns
    targets(q.returning);
    one(q.where);
    for (const Expr* e : q.group_by) one(e);
    one(q.having);
    for (const Expr* e : q.distinct_on) one(e);
    if (!q.set_tree) sorted(q.order_by);
    one(q.limit);
    one(q.offset);
    for (const WindowDef& w : q.windows) {
      for (const Expr* e : w.partition) one(e);
      sorted(w.order);
    }
    join_conditions(q.from, as, outside);
    for (const RangeEntry* r : q.rtable) {
      for (const Expr* e : r->functions) one(e);
      for (auto row : r->values)
        for (const Expr* e : row) one(e);
    }
    if (q.on_conflict) {
      targets(q.on_conflict->set);
      one(q.on_conflict->where);
    }
  }

  void join_conditions(const FromItem* f, Oid as, std::vector<const Query*>& outside) {
    if (!f || !f->is_join) return;
    expression(f->on, as, outside);
    join_conditions(f->left, as, outside);
    join_conditions(f->right, as, outside);
  }

  void expression(const Expr* e, Oid as, std::vector<const Query*>& outside) {
    if (!e) return;
    if (e->kind == ExprKind::kColumn) {
      size_t up = static_cast<size_t>(e->levels_up);
      if (up >= outside.size()) return;
      const Query& q = *outside[outside.size() - 1 - up];
      if (e->rel < 0 || static_cast<size_t>(e->rel) >= q.rtable.size()) return;
      if (auto it = at_.find(q.rtable[static_cast<size_t>(e->rel)]); it != at_.end()) select(found[it->second], e->attno);
    }
    for_each_child(*e, [&](Expr* child) { expression(child, as, outside); });
    if (e->kind == ExprKind::kSubquery && e->subquery) query(*e->subquery, as, outside);
  }

  std::unordered_map<const RangeEntry*, size_t> at_;
};

// A right over the whole relation, or over each of the columns (any one of them when none is named).
bool allowed(const Permission& p, Oid role, char letter, const std::vector<int16_t>& columns) {
  if (catalog::has_relation_privilege(role, p.relation->oid, letter)) return true;
  std::vector<int16_t> wanted = columns;
  bool whole = std::find(wanted.begin(), wanted.end(), 0) != wanted.end(), any = wanted.empty();
  if (whole || any) {
    wanted.clear();
    for (int16_t i = 1; i <= p.relation->natts(); i++)
      if (!p.relation->attrs[static_cast<size_t>(i - 1)].dropped) wanted.push_back(i);
  }
  auto has = [&](int16_t attno) { return catalog::has_column_privilege(role, p.relation->oid, attno, letter); };
  return any ? std::any_of(wanted.begin(), wanted.end(), has) : !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), has);
}

}  // namespace

std::vector<Permission> permissions(const Query& q) {
  Collector c;
  std::vector<const Query*> outside;
  c.query(q, kInvalidOid, outside);
  return std::move(c.found);
}

void check_permissions(std::span<const Permission> needed, Oid user) {
  for (const Permission& p : needed) {
    Oid role = p.as == kInvalidOid ? user : p.as;
    bool good = (!p.select || allowed(p, role, 'r', p.selected)) && (!p.insert || allowed(p, role, 'a', p.inserted)) && (!p.update || allowed(p, role, 'w', p.updated)) &&
                (!p.del || catalog::has_relation_privilege(role, p.relation->oid, 'd'));
    if (good) continue;
    const char* kind = p.relation->kind == 'v' ? "view" : p.relation->kind == 'S' ? "sequence" : p.relation->kind == 'm' ? "materialized view" : "table";
    throw SqlError{sqlstate::kInsufficientPrivilege, cat("permission denied for ", kind, " ", p.relation->name)};
  }
}

}  // namespace postern::sql
