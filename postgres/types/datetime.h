// Dates and times: representation, settings, parsing and printing. Types date, time, timetz, timestamp, timestamptz, interval.
//
//   date         int32 days since 2000-01-01; INT32_MIN/MAX are -infinity/infinity
//   time         int64 microseconds since midnight, 0 .. 24:00:00
//   timetz       Bytes of 12: int64 time, int32 zone (seconds WEST of UTC)
//   timestamp    int64 microseconds since 2000-01-01 (local), timestamptz: UTC; INT64_MIN/MAX are -infinity/infinity
//   interval     Bytes of 16: int64 time (microseconds), int32 days, int32 months
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/types/datum.h"
#include "postgres/types/fn.h"
#include "postgres/types/timezone.h"

namespace postern {

enum class DateStyle : uint8_t { kIso, kPostgres, kSql, kGerman };
enum class DateOrder : uint8_t { kYmd, kDmy, kMdy };
enum class IntervalStyle : uint8_t { kPostgres, kPostgresVerbose, kSqlStandard, kIso8601 };

struct TimeSettings {
  const TimeZone* zone = utc_zone();
  DateStyle style = DateStyle::kIso;
  DateOrder order = DateOrder::kMdy;
  IntervalStyle interval_style = IntervalStyle::kPostgres;
};

// Values of SET DateStyle / IntervalStyle / TimeZone. False: invalid value; the settings are then unchanged.
bool set_date_style(TimeSettings& s, std::string_view value);
std::string date_style_text(const TimeSettings& s);                 // "ISO, MDY"
bool set_interval_style(TimeSettings& s, std::string_view value);
std::string_view interval_style_text(const TimeSettings& s);
bool set_time_zone(TimeSettings& s, std::string_view value);        // a name, a number of hours, an interval text

constexpr int64_t kUsPerSecond = 1'000'000, kUsPerMinute = 60 * kUsPerSecond, kUsPerHour = 60 * kUsPerMinute, kUsPerDay = 24 * kUsPerHour;
constexpr int64_t kEpochDays = 10957;                // 1970-01-01 to 2000-01-01
constexpr int64_t kEpochSeconds = kEpochDays * 86400;
constexpr int64_t kTimestampInfinity = INT64_MAX, kTimestampMinusInfinity = INT64_MIN;
constexpr int32_t kDateInfinity = INT32_MAX, kDateMinusInfinity = INT32_MIN;
constexpr int64_t kMinTimestamp = -211813488000000000, kEndTimestamp = 9223371331200000000;   // [min, end)
constexpr int32_t kMinDate = -2451545, kEndDate = 2145031949;

struct Interval {
  int64_t time = 0;
  int32_t day = 0, month = 0;
};
inline Interval as_interval(Datum d) {
  Interval i;
  std::memcpy(&i, as_bytes(d)->data, sizeof i);
  return i;
}
Datum from_interval(Arena& arena, const Interval& i);
struct TimeTz {
  int64_t time = 0;
  int32_t zone = 0;  // seconds west
};
inline TimeTz as_timetz(Datum d) {
  TimeTz t;
  std::memcpy(&t.time, as_bytes(d)->data, 8);
  std::memcpy(&t.zone, as_bytes(d)->data + 8, 4);
  return t;
}
Datum from_timetz(Arena& arena, TimeTz t);

// Broken-down time; year is astronomical.
struct DateParts {
  int64_t year = 0;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0, us = 0;
};
DateParts timestamp_parts(int64_t ts);                     // finite
bool parts_to_timestamp(const DateParts& p, int64_t* ts);  // false: out of range
DateParts date_parts(int32_t date);
int64_t date_from_parts(int64_t year, int month, int day);  // days since 2000-01-01, unchecked

inline bool is_finite_timestamp(int64_t t) { return t != kTimestampInfinity && t != kTimestampMinusInfinity; }
inline bool is_finite_date(int32_t d) { return d != kDateInfinity && d != kDateMinusInfinity; }
inline bool is_valid_timestamp(int64_t t) { return t >= kMinTimestamp && t < kEndTimestamp; }
[[noreturn]] void throw_timestamp_range();
[[noreturn]] void throw_date_range();
[[noreturn]] void throw_interval_range();

const TimeSettings& settings_of(FnContext& cx);  // defaults without a session
int64_t now_us(FnContext& cx);                   // transaction start

// Between zones. Infinity stays.
int64_t local_to_utc(int64_t local, const TimeZone& zone);
int64_t utc_to_local(int64_t utc, const TimeZone& zone, int32_t* offset = nullptr, std::string_view* abbreviation = nullptr);
// A zone as timezone() and AT TIME ZONE accept it: name, abbreviation or offset; throws 22023.
int64_t to_zone(std::string_view zone, int64_t utc);    // timestamptz -> timestamp
int64_t from_zone(std::string_view zone, int64_t local);

// Text. Parsers throw 22007/22008; typmod -1 or a precision 0..6.
int32_t parse_date(FnContext& cx, std::string_view s);
int64_t parse_time(FnContext& cx, std::string_view s);
TimeTz parse_timetz(FnContext& cx, std::string_view s);
int64_t parse_timestamp(FnContext& cx, std::string_view s);
int64_t parse_timestamptz(FnContext& cx, std::string_view s);
// range: the fields of INTERVAL '…' YEAR TO MONTH and the like, as in the typmod; a number without a unit is of the last one.
Interval parse_interval(std::string_view s, const TimeSettings& settings, int range = 0x7FFF);
void append_date(std::string& out, int32_t d, const TimeSettings& s);
void append_time(std::string& out, int64_t t);
void append_timetz(std::string& out, TimeTz t);
void append_timestamp(std::string& out, int64_t ts, const TimeSettings& s);
void append_timestamptz(std::string& out, int64_t ts, const TimeSettings& s);
void append_interval(std::string& out, const Interval& i, const TimeSettings& s);

int64_t round_us(int64_t us, int32_t precision);        // -1: as is; half away from zero
Interval adjust_interval(Interval i, int32_t typmod);   // INTERVAL typmods: fields and precision

// Arithmetic that other files use.
int64_t timestamp_plus(int64_t ts, const Interval& i);                                  // throws 22008
int64_t timestamptz_plus(int64_t ts, const Interval& i, const TimeZone& zone);          // days and months in local time
int compare_intervals(const Interval& a, const Interval& b);

// For SQLValueFunctions (CURRENT_DATE …): values at the transaction's start; precision -1: as is.
int32_t current_date_value(FnContext& cx);
Datum current_time_value(FnContext& cx, int32_t precision);       // timetz
int64_t current_timestamp_value(FnContext& cx, int32_t precision);
int64_t local_time_value(FnContext& cx, int32_t precision);
int64_t local_timestamp_value(FnContext& cx, int32_t precision);
// Microseconds since 2000-01-01 UTC, from the system's clock.
int64_t clock_now_us();

extern const std::string_view kMonthNames[12], kDayNames[7];  // January … , Sunday …

namespace datetime_types {
#define POSTERN_DECLARE_IO(type)                                        \
  Datum type##_in(FnContext& cx, std::string_view s, int32_t typmod);   \
  void type##_out(FnContext& cx, Datum d, std::string& out);            \
  Datum type##_recv(FnContext& cx, std::string_view s, int32_t typmod); \
  void type##_send(FnContext& cx, Datum d, std::string& out);           \
  int type##_compare(FnContext& cx, Datum a, Datum b);                  \
  uint64_t type##_hash(FnContext& cx, Datum d);
POSTERN_DECLARE_IO(date)
POSTERN_DECLARE_IO(time)
POSTERN_DECLARE_IO(timetz)
POSTERN_DECLARE_IO(timestamp)
POSTERN_DECLARE_IO(timestamptz)
POSTERN_DECLARE_IO(interval)
#undef POSTERN_DECLARE_IO
void precision_out(int32_t typmod, std::string& out);          // "(3)"
void interval_typmod_out(int32_t typmod, std::string& out);
int32_t time_typmod_in(std::span<const int32_t> mods);
int32_t timestamp_typmod_in(std::span<const int32_t> mods);
int32_t interval_typmod_in(std::span<const int32_t> mods);
}  // namespace datetime_types

}  // namespace postern
