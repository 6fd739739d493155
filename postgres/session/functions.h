// SQL functions about the running system: settings, activity, signals, locks, prepared statements.
#pragma once
#include "postgres/types/fn.h"

namespace postern::session {
extern const FnTables kSessionFns;
}
