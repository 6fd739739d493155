"""psycopg 3: extended protocol, text and binary formats, prepared statements, pipelines, COPY, server cursors."""
import datetime
import decimal
import uuid

import psycopg
from psycopg import errors
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import Json

import cases
from cases import case, same


def connect(**kwargs):
    return psycopg.connect(host=cases.host, port=cases.port, user=cases.user, dbname=cases.database, **kwargs)


VALUES = [("int4", 7), ("int8", -2**40), ("int2", 3), ("float8", 1.25), ("float4", 0.5), ("numeric", decimal.Decimal("12345678901234567890.0010")),
          ("numeric", decimal.Decimal("-0.00001")), ("numeric", decimal.Decimal("1E+20")), ("text", "naïve ☃ 😀 \\ '"), ("bool", True), ("bytea", bytes(range(256))),
          ("date", datetime.date(2024, 2, 29)), ("time", datetime.time(1, 2, 3, 4)), ("timestamp", datetime.datetime(2024, 1, 2, 3, 4, 5, 678901)),
          ("timestamptz", datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone.utc)), ("interval", datetime.timedelta(days=-3, seconds=5, microseconds=7)),
          ("timetz", datetime.time(1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))), ("uuid", uuid.UUID(int=2**100)),
          ("int4[]", [1, None, 3]), ("text[]", ["a,b", None, "NULL", ""]), ("uuid[]", [uuid.UUID(int=1)]), ("numeric[]", [decimal.Decimal("1.50")]),
          ("timestamptz[]", [datetime.datetime(2024, 7, 1, tzinfo=datetime.timezone.utc)])]


@case
def every_format_in_and_out():
    with connect() as c:
        c.execute("set timezone to 'UTC'")
        for placeholder in ("%t", "%b"):
            for binary in (False, True):
                for kind, value in VALUES:
                    got = c.execute(f"select {placeholder}::{kind}", [value], binary=binary).fetchone()[0]
                    same(got, value)
        same(c.execute("select %s::json", [Json({"a": [1, None, "ü"]})], binary=True).fetchone()[0], {"a": [1, None, "ü"]})
        same(c.execute("select %s::json", [Json([1])]).fetchone()[0], [1])


@case
def statements_become_prepared():
    with connect() as c:
        c.prepare_threshold = 2
        for i in range(20):
            same(c.execute("select %s + 1", [i]).fetchone()[0], i + 1)
        same(c.execute("select count(*) from pg_prepared_statements").fetchone()[0] > 0, True)
        c.execute("create temp table t (a int)")
        for i in range(5):
            c.execute("insert into t values (%s)", [i], prepare=True)
        c.execute("alter table t add b text default 'x'")
        for i in range(5):
            c.execute("insert into t values (%s)", [i], prepare=True)
        same(c.execute("select count(*) from t").fetchone()[0], 10)


@case
def pipelines_and_executemany():
    with connect(autocommit=True) as c:
        c.execute("create temp table p (a int primary key)")
        with c.pipeline() as p:
            cursors = [c.execute("insert into p values (%s) returning a", [i]) for i in range(50)]
            p.sync()
            same([x.fetchone()[0] for x in cursors], list(range(50)))
        try:
            with c.pipeline():
                c.execute("insert into p values (1000)")
                c.execute("insert into p values (1)")
                c.execute("insert into p values (1001)")
        except errors.UniqueViolation as e:
            same(e.diag.constraint_name, "p_pkey")
        else:
            raise AssertionError("no error in the pipeline")
        same(c.execute("select count(*) from p where a >= 1000").fetchone()[0], 0)
        cur = c.cursor()
        cur.executemany("insert into p values (%s) returning a", [(i,) for i in range(100, 120)], returning=True)
        n = 1
        while cur.nextset():
            n += 1
        same(n, 20)


@case
def copy_text_and_binary():
    with connect() as c:
        c.execute("create temp table k (a int4, b text, c numeric, d timestamptz)")
        now = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        rows = [(i, f"é{i}\t\\" if i % 3 else None, decimal.Decimal(i) / 4, now) for i in range(1000)]
        cur = c.cursor()
        with cur.copy("copy k from stdin") as copy:
            for r in rows:
                copy.write_row(r)
        with cur.copy("copy k from stdin (format binary)") as copy:
            copy.set_types(["int4", "text", "numeric", "timestamptz"])
            for r in rows:
                copy.write_row(r)
        for form in ("text", "binary"):
            with cur.copy(f"copy (select * from k order by a) to stdout (format {form})") as copy:
                copy.set_types(["int4", "text", "numeric", "timestamptz"])
                got = list(copy.rows())
            same(len(got), 2000)
            same(got[0::2], rows)
        try:
            with cur.copy("copy k from stdin") as copy:
                copy.write("1\n")
        except errors.BadCopyFileFormat as e:
            same(e.diag.context, 'COPY k, line 1: "1"')
        else:
            raise AssertionError("a short row was taken")


@case
def server_cursors():
    with connect() as c:
        with c.cursor("s", row_factory=dict_row, binary=True) as cur:
            cur.execute("select g, g::text as t from generate_series(1, 1000) g where g > %s", [10])
            same(cur.fetchmany(2), [{"g": 11, "t": "11"}, {"g": 12, "t": "12"}])
            cur.scroll(5)
            same(cur.fetchone()["g"], 18)
        with c.cursor("s2", scrollable=True, withhold=True) as cur:
            cur.execute("select 1 union all select 2")
            c.commit()
            same(cur.fetchall(), [(1,), (2,)])


@case
def transactions_nest():
    with connect() as c:
        c.execute("create temp table n (a int)")
        with c.transaction():
            c.execute("insert into n values (1)")
            try:
                with c.transaction():
                    c.execute("insert into n values (2)")
                    c.execute("select 1/0")
            except errors.DivisionByZero:
                pass
            with c.transaction(force_rollback=True):
                c.execute("insert into n values (3)")
        same(c.execute("select array_agg(a) from n").fetchone()[0], [1])
        c.commit()
        c.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        c.read_only = True
        try:
            c.execute("create table no_such (a int)")
        except errors.ReadOnlySqlTransaction:
            pass
        else:
            raise AssertionError("a read-only transaction wrote")


@case
def rows_and_parameters_of_many_kinds():
    with connect(row_factory=namedtuple_row) as c:
        row = c.execute("select %(a)s as a, %(b)s::text as b, %(c)s as c", {"a": 1, "b": None, "c": "x"}).fetchone()
        same((row.a, row.b, row.c), (1, None, "x"))
        row = c.execute("select array_agg(x) as v from unnest(%s::int[]) x where x = any(%s)", [[1, 2, 3], [2, 3]]).fetchone()
        same(row.v, [2, 3])
        same(c.execute("select row(1, 'a', null)::text").fetchone()[0], "(1,a,)")
        same(c.info.parameter_status("integer_datetimes"), "on")
        same(c.info.server_version // 10000, 15)


@case
def connection_options_and_errors():
    with connect(options="-c statement_timeout=200 -c application_name=abc") as c:
        same(c.execute("show application_name").fetchone()[0], "abc")
        same(c.execute("select 'é'").fetchone()[0], "é")
        try:
            c.execute("select pg_sleep(10)")
        except errors.QueryCanceled:
            pass
        else:
            raise AssertionError("no timeout")
    try:
        psycopg.connect(host=cases.host, port=cases.port, user=cases.user, dbname="nosuch")
    except psycopg.OperationalError as e:
        assert 'database "nosuch" does not exist' in str(e), e
    else:
        raise AssertionError("connected to nothing")


cases.run("psycopg3")
