#include "postgres/types/facts/facts.h"

#include <algorithm>
#include <array>

namespace postern::facts {
namespace {
#include "postgres/types/facts/facts.inc"
}  // namespace

std::string_view pool_string(uint32_t offset) { return std::string_view(kStringPool + offset); }
const uint32_t* pool_oids(uint32_t offset) { return kOidPool + offset; }
std::span<const ProcFact> procs() { return kProcs; }
std::span<const OperFact> opers() { return kOpers; }
std::span<const CastFact> casts() { return kCasts; }

const ProcFact* find_proc(Oid oid) {
  auto it = std::lower_bound(std::begin(kProcs), std::end(kProcs), raw(oid), [](const ProcFact& p, uint32_t o) { return p.oid < o; });
  return it != std::end(kProcs) && it->oid == raw(oid) ? &*it : nullptr;
}

std::span<const uint16_t> procs_named(std::string_view name) {
  auto lo = std::lower_bound(std::begin(kProcsByName), std::end(kProcsByName), name, [](uint16_t i, std::string_view n) { return kProcs[i].name() < n; });
  auto hi = std::upper_bound(lo, std::end(kProcsByName), name, [](std::string_view n, uint16_t i) { return n < kProcs[i].name(); });
  return {lo, hi};
}

std::span<const OperFact> opers_named(std::string_view name) {
  auto lo = std::lower_bound(std::begin(kOpers), std::end(kOpers), name, [](const OperFact& o, std::string_view n) { return o.name() < n; });
  auto hi = std::upper_bound(lo, std::end(kOpers), name, [](std::string_view n, const OperFact& o) { return n < o.name(); });
  return {lo, hi};
}

namespace {
// Positions in kOpers, which is sorted by name, in the order of the OIDs.
constexpr auto kOpersByOid = [] {
  std::array<uint16_t, std::size(kOpers)> a{};
  for (size_t i = 0; i < a.size(); i++) a[i] = static_cast<uint16_t>(i);
  std::sort(a.begin(), a.end(), [](uint16_t x, uint16_t y) { return kOpers[x].oid < kOpers[y].oid; });
  return a;
}();
}  // namespace

const OperFact* find_oper(Oid oid) {
  auto it = std::lower_bound(kOpersByOid.begin(), kOpersByOid.end(), raw(oid), [](uint16_t p, uint32_t o) { return kOpers[p].oid < o; });
  return it != kOpersByOid.end() && kOpers[*it].oid == raw(oid) ? &kOpers[*it] : nullptr;
}

const CastFact* find_cast(Oid source, Oid target) {
  auto key = std::pair(raw(source), raw(target));
  auto it = std::lower_bound(std::begin(kCasts), std::end(kCasts), key, [](const CastFact& c, auto k) { return std::pair(c.source, c.target) < k; });
  return it != std::end(kCasts) && std::pair(it->source, it->target) == key ? &*it : nullptr;
}

}  // namespace postern::facts
