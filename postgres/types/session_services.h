// What functions may ask of the session they run in, without their layer knowing the upper ones. Implemented by session; unit
// tests give a null or a fake one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/types/datum.h"

namespace postern {

struct SqlError;
struct TimeSettings;

struct SessionServices {
  virtual ~SessionServices() = default;
  virtual int64_t transaction_start_us() = 0;            // microseconds since 2000-01-01 UTC: now()
  virtual int64_t statement_start_us() = 0;
  virtual const TimeSettings& time_settings() = 0;       // TimeZone, DateStyle, IntervalStyle
  virtual int extra_float_digits() = 0;                  // default 1: shortest round trip
  virtual bool bytea_output_hex() = 0;
  virtual std::string setting(std::string_view name, bool missing_ok) = 0;   // SHOW
  virtual void set_setting(std::string_view name, std::string_view value, bool local) = 0;
  virtual void check_interrupts() = 0;                   // throws 57014 on cancel/timeouts, 57P01 on termination
  virtual void notice(const SqlError& message) = 0;
  // Names of catalog objects for reg* input/output and format_type; null results mean 'not found'.
  virtual std::string reg_out(Oid reg_type, Oid value) = 0;
  virtual Oid reg_in(Oid reg_type, std::string_view text, bool missing_ok) = 0;
  virtual Oid user() = 0;
  virtual Oid session_user() = 0;
  virtual Oid database() = 0;
  virtual uint64_t random64() = 0;                       // setseed()/random() state
};

// The session of this process, for code that makes values into text far below it (details of unique violations). Set by session; null in tests and workers.
inline SessionServices* g_session_services = nullptr;

}  // namespace postern
