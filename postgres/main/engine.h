// Wires the layers together: function tables, redo functions, region areas; attaching to a site with recovery if it needs it.
#pragma once
#include <string>
#include <string_view>

#include "common/settings/settings.h"

namespace postern::engine {

void register_all();
// Absolute path of the site. Throws when it is missing, not a site, or owned or readable by others.
std::string real_site(const std::string& site);
// Attaches to the region; recovers the site first when nobody else has it.
void attach(Settings& settings, const std::string& site, bool worker);
void detach();
// Whether this executable can serve the site beside the sessions that are there, for a postmaster that speaks this version of the hand-off protocol. Prints the
// versions of its formats and returns 0, or throws what does not fit.
int probe(Settings& settings, const std::string& site, int handoff_version);
void bootstrap(const std::string& site, const std::string& superuser, const std::string& password_hash, const std::string& locale);

}  // namespace postern::engine
