-- Consents of patients answer for themselves: what each opens are index rows of its record (core/store/rows.py), so it
-- opens with the commit that gives it and closes with the one that withdraws it.
--
-- Such a row stands in `word` under parameter 9998: word the patient, whole a label, a blank and to whom (a person, a
-- department, a program's account), rid the consent; and one in `span` under the same: from when to when.

-- Those of some labels that consents of the patient, in force now, open to one of these.
create function consented(p_facility int, p_patient text, p_recipients text[], p_labels text[]) returns text[]
language sql stable as $$
    select coalesce(array_agg(label), '{}') from unnest(p_labels) label
    where exists (
        select from word w
        where w.facility = p_facility and w.param = 9998 and w.word = coalesce(p_patient, '')
          and w.whole = any(array(select label || ' ' || recipient from unnest(p_recipients) recipient))
          and exists (select from span s where s.rid = w.rid and s.param = 9998
              and s.lo <= statement_timestamp() and s.hi > statement_timestamp()))
$$;

-- What a pass says of a record (see 0016): the former one with consent answered. A consent lifts a rule that names every
-- label of the record that the rule is about.
create or replace function guarded(p_facility int, p_patient text, p_key bigint, p_pass text) returns text
language plpgsql stable as $$
declare
    labels_ text[];
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
    select array_agg(distinct ltrim(whole, '*')) into labels_ from word
    where facility = p_facility and param = 9999 and word = coalesce(p_patient, '')
      and (rid = p_key or starts_with(whole, '*'));
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
