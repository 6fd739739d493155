#include "postgres/types/timezone.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "postgres/types/calendar.h"

namespace postern {
namespace {

constexpr const char* kZoneDirectory = "/usr/share/zoneinfo";
constexpr size_t kMaxZoneFile = 256 * 1024;

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// No component is empty or begins with a dot.
bool well_formed(std::string_view name) {
  return !name.empty() && name[0] != '.' && name[0] != '/' && name.find("/.") == name.npos && name.find("//") == name.npos && name.find('\0') == name.npos;
}

// The real path below the zone directory of a name in any case; empty if there is none.
std::string canonical_path(std::string_view name) {
  if (well_formed(name) && access(cat(kZoneDirectory, "/", name).c_str(), R_OK) == 0) return std::string(name);
  std::string path = kZoneDirectory, found;
  while (!name.empty()) {
    size_t slash = name.find('/');
    std::string part = lower(name.substr(0, slash));
    if (part.empty() || part[0] == '.') return {};
    DIR* dir = opendir(path.c_str());
    if (!dir) return {};
    std::string match;
    while (dirent* e = readdir(dir))
      if (lower(e->d_name) == part) {
        match = e->d_name;
        break;
      }
    closedir(dir);
    if (match.empty()) return {};
    append(path, '/', match);
    append(found, found.empty() ? "" : "/", match);
    name = slash == std::string_view::npos ? std::string_view{} : name.substr(slash + 1);
  }
  return found;
}

std::string read_file(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string out;
  char buf[8192];
  ssize_t n;
  while (out.size() < kMaxZoneFile && (n = read(fd, buf, sizeof buf)) > 0) out.append(buf, static_cast<size_t>(n));
  close(fd);
  return out;
}

}  // namespace

struct TimeZoneLoader {
  // TZif, version 1 to 4; the 64-bit block is used where there is one.
  static bool parse_file(std::string_view f, TimeZone& z) {
    size_t width = 4;
    if (f.size() < 44 || !f.starts_with("TZif")) return false;
    if (f[4] >= '2') {
      size_t skip = block_size(f, 4);
      if (f.size() < skip + 44) return false;
      f.remove_prefix(skip);
      width = 8;
    }
    if (f.size() < block_size(f, width)) return false;
    uint32_t times = load_be<uint32_t>(f.data() + 32), types = load_be<uint32_t>(f.data() + 36), chars = load_be<uint32_t>(f.data() + 40);
    const char* p = f.data() + 44;
    for (uint32_t i = 0; i < times; i++, p += width) z.transitions_.push_back(width == 8 ? load_be<int64_t>(p) : load_be<int32_t>(p));
    for (uint32_t i = 0; i < times; i++, p++) {
      if (static_cast<uint8_t>(*p) >= types) return false;
      z.type_of_.push_back(static_cast<uint8_t>(*p));
    }
    std::string_view names(p + size_t{types} * 6, chars);
    for (uint32_t i = 0; i < types; i++, p += 6) {
      auto at = static_cast<uint8_t>(p[5]);
      if (at >= chars) return false;
      z.types_.push_back({load_be<int32_t>(p), p[4] != 0, std::string(names.substr(at, names.find('\0', at) - at))});
    }
    if (z.types_.empty()) return false;
    if (width == 8) {
      std::string_view footer = f.substr(block_size(f, 8));
      if (footer.starts_with('\n')) {
        footer.remove_prefix(1);
        parse_posix(footer.substr(0, footer.find('\n')), z);
      }
    }
    return true;
  }
  static size_t block_size(std::string_view f, size_t width) {
    auto n = [&](size_t at) { return size_t{load_be<uint32_t>(f.data() + at)}; };
    return 44 + n(32) * (width + 1) + n(36) * 6 + n(40) + n(28) * (width + 4) + n(24) + n(20);
  }

  static bool abbreviation(std::string_view& s, std::string& out) {
    if (s.starts_with('<')) {
      size_t close = s.find('>');
      if (close == std::string_view::npos) return false;
      out = s.substr(1, close - 1);
      s.remove_prefix(close + 1);
      return true;
    }
    size_t n = 0;
    while (n < s.size() && isalpha(static_cast<unsigned char>(s[n]))) n++;
    if (n < 3) return false;
    out = s.substr(0, n);
    s.remove_prefix(n);
    return true;
  }
  static bool clock(std::string_view& s, int32_t& out) {
    int sign = 1;
    if (s.starts_with('-') || s.starts_with('+')) {
      sign = s[0] == '-' ? -1 : 1;
      s.remove_prefix(1);
    }
    int32_t total = 0, unit = 3600;
    for (int i = 0; i < 3; i++, unit /= 60) {
      int32_t v = 0;
      size_t n = 0;
      while (n < s.size() && n < 3 && isdigit(static_cast<unsigned char>(s[n]))) v = v * 10 + (s[n++] - '0');
      if (n == 0) return false;
      s.remove_prefix(n);
      total += v * unit;
      if (!s.starts_with(':')) break;
      s.remove_prefix(1);
    }
    if (total > 167 * 3600) return false;
    out = sign * total;
    return true;
  }
  static bool rule_date(std::string_view& s, TimeZone::RuleDate& d) {
    if (!s.starts_with(',')) return false;
    s.remove_prefix(1);
    auto number = [&](int& v) {
      size_t n = 0;
      v = 0;
      while (n < s.size() && n < 4 && isdigit(static_cast<unsigned char>(s[n]))) v = v * 10 + (s[n++] - '0');
      s.remove_prefix(n);
      return n > 0;
    };
    if (s.starts_with('M')) {
      s.remove_prefix(1);
      d.kind = 'M';
      if (!number(d.month) || !s.starts_with('.')) return false;
      s.remove_prefix(1);
      if (!number(d.week) || !s.starts_with('.')) return false;
      s.remove_prefix(1);
      if (!number(d.day) || d.month < 1 || d.month > 12 || d.week < 1 || d.week > 5 || d.day > 6) return false;
    } else {
      d.kind = s.starts_with('J') ? 'J' : 'N';
      if (d.kind == 'J') s.remove_prefix(1);
      if (!number(d.day) || d.day > 366) return false;
    }
    if (s.starts_with('/')) {
      s.remove_prefix(1);
      return clock(s, d.time);
    }
    return true;
  }
  static bool parse_posix(std::string_view s, TimeZone& z) {
    int32_t west = 0;
    if (!abbreviation(s, z.rule_std_.abbreviation) || !clock(s, west)) return false;
    z.rule_std_.offset = -west;
    if (!s.empty()) {
      if (!abbreviation(s, z.rule_dst_.abbreviation)) return false;
      z.rule_dst_.offset = z.rule_std_.offset + 3600;
      z.rule_dst_.dst = true;
      if (!s.empty() && s[0] != ',') {
        if (!clock(s, west)) return false;
        z.rule_dst_.offset = -west;
      }
      if (s.empty()) s = ",M3.2.0,M11.1.0";
      if (!rule_date(s, z.dst_start_) || !rule_date(s, z.dst_end_) || !s.empty()) return false;
      z.rule_has_dst_ = true;
    }
    z.has_rule_ = true;
    return true;
  }
  static std::unique_ptr<TimeZone> load(std::string_view name) {
    auto z = std::make_unique<TimeZone>();
    std::string real = canonical_path(name);
    if (!real.empty()) {
      std::string f = read_file(cat(kZoneDirectory, '/', real));
      z->name_ = real;
      if (!f.empty() && parse_file(f, *z)) return z;
      return nullptr;
    }
    z->name_ = std::string(name);
    if (lower(name) == "utc" || lower(name) == "gmt") {
      z->name_ = "UTC";
      z->has_rule_ = true;
      z->rule_std_.abbreviation = "UTC";
      return z;
    }
    if (parse_posix(name, *z)) return z;
    return nullptr;
  }
  static std::unique_ptr<TimeZone> fixed(int32_t offset, std::string_view name) {
    auto z = std::make_unique<TimeZone>();
    z->has_rule_ = true;
    z->rule_std_.offset = offset;
    int32_t a = std::abs(offset);
    std::string text = cat(offset < 0 ? '-' : '+', a / 36000, a / 3600 % 10);
    if (a % 3600) append(text, ':', a / 600 % 6, a / 60 % 10);
    z->rule_std_.abbreviation = text;
    z->name_ = name.empty() ? cat('<', text, '>', offset < 0 ? '+' : '-', text.substr(1)) : std::string(name);
    return z;
  }
};

int64_t TimeZone::rule_utc(int year, const RuleDate& d, int32_t offset_before) const {
  int64_t day;
  if (d.kind == 'M') {
    int64_t first = days_from_civil(year, d.month, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7;
    day = first + (d.day - weekday + 7) % 7 + (d.week - 1) * 7;
    if (day >= first + days_in_month(year, d.month)) day -= 7;
  } else {
    day = days_from_civil(year, 1, 1) + d.day - (d.kind == 'J' ? 1 : 0);
    if (d.kind == 'J' && is_leap_year(year) && d.day >= 60) day++;
  }
  return day * 86400 + d.time - offset_before;
}

TimeZone::Local TimeZone::at(int64_t t) const {
  auto as_local = [](const Type& x) { return Local{x.offset, x.dst, x.abbreviation}; };
  if (!transitions_.empty() && (t < transitions_.back() || !has_rule_)) {
    auto it = std::upper_bound(transitions_.begin(), transitions_.end(), t);
    if (it == transitions_.begin()) {
      for (const Type& x : types_)
        if (!x.dst) return as_local(x);
      return as_local(types_[0]);
    }
    return as_local(types_[type_of_[static_cast<size_t>(it - transitions_.begin()) - 1]]);
  }
  if (!has_rule_) return as_local(types_[0]);
  if (!rule_has_dst_) return as_local(rule_std_);
  int64_t year;
  int month, day;
  int64_t local = t + rule_std_.offset;
  civil_from_days((local >= 0 ? local : local - 86399) / 86400, &year, &month, &day);
  int64_t start = rule_utc(static_cast<int>(year), dst_start_, rule_std_.offset), end = rule_utc(static_cast<int>(year), dst_end_, rule_dst_.offset);
  bool dst = start < end ? t >= start && t < end : !(t >= end && t < start);
  return as_local(dst ? rule_dst_ : rule_std_);
}

int32_t TimeZone::offset_of_local(int64_t local) const {
  int32_t before = at(local - 86400).offset, after = at(local + 86400).offset;
  if (before == after) {
    int32_t mid = at(local - before).offset;
    if (mid == before) return before;
  }
  int32_t a = at(local - before).offset, b = at(local - after).offset;
  if (a == before && b == after) return after;
  if (a == before) return before;
  if (b == after) return after;
  return before;
}

namespace {
std::mutex g_zones_mutex;
std::map<std::string, std::unique_ptr<TimeZone>, std::less<>>& zones() {
  static std::map<std::string, std::unique_ptr<TimeZone>, std::less<>> z;
  return z;
}
}  // namespace

const TimeZone* find_time_zone(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.find('\0') != std::string_view::npos) return nullptr;
  std::lock_guard lock(g_zones_mutex);
  std::string key = lower(name);
  auto it = zones().find(key);
  if (it != zones().end()) return it->second.get();
  auto z = TimeZoneLoader::load(name);
  if (!z) return nullptr;
  return (zones()[key] = std::move(z)).get();
}

const TimeZone* fixed_time_zone(int32_t offset, std::string_view name) {
  std::lock_guard lock(g_zones_mutex);
  auto& z = zones()[cat("fixed ", offset, ' ', name)];
  if (!z) z = TimeZoneLoader::fixed(offset, name);
  return z.get();
}

const TimeZone* utc_zone() {
  static const TimeZone* z = [] {
    const TimeZone* utc = find_time_zone("UTC");
    return utc ? utc : fixed_time_zone(0, "UTC");
  }();
  return z;
}

namespace {
struct Abbreviation {
  char name[8];
  int32_t offset;
  bool dst;
};
constexpr Abbreviation kAbbreviations[] = {
    {"acdt", 37800, true}, {"acsst", 37800, true}, {"acst", 34200, false}, {"act", -18000, false},
    {"acwst", 31500, false}, {"adt", -10800, true}, {"aedt", 39600, true}, {"aesst", 39600, true},
    {"aest", 36000, false}, {"aft", 16200, false}, {"akdt", -28800, true}, {"akst", -32400, false},
    {"almst", 25200, true}, {"almt", 21600, false}, {"amst", 14400, false}, {"amt", -14400, false},
    {"anast", 43200, false}, {"anat", 43200, false}, {"arst", -10800, false}, {"art", -10800, false},
    {"ast", -14400, false}, {"awsst", 32400, true}, {"awst", 28800, false}, {"azost", 0, true}, {"azot", -3600, false},
    {"azst", 14400, false}, {"azt", 14400, false}, {"bdst", 7200, true}, {"bdt", 21600, false}, {"bnt", 28800, false},
    {"bort", 28800, false}, {"bot", -14400, false}, {"bra", -10800, false}, {"brst", -7200, true},
    {"brt", -10800, false}, {"bst", 3600, true}, {"btt", 21600, false}, {"cadt", 37800, true}, {"cast", 34200, false},
    {"cct", 28800, false}, {"cdt", -18000, true}, {"cest", 7200, true}, {"cet", 3600, false}, {"cetdst", 7200, true},
    {"chadt", 49500, true}, {"chast", 45900, false}, {"chut", 36000, false}, {"ckt", -36000, false},
    {"clst", -10800, true}, {"clt", -10800, true}, {"cot", -18000, false}, {"cst", -21600, false},
    {"cxt", 25200, false}, {"davt", 25200, false}, {"ddut", 36000, false}, {"easst", -18000, true},
    {"east", -18000, true}, {"eat", 10800, false}, {"edt", -14400, true}, {"eest", 10800, true}, {"eet", 7200, false},
    {"eetdst", 10800, true}, {"egst", 0, true}, {"egt", -3600, false}, {"est", -18000, false}, {"fet", 10800, false},
    {"fjst", 46800, true}, {"fjt", 43200, false}, {"fkst", -10800, false}, {"fkt", -10800, false},
    {"fnst", -3600, true}, {"fnt", -7200, false}, {"galt", -21600, false}, {"gamt", -32400, false},
    {"gest", 14400, false}, {"get", 14400, false}, {"gft", -10800, false}, {"gilt", 43200, false}, {"gmt", 0, false},
    {"gyt", -14400, false}, {"hkt", 28800, false}, {"hst", -36000, false}, {"ict", 25200, false}, {"idt", 10800, true},
    {"iot", 21600, false}, {"irkst", 28800, false}, {"irkt", 28800, false}, {"irt", 12600, false}, {"ist", 7200, false},
    {"jayt", 32400, false}, {"jst", 32400, false}, {"kdt", 36000, true}, {"kgst", 21600, true}, {"kgt", 21600, false},
    {"kost", 39600, false}, {"krast", 25200, false}, {"krat", 25200, false}, {"kst", 32400, false},
    {"lhdt", 39600, true}, {"lhst", 37800, false}, {"ligt", 36000, false}, {"lint", 50400, false},
    {"lkt", 19800, false}, {"magst", 39600, false}, {"magt", 39600, false}, {"mart", -34200, false},
    {"mawt", 18000, false}, {"mdt", -21600, true}, {"mest", 7200, true}, {"mesz", 7200, true}, {"met", 3600, false},
    {"metdst", 7200, true}, {"mez", 3600, false}, {"mht", 43200, false}, {"mmt", 23400, false}, {"mpt", 36000, false},
    {"msd", 14400, true}, {"msk", 10800, false}, {"mst", -25200, false}, {"must", 18000, true}, {"mut", 14400, false},
    {"mvt", 18000, false}, {"myt", 28800, false}, {"ndt", -9000, true}, {"nft", -12600, false}, {"novst", 25200, false},
    {"novt", 25200, false}, {"npt", 20700, false}, {"nst", -12600, false}, {"nut", -39600, false},
    {"nzdt", 46800, true}, {"nzst", 43200, false}, {"nzt", 43200, false}, {"omsst", 21600, false},
    {"omst", 21600, false}, {"pdt", -25200, true}, {"pet", -18000, false}, {"petst", 43200, false},
    {"pett", 43200, false}, {"pgt", 36000, false}, {"pht", 28800, false}, {"pkst", 21600, true}, {"pkt", 18000, false},
    {"pmdt", -7200, true}, {"pmst", -10800, false}, {"pont", 39600, false}, {"pst", -28800, false},
    {"pwt", 32400, false}, {"pyst", -10800, true}, {"pyt", -10800, false}, {"ret", 14400, false}, {"sadt", 37800, true},
    {"sast", 7200, false}, {"sct", 14400, false}, {"sgt", 28800, false}, {"taht", -36000, false}, {"tft", 18000, false},
    {"tjt", 18000, false}, {"tkt", 46800, false}, {"tmt", 18000, false}, {"tot", 46800, false}, {"trut", 36000, false},
    {"tvt", 43200, false}, {"uct", 0, false}, {"ulast", 32400, true}, {"ulat", 28800, false}, {"ut", 0, false},
    {"utc", 0, false}, {"uyst", -7200, true}, {"uyt", -10800, false}, {"uzst", 21600, true}, {"uzt", 18000, false},
    {"vet", -14400, false}, {"vlast", 36000, false}, {"vlat", 36000, false}, {"volt", 10800, false},
    {"vut", 39600, false}, {"wadt", 28800, true}, {"wakt", 43200, false}, {"wast", 25200, false}, {"wat", 3600, false},
    {"wdt", 32400, true}, {"wet", 0, false}, {"wetdst", 3600, true}, {"wft", 43200, false}, {"wgst", -7200, true},
    {"wgt", -10800, false}, {"xjt", 21600, false}, {"yakst", 32400, false}, {"yakt", 32400, false},
    {"yapt", 36000, false}, {"yekst", 21600, true}, {"yekt", 18000, false}, {"z", 0, false}, {"zulu", 0, false},
};
}  // namespace

std::optional<ZoneAbbreviation> find_zone_abbreviation(std::string_view name) {
  auto it = std::lower_bound(std::begin(kAbbreviations), std::end(kAbbreviations), name,
                             [](const Abbreviation& a, std::string_view n) { return std::string_view(a.name) < n; });
  if (it == std::end(kAbbreviations) || name != it->name) return std::nullopt;
  return ZoneAbbreviation{it->offset, it->dst};
}

}  // namespace postern
