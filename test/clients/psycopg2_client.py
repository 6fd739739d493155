"""psycopg2: libpq's simple protocol, adapters, COPY, named cursors, error classes, cancel."""
import contextlib
import datetime
import decimal
import io
import json
import threading
import time
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

import cases
from cases import case, same


def connect(**kwargs):
    return psycopg2.connect(host=cases.host, port=cases.port, user=cases.user, dbname=cases.database, **kwargs)


def one(cursor, sql, args=None):
    cursor.execute(sql, args)
    return cursor.fetchone()[0]


@case
def values_go_and_come_back():
    psycopg2.extras.register_uuid()
    values = [1, -2**40, decimal.Decimal("12345678901234567890.001"), "naïve ☃ 'q' \\ 😀", True, None, datetime.date(2024, 2, 29),
              datetime.datetime(2024, 1, 2, 3, 4, 5, 678901), datetime.time(1, 2, 3), datetime.timedelta(days=3, seconds=5),
              datetime.datetime(2024, 7, 1, 12, 0, tzinfo=datetime.timezone.utc), uuid.UUID(int=12345), [1, 2, None], ["a,b", '"x"', "NULL", None],
              [[1, 2], [3, 4]]]
    with connect() as c, c.cursor() as cur:
        cur.execute("set timezone to 'UTC'")
        for v in values:
            if v is None:
                assert one(cur, "select %s", (v,)) is None
            else:
                same(one(cur, "select %s", (v,)), v)
        same(bytes(one(cur, "select %s::bytea", (psycopg2.Binary(bytes(range(256))),))), bytes(range(256)))
        same(one(cur, "select %s::json", (psycopg2.extras.Json({"a": [1, None, "ü"]}),)), {"a": [1, None, "ü"]})
        same(one(cur, "select '{}'::int[]"), [])


@case
def description_has_types_and_sizes():
    with connect() as c, c.cursor() as cur:
        cur.execute("select 1 as a, 'x'::varchar(10) as b, 1.5::numeric(10,2) as c, now() as d where false")
        same([(d.name, d.type_code, d.internal_size) for d in cur.description], [("a", 23, 4), ("b", 1043, 10), ("c", 1700, 10), ("d", 1184, 8)])
        same(cur.fetchall(), [])


@case
def executemany_and_execute_values():
    with connect() as c, c.cursor() as cur:
        cur.execute("create temp table p (a int primary key, b text)")
        cur.executemany("insert into p values (%s, %s)", [(i, f"v{i}") for i in range(50)])
        got = psycopg2.extras.execute_values(cur, "insert into p values %s returning a", [(i, None) for i in range(50, 150)], fetch=True, page_size=30)
        same(len(got), 100)
        psycopg2.extras.execute_batch(cur, "update p set b = %s where a = %s", [("x", i) for i in range(20)])
        cur.execute("select count(*), count(b), count(*) filter (where b = 'x') from p")
        same(cur.fetchone(), (150, 50, 20))
        cur.execute("delete from p where a < 10")
        same((cur.rowcount, cur.statusmessage), (10, "DELETE 10"))


@case
def named_cursors():
    with connect() as c:
        with c.cursor("server_side", scrollable=True) as cur:
            cur.itersize = 100
            cur.execute("select g from generate_series(1, 1000) g")
            same(sum(r[0] for r in cur), 500500)
            cur.scroll(0, mode="absolute")
            same(cur.fetchmany(3), [(1,), (2,), (3,)])
            cur.scroll(-2)
            same(cur.fetchone(), (2,))
    with connect() as c:
        with c.cursor("held", withhold=True) as cur:
            cur.execute("select g from generate_series(1, 10) g")
            c.commit()
            same(len(cur.fetchall()), 10)


@case
def copy_both_ways():
    with connect() as c, c.cursor() as cur:
        cur.execute("create temp table k (a int, b text)")
        cur.copy_from(io.StringIO("1\tone\n2\t\\N\n3\tta\\tb\n"), "k")
        cur.copy_expert("copy k from stdin with (format csv, header)", io.StringIO('a,b\n4,"quo""ted\nline"\n5,\n'))
        out = io.StringIO()
        cur.copy_expert("copy (select * from k order by a) to stdout csv header", out)
        same(out.getvalue(), 'a,b\n1,one\n2,\n3,ta\tb\n4,"quo""ted\nline"\n5,\n')
        raw = io.BytesIO()
        cur.copy_expert("copy k to stdout binary", raw)
        raw.seek(0)
        cur.execute("truncate k")
        cur.copy_expert("copy k from stdin binary", raw)
        same(one(cur, "select count(*) from k"), 5)
        try:
            cur.copy_from(io.StringIO("x\ty\n"), "k")
        except psycopg2.errors.InvalidTextRepresentation as e:
            same(e.diag.context, 'COPY k, line 1, column a: "x"')
        else:
            raise AssertionError("bad COPY data was taken")


@case
def errors_have_their_classes_and_fields():
    c = connect()
    with contextlib.closing(c):
        c.autocommit = True
        cur = c.cursor()
        cur.execute("create temp table e (a int primary key, b int not null, c int constraint positive check (c > 0))")
        cur.execute("insert into e values (1, 1, 1)")
        for sql, kind, constraint, column in (("insert into e values (1, 1, 1)", "UniqueViolation", "e_pkey", None), ("insert into e values (2, null)", "NotNullViolation", None, "b"),
                                              ("insert into e values (2, 2, -1)", "CheckViolation", "positive", None), ("selec", "SyntaxError", None, None),
                                              ("select * from nosuch", "UndefinedTable", None, None), ("select nosuch", "UndefinedColumn", None, None),
                                              ("select 1/0", "DivisionByZero", None, None), ("select 'x'::int", "InvalidTextRepresentation", None, None)):
            try:
                cur.execute(sql)
            except psycopg2.Error as e:
                same(type(e).__name__, kind)
                same((e.diag.constraint_name, e.diag.column_name), (constraint, column))
                if constraint or column:
                    same(e.diag.table_name, "e")
            else:
                raise AssertionError(f"no error: {sql}")
        c.autocommit = False
        try:
            cur.execute("select 1/0")
        except psycopg2.Error:
            pass
        try:
            cur.execute("select 1")
        except psycopg2.errors.InFailedSqlTransaction:
            c.rollback()
        else:
            raise AssertionError("a failed transaction took a statement")
        same(one(cur, "select 1"), 1)


@case
def isolation_levels_and_read_only():
    with connect() as c:
        c.set_session(isolation_level="REPEATABLE READ", readonly=True)
        cur = c.cursor()
        same(one(cur, "show transaction_isolation"), "repeatable read")
        same(one(cur, "show transaction_read_only"), "on")
        c.rollback()
        c.set_session(isolation_level="READ COMMITTED", readonly=False)
        same(one(cur, "show transaction_isolation"), "read committed")


@case
def cancel_from_another_thread():
    with connect() as c:
        cur = c.cursor()
        threading.Timer(0.3, c.cancel).start()
        start = time.monotonic()
        try:
            cur.execute("select pg_sleep(20)")
        except psycopg2.errors.QueryCanceled:
            assert time.monotonic() - start < 10
        else:
            raise AssertionError("not cancelled")


@case
def savepoints():
    with connect() as c:
        cur = c.cursor()
        cur.execute("create temp table s (a int)")
        for i in range(5):
            cur.execute("savepoint x")
            cur.execute("insert into s values (%s)", (i,))
            cur.execute("rollback to x" if i % 2 else "release x")
        same(one(cur, "select array_agg(a order by a) from s"), [0, 2, 4])


@case
def notices_are_collected():
    with connect() as c, c.cursor() as cur:
        cur.execute("drop table if exists nosuch_table")
        same(c.notices, ['NOTICE:  table "nosuch_table" does not exist, skipping\n'])


@case
def dict_rows_and_time_zones():
    with connect() as c:
        c.cursor().execute("set timezone to 'America/New_York'")
        with c.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            cur.execute("select timestamptz '2024-07-01 12:00Z' as t, json_build_object('k', 1) as j")
            row = cur.fetchone()
            same(row["t"].isoformat(), "2024-07-01T08:00:00-04:00")
            same(json.dumps(row["j"]), '{"k": 1}')


cases.run("psycopg2")
