-- What a Department of Health looks at beside the count of its facilities (benhan.province.rollout, ADR 35): prices, waves,
-- tasks and reminders in the row of a site; long lists, brought in by a process beside the requests.
--
-- Personal data: who a task is for, as its writer put it (in `tasks`); a list that waits is encrypted, and emptied once
-- it was brought in (it is kept as evidence then).

alter table rollout_site
    add column wave text collate "C" not null default '',  -- in which wave (đợt) it is to go paperless
    add column price bigint,                               -- đồng, of the whole term
    add column months int,                                 -- the term
    add column tasks jsonb not null default '[]',          -- open ones: id, task, whom, until
    add column task_due date,                              -- the earliest `until` of them
    add column unread int not null default 0,              -- reminders that its reporter has not confirmed
    add column reminded date,                              -- the last reminder
    add column visited date;                               -- the last visit

-- Prices that were said before: of each site the last that counts.
update rollout_site s set price = (e.said->>'price')::bigint, months = (e.said->>'months')::int
from (
    select distinct on (facility, site) facility, site, said from rollout_entry one
    where what = 'means' and not exists (
        select from rollout_entry other where other.facility = one.facility and other.site = one.site
            and other.corrects = one.id)
    order by facility, site, holds desc, id desc
) e
where (s.facility, s.id) = (e.facility, e.site);

create table rollout_import (
    facility int not null,
    id text collate "C" not null,
    account text not null,
    subject jsonb not null,             -- who asked for it, as access knew her
    name text not null,                 -- of the file
    body bytea not null,                -- encrypted
    verified boolean not null,
    state text collate "C" not null default 'waiting', -- waiting, done, failed
    result jsonb,                       -- how many were new, changed, left out; or what was wrong
    at timestamptz not null default now(),
    ended timestamptz,
    primary key (facility, id)
);
create index rollout_import_waiting on rollout_import (at) where state = 'waiting';

-- How far it is. Apart, because the process that brings it in holds its row until all of it is written.
create table rollout_import_step (
    facility int not null,
    id text collate "C" not null,
    step int not null,
    done int not null,
    whole int not null,
    primary key (facility, id)
);

-- The second wall, asked once a statement instead of once a row (0010): of these tables and of those of 0043.
do $$
declare
    name text;
    reached constant text := '(facility = (select reach_of()) or (select reach_of()) = -1)';
begin
    foreach name in array array['rollout_import', 'rollout_import_step'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (%s) with check (%s)', name, reached, reached);
    end loop;
    foreach name in array array['rollout_site', 'rollout_entry', 'rollout_evidence', 'rollout_reach'] loop
        execute format('alter policy write on %I using (%s) with check (%s)', name, reached, reached);
    end loop;
end $$;

-- A list is read by name, page after page; tasks by their day.
create index rollout_site_words on rollout_site (facility, words, id);
create index rollout_site_task_due on rollout_site (facility, task_due, id) where task_due is not null;

grant select, insert, update on rollout_import, rollout_import_step to benhan_app;
