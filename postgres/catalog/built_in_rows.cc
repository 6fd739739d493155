#include "postgres/catalog/built_in_rows.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/row_builders.h"
#include "postgres/catalog/schema.h"
#include "postgres/catalog/values.h"
#include "postgres/types/array.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/fn.h"

namespace postern::catalog {
namespace {

struct CatRows {
  uint16_t table;
  const char* text;      // lines of tab-separated fields, as COPY writes them
};
#include "postgres/catalog/data/rows.inc"

constexpr uint32_t kFirstViewRule = 15000;   // OIDs of the views' rules

class Builder {
 public:
  Builder(const BuiltInOptions& options, Arena& arena) : options_(options), arena_(arena) {
    for (const CatRelation& r : cat_relations())
      if (r.kind == 'r' || view_sql(r)) present_.insert(r.oid);
      else absent_types_.insert(r.row_type);
  }

  BuiltInRows build() {
    for (const CatRows& t : kRows) text_rows(t);
    procs();
    operators();
    casts();
    relations();
    namespaces();
    site_wide();
    return std::move(out_);
  }

 private:
  std::vector<CatalogRow>& table(Oid oid) {
    for (auto& [o, rows] : out_)
      if (o == oid) return rows;
    return out_.emplace_back(oid, std::vector<CatalogRow>{}).second;
  }
  Datum text(std::string_view s) { return make_bytes(arena_, s); }
  static Datum letter(char c) { return static_cast<uint8_t>(c); }

  static const SystemView* view_sql(const CatRelation& r) {
    if (r.kind != 'v') return nullptr;
    for (const SystemView& v : system_views())
      if (v.name == schema_string(r.name_at) && v.information_schema == (r.schema == 2)) return &v;
    return nullptr;
  }

  static uint64_t number(std::string_view s) {
    int64_t v = 0;
    std::from_chars(s.data(), s.data() + s.size(), v);
    return static_cast<uint64_t>(v);
  }
  // "1 2 3" or "{1,2,3}".
  std::vector<std::string_view> elements(std::string_view s) {
    std::vector<std::string_view> out;
    if (!s.empty() && s[0] == '{') s = s.substr(1, s.size() - 2);
    while (!s.empty()) {
      size_t n = s.find_first_of(", ");
      out.push_back(s.substr(0, n));
      s = n == std::string_view::npos ? std::string_view() : s.substr(n + 1);
    }
    return out;
  }
  Datum value(Oid type, std::string_view s) {
    switch (raw(type)) {
      case raw(oid::kBool): return from_bool(s == "t");
      case raw(oid::kChar): return letter(s.empty() ? 0 : s[0]);
      case raw(oid::kFloat4): return from_float4(std::strtof(std::string(s).c_str(), nullptr));
      case raw(oid::kInt2): case raw(oid::kInt4): case raw(oid::kInt8): case raw(oid::kOid): case raw(oid::kRegProc): case raw(oid::kXid):
        return number(s);
      case raw(oid::kOidVector): case raw(oid::kOidArray): {
        std::vector<Oid> v;
        for (std::string_view e : elements(s)) v.push_back(Oid{static_cast<uint32_t>(number(e))});
        return type == oid::kOidVector ? oid_vector(arena_, v) : oid_array(arena_, v);
      }
      default: return text(s);
    }
  }

  void text_rows(const CatRows& source) {
    const CatRelation* rel = find_cat_relation(Oid{source.table});
    auto columns = columns_of(*rel);
    std::string_view s = source.text;
    std::string field;
    auto& rows = table(Oid{source.table});
    while (!s.empty()) {
      CatalogRow r = new_row(Oid{source.table});
      for (size_t i = 0; i < columns.size(); i++) {
        size_t n = s.find_first_of("\t\n");
        std::string_view f = s.substr(0, n);
        s = s.substr(n + 1);
        if (f == "\\N") continue;
        if (f.find('\\') != std::string_view::npos) {
          field.clear();
          for (size_t k = 0; k < f.size(); k++) field += f[k] == '\\' && k + 1 < f.size() ? f[++k] : f[k];
          f = field;
        }
        r.set(static_cast<int>(i), value(Oid{columns[i].type}, f));
      }
      if (wanted(Oid{source.table}, r)) rows.push_back(std::move(r));
    }
  }

  bool wanted(Oid table, const CatalogRow& r) {
    if (table == pg_type::kTable) {
      Oid rel = r.oid(pg_type::typrelid), elem = r.oid(pg_type::typelem);
      if (rel != kInvalidOid && !present_.count(raw(rel))) return false;
      return elem == kInvalidOid || !absent_types_.count(raw(elem));
    }
    if (table == pg_aggregate::kTable) return fn_is_implemented(r.oid(pg_aggregate::aggfnoid));
    return true;
  }

  std::vector<Oid> to_oids(std::span<const uint32_t> v) {
    std::vector<Oid> out;
    for (uint32_t o : v) out.push_back(Oid{o});
    return out;
  }
  static std::vector<std::string> split(std::string_view s) {
    std::vector<std::string> out;
    while (true) {
      size_t n = s.find('\x01');
      out.emplace_back(s.substr(0, n));
      if (n == std::string_view::npos) return out;
      s = s.substr(n + 1);
    }
  }

  void procs() {
    namespace p = pg_proc;
    auto& rows = table(p::kTable);
    for (const facts::ProcFact& f : facts::procs()) {
      if (!fn_is_implemented(Oid{f.oid})) continue;
      CatalogRow r = new_row(p::kTable);
      r.set(p::oid, f.oid);
      r.set(p::proname, text(f.name()));
      r.set(p::pronamespace, from_oid(kPgCatalog));
      r.set(p::proowner, from_oid(kBootstrapRole));
      r.set(p::prolang, f.lang);
      r.set(p::procost, from_float4(f.cost));
      r.set(p::prorows, from_float4(f.rows));
      r.set(p::provariadic, f.variadic);
      r.set(p::prosupport, 0);
      r.set(p::prokind, letter(f.kind));
      r.set(p::prosecdef, from_bool(false));
      r.set(p::proleakproof, from_bool(f.leakproof));
      r.set(p::proisstrict, from_bool(f.strict));
      r.set(p::proretset, from_bool(f.retset));
      r.set(p::provolatile, letter(f.volatility));
      r.set(p::proparallel, letter(f.parallel));
      r.set(p::pronargs, from_int(f.nargs));
      r.set(p::pronargdefaults, from_int(f.n_defaults));
      r.set(p::prorettype, f.ret);
      r.set(p::proargtypes, oid_vector(arena_, to_oids(f.args())));
      if (f.n_all_args) r.set(p::proallargtypes, oid_array(arena_, to_oids(f.all_args())));
      if (!f.modes().empty()) r.set(p::proargmodes, char_array(arena_, f.modes()));
      if (!f.names().empty()) r.set(p::proargnames, text_array(arena_, split(f.names())));
      if (f.n_defaults) r.set(p::proargdefaults, text(f.defaults()));
      r.set(p::prosrc, text(f.src()));
      rows.push_back(std::move(r));
    }
  }

  void operators() {
    namespace o = pg_operator;
    auto& rows = table(o::kTable);
    for (const facts::OperFact& f : facts::opers()) {
      if (!fn_is_implemented(Oid{f.code})) continue;
      CatalogRow r = new_row(o::kTable);
      r.set(o::oid, f.oid);
      r.set(o::oprname, text(f.name()));
      r.set(o::oprnamespace, from_oid(kPgCatalog));
      r.set(o::oprowner, from_oid(kBootstrapRole));
      r.set(o::oprkind, letter(f.kind));
      r.set(o::oprcanmerge, from_bool(f.can_merge));
      r.set(o::oprcanhash, from_bool(f.can_hash));
      r.set(o::oprleft, f.left);
      r.set(o::oprright, f.right);
      r.set(o::oprresult, f.result);
      r.set(o::oprcom, f.commutator);
      r.set(o::oprnegate, f.negator);
      r.set(o::oprcode, f.code);
      r.set(o::oprrest, f.rest);
      r.set(o::oprjoin, f.join);
      rows.push_back(std::move(r));
    }
  }

  void casts() {
    namespace c = pg_cast;
    auto& rows = table(c::kTable);
    for (const facts::CastFact& f : facts::casts()) {
      if (f.func && !fn_is_implemented(Oid{f.func})) continue;
      if (!postern::find_type(Oid{f.source}) || !postern::find_type(Oid{f.target})) continue;
      CatalogRow r = new_row(c::kTable);
      r.set(c::oid, f.oid);
      r.set(c::castsource, f.source);
      r.set(c::casttarget, f.target);
      r.set(c::castfunc, f.func);
      r.set(c::castcontext, letter(f.context));
      r.set(c::castmethod, letter(f.method));
      rows.push_back(std::move(r));
    }
  }

  void relation_rows(const CatRelation& c) {
    RelationDesc d;
    bool view = c.kind == 'v';
    std::vector<AttrDesc> attrs;
    for (const CatColumn& col : columns_of(c)) {
      AttrDesc a;
      a.name = schema_string(col.name_at);
      // A view over a type that does not exist here shows it as text.
      set_attr_type(a, view && !postern::find_type(Oid{col.type}) ? oid::kText : Oid{col.type});
      a.typmod = col.typmod;
      a.not_null = col.not_null;
      a.collation = Oid{col.collation};
      attrs.push_back(std::move(a));
    }
    for (size_t i = 0; i < attrs.size(); i++) table(pg_attribute::kTable).push_back(attribute_row(arena_, Oid{c.oid}, static_cast<int>(i + 1), attrs[i]));
    ClassSpec s;
    s.oid = Oid{c.oid};
    s.name = schema_string(c.name_at);
    s.namespace_oid = schema_oid(c);
    s.owner = kBootstrapRole;
    s.row_type = Oid{c.row_type};
    s.kind = c.kind;
    s.natts = c.columns;
    s.am = view ? kInvalidOid : kHeapAm;
    s.file_number = view ? kInvalidOid : s.oid;
    s.has_index = c.indexes > 0;
    s.shared = c.shared;
    s.has_rules = view;
    table(pg_class::kTable).push_back(class_row(arena_, s));
    for (const CatIndex& x : indexes_of(c)) index_rows(c, x, attrs);
  }

  void index_rows(const CatRelation& c, const CatIndex& x, std::span<const AttrDesc> attrs) {
    IndexDesc d;
    d.oid = Oid{x.oid};
    d.unique = x.unique;
    d.primary = x.primary;
    std::vector<int16_t> keys;
    for (int k = 0; k < x.nkeys; k++) {
      const AttrDesc& key = attrs[x.keys[k] - 1];
      d.keys.push_back({x.keys[k], key.type, Oid{x.classes[k]}, key.collation, false, false});
      keys.push_back(x.keys[k]);
      AttrDesc a = key;
      a.not_null = false;
      table(pg_attribute::kTable).push_back(attribute_row(arena_, Oid{x.oid}, k + 1, a));
    }
    table(pg_index::kTable).push_back(index_row(arena_, Oid{c.oid}, d));
    ClassSpec s;
    s.oid = d.oid;
    s.name = schema_string(x.name_at);
    s.namespace_oid = kPgCatalog;
    s.owner = kBootstrapRole;
    s.am = kBtreeAm;
    s.file_number = d.oid;
    s.kind = 'i';
    s.natts = x.nkeys;
    s.shared = c.shared;
    table(pg_class::kTable).push_back(class_row(arena_, s));
    if (!x.constraint) return;
    ConstraintSpec con;
    con.oid = Oid{x.constraint};
    con.name = s.name;
    con.namespace_oid = kPgCatalog;
    con.type = x.primary ? 'p' : 'u';
    con.table = Oid{c.oid};
    con.index = d.oid;
    con.keys = keys;
    table(pg_constraint::kTable).push_back(constraint_row(arena_, con));
  }

  static std::string empty_view_sql(const CatRelation& c) {
    std::string sql;
    for (const CatColumn& col : columns_of(c)) {
      Oid type = postern::find_type(Oid{col.type}) ? Oid{col.type} : oid::kText;
      append(sql, sql.empty() ? "SELECT " : ", ", "NULL::", format_type(type, col.typmod), " AS ", quote_ident(schema_string(col.name_at)));
    }
    return sql + " WHERE false";
  }

  void view_rule(const CatRelation& c, const SystemView& v, uint32_t oid) {
    namespace w = pg_rewrite;
    CatalogRow r = new_row(w::kTable);
    r.set(w::oid, oid);
    r.set(w::rulename, text("_RETURN"));
    r.set(w::ev_class, c.oid);
    r.set(w::ev_type, letter('1'));
    r.set(w::ev_enabled, letter('O'));
    r.set(w::is_instead, from_bool(true));
    r.set(w::ev_qual, text("<>"));
    r.set(w::ev_action, text(v.sql.empty() ? empty_view_sql(c) : std::string(v.sql)));
    table(w::kTable).push_back(std::move(r));
  }

  void relations() {
    uint32_t rule = kFirstViewRule;
    for (const CatRelation& c : cat_relations()) {
      if (!present_.count(c.oid)) continue;
      relation_rows(c);
      if (const SystemView* v = view_sql(c)) view_rule(c, *v, rule++);
    }
  }

  void namespaces() {
    struct Ns { Oid oid; const char* name; std::vector<std::string> acl; Oid owner; };
    const std::string& su = options_.superuser;
    std::string owner = quote_ident(su);
    for (const Ns& n : {Ns{kPgCatalog, "pg_catalog", {cat(owner, "=UC/", owner), cat("=U/", owner)}, kBootstrapRole}, Ns{kPgToast, "pg_toast", {}, kBootstrapRole},
                        Ns{kPublic, "public", {"pg_database_owner=UC/pg_database_owner", "=U/pg_database_owner"}, Oid{6171}},
                        Ns{kInformationSchema, "information_schema", {cat(owner, "=UC/", owner), cat("=U/", owner)}, kBootstrapRole}}) {
      CatalogRow r = new_row(pg_namespace::kTable);
      r.set(pg_namespace::oid, from_oid(n.oid));
      r.set(pg_namespace::nspname, text(n.name));
      r.set(pg_namespace::nspowner, from_oid(n.owner));
      if (!n.acl.empty()) r.set(pg_namespace::nspacl, acl(n.acl));
      table(pg_namespace::kTable).push_back(std::move(r));
      if (!n.acl.empty()) init_privileges(n.oid, pg_namespace::kTable, acl(n.acl));
    }
  }
  // What pg_dump need not dump, since every database begins with it.
  void init_privileges(Oid object, Oid class_oid, Datum privileges) {
    namespace i = pg_init_privs;
    CatalogRow r = new_row(i::kTable);
    r.set(i::objoid, from_oid(object));
    r.set(i::classoid, from_oid(class_oid));
    r.set(i::objsubid, from_int(0));
    r.set(i::privtype, letter('i'));
    r.set(i::initprivs, privileges);
    table(i::kTable).push_back(std::move(r));
  }
  Datum acl(std::span<const std::string> items) {
    std::vector<Datum> v;
    for (const std::string& s : items) v.push_back(text(s));
    return make_array_1d(arena_, oid::kAclItem, v.data(), nullptr, static_cast<uint32_t>(v.size()));
  }

  void site_wide() {
    namespace a = pg_authid;
    CatalogRow role = new_row(a::kTable);
    role.set(a::oid, from_oid(kBootstrapRole));
    role.set(a::rolname, text(options_.superuser));
    for (int c = a::rolsuper; c <= a::rolbypassrls; c++) role.set(c, from_bool(true));
    role.set(a::rolconnlimit, from_int(-1));
    if (!options_.password_hash.empty()) role.set(a::rolpassword, text(options_.password_hash));
    table(a::kTable).push_back(std::move(role));

    database(kTemplate1, "template1", true, true, "default template for new databases");
    database(kTemplate0, "template0", true, false, "unmodifiable empty database");
    database(kPostgresDb, "postgres", false, true, "default administrative connection database");

    namespace t = pg_tablespace;
    for (auto [oid, name] : {std::pair{kDefaultTablespace, "pg_default"}, {kGlobalTablespace, "pg_global"}}) {
      CatalogRow r = new_row(t::kTable);
      r.set(t::oid, from_oid(oid));
      r.set(t::spcname, text(name));
      r.set(t::spcowner, from_oid(kBootstrapRole));
      table(t::kTable).push_back(std::move(r));
    }
  }

  void database(Oid oid, const char* name, bool is_template, bool allow, const char* description) {
    namespace d = pg_database;
    CatalogRow r = new_row(d::kTable);
    r.set(d::oid, from_oid(oid));
    r.set(d::datname, text(name));
    r.set(d::datdba, from_oid(kBootstrapRole));
    r.set(d::encoding, from_int(options_.encoding));
    r.set(d::datlocprovider, letter('c'));
    r.set(d::datistemplate, from_bool(is_template));
    r.set(d::datallowconn, from_bool(allow));
    r.set(d::datconnlimit, from_int(-1));
    r.set(d::datfrozenxid, raw(kFirstNormalXid));
    r.set(d::datminmxid, 1);
    r.set(d::dattablespace, from_oid(kDefaultTablespace));
    r.set(d::datcollate, text(options_.locale));
    r.set(d::datctype, text(options_.locale));
    std::string owner = quote_ident(options_.superuser);
    std::vector<std::string> items{cat("=c/", owner), cat(owner, "=CTc/", owner)};
    if (is_template) r.set(d::datacl, acl(items));
    table(d::kTable).push_back(std::move(r));
    CatalogRow s = new_row(pg_shdescription::kTable);
    s.set(pg_shdescription::objoid, from_oid(oid));
    s.set(pg_shdescription::classoid, from_oid(d::kTable));
    s.set(pg_shdescription::description, text(description));
    table(pg_shdescription::kTable).push_back(std::move(s));
  }

  const BuiltInOptions& options_;
  Arena& arena_;
  BuiltInRows out_;
  std::unordered_set<uint32_t> present_, absent_types_;
};

}  // namespace

BuiltInRows built_in_rows(const BuiltInOptions& options, Arena& arena) { return Builder(options, arena).build(); }

}  // namespace postern::catalog
