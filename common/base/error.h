// Errors and messages as PostgreSQL's clients see them. `throw SqlError{...}` ends the statement; the one catch is in the
// session's message loop. NOTICE/WARNING are the same structure sent through Notices (see session).
#pragma once
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/sqlstate.h"

namespace postern {

enum class Severity : uint8_t { kDebug, kLog, kInfo, kNotice, kWarning, kError, kFatal, kPanic };
const char* severity_name(Severity s);  // "ERROR", "NOTICE" ...

// One error or notice. position is 1-based in characters of the query text, 0 = none.
struct SqlError : std::exception {
  SqlError() = default;
  SqlError(SqlState state, std::string message_, std::string detail_ = {}, std::string hint_ = {}, int position_ = 0)
      : sqlstate(state), message(std::move(message_)), detail(std::move(detail_)), hint(std::move(hint_)), position(position_) {}

  SqlState sqlstate = sqlstate::kInternalError;
  Severity severity = Severity::kError;
  std::string message, detail, hint, where;
  std::string log_detail;                     // instead of detail, in the server's log only
  int position = 0;
  std::string schema_name, table_name, column_name, datatype_name, constraint_name;

  SqlError& with_detail(std::string s) { detail = std::move(s); return *this; }
  SqlError& with_hint(std::string s) { hint = std::move(s); return *this; }
  SqlError& with_where(std::string s) { where = std::move(s); return *this; }
  SqlError& at(int position_) { if (!position) position = position_; return *this; }
  SqlError& fatal() { severity = Severity::kFatal; return *this; }
  const char* what() const noexcept override { return message.c_str(); }
};

// 0A000 naming what is missing (rule R8): "<feature> is not supported yet".
[[noreturn]] void throw_unsupported(std::string_view feature, int position = 0);
// XX000: an invariant that user input should never reach but that must not crash the process.
[[noreturn]] void throw_internal(std::string_view what);

}  // namespace postern
