// Only in the static executable: what valgrind's memcheck has to know of a static glibc to report no errors that are none.
//
// 1. glibc puts the main thread's TLS block and malloc's heap into the program break and relies on its zeros; memcheck, which can't replace a static malloc, takes that
//    memory for uninitialised. The linker's --wrap leads the two callers through here (meson.build). Outside valgrind the request is five instructions without effect.
//    This runs before TLS exists: nothing here may touch errno.
// 2. glibc's vector string functions read past the end and ignore what they found. In a shared libc valgrind replaces them by itself; here by the names it
//    looks for: `_vgr00000ZZ_<object>_<function>`, where Zu is an underscore and Za a star: __strlen_*2* is the avx2, sse2 and sse42 one. Nothing else ever calls them.
#include <cstddef>
#include <cstdint>

extern "C" {
void* __real___sbrk(intptr_t increment);
void* __wrap___sbrk(intptr_t increment);
void* __real__dl_early_allocate(size_t bytes);
void* __wrap__dl_early_allocate(size_t bytes);
}

namespace {

// Valgrind's client request on amd64: the number and its arguments in an array in rax, marked by rotations that cancel out.
void memory_is_defined(void* p, size_t bytes) {
  constexpr uint64_t kMakeMemDefined = (uint64_t{'M'} << 24 | uint64_t{'C'} << 16) + 2;
  volatile uint64_t request[6] = {kMakeMemDefined, reinterpret_cast<uint64_t>(p), bytes, 0, 0, 0};
  uint64_t result = 0;
  asm volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
               : "+d"(result) : "a"(&request[0]) : "cc", "memory");
}

}  // namespace

void* __wrap___sbrk(intptr_t increment) {
  void* p = __real___sbrk(increment);
  if (increment > 0 && p != reinterpret_cast<void*>(-1)) memory_is_defined(p, static_cast<size_t>(increment));
  return p;
}

void* __wrap__dl_early_allocate(size_t bytes) {
  void* p = __real__dl_early_allocate(bytes);
  if (p) memory_is_defined(p, bytes);
  return p;
}

#define REPLACES(name) asm("_vgr00000ZZ_NONE_ZuZu" name "ZuZa2Za") __attribute__((used, optimize("no-tree-loop-distribute-patterns")))

extern "C" {
size_t plain_strlen(const char* s) REPLACES("strlen");
size_t plain_strnlen(const char* s, size_t n) REPLACES("strnlen");
void* plain_memchr(const void* p, int c, size_t n) REPLACES("memchr");
void* plain_rawmemchr(const void* p, int c) REPLACES("rawmemchr");
char* plain_strchr(const char* s, int c) REPLACES("strchr");
char* plain_strchrnul(const char* s, int c) REPLACES("strchrnul");
char* plain_strrchr(const char* s, int c) REPLACES("strrchr");
int plain_memcmp(const void* a, const void* b, size_t n) REPLACES("memcmp");
int plain_strcmp(const char* a, const char* b) REPLACES("strcmp");
int plain_strncmp(const char* a, const char* b, size_t n) REPLACES("strncmp");
int plain_strcasecmp(const char* a, const char* b) REPLACES("strcasecmp");
int plain_strncasecmp(const char* a, const char* b, size_t n) REPLACES("strncasecmp");
char* plain_strcpy(char* to, const char* from) REPLACES("strcpy");
char* plain_stpcpy(char* to, const char* from) REPLACES("stpcpy");
char* plain_strcat(char* to, const char* from) REPLACES("strcat");
size_t plain_strspn(const char* s, const char* set) REPLACES("strspn");
size_t plain_strcspn(const char* s, const char* set) REPLACES("strcspn");
char* plain_strpbrk(const char* s, const char* set) REPLACES("strpbrk");
char* plain_strstr(const char* s, const char* what) REPLACES("strstr");
}

namespace {

using Byte = unsigned char;

int lower(Byte c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

bool in_set(char c, const char* set) {
  for (; *set; ++set)
    if (*set == c) return true;
  return false;
}

template <class Fold>
int compare(const char* a, const char* b, size_t n, Fold fold) {
  for (size_t i = 0; i < n; ++i) {
    int x = fold(static_cast<Byte>(a[i])), y = fold(static_cast<Byte>(b[i]));
    if (x != y || x == 0) return x - y;
  }
  return 0;
}
int same(Byte c) { return c; }

}  // namespace

size_t plain_strlen(const char* s) { return plain_strnlen(s, SIZE_MAX); }
size_t plain_strnlen(const char* s, size_t n) {
  size_t i = 0;
  while (i < n && s[i]) ++i;
  return i;
}
void* plain_memchr(const void* p, int c, size_t n) {
  auto* s = static_cast<const Byte*>(p);
  for (size_t i = 0; i < n; ++i)
    if (s[i] == static_cast<Byte>(c)) return const_cast<Byte*>(s + i);
  return nullptr;
}
void* plain_rawmemchr(const void* p, int c) { return plain_memchr(p, c, SIZE_MAX); }
char* plain_strchr(const char* s, int c) {
  char* at = plain_strchrnul(s, c);
  return *at == static_cast<char>(c) ? at : nullptr;
}
char* plain_strchrnul(const char* s, int c) {
  while (*s && *s != static_cast<char>(c)) ++s;
  return const_cast<char*>(s);
}
char* plain_strrchr(const char* s, int c) {
  for (size_t i = plain_strlen(s) + 1; i-- > 0;)
    if (s[i] == static_cast<char>(c)) return const_cast<char*>(s + i);
  return nullptr;
}
int plain_memcmp(const void* a, const void* b, size_t n) {
  auto *x = static_cast<const Byte*>(a), *y = static_cast<const Byte*>(b);
  for (size_t i = 0; i < n; ++i)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}
int plain_strcmp(const char* a, const char* b) { return compare(a, b, SIZE_MAX, same); }
int plain_strncmp(const char* a, const char* b, size_t n) { return compare(a, b, n, same); }
int plain_strcasecmp(const char* a, const char* b) { return compare(a, b, SIZE_MAX, lower); }
int plain_strncasecmp(const char* a, const char* b, size_t n) { return compare(a, b, n, lower); }
char* plain_stpcpy(char* to, const char* from) {
  while ((*to = *from)) ++to, ++from;
  return to;
}
char* plain_strcpy(char* to, const char* from) {
  plain_stpcpy(to, from);
  return to;
}
char* plain_strcat(char* to, const char* from) {
  plain_stpcpy(to + plain_strlen(to), from);
  return to;
}
size_t plain_strspn(const char* s, const char* set) {
  size_t i = 0;
  while (s[i] && in_set(s[i], set)) ++i;
  return i;
}
size_t plain_strcspn(const char* s, const char* set) {
  size_t i = 0;
  while (s[i] && !in_set(s[i], set)) ++i;
  return i;
}
char* plain_strpbrk(const char* s, const char* set) {
  s += plain_strcspn(s, set);
  return *s ? const_cast<char*>(s) : nullptr;
}
char* plain_strstr(const char* s, const char* what) {
  size_t n = plain_strlen(what);
  for (;; ++s) {
    if (plain_strncmp(s, what, n) == 0) return const_cast<char*>(s);
    if (!*s) return nullptr;
  }
}
