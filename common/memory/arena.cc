#include "common/memory/arena.h"

#include <cstdlib>

#include "common/base/error.h"

namespace postern {
namespace {
constexpr size_t kMaxBlockBytes = 1 << 20;
constexpr size_t kMaxKeptBytes = 64 << 10;
}  // namespace

void* Arena::alloc_slow(size_t size, size_t align) {
  size_t need = size + align + sizeof(Block);
  if (need < size) throw SqlError{sqlstate::kProgramLimitExceeded, "invalid memory alloc request size"};
  bool oversized = need > next_block_bytes_;
  size_t bytes = oversized ? need : next_block_bytes_;
  auto* block = static_cast<Block*>(std::malloc(bytes));
  if (!block) throw SqlError{sqlstate::kOutOfMemory, "out of memory"};
  block->size = bytes;
  total_bytes_ += bytes;
  auto base = reinterpret_cast<uintptr_t>(block) + sizeof(Block);
  uintptr_t p = (base + (align - 1)) & ~(uintptr_t{align} - 1);
  if (oversized && blocks_) {  // keep filling the current block
    block->next = blocks_->next;
    blocks_->next = block;
    return reinterpret_cast<void*>(p);
  }
  block->next = blocks_;
  blocks_ = block;
  cur_ = p + size;
  end_ = reinterpret_cast<uintptr_t>(block) + bytes;
  if (next_block_bytes_ < kMaxBlockBytes) next_block_bytes_ *= 2;
  return reinterpret_cast<void*>(p);
}

void Arena::reset() {
  Block* keep = nullptr;
  for (Block* b = blocks_; b;) {
    Block* next = b->next;
    if (b->size <= kMaxKeptBytes && (!keep || b->size > keep->size)) {
      if (keep) { total_bytes_ -= keep->size; std::free(keep); }
      keep = b;
    } else {
      total_bytes_ -= b->size;
      std::free(b);
    }
    b = next;
  }
  blocks_ = keep;
  cur_ = end_ = 0;
  if (keep) {
    keep->next = nullptr;
    cur_ = reinterpret_cast<uintptr_t>(keep) + sizeof(Block);
    end_ = reinterpret_cast<uintptr_t>(keep) + keep->size;
  }
}

void Arena::release() {
  for (Block* b = blocks_; b;) {
    Block* next = b->next;
    std::free(b);
    b = next;
  }
  blocks_ = nullptr;
  cur_ = end_ = 0;
  total_bytes_ = 0;
}

}  // namespace postern
