// Time zones from the system's TZif files (/usr/share/zoneinfo) by a small reader, POSIX zone rules for times after the last transition, fixed
// offsets, and PostgreSQL's usual abbreviations. Offsets are seconds east of UTC. Zones are loaded once per process and never freed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

class TimeZone {
 public:
  struct Local {
    int32_t offset;
    bool dst;
    std::string_view abbreviation;
  };
  const std::string& name() const { return name_; }
  Local at(int64_t unix_s) const;
  // Offset for a local wall-clock time (seconds as if UTC). In a gap the offset before it holds, in an overlap the one after.
  int32_t offset_of_local(int64_t local_s) const;

 private:
  friend struct TimeZoneLoader;
  struct Type {
    int32_t offset;
    bool dst;
    std::string abbreviation;
  };
  // Mm.w.d/time, Jn or n of a POSIX rule.
  struct RuleDate {
    char kind = 'M';
    int month = 0, week = 0, day = 0;
    int32_t time = 7200;
  };
  int64_t rule_utc(int year, const RuleDate& d, int32_t offset_before) const;
  std::string name_;
  std::vector<int64_t> transitions_;
  std::vector<uint8_t> type_of_;
  std::vector<Type> types_;
  bool has_rule_ = false, rule_has_dst_ = false;
  Type rule_std_{}, rule_dst_{};
  RuleDate dst_start_, dst_end_;
};

// Case-insensitive name of a zone file, or a POSIX specification (EST5EDT, <+03>-3); nullptr: none.
const TimeZone* find_time_zone(std::string_view name);
const TimeZone* fixed_time_zone(int32_t offset_s, std::string_view name = {});
const TimeZone* utc_zone();

struct ZoneAbbreviation {
  int32_t offset;
  bool dst;
};
// PostgreSQL's Default set (lower case).
std::optional<ZoneAbbreviation> find_zone_abbreviation(std::string_view lower);

}  // namespace postern
