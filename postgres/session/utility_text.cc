#include "postgres/session/utility_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "common/settings/settings.h"
#include "postgres/catalog/catalog.h"

namespace postern::session {

namespace {

std::string const_text(const ast::Expr& e) {
  if (const auto* c = ast::as<ast::Const>(&e)) {
    switch (c->type) {
      case ast::ConstKind::kInt: return cat(c->ival);
      case ast::ConstKind::kBool: return c->ival ? "on" : "off";
      case ast::ConstKind::kNull: return {};
      default: return std::string(c->text);
    }
  }
  if (const auto* c = ast::as<ast::Cast>(&e)) return const_text(*c->arg);
  if (const auto* c = ast::as<ast::ColumnRef>(&e); c && !c->fields.empty()) return std::string(c->fields.back());
  throw_unsupported("this form of SET value", e.position);
}

}  // namespace

std::string set_value_text(const ast::SetStmt& s) {
  std::string out;
  bool list = s.args.size() > 1 || s.name == "search_path" || s.name == "temp_tablespaces";
  if (!list) return s.args.empty() ? std::string() : const_text(*s.args[0]);
  for (const ast::Expr* e : s.args) {
    std::string v = const_text(*e);
    if (!out.empty()) out += ", ";
    out += s.name == "search_path" ? catalog::quote_ident(v) : v;
  }
  return out;
}

void write_auto_conf(const std::string& site, const ast::SetStmt& s) {
  std::string path = cat(site, "/postgresql.auto.conf"), tmp = cat(path, ".tmp");
  auto list = read_settings_file(path, true);
  bool reset = s.what == ast::SetKind::kReset || s.what == ast::SetKind::kDefault;
  if (s.what == ast::SetKind::kResetAll) {
    list.clear();
  } else {
    const SettingDef* d = find_setting(s.name);
    if (!d) throw SqlError{sqlstate::kUndefinedObject, cat("unrecognized configuration parameter \"", s.name, "\"")};
    if (d->context == SettingContext::kInternal) throw SqlError{sqlstate::kCantChangeRuntimeParam, cat("parameter \"", d->name, "\" cannot be changed")};
    std::erase_if(list, [&](const FileSetting& f) { return find_setting(f.name) == d; });
    if (!reset) {
      std::string value = set_value_text(s);
      if (value.find('\n') != std::string::npos) throw SqlError{sqlstate::kInvalidParameterValue, "parameter value for ALTER SYSTEM must not contain a newline"};
      canonical_setting(*d, value);
      list.push_back({d->name, value, {}, 0});
    }
  }
  std::string text = "# Written by ALTER SYSTEM; edits by hand are lost with the next one.\n";
  for (const FileSetting& f : list) {
    append(text, f.name, " = '");
    for (char c : f.value) {
      if (c == '\'' || c == '\\') text += c;
      text += c;
    }
    text += "'\n";
  }
  int fd = open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  auto fail = [&](const char* what) {
    int e = errno;
    if (fd >= 0) close(fd);
    throw SqlError{e == ENOSPC ? sqlstate::kDiskFull : sqlstate::kIoError, cat("could not ", what, " file \"", tmp, "\": ", std::strerror(e))};
  };
  if (fd < 0) fail("create");
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
  if (fsync(fd) != 0) fail("fsync");
  close(fd);
  fd = -1;
  if (rename(tmp.c_str(), path.c_str()) != 0) fail("rename");
}

}  // namespace postern::session
