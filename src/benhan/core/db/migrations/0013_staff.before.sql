-- Accounts of staff: invited, of several roles and departments, within hours, with grants that end by themselves.
-- Everything that decides who a caller is stands in `session_stamp` or `session_holds`, so it holds from her next
-- request on (ADR 0007), with no further statement.

alter table account
    alter column password_hash drop not null,           -- invited, and no password chosen yet
    add short_password boolean not null default false,  -- fewer than 14 characters: only beside a second factor
    add departments text[] not null default '{}',       -- ids of Organization
    add licence text not null default '',
    add licence_scope text not null default '',
    add licence_ends date,
    add days int not null default 127,                  -- days of the week she may work on: bit 0 is Monday
    add opens time,                                     -- from, to (Asia/Ho_Chi_Minh); null: all day
    add closes time,
    add used timestamptz not null default now(),        -- her last sign-in
    add stopped text,                                   -- why she is not active
    add reviewed date,
    add grants_end timestamptz;                         -- when the last of her grants ends

create table account_grant (
    id text primary key,
    facility int not null,
    account text not null references account (id),
    role text not null,
    purpose text not null,
    starts timestamptz not null,
    ends timestamptz not null,
    made_by text not null,
    made timestamptz not null default now(),
    check (starts < ends)
);
create index account_grant_account on account_grant (account);
create table invitation (
    token_hash bytea primary key,
    facility int not null,
    account text not null references account (id),
    made_by text not null,
    ends timestamptz not null
);
create index invitation_account on invitation (account);

alter table session
    add device text not null default '',
    add place text not null default '',
    add idle interval,                                  -- ends when nothing was asked for so long
    add locked timestamptz,                             -- covered by its holder; it holds for nobody meanwhile
    add lock_after interval;                            -- covered when nothing was asked for so long; null: never
create index session_account on session (account);
create index audit_sign_in on audit (facility, account, seq desc) where action = 'sign-in';

-- Wrong passwords, codes and so on, by what was tried: a login (whether there is one or not), an address. It holds no
-- record and belongs to no facility: who is at the door is not known yet.
create table back_off (
    what text collate "C" primary key,
    failures int not null,
    first timestamptz not null default now(),
    until timestamptz
);
grant select, insert, update, delete on back_off to benhan_app;

do $$
declare name text;
begin
    foreach name in array array['account_grant', 'invitation'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;

-- Days and hours are those of Vietnam; hours past midnight belong to the day on which they began.
create function within_hours(days int, opens time, closes time, at timestamptz) returns boolean
language sql immutable parallel safe as $$
    select case
        when days = 127 and opens is null then true
        when opens is null then days >> (extract(isodow from at at time zone 'Asia/Ho_Chi_Minh')::int - 1) & 1 = 1
        when opens < closes then days >> (extract(isodow from at at time zone 'Asia/Ho_Chi_Minh')::int - 1) & 1 = 1
            and (at at time zone 'Asia/Ho_Chi_Minh')::time >= opens and (at at time zone 'Asia/Ho_Chi_Minh')::time < closes
        when (at at time zone 'Asia/Ho_Chi_Minh')::time >= opens
            then days >> (extract(isodow from at at time zone 'Asia/Ho_Chi_Minh')::int - 1) & 1 = 1
        else (at at time zone 'Asia/Ho_Chi_Minh')::time < closes
            and days >> (extract(isodow from at at time zone 'Asia/Ho_Chi_Minh' - interval '1 day')::int - 1) & 1 = 1
    end
$$;

create function roles_at(a account, at timestamptz) returns text[] language sql stable as $$
    select case when a.grants_end is null or a.grants_end <= at then a.roles else (
        select coalesce(array_agg(distinct one.role order by one.role), '{}') from (
            select unnest(a.roles) as role
            union all
            select g.role from account_grant g where g.account = a.id and g.starts <= at and g.ends > at
        ) one) end
$$;

-- The same now, for whoever is verified: PostgreSQL writes this one into the statement, and calls the other only for
-- somebody who has grants.
create function roles_now(a account) returns text[] language sql stable as $$
    select case when a.grants_end is null or a.grants_end <= now() then a.roles else roles_at(a, now()) end
$$;

create function session_locked(s session) returns boolean language sql stable as $$
    select s.locked is not null or (s.lock_after is not null and s.seen <= now() - s.lock_after)
$$;

-- Whether it would hold, were it not locked.
create function session_stands(s session, a account) returns boolean language sql stable as $$
    select s.ends > now() and (s.idle is null or s.seen > now() - s.idle)
        and (s.account is null or a.active and within_hours(a.days, a.opens, a.closes, now()))
$$;
create function session_holds(s session, a account) returns boolean language sql stable as $$
    select session_stands(s, a) and not session_locked(s)
$$;

create or replace function session_stamp(s session, a account) returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', s.facility, s.account, s.patient, extract(epoch from s.ends),
        a.name, roles_now(a)::text, a.departments::text, a.practitioner, a.active), 0)
$$;

drop function holder(bytea, boolean);
create function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               departments text[], practitioner text, patient text, scopes text, lock_minutes int, stamp bigint)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
           array['client'] as roles, '{}'::text[] as departments, null::text as practitioner, null::text as patient,
           c.scopes, 0 as lock_minutes, client_stamp(c) as stamp
    into found_
    from client c join facility f on f.key = c.facility
    where p_client and c.token_hash = p_hash and c.revoked is null;
    if not p_client then
        select s.facility, f.name as facility_name, f.code as facility_code, s.account, coalesce(a.name, '') as name,
               case when s.patient is not null then array['patient'] else roles_now(a) end as roles,
               coalesce(a.departments, '{}') as departments, a.practitioner, s.patient, null::text as scopes,
               coalesce(extract(epoch from s.lock_after)::int / 60, 0) as lock_minutes, session_stamp(s, a) as stamp
        into found_
        from session s join facility f on f.key = s.facility left join account a on a.id = s.account
        where s.token_hash = p_hash and session_holds(s, a);
    end if;
    perform set_config('app.facility', coalesce(found_.facility::text, ''), true);
    if found_.facility is not null then
        return query select found_.facility, found_.facility_name, found_.facility_code, found_.account, found_.name,
            found_.roles, found_.departments, found_.practitioner, found_.patient, found_.scopes,
            found_.lock_minutes, found_.stamp;
    end if;
end $$;

create or replace function enter(p_hash bytea, p_stamp bigint) returns bigint language plpgsql as $$
declare facility_ int; seen_ timestamptz;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility into facility_ from client c
    where c.token_hash = p_hash and c.revoked is null and client_stamp(c) = p_stamp;
    if facility_ is null then
        select s.facility, s.seen into facility_, seen_ from session s left join account a on a.id = s.account
        where s.token_hash = p_hash and session_holds(s, a) and session_stamp(s, a) = p_stamp;
        if seen_ < now() - interval '1 minute' then
            update session set seen = now() where token_hash = p_hash;
        end if;
    end if;
    perform set_config('app.facility', coalesce(facility_::text, ''), true);
    if facility_ is null then
        raise exception using errcode = 'BH401', message = 'the holder of this token is not who she was';
    end if;
    return null;
end $$;
