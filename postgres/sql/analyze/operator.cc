// Which operator a symbol and operand types mean, by PostgreSQL's rules; comparisons of rows and arrays.
#include <cstddef>

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {
namespace {

constexpr size_t kMaxCandidateArgs = 100;

bool usable(const facts::OperFact& o) { return fn_is_implemented(Oid{o.code}); }

// Remembers recent exact choices: operator resolution is most of the analysis of a small statement.
struct OperatorCache {
  struct Slot { uint64_t name = 0; uint32_t left = 0, right = 0; const facts::OperFact* op = nullptr; };
  static constexpr size_t kSlots = 256;
  Slot slots[kSlots];
};
OperatorCache& operator_cache() {
  static OperatorCache cache;
  return cache;
}

}  // namespace

// func_select_candidate: `cand` holds the argument types of each candidate, all coercible from `input`.
int Analyzer::select_candidate(std::span<const Oid> input, Vec<std::span<const uint32_t>>& cand) {
  size_t n = input.size();
  if (n > kMaxCandidateArgs) throw SqlError{sqlstate::kTooManyArguments, cat("cannot pass more than ", kMaxCandidateArgs, " arguments to a function")};
  Vec<int> alive;
  for (uint32_t i = 0; i < cand.size(); i++) alive.push(a_, static_cast<int>(i));
  // Keeps those candidates with the best score.
  auto keep_best = [&](auto&& score) {
    int best = 0;
    Vec<int> kept;
    for (int c : alive) {
      int s = score(cand[c]);
      if (s > best || kept.empty()) best = s, kept.truncate(0), kept.push(a_, c);
      else if (s == best) kept.push(a_, c);
    }
    if (best > 0) alive = kept;
  };
  size_t unknowns = 0;
  for (Oid t : input) unknowns += t == oid::kUnknown;
  keep_best([&](std::span<const uint32_t> types) {
    int exact = 0;
    for (size_t i = 0; i < n; i++) exact += input[i] != oid::kUnknown && Oid{types[i]} == input[i];
    return exact;
  });
  if (alive.size() == 1) return alive[0];
  keep_best([&](std::span<const uint32_t> types) {
    int score = 0;
    for (size_t i = 0; i < n; i++) {
      if (input[i] == oid::kUnknown) continue;
      score += Oid{types[i]} == input[i] || (category(Oid{types[i]}) == category(input[i]) && preferred(Oid{types[i]}));
    }
    return score;
  });
  if (alive.size() == 1) return alive[0];
  if (unknowns == 0) return -2;

  // Unknown literals: look at the categories the candidates want there.
  bool resolved = false, ok = true;
  char slot_category[kMaxCandidateArgs] = {};
  bool slot_preferred[kMaxCandidateArgs] = {};
  for (size_t i = 0; i < n && ok; i++) {
    if (input[i] != oid::kUnknown) continue;
    resolved = true;
    bool conflict = false, string = false;
    for (int c : alive) {
      Oid t{cand[c][i]};
      char cat = is_polymorphic(t) ? 'P' : category(t);
      bool pref = preferred(t);
      if (cat == 'S') string = true;
      if (!slot_category[i]) slot_category[i] = cat, slot_preferred[i] = pref;
      else if (cat == slot_category[i]) slot_preferred[i] |= pref;
      else conflict = true;
    }
    if (conflict) {
      if (!string) { ok = false; break; }
      slot_category[i] = 'S';
      slot_preferred[i] = false;
      for (int c : alive)
        if (category(Oid{cand[c][i]}) == 'S') slot_preferred[i] |= preferred(Oid{cand[c][i]});
    }
  }
  if (ok && resolved) {
    Vec<int> kept;
    for (int c : alive) {
      bool keep = true;
      for (size_t i = 0; i < n && keep; i++) {
        if (input[i] != oid::kUnknown) continue;
        Oid t{cand[c][i]};
        char cat = is_polymorphic(t) ? 'P' : category(t);
        if (cat != slot_category[i] || (slot_preferred[i] && !preferred(t))) keep = false;
      }
      if (keep) kept.push(a_, c);
    }
    if (!kept.empty()) alive = kept;
    if (alive.size() == 1) return alive[0];
  }
  // Last try: unknowns have the type that all known ones share.
  if (unknowns < n) {
    Oid known{0};
    for (Oid t : input) {
      if (t == oid::kUnknown) continue;
      if (known == kInvalidOid) known = t;
      else if (known != t) { known = kInvalidOid; break; }
    }
    if (known != kInvalidOid) {
      int found = -1, count = 0;
      Vec<Oid> all;
      for (size_t i = 0; i < n; i++) all.push(a_, known);
      for (int c : alive) {
        Vec<Oid> target;
        for (size_t i = 0; i < n; i++) target.push(a_, Oid{cand[c][i]});
        if (can_coerce(all.span(), target.span(), Coercion::kImplicit)) found = c, count++;
      }
      if (count == 1) return found;
    }
  }
  return -2;
}

const facts::OperFact* Analyzer::find_operator(ast::Names names, Oid left, Oid right, bool no_error, int position) {
  std::string_view name = names.back();
  bool foreign = names.size() > 1 && names[0] != "pg_catalog";
  bool prefix = left == kInvalidOid;
  OperatorCache::Slot* slot = nullptr;
  if (name.size() <= 8 && !foreign) {
    uint64_t packed = 0;
    std::memcpy(&packed, name.data(), name.size());
    size_t h = (packed * 0x9E3779B97F4A7C15ull ^ raw(left) * 0x85EBCA6Bull ^ raw(right) * 0xC2B2AE35ull) >> 7;
    slot = &operator_cache().slots[h % OperatorCache::kSlots];
    if (slot->op && slot->name == packed && slot->left == raw(left) && slot->right == raw(right)) return slot->op;
    slot->op = nullptr;
    slot->name = packed;
    slot->left = raw(left);
    slot->right = raw(right);
  }
  auto found = [&](const facts::OperFact* o) { if (slot) slot->op = o; return o; };
  std::span<const facts::OperFact> all = foreign ? std::span<const facts::OperFact>{} : facts::opers_named(name);
  auto exact = [&](Oid l, Oid r) -> const facts::OperFact* {
    for (const facts::OperFact& o : all)
      if (Oid{o.left} == l && Oid{o.right} == r && usable(o)) return &o;
    return nullptr;
  };
  if (prefix) {
    if (auto* o = exact(kInvalidOid, right)) return found(o);
  } else {
    Oid l = left == oid::kUnknown ? right : left, r = right == oid::kUnknown ? left : right;
    if (auto* o = exact(l, r)) return found(o);
  }
  Vec<const facts::OperFact*> ops;
  Vec<std::span<const uint32_t>> types;
  for (const facts::OperFact& o : all) {
    if ((o.kind == 'l') != prefix || !usable(o)) continue;
    Oid in[2], to[2];
    size_t n = 0;
    if (!prefix) in[n] = left, to[n++] = Oid{o.left};
    in[n] = right, to[n++] = Oid{o.right};
    if (!can_coerce(std::span<const Oid>(in, n), std::span<const Oid>(to, n), Coercion::kImplicit)) continue;
    ops.push(a_, &o);
    types.push(a_, prefix ? std::span<const uint32_t>(&o.right, 1) : std::span<const uint32_t>(&o.left, 2));
  }
  int pick = -1;
  if (ops.size() == 1) pick = 0;
  else if (ops.size() > 1) {
    Oid in[2] = {left, right};
    pick = select_candidate(prefix ? std::span<const Oid>(&right, 1) : std::span<const Oid>(in, 2), types);
  }
  if (pick >= 0) return found(ops[pick]);
  if (no_error) return nullptr;
  std::string spelled = prefix ? cat(dotted(names), " ", type_name(right)) : cat(type_name(left), " ", dotted(names), " ", type_name(right));
  if (pick == -2)
    throw SqlError{sqlstate::kAmbiguousFunction, cat("operator is not unique: ", spelled), "", "Could not choose a best candidate operator. You might need to add explicit type casts.", position};
  throw SqlError{sqlstate::kUndefinedFunction, cat("operator does not exist: ", spelled), "",
                 prefix ? "No operator matches the given name and argument type. You might need to add an explicit type cast." : "No operator matches the given name and argument types. You might need to add explicit type casts.", position};
}

static_assert(offsetof(facts::OperFact, right) == offsetof(facts::OperFact, left) + sizeof(uint32_t), "an operator's operand types are read as an array");

Expr* Analyzer::op_expr(State& st, ast::Names name, Expr* left, Expr* right, int position) {
  for (Expr* side : {left, right})
    if (side && side->kind == ExprKind::kParam && side->type == kInvalidOid) side->type = oid::kUnknown;
  const facts::OperFact* op = find_operator(name, left ? left->type : kInvalidOid, right->type, false, position);
  Expr* e = make(ExprKind::kFunc, Oid{op->result}, position);
  Oid actual[2], declared[2];
  Expr* operands[2];
  size_t n = 0;
  if (left) operands[n] = left, actual[n] = left->type, declared[n++] = Oid{op->left};
  operands[n] = right, actual[n] = right->type, declared[n++] = Oid{op->right};
  e->type = Oid{op->result};
  bool poly = false;
  for (size_t i = 0; i < n; i++) poly |= is_polymorphic(declared[i]);
  if (poly || is_polymorphic(e->type)) {
    try {
      e->type = generic_result({actual, n}, {declared, n}, e->type, false);
    } catch (SqlError& err) { err.at(position); throw; }
  }
  e->collation = default_collation(e->type);
  Oid input_collation{0};
  for (size_t i = 0; i < n; i++) {
    operands[i] = coerce_type(operands[i], declared[i], -1, Coercion::kImplicit, false, 0);
    if (input_collation == kInvalidOid || input_collation == oid::kDefaultCollation) if (operands[i]->collation != kInvalidOid) input_collation = operands[i]->collation;
  }
  if (e->collation != kInvalidOid && input_collation != kInvalidOid) e->collation = input_collation;
  e->args = n == 2 ? args({operands[0], operands[1]}) : args({operands[0]});
  e->fn = Oid{op->code};
  e->oper = Oid{op->oid};
  e->name = op->name();
  const facts::ProcFact* proc = facts::find_proc(e->fn);
  if (proc && proc->retset) throw SqlError{sqlstate::kDatatypeMismatch, "operators must not return a set", "", "", position};
  (void)st;
  return e;
}

Expr* Analyzer::array_op(State&, ast::Names name, bool any, Expr* left, Expr* right, int position) {
  Oid right_elem;
  if (right->type == oid::kUnknown || right->type == kInvalidOid) {
    right_elem = oid::kUnknown;
  } else {
    right_elem = element_type(right->type);
    if (right_elem == kInvalidOid) throw SqlError{sqlstate::kWrongObjectType, "op ANY/ALL (array) requires array on right side", "", "", position};
  }
  if (left->type == kInvalidOid) left->type = oid::kUnknown;
  const facts::OperFact* op = find_operator(name, left->type, right_elem, false, position);
  if (Oid{op->result} != oid::kBool) throw SqlError{sqlstate::kWrongObjectType, "op ANY/ALL (array) requires operator to yield boolean", "", "", position};
  Oid actual[2] = {left->type, right_elem}, declared[2] = {Oid{op->left}, Oid{op->right}};
  if (is_polymorphic(declared[0]) || is_polymorphic(declared[1])) generic_result(actual, declared, oid::kBool, false);
  Oid arr = array_type(declared[1]);
  if (right->type != oid::kUnknown && right->type != kInvalidOid && declared[1] == right_elem) arr = right->type;
  if (arr == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find array type for data type ", type_name(declared[1])), "", "", position};
  Expr* e = make(any ? ExprKind::kAnyArray : ExprKind::kAllArray, oid::kBool, position);
  e->args = args({coerce_type(left, declared[0], -1, Coercion::kImplicit, false, 0), coerce_type(right, arr, -1, Coercion::kImplicit, false, 0)});
  e->fn = Oid{op->code};
  e->oper = Oid{op->oid};
  e->name = op->name();
  e->elem_type = declared[1];
  return e;
}

Expr* Analyzer::distinct_op(State& st, Expr* left, Expr* right, int position) {
  static constexpr std::string_view kEq[] = {"="};
  if (left->kind == ExprKind::kRow && right->kind == ExprKind::kRow && left->type == oid::kRecord && right->type == oid::kRecord) {
    if (left->args.size() != right->args.size()) throw SqlError{sqlstate::kSyntaxError, "unequal number of entries in row expressions", "", "", position};
    if (left->args.empty()) return bool_const(false, position);
    Expr* all = make(ExprKind::kOr, oid::kBool, position);
    Vec<Expr*> parts;
    for (size_t i = 0; i < left->args.size(); i++) parts.push(a_, distinct_op(st, left->args[i], right->args[i], position));
    all->args = parts.span();
    return parts.size() == 1 ? parts[0] : all;
  }
  Expr* eq = op_expr(st, kEq, left, right, position);
  if (eq->type != oid::kBool) throw SqlError{sqlstate::kDatatypeMismatch, "IS DISTINCT FROM requires = operator to yield boolean", "", "", position};
  eq->kind = ExprKind::kDistinct;
  return eq;
}

Expr* Analyzer::row_op(State& st, ast::Names name, std::span<Expr* const> left, std::span<Expr* const> right, int position) {
  if (left.size() != right.size()) throw SqlError{sqlstate::kSyntaxError, "unequal number of entries in row expressions", "", "", position};
  if (left.empty()) throw SqlError{sqlstate::kFeatureNotSupported, "cannot compare rows of zero length", "", "", position};
  std::string_view op = name.back();
  auto one = [&](std::string_view o, size_t i) {
    auto n = alloc<std::string_view>(1);
    n[0] = o;
    Expr* e = op_expr(st, n, left[i], right[i], position);
    if (e->type != oid::kBool)
      throw SqlError{sqlstate::kDatatypeMismatch, cat("row comparison operator must yield type boolean, not type ", type_name(e->type)), "", "", position};
    return e;
  };
  if (left.size() == 1) return one(op, 0);
  if (op == "=" || op == "<>") {
    Expr* all = make(op == "=" ? ExprKind::kAnd : ExprKind::kOr, oid::kBool, position);
    Vec<Expr*> parts;
    for (size_t i = 0; i < left.size(); i++) parts.push(a_, one(op, i));
    all->args = parts.span();
    return all;
  }
  if (op != "<" && op != "<=" && op != ">" && op != ">=")
    throw SqlError{sqlstate::kFeatureNotSupported, cat("could not determine interpretation of row comparison operator ", op), "", "Row comparison operators must be associated with btree operator families.", position};
  // (a, b) < (c, d) is a < c OR (a = c AND b < d).
  std::string_view strict = op.substr(0, 1);
  Expr* rest = one(op, left.size() - 1);
  for (size_t i = left.size() - 1; i-- > 0;) {
    Expr* both = make(ExprKind::kAnd, oid::kBool, position);
    both->args = args({one("=", i), rest});
    Expr* either = make(ExprKind::kOr, oid::kBool, position);
    either->args = args({one(strict, i), both});
    rest = either;
  }
  return rest;
}

const facts::OperFact* Analyzer::ordering_op(Oid type, std::string_view name, bool required, int position) {
  auto n = alloc<std::string_view>(1);
  n[0] = name;
  const facts::OperFact* op = type == oid::kUnknown ? nullptr : find_operator(n, type, type, true, position);
  // Only operators of a btree class over (a binary-compatible relative of) the type order it.
  bool good = op && Oid{op->result} == oid::kBool;
  if (good && find_type(type)) {
    const TypeInfo* t = find_type(is_polymorphic(Oid{op->left}) ? type : Oid{op->left});
    bool array_ok = is_array(type) && find_type(element_type(type)) && find_type(element_type(type))->compare;
    good = name == "=" ? (t && (t->compare || t->hash || op->can_hash || op->can_merge)) : (t && (t->compare || array_ok)) || type == oid::kRecord;
  }
  if (good) return op;
  if (!required) return nullptr;
  if (name == "=") throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify an equality operator for type ", type_name(type)), "", "", position};
  throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify an ordering operator for type ", type_name(type)), "", "Use an explicit ordering operator or modify the query.", position};
}

Oid Analyzer::equality_fn(Oid type, int position, bool required) {
  const facts::OperFact* op = ordering_op(type, "=", required, position);
  return op ? Oid{op->code} : kInvalidOid;
}

}  // namespace postern::sql
