// reg* types, oidvector, int2vector, void, record and the pseudo types: entries of TypeInfo.
#pragma once
#include <string>
#include <string_view>

#include "postgres/types/fn.h"
#include "postgres/types/type_info.h"

namespace postern::misc_types {

// reg* input and output ask the session for names (SessionServices::reg_in/reg_out); numbers and "-" need no session.
Datum reg_in(FnContext& cx, std::string_view s, Oid reg_type);
void reg_out(FnContext& cx, Datum d, Oid reg_type, std::string& out);
Datum oid_recv(FnContext& cx, std::string_view s, int32_t typmod);
void oid_send(FnContext& cx, Datum d, std::string& out);
int oid_compare(FnContext& cx, Datum a, Datum b);
uint64_t oid_hash(FnContext& cx, Datum d);

Datum oidvector_in(FnContext& cx, std::string_view s, int32_t typmod);
Datum int2vector_in(FnContext& cx, std::string_view s, int32_t typmod);
void vector_out(FnContext& cx, Datum d, std::string& out);
Datum oidvector_recv(FnContext& cx, std::string_view s, int32_t typmod);
Datum int2vector_recv(FnContext& cx, std::string_view s, int32_t typmod);
int oidvector_compare(FnContext& cx, Datum a, Datum b);

Datum void_in(FnContext& cx, std::string_view s, int32_t typmod);
void void_out(FnContext& cx, Datum d, std::string& out);
Datum void_recv(FnContext& cx, std::string_view s, int32_t typmod);

[[noreturn]] void reject_input(std::string_view type);
[[noreturn]] void reject_output(std::string_view type);

}  // namespace postern::misc_types

namespace postern {
// oidvector / int2vector values.
Datum make_oidvector(Arena& arena, std::span<const Oid> oids);
Datum make_int2vector(Arena& arena, std::span<const int16_t> numbers);
}  // namespace postern
