// The postmaster's log: PostgreSQL's line format on stderr, one write per message so that lines of several processes do not mix.
#pragma once
#include <string>
#include <string_view>

namespace postern::postmaster {

enum class Level { kLog, kWarning, kError, kFatal };
void log(Level level, std::string_view message, std::string_view detail = {}, std::string_view hint = {});

}  // namespace postern::postmaster
