// The dead line pointers that one round of vacuum collects, for index vacuum to ask: a bitmap per heap page, so that a question touches little memory and a full
// page costs 40 bytes or so. Filled in ascending order.
#pragma once
#include <cstdint>
#include <vector>

#include "common/base/check.h"
#include "common/base/ids.h"

namespace postern::heap {

class DeadTids {
 public:
  DeadTids() { clear(); }
  // False: the page is so far from the first one that what there is should be cleaned before (4 bytes a page, also of those without).
  bool reaches(PageNo page) const { return first_ == kInvalidPageNo || raw(page) - raw(first_) < 1u << 22; }
  // REQUIRES: behind the last one.
  void add(Tid t) {
    if (first_ == kInvalidPageNo) first_ = t.page;
    size_t page = raw(t.page) - raw(first_);
    POSTERN_CHECK(t.page >= first_ && page + 2 >= start_.size());
    while (start_.size() < page + 2) start_.push_back(static_cast<uint32_t>(words_.size()));
    size_t words = t.item / 64u + 1;
    if (words_.size() - start_[page] < words) words_.resize(start_[page] + words);
    words_[start_[page] + words - 1] |= uint64_t{1} << t.item % 64;
    start_[page + 1] = static_cast<uint32_t>(words_.size());
    count_++;
  }
  bool contains(Tid t) const {
    uint32_t page = raw(t.page) - raw(first_);   // wraps when it lies before
    if (page + size_t{1} >= start_.size()) return false;
    uint32_t word = start_[page] + t.item / 64u;
    return word < start_[page + 1] && (words_[word] >> t.item % 64 & 1);
  }
  // fn(page, items, n) for every heap page, in order.
  template <class Fn>
  void each_page(Fn fn) const {
    std::vector<uint16_t> items;
    for (size_t p = 0; p + 1 < start_.size(); p++) {
      items.clear();
      for (uint32_t w = start_[p]; w < start_[p + 1]; w++)
        for (uint64_t bits = words_[w]; bits; bits &= bits - 1) items.push_back(static_cast<uint16_t>((w - start_[p]) * 64 + static_cast<uint32_t>(__builtin_ctzll(bits))));
      if (!items.empty()) fn(PageNo{static_cast<uint32_t>(raw(first_) + p)}, items.data(), items.size());
    }
  }
  uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  size_t bytes() const { return words_.size() * sizeof(uint64_t) + start_.size() * sizeof(uint32_t); }
  void clear() {
    first_ = kInvalidPageNo;
    start_.assign(1, 0);
    words_.clear();
    count_ = 0;
  }

 private:
  PageNo first_;
  std::vector<uint32_t> start_;   // of page first_ + i in words_; one more at the end
  std::vector<uint64_t> words_;
  uint64_t count_;
};

}  // namespace postern::heap
