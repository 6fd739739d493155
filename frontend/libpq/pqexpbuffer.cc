// The growing string that programs written for PostgreSQL's libpq (psql, pg_dump, pgbench) import from it. A buffer whose maxlen is 0 has run out of memory.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frontend/libpq/libpq-fe.h"

extern "C" {

struct PQExpBufferData {
  char* data;
  size_t len;
  size_t maxlen;
};
using PQExpBuffer = PQExpBufferData*;

static char broken_text[1] = "";

PQ_API void initPQExpBuffer(PQExpBuffer b) {
  constexpr size_t kInitial = 256;
  b->data = static_cast<char*>(malloc(kInitial));
  b->len = 0;
  b->maxlen = b->data ? kInitial : 0;
  if (b->data) b->data[0] = '\0';
  else b->data = broken_text;
}

PQ_API PQExpBuffer createPQExpBuffer(void) {
  auto b = static_cast<PQExpBuffer>(malloc(sizeof(PQExpBufferData)));
  if (b) initPQExpBuffer(b);
  return b;
}

PQ_API void termPQExpBuffer(PQExpBuffer b) {
  if (b->data != broken_text) free(b->data);
  b->data = broken_text;
  b->len = b->maxlen = 0;
}

PQ_API void destroyPQExpBuffer(PQExpBuffer b) {
  if (!b) return;
  termPQExpBuffer(b);
  free(b);
}

PQ_API void resetPQExpBuffer(PQExpBuffer b) {
  if (b->data == broken_text) {
    initPQExpBuffer(b);
    return;
  }
  b->len = 0;
  b->data[0] = '\0';
}

PQ_API int enlargePQExpBuffer(PQExpBuffer b, size_t needed) {
  if (b->maxlen == 0) return 0;
  if (needed < b->maxlen - b->len) return 1;
  size_t size = b->maxlen;
  while (size <= b->len + needed) size *= 2;
  char* p = static_cast<char*>(realloc(b->data, size));
  if (!p) {
    termPQExpBuffer(b);
    return 0;
  }
  b->data = p;
  b->maxlen = size;
  return 1;
}

PQ_API void appendBinaryPQExpBuffer(PQExpBuffer b, const char* data, size_t n) {
  if (!enlargePQExpBuffer(b, n)) return;
  memcpy(b->data + b->len, data, n);
  b->len += n;
  b->data[b->len] = '\0';
}

PQ_API void appendPQExpBufferStr(PQExpBuffer b, const char* s) { appendBinaryPQExpBuffer(b, s, strlen(s)); }
PQ_API void appendPQExpBufferChar(PQExpBuffer b, char c) { appendBinaryPQExpBuffer(b, &c, 1); }

static void append_list(PQExpBuffer b, const char* format, va_list args) {
  va_list copy;
  va_copy(copy, args);
  int n = vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (n < 0 || !enlargePQExpBuffer(b, static_cast<size_t>(n) + 1)) return;
  vsnprintf(b->data + b->len, static_cast<size_t>(n) + 1, format, args);
  b->len += static_cast<size_t>(n);
}

PQ_API __attribute__((format(printf, 2, 3))) void appendPQExpBuffer(PQExpBuffer b, const char* format, ...) {
  va_list args;
  va_start(args, format);
  append_list(b, format, args);
  va_end(args);
}

PQ_API __attribute__((format(printf, 2, 3))) void printfPQExpBuffer(PQExpBuffer b, const char* format, ...) {
  resetPQExpBuffer(b);
  va_list args;
  va_start(args, format);
  append_list(b, format, args);
  va_end(args);
}
}
