-- Foreign keys: what is refused, what is carried on, what waits for the commit.
create table p (id int primary key, name text, unique (name, id));
create table c (id int primary key, pid int references p, note text default 'x');
\d c
\d p
insert into p values (1, 'one'), (2, 'two'), (3, 'three');
insert into c values (1, 1), (2, null), (3, 2);
insert into c values (4, 99);
insert into c select g, g from generate_series(1, 5) g on conflict do nothing;
update c set pid = 42 where id = 1;
update c set note = 'y' where id = 1;
delete from p where id = 1;
update p set id = 10 where id = 2;
update p set name = 'uno' where id = 1;
delete from p where id = 3;
drop table p;
truncate p;
truncate p, c;
insert into p values (1, 'one');
insert into c values (1, 1);
truncate p cascade;
select * from c;
alter table c drop constraint c_pid_fkey;
insert into c values (5, 55);
alter table c add foreign key (pid) references p;
alter table c add constraint fk foreign key (pid) references p not valid;
insert into c values (6, 66);
alter table c validate constraint fk;
insert into p values (55, 'x');
alter table c validate constraint fk;
select conname, contype, convalidated, confupdtype, confdeltype, confmatchtype, conkey, confkey, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'c'::regclass order by 1;
drop table p cascade;
drop table c;
-- definitions that can't be
create table p (id int primary key, t text unique, n numeric);
create table bad (a int references nosuch);
create table bad (a int references p (nosuch));
create table bad (a int references p (n));
create table bad (a text references p);
create table bad (a int, b int, foreign key (a, b) references p);
create table bad (a int, foreign key (zz) references p);
create view v as select 1 as id;
create table bad (a int references v);
create table nokey (a int);
create table bad (a int references nokey);
create temp table bad (a int references p);
create table bad (a int references p match partial);
-- several columns, MATCH FULL
create table pk2 (a int, b text, primary key (a, b));
create table simple (a int, b text, foreign key (a, b) references pk2);
create table full_match (a int, b text, foreign key (a, b) references pk2 match full);
insert into pk2 values (1, 'x');
insert into simple values (1, 'x'), (1, null), (null, 'zz'), (null, null);
insert into simple values (1, 'y');
insert into full_match values (1, 'x'), (null, null);
insert into full_match values (1, null);
delete from pk2;
\d full_match
-- actions
create table par (id int primary key);
create table cas (id int primary key, pid int references par on delete cascade on update cascade);
create table grand (cid int references cas on delete cascade);
create table nul (pid int references par on delete set null on update set null);
create table def (pid int default 0 references par on delete set default on update set default);
create table res (pid int references par on delete restrict on update restrict);
insert into par select generate_series(0, 5);
insert into cas select g, g from generate_series(1, 5) g;
insert into grand select g from generate_series(1, 5) g;
insert into nul values (1), (2), (3);
insert into def values (1), (2);
insert into res values (5);
delete from par where id = 1;
update par set id = 20 where id = 2;
select * from cas order by 1;
select * from grand order by 1;
select * from nul order by 1;
select * from def order by 1;
delete from par where id = 5;
update par set id = 50 where id = 5;
delete from par where id = 0;
\d par
-- to itself
create table tree (id int primary key, parent int references tree on delete cascade);
insert into tree values (1, null), (2, 1), (3, 2), (4, 3), (5, 99);
insert into tree values (1, 2), (2, 1);
insert into tree values (3, 2), (4, 3), (5, 3);
delete from tree where id = 3;
select * from tree order by id;
insert into tree select g, g - 1 from generate_series(100, 400) g where g > 100 union all select 100, null;
delete from tree where id = 100;
select count(*) from tree;
-- deferred
create table dp (id int primary key);
create table dc (id int primary key, pid int references dp deferrable initially deferred, qid int constraint q references dp deferrable);
\d dc
begin;
insert into dc values (1, 1, null);
insert into dp values (1);
commit;
begin;
insert into dc values (2, 2, null);
commit;
select * from dc;
begin;
insert into dc values (3, 3, null);
set constraints all immediate;
rollback;
begin;
set constraints q deferred;
insert into dc values (4, 1, 4);
savepoint s;
insert into dc values (5, 5, 5);
rollback to s;
insert into dp values (4);
set constraints q immediate;
commit;
begin;
insert into dc values (6, 6, null);
delete from dc where id = 6;
commit;
begin;
insert into dc values (7, 7, null);
update dc set pid = 1 where id = 7;
commit;
begin;
delete from dp where id = 1;
insert into dp values (1);
commit;
begin;
delete from dp where id = 1;
commit;
set constraints q deferred;
set constraints nosuch deferred;
begin;
set constraints c_pkey deferred;
rollback;
alter table dc alter constraint q not deferrable;
insert into dc values (8, 1, 77);
select id, pid, qid from dc order by id;
-- COPY, RETURNING, WITH
copy dc (id, pid, qid) from stdin;
10	1	1
11	1	99
\.
begin;
insert into dc values (12, 1, 98) returning id;
rollback;
with x as (insert into dp values (70) returning id) insert into dc select 70, id, id from x;
select id from dc where id = 70;
with x as (delete from dp where id = 70 returning id) delete from dc using x where dc.id = x.id;
-- other types on the two sides
create table big (id bigint primary key, n numeric unique);
create table small (a int references big, b numeric references big (n), c smallint);
insert into big values (1, 1.0);
insert into small values (1, 1.00, 1);
insert into small values (2, 1, 1);
insert into small values (1, 1.5, 1);
update big set n = 1.000;
delete from big;
alter table small add foreign key (c) references big;
alter table small add column d int references big;
update small set d = 9;
alter table small drop column a;
alter table big drop constraint big_n_key;
alter table big drop constraint big_n_key cascade;
\d small
alter table big rename column id to ident;
insert into small (c) values (33);
alter table big rename to bigger;
insert into small (c) values (33);
