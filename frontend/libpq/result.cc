// Results and what is known of a connection: plain access.
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"
#include "frontend/libpq/tls.h"

namespace {

char kEmpty[] = "";
char* mutable_text(const std::string& s) { return const_cast<char*>(s.c_str()); }

const char* const kStatusNames[] = {"PGRES_EMPTY_QUERY",  "PGRES_COMMAND_OK",     "PGRES_TUPLES_OK", "PGRES_COPY_OUT",
                                    "PGRES_COPY_IN",      "PGRES_BAD_RESPONSE",   "PGRES_NONFATAL_ERROR",
                                    "PGRES_FATAL_ERROR",  "PGRES_COPY_BOTH",      "PGRES_SINGLE_TUPLE",
                                    "PGRES_PIPELINE_SYNC", "PGRES_PIPELINE_ABORTED"};

const postern::pq::Column* column(const PGresult* r, int i) {
  return r && i >= 0 && i < static_cast<int>(r->columns.size()) ? &r->columns[static_cast<size_t>(i)] : nullptr;
}

const postern::pq::Cell* cell(const PGresult* r, int row, int i) {
  if (!column(r, i) || row < 0 || row >= r->rows) return nullptr;
  return &r->cells[static_cast<size_t>(row) * r->columns.size() + static_cast<size_t>(i)];
}

}  // namespace

// Small values share chunks; one that is big gets its own.
char* pg_result::store(std::string_view s) {
  constexpr size_t kChunk = 8192, kBig = 2048;
  size_t need = s.size() + 1;
  char* p;
  if (need > kBig) {
    chunks_.emplace_back(new char[need]);
    allocated_ += need;
    p = chunks_.back().get();
  } else {
    if (chunk_left_ < need) {
      size_t size = allocated_ == 0 ? 1024 + kBig : kChunk;
      chunks_.emplace_back(new char[size]);
      allocated_ += size;
      chunk_ = chunks_.back().get();
      chunk_left_ = size;
    }
    p = chunk_;
    chunk_ += need;
    chunk_left_ -= need;
  }
  std::memcpy(p, s.data(), s.size());
  p[s.size()] = '\0';
  return p;
}

extern "C" {

extern PQ_API const char* const pgresStatus[12];
const char* const pgresStatus[12] = {kStatusNames[0], kStatusNames[1], kStatusNames[2],  kStatusNames[3],
                                     kStatusNames[4], kStatusNames[5], kStatusNames[6],  kStatusNames[7],
                                     kStatusNames[8], kStatusNames[9], kStatusNames[10], kStatusNames[11]};

PGresult* PQmakeEmptyPGresult(PGconn* c, ExecStatusType status) {
  auto* r = new pg_result;
  r->status = status;
  if (!c) return r;
  r->receiver = c->receiver;
  r->receiver_arg = c->receiver_arg;
  r->processor = c->processor;
  r->processor_arg = c->processor_arg;
  r->encoding = c->encoding;
  bool error = status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR || status == PGRES_BAD_RESPONSE;
  if (error) r->error = c->error;
  return r;
}

void PQclear(PGresult* r) { delete r; }
void PQfreemem(void* p) { free(p); }

ExecStatusType PQresultStatus(const PGresult* r) { return r ? r->status : PGRES_FATAL_ERROR; }

char* PQresStatus(ExecStatusType status) {
  if (status < 0 || static_cast<size_t>(status) >= std::size(kStatusNames)) return const_cast<char*>("invalid ExecStatusType code");
  return const_cast<char*>(kStatusNames[status]);
}

char* PQresultErrorMessage(const PGresult* r) { return r ? mutable_text(r->error) : kEmpty; }

char* PQresultVerboseErrorMessage(const PGresult* r, PGVerbosity verbosity, PGContextVisibility visibility) {
  if (!r || (r->status != PGRES_FATAL_ERROR && r->status != PGRES_NONFATAL_ERROR))
    return strdup("PGresult is not an error result\n");
  return strdup(postern::pq::format_error(*r, verbosity, visibility).c_str());
}

char* PQresultErrorField(const PGresult* r, int field) {
  if (!r) return nullptr;
  for (const auto& f : r->fields)
    if (f.first == field) return mutable_text(f.second);
  return nullptr;
}

int PQntuples(const PGresult* r) { return r ? r->rows : 0; }
int PQnfields(const PGresult* r) { return r ? static_cast<int>(r->columns.size()) : 0; }
int PQbinaryTuples(const PGresult* r) { return r && r->binary; }

char* PQfname(const PGresult* r, int i) {
  const auto* c = column(r, i);
  if (!c || r->status == PGRES_COPY_IN || r->status == PGRES_COPY_OUT || r->status == PGRES_COPY_BOTH) return nullptr;  // no names there
  return mutable_text(c->name);
}

// As an identifier in SQL: folded to lower case unless it stands in double quotes.
int PQfnumber(const PGresult* r, const char* name) {
  if (!r || !name || !*name) return -1;
  std::string wanted;
  bool quoted = false;
  for (const char* p = name; *p; p++) {
    if (*p != '"') {
      wanted += quoted || *p < 'A' || *p > 'Z' ? *p : static_cast<char>(*p + 32);
    } else if (quoted && p[1] == '"') {
      wanted += '"';
      p++;
    } else {
      quoted = !quoted;
    }
  }
  for (size_t i = 0; i < r->columns.size(); i++)
    if (r->columns[i].name == wanted) return static_cast<int>(i);
  return -1;
}

Oid PQftable(const PGresult* r, int i) { return column(r, i) ? column(r, i)->table : 0; }
int PQftablecol(const PGresult* r, int i) { return column(r, i) ? column(r, i)->table_column : 0; }
int PQfformat(const PGresult* r, int i) { return column(r, i) ? column(r, i)->format : 0; }
Oid PQftype(const PGresult* r, int i) { return column(r, i) ? column(r, i)->type : 0; }
int PQfsize(const PGresult* r, int i) { return column(r, i) ? column(r, i)->size : 0; }
int PQfmod(const PGresult* r, int i) { return column(r, i) ? column(r, i)->modifier : 0; }

char* PQcmdStatus(PGresult* r) { return r ? mutable_text(r->tag) : nullptr; }

Oid PQoidValue(const PGresult* r) {
  if (!r || r->tag.rfind("INSERT ", 0) != 0) return InvalidOid;
  return static_cast<Oid>(strtoul(r->tag.c_str() + 7, nullptr, 10));
}

char* PQoidStatus(const PGresult* r) {
  if (!r || r->tag.rfind("INSERT ", 0) != 0) return kEmpty;
  r->scratch = r->tag.substr(7, r->tag.find(' ', 7) - 7);
  return mutable_text(r->scratch);
}

char* PQcmdTuples(PGresult* r) {
  if (!r) return kEmpty;
  static constexpr std::string_view kCounted[] = {"SELECT ", "INSERT ", "UPDATE ", "DELETE ", "FETCH ", "MOVE ", "COPY ", "MERGE "};
  for (std::string_view word : kCounted) {
    if (r->tag.compare(0, word.size(), word) != 0) continue;
    size_t at = r->tag.rfind(' ') + 1;
    if (word == "INSERT " && r->tag.find(' ', word.size()) == std::string::npos) return kEmpty;
    for (size_t i = at; i < r->tag.size(); i++)
      if (r->tag[i] < '0' || r->tag[i] > '9') return kEmpty;
    return r->tag.data() + at;
  }
  return kEmpty;
}

char* PQgetvalue(const PGresult* r, int row, int i) {
  const auto* c = cell(r, row, i);
  return c ? c->data : nullptr;
}

int PQgetlength(const PGresult* r, int row, int i) {
  const auto* c = cell(r, row, i);
  return c && c->length > 0 ? c->length : 0;
}

int PQgetisnull(const PGresult* r, int row, int i) {
  const auto* c = cell(r, row, i);
  return !c || c->length < 0;
}

int PQnparams(const PGresult* r) { return r ? static_cast<int>(r->params.size()) : 0; }
Oid PQparamtype(const PGresult* r, int i) { return i >= 0 && i < PQnparams(r) ? r->params[static_cast<size_t>(i)] : InvalidOid; }
size_t PQresultMemorySize(const PGresult* r) { return r ? sizeof *r + r->memory() + r->cells.capacity() * sizeof(postern::pq::Cell) : 0; }

char* PQdb(const PGconn* c) { return c ? mutable_text(c->db) : nullptr; }
char* PQuser(const PGconn* c) { return c ? mutable_text(c->user) : nullptr; }
char* PQpass(const PGconn* c) { return c ? mutable_text(c->password) : nullptr; }
char* PQhost(const PGconn* c) { return c ? mutable_text(c->host) : nullptr; }
char* PQhostaddr(const PGconn* c) { return c ? mutable_text(c->host_address) : nullptr; }
char* PQport(const PGconn* c) { return c ? mutable_text(c->port) : nullptr; }
char* PQtty(const PGconn* c) { return c ? kEmpty : nullptr; }
char* PQoptions(const PGconn* c) { return c ? mutable_text(c->command_options) : nullptr; }
ConnStatusType PQstatus(const PGconn* c) { return c ? c->status : CONNECTION_BAD; }

PGTransactionStatusType PQtransactionStatus(const PGconn* c) {
  if (!c || c->status != CONNECTION_OK) return PQTRANS_UNKNOWN;
  return c->async != postern::pq::Async::Idle ? PQTRANS_ACTIVE : c->transaction;
}

const char* PQparameterStatus(const PGconn* c, const char* name) {
  if (!c || !name) return nullptr;
  for (const auto& p : c->parameters)
    if (p.first == name) return p.second.c_str();
  return nullptr;
}

int PQprotocolVersion(const PGconn* c) { return c && c->status == CONNECTION_OK ? 3 : 0; }
int PQserverVersion(const PGconn* c) { return c && c->status == CONNECTION_OK ? c->server_version : 0; }
char* PQerrorMessage(const PGconn* c) { return c ? mutable_text(c->error) : const_cast<char*>("connection pointer is NULL\n"); }
int PQsocket(const PGconn* c) { return c ? c->fd : -1; }
int PQbackendPID(const PGconn* c) { return c && c->status == CONNECTION_OK ? c->backend_pid : 0; }
int PQconnectionNeedsPassword(const PGconn* c) { return c && c->needs_password && c->password.empty(); }
int PQconnectionUsedPassword(const PGconn* c) { return c && c->used_password; }
int PQclientEncoding(const PGconn* c) { return c && c->status == CONNECTION_OK ? c->encoding : -1; }

int PQsetClientEncoding(PGconn* c, const char* encoding) {
  if (!c || c->status != CONNECTION_OK || !encoding) return -1;
  if (strcmp(encoding, "auto") == 0) encoding = pg_encoding_to_char(PQenv2encoding());
  std::string sql = "set client_encoding to '";
  for (const char* p = encoding; *p; p++)
    if (isalnum(static_cast<unsigned char>(*p)) || *p == '_' || *p == '-') sql += *p;
    else return -1;
  sql += '\'';
  PGresult* r = PQexec(c, sql.c_str());
  int status = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : -1;
  PQclear(r);
  return status;
}

PGVerbosity PQsetErrorVerbosity(PGconn* c, PGVerbosity verbosity) {
  if (!c) return PQERRORS_DEFAULT;
  return std::exchange(c->verbosity, verbosity);
}

PGContextVisibility PQsetErrorContextVisibility(PGconn* c, PGContextVisibility visibility) {
  if (!c) return PQSHOW_CONTEXT_ERRORS;
  return std::exchange(c->context, visibility);
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn* c, PQnoticeReceiver receiver, void* arg) {
  if (!c) return nullptr;
  PQnoticeReceiver old = c->receiver;
  if (receiver) {
    c->receiver = receiver;
    c->receiver_arg = arg;
  }
  return old;
}

PQnoticeProcessor PQsetNoticeProcessor(PGconn* c, PQnoticeProcessor processor, void* arg) {
  if (!c) return nullptr;
  PQnoticeProcessor old = c->processor;
  if (processor) {
    c->processor = processor;
    c->processor_arg = arg;
  }
  return old;
}

int PQsslInUse(PGconn* c) { return c && c->tls; }
void* PQsslStruct(PGconn* c, const char* name) { return c && c->tls && strcmp(name, "OpenSSL") == 0 ? c->tls->ssl() : nullptr; }
const char* PQsslAttribute(PGconn* c, const char* name) {
  if (!c) return strcmp(name, "library") == 0 ? "OpenSSL" : nullptr;
  return c->tls ? c->tls->attribute(name) : nullptr;
}
const char* const* PQsslAttributeNames(PGconn* c) {
  static const char* const names[] = {"library", "cipher", "compression", "key_bits", "protocol", "alpn", nullptr};
  static const char* const none[] = {nullptr};
  return !c || c->tls ? names : none;
}
void* PQgetssl(PGconn* c) { return PQsslStruct(c, "OpenSSL"); }
void PQinitSSL(int) {}
void PQinitOpenSSL(int, int) {}
int PQgssEncInUse(PGconn*) { return 0; }
void* PQgetgssctx(PGconn*) { return nullptr; }
int PQisthreadsafe(void) { return 1; }
pgthreadlock_t PQregisterThreadLock(pgthreadlock_t) { return nullptr; }
int PQlibVersion(void) { return 150000; }
}
