// Tables for people and programs: aligned, unaligned, CSV; across or expanded; psql's layouts to the byte.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::psql {

enum class Format { kAligned, kWrapped, kUnaligned, kCsv };
enum class Expanded { kOff, kOn, kAuto };

struct PrintOptions {
  Format format = Format::kAligned;
  Expanded expanded = Expanded::kOff;
  int border = 1;
  int columns = 0;
  int pager = 1;
  int pager_min_lines = 0;
  bool tuples_only = false;
  bool footer = true;
  bool numeric_locale = false;
  bool unicode = false;
  std::string null_text;
  std::string field_separator = "|";
  bool field_separator_zero = false;
  std::string record_separator = "\n";
  bool record_separator_zero = false;
  std::string csv_separator = ",";
  std::string title, table_attributes;
};

struct Table {
  std::string title;
  std::vector<std::string> headers;
  std::vector<bool> right;             // per column: numbers
  std::vector<std::string_view> cells; // row by row; the owner of the text outlives the table
  std::vector<std::string> footers;
  size_t rows = 0;                     // also without columns
  bool default_footer = true;          // "(n rows)" when there are no other footers
  int encoding = 6;
};

// Appends the table. `width` is the terminal's, 0 if the output is none: for expanded auto and wrapped.
void print_table(const Table& table, const PrintOptions& options, int width, std::string& out);

// A cell as it is shown: lines, each with its width; control characters made visible.
struct CellLine {
  std::string text;
  int width;
};
std::vector<CellLine> display_lines(std::string_view text, int encoding);

bool is_numeric_type(unsigned type);

}  // namespace postern::psql
