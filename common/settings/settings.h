// Configuration parameters: PostgreSQL's names, types, units and postgresql.conf syntax. One table of definitions (settings_table.inc); a Settings object holds
// one process's values with their sources, and undoes SET at rollback.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

enum class SettingType : uint8_t { kBool, kInt, kReal, kString, kEnum };
// Who may change it, and when: as pg_settings.context.
enum class SettingContext : uint8_t { kInternal, kPostmaster, kSighup, kSuperuserBackend, kBackend, kSuperuser, kUser };
// Where a value came from; a later one in this list overrides an earlier one.
enum class SettingSource : uint8_t { kDefault, kEnvironment, kFile, kCommandLine, kDatabase, kUser, kDatabaseUser, kClient, kSession };

struct SettingDef {
  const char* name;
  SettingType type;
  SettingContext context;
  const char* unit;          // "", "ms", "s", "min", "B", "kB", "8kB", "MB"
  const char* boot;          // default, in base units
  double min, max;
  const char* enum_values;   // comma separated, kEnum
  bool report;               // sent to the client when it changes (ParameterStatus)
};

std::span<const SettingDef> setting_defs();                  // sorted by name, case-insensitively
const SettingDef* find_setting(std::string_view name);       // case-insensitive; nullptr: unknown
const char* context_name(SettingContext c);
const char* type_name(SettingType t);
const char* source_name(SettingSource s);

// Checks `text` and returns it in base units ("64MB" of a kB setting -> "65536"). Throws 22023 with PostgreSQL's message and hint.
std::string canonical_setting(const SettingDef& def, std::string_view text);
// As SHOW prints it: with the largest unit that divides evenly.
std::string display_setting(const SettingDef& def, std::string_view canonical);
bool parse_bool_setting(std::string_view text, bool* value);         // on/off/true/false/yes/no/1/0 and prefixes

// One assignment of a configuration file.
struct FileSetting { std::string name, value, file; int line; };
// postgresql.conf syntax with include, include_if_exists, include_dir. Throws F0000 with file and line.
std::vector<FileSetting> read_settings_file(const std::string& path, bool missing_ok);

class Settings {
 public:
  Settings();
  // Values in base units.
  const std::string& get(std::string_view name) const;       // 42704 when unknown
  bool get_bool(std::string_view name) const;
  int64_t get_int(std::string_view name) const;
  double get_real(std::string_view name) const;
  bool known(std::string_view name) const;
  std::string show(std::string_view name) const;
  SettingSource source(std::string_view name) const;
  const std::string& reset_value(std::string_view name) const;

  // Sets outside of transactions (startup, file, command line). Ignored if a stronger source has set it.
  void set_from(std::string_view name, std::string_view value, SettingSource source);
  // postgresql.conf, then postgresql.auto.conf of a data directory. Unknown names throw 42704.
  void load_site(const std::string& site);

  // SET and SET LOCAL inside a transaction (nesting level >= 1); null value: the reset value.
  void set(std::string_view name, const std::string* value, bool local, int nesting_level);
  void reset_all(int nesting_level);
  // Transaction ends: commit forgets undo information (and ends SET LOCAL), abort restores. level 1 is the top transaction.
  void end_level(int nesting_level, bool commit);

  // Called with the definition (nullptr for custom a.b settings) after a value changed.
  std::function<void(const SettingDef* def, std::string_view name, const std::string& value)> on_change;
  std::vector<std::pair<std::string, std::string>> custom() const;

 private:
  struct Value { std::string value, reset; SettingSource source = SettingSource::kDefault, reset_source = SettingSource::kDefault; };
  struct Undo { int index; std::string name; std::string value; SettingSource source; int level; bool local; };
  Value* find(std::string_view name, int* index);
  void assign(std::string_view name, Value& v, std::string value, SettingSource source);
  std::vector<Value> values_;                                // by definition index
  std::map<std::string, Value, std::less<>> custom_;         // a.b
  std::vector<Undo> undo_;
};

}  // namespace postern
