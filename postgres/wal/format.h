// The WAL on disk. <site>/wal/<segment number, 16 hex digits>, each covering 16 MB of the byte stream (shorter while it grows); records follow each other, 8-byte aligned,
// and cross segment boundaries.
//
//   record  = RecordHeader, PageRefOnDisk × pages, images (kPageBytes - hole_bytes each, in order of the refs that have one), data, padding to 8
//   crc     = crc32c(everything after the header, then the LSN of its start, then the header without crc): a record left over in a recycled segment is at the wrong LSN
//   prev    = LSN of the previous record's start
//   epoch   = random, one per life of the region. All records after a kEpochStart have its epoch, so what an earlier life wrote behind a torn record can never follow ours.
//
// <site>/control: ControlFile, replaced atomically.
#pragma once
#include <cstdint>

#include "postgres/storage/page.h"
#include "postgres/wal/wal.h"

namespace postern::wal {

constexpr uint64_t kSegmentBytes = 16 << 20;
constexpr uint64_t kFirstLsn = kSegmentBytes;  // 0 stays invalid

struct RecordHeader {
  uint32_t total_bytes;   // with padding
  uint32_t crc;
  uint64_t prev;
  uint64_t xid;
  uint32_t data_bytes;
  uint32_t epoch;
  uint8_t op;
  uint8_t pages;
  uint16_t zero;
  uint32_t zero2;
};
static_assert(sizeof(RecordHeader) == 40);

struct PageRefOnDisk {
  uint32_t database, number, page;
  uint8_t fork;
  uint8_t flags;          // 1: image follows, 2: new
  uint16_t hole_start, hole_bytes;
  uint16_t zero;
};
static_assert(sizeof(PageRefOnDisk) == 20);
constexpr uint8_t kHasImage = 1, kIsNew = 2;

struct CheckpointData {
  uint64_t redo;
  SavedState state;
};

constexpr uint64_t kControlMagic = 0x314C525443545350;  // "PSTCTRL1"
constexpr uint32_t kControlVersion = 1;
struct ControlFile {
  uint64_t magic;
  uint32_t version, page_bytes;
  uint64_t segment_bytes, system_identifier;
  uint64_t redo;              // replay starts here
  uint64_t checkpoint;        // start and end of the checkpoint record; 0 in a new site
  uint64_t checkpoint_end;
  uint64_t written_us;
  SavedState state;
  uint32_t zero, crc;
};

uint32_t record_crc(const uint8_t* record, uint64_t lsn);             // needs prev and epoch filled in
uint32_t record_body_crc(const uint8_t* record);                      // the part that needs neither
uint32_t record_crc_from_body(const uint8_t* record, uint64_t lsn, uint32_t body);
ControlFile read_control(std::string_view site);                      // XX001 when damaged, 58P01 when there is none
void write_control(std::string_view site, ControlFile& c);

}  // namespace postern::wal
