// json: validation, navigation over the text (kept as entered), and rendering of values as JSON.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "postgres/types/fn.h"

namespace postern {

constexpr int kJsonMaxDepth = 6000;

// Throws 22P02 with PostgreSQL's detail and context; 54001 when nested too deep.
void json_validate(std::string_view s);

// The value that starts at s (valid JSON, leading space allowed): its kind and exact text.
enum class JsonKind : uint8_t { kObject, kArray, kString, kNumber, kBool, kNull };
struct JsonValue {
  JsonKind kind;
  std::string_view text;  // without surrounding space
};
JsonValue json_value(std::string_view valid);
struct JsonMember {
  std::string key;        // unescaped
  std::string_view raw_key;
  JsonValue value;
};
std::vector<JsonMember> json_members(std::string_view object);
std::vector<JsonValue> json_elements(std::string_view array);
// The text that ->> gives: strings unescaped, others as they stand. Throws 22P05 for \u0000 and 22P02 for lone surrogates.
std::string json_unescape(std::string_view quoted);

void append_json_string(std::string& out, std::string_view s);
// Any SQL value, as to_json() renders it.
void append_json_value(FnContext& cx, std::string& out, Oid type, NullableDatum v, bool pretty = false);

namespace json_types {
Datum json_in(FnContext& cx, std::string_view s, int32_t typmod);
void json_out(FnContext& cx, Datum d, std::string& out);
Datum json_recv(FnContext& cx, std::string_view s, int32_t typmod);
void json_send(FnContext& cx, Datum d, std::string& out);
}  // namespace json_types

}  // namespace postern
