#include "postgres/exec/foreign_keys.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap.h"
#include "postgres/catalog/catalog.h"
#include "postgres/catalog/schema.h"
#include "postgres/txn/lock.h"
#include "postgres/txn/txn.h"
#include "postgres/types/fn.h"
#include "postgres/types/session_services.h"
#include "postgres/types/type_info.h"

namespace postern::exec {

using catalog::ForeignKey;
using catalog::ForeignKeys;

namespace {

std::vector<KeyEvent>* g_active = nullptr;               // the queue that is being worked off
std::vector<KeyEvent> g_deferred;
struct Modes {
  std::optional<bool> all;                               // SET CONSTRAINTS ALL
  std::map<uint32_t, bool> one;
};
Modes g_modes;

struct Key {
  std::vector<NullableDatum> values;
  bool any_null() const { return std::any_of(values.begin(), values.end(), [](const NullableDatum& v) { return v.null; }); }
  bool all_null() const { return std::all_of(values.begin(), values.end(), [](const NullableDatum& v) { return v.null; }); }
};

// The key columns of a version; false when it is not visible to the snapshot (null: any version is read).
bool read_key(const RelationDesc& rel, Tid tid, const txn::Snapshot* snapshot, std::span<const int16_t> columns, Key& out, Arena& arena) {
  out.values.clear();
  for (int16_t c : columns) {
    Datum value = 0;
    uint8_t null = 0;
    Vector v{&value, &null, 1};
    if (!heap::fetch_version(rel, tid, snapshot, heap::Wanted{{&c, 1}, &v, nullptr}, arena)) return false;
    out.values.push_back({null ? 0 : value, null != 0});
  }
  return true;
}

bool same_value(const NullableDatum& a, const NullableDatum& b, bool by_value) {
  if (a.null || b.null) return a.null == b.null;
  return by_value ? a.value == b.value : as_view(a.value) == as_view(b.value);
}

bool same_key(const RelationDesc& rel, std::span<const int16_t> columns, const Key& key, const Datum* values, const uint8_t* nulls) {
  for (size_t i = 0; i < columns.size(); i++) {
    int c = columns[i] - 1;
    if (!same_value(key.values[i], {values[c], nulls[c] != 0}, rel.attrs[c].by_value)) return false;
  }
  return true;
}

std::string value_text(const NullableDatum& v, Oid type, SessionServices* services, Arena& arena) {
  if (v.null) return "null";
  FnContext cx;
  cx.arena = cx.fn_arena = &arena;
  cx.services = services;
  std::string out;
  type_info(type).out(cx, v.value, out);
  return out;
}

// "(a, b)=(1, 2)"
std::string describe(const RelationDesc& rel, std::span<const int16_t> columns, std::span<const NullableDatum> values, SessionServices* services) {
  Arena arena;
  std::string names, texts;
  for (size_t i = 0; i < columns.size(); i++) {
    const AttrDesc& a = rel.attrs[columns[i] - 1];
    append(names, i ? ", " : "", a.name);
    append(texts, i ? ", " : "", value_text(values[i], a.type, services, arena));
  }
  return cat("(", names, ")=(", texts, ")");
}

SqlError violation(const ForeignKey& key, std::string message, std::string detail) {
  SqlError e{sqlstate::kForeignKeyViolation, std::move(message), std::move(detail)};
  if (RelationRef t = catalog::relation(key.table)) {
    e.schema_name = t->namespace_name;
    e.table_name = t->name;
  }
  e.constraint_name = key.name;
  return e;
}

std::string name_of(const RelationDesc& rel) { return catalog::relation_display_name(rel, true); }

std::string condition(const RelationDesc& rel, std::span<const int16_t> columns, std::string_view prefix) {
  std::string out;
  for (size_t i = 0; i < columns.size(); i++) append(out, i ? " AND " : "", prefix, catalog::quote_ident(rel.attrs[columns[i] - 1].name), " = $", i + 1);
  return out;
}

std::string lookup(const RelationDesc& rel, std::span<const int16_t> columns) { return cat("SELECT 1 FROM ONLY ", name_of(rel), " x WHERE ", condition(rel, columns, "x.")); }

// Who writes a referencing row and who takes a referenced key away exclude each other by a heavyweight lock on (constraint, stripe of the key), held to the transaction's end.
// Two writers of the same side don't conflict. Row locks would not do: a version's sharers are not known to the next version.
constexpr lock::Mode kReferring = lock::Mode::kShare, kTakingAway = lock::Mode::kRowExclusive;
constexpr uint64_t kStripes = 4096;

// Values that are equal across the two columns must give one stripe: types whose equal values may look different don't take part.
bool decides_stripe(Oid a, Oid b) {
  auto integer = [](Oid t) { return t == oid::kInt2 || t == oid::kInt4 || t == oid::kInt8; };
  if (integer(a) && integer(b)) return true;
  return a == b && (a == oid::kText || a == oid::kVarchar || a == oid::kUuid || a == oid::kDate || a == oid::kOid || a == oid::kTimestamp || a == oid::kTimestampTz);
}

void lock_key(const ForeignKey& key, const Key& values, lock::Mode mode) {
  RelationRef rel = catalog::relation(key.table), other = catalog::relation(key.referenced);
  uint64_t hash = 0;
  for (size_t i = 0; i < key.columns.size(); i++) {
    const AttrDesc &a = rel->attrs[key.columns[i] - 1], &b = other->attrs[key.referenced_columns[i] - 1];
    if (!decides_stripe(a.type, b.type)) continue;
    Datum d = values.values[i].value;   // of either column
    uint64_t h = a.type == oid::kInt2 || a.type == oid::kInt4 || a.type == oid::kInt8 ? static_cast<uint64_t>(as_int8(d)) : a.by_value ? static_cast<uint64_t>(d) : std::hash<std::string_view>{}(as_view(d));
    hash = (hash ^ h) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  lock::Tag tag{lock::Kind::kObject};
  tag.sub = 1;
  tag.database = catalog::my_database();
  tag.id = raw(key.constraint);
  tag.id2 = hash % kStripes;
  lock::acquire(tag, mode);
}

std::vector<Oid> types_of(const RelationDesc& rel, std::span<const int16_t> columns) {
  std::vector<Oid> out;
  for (int16_t c : columns) out.push_back(rel.attrs[c - 1].type);
  return out;
}

class Runner {
 public:
  explicit Runner(SessionServices* services) : services_(services) {}

  // respect_deferral: constraints that are deferred now are put aside.
  void run(const KeyEvent& e, bool respect_deferral) {
    const ForeignKey* key = find(e);
    if (!key) return;                        // dropped meanwhile
    RelationRef rel = catalog::relation(e.table);
    if (!rel) return;
    bool check = !e.incoming || action_of(*key, e) == 'a';
    if (respect_deferral && check && is_deferred(*key)) return defer(e);
    arena_.reset();
    e.incoming ? referenced_gone(*key, *rel, e) : must_exist(*key, *rel, e);
  }

 private:
  static char action_of(const ForeignKey& key, const KeyEvent& e) { return e.new_version.valid() ? key.on_update : key.on_delete; }
  static bool is_deferred(const ForeignKey& key) {
    if (!key.deferrable) return false;
    if (auto it = g_modes.one.find(raw(key.constraint)); it != g_modes.one.end()) return it->second;
    return g_modes.all.value_or(key.deferred);
  }
  // ROLLBACK TO a savepoint forgets what was put aside since.
  void defer(const KeyEvent& e) {
    if (!watching_ && txn::savepoint_depth() > 0)
      txn::on_end([size = g_deferred.size()](bool committed) {
        if (!committed && g_deferred.size() > size) g_deferred.resize(size);
      });
    watching_ = true;
    g_deferred.push_back(e);
  }
  const ForeignKey* find(const KeyEvent& e) {
    keys_ = catalog::foreign_keys(e.table);
    for (const ForeignKey& k : e.incoming ? keys_->incoming : keys_->own)
      if (k.constraint == e.constraint) return &k;
    return nullptr;
  }
  uint64_t query(const std::string& sql, std::span<const Oid> types, std::span<const NullableDatum> params, bool latest) {
    return g_key_query(sql, types, params, latest);
  }

  // A row of the referencing table: its key must be in the other one.
  void must_exist(const ForeignKey& key, const RelationDesc& rel, const KeyEvent& e) {
    txn::Snapshot now = txn::catalog_snapshot();
    Key k;
    if (!read_key(rel, e.new_version, &now, key.columns, k, arena_)) return;   // changed or deleted again: that has its own event
    if (k.any_null()) {
      if (key.match == 'f' && !k.all_null())
        throw violation(key, cat("insert or update on table \"", rel.name, "\" violates foreign key constraint \"", key.name, "\""), "MATCH FULL does not allow mixing of null and nonnull key values.");
      return;
    }
    std::string seen = cat(raw(key.constraint), describe(rel, key.columns, k.values, services_));
    if (seen_.contains(seen)) return;
    lock_key(key, k, kReferring);
    RelationRef other = catalog::relation(key.referenced);
    std::string sql = lookup(*other, key.referenced_columns);
    std::vector<Oid> types = types_of(rel, key.columns);
    if (!query(sql, types, k.values, false)) throw_missing_key(key, k.values, services_);
    if (txn::isolation() != txn::Isolation::kReadCommitted && !query(sql, types, k.values, true))
      throw SqlError{sqlstate::kTRSerializationFailure, "could not serialize access due to concurrent delete"};
    if (seen_.size() < kMaxSeen) seen_.insert(std::move(seen));   // locked to our end: it stays, but for what we do ourselves
  }

  // A referenced row is gone or has another key.
  void referenced_gone(const ForeignKey& key, const RelationDesc& rel, const KeyEvent& e) {
    Key old, now;
    if (!read_key(rel, e.old_version, nullptr, key.referenced_columns, old, arena_) || old.any_null()) return;
    seen_.clear();
    RelationRef other = catalog::relation(key.table);
    std::vector<Oid> types = types_of(rel, key.referenced_columns);
    char action = action_of(key, e);
    // NO ACTION is content when another row has the key by now.
    auto must_be_free = [&](bool or_replaced) {
      if (or_replaced && query(lookup(rel, key.referenced_columns), types, old.values, true)) return;
      if (query(lookup(*other, key.columns), types, old.values, true))
        throw violation(key, cat("update or delete on table \"", rel.name, "\" violates foreign key constraint \"", key.name, "\" on table \"", other->name, "\""),
                        cat("Key ", describe(rel, key.referenced_columns, old.values, services_), " is still referenced from table \"", other->name, "\"."));
    };
    if (action == 'a' || action == 'r') return must_be_free(action == 'a');
    if (action == 'c' && !e.new_version.valid()) {
      query(cat("DELETE FROM ONLY ", name_of(*other), " WHERE ", condition(*other, key.columns, "")), types, old.values, true);
      return;
    }
    std::string set;
    std::vector<NullableDatum> params = old.values;
    if (action == 'c') {
      if (!read_key(rel, e.new_version, nullptr, key.referenced_columns, now, arena_)) return;
      params.insert(params.end(), now.values.begin(), now.values.end());
      std::vector<Oid> again = types;
      types.insert(types.end(), again.begin(), again.end());
    }
    size_t n = key.columns.size();
    for (size_t i = 0; i < n; i++)
      append(set, i ? ", " : "", catalog::quote_ident(other->attrs[key.columns[i] - 1].name), " = ", action == 'c' ? cat("$", n + i + 1) : action == 'n' ? "NULL" : "DEFAULT");
    query(cat("UPDATE ONLY ", name_of(*other), " SET ", set, " WHERE ", condition(*other, key.columns, "")), types, params, true);
    if (action == 'd') {                       // the default may be the key that is gone
      types.resize(n);
      must_be_free(true);
    }
  }

  static constexpr size_t kMaxSeen = 10000;
  SessionServices* services_;
  std::shared_ptr<const ForeignKeys> keys_;
  Arena arena_;
  bool watching_ = false;
  std::unordered_set<std::string> seen_;     // keys found and locked
};

struct Active {
  explicit Active(std::vector<KeyEvent>& queue) { g_active = &queue; }
  ~Active() { g_active = nullptr; }
};

void work_off(std::vector<KeyEvent>& queue, bool respect_deferral, SessionServices* services) {
  txn::next_command();
  Active active(queue);
  Runner runner(services);
  for (size_t i = 0; i < queue.size(); i++) {
    if (services && i % 64 == 0) services->check_interrupts();
    KeyEvent e = queue[i];                   // the queue may grow meanwhile
    runner.run(e, respect_deferral);
  }
  queue.clear();
}

}  // namespace

KeyWatch::KeyWatch(const RelationDesc& table, std::vector<KeyEvent>& queue) : table_(table), queue_(queue) {
  if (raw(table.oid) < raw(catalog::kFirstNormalOid) || !g_key_query) return;
  keys_ = catalog::foreign_keys(table.oid);
  any_ = !keys_->own.empty() || !keys_->incoming.empty();
}

void KeyWatch::note_insert(Tid tid) {
  for (const ForeignKey& k : keys_->own) queue_.push_back({k.constraint, table_.oid, false, Tid{}, tid});
}

void KeyWatch::note_update(Tid old_version, Tid new_version, const Datum* values, const uint8_t* nulls) {
  Arena arena;
  Key key;
  auto changed = [&](std::span<const int16_t> columns) {
    return read_key(table_, old_version, nullptr, columns, key, arena) && !same_key(table_, columns, key, values, nulls);
  };
  for (const ForeignKey& k : keys_->incoming)
    if (changed(k.referenced_columns) && !key.any_null()) {
      lock_key(k, key, kTakingAway);
      queue_.push_back({k.constraint, table_.oid, true, old_version, new_version});
    }
  // A deferrable one may still wait for the version that is gone now.
  for (const ForeignKey& k : keys_->own)
    if (k.deferrable || changed(k.columns)) queue_.push_back({k.constraint, table_.oid, false, Tid{}, new_version});
}

void KeyWatch::note_remove(Tid old_version) {
  Arena arena;
  Key key;
  for (const ForeignKey& k : keys_->incoming) {
    if (!read_key(table_, old_version, nullptr, k.referenced_columns, key, arena) || key.any_null()) continue;
    lock_key(k, key, kTakingAway);
    queue_.push_back({k.constraint, table_.oid, true, old_version, Tid{}});
  }
}

void throw_missing_key(const ForeignKey& key, std::span<const NullableDatum> values, SessionServices* services) {
  RelationRef rel = catalog::relation(key.table), other = catalog::relation(key.referenced);
  throw violation(key, cat("insert or update on table \"", rel->name, "\" violates foreign key constraint \"", key.name, "\""),
                  cat("Key ", describe(*rel, key.columns, values, services), " is not present in table \"", other->name, "\"."));
}

void run_key_events(std::vector<KeyEvent>& queue, SessionServices* services) {
  if (queue.empty()) return;
  if (g_active && g_active != &queue) {
    g_active->insert(g_active->end(), queue.begin(), queue.end());
    queue.clear();
    return;
  }
  work_off(queue, true, services);
}

void run_deferred_keys(SessionServices* services) {
  while (!g_deferred.empty()) {
    std::vector<KeyEvent> queue;
    queue.swap(g_deferred);
    work_off(queue, false, services);
  }
}

void forget_deferred_keys() {
  g_deferred.clear();
  g_modes = {};
}

void set_constraint_mode(std::span<const Oid> constraints, bool deferred, SessionServices* services) {
  txn::on_end([before = g_modes](bool committed) {
    if (!committed) g_modes = before;
  });
  if (constraints.empty()) {
    g_modes.one.clear();
    g_modes.all = deferred;
  }
  for (Oid c : constraints) g_modes.one[raw(c)] = deferred;
  if (deferred || g_deferred.empty()) return;
  std::vector<KeyEvent> queue;
  queue.swap(g_deferred);
  work_off(queue, true, services);           // what is still deferred goes back
}

}  // namespace postern::exec
