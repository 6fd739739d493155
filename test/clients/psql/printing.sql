\set q 'select 1 as id, \'a\nbc\'::text as "na\nme", null as n, E\'t\\tab\' as t union all select 22, \'zz\', \'x\', \'\''
\pset null NULL
:q;
\pset border 0
:q;
\x
:q;
\x
\pset border 2
:q;
\x
:q;
\pset border 1
:q;
select 1 where false;
\pset title 'Ti tle'
:q;
\a
:q;
\x
:q;
\pset title
select;
\a
select;
\x
select;
\pset format csv
:q;
\pset format aligned
\pset title abc
select 1 as looooooong;
\pset
\t
select 1;
\x
select 1;
\pset
\x
select repeat('x',200);
\pset footer off
