#include "postgres/sql/parse/json_tree.h"

namespace postern::sql::parse_detail {
namespace {

// Iterative, since trees of deep expressions are deep; the text ends with a NUL, at which every loop stops.
class Reader {
 public:
  Reader(const char* text, Arena& nodes, Arena& strings) : p_(text), nodes_(nodes), strings_(strings) {}

  const Json* read() {
    Json* root = nullptr;
    do {
      if (level_ && after_value_) {
        char c = space();
        p_++;
        if (c == ',') after_value_ = false;
        else if (c == (level_->node->type == JsonType::kObject ? '}' : ']')) level_ = level_->up;
        else return nullptr;
        continue;
      }
      if (level_ && level_->node->type == JsonType::kObject && !member_name()) return nullptr;
      Json* j = value();
      if (!j) return nullptr;
      if (!root) root = j;
    } while (level_);
    return space() == '\0' ? root : nullptr;
  }

 private:
  struct Level {
    Json* node;
    Level* up;
  };

  char space() {
    while (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r') p_++;
    return *p_;
  }
  bool member_name() {
    if (space() != '"') return false;
    const char* start = ++p_;
    uint32_t h = key({});
    for (; *p_ && *p_ != '"'; p_++) h = (h ^ static_cast<unsigned char>(*p_)) * 16777619u;
    if (!*p_) return false;
    name_key_ = h;
    if (*start >= 'A' && *start <= 'Z') name_ = {start, static_cast<size_t>(p_ - start)};
    p_++;
    if (space() != ':') return false;
    p_++;
    return true;
  }
  Json* add(JsonType type) {
    Json* j = nodes_.make<Json>();
    j->type = type;
    j->name_key = name_key_;
    j->name = name_;
    name_key_ = 0;
    name_ = {};
    if (level_) {
      Json* parent = level_->node;
      if (parent->last) parent->last->next = j;
      else parent->first = j;
      parent->last = j;
      parent->size++;
    }
    after_value_ = true;
    return j;
  }
  Json* value() {
    switch (space()) {
      case '{': return open(JsonType::kObject, '}');
      case '[': return open(JsonType::kArray, ']');
      case '"': return string();
      case 't': return word("true", JsonType::kBool, 1);
      case 'f': return word("false", JsonType::kBool, 0);
      case 'n': return word("null", JsonType::kNull, 0);
      default: return number();
    }
  }
  Json* open(JsonType type, char end) {
    p_++;
    Json* j = add(type);
    if (space() == end) {
      p_++;
    } else {
      level_ = nodes_.make<Level>(j, level_);
      after_value_ = false;
    }
    return j;
  }
  Json* word(std::string_view w, JsonType type, int64_t v) {
    for (char c : w)
      if (*p_++ != c) return nullptr;
    Json* j = add(type);
    j->number = v;
    return j;
  }
  // Fractions are cut off: the tree has none that count.
  Json* number() {
    bool negative = *p_ == '-';
    if (negative) p_++;
    if (*p_ < '0' || *p_ > '9') return nullptr;
    uint64_t v = 0;
    for (; *p_ >= '0' && *p_ <= '9'; p_++) v = v * 10 + static_cast<uint64_t>(*p_ - '0');
    while (*p_ == '.' || *p_ == 'e' || *p_ == 'E' || *p_ == '+' || *p_ == '-' || (*p_ >= '0' && *p_ <= '9')) p_++;
    Json* j = add(JsonType::kNumber);
    j->number = static_cast<int64_t>(negative ? 0 - v : v);
    return j;
  }
  Json* string() {
    const char* start = ++p_;
    bool escapes = false;
    for (; *p_ != '"'; p_++) {
      if (!*p_) return nullptr;
      if (*p_ != '\\') continue;
      escapes = true;
      if (!*++p_) return nullptr;
    }
    std::string_view raw(start, static_cast<size_t>(p_ - start));
    p_++;
    Json* j = add(JsonType::kString);
    j->text = escapes ? unescaped(raw) : strings_.copy(raw);
    return j;
  }
  // Escapes never become longer.
  std::string_view unescaped(std::string_view s) {
    char* out = static_cast<char*>(strings_.alloc(s.size(), 1));
    size_t n = 0;
    for (size_t i = 0; i < s.size(); i++) {
      if (s[i] != '\\') {
        out[n++] = s[i];
        continue;
      }
      switch (char c = s[++i]) {
        case 'n': out[n++] = '\n'; break;
        case 't': out[n++] = '\t'; break;
        case 'r': out[n++] = '\r'; break;
        case 'b': out[n++] = '\b'; break;
        case 'f': out[n++] = '\f'; break;
        case 'u': {   // the printer uses it for ASCII only; other text is UTF-8 as it was
          unsigned v = 0;
          for (int k = 0; k < 4 && i + 1 < s.size(); k++) v = v * 16 + hex(s[++i]);
          if (v >= 0x800) {
            out[n++] = static_cast<char>(0xE0 | v >> 12);
            out[n++] = static_cast<char>(0x80 | (v >> 6 & 0x3F));
            out[n++] = static_cast<char>(0x80 | (v & 0x3F));
          } else if (v >= 0x80) {
            out[n++] = static_cast<char>(0xC0 | v >> 6);
            out[n++] = static_cast<char>(0x80 | (v & 0x3F));
          } else {
            out[n++] = static_cast<char>(v);
          }
          break;
        }
        default: out[n++] = c;
      }
    }
    return {out, n};
  }
  static unsigned hex(char c) { return c <= '9' ? static_cast<unsigned>(c - '0') & 15u : (static_cast<unsigned>(c | 32) - 'a' + 10) & 15u; }

  const char* p_;
  Arena& nodes_;
  Arena& strings_;
  Level* level_ = nullptr;
  bool after_value_ = false;
  uint32_t name_key_ = 0;
  std::string_view name_;
};

}  // namespace

const Json* read_json(const char* text, Arena& nodes, Arena& strings) { return Reader(text, nodes, strings).read(); }

}  // namespace postern::sql::parse_detail
