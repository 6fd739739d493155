#include "postgres/types/digest.h"

#include <openssl/evp.h>

#include "common/base/error.h"

namespace postern {
namespace {
std::string digest(const EVP_MD* md, std::string_view s) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (!EVP_Digest(s.data(), s.size(), out, &n, md, nullptr)) throw_internal("could not compute a hash");
  return {reinterpret_cast<char*>(out), n};
}
}  // namespace
std::string md5_digest(std::string_view s) { return digest(EVP_md5(), s); }
std::string sha2_digest(std::string_view s, int bits) {
  return digest(bits == 224 ? EVP_sha224() : bits == 256 ? EVP_sha256() : bits == 384 ? EVP_sha384() : EVP_sha512(), s);
}
}  // namespace postern
