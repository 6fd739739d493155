// cat("relation \"", name, "\" has ", 3, " rows"): builds a std::string from strings, characters and integers.
#pragma once
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace postern {

namespace cat_detail {
inline void add(std::string& out, std::string_view s) { out.append(s); }
inline void add(std::string& out, const char* s) { out.append(s); }
inline void add(std::string& out, const std::string& s) { out.append(s); }
inline void add(std::string& out, char c) { out.push_back(c); }
inline void add(std::string& out, bool b) { out.append(b ? "true" : "false"); }
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void add(std::string& out, T v) {
  char buf[24];
  out.append(buf, std::to_chars(buf, buf + sizeof buf, v).ptr);
}
}  // namespace cat_detail

template <class... Ts>
std::string cat(const Ts&... parts) {
  std::string out;
  (cat_detail::add(out, parts), ...);
  return out;
}
template <class... Ts>
void append(std::string& out, const Ts&... parts) {
  (cat_detail::add(out, parts), ...);
}

}  // namespace postern
