#include "postgres/session/copy_format.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/endian.h"
#include "common/base/error.h"

namespace postern::session {

namespace {

constexpr char kSignature[] = "PGCOPY\n\377\r\n";   // followed by its terminating zero: 11 bytes
constexpr size_t kMaxLineBytes = 1u << 30;

[[noreturn]] void bad_format(std::string message) { throw SqlError{sqlstate::kBadCopyFileFormat, std::move(message)}; }

std::string_view def_text(const ast::DefElem& d) {
  if (d.kind == ast::DefKind::kTypeName || d.kind == ast::DefKind::kNames) return d.names.empty() ? std::string_view{} : d.names.back();
  return d.text;
}

bool def_bool(const ast::DefElem& d) {
  if (d.kind == ast::DefKind::kNone) return true;
  if (d.kind == ast::DefKind::kBool || d.kind == ast::DefKind::kInt) return d.ival != 0;
  std::string t;
  for (char c : def_text(d)) t += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (t == "true" || t == "on" || t == "1") return true;
  if (t == "false" || t == "off" || t == "0") return false;
  throw SqlError{sqlstate::kSyntaxError, cat(d.name, " requires a Boolean value")};
}

}  // namespace

CopyOptions copy_options(const ast::CopyStmt& s) {
  CopyOptions o;
  bool delimiter_set = false, null_set = false, quote_set = false, escape_set = false;
  std::vector<std::string_view> seen;
  auto names = [&](const ast::DefElem& d) { return std::vector<std::string_view>(d.names.begin(), d.names.end()); };
  for (const ast::DefElem* d : s.options) {
    if (std::find(seen.begin(), seen.end(), d->name) != seen.end()) throw SqlError{sqlstate::kSyntaxError, "conflicting or redundant options", {}, {}, d->position};
    seen.push_back(d->name);
    std::string_view text = def_text(*d);
    auto one_byte = [&](const char* what) {
      if (text.size() != 1) throw SqlError{sqlstate::kFeatureNotSupported, cat("COPY ", what, " must be a single one-byte character")};
      return text[0];
    };
    if (d->name == "format") {
      if (text == "text") o.format = CopyFormat::kText;
      else if (text == "csv") o.format = CopyFormat::kCsv;
      else if (text == "binary") o.format = CopyFormat::kBinary;
      else throw SqlError{sqlstate::kInvalidParameterValue, cat("COPY format \"", text, "\" not recognized"), {}, {}, d->position};
    } else if (d->name == "delimiter") {
      o.delimiter = one_byte("delimiter");
      delimiter_set = true;
    } else if (d->name == "null") {
      o.null_text = text;
      null_set = true;
    } else if (d->name == "header") {
      std::string lower;
      for (char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      o.header = d->kind != ast::DefKind::kNone && lower == "match" ? CopyHeader::kMatch : def_bool(*d) ? CopyHeader::kPresent : CopyHeader::kNone;
    } else if (d->name == "quote") {
      o.quote = one_byte("quote");
      quote_set = true;
    } else if (d->name == "escape") {
      o.escape = one_byte("escape");
      escape_set = true;
    } else if (d->name == "force_quote") {
      if (d->kind == ast::DefKind::kStar) o.force_quote_all = true;
      else o.force_quote = names(*d);
    } else if (d->name == "force_not_null") o.force_not_null = names(*d);
    else if (d->name == "force_null") o.force_null = names(*d);
    else if (d->name == "encoding") {
      std::string e;
      for (char c : text) if (c != '-' && c != '_') e += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      if (e != "UTF8" && e != "SQLASCII") throw_unsupported(cat("COPY with encoding ", text), d->position);
    } else if (d->name == "freeze") {
      def_bool(*d);   // rows need no freezing here: nothing to do
    } else {
      throw SqlError{sqlstate::kSyntaxError, cat("option \"", d->name, "\" not recognized"), {}, {}, d->position};
    }
  }
  bool csv = o.format == CopyFormat::kCsv, binary = o.format == CopyFormat::kBinary;
  if (csv && !delimiter_set) o.delimiter = ',';
  if (csv && !null_set) o.null_text.clear();
  if (csv && quote_set && !escape_set) o.escape = o.quote;
  auto only_csv = [](bool given, const char* what) {
    if (given) throw SqlError{sqlstate::kFeatureNotSupported, cat("COPY ", what, " available only in CSV mode")};
  };
  if (!csv) {
    only_csv(quote_set, "quote");
    only_csv(escape_set, "escape");
    only_csv(o.force_quote_all || !o.force_quote.empty(), "force quote");
    only_csv(!o.force_not_null.empty(), "force not null");
    only_csv(!o.force_null.empty(), "force null");
  }
  if (binary) {
    if (delimiter_set) throw SqlError{sqlstate::kSyntaxError, "cannot specify DELIMITER in BINARY mode"};
    if (null_set) throw SqlError{sqlstate::kSyntaxError, "cannot specify NULL in BINARY mode"};
    if (o.header != CopyHeader::kNone) throw SqlError{sqlstate::kFeatureNotSupported, "cannot specify HEADER in BINARY mode"};
  }
  if (s.from && (o.force_quote_all || !o.force_quote.empty())) throw SqlError{sqlstate::kFeatureNotSupported, "COPY force quote only available using COPY TO"};
  if (!s.from && !o.force_not_null.empty()) throw SqlError{sqlstate::kFeatureNotSupported, "COPY force not null only available using COPY FROM"};
  if (!s.from && !o.force_null.empty()) throw SqlError{sqlstate::kFeatureNotSupported, "COPY force null only available using COPY FROM"};
  if (!s.from && o.header == CopyHeader::kMatch) throw SqlError{sqlstate::kSyntaxError, "cannot use \"match\" with HEADER in COPY TO"};
  if (!binary) {
    if (o.delimiter == '\n' || o.delimiter == '\r') throw SqlError{sqlstate::kInvalidParameterValue, "COPY delimiter cannot be newline or carriage return"};
    if (o.null_text.find_first_of("\r\n") != std::string::npos) throw SqlError{sqlstate::kInvalidParameterValue, "COPY null representation cannot use newline or carriage return"};
    if (!csv && std::strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", o.delimiter)) throw SqlError{sqlstate::kInvalidParameterValue, cat("COPY delimiter cannot be \"", o.delimiter, "\"")};
    if (o.null_text.find(o.delimiter) != std::string::npos) throw SqlError{sqlstate::kInvalidParameterValue, "COPY delimiter character must not appear in the NULL specification"};
    if (csv && o.delimiter == o.quote) throw SqlError{sqlstate::kInvalidParameterValue, "COPY delimiter and quote must be different"};
    if (csv && o.null_text.find(o.quote) != std::string::npos) throw SqlError{sqlstate::kInvalidParameterValue, "CSV quote character must not appear in the NULL specification"};
  }
  return o;
}

bool CopyReader::more() {
  if (ended_) return false;
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  if (buffer_.size() > kMaxLineBytes) throw SqlError{sqlstate::kProgramLimitExceeded, "COPY line is too long"};
  if (!source_(buffer_)) ended_ = true;
  return !ended_;
}

bool CopyReader::have(size_t n) {
  while (buffer_.size() - at_ < n)
    if (!more()) return false;
  return true;
}

bool CopyReader::next_line(std::string_view* line) {
  size_t scan = 0;   // relative to at_
  while (true) {
    const char* base = buffer_.data() + at_;
    size_t n = buffer_.size() - at_;
    const char* nl = n > scan ? static_cast<const char*>(std::memchr(base + scan, '\n', n - scan)) : nullptr;
    if (nl) {
      auto end = static_cast<size_t>(nl - base);
      size_t slashes = 0;   // a newline after an odd number of backslashes is data
      while (slashes < end && base[end - 1 - slashes] == '\\') slashes++;
      if (slashes % 2) {
        scan = end + 1;
        continue;
      }
      size_t len = end;
      if (len && base[len - 1] == '\r') len--;
      *line = {base, len};
      at_ += end + 1;
      return true;
    }
    scan = n;
    if (!more()) {
      if (n == 0) return false;
      *line = {buffer_.data() + at_, n};
      at_ = buffer_.size();
      return true;
    }
  }
}

bool CopyReader::next_csv_record(std::string_view* record) {
  size_t i = 0;
  bool quoted = false;
  while (true) {
    const char* base = buffer_.data() + at_;
    size_t n = buffer_.size() - at_;
    for (; i < n; i++) {
      char c = base[i];
      if (quoted && c == o_.escape && o_.escape != o_.quote) {
        if (i + 1 >= n) break;
        i++;
        continue;
      }
      if (c == o_.quote) quoted = !quoted;
      else if (c == '\n' && !quoted) {
        size_t len = i;
        if (len && base[len - 1] == '\r') len--;
        *record = {base, len};
        at_ += i + 1;
        return true;
      }
    }
    if (!more()) {
      n = buffer_.size() - at_;
      if (n == 0) return false;
      if (quoted) {
        line_++;
        line_text_ = {buffer_.data() + at_, n};
        bad_format("unterminated CSV quoted field");
      }
      *record = {buffer_.data() + at_, n};
      at_ = buffer_.size();
      return true;
    }
  }
}

void CopyReader::split_text(std::string_view line, std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls) {
  fields.clear();
  nulls.clear();
  scratch_.clear();
  if (line.find('\\') == std::string_view::npos) {   // the common case: nothing escaped
    const char *p = line.data(), *end = p + line.size();
    while (true) {
      const char* d = static_cast<const char*>(std::memchr(p, o_.delimiter, static_cast<size_t>(end - p)));
      const char* stop = d ? d : end;
      std::string_view f(p, static_cast<size_t>(stop - p));
      fields.push_back(f);
      nulls.push_back(f == o_.null_text);
      if (!d) return;
      p = d + 1;
    }
  }
  scratch_.reserve(line.size());   // views into it stay valid
  size_t i = 0;
  while (true) {
    size_t raw_start = i, out_start = scratch_.size();
    for (; i < line.size() && line[i] != o_.delimiter; i++) {
      char c = line[i];
      if (c != '\\' || i + 1 >= line.size()) {
        scratch_ += c;
        continue;
      }
      c = line[++i];
      switch (c) {
        case 'b': scratch_ += '\b'; break;
        case 'f': scratch_ += '\f'; break;
        case 'n': scratch_ += '\n'; break;
        case 'r': scratch_ += '\r'; break;
        case 't': scratch_ += '\t'; break;
        case 'v': scratch_ += '\v'; break;
        case 'x': {
          int v = 0, digits = 0;
          while (digits < 2 && i + 1 < line.size() && std::isxdigit(static_cast<unsigned char>(line[i + 1]))) {
            char h = line[++i];
            v = v * 16 + (h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
            digits++;
          }
          scratch_ += digits ? static_cast<char>(v) : 'x';
          break;
        }
        case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
          int v = c - '0';
          for (int digits = 1; digits < 3 && i + 1 < line.size() && line[i + 1] >= '0' && line[i + 1] <= '7'; digits++) v = v * 8 + (line[++i] - '0');
          scratch_ += static_cast<char>(v);
          break;
        }
        default: scratch_ += c; break;
      }
    }
    fields.emplace_back(scratch_.data() + out_start, scratch_.size() - out_start);
    nulls.push_back(line.substr(raw_start, i - raw_start) == o_.null_text);
    if (i >= line.size()) return;
    i++;
  }
}

void CopyReader::split_csv(std::string_view line, std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls) {
  fields.clear();
  nulls.clear();
  scratch_.clear();
  scratch_.reserve(line.size());
  size_t i = 0;
  while (true) {
    size_t start = scratch_.size();
    bool was_quoted = false;
    for (; i < line.size() && line[i] != o_.delimiter;) {
      if (line[i] != o_.quote) {
        scratch_ += line[i++];
        continue;
      }
      was_quoted = true;
      for (i++;; i++) {
        if (i >= line.size()) bad_format("unterminated CSV quoted field");
        char c = line[i];
        if (c == o_.escape && i + 1 < line.size() && (line[i + 1] == o_.escape || line[i + 1] == o_.quote)) {
          scratch_ += line[++i];
          continue;
        }
        if (c == o_.quote) break;
        scratch_ += c;
      }
      i++;
    }
    std::string_view f(scratch_.data() + start, scratch_.size() - start);
    fields.push_back(f);
    nulls.push_back(!was_quoted && f == o_.null_text);
    if (i >= line.size()) return;
    i++;
  }
}

bool CopyReader::next_binary(std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls) {
  auto truncated = [] { bad_format("unexpected EOF in COPY data"); };
  if (!started_) {
    started_ = true;
    if (!have(19) || std::memcmp(buffer_.data() + at_, kSignature, 11) != 0) bad_format("COPY file signature not recognized");
    auto flags = load_be<int32_t>(buffer_.data() + at_ + 11), ext = load_be<int32_t>(buffer_.data() + at_ + 15);
    if (flags & 0xFFFF0000) bad_format("unrecognized critical flags in COPY file header");
    if (ext < 0) bad_format("invalid COPY file header (wrong length)");
    at_ += 19;
    if (!have(static_cast<size_t>(ext))) bad_format("invalid COPY file header (wrong length)");
    at_ += static_cast<size_t>(ext);
  }
  if (!have(2)) return false;
  int n = load_be<int16_t>(buffer_.data() + at_);
  at_ += 2;
  if (n == -1) {
    if (have(1)) bad_format("received copy data after EOF marker");
    return false;
  }
  if (n < 0) bad_format("invalid field count in COPY data");
  line_++;
  // Collect the row's bytes first: fields are views.
  std::vector<std::pair<size_t, int32_t>> spans;
  scratch_.clear();
  for (int i = 0; i < n; i++) {
    if (!have(4)) truncated();
    auto len = load_be<int32_t>(buffer_.data() + at_);
    at_ += 4;
    if (len < -1) bad_format("invalid field size");
    spans.emplace_back(scratch_.size(), len);
    if (len > 0) {
      if (!have(static_cast<size_t>(len))) truncated();
      scratch_.append(buffer_, at_, static_cast<size_t>(len));
      at_ += static_cast<size_t>(len);
    }
  }
  fields.clear();
  nulls.clear();
  for (auto& [from, len] : spans) {
    nulls.push_back(len < 0);
    fields.emplace_back(scratch_.data() + from, len > 0 ? static_cast<size_t>(len) : 0);
  }
  return true;
}

void CopyReader::skip_header(const std::vector<std::string_view>& names) {
  std::string_view line;
  bool got = o_.format == CopyFormat::kCsv ? next_csv_record(&line) : next_line(&line);
  line_++;
  line_text_ = line;
  if (o_.header != CopyHeader::kMatch) return;
  std::vector<std::string_view> fields;
  std::vector<uint8_t> nulls;
  if (got) o_.format == CopyFormat::kCsv ? split_csv(line, fields, nulls) : split_text(line, fields, nulls);
  if (fields.size() != names.size())
    bad_format(cat("wrong number of fields in header line: got ", fields.size(), ", expected ", names.size()));
  for (size_t i = 0; i < names.size(); i++)
    if (fields[i] != names[i]) bad_format(cat("column name mismatch in header line field ", i + 1, ": got \"", fields[i], "\", expected \"", names[i], "\""));
}

bool CopyReader::next(std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls) {
  if (finished_) return false;
  if (o_.format == CopyFormat::kBinary) {
    if (next_binary(fields, nulls)) return true;
    finished_ = true;
    return false;
  }
  std::string_view line;
  bool csv = o_.format == CopyFormat::kCsv;
  if (!(csv ? next_csv_record(&line) : next_line(&line))) {
    finished_ = true;
    return false;
  }
  line_++;
  line_text_ = line;
  if (line == "\\.") {
    finished_ = true;
    return false;
  }
  csv ? split_csv(line, fields, nulls) : split_text(line, fields, nulls);
  return true;
}

CopyWriter::CopyWriter(const CopyOptions& options, std::span<const Oid> types, std::span<const std::string_view> names) : o_(options) {
  for (size_t i = 0; i < types.size(); i++) {
    const TypeInfo* t = find_type(types[i]);
    types_.push_back(t ? t : &type_info(oid::kRecord));
    names_.emplace_back(names[i]);
    force_quote_.push_back(o_.force_quote_all || std::find(o_.force_quote.begin(), o_.force_quote.end(), names[i]) != o_.force_quote.end());
    if (o_.format == CopyFormat::kBinary && !types_.back()->send)
      throw SqlError{sqlstate::kUndefinedFunction, cat("no binary output function available for type ", types_.back()->name)};
  }
}

void CopyWriter::header(std::string& out) const {
  if (o_.format == CopyFormat::kBinary) {
    out.append(kSignature, 11);
    out.append(8, '\0');
    return;
  }
  if (o_.header == CopyHeader::kNone) return;
  for (size_t i = 0; i < names_.size(); i++) {
    if (i) out += o_.delimiter;
    size_t from = out.size();
    out += names_[i];
    o_.format == CopyFormat::kCsv ? csv_value(out, from, false) : text_value(out, from);
  }
  out += '\n';
}

void CopyWriter::trailer(std::string& out) const {
  if (o_.format == CopyFormat::kBinary) out.append(2, '\377');
}

void CopyWriter::text_value(std::string& out, size_t from) const {
  auto special = [&](char c) { return c == '\\' || c == o_.delimiter || (static_cast<unsigned char>(c) < 32 && std::strchr("\b\f\n\r\t\v", c) && c); };
  size_t i = from;
  while (i < out.size() && !special(out[i])) i++;
  if (i == out.size()) return;
  std::string rest = out.substr(i);
  out.resize(i);
  for (char c : rest) {
    if (!special(c)) {
      out += c;
      continue;
    }
    out += '\\';
    switch (c) {
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      case '\v': out += 'v'; break;
      default: out += c; break;
    }
  }
}

void CopyWriter::csv_value(std::string& out, size_t from, bool force) const {
  std::string_view v = std::string_view(out).substr(from);
  bool quote = force || v == o_.null_text || (names_.size() == 1 && v == "\\.");
  for (char c : v) quote |= c == o_.delimiter || c == o_.quote || c == '\n' || c == '\r';
  if (!quote) return;
  std::string copy(v);
  out.resize(from);
  out += o_.quote;
  for (char c : copy) {
    if (c == o_.quote || c == o_.escape) out += o_.escape;
    out += c;
  }
  out += o_.quote;
}

void CopyWriter::row(FnContext& cx, const NullableDatum* values, std::string& out) {
  if (o_.format == CopyFormat::kBinary) {
    char b[4];
    store_be<int16_t>(b, static_cast<int16_t>(types_.size()));
    out.append(b, 2);
    for (size_t i = 0; i < types_.size(); i++) {
      size_t at = out.size();
      out.append(4, '\377');
      if (values[i].null) continue;
      types_[i]->send(cx, values[i].value, out);
      store_be<int32_t>(out.data() + at, static_cast<int32_t>(out.size() - at - 4));
    }
    return;
  }
  for (size_t i = 0; i < types_.size(); i++) {
    if (i) out += o_.delimiter;
    if (values[i].null) {
      out += o_.null_text;
      continue;
    }
    size_t from = out.size();
    const TypeInfo& t = *types_[i];
    if (t.oid == oid::kInt4 || t.oid == oid::kInt8 || t.oid == oid::kInt2) {
      char buf[24];
      out.append(buf, static_cast<size_t>(std::to_chars(buf, buf + sizeof buf, as_int8(values[i].value)).ptr - buf));
      if (o_.format == CopyFormat::kCsv && force_quote_[i]) csv_value(out, from, true);
      continue;
    }
    t.out(cx, values[i].value, out);
    o_.format == CopyFormat::kCsv ? csv_value(out, from, force_quote_[i]) : text_value(out, from);
  }
  out += '\n';
}

}  // namespace postern::session
