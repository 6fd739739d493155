// check_relation(): what can be wrong with heap pages, in words.
#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/access/heap_internal.h"
#include "postgres/wal/files.h"

namespace postern::heap {
namespace {

class Checker {
 public:
  Checker(const RelationDesc& rel, std::vector<std::string>& problems) : rel_(rel), problems_(problems) {}

  void fork(Fork f) {
    fork_ = f;
    uint32_t pages = raw(buffer::page_count(rel_.file, f));
    for (uint32_t p = 0; p < pages && problems_.size() < 1000; p++) {
      no_ = PageNo{p};
      item_ = 0;
      try {
        buffer::PageRef ref = buffer::read(page_id(rel_.file, f, no_), region::LatchMode::kShared, buffer::Access::kScan);
        page(Page(ref));
      } catch (const SqlError& e) {
        problem(e.message);
      }
    }
  }

 private:
  void problem(std::string_view what) {
    problems_.push_back(cat(fork_ == Fork::kToast ? "toast page " : "page ", raw(no_), item_ ? cat(", item ", item_) : std::string(), ": ", what));
  }

  void page(const Page& p) {
    if (p.is_new()) {
      if (p.header().lower) problem("lower is set in an empty page");
      return;
    }
    const PageHeader& h = p.header();
    if (h.lower < sizeof(PageHeader) || h.lower > h.upper || h.upper > h.special || h.special != kSpecialOffset || (h.lower - sizeof(PageHeader)) % sizeof(ItemId))
      return problem("damaged page header");
    if ((h.reserved & 0xFF) != kKindHeap) return problem("not a heap page");
    if (p.items() > kMaxItems) return problem("too many line pointers");
    for (item_ = 1; item_ <= p.items(); item_++) item(p);
    item_ = 0;
    if (fork_ == Fork::kMain) visibility(p);
  }

  void item(const Page& p) {
    ItemId id = p.item(item_);
    if (id.state() == ItemState::kRedirect) {
      uint16_t to = id.offset();
      if (to < 1 || to > p.items() || p.item(to).state() != ItemState::kNormal) return problem("redirect to nowhere");
      if (!(p.tuple(to)->flags & kHeapOnly)) problem("redirect to a version that is not heap-only");
      return;
    }
    if (id.state() != ItemState::kNormal) return;
    uint32_t end = id.offset() + uint32_t{id.length()};
    if (id.offset() < p.header().upper || end > kSpecialOffset || id.length() < sizeof(TupleHeader)) return problem("line pointer points outside of the tuple area");
    TupleHeader* t = p.tuple(item_);
    tuple(p, t, id.length());
  }

  void tuple(const Page& p, TupleHeader* t, uint16_t length) {
    uint64_t next = raw(txn::next_xid());
    if (t->xmin == 0 || t->xmin >= next) problem(cat("xmin ", uint64_t{t->xmin}, " is not a transaction that began"));
    if (t->xmax >= next) problem(cat("xmax ", uint64_t{t->xmax}, " is not a transaction that began"));
    if ((t->flags & kXminCommitted) && txn::status(Xid{t->xmin}) != txn::XidStatus::kCommitted) problem("hint says committed, commit log doesn't");
    if ((t->flags & kXmaxCommitted) && txn::status(Xid{t->xmax}) != txn::XidStatus::kCommitted) problem("hint says deletion committed, commit log doesn't");
    uint32_t hoff = sizeof(TupleHeader) + (t->flags & kHasNulls ? (t->natts + 7u) / 8 : 0);
    if (t->hoff != hoff || hoff > length) return problem("damaged tuple header");
    if (fork_ == Fork::kToast) return;
    if (t->natts > rel_.attrs.size()) return problem(cat("has ", t->natts, " attributes, the table ", rel_.attrs.size()));
    if (t->flags & kHotUpdated && deleted_by_xmax(t) && xmax_status(t) == txn::XidStatus::kCommitted) {
      Tid to = t->ctid();
      if (to.page != no_) problem("heap-only successor on another page");
      else if (p.normal(to.item) && p.tuple(to.item)->xmin == t->xmax && !(p.tuple(to.item)->flags & kHeapOnly)) problem("successor of a HOT update is not heap-only");
    }
    attributes(t, length);
  }

  void attributes(TupleHeader* t, uint16_t length) {
    const TupleFormat& format = format_of(rel_);
    const uint8_t* p = t->data();
    const uint8_t* end = t->bytes() + length;
    for (uint32_t i = 0; i < t->natts; i++) {
      if (bitmap_null(t->bitmap(), i)) continue;
      RawAttr a;
      if (format.attrs[i].kind != StoreKind::kVariable) {
        p += format.attrs[i].len;
      } else {
        if (p >= end || (!(*p & 1) && end - p < 4)) return problem(cat("attribute ", i + 1, " begins behind the end"));
        a = raw_variable(p, &p);
      }
      if (p > end) return problem(cat("attribute ", i + 1, " ends behind the end"));
      if (!a.special) continue;
      Arena arena;
      try {
        if (rel_.attrs[i].dropped || !alive(t)) continue;
        raw_to_datum(format.attrs[i], a, arena, rel_.file);
      } catch (const SqlError& e) {
        problem(cat("attribute ", i + 1, ": ", e.message));
      }
    }
    if (p != end) problem("bytes behind the last attribute");
  }

  bool alive(TupleHeader* t) {
    Liveness l = liveness(t, txn::recent_horizon());
    return l != Liveness::kDead;
  }

  void visibility(const Page& p) {
    if (!p.all_visible()) {
      if (all_visible(rel_, no_)) problem("visibility map bit is set, page flag is not");
      return;
    }
    for (item_ = 1; item_ <= p.items(); item_++) {
      if (p.item(item_).state() == ItemState::kDead) problem("dead line pointer on an all-visible page");
      if (p.item(item_).state() != ItemState::kNormal) continue;
      TupleHeader* t = p.tuple(item_);
      if (xmin_status(t) != txn::XidStatus::kCommitted) problem("not committed on an all-visible page");
      if (deleted_by_xmax(t) && xmax_status(t) != txn::XidStatus::kAborted) problem("deleted on an all-visible page");
    }
    item_ = 0;
  }

  const RelationDesc& rel_;
  std::vector<std::string>& problems_;
  Fork fork_ = Fork::kMain;
  PageNo no_{};
  uint16_t item_ = 0;
};

}  // namespace

void check(const RelationDesc& rel, std::vector<std::string>& problems) {
  Checker c(rel, problems);
  c.fork(Fork::kMain);
  c.fork(Fork::kToast);
}

void create_storage(RelFile file) {
  txn::created_file(file);
  wal::create_relation_fork(file, Fork::kMain, txn::current_xid());
}

void attach_hooks() {
  register_redo();
  stats::attach_hooks();
}

}  // namespace postern::heap
