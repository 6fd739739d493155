#include "postgres/wal/files.h"

#include <cstring>

#include "postgres/buffer/buffer.h"
#include "postgres/storage/file.h"
#include "postgres/wal/wal.h"

namespace postern::wal {
namespace {

template <class T>
T parse(std::string_view data) {
  T v{};
  std::memcpy(&v, data.data(), std::min(sizeof v, data.size()));
  return v;
}
RelFile file_of(const FileRecord& r) { return {Oid(r.database), Oid(r.number)}; }

template <class T>
Lsn log(Op op, const T& v, Xid xid = kInvalidXid) {
  Record r(op, xid);
  r.put(v);
  return r.append();
}

void replay_create(std::string_view data, Xid, Lsn) {
  auto r = parse<FileRecord>(data);
  storage::create_database_dir(Oid(r.database), true);
  storage::create(file_of(r), static_cast<Fork>(r.fork), true);
}
void replay_truncate(std::string_view data, Xid, Lsn) {
  auto r = parse<FileRecord>(data);
  buffer::truncate_relation(file_of(r), static_cast<Fork>(r.fork), PageNo(r.count));
}
// The copy was complete and durable before its record was written, and a checkpoint followed: only the directory is made sure of.
void replay_copy(std::string_view data, Xid, Lsn) { storage::create_database_dir(Oid(parse<DatabaseRecord>(data).database), true); }
void replay_drop(std::string_view data, Xid, Lsn) {
  auto r = parse<DatabaseRecord>(data);
  buffer::drop_database(Oid(r.database));
  storage::drop_database_dir(Oid(r.database));
}

}  // namespace

void create_relation_fork(RelFile file, Fork fork, Xid xid) {
  log(Op::kFileCreate, FileRecord{raw(file.database), raw(file.number), static_cast<uint32_t>(fork), 0}, xid);
  storage::create(file, fork);
}

void truncate_relation(RelFile file, Fork fork, PageNo count) {
  // Durable first: what is cut off can't come back, so replay must know.
  flush(log(Op::kFileTruncate, FileRecord{raw(file.database), raw(file.number), static_cast<uint32_t>(fork), raw(count)}));
  buffer::truncate_relation(file, fork, count);
}

void create_database(Oid database) {
  storage::create_database_dir(database, true);
  flush(log(Op::kDatabaseCopy, DatabaseRecord{0, raw(database)}));
}

void copy_database(Oid from, Oid to) {
  buffer::flush_database(from);
  storage::copy_database_dir(from, to);
  flush(log(Op::kDatabaseCopy, DatabaseRecord{raw(from), raw(to)}));
  // The copied pages carry LSNs of the source; the new redo point lies behind them all, so that their first change logs an image.
  checkpoint();
}

void drop_database(Oid database) {
  flush(log(Op::kDatabaseDrop, DatabaseRecord{0, raw(database)}));
  buffer::drop_database(database);
  storage::drop_database_dir(database);
}

void register_file_replay() {
  register_replay(Op::kFileCreate, replay_create);
  register_replay(Op::kFileTruncate, replay_truncate);
  register_replay(Op::kDatabaseCopy, replay_copy);
  register_replay(Op::kDatabaseDrop, replay_drop);
}

}  // namespace postern::wal
