// quote_ident(): an identifier needs quotes unless it is lower case and no reserved word.
#include <algorithm>
#include <iterator>

#include "postgres/catalog/catalog.h"
#include "postgres/catalog/keywords.h"

namespace postern::catalog {
namespace {
#include "postgres/catalog/data/keywords.inc"
}  // namespace

std::span<const Keyword> keywords() { return kKeywords; }

std::string quote_ident(std::string_view name) {
  bool plain = !name.empty() && ((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
  for (char c : name) plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  if (plain) {
    auto it = std::lower_bound(std::begin(kKeywords), std::end(kKeywords), name, [](const Keyword& k, std::string_view n) { return std::string_view(k.word) < n; });
    plain = it == std::end(kKeywords) || it->word != name || it->category == 'U';
  }
  if (plain) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out += '"';
}

}  // namespace postern::catalog
