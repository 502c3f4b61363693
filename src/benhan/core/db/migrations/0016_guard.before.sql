-- Labelled records: which they are, and to whom they are open. The rules stand in core/access/rules.py; what they leave
-- to be asked of a record comes here as a caller's pass (core/store/guarding.py).
--
-- A mark is a row of `word` under parameter 9999: word the patient, whole the label, rid the record; a label that
-- begins with * holds for everything of the patient. It is written with the record's other index rows.

-- Whether a record of care names one of these (a person, departments, rooms) with this patient, now or lately.
create function in_care(p_facility int, p_patient text, p_names bigint[], p_care jsonb) returns boolean
language sql stable as $$
    select exists (
        select from resource e
        where e.facility = p_facility and e.patient = p_patient and e.body is not null
          and e.type = any(array(select jsonb_array_elements_text(p_care -> 'types')::smallint))
          and exists (select from token c where c.rid = e.key and c.hash = any(p_names)
              and c.param = any(array(select jsonb_array_elements_text(p_care -> 'ties')::smallint)))
          and exists (select from span s where s.rid = e.key
              and s.param = any(array(select jsonb_array_elements_text(p_care -> 'dates')::smallint))
              and s.hi > now() - (p_care ->> 'days')::int * interval '1 day'
              and s.lo < now() + (p_care ->> 'before')::int * interval '1 day')
          and not exists (select from token v where v.rid = e.key
              and v.param = any(array(select jsonb_array_elements_text(p_care -> 'states')::smallint))
              and v.hash = any(array(select jsonb_array_elements_text(p_care -> 'void')::bigint))))
$$;

-- The departments and their rooms, as records of care name them.
create function rooms_of(p_facility int, p_departments bigint[], p_place smallint) returns bigint[]
language sql stable as $$
    select p_departments || array(
        select own.hash from token o join token own on own.rid = o.rid and own.param = 10000
        where o.facility = p_facility and o.param = p_place and o.hash = any(p_departments))
$$;

-- What a pass says of a record: null, nothing is asked of it; '!rule', that rule closes it; otherwise what lifted the
-- rules that would have (each after '; ').
create function guarded(p_facility int, p_patient text, p_key bigint, p_pass text) returns text
language plpgsql stable as $$
declare
    labels_ text[];
    pass_ jsonb;
    mine_ bigint[];
    departments_ bigint[];
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
    for closed_ in select jsonb_array_elements(pass_ -> 'closed') loop
        continue when not (closed_ -> 'labels') ?| labels_;
        lifted_ := null;
        for lift_ in select jsonb_array_elements_text(closed_ -> 'unless') loop
            if (case lift_
                when 'my-care' then in_care(p_facility, p_patient, mine_, pass_ -> 'care')
                when 'department-care' then in_care(p_facility, p_patient, mine_ || rooms_of(
                    p_facility, departments_, (pass_ -> 'care' ->> 'place')::smallint), pass_ -> 'care')
                when 'break-glass' then (pass_ -> 'broken_glass') ? coalesce(p_patient, '')
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

-- Marks of records that were labelled before there were any, by their rows of `_security` (numbers 2045 to 2190): the
-- hash of `system|code` and the label. Called again when the program before this one has ended.
create function fill_marks() returns void language sql as $$
    insert into word (facility, param, word, rid, whole)
    select distinct r.facility, 9999::smallint, coalesce(r.patient, ''), r.key,
        case when r.type = 103 then '*' else '' end || known.label
    from token t join (values
            (6207768285129511988, 'ADOL'), (-4839794855537264676, 'ADOL'), (4232120315405052864, 'ADOL'),
            (3302664740533128369, 'CEL'), (-7342078236713177226, 'CEL'), (-1185358118130320916, 'CEL'),
            (-198937837938298428, 'EMP'), (-7680110122691973579, 'EMP'), (4030451031208890356, 'EMP'),
            (-9109592778781549875, 'ETH'), (-2221326502629868091, 'ETH'), (5330511197754619364, 'ETH'),
            (-3511032812758180840, 'HIV'), (-3527191200873612753, 'HIV'), (-5964888336892095838, 'HIV'),
            (-8846801568831635588, 'PSY'), (6295724055657347555, 'PSY'), (2973472470522953468, 'PSY'),
            (-3851856169220788050, 'R'), (4221969217364499661, 'R'), (4096592065473560518, 'R'),
            (-865716786710199590, 'SDV'), (-1771223953777929894, 'SDV'), (-5345264400622232601, 'SDV'),
            (-7789396987468868459, 'SEX'), (-1484754675277700522, 'SEX'), (6529755200011306919, 'SEX'),
            (308184692978985814, 'STD'), (-6619969380526475423, 'STD'), (2786471287603246521, 'STD'),
            (6629283825528420917, 'SUD'), (301751231146149546, 'SUD'), (6037011849410343674, 'SUD'),
            (2814951847724358786, 'V'), (-1431627654379600657, 'V'), (8607953972008831004, 'V')
        ) known(hash, label) on known.hash = t.hash
        join resource r on r.key = t.rid
    where t.param between 2045 and 2190 and not exists (
        select from word w where w.facility = r.facility and w.param = 9999 and w.rid = r.key
            and w.word = coalesce(r.patient, ''))
$$;
select set_config('app.facility', '-1', true);
select fill_marks();
