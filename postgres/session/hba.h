// pg_hba.conf and pg_ident.conf: reading, and which rule fits a client. PostgreSQL 15's syntax, with the include directives of 16.
//
// Files are read anew for each session, line by line, until a line decides: an edit holds for the next connection, and a line that cannot be understood stops those
// clients that no line before it decided about (it is never skipped: what it meant to forbid must stay forbidden).
//
// A line is a list of fields, a field a list of tokens (comma separated, `@file` puts a file's tokens there). A token that begins with a quote is never a keyword.
#pragma once
#include <sys/socket.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::session::hba {

struct Token {
  std::string text;
  bool quoted = false;
  bool is(std::string_view keyword) const { return !quoted && text == keyword; }
};
using Field = std::vector<Token>;

struct Line {
  std::string file;
  int number = 0;              // of its first physical line
  std::string text;
  std::vector<Field> fields;
  std::string error, hint;     // not empty: it cannot be used
};

// Calls `each` for every line that has fields or an error, until it returns false. An `error` line with number 0: the file itself can't be read.
void read_lines(const std::string& path, const std::function<bool(Line&)>& each);

enum class Connection : uint8_t { kLocal, kHost, kHostSsl, kHostNoSsl, kHostGss, kHostNoGss };
enum class Method : uint8_t { kReject, kTrust, kPeer, kPassword, kMd5, kScram, kCert };
enum class Match : uint8_t { kAll, kSameHost, kSameNet, kNetwork, kHostName };
enum class ClientCert : uint8_t { kOff, kVerifyCa, kVerifyFull };
const char* connection_name(Connection c);
const char* method_name(Method m);

struct Network {
  int family = AF_UNSPEC;      // AF_INET, AF_INET6
  unsigned char address[16] = {}, mask[16] = {};
};

struct Rule {
  std::string file, text;
  int line = 0;
  Connection connection = Connection::kLocal;
  Field databases, users;
  Match match = Match::kAll;
  Network network;
  std::string host_name;
  Method method = Method::kReject;
  std::string map;
  ClientCert client_cert = ClientCert::kOff;
  bool cert_dn = false;        // clientname=DN
};

// False, and line.error and line.hint, when the line says nothing sensible. A warning (an ssl rule while ssl is off) is left in line.error with true.
bool parse_rule(Line& line, bool ssl_enabled, Rule& rule);

struct Client {
  const sockaddr_storage* address = nullptr;                   // AF_UNIX, AF_INET, AF_INET6
  bool tls = false;
  std::string_view database, user;
  std::function<bool(const std::string& role)> member_of;      // the user, of that role; false when either does not exist
  std::function<std::string()> host_name;                      // of the address, by reverse lookup; "" none
  std::function<bool(const std::string& name)> host_has_address;   // forward lookup
};
bool matches(const Rule& rule, const Client& client);

// One line of pg_ident.conf.
struct Mapping {
  std::string map, system_user, role;
};
bool parse_mapping(Line& line, Mapping& m);
// True if the mapping lets system_user be role. A system name that begins with / is a regular expression; \1 in the role is its first group. Throws 2201B.
bool mapping_fits(const Mapping& m, std::string_view map, std::string_view system_user, std::string_view role);

std::string network_address(const Network& n);                 // numeric
std::string network_mask(const Network& n);

}  // namespace postern::session::hba
