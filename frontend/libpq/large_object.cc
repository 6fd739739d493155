// The calls for large objects, which Postern does not have: each fails and says so.
#include "frontend/libpq/internal.h"

namespace {
template <class T>
T refuse(PGconn* c, T failure) {
  if (c) {
    c->error.clear();
    postern::pq::append_error(c, "large objects are not supported\n");
  }
  return failure;
}
}  // namespace

extern "C" {
int lo_open(PGconn* c, Oid, int) { return refuse(c, -1); }
int lo_close(PGconn* c, int) { return refuse(c, -1); }
int lo_read(PGconn* c, int, char*, size_t) { return refuse(c, -1); }
int lo_write(PGconn* c, int, const char*, size_t) { return refuse(c, -1); }
int lo_lseek(PGconn* c, int, int, int) { return refuse(c, -1); }
pg_int64 lo_lseek64(PGconn* c, int, pg_int64, int) { return refuse<pg_int64>(c, -1); }
Oid lo_creat(PGconn* c, int) { return refuse<Oid>(c, 0); }
Oid lo_create(PGconn* c, Oid) { return refuse<Oid>(c, 0); }
int lo_tell(PGconn* c, int) { return refuse(c, -1); }
pg_int64 lo_tell64(PGconn* c, int) { return refuse<pg_int64>(c, -1); }
int lo_truncate(PGconn* c, int, size_t) { return refuse(c, -1); }
int lo_truncate64(PGconn* c, int, pg_int64) { return refuse(c, -1); }
int lo_unlink(PGconn* c, Oid) { return refuse(c, -1); }
Oid lo_import(PGconn* c, const char*) { return refuse<Oid>(c, 0); }
Oid lo_import_with_oid(PGconn* c, const char*, Oid) { return refuse<Oid>(c, 0); }
int lo_export(PGconn* c, Oid, const char*) { return refuse(c, -1); }
}
