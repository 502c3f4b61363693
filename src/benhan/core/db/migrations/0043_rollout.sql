-- Which facilities of a Department of Health (Sở Y tế) have gone paperless (benhan.province.rollout, ADR 33).
--
-- `facility` is the Department; what it answers for is a `site`, on this platform or not. An entry is never changed:
-- a correction is another entry that names it. A site's row is what its entries come to, kept in their transaction, so
-- that every view is one question over one row a site.
--
-- Personal data: names and telephones of people in charge (in `facts`), of who wrote an entry, and whatever a
-- photographed paper shows (encrypted). No patients.

create table rollout_site (
    facility int not null,
    id text collate "C" not null,
    code text collate "C",              -- mã cơ sở KCB, 5 characters
    gln text collate "C",               -- 13 digits
    name text not null,
    words text collate "C" not null,    -- what it is found by: folded, each word after a space
    kind text collate "C" not null,
    owner text collate "C" not null,
    level text collate "C" not null,
    province text collate "C" not null, -- of today (since 01/07/2025)
    ward text collate "C" not null,
    closed date,                        -- counts no more from this day on
    facts jsonb not null,
    stage text collate "C" not null,
    stage_on date,
    begun date,                         -- first day of a stage after "not started"
    paperless datemultirange not null,  -- from verified decisions on, as long as they held
    waits boolean not null,             -- a decision waits for its verifier
    due date not null,                  -- by law
    planned date,                       -- when its decision is planned
    delay text collate "C" not null,
    scope text collate "C" not null,
    way text collate "C" not null,
    vendor text not null,
    primary key (facility, id),
    unique (facility, code),
    unique (facility, gln)
);

create sequence rollout_entry_id;
create table rollout_entry (
    facility int not null,
    id bigint not null default nextval('rollout_entry_id'),
    site text collate "C" not null,
    what text collate "C" not null,     -- facts, stage, plan, delay, scope, means, note, verified, returned, withdrawn
    said jsonb not null,
    holds date not null,                -- in force from this day
    at timestamptz not null default now(),
    account text not null,
    name text not null,
    corrects bigint,
    why text not null default '',
    evidence text collate "C",
    primary key (facility, site, id)
);

create table rollout_evidence (
    facility int not null,
    id text collate "C" not null,
    site text collate "C",              -- null: a list that was brought in, about many
    name text not null,
    media text not null,
    body bytea not null,                -- encrypted
    at timestamptz not null default now(),
    account text not null,
    primary key (facility, id)
);

-- What of the Department's work is whose: wards and provinces of an officer, sites of a reporter.
create table rollout_reach (
    facility int not null,
    account text not null,
    areas text[] not null,
    sites text[] not null,
    changed timestamptz not null default now(),
    changed_by text not null,
    primary key (facility, account)
);

do $$
declare name text;
begin
    foreach name in array array['rollout_site', 'rollout_entry', 'rollout_evidence', 'rollout_reach'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
end $$;

grant select, insert, update on rollout_site, rollout_reach to benhan_app;
grant select, insert on rollout_entry, rollout_evidence to benhan_app;
grant usage on sequence rollout_entry_id to benhan_app;
