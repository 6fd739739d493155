// Parse tree (JSON) to AST. Private to sql/parse. One Converter per query string.
#pragma once
#include <string_view>

#include "common/memory/arena.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/sql/parse/json_tree.h"

namespace postern::sql::parse_detail {

constexpr int kMaxNesting = 10'000;   // of expressions and sub-selects; deeper ones are 54001

class Converter {
 public:
  Converter(std::string_view query, Arena& arena);
  ast::Stmt* stmt(const Json* wrapped);           // {"SelectStmt": {…}}

 private:
  struct DepthGuard;
  // Reading members.
  static const Json* get(const Json* j, uint32_t k) { return j ? j->get(k) : nullptr; }
  static std::string_view text(const Json* j, uint32_t k) { auto* v = get(j, k); return v && v->type == JsonType::kString ? v->text : std::string_view{}; }
  static bool flag(const Json* j, uint32_t k) { auto* v = get(j, k); return v && v->number != 0; }
  static int64_t number(const Json* j, uint32_t k) { auto* v = get(j, k); return v ? v->number : 0; }
  static uint32_t tag(const Json* j, uint32_t k) { auto* v = get(j, k); return v && v->type == JsonType::kString ? key(v->text) : 0; }
  static const Json* body(const Json* wrapped) { return wrapped ? wrapped->first : nullptr; }
  static uint32_t node(const Json* wrapped) { return wrapped && wrapped->first ? wrapped->first->name_key : 0; }
  // Members of a "List" node or a plain array.
  static const Json* items(const Json* j);
  int position(const Json* j);                    // of the member "location"
  int position_of_byte(int64_t offset);
  int64_t location(const Json* j) { return number(j, key("location")); }
  int64_t negative_int_at(int64_t byte) const;    // the printer drops integers below 1: read them from the text
  int64_t option_int_after(int64_t byte) const;
  std::string_view string_node(const Json* wrapped);
  ast::Names names(const Json* list);
  template <class T, class F> std::span<T* const> list(const Json* j, F&& each);
  template <class T> T* make(const Json* j) { T* n = arena_.make<T>(); n->kind = T::kKind; n->position = j && get(j, key("location")) ? position(j) : 0; return n; }

  // convert_expr.cc
  ast::Expr* expr(const Json* wrapped);           // null for null
  ast::Expr* convert_expr(uint32_t type, const Json* b);
  ast::List<ast::Expr> exprs(const Json* j);
  ast::Expr* constant(const Json* b);
  ast::Expr* op(const Json* b);
  ast::Expr* func(const Json* b);
  ast::Expr* sub_link(const Json* b);
  ast::Expr* case_expr(const Json* b);
  ast::TypeName* type_name(const Json* b);
  ast::SortBy* sort_by(const Json* b);
  ast::List<ast::SortBy> sort_list(const Json* j);
  ast::WindowDef* window(const Json* b);
  ast::List<ast::Indirection> indirection(const Json* j);
  ast::ResTarget* res_target(const Json* b);
  ast::List<ast::ResTarget> targets(const Json* j);

  // convert_query.cc
  ast::FromNode* from_item(const Json* wrapped);
  ast::List<ast::FromNode> from_list(const Json* j);
  ast::RangeVar* range_var(const Json* b);
  ast::List<ast::RangeVar> range_vars(const Json* j);
  ast::Alias* alias(const Json* b);
  ast::SelectStmt* select(const Json* b);
  ast::WithClause* with(const Json* b);
  ast::IntoClause* into(const Json* b);
  ast::OnConflict* on_conflict(const Json* b);
  ast::IndexElem* index_elem(const Json* b);
  ast::Stmt* insert(const Json* b);
  ast::Stmt* update(const Json* b);
  ast::Stmt* remove(const Json* b);

  // convert_ddl.cc
  ast::Stmt* ddl(uint32_t type, const Json* b);   // null: not one
  ast::ColumnDef* column_def(const Json* b);
  ast::Constraint* constraint(const Json* b);
  ast::Stmt* create_table(const Json* b);
  ast::Stmt* create_index(const Json* b);
  ast::Stmt* alter_table(const Json* b);
  ast::AlterTableCmd* alter_cmd(const Json* b);
  ast::Stmt* drop(const Json* b);
  ast::Stmt* grant(const Json* b, bool default_privileges);
  ast::Stmt* comment(const Json* b);
  ast::Names object_name(const Json* wrapped);
  std::span<const ast::Names> object_names(const Json* j);
  ast::RoleSpec* role(const Json* b);
  ast::List<ast::RoleSpec> roles(const Json* j);
  ast::DefElem* def_elem(const Json* b);
  ast::List<ast::DefElem> def_elems(const Json* j);

  // convert_session.cc
  ast::Stmt* session(uint32_t type, const Json* b);   // null: not one
  ast::SetStmt* set_stmt(const Json* b);
  std::string_view unsupported_name(const Json* wrapped);

  std::string_view query_;
  Arena& arena_;
  bool ascii_;
  int depth_ = 0;
  ast::Expr* multi_source_ = nullptr;
  int64_t known_byte_ = 0;        // position_of_byte goes on from here
  int known_chars_ = 0;
};

struct Converter::DepthGuard {
  explicit DepthGuard(Converter& c);
  ~DepthGuard() { c_.depth_--; }
  Converter& c_;
};

ast::ObjectKind object_kind(uint32_t tag);        // "OBJECT_TABLE"

template <class T, class F>
std::span<T* const> Converter::list(const Json* j, F&& each) {
  if (!j || !j->size) return {};
  T** out = arena_.alloc_array<T*>(j->size);
  size_t n = 0;
  for (const Json* c = items(j); c; c = c->next) out[n++] = each(c);
  return {out, n};
}

}  // namespace postern::sql::parse_detail
