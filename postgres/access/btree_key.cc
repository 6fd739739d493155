// Index state cache, comparisons, entries.
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "postgres/access/btree_internal.h"
#include "postgres/types/session_services.h"

namespace postern::btree {

namespace {

constexpr size_t kCacheSlots = 512;
std::shared_ptr<IndexState> cache[kCacheSlots];

bool same_definition(const IndexState& st, const IndexDesc& index) {
  if (st.file != index.file || st.nkeys != static_cast<int>(index.keys.size()) ||
      st.natts != static_cast<int>(index.keys.size() + index.included.size()))
    return false;
  for (size_t i = 0; i < index.keys.size(); i++) {
    const auto& k = index.keys[i];
    const Column& c = st.columns[i];
    if (c.type->oid != k.type || c.desc != k.desc || c.nulls_first != k.nulls_first) return false;
  }
  return true;
}

void add_column(IndexState& st, const TypeInfo& type, Oid collation, bool desc, bool nulls_first) {
  AttrFormat f = attr_format(type);
  st.columns.push_back({f.kind, f.len, type.compare_kind, desc, nulls_first, collation, &type});
  st.format.add(f);
}

// By-reference attributes as a Datum for TypeInfo::compare: copied behind a size, because entries are unaligned.
struct Scratch {
  alignas(8) uint8_t bytes[kPageBytes];
};
Datum scratch_datum(Scratch& s, const Column& c, const RawAttr& a) {
  if (c.store < StoreKind::kFixed) return load_fixed(c.store, a.p);
  auto* b = reinterpret_cast<Bytes*>(s.bytes);
  b->size = a.size;
  std::memcpy(b->data, a.p, a.size);
  return from_bytes(b);
}

int compare_double(double x, double y) {
  if (std::isnan(x)) return std::isnan(y) ? 0 : 1;
  if (std::isnan(y)) return -1;
  return x < y ? -1 : x > y;
}

int compare_other(const Column& c, Datum a, Datum b) {
  static thread_local Arena arena(256);
  FnContext cx;
  cx.arena = &arena;
  cx.collation = c.collation;
  int r = c.type->compare(cx, a, b);
  if (arena.bytes() > 4096) arena.reset();
  return r;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

}  // namespace

std::shared_ptr<IndexState> state_of(const RelationDesc* table, const IndexDesc& index) {
  auto& slot = cache[(raw(index.file.number) * 2654435761u + raw(index.file.database)) % kCacheSlots];
  if (slot && same_definition(*slot, index)) return slot;
  auto st = std::make_shared<IndexState>();
  st->file = index.file;
  st->name = index.name;
  st->nkeys = static_cast<int>(index.keys.size());
  st->nulls_not_distinct = index.nulls_not_distinct;
  for (const auto& k : index.keys) {
    const TypeInfo& t = type_info(k.type);
    if (t.compare_kind == CompareKind::kNone || (t.compare_kind == CompareKind::kOther && !t.compare))
      throw SqlError{sqlstate::kUndefinedObject, cat("data type ", t.name, " has no default operator class for access method \"btree\"")};
    add_column(*st, t, k.collation, k.desc, k.nulls_first);
  }
  // Included columns need the table for their types; a caller without it (vacuum) sees only keys and tids, which is all it needs.
  if (table) {
    for (int16_t attno : index.included) add_column(*st, type_info(table->attrs[static_cast<size_t>(attno - 1)].type), kInvalidOid, false, false);
  }
  st->natts = static_cast<int>(index.keys.size() + index.included.size());
  st->simple_first = st->nkeys > 0 && st->columns[0].compare == CompareKind::kInt64 && st->columns[0].store < StoreKind::kFixed;
  if (table || index.included.empty()) slot = st;
  return st;
}

int compare_value(const Column& c, Datum v, const RawAttr& a) {
  switch (c.compare) {
    case CompareKind::kInt64: {
      auto x = static_cast<int64_t>(v), y = static_cast<int64_t>(load_fixed(c.store, a.p));
      return x < y ? -1 : x > y;
    }
    case CompareKind::kFloat8: return compare_double(as_float8(v), as_float8(load_fixed(c.store, a.p)));
    case CompareKind::kFloat4: return compare_double(as_float4(v), as_float4(load_fixed(c.store, a.p)));
    case CompareKind::kBytes: return compare_bytes(as_view(v), a.view());
    case CompareKind::kBpchar: return compare_bytes(trimmed(as_view(v)), trimmed(a.view()));
    default: {
      Scratch s;
      return compare_other(c, v, scratch_datum(s, c, a));
    }
  }
}

int compare_raw(const Column& c, const RawAttr& a, const RawAttr& b) {
  if (c.store < StoreKind::kFixed) return compare_value(c, load_fixed(c.store, a.p), b);
  switch (c.compare) {
    case CompareKind::kBytes: return compare_bytes(a.view(), b.view());
    case CompareKind::kBpchar: return compare_bytes(trimmed(a.view()), trimmed(b.view()));
    default: {
      Scratch s;
      return compare_value(c, scratch_datum(s, c, a), b);
    }
  }
}

AttrCursor entry_cursor(const IndexState& st, const uint8_t* e, bool pivot) {
  const uint8_t* p = e + (pivot ? kPivotHeader : kLeafHeader);
  if (!(e[6] & kHasNulls)) return AttrCursor(st.format, p, nullptr);
  return AttrCursor(st.format, p + (entry_natts(e) + 7) / 8, p);
}

namespace {
// 0 when the common columns are equal; *truncated: the entry ended before the key did.
int compare_columns(const IndexState& st, const SearchKey& key, const uint8_t* e, bool pivot, bool* truncated) {
  auto natts = static_cast<int>(entry_natts(e));
  AttrCursor cursor = entry_cursor(st, e, pivot);
  *truncated = false;
  for (int i = 0; i < key.n; i++) {
    if (i >= natts) {
      *truncated = true;
      return 0;
    }
    const Column& c = st.columns[static_cast<size_t>(i)];
    RawAttr a = cursor.next();
    bool key_null = key.nulls && key.nulls[i];
    if (key_null || a.null) {
      if (key_null && a.null) continue;
      return key_null == c.nulls_first ? -1 : 1;
    }
    if (int r = compare_value(c, key.values[i], a)) return c.desc ? -r : r;
  }
  return 0;
}
}  // namespace

int compare_generic(const IndexState& st, const SearchKey& key, const uint8_t* e, bool pivot) {
  bool truncated;
  if (int r = compare_columns(st, key, e, pivot, &truncated)) return r;
  if (truncated) return 1;
  if (pivot && key.n < st.nkeys && static_cast<int>(entry_natts(e)) == key.n) return 1;
  if (key.n < st.nkeys) return key.rest;
  Tid t = entry_tid(e);
  if (pivot && t.item == 0) return 1;
  if (!key.with_tid) return key.rest;
  return key.tid < t ? -1 : key.tid > t;
}

bool same_columns(const IndexState& st, const SearchKey& key, const uint8_t* e, bool pivot) {
  bool truncated;
  return compare_columns(st, key, e, pivot, &truncated) == 0 && !truncated;
}

namespace {

// First item of [lo, hi) that is not below the key (below: compare > 0), or with `equal_is_below` that is above it.
template <bool equal_is_below>
int binary_search(const IndexState& st, const SearchKey& key, const Page& page, bool pivot, int lo, int hi) {
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    int c = compare(st, key, page.entry(mid), pivot);
    if (equal_is_below ? c >= 0 : c > 0) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

// Narrows [lo, hi) by guessing where an integer lies between the ends' and probing outwards: integer keys are mostly spread evenly, and the probes near a
// good guess share cache lines, where each step of a binary search is a miss. Items below *lo are below the key, those from *hi on are not.
void interpolate(const IndexState& st, const SearchKey& key, const Page& page, bool pivot, int* lo, int* hi) {
  const Column& c = st.columns[0];
  const uint32_t header = pivot ? kPivotHeader : kLeafHeader;
  const auto target = static_cast<double>(static_cast<int64_t>(key.values[0]));
  auto value = [&](int i, double* v) {
    const uint8_t* e = page.entry(i);
    if (e[6] & kHasNulls || !(e[6] & kNattsMask)) return false;
    *v = static_cast<double>(static_cast<int64_t>(load_fixed(c.store, e + header)));
    return true;
  };
  double first, last;
  if (!value(*lo, &first) || !value(*hi - 1, &last) || first == last) return;
  double at = (target - first) / (last - first);
  if (!(at >= 0 && at <= 1)) return;
  int guess = *lo + static_cast<int>(at * (*hi - 1 - *lo));
  auto below = [&](int i) { return compare(st, key, page.entry(i), pivot) > 0; };
  int step = 2;
  if (below(guess)) {
    *lo = guess + 1;
    for (; guess + step < *hi; step *= 2) {
      if (!below(guess + step)) {
        *hi = guess + step;
        return;
      }
      *lo = guess + step + 1;
    }
  } else {
    *hi = guess;
    for (; guess - step >= *lo; step *= 2) {
      if (below(guess - step)) {
        *lo = guess - step + 1;
        return;
      }
      *hi = guess - step;
    }
  }
}

bool worth_interpolating(const IndexState& st, const SearchKey& key, int items) {
  return items > 24 && st.simple_first && key.n > 0 && !(key.nulls && key.nulls[0]);
}

}  // namespace

int lower_bound(const IndexState& st, const SearchKey& key, const Page& page) {
  int lo = page.first(), hi = page.count();
  bool pivot = !page.leaf();
  if (worth_interpolating(st, key, hi - lo)) interpolate(st, key, page, pivot, &lo, &hi);
  return binary_search<false>(st, key, page, pivot, lo, hi);
}

int child_position(const IndexState& st, const SearchKey& key, const Page& page) {
  int lo = page.first() + 1, hi = page.count();   // the first is minus infinity
  if (worth_interpolating(st, key, hi - lo)) {
    // Where compare is 0 both searches agree about everything but that item.
    interpolate(st, key, page, true, &lo, &hi);
    int i = binary_search<false>(st, key, page, true, lo, hi);
    if (i < page.count() && compare(st, key, page.entry(i), true) == 0) i++;
    return i - 1;
  }
  return binary_search<true>(st, key, page, true, lo, hi) - 1;
}

void key_of_entry(const IndexState& st, const uint8_t* e, bool pivot, Arena& arena, OwnedKey& out) {
  auto n = static_cast<int>(entry_natts(e));
  if (n > st.nkeys) n = st.nkeys;
  AttrCursor cursor = entry_cursor(st, e, pivot);
  for (int i = 0; i < n; i++) {
    RawAttr a = cursor.next();
    out.nulls[i] = a.null;
    out.values[i] = a.null ? 0 : raw_to_datum(st.format.attrs[static_cast<size_t>(i)], a, arena);
  }
  Tid t = entry_tid(e);
  out.key = SearchKey{out.values, out.nulls, n, -1, n == st.nkeys && t.item != 0, t};
}

void make_leaf_entry(const IndexState& st, const Datum* values, const uint8_t* nulls, Tid tid, EntryBuffer& out) {
  auto n = static_cast<uint32_t>(st.natts);
  bool has_nulls = any_null(nulls, n);
  size_t size = kLeafHeader + (has_nulls ? (n + 7) / 8 : 0) + data_size(st.format, n, values, nulls);
  if (size > kMaxEntryBytes)
    throw SqlError{sqlstate::kProgramLimitExceeded, cat("index row size ", size, " exceeds maximum ", kMaxEntryBytes, " for index \"", st.name, "\""),
                   {}, "Values larger than 1/3 of a buffer page cannot be indexed.\nConsider a function index of an MD5 hash of the value, or use full text indexing."};
  set_entry_tid(out.bytes, tid);
  out.bytes[6] = static_cast<uint8_t>(n | (has_nulls ? kHasNulls : 0));
  uint8_t* p = out.bytes + kLeafHeader;
  if (has_nulls) {
    fill_bitmap(nulls, n, p);
    p += (n + 7) / 8;
  }
  pack_data(st.format, n, values, nulls, p);
  out.size = static_cast<uint32_t>(size);
}

void make_separator(const IndexState& st, const uint8_t* last, const uint8_t* first, PageNo child, EntryBuffer& out) {
  AttrCursor a = entry_cursor(st, last, false), b = entry_cursor(st, first, false);
  const uint8_t* data = b.position();
  uint8_t null_bits[4] = {};
  bool has_nulls = false, differs = false;
  int keep = 0;
  while (keep < st.nkeys && !differs) {
    RawAttr x = a.next(), y = b.next();
    if (y.null) {
      has_nulls = true;
      null_bits[keep >> 3] = static_cast<uint8_t>(null_bits[keep >> 3] | 1 << (keep & 7));
    }
    differs = x.null != y.null || (!x.null && compare_raw(st.columns[static_cast<size_t>(keep)], x, y) != 0);
    keep++;
  }
  Tid tid = entry_tid(first);
  set_entry_tid(out.bytes, differs ? Tid{PageNo{0}, 0} : tid);
  out.bytes[6] = static_cast<uint8_t>(keep | (has_nulls ? kHasNulls : 0));
  set_entry_child(out.bytes, child);
  uint8_t* p = out.bytes + kPivotHeader;
  if (has_nulls) {
    size_t n = static_cast<size_t>(keep + 7) / 8;
    std::memcpy(p, null_bits, n);
    p += n;
  }
  auto n = static_cast<size_t>(b.position() - data);
  std::memcpy(p, data, n);
  out.size = static_cast<uint32_t>(p + n - out.bytes);
}

std::string key_text(const RelationDesc& table, const IndexDesc& index, const Datum* values, const uint8_t* nulls) {
  std::string names, vals;
  Arena arena;
  FnContext cx;
  cx.arena = &arena;
  cx.services = g_session_services;
  for (size_t i = 0; i < index.keys.size(); i++) {
    if (i) {
      names += ", ";
      vals += ", ";
    }
    int16_t attno = index.keys[i].attno;
    names += attno > 0 ? table.attrs[static_cast<size_t>(attno - 1)].name : std::string("expression");
    if (nulls && nulls[i]) vals += "null";
    else index.key_type(i).out(cx, values[i], vals);
  }
  return cat("(", names, ")=(", vals, ")");
}

}  // namespace postern::btree
