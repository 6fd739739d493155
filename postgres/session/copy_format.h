// COPY's formats, independent of where the bytes come from: text, CSV and binary, both ways.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/sql/ast/ast.h"
#include "postgres/types/type_info.h"

namespace postern::session {

enum class CopyFormat : uint8_t { kText, kCsv, kBinary };
enum class CopyHeader : uint8_t { kNone, kPresent, kMatch };

struct CopyOptions {
  CopyFormat format = CopyFormat::kText;
  char delimiter = '\t', quote = '"', escape = '"';
  std::string null_text = "\\N";
  CopyHeader header = CopyHeader::kNone;
  bool force_quote_all = false;
  std::vector<std::string_view> force_quote, force_not_null, force_null;
};
// Throws PostgreSQL's errors for unknown, repeated and contradictory options.
CopyOptions copy_options(const ast::CopyStmt& s);

// Where bytes come from: fills `buffer` with more (appending); false at the end.
using CopySource = std::function<bool(std::string& buffer)>;

// Splits the input into rows of fields. Fields are views into internal buffers, valid until the next call; null[i] marks NULLs.
class CopyReader {
 public:
  CopyReader(const CopyOptions& options, CopySource source) : o_(options), source_(std::move(source)) {}
  // Next row; false at the end of data. Throws 22P04 for malformed data.
  bool next(std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls);
  uint64_t line() const { return line_; }
  std::string_view line_text() const { return line_text_; }
  void skip_header(const std::vector<std::string_view>& names);

 private:
  bool next_line(std::string_view* line);
  bool next_csv_record(std::string_view* record);
  bool next_binary(std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls);
  void split_text(std::string_view line, std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls);
  void split_csv(std::string_view line, std::vector<std::string_view>& fields, std::vector<uint8_t>& nulls);
  bool have(size_t n);
  bool more();

  CopyOptions o_;
  CopySource source_;
  std::string buffer_, scratch_;
  size_t at_ = 0;
  bool ended_ = false, started_ = false, finished_ = false;
  uint64_t line_ = 0;
  std::string_view line_text_;
};

// Appends one row in the format to out (without message framing).
class CopyWriter {
 public:
  CopyWriter(const CopyOptions& options, std::span<const Oid> types, std::span<const std::string_view> names);
  void header(std::string& out) const;
  void row(FnContext& cx, const NullableDatum* values, std::string& out);
  void trailer(std::string& out) const;

 private:
  void text_value(std::string& out, size_t from) const;
  void csv_value(std::string& out, size_t from, bool force) const;
  CopyOptions o_;
  std::vector<const TypeInfo*> types_;
  std::vector<std::string> names_;
  std::vector<bool> force_quote_;
};

}  // namespace postern::session
