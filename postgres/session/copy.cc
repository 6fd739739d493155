// COPY: the statement, between the client or a server-side file and a table or query.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "postgres/ddl/ddl.h"
#include "postgres/session/copy_format.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"
#include "postgres/types/utf8.h"

namespace postern::session {

namespace {

constexpr size_t kReadChunk = 256 << 10;
constexpr int kArenaRows = 256;

struct File {
  int fd = -1;
  ~File() { if (fd >= 0) close(fd); }
};

[[noreturn]] void file_error(const char* what, const char* purpose, std::string_view path) {
  int e = errno;
  SqlState state = e == ENOENT ? sqlstate::kUndefinedFile : e == EACCES ? sqlstate::kInsufficientPrivilege : e == ENOSPC ? sqlstate::kDiskFull : sqlstate::kIoError;
  bool reading = std::string_view(purpose) == "reading";
  throw SqlError{state, cat("could not ", what, " file \"", path, "\" for ", purpose, ": ", std::strerror(e)), {},
                 e == ENOENT || e == EACCES ? cat("COPY ", reading ? "FROM" : "TO", " instructs the PostgreSQL server process to ", reading ? "read" : "write", " a file. You may want a client-side facility such as psql's \\copy.") : std::string()};
}

std::string copy_target_name(const ast::RangeVar& r) {
  return r.schema.empty() ? catalog::quote_ident(r.name) : cat(catalog::quote_ident(r.schema), ".", catalog::quote_ident(r.name));
}

int find_column(const RelationDesc& rel, std::string_view name) {
  for (int i = 0; i < rel.natts(); i++)
    if (!rel.attrs[i].dropped && rel.attrs[i].name == name) return i;
  throw SqlError{sqlstate::kUndefinedColumn, cat("column \"", name, "\" of relation \"", rel.name, "\" does not exist")};
}

}  // namespace

void Session::run_copy(const ast::Stmt& stmt, Portal& portal) {
  const auto& s = ast::to<ast::CopyStmt>(stmt);
  if (s.program) throw_unsupported("COPY with PROGRAM");
  if (s.has_filename) {
    require_superuser(s.from ? "COPY from a file" : "COPY to a file");
    if (!s.from && !s.filename.starts_with('/')) throw SqlError{sqlstate::kInvalidName, "relative path not allowed for COPY to file"};
  }
  CopyOptions o = copy_options(s);
  s.from ? copy_from(s, o, portal) : copy_to(s, o, portal);
}

void Session::copy_from(const ast::CopyStmt& s, const CopyOptions& o, Portal& portal) {
  if (txn::read_only()) throw SqlError{sqlstate::kReadOnlySqlTransaction, "cannot execute COPY FROM in a read-only transaction"};
  RelationRef rel = catalog::open_relation(s.relation->schema, s.relation->name, lock::Mode::kRowExclusive);
  if (rel->kind != 'r') {
    const char* what = rel->kind == 'v' ? "view" : rel->kind == 'S' ? "sequence" : rel->kind == 'm' ? "materialized view" : "non-table relation";
    throw SqlError{sqlstate::kWrongObjectType, cat("cannot copy to ", what, " \"", rel->name, "\""), {}, rel->kind == 'v' ? "To enable copying to a view, provide an INSTEAD OF INSERT trigger." : ""};
  }
  std::vector<int> cols;
  std::vector<std::string_view> names;
  if (s.columns.empty()) {
    for (int i = 0; i < rel->natts(); i++)
      if (!rel->attrs[i].dropped) cols.push_back(i);
  } else {
    for (std::string_view c : s.columns) {
      int i = find_column(*rel, c);
      if (std::find(cols.begin(), cols.end(), i) != cols.end()) throw SqlError{sqlstate::kDuplicateColumn, cat("column \"", c, "\" specified more than once")};
      cols.push_back(i);
    }
  }
  sql::Permission into{rel.get()};
  into.insert = true;
  for (int i : cols) into.inserted.push_back(static_cast<int16_t>(i + 1));
  sql::check_permissions({&into, 1}, user_);
  std::vector<uint8_t> not_null_text(cols.size(), 0), force_null(cols.size(), 0);
  for (size_t k = 0; k < cols.size(); k++) names.push_back(rel->attrs[cols[k]].name);
  auto mark = [&](const std::vector<std::string_view>& list, std::vector<uint8_t>& flags, const char* what) {
    for (std::string_view c : list) {
      int i = find_column(*rel, c);
      auto it = std::find(cols.begin(), cols.end(), i);
      if (it == cols.end()) throw SqlError{sqlstate::kInvalidColumnReference, cat(what, " column \"", c, "\" not referenced by COPY")};
      flags[static_cast<size_t>(it - cols.begin())] = 1;
    }
  };
  mark(o.force_not_null, not_null_text, "FORCE_NOT_NULL");
  mark(o.force_null, force_null, "FORCE_NULL");
  // Columns that are not in the input get their defaults.
  struct DefaultColumn { int column; std::unique_ptr<exec::CompiledExpr> expr; Oid sequence{0}; };
  std::vector<DefaultColumn> defaults;
  for (int i = 0; i < rel->natts(); i++) {
    const AttrDesc& a = rel->attrs[i];
    if (a.dropped || std::find(cols.begin(), cols.end(), i) != cols.end()) continue;
    if (a.identity) defaults.push_back({i, nullptr, a.identity_sequence});
    else if (!a.default_expr.empty()) {
      sql::Expr* e = sql::analyze_expression(a.default_expr, nullptr, a.type, a.typmod, portal.arena);
      defaults.push_back({i, std::make_unique<exec::CompiledExpr>(*e, this)});
    }
  }
  std::unique_ptr<exec::CompiledExpr> where;
  if (s.where) {
    sql::Expr* e = sql::analyze_expression(*s.where, rel.get(), oid::kBool, -1, portal.arena);
    where = std::make_unique<exec::CompiledExpr>(*e, this);
  }
  File file;
  CopySource source;
  if (s.has_filename) {
    std::string path(s.filename);
    file.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file.fd < 0) file_error("open", "reading", path);
    struct stat st{};
    if (fstat(file.fd, &st) == 0 && S_ISDIR(st.st_mode)) throw SqlError{sqlstate::kWrongObjectType, cat("\"", path, "\" is a directory")};
    source = [&](std::string& buffer) {
      size_t old = buffer.size();
      buffer.resize(old + kReadChunk);
      ssize_t n;
      do n = read(file.fd, buffer.data() + old, kReadChunk);
      while (n < 0 && errno == EINTR);
      if (n < 0) throw SqlError{sqlstate::kIoError, cat("could not read from COPY file: ", std::strerror(errno))};
      buffer.resize(old + static_cast<size_t>(n));
      interrupts::check();
      return n > 0;
    };
  } else {
    out_.begin('G');
    out_.byte(o.format == CopyFormat::kBinary ? 1 : 0);
    out_.int16(static_cast<int16_t>(cols.size()));
    for (size_t i = 0; i < cols.size(); i++) out_.int16(o.format == CopyFormat::kBinary ? 1 : 0);
    out_.end();
    conn_.flush();
    source = [&](std::string& buffer) {
      while (true) {
        Connection::Message m = conn_.read_message();
        interrupts::check();
        switch (m.type) {
          case 'd':
            if (m.body.empty()) continue;
            buffer.append(m.body);
            return true;
          case 'c': copy_done_ = true; return false;
          case 'f': {
            wire::Reader r(m.body);
            std::string_view why = r.cstring();
            copy_done_ = true;
            throw SqlError{sqlstate::kQueryCanceled, cat("COPY from stdin failed: ", why)};
          }
          case 'H': case 'S': continue;
          case 0: throw ConnectionLost{};
          default: throw SqlError{sqlstate::kProtocolViolation, cat("unexpected message type 0x", static_cast<int>(m.type), " during COPY from stdin")};
        }
      }
    };
  }
  copy_done_ = s.has_filename;
  // While it waits for data a COPY can be cancelled, as any statement; a session that waits for its next message can't.
  struct CancelWhileReading {
    Connection& conn;
    ~CancelWhileReading() { conn.set_on_interrupt([] { interrupts::check_idle(); }); }
  } guard{conn_};
  conn_.set_on_interrupt([] { interrupts::check(); });
  CopyReader reader(o, source);
  int natts = rel->natts();
  std::vector<Datum> values(static_cast<size_t>(natts), 0);
  std::vector<uint8_t> nulls(static_cast<size_t>(natts), 1);
  std::vector<std::string_view> fields;
  std::vector<uint8_t> field_nulls;
  std::vector<const TypeInfo*> types;
  for (int c : cols) {
    const TypeInfo* t = find_type(rel->attrs[c].type);
    types.push_back(t ? t : &type_info(oid::kRecord));
  }
  exec::BulkInserter inserter(*rel, this);
  Arena arena(64 << 10);
  FnContext cx = fn_context(arena);
  bool binary = o.format == CopyFormat::kBinary;
  size_t column = 0;
  bool in_column = false;
  uint64_t skipped = 0;
  try {
    if (o.header != CopyHeader::kNone) reader.skip_header(names);
    for (int since_reset = 0; reader.next(fields, field_nulls);) {
      if (fields.size() != cols.size()) {
        if (binary) throw SqlError{sqlstate::kBadCopyFileFormat, cat("row field count is ", fields.size(), ", expected ", cols.size())};
        if (fields.size() > cols.size() && !(fields.size() == 1 && cols.empty())) throw SqlError{sqlstate::kBadCopyFileFormat, "extra data after last expected column"};
      }
      in_column = true;
      for (column = 0; column < cols.size(); column++) {
        int c = cols[column];
        if (column >= fields.size()) {
          in_column = false;
          throw SqlError{sqlstate::kBadCopyFileFormat, cat("missing data for column \"", names[column], "\"")};
        }
        std::string_view f = fields[column];
        bool null = field_nulls[column];
        if (!binary) {
          if (null && not_null_text[column]) null = false, f = o.null_text;
          if (!null && force_null[column] && f == o.null_text) null = true;
        }
        nulls[static_cast<size_t>(c)] = null;
        if (null) {
          values[static_cast<size_t>(c)] = 0;
          continue;
        }
        const TypeInfo& t = *types[column];
        if (binary) {
          if (!t.recv) throw SqlError{sqlstate::kUndefinedFunction, cat("no binary input function available for type ", t.name)};
          values[static_cast<size_t>(c)] = t.recv(cx, f, rel->attrs[c].typmod);
        } else {
          if (t.category == 'S' || !t.by_value) check_utf8(f);
          values[static_cast<size_t>(c)] = t.in(cx, f, rel->attrs[c].typmod);
        }
      }
      in_column = false;
      for (auto& d : defaults) {
        NullableDatum v = d.expr ? d.expr->eval_const(arena) : NullableDatum{from_int(ddl::nextval(d.sequence)), false};
        values[static_cast<size_t>(d.column)] = v.value;
        nulls[static_cast<size_t>(d.column)] = v.null;
      }
      bool keep = true;
      if (where) {
        NullableDatum v = where->eval_row(values.data(), nulls.data(), arena);
        keep = !v.null && v.value;
      }
      if (keep) inserter.add(values.data(), nulls.data());
      else skipped++;
      if (++since_reset == kArenaRows) {
        arena.reset();
        since_reset = 0;
      }
    }
    inserter.finish();
  } catch (SqlError& e) {
    if (e.where.empty() && !(e.sqlstate == sqlstate::kForeignKeyViolation)) {   // foreign keys are looked at when all rows are in
      e.where = cat("COPY ", rel->name, ", line ", reader.line());
      if (in_column && column < fields.size()) {
        e.where += cat(", column ", names[column]);
        if (field_nulls[column]) e.where += ": null input";
        else if (!binary) e.where += cat(": \"", fields[column].substr(0, 100), fields[column].size() > 100 ? "..." : "", "\"");
      } else if (!binary && reader.line()) {
        e.where += cat(": \"", reader.line_text().substr(0, 100), reader.line_text().size() > 100 ? "..." : "", "\"");
      }
    }
    throw;
  }
  while (!copy_done_) {   // data after the end-of-data line, up to CopyDone
    std::string rest;
    if (!source(rest)) break;
  }
  portal.tag = cat("COPY ", inserter.count());
}

void Session::copy_to(const ast::CopyStmt& s, const CopyOptions& o, Portal& portal) {
  // A table is copied by the query that reads it.
  auto outer = std::make_shared<Prepared>();
  const ast::Stmt* query = s.query;
  if (!query) {
    RelationRef rel = catalog::open_relation(s.relation->schema, s.relation->name, lock::Mode::kAccessShare);
    if (rel->kind != 'r' && rel->kind != 'm') {
      if (rel->kind == 'v') throw SqlError{sqlstate::kWrongObjectType, cat("cannot copy from view \"", rel->name, "\""), {}, "Try the COPY (SELECT ...) TO variant."};
      throw SqlError{sqlstate::kWrongObjectType, cat("cannot copy from ", rel->kind == 'S' ? "sequence" : "non-table relation", " \"", rel->name, "\"")};
    }
    std::string list;
    if (s.columns.empty()) {
      for (const AttrDesc& a : rel->attrs)
        if (!a.dropped) append(list, list.empty() ? "" : ", ", catalog::quote_ident(a.name));
    } else {
      std::vector<int> seen;
      for (std::string_view c : s.columns) {
        int i = find_column(*rel, c);
        if (std::find(seen.begin(), seen.end(), i) != seen.end()) throw SqlError{sqlstate::kDuplicateColumn, cat("column \"", c, "\" specified more than once")};
        seen.push_back(i);
        append(list, list.empty() ? "" : ", ", catalog::quote_ident(c));
      }
    }
    outer->text = cat("SELECT ", list, " FROM ONLY ", copy_target_name(*s.relation));
    query = sql::parse(outer->text, outer->arena)[0].stmt;
  } else {
    outer->text = portal.prepared->text;
  }
  File file;
  std::string path(s.filename), tmp;
  if (s.has_filename) {
    file.fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file.fd < 0) file_error("open", "writing", path);
  }
  std::string& out = s.has_filename ? tmp : conn_.out();
  auto write_file = [&] {
    size_t done = 0;
    while (done < tmp.size()) {
      ssize_t n = write(file.fd, tmp.data() + done, tmp.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) file_error("write to", "writing", path);
      done += static_cast<size_t>(n);
    }
    tmp.clear();
  };
  std::unique_ptr<CopyWriter> writer;
  Arena arena(64 << 10);
  FnContext cx = fn_context(arena);
  std::vector<NullableDatum> row;
  // The header; of binary format it goes into one message with the first row or the trailer, which clients rely on.
  std::string pending;
  auto send_pending = [&] {
    if (pending.empty()) return;
    out_.begin('d');
    out_.bytes(pending);
    out_.end();
    pending.clear();
  };
  auto head = [&](std::span<const ResultColumn> columns) {
    std::vector<Oid> types;
    std::vector<std::string_view> names;
    for (const ResultColumn& c : columns) {
      types.push_back(c.type);
      names.push_back(c.name);
    }
    for (std::string_view f : o.force_quote)
      if (std::find(names.begin(), names.end(), f) == names.end()) throw SqlError{sqlstate::kInvalidColumnReference, cat("FORCE_QUOTE column \"", f, "\" not referenced by COPY")};
    writer = std::make_unique<CopyWriter>(o, types, names);
    row.resize(types.size());
    int16_t format = o.format == CopyFormat::kBinary ? 1 : 0;
    if (!s.has_filename) {
      out_.begin('H');
      out_.byte(static_cast<char>(format));
      out_.int16(static_cast<int16_t>(types.size()));
      for (size_t i = 0; i < types.size(); i++) out_.int16(format);
      out_.end();
      writer->header(pending);
      if (o.format != CopyFormat::kBinary) send_pending();
    } else {
      writer->header(out);
    }
  };
  auto sink = [&](const exec::Batch& b) {
    arena.reset();
    for (uint32_t i = 0; i < b.rows.count; i++) {
      uint32_t r = b.rows.row(i);
      for (size_t c = 0; c < row.size(); c++) {
        const Vector& v = b.columns[c];
        row[c].null = v.null(r);
        row[c].value = row[c].null ? 0 : v.value(r);
      }
      if (!s.has_filename) {
        out_.begin('d');
        out_.bytes(pending);
        pending.clear();
      }
      writer->row(cx, row.data(), out);
      if (!s.has_filename) {
        out_.end();
        conn_.flush_if_large();
      } else if (tmp.size() > kReadChunk) {
        write_file();
      }
    }
  };
  uint64_t n = run_query_into(*outer, *query, sink, head);
  if (row.empty() && !writer) head({});
  std::string t;
  writer->trailer(t);
  if (s.has_filename) {
    tmp += t;
    write_file();
  } else {
    pending += t;
    send_pending();
    out_.begin('c');
    out_.end();
  }
  portal.tag = cat("COPY ", n);
}

}  // namespace postern::session
