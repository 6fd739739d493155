CREATE TABLE r (a int, b text);
INSERT INTO r VALUES (1, 'x'), (2, NULL), (NULL, NULL);
SELECT r, r IS NULL AS n, r IS NOT NULL AS nn FROM r ORDER BY a;
SELECT x, count(*) FROM (SELECT r AS x FROM r) s GROUP BY x ORDER BY x;
SELECT DISTINCT r FROM r ORDER BY r DESC;
SELECT max(b), r.a FROM r GROUP BY r.a, r ORDER BY r;
SELECT row_to_json(r), to_json(r), row_to_json(r, true) FROM r ORDER BY a;
SELECT row_to_json(x) FROM (SELECT a AS foo, b AS "Bar" FROM r ORDER BY a) x;
SELECT json_agg(x ORDER BY foo), json_build_object('r', x.foo) IS NULL FROM (SELECT a AS foo, b FROM r WHERE a = 1) x GROUP BY foo;
SELECT json_agg(r ORDER BY a) FROM r;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY f), percentile_disc(0.5) WITHIN GROUP (ORDER BY t), percentile_cont(ARRAY[0.25,0.5,NULL]) WITHIN GROUP (ORDER BY f), percentile_disc(ARRAY[0.1,0.9]) WITHIN GROUP (ORDER BY t), percentile_cont(0.3) WITHIN GROUP (ORDER BY f DESC), percentile_cont(0.25) WITHIN GROUP (ORDER BY f * interval '1 day')
  FROM (VALUES (1.5::float8, 'a'), (2.5, 'b'), (4, 'c'), (NULL, NULL), (-1, 'd')) v(f, t);
SELECT percentile_cont(ARRAY[0.5, 2]) WITHIN GROUP (ORDER BY f) FROM (VALUES (1.0::float8)) v(f);
SELECT to_number('12,454.8-', '99G999D9S'), to_number('1234', '9999'), to_number('-1.5', 'S9.9'), to_number('$1,234.56', 'L9,999.99'), to_number('<5>', '9PR'), to_number('123abc', '999'), to_number('-34,338,492', '99G999G999'), to_number('0.00001', '9.999999'), to_number('5 4 4 4 4 8 . 7 8', '9 9 9 9 9 9 . 9 9'), to_number('.01-', '99.99S'), to_number(' 7', '999'), to_number('1234.56', '9999D99');
SELECT to_number('1', 'RN');
-- A WITH query that changes data runs once, however the statement around it is planned.
CREATE TABLE c (id int, w text);
WITH x AS (INSERT INTO c VALUES (10, 'ten') RETURNING id) DELETE FROM r WHERE a IN (SELECT id FROM x);
WITH x AS (INSERT INTO c VALUES (11, 'eleven') RETURNING id) UPDATE r SET b = 'u' FROM x WHERE r.a = x.id - 10 RETURNING r.*;
SELECT * FROM c ORDER BY id;
-- A materialized WITH query with a lateral join inside, and sub-selects as keys.
WITH q AS MATERIALIZED (SELECT x.a, w.n FROM r x CROSS JOIN LATERAL (SELECT g AS n FROM generate_series(1, 3) g WHERE g >= x.a ORDER BY g DESC LIMIT 2) w) SELECT count(*), sum(n) FROM q;
SELECT x.a IN (SELECT id - 10 FROM c WHERE x.b = 'u') AS s, count(*) FROM r x GROUP BY 1 ORDER BY 1;
SELECT EXISTS (SELECT FROM c WHERE c.id = 10 + x.a) AS s, count(*) FROM r x GROUP BY 1 ORDER BY 1;
SELECT * FROM (SELECT EXISTS (SELECT FROM c WHERE c.id = 10 + x.a) AS s, count(DISTINCT 'lit') AS n FROM r x GROUP BY 1) sub WHERE s IS NOT NULL ORDER BY 1;
SELECT x.a NOT IN (SELECT id FROM c) AS s, max('m') FROM r x GROUP BY 1 ORDER BY 1;
