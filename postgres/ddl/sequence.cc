// Sequences: a relation of one row (last_value, log_cnt, is_called) that is changed in place, outside transactions, under a lock of its own held only for the change; its
// parameters are in pg_sequence. ALTER … RESTART, TRUNCATE … RESTART IDENTITY are transactional: they make a new file.
// A session that takes values ahead (CACHE) keeps them until the sequence's catalog rows change.
#include <climits>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/objects.h"
#include "postgres/txn/oid.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"

namespace postern::ddl {

using namespace catalog;

namespace {

constexpr Tid kRow{PageNo{0}, 1};

struct State { int64_t last; bool called; };

struct Session {
  RelFile file;
  uint64_t catalog_version = 0;
  SequenceOptions options;
  int64_t last = 0, cached_until = 0;     // values handed out up to last; up to cached_until are ours
  bool has_cache = false, has_last = false;
};
std::unordered_map<uint32_t, Session>& sessions() {
  static std::unordered_map<uint32_t, Session> m;
  return m;
}
Oid g_last_used{0};

SequenceOptions to_options(const CatalogRow& r) {
  SequenceOptions o;
  o.type = r.oid(pg_sequence::seqtypid);
  o.start = as_int8(r.values[pg_sequence::seqstart]);
  o.increment = as_int8(r.values[pg_sequence::seqincrement]);
  o.max = as_int8(r.values[pg_sequence::seqmax]);
  o.min = as_int8(r.values[pg_sequence::seqmin]);
  o.cache = as_int8(r.values[pg_sequence::seqcache]);
  o.cycle = r.flag(pg_sequence::seqcycle);
  return o;
}

SequenceOptions load_options(Oid seq) {
  Arena arena;
  auto row = find_row(pg_sequence::kTable, pg_sequence::k_seqrelid_index, {from_oid(seq)}, arena);
  if (!row) throw_internal(cat("cache lookup failed for sequence ", raw(seq)));
  return to_options(*row);
}

struct SequenceLock {
  lock::Tag tag;
  explicit SequenceLock(Oid seq) : tag{lock::Kind::kObject, 1, 0, my_database(), raw(seq), raw(pg_sequence::kTable)} { lock::acquire(tag, lock::Mode::kExclusive); }
  ~SequenceLock() { lock::release(tag, lock::Mode::kExclusive); }
  SequenceLock(const SequenceLock&) = delete;
  SequenceLock& operator=(const SequenceLock&) = delete;
};

RelationRef open_sequence(Oid oid) {
  accept_invalidations();
  RelationRef rel = relation(oid);
  if (!rel) throw SqlError(sqlstate::kUndefinedTable, cat("could not open relation with OID ", raw(oid)));
  if (rel->kind != 'S') throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not a sequence"));
  return rel;
}

void require_privilege(const RelationDesc& rel, std::string_view any_of) {
  for (char c : any_of)
    if (has_relation_privilege(current_user(), rel.oid, c)) return;
  throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for sequence ", rel.name));
}

State read_state(const RelationDesc& rel) {
  Datum values[3];
  uint8_t nulls[3];
  Vector out[3] = {{&values[0], &nulls[0], 1}, {&values[1], &nulls[1], 1}, {&values[2], &nulls[2], 1}};
  int16_t attnos[3] = {1, 2, 3};
  Arena arena;
  if (!heap::fetch_version(rel, kRow, nullptr, {attnos, out}, arena)) throw SqlError(sqlstate::kDataCorrupted, cat("sequence \"", rel.name, "\" has no row"));
  return {as_int8(values[0]), as_bool(values[2])};
}

void write_state(const RelationDesc& rel, State s) {
  Datum values[3] = {from_int(s.last), 0, from_bool(s.called)};
  uint8_t nulls[3] = {};
  heap::update_in_place(rel, kRow, {values, nulls});
}

void insert_state(const RelationDesc& rel, State s) {
  Datum values[3] = {from_int(s.last), 0, from_bool(s.called)};
  uint8_t nulls[3] = {};
  if (heap::insert(rel, {values, nulls}) != kRow) throw_internal("sequence row is not first in its file");
}

Session& session_of(const RelationDesc& rel) {
  Session& s = sessions()[raw(rel.oid)];
  if (s.catalog_version != version() || s.file != rel.file) {
    SequenceOptions o = load_options(rel.oid);
    bool same = s.file == rel.file && o.increment == s.options.increment && o.min == s.options.min && o.max == s.options.max && o.cache == s.options.cache && o.cycle == s.options.cycle;
    if (!same) s.has_cache = false;
    s.options = o;
    s.file = rel.file;
    s.catalog_version = version();
  }
  return s;
}

// The next value after `state`; 2200H at the end.
int64_t advance(const RelationDesc& rel, const SequenceOptions& o, State& state) {
  if (!state.called) {
    state.called = true;
    return state.last;
  }
  int64_t next;
  bool overflow = __builtin_add_overflow(state.last, o.increment, &next);
  if (o.increment > 0 && (overflow || next > o.max)) {
    if (!o.cycle) throw SqlError(sqlstate::kSequenceGeneratorLimitExceeded, cat("nextval: reached maximum value of sequence \"", rel.name, "\" (", o.max, ")"));
    next = o.min;
  } else if (o.increment < 0 && (overflow || next < o.min)) {
    if (!o.cycle) throw SqlError(sqlstate::kSequenceGeneratorLimitExceeded, cat("nextval: reached minimum value of sequence \"", rel.name, "\" (", o.min, ")"));
    next = o.max;
  }
  return state.last = next;
}

}  // namespace

int64_t nextval(Oid sequence) {
  RelationRef rel = open_sequence(sequence);
  require_privilege(*rel, "Uw");
  Session& s = session_of(*rel);
  g_last_used = sequence;
  if (s.has_cache && s.last != s.cached_until) {
    s.has_last = true;
    return s.last += s.options.increment;
  }
  if (txn::read_only()) throw SqlError(sqlstate::kReadOnlySqlTransaction, "cannot execute nextval() in a read-only transaction");
  txn::current_xid();                       // the commit then waits for the log
  SequenceLock lock(sequence);
  State state = read_state(*rel);
  int64_t first = advance(*rel, s.options, state);
  // Values ahead, up to the end of the range.
  for (int64_t i = 1; i < s.options.cache; i++) {
    int64_t next;
    if (__builtin_add_overflow(state.last, s.options.increment, &next) || next > s.options.max || next < s.options.min) break;
    state.last = next;
  }
  write_state(*rel, state);
  s.last = first;
  s.cached_until = state.last;
  s.has_cache = s.has_last = true;
  return first;
}

int64_t currval(Oid sequence) {
  RelationRef rel = open_sequence(sequence);
  require_privilege(*rel, "Ur");
  auto it = sessions().find(raw(sequence));
  if (it == sessions().end() || !it->second.has_last)
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("currval of sequence \"", rel->name, "\" is not yet defined in this session"));
  return it->second.last;
}

int64_t setval(Oid sequence, int64_t value, bool is_called) {
  RelationRef rel = open_sequence(sequence);
  require_privilege(*rel, "w");
  Session& s = session_of(*rel);
  if (value < s.options.min || value > s.options.max)
    throw SqlError(sqlstate::kNumericValueOutOfRange, cat("setval: value ", value, " is out of bounds for sequence \"", rel->name, "\" (", s.options.min, "..", s.options.max, ")"));
  if (txn::read_only()) throw SqlError(sqlstate::kReadOnlySqlTransaction, "cannot execute setval() in a read-only transaction");
  txn::current_xid();
  {
    SequenceLock lock(sequence);
    write_state(*rel, {value, is_called});
  }
  if (is_called) {
    s.last = value;
    s.has_last = true;
  }
  s.has_cache = false;
  return value;
}

int64_t lastval() {
  auto it = sessions().find(raw(g_last_used));
  if (g_last_used == kInvalidOid || it == sessions().end() || !it->second.has_last || !relation(g_last_used))
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, "lastval is not yet defined in this session");
  return it->second.last;
}

void discard_sequences() {
  sessions().clear();
  g_last_used = kInvalidOid;
}

namespace {

int64_t type_max(Oid t) { return t == oid::kInt2 ? INT16_MAX : t == oid::kInt4 ? INT32_MAX : INT64_MAX; }
int64_t type_min(Oid t) { return t == oid::kInt2 ? INT16_MIN : t == oid::kInt4 ? INT32_MIN : INT64_MIN; }

[[noreturn]] void invalid(std::string message) { throw SqlError(sqlstate::kInvalidParameterValue, std::move(message)); }

void check_options(const SequenceOptions& o) {
  if (o.increment == 0) invalid("INCREMENT must not be zero");
  if (o.max > type_max(o.type) || o.max < type_min(o.type)) invalid(cat("MAXVALUE (", o.max, ") is out of range for sequence data type ", format_type(o.type, -1)));
  if (o.min < type_min(o.type) || o.min > type_max(o.type)) invalid(cat("MINVALUE (", o.min, ") is out of range for sequence data type ", format_type(o.type, -1)));
  if (o.min >= o.max) invalid(cat("MINVALUE (", o.min, ") must be less than MAXVALUE (", o.max, ")"));
  if (o.start < o.min) invalid(cat("START value (", o.start, ") cannot be less than MINVALUE (", o.min, ")"));
  if (o.start > o.max) invalid(cat("START value (", o.start, ") cannot be greater than MAXVALUE (", o.max, ")"));
  if (o.cache <= 0) invalid(cat("CACHE (", o.cache, ") must be greater than zero"));
}

CatalogRow sequence_row(Oid seq, const SequenceOptions& o) {
  namespace s = pg_sequence;
  CatalogRow r = new_row(s::kTable);
  r.set(s::seqrelid, from_oid(seq));
  r.set(s::seqtypid, from_oid(o.type));
  r.set(s::seqstart, from_int(o.start));
  r.set(s::seqincrement, from_int(o.increment));
  r.set(s::seqmax, from_int(o.max));
  r.set(s::seqmin, from_int(o.min));
  r.set(s::seqcache, from_int(o.cache));
  r.set(s::seqcycle, from_bool(o.cycle));
  return r;
}

}  // namespace

SequenceOptions sequence_options(ast::List<ast::DefElem> defs, const SequenceOptions* old, Oid default_type, bool* restart, int64_t* restart_value, const ast::DefElem** owned_by) {
  SequenceOptions o;
  if (old) o = *old;
  else o.type = default_type == kInvalidOid ? oid::kInt8 : default_type;
  Oid old_type = o.type;
  bool has_min = old != nullptr, has_max = old != nullptr, has_start = old != nullptr;
  bool reset_min = false, reset_max = false;
  std::vector<std::string_view> seen;
  for (const ast::DefElem* d : defs) {
    if (std::find(seen.begin(), seen.end(), d->name) != seen.end()) throw SqlError(sqlstate::kSyntaxError, "conflicting or redundant options").at(d->position);
    seen.push_back(d->name);
    if (d->name == "as") {
      int32_t typmod;
      Oid t = resolve_type(*d->type, &typmod);
      if (t != oid::kInt2 && t != oid::kInt4 && t != oid::kInt8) invalid("sequence type must be smallint, integer, or bigint");
      if (old) {   // limits that were the old type's follow the new one
        if (o.max == type_max(old_type)) reset_max = true;
        if (o.min == type_min(old_type)) reset_min = true;
      }
      o.type = t;
    } else if (d->name == "increment") {
      o.increment = option_int(*d);
    } else if (d->name == "start") {
      o.start = option_int(*d);
      has_start = true;
    } else if (d->name == "restart") {
      if (restart) {
        *restart = true;
        *restart_value = d->kind == ast::DefKind::kNone ? LLONG_MIN : option_int(*d);
      }
    } else if (d->name == "maxvalue") {
      if (d->kind == ast::DefKind::kNone) reset_max = true;
      else o.max = option_int(*d), has_max = true, reset_max = false;
    } else if (d->name == "minvalue") {
      if (d->kind == ast::DefKind::kNone) reset_min = true;
      else o.min = option_int(*d), has_min = true, reset_min = false;
    } else if (d->name == "cache") {
      o.cache = option_int(*d);
    } else if (d->name == "cycle") {
      o.cycle = option_bool(*d);
    } else if (d->name == "owned_by") {
      *owned_by = d;
    } else {
      throw SqlError(sqlstate::kSyntaxError, cat("invalid sequence option: ", d->name)).at(d->position);
    }
  }
  if (o.increment == 0) invalid("INCREMENT must not be zero");
  if (!has_max || reset_max) o.max = o.increment > 0 ? type_max(o.type) : -1;
  if (!has_min || reset_min) o.min = o.increment > 0 ? 1 : type_min(o.type);
  if (!has_start) o.start = o.increment > 0 ? o.min : o.max;
  check_options(o);
  if (restart && *restart) {
    if (*restart_value == LLONG_MIN) *restart_value = o.start;
    if (*restart_value < o.min) invalid(cat("RESTART value (", *restart_value, ") cannot be less than MINVALUE (", o.min, ")"));
    if (*restart_value > o.max) invalid(cat("RESTART value (", *restart_value, ") cannot be greater than MAXVALUE (", o.max, ")"));
  }
  return o;
}

Oid make_sequence(UtilityContext& cx, const std::string& name, Oid ns, Oid owner, const SequenceOptions& o, char persistence) {
  RelationSpec spec;
  spec.name = name;
  spec.namespace_oid = ns;
  spec.owner = owner;
  spec.kind = 'S';
  spec.persistence = persistence;
  for (auto [column, type] : {std::pair{"last_value", oid::kInt8}, {"log_cnt", oid::kInt8}, {"is_called", oid::kBool}}) {
    spec.attrs.push_back(make_attr(column, type, -1));
    spec.attrs.back().not_null = true;
  }
  Oid seq = create_relation(spec);
  insert_state(*relation(seq), {o.start, false});
  insert_row(pg_sequence::kTable, sequence_row(seq, o));
  Arena arena;
  CatalogRow c = class_row_of(seq, arena);
  c.set(pg_class::relpages, from_int(1));
  c.set(pg_class::reltuples, from_float4(1));
  update_row(pg_class::kTable, c);
  invalidate_relation(seq);
  txn::next_command();
  (void)cx;
  return seq;
}

void reset_sequence(Oid seq, int64_t last_value, bool is_called) {
  RelationRef rel = open_relation(seq, lock::Mode::kShareRowExclusive);
  Arena arena;
  CatalogRow r = class_row_of(seq, arena);
  RelFile fresh{rel->file.database, txn::allocate_oid()};
  r.set(pg_class::relfilenode, from_oid(fresh.number));
  update_row(pg_class::kTable, r);
  heap::create_storage(fresh);
  txn::drop_file_at_commit(rel->file);
  invalidate_relation(seq);
  txn::next_command();
  insert_state(*relation(seq), {last_value, is_called});
}

std::vector<Oid> owned_sequences(Oid table) {
  Arena arena;
  std::vector<Oid> out;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(table)};
  for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    char type = r.letter(pg_depend::deptype);
    if (r.oid(pg_depend::classid) != pg_class::kTable || (type != 'a' && type != 'i') || as_int4(r.values[pg_depend::refobjsubid]) == 0) continue;
    RelationRef rel = relation(r.oid(pg_depend::objid));
    if (rel && rel->kind == 'S') out.push_back(rel->oid);
  }
  return out;
}

namespace {

void set_owned_by(const RelationDesc& seq, const ast::DefElem& d) {
  Arena arena;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(seq.oid)};
  for (const CatalogRow& r : scan(pg_depend::kTable, pg_depend::k_depender_index, keys, arena)) {
    char type = r.letter(pg_depend::deptype);
    if (r.oid(pg_depend::refclassid) != pg_class::kTable || as_int4(r.values[pg_depend::refobjsubid]) == 0) continue;
    if (type == 'i') throw SqlError(sqlstate::kFeatureNotSupported, "cannot change ownership of identity sequence");
    if (type == 'a') delete_row(pg_depend::kTable, r.tid);
  }
  if (d.names.size() == 1 && d.names[0] == "none") return;
  if (d.names.size() < 2) throw SqlError(sqlstate::kSyntaxError, "invalid OWNED BY option", "", "Specify OWNED BY table.column or OWNED BY NONE.");
  QualifiedName q = split_name(d.names.subspan(0, d.names.size() - 1));
  RelationRef table = open_relation(q.schema, q.name, lock::Mode::kAccessShare);
  if (table->kind != 'r' && table->kind != 'v') throw SqlError(sqlstate::kWrongObjectType, cat("sequence cannot be owned by relation \"", table->name, "\""));
  if (table->owner != seq.owner) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, "sequence must have same owner as table it is linked to");
  if (table->namespace_oid != seq.namespace_oid) throw SqlError(sqlstate::kObjectNotInPrerequisiteState, "sequence must be in same schema as table it is linked to");
  for (int i = 0; i < table->natts(); i++)
    if (!table->attrs[i].dropped && table->attrs[i].name == d.names.back()) {
      record_dependency({pg_class::kTable, seq.oid}, {pg_class::kTable, table->oid, i + 1}, 'a');
      return;
    }
  throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", d.names.back(), "\" of relation \"", table->name, "\" does not exist"));
}

}  // namespace

std::string create_sequence(const ast::CreateSequenceStmt& s, UtilityContext& cx) {
  Oid ns = creation_namespace_of(*s.sequence);
  if (s.if_not_exists && relation_exists(ns, s.sequence->name)) {
    notice(cx, cat("relation \"", s.sequence->name, "\" already exists, skipping"), {}, sqlstate::kDuplicateTable);
    return "CREATE SEQUENCE";
  }
  const ast::DefElem* owned = nullptr;
  SequenceOptions o = sequence_options(s.options, nullptr, oid::kInt8, nullptr, nullptr, &owned);
  Oid seq = make_sequence(cx, std::string(s.sequence->name), ns, current_user(), o, is_temp_namespace(ns) ? 't' : s.sequence->persistence);
  if (owned) set_owned_by(*relation(seq), *owned);
  return "CREATE SEQUENCE";
}

std::string alter_sequence(const ast::AlterSequenceStmt& s, UtilityContext& cx) {
  if (RelationRef rel = open_owned(cx, *s.sequence, lock::Mode::kShareRowExclusive, "S", s.missing_ok)) change_sequence(*rel, s.options);
  return "ALTER SEQUENCE";
}

void change_sequence(const RelationDesc& rel, ast::List<ast::DefElem> options) {
  Arena arena;
  auto row = find_row(pg_sequence::kTable, pg_sequence::k_seqrelid_index, {from_oid(rel.oid)}, arena);
  if (!row) throw_internal(cat("cache lookup failed for sequence ", raw(rel.oid)));
  SequenceOptions old = to_options(*row);
  bool restart = false;
  int64_t restart_value = 0;
  const ast::DefElem* owned = nullptr;
  SequenceOptions o = sequence_options(options, &old, oid::kInt8, &restart, &restart_value, &owned);
  State state = read_state(rel);
  if (!restart) {
    if (state.last < o.min) invalid(cat("RESTART value (", state.last, ") cannot be less than MINVALUE (", o.min, ")"));
    if (state.last > o.max) invalid(cat("RESTART value (", state.last, ") cannot be greater than MAXVALUE (", o.max, ")"));
  }
  CatalogRow r = sequence_row(rel.oid, o);
  r.tid = row->tid;
  update_row(pg_sequence::kTable, r);
  invalidate_relation(rel.oid);
  txn::next_command();
  if (restart) reset_sequence(rel.oid, restart_value, false);
  if (owned) set_owned_by(*relation(rel.oid), *owned);
}

namespace {

int64_t fn_nextval(Oid seq) { return nextval(seq); }
int64_t fn_currval(Oid seq) { return currval(seq); }
int64_t fn_setval(Oid seq, int64_t v) { return setval(seq, v, true); }
int64_t fn_setval3(Oid seq, int64_t v, bool called) { return setval(seq, v, called); }
void fn_lastval(FnContext&, const Vector*, int, Rows rows, Vector& out) {
  for_rows(rows, [&](uint32_t r) {
    out.values[r] = from_int(lastval());
    out.nulls[r] = 0;
  });
}
// pg_sequence_last_value(regclass): NULL until the first nextval.
std::optional<int64_t> fn_last_value(Oid seq) {
  RelationRef rel = open_sequence(seq);
  if (!has_relation_privilege(current_user(), seq, 'r') && !has_relation_privilege(current_user(), seq, 'U')) return std::nullopt;
  State s = read_state(*rel);
  if (!s.called) return std::nullopt;
  return s.last;
}
constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({STRICT_FN(1574, fn_nextval), STRICT_FN(1575, fn_currval), STRICT_FN(1576, fn_setval), STRICT_FN(1765, fn_setval3),
                                                            {2559, fn_lastval}, STRICT_FN(4032, fn_last_value)}));

}  // namespace

constinit const FnTables kDdlFns{kFns, {}, {}};

}  // namespace postern::ddl
