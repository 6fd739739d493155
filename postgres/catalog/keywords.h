// SQL's keywords (data/keywords.inc, generated from pg_get_keywords()).
#pragma once
#include <span>
#include <string_view>

namespace postern::catalog {

struct Keyword {
  char word[20];
  char category;     // U unreserved, C not for functions and types, T for functions and types only, R reserved
  bool bare_label;
};
std::span<const Keyword> keywords();   // by word

}  // namespace postern::catalog
