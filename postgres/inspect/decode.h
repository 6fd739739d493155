// Decoders: bytes to JSON values, which are printed as they are (--json) or as text lines. Nothing here trusts what it reads.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "postgres/wal/format.h"

namespace postern::inspect {

using Json = nlohmann::ordered_json;

std::string lsn_text(uint64_t lsn);
bool parse_lsn(std::string_view s, uint64_t* lsn);
std::string hex(const uint8_t* p, size_t n, size_t most = 32);   // "…" when cut

Json decode_control(const wal::ControlFile& c);
// detail: with its items. problems counts what is wrong with it.
Json decode_page(const uint8_t* page, uint32_t number, bool detail, int* problems);
Json decode_record(const uint8_t* record, const wal::RecordHeader& h, uint64_t start);
const char* op_name(uint8_t op);

// An object as one line "key=value key=value"; arrays of objects below it, indented.
void print_text(const Json& value, int indent, std::string& out);

}  // namespace postern::inspect
