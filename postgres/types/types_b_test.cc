// Functions and types of this half against the results of PostgreSQL 15 (types_b_cases.inc was made by asking one).
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/datetime.h"
#include "postgres/types/facts/facts.h"
#include "postgres/types/record.h"
#include "postgres/types/session_services.h"
#include "postgres/types/type_info.h"
#include "postgres/types/utf8.h"

namespace postern {
namespace {

struct Case {
  uint32_t proc;  // 0: input and output of `type`
  const char* type;
  std::vector<std::string> args;  // "type:text"
  std::string expected;
};

struct FakeSession : SessionServices {
  TimeSettings times;
  FakeSession() { times.zone = find_time_zone("Europe/Berlin"); }
  int64_t transaction_start_us() override { return 700000000LL * kUsPerSecond; }
  int64_t statement_start_us() override { return transaction_start_us(); }
  const TimeSettings& time_settings() override { return times; }
  int extra_float_digits() override { return 1; }
  bool bytea_output_hex() override { return true; }
  std::string setting(std::string_view, bool) override { return {}; }
  void set_setting(std::string_view, std::string_view, bool) override {}
  void check_interrupts() override {}
  void notice(const SqlError&) override {}
  std::string reg_out(Oid, Oid) override { return {}; }
  Oid reg_in(Oid, std::string_view, bool) override { return Oid{0}; }
  Oid user() override { return Oid{10}; }
  Oid session_user() override { return Oid{10}; }
  Oid database() override { return Oid{5}; }
  uint64_t random64() override { return 4; }
};

// "int4[]", "varchar(3)", "timestamp(0)"
const TypeInfo* named_type(std::string name, int32_t* typmod) {
  *typmod = -1;
  std::vector<int32_t> mods;
  if (size_t open = name.find('('); open != std::string::npos) {
    mods.push_back(std::stoi(name.substr(open + 1)));
    name.resize(open);
    if (name == "char") name = "bpchar";
    if (name == "interval") mods.insert(mods.begin(), 0x7FFF);
  }
  if (name.ends_with("[]")) name = cat("_", name.substr(0, name.size() - 2));
  const TypeInfo* t = find_type_by_name(name);
  if (t && !mods.empty()) *typmod = t->typmod_in(mods);
  return t;
}

struct Runner {
  Arena arena;
  FakeSession session;
  FnContext cx;
  Runner() {
    set_fn_tables(types_fn_tables());
    cx.arena = &arena;
    cx.fn_arena = &arena;
    cx.services = &session;
  }

  std::string in_out(const std::string& type, const std::string& text) {
    int32_t typmod;
    const TypeInfo* t = named_type(type, &typmod);
    REQUIRE_MESSAGE(t, type);
    std::string out;
    t->out(cx, t->in(cx, text, typmod), out);
    return out;
  }

  Oid result_type(const facts::ProcFact& f, const std::vector<Oid>& types) {
    Oid ret{f.ret};
    auto elem_of = [&](Oid o) { return raw(type_info(o).elem) ? type_info(o).elem : o; };
    if (ret == oid::kAnyElement || ret == oid::kAnyCompatible) return elem_of(types[0]);
    if (ret == oid::kAnyArray || ret == oid::kAnyCompatibleArray) {
      for (Oid t : types)
        if (type_info(t).category == 'A') return f.oid == 1193 || f.oid == 1286 ? type_info(types[0]).array : t;
    }
    return ret;
  }

  std::string call(const Case& c) {
    const facts::ProcFact* fact = facts::find_proc(Oid{c.proc});
    REQUIRE(fact);
    std::vector<Oid> types;
    std::vector<NullableDatum> values;
    for (const std::string& a : c.args) {
      size_t colon = a.find(':');
      int32_t typmod;
      const TypeInfo* t = named_type(a.substr(0, colon), &typmod);
      REQUIRE_MESSAGE(t, a);
      types.push_back(t->oid);
      std::string text = a.substr(colon + 1);
      values.push_back(text == "\\N" ? NullableDatum{} : NullableDatum{t->in(cx, text, typmod), false});
    }
    Oid ret = result_type(*fact, types);
    cx.arg_types = types;
    cx.result_type = ret;
    const TypeInfo& rt = type_info(ret);
    std::string out;
    auto show = [&](Datum d, bool null) {
      if (null) out += "\\N";
      else rt.out(cx, d, out);
    };
    Datum result[4];
    uint8_t null[4];
    Vector ov{result, null, 1};
    if (const SetFnEntry* s = find_set_function(Oid{c.proc})) {
      std::unique_ptr<SetFunction> f(s->make(cx, values.data(), static_cast<int>(values.size())));
      bool first = true;
      while (uint32_t n = f->next(cx, &ov, 1, 2))
        for (uint32_t i = 0; i < n; i++) {
          if (!first) out += '\n';
          first = false;
          show(result[i], null[i]);
        }
      return out;
    }
    const FnEntry* f = find_function(Oid{c.proc});
    REQUIRE_MESSAGE(f, c.proc);
    std::vector<Datum> datums(values.size());
    std::vector<uint8_t> nulls(values.size());
    std::vector<Vector> args(values.size());
    for (size_t i = 0; i < values.size(); i++) {
      datums[i] = values[i].value;
      nulls[i] = values[i].null;
      args[i] = {&datums[i], &nulls[i], 0};
    }
    f->kernel(cx, args.data(), static_cast<int>(args.size()), {nullptr, 1}, ov);
    show(result[0], null[0]);
    return out;
  }
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
#include "postgres/types/types_b_cases.inc"
  };
  return all;
}

}  // namespace

TEST_CASE("functions and types give PostgreSQL's results") {
  Runner r;
  for (const Case& c : cases()) {
    std::string got;
    try {
      got = c.proc ? r.call(c) : r.in_out(c.type, c.args[0]);
    } catch (const SqlError& e) {
      got = cat("ERROR ", e.sqlstate.view(), " ", e.message);
    }
    std::string what = cat(c.proc, " ", c.type);
    for (const std::string& a : c.args) append(what, " | ", a);
    INFO(what);
    CHECK(got == c.expected);
  }
}

TEST_CASE("binary formats round trip") {
  Runner r;
  const std::pair<const char*, const char*> values[] = {
      {"text", "äb"}, {"bytea", "\\x00ff"}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {"date", "2021-05-06"}, {"time", "10:11:12.5"},
      {"timetz", "10:11:12.5+02"}, {"timestamp", "2021-05-06 07:08:09"}, {"timestamptz", "2021-05-06 07:08:09+02"},
      {"interval", "1 year 2 mons 3 days 04:05:06"}, {"json", "{\"a\": 1}"}, {"int4[]", "[0:1]={1,NULL}"}, {"text[]", "{{a,b},{c,NULL}}"},
      {"timestamp[]", "{\"2021-05-06 07:08:09\"}"}, {"oidvector", "1 2"}, {"int2vector", "3 4"}};
  for (auto [type, text] : values) {
    INFO(type);
    int32_t typmod;
    const TypeInfo* t = named_type(type, &typmod);
    REQUIRE(t);
    std::string wire, out;
    t->send(r.cx, t->in(r.cx, text, -1), wire);
    t->out(r.cx, t->recv(r.cx, wire, -1), out);
    CHECK(out == text);
    if (wire.size() > 1 && std::string_view(type) != "text" && std::string_view(type) != "bytea")
      CHECK_THROWS_AS(t->recv(r.cx, std::string_view(wire).substr(0, wire.size() - 1), -1), SqlError);
  }
}

TEST_CASE("a declared length is checked on input and on casts") {
  Runner r;
  CHECK_THROWS_WITH_AS(r.in_out("varchar(3)", "abcd"), "value too long for type character varying(3)", SqlError);
  CHECK_THROWS_WITH_AS(r.in_out("char(3)", "abcd"), "value too long for type character(3)", SqlError);
  CHECK(r.in_out("varchar(3)", "abc  ") == "abc");
}

TEST_CASE("interval and date styles") {
  Runner r;
  FakeSession& s = r.session;
  auto show = [&](const char* type, const char* text) { return r.in_out(type, text); };
  set_interval_style(s.times, "postgres_verbose");
  CHECK(show("interval", "1 year -2 days 3:04:05.6") == "@ 1 year -2 days 3 hours 4 mins 5.6 secs");
  CHECK(show("interval", "0") == "@ 0");
  CHECK(show("interval", "-1 day") == "@ 1 day ago");
  set_interval_style(s.times, "sql_standard");
  CHECK(show("interval", "1 year -2 days 3:04:05.6") == "+1-0 -2 +3:04:05.6");
  CHECK(show("interval", "0") == "0");
  CHECK(show("interval", "1 year 2 mons") == "1-2");
  CHECK(show("interval", "1 day 2:00") == "1 2:00:00");
  set_interval_style(s.times, "iso_8601");
  CHECK(show("interval", "1 year -2 days 3:04:05.6") == "P1Y-2DT3H4M5.6S");
  CHECK(show("interval", "0") == "PT0S");
  REQUIRE(set_date_style(s.times, "postgres, dmy"));
  CHECK(show("timestamp", "2021-05-06 07:08:09.5") == "Thu 06 May 07:08:09.5 2021");
  CHECK(show("timestamptz", "2021-05-06 07:08:09.5") == "Thu 06 May 07:08:09.5 2021 CEST");
  CHECK(show("date", "2021-05-06") == "06-05-2021");
  REQUIRE(set_date_style(s.times, "sql, mdy"));
  CHECK(show("timestamptz", "2021-05-06 07:08:09.5") == "05/06/2021 07:08:09.5 CEST");
  REQUIRE(set_date_style(s.times, "german"));
  CHECK(show("timestamptz", "2021-05-06 07:08:09.5") == "06.05.2021 07:08:09.5 CEST");
  CHECK(date_style_text(s.times) == "German, DMY");
  CHECK_FALSE(set_date_style(s.times, "martian"));
  CHECK_FALSE(set_time_zone(s.times, "Mars/Olympus"));
  REQUIRE(set_time_zone(s.times, "-5"));
  CHECK(s.times.zone->at(0).offset == -5 * 3600);
  REQUIRE(set_time_zone(s.times, "europe/berlin"));
  CHECK(s.times.zone->name() == "Europe/Berlin");
}

TEST_CASE("invalid UTF-8 is reported with its bytes") {
  CHECK_NOTHROW(check_utf8("abcdefgh\xC3\xA4xyz"));
  for (std::string_view bad : {"\xFF", "abc\xC3", "\xED\xA0\x80", "\xC0\x80", "\xF5\x80\x80\x80"}) CHECK_THROWS_AS(check_utf8(bad), SqlError);
  CHECK_THROWS_AS(check_utf8(std::string_view("a\0b", 3)), SqlError);
}

TEST_CASE("array subscripts read, slice and assign") {
  Runner r;
  int32_t typmod;
  const TypeInfo* t = named_type("int4[]", &typmod);
  Datum a = t->in(r.cx, "{{1,2,3},{4,5,6}}", -1);
  auto text = [&](Datum d) {
    std::string s;
    t->out(r.cx, d, s);
    return s;
  };
  int32_t at[] = {2, 3}, outside[] = {3, 1};
  CHECK(as_int4(array_get(a, at).value) == 6);
  CHECK(array_get(a, outside).null);
  ArraySlice slices[] = {{2, 2}, {2, std::nullopt}};
  CHECK(text(array_get_slice(r.arena, a, slices)) == "{{5,6}}");
  CHECK(text(array_set(r.arena, oid::kInt4, {a, false}, at, {from_int(9), false})) == "{{1,2,3},{4,5,9}}");
  CHECK_THROWS_AS(array_set(r.arena, oid::kInt4, {a, false}, outside, {from_int(9), false}), SqlError);
  Datum flat = t->in(r.cx, "{1,2}", -1);
  int32_t four[] = {4};
  CHECK(text(array_set(r.arena, oid::kInt4, {flat, false}, four, {from_int(9), false})) == "{1,2,NULL,9}");
  CHECK(text(array_set(r.arena, oid::kInt4, {}, four, {from_int(9), false})) == "[4:4]={9}");
  ArraySlice two{2, 3};
  CHECK(text(array_set_slice(r.arena, oid::kInt4, {flat, false}, {&two, 1}, t->in(r.cx, "{7,8}", -1))) == "{1,7,8}");
  NullableDatum rows[] = {{flat, false}, {flat, false}};
  CHECK(text(make_array_of_arrays(r.arena, oid::kInt4, rows)) == "{{1,2},{1,2}}");
}

TEST_CASE("records print, compare and become JSON") {
  Runner r;
  auto record = [&](int n, std::string_view s) {
    RecordField f[] = {{oid::kInt4, {from_int(n), false}, "id"}, {oid::kText, {make_bytes(r.arena, s), false}, "label"}, {oid::kText, {}, "none"}};
    return make_record(r.arena, oid::kRecord, f);
  };
  Datum a = record(1, "a \"b"), b = record(1, "c");
  std::string out;
  record_out(r.cx, a, out);
  CHECK(out == "(1,\"a \"\"b\",)");
  CHECK(record_compare(r.cx, a, b) < 0);
  CHECK(record_compare(r.cx, a, a) == 0);
}

}  // namespace postern
