-- People who are no staff: a person's account of her own, the records she showed to be hers, and who acts for whom
-- (ADR 17). A person belongs to the platform (facility 0); what joins her to a record belongs to the record's facility.

create table person (
    id text primary key,
    facility int not null default 0 check (facility = 0),
    name text not null,
    zalo text,                                          -- her id at Zalo, which is of our app alone
    made timestamptz not null default now(),
    used timestamptz not null default now(),
    unique (facility, zalo)
);
-- A record is one person's own, who showed telephone and birth date (or more).
create table person_record (
    facility int not null,
    patient text not null,
    person text not null references person (id),
    made timestamptz not null default now(),
    primary key (facility, patient)
);
create index person_record_person on person_record (person);
-- Who may act for a patient. `id` is that of its RelatedPerson. Rules: core/access/acting.py.
create table relation (
    id text primary key,
    facility int not null,
    patient text not null,
    about text not null,                                -- the patient's name, for who acts for several
    person text references person (id),                 -- who, once she accepted it
    name text not null,
    phone_hash bytea not null,
    birth date not null,
    kind text not null,
    parts text[] not null,
    labelled boolean not null,
    proof text not null,                                -- what was seen, by whom
    made timestamptz not null default now(),
    made_by text not null,
    accepted timestamptz,
    ends date,                                          -- the first day on which it is over
    ended timestamptz,
    ended_by text
);
create index relation_patient on relation (facility, patient);
create index relation_phone on relation (facility, phone_hash);
create index relation_person on relation (person);
-- Between a telephone and a birth date: a code that was sent, or what Zalo said. It opens nothing.
create table phone_step (
    token_hash bytea primary key,
    facility int not null,
    phone text not null,
    code_hash bytea,                                    -- null: Zalo said so, or the code was right
    zalo text,
    tries int not null default 0,
    ends timestamptz not null
);
create index phone_step_ends on phone_step (ends);

do $$
declare name text;
begin
    foreach name in array array['person', 'person_record', 'relation', 'phone_step'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;

alter table session add person text references person (id), add relation text references relation (id);
create index session_person on session (person);

-- The day by the clock of the house: what ends on a day is over when that day begins there.
create function relation_stands(r relation) returns boolean language sql stable as $$
    select r.accepted is not null and r.ended is null
        and (r.ends is null or r.ends > (now() at time zone 'Asia/Ho_Chi_Minh')::date)
$$;
-- For whom a session acts, and how far; null: for nobody else.
create function acting(s session) returns text language sql stable as $$
    select jsonb_build_object('id', r.id, 'kind', r.kind, 'parts', r.parts, 'labelled', r.labelled,
        'about', r.about)::text
    from relation r
    where r.id = s.relation and r.facility = s.facility and r.patient = s.patient and r.person = s.person
        and relation_stands(r)
$$;

create or replace function session_stands(s session, a account) returns boolean language sql stable as $$
    select s.ends > now() and (s.idle is null or s.seen > now() - s.idle)
        and (s.account is null or a.active and within_hours(a.days, a.opens, a.closes, now()))
        and (s.relation is null or acting(s) is not null)
$$;
create or replace function session_stamp(s session, a account) returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', s.facility, s.account, s.patient, extract(epoch from s.ends),
        a.name, roles_now(a)::text, a.departments::text, a.practitioner, a.active,
        s.account is null or licence_holds(a),
        case when s.glass is not null then
            (select b.id from broken_glass b where b.id = s.glass and glass_holds(b)) end,
        s.person, s.relation, acting(s)), 0)
$$;

drop function holder(bytea, boolean);
create function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               departments text[], practitioner text, patient text, scopes text, lock_minutes int, stamp bigint,
               program text, granted text, launched text, program_grant text,
               licence boolean, glass text, glass_shown text, glass_ends timestamptz,
               person text, acting text)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    if p_client then
        select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
               array['client'] as roles, '{}'::text[] as departments, null::text as practitioner, null::text as patient,
               c.scopes, 0 as lock_minutes, client_stamp(c) as stamp,
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant,
               true as licence, null::text as glass, null::text as glass_shown, null::timestamptz as glass_ends,
               null::text as person, null::text as acting
        into found_
        from client c join facility f on f.key = c.facility
        where c.token_hash = p_hash and c.revoked is null;
        if found_.facility is null then
            select g.facility, f.name as facility_name, f.code as facility_code,
                   case when g.account is null and g.herself is null then 'client:' || c.name else g.account end
                       as account,
                   coalesce(a.name, case when g.herself is null then c.name else '' end) as name,
                   case when g.herself is not null then array['patient']
                        when g.account is null then array['client'] else roles_now(a) end as roles,
                   coalesce(a.departments, '{}') as departments, a.practitioner, g.herself as patient,
                   c.scopes, 0 as lock_minutes, program_stamp(g, t, c, a, s) as stamp,
                   case when g.account is null and g.herself is null then null else c.name end as program,
                   t.scopes as granted, g.patient as launched, g.id as program_grant,
                   g.account is null or licence_holds(a) as licence,
                   null::text as glass, null::text as glass_shown, null::timestamptz as glass_ends,
                   null::text as person, null::text as acting
            into found_
            from program_token t join program_grant g on g.id = t.program_grant join client c on c.id = g.client
                join facility f on f.key = g.facility left join account a on a.id = g.account
                left join session s on s.token_hash = g.session
            where t.hash = p_hash and program_holds(g, t, c, a, s);
        end if;
    else
        select s.facility, f.name as facility_name, f.code as facility_code, s.account,
               coalesce(a.name, (select p.name from person p where p.id = s.person), '') as name,
               case when s.account is not null then roles_now(a)
                    when s.relation is not null then array['person', 'relative']
                    when s.person is not null and s.patient is not null then array['person', 'patient']
                    when s.person is not null then array['person'] else array['patient'] end as roles,
               coalesce(a.departments, '{}') as departments, a.practitioner, s.patient, null::text as scopes,
               coalesce(extract(epoch from s.lock_after)::int / 60, 0) as lock_minutes, session_stamp(s, a) as stamp,
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant,
               s.account is null or licence_holds(a) as licence,
               b.patient as glass, b.shown as glass_shown, b.ends as glass_ends, s.person, acting(s) as acting
        into found_
        from session s join facility f on f.key = s.facility left join account a on a.id = s.account
            left join broken_glass b on b.id = s.glass and glass_holds(b)
        where s.token_hash = p_hash and session_holds(s, a);
    end if;
    perform set_config('app.facility', coalesce(found_.facility::text, ''), true);
    if found_.facility is not null then
        return query select found_.facility, found_.facility_name, found_.facility_code, found_.account, found_.name,
            found_.roles, found_.departments, found_.practitioner, found_.patient, found_.scopes,
            found_.lock_minutes, found_.stamp, found_.program, found_.granted, found_.launched, found_.program_grant,
            found_.licence, found_.glass, found_.glass_shown, found_.glass_ends,
            found_.person, found_.acting;
    end if;
end $$;
