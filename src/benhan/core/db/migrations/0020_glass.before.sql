-- A broken glass (core/access/glass.py): one patient's record opened in an emergency, for a session and for hours. The
-- session points at it, so it ends with the session; it ends by the clock in the statement that verifies every request
-- (ADR 0007). What is left afterwards is the reviewer's.
create table broken_glass (
    id text primary key,
    facility int not null,
    account text not null references account (id),
    patient text not null,
    shown text not null,                                -- whose record it is, as the banner says it
    reason text not null,                               -- of the short list
    words text not null,                                -- in her own words
    factor text not null,                               -- the second factor that she showed
    begun timestamptz not null default now(),
    ends timestamptz not null,
    ended timestamptz,                                  -- earlier, by herself or by a verdict
    review_by timestamptz not null,
    reviewed timestamptz,
    reviewer text references account (id),
    justified boolean,
    remark text not null default '',
    cleared timestamptz,                                -- after "not justified": she may again
    check (ends > begun and ends <= begun + interval '4 hours'),
    check ((reviewed is null) = (justified is null) and (reviewed is null) = (reviewer is null))
);
create index broken_glass_patient on broken_glass (facility, patient, begun);
create index broken_glass_account on broken_glass (facility, account, begun);
create index broken_glass_waiting on broken_glass (facility, review_by) where reviewed is null;
alter table broken_glass enable row level security;
alter table broken_glass force row level security;
create policy write on broken_glass using (in_reach(facility)) with check (in_reach(facility));
grant select, insert, update on broken_glass to benhan_app;

alter table session add glass text references broken_glass (id);

create function glass_holds(b broken_glass) returns boolean language sql stable as $$
    select b.ended is null and b.ends > now()
$$;

-- A practice licence: by whom and when it was issued, and whether the house asks for one (`Lift.LICENCE`).
alter table account
    add licence_issuer text not null default '',
    add licence_issued date;
alter table facility_rule
    alter lock_minutes drop not null,
    add licence_asked boolean not null default false;

-- The first and the last day are days of it. A house that asks for none is looked up only for who has none.
create function licence_holds(a account) returns boolean language sql stable as $$
    select case
        when a.licence <> '' and coalesce(a.licence_issued <= (now() at time zone 'Asia/Ho_Chi_Minh')::date, true)
            and coalesce(a.licence_ends >= (now() at time zone 'Asia/Ho_Chi_Minh')::date, true) then true
        else not exists (select from facility_rule r where r.facility = a.facility and r.licence_asked) end
$$;

create or replace function session_stamp(s session, a account) returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', s.facility, s.account, s.patient, extract(epoch from s.ends),
        a.name, roles_now(a)::text, a.departments::text, a.practitioner, a.active,
        s.account is null or licence_holds(a),
        case when s.glass is not null then
            (select b.id from broken_glass b where b.id = s.glass and glass_holds(b)) end), 0)
$$;

create or replace function program_stamp(g program_grant, t program_token, c client, a account, s session)
returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', g.id, g.facility, g.patient, t.scopes, c.name, c.scopes,
        session_stamp(s, a), a.name, roles_now(a)::text, a.departments::text, a.practitioner,
        g.account is null or licence_holds(a)), 0)
$$;

-- A program that comes for her carries no broken glass: screens alone do.
drop function holder(bytea, boolean);
create function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               departments text[], practitioner text, patient text, scopes text, lock_minutes int, stamp bigint,
               program text, granted text, launched text, program_grant text,
               licence boolean, glass text, glass_shown text, glass_ends timestamptz)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    if p_client then
        select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
               array['client'] as roles, '{}'::text[] as departments, null::text as practitioner, null::text as patient,
               c.scopes, 0 as lock_minutes, client_stamp(c) as stamp,
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant,
               true as licence, null::text as glass, null::text as glass_shown, null::timestamptz as glass_ends
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
                   null::text as glass, null::text as glass_shown, null::timestamptz as glass_ends
            into found_
            from program_token t join program_grant g on g.id = t.program_grant join client c on c.id = g.client
                join facility f on f.key = g.facility left join account a on a.id = g.account
                left join session s on s.token_hash = g.session
            where t.hash = p_hash and program_holds(g, t, c, a, s);
        end if;
    else
        select s.facility, f.name as facility_name, f.code as facility_code, s.account, coalesce(a.name, '') as name,
               case when s.patient is not null then array['patient'] else roles_now(a) end as roles,
               coalesce(a.departments, '{}') as departments, a.practitioner, s.patient, null::text as scopes,
               coalesce(extract(epoch from s.lock_after)::int / 60, 0) as lock_minutes, session_stamp(s, a) as stamp,
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant,
               s.account is null or licence_holds(a) as licence,
               b.patient as glass, b.shown as glass_shown, b.ends as glass_ends
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
            found_.licence, found_.glass, found_.glass_shown, found_.glass_ends;
    end if;
end $$;
