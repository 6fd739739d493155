// Inside catalog: the parts of the caches that invalidation reaches.
#pragma once
#include "common/base/ids.h"

namespace postern::catalog {

void drop_relation_entry(Oid oid);   // cache.cc
void drop_relation_cache();
void drop_name_cache();              // namespaces, roles, search path, user types
void drop_stats_entry(Oid oid);      // stats.cc
void drop_stats_cache();
// Called before any cache lookup: forgets entries that depend on own changes made visible since.
void sync_own_changes();

}  // namespace postern::catalog
