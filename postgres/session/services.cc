// Names of catalog objects for reg* types, and random numbers.
#include <sys/random.h>

#include <charconv>

#include "common/base/cat.h"
#include "postgres/session/session.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/types/facts/facts.h"

namespace postern::session {

namespace {

// "Schema".name -> parts, folded to lower case unless quoted. False: bad syntax.
bool split_name(std::string_view s, std::vector<std::string>* parts) {
  size_t i = 0;
  auto blank = [&] { while (i < s.size() && s[i] == ' ') i++; };
  while (true) {
    blank();
    std::string part;
    if (i < s.size() && s[i] == '"') {
      for (i++;; i++) {
        if (i >= s.size()) return false;
        if (s[i] == '"') {
          if (i + 1 < s.size() && s[i + 1] == '"') i++;
          else { i++; break; }
        }
        part += s[i];
      }
    } else {
      while (i < s.size() && s[i] != '.' && s[i] != ' ' && s[i] != '"') {
        char c = s[i++];
        part += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      }
    }
    if (part.empty()) return false;
    parts->push_back(part.substr(0, 63));
    blank();
    if (i == s.size()) return true;
    if (s[i++] != '.') return false;
  }
}

bool all_digits(std::string_view s) { return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos; }

std::string arg_list(const facts::ProcFact& p) {
  std::string out;
  for (uint32_t t : p.args()) append(out, out.empty() ? "" : ",", catalog::format_type(Oid{t}, -1));
  return out;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

}  // namespace

std::string Session::reg_out(Oid reg_type, Oid value) {
  if (raw(value) == 0) return "-";
  switch (raw(reg_type)) {
    case raw(oid::kRegClass): {
      RelationRef r = catalog::relation(value);
      if (r) return catalog::relation_display_name(*r);
      break;
    }
    case raw(oid::kRegType): return catalog::format_type(value, -1);
    case raw(oid::kRegProc):
      if (const facts::ProcFact* p = facts::find_proc(value)) return std::string(p->name());
      break;
    case raw(oid::kRegProcedure):
      if (const facts::ProcFact* p = facts::find_proc(value)) return cat(catalog::quote_ident(p->name()), "(", arg_list(*p), ")");
      break;
    case raw(oid::kRegOper):
      if (const facts::OperFact* o = facts::find_oper(value)) return std::string(o->name());
      break;
    case raw(oid::kRegOperator):
      if (const facts::OperFact* o = facts::find_oper(value))
        return cat(o->name(), "(", o->left ? catalog::format_type(Oid{o->left}, -1) : "NONE", ",", catalog::format_type(Oid{o->right}, -1), ")");
      break;
    case raw(oid::kRegRole):
      if (auto r = catalog::find_role(value)) return catalog::quote_ident(r->name);
      break;
    case raw(oid::kRegNamespace): {
      std::string n = catalog::namespace_name(value);
      if (!n.empty()) return catalog::quote_ident(n);
      break;
    }
    default: break;
  }
  return cat(raw(value));
}

Oid Session::reg_in(Oid reg_type, std::string_view text, bool missing_ok) {
  std::string_view t = trim(text);
  if (t == "-") return kInvalidOid;
  if (all_digits(t)) {
    uint32_t v = 0;
    auto r = std::from_chars(t.data(), t.data() + t.size(), v);
    if (r.ec == std::errc()) return Oid{v};
  }
  auto missing = [&](SqlState state, std::string message) -> Oid {
    if (missing_ok) return kInvalidOid;
    throw SqlError{state, std::move(message)};
  };
  std::vector<std::string> parts;
  if (reg_type == oid::kRegType) {
    Oid found = type_by_text(t, missing_ok);
    if (raw(found) || missing_ok) return found;
    return missing(sqlstate::kUndefinedObject, cat("type \"", t, "\" does not exist"));
  }
  std::string_view name_part = t, args_part;
  bool with_args = false;
  if (size_t paren = t.find('('); paren != std::string_view::npos && (reg_type == oid::kRegProcedure || reg_type == oid::kRegOperator)) {
    name_part = trim(t.substr(0, paren));
    args_part = t.substr(paren + 1);
    if (args_part.ends_with(')')) args_part.remove_suffix(1);
    with_args = true;
  }
  bool oper = reg_type == oid::kRegOper || reg_type == oid::kRegOperator;
  if (oper) parts = {std::string(name_part.substr(name_part.rfind('.') == std::string_view::npos ? 0 : name_part.rfind('.') + 1))};
  else if (!split_name(name_part, &parts)) throw SqlError{sqlstate::kInvalidName, "invalid name syntax"};
  if (parts.size() > 2 && parts.size() == 3 && parts[0] == database_name_) parts.erase(parts.begin());
  if (parts.size() > 2) throw SqlError{sqlstate::kSyntaxError, cat("improper qualified name (too many dotted names): ", t)};
  std::string schema = parts.size() == 2 ? parts[0] : std::string(), name = parts.back();
  switch (raw(reg_type)) {
    case raw(oid::kRegClass): {
      if (RelationRef r = catalog::find_relation(schema, name)) return r->oid;
      return missing(sqlstate::kUndefinedTable, cat("relation \"", t, "\" does not exist"));
    }
    case raw(oid::kRegRole): {
      if (auto r = catalog::find_role(name)) return r->oid;
      return missing(sqlstate::kUndefinedObject, cat("role \"", name, "\" does not exist"));
    }
    case raw(oid::kRegNamespace): {
      Oid n = catalog::find_namespace(name);
      return raw(n) ? n : missing(sqlstate::kInvalidSchemaName, cat("schema \"", name, "\" does not exist"));
    }
    case raw(oid::kRegProc):
    case raw(oid::kRegProcedure): {
      std::vector<Oid> want;
      if (with_args)
        for (std::string_view rest = args_part; !trim(rest).empty();) {
          size_t comma = rest.find(',');
          want.push_back(type_by_text(trim(rest.substr(0, comma)), false));
          rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
        }
      Oid found{0};
      int matches = 0;
      for (uint16_t i : facts::procs_named(name)) {
        const facts::ProcFact& p = facts::procs()[i];
        if (!fn_is_implemented(Oid{p.oid})) continue;
        if (with_args) {
          bool same = p.nargs == want.size();
          for (size_t k = 0; same && k < want.size(); k++) same = p.args()[k] == raw(want[k]);
          if (!same) continue;
        }
        found = Oid{p.oid};
        matches++;
      }
      if (matches == 1) return found;
      if (matches > 1) {
        if (missing_ok) return kInvalidOid;
        throw SqlError{sqlstate::kAmbiguousFunction, cat("more than one function named \"", name, "\"")};
      }
      return missing(sqlstate::kUndefinedFunction, cat("function \"", t, "\" does not exist"));
    }
    case raw(oid::kRegOper):
    case raw(oid::kRegOperator): {
      Oid found{0};
      int matches = 0;
      for (const facts::OperFact& o : facts::opers_named(name)) {
        if (with_args) {
          size_t comma = args_part.find(',');
          std::string_view l = trim(args_part.substr(0, comma)), r = comma == std::string_view::npos ? std::string_view{} : trim(args_part.substr(comma + 1));
          Oid lt = l == "NONE" || l == "none" ? Oid{0} : type_by_text(l, false);
          if (o.left != raw(lt) || o.right != raw(type_by_text(r, false))) continue;
        }
        found = Oid{o.oid};
        matches++;
      }
      if (matches == 1) return found;
      if (matches > 1 && !missing_ok) throw SqlError{sqlstate::kAmbiguousFunction, cat("more than one operator named ", name)};
      return missing(sqlstate::kUndefinedFunction, cat("operator does not exist: ", t));
    }
    default: throw_internal("unknown reg type");
  }
}

// A type as in a cast: the parser reads it.
Oid Session::type_by_text(std::string_view text, bool missing_ok) {
  Arena arena;
  std::string query = cat("SELECT NULL::", text);
  try {
    auto list = sql::parse(query, arena);
    const ast::SelectStmt* s = list.size() == 1 ? ast::as<ast::SelectStmt>(static_cast<const ast::Stmt*>(list[0].stmt)) : nullptr;
    const ast::Cast* c = s && s->targets.size() == 1 && s->from.empty() && !s->where ? ast::as<ast::Cast>(static_cast<const ast::Expr*>(s->targets[0]->expr)) : nullptr;
    if (!c) throw SqlError{sqlstate::kSyntaxError, cat("invalid type name \"", text, "\"")};
    int32_t typmod;
    return sql::resolve_type(*c->type, &typmod);
  } catch (SqlError& e) {
    if (missing_ok) return kInvalidOid;
    e.position = 0;
    throw;
  }
}

uint64_t Session::random64() {
  if (random_state_ == 0 && getrandom(&random_state_, sizeof random_state_, 0) != sizeof random_state_) random_state_ = 0x9E3779B97F4A7C15u ^ static_cast<uint64_t>(now_us());
  uint64_t z = random_state_ += 0x9E3779B97F4A7C15u;   // splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace postern::session
