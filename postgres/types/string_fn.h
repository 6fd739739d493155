// Helpers of the string functions that other files use.
#pragma once
#include <string>
#include <string_view>

#include "postgres/types/fn.h"

namespace postern {

// The text output of any value.
void append_value_text(FnContext& cx, Oid type, Datum d, std::string& out);
// SQL substring: 1-based characters, may start before the text. Throws 22011 for a negative length.
std::string_view text_substring(std::string_view s, int64_t start, int64_t length, bool to_end);

// The function tables of this half of the folder, one per file.
extern const FnTables kStringFunctions, kByteaFunctions, kRegexFunctions, kArrayFunctions, kDatetimeFunctions, kIntervalFunctions,
    kFormattingFunctions, kJsonFunctions, kMiscFunctions, kIoFunctionsB;

}  // namespace postern
