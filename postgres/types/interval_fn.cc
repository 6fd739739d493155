// SQL functions over intervals, and extract()/date_part(), date_trunc(), age() for all date/time types.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/calendar.h"
#include "postgres/types/datetime.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/type_info.h"

namespace postern {

int64_t timestamp_plus(int64_t ts, const Interval& i) {
  if (!is_finite_timestamp(ts)) return ts;
  if (i.month) {
    DateParts p = timestamp_parts(ts);
    int64_t m = p.year * 12 + (p.month - 1) + i.month;
    p.year = m >= 0 ? m / 12 : -((-m + 11) / 12);
    p.month = static_cast<int>(m - p.year * 12) + 1;
    p.day = std::min(p.day, days_in_month(p.year, p.month));
    if (!parts_to_timestamp(p, &ts)) throw_timestamp_range();
  }
  __int128 t = static_cast<__int128>(ts) + static_cast<__int128>(i.day) * kUsPerDay + i.time;
  if (t < kMinTimestamp || t >= kEndTimestamp) throw_timestamp_range();
  return static_cast<int64_t>(t);
}

int64_t timestamptz_plus(int64_t ts, const Interval& i, const TimeZone& zone) {
  if (!is_finite_timestamp(ts)) return ts;
  if (i.month || i.day) ts = local_to_utc(timestamp_plus(utc_to_local(ts, zone), {0, i.day, i.month}), zone);
  return timestamp_plus(ts, {i.time, 0, 0});
}

namespace {
__int128 span_of(const Interval& i) { return static_cast<__int128>(i.time) + (static_cast<__int128>(i.month) * 30 + i.day) * kUsPerDay; }
}  // namespace
int compare_intervals(const Interval& a, const Interval& b) {
  __int128 x = span_of(a), y = span_of(b);
  return x < y ? -1 : x > y;
}

namespace {
using sv = std::string_view;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
std::string lower(sv s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

int cmp(Datum a, Datum b) { return compare_intervals(as_interval(a), as_interval(b)); }
bool interval_eq(Datum a, Datum b) { return cmp(a, b) == 0; }
bool interval_ne(Datum a, Datum b) { return cmp(a, b) != 0; }
bool interval_lt(Datum a, Datum b) { return cmp(a, b) < 0; }
bool interval_le(Datum a, Datum b) { return cmp(a, b) <= 0; }
bool interval_gt(Datum a, Datum b) { return cmp(a, b) > 0; }
bool interval_ge(Datum a, Datum b) { return cmp(a, b) >= 0; }
int32_t interval_cmp(Datum a, Datum b) { return cmp(a, b); }
Datum interval_larger(Datum a, Datum b) { return cmp(a, b) > 0 ? a : b; }
Datum interval_smaller(Datum a, Datum b) { return cmp(a, b) < 0 ? a : b; }

Interval add(const Interval& a, const Interval& b) {
  Interval r;
  if (__builtin_add_overflow(a.time, b.time, &r.time) || __builtin_add_overflow(a.day, b.day, &r.day) || __builtin_add_overflow(a.month, b.month, &r.month))
    throw_interval_range();
  return r;
}
Interval subtract(const Interval& a, const Interval& b) {
  Interval r;
  if (__builtin_sub_overflow(a.time, b.time, &r.time) || __builtin_sub_overflow(a.day, b.day, &r.day) || __builtin_sub_overflow(a.month, b.month, &r.month))
    throw_interval_range();
  return r;
}
Datum interval_plus(FnContext& cx, Datum a, Datum b) { return from_interval(*cx.arena, add(as_interval(a), as_interval(b))); }
Datum interval_minus(FnContext& cx, Datum a, Datum b) { return from_interval(*cx.arena, subtract(as_interval(a), as_interval(b))); }
Datum interval_negate(FnContext& cx, Datum a) { return from_interval(*cx.arena, subtract({}, as_interval(a))); }

// Fractions of months become days (of 30 to a month), those of days become time.
Interval scale(const Interval& i, double factor) {
  auto check = [](double v, double limit) {
    if (std::isnan(v) || v > limit || v < -limit) throw_interval_range();
  };
  auto six_digits = [](double v) { return std::rint(v * 1e6) / 1e6; };
  Interval r;
  double months = i.month * factor, days = i.day * factor;
  check(months, 2147483647.0);
  check(days, 2147483647.0);
  r.month = static_cast<int32_t>(months);
  r.day = static_cast<int32_t>(days);
  double month_days = six_digits((months - r.month) * 30);
  double seconds = six_digits((days - r.day + month_days - static_cast<int>(month_days)) * 86400);
  if (std::fabs(seconds) >= 86400) {
    r.day += static_cast<int32_t>(seconds / 86400);
    seconds -= static_cast<int>(seconds / 86400) * 86400.0;
  }
  if (__builtin_add_overflow(r.day, static_cast<int32_t>(month_days), &r.day)) throw_interval_range();
  double us = std::rint(static_cast<double>(i.time) * factor + seconds * 1e6);
  check(us, 9223372036854774784.0);
  r.time = static_cast<int64_t>(us);
  return r;
}
Datum interval_times(FnContext& cx, Datum i, double f) { return from_interval(*cx.arena, scale(as_interval(i), f)); }
Datum times_interval(FnContext& cx, double f, Datum i) { return interval_times(cx, i, f); }
Interval divide(const Interval& i, double f) {
  if (f == 0) throw SqlError{sqlstate::kDivisionByZero, "division by zero"};
  auto six_digits = [](double v) { return std::rint(v * 1e6) / 1e6; };
  Interval r;
  r.month = static_cast<int32_t>(i.month / f);
  r.day = static_cast<int32_t>(i.day / f);
  double month_days = six_digits((i.month / f - r.month) * 30);
  double seconds = six_digits((i.day / f - r.day + month_days - static_cast<int>(month_days)) * 86400);
  if (std::fabs(seconds) >= 86400) {
    r.day += static_cast<int32_t>(seconds / 86400);
    seconds -= static_cast<int>(seconds / 86400) * 86400.0;
  }
  r.day += static_cast<int32_t>(month_days);
  r.time = static_cast<int64_t>(std::rint(static_cast<double>(i.time) / f + seconds * 1e6));
  return r;
}
Datum interval_divided(FnContext& cx, Datum i, double f) { return from_interval(*cx.arena, divide(as_interval(i), f)); }

Interval justify_hours_of(Interval i) {
  int64_t days = i.time / kUsPerDay;
  i.time -= days * kUsPerDay;
  int64_t d = i.day + days;
  if (d > INT32_MAX || d < INT32_MIN) throw_interval_range();
  i.day = static_cast<int32_t>(d);
  if (i.day > 0 && i.time < 0) { i.time += kUsPerDay; i.day--; }
  else if (i.day < 0 && i.time > 0) { i.time -= kUsPerDay; i.day++; }
  return i;
}
Interval justify_days_of(Interval i) {
  int32_t months = i.day / 30;
  i.day -= months * 30;
  if (__builtin_add_overflow(i.month, months, &i.month)) throw_interval_range();
  if (i.month > 0 && i.day < 0) { i.day += 30; i.month--; }
  else if (i.month < 0 && i.day > 0) { i.day -= 30; i.month++; }
  return i;
}
Interval justify_all(Interval i) {
  int64_t days = i.time / kUsPerDay;
  i.time -= days * kUsPerDay;
  i.day = static_cast<int32_t>(i.day + days);
  i = justify_days_of(i);
  if (i.month > 0 && (i.day < 0 || (i.day == 0 && i.time < 0))) { i.day += 30; i.month--; }
  else if (i.month < 0 && (i.day > 0 || (i.day == 0 && i.time > 0))) { i.day -= 30; i.month++; }
  if (i.day > 0 && i.time < 0) { i.time += kUsPerDay; i.day--; }
  else if (i.day < 0 && i.time > 0) { i.time -= kUsPerDay; i.day++; }
  return i;
}
Datum justify_hours(FnContext& cx, Datum i) { return from_interval(*cx.arena, justify_hours_of(as_interval(i))); }
Datum justify_days(FnContext& cx, Datum i) { return from_interval(*cx.arena, justify_days_of(as_interval(i))); }
Datum justify_interval(FnContext& cx, Datum i) { return from_interval(*cx.arena, justify_all(as_interval(i))); }
bool interval_finite(Datum) { return true; }
Datum interval_scale(FnContext& cx, Datum i, int32_t typmod) { return from_interval(*cx.arena, adjust_interval(as_interval(i), typmod)); }
Datum make_interval(FnContext& cx, int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours, int32_t mins, double secs) {
  if (!std::isfinite(secs)) throw_interval_range();
  int64_t m = int64_t{years} * 12 + months, d = int64_t{weeks} * 7 + days;
  double us = std::rint(secs * 1e6);
  if (m > INT32_MAX || m < INT32_MIN || d > INT32_MAX || d < INT32_MIN || std::fabs(us) > 9e18) throw_interval_range();
  Interval i{hours * kUsPerHour + mins * kUsPerMinute + static_cast<int64_t>(us), static_cast<int32_t>(d), static_cast<int32_t>(m)};
  return from_interval(*cx.arena, i);
}

// Symbolic difference: years, months, days and time.
Interval age_of(int64_t a, int64_t b) {
  if (!is_finite_timestamp(a) || !is_finite_timestamp(b)) throw_timestamp_range();
  bool negative = a < b;
  DateParts x = timestamp_parts(negative ? b : a), y = timestamp_parts(negative ? a : b);
  int64_t time = (x.hour - y.hour) * kUsPerHour + (x.minute - y.minute) * kUsPerMinute + (x.second - y.second) * kUsPerSecond + (x.us - y.us);
  int day = x.day - y.day, month = x.month - y.month;
  int64_t year = x.year - y.year;
  if (time < 0) { time += kUsPerDay; day--; }
  if (day < 0) {
    // The month borrowed from is the one of the earlier date.
    day += days_in_month(y.year, y.month);
    month--;
  }
  if (month < 0) { month += 12; year--; }
  Interval i{time, day, static_cast<int32_t>(year * 12 + month)};
  return negative ? subtract({}, i) : i;
}
Datum timestamp_age(FnContext& cx, int64_t a, int64_t b) { return from_interval(*cx.arena, age_of(a, b)); }
Datum timestamptz_age(FnContext& cx, int64_t a, int64_t b) {
  const TimeZone& z = *settings_of(cx).zone;
  return timestamp_age(cx, utc_to_local(a, z), utc_to_local(b, z));
}
int64_t today(FnContext& cx) { return current_date_value(cx) * kUsPerDay; }
Datum timestamp_age1(FnContext& cx, int64_t a) { return timestamp_age(cx, today(cx), a); }
Datum timestamptz_age1(FnContext& cx, int64_t a) { return timestamp_age(cx, today(cx), utc_to_local(a, *settings_of(cx).zone)); }

// extract(): a decimal v / 10^scale.
struct Extracted {
  __int128 v = 0;
  int scale = 0;
  int infinity = 0;
  bool null = false;
};
[[noreturn]] void not_supported(sv unit, sv type) {
  throw SqlError{sqlstate::kFeatureNotSupported, cat("unit \"", unit, "\" not supported for type ", type)};
}
[[noreturn]] void not_recognized(sv unit, sv type) {
  throw SqlError{sqlstate::kInvalidParameterValue, cat("unit \"", unit, "\" not recognized for type ", type)};
}

enum class Field { kUnknown, kUs, kMs, kSecond, kMinute, kHour, kDay, kMonth, kQuarter, kYear, kDecade, kCentury, kMillennium, kWeek, kIsoYear, kDow, kIsoDow,
                   kDoy, kEpoch, kJulian, kZone, kZoneHour, kZoneMinute };
Field field_of(sv u) {
  struct Name { sv name; Field field; };
  static constexpr Name kNames[] = {
      {"microseconds", Field::kUs}, {"microsecond", Field::kUs}, {"us", Field::kUs}, {"usec", Field::kUs}, {"usecs", Field::kUs}, {"microsecon", Field::kUs},
      {"milliseconds", Field::kMs}, {"millisecond", Field::kMs}, {"ms", Field::kMs}, {"msec", Field::kMs}, {"msecs", Field::kMs}, {"millisecon", Field::kMs},
      {"second", Field::kSecond}, {"seconds", Field::kSecond}, {"sec", Field::kSecond}, {"secs", Field::kSecond}, {"s", Field::kSecond},
      {"minute", Field::kMinute}, {"minutes", Field::kMinute}, {"min", Field::kMinute}, {"mins", Field::kMinute}, {"m", Field::kMinute},
      {"hour", Field::kHour}, {"hours", Field::kHour}, {"hr", Field::kHour}, {"hrs", Field::kHour}, {"h", Field::kHour},
      {"day", Field::kDay}, {"days", Field::kDay}, {"d", Field::kDay}, {"month", Field::kMonth}, {"months", Field::kMonth}, {"mon", Field::kMonth},
      {"mons", Field::kMonth}, {"quarter", Field::kQuarter}, {"qtr", Field::kQuarter}, {"year", Field::kYear}, {"years", Field::kYear},
      {"y", Field::kYear}, {"yr", Field::kYear}, {"yrs", Field::kYear}, {"decade", Field::kDecade}, {"decades", Field::kDecade}, {"dec", Field::kDecade},
      {"century", Field::kCentury}, {"centuries", Field::kCentury}, {"cent", Field::kCentury}, {"c", Field::kCentury},
      {"millennium", Field::kMillennium}, {"millennia", Field::kMillennium}, {"mil", Field::kMillennium}, {"mils", Field::kMillennium},
      {"week", Field::kWeek}, {"weeks", Field::kWeek}, {"w", Field::kWeek}, {"isoyear", Field::kIsoYear}, {"dow", Field::kDow}, {"isodow", Field::kIsoDow},
      {"doy", Field::kDoy}, {"epoch", Field::kEpoch}, {"julian", Field::kJulian}, {"timezone", Field::kZone}, {"timezone_hour", Field::kZoneHour},
      {"timezone_minute", Field::kZoneMinute}, {"timezone_h", Field::kZoneHour}, {"timezone_m", Field::kZoneMinute}};
  for (const Name& n : kNames)
    if (n.name == u) return n.field;
  return Field::kUnknown;
}

// ISO week and its year.
void iso_week(const DateParts& p, int64_t* year, int* week) {
  int64_t day = days_from_civil(p.year, p.month, p.day), weekday = ((day + 3) % 7 + 7) % 7;  // Monday 0
  int64_t thursday = day - weekday + 3, y;
  int m, d;
  civil_from_days(thursday, &y, &m, &d);
  *year = y;
  *week = static_cast<int>((thursday - days_from_civil(y, 1, 1)) / 7 + 1);
}
int64_t century_of(int64_t y) { return y > 0 ? (y + 99) / 100 : -((99 - (y - 1)) / 100); }
int64_t millennium_of(int64_t y) { return y > 0 ? (y + 999) / 1000 : -((999 - (y - 1)) / 1000); }
int64_t decade_of(int64_t y) { return y >= 0 ? y / 10 : -((9 - y) / 10); }

Extracted extract_clock(Field f, int64_t t) {
  switch (f) {
    case Field::kUs: return {t % kUsPerMinute, 0};
    case Field::kMs: return {t % kUsPerMinute, 3};
    case Field::kSecond: return {t % kUsPerMinute, 6};
    case Field::kMinute: return {t / kUsPerMinute % 60, 0};
    default: return {t / kUsPerHour, 0};
  }
}
bool is_clock(Field f) { return f >= Field::kUs && f <= Field::kHour; }
bool is_calendar(Field f) { return f >= Field::kDay && f <= Field::kDoy; }

Extracted extract_calendar(Field f, const DateParts& p) {
  int64_t day = days_from_civil(p.year, p.month, p.day), y;
  int w;
  switch (f) {
    case Field::kDay: return {p.day, 0};
    case Field::kMonth: return {p.month, 0};
    case Field::kQuarter: return {(p.month - 1) / 3 + 1, 0};
    case Field::kYear: return {p.year > 0 ? p.year : p.year - 1, 0};
    case Field::kDecade: return {decade_of(p.year), 0};
    case Field::kCentury: return {century_of(p.year), 0};
    case Field::kMillennium: return {millennium_of(p.year), 0};
    case Field::kWeek: iso_week(p, &y, &w); return {w, 0};
    case Field::kIsoYear: iso_week(p, &y, &w); return {y > 0 ? y : y - 1, 0};
    case Field::kDow: return {((day + 4) % 7 + 7) % 7, 0};
    case Field::kIsoDow: return {((day + 3) % 7 + 7) % 7 + 1, 0};
    default: return {day - days_from_civil(p.year, 1, 1) + 1, 0};
  }
}
// Of an infinite value: monotonic fields are infinite, cyclic ones NULL.
Extracted extract_infinite(Field f, bool positive) {
  switch (f) {
    case Field::kYear: case Field::kDecade: case Field::kCentury: case Field::kMillennium: case Field::kJulian: case Field::kIsoYear: case Field::kEpoch:
      return {0, 0, positive ? 1 : -1, false};
    default: return {0, 0, 0, true};
  }
}
Extracted julian_of(int64_t ts) {
  int64_t days = floor_div(ts, kUsPerDay), us = ts - days * kUsPerDay;
  constexpr __int128 k1e20 = static_cast<__int128>(10'000'000'000LL) * 10'000'000'000LL;
  __int128 fraction = (static_cast<__int128>(us) * k1e20 + kUsPerDay / 2) / kUsPerDay;
  return {(days + 2451545) * k1e20 + fraction, 20};
}
Extracted extract_timestamp_field(sv unit, int64_t ts, sv type, const int32_t* offset) {
  std::string u = lower(unit);
  Field f = field_of(u);
  if (f == Field::kUnknown) not_recognized(u, type);
  bool zone = f >= Field::kZone;
  if (zone && !offset) not_supported(u, type);
  if (!is_finite_timestamp(ts)) return extract_infinite(f, ts > 0);
  if (zone) {
    if (f == Field::kZone) return {*offset, 0};
    return {f == Field::kZoneHour ? *offset / 3600 : *offset / 60 % 60, 0};
  }
  int64_t local = offset ? ts + *offset * kUsPerSecond : ts;
  if (f == Field::kEpoch) return {static_cast<__int128>(ts) + kEpochSeconds * static_cast<__int128>(kUsPerSecond), 6};
  if (f == Field::kJulian) return julian_of(local);
  if (is_clock(f)) return extract_clock(f, local - floor_div(local, kUsPerDay) * kUsPerDay);
  return extract_calendar(f, timestamp_parts(local));
}
Extracted ex_timestamp(FnContext&, sv unit, Datum d) { return extract_timestamp_field(unit, as_int8(d), "timestamp without time zone", nullptr); }
Extracted ex_timestamptz(FnContext& cx, sv unit, Datum d) {
  int32_t offset = 0;
  utc_to_local(as_int8(d), *settings_of(cx).zone, &offset);
  return extract_timestamp_field(unit, as_int8(d), "timestamp with time zone", &offset);
}
Extracted ex_date(FnContext&, sv unit, Datum d) {
  std::string u = lower(unit);
  Field f = field_of(u);
  int32_t date = as_int4(d);
  if (f == Field::kUnknown) not_recognized(u, "date");
  if (!is_calendar(f) && f != Field::kEpoch && f != Field::kJulian) not_supported(u, "date");
  if (!is_finite_date(date)) return extract_infinite(f, date > 0);
  if (f == Field::kEpoch) return {(date + kEpochDays) * int64_t{86400}, 0};
  if (f == Field::kJulian) return {date + int64_t{2451545}, 0};
  return extract_calendar(f, date_parts(date));
}
Extracted ex_time(FnContext&, sv unit, Datum d) {
  std::string u = lower(unit);
  Field f = field_of(u);
  if (f == Field::kUnknown) not_recognized(u, "time without time zone");
  if (f == Field::kEpoch) return {as_int8(d), 6};
  if (!is_clock(f)) not_supported(u, "time without time zone");
  return extract_clock(f, as_int8(d));
}
Extracted ex_timetz(FnContext&, sv unit, Datum d) {
  std::string u = lower(unit);
  Field f = field_of(u);
  TimeTz t = as_timetz(d);
  if (f == Field::kUnknown) not_recognized(u, "time with time zone");
  if (f == Field::kEpoch) return {t.time + t.zone * kUsPerSecond, 6};
  if (f == Field::kZone) return {-t.zone, 0};
  if (f == Field::kZoneHour) return {-t.zone / 3600, 0};
  if (f == Field::kZoneMinute) return {-t.zone / 60 % 60, 0};
  if (!is_clock(f)) not_supported(u, "time with time zone");
  return extract_clock(f, t.time);
}
Extracted ex_interval(FnContext&, sv unit, Datum d) {
  std::string u = lower(unit);
  Field f = field_of(u);
  Interval i = as_interval(d);
  if (f == Field::kUnknown) not_recognized(u, "interval");
  if (is_clock(f)) return extract_clock(f, i.time);
  int32_t year = i.month / 12, month = i.month % 12;
  switch (f) {
    case Field::kDay: return {i.day, 0};
    case Field::kMonth: return {month, 0};
    case Field::kQuarter: return {month / 3 + 1, 0};
    case Field::kYear: return {year, 0};
    case Field::kDecade: return {year / 10, 0};
    case Field::kCentury: return {year / 100, 0};
    case Field::kMillennium: return {year / 1000, 0};
    case Field::kEpoch: {
      __int128 days4 = static_cast<__int128>(year) * 1461 + (static_cast<__int128>(month) * 30 + i.day) * 4;  // quarters of days
      return {days4 * (kUsPerDay / 4) + i.time, 6};
    }
    default: not_supported(u, "interval");
  }
}

std::string decimal_text(const Extracted& e) {
  if (e.infinity) return e.infinity > 0 ? "Infinity" : "-Infinity";
  unsigned __int128 v = e.v < 0 ? -static_cast<unsigned __int128>(e.v) : static_cast<unsigned __int128>(e.v);
  std::string digits;
  for (; v || static_cast<int>(digits.size()) <= e.scale; v /= 10) digits += static_cast<char>('0' + static_cast<int>(v % 10));
  std::reverse(digits.begin(), digits.end());
  if (e.scale) digits.insert(digits.size() - static_cast<size_t>(e.scale), 1, '.');
  return e.v < 0 ? '-' + digits : digits;
}
using Extractor = Extracted (*)(FnContext&, sv, Datum);
template <Extractor E>
std::optional<Datum> extract_numeric(FnContext& cx, sv unit, Datum d) {
  Extracted e = E(cx, unit, d);
  if (e.null) return std::nullopt;
  return type_info(oid::kNumeric).in(cx, decimal_text(e), -1);
}
template <Extractor E>
std::optional<double> extract_float(FnContext& cx, sv unit, Datum d) {
  Extracted e = E(cx, unit, d);
  if (e.null) return std::nullopt;
  if (e.infinity) return e.infinity * HUGE_VAL;
  std::string text = decimal_text(e);
  double v = 0;
  std::from_chars(text.data(), text.data() + text.size(), v);
  return v;
}

// date_trunc on local parts.
int64_t truncate_local(sv unit, int64_t local, sv type) {
  std::string u = lower(unit);
  Field f = field_of(u);
  if (f == Field::kUnknown || f == Field::kDow || f == Field::kIsoDow || f == Field::kDoy || f == Field::kEpoch || f >= Field::kJulian) not_recognized(u, type);
  if (!is_finite_timestamp(local)) return local;
  DateParts p = timestamp_parts(local);
  auto floor_to = [&](int64_t unit_us) { return floor_div(local, unit_us) * unit_us; };
  switch (f) {
    case Field::kUs: return local;
    case Field::kMs: return floor_to(1000);
    case Field::kSecond: return floor_to(kUsPerSecond);
    case Field::kMinute: return floor_to(kUsPerMinute);
    case Field::kHour: return floor_to(kUsPerHour);
    case Field::kDay: return floor_to(kUsPerDay);
    case Field::kWeek: {
      int64_t day = floor_div(local, kUsPerDay);
      int64_t weekday = ((day + kEpochDays + 3) % 7 + 7) % 7;
      return (day - weekday) * kUsPerDay;
    }
    default: break;
  }
  DateParts t;
  t.year = p.year;
  switch (f) {
    case Field::kMonth: t.month = p.month; break;
    case Field::kQuarter: t.month = (p.month - 1) / 3 * 3 + 1; break;
    case Field::kYear: break;
    case Field::kDecade: t.year = p.year > 0 ? p.year / 10 * 10 : -((8 - (p.year - 1)) / 10 * 10); break;
    case Field::kCentury: t.year = p.year > 0 ? (p.year + 99) / 100 * 100 - 99 : -((99 - (p.year - 1)) / 100 * 100) + 1; break;
    case Field::kMillennium: t.year = p.year > 0 ? (p.year + 999) / 1000 * 1000 - 999 : -((999 - (p.year - 1)) / 1000 * 1000) + 1; break;
    default: not_supported(u, type);
  }
  int64_t r;
  if (!parts_to_timestamp(t, &r)) throw_timestamp_range();
  return r;
}
int64_t timestamp_trunc(sv unit, int64_t ts) { return truncate_local(unit, ts, "timestamp without time zone"); }
int64_t timestamptz_trunc(FnContext& cx, sv unit, int64_t ts) {
  const TimeZone& z = *settings_of(cx).zone;
  int64_t local = truncate_local(unit, utc_to_local(ts, z), "timestamp with time zone");
  Field f = field_of(lower(unit));
  if (f >= Field::kUs && f <= Field::kHour) return is_finite_timestamp(ts) ? ts - (utc_to_local(ts, z) - local) : ts;
  return local_to_utc(local, z);
}
int64_t timestamptz_trunc_zone(sv unit, int64_t ts, sv zone) {
  if (!is_finite_timestamp(ts)) return ts;
  int64_t local = to_zone(zone, ts), cut = truncate_local(unit, local, "timestamp with time zone");
  Field f = field_of(lower(unit));
  if (f >= Field::kUs && f <= Field::kHour) return ts - (local - cut);
  return from_zone(zone, cut);
}
Datum interval_trunc(FnContext& cx, sv unit, Datum d) {
  std::string u = lower(unit);
  Field f = field_of(u);
  Interval i = as_interval(d);
  int32_t y = i.month / 12, m = i.month % 12;
  auto months = [&](int32_t total) { i = {0, 0, total}; };
  switch (f) {
    case Field::kMillennium: months(y / 1000 * 12000); break;
    case Field::kCentury: months(y / 100 * 1200); break;
    case Field::kDecade: months(y / 10 * 120); break;
    case Field::kYear: months(y * 12); break;
    case Field::kQuarter: months(y * 12 + m / 3 * 3); break;
    case Field::kMonth: months(i.month); break;
    case Field::kDay: i.time = 0; break;
    case Field::kHour: i.time = i.time / kUsPerHour * kUsPerHour; break;
    case Field::kMinute: i.time = i.time / kUsPerMinute * kUsPerMinute; break;
    case Field::kSecond: i.time = i.time / kUsPerSecond * kUsPerSecond; break;
    case Field::kMs: i.time = i.time / 1000 * 1000; break;
    case Field::kUs: break;
    case Field::kWeek:
      throw SqlError{sqlstate::kFeatureNotSupported, cat("unit \"", u, "\" not supported for type interval"), "Months usually have fractional weeks."};
    default: not_recognized(u, "interval");
  }
  return from_interval(*cx.arena, i);
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1162, interval_eq), STRICT_FN(1163, interval_ne), STRICT_FN(1164, interval_lt), STRICT_FN(1165, interval_le), STRICT_FN(1166, interval_ge),
    STRICT_FN(1167, interval_gt), STRICT_FN(1315, interval_cmp), STRICT_FN(1198, interval_larger), STRICT_FN(1197, interval_smaller),
    STRICT_FN(1168, interval_negate), STRICT_FN(1169, interval_plus), STRICT_FN(1170, interval_minus), STRICT_FN(1618, interval_times),
    STRICT_FN(1624, times_interval), STRICT_FN(1326, interval_divided), STRICT_FN(1175, justify_hours), STRICT_FN(1295, justify_days),
    STRICT_FN(2711, justify_interval), STRICT_FN(1390, interval_finite), STRICT_FN(1200, interval_scale), STRICT_FN(3464, make_interval),
    STRICT_FN(2058, timestamp_age), STRICT_FN(1199, timestamptz_age), STRICT_FN(2059, timestamp_age1), STRICT_FN(1386, timestamptz_age1),
    STRICT_FN(6199, extract_numeric<ex_date>), STRICT_FN(6200, extract_numeric<ex_time>), STRICT_FN(6201, extract_numeric<ex_timetz>),
    STRICT_FN(6202, extract_numeric<ex_timestamp>), STRICT_FN(6203, extract_numeric<ex_timestamptz>), STRICT_FN(6204, extract_numeric<ex_interval>),
    STRICT_FN(1384, extract_float<ex_date>), STRICT_FN(1385, extract_float<ex_time>), STRICT_FN(1273, extract_float<ex_timetz>),
    STRICT_FN(2021, extract_float<ex_timestamp>), STRICT_FN(1171, extract_float<ex_timestamptz>), STRICT_FN(1172, extract_float<ex_interval>),
    STRICT_FN(2020, timestamp_trunc), STRICT_FN(1217, timestamptz_trunc), STRICT_FN(1284, timestamptz_trunc_zone), STRICT_FN(1218, interval_trunc),
}));

}  // namespace

constinit const FnTables kIntervalFunctions{kFunctions, {}, {}};

}  // namespace postern
