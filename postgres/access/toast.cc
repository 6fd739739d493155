// Values out of line: chunks in the toast fork, each a tuple without attributes {next chunk's tid, bytes}. They are written last to first, found only through their
// owner's pointer, and deleted (xmax) with it. Nobody checks their visibility: whoever sees the owner may read them; vacuum of the toast fork removes them by their own headers.
#include <lz4.h>

#include <algorithm>

#include "common/base/error.h"
#include "postgres/access/heap_internal.h"
#include "postgres/access/heap_wal.h"

namespace postern::heap {

Tid place_chunk(RelFile file, Formed tuple);

namespace {

constexpr uint32_t kLinkBytes = 6;
constexpr uint32_t kChunkBytes = (kMaxTupleBytes & ~3u) - sizeof(TupleHeader) - kLinkBytes;
alignas(8) uint8_t g_chunk[kPageBytes];

SqlError broken() { return SqlError{sqlstate::kDataCorrupted, "out-of-line value is damaged: missing or unexpected chunk"}; }

// Calls fn(chunk tuple, payload) for each chunk; the page is latched in `mode`. fn returns false to stop.
template <class F>
void each_chunk(RelFile file, const ExternalValue& v, region::LatchMode mode, F&& fn) {
  uint32_t left = v.stored_size;
  Tid at = v.first;
  while (left) {
    if (!at.valid() || raw(at.page) >= raw(buffer::page_count(file, Fork::kToast))) throw broken();
    buffer::PageRef ref = buffer::read(page_id(file, Fork::kToast, at.page), mode);
    Page page(ref);
    if (!page.normal(at.item)) throw broken();
    TupleHeader* t = page.tuple(at.item);
    uint32_t length = page.item(at.item).length();
    if (length <= t->hoff + kLinkBytes || length - t->hoff - kLinkBytes > left) throw broken();
    uint32_t n = length - t->hoff - kLinkBytes;
    const uint8_t* p = t->data();
    Tid next{PageNo{load<uint32_t>(p)}, load<uint16_t>(p + 4)};
    if (!fn(ref, at, t, std::string_view(reinterpret_cast<const char*>(p) + kLinkBytes, n))) return;
    left -= n;
    at = next;
  }
}

void read_stored(RelFile file, const ExternalValue& v, char* out) {
  each_chunk(file, v, region::LatchMode::kShared, [&](buffer::PageRef&, Tid, TupleHeader*, std::string_view part) {
    std::memcpy(out, part.data(), part.size());
    out += part.size();
    return true;
  });
}

}  // namespace

Tid write_chunks(RelFile file, std::string_view stored) {
  Tid next{};
  auto* t = reinterpret_cast<TupleHeader*>(g_chunk);
  *t = TupleHeader{};
  t->xmin = raw(txn::current_xid());
  t->cid = txn::command_id();
  t->hoff = sizeof(TupleHeader);
  for (size_t end = stored.size(); end > 0;) {
    size_t n = end % kChunkBytes ? end % kChunkBytes : kChunkBytes;
    uint8_t* p = g_chunk + sizeof(TupleHeader);
    store(p, raw(next.page));
    store(p + 4, next.item);
    std::memcpy(p + kLinkBytes, stored.data() + end - n, n);
    next = place_chunk(file, {g_chunk, static_cast<uint16_t>(sizeof(TupleHeader) + kLinkBytes + n)});
    end -= n;
  }
  return next;
}

void delete_chunks(RelFile file, const ExternalValue& v) {
  Xid xid = txn::current_xid();
  each_chunk(file, v, region::LatchMode::kExclusive, [&](buffer::PageRef& ref, Tid tid, TupleHeader* t, std::string_view) {
    wal::Record rec(wal::Op::kHeapDelete, xid);
    rec.page(ref);
    rec.put(DeleteRecord{{tid.item, raw(xid), t->cid, static_cast<uint16_t>(t->flags & ~(kXmaxCommitted | kXmaxAborted))}, 0});
    rec.put(raw(tid.page));
    rec.apply();
    return true;
  });
}

void delete_externals(const RelationDesc& rel, const TupleHeader* t, const TupleHeader* kept_by) {
  if (!(t->flags & kHasExternal)) return;
  auto each = [&](const TupleHeader* tuple, auto&& fn) {
    AttrCursor c(format_of(rel), tuple->data(), tuple->bitmap());
    while (c.index() < tuple->natts) {
      RawAttr a = c.next();
      if (!a.null && a.special && a.p[0] == kSpecialExternal) fn(load_external(a.p + 1));
    }
  };
  std::vector<Tid> kept;
  if (kept_by && kept_by->flags & kHasExternal) each(kept_by, [&](const ExternalValue& v) { kept.push_back(v.first); });
  each(t, [&](const ExternalValue& v) {
    if (std::find(kept.begin(), kept.end(), v.first) == kept.end()) delete_chunks(rel.file, v);
  });
}

bool external_equals(RelFile file, const ExternalValue& v, std::string_view raw) {
  if (!v.compressed) {
    bool equal = true;
    each_chunk(file, v, region::LatchMode::kShared, [&](buffer::PageRef&, Tid, TupleHeader*, std::string_view part) {
      equal = raw.substr(0, part.size()) == part;
      raw.remove_prefix(part.size());
      return equal;
    });
    return equal;
  }
  std::string old(v.raw_size, 0);
  read_external(file, v, old.data());
  return old == raw;
}

}  // namespace postern::heap

namespace postern {

void read_external(RelFile file, const ExternalValue& v, char* out) {
  if (!v.compressed) {
    if (v.stored_size != v.raw_size) throw heap::broken();
    heap::read_stored(file, v, out);
    return;
  }
  std::string stored(v.stored_size, 0);
  heap::read_stored(file, v, stored.data());
  int n = LZ4_decompress_safe(stored.data(), out, static_cast<int>(v.stored_size), static_cast<int>(v.raw_size));
  if (n < 0 || static_cast<uint32_t>(n) != v.raw_size) throw heap::broken();
}

}  // namespace postern
