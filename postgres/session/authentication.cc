#include "postgres/session/authentication.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/catalog/catalog.h"
#include "postgres/session/hba.h"
#include "postgres/session/scram_server.h"
#include "postgres/session/session.h"
#include "postgres/session/tls.h"
#include "postgres/wal/wal.h"

namespace postern::session {
namespace {

constexpr int32_t kCleartextPassword = 3, kSasl = 10, kSaslContinue = 11, kSaslFinal = 12;

sockaddr_storage peer(int fd) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&a), &n) != 0) throw ConnectionLost{};
  if (a.ss_family == AF_UNSPEC) a.ss_family = AF_UNIX;
  return a;
}

std::optional<uid_t> peer_uid(int fd) {
  ucred c{};
  socklen_t n = sizeof c;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 || c.pid == 0) return std::nullopt;
  return c.uid;
}

std::string numeric_host(const sockaddr_storage& a) {
  char text[INET6_ADDRSTRLEN] = "";
  if (a.ss_family == AF_INET) inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(a).sin_addr, text, sizeof text);
  else if (a.ss_family == AF_INET6) inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(a).sin6_addr, text, sizeof text);
  else return "[local]";
  return text;
}

std::string reverse_lookup(const sockaddr_storage& a) {
  char name[NI_MAXHOST];
  socklen_t n = a.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return getnameinfo(reinterpret_cast<const sockaddr*>(&a), n, name, sizeof name, nullptr, 0, NI_NAMEREQD) == 0 ? name : std::string();
}

bool forward_lookup(const std::string& name, const sockaddr_storage& wanted) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return false;
  bool found = false;
  for (addrinfo* i = list; i && !found; i = i->ai_next) {
    sockaddr_storage a{};
    std::memcpy(&a, i->ai_addr, std::min<size_t>(i->ai_addrlen, sizeof a));
    found = a.ss_family == wanted.ss_family && numeric_host(a) == numeric_host(wanted);
  }
  freeaddrinfo(list);
  return found;
}

class Authenticator {
 public:
  explicit Authenticator(const Authentication& a) : a_(a), address_(peer(a.connection.fd())) {}

  void run() {
    if (a_.origin == Origin::kByHand && address_.ss_family == AF_UNIX && peer_uid(a_.connection.fd()) == geteuid()) return;
    find_rule();
    if (rule_.client_cert != hba::ClientCert::kOff) require_client_certificate();
    switch (rule_.method) {
      case hba::Method::kReject: refuse("pg_hba.conf rejects connection");
      case hba::Method::kTrust: break;
      case hba::Method::kPeer: check_peer(); break;
      case hba::Method::kPassword: check_password(); break;
      case hba::Method::kMd5:
      case hba::Method::kScram: check_scram(); break;
      case hba::Method::kCert: break;
    }
    if (rule_.client_cert == hba::ClientCert::kVerifyFull) check_certificate_name();
  }

 private:
  // Messages of the log about this client, before the error it gets.
  static void log(const SqlError& e) { Session::current()->log_error(e); }
  static void log(std::string message, std::string where = {}, std::string hint = {}) {
    SqlError e{sqlstate::kConfigFileError, std::move(message), {}, std::move(hint)};
    e.severity = Severity::kLog;
    e.where = std::move(where);
    log(e);
  }

  hba::Client client() const {
    hba::Client c;
    c.address = &address_;
    c.tls = a_.connection.tls() != nullptr;
    c.database = a_.database;
    c.user = a_.user;
    c.member_of = [this](const std::string& role) {
      auto member = catalog::find_role(a_.user), group = catalog::find_role(role);
      return member && group && catalog::has_membership_path(member->oid, group->oid);
    };
    c.host_name = [this, known = std::optional<std::string>()]() mutable {
      if (!known) known = reverse_lookup(address_);
      return *known;
    };
    c.host_has_address = [this](const std::string& name) { return forward_lookup(name, address_); };
    return c;
  }

  void find_rule() {
    const std::string& path = a_.settings.get("hba_file");
    bool ssl = a_.settings.get_bool("ssl"), found = false, broken = false;
    hba::Client c = client();
    hba::read_lines(path, [&](hba::Line& line) {
      if (!hba::parse_rule(line, ssl, rule_)) {
        broken = true;
        log(line.error, line.number ? cat("line ", line.number, " of configuration file \"", line.file, "\"") : std::string(), line.hint);
        return false;
      }
      found = hba::matches(rule_, c);
      return !found;
    });
    if (broken) throw SqlError{sqlstate::kConfigFileError, "could not load pg_hba.conf", {}, "See the server's log."}.fatal();
    if (!found) {
      rule_ = {};
      refuse("no pg_hba.conf entry");
    }
  }

  [[noreturn]] void refuse(const char* what) {
    SqlError e{sqlstate::kInvalidAuthorizationSpecification,
               cat(what, " for host \"", numeric_host(address_), "\", user \"", a_.user, "\", database \"", a_.database, "\", ", a_.connection.tls() ? "SSL encryption" : "no encryption")};
    throw e.fatal();
  }

  // The reason is for the log alone.
  [[noreturn]] void failed(std::string reason = {}) {
    bool password = false;
    std::string message;
    switch (rule_.method) {
      case hba::Method::kTrust: message = "\"trust\" authentication failed"; break;
      case hba::Method::kPeer: message = "Peer authentication failed"; break;
      case hba::Method::kCert: message = "certificate authentication failed"; break;
      default:
        message = "password authentication failed";
        password = true;
    }
    SqlError e{password ? sqlstate::kInvalidPassword : sqlstate::kInvalidAuthorizationSpecification, cat(message, " for user \"", a_.user, "\"")};
    e.log_detail = cat(reason, reason.empty() ? "" : "\n", "Connection matched pg_hba.conf line ", rule_.line, ": \"", rule_.text, "\"");
    throw e.fatal();
  }

  void check_user_map(const std::string& system_user) {
    if (rule_.map.empty()) {
      if (system_user == a_.user) return;
      log(cat("provided user name (", a_.user, ") and authenticated user name (", system_user, ") do not match"));
      failed();
    }
    bool fits = false;
    hba::read_lines(a_.settings.get("ident_file"), [&](hba::Line& line) {
      hba::Mapping m;
      try {
        if (!hba::parse_mapping(line, m)) log(line.error, line.number ? cat("line ", line.number, " of configuration file \"", line.file, "\"") : std::string());
        else fits = hba::mapping_fits(m, rule_.map, system_user, a_.user);
      } catch (SqlError& e) {
        log(e.message);
      }
      return !fits;
    });
    if (fits) return;
    log(cat("no match in usermap \"", rule_.map, "\" for user \"", a_.user, "\" authenticated as \"", system_user, "\""));
    failed();
  }

  void check_peer() {
    auto uid = peer_uid(a_.connection.fd());
    if (!uid) failed("Could not get peer credentials.");
    passwd entry, *found = nullptr;
    std::string buffer(16384, '\0');
    int error = getpwuid_r(*uid, &entry, buffer.data(), buffer.size(), &found);
    if (!found) failed(cat("could not look up local user ID ", *uid, ": ", error ? std::strerror(error) : "user does not exist"));
    check_user_map(found->pw_name);
  }

  void require_client_certificate() {
    Tls* tls = a_.connection.tls();
    if (!tls || !tls->can_verify()) throw SqlError{sqlstate::kConfigFileError, "client certificates can only be checked if a root certificate store is available"}.fatal();
    if (!tls->has_client_certificate()) throw SqlError{sqlstate::kInvalidAuthorizationSpecification, "connection requires a valid client certificate"}.fatal();
  }

  void check_certificate_name() {
    Tls* tls = a_.connection.tls();
    std::string name = rule_.cert_dn ? tls->client_dn_rfc2253() : tls->client_common_name();
    if (name.empty()) failed(cat("certificate authentication failed for user \"", a_.user, "\": client certificate contains no user name"));
    check_user_map(name);
  }

  void ask(int32_t kind, std::string_view data = {}) {
    wire::Writer w(a_.connection.out());
    w.begin('R');
    w.int32(kind);
    w.bytes(data);
    w.end();
    a_.connection.flush();
  }

  // The stored secret, or one that looks like it; `doomed` says why nobody gets in with it.
  scram::Secret secret(std::string& doomed) {
    scram::Secret mock = ScramServer::mock_secret(wal::system_identifier(), a_.user);
    auto role = catalog::find_role(a_.user);
    auto stored = role ? scram::parse_secret(role->password) : std::nullopt;
    if (!role) doomed = cat("Role \"", a_.user, "\" does not exist.");
    else if (role->password.empty()) doomed = cat("User \"", a_.user, "\" has no password assigned.");
    else if (!stored) doomed = cat("User \"", a_.user, "\" does not have a valid SCRAM secret. (MD5 hashes are not supported: set the password again.)");
    else if (role->valid_until < now_us()) doomed = cat("User \"", a_.user, "\" has an expired password.");
    return stored ? *stored : mock;
  }

  void check_password() {
    std::string doomed;
    scram::Secret s = secret(doomed);
    txn::commit();
    ask(kCleartextPassword);
    std::string_view body = a_.connection.read_answer();
    wire::Reader r(body);
    std::string password(r.cstring());
    bool malformed = r.failed() || !r.at_end(), right = !malformed && scram::password_fits(s, password);
    bool empty = password.empty();
    scram::wipe(password);
    a_.connection.wipe_input();
    if (malformed) throw SqlError{sqlstate::kProtocolViolation, "invalid password packet size"}.fatal();
    if (empty) throw SqlError{sqlstate::kInvalidPassword, "empty password returned by client"}.fatal();
    if (!doomed.empty()) failed(doomed);
    if (!right) failed(cat("Password does not match for user \"", a_.user, "\"."));
    txn::start();
  }

  void check_scram() {
    std::string doomed;
    scram::Secret s = secret(doomed);
    txn::commit();
    std::string mechanisms, hash = a_.connection.tls() ? a_.connection.tls()->certificate_hash() : std::string();
    for (std::string_view m : {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"})
      if (!hash.empty() || !m.ends_with("-PLUS")) mechanisms.append(m).push_back('\0');
    mechanisms.push_back('\0');
    ask(kSasl, mechanisms);
    wire::Reader r(a_.connection.read_answer());
    std::string mechanism(r.cstring());
    int32_t length = r.int32();
    std::string first(r.bytes(length > 0 ? static_cast<size_t>(length) : 0));
    if (r.failed() || !r.at_end() || length < -1) throw SqlError{sqlstate::kProtocolViolation, "malformed SCRAM message"}.fatal();
    bool plus = mechanism == "SCRAM-SHA-256-PLUS" && !hash.empty();
    if (!plus && mechanism != "SCRAM-SHA-256") throw SqlError{sqlstate::kProtocolViolation, "client selected an invalid SASL authentication mechanism"}.fatal();
    if (length == -1) {   // the client waits to be asked
      ask(kSaslContinue);
      first = a_.connection.read_answer();
    }
    ScramServer server(std::move(s), !doomed.empty(), plus, hash);
    ask(kSaslContinue, server.first(first));
    auto answer = server.final(a_.connection.read_answer());
    if (!answer) failed(doomed.empty() ? cat("Password does not match for user \"", a_.user, "\".") : doomed);
    wire::Writer w(a_.connection.out());
    w.begin('R');
    w.int32(kSaslFinal);
    w.bytes(*answer);
    w.end();
    txn::start();
  }

  const Authentication& a_;
  sockaddr_storage address_;
  hba::Rule rule_;
};

}  // namespace

void authenticate_client(const Authentication& a) { Authenticator(a).run(); }

std::string client_host(int fd) { return numeric_host(peer(fd)); }

}  // namespace postern::session
