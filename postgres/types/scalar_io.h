// Text and binary input/output of bool, the integers, oid, xid, xid8, cid, tid, "char" and the floats: entries of TypeInfo, and parsers that other
// types and settings use. tid is by value here: block number << 16 | item (see from_tid).
#pragma once
#include <string>
#include <string_view>

#include "postgres/types/fn.h"

namespace postern {

inline Datum from_tid(Tid t) { return static_cast<Datum>(raw(t.page)) << 16 | t.item; }
inline Tid as_tid(Datum d) { return {static_cast<PageNo>(d >> 16 & 0xFFFFFFFFu), static_cast<uint16_t>(d)}; }

std::string_view trim_spaces(std::string_view s);  // C isspace at both ends

// Throw 22P02/22003 naming the type.
int64_t parse_int2(std::string_view s);
int64_t parse_int4(std::string_view s);
int64_t parse_int8(std::string_view s);
Oid parse_oid(std::string_view s);
double parse_float8(std::string_view s);
float parse_float4(std::string_view s);
bool parse_bool(std::string_view s, bool* value);  // false: not a boolean

// As PostgreSQL prints them; extra_float_digits > 0: shortest digits that read back the same.
void append_float8(std::string& out, double v, int extra_float_digits);
void append_float4(std::string& out, float v, int extra_float_digits);

// Checks the size of a binary value: 08P01 too short, 22P03 too long.
void check_recv_size(std::string_view s, size_t size);

}  // namespace postern
