// Statements about objects: CREATE, ALTER, DROP, GRANT, COMMENT, maintenance.
#include <charconv>

#include "common/base/error.h"
#include "postgres/sql/parse/convert.h"

namespace postern::sql::parse_detail {

using namespace ast;

ObjectKind object_kind(uint32_t t) {
  switch (t) {
    case key("OBJECT_TABLE"): return ObjectKind::kTable;
    case key("OBJECT_COLUMN"): return ObjectKind::kColumn;
    case key("OBJECT_INDEX"): return ObjectKind::kIndex;
    case key("OBJECT_SEQUENCE"): return ObjectKind::kSequence;
    case key("OBJECT_VIEW"): return ObjectKind::kView;
    case key("OBJECT_MATVIEW"): return ObjectKind::kMatView;
    case key("OBJECT_SCHEMA"): return ObjectKind::kSchema;
    case key("OBJECT_DATABASE"): return ObjectKind::kDatabase;
    case key("OBJECT_ROLE"): return ObjectKind::kRole;
    case key("OBJECT_TABCONSTRAINT"): return ObjectKind::kConstraint;
    case key("OBJECT_TYPE"): return ObjectKind::kType;
    case key("OBJECT_DOMAIN"): return ObjectKind::kDomain;
    case key("OBJECT_FUNCTION"): return ObjectKind::kFunction;
    case key("OBJECT_PROCEDURE"): return ObjectKind::kProcedure;
    case key("OBJECT_ROUTINE"): return ObjectKind::kRoutine;
    case key("OBJECT_AGGREGATE"): return ObjectKind::kAggregate;
    case key("OBJECT_OPERATOR"): return ObjectKind::kOperator;
    case key("OBJECT_TRIGGER"): return ObjectKind::kTrigger;
    case key("OBJECT_RULE"): return ObjectKind::kRule;
    case key("OBJECT_EXTENSION"): return ObjectKind::kExtension;
    case key("OBJECT_TABLESPACE"): return ObjectKind::kTablespace;
    case key("OBJECT_LANGUAGE"): return ObjectKind::kLanguage;
    case key("OBJECT_COLLATION"): return ObjectKind::kCollation;
    case key("OBJECT_CAST"): return ObjectKind::kCast;
    case key("OBJECT_FOREIGN_TABLE"): return ObjectKind::kForeignTable;
    case key("OBJECT_ATTRIBUTE"): return ObjectKind::kAttribute;
    default: return ObjectKind::kOther;
  }
}

RoleSpec* Converter::role(const Json* b) {
  if (!b) return nullptr;
  auto* r = arena_.make<RoleSpec>();
  switch (tag(b, key("roletype"))) {
    case key("ROLESPEC_CURRENT_ROLE"): r->kind = RoleKind::kCurrentRole; break;
    case key("ROLESPEC_CURRENT_USER"): r->kind = RoleKind::kCurrentUser; break;
    case key("ROLESPEC_SESSION_USER"): r->kind = RoleKind::kSessionUser; break;
    case key("ROLESPEC_PUBLIC"): r->kind = RoleKind::kPublic; break;
    default: break;
  }
  r->name = text(b, key("rolename"));
  r->position = position(b);
  return r;
}

List<RoleSpec> Converter::roles(const Json* j) {
  return list<RoleSpec>(j, [&](const Json* c) { return role(body(c)); });
}

DefElem* Converter::def_elem(const Json* b) {
  auto* d = arena_.make<DefElem>();
  d->name_space = text(b, key("defnamespace"));
  d->name = text(b, key("defname"));
  d->position = position(b);
  auto action = tag(b, key("defaction"));
  d->action = action == key("DEFELEM_SET") ? DefAction::kSet : action == key("DEFELEM_ADD") ? DefAction::kAdd : action == key("DEFELEM_DROP") ? DefAction::kDrop : DefAction::kUnspecified;
  const Json* arg = get(b, key("arg"));
  const Json* ab = body(arg);
  auto set_int = [&](int64_t v) {
    d->kind = DefKind::kInt;
    d->ival = v;
    char buf[24];
    d->text = arena_.copy(std::string_view(buf, std::to_chars(buf, buf + sizeof buf, v).ptr - buf));
  };
  switch (node(arg)) {
    case 0: break;
    case key("String"): d->kind = DefKind::kString; d->text = text(ab, key("sval")); break;
    case key("Integer"): {
      auto* v = get(ab, key("ival"));
      set_int(v ? v->number : option_int_after(location(b)));
      break;
    }
    case key("Float"): d->kind = DefKind::kFloat; d->text = text(ab, key("fval")); break;
    case key("Boolean"): d->kind = DefKind::kBool; d->ival = flag(ab, key("boolval")); d->text = d->ival ? "true" : "false"; break;
    case key("A_Star"): d->kind = DefKind::kStar; break;
    case key("A_Const"): {
      auto* c = static_cast<Const*>(constant(ab));
      if (c->type == ConstKind::kInt) set_int(c->ival);
      else if (c->type == ConstKind::kBool) d->kind = DefKind::kBool, d->ival = c->ival, d->text = c->ival ? "true" : "false";
      else d->kind = c->type == ConstKind::kFloat ? DefKind::kFloat : DefKind::kString, d->text = c->text;
      break;
    }
    case key("TypeName"):
      d->kind = DefKind::kTypeName;
      d->type = type_name(ab);
      d->names = d->type->names;
      if (!d->names.empty()) d->text = d->names.back();
      break;
    case key("List"): {
      const Json* first = items(arg);
      if (node(first) == key("RoleSpec")) d->kind = DefKind::kRoles, d->roles = roles(get(ab, key("items")));
      else if (node(first) == key("DefElem")) d->kind = DefKind::kOptions, d->options = def_elems(get(ab, key("items")));
      else d->kind = DefKind::kNames, d->names = names(arg);
      break;
    }
    default: throw_internal("unknown kind of option value");
  }
  return d;
}

List<DefElem> Converter::def_elems(const Json* j) {
  return list<DefElem>(j, [&](const Json* c) { return def_elem(body(c)); });
}

Constraint* Converter::constraint(const Json* b) {
  auto* c = arena_.make<Constraint>();
  switch (tag(b, key("contype"))) {
    case key("CONSTR_NULL"): c->kind = ConstraintKind::kNull; break;
    case key("CONSTR_NOTNULL"): c->kind = ConstraintKind::kNotNull; break;
    case key("CONSTR_DEFAULT"): c->kind = ConstraintKind::kDefault; break;
    case key("CONSTR_IDENTITY"): c->kind = ConstraintKind::kIdentity; break;
    case key("CONSTR_GENERATED"): c->kind = ConstraintKind::kGenerated; break;
    case key("CONSTR_CHECK"): c->kind = ConstraintKind::kCheck; break;
    case key("CONSTR_PRIMARY"): c->kind = ConstraintKind::kPrimary; break;
    case key("CONSTR_UNIQUE"): c->kind = ConstraintKind::kUnique; break;
    case key("CONSTR_EXCLUSION"): c->kind = ConstraintKind::kExclusion; break;
    case key("CONSTR_FOREIGN"): c->kind = ConstraintKind::kForeign; break;
    case key("CONSTR_ATTR_DEFERRABLE"): c->kind = ConstraintKind::kDeferrable; break;
    case key("CONSTR_ATTR_NOT_DEFERRABLE"): c->kind = ConstraintKind::kNotDeferrable; break;
    case key("CONSTR_ATTR_DEFERRED"): c->kind = ConstraintKind::kDeferred; break;
    default: c->kind = ConstraintKind::kImmediate; break;
  }
  auto one_char = [&](uint32_t k, char otherwise) { auto s = text(b, k); return s.empty() ? otherwise : s[0]; };
  c->name = text(b, key("conname"));
  c->expr = expr(get(b, key("raw_expr")));
  c->generated_when = one_char(key("generated_when"), 0);
  c->options = def_elems(get(b, key("options")));
  c->keys = names(get(b, key("keys")));
  c->including = names(get(b, key("including")));
  c->nulls_not_distinct = flag(b, key("nulls_not_distinct"));
  c->index_name = text(b, key("indexname"));
  c->tablespace = text(b, key("indexspace"));
  c->deferrable = flag(b, key("deferrable"));
  c->initially_deferred = flag(b, key("initdeferred"));
  c->skip_validation = flag(b, key("skip_validation"));
  c->initially_valid = !c->skip_validation;
  c->no_inherit = flag(b, key("is_no_inherit"));
  c->references = range_var(get(b, key("pktable")));
  c->foreign_columns = names(get(b, key("fk_attrs")));
  c->referenced_columns = names(get(b, key("pk_attrs")));
  c->match = one_char(key("fk_matchtype"), 's');
  c->on_update = one_char(key("fk_upd_action"), 'a');
  c->on_delete = one_char(key("fk_del_action"), 'a');
  c->position = position(b);
  return c;
}

ColumnDef* Converter::column_def(const Json* b) {
  if (!b) return nullptr;
  auto* c = arena_.make<ColumnDef>();
  c->name = text(b, key("colname"));
  c->type = type_name(get(b, key("typeName")));
  c->constraints = list<Constraint>(get(b, key("constraints")), [&](const Json* j) { return constraint(body(j)); });
  Constraint* before = nullptr;     // DEFERRABLE and the like follow the constraint they are about
  for (Constraint* k : c->constraints) {
    if (k->kind == ConstraintKind::kDeferrable && before) before->deferrable = true;
    else if (k->kind == ConstraintKind::kDeferred && before) before->deferrable = before->initially_deferred = true;
    else if (k->kind < ConstraintKind::kDeferrable) before = k;
  }
  c->collation = names(get(get(b, key("collClause")), key("collname")));
  c->compression = text(b, key("compression"));
  c->fdw_options = def_elems(get(b, key("fdwoptions")));
  c->position = position(b);
  return c;
}

Stmt* Converter::create_table(const Json* b) {
  auto* s = make<CreateTableStmt>(nullptr);
  s->relation = range_var(get(b, key("relation")));
  s->elements = list<TableElement>(get(b, key("tableElts")), [&](const Json* c) {
    auto* e = arena_.make<TableElement>();
    switch (node(c)) {
      case key("ColumnDef"): e->kind = ElementKind::kColumn; e->column = column_def(body(c)); break;
      case key("Constraint"): e->kind = ElementKind::kConstraint; e->constraint = constraint(body(c)); break;
      default:
        e->kind = ElementKind::kLike;
        e->like = range_var(get(body(c), key("relation")));
        e->like_options = static_cast<uint32_t>(number(body(c), key("options")));
    }
    return e;
  });
  s->inherits = range_vars(get(b, key("inhRelations")));
  s->options = def_elems(get(b, key("options")));
  switch (tag(b, key("oncommit"))) {
    case key("ONCOMMIT_PRESERVE_ROWS"): s->on_commit = 'p'; break;
    case key("ONCOMMIT_DELETE_ROWS"): s->on_commit = 'd'; break;
    case key("ONCOMMIT_DROP"): s->on_commit = 'x'; break;
    default: break;
  }
  s->tablespace = text(b, key("tablespacename"));
  s->access_method = text(b, key("accessMethod"));
  s->if_not_exists = flag(b, key("if_not_exists"));
  s->partitioned = get(b, key("partspec")) != nullptr;
  s->partition_of = get(b, key("partbound")) != nullptr;
  s->of_type = get(b, key("ofTypename")) != nullptr;
  return s;
}

Stmt* Converter::create_index(const Json* b) {
  auto* s = make<CreateIndexStmt>(nullptr);
  s->name = text(b, key("idxname"));
  s->relation = range_var(get(b, key("relation")));
  s->access_method = text(b, key("accessMethod"));
  auto elems = [&](uint32_t k) { return list<IndexElem>(get(b, k), [&](const Json* c) { return index_elem(body(c)); }); };
  s->keys = elems(key("indexParams"));
  s->including = elems(key("indexIncludingParams"));
  s->options = def_elems(get(b, key("options")));
  s->tablespace = text(b, key("tableSpace"));
  s->where = expr(get(b, key("whereClause")));
  s->unique = flag(b, key("unique"));
  s->concurrently = flag(b, key("concurrent"));
  s->if_not_exists = flag(b, key("if_not_exists"));
  s->nulls_not_distinct = flag(b, key("nulls_not_distinct"));
  return s;
}

namespace {
AlterTableKind alter_kind(uint32_t t) {
  switch (t) {
    case key("AT_AddColumn"): return AlterTableKind::kAddColumn;
    case key("AT_DropColumn"): return AlterTableKind::kDropColumn;
    case key("AT_ColumnDefault"): return AlterTableKind::kColumnDefault;
    case key("AT_DropNotNull"): return AlterTableKind::kDropNotNull;
    case key("AT_SetNotNull"): return AlterTableKind::kSetNotNull;
    case key("AT_AlterColumnType"): return AlterTableKind::kAlterColumnType;
    case key("AT_SetStatistics"): return AlterTableKind::kSetStatistics;
    case key("AT_SetStorage"): return AlterTableKind::kSetStorage;
    case key("AT_SetCompression"): return AlterTableKind::kSetCompression;
    case key("AT_SetOptions"): return AlterTableKind::kSetColumnOptions;
    case key("AT_ResetOptions"): return AlterTableKind::kResetColumnOptions;
    case key("AT_AddIdentity"): return AlterTableKind::kAddIdentity;
    case key("AT_SetIdentity"): return AlterTableKind::kSetIdentity;
    case key("AT_DropIdentity"): return AlterTableKind::kDropIdentity;
    case key("AT_DropExpression"): return AlterTableKind::kDropExpression;
    case key("AT_AddConstraint"): return AlterTableKind::kAddConstraint;
    case key("AT_DropConstraint"): return AlterTableKind::kDropConstraint;
    case key("AT_ValidateConstraint"): return AlterTableKind::kValidateConstraint;
    case key("AT_AlterConstraint"): return AlterTableKind::kAlterConstraint;
    case key("AT_SetRelOptions"): return AlterTableKind::kSetOptions;
    case key("AT_ResetRelOptions"): return AlterTableKind::kResetOptions;
    case key("AT_ChangeOwner"): return AlterTableKind::kChangeOwner;
    case key("AT_SetTableSpace"): return AlterTableKind::kSetTablespace;
    case key("AT_ClusterOn"): return AlterTableKind::kClusterOn;
    case key("AT_DropCluster"): return AlterTableKind::kDropCluster;
    case key("AT_SetLogged"): return AlterTableKind::kSetLogged;
    case key("AT_SetUnLogged"): return AlterTableKind::kSetUnlogged;
    case key("AT_ReplicaIdentity"): return AlterTableKind::kReplicaIdentity;
    case key("AT_EnableTrig"): case key("AT_EnableTrigAll"): case key("AT_EnableTrigUser"): return AlterTableKind::kEnableTrigger;
    case key("AT_DisableTrig"): case key("AT_DisableTrigAll"): case key("AT_DisableTrigUser"): return AlterTableKind::kDisableTrigger;
    case key("AT_EnableRowSecurity"): return AlterTableKind::kEnableRowSecurity;
    case key("AT_DisableRowSecurity"): return AlterTableKind::kDisableRowSecurity;
    case key("AT_ForceRowSecurity"): return AlterTableKind::kForceRowSecurity;
    case key("AT_NoForceRowSecurity"): return AlterTableKind::kNoForceRowSecurity;
    case key("AT_AddInherit"): return AlterTableKind::kAddInherit;
    case key("AT_DropInherit"): return AlterTableKind::kDropInherit;
    case key("AT_AttachPartition"): return AlterTableKind::kAttachPartition;
    case key("AT_DetachPartition"): return AlterTableKind::kDetachPartition;
    default: return AlterTableKind::kOther;
  }
}
}  // namespace

AlterTableCmd* Converter::alter_cmd(const Json* b) {
  auto* c = arena_.make<AlterTableCmd>();
  c->kind = alter_kind(tag(b, key("subtype")));
  c->raw_name = text(b, key("subtype"));
  c->name = text(b, key("name"));
  c->number = static_cast<int16_t>(number(b, key("num")));
  c->new_owner = role(get(b, key("newowner")));
  c->cascade = tag(b, key("behavior")) == key("DROP_CASCADE");
  c->missing_ok = flag(b, key("missing_ok"));
  const Json* def = get(b, key("def"));
  if (!def) return c;
  switch (c->kind) {
    case AlterTableKind::kAddColumn: c->column = column_def(body(def)); break;
    case AlterTableKind::kAlterColumnType:
      c->column = column_def(body(def));
      c->expr = expr(get(body(def), key("raw_default")));
      break;
    case AlterTableKind::kColumnDefault: c->expr = expr(def); break;
    case AlterTableKind::kAddConstraint: case AlterTableKind::kAlterConstraint: case AlterTableKind::kAddIdentity: c->constraint = constraint(body(def)); break;
    case AlterTableKind::kSetOptions: case AlterTableKind::kResetOptions: case AlterTableKind::kSetColumnOptions: case AlterTableKind::kResetColumnOptions:
    case AlterTableKind::kSetIdentity:
      c->options = def_elems(get(body(def), key("items")));
      break;
    case AlterTableKind::kSetStorage: case AlterTableKind::kSetCompression: c->text = string_node(def); break;
    case AlterTableKind::kSetStatistics: {
      auto* v = get(body(def), key("ival"));
      c->value = v ? static_cast<int32_t>(v->number) : -1;
      break;
    }
    default: break;
  }
  return c;
}

Stmt* Converter::alter_table(const Json* b) {
  auto* s = make<AlterTableStmt>(nullptr);
  s->relation = range_var(get(b, key("relation")));
  s->commands = list<AlterTableCmd>(get(b, key("cmds")), [&](const Json* c) { return alter_cmd(body(c)); });
  s->object = object_kind(tag(b, key("objtype")));
  s->missing_ok = flag(b, key("missing_ok"));
  return s;
}

// The name of an object in DROP, COMMENT, GRANT …: a String, a List of Strings, a TypeName or an ObjectWithArgs.
Names Converter::object_name(const Json* w) {
  switch (node(w)) {
    case key("List"): {
      // DROP/COMMENT ON CONSTRAINT … ON DOMAIN keeps a TypeName first; its last name is enough.
      const Json* first = items(w);
      if (node(first) == key("TypeName")) return names(get(body(first), key("names")));
      return names(w);
    }
    case key("TypeName"): return names(get(body(w), key("names")));
    case key("ObjectWithArgs"): return names(get(body(w), key("objname")));
    case key("RangeVar"): {
      auto* r = range_var(body(w));
      auto* out = arena_.alloc_array<std::string_view>(2);
      if (r->schema.empty()) { out[0] = r->name; return {out, 1}; }
      out[0] = r->schema;
      out[1] = r->name;
      return {out, 2};
    }
    case 0: return {};
    default: {
      auto* out = arena_.alloc_array<std::string_view>(1);
      out[0] = string_node(w);
      return {out, 1};
    }
  }
}

std::span<const Names> Converter::object_names(const Json* j) {
  if (!j || !j->size) return {};
  auto* out = arena_.alloc_array<Names>(j->size);
  size_t n = 0;
  for (const Json* c = j->first; c; c = c->next) new (&out[n++]) Names(object_name(c));
  return {out, n};
}

Stmt* Converter::drop(const Json* b) {
  auto* s = make<DropStmt>(nullptr);
  s->object = object_kind(tag(b, key("removeType")));
  s->objects = object_names(get(b, key("objects")));
  s->missing_ok = flag(b, key("missing_ok"));
  s->cascade = tag(b, key("behavior")) == key("DROP_CASCADE");
  s->concurrently = flag(b, key("concurrent"));
  return s;
}

Stmt* Converter::grant(const Json* b, bool default_privileges) {
  auto* s = make<GrantStmt>(nullptr);
  s->grant = flag(b, key("is_grant"));
  s->default_privileges = default_privileges;
  s->all_in_schema = tag(b, key("targtype")) == key("ACL_TARGET_ALL_IN_SCHEMA");
  s->object = object_kind(tag(b, key("objtype")));
  const Json* objects = get(b, key("objects"));
  if (objects && node(objects->first) == key("RangeVar")) s->relations = range_vars(objects);
  else s->objects = object_names(objects);
  s->privileges = list<AccessPriv>(get(b, key("privileges")), [&](const Json* c) {
    return arena_.make<AccessPriv>(text(body(c), key("priv_name")), names(get(body(c), key("cols"))));
  });
  s->grantees = roles(get(b, key("grantees")));
  s->with_grant_option = flag(b, key("grant_option"));
  s->cascade = tag(b, key("behavior")) == key("DROP_CASCADE");
  return s;
}

Stmt* Converter::comment(const Json* b) {
  auto* s = make<CommentStmt>(nullptr);
  s->object = object_kind(tag(b, key("objtype")));
  const Json* object = get(b, key("object"));
  s->name = object_name(object);
  if (node(object) == key("ObjectWithArgs"))
    s->arg_types = list<TypeName>(get(body(object), key("objargs")), [&](const Json* c) { return type_name(body(c)); });
  s->null_comment = get(b, key("comment")) == nullptr;
  s->comment = text(b, key("comment"));
  return s;
}

Stmt* Converter::ddl(uint32_t type, const Json* b) {
  auto cascade = [&] { return tag(b, key("behavior")) == key("DROP_CASCADE"); };
  switch (type) {
    case key("CreateStmt"): return create_table(b);
    case key("IndexStmt"): return create_index(b);
    case key("AlterTableStmt"): return alter_table(b);
    case key("DropStmt"): return drop(b);
    case key("GrantStmt"): return grant(b, false);
    case key("CommentStmt"): return comment(b);
    case key("CreateTableAsStmt"): {
      auto* s = make<CreateTableAsStmt>(nullptr);
      s->query = stmt(get(b, key("query")));
      s->into = into(get(b, key("into")));
      s->object = object_kind(tag(b, key("objtype")));
      s->if_not_exists = flag(b, key("if_not_exists"));
      s->select_into = flag(b, key("is_select_into"));
      return s;
    }
    case key("CreateSeqStmt"): {
      auto* s = make<CreateSequenceStmt>(nullptr);
      s->sequence = range_var(get(b, key("sequence")));
      s->options = def_elems(get(b, key("options")));
      s->if_not_exists = flag(b, key("if_not_exists"));
      return s;
    }
    case key("AlterSeqStmt"): {
      auto* s = make<AlterSequenceStmt>(nullptr);
      s->sequence = range_var(get(b, key("sequence")));
      s->options = def_elems(get(b, key("options")));
      s->missing_ok = flag(b, key("missing_ok"));
      return s;
    }
    case key("ViewStmt"): {
      auto* s = make<CreateViewStmt>(nullptr);
      s->view = range_var(get(b, key("view")));
      s->aliases = names(get(b, key("aliases")));
      s->query = stmt(get(b, key("query")));
      s->replace = flag(b, key("replace"));
      s->options = def_elems(get(b, key("options")));
      auto check = tag(b, key("withCheckOption"));
      s->check_option = check == key("LOCAL_CHECK_OPTION") ? 'l' : check == key("CASCADED_CHECK_OPTION") ? 'c' : 0;
      return s;
    }
    case key("RefreshMatViewStmt"): {
      auto* s = make<RefreshViewStmt>(nullptr);
      s->relation = range_var(get(b, key("relation")));
      s->concurrently = flag(b, key("concurrent"));
      s->skip_data = flag(b, key("skipData"));
      return s;
    }
    case key("TruncateStmt"): {
      auto* s = make<TruncateStmt>(nullptr);
      s->relations = range_vars(get(b, key("relations")));
      s->restart_identity = flag(b, key("restart_seqs"));
      s->cascade = cascade();
      return s;
    }
    case key("RenameStmt"): {
      auto* s = make<RenameStmt>(nullptr);
      s->object = object_kind(tag(b, key("renameType")));
      s->relation_kind = object_kind(tag(b, key("relationType")));
      s->relation = range_var(get(b, key("relation")));
      s->name = object_name(get(b, key("object")));
      s->sub_name = text(b, key("subname"));
      s->new_name = text(b, key("newname"));
      s->missing_ok = flag(b, key("missing_ok"));
      return s;
    }
    case key("AlterObjectSchemaStmt"): {
      auto* s = make<AlterSchemaStmt>(nullptr);
      s->object = object_kind(tag(b, key("objectType")));
      s->relation = range_var(get(b, key("relation")));
      s->name = object_name(get(b, key("object")));
      s->new_schema = text(b, key("newschema"));
      s->missing_ok = flag(b, key("missing_ok"));
      return s;
    }
    case key("AlterOwnerStmt"): {
      auto* s = make<AlterOwnerStmt>(nullptr);
      s->object = object_kind(tag(b, key("objectType")));
      s->name = object_name(get(b, key("object")));
      s->owner = role(get(b, key("newowner")));
      return s;
    }
    case key("CreateSchemaStmt"): {
      auto* s = make<CreateSchemaStmt>(nullptr);
      s->name = text(b, key("schemaname"));
      s->owner = role(get(b, key("authrole")));
      s->elements = list<Stmt>(get(b, key("schemaElts")), [&](const Json* c) { return stmt(c); });
      s->if_not_exists = flag(b, key("if_not_exists"));
      return s;
    }
    case key("CreatedbStmt"): { auto* s = make<CreateDatabaseStmt>(nullptr); s->name = text(b, key("dbname")); s->options = def_elems(get(b, key("options"))); return s; }
    case key("DropdbStmt"): {
      auto* s = make<DropDatabaseStmt>(nullptr);
      s->name = text(b, key("dbname"));
      s->missing_ok = flag(b, key("missing_ok"));
      s->options = def_elems(get(b, key("options")));
      return s;
    }
    case key("AlterDatabaseStmt"): { auto* s = make<AlterDatabaseStmt>(nullptr); s->name = text(b, key("dbname")); s->options = def_elems(get(b, key("options"))); return s; }
    case key("AlterDatabaseSetStmt"): { auto* s = make<AlterDatabaseSetStmt>(nullptr); s->name = text(b, key("dbname")); s->set = set_stmt(get(b, key("setstmt"))); return s; }
    case key("CreateRoleStmt"): {
      auto* s = make<CreateRoleStmt>(nullptr);
      auto t = tag(b, key("stmt_type"));
      s->type = t == key("ROLESTMT_USER") ? 'u' : t == key("ROLESTMT_GROUP") ? 'g' : 'r';
      s->name = text(b, key("role"));
      s->options = def_elems(get(b, key("options")));
      return s;
    }
    case key("AlterRoleStmt"): {
      auto* s = make<AlterRoleStmt>(nullptr);
      s->role = role(get(b, key("role")));
      s->options = def_elems(get(b, key("options")));
      auto* a = get(b, key("action"));
      s->action = a ? static_cast<int>(a->number) : 1;
      return s;
    }
    case key("AlterRoleSetStmt"): {
      auto* s = make<AlterRoleSetStmt>(nullptr);
      s->role = role(get(b, key("role")));
      s->database = text(b, key("database"));
      s->set = set_stmt(get(b, key("setstmt")));
      return s;
    }
    case key("DropRoleStmt"): { auto* s = make<DropRoleStmt>(nullptr); s->roles = roles(get(b, key("roles"))); s->missing_ok = flag(b, key("missing_ok")); return s; }
    case key("GrantRoleStmt"): {
      auto* s = make<GrantRoleStmt>(nullptr);
      const Json* granted = get(b, key("granted_roles"));
      if (granted) {
        auto* out = arena_.alloc_array<std::string_view>(granted->size);
        size_t n = 0;
        for (const Json* c = granted->first; c; c = c->next) out[n++] = text(body(c), key("priv_name"));
        s->granted = {out, n};
      }
      s->grantees = roles(get(b, key("grantee_roles")));
      s->grant = flag(b, key("is_grant"));
      s->admin = flag(b, key("admin_opt"));
      s->cascade = cascade();
      s->grantor = role(get(b, key("grantor")));
      return s;
    }
    case key("ReindexStmt"): {
      auto* s = make<ReindexStmt>(nullptr);
      switch (tag(b, key("kind"))) {
        case key("REINDEX_OBJECT_TABLE"): s->what = ReindexKind::kTable; break;
        case key("REINDEX_OBJECT_SCHEMA"): s->what = ReindexKind::kSchema; break;
        case key("REINDEX_OBJECT_SYSTEM"): s->what = ReindexKind::kSystem; break;
        case key("REINDEX_OBJECT_DATABASE"): s->what = ReindexKind::kDatabase; break;
        default: break;
      }
      s->relation = range_var(get(b, key("relation")));
      s->name = text(b, key("name"));
      s->options = def_elems(get(b, key("params")));
      return s;
    }
    case key("ClusterStmt"): {
      auto* s = make<ClusterStmt>(nullptr);
      s->relation = range_var(get(b, key("relation")));
      s->index = text(b, key("indexname"));
      s->options = def_elems(get(b, key("params")));
      return s;
    }
    case key("VacuumStmt"): {
      auto* s = make<VacuumStmt>(nullptr);
      s->vacuum = flag(b, key("is_vacuumcmd"));
      s->options = def_elems(get(b, key("options")));
      s->relations = list<VacuumRelation>(get(b, key("rels")), [&](const Json* c) {
        return arena_.make<VacuumRelation>(range_var(get(body(c), key("relation"))), names(get(body(c), key("va_cols"))));
      });
      return s;
    }
    case key("LockStmt"): {
      auto* s = make<LockStmt>(nullptr);
      s->relations = range_vars(get(b, key("relations")));
      s->mode = static_cast<uint8_t>(number(b, key("mode")));
      s->nowait = flag(b, key("nowait"));
      return s;
    }
    case key("CheckPointStmt"): return make<CheckpointStmt>(nullptr);
    default: return nullptr;
  }
}

}  // namespace postern::sql::parse_detail
