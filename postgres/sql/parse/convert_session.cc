// Statements about the session: transactions, settings, prepared statements, cursors, COPY, EXPLAIN; and the names of what Postern lacks.
#include "common/base/error.h"
#include "common/base/cat.h"
#include "postgres/sql/parse/convert.h"

namespace postern::sql::parse_detail {

using namespace ast;

SetStmt* Converter::set_stmt(const Json* b) {
  auto* s = make<SetStmt>(nullptr);
  switch (tag(b, key("kind"))) {
    case key("VAR_SET_DEFAULT"): s->what = SetKind::kDefault; break;
    case key("VAR_SET_CURRENT"): s->what = SetKind::kCurrent; break;
    case key("VAR_SET_MULTI"): s->what = SetKind::kMulti; break;
    case key("VAR_RESET"): s->what = SetKind::kReset; break;
    case key("VAR_RESET_ALL"): s->what = SetKind::kResetAll; break;
    default: break;
  }
  s->name = text(b, key("name"));
  const Json* args = get(b, key("args"));
  if (args && node(args->first) == key("DefElem")) s->options = def_elems(args);
  else s->args = exprs(args);
  s->local = flag(b, key("is_local"));
  return s;
}

namespace {

TransactionKind transaction_kind(uint32_t t) {
  switch (t) {
    case key("TRANS_STMT_START"): return TransactionKind::kStart;
    case key("TRANS_STMT_COMMIT"): return TransactionKind::kCommit;
    case key("TRANS_STMT_ROLLBACK"): return TransactionKind::kRollback;
    case key("TRANS_STMT_SAVEPOINT"): return TransactionKind::kSavepoint;
    case key("TRANS_STMT_RELEASE"): return TransactionKind::kRelease;
    case key("TRANS_STMT_ROLLBACK_TO"): return TransactionKind::kRollbackTo;
    case key("TRANS_STMT_PREPARE"): return TransactionKind::kPrepare;
    case key("TRANS_STMT_COMMIT_PREPARED"): return TransactionKind::kCommitPrepared;
    case key("TRANS_STMT_ROLLBACK_PREPARED"): return TransactionKind::kRollbackPrepared;
    default: return TransactionKind::kBegin;
  }
}

struct NamedStmt { std::string_view node, name; };
constexpr NamedStmt kUnsupportedNames[] = {
    {"MergeStmt", "MERGE"}, {"DoStmt", "DO"}, {"CallStmt", "CALL"}, {"CreateFunctionStmt", "CREATE FUNCTION"}, {"AlterFunctionStmt", "ALTER FUNCTION"}, {"CreateTrigStmt", "CREATE TRIGGER"},
    {"CreateEventTrigStmt", "CREATE EVENT TRIGGER"}, {"AlterEventTrigStmt", "ALTER EVENT TRIGGER"}, {"RuleStmt", "CREATE RULE"}, {"CreateEnumStmt", "CREATE TYPE"}, {"CompositeTypeStmt", "CREATE TYPE"},
    {"CreateRangeStmt", "CREATE TYPE"}, {"AlterEnumStmt", "ALTER TYPE"}, {"AlterTypeStmt", "ALTER TYPE"}, {"CreateDomainStmt", "CREATE DOMAIN"}, {"AlterDomainStmt", "ALTER DOMAIN"},
    {"CreateExtensionStmt", "CREATE EXTENSION"}, {"AlterExtensionStmt", "ALTER EXTENSION"}, {"AlterExtensionContentsStmt", "ALTER EXTENSION"}, {"CreateCastStmt", "CREATE CAST"},
    {"CreateConversionStmt", "CREATE CONVERSION"}, {"CreateTransformStmt", "CREATE TRANSFORM"}, {"CreateOpClassStmt", "CREATE OPERATOR CLASS"}, {"CreateOpFamilyStmt", "CREATE OPERATOR FAMILY"},
    {"AlterOpFamilyStmt", "ALTER OPERATOR FAMILY"}, {"AlterOperatorStmt", "ALTER OPERATOR"}, {"CreatePLangStmt", "CREATE LANGUAGE"}, {"CreateAmStmt", "CREATE ACCESS METHOD"},
    {"CreateForeignTableStmt", "CREATE FOREIGN TABLE"}, {"CreateForeignServerStmt", "CREATE SERVER"}, {"AlterForeignServerStmt", "ALTER SERVER"}, {"CreateFdwStmt", "CREATE FOREIGN DATA WRAPPER"},
    {"AlterFdwStmt", "ALTER FOREIGN DATA WRAPPER"}, {"CreateUserMappingStmt", "CREATE USER MAPPING"}, {"AlterUserMappingStmt", "ALTER USER MAPPING"}, {"DropUserMappingStmt", "DROP USER MAPPING"},
    {"ImportForeignSchemaStmt", "IMPORT FOREIGN SCHEMA"}, {"CreatePolicyStmt", "CREATE POLICY"}, {"AlterPolicyStmt", "ALTER POLICY"}, {"CreatePublicationStmt", "CREATE PUBLICATION"},
    {"AlterPublicationStmt", "ALTER PUBLICATION"}, {"CreateSubscriptionStmt", "CREATE SUBSCRIPTION"}, {"AlterSubscriptionStmt", "ALTER SUBSCRIPTION"}, {"DropSubscriptionStmt", "DROP SUBSCRIPTION"},
    {"CreateStatsStmt", "CREATE STATISTICS"}, {"AlterStatsStmt", "ALTER STATISTICS"}, {"CreateTableSpaceStmt", "CREATE TABLESPACE"}, {"DropTableSpaceStmt", "DROP TABLESPACE"},
    {"AlterTableSpaceOptionsStmt", "ALTER TABLESPACE"}, {"AlterTableMoveAllStmt", "ALTER TABLE ALL IN TABLESPACE"}, {"SecLabelStmt", "SECURITY LABEL"}, {"LoadStmt", "LOAD"},
    {"AlterDefaultPrivilegesStmt", "ALTER DEFAULT PRIVILEGES"}, {"DropOwnedStmt", "DROP OWNED"}, {"ReassignOwnedStmt", "REASSIGN OWNED"}, {"AlterObjectDependsStmt", "ALTER DEPENDS ON EXTENSION"},
    {"AlterCollationStmt", "ALTER COLLATION"}, {"AlterTSDictionaryStmt", "ALTER TEXT SEARCH DICTIONARY"}, {"AlterTSConfigurationStmt", "ALTER TEXT SEARCH CONFIGURATION"},
    {"AlterDatabaseRefreshCollStmt", "ALTER DATABASE REFRESH COLLATION VERSION"}, {"ReturnStmt", "RETURN"}, {"PLAssignStmt", "PL/pgSQL assignment"}};

constexpr int64_t kCursorBinary = 1, kCursorScroll = 2, kCursorNoScroll = 4, kCursorInsensitive = 8, kCursorAsensitive = 16, kCursorHold = 32;

}  // namespace

std::string_view Converter::unsupported_name(const Json* wrapped) {
  const Json* b = body(wrapped);
  for (const NamedStmt& n : kUnsupportedNames)
    if (n.node == b->name) return n.name;
  if (b->name == "DefineStmt") return arena_.copy(std::string_view(cat("CREATE ", object_kind_name(object_kind(tag(b, key("kind")))))));
  return arena_.copy(b->name);
}

Stmt* Converter::session(uint32_t type, const Json* b) {
  switch (type) {
    case key("TransactionStmt"): {
      auto* s = make<TransactionStmt>(nullptr);
      s->what = transaction_kind(tag(b, key("kind")));
      s->options = def_elems(get(b, key("options")));
      s->savepoint = text(b, key("savepoint_name"));
      s->gid = text(b, key("gid"));
      s->chain = flag(b, key("chain"));
      return s;
    }
    case key("VariableSetStmt"): return set_stmt(b);
    case key("VariableShowStmt"): { auto* s = make<ShowStmt>(nullptr); s->name = text(b, key("name")); return s; }
    case key("AlterSystemStmt"): { auto* s = make<AlterSystemStmt>(nullptr); s->set = set_stmt(get(b, key("setstmt"))); return s; }
    case key("PrepareStmt"): {
      auto* s = make<PrepareStmt>(nullptr);
      s->name = text(b, key("name"));
      s->arg_types = list<TypeName>(get(b, key("argtypes")), [&](const Json* c) { return type_name(body(c)); });
      s->query = stmt(get(b, key("query")));
      return s;
    }
    case key("ExecuteStmt"): { auto* s = make<ExecuteStmt>(nullptr); s->name = text(b, key("name")); s->params = exprs(get(b, key("params"))); return s; }
    case key("DeallocateStmt"): { auto* s = make<DeallocateStmt>(nullptr); s->name = text(b, key("name")); return s; }
    case key("ExplainStmt"): { auto* s = make<ExplainStmt>(nullptr); s->query = stmt(get(b, key("query"))); s->options = def_elems(get(b, key("options"))); return s; }
    case key("DeclareCursorStmt"): {
      auto* s = make<DeclareCursorStmt>(nullptr);
      int64_t o = number(b, key("options"));
      s->name = text(b, key("portalname"));
      s->binary = o & kCursorBinary;
      s->scroll = o & kCursorScroll;
      s->no_scroll = o & kCursorNoScroll;
      s->insensitive = o & kCursorInsensitive;
      s->asensitive = o & kCursorAsensitive;
      s->hold = o & kCursorHold;
      s->query = stmt(get(b, key("query")));
      return s;
    }
    case key("FetchStmt"): {
      auto* s = make<FetchStmt>(nullptr);
      auto d = tag(b, key("direction"));
      s->direction = d == key("FETCH_BACKWARD") ? FetchDirection::kBackward : d == key("FETCH_ABSOLUTE") ? FetchDirection::kAbsolute : d == key("FETCH_RELATIVE") ? FetchDirection::kRelative : FetchDirection::kForward;
      s->count = number(b, key("howMany"));
      s->cursor = text(b, key("portalname"));
      s->move = flag(b, key("ismove"));
      return s;
    }
    case key("ClosePortalStmt"): { auto* s = make<CloseStmt>(nullptr); s->name = text(b, key("portalname")); return s; }
    case key("DiscardStmt"): {
      auto* s = make<DiscardStmt>(nullptr);
      auto t = tag(b, key("target"));
      s->what = t == key("DISCARD_PLANS") ? DiscardKind::kPlans : t == key("DISCARD_SEQUENCES") ? DiscardKind::kSequences : t == key("DISCARD_TEMP") ? DiscardKind::kTemp : DiscardKind::kAll;
      return s;
    }
    case key("ListenStmt"): { auto* s = make<ListenStmt>(nullptr); s->channel = text(b, key("conditionname")); return s; }
    case key("UnlistenStmt"): { auto* s = make<UnlistenStmt>(nullptr); s->channel = text(b, key("conditionname")); return s; }
    case key("NotifyStmt"): { auto* s = make<NotifyStmt>(nullptr); s->channel = text(b, key("conditionname")); s->payload = text(b, key("payload")); return s; }
    case key("ConstraintsSetStmt"): {
      auto* s = make<SetConstraintsStmt>(nullptr);
      s->constraints = range_vars(get(b, key("constraints")));
      s->deferred = flag(b, key("deferred"));
      return s;
    }
    case key("CopyStmt"): {
      auto* s = make<CopyStmt>(nullptr);
      s->relation = range_var(get(b, key("relation")));
      s->query = stmt(get(b, key("query")));
      s->columns = names(get(b, key("attlist")));
      s->from = flag(b, key("is_from"));
      s->program = flag(b, key("is_program"));
      s->has_filename = get(b, key("filename")) != nullptr;
      s->filename = text(b, key("filename"));
      s->options = def_elems(get(b, key("options")));
      s->where = expr(get(b, key("whereClause")));
      return s;
    }
    default: return nullptr;
  }
}

}  // namespace postern::sql::parse_detail
