// The input, output, receive and send functions of this half's types as SQL functions (textin, textout, textsend …). Receive functions exist for the
// catalogs (drivers join pg_type.typreceive with pg_proc); SQL cannot call them, because nothing makes a value of type internal.
#include <array>

#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/native.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/type_info.h"

namespace postern {
namespace {
using sv = std::string_view;

template <uint32_t Type>
Datum input(FnContext& cx, sv s) { return type_info(Oid{Type}).in(cx, s, -1); }
template <uint32_t Type>
Datum input_with_typmod(FnContext& cx, sv s, Oid, int32_t typmod) { return type_info(Oid{Type}).in(cx, s, typmod); }
template <uint32_t Type>
sv output(FnContext& cx, Datum d) {
  std::string text;
  type_info(Oid{Type}).out(cx, d, text);
  return cx.arena->copy(sv(text));
}
template <uint32_t Type>
sv send(FnContext& cx, Datum d) {
  std::string bytes;
  type_info(Oid{Type}).send(cx, d, bytes);
  return cx.arena->copy(sv(bytes));
}
Datum array_input(FnContext& cx, sv s, Oid elem, int32_t typmod) { return array_in(cx, s, elem, typmod); }
void receive(FnContext&, const Vector*, int, Rows, Vector&) {
  throw SqlError{sqlstate::kFeatureNotSupported, "cannot accept a value of type internal"};
}

#define IO_FNS(type, in, out, send_) STRICT_FN(in, input<type>), STRICT_FN(out, output<type>), STRICT_FN(send_, send<type>)
#define IO_TYPMOD_FNS(type, in, out, send_) STRICT_FN(in, input_with_typmod<type>), STRICT_FN(out, output<type>), STRICT_FN(send_, send<type>)

constexpr auto kFns = sorted_by_oid(std::to_array<FnEntry>({
    IO_FNS(17, 1244, 31, 2413), IO_FNS(19, 34, 35, 2423), IO_FNS(22, 40, 41, 2411), IO_FNS(24, 44, 45, 2445), IO_FNS(25, 46, 47, 2415),
    IO_FNS(30, 54, 55, 2421), IO_FNS(114, 321, 322, 324), IO_FNS(194, 195, 196, 198), IO_FNS(705, 109, 110, 2417), IO_TYPMOD_FNS(1042, 1044, 1045, 2431),
    IO_TYPMOD_FNS(1043, 1046, 1047, 2433), IO_FNS(1082, 1084, 1085, 2469), IO_TYPMOD_FNS(1083, 1143, 1144, 2471), IO_TYPMOD_FNS(1114, 1312, 1313, 2475),
    IO_TYPMOD_FNS(1184, 1150, 1151, 2477), IO_TYPMOD_FNS(1186, 1160, 1161, 2479), IO_TYPMOD_FNS(1266, 1350, 1351, 2473), IO_FNS(2202, 2212, 2213, 2447),
    IO_FNS(2203, 2214, 2215, 2449), IO_FNS(2204, 2216, 2217, 2451), IO_FNS(2205, 2218, 2219, 2453), IO_FNS(2206, 2220, 2221, 2455),
    IO_TYPMOD_FNS(2249, 2290, 2291, 2403), IO_FNS(2275, 2292, 2293, 2501), IO_FNS(2277, 2296, 2297, 2503), IO_FNS(2278, 2298, 2299, 3121),
    IO_FNS(2950, 2952, 2953, 2962), IO_FNS(3734, 3736, 3737, 3739), IO_FNS(3769, 3771, 3772, 3774), IO_FNS(4089, 4084, 4085, 4088),
    IO_FNS(4096, 4098, 4092, 4095), IO_FNS(4191, 4193, 4194, 4197), STRICT_FN(1031, input<1033>), STRICT_FN(1032, output<1033>),
    STRICT_FN(750, array_input), STRICT_FN(751, output<2277>), STRICT_FN(2401, send<2277>),
    FnEntry{197, receive}, FnEntry{2400, receive}, FnEntry{2402, receive}, FnEntry{2404, receive}, FnEntry{2406, receive}, FnEntry{2408, receive},
    FnEntry{2410, receive}, FnEntry{2412, receive}, FnEntry{2414, receive}, FnEntry{2416, receive}, FnEntry{2418, receive}, FnEntry{2420, receive},
    FnEntry{2422, receive}, FnEntry{2424, receive}, FnEntry{2426, receive}, FnEntry{2430, receive}, FnEntry{2432, receive}, FnEntry{2434, receive},
    FnEntry{2436, receive}, FnEntry{2438, receive}, FnEntry{2440, receive}, FnEntry{2442, receive}, FnEntry{2444, receive}, FnEntry{2446, receive},
    FnEntry{2448, receive}, FnEntry{2450, receive}, FnEntry{2452, receive}, FnEntry{2454, receive}, FnEntry{2460, receive}, FnEntry{2468, receive},
    FnEntry{2470, receive}, FnEntry{2472, receive}, FnEntry{2474, receive}, FnEntry{2476, receive}, FnEntry{2478, receive}, FnEntry{2500, receive},
    FnEntry{2502, receive}, FnEntry{2961, receive}, FnEntry{3120, receive}, FnEntry{323, receive}, FnEntry{3738, receive}, FnEntry{3773, receive},
    FnEntry{4087, receive}, FnEntry{4094, receive}, FnEntry{4196, receive}, FnEntry{5082, receive},
}));

}  // namespace

constinit const FnTables kIoFunctionsB{kFns, {}, {}};

}  // namespace postern
