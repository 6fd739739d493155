// \d NAME: the columns of a relation and what hangs on it.
#include <cstdlib>

#include "common/base/cat.h"
#include "frontend/psql/describe.h"

namespace postern::psql {
namespace {

struct Relation {
  std::string oid, schema, name;
  char kind = 'r';
  int checks = 0;
  bool has_index = false, has_rules = false, has_triggers = false, row_security = false, is_partition = false;
  std::string options, tablespace, of_type, persistence, replica_identity, access_method;
};

class Describer {
 public:
  Describer(Shell& s, Relation rel, bool verbose) : s_(s), rel_(std::move(rel)), verbose_(verbose) {}

  bool run() {
    if (rel_.kind == 'S') return sequence();
    table_.title = title();
    table_.default_footer = false;
    table_.encoding = PQclientEncoding(s_.conn);
    if (!columns()) return false;
    bool good = true;
    if (rel_.kind == 'i' || rel_.kind == 'I') good = index_footer();
    else if (is_view()) good = view_footer();
    if (good && is_table()) good = table_footers();
    if (good && rel_.kind == 'm') good = indexes() && access_method();
    if (!good) return false;
    if (verbose_ && !rel_.options.empty()) table_.footers.push_back(cat("Options: ", rel_.options));
    for (const std::string& c : cells_) table_.cells.emplace_back(c);
    table_.rows = table_.headers.empty() ? 0 : cells_.size() / table_.headers.size();
    PrintOptions o = s_.print;
    o.expanded = Expanded::kOff;
    write_table(s_, table_, o, s_.out);
    return true;
  }

 private:
  bool is_view() const { return rel_.kind == 'v' || rel_.kind == 'm'; }
  bool is_table() const { return rel_.kind == 'r' || rel_.kind == 'p' || rel_.kind == 'f' || rel_.kind == 't'; }
  std::string full_name() const { return cat(rel_.schema, ".", rel_.name); }

  std::string title() const {
    bool unlogged = rel_.persistence == "u";
    const char* what = "?";
    switch (rel_.kind) {
      case 'r': what = unlogged ? "Unlogged table" : "Table"; break;
      case 'p': what = unlogged ? "Unlogged partitioned table" : "Partitioned table"; break;
      case 'v': what = "View"; break;
      case 'm': what = unlogged ? "Unlogged materialized view" : "Materialized view"; break;
      case 'i': what = unlogged ? "Unlogged index" : "Index"; break;
      case 'I': what = "Partitioned index"; break;
      case 't': what = "TOAST table"; break;
      case 'c': what = "Composite type"; break;
      case 'f': what = "Foreign table"; break;
      default: break;
    }
    return cat(what, " \"", full_name(), "\"");
  }

  bool sequence() {
    Rows rows(s_, cat("SELECT pg_catalog.format_type(seqtypid, NULL) AS \"Type\", seqstart AS \"Start\", seqmin AS \"Minimum\", seqmax AS \"Maximum\","
                      " seqincrement AS \"Increment\", CASE WHEN seqcycle THEN 'yes' ELSE 'no' END AS \"Cycles?\", seqcache AS \"Cache\"\n"
                      "FROM pg_catalog.pg_sequence WHERE seqrelid = ", rel_.oid));
    if (!rows) return false;
    Rows owner(s_, cat("SELECT n.nspname, c.relname, a.attname, d.deptype\nFROM pg_catalog.pg_depend d"
                       " JOIN pg_catalog.pg_class c ON c.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                       " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid\n"
                       "WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                       " AND d.objid = ", rel_.oid, " AND d.deptype IN ('a', 'i')"));
    if (!owner) return false;
    table_.title = cat(rel_.persistence == "u" ? "Unlogged sequence" : "Sequence", " \"", full_name(), "\"");
    table_.default_footer = false;
    PGresult* r = rows.result();
    for (int i = 0; i < PQnfields(r); i++) {
      table_.headers.emplace_back(PQfname(r, i));
      table_.right.push_back(is_numeric_type(PQftype(r, i)));
    }
    table_.rows = static_cast<size_t>(rows.count());
    for (int row = 0; row < rows.count(); row++)
      for (int i = 0; i < PQnfields(r); i++) table_.cells.emplace_back(PQgetvalue(r, row, i));
    if (owner.count() == 1)
      table_.footers.push_back(cat(owner.get(0, 3) == "i" ? "Sequence for identity column: " : "Owned by: ", owner.get(0, 0), ".", owner.get(0, 1), ".",
                                   owner.get(0, 2)));
    PrintOptions o = s_.print;
    o.expanded = Expanded::kOff;
    write_table(s_, table_, o, s_.out);
    return true;
  }

  bool columns() {
    bool index = rel_.kind == 'i' || rel_.kind == 'I';
    bool wants_default = !index && rel_.kind != 't';
    std::string sql = "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)";
    int at = 2, collation = -1, not_null = -1, default_at = -1, identity = -1, generated = -1, key = -1, definition = -1, storage = -1, compression = -1,
        target = -1, description = -1;
    if (wants_default) {
      sql += ",\n  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum"
             " AND a.atthasdef)";
      default_at = at++;
      sql += ",\n  a.attnotnull";
      not_null = at++;
      sql += ",\n  (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t WHERE c.oid = a.attcollation AND t.oid = a.atttypid"
             " AND a.attcollation <> t.typcollation)";
      collation = at++;
      sql += ",\n  a.attidentity, a.attgenerated";
      identity = at++;
      generated = at++;
    }
    if (index) {
      append(sql, ",\n  CASE WHEN a.attnum <= (SELECT i.indnkeyatts FROM pg_catalog.pg_index i WHERE i.indexrelid = ", rel_.oid,
             ") THEN 'yes' ELSE 'no' END,\n  pg_catalog.pg_get_indexdef(a.attrelid, a.attnum, true)");
      key = at++;
      definition = at++;
    }
    if (verbose_) {
      sql += ",\n  CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'x' THEN 'extended' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE '' END";
      storage = at++;
      if (!variable_on(s_, "HIDE_TOAST_COMPRESSION") && (rel_.kind == 'r' || rel_.kind == 'p' || rel_.kind == 'm')) {
        sql += ",\n  CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END";
        compression = at++;
      }
      if (rel_.kind == 'r' || rel_.kind == 'p' || rel_.kind == 'm' || rel_.kind == 'f' || index) {
        sql += ",\n  CASE WHEN a.attstattarget = -1 THEN NULL ELSE a.attstattarget END";
        target = at++;
      }
      if (!index && rel_.kind != 't') {
        sql += ",\n  pg_catalog.col_description(a.attrelid, a.attnum)";
        description = at++;
      }
    }
    append(sql, "\nFROM pg_catalog.pg_attribute a\nWHERE a.attrelid = ", rel_.oid, " AND a.attnum > 0 AND NOT a.attisdropped\nORDER BY a.attnum");
    Rows rows(s_, sql);
    if (!rows) return false;
    auto header = [&](const char* name) { table_.headers.emplace_back(name); };
    header("Column");
    header("Type");
    if (wants_default) {
      header("Collation");
      header("Nullable");
      header("Default");
    }
    if (index) {
      header("Key?");
      header("Definition");
    }
    if (storage >= 0) header("Storage");
    if (compression >= 0) header("Compression");
    if (target >= 0) header("Stats target");
    if (description >= 0) header("Description");
    table_.right.assign(table_.headers.size(), false);
    for (int i = 0; i < rows.count(); i++) {
      cells_.push_back(rows.get(i, 0));
      cells_.push_back(rows.get(i, 1));
      if (wants_default) {
        cells_.push_back(rows.get(i, collation));
        cells_.push_back(rows.is_true(i, not_null) ? "not null" : "");
        std::string id = rows.get(i, identity), gen = rows.get(i, generated);
        cells_.push_back(id == "a"   ? "generated always as identity"
                         : id == "d" ? "generated by default as identity"
                         : gen == "s" ? cat("generated always as (", rows.get(i, default_at), ") stored")
                                      : rows.get(i, default_at));
      }
      for (int col : {key, definition, storage, compression, target, description})
        if (col >= 0) cells_.push_back(rows.get(i, col));
    }
    return true;
  }

  bool index_footer() {
    Rows r(s_, cat("SELECT i.indisunique, i.indisprimary, i.indisclustered, i.indisvalid, con.condeferrable, con.condeferred, i.indisreplident,"
                   " a.amname, c2.relname, pg_catalog.pg_get_expr(i.indpred, i.indrelid, true), i.indnullsnotdistinct\n"
                   "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON i.indexrelid = c.oid JOIN pg_catalog.pg_class c2 ON i.indrelid = c2.oid"
                   " JOIN pg_catalog.pg_am a ON c.relam = a.oid LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid"
                   " AND con.conrelid = i.indrelid AND con.contype IN ('p','u','x')\nWHERE i.indexrelid = ", rel_.oid));
    if (!r || r.count() != 1) return static_cast<bool>(r);
    std::string f = r.is_true(0, 1) ? "primary key, " : r.is_true(0, 0) ? (r.is_true(0, 10) ? "unique nulls not distinct, " : "unique, ") : "";
    append(f, r.get(0, 7), ", for table \"", rel_.schema, ".", r.get(0, 8), "\"");
    if (!r.get(0, 9).empty()) append(f, ", predicate (", r.get(0, 9), ")");
    if (r.is_true(0, 2)) f += ", clustered";
    if (!r.is_true(0, 3)) f += ", invalid";
    if (r.is_true(0, 4)) f += ", deferrable";
    if (r.is_true(0, 5)) f += ", initially deferred";
    if (r.is_true(0, 6)) f += ", replica identity";
    table_.footers.push_back(f);
    return tablespace_footer();
  }

  bool view_footer() {
    if (!verbose_) return true;
    Rows r(s_, cat("SELECT pg_catalog.pg_get_viewdef(", rel_.oid, "::pg_catalog.oid, true)"));
    if (!r || r.count() != 1) return static_cast<bool>(r);
    table_.footers.push_back("View definition:");
    table_.footers.push_back(r.get(0, 0));
    return !rel_.has_rules || rules();
  }

  bool table_footers() {
    return partition() && (!rel_.has_index || indexes()) && checks() && foreign_keys() && referenced_by() && policies() &&
           (!rel_.has_rules || rules()) && triggers() && inherits() && children() && last_lines();
  }

  bool partition() {
    if (rel_.is_partition) {
      Rows r(s_, cat("SELECT i.inhparent::pg_catalog.regclass, pg_catalog.pg_get_expr(c.relpartbound, c.oid), i.inhdetachpending\nFROM pg_catalog.pg_class c"
                     " JOIN pg_catalog.pg_inherits i ON c.oid = i.inhrelid\nWHERE c.oid = ", rel_.oid));
      if (!r) return false;
      if (r.count() > 0) table_.footers.push_back(cat("Partition of: ", r.get(0, 0), " ", r.get(0, 1), r.is_true(0, 2) ? " DETACH PENDING" : ""));
      if (verbose_) {
        Rows c(s_, cat("SELECT pg_catalog.pg_get_partition_constraintdef(", rel_.oid, ")"));
        if (!c) return false;
        table_.footers.push_back(c.null(0, 0) || c.get(0, 0).empty() ? "No partition constraint" : cat("Partition constraint: ", c.get(0, 0)));
      }
    }
    if (rel_.kind != 'p') return true;
    Rows k(s_, cat("SELECT pg_catalog.pg_get_partkeydef(", rel_.oid, "::pg_catalog.oid)"));
    if (!k) return false;
    table_.footers.push_back(cat("Partition key: ", k.get(0, 0)));
    return true;
  }

  bool indexes() {
    Rows r(s_, cat("SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true),\n"
                   "  pg_catalog.pg_get_constraintdef(con.oid, true), con.contype, con.condeferrable, con.condeferred, i.indisreplident, t.spcname\n"
                   "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c2 ON i.indexrelid = c2.oid\n"
                   "  LEFT JOIN pg_catalog.pg_constraint con ON con.conrelid = i.indrelid AND con.conindid = i.indexrelid AND con.contype IN ('p','u','x')\n"
                   "  LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = c2.reltablespace\n"
                   "WHERE i.indrelid = ", rel_.oid, "\nORDER BY i.indisprimary DESC, c2.relname"));
    if (!r) return false;
    if (r.count() > 0) table_.footers.push_back("Indexes:");
    for (int i = 0; i < r.count(); i++) {
      std::string f = cat("    \"", r.get(i, 0), "\"");
      if (r.get(i, 7) == "x") {
        append(f, " ", r.get(i, 6));
      } else {
        if (r.is_true(i, 1)) f += " PRIMARY KEY,";
        else if (r.is_true(i, 2)) f += r.get(i, 7) == "u" ? " UNIQUE CONSTRAINT," : " UNIQUE,";
        std::string definition = r.get(i, 5);
        size_t at = definition.find(" USING ");
        append(f, " ", at == definition.npos ? definition : definition.substr(at + 7));
        if (r.is_true(i, 8)) f += " DEFERRABLE";
        if (r.is_true(i, 9)) f += " INITIALLY DEFERRED";
      }
      if (r.is_true(i, 3)) f += " CLUSTER";
      if (!r.is_true(i, 4)) f += " INVALID";
      if (r.is_true(i, 10)) f += " REPLICA IDENTITY";
      if (!r.get(i, 11).empty()) append(f, ", tablespace \"", r.get(i, 11), "\"");
      table_.footers.push_back(f);
    }
    return true;
  }

  bool list(const char* heading, const std::string& sql, const std::function<std::string(const Rows&, int)>& line) {
    Rows r(s_, sql);
    if (!r) return false;
    if (r.count() > 0) table_.footers.emplace_back(heading);
    for (int i = 0; i < r.count(); i++) table_.footers.push_back(cat("    ", line(r, i)));
    return true;
  }

  bool checks() {
    if (rel_.checks == 0) return true;
    return list("Check constraints:",
                cat("SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true)\nFROM pg_catalog.pg_constraint r\nWHERE r.conrelid = ", rel_.oid,
                    " AND r.contype = 'c'\nORDER BY 1"),
                [](const Rows& r, int i) { return cat("\"", r.get(i, 0), "\" ", r.get(i, 1)); });
  }

  bool foreign_keys() {
    if (rel_.kind == 'f') return true;
    return list("Foreign-key constraints:",
                cat("SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true)\nFROM pg_catalog.pg_constraint r\nWHERE r.conrelid = ", rel_.oid,
                    " AND r.contype = 'f' AND r.conparentid = 0\nORDER BY r.conname"),
                [](const Rows& r, int i) { return cat("\"", r.get(i, 0), "\" ", r.get(i, 1)); });
  }

  bool referenced_by() {
    if (rel_.kind == 'f') return true;
    return list("Referenced by:",
                cat("SELECT r.conname, r.conrelid::pg_catalog.regclass, pg_catalog.pg_get_constraintdef(r.oid, true)\nFROM pg_catalog.pg_constraint r\n"
                    "WHERE r.confrelid = ", rel_.oid, " AND r.contype = 'f' AND r.conparentid = 0\nORDER BY r.conname"),
                [](const Rows& r, int i) { return cat("TABLE \"", r.get(i, 1), "\" CONSTRAINT \"", r.get(i, 0), "\" ", r.get(i, 2)); });
  }

  bool policies() {
    if (!rel_.row_security) return true;
    return list("Policies:",
                cat("SELECT pol.polname, pol.polpermissive, pol.polcmd, pg_catalog.pg_get_expr(pol.polqual, pol.polrelid),"
                    " pg_catalog.pg_get_expr(pol.polwithcheck, pol.polrelid)\nFROM pg_catalog.pg_policy pol\nWHERE pol.polrelid = ", rel_.oid, "\nORDER BY 1"),
                [](const Rows& r, int i) {
                  std::string f = cat("POLICY \"", r.get(i, 0), "\"", r.is_true(i, 1) ? "" : " AS RESTRICTIVE");
                  if (!r.null(i, 3)) append(f, "\n      USING (", r.get(i, 3), ")");
                  if (!r.null(i, 4)) append(f, "\n      WITH CHECK (", r.get(i, 4), ")");
                  return f;
                });
  }

  bool rules() {
    return list("Rules:",
                cat("SELECT r.rulename, pg_catalog.pg_get_ruledef(r.oid, true)\nFROM pg_catalog.pg_rewrite r\nWHERE r.ev_class = ", rel_.oid,
                    " AND r.rulename <> '_RETURN'\nORDER BY 1"),
                [](const Rows& r, int i) {
                  std::string d = r.get(i, 1);  // CREATE [OR REPLACE] RULE name AS …
                  size_t at = d.find(" RULE ");
                  if (!d.empty() && d.back() == ';') d.pop_back();
                  return at == d.npos ? d : d.substr(at + 6);
                });
  }

  bool triggers() {
    if (!rel_.has_triggers) return true;
    return list("Triggers:",
                cat("SELECT t.tgname, pg_catalog.pg_get_triggerdef(t.oid, true)\nFROM pg_catalog.pg_trigger t\nWHERE t.tgrelid = ", rel_.oid,
                    " AND NOT t.tgisinternal AND t.tgenabled <> 'D'\nORDER BY 1"),
                [](const Rows& r, int i) {
                  std::string d = r.get(i, 1);
                  size_t at = d.find(" TRIGGER ");
                  return at == d.npos ? d : d.substr(at + 9);
                });
  }

  bool inherits() {
    if (rel_.is_partition) return true;
    Rows r(s_, cat("SELECT i.inhparent::pg_catalog.regclass\nFROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent\n"
                   "WHERE i.inhrelid = ", rel_.oid, " AND c.relkind NOT IN ('p', 'I')\nORDER BY i.inhseqno"));
    if (!r) return false;
    for (int i = 0; i < r.count(); i++) table_.footers.push_back(cat(i == 0 ? "Inherits: " : "          ", r.get(i, 0), i + 1 < r.count() ? "," : ""));
    return true;
  }

  bool children() {
    Rows r(s_, cat("SELECT c.oid::pg_catalog.regclass, c.relkind, pg_catalog.pg_get_expr(c.relpartbound, c.oid)\nFROM pg_catalog.pg_class c"
                   " JOIN pg_catalog.pg_inherits i ON c.oid = i.inhrelid\nWHERE i.inhparent = ", rel_.oid, "\nORDER BY 3, 1"));
    if (!r) return false;
    bool partitioned = rel_.kind == 'p';
    if (partitioned && r.count() == 0) {
      table_.footers.push_back("Number of partitions: 0");
      return true;
    }
    if (r.count() == 0) return true;
    if (!verbose_) {
      table_.footers.push_back(partitioned ? cat("Number of partitions: ", r.count(), " (Use \\d+ to list them.)")
                                           : cat("Number of child tables: ", r.count(), " (Use \\d+ to list them.)"));
      return true;
    }
    std::string heading = partitioned ? "Partitions: " : "Child tables: ";
    for (int i = 0; i < r.count(); i++) {
      std::string f = i == 0 ? heading : std::string(heading.size(), ' ');
      append(f, r.get(i, 0), partitioned ? cat(" ", r.get(i, 2)) : "", r.get(i, 1) == "p" ? ", PARTITIONED" : "", i + 1 < r.count() ? "," : "");
      table_.footers.push_back(f);
    }
    return true;
  }

  bool last_lines() {
    if (!rel_.of_type.empty()) table_.footers.push_back(cat("Typed table of type: ", rel_.of_type));
    if (verbose_ && rel_.replica_identity != "d" && rel_.replica_identity != "i" && rel_.schema != "pg_catalog" && (rel_.kind == 'r' || rel_.kind == 'p'))
      table_.footers.push_back(cat("Replica Identity: ", rel_.replica_identity == "f" ? "FULL" : "NOTHING"));
    return tablespace_footer() && access_method();
  }

  bool access_method() {
    if (verbose_ && !rel_.access_method.empty() && !variable_on(s_, "HIDE_TABLEAM")) table_.footers.push_back(cat("Access method: ", rel_.access_method));
    return true;
  }

  bool tablespace_footer() {
    if (rel_.tablespace.empty() || rel_.tablespace == "0") return true;
    Rows r(s_, cat("SELECT spcname FROM pg_catalog.pg_tablespace WHERE oid = ", rel_.tablespace));
    if (!r) return false;
    if (r.count() > 0) table_.footers.push_back(cat("Tablespace: \"", r.get(0, 0), "\""));
    return true;
  }

  Shell& s_;
  Relation rel_;
  bool verbose_;
  Table table_;
  std::vector<std::string> cells_;
};

}  // namespace

bool describe_relations(Shell& s, const std::string& pattern, bool verbose, bool) {
  std::string where;
  if (!pattern_conditions(s, pattern, "n.nspname", "c.relname", "pg_catalog.pg_table_is_visible(c.oid)", where)) return false;
  Rows rows(s, cat("SELECT c.oid, n.nspname, c.relname, c.relkind, c.relchecks, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity,"
                   " c.relispartition, pg_catalog.array_to_string(c.reloptions, ', '), c.reltablespace,"
                   " CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname\n"
                   "FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                   " LEFT JOIN pg_catalog.pg_am am ON c.relam = am.oid\nWHERE true",
                   where, "\nORDER BY 2, 3"));
  if (!rows) return false;
  if (rows.count() == 0) {
    if (!quiet(s)) log_error(s, cat("Did not find any relation named \"", pattern, "\"."));
    return false;
  }
  for (int i = 0; i < rows.count(); i++) {
    Relation r;
    r.oid = rows.get(i, 0);
    r.schema = rows.get(i, 1);
    r.name = rows.get(i, 2);
    r.kind = rows.get(i, 3)[0];
    r.checks = atoi(rows.get(i, 4).c_str());
    r.has_index = rows.is_true(i, 5);
    r.has_rules = rows.is_true(i, 6);
    r.has_triggers = rows.is_true(i, 7);
    r.row_security = rows.is_true(i, 8);
    r.is_partition = rows.is_true(i, 9);
    r.options = rows.get(i, 10);
    r.tablespace = rows.get(i, 11);
    r.of_type = rows.get(i, 12);
    r.persistence = rows.get(i, 13);
    r.replica_identity = rows.get(i, 14);
    r.access_method = rows.get(i, 15);
    if (!Describer(s, r, verbose).run()) return false;
  }
  return true;
}

}  // namespace postern::psql
