// Text to dates, times and intervals, in the forms PostgreSQL accepts: ISO 8601, SQL, traditional, month names in any place, zones by name,
// abbreviation or offset, and the special words.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/calendar.h"
#include "postgres/types/datetime.h"

namespace postern {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}
int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// 1..12, 0: not a month name.
int month_of(std::string_view w) {
  for (int m = 0; m < 12; m++) {
    std::string name = lower(kMonthNames[m]);
    if (w == name || w == std::string_view(name).substr(0, 3)) return m + 1;
  }
  return w == "sept" ? 9 : 0;
}
bool is_day_name(std::string_view w) {
  for (std::string_view d : kDayNames) {
    std::string name = lower(d);
    if (w == name || w == std::string_view(name).substr(0, 3)) return true;
  }
  return w == "tues" || w == "weds" || w == "wednes" || w == "thur" || w == "thurs";
}
// ".5" and the like to microseconds, rounded.
int64_t fraction_us(std::string_view digits) {
  int64_t us = 0;
  for (size_t i = 0; i < 6; i++) us = us * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return us + (digits.size() > 6 && digits[6] >= '5');
}

enum class Special { kNone, kInfinity, kMinusInfinity, kEpoch, kNow };
enum class Fault { kSyntax, kField, kMonthDay, kZone };

class DateTimeParser {
 public:
  DateTimeParser(FnContext& cx, std::string_view text, std::string_view type) : cx_(cx), s_(text), type_(type), settings_(settings_of(cx)) {}

  bool have_date = false, have_time = false, have_zone = false;
  Special special = Special::kNone;
  int64_t year = 0;
  int month = 0, day = 0;
  int64_t time = 0;                // microseconds of the day
  int32_t offset = 0;              // seconds east, if have_zone and !zone
  const TimeZone* zone = nullptr;

  [[noreturn]] void fail(Fault f) const {
    switch (f) {
      case Fault::kSyntax: throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("invalid input syntax for type ", type_, ": \"", s_, "\"")};
      case Fault::kField: throw SqlError{sqlstate::kDatetimeFieldOverflow, cat("date/time field value out of range: \"", s_, "\"")};
      case Fault::kMonthDay:
        throw SqlError{sqlstate::kDatetimeFieldOverflow, cat("date/time field value out of range: \"", s_, "\""), {},
                       "Perhaps you need a different \"datestyle\" setting."};
      case Fault::kZone:
        throw SqlError{sqlstate::kInvalidTimeZoneDisplacementValue, cat("time zone displacement out of range: \"", s_, "\"")};
    }
    fail(Fault::kSyntax);
  }

  void parse() {
    while (at_ < s_.size()) {
      char c = s_[at_];
      if (space(c) || c == ',') at_++;
      else if (digit(c)) number_token();
      else if (alpha(c)) word_token();
      else if ((c == '+' || c == '-') && at_ + 1 < s_.size()) signed_token();
      else if (c == '.' && at_ + 1 < s_.size() && digit(s_[at_ + 1]) && have_time && !fraction_done_) {
        at_++;
        time += fraction_us(digits());
        fraction_done_ = true;
      } else if (ispunct(static_cast<unsigned char>(c)) && c != ':' && c != '.') at_++;
      else fail(Fault::kSyntax);
    }
    finish();
  }

  // The local timestamp of date and time; zone applied by the caller.
  int64_t timestamp(bool* ok) const {
    DateParts p;
    p.year = year;
    p.month = month;
    p.day = day;
    int64_t ts = 0;
    *ok = parts_to_timestamp(p, &ts);
    if (!*ok) {
      // The day may be just out of range while day + time is not; only the low end matters.
      return 0;
    }
    ts += time;
    return ts;
  }

 private:
  std::string_view digits() {
    size_t b = at_;
    while (at_ < s_.size() && digit(s_[at_])) at_++;
    return s_.substr(b, at_ - b);
  }
  int64_t to_int(std::string_view d) const {
    if (d.size() > 9) fail(Fault::kField);
    int64_t v = 0;
    for (char c : d) v = v * 10 + (c - '0');
    return v;
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }

  void set_date(int64_t y, int m, int d) {
    if (have_date) fail(Fault::kSyntax);
    year = y;
    month = m;
    day = d;
    have_date = true;
  }

  void number_token() {
    size_t start = at_;
    std::string_view n = digits();
    char c = peek();
    if (c == ':') return clock(n);
    if ((c == '-' || c == '/' || c == '.') && !(have_date_fields() && c == '-' && have_time)) {
      if (digit(peek(1)) || alpha(peek(1))) {
        if (c == '.' && !delimited_date_follows()) return dotted_number(n);
        return delimited_date(start);
      }
    }
    bare_number(n);
  }
  bool have_date_fields() const { return have_date; }
  bool delimited_date_follows() const {
    size_t i = at_ + 1;
    if (alpha(peek(1))) return true;
    while (i < s_.size() && digit(s_[i])) i++;
    return i < s_.size() && s_[i] == '.';
  }
  // 040506.789, 1999.008
  void dotted_number(std::string_view n) {
    at_++;
    std::string_view f = digits();
    if (!have_date && n.size() == 4 && f.size() == 3) {
      year = to_int(n);
      year_digits_ = 4;
      day_of_year(to_int(f));
      return;
    }
    if (have_date || after_t_ || n.size() == 6) {
      compact_time(n);
      time += fraction_us(f);
      fraction_done_ = true;
      return;
    }
    fail(Fault::kSyntax);
  }
  void day_of_year(int64_t doy) {
    if (doy < 1 || doy > (is_leap_year(year) ? 366 : 365)) fail(Fault::kField);
    int64_t y;
    civil_from_days(days_from_civil(year, 1, 1) + doy - 1, &y, &month, &day);
    have_date = true;
  }
  // hh:mm[:ss[.f]]
  void clock(std::string_view hours) {
    if (have_time) fail(Fault::kSyntax);
    int64_t h = to_int(hours);
    at_++;
    int64_t m = to_int(digits()), sec = 0, us = 0;
    if (peek() == ':') {
      at_++;
      std::string_view d = digits();
      if (d.empty()) fail(Fault::kSyntax);
      sec = to_int(d);
    }
    if (peek() == '.') {
      at_++;
      us = fraction_us(digits());
    }
    set_time(h, m, sec, us);
  }
  void set_time(int64_t h, int64_t m, int64_t sec, int64_t us) {
    if (h > 24 || m > 59 || sec > 60 || (h == 24 && (m || sec || us))) fail(Fault::kField);
    hour_ = h;
    time = ((h * 60 + m) * 60 + sec) * kUsPerSecond + us;
    if (time > kUsPerDay) fail(Fault::kField);
    have_time = true;
  }
  void compact_time(std::string_view n) {
    if (have_time) fail(Fault::kSyntax);
    if (n.size() == 6) set_time(to_int(n.substr(0, 2)), to_int(n.substr(2, 2)), to_int(n.substr(4)), 0);
    else if (n.size() == 4) set_time(to_int(n.substr(0, 2)), to_int(n.substr(2)), 0, 0);
    else fail(Fault::kSyntax);
  }
  void bare_number(std::string_view n) {
    if (after_julian_) {
      after_julian_ = false;
      civil_from_days(to_int(n) - 2440588, &year, &month, &day);
      year_digits_ = 4;
      have_date = true;
      return;
    }
    if (after_t_ || (have_date && !text_month_)) {
      if (have_time) fail(Fault::kSyntax);
      return compact_time(n);
    }
    if (!have_date && n.size() == 8) {
      year_digits_ = 4;
      return checked_date(to_int(n.substr(0, 4)), to_int(n.substr(4, 2)), to_int(n.substr(6)));
    }
    if (!have_date && n.size() == 6 && !text_month_) {
      year_digits_ = 2;
      return checked_date(to_int(n.substr(0, 2)), to_int(n.substr(2, 2)), to_int(n.substr(4)));
    }
    if (n.size() == 6 && text_month_ && loose_.size() == 2) return compact_time(n);
    loose_.push_back({to_int(n), n.size()});
    if (loose_.size() > 3) fail(Fault::kSyntax);
  }
  void checked_date(int64_t y, int64_t m, int64_t d) { set_date(y, static_cast<int>(m), static_cast<int>(d)); }

  struct Number {
    int64_t value;
    size_t digits;
  };

  // 1999-01-08, 08-Jan-1999, 1/8/99, 1999-008 …
  void delimited_date(size_t start) {
    at_ = start;
    std::vector<Number> numbers;
    int text_month = 0;
    size_t month_at = 0;
    char delim = '\0';
    for (int part = 0; part < 3; part++) {
      if (digit(peek())) {
        std::string_view d = digits();
        numbers.push_back({to_int(d), d.size()});
      } else if (alpha(peek())) {
        size_t b = at_;
        while (alpha(peek())) at_++;
        text_month = month_of(lower(s_.substr(b, at_ - b)));
        if (!text_month) fail(Fault::kSyntax);
        month_at = static_cast<size_t>(part);
      } else {
        fail(Fault::kSyntax);
      }
      if (part == 2) break;
      char c = peek();
      if (c != '-' && c != '/' && c != '.') break;
      if (delim && c != delim) break;
      if (!digit(peek(1)) && !alpha(peek(1))) break;
      delim = c;
      at_++;
    }
    if (have_date) fail(Fault::kSyntax);
    if (text_month) {
      month = text_month;
      text_month_ = true;
      for (Number n : numbers) loose_.push_back(n);
      (void)month_at;
      return resolve_text_month();
    }
    if (numbers.size() == 2 && numbers[0].digits >= 3 && numbers[1].digits == 3) {
      year = numbers[0].value;
      year_digits_ = numbers[0].digits;
      return day_of_year(numbers[1].value);
    }
    if (numbers.size() != 3) fail(Fault::kSyntax);
    resolve_numbers(numbers);
  }
  void resolve_numbers(const std::vector<Number>& n) {
    auto set = [&](Number y, Number m, Number d) {
      if (m.digits > 2 || d.digits > 2) fail(m.digits > 2 || d.digits > 4 ? Fault::kSyntax : Fault::kMonthDay);
      year_digits_ = y.digits;
      set_date(y.value, static_cast<int>(std::min<int64_t>(m.value, 1000)), static_cast<int>(std::min<int64_t>(d.value, 1000)));
    };
    if (n[0].digits >= 3 || settings_.order == DateOrder::kYmd) set(n[0], n[1], n[2]);
    else if (settings_.order == DateOrder::kDmy) set(n[2], n[1], n[0]);
    else set(n[2], n[0], n[1]);
  }
  // Month by name: day and year among the numbers.
  void resolve_text_month() {
    if (loose_.size() < 2) return;
    Number a = loose_[0], b = loose_[1];
    bool year_first = a.digits >= 3 || (b.digits < 3 && settings_.order == DateOrder::kYmd);
    Number y = year_first ? a : b, d = year_first ? b : a;
    if (d.digits > 2) fail(Fault::kSyntax);
    year = y.value;
    year_digits_ = y.digits;
    day = static_cast<int>(d.value);
    have_date = true;
    text_month_ = false;
    for (size_t i = 2; i < loose_.size(); i++) fail(Fault::kSyntax);
    loose_.clear();
  }

  void word_token() {
    size_t b = at_;
    while (alpha(peek())) at_++;
    std::string w = lower(s_.substr(b, at_ - b));
    // "Jan-08-1999"
    if ((peek() == '-' || peek() == '/' || peek() == '.') && digit(peek(1)) && month_of(w) && !have_date) {
      return delimited_date(b);
    }
    if (peek() == '/' || peek() == '_' || ((peek() == '-' || peek() == '+') && alpha(peek(1)))) {
      while (at_ < s_.size() && (alpha(s_[at_]) || digit(s_[at_]) || s_[at_] == '/' || s_[at_] == '_' || s_[at_] == '-' || s_[at_] == '+')) at_++;
      return named_zone(s_.substr(b, at_ - b));
    }
    if (int m = month_of(w)) {
      if (text_month_ || have_date) fail(Fault::kSyntax);
      month = m;
      text_month_ = true;
      return;
    }
    if (is_day_name(w) || w == "at" || w == "on") return;
    if (w == "t" && (have_date || !loose_.empty() || text_month_ || digit(peek()))) { after_t_ = true; return; }
    if (w == "am" || w == "pm") {
      if (meridian_) fail(Fault::kSyntax);
      meridian_ = w[0];
      return;
    }
    if (w == "ad" || w == "bc") { bc_ = w == "bc"; have_era_ = true; return; }
    if (w == "j" && digit(peek())) { after_julian_ = true; return; }
    if (w == "z" || w == "zulu" || w == "utc" || w == "gmt") return set_offset(0, w == "z" || w == "zulu" ? "" : w);
    if (special_word(w)) return;
    named_zone(s_.substr(b, at_ - b));
  }
  bool special_word(const std::string& w) {
    auto set_day = [&](int delta) {
      int64_t y;
      civil_from_days(current_date_value(cx_) + delta + kEpochDays, &y, &month, &day);
      if (have_date) fail(Fault::kSyntax);
      year = y;
      year_digits_ = 4;
      have_date = true;
      relative_day_ = true;
    };
    if (w == "infinity" || w == "inf") special = Special::kInfinity;
    else if (w == "epoch") special = Special::kEpoch;
    else if (w == "now") special = Special::kNow;
    else if (w == "today") set_day(0);
    else if (w == "tomorrow") set_day(1);
    else if (w == "yesterday") set_day(-1);
    else if (w == "allballs") { set_time(0, 0, 0, 0); set_offset(0, "utc"); }
    else return false;
    return true;
  }
  void set_offset(int32_t o, std::string_view name) {
    if (have_zone && !zone_is_name_) fail(Fault::kSyntax);
    (void)name;
    have_zone = true;
    zone_is_name_ = true;
    offset = o;
    zone = nullptr;
  }
  void named_zone(std::string_view name) {
    if (have_zone) {
      if (lower(name) == "dst") { offset += 3600; return; }
      fail(Fault::kSyntax);
    }
    if (auto a = find_zone_abbreviation(lower(name))) {
      have_zone = true;
      offset = a->offset;
      return;
    }
    const TimeZone* z = find_time_zone(name);
    if (!z) {
      if (name.find('/') != std::string_view::npos)
        throw SqlError{sqlstate::kInvalidParameterValue, cat("time zone \"", lower(name), "\" not recognized")};
      fail(Fault::kSyntax);
    }
    have_zone = true;
    zone = z;
  }
  void signed_token() {
    char sign = s_[at_++];
    while (space(peek())) at_++;
    if (alpha(peek())) {
      size_t b = at_;
      while (alpha(peek())) at_++;
      std::string w = lower(s_.substr(b, at_ - b));
      if (w != "infinity" && w != "inf") fail(Fault::kSyntax);
      special = sign == '-' ? Special::kMinusInfinity : Special::kInfinity;
      return;
    }
    if (!digit(peek())) fail(Fault::kSyntax);
    std::string_view d = digits();
    int64_t h = 0, m = 0, sec = 0;
    if (peek() == ':') {
      h = to_int(d);
      at_++;
      m = to_int(digits());
      if (peek() == ':') {
        at_++;
        sec = to_int(digits());
      }
    } else if (d.size() <= 2) {
      h = to_int(d);
    } else if (d.size() <= 4) {
      h = to_int(d) / 100;
      m = to_int(d) % 100;
    } else if (d.size() == 6) {
      h = to_int(d) / 10000;
      m = to_int(d) / 100 % 100;
      sec = to_int(d) % 100;
    } else {
      fail(Fault::kSyntax);
    }
    if (h > 15 || m > 59 || sec > 59) fail(Fault::kZone);
    auto o = static_cast<int32_t>(h * 3600 + m * 60 + sec);
    if (have_zone && !zone_is_name_) fail(Fault::kSyntax);
    // "UTC+3" is POSIX: west of Greenwich is positive.
    offset = (sign == '-' ? -o : o) * (zone_is_name_ ? -1 : 1);
    have_zone = true;
    zone_is_name_ = false;
    zone = nullptr;
  }

  void finish() {
    if (special != Special::kNone) {
      if (have_date || have_time || text_month_ || !loose_.empty()) fail(Fault::kSyntax);
      return;
    }
    if (text_month_ && !have_date) {
      if (loose_.size() == 2) resolve_text_month();
      else fail(Fault::kSyntax);
    } else if (loose_.size() == 3) {
      auto n = loose_;
      resolve_numbers(n);
    } else if (!loose_.empty()) {
      fail(Fault::kSyntax);
    }
    if (after_julian_) fail(Fault::kSyntax);
    if (meridian_) {
      if (!have_time) fail(Fault::kSyntax);
      if (hour_ > 12) fail(Fault::kField);
      if (meridian_ == 'a' && hour_ == 12) time -= 12 * kUsPerHour;
      if (meridian_ == 'p' && hour_ != 12) time += 12 * kUsPerHour;
    }
    if (!have_date) return;
    if (bc_) {
      if (year <= 0) fail(Fault::kField);
      year = 1 - year;
    } else if (year_digits_ <= 2 && !have_era_ && !relative_day_) {
      year += year < 70 ? 2000 : 1900;
    } else if (year == 0 && !relative_day_ && year_digits_ > 0 && year_digits_ != 4) {
      fail(Fault::kField);
    } else if (year <= 0 && !relative_day_ && !julian_year()) {
      fail(Fault::kField);
    }
    if (month < 1 || month > 12 || day < 1 || day > 31) fail(Fault::kMonthDay);
    if (day > days_in_month(year, month)) fail(Fault::kField);
  }
  bool julian_year() const { return s_.find_first_of("jJ") != std::string_view::npos && year < 0; }

  FnContext& cx_;
  std::string_view s_, type_;
  const TimeSettings& settings_;
  size_t at_ = 0;
  std::vector<Number> loose_;
  size_t year_digits_ = 4;
  int64_t hour_ = 0;
  char meridian_ = 0;
  bool text_month_ = false, after_t_ = false, after_julian_ = false, bc_ = false, have_era_ = false, relative_day_ = false, fraction_done_ = false,
       zone_is_name_ = false;
};

}  // namespace

int32_t parse_date(FnContext& cx, std::string_view s) {
  DateTimeParser p(cx, s, "date");
  p.parse();
  switch (p.special) {
    case Special::kInfinity: return kDateInfinity;
    case Special::kMinusInfinity: return kDateMinusInfinity;
    case Special::kEpoch: return -static_cast<int32_t>(kEpochDays);
    case Special::kNow: return current_date_value(cx);
    case Special::kNone: break;
  }
  if (!p.have_date) p.fail(Fault::kSyntax);
  int64_t d = p.year > 6000000 ? kEndDate : date_from_parts(p.year, p.month, p.day);
  if (d < kMinDate || d >= kEndDate) throw SqlError{sqlstate::kDatetimeValueOutOfRange, cat("date out of range: \"", s, "\"")};
  return static_cast<int32_t>(d);
}

namespace {
// Type timestamp or timestamptz, in local time of the zone in force; *utc: result is already UTC.
int64_t parse_any_timestamp(FnContext& cx, std::string_view s, bool with_zone) {
  DateTimeParser p(cx, s, with_zone ? "timestamp with time zone" : "timestamp");
  p.parse();
  auto out_of_range = [&] { throw SqlError{sqlstate::kDatetimeValueOutOfRange, cat("timestamp out of range: \"", s, "\"")}; };
  switch (p.special) {
    case Special::kInfinity: return kTimestampInfinity;
    case Special::kMinusInfinity: return kTimestampMinusInfinity;
    case Special::kEpoch: return -kEpochSeconds * kUsPerSecond;
    case Special::kNow: return with_zone ? now_us(cx) : utc_to_local(now_us(cx), *settings_of(cx).zone);
    case Special::kNone: break;
  }
  if (!p.have_date) p.fail(Fault::kSyntax);
  bool ok = false;
  int64_t local = p.timestamp(&ok);
  if (!ok) out_of_range();
  if (!with_zone) return local;
  if (p.have_zone && !p.zone) local -= p.offset * kUsPerSecond;
  else local -= (p.zone ? p.zone : settings_of(cx).zone)->offset_of_local(floor_div(local, kUsPerSecond) + kEpochSeconds) * kUsPerSecond;
  if (!is_valid_timestamp(local)) out_of_range();
  return local;
}
}  // namespace
int64_t parse_timestamp(FnContext& cx, std::string_view s) { return parse_any_timestamp(cx, s, false); }
int64_t parse_timestamptz(FnContext& cx, std::string_view s) { return parse_any_timestamp(cx, s, true); }

namespace {
DateTimeParser parse_clock(FnContext& cx, std::string_view s, std::string_view type) {
  DateTimeParser p(cx, s, type);
  // "040506" and "04" are times here: a leading T makes the parser read them so.
  std::string_view t = s;
  while (!t.empty() && space(t.front())) t.remove_prefix(1);
  size_t n = 0;
  while (n < t.size() && digit(t[n])) n++;
  std::string with_t;
  if ((n == 4 || n == 6) && (n == t.size() || t[n] == '.' || t[n] == '+' || t[n] == ' ' || alpha(t[n]) || (t[n] == '-' && n == 6))) {
    with_t = cat('T', t);
    DateTimeParser q(cx, with_t, type);
    q.parse();
    if (q.have_time) return q;
  }
  p.parse();
  if (p.special == Special::kNow) {
    p.time = local_time_value(cx, -1);
    p.have_time = true;
  } else if (p.special != Special::kNone || !p.have_time) {
    p.fail(Fault::kSyntax);
  }
  return p;
}
}  // namespace
int64_t parse_time(FnContext& cx, std::string_view s) { return parse_clock(cx, s, "time").time; }
TimeTz parse_timetz(FnContext& cx, std::string_view s) {
  DateTimeParser p = parse_clock(cx, s, "time with time zone");
  if (p.have_zone && !p.zone) return {p.time, -p.offset};
  const TimeZone& z = p.zone ? *p.zone : *settings_of(cx).zone;
  if (p.have_date) {
    bool ok = false;
    int64_t local = p.timestamp(&ok);
    if (ok) return {p.time, -z.offset_of_local(floor_div(local, kUsPerSecond) + kEpochSeconds)};
  }
  return {p.time, -z.at(floor_div(now_us(cx), kUsPerSecond) + kEpochSeconds).offset};
}

namespace {

struct Unit {
  std::string_view name;
  char field;   // u: microseconds, d: days, m: months
  double size;
};
// Names in lower case; plurals and abbreviations as PostgreSQL takes them.
constexpr Unit kUnits[] = {
    {"us", 'u', 1}, {"usec", 'u', 1}, {"usecs", 'u', 1}, {"useconds", 'u', 1}, {"microsecond", 'u', 1}, {"microseconds", 'u', 1}, {"microsecon", 'u', 1},
    {"ms", 'u', 1e3}, {"msec", 'u', 1e3}, {"msecs", 'u', 1e3}, {"mseconds", 'u', 1e3}, {"millisecond", 'u', 1e3}, {"milliseconds", 'u', 1e3},
    {"s", 'u', 1e6}, {"sec", 'u', 1e6}, {"secs", 'u', 1e6}, {"second", 'u', 1e6}, {"seconds", 'u', 1e6},
    {"m", 'u', 6e7}, {"min", 'u', 6e7}, {"mins", 'u', 6e7}, {"minute", 'u', 6e7}, {"minutes", 'u', 6e7},
    {"h", 'u', 3.6e9}, {"hr", 'u', 3.6e9}, {"hrs", 'u', 3.6e9}, {"hour", 'u', 3.6e9}, {"hours", 'u', 3.6e9},
    {"d", 'd', 1}, {"day", 'd', 1}, {"days", 'd', 1}, {"w", 'd', 7}, {"week", 'd', 7}, {"weeks", 'd', 7},
    {"mon", 'm', 1}, {"mons", 'm', 1}, {"month", 'm', 1}, {"months", 'm', 1}, {"qtr", 'm', 3}, {"quarter", 'm', 3},
    {"y", 'm', 12}, {"yr", 'm', 12}, {"yrs", 'm', 12}, {"year", 'm', 12}, {"years", 'm', 12},
    {"dec", 'm', 120}, {"decs", 'm', 120}, {"decade", 'm', 120}, {"decades", 'm', 120}, {"c", 'm', 1200}, {"cent", 'm', 1200}, {"century", 'm', 1200},
    {"centuries", 'm', 1200}, {"mil", 'm', 12000}, {"mils", 'm', 12000}, {"millennium", 'm', 12000}, {"millennia", 'm', 12000},
};

class IntervalParser {
 public:
  IntervalParser(std::string_view s, const TimeSettings& settings, int range) : s_(s), settings_(settings), range_(range) {}

  Interval parse() {
    while (at_ < s_.size() && space(s_[at_])) at_++;
    if (peek() == 'P') iso();
    else traditional();
    auto range = [&](double v, double limit) {
      if (!(std::abs(v) <= limit)) fail_range();
    };
    range(months_, 2147483647.0);
    range(days_, 2147483647.0);
    range(static_cast<double>(us_), 9.2233720368547748e18);
    return {static_cast<int64_t>(us_), static_cast<int32_t>(days_), static_cast<int32_t>(months_)};
  }

 private:
  [[noreturn]] void fail() const { throw SqlError{sqlstate::kInvalidDatetimeFormat, cat("invalid input syntax for type interval: \"", s_, "\"")}; }
  [[noreturn]] void fail_range() const {
    throw SqlError{sqlstate::kIntervalFieldOverflow, cat("interval field value out of range: \"", s_, "\"")};
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }

  struct Number {
    double whole = 0, fraction = 0;  // both carry the sign
    bool negative = false;
  };
  // [+-]digits[.digits]; at_ is after it.
  Number number() {
    Number n;
    if (peek() == '+' || peek() == '-') n.negative = s_[at_++] == '-';
    size_t b = at_;
    while (digit(peek())) n.whole = n.whole * 10 + (s_[at_++] - '0');
    bool any = at_ > b;
    if (peek() == '.') {
      b = ++at_;
      double scale = 1;
      while (digit(peek())) {
        scale /= 10;
        n.fraction += (s_[at_++] - '0') * scale;
      }
      std::string text = cat("0.", s_.substr(b, at_ - b), "0");
      n.fraction = strtod(text.c_str(), nullptr);
      any |= at_ > b;
    }
    if (!any) fail();
    if (n.negative) n.whole = -n.whole, n.fraction = -n.fraction;
    return n;
  }
  void add(const Number& n, const Unit& u) {
    if (u.field == 'u') {
      us_ += static_cast<long double>(n.whole) * u.size + std::rint(n.fraction * u.size);
      return;
    }
    if (u.field == 'd') {
      days_ += n.whole * u.size;
      add_fraction_days(n.fraction * u.size);
      return;
    }
    months_ += n.whole * u.size;
    double f = n.fraction * u.size;
    if (u.size >= 12) {  // fractions of years become whole months
      months_ += std::rint(f);
      return;
    }
    double extra = std::trunc(f);
    months_ += extra;
    add_fraction_days((f - extra) * 30);
  }
  void add_fraction_days(double f) {
    double whole = std::trunc(f + (f < 0 ? -1e-9 : 1e-9));
    days_ += whole;
    us_ += std::rint((f - whole) * static_cast<double>(kUsPerDay));
  }

  // The unit of a number at the end that has none.
  Unit last_unit() const {
    if (range_ == 0x7FFF || range_ & kSecondField) return {"s", 'u', 1e6};
    if (range_ & kMinuteField) return {"m", 'u', 6e7};
    if (range_ & kHourField) return {"h", 'u', 3.6e9};
    if (range_ & kDayField) return {"d", 'd', 1};
    if (range_ & kMonthField) return {"mon", 'm', 1};
    return {"y", 'm', 12};
  }
  static constexpr int kMonthField = 1 << 1, kDayField = 1 << 3, kHourField = 1 << 10, kMinuteField = 1 << 11, kSecondField = 1 << 12;

  // h:m[:s[.f]] or m:s.f; the sign holds for all.
  void clock(const Number& hours) {
    long double parts[3] = {std::abs(hours.whole), 0, 0};
    double fraction = 0;
    int n = 1;
    while (peek() == ':' && n < 3) {
      at_++;
      size_t b = at_;
      while (digit(peek())) parts[n] = parts[n] * 10 + (s_[at_++] - '0');
      if (at_ == b && n == 1) fail();
      n++;
    }
    const bool minutes_first = n == 2 && range_ == (kMinuteField | kSecondField);
    if (peek() == '.') {
      size_t b = at_++;
      while (digit(peek())) at_++;
      fraction = strtod(cat('0', s_.substr(b, at_ - b), '0').c_str(), nullptr);
      if (n == 2) {  // mm:ss.f
        parts[2] = parts[1];
        parts[1] = parts[0];
        parts[0] = 0;
      }
    } else if (minutes_first) {
      parts[2] = parts[1];
      parts[1] = parts[0];
      parts[0] = 0;
    }
    if (parts[1] > 59 || parts[2] > 60) fail_range();
    long double us = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * kUsPerSecond + std::rint(fraction * 1e6);
    us_ += hours.negative ? -us : us;
  }

  void traditional() {
    bool ago = false, any = false, have_sql_year = false;
    bool pending = false;
    Number last;
    bool all_negative = settings_.interval_style == IntervalStyle::kSqlStandard && s_.find('-') != std::string_view::npos &&
                        s_.find_first_of("+-", s_.find('-') + 1) == std::string_view::npos && s_.find_first_not_of(' ') == s_.find('-');
    auto flush_last = [&] {
      if (pending) add(last, last_unit());
      pending = false;
    };
    auto flush_days = [&] {
      if (pending) add(last, {"d", 'd', 1});
      pending = false;
    };
    while (at_ < s_.size()) {
      char c = s_[at_];
      if (space(c) || c == '@' || c == ',') { at_++; continue; }
      if (digit(c) || c == '.' || c == '+' || c == '-') {
        if ((c == '+' || c == '-') && !digit(peek(1)) && peek(1) != '.') fail();
        Number n = number();
        any = true;
        if (peek() == ':') {
          flush_days();
          if (all_negative && !n.negative && us_ == 0 && (days_ < 0 || months_ < 0)) n.negative = true;
          clock(n);
        } else if (peek() == '-' && digit(peek(1)) && !have_sql_year && n.fraction == 0) {  // years-months
          if (pending) fail();
          at_++;
          double m = 0;
          while (digit(peek())) m = m * 10 + (s_[at_++] - '0');
          if (m > 11) fail_range();
          months_ += n.whole * 12 + (n.negative ? -m : m);
          have_sql_year = true;
        } else {
          if (pending) fail();
          last = n;
          pending = true;
        }
        continue;
      }
      if (!alpha(c)) fail();
      size_t b = at_;
      while (alpha(peek())) at_++;
      std::string w = lower(s_.substr(b, at_ - b));
      if (w == "ago") {
        ago = true;
        continue;
      }
      auto unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return u.name == w; });
      if (unit == std::end(kUnits) || !pending) fail();
      add(last, *unit);
      pending = false;
    }
    flush_last();
    if (!any) fail();
    if (ago) {
      months_ = -months_;
      days_ = -days_;
      us_ = -us_;
    }
  }

  // P1Y2M3DT4H5M6S, P0001-02-03T04:05:06
  void iso() {
    at_++;
    bool in_time = false, any = false;
    while (at_ < s_.size()) {
      if (peek() == 'T') {
        in_time = true;
        at_++;
        continue;
      }
      Number n = number();
      any = true;
      char c = peek();
      if (in_time && c == ':') { clock(n); continue; }
      if (!in_time && (c == '-' || c == '\0') && n.fraction == 0 && (c == '\0' || digit(peek(1)))) {
        double parts[3] = {n.whole, 0, 0};
        for (int i = 1; i < 3 && peek() == '-'; i++) {
          at_++;
          parts[i] = number().whole;
        }
        months_ += parts[0] * 12 + parts[1];
        days_ += parts[2];
        continue;
      }
      at_++;
      if (!in_time) {
        if (c == 'Y') add(n, {"y", 'm', 12});
        else if (c == 'M') add(n, {"mon", 'm', 1});
        else if (c == 'W') add(n, {"w", 'd', 7});
        else if (c == 'D') add(n, {"d", 'd', 1});
        else fail();
      } else {
        if (c == 'H') add(n, {"h", 'u', 3.6e9});
        else if (c == 'M') add(n, {"m", 'u', 6e7});
        else if (c == 'S') add(n, {"s", 'u', 1e6});
        else fail();
      }
    }
    if (!any) fail();
  }

  std::string_view s_;
  const TimeSettings& settings_;
  const int range_;
  size_t at_ = 0;
  double months_ = 0, days_ = 0;
  long double us_ = 0;
};

}  // namespace

Interval parse_interval(std::string_view s, const TimeSettings& settings, int range) { return IntervalParser(s, settings, range).parse(); }

}  // namespace postern
