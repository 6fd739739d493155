// COPY in both directions.
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/protocol/wire.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

constexpr size_t kFlushBytes = 128 * 1024;

bool copying_in(PGconn* c) {
  if (c && (c->async == Async::CopyIn || c->async == Async::CopyBoth)) return true;
  if (c) append_error(c, "no COPY in progress\n");
  return false;
}

// A row: 1 and the body; nothing complete: 0; the end or an error, which PQgetResult will tell: -1.
int next_row(PGconn* c, std::string_view& row) {
  while (true) {
    char type;
    std::string_view body;
    Next next = next_message(c, type, body);
    if (next == Next::Incomplete) return 0;
    if (next == Next::Message && type == 'd') {
      row = body;
      take_message(c, body);
      return 1;
    }
    if (next == Next::Message && (type == 'N' || type == 'A' || type == 'S')) {
      // The generic parser takes these; it stops at the first other message because the state is put back.
      Async saved = c->async;
      std::string copy(body);
      take_message(c, body);
      if (type == 'N') deliver_notice(c, copy);
      else if (type == 'S') parse_parameter_status(c, copy);
      c->async = saved;
      continue;
    }
    if (next == Next::Message && type == 'c') take_message(c, body);
    c->async = Async::Busy;
    return -1;
  }
}

}  // namespace
}  // namespace postern::pq

using namespace postern;
using namespace postern::pq;

extern "C" {

int PQputCopyData(PGconn* c, const char* buffer, int bytes) {
  if (!copying_in(c) || bytes < 0) return -1;
  if (c->fd < 0) {
    append_error(c, "connection not open\n");
    return -1;
  }
  if (bytes == 0) return 1;
  if (c->nonblocking && c->out.size() - c->out_start > 16 * kFlushBytes && flush_output(c) == 1) return 0;
  wire::Writer w(c->out);
  w.begin('d');
  w.bytes({buffer, static_cast<size_t>(bytes)});
  w.end();
  if (c->out.size() - c->out_start < kFlushBytes) return 1;
  if (c->nonblocking) return flush_output(c) < 0 ? -1 : 1;
  return flush_blocking(c) ? 1 : -1;
}

int PQputCopyEnd(PGconn* c, const char* errormsg) {
  if (!copying_in(c)) return -1;
  wire::Writer w(c->out);
  if (errormsg) {
    w.begin('f');
    w.cstring(errormsg);
  } else {
    w.begin('c');
  }
  w.end();
  if (!c->queue.empty() && c->queue.front().kind != CommandClass::Simple) {
    w.begin('S');
    w.end();
  }
  c->async = c->async == Async::CopyBoth ? Async::CopyOut : Async::Busy;
  clear_result(c);
  if (c->nonblocking) return flush_output(c) < 0 ? -1 : 1;
  return flush_blocking(c) ? 1 : -1;
}

int PQgetCopyData(PGconn* c, char** buffer, int async) {
  *buffer = nullptr;
  if (!c) return -2;
  if (c->async != Async::CopyOut && c->async != Async::CopyBoth) {
    append_error(c, "no COPY in progress\n");
    return -2;
  }
  while (true) {
    std::string_view row;
    int r = next_row(c, row);
    if (r < 0) return -1;
    if (r > 0) {
      if (row.empty()) continue;
      auto* copy = static_cast<char*>(malloc(row.size() + 1));
      if (!copy) {
        append_error(c, "out of memory\n");
        return -2;
      }
      std::memcpy(copy, row.data(), row.size());
      copy[row.size()] = '\0';
      *buffer = copy;
      return static_cast<int>(row.size());
    }
    if (async) return 0;
    c->error.clear();
    if (flush_blocking(c) && wait_readable(c) && read_input(c) >= 0) continue;
    // PQgetResult gives the reason, then nothing more.
    clear_result(c);
    c->queue.clear();
    c->result = error_result(c, c->error);
    c->async = Async::Ready;
    return -2;
  }
}

int PQputnbytes(PGconn* c, const char* buffer, int bytes) { return PQputCopyData(c, buffer, bytes) > 0 ? 0 : -1; }
int PQputline(PGconn* c, const char* line) { return PQputnbytes(c, line, static_cast<int>(strlen(line))); }

int PQendcopy(PGconn* c) {
  if (!c) return 0;
  if (c->async != Async::CopyIn && c->async != Async::CopyOut && c->async != Async::CopyBoth) {
    append_error(c, "no COPY in progress\n");
    return 1;
  }
  if (c->async == Async::CopyIn) {
    if (PQputCopyEnd(c, nullptr) < 0) return 1;
  } else {
    c->async = Async::Busy;
  }
  PGresult* r = PQgetResult(c);
  bool good = r && r->status == PGRES_COMMAND_OK;
  PQclear(r);
  return good ? 0 : 1;
}
}
