\set q 'select 1 as id, \'a\nbc\'::text as name, null as n, E\'t\\tab\' as t union all select 22, \'zz\', \'x\', \'\''
\set w 'select 1 as a_long_column_name, repeat(\'x\',30) as b'
\set n 'select 1 as a, 2 as b'
\pset border 0
\x
:q;
:w;
:n;
\t
:q;
:n;
\t
\pset border 1
:q;
:w;
:n;
\t
:q;
:n;
\t
\pset border 2
:q;
:w;
:n;
\t
:q;
:n;
\x
:n;
\pset border 1
:n;
\pset border 0
:n;
\a
:n;
\x
:n;
\pset fieldsep_zero
\pset recordsep '@@'
\x \t
:n;
\x \a
\pset border 1
select 'é日本' as "名前", '日' union all select 'a', E'b\rc\x01';
select 1 where false;
\t
select 1 where false;
\x
select 1 where false;
\a
select 1 where false;
\t
select 1 where false;
\x
select 1 where false;
select;
\pset format csv
select 'a,b' as "x""y", '"q"', null, E'l\nm', '\.', 'plain';
\pset csv_fieldsep ;
select 'a,b' as "x""y", 'a;b';
\pset format aligned
\pset columns 30
\pset format aligned
\x auto
select 'the quick brown fox jumps over the lazy dog' as a, 1 as b, 'short text' as c;
select 1;
\pset linestyle unicode
\x off
select 1 as a, E'b\nc' as b;
\pset border 2
select 1 as a, E'b\nc' as b;
\x
select 1 as a, E'b\nc' as b;
\pset footer off
\x
select 1;
