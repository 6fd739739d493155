// SQL functions about transactions, sizes and types of values, index and access method properties, identities of objects, and statistics counters.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/stats.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/fn_rows.h"
#include "postgres/catalog/fn_tables.h"
#include "postgres/catalog/schema.h"
#include "postgres/region/region.h"
#include "postgres/txn/txn.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"

namespace postern::catalog {
namespace {

using sv = std::string_view;
using OptDatum = std::optional<Datum>;

// A function without arguments: one value for all rows.
template <auto F>
void constant_kernel(FnContext& cx, const Vector*, int, Rows rows, Vector& out) {
  OptDatum v = F(cx);
  for_rows(rows, [&](uint32_t r) {
    out.nulls[r] = !v;
    out.values[r] = v.value_or(0);
  });
}

// ---------------------------------------------------------------- transactions

OptDatum fn_xact_id(FnContext&) { return Datum{raw(txn::current_xid()) ? raw(txn::top_xid_if_any()) : 0}; }
OptDatum fn_xact_id_if_assigned(FnContext&) {
  uint64_t x = raw(txn::top_xid_if_any());
  return x ? OptDatum{Datum{x}} : std::nullopt;
}
OptDatum xact_status(FnContext& cx, uint64_t x) {
  if (x >= raw(txn::next_xid())) throw SqlError(sqlstate::kInvalidParameterValue, cat("transaction ID ", x, " is in the future"));
  if (x < raw(kFirstNormalXid)) return make_bytes(*cx.arena, x == 0 ? "" : "committed");
  switch (txn::status(Xid{x})) {
    case txn::XidStatus::kCommitted: return make_bytes(*cx.arena, "committed");
    case txn::XidStatus::kAborted: return make_bytes(*cx.arena, "aborted");
    default: return make_bytes(*cx.arena, "in progress");
  }
}
OptDatum fn_xact_status(FnContext& cx, Datum x) {
  if (x == 0) return std::nullopt;
  return xact_status(cx, x);
}
OptDatum fn_client_encoding(FnContext& cx) { return make_bytes(*cx.arena, cx.services->setting("client_encoding", false)); }
int32_t fn_encoding_max_length(int32_t encoding) { return encoding == 6 ? 4 : encoding >= 0 && encoding <= 41 ? 1 : 0; }
int32_t fn_trigger_depth() { return 0; }

// ---------------------------------------------------------------- values

NullableDatum fn_typeof(FnContext& cx, std::span<const NullableDatum>) { return {from_oid(cx.arg_types.empty() ? oid::kUnknown : cx.arg_types[0]), false}; }
NullableDatum fn_column_size(FnContext& cx, std::span<const NullableDatum> args) {
  if (args[0].null || cx.arg_types.empty()) return {};
  const TypeInfo& t = type_info(cx.arg_types[0]);
  if (t.len > 0) return {from_int(int32_t{t.len}), false};
  size_t n = as_view(args[0].value).size();
  return {from_int(static_cast<int32_t>(n + (n < 127 ? 1 : 4))), false};
}
NullableDatum fn_collation_for(FnContext& cx, std::span<const NullableDatum>) {
  if (cx.collation == kInvalidOid) return {};
  return {make_bytes(*cx.arena, cx.collation == oid::kCCollation ? "\"C\"" : "\"default\""), false};
}

// ---------------------------------------------------------------- properties of indexes

std::string lower(sv s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return out;
}

std::optional<bool> fn_am_property(Oid am, sv name) {
  if (am != kBtreeAm) return std::nullopt;
  std::string p = lower(name);
  if (p == "can_order" || p == "can_unique" || p == "can_multi_col" || p == "can_include" || p == "can_exclude") return true;
  return std::nullopt;
}
const IndexDesc* index_of(Oid index, RelationRef& table) {
  Oid t = relation_oid_of_index(index);
  if (t == kInvalidOid || !(table = relation(t))) return nullptr;
  for (const IndexDesc& i : table->indexes)
    if (i.oid == index) return &i;
  return nullptr;
}
std::optional<bool> fn_index_property(Oid index, sv name) {
  RelationRef table;
  if (!index_of(index, table)) return std::nullopt;
  std::string p = lower(name);
  if (p == "clusterable" || p == "index_scan" || p == "backward_scan") return true;
  if (p == "bitmap_scan") return false;
  return std::nullopt;
}
std::optional<bool> fn_index_column_property(Oid index, int32_t column, sv name) {
  RelationRef table;
  const IndexDesc* i = index_of(index, table);
  if (!i || column < 1 || column > static_cast<int32_t>(i->keys.size() + i->included.size())) return std::nullopt;
  std::string p = lower(name);
  bool key = column <= static_cast<int32_t>(i->keys.size());
  if (p == "returnable") return true;
  if (p == "distance_orderable") return false;
  if (!key) {
    if (p == "orderable" || p == "search_array" || p == "search_nulls") return false;
    return std::nullopt;
  }
  const IndexDesc::Key& k = i->keys[static_cast<size_t>(column - 1)];
  if (p == "asc") return !k.desc;
  if (p == "desc") return k.desc;
  if (p == "nulls_first") return k.nulls_first;
  if (p == "nulls_last") return !k.nulls_first;
  if (p == "orderable" || p == "search_array" || p == "search_nulls") return true;
  return std::nullopt;
}

// ---------------------------------------------------------------- identities

// pg_identify_object: type, schema, name, identity.
class Identity : public RowList {
 public:
  void one(sv type, sv schema, sv name, const std::string& identity) {
    auto cell = [&](sv s) { return s.empty() ? NullableDatum{} : NullableDatum{text(s), false}; };
    add_nullable({cell(type), cell(schema), cell(name), cell(identity)});
  }
};

sv relation_type(char kind) {
  switch (kind) {
    case 'i': return "index";
    case 'S': return "sequence";
    case 'v': return "view";
    case 'm': return "materialized view";
    case 'c': return "composite type";
    case 't': return "toast table";
    default: return "table";
  }
}

void identify_relation(Identity& out, Oid object, int32_t sub) {
  RelationRef rel = relation(object);
  if (!rel) return out.one("relation", {}, {}, {});
  std::string identity = relation_display_name(*rel, true), schema = quote_ident(namespace_name(rel->namespace_oid));
  if (sub > 0 && sub <= rel->natts()) return out.one(cat(relation_type(rel->kind), " column"), schema, quote_ident(rel->name), cat(identity, ".", quote_ident(rel->attrs[sub - 1].name)));
  out.one(relation_type(rel->kind), schema, quote_ident(rel->name), identity);
}

SetFunction* make_identify(FnContext&, const NullableDatum* args, int) {
  auto out = std::make_unique<Identity>();
  if (args[0].null || args[1].null || args[2].null) return out.release();
  Oid class_oid = as_oid(args[0].value), object = as_oid(args[1].value);
  Arena arena;
  if (class_oid == pg_class::kTable) {
    identify_relation(*out, object, as_int4(args[2].value));
  } else if (class_oid == pg_namespace::kTable) {
    std::string n = quote_ident(namespace_name(object));
    out->one("schema", {}, n, n);
  } else if (class_oid == pg_authid::kTable) {
    auto r = find_role(object);
    std::string n = r ? quote_ident(r->name) : "";
    out->one("role", {}, n, n);
  } else if (class_oid == pg_database::kTable) {
    auto d = find_database(object);
    std::string n = d ? quote_ident(d->name) : "";
    out->one("database", {}, n, n);
  } else if (class_oid == pg_type::kTable) {
    auto row = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(object)}, arena);
    out->one("type", row ? quote_ident(namespace_name(row->oid(pg_type::typnamespace))) : "", row ? quote_ident(row->text(pg_type::typname)) : "", format_type_no_typmod(object));
  } else if (class_oid == pg_constraint::kTable) {
    auto row = find_row(pg_constraint::kTable, pg_constraint::k_oid_index, {from_oid(object)}, arena);
    RelationRef rel = row ? relation(row->oid(pg_constraint::conrelid)) : nullptr;
    if (rel) out->one("table constraint", quote_ident(namespace_name(rel->namespace_oid)), {}, cat(quote_ident(row->text(pg_constraint::conname)), " on ", relation_display_name(*rel, true)));
    else out->one("table constraint", {}, {}, {});
  } else {
    throw_unsupported(cat("pg_identify_object() of class ", raw(class_oid)));
  }
  return out.release();
}

// ---------------------------------------------------------------- sequences

SetFunction* make_sequence_parameters(FnContext& cx, const NullableDatum* args, int) {
  auto out = std::make_unique<RowList>();
  if (args[0].null) return out.release();
  namespace s = pg_sequence;
  Arena arena;
  auto row = find_row(s::kTable, s::k_seqrelid_index, {args[0].value}, arena);
  if (!row) throw SqlError(sqlstate::kWrongObjectType, cat(raw(as_oid(args[0].value)), " is not a sequence"));
  if (RelationRef rel = relation(as_oid(args[0].value)); rel && !has_role(cx.services->user(), rel->owner))
    throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for sequence ", rel->name));
  out->add({row->values[s::seqstart], row->values[s::seqmin], row->values[s::seqmax], row->values[s::seqincrement], row->values[s::seqcycle], row->values[s::seqcache], row->values[s::seqtypid]});
  return out.release();
}

// ---------------------------------------------------------------- statistics

stats::RelationStats& stats_of(Oid rel) {
  const CatRelation* c = find_cat_relation(rel);
  return stats::of(c && c->shared ? kInvalidOid : my_database(), rel);
}

template <std::atomic<int64_t> stats::RelationStats::*M>
int64_t counter(Oid rel) { return (stats_of(rel).*M).load(std::memory_order_relaxed); }
template <std::atomic<int64_t> stats::RelationStats::*M>
int64_t positive(Oid rel) { return std::max<int64_t>(0, counter<M>(rel)); }

constexpr int64_t kUnixToPostgresUs = 946684800000000;
template <std::atomic<int64_t> stats::RelationStats::*M>
std::optional<int64_t> moment(Oid rel) {
  int64_t us = counter<M>(rel);
  if (us == 0) return std::nullopt;
  return us - kUnixToPostgresUs;
}
int64_t scans(Oid rel) {
  stats::RelationStats& s = stats_of(rel);
  return relation_oid_of_index(rel) == kInvalidOid ? s.seq_scans.load() : s.index_scans.load();
}

template <std::atomic<int64_t> stats::RelationStats::*M>
int64_t database_sum(Oid db) {
  int64_t n = 0;
  for (stats::RelationStats* s : stats::all())
    if (s->key.load() >> 32 == raw(db)) n += (s->*M).load(std::memory_order_relaxed);
  return n;
}
int32_t database_backends(Oid db) {
  int32_t n = 0;
  for (int i = 0; i < region::slot_high_water(); i++) {
    region::ProcSlot& s = region::slot(SlotNo{static_cast<uint16_t>(i)});
    auto state = s.state.load();
    n += (state == region::SlotState::kIdle || state == region::SlotState::kActive || state == region::SlotState::kIdleInTransaction) && s.database.load() == raw(db);
  }
  return n;
}

using R = stats::RelationStats;
constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    {2943, constant_kernel<fn_xact_id>}, {5059, constant_kernel<fn_xact_id>}, {3348, constant_kernel<fn_xact_id_if_assigned>}, {5060, constant_kernel<fn_xact_id_if_assigned>},
    STRICT_FN(3360, fn_xact_status), STRICT_FN(5066, fn_xact_status), {810, constant_kernel<fn_client_encoding>}, STRICT_FN(2319, fn_encoding_max_length), STRICT_FN(3163, fn_trigger_depth),
    VARIADIC_FN(1619, fn_typeof), VARIADIC_FN(1269, fn_column_size), VARIADIC_FN(3162, fn_collation_for),
    STRICT_FN(636, fn_am_property), STRICT_FN(637, fn_index_property), STRICT_FN(638, fn_index_column_property),
    STRICT_FN(1928, scans), STRICT_FN(1929, counter<&R::seq_rows>), STRICT_FN(1930, counter<&R::index_rows>), STRICT_FN(1931, counter<&R::inserted>), STRICT_FN(1932, counter<&R::updated>),
    STRICT_FN(1933, counter<&R::deleted>), STRICT_FN(1972, counter<&R::hot_updated>), STRICT_FN(2878, positive<&R::live>), STRICT_FN(2879, positive<&R::dead>),
    STRICT_FN(3177, positive<&R::mod_since_analyze>), STRICT_FN(5053, positive<&R::ins_since_vacuum>), STRICT_FN(2781, moment<&R::last_vacuum_us>), STRICT_FN(2782, moment<&R::last_autovacuum_us>),
    STRICT_FN(2783, moment<&R::last_analyze_us>), STRICT_FN(2784, moment<&R::last_autoanalyze_us>), STRICT_FN(3054, counter<&R::vacuum_count>), STRICT_FN(3055, counter<&R::autovacuum_count>),
    STRICT_FN(3056, counter<&R::analyze_count>), STRICT_FN(3057, counter<&R::autoanalyze_count>), STRICT_FN(1941, database_backends), STRICT_FN(2758, database_sum<&R::seq_rows>),
    STRICT_FN(2759, database_sum<&R::index_rows>), STRICT_FN(2760, database_sum<&R::inserted>), STRICT_FN(2761, database_sum<&R::updated>), STRICT_FN(2762, database_sum<&R::deleted>),
}));
constexpr auto kSetFns = sorted_by_oid(std::to_array<SetFnEntry>({{3839, make_identify}, {3078, make_sequence_parameters}}));

}  // namespace

constinit const FnTables kInfoFns{kFns, {}, kSetFns};

}  // namespace postern::catalog
