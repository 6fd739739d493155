\set ON_ERROR_STOP off
create table psql_simple (id int primary key, name text not null, n numeric(10,2), t timestamp);
\d psql_simple
insert into psql_simple values (1, 'one', 1.5, '2024-01-01'), (2, E'two\nlines', null, null);
select * from psql_simple order by id;
\x
select * from psql_simple order by id;
\x
\dt
\di
insert into psql_simple values (1, 'x');
select nosuch from psql_simple;
select count(*) as c from psql_simple \gset
\echo :c
begin;
update psql_simple set n = 2 where id = 2 returning id, n;
rollback;
copy psql_simple to stdout;
copy psql_simple (id, name) from stdin;
3	three
\.
\copy psql_simple to '/tmp/psql_compare.simple' csv header
\! cat /tmp/psql_compare.simple
\a
select id, name from psql_simple order by 1;
\t
select id, name from psql_simple order by 1;
\t \a
\d
drop table psql_simple;
