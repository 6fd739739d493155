#include "postmaster/log.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>

#include "common/base/cat.h"

namespace postern::postmaster {

void log(Level level, std::string_view message, std::string_view detail, std::string_view hint) {
  constexpr const char* kNames[] = {"LOG", "WARNING", "ERROR", "FATAL"};
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char stamp[80];
  size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &utc);
  std::snprintf(stamp + n, sizeof stamp - n, ".%03ld UTC [%d] ", now.tv_nsec / 1000000, static_cast<int>(getpid()));
  std::string lines = cat(stamp, kNames[static_cast<int>(level)], ":  ", message, '\n');
  if (!detail.empty()) append(lines, stamp, "DETAIL:  ", detail, '\n');
  if (!hint.empty()) append(lines, stamp, "HINT:  ", hint, '\n');
  ssize_t written = write(STDERR_FILENO, lines.data(), lines.size());
  static_cast<void>(written);   // a log that can't be written must not stop the server
}

}  // namespace postern::postmaster
