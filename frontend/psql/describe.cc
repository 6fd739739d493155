// The \d family but for single relations: lists of relations, functions, types, roles, schemas and so on.
#include "frontend/psql/describe.h"

#include "common/base/cat.h"

namespace postern::psql {
namespace {

// One part of a pattern as a regular expression, and as plain text if it has no wildcard.
struct Part {
  std::string regex, plain;
  bool wild = false;
};

std::vector<Part> split_pattern(const std::string& pattern) {
  std::vector<Part> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < pattern.size(); i++) {
    char c = pattern[i];
    Part& p = parts.back();
    if (c == '"') {
      if (quoted && i + 1 < pattern.size() && pattern[i + 1] == '"') {
        p.regex += '"';
        p.plain += '"';
        i++;
      } else {
        quoted = !quoted;
      }
    } else if (!quoted && c == '.') {
      parts.emplace_back();
    } else if (!quoted && c == '*') {
      p.regex += ".*";
      p.wild = true;
    } else if (!quoted && c == '?') {
      p.regex += '.';
      p.wild = true;
    } else if (c == '$') {
      p.regex += "\\$";
      p.plain += c;
    } else {
      if (!quoted && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      bool special = std::string_view("|()[]{}.+^\\").find(c) != std::string_view::npos;
      if (special && quoted) p.regex += '\\';
      if (special && !quoted && c != '.') p.wild = true;
      if (c == '[' && i + 1 < pattern.size() && pattern[i + 1] == ']' && !quoted) {
        p.regex += "\\[";  // the name of an array type
        p.plain += c;
        p.wild = false;
        continue;
      }
      if (c == ']' && !p.plain.empty() && p.plain.back() == '[') p.wild = false;
      p.regex += c;
      p.plain += c;
    }
  }
  return parts;
}

std::string condition(Shell& s, const std::string& column, const Part& p) {
  if (p.wild) return cat(column, " ~ ", quote_literal(s, cat("^(", p.regex, ")$")));
  return cat(column, " = ", quote_literal(s, p.plain));
}

const char* kSystemSchemas = "n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema'";

const char* acl(const char*) { return "pg_catalog.array_to_string(%, E'\\n') AS \"Access privileges\""; }

std::string acl_column(const std::string& column) {
  std::string text = acl("");
  size_t at = text.find('%');
  return text.substr(0, at) + column + text.substr(at + 1);
}

// \dt and its relatives: t tables, i indexes, v views, m materialized views, s sequences, E foreign tables.
bool list_relations(Shell& s, std::string kinds, const std::optional<std::string>& pattern, bool verbose, bool system) {
  if (kinds.empty()) kinds = "tvmsE";
  auto has = [&](char k) { return kinds.find(k) != std::string::npos; };
  std::string in;
  auto add = [&](const char* k) { append(in, in.empty() ? "'" : ",'", k, "'"); };
  if (has('t')) {
    add("r");
    add("p");
    if (system || pattern) add("t");
  }
  if (has('v')) add("v");
  if (has('m')) add("m");
  if (has('i')) {
    add("i");
    add("I");
  }
  if (has('s')) add("S");
  if (has('t') && (system || pattern)) add("s");
  if (has('E')) add("f");
  std::string sql =
      "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\",\n"
      "  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index'"
      " WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table'"
      " WHEN 'I' THEN 'partitioned index' END AS \"Type\",\n"
      "  pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\"";
  bool indexes = has('i'), storage = has('t') || has('m') || has('i');
  if (indexes) sql += ",\n  c2.relname AS \"Table\"";
  if (verbose) {
    sql += ",\n  CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 't' THEN 'temporary' WHEN 'u' THEN 'unlogged' END AS \"Persistence\"";
    if (storage && !variable_on(s, "HIDE_TABLEAM")) sql += ",\n  am.amname AS \"Access method\"";
    sql += ",\n  pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) AS \"Size\""
           ",\n  pg_catalog.obj_description(c.oid, 'pg_class') AS \"Description\"";
  }
  sql += "\nFROM pg_catalog.pg_class c\n  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
  if (verbose && storage && !variable_on(s, "HIDE_TABLEAM")) sql += "\n  LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam";
  if (indexes) sql += "\n  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid\n  LEFT JOIN pg_catalog.pg_class c2 ON i.indrelid = c2.oid";
  append(sql, "\nWHERE c.relkind IN (", in, ")");
  if (!system && !pattern) append(sql, "\n  AND ", kSystemSchemas);
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "c.relname", "pg_catalog.pg_table_is_visible(c.oid)", where)) return false;
  append(sql, where, "\nORDER BY 1,2");
  Rows rows(s, sql);
  if (!rows) return false;
  if (rows.count() == 0 && !quiet(s)) {
    if (pattern) log_error(s, cat("Did not find any relation named \"", *pattern, "\"."));
    else log_error(s, "Did not find any relations.");
    return true;
  }
  PrintOptions o = s.print;
  o.title = "List of relations";
  print_result(s, rows.result(), o, s.out);
  return true;
}

bool list_schemas(Shell& s, const std::optional<std::string>& pattern, bool verbose, bool system) {
  std::string sql = "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\"";
  if (verbose) append(sql, ", ", acl_column("n.nspacl"), ", pg_catalog.obj_description(n.oid, 'pg_namespace') AS \"Description\"");
  sql += "\nFROM pg_catalog.pg_namespace n WHERE true";
  if (!system && !pattern) sql += " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
  std::string where;
  if (!pattern_conditions(s, pattern, "", "n.nspname", "", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1"), "List of schemas");
}

bool list_roles(Shell& s, const std::optional<std::string>& pattern, bool verbose, bool system) {
  std::string sql =
      "SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolconnlimit, r.rolvaliduntil,"
      " r.rolreplication, r.rolbypassrls, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m"
      " JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid) AS memberof";
  if (verbose) sql += ", pg_catalog.shobj_description(r.oid, 'pg_authid') AS description";
  sql += "\nFROM pg_catalog.pg_roles r WHERE true";
  if (!system && !pattern) sql += " AND r.rolname !~ '^pg_'";
  std::string where;
  if (!pattern_conditions(s, pattern, "", "r.rolname", "", where)) return false;
  Rows rows(s, cat(sql, where, "\nORDER BY 1"));
  if (!rows) return false;
  std::vector<std::string> attributes;
  for (int i = 0; i < rows.count(); i++) {
    std::string a;
    auto add = [&](const std::string& text) { append(a, a.empty() ? "" : ", ", text); };
    if (rows.is_true(i, 1)) add("Superuser");
    if (!rows.is_true(i, 2)) add("No inheritance");
    if (rows.is_true(i, 3)) add("Create role");
    if (rows.is_true(i, 4)) add("Create DB");
    if (!rows.is_true(i, 5)) add("Cannot login");
    if (rows.is_true(i, 8)) add("Replication");
    if (rows.is_true(i, 9)) add("Bypass RLS");
    std::string limit = rows.get(i, 6);
    if (!limit.empty() && limit[0] != '-')
      append(a, a.empty() ? "" : "\n", limit == "0" ? std::string("No connections") : cat(limit, limit == "1" ? " connection" : " connections"));
    if (!rows.null(i, 7)) append(a, a.empty() ? "" : "\n", "Password valid until ", rows.get(i, 7));
    attributes.push_back(a);
  }
  Table t;
  t.title = "List of roles";
  t.headers = {"Role name", "Attributes", "Member of"};
  if (verbose) t.headers.push_back("Description");
  t.right.assign(t.headers.size(), false);
  t.rows = static_cast<size_t>(rows.count());
  t.default_footer = false;
  for (int i = 0; i < rows.count(); i++) {
    t.cells.emplace_back(PQgetvalue(rows.result(), i, 0));
    t.cells.emplace_back(attributes[static_cast<size_t>(i)]);
    t.cells.emplace_back(PQgetvalue(rows.result(), i, 10));
    if (verbose) t.cells.emplace_back(PQgetvalue(rows.result(), i, 11));
  }
  write_table(s, t, s.print, s.out);
  return true;
}

bool list_functions(Shell& s, const std::string& letters, const std::optional<std::string>& pattern, bool verbose, bool system) {
  auto has = [&](char k) { return letters.find(k) != std::string::npos; };
  std::string kinds;
  auto kind = [&](char letter, const char* prokind) {
    if (has(letter)) append(kinds, kinds.empty() ? "'" : ",'", prokind, "'");
  };
  kind('a', "a");
  kind('n', "f");
  kind('p', "p");
  kind('w', "w");
  std::string sql =
      "SELECT n.nspname AS \"Schema\", p.proname AS \"Name\",\n"
      "  pg_catalog.pg_get_function_result(p.oid) AS \"Result data type\",\n"
      "  pg_catalog.pg_get_function_arguments(p.oid) AS \"Argument data types\",\n"
      "  CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' WHEN 'p' THEN 'proc' ELSE 'func' END AS \"Type\"";
  if (verbose)
    append(sql,
           ",\n  CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' END AS \"Volatility\""
           ",\n  CASE p.proparallel WHEN 'r' THEN 'restricted' WHEN 's' THEN 'safe' WHEN 'u' THEN 'unsafe' END AS \"Parallel\""
           ",\n  pg_catalog.pg_get_userbyid(p.proowner) AS \"Owner\""
           ",\n  CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END AS \"Security\",\n  ",
           acl_column("p.proacl"),
           ",\n  l.lanname AS \"Language\",\n  COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS \"Source code\""
           ",\n  pg_catalog.obj_description(p.oid, 'pg_proc') AS \"Description\"");
  sql += "\nFROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace";
  if (verbose) sql += " LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang";
  sql += "\nWHERE true";
  if (has('t')) append(sql, " AND (p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype", kinds.empty() ? "" : cat(" OR p.prokind IN (", kinds, ")"), ")");
  else if (!kinds.empty()) append(sql, " AND p.prokind IN (", kinds, ")");
  if (!system && !pattern) sql += " AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'";
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "p.proname", "pg_catalog.pg_function_is_visible(p.oid)", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1, 2, 4"), "List of functions");
}

bool list_aggregates(Shell& s, const std::optional<std::string>& pattern, bool system) {
  std::string sql =
      "SELECT n.nspname AS \"Schema\", p.proname AS \"Name\", pg_catalog.format_type(p.prorettype, NULL) AS \"Result data type\",\n"
      "  CASE WHEN p.pronargs = 0 THEN CAST('*' AS pg_catalog.text) ELSE pg_catalog.pg_get_function_arguments(p.oid) END AS \"Argument data types\",\n"
      "  pg_catalog.obj_description(p.oid, 'pg_proc') AS \"Description\"\n"
      "FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace\nWHERE p.prokind = 'a'";
  if (!system && !pattern) sql += " AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'";
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "p.proname", "pg_catalog.pg_function_is_visible(p.oid)", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1, 2, 4"), "List of aggregate functions");
}

bool list_types(Shell& s, const std::optional<std::string>& pattern, bool verbose, bool system) {
  std::string sql = "SELECT n.nspname AS \"Schema\", pg_catalog.format_type(t.oid, NULL) AS \"Name\",\n  ";
  if (verbose)
    append(sql,
           "t.typname AS \"Internal name\", CASE WHEN t.typrelid <> 0 THEN CAST('tuple' AS pg_catalog.text) WHEN t.typlen < 0"
           " THEN CAST('var' AS pg_catalog.text) ELSE CAST(t.typlen AS pg_catalog.text) END AS \"Size\",\n  "
           "pg_catalog.array_to_string(ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),"
           " E'\\n') AS \"Elements\",\n  pg_catalog.pg_get_userbyid(t.typowner) AS \"Owner\",\n  ",
           acl_column("t.typacl"), ",\n  ");
  sql += "pg_catalog.obj_description(t.oid, 'pg_type') AS \"Description\"\n"
         "FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace\n"
         "WHERE (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid))";
  if (!pattern || pattern->find("[]") == std::string::npos)
    sql += "\n  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type el WHERE el.oid = t.typelem AND el.typarray = t.oid)";
  if (!system && !pattern) sql += "\n  AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'";
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "t.typname", "pg_catalog.pg_type_is_visible(t.oid)", where,
                          "pg_catalog.format_type(t.oid, NULL)"))
    return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1, 2"), "List of data types");
}

bool list_privileges(Shell& s, const std::optional<std::string>& pattern) {
  std::string sql = cat(
      "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\",\n"
      "  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'"
      " WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' END AS \"Type\",\n  ",
      acl_column("c.relacl"),
      ",\n  pg_catalog.array_to_string(ARRAY(SELECT a.attname || E':\\n  ' || pg_catalog.array_to_string(a.attacl, E'\\n  ')"
      " FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attacl IS NOT NULL), E'\\n')"
      " AS \"Column privileges\",\n"
      "  pg_catalog.array_to_string(ARRAY(SELECT pol.polname FROM pg_catalog.pg_policy pol WHERE pol.polrelid = c.oid), E'\\n') AS \"Policies\"\n"
      "FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
      "WHERE c.relkind IN ('r','v','m','S','f','p')");
  if (!pattern) sql += " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "c.relname", "pg_catalog.pg_table_is_visible(c.oid)", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1, 2"), "Access privileges");
}

bool list_tablespaces(Shell& s, const std::optional<std::string>& pattern, bool verbose) {
  std::string sql = "SELECT spcname AS \"Name\", pg_catalog.pg_get_userbyid(spcowner) AS \"Owner\", pg_catalog.pg_tablespace_location(oid) AS \"Location\"";
  if (verbose)
    append(sql, ", ", acl_column("spcacl"),
           ", spcoptions AS \"Options\", pg_catalog.pg_size_pretty(pg_catalog.pg_tablespace_size(oid)) AS \"Size\","
           " pg_catalog.shobj_description(oid, 'pg_tablespace') AS \"Description\"");
  sql += "\nFROM pg_catalog.pg_tablespace WHERE true";
  std::string where;
  if (!pattern_conditions(s, pattern, "", "spcname", "", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1"), "List of tablespaces");
}

bool list_extensions(Shell& s, const std::optional<std::string>& pattern) {
  std::string where;
  if (!pattern_conditions(s, pattern, "", "e.extname", "", where)) return false;
  return print_query(s,
                     cat("SELECT e.extname AS \"Name\", e.extversion AS \"Version\", n.nspname AS \"Schema\", c.description AS \"Description\"\n"
                         "FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
                         " LEFT JOIN pg_catalog.pg_description c ON c.objoid = e.oid AND c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass\n"
                         "WHERE true",
                         where, "\nORDER BY 1"),
                     "List of installed extensions");
}

}  // namespace

bool pattern_conditions(Shell& s, const std::optional<std::string>& pattern, const std::string& schema_column, const std::string& name_column,
                        const std::string& visible, std::string& where, const char* alternative_column) {
  if (!pattern) {
    if (!visible.empty()) append(where, "\n  AND ", visible);
    return true;
  }
  std::vector<Part> parts = split_pattern(*pattern);
  size_t most = schema_column.empty() ? 1 : 3;
  if (parts.size() > most) {
    log_error(s, cat("improper qualified name (too many dotted names): ", *pattern));
    return false;
  }
  if (parts.size() == 3) {
    if (s.conn && (parts[0].wild || parts[0].plain != PQdb(s.conn))) {
      log_error(s, cat("cross-database references are not implemented: ", *pattern));
      return false;
    }
    parts.erase(parts.begin());
  }
  const Part& name = parts.back();
  bool anything = name.regex.empty() || name.regex == ".*";
  if (!anything) {
    if (alternative_column) append(where, "\n  AND (", condition(s, name_column, name), " OR ", condition(s, alternative_column, name), ")");
    else append(where, "\n  AND ", condition(s, name_column, name));
  }
  if (parts.size() == 2) {
    if (!parts[0].regex.empty() && parts[0].regex != ".*") append(where, "\n  AND ", condition(s, schema_column, parts[0]));
  } else if (!visible.empty()) {
    append(where, "\n  AND ", visible);
  }
  return true;
}

bool print_query(Shell& s, const std::string& sql, const std::string& title) {
  Rows rows(s, sql);
  if (!rows) return false;
  PrintOptions o = s.print;
  o.title = title;
  print_result(s, rows.result(), o, s.out);
  return true;
}

bool list_databases(Shell& s, const std::optional<std::string>& pattern, bool verbose) {
  std::string sql = cat(
      "SELECT d.datname AS \"Name\", pg_catalog.pg_get_userbyid(d.datdba) AS \"Owner\", pg_catalog.pg_encoding_to_char(d.encoding) AS \"Encoding\","
      " d.datcollate AS \"Collate\", d.datctype AS \"Ctype\", d.daticulocale AS \"ICU Locale\","
      " CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END AS \"Locale Provider\", ",
      acl_column("d.datacl"));
  if (verbose)
    sql += ", CASE WHEN pg_catalog.has_database_privilege(d.datname, 'CONNECT') THEN pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.datname))"
           " ELSE 'No Access' END AS \"Size\", t.spcname AS \"Tablespace\", pg_catalog.shobj_description(d.oid, 'pg_database') AS \"Description\"";
  sql += "\nFROM pg_catalog.pg_database d";
  if (verbose) sql += " JOIN pg_catalog.pg_tablespace t ON d.dattablespace = t.oid";
  sql += "\nWHERE true";
  std::string where;
  if (!pattern_conditions(s, pattern, "", "d.datname", "", where)) return false;
  return print_query(s, cat(sql, where, "\nORDER BY 1"), "List of databases");
}

bool show_source(Shell& s, const std::string& what, bool view, bool numbered) {
  if (what.empty()) {
    log_error(s, view ? "view name is required" : "function name is required");
    return false;
  }
  std::string text;
  if (view) {
    Rows rows(s, cat("SELECT n.nspname, c.relname, c.relkind, pg_catalog.pg_get_viewdef(c.oid, true) FROM pg_catalog.pg_class c"
                     " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ", quote_literal(s, what),
                     "::pg_catalog.regclass"), true);
    if (!rows || rows.count() != 1) return false;
    if (rows.get(0, 2) != "v" && rows.get(0, 2) != "m") {
      log_error(s, cat("\"", rows.get(0, 0), ".", rows.get(0, 1), "\" is not a view"));
      return false;
    }
    auto ident = [&](const std::string& name) {
      bool plain = !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos && !isdigit(static_cast<unsigned char>(name[0]));
      if (plain) return name;
      char* q = PQescapeIdentifier(s.conn, name.c_str(), name.size());
      std::string out = q ? q : name;
      PQfreemem(q);
      return out;
    };
    std::string body = rows.get(0, 3);
    if (!body.empty() && body.back() == ';') body.pop_back();
    text = rows.get(0, 2) == "m" ? cat("CREATE MATERIALIZED VIEW ", ident(rows.get(0, 0)), ".", ident(rows.get(0, 1)), " AS\n", body, "\n")
                                 : cat("CREATE OR REPLACE VIEW ", ident(rows.get(0, 0)), ".", ident(rows.get(0, 1)), " AS\n", body, "\n");
  } else {
    const char* type = what.find('(') == what.npos ? "::pg_catalog.regproc" : "::pg_catalog.regprocedure";
    Rows rows(s, cat("SELECT pg_catalog.pg_get_functiondef(", quote_literal(s, what), type, "::pg_catalog.oid)"), true);
    if (!rows || rows.count() != 1) return false;
    text = rows.get(0, 0);
  }
  if (!numbered) {
    fputs(text.c_str(), s.out);
    fflush(s.out);
    return true;
  }
  int line = 0;
  size_t i = 0;
  bool body = view;
  while (i < text.size()) {
    size_t end = std::min(text.find('\n', i), text.size());
    std::string one = text.substr(i, end - i);
    if (!view && !body && (one.rfind("AS ", 0) == 0 || one.rfind("BEGIN ", 0) == 0 || one.rfind("RETURN ", 0) == 0)) body = true;
    if (body) fprintf(s.out, "%-7d %s\n", ++line, one.c_str());
    else fprintf(s.out, "        %s\n", one.c_str());
    i = end + 1;
  }
  fflush(s.out);
  return true;
}

CommandStatus describe(Shell& s, const std::string& command, const std::optional<std::string>& pattern, const std::optional<std::string>& second) {
  if (!s.conn) {
    log_error(s, "You are currently not connected to a database.");
    return CommandStatus::kError;
  }
  bool verbose = command.find('+') != std::string::npos, system = command.find('S') != std::string::npos;
  std::string base;
  for (char c : command)
    if (c != '+' && c != 'S') base += c;
  auto done = [](bool good) { return good ? CommandStatus::kSkip : CommandStatus::kError; };
  if (base == "d") return done(pattern ? describe_relations(s, *pattern, verbose, system) : list_relations(s, "tvmsE", pattern, verbose, system));
  if (base == "dn") return done(list_schemas(s, pattern, verbose, system));
  if (base == "du" || base == "dg") return done(list_roles(s, pattern, verbose, system));
  if (base == "dT") return done(list_types(s, pattern, verbose, system));
  if (base == "dp") return done(list_privileges(s, pattern));
  if (base == "db") return done(list_tablespaces(s, pattern, verbose));
  if (base == "dx") return done(list_extensions(s, pattern));
  if (base.rfind("df", 0) == 0 && base.find_first_not_of("antpw", 2) == base.npos) {
    if (second) {
      log_error(s, cat("\\", command, ": argument types in patterns are not supported"));
      return CommandStatus::kError;
    }
    return done(list_functions(s, base.substr(2), pattern, verbose, system));
  }
  if (base == "da") return done(list_aggregates(s, pattern, system));
  if (base.size() > 1 && std::string_view("tvmisE").find(base[1]) != std::string_view::npos) return done(list_relations(s, base.substr(1), pattern, verbose, system));
  return CommandStatus::kUnknown;
}

}  // namespace postern::psql
