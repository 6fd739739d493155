// Casts: which exist between two types, and applying them; common types; polymorphic arguments.
#include "common/base/cat.h"
#include "postgres/sql/analyze/analyzer.h"

namespace postern::sql {
namespace {

constexpr Oid kAnyEnum{3500}, kAnyRange{3831}, kAnyMultirange{4537}, kAnyCompatibleRange{5080}, kAnyCompatibleMultirange{4538}, kRecordArray{2287};

bool elem_family(Oid t) { return t == oid::kAnyElement || t == oid::kAnyNonArray || t == kAnyEnum; }

}  // namespace

std::string Analyzer::type_name(Oid t) { return catalog::format_type(t, -1); }

char Analyzer::category(Oid t) {
  if (t == oid::kUnknown) return 'X';
  const TypeInfo* i = find_type(t);
  return i ? i->category : 'C';
}
bool Analyzer::preferred(Oid t) {
  const TypeInfo* i = find_type(t);
  return i && i->preferred;
}
bool Analyzer::is_polymorphic(Oid t) {
  return t == oid::kAnyElement || t == oid::kAnyArray || t == oid::kAnyNonArray || t == kAnyEnum || t == kAnyRange || t == kAnyMultirange || t == oid::kAnyCompatible ||
         t == oid::kAnyCompatibleArray || t == oid::kAnyCompatibleNonArray || t == kAnyCompatibleRange || t == kAnyCompatibleMultirange;
}
bool Analyzer::is_array(Oid t) {
  const TypeInfo* i = find_type(t);
  return i && i->elem != kInvalidOid && i->len == -1 && i->category == 'A';
}
Oid Analyzer::element_type(Oid t) {
  if (t == oid::kInt2Vector) return oid::kInt2;
  if (t == oid::kOidVector) return oid::kOid;
  const TypeInfo* i = find_type(t);
  return i && i->category == 'A' ? i->elem : kInvalidOid;
}
Oid Analyzer::array_type(Oid t) {
  const TypeInfo* i = find_type(t);
  return i ? i->array : kInvalidOid;
}
bool Analyzer::is_composite(Oid t) {
  if (t == oid::kRecord) return true;
  if (find_type(t)) return false;
  return t != kInvalidOid && catalog::row_type_relation(t) != kInvalidOid;
}

Oid Analyzer::default_collation(Oid t) {
  switch (raw(t)) {
    case 25: case 1042: case 1043: case 1009: case 1014: case 1015: return oid::kDefaultCollation;
    case 19: case 1003: return oid::kCCollation;
    default: return kInvalidOid;
  }
}

bool Analyzer::binary_coercible(Oid source, Oid target) {
  if (source == target || target == oid::kAny || target == oid::kAnyElement || target == oid::kAnyCompatible) return true;
  if ((target == oid::kAnyArray || target == oid::kAnyCompatibleArray) && is_array(source)) return true;
  if ((target == oid::kAnyNonArray || target == oid::kAnyCompatibleNonArray) && !is_array(source)) return true;
  if (target == oid::kRecord && is_composite(source)) return true;
  const facts::CastFact* c = facts::find_cast(source, target);
  return c && c->method == 'b' && c->context == 'i';
}

Analyzer::Path Analyzer::find_path(Oid target, Oid source, Coercion c, Oid* fn) {
  *fn = kInvalidOid;
  if (source == target) return Path::kRelabel;
  if (const facts::CastFact* cast = facts::find_cast(source, target)) {
    Coercion needed = cast->context == 'i' ? Coercion::kImplicit : cast->context == 'a' ? Coercion::kAssignment : Coercion::kExplicit;
    if (c < needed) return Path::kNone;
    if (cast->method == 'b') return Path::kRelabel;
    if (cast->method == 'i') return Path::kViaIo;
    if (!fn_is_implemented(Oid{cast->func})) return Path::kNone;
    *fn = Oid{cast->func};
    return Path::kFunc;
  }
  // Arrays follow their elements; int2vector and oidvector are only targets by their own rows above.
  if (target != oid::kOidVector && target != oid::kInt2Vector) {
    Oid te = element_type(target), se = element_type(source);
    if (te != kInvalidOid && se != kInvalidOid) {
      Path p = find_path(te, se, c, fn);
      if (p == Path::kRelabel || p == Path::kFunc || p == Path::kViaIo) return p == Path::kRelabel && te == se ? Path::kRelabel : Path::kArray;
      return Path::kNone;
    }
  }
  if (c >= Coercion::kAssignment && category(target) == 'S') return Path::kViaIo;
  if (c >= Coercion::kExplicit && category(source) == 'S') return Path::kViaIo;
  return Path::kNone;
}

bool Analyzer::can_coerce(std::span<const Oid> input, std::span<const Oid> target, Coercion c) {
  bool generic = false;
  for (size_t i = 0; i < input.size(); i++) {
    Oid in = input[i], to = target[i], fn;
    if (in == to || to == oid::kAny) continue;
    if (is_polymorphic(to)) { generic = true; continue; }
    if (in == oid::kUnknown) continue;
    if (find_path(to, in, c, &fn) != Path::kNone) continue;
    if (in == oid::kRecord && is_composite(to)) continue;
    if (to == oid::kRecord && is_composite(in)) continue;
    return false;
  }
  return !generic || generic_consistent(input, target);
}

void Analyzer::set_param_type(Expr* p, Oid type, int position) {
  size_t i = static_cast<size_t>(p->number) - 1;
  if (i < params_.types.size() && params_.types[i] != kInvalidOid && params_.types[i] != type && params_.types[i] != oid::kUnknown)
    throw SqlError{sqlstate::kAmbiguousParameter, cat("inconsistent types deduced for parameter $", p->number), cat(type_name(params_.types[i]), " versus ", type_name(type)), "", position};
  if (i >= params_.types.size()) params_.types.resize(i + 1);
  params_.types[i] = type;
  p->type = type;
  p->collation = default_collation(type);
}

Expr* Analyzer::coerce_type(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position) {
  if (target == e->type || target == oid::kAny || target == oid::kAnyElement || target == oid::kAnyNonArray || target == oid::kAnyCompatible || target == oid::kAnyCompatibleNonArray) return e;
  if (target == oid::kAnyArray || target == oid::kAnyCompatibleArray || is_polymorphic(target)) {
    if (e->type != oid::kUnknown) return e;
  }
  if (e->kind == ExprKind::kConst && e->type == oid::kUnknown) {
    Expr* r = make(ExprKind::kConst, target, e->position);
    r->null = e->null;
    if (!e->null) {
      if (const TypeInfo* t = find_type(target)) {
        if (!t->in) throw_unsupported(cat("type ", type_name(target)), e->position);
        try {
          r->value = t->in(cx_, as_view(e->value), target == oid::kInterval ? typmod : -1);
        } catch (SqlError& err) {
          err.at(e->position);
          throw;
        }
      } else {
        throw_unsupported("input of composite types", e->position);
      }
    }
    if (target == oid::kInterval) r->typmod = typmod;
    r->explicit_cast = explicit_cast;
    return r;
  }
  if (e->kind == ExprKind::kParam && params_.deduce && (e->type == oid::kUnknown || e->type == kInvalidOid)) {
    set_param_type(e, target, e->position);
    return e;
  }
  if (e->kind == ExprKind::kRelabel && e->type == oid::kUnknown) return coerce_type(e->args[0], target, typmod, c, explicit_cast, position);
  Oid fn;
  Path p = find_path(target, e->type, c, &fn);
  if (p != Path::kNone) return apply_path(e, target, typmod, p, fn, c, explicit_cast, position);
  if (is_composite(target) && e->type == oid::kRecord) return row_to_composite(e, target, c, position);
  if (target == oid::kRecord && is_composite(e->type)) {
    Expr* r = make(ExprKind::kRelabel, target, e->position);
    r->args = args({e});
    r->explicit_cast = explicit_cast;
    return r;
  }
  if (e->type == oid::kUnknown) {
    Expr* r = make(ExprKind::kViaIo, target, e->position);
    r->args = args({e});
    r->explicit_cast = explicit_cast;
    return r;
  }
  throw_internal(cat("failed to find conversion function from ", type_name(e->type), " to ", type_name(target)));
}

Expr* Analyzer::apply_path(Expr* e, Oid target, int32_t typmod, Path path, Oid fn, Coercion c, bool explicit_cast, int position) {
  switch (path) {
    case Path::kRelabel: {
      if (e->type == target) return e;
      Expr* r = make(ExprKind::kRelabel, target, e->position);
      r->args = args({e});
      r->explicit_cast = explicit_cast;
      if (e->collation != kInvalidOid && r->collation != kInvalidOid) r->collation = e->collation;
      return r;
    }
    case Path::kViaIo: {
      Expr* r = make(ExprKind::kViaIo, target, e->position);
      r->args = args({e});
      r->explicit_cast = explicit_cast;
      return r;
    }
    case Path::kArray: {
      // The modifier, if any, is applied by a second one around this (coerce_typmod).
      Expr* r = make(ExprKind::kArrayCoerce, target, e->position);
      r->elem_type = element_type(target);
      find_path(r->elem_type, element_type(e->type), c, &r->fn);
      r->args = args({e});
      r->explicit_cast = explicit_cast;
      return r;
    }
    case Path::kFunc: {
      Expr* r = make(ExprKind::kFunc, target, e->position);
      r->fn = fn;
      const facts::ProcFact* proc = facts::find_proc(fn);
      size_t n = proc->nargs;
      if (n == 1) r->args = args({e});
      else if (n == 2) r->args = args({e, int4_const(typmod)});
      else r->args = args({e, int4_const(typmod), bool_const(c == Coercion::kExplicit)});
      r->name = proc->name();
      r->explicit_cast = explicit_cast;
      r->number = explicit_cast ? 1 : 2;      // marks a cast for deparsing: 1 explicit, 2 implicit
      if (n >= 2) r->typmod = typmod;
      return r;
    }
    case Path::kNone: break;
  }
  throw_internal("no cast to apply");
}

Expr* Analyzer::coerce_typmod(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position) {
  if (typmod < 0 || (e->typmod == typmod && e->type == target)) return e;
  Oid elem = element_type(target);
  bool array = elem != kInvalidOid && target != oid::kInt2Vector && target != oid::kOidVector;
  Oid base = array ? elem : target;
  const facts::CastFact* cast = facts::find_cast(base, base);
  if (!cast || !cast->func) {
    if (e->typmod == typmod) return e;
    Expr* r = make(ExprKind::kRelabel, target, e->position);
    r->args = args({e});
    r->typmod = typmod;
    return r;
  }
  if (!fn_is_implemented(Oid{cast->func})) throw_unsupported(cat("type modifiers of ", type_name(base)), position);
  if (array) {
    Expr* r = make(ExprKind::kArrayCoerce, target, e->position);
    r->elem_type = elem;
    r->typmod = typmod;
    r->fn = Oid{cast->func};
    r->args = args({e});
    r->explicit_cast = explicit_cast;
    return r;
  }
  Expr* r = apply_path(e, target, typmod, Path::kFunc, Oid{cast->func}, c, explicit_cast, position);
  if (e->collation != kInvalidOid) r->collation = e->collation;
  return r;
}

Expr* Analyzer::coerce_to_target(Expr* e, Oid target, int32_t typmod, Coercion c, bool explicit_cast, int position) {
  if (!can_coerce(e->type, target, c)) return nullptr;
  Expr* orig = e;
  e = coerce_type(e, target, typmod, c, explicit_cast, position);
  Expr* r = coerce_typmod(e, target, typmod, c, explicit_cast, position);
  if (r != e && e != orig && e->kind != ExprKind::kConst) {    // shown as one cast
    e->explicit_cast = false;
    if (e->kind == ExprKind::kFunc) e->number = 2;
  }
  return r;
}

Expr* Analyzer::row_to_composite(Expr* e, Oid target, Coercion c, int position) {
  if (e->kind != ExprKind::kRow) throw SqlError{sqlstate::kCannotCoerce, cat("cannot cast type ", type_name(e->type), " to ", type_name(target)), "", "", position};
  RelationRef rel = catalog::relation(catalog::row_type_relation(target));
  if (!rel) throw_internal("row type without relation");
  Vec<Expr*> out;
  size_t i = 0;
  auto fail = [&](std::string detail) { return SqlError{sqlstate::kCannotCoerce, cat("cannot cast type record to ", type_name(target)), std::move(detail), "", position}; };
  for (const AttrDesc& a : rel->attrs) {
    if (a.dropped) { out.push(a_, null_const(oid::kInt4)); continue; }
    if (i >= e->args.size()) throw fail("Input has too few columns.");
    Expr* x = coerce_to_target(e->args[i], a.type, a.typmod, c, false, position);
    if (!x) throw fail(cat("Cannot cast type ", type_name(e->args[i]->type), " to ", type_name(a.type), " in column ", i + 1, "."));
    out.push(a_, x);
    i++;
  }
  if (i < e->args.size()) throw fail("Input has too many columns.");
  Expr* r = make(ExprKind::kRow, target, e->position);
  r->args = out.span();
  return r;
}

Expr* Analyzer::coerce_to_boolean(Expr* e, std::string_view construct) {
  if (e->type != oid::kBool) {
    Expr* r = coerce_to_target(e, oid::kBool, -1, Coercion::kAssignment, false, 0);
    if (!r) throw SqlError{sqlstate::kDatatypeMismatch, cat("argument of ", construct, " must be type boolean, not type ", type_name(e->type)), "", "", start_of(e)};
    e = r;
  }
  if (e->retset) throw SqlError{sqlstate::kDatatypeMismatch, cat("argument of ", construct, " must not return a set"), "", "", start_of(e)};
  return e;
}

Expr* Analyzer::coerce_to_int8(Expr* e, std::string_view construct) {
  if (e->type != oid::kInt8) {
    Expr* r = coerce_to_target(e, oid::kInt8, -1, Coercion::kAssignment, false, 0);
    if (!r) throw SqlError{sqlstate::kDatatypeMismatch, cat("argument of ", construct, " must be type bigint, not type ", type_name(e->type)), "", "", start_of(e)};
    e = r;
  }
  return e;
}

Expr* Analyzer::coerce_to_common(Expr* e, Oid target, std::string_view context) {
  if (e->type == target) return e;
  if (!can_coerce(e->type, target, Coercion::kImplicit))
    throw SqlError{sqlstate::kCannotCoerce, cat(context, " could not convert type ", type_name(e->type), " to ", type_name(target)), "", "", start_of(e)};
  return coerce_type(e, target, -1, Coercion::kImplicit, false, 0);
}

Oid Analyzer::common_type(std::span<Expr* const> exprs, std::string_view context) {
  Oid ptype = exprs[0]->type;
  if (ptype != oid::kUnknown) {
    size_t i = 1;
    while (i < exprs.size() && exprs[i]->type == ptype) i++;
    if (i == exprs.size()) return ptype;
  }
  char pcat = category(ptype);
  bool ppref = preferred(ptype);
  for (size_t i = 1; i < exprs.size(); i++) {
    Oid n = exprs[i]->type;
    if (n == oid::kUnknown || n == ptype) continue;
    char ncat = category(n);
    if (ptype == oid::kUnknown) {
      ptype = n, pcat = ncat, ppref = preferred(n);
    } else if (ncat != pcat) {
      if (context.empty()) return kInvalidOid;
      throw SqlError{sqlstate::kDatatypeMismatch, cat(context, " types ", type_name(ptype), " and ", type_name(n), " cannot be matched"), "", "", start_of(exprs[i])};
    } else if (!ppref && can_coerce(ptype, n, Coercion::kImplicit) && !can_coerce(n, ptype, Coercion::kImplicit)) {
      ptype = n, pcat = ncat, ppref = preferred(n);
    }
  }
  return ptype == oid::kUnknown ? oid::kText : ptype;
}

int32_t Analyzer::common_typmod(std::span<Expr* const> exprs, Oid type) {
  int32_t typmod = -1;
  for (size_t i = 0; i < exprs.size(); i++) {
    if (exprs[i]->type != type) return -1;
    if (i == 0) typmod = exprs[i]->typmod;
    else if (exprs[i]->typmod != typmod) return -1;
  }
  return typmod;
}

void Analyzer::resolve_unknown(Expr*& e) {
  if (e->type == oid::kUnknown || (e->kind == ExprKind::kParam && e->type == kInvalidOid)) e = coerce_type(e, oid::kText, -1, Coercion::kImplicit, false, e->position);
}

// ---------------------------------------------------------------- polymorphic types

Oid Analyzer::common_type_from_oids(std::span<const Oid> types) {
  Oid p{0};
  for (Oid n : types) {
    if (n == oid::kUnknown || n == p) continue;
    if (p == kInvalidOid) p = n;
    else if (category(n) != category(p)) return kInvalidOid;
    else if (!preferred(p) && can_coerce(p, n, Coercion::kImplicit) && !can_coerce(n, p, Coercion::kImplicit)) p = n;
  }
  return p;
}

bool Analyzer::generic_consistent(std::span<const Oid> actual, std::span<const Oid> declared) {
  Oid elem{0}, array{0};
  bool nonarray = false;
  Vec<Oid> compatible;
  for (size_t i = 0; i < actual.size(); i++) {
    Oid d = declared[i], t = actual[i];
    if (d == kAnyEnum || d == kAnyRange || d == kAnyMultirange || d == kAnyCompatibleRange || d == kAnyCompatibleMultirange) {
      if (t != oid::kUnknown) return false;            // no enum or range types yet
    } else if (elem_family(d)) {
      nonarray |= d == oid::kAnyNonArray;
      if (t == oid::kUnknown) continue;
      if (elem != kInvalidOid && t != elem) return false;
      elem = t;
    } else if (d == oid::kAnyArray) {
      if (t == oid::kUnknown) continue;
      if (array != kInvalidOid && t != array) return false;
      if (element_type(t) == kInvalidOid && t != oid::kAnyArray) return false;
      array = t;
    } else if (d == oid::kAnyCompatible || d == oid::kAnyCompatibleNonArray) {
      if (t != oid::kUnknown) compatible.push(a_, t);
    } else if (d == oid::kAnyCompatibleArray) {
      if (t == oid::kUnknown) continue;
      if (element_type(t) == kInvalidOid) return false;
      compatible.push(a_, element_type(t));
    }
  }
  if (array != kInvalidOid && array != oid::kAnyArray) {
    Oid e = element_type(array);
    if (elem == kInvalidOid) elem = e;
    else if (e != elem) return false;
  }
  if (nonarray && elem != kInvalidOid && is_array(elem)) return false;
  if (!compatible.empty() && common_type_from_oids(compatible.span()) == kInvalidOid) return false;
  return true;
}

// Replaces polymorphic declared types by actual ones and returns the result type.
Oid Analyzer::generic_result(std::span<Oid> actual, std::span<Oid> declared, Oid result, bool allow_poly) {
  Oid elem{0}, array{0};
  bool have_poly = false, have_compatible = false;
  Vec<Oid> compatible;
  for (size_t i = 0; i < actual.size(); i++) {
    Oid d = declared[i], t = actual[i];
    if (!is_polymorphic(d)) continue;
    if (elem_family(d)) {
      have_poly = true;
      if (t == oid::kUnknown) continue;
      if (elem != kInvalidOid && elem != t)
        throw SqlError{sqlstate::kDatatypeMismatch, "arguments declared \"anyelement\" are not all alike", cat(type_name(elem), " versus ", type_name(t))};
      elem = t;
    } else if (d == oid::kAnyArray) {
      have_poly = true;
      if (t == oid::kUnknown) continue;
      if (array != kInvalidOid && array != t)
        throw SqlError{sqlstate::kDatatypeMismatch, "arguments declared \"anyarray\" are not all alike", cat(type_name(array), " versus ", type_name(t))};
      array = t;
    } else {
      have_compatible = true;
      if (t == oid::kUnknown) continue;
      if (d == oid::kAnyCompatibleArray) {
        if (element_type(t) == kInvalidOid)
          throw SqlError{sqlstate::kDatatypeMismatch, cat("argument declared anycompatiblearray is not an array but type ", type_name(t))};
        compatible.push(a_, element_type(t));
      } else {
        compatible.push(a_, t);
      }
    }
  }
  Oid comp{0};
  if (have_poly) {
    if (array != kInvalidOid) {
      Oid e = array == oid::kAnyArray ? oid::kAnyElement : element_type(array);
      if (e == kInvalidOid) throw SqlError{sqlstate::kDatatypeMismatch, cat("argument declared anyarray is not an array but type ", type_name(array))};
      if (elem != kInvalidOid && elem != e)
        throw SqlError{sqlstate::kDatatypeMismatch, "argument declared anyarray is not consistent with argument declared anyelement", cat(type_name(array), " versus ", type_name(elem))};
      elem = e;
    }
    if (elem == kInvalidOid) {
      if (!allow_poly) throw SqlError{sqlstate::kDatatypeMismatch, "could not determine polymorphic type because input has type unknown"};
      elem = oid::kText;
    }
    if (array == kInvalidOid) array = array_type(elem);
  }
  if (have_compatible) {
    comp = compatible.empty() ? oid::kText : common_type_from_oids(compatible.span());
    if (comp == kInvalidOid) throw SqlError{sqlstate::kDatatypeMismatch, "arguments of anycompatible family cannot be cast to a common type"};
  }
  auto resolve = [&](Oid d) -> Oid {
    if (elem_family(d)) return elem;
    if (d == oid::kAnyArray) {
      if (array == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find array type for data type ", type_name(elem))};
      return array;
    }
    if (d == oid::kAnyCompatible || d == oid::kAnyCompatibleNonArray) return comp;
    if (d == oid::kAnyCompatibleArray) {
      Oid t = array_type(comp);
      if (t == kInvalidOid) throw SqlError{sqlstate::kUndefinedObject, cat("could not find array type for data type ", type_name(comp))};
      return t;
    }
    return d;
  };
  for (size_t i = 0; i < declared.size(); i++) declared[i] = resolve(declared[i]);
  return resolve(result);
}

}  // namespace postern::sql
