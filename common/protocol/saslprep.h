// SASLprep (RFC 4013): passwords that look the same become the same bytes. Needs no locale; ASCII passes untouched.
#pragma once
#include <string>
#include <string_view>

namespace postern {

// The prepared password; the password as it is when it is not UTF-8, or holds what SASLprep prohibits (PostgreSQL's rule: then the bytes are the password).
std::string saslprep(std::string_view password);

}  // namespace postern
