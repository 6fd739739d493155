"""pg8000: a driver without libpq; extended protocol with text parameters."""
import datetime
import decimal
import io
import uuid

import pg8000

import cases
from cases import case, same


def connect():
    return pg8000.connect(user=cases.user, host=cases.host, port=cases.port, database=cases.database)


@case
def values_go_and_come_back():
    c = connect()
    cur = c.cursor()
    cur.execute("set timezone to 'UTC'")
    for kind, value in (("int4", 1), ("int8", 2**40), ("float8", 1.5), ("text", "naïve ☃"), ("bool", True), ("numeric", decimal.Decimal("1.50")), ("date", datetime.date(2024, 2, 29)),
                  ("timestamp", datetime.datetime(2024, 1, 2, 3, 4, 5, 6)), ("time", datetime.time(1, 2, 3)), ("uuid", uuid.UUID(int=5)),
                        ("int4[]", [1, 2, 3]), ("bytea", b"\x00\xff")):
        cur.execute(f"select cast(%s as {kind})", (value,))
        same(cur.fetchone()[0], value)
    c.close()


@case
def inserts_and_errors():
    c = connect()
    cur = c.cursor()
    cur.execute("create temp table t (a int primary key, b text)")
    cur.executemany("insert into t values (%s, %s)", [(i, str(i)) for i in range(10)])
    same(cur.rowcount, 10)
    try:
        cur.execute("insert into t values (1, 'x')")
    except pg8000.ProgrammingError as e:
        assert "23505" in str(e), e
    else:
        raise AssertionError("no error")
    c.rollback()
    c.close()


@case
def copy():
    c = connect()
    cur = c.cursor()
    cur.execute("create temp table k (a int, b text)")
    cur.execute("copy k from stdin", stream=io.BytesIO(b"1\tx\n2\t\\N\n"))
    out = io.BytesIO()
    cur.execute("copy k to stdout with (format csv)", stream=out)
    same(out.getvalue(), b"1,x\n2,\n")
    c.close()


cases.run("pg8000")
