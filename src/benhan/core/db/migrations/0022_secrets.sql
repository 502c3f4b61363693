-- Keys of the facilities, each wrapped by the master key, which is not here (core/vault). Who serves requests may add a
-- key and changes none: rotation, and encrypting anew, are the owner's (`benhan keys …`).
create table data_key (
    facility int not null,
    id bytea not null,
    purpose text not null check (purpose in ('data', 'index')),
    number int not null,               -- the newest encrypts; every one decrypts
    wrapped bytea not null,
    master text not null,              -- which master key wrapped it
    complete boolean not null default false,  -- of an index key: every record is found by it
    made timestamptz not null default now(),
    primary key (facility, id),
    unique (facility, purpose, number)
);

-- How far a facility's rows have been encrypted with its newest key.
create table encryption (
    facility int primary key,
    key bytea not null,
    part text not null,
    after text not null default '',
    seen bigint not null default 0,
    changed bigint not null default 0,
    began timestamptz not null default now(),
    ended timestamptz
);

do $$
declare name text;
begin
    foreach name in array array['data_key', 'encryption'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
end $$;
grant select, insert on data_key to benhan_app;
grant select on encryption to benhan_app;

-- A body as it is read: where it is encrypted, the row it was found in comes before it (core/store/bodies.py). PostgreSQL
-- writes this into the statement.
create function stored_body(facility int, type smallint, id text, version int, body bytea) returns bytea
language sql stable parallel safe as $$
    select case when substr(body, 1, 1) = '\x01'::bytea
        then '\x02'::bytea || convert_to(facility || '/' || type || '/' || id || '/' || version, 'UTF8') || body
        else body end
$$;

-- What is indexed has changed (rows.py, INDEX_VERSION 2); where there are no records there is nothing to index again.
update search_rules set version = 2 where version < 2 and not exists (select from resource);
