// node-postgres (pg): pools, parameters, prepared statements, errors, cursors where pg-cursor is installed.
'use strict';
const assert = require('assert');
const pg = require('pg');
const options = { host: process.env.PGHOST || '127.0.0.1', port: +process.env.PGPORT, user: process.env.PGUSER || 'postgres', database: process.env.PGDATABASE || 'postgres' };
const cases = {
  async 'values go and come back'(c) {
    await c.query("set timezone to 'UTC'");
    const r = await c.query('select $1::int as a, $2::text as b, $3::bool as c, $4::float8 as d, $5::json as e, $6::int[] as f, $7::bytea as g, $8::timestamptz as h, $9::numeric as i, $10::int8 as j, $11::text[] as k',
      [1, 'naïve ☃ 😀', true, 1.5, { a: [1, null] }, [1, null, 3], Buffer.from([0, 255]), new Date('2024-07-01T12:00:00Z'), '1.50', '9007199254740993', ['a,b', '"', null]]);
    assert.deepStrictEqual(r.rows[0], { a: 1, b: 'naïve ☃ 😀', c: true, d: 1.5, e: { a: [1, null] }, f: [1, null, 3], g: Buffer.from([0, 255]),
      h: new Date('2024-07-01T12:00:00Z'), i: '1.50', j: '9007199254740993', k: ['a,b', '"', null] });
    assert.deepStrictEqual(r.fields.map(f => f.dataTypeID), [23, 25, 16, 701, 114, 1007, 17, 1184, 1700, 20, 1009]);
  },
  async 'named statements and arrays of rows'(c) {
    for (let i = 0; i < 5; i++)
      assert.deepStrictEqual((await c.query({ name: 'n', text: 'select $1::int + 1, $1', values: [i], rowMode: 'array' })).rows, [[i + 1, i]]);
    const r = await c.query('select 1 as x; select 2 as y');
    assert.strictEqual(r.length, 2);
  },
  async 'errors and transactions'(c) {
    await c.query('create temp table t (a int primary key, b text not null)');
    await c.query('begin');
    await c.query("insert into t values (1, 'x')");
    await assert.rejects(c.query("insert into t values (1, 'y')"), e => e.code === '23505' && e.constraint === 't_pkey' && e.detail === 'Key (a)=(1) already exists.' && e.table === 't');
    await assert.rejects(c.query('select 1'), e => e.code === '25P02');
    await c.query('rollback');
    await assert.rejects(c.query('insert into t values (1, null)'), e => e.code === '23502' && e.column === 'b');
    await assert.rejects(c.query('select $1::int', ['x']), e => e.code === '22P02');
    assert.strictEqual((await c.query("insert into t values (1, 'x'), (2, 'y') returning *")).rowCount, 2);
    assert.strictEqual((await c.query('update t set b = $1', ['z'])).command, 'UPDATE');
  },
  async 'listen and unlisten answer'(c) {
    await c.query('unlisten *');
  },
  async 'a pool of clients'() {
    const pool = new pg.Pool({ ...options, max: 4 });
    const got = await Promise.all([...Array(40).keys()].map(i => pool.query('select $1::int * 2 as v', [i])));
    assert.deepStrictEqual(got.map(r => r.rows[0].v), [...Array(40).keys()].map(i => 2 * i));
    await pool.end();
  },
  async 'cursors'(c) {
    let Cursor;
    try { Cursor = require('pg-cursor'); } catch { return; }
    const cursor = c.query(new Cursor('select g from generate_series(1, 100) g'));
    let n = 0;
    for (let rows; (rows = await cursor.read(30)).length;) n += rows.length;
    assert.strictEqual(n, 100);
    await cursor.close();
  },
  async 'copy streams'(c) {
    let copy;
    try { copy = require('pg-copy-streams'); } catch { return; }
    await c.query('create temp table k (a int, b text)');
    await require('stream/promises').pipeline(require('stream').Readable.from(['1\tx\n', '2\t\\N\n']), c.query(copy.from('copy k from stdin')));
    let text = '';
    for await (const d of c.query(copy.to('copy k to stdout csv'))) text += d;
    assert.strictEqual(text, '1,x\n2,\n');
  },
};
(async () => {
  for (const [name, run] of Object.entries(cases)) {
    const c = new pg.Client(options);
    await c.connect();
    try {
      await run(c);
      console.log(`ok clients/node: ${name}`);
    } catch (e) {
      console.log(`not ok clients/node: ${name}\n#   ${String(e.stack).replace(/\n/g, '\n#   ')}`);
    }
    await c.end();
  }
})();
