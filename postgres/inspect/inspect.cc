#include "postgres/inspect/inspect.h"

#include <fcntl.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/inspect/decode.h"
#include "postgres/wal/reader.h"

namespace postern::inspect {

std::string lsn_text(uint64_t lsn) {
  char buf[32];
  std::snprintf(buf, sizeof buf, "%X/%X", static_cast<unsigned>(lsn >> 32), static_cast<unsigned>(lsn));
  return buf;
}

bool parse_lsn(std::string_view s, uint64_t* lsn) {
  size_t slash = s.find('/');
  if (slash == s.npos) return false;
  uint32_t hi = 0, lo = 0;
  const char* end = s.data() + s.size();
  auto a = std::from_chars(s.data(), s.data() + slash, hi, 16), b = std::from_chars(s.data() + slash + 1, end, lo, 16);
  if (a.ec != std::errc{} || b.ec != std::errc{} || a.ptr != s.data() + slash || b.ptr != end) return false;
  *lsn = uint64_t{hi} << 32 | lo;
  return true;
}

std::string hex(const uint8_t* p, size_t n, size_t most) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < n && i < most; i++) {
    out += kDigits[p[i] >> 4];
    out += kDigits[p[i] & 15];
  }
  if (n > most) out += "…";
  return out;
}

void print_text(const Json& value, int indent, std::string& out) {
  if (value.is_array()) {
    for (const Json& v : value) print_text(v, indent, out);
    return;
  }
  out.append(static_cast<size_t>(indent), ' ');
  if (!value.is_object()) {
    out += value.is_string() ? value.get<std::string>() : value.dump();
    out += '\n';
    return;
  }
  bool first = true;
  for (const auto& [key, v] : value.items()) {
    if (v.is_structured()) continue;
    if (!first) out += ' ';
    first = false;
    out += cat(key, "=", v.is_string() ? v.get<std::string>() : v.dump());
  }
  out += '\n';
  for (const auto& [key, v] : value.items())
    if (v.is_structured()) print_text(v, indent + 2, out);
}

namespace {

constexpr char kUsage[] =
    "usage: postgres inspect [--json] control SITE\n"
    "       postgres inspect [--json] page FILE [PAGE | FIRST-LAST]\n"
    "       postgres inspect [--json] wal SITE [--from LSN] [--limit N] [--op NAME] [--relation DATABASE/NUMBER]\n";

struct Usage {
  std::string why;
};

struct Arguments {
  bool json = false;
  std::string command, target;
  std::optional<std::string> pages, op, relation;
  std::optional<uint64_t> from;
  uint64_t limit = ~uint64_t{0};
};

template <class T>
T number(std::string_view s) {
  T v{};
  auto r = std::from_chars(s.data(), s.data() + s.size(), v);
  if (r.ec != std::errc{} || r.ptr != s.data() + s.size()) throw Usage{cat("invalid number \"", s, "\"")};
  return v;
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  std::vector<std::string> plain;
  for (int i = 1; i < argc; i++) {
    std::string_view s = argv[i];
    auto next = [&]() -> std::string {
      if (++i == argc) throw Usage{cat("option ", s, " needs a value")};
      return argv[i];
    };
    if (s == "--json") a.json = true;
    else if (s == "--from") {
      uint64_t lsn;
      std::string v = next();
      if (!parse_lsn(v, &lsn)) throw Usage{cat("invalid LSN \"", v, "\"")};
      a.from = lsn;
    } else if (s == "--limit") a.limit = number<uint64_t>(next());
    else if (s == "--op") a.op = next();
    else if (s == "--relation") a.relation = next();
    else if (s.starts_with("--")) throw Usage{cat("unknown option ", s)};
    else plain.emplace_back(s);
  }
  if (plain.size() < 2 || plain.size() > 3 || (plain.size() == 3 && plain[0] != "page")) throw Usage{"wrong number of arguments"};
  a.command = plain[0];
  a.target = plain[1];
  if (plain.size() == 3) a.pages = plain[2];
  return a;
}

// One value: a line of JSON or its text.
void print(const Arguments& a, const Json& j) {
  std::string out;
  if (a.json) out = j.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  else print_text(j, 0, out);
  std::fwrite(out.data(), 1, out.size(), stdout);
}

int control(const Arguments& a) {
  Json j = decode_control(wal::read_control(a.target));
  if (a.json) {
    print(a, j);
  } else {
    for (const auto& [k, v] : j.items()) std::printf("%-18s %s\n", k.c_str(), v.is_string() ? v.get<std::string>().c_str() : v.dump().c_str());
  }
  return 0;
}

int page(const Arguments& a) {
  os::Fd fd(os::open_file(a.target.c_str(), O_RDONLY));
  if (!fd) os::throw_errno(errno, cat("could not open file \"", a.target, "\""));
  struct stat st;
  if (!os::stat_fd(fd.get(), st)) os::throw_errno(errno, cat("could not stat file \"", a.target, "\""));
  auto count = static_cast<uint32_t>(static_cast<uint64_t>(st.st_size) / kPageBytes);
  uint32_t first = 0, end = count;
  if (a.pages) {
    size_t dash = a.pages->find('-');
    first = number<uint32_t>(std::string_view(*a.pages).substr(0, dash));
    end = dash == std::string::npos ? first + 1 : number<uint32_t>(std::string_view(*a.pages).substr(dash + 1)) + 1;
    if (end > count || first >= end) throw SqlError{sqlstate::kInvalidParameterValue, cat("file \"", a.target, "\" has ", count, " pages")};
  }
  int problems = 0;
  alignas(8) uint8_t bytes[kPageBytes];
  for (uint32_t n = first; n < end; n++) {
    if (os::read_at(fd.get(), bytes, kPageBytes, uint64_t{n} * kPageBytes) != static_cast<ssize_t>(kPageBytes))
      os::throw_errno(errno, cat("could not read page ", n));
    print(a, decode_page(bytes, n, a.pages.has_value(), &problems));
  }
  return problems ? 1 : 0;
}

int wal_records(const Arguments& a) {
  uint64_t from = a.from ? *a.from : wal::read_control(a.target).redo;
  wal::LogReader reader(cat(a.target, "/wal"), from, false);
  uint64_t shown = 0;
  while (shown < a.limit) {
    const uint8_t* r = reader.next();
    if (!r) break;
    const wal::RecordHeader& h = reader.header();
    if (a.op && *a.op != op_name(h.op)) continue;
    Json j = decode_record(r, h, reader.start());
    if (a.relation) {
      bool hit = j.contains("file") && j["file"].get<std::string>().starts_with(*a.relation + "/");
      if (j.contains("pages"))
        for (const Json& p : j["pages"]) hit |= p["file"] == *a.relation;
      if (!hit) continue;
    }
    print(a, j);
    shown++;
  }
  if (shown < a.limit) print(a, {{"end", lsn_text(reader.end())}});
  return 0;
}

}  // namespace

int inspect_main(int argc, char** argv) {
  try {
    Arguments a = parse(argc, argv);
    if (a.command == "control") return control(a);
    if (a.command == "page") return page(a);
    if (a.command == "wal") return wal_records(a);
    throw Usage{cat("unknown command \"", a.command, "\"")};
  } catch (const Usage& u) {
    std::fprintf(stderr, "inspect: %s\n%s", u.why.c_str(), kUsage);
    return 2;
  } catch (const SqlError& e) {
    std::fprintf(stderr, "inspect: %s\n", e.message.c_str());
    return 1;
  }
}

}  // namespace postern::inspect
