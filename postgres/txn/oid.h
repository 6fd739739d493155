// Object ids for new catalog rows and relation files: a counter shared by all databases, logged in batches. It wraps to 16384, so
// callers check that the id is free in their catalog.
#pragma once
#include "common/base/ids.h"

namespace postern::txn {

constexpr Oid kFirstNormalOid{16384};
Oid allocate_oid();
void raise_next_oid(Oid at_least);   // initdb, restores

}  // namespace postern::txn
