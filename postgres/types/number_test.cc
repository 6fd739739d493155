#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/scalar_io.h"

using namespace postern;

namespace {

std::string f8(double v, int extra = 1) {
  std::string out;
  append_float8(out, v, extra);
  return out;
}
std::string f4(float v, int extra = 1) {
  std::string out;
  append_float4(out, v, extra);
  return out;
}
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const SqlError& e) {
    return std::string(e.sqlstate.view()) + " " + e.message;
  }
  return "no error";
}

// A batch of columns for one call of a built-in function.
struct Batch {
  Arena arena;
  FnContext cx;
  std::vector<Datum> out = std::vector<Datum>(kBatchRows);
  std::vector<uint8_t> nulls = std::vector<uint8_t>(kBatchRows);
  Batch() {
    set_fn_tables(types_fn_tables());
    cx.arena = &arena;
  }
  void call(uint32_t oid, std::vector<Vector> args, Rows rows) {
    Vector o{out.data(), nulls.data(), 1};
    find_function(Oid{oid})->kernel(cx, args.data(), static_cast<int>(args.size()), rows, o);
  }
};

std::vector<Datum> ints(std::initializer_list<int64_t> v) {
  std::vector<Datum> d;
  for (auto i : v) d.push_back(from_int(i));
  return d;
}

}  // namespace

TEST_CASE("floats print the shortest digits, in PostgreSQL's form") {
  CHECK(f8(0.1) == "0.1");
  CHECK(f8(1e15) == "1e+15");
  CHECK(f8(123456789012345.0) == "123456789012345");
  CHECK(f8(1e-5) == "1e-05");
  CHECK(f8(0.0001) == "0.0001");
  CHECK(f8(-0.0) == "-0");
  CHECK(f8(1e300) == "1e+300");
  CHECK(f8(std::numeric_limits<double>::infinity()) == "Infinity");
  CHECK(f8(std::nan("")) == "NaN");
  CHECK(f8(0.1 + 0.2) == "0.30000000000000004");
  CHECK(f8(0.1 + 0.2, 0) == "0.3");
  CHECK(f8(1.0 / 3, -3) == "0.333333333333");
  CHECK(f4(100000.0f) == "100000");
  CHECK(f4(1000000.0f) == "1e+06");
  CHECK(f4(123456000000.0f) == "1.23455996e+11");  // shorter digits lie exactly between two floats
  CHECK(f4(0.1f) == "0.1");
}

TEST_CASE("number input") {
  CHECK(parse_int4(" -2147483648 ") == INT32_MIN);
  CHECK(error_of([] { parse_int4("2147483648"); }) == "22003 value \"2147483648\" is out of range for type integer");
  CHECK(error_of([] { parse_int4("1 2"); }) == "22P02 invalid input syntax for type integer: \"1 2\"");
  CHECK(error_of([] { parse_int2(""); }) == "22P02 invalid input syntax for type smallint: \"\"");
  CHECK(error_of([] { parse_int8("99999999999999999999999"); }) == "22003 value \"99999999999999999999999\" is out of range for type bigint");
  CHECK(raw(parse_oid("-1")) == 4294967295u);
  CHECK(parse_float8(" 1e-320 ") > 0);
  CHECK(std::isinf(parse_float8("-inf")));
  CHECK(error_of([] { parse_float8("1e400"); }) == "22003 \"1e400\" is out of range for type double precision");
  CHECK(error_of([] { parse_float8("1.5x"); }) == "22P02 invalid input syntax for type double precision: \"1.5x\"");
  bool b = false;
  CHECK((parse_bool("Tru", &b) && b));
  CHECK((parse_bool("of", &b) && !b));
  CHECK(!parse_bool("o", &b));
}

TEST_CASE("checked arithmetic: constants, NULLs, filtered rows, overflow") {
  Batch t;
  auto a = ints({1, 2, INT32_MAX, 4}), b = ints({10, 20, 1, 40}), five = ints({5});
  std::vector<uint8_t> null_third = {0, 0, 1, 0};
  CHECK(error_of([&] { t.call(177, {{a.data()}, {b.data()}}, {nullptr, 4}); }) == "22003 integer out of range");
  t.call(177, {{a.data(), null_third.data()}, {b.data()}}, {nullptr, 4});  // the overflowing row is NULL
  CHECK(as_int4(t.out[3]) == 44);
  CHECK(t.nulls[2] == 1);
  CHECK(t.nulls[3] == 0);
  uint16_t index[] = {0, 3};
  t.call(177, {{a.data()}, {b.data()}}, {index, 2});
  CHECK(as_int4(t.out[0]) == 11);
  t.call(181, {{five.data(), nullptr, 0}, {a.data()}}, {nullptr, 2});
  CHECK(as_int4(t.out[1]) == 3);
  t.call(66, {{a.data()}, {five.data(), nullptr, 0}}, {nullptr, 4});
  CHECK(as_bool(t.out[0]));
  CHECK(!as_bool(t.out[2]));
  auto zero = ints({0}), min = ints({INT64_MIN}), minus = ints({-1});
  CHECK(error_of([&] { t.call(466, {{min.data()}, {zero.data()}}, {nullptr, 1}); }) == "22012 division by zero");
  CHECK(error_of([&] { t.call(466, {{min.data()}, {minus.data()}}, {nullptr, 1}); }) == "22003 bigint out of range");
  t.call(947, {{min.data()}, {minus.data()}}, {nullptr, 1});
  CHECK(t.out[0] == 0);
}

TEST_CASE("aggregates: one group, several groups and combined halves agree") {
  Batch t;
  std::vector<Datum> v;
  std::vector<uint8_t> nulls;
  for (int i = 0; i < 100; i++) {
    v.push_back(from_int(i * 7919 % 101 - 50));
    nulls.push_back(i % 10 == 3);
  }
  for (uint32_t oid : {2107u, 2108u, 2101u, 2116u, 2132u, 2147u, 2149u, 2238u}) {
    const AggEntry* agg = find_aggregate(Oid{oid});
    REQUIRE(agg);
    auto state = [&] {
      void* s = t.arena.alloc(agg->state_size);
      std::memset(s, 0, agg->state_size);
      return s;
    };
    void *whole = state(), *first = state(), *second = state();
    Vector arg{v.data(), nulls.data(), 1};
    std::vector<void*> one(100, whole), two(100, first);
    for (int i = 50; i < 100; i++) two[static_cast<size_t>(i)] = second;
    agg->update(t.cx, one.data(), &arg, 1, {nullptr, 100});
    agg->update(t.cx, two.data(), &arg, 1, {nullptr, 100});
    agg->combine(t.cx, first, second);
    Datum a = 0, b = 0;
    CHECK(agg->finalize(t.cx, whole, &a));
    CHECK(agg->finalize(t.cx, first, &b));
    if (oid == 2107 || oid == 2101 || oid == 2149) CHECK(as_view(a) == as_view(b));
    else CHECK(a == b);
  }
}

TEST_CASE("string_agg and empty groups") {
  Batch t;
  Datum words[] = {make_bytes(t.arena, "a"), make_bytes(t.arena, "b"), 0, make_bytes(t.arena, "c")};
  Datum comma[] = {make_bytes(t.arena, ", ")};
  uint8_t nulls[] = {0, 0, 1, 0};
  const AggEntry* agg = find_aggregate(Oid{3538});
  std::vector<char> state(agg->state_size);
  Datum out;
  CHECK(!agg->finalize(t.cx, state.data(), &out));
  Vector args[] = {{words, nulls, 1}, {comma, nullptr, 0}};
  std::vector<void*> states(4, state.data());
  agg->update(t.cx, states.data(), args, 2, {nullptr, 4});
  CHECK(agg->finalize(t.cx, state.data(), &out));
  CHECK(as_view(out) == "a, b, c");
}

TEST_CASE("generate_series crosses batches and stops at the end of its type") {
  Batch t;
  auto run = [&](std::initializer_list<int64_t> in) {
    std::vector<NullableDatum> args;
    for (auto i : in) args.push_back({from_int(i), false});
    std::unique_ptr<SetFunction> f(find_set_function(Oid{1068})->make(t.cx, args.data(), static_cast<int>(args.size())));
    std::vector<int64_t> r;
    Vector o{t.out.data(), t.nulls.data(), 1};
    while (uint32_t n = f->next(t.cx, &o, 1, 4))
      for (uint32_t i = 0; i < n; i++) r.push_back(as_int8(t.out[i]));
    return r;
  };
  CHECK(run({1, 9, 1}) == std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(run({5, 1, -2}) == std::vector<int64_t>{5, 3, 1});
  CHECK(run({1, 0, 1}).empty());
  CHECK(run({INT64_MAX - 1, INT64_MAX, 1}) == std::vector<int64_t>{INT64_MAX - 1, INT64_MAX});
  CHECK(run({INT64_MIN, INT64_MAX, INT64_MAX}).size() == 3);
  CHECK(error_of([&] { run({1, 2, 0}); }) == "22023 step size cannot equal zero");
}

TEST_CASE("to_char of numbers") {
  Batch t;
  auto format = [&](const char* number, const char* pattern) {
    auto v = std::vector<Datum>{find_type(oid::kNumeric)->in(t.cx, number, -1)}, f = std::vector<Datum>{make_bytes(t.arena, pattern)};
    t.call(1772, {{v.data()}, {f.data()}}, {nullptr, 1});
    return std::string(as_view(t.out[0]));
  };
  CHECK(format("1234.5", "9,999.99") == " 1,234.50");
  CHECK(format("-0.5", "999,999.99") == "       -.50");
  CHECK(format("0", "FM9.9") == "0.");
  CHECK(format("148.5", "FM999.990") == "148.500");
  CHECK(format("12", "S9999") == "  +12");
  CHECK(format("-12", "99MI") == "12-");
  CHECK(format("12345", "9,999") == " #,###");
  CHECK(format("485", "FMRN") == "CDLXXXV");
  CHECK(format("0.0004859", "9.99EEEE") == " 4.86e-04");
  CHECK(format("12.3", "99V99") == " 1230");
  CHECK(format("112", "999th") == " 112th");
  CHECK(error_of([&] { format("1", "9.9.9"); }) == "42601 multiple decimal points");
}

TEST_CASE("types: lookup") {
  CHECK(find_type(oid::kInt4)->name == "int4");
  CHECK(find_type_by_name("numeric")->oid == oid::kNumeric);
  CHECK(find_type(Oid{999999}) == nullptr);
  for (const TypeInfo* t : all_types()) CHECK(find_type(t->oid) == t);
}
