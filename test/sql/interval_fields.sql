-- A number without a unit is of the last field; frames in RANGE mode with offsets; conditions on two columns of one class.
select interval '3' month, interval '90' day, interval '1' year, interval '5' hour, interval '2' minute, interval '7' second;
select interval '2:03' minute to second, interval '2:03' hour to minute, interval '1-2' year to month, '4'::interval;
select date '1994-01-01' < date '1993-07-01' + interval '3' month, date '1998-12-01' - interval '90' day;
select x, sum(x) over (order by x range between 2 preceding and 1 following) from (values (1), (2), (2), (5), (6), (null)) v(x) order by x;
select x, sum(x) over (order by x desc range between 1 preceding and 1 following) from (values (1), (2), (2), (5), (6), (null)) v(x) order by x;
select x, count(*) over (order by x range between 0.5 preceding and current row) from (values (1.0), (1.5), (2.1)) v(x) order by x;
select x, sum(x) over (order by x rows between 1 preceding and 1 following exclude current row), sum(x) over (order by x groups between 1 preceding and current row exclude ties), sum(x) over (order by x rows between unbounded preceding and unbounded following exclude group) from (values (1), (2), (2), (5)) v(x) order by x;
select x, first_value(x) over w, last_value(x) over w, nth_value(x, 2) over w from (values (1), (2), (3), (4)) v(x) window w as (order by x rows between 1 preceding and 2 following exclude current row) order by x;
select sum(x) over (order by x range between -1 preceding and current row) from (values (1)) v(x);
select sum(1) over (order by x range between 1 preceding and current row) from (values ('a'::text)) v(x);
select d, count(*) over (order by d range between interval '1 day' preceding and interval '1 month' following) from (values (date '2020-01-31'), (date '2020-02-01'), (date '2020-02-29'), (date '2020-03-05')) v(d) order by d;
