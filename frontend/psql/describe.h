// What the \d commands share: catalog queries and name patterns.
#pragma once
#include <optional>
#include <string>

#include "frontend/psql/shell.h"

namespace postern::psql {

// The rows of a catalog query. Owns the result.
class Rows {
 public:
  Rows(Shell& s, const std::string& sql, bool brief = false) : r_(run_internal(s, sql, brief)) {}
  ~Rows() { PQclear(r_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  explicit operator bool() const { return r_ != nullptr; }
  int count() const { return PQntuples(r_); }
  std::string get(int row, int col) const { return PQgetvalue(r_, row, col); }
  bool null(int row, int col) const { return PQgetisnull(r_, row, col) != 0; }
  bool is_true(int row, int col) const { return PQgetvalue(r_, row, col)[0] == 't'; }
  PGresult* result() const { return r_; }

 private:
  PGresult* r_;
};

// Conditions for a pattern: [schema.]name with * and ?, double quotes against folding. Each ends up as "AND …" in `where`; with no schema in the
// pattern `visible` is demanded. False after reporting an improper name.
bool pattern_conditions(Shell& s, const std::optional<std::string>& pattern, const std::string& schema_column, const std::string& name_column,
                        const std::string& visible, std::string& where, const char* alternative_column = nullptr);

// Runs the query and prints it with this title; all columns as they are.
bool print_query(Shell& s, const std::string& sql, const std::string& title);

// describe_table.cc
bool describe_relations(Shell& s, const std::string& pattern, bool verbose, bool system);

}  // namespace postern::psql
