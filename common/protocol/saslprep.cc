#include "common/protocol/saslprep.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

namespace postern {
namespace {

struct Range { char32_t first, last; };
struct ClassRange { char32_t first, last; uint8_t value; };
struct Decomposition { char32_t code; uint16_t at, length; };
struct Composition { char32_t first, second, composed; };
#include "common/protocol/saslprep_tables.inc"

template <class T, size_t N>
const T* find_range(const T (&table)[N], char32_t c) {
  const T* r = std::upper_bound(std::begin(table), std::end(table), c, [](char32_t v, const T& x) { return v < x.first; });
  return r != table && c <= r[-1].last ? r - 1 : nullptr;
}

std::optional<std::u32string> decode(std::string_view s) {
  std::u32string out;
  for (size_t i = 0; i < s.size();) {
    auto c = static_cast<unsigned char>(s[i]);
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0 || i + n > s.size()) return std::nullopt;
    char32_t v = n == 1 ? c : c & (0xFFu >> (n + 1));
    for (size_t k = 1; k < n; k++) {
      auto b = static_cast<unsigned char>(s[i + k]);
      if ((b & 0xC0) != 0x80) return std::nullopt;
      v = v << 6 | (b & 0x3F);
    }
    if ((n == 3 && v < 0x800) || (n == 4 && v < 0x10000) || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000)) return std::nullopt;
    out += v;
    i += n;
  }
  return out;
}

std::string encode(const std::u32string& s) {
  std::string out;
  auto tail = [&](char32_t c, int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  for (char32_t c : s) {
    if (c < 0x80) out += static_cast<char>(c);
    else if (c < 0x800) out += static_cast<char>(0xC0 | c >> 6), tail(c, 0);
    else if (c < 0x10000) out += static_cast<char>(0xE0 | c >> 12), tail(c, 6), tail(c, 0);
    else out += static_cast<char>(0xF0 | c >> 18), tail(c, 12), tail(c, 6), tail(c, 0);
  }
  return out;
}

// Hangul syllables are composed by arithmetic (Unicode, section 3.12).
constexpr char32_t kS = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr uint32_t kLs = 19, kVs = 21, kTs = 28;

void decompose(char32_t c, std::u32string& out) {
  if (c >= kS && c < kS + kLs * kVs * kTs) {
    uint32_t i = c - kS;
    out += kL + i / (kVs * kTs);
    out += kV + i % (kVs * kTs) / kTs;
    if (i % kTs) out += kT + i % kTs;
    return;
  }
  const Decomposition* d = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c, [](const Decomposition& x, char32_t v) { return x.code < v; });
  if (d != std::end(kDecompositions) && d->code == c) out.append(kDecomposed + d->at, d->length);
  else out += c;
}

char32_t compose(char32_t a, char32_t b) {
  if (a >= kL && a < kL + kLs && b >= kV && b < kV + kVs) return kS + ((a - kL) * kVs + (b - kV)) * kTs;
  if (a >= kS && a < kS + kLs * kVs * kTs && (a - kS) % kTs == 0 && b > kT && b < kT + kTs) return a + (b - kT);
  const Composition* c = std::lower_bound(std::begin(kCompositions), std::end(kCompositions), a, [](const Composition& x, char32_t v) { return x.first < v; });
  for (; c != std::end(kCompositions) && c->first == a; c++)
    if (c->second == b) return c->composed;
  return 0;
}

int combining_class(char32_t c) {
  const ClassRange* r = find_range(kClasses, c);
  return r ? r->value : 0;
}

std::u32string normalize(const std::u32string& s) {
  std::u32string d;
  for (char32_t c : s) decompose(c, d);
  for (size_t i = 0; i < d.size();) {   // canonical order of the marks after a starter
    size_t end = i + 1;
    if (combining_class(d[i])) {
      while (end < d.size() && combining_class(d[end])) end++;
      std::stable_sort(d.begin() + static_cast<ptrdiff_t>(i), d.begin() + static_cast<ptrdiff_t>(end), [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    }
    i = end;
  }
  std::u32string out;
  size_t starter = std::u32string::npos;
  int last = -1;                        // class of the last character kept after the starter; -1: none
  for (char32_t c : d) {
    int k = combining_class(c);
    char32_t composed = starter != std::u32string::npos && last < k ? compose(out[starter], c) : 0;
    if (composed) {
      out[starter] = composed;
      continue;
    }
    out += c;
    if (k == 0) {
      starter = out.size() - 1;
      last = -1;
    } else {
      last = k;
    }
  }
  return out;
}

bool acceptable(const std::u32string& s) {
  bool right_to_left = false, left_to_right = false;
  for (char32_t c : s) {
    if (find_range(kProhibited, c)) return false;
    right_to_left = right_to_left || find_range(kRightToLeft, c);
    left_to_right = left_to_right || find_range(kLeftToRight, c);
  }
  return !right_to_left || (!left_to_right && find_range(kRightToLeft, s.front()) && find_range(kRightToLeft, s.back()));
}

}  // namespace

std::string saslprep(std::string_view password) {
  if (std::all_of(password.begin(), password.end(), [](char c) { return static_cast<signed char>(c) >= 0; })) return std::string(password);
  auto in = decode(password);
  if (!in) return std::string(password);
  std::u32string mapped;
  for (char32_t c : *in) {
    if (find_range(kToSpace, c)) mapped += U' ';
    else if (!find_range(kToNothing, c)) mapped += c;
  }
  std::u32string out = normalize(mapped);
  return out.empty() || !acceptable(out) ? std::string(password) : encode(out);
}

}  // namespace postern
