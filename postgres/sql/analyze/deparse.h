// Bound expressions and queries back to SQL. Private to sql/analyze.
//
// Names of range entries are unique along the chain of enclosing queries, so that every reference finds what it meant.
#pragma once
#include <string>
#include <vector>

#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {

struct DeparseScope {
  const Query* query = nullptr;                 // null: columns of `relation` without prefix
  const RelationDesc* relation = nullptr;
  std::vector<std::string> names;               // of range entries
};

class Deparser {
 public:
  // qualify: relations are written with their schema; otherwise only where the search path does not find them.
  Deparser(bool pretty, bool indent, bool qualify) : pretty_(pretty), indent_(indent), qualify_(qualify) {}
  void expr(const Expr* e, bool show_implicit = false);
  // names: output names imposed from outside (a view's columns); visible: whether they matter, so that "?column?" is written out.
  void query(const Query& q, int start_indent, bool visible, const Query* names = nullptr);
  void push_relation(const RelationDesc* relation) { scopes_.push_back({nullptr, relation, {}}); }
  std::string take() { return std::move(out_); }

 private:
  // deparse_expr.cc
  void paren(const Expr* e, const Expr* parent, bool show_implicit = false);
  bool simple(const Expr* e, const Expr* parent) const;
  void list(std::span<Expr* const> e, std::string_view sep = ", ");
  void column(const Expr* e);
  void constant(const Expr* e, int show_type);   // -1 never, 0 when needed, 1 always
  void func(const Expr* e);
  bool sql_syntax(const Expr* e);
  void op(const Expr* e, std::string_view symbol);
  void cast(const Expr* arg, const Expr* e);
  void case_expr(const Expr* e);
  void sub_select(const Expr* e);
  void array_op(const Expr* e);
  void window(const WindowDef& w);
  bool needs_sort_paren(const Expr* e) const;
  void sort_keys(std::span<const SortKey> keys, const Query* q);
  std::string type_name(Oid type, int32_t typmod) const;
  static bool explicit_form(const Expr* e) { return e->explicit_cast; }

  // deparse_query.cc
  void keyword(std::string_view s, int before, int after, int plus);
  void push_query(const Query& q);
  void select_body(const Query& q, bool visible, const Query* names);
  void set_node(const SetTree* t, bool visible, const Query* names);
  void from_item(const Query& q, const FromItem* f);
  void range_entry(const Query& q, int rel);
  void with_clause(const Query& q);
  void values(std::span<const std::span<Expr*>> rows);
  std::string relation_name(const RelationDesc& rel) const;
  const Target* sort_target(const Query& q, const Expr* e, int* number) const;

  std::string out_;
  bool pretty_, indent_, qualify_;
  int level_ = 0;
  std::vector<DeparseScope> scopes_;
};

}  // namespace postern::sql
