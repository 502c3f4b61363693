-- The second wall, asked once a statement instead of once a row.
--
-- `in_reach(facility)` read the setting twice for every row, and PostgreSQL, which evaluates it while planning, took a
-- statement that binds its facility itself (`enter`, 0007) for one that finds nothing. As sub-selects the same
-- expression is computed once, when the first row is looked at, and planned like any comparison with a parameter.
-- Rows in reach are the same as before.
create function reach_of() returns int language sql stable parallel safe as $$
    select nullif(current_setting('app.facility', true), '')::int
$$;

do $$
declare
    policy record;
    reached constant text := '(facility = (select reach_of()) or (select reach_of()) = -1)';
begin
    for policy in
        select p.polname, p.polrelid::regclass as place, p.polwithcheck is not null as checked
        from pg_policy p
        where pg_get_expr(p.polqual, p.polrelid) = 'in_reach(facility)'
    loop
        execute format('alter policy %I on %s using (%s)', policy.polname, policy.place, reached)
            || case when policy.checked then format(' with check (%s)', reached) else '' end;
    end loop;
end $$;
