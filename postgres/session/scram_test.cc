#include <doctest/doctest.h>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/protocol/saslprep.h"
#include "postgres/session/redact.h"
#include "postgres/session/scram_server.h"

using namespace postern;
using session::ScramServer;

namespace {

// A client, as RFC 5802 describes it.
struct ScramClient {
  std::string password, header, binding, bare = "n=,r=abcdef";
  std::string first() const { return header + bare; }
  std::string final(std::string_view server_first) const {
    std::string_view rest = server_first, nonce, salt, count;
    REQUIRE(scram::take_attribute(rest, 'r', nonce));
    REQUIRE(scram::take_attribute(rest, 's', salt));
    REQUIRE(scram::take_attribute(rest, 'i', count));
    scram::Key key = scram::client_key(scram::salted_password(password, *scram::unbase64(salt), std::stoi(std::string(count))));
    std::string start = cat("c=", scram::base64(header + binding), ",r=", nonce);
    scram::Key signature = scram::hmac(scram::sha256(key.view()).view(), cat(bare, ",", server_first, ",", start));
    for (size_t i = 0; i < scram::kKeyBytes; i++) signature.bytes[i] ^= key.bytes[i];
    return cat(start, ",p=", scram::base64(signature.view()));
  }
};

scram::Secret secret(const char* password) { return *scram::parse_secret(scram::make_secret(password)); }

bool attempt(ScramServer server, const ScramClient& c) { return server.final(c.final(server.first(c.first()))).has_value(); }

}  // namespace

TEST_CASE("secrets") {
  // The example of RFC 7677: user "user", password "pencil".
  scram::Key salted = scram::salted_password("pencil", *scram::unbase64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  CHECK(scram::base64(scram::sha256(scram::client_key(salted).view()).view()) == "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
  CHECK(scram::password_fits(secret("x"), "x"));
  CHECK(!scram::password_fits(secret("x"), "y"));
  CHECK(!scram::parse_secret("SCRAM-SHA-256$4096:AAAA$AAAA:AAAA"));
  CHECK(!scram::parse_secret("md5abc"));
}

TEST_CASE("exchange") {
  ScramClient plain{"secret", "n,,", ""}, aware{"secret", "y,,", ""}, bound{"secret", "p=tls-server-end-point,,", "HASH"};
  CHECK(attempt({secret("secret"), false, false, ""}, plain));
  CHECK(!attempt({secret("other"), false, false, ""}, plain));
  CHECK(!attempt({secret("secret"), true, false, ""}, plain));
  CHECK(attempt({secret("secret"), false, false, ""}, aware));
  CHECK(attempt({secret("secret"), false, true, "HASH"}, bound));
  CHECK_THROWS_AS(attempt({secret("secret"), false, true, "OTHER"}, bound), SqlError);
  CHECK_THROWS_AS(attempt({secret("secret"), false, false, "HASH"}, aware), SqlError);   // a downgrade
  CHECK_THROWS_AS(attempt({secret("secret"), false, true, "HASH"}, plain), SqlError);
}

TEST_CASE("an unknown user's secret does not change") {
  CHECK(ScramServer::mock_secret(42, "ann").salt == ScramServer::mock_secret(42, "ann").salt);
  CHECK(ScramServer::mock_secret(42, "ann").salt != ScramServer::mock_secret(43, "ann").salt);
  CHECK(ScramServer::mock_secret(42, "ann").salt.size() == scram::kSaltBytes);
}

TEST_CASE("malformed messages") {
  for (const char* m : {"", "n", "n,", "x,,n=,r=a", "n,a=x,n=,r=a", "n,,m=1,n=,r=a", "n,,n=", "n,,r=a", "n,,n=,r=", "p=x,,n=,r=a"}) CHECK_THROWS_AS((ScramServer{secret("x"), false, false, ""}.first(m)), SqlError);
  for (const char* m : {"", "c=biws", "c=biws,r=a", "c=biws,r=a,p=", "c=eSws,r=a,p=AAAA"}) {
    ScramServer s{secret("x"), false, false, ""};
    s.first("n,,n=,r=a");
    CHECK_THROWS_AS(s.final(m), SqlError);
  }
}

TEST_CASE("SASLprep") {
  CHECK(saslprep("plain \x01") == "plain \x01");
  CHECK(saslprep("I\u00ADX") == "IX");                      // RFC 4013, section 3
  CHECK(saslprep("\u00AA") == "a");
  CHECK(saslprep("\u2168") == "IX");
  CHECK(saslprep("\u0627\u0031") == "\u0627\u0031");        // prohibited: right to left mixed
  CHECK(saslprep("a\u00A0b") == "a b");
  CHECK(saslprep("e\u0301") == "\u00E9");
  CHECK(saslprep("q\u0307\u0323") == "q\u0323\u0307");      // canonical order
  CHECK(saslprep("\u1100\u1161\u11A8") == "\uAC01");        // Hangul
  CHECK(saslprep("\xFF\xFE") == "\xFF\xFE");                // not UTF-8
  CHECK(saslprep("\u0378") == "\u0378");                    // not assigned
}

TEST_CASE("passwords do not get into the log") {
  using session::without_passwords;
  CHECK(without_passwords("ALTER ROLE a PASSWORD 'x''y' VALID UNTIL 'z'") == "ALTER ROLE a PASSWORD '********' VALID UNTIL 'z'");
  CHECK(without_passwords("create user a encrypted Password E'x\\'y'; select 'PASSWORD ''x'''") == "create user a encrypted Password '********'; select 'PASSWORD ''x'''");
  CHECK(without_passwords("ALTER ROLE a PASSWORD -- c\n /* /* */ */ $q$x$q$, 1") == "ALTER ROLE a PASSWORD -- c\n /* /* */ */ '********', 1");
  CHECK(without_passwords("ALTER ROLE a PASSWORD U&'x' UESCAPE '!'") == "ALTER ROLE a PASSWORD '********' UESCAPE '!'");
  CHECK(without_passwords("ALTER ROLE \"PASSWORD 'x'\" PASSWORD NULL") == "ALTER ROLE \"PASSWORD 'x'\" PASSWORD NULL");
  CHECK(without_passwords("ALTER ROLE a PASSWORD 'unfinished") == "ALTER ROLE a PASSWORD '********'");
  CHECK(without_passwords("select $1, 'a', \"b\"") == "select $1, 'a', \"b\"");
}
