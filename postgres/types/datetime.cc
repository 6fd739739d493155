// Representation, settings, zones and printing of dates and times; the TypeInfo entries. Parsing is in datetime_parse.cc.
#include "postgres/types/datetime.h"

#include <time.h>

#include <algorithm>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/calendar.h"
#include "postgres/types/session_services.h"
#include "postgres/types/string_types.h"

namespace postern {

constinit const std::string_view kMonthNames[12] = {"January", "February", "March",     "April",   "May",      "June",
                                                    "July",    "August",   "September", "October", "November", "December"};
constinit const std::string_view kDayNames[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

void throw_timestamp_range() { throw SqlError{sqlstate::kDatetimeValueOutOfRange, "timestamp out of range"}; }
void throw_date_range() { throw SqlError{sqlstate::kDatetimeValueOutOfRange, "date out of range"}; }
void throw_interval_range() { throw SqlError{sqlstate::kDatetimeValueOutOfRange, "interval out of range"}; }

namespace {
std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}
int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// At least width digits.
void pad_number(std::string& out, int64_t v, int width) {
  char buf[24];
  char* p = buf + sizeof buf;
  uint64_t u = v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  if (v < 0) width--;
  do {
    *--p = static_cast<char>('0' + u % 10);
    u /= 10;
    width--;
  } while (u || width > 0);
  if (v < 0) *--p = '-';
  out.append(p, static_cast<size_t>(buf + sizeof buf - p));
}
// ".5" without trailing zeros.
void append_fraction(std::string& out, int64_t us) {
  if (us == 0) return;
  out += '.';
  pad_number(out, us, 6);
  while (out.back() == '0') out.pop_back();
}
void append_clock(std::string& out, int64_t hour, int minute, int second, int64_t us) {
  pad_number(out, hour, 2);
  out += ':';
  pad_number(out, minute, 2);
  out += ':';
  pad_number(out, second, 2);
  append_fraction(out, us);
}
void append_offset(std::string& out, int32_t offset) {
  out += offset < 0 ? '-' : '+';
  int32_t a = std::abs(offset);
  pad_number(out, a / 3600, 2);
  if (a % 3600) {
    out += ':';
    pad_number(out, a / 60 % 60, 2);
    if (a % 60) {
      out += ':';
      pad_number(out, a % 60, 2);
    }
  }
}
}  // namespace

bool set_date_style(TimeSettings& s, std::string_view value) {
  TimeSettings t = s;
  std::string v = lower(value);
  bool have_order = false;
  size_t i = 0;
  while (i <= v.size()) {
    size_t comma = std::min(v.find(',', i), v.size());
    std::string_view word(v.data() + i, comma - i);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    i = comma + 1;
    if (word == "iso") t.style = DateStyle::kIso;
    else if (word == "sql") t.style = DateStyle::kSql;
    else if (word.starts_with("postgres")) t.style = DateStyle::kPostgres;
    else if (word == "german") {
      t.style = DateStyle::kGerman;
      if (!have_order) t.order = DateOrder::kDmy;
    } else if (word == "ymd") t.order = DateOrder::kYmd, have_order = true;
    else if (word == "dmy" || word.starts_with("euro")) t.order = DateOrder::kDmy, have_order = true;
    else if (word == "mdy" || word == "us" || word.starts_with("noneuro")) t.order = DateOrder::kMdy, have_order = true;
    else if (word == "default") t.style = DateStyle::kIso, t.order = DateOrder::kMdy;
    else return false;
  }
  s = t;
  return true;
}
std::string date_style_text(const TimeSettings& s) {
  constexpr std::string_view kStyles[] = {"ISO", "Postgres", "SQL", "German"}, kOrders[] = {"YMD", "DMY", "MDY"};
  return cat(kStyles[static_cast<int>(s.style)], ", ", kOrders[static_cast<int>(s.order)]);
}
namespace {
constexpr std::string_view kIntervalStyles[] = {"postgres", "postgres_verbose", "sql_standard", "iso_8601"};
}
bool set_interval_style(TimeSettings& s, std::string_view value) {
  std::string v = lower(value);
  for (int i = 0; i < 4; i++)
    if (v == kIntervalStyles[i]) {
      s.interval_style = static_cast<IntervalStyle>(i);
      return true;
    }
  return false;
}
std::string_view interval_style_text(const TimeSettings& s) { return kIntervalStyles[static_cast<int>(s.interval_style)]; }

bool set_time_zone(TimeSettings& s, std::string_view value) {
  std::string text(value);
  char* end = nullptr;
  double hours = strtod(text.c_str(), &end);
  if (end != text.c_str() && *end == '\0') {
    if (!(hours >= -168 && hours <= 168)) return false;
    s.zone = fixed_time_zone(static_cast<int32_t>(hours * 3600));
    return true;
  }
  std::string l = lower(value);
  if (l.starts_with("interval")) {
    size_t a = text.find('\''), b = text.rfind('\'');
    if (a == std::string::npos || b <= a) return false;
    Interval i = parse_interval(std::string_view(text).substr(a + 1, b - a - 1), s);
    if (i.month || i.day) return false;
    s.zone = fixed_time_zone(static_cast<int32_t>(i.time / kUsPerSecond));
    return true;
  }
  if (l == "default" || l == "local") l = "utc";
  const TimeZone* z = find_time_zone(l == "utc" ? std::string_view("UTC") : value);
  if (!z) return false;
  s.zone = z;
  return true;
}

Datum from_interval(Arena& arena, const Interval& i) {
  Bytes* b = alloc_bytes(arena, 16);
  std::memcpy(b->data, &i, 16);
  return from_bytes(b);
}
Datum from_timetz(Arena& arena, TimeTz t) {
  Bytes* b = alloc_bytes(arena, 12);
  std::memcpy(b->data, &t.time, 8);
  std::memcpy(b->data + 8, &t.zone, 4);
  return from_bytes(b);
}

DateParts timestamp_parts(int64_t ts) {
  int64_t days = floor_div(ts, kUsPerDay), t = ts - days * kUsPerDay;
  DateParts p;
  civil_from_days(days + kEpochDays, &p.year, &p.month, &p.day);
  p.hour = static_cast<int>(t / kUsPerHour);
  p.minute = static_cast<int>(t / kUsPerMinute % 60);
  p.second = static_cast<int>(t / kUsPerSecond % 60);
  p.us = static_cast<int>(t % kUsPerSecond);
  return p;
}
bool parts_to_timestamp(const DateParts& p, int64_t* ts) {
  if (p.year < -5000 || p.year > 300000) return false;
  __int128 v = static_cast<__int128>(date_from_parts(p.year, p.month, p.day)) * kUsPerDay + p.hour * kUsPerHour + p.minute * kUsPerMinute +
               p.second * kUsPerSecond + p.us;
  if (v < kMinTimestamp || v >= kEndTimestamp) return false;
  *ts = static_cast<int64_t>(v);
  return true;
}
DateParts date_parts(int32_t date) {
  DateParts p;
  civil_from_days(date + kEpochDays, &p.year, &p.month, &p.day);
  return p;
}
int64_t date_from_parts(int64_t year, int month, int day) { return days_from_civil(year, month, day) - kEpochDays; }

const TimeSettings& settings_of(FnContext& cx) {
  static const TimeSettings defaults;
  return cx.services ? cx.services->time_settings() : defaults;
}
int64_t clock_now_us() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (t.tv_sec - kEpochSeconds) * kUsPerSecond + t.tv_nsec / 1000;
}
int64_t now_us(FnContext& cx) { return cx.services ? cx.services->transaction_start_us() : clock_now_us(); }

int64_t local_to_utc(int64_t local, const TimeZone& zone) {
  if (!is_finite_timestamp(local)) return local;
  int64_t t = local - zone.offset_of_local(floor_div(local, kUsPerSecond) + kEpochSeconds) * kUsPerSecond;
  if (!is_valid_timestamp(t)) throw_timestamp_range();
  return t;
}
int64_t utc_to_local(int64_t utc, const TimeZone& zone, int32_t* offset, std::string_view* abbreviation) {
  if (!is_finite_timestamp(utc)) return utc;
  TimeZone::Local l = zone.at(floor_div(utc, kUsPerSecond) + kEpochSeconds);
  if (offset) *offset = l.offset;
  if (abbreviation) *abbreviation = l.abbreviation;
  return utc + l.offset * kUsPerSecond;
}
namespace {
// A zone in the argument of timezone(): fixed offset or a zone.
struct NamedZone {
  int32_t offset = 0;
  const TimeZone* zone = nullptr;
};
NamedZone named_zone(std::string_view name) {
  if (auto a = find_zone_abbreviation(lower(name))) return {a->offset, nullptr};
  if (const TimeZone* z = find_time_zone(name)) return {0, z};
  throw SqlError{sqlstate::kInvalidParameterValue, cat("time zone \"", name, "\" not recognized")};
}
}  // namespace
int64_t to_zone(std::string_view name, int64_t utc) {
  if (!is_finite_timestamp(utc)) return utc;
  NamedZone z = named_zone(name);
  int64_t t = z.zone ? utc_to_local(utc, *z.zone) : utc + z.offset * kUsPerSecond;
  if (!is_valid_timestamp(t)) throw_timestamp_range();
  return t;
}
int64_t from_zone(std::string_view name, int64_t local) {
  if (!is_finite_timestamp(local)) return local;
  NamedZone z = named_zone(name);
  int64_t t = z.zone ? local_to_utc(local, *z.zone) : local - z.offset * kUsPerSecond;
  if (!is_valid_timestamp(t)) throw_timestamp_range();
  return t;
}

int64_t round_us(int64_t us, int32_t precision) {
  constexpr int64_t kScale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
  if (precision < 0 || precision >= 6) return us;
  int64_t s = kScale[precision];
  return us >= 0 ? (us + s / 2) / s * s : -((-us + s / 2) / s * s);
}

namespace {
void append_year(std::string& out, int64_t year) { pad_number(out, year > 0 ? year : 1 - year, 4); }

void append_date_parts(std::string& out, const DateParts& p, const TimeSettings& s) {
  auto two = [&](int v) { pad_number(out, v, 2); };
  switch (s.style) {
    case DateStyle::kIso:
      append_year(out, p.year);
      out += '-';
      two(p.month);
      out += '-';
      two(p.day);
      break;
    case DateStyle::kSql:
      two(s.order == DateOrder::kDmy ? p.day : p.month);
      out += '/';
      two(s.order == DateOrder::kDmy ? p.month : p.day);
      out += '/';
      append_year(out, p.year);
      break;
    case DateStyle::kGerman:
      two(p.day);
      out += '.';
      two(p.month);
      out += '.';
      append_year(out, p.year);
      break;
    case DateStyle::kPostgres:
      if (s.order == DateOrder::kYmd) {
        append_year(out, p.year);
        out += '-';
        two(p.month);
        out += '-';
        two(p.day);
      } else {
        two(s.order == DateOrder::kDmy ? p.day : p.month);
        out += '-';
        two(s.order == DateOrder::kDmy ? p.month : p.day);
        out += '-';
        append_year(out, p.year);
      }
      break;
  }
  if (p.year <= 0) out += " BC";
}

// With a zone: offset and abbreviation (nullptr: none).
void append_timestamp_parts(std::string& out, const DateParts& p, const TimeSettings& s, const int32_t* offset, std::string_view abbreviation) {
  bool numeric_zone = abbreviation.empty() || !isalpha(static_cast<unsigned char>(abbreviation[0]));
  auto zone = [&] {
    if (!offset) return;
    if (s.style == DateStyle::kIso) append_offset(out, *offset);
    else if (!numeric_zone) append(out, ' ', abbreviation);
    else {
      if (s.style == DateStyle::kPostgres) out += ' ';
      append_offset(out, *offset);
    }
  };
  if (s.style == DateStyle::kPostgres) {
    int64_t days = date_from_parts(p.year, p.month, p.day);
    append(out, kDayNames[((days + 6) % 7 + 7) % 7].substr(0, 3), ' ');
    if (s.order == DateOrder::kDmy) {
      pad_number(out, p.day, 2);
      append(out, ' ', kMonthNames[p.month - 1].substr(0, 3), ' ');
    } else {
      append(out, kMonthNames[p.month - 1].substr(0, 3), ' ');
      pad_number(out, p.day, 2);
      out += ' ';
    }
    append_clock(out, p.hour, p.minute, p.second, p.us);
    out += ' ';
    append_year(out, p.year);
    zone();
    if (p.year <= 0) out += " BC";
    return;
  }
  DateParts date_only = p;
  if (p.year <= 0) date_only.year = 1 - p.year;
  append_date_parts(out, date_only, s);
  out += ' ';
  append_clock(out, p.hour, p.minute, p.second, p.us);
  zone();
  if (p.year <= 0) out += " BC";
}
}  // namespace

void append_date(std::string& out, int32_t d, const TimeSettings& s) {
  if (!is_finite_date(d)) out += d == kDateInfinity ? "infinity" : "-infinity";
  else append_date_parts(out, date_parts(d), s);
}
void append_time(std::string& out, int64_t t) {
  append_clock(out, t / kUsPerHour, static_cast<int>(t / kUsPerMinute % 60), static_cast<int>(t / kUsPerSecond % 60), t % kUsPerSecond);
}
void append_timetz(std::string& out, TimeTz t) {
  append_time(out, t.time);
  append_offset(out, -t.zone);
}
void append_timestamp(std::string& out, int64_t ts, const TimeSettings& s) {
  if (!is_finite_timestamp(ts)) out += ts == kTimestampInfinity ? "infinity" : "-infinity";
  else append_timestamp_parts(out, timestamp_parts(ts), s, nullptr, {});
}
void append_timestamptz(std::string& out, int64_t ts, const TimeSettings& s) {
  if (!is_finite_timestamp(ts)) {
    out += ts == kTimestampInfinity ? "infinity" : "-infinity";
    return;
  }
  int32_t offset = 0;
  std::string_view abbreviation;
  int64_t local = utc_to_local(ts, *s.zone, &offset, &abbreviation);
  append_timestamp_parts(out, timestamp_parts(local), s, &offset, abbreviation);
}

namespace {

struct IntervalParts {
  int64_t hours, us;
  int32_t years, months, days;
  int minutes, seconds;
};
IntervalParts interval_parts(const Interval& i) {
  return {i.time / kUsPerHour, i.time % kUsPerSecond, i.month / 12, i.month % 12, i.day, static_cast<int>(i.time / kUsPerMinute % 60),
          static_cast<int>(i.time / kUsPerSecond % 60)};
}
void append_abs_clock(std::string& out, const IntervalParts& p, int hour_width) {
  pad_number(out, std::abs(p.hours), hour_width);
  out += ':';
  pad_number(out, std::abs(p.minutes), 2);
  out += ':';
  pad_number(out, std::abs(p.seconds), 2);
  append_fraction(out, std::abs(p.us));
}

void interval_postgres(std::string& out, const Interval& i, const IntervalParts& p) {
  size_t start = out.size();
  bool before_negative = false;
  auto part = [&](int64_t v, std::string_view unit) {
    if (!v) return;
    append(out, out.size() > start ? " " : "", before_negative && v > 0 ? "+" : "", v, ' ', unit, v != 1 ? "s" : "");
    before_negative = v < 0;
  };
  part(p.years, "year");
  part(p.months, "mon");
  part(p.days, "day");
  if (out.size() > start && i.time == 0) return;
  append(out, out.size() > start ? " " : "", i.time < 0 ? "-" : before_negative ? "+" : "");
  append_abs_clock(out, p, 2);
}

void interval_verbose(std::string& out, const Interval& i, const IntervalParts& p) {
  out += '@';
  bool first = true, ago = false;
  auto part = [&](int64_t v, std::string_view unit) {
    if (!v) return;
    if (first) {
      ago = v < 0;
      v = std::abs(v);
      first = false;
    } else if (ago) {
      v = -v;
    }
    append(out, ' ', v, ' ', unit, v == 1 ? "" : "s");
  };
  part(p.years, "year");
  part(p.months, "mon");
  part(p.days, "day");
  part(p.hours, "hour");
  part(p.minutes, "min");
  if (p.seconds || p.us) {
    bool negative = i.time < 0;
    if (first) {
      ago = negative;
      negative = false;
      first = false;
    } else if (ago) {
      negative = !negative;
    }
    append(out, ' ', negative ? "-" : "", std::abs(p.seconds));
    append_fraction(out, std::abs(p.us));
    out += std::abs(p.seconds) != 1 || p.us ? " secs" : " sec";
  }
  if (first) out += " 0";
  if (ago) out += " ago";
}

void interval_sql(std::string& out, const Interval& i, const IntervalParts& p) {
  bool negative = i.month < 0 || i.day < 0 || i.time < 0, positive = i.month > 0 || i.day > 0 || i.time > 0;
  bool has_months = i.month != 0, has_day_time = i.day != 0 || i.time != 0;
  if (!has_months && !has_day_time) {
    out += '0';
    return;
  }
  if ((negative && positive) || (has_months && has_day_time)) {
    append(out, i.month < 0 ? '-' : '+', std::abs(p.years), '-', std::abs(p.months), ' ', i.day < 0 ? '-' : '+', std::abs(int64_t{p.days}), ' ',
           i.time < 0 ? '-' : '+');
    append_abs_clock(out, p, 1);
    return;
  }
  if (negative) out += '-';
  if (has_months) {
    append(out, std::abs(p.years), '-', std::abs(p.months));
  } else {
    if (i.day) append(out, std::abs(int64_t{p.days}), ' ');
    append_abs_clock(out, p, 1);
  }
}

void interval_iso(std::string& out, const Interval& i, const IntervalParts& p) {
  if (!i.month && !i.day && !i.time) {
    out += "PT0S";
    return;
  }
  out += 'P';
  auto part = [&](int64_t v, char unit) {
    if (v) append(out, v, unit);
  };
  part(p.years, 'Y');
  part(p.months, 'M');
  part(p.days, 'D');
  if (!i.time) return;
  out += 'T';
  part(p.hours, 'H');
  part(p.minutes, 'M');
  if (p.seconds || p.us) {
    append(out, i.time < 0 ? "-" : "", std::abs(p.seconds));
    append_fraction(out, std::abs(p.us));
    out += 'S';
  }
}

}  // namespace

void append_interval(std::string& out, const Interval& i, const TimeSettings& s) {
  IntervalParts p = interval_parts(i);
  switch (s.interval_style) {
    case IntervalStyle::kPostgres: return interval_postgres(out, i, p);
    case IntervalStyle::kPostgresVerbose: return interval_verbose(out, i, p);
    case IntervalStyle::kSqlStandard: return interval_sql(out, i, p);
    case IntervalStyle::kIso8601: return interval_iso(out, i, p);
  }
}

// SQL's field sets as bits of the high half of an interval typmod, as PostgreSQL stores them.
Interval adjust_interval(Interval i, int32_t typmod) {
  if (typmod < 0) return i;
  constexpr int kYear = 1 << 2, kMonth = 1 << 1, kDay = 1 << 3, kHour = 1 << 10, kMinute = 1 << 11, kSecond = 1 << 12;
  int range = typmod >> 16 & 0x7FFF, precision = typmod & 0xFFFF;
  if (range != 0x7FFF && range != 0) {
    if (range == kYear) i = {0, 0, i.month / 12 * 12};
    else if (!(range & (kDay | kHour | kMinute | kSecond))) i = {0, 0, i.month};
    else if (!(range & (kHour | kMinute | kSecond))) i.time = 0;
    else if (!(range & (kMinute | kSecond))) i.time = i.time / kUsPerHour * kUsPerHour;
    else if (!(range & kSecond)) i.time = i.time / kUsPerMinute * kUsPerMinute;
    (void)kMonth;
  }
  if (precision <= 6) i.time = round_us(i.time, precision);
  return i;
}

int64_t current_timestamp_value(FnContext& cx, int32_t precision) { return round_us(now_us(cx), precision); }
int64_t local_timestamp_value(FnContext& cx, int32_t precision) { return round_us(utc_to_local(now_us(cx), *settings_of(cx).zone), precision); }
int32_t current_date_value(FnContext& cx) { return static_cast<int32_t>(floor_div(local_timestamp_value(cx, -1), kUsPerDay)); }
int64_t local_time_value(FnContext& cx, int32_t precision) {
  int64_t local = local_timestamp_value(cx, -1);
  return round_us(local - floor_div(local, kUsPerDay) * kUsPerDay, precision);
}
Datum current_time_value(FnContext& cx, int32_t precision) {
  int32_t offset = 0;
  utc_to_local(now_us(cx), *settings_of(cx).zone, &offset);
  return from_timetz(*cx.arena, {local_time_value(cx, precision), -offset});
}

namespace datetime_types {
namespace {
void check_size(std::string_view s, size_t n) {
  if (s.size() < n) throw SqlError{sqlstate::kProtocolViolation, "insufficient data left in message"};
  if (s.size() > n) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "incorrect binary data format"};
}
template <class T>
void put_be(std::string& out, T v) {
  char buf[sizeof v];
  store_be(buf, v);
  out.append(buf, sizeof v);
}
int compare_int(Datum a, Datum b) { return as_int8(a) < as_int8(b) ? -1 : as_int8(a) > as_int8(b); }
uint64_t hash_int(Datum d) { return hash_bytes({reinterpret_cast<const char*>(&d), sizeof d}); }
int64_t round_timestamp(int64_t ts, int32_t typmod) {
  if (!is_finite_timestamp(ts)) return ts;
  ts = round_us(ts, typmod);
  if (!is_valid_timestamp(ts)) throw_timestamp_range();
  return ts;
}
}  // namespace

Datum date_in(FnContext& cx, std::string_view s, int32_t) { return from_int(parse_date(cx, s)); }
void date_out(FnContext& cx, Datum d, std::string& out) { append_date(out, as_int4(d), settings_of(cx)); }
Datum date_recv(FnContext&, std::string_view s, int32_t) {
  check_size(s, 4);
  auto v = load_be<int32_t>(s.data());
  if (is_finite_date(v) && (v < kMinDate || v >= kEndDate)) throw_date_range();
  return from_int(v);
}
void date_send(FnContext&, Datum d, std::string& out) { put_be(out, as_int4(d)); }
int date_compare(FnContext&, Datum a, Datum b) { return compare_int(a, b); }
uint64_t date_hash(FnContext&, Datum d) { return hash_int(d); }

Datum time_in(FnContext& cx, std::string_view s, int32_t typmod) { return from_int(round_us(parse_time(cx, s), typmod)); }
void time_out(FnContext&, Datum d, std::string& out) { append_time(out, as_int8(d)); }
Datum time_recv(FnContext&, std::string_view s, int32_t typmod) {
  check_size(s, 8);
  auto v = load_be<int64_t>(s.data());
  if (v < 0 || v > kUsPerDay) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "time out of range"};
  return from_int(round_us(v, typmod));
}
void time_send(FnContext&, Datum d, std::string& out) { put_be(out, as_int8(d)); }
int time_compare(FnContext&, Datum a, Datum b) { return compare_int(a, b); }
uint64_t time_hash(FnContext&, Datum d) { return hash_int(d); }

Datum timetz_in(FnContext& cx, std::string_view s, int32_t typmod) {
  TimeTz t = parse_timetz(cx, s);
  t.time = round_us(t.time, typmod);
  return from_timetz(*cx.arena, t);
}
void timetz_out(FnContext&, Datum d, std::string& out) { append_timetz(out, as_timetz(d)); }
Datum timetz_recv(FnContext& cx, std::string_view s, int32_t typmod) {
  check_size(s, 12);
  TimeTz t{load_be<int64_t>(s.data()), load_be<int32_t>(s.data() + 8)};
  if (t.time < 0 || t.time > kUsPerDay) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "time out of range"};
  if (t.zone <= -16 * 3600 || t.zone >= 16 * 3600) throw SqlError{sqlstate::kInvalidTimeZoneDisplacementValue, "time zone displacement out of range"};
  t.time = round_us(t.time, typmod);
  return from_timetz(*cx.arena, t);
}
void timetz_send(FnContext&, Datum d, std::string& out) {
  TimeTz t = as_timetz(d);
  put_be(out, t.time);
  put_be(out, t.zone);
}
int timetz_compare(FnContext&, Datum a, Datum b) {
  TimeTz x = as_timetz(a), y = as_timetz(b);
  int64_t u = x.time + x.zone * kUsPerSecond, v = y.time + y.zone * kUsPerSecond;
  if (u != v) return u < v ? -1 : 1;
  return x.zone < y.zone ? -1 : x.zone > y.zone;
}
uint64_t timetz_hash(FnContext&, Datum d) { return hash_bytes(as_view(d)); }

Datum timestamp_in(FnContext& cx, std::string_view s, int32_t typmod) { return from_int(round_timestamp(parse_timestamp(cx, s), typmod)); }
void timestamp_out(FnContext& cx, Datum d, std::string& out) { append_timestamp(out, as_int8(d), settings_of(cx)); }
Datum timestamp_recv(FnContext&, std::string_view s, int32_t typmod) {
  check_size(s, 8);
  auto v = load_be<int64_t>(s.data());
  if (is_finite_timestamp(v) && !is_valid_timestamp(v)) throw_timestamp_range();
  return from_int(round_timestamp(v, typmod));
}
void timestamp_send(FnContext&, Datum d, std::string& out) { put_be(out, as_int8(d)); }
int timestamp_compare(FnContext&, Datum a, Datum b) { return compare_int(a, b); }
uint64_t timestamp_hash(FnContext&, Datum d) { return hash_int(d); }

Datum timestamptz_in(FnContext& cx, std::string_view s, int32_t typmod) { return from_int(round_timestamp(parse_timestamptz(cx, s), typmod)); }
void timestamptz_out(FnContext& cx, Datum d, std::string& out) { append_timestamptz(out, as_int8(d), settings_of(cx)); }
Datum timestamptz_recv(FnContext& cx, std::string_view s, int32_t typmod) { return timestamp_recv(cx, s, typmod); }
void timestamptz_send(FnContext&, Datum d, std::string& out) { put_be(out, as_int8(d)); }
int timestamptz_compare(FnContext&, Datum a, Datum b) { return compare_int(a, b); }
uint64_t timestamptz_hash(FnContext&, Datum d) { return hash_int(d); }

Datum interval_in(FnContext& cx, std::string_view s, int32_t typmod) {
  return from_interval(*cx.arena, adjust_interval(parse_interval(s, settings_of(cx), typmod < 0 ? 0x7FFF : typmod >> 16 & 0x7FFF), typmod));
}
void interval_out(FnContext& cx, Datum d, std::string& out) { append_interval(out, as_interval(d), settings_of(cx)); }
Datum interval_recv(FnContext& cx, std::string_view s, int32_t typmod) {
  check_size(s, 16);
  return from_interval(*cx.arena, adjust_interval({load_be<int64_t>(s.data()), load_be<int32_t>(s.data() + 8), load_be<int32_t>(s.data() + 12)}, typmod));
}
void interval_send(FnContext&, Datum d, std::string& out) {
  Interval i = as_interval(d);
  put_be(out, i.time);
  put_be(out, i.day);
  put_be(out, i.month);
}
int interval_compare(FnContext&, Datum a, Datum b) { return compare_intervals(as_interval(a), as_interval(b)); }
uint64_t interval_hash(FnContext&, Datum d) {
  Interval i = as_interval(d);
  __int128 span = static_cast<__int128>(i.month * int64_t{30} + i.day) * kUsPerDay + i.time;
  return hash_bytes({reinterpret_cast<const char*>(&span), sizeof span});
}

void precision_out(int32_t typmod, std::string& out) {
  if (typmod >= 0) append(out, '(', typmod, ')');
}
void interval_typmod_out(int32_t typmod, std::string& out) {
  if (typmod < 0) return;
  struct Range { int bits; std::string_view text; };
  constexpr Range kRanges[] = {{1 << 2, " year"}, {1 << 1, " month"}, {1 << 3, " day"}, {1 << 10, " hour"}, {1 << 11, " minute"}, {1 << 12, " second"},
                               {3 << 1, " year to month"}, {1 << 3 | 1 << 10, " day to hour"}, {1 << 3 | 3 << 10, " day to minute"},
                               {1 << 3 | 7 << 10, " day to second"}, {3 << 10, " hour to minute"}, {7 << 10, " hour to second"},
                               {3 << 11, " minute to second"}};
  for (const Range& r : kRanges)
    if (r.bits == (typmod >> 16 & 0x7FFF)) out += r.text;
  if ((typmod & 0xFFFF) != 0xFFFF) append(out, '(', typmod & 0xFFFF, ')');
}
namespace {
int32_t precision_in(std::span<const int32_t> mods, std::string_view type) {
  if (mods.size() != 1) throw SqlError{sqlstate::kInvalidParameterValue, "invalid type modifier"};
  if (mods[0] < 0) throw SqlError{sqlstate::kInvalidParameterValue, cat(type, "(", mods[0], ") precision must not be negative")};
  return std::min(mods[0], 6);
}
}  // namespace
int32_t time_typmod_in(std::span<const int32_t> mods) { return precision_in(mods, "TIME"); }
int32_t timestamp_typmod_in(std::span<const int32_t> mods) { return precision_in(mods, "TIMESTAMP"); }
int32_t interval_typmod_in(std::span<const int32_t> mods) {
  if (mods.empty() || mods.size() > 2) throw SqlError{sqlstate::kInvalidParameterValue, "invalid INTERVAL type modifier"};
  int32_t range = mods[0], precision = mods.size() > 1 ? mods[1] : 0xFFFF;
  if (mods.size() == 1 && range == 0x7FFF) return -1;
  if (mods.size() == 2 && precision != 0xFFFF) {
    if (precision < 0) throw SqlError{sqlstate::kInvalidParameterValue, cat("INTERVAL(", precision, ") precision must not be negative")};
    precision = std::min(precision, 6);
  }
  return (range & 0x7FFF) << 16 | (precision & 0xFFFF);
}
}  // namespace datetime_types

}  // namespace postern
