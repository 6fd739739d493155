// The parse tree that libpg_query prints, as a light tree. Private to sql/parse. Read by a small reader of our own: a general JSON library took two thirds of the
// time of parsing a point query.
//
// Keys are kept as 32-bit hashes (key()); keys that begin with a capital letter name a node type and keep their text too.
#pragma once
#include <cstdint>
#include <string_view>

#include "common/memory/arena.h"

namespace postern::sql::parse_detail {

constexpr uint32_t key(std::string_view s) {
  uint32_t h = 2166136261u;
  for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h;
}

enum class JsonType : uint8_t { kNull, kBool, kNumber, kString, kObject, kArray };

struct Json {
  JsonType type = JsonType::kNull;
  uint32_t name_key = 0;          // hash of the member's name; 0 in arrays
  uint32_t size = 0;              // number of children
  std::string_view name;          // of node types only; inside the text that was read
  std::string_view text;          // kString
  int64_t number = 0;             // kNumber, kBool
  Json *first = nullptr, *last = nullptr, *next = nullptr;

  const Json* get(uint32_t k) const {
    for (const Json* c = first; c; c = c->next)
      if (c->name_key == k) return c;
    return nullptr;
  }
};

// Null when the text is no JSON, which would be a bug of the printer. The tree lives in nodes, its strings in strings.
const Json* read_json(const char* text, Arena& nodes, Arena& strings);

}  // namespace postern::sql::parse_detail
