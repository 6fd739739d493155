// SQL functions, operators and aggregates over json.
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postgres/types/array.h"
#include "postgres/types/builtin_tables.h"
#include "postgres/types/json.h"
#include "postgres/types/native.h"
#include "postgres/types/record.h"
#include "postgres/types/string_fn.h"
#include "postgres/types/type_info.h"

namespace postern {
namespace {
using sv = std::string_view;

sv result(FnContext& cx, const std::string& s) { return cx.arena->copy(sv(s)); }

// The last member of that name, as PostgreSQL takes it.
std::optional<JsonValue> member(const JsonValue& v, sv key) {
  if (v.kind != JsonKind::kObject) return std::nullopt;
  std::optional<JsonValue> found;
  for (JsonMember& m : json_members(v.text))
    if (m.key == key) found = m.value;
  return found;
}
std::optional<JsonValue> element(const JsonValue& v, int64_t i) {
  if (v.kind != JsonKind::kArray) return std::nullopt;
  auto all = json_elements(v.text);
  if (i < 0) i += static_cast<int64_t>(all.size());
  if (i < 0 || i >= static_cast<int64_t>(all.size())) return std::nullopt;
  return all[static_cast<size_t>(i)];
}
std::optional<sv> as_text(FnContext& cx, const std::optional<JsonValue>& v) {
  if (!v || v->kind == JsonKind::kNull) return std::nullopt;
  if (v->kind == JsonKind::kString) return result(cx, json_unescape(v->text));
  return v->text;
}
std::optional<sv> as_json(const std::optional<JsonValue>& v) { return v ? std::optional<sv>(v->text) : std::nullopt; }

std::optional<sv> object_field(sv json, sv key) { return as_json(member(json_value(json), key)); }
std::optional<sv> object_field_text(FnContext& cx, sv json, sv key) { return as_text(cx, member(json_value(json), key)); }
std::optional<sv> array_element(sv json, int32_t i) { return as_json(element(json_value(json), i)); }
std::optional<sv> array_element_text(FnContext& cx, sv json, int32_t i) { return as_text(cx, element(json_value(json), i)); }

std::optional<JsonValue> follow_path(sv json, Datum path) {
  ArrayView p(path);
  std::optional<JsonValue> v = json_value(json);
  for (uint32_t i = 0; v && i < p.count(); i++) {
    if (p.null(i)) return std::nullopt;
    sv step = as_view(p.value(i));
    if (v->kind == JsonKind::kArray) {
      int64_t n = 0;
      auto [end, err] = std::from_chars(step.data(), step.data() + step.size(), n);
      if (err != std::errc{} || end != step.data() + step.size() || n > INT32_MAX || n < -INT32_MAX) return std::nullopt;
      v = element(*v, n);
    } else {
      v = member(*v, step);
    }
  }
  return v;
}
std::optional<sv> extract_path(sv json, Datum path) { return as_json(follow_path(json, path)); }
std::optional<sv> extract_path_text(FnContext& cx, sv json, Datum path) { return as_text(cx, follow_path(json, path)); }

[[noreturn]] void fail(std::string message) { throw SqlError{sqlstate::kInvalidParameterValue, std::move(message)}; }

int32_t array_length(sv json) {
  JsonValue v = json_value(json);
  if (v.kind == JsonKind::kObject) fail("cannot get array length of a non-array");
  if (v.kind != JsonKind::kArray) fail("cannot get array length of a scalar");
  return static_cast<int32_t>(json_elements(v.text).size());
}
sv json_typeof(sv json) {
  switch (json_value(json).kind) {
    case JsonKind::kObject: return "object";
    case JsonKind::kArray: return "array";
    case JsonKind::kString: return "string";
    case JsonKind::kNumber: return "number";
    case JsonKind::kBool: return "boolean";
    default: return "null";
  }
}

void strip(const JsonValue& v, std::string& out) {
  if (v.kind == JsonKind::kObject) {
    out += '{';
    bool first = true;
    for (const JsonMember& m : json_members(v.text)) {
      if (m.value.kind == JsonKind::kNull) continue;
      if (!first) out += ',';
      first = false;
      append_json_string(out, m.key);
      out += ':';
      strip(m.value, out);
    }
    out += '}';
  } else if (v.kind == JsonKind::kArray) {
    out += '[';
    bool first = true;
    for (const JsonValue& e : json_elements(v.text)) {
      if (!first) out += ',';
      first = false;
      strip(e, out);
    }
    out += ']';
  } else if (v.kind == JsonKind::kString) {
    append_json_string(out, json_unescape(v.text));
  } else {
    out += v.text;
  }
}
sv strip_nulls(FnContext& cx, sv json) {
  std::string out;
  strip(json_value(json), out);
  return result(cx, out);
}

Oid arg_type(FnContext& cx, size_t i) { return i < cx.arg_types.size() ? cx.arg_types[i] : oid::kText; }
NullableDatum value_to_json(FnContext& cx, NullableDatum v, bool pretty) {
  if (v.null) return {};
  std::string out;
  append_json_value(cx, out, arg_type(cx, 0), v, pretty);
  return {make_bytes(*cx.arena, out), false};
}
NullableDatum to_json(FnContext& cx, NullableDatum v) { return value_to_json(cx, v, false); }
NullableDatum to_json_pretty(FnContext& cx, NullableDatum v, NullableDatum pretty) {
  return pretty.null ? NullableDatum{} : value_to_json(cx, v, as_bool(pretty.value));
}

// A key: text of a scalar value.
void append_key(FnContext& cx, std::string& out, Oid type, NullableDatum v, std::string_view null_message) {
  if (v.null) throw SqlError{sqlstate::kInvalidParameterValue, std::string(null_message)};
  const TypeInfo& t = type_info(type);
  if (t.category == 'A' || t.oid == oid::kRecord || type == oid::kJson)
    fail("key value must be scalar, not array, composite, or json");
  std::string s;
  t.out(cx, v.value, s);
  append_json_string(out, s);
}
NullableDatum build_array(FnContext& cx, std::span<const NullableDatum> args) {
  std::string out = "[";
  for (size_t i = 0; i < args.size(); i++) {
    if (i) out += ", ";
    append_json_value(cx, out, arg_type(cx, i), args[i]);
  }
  return {make_bytes(*cx.arena, out + "]"), false};
}
NullableDatum build_object(FnContext& cx, std::span<const NullableDatum> args) {
  if (args.size() % 2)
    throw SqlError{sqlstate::kInvalidParameterValue, "argument list must have even number of elements", {},
                   "The arguments of json_build_object() must consist of alternating keys and values."};
  std::string out = "{";
  for (size_t i = 0; i < args.size(); i += 2) {
    if (i) out += ", ";
    if (args[i].null)
      throw SqlError{sqlstate::kInvalidParameterValue, cat("argument ", i + 1, " cannot be null"), {}, "Object keys should be text."};
    append_key(cx, out, arg_type(cx, i), args[i], {});
    out += " : ";
    append_json_value(cx, out, arg_type(cx, i + 1), args[i + 1]);
  }
  return {make_bytes(*cx.arena, out + "}"), false};
}

void append_pair(std::string& out, NullableDatum key, NullableDatum value) {
  if (key.null) throw SqlError{sqlstate::kNullValueNotAllowed, "null value not allowed for object key"};
  if (out.size() > 1) out += ", ";
  append_json_string(out, as_view(key.value));
  out += " : ";
  if (value.null) out += "null";
  else append_json_string(out, as_view(value.value));
}
sv json_object(FnContext& cx, Datum array) {
  ArrayView v(array);
  if (v.ndim() > 2) throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts"};
  if (v.ndim() == 2 && v.dims()[1] != 2) throw SqlError{sqlstate::kArraySubscriptError, "array must have two columns"};
  if (v.count() % 2) throw SqlError{sqlstate::kArraySubscriptError, "array must have even number of elements"};
  std::string out = "{";
  for (uint32_t i = 0; i < v.count(); i += 2) append_pair(out, v.at(i), v.at(i + 1));
  return result(cx, out + "}");
}
sv json_object2(FnContext& cx, Datum keys, Datum values) {
  ArrayView k(keys), v(values);
  if (k.ndim() > 1 || v.ndim() > 1) throw SqlError{sqlstate::kArraySubscriptError, "wrong number of array subscripts"};
  if (k.count() != v.count()) throw SqlError{sqlstate::kArraySubscriptError, "mismatched array dimensions"};
  std::string out = "{";
  for (uint32_t i = 0; i < k.count(); i++) append_pair(out, k.at(i), v.at(i));
  return result(cx, out + "}");
}

// Set functions: all rows are made at the first call, as views into the argument (which outlives the call).
struct JsonRows : SetFunction {
  struct Row {
    NullableDatum columns[2];
  };
  std::vector<Row> rows;
  size_t at = 0;
  uint32_t next(FnContext&, Vector* out, int ncols, uint32_t max) override {
    uint32_t n = 0;
    for (; n < max && at < rows.size(); n++, at++)
      for (int c = 0; c < ncols && c < 2; c++) {
        out[c].values[n] = rows[at].columns[c].value;
        out[c].nulls[n] = rows[at].columns[c].null;
      }
    return n;
  }
};
NullableDatum text_datum(FnContext& cx, const std::optional<sv>& s) {
  return s ? NullableDatum{make_bytes(*cx.arena, *s), false} : NullableDatum{};
}
template <bool Text>
SetFunction* json_each(FnContext& cx, const NullableDatum* args, int) {
  auto r = std::make_unique<JsonRows>();
  if (args[0].null) return r.release();
  JsonValue v = json_value(as_view(args[0].value));
  if (v.kind == JsonKind::kArray) fail("cannot deconstruct an array as an object");
  if (v.kind != JsonKind::kObject) fail("cannot deconstruct a scalar");
  for (JsonMember& m : json_members(v.text))
    r->rows.push_back({{text_datum(cx, sv(m.key)), text_datum(cx, Text ? as_text(cx, m.value) : as_json(m.value))}});
  return r.release();
}
template <bool Text>
SetFunction* array_elements(FnContext& cx, const NullableDatum* args, int) {
  auto r = std::make_unique<JsonRows>();
  if (args[0].null) return r.release();
  constexpr sv kName = Text ? "json_array_elements_text" : "json_array_elements";
  JsonValue v = json_value(as_view(args[0].value));
  if (v.kind == JsonKind::kObject) fail(cat("cannot call ", kName, " on a non-array"));
  if (v.kind != JsonKind::kArray) fail(cat("cannot call ", kName, " on a scalar"));
  for (const JsonValue& e : json_elements(v.text)) r->rows.push_back({{text_datum(cx, Text ? as_text(cx, e) : as_json(e)), {}}});
  return r.release();
}
SetFunction* object_keys(FnContext& cx, const NullableDatum* args, int) {
  auto r = std::make_unique<JsonRows>();
  if (args[0].null) return r.release();
  JsonValue v = json_value(as_view(args[0].value));
  if (v.kind == JsonKind::kArray) fail("cannot call json_object_keys on an array");
  if (v.kind != JsonKind::kObject) fail("cannot call json_object_keys on a scalar");
  for (JsonMember& m : json_members(v.text)) r->rows.push_back({{text_datum(cx, sv(m.key)), {}}});
  return r.release();
}

// Aggregates: the text so far, grown in the arena of the groups.
struct TextState {
  char* data;
  size_t size, capacity;
  bool used;
};
void grow(FnContext& cx, TextState& s, sv more) {
  if (s.size + more.size() > s.capacity) {
    size_t capacity = std::max(s.capacity * 2, s.size + more.size() + 64);
    if (capacity > (size_t{1} << 30)) throw SqlError{sqlstate::kProgramLimitExceeded, "out of memory", "Cannot enlarge string buffer."};
    char* p = static_cast<char*>(cx.arena->alloc(capacity, 1));
    if (s.size) std::memcpy(p, s.data, s.size);
    s.data = p;
    s.capacity = capacity;
  }
  std::memcpy(s.data + s.size, more.data(), more.size());
  s.size += more.size();
}
void json_agg_update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
  std::string out;
  for_rows(rows, [&](uint32_t row) {
    auto& s = *static_cast<TextState*>(states[row]);
    NullableDatum v{args[0].null(row) ? 0 : args[0].value(row), args[0].null(row)};
    out = s.used ? ", " : "[";
    Oid type = arg_type(cx, 0);
    const TypeInfo& t = type_info(type);
    if (s.used && !v.null && (t.category == 'A' || t.oid == oid::kRecord)) out += "\n ";
    s.used = true;
    append_json_value(cx, out, type, v);
    grow(cx, s, out);
  });
}
void json_object_agg_update(FnContext& cx, void* const* states, const Vector* args, int, Rows rows) {
  std::string out;
  for_rows(rows, [&](uint32_t row) {
    auto& s = *static_cast<TextState*>(states[row]);
    out = s.used ? ", " : "{ ";
    s.used = true;
    append_key(cx, out, arg_type(cx, 0), {args[0].null(row) ? 0 : args[0].value(row), args[0].null(row)}, "field name must not be null");
    out += " : ";
    append_json_value(cx, out, arg_type(cx, 1), {args[1].null(row) ? 0 : args[1].value(row), args[1].null(row)});
    grow(cx, s, out);
  });
}
bool json_agg_finalize(FnContext& cx, void* state, Datum* out) {
  auto& s = *static_cast<TextState*>(state);
  if (!s.used) return false;
  *out = make_bytes(*cx.arena, cat(sv(s.data, s.size), ']'));
  return true;
}
bool json_object_agg_finalize(FnContext& cx, void* state, Datum* out) {
  auto& s = *static_cast<TextState*>(state);
  if (!s.used) return false;
  *out = make_bytes(*cx.arena, cat(sv(s.data, s.size), " }"));
  return true;
}

constexpr auto kFunctions = sorted_by_oid(std::to_array<FnEntry>({
    STRICT_FN(3947, object_field), STRICT_FN(3948, object_field_text), STRICT_FN(3949, array_element), STRICT_FN(3950, array_element_text),
    STRICT_FN(3951, extract_path), STRICT_FN(3953, extract_path_text), STRICT_FN(3956, array_length), STRICT_FN(3968, json_typeof),
    STRICT_FN(3261, strip_nulls), NULLABLE_FN(3176, to_json), NULLABLE_FN(3153, to_json), NULLABLE_FN(3154, to_json_pretty), NULLABLE_FN(3155, to_json),
    NULLABLE_FN(3156, to_json_pretty), VARIADIC_FN(3198, build_array), VARIADIC_FN(3199, build_array), VARIADIC_FN(3200, build_object),
    VARIADIC_FN(3201, build_object), STRICT_FN(3202, json_object), STRICT_FN(3203, json_object2),
}));
constexpr auto kAggregates = sorted_by_oid(std::to_array<AggEntry>({
    {3175, sizeof(TextState), json_agg_update, json_agg_finalize}, {3197, sizeof(TextState), json_object_agg_update, json_object_agg_finalize}}));
constexpr auto kSetFunctions = sorted_by_oid(std::to_array<SetFnEntry>({
    {3958, json_each<false>}, {3959, json_each<true>}, {3955, array_elements<false>}, {3969, array_elements<true>}, {3957, object_keys}}));

}  // namespace

constinit const FnTables kJsonFunctions{kFunctions, kAggregates, kSetFunctions};

}  // namespace postern
