/* The C interface of Postern's client library, libpq.so.5. Types and values are those of PostgreSQL's libpq, so that programs built for one run
 * with the other. A connection or result belongs to one thread at a time; a process may have any number. */
#ifndef LIBPQ_FE_H
#define LIBPQ_FE_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
#define PQ_API __attribute__((visibility("default")))

#ifndef InvalidOid
typedef unsigned int Oid;
#define InvalidOid ((Oid)0)
#define OID_MAX 0xFFFFFFFFu
#endif
typedef int64_t pg_int64;

#define LIBPQ_HAS_PIPELINING 1
#define PG_COPYRES_ATTRS 0x01
#define PG_COPYRES_TUPLES 0x02

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;
typedef struct pg_cancel PGcancel;

typedef enum {
  CONNECTION_OK,
  CONNECTION_BAD,
  CONNECTION_STARTED,
  CONNECTION_MADE,
  CONNECTION_AWAITING_RESPONSE,
  CONNECTION_AUTH_OK,
  CONNECTION_SETENV,
  CONNECTION_SSL_STARTUP,
  CONNECTION_NEEDED,
  CONNECTION_CHECK_WRITABLE,
  CONNECTION_CONSUME,
  CONNECTION_GSS_STARTUP,
  CONNECTION_CHECK_TARGET,
  CONNECTION_CHECK_STANDBY
} ConnStatusType;

typedef enum {
  PGRES_POLLING_FAILED = 0,
  PGRES_POLLING_READING,
  PGRES_POLLING_WRITING,
  PGRES_POLLING_OK,
  PGRES_POLLING_ACTIVE
} PostgresPollingStatusType;

typedef enum {
  PGRES_EMPTY_QUERY = 0,
  PGRES_COMMAND_OK,
  PGRES_TUPLES_OK,
  PGRES_COPY_OUT,
  PGRES_COPY_IN,
  PGRES_BAD_RESPONSE,
  PGRES_NONFATAL_ERROR,
  PGRES_FATAL_ERROR,
  PGRES_COPY_BOTH,
  PGRES_SINGLE_TUPLE,
  PGRES_PIPELINE_SYNC,
  PGRES_PIPELINE_ABORTED
} ExecStatusType;

typedef enum { PQTRANS_IDLE, PQTRANS_ACTIVE, PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_UNKNOWN } PGTransactionStatusType;
typedef enum { PQERRORS_TERSE, PQERRORS_DEFAULT, PQERRORS_VERBOSE, PQERRORS_SQLSTATE } PGVerbosity;
typedef enum { PQSHOW_CONTEXT_NEVER, PQSHOW_CONTEXT_ERRORS, PQSHOW_CONTEXT_ALWAYS } PGContextVisibility;
typedef enum { PQPING_OK, PQPING_REJECT, PQPING_NO_RESPONSE, PQPING_NO_ATTEMPT } PGPing;
typedef enum { PQ_PIPELINE_OFF, PQ_PIPELINE_ON, PQ_PIPELINE_ABORTED } PGpipelineStatus;

typedef struct pgNotify {
  char *relname;
  int be_pid;
  char *extra;
  struct pgNotify *next;
} PGnotify;

typedef struct _PQconninfoOption {
  char *keyword;
  char *envvar;
  char *compiled;
  char *val;
  char *label;
  char *dispchar;
  int dispsize;
} PQconninfoOption;

typedef void (*PQnoticeReceiver)(void *arg, const PGresult *res);
typedef void (*PQnoticeProcessor)(void *arg, const char *message);
typedef void (*pgthreadlock_t)(int acquire);

/* Fields of an error or notice, for PQresultErrorField. */
#define PG_DIAG_SEVERITY 'S'
#define PG_DIAG_SEVERITY_NONLOCALIZED 'V'
#define PG_DIAG_SQLSTATE 'C'
#define PG_DIAG_MESSAGE_PRIMARY 'M'
#define PG_DIAG_MESSAGE_DETAIL 'D'
#define PG_DIAG_MESSAGE_HINT 'H'
#define PG_DIAG_STATEMENT_POSITION 'P'
#define PG_DIAG_INTERNAL_POSITION 'p'
#define PG_DIAG_INTERNAL_QUERY 'q'
#define PG_DIAG_CONTEXT 'W'
#define PG_DIAG_SCHEMA_NAME 's'
#define PG_DIAG_TABLE_NAME 't'
#define PG_DIAG_COLUMN_NAME 'c'
#define PG_DIAG_DATATYPE_NAME 'd'
#define PG_DIAG_CONSTRAINT_NAME 'n'
#define PG_DIAG_SOURCE_FILE 'F'
#define PG_DIAG_SOURCE_LINE 'L'
#define PG_DIAG_SOURCE_FUNCTION 'R'

/* Connecting. Beside PostgreSQL's options, datadir=DIR execs a postgres over that directory and talks to it over a socketpair. */
PQ_API PGconn *PQconnectdb(const char *conninfo);
PQ_API PGconn *PQconnectdbParams(const char *const *keywords, const char *const *values, int expand_dbname);
PQ_API PGconn *PQsetdbLogin(const char *host, const char *port, const char *options, const char *tty, const char *dbname,
                            const char *login, const char *password);
#define PQsetdb(host, port, options, tty, dbname) PQsetdbLogin(host, port, options, tty, dbname, NULL, NULL)
PQ_API PGconn *PQconnectStart(const char *conninfo);
PQ_API PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand_dbname);
PQ_API PostgresPollingStatusType PQconnectPoll(PGconn *conn);
PQ_API void PQfinish(PGconn *conn);
PQ_API void PQreset(PGconn *conn);
PQ_API int PQresetStart(PGconn *conn);
PQ_API PostgresPollingStatusType PQresetPoll(PGconn *conn);
PQ_API PGPing PQping(const char *conninfo);
PQ_API PGPing PQpingParams(const char *const *keywords, const char *const *values, int expand_dbname);
PQ_API PQconninfoOption *PQconndefaults(void);
PQ_API PQconninfoOption *PQconninfoParse(const char *conninfo, char **errmsg);
PQ_API PQconninfoOption *PQconninfo(PGconn *conn);
PQ_API void PQconninfoFree(PQconninfoOption *options);

/* What is known of a connection. */
PQ_API char *PQdb(const PGconn *conn);
PQ_API char *PQuser(const PGconn *conn);
PQ_API char *PQpass(const PGconn *conn);
PQ_API char *PQhost(const PGconn *conn);
PQ_API char *PQhostaddr(const PGconn *conn);
PQ_API char *PQport(const PGconn *conn);
PQ_API char *PQtty(const PGconn *conn);
PQ_API char *PQoptions(const PGconn *conn);
PQ_API ConnStatusType PQstatus(const PGconn *conn);
PQ_API PGTransactionStatusType PQtransactionStatus(const PGconn *conn);
PQ_API const char *PQparameterStatus(const PGconn *conn, const char *name);
PQ_API int PQprotocolVersion(const PGconn *conn);
PQ_API int PQserverVersion(const PGconn *conn);
PQ_API char *PQerrorMessage(const PGconn *conn);
PQ_API int PQsocket(const PGconn *conn);
PQ_API int PQbackendPID(const PGconn *conn);
PQ_API int PQconnectionNeedsPassword(const PGconn *conn);
PQ_API int PQconnectionUsedPassword(const PGconn *conn);
PQ_API int PQclientEncoding(const PGconn *conn);
PQ_API int PQsetClientEncoding(PGconn *conn, const char *encoding);
PQ_API PGVerbosity PQsetErrorVerbosity(PGconn *conn, PGVerbosity verbosity);
PQ_API PGContextVisibility PQsetErrorContextVisibility(PGconn *conn, PGContextVisibility visibility);
PQ_API PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg);
PQ_API PQnoticeProcessor PQsetNoticeProcessor(PGconn *conn, PQnoticeProcessor processor, void *arg);

/* TLS and GSSAPI are not there; these say so. */
PQ_API int PQsslInUse(PGconn *conn);
PQ_API void *PQsslStruct(PGconn *conn, const char *name);
PQ_API const char *PQsslAttribute(PGconn *conn, const char *name);
PQ_API const char *const *PQsslAttributeNames(PGconn *conn);
PQ_API void *PQgetssl(PGconn *conn);
PQ_API void PQinitSSL(int do_init);
PQ_API void PQinitOpenSSL(int do_ssl, int do_crypto);
PQ_API int PQgssEncInUse(PGconn *conn);
PQ_API void *PQgetgssctx(PGconn *conn);
PQ_API int PQisthreadsafe(void);
PQ_API pgthreadlock_t PQregisterThreadLock(pgthreadlock_t handler);

/* Cancelling. PQcancel may be called from a signal handler. */
PQ_API PGcancel *PQgetCancel(PGconn *conn);
PQ_API void PQfreeCancel(PGcancel *cancel);
PQ_API int PQcancel(PGcancel *cancel, char *errbuf, int errbufsize);
PQ_API int PQrequestCancel(PGconn *conn);

/* Commands, synchronously. */
PQ_API PGresult *PQexec(PGconn *conn, const char *query);
PQ_API PGresult *PQexecParams(PGconn *conn, const char *command, int n_params, const Oid *types, const char *const *values,
                              const int *lengths, const int *formats, int result_format);
PQ_API PGresult *PQprepare(PGconn *conn, const char *name, const char *query, int n_params, const Oid *types);
PQ_API PGresult *PQexecPrepared(PGconn *conn, const char *name, int n_params, const char *const *values, const int *lengths,
                                const int *formats, int result_format);
PQ_API PGresult *PQdescribePrepared(PGconn *conn, const char *statement);
PQ_API PGresult *PQdescribePortal(PGconn *conn, const char *portal);

/* Commands, asynchronously; pipelines. */
PQ_API int PQsendQuery(PGconn *conn, const char *query);
PQ_API int PQsendQueryParams(PGconn *conn, const char *command, int n_params, const Oid *types, const char *const *values,
                             const int *lengths, const int *formats, int result_format);
PQ_API int PQsendPrepare(PGconn *conn, const char *name, const char *query, int n_params, const Oid *types);
PQ_API int PQsendQueryPrepared(PGconn *conn, const char *name, int n_params, const char *const *values, const int *lengths,
                               const int *formats, int result_format);
PQ_API int PQsendDescribePrepared(PGconn *conn, const char *statement);
PQ_API int PQsendDescribePortal(PGconn *conn, const char *portal);
PQ_API int PQsetSingleRowMode(PGconn *conn);
PQ_API PGresult *PQgetResult(PGconn *conn);
PQ_API int PQisBusy(PGconn *conn);
PQ_API int PQconsumeInput(PGconn *conn);
PQ_API int PQsetnonblocking(PGconn *conn, int on);
PQ_API int PQisnonblocking(const PGconn *conn);
PQ_API int PQflush(PGconn *conn);
PQ_API PGpipelineStatus PQpipelineStatus(const PGconn *conn);
PQ_API int PQenterPipelineMode(PGconn *conn);
PQ_API int PQexitPipelineMode(PGconn *conn);
PQ_API int PQpipelineSync(PGconn *conn);
PQ_API int PQsendFlushRequest(PGconn *conn);
PQ_API PGnotify *PQnotifies(PGconn *conn);
PQ_API void PQfreeNotify(PGnotify *notify);

/* COPY. */
PQ_API int PQputCopyData(PGconn *conn, const char *buffer, int bytes);
PQ_API int PQputCopyEnd(PGconn *conn, const char *errormsg);
PQ_API int PQgetCopyData(PGconn *conn, char **buffer, int async);
PQ_API int PQputline(PGconn *conn, const char *line);
PQ_API int PQputnbytes(PGconn *conn, const char *buffer, int bytes);
PQ_API int PQendcopy(PGconn *conn);

/* Results. */
PQ_API ExecStatusType PQresultStatus(const PGresult *res);
PQ_API char *PQresStatus(ExecStatusType status);
PQ_API char *PQresultErrorMessage(const PGresult *res);
PQ_API char *PQresultVerboseErrorMessage(const PGresult *res, PGVerbosity verbosity, PGContextVisibility visibility);
PQ_API char *PQresultErrorField(const PGresult *res, int field);
PQ_API int PQntuples(const PGresult *res);
PQ_API int PQnfields(const PGresult *res);
PQ_API int PQbinaryTuples(const PGresult *res);
PQ_API char *PQfname(const PGresult *res, int column);
PQ_API int PQfnumber(const PGresult *res, const char *name);
PQ_API Oid PQftable(const PGresult *res, int column);
PQ_API int PQftablecol(const PGresult *res, int column);
PQ_API int PQfformat(const PGresult *res, int column);
PQ_API Oid PQftype(const PGresult *res, int column);
PQ_API int PQfsize(const PGresult *res, int column);
PQ_API int PQfmod(const PGresult *res, int column);
PQ_API char *PQcmdStatus(PGresult *res);
PQ_API char *PQoidStatus(const PGresult *res);
PQ_API Oid PQoidValue(const PGresult *res);
PQ_API char *PQcmdTuples(PGresult *res);
PQ_API char *PQgetvalue(const PGresult *res, int row, int column);
PQ_API int PQgetlength(const PGresult *res, int row, int column);
PQ_API int PQgetisnull(const PGresult *res, int row, int column);
PQ_API int PQnparams(const PGresult *res);
PQ_API Oid PQparamtype(const PGresult *res, int param);
PQ_API void PQclear(PGresult *res);
PQ_API PGresult *PQmakeEmptyPGresult(PGconn *conn, ExecStatusType status);
PQ_API size_t PQresultMemorySize(const PGresult *res);
PQ_API void PQfreemem(void *ptr);

/* Quoting. */
PQ_API size_t PQescapeStringConn(PGconn *conn, char *to, const char *from, size_t length, int *error);
PQ_API size_t PQescapeString(char *to, const char *from, size_t length);
PQ_API char *PQescapeLiteral(PGconn *conn, const char *str, size_t len);
PQ_API char *PQescapeIdentifier(PGconn *conn, const char *str, size_t len);
PQ_API unsigned char *PQescapeByteaConn(PGconn *conn, const unsigned char *from, size_t from_length, size_t *to_length);
PQ_API unsigned char *PQescapeBytea(const unsigned char *from, size_t from_length, size_t *to_length);
PQ_API unsigned char *PQunescapeBytea(const unsigned char *text, size_t *length);
PQ_API char *PQencryptPasswordConn(PGconn *conn, const char *password, const char *user, const char *algorithm);

/* Encodings. */
PQ_API int PQmblen(const char *s, int encoding);
PQ_API int PQmblenBounded(const char *s, int encoding);
PQ_API int PQdsplen(const char *s, int encoding);
PQ_API int PQenv2encoding(void);
PQ_API int pg_char_to_encoding(const char *name);
PQ_API const char *pg_encoding_to_char(int encoding);
PQ_API int pg_valid_server_encoding_id(int encoding);

PQ_API int PQlibVersion(void);

/* Large objects are not supported: each call fails with a message that says so. */
PQ_API int lo_open(PGconn *conn, Oid lobj, int mode);
PQ_API int lo_close(PGconn *conn, int fd);
PQ_API int lo_read(PGconn *conn, int fd, char *buf, size_t len);
PQ_API int lo_write(PGconn *conn, int fd, const char *buf, size_t len);
PQ_API int lo_lseek(PGconn *conn, int fd, int offset, int whence);
PQ_API pg_int64 lo_lseek64(PGconn *conn, int fd, pg_int64 offset, int whence);
PQ_API Oid lo_creat(PGconn *conn, int mode);
PQ_API Oid lo_create(PGconn *conn, Oid lobj);
PQ_API int lo_tell(PGconn *conn, int fd);
PQ_API pg_int64 lo_tell64(PGconn *conn, int fd);
PQ_API int lo_truncate(PGconn *conn, int fd, size_t len);
PQ_API int lo_truncate64(PGconn *conn, int fd, pg_int64 len);
PQ_API int lo_unlink(PGconn *conn, Oid lobj);
PQ_API Oid lo_import(PGconn *conn, const char *filename);
PQ_API Oid lo_import_with_oid(PGconn *conn, const char *filename, Oid lobj);
PQ_API int lo_export(PGconn *conn, Oid lobj, const char *filename);

#ifdef __cplusplus
}
#endif
#endif
