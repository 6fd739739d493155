// TypeInfo entries of numeric.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "postgres/types/fn.h"

namespace postern::numeric_types {

Datum numeric_in(FnContext& cx, std::string_view s, int32_t typmod);
void numeric_out(FnContext& cx, Datum d, std::string& out);
Datum numeric_recv(FnContext& cx, std::string_view s, int32_t typmod);
void numeric_send(FnContext& cx, Datum d, std::string& out);
int numeric_compare_values(FnContext& cx, Datum a, Datum b);
uint64_t numeric_hash_value(FnContext& cx, Datum d);
void numeric_typmod_out(int32_t typmod, std::string& out);
int32_t numeric_typmod_in(std::span<const int32_t> mods);

}  // namespace postern::numeric_types
