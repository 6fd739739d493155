#include "common/settings/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"

namespace postern {
namespace {

constexpr SettingDef kDefs[] = {
#include "common/settings/settings_table.inc"
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int compare_names(std::string_view a, std::string_view b) {
  for (size_t i = 0; i < a.size() && i < b.size(); i++)
    if (int d = static_cast<unsigned char>(lower(a[i])) - static_cast<unsigned char>(lower(b[i]))) return d;
  return a.size() < b.size() ? -1 : a.size() > b.size();
}

struct Unit { const char* name; double factor; };
// Factors to the smallest unit of the family.
constexpr Unit kMemory[] = {{"B", 1}, {"kB", 1024}, {"MB", 1048576}, {"GB", 1073741824}, {"TB", 1099511627776.0}};
constexpr Unit kTime[] = {{"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

bool memory_unit(std::string_view u) { return u == "B" || u == "kB" || u == "8kB" || u == "MB"; }
double base_factor(std::string_view u) {
  if (u == "8kB") return 8192;
  for (const Unit& m : kMemory) if (u == m.name) return m.factor;
  for (const Unit& t : kTime) if (u == t.name) return t.factor;
  return 1;
}

[[noreturn]] void bad_value(const SettingDef& d, std::string_view text, std::string hint = {}) {
  throw SqlError{sqlstate::kInvalidParameterValue, cat("invalid value for parameter \"", d.name, "\": \"", text, "\""), {}, std::move(hint)};
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && std::strchr(" \t\r\n", s.front())) s.remove_prefix(1);
  while (!s.empty() && std::strchr(" \t\r\n", s.back())) s.remove_suffix(1);
  return s;
}

std::string real_text(double v) {
  char buf[32];
  return std::string(buf, std::to_chars(buf, buf + sizeof buf, v).ptr);
}

std::string canonical_number(const SettingDef& d, std::string_view text) {
  std::string s(trim(text));
  char* end = nullptr;
  double v;
  bool octal = d.type == SettingType::kInt && s.size() > 1 && s[0] == '0' && s.find_first_not_of("01234567") == std::string::npos;   // unix_socket_permissions = 0770
  if (octal) v = static_cast<double>(std::strtoll(s.c_str(), &end, 8));
  else if (s.size() > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) v = static_cast<double>(std::strtoll(s.c_str(), &end, 16));
  else v = std::strtod(s.c_str(), &end);
  if (s.empty() || end == s.c_str() || std::isnan(v)) bad_value(d, text);
  std::string_view unit = trim(end);
  if (!unit.empty()) {
    std::string_view base = d.unit;
    if (base.empty()) bad_value(d, text);
    bool mem = memory_unit(base);
    double f = -1;
    if (mem) { for (const Unit& m : kMemory) if (unit == m.name) f = m.factor; }
    else { for (const Unit& t : kTime) if (unit == t.name) f = t.factor; }
    if (f < 0)
      bad_value(d, text, mem ? "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\"."
                             : "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".");
    v = v * f / base_factor(base);
  }
  if (d.type == SettingType::kInt) {
    v = std::nearbyint(v);
    if (std::abs(v) > 9e15) bad_value(d, text, "Value exceeds integer range.");
  }
  if (v < d.min || v > d.max) {
    std::string u = *d.unit ? cat(" ", d.unit) : std::string();
    auto num = [&](double x) { return d.type == SettingType::kInt ? cat(static_cast<int64_t>(x)) : real_text(x); };
    throw SqlError{sqlstate::kInvalidParameterValue, cat(num(v), u, " is outside the valid range for parameter \"", d.name, "\" (", num(d.min), " .. ", num(d.max), ")")};
  }
  return d.type == SettingType::kInt ? cat(static_cast<int64_t>(v)) : real_text(v);
}

std::string canonical_enum(const SettingDef& d, std::string_view text) {
  std::string_view list = d.enum_values, t = trim(text);
  std::string shown;
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view v = list.substr(0, comma);
    if (compare_names(v, t) == 0) return std::string(v);
    append(shown, shown.empty() ? "" : ", ", v);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  bool b;
  if (shown.find("on") != std::string::npos && parse_bool_setting(t, &b)) return b ? "on" : "off";   // synchronous_commit = true and the like
  bad_value(d, text, cat("Available values: ", shown, "."));
}

}  // namespace

std::span<const SettingDef> setting_defs() { return kDefs; }

const SettingDef* find_setting(std::string_view name) {
  auto it = std::lower_bound(std::begin(kDefs), std::end(kDefs), name, [](const SettingDef& d, std::string_view n) { return compare_names(d.name, n) < 0; });
  return it != std::end(kDefs) && compare_names(it->name, name) == 0 ? &*it : nullptr;
}

const char* context_name(SettingContext c) {
  constexpr const char* kNames[] = {"internal", "postmaster", "sighup", "superuser-backend", "backend", "superuser", "user"};
  return kNames[static_cast<int>(c)];
}
const char* type_name(SettingType t) {
  constexpr const char* kNames[] = {"bool", "integer", "real", "string", "enum"};
  return kNames[static_cast<int>(t)];
}
const char* source_name(SettingSource s) {
  constexpr const char* kNames[] = {"default", "environment variable", "configuration file", "command line", "database", "user", "database user", "client", "session"};
  return kNames[static_cast<int>(s)];
}

bool parse_bool_setting(std::string_view text, bool* value) {
  std::string t;
  for (char c : trim(text)) t += lower(c);
  auto prefix_of = [&](const char* word, size_t least) { return t.size() >= least && std::string_view(word).substr(0, t.size()) == t; };
  if (t == "1" || t == "on" || prefix_of("true", 1) || prefix_of("yes", 1)) return *value = true, true;
  if (t == "0" || prefix_of("off", 2) || prefix_of("false", 1) || prefix_of("no", 1)) return *value = false, true;
  return false;
}

std::string canonical_setting(const SettingDef& d, std::string_view text) {
  switch (d.type) {
    case SettingType::kBool: {
      bool b;
      if (!parse_bool_setting(text, &b)) throw SqlError{sqlstate::kInvalidParameterValue, cat("parameter \"", d.name, "\" requires a Boolean value")};
      return b ? "on" : "off";
    }
    case SettingType::kInt:
    case SettingType::kReal: return canonical_number(d, text);
    case SettingType::kEnum: return canonical_enum(d, text);
    case SettingType::kString: return std::string(text);
  }
  return std::string(text);
}

std::string display_setting(const SettingDef& d, std::string_view canonical) {
  if (d.type == SettingType::kInt && std::string_view(d.name) == "unix_socket_permissions") {
    char octal[16];
    std::snprintf(octal, sizeof octal, "%04o", static_cast<unsigned>(std::strtol(std::string(canonical).c_str(), nullptr, 10)));
    return octal;
  }
  if (d.type != SettingType::kInt || !*d.unit) return std::string(canonical);
  int64_t v = std::strtoll(std::string(canonical).c_str(), nullptr, 10);
  if (v <= 0) return std::string(canonical);
  bool mem = memory_unit(d.unit);
  double base = base_factor(d.unit);
  const Unit* best = nullptr;
  auto consider = [&](const Unit& u) {
    double x = static_cast<double>(v) * base / u.factor;
    if (u.factor >= base / (std::string_view(d.unit) == "8kB" ? 8 : 1) && x >= 1 && x == std::floor(x)) best = &u;
  };
  if (mem) for (const Unit& u : kMemory) consider(u);
  else for (const Unit& u : kTime) consider(u);
  if (!best) return cat(v, d.unit);
  return cat(static_cast<int64_t>(static_cast<double>(v) * base / best->factor), best->name);
}

Settings::Settings() {
  values_.resize(std::size(kDefs));
  for (size_t i = 0; i < values_.size(); i++) values_[i].value = values_[i].reset = kDefs[i].boot;
}

Settings::Value* Settings::find(std::string_view name, int* index) {
  if (const SettingDef* d = find_setting(name)) {
    *index = static_cast<int>(d - kDefs);
    return &values_[*index];
  }
  *index = -1;
  auto it = custom_.find(name);
  return it == custom_.end() ? nullptr : &it->second;
}

namespace {
[[noreturn]] void unknown(std::string_view name) {
  throw SqlError{sqlstate::kUndefinedObject, cat("unrecognized configuration parameter \"", name, "\"")};
}
bool custom_name(std::string_view name) {
  size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < name.size();
}
}  // namespace

const std::string& Settings::get(std::string_view name) const {
  int i;
  Value* v = const_cast<Settings*>(this)->find(name, &i);
  if (!v) unknown(name);
  return v->value;
}
bool Settings::known(std::string_view name) const {
  int i;
  return const_cast<Settings*>(this)->find(name, &i) != nullptr;
}
bool Settings::get_bool(std::string_view name) const { return get(name) == "on"; }
int64_t Settings::get_int(std::string_view name) const { return std::strtoll(get(name).c_str(), nullptr, 10); }
double Settings::get_real(std::string_view name) const { return std::strtod(get(name).c_str(), nullptr); }
std::string Settings::show(std::string_view name) const {
  const SettingDef* d = find_setting(name);
  return d ? display_setting(*d, get(name)) : get(name);
}
SettingSource Settings::source(std::string_view name) const {
  int i;
  Value* v = const_cast<Settings*>(this)->find(name, &i);
  return v ? v->source : SettingSource::kDefault;
}
const std::string& Settings::reset_value(std::string_view name) const {
  int i;
  Value* v = const_cast<Settings*>(this)->find(name, &i);
  if (!v) unknown(name);
  return v->reset;
}

void Settings::assign(std::string_view name, Value& v, std::string value, SettingSource source) {
  v.source = source;
  if (v.value == value) return;
  v.value = std::move(value);
  if (on_change) on_change(find_setting(name), name, v.value);
}

void Settings::set_from(std::string_view name, std::string_view value, SettingSource source) {
  int i;
  Value* v = find(name, &i);
  if (!v) {
    if (!custom_name(name)) unknown(name);
    v = &custom_[std::string(name)];
    i = -1;
  }
  std::string canonical = i >= 0 ? canonical_setting(kDefs[i], value) : std::string(value);
  if (source >= v->reset_source) {
    v->reset = canonical;
    v->reset_source = source;
  }
  if (source >= v->source) assign(name, *v, std::move(canonical), source);
}

void Settings::load_site(const std::string& site) {
  for (const char* file : {"/postgresql.conf", "/postgresql.auto.conf"})
    for (const FileSetting& s : read_settings_file(site + file, true)) {
      try {
        set_from(s.name, s.value, SettingSource::kFile);
      } catch (SqlError& e) {
        e.message = cat(e.message, " in file \"", s.file, "\" line ", s.line);
        throw;
      }
    }
}

void Settings::set(std::string_view name, const std::string* value, bool local, int level) {
  int i;
  Value* v = find(name, &i);
  if (!v) {
    if (!custom_name(name)) unknown(name);
    v = &custom_[std::string(name)];
    i = -1;
  }
  std::string canonical = !value ? v->reset : i >= 0 ? canonical_setting(kDefs[i], *value) : *value;
  undo_.push_back({i, std::string(name), v->value, v->source, level, local});
  assign(name, *v, std::move(canonical), value ? SettingSource::kSession : v->reset_source);
}

void Settings::reset_all(int level) {
  for (size_t i = 0; i < values_.size(); i++)
    if (kDefs[i].context >= SettingContext::kSuperuser && values_[i].value != values_[i].reset && std::strcmp(kDefs[i].name, "role") && std::strcmp(kDefs[i].name, "session_authorization") &&
        std::strncmp(kDefs[i].name, "transaction_", 12))
      set(kDefs[i].name, nullptr, false, level);
  for (auto& [name, v] : custom_)
    if (v.value != v.reset) set(name, nullptr, false, level);
}

void Settings::end_level(int level, bool commit) {
  // Abort restores everything of the level; commit of the top level restores what SET LOCAL changed, of an inner one hands the undo records to the parent.
  if (commit && level > 1) {
    for (Undo& u : undo_)
      if (u.level >= level) u.level = level - 1;
    return;
  }
  std::vector<std::string> kept;   // names SET (not LOCAL) later than the record at hand: their value stays
  while (!undo_.empty() && undo_.back().level >= level) {
    Undo u = std::move(undo_.back());
    undo_.pop_back();
    if (commit && !u.local) {
      kept.push_back(u.name);
      continue;
    }
    if (commit && std::find(kept.begin(), kept.end(), u.name) != kept.end()) continue;
    int i;
    if (Value* v = find(u.name, &i)) assign(u.name, *v, std::move(u.value), u.source);
  }
}

std::vector<std::pair<std::string, std::string>> Settings::custom() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& [name, v] : custom_) out.emplace_back(name, v.value);
  return out;
}

}  // namespace postern
