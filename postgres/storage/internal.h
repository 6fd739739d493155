// The size table's interface to file.cc.
#pragma once
#include <functional>

#include "postgres/storage/file.h"

namespace postern::storage {

// Descriptor of the fork's file from the cache; -1 with errno when it can't be opened.
int cached_fd(RelFile file, Fork fork, bool create);
void forget_fd(RelFile file, Fork fork);

constexpr PageNo kUnknownSize = kInvalidPageNo;
PageNo table_lookup(RelFile file, Fork fork);
void table_set(RelFile file, Fork fork, PageNo pages);      // REQUIRES: extension latch
void table_remove(RelFile file, Fork fork);                 // REQUIRES: extension latch
bool table_mark_unsynced(RelFile file, Fork fork);          // false: no room, the caller must fsync itself
void table_each_unsynced(const std::function<void(RelFile, Fork)>& sync_one);

}  // namespace postern::storage
