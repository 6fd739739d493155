// to_char() of dates, times and intervals, and to_date()/to_timestamp(). Number templates are in number_format.cc.
#include <algorithm>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/calendar.h"
#include "postgres/types/datetime.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/utf8.h"

namespace postern {
namespace {
using sv = std::string_view;

enum class Key : uint8_t {
  kYComma, kYYYY, kYYY, kYY, kY, kIYYY, kIYY, kIY, kI, kBC, kBCDots, kCC, kMonth, kMon, kMM, kRM, kDay, kDy, kDDD, kIDDD, kDD, kD, kID, kW, kWW, kIW, kJ, kQ,
  kAM, kAMDots, kHH24, kHH12, kMI, kSS, kMS, kUS, kFF, kSSSS, kTZH, kTZM, kTZ, kOF
};
struct Keyword {
  sv name;
  Key key;
};
// Longest first among those that share a beginning. The case of the first two letters gives the case of words.
constexpr Keyword kKeywords[] = {
    {"A.D.", Key::kBCDots}, {"A.M.", Key::kAMDots}, {"AD", Key::kBC}, {"AM", Key::kAM}, {"B.C.", Key::kBCDots}, {"BC", Key::kBC}, {"CC", Key::kCC},
    {"DAY", Key::kDay}, {"DDD", Key::kDDD}, {"DD", Key::kDD}, {"DY", Key::kDy}, {"D", Key::kD}, {"FF1", Key::kFF}, {"FF2", Key::kFF}, {"FF3", Key::kFF},
    {"FF4", Key::kFF}, {"FF5", Key::kFF}, {"FF6", Key::kFF}, {"HH24", Key::kHH24}, {"HH12", Key::kHH12}, {"HH", Key::kHH12}, {"IDDD", Key::kIDDD},
    {"ID", Key::kID}, {"IW", Key::kIW}, {"IYYY", Key::kIYYY}, {"IYY", Key::kIYY}, {"IY", Key::kIY}, {"I", Key::kI}, {"J", Key::kJ}, {"MI", Key::kMI},
    {"MM", Key::kMM}, {"MONTH", Key::kMonth}, {"MON", Key::kMon}, {"MS", Key::kMS}, {"OF", Key::kOF}, {"P.M.", Key::kAMDots}, {"PM", Key::kAM},
    {"Q", Key::kQ}, {"RM", Key::kRM}, {"SSSSS", Key::kSSSS}, {"SSSS", Key::kSSSS}, {"SS", Key::kSS}, {"TZH", Key::kTZH}, {"TZM", Key::kTZM},
    {"TZ", Key::kTZ}, {"US", Key::kUS}, {"WW", Key::kWW}, {"W", Key::kW}, {"Y,YYY", Key::kYComma}, {"YYYY", Key::kYYYY}, {"YYY", Key::kYYY},
    {"YY", Key::kYY}, {"Y", Key::kY}};

enum class WordCase : uint8_t { kUpper, kLower, kCapital };
struct Node {
  bool literal = false;
  bool quoted = false;     // literal from "…" or backslash
  Key key{};
  sv text;                 // as written
  int width = 0;           // of FFn
  bool fm = false, tm = false, th = false, th_lower = false;
  WordCase word_case = WordCase::kUpper;
};

bool starts_with_nocase(sv s, sv upper) {
  if (s.size() < upper.size()) return false;
  for (size_t i = 0; i < upper.size(); i++)
    if (toupper(static_cast<unsigned char>(s[i])) != upper[i]) return false;
  return true;
}

std::vector<Node> parse_template(sv f) {
  std::vector<Node> out;
  auto literal = [&](sv text, bool quoted) {
    Node n;
    n.literal = true;
    n.quoted = quoted;
    n.text = text;
    out.push_back(n);
  };
  for (size_t i = 0; i < f.size();) {
    Node n;
    size_t at = i;
    for (;;) {
      sv rest = f.substr(at);
      if (starts_with_nocase(rest, "FM")) n.fm = true;
      else if (starts_with_nocase(rest, "TM")) n.tm = true;
      else if (!starts_with_nocase(rest, "FX")) break;
      at += 2;
    }
    sv rest = f.substr(at);
    const Keyword* k = std::find_if(std::begin(kKeywords), std::end(kKeywords), [&](const Keyword& w) { return starts_with_nocase(rest, w.name); });
    if (k != std::end(kKeywords)) {
      n.key = k->key;
      n.text = rest.substr(0, k->name.size());
      if (k->key == Key::kFF) n.width = k->name[2] - '0';
      bool first_lower = islower(static_cast<unsigned char>(rest[0])), second_lower = rest.size() > 1 && islower(static_cast<unsigned char>(rest[1]));
      n.word_case = first_lower ? WordCase::kLower : second_lower ? WordCase::kCapital : WordCase::kUpper;
      at += k->name.size();
      if (starts_with_nocase(f.substr(at), "TH")) {
        n.th = true;
        n.th_lower = f[at] == 't';
        at += 2;
      } else if (starts_with_nocase(f.substr(at), "SP")) {
        at += 2;
      }
      out.push_back(n);
      i = at;
      continue;
    }
    if (at > i) {  // a lone prefix
      i = at;
      continue;
    }
    if (f[i] == '"') {
      size_t b = ++i;
      while (i < f.size() && f[i] != '"') {
        if (f[i] == '\\' && i + 1 < f.size()) {
          literal(f.substr(b, i - b), true);
          b = ++i;
        }
        i++;
      }
      literal(f.substr(b, i - b), true);
      i = std::min(i + 1, f.size());
    } else {
      if (f[i] == '\\' && i + 1 < f.size() && f[i + 1] == '"') i++;
      size_t n_bytes = std::min(utf8_char_len(static_cast<unsigned char>(f[i])), f.size() - i);
      literal(f.substr(i, n_bytes), false);
      i += n_bytes;
    }
  }
  return out;
}

constexpr sv kRoman[] = {"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"};

void append_word(std::string& out, sv word, const Node& n, size_t pad) {
  std::string w(word);
  if (n.word_case == WordCase::kUpper) w = utf8_upper(w);
  else if (n.word_case == WordCase::kLower) w = utf8_lower(w);
  out += w;
  if (!n.fm && !n.tm && w.size() < pad) out.append(pad - w.size(), ' ');
}
void append_number(std::string& out, int64_t v, int width, const Node& n) {
  char buf[32];
  int len = n.fm ? snprintf(buf, sizeof buf, "%lld", static_cast<long long>(v))
                 : snprintf(buf, sizeof buf, "%0*lld", width + (v < 0), static_cast<long long>(v));
  out.append(buf, static_cast<size_t>(len));
  if (!n.th) return;
  int64_t a = v < 0 ? -v : v;
  sv th = a % 100 / 10 == 1 ? "TH" : a % 10 == 1 ? "ST" : a % 10 == 2 ? "ND" : a % 10 == 3 ? "RD" : "TH";
  out += n.th_lower ? utf8_lower(th) : std::string(th);
}

// What a template is filled with.
struct Source {
  int64_t year = 0, hour = 0;
  int month = 0, day = 0, minute = 0, second = 0;
  int us = 0;
  int64_t days = 0;       // since 2000-01-01
  int yday = 0;           // 1-based
  bool interval = false, has_zone = false;
  int32_t offset = 0;
  sv zone;
};

void iso_week_of(const Source& s, int64_t* year, int* week, int* day_of_year) {
  int64_t weekday = ((s.days + kEpochDays + 3) % 7 + 7) % 7, thursday = s.days + kEpochDays - weekday + 3, y;
  int m, d;
  civil_from_days(thursday, &y, &m, &d);
  *year = y;
  *week = static_cast<int>((thursday - days_from_civil(y, 1, 1)) / 7 + 1);
  *day_of_year = (*week - 1) * 7 + static_cast<int>(weekday) + 1;
}

std::string format_template(sv format, const Source& s) {
  std::string out;
  auto no_interval = [&] {
    if (s.interval)
      throw SqlError{sqlstate::kInvalidDatetimeFormat, "invalid format specification for an interval value", {},
                     "Intervals are not tied to specific calendar dates."};
  };
  int64_t shown_year = s.interval ? s.year : s.year > 0 ? s.year : 1 - s.year, iso_year = 0;
  int iso_week = 0, iso_day = 0;
  int64_t weekday = 0;
  if (!s.interval) {
    iso_week_of(s, &iso_year, &iso_week, &iso_day);
    if (iso_year <= 0) iso_year = 1 - iso_year;
    weekday = ((s.days + 6) % 7 + 7) % 7;  // Sunday 0
  }
  for (const Node& n : parse_template(format)) {
    if (n.literal) {
      out += n.text;
      continue;
    }
    switch (n.key) {
      case Key::kYComma: {
        append(out, shown_year / 1000, ',');
        Node plain;
        append_number(out, shown_year % 1000, 3, plain);
        break;
      }
      case Key::kYYYY: append_number(out, shown_year, 4, n); break;
      case Key::kYYY: append_number(out, shown_year % 1000, 3, n); break;
      case Key::kYY: append_number(out, shown_year % 100, 2, n); break;
      case Key::kY: append_number(out, shown_year % 10, 1, n); break;
      case Key::kIYYY: no_interval(); append_number(out, iso_year, 4, n); break;
      case Key::kIYY: no_interval(); append_number(out, iso_year % 1000, 3, n); break;
      case Key::kIY: no_interval(); append_number(out, iso_year % 100, 2, n); break;
      case Key::kI: no_interval(); append_number(out, iso_year % 10, 1, n); break;
      case Key::kBC: no_interval(); append_word(out, s.year <= 0 ? "BC" : "AD", n, 0); break;
      case Key::kBCDots: no_interval(); append_word(out, s.year <= 0 ? "B.C." : "A.D.", n, 0); break;
      case Key::kCC: {
        int64_t c = s.interval ? s.year / 100 : s.year > 0 ? (s.year + 99) / 100 : -((99 - (s.year - 1)) / 100);
        append_number(out, c, 2, n);
        break;
      }
      case Key::kMonth:
        no_interval();
        append_word(out, kMonthNames[s.month - 1], n, 9);
        break;
      case Key::kMon:
        no_interval();
        append_word(out, kMonthNames[s.month - 1].substr(0, 3), n, 0);
        break;
      case Key::kMM: append_number(out, s.month, 2, n); break;
      case Key::kRM: {
        int m = s.month;
        if (s.interval && m == 0) break;
        append_word(out, kRoman[(m < 0 ? m + 12 : m - 1) % 12], n, 4);
        break;
      }
      case Key::kDay: no_interval(); append_word(out, kDayNames[weekday], n, 9); break;
      case Key::kDy: no_interval(); append_word(out, kDayNames[weekday].substr(0, 3), n, 0); break;
      case Key::kDDD: append_number(out, s.yday, 3, n); break;
      case Key::kIDDD: no_interval(); append_number(out, iso_day, 3, n); break;
      case Key::kDD: append_number(out, s.day, 2, n); break;
      case Key::kD: no_interval(); append_number(out, weekday + 1, 1, n); break;
      case Key::kID: no_interval(); append_number(out, weekday == 0 ? 7 : weekday, 1, n); break;
      case Key::kWW: append_number(out, (s.yday - 1) / 7 + 1, 2, n); break;
      case Key::kIW: no_interval(); append_number(out, iso_week, 2, n); break;
      case Key::kW: append_number(out, (s.day - 1) / 7 + 1, 1, n); break;
      case Key::kJ: append_number(out, s.days + 2451545, 1, n); break;
      case Key::kQ:
        if (s.month) append_number(out, (s.month - 1) / 3 + 1, 1, n);
        break;
      case Key::kAM: append_word(out, s.hour % 24 >= 12 ? "PM" : "AM", n, 0); break;
      case Key::kAMDots: append_word(out, s.hour % 24 >= 12 ? "P.M." : "A.M.", n, 0); break;
      case Key::kHH24: append_number(out, s.hour, 2, n); break;
      case Key::kHH12: append_number(out, s.hour % 12 == 0 ? 12 : s.hour % 12, 2, n); break;
      case Key::kMI: append_number(out, s.minute, 2, n); break;
      case Key::kSS: append_number(out, s.second, 2, n); break;
      case Key::kMS: append_number(out, s.us / 1000, 3, n); break;
      case Key::kUS: append_number(out, s.us, 6, n); break;
      case Key::kFF: {
        int v = s.us;
        for (int i = n.width; i < 6; i++) v /= 10;
        Node padded = n;
        padded.fm = false;
        append_number(out, v, n.width, padded);
        break;
      }
      case Key::kSSSS: append_number(out, s.hour * 3600 + s.minute * 60 + s.second, 1, n); break;
      case Key::kTZH: case Key::kTZM: case Key::kOF: case Key::kTZ: {
        no_interval();
        if (!s.has_zone && n.key == Key::kTZ) break;
        int32_t a = std::abs(s.offset);
        Node two;
        if (n.key == Key::kTZ) {
          append_word(out, s.zone, n, 0);
        } else if (n.key == Key::kTZM) {
          append_number(out, a / 60 % 60, 2, two);
        } else {
          out += s.offset < 0 ? '-' : '+';
          append_number(out, a / 3600, 2, two);
          if (n.key == Key::kOF && a % 3600) {
            out += ':';
            append_number(out, a / 60 % 60, 2, two);
          }
        }
        break;
      }
    }
  }
  return out;
}

Source source_of(int64_t local) {
  DateParts p = timestamp_parts(local);
  Source s;
  s.year = p.year;
  s.month = p.month;
  s.day = p.day;
  s.hour = p.hour;
  s.minute = p.minute;
  s.second = p.second;
  s.us = p.us;
  s.days = date_from_parts(p.year, p.month, p.day);
  s.yday = static_cast<int>(s.days - date_from_parts(p.year, 1, 1)) + 1;
  return s;
}
std::optional<sv> timestamp_to_char(FnContext& cx, int64_t ts, sv format) {
  if (format.empty() || !is_finite_timestamp(ts)) return std::nullopt;
  return cx.arena->copy(sv(format_template(format, source_of(ts))));
}
std::optional<sv> timestamptz_to_char(FnContext& cx, int64_t ts, sv format) {
  if (format.empty() || !is_finite_timestamp(ts)) return std::nullopt;
  int32_t offset = 0;
  sv zone;
  Source s = source_of(utc_to_local(ts, *settings_of(cx).zone, &offset, &zone));
  s.has_zone = true;
  s.offset = offset;
  s.zone = zone;
  return cx.arena->copy(sv(format_template(format, s)));
}
std::optional<sv> interval_to_char(FnContext& cx, Datum d, sv format) {
  if (format.empty()) return std::nullopt;
  Interval i = as_interval(d);
  Source s;
  s.interval = true;
  s.year = i.month / 12;
  s.month = i.month % 12;
  s.day = i.day;
  s.hour = i.time / kUsPerHour;
  s.minute = static_cast<int>(i.time / kUsPerMinute % 60);
  s.second = static_cast<int>(i.time / kUsPerSecond % 60);
  s.us = static_cast<int>(i.time % kUsPerSecond);
  s.yday = i.month * 30 + i.day;
  return cx.arena->copy(sv(format_template(format, s)));
}

// Reads text by a template.
class TemplateReader {
 public:
  TemplateReader(sv text, sv format) : text_(text), nodes_(parse_template(format)) {}

  // Local timestamp; *offset: seconds east, if the template had a zone.
  int64_t read(std::optional<int32_t>* offset) {
    for (node_ = 0; node_ < nodes_.size() && at_ < text_.size(); node_++) {
      const Node& n = nodes_[node_];
      if (n.literal) skip_literal(n);
      else field(n);
    }
    if (tz_hour_ || tz_minute_) *offset = tz_sign_ * (tz_hour_.value_or(0) * 3600 + tz_minute_.value_or(0) * 60);
    return build();
  }

 private:
  [[noreturn]] void fail_range() const {
    throw SqlError{sqlstate::kDatetimeFieldOverflow, cat("date/time field value out of range: \"", text_, "\"")};
  }
  static bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  static bool digit(char c) { return c >= '0' && c <= '9'; }
  static bool separator(char c) { return c > 0x20 && c < 0x7F && !isalnum(static_cast<unsigned char>(c)); }
  void skip_spaces() {
    while (at_ < text_.size() && space(text_[at_])) at_++;
  }

  void skip_literal(const Node& n) {
    if (n.quoted) {
      for (size_t i = 0; i < n.text.size() && at_ < text_.size(); i++) at_++;
      return;
    }
    char c = n.text[0];
    if (space(c) || separator(c)) {
      skip_spaces();
      if (at_ < text_.size() && separator(text_[at_]) && !((text_[at_] == '-' || text_[at_] == '+') && next_is_zone())) at_++;
      return;
    }
    skip_spaces();
    if (at_ < text_.size()) at_ += std::min(utf8_char_len(static_cast<unsigned char>(text_[at_])), text_.size() - at_);
  }
  bool next_is_zone() const { return node_ + 1 < nodes_.size() && !nodes_[node_ + 1].literal && nodes_[node_ + 1].key == Key::kTZH; }
  // Whether the number of node i is followed at once by another number.
  bool next_is_number() const {
    if (node_ + 1 >= nodes_.size()) return false;
    const Node& n = nodes_[node_ + 1];
    if (n.literal) return digit(n.text.empty() ? ' ' : n.text[0]);
    switch (n.key) {
      case Key::kBC: case Key::kBCDots: case Key::kMonth: case Key::kMon: case Key::kRM: case Key::kDay: case Key::kDy: case Key::kAM: case Key::kAMDots:
      case Key::kTZ: case Key::kTZH: case Key::kOF: return false;
      default: return true;
    }
  }
  // width digits, or all there are if no number follows. Returns how many were read.
  size_t number(const Node& n, size_t width, int64_t* value) {
    skip_spaces();
    size_t b = at_;
    bool negative = at_ < text_.size() && text_[at_] == '-';
    if (negative || (at_ < text_.size() && text_[at_] == '+')) at_++;
    size_t first = at_;
    bool fixed = next_is_number() && !n.fm;
    int64_t v = 0;
    while (at_ < text_.size() && digit(text_[at_]) && (!fixed || at_ - first < width)) {
      v = v * 10 + (text_[at_++] - '0');
      if (v > INT32_MAX)
        throw SqlError{sqlstate::kDatetimeFieldOverflow, cat("value for \"", n.text, "\" in source string is out of range"),
                       cat("Value must be in the range ", INT32_MIN, " to ", INT32_MAX, ".")};
    }
    if (at_ == first) {
      size_t e = b;
      while (e < text_.size() && e - b < width && !space(text_[e])) e++;
      throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("invalid value \"", text_.substr(b, e - b), "\" for \"", n.text, "\""), "Value must be an integer."};
    }
    *value = negative ? -v : v;
    if (n.th && at_ + 2 <= text_.size() && isalpha(static_cast<unsigned char>(text_[at_]))) at_ += 2;
    return at_ - first;
  }
  void set(std::optional<int64_t>& field, const Node& n, int64_t v) {
    if (field && *field != v)
      throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("conflicting values for \"", n.text, "\" field in formatting string"),
                     "This value contradicts a previous setting for the same field type."};
    field = v;
  }
  void plain(std::optional<int64_t>& field, const Node& n, size_t width) {
    int64_t v;
    number(n, width, &v);
    set(field, n, v);
  }
  int word(const Node& n, std::span<const sv> words, size_t length) {
    skip_spaces();
    sv rest = text_.substr(at_);
    for (size_t i = 0; i < words.size(); i++) {
      sv w = words[i].substr(0, std::min(length, words[i].size()));
      if (rest.size() >= w.size() && utf8_lower(rest.substr(0, w.size())) == utf8_lower(w)) {
        at_ += w.size();
        return static_cast<int>(i);
      }
    }
    size_t e = 0;
    while (e < rest.size() && !space(rest[e]) && e < 20) e++;
    throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("invalid value \"", rest.substr(0, e), "\" for \"", n.text, "\""),
                   "The given value did not match any of the allowed values for this field."};
  }
  void read_year(std::optional<int64_t>& field, const Node& n, size_t width) {
    int64_t v;
    size_t read = number(n, width, &v);
    if (read < 4 && width < 4 && v >= 0) {
      if (v < 70) v += 2000;
      else if (v < 100) v += 1900;
      else if (v < 520) v += 2000;
      else if (v < 1000) v += 1000;
    }
    set(field, n, v);
  }
  void fraction(const Node& n, size_t width) {
    int64_t v;
    size_t read = number(n, width, &v);
    for (size_t i = read; i < 6; i++) v *= 10;
    for (size_t i = 6; i < read; i++) v /= 10;
    set(us_, n, v);
  }

  void field(const Node& n) {
    constexpr sv kEras[] = {"AD", "BC"}, kErasDots[] = {"A.D.", "B.C."}, kHalves[] = {"AM", "PM"}, kHalvesDots[] = {"A.M.", "P.M."};
    switch (n.key) {
      case Key::kYComma: {
        skip_spaces();
        int64_t thousands = 0, rest = 0;
        while (at_ < text_.size() && digit(text_[at_])) thousands = thousands * 10 + (text_[at_++] - '0');
        if (at_ >= text_.size() || text_[at_] != ',')
          throw SqlError{sqlstate::kInvalidDatetimeFormat, "invalid input string for \"Y,YYY\""};
        at_++;
        for (int i = 0; i < 3 && at_ < text_.size() && digit(text_[at_]); i++) rest = rest * 10 + (text_[at_++] - '0');
        set(year_, n, thousands * 1000 + rest);
        break;
      }
      case Key::kYYYY: read_year(year_, n, 4); break;
      case Key::kYYY: read_year(year_, n, 3); break;
      case Key::kYY: read_year(year_, n, 2); break;
      case Key::kY: read_year(year_, n, 1); break;
      case Key::kIYYY: read_year(iso_year_, n, 4); break;
      case Key::kIYY: read_year(iso_year_, n, 3); break;
      case Key::kIY: read_year(iso_year_, n, 2); break;
      case Key::kI: read_year(iso_year_, n, 1); break;
      case Key::kBC: bc_ = word(n, kEras, 2) == 1; break;
      case Key::kBCDots: bc_ = word(n, kErasDots, 4) == 1; break;
      case Key::kCC: plain(century_, n, 2); break;
      case Key::kMonth: set(month_, n, word(n, kMonthNames, 20) + 1); break;
      case Key::kMon: set(month_, n, word(n, kMonthNames, 3) + 1); break;
      case Key::kMM: plain(month_, n, 2); break;
      case Key::kRM: {
        // Longest numeral first, or "I" would match them all.
        skip_spaces();
        int best = -1;
        for (int i = 0; i < 12; i++)
          if (starts_with_nocase(text_.substr(at_), kRoman[i]) && (best < 0 || kRoman[i].size() > kRoman[best].size())) best = i;
        if (best < 0) word(n, kRoman, 4);
        at_ += kRoman[best].size();
        set(month_, n, best + 1);
        break;
      }
      case Key::kDay: word(n, kDayNames, 20); break;
      case Key::kDy: word(n, kDayNames, 3); break;
      case Key::kDDD: plain(day_of_year_, n, 3); break;
      case Key::kIDDD: plain(iso_day_of_year_, n, 3); break;
      case Key::kDD: plain(day_, n, 2); break;
      case Key::kD: plain(weekday_, n, 1); break;
      case Key::kID: plain(iso_weekday_, n, 1); break;
      case Key::kWW: plain(week_, n, 2); break;
      case Key::kIW: plain(iso_week_, n, 2); break;
      case Key::kW: plain(week_of_month_, n, 1); break;
      case Key::kJ: plain(julian_, n, 10); break;
      case Key::kQ: { std::optional<int64_t> ignored; plain(ignored, n, 1); break; }
      case Key::kAM: half_ = word(n, kHalves, 2); twelve_ = true; break;
      case Key::kAMDots: half_ = word(n, kHalvesDots, 4); twelve_ = true; break;
      case Key::kHH24: plain(hour_, n, 2); break;
      case Key::kHH12: plain(hour_, n, 2); twelve_ = true; break;
      case Key::kMI: plain(minute_, n, 2); break;
      case Key::kSS: plain(second_, n, 2); break;
      case Key::kMS: fraction(n, 3); break;
      case Key::kUS: fraction(n, 6); break;
      case Key::kFF: fraction(n, static_cast<size_t>(n.width)); break;
      case Key::kSSSS: plain(seconds_of_day_, n, 5); break;
      case Key::kTZH: {
        skip_spaces();
        if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) tz_sign_ = text_[at_++] == '-' ? -1 : 1;
        int64_t v;
        number(n, 2, &v);
        tz_hour_ = static_cast<int32_t>(v);
        break;
      }
      case Key::kTZM: {
        int64_t v;
        number(n, 2, &v);
        tz_minute_ = static_cast<int32_t>(v);
        break;
      }
      case Key::kTZ: case Key::kOF:
        throw SqlError{sqlstate::kFeatureNotSupported, cat("formatting field \"", n.text, "\" is only supported in to_char")};
    }
  }

  int64_t build() {
    int64_t hour = hour_.value_or(0), minute = minute_.value_or(0), second = second_.value_or(0);
    if (seconds_of_day_) {
      hour = *seconds_of_day_ / 3600;
      minute = *seconds_of_day_ / 60 % 60;
      second = *seconds_of_day_ % 60;
    }
    if (twelve_ && hour_) {
      if (hour < 1 || hour > 12)
        throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("hour \"", hour, "\" is invalid for the 12-hour clock"), {},
                       "Use the 24-hour clock, or give an hour between 1 and 12."};
      if (half_ == 1 && hour < 12) hour += 12;
      else if (half_ == 0 && hour == 12) hour = 0;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) fail_range();
    DateParts p;
    p.hour = static_cast<int>(hour);
    p.minute = static_cast<int>(minute);
    p.second = static_cast<int>(second);
    p.us = static_cast<int>(us_.value_or(0));
    build_date(p);
    int64_t ts;
    if (!parts_to_timestamp(p, &ts)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, cat("timestamp out of range: \"", text_, "\"")};
    return ts;
  }
  void from_days(DateParts& p, int64_t days) { civil_from_days(days, &p.year, &p.month, &p.day); }
  void build_date(DateParts& p) {
    if (julian_) return from_days(p, *julian_ - 2440588);
    if (iso_week_ || iso_day_of_year_) {
      int64_t y = iso_year_ ? *iso_year_ : year_.value_or(1);
      int64_t jan4 = days_from_civil(y, 1, 4), monday = jan4 - ((jan4 + 3) % 7 + 7) % 7;
      int64_t wd = iso_weekday_ ? *iso_weekday_ : weekday_ ? (*weekday_ == 1 ? 7 : *weekday_ - 1) : 1;
      int64_t week = iso_week_.value_or(1);
      if (week < 1 || week > 53 || wd < 1 || wd > 7) fail_range();
      return from_days(p, monday + (iso_day_of_year_ ? *iso_day_of_year_ - 1 : (week - 1) * 7 + wd - 1));
    }
    int64_t y = 0;
    if (year_) {
      y = bc_ ? 1 - *year_ : *year_;
      if (*year_ < 0) y = bc_ ? -*year_ : *year_ + 1;
      if (*year_ == 0 && !bc_) y = 0;
    } else if (iso_year_) {
      y = *iso_year_;
    } else if (century_) {
      y = (*century_ - 1) * 100 + 1;
    }
    p.year = y;
    if (day_of_year_) {
      if (*day_of_year_ < 1 || *day_of_year_ > (is_leap_year(y) ? 366 : 365)) fail_range();
      return from_days(p, days_from_civil(y, 1, 1) + *day_of_year_ - 1);
    }
    if (week_) return from_days(p, days_from_civil(y, 1, 1) + (*week_ - 1) * 7);
    int64_t month = month_.value_or(1), day = day_ ? *day_ : week_of_month_ ? (*week_of_month_ - 1) * 7 + 1 : 1;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(y, static_cast<int>(month))) fail_range();
    p.month = static_cast<int>(month);
    p.day = static_cast<int>(day);
  }

  sv text_;
  std::vector<Node> nodes_;
  size_t at_ = 0, node_ = 0;
  std::optional<int64_t> year_, iso_year_, century_, month_, day_, day_of_year_, iso_day_of_year_, weekday_, iso_weekday_, week_, iso_week_, week_of_month_,
      julian_, hour_, minute_, second_, us_, seconds_of_day_;
  std::optional<int32_t> tz_hour_, tz_minute_;
  int tz_sign_ = 1, half_ = -1;
  bool bc_ = false, twelve_ = false;
};

int64_t to_timestamp(FnContext& cx, sv text, sv format) {
  std::optional<int32_t> offset;
  int64_t local = TemplateReader(text, format).read(&offset);
  if (!offset) return local_to_utc(local, *settings_of(cx).zone);
  int64_t ts = local - *offset * kUsPerSecond;
  if (!is_valid_timestamp(ts)) throw_timestamp_range();
  return ts;
}
int32_t to_date(sv text, sv format) {
  std::optional<int32_t> offset;
  int64_t local = TemplateReader(text, format).read(&offset);
  int64_t days = local >= 0 ? local / kUsPerDay : -((-local + kUsPerDay - 1) / kUsPerDay);
  return static_cast<int32_t>(days);
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1768, interval_to_char), STRICT_FN(1770, timestamptz_to_char), STRICT_FN(2049, timestamp_to_char), STRICT_FN(1778, to_timestamp),
    STRICT_FN(1780, to_date),
}));

}  // namespace

constinit const FnTables kFormattingFunctions{kFunctions, {}, {}};

}  // namespace postern
