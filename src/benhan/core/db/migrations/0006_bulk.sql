-- Bulk export and import: work that outlives a request (benhan.core.store.export, benhan.core.store.importing).
--
-- A job is cut into parts; a process takes a part by locking its row, does one batch of it and writes result and position
-- in that transaction. Killed, it leaves nothing half done, and another goes on: nothing is repeated, nothing left out.
-- What an export has found lies here too, packed, until it expires: every process can serve it, and it stands behind the
-- same wall as the records.

create table bulk_job (
    id text collate "C" primary key,      -- random: whoever knows it may only ask; account and facility are checked
    facility int not null,
    kind text not null check (kind in ('export', 'import')),
    account text not null,
    subject jsonb not null,               -- who asked, with the rights of that moment
    request text not null,                -- address of the kick-off
    asked jsonb not null,                 -- what was asked, understood
    state text not null default 'waiting' check (state in ('waiting', 'working', 'done', 'failed')),
    moment timestamptz not null,          -- an export shows the records as they were at this moment
    settled xid8,                         -- once no older transaction runs, nothing can be written before that moment
    started timestamptz not null default now(),
    ended timestamptz,
    expires timestamptz,
    error text
);
create index bulk_job_open on bulk_job (started) where state in ('waiting', 'working');

create table bulk_part (
    job text collate "C" not null references bulk_job on delete cascade,
    part int not null,
    facility int not null,
    type smallint,                        -- the records of an export
    source text,                          -- the address of an import
    after text collate "C" not null default '',   -- behind this position the next batch begins
    total bigint not null default 0,      -- what there is to do, as counted at the start
    seen bigint not null default 0,
    count bigint not null default 0,      -- records written to the files, or to the store
    failures int not null default 0,
    done timestamptz,
    primary key (job, part)
);
create index bulk_part_open on bulk_part (job, part) where done is null;

-- NDJSON, deflated: the pieces of a file one after another, with a gzip header, `crc` and `size` of the last one, are a
-- gzip file of one member (many clients read no more than the first).
create table bulk_chunk (
    job text collate "C" not null,
    part int not null,
    n int not null,
    facility int not null,
    lines int not null,
    crc bigint not null,                  -- CRC-32 of the file up to here
    size bigint not null,                 -- its bytes up to here, unpacked
    body bytea not null,
    primary key (job, part, n),
    foreign key (job, part) references bulk_part on delete cascade
);
alter table bulk_chunk alter column body set storage external;  -- packed already

do $$
declare name text;
begin
    foreach name in array array['bulk_job', 'bulk_part', 'bulk_chunk'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
end $$;
grant select, insert, update, delete on bulk_job, bulk_part, bulk_chunk to benhan_app;
