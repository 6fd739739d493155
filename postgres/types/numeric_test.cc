#include "postgres/types/numeric.h"

#include <doctest/doctest.h>

#include <cmath>

#include "common/base/error.h"
#include "postgres/types/numeric_sum.h"
#include "postgres/types/numeric_types.h"

using namespace postern;

namespace {

Arena g_arena;
Datum N(std::string_view s, int32_t typmod = -1) { return parse_numeric(g_arena, s, typmod); }
std::string S(Datum d) {
  std::string out;
  append_numeric(out, d);
  return out;
}
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const SqlError& e) {
    return std::string(e.sqlstate.view()) + " " + e.message + (e.detail.empty() ? "" : " | " + e.detail);
  }
  return "no error";
}

}  // namespace

TEST_CASE("numeric: input and output") {
  CHECK(S(N("  12.50e1 ")) == "125.0");
  CHECK(S(N("1e-5")) == "0.00001");
  CHECK(S(N(".5")) == "0.5");
  CHECK(S(N("5.")) == "5");
  CHECK(S(N("-0.00")) == "0.00");
  CHECK(S(N("0e-3")) == "0.000");
  CHECK(S(N("-Infinity")) == "-Infinity");
  CHECK(S(N("nan")) == "NaN");
  CHECK(S(N("170141183460469231731687303715884105727")) == "170141183460469231731687303715884105727");
  CHECK(S(N("-170141183460469231731687303715884105728.5")) == "-170141183460469231731687303715884105728.5");
  CHECK(S(N("0000000000000000000000000000000000000000000000001")) == "1");
  CHECK(S(N("1e40")) == "1" + std::string(40, '0'));
  CHECK(error_of([] { N("1e"); }) == "22P02 invalid input syntax for type numeric: \"1e\"");
  CHECK(error_of([] { N("+nan"); }) == "22P02 invalid input syntax for type numeric: \"+nan\"");
  CHECK(error_of([] { N("1e131072"); }) == "22003 value overflows numeric format");
  CHECK(error_of([] { N("1e-20000"); }) == "22003 value overflows numeric format");
}

TEST_CASE("numeric: one encoding per value and scale") {
  CHECK(as_view(N("1.50")) == as_view(numeric_add(g_arena, N("1.25"), N("0.25"))));
  CHECK(as_view(N("-0")) == as_view(N("0")));
  Datum big = N("99999999999999999999999999999999999999999");
  CHECK(as_view(numeric_sub(g_arena, big, numeric_sub(g_arena, big, N("7")))) == as_view(N("7")));
}

TEST_CASE("numeric: typmod") {
  CHECK(S(N("1.005", numeric_typmod(3, 2))) == "1.01");
  CHECK(S(N("1.5", numeric_typmod(5, 4))) == "1.5000");
  CHECK(S(N("12345", numeric_typmod(5, -2))) == "12300");
  CHECK(error_of([] { N("99.995", numeric_typmod(4, 2)); }) ==
        "22003 numeric field overflow | A field with precision 4, scale 2 must round to an absolute value less than 10^2.");
  CHECK(error_of([] { N("123.456", numeric_typmod(3, 5)); }) ==
        "22003 numeric field overflow | A field with precision 3, scale 5 must round to an absolute value less than 10^-2.");
  CHECK(error_of([] { N("1", numeric_typmod(2, 2)); }) ==
        "22003 numeric field overflow | A field with precision 2, scale 2 must round to an absolute value less than 1.");
  CHECK(error_of([] { N("inf", numeric_typmod(3, 2)); }) == "22003 numeric field overflow | A field with precision 3, scale 2 cannot hold an infinite value.");
}

TEST_CASE("numeric: division chooses PostgreSQL's scale") {
  auto div = [](const char* a, const char* b) { return S(numeric_div(g_arena, N(a), N(b))); };
  CHECK(div("1", "3") == "0.33333333333333333333");
  CHECK(div("10.0", "3") == "3.3333333333333333");
  CHECK(div("2", "3.00000") == "0.66666666666666666667");
  CHECK(div("10000000000", "3") == "3333333333.33333333");
  CHECK(div("0.001", "7") == "0.00014285714285714286");
  CHECK(div("0.00", "5") == "0.00000000000000000000");
  CHECK(div("1", "Infinity") == "0");
  CHECK(error_of([&] { div("Infinity", "0"); }) == "22012 division by zero");
  CHECK(div("NaN", "0") == "NaN");
}

TEST_CASE("numeric: functions") {
  CHECK(S(numeric_sqrt(g_arena, N("2"))) == "1.414213562373095");
  CHECK(S(numeric_exp(g_arena, N("1"))) == "2.7182818284590452");
  CHECK(S(numeric_exp(g_arena, N("-50"))) == "0.0000000000000000000001928749847963918");
  CHECK(S(numeric_exp(g_arena, N("5999.9"))).ends_with("98416416.2"));
  CHECK(S(numeric_ln(g_arena, N("1.0000001"))) == "0.00000009999999500000033");
  CHECK(S(numeric_log(g_arena, N("10"), N("0.001"))) == "-3.0000000000000000");
  CHECK(S(numeric_power(g_arena, N("2"), N("10"))) == "1024.0000000000000000");
  CHECK(S(numeric_power(g_arena, N("2"), N("0.5"))) == "1.4142135623730950");
  CHECK(S(numeric_factorial(g_arena, 30)) == "265252859812191058636308480000000");
  CHECK(S(numeric_round(g_arena, N("-2.5"), 0, NumericRounding::kHalfAway)) == "-3");
  CHECK(S(numeric_round(g_arena, N("1234.567"), -2, NumericRounding::kHalfAway)) == "1200");
  CHECK(S(numeric_round(g_arena, N("-1.2"), 0, NumericRounding::kFloor)) == "-2");
  CHECK(S(numeric_mod(g_arena, N("-7.5"), N("2"))) == "-1.5");
  CHECK(error_of([] { numeric_factorial(g_arena, 40000); }) == "22003 value overflows numeric format");
}

TEST_CASE("numeric: order and hash ignore the scale") {
  for (const char* pair : {"1 1.000", "100 100.00", "0 0.0000", "-7.5 -7.50000000000000000000000000000000000000000000000"}) {
    std::string_view p = pair;
    Datum a = N(p.substr(0, p.find(' '))), b = N(p.substr(p.find(' ') + 1));
    CHECK(numeric_compare(a, b) == 0);
    CHECK(numeric_hash(a) == numeric_hash(b));
  }
  CHECK(numeric_compare(N("NaN"), N("Infinity")) > 0);
  CHECK(numeric_compare(N("-1e50"), N("-Infinity")) > 0);
  CHECK(numeric_compare(N("1e50"), N("99999999999999999999999999999999999999999999999999.9")) > 0);
}

TEST_CASE("numeric: wire format") {
  FnContext cx;
  cx.arena = &g_arena;
  for (const char* s : {"0", "0.00", "1", "-1.5", "12345678.000100", "10000", "0.00001234", "NaN", "-Infinity", "1e60", "-1234567890123456789012345678901234567890.5"}) {
    std::string wire;
    numeric_types::numeric_send(cx, N(s), wire);
    CHECK(S(numeric_types::numeric_recv(cx, wire, -1)) == S(N(s)));
  }
  std::string wire;
  numeric_types::numeric_send(cx, N("-12345.678"), wire);
  CHECK(wire == std::string("\x00\x03\x00\x01\x40\x00\x00\x03\x00\x01\x09\x29\x1a\x7c", 14));
  CHECK(error_of([&] { numeric_types::numeric_recv(cx, std::string_view("\0\1\0\0", 4), -1); }) == "08P01 insufficient data left in message");
}

TEST_CASE("numeric: running sums spill beyond 128 bits and follow the scale") {
  NumericSum sum;
  for (int i = 0; i < 10; i++) sum.add(g_arena, N("99999999999999999999999999999999999999"));
  sum.add(g_arena, N("0.00000000000000000001"));
  sum.add(g_arena, N("1e45"));
  CHECK(S(sum.total(g_arena)) == "1000000999999999999999999999999999999999999990.00000000000000000001");
  CHECK(S(numeric_variance(g_arena, 3, N("6"), N("14"), true, false)) == "1.00000000000000000000");
}

TEST_CASE("numeric: conversions") {
  CHECK(numeric_to_int(N("2.5"), INT32_MIN, INT32_MAX, "integer") == 3);
  CHECK(numeric_to_int(N("-2.5"), INT32_MIN, INT32_MAX, "integer") == -3);
  CHECK(error_of([] { numeric_to_int(N("1e10"), INT32_MIN, INT32_MAX, "integer"); }) == "22003 integer out of range");
  CHECK(error_of([] { numeric_to_int(N("nan"), INT32_MIN, INT32_MAX, "integer"); }) == "0A000 cannot convert NaN to integer");
  CHECK(numeric_to_float8(N("0.1")) == 0.1);
  CHECK(numeric_to_float8(N("123456789012345678901234567890.5")) == 123456789012345678901234567890.5);
  CHECK(S(float8_to_numeric(g_arena, 123456789.123456789, 15)) == "123456789.123457");
}
