-- The record store, the people who may use it, and the proof of what they did.
--
-- Two roles: the owner of these tables (migrations), and benhan_app (requests), which owns nothing and cannot
-- bypass row-level security. Every table is bound to a facility: `app.facility` is SET LOCAL by the transaction;
-- -1 reaches the whole platform (signing in, the change feed). Rows of facility 0 are reference data, read by all.
-- Index columns are int, bigint, text "C" and timestamptz only: their comparisons are leakproof, so PostgreSQL may
-- use an index before it applies the policy.

create table migration (name text primary key, applied timestamptz not null default now());

do $$ begin
    if not exists (select from pg_roles where rolname = 'benhan_app') then
        create role benhan_app login nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
end $$;

create table facility (
    key int primary key,
    code text not null unique,
    name text not null,
    province text not null default '',
    created timestamptz not null default now()
);
insert into facility (key, code, name) values (0, '00000', 'Nền tảng');

-- ── Records ────────────────────────────────────────────────────────────────────────────────────────────────────
create table resource (
    key bigint generated always as identity primary key,
    facility int not null,
    type smallint not null,
    id text collate "C" not null,
    version int not null,
    updated timestamptz not null,
    patient text collate "C",          -- the Patient whose compartment this is in
    body bytea,                        -- the bytes to send; null once deleted
    unique (facility, type, id)
) with (fillfactor = 85);
create index resource_recent on resource (facility, type, updated desc, key desc);
create index resource_patient on resource (facility, patient, type, updated desc) where patient is not null;

create table history (
    facility int not null,
    type smallint not null,
    id text collate "C" not null,
    version int not null,
    updated timestamptz not null,
    action "char" not null,            -- c created, u updated, d deleted
    account text not null,
    body bytea,
    primary key (facility, type, id, version)
);

-- Search index: one row per value. hash = 64 bits of "system|code", of "code", or of "Type/id" for a reference.
create table token (facility int not null, param smallint not null, hash bigint not null, rid bigint not null);
create index token_value on token (facility, param, hash, rid desc);
create index token_rid on token (rid);

-- word: one folded word; whole: all words of that value, for a query of several words.
create table word (
    facility int not null, param smallint not null, word text collate "C" not null, rid bigint not null,
    whole text collate "C" not null
);
create index word_value on word (facility, param, word, rid desc) include (whole);
create index word_rid on word (rid);

-- Half-open span of a date, [lo, hi).
create table span (
    facility int not null, param smallint not null, lo timestamptz not null, hi timestamptz not null, rid bigint not null
);
create index span_lo on span (facility, param, lo desc, rid desc) include (hi);
create index span_hi on span (facility, param, hi desc, rid desc) include (lo);
create index span_rid on span (rid);

-- What may exist once in a facility: an identifier, the booking of a slot, the visit of a booking.
create table once (facility int not null, what text collate "C" not null, rid bigint not null, primary key (facility, what));
create index once_rid on once (rid);

-- Gapless numbers, one row a series.
create table series (facility int not null, name text not null, value bigint not null, primary key (facility, name));

-- ── The change feed ────────────────────────────────────────────────────────────────────────────────────────────
-- Read in the order (xid, seq) and only below the oldest transaction still running: a lower number cannot
-- then commit later.
create table feed (
    seq bigint generated always as identity,
    xid xid8 not null default pg_current_xact_id(),
    facility int not null,
    type smallint not null,
    id text collate "C" not null,
    version int not null,
    action "char" not null,
    patient text collate "C",
    at timestamptz not null default clock_timestamp(),
    primary key (seq)
);
create index feed_order on feed (xid, seq);
create table feed_reader (
    name text primary key,
    xid xid8 not null default '0',
    seq bigint not null default 0,
    at timestamptz not null default now()
);

-- ── Audit ──────────────────────────────────────────────────────────────────────────────────────────────────────
create table audit (
    facility int not null,
    seq bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    account text not null,
    session text,
    action text not null,
    type text,
    id text,
    patient text,
    allowed boolean not null,
    rule text not null,
    detail text not null default '',
    primary key (facility, seq)
);
create index audit_patient on audit (facility, patient, seq desc) where patient is not null;

-- ── Accounts ───────────────────────────────────────────────────────────────────────────────────────────────────
create table account (
    id text primary key,
    facility int not null,
    login text not null unique,
    password_hash text not null,
    name text not null,
    roles text[] not null,
    practitioner text,
    active boolean not null default true,
    failures int not null default 0,
    locked_until timestamptz,
    created timestamptz not null default now()
);
create table session (
    token_hash bytea primary key,
    facility int not null,
    account text references account (id),
    patient text,                      -- a person looking at her own record
    started timestamptz not null default now(),
    seen timestamptz not null default now(),
    ends timestamptz not null
);
create table client (
    name text not null,
    facility int not null,
    token_hash bytea not null unique,
    scopes text not null,
    created timestamptz not null default now(),
    revoked timestamptz,
    primary key (facility, name)
);
create table personal_link (
    token_hash bytea primary key,
    facility int not null,
    patient text not null,
    failures int not null default 0,
    locked_until timestamptz,
    ends timestamptz not null
);

-- ── The second wall ────────────────────────────────────────────────────────────────────────────────────────────
create function in_reach(facility int) returns boolean language sql stable parallel safe as $$
    select facility = nullif(current_setting('app.facility', true), '')::int
        or nullif(current_setting('app.facility', true), '')::int = -1
$$;

do $$
declare name text;
begin
    foreach name in array array['resource', 'history', 'token', 'word', 'span', 'once', 'series', 'feed', 'audit',
                                'account', 'session', 'client', 'personal_link'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
    foreach name in array array['resource', 'history', 'token', 'word', 'span'] loop
        execute format('create policy reference on %I for select using (facility = 0)', name);
    end loop;
end $$;

grant usage on schema public to benhan_app;
grant select on facility, migration to benhan_app;
grant select, insert, update, delete on resource, token, word, span, once, series, feed_reader,
    account, session, client, personal_link to benhan_app;
grant select, insert on history, audit, feed to benhan_app;

-- ── One round trip a write ─────────────────────────────────────────────────────────────────────────────────────
-- Row, history, index, uniqueness, feed. `expected` is the version this write replaces (0: none yet); a row that
-- has moved on meanwhile gives null, and the caller refuses with a version conflict.
create function put(
    p_facility int, p_type smallint, p_id text, p_expected int, p_updated timestamptz, p_patient text,
    p_body bytea, p_action "char", p_account text,
    token_param smallint[], token_hash bigint[],
    word_param smallint[], word_word text[], word_whole text[],
    span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    once_what text[]
) returns bigint language plpgsql as $$
declare
    rid_ bigint;
    taken text;
begin
    if p_expected = 0 then
        insert into resource (facility, type, id, version, updated, patient, body)
        values (p_facility, p_type, p_id, 1, p_updated, p_patient, p_body)
        on conflict (facility, type, id) do nothing
        returning key into rid_;
        if rid_ is null then return null; end if;
    else
        update resource set version = p_expected + 1, updated = p_updated, patient = p_patient, body = p_body
        where facility = p_facility and type = p_type and id = p_id and version = p_expected
        returning key into rid_;
        if rid_ is null then return null; end if;
        delete from token where rid = rid_;
        delete from word where rid = rid_;
        delete from span where rid = rid_;
        delete from once where rid = rid_;
    end if;
    -- Whoever holds one of these already wins; a concurrent holder is waited for.
    with mine as (
        insert into once select p_facility, what, rid_ from unnest(once_what) what
        on conflict do nothing returning what
    )
    select what into taken from unnest(once_what) what where what not in (select what from mine) limit 1;
    if taken is not null then
        raise exception using errcode = 'BH409', message = taken;
    end if;
    insert into token select p_facility, p, h, rid_ from unnest(token_param, token_hash) t(p, h);
    insert into word select p_facility, p, w, rid_, a from unnest(word_param, word_word, word_whole) t(p, w, a);
    insert into span select p_facility, p, l, h, rid_ from unnest(span_param, span_lo, span_hi) t(p, l, h);
    insert into history values (p_facility, p_type, p_id, p_expected + 1, p_updated, p_action, p_account, p_body);
    insert into feed (facility, type, id, version, action, patient)
    values (p_facility, p_type, p_id, p_expected + 1, p_action, p_patient);
    return rid_;
end $$;

-- ── Who is asking ──────────────────────────────────────────────────────────────────────────────────────────────
-- One round trip: find the holder of a token anywhere on the platform, then bind the transaction to her facility.
-- No row: nobody; the transaction then reaches nothing.
create function open_session(p_hash bytea)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               practitioner text, patient text, scopes text)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    select s.facility, f.name as facility_name, f.code as facility_code, s.account, coalesce(a.name, '') as name,
           case when s.patient is not null then array['patient'] else a.roles end as roles,
           a.practitioner, s.patient, s.seen
    into found_
    from session s join facility f on f.key = s.facility left join account a on a.id = s.account
    where s.token_hash = p_hash and s.ends > now() and coalesce(a.active, true);
    if found_ is null then
        perform set_config('app.facility', '', true);
        return;
    end if;
    if found_.seen < now() - interval '1 minute' then
        update session set seen = now() where token_hash = p_hash;
    end if;
    perform set_config('app.facility', found_.facility::text, true);
    return query select found_.facility, found_.facility_name, found_.facility_code, found_.account, found_.name,
        found_.roles, found_.practitioner, found_.patient, null::text;
end $$;

create function open_client(p_hash bytea)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               practitioner text, patient text, scopes text)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility, f.name as facility_name, f.code as facility_code, c.name, c.scopes into found_
    from client c join facility f on f.key = c.facility
    where c.token_hash = p_hash and c.revoked is null;
    if found_ is null then
        perform set_config('app.facility', '', true);
        return;
    end if;
    perform set_config('app.facility', found_.facility::text, true);
    return query select found_.facility, found_.facility_name, found_.facility_code, 'client:' || found_.name,
        found_.name, array['client'], null::text, null::text, found_.scopes;
end $$;
