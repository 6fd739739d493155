// Text and binary forms of arrays: {1,2,NULL}, {"a b",{…}}, [0:1]={…}.
#include <algorithm>
#include <charconv>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"
#include "postgres/types/array.h"

namespace postern {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool equals_null(std::string_view s) {
  return s.size() == 4 && (s[0] | 32) == 'n' && (s[1] | 32) == 'u' && (s[2] | 32) == 'l' && (s[3] | 32) == 'l';
}

class ArrayParser {
 public:
  ArrayParser(FnContext& cx, std::string_view s, Oid elem, int32_t typmod)
      : cx_(cx), text_(s), type_(type_info(elem)), typmod_(typmod), builder_(elem) {}

  Datum parse() {
    skip();
    int32_t lbs[kMaxDims] = {1, 1, 1, 1, 1, 1}, want[kMaxDims] = {};
    int declared = 0;
    for (; peek() == '['; skip()) parse_dimension(lbs, want, declared);
    if (declared) {
      if (peek() != '=') fail("Missing \"=\" after array dimensions.");
      at_++;
      skip();
      if (peek() != '{') fail("Array contents must start with \"{\".");
    }
    if (peek() != '{') fail("Array value must start with \"{\" or dimension information.");
    parse_braces(0);
    skip();
    if (at_ != text_.size()) fail("Junk after closing right brace.");
    if (builder_.size() == 0) {
      if (declared) fail("Specified array dimensions do not match array contents.");
      return empty_array(*cx_.arena, type_.oid);
    }
    if (declared && (declared != depth_ || !std::equal(want, want + declared, dims_))) fail("Specified array dimensions do not match array contents.");
    auto n = static_cast<size_t>(depth_);
    return builder_.build(*cx_.arena, std::span<const int32_t>(dims_, n), std::span<const int32_t>(lbs, n));
  }

 private:
  [[noreturn]] void fail(std::string detail) {
    throw SqlError{sqlstate::kInvalidTextRepresentation, cat("malformed array literal: \"", text_, "\""), std::move(detail)};
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip() { while (at_ < text_.size() && is_space(text_[at_])) at_++; }
  int32_t bound() {
    size_t start = at_;
    if (peek() == '-' || peek() == '+') at_++;
    while (peek() >= '0' && peek() <= '9') at_++;
    std::string_view digits = text_.substr(start, at_ - start);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    int32_t v = 0;
    auto [end, err] = std::from_chars(digits.data(), digits.data() + digits.size(), v);
    if (err != std::errc{} || digits.empty()) fail("Missing array dimension value.");
    return v;
  }
  void parse_dimension(int32_t* lbs, int32_t* want, int& declared) {
    if (declared >= kMaxDims)
      throw SqlError{sqlstate::kProgramLimitExceeded, cat("number of array dimensions (", declared + 1, ") exceeds the maximum allowed (", kMaxDims, ")")};
    at_++;
    skip();
    int64_t lo = 1, hi = bound();
    skip();
    if (peek() == ':') {
      at_++;
      skip();
      lo = hi;
      hi = bound();
      skip();
    }
    if (peek() != ']') fail("Missing \"]\" after array dimensions.");
    at_++;
    if (hi < lo) throw SqlError{sqlstate::kArraySubscriptError, "upper bound cannot be less than lower bound"};
    if (hi - lo + 1 > kMaxArrayElements) throw SqlError{sqlstate::kProgramLimitExceeded, cat("array size exceeds the maximum allowed (", kMaxArrayElements, ")")};
    lbs[declared] = static_cast<int32_t>(lo);
    want[declared++] = static_cast<int32_t>(hi - lo + 1);
  }

  // At '{'. Every brace pair of one level has as many items as the first one.
  void parse_braces(int level) {
    if (level >= kMaxDims)
      throw SqlError{sqlstate::kProgramLimitExceeded, cat("number of array dimensions (", level + 1, ") exceeds the maximum allowed (", kMaxDims, ")")};
    at_++;
    int32_t items = 0;
    bool leaf = false;
    skip();
    if (peek() == '}' && at_ < text_.size()) {
      at_++;
      if (level > 0 || depth_ > 0) fail("Unexpected \"}\" character.");
      return;
    }
    for (;;) {
      skip();
      if (at_ >= text_.size()) fail("Unexpected end of input.");
      if (peek() == '{') {
        if (leaf) fail("Unexpected \"{\" character.");
        if (depth_ && level + 1 >= depth_) mismatch();
        parse_braces(level + 1);
      } else {
        if (depth_ == 0) depth_ = level + 1;
        if (level + 1 != depth_) mismatch();
        leaf = true;
        parse_element();
      }
      items++;
      skip();
      if (at_ >= text_.size()) fail("Unexpected end of input.");
      char c = text_[at_++];
      if (c == '}') break;
      if (c != ',') fail("Unexpected array element.");
    }
    if (dims_[level] == 0) dims_[level] = items;
    else if (dims_[level] != items) mismatch();
  }
  [[noreturn]] void mismatch() { fail("Multidimensional arrays must have sub-arrays with matching dimensions."); }

  void parse_element() {
    std::string item;
    if (peek() == '"') {
      at_++;
      for (;; at_++) {
        if (at_ >= text_.size()) fail("Unexpected end of input.");
        if (text_[at_] == '"') break;
        if (text_[at_] == '\\' && ++at_ >= text_.size()) fail("Unexpected end of input.");
        item += text_[at_];
      }
      at_++;
      builder_.add(type_.in(cx_, item, typmod_));
      return;
    }
    size_t keep = 0;
    bool escaped = false;
    for (; at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}'; at_++) {
      char c = text_[at_];
      if (c == '{' || c == '"') fail(cat("Unexpected \"", c, "\" character."));
      if (c == '\\') {
        if (++at_ >= text_.size()) fail("Unexpected end of input.");
        item += text_[at_];
        keep = item.size();
        escaped = true;
      } else {
        item += c;
        if (!is_space(c)) keep = item.size();
      }
    }
    item.resize(keep);
    if (item.empty()) fail(cat("Unexpected \"", at_ < text_.size() ? text_[at_] : '}', "\" character."));
    if (!escaped && equals_null(item)) builder_.add_null();
    else builder_.add(type_.in(cx_, item, typmod_));
  }

  FnContext& cx_;
  std::string_view text_;
  const TypeInfo& type_;
  int32_t typmod_;
  ArrayBuilder builder_;
  size_t at_ = 0;
  int depth_ = 0;
  int32_t dims_[kMaxDims] = {};
};

void append_element(std::string& out, std::string_view s) {
  bool quote = s.empty() || equals_null(s) || s.find_first_of("\"\\{}, \t\n\r\v\f") != std::string_view::npos;
  if (!quote) {
    out += s;
    return;
  }
  out += '"';
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// One brace level; i is the next element in storage order.
void append_level(FnContext& cx, const ArrayView& v, const TypeInfo& t, int level, uint32_t& i, std::string& out, std::string& scratch) {
  out += '{';
  for (int32_t k = 0; k < v.dims()[level]; k++) {
    if (k) out += ',';
    if (level + 1 < v.ndim()) {
      append_level(cx, v, t, level + 1, i, out, scratch);
      continue;
    }
    if (v.null(i)) {
      out += "NULL";
    } else {
      scratch.clear();
      t.out(cx, v.value(i), scratch);
      append_element(out, scratch);
    }
    i++;
  }
  out += '}';
}

}  // namespace

Datum array_in(FnContext& cx, std::string_view s, Oid elem_type, int32_t typmod) { return ArrayParser(cx, s, elem_type, typmod).parse(); }

void array_out(FnContext& cx, Datum d, std::string& out) {
  ArrayView v(d);
  if (v.ndim() == 0) {
    out += "{}";
    return;
  }
  if (std::any_of(v.lower_bounds().begin(), v.lower_bounds().end(), [](int32_t lb) { return lb != 1; })) {
    for (int i = 0; i < v.ndim(); i++) append(out, '[', v.lower_bounds()[i], ':', v.lower_bounds()[i] + v.dims()[i] - 1, ']');
    out += '=';
  }
  uint32_t i = 0;
  std::string scratch;
  append_level(cx, v, type_info(v.elem_type()), 0, i, out, scratch);
}

Datum array_recv(FnContext& cx, std::string_view s, Oid elem_type, int32_t typmod) {
  auto word = [&]() -> uint32_t {
    if (s.size() < 4) throw SqlError{sqlstate::kProtocolViolation, "insufficient data left in message"};
    auto w = load_be<uint32_t>(s.data());
    s.remove_prefix(4);
    return w;
  };
  auto ndim = static_cast<int32_t>(word());
  if (ndim < 0) throw SqlError{sqlstate::kInvalidBinaryRepresentation, cat("invalid number of dimensions: ", ndim)};
  if (ndim > kMaxDims)
    throw SqlError{sqlstate::kProgramLimitExceeded, cat("number of array dimensions (", ndim, ") exceeds the maximum allowed (", kMaxDims, ")")};
  uint32_t flags = word();
  if (flags > 1) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "invalid array flags"};
  uint32_t sent = word();
  if (sent != raw(elem_type))
    throw SqlError{sqlstate::kDatatypeMismatch, cat("binary data has array element type ", sent, " instead of expected ", raw(elem_type))};
  int32_t dims[kMaxDims], lbs[kMaxDims];
  int64_t n = ndim ? 1 : 0;
  for (int i = 0; i < ndim; i++) {
    dims[i] = static_cast<int32_t>(word());
    lbs[i] = static_cast<int32_t>(word());
    if (dims[i] < 0) throw SqlError{sqlstate::kProgramLimitExceeded, "array size exceeds the maximum allowed (134217727)"};
    n *= dims[i];
    if (n > kMaxArrayElements) throw SqlError{sqlstate::kProgramLimitExceeded, "array size exceeds the maximum allowed (134217727)"};
  }
  const TypeInfo& t = type_info(elem_type);
  ArrayBuilder b(elem_type);
  for (int64_t i = 0; i < n; i++) {
    auto len = static_cast<int32_t>(word());
    if (len == -1) { b.add_null(); continue; }
    if (len < 0 || static_cast<size_t>(len) > s.size())
      throw SqlError{sqlstate::kInvalidBinaryRepresentation, "insufficient data left in message"};
    b.add(t.recv(cx, s.substr(0, static_cast<size_t>(len)), typmod));
    s.remove_prefix(static_cast<size_t>(len));
  }
  if (!s.empty()) throw SqlError{sqlstate::kInvalidBinaryRepresentation, "incorrect binary data format"};
  if (n == 0) return empty_array(*cx.arena, elem_type);
  auto nd = static_cast<size_t>(ndim);
  return b.build(*cx.arena, std::span<const int32_t>(dims, nd), std::span<const int32_t>(lbs, nd));
}

void array_send(FnContext& cx, Datum d, std::string& out) {
  ArrayView v(d);
  auto put = [&](uint32_t w) {
    char word[4];
    store_be(word, w);
    out.append(word, 4);
  };
  put(static_cast<uint32_t>(v.ndim()));
  put(v.has_nulls());
  put(raw(v.elem_type()));
  for (int i = 0; i < v.ndim(); i++) {
    put(static_cast<uint32_t>(v.dims()[i]));
    put(static_cast<uint32_t>(v.lower_bounds()[i]));
  }
  const TypeInfo& t = type_info(v.elem_type());
  for (uint32_t i = 0; i < v.count(); i++) {
    if (v.null(i)) { put(0xFFFFFFFFu); continue; }
    size_t at = out.size();
    put(0);
    t.send(cx, v.value(i), out);
    store_be(out.data() + at, static_cast<uint32_t>(out.size() - at - 4));
  }
}

}  // namespace postern
