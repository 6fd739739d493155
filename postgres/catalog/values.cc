#include "postgres/catalog/values.h"

#include "common/base/cat.h"
#include "postgres/types/array.h"

namespace postern::catalog {

Datum keep_datum(RelationDesc& d, const AttrDesc& a, Datum v) { return a.by_value ? v : make_bytes(static_cast<OwningDesc&>(d).arena, as_view(v)); }

namespace {
template <class T>
Datum numbers_array(Arena& arena, Oid elem, std::span<const T> numbers, int32_t lower_bound) {
  std::vector<Datum> v;
  for (T n : numbers) {
    if constexpr (std::is_same_v<T, Oid>) v.push_back(from_oid(n));
    else v.push_back(from_int(n));
  }
  return make_array_1d(arena, elem, v.data(), nullptr, static_cast<uint32_t>(v.size()), lower_bound);
}
}  // namespace

Datum oid_vector(Arena& arena, std::span<const Oid> oids) { return numbers_array(arena, oid::kOid, oids, 0); }
Datum int2_vector(Arena& arena, std::span<const int16_t> numbers) { return numbers_array(arena, oid::kInt2, numbers, 0); }
Datum oid_array(Arena& arena, std::span<const Oid> oids) { return numbers_array(arena, oid::kOid, oids, 1); }
Datum int2_array(Arena& arena, std::span<const int16_t> numbers) { return numbers_array(arena, oid::kInt2, numbers, 1); }

Datum text_array(Arena& arena, std::span<const std::string> texts) {
  std::vector<Datum> v;
  for (const std::string& s : texts) v.push_back(make_bytes(arena, s));
  return make_array_1d(arena, oid::kText, v.data(), nullptr, static_cast<uint32_t>(v.size()));
}
Datum char_array(Arena& arena, std::string_view letters) {
  std::vector<Datum> v;
  for (char c : letters) v.push_back(static_cast<uint8_t>(c));
  return make_array_1d(arena, oid::kChar, v.data(), nullptr, static_cast<uint32_t>(v.size()));
}

std::vector<std::string> read_text_array(Datum array) {
  ArrayView a(array);
  std::vector<std::string> out;
  for (uint32_t i = 0; i < a.count(); i++) out.emplace_back(a.null(i) ? std::string_view() : as_view(a.value(i)));
  return out;
}
std::vector<int16_t> read_int2s(Datum array) {
  ArrayView a(array);
  std::vector<int16_t> out;
  for (uint32_t i = 0; i < a.count(); i++) out.push_back(as_int2(a.value(i)));
  return out;
}
std::vector<Oid> read_oids(Datum array) {
  ArrayView a(array);
  std::vector<Oid> out;
  for (uint32_t i = 0; i < a.count(); i++) out.push_back(as_oid(a.value(i)));
  return out;
}

Options read_options(Datum array) {
  Options out;
  for (const std::string& s : read_text_array(array)) {
    size_t eq = s.find('=');
    if (eq == std::string::npos) out.emplace_back(s, "");
    else out.emplace_back(s.substr(0, eq), s.substr(eq + 1));
  }
  return out;
}
Datum write_options(Arena& arena, const Options& options) {
  std::vector<std::string> texts;
  for (auto& [name, value] : options) texts.push_back(cat(name, "=", value));
  return text_array(arena, texts);
}

}  // namespace postern::catalog
