#include "postgres/types/number_format.h"

#include <vector>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

enum class Item : uint8_t {
  kLiteral, kNine, kZero, kPoint, kGroup, kSign, kMinus, kPlus, kSignAlways, kBrackets, kCurrency, kOrdinalLower, kOrdinalUpper, kShift, kExponent,
  kRomanLower, kRomanUpper, kNothing
};
struct Node {
  Item item;
  char literal;
};

struct Template {
  std::vector<Node> nodes;
  NumberTemplate counts;
  bool fill = false;        // FM: no padding
  bool point = false, shift = false, roman_lower = false;
  bool sign = false, sign_after = false, minus = false, plus = false, sign_always = false, brackets = false;
  int zero_start = 0;       // first whole-digit position (from 1) from which zeros are shown; 0: none
  int zero_end = 0;         // fraction digits that are shown even if zero
};

[[noreturn]] void bad(std::string message) { throw SqlError{sqlstate::kSyntaxError, std::move(message)}; }

struct Keyword {
  std::string_view text;  // upper case
  Item item;
};
// Longer ones first.
constexpr Keyword kKeywords[] = {{"EEEE", Item::kExponent}, {"FM", Item::kNothing}, {"MI", Item::kMinus}, {"PL", Item::kPlus}, {"PR", Item::kBrackets},
                                 {"RN", Item::kRomanUpper}, {"SG", Item::kSignAlways}, {"SP", Item::kNothing}, {"TH", Item::kOrdinalUpper},
                                 {",", Item::kGroup}, {".", Item::kPoint}, {"0", Item::kZero}, {"9", Item::kNine}, {"B", Item::kNothing},
                                 {"C", Item::kNothing}, {"D", Item::kPoint}, {"G", Item::kGroup}, {"L", Item::kCurrency}, {"S", Item::kSign},
                                 {"V", Item::kShift}};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

const Keyword* keyword_at(std::string_view s) {
  for (const Keyword& k : kKeywords) {
    if (s.size() < k.text.size()) continue;
    bool same = true;
    for (size_t i = 0; i < k.text.size(); i++) same &= upper(s[i]) == k.text[i];
    if (same) return &k;
  }
  return nullptr;
}

void note(Template& t, Item item) {
  auto& c = t.counts;
  if (c.exponent && item != Item::kNothing) bad("\"EEEE\" must be the last pattern used");
  bool other_signs = t.minus || t.plus || t.sign_always || t.brackets;
  constexpr const char* kMixed = "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together";
  switch (item) {
    case Item::kNine:
    case Item::kZero:
      if (t.brackets) bad(item == Item::kNine ? "\"9\" must be ahead of \"PR\"" : "\"0\" must be ahead of \"PR\"");
      if (t.shift) c.shift++;
      else if (t.point) c.digits_after++;
      else c.digits_before++;
      if (item == Item::kZero) {
        if (t.point) t.zero_end = c.digits_after;
        else if (!t.zero_start) t.zero_start = c.digits_before + c.shift;
      }
      break;
    case Item::kPoint:
      if (t.point) bad("multiple decimal points");
      if (t.shift) bad("cannot use \"V\" and decimal point together");
      t.point = true;
      break;
    case Item::kShift:
      if (t.point) bad("cannot use \"V\" and decimal point together");
      t.shift = true;
      break;
    case Item::kSign:
      if (t.sign) bad("cannot use \"S\" twice");
      if (other_signs) bad(kMixed);
      t.sign = true;
      t.sign_after = c.digits_before + c.digits_after > 0;
      break;
    case Item::kMinus:
    case Item::kPlus:
    case Item::kSignAlways:
    case Item::kBrackets:
      if (t.sign) bad(kMixed);
      (item == Item::kMinus ? t.minus : item == Item::kPlus ? t.plus : item == Item::kSignAlways ? t.sign_always : t.brackets) = true;
      break;
    case Item::kExponent:
      c.exponent = true;
      break;
    case Item::kRomanLower:
    case Item::kRomanUpper:
      c.roman = true;
      t.roman_lower = item == Item::kRomanLower;
      break;
    default: break;
  }
}

Template parse(std::string_view f) {
  Template t;
  for (size_t i = 0; i < f.size();) {
    if (f[i] == '"') {
      for (i++; i < f.size() && f[i] != '"'; i++) {
        if (f[i] == '\\' && i + 1 < f.size()) i++;
        t.nodes.push_back({Item::kLiteral, f[i]});
      }
      i++;
    } else if (f[i] == '\\' && i + 1 < f.size() && f[i + 1] == '"') {
      t.nodes.push_back({Item::kLiteral, '"'});
      i += 2;
    } else if (const Keyword* k = keyword_at(f.substr(i))) {
      Item item = k->item;
      if (item == Item::kRomanUpper && f[i] == 'r') item = Item::kRomanLower;
      if (item == Item::kOrdinalUpper && f[i] == 't') item = Item::kOrdinalLower;
      if (k->text == "FM") t.fill = true;
      note(t, item);
      t.nodes.push_back({item, 0});
      i += k->text.size();
    } else {
      t.nodes.push_back({Item::kLiteral, f[i++]});
    }
  }
  return t;
}

std::string roman(const DecimalText& n, const Template& t) {
  std::string text;
  int v = n.special.empty() && !n.negative && n.whole.size() <= 4 && !n.whole.empty() ? std::stoi(n.whole) : 0;
  if (v < 1 || v > 3999) return std::string(15, '#');
  constexpr std::pair<int, std::string_view> kSteps[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
                                                         {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"}};
  for (auto [value, letters] : kSteps)
    for (; v >= value; v -= value) text += letters;
  if (t.roman_lower)
    for (char& c : text) c = static_cast<char>(c | 0x20);
  if (!t.fill && text.size() < 15) text.insert(0, 15 - text.size(), ' ');
  return text;
}

std::string_view ordinal(std::string_view digits) {
  size_t n = digits.size();
  if (n >= 2 && digits[n - 2] == '1') return "th";
  switch (digits[n - 1]) {
    case '1': return "st";
    case '2': return "nd";
    case '3': return "rd";
    default: return "th";
  }
}

// Walks the nodes with the digits laid out: blanks, then the number.
class Writer {
 public:
  Writer(const Template& t, const DecimalText& n) : t_(t), n_(n) {
    int width = t.counts.digits_before + t.counts.shift;
    std::string whole = n.special == "NaN" ? n.special : n.whole.empty() ? "0" : n.whole;
    fraction_ = n.fraction;
    overflow_ = static_cast<int>(whole.size()) > width || n.special == "Infinity";
    if (overflow_) {
      whole.assign(static_cast<size_t>(width), '#');
      fraction_.assign(n.special.empty() ? n.fraction.size() : static_cast<size_t>(t.counts.digits_after), '#');
    }
    if (n.special == "NaN" && !overflow_) fraction_.clear();
    blanks_ = width - static_cast<int>(whole.size());
    whole_ = std::string(static_cast<size_t>(blanks_), ' ') + whole;
    last_shown_ = static_cast<int>(fraction_.size());
    if (t.fill && !overflow_) {
      while (last_shown_ > t.zero_end && fraction_[static_cast<size_t>(last_shown_ - 1)] == '0') last_shown_--;
    }
  }

  std::string run() {
    for (const Node& node : t_.nodes) write(node);
    return std::move(out_);
  }

 private:
  bool negative() const { return n_.negative; }
  bool floating_sign() const { return !(t_.minus || t_.sign_always || (t_.sign && t_.sign_after)); }

  void write_sign() {
    if (sign_written_ || !floating_sign()) return;
    sign_written_ = true;
    if (t_.sign) out_ += negative() ? '-' : '+';
    else if (t_.brackets) { if (negative()) out_ += '<'; else if (!t_.fill) out_ += ' '; }
    else if (negative()) out_ += '-';
    else if (!t_.fill) out_ += ' ';
  }

  void write_whole_digit() {
    int position = next_whole_++;
    char c = whole_[static_cast<size_t>(position)];
    if (c == ' ') {
      if (t_.zero_start && position + 1 >= t_.zero_start) {
        write_sign();
        out_ += '0';
        in_number_ = true;
      } else if (!t_.fill) {
        out_ += ' ';
      }
      return;
    }
    bool lone_zero = !in_number_ && c == '0' && position + 1 == static_cast<int>(whole_.size()) && !t_.zero_start && t_.counts.digits_after > 0 && !overflow_;
    if (lone_zero && !(t_.fill && last_shown_ == 0)) {
      if (!t_.fill) out_ += ' ';
    } else {
      write_sign();
      out_ += c;
    }
    in_number_ = true;
  }

  void write(const Node& node) {
    switch (node.item) {
      case Item::kLiteral: out_ += node.literal; break;
      case Item::kNine:
      case Item::kZero:
        if (next_whole_ < static_cast<int>(whole_.size())) {
          write_whole_digit();
        } else if (next_fraction_ < last_shown_) {
          out_ += fraction_[static_cast<size_t>(next_fraction_++)];
        }
        break;
      case Item::kPoint:
        write_sign();
        if (!fraction_.empty() || (overflow_ && t_.counts.digits_after > 0)) out_ += '.';
        break;
      case Item::kGroup:
        if (in_number_) out_ += ',';
        else if (!t_.fill) out_ += ' ';
        break;
      case Item::kSign:
        if (t_.sign_after) out_ += negative() ? '-' : '+';
        break;
      case Item::kMinus:
        if (negative()) out_ += '-';
        else if (!t_.fill) out_ += ' ';
        break;
      case Item::kPlus:
        if (!negative()) out_ += '+';
        else if (!t_.fill) out_ += ' ';
        break;
      case Item::kSignAlways: out_ += negative() ? '-' : '+'; break;
      case Item::kBrackets:
        if (negative()) out_ += '>';
        else if (!t_.fill) out_ += ' ';
        break;
      case Item::kCurrency: out_ += ' '; break;
      case Item::kOrdinalLower:
      case Item::kOrdinalUpper:
        if (!negative() && !overflow_ && !t_.point && n_.special.empty() && !whole_.empty()) {
          for (char c : ordinal(whole_)) out_ += node.item == Item::kOrdinalUpper ? upper(c) : c;
        }
        break;
      default: break;
    }
  }

  const Template& t_;
  const DecimalText& n_;
  std::string whole_, fraction_, out_;
  int blanks_ = 0, next_whole_ = 0, next_fraction_ = 0, last_shown_ = 0;
  bool overflow_ = false, sign_written_ = false, in_number_ = false;
};

}  // namespace

NumberTemplate analyse_number_template(std::string_view format) { return parse(format).counts; }

std::string format_number(std::string_view format, const DecimalText& number) {
  Template t = parse(format);
  if (t.counts.roman) return roman(number, t);
  if (t.counts.exponent) {
    std::string text = number.special.empty() ? number.scientific : "#." + std::string(static_cast<size_t>(t.counts.digits_after) + 4, '#');
    return (number.negative ? "-" : t.fill ? "" : " ") + text;
  }
  return Writer(t, number).run();
}

std::string parse_number(std::string_view format, std::string_view input) {
  Template t = parse(format);
  if (t.counts.exponent) throw SqlError{sqlstate::kFeatureNotSupported, "\"EEEE\" not supported for input"};
  if (t.counts.roman) throw SqlError{sqlstate::kFeatureNotSupported, "\"RN\" not supported for input"};
  std::string whole, fraction;
  bool negative = false, sign_read = false, point_read = false;
  size_t at = 0;
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  auto have_digits = [&] { return !whole.empty() || !fraction.empty(); };
  auto read_sign = [&] {
    if (at >= input.size() || sign_read) return;
    char c = input[at];
    if (c != '-' && c != '+' && !(t.brackets && c == '<')) return;
    negative = c != '+';
    sign_read = true;
    at++;
  };
  for (const Node& n : t.nodes) {
    if (at >= input.size()) break;
    switch (n.item) {
      case Item::kNine:
      case Item::kZero:
      case Item::kPoint:
        if (!have_digits()) {
          while (at < input.size() && input[at] == ' ') at++;
          read_sign();
        }
        if (at >= input.size()) break;
        if (is_digit(input[at])) (point_read ? fraction : whole) += input[at++];
        else if (input[at] == '.' && t.point && !point_read) point_read = true, at++;
        else if (have_digits() && t.sign) read_sign();
        break;
      case Item::kGroup:
        if (input[at] == ',') at++;
        break;
      case Item::kSign:
      case Item::kMinus:
      case Item::kPlus:
      case Item::kSignAlways:
        if (!have_digits())
          while (at < input.size() && input[at] == ' ') at++;
        read_sign();
        break;
      case Item::kBrackets:
        if (input[at] == '>') at++;
        break;
      case Item::kOrdinalLower:
      case Item::kOrdinalUpper:
        at = std::min(at + 2, input.size());
        break;
      case Item::kCurrency:
      case Item::kLiteral:   // stands for one character that is no part of the number
        if (!is_digit(input[at]) && std::string_view(".,+-").find(input[at]) == std::string_view::npos) at++;
        break;
      default: break;
    }
  }
  if (!have_digits()) throw SqlError{sqlstate::kInvalidTextRepresentation, cat("invalid input syntax for type numeric: \"", negative ? "-" : " ", "\"")};
  if (!sign_read && t.sign_after && at < input.size() && input[at] == '-') negative = true;
  return cat(negative ? "-" : "", whole.empty() ? "0" : whole, fraction.empty() ? "" : ".", fraction);
}

}  // namespace postern
