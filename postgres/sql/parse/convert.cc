// Helpers of the converter, and the dispatch over statements.
#include "postgres/sql/parse/convert.h"

#include "common/base/error.h"

namespace postern::sql::parse_detail {

Converter::Converter(std::string_view query, Arena& arena) : query_(query), arena_(arena), ascii_(true) {
  for (char c : query)
    if (c & 0x80) { ascii_ = false; break; }
}

Converter::DepthGuard::DepthGuard(Converter& c) : c_(c) {
  if (++c.depth_ > kMaxNesting) {
    c.depth_--;
    throw SqlError{sqlstate::kStatementTooComplex, "stack depth limit exceeded"};
  }
}

const Json* Converter::items(const Json* j) {
  if (!j) return nullptr;
  if (j->type == JsonType::kArray) return j->first;
  if (j->name_key == key("List")) { auto* i = j->get(key("items")); return i ? i->first : nullptr; }
  auto* l = j->get(key("List"));
  return l ? items(l) : nullptr;
}

int Converter::position_of_byte(int64_t offset) {
  if (offset < 0 || offset > static_cast<int64_t>(query_.size())) return 0;
  if (ascii_) return static_cast<int>(offset) + 1;
  if (offset < known_byte_) known_byte_ = 0, known_chars_ = 0;
  for (; known_byte_ < offset; known_byte_++) known_chars_ += (query_[known_byte_] & 0xC0) != 0x80;
  return known_chars_ + 1;
}

int Converter::position(const Json* j) { return position_of_byte(location(j)); }

namespace {
// The byte after whitespace and comments.
size_t skip_space(std::string_view q, size_t i) {
  while (i < q.size()) {
    if (q[i] == ' ' || q[i] == '\t' || q[i] == '\n' || q[i] == '\r' || q[i] == '\f') i++;
    else if (q.substr(i, 2) == "--") { while (i < q.size() && q[i] != '\n') i++; }
    else if (q.substr(i, 2) == "/*") { auto e = q.find("*/", i + 2); i = e == q.npos ? q.size() : e + 2; }
    else break;
  }
  return i;
}
int64_t digits_at(std::string_view q, size_t i) {
  int64_t v = 0;
  for (; i < q.size() && q[i] >= '0' && q[i] <= '9'; i++) v = v * 10 + (q[i] - '0');
  return v;
}
}  // namespace

int64_t Converter::negative_int_at(int64_t byte) const {
  if (byte < 0 || static_cast<size_t>(byte) >= query_.size() || query_[byte] != '-') return 0;
  return -digits_at(query_, skip_space(query_, byte + 1));
}

// The value of an option that begins at `byte`: the first number after its words.
int64_t Converter::option_int_after(int64_t byte) const {
  if (byte < 0) return 0;
  size_t i = byte;
  while (i < query_.size()) {
    i = skip_space(query_, i);
    if (i >= query_.size()) break;
    char c = query_[i];
    if (c == '-') return negative_int_at(static_cast<int64_t>(i));
    if ((c >= '0' && c <= '9') || c == ',' || c == ';' || c == ')') break;
    if (c == '"') { auto e = query_.find('"', i + 1); i = e == query_.npos ? query_.size() : e + 1; continue; }
    i++;
  }
  return 0;
}

std::string_view Converter::string_node(const Json* wrapped) {
  if (node(wrapped) == key("String")) return text(body(wrapped), key("sval"));
  if (node(wrapped) == key("A_Const")) {
    auto* s = get(body(wrapped), key("sval"));
    return s ? text(s, key("sval")) : std::string_view{};
  }
  return {};
}

ast::Names Converter::names(const Json* j) {
  if (!j) return {};
  size_t n = 0;
  for (const Json* c = items(j); c; c = c->next) n++;
  auto* out = arena_.alloc_array<std::string_view>(n);
  size_t i = 0;
  for (const Json* c = items(j); c; c = c->next) out[i++] = node(c) == key("A_Star") ? std::string_view("*") : string_node(c);
  return {out, n};
}

ast::Stmt* Converter::stmt(const Json* wrapped) {
  if (!wrapped || !wrapped->first) return nullptr;
  DepthGuard guard(*this);
  const Json* b = body(wrapped);
  switch (node(wrapped)) {
    case key("SelectStmt"): return select(b);
    case key("InsertStmt"): return insert(b);
    case key("UpdateStmt"): return update(b);
    case key("DeleteStmt"): return remove(b);
    default: break;
  }
  if (auto* s = session(node(wrapped), b)) return s;
  if (auto* s = ddl(node(wrapped), b)) return s;
  auto* u = make<ast::UnsupportedStmt>(nullptr);
  u->name = unsupported_name(wrapped);
  return u;
}

}  // namespace postern::sql::parse_detail
