// What two images of the postmaster have to agree on, and the check that the next one passes before it is exec'd.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace postern::postmaster {

constexpr int kStateFormat = 1;                                   // of save_state(): raise when an older image could not be followed
constexpr const char* kStateVariable = "POSTERN_STATE_FD";        // names the descriptor of the state to the next image

// postmaster --check: the configuration was read already; the postgres executable is probed. Throws SqlError, or returns 0.
int check_installation(const std::string& site, const std::vector<std::pair<std::string, std::string>>& command_line, const std::string& own_path, int state_format);

}  // namespace postern::postmaster
