-- plans are Postern's own
CREATE TABLE orders (id int PRIMARY KEY, customer int, day date, state text, note text);
INSERT INTO orders SELECT g, (g * 7919) % 5000, date '2020-01-01' + g % 1000, CASE WHEN g % 100 = 0 THEN 'open' ELSE 'done' END, 'note ' || (g * 7919) % 20000
  FROM generate_series(1, 20000) g;
CREATE INDEX orders_customer ON orders (customer);
CREATE INDEX orders_day ON orders (day);
CREATE INDEX orders_open ON orders (customer) WHERE state = 'open';
CREATE INDEX orders_late ON orders (id) WHERE customer > 4900;
CREATE INDEX orders_note ON orders (lower(note));
VACUUM ANALYZE orders;
-- min and max from either end of an index
EXPLAIN (COSTS OFF) SELECT min(id), max(id) FROM orders;
SELECT min(id), max(id), min(customer), max(day) FROM orders;
EXPLAIN (COSTS OFF) SELECT max(id) FROM orders WHERE id < 100;
SELECT max(id), min(id) + 1 FROM orders WHERE id < 100 AND id > 50;
SELECT max(id), min(id) FROM orders WHERE id < 0;
SELECT max(id) FROM orders HAVING max(id) > 30000;
EXPLAIN (COSTS OFF) SELECT min(id), count(*) FROM orders;
SELECT c, (SELECT max(id) FROM orders WHERE customer = c) FROM generate_series(1, 3) c;
-- order and limit
EXPLAIN (COSTS OFF) SELECT id FROM orders ORDER BY id DESC LIMIT 3;
EXPLAIN (COSTS OFF) SELECT * FROM orders ORDER BY customer LIMIT 3;
EXPLAIN (COSTS OFF) SELECT * FROM orders ORDER BY customer DESC LIMIT 3;
-- lists, prefixes, alternatives
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE id IN (5, 3, 5000);
EXPLAIN (COSTS OFF) SELECT id FROM orders WHERE id = ANY (ARRAY[5, 3, 5000]);
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE customer = 17 OR day = '2020-02-01';
SELECT count(*), sum(id) FROM orders WHERE customer = 17 OR day = '2020-02-01' OR customer = 7919 % 5000;
SELECT count(*), sum(id) FROM orders WHERE (customer = 17 AND state = 'done') OR (day = '2020-02-01' AND id > 15000);
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE customer BETWEEN 100 AND 200;
SELECT count(*), sum(id) FROM orders WHERE customer BETWEEN 100 AND 200;
-- partial and expression indexes
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE state = 'open' AND customer = 100;
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE state = 'done' AND customer = 100;
SELECT count(*) FROM orders WHERE state = 'open' AND customer < 1000;
EXPLAIN (COSTS OFF) SELECT id FROM orders WHERE customer > 4950 AND id < 500;
SELECT count(*) FROM orders WHERE customer > 4950 AND id < 5000;
SELECT count(*) FROM orders WHERE customer > 4800 AND id < 5000;
EXPLAIN (COSTS OFF) SELECT id FROM orders WHERE lower(note) = 'note 77';
SELECT id FROM orders WHERE lower(note) = 'note 77';
UPDATE orders SET note = 'Special' WHERE lower(note) = 'note 77' AND state = 'done';
SELECT id FROM orders WHERE lower(note) = 'special';
-- a range is one condition
EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE id >= 5000 AND id < 5100;
DELETE FROM orders WHERE customer < 100 OR day > '2022-09-20';
SELECT count(*) FROM orders;
DROP TABLE orders;
