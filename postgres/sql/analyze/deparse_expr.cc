// Expressions as PostgreSQL spells them.
#include "common/base/cat.h"
#include "postgres/sql/analyze/deparse.h"
#include "postgres/types/string_types.h"

namespace postern::sql {
namespace {

constexpr int kIndentVar = 4;

std::string literal(std::string_view s) {
  std::string out;
  if (s.find('\\') != s.npos) out += 'E';
  out += '\'';
  for (char c : s) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out += '\'';
}

bool cast_func(const Expr* e) { return e->kind == ExprKind::kFunc && (e->number == 1 || e->number == 2); }
bool is_op(const Expr* e) { return e->kind == ExprKind::kFunc && e->oper != kInvalidOid; }

// Constructs that bring their own parentheses or separators.
bool encloses(const Expr* p) {
  switch (p->kind) {
    case ExprKind::kFunc: return !cast_func(p) && !is_op(p);
    case ExprKind::kSetFunc: case ExprKind::kArray: case ExprKind::kRow: case ExprKind::kCoalesce: case ExprKind::kGreatest: case ExprKind::kLeast: case ExprKind::kNullIf:
    case ExprKind::kAgg: case ExprKind::kWindow: case ExprKind::kCase:
      return true;
    default: return false;
  }
}

}  // namespace

std::string Deparser::type_name(Oid type, int32_t typmod) const { return catalog::format_type(type, typmod); }

bool Deparser::simple(const Expr* e, const Expr* parent) const {
  switch (e->kind) {
    case ExprKind::kFunc:
      if (cast_func(e)) return simple(e->args[0], e);
      if (!is_op(e)) return true;
      if (parent && is_op(parent) && e->args.size() == 2) {
        auto level = [](std::string_view s) { return s == "+" || s == "-" ? 1 : s == "*" || s == "/" || s == "%" ? 2 : 0; };
        int n = level(e->name), p = level(parent->name);
        if (!n || !p) return false;
        if (n > p) return true;
        if (n < p) return false;
        return parent->args[0] == e;
      }
      [[fallthrough]];
    case ExprKind::kSubquery: case ExprKind::kIsNull: case ExprKind::kIsNotNull: case ExprKind::kIsTrue: case ExprKind::kIsNotTrue: case ExprKind::kIsFalse: case ExprKind::kIsNotFalse:
    case ExprKind::kIsUnknown: case ExprKind::kIsNotUnknown: case ExprKind::kDistinct:
      if (!parent) return false;
      return encloses(parent) || parent->kind == ExprKind::kAnd || parent->kind == ExprKind::kOr || parent->kind == ExprKind::kNot;
    case ExprKind::kAnyArray: case ExprKind::kAllArray: return false;
    case ExprKind::kAnd: case ExprKind::kOr: case ExprKind::kNot: case ExprKind::kNotDistinct:
      if (!parent) return false;
      if (parent->kind == ExprKind::kOr) return true;
      if (parent->kind == ExprKind::kAnd) return e->kind != ExprKind::kOr;
      if (parent->kind == ExprKind::kNot) return false;
      return encloses(parent);
    case ExprKind::kRelabel: case ExprKind::kViaIo: case ExprKind::kArrayCoerce: return simple(e->args[0], e);
    default: return true;
  }
}

void Deparser::paren(const Expr* e, const Expr* parent, bool show_implicit) {
  bool need = pretty_ && !simple(e, parent);
  if (need) out_ += '(';
  expr(e, show_implicit);
  if (need) out_ += ')';
}

void Deparser::list(std::span<Expr* const> e, std::string_view sep) {
  for (size_t i = 0; i < e.size(); i++) {
    if (i) out_ += sep;
    expr(e[i], true);
  }
}

void Deparser::column(const Expr* e) {
  static constexpr std::string_view kSystem[] = {"", "ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
  if (e->levels_up >= static_cast<int>(scopes_.size())) { out_ += "?"; return; }
  const DeparseScope& s = scopes_[scopes_.size() - 1 - e->levels_up];
  if (e->rel < 0) {            // output of a set operation
    out_ += quote_identifier(s.query->targets[e->attno - 1].name);
    return;
  }
  if (!s.query) {
    if (e->attno < 0) out_ += kSystem[-e->attno];
    else if (e->attno == 0) append(out_, quote_identifier(s.relation->name), ".*");
    else out_ += quote_identifier(s.relation->attrs[e->attno - 1].name);
    return;
  }
  append(out_, quote_identifier(s.names[e->rel]), ".");
  if (e->attno < 0) out_ += kSystem[-e->attno];
  else if (e->attno == 0) out_ += "*";
  else out_ += quote_identifier(s.query->rtable[e->rel]->columns[e->attno - 1]);
}

void Deparser::constant(const Expr* e, int show_type) {
  std::string type = type_name(e->type, e->typmod);
  if (e->null) {
    out_ += "NULL";
    if (show_type >= 0 && e->type != oid::kUnknown) append(out_, "::", type);
    return;
  }
  std::string text;
  if (e->type == oid::kUnknown) {
    text = as_view(e->value);
  } else {
    Arena scratch;
    FnContext cx;
    cx.arena = &scratch;
    cx.services = session_services();
    type_info(e->type).out(cx, e->value, text);
  }
  bool label = true;
  switch (raw(e->type)) {
    case 23:
      if (text[0] == '-') out_ += literal(text);
      else out_ += text, label = false;
      break;
    case 1700:
      if (text.find_first_not_of("0123456789.") == text.npos && text.find('.') != text.npos && text[0] != '.') out_ += text, label = e->typmod >= 0;
      else out_ += literal(text);
      break;
    case 16: out_ += text == "t" ? "true" : "false"; label = false; break;
    case 705: out_ += literal(text); label = false; break;
    default: out_ += literal(text);
  }
  if (show_type < 0) return;
  if (label || show_type > 0) append(out_, "::", type);
}

void Deparser::cast(const Expr* arg, const Expr* e) {
  if (arg->kind == ExprKind::kConst && arg->type == e->type && arg->typmod < 0 && e->kind != ExprKind::kArrayCoerce) {
    constant(arg, -1);
  } else {
    if (!pretty_) out_ += '(';
    paren(arg, e);
    if (!pretty_) out_ += ')';
  }
  append(out_, "::", type_name(e->type, e->typmod));
}

void Deparser::op(const Expr* e, std::string_view symbol) {
  if (!pretty_) out_ += '(';
  if (e->args.size() == 2) {
    paren(e->args[0], e, true);
    append(out_, " ", symbol, " ");
    paren(e->args[1], e, true);
  } else {
    append(out_, symbol, " ");
    paren(e->args[0], e, true);
  }
  if (!pretty_) out_ += ')';
}

// extract(), position() and the like in their own grammar.
bool Deparser::sql_syntax(const Expr* e) {
  std::string_view n = e->name;
  auto a = e->args;
  auto text_of = [](const Expr* c) { return c->kind == ExprKind::kConst && !c->null ? std::string(as_view(c->value)) : std::string(); };
  if (n == "timezone" && a.size() == 2) {
    out_ += '(';
    paren(a[1], e);
    out_ += " AT TIME ZONE ";
    paren(a[0], e);
    out_ += ')';
    return true;
  }
  if (n == "extract" && a.size() == 2) {
    append(out_, "EXTRACT(", text_of(a[0]), " FROM ");
    expr(a[1]);
    out_ += ')';
    return true;
  }
  if (n == "position" && a.size() == 2) {
    out_ += "POSITION((";
    expr(a[1]);
    out_ += ") IN (";
    expr(a[0]);
    out_ += "))";
    return true;
  }
  if (n == "overlay" && a.size() >= 3) {
    out_ += "OVERLAY(";
    expr(a[0]);
    out_ += " PLACING ";
    expr(a[1]);
    out_ += " FROM ";
    expr(a[2]);
    if (a.size() == 4) { out_ += " FOR "; expr(a[3]); }
    out_ += ')';
    return true;
  }
  if (n == "substring" && a.size() >= 2) {
    out_ += "SUBSTRING(";
    expr(a[0]);
    out_ += " FROM ";
    expr(a[1]);
    if (a.size() == 3) { out_ += " FOR "; expr(a[2]); }
    out_ += ')';
    return true;
  }
  if (n == "btrim" || n == "ltrim" || n == "rtrim") {
    out_ += n == "btrim" ? "TRIM(BOTH" : n == "ltrim" ? "TRIM(LEADING" : "TRIM(TRAILING";
    if (a.size() == 2) { out_ += ' '; expr(a[1]); }
    out_ += " FROM ";
    expr(a[0]);
    out_ += ')';
    return true;
  }
  return false;
}

void Deparser::func(const Expr* e) {
  if (e->number == 4 && sql_syntax(e)) return;
  append(out_, quote_identifier(e->name), "(");
  if (e->kind == ExprKind::kAgg && e->distinct) out_ += "DISTINCT ";
  if (e->star) out_ += '*';
  for (size_t i = 0; i < e->args.size(); i++) {
    if (i) out_ += ", ";
    if (e->variadic && i + 1 == e->args.size()) {
      if (e->number == 3 && e->args[i]->kind == ExprKind::kArray) { list(e->args[i]->args); continue; }
      out_ += "VARIADIC ";
    }
    expr(e->args[i], true);
  }
  if (!e->order.empty()) {
    out_ += " ORDER BY ";
    sort_keys(e->order, nullptr);
  }
  out_ += ')';
  if (e->filter) {
    out_ += " FILTER (WHERE ";
    expr(e->filter);
    out_ += ')';
  }
  if (e->kind == ExprKind::kWindow) {
    out_ += " OVER ";
    const Query* q = scopes_.back().query;
    if (q && static_cast<size_t>(e->number) < q->windows.size()) {
      const WindowDef& w = q->windows[e->number];
      if (w.name.empty()) window(w);
      else out_ += quote_identifier(w.name);
    }
  }
}

void Deparser::window(const WindowDef& w) {
  constexpr uint32_t kNonDefault = 1, kRange = 2, kRows = 4, kBetween = 0x10, kStartUnboundedPreceding = 0x20, kEndUnboundedFollowing = 0x100, kStartCurrent = 0x200, kEndCurrent = 0x400,
                     kStartPreceding = 0x800, kEndPreceding = 0x1000, kStartFollowing = 0x2000, kExcludeCurrent = 0x8000, kExcludeGroup = 0x10000, kExcludeTies = 0x20000;
  out_ += '(';
  bool space = false;
  if (!w.partition.empty()) {
    out_ += "PARTITION BY ";
    list(w.partition);
    space = true;
  }
  if (!w.order.empty()) {
    if (space) out_ += ' ';
    out_ += "ORDER BY ";
    sort_keys(w.order, nullptr);
    space = true;
  }
  uint32_t f = w.frame_options;
  if (f & kNonDefault) {
    if (space) out_ += ' ';
    out_ += f & kRange ? "RANGE " : f & kRows ? "ROWS " : "GROUPS ";
    if (f & kBetween) out_ += "BETWEEN ";
    if (f & kStartUnboundedPreceding) out_ += "UNBOUNDED PRECEDING";
    else if (f & kStartCurrent) out_ += "CURRENT ROW";
    else { expr(w.start); out_ += f & kStartPreceding ? " PRECEDING" : f & kStartFollowing ? " FOLLOWING" : ""; }
    if (f & kBetween) {
      out_ += " AND ";
      if (f & kEndUnboundedFollowing) out_ += "UNBOUNDED FOLLOWING";
      else if (f & kEndCurrent) out_ += "CURRENT ROW";
      else { expr(w.end); out_ += f & kEndPreceding ? " PRECEDING" : " FOLLOWING"; }
    }
    if (f & kExcludeCurrent) out_ += " EXCLUDE CURRENT ROW";
    else if (f & kExcludeGroup) out_ += " EXCLUDE GROUP";
    else if (f & kExcludeTies) out_ += " EXCLUDE TIES";
  }
  out_ += ')';
}

void Deparser::case_expr(const Expr* e) {
  bool with_operand = e->number == 1;
  auto line = [&](std::string_view s) {
    if (indent_) keyword(s, 0, 0, 0);
    else append(out_, out_.empty() || out_.back() == ' ' ? "" : " ", s);
  };
  if (indent_) keyword("CASE", 0, kIndentVar, 0);
  else out_ += "CASE";
  if (with_operand) {
    out_ += ' ';
    expr(e->args[0]->args[0], true);
  }
  for (size_t i = 0; i + 1 < e->args.size(); i += 2) {
    line("WHEN ");
    expr(with_operand ? e->args[i]->args[1] : e->args[i]);
    out_ += " THEN ";
    expr(e->args[i + 1], true);
  }
  const Expr* otherwise = e->args.back();
  line("ELSE ");
  expr(otherwise, true);
  if (indent_) keyword("END", -kIndentVar, 0, 0);
  else out_ += " END";
}

void Deparser::sub_select(const Expr* e) {
  const Query& q = *e->subquery;
  auto sub = [&] { out_ += '('; query(q, level_, false); out_ += ')'; };
  if (e->sub_kind == SubKind::kArray) { out_ += "ARRAY"; sub(); return; }
  if (e->sub_kind == SubKind::kScalar) { sub(); return; }
  out_ += '(';
  if (e->sub_kind == SubKind::kExists) {
    out_ += "EXISTS ";
    sub();
    out_ += ')';
    return;
  }
  if (e->args.size() > 1) { out_ += '('; list(e->args); out_ += ')'; }
  else expr(e->args[0], true);
  const std::string_view name = e->name;
  switch (e->sub_kind) {
    case SubKind::kAny: if (name == "=") out_ += " IN "; else append(out_, " ", name, " ANY "); break;
    case SubKind::kAll: append(out_, " ", name, " ALL "); break;
    default: append(out_, " ", name, " "); break;
  }
  sub();
  out_ += ')';
}

void Deparser::array_op(const Expr* e) {
  if (!pretty_) out_ += '(';
  paren(e->args[0], e, true);
  append(out_, " ", e->name, e->kind == ExprKind::kAnyArray ? " ANY (" : " ALL (");
  paren(e->args[1], e, true);
  if (e->args[1]->kind == ExprKind::kSubquery) append(out_, "::", type_name(e->args[1]->type, e->args[1]->typmod));
  out_ += ')';
  if (!pretty_) out_ += ')';
}

// Anything but a column or constant; without `pretty` operators bring their own.
bool Deparser::needs_sort_paren(const Expr* e) const {
  if (e->kind == ExprKind::kColumn || e->kind == ExprKind::kConst) return false;
  return pretty_ || (e->kind == ExprKind::kFunc && !is_op(e)) || e->kind == ExprKind::kAgg || e->kind == ExprKind::kWindow || e->kind == ExprKind::kSetFunc;
}

void Deparser::sort_keys(std::span<const SortKey> keys, const Query* q) {
  for (size_t i = 0; i < keys.size(); i++) {
    const SortKey& k = keys[i];
    if (i) out_ += ", ";
    int number = 0;
    const Expr* e = k.expr;
    if (q && (q->set_tree || e->kind == ExprKind::kConst)) {
      sort_target(*q, e, &number);
      append(out_, number);
    } else {
      bool complex = needs_sort_paren(e);
      if (complex) out_ += '(';
      expr(e, true);
      if (complex) out_ += ')';
    }
    if (k.desc) {
      out_ += " DESC";
      if (!k.nulls_first) out_ += " NULLS LAST";
    } else if (k.nulls_first) {
      out_ += " NULLS FIRST";
    }
  }
}

void Deparser::expr(const Expr* e, bool show_implicit) {
  auto test = [&](std::string_view suffix) {
    if (!pretty_) out_ += '(';
    paren(e->args[0], e, true);
    out_ += suffix;
    if (!pretty_) out_ += ')';
  };
  auto joined = [&](std::string_view sep) {
    if (!pretty_) out_ += '(';
    for (size_t i = 0; i < e->args.size(); i++) {
      if (i) out_ += sep;
      paren(e->args[i], e);
    }
    if (!pretty_) out_ += ')';
  };
  auto call = [&](std::string_view name) { append(out_, name, "("); list(e->args); out_ += ')'; };
  switch (e->kind) {
    case ExprKind::kConst: constant(e, 0); break;
    case ExprKind::kParam: append(out_, "$", e->number); break;
    case ExprKind::kColumn: column(e); break;
    case ExprKind::kFunc:
      if (is_op(e)) { op(e, e->name); break; }
      if (cast_func(e)) {
        if (e->number == 1 || show_implicit) cast(e->args[0], e);
        else expr(e->args[0], show_implicit);
        break;
      }
      func(e);
      break;
    case ExprKind::kAgg: case ExprKind::kWindow: case ExprKind::kSetFunc: func(e); break;
    case ExprKind::kGrouping:
      out_ += "GROUPING(";
      for (size_t i = 0; i < e->args.size(); i++) {
        if (i) out_ += ", ";
        expr(e->args[i]);
      }
      out_ += ')';
      break;
    case ExprKind::kAnd: joined(" AND "); break;
    case ExprKind::kOr: joined(" OR "); break;
    case ExprKind::kNot:
      if (!pretty_) out_ += '(';
      out_ += "NOT ";
      paren(e->args[0], e);
      if (!pretty_) out_ += ')';
      break;
    case ExprKind::kIsNull: test(" IS NULL"); break;
    case ExprKind::kIsNotNull: test(" IS NOT NULL"); break;
    case ExprKind::kIsTrue: test(" IS TRUE"); break;
    case ExprKind::kIsNotTrue: test(" IS NOT TRUE"); break;
    case ExprKind::kIsFalse: test(" IS FALSE"); break;
    case ExprKind::kIsNotFalse: test(" IS NOT FALSE"); break;
    case ExprKind::kIsUnknown: test(" IS UNKNOWN"); break;
    case ExprKind::kIsNotUnknown: test(" IS NOT UNKNOWN"); break;
    case ExprKind::kDistinct: op(e, "IS DISTINCT FROM"); break;
    case ExprKind::kNotDistinct:
      if (!pretty_) out_ += '(';
      out_ += "NOT ";
      op(e, "IS DISTINCT FROM");
      if (!pretty_) out_ += ')';
      break;
    case ExprKind::kNullIf: call("NULLIF"); break;
    case ExprKind::kCase: case_expr(e); break;
    case ExprKind::kCoalesce: call("COALESCE"); break;
    case ExprKind::kGreatest: call("GREATEST"); break;
    case ExprKind::kLeast: call("LEAST"); break;
    case ExprKind::kAnyArray: case ExprKind::kAllArray: array_op(e); break;
    case ExprKind::kArray:
      out_ += "ARRAY[";
      list(e->args);
      out_ += ']';
      if (e->args.empty()) append(out_, "::", type_name(e->type, -1));
      break;
    case ExprKind::kSubscript: case ExprKind::kSlice: {
      ExprKind k = e->args[0]->kind;
      bool plain = k == ExprKind::kColumn || k == ExprKind::kParam || k == ExprKind::kSubscript;
      if (!plain) out_ += '(';
      expr(e->args[0]);
      if (!plain) out_ += ')';
      for (size_t i = 1; i < e->args.size(); i++) {
        out_ += '[';
        auto bound = [&](const Expr* b) { if (!(b->kind == ExprKind::kConst && b->null)) expr(b); };
        if (e->kind == ExprKind::kSlice) { bound(e->args[i]); out_ += ':'; i++; }
        bound(e->args[i]);
        out_ += ']';
      }
      break;
    }
    case ExprKind::kRow:
      out_ += "ROW(";
      list(e->args);
      out_ += ')';
      if (e->type != oid::kRecord) append(out_, "::", type_name(e->type, -1));
      break;
    case ExprKind::kField: {
      bool plain = e->args[0]->kind == ExprKind::kField;
      if (!plain) out_ += '(';
      expr(e->args[0], true);
      if (!plain) out_ += ')';
      append(out_, ".", quote_identifier(e->name));
      break;
    }
    case ExprKind::kRelabel:
      if (!e->name.empty() && e->args[0]->type == e->type) {     // COLLATE
        if (!pretty_) out_ += '(';
        paren(e->args[0], e, show_implicit);
        append(out_, " COLLATE ", quote_identifier(e->name));
        if (!pretty_) out_ += ')';
        break;
      }
      [[fallthrough]];
    case ExprKind::kViaIo: case ExprKind::kArrayCoerce:
      if (e->explicit_cast || show_implicit) cast(e->args[0], e);
      else expr(e->args[0], show_implicit);
      break;
    case ExprKind::kSubquery: sub_select(e); break;
    case ExprKind::kValue: {
      constexpr std::string_view names[] = {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA"};
      out_ += names[e->number];
      if (e->typmod >= 0) append(out_, "(", e->typmod, ")");
      break;
    }
    case ExprKind::kNextval: {
      RelationRef seq = catalog::relation(Oid{static_cast<uint32_t>(e->number)});
      append(out_, "nextval(", literal(seq ? relation_name(*seq) : cat(e->number)), "::regclass)");
      break;
    }
    case ExprKind::kTest: append(out_, "$", e->rel, ".", e->attno); break;
    case ExprKind::kArrayAssign: break;   // only in UPDATE, which is not deparsed
    case ExprKind::kCaseTest: out_ += "CASE_TEST_EXPR"; break;
  }
}

std::string deparse_expr(const Expr& e, const RelationDesc* relation, bool pretty, bool qualify) {
  Deparser d(pretty, pretty, qualify);
  d.push_relation(relation);
  d.expr(&e, false);
  return d.take();
}

}  // namespace postern::sql
