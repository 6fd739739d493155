// Function calls: choosing the function, arguments by name and default, aggregates, window functions, fields of composites.
#include <algorithm>

#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"
#include "postgres/sql/parse/parse.h"

namespace postern::sql {
namespace {

std::string_view nth(std::string_view list, size_t n) {
  while (n--) {
    auto e = list.find('\x01');
    if (e == list.npos) return {};
    list.remove_prefix(e + 1);
  }
  return list.substr(0, list.find('\x01'));
}

struct Candidate {
  const facts::ProcFact* proc;
  std::span<uint32_t> types;      // one per actual argument, in the order written
  std::span<int> slots;           // argument of the function that each actual one fills (named notation); empty: in order
  int defaults = 0;
  bool variadic = false;
  bool exact = false;
};

// Input argument names in order.
std::string_view input_name(const facts::ProcFact& p, size_t input) {
  std::string_view names = p.names(), modes = p.modes();
  if (names.empty()) return {};
  if (modes.empty()) return nth(names, input);
  size_t seen = 0;
  for (size_t i = 0; i < modes.size(); i++) {
    if (modes[i] == 'o' || modes[i] == 't') continue;
    if (seen++ == input) return nth(names, i);
  }
  return {};
}

}  // namespace

// Columns of a function's result declared by OUT or TABLE arguments.
void Analyzer::out_columns(const facts::ProcFact& p, Analyzer& a, Fields& out) {
  std::string_view modes = p.modes();
  auto types = p.all_args();
  int unnamed = 0;
  for (size_t i = 0; i < modes.size() && i < types.size(); i++) {
    if (modes[i] == 'i' || modes[i] == 'v') continue;
    std::string_view name = nth(p.names(), i);
    unnamed++;
    out.names.push(a.a_, name.empty() ? a.intern(cat("column", unnamed)) : name);
    out.types.push(a.a_, Oid{types[i]});
    out.typmods.push(a.a_, -1);
  }
}

Analyzer::FuncChoice Analyzer::choose_function(std::string_view name, bool foreign, std::span<Expr*> args, ast::Names arg_names, bool variadic, int position) {
  FuncChoice choice;
  size_t n = args.size();
  Vec<Oid> actual;
  for (Expr* e : args) {
    if (e->kind == ExprKind::kParam && e->type == kInvalidOid) e->type = oid::kUnknown;
    actual.push(a_, e->type);
  }
  Vec<Candidate> cands;
  auto named = foreign ? std::span<const uint16_t>{} : facts::procs_named(name);
  for (uint16_t index : named) {
    const facts::ProcFact& p = facts::procs()[index];
    if (!fn_is_implemented(Oid{p.oid}) && p.kind != 'w') continue;   // window functions are the executor's
    Candidate c{&p};
    size_t np = p.nargs;
    bool expand = p.variadic && !variadic && arg_names.empty() && n >= np && np > 0;
    if (!arg_names.empty()) {
      // Positional ones first, then each name finds its slot; the rest must have defaults.
      if (np < n) continue;
      auto slots = alloc<int>(n);
      auto used = alloc<bool>(np);
      size_t positional = n - arg_names.size();
      bool ok = true;
      for (size_t i = 0; i < positional; i++) slots[i] = static_cast<int>(i), used[i] = true;
      for (size_t i = positional; i < n && ok; i++) {
        ok = false;
        for (size_t k = 0; k < np; k++)
          if (!used[k] && input_name(p, k) == arg_names[i - positional]) { slots[i] = static_cast<int>(k), used[k] = true, ok = true; break; }
      }
      for (size_t k = 0; k < np && ok; k++) if (!used[k] && k + p.n_defaults < np) ok = false;
      if (!ok) continue;
      c.slots = slots;
      c.types = alloc<uint32_t>(n);
      for (size_t i = 0; i < n; i++) c.types[i] = p.args()[slots[i]];
      c.defaults = static_cast<int>(np - n);
    } else if (np == n && !expand) {
      c.types = alloc<uint32_t>(n);
      std::copy(p.args().begin(), p.args().end(), c.types.begin());
    } else if (expand) {
      c.types = alloc<uint32_t>(n);
      for (size_t i = 0; i < n; i++) c.types[i] = i < np - 1 ? p.args()[i] : p.variadic;
      c.variadic = true;
    } else if (np > n && np - n <= p.n_defaults) {
      c.types = alloc<uint32_t>(n);
      for (size_t i = 0; i < n; i++) c.types[i] = p.args()[i];
      c.defaults = static_cast<int>(np - n);
    } else {
      continue;
    }
    // VARIADIC array only fits a variadic function.
    if (variadic && !p.variadic) continue;
    c.exact = true;
    for (size_t i = 0; i < n; i++) c.exact &= Oid{c.types[i]} == actual[i];
    cands.push(a_, c);
  }
  const Candidate* best = nullptr;
  for (const Candidate& c : cands)
    if (c.exact && (!best || (best->variadic && !c.variadic) || (best->defaults > c.defaults))) best = &c;
  if (!best && n == 1 && arg_names.empty() && !foreign) {
    // name(x) may be a cast.
    const TypeInfo* t = find_type_by_name(name);
    if (t && t->typtype != 'p') {
      Oid source = actual[0], fn;
      Path p = source == oid::kUnknown ? Path::kRelabel : find_path(t->oid, source, Coercion::kExplicit, &fn);
      if (p == Path::kRelabel || (p == Path::kViaIo && !(is_composite(source) && t->category == 'S'))) {
        choice.cast_type = t->oid;
        return choice;
      }
    }
  }
  if (!best) {
    Vec<const Candidate*> fitting;
    for (const Candidate& c : cands) {
      Vec<Oid> target;
      for (uint32_t t : c.types) target.push(a_, Oid{t});
      if (can_coerce(actual.span(), target.span(), Coercion::kImplicit)) fitting.push(a_, &c);
    }
    // Among candidates with the same types, fewer defaults and no variadic expansion win.
    Vec<const Candidate*> distinct;
    for (const Candidate* c : fitting) {
      bool dup = false;
      for (const Candidate*& d : distinct)
        if (std::equal(c->types.begin(), c->types.end(), d->types.begin(), d->types.end())) {
          dup = true;
          if ((d->variadic && !c->variadic) || (d->variadic == c->variadic && d->defaults > c->defaults)) d = c;
        }
      if (!dup) distinct.push(a_, c);
    }
    if (distinct.size() == 1) best = distinct[0];
    else if (distinct.size() > 1) {
      Vec<std::span<const uint32_t>> types;
      for (const Candidate* c : distinct) types.push(a_, c->types);
      int pick = select_candidate(actual.span(), types);
      if (pick >= 0) best = distinct[pick];
      else choice.ambiguous = true;
    }
  }
  if (!best) return choice;
  const facts::ProcFact& p = *best->proc;
  choice.proc = &p;
  choice.variadic_expanded = best->variadic;
  size_t np = best->variadic ? n : p.nargs;
  choice.args = alloc<Expr*>(np);
  choice.declared = alloc<Oid>(np);
  for (size_t i = 0; i < np; i++) choice.declared[i] = Oid{best->variadic && i + 1 >= p.nargs ? p.variadic : p.args()[i]};
  for (size_t i = 0; i < n; i++) choice.args[best->slots.empty() ? i : best->slots[i]] = args[i];
  for (size_t i = 0; i < np; i++) {
    if (choice.args[i]) continue;
    std::string_view text = nth(p.defaults(), i - (p.nargs - p.n_defaults));
    auto parsed = parse(a_.copy(std::string_view(cat("SELECT ", text))), a_);
    State empty;
    Expr* d = expr(empty, ast::to<ast::SelectStmt>(*parsed[0].stmt).targets[0]->expr, Clause::kOther);
    d->position = position;
    choice.args[i] = d;
  }
  return choice;
}

void Analyzer::no_function(const ast::Func& f, std::span<Expr* const> args, ast::Names arg_names, bool ambiguous) {
  std::string sig = dotted(f.name) + "(";
  size_t positional = args.size() - arg_names.size();
  for (size_t i = 0; i < args.size(); i++) {
    append(sig, i ? ", " : "");
    if (i >= positional) append(sig, arg_names[i - positional], " => ");
    append(sig, type_name(args[i]->type));
  }
  sig += ")";
  if (ambiguous)
    throw SqlError{sqlstate::kAmbiguousFunction, cat("function ", sig, " is not unique"), "", "Could not choose a best candidate function. You might need to add explicit type casts.", f.position};
  throw SqlError{sqlstate::kUndefinedFunction, cat("function ", sig, " does not exist"), "", "No function matches the given name and argument types. You might need to add explicit type casts.", f.position};
}

Expr* Analyzer::func_call(State& st, const ast::Func& f) {
  std::string_view name = f.name.back();
  // The one function of information_schema that clients call is kept with the built-in ones.
  bool foreign = f.name.size() > 1 && f.name[f.name.size() - 2] != "pg_catalog" && !(name == "_pg_expandarray" && f.name[f.name.size() - 2] == "information_schema");
  if (foreign && catalog::find_namespace(f.name[f.name.size() - 2]) == kInvalidOid)
    throw SqlError{sqlstate::kInvalidSchemaName, cat("schema \"", f.name[f.name.size() - 2], "\" does not exist"), "", "", f.position};
  Vec<Expr*> list;
  Vec<std::string_view> names;
  for (const ast::Expr* arg : f.args) {
    if (auto* na = ast::as<ast::NamedArg>(arg)) {
      for (std::string_view seen : names)
        if (seen == na->name) throw SqlError{sqlstate::kSyntaxError, cat("argument name \"", na->name, "\" used more than once"), "", "", na->position};
      names.push(a_, na->name);
      list.push(a_, transform(st, na->arg));
      continue;
    }
    if (!names.empty()) throw SqlError{sqlstate::kSyntaxError, "positional argument cannot follow named argument", "", "", arg->position};
    // f(t.*) passes the whole row.
    if (auto* c = ast::as<ast::ColumnRef>(arg); c && c->star && c->fields.size() == 1) {
      int levels = 0;
      const NsItem* item = find_item(st, "", c->fields[0], c->position, &levels);
      if (!item) missing_table(st, "", c->fields[0], c->position);
      list.push(a_, whole_row(*item, levels, c->position));
      continue;
    }
    list.push(a_, transform(st, arg));
  }
  // An ordered-set aggregate gets its direct arguments, then the values of WITHIN GROUP, row by row in that order.
  if (f.within_group)
    for (const ast::SortBy* s : f.order) list.push(a_, transform(st, s->expr));
  if (f.star && !(name == "count")) {
    // Only aggregates without arguments take "*".
    FuncChoice c = choose_function(name, foreign, list.span(), {}, false, f.position);
    if (c.proc && c.proc->kind != 'a' && c.proc->kind != 'w') throw SqlError{sqlstate::kWrongObjectType, cat(name, "(*) specified, but ", name, " is not an aggregate function"), "", "", f.position};
  }
  FuncChoice choice = choose_function(name, foreign, list.span(), names.span(), f.variadic, f.position);
  if (choice.cast_type != kInvalidOid) {
    if (f.distinct || f.filter || f.over || !f.order.empty()) throw SqlError{sqlstate::kWrongObjectType, cat("DISTINCT specified, but ", name, " is not an aggregate function"), "", "", f.position};
    Expr* e = coerce_type(list[0], choice.cast_type, -1, Coercion::kExplicit, true, f.position);
    return e;
  }
  if (!choice.proc) {
    if (list.size() == 1 && names.empty() && f.name.size() == 1 && !f.distinct && !f.over && !f.star && !choice.ambiguous)
      if (Expr* field = field_of(st, list[0], name, f.position, false)) return field;
    no_function(f, list.span(), names.span(), choice.ambiguous);
  }
  return finish_call(st, f, choice, f.position);
}

// percentile_disc … cume_dist: the ordered-set and hypothetical-set aggregates have neighbouring OIDs.
static bool is_ordered_set(const facts::ProcFact& p) { return p.oid >= 3972 && p.oid <= 3992; }

Expr* Analyzer::finish_call(State& st, const ast::Func& f, FuncChoice& choice, int position) {
  const facts::ProcFact& p = *choice.proc;
  std::string_view name = p.name();
  auto not_aggregate = [&](std::string_view what) { return SqlError{sqlstate::kWrongObjectType, cat(what, " specified, but ", dotted(f.name), " is not an aggregate function"), "", "", position}; };
  if (p.kind == 'p') throw SqlError{sqlstate::kWrongObjectType, cat(dotted(f.name), "() is a procedure"), "", "To call a procedure, use CALL.", position};
  if (p.kind == 'f') {
    if (f.star) throw SqlError{sqlstate::kWrongObjectType, cat(dotted(f.name), "(*) specified, but ", dotted(f.name), " is not an aggregate function"), "", "", position};
    if (f.distinct) throw not_aggregate("DISTINCT");
    if (!f.order.empty()) throw not_aggregate("ORDER BY");
    if (f.filter) throw not_aggregate("FILTER");
    if (f.over) throw SqlError{sqlstate::kWrongObjectType, cat("OVER specified, but ", dotted(f.name), " is not a window function nor an aggregate function"), "", "", position};
  }
  if (p.kind == 'a' && is_ordered_set(p) != f.within_group)
    throw SqlError{sqlstate::kWrongObjectType,
                   f.within_group ? cat(dotted(f.name), " is not an ordered-set aggregate, so it cannot have WITHIN GROUP")
                                  : cat("WITHIN GROUP is required for ordered-set aggregate ", dotted(f.name)), "", "", position};
  if (p.kind == 'a' && f.args.empty() && !f.star && !f.within_group)
    throw SqlError{sqlstate::kWrongObjectType, cat(dotted(f.name), "(*) must be used to call a parameterless aggregate function"), "", "", position};

  size_t n = choice.args.size();
  auto actual = alloc<Oid>(n);
  for (size_t i = 0; i < n; i++) actual[i] = choice.args[i]->type;
  Oid result{p.ret};
  bool poly = is_polymorphic(result);
  for (Oid d : choice.declared) poly |= is_polymorphic(d);
  if (poly) {
    try { result = generic_result(actual, choice.declared, result, false); } catch (SqlError& err) { err.at(position); throw; }
  }
  Oid collation{0};
  for (size_t i = 0; i < n; i++) {
    choice.args[i] = coerce_type(choice.args[i], choice.declared[i], -1, Coercion::kImplicit, false, 0);
    if (choice.args[i]->type == kInvalidOid) resolve_unknown(choice.args[i]);
    if (choice.args[i]->collation != kInvalidOid && (collation == kInvalidOid || collation == oid::kDefaultCollation)) collation = choice.args[i]->collation;
  }
  Expr* e = make(p.kind == 'a' ? ExprKind::kAgg : p.kind == 'w' ? ExprKind::kWindow : p.retset ? ExprKind::kSetFunc : ExprKind::kFunc, result, position);
  if (e->collation != kInvalidOid && collation != kInvalidOid && default_collation(result) == oid::kDefaultCollation) e->collation = collation;
  e->fn = Oid{p.oid};
  e->name = name;
  e->args = choice.args;
  e->retset = p.retset;
  e->variadic = f.variadic;
  e->distinct = f.distinct;
  e->star = f.star;
  if (choice.variadic_expanded && Oid{p.variadic} != oid::kAny) {
    // The expanded arguments become the array the function is declared with.
    size_t fixed = p.nargs - 1;
    Oid elem = n > fixed ? choice.declared[fixed] : Oid{p.variadic};
    Expr* array = make(ExprKind::kArray, array_type(elem), position);
    array->elem_type = elem;
    array->args = choice.args.subspan(fixed);
    auto all = alloc<Expr*>(fixed + 1);
    std::copy(choice.args.begin(), choice.args.begin() + static_cast<long>(fixed), all.begin());
    all[fixed] = array;
    e->args = all;
    e->variadic = true;
    e->number = 3;               // deparsed without VARIADIC
  }
  if (f.sql_syntax) e->number = 4;    // deparsed in SQL's own syntax
  if (p.retset) {
    if (st.q) st.q->has_set_funcs = true;
    if (st.in_agg) throw SqlError{sqlstate::kFeatureNotSupported, "aggregate function calls cannot contain set-returning function calls", "", "You might be able to move the set-returning function into a LATERAL FROM item.", position};
    if (st.in_window) throw SqlError{sqlstate::kFeatureNotSupported, "window function calls cannot contain set-returning function calls", "", "You might be able to move the set-returning function into a LATERAL FROM item.", position};
    switch (st.clause) {
      case Clause::kSelect: case Clause::kFromFunction: case Clause::kGroupBy: case Clause::kOrderBy: case Clause::kDistinctOn: case Clause::kOther: case Clause::kValues: case Clause::kInsertTarget: break;
      default: throw SqlError{sqlstate::kFeatureNotSupported, cat("set-returning functions are not allowed in ", clause_name(st.clause)), "", "", position};
    }
  }
  if (p.kind == 'w' && !f.over) throw SqlError{sqlstate::kWrongObjectType, cat("window function ", name, " requires an OVER clause"), "", "", position};
  if (f.over) return window_call(st, f, e);
  if (p.kind == 'a') return aggregate(st, f, e, p);
  return e;
}

Expr* Analyzer::aggregate(State& st, const ast::Func& f, Expr* call, const facts::ProcFact& p) {
  if (p.retset) throw_internal("aggregate returns a set");
  if (f.filter) {
    bool was = st.in_agg;
    st.in_agg = true;
    Clause saved = st.clause;
    st.clause = Clause::kFilter;
    call->filter = coerce_to_boolean(transform(st, f.filter), "FILTER");
    st.clause = saved;
    st.in_agg = was;
  }
  if (f.distinct) {
    if (call->args.empty()) throw SqlError{sqlstate::kInvalidColumnReference, "DISTINCT specified but no arguments", "", "", f.position};
    for (Expr*& a : call->args) resolve_unknown(a);
    for (Expr* a : call->args) equality_fn(a->type, a->position);
    for (Expr* a : call->args) ordering_op(a->type, "<", true, a->position);
  }
  if (!f.order.empty()) {
    Vec<SortKey> keys;
    for (const ast::SortBy* s : f.order) {
      Expr* k = transform(st, s->expr);
      resolve_unknown(k);
      if (f.distinct) {
        bool found = false;
        for (Expr* a : call->args) found |= same_expr(a, k);
        if (!found) throw SqlError{sqlstate::kInvalidColumnReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list", "", "", start_of(k)};
      }
      keys.push(a_, sort_key(st, *s, k));
    }
    call->order = keys.span();
  }
  // The aggregate belongs to the innermost level whose columns it uses.
  int lowest = -1;
  bool nested = false, srf = false;
  int nested_position = 0;
  auto walk = [&](auto&& self, const Expr* e, int sub) -> void {
    if (!e) return;
    if (e->kind == ExprKind::kColumn && e->levels_up >= sub) lowest = lowest < 0 ? e->levels_up - sub : std::min(lowest, e->levels_up - sub);
    if (e->kind == ExprKind::kAgg && e->levels_up >= sub) {
      if (e->levels_up - sub == 0) nested = true, nested_position = e->position;
      lowest = lowest < 0 ? e->levels_up - sub : std::min(lowest, e->levels_up - sub);
    }
    if (e->kind == ExprKind::kWindow) throw SqlError{sqlstate::kGroupingError, "aggregate function calls cannot contain window function calls", "", "", e->position};
    if (e->kind == ExprKind::kSetFunc) srf = true, nested_position = e->position;
    for (const Expr* c : e->args) self(self, c, sub);
    self(self, e->filter, sub);
    for (const SortKey& k : e->order) self(self, k.expr, sub);
    if (e->kind == ExprKind::kSubquery && e->subquery) walk_query_exprs(*e->subquery, [&](const Expr* x, int depth) { self(self, x, sub + 1 + depth); });
  };
  for (const Expr* a : call->args) walk(walk, a, 0);
  walk(walk, call->filter, 0);
  for (const SortKey& k : call->order) walk(walk, k.expr, 0);
  if (srf) throw SqlError{sqlstate::kFeatureNotSupported, "aggregate function calls cannot contain set-returning function calls", "", "You might be able to move the set-returning function into a LATERAL FROM item.", nested_position};
  if (nested && lowest == 0) throw SqlError{sqlstate::kGroupingError, "aggregate function calls cannot be nested", "", "", nested_position};
  int level = std::max(lowest, 0);
  call->levels_up = static_cast<int16_t>(level);
  State* owner = &st;
  for (int i = 0; i < level && owner->parent; i++) owner = owner->parent;
  switch (owner->clause) {
    case Clause::kSelect: case Clause::kHaving: case Clause::kOrderBy: case Clause::kDistinctOn: case Clause::kWindowPartition: case Clause::kWindowOrder: break;
    case Clause::kFrom: case Clause::kJoinOn: case Clause::kFromFunction: case Clause::kWhere: case Clause::kFilter: case Clause::kGroupBy: case Clause::kLimit: case Clause::kOffset:
    case Clause::kReturning: case Clause::kValues: case Clause::kInsertTarget: case Clause::kUpdateSource: case Clause::kWindowFrame: case Clause::kCheck: case Clause::kDefault:
    case Clause::kIndexExpr: case Clause::kIndexPredicate: case Clause::kExecute: case Clause::kCallArgument: case Clause::kCopyWhere: case Clause::kOther:
      throw SqlError{sqlstate::kGroupingError, cat("aggregate functions are not allowed in ", owner->clause == Clause::kFrom ? std::string_view("FROM clause of their own query level") : clause_name(owner->clause)), "", "", f.position};
  }
  if (owner->q) owner->q->has_aggs = true;
  return call;
}

int Analyzer::window_index(State& st, const ast::WindowDef& w) {
  if (!w.name.empty()) {
    for (uint32_t i = 0; i < st.window_defs.size(); i++)
      if (st.window_defs[i]->name == w.name) return static_cast<int>(i);
    throw SqlError{sqlstate::kUndefinedObject, cat("window \"", w.name, "\" does not exist"), "", "", w.position};
  }
  const WindowDef* base = nullptr;
  if (!w.ref_name.empty()) {
    for (uint32_t i = 0; i < st.window_defs.size(); i++)
      if (st.window_defs[i]->name == w.ref_name) base = &st.windows[i];
    if (!base) throw SqlError{sqlstate::kUndefinedObject, cat("window \"", w.ref_name, "\" does not exist"), "", "", w.position};
  }
  WindowDef def = make_window(st, w, base);
  // Equal windows are one.
  for (uint32_t i = 0; i < st.windows.size(); i++) {
    const WindowDef& o = st.windows[i];
    bool same = o.partition.size() == def.partition.size() && o.order.size() == def.order.size() && o.frame_options == def.frame_options && same_expr(o.start, def.start) && same_expr(o.end, def.end);
    for (size_t k = 0; same && k < def.partition.size(); k++) same = same_expr(o.partition[k], def.partition[k]);
    for (size_t k = 0; same && k < def.order.size(); k++)
      same = same_expr(o.order[k].expr, def.order[k].expr) && o.order[k].desc == def.order[k].desc && o.order[k].nulls_first == def.order[k].nulls_first;
    if (same) return static_cast<int>(i);
  }
  st.windows.push(a_, def);
  return static_cast<int>(st.windows.size() - 1);
}

namespace {
// The type of an offset in RANGE mode over a key of this type; 0: none.
Oid range_offset_type(Oid key) {
  switch (raw(key)) {
    case raw(oid::kInt2): case raw(oid::kInt4): case raw(oid::kInt8): return oid::kInt8;
    case raw(oid::kFloat4): case raw(oid::kFloat8): return oid::kFloat8;
    case raw(oid::kNumeric): return oid::kNumeric;
    case raw(oid::kDate): case raw(oid::kTimestamp): case raw(oid::kTimestampTz): case raw(oid::kTime): case raw(oid::kInterval): return oid::kInterval;
    default: return Oid{0};
  }
}
}  // namespace

WindowDef Analyzer::make_window(State& st, const ast::WindowDef& w, const WindowDef* base) {
  constexpr uint32_t kRange = 2, kRows = 4, kGroups = 8, kOffsetPreceding = 0x1000 | 0x800, kOffsetFollowing = 0x4000 | 0x2000;
  WindowDef def;
  Clause saved = st.clause;
  bool was = st.in_window;
  st.in_window = true;
  st.clause = Clause::kWindowPartition;
  if (base) {
    if (!w.partition.empty()) throw SqlError{sqlstate::kWindowingError, cat("cannot override PARTITION BY clause of window \"", w.ref_name, "\""), "", "", w.position};
    if (!base->order.empty() && !w.order.empty()) throw SqlError{sqlstate::kWindowingError, cat("cannot override ORDER BY clause of window \"", w.ref_name, "\""), "", "", w.position};
    def.partition = base->partition;
    def.order = base->order;
  }
  if (!w.partition.empty()) {
    Vec<Expr*> parts;
    for (const ast::Expr* e : w.partition) {
      Expr* x = transform(st, e);
      resolve_unknown(x);
      ordering_op(x->type, "<", true, x->position);
      parts.push(a_, x);
    }
    def.partition = parts.span();
  }
  st.clause = Clause::kWindowOrder;
  if (!w.order.empty()) {
    Vec<SortKey> keys;
    for (const ast::SortBy* s : w.order) {
      Expr* x = transform(st, s->expr);
      resolve_unknown(x);
      keys.push(a_, sort_key(st, *s, x));
    }
    def.order = keys.span();
  }
  def.frame_options = w.frame_options;
  if ((w.frame_options & kGroups) && def.order.empty()) throw SqlError{sqlstate::kWindowingError, "GROUPS mode requires an ORDER BY clause", "", "", w.position};
  if ((w.frame_options & kRange) && (w.start || w.end)) {
    if (def.order.size() != 1) throw SqlError{sqlstate::kWindowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column", "", "", w.position};
  }
  (void)kRows; (void)kOffsetPreceding; (void)kOffsetFollowing;
  st.clause = Clause::kWindowFrame;
  std::string_view mode = w.frame_options & kRows ? "ROWS" : w.frame_options & kRange ? "RANGE" : "GROUPS";
  auto offset = [&](const ast::Expr* x) -> Expr* {
    if (!(w.frame_options & kRange)) return coerce_to_int8(transform(st, x), mode);
    const Oid key = def.order[0].expr->type, type = range_offset_type(key);
    Expr* e = transform(st, x);
    Expr* c = raw(type) ? coerce_to_target(e, type, -1, Coercion::kImplicit, false, e->position) : nullptr;
    if (!c)
      throw SqlError{sqlstate::kFeatureNotSupported, cat("RANGE with offset PRECEDING/FOLLOWING is not supported for column type ", type_name(key), raw(type) ? cat(" and offset type ", type_name(e->type)) : ""),
                     "", "", e->position};
    return c;
  };
  if (w.start) def.start = offset(w.start);
  if (w.end) def.end = offset(w.end);
  for (const Expr* e : {def.start, def.end})
    if (e && contains_column_of_level(e, 0)) throw SqlError{sqlstate::kInvalidColumnReference, cat("argument of ", mode, " must not contain variables"), "", "", e->position};
  st.clause = saved;
  st.in_window = was;
  return def;
}

Expr* Analyzer::window_call(State& st, const ast::Func& f, Expr* call) {
  auto refuse = [&](std::string_view where) { return SqlError{sqlstate::kWindowingError, cat("window functions are not allowed in ", where), "", "", f.position}; };
  switch (st.clause) {
    case Clause::kSelect: case Clause::kOrderBy: case Clause::kDistinctOn: break;
    default: throw refuse(clause_name(st.clause));
  }
  if (st.in_window) throw SqlError{sqlstate::kWindowingError, "window function calls cannot be nested", "", "", f.position};
  if (f.distinct) throw SqlError{sqlstate::kFeatureNotSupported, "DISTINCT is not implemented for window functions", "", "", f.position};
  if (!f.order.empty()) throw SqlError{sqlstate::kFeatureNotSupported, "aggregate ORDER BY is not implemented for window functions", "", "", f.position};
  if (f.filter && call->kind == ExprKind::kWindow) throw SqlError{sqlstate::kFeatureNotSupported, "FILTER is not implemented for non-aggregate window functions", "", "", f.position};
  if (f.filter) {
    Clause saved = st.clause;
    st.clause = Clause::kFilter;
    call->filter = coerce_to_boolean(transform(st, f.filter), "FILTER");
    st.clause = saved;
  }
  for (const Expr* a : call->args)
    if (a->kind == ExprKind::kWindow) throw SqlError{sqlstate::kWindowingError, "window function calls cannot be nested", "", "", a->position};
  call->kind = ExprKind::kWindow;
  call->number = window_index(st, *f.over);
  st.q->has_windows = true;
  return call;
}

bool Analyzer::record_fields(const Expr* e, Fields& out, State* st) {
  if (e->type != oid::kRecord && find_type(e->type)) return false;
  if (e->kind == ExprKind::kRow && e->type == oid::kRecord) {
    for (size_t i = 0; i < e->args.size(); i++) {
      out.names.push(a_, intern(cat("f", i + 1)));
      out.types.push(a_, e->args[i]->type);
      out.typmods.push(a_, e->args[i]->typmod);
    }
    return true;
  }
  if (e->type != oid::kRecord) {
    RelationRef rel = catalog::relation(catalog::row_type_relation(e->type));
    if (!rel) return false;
    for (const AttrDesc& a : rel->attrs) {
      out.names.push(a_, a.dropped ? std::string_view{} : intern(a.name));
      out.types.push(a_, a.type);
      out.typmods.push(a_, a.typmod);
    }
    return true;
  }
  if (e->kind == ExprKind::kFunc || e->kind == ExprKind::kSetFunc) {
    const facts::ProcFact* p = facts::find_proc(e->fn);
    if (!p || p->modes().empty()) return false;
    out_columns(*p, *this, out);
    for (Oid& t : out.types.span())
      if (t == oid::kAnyElement && !e->args.empty()) t = element_type(e->args[0]->type);
    return true;
  }
  if (e->kind == ExprKind::kColumn && e->attno > 0 && st) {   // a record that a sub-select in FROM gives
    for (uint32_t up = 0; up < static_cast<uint32_t>(e->levels_up) && st; up++) st = st->parent;
    if (!st || static_cast<size_t>(e->rel) >= st->rt.size()) return false;
    const Query* q = st->rt[static_cast<size_t>(e->rel)]->subquery;
    int16_t n = 0;
    if (q && !q->set_tree)
      for (const Target& t : q->targets)
        if (!t.junk && ++n == e->attno) return record_fields(t.expr, out);
    return false;
  }
  if (e->kind == ExprKind::kSubquery && e->sub_kind == SubKind::kScalar && e->subquery && !e->subquery->targets.empty()) return record_fields(e->subquery->targets[0].expr, out);
  return false;
}

Expr* Analyzer::field_of(State& st, Expr* e, std::string_view name, int position, bool required) {
  if (e->kind == ExprKind::kColumn && e->attno == 0) {
    // A field of a whole row is just the column.
    Fields fields;
    if (record_fields(e, fields, &st))
      for (uint32_t i = 0; i < fields.names.size(); i++)
        if (fields.names[i] == name) {
          Expr* c = make(ExprKind::kColumn, fields.types[i], position);
          c->typmod = fields.typmods[i];
          c->rel = e->rel;
          c->levels_up = e->levels_up;
          c->attno = static_cast<int16_t>(i + 1);
          return c;
        }
  }
  Fields fields;
  if (record_fields(e, fields, &st)) {
    for (uint32_t i = 0; i < fields.names.size(); i++) {
      if (fields.names[i] != name) continue;
      Expr* r = make(ExprKind::kField, fields.types[i], position);
      r->typmod = fields.typmods[i];
      r->attno = static_cast<int16_t>(i + 1);
      r->args = args({e});
      r->name = name;
      return r;
    }
  }
  if (!required) return nullptr;
  if (e->type == oid::kRecord) throw SqlError{sqlstate::kUndefinedColumn, cat("could not identify column \"", name, "\" in record data type"), "", "", position};
  if (is_composite(e->type)) throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", name, "\" not found in data type ", type_name(e->type)), "", "", position};
  throw SqlError{sqlstate::kWrongObjectType, cat("column notation .", name, " applied to type ", type_name(e->type), ", which is not a composite type"), "", "", position};
}

}  // namespace postern::sql
