// See print.h.
#include "frontend/psql/print.h"

#include <algorithm>

#include "common/base/cat.h"
#include "frontend/libpq/libpq-fe.h"

namespace postern::psql {
namespace {

// The characters that rules and marks are made of.
struct Style {
  const char *horizontal, *vertical;
  const char *top_left, *top_mid, *top_right, *mid_left, *cross, *mid_right, *bottom_left, *bottom_mid, *bottom_right;
  const char *header_newline, *newline, *wrap_left, *wrap_right;
};
constexpr Style kAscii = {"-", "|", "+", "+", "+", "+", "+", "+", "+", "+", "+", "+", "+", ".", "."};
constexpr Style kUnicode = {"─", "│", "┌", "┬", "┐", "├", "┼", "┤", "└", "┴", "┘", "↵", "↵", "…", "…"};

void pad(std::string& out, int n) {
  if (n > 0) out.append(static_cast<size_t>(n), ' ');
}
void repeat(std::string& out, const char* s, int n) {
  for (int i = 0; i < n; i++) out += s;
}

int width_of(const std::vector<CellLine>& lines) {
  int w = 0;
  for (const CellLine& l : lines) w = std::max(w, l.width);
  return w;
}

std::vector<std::string> footers_of(const Table& t, const PrintOptions& o) {
  if (o.tuples_only || !o.footer) {
    // Footers that belong to the table (indexes and so on) show even so, unless only tuples are wanted.
    return o.tuples_only ? std::vector<std::string>{} : t.footers;
  }
  if (!t.footers.empty() || !t.default_footer) return t.footers;
  return {t.rows == 1 ? std::string("(1 row)") : cat("(", t.rows, " rows)")};
}

class Aligned {
 public:
  Aligned(const Table& t, const PrintOptions& o, std::string& out)
      : t_(t), o_(o), out_(out), s_(o.unicode ? kUnicode : kAscii), n_(t.headers.size()), border_(std::min(o.border, 2)) {
    for (const std::string& h : t.headers) headers_.push_back(display_lines(h, t.encoding));
    cells_.reserve(t.cells.size());
    for (std::string_view c : t.cells) cells_.push_back(display_lines(c, t.encoding));
    for (size_t i = 0; i < n_; i++) {
      int w = width_of(headers_[i]);
      for (size_t r = 0; r < t.rows; r++) w = std::max(w, width_of(cells_[r * n_ + i]));
      widths_.push_back(w);
    }
  }

  int total_width() const {
    int w = 0;
    for (int c : widths_) w += c;
    int n = static_cast<int>(n_);
    return border_ == 0 ? w + n : border_ == 1 ? w + std::max(n * 3 - 1, 0) : w + n * 3 + 1;
  }

  // Narrows the columns whose values are much wider than usual until the table fits.
  void wrap_to(int width) {
    if (width <= 0) return;
    int total = total_width();
    std::vector<int> floor;
    int floor_total = total;
    for (size_t i = 0; i < n_; i++) {
      floor.push_back(std::max(width_of(headers_[i]), 1));
      floor_total -= widths_[i] - floor[i];
    }
    if (floor_total >= width) return;
    std::vector<double> average(n_, 1);
    for (size_t i = 0; i < n_; i++) {
      double sum = 0;
      for (size_t r = 0; r < t_.rows; r++) sum += width_of(cells_[r * n_ + i]);
      if (t_.rows) average[i] = std::max(sum / static_cast<double>(t_.rows), 1.0);
    }
    while (total > width) {
      size_t worst = n_;
      double ratio = 0;
      for (size_t i = 0; i < n_; i++) {
        double r = widths_[i] / average[i] + widths_[i] * 0.01;
        if (widths_[i] > floor[i] && r > ratio) {
          ratio = r;
          worst = i;
        }
      }
      if (worst == n_) return;
      widths_[worst]--;
      total--;
    }
  }

  void print() {
    if (!o_.tuples_only) {
      title();
      header();
    }
    for (size_t r = 0; r < t_.rows && n_ > 0; r++) row(r);
    if (border_ == 2) rule(s_.bottom_left, s_.bottom_mid, s_.bottom_right);
    for (const std::string& f : footers_of(t_, o_)) append(out_, f, "\n");
    out_ += '\n';
  }

 private:
  void title() {
    if (t_.title.empty()) return;
    int w = width_of(display_lines(t_.title, t_.encoding)), total = total_width();
    if (w < total) pad(out_, (total - w) / 2);
    append(out_, t_.title, "\n");
  }

  void rule(const char* left, const char* mid, const char* right) {
    if (border_ == 1) out_ += s_.horizontal;
    else if (border_ == 2) append(out_, left, s_.horizontal);
    for (size_t i = 0; i < n_; i++) {
      repeat(out_, s_.horizontal, widths_[i]);
      if (i + 1 == n_) break;
      if (border_ == 0) out_ += ' ';
      else append(out_, s_.horizontal, mid, s_.horizontal);
    }
    if (border_ == 2) append(out_, s_.horizontal, right);
    else if (border_ == 1) out_ += s_.horizontal;
    out_ += '\n';
  }

  void header() {
    if (border_ == 2) rule(s_.top_left, s_.top_mid, s_.top_right);
    size_t lines = 0;
    for (const auto& h : headers_) lines = std::max(lines, h.size());
    for (size_t l = 0; l < lines; l++) {
      if (border_ == 2) out_ += s_.vertical;
      for (size_t i = 0; i < n_; i++) {
        if (border_ != 0) out_ += ' ';
        if (l < headers_[i].size()) {
          int space = widths_[i] - headers_[i][l].width;
          pad(out_, space / 2);
          out_ += headers_[i][l].text;
          pad(out_, (space + 1) / 2);
        } else {
          pad(out_, widths_[i]);
        }
        out_ += l + 1 < headers_[i].size() ? s_.header_newline : " ";
        if (border_ != 0 && i + 1 < n_) out_ += s_.vertical;
      }
      if (border_ == 2) out_ += s_.vertical;
      out_ += '\n';
    }
    rule(s_.mid_left, s_.cross, s_.mid_right);
  }

  struct Piece {
    std::string text;
    int width;
    bool wrapped_from;  // continues the line before
  };

  // The lines of a cell, cut to the column's width.
  std::vector<Piece> pieces(const std::vector<CellLine>& lines, int width) {
    std::vector<Piece> out;
    for (const CellLine& line : lines) {
      if (line.width <= width) {
        out.push_back({line.text, line.width, false});
        continue;
      }
      size_t i = 0;
      bool first = true;
      while (i < line.text.size()) {
        int w = 0;
        size_t start = i;
        while (i < line.text.size()) {
          int n = std::max(1, PQmblenBounded(line.text.c_str() + i, t_.encoding));
          int d = std::max(0, PQdsplen(line.text.c_str() + i, t_.encoding));
          if (w + d > width && i > start) break;
          w += d;
          i += static_cast<size_t>(n);
        }
        out.push_back({line.text.substr(start, i - start), w, !first});
        first = false;
      }
    }
    return out;
  }

  void row(size_t r) {
    std::vector<std::vector<Piece>> cells;
    size_t lines = 1;
    for (size_t i = 0; i < n_; i++) {
      cells.push_back(pieces(cells_[r * n_ + i], widths_[i]));
      lines = std::max(lines, cells.back().size());
    }
    for (size_t l = 0; l < lines; l++) {
      if (border_ == 2) out_ += s_.vertical;
      for (size_t i = 0; i < n_; i++) {
        bool final_spaces = border_ == 2 || i + 1 < n_;
        const auto& c = cells[i];
        bool here = l < c.size();
        bool continues = l + 1 < c.size();
        bool wraps = continues && c[l + 1].wrapped_from;
        if (border_ != 0) out_ += here && c[l].wrapped_from ? s_.wrap_left : " ";
        if (!here) {
          if (final_spaces) pad(out_, widths_[i]);
        } else if (t_.right[i]) {
          pad(out_, widths_[i] - c[l].width);
          out_ += c[l].text;
        } else {
          out_ += c[l].text;
          if (final_spaces || continues) pad(out_, widths_[i] - c[l].width);
        }
        if (wraps) out_ += s_.wrap_right;
        else if (continues) out_ += s_.newline;
        else if (final_spaces) out_ += ' ';
        if (border_ != 0 && i + 1 < n_) out_ += s_.vertical;
      }
      if (border_ == 2) out_ += s_.vertical;
      out_ += '\n';
    }
  }

  const Table& t_;
  const PrintOptions& o_;
  std::string& out_;
  const Style& s_;
  size_t n_;
  int border_;
  std::vector<std::vector<CellLine>> headers_, cells_;
  std::vector<int> widths_;
};

// One line per column, a heading per row.
class ExpandedTable {
 public:
  ExpandedTable(const Table& t, const PrintOptions& o, std::string& out)
      : t_(t), o_(o), out_(out), s_(o.unicode ? kUnicode : kAscii), n_(t.headers.size()), border_(std::min(o.border, 2)) {
    for (const std::string& h : t.headers) headers_.push_back(display_lines(h, t.encoding));
    for (std::string_view c : t.cells) cells_.push_back(display_lines(c, t.encoding));
    for (const auto& h : headers_) {
      header_width_ = std::max(header_width_, width_of(h));
      if (h.size() > 1) header_lines_ = true;
    }
    for (const auto& c : cells_) data_width_ = std::max(data_width_, width_of(c));
  }

  void print() {
    if (t_.rows == 0 || n_ == 0) {
      for (const std::string& f : footers_of(t_, o_)) append(out_, f, "\n");
      out_ += '\n';
      return;
    }
    if (!t_.title.empty() && !o_.tuples_only) append(out_, t_.title, "\n");
    // The frame is at least as wide as its headings.
    int heading_width = static_cast<int>(cat("[ RECORD ", t_.rows, " ]").size());
    if (border_ == 2 && !o_.tuples_only) data_width_ = std::max(data_width_, heading_width - header_width_ - 3);
    for (size_t r = 0; r < t_.rows; r++) {
      heading(o_.tuples_only ? 0 : r + 1, r == 0);
      for (size_t i = 0; i < n_; i++) lines(headers_[i], cells_[r * n_ + i]);
    }
    if (border_ == 2) heading(0, false, true);
    if (!o_.tuples_only)
      for (const std::string& f : t_.footers) append(out_, f, "\n");
    out_ += '\n';
  }

 private:
  void heading(size_t record, bool first, bool last = false) {
    const char* left = first ? s_.top_left : last ? s_.bottom_left : s_.mid_left;
    const char* mid = first ? s_.top_mid : last ? s_.bottom_mid : s_.cross;
    const char* right = first ? s_.top_right : last ? s_.bottom_right : s_.mid_right;
    if (record == 0 && first && border_ < 2) return;
    std::string text = record == 0 ? "" : border_ == 0 ? cat("* Record ", record) : cat("[ RECORD ", record, " ]");
    if (border_ == 2) append(out_, left, s_.horizontal);
    else if (border_ == 1) out_ += s_.horizontal;
    out_ += text;
    int length = static_cast<int>(text.size()) + (border_ != 2 ? 1 : 0);
    const char* fill = border_ > 0 ? s_.horizontal : " ";
    for (int i = length; i < header_width_; i++) out_ += fill;
    length = std::max(length - header_width_, 0);
    if (border_ > 0) {
      if (length-- <= 0) out_ += s_.horizontal;
      if (length-- <= 0) out_ += mid;
      if (length-- <= 0) out_ += s_.horizontal;
    } else if (length-- <= 0) {
      out_ += ' ';
    }
    for (int i = std::max(length, 0); i < data_width_; i++) out_ += fill;
    if (border_ == 2) append(out_, s_.horizontal, right);
    out_ += '\n';
  }

  void lines(const std::vector<CellLine>& header, const std::vector<CellLine>& cell) {
    size_t n = std::max(header.size(), cell.size());
    for (size_t l = 0; l < n; l++) {
      if (border_ == 2) append(out_, s_.vertical, " ");
      int width = header_width_;
      bool more = l + 1 < header.size();
      if (l < header.size()) {
        out_ += header[l].text;
        pad(out_, width - header[l].width);
      } else {
        pad(out_, width);
      }
      if (border_ > 0 || header_lines_) out_ += more ? s_.header_newline : " ";
      if (border_ > 0) out_ += s_.vertical;
      data_line(cell, l);
    }
  }

  void data_line(const std::vector<CellLine>& cell, size_t l) {
    int width = data_width_;
    if (l >= cell.size()) {
      if (border_ == 2) {
        out_ += ' ';
        pad(out_, width + 1);
        out_ += s_.vertical;
      }
      out_ += '\n';
      return;
    }
    bool more = l + 1 < cell.size();
    out_ += ' ';
    out_ += cell[l].text;
    if (more || border_ == 2) pad(out_, width - cell[l].width);
    if (more) out_ += s_.newline;
    else if (border_ == 2) out_ += ' ';
    if (border_ == 2) out_ += s_.vertical;
    out_ += '\n';
  }

  const Table& t_;
  const PrintOptions& o_;
  std::string& out_;
  const Style& s_;
  size_t n_;
  int border_;
  std::vector<std::vector<CellLine>> headers_, cells_;
  int header_width_ = 0, data_width_ = 0;
  bool header_lines_ = false;
};

void separator(const std::string& text, bool zero, std::string& out) {
  if (zero) out += '\0';
  else out += text;
}

void print_unaligned(const Table& t, const PrintOptions& o, std::string& out) {
  size_t n = t.headers.size();
  bool need = false;
  auto record = [&] {
    if (need) separator(o.record_separator, o.record_separator_zero, out);
    need = true;
  };
  auto field = [&] { separator(o.field_separator, o.field_separator_zero, out); };
  if (!o.tuples_only && !t.title.empty()) {
    record();
    out += t.title;
  }
  if (!o.tuples_only) {
    record();
    for (size_t i = 0; i < n; i++) {
      if (i) field();
      out += t.headers[i];
    }
  }
  for (size_t r = 0; r < t.rows && n > 0; r++) {
    record();
    for (size_t i = 0; i < n; i++) {
      if (i) field();
      out += t.cells[r * n + i];
    }
  }
  for (const std::string& f : footers_of(t, o)) {
    record();
    out += f;
  }
  if (need) {
    if (o.record_separator_zero) out += '\0';
    else out += '\n';
  }
}

void print_unaligned_expanded(const Table& t, const PrintOptions& o, std::string& out) {
  size_t n = t.headers.size();
  bool need = false;
  auto end_record = [&] { separator(o.record_separator, o.record_separator_zero, out); };
  if (!o.tuples_only && !t.title.empty()) {
    out += t.title;
    need = true;
  }
  for (size_t r = 0; r < t.rows && n > 0; r++)
    for (size_t i = 0; i < n; i++) {
      if (need) {
        end_record();
        if (i == 0) end_record();
      }
      need = true;
      out += t.headers[i];
      separator(o.field_separator, o.field_separator_zero, out);
      out += t.cells[r * n + i];
    }
  const std::vector<std::string>& footers = t.footers;
  if (!o.tuples_only && !footers.empty()) {
    if (need) end_record();
    for (const std::string& f : footers) {
      if (need) end_record();
      out += f;
      need = true;
    }
  }
  if (need) {
    if (o.record_separator_zero) out += '\0';
    else out += '\n';
  }
}

void csv_field(std::string_view s, const PrintOptions& o, std::string& out) {
  bool quote = s == "\\." || s.find_first_of("\"\r\n") != s.npos || s.find(o.csv_separator) != s.npos;
  if (!quote) {
    out += s;
    return;
  }
  out += '"';
  for (char c : s) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void print_csv(const Table& t, const PrintOptions& o, std::string& out) {
  size_t n = t.headers.size();
  if (!o.tuples_only) {
    for (size_t i = 0; i < n; i++) {
      if (i) out += o.csv_separator;
      csv_field(t.headers[i], o, out);
    }
    out += '\n';
  }
  for (size_t r = 0; r < t.rows && n > 0; r++) {
    for (size_t i = 0; i < n; i++) {
      if (i) out += o.csv_separator;
      csv_field(t.cells[r * n + i], o, out);
    }
    out += '\n';
  }
}

void print_csv_expanded(const Table& t, const PrintOptions& o, std::string& out) {
  size_t n = t.headers.size();
  for (size_t r = 0; r < t.rows && n > 0; r++)
    for (size_t i = 0; i < n; i++) {
      csv_field(t.headers[i], o, out);
      out += o.csv_separator;
      csv_field(t.cells[r * n + i], o, out);
      out += '\n';
    }
}

}  // namespace

bool is_numeric_type(unsigned type) {
  switch (type) {
    case 20: case 21: case 23: case 26: case 28: case 29: case 700: case 701: case 790: case 1700: case 5069: return true;
    default: return false;
  }
}

std::vector<CellLine> display_lines(std::string_view text, int encoding) {
  std::vector<CellLine> lines(1);
  lines[0].width = 0;
  std::string safe;  // PQmblen looks at bytes behind the character's first
  for (size_t i = 0; i < text.size();) {
    CellLine& line = lines.back();
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x7F) {
      line.text += static_cast<char>(c);
      line.width++;
      i++;
      continue;
    }
    if (c == '\n') {
      lines.push_back({"", 0});
      i++;
      continue;
    }
    if (c == '\r') {
      line.text += "\\r";
      line.width += 2;
      i++;
      continue;
    }
    if (c == '\t') {
      do {
        line.text += ' ';
        line.width++;
      } while (line.width % 8);
      i++;
      continue;
    }
    static constexpr char kHex[] = "0123456789ABCDEF";
    safe.assign(text.substr(i, 5));
    auto n = static_cast<size_t>(PQmblen(safe.c_str(), encoding));
    bool valid = n <= text.size() - i;
    for (size_t k = 1; valid && k < n; k++)
      if (encoding == 6 && (text[i + k] & 0xC0) != 0x80) valid = false;
    if (valid && n == 1 && c >= 0x80 && encoding == 6) valid = false;
    if (n == 1 && (c < 0x20 || c == 0x7F || !valid)) {
      append(line.text, "\\x", kHex[c >> 4], kHex[c & 15]);
      line.width += 4;
      i++;
      continue;
    }
    if (!valid) {
      append(line.text, "\\x", kHex[c >> 4], kHex[c & 15]);
      line.width += 4;
      i++;
      continue;
    }
    int w = PQdsplen(safe.c_str(), encoding);
    if (w < 0 && encoding == 6 && n == 2) {
      unsigned code = (c & 0x1Fu) << 6 | (static_cast<unsigned char>(text[i + 1]) & 0x3Fu);
      append(line.text, "\\u", kHex[code >> 12 & 15], kHex[code >> 8 & 15], kHex[code >> 4 & 15], kHex[code & 15]);
      line.width += 6;
    } else {
      line.text += text.substr(i, n);
      line.width += std::max(w, 0);
    }
    i += n;
  }
  return lines;
}

void print_table(const Table& t, const PrintOptions& o, int width, std::string& out) {
  bool expanded = o.expanded == Expanded::kOn;
  int limit = o.columns > 0 ? o.columns : width;
  if (o.format == Format::kAligned || o.format == Format::kWrapped) {
    if (!expanded) {
      Aligned table(t, o, out);
      if (o.expanded != Expanded::kAuto || limit <= 0 || table.total_width() <= limit || t.headers.empty()) {
        if (o.format == Format::kWrapped) table.wrap_to(limit);
        table.print();
        return;
      }
    }
    ExpandedTable(t, o, out).print();
  } else if (o.format == Format::kUnaligned) {
    expanded ? print_unaligned_expanded(t, o, out) : print_unaligned(t, o, out);
  } else {
    expanded ? print_csv_expanded(t, o, out) : print_csv(t, o, out);
  }
}

}  // namespace postern::psql
