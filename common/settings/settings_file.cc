// postgresql.conf: name [=] value, quotes doubled or backslashed, # comments, include directives.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/settings/settings.h"

namespace postern {
namespace {

constexpr int kMaxIncludeDepth = 10;
constexpr size_t kMaxFileBytes = 4 << 20;

[[noreturn]] void syntax_error(const std::string& file, int line, std::string_view near) {
  throw SqlError{sqlstate::kConfigFileError, cat("syntax error in file \"", file, "\" line ", line, ", near token \"", near, "\"")};
}

bool name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$' || (c & 0x80); }

std::string parse_value(std::string_view s, size_t& i, const std::string& file, int line) {
  std::string v;
  if (i < s.size() && s[i] == '\'') {
    for (i++; i < s.size(); i++) {
      if (s[i] == '\'') {
        if (i + 1 < s.size() && s[i + 1] == '\'') { v += '\''; i++; continue; }
        i++;
        return v;
      }
      if (s[i] == '\\' && i + 1 < s.size()) {
        char c = s[++i];
        v += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        continue;
      }
      v += s[i];
    }
    syntax_error(file, line, "end of line");
  }
  while (i < s.size() && !std::strchr(" \t\r#", s[i])) v += s[i++];
  return v;
}

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

void read_into(const std::string& path, bool missing_ok, int depth, std::vector<FileSetting>& out) {
  if (depth > kMaxIncludeDepth) throw SqlError{sqlstate::kConfigFileError, cat("could not open configuration file \"", path, "\": maximum nesting depth exceeded")};
  std::unique_ptr<FILE, int (*)(FILE*)> f(std::fopen(path.c_str(), "re"), std::fclose);
  if (!f) {
    if (missing_ok && errno == ENOENT) return;
    throw SqlError{sqlstate::kConfigFileError, cat("could not open configuration file \"", path, "\": ", std::strerror(errno))};
  }
  std::string text;
  char buf[8192];
  for (size_t n; (n = std::fread(buf, 1, sizeof buf, f.get())) > 0;) {
    text.append(buf, n);
    if (text.size() > kMaxFileBytes) throw SqlError{sqlstate::kConfigFileError, cat("configuration file \"", path, "\" is too large")};
  }
  int line = 0;
  for (size_t at = 0; at < text.size();) {
    size_t nl = std::min(text.find('\n', at), text.size());
    std::string_view s(text.data() + at, nl - at);
    at = nl + 1;
    line++;
    size_t i = 0;
    auto skip = [&] { while (i < s.size() && std::strchr(" \t\r", s[i])) i++; };
    skip();
    if (i == s.size() || s[i] == '#') continue;
    size_t start = i;
    while (i < s.size() && name_char(s[i])) i++;
    std::string name(s.substr(start, i - start));
    if (name.empty()) syntax_error(path, line, s.substr(i, 1));
    skip();
    if (i < s.size() && s[i] == '=') i++;
    skip();
    if (i == s.size() || s[i] == '#') syntax_error(path, line, "end of line");
    std::string value = parse_value(s, i, path, line);
    skip();
    if (i < s.size() && s[i] != '#') syntax_error(path, line, s.substr(i));
    auto resolved = [&] { return value.starts_with('/') ? value : cat(directory_of(path), "/", value); };
    if (name == "include") read_into(resolved(), false, depth + 1, out);
    else if (name == "include_if_exists") read_into(resolved(), true, depth + 1, out);
    else if (name == "include_dir") {
      std::vector<std::string> files;
      std::string dir = resolved();
      std::unique_ptr<DIR, int (*)(DIR*)> d(opendir(dir.c_str()), closedir);
      if (!d) throw SqlError{sqlstate::kConfigFileError, cat("could not open configuration directory \"", dir, "\": ", std::strerror(errno))};
      while (dirent* e = readdir(d.get())) {
        std::string_view n = e->d_name;
        if (n.ends_with(".conf") && !n.starts_with('.')) files.push_back(cat(dir, "/", n));
      }
      std::sort(files.begin(), files.end());
      for (const std::string& file : files) read_into(file, false, depth + 1, out);
    } else {
      out.push_back({name, value, path, line});
    }
  }
}

}  // namespace

std::vector<FileSetting> read_settings_file(const std::string& path, bool missing_ok) {
  std::vector<FileSetting> out;
  read_into(path, missing_ok, 0, out);
  return out;
}

}  // namespace postern
