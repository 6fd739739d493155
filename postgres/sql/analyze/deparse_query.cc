// Queries as pg_get_viewdef() spells them.
#include "common/base/cat.h"
#include "postgres/sql/analyze/cte_info.h"
#include "postgres/sql/analyze/deparse.h"
#include "postgres/types/string_types.h"

namespace postern::sql {
namespace {

constexpr int kStd = 8, kJoin = 4, kVar = 4, kIndentLimit = 40;

}  // namespace

// A clause on a new line: the level is changed by `before` for it and by `after` for what follows.
void Deparser::keyword(std::string_view s, int before, int after, int plus) {
  if (!indent_) { out_ += s; return; }
  level_ += before;
  while (!out_.empty() && out_.back() == ' ') out_.pop_back();
  out_ += '\n';
  int spaces = level_ < kIndentLimit ? std::max(level_, 0) + plus : kIndentLimit + (level_ - kIndentLimit) / (kStd / 2) % kIndentLimit + plus;
  out_.append(static_cast<size_t>(std::max(spaces, 0)), ' ');
  out_ += s;
  level_ = std::max(level_ + after, 0);
}

std::string Deparser::relation_name(const RelationDesc& rel) const {
  std::string schema = catalog::namespace_name(rel.namespace_oid);
  bool bare = false;
  if (!qualify_) {
    RelationRef found = catalog::find_relation("", rel.name);
    bare = found && found->oid == rel.oid;
  }
  return bare ? quote_identifier(rel.name) : cat(quote_identifier(schema), ".", quote_identifier(rel.name));
}

void Deparser::push_query(const Query& q) {
  DeparseScope s;
  s.query = &q;
  for (const RangeEntry* r : q.rtable) {
    std::string base(r->alias), name = base;
    auto taken = [&](const std::string& n) {
      for (const std::string& o : s.names) if (o == n) return true;
      for (const DeparseScope& up : scopes_) for (const std::string& o : up.names) if (o == n) return true;
      return false;
    };
    for (int i = 1; taken(name); i++) name = cat(base, "_", i);
    s.names.push_back(std::move(name));
  }
  scopes_.push_back(std::move(s));
}

void Deparser::query(const Query& q, int start_indent, bool visible, const Query* names) {
  int saved = level_;
  level_ = start_indent;
  push_query(q);
  with_clause(q);
  if (q.set_tree) set_node(q.set_tree, visible, names);
  else select_body(q, visible, names);
  if (!q.order_by.empty()) {
    keyword(" ORDER BY ", -kStd, kStd, 1);
    sort_keys(q.order_by, &q);
  }
  if (q.offset) {
    keyword(" OFFSET ", -kStd, kStd, 0);
    expr(q.offset);
  }
  if (q.limit) {
    if (q.with_ties) {
      keyword(" FETCH FIRST ", -kStd, kStd, 0);
      expr(q.limit);
      out_ += " ROWS WITH TIES";
    } else {
      keyword(" LIMIT ", -kStd, kStd, 0);
      if (q.limit->kind == ExprKind::kConst && q.limit->null) out_ += "ALL";
      else expr(q.limit);
    }
  }
  for (const RowMark& m : q.row_marks) {
    constexpr std::string_view names[] = {" FOR KEY SHARE", " FOR SHARE", " FOR NO KEY UPDATE", " FOR UPDATE"};
    keyword(names[m.strength], -kStd, kStd, 0);
    append(out_, " OF ", quote_identifier(scopes_.back().names[m.rel]));
    if (m.wait == 1) out_ += " NOWAIT";
    else if (m.wait == 2) out_ += " SKIP LOCKED";
  }
  scopes_.pop_back();
  level_ = saved;
}

void Deparser::with_clause(const Query& q) {
  if (q.ctes.empty()) return;
  if (indent_) { level_ += kStd; out_ += ' '; }
  bool recursive = false;
  for (const Cte* c : q.ctes) recursive |= c->recursive;
  std::string_view sep = recursive ? "WITH RECURSIVE " : "WITH ";
  for (const Cte* c : q.ctes) {
    append(out_, sep, quote_identifier(c->name));
    auto* info = static_cast<const CteInfo*>(c);
    bool renamed = c->recursive || !info->names.empty();
    if (renamed) {
      out_ += '(';
      for (size_t i = 0; i < info->columns.size(); i++) append(out_, i ? ", " : "", quote_identifier(info->columns[i]));
      out_ += ')';
    }
    out_ += " AS ";
    if (c->materialized == 1) out_ += "MATERIALIZED ";
    else if (c->materialized == 0) out_ += "NOT MATERIALIZED ";
    out_ += '(';
    if (indent_) keyword("", 0, 0, 0);
    query(*c->query, level_, true);
    if (indent_) keyword("", 0, 0, 0);
    out_ += ')';
    sep = ", ";
  }
  if (indent_) { level_ -= kStd; keyword("", 0, 0, 0); }
  else out_ += ' ';
}

void Deparser::values(std::span<const std::span<Expr*>> rows) {
  out_ += "VALUES ";
  for (size_t r = 0; r < rows.size(); r++) {
    out_ += r ? ", (" : "(";
    for (size_t c = 0; c < rows[r].size(); c++) {
      if (c) out_ += ',';
      expr(rows[r][c]);
    }
    out_ += ')';
  }
}

const Target* Deparser::sort_target(const Query& q, const Expr* e, int* number) const {
  *number = 0;
  for (const Target& t : q.targets) {
    if (!t.junk) ++*number;
    if (t.expr == e || same_expr(t.expr, e)) return &t;
  }
  return nullptr;
}

void Deparser::select_body(const Query& q, bool visible, const Query* names) {
  if (indent_) { level_ += kStd; out_ += ' '; }
  // A plain VALUES.
  if (q.rtable.size() == 1 && q.rtable[0]->kind == RteKind::kValues && q.from && !q.from->is_join && !q.where && !q.has_group && !q.distinct) {
    bool plain = q.rtable[0]->alias == "*VALUES*";
    for (size_t i = 0; plain && i < q.targets.size(); i++)
      plain = q.targets[i].expr->kind == ExprKind::kColumn && q.targets[i].expr->attno == static_cast<int>(i) + 1 && q.targets[i].name == q.rtable[0]->columns[i];
    if (plain) { values(q.rtable[0]->values); return; }
  }
  out_ += "SELECT";
  if (!q.distinct_on.empty()) {
    out_ += " DISTINCT ON (";
    list(q.distinct_on);
    out_ += ")";
  } else if (q.distinct) {
    out_ += " DISTINCT";
  }
  std::string_view sep = " ";
  bool first = true;
  size_t index = 0;
  for (const Target& t : q.targets) {
    if (t.junk) continue;
    out_ += sep;
    sep = ", ";
    if (!first && indent_) keyword("", -kStd, kStd, kVar);
    first = false;
    std::string_view own = "?column?";
    bool has_own = !visible;
    std::string_view name = names && index < names->targets.size() ? names->targets[index].name : t.name;
    index++;
    if (t.expr->kind == ExprKind::kColumn) {
      column(t.expr);
      const DeparseScope& s = scopes_[scopes_.size() - 1 - t.expr->levels_up];
      if (t.expr->rel >= 0 && t.expr->attno > 0 && s.query) own = s.query->rtable[t.expr->rel]->columns[t.expr->attno - 1], has_own = true;
      if (t.expr->attno == 0) append(out_, "::", type_name(t.expr->type, -1));
    } else {
      expr(t.expr, true);
    }
    if (!has_own || name != own) append(out_, " AS ", quote_identifier(name));
  }
  if (q.from) {
    // Top-level comma items each on a line.
    std::vector<const FromItem*> items;
    auto flatten = [&](auto&& self, const FromItem* f) -> void {
      if (f->is_join && f->comma) { self(self, f->left); items.push_back(f->right); }
      else items.push_back(f);
    };
    flatten(flatten, q.from);
    for (size_t i = 0; i < items.size(); i++) {
      if (i == 0) keyword(" FROM ", -kStd, kStd, 2);
      else {
        out_ += ", ";
        if (indent_) keyword("", -kStd, kStd, kVar);
      }
      from_item(q, items[i]);
    }
  }
  if (q.where) {
    keyword(" WHERE ", -kStd, kStd, 1);
    expr(q.where);
  }
  if (!q.group_by.empty()) {
    keyword(" GROUP BY ", -kStd, kStd, 1);
    auto key = [&](const Expr* e) {
      int number;
      bool complex = needs_sort_paren(e);
      if (e->kind == ExprKind::kConst) { sort_target(q, e, &number); append(out_, number); return; }
      if (complex) out_ += '(';
      expr(e, true);
      if (complex) out_ += ')';
    };
    if (!q.grouping_sets.empty()) out_ += "GROUPING SETS (";
    for (size_t s = 0; s < q.grouping_sets.size(); s++) {
      out_ += s ? ", (" : "(";
      for (size_t i = 0; i < q.grouping_sets[s].size(); i++) {
        if (i) out_ += ", ";
        key(q.group_by[static_cast<size_t>(q.grouping_sets[s][i])]);
      }
      out_ += ')';
    }
    if (!q.grouping_sets.empty()) out_ += ')';
    else
      for (size_t i = 0; i < q.group_by.size(); i++) {
        if (i) out_ += ", ";
        key(q.group_by[i]);
      }
  }
  if (q.having) {
    keyword(" HAVING ", -kStd, kStd, 0);
    expr(q.having);
  }
  bool any = false;
  for (const WindowDef& w : q.windows) {
    if (w.name.empty()) continue;
    if (any) out_ += ", ";
    else keyword(" WINDOW ", -kStd, kStd, 1);
    any = true;
    append(out_, quote_identifier(w.name), " AS ");
    window(w);
  }
}

void Deparser::range_entry(const Query& q, int rel) {
  const RangeEntry& r = *q.rtable[rel];
  const std::string& name = scopes_.back().names[rel];
  bool alias = name != r.alias, columns = false;
  std::span<const std::string_view> original;
  std::vector<std::string_view> own;
  const RelationDesc* relation = r.relation ? r.relation : r.view_of;
  if (relation) {
    if (!r.inherit) out_ += "ONLY ";
    out_ += relation_name(*relation);
    alias = alias || r.alias != relation->name;
    for (const AttrDesc& a : relation->attrs) own.push_back(a.dropped ? std::string_view{} : std::string_view(a.name));
  } else if (r.kind == RteKind::kSubquery) {
    out_ += '(';
    query(*r.subquery, level_, true);
    out_ += ')';
    alias = true;
    for (const Target& t : r.subquery->targets) if (!t.junk) own.push_back(t.name);
  } else if (r.kind == RteKind::kCte) {
    out_ += quote_identifier(r.cte->name);
    alias = alias || r.alias != r.cte->name;
    auto* info = static_cast<const CteInfo*>(r.cte);
    own.assign(info->columns.begin(), info->columns.end());
  } else if (r.kind == RteKind::kValues) {
    out_ += '(';
    values(r.values);
    out_ += ')';
    alias = columns = true;
  } else if (r.kind == RteKind::kFunction) {
    if (r.functions.size() > 1) out_ += "ROWS FROM(";
    for (size_t i = 0; i < r.functions.size(); i++) {
      if (i) out_ += ", ";
      expr(r.functions[i], true);
    }
    if (r.functions.size() > 1) out_ += ')';
    if (r.ordinality) out_ += " WITH ORDINALITY";
    alias = columns = true;
  }
  if (alias) append(out_, " ", quote_identifier(name));
  if (!columns)
    for (size_t i = 0; i < r.columns.size() && i < own.size(); i++) columns |= r.columns[i] != own[i];
  if (columns) {
    out_ += '(';
    bool first = true;
    for (std::string_view c : r.columns) {
      if (c.empty()) continue;
      append(out_, first ? "" : ", ", quote_identifier(c));
      first = false;
    }
    out_ += ')';
  }
}

void Deparser::from_item(const Query& q, const FromItem* f) {
  if (!f->is_join) {
    const RangeEntry& r = *q.rtable[f->rel];
    if (r.lateral && r.kind == RteKind::kSubquery) out_ += "LATERAL ";
    range_entry(q, f->rel);
    return;
  }
  if (!pretty_) out_ += '(';
  from_item(q, f->left);
  std::string_view word = " JOIN ";
  switch (f->join) {
    case JoinType::kInner: word = f->on ? " JOIN " : " CROSS JOIN "; break;
    case JoinType::kLeft: word = " LEFT JOIN "; break;
    case JoinType::kRight: word = " RIGHT JOIN "; break;
    case JoinType::kFull: word = " FULL JOIN "; break;
    default: word = " CROSS JOIN "; break;
  }
  keyword(word, -kStd, kStd, kJoin);
  bool right_paren = pretty_ && f->right->is_join;
  if (right_paren) out_ += '(';
  from_item(q, f->right);
  if (right_paren) out_ += ')';
  if (!f->using_columns.empty()) {
    out_ += " USING (";
    for (size_t i = 0; i < f->using_columns.size(); i++) append(out_, i ? ", " : "", quote_identifier(f->using_columns[i]));
    out_ += ')';
  } else if (f->on) {
    out_ += " ON ";
    if (!pretty_) out_ += '(';
    expr(f->on);
    if (!pretty_) out_ += ')';
  } else if (f->join != JoinType::kCross && f->join != JoinType::kInner) {
    out_ += " ON TRUE";
  }
  if (!pretty_) out_ += ')';
}

void Deparser::set_node(const SetTree* t, bool visible, const Query* names) {
  if (t->query) {
    const Query& q = *t->query;
    bool need = !q.ctes.empty() || !q.order_by.empty() || q.offset || q.limit || !q.row_marks.empty() || q.set_tree;
    if (need) out_ += '(';
    query(q, level_, visible, names);
    if (need) out_ += ')';
    return;
  }
  bool left_paren = t->left->op != SetOp::kNone && t->left->op != t->op;
  int sub = left_paren ? kStd : 0;
  if (left_paren) {
    out_ += '(';
    keyword("", sub, 0, 0);
  }
  set_node(t->left, visible, names);
  if (left_paren) keyword(") ", -sub, 0, 0);
  else if (indent_) keyword("", -sub, 0, 0);
  else out_ += ' ';
  switch (t->op) {
    case SetOp::kUnion: case SetOp::kUnionAll: out_ += "UNION "; break;
    case SetOp::kIntersect: case SetOp::kIntersectAll: out_ += "INTERSECT "; break;
    default: out_ += "EXCEPT "; break;
  }
  if (t->op == SetOp::kUnionAll || t->op == SetOp::kIntersectAll || t->op == SetOp::kExceptAll) out_ += "ALL ";
  bool right_paren = t->right->op != SetOp::kNone;
  sub = right_paren ? kStd : 0;
  if (right_paren) out_ += '(';
  keyword("", sub, 0, 0);
  set_node(t->right, false, names);
  if (indent_) level_ -= sub;
  if (right_paren) keyword(")", 0, 0, 0);
}

std::string deparse_query(const Query& q, bool pretty, bool qualify) {
  Deparser d(pretty, true, qualify);
  d.query(q, 0, true, &q);
  return d.take() + ";";
}

}  // namespace postern::sql
