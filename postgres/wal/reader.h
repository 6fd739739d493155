// Reads records in order, from the files alone (recovery, inspect) or from files and ring of a running site (page repair).
#pragma once
#include <string>
#include <vector>

#include "common/os/file.h"
#include "postgres/wal/format.h"

namespace postern::wal {

class LogReader {
 public:
  // Starts at the record that begins at lsn. live: what isn't in the files yet is taken from the ring, and reading ends at insert_lsn. REQUIRES for live: attached.
  LogReader(std::string wal_dir, uint64_t lsn, bool live) : dir_(std::move(wal_dir)), live_(live), lsn_(lsn) {}

  // The next valid record, or nullptr at the end; header() and start() are about it. Valid until the next call.
  const uint8_t* next();
  const RecordHeader& header() const { return header_; }
  uint64_t start() const { return start_; }     // of the record returned last
  uint64_t end() const { return lsn_; }         // of the record returned last = where the next one begins

 private:
  const uint8_t* at(uint64_t lsn, uint64_t n);
  void load(uint64_t lsn, uint64_t n);
  bool load_file_part(uint64_t upto);
  std::string dir_;
  bool live_;
  uint64_t lsn_, start_ = 0;
  RecordHeader header_{};
  uint32_t epoch_ = 0;
  bool first_ = true;
  std::vector<uint8_t> buf_;
  uint64_t buf_start_ = 0, have_ = 0;
  os::Fd fd_;
  uint64_t fd_segment_ = 0;
};

// Fills the page from its image in a record and moves `image` behind it.
void restore_image(uint8_t* page, const PageRefOnDisk& ref, const uint8_t*& image, const uint8_t* end);
std::string segment_name(uint64_t segment);

}  // namespace postern::wal
