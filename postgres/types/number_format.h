// to_char() templates for numbers.
#pragma once
#include <string>
#include <string_view>

namespace postern {

// What a template asks for, so that the caller can round the number accordingly.
struct NumberTemplate {
  int digits_before = 0, digits_after = 0;
  int shift = 0;              // V: digits after it; the number is multiplied by 10^shift
  bool exponent = false, roman = false;
};

// Throws 42601 for templates PostgreSQL refuses.
NumberTemplate analyse_number_template(std::string_view format);

// The number as decimal text: whole digits without leading zeros (empty for 0) and fraction digits (as many as digits_after). Special values
// have their name in `special`.
struct DecimalText {
  bool negative = false;
  std::string whole, fraction;
  std::string special;        // "NaN" or "Infinity"
  std::string scientific;     // for EEEE: "1.50e+00"
};
std::string format_number(std::string_view format, const DecimalText& number);

// to_number(): the decimal text that the template finds in the input. `shift` is to be divided out by the caller.
std::string parse_number(std::string_view format, std::string_view input);

}  // namespace postern
