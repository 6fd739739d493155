// Who changed what: a ring in the region to which a committing session adds the relations it changed (or 'everything'), and which others follow.
//
// An entry is reserved by advancing head, then filled, its sequence number last. A reader that meets an entry without its number (the writer is in between, or died there)
// forgets everything: the writer's transaction was visible before it reserved, so what is read from then on is new enough. A reader that fell behind by the ring's
// size forgets everything too. A process that dies between its commit and its entries is followed by a 'everything' entry from whoever cleans up after it.
//
// Own changes: relations changed by this transaction are remembered; when the command counter has moved since they were last looked up, their entries are
// dropped, so a lookup never shows an older state than the current command sees; ROLLBACK TO drops those of its level.
#include "postgres/catalog/invalidation.h"

#include <algorithm>
#include <atomic>

#include "postgres/catalog/catalog.h"
#include "postgres/region/region.h"
#include "postgres/txn/txn.h"

namespace postern::catalog {
namespace {

constexpr uint64_t kEntries = 4096;
constexpr uint32_t kEverything = 0;
struct Entry {
  std::atomic<uint64_t> seq;     // position + 1 once value is valid
  std::atomic<uint64_t> value;   // database << 32 | relation; database 0: shared; relation 0: everything
};
struct Ring {
  std::atomic<uint64_t> head;
  Entry entries[kEntries];
};
Ring* g_ring = nullptr;
region::Area g_area{"catalog invalidations", [](const region::AttachOptions&) { return sizeof(Ring); }, nullptr,
                    [](void* base, const region::AttachOptions&) { g_ring = static_cast<Ring*>(base); }};

uint64_t g_position = 0;         // entries before it are applied
uint64_t g_version = 1;
std::vector<Oid> g_pending;      // relations changed by this transaction, once per change; 0: everything
CommandId g_synced_command = 0;

void post(uint64_t value) {
  if (!g_ring) return;
  uint64_t at = g_ring->head.fetch_add(1);
  Entry& e = g_ring->entries[at % kEntries];
  e.value.store(value);
  e.seq.store(at + 1, std::memory_order_release);
}

void forget_everything() {
  drop_relation_cache();
  drop_name_cache();
  drop_stats_cache();
  g_version++;
}
void forget_relation(Oid oid) {
  drop_relation_entry(oid);
  drop_stats_entry(oid);
  g_version++;
}

// Each change hooks itself into its savepoint level: ROLLBACK TO runs it with false.
void add_pending(Oid oid) {
  if (g_pending.empty()) g_synced_command = txn::command_id();
  g_pending.push_back(oid);
  txn::on_end([oid](bool committed) {
    auto it = std::find(g_pending.begin(), g_pending.end(), oid);
    if (it != g_pending.end()) g_pending.erase(it);
    if (oid == kInvalidOid) forget_everything();
    else forget_relation(oid);
    if (committed) post(oid == kInvalidOid ? kEverything : uint64_t{raw(my_database())} << 32 | raw(oid));
  });
}

}  // namespace

void attach_hooks() {
  region::register_area(g_area);
  region::on_slot_death([](SlotNo) { post(kEverything); });
}

void invalidate_relation(Oid oid) {
  forget_relation(oid);
  add_pending(oid);
}

void invalidate_all() {
  forget_everything();
  add_pending(kInvalidOid);
}

void sync_own_changes() {
  if (g_pending.empty()) [[likely]] return;
  if (g_synced_command == txn::command_id()) return;
  g_synced_command = txn::command_id();
  for (Oid o : g_pending) {
    if (o == kInvalidOid) forget_everything();
    else forget_relation(o);
  }
}

void accept_invalidations() {
  if (!g_ring) return;
  uint64_t head = g_ring->head.load(std::memory_order_acquire);
  if (head == g_position) [[likely]] return;
  if (head < g_position || head - g_position > kEntries / 2) {
    g_position = head;
    forget_everything();
    return;
  }
  bool everything = false;
  for (; g_position < head; g_position++) {
    Entry& e = g_ring->entries[g_position % kEntries];
    bool filled = e.seq.load(std::memory_order_acquire) == g_position + 1;
    uint64_t v = e.value.load();
    if (!filled || e.seq.load() != g_position + 1 || v == kEverything) everything = true;
    else if (Oid db{static_cast<uint32_t>(v >> 32)}; db == my_database() || db == kInvalidOid) forget_relation(Oid{static_cast<uint32_t>(v)});
  }
  if (everything) forget_everything();
}

uint64_t version() {
  sync_own_changes();
  return g_version;
}

}  // namespace postern::catalog
