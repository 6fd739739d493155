#include "postgres/sql/parse/json_tree.h"

#include <nlohmann/json.hpp>

namespace postern::sql::parse_detail {
namespace {

struct Builder {
  Arena& arena;
  Json* root = nullptr;
  struct Level { Json* node; Level* up; };
  Level* level = nullptr;
  uint32_t pending_key = 0;
  std::string_view pending_name;

  Json* add(JsonType type) {
    Json* j = arena.make<Json>();
    j->type = type;
    j->name_key = pending_key;
    j->name = pending_name;
    pending_key = 0;
    pending_name = {};
    if (!level) {
      root = j;
    } else {
      Json* parent = level->node;
      if (parent->last) parent->last->next = j; else parent->first = j;
      parent->last = j;
      parent->size++;
    }
    return j;
  }
  bool open(JsonType type) {
    Json* j = add(type);
    level = arena.make<Level>(j, level);
    return true;
  }
  bool close() { level = level->up; return true; }

  bool null() { add(JsonType::kNull); return true; }
  bool boolean(bool v) { add(JsonType::kBool)->number = v; return true; }
  bool number_integer(int64_t v) { add(JsonType::kNumber)->number = v; return true; }
  bool number_unsigned(uint64_t v) { add(JsonType::kNumber)->number = static_cast<int64_t>(v); return true; }
  bool number_float(double v, const std::string&) { add(JsonType::kNumber)->number = static_cast<int64_t>(v); return true; }
  bool string(std::string& s) { add(JsonType::kString)->text = arena.copy(std::string_view(s)); return true; }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool key(std::string& s) {
    pending_key = parse_detail::key(s);
    if (!s.empty() && s[0] >= 'A' && s[0] <= 'Z') pending_name = arena.copy(std::string_view(s));
    return true;
  }
  bool start_object(size_t) { return open(JsonType::kObject); }
  bool end_object() { return close(); }
  bool start_array(size_t) { return open(JsonType::kArray); }
  bool end_array() { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) { return false; }
};

}  // namespace

const Json* read_json(std::string_view text, Arena& arena) {
  Builder b{arena};
  if (!nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &b)) return nullptr;
  return b.root;
}

}  // namespace postern::sql::parse_detail
