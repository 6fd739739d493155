// Making, resetting and ending a connection.
//
//   CONNECTION_NEEDED ─▶ STARTED (connect in progress) ─▶ MADE (encryption or startup packet to send) [─▶ SSL_STARTUP ─▶ MADE] ─▶ AWAITING_RESPONSE (authentication) ─▶ AUTH_OK ─▶ OK
//   A failure before the server has answered goes on with the next address; one that the server reports ends the attempt (BAD).
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "common/base/cat.h"
#include "common/protocol/tls_socket.h"
#include "common/protocol/wire.h"
#include "frontend/libpq/internal.h"
#include "frontend/libpq/tls.h"

namespace postern::pq {
namespace {

constexpr const char* kSocketDirectories[] = {"/tmp", "/var/run/postgresql"};
constexpr size_t kMaxAuthBytes = 2000;

std::string option(const PGconn* c, std::string_view name) {
  const std::string* v = find_option(c->options, name);
  return v ? *v : std::string();
}

std::vector<std::string> split_commas(const std::string& s) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (true) {
    size_t comma = s.find(',', start);
    parts.push_back(s.substr(start, comma == s.npos ? s.npos : comma - start));
    if (comma == s.npos) return parts;
    start = comma + 1;
  }
}

bool add_unix_address(PGconn* c, const std::string& directory, const std::string& port) {
  Address a;
  a.host = directory;
  a.port = port;
  auto* un = reinterpret_cast<sockaddr_un*>(&a.addr);
  std::string path = cat(directory, "/.s.PGSQL.", port);
  if (path.size() >= sizeof un->sun_path) {
    append_error(c, cat("Unix-domain socket path \"", path, "\" is too long (maximum ", sizeof un->sun_path - 1, " bytes)\n"));
    return false;
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.c_str(), path.size() + 1);
  a.addr_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  if (directory[0] == '@') un->sun_path[0] = '\0';
  c->addresses.push_back(a);
  return true;
}

bool add_host(PGconn* c, const std::string& host, const std::string& address, const std::string& port_text) {
  std::string port = port_text.empty() ? "5432" : port_text;
  int number = 0;
  auto [end, rc] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (rc != std::errc() || end != port.data() + port.size()) {
    append_error(c, cat("invalid integer value \"", port, "\" for connection option \"port\"\n"));
    return false;
  }
  if (number < 1 || number > 65535) {
    append_error(c, cat("invalid port number: \"", port, "\"\n"));
    return false;
  }
  if (host.empty() && address.empty()) {
    for (const char* d : kSocketDirectories)
      if (!add_unix_address(c, d, port)) return false;
    return true;
  }
  if (address.empty() && (host[0] == '/' || host[0] == '@')) return add_unix_address(c, host, port);
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (!address.empty()) hints.ai_flags = AI_NUMERICHOST;
  const std::string& name = address.empty() ? host : address;
  if (int r = getaddrinfo(name.c_str(), port.c_str(), &hints, &list); r != 0 || !list) {
    append_error(c, address.empty()
                        ? cat("could not translate host name \"", host, "\" to address: ", gai_strerror(r), "\n")
                        : cat("could not parse network address \"", address, "\": ", gai_strerror(r), "\n"));
    return false;
  }
  for (addrinfo* i = list; i; i = i->ai_next) {
    if (i->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address a;
    a.host = host.empty() ? address : host;
    a.port = port;
    std::memcpy(&a.addr, i->ai_addr, i->ai_addrlen);
    a.addr_size = i->ai_addrlen;
    char text[NI_MAXHOST];
    if (getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) a.host_address = text;
    c->addresses.push_back(a);
  }
  freeaddrinfo(list);
  return true;
}

// One port for all hosts, or one each; several hosts of which some cannot be resolved are tried without those.
bool collect_addresses(PGconn* c) {
  c->addresses.clear();
  c->next_address = 0;
  std::string hosts_text = option(c, "host"), addrs_text = option(c, "hostaddr"), ports_text = option(c, "port");
  std::vector<std::string> hosts = split_commas(hosts_text), addrs = split_commas(addrs_text), ports = split_commas(ports_text);
  size_t n = addrs_text.empty() ? hosts.size() : addrs.size();
  if (!addrs_text.empty() && !hosts_text.empty() && hosts.size() != addrs.size()) {
    append_error(c, cat("could not match ", hosts.size(), " host names to ", addrs.size(), " hostaddr values\n"));
    return false;
  }
  if (ports.size() != 1 && ports.size() != n) {
    append_error(c, cat("could not match ", ports.size(), " port numbers to ", n, " hosts\n"));
    return false;
  }
  for (size_t i = 0; i < n; i++)
    add_host(c, i < hosts.size() ? hosts[i] : "", addrs_text.empty() ? "" : addrs[i], ports.size() == 1 ? ports[0] : ports[i]);
  return !c->addresses.empty();
}

bool one_of(const std::string& s, std::initializer_list<std::string_view> allowed) {
  for (std::string_view a : allowed)
    if (s == a) return true;
  return false;
}

bool check_options(PGconn* c) {
  auto valid = [&](const char* name, std::initializer_list<std::string_view> values) {
    std::string v = option(c, name);
    if (v.empty() || one_of(v, values)) return true;
    append_error(c, cat("invalid ", name, " value: \"", v, "\"\n"));
    return false;
  };
  if (!valid("sslmode", {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}) || !valid("channel_binding", {"disable", "prefer", "require"}) ||
      !valid("sslnegotiation", {"postgres", "direct"}))
    return false;
  std::string ssl = option(c, "sslmode");
  bool encrypts = one_of(ssl, {"require", "verify-ca", "verify-full"});
  if (option(c, "sslnegotiation") == "direct" && !encrypts) {
    append_error(c, cat("weak sslmode \"", ssl, "\" may not be used with sslnegotiation=direct (use \"require\", \"verify-ca\", or \"verify-full\")\n"));
    return false;
  }
  if (option(c, "sslrootcert") == "system" && ssl != "verify-full") {
    append_error(c, cat("weak sslmode \"", ssl, "\" may not be used with sslrootcert=system (use \"verify-full\")\n"));
    return false;
  }
  int low = 0, high = 0;
  for (auto [name, number] : {std::pair{"ssl_min_protocol_version", &low}, {"ssl_max_protocol_version", &high}}) {
    std::string v = option(c, name);
    *number = tls_version_number(v);
    if (!v.empty() && !*number) {
      append_error(c, cat("invalid \"", name, "\" value: \"", v, "\"\n"));
      return false;
    }
  }
  if (low && high && low > high) {
    append_error(c, "invalid SSL protocol version range\n");
    return false;
  }
  if (option(c, "gssencmode") == "require") {
    append_error(c, "gssencmode value \"require\" invalid when GSSAPI support is not compiled in\n");
    return false;
  }
  return true;
}

void set_options(PGconn* c) {
  std::string error;
  if (!apply_service(c->options, error) || !fill_defaults(c->options, error)) {
    append_error(c, error);
    return;
  }
  c->user = option(c, "user");
  if (option(c, "dbname").empty()) set_option(c->options, "dbname", c->user);
  c->db = option(c, "dbname");
  c->password = option(c, "password");
  c->datadir = option(c, "datadir");
  c->command_options = option(c, "options");
  c->host = option(c, "host");
  c->port = option(c, "port");
  if (option(c, "client_encoding") == "auto")
    set_option(c->options, "client_encoding", pg_encoding_to_char(PQenv2encoding()));
  c->options_ok = check_options(c);
}

std::string address_label(const PGconn* c) {
  if (!c->datadir.empty()) return cat("connection to embedded server in \"", c->datadir, "\" failed: ");
  const Address& a = c->addresses[c->next_address - 1];
  if (a.addr.ss_family == AF_UNIX) return cat("connection to server on socket \"", a.host, "/.s.PGSQL.", a.port, "\" failed: ");
  if (a.host == a.host_address) return cat("connection to server at \"", a.host, "\", port ", a.port, " failed: ");
  return cat("connection to server at \"", a.host, "\" (", a.host_address, "), port ", a.port, " failed: ");
}

PostgresPollingStatusType give_up(PGconn* c, std::string_view text) {
  if (!text.empty()) append_error(c, cat(address_label(c), text));
  std::string log = cat(c->datadir, "/embedded.log");
  bool silent = !c->datadir.empty() && text.rfind("server closed the connection", 0) == 0;
  if (silent && access(log.c_str(), F_OK) == 0) append_error(c, cat("\tIts log is \"", log, "\".\n"));
  drop_connection(c);
  c->status = CONNECTION_BAD;
  return PGRES_POLLING_FAILED;
}

void connect_failed(PGconn* c, int error) {
  const Address& a = c->addresses[c->next_address - 1];
  std::string text = cat(address_label(c), strerror(error), "\n");
  if (one_of(strerror(error), {"Connection refused", "No such file or directory"}))
    text += a.addr.ss_family == AF_UNIX ? "\tIs the server running locally and accepting connections on that socket?\n"
                                        : "\tIs the server running on that host and accepting TCP/IP connections?\n";
  append_error(c, text);
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

// Starts on the next address; false when there is none left.
bool try_next_address(PGconn* c) {
  c->encryption = Encryption::Undecided;
  c->retried_encryption = false;
  while (c->next_address < c->addresses.size()) {
    const Address& a = c->addresses[c->next_address++];
    c->host = a.host;
    c->port = a.port;
    c->host_address = a.host_address;
    c->fd = socket(a.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
      connect_failed(c, errno);
      continue;
    }
    set_socket_options(c->fd, a.addr.ss_family != AF_UNIX);
    int rc;
    do rc = connect(c->fd, reinterpret_cast<const sockaddr*>(&a.addr), a.addr_size);
    while (rc < 0 && errno == EINTR);
    if (rc == 0) {
      c->status = CONNECTION_MADE;
      return true;
    }
    if (errno == EINPROGRESS) {
      c->status = CONNECTION_STARTED;
      return true;
    }
    connect_failed(c, errno);
  }
  c->status = CONNECTION_BAD;
  return false;
}

void forget_session(PGconn* c) {
  clear_result(c);
  c->queue.clear();
  c->async = Async::Idle;
  c->pipeline = PQ_PIPELINE_OFF;
  c->transaction = PQTRANS_IDLE;
  c->parameters.clear();
  c->server_version = c->backend_pid = c->backend_key = 0;
  c->write_failed = c->needs_password = c->used_password = c->auth_seen = c->ping_answer = c->bound_channel = c->method_seen = false;
  c->ping_sqlstate.clear();
  c->scram = {};
}

bool start(PGconn* c) {
  c->status = CONNECTION_BAD;
  if (!c->options_ok) return false;
  forget_session(c);
  if (!c->datadir.empty()) {
    std::string error;
    c->fd = start_embedded(c->datadir, c->child, error);
    if (c->fd < 0) {
      append_error(c, error);
      return false;
    }
    set_socket_options(c->fd, false);
    c->status = CONNECTION_MADE;
    return true;
  }
  return collect_addresses(c) && try_next_address(c);
}

void write_startup(PGconn* c) {
  wire::Writer w(c->out);
  w.begin_untyped();
  w.int32(static_cast<int32_t>(wire::kProtocol3));
  auto pair = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    w.cstring(name);
    w.cstring(value);
  };
  pair("user", c->user);
  pair("database", c->db);
  pair("replication", option(c, "replication"));
  pair("options", c->command_options);
  std::string application = option(c, "application_name");
  pair("application_name", application.empty() ? option(c, "fallback_application_name") : application);
  pair("client_encoding", option(c, "client_encoding"));
  for (auto [env, name] : {std::pair("PGDATESTYLE", "datestyle"), std::pair("PGTZ", "timezone"), std::pair("PGGEQO", "geqo")})
    if (const char* v = getenv(env); v && lower_ascii(v) != "default") pair(name, v);
  w.byte('\0');
  w.end();
}

void send_password_message(PGconn* c, std::string_view body, bool terminated) {
  wire::Writer w(c->out);
  w.begin('p');
  w.bytes(body);
  if (terminated) w.byte('\0');
  w.end();
}

bool have_password(PGconn* c, std::string& problem) {
  c->needs_password = true;
  if (c->password.empty()) c->password = password_from_file(c->options, c->host, c->port);
  if (c->password.empty()) {
    problem = "fe_sendauth: no password supplied\n";
    return false;
  }
  c->used_password = true;
  return true;
}

// require_auth: a comma separated list of methods the server may ask for, or of those it may not, each with !.
bool method_allowed(PGconn* c, std::string_view method, const char* what, std::string& problem) {
  c->method_seen = c->method_seen || method != "none";
  std::string list = option(c, "require_auth");
  if (list.empty()) return true;
  bool negated = list[0] == '!', listed = false;
  for (const std::string& m : split_commas(list)) listed = listed || m == cat(negated ? "!" : "", method);
  if (listed != negated) return true;
  problem = cat("authentication method requirement \"", list, "\" failed: ", what, "\n");
  return false;
}

// Channel binding that is required needs SCRAM-SHA-256-PLUS to its end.
bool channel_unbound(PGconn* c, std::string& problem) {
  if (option(c, "channel_binding") != "require" || c->bound_channel) return false;
  problem = "channel binding required, but server authenticated client without channel binding\n";
  return true;
}

// Picks one of the mechanisms that the server offers.
bool start_sasl(PGconn* c, wire::Reader& r, std::string& problem) {
  bool plain = false, plus = false, wanted = option(c, "channel_binding") != "disable";
  while (!r.failed() && r.left() > 0) {
    std::string_view name = r.cstring();
    plain = plain || name == "SCRAM-SHA-256";
    plus = plus || name == "SCRAM-SHA-256-PLUS";
  }
  if (plus && !c->tls) {
    problem = "server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection\n";
    return false;
  }
  std::string hash = plus && wanted ? c->tls->certificate_hash() : std::string();
  bool bind = !hash.empty();
  if (option(c, "channel_binding") == "require" && !bind) {
    problem = c->tls ? "channel binding is required, but server did not offer an authentication method that supports channel binding\n" : "channel binding required, but SSL not in use\n";
    return false;
  }
  if (!plain && !bind) {
    problem = "none of the server's SASL authentication mechanisms are supported\n";
    return false;
  }
  if (bind) {
    c->scram.gs2_header = "p=tls-server-end-point,,";
    c->scram.binding = std::move(hash);
  } else {
    c->scram.gs2_header = c->tls && wanted ? "y,," : "n,,";
  }
  std::string reply;
  if (!have_password(c, problem) || !scram_first(c->scram, reply, problem)) return false;
  wire::Writer w(c->out);
  w.begin('p');
  w.cstring(bind ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
  w.int32(static_cast<int32_t>(reply.size()));
  w.bytes(reply);
  w.end();
  return true;
}

// Answers one Authentication message; false with the problem when we cannot.
bool authenticate(PGconn* c, wire::Reader& r, std::string& problem) {
  int32_t kind = r.int32();
  std::string reply;
  switch (kind) {
    case 0:
      if (c->scram.step != 0 && c->scram.step != 3) {
        problem = "server did not complete authentication\n";
        return false;
      }
      if (channel_unbound(c, problem)) return false;
      if (!c->method_seen && !method_allowed(c, "none", "server did not complete authentication", problem)) return false;
      c->status = CONNECTION_AUTH_OK;
      return true;
    case 3:
      if (channel_unbound(c, problem) || !method_allowed(c, "password", "server requested a cleartext password", problem)) return false;
      if (!have_password(c, problem)) return false;
      send_password_message(c, c->password, true);
      return true;
    case 5: {
      std::string_view salt = r.bytes(4);
      if (r.failed()) break;
      if (channel_unbound(c, problem) || !method_allowed(c, "md5", "server requested a hashed password", problem)) return false;
      if (!have_password(c, problem)) return false;
      if (!md5_password(c->password, c->user, salt, reply)) {
        problem = "could not encrypt password: MD5 is not available\n";
        return false;
      }
      send_password_message(c, reply, true);
      return true;
    }
    case 10:
      return method_allowed(c, "scram-sha-256", "server requested SASL authentication", problem) && start_sasl(c, r, problem);
    case 11:
      if (!scram_continue(c->scram, r.bytes(r.left()), c->password, reply, problem)) return false;
      send_password_message(c, reply, false);
      return true;
    case 12:
      c->bound_channel = !c->scram.binding.empty();
      return scram_final(c->scram, r.bytes(r.left()), problem);
    default:
      problem = cat("authentication method ", kind, " not supported\n");
      return false;
  }
  problem = "received invalid authentication request\n";
  return false;
}

// requirepeer: who owns the process at the other end of a Unix socket.
bool right_peer(PGconn* c, std::string& problem) {
  std::string wanted = option(c, "requirepeer");
  ucred peer{};
  socklen_t size = sizeof peer;
  if (wanted.empty() || c->next_address == 0 || c->addresses[c->next_address - 1].addr.ss_family != AF_UNIX) return true;
  passwd entry, *found = nullptr;
  char buffer[4096];
  if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) problem = cat("could not get peer credentials: ", strerror(errno), "\n");
  else if (getpwuid_r(peer.uid, &entry, buffer, sizeof buffer, &found) != 0 || !found) problem = cat("local user with ID ", peer.uid, " does not exist\n");
  else if (wanted != found->pw_name) problem = cat("requirepeer specifies \"", wanted, "\", but actual peer user name is \"", found->pw_name, "\"\n");
  return problem.empty();
}

bool may_encrypt(const PGconn* c) {
  return c->datadir.empty() && c->next_address > 0 && c->addresses[c->next_address - 1].addr.ss_family != AF_UNIX;
}

// sslmode allow begins without TLS and prefer with it; what fails there is tried the other way at the same address.
bool other_encryption(PGconn* c, const std::string& why) {
  std::string mode = option(c, "sslmode");
  bool encrypted = c->tls != nullptr;
  if (c->retried_encryption || c->status == CONNECTION_AUTH_OK || !may_encrypt(c) || !(mode == "prefer" ? encrypted : mode == "allow" && !encrypted)) return false;
  append_error(c, cat(address_label(c), why));
  drop_connection(c);
  std::string before = std::move(c->error);
  forget_session(c);
  c->error = std::move(before);
  c->next_address--;
  if (!try_next_address(c)) return false;
  c->retried_encryption = true;
  c->encryption = encrypted ? Encryption::Off : Encryption::Undecided;
  return true;
}

// Encryption before the startup packet: asks, reads the server's one byte answer, shakes hands. OK: go on with the startup packet.
PostgresPollingStatusType negotiate(PGconn* c) {
  std::string mode = option(c, "sslmode"), error;
  bool required = mode == "require" || mode == "verify-ca" || mode == "verify-full";
  bool direct = option(c, "sslnegotiation") == "direct";
  if (c->encryption == Encryption::Undecided) {
    if (!may_encrypt(c) || mode == "disable" || (mode == "allow" && !c->retried_encryption)) {
      c->encryption = Encryption::Off;
      return PGRES_POLLING_OK;
    }
    c->status = CONNECTION_SSL_STARTUP;
    if (direct) {
      c->encryption = Encryption::Shaking;
    } else {
      wire::Writer w(c->out);
      w.begin_untyped();
      w.int32(static_cast<int32_t>(wire::kSslRequest));
      w.end();
      c->encryption = Encryption::Asked;
      if (flush_output(c) < 0) return give_up(c, "could not send SSL negotiation packet\n");
      return PGRES_POLLING_READING;
    }
  }
  if (c->encryption == Encryption::Asked) {
    char answer;
    ssize_t n;   // one byte: what follows belongs to TLS
    do n = recv(c->fd, &answer, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return PGRES_POLLING_READING;
    if (n <= 0) return give_up(c, "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n");
    if (answer == 'E') {   // refused before it could be encrypted
      c->in.push_back(answer);
      c->encryption = Encryption::Off;
      c->status = CONNECTION_AWAITING_RESPONSE;
      return PGRES_POLLING_READING;
    }
    if (answer != 'S' && answer != 'N') return give_up(c, cat("received invalid response to SSL negotiation: ", answer, "\n"));
    if (answer == 'N') {
      if (required || c->retried_encryption) return give_up(c, "server does not support SSL, but SSL was required\n");
      c->encryption = Encryption::Off;
      c->status = CONNECTION_MADE;
      return PGRES_POLLING_OK;
    }
    char more;
    if (recv(c->fd, &more, 1, MSG_PEEK | MSG_DONTWAIT) > 0) return give_up(c, "received unencrypted data after SSL response\n");
    c->encryption = Encryption::Shaking;
  }
  if (!c->tls) {
    auto made = Tls::make(c, direct, error);
    if (!made) return give_up(c, error);
    c->tls = std::move(made);
  }
  switch (c->tls->handshake(c, error)) {
    case Tls::Step::kRead: return PGRES_POLLING_READING;
    case Tls::Step::kWrite: return PGRES_POLLING_WRITING;
    case Tls::Step::kFailed: return other_encryption(c, error) ? PGRES_POLLING_WRITING : give_up(c, error);
    case Tls::Step::kDone: break;
  }
  c->encryption = Encryption::On;
  c->status = CONNECTION_MADE;
  return PGRES_POLLING_OK;
}

// The messages between the startup packet and the first ReadyForQuery.
PostgresPollingStatusType startup_messages(PGconn* c) {
  while (true) {
    char type;
    std::string_view body;
    if (c->in.size() > c->in_start && !c->auth_seen) {
      char first = c->in[c->in_start];
      if (first != 'R' && first != 'E' && first != 'v' && first != 'N')
        return give_up(c, cat("expected authentication request from server, but received ", std::string_view(&first, 1), "\n"));
    }
    Next next = next_message(c, type, body);
    if (next == Next::Broken) return give_up(c, "received invalid response to startup packet\n");
    if (next == Next::Incomplete) return PGRES_POLLING_READING;
    if (type != 'E' && type != 'N' && body.size() > kMaxAuthBytes * 15) return give_up(c, "received invalid response\n");
    std::string copy(body);
    take_message(c, body);
    wire::Reader r(copy);
    switch (type) {
      case 'E': {
        pg_result report;
        if (!parse_error_fields(c, copy, &report)) return give_up(c, "received invalid error message\n");
        if (const char* code = PQresultErrorField(&report, PG_DIAG_SQLSTATE)) c->ping_sqlstate = code;
        std::string text = format_error(report, c->verbosity, c->context);
        return other_encryption(c, text) ? PGRES_POLLING_WRITING : give_up(c, text);
      }
      case 'N':
        deliver_notice(c, copy);
        break;
      case 'R': {
        std::string problem;
        c->auth_seen = true;
        c->ping_answer = true;
        if (!authenticate(c, r, problem)) return give_up(c, problem);
        if (flush_output(c) < 0) return give_up(c, "could not send data to server\n");
        break;
      }
      case 'K':
        c->backend_pid = r.int32();
        c->backend_key = r.int32();
        if (r.failed()) return give_up(c, "received invalid key data\n");
        break;
      case 'S':
        if (!parse_parameter_status(c, copy)) return give_up(c, "received invalid parameter status\n");
        break;
      case 'v':
        break;
      case 'Z': {
        if (c->status != CONNECTION_AUTH_OK) return give_up(c, "server is ready before authentication\n");
        char state = r.byte();
        if (r.failed()) return give_up(c, "received invalid ready message\n");
        c->transaction = state == 'T' ? PQTRANS_INTRANS : state == 'E' ? PQTRANS_INERROR : PQTRANS_IDLE;
        c->status = CONNECTION_OK;
        c->error.clear();
        return PGRES_POLLING_OK;
      }
      default:
        return give_up(c, cat("unexpected message from server during startup: \"", type, "\"\n"));
    }
  }
}

PGconn* new_connection() { return new (std::nothrow) pg_conn; }

// timeout: seconds for each address; PostgreSQL's rule makes 1 into 2.
int connect_timeout(const PGconn* c) {
  int seconds = atoi(option(c, "connect_timeout").c_str());
  return seconds <= 0 ? -1 : std::max(seconds, 2);
}

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

void complete(PGconn* c) {
  if (c->status == CONNECTION_BAD) return;
  int timeout = connect_timeout(c);
  size_t address = c->next_address;
  int64_t deadline = now_ms() + int64_t{timeout} * 1000;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (true) {
    if (state == PGRES_POLLING_OK || state == PGRES_POLLING_FAILED) return;
    if (address != c->next_address) {
      address = c->next_address;
      deadline = now_ms() + int64_t{timeout} * 1000;
    }
    pollfd p{c->fd, static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    int64_t left = timeout < 0 ? -1 : deadline - now_ms();
    int rc = timeout >= 0 && left <= 0 ? 0 : poll(&p, 1, static_cast<int>(left));
    if (rc < 0 && errno != EINTR) {
      give_up(c, cat("poll() failed: ", strerror(errno), "\n"));
      return;
    }
    if (rc == 0) {
      append_error(c, cat(address_label(c), "timeout expired\n"));
      drop_connection(c);
      if (!try_next_address(c)) return;
      state = PGRES_POLLING_WRITING;
      continue;
    }
    if (rc > 0) state = PQconnectPoll(c);
  }
}

bool options_from_arrays(PGconn* c, const char* const* keywords, const char* const* values, int expand) {
  std::string error;
  // A dbname that is itself a connection string gives what it says; later keywords override it, it overrides earlier ones.
  for (size_t i = 0; keywords[i]; i++) {
    if (!values[i] || !*values[i]) continue;
    if (!known_option(keywords[i])) {
      append_error(c, cat("invalid connection option \"", keywords[i], "\"\n"));
      return false;
    }
    if (expand && strcmp(keywords[i], "dbname") == 0 && is_conninfo(values[i])) {
      expand = 0;
      Options inner;
      if (!parse_conninfo(values[i], inner, error)) {
        append_error(c, error);
        return false;
      }
      for (auto& o : inner) set_option(c->options, o.first, o.second);
      continue;
    }
    set_option(c->options, keywords[i], values[i]);
  }
  return true;
}

PGPing ping_result(PGconn* c) {
  if (!c) return PQPING_NO_ATTEMPT;
  if (!c->options_ok) return PQPING_NO_ATTEMPT;
  complete(c);
  if (c->status == CONNECTION_OK || c->ping_answer) return PQPING_OK;
  if (c->ping_sqlstate.size() != 5) return PQPING_NO_RESPONSE;
  return c->ping_sqlstate == "57P03" ? PQPING_REJECT : PQPING_OK;
}

}  // namespace
}  // namespace postern::pq

using namespace postern::pq;

pg_conn::pg_conn() = default;
pg_conn::~pg_conn() = default;

extern "C" {

PGconn* PQconnectStart(const char* conninfo) {
  PGconn* c = new_connection();
  if (!c) return nullptr;
  std::string error;
  if (!parse_conninfo(conninfo ? conninfo : "", c->options, error)) {
    append_error(c, error);
    return c;
  }
  set_options(c);
  start(c);
  return c;
}

PGconn* PQconnectStartParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  PGconn* c = new_connection();
  if (!c) return nullptr;
  if (!options_from_arrays(c, keywords, values, expand_dbname)) return c;
  set_options(c);
  start(c);
  return c;
}

PGconn* PQconnectdb(const char* conninfo) {
  PGconn* c = PQconnectStart(conninfo);
  if (c) complete(c);
  return c;
}

PGconn* PQconnectdbParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  PGconn* c = PQconnectStartParams(keywords, values, expand_dbname);
  if (c) complete(c);
  return c;
}

PGconn* PQsetdbLogin(const char* host, const char* port, const char* options, const char*, const char* dbname, const char* login,
                     const char* password) {
  const char* keywords[] = {"dbname", "host", "port", "options", "user", "password", nullptr};
  const char* values[] = {dbname, host, port, options, login, password, nullptr};
  return PQconnectdbParams(keywords, values, 1);
}

PostgresPollingStatusType PQconnectPoll(PGconn* c) {
  if (!c) return PGRES_POLLING_FAILED;
  while (true) switch (c->status) {
      case CONNECTION_OK:
        return PGRES_POLLING_OK;
      case CONNECTION_STARTED: {
        int error = 0;
        socklen_t size = sizeof error;
        pollfd p{c->fd, POLLOUT, 0};
        if (poll(&p, 1, 0) == 0) return PGRES_POLLING_WRITING;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error != 0) {
          connect_failed(c, error);
          if (!try_next_address(c)) return PGRES_POLLING_FAILED;
          break;
        }
        c->status = CONNECTION_MADE;
        break;
      }
      case CONNECTION_SSL_STARTUP: {
        PostgresPollingStatusType state = negotiate(c);
        if (state != PGRES_POLLING_OK) return state;
        break;
      }
      case CONNECTION_MADE:
        if (c->encryption == Encryption::Undecided) {
          PostgresPollingStatusType state = negotiate(c);
          if (state != PGRES_POLLING_OK) return state;
          break;
        }
        if (std::string problem; !right_peer(c, problem)) return give_up(c, problem);
        write_startup(c);
        c->status = CONNECTION_AWAITING_RESPONSE;
        if (flush_output(c) == 1) return PGRES_POLLING_WRITING;
        return PGRES_POLLING_READING;
      case CONNECTION_AWAITING_RESPONSE:
      case CONNECTION_AUTH_OK: {
        if (!c->out.empty() && flush_output(c) == 1) return PGRES_POLLING_WRITING;
        PostgresPollingStatusType state = startup_messages(c);
        if (state != PGRES_POLLING_READING) return state;
        std::string before = std::move(c->error);
        c->error.clear();
        int rc = read_input(c);
        std::string problem = std::move(c->error);
        c->error = std::move(before);
        if (rc < 0) return give_up(c, problem);
        if (rc == 0) return PGRES_POLLING_READING;
        break;
      }
      default:
        return PGRES_POLLING_FAILED;
    }
}

void PQfinish(PGconn* c) {
  if (!c) return;
  if (c->fd >= 0 && c->status == CONNECTION_OK) {
    c->out.append("X\0\0\0\4", 5);
    flush_output(c);
  }
  drop_connection(c);
  forget_session(c);
  while (PGnotify* n = PQnotifies(c)) PQfreemem(n);
  delete c;
}

int PQresetStart(PGconn* c) {
  if (!c) return 0;
  drop_connection(c);
  c->error.clear();
  return start(c);
}

PostgresPollingStatusType PQresetPoll(PGconn* c) { return PQconnectPoll(c); }

void PQreset(PGconn* c) {
  if (PQresetStart(c)) complete(c);
}

PGPing PQping(const char* conninfo) {
  PGconn* c = PQconnectStart(conninfo);
  PGPing r = ping_result(c);
  PQfinish(c);
  return r;
}

PGPing PQpingParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  PGconn* c = PQconnectStartParams(keywords, values, expand_dbname);
  PGPing r = ping_result(c);
  PQfinish(c);
  return r;
}
}
