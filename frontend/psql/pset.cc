// \pset and the commands that are short for it.
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "frontend/psql/command.h"

namespace postern::psql {
namespace {

const char* format_name(Format f) {
  switch (f) {
    case Format::kAligned: return "aligned";
    case Format::kWrapped: return "wrapped";
    case Format::kUnaligned: return "unaligned";
    case Format::kCsv: return "csv";
  }
  return "";
}

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (char c : s) {
    if (c == '\n') out += "\\n";
    else if (c == '\'') out += "\\'";
    else out += c;
  }
  return out + "'";
}

const char* on_off(bool b) { return b ? "on" : "off"; }

bool toggle(Shell& s, const std::optional<std::string>& value, const char* name, bool& flag) {
  if (!value) {
    flag = !flag;
    return true;
  }
  return parse_bool(*value, name, flag, &s);
}

bool set_format(Shell& s, const std::optional<std::string>& value) {
  if (!value) return true;
  static constexpr const char* kKnown[] = {"aligned", "asciidoc", "csv", "html", "latex", "latex-longtable", "troff-ms", "unaligned", "wrapped"};
  std::vector<std::string> matches;
  for (const char* k : kKnown) {
    if (*value == k) {
      matches = {k};
      break;
    }
    if (strncasecmp(k, value->c_str(), value->size()) == 0) matches.push_back(k);
  }
  if (matches.size() > 1 && matches[0] == "latex") matches.resize(1);
  if (matches.empty()) {
    log_error(s, "\\pset: allowed formats are aligned, asciidoc, csv, html, latex, latex-longtable, troff-ms, unaligned, wrapped");
    return false;
  }
  if (matches.size() > 1) {
    log_error(s, cat("\\pset: ambiguous abbreviation \"", *value, "\" matches both \"", matches[0], "\" and \"", matches[1], "\""));
    return false;
  }
  const std::string& m = matches[0];
  if (m == "aligned") s.print.format = Format::kAligned;
  else if (m == "csv") s.print.format = Format::kCsv;
  else if (m == "unaligned") s.print.format = Format::kUnaligned;
  else if (m == "wrapped") s.print.format = Format::kWrapped;
  else {
    log_error(s, cat("\\pset: format \"", m, "\" is not supported"));
    return false;
  }
  return true;
}

std::string state_text(const Shell& s, const std::string& name) {
  const PrintOptions& p = s.print;
  if (name == "border") return cat("Border style is ", p.border, ".\n");
  if (name == "columns") return p.columns == 0 ? std::string("Target width is unset.\n") : cat("Target width is ", p.columns, ".\n");
  if (name == "x" || name == "expanded" || name == "vertical")
    return p.expanded == Expanded::kOn ? "Expanded display is on.\n" : p.expanded == Expanded::kAuto ? "Expanded display is used automatically.\n" : "Expanded display is off.\n";
  if (name == "csv_fieldsep") return cat("Field separator for CSV is \"", p.csv_separator, "\".\n");
  if (name == "fieldsep" || name == "fieldsep_zero")
    return p.field_separator_zero ? std::string("Field separator is zero byte.\n") : cat("Field separator is \"", p.field_separator, "\".\n");
  if (name == "recordsep" || name == "recordsep_zero")
    return p.record_separator_zero ? std::string("Record separator is zero byte.\n")
           : p.record_separator == "\n" ? std::string("Record separator is <newline>.\n") : cat("Record separator is \"", p.record_separator, "\".\n");
  if (name == "footer") return cat("Default footer is ", on_off(p.footer), ".\n");
  if (name == "format") return cat("Output format is ", format_name(p.format), ".\n");
  if (name == "linestyle") return cat("Line style is ", p.unicode ? "unicode" : "ascii", ".\n");
  if (name == "null") return cat("Null display is \"", p.null_text, "\".\n");
  if (name == "numericlocale") return cat("Locale-adjusted numeric output is ", on_off(p.numeric_locale), ".\n");
  if (name == "pager")
    return p.pager == 1 ? "Pager is used for long output.\n" : p.pager == 2 ? "Pager is always used.\n" : "Pager usage is off.\n";
  if (name == "pager_min_lines") return cat("Pager won't be used for less than ", p.pager_min_lines, " line", p.pager_min_lines == 1 ? "" : "s", ".\n");
  if (name == "tableattr" || name == "T")
    return p.table_attributes.empty() ? std::string("Table attributes unset.\n") : cat("Table attributes are \"", p.table_attributes, "\".\n");
  if (name == "title" || name == "C") return p.title.empty() ? std::string("Title is unset.\n") : cat("Title is \"", p.title, "\".\n");
  if (name == "t" || name == "tuples_only") return cat("Tuples only is ", on_off(p.tuples_only), ".\n");
  return {};
}

}  // namespace

void show_print_options(const Shell& s) {
  const PrintOptions& p = s.print;
  const std::pair<const char*, std::string> list[] = {
      {"border", cat(p.border)},
      {"columns", cat(p.columns)},
      {"csv_fieldsep", quoted(p.csv_separator)},
      {"expanded", p.expanded == Expanded::kAuto ? "auto" : on_off(p.expanded == Expanded::kOn)},
      {"fieldsep", quoted(p.field_separator)},
      {"fieldsep_zero", on_off(p.field_separator_zero)},
      {"footer", on_off(p.footer)},
      {"format", format_name(p.format)},
      {"linestyle", p.unicode ? "unicode" : "ascii"},
      {"null", quoted(p.null_text)},
      {"numericlocale", on_off(p.numeric_locale)},
      {"pager", cat(p.pager)},
      {"pager_min_lines", cat(p.pager_min_lines)},
      {"recordsep", quoted(p.record_separator)},
      {"recordsep_zero", on_off(p.record_separator_zero)},
      {"tableattr", p.table_attributes.empty() ? "" : quoted(p.table_attributes)},
      {"title", p.title.empty() ? "" : quoted(p.title)},
      {"tuples_only", on_off(p.tuples_only)},
      {"unicode_border_linestyle", "single"},
      {"unicode_column_linestyle", "single"},
      {"unicode_header_linestyle", "single"}};
  for (const auto& [name, value] : list) printf("%-24s %s\n", name, value.c_str());
}

bool set_print_option(Shell& s, const std::string& name, const std::optional<std::string>& value, bool silent) {
  PrintOptions& p = s.print;
  bool good = true;
  if (name == "format") {
    good = set_format(s, value);
  } else if (name == "border") {
    if (value) p.border = std::max(0, std::min(atoi(value->c_str()), 65535));
  } else if (name == "linestyle") {
    if (value) {
      if (*value == "ascii" || *value == "old-ascii") p.unicode = false;
      else if (*value == "unicode") p.unicode = true;
      else {
        log_error(s, "\\pset: allowed line styles are ascii, old-ascii, unicode");
        return false;
      }
    }
  } else if (name == "x" || name == "expanded" || name == "vertical") {
    if (value && strcasecmp(value->c_str(), "auto") == 0) {
      p.expanded = Expanded::kAuto;
    } else {
      bool on = p.expanded != Expanded::kOff;
      good = toggle(s, value, "expanded", on);
      if (value && !good) return false;
      p.expanded = on ? Expanded::kOn : Expanded::kOff;
    }
  } else if (name == "csv_fieldsep") {
    if (value) {
      if (value->size() != 1) {
        log_error(s, "\\pset: csv_fieldsep must be a single one-byte character");
        return false;
      }
      if (strchr("\"\n\r", (*value)[0])) {
        log_error(s, "\\pset: csv_fieldsep cannot be a double quote, a newline, or a carriage return");
        return false;
      }
      p.csv_separator = *value;
    }
  } else if (name == "numericlocale") {
    good = toggle(s, value, "numericlocale", p.numeric_locale);
  } else if (name == "null") {
    if (value) p.null_text = *value;
  } else if (name == "fieldsep") {
    if (value) {
      p.field_separator = *value;
      p.field_separator_zero = false;
    }
  } else if (name == "fieldsep_zero") {
    p.field_separator_zero = true;
  } else if (name == "recordsep") {
    if (value) {
      p.record_separator = *value;
      p.record_separator_zero = false;
    }
  } else if (name == "recordsep_zero") {
    p.record_separator_zero = true;
  } else if (name == "t" || name == "tuples_only") {
    good = toggle(s, value, "tuples_only", p.tuples_only);
  } else if (name == "title" || name == "C") {
    p.title = value.value_or("");
  } else if (name == "tableattr" || name == "T") {
    p.table_attributes = value.value_or("");
  } else if (name == "pager") {
    if (value && strcasecmp(value->c_str(), "always") == 0) {
      p.pager = 2;
    } else {
      bool on = p.pager != 0;
      good = toggle(s, value, "pager", on);
      if (good) p.pager = on ? 1 : 0;
    }
  } else if (name == "pager_min_lines") {
    if (value) p.pager_min_lines = atoi(value->c_str());
  } else if (name == "footer") {
    good = toggle(s, value, "footer", p.footer);
  } else if (name == "columns") {
    if (value) p.columns = atoi(value->c_str());
  } else {
    log_error(s, cat("\\pset: unknown option: ", name));
    return false;
  }
  // psql says nothing of these when they are given a value.
  bool mute = value && (name == "footer" || name == "numericlocale" || name == "t" || name == "tuples_only");
  if (good && !silent && !mute) fputs(state_text(s, name).c_str(), stdout);
  return good;
}

}  // namespace postern::psql
