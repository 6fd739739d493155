"""asyncpg: binary formats throughout, type introspection from the catalogs, prepared statements, cursors, COPY."""
import asyncio
import datetime
import decimal
import io
import uuid

import asyncpg

import cases
from cases import case, same


async def connect(**kwargs):
    return await asyncpg.connect(host=cases.host, port=cases.port, user=cases.user, database=cases.database, **kwargs)


def case_async(function):
    async def body():
        c = await connect()
        try:
            await function(c)
        finally:
            await c.close()

    def wrapper():
        asyncio.run(body())
    wrapper.__name__ = function.__name__
    return case(wrapper)


@case_async
async def values_go_and_come_back(c):
    utc = datetime.timezone.utc
    for kind, value in (("int2", 1), ("int4", -5), ("int8", 2**50), ("float8", 1.5), ("float4", 0.25), ("numeric", decimal.Decimal("123456789.000100")), ("text", "naïve ☃"),
                        ("varchar(5)", "abc"), ("bool", False), ("bytea", b"\x00\xff"), ("date", datetime.date(2024, 2, 29)), ("time", datetime.time(1, 2, 3, 4)),
                        ("timestamp", datetime.datetime(2024, 1, 2, 3, 4, 5, 6)), ("timestamptz", datetime.datetime(2024, 1, 2, tzinfo=utc)),
                        ("interval", datetime.timedelta(days=5, seconds=3, microseconds=1)), ("json", '{"a": 1}'), ("int4[]", [1, None, 2]), ("text[]", ["a", None]),
                        ("timestamptz[]", [datetime.datetime(2024, 1, 2, tzinfo=utc)]), ("numeric[]", [decimal.Decimal("1.5")]), ("uuid[]", []), ("bool[]", [True, None])):
        same(await c.fetchval(f"select $1::{kind}", value), value)
    same(str(await c.fetchval("select $1::uuid", uuid.UUID(int=7))), str(uuid.UUID(int=7)))
    same(await c.fetchval("select 'x'::name"), "x")
    same(await c.fetchval("select 'x'::\"char\""), b"x")
    same(await c.fetchval("select 'pg_class'::regclass::oid"), 1259)


@case_async
async def records_are_introspected(c):
    await c.execute("create temp table r (a int, b text)")
    await c.execute("insert into r values (1, 'x'), (2, null)")
    same([tuple(x) for x in await c.fetch("select * from r order by a")], [(1, "x"), (2, None)])
    same(tuple(await c.fetchval("select row(1::int4, 'x'::text)")), (1, "x"))
    same(tuple(await c.fetchval("select r from r where a = 1")), (1, "x"))


@case_async
async def prepared_statements_and_their_attributes(c):
    s = await c.prepare("select $1::int4 as a, $2::text as b, $3::numeric as c")
    same([p.name for p in s.get_parameters()], ["int4", "text", "numeric"])
    same([a.name for a in s.get_attributes()], ["a", "b", "c"])
    for i in range(10):
        same(tuple(await s.fetchrow(i, str(i), decimal.Decimal(i))), (i, str(i), decimal.Decimal(i)))
    await c.execute("create temp table t (a int primary key)")
    await c.executemany("insert into t values ($1)", [(i,) for i in range(500)])
    same(await c.fetchval("select count(*) from t"), 500)
    same(await c.execute("delete from t where a < $1", 10), "DELETE 10")


@case_async
async def cursors_and_transactions(c):
    async with c.transaction(isolation="repeatable_read", readonly=True):
        got = []
        async for r in c.cursor("select g from generate_series(1, 300) g", prefetch=37):
            got.append(r["g"])
        same(len(got), 300)
        cur = await c.cursor("select g from generate_series(1, 10) g")
        await cur.forward(3)
        same((await cur.fetchrow())["g"], 4)
    await c.execute("create temp table t (a int primary key)")
    try:
        async with c.transaction():
            await c.execute("insert into t values (1)")
            async with c.transaction():
                await c.execute("insert into t values (1)")
    except asyncpg.UniqueViolationError as e:
        same((e.constraint_name, e.table_name, e.detail), ("t_pkey", "t", "Key (a)=(1) already exists."))
    else:
        raise AssertionError("no error")
    same(await c.fetchval("select count(*) from t"), 0)


@case_async
async def copy_records(c):
    await c.execute("create temp table k (a int, b text, c timestamptz)")
    now = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
    rows = [(i, f"é{i}", now) for i in range(1000)]
    same(await c.copy_records_to_table("k", records=rows), "COPY 1000")
    out = io.BytesIO()
    same(await c.copy_from_query("select a, b from k where a < $1", 2, output=out, format="csv"), "COPY 2")
    same(out.getvalue().decode(), "0,é0\n1,é1\n")


@case_async
async def timeouts_and_cancel(c):
    try:
        await c.execute("select pg_sleep(10)", timeout=0.3)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("no timeout")
    same(await c.fetchval("select 1"), 1)


@case
def pools_reset_their_connections():
    async def body():
        async with asyncpg.create_pool(host=cases.host, port=cases.port, user=cases.user, database=cases.database, min_size=2, max_size=4) as pool:
            async def work(i):
                async with pool.acquire() as c:
                    await c.execute("set work_mem = '8MB'")
                    return await c.fetchval("select $1::int * 2", i)
            same(await asyncio.gather(*(work(i) for i in range(30))), [2 * i for i in range(30)])
            async with pool.acquire() as c:
                same(await c.fetchval("show work_mem"), "4MB")
    asyncio.run(body())


cases.run("asyncpg")
