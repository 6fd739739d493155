// TRUNCATE: new empty files for the table and its indexes; the old ones go when the transaction commits. LOCK TABLE.
#include <algorithm>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/acl.h"
#include "postgres/catalog/foreign_keys.h"
#include "postgres/ddl/objects.h"

namespace postern::ddl {

using namespace catalog;

void truncate_table(Oid table) {
  RelationRef rel = relation(table);
  set_new_file(table, false, *rel, nullptr);
  for (const IndexDesc& i : rel->indexes) set_new_file(i.oid, true, *rel, &i);
  txn::next_command();
}

namespace {
// Tables with foreign keys to these must be truncated with them.
void add_referencing(std::vector<Oid>& tables, bool cascade, UtilityContext& cx) {
  for (size_t i = 0; i < tables.size(); i++) {
    auto keys = foreign_keys(tables[i]);
    for (const ForeignKey& k : keys->incoming) {
      if (std::find(tables.begin(), tables.end(), k.table) != tables.end()) continue;
      RelationRef other = open_relation(k.table, lock::Mode::kAccessExclusive);
      if (!cascade)
        throw SqlError(sqlstate::kFeatureNotSupported, "cannot truncate a table referenced in a foreign key constraint",
                       cat("Table \"", other->name, "\" references \"", relation(tables[i])->name, "\"."), cat("Truncate table \"", other->name, "\" at the same time, or use TRUNCATE ... CASCADE."));
      notice(cx, cat("truncate cascades to table \"", other->name, "\""));
      if (!has_relation_privilege(current_user(), other->oid, 'D')) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for table ", other->name));
      tables.push_back(k.table);
    }
  }
}
}  // namespace

std::string truncate(const ast::TruncateStmt& s, UtilityContext& cx) {
  std::vector<Oid> tables;
  for (const ast::RangeVar* r : s.relations) {
    QualifiedName q = split_name(*r);
    RelationRef rel = open_relation(q.schema, q.name, lock::Mode::kAccessExclusive);
    if (rel->kind != 'r') throw SqlError(sqlstate::kWrongObjectType, cat("\"", rel->name, "\" is not a table"));
    require_not_catalog(*rel);
    if (!has_relation_privilege(current_user(), rel->oid, 'D')) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for table ", rel->name));
    if (std::find(tables.begin(), tables.end(), rel->oid) == tables.end()) tables.push_back(rel->oid);
  }
  add_referencing(tables, s.cascade, cx);
  for (Oid t : tables) {
    if (s.restart_identity)
      for (Oid seq : owned_sequences(t)) {
        Arena arena;
        auto row = find_row(pg_sequence::kTable, pg_sequence::k_seqrelid_index, {from_oid(seq)}, arena);
        if (row) reset_sequence(seq, as_int8(row->values[pg_sequence::seqstart]), false);
      }
    truncate_table(t);
  }
  return "TRUNCATE TABLE";
}

namespace {
void lock_one(const RelationDesc& rel, const ast::LockStmt& s) {
  auto mode = static_cast<lock::Mode>(s.mode);
  Oid user = current_user();
  bool allowed = has_relation_privilege(user, rel.oid, 'w') || has_relation_privilege(user, rel.oid, 'd') || has_relation_privilege(user, rel.oid, 'D') ||
                 (mode == lock::Mode::kAccessShare && has_relation_privilege(user, rel.oid, 'r')) || (mode <= lock::Mode::kRowExclusive && has_relation_privilege(user, rel.oid, 'a'));
  if (!allowed) throw SqlError(sqlstate::kInsufficientPrivilege, cat("permission denied for ", kind_name(rel.kind), " ", rel.name));
  lock::Tag tag = lock::relation(rel.is_shared() ? kInvalidOid : my_database(), rel.oid);
  try {
    lock::acquire(tag, mode, s.nowait ? lock::Wait::kNoWait : lock::Wait::kBlock);
  } catch (SqlError& e) {
    if (s.nowait && e.sqlstate == sqlstate::kLockNotAvailable) e.message = cat("could not obtain lock on relation \"", rel.name, "\"");
    throw;
  }
}
}  // namespace

std::string lock_table(const ast::LockStmt& s, UtilityContext& cx) {
  if (!cx.in_transaction_block) throw SqlError(sqlstate::kNoActiveSqlTransaction, "LOCK TABLE can only be used in transaction blocks");
  for (const ast::RangeVar* r : s.relations) {
    QualifiedName q = split_name(*r);
    RelationRef rel = open_relation(q.schema, q.name, lock::Mode::kNone);
    if (rel->kind != 'r' && rel->kind != 'v' && rel->kind != 'm') throw SqlError(sqlstate::kWrongObjectType, cat("cannot lock relation \"", rel->name, "\""), "This operation is not supported for indexes.");
    lock_one(*rel, s);
    accept_invalidations();
    if (!relation(rel->oid)) throw SqlError(sqlstate::kUndefinedTable, cat("relation \"", display(*r), "\" does not exist"));
  }
  return "LOCK TABLE";
}

}  // namespace postern::ddl
