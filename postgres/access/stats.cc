#include "postgres/access/stats.h"

#include "common/os/process.h"
#include "postgres/region/region.h"
#include "postgres/txn/txn.h"

namespace postern::stats {
namespace {

constexpr uint32_t kEntries = 8192;
constexpr uint32_t kProbes = 64;
constexpr uint64_t kOverflow = ~uint64_t{0}, kDropped = ~uint64_t{1};

struct Table {
  RelationStats entries[kEntries];
  RelationStats overflow;
};
Table* g_table = nullptr;
region::Area g_area{
    "relation stats", [](const region::AttachOptions&) { return sizeof(Table); },
    nullptr,
    [](void* base, const region::AttachOptions&) { g_table = static_cast<Table*>(base); }};

// Changes of the running transaction, added to the shared counters at its end.
struct Pending {
  RelationStats* to;
  int64_t inserted = 0, updated = 0, hot = 0, deleted = 0;
};
std::vector<Pending> g_pending;

void flush_pending(bool committed) {
  for (const Pending& p : g_pending) {
    auto add = [](std::atomic<int64_t>& a, int64_t n) {
      if (n) a.fetch_add(n, std::memory_order_relaxed);
    };
    add(p.to->inserted, p.inserted);
    add(p.to->updated, p.updated);
    add(p.to->hot_updated, p.hot);
    add(p.to->deleted, p.deleted);
    if (committed) {
      add(p.to->live, p.inserted - p.deleted);
      add(p.to->dead, p.updated + p.deleted);
    } else {
      add(p.to->dead, p.inserted + p.updated);
    }
    add(p.to->mod_since_analyze, p.inserted + p.updated + p.deleted);
    add(p.to->ins_since_vacuum, p.inserted);
  }
  g_pending.clear();
}

Pending& pending(Oid database, Oid relation) {
  RelationStats* s = &of(database, relation);
  for (Pending& p : g_pending)
    if (p.to == s) return p;
  if (g_pending.empty()) txn::on_end(flush_pending);
  g_pending.push_back({s});
  return g_pending.back();
}

}  // namespace

RelationStats& of(Oid database, Oid relation) {
  uint64_t key = uint64_t{raw(database)} << 32 | raw(relation);
  static uint64_t last_key = 0;
  static RelationStats* last = nullptr;
  if (key == last_key && last && last->key.load(std::memory_order_relaxed) == key) return *last;
  uint64_t h = key * 0x9E3779B97F4A7C15u;
  RelationStats* reusable = nullptr;
  for (uint32_t i = 0; i < kProbes; i++) {
    RelationStats& e = g_table->entries[((h >> 40) + i) % kEntries];
    uint64_t k = e.key.load();
    if (k == kDropped && !reusable) reusable = &e;
    if (k == 0) {
      uint64_t expected = reusable ? kDropped : 0;
      RelationStats& at = reusable ? *reusable : e;
      if (!at.key.compare_exchange_strong(expected, key) && expected != key) {
        reusable = nullptr;
        continue;
      }
      k = key;
      last_key = key;
      return *(last = &at);
    }
    if (k == key) {
      last_key = key;
      return *(last = &e);
    }
  }
  g_table->overflow.key = kOverflow;
  return g_table->overflow;
}

void count_insert(Oid database, Oid relation, int64_t n) { pending(database, relation).inserted += n; }
void count_update(Oid database, Oid relation, bool hot) {
  Pending& p = pending(database, relation);
  p.updated++;
  p.hot += hot;
}
void count_delete(Oid database, Oid relation) { pending(database, relation).deleted++; }

void report_vacuum(Oid database, Oid relation, int64_t live, int64_t dead_left, bool automatic) {
  RelationStats& s = of(database, relation);
  s.live = live;
  s.dead = dead_left;
  s.ins_since_vacuum = 0;
  (automatic ? s.last_autovacuum_us : s.last_vacuum_us) = os::wall_clock_us();
  (automatic ? s.autovacuum_count : s.vacuum_count)++;
}

void report_analyze(Oid database, Oid relation, int64_t live, int64_t dead, bool automatic) {
  RelationStats& s = of(database, relation);
  s.live = live;
  s.dead = dead;
  s.mod_since_analyze = 0;
  (automatic ? s.last_autoanalyze_us : s.last_analyze_us) = os::wall_clock_us();
  (automatic ? s.autoanalyze_count : s.analyze_count)++;
}

void drop(Oid database, Oid relation) {
  RelationStats& s = of(database, relation);
  if (s.key.load() == kOverflow) return;
  for (std::atomic<int64_t>* c = &s.inserted; c <= &s.autoanalyze_count; c++) c->store(0);
  s.key.store(kDropped);
}

std::vector<RelationStats*> all() {
  std::vector<RelationStats*> out;
  for (RelationStats& e : g_table->entries) {
    uint64_t k = e.key.load();
    if (k && k != kDropped) out.push_back(&e);
  }
  return out;
}

void attach_hooks() { region::register_area(g_area); }

}  // namespace postern::stats
