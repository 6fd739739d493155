// SQL functions over date, time, timetz, timestamp and timestamptz: comparison (also across types), arithmetic, casts, construction, zones.
// Intervals, extract(), date_trunc() and age() are in interval_fn.cc.
#include <algorithm>
#include <cmath>
#include <memory>
#include <time.h>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/calendar.h"
#include "postgres/types/datetime.h"
#include "postgres/types/native.h"
#include "postgres/types/session_services.h"
#include "postgres/types/string_fn.h"

namespace postern {

int64_t date_to_timestamp(int32_t d) {
  if (d == kDateInfinity) return kTimestampInfinity;
  if (d == kDateMinusInfinity) return kTimestampMinusInfinity;
  __int128 t = static_cast<__int128>(d) * kUsPerDay;
  if (t >= kEndTimestamp) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "date out of range for timestamp"};
  return static_cast<int64_t>(t);
}

namespace {
using sv = std::string_view;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
int order(int64_t a, int64_t b) { return a < b ? -1 : a > b; }
const TimeZone& session_zone(FnContext& cx) { return *settings_of(cx).zone; }

// Comparisons; a date too late for a timestamp is after all of them.
int64_t date_for_compare(int32_t d) {
  if (is_finite_date(d) && static_cast<__int128>(d) * kUsPerDay >= kEndTimestamp) return kTimestampInfinity - 1;
  return date_to_timestamp(d);
}
int64_t utc_for_compare(FnContext& cx, int64_t local) {
  if (!is_finite_timestamp(local)) return local;
  return local - session_zone(cx).offset_of_local(floor_div(local, kUsPerSecond) + kEpochSeconds) * kUsPerSecond;
}
int cmp_int(FnContext&, Datum a, Datum b) { return order(as_int8(a), as_int8(b)); }
int cmp_date_ts(FnContext&, Datum a, Datum b) { return order(date_for_compare(as_int4(a)), as_int8(b)); }
int cmp_ts_date(FnContext& cx, Datum a, Datum b) { return -cmp_date_ts(cx, b, a); }
int cmp_date_tstz(FnContext& cx, Datum a, Datum b) { return order(utc_for_compare(cx, date_for_compare(as_int4(a))), as_int8(b)); }
int cmp_tstz_date(FnContext& cx, Datum a, Datum b) { return -cmp_date_tstz(cx, b, a); }
int cmp_ts_tstz(FnContext& cx, Datum a, Datum b) { return order(utc_for_compare(cx, as_int8(a)), as_int8(b)); }
int cmp_tstz_ts(FnContext& cx, Datum a, Datum b) { return -cmp_ts_tstz(cx, b, a); }

template <auto C> bool eq(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) == 0; }
template <auto C> bool ne(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) != 0; }
template <auto C> bool lt(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) < 0; }
template <auto C> bool le(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) <= 0; }
template <auto C> bool gt(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) > 0; }
template <auto C> bool ge(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) >= 0; }
template <auto C> int32_t cmp(FnContext& cx, Datum a, Datum b) { return C(cx, a, b); }
template <auto C> Datum larger(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) >= 0 ? a : b; }
template <auto C> Datum smaller(FnContext& cx, Datum a, Datum b) { return C(cx, a, b) <= 0 ? a : b; }
template <auto H> int32_t hash(FnContext& cx, Datum a) { return static_cast<int32_t>(H(cx, a)); }
constexpr auto kCmpTimetz = datetime_types::timetz_compare;

// The same for the plain integer comparisons, in the dense loop.
bool int_eq(int64_t a, int64_t b) { return a == b; }
bool int_ne(int64_t a, int64_t b) { return a != b; }
bool int_lt(int64_t a, int64_t b) { return a < b; }
bool int_le(int64_t a, int64_t b) { return a <= b; }
bool int_gt(int64_t a, int64_t b) { return a > b; }
bool int_ge(int64_t a, int64_t b) { return a >= b; }

// Dates.
int32_t date_plus(int32_t d, int32_t days) {
  if (!is_finite_date(d)) return d;
  int64_t r = int64_t{d} + days;
  if (r < kMinDate || r >= kEndDate) throw_date_range();
  return static_cast<int32_t>(r);
}
int32_t plus_date(int32_t days, int32_t d) { return date_plus(d, days); }
int32_t date_minus(int32_t d, int32_t days) {
  if (!is_finite_date(d)) return d;
  int64_t r = int64_t{d} - days;
  if (r < kMinDate || r >= kEndDate) throw_date_range();
  return static_cast<int32_t>(r);
}
int32_t date_difference(int32_t a, int32_t b) {
  if (!is_finite_date(a) || !is_finite_date(b)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "cannot subtract infinite dates"};
  return a - b;
}
int64_t date_plus_interval(int32_t d, Datum i) { return timestamp_plus(date_to_timestamp(d), as_interval(i)); }
Interval negated(const Interval& i) {
  Interval r;
  if (__builtin_sub_overflow(int64_t{0}, i.time, &r.time) || __builtin_sub_overflow(0, i.day, &r.day) || __builtin_sub_overflow(0, i.month, &r.month))
    throw_interval_range();
  return r;
}
int64_t date_minus_interval(int32_t d, Datum i) { return timestamp_plus(date_to_timestamp(d), negated(as_interval(i))); }
int64_t interval_plus_date(Datum i, int32_t d) { return date_plus_interval(d, i); }
int64_t date_plus_time(int32_t d, int64_t t) {
  int64_t ts = date_to_timestamp(d);
  if (!is_finite_timestamp(ts)) return ts;
  ts += t;
  if (!is_valid_timestamp(ts)) throw_timestamp_range();
  return ts;
}
int64_t time_plus_date(int64_t t, int32_t d) { return date_plus_time(d, t); }
int64_t date_plus_timetz(int32_t d, Datum t) {
  int64_t ts = date_to_timestamp(d);
  if (!is_finite_timestamp(ts)) return ts;
  TimeTz z = as_timetz(t);
  ts += z.time + z.zone * kUsPerSecond;
  if (!is_valid_timestamp(ts)) throw_timestamp_range();
  return ts;
}
int64_t timetz_plus_date(Datum t, int32_t d) { return date_plus_timetz(d, t); }
int64_t date_to_timestamptz(FnContext& cx, int32_t d) { return local_to_utc(date_to_timestamp(d), session_zone(cx)); }
int64_t date_time_to_timestamptz(FnContext& cx, int32_t d, int64_t t) { return local_to_utc(date_plus_time(d, t), session_zone(cx)); }
int32_t timestamp_to_date(int64_t ts) {
  if (ts == kTimestampInfinity) return kDateInfinity;
  if (ts == kTimestampMinusInfinity) return kDateMinusInfinity;
  return static_cast<int32_t>(floor_div(ts, kUsPerDay));
}
int32_t timestamptz_to_date(FnContext& cx, int64_t ts) { return timestamp_to_date(utc_to_local(ts, session_zone(cx))); }
std::optional<int64_t> timestamp_to_time(int64_t ts) {
  if (!is_finite_timestamp(ts)) return std::nullopt;
  return ts - floor_div(ts, kUsPerDay) * kUsPerDay;
}
std::optional<int64_t> timestamptz_to_time(FnContext& cx, int64_t ts) { return timestamp_to_time(utc_to_local(ts, session_zone(cx))); }
std::optional<Datum> timestamptz_to_timetz(FnContext& cx, int64_t ts) {
  if (!is_finite_timestamp(ts)) return std::nullopt;
  int32_t offset = 0;
  int64_t local = utc_to_local(ts, session_zone(cx), &offset);
  return from_timetz(*cx.arena, {local - floor_div(local, kUsPerDay) * kUsPerDay, -offset});
}
int64_t timestamptz_to_timestamp(FnContext& cx, int64_t ts) { return utc_to_local(ts, session_zone(cx)); }
int64_t timestamp_to_timestamptz(FnContext& cx, int64_t ts) { return local_to_utc(ts, session_zone(cx)); }
int64_t timetz_to_time(Datum t) { return as_timetz(t).time; }
Datum time_to_timetz(FnContext& cx, int64_t t) {
  return from_timetz(*cx.arena, {t, -session_zone(cx).at(floor_div(now_us(cx), kUsPerSecond) + kEpochSeconds).offset});
}
Datum time_to_interval(FnContext& cx, int64_t t) { return from_interval(*cx.arena, {t, 0, 0}); }
int64_t interval_to_time(Datum i) {
  int64_t t = as_interval(i).time;
  return t - floor_div(t, kUsPerDay) * kUsPerDay;
}
int64_t timestamp_scale(int64_t ts, int32_t typmod) {
  if (!is_finite_timestamp(ts)) return ts;
  ts = round_us(ts, typmod);
  if (!is_valid_timestamp(ts)) throw_timestamp_range();
  return ts;
}
int64_t time_scale(int64_t t, int32_t typmod) { return round_us(t, typmod); }
Datum timetz_scale(FnContext& cx, Datum d, int32_t typmod) {
  TimeTz t = as_timetz(d);
  t.time = round_us(t.time, typmod);
  return from_timetz(*cx.arena, t);
}
bool date_finite(int32_t d) { return is_finite_date(d); }
bool timestamp_finite(int64_t t) { return is_finite_timestamp(t); }

// Time of day.
int64_t wrap_day(int64_t t) { return t - floor_div(t, kUsPerDay) * kUsPerDay; }
int64_t time_plus(int64_t t, Datum i) { return wrap_day(t + as_interval(i).time % kUsPerDay); }
int64_t time_minus(int64_t t, Datum i) { return wrap_day(t - as_interval(i).time % kUsPerDay); }
int64_t interval_plus_time(Datum i, int64_t t) { return time_plus(t, i); }
Datum time_difference(FnContext& cx, int64_t a, int64_t b) { return from_interval(*cx.arena, {a - b, 0, 0}); }
Datum timetz_plus(FnContext& cx, Datum t, Datum i) {
  TimeTz z = as_timetz(t);
  return from_timetz(*cx.arena, {time_plus(z.time, i), z.zone});
}
Datum timetz_minus(FnContext& cx, Datum t, Datum i) {
  TimeTz z = as_timetz(t);
  return from_timetz(*cx.arena, {time_minus(z.time, i), z.zone});
}
Datum interval_plus_timetz(FnContext& cx, Datum i, Datum t) { return timetz_plus(cx, t, i); }

// Timestamps.
int64_t ts_plus(int64_t ts, Datum i) { return timestamp_plus(ts, as_interval(i)); }
int64_t ts_minus(int64_t ts, Datum i) { return timestamp_plus(ts, negated(as_interval(i))); }
int64_t plus_ts(Datum i, int64_t ts) { return ts_plus(ts, i); }
int64_t tstz_plus(FnContext& cx, int64_t ts, Datum i) { return timestamptz_plus(ts, as_interval(i), session_zone(cx)); }
int64_t tstz_minus(FnContext& cx, int64_t ts, Datum i) { return timestamptz_plus(ts, negated(as_interval(i)), session_zone(cx)); }
int64_t plus_tstz(FnContext& cx, Datum i, int64_t ts) { return tstz_plus(cx, ts, i); }
Datum ts_difference(FnContext& cx, int64_t a, int64_t b) {
  if (!is_finite_timestamp(a) || !is_finite_timestamp(b)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "cannot subtract infinite timestamps"};
  int64_t t;
  if (__builtin_sub_overflow(a, b, &t)) throw_interval_range();
  return from_interval(*cx.arena, {t % kUsPerDay, static_cast<int32_t>(t / kUsPerDay), 0});
}

int64_t to_timestamp_float(double seconds) {
  if (std::isnan(seconds)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "timestamp cannot be NaN"};
  if (std::isinf(seconds)) return seconds > 0 ? kTimestampInfinity : kTimestampMinusInfinity;
  auto range = [&] {
    char buf[40];
    snprintf(buf, sizeof buf, "%g", seconds);
    throw SqlError{sqlstate::kDatetimeValueOutOfRange, cat("timestamp out of range: \"", sv(buf), "\"")};
  };
  double us = (seconds - static_cast<double>(kEpochSeconds)) * 1e6;
  if (us < static_cast<double>(kMinTimestamp) || us >= static_cast<double>(kEndTimestamp)) range();
  auto t = static_cast<int64_t>(std::rint(us));
  if (!is_valid_timestamp(t)) range();
  return t;
}

// Zones.
int64_t tstz_at_zone(sv zone, int64_t ts) { return to_zone(zone, ts); }
int64_t ts_at_zone(sv zone, int64_t ts) { return from_zone(zone, ts); }
int32_t interval_offset(Datum d) {
  Interval i = as_interval(d);
  if (i.month || i.day) {
    std::string text;
    append_interval(text, i, TimeSettings{});
    throw SqlError{sqlstate::kInvalidParameterValue, cat("interval time zone \"", text, "\" must not include months or days")};
  }
  return static_cast<int32_t>(i.time / kUsPerSecond);
}
int64_t tstz_at_interval(Datum i, int64_t ts) {
  if (!is_finite_timestamp(ts)) return ts;
  int64_t r = ts + interval_offset(i) * kUsPerSecond;
  if (!is_valid_timestamp(r)) throw_timestamp_range();
  return r;
}
int64_t ts_at_interval(Datum i, int64_t ts) {
  if (!is_finite_timestamp(ts)) return ts;
  int64_t r = ts - interval_offset(i) * kUsPerSecond;
  if (!is_valid_timestamp(r)) throw_timestamp_range();
  return r;
}
Datum timetz_to_offset(FnContext& cx, Datum d, int32_t east) {
  TimeTz t = as_timetz(d);
  return from_timetz(*cx.arena, {wrap_day(t.time + (t.zone + east) * kUsPerSecond), -east});
}
Datum timetz_at_zone(FnContext& cx, sv zone, Datum t) {
  int64_t now = now_us(cx);
  int64_t local = to_zone(zone, now);
  return timetz_to_offset(cx, t, static_cast<int32_t>((local - now) / kUsPerSecond));
}
Datum timetz_at_interval(FnContext& cx, Datum i, Datum t) { return timetz_to_offset(cx, t, interval_offset(i)); }

// Clocks.
int64_t now(FnContext& cx) { return now_us(cx); }
int64_t statement_timestamp(FnContext& cx) { return cx.services ? cx.services->statement_start_us() : clock_now_us(); }
int64_t clock_timestamp() { return clock_now_us(); }
sv timeofday(FnContext& cx) {
  int32_t offset = 0;
  sv zone;
  int64_t local = utc_to_local(clock_now_us(), session_zone(cx), &offset, &zone);
  DateParts p = timestamp_parts(local);
  int64_t days = date_from_parts(p.year, p.month, p.day);
  char buf[100];
  int n = snprintf(buf, sizeof buf, "%.3s %.3s %02d %02d:%02d:%02d.%06d %04d ", kDayNames[((days + 6) % 7 + 7) % 7].data(), kMonthNames[p.month - 1].data(),
                   p.day, p.hour, p.minute, p.second, p.us, static_cast<int>(p.year));
  return cx.arena->copy(sv(cat(sv(buf, static_cast<size_t>(n)), zone)));
}

// Construction.
int32_t make_date(int32_t year, int32_t month, int32_t day) {
  int64_t y = year < 0 ? int64_t{year} + 1 : year;
  auto range = [&] {
    char buf[60];
    snprintf(buf, sizeof buf, "date field value out of range: %d-%02d-%02d", year, month, day);
    throw SqlError{sqlstate::kDatetimeFieldOverflow, buf};
  };
  if (year == 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(y, month)) range();
  int64_t d = date_from_parts(y, month, day);
  if (d < kMinDate || d >= kEndDate) {
    char buf[60];
    snprintf(buf, sizeof buf, "date out of range: %d-%02d-%02d", year, month, day);
    throw SqlError{sqlstate::kDatetimeValueOutOfRange, buf};
  }
  return static_cast<int32_t>(d);
}
int64_t make_time(int32_t hour, int32_t minute, double second) {
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(second >= 0 && second <= 60) || (hour == 24 && (minute > 0 || second > 0))) {
    char buf[80];
    snprintf(buf, sizeof buf, "time field value out of range: %d:%02d:%02g", hour, minute, second);
    throw SqlError{sqlstate::kDatetimeFieldOverflow, buf};
  }
  return (hour * int64_t{60} + minute) * kUsPerMinute + static_cast<int64_t>(std::rint(second * 1e6));
}
int64_t make_timestamp(int32_t y, int32_t mo, int32_t d, int32_t h, int32_t mi, double s) { return date_plus_time(make_date(y, mo, d), make_time(h, mi, s)); }
int64_t make_timestamptz(FnContext& cx, int32_t y, int32_t mo, int32_t d, int32_t h, int32_t mi, double s) {
  return local_to_utc(make_timestamp(y, mo, d, h, mi, s), session_zone(cx));
}
int64_t make_timestamptz_zone(int32_t y, int32_t mo, int32_t d, int32_t h, int32_t mi, double s, sv zone) {
  int64_t local = make_timestamp(y, mo, d, h, mi, s);
  TimeSettings z;
  if (!zone.empty() && (zone[0] == '+' || zone[0] == '-')) {
    FnContext cx;
    TimeTz t = parse_timetz(cx, cat("00:00", zone));
    return local + t.zone * kUsPerSecond;
  }
  return from_zone(zone, local);
}

int64_t date_bin(Datum stride, int64_t ts, int64_t origin) {
  if (!is_finite_timestamp(ts)) return ts;
  if (!is_finite_timestamp(origin)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "origin out of range"};
  Interval i = as_interval(stride);
  if (i.month) throw SqlError{sqlstate::kFeatureNotSupported, "timestamps cannot be binned into intervals containing months or years"};
  __int128 us = static_cast<__int128>(i.day) * kUsPerDay + i.time;
  if (us <= 0) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "stride must be greater than zero"};
  __int128 diff = static_cast<__int128>(ts) - origin, n = diff / us;
  if (diff % us != 0 && diff < 0) n--;
  __int128 r = origin + n * us;
  if (r < kMinTimestamp || r >= kEndTimestamp) throw_timestamp_range();
  return static_cast<int64_t>(r);
}

// (s1, e1) OVERLAPS (s2, e2), as SQL defines it with NULLs.
template <auto C>
NullableDatum overlaps_periods(FnContext& cx, NullableDatum s1, NullableDatum e1, NullableDatum s2, NullableDatum e2) {
  auto normalise = [&](NullableDatum& s, NullableDatum& e) {
    if (s.null && e.null) return false;
    if (s.null) std::swap(s, e);
    else if (!e.null && C(cx, s.value, e.value) > 0) std::swap(s, e);
    return true;
  };
  if (!normalise(s1, e1) || !normalise(s2, e2)) return {};
  auto answer = [](bool b) { return NullableDatum{from_bool(b), false}; };
  int c = C(cx, s1.value, s2.value);
  if (c == 0) return e1.null || e2.null ? NullableDatum{} : answer(true);
  const NullableDatum &first_end = c < 0 ? e1 : e2, &second_end = c < 0 ? e2 : e1;
  const NullableDatum& second_start = c < 0 ? s2 : s1;
  if (first_end.null) return {};
  if (C(cx, second_start.value, first_end.value) < 0) return answer(true);
  return second_end.null ? NullableDatum{} : answer(false);
}
template <auto C>
NullableDatum overlaps(FnContext& cx, NullableDatum s1, NullableDatum e1, NullableDatum s2, NullableDatum e2) {
  return overlaps_periods<C>(cx, s1, e1, s2, e2);
}
template <auto Plus, bool First, bool Second>
NullableDatum overlaps_with_intervals(FnContext& cx, NullableDatum s1, NullableDatum e1, NullableDatum s2, NullableDatum e2) {
  auto end = [&](NullableDatum s, NullableDatum i) {
    if (s.null || i.null) return NullableDatum{};
    return NullableDatum{from_int(Plus(cx, as_int8(s.value), i.value)), false};
  };
  if (First) e1 = end(s1, e1);
  if (Second) e2 = end(s2, e2);
  return overlaps_periods<cmp_int>(cx, s1, e1, s2, e2);
}
int64_t ts_plus_cx(FnContext&, int64_t ts, Datum i) { return ts_plus(ts, i); }
int64_t time_plus_cx(FnContext&, int64_t t, Datum i) { return time_plus(t, i); }
#define OVERLAPS_INTERVALS(oid, plus, first, second) \
  FnEntry { oid, &fn_detail::nullable_kernel<+overlaps_with_intervals<plus, first, second>> }

struct TimestampSeries : SetFunction {
  int64_t at = 0, stop = 0;
  Interval step;
  bool with_zone = false, done = true, up = true;
  uint32_t next(FnContext& cx, Vector* out, int, uint32_t max) override {
    uint32_t n = 0;
    while (n < max && !done) {
      if (up ? at > stop : at < stop) { done = true; break; }
      out[0].values[n] = from_int(at);
      out[0].nulls[n++] = 0;
      at = with_zone ? timestamptz_plus(at, step, session_zone(cx)) : timestamp_plus(at, step);
    }
    return n;
  }
};
template <bool Zone>
SetFunction* generate_series(FnContext&, const NullableDatum* args, int) {
  auto s = std::make_unique<TimestampSeries>();
  if (args[0].null || args[1].null || args[2].null) return s.release();
  s->at = as_int8(args[0].value);
  s->stop = as_int8(args[1].value);
  s->step = as_interval(args[2].value);
  s->with_zone = Zone;
  int sign = compare_intervals(s->step, {});
  if (sign == 0) throw SqlError{sqlstate::kInvalidParameterValue, "step size cannot equal zero"};
  if (!is_finite_timestamp(s->at) || !is_finite_timestamp(s->stop)) {
    if (!is_finite_timestamp(s->at)) throw SqlError{sqlstate::kDatetimeValueOutOfRange, "timestamp out of range"};
  }
  s->up = sign > 0;
  s->done = false;
  return s.release();
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(1086, int_eq), STRICT_FN(1087, int_lt), STRICT_FN(1088, int_le), STRICT_FN(1089, int_gt), STRICT_FN(1090, int_ge), STRICT_FN(1091, int_ne),
    STRICT_FN(1092, cmp<cmp_int>), STRICT_FN(1138, larger<cmp_int>), STRICT_FN(1139, smaller<cmp_int>),
    STRICT_FN(1145, int_eq), STRICT_FN(1102, int_lt), STRICT_FN(1103, int_le), STRICT_FN(1104, int_gt), STRICT_FN(1105, int_ge), STRICT_FN(1106, int_ne),
    STRICT_FN(1107, cmp<cmp_int>), STRICT_FN(1377, larger<cmp_int>), STRICT_FN(1378, smaller<cmp_int>),
    STRICT_FN(1152, int_eq), STRICT_FN(1153, int_ne), STRICT_FN(1154, int_lt), STRICT_FN(1155, int_le), STRICT_FN(1156, int_ge), STRICT_FN(1157, int_gt),
    STRICT_FN(1314, cmp<cmp_int>), STRICT_FN(1196, larger<cmp_int>), STRICT_FN(1195, smaller<cmp_int>),
    STRICT_FN(2052, int_eq), STRICT_FN(2053, int_ne), STRICT_FN(2054, int_lt), STRICT_FN(2055, int_le), STRICT_FN(2056, int_ge), STRICT_FN(2057, int_gt),
    STRICT_FN(2045, cmp<cmp_int>), STRICT_FN(2036, larger<cmp_int>), STRICT_FN(2035, smaller<cmp_int>),
    STRICT_FN(1352, eq<kCmpTimetz>), STRICT_FN(1353, ne<kCmpTimetz>), STRICT_FN(1354, lt<kCmpTimetz>), STRICT_FN(1355, le<kCmpTimetz>),
    STRICT_FN(1356, ge<kCmpTimetz>), STRICT_FN(1357, gt<kCmpTimetz>), STRICT_FN(1358, cmp<kCmpTimetz>), STRICT_FN(1379, larger<kCmpTimetz>),
    STRICT_FN(1380, smaller<kCmpTimetz>),
    STRICT_FN(2338, lt<cmp_date_ts>), STRICT_FN(2339, le<cmp_date_ts>), STRICT_FN(2340, eq<cmp_date_ts>), STRICT_FN(2341, gt<cmp_date_ts>),
    STRICT_FN(2342, ge<cmp_date_ts>), STRICT_FN(2343, ne<cmp_date_ts>), STRICT_FN(2344, cmp<cmp_date_ts>),
    STRICT_FN(2351, lt<cmp_date_tstz>), STRICT_FN(2352, le<cmp_date_tstz>), STRICT_FN(2353, eq<cmp_date_tstz>), STRICT_FN(2354, gt<cmp_date_tstz>),
    STRICT_FN(2355, ge<cmp_date_tstz>), STRICT_FN(2356, ne<cmp_date_tstz>), STRICT_FN(2357, cmp<cmp_date_tstz>),
    STRICT_FN(2364, lt<cmp_ts_date>), STRICT_FN(2365, le<cmp_ts_date>), STRICT_FN(2366, eq<cmp_ts_date>), STRICT_FN(2367, gt<cmp_ts_date>),
    STRICT_FN(2368, ge<cmp_ts_date>), STRICT_FN(2369, ne<cmp_ts_date>), STRICT_FN(2370, cmp<cmp_ts_date>),
    STRICT_FN(2377, lt<cmp_tstz_date>), STRICT_FN(2378, le<cmp_tstz_date>), STRICT_FN(2379, eq<cmp_tstz_date>), STRICT_FN(2380, gt<cmp_tstz_date>),
    STRICT_FN(2381, ge<cmp_tstz_date>), STRICT_FN(2382, ne<cmp_tstz_date>), STRICT_FN(2383, cmp<cmp_tstz_date>),
    STRICT_FN(2520, lt<cmp_ts_tstz>), STRICT_FN(2521, le<cmp_ts_tstz>), STRICT_FN(2522, eq<cmp_ts_tstz>), STRICT_FN(2523, gt<cmp_ts_tstz>),
    STRICT_FN(2524, ge<cmp_ts_tstz>), STRICT_FN(2525, ne<cmp_ts_tstz>), STRICT_FN(2526, cmp<cmp_ts_tstz>),
    STRICT_FN(2527, lt<cmp_tstz_ts>), STRICT_FN(2528, le<cmp_tstz_ts>), STRICT_FN(2529, eq<cmp_tstz_ts>), STRICT_FN(2530, gt<cmp_tstz_ts>),
    STRICT_FN(2531, ge<cmp_tstz_ts>), STRICT_FN(2532, ne<cmp_tstz_ts>), STRICT_FN(2533, cmp<cmp_tstz_ts>),
    STRICT_FN(1688, hash<datetime_types::time_hash>), STRICT_FN(1696, hash<datetime_types::timetz_hash>),
    STRICT_FN(1697, hash<datetime_types::interval_hash>), STRICT_FN(2039, hash<datetime_types::timestamp_hash>),

    STRICT_FN(1140, date_difference), STRICT_FN(1141, date_plus), STRICT_FN(1142, date_minus), STRICT_FN(2550, plus_date),
    STRICT_FN(2071, date_plus_interval), STRICT_FN(2072, date_minus_interval), STRICT_FN(2546, interval_plus_date),
    STRICT_FN(1272, date_plus_time), STRICT_FN(2025, date_plus_time), STRICT_FN(1296, time_plus_date), STRICT_FN(1297, date_plus_timetz),
    STRICT_FN(1359, date_plus_timetz), STRICT_FN(1298, timetz_plus_date), STRICT_FN(2024, date_to_timestamp), STRICT_FN(1174, date_to_timestamptz),
    STRICT_FN(1176, date_time_to_timestamptz), STRICT_FN(2029, timestamp_to_date), STRICT_FN(1178, timestamptz_to_date),
    STRICT_FN(1316, timestamp_to_time), STRICT_FN(2019, timestamptz_to_time), STRICT_FN(1388, timestamptz_to_timetz),
    STRICT_FN(2027, timestamptz_to_timestamp), STRICT_FN(2028, timestamp_to_timestamptz), STRICT_FN(2046, timetz_to_time),
    STRICT_FN(2047, time_to_timetz), STRICT_FN(1370, time_to_interval), STRICT_FN(1419, interval_to_time),
    STRICT_FN(1961, timestamp_scale), STRICT_FN(1967, timestamp_scale), STRICT_FN(1968, time_scale), STRICT_FN(1969, timetz_scale),
    STRICT_FN(1373, date_finite), STRICT_FN(1389, timestamp_finite), STRICT_FN(2048, timestamp_finite),
    STRICT_FN(1747, time_plus), STRICT_FN(1748, time_minus), STRICT_FN(1848, interval_plus_time), STRICT_FN(1690, time_difference),
    STRICT_FN(1749, timetz_plus), STRICT_FN(1750, timetz_minus), STRICT_FN(2547, interval_plus_timetz),
    STRICT_FN(2032, ts_plus), STRICT_FN(2033, ts_minus), STRICT_FN(2548, plus_ts), STRICT_FN(1189, tstz_plus), STRICT_FN(1190, tstz_minus),
    STRICT_FN(2549, plus_tstz), STRICT_FN(2031, ts_difference), STRICT_FN(1188, ts_difference), STRICT_FN(1158, to_timestamp_float),
    STRICT_FN(1159, tstz_at_zone), STRICT_FN(2069, ts_at_zone), STRICT_FN(1026, tstz_at_interval), STRICT_FN(2070, ts_at_interval),
    STRICT_FN(2037, timetz_at_zone), STRICT_FN(2038, timetz_at_interval),
    STRICT_FN(1299, now), STRICT_FN(2647, now), STRICT_FN(2648, statement_timestamp), STRICT_FN(2649, clock_timestamp), STRICT_FN(274, timeofday),
    STRICT_FN(3846, make_date), STRICT_FN(3847, make_time), STRICT_FN(3461, make_timestamp), STRICT_FN(3462, make_timestamptz),
    STRICT_FN(3463, make_timestamptz_zone), STRICT_FN(6177, date_bin), STRICT_FN(6178, date_bin),
    NULLABLE_FN(1271, overlaps<kCmpTimetz>), NULLABLE_FN(1304, overlaps<cmp_int>), NULLABLE_FN(1308, overlaps<cmp_int>), NULLABLE_FN(2041, overlaps<cmp_int>),
    OVERLAPS_INTERVALS(1305, tstz_plus, true, true), OVERLAPS_INTERVALS(1306, tstz_plus, false, true), OVERLAPS_INTERVALS(1307, tstz_plus, true, false),
    OVERLAPS_INTERVALS(1309, time_plus_cx, true, true), OVERLAPS_INTERVALS(1310, time_plus_cx, false, true),
    OVERLAPS_INTERVALS(1311, time_plus_cx, true, false), OVERLAPS_INTERVALS(2042, ts_plus_cx, true, true),
    OVERLAPS_INTERVALS(2043, ts_plus_cx, false, true), OVERLAPS_INTERVALS(2044, ts_plus_cx, true, false),
}));
constexpr auto kSetFunctions = sorted_by_oid(std::to_array<SetFnEntry>({{938, generate_series<false>}, {939, generate_series<true>}}));

}  // namespace

constinit const FnTables kDatetimeFunctions{kFunctions, {}, kSetFunctions};

}  // namespace postern
