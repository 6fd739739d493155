#include "postgres/access/tuple.h"

#include <doctest/doctest.h>

#include <string>

#include "postgres/types/type_info.h"

using namespace postern;

TEST_CASE("packed tuples round-trip, with and without NULLs") {
  TupleFormat f;
  f.add(attr_format(oid::kInt4, 4, true));
  f.add(attr_format(oid::kInt2, 2, true));
  f.add(attr_format(oid::kText, -1, false));
  f.add(attr_format(oid::kOid, 4, true));
  f.add(attr_format(oid::kUuid, 16, false));
  f.add(attr_format(oid::kInt8, 8, true));
  CHECK(f.known_offsets == 3);
  CHECK(f.attrs[2].offset == 6);
  Arena arena;
  for (size_t len : {0, 1, 126, 127, 5000}) {
    for (int mask = 0; mask < 64; mask++) {
      Datum v[6] = {from_int(-5), from_int(-7), make_bytes(arena, std::string(len, 'x')), 0xFFFFFFFFu, make_bytes(arena, "0123456789abcdef"), from_int(-1)};
      uint8_t nulls[6];
      for (int i = 0; i < 6; i++) nulls[i] = mask >> i & 1;
      std::vector<uint8_t> buf(packed_size(f, v, nulls));
      CHECK(pack(f, v, nulls, buf.data()) == buf.size());
      Datum out[6];
      uint8_t out_nulls[6];
      CHECK(unpack(f, buf.data(), out, out_nulls, arena) == buf.size());
      for (int i = 0; i < 6; i++) {
        REQUIRE(out_nulls[i] == nulls[i]);
        if (nulls[i]) continue;
        if (i == 2 || i == 4) CHECK(as_view(out[i]) == as_view(v[i]));
        else CHECK(out[i] == v[i]);
      }
    }
  }
}
