// Pages of heap, B-tree and maps.
#include "common/base/cat.h"
#include "common/base/endian.h"
#include "postgres/access/btree_page.h"
#include "postgres/access/heap_page.h"
#include "postgres/inspect/decode.h"

namespace postern::inspect {

namespace {

std::string tid_text(uint32_t page, uint16_t item) { return cat("(", page, ",", item, ")"); }

template <class Names>
std::string flag_names(uint32_t flags, const Names& names) {
  std::string out;
  for (const auto& [bit, name] : names)
    if (flags & bit) {
      if (!out.empty()) out += '|';
      out += name;
    }
  return out.empty() ? "-" : out;
}

struct FlagName {
  uint32_t bit;
  const char* name;
};
constexpr FlagName kTupleFlagNames[] = {{heap::kXminCommitted, "xmin_committed"}, {heap::kXminAborted, "xmin_aborted"}, {heap::kXmaxCommitted, "xmax_committed"},
                                        {heap::kXmaxAborted, "xmax_aborted"}, {heap::kXmaxLockOnly, "lock_only"}, {heap::kXmaxKeyUpdate, "key_update"},
                                        {heap::kSharedLock, "shared_lock"}, {heap::kHotUpdated, "hot_updated"}, {heap::kHeapOnly, "heap_only"},
                                        {heap::kCombo, "combo"}, {heap::kHasNulls, "nulls"}, {heap::kHasExternal, "external"}};
constexpr FlagName kBtreeFlagNames[] = {{btree::kLeaf, "leaf"}, {btree::kRoot, "root"}, {btree::kIncompleteSplit, "incomplete_split"},
                                        {btree::kDeleted, "deleted"}, {btree::kMeta, "meta"}};

bool sane(const PageHeader& h) { return h.lower >= sizeof(PageHeader) && h.lower <= h.upper && h.upper <= h.special && h.special <= kPageBytes; }

Json heap_items(const uint8_t* bytes, int* problems) {
  heap::Page page(const_cast<uint8_t*>(bytes));
  Json items = Json::array();
  for (uint16_t n = 1; n <= page.items(); n++) {
    heap::ItemId id = page.item(n);
    Json j{{"item", n}};
    switch (id.state()) {
      case heap::ItemState::kUnused: j["state"] = "unused"; break;
      case heap::ItemState::kDead: j["state"] = "dead"; break;
      case heap::ItemState::kRedirect:
        j["state"] = "redirect";
        j["to"] = id.offset();
        break;
      case heap::ItemState::kNormal: {
        j["state"] = "normal";
        j["offset"] = id.offset();
        j["length"] = id.length();
        if (id.length() < sizeof(heap::TupleHeader) || id.offset() < page.header().upper || id.offset() + id.length() > kPageBytes) {
          j["problem"] = "lies outside the tuples";
          ++*problems;
          break;
        }
        const auto* t = page.tuple(n);
        j["xmin"] = uint64_t{t->xmin};
        j["xmax"] = uint64_t{t->xmax};
        j["cid"] = uint32_t{t->cid};
        j["ctid"] = tid_text(t->ctid_page, t->ctid_item);
        j["flags"] = flag_names(t->flags, kTupleFlagNames);
        j["natts"] = uint16_t{t->natts};
        if (t->hoff > id.length()) {
          j["problem"] = "header is longer than the tuple";
          ++*problems;
          break;
        }
        j["data"] = hex(t->data(), static_cast<size_t>(id.length() - t->hoff));
        break;
      }
    }
    items.push_back(std::move(j));
  }
  return items;
}

Json btree_items(const btree::Page& page, int* problems) {
  Json items = Json::array();
  for (int i = 0; i < page.count(); i++) {
    btree::ItemPtr it = page.items()[i];
    bool pivot = page.is_pivot(i);
    uint32_t header = pivot ? btree::kPivotHeader : btree::kLeafHeader;
    Json j{{"item", i}, {"kind", i < page.first() ? "high_key" : pivot ? "downlink" : "entry"}, {"offset", it.offset}, {"size", it.size()}};
    if (it.size() < header || it.offset < page.header().upper || it.offset + it.size() > btree::kSpecialOffset) {
      j["problem"] = "lies outside the entries";
      ++*problems;
      items.push_back(std::move(j));
      continue;
    }
    const uint8_t* e = page.entry(i);
    Tid t = btree::entry_tid(e);
    if (!pivot || t.item) j["tid"] = tid_text(raw(t.page), t.item);
    if (pivot) j["child"] = raw(btree::entry_child(e));
    j["attributes"] = btree::entry_natts(e);
    if (btree::entry_info(e) & btree::kHasNulls) j["nulls"] = true;
    if (it.dead()) j["dead"] = true;
    j["key"] = hex(e + header, it.size() - header);
    items.push_back(std::move(j));
  }
  return items;
}

void btree_page(Json& j, const uint8_t* bytes, bool detail, int* problems) {
  btree::Page page(const_cast<uint8_t*>(bytes));
  const btree::Special& s = page.special();
  j["btree_flags"] = flag_names(s.flags, kBtreeFlagNames);
  if (page.has(btree::kMeta)) {
    const btree::Meta& m = page.meta();
    j["magic_ok"] = m.magic == btree::kMetaMagic;
    j["version"] = m.version;
    j["root"] = raw(m.root);
    j["level"] = m.level;
    j["free_pages"] = m.free_count;
    return;
  }
  j["level"] = s.level;
  j["prev"] = raw(s.prev);
  j["next"] = raw(s.next);
  if (page.has(btree::kDeleted)) j["deleted_xid"] = s.deleted_xid;
  j["items"] = page.count();
  if (detail) j["entries"] = btree_items(page, problems);
}

}  // namespace

Json decode_page(const uint8_t* bytes, uint32_t number, bool detail, int* problems) {
  PageHeader h;
  std::memcpy(&h, bytes, sizeof h);
  Json j{{"page", number}};
  if (page_is_zero(bytes)) {
    j["kind"] = "new";
    return j;
  }
  uint32_t kind = h.reserved & 0xFF;
  j["kind"] = kind == heap::kKindHeap ? "heap" : kind == btree::kPageKindBtree ? "btree" : kind == heap::kKindVisibility ? "visibility" : kind == heap::kKindFreeSpace ? "free_space" : "unknown";
  j["lsn"] = lsn_text(h.lsn);
  bool sum_ok = h.checksum == page_checksum(bytes);
  j["checksum"] = sum_ok ? "ok" : "wrong";
  if (!sum_ok) ++*problems;
  j["flags"] = h.flags;
  j["lower"] = h.lower;
  j["upper"] = h.upper;
  j["special"] = h.special;
  if (kind == heap::kKindVisibility || kind == heap::kKindFreeSpace) return j;
  if (!sane(h) || (kind == btree::kPageKindBtree && h.special != btree::kSpecialOffset) || (kind == heap::kKindHeap && h.special != heap::kSpecialOffset)) {
    j["problem"] = "broken page header";
    ++*problems;
    return j;
  }
  if (kind == btree::kPageKindBtree) {
    btree_page(j, bytes, detail, problems);
  } else if (kind == heap::kKindHeap) {
    heap::Page page(const_cast<uint8_t*>(bytes));
    j["items"] = page.items();
    j["all_visible"] = page.all_visible();
    j["prune_xid"] = page.prune_xid();
    if (detail) j["tuples"] = heap_items(bytes, problems);
  }
  return j;
}

}  // namespace postern::inspect
