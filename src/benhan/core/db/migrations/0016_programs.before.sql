-- Programs of other software (SMART App Launch 2.2): how they are registered, what somebody granted them, and the codes
-- and tokens that come of a grant. A token opens by its hash, in the statement that verifies every request (ADR 0007),
-- so what is cut off, ended or narrowed holds from the next request on (ADR 0012).

alter table client
    alter column token_hash drop not null,                        -- keys or PKCE instead of a lasting token
    add id text not null unique default replace(gen_random_uuid()::text, '-', ''),   -- the OAuth client_id
    add kind text not null default 'token' check (kind in ('token', 'public', 'key', 'backend')),
    add redirects text[] not null default '{}',                   -- compared letter by letter
    add launch_url text not null default '',
    add keys text not null default '',                            -- JWKS
    add keys_url text not null default '',                        -- or where it lies
    add made_by text not null default '';

-- What somebody allowed a program (or its registration, where it comes for itself). Everything that was issued hangs on
-- it: cutting it off cuts the whole family. It goes with the session that made it, unless it may outlive it.
create table program_grant (
    id text primary key,
    facility int not null,
    client text not null references client (id),
    account text references account (id),
    herself text,                                                 -- the patient who allowed it
    session bytea references session (token_hash) on update cascade on delete cascade,
    scopes text not null,
    patient text,                                                 -- the patient it was started for
    encounter text,
    made timestamptz not null default now(),
    used timestamptz not null default now(),
    ends timestamptz not null,
    cut timestamptz,
    cut_why text
);
create index program_grant_client on program_grant (client, made);
create index program_grant_session on program_grant (session);
create table program_token (
    hash bytea primary key,
    facility int not null,
    program_grant text not null references program_grant (id) on delete cascade,
    kind text not null check (kind in ('code', 'access', 'refresh')),
    scopes text not null,
    made timestamptz not null default now(),
    ends timestamptz not null,
    used timestamptz,                                             -- codes and refresh tokens: once
    redirect text,                                                -- of a code: where it was sent, what proves its owner
    challenge text,
    nonce text
);
create index program_token_grant on program_token (program_grant);
create index program_token_ends on program_token (ends);
create table program_launch (
    hash bytea primary key,
    facility int not null,
    client text not null references client (id),
    session bytea not null references session (token_hash) on update cascade on delete cascade,
    patient text not null,
    encounter text,
    ends timestamptz not null
);
-- Signed assertions that were taken: none is taken twice.
create table program_assertion (
    client text not null references client (id),
    jti_hash bytea not null,
    facility int not null,
    ends timestamptz not null,
    primary key (facility, client, jti_hash)
);
create index program_assertion_ends on program_assertion (ends);
-- Keys that sign what we say of a person to a program (id_token). They belong to the platform (facility 0).
create table signing_key (
    id text primary key,
    facility int not null default 0,
    private_key text not null,
    public_key text not null,
    made timestamptz not null default now()
);

do $$
declare name text;
begin
    foreach name in array array['program_grant', 'program_token', 'program_launch', 'program_assertion', 'signing_key']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;

-- What a token's holder is read from: who she is, what was granted, what the registration still allows.
create function program_stamp(g program_grant, t program_token, c client, a account, s session) returns bigint
language sql stable as $$
    select hashtextextended(concat_ws('|', g.id, g.facility, g.patient, t.scopes, c.name, c.scopes,
        session_stamp(s, a), a.name, roles_now(a)::text, a.departments::text, a.practitioner), 0)
$$;
-- A locked screen, an ended session, a stopped account, hours that are over: the program has nobody to come for.
create function program_stands(g program_grant, c client, a account, s session) returns boolean
language sql stable as $$
    select g.ends > now() and g.cut is null and c.revoked is null
        and (g.account is null or a.active and within_hours(a.days, a.opens, a.closes, now()))
        and (g.session is null or session_holds(s, a))
$$;
create function program_holds(g program_grant, t program_token, c client, a account, s session) returns boolean
language sql stable as $$
    select t.kind = 'access' and t.ends > now() and program_stands(g, c, a, s)
$$;

drop function holder(bytea, boolean);
create function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               departments text[], practitioner text, patient text, scopes text, lock_minutes int, stamp bigint,
               program text, granted text, launched text, program_grant text)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    if p_client then
        select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
               array['client'] as roles, '{}'::text[] as departments, null::text as practitioner, null::text as patient,
               c.scopes, 0 as lock_minutes, client_stamp(c) as stamp,
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant
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
                   t.scopes as granted, g.patient as launched, g.id as program_grant
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
               null::text as program, null::text as granted, null::text as launched, null::text as program_grant
        into found_
        from session s join facility f on f.key = s.facility left join account a on a.id = s.account
        where s.token_hash = p_hash and session_holds(s, a);
    end if;
    perform set_config('app.facility', coalesce(found_.facility::text, ''), true);
    if found_.facility is not null then
        return query select found_.facility, found_.facility_name, found_.facility_code, found_.account, found_.name,
            found_.roles, found_.departments, found_.practitioner, found_.patient, found_.scopes,
            found_.lock_minutes, found_.stamp, found_.program, found_.granted, found_.launched, found_.program_grant;
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
    if facility_ is null then
        select g.facility into facility_
        from program_token t join program_grant g on g.id = t.program_grant join client c on c.id = g.client
            left join account a on a.id = g.account left join session s on s.token_hash = g.session
        where t.hash = p_hash and program_holds(g, t, c, a, s) and program_stamp(g, t, c, a, s) = p_stamp;
    end if;
    perform set_config('app.facility', coalesce(facility_::text, ''), true);
    if facility_ is null then
        raise exception using errcode = 'BH401', message = 'the holder of this token is not who she was';
    end if;
    return null;
end $$;
