CREATE TABLE t (id int, v text, n numeric);
COPY t FROM STDIN;
1	one	1.5
2	tab\there	\N
3	back\\slash	3
4	\N	4
\.
SELECT * FROM t ORDER BY id;
COPY t TO STDOUT;
COPY t (v, id) TO STDOUT WITH (FORMAT csv, HEADER);
COPY (SELECT id, v FROM t WHERE id > 2 ORDER BY id DESC) TO STDOUT WITH (DELIMITER '|', NULL 'nil');
COPY t FROM STDIN WITH (FORMAT csv);
5,"quoted, ""comma""",5.5
6,"multi
line",
7,,7
8,"",8
\.
SELECT id, v, v IS NULL AS isnull, n FROM t WHERE id >= 5 ORDER BY id;
COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE (v), NULL 'NIL');
COPY t (id) FROM STDIN;
9
\.
COPY t FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', QUOTE '''', ESCAPE '\', NULL 'x');
id;v;n
10;'it\'s';x
\.
SELECT * FROM t WHERE id >= 9 ORDER BY id;
COPY t FROM STDIN;
x	bad	1
\.
COPY t FROM STDIN;
11	short
\.
COPY t FROM STDIN;
11	a	1	extra
\.
COPY t FROM STDIN WITH (FORMAT csv, FORCE_NULL (v));
13,"",1
\.
SELECT count(*) FROM t WHERE v IS NULL;
COPY t (nosuch) TO STDOUT;
COPY t TO STDOUT (FORMAT nosuch);
COPY t TO STDOUT (DELIMITER 'ab');
COPY t TO STDOUT (NOSUCH 1);
COPY t TO STDOUT (QUOTE 'x');
COPY (SELECT 1, 'x' UNION ALL SELECT 2, NULL ORDER BY 1) TO STDOUT;
COPY (INSERT INTO t VALUES (20, 'r', 1) RETURNING id) TO STDOUT;
COPY (SELECT true, '\x01ff'::bytea, ARRAY['a,b'], E'nl\nx\\', '') TO STDOUT;
COPY (SELECT true, '\x01ff'::bytea, ARRAY['a,b'], E'nl\nx\\', '', ' sp ') TO STDOUT CSV;
CREATE TABLE k (id int PRIMARY KEY, c int CHECK (c > 0), d text DEFAULT 'dd');
SELECT * FROM k;
COPY k (id, c) FROM STDIN WHERE id <> 2;
1	1
2	0
3	3
\.
SELECT * FROM k ORDER BY id;
COPY k FROM '/nosuch/file';
COPY k TO 'relative';
CREATE TEMP TABLE dest AS SELECT * FROM k WITH NO DATA;
\copy (SELECT * FROM k) TO STDOUT
BEGIN;
COPY k (id, c) FROM STDIN;
50	5
\.
ROLLBACK;
SELECT count(*) FROM k;
