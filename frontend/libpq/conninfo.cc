// Connection strings: `key = 'value' …` and postgresql:// URIs, environment, defaults, the password file.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/libpq/internal.h"

namespace postern::pq {
namespace {

struct Known {
  const char* keyword;
  const char* env;
  const char* compiled;
  const char* label;
  const char* display;
  int size;
};

constexpr Known kKnown[] = {
    {"service", "PGSERVICE", nullptr, "Database-Service", "", 20},
    {"user", "PGUSER", nullptr, "Database-User", "", 20},
    {"password", "PGPASSWORD", nullptr, "Database-Password", "*", 20},
    {"passfile", "PGPASSFILE", nullptr, "Database-Password-File", "", 64},
    {"channel_binding", "PGCHANNELBINDING", "prefer", "Channel-Binding", "", 8},
    {"connect_timeout", "PGCONNECT_TIMEOUT", nullptr, "Connect-timeout", "", 10},
    {"dbname", "PGDATABASE", nullptr, "Database-Name", "", 20},
    {"host", "PGHOST", nullptr, "Database-Host", "", 40},
    {"hostaddr", "PGHOSTADDR", nullptr, "Database-Host-IP-Address", "", 45},
    {"port", "PGPORT", "5432", "Database-Port", "", 6},
    {"client_encoding", "PGCLIENTENCODING", nullptr, "Client-Encoding", "", 10},
    {"options", "PGOPTIONS", "", "Backend-Options", "", 40},
    {"application_name", "PGAPPNAME", nullptr, "Application-Name", "", 64},
    {"fallback_application_name", nullptr, nullptr, "Fallback-Application-Name", "", 64},
    {"keepalives", nullptr, nullptr, "TCP-Keepalives", "", 1},
    {"keepalives_idle", nullptr, nullptr, "TCP-Keepalives-Idle", "", 10},
    {"keepalives_interval", nullptr, nullptr, "TCP-Keepalives-Interval", "", 10},
    {"keepalives_count", nullptr, nullptr, "TCP-Keepalives-Count", "", 10},
    {"tcp_user_timeout", nullptr, nullptr, "TCP-User-Timeout", "", 10},
    {"sslmode", "PGSSLMODE", "prefer", "SSL-Mode", "", 12},
    {"sslnegotiation", "PGSSLNEGOTIATION", "postgres", "SSL-Negotiation", "", 9},
    {"sslcompression", "PGSSLCOMPRESSION", "0", "SSL-Compression", "", 1},
    {"sslcert", "PGSSLCERT", nullptr, "SSL-Client-Cert", "", 64},
    {"sslkey", "PGSSLKEY", nullptr, "SSL-Client-Key", "", 64},
    {"sslpassword", nullptr, nullptr, "SSL-Client-Key-Password", "*", 20},
    {"sslrootcert", "PGSSLROOTCERT", nullptr, "SSL-Root-Certificate", "", 64},
    {"sslcrl", "PGSSLCRL", nullptr, "SSL-Revocation-List", "", 64},
    {"sslcrldir", "PGSSLCRLDIR", nullptr, "SSL-Revocation-List-Dir", "", 64},
    {"sslsni", "PGSSLSNI", "1", "SSL-SNI", "", 1},
    {"require_auth", "PGREQUIREAUTH", nullptr, "Require-Auth", "", 14},
    {"requirepeer", "PGREQUIREPEER", nullptr, "Require-Peer", "", 10},
    {"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", "TLSv1.2", "SSL-Minimum-Protocol-Version", "", 8},
    {"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", nullptr, "SSL-Maximum-Protocol-Version", "", 8},
    {"gssencmode", "PGGSSENCMODE", "prefer", "GSSENC-Mode", "", 8},
    {"krbsrvname", "PGKRBSRVNAME", "postgres", "Kerberos-service-name", "", 20},
    {"gsslib", "PGGSSLIB", nullptr, "GSS-library", "", 7},
    {"replication", nullptr, nullptr, "Replication", "D", 5},
    {"target_session_attrs", "PGTARGETSESSIONATTRS", "any", "Target-Session-Attrs", "", 15},
    {"datadir", nullptr, nullptr, "Data-Directory", "", 64},
};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t uri_prefix(std::string_view s) {
  for (std::string_view p : {std::string_view("postgresql://"), std::string_view("postgres://")})
    if (s.substr(0, p.size()) == p) return p.size();
  return 0;
}

bool add(Options& options, std::string_view keyword, std::string_view value, std::string& error) {
  if (!known_option(keyword)) {
    error = cat("invalid connection option \"", keyword, "\"\n");
    return false;
  }
  set_option(options, keyword, value);
  return true;
}

bool parse_pairs(std::string_view s, Options& options, std::string& error) {
  size_t i = 0;
  while (true) {
    while (i < s.size() && is_space(s[i])) i++;
    if (i == s.size()) return true;
    size_t start = i;
    while (i < s.size() && s[i] != '=' && !is_space(s[i])) i++;
    std::string keyword(s.substr(start, i - start));
    while (i < s.size() && is_space(s[i])) i++;
    if (i == s.size() || s[i] != '=') {
      error = cat("missing \"=\" after \"", keyword, "\" in connection info string\n");
      return false;
    }
    i++;
    while (i < s.size() && is_space(s[i])) i++;
    std::string value;
    bool quoted = i < s.size() && s[i] == '\'';
    if (quoted) i++;
    while (true) {
      if (i == s.size()) {
        if (!quoted) break;
        error = "unterminated quoted string in connection info string\n";
        return false;
      }
      char c = s[i];
      if (quoted ? c == '\'' : is_space(c)) break;
      if (c == '\\' && ++i == s.size()) continue;
      value += s[i++];
    }
    if (quoted) i++;
    if (!add(options, keyword, value, error)) return false;
  }
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool decode(std::string_view s, std::string& out, std::string& error) {
  out.clear();
  for (size_t i = 0; i < s.size(); i++) {
    if (s[i] != '%') {
      out += s[i];
      continue;
    }
    bool room = s.size() - i > 2;
    int hi = room ? hex(s[i + 1]) : -1, lo = room ? hex(s[i + 2]) : -1;
    if (hi < 0 || lo < 0) {
      error = cat("invalid percent-encoded token: \"", s, "\"\n");
      return false;
    }
    if (hi == 0 && lo == 0) {
      error = cat("forbidden value %00 in percent-encoded value: \"", s, "\"\n");
      return false;
    }
    out += static_cast<char>(hi << 4 | lo);
    i += 2;
  }
  return true;
}

bool add_decoded(Options& options, std::string_view keyword, std::string_view raw, std::string& error) {
  std::string value;
  return raw.empty() || (decode(raw, value, error) && add(options, keyword, value, error));
}

// [host[:port]][,…], a host may be an IPv6 address in brackets.
bool parse_uri_hosts(std::string_view uri, std::string_view s, Options& options, std::string& error) {
  std::string hosts, ports;
  size_t i = 0;
  while (true) {
    if (i < s.size() && s[i] == '[') {
      size_t close = s.find(']', i);
      if (close == s.npos) {
        error = cat("end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"", uri, "\"\n");
        return false;
      }
      if (close == i + 1) {
        error = cat("IPv6 host address may not be empty in URI: \"", uri, "\"\n");
        return false;
      }
      hosts += s.substr(i + 1, close - i - 1);
      i = close + 1;
      if (i < s.size() && s[i] != ':' && s[i] != ',') {
        size_t at = static_cast<size_t>(s.data() - uri.data()) + i + 1;
        error = cat("unexpected character \"", s.substr(i, 1), "\" at position ", at, " in URI (expected \":\" or \"/\"): \"", uri,
                    "\"\n");
        return false;
      }
    } else {
      size_t end = std::min(s.find_first_of(":,", i), s.size());
      hosts += s.substr(i, end - i);
      i = end;
    }
    if (i < s.size() && s[i] == ':') {
      size_t end = std::min(s.find(',', i), s.size());
      ports += s.substr(i + 1, end - i - 1);
      i = end;
    }
    if (i >= s.size()) break;
    hosts += ',';
    ports += ',';
    i++;
  }
  return add_decoded(options, "host", hosts, error) && add_decoded(options, "port", ports, error);
}

bool parse_uri_parameters(std::string_view s, Options& options, std::string& error) {
  while (!s.empty()) {
    size_t end = std::min(s.find('&'), s.size());
    std::string_view pair = s.substr(0, end);
    s.remove_prefix(std::min(end + 1, s.size()));
    size_t eq = pair.find('=');
    std::string_view raw = pair.substr(0, eq);
    if (eq == pair.npos) {
      error = cat("missing key/value separator \"=\" in URI query parameter: \"", raw, "\"\n");
      return false;
    }
    if (pair.find('=', eq + 1) != pair.npos) {
      error = cat("extra key/value separator \"=\" in URI query parameter: \"", raw, "\"\n");
      return false;
    }
    std::string keyword, value;
    if (!decode(raw, keyword, error) || !decode(pair.substr(eq + 1), value, error)) return false;
    if (keyword == "ssl" && value == "true") {
      keyword = "sslmode";
      value = "require";
    }
    if (!known_option(keyword)) {
      error = cat("invalid URI query parameter: \"", keyword, "\"\n");
      return false;
    }
    set_option(options, keyword, value);
  }
  return true;
}

bool parse_uri(std::string_view uri, Options& options, std::string& error) {
  std::string_view s = uri.substr(uri_prefix(uri));
  std::string_view query;
  size_t authority_end = std::min(s.find_first_of("/?"), s.size());
  // A user or password may not hold an unescaped '/', '?' or '@'.
  std::string_view authority = s.substr(0, authority_end);
  std::string_view rest = s.substr(authority_end);
  size_t at = authority.find('@');
  if (at != authority.npos) {
    std::string_view login = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    size_t colon = login.find(':');
    if (!add_decoded(options, "user", login.substr(0, colon), error)) return false;
    if (colon != login.npos && !add_decoded(options, "password", login.substr(colon + 1), error)) return false;
  }
  if (!parse_uri_hosts(uri, authority, options, error)) return false;
  if (!rest.empty() && rest[0] == '/') {
    size_t q = rest.find('?');
    if (!add_decoded(options, "dbname", rest.substr(1, q == rest.npos ? q : q - 1), error)) return false;
    rest = q == rest.npos ? std::string_view{} : rest.substr(q);
  }
  if (!rest.empty()) query = rest.substr(1);
  return parse_uri_parameters(query, options, error);
}

char* copy_c(const char* s) { return s ? strdup(s) : nullptr; }

}  // namespace

std::string lower_ascii(std::string_view s) {
  std::string r(s);
  for (char& c : r)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return r;
}

bool known_option(std::string_view keyword) {
  for (const Known& k : kKnown)
    if (keyword == k.keyword) return true;
  return false;
}

bool is_conninfo(std::string_view s) { return uri_prefix(s) != 0 || s.find('=') != s.npos; }

const std::string* find_option(const Options& options, std::string_view keyword) {
  for (const auto& o : options)
    if (o.first == keyword) return &o.second;
  return nullptr;
}

void set_option(Options& options, std::string_view keyword, std::string_view value) {
  for (auto& o : options)
    if (o.first == keyword) {
      o.second = value;
      return;
    }
  options.emplace_back(std::string(keyword), std::string(value));
}

bool parse_conninfo(std::string_view text, Options& options, std::string& error) {
  return uri_prefix(text) ? parse_uri(text, options, error) : parse_pairs(text, options, error);
}

bool fill_defaults(Options& options, std::string& error) {
  for (const Known& k : kKnown) {
    if (find_option(options, k.keyword)) continue;
    const char* env = k.env ? getenv(k.env) : nullptr;
    if (env) set_option(options, k.keyword, env);
    else if (k.compiled) set_option(options, k.keyword, k.compiled);
  }
  const std::string* user = find_option(options, "user");
  if (!user || user->empty()) {
    passwd entry, *found = nullptr;
    char buffer[4096];
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) != 0 || !found) {
      error = cat("local user with ID ", static_cast<int>(geteuid()), " does not exist\n");
      return false;
    }
    set_option(options, "user", found->pw_name);
  }
  return true;
}

namespace {

// [name] sections of key=value lines; keys that are set already stay.
bool read_service_file(const std::string& path, const std::string& service, Options& options, bool& found, std::string& error) {
  FILE* f = fopen(path.c_str(), "re");
  if (!f) {
    error = cat("service file \"", path, "\" not found\n");
    return false;
  }
  char* line = nullptr;
  size_t capacity = 0;
  bool inside = false, ok = true;
  for (int number = 1; ok && getline(&line, &capacity, f) > 0; number++) {
    std::string_view s = line;
    while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
    while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
    if (s.empty() || s[0] == '#') continue;
    if (s[0] == '[') {
      if (inside) break;
      inside = found = s == cat("[", service, "]");
      continue;
    }
    if (!inside) continue;
    size_t eq = s.find('=');
    std::string_view key = s.substr(0, eq);
    if (eq == s.npos || !known_option(key)) error = cat("syntax error in service file \"", path, "\", line ", number, "\n");
    else if (key == "service") error = cat("nested service specifications not supported in service file \"", path, "\", line ", number, "\n");
    else if (!find_option(options, key)) set_option(options, key, s.substr(eq + 1));
    ok = error.empty();
  }
  free(line);
  fclose(f);
  return ok;
}

}  // namespace

bool apply_service(Options& options, std::string& error) {
  const std::string* given = find_option(options, "service");
  const char* env = getenv("PGSERVICE");
  std::string service = given ? *given : env ? env : "";
  if (service.empty()) return true;
  bool found = false;
  const char *file = getenv("PGSERVICEFILE"), *home = getenv("HOME"), *system = getenv("PGSYSCONFDIR");
  std::string own = file ? file : home ? cat(home, "/.pg_service.conf") : "", shared = cat(system ? system : "/etc/postgresql-common", "/pg_service.conf");
  if (file || (!own.empty() && access(own.c_str(), R_OK) == 0))
    if (!read_service_file(own, service, options, found, error)) return false;
  if (!found && access(shared.c_str(), R_OK) == 0 && !read_service_file(shared, service, options, found, error)) return false;
  if (!found) error = cat("definition of service \"", service, "\" not found\n");
  return found;
}

PQconninfoOption* to_c_options(const Options& options) {
  constexpr size_t n = std::size(kKnown);
  auto* list = static_cast<PQconninfoOption*>(calloc(n + 1, sizeof(PQconninfoOption)));
  if (!list) return nullptr;
  for (size_t i = 0; i < n; i++) {
    const Known& k = kKnown[i];
    const std::string* v = find_option(options, k.keyword);
    list[i] = {const_cast<char*>(k.keyword), const_cast<char*>(k.env),     const_cast<char*>(k.compiled),
               v ? copy_c(v->c_str()) : nullptr, const_cast<char*>(k.label), const_cast<char*>(k.display), k.size};
  }
  return list;
}

// Lines host:port:database:user:password; `*` matches anything, a backslash escapes.
std::string password_from_file(const Options& options, const std::string& host, const std::string& port) {
  std::string path;
  if (const std::string* p = find_option(options, "passfile")) path = *p;
  else if (const char* home = getenv("HOME")) path = cat(home, "/.pgpass");
  struct stat st;
  if (path.empty() || stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  if (st.st_mode & (S_IRWXG | S_IRWXO)) {
    fprintf(stderr, "WARNING: password file \"%s\" has group or world access; permissions should be u=rw (0600) or less\n",
            path.c_str());
    return {};
  }
  FILE* f = fopen(path.c_str(), "re");
  if (!f) return {};
  const std::string* db = find_option(options, "dbname");
  const std::string* user = find_option(options, "user");
  const std::string wanted[4] = {host.empty() || host[0] == '/' ? "localhost" : host, port, db ? *db : "", user ? *user : ""};
  std::string found;
  char* line = nullptr;
  size_t capacity = 0;
  ssize_t n;
  while (found.empty() && (n = getline(&line, &capacity, f)) > 0) {
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) line[--n] = '\0';
    if (line[0] == '#' || n == 0) continue;
    std::string fields[5];
    int field = 0;
    for (ssize_t i = 0; i < n; i++) {
      if (line[i] == '\\' && i + 1 < n) fields[field] += line[++i];
      else if (line[i] == ':' && field < 4) field++;
      else fields[field] += line[i];
    }
    bool match = field == 4;
    for (int i = 0; i < 4 && match; i++) match = fields[i] == "*" || fields[i] == wanted[i];
    if (match) found = fields[4];
  }
  free(line);
  fclose(f);
  return found;
}

}  // namespace postern::pq

using namespace postern::pq;

extern "C" {

PQconninfoOption* PQconninfoParse(const char* conninfo, char** errmsg) {
  Options options;
  std::string error;
  if (errmsg) *errmsg = nullptr;
  if (parse_conninfo(conninfo ? conninfo : "", options, error)) return to_c_options(options);
  if (errmsg) *errmsg = strdup(error.c_str());
  return nullptr;
}

PQconninfoOption* PQconndefaults(void) {
  Options options;
  std::string error;
  fill_defaults(options, error);
  return to_c_options(options);
}

PQconninfoOption* PQconninfo(PGconn* conn) { return conn ? to_c_options(conn->options) : nullptr; }

void PQconninfoFree(PQconninfoOption* options) {
  if (!options) return;
  for (PQconninfoOption* o = options; o->keyword; o++) free(o->val);
  free(options);
}
}
