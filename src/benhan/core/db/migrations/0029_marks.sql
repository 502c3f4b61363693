-- What a record is marked with, in a function of its own, so that what counts as a mark can change without `guarded`.
-- The name that marks are filed under is a variable: as an expression (`coalesce(p_patient, '')`) it is not leakproof,
-- so under row-level security only a plan made anew for each call finds the index (50 to 90 µs instead of a few).
create function marks_on(p_facility int, p_patient text, p_key bigint) returns text[] language plpgsql stable as $$
declare
    filed_ text := coalesce(p_patient, '');
begin
    return (
        select array_agg(distinct split_part(ltrim(whole, '*@'), ' ', 1)) from word
        where facility = p_facility and param = 9999 and word = filed_
          and case left(whole, 1)
              when '*' then true
              when '@' then split_part(whole, ' ', 2)::bigint = any(array(select hash from token where rid = p_key))
              else rid = p_key end);
end $$;

-- What a pass says of a record (see 0016, 0019, 0028): the former one, asking `marks_on`.
create or replace function guarded(p_facility int, p_patient text, p_key bigint, p_pass text) returns text
language plpgsql stable as $$
declare
    labels_ text[] := marks_on(p_facility, p_patient, p_key);
    carried_ text[];
    pass_ jsonb;
    mine_ bigint[];
    departments_ bigint[];
    recipients_ text[];
    closed_ jsonb;
    lift_ text;
    lifted_ text;
    said_ text;
begin
    if labels_ is null then return null; end if;
    pass_ := p_pass::jsonb;
    mine_ := array(select jsonb_array_elements_text(pass_ -> 'mine')::bigint);
    departments_ := array(select jsonb_array_elements_text(pass_ -> 'departments')::bigint);
    recipients_ := array(select jsonb_array_elements_text(pass_ -> 'recipients'));
    for closed_ in select jsonb_array_elements(pass_ -> 'closed') loop
        carried_ := array(select label from unnest(labels_) label where (closed_ -> 'labels') ? label);
        continue when carried_ = '{}';
        lifted_ := null;
        for lift_ in select jsonb_array_elements_text(closed_ -> 'unless') loop
            if (case lift_
                when 'my-care' then in_care(p_facility, p_patient, mine_, pass_ -> 'care')
                when 'department-care' then in_care(p_facility, p_patient, mine_ || rooms_of(
                    p_facility, departments_, (pass_ -> 'care' ->> 'place')::smallint), pass_ -> 'care')
                when 'break-glass' then (pass_ -> 'broken_glass') ? coalesce(p_patient, '')
                when 'consent' then carried_ <@ consented(p_facility, p_patient, recipients_, carried_)
                when 'own-record' then coalesce(p_patient = pass_ ->> 'own', false)
                else false end)
            then
                lifted_ := lift_;
                exit;
            end if;
        end loop;
        if lifted_ is null then return '!' || (closed_ ->> 'rule'); end if;
        said_ := coalesce(said_, '') || '; ' || (closed_ ->> 'rule') || ' lifted by ' || lifted_;
    end loop;
    return said_;
end $$;
