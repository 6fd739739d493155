#include "postgres/types/record.h"

#include <algorithm>
#include <vector>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"

namespace postern {

Datum make_record(Arena& arena, Oid row_type, std::span<const RecordField> fields) {
  auto align4 = [](size_t n) { return (n + 3) & ~size_t{3}; };
  size_t size = 8 + fields.size() * sizeof(RecordColumn);
  std::vector<RecordColumn> columns(fields.size());
  for (size_t i = 0; i < fields.size(); i++) {
    const RecordField& f = fields[i];
    columns[i] = {raw(f.type), 0, 0, type_info(f.type).by_value};
    if (!f.value.null) {
      columns[i].value_at = static_cast<uint32_t>(size);
      size += columns[i].by_value ? 8 : align4(sizeof(Bytes) + as_bytes(f.value.value)->size);
    }
    if (!f.name.empty()) {
      columns[i].name_at = static_cast<uint32_t>(size);
      size += align4(sizeof(Bytes) + f.name.size());
    }
  }
  Bytes* b = alloc_bytes(arena, size);
  std::memset(b->data, 0, size);
  store(b->data, static_cast<uint32_t>(fields.size()));
  store(b->data + 4, raw(row_type));
  if (!columns.empty()) std::memcpy(b->data + 8, columns.data(), columns.size() * sizeof(RecordColumn));
  for (size_t i = 0; i < fields.size(); i++) {
    const RecordField& f = fields[i];
    if (!f.value.null) {
      if (columns[i].by_value) store(b->data + columns[i].value_at, f.value.value);
      else std::memcpy(b->data + columns[i].value_at, as_bytes(f.value.value), sizeof(Bytes) + as_bytes(f.value.value)->size);
    }
    if (!f.name.empty()) {
      store(b->data + columns[i].name_at, static_cast<uint32_t>(f.name.size()));
      std::memcpy(b->data + columns[i].name_at + sizeof(Bytes), f.name.data(), f.name.size());
    }
  }
  return from_bytes(b);
}

int record_compare(FnContext& cx, Datum a, Datum b) {
  RecordView x(a), y(b);
  uint32_t n = std::min(x.count(), y.count());
  for (uint32_t i = 0; i < n; i++) {
    if (x.type(i) != y.type(i))
      throw SqlError{sqlstate::kDatatypeMismatch, cat("cannot compare dissimilar column types ", type_info(x.type(i)).name, " and ",
                                                      type_info(y.type(i)).name, " at record column ", i + 1)};
    if (x.null(i) || y.null(i)) {
      if (x.null(i) && y.null(i)) continue;
      return x.null(i) ? 1 : -1;
    }
    const TypeInfo& t = type_info(x.type(i));
    if (t.compare_kind == CompareKind::kNone)
      throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify a comparison function for type ", t.name)};
    if (int c = compare_datums(cx, t, x.value(i), y.value(i))) return c;
  }
  if (x.count() != y.count()) throw SqlError{sqlstate::kDatatypeMismatch, "cannot compare record types with different numbers of columns"};
  return 0;
}

uint64_t record_hash(FnContext& cx, Datum d) {
  RecordView v(d);
  uint64_t h = 0;
  for (uint32_t i = 0; i < v.count(); i++) {
    const TypeInfo& t = type_info(v.type(i));
    if (!t.hash) throw SqlError{sqlstate::kUndefinedFunction, cat("could not identify a hash function for type ", t.name)};
    h = h * 31 + (v.null(i) ? 0 : t.hash(cx, v.value(i)));
  }
  return h;
}

void record_out(FnContext& cx, Datum d, std::string& out) {
  RecordView v(d);
  out += '(';
  for (uint32_t i = 0; i < v.count(); i++) {
    if (i) out += ',';
    if (v.null(i)) continue;
    std::string s;
    type_info(v.type(i)).out(cx, v.value(i), s);
    if (!s.empty() && s.find_first_of("\"\\(), \t\n\r\v\f") == std::string::npos) {
      out += s;
      continue;
    }
    out += '"';
    for (char c : s) {
      if (c == '"' || c == '\\') out += c;
      out += c;
    }
    out += '"';
  }
  out += ')';
}

void record_send(FnContext& cx, Datum d, std::string& out) {
  RecordView v(d);
  char word[4];
  auto put = [&](uint32_t w) {
    store_be(word, w);
    out.append(word, 4);
  };
  put(v.count());
  for (uint32_t i = 0; i < v.count(); i++) {
    put(raw(v.type(i)));
    if (v.null(i)) { put(0xFFFFFFFFu); continue; }
    size_t at = out.size();
    put(0);
    type_info(v.type(i)).send(cx, v.value(i), out);
    store_be(out.data() + at, static_cast<uint32_t>(out.size() - at - 4));
  }
}

}  // namespace postern
