// EXPLAIN: a plan (and what was measured while it ran) as PostgreSQL's text or JSON. The plan becomes a tree of items with properties first; the two formats print that.
#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/catalog.h"
#include "postgres/exec/execution_impl.h"
#include "postgres/exec/explain_expr.h"
#include "postgres/types/facts/facts.h"

namespace postern::exec {
using sql::JoinType;
using sql::Plan;
using sql::PlanKind;
using Input = ExprPrinter::Input;

namespace {

struct Property {
  std::string key;
  std::vector<std::string> values;    // already JSON text when raw
  bool is_list = false, raw = false, json_only = false, text_only = false;
};
struct Item {
  std::string title;                  // text format: "Seq Scan on t"
  std::string label;                  // "InitPlan 1 (returns $0)", "CTE x" above it
  std::vector<Property> head, tail;   // JSON: before and after costs; text: tail only
  const Plan* plan = nullptr;
  Instrument* instr = nullptr;
  bool no_width = false;
  std::vector<Item> children;
};

std::string fixed(double v, int digits) {
  char buf[64];
  snprintf(buf, sizeof buf, "%.*f", digits, v);
  return buf;
}
std::string json_string(std::string_view s) {
  std::string out = "\"";
  for (char ch : s) {
    switch (ch) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<uint8_t>(ch) < 0x20) {
          char buf[8];
          snprintf(buf, sizeof buf, "\\u%04x", ch);
          out += buf;
        } else {
          out += ch;
        }
    }
  }
  return out + "\"";
}

std::string_view join_name(JoinType j) {
  switch (j) {
    case JoinType::kLeft: return "Left";
    case JoinType::kRight: return "Right";
    case JoinType::kFull: return "Full";
    case JoinType::kSemi: return "Semi";
    case JoinType::kAnti: return "Anti";
    default: return "Inner";
  }
}

class Explainer {
 public:
  Explainer(const sql::PlannedStmt& stmt, Execution* run, const ExplainOptions& options) : stmt_(stmt), options_(options), printer_(stmt, count_relations(stmt) > 1 || options.verbose) {
    if (run && options.analyze)
      for (auto& [plan, node] : run->impl()->es.instrumented) instruments_[plan] = node->instrument();
  }

  Item build() {
    Item top = item(*stmt_.root, "");
    for (size_t i = 0; i < stmt_.ctes.size(); i++) {
      if (!stmt_.ctes[i]) continue;
      Item c = item(*stmt_.ctes[i], "InitPlan");
      c.label = cat("CTE ", cte_name(static_cast<int>(i)));
      top.children.insert(top.children.begin() + static_cast<ptrdiff_t>(std::min(i, top.children.size())), std::move(c));
    }
    return top;
  }

 private:
  static int count_in(const Plan* p) {
    if (!p) return 0;
    int n = (p->relation && p->kind != PlanKind::kModify) || p->kind == PlanKind::kFunctionScan || p->kind == PlanKind::kValuesScan || p->kind == PlanKind::kCteScan;
    n += count_in(p->left) + count_in(p->right);
    for (const Plan* c : p->children) n += count_in(c);
    return n;
  }
  static int count_relations(const sql::PlannedStmt& stmt) {
    int n = count_in(stmt.root);
    for (const sql::SubPlan* s : stmt.subplans) n += count_in(s->plan);
    for (const Plan* c : stmt.ctes) n += count_in(c);
    return n;
  }
  std::string cte_name(int i) {
    std::string_view found;
    find_cte_scan(stmt_.root, i, found);
    for (const sql::SubPlan* s : stmt_.subplans) find_cte_scan(s->plan, i, found);
    for (const Plan* c : stmt_.ctes) find_cte_scan(c, i, found);
    return found.empty() ? cat("cte", i + 1) : std::string(found);
  }
  void find_cte_scan(const Plan* p, int i, std::string_view& found) {
    if (!p || !found.empty()) return;
    if (p->kind == PlanKind::kCteScan && p->cte == i) found = p->alias;
    find_cte_scan(p->left, i, found);
    find_cte_scan(p->right, i, found);
    for (const Plan* c : p->children) find_cte_scan(c, i, found);
  }

  static Property text(std::string key, std::string value) { return Property{std::move(key), {std::move(value)}}; }
  static Property number(std::string key, std::string value) { return Property{std::move(key), {std::move(value)}, false, true}; }

  void cond(Item& out, std::string key, const sql::Expr* e, const Plan& p, Input input) {
    if (!e) return;
    std::string s = printer_.print(*e, p, input);
    if (s.empty() || s[0] != '(') s = cat("(", s, ")");
    out.tail.push_back(text(std::move(key), s));
  }
  void removed(Item& out, const char* key, uint64_t n) {
    if (!out.instr || !out.instr->loops) return;
    Property p = number(key, cat((n + out.instr->loops / 2) / out.instr->loops));
    p.json_only = n == 0;
    out.tail.push_back(p);
  }

  void scan_title(Item& out, std::string name, const Plan& p, std::string_view object) {
    std::string shown(object);
    if (options_.verbose && p.relation) shown = cat(catalog::namespace_name(p.relation->namespace_oid), ".", object);
    out.title = cat(name, " on ", shown);
    if (!p.alias.empty() && p.alias != object) append(out.title, " ", p.alias);
    out.head.push_back(text("Node Type", std::move(name)));
  }

  std::string function_name(const Plan& p) {
    if (p.functions.empty()) return "";
    const facts::ProcFact* f = facts::find_proc(p.functions[0]->fn);
    return f ? std::string(f->name()) : std::string(p.functions[0]->name);
  }

  Item item(const Plan& p, std::string_view relationship) {
    // Projections have no line of their own.
    if (p.kind == PlanKind::kProject && !p.filter && p.left) {
      std::vector<int> subs;
      for (const sql::Expr* e : p.targets) collect_subplans(e, subs);
      Item inner = item(*p.left, relationship);
      add_subplans(inner, subs, p, Input::kChildren);
      return inner;
    }
    Item out;
    out.plan = &p;
    if (auto it = instruments_.find(&p); it != instruments_.end()) out.instr = it->second;
    std::vector<int> subs;
    describe(out, p, subs);
    if (!relationship.empty()) out.head.push_back(text("Parent Relationship", std::string(relationship)));
    out.head.push_back(number("Parallel Aware", "false"));
    out.head.push_back(number("Async Capable", "false"));
    if (options_.verbose && !p.targets.empty()) {
      Property o{"Output", {}, true};
      for (size_t i = 0; i < p.targets.size(); i++) o.values.push_back(printer_.column(p, static_cast<int>(i)));
      out.tail.insert(out.tail.begin(), o);
    }
    for (const sql::Expr* e : p.targets) collect_subplans(e, subs);
    collect_subplans(p.filter, subs);
    collect_subplans(p.join_filter, subs);
    for (const sql::IndexCond& c : p.index_conds) collect_subplans(c.value, subs);
    collect_subplans(p.limit, subs);
    collect_subplans(p.offset, subs);
    for (const auto& row : p.values)
      for (const sql::Expr* e : row) collect_subplans(e, subs);
    add_subplans(out, subs, p, ExprPrinter::output_input(p));
    size_t marks = printer_.slots.size();
    if (p.left) out.children.push_back(item(*p.left, p.kind == PlanKind::kSubqueryScan ? "Subquery" : "Outer"));
    if (p.kind == PlanKind::kNestLoop)
      for (size_t i = 0; i < p.nest_slots.size(); i++) printer_.slots.push_back({p.nest_slots[i], p.nest_params[i], &p, Input::kChildren});
    if (p.right) out.children.push_back(p.kind == PlanKind::kHashJoin ? hash_item(p) : item(*p.right, "Inner"));
    printer_.slots.resize(marks);
    for (const Plan* c : p.children) out.children.push_back(item(*c, "Member"));
    return out;
  }

  void add_subplans(Item& out, const std::vector<int>& subs, const Plan& p, Input input) {
    size_t marks = printer_.slots.size();
    for (int n : subs) {
      const sql::SubPlan& sp = *stmt_.subplans[n];
      bool init = sp.param_slots.empty() && (sp.kind == sql::SubKind::kScalar || sp.kind == sql::SubKind::kExists || sp.kind == sql::SubKind::kArray);
      for (size_t i = 0; i < sp.param_slots.size(); i++) printer_.slots.push_back({sp.param_slots[i], sp.params[i], &p, input});
      Item child = item(*sp.plan, init ? "InitPlan" : "SubPlan");
      child.label = init ? cat("InitPlan ", n + 1, " (returns $", n, ")") : cat("SubPlan ", n + 1);
      child.head.push_back(text("Subplan Name", child.label));
      printer_.slots.resize(marks);
      out.children.push_back(std::move(child));
    }
  }

  Item hash_item(const Plan& join) {
    Item h;
    h.title = "Hash";
    h.plan = join.right;
    h.head.push_back(text("Node Type", "Hash"));
    h.head.push_back(text("Parent Relationship", "Inner"));
    h.head.push_back(number("Parallel Aware", "false"));
    h.head.push_back(number("Async Capable", "false"));
    if (auto it = instruments_.find(join.right); it != instruments_.end()) h.instr = it->second;
    if (auto it = instruments_.find(&join); it != instruments_.end() && it->second->loops) {
      Instrument& in = *it->second;
      uint64_t batches = std::max<uint64_t>(in.batches, 1), kb = (in.memory_bytes + 1023) / 1024;
      for (auto [key, value] : {std::pair{"Hash Buckets", in.buckets}, {"Original Hash Buckets", in.buckets}, {"Hash Batches", batches}, {"Original Hash Batches", batches}, {"Peak Memory Usage", kb}}) {
        h.tail.push_back(number(key, cat(value)));
        h.tail.back().json_only = true;
      }
      Property t = text("Buckets", cat(in.buckets, "  Batches: ", batches, "  Memory Usage: ", kb, "kB"));
      t.text_only = true;
      h.tail.push_back(t);
    }
    h.children.push_back(item(*join.right, "Outer"));
    return h;
  }

  void keys(Item& out, const char* name, std::vector<std::string> values) {
    if (!values.empty()) out.tail.push_back(Property{name, std::move(values), true});
  }
  void join_conds(Item& out, const Plan& p, const char* name) {
    std::string s;
    for (size_t i = 0; i < p.left_keys.size(); i++) {
      std::string c = cat("(", printer_.print(*p.left_keys[i], p, Input::kChildren), " = ", right_key(p, i), ")");
      s += i ? " AND " + c : c;
    }
    if (p.left_keys.size() > 1) s = cat("(", s, ")");
    if (!s.empty()) out.tail.push_back(text(name, s));
  }
  std::string right_key(const Plan& p, size_t i) {
    const sql::Expr& e = *p.right_keys[i];
    if (e.kind == sql::ExprKind::kTest && e.rel == 0) return printer_.column(*p.right, e.attno);
    return printer_.print(e, p, Input::kChildren);
  }

  void join_title(Item& out, const Plan& p, const char* name) {
    bool inner = p.join == JoinType::kInner || p.join == JoinType::kCross;
    out.title = inner ? (p.kind == PlanKind::kNestLoop ? std::string(name) : cat(name, " Join")) : cat(name, " ", join_name(p.join), " Join");
    out.head.push_back(text("Node Type", p.kind == PlanKind::kNestLoop ? "Nested Loop" : cat(name, " Join")));
    out.head.push_back(text("Join Type", std::string(join_name(p.join))));
  }
  void plain_title(Item& out, std::string name) {
    out.head.push_back(text("Node Type", name));
    out.title = std::move(name);
  }

  void filters(Item& out, const Plan& p) {
    if (p.join_filter) {
      cond(out, "Join Filter", p.join_filter, p, Input::kChildren);
      removed(out, "Rows Removed by Join Filter", out.instr ? out.instr->filtered_join : 0);
    }
    if (p.filter) {
      cond(out, p.kind == PlanKind::kResult ? "One-Time Filter" : "Filter", p.filter, p, ExprPrinter::output_input(p));
      if (p.kind != PlanKind::kResult) removed(out, "Rows Removed by Filter", out.instr ? out.instr->filtered : 0);
    }
  }

  void describe(Item& out, const Plan& p, std::vector<int>& subs) {
    switch (p.kind) {
      case PlanKind::kResult:
      case PlanKind::kProject:
      case PlanKind::kFilter: plain_title(out, "Result"); break;
      case PlanKind::kSeqScan: scan_title(out, "Seq Scan", p, p.relation->name); break;
      case PlanKind::kTidScan:
        scan_title(out, "Tid Scan", p, p.relation->name);
        if (p.tid) out.tail.push_back(text("TID Cond", cat("(ctid = ", printer_.print(*p.tid, p, Input::kScan), ")")));
        break;
      case PlanKind::kBitmapHeapScan:
        scan_title(out, "Bitmap Heap Scan", p, p.relation->name);
        cond(out, "Recheck Cond", p.recheck, p, Input::kScan);
        break;
      case PlanKind::kBitmapIndexScan:
        plain_title(out, "Bitmap Index Scan");
        append(out.title, " on ", p.index->name);
        out.head.push_back(text("Index Name", p.index->name));
        index_conds(out, p);
        break;
      case PlanKind::kBitmapOr: plain_title(out, "BitmapOr"); break;
      case PlanKind::kIndexScan:
      case PlanKind::kIndexOnlyScan: describe_index_scan(out, p); break;
      case PlanKind::kFunctionScan: scan_title(out, "Function Scan", p, function_name(p)); break;
      case PlanKind::kValuesScan: scan_title(out, "Values Scan", p, p.alias.empty() || p.alias == "*VALUES*" ? "\"*VALUES*\"" : p.alias);
        if (p.alias == "*VALUES*") out.title = "Values Scan on \"*VALUES*\"";
        break;
      case PlanKind::kSubqueryScan: scan_title(out, "Subquery Scan", p, p.alias); break;
      case PlanKind::kCteScan: scan_title(out, "CTE Scan", p, p.alias); break;
      case PlanKind::kWorkTableScan: scan_title(out, "WorkTable Scan", p, p.alias); break;
      case PlanKind::kNestLoop: join_title(out, p, "Nested Loop"); break;
      case PlanKind::kHashJoin:
        join_title(out, p, "Hash");
        join_conds(out, p, "Hash Cond");
        break;
      case PlanKind::kMergeJoin:
        join_title(out, p, "Merge");
        join_conds(out, p, "Merge Cond");
        break;
      case PlanKind::kHashAgg:
      case PlanKind::kSortAgg:
      case PlanKind::kDistinctHash: describe_agg(out, p, subs); break;
      case PlanKind::kSort: describe_sort(out, p); break;
      case PlanKind::kLimit: plain_title(out, "Limit"); break;
      case PlanKind::kUnique: plain_title(out, "Unique"); break;
      case PlanKind::kSetOp: {
        std::string_view op = p.set_op == sql::SetOp::kIntersect ? "Intersect" : p.set_op == sql::SetOp::kIntersectAll ? "Intersect All" : p.set_op == sql::SetOp::kExcept ? "Except" : "Except All";
        plain_title(out, cat("HashSetOp ", op));
        break;
      }
      case PlanKind::kAppend: plain_title(out, "Append"); break;
      case PlanKind::kRecursiveUnion: plain_title(out, "Recursive Union"); break;
      case PlanKind::kProjectSet: plain_title(out, "ProjectSet"); break;
      case PlanKind::kMaterialize: plain_title(out, "Materialize"); break;
      case PlanKind::kWindowAgg: plain_title(out, "WindowAgg"); break;
      case PlanKind::kLockRows: plain_title(out, "LockRows"); break;
      case PlanKind::kModify: describe_modify(out, p); break;
    }
    filters(out, p);
    if (p.kind == PlanKind::kIndexOnlyScan && out.instr) out.tail.push_back(number("Heap Fetches", cat(out.instr->heap_fetches)));
  }

  void describe_index_scan(Item& out, const Plan& p) {
    std::string name = p.kind == PlanKind::kIndexScan ? "Index Scan" : "Index Only Scan";
    std::string relation = options_.verbose ? cat(catalog::namespace_name(p.relation->namespace_oid), ".", p.relation->name) : p.relation->name;
    out.title = cat(name, p.backward ? " Backward" : "", " using ", p.index->name, " on ", relation);
    if (!p.alias.empty() && p.alias != p.relation->name) append(out.title, " ", p.alias);
    out.head.push_back(text("Node Type", name));
    out.head.push_back(text("Scan Direction", p.backward ? "Backward" : "Forward"));
    out.head.push_back(text("Index Name", p.index->name));
    index_conds(out, p);
  }

  void index_conds(Item& out, const Plan& p) {
    std::string s;
    for (size_t i = 0; i < p.index_conds.size(); i++) {
      std::string c = printer_.index_cond(p.index_conds[i], p);
      s += i ? " AND " + c : c;
    }
    if (p.index_conds.size() > 1) s = cat("(", s, ")");
    if (!s.empty()) out.tail.push_back(text("Index Cond", s));
  }

  void describe_agg(Item& out, const Plan& p, std::vector<int>& subs) {
    bool hashed = p.kind != PlanKind::kSortAgg;
    bool grouped = !p.group_keys.empty() || p.kind == PlanKind::kDistinctHash;
    out.title = hashed ? "HashAggregate" : grouped ? "GroupAggregate" : "Aggregate";
    out.head.push_back(text("Node Type", "Aggregate"));
    out.head.push_back(text("Strategy", hashed ? "Hashed" : grouped ? "Sorted" : "Plain"));
    out.head.push_back(text("Partial Mode", "Simple"));
    std::vector<std::string> k;
    for (const sql::Expr* e : p.group_keys) k.push_back(printer_.print(*e, p, Input::kChildren));
    if (p.kind == PlanKind::kDistinctHash && k.empty())
      for (size_t i = 0; i < p.types.size(); i++) k.push_back(printer_.column(*p.left, static_cast<int>(i)));
    keys(out, "Group Key", std::move(k));
    for (const sql::AggCall& a : p.aggs) {
      for (const sql::Expr* e : a.args) collect_subplans(e, subs);
      collect_subplans(a.filter, subs);
    }
    if (hashed && out.instr && out.instr->loops) {
      uint64_t kb = (out.instr->memory_bytes + 1023) / 1024, disk = (out.instr->disk_bytes + 1023) / 1024;
      Property t = text("Batches", cat(out.instr->batches, "  Memory Usage: ", kb, "kB", disk ? cat("  Disk Usage: ", disk, "kB") : std::string()));
      t.text_only = true;
      out.tail.push_back(t);
      for (auto [key, value] : {std::pair{"HashAgg Batches", out.instr->batches}, {"Peak Memory Usage", kb}, {"Disk Usage", disk}}) {
        out.tail.push_back(number(key, cat(value)));
        out.tail.back().json_only = true;
      }
    }
  }

  void describe_sort(Item& out, const Plan& p) {
    plain_title(out, "Sort");
    std::vector<std::string> k;
    for (const sql::SortKey& key : p.sort_keys) k.push_back(printer_.sort_key(key, p));
    keys(out, "Sort Key", std::move(k));
    if (!out.instr || !out.instr->method) return;
    uint64_t kb = (std::max(out.instr->memory_bytes, out.instr->disk_bytes) + 1023) / 1024;
    const char* where = out.instr->disk_bytes ? "Disk" : "Memory";
    Property t = text("Sort Method", cat(out.instr->method, "  ", where, ": ", kb, "kB"));
    t.text_only = true;
    out.tail.push_back(t);
    Property m = text("Sort Method", out.instr->method), space = number("Sort Space Used", cat(kb)), type = text("Sort Space Type", where);
    for (Property* x : {&m, &space, &type}) {
      x->json_only = true;
      out.tail.push_back(*x);
    }
  }

  void describe_modify(Item& out, const Plan& p) {
    const char* op = p.command == sql::Command::kInsert ? "Insert" : p.command == sql::Command::kUpdate ? "Update" : "Delete";
    out.title = cat(op, " on ", p.relation->name);
    if (!p.alias.empty() && p.alias != p.relation->name) append(out.title, " ", p.alias);
    out.head.push_back(text("Node Type", "ModifyTable"));
    out.head.push_back(text("Operation", op));
    if (p.modify && p.modify->on_conflict) {
      const sql::ConflictClause& c = *p.modify->on_conflict;
      out.tail.push_back(text("Conflict Resolution", c.do_update ? "UPDATE" : "NOTHING"));
      std::vector<std::string> names;
      for (const IndexDesc* i : c.arbiters) names.push_back(i->name);
      keys(out, "Conflict Arbiter Indexes", std::move(names));
      if (p.conflict_where) cond(out, "Conflict Filter", p.conflict_where, p, Input::kTable);
    }
  }

  const sql::PlannedStmt& stmt_;
  const ExplainOptions& options_;
  ExprPrinter printer_;
  std::unordered_map<const Plan*, Instrument*> instruments_;
};

// --- text ---

std::string costs_of(const Item& it, const ExplainOptions& o) {
  std::string s;
  const Plan& p = *it.plan;
  bool modify = p.kind == PlanKind::kModify && p.returning.empty();
  if (o.costs) append(s, "  (cost=", fixed(p.startup_cost, 2), "..", fixed(p.total_cost, 2), " rows=", fixed(modify ? 0 : std::max(p.rows, 1.0), 0), " width=", modify ? 0 : p.width, ")");
  if (!o.analyze) return s;
  if (!it.instr || !it.instr->loops) return s + " (never executed)";
  const Instrument& in = *it.instr;
  double loops = static_cast<double>(in.loops);
  append(s, " (actual");
  if (o.timing) append(s, " time=", fixed(static_cast<double>(in.start_ns) / 1e6 / loops, 3), "..", fixed(static_cast<double>(in.total_ns) / 1e6 / loops, 3));
  append(s, " rows=", fixed(static_cast<double>(in.rows) / loops, 0), " loops=", in.loops, ")");
  return s;
}
std::string buffers_text(const Instrument& in) {
  std::string s;
  if (in.hits) append(s, " hit=", in.hits);
  if (in.reads) append(s, " read=", in.reads);
  if (in.dirtied) append(s, " dirtied=", in.dirtied);
  if (in.written) append(s, " written=", in.written);
  return s.empty() ? s : "Buffers: shared" + s;
}

void print_text(const Item& it, int indent, bool top, const ExplainOptions& o, std::vector<std::string>& out) {
  std::string pad(static_cast<size_t>(indent), ' ');
  if (!it.label.empty()) {
    out.push_back(pad + it.label);
    pad += "  ";
    indent += 2;
  }
  out.push_back(pad + (top ? "" : "->  ") + it.title + costs_of(it, o));
  int inner = top ? indent + 2 : indent + 6;
  std::string inner_pad(static_cast<size_t>(inner), ' ');
  for (const Property& p : it.tail) {
    if (p.json_only) continue;
    std::string line = inner_pad + p.key + ": ";
    for (size_t i = 0; i < p.values.size(); i++) line += (i ? ", " : "") + p.values[i];
    out.push_back(line);
  }
  if (o.buffers && it.instr)
    if (std::string b = buffers_text(*it.instr); !b.empty()) out.push_back(inner_pad + b);
  for (const Item& c : it.children) print_text(c, inner, false, o, out);
}

// --- JSON ---

void json_property(const Property& p, const std::string& pad, std::vector<std::string>& lines) {
  std::string line = pad + json_string(p.key) + ": ";
  if (p.is_list) {
    line += "[";
    for (size_t i = 0; i < p.values.size(); i++) line += (i ? ", " : "") + json_string(p.values[i]);
    line += "]";
  } else {
    line += p.raw ? p.values[0] : json_string(p.values[0]);
  }
  lines.push_back(std::move(line));
}

void print_json(const Item& it, int indent, const ExplainOptions& o, std::vector<std::string>& out) {
  std::string pad(static_cast<size_t>(indent), ' '), inner(static_cast<size_t>(indent) + 2, ' ');
  std::vector<std::string> lines;
  auto add = [&](const char* key, std::string value) { lines.push_back(cat(inner, "\"", key, "\": ", value)); };
  for (const Property& p : it.head) json_property(p, inner, lines);
  const Plan& p = *it.plan;
  if (p.relation && it.title != "Hash") {
    add("Relation Name", json_string(p.relation->name));
    if (o.verbose) add("Schema", json_string(catalog::namespace_name(p.relation->namespace_oid)));
  }
  if (!p.alias.empty() && it.title != "Hash") add("Alias", json_string(p.alias));
  else if (p.relation && it.title != "Hash") add("Alias", json_string(p.relation->name));
  if (o.costs) {
    bool modify = p.kind == PlanKind::kModify && p.returning.empty();
    add("Startup Cost", fixed(p.startup_cost, 2));
    add("Total Cost", fixed(p.total_cost, 2));
    add("Plan Rows", fixed(modify ? 0 : std::max(p.rows, 1.0), 0));
    add("Plan Width", cat(modify ? 0 : p.width));
  }
  if (o.analyze) {
    Instrument none;
    const Instrument& in = it.instr ? *it.instr : none;
    double loops = static_cast<double>(std::max<uint64_t>(in.loops, 1));
    if (o.timing) {
      add("Actual Startup Time", fixed(static_cast<double>(in.start_ns) / 1e6 / loops, 3));
      add("Actual Total Time", fixed(static_cast<double>(in.total_ns) / 1e6 / loops, 3));
    }
    add("Actual Rows", fixed(static_cast<double>(in.rows) / loops, 0));
    add("Actual Loops", cat(in.loops));
  }
  for (const Property& x : it.tail)
    if (!x.text_only) json_property(x, inner, lines);
  if (o.buffers) {
    Instrument none;
    const Instrument& in = it.instr ? *it.instr : none;
    add("Shared Hit Blocks", cat(in.hits));
    add("Shared Read Blocks", cat(in.reads));
    add("Shared Dirtied Blocks", cat(in.dirtied));
    add("Shared Written Blocks", cat(in.written));
    for (const char* k : {"Local Hit Blocks", "Local Read Blocks", "Local Dirtied Blocks", "Local Written Blocks", "Temp Read Blocks", "Temp Written Blocks"}) add(k, "0");
  }
  out.push_back(pad + "{");
  for (size_t i = 0; i < lines.size(); i++) out.push_back(lines[i] + (i + 1 < lines.size() || !it.children.empty() ? "," : ""));
  if (!it.children.empty()) {
    out.push_back(inner + "\"Plans\": [");
    for (size_t i = 0; i < it.children.size(); i++) {
      print_json(it.children[i], indent + 4, o, out);
      if (i + 1 < it.children.size()) out.back() += ",";
    }
    out.push_back(inner + "]");
  }
  out.push_back(pad + "}");
}

}  // namespace

std::vector<std::string> explain(const sql::PlannedStmt& stmt, Execution* run, const ExplainOptions& options, double planning_ms, double execution_ms) {
  if (options.settings || options.wal) throw_unsupported(options.settings ? "EXPLAIN (SETTINGS)" : "EXPLAIN (WAL)");
  Explainer e(stmt, run, options);
  Item top = e.build();
  std::vector<std::string> out;
  bool summary = options.summary;
  if (options.format == ExplainOptions::kText) {
    print_text(top, 0, true, options, out);
    if (summary) out.push_back(cat("Planning Time: ", fixed(planning_ms, 3), " ms"));
    if (options.analyze && summary) out.push_back(cat("Execution Time: ", fixed(execution_ms, 3), " ms"));
    return out;
  }
  out.push_back("[");
  out.push_back("  {");
  out.push_back("    \"Plan\": {");
  std::vector<std::string> plan;
  print_json(top, 4, options, plan);
  out.insert(out.end(), plan.begin() + 1, plan.end());
  if (summary) {
    out.back() += ",";
    out.push_back(cat("    \"Planning Time\": ", fixed(planning_ms, 3)));
  }
  if (options.analyze) {
    out.back() += ",";
    out.push_back("    \"Triggers\": [");
    out.push_back("    ],");
    out.push_back(cat("    \"Execution Time\": ", fixed(execution_ms, 3)));
  }
  out.push_back("  }");
  out.push_back("]");
  return out;
}

}  // namespace postern::exec
