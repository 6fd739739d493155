// Bump allocator. Four lifetimes use it (session, transaction, statement, tuple/batch); it is passed explicitly.
// Objects made in an arena are not destroyed: only trivially destructible types may live in one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace postern {

class Arena {
 public:
  // first_block_bytes: size of the first malloc'ed block (made lazily); later ones double up to 1 MB.
  explicit Arena(size_t first_block_bytes = 1024) : next_block_bytes_(first_block_bytes) {}
  ~Arena() { release(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Never returns null; throws SqlError 53200 when memory is out. size 0 is allowed.
  void* alloc(size_t size, size_t align = 8) {
    uintptr_t p = (cur_ + (align - 1)) & ~(uintptr_t{align} - 1);
    if (p + size > end_ || cur_ == 0) return alloc_slow(size, align);
    cur_ = p + size;
    return reinterpret_cast<void*>(p);
  }
  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "arena objects are never destroyed");
    return new (alloc(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
  }
  template <class T>
  T* alloc_array(size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(alloc(n * sizeof(T), alignof(T)));
  }
  template <class T>
  std::span<T> copy(std::span<const T> s) {
    T* p = alloc_array<T>(s.size());
    if (!s.empty()) std::memcpy(p, s.data(), s.size_bytes());
    return {p, s.size()};
  }
  std::string_view copy(std::string_view s) {
    char* p = static_cast<char*>(alloc(s.size(), 1));
    if (!s.empty()) std::memcpy(p, s.data(), s.size());
    return {p, s.size()};
  }
  // Forgets everything, keeps at most one block (the largest up to 64 KB) for reuse.
  void reset();
  void release();
  // Bytes obtained from malloc, for work_mem accounting.
  size_t bytes() const { return total_bytes_; }

 private:
  struct Block { Block* next; size_t size; };
  void* alloc_slow(size_t size, size_t align);
  uintptr_t cur_ = 0, end_ = 0;
  Block* blocks_ = nullptr;
  size_t total_bytes_ = 0, next_block_bytes_;
};

}  // namespace postern
