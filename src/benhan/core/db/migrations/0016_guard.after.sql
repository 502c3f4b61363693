-- when: select true
-- The program before this one wrote labels without marks.
select set_config('app.facility', '-1', true);
select fill_marks();
drop function fill_marks();
