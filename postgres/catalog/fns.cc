// SQL functions over the catalogs that need no expression text: names, visibility, privileges, descriptions, sizes. What shows definitions is in ddl/definition_fns.cc.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/fn_rows.h"
#include "postgres/catalog/keywords.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/storage/file.h"
#include "postgres/txn/txn.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"

namespace postern::catalog {
namespace {

using sv = std::string_view;
using OptDatum = std::optional<Datum>;

Datum text(FnContext& cx, sv s) { return make_bytes(*cx.arena, s); }

// ---------------------------------------------------------------- names

NullableDatum fn_format_type(FnContext& cx, NullableDatum type, NullableDatum typmod) {
  if (type.null) return {};
  return {text(cx, typmod.null ? format_type_no_typmod(as_oid(type.value)) : format_type(as_oid(type.value), as_int4(typmod.value))), false};
}
Datum fn_userbyid(FnContext& cx, Oid role) {
  auto r = find_role(role);
  return text(cx, r ? r->name : cat("unknown (OID=", raw(role), ")"));
}
constexpr const char* kEncodings[] = {"SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW", "EUC_JIS_2004", "UTF8", "MULE_INTERNAL", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5", "LATIN6",
                                      "LATIN7", "LATIN8", "LATIN9", "LATIN10", "WIN1256", "WIN1258", "WIN866", "WIN874", "KOI8R", "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7",
                                      "ISO_8859_8", "WIN1250", "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"};
sv fn_encoding_to_char(int32_t e) { return e >= 0 && static_cast<size_t>(e) < std::size(kEncodings) ? kEncodings[e] : ""; }
int32_t fn_char_to_encoding(sv name) {
  auto norm = [](sv s) {
    std::string out;
    for (char c : s) if (isalnum(static_cast<unsigned char>(c))) out += static_cast<char>(toupper(static_cast<unsigned char>(c)));
    return out;
  };
  std::string n = norm(name);
  if (n == "UNICODE") n = "UTF8";
  for (size_t i = 0; i < std::size(kEncodings); i++)
    if (norm(kEncodings[i]) == n) return static_cast<int32_t>(i);
  return -1;
}
void no_args(FnContext& cx, Rows rows, Vector& out, OptDatum v) {
  (void)cx;
  for_rows(rows, [&](uint32_t r) {
    out.nulls[r] = !v;
    out.values[r] = v.value_or(0);
  });
}
void fn_database_encoding(FnContext& cx, const Vector*, int, Rows rows, Vector& out) { no_args(cx, rows, out, text(cx, "UTF8")); }
void fn_current_database(FnContext& cx, const Vector*, int, Rows rows, Vector& out) {
  auto db = find_database(my_database());
  no_args(cx, rows, out, text(cx, db ? db->name : ""));
}
void fn_current_schema(FnContext& cx, const Vector*, int, Rows rows, Vector& out) {
  auto path = explicit_search_path();
  no_args(cx, rows, out, path.empty() ? OptDatum{} : OptDatum{text(cx, namespace_name(path[0]))});
}
Datum fn_current_schemas(FnContext& cx, bool implicit) {
  ArrayBuilder b(oid::kName);
  for (Oid o : implicit ? search_path() : explicit_search_path()) b.add(text(cx, namespace_name(o)));
  return b.build(*cx.arena);
}
Datum role_text(FnContext& cx, Oid role) {
  auto r = find_role(role);
  return text(cx, r ? r->name : "");
}
void fn_current_user(FnContext& cx, const Vector*, int, Rows rows, Vector& out) { no_args(cx, rows, out, role_text(cx, cx.services ? cx.services->user() : current_user())); }
void fn_session_user(FnContext& cx, const Vector*, int, Rows rows, Vector& out) { no_args(cx, rows, out, role_text(cx, cx.services ? cx.services->session_user() : current_user())); }

template <uint32_t RegType>
OptDatum fn_to_reg(FnContext& cx, sv name) {
  try {
    Oid o = cx.services->reg_in(Oid{RegType}, name, true);
    if (o == kInvalidOid) return std::nullopt;
    return from_oid(o);
  } catch (const SqlError& e) {
    if (e.sqlstate == sqlstate::kUndefinedTable || e.sqlstate == sqlstate::kUndefinedObject || e.sqlstate == sqlstate::kUndefinedFunction || e.sqlstate == sqlstate::kUndefinedSchema) return std::nullopt;
    throw;
  }
}

// ---------------------------------------------------------------- visibility

std::optional<bool> fn_table_visible(Oid oid) {
  RelationRef r = relation(oid);
  if (!r) return std::nullopt;
  return relation_is_visible(*r);
}
std::optional<bool> fn_type_visible(Oid oid) {
  if (postern::find_type(oid)) return true;
  Arena arena;
  auto row = find_row(pg_type::kTable, pg_type::k_oid_index, {from_oid(oid)}, arena);
  if (!row) return std::nullopt;
  return find_type("", row->text(pg_type::typname)) == oid;
}
std::optional<bool> fn_function_visible(Oid oid) { return facts::find_proc(oid) ? std::optional(true) : std::nullopt; }
std::optional<bool> fn_operator_visible(Oid oid) { return facts::find_oper(oid) ? std::optional(true) : std::nullopt; }
template <uint32_t Table, uint32_t Index>
std::optional<bool> fn_row_visible(Oid oid) {   // kinds of objects that only pg_catalog has
  Arena arena;
  return find_row(Oid{Table}, Oid{Index}, {from_oid(oid)}, arena) ? std::optional(true) : std::nullopt;
}
bool fn_other_temp_schema(Oid ns) { return is_temp_namespace(ns) && ns != temp_namespace(false); }
void fn_my_temp_schema(FnContext& cx, const Vector*, int, Rows rows, Vector& out) { no_args(cx, rows, out, from_oid(temp_namespace(false))); }

// ---------------------------------------------------------------- descriptions

OptDatum description(FnContext& cx, Oid object, Oid class_oid, int32_t sub) {
  Arena arena;
  auto row = find_row(pg_description::kTable, pg_description::k_o_c_o_index, {from_oid(object), from_oid(class_oid), from_int(sub)}, arena);
  if (!row) return std::nullopt;
  return text(cx, row->text(pg_description::description));
}
Oid catalog_named(sv name) {
  for (const CatRelation& r : cat_relations())
    if (r.schema == 1 && schema_string(r.name_at) == name) return Oid{r.oid};
  return kInvalidOid;
}
OptDatum fn_obj_description(FnContext& cx, Oid object, sv catalog_name) { return description(cx, object, catalog_named(catalog_name), 0); }
OptDatum fn_obj_description1(FnContext& cx, Oid object) {
  Arena arena;
  Datum key = from_oid(object);
  for (const CatalogRow& r : scan(pg_description::kTable, pg_description::k_o_c_o_index, {&key, 1}, arena))
    if (as_int4(r.values[pg_description::objsubid]) == 0) return text(cx, r.text(pg_description::description));
  return std::nullopt;
}
OptDatum fn_col_description(FnContext& cx, Oid rel, int32_t column) { return description(cx, rel, pg_class::kTable, column); }
OptDatum fn_shobj_description(FnContext& cx, Oid object, sv catalog_name) {
  Arena arena;
  auto row = find_row(pg_shdescription::kTable, pg_shdescription::k_o_c_index, {from_oid(object), from_oid(catalog_named(catalog_name))}, arena);
  if (!row) return std::nullopt;
  return text(cx, row->text(pg_shdescription::description));
}
OptDatum fn_describe_object(FnContext& cx, Oid class_oid, Oid object, int32_t sub) {
  if (class_oid == kInvalidOid && object == kInvalidOid) return std::nullopt;
  return text(cx, describe_object({class_oid, object, sub}));
}

// ---------------------------------------------------------------- functions' signatures

std::vector<sv> split(sv s) {
  std::vector<sv> out;
  if (s.empty()) return out;
  for (;;) {
    size_t n = s.find('\x01');
    out.push_back(s.substr(0, n));
    if (n == sv::npos) return out;
    s = s.substr(n + 1);
  }
}
enum class Show { kArguments, kIdentity, kTable };
std::string arguments(const facts::ProcFact& p, Show show) {
  auto all = p.all_args().empty() ? p.args() : p.all_args();
  auto names = split(p.names()), defaults = split(p.defaults());
  sv modes = p.modes();
  std::string out;
  size_t input = 0, first_default = p.nargs - defaults.size();
  for (size_t i = 0; i < all.size(); i++) {
    char mode = i < modes.size() ? modes[i] : 'i';
    bool is_input = mode == 'i' || mode == 'b' || mode == 'v';
    size_t at = input;
    if (is_input) input++;
    if (show == Show::kTable ? mode != 't' : mode == 't') continue;
    if (show == Show::kIdentity && mode == 'o') continue;
    append(out, out.empty() ? "" : ", ", mode == 'b' ? "INOUT " : mode == 'o' ? "OUT " : mode == 'v' ? "VARIADIC " : "");
    if (i < names.size() && !names[i].empty()) append(out, quote_ident(names[i]), " ");
    out += format_type_no_typmod(Oid{all[i]});
    if (show == Show::kArguments && is_input && at >= first_default) append(out, " DEFAULT ", defaults[at - first_default]);
  }
  return out;
}
OptDatum fn_function_arguments(FnContext& cx, Oid oid) {
  const facts::ProcFact* p = facts::find_proc(oid);
  if (!p) return std::nullopt;
  return text(cx, arguments(*p, Show::kArguments));
}
OptDatum fn_function_identity(FnContext& cx, Oid oid) {
  const facts::ProcFact* p = facts::find_proc(oid);
  if (!p) return std::nullopt;
  return text(cx, arguments(*p, Show::kIdentity));
}
OptDatum fn_function_result(FnContext& cx, Oid oid) {
  const facts::ProcFact* p = facts::find_proc(oid);
  if (!p || p->kind == 'p') return std::nullopt;
  if (p->modes().find('t') != sv::npos) return text(cx, cat("TABLE(", arguments(*p, Show::kTable), ")"));
  return text(cx, cat(p->retset ? "SETOF " : "", format_type_no_typmod(Oid{p->ret})));
}
OptDatum fn_function_arg_default(FnContext& cx, Oid oid, int32_t n) {
  const facts::ProcFact* p = facts::find_proc(oid);
  if (!p) return std::nullopt;
  auto defaults = split(p->defaults());
  int32_t first = p->nargs - static_cast<int32_t>(defaults.size());
  if (n <= first || n > p->nargs) return std::nullopt;
  return text(cx, defaults[static_cast<size_t>(n - first - 1)]);
}

// ---------------------------------------------------------------- sizes and files

constexpr sv kForkNames[] = {"main", "fsm", "vm", "toast", "init"};
int64_t fork_bytes(RelFile f, Fork fork) { return int64_t{raw(buffer::page_count(f, fork))} * kPageBytes; }
// Index descriptors of their own have the table's database too.
std::optional<int64_t> sizes(Oid oid, bool all_forks, bool indexes_only, bool with_indexes) {
  RelationRef r = relation(oid);
  if (!r) return std::nullopt;
  int64_t n = 0;
  if (!indexes_only && r->kind != 'v') {
    n += fork_bytes(r->file, Fork::kMain);
    if (all_forks)
      for (Fork f : {Fork::kFreeSpace, Fork::kVisibility, Fork::kToast}) n += fork_bytes(r->file, f);
  }
  if (with_indexes || indexes_only)
    for (const IndexDesc& i : r->indexes) n += fork_bytes(i.file, Fork::kMain);
  return n;
}
std::optional<int64_t> fn_relation_size(Oid oid) { return sizes(oid, false, false, false); }
std::optional<int64_t> fn_relation_fork_size(Oid oid, sv fork) {
  RelationRef r = relation(oid);
  if (!r) return std::nullopt;
  for (size_t i = 0; i < std::size(kForkNames); i++)
    if (kForkNames[i] == fork) return r->kind == 'v' ? 0 : fork_bytes(r->file, static_cast<Fork>(i));
  throw SqlError(sqlstate::kInvalidParameterValue, "invalid fork name", "", "Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".");
}
std::optional<int64_t> fn_table_size(Oid oid) { return sizes(oid, true, false, false); }
std::optional<int64_t> fn_indexes_size(Oid oid) { return sizes(oid, false, true, true); }
std::optional<int64_t> fn_total_size(Oid oid) { return sizes(oid, true, false, true); }
std::optional<Oid> fn_filenode(Oid oid) {
  RelationRef r = relation(oid);
  if (!r || r->kind == 'v') return std::nullopt;
  return r->file.number;
}
OptDatum fn_filepath(FnContext& cx, Oid oid) {
  RelationRef r = relation(oid);
  if (!r || r->kind == 'v') return std::nullopt;
  return text(cx, r->is_shared() ? cat("global/", raw(r->file.number)) : cat("base/", raw(r->file.database), "/", raw(r->file.number)));
}
int64_t fn_database_size(Oid oid) {
  if (!find_database(oid)) throw SqlError(sqlstate::kUndefinedDatabase, cat("database with OID ", raw(oid), " does not exist"));
  return storage::database_bytes(oid);
}
int64_t fn_database_size_by_name(sv name) {
  auto db = find_database(name);
  if (!db) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", name, "\" does not exist"));
  return storage::database_bytes(db->oid);
}
int64_t fn_tablespace_size(Oid oid) {
  if (oid == kGlobalTablespace) return storage::database_bytes(kInvalidOid);
  if (oid != kDefaultTablespace) throw SqlError(sqlstate::kUndefinedObject, cat("tablespace with OID ", raw(oid), " does not exist"));
  int64_t n = 0;
  for (const DatabaseInfo& d : all_databases()) n += storage::database_bytes(d.oid);
  return n;
}
int64_t fn_tablespace_size_by_name(sv name) {
  if (name == "pg_default") return fn_tablespace_size(kDefaultTablespace);
  if (name == "pg_global") return fn_tablespace_size(kGlobalTablespace);
  throw SqlError(sqlstate::kUndefinedObject, cat("tablespace \"", name, "\" does not exist"));
}
sv fn_tablespace_location(Oid) { return ""; }
bool fn_is_publishable(Oid oid) {
  RelationRef r = relation(oid);
  return r && r->kind == 'r' && r->persistence == 'p' && raw(oid) >= raw(kFirstNormalOid);
}
int32_t fn_is_updatable(Oid oid, bool) {
  RelationRef r = relation(oid);
  return r && r->kind == 'r' ? 28 : 0;   // INSERT, UPDATE, DELETE bits
}
bool fn_column_is_updatable(Oid oid, int16_t, bool) { return fn_is_updatable(oid, false) != 0; }
OptDatum fn_null_of_oid(FnContext&, Oid) { return std::nullopt; }
OptDatum fn_null_of_oid_bool(FnContext&, Oid, bool) { return std::nullopt; }
bool fn_row_security(Oid) { return false; }
OptDatum fn_serial_sequence(FnContext& cx, sv table, sv column) {
  Oid oid = cx.services->reg_in(oid::kRegClass, table, false);
  RelationRef rel = relation(oid);
  int attnum = 0;
  for (int i = 0; i < rel->natts(); i++)
    if (!rel->attrs[i].dropped && rel->attrs[i].name == column) attnum = i + 1;
  if (!attnum) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", column, "\" of relation \"", rel->name, "\" does not exist"));
  Arena arena;
  Datum keys[] = {from_oid(pg_class::kTable), from_oid(oid), from_int(attnum)};
  for (const CatalogRow& d : scan(pg_depend::kTable, pg_depend::k_reference_index, keys, arena)) {
    RelationRef seq = d.oid(pg_depend::classid) == pg_class::kTable ? relation(d.oid(pg_depend::objid)) : nullptr;
    if (seq && seq->kind == 'S') return text(cx, relation_display_name(*seq, true));
  }
  return std::nullopt;
}

// ---------------------------------------------------------------- acl

Datum fn_acldefault(FnContext& cx, int8_t kind, Oid owner) {
  auto r = find_role(owner);
  if (sv("crsdflLnptFST").find(static_cast<char>(kind)) == sv::npos) throw SqlError(sqlstate::kInternalError, cat("unrecognized object type abbreviation: ", static_cast<char>(kind)));
  return write_acl(*cx.arena, default_acl(static_cast<char>(kind), r ? r->name : ""));
}
SetFunction* make_aclexplode(FnContext& cx, const NullableDatum* args, int) {
  (void)cx;
  auto rows = std::make_unique<RowList>();
  static constexpr std::pair<char, const char*> kNames[] = {{'a', "INSERT"}, {'r', "SELECT"}, {'w', "UPDATE"}, {'d', "DELETE"}, {'D', "TRUNCATE"}, {'x', "REFERENCES"}, {'t', "TRIGGER"}, {'X', "EXECUTE"},
                                                            {'U', "USAGE"}, {'C', "CREATE"}, {'T', "TEMPORARY"}, {'c', "CONNECT"}, {'s', "SET"}, {'A', "ALTER SYSTEM"}};
  if (!args[0].null)
    for (const AclItem& i : read_acl(args[0].value)) {
      auto grantor = find_role(i.grantor);
      auto grantee = i.grantee.empty() ? std::nullopt : find_role(i.grantee);
      for (auto [letter, name] : kNames)
        if (i.privileges.find(letter) != std::string::npos)
          rows->add({from_oid(grantor ? grantor->oid : kInvalidOid), from_oid(grantee ? grantee->oid : kInvalidOid), rows->text(name), from_bool(i.grantable.find(letter) != std::string::npos)});
    }
  return rows.release();
}
SetFunction* make_options_to_table(FnContext&, const NullableDatum* args, int) {
  auto rows = std::make_unique<RowList>();
  if (!args[0].null)
    for (const std::string& s : read_text_array(args[0].value)) {
      size_t eq = s.find('=');
      std::vector<NullableDatum> row{{rows->text(sv(s).substr(0, eq)), false}, {}};
      if (eq != std::string::npos) row[1] = {rows->text(sv(s).substr(eq + 1)), false};
      rows->add_nullable(std::move(row));
    }
  return rows.release();
}
SetFunction* make_keywords(FnContext&, const NullableDatum*, int) {
  auto rows = std::make_unique<RowList>();
  for (const Keyword& k : keywords()) {
    const char* desc = k.category == 'U' ? "unreserved" : k.category == 'C' ? "unreserved (cannot be function or type name)" : k.category == 'T' ? "reserved (can be function or type name)" : "reserved";
    rows->add({rows->text(k.word), Datum{static_cast<uint8_t>(k.category)}, from_bool(k.bare_label), rows->text(desc), rows->text(k.bare_label ? "can be bare label" : "requires AS")});
  }
  return rows.release();
}
SetFunction* make_no_partitions(FnContext&, const NullableDatum*, int) { return new RowList(); }

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    NULLABLE_FN(1081, fn_format_type), STRICT_FN(1642, fn_userbyid), STRICT_FN(1597, fn_encoding_to_char), STRICT_FN(1264, fn_char_to_encoding), {1039, fn_database_encoding},
    {861, fn_current_database}, {1402, fn_current_schema}, STRICT_FN(1403, fn_current_schemas), {745, fn_current_user}, {746, fn_session_user},
    STRICT_FN(3495, fn_to_reg<2205>), STRICT_FN(3493, fn_to_reg<2206>), STRICT_FN(3494, fn_to_reg<24>), STRICT_FN(3479, fn_to_reg<2202>), STRICT_FN(4086, fn_to_reg<4089>), STRICT_FN(4093, fn_to_reg<4096>),
    STRICT_FN(3492, fn_to_reg<2203>), STRICT_FN(3476, fn_to_reg<2204>),
    STRICT_FN(2079, fn_table_visible), STRICT_FN(2080, fn_type_visible), STRICT_FN(2081, fn_function_visible), STRICT_FN(2082, fn_operator_visible),
    STRICT_FN(2083, (fn_row_visible<2616, 2687>)), STRICT_FN(3829, (fn_row_visible<2753, 2755>)), STRICT_FN(3815, (fn_row_visible<3456, 3085>)), STRICT_FN(2093, (fn_row_visible<2607, 2670>)),
    STRICT_FN(3403, (fn_row_visible<3381, 3380>)), STRICT_FN(3756, (fn_row_visible<3601, 3607>)), STRICT_FN(3757, (fn_row_visible<3600, 3605>)), STRICT_FN(3758, (fn_row_visible<3602, 3712>)),
    STRICT_FN(3768, (fn_row_visible<3764, 3767>)), STRICT_FN(2855, fn_other_temp_schema), {2854, fn_my_temp_schema},
    STRICT_FN(1215, fn_obj_description), STRICT_FN(1348, fn_obj_description1), STRICT_FN(1216, fn_col_description), STRICT_FN(1993, fn_shobj_description), STRICT_FN(3537, fn_describe_object),
    STRICT_FN(2162, fn_function_arguments), STRICT_FN(2232, fn_function_identity), STRICT_FN(2165, fn_function_result), STRICT_FN(3808, fn_function_arg_default),
    STRICT_FN(2325, fn_relation_size), STRICT_FN(2332, fn_relation_fork_size), STRICT_FN(2997, fn_table_size), STRICT_FN(2998, fn_indexes_size), STRICT_FN(2286, fn_total_size),
    STRICT_FN(2999, fn_filenode), STRICT_FN(3034, fn_filepath), STRICT_FN(2324, fn_database_size), STRICT_FN(2168, fn_database_size_by_name), STRICT_FN(2322, fn_tablespace_size),
    STRICT_FN(2323, fn_tablespace_size_by_name), STRICT_FN(3778, fn_tablespace_location), STRICT_FN(6121, fn_is_publishable), STRICT_FN(3842, fn_is_updatable), STRICT_FN(3843, fn_column_is_updatable),
    STRICT_FN(3352, fn_null_of_oid), STRICT_FN(3408, fn_null_of_oid), STRICT_FN(6197, fn_null_of_oid), STRICT_FN(3415, fn_null_of_oid), STRICT_FN(6174, fn_null_of_oid), STRICT_FN(1662, fn_null_of_oid),
    STRICT_FN(2730, fn_null_of_oid_bool), STRICT_FN(3424, fn_null_of_oid), STRICT_FN(6120, fn_null_of_oid), STRICT_FN(3298, fn_row_security),
    STRICT_FN(1665, fn_serial_sequence), STRICT_FN(3943, fn_acldefault),
}));

constexpr auto kSetFns = sorted_by_oid(std::to_array<SetFnEntry>({
    {1689, make_aclexplode}, {2289, make_options_to_table}, {1686, make_keywords}, {3423, make_no_partitions}, {3425, make_no_partitions},
}));

}  // namespace

constinit const FnTables kCatalogFns{kFns, {}, kSetFns};

}  // namespace postern::catalog
