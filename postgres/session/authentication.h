// Who the client is: the rule of pg_hba.conf that fits it, and the proof that the rule asks for.
#pragma once
#include <string>
#include <string_view>

#include "common/settings/settings.h"
#include "postgres/session/connection.h"

namespace postern::session {

// Where the client's socket came from. kByHand (--fd, --socket): a Unix socket whose other end is a process of the site's owner needs no proof, for that process could read
// and change every file of the site anyway; everyone else goes through pg_hba.conf as if a postmaster had brought them.
enum class Origin : uint8_t { kPostmaster, kByHand };

struct Authentication {
  Connection& connection;
  const Settings& settings;
  std::string_view user, database;
  Origin origin;
};
// To be called in a transaction; no snapshot is held while the client is asked (another transaction runs when it returns). Throws FATAL errors: 28000, 28P01, F0000, 08P01.
void authenticate_client(const Authentication& a);

std::string client_host(int fd);   // numeric address, or [local]

}  // namespace postern::session
