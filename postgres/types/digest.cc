// The low-level functions of libcrypto: EVP would pull its provider machinery, with all its relocations, into every session's process.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "postgres/types/digest.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

namespace postern {
namespace {
template <class Ctx, auto Init, auto Update, auto Final, size_t Size>
std::string digest(std::string_view s) {
  Ctx ctx;
  unsigned char out[Size];
  Init(&ctx);
  Update(&ctx, s.data(), s.size());
  Final(out, &ctx);
  return {reinterpret_cast<char*>(out), Size};
}
}  // namespace
std::string md5_digest(std::string_view s) { return digest<MD5_CTX, MD5_Init, MD5_Update, MD5_Final, 16>(s); }
std::string sha2_digest(std::string_view s, int bits) {
  switch (bits) {
    case 224: return digest<SHA256_CTX, SHA224_Init, SHA224_Update, SHA224_Final, 28>(s);
    case 256: return digest<SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final, 32>(s);
    case 384: return digest<SHA512_CTX, SHA384_Init, SHA384_Update, SHA384_Final, 48>(s);
    default: return digest<SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final, 64>(s);
  }
}
}  // namespace postern
