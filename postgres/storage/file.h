// Relation files: one file per fork, opened through a per-process descriptor cache, and the region's table of file sizes.
//
// Size table: (file, fork) → number of pages, and whether the file was written since it was last fsynced. Lookups take no latch. Changes are made under the
// file's extension latch (one of kFileLatches, by hash; rank kRelExtend). An entry that is unsynced stays; others may be pushed out and come back from fstat.
// A holder that dies leaves either the old or the new entry, or an invalid one that is filled again.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/region/region.h"
#include "postgres/storage/page.h"

namespace postern::storage {

void attach_hooks();                                  // registers the size table; before region::attach

const std::string& site();                            // of the attached region
std::string path_of(RelFile file, Fork fork);         // relative to the site: base/5/16384_fsm
std::string database_path(Oid database);              // base/5, or global
std::string absolute(std::string_view relative);

// Creates an empty file (58P02 when it exists, unless exists_ok). Not logged: see wal/files.h.
void create(RelFile file, Fork fork, bool exists_ok = false);
bool exists(RelFile file, Fork fork);
void unlink(RelFile file, Fork fork);                 // fine when missing; its space is freed even while others hold it open
void unlink_all(RelFile file);

// Pages [page, page + count). A read past the end is XX001; 58030/53100 on I/O errors.
void read(const PageId& first, void* to, uint32_t count);
bool try_read(const PageId& page, void* to);          // false when past the end or the file is missing
void write(const PageId& page, const void* from);     // the file is marked unsynced
void prefetch(const PageId& first, uint32_t count);
void truncate(RelFile file, Fork fork, PageNo count);

// The number of pages; 0 when there is no file.
PageNo page_count(RelFile file, Fork fork);
PageNo page_count_on_disk(RelFile file, Fork fork);
region::Latch& extension_latch(RelFile file, Fork fork);
// Makes the file `pages` long with zeros allocated on disk (53100 now rather than at the write). REQUIRES: extension latch, exclusive. Creates the file.
void extend_to(RelFile file, Fork fork, PageNo pages);
void forget_size(RelFile file, Fork fork);            // REQUIRES: extension latch, exclusive

void sync_all();                                      // fsyncs every file written since its last fsync, and their directories. Failure poisons the region.
void sync(RelFile file, Fork fork);                   // one file, now

void create_database_dir(Oid database, bool exists_ok = false);
void copy_database_dir(Oid from, Oid to);             // all files, fsynced; source pages must be on disk
void drop_database_dir(Oid database);                 // fine when missing
int64_t database_bytes(Oid database);                       // of all its files as they are on disk; 0: global
void close_all();                                     // this process's descriptors

}  // namespace postern::storage
