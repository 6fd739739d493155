// Assertions are for our own mistakes, never reachable by input. CHECK stays on in release; DCHECK is for expensive ones.
#pragma once

namespace postern {
[[noreturn]] void check_failed(const char* expr, const char* file, int line);
}

#define POSTERN_CHECK(expr) ((expr) ? (void)0 : ::postern::check_failed(#expr, __FILE__, __LINE__))
#if POSTERN_DCHECKS
#define POSTERN_DCHECK(expr) POSTERN_CHECK(expr)
#else
#define POSTERN_DCHECK(expr) ((void)0)
#endif
