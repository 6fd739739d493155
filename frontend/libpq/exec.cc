// Sending commands, fetching results, pipelines.
#include <cstring>

#include "common/base/cat.h"
#include "common/protocol/wire.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

constexpr int kMaxParams = 65535;
constexpr size_t kPipelineFlushBytes = 64 * 1024;

bool may_send(PGconn* c) {
  if (!c) return false;
  if (c->pipeline == PQ_PIPELINE_OFF || c->async == Async::Idle) c->error.clear();
  if (c->status != CONNECTION_OK) {
    append_error(c, "no connection to the server\n");
    return false;
  }
  if (c->pipeline == PQ_PIPELINE_OFF && c->async != Async::Idle) {
    append_error(c, "another command is already in progress\n");
    return false;
  }
  if (c->async == Async::CopyIn || c->async == Async::CopyOut || c->async == Async::CopyBoth) {
    append_error(c, "cannot queue commands during COPY\n");
    return false;
  }
  return true;
}

void push(PGconn* c, CommandClass kind, const char* query) {
  c->queue.push_back({kind, query ? query : ""});
  if (c->pipeline == PQ_PIPELINE_OFF || c->async == Async::Idle) {
    clear_result(c);
    process_queue(c);
  }
}

// In a pipeline bytes are kept back until there are many, or a Sync or flush sends them.
int sent(PGconn* c, bool sync) {
  if (c->pipeline != PQ_PIPELINE_OFF && !sync && c->out.size() - c->out_start < kPipelineFlushBytes) return 1;
  if (c->nonblocking || c->pipeline != PQ_PIPELINE_OFF) return flush_output(c) >= 0;
  return flush_blocking(c);
}

void write_sync(PGconn* c) {
  if (c->pipeline != PQ_PIPELINE_OFF) return;
  wire::Writer w(c->out);
  w.begin('S');
  w.end();
}

void write_parse(PGconn* c, const char* name, const char* query, int n, const Oid* types) {
  wire::Writer w(c->out);
  w.begin('P');
  w.cstring(name);
  w.cstring(query);
  w.int16(static_cast<int16_t>(types ? n : 0));
  if (types)
    for (int i = 0; i < n; i++) w.int32(static_cast<int32_t>(types[i]));
  w.end();
}

bool write_bind(PGconn* c, const char* statement, int n, const char* const* values, const int* lengths, const int* formats, int format) {
  size_t before = c->out.size();
  wire::Writer w(c->out);
  w.begin('B');
  w.cstring("");
  w.cstring(statement);
  w.int16(static_cast<int16_t>(formats ? n : 0));
  if (formats)
    for (int i = 0; i < n; i++) w.int16(static_cast<int16_t>(formats[i]));
  w.int16(static_cast<int16_t>(n));
  for (int i = 0; i < n; i++) {
    if (!values || !values[i]) {
      w.int32(-1);
      continue;
    }
    bool binary = formats && formats[i] != 0;
    if (binary && !lengths) {
      append_error(c, "length must be given for binary parameter\n");
      c->out.resize(before);
      return false;
    }
    size_t length = binary ? static_cast<size_t>(lengths[i]) : strlen(values[i]);
    w.int32(static_cast<int32_t>(length));
    w.bytes({values[i], length});
  }
  w.int16(1);
  w.int16(static_cast<int16_t>(format));
  w.end();
  w.begin('D');
  w.byte('P');
  w.cstring("");
  w.end();
  w.begin('E');
  w.cstring("");
  w.int32(0);
  w.end();
  return true;
}

bool check_params(PGconn* c, int n) {
  if (n >= 0 && n <= kMaxParams) return true;
  append_error(c, cat("number of parameters must be between 0 and ", kMaxParams, "\n"));
  return false;
}

bool check_text(PGconn* c, const char* s, const char* what) {
  if (s) return true;
  append_error(c, cat(what, " is a null pointer\n"));
  return false;
}

int send_describe(PGconn* c, char kind, const char* name) {
  if (!may_send(c)) return 0;
  wire::Writer w(c->out);
  w.begin('D');
  w.byte(kind);
  w.cstring(name ? name : "");
  w.end();
  write_sync(c);
  push(c, CommandClass::Describe, nullptr);
  return sent(c, false);
}

// PQexec throws away what earlier commands left.
bool exec_start(PGconn* c) {
  if (!c) return false;
  if (c->pipeline != PQ_PIPELINE_OFF) {
    append_error(c, "synchronous command execution functions are not allowed in pipeline mode\n");
    return false;
  }
  while (PGresult* r = PQgetResult(c)) {
    ExecStatusType status = r->status;
    PQclear(r);
    if (status == PGRES_COPY_IN && PQputCopyEnd(c, "COPY terminated by new PQexec") < 0) return false;
    if (status == PGRES_COPY_BOTH) {
      append_error(c, "PQexec not allowed during COPY BOTH\n");
      return false;
    }
    if (status == PGRES_COPY_OUT) c->async = Async::Busy;
    if (c->status == CONNECTION_BAD) return false;
  }
  return true;
}

// The last result; errors that follow each other are joined; COPY stops here.
PGresult* exec_finish(PGconn* c) {
  PGresult* last = nullptr;
  while (PGresult* r = PQgetResult(c)) {
    if (last && last->status == PGRES_FATAL_ERROR && r->status == PGRES_FATAL_ERROR) {
      last->error += r->error;
      PQclear(r);
      r = last;
      last = nullptr;
    }
    PQclear(last);
    last = r;
    if (r->status == PGRES_COPY_IN || r->status == PGRES_COPY_OUT || r->status == PGRES_COPY_BOTH || c->status == CONNECTION_BAD) break;
  }
  return last;
}

PGresult* wait_result(PGconn* c) {
  parse_input(c);
  while (c->async == Async::Busy) {
    if (c->fd < 0 && c->error.empty()) append_error(c, "no connection to the server\n");
    std::string before = std::move(c->error);
    c->error.clear();
    bool good = c->fd >= 0 && flush_blocking(c) && wait_readable(c) && read_input(c) >= 0;
    std::string problem = std::move(c->error);
    c->error = before + problem;
    if (!good) {
      PGresult* r = error_result(c, problem.empty() ? "connection not open\n" : problem);
      clear_result(c);
      drop_connection(c);
      c->status = CONNECTION_BAD;
      c->queue.clear();
      c->async = Async::Idle;
      c->transaction = PQTRANS_UNKNOWN;
      return r;
    }
    parse_input(c);
  }
  return nullptr;
}

PGresult* copy_result(PGconn* c, ExecStatusType status) {
  if (c->result && c->result->status == status) {
    PGresult* r = c->result;
    c->result = nullptr;
    return r;
  }
  return PQmakeEmptyPGresult(c, status);
}

}  // namespace
}  // namespace postern::pq

using namespace postern;
using namespace postern::pq;

extern "C" {

int PQsendQuery(PGconn* c, const char* query) {
  if (!may_send(c) || !check_text(c, query, "command string")) return 0;
  if (c->pipeline != PQ_PIPELINE_OFF) {
    append_error(c, "PQsendQuery not allowed in pipeline mode\n");
    return 0;
  }
  wire::Writer w(c->out);
  w.begin('Q');
  w.cstring(query);
  w.end();
  push(c, CommandClass::Simple, query);
  return sent(c, false);
}

int PQsendQueryParams(PGconn* c, const char* command, int n, const Oid* types, const char* const* values, const int* lengths,
                      const int* formats, int result_format) {
  if (!may_send(c) || !check_text(c, command, "command string") || !check_params(c, n)) return 0;
  size_t before = c->out.size();
  write_parse(c, "", command, n, types);
  if (!write_bind(c, "", n, values, lengths, formats, result_format)) {
    c->out.resize(before);
    return 0;
  }
  write_sync(c);
  push(c, CommandClass::Extended, command);
  return sent(c, false);
}

int PQsendPrepare(PGconn* c, const char* name, const char* query, int n, const Oid* types) {
  if (!may_send(c) || !check_text(c, name, "statement name") || !check_text(c, query, "command string") || !check_params(c, n)) return 0;
  write_parse(c, name, query, n, types);
  write_sync(c);
  push(c, CommandClass::Prepare, query);
  return sent(c, false);
}

int PQsendQueryPrepared(PGconn* c, const char* name, int n, const char* const* values, const int* lengths, const int* formats,
                        int result_format) {
  if (!may_send(c) || !check_text(c, name, "statement name") || !check_params(c, n)) return 0;
  if (!write_bind(c, name, n, values, lengths, formats, result_format)) return 0;
  write_sync(c);
  push(c, CommandClass::Extended, nullptr);
  return sent(c, false);
}

int PQsendDescribePrepared(PGconn* c, const char* statement) { return send_describe(c, 'S', statement); }
int PQsendDescribePortal(PGconn* c, const char* portal) { return send_describe(c, 'P', portal); }

PGresult* PQgetResult(PGconn* c) {
  if (!c) return nullptr;
  if (PGresult* broken = wait_result(c)) return broken;
  switch (c->async) {
    case Async::Idle:
    case Async::Busy:
      return nullptr;
    case Async::PipelineIdle:
      process_queue(c);
      return nullptr;
    case Async::ReadyMore: {
      PGresult* r = prepare_result(c);
      c->async = Async::Busy;
      return r;
    }
    case Async::Ready: {
      PGresult* r = prepare_result(c);
      if (c->status == CONNECTION_BAD) {
        c->queue.clear();
        c->async = Async::Idle;
        return r;
      }
      if (c->pipeline == PQ_PIPELINE_OFF) {
        c->async = Async::Busy;
        return r;
      }
      if (!c->queue.empty()) c->queue.pop_front();
      c->async = Async::PipelineIdle;
      if (r->status == PGRES_PIPELINE_SYNC) process_queue(c);
      return r;
    }
    case Async::CopyIn: return copy_result(c, PGRES_COPY_IN);
    case Async::CopyOut: return copy_result(c, PGRES_COPY_OUT);
    case Async::CopyBoth: return copy_result(c, PGRES_COPY_BOTH);
  }
  return nullptr;
}

PGresult* PQexec(PGconn* c, const char* query) {
  return exec_start(c) && PQsendQuery(c, query) ? exec_finish(c) : nullptr;
}

PGresult* PQexecParams(PGconn* c, const char* command, int n, const Oid* types, const char* const* values, const int* lengths,
                       const int* formats, int result_format) {
  bool good = exec_start(c) && PQsendQueryParams(c, command, n, types, values, lengths, formats, result_format);
  return good ? exec_finish(c) : nullptr;
}

PGresult* PQprepare(PGconn* c, const char* name, const char* query, int n, const Oid* types) {
  return exec_start(c) && PQsendPrepare(c, name, query, n, types) ? exec_finish(c) : nullptr;
}

PGresult* PQexecPrepared(PGconn* c, const char* name, int n, const char* const* values, const int* lengths, const int* formats,
                         int result_format) {
  bool good = exec_start(c) && PQsendQueryPrepared(c, name, n, values, lengths, formats, result_format);
  return good ? exec_finish(c) : nullptr;
}

PGresult* PQdescribePrepared(PGconn* c, const char* statement) {
  return exec_start(c) && PQsendDescribePrepared(c, statement) ? exec_finish(c) : nullptr;
}

PGresult* PQdescribePortal(PGconn* c, const char* portal) {
  return exec_start(c) && PQsendDescribePortal(c, portal) ? exec_finish(c) : nullptr;
}

int PQsetSingleRowMode(PGconn* c) {
  if (!c || c->async != Async::Busy || c->queue.empty() || c->result) return 0;
  CommandClass kind = c->queue.front().kind;
  if (kind != CommandClass::Simple && kind != CommandClass::Extended) return 0;
  c->single_row = true;
  return 1;
}

int PQisBusy(PGconn* c) {
  if (!c) return 0;
  parse_input(c);
  return c->async == Async::Busy && c->fd >= 0;
}

int PQconsumeInput(PGconn* c) {
  if (!c) return 0;
  if (!c->out.empty() && flush_output(c) < 0) return 0;
  return read_input(c) >= 0;
}

int PQsetnonblocking(PGconn* c, int on) {
  if (!c || c->status == CONNECTION_BAD) return -1;
  if (c->nonblocking == (on != 0)) return 0;
  if (!flush_blocking(c)) return -1;
  c->nonblocking = on != 0;
  return 0;
}

int PQisnonblocking(const PGconn* c) { return c && c->nonblocking; }
int PQflush(PGconn* c) { return c ? flush_output(c) : -1; }
PGpipelineStatus PQpipelineStatus(const PGconn* c) { return c ? c->pipeline : PQ_PIPELINE_OFF; }

int PQenterPipelineMode(PGconn* c) {
  if (!c || c->status != CONNECTION_OK) return 0;
  if (c->pipeline != PQ_PIPELINE_OFF) return 1;
  if (c->async != Async::Idle) {
    append_error(c, "cannot enter pipeline mode, connection not idle\n");
    return 0;
  }
  c->pipeline = PQ_PIPELINE_ON;
  return 1;
}

int PQexitPipelineMode(PGconn* c) {
  if (!c) return 0;
  if (c->pipeline == PQ_PIPELINE_OFF && c->async == Async::Idle) return 1;
  if (c->async == Async::Ready || c->async == Async::ReadyMore) {
    append_error(c, "cannot exit pipeline mode with uncollected results\n");
    return 0;
  }
  if (c->async == Async::Busy || !c->queue.empty()) {
    append_error(c, "cannot exit pipeline mode while busy\n");
    return 0;
  }
  if (c->async != Async::Idle && c->async != Async::PipelineIdle) {
    append_error(c, "cannot exit pipeline mode while in COPY\n");
    return 0;
  }
  c->async = Async::Idle;
  c->pipeline = PQ_PIPELINE_OFF;
  return c->out.empty() || flush_output(c) >= 0;
}

int PQpipelineSync(PGconn* c) {
  if (!c) return 0;
  if (c->pipeline == PQ_PIPELINE_OFF) {
    append_error(c, "cannot send pipeline when not in pipeline mode\n");
    return 0;
  }
  if (!may_send(c)) return 0;
  wire::Writer w(c->out);
  w.begin('S');
  w.end();
  push(c, CommandClass::Sync, nullptr);
  return sent(c, true);
}

int PQsendFlushRequest(PGconn* c) {
  if (!c || c->status != CONNECTION_OK) return 0;
  wire::Writer w(c->out);
  w.begin('H');
  w.end();
  return sent(c, false);
}

PGnotify* PQnotifies(PGconn* c) {
  if (!c) return nullptr;
  if (c->async == Async::Idle && c->status == CONNECTION_OK) parse_input(c);
  PGnotify* n = c->notify_head;
  if (!n) return nullptr;
  c->notify_head = n->next;
  if (!c->notify_head) c->notify_tail = nullptr;
  n->next = nullptr;
  return n;
}

void PQfreeNotify(PGnotify* n) { PQfreemem(n); }
}
