// Cancel requests go over a connection of their own. PQcancel uses only calls that are safe in a signal handler. The session of an embedded postgres has
// no address that one could connect to: it gets SIGINT instead.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "common/protocol/wire.h"
#include "frontend/libpq/internal.h"

struct pg_cancel {
  sockaddr_storage addr;
  socklen_t addr_size;
  int pid, key, child;
};

namespace {

int fail(char* buffer, int size, const char* text, int error) {
  if (size <= 0) return 0;
  auto room = static_cast<size_t>(size);
  const char* name = error ? strerrorname_np(error) : nullptr;
  strncpy(buffer, text, room - 1);
  buffer[room - 1] = '\0';
  if (name && strlen(buffer) + strlen(name) + 1 < room) strcat(buffer, name);
  if (strlen(buffer) + 2 < room) strcat(buffer, "\n");
  return 0;
}

}  // namespace

extern "C" {

PGcancel* PQgetCancel(PGconn* c) {
  if (!c || c->fd < 0 || (c->child == 0 && c->next_address == 0)) return nullptr;
  auto* p = new (std::nothrow) pg_cancel{};
  if (!p) return nullptr;
  p->child = c->child;
  if (!p->child) {
    const auto& a = c->addresses[c->next_address - 1];
    p->addr = a.addr;
    p->addr_size = a.addr_size;
  }
  p->pid = c->backend_pid;
  p->key = c->backend_key;
  return p;
}

void PQfreeCancel(PGcancel* p) { delete p; }

int PQcancel(PGcancel* p, char* errbuf, int size) {
  int saved = errno;
  if (!p) return fail(errbuf, size, "PQcancel() -- no cancel object supplied", 0);
  if (p->child) {
    int rc = kill(p->child, SIGINT);
    int error = errno;
    errno = saved;
    return rc == 0 ? 1 : fail(errbuf, size, "PQcancel() -- kill() failed: ", error);
  }
  char packet[16];
  postern::store_be<uint32_t>(packet, 16);
  postern::store_be<uint32_t>(packet + 4, postern::wire::kCancelRequest);
  postern::store_be<int32_t>(packet + 8, p->pid);
  postern::store_be<int32_t>(packet + 12, p->key);
  const char* step = nullptr;
  int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) step = "PQcancel() -- socket() failed: ";
  while (!step && connect(fd, reinterpret_cast<sockaddr*>(&p->addr), p->addr_size) < 0)
    if (errno != EINTR) step = "PQcancel() -- connect() failed: ";
  while (!step && send(fd, packet, sizeof packet, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof packet))
    if (errno != EINTR) step = "PQcancel() -- send() failed: ";
  int error = errno;
  // The server closes when it has passed the request on; by then it is certain that a later query is not meant.
  char byte;
  while (!step && recv(fd, &byte, 1, 0) < 0 && errno == EINTR) {
  }
  if (fd >= 0) close(fd);
  errno = saved;
  return step ? fail(errbuf, size, step, error) : 1;
}

int PQrequestCancel(PGconn* c) {
  PGcancel* p = PQgetCancel(c);
  char text[256] = "";
  int rc = PQcancel(p, text, sizeof text);
  if (c && !rc) {
    c->error.clear();
    postern::pq::append_error(c, text);
  }
  PQfreeCancel(p);
  return rc;
}
}
