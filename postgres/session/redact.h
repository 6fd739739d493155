// Statements as the log may show them.
#pragma once
#include <string>
#include <string_view>

namespace postern::session {

// The text with every string that follows the word PASSWORD taken out.
std::string without_passwords(std::string_view sql);

}  // namespace postern::session
