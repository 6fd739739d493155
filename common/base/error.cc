#include "common/base/error.h"

#include <cstdio>
#include <cstdlib>

#include "common/base/cat.h"
#include "common/base/check.h"

namespace postern {

const char* severity_name(Severity s) {
  switch (s) {
    case Severity::kDebug: return "DEBUG";
    case Severity::kLog: return "LOG";
    case Severity::kInfo: return "INFO";
    case Severity::kNotice: return "NOTICE";
    case Severity::kWarning: return "WARNING";
    case Severity::kError: return "ERROR";
    case Severity::kFatal: return "FATAL";
    case Severity::kPanic: return "PANIC";
  }
  return "ERROR";
}

void throw_unsupported(std::string_view feature, int position) {
  throw SqlError{sqlstate::kFeatureNotSupported, cat(feature, " is not supported yet"), {}, {}, position};
}

void throw_internal(std::string_view what) { throw SqlError{sqlstate::kInternalError, std::string(what)}; }

void check_failed(const char* expr, const char* file, int line) {
  std::fprintf(stderr, "PANIC:  assertion failed: %s at %s:%d\n", expr, file, line);
  std::abort();
}

}  // namespace postern
