-- What an Official Account hears, and conversations with it (patient/oa: events, talk). An event is kept before it is
-- dealt with, once for what Zalo calls it; what it said is gone when it is dealt with.
create table oa_event (
    facility int not null,                              -- 0: of the Mini App
    id text not null,
    name text not null,
    body text,                                          -- encrypted; null when it was dealt with
    came timestamptz not null default now(),
    next timestamptz default now(),                     -- null: dealt with
    tries int not null default 0,
    primary key (facility, id)
);
create index oa_event_next on oa_event (next) where next is not null;
-- A conversation: the program answers, until it is handed over to staff.
create table oa_talk (
    facility int not null,
    oa_user text not null,
    handed timestamptz,                                 -- since when it waits for staff; null: the program answers
    last timestamptz not null default now(),
    primary key (facility, oa_user)
);
create table oa_line (
    facility int not null,
    id text not null,
    oa_user text not null,
    at timestamptz not null default now(),
    by text not null,                                   -- user, program, or an account of staff
    text text not null,                                 -- encrypted
    next timestamptz,                                   -- when it is to be sent; null: it was, or never is
    trouble text not null default '',
    primary key (facility, id)
);
create index oa_line_of on oa_line (facility, oa_user, at);
create index oa_line_next on oa_line (next) where next is not null;
alter table oa_connection add hours text not null default '';

do $$
declare name text;
begin
    foreach name in array array['oa_event', 'oa_talk', 'oa_line'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
