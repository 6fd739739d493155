// The client's side of the postmaster's control socket (postmaster/control.h).
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace postern::programs {

// The answer; nullopt when nobody answers in time or the socket isn't there. Asks again if the postmaster was replaced by its next image meanwhile.
std::optional<nlohmann::ordered_json> ask_postmaster(const std::string& site, const nlohmann::ordered_json& request, int timeout_s);

std::string prometheus(const nlohmann::ordered_json& status);   // the figures of a status answer, as text

struct TopOptions {
  std::string site, host, database = "postgres", user;
  int port = 0, rounds = 0;                                      // rounds 0: until q or Ctrl-C
  double delay_s = 2;
};
int top(const TopOptions& options);                              // pg_ctl_top.cc

}  // namespace postern::programs
