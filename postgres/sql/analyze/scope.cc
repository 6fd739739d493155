// Names in scope: columns, tables, whole rows, and the errors for those that are not.
#include <algorithm>

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {
namespace {

struct SystemColumn { std::string_view name; int attno; Oid type; };
const SystemColumn kSystemColumns[] = {{"ctid", -1, oid::kTid}, {"xmin", -2, oid::kXid}, {"cmin", -3, oid::kCid}, {"xmax", -4, oid::kXid}, {"cmax", -5, oid::kCid}, {"tableoid", -6, oid::kOid}};

// Small edit distance for hints: enough to tell near misses.
int distance(std::string_view a, std::string_view b) {
  constexpr size_t kMax = 64;
  if (a.size() >= kMax || b.size() >= kMax) return 99;
  int prev[kMax], cur[kMax];
  for (size_t j = 0; j <= b.size(); j++) prev[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); i++) {
    cur[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); j++) cur[j] = std::min({prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (a[i - 1] != b[j - 1])});
    std::copy(cur, cur + b.size() + 1, prev);
  }
  return prev[b.size()];
}

}  // namespace

int Analyzer::system_attno(std::string_view name) {
  for (const SystemColumn& c : kSystemColumns) if (c.name == name) return c.attno;
  return 0;
}

void Analyzer::check_lateral(const NsItem& item, int position) {
  if (!item.lateral_only || item.lateral_ok) return;
  throw SqlError{sqlstate::kInvalidColumnReference, cat("invalid reference to FROM-clause entry for table \"", item.alias, "\""), "The combining JOIN type must be INNER or LEFT for a LATERAL reference.", "", position};
}

// The item's column of that name, null if none.
Expr* Analyzer::item_column(State& st, const NsItem& item, std::string_view name, int levels_up, int position) {
  if (!item.rte) {
    Expr* found = nullptr;
    for (const JoinColumn& c : item.join) {
      if (c.name != name) continue;
      if (found) throw SqlError{sqlstate::kAmbiguousColumn, cat("column reference \"", name, "\" is ambiguous"), "", "", position};
      found = c.expr;
    }
    if (!found) return nullptr;
    Expr* e = copy_expr(found, levels_up);
    e->position = position;
    return e;
  }
  int attno = 0;
  auto cols = item.rte->columns;
  for (size_t i = 0; i < cols.size(); i++) {
    if (cols[i] != name || cols[i].empty()) continue;
    if (attno) throw SqlError{sqlstate::kAmbiguousColumn, cat("column reference \"", name, "\" is ambiguous"), "", "", position};
    attno = static_cast<int>(i) + 1;
  }
  if (attno) return column(*item.rte, item.rel, attno, levels_up, position);
  if (item.rte->kind == RteKind::kTable && st.clause != Clause::kIndexExpr) {
    for (const SystemColumn& c : kSystemColumns) {
      if (c.name != name) continue;
      if (st.clause == Clause::kCheck && c.attno != -6)
        throw SqlError{sqlstate::kInvalidColumnReference, cat("system column \"", name, "\" reference in check constraint is invalid"), "", "", position};
      Expr* e = make(ExprKind::kColumn, c.type, position);
      e->rel = item.rel;
      e->attno = static_cast<int16_t>(c.attno);
      e->levels_up = static_cast<int16_t>(levels_up);
      return e;
    }
  }
  return nullptr;
}

Expr* Analyzer::find_column(State& st, std::string_view name, int position, bool required) {
  int levels = 0;
  for (State* s = &st; s; s = s->parent, levels++) {
    Expr* found = nullptr;
    for (const NsItem& item : s->ns) {
      if (!item.cols_visible) continue;
      if (item.lateral_only && !s->lateral_active) continue;
      Expr* e = item_column(*s, item, name, levels, position);
      if (!e) continue;
      if (found) throw SqlError{sqlstate::kAmbiguousColumn, cat("column reference \"", name, "\" is ambiguous"), "", "", position};
      check_lateral(item, position);
      found = e;
    }
    if (found) return found;
  }
  if (required) missing_column(st, "", name, position);
  return nullptr;
}

const NsItem* Analyzer::find_item(State& st, std::string_view schema, std::string_view name, int position, int* levels_up) {
  *levels_up = 0;
  for (State* s = &st; s; s = s->parent, ++*levels_up) {
    const NsItem* found = nullptr;
    for (const NsItem& item : s->ns) {
      if (!item.rel_visible || item.alias != name) continue;
      if (item.lateral_only && !s->lateral_active) continue;
      if (!schema.empty()) {
        if (!item.rte || !item.rte->relation) { if (!item.rte || !item.rte->view_of) continue; }
        const RelationDesc* rel = item.rte->relation ? item.rte->relation : item.rte->view_of;
        if (catalog::namespace_name(rel->namespace_oid) != schema || rel->name != name) continue;
      }
      if (found) throw SqlError{sqlstate::kAmbiguousAlias, cat("table reference \"", name, "\" is ambiguous"), "", "", position};
      check_lateral(item, position);
      found = &item;
    }
    if (found) return found;
  }
  return nullptr;
}

// A reference to all of an item: the row type of a table, a record of the columns otherwise; the value itself of a scalar function.
Expr* Analyzer::whole_row(const NsItem& item, int levels_up, int position) {
  if (item.rte && item.rte->kind == RteKind::kTable) {
    Expr* e = make(ExprKind::kColumn, item.rte->relation->row_type != kInvalidOid ? item.rte->relation->row_type : oid::kRecord, position);
    e->rel = item.rel;
    e->attno = 0;
    e->levels_up = static_cast<int16_t>(levels_up);
    return e;
  }
  if (item.rte && item.rte->kind == RteKind::kFunction && !item.rte->ordinality && item.rte->functions.size() == 1 && item.rte->columns.size() == 1) {
    const facts::ProcFact* p = facts::find_proc(item.rte->functions[0]->fn);
    if (!p || p->modes().empty()) return column(*item.rte, item.rel, 1, levels_up, position);
  }
  Expr* row = make(ExprKind::kRow, oid::kRecord, position);
  Vec<JoinColumn> cols;
  item_columns(item, levels_up, position, cols);
  Vec<Expr*> exprs;
  Vec<std::string_view> names;
  for (const JoinColumn& c : cols) {
    exprs.push(a_, c.expr);
    names.push(a_, c.name);
  }
  row->args = exprs.span();
  row->names = names.span();
  return row;
}

void Analyzer::item_columns(const NsItem& item, int levels_up, int position, Vec<JoinColumn>& out) {
  if (!item.rte) {
    for (const JoinColumn& c : item.join) {
      Expr* e = copy_expr(c.expr, levels_up);
      e->position = position;
      out.push(a_, JoinColumn{c.name, e});
    }
    return;
  }
  for (size_t i = 0; i < item.rte->columns.size(); i++)
    if (!item.rte->columns[i].empty()) out.push(a_, JoinColumn{item.rte->columns[i], column(*item.rte, item.rel, static_cast<int>(i) + 1, levels_up, position)});
}

void Analyzer::missing_table(State& st, std::string_view, std::string_view name, int position) {
  // A table of the query that is not visible here, or known only by its alias.
  for (State* s = &st; s; s = s->parent) {
    for (RangeEntry* r : s->rt) {
      const RelationDesc* rel = r->relation ? r->relation : r->view_of;
      if (r->alias == name || (rel && rel->name == name)) {
        SqlError e{sqlstate::kUndefinedTable, cat("invalid reference to FROM-clause entry for table \"", name, "\""), "", "", position};
        if (r->alias != name) e.hint = cat("Perhaps you meant to reference the table alias \"", r->alias, "\".");
        else {
          e.hint = "";
          e.hint = cat("There is an entry for table \"", name, "\", but it cannot be referenced from this part of the query.");
        }
        throw e;
      }
    }
  }
  throw SqlError{sqlstate::kUndefinedTable, cat("missing FROM-clause entry for table \"", name, "\""), "", "", position};
}

void Analyzer::missing_column(State& st, std::string_view table, std::string_view name, int position) {
  SqlError err{sqlstate::kUndefinedColumn, table.empty() ? cat("column \"", name, "\" does not exist") : cat("column ", table, ".", name, " does not exist"), "", "", position};
  int best = static_cast<int>(name.size()) / 2 + 1;
  std::string_view best_table, best_column;
  int count = 0;
  for (State* s = &st; s; s = s->parent) {
    for (RangeEntry* r : s->rt) {
      const bool hidden = [&] {
        for (const NsItem& i : s->ns) if (i.rte == r && i.cols_visible && !(i.lateral_only && !s->lateral_active)) return false;
        return true;
      }();
      for (std::string_view c : r->columns) {
        if (c.empty()) continue;
        if (c == name && (table.empty() || r->alias == table || hidden)) {
          if (hidden && table.empty()) {
            err.hint = cat("There is a column named \"", name, "\" in table \"", r->alias, "\", but it cannot be referenced from this part of the query.");
            throw err;
          }
        }
        int d = distance(c, name) + (table.empty() ? 0 : distance(table, r->alias));
        if (c == name && table.empty()) continue;
        if (d > 3 || d > static_cast<int>(name.size()) / 2 || hidden) continue;
        if (d < best) best = d, best_table = r->alias, best_column = c, count = 1;
        else if (d == best) count++;
      }
    }
  }
  if (count == 1) err.hint = cat("Perhaps you meant to reference the column \"", best_table, ".", best_column, "\".");
  throw err;
}

void Analyzer::check_unique_alias(const Vec<NsItem>& ns, uint32_t from, std::string_view alias, Oid table, int) {
  (void)table;
  for (uint32_t i = from; i < ns.size(); i++)
    if (ns[i].rel_visible && ns[i].alias == alias) throw SqlError{sqlstate::kDuplicateAlias, cat("table name \"", alias, "\" specified more than once")};
}

}  // namespace postern::sql
