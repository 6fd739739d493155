\set x 5
\echo :x :'x' :"x" ':x' :{?x} :{?y} :y `echo hi` a\ b
\echo -n foo
\echo ' bar' "a b" 'it''s' 'a\tb'
select :x as "x", :'x' as y, ':x', $$:x$$, 'a'::text, :"x" from (select 1 as "5") z;
select 1 as a, 'two' as b \gset p_
\echo :p_a :p_b
select 1 as a \gset ERR_
select 1 union select 2 \gset
select 1 where false \gset
\if 1
\echo yes
\else
\echo no
select 1/0;
\endif
\if off
select 1;
\elif true
select 'elif';
\elif true
select 'not';
\else
select 'else';
\endif
\if maybe
\endif
\endif
\else
select format('select %s as x', g) from generate_series(1,3) g \gexec
select 1 as a, 'x'::varchar(10) as b, 2.5::numeric(10,2) \gdesc
create table t0(a int) \gdesc
select 1 \g
\g
select 1 as a, 2 as b \gx
select 1 as a, 2 as b \g (format=csv tuples_only=on)
select 1 as a \g |cat
select 1; select 2\; select 3;
select 1 \; select 2 \; create temp table zz(a int) \; insert into zz values (1) returning a;
insert into zz values (2),(3);
\echo :ROW_COUNT :ERROR :SQLSTATE :LAST_ERROR_MESSAGE :LAST_ERROR_SQLSTATE
select 1/0;
\echo :ROW_COUNT :ERROR :SQLSTATE :LAST_ERROR_MESSAGE :LAST_ERROR_SQLSTATE
\errverbose
select * from nosuch;
select * from a very long query with many words that goes on and on until the line is longer than sixty characters for sure;
select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', nope, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
select 1
  + 'a'
  , 5;
\set VERBOSITY verbose
select foo;
\set VERBOSITY terse
select foo;
\set VERBOSITY sqlstate
select foo;
\set VERBOSITY default
\set VERBOSITY bogus
\set ON_ERROR_STOP maybe
begin;
select 1/0;
select 1;
rollback;
\set AUTOCOMMIT off
select 1;
\echo after
commit;
\set AUTOCOMMIT on
do $$ begin raise notice 'hello %', 1; raise warning 'w' using hint = 'h', detail = 'd'; end $$;
copy (select 1, 'a' union all select 2, null) to stdout;
copy zz from stdin;
10
20
\.
select * from zz order by 1;
\copy zz to '/tmp/psql_compare.zz.out'
\copy zz from '/tmp/psql_compare.zz.out'
\copy (select count(*) from zz) to stdout
\copy zz from stdin
7
\.
\copy zz to program 'cat'
\copy zz from program 'echo 5; exit 3'
\copy zz from '/nonexistent'
\copy zz fro
\copy
copy zz from stdin;
abc
\.
select count(*) from zz;
\p
select 1 \p
;
\r
\set ECHO queries
select 1;
\set ECHO all
select 2;
\set ECHO none
\unset x
\unset
\pset nosuch
\pset format bogus
\foo
\timing maybe
\o /tmp/psql_compare.o.out
select 1;
\qecho in file
\o
\! cat /tmp/psql_compare.o.out
\getenv h PGPORT
\echo :h
\setenv FOO bar
\! echo $FOO
\encoding
\warn to stderr
\conninfo
\c
select 1;
\echo "unterminated
\echo 'unterminated
\x off \\ select 1;
select 1 as "A" -- comment
;
/* c1 /* nested */ */ select 2;
prepare p as select $1::int;
execute p(1);
select pg_sleep(0);
explain (costs off) select 1;
show server_version_num;
create table if not exists zz(a int);
drop table zz;
\e
select 'unfinished
