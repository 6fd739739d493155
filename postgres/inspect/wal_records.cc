// WAL records and the control file.
#include <ctime>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "postgres/access/btree_page.h"
#include "postgres/access/heap_wal.h"
#include "postgres/inspect/decode.h"
#include "postgres/wal/files.h"

namespace postern::inspect {

using wal::Op;

const char* op_name(uint8_t op) {
  switch (static_cast<Op>(op)) {
    case Op::kHeapInsert: return "heap_insert";
    case Op::kHeapMultiInsert: return "heap_multi_insert";
    case Op::kHeapUpdate: return "heap_update";
    case Op::kHeapHotUpdate: return "heap_hot_update";
    case Op::kHeapDelete: return "heap_delete";
    case Op::kHeapLock: return "heap_lock";
    case Op::kHeapPrune: return "heap_prune";
    case Op::kHeapVacuum: return "heap_vacuum";
    case Op::kHeapAllVisible: return "heap_all_visible";
    case Op::kHeapInPlace: return "heap_in_place";
    case Op::kBtreeInsert: return "btree_insert";
    case Op::kBtreeSplit: return "btree_split";
    case Op::kBtreeNewRoot: return "btree_new_root";
    case Op::kBtreeDelete: return "btree_delete";
    case Op::kBtreeUnlink: return "btree_unlink";
    case Op::kBtreeBuildPage: return "btree_build_page";
    case Op::kBtreeMeta: return "btree_meta";
    case Op::kVisibilitySet: return "visibility_set";
    case Op::kVisibilityClear: return "visibility_clear";
    case Op::kFreeSpaceSet: return "free_space_set";
    case Op::kFullPage: return "full_page";
    case Op::kCommit: return "commit";
    case Op::kAbort: return "abort";
    case Op::kXidAlloc: return "xid_alloc";
    case Op::kFileCreate: return "file_create";
    case Op::kFileTruncate: return "file_truncate";
    case Op::kDatabaseCopy: return "database_copy";
    case Op::kDatabaseDrop: return "database_drop";
    case Op::kOidAlloc: return "oid_alloc";
    case Op::kCheckpoint: return "checkpoint";
    case Op::kEpochStart: return "epoch_start";
    case Op::kSequence: return "sequence";
  }
  return "unknown";
}

namespace {

template <class T>
bool get(std::string_view d, T* v) {
  if (d.size() < sizeof(T)) return false;
  std::memcpy(static_cast<void*>(v), d.data(), sizeof(T));
  return true;
}

void change(Json& j, const heap::XmaxChange& c) {
  j["item"] = uint16_t{c.item};
  j["xmax"] = uint64_t{c.xmax};
}

void decode_heap(Json& j, Op op, std::string_view d) {
  switch (op) {
    case Op::kHeapInsert:
      if (heap::InsertRecord r; get(d, &r)) j["item"] = uint16_t{r.item};
      break;
    case Op::kHeapMultiInsert:
      if (heap::MultiInsertRecord r; get(d, &r)) j["count"] = uint16_t{r.count};
      break;
    case Op::kHeapDelete:
      if (heap::DeleteRecord r; get(d, &r)) change(j, r.change);
      break;
    case Op::kHeapLock:
      if (heap::LockRecord r; get(d, &r)) change(j, r.change);
      break;
    case Op::kHeapUpdate:
    case Op::kHeapHotUpdate:
      if (heap::UpdateRecord r; get(d, &r)) {
        change(j, r.change);
        j["new_item"] = uint16_t{r.new_item};
      }
      break;
    case Op::kHeapPrune:
      if (heap::PruneRecord r; get(d, &r)) {
        j["redirects"] = uint16_t{r.redirects};
        j["dead"] = uint16_t{r.dead};
        j["unused"] = uint16_t{r.unused};
      }
      break;
    case Op::kHeapVacuum:
      if (heap::VacuumRecord r; get(d, &r)) j["count"] = uint16_t{r.count};
      break;
    default: break;
  }
}

void decode_btree(Json& j, Op op, std::string_view d) {
  switch (op) {
    case Op::kBtreeInsert:
      if (btree::InsertRecord r; get(d, &r)) j["pos"] = uint16_t{r.pos};
      break;
    case Op::kBtreeSplit:
      if (btree::SplitRecord r; get(d, &r)) {
        j["level"] = uint16_t{r.level};
        j["left"] = static_cast<uint32_t>(r.left);
        j["right"] = static_cast<uint32_t>(r.right);
        j["keep"] = uint16_t{r.keep};
        j["right_count"] = uint16_t{r.right_count};
        j["new_goes"] = r.new_pos == 0xFFFF ? "right" : "left";
      }
      break;
    case Op::kBtreeNewRoot:
      if (btree::NewRootRecord r; get(d, &r)) {
        j["root"] = static_cast<uint32_t>(r.root);
        j["level"] = uint16_t{r.level};
      }
      break;
    case Op::kBtreeDelete:
      if (btree::DeleteRecord r; get(d, &r)) j["count"] = uint16_t{r.count};
      break;
    case Op::kBtreeUnlink:
      if (btree::UnlinkRecord r; get(d, &r)) {
        j["target"] = static_cast<uint32_t>(r.target);
        j["right"] = static_cast<uint32_t>(r.right);
        j["deleted_xid"] = uint64_t{r.xid};
      }
      break;
    case Op::kBtreeMeta:
      if (btree::MetaRecord r; get(d, &r)) {
        j["change"] = r.change == btree::MetaChange::kSetRoot ? "set_root" : r.change == btree::MetaChange::kTakeFree ? "take_free" : "add_free";
        j["page"] = static_cast<uint32_t>(r.page);
      }
      break;
    default: break;
  }
}

Json state(const wal::SavedState& s) {
  return {{"next_xid", s.next_xid}, {"next_oid", s.next_oid}, {"next_csn", s.next_csn}, {"oldest_xid", s.oldest_xid}};
}

void decode_other(Json& j, Op op, std::string_view d) {
  switch (op) {
    case Op::kFileCreate:
    case Op::kFileTruncate:
      if (wal::FileRecord r; get(d, &r)) {
        j["file"] = cat(r.database, "/", r.number, "/", r.fork);
        if (op == Op::kFileTruncate) j["pages"] = r.count;
      }
      break;
    case Op::kDatabaseCopy:
    case Op::kDatabaseDrop:
      if (wal::DatabaseRecord r; get(d, &r)) {
        j["from"] = r.from;
        j["database"] = r.database;
      }
      break;
    case Op::kXidAlloc:
    case Op::kOidAlloc:
      if (uint64_t v; get(d, &v)) j["upto"] = v;
      break;
    case Op::kCheckpoint:
      if (wal::CheckpointData c; get(d, &c)) {
        j["redo"] = lsn_text(c.redo);
        j.update(state(c.state));
      }
      break;
    default: break;
  }
}

}  // namespace

Json decode_record(const uint8_t* record, const wal::RecordHeader& h, uint64_t start) {
  Json j{{"lsn", lsn_text(start)}, {"bytes", h.total_bytes}, {"op", op_name(h.op)}, {"xid", h.xid}, {"prev", lsn_text(h.prev)}};
  const uint8_t* p = record + sizeof h;
  size_t images = 0;
  Json pages = Json::array();
  for (int i = 0; i < h.pages; i++) {
    wal::PageRefOnDisk r;
    std::memcpy(&r, p, sizeof r);
    p += sizeof r;
    Json ref{{"file", cat(r.database, "/", r.number)}, {"fork", r.fork}, {"page", r.page}};
    if (r.flags & wal::kIsNew) ref["new"] = true;
    if (r.flags & wal::kHasImage) {
      ref["image_bytes"] = kPageBytes - r.hole_bytes;
      images += kPageBytes - r.hole_bytes;
    }
    pages.push_back(std::move(ref));
  }
  size_t left = h.total_bytes - sizeof h - h.pages * sizeof(wal::PageRefOnDisk);
  if (images + h.data_bytes > left) {
    j["problem"] = "images and data are longer than the record";
    return j;
  }
  std::string_view data(reinterpret_cast<const char*>(p + images), h.data_bytes);
  j["data_bytes"] = h.data_bytes;
  auto op = static_cast<Op>(h.op);
  if ((h.op & 0xF0) == 0x10) decode_heap(j, op, data);
  else if ((h.op & 0xF0) == 0x20) decode_btree(j, op, data);
  else decode_other(j, op, data);
  if (!pages.empty()) j["pages"] = std::move(pages);
  return j;
}

Json decode_control(const wal::ControlFile& c) {
  auto seconds = static_cast<time_t>(c.written_us / 1000000);
  tm t{};
  gmtime_r(&seconds, &t);
  char when[32];
  strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &t);
  Json j{{"version", c.version},
         {"page_bytes", c.page_bytes},
         {"segment_bytes", c.segment_bytes},
         {"system_identifier", c.system_identifier},
         {"redo", lsn_text(c.redo)},
         {"checkpoint", lsn_text(c.checkpoint)},
         {"checkpoint_end", lsn_text(c.checkpoint_end)},
         {"written", when}};
  j.update(state(c.state));
  return j;
}

}  // namespace postern::inspect
