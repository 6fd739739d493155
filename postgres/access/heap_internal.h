// Shared between the heap's source files.
//
// Latch order: heap pages by page number (main fork), then toast pages, then visibility map, then free space map; never two toast pages at once.
#pragma once
#include "postgres/access/heap.h"
#include "postgres/access/heap_page.h"
#include "postgres/access/stats.h"
#include "postgres/wal/wal.h"

namespace postern::heap {

inline PageId page_id(RelFile file, Fork fork, PageNo page) { return {file, fork, page}; }

// Who may see what. own: this process's top xid (0 none), read once per page: only then may an xid be ours.
class Visibility {
 public:
  explicit Visibility(const txn::Snapshot& s) : snap_(s), own_(raw(txn::top_xid_if_any())) {}
  void refresh() { own_ = raw(txn::top_xid_if_any()); }
  bool sees(TupleHeader* t) {
    uint16_t f = t->flags;
    uint64_t xmin = t->xmin;
    if (__builtin_expect(!(f & kXminCommitted) || xmin >= raw(snap_.xmin), 0)) {
      if (!sees_xmin(t)) return false;
      f = t->flags;
    }
    if (__builtin_expect(t->xmax == 0 || f & (kXmaxAborted | kXmaxLockOnly), 1)) return true;
    return !sees_xmax(t);
  }

 private:
  bool sees_xmin(TupleHeader* t);
  bool sees_xmax(TupleHeader* t);
  bool committed_before(uint64_t xid) {
    if (xid == cached_xid_) return cached_;
    cached_ = txn::visible(Xid{xid}, snap_);
    cached_xid_ = xid;
    return cached_;
  }
  const txn::Snapshot snap_;
  uint64_t own_;
  uint64_t cached_xid_ = 0;
  bool cached_ = false;
};

// Sets a hint bit under (at least) the shared latch.
inline void set_hint(TupleHeader* t, uint16_t bits) {
  auto* flags = reinterpret_cast<uint16_t*>(reinterpret_cast<uint8_t*>(t) + offsetof(TupleHeader, flags));
  __atomic_fetch_or(flags, bits, __ATOMIC_RELAXED);
}
txn::XidStatus xmin_status(TupleHeader* t);   // sets hints; our own running xids are kInProgress
txn::XidStatus xmax_status(TupleHeader* t);   // REQUIRES: xmax != 0
inline bool deleted_by_xmax(const TupleHeader* t) { return t->xmax != 0 && !(t->flags & (kXmaxAborted | kXmaxLockOnly)); }
CommandId tuple_cmin(const TupleHeader* t);
CommandId tuple_cmax(const TupleHeader* t);
// For pruning and vacuum. kDead: nobody can see it any more. *xid: the one that the in-progress states depend on, or xmax of kRecentlyDead.
Liveness liveness(TupleHeader* t, Xid horizon, Xid* xid = nullptr);

// Insertion targets.
buffer::PageRef page_for_insert(RelFile file, Fork fork, uint32_t tuple_bytes, uint32_t keep_free, PageNo avoid = kInvalidPageNo);
void remember_target(RelFile file, Fork fork, PageNo page);
uint32_t fillfactor_reserve(const RelationDesc& rel);

// The visibility map page if the heap page's flag says that its bit has to be cleared: latched exclusively, to be added to the record.
buffer::PageRef visibility_page_to_clear(const Page& page, RelFile file, PageNo no);
buffer::PageRef visibility_page(RelFile file, PageNo heap_page, bool create);   // pinned, not latched; empty when it doesn't exist
PageNo visibility_page_no(PageNo heap_page);   // of the map
bool visibility_bit(const uint8_t* vm_page, PageNo heap_page);
void set_visibility_bit(uint8_t* vm_page, PageNo heap_page, bool on);

// Free space map: one byte per page, in units of kFreeUnit bytes.
constexpr uint32_t kFreeUnit = 32;
PageNo find_free(RelFile file, Fork fork, uint32_t bytes, PageNo avoid);
void lower_free(RelFile file, Fork fork, PageNo page, uint32_t bytes);          // a hint
std::vector<uint8_t> read_free(RelFile file, Fork fork, uint32_t pages);                 // what the map says now; 0 where it says nothing
void write_free(RelFile file, Fork fork, std::span<const uint8_t> categories);  // all pages of the fork; logged
inline uint8_t free_category(uint32_t bytes) { return static_cast<uint8_t>(bytes / kFreeUnit > 255 ? 255 : bytes / kFreeUnit); }

// Prunes the page if that can help; REQUIRES exclusive latch. True when something changed.
bool prune(buffer::PageRef& ref, Xid horizon, bool roots_to_unused = false);
// Tries to prune before a read: takes and gives back its own latch.
void prune_before_read(buffer::PageRef& ref);
inline bool worth_pruning(const Page& p) {
  if (!(p.header().flags & kPrunable)) return false;
  uint64_t x = p.prune_xid();
  return x && x < raw(txn::recent_horizon());
}

// A tuple ready to be placed: header and data, in a buffer of this process that is valid until the next call.
struct Formed {
  uint8_t* bytes;
  uint16_t length;
  TupleHeader* header() const { return reinterpret_cast<TupleHeader*>(bytes); }
};
// xmin, cid are set; ctid is not. old: the version it replaces (its unchanged external values are kept), may be null.
struct OldVersion {
  const uint8_t* tuple = nullptr;
};
Formed form(const RelationDesc& rel, Row row, OldVersion old = {});
const TupleFormat& format_of(const RelationDesc& rel);

// toast.cc
Tid write_chunks(RelFile file, std::string_view stored);
void delete_chunks(RelFile file, const ExternalValue& v);
void delete_externals(const RelationDesc& rel, const TupleHeader* t, const TupleHeader* kept_by = nullptr);   // except those that kept_by still has
bool external_equals(RelFile file, const ExternalValue& v, std::string_view raw);

// heap_scan.cc
void deform(const RelationDesc& rel, const TupleHeader* t, const Wanted& w, uint32_t row, Arena& arena);
void register_redo();

}  // namespace postern::heap
