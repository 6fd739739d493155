// has_*_privilege, pg_has_role and functions over aclitem. Every form of a family (role by name, by OID or the current one; object by name or OID) is one instance of has<>().
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/fn_tables.h"
#include "postgres/catalog/schema.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"

namespace postern::catalog {
namespace {

using sv = std::string_view;

enum class Object : uint8_t { kTable, kSequence, kSchema, kDatabase, kFunction, kLanguage, kTablespace, kType, kWrapper, kServer };

constexpr char kAclKind[] = {'r', 's', 'n', 'd', 'f', 'l', 't', 'T', 'F', 'S'};
constexpr sv kAllowed[] = {"rawdDxt", "rwU", "CU", "CTc", "X", "U", "C", "U", "U", "U"};

// ---------------------------------------------------------------- what is asked

struct Wish {
  char letter;
  bool grantable;
};

sv trim(sv s) {
  while (!s.empty() && isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

bool strip_suffix(std::string& upper, sv suffix) {
  if (!upper.ends_with(suffix)) return false;
  upper.resize(upper.size() - suffix.size());
  return true;
}

std::vector<std::string> list_of(sv text) {
  std::vector<std::string> out;
  for (;;) {
    size_t comma = text.find(',');
    out.emplace_back(trim(text.substr(0, comma)));
    if (comma == sv::npos) return out;
    text = text.substr(comma + 1);
  }
}

[[noreturn]] void throw_unrecognized(sv word) { throw SqlError(sqlstate::kInvalidParameterValue, cat("unrecognized privilege type: \"", word, "\"")); }

std::string upper(sv s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
  return out;
}

std::vector<Wish> wishes(sv text, sv allowed) {
  std::vector<Wish> out;
  for (const std::string& word : list_of(text)) {
    std::string up = upper(word);
    bool grantable = strip_suffix(up, " WITH GRANT OPTION");
    char letter = privilege_letter(up);
    if (!letter || allowed.find(letter) == sv::npos) throw_unrecognized(word);
    out.push_back({letter, grantable});
  }
  return out;
}

Oid role_named(sv name) {
  if (name == "public") return kInvalidOid;
  auto r = find_role(name);
  if (!r) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", name, "\" does not exist"));
  return r->oid;
}

// ---------------------------------------------------------------- objects and their acls

[[noreturn]] void throw_undefined(sv what, sv name, SqlState state) { throw SqlError(state, cat(what, " \"", name, "\" does not exist")); }

Oid row_named(Oid table, Oid name_index, Arena& arena, sv name, int oid_column, sv what) {
  auto row = find_row(table, name_index, {make_bytes(arena, name)}, arena);
  if (!row) throw_undefined(what, name, sqlstate::kUndefinedObject);
  return row->oid(oid_column);
}

Oid object_named(FnContext& cx, Object kind, sv name) {
  Arena arena;
  switch (kind) {
    case Object::kTable: case Object::kSequence: return cx.services->reg_in(oid::kRegClass, name, false);
    case Object::kSchema: {
      Oid ns = find_namespace(name);
      if (ns == kInvalidOid) throw_undefined("schema", name, sqlstate::kUndefinedSchema);
      return ns;
    }
    case Object::kDatabase: {
      auto db = find_database(name);
      if (!db) throw_undefined("database", name, sqlstate::kUndefinedDatabase);
      return db->oid;
    }
    case Object::kFunction: return cx.services->reg_in(oid::kRegProcedure, name, false);
    case Object::kType: return cx.services->reg_in(oid::kRegType, name, false);
    case Object::kLanguage: return row_named(pg_language::kTable, pg_language::k_name_index, arena, name, pg_language::oid, "language");
    case Object::kTablespace: return row_named(pg_tablespace::kTable, pg_tablespace::k_spcname_index, arena, name, pg_tablespace::oid, "tablespace");
    case Object::kWrapper: return row_named(pg_foreign_data_wrapper::kTable, pg_foreign_data_wrapper::k_name_index, arena, name, pg_foreign_data_wrapper::oid, "foreign-data wrapper");
    case Object::kServer: return row_named(pg_foreign_server::kTable, pg_foreign_server::k_name_index, arena, name, pg_foreign_server::oid, "server");
  }
  return kInvalidOid;
}

struct Protected {
  Oid owner{0};
  Datum acl = 0;
  bool null = true;
};

std::optional<Protected> protected_row(Oid table, Oid index, Oid object, int owner, int acl, Arena& arena) {
  auto row = find_row(table, index, {from_oid(object)}, arena);
  if (!row) return std::nullopt;
  return Protected{row->oid(owner), row->values[acl], row->nulls[acl] != 0};
}

std::optional<Protected> protected_object(Object kind, Oid object, Arena& arena) {
  switch (kind) {
    case Object::kTable: case Object::kSequence: return protected_row(pg_class::kTable, pg_class::k_oid_index, object, pg_class::relowner, pg_class::relacl, arena);
    case Object::kSchema: return protected_row(pg_namespace::kTable, pg_namespace::k_oid_index, object, pg_namespace::nspowner, pg_namespace::nspacl, arena);
    case Object::kDatabase: return protected_row(pg_database::kTable, pg_database::k_oid_index, object, pg_database::datdba, pg_database::datacl, arena);
    case Object::kFunction: return protected_row(pg_proc::kTable, pg_proc::k_oid_index, object, pg_proc::proowner, pg_proc::proacl, arena);
    case Object::kLanguage: return protected_row(pg_language::kTable, pg_language::k_oid_index, object, pg_language::lanowner, pg_language::lanacl, arena);
    case Object::kTablespace: return protected_row(pg_tablespace::kTable, pg_tablespace::k_oid_index, object, pg_tablespace::spcowner, pg_tablespace::spcacl, arena);
    case Object::kType: return protected_row(pg_type::kTable, pg_type::k_oid_index, object, pg_type::typowner, pg_type::typacl, arena);
    case Object::kWrapper: return protected_row(pg_foreign_data_wrapper::kTable, pg_foreign_data_wrapper::k_oid_index, object, pg_foreign_data_wrapper::fdwowner, pg_foreign_data_wrapper::fdwacl, arena);
    case Object::kServer: return protected_row(pg_foreign_server::kTable, pg_foreign_server::k_oid_index, object, pg_foreign_server::srvowner, pg_foreign_server::srvacl, arena);
  }
  return std::nullopt;
}

bool grantable(Oid role, const Protected& p, char letter) {
  if (is_superuser(role) || (role != kInvalidOid && has_role(role, p.owner))) return true;
  if (p.null) return false;
  for (const AclItem& i : read_acl(p.acl)) {
    if (i.grantable.find(letter) == std::string::npos) continue;
    auto g = find_role(i.grantee);
    if (g && has_role(role, g->oid)) return true;
  }
  return false;
}

bool allowed(Oid role, Object kind, Oid object, const Protected& p, Wish w) {
  if (w.grantable) return grantable(role, p, w.letter);
  if (kind == Object::kTable || kind == Object::kSequence) return has_relation_privilege(role, object, w.letter);
  if (kind == Object::kSchema) return has_namespace_privilege(role, object, w.letter);
  return acl_allows(role, p.owner, kAclKind[static_cast<int>(kind)], p.acl, p.null, w.letter);
}

NullableDatum ask(FnContext& cx, Object kind, Oid role, Oid object, sv privileges) {
  std::vector<Wish> w = wishes(privileges, kAllowed[static_cast<int>(kind)]);
  Arena arena;
  auto p = protected_object(kind, object, arena);
  if (!p) return {};
  if (kind == Object::kSequence) {
    RelationRef r = relation(object);
    if (!r) return {};
    if (r->kind != 'S') throw SqlError(sqlstate::kWrongObjectType, cat("\"", r->name, "\" is not a sequence"));
  }
  (void)cx;
  for (Wish one : w)
    if (allowed(role, kind, object, *p, one)) return {from_bool(true), false};
  return {from_bool(false), false};
}

bool any_null(std::span<const NullableDatum> args) {
  return std::any_of(args.begin(), args.end(), [](const NullableDatum& d) { return d.null; });
}

enum class By : uint8_t { kCurrent, kName, kOid };

Oid role_of(FnContext& cx, By by, const NullableDatum& arg) {
  return by == By::kCurrent ? cx.services->user() : by == By::kName ? role_named(as_view(arg.value)) : as_oid(arg.value);
}

template <Object K, By Role, By Obj>
NullableDatum has(FnContext& cx, std::span<const NullableDatum> args) {
  if (any_null(args)) return {};
  size_t at = Role == By::kCurrent ? 0 : 1;
  Oid role = role_of(cx, Role, args[0]);
  Oid object = Obj == By::kName ? object_named(cx, K, as_view(args[at].value)) : as_oid(args[at].value);
  return ask(cx, K, role, object, as_view(args[at + 1].value));
}

// ---------------------------------------------------------------- columns

// A column's privilege is the table's or its own. Column 0: any of the columns.
NullableDatum ask_column(Oid role, const RelationDesc& rel, int16_t attno, sv privileges) {
  for (Wish w : wishes(privileges, "rawx")) {
    Arena arena;
    auto p = protected_object(Object::kTable, rel.oid, arena);
    if (p && allowed(role, Object::kTable, rel.oid, *p, w)) return {from_bool(true), false};
    for (int16_t a = attno ? attno : 1; !w.grantable && a <= (attno ? attno : rel.natts()); a++)
      if (!rel.attrs[a - 1].dropped && has_column_privilege(role, rel.oid, a, w.letter)) return {from_bool(true), false};
  }
  return {from_bool(false), false};
}

NullableDatum has_column(FnContext& cx, Oid role, Oid table, bool by_number, const NullableDatum& column, sv privileges) {
  (void)cx;
  RelationRef rel = relation(table);
  if (!rel) return {};
  int16_t attno = 0;
  if (by_number) {
    attno = as_int2(column.value);
    if (attno < 1 || attno > rel->natts() || rel->attrs[attno - 1].dropped) return {};
  } else {
    sv name = as_view(column.value);
    for (int i = 0; i < rel->natts(); i++)
      if (!rel->attrs[i].dropped && rel->attrs[i].name == name) attno = static_cast<int16_t>(i + 1);
    if (!attno) throw SqlError(sqlstate::kUndefinedColumn, cat("column \"", name, "\" of relation \"", rel->name, "\" does not exist"));
  }
  return ask_column(role, *rel, attno, privileges);
}

template <By Role, By Obj, bool ByNumber>
NullableDatum has_column_of(FnContext& cx, std::span<const NullableDatum> args) {
  if (any_null(args)) return {};
  size_t at = Role == By::kCurrent ? 0 : 1;
  Oid role = role_of(cx, Role, args[0]);
  Oid table = Obj == By::kName ? object_named(cx, Object::kTable, as_view(args[at].value)) : as_oid(args[at].value);
  return has_column(cx, role, table, ByNumber, args[at + 1], as_view(args[at + 2].value));
}

template <By Role, By Obj>
NullableDatum has_any_column(FnContext& cx, std::span<const NullableDatum> args) {
  if (any_null(args)) return {};
  size_t at = Role == By::kCurrent ? 0 : 1;
  Oid role = role_of(cx, Role, args[0]);
  RelationRef rel = relation(Obj == By::kName ? object_named(cx, Object::kTable, as_view(args[at].value)) : as_oid(args[at].value));
  return rel ? ask_column(role, *rel, 0, as_view(args[at + 1].value)) : NullableDatum{};
}

template <By Role>
NullableDatum has_parameter(FnContext& cx, std::span<const NullableDatum> args) {
  if (any_null(args)) return {};
  size_t at = Role == By::kCurrent ? 0 : 1;
  Oid role = role_of(cx, Role, args[0]);
  wishes(as_view(args[at + 1].value), "sA");
  return {from_bool(is_superuser(role)), false};   // nothing is granted on parameters
}

// ---------------------------------------------------------------- roles

bool is_admin_of(Oid member, Oid role) {
  if (is_superuser(member)) return true;
  Arena arena;
  Datum key = from_oid(role);
  for (const CatalogRow& r : scan(pg_auth_members::kTable, pg_auth_members::k_role_member_index, {&key, 1}, arena))
    if (r.flag(pg_auth_members::admin_option) && has_membership_path(member, r.oid(pg_auth_members::member))) return true;
  return false;
}

template <By Member, By Role>
NullableDatum has_role_fn(FnContext& cx, std::span<const NullableDatum> args) {
  if (any_null(args)) return {};
  size_t at = Member == By::kCurrent ? 0 : 1;
  Oid member = role_of(cx, Member, args[0]), role = role_of(cx, Role, args[at]);
  bool ok = false;
  for (const std::string& word : list_of(as_view(args[at + 1].value))) {
    std::string up = upper(word);
    bool admin = strip_suffix(up, " WITH GRANT OPTION") || strip_suffix(up, " WITH ADMIN OPTION");
    if (up != "MEMBER" && up != "USAGE") throw_unrecognized(word);
    ok |= admin ? is_admin_of(member, role) : up == "USAGE" ? has_role(member, role) : member == role || is_superuser(member) || has_membership_path(member, role);
  }
  return {from_bool(ok), false};
}

// ---------------------------------------------------------------- aclitem

std::string role_name(Oid o) {
  auto r = find_role(o);
  return r ? r->name : cat(raw(o));
}

Datum fn_makeaclitem(FnContext& cx, Oid grantee, Oid grantor, sv privileges, bool grant_option) {
  AclItem item;
  item.grantee = grantee == kInvalidOid ? "" : role_name(grantee);
  item.grantor = role_name(grantor);
  char letter = privilege_letter(privileges);
  if (!letter) throw_unrecognized(privileges);
  item.privileges = letter;
  if (grant_option) item.grantable = item.privileges;
  return make_bytes(*cx.arena, format_acl_item(item));
}

bool fn_aclcontains(Datum acl, sv wanted) {
  AclItem w = parse_acl_item(wanted);
  auto within = [](const std::string& part, const std::string& whole) { return std::all_of(part.begin(), part.end(), [&](char c) { return whole.find(c) != std::string::npos; }); };
  for (const AclItem& i : read_acl(acl))
    if (i.grantee == w.grantee && i.grantor == w.grantor && within(w.privileges, i.privileges) && within(w.grantable, i.grantable)) return true;
  return false;
}

bool fn_row_security_name(FnContext& cx, sv name) {
  cx.services->reg_in(oid::kRegClass, name, false);
  return false;
}

#define HAS_FAMILY(kind, name_name, name_oid, oid_name, oid_oid, just_name, just_oid)                                                                                             \
  VARIADIC_FN(name_name, (has<kind, By::kName, By::kName>)), VARIADIC_FN(name_oid, (has<kind, By::kName, By::kOid>)), VARIADIC_FN(oid_name, (has<kind, By::kOid, By::kName>)),    \
      VARIADIC_FN(oid_oid, (has<kind, By::kOid, By::kOid>)), VARIADIC_FN(just_name, (has<kind, By::kCurrent, By::kName>)), VARIADIC_FN(just_oid, (has<kind, By::kCurrent, By::kOid>))

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    HAS_FAMILY(Object::kTable, 1922, 1923, 1924, 1925, 1926, 1927), HAS_FAMILY(Object::kSequence, 2181, 2182, 2183, 2184, 2185, 2186), HAS_FAMILY(Object::kDatabase, 2250, 2251, 2252, 2253, 2254, 2255),
    HAS_FAMILY(Object::kFunction, 2256, 2257, 2258, 2259, 2260, 2261), HAS_FAMILY(Object::kLanguage, 2262, 2263, 2264, 2265, 2266, 2267), HAS_FAMILY(Object::kSchema, 2268, 2269, 2270, 2271, 2272, 2273),
    HAS_FAMILY(Object::kTablespace, 2390, 2391, 2392, 2393, 2394, 2395), HAS_FAMILY(Object::kType, 3138, 3139, 3140, 3141, 3142, 3143), HAS_FAMILY(Object::kWrapper, 3000, 3001, 3002, 3003, 3004, 3005),
    HAS_FAMILY(Object::kServer, 3006, 3007, 3008, 3009, 3010, 3011),
    VARIADIC_FN(3012, (has_column_of<By::kName, By::kName, false>)), VARIADIC_FN(3013, (has_column_of<By::kName, By::kName, true>)), VARIADIC_FN(3014, (has_column_of<By::kName, By::kOid, false>)),
    VARIADIC_FN(3015, (has_column_of<By::kName, By::kOid, true>)), VARIADIC_FN(3016, (has_column_of<By::kOid, By::kName, false>)), VARIADIC_FN(3017, (has_column_of<By::kOid, By::kName, true>)),
    VARIADIC_FN(3018, (has_column_of<By::kOid, By::kOid, false>)), VARIADIC_FN(3019, (has_column_of<By::kOid, By::kOid, true>)), VARIADIC_FN(3020, (has_column_of<By::kCurrent, By::kName, false>)),
    VARIADIC_FN(3021, (has_column_of<By::kCurrent, By::kName, true>)), VARIADIC_FN(3022, (has_column_of<By::kCurrent, By::kOid, false>)), VARIADIC_FN(3023, (has_column_of<By::kCurrent, By::kOid, true>)),
    VARIADIC_FN(3024, (has_any_column<By::kName, By::kName>)), VARIADIC_FN(3025, (has_any_column<By::kName, By::kOid>)), VARIADIC_FN(3026, (has_any_column<By::kOid, By::kName>)),
    VARIADIC_FN(3027, (has_any_column<By::kOid, By::kOid>)), VARIADIC_FN(3028, (has_any_column<By::kCurrent, By::kName>)), VARIADIC_FN(3029, (has_any_column<By::kCurrent, By::kOid>)),
    VARIADIC_FN(6205, has_parameter<By::kName>), VARIADIC_FN(6206, has_parameter<By::kOid>), VARIADIC_FN(6207, has_parameter<By::kCurrent>),
    VARIADIC_FN(2705, (has_role_fn<By::kName, By::kName>)), VARIADIC_FN(2706, (has_role_fn<By::kName, By::kOid>)), VARIADIC_FN(2707, (has_role_fn<By::kOid, By::kName>)),
    VARIADIC_FN(2708, (has_role_fn<By::kOid, By::kOid>)), VARIADIC_FN(2709, (has_role_fn<By::kCurrent, By::kName>)), VARIADIC_FN(2710, (has_role_fn<By::kCurrent, By::kOid>)),
    STRICT_FN(1365, fn_makeaclitem), STRICT_FN(1037, fn_aclcontains), STRICT_FN(3299, fn_row_security_name),
}));

}  // namespace

constinit const FnTables kPrivilegeFns{kFns, {}, {}};

}  // namespace postern::catalog
