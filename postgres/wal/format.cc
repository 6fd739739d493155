#include "postgres/wal/format.h"

#include <cstring>

#include "common/base/cat.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "postgres/wal/internal.h"

namespace postern::wal {

uint32_t record_body_crc(const uint8_t* record) {
  auto* h = reinterpret_cast<const RecordHeader*>(record);
  return crc32c(record + sizeof(RecordHeader), h->total_bytes - sizeof(RecordHeader));
}
uint32_t record_crc_from_body(const uint8_t* record, uint64_t lsn, uint32_t body) {
  uint32_t c = crc32c(&lsn, sizeof lsn, body);
  c = crc32c(record, 4, c);
  return crc32c(record + 8, sizeof(RecordHeader) - 8, c);
}
uint32_t record_crc(const uint8_t* record, uint64_t lsn) { return record_crc_from_body(record, lsn, record_body_crc(record)); }

ControlFile read_control(std::string_view site) {
  std::string path = cat(site, "/control");
  std::string bytes = os::read_file(path);
  ControlFile c;
  if (bytes.size() != sizeof c) throw SqlError(sqlstate::kDataCorrupted, cat("control file \"", path, "\" has ", bytes.size(), " bytes, expected ", sizeof c)).fatal();
  std::memcpy(&c, bytes.data(), sizeof c);
  if (c.magic != kControlMagic || c.crc != crc32c(&c, offsetof(ControlFile, crc)))
    throw SqlError(sqlstate::kDataCorrupted, cat("incorrect checksum in control file \"", path, "\"")).fatal();
  if (c.version != kControlVersion || c.page_bytes != kPageBytes || c.segment_bytes != kSegmentBytes)
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, "database files are incompatible with server",
                   cat("The data directory has format version ", c.version, ", the server needs ", kControlVersion, ".")).fatal();
  return c;
}

void write_control(std::string_view site, ControlFile& c) {
  c.magic = kControlMagic;
  c.version = kControlVersion;
  c.page_bytes = kPageBytes;
  c.segment_bytes = kSegmentBytes;
  c.written_us = static_cast<uint64_t>(os::wall_clock_us());
  c.crc = crc32c(&c, offsetof(ControlFile, crc));
  os::write_file_durably(cat(site, "/control"), {reinterpret_cast<const char*>(&c), sizeof c});
}

}  // namespace postern::wal
