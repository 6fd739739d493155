// Strong identifiers used everywhere. All are enum classes over fixed-width integers, so they compare, switch and
// hash like integers but never convert silently.
#pragma once
#include <cstdint>
#include <functional>

namespace postern {

enum class Oid : uint32_t {};
enum class Xid : uint64_t {};     // transaction id, 64 bit, never wraps
enum class Lsn : uint64_t {};     // byte position in the WAL
enum class PageNo : uint32_t {};  // page (block) number within one fork of a relation
enum class SlotNo : uint16_t {};  // process slot in the region
enum class Csn : uint64_t {};     // commit sequence number
using CommandId = uint32_t;       // command counter within a transaction

constexpr Oid kInvalidOid{0};
constexpr Xid kInvalidXid{0};
constexpr Xid kBootstrapXid{1};   // committed before anything else
constexpr Xid kFirstNormalXid{3};
constexpr Lsn kInvalidLsn{0};
constexpr PageNo kInvalidPageNo{0xFFFFFFFFu};
constexpr SlotNo kInvalidSlotNo{0xFFFF};

constexpr uint32_t raw(Oid v) { return static_cast<uint32_t>(v); }
constexpr uint64_t raw(Xid v) { return static_cast<uint64_t>(v); }
constexpr uint64_t raw(Lsn v) { return static_cast<uint64_t>(v); }
constexpr uint32_t raw(PageNo v) { return static_cast<uint32_t>(v); }
constexpr uint16_t raw(SlotNo v) { return static_cast<uint16_t>(v); }
constexpr uint64_t raw(Csn v) { return static_cast<uint64_t>(v); }

// Position of a tuple: page and 1-based line pointer number. 6 bytes on disk.
struct Tid {
  PageNo page = kInvalidPageNo;
  uint16_t item = 0;
  friend constexpr auto operator<=>(const Tid&, const Tid&) = default;
  constexpr bool valid() const { return item != 0; }
};

}  // namespace postern
