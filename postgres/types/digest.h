// MD5 and SHA-2 of byte strings, for SQL's md5() and sha*(). Not for authentication.
#pragma once
#include <string>
#include <string_view>

namespace postern {

std::string md5_digest(std::string_view s);  // 16 bytes
std::string sha2_digest(std::string_view s, int bits);  // 224, 256, 384, 512

}  // namespace postern
