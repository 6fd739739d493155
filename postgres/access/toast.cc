#include "common/base/error.h"
#include "postgres/access/tuple.h"

namespace postern {
void read_external(RelFile, const ExternalValue&, char*) { throw_unsupported("reading out-of-line values"); }
}  // namespace postern
