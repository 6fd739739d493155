// Logged changes of files: relation forks and database directories. Each logs, then does; replay does the same.
#pragma once
#include "common/base/ids.h"
#include "postgres/storage/page.h"

namespace postern::wal {

// Data of kFileCreate and kFileTruncate (count unused in the former), for replay functions of other layers: txn learns which files an unfinished transaction made.
struct FileRecord {
  uint32_t database, number, fork, count;
};
struct DatabaseRecord {
  uint32_t from, database;
};

void create_relation_fork(RelFile file, Fork fork, Xid xid);
void truncate_relation(RelFile file, Fork fork, PageNo count);   // nobody else uses the pages that go
void create_database(Oid database);                              // an empty directory
void copy_database(Oid from, Oid to);                            // CREATE DATABASE: nobody changes `from` meanwhile. Ends with a checkpoint
void drop_database(Oid database);                                // nobody is connected to it
void register_file_replay();                                     // by wal::attach_hooks

}  // namespace postern::wal
