-- Subscriptions: who wants to hear of what, which events there were, and which of them still have to be delivered.
-- Expands only: the program before this one does not know these tables.

-- A program of one facility reads only its own changes, however many others there are (api/changes.py).
create index feed_of_facility on feed (facility, xid, seq);

-- Beside the Subscription resource, what the server works by. `plan` is what was read from it when it was accepted.
create table subscription (
    facility int not null,
    id text collate "C" not null,
    owner text not null,                       -- the account whose rights decide what is delivered
    channel text not null,                     -- rest-hook, websocket
    plan bytea not null,                       -- what was read from it (store/subscriptions/plan.py), as JSON
    status text not null default 'requested',  -- requested, active, error, off
    shaken boolean not null default false,     -- the endpoint has answered the handshake (or needs none)
    born pg_snapshot not null default pg_current_snapshot(),  -- what was committed before is not told
    heartbeat int,                             -- seconds
    ends timestamptz,
    events bigint not null default 0,          -- number of the last event
    tries int not null default 0,              -- failures in a row
    given_up int not null default 0,           -- events given up in a row
    next_try timestamptz not null default now(),
    claim text,                                -- the deliverer at work on it, until:
    claimed timestamptz,
    sent timestamptz not null default now(),   -- the last notification that arrived
    error text,
    primary key (facility, id)
) with (fillfactor = 70);

-- One event of one subscription. Numbers are the order of delivery; a version of a record is told once.
create table delivery (
    facility int not null,
    subscription text collate "C" not null,
    number bigint not null,
    type smallint not null,
    id text collate "C" not null,
    version int not null,
    action "char" not null,
    patient text collate "C",
    at timestamptz not null,                   -- of the change
    state "char" not null default 'w',         -- w waits, d delivered, x given up: the dead letters, o dropped
    tries int not null default 0,
    done timestamptz,
    error text,
    primary key (facility, subscription, number),
    unique (facility, subscription, type, id, version),
    foreign key (facility, subscription) references subscription (facility, id) on delete cascade
) with (fillfactor = 80);
create index delivery_waiting on delivery (facility, subscription, number) where state = 'w';
create index delivery_dead on delivery (facility, subscription, number) where state = 'x';
create index delivery_done on delivery (done) where state in ('d', 'o');

-- A websocket shows one of these instead of the bearer token.
create table socket_token (
    token_hash bytea primary key,
    facility int not null,
    account text not null,
    subscriptions text[] not null,
    ends timestamptz not null
);

do $$
declare name text;
begin
    foreach name in array array['subscription', 'delivery', 'socket_token'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
end $$;
grant select, insert, update, delete on subscription, delivery, socket_token to benhan_app;

-- Nothing before this moment is told to anybody.
insert into feed_reader (name, xid, seq) values ('subscriptions',
    (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text::xid8, 9223372036854775807);
