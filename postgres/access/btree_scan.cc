// Range scans. Each step latches one leaf page, copies what qualifies and lets go; between calls nothing is held.
//
// Forward, the next page is the right link as it was when the page was copied: what a later split moves right of it has been returned already. Backward, the left link may be
// stale; the page to read is the one whose right link leads to the page that was read last (Lanin & Shasha).
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"

namespace postern::btree {

namespace {

constexpr int kMaxScanKeys = 64;

// One end of the range, in index order.
struct Bound {
  Datum values[32];
  uint8_t nulls[32];
  SearchKey key;
  bool exists = false;
};

}  // namespace

struct Scan::Impl {
  std::shared_ptr<IndexState> st;
  bool backward = false;
  bool with_included = false;
  Arena values{512};           // copies of by-reference key values
  ScanKey keys[kMaxScanKeys];
  int nkeys = 0;
  Bound low, high;             // low: first entry not below; high: first entry above
  int filters[kMaxScanKeys];
  int nfilters = 0;
  bool empty = false;          // contradictory

  bool started = false, finished = false;
  PageNo page{0}, next_page{0};   // page read last, and where to go on (forward: right link, backward: left link)
  Lsn page_lsn{0};
  int count = 0, at = 0;          // entries of this page, in scan order
  int nkilled = 0;
  Tid tids[kMaxItems];
  uint16_t items[kMaxItems];
  uint16_t killed[kMaxItems];
  alignas(8) uint8_t copy[kPageBytes];   // of the page, when the keys are wanted

  void prepare(std::span<const ScanKey> ks);
  void add_bounds();
  bool passes(const uint8_t* entry) const;
  bool read_next(bool want_keys);
  PageRef first_page(int* pos);
  PageRef step_left();
  void collect(const PageRef& ref, int from, int to, bool want_keys);
  void flush_killed();
  void fill_keys(Vector* out, uint32_t row, int item, Arena& arena) const;
};

namespace {

bool is_null_key(const ScanKey& k) { return k.null_test && !k.search_not_null && k.strategy == Strategy::kEqual; }
bool is_not_null_key(const ScanKey& k) { return k.search_not_null || (k.null_test && k.strategy != Strategy::kEqual); }

void set_bound(Bound& b, int column, Datum value, bool null, int rest) {
  b.values[column] = value;
  b.nulls[column] = null;
  b.key = SearchKey{b.values, b.nulls, column + 1, rest, false, {}};
  b.exists = true;
}

Scan::Impl* free_impl = nullptr;   // one kept: point lookups make and drop a Scan each time

}  // namespace

void Scan::Impl::prepare(std::span<const ScanKey> ks) {
  if (ks.size() > kMaxScanKeys) throw_unsupported(cat("an index scan with more than ", kMaxScanKeys, " keys"));
  values.reset();
  nkeys = static_cast<int>(ks.size());
  for (int i = 0; i < nkeys; i++) {
    keys[i] = ks[static_cast<size_t>(i)];
    const Column& c = st->columns[static_cast<size_t>(keys[i].column)];
    if (!c.type->by_value && !keys[i].null_test && !keys[i].search_not_null) keys[i].value = make_bytes(values, as_view(keys[i].value));
  }
  low.exists = high.exists = false;
  nfilters = 0;
  started = finished = empty = false;
  count = at = nkilled = 0;
  add_bounds();
}

// Equalities on leading columns and the first range make the bounds; every other key is a filter.
void Scan::Impl::add_bounds() {
  bool used[kMaxScanKeys] = {};
  int column = 0;
  for (; column < st->nkeys; column++) {
    int eq = -1;
    for (int i = 0; i < nkeys && eq < 0; i++)
      if (keys[i].column == column && keys[i].strategy == Strategy::kEqual && !is_not_null_key(keys[i])) eq = i;
    if (eq < 0) break;
    used[eq] = true;
    set_bound(low, column, keys[eq].value, is_null_key(keys[eq]), -1);
    set_bound(high, column, keys[eq].value, is_null_key(keys[eq]), 1);
  }
  if (column < st->nkeys) {
    const Column& c = st->columns[static_cast<size_t>(column)];
    int lo = -1, hi = -1;
    bool not_null = false;
    for (int i = 0; i < nkeys; i++) {
      const ScanKey& k = keys[i];
      if (k.column != column) continue;
      not_null = true;
      if (is_not_null_key(k)) {
        used[i] = true;
        continue;
      }
      bool is_low = (k.strategy == Strategy::kGreater || k.strategy == Strategy::kGreaterEqual) != c.desc;
      int& slot = is_low ? lo : hi;
      if (slot < 0) {
        slot = i;
        used[i] = true;
      }
    }
    auto exclusive = [&](int i) { return keys[i].strategy == Strategy::kLess || keys[i].strategy == Strategy::kGreater; };
    if (lo >= 0) set_bound(low, column, keys[lo].value, false, exclusive(lo) ? 1 : -1);
    else if (not_null && c.nulls_first) set_bound(low, column, 0, true, 1);
    if (hi >= 0) set_bound(high, column, keys[hi].value, false, exclusive(hi) ? -1 : 1);
    else if (not_null && !c.nulls_first) set_bound(high, column, 0, true, -1);
  }
  for (int i = 0; i < nkeys; i++)
    if (!used[i]) filters[nfilters++] = i;
}

bool Scan::Impl::passes(const uint8_t* entry) const {
  for (int f = 0; f < nfilters; f++) {
    const ScanKey& k = keys[filters[f]];
    AttrCursor cursor = entry_cursor(*st, entry, false);
    RawAttr a;
    for (int i = 0; i <= k.column; i++) a = cursor.next();
    if (is_null_key(k)) {
      if (!a.null) return false;
      continue;
    }
    if (a.null) return false;
    if (is_not_null_key(k)) continue;
    int c = -compare_value(st->columns[static_cast<size_t>(k.column)], k.value, a);   // attribute against value
    bool ok = false;
    switch (k.strategy) {
      case Strategy::kLess: ok = c < 0; break;
      case Strategy::kLessEqual: ok = c <= 0; break;
      case Strategy::kEqual: ok = c == 0; break;
      case Strategy::kGreaterEqual: ok = c >= 0; break;
      case Strategy::kGreater: ok = c > 0; break;
    }
    if (!ok) return false;
  }
  return true;
}

// Entries [from, to) that qualify, in scan order; remembers where the page leads.
void Scan::Impl::collect(const PageRef& ref, int from, int to, bool want_keys) {
  Page p = page_of(ref);
  page = ref.page();
  page_lsn = Lsn{p.header().lsn};
  count = at = 0;
  auto take = [&](int i) {
    if (p.items()[i].dead()) return;
    const uint8_t* e = p.entry(i);
    if (nfilters && !passes(e)) return;
    tids[count] = entry_tid(e);
    items[count++] = static_cast<uint16_t>(i);
  };
  if (backward) {
    for (int i = to - 1; i >= from; i--) take(i);
  } else {
    for (int i = from; i < to; i++) take(i);
  }
  if (count && want_keys) std::memcpy(copy, p.bytes(), kPageBytes);
}

// The leaf page where the scan begins, share-latched.
PageRef Scan::Impl::first_page(int* pos) {
  const Bound& b = backward ? high : low;
  PageRef ref;
  if (!b.exists) {
    ref = descend_edge(*st, 0, backward, LatchMode::kShared);
    *pos = backward ? page_of(ref).count() : page_of(ref).first();
    return ref;
  }
  ref = descend(*st, b.key, 0, LatchMode::kShared, nullptr, false);
  *pos = lower_bound(*st, b.key, page_of(ref));
  return ref;
}

// The live page left of `page`, share-latched; nothing at the left end.
PageRef Scan::Impl::step_left() {
  PageNo target = page, candidate = next_page;
  for (int round = 0; candidate != kNoPage; round++) {
    if (round > 1000) throw SqlError{sqlstate::kIndexCorrupted, cat("could not find left sibling of page ", raw(target), " in index \"", st->name, "\"")};
    PageRef ref = read_page(*st, candidate, LatchMode::kShared);
    for (int hops = 0; hops < 8; hops++) {
      Page p = page_of(ref);
      if (!p.has(kDeleted) && p.next() == target) return ref;
      if (p.rightmost()) break;
      ref = read_page(*st, p.next(), LatchMode::kShared);
      if (ref.page() == target) break;
    }
    ref.release();
    // The target itself may have gone, or have got another left sibling.
    ref = read_page(*st, target, LatchMode::kShared);
    while (page_of(ref).has(kDeleted)) {
      if (page_of(ref).rightmost()) throw SqlError{sqlstate::kIndexCorrupted, cat("deleted rightmost page in index \"", st->name, "\"")};
      ref = read_page(*st, page_of(ref).next(), LatchMode::kShared);
    }
    target = ref.page();
    candidate = page_of(ref).special().prev;
  }
  return {};
}

bool Scan::Impl::read_next(bool want_keys) {
  flush_killed();
  count = at = 0;
  while (!finished) {
    PageRef ref;
    int from, to;
    if (!started) {
      started = true;
      int pos;
      ref = first_page(&pos);
      Page p = page_of(ref);
      from = backward ? p.first() : pos;
      to = backward ? pos : p.count();
    } else {
      if (backward) ref = step_left();
      else if (next_page != kNoPage) ref = read_page(*st, next_page, LatchMode::kShared);
      if (!ref) {
        finished = true;
        break;
      }
      from = page_of(ref).first();
      to = page_of(ref).count();
    }
    Page p = page_of(ref);
    next_page = backward ? p.special().prev : p.next();
    if (p.has(kDeleted)) {   // forward only: emptied after its left neighbour was read
      page = ref.page();
      continue;
    }
    if (backward) {
      if (low.exists && from < to && compare(*st, low.key, p.entry(from), false) > 0) {
        from = lower_bound(*st, low.key, p);
        finished = true;
      }
      if (next_page == kNoPage) finished = true;
    } else {
      if (high.exists && from < to) {
        // Gallop: most scans end soon after they begin.
        int lo = from, step = 1;
        while (lo + step < to && compare(*st, high.key, p.entry(lo + step), false) > 0) {
          lo += step;
          step *= 2;
        }
        int hi = lo + step < to ? lo + step : to;
        lo = from == lo ? from : lo + 1;
        while (lo < hi) {
          int mid = (lo + hi) / 2;
          if (compare(*st, high.key, p.entry(mid), false) > 0) lo = mid + 1;
          else hi = mid;
        }
        if (lo < to) finished = true;
        to = lo;
      }
      if (next_page == kNoPage) finished = true;
      else if (!finished && high.exists && compare(*st, high.key, p.high_key(), true) <= 0) finished = true;
    }
    collect(ref, from, to, want_keys);
    if (count) return true;
  }
  return false;
}

void Scan::Impl::flush_killed() {
  if (!nkilled) return;
  PageRef ref = read_page(*st, page, LatchMode::kShared);
  Page p = page_of(ref);
  // Unchanged since it was read: the same entries, so none of their tids can have been given to a new row.
  if (Lsn{p.header().lsn} == page_lsn && !p.has(kDeleted))
    for (int i = 0; i < nkilled; i++) p.set_dead(killed[i]);
  nkilled = 0;
}

void Scan::Impl::fill_keys(Vector* out, uint32_t row, int item, Arena& arena) const {
  Page p(const_cast<uint8_t*>(copy));
  AttrCursor cursor = entry_cursor(*st, p.entry(item), false);
  int n = with_included ? st->natts : st->nkeys;
  for (int i = 0; i < n; i++) {
    RawAttr a = cursor.next();
    out[i].nulls[row] = a.null;
    out[i].values[row] = a.null ? 0 : raw_to_datum(st->format.attrs[static_cast<size_t>(i)], a, arena);
  }
}

Scan::Scan(const IndexDesc& index, std::span<const ScanKey> keys, bool backward, const RelationDesc* table) {
  if (free_impl) {
    impl_ = free_impl;
    free_impl = nullptr;
  } else {
    impl_ = new Impl;
  }
  try {
    impl_->st = state_of(table, index);
    impl_->backward = backward;
    impl_->with_included = table != nullptr;
    impl_->prepare(keys);
  } catch (...) {
    delete impl_;
    throw;
  }
}

Scan::~Scan() {
  try {
    impl_->flush_killed();
  } catch (const SqlError&) {
    // Only hints are lost; a broken page will be reported by whoever reads it next.
  }
  impl_->nkilled = 0;
  if (free_impl) {
    delete impl_;
  } else {
    impl_->st.reset();
    free_impl = impl_;
  }
}

void Scan::rescan(std::span<const ScanKey> keys) {
  impl_->flush_killed();
  impl_->prepare(keys);
}

uint32_t Scan::next(Tid* tids, uint32_t max, Vector* key_out, Arena* arena) {
  Impl& s = *impl_;
  uint32_t n = 0;
  // A batch comes from one page, so that kill() and unchanged() speak of all of it.
  if (s.at == s.count && !s.read_next(key_out != nullptr)) return 0;
  while (n < max && s.at < s.count) {
    if (key_out) s.fill_keys(key_out, n, s.items[s.at], *arena);
    tids[n++] = s.tids[s.at++];
  }
  return n;
}

void Scan::kill(Tid tid) {
  Impl& s = *impl_;
  for (int i = s.at - 1; i >= 0; i--) {
    if (s.tids[i] != tid) continue;
    if (s.nkilled < static_cast<int>(kMaxItems)) s.killed[s.nkilled++] = s.items[i];
    return;
  }
}

bool Scan::unchanged() const {
  const Impl& s = *impl_;
  PageRef ref = read_page(*s.st, s.page, LatchMode::kShared);
  return Lsn{page_of(ref).header().lsn} == s.page_lsn;
}

}  // namespace postern::btree
