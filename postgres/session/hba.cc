#include "postgres/session/hba.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <strings.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/types/regex.h"

namespace postern::session::hba {
namespace {

constexpr int kMaxDepth = 10;              // of files that include files
constexpr size_t kMaxTokenBytes = 10240;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string beside(const std::string& file, const std::string& name) {
  if (name.starts_with('/')) return name;
  size_t slash = file.rfind('/');
  return slash == std::string::npos ? name : cat(file.substr(0, slash + 1), name);
}

// Reads lines with their continuations: a backslash before the line's end joins the next.
class Lines {
 public:
  explicit Lines(const std::string& path) : file_(std::fopen(path.c_str(), "re"), std::fclose), error_(file_ ? 0 : errno) {}
  ~Lines() { std::free(line_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  int error() const { return error_; }
  int number() const { return start_; }
  bool next(std::string& text) {
    text.clear();
    start_ = physical_ + 1;
    size_t joined = 0;
    while (true) {
      ssize_t n = getline(&line_, &capacity_, file_.get());
      if (n < 0) return physical_ >= start_;
      physical_++;
      while (n > 0 && (line_[n - 1] == '\n' || line_[n - 1] == '\r')) n--;
      text.append(line_, strnlen(line_, static_cast<size_t>(n)));
      if (text.size() <= joined || text.back() != '\\') return true;
      text.pop_back();
      joined = text.size();
    }
  }

 private:
  std::unique_ptr<FILE, int (*)(FILE*)> file_;
  int error_ = 0, start_ = 0, physical_ = 0;
  char* line_ = nullptr;
  size_t capacity_ = 0;
};

class Reader {
 public:
  explicit Reader(const std::function<bool(Line&)>& each) : each_(each) {}

  // False: `each` wants no more.
  bool file(const std::string& path, int depth) {
    Lines lines(path);
    if (lines.error()) return failed(path, 0, cat("could not open file \"", path, "\": ", std::strerror(lines.error())));
    Line line;
    line.file = path;
    while (lines.next(line.text)) {
      line.number = lines.number();
      line.fields.clear();
      line.error.clear();
      line.hint.clear();
      fields(line, depth);
      if (line.error.empty() && line.fields.empty()) continue;
      bool go_on = line.error.empty() && line.fields[0].size() == 1 && line.fields.size() == 2 && line.fields[1].size() == 1 && !line.fields[0][0].quoted &&
                           line.fields[0][0].text.starts_with("include")
                       ? include(line, depth)
                       : each_(line);
      if (!go_on) return false;
    }
    return true;
  }

 private:
  bool failed(const std::string& file, int number, std::string error) {
    Line l;
    l.file = file;
    l.number = number;
    l.error = std::move(error);
    return each_(l);
  }

  bool include(Line& line, int depth) {
    const std::string& what = line.fields[0][0].text;
    std::string target = beside(line.file, line.fields[1][0].text);
    if (what != "include" && what != "include_if_exists" && what != "include_dir") return each_(line);
    if (depth >= kMaxDepth) return failed(line.file, line.number, cat("could not open file \"", target, "\": maximum nesting depth exceeded"));
    struct stat st;
    if (what == "include_dir") {
      std::vector<std::string> names;
      if (!os::list_dir(target.c_str(), names)) return failed(line.file, line.number, cat("could not open directory \"", target, "\": ", std::strerror(errno)));
      std::sort(names.begin(), names.end());
      for (const std::string& n : names)
        if (n.ends_with(".conf") && n[0] != '.' && !file(cat(target, "/", n), depth + 1)) return false;
      return true;
    }
    if (what == "include_if_exists" && stat(target.c_str(), &st) != 0 && errno == ENOENT) return true;
    return file(target, depth + 1);
  }

  void fields(Line& line, int depth) {
    const char* p = line.text.c_str();
    while (*p && line.error.empty()) {
      Field field;
      bool more;
      do {
        more = false;
        Token t;
        if (!token(p, t, more, line.error)) break;
        if (!t.quoted && t.text.size() > 1 && t.text[0] == '@') token_file(line, t.text.substr(1), line.file, field, depth);
        else field.push_back(std::move(t));
      } while (more && line.error.empty());
      if (!field.empty()) line.fields.push_back(std::move(field));
    }
  }

  // `more`: a comma followed, the next token belongs to the same field.
  static bool token(const char*& p, Token& t, bool& more, std::string& error) {
    bool in_quotes = false, was_quote = false, saw_quote = false;
    while (blank(*p) || *p == ',') p++;
    for (; *p && (in_quotes || !blank(*p)); p++) {
      char c = *p;
      if (c == '#' && !in_quotes) {
        p += std::strlen(p);
        break;
      }
      if (t.text.size() >= kMaxTokenBytes) {
        error = cat("authentication file token too long, skipping: \"", t.text.substr(0, 100), "\"");
        p += std::strlen(p);
        return false;
      }
      if (c == ',' && !in_quotes) {
        more = true;
        p++;
        break;
      }
      if (c != '"' || was_quote) t.text += c;
      was_quote = in_quotes && c == '"' && !was_quote;
      if (c == '"') {
        if (t.text.empty() && !saw_quote) t.quoted = true;
        in_quotes = !in_quotes;
        saw_quote = true;
      }
    }
    return saw_quote || !t.text.empty();
  }

  void token_file(Line& line, const std::string& name, const std::string& from, Field& to, int depth) {
    std::string path = beside(from, name);
    if (depth >= kMaxDepth) {
      line.error = cat("could not open secondary authentication file \"@", name, "\" as \"", path, "\": maximum nesting depth exceeded");
      return;
    }
    Lines lines(path);
    if (lines.error()) {
      line.error = cat("could not open secondary authentication file \"@", name, "\" as \"", path, "\": ", std::strerror(lines.error()));
      return;
    }
    std::string text;
    while (line.error.empty() && lines.next(text))
      for (const char* p = text.c_str(); *p && line.error.empty();) {
        Token t;
        bool more = false;
        if (!token(p, t, more, line.error)) continue;
        if (!t.quoted && t.text.size() > 1 && t.text[0] == '@') token_file(line, t.text.substr(1), path, to, depth + 1);
        else to.push_back(std::move(t));
      }
  }

  const std::function<bool(Line&)>& each_;
};

bool bad(Line& line, std::string error, std::string hint = {}) {
  line.error = std::move(error);
  line.hint = std::move(hint);
  return false;
}

// A numeric address as getaddrinfo reads it. 0, EAI_NONAME (then it may be a name), or another EAI code.
int numeric_address(const std::string& text, int& family, unsigned char* address) {
  if (inet_pton(AF_INET, text.c_str(), address) == 1) {
    family = AF_INET;
    return 0;
  }
  addrinfo hints{}, *list = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  if (int r = getaddrinfo(text.c_str(), nullptr, &hints, &list); r != 0) return r;
  int result = 0;
  family = list->ai_family;
  if (family == AF_INET) std::memcpy(address, &reinterpret_cast<sockaddr_in*>(list->ai_addr)->sin_addr, 4);
  else if (family == AF_INET6) std::memcpy(address, &reinterpret_cast<sockaddr_in6*>(list->ai_addr)->sin6_addr, 16);
  else result = EAI_FAMILY;
  freeaddrinfo(list);
  return result;
}

bool cidr_mask(const std::string& bits, Network& n) {
  char* end;
  long count = std::strtol(bits.c_str(), &end, 10);
  if (bits.empty() || *end || count < 0 || count > (n.family == AF_INET ? 32 : 128)) return false;
  for (unsigned char& byte : n.mask) {
    byte = count >= 8 ? 0xFF : count > 0 ? static_cast<unsigned char>(0xFF << (8 - count)) : 0;
    count -= 8;
  }
  return true;
}

bool parse_address(Line& line, size_t& at, Rule& r) {
  if (at == line.fields.size()) return bad(line, "end-of-line before IP address specification");
  const Field& field = line.fields[at++];
  if (field.size() > 1) return bad(line, "multiple values specified for host address", "Specify one address range per line.");
  const Token& t = field[0];
  if (t.is("all")) r.match = Match::kAll;
  else if (t.is("samehost")) r.match = Match::kSameHost;
  else if (t.is("samenet")) r.match = Match::kSameNet;
  else {
    r.match = Match::kNetwork;
    size_t slash = t.text.find('/');
    std::string host = t.text.substr(0, slash);
    int rc = numeric_address(host, r.network.family, r.network.address);
    if (rc == EAI_NONAME) {
      r.match = Match::kHostName;
      r.host_name = host;
    } else if (rc != 0) {
      return bad(line, cat("invalid IP address \"", host, "\": ", gai_strerror(rc)));
    }
    if (slash != std::string::npos) {
      if (r.match == Match::kHostName) return bad(line, cat("specifying both host name and CIDR mask is invalid: \"", t.text, "\""));
      if (!cidr_mask(t.text.substr(slash + 1), r.network)) return bad(line, cat("invalid CIDR mask in address \"", t.text, "\""));
    } else if (r.match == Match::kNetwork) {
      if (at == line.fields.size()) return bad(line, "end-of-line before netmask specification", "Specify an address range in CIDR notation, or provide a separate netmask.");
      const Field& mask = line.fields[at++];
      if (mask.size() > 1) return bad(line, "multiple values specified for netmask");
      int family = AF_UNSPEC;
      if (rc = numeric_address(mask[0].text, family, r.network.mask); rc != 0) return bad(line, cat("invalid IP mask \"", mask[0].text, "\": ", gai_strerror(rc)));
      if (family != r.network.family) return bad(line, "IP address and mask do not match");
    }
  }
  return true;
}

bool parse_method(Line& line, size_t& at, Rule& r) {
  if (at == line.fields.size()) return bad(line, "end-of-line before authentication method");
  const Field& field = line.fields[at++];
  if (field.size() > 1) return bad(line, "multiple values specified for authentication type", "Specify exactly one authentication type per line.");
  const std::string& name = field[0].text;
  bool local = r.connection == Connection::kLocal;
  if (name == "trust") r.method = Method::kTrust;
  else if (name == "peer" || (name == "ident" && local)) r.method = Method::kPeer;
  else if (name == "reject") r.method = Method::kReject;
  else if (name == "password") r.method = Method::kPassword;
  else if (name == "md5") r.method = Method::kMd5;
  else if (name == "scram-sha-256") r.method = Method::kScram;
  else if (name == "cert") r.method = Method::kCert;
  else if (name == "ident" || name == "gss" || name == "sspi" || name == "pam" || name == "bsd" || name == "ldap" || name == "radius")
    return bad(line, cat("invalid authentication method \"", name, "\": not supported by this build"));
  else return bad(line, cat("invalid authentication method \"", name, "\""));
  if (r.method == Method::kPeer && !local) return bad(line, "peer authentication is only supported on local sockets");
  if (r.method == Method::kCert && r.connection != Connection::kHostSsl) return bad(line, "cert authentication is only supported on hostssl connections");
  return true;
}

bool parse_option(Line& line, const std::string& text, Rule& r) {
  size_t eq = text.find('=');
  if (eq == std::string::npos) return bad(line, cat("authentication option not in name=value format: ", text));
  std::string name = text.substr(0, eq), value = text.substr(eq + 1);
  if (name == "map") {
    if (r.method != Method::kPeer && r.method != Method::kCert)
      return bad(line, "authentication option \"map\" is only valid for authentication methods ident, peer, gssapi, sspi, and cert");
    r.map = value;
  } else if (name == "clientcert") {
    if (r.connection != Connection::kHostSsl) return bad(line, "clientcert can only be configured for \"hostssl\" rows");
    if (value == "verify-full") {
      r.client_cert = ClientCert::kVerifyFull;
    } else if (value == "verify-ca") {
      if (r.method == Method::kCert) return bad(line, "clientcert only accepts \"verify-full\" when using \"cert\" authentication");
      r.client_cert = ClientCert::kVerifyCa;
    } else {
      return bad(line, cat("invalid value for clientcert: \"", value, "\""));
    }
  } else if (name == "clientname") {
    if (r.connection != Connection::kHostSsl) return bad(line, "clientname can only be configured for \"hostssl\" rows");
    if (value == "CN") r.cert_dn = false;
    else if (value == "DN") r.cert_dn = true;
    else return bad(line, cat("invalid value for clientname: \"", value, "\""));
  } else if (name == "pamservice" || name == "pam_use_hostname") {
    return bad(line, cat("authentication option \"", name, "\" is only valid for authentication methods pam"));
  } else if (name.starts_with("ldap") && name.size() > 4) {
    return bad(line, cat("authentication option \"", name, "\" is only valid for authentication methods ldap"));
  } else if (name == "krb_realm" || name == "include_realm") {
    return bad(line, cat("authentication option \"", name, "\" is only valid for authentication methods gssapi and sspi"));
  } else if (name == "compat_realm" || name == "upn_username") {
    return bad(line, cat("authentication option \"", name, "\" is only valid for authentication methods sspi"));
  } else if (name == "radiusservers" || name == "radiusports" || name == "radiussecrets" || name == "radiusidentifiers") {
    return bad(line, cat("authentication option \"", name, "\" is only valid for authentication methods radius"));
  } else {
    return bad(line, cat("unrecognized authentication option name: \"", name, "\""));
  }
  return true;
}

bool same_masked(const unsigned char* a, const unsigned char* b, const unsigned char* mask, size_t n) {
  for (size_t i = 0; i < n; i++)
    if ((a[i] ^ b[i]) & mask[i]) return false;
  return true;
}

// The address's bytes; an IPv4 address that came over an IPv6 socket is an IPv4 address.
const unsigned char* address_bytes(const sockaddr_storage& a, int& family) {
  family = a.ss_family;
  if (family == AF_INET) return reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in&>(a).sin_addr);
  if (family != AF_INET6) return nullptr;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(a).sin6_addr;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&six);
  if (!IN6_IS_ADDR_V4MAPPED(&six)) return bytes;
  family = AF_INET;
  return bytes + 12;
}

bool in_network(const sockaddr_storage& client, const Network& n) {
  int family;
  const unsigned char* bytes = address_bytes(client, family);
  return bytes && family == n.family && same_masked(bytes, n.address, n.mask, family == AF_INET ? 4 : 16);
}

bool on_own_interface(const sockaddr_storage& client, bool whole_net) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  int family;
  const unsigned char* bytes = address_bytes(client, family);
  size_t n = family == AF_INET ? 4 : 16;
  unsigned char ones[16];
  std::memset(ones, 0xFF, sizeof ones);
  bool found = false;
  for (ifaddrs* i = list; i && !found && bytes; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != family) continue;
    auto raw = [&](const sockaddr* a) {
      return family == AF_INET ? reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(a)->sin_addr)
                               : reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr);
    };
    found = same_masked(bytes, raw(i->ifa_addr), whole_net && i->ifa_netmask ? raw(i->ifa_netmask) : ones, n);
  }
  freeifaddrs(list);
  return found;
}

bool name_fits(const std::string& pattern, const std::string& name) {
  if (pattern.starts_with('.')) return name.size() > pattern.size() && strcasecmp(name.c_str() + name.size() - pattern.size(), pattern.c_str()) == 0;
  return strcasecmp(pattern.c_str(), name.c_str()) == 0;
}

bool address_fits(const Rule& r, const Client& c) {
  switch (r.match) {
    case Match::kAll: return true;
    case Match::kSameHost: return on_own_interface(*c.address, false);
    case Match::kSameNet: return on_own_interface(*c.address, true);
    case Match::kNetwork: return in_network(*c.address, r.network);
    case Match::kHostName: {
      std::string name = c.host_name ? c.host_name() : std::string();
      return !name.empty() && name_fits(r.host_name, name) && c.host_has_address && c.host_has_address(name);
    }
  }
  return false;
}

bool database_fits(const Field& field, const Client& c) {
  for (const Token& t : field) {
    if (t.is("all")) return true;
    if (t.is("sameuser")) {
      if (c.database == c.user) return true;
    } else if (t.is("samegroup") || t.is("samerole")) {
      if (c.member_of(std::string(c.database))) return true;
    } else if (!t.is("replication") && t.text == c.database) {
      return true;
    }
  }
  return false;
}

bool user_fits(const Field& field, const Client& c) {
  for (const Token& t : field) {
    if (!t.quoted && t.text.starts_with('+')) {
      if (c.member_of(t.text.substr(1))) return true;
    } else if (t.text == c.user || t.is("all")) {
      return true;
    }
  }
  return false;
}

std::string numeric(const Network& n, const unsigned char* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(n.family, bytes, text, sizeof text);
  return text;
}

}  // namespace

const char* connection_name(Connection c) {
  constexpr const char* kNames[] = {"local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"};
  return kNames[static_cast<int>(c)];
}

const char* method_name(Method m) {
  constexpr const char* kNames[] = {"reject", "trust", "peer", "password", "md5", "scram-sha-256", "cert"};
  return kNames[static_cast<int>(m)];
}

std::string network_address(const Network& n) { return numeric(n, n.address); }
std::string network_mask(const Network& n) { return numeric(n, n.mask); }

void read_lines(const std::string& path, const std::function<bool(Line&)>& each) { Reader(each).file(path, 0); }

bool parse_rule(Line& line, bool ssl_enabled, Rule& r) {
  if (!line.error.empty()) return false;
  r = {};
  r.file = line.file;
  r.text = line.text;
  r.line = line.number;
  const Field& type = line.fields[0];
  if (type.size() > 1) return bad(line, "multiple values specified for connection type", "Specify exactly one connection type per line.");
  const std::string& name = type[0].text;
  std::string warning, hint;
  if (name == "local") r.connection = Connection::kLocal;
  else if (name == "host") r.connection = Connection::kHost;
  else if (name == "hostssl") {
    r.connection = Connection::kHostSsl;
    if (!ssl_enabled) {
      warning = "hostssl record cannot match because SSL is disabled";
      hint = "Set ssl = on in postgresql.conf.";
    }
  } else if (name == "hostnossl") r.connection = Connection::kHostNoSsl;
  else if (name == "hostgssenc") r.connection = Connection::kHostGss;   // never matches
  else if (name == "hostnogssenc") r.connection = Connection::kHostNoGss;
  else return bad(line, cat("invalid connection type \"", name, "\""));
  if (line.fields.size() < 2) return bad(line, "end-of-line before database specification");
  if (line.fields.size() < 3) return bad(line, "end-of-line before role specification");
  r.databases = line.fields[1];
  r.users = line.fields[2];
  size_t at = 3;
  if (r.connection != Connection::kLocal && !parse_address(line, at, r)) return false;
  if (!parse_method(line, at, r)) return false;
  for (; at < line.fields.size(); at++)
    for (const Token& t : line.fields[at])
      if (!parse_option(line, t.text, r)) return false;
  if (r.method == Method::kCert) r.client_cert = ClientCert::kVerifyFull;
  line.error = std::move(warning);
  line.hint = std::move(hint);
  return true;
}

bool matches(const Rule& r, const Client& c) {
  bool local = c.address->ss_family == AF_UNIX;
  switch (r.connection) {
    case Connection::kLocal: if (!local) return false; break;
    case Connection::kHost: case Connection::kHostNoGss: if (local) return false; break;
    case Connection::kHostSsl: if (local || !c.tls) return false; break;
    case Connection::kHostNoSsl: if (local || c.tls) return false; break;
    case Connection::kHostGss: return false;
  }
  return (local || address_fits(r, c)) && database_fits(r.databases, c) && user_fits(r.users, c);
}

bool parse_mapping(Line& line, Mapping& m) {
  if (!line.error.empty()) return false;
  std::string* to[] = {&m.map, &m.system_user, &m.role};
  for (size_t i = 0; i < 3; i++) {
    if (i >= line.fields.size()) return bad(line, "missing entry at end of line");
    if (line.fields[i].size() > 1) return bad(line, "multiple values in ident field");
    *to[i] = line.fields[i][0].text;
  }
  if (m.system_user.starts_with('/')) {
    try {
      Regex::get(std::string_view(m.system_user).substr(1), {});
    } catch (SqlError& e) {
      constexpr std::string_view kPrefix = "invalid regular expression: ";
      std::string why = e.message.starts_with(kPrefix) ? e.message.substr(kPrefix.size()) : e.message;
      return bad(line, cat("invalid regular expression \"", m.system_user.substr(1), "\": ", why));
    }
  }
  return true;
}

bool mapping_fits(const Mapping& m, std::string_view map, std::string_view system_user, std::string_view role) {
  if (m.map != map) return false;
  if (!m.system_user.starts_with('/')) return m.system_user == system_user && m.role == role;
  RegexMatch found;
  if (!Regex::get(std::string_view(m.system_user).substr(1), {}).search(system_user, 0, &found)) return false;
  size_t group = m.role.find("\\1");
  if (group == std::string::npos) return m.role == role;
  if (found.groups.size() < 2 || found.groups[1].first == RegexMatch::kUnset)
    throw SqlError{sqlstate::kInvalidRegularExpression, cat("regular expression \"", m.system_user.substr(1), "\" has no subexpressions as requested by backreference in \"", m.role, "\"")};
  auto [begin, end] = found.groups[1];
  return cat(m.role.substr(0, group), system_user.substr(begin, end - begin), m.role.substr(group + 2)) == role;
}

}  // namespace postern::session::hba
