#include "postgres/types/scalar_types.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/scalar_io.h"
#include "postgres/types/session_services.h"

namespace postern::scalar_types {
namespace {

template <class T>
void send_be(std::string& out, T v) {
  char buf[sizeof(T)];
  store_be(buf, v);
  out.append(buf, sizeof buf);
}
template <class T>
T recv_be(std::string_view s) {
  check_recv_size(s, sizeof(T));
  return load_be<T>(s.data());
}
int extra_float_digits(FnContext& cx) { return cx.services ? cx.services->extra_float_digits() : 1; }

// As strtoul(…, 0): decimal, octal or hexadecimal digits as far as they go, wrapping; anything else is 0.
uint64_t parse_wrapping(std::string_view s) { return std::strtoull(std::string(s).c_str(), nullptr, 0); }

}  // namespace

Datum bool_in(FnContext&, std::string_view s, int32_t) {
  bool v = false;
  if (!parse_bool(trim_spaces(s), &v))
    throw SqlError{sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type boolean: \"", s, "\"")};
  return from_bool(v);
}
void bool_out(FnContext&, Datum d, std::string& out) { out += d ? 't' : 'f'; }
Datum bool_recv(FnContext&, std::string_view s, int32_t) {
  check_recv_size(s, 1);
  return from_bool(s[0] != 0);
}
void bool_send(FnContext&, Datum d, std::string& out) { out += d ? '\1' : '\0'; }

Datum int2_in(FnContext&, std::string_view s, int32_t) { return from_int(parse_int2(s)); }
void int2_out(FnContext&, Datum d, std::string& out) { append(out, as_int2(d)); }
Datum int2_recv(FnContext&, std::string_view s, int32_t) { return from_int(recv_be<int16_t>(s)); }
void int2_send(FnContext&, Datum d, std::string& out) { send_be(out, as_int2(d)); }

Datum int4_in(FnContext&, std::string_view s, int32_t) { return from_int(parse_int4(s)); }
void int4_out(FnContext&, Datum d, std::string& out) { append(out, as_int4(d)); }
Datum int4_recv(FnContext&, std::string_view s, int32_t) { return from_int(recv_be<int32_t>(s)); }
void int4_send(FnContext&, Datum d, std::string& out) { send_be(out, as_int4(d)); }

Datum int8_in(FnContext&, std::string_view s, int32_t) { return from_int(parse_int8(s)); }
void int8_out(FnContext&, Datum d, std::string& out) { append(out, as_int8(d)); }
Datum int8_recv(FnContext&, std::string_view s, int32_t) { return from_int(recv_be<int64_t>(s)); }
void int8_send(FnContext&, Datum d, std::string& out) { send_be(out, as_int8(d)); }

Datum oid_in(FnContext&, std::string_view s, int32_t) { return from_oid(parse_oid(s)); }
void oid_out(FnContext&, Datum d, std::string& out) { append(out, static_cast<uint32_t>(d)); }
Datum oid_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint32_t>(s); }
void oid_send(FnContext&, Datum d, std::string& out) { send_be(out, static_cast<uint32_t>(d)); }

Datum xid_in(FnContext&, std::string_view s, int32_t) { return static_cast<uint32_t>(parse_wrapping(s)); }
void xid_out(FnContext& cx, Datum d, std::string& out) { oid_out(cx, d, out); }
Datum xid_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint32_t>(s); }
void xid_send(FnContext& cx, Datum d, std::string& out) { oid_send(cx, d, out); }

Datum cid_in(FnContext& cx, std::string_view s, int32_t m) { return xid_in(cx, s, m); }
void cid_out(FnContext& cx, Datum d, std::string& out) { oid_out(cx, d, out); }
Datum cid_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint32_t>(s); }
void cid_send(FnContext& cx, Datum d, std::string& out) { oid_send(cx, d, out); }

Datum xid8_in(FnContext&, std::string_view s, int32_t) { return parse_wrapping(s); }
void xid8_out(FnContext&, Datum d, std::string& out) { append(out, d); }
Datum xid8_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint64_t>(s); }
void xid8_send(FnContext&, Datum d, std::string& out) { send_be(out, d); }

Datum tid_in(FnContext&, std::string_view s, int32_t) {
  auto bad = [&]() -> SqlError { return {sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type tid: \"", s, "\"")}; };
  size_t open = s.find('('), comma = s.find(','), close = s.find(')');
  if (open == s.npos || comma == s.npos || close == s.npos || comma < open || close < comma) throw bad();
  uint32_t page = 0;
  uint16_t item = 0;
  std::string_view p = s.substr(open + 1, comma - open - 1), i = s.substr(comma + 1, close - comma - 1);
  auto r1 = std::from_chars(p.data(), p.data() + p.size(), page);
  auto r2 = std::from_chars(i.data(), i.data() + i.size(), item);
  if (r1.ec != std::errc{} || r1.ptr != p.data() + p.size() || r2.ec != std::errc{} || r2.ptr != i.data() + i.size()) throw bad();
  return from_tid({PageNo{page}, item});
}
void tid_out(FnContext&, Datum d, std::string& out) { append(out, "(", raw(as_tid(d).page), ",", as_tid(d).item, ")"); }
Datum tid_recv(FnContext&, std::string_view s, int32_t) {
  check_recv_size(s, 6);
  return from_tid({PageNo{load_be<uint32_t>(s.data())}, load_be<uint16_t>(s.data() + 4)});
}
void tid_send(FnContext&, Datum d, std::string& out) {
  send_be(out, raw(as_tid(d).page));
  send_be(out, as_tid(d).item);
}

// Bytes outside ASCII are written \ooo, so that the text is valid in any encoding.
Datum char_in(FnContext&, std::string_view s, int32_t) {
  auto octal = [&](size_t i) { return s[i] >= '0' && s[i] <= '7'; };
  if (s.size() == 4 && s[0] == '\\' && s[1] <= '3' && octal(1) && octal(2) && octal(3))
    return static_cast<uint8_t>((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
  return s.empty() ? 0 : static_cast<uint8_t>(s[0]);
}
void char_out(FnContext&, Datum d, std::string& out) {
  uint8_t c = static_cast<uint8_t>(d);
  if (c >= 0x80) append(out, '\\', static_cast<char>('0' + (c >> 6)), static_cast<char>('0' + (c >> 3 & 7)), static_cast<char>('0' + (c & 7)));
  else if (c) out += static_cast<char>(c);
}
Datum char_recv(FnContext&, std::string_view s, int32_t) {
  check_recv_size(s, 1);
  return static_cast<uint8_t>(s[0]);
}
void char_send(FnContext&, Datum d, std::string& out) { out += static_cast<char>(d); }

Datum float4_in(FnContext&, std::string_view s, int32_t) { return from_float4(parse_float4(s)); }
void float4_out(FnContext& cx, Datum d, std::string& out) { append_float4(out, as_float4(d), extra_float_digits(cx)); }
Datum float4_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint32_t>(s); }
void float4_send(FnContext&, Datum d, std::string& out) { send_be(out, static_cast<uint32_t>(d)); }

Datum float8_in(FnContext&, std::string_view s, int32_t) { return from_float8(parse_float8(s)); }
void float8_out(FnContext& cx, Datum d, std::string& out) { append_float8(out, as_float8(d), extra_float_digits(cx)); }
Datum float8_recv(FnContext&, std::string_view s, int32_t) { return recv_be<uint64_t>(s); }
void float8_send(FnContext&, Datum d, std::string& out) { send_be(out, d); }

int int64_compare(FnContext&, Datum a, Datum b) { return as_int8(a) < as_int8(b) ? -1 : as_int8(a) > as_int8(b); }
int float4_compare(FnContext&, Datum a, Datum b) { return compare_floats(as_float4(a), as_float4(b)); }
int float8_compare(FnContext&, Datum a, Datum b) { return compare_floats(as_float8(a), as_float8(b)); }

uint64_t int64_hash(FnContext&, Datum d) { return mix64(d); }
uint64_t float8_hash(FnContext&, Datum d) {
  double v = as_float8(d);
  if (v == 0) v = 0;
  if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
  return mix64(std::bit_cast<uint64_t>(v));
}
uint64_t float4_hash(FnContext& cx, Datum d) { return float8_hash(cx, from_float8(as_float4(d))); }

}  // namespace postern::scalar_types
