// Inside libpq: the connection and the result. Only files of this folder include it.
//
// Invariants:
// 1. `in` holds what was received and not yet taken; `in_start` is the beginning of the next message. A message is taken only when it is complete,
//    except rows of COPY, which PQgetCopyData takes one by one.
// 2. `async` is Busy while results of the head of `queue` may come; Ready when `result` is complete and waits for PQgetResult.
// 3. A length that the server sends is checked before it is used, and memory is taken only for bytes that have really arrived.
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/libpq/libpq-fe.h"

namespace postern::pq {

struct Column {
  std::string name;
  Oid table = 0;
  int table_column = 0;
  int format = 0;
  Oid type = 0;
  int size = -1;
  int modifier = -1;
};

// A value of a row; a null value has length -1 and points to an empty string.
struct Cell {
  char* data;
  int length;
};

enum class Async { Idle, Busy, Ready, ReadyMore, CopyIn, CopyOut, CopyBoth, PipelineIdle };
enum class CommandClass { Simple, Extended, Prepare, Describe, Sync };

struct Command {
  CommandClass kind;
  std::string query;
};

// One way to reach the server: a resolved address of one of the hosts.
struct Address {
  std::string host;
  std::string port;
  std::string host_address;
  sockaddr_storage addr{};
  socklen_t addr_size = 0;
};

using Options = std::vector<std::pair<std::string, std::string>>;  // keyword, value; only those that are set

struct ScramState {
  std::string gs2_header = "n,,", binding;   // binding: the server certificate's hash with SCRAM-SHA-256-PLUS
  std::string nonce, client_first_bare, server_signature;
  int step = 0;
};

class Tls;
// How far a connection has come with encryption.
enum class Encryption { Undecided, Asked, Shaking, On, Off };

std::string lower_ascii(std::string_view s);

// conninfo.cc: false, and a message, when the text is wrong.
bool is_conninfo(std::string_view s);
bool parse_conninfo(std::string_view text, Options& options, std::string& error);
bool fill_defaults(Options& options, std::string& error);
const std::string* find_option(const Options& options, std::string_view keyword);
void set_option(Options& options, std::string_view keyword, std::string_view value);
bool known_option(std::string_view keyword);
PQconninfoOption* to_c_options(const Options& options);
bool apply_service(Options& options, std::string& error);   // what the service file says of the option `service`
std::string password_from_file(const Options& options, const std::string& host, const std::string& port);

// embedded.cc: execs postgres over the directory; gives our end of the socketpair, or -1 with a message.
int start_embedded(const std::string& directory, int& pid, std::string& error);

// scram.cc: answers to AuthenticationSASL*; false with a message when the server proves false.
bool scram_first(ScramState& s, std::string& reply, std::string& error);
bool scram_continue(ScramState& s, std::string_view server_first, const std::string& password, std::string& reply, std::string& error);
bool scram_final(ScramState& s, std::string_view server_final, std::string& error);
std::string scram_secret(const std::string& password);
bool md5_stored(const std::string& password, const std::string& user, std::string& out);
bool md5_password(const std::string& password, const std::string& user, std::string_view salt, std::string& reply);

// report.cc
std::string format_error(const pg_result& r, PGVerbosity verbosity, PGContextVisibility visibility);

}  // namespace postern::pq

struct pg_result {
  ExecStatusType status = PGRES_EMPTY_QUERY;
  std::vector<postern::pq::Column> columns;
  std::vector<postern::pq::Cell> cells;  // row by row
  int rows = 0;
  bool binary = false;
  std::vector<Oid> params;
  std::string tag;
  std::string error;                                     // complete message, ends with a newline
  std::vector<std::pair<char, std::string>> fields;      // of an error or notice
  std::string query;                                     // for the LINE display of an error
  mutable std::string scratch;
  PQnoticeReceiver receiver = nullptr;
  void* receiver_arg = nullptr;
  PQnoticeProcessor processor = nullptr;
  void* processor_arg = nullptr;
  int encoding = 6;

  char* store(std::string_view s);
  size_t memory() const { return allocated_; }

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_left_ = 0, allocated_ = 0;
  char* chunk_ = nullptr;
};

struct pg_conn {
  pg_conn();
  ~pg_conn();
  postern::pq::Options options;
  std::string host, port, host_address, user, db, password, command_options, datadir;
  std::vector<postern::pq::Address> addresses;
  size_t next_address = 0;
  bool options_ok = false;

  int fd = -1;
  int child = 0;
  std::unique_ptr<postern::pq::Tls> tls;
  postern::pq::Encryption encryption = postern::pq::Encryption::Undecided;
  bool retried_encryption = false;   // sslmode allow and prefer have a second try at the same address
  ConnStatusType status = CONNECTION_BAD;
  bool nonblocking = false;
  bool needs_password = false, used_password = false, bound_channel = false, method_seen = false, auth_seen = false, ping_answer = false;
  bool write_failed = false;
  std::string ping_sqlstate;
  postern::pq::ScramState scram;

  std::string in;
  size_t in_start = 0;
  std::string out;
  size_t out_start = 0;

  std::string error;
  PGVerbosity verbosity = PQERRORS_DEFAULT;
  PGContextVisibility context = PQSHOW_CONTEXT_ERRORS;
  PQnoticeReceiver receiver = nullptr;
  void* receiver_arg = nullptr;
  PQnoticeProcessor processor = nullptr;
  void* processor_arg = nullptr;

  int backend_pid = 0, backend_key = 0;
  std::vector<std::pair<std::string, std::string>> parameters;
  int server_version = 0;
  int encoding = 6;
  bool standard_strings = true;
  PGTransactionStatusType transaction = PQTRANS_IDLE;
  PGnotify* notify_head = nullptr;
  PGnotify* notify_tail = nullptr;

  postern::pq::Async async = postern::pq::Async::Idle;
  PGpipelineStatus pipeline = PQ_PIPELINE_OFF;
  std::deque<postern::pq::Command> queue;
  bool single_row = false;
  PGresult* result = nullptr;
  PGresult* template_result = nullptr;  // single-row mode: the columns of the rows that still come
};

namespace postern::pq {

// io.cc: -1 failed (conn->error says why, the connection is closed), 0 nothing, 1 done
int read_input(PGconn* c);
int flush_output(PGconn* c);                       // 0 all sent, 1 some left, -1 failed
bool flush_blocking(PGconn* c);
bool wait_readable(PGconn* c);
void drop_connection(PGconn* c);                   // closes the socket, reaps an embedded postgres
void append_error(PGconn* c, std::string_view text);
void set_socket_options(int fd, bool tcp);

// protocol.cc
enum class Next { Message, Incomplete, Broken };
Next next_message(PGconn* c, char& type, std::string_view& body);
void take_message(PGconn* c, std::string_view body);
void parse_input(PGconn* c);
bool parse_error_fields(PGconn* c, std::string_view body, PGresult* r);
void deliver_notice(PGconn* c, std::string_view body);
bool parse_parameter_status(PGconn* c, std::string_view body);
void internal_notice(PGconn* c, std::string_view text);
void fail_connection(PGconn* c, std::string_view text);
PGresult* error_result(PGconn* c, std::string_view text);
PGresult* prepare_result(PGconn* c);
void clear_result(PGconn* c);
void process_queue(PGconn* c);

}  // namespace postern::pq
