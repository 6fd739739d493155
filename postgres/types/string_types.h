// text, varchar, bpchar, name, cstring, unknown, bytea, uuid: entries of TypeInfo, and string helpers that other files use.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "postgres/types/fn.h"
#include "postgres/types/type_info.h"

namespace postern::string_types {

#define POSTERN_DECLARE_IO(type)                                        \
  Datum type##_in(FnContext& cx, std::string_view s, int32_t typmod);   \
  void type##_out(FnContext& cx, Datum d, std::string& out);            \
  Datum type##_recv(FnContext& cx, std::string_view s, int32_t typmod); \
  void type##_send(FnContext& cx, Datum d, std::string& out);

POSTERN_DECLARE_IO(text)
POSTERN_DECLARE_IO(varchar)
POSTERN_DECLARE_IO(bpchar)
POSTERN_DECLARE_IO(name)
POSTERN_DECLARE_IO(bytea)
POSTERN_DECLARE_IO(uuid)
#undef POSTERN_DECLARE_IO

int bytes_compare(FnContext& cx, Datum a, Datum b);
uint64_t bytes_hash(FnContext& cx, Datum d);
int bpchar_compare(FnContext& cx, Datum a, Datum b);
uint64_t bpchar_hash(FnContext& cx, Datum d);

void char_typmod_out(int32_t typmod, std::string& out);
int32_t varchar_typmod_in(std::span<const int32_t> mods);
int32_t bpchar_typmod_in(std::span<const int32_t> mods);

}  // namespace postern::string_types

namespace postern {

constexpr size_t kNameMax = 63;  // bytes of a name

uint64_t hash_bytes(std::string_view s);
std::string_view strip_trailing_spaces(std::string_view s);
// "Foo bar" if needed, as quote_ident() does.
std::string quote_identifier(std::string_view s);
std::string quote_literal(std::string_view s);
bool is_reserved_keyword(std::string_view lower);  // keyword that quote_ident quotes (all but unreserved ones)
std::string bytea_to_hex(std::string_view s);       // \x…
std::string bytea_from_text(std::string_view s);    // both input forms, throws 22P02

}  // namespace postern
