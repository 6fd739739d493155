// CREATE/ALTER/DROP ROLE, memberships, settings of roles and databases. Passwords are kept as SCRAM-SHA-256 verifiers, computed here unless one is given.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/protocol/scram.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/settings_rows.h"
#include "postgres/types/session_services.h"

namespace postern::ddl {

using namespace catalog;

namespace {

void set_password(CatalogRow& row, const ast::DefElem& d, Arena& arena, UtilityContext& cx) {
  if (d.kind == ast::DefKind::kNone) return row.set_null(pg_authid::rolpassword);
  std::string v = option_text(d);
  if (v.empty()) {
    notice(cx, "empty string is not a valid password, clearing password");
    return row.set_null(pg_authid::rolpassword);
  }
  if (v.size() == 35 && v.starts_with("md5") && v.find_first_not_of("0123456789abcdef", 3) == v.npos)
    throw SqlError(sqlstate::kFeatureNotSupported, "MD5 password hashes are not supported", {}, "Give the password itself or a SCRAM-SHA-256 secret.");
  row.set(pg_authid::rolpassword, make_bytes(arena, scram::parse_secret(v) ? v : scram::make_secret(v)));
  scram::wipe(v);
}

struct Members { std::vector<Oid> in_roles, members, admins; };

bool apply_options(ast::List<ast::DefElem> options, CatalogRow& row, Members* m, Arena& arena, UtilityContext& cx) {
  bool privileged = false;
  for (const ast::DefElem* d : options) {
    auto flag = [&](int column) {
      row.set(column, from_bool(option_bool(*d)));
      privileged = true;
    };
    if (d->name == "superuser") flag(pg_authid::rolsuper);
    else if (d->name == "inherit") row.set(pg_authid::rolinherit, from_bool(option_bool(*d)));
    else if (d->name == "createrole") flag(pg_authid::rolcreaterole);
    else if (d->name == "createdb") flag(pg_authid::rolcreatedb);
    else if (d->name == "canlogin") row.set(pg_authid::rolcanlogin, from_bool(option_bool(*d)));
    else if (d->name == "isreplication") flag(pg_authid::rolreplication);
    else if (d->name == "bypassrls") flag(pg_authid::rolbypassrls);
    else if (d->name == "connectionlimit") {
      int64_t n = option_int(*d);
      if (n < -1) throw SqlError(sqlstate::kInvalidParameterValue, cat("invalid connection limit: ", n));
      row.set(pg_authid::rolconnlimit, from_int(n));
    } else if (d->name == "password") set_password(row, *d, arena, cx);
    else if (d->name == "validUntil") {
      const TypeInfo& t = type_info(oid::kTimestampTz);
      FnContext fc;
      fc.arena = &arena;
      fc.services = cx.services;
      row.set(pg_authid::rolvaliduntil, t.in(fc, option_text(*d), -1));
    } else if (d->name == "sysid") notice(cx, "SYSID can no longer be specified");
    else if (d->name == "addroleto" || d->name == "rolemembers" || d->name == "adminmembers") {
      if (!m) throw_unsupported("ALTER GROUP");
      for (const ast::RoleSpec* r : d->roles) (d->name == "addroleto" ? m->in_roles : d->name == "rolemembers" ? m->members : m->admins).push_back(role_of(*r));
    } else throw SqlError(sqlstate::kSyntaxError, cat("option \"", d->name, "\" not recognized")).at(d->position);
  }
  return privileged;
}

void require_create_role(const CatalogRow& target, std::string_view what) {
  auto me = find_role(current_user());
  if (me && me->superuser) return;
  if (target.flag(pg_authid::rolsuper)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be superuser to ", what, " superusers"));
  if (target.flag(pg_authid::rolreplication) || target.flag(pg_authid::rolbypassrls)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be superuser to ", what, " replication or bypassrls users"));
  if (!me || !me->create_role) throw SqlError(sqlstate::kInsufficientPrivilege, what == "create" ? "permission denied to create role" : "permission denied");
}

void add_member(Oid role, Oid member, bool admin, UtilityContext& cx) {
  namespace m = pg_auth_members;
  Arena arena;
  if (has_membership_path(role, member)) throw SqlError(sqlstate::kInvalidGrantOperation, cat("role \"", find_role(role)->name, "\" is a member of role \"", find_role(member)->name, "\""));
  auto old = find_row(m::kTable, m::k_role_member_index, {from_oid(role), from_oid(member)}, arena);
  if (old) {
    if (!admin || old->flag(m::admin_option)) {
      notice(cx, cat("role \"", find_role(member)->name, "\" is already a member of role \"", find_role(role)->name, "\""));
      return;
    }
    old->set(m::admin_option, from_bool(true));
    update_row(m::kTable, *old);
  } else {
    CatalogRow r = new_row(m::kTable);
    r.set(m::roleid, from_oid(role));
    r.set(m::member, from_oid(member));
    r.set(m::grantor, from_oid(current_user()));
    r.set(m::admin_option, from_bool(admin));
    insert_row(m::kTable, r);
  }
  invalidate_all();
  txn::next_command();
}

CatalogRow role_row(Oid oid, Arena& arena) { return std::move(*find_row(pg_authid::kTable, pg_authid::k_oid_index, {from_oid(oid)}, arena)); }

}  // namespace

std::string create_role(const ast::CreateRoleStmt& s, UtilityContext& cx) {
  namespace a = pg_authid;
  Arena arena;
  CatalogRow row = new_row(a::kTable);
  Oid oid = new_oid(a::kTable, a::k_oid_index);
  row.set(a::oid, from_oid(oid));
  row.set(a::rolname, make_bytes(arena, s.name));
  for (int c = a::rolsuper; c <= a::rolbypassrls; c++) row.set(c, from_bool(false));
  row.set(a::rolinherit, from_bool(true));
  row.set(a::rolcanlogin, from_bool(s.type == 'u'));
  row.set(a::rolconnlimit, from_int(-1));
  Members m;
  apply_options(s.options, row, &m, arena, cx);
  require_create_role(row, "create");
  if (s.name.starts_with("pg_")) throw SqlError(sqlstate::kReservedName, cat("role name \"", s.name, "\" is reserved"), "Role names starting with \"pg_\" are reserved.");
  if (s.name == "public" || s.name == "none") throw SqlError(sqlstate::kReservedName, cat("role name \"", s.name, "\" is reserved"));
  if (find_role(s.name)) throw SqlError(sqlstate::kDuplicateObject, cat("role \"", s.name, "\" already exists"));
  insert_row(a::kTable, row);
  invalidate_all();
  txn::next_command();
  for (Oid r : m.in_roles) add_member(r, oid, false, cx);
  for (Oid r : m.members) add_member(oid, r, false, cx);
  for (Oid r : m.admins) add_member(oid, r, true, cx);
  return "CREATE ROLE";
}

std::string alter_role(const ast::AlterRoleStmt& s, UtilityContext& cx) {
  Arena arena;
  Oid oid = role_of(*s.role);
  CatalogRow row = role_row(oid, arena);
  bool only_own_password = oid == current_user() && s.options.size() == 1 && s.options[0]->name == "password";
  if (!only_own_password) require_create_role(row, "alter");
  for (const ast::DefElem* d : s.options)
    if (d->name == "rolemembers") {
      for (const ast::RoleSpec* r : d->roles) {
        if (s.action > 0) add_member(oid, role_of(*r), false, cx);
        else if (auto m = find_row(pg_auth_members::kTable, pg_auth_members::k_role_member_index, {from_oid(oid), from_oid(role_of(*r))}, arena)) delete_row(pg_auth_members::kTable, m->tid);
      }
      invalidate_all();
      txn::next_command();
      return "ALTER ROLE";
    }
  apply_options(s.options, row, nullptr, arena, cx);
  if (!only_own_password) require_create_role(row, "alter");
  if (oid == kBootstrapRole && !row.flag(pg_authid::rolsuper)) throw SqlError(sqlstate::kFeatureNotSupported, "permission denied to alter role", "The bootstrap user must have the SUPERUSER attribute.");
  update_row(pg_authid::kTable, row);
  invalidate_all();
  txn::next_command();
  return "ALTER ROLE";
}

namespace {

// Objects of this database that a role owns, and databases.
std::vector<std::string> owned_objects(Oid role) {
  Arena arena;
  std::vector<std::string> out;
  for (const CatalogRow& r : scan(pg_database::kTable, kInvalidOid, {}, arena))
    if (r.oid(pg_database::datdba) == role) out.push_back(cat("owner of database ", r.text(pg_database::datname)));
  for (const CatalogRow& r : scan(pg_namespace::kTable, kInvalidOid, {}, arena))
    if (r.oid(pg_namespace::nspowner) == role) out.push_back(cat("owner of schema ", r.text(pg_namespace::nspname)));
  for (const CatalogRow& r : scan(pg_class::kTable, kInvalidOid, {}, arena))
    if (r.oid(pg_class::relowner) == role && r.letter(pg_class::relkind) != 'i')
      out.push_back(cat("owner of ", kind_name(r.letter(pg_class::relkind)), " ", r.text(pg_class::relname)));
  return out;
}

}  // namespace

std::string drop_role(const ast::DropRoleStmt& s, UtilityContext& cx) {
  auto me = find_role(current_user());
  if (!me || (!me->superuser && !me->create_role)) throw SqlError(sqlstate::kInsufficientPrivilege, "permission denied to drop role");
  for (const ast::RoleSpec* r : s.roles) {
    if (r->kind != ast::RoleKind::kName) throw SqlError(sqlstate::kInvalidParameterValue, "cannot use special role specifier in DROP ROLE");
    auto role = find_role(r->name);
    if (!role) {
      if (!s.missing_ok) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", r->name, "\" does not exist"));
      notice(cx, cat("role \"", r->name, "\" does not exist, skipping"));
      continue;
    }
    if (role->oid == current_user()) throw SqlError(sqlstate::kObjectInUse, "current user cannot be dropped");
    if (role->superuser) require_superuser("must be superuser to drop superusers");
    auto owned = owned_objects(role->oid);
    if (raw(role->oid) < raw(kFirstNormalOid)) throw SqlError(sqlstate::kDependentObjectsStillExist, cat("cannot drop role ", role->name, " because it is required by the database system"));
    if (!owned.empty()) {
      std::string detail;
      for (const std::string& o : owned) append(detail, detail.empty() ? "" : "\n", o);
      throw SqlError(sqlstate::kDependentObjectsStillExist, cat("role \"", role->name, "\" cannot be dropped because some objects depend on it"), detail);
    }
    Arena arena;
    CatalogRow row = role_row(role->oid, arena);
    Datum key = from_oid(role->oid);
    for (Oid index : {pg_auth_members::k_role_member_index, pg_auth_members::k_member_role_index}) {
      for (const CatalogRow& m : scan(pg_auth_members::kTable, index, {&key, 1}, arena)) delete_row(pg_auth_members::kTable, m.tid);
      txn::next_command();
    }
    delete_row(pg_authid::kTable, row.tid);
    drop_shared_description(role->oid, pg_authid::kTable);
    drop_settings_of(kInvalidOid, role->oid);
    invalidate_all();
    txn::next_command();
  }
  return "DROP ROLE";
}

std::string grant_role(const ast::GrantRoleStmt& s, UtilityContext& cx) {
  for (std::string_view name : s.granted) {
    auto role = find_role(name);
    if (!role) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", name, "\" does not exist"));
    auto me = find_role(current_user());
    if (role->superuser) require_superuser("must be superuser to alter superusers");
    Arena arena;
    auto own = find_row(pg_auth_members::kTable, pg_auth_members::k_role_member_index, {from_oid(role->oid), from_oid(current_user())}, arena);
    if (!me->superuser && !me->create_role && !(own && own->flag(pg_auth_members::admin_option)))
      throw SqlError(sqlstate::kInsufficientPrivilege, cat("must have admin option on role \"", name, "\""));
    for (const ast::RoleSpec* g : s.grantees) {
      Oid member = role_of(*g);
      if (s.grant) {
        add_member(role->oid, member, s.admin, cx);
        continue;
      }
      auto row = find_row(pg_auth_members::kTable, pg_auth_members::k_role_member_index, {from_oid(role->oid), from_oid(member)}, arena);
      if (!row) {
        warning(cx, cat("role \"", find_role(member)->name, "\" is not a member of role \"", name, "\""));
        continue;
      }
      if (s.admin) {
        row->set(pg_auth_members::admin_option, from_bool(false));
        update_row(pg_auth_members::kTable, *row);
      } else {
        delete_row(pg_auth_members::kTable, row->tid);
      }
      invalidate_all();
      txn::next_command();
    }
  }
  return s.grant ? "GRANT ROLE" : "REVOKE ROLE";
}

// ---------------------------------------------------------------- settings

namespace {

std::string setting_value(const ast::SetStmt& s) {
  std::string out;
  for (const ast::Expr* e : s.args) {
    auto* c = ast::as<ast::Const>(e);
    if (!c) throw_unsupported("this form of SET value");
    std::string v = c->type == ast::ConstKind::kInt ? cat(c->ival) : c->type == ast::ConstKind::kBool ? std::string(c->ival ? "true" : "false") : std::string(c->text);
    append(out, out.empty() ? "" : ", ", s.args.size() > 1 || s.name == "search_path" ? quote_ident(v) : v);
  }
  return out;
}

}  // namespace

void apply_setting(Oid database, Oid role, const ast::SetStmt& set, UtilityContext& cx) {
  namespace t = pg_db_role_setting;
  Arena arena;
  auto row = find_row(t::kTable, t::k_databaseid_rol_index, {from_oid(database), from_oid(role)}, arena);
  Options now = row && !row->nulls[t::setconfig] ? read_options(row->values[t::setconfig]) : Options{};
  std::string name(set.name);
  if (set.what == ast::SetKind::kResetAll) {
    now.clear();
  } else {
    if (cx.services && name.find('.') == std::string::npos) cx.services->setting(name, false);   // 42704 when there is no such setting
    std::erase_if(now, [&](auto& o) { return o.first == name; });
    if (set.what == ast::SetKind::kValue) now.emplace_back(name, setting_value(set));
    else if (set.what == ast::SetKind::kCurrent && cx.services) now.emplace_back(name, cx.services->setting(name, false));
    else if (set.what == ast::SetKind::kMulti) throw_unsupported("SET TRANSACTION as a stored setting");
  }
  if (row && now.empty()) {
    delete_row(t::kTable, row->tid);
  } else if (row) {
    row->set(t::setconfig, write_options(arena, now));
    update_row(t::kTable, *row);
  } else if (!now.empty()) {
    CatalogRow r = new_row(t::kTable);
    r.set(t::setdatabase, from_oid(database));
    r.set(t::setrole, from_oid(role));
    r.set(t::setconfig, write_options(arena, now));
    insert_row(t::kTable, r);
  }
  txn::next_command();
}

void drop_settings_of(Oid database, Oid role) {
  namespace t = pg_db_role_setting;
  Arena arena;
  for (const CatalogRow& r : scan(t::kTable, kInvalidOid, {}, arena))
    if ((database != kInvalidOid && r.oid(t::setdatabase) == database) || (role != kInvalidOid && r.oid(t::setrole) == role)) delete_row(t::kTable, r.tid);
}

std::string alter_role_set(const ast::AlterRoleSetStmt& s, UtilityContext& cx) {
  Oid role = kInvalidOid, database = kInvalidOid;
  if (s.role) {
    role = role_of(*s.role);
    if (role != current_user()) {
      Arena arena;
      require_create_role(role_row(role, arena), "alter");
    }
  } else {
    require_superuser("must be superuser to alter settings globally");
  }
  if (!s.database.empty()) {
    auto db = find_database(s.database);
    if (!db) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", s.database, "\" does not exist"));
    database = db->oid;
  }
  apply_setting(database, role, *s.set, cx);
  return "ALTER ROLE";
}

}  // namespace postern::ddl
