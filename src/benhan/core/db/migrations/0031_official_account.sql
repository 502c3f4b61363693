-- The Official Account of a facility at Zalo (patient/oa): its tokens, encrypted, and where a way of sending rests.
create table oa_connection (
    facility int primary key,
    oa text not null,                                   -- its id at Zalo; events name it
    name text not null,
    access text not null,
    access_ends timestamptz not null,
    refresh text not null,                              -- good for one use
    refreshing timestamptz,                             -- since when its answer is out; null: none is
    trouble text not null default '',                   -- why it has to be connected again
    templates jsonb not null default '{}',              -- kind of message → approved template
    connected timestamptz not null default now(),
    connected_by text not null
);
create index oa_connection_oa on oa_connection (oa);
-- A way by which nothing leaves for a while: all of it, or one kind of message (quota, balance, template).
create table oa_rest (
    facility int not null,
    road text not null,
    kind text not null,                                 -- empty: every kind
    until timestamptz not null,
    why text not null,
    primary key (facility, road, kind)
);
-- Who met an Official Account: her id there, which of our app is hers too. Nothing else of her is kept.
create table oa_user (
    facility int not null,
    id text not null,
    by_app text not null default '',
    follows boolean not null default false,
    spoke timestamptz,                                  -- when she last did something that lets it answer
    primary key (facility, id)
);
create index oa_user_app on oa_user (facility, by_app) where by_app <> '';

do $$
declare name text;
begin
    foreach name in array array['oa_connection', 'oa_rest', 'oa_user'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
