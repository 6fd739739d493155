// Messages of the server become results. parse_input runs until a result is complete, COPY begins, or no whole message is left.
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>

#include "common/base/cat.h"
#include "common/protocol/wire.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

// Message types that may be long; any other that claims more than kMaxSmallMessageBytes means that we no longer are at a message's start.
bool may_be_long(char type) { return std::strchr("TDdVENAtS", type) != nullptr; }
bool known_type(char type) { return type && std::strchr("123ACDEGHIKNRSTVWZcdnstv", type) != nullptr; }

PGresult* new_result(PGconn* c, ExecStatusType status) { return PQmakeEmptyPGresult(c, status); }

void ready(PGconn* c, PGresult* r) {
  clear_result(c);
  c->result = r;
  c->async = Async::Ready;
}

std::string current_query(const PGconn* c) { return c->queue.empty() ? std::string() : c->queue.front().query; }

CommandClass current_class(const PGconn* c) { return c->queue.empty() ? CommandClass::Simple : c->queue.front().kind; }

bool parse_row_description(PGconn* c, wire::Reader& r) {
  int n = r.int16();
  if (r.failed() || n < 0) return false;
  bool describe = current_class(c) == CommandClass::Describe;
  PGresult* result = describe && c->result ? c->result : new_result(c, describe ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);
  bool all_binary = n > 0;
  for (int i = 0; i < n; i++) {
    Column col;
    col.name = r.cstring();
    col.table = static_cast<Oid>(r.int32());
    col.table_column = r.int16();
    col.type = static_cast<Oid>(r.int32());
    col.size = r.int16();
    col.modifier = r.int32();
    col.format = r.int16();
    if (col.format != 1) all_binary = false;
    if (r.failed()) break;
    result->columns.push_back(std::move(col));
  }
  if (r.failed()) {
    if (result != c->result) PQclear(result);
    return false;
  }
  result->binary = all_binary;
  if (describe) {
    c->result = nullptr;
    ready(c, result);
  } else {
    clear_result(c);
    c->result = result;
  }
  return true;
}

bool parse_parameter_description(PGconn* c, wire::Reader& r) {
  int n = static_cast<uint16_t>(r.int16());
  PGresult* result = new_result(c, PGRES_COMMAND_OK);
  for (int i = 0; i < n && !r.failed(); i++) result->params.push_back(static_cast<Oid>(r.int32()));
  if (r.failed()) {
    PQclear(result);
    return false;
  }
  clear_result(c);
  c->result = result;
  return true;
}

PGresult* same_columns(PGconn* c, const PGresult* from, ExecStatusType status) {
  PGresult* r = new_result(c, status);
  r->columns = from->columns;
  r->binary = from->binary;
  return r;
}

bool parse_data_row(PGconn* c, wire::Reader& r) {
  PGresult* result = c->result;
  int n = r.int16();
  if (r.failed() || n != static_cast<int>(result->columns.size())) return false;
  if (c->single_row) {
    PGresult* row = same_columns(c, result, PGRES_SINGLE_TUPLE);
    c->template_result = result;
    c->result = result = row;
  }
  static char empty[1] = {0};
  size_t first = result->cells.size();
  for (int i = 0; i < n; i++) {
    int32_t length = r.int32();
    if (length < 0) {
      result->cells.push_back({empty, -1});
      continue;
    }
    std::string_view value = r.bytes(static_cast<size_t>(length));
    if (r.failed()) break;
    result->cells.push_back({length == 0 ? empty : result->store(value), length});
  }
  if (r.failed()) {
    result->cells.resize(first);
    return false;
  }
  result->rows++;
  if (c->single_row) c->async = Async::ReadyMore;
  return true;
}

bool parse_copy_begin(PGconn* c, wire::Reader& r, ExecStatusType status, Async async) {
  PGresult* result = new_result(c, status);
  result->binary = r.byte() != 0;
  int n = r.int16();
  for (int i = 0; i < n && !r.failed(); i++) {
    Column col;
    col.format = r.int16();
    col.size = 0;
    col.modifier = 0;
    result->columns.push_back(col);
  }
  if (r.failed()) {
    PQclear(result);
    return false;
  }
  clear_result(c);
  c->result = result;
  c->async = async;
  return true;
}

bool parse_notification(PGconn* c, wire::Reader& r) {
  int pid = r.int32();
  std::string_view channel = r.cstring();
  std::string_view extra = r.cstring();
  if (r.failed()) return false;
  auto* n = static_cast<PGnotify*>(malloc(sizeof(PGnotify) + channel.size() + extra.size() + 2));
  if (!n) throw std::bad_alloc();
  char* p = reinterpret_cast<char*>(n + 1);
  n->relname = p;
  std::memcpy(p, channel.data(), channel.size());
  p[channel.size()] = '\0';
  n->extra = p += channel.size() + 1;
  if (!extra.empty()) std::memcpy(p, extra.data(), extra.size());
  p[extra.size()] = '\0';
  n->be_pid = pid;
  n->next = nullptr;
  (c->notify_tail ? c->notify_tail->next : c->notify_head) = n;
  c->notify_tail = n;
  return true;
}

void ready_for_query(PGconn* c, char state) {
  c->transaction = state == 'I' ? PQTRANS_IDLE : state == 'T' ? PQTRANS_INTRANS : state == 'E' ? PQTRANS_INERROR : PQTRANS_UNKNOWN;
  if (c->pipeline != PQ_PIPELINE_OFF) {
    c->pipeline = PQ_PIPELINE_ON;
    ready(c, new_result(c, PGRES_PIPELINE_SYNC));
    return;
  }
  clear_result(c);
  if (!c->queue.empty()) c->queue.pop_front();
  c->async = Async::Idle;
}

void report_error(PGconn* c, std::string_view body) {
  PGresult* r = new_result(c, PGRES_FATAL_ERROR);
  r->query = current_query(c);
  if (!parse_error_fields(c, body, r)) {
    PQclear(r);
    fail_connection(c, "could not interpret the error message of the server\n");
    return;
  }
  r->error = format_error(*r, c->verbosity, c->context);
  append_error(c, r->error);
  if (c->pipeline != PQ_PIPELINE_OFF) c->pipeline = PQ_PIPELINE_ABORTED;
  ready(c, r);
}

void command_complete(PGconn* c, std::string_view tag) {
  PGresult* r = c->result;
  c->result = nullptr;
  if (c->template_result) {  // single-row mode: the rows went one by one, now an empty result with their columns
    PQclear(r);
    r = nullptr;
  }
  if (!r || (r->status != PGRES_TUPLES_OK && r->status != PGRES_COMMAND_OK)) {
    PQclear(r);
    r = c->template_result ? same_columns(c, c->template_result, PGRES_TUPLES_OK) : new_result(c, PGRES_COMMAND_OK);
  }
  r->tag = tag;
  ready(c, r);
}

// True when the message was understood.
bool handle(PGconn* c, char type, std::string_view body) {
  wire::Reader r(body);
  switch (type) {
    case 'C': {
      std::string_view tag = r.cstring();
      if (r.failed()) return false;
      command_complete(c, tag);
      return true;
    }
    case 'E':
      report_error(c, body);
      return true;
    case 'Z': {
      char state = r.byte();
      if (r.failed()) return false;
      ready_for_query(c, state);
      return true;
    }
    case 'I':
      ready(c, new_result(c, PGRES_EMPTY_QUERY));
      return true;
    case '1':
      if (current_class(c) == CommandClass::Prepare) ready(c, new_result(c, PGRES_COMMAND_OK));
      return true;
    case '2':
    case '3':
      return true;
    case 'T':
      return parse_row_description(c, r);
    case 'n':
      if (current_class(c) == CommandClass::Describe) {
        PGresult* result = c->result ? c->result : new_result(c, PGRES_COMMAND_OK);
        c->result = nullptr;
        ready(c, result);
      }
      return true;
    case 't':
      return parse_parameter_description(c, r);
    case 'D':
      if (c->result && c->result->status == PGRES_TUPLES_OK) return parse_data_row(c, r);
      return c->result && c->result->status == PGRES_FATAL_ERROR;
    case 'G':
      return parse_copy_begin(c, r, PGRES_COPY_IN, Async::CopyIn);
    case 'H':
      return parse_copy_begin(c, r, PGRES_COPY_OUT, Async::CopyOut);
    case 'W':
      return parse_copy_begin(c, r, PGRES_COPY_BOTH, Async::CopyBoth);
    case 'd':
    case 'c':  // rows of a COPY that the program no longer reads
    case 's':
      return true;
    default:
      return false;
  }
}

// 'A', 'N', 'S' may come at any time.
bool handle_anytime(PGconn* c, char type, std::string_view body, bool& was) {
  wire::Reader r(body);
  was = true;
  switch (type) {
    case 'A': return parse_notification(c, r);
    case 'N': deliver_notice(c, body); return true;
    case 'S': return parse_parameter_status(c, body);
    case 'K':
      c->backend_pid = r.int32();
      c->backend_key = r.int32();
      return !r.failed();
  }
  was = false;
  return true;
}

// Nothing was asked: only notices, parameters, notifications and the error of a server that ends may come.
bool handle_idle(PGconn* c, char type, std::string_view body) {
  if (type == 'E') {
    pg_result r;
    if (!parse_error_fields(c, body, &r)) return false;
    append_error(c, format_error(r, c->verbosity, c->context));
    deliver_notice(c, body);
    return true;
  }
  internal_notice(c, cat("message type 0x", "0123456789abcdef"[(type >> 4) & 15], "0123456789abcdef"[type & 15],
                         " arrived from server while idle\n"));
  return true;
}

}  // namespace

Next next_message(PGconn* c, char& type, std::string_view& body) {
  size_t have = c->in.size() - c->in_start;
  if (have < 5) return Next::Incomplete;
  const char* p = c->in.data() + c->in_start;
  type = p[0];
  uint32_t length = load_be<uint32_t>(p + 1);
  if (!known_type(type) || length < 4 || (length > wire::kMaxSmallMessageBytes && !may_be_long(type)) ||
      length > wire::kMaxMessageBytes + (64u << 20))
    return Next::Broken;
  if (have < 1 + size_t{length}) return Next::Incomplete;
  body = std::string_view(p + 5, length - 4);
  return Next::Message;
}

void take_message(PGconn* c, std::string_view body) { c->in_start += 5 + body.size(); }

void clear_result(PGconn* c) {
  PQclear(c->result);
  PQclear(c->template_result);
  c->result = c->template_result = nullptr;
}

PGresult* error_result(PGconn* c, std::string_view text) {
  PGresult* r = new_result(c, PGRES_FATAL_ERROR);
  r->error = text;
  if (!r->error.empty() && r->error.back() != '\n') r->error += '\n';
  return r;
}

void fail_connection(PGconn* c, std::string_view text) {
  append_error(c, text);
  drop_connection(c);
  c->status = CONNECTION_BAD;
  ready(c, error_result(c, text));
}

PGresult* prepare_result(PGconn* c) {
  PGresult* r = c->result;
  c->result = nullptr;
  if (c->async == Async::ReadyMore) {
    c->result = c->template_result;
    c->template_result = nullptr;
    return r;
  }
  PQclear(c->template_result);
  c->template_result = nullptr;
  return r ? r : error_result(c, c->error.empty() ? "no result\n" : c->error);
}

// The head of the queue becomes current; in an aborted pipeline the server says nothing of it.
void process_queue(PGconn* c) {
  c->single_row = false;
  if (c->queue.empty()) {
    c->async = Async::Idle;
    return;
  }
  if (c->pipeline == PQ_PIPELINE_ABORTED && c->queue.front().kind != CommandClass::Sync) {
    ready(c, new_result(c, PGRES_PIPELINE_ABORTED));
    return;
  }
  c->async = Async::Busy;
}

void parse_input(PGconn* c) {
  while (true) {
    if (c->async != Async::Busy && c->async != Async::Idle && c->async != Async::PipelineIdle) return;
    char type;
    std::string_view body;
    Next next = next_message(c, type, body);
    if (next == Next::Incomplete) return;
    if (next == Next::Broken) {
      uint32_t length = load_be<uint32_t>(c->in.data() + c->in_start + 1);
      fail_connection(c, cat("lost synchronization with server: got message type \"", type, "\", length ", length, "\n"));
      return;
    }
    bool anytime, good;
    try {
      good = handle_anytime(c, type, body, anytime);
      if (good && !anytime) {
        if (c->async == Async::PipelineIdle) return;
        good = c->async == Async::Idle ? handle_idle(c, type, body) : handle(c, type, body);
      }
    } catch (const std::bad_alloc&) {
      fail_connection(c, "out of memory for query result\n");
      return;
    }
    if (c->fd < 0 && c->status == CONNECTION_BAD && c->in.empty()) return;  // the message ended the connection
    if (!good) {
      fail_connection(c, cat("lost synchronization with server: unexpected or malformed message of type \"", type, "\"\n"));
      return;
    }
    take_message(c, body);
  }
}

bool parse_error_fields(PGconn*, std::string_view body, PGresult* result) {
  wire::Reader r(body);
  while (true) {
    char field = r.byte();
    if (r.failed()) return false;
    if (field == '\0') return true;
    std::string_view value = r.cstring();
    if (r.failed()) return false;
    result->fields.emplace_back(field, std::string(value));
  }
}

void deliver_notice(PGconn* c, std::string_view body) {
  pg_result r;
  r.status = PGRES_NONFATAL_ERROR;
  r.processor = c->processor;
  r.processor_arg = c->processor_arg;
  if (!parse_error_fields(c, body, &r)) return;
  // Texts of notices carry no LINE: only errors belong to the query that we sent.
  r.error = format_error(r, c->verbosity, c->context);
  if (c->receiver) {
    c->receiver(c->receiver_arg, &r);
    return;
  }
  if (c->processor) c->processor(c->processor_arg, r.error.c_str());
  else fputs(r.error.c_str(), stderr);
}

void internal_notice(PGconn* c, std::string_view text) {
  pg_result r;
  r.status = PGRES_NONFATAL_ERROR;
  r.error = text;
  r.fields = {{PG_DIAG_MESSAGE_PRIMARY, std::string(text)}, {PG_DIAG_SEVERITY, "NOTICE"}, {PG_DIAG_SEVERITY_NONLOCALIZED, "NOTICE"}};
  if (c->receiver) c->receiver(c->receiver_arg, &r);
  else if (c->processor) c->processor(c->processor_arg, r.error.c_str());
  else fputs(r.error.c_str(), stderr);
}

bool parse_parameter_status(PGconn* c, std::string_view body) {
  wire::Reader r(body);
  std::string name(r.cstring());
  std::string value(r.cstring());
  if (r.failed()) return false;
  if (name == "client_encoding") {
    int e = pg_char_to_encoding(value.c_str());
    c->encoding = e < 0 ? 0 : e;
  } else if (name == "standard_conforming_strings") {
    c->standard_strings = value == "on";
  } else if (name == "server_version") {
    int major = 0, minor = 0, patch = 0;
    int n = sscanf(value.c_str(), "%d.%d.%d", &major, &minor, &patch);
    if (n >= 1) c->server_version = major >= 10 ? major * 10000 + (n >= 2 ? minor : 0) : (major * 100 + minor) * 100 + patch;
  }
  for (auto& p : c->parameters)
    if (p.first == name) {
      p.second = value;
      return true;
    }
  if (c->parameters.size() < 1000) c->parameters.emplace_back(name, value);
  return true;
}

}  // namespace postern::pq
