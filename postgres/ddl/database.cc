// CREATE/DROP/ALTER DATABASE. A new database is a copy of a template's files, made while nobody is connected to it (a lock on the database object, and a look at the slots).
#include <signal.h>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/catalog/acl.h"
#include "postgres/ddl/objects.h"
#include "postgres/ddl/settings_rows.h"
#include "postgres/region/region.h"
#include "postgres/storage/file.h"
#include "postgres/txn/oid.h"
#include "postgres/wal/files.h"
#include "postgres/wal/wal.h"

namespace postern::ddl {

using namespace catalog;

namespace {

constexpr int kDropWaitMs = 5000;

lock::Tag database_tag(Oid db) { return {lock::Kind::kDatabase, 0, 0, kInvalidOid, raw(db), 0}; }

// Other sessions connected to it.
int sessions_in(Oid db, bool terminate) {
  int n = 0;
  for (int i = 0; i < region::slot_high_water(); i++) {
    SlotNo no{static_cast<uint16_t>(i)};
    region::ProcSlot& s = region::slot(no);
    if (no == region::my_slot_no() || s.state.load() == region::SlotState::kFree || s.database.load() != raw(db)) continue;
    if (!region::slot_alive(no)) continue;
    n++;
    if (!terminate) continue;
    s.cancel_pending.store(2);
    os::Fd fd(os::open_pidfd(s.pid.load()));
    if (fd) os::signal_pidfd(fd.get(), SIGTERM);
  }
  return n;
}

// Workers leave by themselves; sessions are waited for a moment.
int wait_until_alone(Oid db, bool terminate) {
  int n = sessions_in(db, terminate);
  for (int waited = 0; n > 0 && waited < (terminate ? kDropWaitMs : 300); waited += 10) {
    os::sleep_us(10000);
    region::reap_dead_slots();
    n = sessions_in(db, false);
  }
  return n;
}

[[noreturn]] void in_use(std::string message, int n) {
  throw SqlError(sqlstate::kObjectInUse, std::move(message), n == 1 ? "There is 1 other session using the database." : cat("There are ", n, " other sessions using the database."));
}

CatalogRow database_row(std::string_view name, Arena& arena) {
  auto row = find_row(pg_database::kTable, pg_database::k_datname_index, {make_bytes(arena, name)}, arena);
  if (!row) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", name, "\" does not exist"));
  return std::move(*row);
}

void require_database_owner(const CatalogRow& row) {
  if (!has_role(current_user(), row.oid(pg_database::datdba))) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be owner of database ", row.text(pg_database::datname)));
}

struct NewDatabase {
  std::string template_name = "template1";
  Oid owner = current_user();
  int connection_limit = -1;
  bool is_template = false, allow = true;
};

NewDatabase read_options(const ast::CreateDatabaseStmt& s) {
  NewDatabase o;
  for (const ast::DefElem* d : s.options) {
    std::string v = option_text(*d);
    bool is_default = d->kind == ast::DefKind::kNone;
    if (d->name == "template") { if (!is_default) o.template_name = v; }
    else if (d->name == "owner") {
      if (is_default) continue;
      auto r = find_role(v);
      if (!r) throw SqlError(sqlstate::kUndefinedObject, cat("role \"", v, "\" does not exist"));
      o.owner = r->oid;
    } else if (d->name == "connection_limit") o.connection_limit = static_cast<int>(option_int(*d));
    else if (d->name == "is_template") o.is_template = option_bool(*d);
    else if (d->name == "allow_connections") o.allow = option_bool(*d);
    else if (d->name == "encoding") {
      std::string e;
      for (char c : v) if (c != '-' && c != '_') e += static_cast<char>(tolower(static_cast<unsigned char>(c)));
      if (!is_default && e != "utf8" && e != "unicode" && e != "6") throw_unsupported(cat("encoding ", v));
    } else if (d->name == "locale" || d->name == "lc_collate" || d->name == "lc_ctype") {
      if (!is_default && v != "C" && v != "POSIX" && v != "C.UTF-8" && v != "C.utf8") throw_unsupported(cat("locale \"", v, "\""));
    } else if (d->name == "tablespace") { if (!is_default && v != "pg_default") throw_unsupported("tablespaces"); }
    else if (d->name == "strategy" || d->name == "collation_version") continue;
    else if (d->name == "oid" || d->name == "icu_locale" || d->name == "locale_provider") throw_unsupported(cat("database option \"", d->name, "\""));
    else throw SqlError(sqlstate::kSyntaxError, cat("option \"", d->name, "\" not recognized")).at(d->position);
  }
  return o;
}

}  // namespace

std::string create_database(const ast::CreateDatabaseStmt& s, UtilityContext& cx) {
  require_no_block(cx, "CREATE DATABASE");
  NewDatabase o = read_options(s);
  auto me = find_role(current_user());
  if (!me || (!me->superuser && !me->create_db)) throw SqlError(sqlstate::kInsufficientPrivilege, "permission denied to create database");
  if (!has_role(current_user(), o.owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("must be member of role \"", find_role(o.owner)->name, "\""));
  Arena arena;
  auto source = find_database(o.template_name);
  if (!source) throw SqlError(sqlstate::kUndefinedDatabase, cat("template database \"", o.template_name, "\" does not exist"));
  if (find_database(s.name)) throw SqlError(sqlstate::kDuplicateDatabase, cat("database \"", s.name, "\" already exists"));
  if (!source->is_template && !has_role(current_user(), source->owner)) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied to copy database \"", o.template_name, "\""));
  lock::acquire(database_tag(source->oid), lock::Mode::kExclusive);
  if (source->oid != my_database())
    if (int n = wait_until_alone(source->oid, false)) in_use(cat("source database \"", o.template_name, "\" is being accessed by other users"), n);
  Oid oid = new_oid(pg_database::kTable, pg_database::k_oid_index);
  lock::acquire(database_tag(oid), lock::Mode::kAccessExclusive);
  CatalogRow r = database_row(o.template_name, arena);
  namespace d = pg_database;
  r.set(d::oid, from_oid(oid));
  r.set(d::datname, make_bytes(arena, s.name));
  r.set(d::datdba, from_oid(o.owner));
  r.set(d::datistemplate, from_bool(o.is_template));
  r.set(d::datallowconn, from_bool(o.allow));
  r.set(d::datconnlimit, from_int(o.connection_limit));
  r.set_null(d::datacl);
  insert_row(d::kTable, r);
  bool made = false;
  try {
    wal::copy_database(source->oid, oid);
    made = true;
    invalidate_all();
    txn::next_command();
    txn::commit();                      // the directory must not outlive a failure after this point
    txn::start();
  } catch (...) {
    if (made) wal::drop_database(oid);
    throw;
  }
  return "CREATE DATABASE";
}

std::string drop_database(const ast::DropDatabaseStmt& s, UtilityContext& cx) {
  require_no_block(cx, "DROP DATABASE");
  bool force = false;
  for (const ast::DefElem* d : s.options) {
    if (d->name == "force") force = true;
    else throw SqlError(sqlstate::kSyntaxError, cat("unrecognized DROP DATABASE option \"", d->name, "\"")).at(d->position);
  }
  auto db = find_database(s.name);
  if (!db) {
    if (!s.missing_ok) throw SqlError(sqlstate::kUndefinedDatabase, cat("database \"", s.name, "\" does not exist"));
    notice(cx, cat("database \"", s.name, "\" does not exist, skipping"));
    return "DROP DATABASE";
  }
  Arena arena;
  CatalogRow row = database_row(s.name, arena);
  require_database_owner(row);
  if (db->is_template) throw SqlError(sqlstate::kWrongObjectType, "cannot drop a template database");
  if (db->oid == my_database()) throw SqlError(sqlstate::kObjectInUse, "cannot drop the currently open database");
  lock::acquire(database_tag(db->oid), lock::Mode::kAccessExclusive);
  if (int n = wait_until_alone(db->oid, force)) in_use(cat("database \"", s.name, "\" is being accessed by other users"), n);
  delete_row(pg_database::kTable, row.tid);
  drop_shared_description(db->oid, pg_database::kTable);
  drop_settings_of(db->oid, kInvalidOid);
  invalidate_all();
  txn::next_command();
  Oid oid = db->oid;
  txn::commit();
  txn::start();
  wal::drop_database(oid);
  return "DROP DATABASE";
}

std::string alter_database(const ast::AlterDatabaseStmt& s, UtilityContext& cx) {
  (void)cx;
  Arena arena;
  CatalogRow row = database_row(s.name, arena);
  require_database_owner(row);
  for (const ast::DefElem* d : s.options) {
    if (d->name == "connection_limit") row.set(pg_database::datconnlimit, from_int(option_int(*d)));
    else if (d->name == "is_template") row.set(pg_database::datistemplate, from_bool(option_bool(*d)));
    else if (d->name == "allow_connections") {
      bool allow = option_bool(*d);
      if (!allow && row.oid(pg_database::oid) == my_database()) throw SqlError(sqlstate::kInvalidParameterValue, "cannot disallow connections for current database");
      row.set(pg_database::datallowconn, from_bool(allow));
    } else if (d->name == "tablespace") throw_unsupported("tablespaces");
    else throw SqlError(sqlstate::kSyntaxError, cat("option \"", d->name, "\" not recognized")).at(d->position);
  }
  update_row(pg_database::kTable, row);
  txn::next_command();
  return "ALTER DATABASE";
}

void drop_shared_description(Oid object, Oid class_oid) {
  Arena arena;
  if (auto r = find_row(pg_shdescription::kTable, pg_shdescription::k_o_c_index, {from_oid(object), from_oid(class_oid)}, arena)) delete_row(pg_shdescription::kTable, r->tid);
}

std::string alter_database_set(const ast::AlterDatabaseSetStmt& s, UtilityContext& cx) {
  (void)cx;
  Arena arena;
  CatalogRow row = database_row(s.name, arena);
  require_database_owner(row);
  apply_setting(row.oid(pg_database::oid), kInvalidOid, *s.set, cx);
  return "ALTER DATABASE";
}

}  // namespace postern::ddl
